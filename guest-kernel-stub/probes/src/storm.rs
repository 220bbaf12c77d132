//! A storm of random hypercalls: `storm seed=<n> calls=<n>`.
//!
//! Which call with which arguments is drawn from a generator with a seed, so that a storm
//! that ends badly can be had again. Arguments are drawn from what is interesting: frames of the
//! guest's own in every state, page tables in use, frames of the hypervisor's, addresses of every
//! bad kind, structures full of such words. The storm spares only what would end it for certain: its
//! own shutdown, its own root table and stack, breakpoints in its own code.
//!
//! It asks nothing but that the hypervisor goes on, and that it refuses in the ABI's own
//! terms. It prints what was refused with which error, as `STORM` lines.

use alloc::collections::BTreeMap;
use guest_kernel_stub::println;
use pv_guest_abi::domid::DOMID_SELF;
use pv_guest_abi::grant::{GNTTABOP_SETUP_TABLE, GnttabSetupTable};
use pv_guest_abi::hypercall::*;
use pv_guest_abi::mmu::{MMUEXT_NEW_BASEPTR, MMUEXT_NEW_USER_BASEPTR};
use pv_guest_abi::sched::{SCHEDOP_POLL, SCHEDOP_YIELD};
use pv_guest_abi::vcpu::{VCPUOP_DOWN, VCPUOP_REGISTER_VCPU_INFO};

use crate::kit::mem::{self, PAGE};
use crate::kit::{at_mut, event, hypercall, user};

/// Pages that the storm plays with: their frames become tables, are mapped, freed, granted.
const ARENA: usize = 96;
/// Words of the page in which structures are made up.
const ARGUMENT_WORDS: usize = 512;
/// Calls without a parameter.
const DEFAULT_CALLS: u64 = 20_000;
/// Results from here up are error numbers, negated (`-4095..=-1`).
const FIRST_ERROR: i64 = -4095;

/// Marsaglia's xorshift64*: small, and the same everywhere.
struct Dice(u64);

impl Dice {
    fn roll(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }
    fn below(&mut self, bound: u64) -> u64 {
        self.roll() % bound
    }
    fn one_in(&mut self, chances: u64) -> bool {
        self.below(chances) == 0
    }
    fn choose<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.below(from.len() as u64) as usize]
    }
}

/// What the storm plays with.
struct Storm {
    dice: Dice,
    /// First address of the arena.
    arena: u64,
    /// A page for arguments; never part of the arena.
    arguments: u64,
    /// Frames that are not the guest's: the hypervisor's, or nobody's.
    foreign: [u64; 16],
    /// Frames of page tables in use.
    tables: [u64; 6],
    /// Where the grant table's first frame is mapped.
    grants: u64,
}

/// Runs the storm that the command line describes.
pub fn run(line: &str) {
    let number = |name: &str| {
        let word = line
            .split_whitespace()
            .find_map(|word| word.strip_prefix(name));
        word.and_then(|digits| digits.parse::<u64>().ok())
    };
    let seed = number("seed=").unwrap_or(1);
    let calls = number("calls=").unwrap_or(DEFAULT_CALLS);
    println!("STORM seed={seed} calls={calls}");
    let mut storm = Storm::new(seed);
    let mut answers: BTreeMap<(u32, i64), u64> = BTreeMap::new();
    for done in 0..calls {
        let (number, args) = storm.call();
        let result = hypercall(number, &args);
        let answer = if (FIRST_ERROR..0).contains(&result) {
            result
        } else {
            0
        };
        *answers.entry((number, answer)).or_default() += 1;
        event::set_mask(true);
        if done % 10_000 == 9_999 {
            println!("STORM at {}", done + 1);
        }
    }
    report(&answers, calls);
}

fn report(answers: &BTreeMap<(u32, i64), u64>, calls: u64) {
    for ((number, answer), count) in answers {
        println!("STORM call={number} answer={answer} times={count}");
    }
    let refused: u64 = answers
        .iter()
        .filter(|((_, answer), _)| *answer < 0)
        .map(|(_, count)| count)
        .sum();
    println!("STORM end calls={calls} refused={refused}");
}

