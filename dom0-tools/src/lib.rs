//! The toolstack of the Xenolith hypervisor, as a library.
//!
//! So far it answers one question, before anything is booted: would this file start as a
//! PV kernel? ([`check_kernel`].) The answer comes from the very code by which the hypervisor
//! builds domain 0, so the two cannot differ.
#![forbid(unsafe_code)]

pub mod check_kernel;
