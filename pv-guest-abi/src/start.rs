//! Start of day: what `rsi` points to when a kernel is entered (`xen.h`, `start_info`).

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

bitflags::bitflags! {
    /// Flags in [`StartInfo::flags`].
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
    pub struct StartFlags: u32 {
        /// The domain may use privileged hypercalls.
        const PRIVILEGED = SIF_PRIVILEGED;
        /// The domain is the control domain.
        const INITDOMAIN = SIF_INITDOMAIN;
        /// `mod_start` points to a list of [`MultibootModList`].
        const MULTIBOOT_MOD = SIF_MULTIBOOT_MOD;
        /// `mod_start` is a frame number.
        const MOD_START_PFN = SIF_MOD_START_PFN;
        /// The tools understand a virtual p2m list.
        const VIRT_P2M_4TOOLS = SIF_VIRT_P2M_4TOOLS;
    }
}

/// The domain may use privileged hypercalls.
pub const SIF_PRIVILEGED: u32 = 1 << 0;
/// The domain is the control domain.
pub const SIF_INITDOMAIN: u32 = 1 << 1;
/// `mod_start` points to a list of modules.
pub const SIF_MULTIBOOT_MOD: u32 = 1 << 2;
/// `mod_start` is a frame number.
pub const SIF_MOD_START_PFN: u32 = 1 << 3;
/// The tools understand `ArchSharedInfo::p2m_vaddr`.
pub const SIF_VIRT_P2M_4TOOLS: u32 = 1 << 4;
/// Mask of the power-management bits.
pub const SIF_PM_MASK: u32 = 0xff << 8;
/// Size of [`StartInfo::cmd_line`] in bytes, its NUL included.
pub const MAX_GUEST_CMDLINE: usize = 1024;
/// The first bytes of [`StartInfo::magic`] for a 64-bit kernel; a NUL follows.
pub const MAGIC: &[u8; 14] = b"xen-3.0-x86_64";
/// [`Dom0VgaConsoleInfo::video_type`]: VGA text mode 3.
pub const XEN_VGATYPE_TEXT_MODE_3: u8 = 0x03;
/// [`Dom0VgaConsoleInfo::video_type`]: VESA linear frame buffer.
pub const XEN_VGATYPE_VESA_LFB: u8 = 0x23;
/// [`Dom0VgaConsoleInfo::video_type`]: EFI linear frame buffer.
pub const XEN_VGATYPE_EFI_LFB: u8 = 0x70;

/// The start info page of a new domain.
/// // `store_mfn`, `store_evtchn` and the console's frame and port are those of a domU; for domain 0 the
/// bytes of the console hold a [`ConsoleDom0`], read by [`StartInfo::console_dom0`].
#[doc(alias = "start_info")]
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct StartInfo {
    /// `"xen-3.0-x86_64"`, NUL-padded.
    pub magic: [u8; 32],
    /// Pages allocated to the domain.
    pub nr_pages: u64,
    /// Machine address of the shared info page, in bytes.
    pub shared_info: u64,
    /// `SIF_*`, see [`StartInfo::flags`].
    pub flags: u32,
    /// Padding; zero.
    pub _pad0: [u8; 4],
    /// Machine frame of the xenstore ring; 0 for domain 0.
    pub store_mfn: u64,
    /// Port of the xenstore ring.
    pub store_evtchn: u32,
    /// Padding; zero.
    pub _pad1: [u8; 4],
    /// Machine frame of the console ring (domU).
    #[doc(alias = "console.domU.mfn")]
    pub console_mfn: u64,
    /// Port of the console ring (domU).
    #[doc(alias = "console.domU.evtchn")]
    pub console_evtchn: u32,
    /// Padding; zero.
    pub _pad2: [u8; 4],
    /// Virtual address of the top-level page table.
    pub pt_base: u64,
    /// Number of page-table frames, consecutive in guest frame numbers.
    pub nr_pt_frames: u64,
    /// Virtual address of the p2m list, 8 bytes for each guest frame.
    pub mfn_list: u64,
    /// Virtual address of the initrd; its first guest frame with `SIF_MOD_START_PFN`.
    pub mod_start: u64,
    /// Size of the initrd in bytes; 0 means none.
    pub mod_len: u64,
    /// Command line, ends with NUL.
    pub cmd_line: [u8; MAX_GUEST_CMDLINE],
    /// First guest frame of the p2m list (with the ELF note `INIT_P2M`).
    pub first_p2m_pfn: u64,
    /// Guest frames of the p2m list and its page tables.
    pub nr_p2m_frames: u64,
}

