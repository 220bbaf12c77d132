//! Do event channels keep to their values, states and errors?

use core::sync::atomic::Ordering;

use alloc::string::String;
use alloc::vec::Vec;
use guest_kernel_stub::Xen;
use pv_guest_abi::domid::DOMID_SELF;
use pv_guest_abi::errno::{EEXIST, EINVAL, ENOENT, ENOSYS, ESRCH, Errno};
use pv_guest_abi::event::{
    EVTCHNOP_RESET, EVTCHNSTAT_CLOSED, EVTCHNSTAT_INTERDOMAIN, EVTCHNSTAT_IPI, EVTCHNSTAT_UNBOUND,
    EVTCHNSTAT_VIRQ, EvtchnReset,
};
use pv_guest_abi::hypercall::{EVENT_CHANNEL_OP, XEN_VERSION};
use pv_guest_abi::virq::{VIRQ_CONSOLE, VIRQ_DEBUG, VIRQ_DOM_EXC, VIRQ_TIMER};

use super::probes;
use crate::kit::trap::{self, Kind, Regs, Start};
use crate::kit::{Outcome, at, event, hypercall, user};

probes!(events:
    ports_are_the_lowest_free,
    send_sets_all_three_levels,
    masked_port_sets_only_its_bit,
    unmask_raises_again,
    unmask_without_pending_raises_nothing,
    second_send_is_lost_in_the_first,
    virq_binds_once,
    virq_refusals,
    ipi_refusals,
    status_of_each_kind,
    close_frees_and_refuses,
    closed_port_is_not_pending,
    send_refusals,
    send_on_unbound_is_silent,
    interdomain_with_oneself,
    interdomain_close_leaves_unbound,
    interdomain_refusals,
    bind_vcpu_refusals,
    unknown_operations,
    many_ports,
    reset_closes_all,
    delivered_behind_a_hypercall,
    delivered_to_the_user,
    masked_upcall_waits,
    callback_without_mask,
    console_virq_binds,
);

fn ok<T>(what: &str, result: Result<T, Errno>) -> Result<T, String> {
    result.map_err(|errno| alloc::format!("{what}: expected success, returned -{}", errno.name()))
}

fn refused<T>(what: &str, result: Result<T, Errno>, expected: i64) -> Outcome {
    let seen = result.map(drop).map_err(Errno::number);
    check!(
        seen == Err(expected),
        "{what}: expected error {expected}, seen {seen:?}"
    );
    Ok(())
}

fn ipi() -> Result<u32, String> {
    let port = ok("bind_ipi", Xen::bind_ipi(0))?;
    event::mask_port(port, false);
    Ok(port)
}

/// Is each new port the lowest that is free, from 1 on?
fn ports_are_the_lowest_free() -> Outcome {
    let first = ipi()?;
    same!(first, 1, "the first port");
    for expected in 2..10 {
        same!(ipi()?, expected, "the next port");
    }
    ok("close", Xen::close(4))?;
    ok("close", Xen::close(7))?;
    same!(ipi()?, 4, "the port behind closing 4 and 7");
    same!(ipi()?, 7, "the port behind that");
    same!(ipi()?, 10, "the port behind that");
    Ok(())
}

/// Does a notification set the port's bit, the word's bit in the selector, and upcall_pending?
fn send_sets_all_three_levels() -> Outcome {
    let mut ports = Vec::new();
    for _ in 0..70 {
        ports.push(ipi()?);
    }
    for port in [1, 63, 64, 70] {
        event::take_all();
        ok("send", Xen::send(port))?;
        let word = port as usize / 64;
        same!(
            event::pending(word).load(Ordering::SeqCst),
            1 << (port % 64),
            "pending word {word}"
        );
        same!(
            event::selector().load(Ordering::SeqCst),
            1 << word,
            "selector"
        );
        same!(
            event::upcall_pending().load(Ordering::SeqCst),
            1,
            "upcall_pending"
        );
    }
    Ok(())
}

/// Does a masked port become pending without more?
fn masked_port_sets_only_its_bit() -> Outcome {
    let port = ipi()?;
    event::mask_port(port, true);
    ok("send", Xen::send(port))?;
    check!(
        event::is_pending(port),
        "expected the port pending, seen it clear"
    );
    same!(event::selector().load(Ordering::SeqCst), 0, "selector");
    same!(
        event::upcall_pending().load(Ordering::SeqCst),
        0,
        "upcall_pending"
    );
    Ok(())
}

