//! Descriptor tables and debug registers: `set_gdt`, `update_descriptor`, `set_debugreg`,
//! `get_debugreg` (`public/xen.h`).

use super::{Answer, Call, OK, Outcome};
use crate::pages::{LIVE, errno};
use crate::running::Running;
use crate::{debug, segments};
use pv_guest_abi::errno::Errno;
use xenolith_rules::descriptor::{Descriptor, Forbidden, GDT_FRAMES, gdt_frames};
use xenolith_rules::emulate::debug::{DebugError, register};
use xenolith_rules::types::{MfnClaim, PAGE_SIZE};

/// `set_gdt(frames, entries)`: the frames of the guest's part of the GDT.
pub fn set_gdt(running: &mut Running, call: &Call) -> Answer {
    let count = gdt_frames(call.word(1)).ok_or(Errno::EINVAL)?;
    let mut frames = [0; GDT_FRAMES];
    for (index, frame) in (0..).zip(&mut frames[..count]) {
        *frame = running.space().read_element(call.pointer(0), index)?;
    }
    segments::set_gdt(running, &frames[..count])?;
    OK
}

/// `update_descriptor(maddr, descriptor)`: into a table in use, or a page that may be written.
pub fn update_descriptor(running: &mut Running, call: &Call) -> Answer {
    let (maddr, given) = (call.args[0], Descriptor(call.args[1]));
    if maddr % 8 != 0 {
        return Err(Errno::EINVAL);
    }
    let vetted = given.vet().map_err(|Forbidden| Errno::EINVAL)?;
    let frame = MfnClaim(maddr / PAGE_SIZE);
    let index = (maddr % PAGE_SIZE / 8) as usize;
    let mut tables = running.domain.pages.tables();
    tables
        .write_descriptor(&LIVE, frame, index, vetted.0)
        .map_err(errno)?;
    OK
}

/// `set_debugreg(register, value)`.
pub fn set_debugreg(running: &mut Running, call: &Call) -> Answer {
    let register = named(running, call).ok_or(Errno::ENODEV)?;
    match debug::registers(running).write(register, call.args[1]) {
        Ok(new) => debug::set_registers(running, new),
        Err(DebugError::NoSuchRegister) => return Err(Errno::ENODEV),
        Err(DebugError::NotAllowed) => return Err(Errno::EPERM),
        Err(DebugError::Reserved) => return Err(Errno::EINVAL),
    }
    OK
}

/// `get_debugreg(register)`: the value is the result.
pub fn get_debugreg(running: &mut Running, call: &Call) -> Answer {
    let register = named(running, call).ok_or(Errno::ENODEV)?;
    let value = debug::registers(running).read(register);
    Ok(Outcome::Done(value.ok_or(Errno::ENODEV)? as i64))
}

/// The register that a call names.
fn named(running: &Running, call: &Call) -> Option<u32> {
    register(call.word(0).into(), running.state.cr4)
}
