//! Grants that the domain makes to itself: mapped, copied, refused, and let go.

use pv_guest_abi::domid::{DOMID_SELF, DOMID_XEN};
use pv_guest_abi::errno::Errno;
use pv_guest_abi::grant::*;
use pv_guest_abi::hypercall::GRANT_TABLE_OP;
use pv_guest_abi::mmu::{MMUEXT_PIN_L1_TABLE, MMUEXT_UNPIN_TABLE};

use super::probes;
use crate::kit::event::no;
use crate::kit::mem::{self, FRAME, PAGE};
use crate::kit::trap::{self, Kind, Regs};
use crate::kit::{Outcome, hypercall};

probes!(grants:
    table_is_there,
    table_requests_are_checked,
    version_is_1,
    calls_are_checked,
    map_leads_to_the_page,
    readonly_map_is_readonly,
    user_bit_is_the_mappers only_here,
    map_refusals,
    unmap_refusals,
    parts_are_unmapped_one_by_one,
    map_by_entry,
    entry_is_moved,
    marks_last_as_long_as_use,
    overwritten_entry_dangles,
    page_table_is_not_writable,
    written_page_is_no_table,
    table_frame_is_granted,
    copies,
    copy_refusals,
    transfer,
    swap,
    cache_flush,
    long_lists,
    broken_lists,
    uses_are_limited,
    handles_run_out,
    table_grows_to_its_limit,
    nothing_is_left,
);

code! {
    store: "mov [rdx], rax", "ret";
}

pub(super) const HOST: u32 = GNTMAP_HOST_MAP;
pub(super) const DEVICE: u32 = GNTMAP_DEVICE_MAP;
const RO: u32 = GNTMAP_READONLY;
const BY_ENTRY: u32 = GNTMAP_CONTAINS_PTE;
/// Domain 0 itself, which is how a mapper names a granter; and a domain that there is not.
const ME: u16 = 0;
const NOBODY: u16 = 99;
/// An address in the hypervisor's slots, and one that nothing maps.
const HYPERVISORS: u64 = 0xffff_8200_0000_0000;
const UNMAPPED: u64 = 0x1000;
/// A frame that no machine has.
const NO_FRAME: u64 = 0xffff_fff0;
pub(super) const GRANTED: u16 = GTF_PERMIT_ACCESS;
const MARKS: u16 = GTF_READING | GTF_WRITING;

/// An operation's status that is not written yet.
const UNTOUCHED: i16 = 99;

/// A list of operations: the call's result.
pub(super) fn call<T>(command: u32, list: &mut [T]) -> i64 {
    raw(command.into(), list.as_mut_ptr() as u64, list.len() as u64)
}

pub(super) fn raw(command: u64, list: u64, count: u64) -> i64 {
    hypercall(GRANT_TABLE_OP, &[command, list, count])
}

/// The result of a call with one operation, and the operation's status.
pub(super) type Answer = (i64, i16);

/// Fails the probe unless a call returned 0 and its operation has the status.
macro_rules! gives {
    ($answer:expr, $status:expr, $($what:tt)+) => {{
        let (result, status): Answer = $answer;
        returns!(result, 0, $($what)+);
        let expected: i16 = $status;
        check!(
            status == expected,
            "{}: expected status {expected} ({}), seen {status} ({})",
            format_args!($($what)+),
            status_message(expected),
            status_message(status)
        );
    }};
}
pub(super) use gives;

fn setup(dom: u16, nr_frames: u32, frame_list: u64) -> Answer {
    let mut op = [GnttabSetupTable {
        dom,
        nr_frames,
        status: UNTOUCHED,
        frame_list,
        ..Default::default()
    }];
    (call(GNTTABOP_SETUP_TABLE, &mut op), op[0].status)
}

pub(super) fn query(dom: u16) -> (Answer, u32, u32) {
    let mut op = [GnttabQuerySize {
        dom,
        status: UNTOUCHED,
        ..Default::default()
    }];
    let result = call(GNTTABOP_QUERY_SIZE, &mut op);
    let [op] = op;
    ((result, op.status), op.nr_frames, op.max_nr_frames)
}

pub(super) fn map_op(reference: u32, flags: u32, host_addr: u64) -> GnttabMapGrantRef {
    GnttabMapGrantRef {
        host_addr,
        flags,
        reference,
        dom: ME,
        status: UNTOUCHED,
        ..Default::default()
    }
}

/// A mapping that was made.
struct Mapped {
    handle: u32,
    bus: u64,
}

fn try_map(reference: u32, flags: u32, host_addr: u64) -> (Answer, Mapped) {
    let mut op = [map_op(reference, flags, host_addr)];
    let result = call(GNTTABOP_MAP_GRANT_REF, &mut op);
    let mapped = Mapped {
        handle: op[0].handle,
        bus: op[0].dev_bus_addr,
    };
    ((result, op[0].status), mapped)
}

fn map(reference: u32, flags: u32, at: u64) -> Result<Mapped, alloc::string::String> {
    let (answer, mapped) = try_map(reference, flags, at);
    gives!(
        answer,
        GNTST_OKAY,
        "map of {reference} with flags {flags:#x}"
    );
    Ok(mapped)
}

pub(super) fn unmap(handle: u32, host_addr: u64, dev_bus_addr: u64) -> Answer {
    let mut op = [GnttabUnmapGrantRef {
        host_addr,
        dev_bus_addr,
        handle,
        status: UNTOUCHED,
        ..Default::default()
    }];
    (call(GNTTABOP_UNMAP_GRANT_REF, &mut op), op[0].status)
}

fn replace(handle: u32, host_addr: u64, new_addr: u64) -> Answer {
    let mut op = [GnttabUnmapAndReplace {
        host_addr,
        new_addr,
        handle,
        status: UNTOUCHED,
        ..Default::default()
    }];
    (call(GNTTABOP_UNMAP_AND_REPLACE, &mut op), op[0].status)
}

/// One end of a copy: reference or frame, domain, offset.
#[derive(Clone, Copy)]
struct End(u64, u16, u16);

impl End {
    fn ptr(self) -> GnttabCopyPtr {
        GnttabCopyPtr {
            u: self.0,
            domid: self.1,
            offset: self.2,
            ..Default::default()
        }
    }
}

fn copy(source: End, dest: End, len: u16, flags: u16) -> Answer {
    let mut op = [GnttabCopy {
        source: source.ptr(),
        dest: dest.ptr(),
        len,
        flags,
        status: UNTOUCHED,
        ..Default::default()
    }];
    (call(GNTTABOP_COPY, &mut op), op[0].status)
}

fn swap_refs(ref_a: u32, ref_b: u32) -> Answer {
    let mut op = [GnttabSwapGrantRef {
        ref_a,
        ref_b,
        status: UNTOUCHED,
        ..Default::default()
    }];
    (call(GNTTABOP_SWAP_GRANT_REF, &mut op), op[0].status)
}

