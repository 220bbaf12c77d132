//! Has a vCPU debug registers, and can they be used against nobody but itself?

use guest_kernel_stub::Xen;
use pv_guest_abi::errno::{EINVAL, ENODEV, EPERM};
use pv_guest_abi::hypercall::{GET_DEBUGREG, SCHED_OP, SET_DEBUGREG};
use pv_guest_abi::sched::{SCHEDOP_POLL, SchedPoll};

use super::probes;
use crate::kit::expect::Where;
use crate::kit::trap::{self, Code, Kind, Regs, Start, Trap};
use crate::kit::{Outcome, at, event, hypercall, mem, user};

probes!(debug:
    registers_keep_their_values,
    reserved_bits_of_dr6_and_dr7,
    registers_that_are_not_there,
    hypervisors_addresses_are_refused,
    privileged_conditions_are_refused,
    emulated_moves_are_the_same,
    watchpoint_on_a_store,
    watchpoint_on_a_load,
    instruction_breakpoint,
    resume_flag_goes_past_it,
    four_at_once,
    disarmed_is_silent,
    armed_across_a_sleep,
    hypervisors_own_accesses_do_not_trap,
    single_step_sets_its_bit,
    single_step_over_a_system_call,
    single_step_over_a_hypercall,
    breakpoint_held_back_by_mov_ss,
);

const MARKED: Regs = Regs::MARKED;
/// DR6 without any event, DR7 without any breakpoint.
const DR6: u64 = 0xffff_0ff0;
const DR7: u64 = 0x400;
/// DR6: single step.
const BS: u64 = 1 << 14;
/// TF.
const TF: u64 = 1 << 8;
/// RF.
const RF: u64 = 1 << 16;

code! {
    store: "mov [rdi], rax", "nop", "ud2";
    load: "mov rax, [rdi]", "nop", "ud2";
    nops: "nop", "nop", "nop", "ud2";
    write_dr: "mov dr1, rax", "mov dr7, rbx", "mov rcx, dr1", "mov rdx, dr7",
        "xor eax, eax", "mov dr7, rax", "mov dr1, rax", "ret";
    syscall: "syscall", "nop", "ud2";
    ss_syscall: "mov ss, word ptr [rdi]", "syscall", "ud2";
    ss_int3: "mov ss, word ptr [rdi]", "int3", "ud2";
    ss_int80: "mov ss, word ptr [rdi]", "int 0x80", "ud2";
    ss_ud2: "mov ss, word ptr [rdi]", "ud2";
}

fn set(register: u64, value: u64) -> i64 {
    hypercall(SET_DEBUGREG, &[register, value])
}

fn get(register: u64) -> i64 {
    hypercall(GET_DEBUGREG, &[register])
}

/// Disarms everything, as at start.
pub fn reset() {
    for (register, value) in [(7, 0), (0, 0), (1, 0), (2, 0), (3, 0), (6, 0)] {
        set(register, value);
    }
}

/// Arms breakpoint `index` at an address, with its condition and length as DR7 has them.
fn arm(index: u64, address: u64, condition: u64, length: u64) -> Outcome {
    let control = 1 << (2 * index) | (condition | length << 2) << (16 + 4 * index);
    returns!(set(7, 0), 0, "DR7 = 0");
    returns!(set(6, 0), 0, "DR6 = 0");
    returns!(set(index, address), 0, "DR{index} = {address:#x}");
    returns!(set(7, control), 0, "DR7 = {control:#x}");
    Ok(())
}

/// Conditions and lengths of DR7.
const EXECUTE: u64 = 0;
const WRITE: u64 = 1;
const ACCESS: u64 = 3;
const EIGHT: u64 = 2;

/// Expects #DB at an address, for the reasons that DR6 shall have; then disarms.
fn is_db(what: &str, trap: &Trap, rip: u64, reasons: u64) -> Outcome {
    let dr6 = get(6);
    reset();
    check!(
        trap.kind == Kind::Vector(1),
        "{what}: expected #DB, seen {trap:x?}"
    );
    same!(trap.rip, rip, "{what}: RIP");
    same!(dr6 as u64, DR6 | reasons, "{what}: DR6");
    same!(trap.own_rflags & TF, 0, "{what}: TF in the handler");
    Ok(())
}

