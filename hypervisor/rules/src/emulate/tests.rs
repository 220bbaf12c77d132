//! Each row of the table of instructions, by its bytes.

use super::registers::gpr::{RAX, RBX, RCX, RDI, RDX, RSI};
use super::*;
use crate::trap::TrapTable;
use proptest::prelude::*;

const RIP: u64 = 0xffff_ffff_8100_0000;

/// A vCPU whose answers can be set.
struct Vcpu {
    iopl: u8,
    architectural: bool,
    ports: std::ops::RangeInclusive<u16>,
    devices: bool,
    xcr0_max: u64,
    cr4: u64,
    cpuid_faults: bool,
    task_switched: bool,
    traps: TrapTable,
}

impl Default for Vcpu {
    fn default() -> Self {
        Self {
            iopl: 0,
            architectural: false,
            ports: 0x10..=0x1f,
            devices: false,
            xcr0_max: 0,
            cr4: 0,
            cpuid_faults: false,
            task_switched: false,
            traps: TrapTable::new(),
        }
    }
}

impl Guest for Vcpu {
    fn cpuid(&self, leaf: u32, subleaf: u32) -> Leaf {
        Leaf::new(leaf, subleaf, 0xccc, 0xddd)
    }
    fn user_cpuid_faults(&self) -> bool {
        self.cpuid_faults
    }
    fn read_msr(&self, msr: u32) -> MsrRead {
        match msr {
            1 => MsrRead::Value(0x1111_2222_3333_4444),
            2 => MsrRead::GsBase,
            _ => MsrRead::Fault,
        }
    }
    fn write_msr(&self, msr: u32, value: u64) -> MsrWrite {
        match msr {
            1 => MsrWrite::Ignore,
            2 => MsrWrite::GsBase(GuestAddr(value)),
            _ => MsrWrite::Fault,
        }
    }
    fn task_switched(&self) -> bool {
        self.task_switched
    }
    fn cr2(&self) -> u64 {
        0x2222
    }
    fn cr3(&self) -> u64 {
        0x3000
    }
    fn cr4(&self) -> u64 {
        self.cr4
    }
    fn cr4_changeable(&self) -> u64 {
        0b1100
    }
    fn xcr0_max(&self) -> u64 {
        self.xcr0_max
    }
    fn debug(&self) -> debug::DebugRegisters {
        debug::DebugRegisters {
            address: [0xd0, 0xd1, 0xd2, 0xd3],
            ..Default::default()
        }
    }
    fn iopl(&self) -> u8 {
        self.iopl
    }
    fn architectural_iopl(&self) -> bool {
        self.architectural
    }
    fn has_ports(&self, port: u16, bytes: u8) -> bool {
        self.ports.contains(&port) && self.ports.contains(&(port + u16::from(bytes) - 1))
    }
    fn has_devices(&self) -> bool {
        self.devices
    }
    fn segment_base(&self, segment: Segment) -> u64 {
        match segment {
            Segment::Fs => 0xf000,
            Segment::Gs => 0x6000,
        }
    }
    fn gate(&self, vector: u8) -> Option<Gate> {
        self.traps.gate(vector)
    }
}

fn regs() -> Registers {
    let mut gpr = [0; 16];
    for (i, value) in gpr.iter_mut().enumerate() {
        *value = 0xaaaa_0000_bbbb_0000 + i as u64;
    }
    Registers {
        gpr,
        rip: RIP,
        rflags: 0x10246,
    }
}

fn run(code: &[u8], regs: &Registers, mode: Mode, guest: &Vcpu) -> Emulation {
    general_protection(
        &Trapped {
            code,
            regs,
            mode,
            long_mode: true,
        },
        0,
        guest,
    )
}

fn kernel(code: &[u8]) -> Emulation {
    run(code, &regs(), Mode::Kernel, &Vcpu::default())
}

fn user(code: &[u8]) -> Emulation {
    run(code, &regs(), Mode::User, &Vcpu::default())
}

