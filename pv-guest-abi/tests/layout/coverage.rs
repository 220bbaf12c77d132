//! What is compared, and what is not, with the reason.

/// Headers whose every constant and structure has a partner in the crate.
pub const COVERED_HEADERS: &[&str] = &[
    "xen.h",
    "xen-compat.h",
    "arch-x86_64.h",
    "arch-x86/xen.h",
    "arch-x86/xen-x86_64.h",
    "arch-x86/cpuid.h",
    "arch-x86/pmu.h",
    "callback.h",
    "domctl.h",
    "elfnote.h",
    "errno.h",
    "event_channel.h",
    "features.h",
    "grant_table.h",
    "memory.h",
    "nmi.h",
    "physdev.h",
    "platform.h",
    "pmu.h",
    "sched.h",
    "sysctl.h",
    "vcpu.h",
    "version.h",
    "io/blkif.h",
    "io/console.h",
    "io/fbif.h",
    "io/kbdif.h",
    "io/libxenvchan.h",
    "io/netif.h",
    "io/pciif.h",
    "io/protocols.h",
    "io/ring.h",
    "io/xenbus.h",
    "io/xs_wire.h",
    "sys/evtchn.h",
    "sys/gntalloc.h",
    "sys/gntdev.h",
    "sys/privcmd.h",
    "sys/xenbus_dev.h",
];

/// Headers (or folders, with a slash) that the crate leaves out.
pub const LEFT_OUT_HEADERS: &[(&str, &str)] = &[
    ("arch-arm.h", "another architecture"),
    ("arch-arm/", "another architecture"),
    ("arch-x86_32.h", "32-bit guests"),
    ("arch-x86/xen-x86_32.h", "32-bit guests"),
    ("foreign/", "generated copies for other architectures"),
    ("hvm/", "HVM guests"),
    ("arch-x86/hvm/", "HVM guests"),
    ("arch-x86/guest-acpi.h", "HVM guests"),
    (
        "arch-x86/cpufeatureset.h",
        "names of CPUID bits, which the CPU manuals define",
    ),
    (
        "arch-x86/xen-mca.h",
        "machine check log of domain 0, by an architecture-specific hypercall",
    ),
    ("vm_event.h", "introspection, HVM only in practice"),
    ("xsm/", "security module; the hypercall is refused"),
    ("argo.h", "optional; the hypercall is refused"),
    ("hypfs.h", "optional; the hypercall is refused"),
    ("kexec.h", "optional; the hypercall is refused"),
    ("xenoprof.h", "obsolete; the hypercall is refused"),
    ("tmem.h", "removed from Xen"),
    ("dom0_ops.h", "obsolete names"),
    ("xencomm.h", "removed from Xen"),
    ("trace.h", "format of Xen's own trace records"),
    ("device_tree_defs.h", "another architecture"),
    ("evtchn.h", "the same as sys/evtchn.h"),
    ("gntalloc.h", "the same as sys/gntalloc.h"),
    ("gntdev.h", "the same as sys/gntdev.h"),
    ("privcmd.h", "the same as sys/privcmd.h"),
    ("io/9pfs.h", "device protocol, not provided yet"),
    ("io/cameraif.h", "device protocol, not provided yet"),
    ("io/displif.h", "device protocol, not provided yet"),
    ("io/fsif.h", "device protocol, obsolete"),
    ("io/pvcalls.h", "device protocol, not provided yet"),
    ("io/sndif.h", "device protocol, not provided yet"),
    ("io/tpmif.h", "device protocol, not provided yet"),
    ("io/usbif.h", "device protocol, not provided yet"),
    ("io/vscsiif.h", "device protocol, not provided yet"),
];

/// Constants of the crate that no header has.
pub const RUST_ONLY_CONSTANTS: &[(&str, &str)] = &[
    ("PAGE_SLOTS", "said in words in xen.h"),
    ("PAGE_STUB_SIZE", "said in words in arch-x86/xen-x86_64.h"),
    ("MMU_COMMAND_MASK", "said in words in xen.h"),
    ("TI_DPL_MASK", "within the macros TI_GET_DPL and TI_SET_DPL"),
    (
        "TI_MASK_EVENTS",
        "within the macros TI_GET_IF and TI_SET_IF",
    ),
    ("HYPERCALL_PAGE_MSR", "leaf 2 of CPUID tells it"),
    ("NAME", "said in words in elfnote.h"),
    ("XEN_VERSION_3_0", "said in words in elfnote.h"),
];