fn transfer_op(mfn: u64, domid: u16, reference: u32) -> Answer {
    let mut op = [GnttabTransfer {
        mfn,
        domid,
        reference,
        status: UNTOUCHED,
        ..Default::default()
    }];
    (call(GNTTABOP_TRANSFER, &mut op), op[0].status)
}

/// The first frame of our grant table, mapped.
pub(super) struct Table {
    at: u64,
    frame: u64,
}

impl Table {
    pub(super) fn open() -> Result<Table, alloc::string::String> {
        let list = mem::page();
        gives!(setup(DOMID_SELF, 1, list), GNTST_OKAY, "setup_table");
        let (at, frame) = (mem::page(), mem::read(list));
        let mapped = mem::map(at, (frame * PAGE) | mem::WRITE);
        returns!(mapped, 0, "the table's frame mapped");
        Ok(Table { at, frame })
    }

    pub(super) fn set(&self, reference: u32, flags: u16, domid: u16, frame: u64) {
        let word = u64::from(flags) | u64::from(domid) << 16 | frame << 32;
        mem::write(self.at + u64::from(reference) * 8, word);
    }

    /// Grants a frame to ourselves.
    fn grant(&self, reference: u32, flags: u16, frame: u64) {
        self.set(reference, flags, ME, frame);
    }

    pub(super) fn flags(&self, reference: u32) -> u16 {
        mem::read(self.at + u64::from(reference) * 8) as u16
    }
}

/// The entry that maps an address.
fn entry_of(at: u64) -> u64 {
    mem::read(mem::entry_at(at, 1))
}

/// A table with our page granted by reference 8; the page; a place to map at.
fn granted(flags: u16) -> Result<(Table, u64, u64), alloc::string::String> {
    let table = Table::open()?;
    let (page, at) = (mem::page(), mem::page());
    table.grant(8, flags, mem::mfn(page));
    Ok((table, page, at))
}

/// Does the table have a frame from the start, and grow by what is asked for, never shrink?
fn table_is_there() -> Outcome {
    let (answer, frames, most) = query(DOMID_SELF);
    gives!(answer, GNTST_OKAY, "query_size");
    same!(frames, 1, "frames at first");
    same!(most, 64, "most frames");
    let list = mem::page();
    for (asked, there) in [(1, 1), (3, 3), (2, 3), (0, 3)] {
        gives!(setup(ME, asked, list), GNTST_OKAY, "setup_table of {asked}");
        same!(query(ME).1, there, "frames after setup_table of {asked}");
    }
    let frames = [0, 8, 16].map(|offset| mem::read(list + offset));
    check!(
        frames[0] != frames[1] && frames[1] != frames[2],
        "expected three frames, seen {frames:x?}"
    );
    let at = mem::page();
    for frame in frames {
        same!(mem::m2p(frame), u64::MAX, "M2P of a table's frame");
        returns!(mem::map(at, (frame * PAGE) | mem::WRITE), 0, "map a frame");
        let words = (0..512).map(|index| mem::read(at + index * 8));
        same!(
            words.fold(0, |all, word| all | word),
            0,
            "a new table's words"
        );
        mem::write(at, 1 << 63);
        same!(mem::read(at), 1 << 63, "a word of the table");
        mem::write(at, 0);
    }
    Ok(())
}

/// What is answered to requests for tables that may not be?
fn table_requests_are_checked() -> Outcome {
    let list = mem::page();
    gives!(setup(ME, 65, list), GNTST_GENERAL_ERROR, "65 frames");
    gives!(
        setup(ME, u32::MAX, list),
        GNTST_GENERAL_ERROR,
        "2^32 - 1 frames"
    );
    gives!(setup(NOBODY, 1, list), GNTST_BAD_DOMAIN, "nobody's table");
    gives!(setup(DOMID_XEN, 1, list), GNTST_BAD_DOMAIN, "Xen's table");
    gives!(setup(ME, 1, 0), GNTST_BAD_VIRT_ADDR, "a list at 0");
    gives!(setup(ME, 0, 0), GNTST_OKAY, "no frames");
    let (result, status) = setup(ME, 0, HYPERVISORS);
    returns!(
        result,
        no(Errno::EFAULT),
        "a list in the hypervisor's slots"
    );
    check!(status == UNTOUCHED, "expected no status, seen {status}");
    gives!(query(NOBODY).0, GNTST_BAD_DOMAIN, "nobody's sizes");
    Ok(())
}

/// Is the table of version 1, and version 2 refused as by a Xen held at version 1?
fn version_is_1() -> Outcome {
    let set = |version| {
        let mut op = [GnttabSetVersion { version }];
        (call(GNTTABOP_SET_VERSION, &mut op), op[0].version)
    };
    for (version, result) in [
        (1, 0),
        (2, no(Errno::ENOSYS)),
        (0, no(Errno::EINVAL)),
        (3, no(Errno::EINVAL)),
    ] {
        let (seen, in_use) = set(version);
        returns!(seen, result, "set_version {version}");
        same!(in_use, 1, "version in use after set_version {version}");
    }
    let get = |dom| {
        let mut op = [GnttabGetVersion {
            dom,
            pad: 0,
            version: 77,
        }];
        (call(GNTTABOP_GET_VERSION, &mut op), op[0].version)
    };
    for dom in [DOMID_SELF, ME] {
        let (result, version) = get(dom);
        returns!(result, 0, "get_version of {dom:#x}");
        same!(version, 1, "version of {dom:#x}");
    }
    returns!(get(NOBODY).0, no(Errno::ESRCH), "get_version of nobody");
    let status_frames = |dom, nr_frames, frame_list| {
        let mut op = [GnttabGetStatusFrames {
            nr_frames,
            dom,
            status: UNTOUCHED,
            frame_list,
        }];
        (call(GNTTABOP_GET_STATUS_FRAMES, &mut op), op[0].status)
    };
    let list = mem::page();
    gives!(status_frames(ME, 0, list), GNTST_OKAY, "0 status frames");
    gives!(
        status_frames(ME, 1, list),
        GNTST_GENERAL_ERROR,
        "1 status frame"
    );
    gives!(status_frames(NOBODY, 1, list), GNTST_BAD_DOMAIN, "nobody's");
    let (result, _) = status_frames(ME, 0, HYPERVISORS);
    returns!(result, no(Errno::EFAULT), "status frames, bad list");
    Ok(())
}

