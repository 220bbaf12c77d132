//! Xenolith in QEMU, from the host's side.
//!
//! This crate is both the command behind the front door (`make run`, `make image`,
//! `make bench`; see `main.rs`) and the harness of the integration tests in
//! `ci/tests`: [`harness::Machine`] describes a machine and what it boots,
//! [`harness::Running`] drives its serial console with every wait bounded in time.
//!
//! - [`artefacts`]: where `make build` leaves the images.
//! - [`qemu`]: one description of a machine, turned into a QEMU process.
//! - [`qmp`]: the few words of QEMU's monitor protocol that are needed.
//! - [`verdict`]: how a machine ended, and the exit status that says so.
//! - [`harness`]: expect/send over the serial console, for tests.
//! - [`terminal`]: the same machine on a person's terminal, or on a pipe.
//! - [`symbols`]: fills the hypervisor's `.ksyms` section after linking.
//! - [`elfsmith`]: small made-up kernels for the tests of bad input.
//! - [`mod@bench`]: runs the benchmark probe and makes its table.
#![forbid(unsafe_code)]

pub mod artefacts;
pub mod bench;
pub mod elfsmith;
pub mod fuzz;
pub mod harness;
pub mod qemu;
pub mod qmp;
pub mod symbols;
pub mod terminal;
pub mod verdict;