/// Does unmask clear the mask bit and raise what is pending?
fn unmask_raises_again() -> Outcome {
    let port = ipi()?;
    event::mask_port(port, true);
    ok("send", Xen::send(port))?;
    ok("unmask", Xen::unmask(port))?;
    check!(
        !event::is_masked(port),
        "expected the mask bit clear, seen it set"
    );
    check!(
        event::is_pending(port),
        "expected the port pending, seen it clear"
    );
    same!(event::selector().load(Ordering::SeqCst), 1, "selector");
    same!(
        event::upcall_pending().load(Ordering::SeqCst),
        1,
        "upcall_pending"
    );
    Ok(())
}

/// Does unmask raise nothing when nothing is pending?
fn unmask_without_pending_raises_nothing() -> Outcome {
    let port = ipi()?;
    event::mask_port(port, true);
    ok("unmask", Xen::unmask(port))?;
    check!(
        !event::is_masked(port),
        "expected the mask bit clear, seen it set"
    );
    same!(event::selector().load(Ordering::SeqCst), 0, "selector");
    same!(
        event::upcall_pending().load(Ordering::SeqCst),
        0,
        "upcall_pending"
    );
    refused(
        "unmask of a port that is none",
        Xen::unmask(0x10_0000),
        EINVAL,
    )
}

/// Does a port that is pending already raise nothing again?
fn second_send_is_lost_in_the_first() -> Outcome {
    let port = ipi()?;
    ok("send", Xen::send(port))?;
    event::upcall_pending().store(0, Ordering::SeqCst);
    event::selector().store(0, Ordering::SeqCst);
    ok("send", Xen::send(port))?;
    same!(event::selector().load(Ordering::SeqCst), 0, "selector");
    same!(
        event::upcall_pending().load(Ordering::SeqCst),
        0,
        "upcall_pending"
    );
    Ok(())
}

/// Is a VIRQ bound to one port only, and again after the close?
fn virq_binds_once() -> Outcome {
    for virq in [VIRQ_TIMER, VIRQ_DEBUG] {
        let port = ok("bind_virq", Xen::bind_virq(virq, 0))?;
        refused("the second bind_virq", Xen::bind_virq(virq, 0), EEXIST)?;
        ok("close", Xen::close(port))?;
        let port = ok("bind_virq after the close", Xen::bind_virq(virq, 0))?;
        ok("close", Xen::close(port))?;
    }
    Ok(())
}

/// Which VIRQs and vCPUs are refused?
fn virq_refusals() -> Outcome {
    refused("VIRQ 24", Xen::bind_virq(24, 0), EINVAL)?;
    refused("VIRQ 0xffffffff", Xen::bind_virq(0xffff_ffff, 0), EINVAL)?;
    refused("vCPU 77", Xen::bind_virq(VIRQ_TIMER, 77), ENOENT)?;
    refused(
        "a global VIRQ on vCPU 1",
        Xen::bind_virq(VIRQ_DOM_EXC, 1),
        EINVAL,
    )
}

/// Is an IPI to a vCPU that is not there refused?
fn ipi_refusals() -> Outcome {
    for vcpu in [32, 8191, 0xffff_ffff] {
        refused("bind_ipi", Xen::bind_ipi(vcpu), ENOENT)?;
    }
    Ok(())
}

