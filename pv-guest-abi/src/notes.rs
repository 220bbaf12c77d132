//! Macros by which a kernel describes itself: ELF notes and the hypercall page (feature `guest`).

/// Writes the kernel's ELF notes.
///
/// Each line is the name of a note without `XEN_ELFNOTE_` and its value: a function for `ENTRY`, a static for
/// `HYPERCALL_PAGE`, a string literal or a constant number for the others, as [`elfnote`](crate::elfnote) says.
///
/// ```no_run
/// # #[unsafe(no_mangle)] extern "C" fn start() -> ! { loop {} }
/// pv_guest_abi::elf_notes! {
///     XEN_VERSION: "xen-3.0",
///     GUEST_OS: "example",
///     LOADER: "generic",
///     VIRT_BASE: 0xffff_ffff_8000_0000u64,
///     FEATURES: "!writable_page_tables|pae_pgdir_above_4gb",
///     ENTRY: start,
/// }
/// # fn main() {}
/// ```
///
/// The kernel must be linked at fixed addresses (no position-independent executable).
#[macro_export]
macro_rules! elf_notes {
    () => {};
    (ENTRY: $value:path $(, $($rest:tt)*)?) => {
        $crate::elf_notes!(@address ENTRY, $crate::elfnote::XEN_ELFNOTE_ENTRY, $value);
        $($crate::elf_notes! { $($rest)* })?
    };
    (HYPERCALL_PAGE: $value:path $(, $($rest:tt)*)?) => {
        $crate::elf_notes!(@address HYPERCALL_PAGE, $crate::elfnote::XEN_ELFNOTE_HYPERCALL_PAGE, $value);
        $($crate::elf_notes! { $($rest)* })?
    };
    (INFO: $value:literal $(, $($rest:tt)*)?) => {
        $crate::elf_notes!(@string $crate::elfnote::XEN_ELFNOTE_INFO, $value);
        $($crate::elf_notes! { $($rest)* })?
    };
    (XEN_VERSION: $value:literal $(, $($rest:tt)*)?) => {
        $crate::elf_notes!(@string $crate::elfnote::XEN_ELFNOTE_XEN_VERSION, $value);
        $($crate::elf_notes! { $($rest)* })?
    };
    (GUEST_OS: $value:literal $(, $($rest:tt)*)?) => {
        $crate::elf_notes!(@string $crate::elfnote::XEN_ELFNOTE_GUEST_OS, $value);
        $($crate::elf_notes! { $($rest)* })?
    };
    (GUEST_VERSION: $value:literal $(, $($rest:tt)*)?) => {
        $crate::elf_notes!(@string $crate::elfnote::XEN_ELFNOTE_GUEST_VERSION, $value);
        $($crate::elf_notes! { $($rest)* })?
    };
    (LOADER: $value:literal $(, $($rest:tt)*)?) => {
        $crate::elf_notes!(@string $crate::elfnote::XEN_ELFNOTE_LOADER, $value);
        $($crate::elf_notes! { $($rest)* })?
    };
    (PAE_MODE: $value:literal $(, $($rest:tt)*)?) => {
        $crate::elf_notes!(@string $crate::elfnote::XEN_ELFNOTE_PAE_MODE, $value);
        $($crate::elf_notes! { $($rest)* })?
    };
    (FEATURES: $value:literal $(, $($rest:tt)*)?) => {
        $crate::elf_notes!(@string $crate::elfnote::XEN_ELFNOTE_FEATURES, $value);
        $($crate::elf_notes! { $($rest)* })?
    };
    (BSD_SYMTAB: $value:literal $(, $($rest:tt)*)?) => {
        $crate::elf_notes!(@string $crate::elfnote::XEN_ELFNOTE_BSD_SYMTAB, $value);
        $($crate::elf_notes! { $($rest)* })?
    };
    (VIRT_BASE: $value:expr $(, $($rest:tt)*)?) => {
        $crate::elf_notes!(@number $crate::elfnote::XEN_ELFNOTE_VIRT_BASE, $value);
        $($crate::elf_notes! { $($rest)* })?
    };
    (PADDR_OFFSET: $value:expr $(, $($rest:tt)*)?) => {
        $crate::elf_notes!(@number $crate::elfnote::XEN_ELFNOTE_PADDR_OFFSET, $value);
        $($crate::elf_notes! { $($rest)* })?
    };
    (HV_START_LOW: $value:expr $(, $($rest:tt)*)?) => {
        $crate::elf_notes!(@number $crate::elfnote::XEN_ELFNOTE_HV_START_LOW, $value);
        $($crate::elf_notes! { $($rest)* })?
    };
    (SUSPEND_CANCEL: $value:expr $(, $($rest:tt)*)?) => {
        $crate::elf_notes!(@number $crate::elfnote::XEN_ELFNOTE_SUSPEND_CANCEL, $value);
        $($crate::elf_notes! { $($rest)* })?
    };
    (INIT_P2M: $value:expr $(, $($rest:tt)*)?) => {
        $crate::elf_notes!(@number $crate::elfnote::XEN_ELFNOTE_INIT_P2M, $value);
        $($crate::elf_notes! { $($rest)* })?
    };
    (MOD_START_PFN: $value:expr $(, $($rest:tt)*)?) => {
        $crate::elf_notes!(@number $crate::elfnote::XEN_ELFNOTE_MOD_START_PFN, $value);
        $($crate::elf_notes! { $($rest)* })?
    };
    (SUPPORTED_FEATURES: $value:expr $(, $($rest:tt)*)?) => {
        $crate::elf_notes!(@number $crate::elfnote::XEN_ELFNOTE_SUPPORTED_FEATURES, $value);
        $($crate::elf_notes! { $($rest)* })?
    };
    (L1_MFN_VALID: ($mask:expr, $value:expr) $(, $($rest:tt)*)?) => {
        $crate::elf_notes!(@pair $crate::elfnote::XEN_ELFNOTE_L1_MFN_VALID, $mask, $value);
        $($crate::elf_notes! { $($rest)* })?
    };
    (@address $name:ident, $kind:expr, $value:path) => {
        ::core::arch::global_asm!(
            ".pushsection .note.Xen, \"a\", @note",
            ".balign 4",
            ".long 4, 8, {kind}",
            ".asciz \"Xen\"",
            ".quad {value}",
            ".popsection",
            kind = const $kind,
            value = sym $value,
        );
    };
    (@number $kind:expr, $value:expr) => {
        ::core::arch::global_asm!(
            ".pushsection .note.Xen, \"a\", @note",
            ".balign 4",
            ".long 4, 8, {kind}",
            ".asciz \"Xen\"",
            ".quad {value}",
            ".popsection",
            kind = const $kind,
            value = const $value,
        );
    };
    (@pair $kind:expr, $mask:expr, $value:expr) => {
        ::core::arch::global_asm!(
            ".pushsection .note.Xen, \"a\", @note",
            ".balign 4",
            ".long 4, 16, {kind}",
            ".asciz \"Xen\"",
            ".quad {mask}, {value}",
            ".popsection",
            kind = const $kind,
            mask = const $mask,
            value = const $value,
        );
    };
    (@string $kind:expr, $value:literal) => {
        ::core::arch::global_asm!(
            ".pushsection .note.Xen, \"a\", @note",
            ".balign 4",
            ".long 4, 3f - 2f, {kind}",
            ".asciz \"Xen\"",
            ::core::concat!("2: .asciz \"", $value, "\""),
            "3:",
            ".balign 4",
            ".popsection",
            kind = const $kind,
        );
    };
}

/// Provides the page `hypercall_page` for [`HypercallPage`](crate::call::HypercallPage).
///
/// Name it in the notes as `HYPERCALL_PAGE: pv_guest_abi::call::hypercall_page`, and the domain builder fills it.
#[macro_export]
macro_rules! hypercall_page {
    () => {
        ::core::arch::global_asm!(
            ".pushsection .text.hypercall_page, \"ax\", @progbits",
            ".balign 4096",
            ".globl hypercall_page",
            ".type hypercall_page, @object",
            ".size hypercall_page, 4096",
            "hypercall_page:",
            ".fill 4096, 1, 0xcc",
            ".popsection",
        );
    };
}
