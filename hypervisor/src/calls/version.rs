//! `xen_version(cmd, arg)` (`public/version.h`): whom a guest is running on.

use super::{Answer, Call, Outcome};
use crate::domain::Rights;
use crate::running::Running;
use pv_guest_abi::errno::Errno;
use pv_guest_abi::features::*;
use pv_guest_abi::version::*;
use pv_guest_abi::xen_x86::HYPERVISOR_VIRT_START;
use xenolith_rules::types::PAGE_SIZE;
use zerocopy::FromZeros;

/// The release whose ABI this is: 4.17.
const VERSION: i64 = 4 << 16 | 17;
const EXTRAVERSION: &str = ".7-xenolith";
/// Tools look for this name followed by a blank.
const CAPABILITIES: &str = "xen-3.0-x86_64 ";

/// Serves all sub-operations of `xen_version`.
pub fn xen_version(running: &mut Running, call: &Call) -> Answer {
    let (space, at) = (running.space(), call.pointer(1));
    match call.word(0) {
        XENVER_VERSION => return Ok(Outcome::Done(VERSION)),
        XENVER_EXTRAVERSION => {
            space.write_bytes(at, &text::<XEN_EXTRAVERSION_LEN>(EXTRAVERSION))?;
        }
        XENVER_COMPILE_INFO => space.write(at, &compile_info())?,
        XENVER_CAPABILITIES => {
            space.write_bytes(at, &text::<XEN_CAPABILITIES_INFO_LEN>(CAPABILITIES))?;
        }
        XENVER_CHANGESET => {
            space.write_bytes(
                at,
                &text::<XEN_CHANGESET_INFO_LEN>(env!("CARGO_PKG_VERSION")),
            )?;
        }
        XENVER_PLATFORM_PARAMETERS => {
            let virt_start = HYPERVISOR_VIRT_START;
            space.write(at, &PlatformParameters { virt_start })?;
        }
        XENVER_GET_FEATURES => {
            let mut info: FeatureInfo = space.read(at)?;
            info.submap = if info.submap_idx == 0 {
                features(running)
            } else {
                0
            };
            space.write(at, &info)?;
        }
        XENVER_PAGESIZE => return Ok(Outcome::Done(PAGE_SIZE as i64)),
        XENVER_GUEST_HANDLE => space.write_bytes(at, &[0; 16])?,
        XENVER_COMMANDLINE => {
            let line = if running.domain.may(Rights::CONTROL) {
                crate::machine::command_line()
            } else {
                ""
            };
            space.write_bytes(at, &text::<1024>(line))?;
        }
        XENVER_BUILD_ID => return Err(Errno::ENODATA),
        _ => return Err(Errno::ENOSYS),
    }
    Ok(Outcome::Done(0))
}

/// What a guest may rely on (`public/features.h`).
fn features(running: &Running) -> u32 {
    let offered = 1 << XENFEAT_PAE_PGDIR_ABOVE_4GB
        | 1 << XENFEAT_MMU_PT_UPDATE_PRESERVE_AD
        | 1 << XENFEAT_HIGHMEM_ASSIST
        | 1 << XENFEAT_GNTTAB_MAP_AVAIL_BITS
        | 1 << XENFEAT_MEMORY_OP_VNODE_SUPPORTED
        | 1 << XENFEAT_DIRECT_MAPPED;
    if running.domain.may(Rights::CONTROL) {
        offered | 1 << XENFEAT_DOM0
    } else {
        offered
    }
}

fn compile_info() -> CompileInfo {
    let mut info = CompileInfo::new_zeroed();
    info.compiler = text("rustc");
    info.compile_by = text("xenolith");
    info
}

/// A text in a field of `N` bytes, cut to leave room for the final NUL.
fn text<const N: usize>(text: &str) -> [u8; N] {
    let mut field = [0; N];
    let len = text.len().min(N - 1);
    field[..len].copy_from_slice(&text.as_bytes()[..len]);
    field
}
