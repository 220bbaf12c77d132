//! The hypervisor's command line, with Xen's names and syntaxes.
//!
//! The line is read twice: once before anything works, without a heap, so that
//! the serial port can be set up; and once more when there is a place to report
//! to. Nothing on the line is fatal: what is not understood is handed to the
//! caller as a [`Complaint`] and the option keeps its default.
//!
//! * [`words`] cuts a line into words, [`line`](mod@line) takes off what boot
//!   loaders put around it;
//! * [`value`] reads sizes, numbers and booleans as Xen does;
//! * [`options`] is the table of options and what they set;
//! * [`domu`] reads the line of a module that is a domain of its own.
#![warn(missing_docs)]

pub mod dom0_mem;
pub mod domu;
pub mod line;
pub mod options;
pub mod serial;
pub mod value;
pub mod words;

#[cfg(test)]
mod tests;

pub use dom0_mem::{Dom0Memory, MemoryAmount};
pub use domu::{DomuLine, is_domu};
pub use line::{Split, split_dom0_arguments, strip_image_name};
pub use options::{
    Complaint, Consoles, Conswitch, LogLevel, Options, RebootMethod, Threshold, VcpuRange, Watchdog,
};
pub use serial::{Baud, Parity, Serial, StopBits};
