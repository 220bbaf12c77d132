//! The memory reservation, the memory map and the M2P.

use super::{Calls, Gate, address, address_mut};
use crate::domid::DOMID_SELF;
use crate::errno::Errno;
use crate::hypercall::Hypercall;
use crate::memory::{
    E820Entry, MachphysMapping, MemAcquireResource, MemoryDomain, MemoryExchange, MemoryMap,
    MemoryReservation, XENMEM_ACQUIRE_RESOURCE, XENMEM_CURRENT_RESERVATION,
    XENMEM_DECREASE_RESERVATION, XENMEM_EXCHANGE, XENMEM_INCREASE_RESERVATION,
    XENMEM_MACHINE_MEMORY_MAP, XENMEM_MACHPHYS_MAPPING, XENMEM_MAXIMUM_RAM_PAGE,
    XENMEM_MAXIMUM_RESERVATION, XENMEM_MEMORY_MAP, XENMEM_POPULATE_PHYSMAP,
};

impl<G: Gate> Calls<G> {
    /// Allocates an extent of 2^`order` pages at each guest frame; the list then holds machine frames.
    ///
    /// Returns how many extents were done, which may be fewer.
    pub fn populate_physmap(frames: &mut [u64], order: u32, flags: u32) -> Result<usize, Errno> {
        Self::reservation(XENMEM_POPULATE_PHYSMAP, frames, order, flags)
    }

    /// Allocates an extent of 2^`order` pages for each entry of the list, which then holds machine frames.
    ///
    /// Returns how many extents were done, which may be fewer.
    pub fn increase_reservation(
        frames: &mut [u64],
        order: u32,
        flags: u32,
    ) -> Result<usize, Errno> {
        Self::reservation(XENMEM_INCREASE_RESERVATION, frames, order, flags)
    }

    /// Gives back the extents of 2^`order` pages at these machine frames; returns how many were taken.
    ///
    /// # Safety
    ///
    /// Nothing may use those pages any more; they must not be mapped.
    pub unsafe fn decrease_reservation(frames: &[u64], order: u32) -> Result<usize, Errno> {
        let argument = MemoryReservation {
            extent_start: address(frames),
            nr_extents: frames.len() as u64,
            extent_order: order,
            domid: DOMID_SELF,
            ..Default::default()
        };
        Self::with_in(Hypercall::MemoryOp, XENMEM_DECREASE_RESERVATION, &argument)
            .map(|n| n as usize)
    }

    fn reservation(
        command: u32,
        frames: &mut [u64],
        order: u32,
        flags: u32,
    ) -> Result<usize, Errno> {
        let argument = MemoryReservation {
            extent_start: address_mut(frames),
            nr_extents: frames.len() as u64,
            extent_order: order,
            mem_flags: flags,
            domid: DOMID_SELF,
            ..Default::default()
        };
        // The list is borrowed mutably; new memory is nobody's yet.
        Self::with_in(Hypercall::MemoryOp, command, &argument).map(|n| n as usize)
    }

    /// Exchanges extents.
    ///
    /// # Safety
    ///
    /// The lists that the structure names must be valid for `nr_extents` numbers each, the second one writable;
    /// nothing may use the pages given up.
    pub unsafe fn exchange(exchange: &mut MemoryExchange) -> Result<(), Errno> {
        Self::with(Hypercall::MemoryOp, XENMEM_EXCHANGE, exchange).map(drop)
    }

    /// The pages that this domain has.
    pub fn current_reservation() -> Result<u64, Errno> {
        let domain = MemoryDomain { domid: DOMID_SELF };
        Self::with_in(Hypercall::MemoryOp, XENMEM_CURRENT_RESERVATION, &domain)
    }

    /// The most pages that this domain may have.
    pub fn maximum_reservation() -> Result<u64, Errno> {
        let domain = MemoryDomain { domid: DOMID_SELF };
        Self::with_in(Hypercall::MemoryOp, XENMEM_MAXIMUM_RESERVATION, &domain)
    }

    /// The greatest machine frame of RAM.
    pub fn maximum_ram_page() -> Result<u64, Errno> {
        Self::plain(
            Hypercall::MemoryOp,
            [XENMEM_MAXIMUM_RAM_PAGE.into(), 0, 0, 0, 0],
        )
    }

    /// The domain's memory map; returns how many records were written.
    pub fn memory_map(records: &mut [E820Entry]) -> Result<usize, Errno> {
        Self::map(XENMEM_MEMORY_MAP, records)
    }

    /// The machine's memory map (control domain); returns how many records were written.
    pub fn machine_memory_map(records: &mut [E820Entry]) -> Result<usize, Errno> {
        Self::map(XENMEM_MACHINE_MEMORY_MAP, records)
    }

    fn map(command: u32, records: &mut [E820Entry]) -> Result<usize, Errno> {
        let mut map = MemoryMap {
            nr_entries: records.len() as u32,
            buffer: address_mut(records),
            ..Default::default()
        };
        Self::with(Hypercall::MemoryOp, command, &mut map)?;
        Ok(map.nr_entries as usize)
    }

    /// Where the M2P is mapped.
    pub fn machphys_mapping() -> Result<MachphysMapping, Errno> {
        let mut mapping = MachphysMapping::default();
        Self::with(Hypercall::MemoryOp, XENMEM_MACHPHYS_MAPPING, &mut mapping)?;
        Ok(mapping)
    }

    /// The machine frames of a domain's resource (`XENMEM_RESOURCE_*`), from `first` on.
    pub fn acquire_resource(
        domain: u16,
        kind: u16,
        id: u32,
        first: u64,
        frames: &mut [u64],
    ) -> Result<(), Errno> {
        let mut argument = MemAcquireResource {
            domid: domain,
            kind,
            id,
            nr_frames: frames.len() as u32,
            pad: 0,
            frame: first,
            frame_list: address_mut(frames),
        };
        Self::with(Hypercall::MemoryOp, XENMEM_ACQUIRE_RESOURCE, &mut argument).map(drop)
    }
}
