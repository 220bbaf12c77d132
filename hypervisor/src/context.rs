//! A vCPU's first context, as its guest gives it (`VCPUOP_initialise`,
//! `vcpu_guest_context` of `public/arch-x86/xen.h`).

use crate::calls::{Answer, Call, OK, Outcome};
use crate::debug::Debug;
use crate::pages::{self, LIVE};
use crate::running::Running;
use crate::segments::Segments;
use crate::shared::LEGACY_VCPUS;
use crate::vcpu::{Vcpu, VcpuState};
use alloc::boxed::Box;
use pv_guest_abi::callback::{
    CALLBACKF_MASK_EVENTS, CALLBACKTYPE_EVENT, CALLBACKTYPE_FAILSAFE, CALLBACKTYPE_SYSCALL,
};
use pv_guest_abi::errno::Errno;
use pv_guest_abi::xen_x86::{
    VGCF_FAILSAFE_DISABLES_EVENTS, VGCF_I387_VALID, VGCF_IN_KERNEL, VGCF_SYSCALL_DISABLES_EVENTS,
    VcpuGuestContext, cr3_to_pfn,
};
use xenolith_mech::entry::Regs;
use xenolith_mech::guest::{Bases, FpuState};
use xenolith_rules::paging::{Budget, Progress, UserBit};
use xenolith_rules::trap::{Callbacks, Mode, TrapTable, check_kernel_stack, rflags, selectors};
use xenolith_rules::types::{GuestAddr, Mfn, MfnClaim};

/// Table entries looked at before others get a chance.
const SLICE: u32 = 2048;

/// CR0's task-switched bit, the only one that is the guest's to choose.
const CR0_TS: u64 = 1 << 3;

/// Gives a vCPU its first context. Nothing is kept unless all of it is good.
pub fn initialise(running: &mut Running, vcpu: &Vcpu, call: Call) -> Answer {
    if vcpu.id.0 >= LEGACY_VCPUS && vcpu.registered_info().is_none() {
        return Err(Errno::EINVAL);
    }
    // 5 KiB: not for the stack.
    let given: Box<VcpuGuestContext> = read(running, call.pointer(2))?;
    if vcpu.is_initialised() {
        return Err(Errno::EEXIST);
    }
    let mut state = without_roots(&given)?;
    state.on_user_root = running.domain.policy.user_bit == UserBit::Forced;

    let mut budget = Budget::new(SLICE);
    let kernel = MfnClaim(cr3_to_pfn(given.ctrlreg[3]));
    let Progress::Done(root) = take_root(running, &mut budget, kernel)? else {
        return Ok(Outcome::Again(call));
    };
    state.kernel_root = root;
    if given.ctrlreg[1] != 0 {
        let user = MfnClaim(cr3_to_pfn(given.ctrlreg[1]));
        match take_root(running, &mut budget, user) {
            Ok(Progress::Done(root)) => state.user_root = Some(root),
            Ok(Progress::Again) => {
                drop_roots(running, &state);
                return Ok(Outcome::Again(call));
            }
            Err(errno) => {
                drop_roots(running, &state);
                return Err(errno);
            }
        }
    }
    if state.mode == Mode::User && state.user_root.is_none() {
        drop_roots(running, &state);
        return Err(Errno::EINVAL);
    }
    match Segments::given(running.domain, &given) {
        Ok(segments) => state.segments = segments,
        Err(errno) => {
            drop_roots(running, &state);
            return Err(errno);
        }
    }
    state.debug = Debug::given(&given.debugreg);
    if let Err(mut state) = vcpu.initialise(state) {
        // Another vCPU was faster.
        state.segments.release(running.domain);
        drop_roots(running, &state);
        return Err(Errno::EEXIST);
    }
    OK
}

fn read(running: &Running, at: GuestAddr) -> Result<Box<VcpuGuestContext>, Errno> {
    use zerocopy::{FromZeros, IntoBytes};
    let mut given = Box::new(VcpuGuestContext::new_zeroed());
    let bytes = given.as_mut_bytes();
    running
        .space()
        .read_bytes(at, bytes, crate::guest_memory::Access::Read)?;
    Ok(given)
}

fn take_root(
    running: &Running,
    budget: &mut Budget,
    root: MfnClaim,
) -> Result<Progress<Mfn>, Errno> {
    let mut tables = running.domain.pages.tables();
    tables.take_base(&LIVE, budget, root).map_err(pages::errno)
}

