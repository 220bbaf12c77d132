//! One test for each rule of the bounce frame.

use super::*;
use crate::trap::{selectors::*, vector};
use proptest::prelude::*;

const HANDLER: u64 = 0xffff_ffff_8100_1000;
const KERNEL_SP: u64 = 0xffff_c900_0000_4000;

fn handler(mask: bool) -> Handler {
    Handler::check(HANDLER, mask).unwrap().unwrap()
}

fn kernel() -> Interrupted {
    let frame = Frame {
        rip: 0xffff_ffff_8100_0042,
        cs: KERNEL_CODE64,
        rflags: 0x202,
        rsp: 0xffff_c900_0000_3fe8,
        ss: KERNEL_DATA,
    };
    Interrupted::by_cpu(frame, 0xc, 0xb)
}

fn user() -> Interrupted {
    let frame = Frame {
        rip: 0x40_1000,
        cs: 0x33,
        rflags: 0x246,
        rsp: 0x7fff_ffff_e008,
        ss: 0x2b,
    };
    Interrupted::by_cpu(frame, 0xc, 0xb)
}

fn vcpu(upcall_mask: u8) -> EntryState {
    EntryState {
        kernel_sp: KERNEL_SP,
        upcall_mask,
        shown_iopl: 0,
    }
}

#[test]
fn a_kernel_frame_with_error_code() {
    let at = kernel();
    let entered = bounce(&at, &vcpu(0), handler(false), Some(0x18)).unwrap();
    assert_eq!(
        entered.words(),
        [
            0xc,
            0xb,
            0x18,
            at.frame.rip,
            0xe030,
            0x202,
            at.frame.rsp,
            0xe02b
        ]
    );
    // The interrupted stack, aligned down to 16, less eight words.
    assert_eq!(entered.sp, GuestAddr(0xffff_c900_0000_3fe0 - 64));
    assert!(!entered.from_user);
    assert_eq!(
        entered.frame,
        Frame {
            rip: HANDLER,
            cs: KERNEL_CODE64,
            rflags: 0x202,
            rsp: entered.sp.0,
            ss: KERNEL_DATA
        }
    );
}

#[test]
fn a_user_frame_starts_at_the_kernel_stack_and_keeps_its_selectors() {
    let at = user();
    let entered = bounce(&at, &vcpu(0), handler(true), None).unwrap();
    assert_eq!(
        entered.words(),
        [0xc, 0xb, 0x40_1000, 0x33, 0x246, 0x7fff_ffff_e008, 0x2b]
    );
    assert_eq!(entered.sp, GuestAddr(KERNEL_SP - 56));
    assert!(entered.from_user);
    assert_eq!(entered.frame.rflags, 0x246);
}

#[test]
fn the_saved_mask_is_in_the_word_of_cs_and_in_if() {
    let entered = bounce(&kernel(), &vcpu(1), handler(false), None).unwrap();
    assert_eq!(entered.words()[3], 0x1_0000_e030);
    assert_eq!(entered.words()[4], 0x002);
    assert_eq!(
        entered.frame.rflags & rflags::IF,
        rflags::IF,
        "the real IF stays on"
    );
}

#[test]
fn only_a_handler_that_asks_for_it_masks_events() {
    assert_eq!(
        bounce(&kernel(), &vcpu(0), handler(false), None)
            .unwrap()
            .upcall_mask,
        0
    );
    assert_eq!(
        bounce(&kernel(), &vcpu(1), handler(false), None)
            .unwrap()
            .upcall_mask,
        1
    );
    let masking = bounce(&kernel(), &vcpu(0), handler(true), None).unwrap();
    assert_eq!(masking.upcall_mask, 1);
    assert_eq!(
        masking.words()[3] >> 32,
        0,
        "the frame holds the mask before the entry"
    );
}

#[test]
fn iopl_is_shown_only_virtually() {
    let mut at = kernel();
    at.frame.rflags |= rflags::IOPL;
    let state = EntryState {
        shown_iopl: 1,
        ..vcpu(0)
    };
    assert_eq!(
        bounce(&at, &vcpu(0), handler(false), None).unwrap().words()[4],
        0x202
    );
    let shown = bounce(&at, &state, handler(false), None).unwrap();
    assert_eq!(shown.words()[4], 0x1202);
    assert_eq!(shown.frame.rflags, 0x202);
}

#[test]
fn the_new_flags_lose_ac_vm_rf_nt_tf_and_keep_df() {
    let mut at = user();
    at.frame.rflags = rflags::GUEST | rflags::VM | 0x202;
    let entered = bounce(&at, &vcpu(0), handler(false), None).unwrap();
    let kept = rflags::ARITHMETIC | rflags::DF | rflags::ID | 0x202;
    assert_eq!(entered.frame.rflags, kept);
    assert_eq!(
        entered.words()[4] & rflags::TF,
        rflags::TF,
        "the frame keeps them"
    );
}

#[test]
fn vectors_decide_on_the_error_code() {
    let mut table = TrapTable::new();
    for v in [vector::UD, vector::PF] {
        table.set(v, 4, HANDLER).unwrap();
    }
    let ud = deliver(&kernel(), &vcpu(0), &table, vector::UD, 0x1234).unwrap();
    assert_eq!(ud.words().len(), 7);
    let pf = deliver(&kernel(), &vcpu(0), &table, vector::PF, 6).unwrap();
    assert_eq!((pf.words().len(), pf.words()[2]), (8, 6));
    assert_eq!(pf.upcall_mask, 1);
    assert_eq!(
        deliver(&kernel(), &vcpu(0), &table, vector::GP, 0),
        Err(Undeliverable::NoHandler(13))
    );
}