/// Are commands, counts and pointers checked before anything is done?
fn calls_are_checked() -> Outcome {
    let einval = no(Errno::EINVAL);
    let page = mem::page();
    for command in [3, 13, 99] {
        returns!(
            raw(command, page, 1),
            no(Errno::ENOSYS),
            "command {command}"
        );
    }
    returns!(raw(0x10_0000, page, 1), einval, "command 0x100000");
    for command in [2, 6, 9] {
        for count in [0, 2] {
            let result = raw(command, page, count);
            returns!(result, einval, "command {command}, count {count}");
        }
    }
    for command in [0, 1, 4, 5, 7, 11, 12] {
        returns!(raw(command, page, 0), 0, "command {command}, empty list");
        returns!(raw(command, 0, 0), 0, "command {command}, empty list at 0");
        returns!(
            raw(command, page, 1 << 31),
            einval,
            "command {command}, count -1"
        );
        returns!(
            raw(command, page, 1 << 32),
            0,
            "command {command}, count 2^32"
        );
        for (at, count) in [(0, 1), (HYPERVISORS, 0), (HYPERVISORS, 1), (1 << 47, 0)] {
            let result = raw(command, at, count);
            returns!(
                result,
                no(Errno::EFAULT),
                "command {command}, list at {at:#x}"
            );
        }
    }
    Ok(())
}

/// Does a mapping lead to the granted page, by an entry with the bits that the flags ask for?
fn map_leads_to_the_page() -> Outcome {
    let (table, page, at) = granted(GRANTED)?;
    let mapped = map(8, HOST, at + 0x123)?;
    same!(mapped.bus, mem::mfn(page) * PAGE, "dev_bus_addr");
    same!(table.flags(8), GRANTED | MARKS, "the grant's flags");
    mem::write(at + 0x18, 0x1234_5678);
    same!(mem::read(page + 0x18), 0x1234_5678, "the page's word");
    gives!(unmap(mapped.handle, at, 0), GNTST_OKAY, "unmap");
    same!(entry_of(at), 0, "the entry afterwards");
    same!(table.flags(8), GRANTED, "the grant's flags afterwards");
    let touched = trap::kernel(
        store,
        Regs {
            rdx: at,
            ..Regs::MARKED
        },
    );
    check!(
        touched.kind == Kind::Vector(14) && touched.code == Some(2),
        "a write after the unmap: expected #PF(2), seen {touched:x?}"
    );
    // Bits that the user-bit policy does not touch.
    let bits = mem::P | mem::RW | mem::A | mem::D | mem::PWT | mem::PCD | mem::PSE | mem::NX;
    let always = mem::P | mem::A | mem::D | mem::NX;
    for (flags, expected) in [
        (HOST, always | mem::RW),
        (HOST | RO, always),
        (HOST | 1 << 16, always | mem::RW | 1 << 9),
        (HOST | RO | 0xffff_0000, always | 7 << 9),
        (HOST | RO | 0xffe0, always),
    ] {
        let mapped = map(8, flags, at)?;
        let entry = entry_of(at) & (bits | FRAME | 7 << 9);
        same!(
            entry,
            (mem::mfn(page) * PAGE) | expected,
            "entry for {flags:#x}"
        );
        gives!(unmap(mapped.handle, at, 0), GNTST_OKAY, "unmap");
    }
    table.grant(8, GRANTED | GTF_PWT | GTF_PCD | GTF_PAT, mem::mfn(page));
    let mapped = map(8, HOST, at)?;
    let cache = entry_of(at) & (mem::PWT | mem::PCD | mem::PSE);
    same!(cache, 0, "cache attributes of RAM");
    gives!(unmap(mapped.handle, at, 0), GNTST_OKAY, "unmap");
    Ok(())
}

/// Does a write through a read-only mapping fault? Can it be made writable by hand?
fn readonly_map_is_readonly() -> Outcome {
    let (table, page, at) = granted(GRANTED | GTF_READONLY)?;
    mem::write(page, 42);
    let mapped = map(8, HOST | RO, at)?;
    same!(mem::read(at), 42, "the page's word");
    let marked = GRANTED | GTF_READONLY | GTF_READING;
    same!(table.flags(8), marked, "the grant's flags");
    let regs = Regs {
        rdx: at,
        ..Regs::MARKED
    };
    let touched = trap::kernel(store, regs);
    check!(
        touched.kind == Kind::Vector(14) && touched.code == Some(3),
        "expected #PF(3), seen {touched:x?}"
    );
    same!(mem::read(page), 42, "the page's word afterwards");
    gives!(unmap(mapped.handle, at, 0), GNTST_OKAY, "unmap");
    same!(table.flags(8), GRANTED | GTF_READONLY, "flags afterwards");
    Ok(())
}

/// Is the mapping the user's only if it was asked for?
fn user_bit_is_the_mappers() -> Outcome {
    let (_table, _, at) = granted(GRANTED)?;
    for (flags, user) in [(HOST, 0), (HOST | GNTMAP_APPLICATION_MAP, mem::US)] {
        let mapped = map(8, flags, at)?;
        same!(entry_of(at) & mem::US, user, "U for flags {flags:#x}");
        gives!(unmap(mapped.handle, at, 0), GNTST_OKAY, "unmap");
    }
    Ok(())
}

/// Which status has a mapping that cannot be made? Is nothing left of it?
fn map_refusals() -> Outcome {
    let (table, page, at) = granted(GRANTED)?;
    let frame = mem::mfn(page);
    let before = entry_of(at);
    gives!(try_map(8, 0, at).0, GNTST_BAD_GNTREF, "a map for nothing");
    gives!(
        try_map(8, RO, at).0,
        GNTST_BAD_GNTREF,
        "a read-only map for nothing"
    );
    for dom in [NOBODY, DOMID_SELF] {
        let mut op = [GnttabMapGrantRef {
            dom,
            ..map_op(8, HOST, at)
        }];
        let result = call(GNTTABOP_MAP_GRANT_REF, &mut op);
        gives!((result, op[0].status), GNTST_BAD_DOMAIN, "granter {dom:#x}");
    }
    for reference in [64 * 512, u32::MAX] {
        let (answer, _) = try_map(reference, HOST, at);
        gives!(answer, GNTST_BAD_GNTREF, "reference {reference:#x}");
    }
    gives!(
        try_map(9, HOST, at).0,
        GNTST_GENERAL_ERROR,
        "an empty entry"
    );
    let general = GNTST_GENERAL_ERROR;
    for (flags, domid, granted, status) in [
        (GRANTED, NOBODY, frame, general),
        (GRANTED | GTF_READONLY, ME, frame, general),
        (GRANTED | GTF_SUB_PAGE, ME, frame, general),
        (GTF_ACCEPT_TRANSFER, ME, frame, general),
        (GTF_TRANSITIVE, ME, frame, general),
        (GRANTED, ME, NO_FRAME, GNTST_BAD_PAGE),
        (GRANTED, ME, 0, GNTST_BAD_PAGE),
    ] {
        table.set(9, flags, domid, granted);
        let what = alloc::format!("flags {flags:#x} for d{domid}, frame {granted:#x}");
        gives!(try_map(9, HOST, at).0, status, "{what}");
        same!(table.flags(9), flags, "flags afterwards: {what}");
    }
    for host in [UNMAPPED, HYPERVISORS, mem::M2P, 1 << 47] {
        gives!(try_map(8, HOST, host).0, general, "host address {host:#x}");
        gives!(
            try_map(8, HOST | DEVICE, host).0,
            general,
            "both, at {host:#x}"
        );
        same!(
            table.flags(8),
            GRANTED,
            "flags after host address {host:#x}"
        );
    }
    same!(entry_of(at), before, "the entry after refusals");
    Ok(())
}

