//! What the header functions share: a view of bytes, the next header, the state of one frame.

use crate::addr::IpAddr;
use crate::layers::{Proto, Span};
use crate::tunnel::sflow::Left;

/// Bytes from one header on, with the length they had on the wire.
///
/// `data` holds what was captured, `wire` what the enclosing headers say there was; `data.len() <= wire` always.
#[derive(Clone, Copy, Debug)]
pub(crate) struct View<'a> {
    pub data: &'a [u8],
    pub wire: u32,
    /// Offset of `data[0]` in the frame, or in the buffer of reassembled datagrams.
    pub at: u32,
    pub reassembled: bool,
    /// Begins behind the last captured byte, by more than nothing: no header is read from here.
    pub beyond: bool,
}

impl<'a> View<'a> {
    /// A whole frame. Odd files have a wire length below the captured one: the bytes are there, so they count.
    #[inline]
    pub fn frame(data: &'a [u8], wire: u32) -> Self {
        Self { data, wire: wire.max(data.len() as u32), at: 0, reassembled: false, beyond: false }
    }
    #[inline]
    pub fn u8(self, at: usize) -> Option<u8> {
        self.data.get(at).copied()
    }
    #[inline]
    pub fn array<const N: usize>(self, at: usize) -> Option<[u8; N]> {
        self.data.get(at..)?.first_chunk::<N>().copied()
    }
    /// The first `N` bytes in place: a header is not worth a copy.
    #[inline]
    pub fn head<const N: usize>(self) -> Option<&'a [u8; N]> {
        self.data.first_chunk::<N>()
    }
    /// Big-endian 16 bits.
    #[inline]
    pub fn u16(self, at: usize) -> Option<u16> {
        self.array(at).map(u16::from_be_bytes)
    }
    /// Big-endian 32 bits.
    #[inline]
    pub fn u32(self, at: usize) -> Option<u32> {
        self.array(at).map(u32::from_be_bytes)
    }
    /// What follows the first `n` bytes; empty and `beyond` when there are fewer.
    #[inline]
    pub fn skip(self, n: usize) -> Self {
        let cut = n.min(self.data.len());
        Self {
            data: &self.data[cut..],
            wire: self.wire.saturating_sub(n.min(u32::MAX as usize) as u32),
            at: self.at + cut as u32,
            beyond: self.beyond || cut < n,
            ..self
        }
    }
    /// No more than the first `wire` bytes: a length field that says where the payload ends.
    #[inline]
    pub fn limit(self, wire: u32) -> Self {
        let wire = wire.min(self.wire);
        Self { data: &self.data[..self.data.len().min(wire as usize)], wire, ..self }
    }
    /// Without the last `n` bytes on the wire (a checksum at the end).
    #[inline]
    pub fn without_end(self, n: u32) -> Self {
        self.limit(self.wire.saturating_sub(n))
    }
    #[inline]
    pub fn span(self) -> Span {
        Span { start: self.at, len: self.data.len() as u32, reassembled: self.reassembled }
    }
    #[inline]
    pub fn place(self) -> Place {
        Place { span: self.span(), wire: self.wire }
    }
}

/// A [`View`] without its borrow.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place {
    pub span: Span,
    pub wire: u32,
}

/// The header that stands next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Next {
    // Link layers.
    Ethernet,
    Isl,
    Llc,
    Sll,
    Sll2,
    Null {
        network_order: bool,
    },
    Raw,
    Ppp,
    PppHdlc,
    /// PPP with one byte of direction in front.
    PppDirection,
    Chdlc,
    ChdlcDirection,
    FrameRelay,
    FrameRelayDirection,
    Wlan,
    /// Next subframe of an A-MSDU.
    WlanSubframe,
    Radiotap,
    Prism,
    Avs,
    Ppi,
    Fddi,
    TokenRing,
    /// ARCnet with the BSD or the Linux header.
    Arcnet {
        linux: bool,
    },
    SunAtm,
    Clip,
    Pflog,
    Nflog,
    Pktap,
    Ipnet,
    Enc,
    Ap1394,
    Ipfc,
    Ipoib,
    Docsis,
    Erf,
    Netanalyzer {
        preamble: bool,
    },
    HciH4 {
        direction: bool,
    },
    BluetoothMonitor,
    BtleRf,
    WpanTap,
    SocketCan,
    ExportedPdu,
    Pppoe {
        session: bool,
    },
    // Between link and network.
    Vlan,
    ServiceVlan,
    Mpls,
    /// Ethernet pseudowire behind MPLS, after its control word.
    PseudowireWord,
    Macsec,
    Backbone,
    Redundancy,
    Etag,
    Vntag,
    Hsr,
    Cmd,
    Trill,
    Batadv,
    Osi,
    BcpBpdu,
    Multilink,
    // Network layer.
    Arp,
    /// IPv4 or IPv6, by the version field.
    Ip,
    Ipv4,
    Ipv6,
    /// A payload of IP by its protocol number: a transport, a tunnel or an IPv6 extension header.
    IpProtocol(u8),
    Ah,
    Ipcomp,
    Pim,
    /// A fragment: its place in the datagram stands in [`State::fragment`].
    Fragment,
    // Transport layers.
    Tcp,
    Udp,
    Icmp,
    Icmpv6,
    Sctp,
    // Tunnels.
    Gre,
    Erspan(u8),
    Vxlan {
        generic: bool,
    },
    Geneve,
    Gtp,
    Amt,
    Jmirror,
    Teredo,
    L2tp,
    L2tpIp,
    Nsh,
    Etherip,
    Ayiya,
    LispData,
    Lisp,
    Sflow,
    /// The samples of an sFlow datagram that are left.
    SflowSamples,
    Tzsp,
    UdpEncap,
    CapwapData,
    /// A protocol that is only named.
    Named(Proto),
}

/// What a header function found: the next header and its bytes, or the end of the frame.
pub(crate) type Step<'a> = Option<(Next, View<'a>)>;

/// One fragment of an IP datagram.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Fragment {
    pub src: IpAddr,
    pub dst: IpAddr,
    pub id: u32,
    /// IPv4 protocol number; 0 for IPv6, where only the first fragment's counts.
    pub protocol: u8,
    /// Bytes from the start of the datagram.
    pub offset: u32,
    /// More fragments follow this one.
    pub more: bool,
    /// Protocol number of what the datagram carries.
    pub next: u8,
}

/// State of the frame that no layer of [`crate::layers::Layers`] holds.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct State {
    /// Innermost IP header so far, index in `nets`.
    pub net: Option<u8>,
    /// Behind an ICMP error: headers here are quotes of another packet.
    pub quoted: bool,
    /// What follows is a first fragment that was not reassembled.
    pub fragment_head: bool,
    /// Innermost 802.1Q tag.
    pub vlan_id: u16,
    /// Of the fragment that [`Next::Fragment`] hands over.
    pub fragment: Option<Fragment>,
    /// Radio header in front of 802.11: frame check sequence at the end, header padded to 4 bytes.
    pub wlan_fcs: bool,
    pub wlan_pad: bool,
    /// The two bytes of frame control are swapped.
    pub wlan_swapped: bool,
    /// Where to go on when this branch of the frame ends: more subframes of an A-MSDU, more samples.
    pub more: Option<(Next, Place)>,
    /// Packets here are samples in a report; what is left of it.
    pub sampled: bool,
    pub sflow: Left,
}
