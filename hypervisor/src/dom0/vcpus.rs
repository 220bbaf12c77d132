//! Domain 0's vCPUs: the first one ready to enter the kernel, the others offline until
//! the kernel brings them up.

use super::BuildError;
use crate::domain::Domain;
use crate::sched;
use crate::shared::LEGACY_VCPUS;
use crate::vcpu::{Vcpu, VcpuState};
use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;
use xenolith_mech::entry::Regs;
use xenolith_mech::guest::{Bases, FpuState};
use xenolith_mech::smp;
use xenolith_rules::build::InitialRegisters;
use xenolith_rules::cmdline::Options;
use xenolith_rules::paging::UserBit;
use xenolith_rules::sched::{Affinity, Weight};
use xenolith_rules::trap::selectors::{KERNEL_CODE64, KERNEL_DATA};
use xenolith_rules::trap::{Callbacks, Mode, TrapTable};
use xenolith_rules::types::{CpuId, Mfn, VcpuId};

/// Period of the timer that runs until a guest stops it: small kernels live by it.
const PERIOD_NS: u64 = 10_000_000;

/// Creates the vCPUs, enters the domain into the table of domains, and gives the vCPUs
/// their places in the run queues. The first one is returned, parked and offline.
pub fn create(
    domain: &Arc<Domain>,
    options: &Options,
    registers: &InitialRegisters,
    root: Mfn,
) -> Result<Arc<Vcpu>, BuildError> {
    let pcpus = smp::count();
    let count = options.dom0_max_vcpus.count(pcpus).min(LEGACY_VCPUS);
    domain
        .events
        .open(count)
        .map_err(|_| BuildError::OutOfMemory("the event channels"))?;
    let vcpus: Vec<_> = (0..count)
        .map(|id| {
            let home = CpuId(id % pcpus);
            Arc::new(Vcpu::new(
                Arc::downgrade(domain),
                domain.id,
                VcpuId(id),
                home,
            ))
        })
        .collect();
    let first = vcpus
        .first()
        .cloned()
        .ok_or(BuildError::OutOfMemory("the vCPUs"))?;
    let mut state = initial_state(registers, root);
    // Where the U bit protects nothing, user code needs a root table without the kernel.
    state.on_user_root = domain.policy.user_bit == UserBit::Forced;
    let fresh = first.initialise(Box::new(state));
    debug_assert!(fresh.is_ok());
    first.timers.set_period(PERIOD_NS);
    domain.publish(vcpus.clone());
    sched::add_domain(domain.id, Weight::default());
    for vcpu in &vcpus {
        sched::add(vcpu, Affinity::default());
    }
    Ok(first)
}

/// The state in which a kernel finds its first vCPU.
fn initial_state(registers: &InitialRegisters, root: Mfn) -> VcpuState {
    VcpuState {
        regs: Regs {
            rip: registers.rip,
            rsp: registers.rsp,
            rsi: registers.rsi,
            rflags: registers.rflags,
            cs: KERNEL_CODE64.into(),
            ss: KERNEL_DATA.into(),
            ..Regs::default()
        },
        mode: Mode::Kernel,
        bases: Bases::default(),
        fpu: FpuState::default(),
        kernel_root: root,
        user_root: None,
        on_user_root: false,
        kernel_sp: registers.rsp,
        traps: TrapTable::new(),
        callbacks: Callbacks::default(),
        cr2: 0,
        cr4: 0,
        task_switched: false,
        in_nmi: false,
        segments: Default::default(),
        debug: Default::default(),
        call: None,
    }
}
