//! Building domain 0: from the boot modules to a vCPU that waits for its first turn.
//!
//! Module 1 is the kernel with its arguments, module 2 the initrd. What goes where is
//! decided by [`xenolith_rules::build`]; here are the frames for it ([`memory`]), and the
//! vCPUs ([`vcpus`]). The page tables that are written become page tables in
//! no other way than a guest's: pinned and loaded through the rules of paging.

mod memory;
mod vcpus;

use crate::domain::{Domain, Policy, Rights};
use crate::pages::LIVE;
use crate::shared;
use alloc::format;
use alloc::string::String;
use alloc::sync::Arc;
use core::fmt;
use log::{info, warn};
use memory::DomainMemory;
use xenolith_mech::boot::{BootInfo, Module};
use xenolith_mech::mm::{self, modules};
use xenolith_rules::build::{
    Contents, Plan, PlanError, Request, UserBit, fill, initrd, start_info,
};
use xenolith_rules::cmdline::{Options, split_dom0_arguments};
use xenolith_rules::elf::{KernelError, KernelImage, Role};
use xenolith_rules::paging::{self, Budget, Level, Progress, Refusal};
use xenolith_rules::types::{DomId, Mfn, MfnClaim};

/// Domain 0's number.
const DOM0: DomId = DomId(0);
/// Frames that are never given to domain 0: for the hypervisor's heap and the tables
/// of later domains.
const RESERVE: u64 = (32 << 20) >> 12;
/// Table entries between two resting points, as for a guest's calls.
const BUDGET: u32 = 512;

/// Why domain 0 cannot be started.
#[derive(Debug)]
pub enum BuildError {
    /// No boot module.
    NoKernel,
    /// A module's memory is not the module's own, or no RAM.
    ModuleUnreadable(usize),
    /// The kernel cannot be started.
    Kernel(KernelError),
    /// It has no room.
    Plan(PlanError),
    /// The hypervisor is out of frames.
    OutOfMemory(&'static str),
    /// The tables that were built are refused: our mistake, but no reason to run them.
    Tables(Refusal),
}

impl fmt::Display for BuildError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoKernel => f.write_str(
                "no module with domain 0's kernel; give one: with QEMU -initrd \"KERNEL ARGS,INITRD\", \
                 with GRUB a line module2 KERNEL ARGS",
            ),
            Self::ModuleUnreadable(number) => write!(
                f,
                "module {number} does not lie in RAM of its own; boot by GRUB 2 or QEMU's -kernel, \
                 or give the machine more memory"
            ),
            Self::Kernel(error) => write!(f, "domain 0's kernel (module 1): {error}"),
            Self::Plan(error) => error.fmt(f),
            Self::OutOfMemory(what) => write!(
                f,
                "out of memory for {what} of domain 0; lower dom0_mem= or give the machine more memory"
            ),
            Self::Tables(refusal) => write!(
                f,
                "domain 0's first page tables are refused ({refusal:?}): a mistake of the \
                 hypervisor's, please report it with this kernel"
            ),
        }
    }
}

