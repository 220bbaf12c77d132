//! The guest's privileged instructions, carried out: the rules say what one means
//! (`xenolith_rules::emulate`), this does it.

use crate::calls;
use crate::debug;
use crate::domain::Rights;
use crate::guest_memory::{Access, Fault, Space};
use crate::pages;
use crate::running::Running;
use crate::segments;
use crate::traps;
use pv_guest_abi::errno::Errno;
use xenolith_mech::entry::Regs;
use xenolith_mech::entry::vectors::INT80;
use xenolith_mech::guest::{self, Bases};
use xenolith_mech::mm::direct;
use xenolith_mech::{cache, clock, cpu};
use xenolith_rules::build::hypercall_page;
use xenolith_rules::cpuid::{Audience, Leaf, Policy};
use xenolith_rules::emulate::debug::DebugRegisters;
use xenolith_rules::emulate::{
    self, Action, Emulation, Guest, MAX_CODE, Registers, Segment, Trapped,
};
use xenolith_rules::msr::{self, MsrContext, MsrRead, MsrWrite, Vendor};
use xenolith_rules::paging::Progress;
use xenolith_rules::trap::{Gate, Mode, vector};
use xenolith_rules::types::{GuestAddr, MfnClaim, PAGE_SIZE};

/// CR4.DE: the one CR4 bit that guests can change so far. It decides which names the
/// debug registers have, and those are emulated.
const CR4_CHANGEABLE: u64 = 1 << 3;
/// #PF error code: a write; by user code.
const PF_WRITE: u32 = 1 << 1;
const PF_USER: u32 = 1 << 2;

/// The guest raised #GP.
pub fn general_protection(running: &mut Running, error_code: u32) {
    serve(running, |at, guest| {
        emulate::general_protection(at, error_code, guest)
    });
}

/// The guest raised #UD.
pub fn invalid_opcode(running: &mut Running) {
    serve(running, |at, guest| emulate::invalid_opcode(at, guest));
}

/// `int 0x80` came through the gate that is open to all. If the guest's own gate is
/// not, it is the #GP that it would have been.
pub fn int80(running: &mut Running) {
    let gate = running.state.traps.gate(INT80);
    if gate.is_some_and(|gate| gate.allows(running.state.mode)) {
        return traps::software_interrupt(running, INT80);
    }
    // `int n` is two bytes long.
    running.state.regs.rip = running.state.regs.rip.wrapping_sub(2);
    traps::exception(running, vector::GP, u32::from(INT80) << 3 | 2);
}

fn serve(running: &mut Running, rules: impl FnOnce(&Trapped, &View) -> Emulation) {
    let mut code = [0; MAX_CODE];
    let len = fetch(running, &mut code);
    let registers = registers(&running.state.regs);
    let trapped = Trapped {
        code: &code[..len],
        regs: &registers,
        mode: running.state.mode,
        long_mode: segments::in_long_mode(running),
    };
    match rules(&trapped, &View(running)) {
        Emulation::Done { action, regs } => finish(running, action, regs),
        Emulation::SoftwareInterrupt { vector, regs } => {
            set_registers(&mut running.state.regs, &regs);
            traps::software_interrupt(running, vector);
        }
        Emulation::Inject { vector, error } => traps::exception(running, vector, error),
    }
}

/// Reads the instruction at RIP: 15 bytes, or those before the end of its page if
/// the next one cannot be read.
pub fn fetch(running: &Running, code: &mut [u8; MAX_CODE]) -> usize {
    let at = GuestAddr(running.state.regs.rip);
    let access = match running.state.mode {
        Mode::Kernel => Access::Read,
        Mode::User => Access::UserRead,
    };
    let in_page = (PAGE_SIZE - at.0 % PAGE_SIZE).min(MAX_CODE as u64) as usize;
    let space = live_space(running);
    [MAX_CODE, in_page]
        .into_iter()
        .find(|&len| space.read_bytes(at, &mut code[..len], access).is_ok())
        .unwrap_or(0)
}

/// The address space that the guest runs on now.
fn live_space<'a>(running: &'a Running) -> Space<'a> {
    Space::new(running.domain, running.state.root())
}

/// How an action ended.
enum Ended {
    /// Done: the new registers count.
    Done,
    /// Not done yet: the guest comes back to the same instruction.
    Again,
    /// The guest gets #GP(0).
    Refused,
    /// The guest gets #PF.
    PageFault(GuestAddr, u32),
}

