//! Protocols between frontends and backends, in shared pages.
//!
//! The other end writes these pages at any time: copy a request once, then look at the copy.

pub mod blkif;
pub mod console;
pub mod fbif;
pub mod kbdif;
pub mod netif;
pub mod pciif;
pub mod protocols;
pub mod ring;
pub mod vchan;
pub mod xenbus;
pub mod xs_wire;
