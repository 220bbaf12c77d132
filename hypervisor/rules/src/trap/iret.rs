//! The return frame of the `iret` hypercall: nine words at the caller's stack
//! pointer, of which nothing is believed.
//!
//! What is not checked here is checked by `IRETQ`: a bad descriptor or a
//! non-canonical RIP faults at that instruction, and the fault is given to the
//! guest as if it had happened at the target.

use super::rflags;
use super::selectors::{self, Mode};
use super::{Frame, Interrupted};

/// `flags` bit 8 (`VGCF_in_syscall`): RCX and R11 need not be restored.
pub const IN_SYSCALL: u64 = 1 << 8;

/// Words of the frame.
pub const WORDS: usize = 9;

/// The frame as the guest wrote it: `iret_context`, lowest address first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct IretFrame {
    /// RAX to load.
    pub rax: u64,
    /// R11 to load, unless [`IN_SYSCALL`].
    pub r11: u64,
    /// RCX to load, unless [`IN_SYSCALL`].
    pub rcx: u64,
    /// Only [`IN_SYSCALL`] counts.
    pub flags: u64,
    /// RIP to load.
    pub rip: u64,
    /// CS: its RPL tells user (3) from kernel. Only the low 16 bits count: above them
    /// the entry frame kept the saved mask.
    pub cs: u64,
    /// RFLAGS; its IF becomes the negated upcall mask.
    pub rflags: u64,
    /// RSP to load.
    pub rsp: u64,
    /// SS.
    pub ss: u64,
}

impl From<[u64; WORDS]> for IretFrame {
    fn from([rax, r11, rcx, flags, rip, cs, rflags, rsp, ss]: [u64; WORDS]) -> Self {
        Self {
            rax,
            r11,
            rcx,
            flags,
            rip,
            cs,
            rflags,
            rsp,
            ss,
        }
    }
}

/// Where the guest goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IretTarget {
    /// What `IRETQ` shall load.
    pub frame: Frame,
    /// Which half of the guest that is. [`Mode::User`]: swap the GS base.
    pub mode: Mode,
    /// RAX to load.
    pub rax: u64,
    /// RCX and R11 to load; without them the registers stay as they are.
    pub rcx_r11: Option<(u64, u64)>,
    /// The new upcall mask. Look for pending events with it before the guest goes on.
    pub upcall_mask: u8,
}

impl IretFrame {
    /// The checked target: fixed selectors for the kernel, RPL 3 for user,
    /// flags without IOPL and VM, interrupts on.
    pub const fn check(&self) -> IretTarget {
        let cs = self.cs as u16;
        let mode = Mode::of_cs(cs);
        let (cs, ss) = selectors::loaded(mode, cs, self.ss as u16);
        IretTarget {
            frame: Frame {
                rip: self.rip,
                cs,
                rflags: rflags::real(self.rflags),
                rsp: self.rsp,
                ss,
            },
            mode,
            rax: self.rax,
            rcx_r11: if self.flags & IN_SYSCALL == 0 {
                Some((self.rcx, self.r11))
            } else {
                None
            },
            upcall_mask: if self.rflags & rflags::IF == 0 { 1 } else { 0 },
        }
    }
}

impl IretTarget {
    /// The target as an interrupted context, for events or an IRETQ fault that
    /// come before its first instruction. `rcx` and `r11` are the registers as
    /// they are, for a frame that does not restore them.
    pub const fn interrupted(&self, rcx: u64, r11: u64) -> Interrupted {
        let (rcx, r11) = match self.rcx_r11 {
            Some(pair) => pair,
            None => (rcx, r11),
        };
        Interrupted {
            frame: self.frame,
            rcx,
            r11,
            mode: self.mode,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn frame(cs: u64, rflags: u64) -> IretFrame {
        IretFrame {
            rip: 0x1000,
            rsp: 0x8000,
            cs,
            ss: 0xe02b,
            rflags,
            ..Default::default()
        }
    }

    #[test]
    fn words_lie_in_the_abis_order() {
        let read = IretFrame::from([1, 2, 3, 4, 5, 6, 7, 8, 9]);
        assert_eq!((read.rax, read.r11, read.rcx, read.flags), (1, 2, 3, 4));
        assert_eq!(
            (read.rip, read.cs, read.rflags, read.rsp, read.ss),
            (5, 6, 7, 8, 9)
        );
    }

    #[test]
    fn kernel_frames_get_the_ring_1_pair() {
        for cs in [0xe030, 0x10, 0x11, 0x12, 0xe041, 0xe008, 0] {
            let target = frame(cs, 0x202).check();
            assert_eq!(target.mode, Mode::Kernel);
            assert_eq!(
                (target.frame.cs, target.frame.ss),
                (0xe041, 0xe049),
                "cs {cs:#x}"
            );
        }
    }

    #[test]
    fn user_frames_keep_their_selectors_with_rpl_3() {
        let mut raw = frame(0x33, 0x202);
        raw.ss = 0x28;
        let target = raw.check();
        assert_eq!(target.mode, Mode::User);
        assert_eq!((target.frame.cs, target.frame.ss), (0x33, 0x2b));
        assert_eq!(frame(0xe033, 0x202).check().mode, Mode::User);
        assert_eq!(frame(0xe023, 0x202).check().frame.cs, 0xe023);
    }

    #[test]
    fn the_saved_mask_above_cs_is_ignored() {
        assert_eq!(
            frame(0x1_0000_e030, 0x202).check(),
            frame(0xe030, 0x202).check()
        );
    }

    #[test]
    fn if_becomes_the_upcall_mask() {
        let open = frame(0xe030, 0x202).check();
        assert_eq!((open.upcall_mask, open.frame.rflags), (0, 0x202));
        let masked = frame(0xe030, 0x002).check();
        assert_eq!((masked.upcall_mask, masked.frame.rflags), (1, 0x202));
    }

    #[test]
    fn in_syscall_leaves_rcx_and_r11_alone() {
        let mut raw = frame(0xe033, 0x202);
        (raw.rcx, raw.r11) = (7, 8);
        assert_eq!(raw.check().rcx_r11, Some((7, 8)));
        assert_eq!(raw.check().interrupted(1, 2).rcx, 7);
        raw.flags = IN_SYSCALL;
        assert_eq!(raw.check().rcx_r11, None);
        assert_eq!(raw.check().interrupted(1, 2).r11, 2);
    }

    proptest! {
        #[test]
        fn no_frame_reaches_ring_0_or_keeps_iopl(words: [u64; WORDS]) {
            let target = IretFrame::from(words).check();
            prop_assert_eq!(target.frame.cs & 3, if target.mode.is_user() { 3 } else { 1 });
            prop_assert_eq!(target.frame.ss & 3, target.frame.cs & 3);
            prop_assert_eq!(target.frame.rflags & (rflags::IOPL | rflags::VM), 0);
            prop_assert_ne!(target.frame.rflags & rflags::IF, 0);
            prop_assert_ne!(target.frame.rflags & rflags::FIXED, 0);
            prop_assert_eq!(target.upcall_mask == 0, words[6] & rflags::IF != 0);
        }
    }
}
