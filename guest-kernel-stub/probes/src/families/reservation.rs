//! survey
use super::probes;
use crate::kit::mem::{self, PAGE};
use crate::kit::{Outcome, at, at_mut, hypercall};
use guest_kernel_stub::println;
use pv_guest_abi::domid::DOMID_SELF;
use pv_guest_abi::hypercall::{MEMORY_OP, PHYSDEV_OP};
use pv_guest_abi::memory::*;

probes!(reservation: survey,);

fn call(op: u64, arg: u64) -> i64 {
    hypercall(MEMORY_OP, &[op, arg])
}
fn say(what: &str, r: i64) {
    println!("SURVEY {what}: {r} ({})", crate::kit::say::result(r));
}

fn survey() -> Outcome {
    println!("nr_pages {:#x}", mem::nr_pages());
    say("max_ram_page", call(2, 0));
    say("max_ram_page start_extent", call(2 | 1 << 6, 0));
    say("cur_res start_extent", call(3 | 1 << 6, at(&DOMID_SELF)));
    say("cur_res bad ptr", call(3, 8));
    say("max_res", call(4, at(&DOMID_SELF)));
    say("max_gpfn", call(14, at(&DOMID_SELF)));
    let mut m = MachphysMapping::default();
    say("machphys_mapping", call(12, at_mut(&mut m)));
    println!("  {m:x?}");
    say("machphys_mapping bad ptr", call(12, 8));
    let mut frames = [0u64; 600];
    let mut l = MachphysMfnList {
        max_extents: 600,
        extent_start: at_mut(&mut frames),
        ..Default::default()
    };
    say("machphys_mfn_list", call(5, at_mut(&mut l)));
    println!("  {l:x?} {:x?}", &frames[..4]);
    l.max_extents = 0;
    l.nr_extents = 7;
    say("machphys_mfn_list 0", call(5, at_mut(&mut l)));
    println!("  {l:x?}");
    l.max_extents = 1;
    l.extent_start = 8;
    say("machphys_mfn_list bad list", call(5, at_mut(&mut l)));
    l.extent_start = at_mut(&mut frames);
    say("machphys_compat_mfn_list", call(25, at_mut(&mut l)));
    println!("  {l:x?} {:x?}", &frames[..4]);
    let mut map = [E820Entry { addr: 0.into(), size: 0.into(), kind: 0.into() }; 40];
    let mut a = MemoryMap {
        nr_entries: 40,
        buffer: at_mut(&mut map),
        ..Default::default()
    };
    say("memory_map", call(9, at_mut(&mut a)));
    say("memory_map bad ptr", call(9, 8));
    say("machine_memory_map", call(10, at_mut(&mut a)));
    println!("  n {}", a.nr_entries);
    let n = a.nr_entries;
    for e in &map[..n as usize] {
        println!("   {:x} {:x} {}", e.addr.get(), e.size.get(), e.kind.get());
    }
    for k in [0, 1, n - 1, n, n + 1] {
        a.nr_entries = k;
        say("machine_memory_map room", call(10, at_mut(&mut a)));
        println!("  room {k}: n {}", a.nr_entries);
    }
    say("machine_memory_map bad ptr", call(10, 8));
    a.nr_entries = 40;
    a.buffer = 8;
    say("machine_memory_map bad buffer", call(10, at_mut(&mut a)));
    let mut f = ForeignMemoryMap {
        domid: DOMID_SELF,
        map: MemoryMap {
            nr_entries: 2,
            buffer: at_mut(&mut map),
            ..Default::default()
        },
        ..Default::default()
    };
    f.map.nr_entries = 1025;
    say("set_memory_map 1025", call(13, at_mut(&mut f)));
    f.map.nr_entries = 129;
    say("set_memory_map 129", call(13, at_mut(&mut f)));
    f.map.nr_entries = 2;
    f.domid = 99;
    say("set_memory_map d99", call(13, at_mut(&mut f)));
    f.domid = DOMID_SELF;
    f.map.buffer = 8;
    say("set_memory_map bad buffer", call(13, at_mut(&mut f)));
    f.map.buffer = at_mut(&mut map);
    say("set_memory_map bad ptr", call(13, 8));
    say("set_memory_map self", call(13, at_mut(&mut f)));
    let mut map2 = [E820Entry { addr: 0.into(), size: 0.into(), kind: 0.into() }; 40];
    let mut a = MemoryMap {
        nr_entries: 40,
        buffer: at_mut(&mut map2),
        ..Default::default()
    };
    say("memory_map after", call(9, at_mut(&mut a)));
    println!("  n {} {:?}", a.nr_entries, map2[0] == map[0]);
    a.nr_entries = 1;
    say("memory_map after room 1", call(9, at_mut(&mut a)));
    println!("  n {}", a.nr_entries);
    a.nr_entries = 2;
    a.buffer = 8;
    say("memory_map bad buffer", call(9, at_mut(&mut a)));
    f.map.nr_entries = 0;
    say("set_memory_map none", call(13, at_mut(&mut f)));
    a.buffer = at_mut(&mut map2);
    say("memory_map after none", call(9, at_mut(&mut a)));

    let mut x = AddToPhysmap {
        domid: DOMID_SELF,
        ..Default::default()
    };
    for space in 0..7 {
        x.space = space;
        say("add_to_physmap", call(7, at_mut(&mut x)));
    }
    x.domid = 99;
    x.space = 0;
    say("add_to_physmap d99", call(7, at_mut(&mut x)));
    say("add_to_physmap bad ptr", call(7, 8));
    x.domid = DOMID_SELF;
    x.space = 3;
    x.size = 0;
    say("add_to_physmap range 0", call(7, at_mut(&mut x)));
    say("add_to_physmap start", call(7 | 1 << 6, at_mut(&mut x)));
    say(
        "add_to_physmap start 65536",
        call(7 | 65536 << 6, at_mut(&mut x)),
    );
    let mut b = AddToPhysmapBatch {
        domid: DOMID_SELF,
        ..Default::default()
    };
    say("add_to_physmap_batch 0", call(23, at_mut(&mut b)));
    let mut idx = [0u64; 2];
    let mut gp = [0u64; 2];
    let mut errs = [7i32; 2];
    b.size = 2;
    b.idxs = at_mut(&mut idx);
    b.gpfns = at_mut(&mut gp);
    b.errs = at_mut(&mut errs);
    for space in 0..7 {
        b.space = space;
        say("add_to_physmap_batch", call(23, at_mut(&mut b)));
        println!("  errs {errs:?}");
    }
    b.domid = 99;
    b.space = 0;
    say("add_to_physmap_batch d99", call(23, at_mut(&mut b)));
    let mut r = RemoveFromPhysmap {
        domid: DOMID_SELF,
        gpfn: mem::mfn(mem::page()),
        ..Default::default()
    };
    say("remove_from_physmap", call(15, at_mut(&mut r)));
    r.gpfn = 1 << 40;
    say("remove_from_physmap absent", call(15, at_mut(&mut r)));
    r.domid = 99;
    say("remove_from_physmap d99", call(15, at_mut(&mut r)));
    say("remove_from_physmap bad ptr", call(15, 8));
    say(
        "remove_from_physmap start",
        call(15 | 1 << 6, at_mut(&mut r)),
    );
    let mut p = PodTarget {
        domid: DOMID_SELF,
        target_pages: 5,
        ..Default::default()
    };
    say("get_pod", call(17, at_mut(&mut p)));
    println!("  {p:?}");
    say("set_pod", call(16, at_mut(&mut p)));
    println!("  {p:?}");
    p.domid = 0;
    p.target_pages = 1 << 40;
    say("set_pod huge", call(16, at_mut(&mut p)));
    p.domid = 99;
    say("get_pod d99", call(17, at_mut(&mut p)));
    say("get_pod bad ptr", call(17, 8));
    for (op, name) in [
        (18u64, "sharing_freed"),
        (19, "sharing_shared"),
        (20, "paging"),
        (21, "access"),
        (22, "sharing"),
        (28, "acquire"),
        (29, "29"),
        (8, "8"),
        (63, "63"),
    ] {
        let mut zero = [0u64; 16];
        println!("  {name} {op}");
        say("zero arg", call(op, at_mut(&mut zero)));
        say("bad ptr", call(op, 8));
        say("start_extent", call(op | 1 << 6, at_mut(&mut zero)));
    }
    let mut c = MemoryReservation {
        domid: 0,
        nr_extents: mem::nr_pages() + 1,
        ..Default::default()
    };
    say("claim d0 nr+1", call(24, at_mut(&mut c)));
    say("claim d0 nr+1 again", call(24, at_mut(&mut c)));
    c.nr_extents = 0;
    say("claim d0 0", call(24, at_mut(&mut c)));
    say("claim d0 0 again", call(24, at_mut(&mut c)));
    c.nr_extents = mem::nr_pages();
    say("claim d0 nr", call(24, at_mut(&mut c)));
    c.nr_extents = 1 << 40;
    say("claim d0 huge", call(24, at_mut(&mut c)));
    c.nr_extents = 100000;
    say("claim d0 100000", call(24, at_mut(&mut c)));
    c.nr_extents = 0;
    c.domid = DOMID_SELF;
    say("claim self", call(24, at_mut(&mut c)));
    c.domid = 99;
    say("claim d99", call(24, at_mut(&mut c)));
    c.domid = 0;
    c.extent_order = 1;
    say("claim order", call(24, at_mut(&mut c)));
    c.extent_order = 0;
    c.mem_flags = 1;
    say("claim flags", call(24, at_mut(&mut c)));
    c.mem_flags = 0;
    c.extent_start = 8;
    say("claim start", call(24, at_mut(&mut c)));
    say("claim bad ptr", call(24, 8));
    let mut v = VnumaTopologyInfo {
        domid: DOMID_SELF,
        ..Default::default()
    };
    say("vnuma", call(26, at_mut(&mut v)));
    v.pad = 1;
    say("vnuma pad", call(26, at_mut(&mut v)));
    v.pad = 0;
    v.domid = 99;
    say("vnuma d99", call(26, at_mut(&mut v)));
    let mut d = ReservedDeviceMemoryMap::default();
    say("rdm", call(27, at_mut(&mut d)));
    println!("  {}", d.nr_entries);
    d.flags = 2;
    say("rdm flags", call(27, at_mut(&mut d)));
    let mut q = MemAcquireResource {
        domid: DOMID_SELF,
        kind: 1,
        ..Default::default()
    };
    say("acquire self", call(28, at_mut(&mut q)));
    q.domid = 0;
    say("acquire d0", call(28, at_mut(&mut q)));
    q.domid = 99;
    say("acquire d99", call(28, at_mut(&mut q)));

    // reservations
    let mut list = [0u64; 4];
    let mut r = MemoryReservation {
        domid: DOMID_SELF,
        nr_extents: 4,
        extent_start: at_mut(&mut list),
        ..Default::default()
    };
    let now = call(3, at(&DOMID_SELF));
    for op in [0u64, 1, 6] {
        println!("  op {op}");
        say("bad ptr", call(op, 8));
        say("bad ptr start 3", call(op | 3 << 6, 8));
        say("start = nr", call(op | 4 << 6, at_mut(&mut r)));
        say("start > nr", call(op | 5 << 6, at_mut(&mut r)));
        r.nr_extents = (u32::MAX >> 6) as u64 + 1;
        say("nr too large, start 2", call(op | 2 << 6, at_mut(&mut r)));
        r.nr_extents = 4;
        r.domid = 99;
        say("d99, start 2", call(op | 2 << 6, at_mut(&mut r)));
        r.domid = DOMID_SELF;
        for bits in [1, 11, 12] {
            r.mem_flags = bits;
            say("few bits, start 2", call(op | 2 << 6, at_mut(&mut r)));
        }
        r.mem_flags = 0;
    }
    say("now - before", call(3, at(&DOMID_SELF)) - now);
    // Make room: give 64 pages
    let pages = mem::pages(64);
    for n in 0..64 {
        let mut l = [mem::mfn(pages + n * PAGE)];
        mem::map(pages + n * PAGE, 0);
        r.extent_start = at_mut(&mut l);
        r.nr_extents = 1;
        if call(1, at(&r)) != 1 {
            println!("dec?");
        }
    }
    for (name, order, flags) in [
        ("13 bits", 0, 13),
        ("20 bits", 0, 20),
        ("24 bits", 0, 24),
        ("28 bits", 0, 28),
        ("node 0", 0, 1 << 8),
        ("node 0 exact", 0, 1 << 8 | 1 << 17),
        ("node 1", 0, 2 << 8),
        ("node 1 exact", 0, 2 << 8 | 1 << 17),
        ("node 99 exact", 0, 100 << 8 | 1 << 17),
        ("node 200", 0, 201 << 8),
        ("exact none", 0, 1 << 17),
        ("vnode", 0, 1 << 18),
        ("vnode 5", 0, 1 << 18 | 6 << 8),
        ("pod", 0, 1 << 16),
        ("unknown flags", 0, 0xfff8_0000),
        ("order 2", 2, 0),
    ] {
        let mut l = [0u64];
        r.extent_start = at_mut(&mut l);
        r.nr_extents = 1;
        r.extent_order = order;
        r.mem_flags = flags;
        let res = call(0, at(&r));
        println!("SURVEY inc {name}: {res} mfn {:#x}", l[0]);
        let mut l = [0x100u64];
        r.extent_start = at_mut(&mut l);
        let res = call(6, at(&r));
        println!("SURVEY pop {name}: {res} mfn {:#x}", l[0]);
    }
    r.mem_flags = 0;
    r.extent_order = 0;
    r.extent_start = 0;
    say("inc null list", call(0, at(&r)));
    say("pop null list", call(6, at(&r)));
    r.extent_start = 8;
    let now = call(3, at(&DOMID_SELF));
    say("inc bad list", call(0, at(&r)));
    say("pop bad list", call(6, at(&r)));
    say("now - before", call(3, at(&DOMID_SELF)) - now);
    // twice the same mapped page
    let p = mem::page();
    let mut l = [mem::mfn(p), mem::mfn(p)];
    r.extent_start = at_mut(&mut l);
    r.nr_extents = 2;
    say("dec mapped page twice", call(1, at(&r)));
    say("now - before", call(3, at(&DOMID_SELF)) - now);
    mem::map(p, 0);
    say("now - before after unmap", call(3, at(&DOMID_SELF)) - now);
    let pages = mem::pages(16);
    let order2 = mem::pages(4);
    let mut l = [mem::mfn(order2) & !3];
    println!(
        "contiguous? {:x} {:x}",
        mem::mfn(order2),
        mem::mfn(order2 + 3 * PAGE)
    );
    let _ = (pages, &mut l);
    // exchange
    let mut a = [0u64; 8];
    let mut b = [0u64; 8];
    let pg: [u64; 8] = core::array::from_fn(|_| mem::page());
    for n in 0..8 {
        a[n] = mem::mfn(pg[n]);
        b[n] = mem::pfn(pg[n]);
    }
    let base = MemoryReservation {
        domid: DOMID_SELF,
        nr_extents: 8,
        extent_start: at_mut(&mut a),
        ..Default::default()
    };
    let mut e = MemoryExchange {
        input: base,
        out: MemoryReservation {
            extent_start: at_mut(&mut b),
            ..base
        },
        ..Default::default()
    };
    macro_rules! ex {
        ($name:expr) => {{
            let r = call(11, at_mut(&mut e));
            println!(
                "SURVEY exchange {}: {} {} nr {} b {:x?}",
                $name,
                r,
                crate::kit::say::result(r),
                e.nr_exchanged,
                &b[..2]
            );
            e.nr_exchanged = 0;
        }};
    }
    ex!("mapped");
    say("exchange start", call(11 | 1 << 6, at_mut(&mut e)));
    say("exchange bad ptr", call(11, 8));
    e.nr_exchanged = 9;
    ex!("nr 9 > 8");
    e.nr_exchanged = 8;
    ex!("nr 8 = 8");
    e.nr_exchanged = 3;
    ex!("nr 3, mapped");
    e.out.domid = 0;
    ex!("domids differ");
    e.input.domid = 0;
    ex!("domid 0");
    e.input.domid = 99;
    e.out.domid = 99;
    ex!("d99");
    e.input.domid = DOMID_SELF;
    e.out.domid = DOMID_SELF;
    e.out.extent_order = 1;
    ex!("sizes differ");
    e.out.extent_order = 19;
    ex!("order 19");
    e.out.extent_order = 13;
    e.out.nr_extents = 0;
    ex!("order 13");
    e.out.extent_order = 0;
    e.out.nr_extents = 8;
    e.input.nr_extents = 1 << 62;
    e.out.nr_extents = 1 << 62;
    ex!("huge");
    e.input.nr_extents = 0;
    e.out.nr_extents = 0;
    ex!("empty");
    e.input.nr_extents = 8;
    e.out.nr_extents = 8;
    e.input.extent_start = 8;
    ex!("bad in");
    e.input.extent_start = mem::M2P;
    ex!("in of hypervisor");
    e.input.extent_start = at_mut(&mut a);
    e.out.extent_start = mem::M2P;
    ex!("out of hypervisor");
    e.out.extent_start = at_mut(&mut b);
    for p in &pg {
        mem::map(*p, 0);
    }
    a[5] = 1 << 30;
    ex!("sixth absent");
    println!("  a {a:x?} b {b:x?}");
    for n in 0..8 {
        a[n] = mem::mfn(pg[n]);
    }
    say("m2p of b0", mem::m2p(b[0]) as i64);
    let now = call(3, at(&DOMID_SELF));
    // second: those left; use pages 6,7 with bits
    a[0] = mem::mfn(pg[6]);
    b[0] = mem::pfn(pg[6]);
    e.input.nr_extents = 1;
    e.out.nr_extents = 1;
    for bits in [1u32, 12, 13, 20, 24, 27, 63] {
        e.out.mem_flags = bits;
        ex!(alloc::format!("bits {bits}"));
        if b[0] != mem::pfn(pg[6]) {
            a[0] = b[0];
            b[0] = mem::pfn(pg[6]);
        }
    }
    e.out.mem_flags = 0;
    e.out.mem_flags = 1 << 17 | 5 << 8;
    ex!("exact node 4");
    if b[0] != mem::pfn(pg[6]) {
        a[0] = b[0];
        b[0] = mem::pfn(pg[6]);
    }
    e.out.mem_flags = 0;
    let keep = b[0];
    e.out.extent_start = 8;
    ex!("bad out");
    say("now - before", call(3, at(&DOMID_SELF)) - now);
    say("m2p of a0", mem::m2p(a[0]) as i64);
    println!("keep {keep:x}");
    // physdev
    let pd = |cmd: u64, arg: u64| hypercall(PHYSDEV_OP, &[cmd, arg]);
    let mut z = [0u64; 8];
    for cmd in 0..40u64 {
        z = [0u64; 8];
        let a0 = pd(cmd, at_mut(&mut z));
        let a1 = pd(cmd, 8);
        println!(
            "SURVEY physdev {cmd}: zero {} bad ptr {} z {:x?}",
            crate::kit::say::result(a0),
            crate::kit::say::result(a1),
            &z[..2]
        );
    }
    z[0] = 4;
    say("iopl 4", pd(6, at_mut(&mut z)));
    z[0] = 3;
    say("iopl 3", pd(6, at_mut(&mut z)));
    z[1] = 65537;
    z[0] = at_mut(&mut list);
    say("iobitmap 65537", pd(7, at_mut(&mut z)));
    z[1] = 65536;
    say("iobitmap 65536", pd(7, at_mut(&mut z)));
    z[0] = mem::M2P;
    say("iobitmap hypervisor", pd(7, at_mut(&mut z)));
    Ok(())
}
