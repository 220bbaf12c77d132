//! The Xenolith hypervisor: boot, on one page.
#![no_std]
#![no_main]
#![deny(unsafe_code)]

extern crate alloc;

use log::info;
use xenolith_mech::boot::{self, Handoff};
use xenolith_mech::{console, power};

xenolith_mech::entry_points!(boot = main);

fn main(handoff: Handoff) -> ! {
    console::set_level(log::LevelFilter::Trace);
    info!("Xenolith {}", env!("CARGO_PKG_VERSION"));
    let boot = match handoff.read() {
        Ok(boot) => boot,
        Err(error) => panic!("{error}"),
    };
    for line in boot::describe(&boot) {
        info!("{line}");
    }
    power::off()
}