/// Does status tell each kind of port, and refuse what is none?
fn status_of_each_kind() -> Outcome {
    let ipi = ipi()?;
    let virq = ok("bind_virq", Xen::bind_virq(VIRQ_DEBUG, 0))?;
    let unbound = ok("alloc_unbound", Xen::alloc_unbound(7))?;
    let open = ok("alloc_unbound", Xen::alloc_unbound(DOMID_SELF))?;
    let local = ok("bind_interdomain", Xen::bind_interdomain(DOMID_SELF, open))?;
    for (port, status, u) in [
        (ipi, EVTCHNSTAT_IPI, None),
        (virq, EVTCHNSTAT_VIRQ, Some([VIRQ_DEBUG, 0])),
        (unbound, EVTCHNSTAT_UNBOUND, Some([7, 0])),
        (open, EVTCHNSTAT_INTERDOMAIN, Some([0, local])),
        (local, EVTCHNSTAT_INTERDOMAIN, Some([0, open])),
        (local + 1, EVTCHNSTAT_CLOSED, None),
    ] {
        let seen = ok("status", Xen::status(DOMID_SELF, port))?;
        same!(seen.status, status, "status of port {port}");
        if status != EVTCHNSTAT_CLOSED {
            same!(seen.vcpu, 0, "vCPU of port {port}");
        }
        if let Some([first, second]) = u {
            let word = if status == EVTCHNSTAT_VIRQ {
                seen.u[0]
            } else {
                seen.u[0] & 0xffff
            };
            same!(word, first, "first word of port {port}");
            if status == EVTCHNSTAT_INTERDOMAIN {
                same!(seen.u[1], second, "second word of port {port}");
            }
        }
    }
    refused(
        "status of port 0x100000",
        Xen::status(DOMID_SELF, 0x10_0000),
        EINVAL,
    )?;
    refused("status of domain 99's port", Xen::status(99, 1), ESRCH)
}

/// Does close free a port, and refuse what is not bound?
fn close_frees_and_refuses() -> Outcome {
    let port = ipi()?;
    ok("close", Xen::close(port))?;
    refused("the second close", Xen::close(port), EINVAL)?;
    refused("close of port 0", Xen::close(0), EINVAL)?;
    refused("close of port 0x100000", Xen::close(0x10_0000), EINVAL)?;
    refused("close of port 0xffffffff", Xen::close(0xffff_ffff), EINVAL)
}

/// Does a port that is bound anew start without the old pending bit?
fn closed_port_is_not_pending() -> Outcome {
    let port = ipi()?;
    event::mask_port(port, true);
    ok("send", Xen::send(port))?;
    ok("close", Xen::close(port))?;
    same!(ipi()?, port, "the port");
    check!(
        !event::is_pending(port),
        "expected the port not pending, seen it pending"
    );
    Ok(())
}

/// Which ports cannot be sent to?
fn send_refusals() -> Outcome {
    let virq = ok("bind_virq", Xen::bind_virq(VIRQ_DEBUG, 0))?;
    refused("send to a VIRQ", Xen::send(virq), EINVAL)?;
    refused("send to a closed port", Xen::send(virq + 1), EINVAL)?;
    refused("send to port 0", Xen::send(0), EINVAL)?;
    refused("send to port 0x100000", Xen::send(0x10_0000), EINVAL)
}

/// Is a notification of an unbound port 0, without effect?
fn send_on_unbound_is_silent() -> Outcome {
    let port = ok("alloc_unbound", Xen::alloc_unbound(DOMID_SELF))?;
    ok("send", Xen::send(port))?;
    check!(
        !event::is_pending(port),
        "expected nothing pending, seen the port"
    );
    same!(
        event::upcall_pending().load(Ordering::SeqCst),
        0,
        "upcall_pending"
    );
    Ok(())
}

/// Are two ports of one domain connected: the new one pending at once, each notifying the other?
fn interdomain_with_oneself() -> Outcome {
    let open = ok("alloc_unbound", Xen::alloc_unbound(DOMID_SELF))?;
    event::mask_port(open, false);
    let local = ok("bind_interdomain", Xen::bind_interdomain(DOMID_SELF, open))?;
    check!(
        event::is_pending(local),
        "expected the new port pending, seen it clear"
    );
    check!(
        !event::is_pending(open),
        "expected the old port not pending, seen it pending"
    );
    event::take_all();
    for (from, to) in [(open, local), (local, open)] {
        ok("send", Xen::send(from))?;
        check!(
            event::is_pending(to),
            "expected port {to} pending, seen it clear"
        );
        check!(
            !event::is_pending(from),
            "expected port {from} not pending, seen it pending"
        );
        event::take_all();
    }
    ok("bind_vcpu", Xen::bind_vcpu(local, 0))
}

