//! More vCPUs than pCPUs: nothing is lost when they take turns, and all get some.

use core::sync::atomic::{AtomicU64, Ordering::SeqCst};

use guest_kernel_stub::{Xen, vcpus};
use pv_guest_abi::xen_x86::{SEGBASE_FS, SEGBASE_GS_USER};

use super::probes;
use crate::kit::vcpus::{
    MS, Words, all, call, finish, post, runstate, start_spinning, stop_spinning, until, words,
};
use crate::kit::{Outcome, event};

probes!(vcpus:
    registers_survive_preemption,
    all_make_progress,
    shares_are_even,
    yield_lets_others_run,
    sleepers_are_served_among_spinners,
);

/// What a vCPU's registers must hold; its FS base leads here.
#[repr(C, align(64))]
struct Block {
    /// RAX, RBX, RCX, RDX, RSI, RDI, RBP, R8 to R14.
    registers: [u64; 14],
    /// What `gs:[0]` must be.
    own: u64,
    stop: AtomicU64,
    xmm: [[u64; 2]; 15],
    mxcsr: u32,
    fcw: u16,
    pad: u16,
    rounds: AtomicU64,
    /// Comparisons that failed.
    wrong: AtomicU64,
    /// Room for MXCSR and FCW as they are.
    scratch: u64,
}

const BLOCKS: usize = vcpus::MOST;
static mut BLOCK: [Block; BLOCKS] = [const {
    Block {
        registers: [0; 14],
        own: 0,
        stop: AtomicU64::new(0),
        xmm: [[0; 2]; 15],
        mxcsr: 0x1f80,
        fcw: 0x037f,
        pad: 0,
        rounds: AtomicU64::new(0),
        wrong: AtomicU64::new(0),
        scratch: 0,
    }
}; BLOCKS];

code! {
    /// Loads all registers from FS's block and compares them with it until it says stop. R15 and
    /// xmm15 are for the comparisons.
    hold_registers:
        "push rbx", "push rbp", "push r12", "push r13", "push r14", "push r15",
        "mov rax, fs:[0*8]", "mov rbx, fs:[1*8]", "mov rcx, fs:[2*8]", "mov rdx, fs:[3*8]",
        "mov rsi, fs:[4*8]", "mov rdi, fs:[5*8]", "mov rbp, fs:[6*8]", "mov r8, fs:[7*8]",
        "mov r9, fs:[8*8]", "mov r10, fs:[9*8]", "mov r11, fs:[10*8]", "mov r12, fs:[11*8]",
        "mov r13, fs:[12*8]", "mov r14, fs:[13*8]",
        ".irp n,0,1,2,3,4,5,6,7,8,9,10,11,12,13,14",
        "movups xmm\\n, fs:[128 + \\n * 16]",
        ".endr",
        "ldmxcsr fs:[368]", "fldcw fs:[372]",
        "2:",
        "cmp rax, fs:[0*8]", "jne 3f", "cmp rbx, fs:[1*8]", "jne 3f",
        "cmp rcx, fs:[2*8]", "jne 3f", "cmp rdx, fs:[3*8]", "jne 3f",
        "cmp rsi, fs:[4*8]", "jne 3f", "cmp rdi, fs:[5*8]", "jne 3f",
        "cmp rbp, fs:[6*8]", "jne 3f", "cmp r8, fs:[7*8]", "jne 3f",
        "cmp r9, fs:[8*8]", "jne 3f", "cmp r10, fs:[9*8]", "jne 3f",
        "cmp r11, fs:[10*8]", "jne 3f", "cmp r12, fs:[11*8]", "jne 3f",
        "cmp r13, fs:[12*8]", "jne 3f", "cmp r14, fs:[13*8]", "jne 3f",
        "mov r15, gs:[0]", "cmp r15, fs:[14*8]", "jne 3f",
        ".irp n,0,1,2,3,4,5,6,7,8,9,10,11,12,13,14",
        "movups xmm15, fs:[128 + \\n * 16]", "pxor xmm15, xmm\\n", "ptest xmm15, xmm15", "jnz 3f",
        ".endr",
        "stmxcsr fs:[392]", "mov r15d, fs:[392]", "cmp r15d, fs:[368]", "jne 3f",
        "fnstcw fs:[392]", "mov r15w, fs:[392]", "cmp r15w, fs:[372]", "jne 3f",
        "4: inc qword ptr fs:[376]",
        "cmp qword ptr fs:[15*8], 0", "je 2b",
        "pop r15", "pop r14", "pop r13", "pop r12", "pop rbp", "pop rbx", "ret",
        "3: inc qword ptr fs:[384]", "jmp 4b";
}

