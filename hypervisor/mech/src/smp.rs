//! All CPUs: how they are started, each on its own root table and stack.
//!
//! The boot CPU goes over by [`enter`]. The others are started one after the other by
//! [`start_others`]: reset (INIT), told where to begin (SIPI), and waited for. Each runs
//! the code of `smp.s` on the early tables, then on its own.

use crate::acpi_tables::Platform;
use crate::boot::{self, early_traps};
use crate::mm::{self, direct};
use crate::percpu::MAX_CPUS;
use crate::{apic, clock, layout, timer};
use alloc::vec::Vec;
use core::fmt;
use core::sync::atomic::{AtomicU32, AtomicU64, Ordering::SeqCst};
use spin::Once;
use xenolith_rules::types::{CpuId, Mfn, PAGE_SIZE};

/// Offsets in the start code: the GDT (three descriptors), its pointer, the early root's address.
const AP_GDT: u64 = 8;
const AP_GDT_POINTER: u64 = 32;
const AP_ROOT: u64 = 40;
/// Waits that the SDM asks for (vol. 3, section 9.4.4.1), in nanoseconds.
const AFTER_INIT_NS: u64 = 10_000_000;
const AFTER_STARTUP_NS: u64 = 200_000;
/// How long a CPU may take to show up.
const PATIENCE_NS: u64 = 2_000_000_000;

unsafe extern "C" {
    static ap_start: u8;
    static ap_end: u8;
    static ap_long_mode: u8;
    static ap_far_jump: u8;
    static ap_gdt_base: u8;
    static ap_gdt_pointer: u8;
    static ap_root: u8;
    static boot_tables: u8;
    fn smp_change_stack(root: u64, then: extern "C" fn(u64) -> !, argument: u64) -> !;
}

core::arch::global_asm!(
    include_str!("smp.s"),
    AP_GDT_POINTER = const AP_GDT_POINTER,
    AP_ROOT = const AP_ROOT,
    CR4_PAE = const boot::CR4_PAE,
    CR0_PG_WP_PE = const boot::CR0_PG_WP_PE,
    MSR_EFER = const boot::MSR_EFER,
    EFER_LME_NXE = const boot::EFER_LME_NXE,
    BOOT_CS = const boot::BOOT_CS,
    BOOT_DS = const boot::BOOT_DS,
    GDT_CODE64 = const boot::GDT_CODE64,
    GDT_DATA = const boot::GDT_DATA,
    STACK_TOP = const layout::PRIVATE_STACK + layout::PRIVATE_STACK_SIZE,
    own_root = sym STARTING_ROOT,
    start = sym start,
);

/// The root table of the CPU that is being started.
static STARTING_ROOT: AtomicU64 = AtomicU64::new(0);
/// That CPU's number.
static STARTING: AtomicU32 = AtomicU32::new(0);
/// CPUs that have come to Rust.
static ONLINE: AtomicU32 = AtomicU32::new(1);
/// What each CPU runs, by number.
static MAIN: Once<fn(CpuId) -> !> = Once::new();

/// A CPU that did not start, and why.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Missing {
    /// It did not answer in time.
    Silent {
        /// Its APIC id.
        apic_id: u32,
    },
    /// No memory for its tables and stacks.
    OutOfMemory,
    /// There is no RAM for the code that starts CPUs.
    NoStartPage,
    /// Its APIC id has more bits than the APICs' mode allows.
    Unreachable {
        /// Its APIC id.
        apic_id: u32,
    },
}

impl fmt::Display for Missing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Silent { apic_id } => write!(f, "the CPU with APIC id {apic_id} does not start"),
            Self::OutOfMemory => f.write_str("no memory is left for another CPU"),
            Self::NoStartPage => f.write_str("no free RAM below 1 MiB to start other CPUs from"),
            Self::Unreachable { apic_id } => {
                write!(
                    f,
                    "the CPU with APIC id {apic_id} can be reached in x2APIC mode only"
                )
            }
        }
    }
}

/// CPUs that run.
pub fn count() -> u32 {
    ONLINE.load(SeqCst)
}

/// Which CPU this is. Works from the first moment on.
pub fn here() -> CpuId {
    apic::this_cpu().unwrap_or(CpuId(0))
}

/// Stops all other CPUs for good.
pub(crate) fn stop_others() {
    apic::nmi_others();
}

/// Leaves the present stack for this CPU's own root table and stack and runs `main` there.
///
/// # Panics
/// If `mm::build_roots` has not made this CPU's tables.
pub fn enter(cpu: CpuId, main: fn(CpuId) -> !) -> ! {
    let roots = mm::roots_of(cpu).expect("this CPU has no tables of its own");
    extern "C" fn run(main: u64) -> ! {
        // SAFETY: the word is the `main` of `enter`.
        let main: fn(CpuId) -> ! = unsafe { core::mem::transmute(main as *const ()) };
        main(here())
    }
    // SAFETY: the root is this CPU's own: it maps the image and the stack. Nothing on the
    // old stack is used again.
    unsafe { smp_change_stack(roots.hypervisor.maddr(), run, main as *const () as u64) }
}