/// Does a close leave the other end unbound, to be bound again?
fn interdomain_close_leaves_unbound() -> Outcome {
    let open = ok("alloc_unbound", Xen::alloc_unbound(DOMID_SELF))?;
    let local = ok("bind_interdomain", Xen::bind_interdomain(DOMID_SELF, open))?;
    ok("close", Xen::close(local))?;
    let seen = ok("status", Xen::status(DOMID_SELF, open))?;
    same!(seen.status, EVTCHNSTAT_UNBOUND, "status of the other end");
    same!(seen.u[0] & 0xffff, 0, "its remote domain");
    let again = ok("bind_interdomain", Xen::bind_interdomain(DOMID_SELF, open))?;
    let seen = ok("status", Xen::status(DOMID_SELF, again))?;
    same!(seen.status, EVTCHNSTAT_INTERDOMAIN, "status of the new end");
    Ok(())
}

/// Which ports cannot be bound to?
fn interdomain_refusals() -> Outcome {
    let ipi = ipi()?;
    let others = ok("alloc_unbound", Xen::alloc_unbound(7))?;
    refused("an IPI", Xen::bind_interdomain(DOMID_SELF, ipi), EINVAL)?;
    refused(
        "a port for domain 7",
        Xen::bind_interdomain(DOMID_SELF, others),
        EINVAL,
    )?;
    refused(
        "a closed port",
        Xen::bind_interdomain(DOMID_SELF, others + 1),
        EINVAL,
    )?;
    refused("a port of domain 99", Xen::bind_interdomain(99, 1), ESRCH)?;
    refused(
        "alloc_unbound for domain 99",
        Xen::alloc_unbound_for(99, 0),
        ESRCH,
    )
}

/// Can ports that belong to a vCPU not be moved?
fn bind_vcpu_refusals() -> Outcome {
    let ipi = ipi()?;
    let virq = ok("bind_virq", Xen::bind_virq(VIRQ_DEBUG, 0))?;
    let unbound = ok("alloc_unbound", Xen::alloc_unbound(DOMID_SELF))?;
    refused("an IPI", Xen::bind_vcpu(ipi, 0), EINVAL)?;
    refused("a VIRQ of a vCPU", Xen::bind_vcpu(virq, 0), EINVAL)?;
    refused("a closed port", Xen::bind_vcpu(unbound + 1, 0), EINVAL)?;
    refused("vCPU 99", Xen::bind_vcpu(unbound, 99), ENOENT)?;
    ok("an unbound port", Xen::bind_vcpu(unbound, 0))
}

/// Are operations that do not exist -ENOSYS?
fn unknown_operations() -> Outcome {
    for operation in [99, 0xffff_ffff] {
        let page = [0u64; 8];
        returns!(
            hypercall(EVENT_CHANNEL_OP, &[operation, crate::kit::at(&page)]),
            -ENOSYS,
            "operation {operation}"
        );
    }
    Ok(())
}

/// Can a thousand ports be had and notified?
fn many_ports() -> Outcome {
    for expected in 1..1000 {
        same!(ipi()?, expected, "the next port");
    }
    for port in 1..1000 {
        ok("send", Xen::send(port))?;
    }
    for port in 1..1000 {
        check!(
            event::is_pending(port),
            "expected port {port} pending, seen it clear"
        );
    }
    same!(event::selector().load(Ordering::SeqCst), 0xffff, "selector");
    for port in 1..1000 {
        ok("close", Xen::close(port))?;
    }
    Ok(())
}

code! {
    send: "syscall", "2: ud2";
    count: "2: add rax, 1", "jmp 2b";
    version: "lea rbx, [rip + 2f]", "syscall", "2: ud2";
}

/// Does a reset of its own ports close them all, and make their virtual interrupts free?
fn reset_closes_all() -> Outcome {
    let near = ok("alloc", Xen::alloc_unbound(DOMID_SELF))?;
    let far = ok("bind", Xen::bind_interdomain(DOMID_SELF, near))?;
    let virq = ok("virq", Xen::bind_virq(VIRQ_DEBUG, 0))?;
    ok("send", Xen::send(far))?;
    let arg = EvtchnReset { dom: DOMID_SELF };
    let args = [EVTCHNOP_RESET.into(), at(&arg)];
    returns!(hypercall(EVENT_CHANNEL_OP, &args), 0, "reset");
    for port in [near, far, virq] {
        let status = ok("status", Xen::status(DOMID_SELF, port))?;
        same!(status.status, EVTCHNSTAT_CLOSED, "port {port}");
        check!(
            !event::is_pending(port),
            "port {port}: expected no event, seen one"
        );
    }
    same!(
        ok("virq", Xen::bind_virq(VIRQ_DEBUG, 0))?,
        near,
        "the first port again"
    );
    Ok(())
}