/// Builds domain 0 from the boot modules and brings up its first vCPU.
///
/// Called once, when memory, clocks and all pCPUs are up. The modules' memory is free
/// afterwards.
///
/// # Errors
/// The reason, as a line for the console.
pub fn build(boot: &BootInfo, options: &Options) -> Result<Arc<Domain>, BuildError> {
    let kernel_module = boot.modules.first().ok_or(BuildError::NoKernel)?;
    let kernel_bytes = read(kernel_module, 1)?;
    let image = KernelImage::parse(&kernel_bytes, Role::Dom0).map_err(BuildError::Kernel)?;
    let initrd_bytes = match boot.modules.get(1) {
        Some(module) => Some(read(module, 2)?),
        None => None,
    };
    let initrd = initrd_bytes.as_deref().unwrap_or(&[]);
    if let Some(suspicion) = initrd_bytes.as_ref().and_then(|_| initrd::inspect(initrd)) {
        warn!("Module 2: {suspicion}");
    }
    for (number, _) in boot.modules.iter().enumerate().skip(2) {
        warn!(
            "Module {} is not used: only kernel and initrd are",
            number + 1
        );
    }

    let available = available_frames();
    let request = Request {
        nr_pages: options.dom0_mem.start_pages(available),
        initrd_bytes: initrd.len() as u64,
        user_bit: user_bit(options),
    };
    let plan = Plan::new(&image, &request).map_err(BuildError::Plan)?;
    describe(&plan, options);

    let domain = new_domain(options, available)?;
    let mut memory =
        DomainMemory::take(&domain, &plan).ok_or(BuildError::OutOfMemory("the memory"))?;
    let command_line = command_line(kernel_module, boot);
    if command_line.len() > start_info::COMMAND_LINE_MAX {
        warn!(
            "Domain 0's command line is cut at {} bytes; shorten its {}",
            start_info::COMMAND_LINE_MAX,
            command_line.len()
        );
    }
    let contents = Contents {
        initrd,
        command_line: command_line.as_bytes(),
        shared_info_maddr: domain.shared_info.maddr(),
    };
    fill(&plan, &image, &contents, &mut memory);
    let root = load_root(&domain, memory.frame(plan.root()))?;

    let first = vcpus::create(&domain, options, &plan.registers, root)?;
    info!(
        "Domain 0: {} MiB, {} vCPUs",
        plan.nr_pages >> 8,
        domain.vcpus().len()
    );
    first.bring_up();
    Ok(domain)
}

fn read(module: &Module, number: usize) -> Result<modules::ModuleBytes, BuildError> {
    modules::take(module.range.clone()).ok_or(BuildError::ModuleUnreadable(number))
}

/// Frames that domain 0 may have: on small machines a quarter stays.
fn available_frames() -> u64 {
    let free = mm::free_count();
    free - RESERVE.min(free / 4)
}

fn user_bit(options: &Options) -> UserBit {
    if options.dom0_force_user_bit {
        UserBit::Forced
    } else {
        UserBit::AsGiven
    }
}

fn new_domain(options: &Options, available: u64) -> Result<Arc<Domain>, BuildError> {
    let shared_info = mm::alloc_zeroed().ok_or(BuildError::OutOfMemory("the shared info"))?;
    mm::frame(shared_info).share(DOM0);
    shared::init(shared_info);
    let policy = Policy {
        rights: Rights::all(),
        user_bit: match user_bit(options) {
            UserBit::AsGiven => paging::UserBit::AsGiven,
            UserBit::Forced => paging::UserBit::Forced,
        },
        max_pages: options.dom0_mem.max_pages(available).unwrap_or(available),
    };
    Ok(Arc::new(Domain::new(DOM0, policy, shared_info)))
}

/// The kernel's arguments: its module's, and what stands behind `--` on the hypervisor's line.
fn command_line(kernel: &Module, boot: &BootInfo) -> String {
    let more = split_dom0_arguments(&boot.command_line).dom0;
    match (kernel.string.as_str(), more) {
        (own, "") => String::from(own),
        ("", more) => String::from(more),
        (own, more) => format!("{own} {more}"),
    }
}

fn describe(plan: &Plan, options: &Options) {
    if options.dom0_verbose {
        plan.regions
            .iter()
            .for_each(|region| info!("Domain 0: {region}"));
        info!(
            "Domain 0: entry {:#x}, stack {:#x}",
            plan.registers.rip, plan.registers.rsp
        );
    }
}

/// Makes the tables that were written page tables: validates the root with all below it and
/// pins it, as a guest does by `MMUEXT_PIN_L4_TABLE`, and takes it as a base pointer.
fn load_root(domain: &Domain, root: Mfn) -> Result<Mfn, BuildError> {
    let claim = MfnClaim(root.0);
    let mut tables = domain.pages.tables();
    while let Progress::Again = tables
        .pin(&LIVE, &mut Budget::new(BUDGET), claim, Level::L4)
        .map_err(BuildError::Tables)?
    {}
    let base = loop {
        let progress = tables.take_base(&LIVE, &mut Budget::new(BUDGET), claim);
        if let Progress::Done(base) = progress.map_err(BuildError::Tables)? {
            break base;
        }
    };
    while let Progress::Again = tables.settle(&LIVE, &mut Budget::new(BUDGET)) {}
    Ok(base)
}
