//! Building domains: from boot modules to vCPUs that wait for their first turn.
//!
//! Module 1 is domain 0's kernel with its arguments, module 2 its initrd; a module whose line begins
//! with `domu` is the kernel of a further domain ([`modules`] sorts them). What goes where in a
//! domain is decided by [`xenolith_rules::build`]; here are the frames for it ([`memory`]), and
//! the vCPUs ([`vcpus`]). The page tables that are written become page tables in no other way than
//! a guest's: pinned and loaded through the rules of paging.

mod memory;
mod modules;
mod vcpus;

use crate::domain::{Domain, Policy, Rights};
use crate::pages::LIVE;
use crate::vcpu::Vcpu;
use crate::{reaper, shared};
use alloc::format;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;
use log::{error, info, warn};
use memory::DomainMemory;
use xenolith_mech::boot::BootInfo;
use xenolith_mech::mm;
use xenolith_rules::build::{
    Contents, Plan, PlanError, Request, RingPorts, UserBit, fill, initrd, start_info,
};
use xenolith_rules::cmdline::Options;
use xenolith_rules::elf::{KernelError, KernelImage, Role};
use xenolith_rules::paging::{self, Budget, Level, Progress, Refusal};
use xenolith_rules::sched::{Affinity, Weight};
use xenolith_rules::types::{DomId, Mfn, MfnClaim};

/// Domain 0's number.
const DOM0: DomId = DomId(0);
/// Table entries between two resting points, as for a guest's calls.
const BUDGET: u32 = 512;

/// A domain that is to be built.
struct Spec<'a> {
    id: DomId,
    /// What it is called in messages.
    label: String,
    name: String,
    /// The option that sets its memory, for messages.
    memory_option: &'static str,
    role: Role,
    rights: Rights,
    user_bit: UserBit,
    kernel: &'a [u8],
    kernel_module: usize,
    initrd: &'a [u8],
    initrd_module: usize,
    command_line: String,
    nr_pages: u64,
    max_pages: u64,
    vcpus: u32,
    weight: Weight,
    affinity: Affinity,
    verbose: bool,
}

/// Why a domain cannot be started.
#[derive(Debug)]
pub struct BuildError {
    label: String,
    memory_option: &'static str,
    why: Why,
}

#[derive(Debug)]
enum Why {
    /// No boot module.
    NoKernel,
    /// A module's memory is not the module's own, or no RAM.
    ModuleUnreadable(usize),
    /// The kernel cannot be started.
    Kernel(usize, KernelError),
    /// It has no room.
    Plan(PlanError),
    /// It wants more than there is beside domain 0.
    TooMuchMemory { wanted: u64, there: u64 },
    /// None of the CPUs that it may use runs.
    NoCpu(u32),
    /// Its initrd's module is not there, or is a domain itself.
    NoInitrd(usize),
    /// Its line has words that are not understood: told already.
    BadLine(usize),
    /// Another domain has its name.
    NameTaken,
    /// The hypervisor is out of frames.
    OutOfMemory(&'static str),
    /// The tables that were built are refused: our mistake, but no reason to run them.
    Tables(Refusal),
}

impl fmt::Display for BuildError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            label,
            memory_option,
            ..
        } = self;
        let mib = |pages: u64| pages >> 8;
        match &self.why {
            Why::NoKernel => f.write_str(
                "no module with domain 0's kernel; give one: with QEMU -initrd \"KERNEL ARGS,INITRD\", \
                 with GRUB a line module2 KERNEL ARGS",
            ),
            Why::ModuleUnreadable(number) => write!(
                f,
                "module {number} does not lie in RAM of its own; boot by GRUB 2 or QEMU's -kernel, \
                 or give the machine more memory"
            ),
            Why::Kernel(module, error) => {
                write!(f, "the kernel of {label} (module {module}): {error}")
            }
            Why::Plan(error) => error.explain(label, memory_option).fmt(f),
            Why::TooMuchMemory { wanted, there } => write!(
                f,
                "it wants {} MiB, and {} MiB are to be had beside domain 0; lower {memory_option}, \
                 bound domain 0's by dom0_mem=, or give the machine more memory",
                mib(*wanted),
                mib(*there)
            ),
            Why::NoCpu(there) => write!(
                f,
                "none of the CPUs in its cpus= runs; CPUs 0 to {} do",
                there - 1
            ),
            Why::NoInitrd(module) => write!(
                f,
                "`initrd` says that module {module} is its initrd, but that is not there or a domain \
                 itself; put the initrd right behind its kernel"
            ),
            Why::BadLine(module) => write!(f, "correct the line of module {module}"),
            Why::NameTaken => f.write_str("an earlier module has the same name=; choose another"),
            Why::OutOfMemory(what) => write!(
                f,
                "out of memory for {what} of {label}; lower {memory_option} or give the machine more memory"
            ),
            Why::Tables(refusal) => write!(
                f,
                "the first page tables of {label} are refused ({refusal:?}): a mistake of the \
                 hypervisor's, please report it with this kernel"
            ),
        }
    }
}