/// Maps the first frame of the grant table.
fn map_grant_table(at: u64) {
    let list = mem::page();
    let mut setup = GnttabSetupTable {
        dom: DOMID_SELF,
        nr_frames: 1,
        frame_list: list,
        ..Default::default()
    };
    let command = GNTTABOP_SETUP_TABLE.into();
    hypercall(GRANT_TABLE_OP, &[command, at_mut(&mut setup), 1]);
    mem::map(at, mem::read(list) << 12 | mem::WRITE);
}

impl Storm {
    fn new(seed: u64) -> Self {
        let space = user::space();
        let mut foreign = [0; 16];
        let mut mfn = 0x100;
        for slot in &mut foreign {
            // The hypervisor's own frames have no PFN.
            while mem::m2p(mfn) != u64::MAX {
                mfn += 1;
            }
            *slot = mfn;
            mfn += 37;
        }
        let grants = mem::page();
        map_grant_table(grants);
        Self {
            grants,
            dice: Dice(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1),
            arena: mem::pages(ARENA),
            arguments: mem::page(),
            foreign,
            tables: [
                mem::mfn(space.l1),
                mem::mfn(space.l2),
                mem::mfn(space.l3),
                mem::mfn(space.user_l4),
                mem::mfn(mem::root()),
                mem::mfn(mem::table(mem::read(mem::entry_at(mem::root(), 4)))),
            ],
        }
    }

    fn page(&mut self) -> u64 {
        self.arena + self.dice.below(ARENA as u64) * PAGE
    }

    fn own_frame(&mut self) -> u64 {
        let page = self.page();
        mem::mfn(page)
    }

    fn frame(&mut self) -> u64 {
        match self.dice.below(16) {
            0..=10 => self.own_frame(),
            11 => self.dice.choose(&self.foreign.clone()),
            12 => self.dice.choose(&self.tables.clone()),
            13 => self.dice.below(0x20_0000),
            14 => self.dice.roll() >> 12,
            _ => self
                .dice
                .choose(&[0, 0xa0, 0xfee00, 0xfec00, 0xfffff, 0xf_ffff_ffff, u64::MAX]),
        }
    }

    /// A frame to write into: the storm's own or one that it must not, but none that it lives on.
    fn target(&mut self) -> u64 {
        match self.dice.below(8) {
            0..=5 => self.own_frame(),
            6 => self.dice.choose(&self.foreign.clone()),
            _ => 0xf_ffff_0000 + self.dice.below(0x1_0000),
        }
    }

    fn address(&mut self) -> u64 {
        match self.dice.below(12) {
            0..=3 => self.page() + self.dice.below(PAGE / 8) * 8,
            4 | 5 => self.arguments + self.dice.below(64) * 8,
            6 => self.arguments + PAGE - self.dice.below(40),
            7 => 0,
            8 => self.dice.choose(&[
                0x8000_0000_0000,
                0xffff_7fff_ffff_fff8,
                u64::MAX,
                u64::MAX - 7,
            ]),
            9 => 0xffff_8000_0000_0000 + (self.dice.roll() & 0x7ff_ffff_ffff),
            10 => user::FREE + self.dice.below(64) * PAGE,
            _ => self.dice.roll(),
        }
    }

    /// A page-table entry.
    fn entry(&mut self) -> u64 {
        let flags = match self.dice.below(6) {
            0 => 0,
            1 => self.dice.roll() & 0xfff,
            2 => self.dice.roll() & 0x8000_0000_0000_0fff,
            3 => 0x61,
            _ => 0x63 | self.dice.below(2) << 2,
        };
        self.frame() << 12 & 0x000f_ffff_ffff_f000 | flags
    }