fn drop_roots(running: &Running, state: &VcpuState) {
    let mut tables = running.domain.pages.tables();
    tables.drop_base(&LIVE, state.kernel_root);
    if let Some(user) = state.user_root {
        tables.drop_base(&LIVE, user);
    }
}

/// Everything of a context that needs no reference to a frame, checked.
fn without_roots(given: &VcpuGuestContext) -> Result<Box<VcpuState>, Errno> {
    let mode = if given.flags & VGCF_IN_KERNEL != 0 {
        Mode::Kernel
    } else {
        Mode::User
    };
    let addresses = [
        given.user_regs.rip,
        given.user_regs.rsp,
        given.kernel_sp,
        given.fs_base,
        given.gs_base_kernel,
        given.gs_base_user,
    ];
    if addresses.iter().any(|&at| !GuestAddr(at).is_canonical()) {
        return Err(Errno::EINVAL);
    }
    let kernel_sp = check_kernel_stack(given.kernel_sp).map_err(|_| Errno::EINVAL)?;
    let (gs, other_gs) = match mode {
        Mode::Kernel => (given.gs_base_kernel, given.gs_base_user),
        Mode::User => (given.gs_base_user, given.gs_base_kernel),
    };
    Ok(Box::new(VcpuState {
        regs: registers(given, mode),
        mode,
        bases: Bases {
            fs: given.fs_base,
            gs,
            other_gs,
        },
        fpu: if given.flags & VGCF_I387_VALID != 0 {
            FpuState::from_fxsave(&given.fpu_ctxt)
        } else {
            FpuState::default()
        },
        // Replaced before anyone sees it.
        kernel_root: Mfn(0),
        user_root: None,
        on_user_root: false,
        kernel_sp: kernel_sp.0,
        traps: traps(given)?,
        callbacks: callbacks(given)?,
        in_nmi: false,
        cr2: 0,
        cr4: given.ctrlreg[4],
        task_switched: given.ctrlreg[0] & CR0_TS != 0,
        segments: Default::default(),
        debug: Default::default(),
        call: None,
    }))
}

fn registers(given: &VcpuGuestContext, mode: Mode) -> Regs {
    let from = &given.user_regs;
    let (cs, ss) = selectors::loaded(mode, from.cs, from.ss);
    Regs {
        r15: from.r15,
        r14: from.r14,
        r13: from.r13,
        r12: from.r12,
        rbp: from.rbp,
        rbx: from.rbx,
        r11: from.r11,
        r10: from.r10,
        r9: from.r9,
        r8: from.r8,
        rax: from.rax,
        rcx: from.rcx,
        rdx: from.rdx,
        rsi: from.rsi,
        rdi: from.rdi,
        error_code: 0,
        entry_vector: 0,
        rip: from.rip,
        cs: cs.into(),
        rflags: rflags::real(from.rflags),
        rsp: from.rsp,
        ss: ss.into(),
    }
}

fn traps(given: &VcpuGuestContext) -> Result<TrapTable, Errno> {
    let mut table = TrapTable::new();
    for (vector, entry) in given.trap_ctxt.iter().enumerate() {
        table
            .set(vector as u8, entry.flags, entry.address)
            .map_err(|_| Errno::EINVAL)?;
    }
    Ok(table)
}

fn callbacks(given: &VcpuGuestContext) -> Result<Callbacks, Errno> {
    let mask_if = |flag: u64| {
        if given.flags & flag != 0 {
            CALLBACKF_MASK_EVENTS
        } else {
            0
        }
    };
    let mut callbacks = Callbacks::default();
    for (kind, flags, address) in [
        (CALLBACKTYPE_EVENT, 0, given.event_callback_eip),
        (
            CALLBACKTYPE_FAILSAFE,
            mask_if(VGCF_FAILSAFE_DISABLES_EVENTS),
            given.failsafe_callback_eip,
        ),
        (
            CALLBACKTYPE_SYSCALL,
            mask_if(VGCF_SYSCALL_DISABLES_EVENTS),
            given.syscall_callback_eip,
        ),
    ] {
        callbacks
            .register(kind, flags, address)
            .map_err(|_| Errno::EINVAL)?;
    }
    Ok(callbacks)
}
