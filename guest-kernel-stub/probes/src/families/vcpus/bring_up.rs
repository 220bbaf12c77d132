//! Up, down, and up again.

use core::sync::atomic::{AtomicU64, Ordering::SeqCst};

use guest_kernel_stub::{Xen, println, vcpus};
use pv_guest_abi::errno::{EEXIST, EFAULT, EINVAL, ENOENT, ENOSYS};
use pv_guest_abi::vcpu::*;

use super::probes;
use crate::kit::vcpus::{
    MS, all, at_least, call, context, initialise, op, post, runstate, until, words,
};
use crate::kit::{Outcome, event, mem};

probes!(vcpus:
    all_come_up,
    absent_ids,
    initialise_twice,
    up_needs_a_context,
    up_and_down_of_what_is_so,
    goes_on_behind_its_own_down,
    goes_on_where_another_took_it_down,
    down_of_the_last_is_poweroff,
    last_but_one_is_not_the_last,
    operations_that_are_none,
);

static SEEN: crate::kit::vcpus::Words = words();

/// Do all vCPUs come up, each knowing itself, on its own stack?
fn all_come_up() -> Outcome {
    let count = vcpus::count();
    for id in 1..count {
        returns!(op(VCPUOP_IS_UP, id, 0), 0, "is_up of vCPU {id} before");
    }
    all(1)?;
    for id in 1..count {
        returns!(op(VCPUOP_IS_UP, id, 0), 1, "is_up of vCPU {id}");
        call(
            id,
            |_| {
                let here = 0u64;
                SEEN[vcpus::this().id as usize].store(&raw const here as u64, SeqCst);
            },
            0,
        )?;
        let (stack, top) = (SEEN[id as usize].load(SeqCst), vcpus::stack_top(id));
        check!(
            (top - 4096..top).contains(&stack),
            "vCPU {id}: expected a stack below {top:#x}, seen {stack:#x}"
        );
    }
    Ok(())
}

/// Is every operation on a vCPU that is not there -ENOENT, whatever its argument?
fn absent_ids() -> Outcome {
    let count = vcpus::count();
    for id in [count, count + 1, 64, 127, 8191, u32::MAX] {
        for command in 0..16 {
            returns!(op(command, id, 0), -ENOENT, "vcpu_op({command}, {id})");
        }
    }
    Ok(())
}

/// Is a second context refused, for our own vCPU too, and is a bad pointer told first?
fn initialise_twice() -> Outcome {
    at_least(2)?;
    let good = context(1, park);
    returns!(initialise(0, &good), -EEXIST, "a context for vCPU 0");
    returns!(op(VCPUOP_INITIALISE, 0, 0), -EFAULT, "none for vCPU 0");
    returns!(op(VCPUOP_INITIALISE, 1, 0), -EFAULT, "none for vCPU 1");
    returns!(initialise(1, &good), 0, "a context for vCPU 1");
    returns!(initialise(1, &good), -EEXIST, "a second one");
    returns!(op(VCPUOP_INITIALISE, 1, 0), -EFAULT, "none as the second");
    returns!(op(VCPUOP_UP, 1, 0), 0, "up");
    returns!(initialise(1, &good), -EEXIST, "a third one, while it runs");
    returns!(op(VCPUOP_DOWN, 1, 0), 0, "down");
    returns!(
        initialise(1, &good),
        -EEXIST,
        "a fourth one, while it is down"
    );
    Ok(())
}

/// Is `up` of a vCPU without a context -EINVAL?
fn up_needs_a_context() -> Outcome {
    at_least(2)?;
    returns!(op(VCPUOP_UP, 1, 0), -EINVAL, "up");
    returns!(op(VCPUOP_IS_UP, 1, 0), 0, "is_up");
    returns!(op(VCPUOP_DOWN, 1, 0), 0, "down of what was never up");
    returns!(op(VCPUOP_UP, 1, 0), -EINVAL, "up again");
    Ok(())
}

/// Are `up` of a vCPU that is up, and `down` of one that is down, without effect?
fn up_and_down_of_what_is_so() -> Outcome {
    all(2)?;
    returns!(op(VCPUOP_UP, 1, 0), 0, "up of vCPU 1, which is up");
    returns!(op(VCPUOP_UP, 0, 0), 0, "up of vCPU 0, which runs this");
    call(1, |_| {}, 0)?;
    vcpus::down(1).map_err(|error| alloc::format!("down: {error}"))?;
    returns!(op(VCPUOP_DOWN, 1, 0), 0, "down of vCPU 1, which is down");
    returns!(op(VCPUOP_IS_UP, 1, 0), 0, "is_up");
    Ok(())
}

