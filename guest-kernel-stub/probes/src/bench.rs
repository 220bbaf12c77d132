//! Measures the ways in and out: `BENCH name=.. unit=ticks value=<least> median=<median>`.
//!
//! A figure is ticks of the TSC for one operation, the least (and the median) of several
//! batches. The kernel's part is as short as can be, so what is seen is the hypervisor's.

use core::mem::offset_of;

use alloc::vec::Vec;
use guest_kernel_stub::{Xen, println};
use pv_guest_abi::callback::{CALLBACKTYPE_EVENT, CALLBACKTYPE_SYSCALL};
use pv_guest_abi::domid::DOMID_SELF;
use pv_guest_abi::event::{EVTCHNOP_SEND, EvtchnSend};
use pv_guest_abi::hypercall::{
    EVENT_CHANNEL_OP, IRET, MMU_UPDATE, MMUEXT_OP, UPDATE_VA_MAPPING, XEN_VERSION,
};
use pv_guest_abi::mmu::{
    MMUEXT_NEW_BASEPTR, MMUEXT_NEW_USER_BASEPTR, MMUEXT_PIN_L4_TABLE, MmuUpdate, MmuextOp,
};
use pv_guest_abi::shared::SharedInfo;
use pv_guest_abi::trap::TrapInfo;

use crate::kit::mem::{self, TABLE, WRITE};
use crate::kit::trap::{Code, Kind, Regs};
use crate::kit::{at, event, hypercall, user};

core::arch::global_asm!(
    include_str!("bench.s"),
    IRET = const IRET,
    MMUEXT_OP = const MMUEXT_OP,
    DOMID_SELF = const DOMID_SELF,
    PENDING = const offset_of!(SharedInfo, evtchn_pending),
);

unsafe extern "C" {
    static bench_syscall: u8;
    static bench_switch: u8;
    static bench_fault: u8;
    static bench_event: u8;
    fn bench_user_syscall();
    fn bench_user_fault();
    static mut bench_lists: [u64; 2];
    static mut bench_which: u64;
    static mut bench_shared: u64;
}

/// Operations of a batch.
const BATCH: u64 = 256;
/// Batches, after one that only warms up.
const BATCHES: usize = 15;

/// Prints a figure from the ticks of whole batches.
fn report(name: &str, per: u64, mut batch: impl FnMut() -> u64) {
    batch();
    let mut ticks: Vec<u64> = (0..BATCHES).map(|_| batch() / per).collect();
    ticks.sort_unstable();
    println!(
        "BENCH name={name} unit=ticks value={} median={}",
        ticks[0],
        ticks[BATCHES / 2]
    );
}

/// Ticks that kernel code takes.
fn ticks(code: impl FnOnce()) -> u64 {
    // SAFETY: reads a counter.
    let before = unsafe { core::arch::x86_64::_rdtsc() };
    code();
    // SAFETY: reads a counter.
    unsafe { core::arch::x86_64::_rdtsc() - before }
}

/// Runs user code that counts r12 down; its own account of the ticks.
fn user_ticks(code: Code) -> u64 {
    let trap = user::run(
        code,
        Regs {
            r12: BATCH,
            ..Regs::MARKED
        },
    );
    assert!(
        trap.kind == Kind::Vector(6) && trap.regs.r12 == 0,
        "user code ends by ud2: {trap:x?}"
    );
    trap.regs.r14 - trap.regs.r13
}

/// Measures everything.
pub fn run() {
    user::space();
    report("null-hypercall", BATCH, || {
        ticks(|| (0..BATCH).for_each(|_| _ = hypercall(XEN_VERSION, &[0, 0])))
    });

    set_syscall(&raw const bench_syscall as u64);
    report("user-system-call", BATCH, || user_ticks(bench_user_syscall));

    let gate = TrapInfo::new(14, 0, true, &raw const bench_fault as u64);
    // SAFETY: the entry is made for the hypervisor's frame.
    unsafe { Xen::set_trap_table(&[gate, TrapInfo::default()]) }.expect("a gate");
    report("reflected-page-fault", BATCH, || {
        user_ticks(bench_user_fault)
    });

    self_notification();
    page_tables();
    process_switch();
}