/// A place where code runs, and the address of data there.
fn places() -> [(Where, u64); 2] {
    user::space();
    [
        (Where::Kernel, mem::page()),
        (Where::User, user::DATA + 0x80),
    ]
}

/// Do DR0 to DR3 keep addresses of the guest's?
fn registers_keep_their_values() -> Outcome {
    for register in 0..4 {
        returns!(get(register), 0, "DR{register} at start");
        for value in [0x1234, 0x7fff_ffff_ffff, mem::page(), u64::MAX] {
            returns!(set(register, value), 0, "DR{register} = {value:#x}");
            returns!(get(register), value as i64, "DR{register}");
        }
    }
    returns!(get(6), DR6 as i64, "DR6 at start");
    returns!(get(7), DR7 as i64, "DR7 at start");
    reset();
    Ok(())
}

/// Do bits that read as one or zero do so, and are those above 31 refused?
fn reserved_bits_of_dr6_and_dr7() -> Outcome {
    returns!(set(6, 0), 0, "DR6 = 0");
    returns!(get(6), DR6 as i64, "DR6");
    returns!(
        set(6, 0x1000 | 0xf | BS),
        0,
        "DR6 with a bit that is always 0"
    );
    returns!(get(6), (DR6 | 0xf | BS) as i64, "DR6");
    returns!(set(7, 0), 0, "DR7 = 0");
    returns!(get(7), DR7 as i64, "DR7");
    returns!(set(7, 0xd800), 0, "DR7 with bits that are always 0");
    returns!(get(7), DR7 as i64, "DR7");
    returns!(
        set(7, 0x0d0d_0300),
        0,
        "conditions, lengths and exactness, none armed"
    );
    returns!(get(7), 0x0d0d_0700, "DR7");
    for register in [6, 7] {
        returns!(
            set(register, 1 << 32),
            -EINVAL,
            "DR{register} above 32 bits"
        );
    }
    reset();
    Ok(())
}

/// Are others -ENODEV, and DR4 and DR5 names of DR6 and DR7?
fn registers_that_are_not_there() -> Outcome {
    for register in [8, 9, 64, 0xffff_ffff] {
        returns!(set(register, 0), -ENODEV, "set DR{register}");
        returns!(get(register), -ENODEV, "get DR{register}");
    }
    returns!(set(4, 0xf), 0, "DR4 = 0xf");
    returns!(get(6), (DR6 | 0xf) as i64, "DR6");
    returns!(get(4), (DR6 | 0xf) as i64, "DR4");
    returns!(get(5), DR7 as i64, "DR5");
    reset();
    Ok(())
}

/// Are breakpoints at addresses of the hypervisor's, and at none, refused?
fn hypervisors_addresses_are_refused() -> Outcome {
    for register in 0..4 {
        for address in [
            *mem::HYPERVISOR.start(),
            *mem::HYPERVISOR.end(),
            0xffff_8080_0000_0000,
            1 << 47,
            0xffff_7fff_ffff_ffff,
        ] {
            returns!(
                set(register, address),
                -EPERM,
                "DR{register} = {address:#x}"
            );
        }
        returns!(get(register), 0, "DR{register}");
    }
    Ok(())
}

/// Are general detect, and I/O breakpoints without CR4.DE, refused?
fn privileged_conditions_are_refused() -> Outcome {
    returns!(set(7, 1 << 13), -EPERM, "general detect");
    returns!(set(7, 1 | 2 << 16), -EPERM, "an I/O breakpoint");
    returns!(get(7), DR7 as i64, "DR7");
    reset();
    Ok(())
}

/// Do `mov dr` and the hypercalls see the same registers?
fn emulated_moves_are_the_same() -> Outcome {
    returns!(set(0, 0x5000), 0, "DR0");
    let regs = Regs {
        rax: 0x6000,
        rbx: 1 << 2,
        ..MARKED
    };
    let trap = trap::kernel(write_dr, regs);
    check!(trap.kind == Kind::Returned, "seen {trap:x?}");
    same!(trap.regs.rcx, 0x6000, "DR1");
    same!(trap.regs.rdx, DR7 | 1 << 2, "DR7");
    returns!(get(0), 0x5000, "DR0 by the hypercall");
    returns!(get(1), 0, "DR1 by the hypercall");
    reset();
    Ok(())
}

