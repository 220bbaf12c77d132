//! The machine beneath the hypervisor; the only crate with unsafe code.
#![no_std]
