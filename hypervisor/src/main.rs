//! The Xenolith hypervisor: boot, on one page.
#![no_std]
#![no_main]