fn finish(running: &mut Running, action: Action, mut regs: Registers) {
    match act(running, action, &mut regs) {
        Ended::Done => {
            set_registers(&mut running.state.regs, &regs);
            if regs.single_steps() {
                debug::single_step(running);
            }
        }
        Ended::Again => {}
        Ended::Refused => traps::exception(running, vector::GP, 0),
        Ended::PageFault(at, error_code) => traps::reflect_page_fault(running, error_code, at.0),
    }
}

fn act(running: &mut Running, action: Action, regs: &mut Registers) -> Ended {
    match action {
        Action::None => {}
        Action::SetTaskSwitched(set) => running.set_task_switched(set),
        Action::SetCr2(value) => {
            running.state.cr2 = value;
            running.info().set_cr2(value);
        }
        Action::SetCr3(frame) => return set_cr3(running, frame),
        Action::SetCr4(value) => running.state.cr4 = value,
        Action::SetDebug(registers) => debug::set_registers(running, registers),
        Action::ReadMsr(read) => match read_msr(read) {
            Some(value) => regs.set_edx_eax(value),
            None => return Ended::Refused,
        },
        Action::WriteMsr(write) => return write_msr(running, write),
        Action::ReadTsc { aux: false } => regs.set_edx_eax(clock::tsc()),
        Action::FlushCaches => cache::write_back(),
        Action::InString {
            port: None,
            bytes,
            to,
        } => {
            let ones = [0xff; 4];
            if let Err(Fault(at)) = live_space(running).write_bytes(to, &ones[..bytes.into()]) {
                return Ended::PageFault(at, PF_WRITE | user_bit(running));
            }
        }
        Action::OutString {
            port: None,
            bytes,
            from,
        } => {
            let mut lost = [0; 4];
            let lost = &mut lost[..bytes.into()];
            if let Err(Fault(at)) = live_space(running).read_bytes(from, lost, Access::Read) {
                return Ended::PageFault(at, user_bit(running));
            }
        }
        // Of these the rules speak only to guests that have XSAVE, RDTSCP or ports,
        // and [`View`] says that none has.
        Action::SetXcr0(_)
        | Action::ReadTsc { aux: true }
        | Action::In { .. }
        | Action::Out { .. }
        | Action::InString { port: Some(_), .. }
        | Action::OutString { port: Some(_), .. } => return Ended::Refused,
    }
    Ended::Done
}

/// Loads a root table, a bounded piece of the way. What has been validated stays so,
/// and the guest comes back to the instruction until it is done.
fn set_cr3(running: &mut Running, frame: MfnClaim) -> Ended {
    match calls::load_base(running, frame) {
        Ok(Progress::Done(())) => Ended::Done,
        Ok(Progress::Again) => Ended::Again,
        Err(_) => Ended::Refused,
    }
}

/// Registers that the rules leave to us. `None`: one that no guest is offered.
fn read_msr(read: MsrRead) -> Option<u64> {
    let bases = Bases::current();
    match read {
        MsrRead::Value(value) => Some(value),
        MsrRead::FsBase => Some(bases.fs),
        MsrRead::GsBase => Some(bases.gs),
        MsrRead::UserGsBase => Some(bases.other_gs),
        MsrRead::Tsc => Some(clock::tsc()),
        MsrRead::TscAux | MsrRead::MiscFeatures | MsrRead::Fault => None,
    }
}

fn write_msr(running: &Running, write: MsrWrite) -> Ended {
    match write {
        MsrWrite::Ignore => {}
        MsrWrite::FsBase(base) => guest::set_fs(base.0),
        MsrWrite::GsBase(base) => guest::set_gs(base.0),
        MsrWrite::UserGsBase(base) => guest::set_other_gs(base.0),
        MsrWrite::HypercallPage(frame) => {
            if write_hypercall_page(running, frame).is_err() {
                return Ended::Refused;
            }
        }
        MsrWrite::TscAux(_) | MsrWrite::CpuidFaulting(_) | MsrWrite::Fault => {
            return Ended::Refused;
        }
    }
    Ended::Done
}

fn write_hypercall_page(running: &Running, frame: MfnClaim) -> Result<(), Errno> {
    let held = pages::hold_writable(running.domain.id, frame).ok_or(Errno::EINVAL)?;
    let mut page = [0; PAGE_SIZE as usize];
    hypercall_page::write(&mut page);
    direct::write_bytes(held.mfn(), 0, &page);
    Ok(())
}