/// The action and registers of an instruction that works; RIP is behind it and RF clear.
fn works(emulation: Emulation, len: u64) -> (Action, Registers) {
    let Emulation::Done { action, regs } = emulation else {
        panic!("{emulation:?}")
    };
    assert_eq!(regs.rip, RIP + len);
    assert_eq!(regs.rflags, 0x246);
    (action, regs)
}

/// Only these general registers differ from the start.
fn changed(regs_after: &Registers) -> Vec<usize> {
    (0..16)
        .filter(|&i| regs_after.gpr[i] != regs().gpr[i])
        .collect()
}

fn with_port(port: u64) -> Registers {
    let mut r = regs();
    r.gpr[RDX] = 0xffff_0000 | port;
    r
}

#[test]
fn forced_cpuid_works_for_kernel_and_user() {
    let mut r = regs();
    r.gpr[RAX] = 0x1_4000_0000;
    r.gpr[RCX] = 0x1_0000_0007;
    for mode in [Mode::Kernel, Mode::User] {
        for long_mode in [true, false] {
            let at = Trapped {
                code: &FORCED_CPUID,
                regs: &r,
                mode,
                long_mode,
            };
            let (action, after) = works(invalid_opcode(&at, &Vcpu::default()), 7);
            assert_eq!(action, Action::None);
            let abcd = [RAX, RBX, RCX, RDX].map(|i| after.gpr[i]);
            assert_eq!(abcd, [0x4000_0000, 7, 0xccc, 0xddd], "zero-extended");
        }
    }
}

#[test]
fn any_other_invalid_opcode_is_the_guests() {
    let r = regs();
    for code in [
        &[0x0f, 0x0b][..],
        &FORCED_CPUID[..6],
        b"\x0f\x0bxen\x0f\xa3",
        b"\x0f\x0bXen\x0f\xa2",
        &[],
    ] {
        let at = Trapped {
            code,
            regs: &r,
            mode: Mode::Kernel,
            long_mode: true,
        };
        assert_eq!(invalid_opcode(&at, &Vcpu::default()), INVALID, "{code:x?}");
    }
}

#[test]
fn cpuid_faulting() {
    let (_, after) = works(kernel(&[0x0f, 0xa2]), 2);
    assert_eq!(after.gpr[RDX], 0xddd);
    works(user(&[0x0f, 0xa2]), 2);
    let guest = Vcpu {
        cpuid_faults: true,
        ..Default::default()
    };
    assert_eq!(run(&[0x0f, 0xa2], &regs(), Mode::User, &guest), REFUSED);
    works(run(&[0x0f, 0xa2], &regs(), Mode::Kernel, &guest), 2);
}

#[test]
fn rdmsr_and_wrmsr() {
    let msr = |number: u64| {
        let mut r = regs();
        r.gpr[RCX] = 0xffff_ffff_0000_0000 | number;
        r.gpr[RAX] = 0xffff_ffff_0000_0005;
        r.gpr[RDX] = 0xffff_ffff_0000_0006;
        r
    };
    let rd = |n| run(&[0x0f, 0x32], &msr(n), Mode::Kernel, &Vcpu::default());
    let wr = |n| run(&[0x0f, 0x30], &msr(n), Mode::Kernel, &Vcpu::default());
    let (action, after) = works(rd(1), 2);
    assert_eq!(action, Action::None);
    assert_eq!((after.gpr[RAX], after.gpr[RDX]), (0x3333_4444, 0x1111_2222));
    assert_eq!(works(rd(2), 2).0, Action::ReadMsr(MsrRead::GsBase));
    assert_eq!(rd(3), REFUSED);
    assert_eq!(works(wr(1), 2).0, Action::None);
    let written = MsrWrite::GsBase(GuestAddr(0x6_0000_0005));
    assert_eq!(works(wr(2), 2).0, Action::WriteMsr(written));
    assert_eq!(wr(3), REFUSED);
    assert_eq!(
        run(&[0x0f, 0x32], &msr(1), Mode::User, &Vcpu::default()),
        REFUSED
    );
    assert_eq!(
        run(&[0x0f, 0x30], &msr(1), Mode::User, &Vcpu::default()),
        REFUSED
    );
}