/// Starts the other CPUs, at most `limit` with the boot CPU. Each runs `main` on its own
/// root and stack, with its APIC enabled, its timer stopped, and the boot IDT loaded.
/// Returns what did not start. Drops the early tables: none can be started later.
pub fn start_others(platform: &Platform, limit: u32, main: fn(CpuId) -> !) -> Vec<Missing> {
    MAIN.call_once(|| main);
    let limit = limit.clamp(1, MAX_CPUS as u32);
    let me = apic::id();
    let mut missing = Vec::new();
    let others = platform
        .cpus
        .iter()
        .map(|cpu| cpu.apic_id)
        .filter(|&id| id != me);
    let Some(page) = mm::start_page() else {
        missing.extend(others.take(1).map(|_| Missing::NoStartPage));
        drop_early_tables();
        return missing;
    };
    copy_start_code(page);
    for apic_id in others {
        if count() >= limit {
            break;
        }
        if let Err(error) = start_one(CpuId(count()), apic_id, page) {
            missing.push(error);
        }
    }
    direct::zero(page);
    drop_early_tables();
    missing
}

fn start_one(cpu: CpuId, apic_id: u32, page: Mfn) -> Result<(), Missing> {
    if !apic::reaches(apic_id) {
        return Err(Missing::Unreachable { apic_id });
    }
    let roots = match mm::roots_of(cpu) {
        Some(roots) => roots,
        None => mm::build_roots(cpu).map_err(|_| Missing::OutOfMemory)?,
    };
    STARTING_ROOT.store(roots.hypervisor.maddr(), SeqCst);
    STARTING.store(cpu.0, SeqCst);
    apic::know(cpu, apic_id);

    apic::send_init(apic_id);
    clock::wait_ns(AFTER_INIT_NS);
    for _ in 0..2 {
        apic::send_startup(apic_id, page.0 as u8);
        clock::wait_ns(AFTER_STARTUP_NS);
        if count() > cpu.0 {
            return Ok(());
        }
    }
    let end = clock::now_ns() + PATIENCE_NS;
    while clock::now_ns() < end {
        if count() > cpu.0 {
            return Ok(());
        }
        core::hint::spin_loop();
    }
    // Keep it from coming to life later, with the next one's root.
    apic::send_init(apic_id);
    apic::forget(cpu);
    Err(Missing::Silent { apic_id })
}

/// Puts the start code in its page, with the addresses that depend on it.
fn copy_start_code(page: Mfn) {
    let start = &raw const ap_start as u64;
    let len = &raw const ap_end as u64 - start;
    assert!(len <= PAGE_SIZE, "the start code does not fit its page");
    // SAFETY: the bytes from ap_start to ap_end are constants of the image.
    let code = unsafe { core::slice::from_raw_parts(start as *const u8, len as usize) };
    direct::write_bytes(page, 0, code);
    let offset = |label: *const u8| label as u64 - start;
    assert_eq!(
        offset(&raw const ap_gdt_pointer),
        AP_GDT_POINTER,
        "smp.s and smp.rs disagree"
    );
    assert_eq!(
        offset(&raw const ap_root),
        AP_ROOT,
        "smp.s and smp.rs disagree"
    );
    let put = |label: *const u8, value: u64| {
        let value = u32::try_from(value).expect("the start code's addresses are low");
        direct::write_bytes(page, offset(label) as usize, &value.to_le_bytes());
    };
    put(&raw const ap_gdt_base, page.maddr() + AP_GDT);
    put(
        &raw const ap_far_jump,
        page.maddr() + offset(&raw const ap_long_mode),
    );
    put(
        &raw const ap_root,
        boot::Image::to_machine(&raw const boot_tables as u64),
    );
}

/// Empties the early root, which mapped everything with all rights.
fn drop_early_tables() {
    let root = &raw const boot_tables as *mut u64;
    for slot in 0..direct::WORDS {
        // SAFETY: the page of the early root, in our BSS; no CPU runs on it any more.
        unsafe { root.add(slot).write_volatile(0) };
    }
}

/// First Rust code of another CPU, on its own root and stack.
extern "C" fn start() -> ! {
    early_traps::load();
    let cpu = CpuId(STARTING.load(SeqCst));
    apic::enable();
    timer::prepare();
    let main = *MAIN.get().expect("CPUs are started by start_others");
    ONLINE.fetch_add(1, SeqCst);
    main(cpu)
}