    fn word(&mut self) -> u64 {
        match self.dice.below(12) {
            0..=2 => self.dice.below(16),
            3 => self.frame(),
            4 => self.frame() << 12 | self.dice.below(4096),
            5 => self.address(),
            6 => self.entry(),
            7 => self
                .dice
                .choose(&[0x7ff0, 0x7ff1, 0x7ff2, 0x7ff4, 0x7fff, 1]),
            8 => 1 << self.dice.below(64),
            9 => u64::from(self.dice.roll() as u32),
            10 => u64::MAX - self.dice.below(3),
            _ => self.dice.roll(),
        }
    }

    fn set(&self, index: usize, value: u64) {
        mem::write(self.arguments + index as u64 * 8, value);
    }

    /// Fills the argument page and gives its address; sometimes a bad one.
    fn structure(&mut self) -> u64 {
        for index in 0..24 {
            let word = self.word();
            self.set(index, word);
        }
        if self.dice.one_in(8) {
            self.address()
        } else {
            self.arguments
        }
    }

    /// A call and its arguments.
    fn call(&mut self) -> (u32, [u64; 5]) {
        match self.dice.below(20) {
            0..=3 => self.mmu_update(),
            4 | 5 => self.update_va_mapping(),
            6..=8 => self.mmuext(),
            9 | 10 => self.operation(MEMORY_OP, 30),
            11 | 12 => self.operation(EVENT_CHANNEL_OP, 15),
            13 => self.grant_op(),
            14 => {
                let (number, [command, at, count, ..]) = self.operation(GRANT_TABLE_OP, 14);
                (number, [command, at, count % 8, 0, 0])
            }
            15 => self.multicall(),
            16 => self.vcpu_op(),
            17 => self.sched_op(),
            _ => self.anything(),
        }
    }

    fn foreign_domain(&mut self) -> u64 {
        if self.dice.one_in(8) {
            self.word()
        } else {
            0x7ff0
        }
    }

    fn done_word(&mut self) -> u64 {
        if self.dice.one_in(4) {
            self.address()
        } else {
            0
        }
    }

    fn mmu_update(&mut self) -> (u32, [u64; 5]) {
        let count = 1 + self.dice.below(6);
        for index in 0..count as usize {
            let command = self.dice.choose(&[0, 0, 0, 0, 1, 2, 2, 3, 5]);
            let target = self.target() << 12 | self.dice.below(512) << 3;
            let entry = self.entry();
            self.set(index * 2, target | command);
            self.set(index * 2 + 1, entry);
        }
        let list = if self.dice.one_in(16) {
            self.address()
        } else {
            self.arguments
        };
        let count = if self.dice.one_in(32) {
            self.word() & 0xffff
        } else {
            count
        };
        (
            MMU_UPDATE,
            [list, count, self.done_word(), self.foreign_domain(), 0],
        )
    }

    fn update_va_mapping(&mut self) -> (u32, [u64; 5]) {
        let address = match self.dice.below(4) {
            0 | 1 => self.page(),
            2 => user::FREE + self.dice.below(16) * PAGE,
            // Nothing of the image but the arena.
            _ => self.address() & 0xffff_87ff_ffff_ffff,
        };
        let flags = if self.dice.one_in(3) {
            self.word() & 0xfff
        } else {
            self.dice.below(3)
        };
        (UPDATE_VA_MAPPING, [address, self.entry(), flags, 0, 0])
    }

    fn mmuext(&mut self) -> (u32, [u64; 5]) {
        let count = 1 + self.dice.below(3);
        for index in 0..count as usize {
            let mut command = self.dice.below(22) as u32;
            if command == MMUEXT_NEW_BASEPTR {
                command = MMUEXT_NEW_USER_BASEPTR;
            }
            let argument = if self.dice.one_in(4) {
                self.word()
            } else {
                self.target()
            };
            // The tables that the storm lives on stay pinned.
            let argument = if self.tables.contains(&argument) {
                0
            } else {
                argument
            };
            let other = self.word();
            self.set(index * 3, u64::from(command));
            self.set(index * 3 + 1, argument);
            self.set(index * 3 + 2, other);
        }
        (
            MMUEXT_OP,
            [
                self.arguments,
                count,
                self.done_word(),
                self.foreign_domain(),
                0,
            ],
        )
    }