/// Builds all domains that the boot modules describe, and starts them.
///
/// Called once, when memory, clocks and all pCPUs are up. The modules' memory is free
/// afterwards. A domain that cannot be started is told, and does not keep the others back.
///
/// # Errors
/// Why domain 0 cannot be started, as a line for the console.
pub fn start(boot: &BootInfo, options: &Options) -> Result<(), BuildError> {
    let modules = modules::Modules::sort(boot, options);
    let mut firsts = Vec::from([modules.build_dom0(boot, options)?]);
    for (label, first) in modules.build_others(boot, options) {
        match first {
            Ok(first) => firsts.push(first),
            Err(error) => error!("{label} is not started: {error}"),
        }
    }
    for first in firsts {
        first.bring_up();
    }
    Ok(())
}

impl Spec<'_> {
    fn error(&self, why: Why) -> BuildError {
        BuildError {
            label: self.label.clone(),
            memory_option: self.memory_option,
            why,
        }
    }

    /// Builds the domain. Its first vCPU is ready to be brought up.
    fn build(&self) -> Result<Arc<Vcpu>, BuildError> {
        let (plan, image) = self.plan().map_err(|why| self.error(why))?;
        let shared_info =
            mm::alloc_zeroed().ok_or_else(|| self.error(Why::OutOfMemory("the shared info")))?;
        mm::frame(shared_info).share(self.id);
        shared::init(shared_info);
        let policy = Policy {
            rights: self.rights,
            user_bit: match self.user_bit {
                UserBit::AsGiven => paging::UserBit::AsGiven,
                UserBit::Forced => paging::UserBit::Forced,
            },
            max_pages: self.max_pages,
        };
        let domain = Arc::new(Domain::new(self.id, self.name.clone(), policy, shared_info));
        self.furnish(&domain, &plan, &image).map_err(|why| {
            // What it has got already comes back as from any dead domain.
            domain.publish(Vec::new());
            reaper::bury(&domain);
            self.error(why)
        })
    }

    fn plan(&self) -> Result<(Plan, KernelImage<'_>), Why> {
        let image = KernelImage::parse(self.kernel, self.role)
            .map_err(|error| Why::Kernel(self.kernel_module, error))?;
        if let Some(suspicion) = initrd::inspect(self.initrd).filter(|_| self.initrd_module != 0) {
            warn!("Module {}: {suspicion}", self.initrd_module);
        }
        let request = Request {
            nr_pages: self.nr_pages,
            initrd_bytes: self.initrd.len() as u64,
            user_bit: self.user_bit,
            role: self.role,
        };
        let plan = Plan::new(&image, &request).map_err(Why::Plan)?;
        self.describe(&plan);
        Ok((plan, image))
    }

    fn furnish(
        &self,
        domain: &Arc<Domain>,
        plan: &Plan,
        image: &KernelImage<'_>,
    ) -> Result<Arc<Vcpu>, Why> {
        let no_events = |_| Why::OutOfMemory("the event channels");
        domain.events.open(self.vcpus).map_err(no_events)?;
        let ports = match self.role {
            Role::Dom0 => None,
            Role::DomU => {
                let unbound = || domain.events.with(|table| table.alloc_unbound(DOM0));
                Some(RingPorts {
                    xenstore: unbound().map_err(no_events)?,
                    console: unbound().map_err(no_events)?,
                })
            }
        };
        let mut memory = DomainMemory::take(domain, plan, self.role == Role::DomU)
            .ok_or(Why::OutOfMemory("the memory"))?;
        if self.command_line.len() > start_info::COMMAND_LINE_MAX {
            warn!(
                "The command line of {} is cut at {} bytes; shorten its {}",
                self.label,
                start_info::COMMAND_LINE_MAX,
                self.command_line.len()
            );
        }
        let contents = Contents {
            initrd: self.initrd,
            command_line: self.command_line.as_bytes(),
            shared_info_maddr: domain.shared_info.maddr(),
            ports,
        };
        fill(plan, image, &contents, &mut memory);
        let root = load_root(domain, memory.frame(plan.root())).map_err(Why::Tables)?;
        let first = vcpus::create(domain, self, &plan.registers, root)?;
        let vcpus = match self.vcpus {
            1 => String::from("1 vCPU"),
            count => format!("{count} vCPUs"),
        };
        let label = match self.role {
            Role::Dom0 => "Domain 0",
            Role::DomU => &self.label,
        };
        info!("{label}: {} MiB, {vcpus}", plan.nr_pages >> 8);
        Ok(first)
    }

    fn describe(&self, plan: &Plan) {
        if self.verbose {
            let label = &self.label;
            plan.regions
                .iter()
                .for_each(|region| info!("{label}: {region}"));
            info!(
                "{label}: entry {:#x}, stack {:#x}",
                plan.registers.rip, plan.registers.rsp
            );
        }
    }
}

/// Makes the tables that were written page tables: validates the root with all below it and
/// pins it, as a guest does by `MMUEXT_PIN_L4_TABLE`, and takes it as a base pointer.
fn load_root(domain: &Domain, root: Mfn) -> Result<Mfn, Refusal> {
    let claim = MfnClaim(root.0);
    let mut tables = domain.pages.tables();
    while let Progress::Again = tables.pin(&LIVE, &mut Budget::new(BUDGET), claim, Level::L4)? {}
    let base = loop {
        if let Progress::Done(base) = tables.take_base(&LIVE, &mut Budget::new(BUDGET), claim)? {
            break base;
        }
    };
    while let Progress::Again = tables.settle(&LIVE, &mut Budget::new(BUDGET)) {}
    Ok(base)
}