fn set_syscall(entry: u64) {
    // SAFETY: the entry is made for the hypervisor's frame.
    unsafe { Xen::register_callback(CALLBACKTYPE_SYSCALL, entry, true) }.expect("a callback");
}

/// Send to oneself, the upcall, and the way back.
fn self_notification() {
    // SAFETY: a word of this file's, and an entry made for the hypervisor's frame.
    unsafe {
        bench_shared = event::shared() as u64;
        let entry = &raw const bench_event as u64;
        Xen::register_callback(CALLBACKTYPE_EVENT, entry, true).expect("a callback");
    }
    let port = Xen::bind_ipi(0).expect("a port");
    assert!(port < 64, "the entry clears the first word only");
    event::mask_port(port, false);
    let send = EvtchnSend { port };
    event::set_mask(false);
    report("event-self-notification", BATCH, || {
        ticks(|| {
            let args = [EVTCHNOP_SEND.into(), at(&send)];
            (0..BATCH).for_each(|_| _ = hypercall(EVENT_CHANNEL_OP, &args));
        })
    });
    event::set_mask(true);
    Xen::close(port).expect("the port is closed");
}

/// Updates of entries that map one page or another.
fn page_tables() {
    const LIST: usize = 32;
    let pages = [mem::page(), mem::page()];
    let place = mem::page();
    let entries = pages.map(|page| mem::entry(page, WRITE));
    let ptr = mem::machine(mem::entry_at(place, 1));
    let change = |n: u64| MmuUpdate {
        ptr,
        val: entries[n as usize % 2],
    };
    let send = |list: &[MmuUpdate]| {
        let args = [at(list), list.len() as u64, 0, DOMID_SELF.into()];
        assert_eq!(hypercall(MMU_UPDATE, &args), 0, "mmu_update");
    };
    report("mmu-update", BATCH, || {
        ticks(|| (0..BATCH).for_each(|n| send(&[change(n)])))
    });
    let list: [MmuUpdate; LIST] = core::array::from_fn(|n| change(n as u64));
    report("mmu-update-in-a-list-of-32", BATCH * LIST as u64, || {
        ticks(|| (0..BATCH).for_each(|_| send(&list)))
    });
    report("update-va-mapping", BATCH, || {
        ticks(|| {
            for n in 0..BATCH {
                let args = [place, entries[n as usize % 2], 2];
                assert_eq!(hypercall(UPDATE_VA_MAPPING, &args), 0, "update_va_mapping");
            }
        })
    });
}

/// A system call of one process that returns into another, with tables of its own.
fn process_switch() {
    let here = user::space();
    let [root, user_l4, l3, l2, l1] = core::array::from_fn(|_| mem::page());
    for slot in (0..512).filter(|slot| !(256..272).contains(slot)) {
        mem::write(root + slot * 8, mem::read(mem::root() + slot * 8));
        mem::write(l1 + slot * 8, mem::read(here.l1 + slot * 8));
    }
    mem::write(l2 + mem::index(user::CODE, 2) * 8, mem::entry(l1, TABLE));
    mem::write(l3 + mem::index(user::CODE, 3) * 8, mem::entry(l2, TABLE));
    mem::write(root, mem::entry(l3, TABLE));
    mem::write(user_l4, mem::entry(l3, TABLE));
    for table in [l1, l2, l3, root, user_l4] {
        assert_eq!(mem::freeze(table), 0, "a table is made read-only");
    }
    for table in [root, user_l4] {
        assert_eq!(
            mem::mmuext(MMUEXT_PIN_L4_TABLE, mem::mfn(table), 0),
            0,
            "a pin"
        );
    }
    let list = |root, user_l4| {
        [
            MmuextOp::on_frame(MMUEXT_NEW_BASEPTR, mem::mfn(root)),
            MmuextOp::on_frame(MMUEXT_NEW_USER_BASEPTR, mem::mfn(user_l4)),
        ]
    };
    let lists = [list(mem::root(), here.user_l4), list(root, user_l4)];
    // SAFETY: words of this file's; the lists outlive the measurement.
    unsafe {
        bench_lists = [at(&lists[0]), at(&lists[1])];
        bench_which = 0;
    }
    set_syscall(&raw const bench_switch as u64);
    report("process-switch", BATCH, || user_ticks(bench_user_syscall));
}
