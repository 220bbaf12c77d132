//! CPUID as a guest sees it: the host's leaves, less what a paravirtual guest
//! cannot have, and the hypervisor's own leaves.
//!
//! Features are let through by lists of what is known to work ([`features`]), so that a
//! new CPU shows nothing new by itself. The rest is answered leaf by leaf.

pub mod features;

use crate::msr::Vendor;
use crate::time::TscScale;

/// First of the hypervisor's leaves.
pub const HYPERVISOR_BASE: u32 = 0x4000_0000;
/// Leaves after the first.
const HYPERVISOR_LEAVES: u32 = 5;
/// Xen 4.17, major and minor.
pub const VERSION: u32 = 0x0004_0011;
/// Leaf 2, ECX: `mmu_update` can keep accessed and dirty bits.
const MMU_PT_UPDATE_PRESERVE_AD: u32 = 1;
/// Above 44 bits guests turn to the second version of grant tables.
const MAX_ADDRESS_BITS: u32 = 44;

/// Highest basic leaf shown.
const MAX_BASIC: u32 = 0xd;
/// Highest extended leaf shown.
const MAX_EXTENDED: u32 = 0x8000_0008;

/// What CPUID leaves in EAX, EBX, ECX, EDX.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Leaf {
    /// EAX.
    pub eax: u32,
    /// EBX.
    pub ebx: u32,
    /// ECX.
    pub ecx: u32,
    /// EDX.
    pub edx: u32,
}

impl Leaf {
    /// From the four registers.
    pub const fn new(eax: u32, ebx: u32, ecx: u32, edx: u32) -> Self {
        Self { eax, ebx, ecx, edx }
    }
}

/// Which domain asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Audience {
    /// The control domain: sees APIC and ACPI, and the invariant TSC; it never moves to another machine.
    Control,
    /// Any other.
    Guest,
}

/// What the answers depend on, beside the host's leaves.
#[derive(Clone, Copy, Debug)]
pub struct Policy {
    /// Which domain asks.
    pub audience: Audience,
    /// Number of the vCPU that asks.
    pub vcpu: u32,
    /// XCR0 as the vCPU has it, 0 while the hypervisor does not manage it (CR4.OSXSAVE off):
    /// then the guest has no XSAVE, and no AVX.
    pub xcr0: u64,
    /// All that the vCPU may set in XCR0.
    pub xcr0_max: u64,
    /// Whether each vCPU has its own TSC_AUX: then it has RDTSCP and RDPID.
    pub tsc_aux: bool,
    /// Whether a `sysenter` callback is served.
    pub sysenter: bool,
    /// Whether the TSC is in step over all CPUs and never stops.
    pub tsc_reliable: bool,
    /// The TSC's frequency.
    pub tsc_khz: u32,
    /// Its scale, as in `vcpu_time_info`.
    pub tsc_scale: TscScale,
}

impl Policy {
    /// The guest's answer for `leaf` and `subleaf`. `host` executes CPUID.
    pub fn leaf(&self, leaf: u32, subleaf: u32, host: impl Fn(u32, u32) -> Leaf) -> Leaf {
        match leaf {
            0..=MAX_BASIC => self.basic(leaf, subleaf, host),
            0x8000_0000..=MAX_EXTENDED => self.extended(leaf, host),
            HYPERVISOR_BASE..=0x4000_00ff => self.hypervisor(leaf - HYPERVISOR_BASE, subleaf, host),
            _ => Leaf::default(),
        }
    }

    fn basic(&self, leaf: u32, subleaf: u32, host: impl Fn(u32, u32) -> Leaf) -> Leaf {
        let top = host(0, 0);
        if leaf > top.eax {
            return Leaf::default();
        }
        let raw = host(leaf, subleaf);
        match leaf {
            0 => Leaf {
                eax: top.eax.min(MAX_BASIC),
                ..top
            },
            1 => self.leaf_1(raw),
            // Cache descriptors.
            2 => raw,
            // Cache parameters, of a processor with one thread and one core.
            4 => Leaf {
                eax: raw.eax & 0x3fff,
                ..raw
            },
            7 => self.leaf_7(subleaf, raw),
            0xd => self.leaf_d(subleaf, raw, host),
            // Serial number, MONITOR, thermal, counters, topology, and unused ones.
            _ => Leaf::default(),
        }
    }

