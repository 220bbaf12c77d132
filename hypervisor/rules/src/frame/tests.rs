//! Frames against a plain model, and against each other on two threads.

use super::*;
use proptest::prelude::*;

const A: DomId = DomId(1);
const B: DomId = DomId(0);

fn owned() -> Frame {
    let frame = Frame::new();
    frame.allocate(A);
    frame
}

#[test]
fn zero_frame_is_the_hypervisors() {
    let frame = Frame::new();
    assert_eq!(frame.owner(), None);
    assert_eq!(frame.get_ref(A), Err(GetError::NotOwner));
    assert_eq!(frame.get_ref(DomId(0)), Err(GetError::NotOwner));
    assert_eq!(frame.get_ref_any(), Err(GetError::NotOwner));
    assert_eq!(frame.give_up(A), None);
    assert_eq!(frame.steal(A), None);
}

#[test]
fn last_reference_frees_once() {
    let frame = owned();
    assert_eq!(frame.get_ref(B), Err(GetError::NotOwner));
    frame.get_ref(A).unwrap();
    assert_eq!(frame.get_ref_any(), Ok(A));
    assert_eq!(frame.give_up(B), None);
    assert_eq!(frame.give_up(A), Some(Put::Held));
    assert_eq!(frame.give_up(A), None);
    assert_eq!(frame.put_ref(), Put::Held);
    assert_eq!(
        frame.put_ref(),
        Put::Free(Freed {
            owner: A,
            shared: false
        })
    );
    assert_eq!(frame.get_ref(A), Err(GetError::NotOwner));
    frame.allocate(B);
    assert_eq!(frame.owner(), Some(B));
}

#[test]
#[should_panic(expected = "dropped twice")]
fn dropping_what_is_not_held_stops_us() {
    let _ = Frame::new().put_ref();
}

#[test]
#[should_panic(expected = "given out twice")]
fn allocating_a_frame_in_use_stops_us() {
    owned().allocate(B);
}

#[test]
fn stealing_needs_a_lone_allocation() {
    let frame = owned();
    frame.get_ref(A).unwrap();
    assert_eq!(frame.steal(A), None);
    let _ = frame.put_ref();
    assert_eq!(frame.steal(B), None);
    assert!(frame.steal(A).is_some());
    assert_eq!(frame.owner(), None);
}

#[test]
fn shared_frame_is_writable_and_nothing_else() {
    let frame = Frame::new();
    frame.share(A);
    assert_eq!(frame.get_type(Type::Writable), Ok(Got::Established));
    assert_eq!(
        frame.get_type(Type::L1),
        Err(TypeError::InUseAs(Type::Shared))
    );
    assert_eq!(frame.put_type(0), PutType::Done);
    assert_eq!(
        frame.get_type(Type::SegDesc),
        Err(TypeError::InUseAs(Type::Shared))
    );
    assert_eq!(frame.give_up(A), None);
    assert_eq!(frame.steal(A), None);
    assert_eq!(
        frame.unshare(),
        Some(Put::Free(Freed {
            owner: A,
            shared: true
        }))
    );
    assert_eq!(frame.unshare(), None);
    frame.allocate(A);
    assert_eq!(frame.get_type(Type::L1), Ok(Got::Retyped(Type::None)));
}

#[test]
fn retyping_holds_others_off_until_established() {
    let frame = owned();
    assert_eq!(frame.get_type(Type::L1), Ok(Got::Retyped(Type::None)));
    assert_eq!(frame.get_type(Type::L1), Err(TypeError::Busy));
    assert_eq!(
        frame.get_type(Type::Writable),
        Err(TypeError::InUseAs(Type::L1))
    );
    frame.established();
    assert_eq!(frame.get_type(Type::L1), Ok(Got::Established));
    assert_eq!(frame.put_type(1), PutType::Done);
    assert_eq!(frame.put_type(2), PutType::Demote);
    assert_eq!(
        frame.get_type(Type::Writable),
        Err(TypeError::InUseAs(Type::L1))
    );
    assert_eq!(frame.get_type(Type::L1), Err(TypeError::Busy));
    frame.demoted(9);
    assert_eq!(frame.stamp(), 9);
    // The way back to writable is a change of type as well.
    assert_eq!(frame.get_type(Type::Writable), Ok(Got::Retyped(Type::L1)));
    assert_eq!(frame.get_type(Type::Writable), Err(TypeError::Busy));
    frame.established();
    assert_eq!(frame.put_type(12), PutType::Done);
    assert_eq!(frame.stamp(), 12);
    assert_eq!(frame.get_type(Type::Writable), Ok(Got::Established));
    assert_eq!(frame.put_type(13), PutType::Done);
    assert_eq!(frame.get_type(Type::L4), Ok(Got::Retyped(Type::Writable)));
}

