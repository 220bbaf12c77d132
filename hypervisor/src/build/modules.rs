//! Which boot module is whose, and what each domain is to get.

use super::{BuildError, DOM0, Spec, Why};
use crate::domain::Rights;
use crate::vcpu::Vcpu;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::sync::Arc;
use alloc::vec::Vec;
use log::{error, warn};
use xenolith_mech::boot::{BootInfo, Module};
use xenolith_mech::mm::modules::{self, ModuleBytes};
use xenolith_mech::{mm, smp};
use xenolith_rules::build::UserBit;
use xenolith_rules::cmdline::{DomuLine, Options, domu, is_domu, split_dom0_arguments};
use xenolith_rules::elf::Role;
use xenolith_rules::sched::{Affinity, Weight};
use xenolith_rules::types::{DomId, PAGE_SIZE};

/// Frames that are never given to a domain: for the hypervisor's heap and the tables of later
/// domains.
const RESERVE: u64 = (32 << 20) >> 12;
/// What an option is called that sets the memory of a domain from a module.
const MEMORY: &str = "its memory=";

/// A module's line that describes a domain.
struct Other<'a> {
    id: DomId,
    label: String,
    name: String,
    /// Place of its kernel in the list of modules.
    at: usize,
    line: Result<DomuLine<'a>, Why>,
}

/// The boot modules, sorted.
pub struct Modules<'a> {
    /// Whether module 2 is domain 0's initrd.
    dom0_initrd: bool,
    others: Vec<Other<'a>>,
    /// Frames that domain 0 may have.
    available: u64,
}

impl<'a> Modules<'a> {
    /// Sorts the modules, and shares out the memory: a domain from a module gets what it asks for if
    /// enough is left for domain 0: what `dom0_mem=` says, or half of all.
    pub fn sort(boot: &'a BootInfo, options: &Options) -> Self {
        let free = mm::free_count();
        let mut available = free - RESERVE.min(free / 4);
        let bounded = options.dom0_mem.start.is_some() || options.dom0_mem.max.is_some();
        let dom0_pages = if bounded {
            options.dom0_mem.start_pages(available)
        } else {
            available / 2
        };
        let mut there = available - dom0_pages;
        let mut others = Vec::new();
        let mut next = 2;
        let dom0_initrd = boot.modules.get(1).is_some_and(|it| !is_domu(&it.string));
        if !dom0_initrd {
            next = 1;
        }
        while let Some(module) = boot.modules.get(next) {
            let at = next;
            next += 1;
            if !is_domu(&module.string) {
                warn!(
                    "Module {} is not used: it is no initrd, and its line does not begin with domu",
                    at + 1
                );
                continue;
            }
            let mut other = Other::read(boot, at, &others);
            if let Ok(line) = &other.line {
                let wanted = line.memory_bytes / PAGE_SIZE;
                next += usize::from(line.initrd);
                if wanted > there {
                    other.line = Err(Why::TooMuchMemory { wanted, there });
                } else {
                    there -= wanted;
                    available -= wanted;
                }
            }
            others.push(other);
        }
        Self {
            dom0_initrd,
            others,
            available,
        }
    }

    /// Builds domain 0.
    pub fn build_dom0(&self, boot: &BootInfo, options: &Options) -> Result<Arc<Vcpu>, BuildError> {
        let mut spec = Spec {
            id: DOM0,
            label: "domain 0".to_string(),
            name: "Domain-0".to_string(),
            memory_option: "dom0_mem=",
            role: Role::Dom0,
            rights: Rights::all(),
            user_bit: user_bit(options.dom0_force_user_bit),
            kernel: &[],
            kernel_module: 1,
            initrd: &[],
            initrd_module: 2,
            command_line: String::new(),
            nr_pages: options.dom0_mem.start_pages(self.available),
            max_pages: options
                .dom0_mem
                .max_pages(self.available)
                .unwrap_or(self.available),
            vcpus: options
                .dom0_max_vcpus
                .count(smp::count())
                .min(domu::MAX_VCPUS),
            weight: Weight::default(),
            affinity: Affinity::default(),
            verbose: options.dom0_verbose,
        };
        let Some(kernel) = boot.modules.first() else {
            return Err(spec.error(Why::NoKernel));
        };
        spec.command_line = command_line(kernel, boot);
        let initrd = boot.modules.get(1).filter(|_| self.dom0_initrd);
        build_from(spec, kernel, initrd)
    }