/// Does a hypercall that makes an event pending return by way of the callback when events are let in?
fn delivered_behind_a_hypercall() -> Outcome {
    let port = ipi()?;
    let operation = pv_guest_abi::event::EvtchnSend { port };
    let regs = Regs {
        rax: EVENT_CHANNEL_OP.into(),
        rdi: pv_guest_abi::event::EVTCHNOP_SEND.into(),
        rsi: crate::kit::at(&operation),
        ..Regs::MARKED
    };
    trap::catch_events(true);
    event::set_mask(false);
    let trap = trap::kernel(send, regs);
    event::set_mask(true);
    trap::catch_events(false);
    check!(
        trap.kind == Kind::Event,
        "expected the event, seen {trap:x?}"
    );
    same!(
        trap.rip,
        send as *const () as u64 + 2,
        "RIP in the frame: behind the hypercall"
    );
    same!(trap.regs.rax, 0, "the hypercall's result");
    same!(trap.cs, 0xe030, "CS and saved mask");
    same!(trap.mask, 1, "event mask in the handler");
    same!(trap.frame_at, (trap.rsp & !15) - 56, "the frame's place");
    check!(
        event::is_pending(port),
        "expected the port pending, seen it clear"
    );
    Ok(())
}

/// Is an event that became pending in the kernel delivered before the user's first instruction?
fn delivered_to_the_user() -> Outcome {
    let start = user::start(
        count,
        Regs {
            rax: 0,
            ..Regs::MARKED
        },
    );
    let port = ipi()?;
    ok("send", Xen::send(port))?;
    trap::catch_events(true);
    let trap = trap::run(&start);
    trap::catch_events(false);
    check!(
        trap.kind == Kind::Event,
        "expected the event, seen {trap:x?}"
    );
    same!(trap.rip, user::CODE, "RIP in the frame");
    same!(trap.regs.rax, 0, "instructions of the user before");
    same!(trap.cs, 0xe033, "CS and saved mask");
    same!(
        trap.frame_at,
        user::space().kernel_stack - 56,
        "the frame's place"
    );
    Ok(())
}

/// Does a pending event wait while events are masked, and come with the next hypercall behind
/// the guest's own unmasking?
fn masked_upcall_waits() -> Outcome {
    let port = ipi()?;
    let before = trap::upcalls();
    ok("send", Xen::send(port))?;
    for _ in 0..10 {
        ok("version", Xen::version())?;
    }
    same!(trap::upcalls() - before, 0, "upcalls while masked");
    let regs = Regs {
        rax: XEN_VERSION.into(),
        rdi: 0,
        rsi: 0,
        ..Regs::MARKED
    };
    trap::catch_events(true);
    event::set_mask(false);
    let trap = trap::kernel(version, regs);
    event::set_mask(true);
    trap::catch_events(false);
    check!(
        trap.kind == Kind::Event,
        "expected the event, seen {trap:x?}"
    );
    same!(
        trap.rip,
        trap.regs.rbx,
        "RIP in the frame: behind the hypercall"
    );
    Ok(())
}

/// Does the event callback without the mask flag leave the event mask clear?
fn callback_without_mask() -> Outcome {
    ok("callback_op", trap::set_event_callback(false))?;
    let start: Start = user::start(count, Regs::MARKED);
    let port = ipi()?;
    ok("send", Xen::send(port))?;
    trap::catch_events(true);
    let trap = trap::run(&start);
    trap::catch_events(false);
    event::take_all();
    ok("callback_op", trap::set_event_callback(true))?;
    check!(
        trap.kind == Kind::Event,
        "expected the event, seen {trap:x?}"
    );
    // The ABI: an event's upcall always masks, whatever the flag says.
    same!(trap.mask, 1, "event mask in the handler");
    Ok(())
}

/// May domain 0 have the console's VIRQ?
fn console_virq_binds() -> Outcome {
    let port = ok("bind_virq", Xen::bind_virq(VIRQ_CONSOLE, 0))?;
    refused(
        "the second bind_virq",
        Xen::bind_virq(VIRQ_CONSOLE, 0),
        EEXIST,
    )?;
    ok("close", Xen::close(port))
}