#[test]
fn reading_control_registers() {
    // mov rbx, cr0 / cr2 / cr3 / cr4
    for (code, value) in [
        ([0x0f, 0x20, 0xc3], 0x8005_0033),
        ([0x0f, 0x20, 0xd3], 0x2222),
        ([0x0f, 0x20, 0xdb], 0x3000),
        ([0x0f, 0x20, 0xe3], 0x660),
    ] {
        let (action, after) = works(kernel(&code), 3);
        assert_eq!((action, after.gpr[RBX]), (Action::None, value), "{code:x?}");
        assert_eq!(changed(&after), [RBX]);
        assert_eq!(user(&code), REFUSED);
    }
    let guest = Vcpu {
        task_switched: true,
        cr4: 0b100,
        ..Default::default()
    };
    let read = |code: &[u8]| works(run(code, &regs(), Mode::Kernel, &guest), 3).1.gpr[RBX];
    assert_eq!(read(&[0x0f, 0x20, 0xc3]), 0x8005_003b);
    assert_eq!(read(&[0x0f, 0x20, 0xe3]), 0x664);
    // mov r9, cr3
    let (_, after) = works(kernel(&[0x41, 0x0f, 0x20, 0xd9]), 4);
    assert_eq!(after.gpr[9], 0x3000);
    // mov rax, cr8 and mov cr8, rax
    assert_eq!(kernel(&[0x44, 0x0f, 0x20, 0xc0]), REFUSED);
    assert_eq!(kernel(&[0x44, 0x0f, 0x22, 0xc0]), REFUSED);
}

#[test]
fn writing_control_registers() {
    let write = |cr: u8, value: u64| {
        let mut r = regs();
        r.gpr[RAX] = value;
        run(
            &[0x0f, 0x22, 0xc0 | cr << 3],
            &r,
            Mode::Kernel,
            &Vcpu::default(),
        )
    };
    assert_eq!(
        works(write(0, 0x8005_003b), 3).0,
        Action::SetTaskSwitched(true)
    );
    assert_eq!(
        works(write(0, 0x8005_0033), 3).0,
        Action::SetTaskSwitched(false)
    );
    for other in [0x8004_0033, 0x8005_0032, 0x5_0033, 0xc005_0033, 0x8005_0037] {
        assert_eq!(write(0, other), REFUSED, "{other:#x}");
    }
    assert_eq!(works(write(2, 77), 3).0, Action::SetCr2(77));
    assert_eq!(
        works(write(3, 0x1234_5018), 3).0,
        Action::SetCr3(MfnClaim(0x12345))
    );
    assert_eq!(works(write(4, 0x664), 3).0, Action::SetCr4(0b100));
    assert_eq!(works(write(4, u64::MAX), 3).0, Action::SetCr4(0b1100));
    assert_eq!(
        works(write(4, 0), 3).0,
        Action::SetCr4(0),
        "PAE stays, silently"
    );
    assert_eq!(user(&[0x0f, 0x22, 0xd8]), REFUSED);
    assert_eq!(
        works(kernel(&[0x0f, 0x06]), 2).0,
        Action::SetTaskSwitched(false)
    );
    assert_eq!(user(&[0x0f, 0x06]), REFUSED);
}