/// Which status has an unmapping that cannot be done? Does the mapping stay?
fn unmap_refusals() -> Outcome {
    let (table, _, at) = granted(GRANTED)?;
    let other = mem::page();
    let mapped = map(8, HOST, at)?;
    let entry = entry_of(at);
    for handle in [mapped.handle + 1, 1 << 20, u32::MAX] {
        gives!(unmap(handle, at, 0), GNTST_BAD_HANDLE, "handle {handle:#x}");
    }
    for host in [other, UNMAPPED, HYPERVISORS, 1 << 47] {
        let refused = unmap(mapped.handle, host, 0);
        gives!(refused, GNTST_GENERAL_ERROR, "host address {host:#x}");
    }
    gives!(unmap(mapped.handle, 0, 0), GNTST_OKAY, "unmap of nothing");
    gives!(
        unmap(mapped.handle, 0, 1),
        GNTST_OKAY,
        "unmap of no device map"
    );
    same!(entry_of(at), entry, "the entry");
    same!(table.flags(8), GRANTED | MARKS, "the grant's flags");
    // The entry must be the mapping still: so not with other rights.
    returns!(mem::map(at, entry & !mem::RW), 0, "made read-only");
    let refused = unmap(mapped.handle, at, 0);
    gives!(refused, GNTST_GENERAL_ERROR, "unmap of a changed entry");
    returns!(mem::map(at, entry), 0, "made writable again");
    gives!(unmap(mapped.handle, at + 0xfff, 0), GNTST_OKAY, "unmap");
    gives!(unmap(mapped.handle, at, 0), GNTST_BAD_HANDLE, "unmap twice");
    same!(table.flags(8), GRANTED, "the grant's flags afterwards");
    Ok(())
}

/// Do the host's and the devices' part of a mapping go one by one?
fn parts_are_unmapped_one_by_one() -> Outcome {
    let (table, page, at) = granted(GRANTED)?;
    let bus = mem::mfn(page) * PAGE;
    let before = entry_of(at);
    let mapped = map(8, DEVICE, at)?;
    same!(mapped.bus, bus, "dev_bus_addr");
    same!(entry_of(at), before, "the entry after a device map");
    same!(table.flags(8), GRANTED | MARKS, "flags after a device map");
    let refused = unmap(mapped.handle, 0, bus + PAGE);
    gives!(refused, GNTST_BAD_DEV_ADDR, "unmap at another bus address");
    gives!(
        unmap(mapped.handle, at, 0),
        GNTST_OKAY,
        "unmap of no host map"
    );
    same!(table.flags(8), GRANTED | MARKS, "flags before the unmap");
    gives!(unmap(mapped.handle, 0, bus), GNTST_OKAY, "unmap");
    same!(table.flags(8), GRANTED, "flags after the unmap");
    let mapped = map(8, HOST | DEVICE, at)?;
    for (host, device, marks) in [(at, 0, MARKS), (at, 0, MARKS), (0, bus, 0)] {
        gives!(
            unmap(mapped.handle, host, device),
            GNTST_OKAY,
            "unmap a part"
        );
        same!(table.flags(8), GRANTED | marks, "flags after a part");
    }
    gives!(
        unmap(mapped.handle, 0, bus),
        GNTST_BAD_HANDLE,
        "unmap twice"
    );
    let mapped = map(8, HOST | DEVICE | RO, at)?;
    same!(table.flags(8), GRANTED | GTF_READING, "flags, read-only");
    gives!(
        unmap(mapped.handle, at, bus),
        GNTST_OKAY,
        "unmap both parts"
    );
    same!(table.flags(8), GRANTED, "flags after both");
    Ok(())
}

/// Can a mapping be made by the machine address of its entry?
fn map_by_entry() -> Outcome {
    let (table, page, at) = granted(GRANTED)?;
    let entry_at = mem::entry_at(at, 1);
    let pte = mem::machine(entry_at);
    let other = mem::machine(mem::entry_at(mem::page(), 1));
    let mapped = map(8, HOST | BY_ENTRY, pte)?;
    mem::write(at, 77);
    same!(mem::read(page), 77, "the page's word");
    let general = GNTST_GENERAL_ERROR;
    gives!(
        unmap(mapped.handle, at, 0),
        general,
        "unmap by linear address"
    );
    gives!(
        unmap(mapped.handle, pte + 4, 0),
        general,
        "unmap, misaligned"
    );
    gives!(
        unmap(mapped.handle, other, 0),
        general,
        "unmap of another entry"
    );
    gives!(
        replace(mapped.handle, pte, page),
        general,
        "replace by entry"
    );
    gives!(unmap(mapped.handle, pte, 0), GNTST_OKAY, "unmap");
    same!(mem::read(entry_at), 0, "the entry afterwards");
    let l2 = mem::machine(mem::entry_at(at, 2));
    for (bad, what) in [
        (pte + 4, "misaligned"),
        (mem::machine(page), "an ordinary page"),
        (l2, "an L2 table"),
        (mem::machine(mem::root()), "the root"),
        (table.frame * PAGE, "the grant table"),
        (0, "frame 0"),
        (NO_FRAME * PAGE, "no frame"),
    ] {
        gives!(try_map(8, HOST | BY_ENTRY, bad).0, general, "{what}");
        same!(table.flags(8), GRANTED, "flags after: {what}");
    }
    Ok(())
}

/// Does `unmap_and_replace` move an entry to where the mapping was?
fn entry_is_moved() -> Outcome {
    let (table, _, at) = granted(GRANTED)?;
    let (other, third) = (mem::page(), mem::page());
    mem::write(other, 4711);
    let moved = entry_of(other);
    let mapped = map(8, HOST, at)?;
    let general = GNTST_GENERAL_ERROR;
    gives!(
        replace(mapped.handle, at, UNMAPPED),
        general,
        "from nowhere"
    );
    gives!(
        replace(mapped.handle, third, UNMAPPED),
        general,
        "to elsewhere"
    );
    gives!(
        replace(mapped.handle + 1, at, other),
        GNTST_BAD_HANDLE,
        "bad handle"
    );
    gives!(
        replace(mapped.handle, 0, other),
        GNTST_OKAY,
        "to 0: nothing"
    );
    same!(table.flags(8), GRANTED | MARKS, "flags before");
    gives!(replace(mapped.handle, at, other), GNTST_OKAY, "replace");
    same!(table.flags(8), GRANTED, "flags after");
    same!(mem::read(at), 4711, "the moved page's word");
    let frame = moved & FRAME;
    same!(entry_of(at) & FRAME, frame, "the entry that was moved");
    same!(entry_of(other), 0, "where it was");
    // Back by hand: the moved entry is an ordinary one.
    returns!(mem::map(at, 0), 0, "clear it");
    returns!(mem::map(other, moved), 0, "map it where it was");
    let mapped = map(8, HOST, at)?;
    gives!(
        replace(mapped.handle, at, 0),
        GNTST_OKAY,
        "replace by nothing"
    );
    same!(entry_of(at), 0, "the entry replaced by nothing");
    Ok(())
}