fn user_bit(running: &Running) -> u32 {
    match running.state.mode {
        Mode::Kernel => 0,
        Mode::User => PF_USER,
    }
}

/// What the rules ask about the vCPU.
struct View<'a>(&'a Running<'a>);

impl View<'_> {
    fn msr_context(&self) -> MsrContext {
        let [_, ebx, ecx, edx] = cpu::cpuid(0, 0);
        MsrContext {
            vendor: Vendor::from_cpuid(ebx, ecx, edx),
            boot_vcpu: self.0.vcpu.id.0 == 0,
            efer: cpu::efer(),
            misc_enable: cpu::misc_enable(),
            tsc_aux: false,
            cpuid_faulting: false,
            has_gp_handler: self.0.state.traps.gate(vector::GP).is_some(),
        }
    }
}

/// A leaf as this CPU answers it.
fn host_leaf(leaf: u32, subleaf: u32) -> Leaf {
    let [eax, ebx, ecx, edx] = cpu::cpuid(leaf, subleaf);
    Leaf::new(eax, ebx, ecx, edx)
}

impl Guest for View<'_> {
    fn cpuid(&self, leaf: u32, subleaf: u32) -> Leaf {
        let policy = Policy {
            audience: match self.0.domain.may(Rights::CONTROL) {
                true => Audience::Control,
                false => Audience::Guest,
            },
            vcpu: self.0.vcpu.id.0,
            xcr0: 0,
            xcr0_max: 0,
            tsc_aux: false,
            sysenter: false,
            tsc_reliable: true,
            tsc_khz: clock::tsc_khz(),
            tsc_scale: clock::clock().scale,
        };
        policy.leaf(leaf, subleaf, host_leaf)
    }

    fn user_cpuid_faults(&self) -> bool {
        false
    }

    fn read_msr(&self, number: u32) -> MsrRead {
        msr::read(number, &self.msr_context())
    }

    fn write_msr(&self, number: u32, value: u64) -> MsrWrite {
        msr::write(number, value, &self.msr_context())
    }

    fn task_switched(&self) -> bool {
        self.0.state.task_switched
    }

    fn cr2(&self) -> u64 {
        self.0.state.cr2
    }

    fn cr3(&self) -> u64 {
        self.0.state.kernel_root.maddr()
    }

    fn cr4(&self) -> u64 {
        self.0.state.cr4 & CR4_CHANGEABLE
    }

    fn cr4_changeable(&self) -> u64 {
        CR4_CHANGEABLE
    }

    fn xcr0_max(&self) -> u64 {
        0
    }

    fn debug(&self) -> DebugRegisters {
        debug::registers(self.0)
    }

    fn iopl(&self) -> u8 {
        0
    }

    fn architectural_iopl(&self) -> bool {
        false
    }

    fn has_ports(&self, _port: u16, _bytes: u8) -> bool {
        false
    }

    fn has_devices(&self) -> bool {
        self.0.domain.may(Rights::IOMEM)
    }

    fn segment_base(&self, segment: Segment) -> u64 {
        let bases = Bases::current();
        match segment {
            Segment::Fs => bases.fs,
            Segment::Gs => bases.gs,
        }
    }

    fn gate(&self, vector: u8) -> Option<Gate> {
        self.0.state.traps.gate(vector)
    }
}

/// The registers as the rules see them.
pub fn registers(regs: &Regs) -> Registers {
    Registers {
        gpr: [
            regs.rax, regs.rcx, regs.rdx, regs.rbx, regs.rsp, regs.rbp, regs.rsi, regs.rdi,
            regs.r8, regs.r9, regs.r10, regs.r11, regs.r12, regs.r13, regs.r14, regs.r15,
        ],
        rip: regs.rip,
        rflags: regs.rflags,
    }
}

/// Takes over what the rules made of the registers.
pub fn set_registers(regs: &mut Regs, new: &Registers) {
    [
        regs.rax, regs.rcx, regs.rdx, regs.rbx, regs.rsp, regs.rbp, regs.rsi, regs.rdi, regs.r8,
        regs.r9, regs.r10, regs.r11, regs.r12, regs.r13, regs.r14, regs.r15,
    ] = new.gpr;
    regs.rip = new.rip;
    regs.rflags = new.rflags;
}
