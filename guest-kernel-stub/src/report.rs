//! What the kernel can tell of itself and of what it runs on.

use core::ffi::CStr;

use alloc::vec::Vec;

use guest_kernel_stub::memory::{PAGE_SIZE, frames};
use guest_kernel_stub::process::{State, schedule};
use guest_kernel_stub::start::Boot;
use guest_kernel_stub::time::SECOND_NS;
use guest_kernel_stub::{Xen, events, println, syscalls, time, traps, vcpus};
use pv_guest_abi::features::feature_name;
use pv_guest_abi::start::StartFlags;
use pv_guest_abi::vcpu::{
    RUNSTATE_BLOCKED, RUNSTATE_OFFLINE, RUNSTATE_RUNNABLE, RUNSTATE_RUNNING, VcpuRunstateInfo,
};

/// Who is here, on what.
pub fn first_screen(boot: &Boot) {
    let kind = if boot.flags().contains(StartFlags::INITDOMAIN) {
        "domain 0"
    } else {
        "a guest domain"
    };
    println!();
    println!(
        "guest-kernel-stub {}: a small PV kernel, as {kind}",
        env!("CARGO_PKG_VERSION")
    );
    hypervisor();
    println!(
        "  memory      {} KiB, {} KiB free",
        kib(frames::total()),
        kib(frames::free_count())
    );
    println!(
        "  vCPUs       {} online of {}",
        online_vcpus(),
        vcpus::count()
    );
    println!(
        "  clock       {} MHz, {}",
        time::tsc_hz() / 1_000_000,
        Date(time::wall_clock_ns() / SECOND_NS)
    );
    println!("  arguments   {}", boot.command_line());
}

fn hypervisor() {
    let (major, minor) = Xen::version().unwrap_or_default();
    let extra = Xen::extraversion().unwrap_or([0; 16]);
    let extra = CStr::from_bytes_until_nul(&extra)
        .ok()
        .and_then(|text| text.to_str().ok())
        .unwrap_or_default();
    println!("  hypervisor  ABI of Xen {major}.{minor}{extra}");
    let features = Xen::features().unwrap_or_default();
    let bits: Vec<u32> = (0..32).filter(|bit| features >> bit & 1 != 0).collect();
    let named: Vec<&str> = bits.iter().filter_map(|bit| feature_name(*bit)).collect();
    println!("  features    {features:#x} ({})", named.join(", "));
}

fn kib(frames: u64) -> u64 {
    frames * PAGE_SIZE / 1024
}

fn online_vcpus() -> usize {
    (0..vcpus::count()).filter(|id| vcpus::is_up(*id)).count()
}

/// `mem`
pub fn memory() {
    println!(
        "{} frames of 4 KiB, {} free",
        frames::total(),
        frames::free_count()
    );
    for process in schedule::all() {
        println!(
            "  {:3} {:12} {} KiB",
            process.id,
            process.name,
            process.space.lock().resident() / 1024
        );
    }
}

/// `cpus`: what each vCPU does and has done, and whether it answers.
pub fn cpus() {
    for id in 0..vcpus::count() {
        match Xen::vcpu_runstate(id) {
            Ok(run) => println!("vCPU {id}: {}{}", RunState(run), Answer(id)),
            Err(refusal) => println!("vCPU {id}: {refusal}"),
        }
    }
}

/// A vCPU's run state, and how long it has been in each since it was made.
struct RunState(VcpuRunstateInfo);

impl core::fmt::Display for RunState {
    fn fmt(&self, out: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let state = match self.0.state {
            RUNSTATE_RUNNING => "running",
            RUNSTATE_RUNNABLE => "waiting",
            RUNSTATE_BLOCKED => "sleeping",
            RUNSTATE_OFFLINE => "offline",
            _ => "in no known state",
        };
        let online = if self.0.state == RUNSTATE_OFFLINE {
            ""
        } else {
            "online, "
        };
        let [ran, stolen, slept, offline] = self.0.time.map(|ns| ns / 1_000_000);
        write!(
            out,
            "{online}{state}; ran {ran} ms, stolen {stolen} ms, slept {slept} ms, offline {offline} ms"
        )
    }
}

