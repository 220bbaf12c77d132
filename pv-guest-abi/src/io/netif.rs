//! Network interfaces (`io/netif.h`).
//!
//! Two rings, transmit and receive, and a control ring. A packet of several requests, or with
//! [`NetifExtraInfo`], takes consecutive entries.

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// Entries that a backend must take for one packet.
pub const XEN_NETIF_NR_SLOTS_MIN: u32 = 18;
/// Greatest packet, in bytes.
pub const XEN_NETIF_MAX_TX_SIZE: u32 = 0xffff;
/// Hash over IPv4 addresses.
pub const XEN_NETIF_CTRL_HASH_TYPE_IPV4: u32 = 1 << 0;
/// Hash over IPv4 addresses and ports.
pub const XEN_NETIF_CTRL_HASH_TYPE_IPV4_TCP: u32 = 1 << 1;
/// Hash over IPv6 addresses.
pub const XEN_NETIF_CTRL_HASH_TYPE_IPV6: u32 = 1 << 2;
/// Hash over IPv6 addresses and ports.
pub const XEN_NETIF_CTRL_HASH_TYPE_IPV6_TCP: u32 = 1 << 3;
/// Hash: none.
pub const XEN_NETIF_CTRL_HASH_ALGORITHM_NONE: u32 = 0;
/// Hash: Toeplitz.
pub const XEN_NETIF_CTRL_HASH_ALGORITHM_TOEPLITZ: u32 = 1;
/// [`NetifCtrlResponse::status`]: done.
pub const XEN_NETIF_CTRL_STATUS_SUCCESS: u32 = 0;
/// Not supported.
pub const XEN_NETIF_CTRL_STATUS_NOT_SUPPORTED: u32 = 1;
/// Bad parameter.
pub const XEN_NETIF_CTRL_STATUS_INVALID_PARAMETER: u32 = 2;
/// Too large.
pub const XEN_NETIF_CTRL_STATUS_BUFFER_OVERFLOW: u32 = 3;
/// [`NetifCtrlRequest::kind`]: none.
pub const XEN_NETIF_CTRL_TYPE_INVALID: u16 = 0;
/// Kinds of hash there are.
pub const XEN_NETIF_CTRL_TYPE_GET_HASH_FLAGS: u16 = 1;
/// Choose kinds of hash.
pub const XEN_NETIF_CTRL_TYPE_SET_HASH_FLAGS: u16 = 2;
/// Set the key.
pub const XEN_NETIF_CTRL_TYPE_SET_HASH_KEY: u16 = 3;
/// Size of the mapping table.
pub const XEN_NETIF_CTRL_TYPE_GET_HASH_MAPPING_SIZE: u16 = 4;
/// Set its size.
pub const XEN_NETIF_CTRL_TYPE_SET_HASH_MAPPING_SIZE: u16 = 5;
/// Set the mapping.
pub const XEN_NETIF_CTRL_TYPE_SET_HASH_MAPPING: u16 = 6;
/// Set the algorithm.
pub const XEN_NETIF_CTRL_TYPE_SET_HASH_ALGORITHM: u16 = 7;
/// Grants that may be kept mapped.
pub const XEN_NETIF_CTRL_TYPE_GET_GREF_MAPPING_SIZE: u16 = 8;
/// Keep grants mapped.
pub const XEN_NETIF_CTRL_TYPE_ADD_GREF_MAPPING: u16 = 9;
/// Unmap them.
pub const XEN_NETIF_CTRL_TYPE_DEL_GREF_MAPPING: u16 = 10;
/// [`NetifGref::flags`]: read-only.
#[doc(alias = "XEN_NETIF_CTRLF_GREF_readonly")]
pub const XEN_NETIF_CTRLF_GREF_READONLY: u16 = 1 << 0;
/// [`NetifTxRequest::flags`]: the checksum is to be computed.
#[doc(alias = "NETTXF_csum_blank")]
pub const NETTXF_CSUM_BLANK: u16 = 1 << 0;
/// The checksum is right.
#[doc(alias = "NETTXF_data_validated")]
pub const NETTXF_DATA_VALIDATED: u16 = 1 << 1;
/// The packet goes on in the next request.
#[doc(alias = "NETTXF_more_data")]
pub const NETTXF_MORE_DATA: u16 = 1 << 2;
/// An extra information follows.
#[doc(alias = "NETTXF_extra_info")]
pub const NETTXF_EXTRA_INFO: u16 = 1 << 3;
/// [`NetifRxResponse::flags`]: the checksum is right.
#[doc(alias = "NETRXF_data_validated")]
pub const NETRXF_DATA_VALIDATED: u16 = 1 << 0;
/// The checksum is not computed.
#[doc(alias = "NETRXF_csum_blank")]
pub const NETRXF_CSUM_BLANK: u16 = 1 << 1;
/// The packet goes on in the next answer.
#[doc(alias = "NETRXF_more_data")]
pub const NETRXF_MORE_DATA: u16 = 1 << 2;
/// An extra information follows.
#[doc(alias = "NETRXF_extra_info")]
pub const NETRXF_EXTRA_INFO: u16 = 1 << 3;
/// Segmentation information comes before (old form).
#[doc(alias = "NETRXF_gso_prefix")]
pub const NETRXF_GSO_PREFIX: u16 = 1 << 4;
/// [`NetifExtraInfo::kind`]: none.
pub const XEN_NETIF_EXTRA_TYPE_NONE: u8 = 0;
/// Segmentation; [`NetifExtraGso`].
pub const XEN_NETIF_EXTRA_TYPE_GSO: u8 = 1;
/// Join a multicast address; [`NetifExtraMcast`].
pub const XEN_NETIF_EXTRA_TYPE_MCAST_ADD: u8 = 2;
/// Leave it; [`NetifExtraMcast`].
pub const XEN_NETIF_EXTRA_TYPE_MCAST_DEL: u8 = 3;
/// Hash; [`NetifExtraHash`].
pub const XEN_NETIF_EXTRA_TYPE_HASH: u8 = 4;
/// Number of kinds.
pub const XEN_NETIF_EXTRA_TYPE_MAX: u8 = 5;
/// [`NetifExtraInfo::flags`]: another follows.
pub const XEN_NETIF_EXTRA_FLAG_MORE: u8 = 1 << 0;
/// [`NetifExtraGso::kind`]: none.
pub const XEN_NETIF_GSO_TYPE_NONE: u8 = 0;
/// TCP over IPv4.
pub const XEN_NETIF_GSO_TYPE_TCPV4: u8 = 1;
/// TCP over IPv6.
pub const XEN_NETIF_GSO_TYPE_TCPV6: u8 = 2;
/// Status: dropped.
pub const NETIF_RSP_DROPPED: i16 = -2;
/// Status: failed.
pub const NETIF_RSP_ERROR: i16 = -1;
/// Status: done.
pub const NETIF_RSP_OKAY: i16 = 0;
/// Status: not a real answer (for extra information).
pub const NETIF_RSP_NULL: i16 = 1;

