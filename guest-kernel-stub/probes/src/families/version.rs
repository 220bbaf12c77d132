//! Who is the hypervisor, and what does it say of calls that it does not know?

use alloc::string::String;
use pv_guest_abi::call::{Gate, Syscall};
use pv_guest_abi::errno::{ENODATA, ENOSYS};
use pv_guest_abi::features::{
    XENFEAT_AUTO_TRANSLATED_PHYSMAP, XENFEAT_DOM0, XENFEAT_GNTTAB_MAP_AVAIL_BITS,
    XENFEAT_MMU_PT_UPDATE_PRESERVE_AD, XENFEAT_WRITABLE_DESCRIPTOR_TABLES,
    XENFEAT_WRITABLE_PAGE_TABLES,
};
use pv_guest_abi::hypercall::{CALLBACK_OP, CONSOLE_IO, SCHED_OP, VCPU_OP, XEN_VERSION};
use pv_guest_abi::version::FeatureInfo;

use super::probes;
use crate::kit::{Outcome, at, at_mut, hypercall};

probes!(version:
    number,
    texts,
    capabilities,
    where_the_hypervisor_begins,
    features,
    page_size,
    handle_of_domain_0,
    build_id,
    unknown_information,
    unknown_hypercalls,
    unknown_operations,
    console_takes_nothing,
);

fn ask(command: u64, buffer: &mut [u8]) -> i64 {
    hypercall(XEN_VERSION, &[command, at_mut(buffer)])
}

/// The text in a buffer of a fixed size, which must be ASCII and end inside it.
fn text(what: &str, command: u64, size: usize) -> Result<String, String> {
    let mut buffer = [0xaau8; 1100];
    returns!(ask(command, &mut buffer), 0, "{what}");
    let Some(end) = buffer[..size].iter().position(|byte| *byte == 0) else {
        return Err(alloc::format!(
            "{what}: expected a NUL in {size} bytes, seen none"
        ));
    };
    check!(
        buffer[..end].iter().all(|byte| (0x20..0x7f).contains(byte)),
        "{what}: expected ASCII, seen {:x?}",
        &buffer[..end]
    );
    check!(
        buffer[size] == 0xaa,
        "{what}: expected {size} bytes, seen more written"
    );
    Ok(buffer[..end].iter().map(|byte| char::from(*byte)).collect())
}

/// Is it version 4.17?
fn number() -> Outcome {
    same!(hypercall(XEN_VERSION, &[0, 0]), 4 << 16 | 17, "version");
    Ok(())
}

/// Are the texts ASCII that ends in their buffers?
fn texts() -> Outcome {
    let extra = text("extraversion", 1, 16)?;
    check!(
        extra.starts_with('.'),
        "extraversion: expected a dot first, seen {extra:?}"
    );
    text("changeset", 4, 64)?;
    text("command line", 9, 1024)?;
    let mut info = [0xaau8; 200];
    returns!(ask(2, &mut info), 0, "compile_info");
    for (from, to) in [(0, 64), (64, 80), (80, 112), (112, 144)] {
        check!(
            info[from..to].contains(&0),
            "compile_info: expected a NUL in bytes {from}..{to}, seen none"
        );
    }
    check!(
        info[144] == 0xaa,
        "compile_info: expected 144 bytes, seen more written"
    );
    Ok(())
}

/// Can it run 64-bit PV guests?
fn capabilities() -> Outcome {
    let list = text("capabilities", 3, 1024)?;
    check!(
        list.contains("xen-3.0-x86_64 "),
        "expected \"xen-3.0-x86_64 \", seen {list:?}"
    );
    Ok(())
}

/// Does the hypervisor begin where slot 256 does?
fn where_the_hypervisor_begins() -> Outcome {
    let mut start = 0u64;
    returns!(
        hypercall(XEN_VERSION, &[5, at_mut(&mut start)]),
        0,
        "platform_parameters"
    );
    same!(start, 0xffff_8000_0000_0000, "virt_start");
    Ok(())
}

