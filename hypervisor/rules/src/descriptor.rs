//! Segment descriptors of guests: which ones may stand in a GDT or an LDT in use, and
//! what is corrected in them (SDM volume 3, 3.4.5; `public/arch-x86/xen.h`).
//!
//! No descriptor may lead to ring 0, and none may make the CPU write to its table:
//!
//! * What is not present faults at each use, so it may be anything.
//! * Code and data: a privilege level of 0 becomes 1, the guest kernel's; others stay. The
//!   accessed bit is set, because tables are mapped read-only and a CPU that finds it clear
//!   would set it, and fault. Base, limit and kind are free. Conforming code too: it runs at
//!   the ring of its caller, which in a guest is 1 or 3; its level is raised like any other.
//! * Of code with L and D both set the CPU makes a #GP when it is loaded. That is the guest's.
//! * System descriptors: type 0 stands for nothing, and is accepted. LDT, TSS and gates are
//!   refused. Xen accepts call gates and emulates them; 64-bit kernels do not use them.

/// A segment descriptor as it lies in its table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub struct Descriptor(pub u64);

/// A descriptor that no guest may have: a system descriptor that stands for something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Forbidden;

/// Code and data: has been loaded.
const ACCESSED: u64 = 1 << 40;
/// Code, not data.
const CODE: u64 = 1 << 43;
/// Code or data, not a system descriptor.
const SEGMENT: u64 = 1 << 44;
/// First of the two bits of the privilege level.
const DPL_SHIFT: u32 = 45;
/// Present.
const PRESENT: u64 = 1 << 47;
/// Code: 64-bit.
const LONG: u64 = 1 << 53;
/// The type field of a system descriptor.
const TYPE: u64 = 0xf << 40;
/// The guest kernel's ring.
const KERNEL_RING: u64 = 1;

/// Descriptors in a frame.
pub const PER_FRAME: u32 = 512;
/// Frames that a GDT has for its guest.
pub const GDT_FRAMES: usize = 14;
/// Frames that an LDT can have.
pub const LDT_FRAMES: usize = 16;
/// Entries of the longest LDT.
pub const LDT_ENTRIES: u32 = LDT_FRAMES as u32 * PER_FRAME;

impl Descriptor {
    /// Whether it can be used at all.
    pub const fn is_present(self) -> bool {
        self.0 & PRESENT != 0
    }

    /// Whether it is present 64-bit code.
    pub const fn is_long_code(self) -> bool {
        let wanted = PRESENT | SEGMENT | CODE | LONG;
        self.0 & wanted == wanted
    }

    /// The privilege level.
    pub const fn dpl(self) -> u64 {
        self.0 >> DPL_SHIFT & 3
    }

    /// The descriptor as a guest may have it.
    ///
    /// # Errors
    /// It is present and of a kind that is refused.
    pub const fn vet(self) -> Result<Self, Forbidden> {
        if !self.is_present() {
            return Ok(self);
        }
        if self.0 & SEGMENT == 0 {
            return if self.0 & TYPE == 0 {
                Ok(self)
            } else {
                Err(Forbidden)
            };
        }
        let raised = match self.dpl() {
            0 => self.0 | KERNEL_RING << DPL_SHIFT,
            _ => self.0,
        };
        Ok(Self(raised | ACCESSED))
    }
}

/// Frames that hold a GDT of so many entries of the guest's; `None`: there is no room for them
/// below the hypervisor's own.
pub const fn gdt_frames(entries: u32) -> Option<usize> {
    let frames = entries.div_ceil(PER_FRAME) as usize;
    if frames <= GDT_FRAMES {
        Some(frames)
    } else {
        None
    }
}

/// A selector's parts.
pub mod selector {
    /// Bit 2: the LDT's, not the GDT's.
    pub const LOCAL: u16 = 1 << 2;
    /// A selector up to this one names no descriptor.
    pub const LAST_NULL: u16 = 3;

    /// Whether the descriptor is the LDT's.
    pub const fn is_local(selector: u16) -> bool {
        selector & LOCAL != 0
    }