/// Do a grant's marks last from the first use to the last, and does the grant hold meanwhile
/// whatever its owner writes?
fn marks_last_as_long_as_use() -> Outcome {
    let (table, page, at) = granted(GRANTED)?;
    let (second, third) = (mem::page(), mem::page());
    mem::write(page, 1);
    let reader = map(8, HOST | RO, at)?;
    same!(table.flags(8), GRANTED | GTF_READING, "flags with a reader");
    let writer = map(8, HOST, second)?;
    same!(table.flags(8), GRANTED | MARKS, "flags with a writer too");
    let other = map(8, HOST, third)?;
    gives!(
        unmap(writer.handle, second, 0),
        GNTST_OKAY,
        "unmap a writer"
    );
    same!(
        table.flags(8),
        GRANTED | MARKS,
        "flags with one writer left"
    );
    gives!(unmap(other.handle, third, 0), GNTST_OKAY, "unmap the other");
    same!(
        table.flags(8),
        GRANTED | GTF_READING,
        "flags with the reader left"
    );
    // A careless owner wipes its entry: who uses it may go on, and use it more.
    table.grant(8, GTF_INVALID, NO_FRAME);
    let again = map(8, HOST | RO, second)?;
    same!(mem::read(second), 1, "the page that was granted");
    gives!(unmap(again.handle, second, 0), GNTST_OKAY, "unmap");
    table.grant(8, GTF_READONLY, NO_FRAME);
    let refused = try_map(8, HOST, second).0;
    gives!(refused, GNTST_GENERAL_ERROR, "writing, read-only by now");
    gives!(unmap(reader.handle, at, 0), GNTST_OKAY, "unmap the reader");
    let refused = try_map(8, HOST | RO, at).0;
    gives!(refused, GNTST_GENERAL_ERROR, "map of the wiped entry");
    Ok(())
}

/// Is a mapping whose entry the guest overwrote still in use, until the entry is there again?
fn overwritten_entry_dangles() -> Outcome {
    let (table, page, at) = granted(GRANTED)?;
    let mapped = map(8, HOST, at)?;
    returns!(mem::map(at, mem::entry(at, mem::WRITE)), 0, "overwrite");
    same!(table.flags(8), GRANTED | MARKS, "the grant's flags");
    let refused = unmap(mapped.handle, at, 0);
    gives!(
        refused,
        GNTST_GENERAL_ERROR,
        "unmap of the overwritten entry"
    );
    let own = mem::mfn(page) * PAGE;
    returns!(mem::map(at, own | mem::WRITE), 0, "map it by hand");
    gives!(unmap(mapped.handle, at, 0), GNTST_OKAY, "unmap");
    same!(table.flags(8), GRANTED, "the grant's flags afterwards");
    Ok(())
}

/// A page that is a page table now.
fn new_table() -> Result<u64, alloc::string::String> {
    let page = mem::page();
    returns!(mem::freeze(page), 0, "freeze a page");
    let pinned = mem::mmuext(MMUEXT_PIN_L1_TABLE, mem::mfn(page), 0);
    returns!(pinned, 0, "pin it");
    Ok(page)
}

/// Is a page table refused for writing by every way of granting, and let for reading?
fn page_table_is_not_writable() -> Outcome {
    let (table, page, at) = granted(GRANTED)?;
    let l1 = mem::mfn(new_table()?);
    let frame = mem::mfn(page);
    let general = GNTST_GENERAL_ERROR;
    for tables in [l1, mem::mfn(mem::root())] {
        table.grant(9, GRANTED, tables);
        for flags in [HOST, DEVICE, HOST | DEVICE] {
            gives!(try_map(9, flags, at).0, general, "map, flags {flags:#x}");
            same!(table.flags(9), GRANTED, "flags after a refused map");
        }
        let to = End(9, ME, 0);
        let from = End(frame, DOMID_SELF, 0);
        gives!(
            copy(from, to, 8, GNTCOPY_DEST_GREF),
            general,
            "copy to the grant"
        );
        same!(table.flags(9), GRANTED, "flags after a refused copy");
        let to = End(tables, DOMID_SELF, 0);
        gives!(copy(from, to, 8, 0), general, "copy to the frame");
        let mapped = map(9, HOST | RO, at)?;
        // Writing while it is mapped for reading is no better.
        gives!(try_map(9, DEVICE, at).0, general, "writing beside reading");
        same!(table.flags(9), GRANTED | GTF_READING, "flags while mapped");
        gives!(unmap(mapped.handle, at, 0), GNTST_OKAY, "unmap");
        let back = End(frame, DOMID_SELF, 0);
        let from = End(9, ME, 0);
        gives!(
            copy(from, back, 8, GNTCOPY_SOURCE_GREF),
            GNTST_OKAY,
            "copy from it"
        );
    }
    returns!(mem::mmuext(MMUEXT_UNPIN_TABLE, l1, 0), 0, "unpin");
    Ok(())
}

/// Can a page that somebody may write by a grant not become a page table?
fn written_page_is_no_table() -> Outcome {
    let (_table, page, at) = granted(GRANTED)?;
    let frame = mem::mfn(page);
    let pin = || mem::mmuext(MMUEXT_PIN_L1_TABLE, frame, 0);
    returns!(mem::freeze(page), 0, "freeze the page");
    for flags in [HOST, DEVICE] {
        let mapped = map(8, flags, at)?;
        let result = pin();
        returns!(result, no(Errno::EINVAL), "pin while granted for writing");
        let gone = unmap(mapped.handle, at, mapped.bus);
        gives!(gone, GNTST_OKAY, "unmap");
    }
    for flags in [HOST | RO, DEVICE | RO] {
        let mapped = map(8, flags, at)?;
        returns!(pin(), 0, "pin while granted for reading");
        let unpinned = mem::mmuext(MMUEXT_UNPIN_TABLE, frame, 0);
        returns!(unpinned, 0, "unpin");
        gives!(unmap(mapped.handle, at, mapped.bus), GNTST_OKAY, "unmap");
    }
    returns!(mem::thaw(page), 0, "thaw the page");
    Ok(())
}