    fn leaf_1(&self, raw: Leaf) -> Leaf {
        let mut ecx = raw.ecx & self.known(features::LEAF_1_ECX, features::LEAF_1_ECX_XSAVE);
        let mut edx = raw.edx & features::LEAF_1_EDX;
        if ecx & features::XSAVE != 0 {
            // Guests of this ABI take their right to XSAVE from this bit.
            ecx |= features::OSXSAVE;
        }
        ecx |= features::HYPERVISOR;
        if self.sysenter {
            edx |= raw.edx & features::SEP;
        }
        if self.audience == Audience::Control {
            edx |= raw.edx & features::APIC_ACPI;
        }
        // Brand index and CLFLUSH size stay; one logical processor; a made-up APIC id.
        let ebx = raw.ebx & 0xffff | 1 << 16 | self.apic_id() << 24;
        Leaf {
            eax: raw.eax,
            ebx,
            ecx,
            edx,
        }
    }

    fn leaf_7(&self, subleaf: u32, raw: Leaf) -> Leaf {
        if subleaf != 0 {
            return Leaf::default();
        }
        let aux = if self.tsc_aux { features::RDPID } else { 0 };
        Leaf {
            eax: 0,
            ebx: raw.ebx & self.known(features::LEAF_7_EBX, features::LEAF_7_EBX_XSAVE),
            ecx: raw.ecx & (self.known(features::LEAF_7_ECX, features::LEAF_7_ECX_XSAVE) | aux),
            edx: raw.edx & self.known(features::LEAF_7_EDX, features::LEAF_7_EDX_XSAVE),
        }
    }

    /// XSAVE: components and sizes.
    fn leaf_d(&self, subleaf: u32, raw: Leaf, host: impl Fn(u32, u32) -> Leaf) -> Leaf {
        if self.xcr0 == 0 {
            return Leaf::default();
        }
        match subleaf {
            0 => Leaf {
                eax: self.xcr0_max as u32,
                ebx: xsave_size(self.xcr0, &host),
                ecx: xsave_size(self.xcr0_max, &host),
                edx: (self.xcr0_max >> 32) as u32,
            },
            // XSAVEOPT, XSAVEC and XGETBV 1; the supervisor's form is not a guest's.
            1 => Leaf {
                eax: raw.eax & 0b111,
                ..Leaf::default()
            },
            2..=62 if self.xcr0_max >> subleaf & 1 != 0 => raw,
            _ => Leaf::default(),
        }
    }

    fn extended(&self, leaf: u32, host: impl Fn(u32, u32) -> Leaf) -> Leaf {
        let top = host(0x8000_0000, 0);
        if leaf > top.eax || top.eax < 0x8000_0000 {
            return Leaf::default();
        }
        let raw = host(leaf, 0);
        match leaf {
            0x8000_0000 => Leaf {
                eax: top.eax.min(MAX_EXTENDED),
                ..top
            },
            0x8000_0001 => self.extended_features(raw, host(0, 0)),
            // The brand string, then caches and TLBs.
            0x8000_0002..=0x8000_0006 => raw,
            0x8000_0007 => {
                let shown = self.audience == Audience::Control && self.tsc_reliable;
                Leaf {
                    edx: if shown { raw.edx & features::ITSC } else { 0 },
                    ..Leaf::default()
                }
            }
            // Widths: physical as it is, linear 48 bits.
            0x8000_0008 => Leaf {
                eax: raw.eax & 0xff | 48 << 8,
                ebx: raw.ebx & features::EXT_8_EBX,
                ..Leaf::default()
            },
            _ => Leaf::default(),
        }
    }