    /// A call of the form `(command, pointer, count)`.
    fn operation(&mut self, number: u32, commands: u64) -> (u32, [u64; 5]) {
        let command = self.dice.below(commands);
        let at = self.structure();
        if number == MEMORY_OP && self.dice.one_in(2) {
            // A reservation over frames of the arena.
            for index in 0..8 {
                let frame = self.own_frame();
                self.set(64 + index, frame);
            }
            let count = self.dice.below(8);
            let order = if self.dice.one_in(8) {
                self.dice.below(20)
            } else {
                0
            };
            self.set(0, self.arguments + 64 * 8);
            self.set(1, count);
            self.set(2, order);
            self.set(3, 0x7ff0);
            return (number, [command, self.arguments, 0, 0, 0]);
        }
        (number, [command, at, self.dice.below(6), 0, 0])
    }

    /// Grants to itself: made, mapped, copied, moved, unmapped.
    fn grant_op(&mut self) -> (u32, [u64; 5]) {
        let reference = self.dice.below(32);
        let flags = self
            .dice
            .choose(&[0, 1, 1, 1, 1, 5, 2, 2, 0x101, 0xffff & self.dice.0]);
        let to = if self.dice.one_in(8) { 1 } else { 0 };
        let entry = flags | to << 16 | self.frame() << 32;
        mem::write(self.grants + reference * 8, entry);
        let command = self.dice.choose(&[0, 0, 0, 1, 1, 1, 4, 5, 5, 7, 11]);
        let count = 1 + self.dice.below(4);
        for index in 0..count as usize {
            self.grant_element(command, index);
        }
        (GRANT_TABLE_OP, [command, self.arguments, count, 0, 0])
    }

    /// Element `index` of a list for a grant command.
    fn grant_element(&mut self, command: u64, index: usize) {
        let reference = self.dice.below(33);
        let handle = self.dice.below(40);
        let other_domain = self.dice.one_in(16);
        let domain = if other_domain { 1 } else { 0 };
        let words = match command {
            0 => {
                let flags = self.dice.below(32) | (self.dice.roll() & 0xf_0000);
                let host = self.grant_place(flags & 16 != 0);
                [host, flags | reference << 32, domain, 0, 0]
            }
            1 => {
                let bus = self.frame() << 12;
                let by_entry = self.dice.one_in(4);
                [self.grant_place(by_entry), bus, handle, 0, 0]
            }
            4 => [self.frame(), domain | reference << 32, 0, 0, 0],
            5 => {
                let kinds = self.dice.below(4);
                let span = (self.dice.roll() & 0xfff) << 16;
                let from = if kinds & 1 != 0 {
                    reference
                } else {
                    self.frame()
                };
                let into = if kinds & 2 != 0 {
                    handle
                } else {
                    self.target()
                };
                let len = self.dice.below(0x1001);
                let by_number = |by_reference| if by_reference { domain } else { 0x7ff0 };
                [
                    from,
                    by_number(kinds & 1 != 0) | span,
                    into,
                    by_number(kinds & 2 != 0),
                    len | kinds << 16,
                ]
            }
            7 => [
                self.grant_place(false),
                self.grant_place(false),
                handle,
                0,
                0,
            ],
            _ => [reference | handle << 32, 0, 0, 0, 0],
        };
        let size = match command {
            0 => 4,
            5 => 5,
            11 => 2,
            _ => 3,
        };
        for (at, word) in words.into_iter().take(size).enumerate() {
            self.set(index * size + at, word);
        }
    }

