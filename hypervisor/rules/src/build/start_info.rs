//! The start info page.

use super::fill::RingPorts;
use super::plan::{Plan, Purpose};
use crate::types::Mfn;
use pv_guest_abi::start::{
    ConsoleDom0, Dom0VgaConsoleInfo, MAGIC, MAX_GUEST_CMDLINE, SIF_INITDOMAIN, SIF_MOD_START_PFN,
    SIF_PRIVILEGED, SIF_VIRT_P2M_4TOOLS, StartInfo, VgaTextMode3, XEN_VGATYPE_TEXT_MODE_3,
};
use zerocopy::{FromZeros, IntoBytes};

/// The longest command line, without its NUL. A longer one is cut here.
pub const COMMAND_LINE_MAX: usize = MAX_GUEST_CMDLINE - 1;

/// Bytes that [`bytes`] gives.
pub const SIZE: usize = size_of::<StartInfo>() + size_of::<Dom0VgaConsoleInfo>();

/// Where a domain's first two rings are. Domain 0 has none: it is told so, and is privileged.
#[derive(Clone, Copy, Debug, Default)]
pub struct Rings {
    /// Frame of the ring to the xenstore.
    pub xenstore: Option<Mfn>,
    /// Frame of the ring to the console.
    pub console: Option<Mfn>,
    /// Their event channels.
    pub ports: Option<RingPorts>,
}

/// The start info, as a value.
pub fn value(plan: &Plan, shared_info_maddr: u64, command_line: &[u8], rings: &Rings) -> StartInfo {
    let mut info = StartInfo::new_zeroed();
    copy(&mut info.magic, MAGIC);
    info.nr_pages = plan.nr_pages;
    info.shared_info = shared_info_maddr;
    info.flags = SIF_VIRT_P2M_4TOOLS;
    if let Rings {
        xenstore: Some(xenstore),
        console: Some(console),
        ports,
    } = *rings
    {
        info.store_mfn = xenstore.0;
        info.console_mfn = console.0;
        info.store_evtchn = ports.map_or(0, |ports| ports.xenstore.0);
        info.console_evtchn = ports.map_or(0, |ports| ports.console.0);
    } else {
        info.flags |= SIF_PRIVILEGED | SIF_INITDOMAIN;
        info.set_console_dom0(ConsoleDom0 {
            info_off: size_of::<StartInfo>() as u32,
            info_size: size_of::<Dom0VgaConsoleInfo>() as u32,
        });
    }
    info.pt_base = plan.pt_base;
    info.nr_pt_frames = plan.nr_pt_frames;
    info.mfn_list = plan.p2m_address;
    if let Some(initrd) = plan.region(Purpose::Initrd) {
        info.mod_len = plan.initrd_bytes;
        match initrd.address {
            Some(address) => info.mod_start = address,
            None => {
                info.mod_start = initrd.first.0;
                info.flags |= SIF_MOD_START_PFN;
            }
        }
    }
    if let Some((first, frames)) = plan.separate_p2m() {
        info.first_p2m_pfn = first.0;
        info.nr_p2m_frames = frames;
    }
    let end = command_line.len().min(COMMAND_LINE_MAX);
    copy(&mut info.cmd_line, command_line.get(..end).unwrap_or(&[]));
    info
}

/// The start info and, behind it, what domain 0 is told of the screen: text mode, 80 by 25. Others are
/// told nothing of it.
pub fn bytes(
    plan: &Plan,
    shared_info_maddr: u64,
    command_line: &[u8],
    rings: &Rings,
) -> [u8; SIZE] {
    let mut text = VgaTextMode3::new_zeroed();
    text.font_height = 16;
    text.rows = 25;
    text.columns = 80;
    let mut vga = Dom0VgaConsoleInfo::new_zeroed();
    vga.video_type = XEN_VGATYPE_TEXT_MODE_3;
    copy(vga.u.as_mut_bytes(), text.as_bytes());

    let mut out = [0; SIZE];
    let info = value(plan, shared_info_maddr, command_line, rings);
    let (first, second) = out.split_at_mut(size_of::<StartInfo>());
    copy(first, info.as_bytes());
    if rings.console.is_none() {
        copy(second, vga.as_bytes());
    }
    out
}

/// Copies as much of `from` as there is room for.
fn copy(to: &mut [u8], from: &[u8]) {
    for (to, &from) in to.iter_mut().zip(from) {
        *to = from;
    }
}