const _: () = {
    assert!(core::mem::offset_of!(Block, own) == 14 * 8);
    assert!(core::mem::offset_of!(Block, stop) == 15 * 8);
    assert!(core::mem::offset_of!(Block, xmm) == 128);
    assert!(core::mem::offset_of!(Block, mxcsr) == 368);
    assert!(core::mem::offset_of!(Block, fcw) == 372);
    assert!(core::mem::offset_of!(Block, rounds) == 376);
    assert!(core::mem::offset_of!(Block, wrong) == 384);
    assert!(core::mem::offset_of!(Block, scratch) == 392);
};

static FAILED: AtomicU64 = AtomicU64::new(0);
/// MSR of the GS base that the user's mode has.
const KERNEL_GS_BASE: u32 = 0xc000_0102;

fn hold(id: u64) {
    // SAFETY: each vCPU has its own block; vCPU 0 changes `stop` only, which is atomic.
    let block = unsafe {
        let block = &raw mut BLOCK[id as usize];
        &mut *block
    };
    for (number, word) in block.registers.iter_mut().enumerate() {
        *word = (0x0101_0101_0101_0101 * (id + 1)) ^ ((number as u64) << 56);
    }
    for (number, words) in block.xmm.iter_mut().enumerate() {
        *words = [
            (!id << 32) | number as u64,
            (id << 48) | (0xf00 + number as u64),
        ];
    }
    block.own = vcpus::get(id as u32).gs_base();
    // Rounding in one of four ways, in both units.
    block.mxcsr = 0x1f80 | (id as u32 % 4) << 13;
    block.fcw = 0x037f ^ (id as u16 % 4) << 10;
    let user_base = 0x7000_0000_0000 | id << 12;
    // SAFETY: nothing of this kernel uses FS, nor the user's GS.
    let set = unsafe {
        Xen::set_segment_base(SEGBASE_FS, &raw const *block as u64)
            .and_then(|()| Xen::set_segment_base(SEGBASE_GS_USER, user_base))
    };
    // SAFETY: it keeps what a C function must keep.
    unsafe { hold_registers() };
    let (low, high): (u32, u32);
    // SAFETY: the hypervisor emulates the read, which changes nothing.
    unsafe {
        core::arch::asm!("rdmsr", in("ecx") KERNEL_GS_BASE, out("eax") low, out("edx") high);
    }
    let seen = u64::from(high) << 32 | u64::from(low);
    FAILED.fetch_add(u64::from(set.is_err() || seen != user_base), SeqCst);
}

/// Do all registers, floating point and segment bases stay as they are while vCPUs are taken off
/// their pCPUs and put on others?
fn registers_survive_preemption() -> Outcome {
    let count = all(2)?;
    for id in 1..count {
        post(id, hold, id.into())?;
    }
    // SAFETY: only atomics of the blocks are looked at while their vCPUs run.
    let block = |id: u32| {
        // SAFETY: as above.
        unsafe {
            let block = &raw const BLOCK[id as usize];
            &*block
        }
    };
    for id in 1..count {
        until("each vCPU goes round", || {
            block(id).rounds.load(SeqCst) > 100
        })?;
    }
    let until_ns = event::now() + 300 * MS;
    while event::now() < until_ns {
        let _ = Xen::yield_now();
    }
    for id in 1..count {
        block(id).stop.store(1, SeqCst);
    }
    for id in 1..count {
        finish(id)?;
        same!(
            block(id).wrong.load(SeqCst),
            0,
            "vCPU {id}: rounds with a wrong register"
        );
    }
    same!(FAILED.load(SeqCst), 0, "vCPUs with a wrong user GS base");
    Ok(())
}