#[test]
fn debug_registers() {
    // mov rbx, dr2
    let (_, after) = works(kernel(&[0x0f, 0x21, 0xd3]), 3);
    assert_eq!(after.gpr[RBX], 0xd2);
    // mov rbx, dr5 is dr7
    let (_, after) = works(kernel(&[0x0f, 0x21, 0xeb]), 3);
    assert_eq!(after.gpr[RBX], 0x400);
    let de = Vcpu {
        cr4: 0b1000,
        ..Default::default()
    };
    assert_eq!(
        run(&[0x0f, 0x21, 0xeb], &regs(), Mode::Kernel, &de),
        INVALID
    );
    // mov dr0, rax
    let mut r = regs();
    r.gpr[RAX] = 0x1234;
    let (action, _) = works(run(&[0x0f, 0x23, 0xc0], &r, Mode::Kernel, &de), 3);
    let Action::SetDebug(debug) = action else {
        panic!("{action:?}")
    };
    assert_eq!(debug.address, [0x1234, 0xd1, 0xd2, 0xd3]);
    r.gpr[RAX] = 0xffff_8000_0000_0000;
    assert_eq!(run(&[0x0f, 0x23, 0xc0], &r, Mode::Kernel, &de), REFUSED);
    assert_eq!(user(&[0x0f, 0x21, 0xd3]), REFUSED);
}

#[test]
fn cli_and_sti_by_virtual_iopl() {
    for code in [[0xfa], [0xfb]] {
        for (iopl, architectural, kernel_may, user_may) in [
            (0, false, false, false),
            (1, false, true, false),
            (2, false, true, false),
            (3, false, true, true),
            (0, true, true, false),
            (3, true, true, true),
        ] {
            let guest = Vcpu {
                iopl,
                architectural,
                ..Default::default()
            };
            for (mode, may) in [(Mode::Kernel, kernel_may), (Mode::User, user_may)] {
                let got = run(&code, &regs(), mode, &guest);
                if may {
                    let (action, after) = works(got, 1);
                    assert_eq!((action, changed(&after)), (Action::None, vec![]));
                } else {
                    assert_eq!(got, REFUSED, "iopl {iopl} {architectural} {mode:?}");
                }
            }
        }
    }
}

#[test]
fn what_has_no_business_in_a_guest_faults() {
    let cases: [(&str, &[u8]); 15] = [
        ("hlt", &[0xf4]),
        ("lgdt", &[0x0f, 0x01, 0x10]),
        ("lidt", &[0x0f, 0x01, 0x18]),
        ("lldt", &[0x0f, 0x00, 0xd0]),
        ("ltr", &[0x0f, 0x00, 0xd8]),
        ("lmsw ax", &[0x0f, 0x01, 0xf0]),
        ("swapgs", &[0x0f, 0x01, 0xf8]),
        ("sysretq", &[0x48, 0x0f, 0x07]),
        ("sysexit", &[0x0f, 0x35]),
        ("invd", &[0x0f, 0x08]),
        ("invlpg", &[0x0f, 0x01, 0x38]),
        ("rdpmc", &[0x0f, 0x33]),
        ("mov rax, [rbx]", &[0x48, 0x8b, 0x03]),
        ("nothing readable", &[]),
        ("half an instruction", &[0x0f]),
    ];
    for (name, code) in cases {
        assert_eq!(kernel(code), REFUSED, "{name}");
        assert_eq!(user(code), REFUSED, "{name}");
    }
}

#[test]
fn caches_are_written_back_for_those_with_devices() {
    let with = Vcpu {
        devices: true,
        ..Default::default()
    };
    for (code, len) in [(&[0x0f, 0x09][..], 2), (&[0xf3, 0x0f, 0x09][..], 3)] {
        assert_eq!(works(kernel(code), len).0, Action::None);
        let got = run(code, &regs(), Mode::Kernel, &with);
        assert_eq!(works(got, len).0, Action::FlushCaches);
        assert_eq!(user(code), REFUSED);
    }
}

#[test]
fn the_time_stamp_counter_of_a_kernel_that_took_it_from_its_users() {
    assert_eq!(
        works(kernel(&[0x0f, 0x31]), 2).0,
        Action::ReadTsc { aux: false }
    );
    assert_eq!(
        works(kernel(&[0x0f, 0x01, 0xf9]), 3).0,
        Action::ReadTsc { aux: true }
    );
    assert_eq!(user(&[0x0f, 0x31]), REFUSED);
}

