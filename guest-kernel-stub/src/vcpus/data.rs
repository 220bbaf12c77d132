//! What a vCPU has for itself.

use core::sync::atomic::{AtomicPtr, AtomicU32, AtomicU64, Ordering};

use pv_guest_abi::errno::Errno;
use pv_guest_abi::shared::{VcpuInfo, XEN_LEGACY_MAX_VCPUS};
use pv_guest_abi::xen_x86::SEGBASE_GS_KERNEL;

use super::jobs::Mailbox;
use crate::{Xen, events, start};

/// The most vCPUs that this kernel has places for.
pub const MOST: usize = 64;

/// A vCPU's own data. In kernel mode its GS base is the address of this.
#[repr(C)]
pub struct Vcpu {
    /// Its own address, so that `mov rax, gs:[0]` is all it takes to find it.
    me: AtomicU64,
    /// Its number.
    pub id: u32,
    /// The port by which others notify it; 0 while there is none.
    pub(super) port: AtomicU32,
    /// Where its `vcpu_info` was moved to; null while it is in the shared info page.
    info: AtomicPtr<VcpuInfo>,
    /// Whether it has been given a context.
    pub(super) started: AtomicU32,
    pub(super) mailbox: Mailbox,
    /// A bit for each port that notifies it: the words of pending bits are shared by all vCPUs.
    pub(crate) ports: [AtomicU64; 64],
}

static VCPUS: [Vcpu; MOST] = {
    let mut all = [const { Vcpu::new() }; MOST];
    let mut id = 0;
    while id < MOST {
        all[id].id = id as u32;
        id += 1;
    }
    all
};

/// Places for the `vcpu_info` of those that have none in the shared info page. A page of
/// their own: none may cross a page's end.
#[repr(C, align(4096))]
struct Places([VcpuInfo; MOST]);

#[unsafe(link_section = ".bss_pages")]
static mut PLACES: Places = Places([const { NO_INFO }; MOST]);

/// A place that nobody has written to.
const NO_INFO: VcpuInfo = zerocopy::transmute!([0u64; 8]);

/// The data of a vCPU.
///
/// Panics for a number that this kernel has no place for.
pub fn get(id: u32) -> &'static Vcpu {
    &VCPUS[id as usize]
}

/// The vCPU that runs this.
pub fn this() -> &'static Vcpu {
    let me: *const Vcpu;
    // SAFETY: the kernel's GS base is the address of one of VCPUS from `adopt_first` or a
    // bring-up on, and that begins with its own address. Nothing is changed.
    unsafe {
        core::arch::asm!("mov {}, gs:[0]", out(reg) me, options(nostack, readonly, preserves_flags));
        &*me
    }
}

/// Gives vCPU 0 its data. The first thing that the kernel does.
pub fn adopt_first() -> Result<(), Errno> {
    let base = VCPUS[0].gs_base();
    // SAFETY: only `this` uses GS.
    unsafe { Xen::set_segment_base(SEGBASE_GS_KERNEL, base) }
}

impl Vcpu {
    const fn new() -> Self {
        Self {
            me: AtomicU64::new(0),
            id: 0,
            port: AtomicU32::new(0),
            info: AtomicPtr::new(core::ptr::null_mut()),
            started: AtomicU32::new(0),
            mailbox: Mailbox::new(),
            ports: [const { AtomicU64::new(0) }; 64],
        }
    }

    /// The GS base with which the vCPU finds this; valid from now on.
    pub fn gs_base(&self) -> u64 {
        let me = &raw const *self as u64;
        self.me.store(me, Ordering::Release);
        me
    }

    /// Its part of what the hypervisor and this kernel share, if it has one yet.
    pub fn info(&self) -> Option<*mut VcpuInfo> {
        let moved = self.info.load(Ordering::Acquire);
        if !moved.is_null() {
            return Some(moved);
        }
        let shared = events::shared()?;
        let place = self.id as usize;
        // SAFETY: only the place of a field is computed, in a page that is mapped.
        (place < XEN_LEGACY_MAX_VCPUS).then(|| unsafe { &raw mut (*shared).vcpu_info[place] })
    }

    /// Moves its `vcpu_info` to a page of the kernel's, as each vCPU must whose number is beyond
    /// the shared info page. It works once for a vCPU that is down, or for oneself.
    pub fn move_info(&self) -> Result<(), Errno> {
        // SAFETY: only the place of an element is computed.
        let place = unsafe { &raw mut PLACES.0[self.id as usize] };
        let address = place as u64;
        let frame = start::builder_frame(address);
        // SAFETY: the place is the hypervisor's from now on, and nobody refers to it.
        unsafe { Xen::vcpu_register_info(self.id, frame, (address % 4096) as u32)? };
        self.info.store(place, Ordering::Release);
        Ok(())
    }

    /// Notifies it: its handlers run, or it wakes and looks for jobs.
    pub fn notify(&self) -> Result<(), Errno> {
        match self.port.load(Ordering::Acquire) {
            0 => Ok(()),
            port => Xen::send(port),
        }
    }
}
