//! The public PV ABI of Xen 4.17 for x86-64.
#![no_std]
#![forbid(unsafe_code)]