/// A control request.
#[doc(alias = "xen_netif_ctrl_request")]
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct NetifCtrlRequest {
    /// Repeated in the answer.
    pub id: u16,
    /// `XEN_NETIF_CTRL_TYPE_*`.
    #[doc(alias = "type")]
    pub kind: u16,
    /// Parameters.
    pub data: [u32; 3],
}

/// A control answer.
#[doc(alias = "xen_netif_ctrl_response")]
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct NetifCtrlResponse {
    /// That of the request.
    pub id: u16,
    /// That of the request.
    #[doc(alias = "type")]
    pub kind: u16,
    /// `XEN_NETIF_CTRL_STATUS_*`.
    pub status: u32,
    /// Result.
    pub data: u32,
}

/// A grant to keep mapped.
#[doc(alias = "xen_netif_gref")]
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct NetifGref {
    /// The grant.
    #[doc(alias = "ref")]
    pub reference: u32,
    /// `XEN_NETIF_CTRLF_GREF_*`.
    pub flags: u16,
    /// Out: `XEN_NETIF_CTRL_STATUS_*`.
    pub status: u16,
}

/// A packet to send, or a part of it (12 bytes).
#[doc(alias = "netif_tx_request")]
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct NetifTxRequest {
    /// Grant of the page.
    pub gref: u32,
    /// Offset in the page, in bytes.
    pub offset: u16,
    /// `NETTXF_*`.
    pub flags: u16,
    /// Repeated in the answer.
    pub id: u16,
    /// First request: size of the packet; others: of the part.
    pub size: u16,
}

/// Segmentation.
#[doc(alias = "netif_extra_info.u.gso")]
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct NetifExtraGso {
    /// Payload of a segment, in bytes.
    pub size: u16,
    /// `XEN_NETIF_GSO_TYPE_*`.
    #[doc(alias = "type")]
    pub kind: u8,
    /// Zero.
    pub pad: u8,
    /// Zero.
    pub features: u16,
}

/// A multicast address.
#[doc(alias = "netif_extra_info.u.mcast")]
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct NetifExtraMcast {
    /// The address.
    pub addr: [u8; 6],
}

/// A hash.
#[doc(alias = "netif_extra_info.u.hash")]
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct NetifExtraHash {
    /// Kind.
    #[doc(alias = "type")]
    pub kind: u8,
    /// Algorithm.
    pub algorithm: u8,
    /// Value.
    pub value: [u8; 4],
}

/// Extra information, in a ring entry.
#[doc(alias = "netif_extra_info")]
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct NetifExtraInfo {
    /// `XEN_NETIF_EXTRA_TYPE_*`.
    #[doc(alias = "type")]
    pub kind: u8,
    /// `XEN_NETIF_EXTRA_FLAG_*`.
    pub flags: u8,
    /// One of the above.
    pub u: [u16; 3],
}

/// An answer to a transmit request.
#[doc(alias = "netif_tx_response")]
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct NetifTxResponse {
    /// That of the request.
    pub id: u16,
    /// `NETIF_RSP_*`.
    pub status: i16,
}

/// A page to receive into (8 bytes).
#[doc(alias = "netif_rx_request")]
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct NetifRxRequest {
    /// Repeated in the answer.
    pub id: u16,
    /// Zero.
    pub pad: u16,
    /// Grant of the page.
    pub gref: u32,
}

/// A received packet, or a part of it (8 bytes).
#[doc(alias = "netif_rx_response")]
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct NetifRxResponse {
    /// That of the request.
    pub id: u16,
    /// Offset in the page, in bytes.
    pub offset: u16,
    /// `NETRXF_*`.
    pub flags: u16,
    /// Size in bytes, or `NETIF_RSP_*`.
    pub status: i16,
}

crate::zeroed_default!(
    NetifCtrlRequest,
    NetifCtrlResponse,
    NetifGref,
    NetifTxRequest,
    NetifExtraGso,
    NetifExtraMcast,
    NetifExtraHash,
    NetifExtraInfo,
    NetifTxResponse,
    NetifRxRequest,
    NetifRxResponse
);