    /// Byte offset of the descriptor in its table.
    pub const fn offset(selector: u16) -> u64 {
        (selector & !7) as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// A flat segment: present, of a type and level, without flags.
    const fn segment(kind: u64, dpl: u64) -> u64 {
        0x000f_0000_0000_ffff | PRESENT | SEGMENT | kind << 40 | dpl << DPL_SHIFT
    }

    const fn system(kind: u64) -> u64 {
        PRESENT | kind << 40
    }

    #[test]
    fn level_0_is_raised_to_the_guest_kernels() {
        for kind in 0..16 {
            let vetted = Descriptor(segment(kind, 0)).vet().unwrap();
            assert_eq!(vetted, Descriptor(segment(kind | 1, 1)), "type {kind:#x}");
        }
    }

    #[test]
    fn other_levels_stay() {
        for (kind, dpl) in (0..16).flat_map(|kind| (1..4).map(move |dpl| (kind, dpl))) {
            let vetted = Descriptor(segment(kind, dpl)).vet().unwrap();
            assert_eq!(vetted, Descriptor(segment(kind | 1, dpl)));
        }
    }

    #[test]
    fn conforming_code_is_raised_too() {
        const CONFORMING: u64 = 0xc;
        assert_eq!(Descriptor(segment(CONFORMING, 0)).vet().unwrap().dpl(), 1);
    }

    #[test]
    fn of_system_descriptors_only_nothing_is_accepted() {
        assert_eq!(Descriptor(system(0)).vet(), Ok(Descriptor(system(0))));
        for kind in 1..16 {
            assert_eq!(
                Descriptor(system(kind)).vet(),
                Err(Forbidden),
                "type {kind:#x}"
            );
        }
    }

    #[test]
    fn linuxs_descriptors_stay_as_they_are() {
        // Kernel code and data but for their level; users' code, data; the CPU number's.
        for raw in [
            0x00cf_fb00_0000_ffff,
            0x00cf_f300_0000_ffff,
            0x00af_fb00_0000_ffff,
            0x0040_f500_0000_0003,
        ] {
            assert_eq!(Descriptor(raw).vet(), Ok(Descriptor(raw)));
        }
        let code = Descriptor(0x00af_9b00_0000_ffff);
        assert_eq!(code.vet(), Ok(Descriptor(0x00af_bb00_0000_ffff)));
        assert!(code.is_long_code());
    }

    #[test]
    fn tables_have_room_for_so_many() {
        assert_eq!(gdt_frames(0), Some(0));
        assert_eq!(gdt_frames(1), Some(1));
        assert_eq!(gdt_frames(512), Some(1));
        assert_eq!(gdt_frames(513), Some(2));
        assert_eq!(gdt_frames(7168), Some(14));
        assert_eq!(gdt_frames(7169), None);
        assert_eq!(gdt_frames(u32::MAX), None);
    }

    #[test]
    fn selectors_name_a_table_and_a_place() {
        use selector::{is_local, offset};
        assert!(is_local(0x0f) && !is_local(0x0b));
        assert_eq!((offset(0x0f), offset(0x0b), offset(0xfff8)), (8, 8, 0xfff8));
    }

    proptest! {
        #[test]
        fn nothing_leads_to_ring_0_or_is_written_by_the_cpu(raw: u64) {
            let given = Descriptor(raw);
            let Ok(vetted) = given.vet() else {
                prop_assert!(given.is_present() && raw & SEGMENT == 0 && raw & TYPE != 0);
                return Ok(());
            };
            if vetted.is_present() && vetted.0 & SEGMENT != 0 {
                prop_assert_ne!(vetted.dpl(), 0);
                prop_assert_ne!(vetted.0 & ACCESSED, 0);
            } else {
                prop_assert!(!vetted.is_present() || vetted.0 & TYPE == 0);
                prop_assert_eq!(vetted, given);
            }
            prop_assert_eq!((vetted.0 ^ raw) & !(ACCESSED | 1 << DPL_SHIFT), 0);
            prop_assert_eq!(vetted.vet(), Ok(vetted));
        }
    }
}
