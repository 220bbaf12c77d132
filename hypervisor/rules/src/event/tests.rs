//! Each sub-operation's results and refusals.

use super::*;
use crate::types::{DomId, Port, VcpuId};
use pv_guest_abi::errno::Errno;

const D0: DomId = DomId(0);
const D1: DomId = DomId(1);
const D2: DomId = DomId(2);
const V0: VcpuId = VcpuId(0);
const V1: VcpuId = VcpuId(1);

fn table(owner: DomId) -> PortTable {
    PortTable::new(owner, 2, u32::MAX).unwrap()
}

fn errno<T: core::fmt::Debug>(result: Result<T, EventError>) -> Errno {
    result.unwrap_err().errno()
}

/// Two domains with a channel between them: d0's port 1 and d1's port 1.
fn connected() -> (PortTable, PortTable) {
    let (mut a, mut b) = (table(D0), table(D1));
    assert_eq!(a.alloc_unbound(D1), Ok(Port(1)));
    assert_eq!(b.bind_interdomain(D0, 1, Some(&mut a)), Ok(Port(1)));
    (a, b)
}

#[test]
fn ports_are_handed_out_lowest_first_and_never_0() {
    let mut t = table(D0);
    for n in 1..=70 {
        assert_eq!(t.alloc_unbound(D1), Ok(Port(n)));
    }
    for n in [60, 3, 5] {
        t.close(n, None).unwrap();
    }
    assert_eq!(t.bind_ipi(0), Ok(Port(3)));
    assert_eq!(t.bind_virq(0, 0), Ok(Port(5)));
    assert_eq!(t.alloc_unbound(D1), Ok(Port(60)));
    assert_eq!(t.alloc_unbound(D1), Ok(Port(71)));
    assert_eq!(t.status(0).unwrap().kind, StatusKind::Closed);
    assert_eq!(errno(t.close(0, None)), Errno::EINVAL);
    assert_eq!(errno(t.send(0)), Errno::EINVAL);
}

#[test]
fn the_limit_is_enospc() {
    let mut t = PortTable::new(D0, 1, 3).unwrap();
    for _ in 0..3 {
        t.bind_ipi(0).unwrap();
    }
    assert_eq!(errno(t.bind_ipi(0)), Errno::ENOSPC);
    assert_eq!(errno(t.alloc_unbound(D1)), Errno::ENOSPC);
    t.close(2, None).unwrap();
    assert_eq!(t.bind_ipi(0), Ok(Port(2)));
    let mut none = PortTable::new(D0, 1, 0).unwrap();
    assert_eq!(errno(none.bind_ipi(0)), Errno::ENOSPC);

    let mut all = table(D0);
    for n in 1..MAX_PORTS {
        assert_eq!(all.bind_ipi(0), Ok(Port(n)));
    }
    assert_eq!(errno(all.bind_ipi(0)), Errno::ENOSPC);
    assert_eq!(all.open_ports(), 4095);
}

#[test]
fn bind_virq_refusals_come_in_xens_order() {
    let mut t = table(D0);
    assert_eq!(errno(t.bind_virq(24, 9)), Errno::EINVAL);
    assert_eq!(
        errno(t.bind_virq(2, 9)),
        Errno::EINVAL,
        "global, before the vCPU is looked up"
    );
    assert_eq!(errno(t.bind_virq(2, 1)), Errno::EINVAL);
    assert_eq!(errno(t.bind_virq(0, 2)), Errno::ENOENT);
    t.bind_virq(0, 1).unwrap();
    assert_eq!(errno(t.bind_virq(0, 1)), Errno::EEXIST);
    t.bind_virq(0, 0).unwrap();
}