/// The console of a domU, in the bytes of [`StartInfo`] from `console_mfn`.
#[doc(alias = "start_info.console.domU")]
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct ConsoleDomU {
    /// Machine frame of the console ring.
    pub mfn: u64,
    /// Port of the console ring.
    pub evtchn: u32,
    /// Padding; zero.
    pub _pad0: [u8; 4],
}

/// The console of domain 0, in the bytes of [`StartInfo`] from `console_mfn`.
#[doc(alias = "start_info.console.dom0")]
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct ConsoleDom0 {
    /// Offset of a [`Dom0VgaConsoleInfo`] from the start info, in bytes.
    pub info_off: u32,
    /// Its size in bytes.
    pub info_size: u32,
}

/// A boot module, in the list that `mod_start` names with `SIF_MULTIBOOT_MOD`.
#[doc(alias = "xen_multiboot_mod_list")]
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct MultibootModList {
    /// Address of the module.
    pub mod_start: u32,
    /// Address behind it.
    pub mod_end: u32,
    /// Address of its command line.
    pub cmdline: u32,
    /// Zero.
    pub pad: u32,
}

/// The display that domain 0 is given.
#[doc(alias = "dom0_vga_console_info")]
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct Dom0VgaConsoleInfo {
    /// `XEN_VGATYPE_*`: what `u` holds.
    pub video_type: u8,
    /// Padding; zero.
    pub _pad0: [u8; 3],
    /// A [`VgaTextMode3`] or a [`VesaLfb`].
    pub u: [u32; 9],
}

/// VGA text mode 3.
#[doc(alias = "dom0_vga_console_info.u.text_mode_3")]
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct VgaTextMode3 {
    /// Height of a character in lines.
    pub font_height: u16,
    /// Cursor column.
    pub cursor_x: u16,
    /// Cursor row.
    pub cursor_y: u16,
    /// Number of rows.
    pub rows: u16,
    /// Number of columns.
    pub columns: u16,
}

/// A linear frame buffer.
#[doc(alias = "dom0_vga_console_info.u.vesa_lfb")]
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct VesaLfb {
    /// Width in pixels.
    pub width: u16,
    /// Height in pixels.
    pub height: u16,
    /// Pitch in bytes.
    pub bytes_per_line: u16,
    /// Depth.
    pub bits_per_pixel: u16,
    /// Physical address, bits 0 to 31.
    pub lfb_base: u32,
    /// Size in units of 64 KiB.
    pub lfb_size: u32,
    /// Red: lowest bit.
    pub red_pos: u8,
    /// Red: number of bits.
    pub red_size: u8,
    /// Green: lowest bit.
    pub green_pos: u8,
    /// Green: number of bits.
    pub green_size: u8,
    /// Blue: lowest bit.
    pub blue_pos: u8,
    /// Blue: number of bits.
    pub blue_size: u8,
    /// Reserved: lowest bit.
    pub rsvd_pos: u8,
    /// Reserved: number of bits.
    pub rsvd_size: u8,
    /// VESA capabilities.
    pub gbl_caps: u32,
    /// VESA mode attributes.
    pub mode_attrs: u16,
    /// Zero.
    pub pad: u16,
    /// Physical address, bits 32 to 63.
    pub ext_lfb_base: u32,
}

impl StartInfo {
    /// The flags that the ABI names.
    pub const fn start_flags(&self) -> StartFlags {
        StartFlags::from_bits_truncate(self.flags)
    }

    /// The command line up to its NUL.
    pub fn command_line(&self) -> &[u8] {
        until_nul(&self.cmd_line)
    }

    /// Whether the magic names the 64-bit PV interface.
    pub fn is_x86_64(&self) -> bool {
        until_nul(&self.magic) == MAGIC
    }

    /// The console bytes as domain 0 has them.
    pub const fn console_dom0(&self) -> ConsoleDom0 {
        ConsoleDom0 {
            info_off: self.console_mfn as u32,
            info_size: (self.console_mfn >> 32) as u32,
        }
    }

    /// Sets the console bytes as domain 0 has them.
    pub fn set_console_dom0(&mut self, console: ConsoleDom0) {
        self.console_mfn = u64::from(console.info_off) | u64::from(console.info_size) << 32;
        self.console_evtchn = 0;
    }
}

fn until_nul(bytes: &[u8]) -> &[u8] {
    let end = bytes.iter().position(|&b| b == 0).unwrap_or(bytes.len());
    &bytes[..end]
}

crate::zeroed_default!(
    StartInfo,
    ConsoleDomU,
    ConsoleDom0,
    MultibootModList,
    Dom0VgaConsoleInfo,
    VgaTextMode3,
    VesaLfb
);