    /// Where a grant may be mapped without ending the storm: in the arena, or behind the user's
    /// pages; by linear address, or by the entry's.
    fn grant_place(&mut self, by_entry: bool) -> u64 {
        let page = self.page();
        match self.dice.below(8) {
            0 => 0,
            1 if !by_entry => user::FREE + self.dice.below(16) * PAGE,
            2 if by_entry => self.target() << 12 | self.dice.below(512) << 3,
            _ if by_entry => mem::machine(mem::entry_at(page, 1)),
            _ => page,
        }
    }

    fn vcpu_op(&mut self) -> (u32, [u64; 5]) {
        let at = self.structure();
        let vcpu = if self.dice.one_in(4) { self.word() } else { 0 };
        // Bringing a sibling up with a made-up context, or oneself down, ends the storm.
        let command = self
            .dice
            .choose(&[3, 4, 5, 6, 7, 8, 9, 10, 12, 13, 14, VCPUOP_DOWN + 14]);
        // Its own events stay masked, which is to be seen where its vcpu_info is now.
        let vcpu = if command == VCPUOP_REGISTER_VCPU_INFO {
            vcpu.max(1)
        } else {
            vcpu
        };
        (VCPU_OP, [u64::from(command), vcpu, at, 0, 0])
    }

    fn sched_op(&mut self) -> (u32, [u64; 5]) {
        let at = self.structure();
        let command = self.dice.choose(&[SCHEDOP_YIELD, SCHEDOP_POLL, 8, 77]);
        if command == SCHEDOP_POLL {
            // A time that has passed: the storm does not sleep.
            self.set(2, 1);
            return (SCHED_OP, [u64::from(command), self.arguments, 0, 0, 0]);
        }
        (SCHED_OP, [u64::from(command), at, 0, 0, 0])
    }

    fn multicall(&mut self) -> (u32, [u64; 5]) {
        let count = 1 + self.dice.below(5);
        for index in 0..count as usize {
            let number = self.dice.choose(&[
                XEN_VERSION,
                MULTICALL,
                IRET,
                UPDATE_VA_MAPPING,
                SET_SEGMENT_BASE,
                FPU_TASKSWITCH,
                99,
            ]);
            let (number, args) = match number {
                UPDATE_VA_MAPPING => self.update_va_mapping(),
                _ => (number, [self.dice.below(16), self.address(), 0, 0, 0]),
            };
            self.set(index * 8, u64::from(number));
            for (place, arg) in args.into_iter().enumerate() {
                self.set(index * 8 + 2 + place, arg);
            }
        }
        let list = if self.dice.one_in(8) {
            self.address()
        } else {
            self.arguments
        };
        (MULTICALL, [list, count, 0, 0, 0])
    }

    /// The rest, by number; what would end the storm is left out.
    fn anything(&mut self) -> (u32, [u64; 5]) {
        let number = self.dice.choose(&[
            SET_GDT,
            STACK_SWITCH,
            SET_CALLBACKS,
            FPU_TASKSWITCH,
            GET_DEBUGREG,
            UPDATE_DESCRIPTOR,
            SET_TIMER_OP,
            XEN_VERSION,
            PHYSDEV_OP,
            VM_ASSIST,
            UPDATE_VA_MAPPING_OTHERDOMAIN,
            SET_SEGMENT_BASE,
            NMI_OP,
            CALLBACK_OP,
            DOMCTL,
            SYSCTL,
            PLATFORM_OP,
            XSM_OP,
            HVM_OP,
            47,
            60,
            127,
        ]);
        let at = self.structure();
        let args = match number {
            UPDATE_DESCRIPTOR => [
                self.target() << 12 | self.dice.below(512) << 3,
                self.word(),
                0,
                0,
                0,
            ],
            SET_GDT => {
                for index in 0..14 {
                    let frame = self.own_frame();
                    self.set(index, frame);
                }
                [self.arguments, self.dice.below(0x2000), 0, 0, 0]
            }
            _ => [
                self.dice.below(16),
                at,
                self.word(),
                self.word(),
                self.word(),
            ],
        };
        (number, args)
    }
}

const _: () = assert!(ARGUMENT_WORDS * 8 == PAGE as usize);