/// Fields of the crate that no header has, as `Struct.field`.
pub const RUST_ONLY_FIELDS: &[(&str, &str)] = &[(
    "ProcessorFlags.bits",
    "C has bit fields, which have no offset",
)];

/// Structures that are the head of a longer C structure: name, the first member behind it, reason.
pub const PREFIXES: &[(&str, &str, &str)] = &[(
    "SringHeader",
    "ring",
    "every protocol has its own ring type; they begin alike",
)];

/// Constants of the headers that the crate leaves out; `*` stands for any text.
pub const C_ONLY_CONSTANTS: &[(&str, &str)] = &[
    (
        "__XEN_INTERFACE_VERSION__",
        "chosen by who includes the headers",
    ),
    ("XEN_FLEX_ARRAY_DIM", "C syntax"),
    ("COMPAT_FLEX_ARRAY_DIM", "C syntax"),
    ("XEN_HAVE_*", "switches of the headers themselves"),
    ("PRI*", "format strings of printf"),
    ("*_aligned_t", "a type by #define"),
    ("blkif_*_t", "a type by #define"),
    ("xen_vga_console_info*", "another name of a structure"),
    ("xen_wc_sec_hi", "another name of a member"),
    ("machine_to_phys_mapping", "a cast of an address"),
    (
        "XEN_EMULATE_PREFIX",
        "assembler text; the bytes are xen_x86::EMULATE_PREFIX",
    ),
    (
        "XEN_CPUID",
        "assembler text; the bytes are xen_x86::EMULATE_PREFIX",
    ),
    (
        "GNTTABOP_error_msgs",
        "an initialiser; grant::status_message has the texts",
    ),
    ("xenpf_settime", "another name of a structure"),
    ("XEN_PAGE_SHIFT", "a default of the ring macros"),
];

/// Structures of the headers that the crate leaves out; `*` stands for any text.
pub const C_ONLY_STRUCTS: &[(&str, &str)] = &[
    ("__guest_handle_*", "pointers with a type; u64 in the crate"),
    ("*_sring", "made by a macro; io::ring has one for all"),
    ("*_sring.*", "made by a macro; io::ring has one for all"),
    ("*_sring_entry", "made by a macro: a request or a response"),
    (
        "xenfb_*_event",
        "an event of any kind; XENFB_*_EVENT_SIZE has the size",
    ),
    (
        "xenkbd_*_event",
        "an event of any kind; XENKBD_*_EVENT_SIZE has the size",
    ),
    ("xenpf_efi_info", "the bytes of XenpfFirmwareInfo::u"),
    (
        "xen_add_to_physmap_batch_extra",
        "one 16-bit member, AddToPhysmapBatch::foreign_domid",
    ),
    (
        "xsd_errors",
        "holds a pointer; compared by a test of its own",
    ),
    ("*_front_ring", "private to a frontend, with a pointer"),
    ("*_back_ring", "private to a backend, with a pointer"),
];

/// Members of structures that the crate leaves out, as `struct.member`.
pub const C_ONLY_MEMBERS: &[(&str, &str)] = &[
    (
        "grant_entry_v2.*",
        "views of the same bytes, each a structure of the crate",
    ),
    ("physdev_pci_device_add.optarr", "of variable length"),
    ("vchan_interface.grants", "of variable length"),
    ("xen_build_id.buf", "of variable length"),
    ("xen_pmu_amd_ctxt.regs", "of variable length"),
    ("xen_pmu_intel_ctxt.regs", "of variable length"),
    ("xen_processor_flags.*", "bit fields, which have no offset"),
];

/// Whether a list of patterns and reasons names this.
pub fn lists(list: &[(&str, &str)], name: &str) -> bool {
    list.iter().any(|(pattern, _)| matches(pattern, name))
}

/// Whether a name matches a pattern with at most one `*`.
fn matches(pattern: &str, name: &str) -> bool {
    match pattern.split_once('*') {
        Some((head, tail)) => {
            name.len() >= head.len() + tail.len() && name.starts_with(head) && name.ends_with(tail)
        }
        None => pattern == name,
    }
}