static STEP: AtomicU64 = AtomicU64::new(0);
static RESULT: AtomicU64 = AtomicU64::new(0);

/// Does a vCPU that took itself down go on behind that call, which returns 0, when it is
/// brought up without a new context?
fn goes_on_behind_its_own_down() -> Outcome {
    all(2)?;
    for round in 1..=5 {
        post(
            1,
            |round| {
                STEP.store(2 * round - 1, SeqCst);
                RESULT.store(op(VCPUOP_DOWN, 1, 0) as u64, SeqCst);
                STEP.store(2 * round, SeqCst);
            },
            round,
        )?;
        until("vCPU 1 is down", || op(VCPUOP_IS_UP, 1, 0) == 0)?;
        let state = runstate(1)?;
        same!(STEP.load(SeqCst), 2 * round - 1, "steps while it is down");
        event::spin(5 * MS);
        same!(STEP.load(SeqCst), 2 * round - 1, "steps after a while");
        until("the run state is offline", || {
            runstate(1).is_ok_and(|info| info.state == RUNSTATE_OFFLINE)
        })?;
        check!(
            runstate(1)?.time[0] >= state.time[0],
            "its running time went back"
        );
        returns!(op(VCPUOP_UP, 1, 0), 0, "up");
        until("vCPU 1 goes on", || STEP.load(SeqCst) == 2 * round)?;
        same!(RESULT.load(SeqCst), 0, "what its down returned");
        until("its job is done", || vcpus::get(1).is_idle())?;
    }
    Ok(())
}

/// Does a vCPU that another one took down stand still, and go on where it was?
fn goes_on_where_another_took_it_down() -> Outcome {
    all(2)?;
    crate::kit::vcpus::start_spinning(1..2, &SEEN)?;
    for _ in 0..5 {
        let before = SEEN[1].load(SeqCst);
        until("vCPU 1 counts", || SEEN[1].load(SeqCst) > before + 100)?;
        returns!(op(VCPUOP_DOWN, 1, 0), 0, "down");
        returns!(op(VCPUOP_IS_UP, 1, 0), 0, "is_up");
        // The call does not wait for it to leave its pCPU.
        until("the run state is offline", || {
            runstate(1).is_ok_and(|info| info.state == RUNSTATE_OFFLINE)
        })?;
        let stood = SEEN[1].load(SeqCst);
        event::spin(2 * MS);
        same!(SEEN[1].load(SeqCst), stood, "its count while it is down");
        returns!(op(VCPUOP_UP, 1, 0), 0, "up");
        until("vCPU 1 counts on", || SEEN[1].load(SeqCst) > stood)?;
    }
    crate::kit::vcpus::stop_spinning(1..2)
}

/// Does the domain power off when its last vCPU goes down?
fn down_of_the_last_is_poweroff() -> Outcome {
    println!("PROBE vcpus::down_of_the_last_is_poweroff pass");
    let returned = op(VCPUOP_DOWN, 0, 0);
    println!("down of the last vCPU returned {returned}");
    loop {
        // What a guest gets to run after that must not end it otherwise.
        core::hint::spin_loop();
    }
}

/// Is vCPU 0 just one of them: does the domain go on when it is down and another is not?
fn last_but_one_is_not_the_last() -> Outcome {
    all(2)?;
    post(
        1,
        |_| {
            while op(VCPUOP_IS_UP, 0, 0) != 0 {
                core::hint::spin_loop();
            }
            STEP.store(1, SeqCst);
            let _ = Xen::vcpu_is_up(0);
            RESULT.store(op(VCPUOP_UP, 0, 0) as u64, SeqCst);
        },
        0,
    )?;
    returns!(op(VCPUOP_DOWN, 0, 0), 0, "down of vCPU 0");
    same!(STEP.load(SeqCst), 1, "what vCPU 1 has done meanwhile");
    crate::kit::vcpus::finish(1)?;
    same!(RESULT.load(SeqCst), 0, "what its up of vCPU 0 returned");
    Ok(())
}

/// Are numbers that are no operation -ENOSYS, and those refused that we are no party to?
fn operations_that_are_none() -> Outcome {
    at_least(2)?;
    for command in [14, 15, 16, 100, u32::MAX] {
        returns!(op(command, 0, mem::page()), -ENOSYS, "vcpu_op({command})");
    }
    returns!(op(VCPUOP_GET_PHYSID, 0, mem::page()), -EINVAL, "get_physid");
    returns!(
        op(VCPUOP_GET_RUNSTATE_INFO, 1, 0),
        -EFAULT,
        "get_runstate_info to nowhere"
    );
    Ok(())
}

extern "C" fn park() -> ! {
    loop {
        let _ = Xen::block();
    }
}