/// Can the grant table itself be granted? Can it not become a page table?
fn table_frame_is_granted() -> Outcome {
    let (table, _, at) = granted(GRANTED)?;
    table.grant(9, GRANTED, table.frame);
    let mapped = map(9, HOST, at)?;
    same!(
        mem::read(at + 9 * 8),
        mem::read(table.at + 9 * 8),
        "a word of it"
    );
    gives!(unmap(mapped.handle, at, 0), GNTST_OKAY, "unmap");
    let pinned = mem::mmuext(MMUEXT_PIN_L1_TABLE, table.frame, 0);
    check!(
        pinned < 0,
        "pin the grant table: expected an error, returned {pinned}"
    );
    Ok(())
}

/// Do all four kinds of copies arrive, at all alignments?
fn copies() -> Outcome {
    let (table, page, _) = granted(GRANTED)?;
    let dest = mem::page();
    table.grant(9, GRANTED, mem::mfn(dest));
    let (from, to) = (mem::mfn(page), mem::mfn(dest));
    for (source, target, flags) in [
        ((from, DOMID_SELF), (to, DOMID_SELF), 0),
        ((8, ME), (to, DOMID_SELF), GNTCOPY_SOURCE_GREF),
        ((from, DOMID_SELF), (9, DOMID_SELF), GNTCOPY_DEST_GREF),
        (
            (8, DOMID_SELF),
            (9, ME),
            GNTCOPY_SOURCE_GREF | GNTCOPY_DEST_GREF,
        ),
    ] {
        for (read_at, write_at, len) in [(0, 0, 4096), (3, 5, 100), (4088, 1, 8), (1, 4000, 96)] {
            for word in 0..512 {
                mem::write(page + word * 8, 0x0101_0101_0101_0101 * (word % 251 + 1));
                mem::write(dest + word * 8, 0);
            }
            let source = End(source.0, source.1, read_at);
            let target = End(target.0, target.1, write_at);
            gives!(
                copy(source, target, len, flags),
                GNTST_OKAY,
                "flags {flags}"
            );
            for offset in 0..4096_u16 {
                let inside = offset >= write_at && offset < write_at.saturating_add(len);
                let expected = if inside {
                    byte(page, offset - write_at + read_at)
                } else {
                    0
                };
                same!(byte(dest, offset), expected, "flags {flags}, byte {offset}");
            }
            same!(table.flags(8), GRANTED, "the source's flags");
            same!(table.flags(9), GRANTED, "the destination's flags");
        }
    }
    Ok(())
}

fn byte(page: u64, offset: u16) -> u8 {
    mem::read(page + u64::from(offset & !7)).to_le_bytes()[usize::from(offset % 8)]
}

/// Which status has a copy that cannot be done?
fn copy_refusals() -> Outcome {
    let (table, page, _) = granted(GRANTED)?;
    let (frame, dest) = (mem::mfn(page), mem::mfn(mem::page()));
    table.grant(9, GRANTED | GTF_READONLY, dest);
    let own = |frame| End(frame, DOMID_SELF, 0);
    let (source, to) = (GNTCOPY_SOURCE_GREF, GNTCOPY_DEST_GREF);
    let general = GNTST_GENERAL_ERROR;
    for (from, into, flags, status, what) in [
        (
            End(frame, ME, 0),
            own(dest),
            0,
            GNTST_PERMISSION_DENIED,
            "frame by number",
        ),
        (
            own(frame),
            End(dest, ME, 0),
            0,
            GNTST_PERMISSION_DENIED,
            "frame by number, to",
        ),
        (
            End(frame, NOBODY, 0),
            own(dest),
            0,
            GNTST_BAD_DOMAIN,
            "nobody's frame",
        ),
        (
            End(8, NOBODY, 0),
            own(dest),
            source,
            GNTST_BAD_DOMAIN,
            "nobody's grant",
        ),
        (
            own(frame),
            End(8, NOBODY, 0),
            to,
            GNTST_BAD_DOMAIN,
            "to nobody's grant",
        ),
        (
            End(1 << 20, ME, 0),
            own(dest),
            source,
            GNTST_BAD_GNTREF,
            "no such grant",
        ),
        (
            own(frame),
            End(1 << 20, ME, 0),
            to,
            GNTST_BAD_GNTREF,
            "to no such grant",
        ),
        (own(NO_FRAME), own(dest), 0, GNTST_BAD_PAGE, "no frame"),
        (own(frame), own(0), 0, GNTST_BAD_PAGE, "to another's frame"),
        (End(10, ME, 0), own(dest), source, general, "an empty entry"),
        (
            own(frame),
            End(9, ME, 0),
            to,
            general,
            "to a read-only grant",
        ),
    ] {
        gives!(copy(from, into, 8, flags), status, "{what}");
    }
    gives!(
        copy(End(9, ME, 0), own(frame), 8, source),
        GNTST_OKAY,
        "read-only grant"
    );
    let high = End(8 | 1 << 32, ME, 0);
    gives!(
        copy(high, own(dest), 8, source),
        GNTST_OKAY,
        "upper half of a reference"
    );
    gives!(
        copy(own(frame), own(dest), 8, 0xfffc),
        GNTST_OKAY,
        "other flags"
    );
    let at = |frame, offset| End(frame, DOMID_SELF, offset);
    for (from, into, len, status) in [
        (4090, 0, 8, GNTST_BAD_COPY_ARG),
        (0, 4089, 8, GNTST_BAD_COPY_ARG),
        (4097, 0, 0, GNTST_BAD_COPY_ARG),
        (0, 1, 4096, GNTST_BAD_COPY_ARG),
        (0, 0, 4097, GNTST_BAD_COPY_ARG),
        (65535, 0, 65535, GNTST_BAD_COPY_ARG),
        (4096, 0, 0, GNTST_OKAY),
        (4088, 4088, 8, GNTST_OKAY),
    ] {
        let answer = copy(at(frame, from), at(dest, into), len, 0);
        gives!(answer, status, "{len} bytes from {from} to {into}");
    }
    // A refused grant is told before a crossed page.
    let both = copy(End(10, ME, 4095), own(dest), 8, source);
    gives!(both, general, "an empty entry, crossing");
    same!(table.flags(8), GRANTED, "flags of 8");
    same!(table.flags(9), GRANTED | GTF_READONLY, "flags of 9");
    Ok(())
}

/// Does a frame that is given away arrive where an entry waits for it?
fn transfer() -> Outcome {
    let (table, page, _) = granted(GRANTED)?;
    let given = mem::page();
    let frame = mem::mfn(given);
    mem::write(given, 0xfeed);
    table.grant(9, GTF_ACCEPT_TRANSFER, 0x4321);
    let bad = GNTST_BAD_PAGE;
    gives!(transfer_op(NO_FRAME, ME, 9), bad, "no frame");
    gives!(transfer_op(0, ME, 9), bad, "another's frame");
    gives!(transfer_op(frame, ME, 9), bad, "a mapped frame");
    gives!(
        transfer_op(mem::mfn(mem::root()), ME, 9),
        bad,
        "a page table"
    );
    gives!(transfer_op(table.frame, ME, 9), bad, "the grant table");
    same!(table.flags(9), GTF_ACCEPT_TRANSFER, "flags after refusals");
    returns!(mem::map(given, 0), 0, "unmap the frame");
    gives!(transfer_op(frame, ME, 9), GNTST_OKAY, "transfer");
    let done = GTF_ACCEPT_TRANSFER | GTF_TRANSFER_COMMITTED | GTF_TRANSFER_COMPLETED;
    same!(table.flags(9), done, "flags of the entry");
    same!(
        mem::read(table.at + 9 * 8) >> 32,
        frame,
        "frame in the entry"
    );
    same!(mem::m2p(frame), 0x4321, "M2P of the frame");
    returns!(
        mem::map(given, (frame * PAGE) | mem::WRITE),
        0,
        "map it again"
    );
    same!(mem::read(given), 0xfeed, "its word");
    same!(table.flags(8), GRANTED, "another entry's flags");
    let _ = page;
    Ok(())
}

