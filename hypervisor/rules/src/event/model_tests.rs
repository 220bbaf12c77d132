//! Three domains do random things to their ports; a model of plain maps says what
//! must come of it.

use super::words::{self, OwnWords};
use super::*;
use crate::types::{DomId, Port, VcpuId};
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::sync::atomic::Ordering::SeqCst;

const DOMAINS: u16 = 3;
const VCPUS: u32 = 2;
const MAX_PORT: u32 = 9;

#[derive(Clone, Copy, Debug)]
enum Op {
    AllocUnbound { remote: u16 },
    BindInterdomain { remote: u16, port: u32 },
    BindVirq { virq: u32, vcpu: u32 },
    BindIpi { vcpu: u32 },
    BindVcpu { port: u32, vcpu: u32 },
    Close { port: u32 },
    Send { port: u32 },
    FireVirq { virq: u32, vcpu: u32 },
    Mask { port: u32 },
    Unmask { port: u32 },
    GuestScan { vcpu: u32 },
}

fn op() -> impl Strategy<Value = Op> {
    let port = 0..MAX_PORT + 3;
    let vcpu = 0..VCPUS + 1;
    let virq = prop_oneof![0..4u32, Just(24u32)];
    let remote = 0..DOMAINS;
    prop_oneof![
        remote
            .clone()
            .prop_map(|remote| Op::AllocUnbound { remote }),
        (remote, port.clone()).prop_map(|(remote, port)| Op::BindInterdomain { remote, port }),
        (virq.clone(), vcpu.clone()).prop_map(|(virq, vcpu)| Op::BindVirq { virq, vcpu }),
        vcpu.clone().prop_map(|vcpu| Op::BindIpi { vcpu }),
        (port.clone(), vcpu.clone()).prop_map(|(port, vcpu)| Op::BindVcpu { port, vcpu }),
        port.clone().prop_map(|port| Op::Close { port }),
        port.clone().prop_map(|port| Op::Send { port }),
        (virq, vcpu.clone()).prop_map(|(virq, vcpu)| Op::FireVirq { virq, vcpu }),
        port.clone().prop_map(|port| Op::Mask { port }),
        port.prop_map(|port| Op::Unmask { port }),
        vcpu.prop_map(|vcpu| Op::GuestScan { vcpu }),
    ]
}

/// The model's port: kind and vCPU.
type ModelPort = (StatusKind, u32);

#[derive(Default)]
struct Model {
    ports: BTreeMap<(u16, u32), ModelPort>,
    pending: BTreeMap<(u16, u32), ()>,
}

impl Model {
    fn lowest_free(&self, domain: u16) -> Result<u32, EventError> {
        (1..=MAX_PORT)
            .find(|port| !self.ports.contains_key(&(domain, *port)))
            .ok_or(EventError::NoFreePort)
    }

    fn add(&mut self, domain: u16, kind: StatusKind, vcpu: u32) -> Result<Port, EventError> {
        let port = self.lowest_free(domain)?;
        self.ports.insert((domain, port), (kind, vcpu));
        Ok(Port(port))
    }

    fn vcpu(vcpu: u32) -> Result<u32, EventError> {
        if vcpu < VCPUS {
            Ok(vcpu)
        } else {
            Err(EventError::NoSuchVcpu)
        }
    }
}

/// The real thing: tables, words, and what each vCPU was told.
struct Real {
    tables: Vec<PortTable>,
    words: Vec<OwnWords>,
}

impl Real {
    fn pair(&mut self, own: u16, other: u16) -> (&mut PortTable, Option<&mut PortTable>) {
        if own == other {
            return (&mut self.tables[usize::from(own)], None);
        }
        let [a, b] = self
            .tables
            .get_disjoint_mut([usize::from(own), usize::from(other)])
            .unwrap();
        (a, Some(b))
    }

    fn deliver(&self, from: u16, from_port: u32, delivery: Delivery) {
        match delivery {
            Delivery::Nowhere => {}
            Delivery::Here { port, vcpu } => self.raise(from, port, vcpu),
            Delivery::There { domain, port } => {
                let there = &self.tables[usize::from(domain.0)];
                if let Some(vcpu) = there.accept(port, DomId(from), Port(from_port)) {
                    self.raise(domain.0, port, vcpu);
                }
            }
        }
    }