#[test]
fn xsetbv_checks_what_it_loads() {
    let load = |index: u64, value: u64, xcr0_max| {
        let mut r = regs();
        (r.gpr[RCX], r.gpr[RAX], r.gpr[RDX]) = (index, value & 0xffff_ffff, value >> 32);
        let guest = Vcpu {
            xcr0_max,
            ..Default::default()
        };
        run(&[0x0f, 0x01, 0xd1], &r, Mode::Kernel, &guest)
    };
    assert_eq!(load(0, 1, 0), INVALID, "no XSAVE");
    for good in [1, 3, 7, 0xe7] {
        assert_eq!(works(load(0, good, 0xe7), 3).0, Action::SetXcr0(good));
    }
    for bad in [0, 2, 5, 0xe3, 0x27, 0xf, 1 << 63 | 1] {
        assert_eq!(load(0, bad, 0xe7), REFUSED, "{bad:#x}");
    }
    assert_eq!(load(0, 7, 3), REFUSED, "not offered");
    assert_eq!(load(1, 1, 7), REFUSED);
}

#[test]
fn ports_need_virtual_iopl_and_a_grant() {
    let level = Vcpu {
        iopl: 1,
        ..Default::default()
    };
    // in al, dx; out dx, al
    assert_eq!(kernel(&[0xec]), REFUSED);
    assert_eq!(run(&[0xec], &with_port(0x10), Mode::User, &level), REFUSED);
    let all = Vcpu {
        iopl: 3,
        ..Default::default()
    };
    works(run(&[0xec], &with_port(0x10), Mode::User, &all), 1);

    let go = |code: &[u8], port: u64| {
        works(
            run(code, &with_port(port), Mode::Kernel, &level),
            code.len() as u64,
        )
    };
    assert_eq!(
        go(&[0xec], 0x10).0,
        Action::In {
            port: 0x10,
            bytes: 1
        }
    );
    assert_eq!(
        go(&[0x66, 0xed], 0x10).0,
        Action::In {
            port: 0x10,
            bytes: 2
        }
    );
    assert_eq!(
        go(&[0xed], 0x1c).0,
        Action::In {
            port: 0x1c,
            bytes: 4
        }
    );
    assert_eq!(
        go(&[0xe4, 0x1f], 0).0,
        Action::In {
            port: 0x1f,
            bytes: 1
        }
    );
    assert_eq!(
        go(&[0xef], 0x10).0,
        Action::Out {
            port: 0x10,
            bytes: 4,
            value: 0xbbbb_0000
        }
    );
    assert_eq!(
        go(&[0x66, 0xef], 0x10).0,
        Action::Out {
            port: 0x10,
            bytes: 2,
            value: 0
        }
    );
    assert_eq!(
        go(&[0xe6, 0x12], 0).0,
        Action::Out {
            port: 0x12,
            bytes: 1,
            value: 0
        }
    );

    // Not granted: all ones, and lost.
    for (code, rax) in [
        (&[0xec][..], 0xaaaa_0000_bbbb_00ff),
        (&[0x66, 0xed][..], 0xaaaa_0000_bbbb_ffff),
        (&[0xed][..], 0xffff_ffff),
    ] {
        let (action, after) = go(code, 0x1d0);
        assert_eq!((action, after.gpr[RAX]), (Action::None, rax), "{code:x?}");
    }
    assert_eq!(
        go(&[0xed], 0x1d).0,
        Action::None,
        "reaches over the granted ports"
    );
    assert_eq!(
        go(&[0xed], 0xfffe).0,
        Action::None,
        "reaches over the last port"
    );
    assert_eq!(go(&[0xee], 0x1d0).0, Action::None);
}