/// Are entries exchanged, unless one is in use?
fn swap() -> Outcome {
    let (table, page, at) = granted(GRANTED)?;
    let other = mem::mfn(mem::page());
    table.set(9, GRANTED | GTF_READONLY, 3, other);
    let word = |reference: u64| mem::read(table.at + reference * 8);
    let (eight, nine) = (word(8), word(9));
    gives!(swap_refs(8, 9), GNTST_OKAY, "swap");
    same!(word(8), nine, "entry 8");
    same!(word(9), eight, "entry 9");
    gives!(swap_refs(9, 8), GNTST_OKAY, "swap back");
    gives!(swap_refs(8, 1 << 20), GNTST_BAD_GNTREF, "no such entry");
    gives!(
        swap_refs(1 << 20, 8),
        GNTST_BAD_GNTREF,
        "no such entry first"
    );
    let mapped = map(8, HOST | RO, at)?;
    gives!(swap_refs(8, 9), GNTST_EAGAIN, "an entry in use");
    gives!(swap_refs(9, 8), GNTST_EAGAIN, "with an entry in use");
    gives!(swap_refs(8, 8), GNTST_OKAY, "with itself");
    gives!(unmap(mapped.handle, at, 0), GNTST_OKAY, "unmap");
    let _ = page;
    Ok(())
}

/// What does a cache flush of one's own, and of others' frames, answer?
fn cache_flush() -> Outcome {
    let (table, page, _) = granted(GRANTED)?;
    let frame = mem::mfn(page) * PAGE;
    let (clean, invalidate) = (GNTTAB_CACHE_CLEAN, GNTTAB_CACHE_INVAL);
    let einval = no(Errno::EINVAL);
    for (a, offset, length, op, result) in [
        (frame, 0, 64, clean, 0),
        (frame, 0, 4096, clean | invalidate, 0),
        (frame, 0, 64, invalidate, no(Errno::EOPNOTSUPP)),
        (frame, 0, 0, clean, 0),
        (frame, 0, 64, 0, 0),
        (frame, 0, 64, 4, einval),
        (8, 0, 64, GNTTAB_CACHE_SOURCE_GREF | clean, einval),
        (frame, 4090, 64, clean, einval),
        (frame, 4096, 0, clean, einval),
        (NO_FRAME * PAGE, 0, 64, clean, einval),
        (0, 0, 64, clean, no(Errno::EPERM)),
        (0, 0, 0, clean, 0),
        (table.frame * PAGE, 0, 64, clean, 0),
    ] {
        let mut list = [GnttabCacheFlush {
            a,
            offset,
            length,
            op,
        }];
        let seen = call(GNTTABOP_CACHE_FLUSH, &mut list);
        returns!(
            seen,
            result,
            "{a:#x}, {length} bytes at {offset}, op {op:#x}"
        );
    }
    Ok(())
}

/// Are lists done to their end that are longer than what is done at a stretch?
fn long_lists() -> Outcome {
    const LENGTH: usize = 120;
    let (table, page, _) = granted(GRANTED)?;
    let places = mem::pages(LENGTH);
    let at = |index: usize| places + index as u64 * PAGE;
    let mut maps = [GnttabMapGrantRef::default(); LENGTH];
    for (index, op) in maps.iter_mut().enumerate() {
        // Every seventh has no place to be mapped at.
        let host = if index % 7 == 3 { UNMAPPED } else { at(index) };
        *op = map_op(8, HOST, host);
    }
    returns!(call(GNTTABOP_MAP_GRANT_REF, &mut maps), 0, "a list of maps");
    let mut unmaps = [GnttabUnmapGrantRef::default(); LENGTH];
    let mut handles = alloc::collections::BTreeSet::new();
    for (index, (op, undo)) in maps.iter().zip(&mut unmaps).enumerate() {
        let bad = index % 7 == 3;
        let expected = if bad { GNTST_GENERAL_ERROR } else { GNTST_OKAY };
        gives!((0, op.status), expected, "map {index}");
        if !bad {
            mem::write(at(index), index as u64);
            same!(
                mem::read(page),
                index as u64,
                "the page through map {index}"
            );
            check!(handles.insert(op.handle), "handle {} twice", op.handle);
        }
        *undo = GnttabUnmapGrantRef {
            host_addr: at(index),
            handle: if bad { u32::MAX } else { op.handle },
            status: UNTOUCHED,
            ..Default::default()
        };
    }
    returns!(
        call(GNTTABOP_UNMAP_GRANT_REF, &mut unmaps),
        0,
        "a list of unmaps"
    );
    for (index, op) in unmaps.iter().enumerate() {
        let bad = index % 7 == 3;
        let expected = if bad { GNTST_BAD_HANDLE } else { GNTST_OKAY };
        gives!((0, op.status), expected, "unmap {index}");
    }
    same!(table.flags(8), GRANTED, "flags in the end");
    Ok(())
}

