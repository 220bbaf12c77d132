//! The registers of whatever was interrupted.

/// What `entry.s` leaves on the kernel stack, and returns by.
#[repr(C)]
#[derive(Clone, Debug, Default)]
#[expect(
    missing_docs,
    reason = "registers are called as the architecture calls them"
)]
pub struct Frame {
    pub r15: u64,
    pub r14: u64,
    pub r13: u64,
    pub r12: u64,
    pub rbp: u64,
    pub rbx: u64,
    pub r11: u64,
    pub r10: u64,
    pub r9: u64,
    pub r8: u64,
    pub rax: u64,
    pub rcx: u64,
    pub rdx: u64,
    pub rsi: u64,
    pub rdi: u64,
    /// Exception vector, or one of `VECTOR_EVENT` and `VECTOR_SYSCALL`.
    pub vector: u64,
    /// Error code, 0 where the vector has none.
    pub code: u64,
    pub rip: u64,
    /// Selector in the low 16 bits; Xen puts the event mask of before above bit 32.
    pub cs: u64,
    pub rflags: u64,
    pub rsp: u64,
    pub ss: u64,
}

// entry.s counts on it to keep rsp aligned, and on nothing else of the layout.
const _: () = assert!(size_of::<Frame>() == 22 * 8);

impl Frame {
    /// Whether a process was interrupted. The kernel's own frames have RPL 0,
    /// whatever ring the kernel really runs in.
    pub fn from_user(&self) -> bool {
        self.cs & 3 == 3
    }
}

impl core::fmt::Display for Frame {
    fn fmt(&self, out: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        writeln!(
            out,
            "  rip {:016x}  cs {:04x}  rflags {:08x}",
            self.rip,
            self.cs & 0xffff,
            self.rflags
        )?;
        writeln!(out, "  rsp {:016x}  ss {:04x}", self.rsp, self.ss & 0xffff)?;
        writeln!(
            out,
            "  rax {:016x}  rbx {:016x}  rcx {:016x}",
            self.rax, self.rbx, self.rcx
        )?;
        writeln!(
            out,
            "  rdx {:016x}  rsi {:016x}  rdi {:016x}",
            self.rdx, self.rsi, self.rdi
        )?;
        writeln!(
            out,
            "  rbp {:016x}  r8  {:016x}  r9  {:016x}",
            self.rbp, self.r8, self.r9
        )?;
        writeln!(
            out,
            "  r10 {:016x}  r11 {:016x}  r12 {:016x}",
            self.r10, self.r11, self.r12
        )?;
        write!(
            out,
            "  r13 {:016x}  r14 {:016x}  r15 {:016x}",
            self.r13, self.r14, self.r15
        )
    }
}