#[test]
fn string_input_goes_one_by_one() {
    let guest = Vcpu {
        iopl: 1,
        ..Default::default()
    };
    let mut r = with_port(0x10);
    r.gpr[RDI] = 0x5000;
    r.gpr[RCX] = 2;
    // insb without repeat
    let Emulation::Done {
        action,
        regs: after,
    } = run(&[0x6c], &r, Mode::Kernel, &guest)
    else {
        panic!()
    };
    let to = GuestAddr(0x5000);
    assert_eq!(
        action,
        Action::InString {
            port: Some(0x10),
            bytes: 1,
            to
        }
    );
    assert_eq!(
        (after.gpr[RDI], after.gpr[RCX], after.rip),
        (0x5001, 2, RIP + 1)
    );
    // rep insd, backwards: twice, and RIP moves with the last
    r.rflags |= rflags::DF;
    let code = [0xf3, 0x6d];
    let mut rips = Vec::new();
    for address in [0x5000, 0x4ffc] {
        let Emulation::Done {
            action,
            regs: after,
        } = run(&code, &r, Mode::Kernel, &guest)
        else {
            panic!()
        };
        let to = GuestAddr(address);
        assert_eq!(
            action,
            Action::InString {
                port: Some(0x10),
                bytes: 4,
                to
            }
        );
        rips.push(after.rip);
        r = after;
    }
    assert_eq!(rips, [RIP, RIP + 2]);
    assert_eq!((r.gpr[RCX], r.gpr[RDI]), (0, 0x4ff8));
    // A count of zero does nothing.
    r.rip = RIP;
    let Emulation::Done {
        action,
        regs: after,
    } = run(&code, &r, Mode::Kernel, &guest)
    else {
        panic!()
    };
    assert_eq!(
        (action, after.rip, after.gpr),
        (Action::None, RIP + 2, r.gpr)
    );
}

#[test]
fn string_output_knows_segments_and_widths() {
    let guest = Vcpu {
        iopl: 1,
        ..Default::default()
    };
    let mut r = with_port(0x300);
    r.gpr[RSI] = 0x1_0000_0010;
    let out = |code: &[u8], r: &Registers| match run(code, r, Mode::Kernel, &guest) {
        Emulation::Done { action, regs } => (action, regs),
        other => panic!("{other:?}"),
    };
    let from = |address| Action::OutString {
        port: None,
        bytes: 2,
        from: GuestAddr(address),
    };
    assert_eq!(out(&[0x66, 0x6f], &r).0, from(0x1_0000_0010));
    assert_eq!(out(&[0x65, 0x66, 0x6f], &r).0, from(0x1_0000_6010));
    assert_eq!(out(&[0x64, 0x66, 0x6f], &r).0, from(0x1_0000_f010));
    // With a 32-bit address the register's upper half is lost.
    let (action, after) = out(&[0x67, 0x66, 0x6f], &r);
    assert_eq!((action, after.gpr[RSI]), (from(0x10), 0x12));
    // Not granted is not faulted: ins still writes, all ones.
    let (action, _) = out(&[0x6c], &r);
    let to = GuestAddr(r.gpr[RDI]);
    assert_eq!(
        action,
        Action::InString {
            port: None,
            bytes: 1,
            to
        }
    );
}