/// Does a list that is unreadable half way end with `-EFAULT`, and is what came before done?
fn broken_lists() -> Outcome {
    let (table, page, at) = granted(GRANTED)?;
    let list = mem::pages(2);
    returns!(mem::map(list + PAGE, 0), 0, "unmap behind the list");
    let size = size_of::<GnttabMapGrantRef>() as u64;
    let first = list + PAGE - 2 * size;
    let ops = first as *mut GnttabMapGrantRef;
    // SAFETY: the two operations lie at the end of a page of ours.
    unsafe {
        ops.write(map_op(8, HOST, at));
        ops.add(1).write(map_op(8, DEVICE, 0));
    }
    let result = raw(GNTTABOP_MAP_GRANT_REF.into(), first, 3);
    returns!(
        result,
        no(Errno::EFAULT),
        "three maps, the third unreadable"
    );
    // SAFETY: as above.
    let done = unsafe { [ops.read(), ops.add(1).read()] };
    for op in done {
        gives!((0, op.status), GNTST_OKAY, "a map before the end");
    }
    same!(table.flags(8), GRANTED | MARKS, "flags while mapped");
    let bus = mem::mfn(page) * PAGE;
    gives!(unmap(done[0].handle, at, 0), GNTST_OKAY, "unmap the first");
    gives!(
        unmap(done[1].handle, 0, bus),
        GNTST_OKAY,
        "unmap the second"
    );
    same!(table.flags(8), GRANTED, "flags in the end");
    // Unmaps that were done count, although the list breaks after them.
    let mapped = map(8, HOST, at)?;
    let size = size_of::<GnttabUnmapGrantRef>() as u64;
    let first = list + PAGE - size;
    // SAFETY: the operation lies at the end of a page of ours.
    unsafe {
        (first as *mut GnttabUnmapGrantRef).write(GnttabUnmapGrantRef {
            host_addr: at,
            handle: mapped.handle,
            ..Default::default()
        });
    }
    let result = raw(GNTTABOP_UNMAP_GRANT_REF.into(), first, 2);
    returns!(
        result,
        no(Errno::EFAULT),
        "two unmaps, the second unreadable"
    );
    same!(table.flags(8), GRANTED, "flags after the broken unmap");
    let list_page = mem::entry(list + PAGE, mem::WRITE);
    returns!(mem::map(list + PAGE, list_page), 0, "map behind the list");
    Ok(())
}

/// Is a grant used at most 128 times in each way?
fn uses_are_limited() -> Outcome {
    let (table, page, at) = granted(GRANTED)?;
    let bus = mem::mfn(page) * PAGE;
    let mut handles = alloc::vec::Vec::new();
    for flags in [DEVICE | RO, DEVICE] {
        for _ in 0..128 {
            handles.push(map(8, flags, 0)?.handle);
        }
        let full = try_map(8, flags, 0).0;
        gives!(full, GNTST_GENERAL_ERROR, "use 129, flags {flags:#x}");
    }
    let mapped = map(8, HOST, at)?;
    gives!(unmap(mapped.handle, at, 0), GNTST_OKAY, "unmap");
    for handle in handles {
        gives!(unmap(handle, 0, bus), GNTST_OKAY, "unmap for devices");
    }
    same!(table.flags(8), GRANTED, "flags in the end");
    Ok(())
}

/// Are there handles for 1024 frames of them, 256 each, and does the next map find no space?
fn handles_run_out() -> Outcome {
    const HANDLES: usize = 1024 * 256;
    let table = Table::open()?;
    let page = mem::page();
    let list = mem::page();
    gives!(setup(ME, 5, list), GNTST_OKAY, "a larger table");
    let entries = mem::pages(5);
    for frame in 0..5 {
        let mfn = mem::read(list + frame * 8);
        let mapped = mem::map(entries + frame * PAGE, (mfn * PAGE) | mem::WRITE);
        returns!(mapped, 0, "map the table");
        for index in 0..512 {
            let word = u64::from(GRANTED) | mem::mfn(page) << 32;
            mem::write(entries + frame * PAGE + index * 8, word);
        }
    }
    let mut ops = [GnttabMapGrantRef::default(); 128];
    let mut made = 0;
    let mut handles = alloc::vec::Vec::with_capacity(8);
    'all: for reference in 0.. {
        for flags in [DEVICE | RO, DEVICE] {
            ops.fill(map_op(reference, flags, 0));
            returns!(call(GNTTABOP_MAP_GRANT_REF, &mut ops), 0, "maps");
            for op in &ops {
                if op.status == GNTST_NO_SPACE {
                    break 'all;
                }
                gives!((0, op.status), GNTST_OKAY, "map {made}");
                if made < 8 {
                    handles.push(op.handle);
                }
                made += 1;
            }
        }
    }
    // Xen keeps a few for its own lists.
    check!(
        made <= HANDLES && made > HANDLES - 64,
        "expected about {HANDLES} maps, seen {made}"
    );
    // A handle given back is a handle to be had.
    let bus = mem::mfn(page) * PAGE;
    gives!(unmap(handles[3], 0, bus), GNTST_OKAY, "unmap one");
    let again = map(0, DEVICE | RO, 0)?;
    gives!(try_map(2000, HOST, page).0, GNTST_NO_SPACE, "one too many");
    let _ = (again, table.frame);
    Ok(())
}

/// Does the table grow to 64 frames, whose last entry works?
fn table_grows_to_its_limit() -> Outcome {
    let (_table, page, at) = granted(GRANTED)?;
    let list = mem::page();
    gives!(setup(ME, 64, list), GNTST_OKAY, "64 frames");
    same!(query(ME).1, 64, "frames");
    let window = mem::page();
    let last = mem::read(list + 63 * 8);
    returns!(
        mem::map(window, (last * PAGE) | mem::WRITE),
        0,
        "map the last"
    );
    mem::write(window + 511 * 8, u64::from(GRANTED) | mem::mfn(page) << 32);
    let mapped = map(64 * 512 - 1, HOST, at)?;
    gives!(unmap(mapped.handle, at, 0), GNTST_OKAY, "unmap");
    let beyond = try_map(64 * 512, HOST, at).0;
    gives!(beyond, GNTST_BAD_GNTREF, "the entry behind the last");
    gives!(setup(ME, 65, list), GNTST_GENERAL_ERROR, "65 frames");
    Ok(())
}

/// When all is unmapped, is the page free of every use: may it become a page table, and be given
/// away?
fn nothing_is_left() -> Outcome {
    let (table, page, at) = granted(GRANTED)?;
    let (frame, dest) = (mem::mfn(page), mem::mfn(mem::page()));
    for round in 0..300 {
        let flags = [HOST, HOST | RO, HOST | DEVICE, DEVICE | RO][round % 4];
        let mapped = map(8, flags, at)?;
        let (from, to) = (End(8, ME, 0), End(dest, DOMID_SELF, 0));
        gives!(copy(from, to, 64, GNTCOPY_SOURCE_GREF), GNTST_OKAY, "copy");
        let refused = try_map(8, HOST | DEVICE, UNMAPPED).0;
        gives!(refused, GNTST_GENERAL_ERROR, "a refused map");
        gives!(unmap(mapped.handle, at, mapped.bus), GNTST_OKAY, "unmap");
    }
    same!(table.flags(8), GRANTED, "flags in the end");
    returns!(mem::freeze(page), 0, "freeze the page");
    returns!(mem::mmuext(MMUEXT_PIN_L1_TABLE, frame, 0), 0, "pin it");
    returns!(mem::mmuext(MMUEXT_UNPIN_TABLE, frame, 0), 0, "unpin it");
    returns!(mem::map(page, 0), 0, "unmap it");
    // A transfer needs a frame that nothing else holds.
    table.grant(9, GTF_ACCEPT_TRANSFER, mem::pfn(page));
    gives!(transfer_op(frame, ME, 9), GNTST_OKAY, "transfer it");
    returns!(
        mem::map(page, (frame * PAGE) | mem::WRITE),
        0,
        "map it again"
    );
    Ok(())
}