static COUNTS: Words = words();

/// Do all vCPUs get on, however few pCPUs there are for them?
fn all_make_progress() -> Outcome {
    let count = all(2)?;
    start_spinning(1..count, &COUNTS)?;
    for id in 1..count {
        until("every vCPU counts", || COUNTS[id as usize].load(SeqCst) > 0)?;
    }
    // And go on getting on.
    for id in 1..count {
        let before = COUNTS[id as usize].load(SeqCst);
        until("every vCPU counts on", || {
            COUNTS[id as usize].load(SeqCst) > before
        })?;
    }
    stop_spinning(1..count)
}

/// Do vCPUs that all want to run get about the same time?
fn shares_are_even() -> Outcome {
    let count = all(3)?;
    start_spinning(1..count, &COUNTS)?;
    let ran = |id: u32| runstate(id).map(|info| info.time[0]);
    let mut before = [0; vcpus::MOST];
    for id in 1..count {
        until("every vCPU counts", || COUNTS[id as usize].load(SeqCst) > 0)?;
    }
    for id in 1..count {
        before[id as usize] = ran(id)?;
    }
    // Several turns for each of them.
    let others = u64::from(count - 1);
    until("they have run for a while", || {
        let now: u64 = (1..count).filter_map(|id| ran(id).ok()).sum();
        now > before.iter().sum::<u64>() + others * 80 * MS
    })?;
    let mut after = [0; vcpus::MOST];
    for id in 1..count {
        after[id as usize] = ran(id)? - before[id as usize];
    }
    stop_spinning(1..count)?;
    let mean = after.iter().sum::<u64>() / others;
    for id in 1..count {
        let got = after[id as usize];
        check!(
            (mean / 2..=mean * 2).contains(&got),
            "vCPU {id}: expected about {mean} ns, seen {got}"
        );
    }
    Ok(())
}

static BATON: AtomicU64 = AtomicU64::new(0);
static YIELDS: AtomicU64 = AtomicU64::new(0);
const EXCHANGES: u64 = 500;

/// Passes a baton to and fro, yielding while the other has it.
fn exchange(me: u64) {
    while BATON.load(SeqCst) < EXCHANGES {
        if BATON.load(SeqCst) % 2 == me {
            BATON.fetch_add(1, SeqCst);
        } else {
            YIELDS.fetch_add(1, SeqCst);
            let _ = Xen::yield_now();
        }
    }
}

/// On one pCPU, does `yield` let another vCPU run that waits, and not only when one's time is up?
fn yield_lets_others_run() -> Outcome {
    all(3)?;
    post(1, exchange, 0)?;
    post(2, exchange, 1)?;
    // Out of their way, so that there are the two of them.
    Xen::poll(&[], Some(event::now() + 50 * MS)).map_err(|e| alloc::format!("poll: {e}"))?;
    finish(1)?;
    finish(2)?;
    let yields = YIELDS.load(SeqCst);
    check!(
        yields <= EXCHANGES * 4,
        "expected about {EXCHANGES} yields, seen {yields}"
    );
    Ok(())
}

static ANSWERS: AtomicU64 = AtomicU64::new(0);

/// Are vCPUs that sleep most of the time served among others that never do? Counted in turns: the
/// spinners may not use up many slices between question and answer.
fn sleepers_are_served_among_spinners() -> Outcome {
    let count = all(4)?;
    start_spinning(2..count, &COUNTS)?;
    for id in 2..count {
        until("the spinners spin", || COUNTS[id as usize].load(SeqCst) > 0)?;
    }
    for round in 1..=100 {
        let answer: vcpus::Job = |_| {
            ANSWERS.fetch_add(1, SeqCst);
        };
        call(1, answer, 0)?;
        same!(ANSWERS.load(SeqCst), round, "answers");
    }
    stop_spinning(2..count)
}