#[test]
fn virqs_find_their_ports_until_closed() {
    let mut t = table(D0);
    let timer = t.bind_virq(0, 1).unwrap();
    let console = t.bind_virq(2, 0).unwrap();
    assert_eq!(t.virq_port(Virq::TIMER, V1), Some((timer, V1)));
    assert_eq!(t.virq_port(Virq::TIMER, V0), None);
    assert_eq!(t.virq_port(Virq::CONSOLE, V1), Some((console, V0)));
    // A global one moves, and is still found and freed.
    t.bind_vcpu(console.0, 1).unwrap();
    assert_eq!(t.virq_port(Virq::CONSOLE, V0), Some((console, V1)));
    t.close(console.0, None).unwrap();
    assert_eq!(t.virq_port(Virq::CONSOLE, V0), None);
    assert_eq!(t.bind_virq(2, 0), Ok(console));
    t.close(timer.0, None).unwrap();
    assert_eq!(t.virq_port(Virq::TIMER, V1), None);
    assert_eq!(t.bind_virq(0, 1), Ok(timer));
}

#[test]
fn interdomain_connects_two_tables() {
    let (a, b) = connected();
    assert_eq!(
        a.status(1).unwrap().kind,
        StatusKind::Interdomain(D1, Port(1))
    );
    assert_eq!(
        b.status(1).unwrap().kind,
        StatusKind::Interdomain(D0, Port(1))
    );
    assert_eq!(
        b.send(1),
        Ok(Delivery::There {
            domain: D0,
            port: Port(1)
        })
    );
    assert_eq!(a.accept(Port(1), D1, Port(1)), Some(V0));
    assert_eq!(a.accept(Port(1), D2, Port(1)), None);
    assert_eq!(a.accept(Port(1), D1, Port(2)), None);
}

#[test]
fn interdomain_refusals() {
    let (mut a, mut b) = connected();
    let mut c = table(D2);
    assert_eq!(
        errno(b.bind_interdomain(D0, 64, Some(&mut a))),
        Errno::EINVAL
    );
    assert_eq!(
        errno(b.bind_interdomain(D0, 1, Some(&mut a))),
        Errno::EINVAL,
        "taken"
    );
    let unbound = a.alloc_unbound(D1).unwrap();
    assert_eq!(
        errno(c.bind_interdomain(D0, unbound.0, Some(&mut a))),
        Errno::EINVAL,
        "not for us"
    );
    assert_eq!(
        b.bind_interdomain(D0, unbound.0, None),
        Err(EventError::PeerNeeded(D0))
    );
    assert_eq!(
        b.bind_interdomain(D0, unbound.0, Some(&mut c)),
        Err(EventError::PeerNeeded(D0))
    );
    assert_eq!(c.open_ports(), 0, "a refusal leaves no port behind");
    assert_eq!(b.open_ports(), 1);
}

#[test]
fn a_domain_can_be_its_own_far_end() {
    let mut t = table(D0);
    let near = t.alloc_unbound(D0).unwrap();
    let far = t.bind_interdomain(D0, near.0, None).unwrap();
    assert_eq!((near, far), (Port(1), Port(2)));
    t.bind_vcpu(near.0, 1).unwrap();
    assert_eq!(
        t.send(far.0),
        Ok(Delivery::Here {
            port: near,
            vcpu: V1
        })
    );
    assert_eq!(
        t.send(near.0),
        Ok(Delivery::Here {
            port: far,
            vcpu: V0
        })
    );
    assert_eq!(t.peer_of(near.0), None);
    t.close(far.0, None).unwrap();
    assert_eq!(t.status(near.0).unwrap().kind, StatusKind::Unbound(D0));
    assert_eq!(t.send(near.0), Ok(Delivery::Nowhere));
    // The port it would get is not one it can bind to.
    assert_eq!(errno(t.bind_interdomain(D0, 2, None)), Errno::EINVAL);
}

#[test]
fn close_leaves_the_far_end_unbound_for_us() {
    let (mut a, mut b) = connected();
    assert_eq!(a.peer_of(1), Some(D1));
    assert_eq!(a.close(1, None), Err(EventError::PeerNeeded(D1)));
    assert_eq!(a.close(1, Some(&mut b)), Ok(Port(1)));
    assert_eq!(b.status(1).unwrap().kind, StatusKind::Unbound(D0));
    assert_eq!(b.send(1), Ok(Delivery::Nowhere));
    assert_eq!(errno(a.close(1, None)), Errno::EINVAL);
    // And it can be bound again.
    assert_eq!(a.bind_interdomain(D1, 1, Some(&mut b)), Ok(Port(1)));
}