#[test]
fn software_interrupts_have_no_error_code() {
    let mut table = TrapTable::new();
    table.set(vector::GP, 3, HANDLER).unwrap();
    let entered = deliver_software(&user(), &vcpu(0), &table, vector::GP).unwrap();
    assert_eq!(entered.words().len(), 7);
    assert_eq!(
        deliver_software(&user(), &vcpu(0), &table, 0x80),
        Err(Undeliverable::NoHandler(0x80))
    );
}

#[test]
fn a_system_call_pushes_what_the_instruction_left() {
    let at = Interrupted::by_syscall(0x40_1002, 0x10646, 0x7fff_0000, Mode::User);
    let entered = syscall_entry(&at, &vcpu(0), Some(handler(true))).unwrap();
    // RFLAGS is R11 with its RF and DF.
    assert_eq!(
        entered.words(),
        [
            0x40_1002,
            0x10646,
            0x40_1002,
            0xe033,
            0x10646,
            0x7fff_0000,
            0xe02b
        ]
    );
    assert_eq!(entered.frame.rflags, 0x246, "DF and RF are cleared");
    assert_eq!(entered.upcall_mask, 1);
    assert_eq!(entered.sp, GuestAddr(KERNEL_SP - 56));
}

#[test]
fn a_system_call_without_callback_is_an_invalid_opcode_at_the_instruction() {
    let at = Interrupted::by_syscall(0x40_1002, 0x246, 0x7fff_0000, Mode::User);
    let Err(SyscallRefused::InvalidOpcode(back)) = syscall_entry(&at, &vcpu(0), None) else {
        panic!("refused otherwise");
    };
    assert_eq!(back.frame.rip, 0x40_1000);
    assert_eq!(back.mode, Mode::User);
}

#[test]
fn a_hypercall_returns_to_the_ring_1_pair() {
    let at = Interrupted::by_syscall(0xffff_ffff_8100_0002, 0x246, KERNEL_SP, Mode::Kernel);
    assert_eq!((at.frame.cs, at.frame.ss), (KERNEL_CODE64, KERNEL_DATA));
}

#[test]
fn the_failsafe_frame_holds_the_segments() {
    let entered = failsafe(&user(), &vcpu(0), handler(true), [1, 2, 3, 4]).unwrap();
    // rcx, r11, ds, es, fs, gs, rip, cs, rflags, rsp, ss
    assert_eq!(
        entered.words(),
        [
            0xc,
            0xb,
            1,
            2,
            3,
            4,
            0x40_1000,
            0x33,
            0x246,
            0x7fff_ffff_e008,
            0x2b
        ]
    );
}

#[test]
fn stacks_in_the_hypervisors_slots_or_not_canonical_are_refused() {
    for (sp, fault) in [
        (
            0xffff_8000_0000_1000,
            StackFault::Hypervisors(GuestAddr(0xffff_8000_0000_1000 - 56)),
        ),
        // The frame lies below the stack pointer.
        (
            0xffff_8800_0000_0000,
            StackFault::Hypervisors(GuestAddr(0xffff_8800_0000_0000 - 56)),
        ),
        (
            0x8000_0000_0000_1000,
            StackFault::NotCanonical(GuestAddr(0x8000_0000_0000_1000 - 56)),
        ),
        (
            0x8000_0000_0010,
            StackFault::NotCanonical(GuestAddr(0x8000_0000_000f)),
        ),
        (
            0xffff_8000_0000_0000,
            StackFault::NotCanonical(GuestAddr(0xffff_8000_0000_0000 - 56)),
        ),
    ] {
        let state = EntryState {
            kernel_sp: sp,
            ..vcpu(0)
        };
        assert_eq!(
            bounce(&user(), &state, handler(false), None),
            Err(fault),
            "{sp:#x}"
        );
        assert!(check_kernel_stack(sp).is_err());
        let mut at = kernel();
        at.frame.rsp = sp;
        assert_eq!(
            bounce(&at, &vcpu(0), handler(false), None),
            Err(fault),
            "{sp:#x}"
        );
    }
    // Right below the hole, at the very top, and above the hypervisor's slots.
    for sp in [0x8000_0000_0000, 0, 0xffff_8800_0000_1000] {
        assert!(check_kernel_stack(sp).is_ok(), "{sp:#x}");
    }
}

proptest! {
    #[test]
    fn any_accepted_frame_is_aligned_outside_and_unprivileged(
        rip: u64, cs: u16, flags: u64, rsp: u64, ss: u16, kernel_sp: u64, mask: u8, masks: bool,
        error: Option<u32>,
    ) {
        let at = Interrupted::by_cpu(Frame { rip, cs, rflags: flags, rsp, ss }, 1, 2);
        let state = EntryState { kernel_sp, upcall_mask: mask, shown_iopl: 0 };
        if let Ok(entered) = bounce(&at, &state, handler(masks), error) {
            let len = entered.words().len() as u64;
            prop_assert_eq!(len, 7 + u64::from(error.is_some()));
            prop_assert_eq!((entered.sp.0.wrapping_add(len * 8)) % 16, 0);
            for i in 0..len {
                let word = GuestAddr(entered.sp.0.wrapping_add(i * 8));
                prop_assert!(word.is_canonical() && !word.is_hypervisors());
            }
            prop_assert_eq!(entered.frame.cs, KERNEL_CODE64);
            prop_assert_eq!(entered.frame.rflags & (rflags::IOPL | rflags::VM | rflags::TF), 0);
            prop_assert_ne!(entered.frame.rflags & rflags::IF, 0);
            prop_assert_eq!(entered.words()[len as usize - 4] >> 32 & 0xff, u64::from(mask));
            let shown_rpl = entered.words()[len as usize - 4] & 3;
            prop_assert_eq!(shown_rpl, if at.mode.is_user() { 3 } else { 0 });
        }
    }
}
