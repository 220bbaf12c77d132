//! Is the hypervisor out of the guest's reach, and the kernel out of its user's?

use pv_guest_abi::errno::EPERM;
use pv_guest_abi::mmu::{MMU_MACHPHYS_UPDATE, MMU_PT_UPDATE_PRESERVE_AD};

use super::probes;
use crate::kit::expect::Where;
use crate::kit::mem::{self, M2P, PAGE};
use crate::kit::trap::{self, Code, Kind, Regs, Trap};
use crate::kit::{Outcome, user};

probes!(isolation:
    user_cannot_touch_kernel only_here,
    kernel_cannot_touch_hypervisor,
    user_cannot_touch_hypervisor,
    m2p_is_readable_by_the_kernel,
    m2p_is_not_writable,
    m2p_is_not_executable,
    m2p_is_not_readable_by_the_user,
    descriptor_tables_are_not_writable,
    absent_m2p_faults,
    hypervisor_slots_are_not_the_guests,
    user_bit_is_checked_at_each_level only_here,
);

code! {
    load: "mov rax, [rdx]", "ret";
    store: "mov [rdx], rax", "ret";
    user_load: "mov rax, [rdx]", "syscall";
    go: "jmp rdx";
    tables: "sub rsp, 16", "sgdt [rsp]", "mov rax, [rsp + 2]", "sidt [rsp]", "mov rbx, [rsp + 2]",
        "add rsp, 16", "str ecx", "ret";
}

const MARKED: Regs = Regs::MARKED;

/// The three ways of touching.
const TOUCHES: [(&str, Code); 3] = [("read", load), ("write", store), ("execute", go)];

fn touch(place: Where, code: Code, address: u64) -> Trap {
    place.run(
        code,
        Regs {
            rdx: address,
            rax: 0x5a5a,
            ..MARKED
        },
    )
}

/// Expects a fault for one kind of access.
fn refused(place: Where, what: &str, code: Code, address: u64) -> Outcome {
    let trap = touch(place, code, address);
    let fault = match trap.kind {
        Kind::Vector(14) => trap.cr2 == address,
        Kind::Vector(13) => true,
        _ => false,
    };
    check!(
        fault,
        "{place:?}: {what} at {address:#x}: expected a fault, seen {trap:x?}"
    );
    Ok(())
}

/// Addresses in each hypervisor slot: its edges, and inside as dense as time allows.
fn hypervisor_addresses() -> impl Iterator<Item = u64> {
    (256u64..272).flat_map(|slot| {
        let base = 0xffff_0000_0000_0000 | slot << 39;
        let steps = (0..64).map(move |step| base + step * PAGE);
        let wide = (0..32).map(move |step| base + (step << 34) + 0x20_0000);
        let pages = (0..64).map(move |step| base + (step << 21));
        steps
            .chain(wide)
            .chain(pages)
            .chain([base + (1 << 39) - PAGE, base + (1 << 38)])
    })
}

/// Does every touch of a kernel page by a user fault?
fn user_cannot_touch_kernel() -> Outcome {
    let page = mem::page();
    let here = kernel_cannot_touch_hypervisor as *const () as u64;
    for address in [
        page,
        here,
        user::space().kernel_stack - 8,
        mem::root(),
        user::space().l1,
    ] {
        for (what, code) in TOUCHES {
            refused(Where::User, what, code, address)?;
        }
    }
    same!(mem::read(page), 0, "the page's first word");
    Ok(())
}

/// Does every touch of the hypervisor's slots by the kernel fault, but for reads of the M2P and
/// of the tables that descriptors must lie in?
fn kernel_cannot_touch_hypervisor() -> Outcome {
    let mut readable = 0;
    for address in hypervisor_addresses() {
        refused(Where::Kernel, "write", store, address)?;
        if mem::index(address, 4) > 257 {
            refused(Where::Kernel, "execute", go, address)?;
        }
        let trap = touch(Where::Kernel, load, address);
        match trap.kind {
            Kind::Returned => readable += 1,
            Kind::Vector(13 | 14) => {}
            _ => check!(
                false,
                "read at {address:#x}: expected a fault, seen {trap:x?}"
            ),
        }
        let may_be_read = mem::index(address, 4) < 258;
        check!(
            trap.kind != Kind::Returned || may_be_read,
            "read at {address:#x}: expected a fault, seen {:#x}",
            trap.regs.rax
        );
    }
    check!(
        readable > 0,
        "expected the M2P to be readable, seen nothing"
    );
    Ok(())
}

/// Does every touch of the hypervisor's slots by a user fault?
fn user_cannot_touch_hypervisor() -> Outcome {
    for address in hypervisor_addresses() {
        for (what, code) in TOUCHES {
            refused(Where::User, what, code, address)?;
        }
    }
    Ok(())
}