    /// Builds the other domains, in the order of their modules.
    pub fn build_others(
        self,
        boot: &BootInfo,
        options: &Options,
    ) -> impl Iterator<Item = (String, Result<Arc<Vcpu>, BuildError>)> {
        self.others
            .into_iter()
            .map(|other| (other.label.clone(), other.build(boot, options)))
    }
}

impl<'a> Other<'a> {
    /// Reads the line of a module, the kernel of a domain behind `earlier` ones.
    fn read(boot: &'a BootInfo, at: usize, earlier: &[Other]) -> Self {
        let id = DomId(earlier.len() as u16 + 1);
        let text = &boot.modules[at].string;
        let parsed = DomuLine::parse(text, |misfit| error!("Module {}: {misfit}", at + 1));
        let name = match parsed.and_then(|line| line.name) {
            Some(name) => name.to_string(),
            None => format!("module{}", at + 1),
        };
        let line = match parsed {
            None => Err(Why::BadLine(at + 1)),
            Some(_) if earlier.iter().any(|other| other.name == name) => Err(Why::NameTaken),
            Some(line) if line.initrd && !has_initrd(boot, at) => Err(Why::NoInitrd(at + 2)),
            Some(line) if line.cpus & running_cpus() == 0 => Err(Why::NoCpu(smp::count())),
            Some(line) => Ok(line),
        };
        Self {
            id,
            label: format!("{id} ({name})"),
            name,
            at,
            line,
        }
    }

    fn build(self, boot: &BootInfo, options: &Options) -> Result<Arc<Vcpu>, BuildError> {
        let mut spec = Spec {
            id: self.id,
            label: self.label,
            name: self.name,
            memory_option: MEMORY,
            role: Role::DomU,
            rights: Rights::empty(),
            user_bit: UserBit::AsGiven,
            kernel: &[],
            kernel_module: self.at + 1,
            initrd: &[],
            initrd_module: self.at + 2,
            command_line: String::new(),
            nr_pages: 0,
            max_pages: 0,
            vcpus: 1,
            weight: Weight::default(),
            affinity: Affinity::default(),
            verbose: options.dom0_verbose,
        };
        let line = match self.line {
            Ok(line) => line,
            Err(why) => return Err(spec.error(why)),
        };
        spec.user_bit = user_bit(line.force_user_bit);
        spec.command_line = line.arguments.to_string();
        spec.nr_pages = line.memory_bytes / PAGE_SIZE;
        spec.max_pages = line.max_memory_bytes / PAGE_SIZE;
        spec.vcpus = line.vcpus;
        spec.weight = Weight {
            weight: line.weight,
            cap: line.cap,
        };
        spec.affinity.hard = line.cpus;
        let initrd = boot.modules.get(self.at + 1).filter(|_| line.initrd);
        build_from(spec, &boot.modules[self.at], initrd)
    }
}

/// Builds a domain, with the bytes of its modules.
fn build_from(
    mut spec: Spec,
    kernel: &Module,
    initrd: Option<&Module>,
) -> Result<Arc<Vcpu>, BuildError> {
    let kernel_bytes = take(kernel, spec.kernel_module).map_err(|why| spec.error(why))?;
    let initrd_bytes = match initrd {
        Some(module) => Some(take(module, spec.initrd_module).map_err(|why| spec.error(why))?),
        None => None,
    };
    if initrd_bytes.is_none() {
        spec.initrd_module = 0;
    }
    Spec {
        kernel: &kernel_bytes,
        initrd: initrd_bytes.as_deref().unwrap_or(&[]),
        ..spec
    }
    .build()
}

fn take(module: &Module, number: usize) -> Result<ModuleBytes, Why> {
    modules::take(module.range.clone()).ok_or(Why::ModuleUnreadable(number))
}

/// Whether a module that is no domain follows the one at `at`.
fn has_initrd(boot: &BootInfo, at: usize) -> bool {
    boot.modules
        .get(at + 1)
        .is_some_and(|module| !is_domu(&module.string))
}

fn running_cpus() -> u64 {
    !0 >> (64 - smp::count())
}

const fn user_bit(forced: bool) -> UserBit {
    if forced {
        UserBit::Forced
    } else {
        UserBit::AsGiven
    }
}

/// Domain 0's arguments: its module's, and what stands behind `--` on the hypervisor's line.
fn command_line(kernel: &Module, boot: &BootInfo) -> String {
    let more = split_dom0_arguments(&boot.command_line).dom0;
    match (kernel.string.as_str(), more) {
        (own, "") => String::from(own),
        ("", more) => String::from(more),
        (own, more) => format!("{own} {more}"),
    }
}
