//! Plans applied to a machine of a few thousand pages, walked as a CPU would.

use super::tables::{PRESENT, USER, WRITABLE};
use super::*;
use crate::elf::{Features, KernelImage, NoteSource, Notes, Role, Segment};
use crate::types::{Mfn, Pfn, Port};
use proptest::prelude::*;
use pv_guest_abi::start::StartInfo;
use std::collections::{BTreeSet, HashMap};
use std::string::ToString;
use std::vec;
use std::vec::Vec;
use zerocopy::FromBytes;

const LINUX: u64 = 0xffff_ffff_8000_0000;

fn image(base: u64, start: u64, segments: Vec<Segment<'_>>) -> KernelImage<'_> {
    let end = segments.iter().map(Segment::end).max().unwrap();
    KernelImage {
        entry: base + start,
        virt_base: base,
        paddr_offset: 0,
        start: base + start,
        end,
        hypercall_page: None,
        init_p2m: None,
        mod_start_pfn: false,
        suspend_cancel: false,
        features: Features::default(),
        segments,
        notes: Notes {
            source: NoteSource::Segment,
            list: Vec::new(),
        },
    }
}

/// Frames are scattered: nothing works by luck because guest and machine frames agree.
#[derive(Default)]
struct Machine {
    pages: HashMap<u64, Vec<u8>>,
}

fn scatter(pfn: Pfn) -> Mfn {
    Mfn((pfn.0 ^ 0x5a5) * 3 + 7)
}

impl Memory for Machine {
    fn mfn_of(&self, pfn: Pfn) -> Mfn {
        scatter(pfn)
    }
    fn write(&mut self, pfn: Pfn, offset: usize, bytes: &[u8]) {
        let page = self
            .pages
            .entry(scatter(pfn).0)
            .or_insert_with(|| vec![0; 4096]);
        page[offset..offset + bytes.len()].copy_from_slice(bytes);
    }
}

impl Machine {
    fn word(&self, mfn: u64, slot: u64) -> u64 {
        self.pages.get(&mfn).map_or(0, |page| {
            let at = slot as usize * 8;
            u64::from_le_bytes(page[at..at + 8].try_into().unwrap())
        })
    }

    /// The L1 entry for an address, noting every table on the way.
    fn walk(&self, root: Mfn, va: u64, tables: &mut BTreeSet<u64>) -> Option<u64> {
        let mut mfn = root.0;
        for level in (1..=4).rev() {
            tables.insert(mfn);
            let entry = self.word(mfn, va >> (12 + 9 * (level - 1)) & 511);
            if entry & PRESENT == 0 {
                return None;
            }
            if level == 1 {
                return Some(entry);
            }
            assert_eq!(entry & 0xfff, 0x67, "upper entries: P RW U A D");
            mfn = entry >> 12 & 0xff_ffff_ffff;
        }
        None
    }

    fn read(&self, root: Mfn, va: u64, len: usize) -> Vec<u8> {
        let mut out = Vec::new();
        while out.len() < len {
            let at = va + out.len() as u64;
            let entry = self.walk(root, at, &mut BTreeSet::new()).expect("mapped");
            let offset = at as usize & 4095;
            let take = (4096 - offset).min(len - out.len());
            match self.pages.get(&(entry >> 12 & 0xff_ffff_ffff)) {
                Some(page) => out.extend_from_slice(&page[offset..offset + take]),
                None => out.resize(out.len() + take, 0),
            }
        }
        out
    }
}

const PORTS: RingPorts = RingPorts {
    xenstore: Port(1),
    console: Port(2),
};

/// Everything that must hold of a plan and of the memory that was filled by it.
fn check(image: &KernelImage<'_>, request: &Request, initrd: &[u8]) -> Result<Plan, PlanError> {
    let plan = Plan::new(image, request)?;
    let mut machine = Machine::default();
    let contents = Contents {
        initrd,
        command_line: b"console=hvc0",
        shared_info_maddr: 0xabc000,
        ports: (request.role == Role::DomU).then_some(PORTS),
    };
    fill(&plan, image, &contents, &mut machine);
    let root = scatter(plan.root());

    // Regions follow each other and fill the memory.
    let mut next = 0;
    for region in &plan.regions {
        assert_eq!(region.first, Pfn(next), "{region}");
        assert!(region.pages > 0);
        next = region.end().0;
    }
    assert_eq!(next, request.nr_pages);

    // Tables: consecutive, L4 first, downwards by level.
    let tables: Vec<Table> = plan.tables().collect();
    assert_eq!(
        tables[0],
        Table {
            level: 4,
            index: 0,
            pfn: plan.root()
        }
    );
    let region = *plan.region(Purpose::PageTables).unwrap();
    assert_eq!(
        (region.pages, region.first),
        (plan.nr_pt_frames, plan.root())
    );
    let own: Vec<_> = tables.iter().take(plan.nr_pt_frames as usize).collect();
    assert!(own.windows(2).all(|pair| pair[0].level >= pair[1].level));
    for (table, pfn) in tables.iter().zip(region.first.0..region.end().0) {
        assert_eq!(table.pfn, Pfn(pfn));
    }
    let table_frames: BTreeSet<u64> = tables.iter().map(|table| table.pfn.0).collect();
    assert_eq!(table_frames.len(), tables.len());

    // Every planned address walks to its frame; its neighbours do not.
    let mut seen = BTreeSet::new();
    let mut mapped = 0;
    for region in &plan.regions {
        let Some(address) = region.address else {
            continue;
        };
        for page in 0..region.pages {
            let entry = machine
                .walk(root, address + (page << 12), &mut seen)
                .expect("mapped");
            let pfn = Pfn(region.first.0 + page);
            assert_eq!(
                entry >> 12 & 0xff_ffff_ffff,
                scatter(pfn).0,
                "{region} page {page}"
            );
            let writable = !table_frames.contains(&pfn.0);
            assert_eq!(entry & WRITABLE != 0, writable, "{region} page {page}");
            assert_eq!(entry & USER != 0, request.user_bit == UserBit::Forced);
            mapped += 1;
        }
        let end = address + (region.pages << 12);
        assert!(end <= plan.virt_end || region.purpose == Purpose::P2m);
    }
    let behind = machine.walk(root, plan.virt_end, &mut BTreeSet::new());
    assert_eq!(behind.is_some(), image.init_p2m == Some(plan.virt_end));
    assert_eq!(
        seen,
        table_frames
            .iter()
            .map(|&pfn| scatter(Pfn(pfn)).0)
            .collect(),
        "no table too many"
    );
    let entries: usize = tables
        .iter()
        .filter(|t| t.level == 1)
        .map(|t| plan.entries(*t).count())
        .sum();
    assert_eq!(
        entries as u64, mapped,
        "nothing is mapped that was not planned"
    );

    // The end of the initial area.
    assert_eq!(plan.virt_end % (4 << 20), 0);
    assert!(plan.virt_end - plan.registers.rsp >= 512 << 10);
    assert!(plan.virt_end - plan.registers.rsp < (4 << 20) + (512 << 10));

    // Contents, as the kernel sees them.
    for segment in &image.segments {
        let mem = machine.read(root, segment.address, segment.mem_bytes as usize);
        let (bytes, zeros) = mem.split_at(segment.bytes.len());
        assert_eq!(bytes, segment.bytes);
        assert!(zeros.iter().all(|&b| b == 0));
    }
    let info = machine.read(root, plan.registers.rsi, start_info::SIZE);
    let (info, vga) = StartInfo::read_from_prefix(&info).unwrap();
    assert!(info.is_x86_64());
    assert_eq!(info.command_line(), b"console=hvc0");
    assert_eq!(
        (info.nr_pages, info.shared_info),
        (request.nr_pages, 0xabc000)
    );
    assert_eq!(
        (info.pt_base, info.nr_pt_frames),
        (plan.pt_base, plan.nr_pt_frames)
    );
    match request.role {
        Role::Dom0 => {
            let console = info.console_dom0();
            assert_eq!((console.info_off, console.info_size), (1168, 40));
            assert_eq!((vga[0], vga.len()), (3, 40));
            assert_eq!((info.flags & 3, info.store_mfn), (3, 0));
        }
        Role::DomU => {
            // Right behind the start info, as Xen's toolstack has it.
            let behind = |n| scatter(Pfn(plan.start_info().0 + n)).0;
            assert_eq!((info.store_mfn, info.console_mfn), (behind(1), behind(2)));
            assert_eq!((info.store_evtchn, info.console_evtchn), (1, 2));
            assert_eq!((info.flags & 3, vga), (0, [0; 40].as_slice()));
        }
    }
    let list = machine.read(root, info.mfn_list, request.nr_pages as usize * 8);
    for (pfn, entry) in list.chunks_exact(8).enumerate() {
        assert_eq!(entry, scatter(Pfn(pfn as u64)).0.to_le_bytes());
    }
    assert_eq!(info.mod_len, initrd.len() as u64);
    if !initrd.is_empty() {
        let by_pfn = info.flags & 8 != 0;
        assert_eq!(by_pfn, image.mod_start_pfn);
        let bytes: Vec<u8> = if by_pfn {
            (0..initrd.len() as u64)
                .map(|at| {
                    let mfn = scatter(Pfn(info.mod_start + (at >> 12))).0;
                    machine.pages[&mfn][at as usize & 4095]
                })
                .collect()
        } else {
            machine.read(root, info.mod_start, initrd.len())
        };
        assert_eq!(bytes, initrd);
    }
    match image.init_p2m {
        None => assert_eq!((info.first_p2m_pfn, info.nr_p2m_frames), (0, 0)),
        Some(address) => {
            assert_eq!(info.mfn_list, address);
            let tables = plan.region(Purpose::P2mTables).map_or(0, |r| r.pages);
            assert_eq!(
                info.nr_p2m_frames,
                (request.nr_pages * 8).div_ceil(4096) + tables
            );
            assert_eq!(
                tables,
                table_frames
                    .iter()
                    .filter(|&&pfn| pfn >= info.first_p2m_pfn)
                    .count() as u64
            );
        }
    }
    Ok(plan)
}

fn bytes(len: usize, seed: u8) -> Vec<u8> {
    (0..len)
        .map(|i| (i as u8).wrapping_mul(31) ^ seed | 1)
        .collect()
}

const PLAIN: Request = Request {
    nr_pages: 4096,
    initrd_bytes: 0,
    user_bit: UserBit::AsGiven,
    role: Role::Dom0,
};

#[test]
fn a_small_kernel_at_linux_addresses() {
    let code = bytes(0x1800, 1);
    let mut kernel = image(
        LINUX,
        0x10_0000,
        vec![Segment {
            address: LINUX + 0x10_0000,
            bytes: &code,
            mem_bytes: 0x3000,
        }],
    );
    kernel.hypercall_page = Some(LINUX + 0x10_2000);
    let plan = Plan::new(&kernel, &PLAIN).unwrap();
    let order: Vec<_> = plan
        .regions
        .iter()
        .map(|r| (r.purpose, r.first.0, r.pages))
        .collect();
    // 4 MiB mapped: L4, L3, L2 and two L1.
    assert_eq!(
        order,
        [
            (Purpose::LowRam, 0, 0x100),
            (Purpose::Kernel, 0x100, 3),
            (Purpose::P2m, 0x103, 8),
            (Purpose::StartInfo, 0x10b, 1),
            (Purpose::PageTables, 0x10c, 5),
            (Purpose::Stack, 0x111, 1),
            (Purpose::Spare, 0x112, 0x400 - 0x112),
            (Purpose::Unmapped, 0x400, 4096 - 0x400),
        ]
    );
    assert_eq!(
        plan.registers,
        InitialRegisters {
            rip: LINUX + 0x10_0000,
            rsp: LINUX + 0x11_2000,
            rsi: LINUX + 0x10_b000,
            rflags: 0x202,
        }
    );
    assert_eq!(plan.hypercall_page, Some(Pfn(0x102)));
    assert_eq!(plan.separate_p2m(), None);
    kernel.hypercall_page = None;
    check(&kernel, &PLAIN, b"").unwrap();
}

#[test]
fn debians_kernel() {
    let head = bytes(0x2000, 3);
    let mut kernel = image(
        LINUX,
        0x100_0000,
        vec![
            Segment {
                address: LINUX + 0x100_0000,
                bytes: &head,
                mem_bytes: 0x2000,
            },
            Segment {
                address: LINUX + 0x307_9000,
                bytes: &head,
                mem_bytes: 0x198_7000,
            },
        ],
    );
    kernel.init_p2m = Some(0x80_0000_0000);
    kernel.mod_start_pfn = true;
    let initrd = bytes(0x12345, 9);
    let request = Request {
        nr_pages: 1 << 17,
        initrd_bytes: initrd.len() as u64,
        ..PLAIN
    };
    let plan = check_lean(&kernel, &request, &initrd);
    let at = |purpose| *plan.region(purpose).unwrap();
    assert_eq!(at(Purpose::StartInfo).first.0, 0x4a00);
    // 76 MiB from 0x0 to 0x4c00000 need 38 L1.
    assert_eq!(at(Purpose::PageTables).pages, 3 + 38);
    assert_eq!(at(Purpose::Initrd).first.0, 0x4c00);
    assert_eq!(at(Purpose::Initrd).address, None);
    assert_eq!(at(Purpose::P2m).first.0, 0x4c00 + 0x13);
    assert_eq!(at(Purpose::P2m).pages, 256);
    // 1 MiB of list at another root slot: L3, L2, L1.
    assert_eq!(at(Purpose::P2mTables).pages, 3);
    assert_eq!(plan.separate_p2m(), Some((Pfn(0x4c13), 259)));
}

/// As [`check`], without reading large areas byte by byte.
fn check_lean(image: &KernelImage<'_>, request: &Request, initrd: &[u8]) -> Plan {
    let plan = Plan::new(image, request).unwrap();
    let mut machine = Machine::default();
    let contents = Contents {
        initrd,
        command_line: b"",
        shared_info_maddr: 0,
        ports: None,
    };
    fill(&plan, image, &contents, &mut machine);
    let root = scatter(plan.root());
    let mut seen = BTreeSet::new();
    for region in plan
        .regions
        .iter()
        .filter(|region| region.address.is_some())
    {
        for page in 0..region.pages {
            let va = region.address.unwrap() + (page << 12);
            let entry = machine.walk(root, va, &mut seen).unwrap();
            assert_eq!(entry >> 12, scatter(Pfn(region.first.0 + page)).0);
        }
    }
    assert_eq!(seen.len(), plan.tables().count());
    plan
}

#[test]
fn too_little_memory_says_how_much_would_do() {
    let code = bytes(0x1000, 1);
    let mut kernel = image(
        LINUX,
        0x10_0000,
        vec![Segment {
            address: LINUX + 0x10_0000,
            bytes: &code,
            mem_bytes: 6 << 20,
        }],
    );
    let request = Request {
        nr_pages: 256,
        initrd_bytes: 3 << 20,
        ..PLAIN
    };
    for mod_start_pfn in [false, true] {
        for init_p2m in [None, Some(0x80_0000_0000)] {
            kernel.mod_start_pfn = mod_start_pfn;
            kernel.init_p2m = init_p2m;
            let error = Plan::new(&kernel, &request).unwrap_err();
            let PlanError::TooLittleMemory {
                needed_pages,
                available_pages: 256,
            } = error
            else {
                panic!("{error}");
            };
            let text = error.to_string();
            assert!(
                text.contains("there are 1 MiB") && text.contains("dom0_mem="),
                "{text}"
            );
            assert!(
                Plan::new(
                    &kernel,
                    &Request {
                        nr_pages: needed_pages,
                        ..request
                    }
                )
                .is_ok()
            );
            assert!(
                Plan::new(
                    &kernel,
                    &Request {
                        nr_pages: needed_pages - 1,
                        ..request
                    }
                )
                .is_err()
            );
        }
    }
}

#[test]
fn addresses_without_room() {
    let code = bytes(0x1000, 1);
    let at = |base: u64| {
        image(
            base,
            0x1000,
            vec![Segment {
                address: base + 0x1000,
                bytes: &code,
                mem_bytes: 0x1000,
            }],
        )
    };
    for base in [
        0xffff_ffff_fff0_0000,
        0x7fff_ffff_0000,
        0xffff_7fff_ffff_0000,
    ] {
        let error = Plan::new(&at(base), &PLAIN).unwrap_err();
        assert!(
            matches!(error, PlanError::NoAddressRoom { .. }),
            "{base:#x}"
        );
    }
    for p2m in [
        LINUX + 0x1000,
        LINUX - 0x1000,
        0x7fff_ffff_f000,
        0xffff_ffff_ffff_f000,
    ] {
        let kernel = KernelImage {
            init_p2m: Some(p2m),
            ..at(LINUX)
        };
        let error = Plan::new(&kernel, &PLAIN).unwrap_err();
        assert!(error.to_string().contains("INIT_P2M"), "{p2m:#x}");
    }
    assert!(check(&at(0), &PLAIN, b"").is_ok());
    assert!(check(&at(0xffff_8800_0000_0000), &PLAIN, b"").is_ok());
}

/// A list that lies in the same 2 MiB as the kernel takes no table of its own.
#[test]
fn a_p2m_list_in_shared_tables() {
    let code = bytes(0x1000, 1);
    let base = LINUX - 0x10_0000;
    let mut kernel = image(
        base,
        0,
        vec![Segment {
            address: base,
            bytes: &code,
            mem_bytes: 0x1000,
        }],
    );
    kernel.init_p2m = Some(LINUX - 0x20_0000);
    let plan = check(&kernel, &PLAIN, b"").unwrap();
    assert_eq!(plan.region(Purpose::P2mTables), None);
    assert_eq!(plan.separate_p2m().unwrap().1, 8);
}

#[test]
fn hypercall_stubs() {
    let mut page = [0; 4096];
    hypercall_page::write(&mut page);
    let stub = |n: usize| &page[n * 32..n * 32 + 32];
    assert_eq!(
        stub(17)[..14],
        [
            0x51, 0x41, 0x53, 0xb8, 17, 0, 0, 0, 0x0f, 0x05, 0x41, 0x5b, 0x59, 0xc3
        ]
    );
    assert_eq!(
        stub(23)[..11],
        [0x51, 0x41, 0x53, 0x50, 0xb8, 23, 0, 0, 0, 0x0f, 0x05]
    );
    assert!(
        stub(23)[11..]
            .iter()
            .chain(&stub(127)[14..])
            .all(|&b| b == 0xcc)
    );
    assert_eq!(stub(127)[4], 127);
}

#[test]
fn a_command_line_that_is_too_long_is_cut_before_its_nul() {
    let code = bytes(0x1000, 1);
    let kernel = image(
        LINUX,
        0,
        vec![Segment {
            address: LINUX,
            bytes: &code,
            mem_bytes: 0x1000,
        }],
    );
    let plan = Plan::new(&kernel, &PLAIN).unwrap();
    let info = start_info::value(&plan, 0, &[b'x'; 2000], &Default::default());
    assert_eq!(info.command_line().len(), 1023);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]
    #[test]
    fn any_kernel(
        base in prop::sample::select(&[LINUX, 0, 0xffff_8800_0000_0000, 0x40_0000, 0xffff_ffff_7fe0_1000, 0x7f_ff80_0000][..]),
        start in 0u64..0x20_0000,
        file in 0usize..0x3000,
        bss in 1u64..0x40_0000,
        gap in 0u64..0x2000,
        initrd in 0usize..0x8000,
        p2m in prop::option::of((prop::sample::select(&[0x80_0000_0000u64, 0x7f_ff60_0000, LINUX - 0x40_0000, 1 << 30, 0xffff_ff80_0000_0000][..]), 0u64..4)),
        mod_start_pfn in any::<bool>(),
        forced in any::<bool>(),
        domu in any::<bool>(),
        nr_pages in 0u64..6000,
    ) {
        let code = bytes(file, 5);
        let first = base + start;
        let mut kernel = image(base, start, vec![
            Segment { address: first, bytes: &code, mem_bytes: file as u64 + bss },
            Segment { address: first + file as u64 + bss + gap, bytes: &code, mem_bytes: file as u64 + 1 },
        ]);
        kernel.init_p2m = p2m.map(|(at, pages)| at + pages * 4096);
        kernel.mod_start_pfn = mod_start_pfn;
        let initrd = bytes(initrd, 7);
        let role = if domu { Role::DomU } else { Role::Dom0 };
        let user_bit = if forced { UserBit::Forced } else { UserBit::AsGiven };
        let request = Request { nr_pages, initrd_bytes: initrd.len() as u64, user_bit, role };
        if let Err(PlanError::TooLittleMemory { needed_pages, .. }) = check(&kernel, &request, &initrd) {
            prop_assert!(needed_pages > nr_pages);
            let request = Request { nr_pages: needed_pages, ..request };
            prop_assert!(check(&kernel, &request, &initrd).is_ok());
        }
    }
}