/// Does a store to a watched word trap behind it, in kernel and user?
fn watchpoint_on_a_store() -> Outcome {
    for (place, data) in places() {
        arm(0, data, WRITE, EIGHT)?;
        let regs = Regs {
            rdi: data,
            ..MARKED
        };
        let trap = place.run(store, regs);
        is_db("store", &trap, place.address(store) + 3, 1)?;
        arm(0, data, WRITE, EIGHT)?;
        let trap = place.run(load, regs);
        reset();
        check!(
            trap.kind == Kind::Vector(6),
            "a load does not count, seen {trap:x?}"
        );
    }
    Ok(())
}

/// Does a load as well, where it is asked for?
fn watchpoint_on_a_load() -> Outcome {
    for (place, data) in places() {
        arm(3, data, ACCESS, EIGHT)?;
        let regs = Regs {
            rdi: data,
            ..MARKED
        };
        let trap = place.run(load, regs);
        is_db("load", &trap, place.address(load) + 3, 8)?;
    }
    Ok(())
}

/// Does a breakpoint on an instruction trap before it?
fn instruction_breakpoint() -> Outcome {
    for (place, _) in places() {
        let at = place.address(nops) + 1;
        arm(1, at, EXECUTE, 0)?;
        let trap = place.run(nops, MARKED);
        is_db("second nop", &trap, at, 2)?;
    }
    Ok(())
}

/// Does RF in an iret frame let the instruction pass?
fn resume_flag_goes_past_it() -> Outcome {
    let start = user::start(nops, MARKED);
    for (rflags, vector) in [(user::RFLAGS, 1), (user::RFLAGS | RF, 6)] {
        arm(1, user::CODE, EXECUTE, 0)?;
        let trap = trap::run(&Start { rflags, ..start });
        reset();
        check!(
            trap.kind == Kind::Vector(vector),
            "RFLAGS {rflags:#x}: expected vector {vector}, seen {trap:x?}"
        );
    }
    Ok(())
}

/// Are all four there, and named in DR6?
fn four_at_once() -> Outcome {
    for index in 0..4 {
        let at = user::CODE + (index % 3);
        for (register, place) in (0..4).zip([0, 1, 2, 0]) {
            let address = if register == index {
                at
            } else {
                user::FREE + place
            };
            returns!(set(register, address), 0, "DR{register}");
        }
        returns!(set(6, 0), 0, "DR6");
        returns!(set(7, 0xaa), 0, "DR7: all four, globally");
        let trap = user::run(nops, MARKED);
        is_db("nop", &trap, at, 1 << index)?;
    }
    Ok(())
}

/// Is nothing left of a breakpoint that has been disarmed?
fn disarmed_is_silent() -> Outcome {
    for (place, data) in places() {
        arm(0, data, WRITE, EIGHT)?;
        returns!(set(7, 0), 0, "DR7 = 0");
        let regs = Regs {
            rdi: data,
            ..MARKED
        };
        let trap = place.run(store, regs);
        check!(trap.kind == Kind::Vector(6), "seen {trap:x?}");
        returns!(get(6), DR6 as i64, "DR6");
    }
    reset();
    Ok(())
}

/// Does a breakpoint outlast the vCPU's sleep?
fn armed_across_a_sleep() -> Outcome {
    let data = places()[1].1;
    arm(2, data, WRITE, EIGHT)?;
    let poll = SchedPoll {
        timeout: event::now() + 5_000_000,
        ..Default::default()
    };
    let slept = hypercall(SCHED_OP, &[u64::from(SCHEDOP_POLL), at(&poll)]);
    returns!(slept, 0, "poll");
    let regs = Regs {
        rdi: data,
        ..MARKED
    };
    let trap = user::run(store, regs);
    is_db("store", &trap, user::CODE + 3, 4)
}

/// Does the hypervisor write a watched word for the guest without anybody trapping?
fn hypervisors_own_accesses_do_not_trap() -> Outcome {
    let mut done = [0_u64; 2];
    let word = core::ptr::from_mut(&mut done[0]) as u64;
    arm(0, word, ACCESS, EIGHT)?;
    let result = hypercall(
        pv_guest_abi::hypercall::XEN_VERSION,
        &[
            u64::from(pv_guest_abi::version::XENVER_PLATFORM_PARAMETERS),
            word,
        ],
    );
    let dr6 = get(6);
    reset();
    returns!(result, 0, "xen_version");
    same!(dr6 as u64, DR6, "DR6");
    same!(done[0], *mem::HYPERVISOR.start(), "the word");
    Ok(())
}