#[test]
fn software_interrupts_by_their_bytes_and_the_gates_level() {
    let mut guest = Vcpu::default();
    guest.traps.set(0x80, 3, RIP).unwrap();
    guest.traps.set(0x81, 1, RIP).unwrap();
    guest.traps.set(0x82, 0, RIP).unwrap();
    let r = regs();
    // Hardware's error code and an emulator's.
    for error in [0x80 * 8 + 2, 0x80 * 16 + 2] {
        for mode in [Mode::Kernel, Mode::User] {
            for long_mode in [true, false] {
                let at = Trapped {
                    code: &[0xcd, 0x80, 0x90],
                    regs: &r,
                    mode,
                    long_mode,
                };
                let got = general_protection(&at, error, &guest);
                let Emulation::SoftwareInterrupt {
                    vector: 0x80,
                    regs: after,
                } = got
                else {
                    panic!("{got:?}")
                };
                assert_eq!(after.rip, RIP + 2);
            }
        }
    }
    let int = |n: u8, mode| {
        let at = Trapped {
            code: &[0xcd, n],
            regs: &r,
            mode,
            long_mode: true,
        };
        general_protection(&at, u32::from(n) * 16 + 2, &guest)
    };
    let refused = |n: u8| Emulation::Inject {
        vector: 13,
        error: u32::from(n) * 8 + 2,
    };
    assert!(matches!(
        int(0x81, Mode::Kernel),
        Emulation::SoftwareInterrupt { .. }
    ));
    assert_eq!(int(0x81, Mode::User), refused(0x81));
    assert_eq!(int(0x82, Mode::Kernel), refused(0x82));
    assert_eq!(int(0x83, Mode::Kernel), refused(0x83), "no gate");
}

#[test]
fn a_selectors_fault_is_not_emulated() {
    let r = regs();
    let at = Trapped {
        code: &[0x0f, 0x32],
        regs: &r,
        mode: Mode::Kernel,
        long_mode: true,
    };
    assert_eq!(
        general_protection(&at, 0x18, &Vcpu::default()),
        Emulation::Inject {
            vector: 13,
            error: 0x18
        }
    );
}

#[test]
fn single_steps_are_told() {
    let mut r = regs();
    r.rflags |= rflags::TF;
    let Emulation::Done { regs: after, .. } =
        run(&[0x0f, 0x06], &r, Mode::Kernel, &Vcpu::default())
    else {
        panic!()
    };
    assert!(after.single_steps());
    assert!(!regs().single_steps());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4096))]

    /// Whatever the bytes are, user code without IOPL gets an exception, or an interrupt that
    /// its kernel opened to it, or CPUID.
    #[test]
    fn user_code_moves_nothing(code in prop::collection::vec(any::<u8>(), 0..=15), long_mode: bool) {
        let mut guest = Vcpu::default();
        guest.traps.set(0x80, 3, RIP).unwrap();
        let r = regs();
        let at = Trapped { code: &code, regs: &r, mode: Mode::User, long_mode };
        match general_protection(&at, 0, &guest) {
            Emulation::Inject { .. } => {}
            Emulation::SoftwareInterrupt { vector, .. } => prop_assert_eq!(vector, 0x80),
            Emulation::Done { action, .. } => {
                prop_assert_eq!(action, Action::None);
                prop_assert!(code.windows(2).any(|pair| pair == [0x0f, 0xa2]), "{:x?}", code);
            }
        }
    }

    /// Two-byte opcodes at random: RIP moves by the instruction's length or stays, RSP never changes
    /// but by `mov`, and nothing panics.
    #[test]
    fn kernel_code_stays_in_bounds(
        first in prop_oneof![Just(0x0fu8), Just(0x66), Just(0xf3), Just(0x48), any::<u8>()],
        rest in prop::collection::vec(any::<u8>(), 0..=14),
        rcx: u64, rflags: u64,
    ) {
        let mut code = vec![first];
        code.extend(rest);
        let mut r = regs();
        (r.gpr[RCX], r.rflags) = (rcx, rflags);
        let guest = Vcpu { iopl: 3, devices: true, xcr0_max: 7, ..Default::default() };
        let at = Trapped { code: &code, regs: &r, mode: Mode::Kernel, long_mode: true };
        if let Emulation::Done { action, regs: after } = general_protection(&at, 0, &guest) {
            prop_assert!(after.rip - r.rip <= 15);
            prop_assert_eq!(after.rflags, rflags & !rflags::RF);
            if let Action::SetCr4(value) = action {
                prop_assert_eq!(value & !0b1100, 0);
            }
        }
    }
}
