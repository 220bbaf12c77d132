//! Names of data layouts, for a frontend's xenstore node `protocol` (`io/protocols.h`).

/// 32-bit x86.
pub const XEN_IO_PROTO_ABI_X86_32: &str = "x86_32-abi";
/// 64-bit x86.
pub const XEN_IO_PROTO_ABI_X86_64: &str = "x86_64-abi";
/// ARM.
pub const XEN_IO_PROTO_ABI_ARM: &str = "arm-abi";
/// The layout of this crate.
pub const XEN_IO_PROTO_ABI_NATIVE: &str = XEN_IO_PROTO_ABI_X86_64;