#[test]
fn suspended_table_is_resumed_or_abandoned() {
    let frame = owned();
    assert!(matches!(frame.get_type(Type::L2), Ok(Got::Retyped(_))));
    frame.suspend(7);
    assert!(frame.snapshot().partial);
    assert_eq!(
        frame.get_type(Type::Writable),
        Err(TypeError::InUseAs(Type::L2))
    );
    assert_eq!(frame.get_type(Type::L2), Ok(Got::Resumed));
    assert_eq!((frame.snapshot().uses, frame.progress()), (1, 7));
    frame.suspend(8);
    frame.demote(8);
    assert_eq!(frame.get_type(Type::L2), Err(TypeError::Busy));
    frame.demoted(1);
    assert_eq!(frame.get_type(Type::L2), Ok(Got::Recheck));
}

#[test]
fn counts_do_not_wrap() {
    let frame = owned();
    frame.general.fetch_add((1 << 31) - 1, Ordering::Relaxed);
    assert_eq!(frame.get_ref(A), Err(GetError::TooMany));
    let _ = frame.get_type(Type::Writable);
    frame.established();
    frame.kind.fetch_add((1 << 31) - 1, Ordering::Relaxed);
    assert_eq!(frame.get_type(Type::Writable), Err(TypeError::TooMany));
}

/// What a frame should be, in plain words.
#[derive(Clone, Debug)]
struct Model {
    owner: Option<DomId>,
    allocated: bool,
    refs: u32,
    kind: Type,
    uses: u32,
    pinned: bool,
}

#[derive(Clone, Debug)]
enum Step {
    Allocate(DomId),
    GiveUp(DomId),
    Steal(DomId),
    GetRef(DomId),
    PutRef,
    GetType(Type),
    PutType,
    Pin,
    Unpin,
}

fn step() -> impl Strategy<Value = Step> {
    let domain = prop_oneof![4 => Just(A), 1 => Just(B)];
    let kind = prop_oneof![
        3 => Just(Type::Writable),
        2 => Just(Type::L1),
        1 => Just(Type::L2),
        1 => Just(Type::L4),
        1 => Just(Type::SegDesc)
    ];
    prop_oneof![
        2 => domain.clone().prop_map(Step::Allocate),
        1 => domain.clone().prop_map(Step::GiveUp),
        1 => domain.clone().prop_map(Step::Steal),
        4 => domain.prop_map(Step::GetRef),
        3 => Just(Step::PutRef),
        6 => kind.prop_map(Step::GetType),
        4 => Just(Step::PutType),
        1 => Just(Step::Pin),
        1 => Just(Step::Unpin),
    ]
}

impl Model {
    /// References that nobody needs for a use or for the allocation.
    fn spare_refs(&self) -> u32 {
        self.refs - self.uses - u32::from(self.allocated)
    }

    fn drop_ref(&mut self) -> bool {
        self.refs -= 1;
        if self.refs == 0 {
            self.owner = None;
            self.allocated = false;
        }
        self.refs == 0
    }