    fn extended_features(&self, raw: Leaf, vendor: Leaf) -> Leaf {
        let mut edx = raw.edx & features::EXT_1_EDX;
        if Vendor::from_cpuid(vendor.ebx, vendor.ecx, vendor.edx) == Vendor::Amd {
            // There the register repeats part of leaf 1.
            let mut repeated = features::EXT_1_EDX_REPEATED;
            if self.audience == Audience::Control {
                repeated |= features::APIC;
            }
            edx |= raw.edx & repeated;
        }
        if self.tsc_aux {
            edx |= raw.edx & features::RDTSCP;
        }
        // Intel clears SYSCALL for those who ask outside 64-bit mode.
        edx |= features::SYSCALL | features::LM | features::NX;
        let ecx = raw.ecx & self.known(features::EXT_1_ECX, features::EXT_1_ECX_XSAVE);
        Leaf {
            eax: raw.eax,
            ebx: raw.ebx,
            ecx,
            edx,
        }
    }

    fn hypervisor(&self, index: u32, subleaf: u32, host: impl Fn(u32, u32) -> Leaf) -> Leaf {
        use pv_guest_abi::cpuid::{
            XEN_CPUID_SIGNATURE_EBX, XEN_CPUID_SIGNATURE_ECX, XEN_CPUID_SIGNATURE_EDX,
        };
        match (index, subleaf) {
            (0, _) => Leaf::new(
                HYPERVISOR_BASE + HYPERVISOR_LEAVES,
                XEN_CPUID_SIGNATURE_EBX,
                XEN_CPUID_SIGNATURE_ECX,
                XEN_CPUID_SIGNATURE_EDX,
            ),
            (1, _) => Leaf::new(VERSION, 0, 0, 0),
            // One hypercall page, and the MSR that fills it.
            (2, _) => Leaf::new(1, crate::msr::HYPERCALL_PAGE, MMU_PT_UPDATE_PRESERVE_AD, 0),
            // The TSC is not emulated. Flags: bit 1 host TSC reliable, bit 2 RDTSCP offered.
            (3, 0) => {
                let flags = u32::from(self.tsc_reliable) << 1 | u32::from(self.tsc_aux) << 2;
                Leaf::new(flags, 0, self.tsc_khz, 0)
            }
            // System time counts from TSC 0.
            (3, 1) => {
                let shift = i32::from(self.tsc_scale.shift()) as u32;
                Leaf::new(0, 0, self.tsc_scale.mul(), shift)
            }
            (3, 2) => Leaf::new(self.tsc_khz, 0, 0, 0),
            (5, 0) => {
                let host_bits = if host(0x8000_0000, 0).eax >= 0x8000_0008 {
                    host(0x8000_0008, 0).eax & 0xff
                } else {
                    36
                };
                Leaf::new(0, host_bits.min(MAX_ADDRESS_BITS), 0, 0)
            }
            _ => Leaf::default(),
        }
    }

    /// A list of features, with those that need XSAVE if the guest has it.
    const fn known(&self, always: u32, with_xsave: u32) -> u32 {
        if self.xcr0 != 0 {
            always | with_xsave
        } else {
            always
        }
    }

    /// As Xen numbers virtual APICs; the field in leaf 1 has eight bits.
    const fn apic_id(&self) -> u32 {
        (self.vcpu * 2) & 0xff
    }
}

/// Bytes of an XSAVE area for these components.
fn xsave_size(components: u64, host: &impl Fn(u32, u32) -> Leaf) -> u32 {
    // Legacy region and header.
    let legacy = 512 + 64;
    (2..63)
        .filter(|component| components >> component & 1 != 0)
        .map(|component| {
            let raw = host(0xd, component);
            raw.eax.saturating_add(raw.ebx)
        })
        .fold(legacy, u32::max)
}

#[cfg(test)]
mod tests;