/// A start in kernel mode through iret, with flags.
fn in_kernel(code: Code, regs: Regs, rflags: u64) -> Start {
    Start {
        by_iret: 1,
        cs: 0xe030,
        rflags,
        rsp: mem::page() + mem::PAGE - 256,
        ss: 0xe02b,
        ..Start::kernel(code, regs)
    }
}

/// Does a single step have its bit in DR6, and does the bit stay until it is cleared?
fn single_step_sets_its_bit() -> Outcome {
    let user = Start {
        rflags: user::RFLAGS | TF,
        ..user::start(nops, MARKED)
    };
    for start in [user, in_kernel(nops, MARKED, user::RFLAGS | TF)] {
        let trap = trap::run(&start);
        check!(trap.kind == Kind::Vector(1), "expected #DB, seen {trap:x?}");
        same!(trap.rip, start.rip + 1, "RIP");
        same!(get(6) as u64, DR6 | BS, "DR6");
        same!(get(6) as u64, DR6 | BS, "DR6 once more");
        is_db("step", &trap, start.rip + 1, BS)?;
    }
    Ok(())
}

/// Does a step over `syscall` enter the kernel without a trap in its entry, with TF in the frame?
fn single_step_over_a_system_call() -> Outcome {
    let start = Start {
        rflags: user::RFLAGS | TF,
        ..user::start(syscall, MARKED)
    };
    let trap = trap::run(&start);
    check!(
        trap.kind == Kind::Syscall,
        "expected the system call, seen {trap:x?}"
    );
    same!(trap.rip, start.rip + 2, "RIP");
    same!(trap.rflags & TF, TF, "TF in the frame");
    same!(trap.own_rflags & TF, 0, "TF in the handler");
    let trap = trap::run(&Start {
        rip: trap.rip,
        ..start
    });
    is_db("behind the call", &trap, start.rip + 3, BS)
}

/// Does a step over a hypercall end behind it?
fn single_step_over_a_hypercall() -> Outcome {
    let regs = Regs {
        rax: pv_guest_abi::hypercall::XEN_VERSION.into(),
        rdi: 0,
        ..MARKED
    };
    let start = in_kernel(syscall, regs, user::RFLAGS | TF);
    let trap = trap::run(&start);
    same!(trap.regs.rax, 0x4_0011, "the hypercall's result");
    is_db("behind the call", &trap, start.rip + 2, BS)
}

/// A watched load of SS holds its #DB back for one instruction. Whatever that is, a way into
/// the hypervisor too, nobody but the guest may notice.
fn breakpoint_held_back_by_mov_ss() -> Outcome {
    for vector in [3, 0x80] {
        trap::set_gate(vector, 3, true).map_err(|e| alloc::format!("the gate: {e}"))?;
    }
    let ss: u64;
    // SAFETY: reading a selector.
    unsafe { core::arch::asm!("mov {0:e}, ss", out(reg) ss, options(nomem, nostack)) };
    let [(_, kernel_data), (_, user_data)] = places();
    mem::write(kernel_data, ss);
    mem::write(user::space().data + 0x80, 0xe02b);
    // A word is two bytes long: length 1 of DR7.
    for (name, code) in [
        ("syscall", ss_syscall as Code),
        ("int3", ss_int3),
        ("int 0x80", ss_int80),
        ("ud2", ss_ud2),
    ] {
        for (place, data) in [(Where::Kernel, kernel_data), (Where::User, user_data)] {
            arm(0, data, ACCESS, 1)?;
            let regs = Regs {
                rdi: data,
                rax: pv_guest_abi::hypercall::XEN_VERSION.into(),
                ..MARKED
            };
            let trap = place.run(code, regs);
            reset();
            // #DB at the first instruction that could be interrupted; some let the second
            // instruction's own entry come first, and forget the #DB.
            let entered = [
                Kind::Vector(1),
                Kind::Vector(3),
                Kind::Vector(6),
                Kind::Syscall,
            ];
            check!(
                entered.contains(&trap.kind) || trap.kind == Kind::Vector(0x80),
                "{name} in {place:?}: seen {trap:x?}"
            );
        }
    }
    let version = Xen::version();
    check!(version.is_ok(), "the hypervisor's answer: {version:?}");
    Ok(())
}