/// Does the M2P tell the PFN of each of our frames?
fn m2p_is_readable_by_the_kernel() -> Outcome {
    for pfn in 0..mem::nr_pages() {
        let mfn = mem::p2m(pfn);
        let trap = touch(Where::Kernel, load, M2P + mfn * 8);
        check!(
            trap.kind == Kind::Returned,
            "M2P[{mfn:#x}]: expected a value, seen {trap:x?}"
        );
        same!(trap.regs.rax, pfn, "M2P[{mfn:#x}]");
    }
    Ok(())
}

/// Do writes to the M2P fault, and leave it as it is?
fn m2p_is_not_writable() -> Outcome {
    let mfn = mem::mfn(mem::page());
    let before = mem::m2p(mfn);
    refused(Where::Kernel, "write", store, M2P + mfn * 8)?;
    refused(Where::User, "write", store, M2P + mfn * 8)?;
    same!(mem::m2p(mfn), before, "M2P[{mfn:#x}]");
    Ok(())
}

/// Does a jump into the M2P fault?
fn m2p_is_not_executable() -> Outcome {
    refused(Where::Kernel, "execute", go, M2P)?;
    refused(Where::User, "execute", go, M2P)
}

/// Does a user's read of the M2P fault?
fn m2p_is_not_readable_by_the_user() -> Outcome {
    let mfn = mem::mfn(mem::page());
    refused(Where::User, "read", user_load, M2P + mfn * 8)
}

/// Where SGDT, SIDT and STR lead: do writes there fault, from kernel and user?
fn descriptor_tables_are_not_writable() -> Outcome {
    let trap = trap::kernel(tables, MARKED);
    check!(
        trap.kind == Kind::Returned,
        "SGDT, SIDT, STR: expected no trap, seen {trap:x?}"
    );
    for (name, base) in [("GDT", trap.regs.rax), ("IDT", trap.regs.rbx)] {
        check!(
            mem::HYPERVISOR.contains(&base),
            "{name}: expected in the hypervisor's slots, seen {base:#x}"
        );
        for offset in (0..4096).step_by(256).chain((0xe000..0xf000).step_by(256)) {
            refused(Where::Kernel, "write", store, base + offset)?;
            refused(Where::User, "write", store, base + offset)?;
            refused(Where::User, "read", load, base + offset)?;
        }
    }
    Ok(())
}

/// Is the M2P beyond the machine's memory absent, by an ordinary page fault?
fn absent_m2p_faults() -> Outcome {
    let trap = touch(Where::Kernel, load, M2P + (1 << 35));
    check!(
        trap.kind == Kind::Vector(14) && trap.code == Some(0),
        "expected #PF(0), seen {trap:x?}"
    );
    same!(trap.cr2, M2P + (1 << 35), "CR2 in vcpu_info");
    Ok(())
}

/// Are the root table's entries 256 to 271 refused or without effect?
fn hypervisor_slots_are_not_the_guests() -> Outcome {
    let l3 = user::space().l3;
    for slot in 256..272u64 {
        let ptr = mem::machine(mem::root()) + slot * 8;
        for command in [0, MMU_PT_UPDATE_PRESERVE_AD] {
            let result = mem::mmu_update(ptr | command, mem::entry(l3, mem::TABLE));
            // Whether refused or ignored, nothing of ours must appear there.
            check!(
                result <= 0,
                "slot {slot}: expected 0 or an error, returned {result}"
            );
        }
        let address = 0xffff_0000_0000_0000 | slot << 39 | user::DATA;
        let trap = touch(Where::Kernel, load, address);
        check!(
            trap.kind != Kind::Returned || slot <= 257,
            "slot {slot}: expected a fault, seen {trap:x?}"
        );
        refused(Where::Kernel, "write", store, address)?;
    }
    let refusal = mem::mmu_update(M2P | MMU_MACHPHYS_UPDATE, 0);
    check!(
        refusal < 0,
        "M2P update of frame 0xffff800000000: expected an error, returned {refusal}"
    );
    check!(EPERM == 1, "unreachable");
    Ok(())
}

/// Is a page of the user's out of its reach when only an upper entry lacks the user bit?
fn user_bit_is_checked_at_each_level() -> Outcome {
    let space = user::space();
    let l2_entry = space.l2 + mem::index(user::CODE, 2) * 8;
    let l3_entry = space.l3 + mem::index(user::CODE, 3) * 8;
    for (level, at) in [(2, l2_entry), (3, l3_entry)] {
        let before = mem::read(at);
        returns!(
            mem::set_entry(at, before & !mem::US),
            0,
            "L{level} entry without U"
        );
        let trap = touch(Where::User, load, user::DATA);
        check!(
            trap.kind == Kind::Vector(14) && trap.code == Some(0x15),
            "L{level} entry without U: expected #PF(0x15) at the first fetch, seen {trap:x?}"
        );
        returns!(mem::set_entry(at, before), 0, "L{level} entry with U");
        let trap = touch(Where::User, user_load, user::DATA);
        check!(
            trap.kind == Kind::Syscall,
            "with U again: expected a read, seen {trap:x?}"
        );
    }
    Ok(())
}
