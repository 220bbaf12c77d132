//! The public PV ABI of Xen 4.17 for x86-64, as plain Rust data.
//!
//! Constants and structures for kernels that run as paravirtualised guests, for toolstacks, and for hypervisors
//! that serve them. `no_std`; the data part has no unsafe code. With the feature `guest` there are also typed
//! hypercalls ([`call`]), the macros [`elf_notes!`] and [`hypercall_page!`], and a [`guide`] with a complete kernel
//! in under 60 lines.
//!
//! # How the C names map
//!
//! - Search for the C name: every item has it as a documentation alias, unless it is its own name.
//! - A structure is named in camel case without `xen_` and `_t`: `struct xen_memory_reservation` is
//!   [`MemoryReservation`](memory::MemoryReservation).
//! - A constant is in upper case: `EVTCHNOP_send` is [`EVTCHNOP_SEND`](event::EVTCHNOP_SEND). Hypercall numbers and
//!   errors lose their prefixes: [`hypercall::MMU_UPDATE`], [`errno::EINVAL`].
//! - Every field is a plain integer or a structure of such. It is a *claim*: what a guest writes there need not be
//!   true. Guest pointers (`XEN_GUEST_HANDLE`) are `u64`.
//! - Padding is written out (`_pad0`), so that each structure is `zerocopy` `FromBytes` and `IntoBytes`. All have a zero
//!   [`Default`], so that a literal may end with `..Default::default()`.
//! - A C union is a field of words, with a structure of its own for each view:
//!   [`Domctl::payload`](domctl::Domctl::payload) reads it, [`Domctl::with`](domctl::Domctl::with) writes it.
//!
//! ```
//! use pv_guest_abi::domctl::{Domctl, DomctlMaxMem, XEN_DOMCTL_MAX_MEM};
//!
//! let operation = Domctl::new(XEN_DOMCTL_MAX_MEM, 3).with(&DomctlMaxMem { max_memkb: 64 << 10 });
//! assert_eq!(operation.payload::<DomctlMaxMem>().max_memkb, 65536);
//! ```
//!
//! # What is covered
//!
//! A test compiles a C program against the headers of Debian's `libxen-dev` and compares every structure (size,
//! alignment, each member) and every constant, in both directions.
//!
//! | header | module |
//! |---|---|
//! | `xen.h`, `arch-x86/xen.h`, `arch-x86/xen-x86_64.h` | [`hypercall`], [`mmu`], [`start`], [`shared`], [`time`], [`trap`], [`xen_x86`], [`virq`], [`domid`], [`console`], [`assist`] |
//! | `errno.h`, `features.h`, `elfnote.h`, `version.h`, `arch-x86/cpuid.h` | [`errno`], [`features`], [`elfnote`], [`version`], [`cpuid`] |
//! | `memory.h` | [`memory`], [`sharing`] |
//! | `event_channel.h`, `sched.h`, `vcpu.h`, `callback.h`, `nmi.h` | [`event`], [`sched`], [`vcpu`], [`callback`], [`nmi`] |
//! | `grant_table.h`, `physdev.h`, `pmu.h` | [`grant`], [`physdev`], [`pmu`] |
//! | `domctl.h`, `sysctl.h` (interface versions 0x15), `platform.h` | [`domctl`], [`sysctl`], [`platform`] |
//! | `io/{ring,console,xenbus,xs_wire,protocols,blkif,netif,fbif,kbdif,pciif,libxenvchan}.h` | [`io`] |
//! | `sys/{privcmd,evtchn,gntdev,gntalloc,xenbus_dev}.h` | [`linux`] |
//!
//! Left out, with the reason:
//!
//! - `hvm/`, `arch-x86/hvm/`, `vm_event.h`: for HVM guests and their device models.
//! - `xsm/`, `argo.h`, `hypfs.h`, `kexec.h`, `xenoprof.h`, `tmem.h`: optional or removed parts, whose hypercalls a
//!   hypervisor may refuse with `ENOSYS`; a PV guest must cope with that.
//! - `arch-x86/xen-mca.h`: the machine check log of domain 0, by an architecture-specific hypercall.
//! - `trace.h`: the format of Xen's own trace records. `arch-x86/cpufeatureset.h`: names of CPUID bits.
//! - `io/{9pfs,cameraif,displif,fsif,pvcalls,sndif,tpmif,usbif,vscsiif}.h`: device protocols that nothing here speaks yet.
//! - Everything for ARM and for 32-bit guests.
//!
#![cfg_attr(not(feature = "guest"), doc = "[`call`]: #")]
#![cfg_attr(not(feature = "guest"), doc = "[`elf_notes!`]: #")]
#![cfg_attr(not(feature = "guest"), doc = "[`hypercall_page!`]: #")]
#![cfg_attr(not(feature = "guest"), doc = "[`guide`]: #")]
#![no_std]
#![cfg_attr(not(feature = "guest"), forbid(unsafe_code))]
#![cfg_attr(feature = "guest", deny(unsafe_code))]

mod payload;

pub mod assist;
pub mod callback;
pub mod console;
pub mod cpuid;
pub mod domctl;
pub mod domid;
pub mod elfnote;
pub mod errno;
pub mod event;
pub mod features;
pub mod grant;
pub mod hypercall;
pub mod io;
pub mod linux;
pub mod memory;
pub mod mmu;
pub mod nmi;
pub mod physdev;
pub mod platform;
pub mod pmu;
pub mod sched;
pub mod shared;
pub mod sharing;
pub mod start;
pub mod sysctl;
pub mod time;
pub mod trap;
pub mod vcpu;
pub mod version;
pub mod virq;
pub mod xen_x86;

#[cfg(feature = "guest")]
#[allow(
    unsafe_code,
    reason = "entering the hypervisor is an instruction; all of it is here"
)]
pub mod call;
#[cfg(all(feature = "guest", any(doc, doctest)))]
pub mod guide;
#[cfg(feature = "guest")]
mod notes;

pub use domid::*;
pub use errno::Errno;
pub use hypercall::Hypercall;

pub(crate) use payload::zeroed_default;

/// The examples of the README, so that they are tested.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
pub struct Readme;