/// How long another vCPU takes to answer a notification: nothing for our own and for those that are down.
struct Answer(u32);

impl core::fmt::Display for Answer {
    fn fmt(&self, out: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        if self.0 == vcpus::this().id || !vcpus::is_up(self.0) {
            return Ok(());
        }
        let asked_ns = time::now_ns();
        if vcpus::run(self.0, |_| {}, 0) {
            let took_ns = time::now_ns() - asked_ns;
            write!(out, "; answered in {} us", took_ns / 1000)
        } else {
            out.write_str("; busy")
        }
    }
}

/// `ticks`: three sleeps of ten milliseconds, and what the timer and the clock say of them.
pub fn ticks() {
    for _ in 0..3 {
        time::sleep_ns(10_000_000);
    }
    let now_ns = time::now_ns();
    println!(
        "{} timer events, {}.{:03} s since boot",
        time::ticks(),
        now_ns / SECOND_NS,
        now_ns % SECOND_NS / 1_000_000
    );
}

/// `time`
pub fn clock() {
    let now = time::wall_clock_ns();
    println!(
        "{} ({}.{:09} s since 1970)",
        Date(now / SECOND_NS),
        now / SECOND_NS,
        now % SECOND_NS
    );
    println!(
        "system time {} ns, TSC {} Hz",
        time::now_ns(),
        time::tsc_hz()
    );
}

/// `events`
pub fn event_channels() {
    println!("{} upcalls", events::upcalls());
    for (port, channel) in events::channels() {
        println!(
            "  port {port:3} {:10} {} events",
            channel.name, channel.count
        );
    }
}

/// Counters of `faults`.
pub fn fault_counters() {
    println!("{:26} {:>8} {:>8}", "exception", "kernel", "process");
    for vector in 0..traps::VECTORS {
        let (kernel, user) = traps::counts(vector);
        if kernel + user > 0 {
            println!(
                "{vector:2} {:23} {kernel:8} {user:8}",
                traps::name(vector as u64)
            );
        }
    }
    println!(
        "{} system calls, {} process switches",
        syscalls::count(),
        schedule::switches()
    );
}

/// `ps`
pub fn processes() {
    for process in schedule::all() {
        let doing = match process.state() {
            State::Ready => "ready",
            State::Sleeping { .. } => "sleeping",
            State::Reading => "reading",
            State::Ended { .. } => "ended",
        };
        println!("  {:3} {:12} {doing}", process.id, process.name);
    }
}

/// `ring`: the kernel's privilege as the CPU has it, not as the ABI tells it.
pub fn ring() {
    let (cs, ss): (u16, u16);
    // SAFETY: reading selectors is allowed in every ring and changes nothing.
    unsafe { core::arch::asm!("mov {:x}, cs", "mov {:x}, ss", out(reg) cs, out(reg) ss) };
    println!("ring {} (cs {cs:#06x}, ss {ss:#06x})", cs & 3);
}

/// Seconds since 1970 as a date.
struct Date(u64);

impl core::fmt::Display for Date {
    fn fmt(&self, out: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        const DAY: u64 = 24 * 60 * 60;
        // Years from March on, so that a leap day is a year's last: Howard Hinnant's "civil_from_days".
        let days = self.0 / DAY + 719_468;
        let (era, day_of_era) = (days / 146_097, days % 146_097);
        let year_of_era =
            (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let month_from_march = (5 * day_of_year + 2) / 153;
        let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
        let month = if month_from_march < 10 {
            month_from_march + 3
        } else {
            month_from_march - 9
        };
        let year = era * 400 + year_of_era + u64::from(month <= 2);
        let second = self.0 % DAY;
        write!(
            out,
            "{year}-{month:02}-{day:02} {:02}:{:02}:{:02} UTC",
            second / 3600,
            second / 60 % 60,
            second % 60
        )
    }
}
