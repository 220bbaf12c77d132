//! The machine beneath the hypervisor; the only crate with unsafe code.
#![no_std]

extern crate alloc;

pub mod acpi_tables;
pub mod apic;
pub mod backtrace;
pub mod boot;
pub mod cache;
pub mod clock;
pub mod console;
pub mod cpu;
pub mod debug;
pub mod entry;
pub mod guest;
pub mod heap;
mod hpet;
pub mod ioapic;
pub mod last_words;
pub mod layout;
pub mod mm;
pub mod percpu;
mod pit;
pub mod port;
pub mod power;
mod rtc;
pub mod segments;
pub mod smp;
pub mod symbols;
pub mod sync;
pub mod timer;
pub mod tlb;
