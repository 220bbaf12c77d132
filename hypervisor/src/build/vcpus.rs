//! A domain's vCPUs: the first one ready to enter the kernel, the others offline until
//! the kernel brings them up.

use super::{Spec, Why};
use crate::domain::Domain;
use crate::sched;
use crate::vcpu::{Vcpu, VcpuState};
use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;
use xenolith_mech::entry::Regs;
use xenolith_mech::guest::{Bases, FpuState};
use xenolith_mech::smp;
use xenolith_rules::build::InitialRegisters;
use xenolith_rules::paging::UserBit;
use xenolith_rules::trap::selectors::{KERNEL_CODE64, KERNEL_DATA};
use xenolith_rules::trap::{Callbacks, Mode, TrapTable};
use xenolith_rules::types::{CpuId, Mfn, VcpuId};

/// Creates the vCPUs, enters the domain into the table of domains, and gives the vCPUs
/// their places in the run queues. The first one is returned, parked and offline.
pub fn create(
    domain: &Arc<Domain>,
    spec: &Spec,
    registers: &InitialRegisters,
    root: Mfn,
) -> Result<Arc<Vcpu>, Why> {
    let homes: Vec<_> = (0..smp::count())
        .map(CpuId)
        .filter(|&cpu| spec.affinity.may(cpu))
        .collect();
    let vcpus: Vec<_> = (0..spec.vcpus)
        .map(|id| {
            let home = homes
                .get(id as usize % homes.len().max(1))
                .copied()
                .unwrap_or(CpuId(0));
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
        .ok_or(Why::OutOfMemory("the vCPUs"))?;
    let mut state = initial_state(registers, root);
    // Where the U bit protects nothing, user code needs a root table without the kernel.
    state.on_user_root = domain.policy.user_bit == UserBit::Forced;
    let fresh = first.initialise(Box::new(state));
    debug_assert!(fresh.is_ok());
    domain.publish(vcpus.clone());
    sched::add_domain(domain.id, spec.weight);
    for vcpu in &vcpus {
        sched::add(vcpu, spec.affinity);
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
