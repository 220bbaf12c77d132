//! The process itself.

use alloc::sync::Arc;

use pv_guest_abi::xen_x86::{SEGBASE_FS, SEGBASE_GS_USER};
use zerocopy::FromZeros;

use super::Result;
use super::error::Error;
use super::wire::{Names, TimeSpec};
use crate::memory::{USER_SPACE, user};
use crate::process::{Process, State, schedule};
use crate::{Xen, random, time};

/// `exit`, `exit_group`.
pub fn exit(process: &Arc<Process>, status: u64) -> Result {
    process.finish((status & 0xff) as i32);
    Ok(0)
}

/// `kill` and its kin: a process can end itself by a signal, and nobody else.
pub fn signal_self(process: &Arc<Process>, id: u64, signal: u64) -> Result {
    if id != u64::from(process.id) {
        return Err(Error::ESRCH);
    }
    match signal {
        0 => {}
        1..=64 => process.finish(128 + signal as i32),
        _ => return Err(Error::EINVAL),
    }
    Ok(0)
}

/// `arch_prctl`: a program's thread data is found by the base of FS.
pub fn segment_base(process: &Arc<Process>, code: u64, base: u64) -> Result {
    const SET_GS: u64 = 0x1001;
    const SET_FS: u64 = 0x1002;
    const GET_FS: u64 = 0x1003;
    const GET_GS: u64 = 0x1004;
    let (fs, gs) = process.segment_bases();
    let set = |which, fs, gs| {
        if base >= USER_SPACE.end {
            return Err(Error::EINVAL);
        }
        // SAFETY: the kernel addresses nothing by FS or GS.
        unsafe { Xen::set_segment_base(which, base) }.map_err(|_| Error::EINVAL)?;
        process.set_segment_bases(fs, gs);
        Ok(0)
    };
    match code {
        SET_FS => set(SEGBASE_FS, base, gs),
        SET_GS => set(SEGBASE_GS_USER, fs, base),
        GET_FS => Ok(user::write(base, &fs).map(|()| 0)?),
        GET_GS => Ok(user::write(base, &gs).map(|()| 0)?),
        _ => Err(Error::EINVAL),
    }
}

/// `uname`. C libraries refuse to run on a Linux that is too old for them.
pub fn names(address: u64) -> Result {
    let mut names = Names::new_zeroed();
    let mut set = |field: fn(&mut Names) -> &mut [u8; 65], text: &str| {
        field(&mut names)[..text.len()].copy_from_slice(text.as_bytes());
    };
    set(|names| &mut names.system, "Linux");
    set(|names| &mut names.node, "stub");
    set(|names| &mut names.release, "6.1.0-stub");
    set(
        |names| &mut names.version,
        concat!("guest-kernel-stub ", env!("CARGO_PKG_VERSION")),
    );
    set(|names| &mut names.machine, "x86_64");
    user::write(address, &names)?;
    Ok(0)
}

/// `prlimit64`: the stack is limited, all else is not.
pub fn limits(resource: u64, old: u64) -> Result {
    const STACK: u64 = 3;
    let limit: u64 = if resource == STACK { 8 << 20 } else { u64::MAX };
    if old != 0 {
        user::write(old, &[limit, limit])?;
    }
    Ok(0)
}

/// `getrandom`.
pub fn random(address: u64, count: u64) -> Result {
    let mut bytes = [0; 256];
    let bytes = &mut bytes[..count.min(256) as usize];
    random::fill(bytes);
    user::write_bytes(address, bytes)?;
    Ok(bytes.len() as u64)
}

/// `sched_yield`.
pub fn give_way() -> Result {
    schedule::give_up();
    Ok(0)
}

/// `sched_getaffinity`: one processor.
pub fn processors(size: u64, address: u64) -> Result {
    if size < 8 {
        return Err(Error::EINVAL);
    }
    user::write(address, &1_u64)?;
    Ok(8)
}

/// `futex` of a process with one thread: nobody else could wake it, so only time can.
pub fn futex(
    process: &Arc<Process>,
    address: u64,
    operation: u64,
    expected: u64,
    timeout: u64,
) -> Result {
    const COMMAND: u64 = 0x7f;
    const WAIT: u64 = 0;
    const WAKE: u64 = 1;
    const WAIT_BITSET: u64 = 9;
    match operation & COMMAND {
        WAIT | WAIT_BITSET => {
            if user::read::<u32>(address)? != expected as u32 {
                return Err(Error::EAGAIN);
            }
            let until_ns = match timeout {
                0 => u64::MAX,
                at => {
                    let time_ns = user::read::<TimeSpec>(at)?.to_ns().ok_or(Error::EINVAL)?;
                    // WAIT names a duration, WAIT_BITSET a time.
                    let from = if operation & COMMAND == WAIT {
                        time::now_ns()
                    } else {
                        0
                    };
                    from.saturating_add(time_ns)
                }
            };
            schedule::wait_in(State::Sleeping { until_ns });
            Err(if process.ending().is_some() {
                Error::EINTR
            } else {
                Error::ETIMEDOUT
            })
        }
        WAKE => Ok(0),
        _ => Err(Error::ENOSYS),
    }
}

/// `rt_sigprocmask`: no signal is ever blocked, because none is delivered.
pub fn signal_mask(old: u64, size: u64) -> Result {
    if old != 0 {
        let zeros = [0; 128];
        user::write_bytes(old, &zeros[..size.min(128) as usize])?;
    }
    Ok(0)
}