#[test]
fn what_can_be_sent_on() {
    let mut t = table(D0);
    let ipi = t.bind_ipi(1).unwrap();
    let virq = t.bind_virq(0, 0).unwrap();
    let pirq = t.bind_pirq(9).unwrap();
    assert_eq!(
        t.send(ipi.0),
        Ok(Delivery::Here {
            port: ipi,
            vcpu: V1
        })
    );
    for port in [virq, pirq, Port(4)] {
        assert_eq!(errno(t.send(port.0)), Errno::EINVAL);
    }
    assert_eq!(errno(t.send(64)), Errno::EINVAL);
}

#[test]
fn only_what_belongs_to_no_vcpu_moves() {
    let (mut a, _b) = connected();
    assert_eq!(a.bind_vcpu(1, 1), Ok(()));
    assert_eq!(a.status(1).unwrap().vcpu, 1);
    assert_eq!(errno(a.bind_vcpu(1, 2)), Errno::ENOENT);
    assert_eq!(errno(a.bind_vcpu(999, 2)), Errno::ENOENT);
    assert_eq!(errno(a.bind_vcpu(999, 1)), Errno::EINVAL);
    let unbound = a.alloc_unbound(D2).unwrap();
    let pirq = a.bind_pirq(9).unwrap();
    let console = a.bind_virq(2, 0).unwrap();
    let timer = a.bind_virq(0, 0).unwrap();
    let ipi = a.bind_ipi(0).unwrap();
    for port in [unbound, pirq, console] {
        assert_eq!(a.bind_vcpu(port.0, 1), Ok(()));
    }
    for port in [timer, ipi, Port(20)] {
        assert_eq!(errno(a.bind_vcpu(port.0, 1)), Errno::EINVAL);
    }
}

#[test]
fn a_port_starts_anew_on_vcpu_0() {
    let mut t = table(D0);
    let port = t.alloc_unbound(D1).unwrap();
    t.bind_vcpu(port.0, 1).unwrap();
    t.close(port.0, None).unwrap();
    assert_eq!(t.alloc_unbound(D1), Ok(port));
    assert_eq!(t.status(port.0).unwrap().vcpu, 0);
}

#[test]
fn a_pirq_is_bound_once() {
    let mut t = table(D0);
    let port = t.bind_pirq(9).unwrap();
    assert_eq!(errno(t.bind_pirq(9)), Errno::EEXIST);
    t.close(port.0, None).unwrap();
    assert_eq!(t.bind_pirq(9), Ok(port));
}

#[test]
fn status_numbers_are_the_abis() {
    let numbers = [
        StatusKind::Closed,
        StatusKind::Unbound(D0),
        StatusKind::Interdomain(D0, Port(1)),
        StatusKind::Pirq(0),
        StatusKind::Virq(Virq::TIMER),
        StatusKind::Ipi,
    ]
    .map(StatusKind::number);
    assert_eq!(numbers, [0, 1, 2, 3, 4, 5]);
}

#[test]
fn all_open_ports_can_be_walked() {
    let mut t = table(D0);
    for _ in 0..5 {
        t.bind_ipi(0).unwrap();
    }
    t.close(2, None).unwrap();
    let mut seen = Vec::new();
    let mut from = 0;
    while let Some(port) = t.next_open(from) {
        seen.push(port.0);
        from = port.0 + 1;
    }
    assert_eq!(seen, [1, 3, 4, 5]);
    assert_eq!(t.next_open(10_000), None);
}

#[test]
fn vcpus_can_be_added() {
    let mut t = PortTable::new(D0, 1, 10).unwrap();
    assert_eq!(errno(t.bind_ipi(1)), Errno::ENOENT);
    t.set_vcpus(2).unwrap();
    assert!(t.bind_ipi(1).is_ok());
    t.set_vcpus(1).unwrap();
    assert!(t.vcpu(1).is_ok());
}