    /// Takes the step in the model and on the frame; they must agree on its outcome.
    fn take(&mut self, frame: &Frame, step: Step) {
        match step {
            Step::Allocate(domain) if self.refs == 0 => {
                frame.allocate(domain);
                *self = Self {
                    owner: Some(domain),
                    allocated: true,
                    refs: 1,
                    kind: Type::None,
                    uses: 0,
                    pinned: false,
                };
            }
            Step::GiveUp(domain) => {
                let may = self.owner == Some(domain) && self.allocated;
                let got = frame.give_up(domain);
                assert_eq!(got.is_some(), may);
                if may {
                    self.allocated = false;
                    let free = self.drop_ref();
                    assert_eq!(free, matches!(got, Some(Put::Free(_))));
                }
            }
            Step::Steal(domain) => {
                let may = self.owner == Some(domain) && self.allocated && self.refs == 1;
                assert_eq!(frame.steal(domain).is_some(), may);
                if may {
                    self.drop_ref();
                }
            }
            Step::GetRef(domain) => {
                let may = self.owner == Some(domain);
                assert_eq!(frame.get_ref(domain).is_ok(), may);
                self.refs += u32::from(may);
            }
            Step::PutRef if self.refs > 0 && self.spare_refs() > 0 => {
                let put = frame.put_ref();
                assert_eq!(self.drop_ref(), matches!(put, Put::Free(_)));
            }
            // A type reference needs a general one to go with it.
            Step::GetType(kind) if self.refs > 0 && self.spare_refs() > 0 => {
                let got = frame.get_type(kind);
                if self.uses > 0 && self.kind != kind {
                    assert_eq!(got, Err(TypeError::InUseAs(self.kind)));
                    return;
                }
                let expected = match (self.uses, self.kind == kind) {
                    (0, false) => Got::Retyped(self.kind),
                    (0, true) if kind != Type::Writable => Got::Recheck,
                    _ => Got::Established,
                };
                assert_eq!(got, Ok(expected));
                if expected != Got::Established {
                    frame.established();
                }
                self.kind = kind;
                self.uses += 1;
            }
            Step::PutType if self.uses > u32::from(self.pinned) => {
                let last_of_table = self.uses == 1 && self.kind.is_table();
                let put = frame.put_type(1);
                assert_eq!(put == PutType::Demote, last_of_table);
                if last_of_table {
                    frame.demoted(2);
                }
                self.uses -= 1;
            }
            Step::Pin if self.kind.is_table() && self.uses > u32::from(self.pinned) => {
                assert_eq!(frame.pin(), !self.pinned);
                self.pinned = true;
            }
            Step::Unpin if self.refs > 0 => {
                assert_eq!(frame.unpin(), self.pinned);
                self.pinned = false;
            }
            _ => {}
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]
    #[test]
    fn frame_follows_its_model(steps in prop::collection::vec(step(), 1..150)) {
        let frame = Frame::new();
        let mut model = Model {
            owner: None, allocated: false, refs: 0, kind: Type::None, uses: 0, pinned: false,
        };
        for step in steps {
            model.take(&frame, step);
            let is = frame.snapshot();
            prop_assert_eq!((is.owner, is.refs, is.allocated), (model.owner, model.refs, model.allocated));
            prop_assert_eq!((is.uses, is.pinned), (model.uses, model.pinned));
            prop_assert!(is.uses == 0 || (is.kind == model.kind && is.validated));
            prop_assert!(!is.partial && !is.demoting);
        }
    }
}

#[test]
fn two_threads_never_have_a_writable_table() {
    use core::sync::atomic::AtomicI64;
    const ROUNDS: usize = 20_000;
    let frame = owned();
    let (writers, tables) = (AtomicI64::new(0), AtomicI64::new(0));
    let use_as = |kind: Type, mine: &AtomicI64, others: &AtomicI64| {
        for round in 0..ROUNDS {
            frame.get_ref(A).unwrap();
            match frame.get_type(kind) {
                Ok(got) => {
                    if got != Got::Established {
                        // Here a hypervisor flushes; nobody may have a use of the new type yet.
                        assert_eq!(mine.load(Ordering::SeqCst), 0);
                        frame.established();
                    }
                    mine.fetch_add(1, Ordering::SeqCst);
                    assert_eq!(others.load(Ordering::SeqCst), 0);
                    mine.fetch_sub(1, Ordering::SeqCst);
                    if frame.put_type(round as u64) == PutType::Demote {
                        frame.demoted(round as u64);
                    }
                }
                Err(TypeError::InUseAs(other)) => assert_ne!(other, kind),
                Err(TypeError::Busy) => core::hint::spin_loop(),
                Err(TypeError::TooMany) => unreachable!(),
            }
            assert_eq!(frame.put_ref(), Put::Held);
        }
    };
    std::thread::scope(|scope| {
        scope.spawn(|| use_as(Type::Writable, &writers, &tables));
        scope.spawn(|| use_as(Type::Writable, &writers, &tables));
        scope.spawn(|| use_as(Type::L1, &tables, &writers));
    });
    assert_eq!((frame.snapshot().refs, frame.snapshot().uses), (1, 0));
}