    fn raise(&self, domain: u16, port: Port, vcpu: VcpuId) {
        let words = &self.words[usize::from(domain)];
        let before = words.vcpu(vcpu).unwrap().is_pending();
        let raised = words::raise(words, port, vcpu);
        let after = words.vcpu(vcpu).unwrap().is_pending();
        assert_eq!(raised.kick, (!before && after).then_some(vcpu));
    }
}

fn step(model: &mut Model, real: &mut Real, domain: u16, op: Op) {
    let d = usize::from(domain);
    match op {
        Op::AllocUnbound { remote } => {
            let expected = model.add(domain, StatusKind::Unbound(DomId(remote)), 0);
            assert_eq!(real.tables[d].alloc_unbound(DomId(remote)), expected);
        }
        Op::BindInterdomain { remote, port } => {
            let free = model.lowest_free(domain);
            let far = model.ports.get(&(remote, port)).copied();
            let opens = matches!(far, Some((StatusKind::Unbound(us), _)) if us == DomId(domain));
            let (own, peer) = real.pair(domain, remote);
            let got = own.bind_interdomain(DomId(remote), port, peer);
            match (free, opens) {
                (Err(full), _) => assert_eq!(got, Err(full)),
                (Ok(_), false) => assert_eq!(got.unwrap_err().errno(), Errno::EINVAL),
                (Ok(near), true) => {
                    assert_eq!(got, Ok(Port(near)));
                    let vcpu = far.unwrap().1;
                    let ours = StatusKind::Interdomain(DomId(remote), Port(port));
                    let theirs = StatusKind::Interdomain(DomId(domain), Port(near));
                    model.ports.insert((remote, port), (theirs, vcpu));
                    model.ports.insert((domain, near), (ours, 0));
                    real.raise(domain, Port(near), VcpuId(0));
                    model.pending.insert((domain, near), ());
                }
            }
        }
        Op::BindVirq { virq, vcpu } => {
            let got = real.tables[d].bind_virq(virq, vcpu);
            let expected = Virq::from_abi(virq).and_then(|kind| {
                if kind.is_global() && vcpu != 0 {
                    return Err(EventError::VirqIsGlobal);
                }
                let vcpu = Model::vcpu(vcpu)?;
                let taken = model.ports.iter().any(|((owner, _), (state, on))| {
                    *owner == domain
                        && *state == StatusKind::Virq(kind)
                        && (kind.is_global() || *on == vcpu)
                });
                if taken {
                    return Err(EventError::AlreadyBound);
                }
                model.add(domain, StatusKind::Virq(kind), vcpu)
            });
            assert_eq!(got, expected);
        }
        Op::BindIpi { vcpu } => {
            let expected =
                Model::vcpu(vcpu).and_then(|vcpu| model.add(domain, StatusKind::Ipi, vcpu));
            assert_eq!(real.tables[d].bind_ipi(vcpu), expected);
        }
        Op::BindVcpu { port, vcpu } => {
            let got = real.tables[d].bind_vcpu(port, vcpu);
            let movable = match model.ports.get(&(domain, port)) {
                Some((StatusKind::Virq(kind), _)) => kind.is_global(),
                Some((StatusKind::Ipi, _)) | None => false,
                Some(_) => true,
            };
            if vcpu >= VCPUS {
                assert_eq!(got, Err(EventError::NoSuchVcpu));
            } else if movable {
                assert_eq!(got, Ok(()));
                model.ports.get_mut(&(domain, port)).unwrap().1 = vcpu;
            } else {
                assert_eq!(got.unwrap_err().errno(), Errno::EINVAL);
            }
        }
        Op::Close { port } => {
            let remote = real.tables[d]
                .peer_of(port)
                .map_or(domain, |remote| remote.0);
            let (own, peer) = real.pair(domain, remote);
            let got = own.close(port, peer);
            match model.ports.remove(&(domain, port)) {
                None => assert_eq!(got.unwrap_err().errno(), Errno::EINVAL),
                Some((kind, _)) => {
                    assert_eq!(got, Ok(Port(port)));
                    if let StatusKind::Interdomain(remote, far) = kind {
                        model.ports.get_mut(&(remote.0, far.0)).unwrap().0 =
                            StatusKind::Unbound(DomId(domain));
                    }
                    words::clear(&real.words[d], Port(port));
                    model.pending.remove(&(domain, port));
                }
            }
        }
        Op::Send { port } => {
            let got = real.tables[d].send(port);
            match model.ports.get(&(domain, port)).map(|(kind, _)| *kind) {
                Some(StatusKind::Interdomain(remote, far)) => {
                    model.pending.insert((remote.0, far.0), ());
                }
                Some(StatusKind::Ipi) => {
                    model.pending.insert((domain, port), ());
                }
                Some(StatusKind::Unbound(_)) => assert_eq!(got, Ok(Delivery::Nowhere)),
                _ => {
                    assert_eq!(got.unwrap_err().errno(), Errno::EINVAL);
                    return;
                }
            }
            real.deliver(domain, port, got.unwrap());
        }
        Op::FireVirq { virq, vcpu } => {
            let Ok(kind) = Virq::from_abi(virq) else {
                return;
            };
            let expected = model.ports.iter().find_map(|((owner, port), (state, on))| {
                let ours = *owner == domain && *state == StatusKind::Virq(kind);
                (ours && (kind.is_global() || *on == vcpu)).then_some((Port(*port), VcpuId(*on)))
            });
            let got = real.tables[d].virq_port(kind, VcpuId(vcpu));
            assert_eq!(got, expected);
            if let Some((port, vcpu)) = got {
                real.raise(domain, port, vcpu);
                model.pending.insert((domain, port.0), ());
            }
        }
        Op::Mask { port } => {
            real.words[d].mask(0).fetch_or(1 << port, SeqCst);
        }
        Op::Unmask { port } => {
            let got = real.tables[d].unmask(port);
            if model.ports.contains_key(&(domain, port)) {
                let (port, vcpu) = got.unwrap();
                let _ = words::unmask(&real.words[d], port, vcpu);
            }
        }
        Op::GuestScan { vcpu } => {
            // What a guest's event handler does: clear the flag, take the words' bits, take
            // the ports of those words that are not masked.
            let words = &real.words[d];
            let Some(info) = words.vcpu(VcpuId(vcpu)) else {
                return;
            };
            info.upcall_pending.store(0, SeqCst);
            if info.pending_sel.swap(0, SeqCst) & 1 != 0 {
                let open = words.pending(0).load(SeqCst) & !words.mask(0).load(SeqCst);
                words.pending(0).fetch_and(!open, SeqCst);
                model
                    .pending
                    .retain(|(owner, port), ()| *owner != domain || open >> port & 1 == 0);
            }
        }
    }
}

