//! Where a vCPU's `vcpu_info` is.

use core::sync::atomic::{AtomicU64, Ordering::SeqCst};

use guest_kernel_stub::{events, time, vcpus};
use pv_guest_abi::errno::{EFAULT, EINVAL, ENXIO};
use pv_guest_abi::shared::VcpuInfo;
use pv_guest_abi::vcpu::*;

use super::probes;
use crate::kit::vcpus::{all, at_least, call, context, finish, initialise, op, until};
use crate::kit::{Outcome, at, event, mem};

probes!(vcpus:
    info_place_is_checked,
    info_moves_once_with_its_content,
    info_of_a_running_vcpu_stays,
    own_info_moves_and_goes_on,
    high_ids_need_a_place,
);

fn register(vcpu: u32, mfn: u64, offset: u32) -> i64 {
    let place = VcpuRegisterVcpuInfo {
        mfn,
        offset,
        rsvd: 0,
    };
    op(VCPUOP_REGISTER_VCPU_INFO, vcpu, at(&place))
}

/// Are places refused that cross a page's end, are not aligned, are not ours, or can hold no data?
fn info_place_is_checked() -> Outcome {
    at_least(2)?;
    let page = mem::page();
    let mfn = mem::mfn(page);
    for offset in [4096 - 63, 4096, u32::MAX - 63] {
        returns!(register(1, mfn, offset), -ENXIO, "offset {offset:#x}");
    }
    for offset in [1, 4, 4096 - 68] {
        returns!(register(1, mfn, offset), -ENXIO, "offset {offset:#x}");
    }
    for (what, mfn) in [
        ("frame beyond memory", 0xff_ffff_ffff),
        ("page table", mem::mfn(mem::root())),
        ("hypervisor's frame", 0x100),
    ] {
        returns!(register(1, mfn, 0), -EINVAL, "{what}");
    }
    returns!(op(VCPUOP_REGISTER_VCPU_INFO, 1, 0), -EFAULT, "no argument");
    returns!(register(1, mfn, 4096 - 64), 0, "the last place of a page");
    returns!(register(1, mfn, 0), -EINVAL, "a second place");
    returns!(mem::freeze(page), 0, "the page becomes read-only for us");
    // It stays writable memory: the hypervisor writes to it.
    let pinned = mem::mmuext(pv_guest_abi::mmu::MMUEXT_PIN_L1_TABLE, mfn, 0);
    returns!(pinned, -EINVAL, "the page becomes a page table");
    Ok(())
}

/// Does the new place begin with the old content, and say that every port is to be looked at?
fn info_moves_once_with_its_content() -> Outcome {
    at_least(2)?;
    let page = mem::page();
    // SAFETY: a field of a page that is mapped for good.
    unsafe { (&raw mut (*event::shared()).vcpu_info[1].arch.cr2).write_volatile(0xc2c2) };
    returns!(register(1, mem::mfn(page), 512), 0, "register");
    // SAFETY: the page is mapped, and what the hypervisor writes there is a VcpuInfo.
    let info = unsafe { ((page + 512) as *const VcpuInfo).read_volatile() };
    same!(info.arch.cr2, 0xc2c2, "CR2");
    same!(info.evtchn_upcall_mask, 1, "event mask");
    same!(info.evtchn_upcall_pending, 1, "upcall pending");
    same!(info.evtchn_pending_sel, u64::MAX, "selector");
    Ok(())
}

/// Does another vCPU's place stay where it is while it is up?
fn info_of_a_running_vcpu_stays() -> Outcome {
    all(2)?;
    let mfn = mem::mfn(mem::page());
    returns!(register(1, mfn, 0), -EINVAL, "of a vCPU that is up");
    vcpus::down(1).map_err(|error| alloc::format!("down: {error}"))?;
    vcpus::get(1)
        .move_info()
        .map_err(|errno| alloc::format!("of a vCPU that is down: {errno}"))?;
    returns!(op(VCPUOP_UP, 1, 0), 0, "up");
    finish(1)?;
    call(1, |_| {}, 0)
}

static RESULT: AtomicU64 = AtomicU64::new(0);
static FAULT: AtomicU64 = AtomicU64::new(0);
static CLOCK: AtomicU64 = AtomicU64::new(0);
static HANDLED: AtomicU64 = AtomicU64::new(0);

/// May a vCPU that runs move its own, and do events, CR2 and the clock come to the new place?
fn own_info_moves_and_goes_on() -> Outcome {
    all(2)?;
    call(
        1,
        |_| {
            let moved = vcpus::this().move_info();
            RESULT.store(
                moved.map_or_else(|errno| errno.to_return() as u64, |()| 0),
                SeqCst,
            );
            let _: Option<u64> = guest_kernel_stub::traps::probe_read(0x5_f000);
            FAULT.store(events::fault_address(), SeqCst);
            CLOCK.store(time::now_ns(), SeqCst);
            let ipi = events::bind_ipi("own", || {
                HANDLED.fetch_add(1, SeqCst);
            });
            if let Ok(port) = ipi {
                for round in 1..=100 {
                    let _ = events::notify(port);
                    while HANDLED.load(SeqCst) < round {
                        events::wait();
                    }
                }
            }
        },
        0,
    )?;
    same!(RESULT.load(SeqCst), 0, "register_vcpu_info of oneself");
    same!(FAULT.load(SeqCst), 0x5_f000, "CR2 in the new place");
    let (seen, now) = (CLOCK.load(SeqCst), event::now());
    check!(
        seen != 0 && seen <= now,
        "expected a clock that is not 0 and at most {now}, seen {seen}"
    );
    same!(HANDLED.load(SeqCst), 100, "events handled");
    // A job is announced by an event, which finds the new place too.
    call(1, |_| {}, 0)
}

/// Is a vCPU that has no place in the shared info refused a context until it has one, and does
/// it run then?
fn high_ids_need_a_place() -> Outcome {
    at_least(34)?;
    returns!(
        initialise(32, &context(32, stop)),
        -EINVAL,
        "a context for vCPU 32 without a place"
    );
    returns!(op(VCPUOP_UP, 32, 0), -EINVAL, "up");
    let page = mem::page();
    returns!(register(33, mem::mfn(page), 0), 0, "a place for vCPU 33");
    // SAFETY: the page is mapped, and what the hypervisor writes there is a VcpuInfo.
    let info = unsafe { (page as *const VcpuInfo).read_volatile() };
    check!(
        info.evtchn_upcall_mask != 0,
        "expected masked events, seen mask 0"
    );
    same!(info.evtchn_upcall_pending, 1, "upcall pending");
    vcpus::up(32).map_err(|error| alloc::format!("up of vCPU 32: {error}"))?;
    call(
        32,
        |_| {
            RESULT.store(vcpus::this().id.into(), SeqCst);
            CLOCK.store(time::now_ns(), SeqCst);
        },
        0,
    )?;
    same!(RESULT.load(SeqCst), 32, "who ran");
    until("its clock is not ahead", || {
        let now = event::now();
        let seen = CLOCK.load(SeqCst);
        seen != 0 && seen <= now
    })
}

extern "C" fn stop() -> ! {
    loop {
        core::hint::spin_loop();
    }
}
