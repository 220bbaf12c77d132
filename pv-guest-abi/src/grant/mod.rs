//! Grant tables: `grant_table_op` (`grant_table.h`).
//!
//! Arguments: command, guest address of an array of its structure, number of elements. Each element gets its
//! own status (`GNTST_*`); the call itself fails only for bad addresses and unknown commands.

pub mod entry;
pub mod op;

pub use entry::*;
pub use op::*;

/// Map granted frames; [`GnttabMapGrantRef`].
#[doc(alias = "GNTTABOP_map_grant_ref")]
pub const GNTTABOP_MAP_GRANT_REF: u32 = 0;
/// Unmap them; [`GnttabUnmapGrantRef`].
#[doc(alias = "GNTTABOP_unmap_grant_ref")]
pub const GNTTABOP_UNMAP_GRANT_REF: u32 = 1;
/// Get the frames of the table; [`GnttabSetupTable`].
#[doc(alias = "GNTTABOP_setup_table")]
pub const GNTTABOP_SETUP_TABLE: u32 = 2;
/// Print the table on the hypervisor's console; [`GnttabDumpTable`].
#[doc(alias = "GNTTABOP_dump_table")]
pub const GNTTABOP_DUMP_TABLE: u32 = 3;
/// Give frames away; [`GnttabTransfer`].
#[doc(alias = "GNTTABOP_transfer")]
pub const GNTTABOP_TRANSFER: u32 = 4;
/// Copy between granted or own frames; [`GnttabCopy`].
#[doc(alias = "GNTTABOP_copy")]
pub const GNTTABOP_COPY: u32 = 5;
/// Size of the table; [`GnttabQuerySize`].
#[doc(alias = "GNTTABOP_query_size")]
pub const GNTTABOP_QUERY_SIZE: u32 = 6;
/// Unmap, putting another mapping in its place; [`GnttabUnmapAndReplace`].
#[doc(alias = "GNTTABOP_unmap_and_replace")]
pub const GNTTABOP_UNMAP_AND_REPLACE: u32 = 7;
/// Choose version 1 or 2; [`GnttabSetVersion`].
#[doc(alias = "GNTTABOP_set_version")]
pub const GNTTABOP_SET_VERSION: u32 = 8;
/// Get the status frames of version 2; [`GnttabGetStatusFrames`].
#[doc(alias = "GNTTABOP_get_status_frames")]
pub const GNTTABOP_GET_STATUS_FRAMES: u32 = 9;
/// The version in use; [`GnttabGetVersion`].
#[doc(alias = "GNTTABOP_get_version")]
pub const GNTTABOP_GET_VERSION: u32 = 10;
/// Exchange two entries; [`GnttabSwapGrantRef`].
#[doc(alias = "GNTTABOP_swap_grant_ref")]
pub const GNTTABOP_SWAP_GRANT_REF: u32 = 11;
/// Flush the cache of a frame (not x86); [`GnttabCacheFlush`].
#[doc(alias = "GNTTABOP_cache_flush")]
pub const GNTTABOP_CACHE_FLUSH: u32 = 12;
/// Entries that the toolstack uses.
pub const GNTTAB_NR_RESERVED_ENTRIES: u32 = 8;
/// Entry of the console ring.
pub const GNTTAB_RESERVED_CONSOLE: u32 = 0;
/// Entry of the xenstore ring.
pub const GNTTAB_RESERVED_XENSTORE: u32 = 1;
/// [`GrantEntryV1::flags`]: grants nothing.
#[doc(alias = "GTF_invalid")]
pub const GTF_INVALID: u16 = 0;
/// Type: the frame may be mapped or copied.
#[doc(alias = "GTF_permit_access")]
pub const GTF_PERMIT_ACCESS: u16 = 1;
/// Type: a frame may be given.
#[doc(alias = "GTF_accept_transfer")]
pub const GTF_ACCEPT_TRANSFER: u16 = 2;
/// Type: refers to another domain's grant (version 2).
#[doc(alias = "GTF_transitive")]
pub const GTF_TRANSITIVE: u16 = 3;
/// Mask of the type.
#[doc(alias = "GTF_type_mask")]
pub const GTF_TYPE_MASK: u16 = 3;
/// Access is read-only.
#[doc(alias = "GTF_readonly")]
pub const GTF_READONLY: u16 = 1 << 2;
/// Is mapped for reading (set by the hypervisor; version 1).
#[doc(alias = "GTF_reading")]
pub const GTF_READING: u16 = 1 << 3;
/// Is mapped for writing (set by the hypervisor; version 1).
#[doc(alias = "GTF_writing")]
pub const GTF_WRITING: u16 = 1 << 4;
/// Cache attribute.
pub const GTF_PWT: u16 = 1 << 5;
/// Cache attribute.
pub const GTF_PCD: u16 = 1 << 6;
/// Cache attribute.
pub const GTF_PAT: u16 = 1 << 7;
/// Only a part of the page, for copies (version 2).
#[doc(alias = "GTF_sub_page")]
pub const GTF_SUB_PAGE: u16 = 1 << 8;
/// Transfer: begun (set by the hypervisor).
#[doc(alias = "GTF_transfer_committed")]
pub const GTF_TRANSFER_COMMITTED: u16 = 1 << 2;
/// Transfer: done; `frame` is the new frame (set by the hypervisor).
#[doc(alias = "GTF_transfer_completed")]
pub const GTF_TRANSFER_COMPLETED: u16 = 1 << 3;
/// [`GnttabMapGrantRef::flags`]: map for devices.
#[doc(alias = "GNTMAP_device_map")]
pub const GNTMAP_DEVICE_MAP: u32 = 1 << 0;
/// Map for the CPU.
#[doc(alias = "GNTMAP_host_map")]
pub const GNTMAP_HOST_MAP: u32 = 1 << 1;
/// Read-only.
#[doc(alias = "GNTMAP_readonly")]
pub const GNTMAP_READONLY: u32 = 1 << 2;
/// Accessible from user mode.
#[doc(alias = "GNTMAP_application_map")]
pub const GNTMAP_APPLICATION_MAP: u32 = 1 << 3;
/// `host_addr` is the machine address of the page-table entry.
#[doc(alias = "GNTMAP_contains_pte")]
pub const GNTMAP_CONTAINS_PTE: u32 = 1 << 4;
/// Shift of the bits for the entry's available bits.
#[doc(alias = "_GNTMAP_guest_avail0")]
pub const GNTMAP_GUEST_AVAIL0: u32 = 16;
/// Bits for the entry's available bits.
#[doc(alias = "GNTMAP_guest_avail_mask")]
pub const GNTMAP_GUEST_AVAIL_MASK: u32 = !0 << GNTMAP_GUEST_AVAIL0;
/// [`GnttabCopy::flags`]: the source is a grant reference.
#[doc(alias = "GNTCOPY_source_gref")]
pub const GNTCOPY_SOURCE_GREF: u16 = 1 << 0;
/// [`GnttabCopy::flags`]: the destination is a grant reference.
#[doc(alias = "GNTCOPY_dest_gref")]
pub const GNTCOPY_DEST_GREF: u16 = 1 << 1;
/// [`GnttabCacheFlush::op`]: clean.
pub const GNTTAB_CACHE_CLEAN: u32 = 1 << 0;
/// [`GnttabCacheFlush::op`]: invalidate.
pub const GNTTAB_CACHE_INVAL: u32 = 1 << 1;
/// [`GnttabCacheFlush::op`]: `a` is a grant reference.
pub const GNTTAB_CACHE_SOURCE_GREF: u32 = 1 << 31;
/// Status: done.
#[doc(alias = "GNTST_okay")]
pub const GNTST_OKAY: i16 = 0;
/// Status: unspecified error.
#[doc(alias = "GNTST_general_error")]
pub const GNTST_GENERAL_ERROR: i16 = -1;
/// Status: no such domain.
#[doc(alias = "GNTST_bad_domain")]
pub const GNTST_BAD_DOMAIN: i16 = -2;
/// Status: bad grant reference.
#[doc(alias = "GNTST_bad_gntref")]
pub const GNTST_BAD_GNTREF: i16 = -3;
/// Status: bad mapping handle.
#[doc(alias = "GNTST_bad_handle")]
pub const GNTST_BAD_HANDLE: i16 = -4;
/// Status: bad address to map at.
#[doc(alias = "GNTST_bad_virt_addr")]
pub const GNTST_BAD_VIRT_ADDR: i16 = -5;
/// Status: bad device address.
#[doc(alias = "GNTST_bad_dev_addr")]
pub const GNTST_BAD_DEV_ADDR: i16 = -6;
/// Status: no room in the IOMMU.
#[doc(alias = "GNTST_no_device_space")]
pub const GNTST_NO_DEVICE_SPACE: i16 = -7;
/// Status: not allowed.
#[doc(alias = "GNTST_permission_denied")]
pub const GNTST_PERMISSION_DENIED: i16 = -8;
/// Status: bad frame.
#[doc(alias = "GNTST_bad_page")]
pub const GNTST_BAD_PAGE: i16 = -9;
/// Status: the copy crosses a page.
#[doc(alias = "GNTST_bad_copy_arg")]
pub const GNTST_BAD_COPY_ARG: i16 = -10;
/// Status: the frame number is too large.
#[doc(alias = "GNTST_address_too_big")]
pub const GNTST_ADDRESS_TOO_BIG: i16 = -11;
/// Status: not now; try again.
#[doc(alias = "GNTST_eagain")]
pub const GNTST_EAGAIN: i16 = -12;
/// Status: no room.
#[doc(alias = "GNTST_no_space")]
pub const GNTST_NO_SPACE: i16 = -13;

/// What a grant status means, in the words of the ABI.
#[doc(alias = "GNTTABOP_error_msgs")]
pub const fn status_message(status: i16) -> &'static str {
    match status {
        GNTST_OKAY => "okay",
        GNTST_BAD_DOMAIN => "unrecognised domain id",
        GNTST_BAD_GNTREF => "invalid grant reference",
        GNTST_BAD_HANDLE => "invalid mapping handle",
        GNTST_BAD_VIRT_ADDR => "invalid virtual address",
        GNTST_BAD_DEV_ADDR => "invalid device address",
        GNTST_NO_DEVICE_SPACE => "no spare translation slot in the I/O MMU",
        GNTST_PERMISSION_DENIED => "permission denied",
        GNTST_BAD_PAGE => "bad page",
        GNTST_BAD_COPY_ARG => "copy arguments cross page boundary",
        GNTST_ADDRESS_TOO_BIG => "page address size too large",
        GNTST_EAGAIN => "operation not done; try again",
        GNTST_NO_SPACE => "out of space",
        _ => "undefined error",
    }
}