fn compare(model: &Model, real: &Real) {
    for domain in 0..DOMAINS {
        let table = &real.tables[usize::from(domain)];
        let words = &real.words[usize::from(domain)];
        for port in 0..64 {
            let expected = model.ports.get(&(domain, port)).copied();
            let status = table
                .status(port)
                .map_or((StatusKind::Closed, 0), |s| (s.kind, s.vcpu));
            assert_eq!(
                status,
                expected.unwrap_or((StatusKind::Closed, 0)),
                "d{domain} {port}"
            );
            let pending = words::is_pending(words, Port(port));
            assert_eq!(
                pending,
                model.pending.contains_key(&(domain, port)),
                "d{domain} {port}"
            );
            // No lost event: what is pending and open is on its way to some vCPU.
            let open = words.mask(0).load(SeqCst) >> port & 1 == 0;
            if pending && open && expected.is_some() {
                let shown = (0..VCPUS).any(|v| {
                    let info = words.vcpu(VcpuId(v)).unwrap();
                    info.is_pending() && info.pending_sel.load(SeqCst) & 1 != 0
                });
                assert!(
                    shown,
                    "d{domain} port {port} is pending, open and nobody is told"
                );
            }
        }
        // Both ends of a channel name each other.
        for port in 1..=MAX_PORT {
            if let Ok(Status {
                kind: StatusKind::Interdomain(remote, far),
                ..
            }) = table.status(port)
            {
                let end = real.tables[usize::from(remote.0)]
                    .status(far.0)
                    .unwrap()
                    .kind;
                assert_eq!(end, StatusKind::Interdomain(DomId(domain), Port(port)));
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]
    #[test]
    fn tables_and_words_follow_the_model(
        ops in prop::collection::vec((0..DOMAINS, op()), 1..80)
    ) {
        let mut model = Model::default();
        let mut real = Real {
            tables: (0..DOMAINS)
                .map(|d| PortTable::new(DomId(d), VCPUS, MAX_PORT).unwrap())
                .collect(),
            words: (0..DOMAINS).map(|_| OwnWords::new(VCPUS)).collect(),
        };
        for (domain, op) in ops {
            step(&mut model, &mut real, domain, op);
            compare(&model, &real);
        }
    }
}