/// Are the features those of a PV guest's hypervisor, and only those?
fn features() -> Outcome {
    let mut info = FeatureInfo {
        submap_idx: 0,
        submap: 0,
    };
    returns!(
        hypercall(XEN_VERSION, &[6, at_mut(&mut info)]),
        0,
        "get_features"
    );
    for bit in [
        XENFEAT_MMU_PT_UPDATE_PRESERVE_AD,
        XENFEAT_GNTTAB_MAP_AVAIL_BITS,
        XENFEAT_DOM0,
    ] {
        check!(
            info.submap >> bit & 1 == 1,
            "expected feature {bit}, seen {:#x}",
            info.submap
        );
    }
    for bit in [
        XENFEAT_WRITABLE_PAGE_TABLES,
        XENFEAT_WRITABLE_DESCRIPTOR_TABLES,
        XENFEAT_AUTO_TRANSLATED_PHYSMAP,
        3,
        8,
    ] {
        check!(
            info.submap >> bit & 1 == 0,
            "expected no feature {bit}, seen {:#x}",
            info.submap
        );
    }
    Ok(())
}

/// Is a page 4096 bytes?
fn page_size() -> Outcome {
    same!(hypercall(XEN_VERSION, &[7, 0]), 4096, "page size");
    Ok(())
}

/// Is domain 0's handle zero?
fn handle_of_domain_0() -> Outcome {
    let mut handle = [0xaau8; 17];
    returns!(ask(8, &mut handle), 0, "guest_handle");
    check!(
        handle[..16] == [0; 16] && handle[16] == 0xaa,
        "expected 16 zeros, seen {handle:x?}"
    );
    Ok(())
}

/// Is there a build id, or -ENODATA?
fn build_id() -> Outcome {
    let result = hypercall(XEN_VERSION, &[10, 0]);
    check!(
        result > 0 || result == -ENODATA,
        "expected a length or -ENODATA, returned {result}"
    );
    Ok(())
}

/// Is a sub-operation that does not exist -ENOSYS?
fn unknown_information() -> Outcome {
    for command in [15, 99, 0xffff_ffff] {
        returns!(ask(command, &mut [0; 1024]), -ENOSYS, "command {command}");
    }
    Ok(())
}

fn inline(number: u32) -> i64 {
    // SAFETY: these numbers are no hypercalls.
    unsafe { Syscall::enter(number, [0; 5]) }
}

/// Are numbers that are no hypercalls -ENOSYS, through the page and without?
fn unknown_hypercalls() -> Outcome {
    for number in [11, 43, 44, 45, 46, 47, 57, 60, 63, 64, 100, 127] {
        returns!(
            hypercall(number, &[]),
            -ENOSYS,
            "hypercall {number} through the page"
        );
        returns!(inline(number), -ENOSYS, "hypercall {number}");
    }
    for number in [128, 1000, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff] {
        returns!(inline(number), -ENOSYS, "hypercall {number:#x}");
    }
    Ok(())
}

/// Are sub-operations that do not exist -ENOSYS?
fn unknown_operations() -> Outcome {
    let page = [0u64; 64];
    for (name, number, operation) in [
        ("sched_op", SCHED_OP, 99),
        ("callback_op", CALLBACK_OP, 99),
        ("console_io", CONSOLE_IO, 99),
        ("vcpu_op", VCPU_OP, 99),
    ] {
        let args = match number {
            VCPU_OP => [operation, 0, at(&page)],
            CONSOLE_IO => [operation, 1, at(&page)],
            _ => [operation, at(&page), 0],
        };
        returns!(hypercall(number, &args), -ENOSYS, "{name} {operation}");
    }
    Ok(())
}

/// Is a write of nothing 0?
fn console_takes_nothing() -> Outcome {
    let text = [0u8; 1];
    returns!(
        hypercall(CONSOLE_IO, &[0, 0, at(&text)]),
        0,
        "a write of 0 bytes"
    );
    Ok(())
}
