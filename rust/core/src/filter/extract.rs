//! The values of one frame: walks the headers that the dissector logged and has each decoder put what is wanted.

use super::frame::{self, Clock};
use super::registry::{Group, of_proto};
use super::sink::{Buffer, Sink};
use crate::flow::{Datagram, Verdict};
use crate::layers::{Header, Proto, Span};
use crate::link::{ethernet_fields, vlan_fields};
use crate::net::{arp_fields, ipv4_fields, ipv6_fields};
use crate::record::Record;
use crate::transport::{icmp_fields, icmpv6_fields, tcp_fields, udp_fields};

/// How far a layer reaches in its bytes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Extent {
    /// The header itself: what the protocol's own name covers in slices and `len()`.
    pub own: usize,
    /// With all that it carries: what `contains` and `matches` look at.
    pub all: usize,
}

impl Extent {
    pub fn new(own: usize, all: usize) -> Self {
        Self { own, all }
    }
}

/// One header with what follows it, as far as captured.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Layer<'a> {
    pub data: &'a [u8],
    /// Bytes on the wire from the header on.
    pub wire: u32,
    pub header: Header,
}

impl Layer<'_> {
    pub fn u8(&self, at: usize) -> Option<u8> {
        self.data.get(at).copied()
    }
    pub fn u16(&self, at: usize) -> Option<u16> {
        self.data.get(at..at + 2).map(|b| u16::from_be_bytes([b[0], b[1]]))
    }
    pub fn u32(&self, at: usize) -> Option<u32> {
        self.data.get(at..at + 4).map(|b| u32::from_be_bytes([b[0], b[1], b[2], b[3]]))
    }
    pub fn array<const N: usize>(&self, at: usize) -> Option<[u8; N]> {
        self.data.get(at..)?.first_chunk::<N>().copied()
    }
    /// A part of it as a span of its buffer.
    pub fn span(&self, at: usize, len: usize) -> Span {
        let at = at.min(self.data.len());
        let len = len.min(self.data.len() - at);
        Span { start: self.header.span.start + at as u32, len: len as u32, reassembled: self.header.span.reassembled }
    }
}

/// What is known of a frame beside its bytes.
pub(crate) struct Around<'a> {
    pub record: &'a Record<'a>,
    /// Bytes in front of the packet that Wireshark does not count as its own.
    pub pseudo: u32,
    pub number: u64,
    pub clock: &'a Clock,
    pub path: &'a [Proto],
    /// Headers in the order they stand, each with its protocol.
    pub headers: &'a [Header],
    /// Where the innermost TCP header stands that is no quote.
    pub tcp_at: Option<Span>,
    /// Of that header, with where it stands.
    pub verdict: Option<(Span, &'a Verdict)>,
    /// Number of the stream that an ICMP error quotes.
    pub quoted: Option<u32>,
    /// The UDP headers that have a number, where somebody wants it.
    pub datagrams: &'a [Datagram],
    /// How much the innermost TCP header carries is known.
    pub segment_len_known: bool,
    /// Datagrams put together for the frame.
    pub whole: &'a [u8],
}

impl<'a> Around<'a> {
    /// Whether the TCP header that stands there is a quote in an ICMP error.
    pub fn quoted_tcp(&self, span: &Span) -> bool {
        self.tcp_at.is_none_or(|at| (at.start, at.reassembled) != (span.start, span.reassembled))
            && self.headers.iter().any(|h| matches!(h.proto, Proto::Icmp | Proto::Icmpv6) && h.span.start < span.start)
    }

    /// The number of the UDP header that stands there, and its times.
    pub fn datagram(&self, span: &Span) -> Option<&'a Datagram> {
        self.datagrams.iter().find(|d| d.header == *span)
    }

    /// What the analysis of TCP says of the header that stands there.
    pub fn verdict_of(&self, span: &Span) -> Option<&'a Verdict> {
        let (at, verdict) = self.verdict?;
        ((at.start, at.reassembled) == (span.start, span.reassembled)).then_some(verdict)
    }
}

/// Puts what is wanted of the frame's headers into the sink, and then the frame's own fields. Fields of application
/// protocols come from their decoders, before this.
pub(crate) fn extract(a: &Around<'_>, sink: &mut Sink) {
    let of_messages = sink.found.len();
    if sink.wants_table(Group::Frame) {
        sink.at(Buffer::Frame, 0, 1);
        let ethertype = |i: usize| a.headers.get(i).is_some_and(|h| has_ethertype(h, a));
        frame::extract(a, &ethertype, sink);
    }
    let mut counts = [0u8; Proto::ALL.len()];
    for header in a.headers {
        let count = &mut counts[header.proto as usize];
        *count = count.saturating_add(1);
        let data = if header.span.reassembled { a.whole } else { a.record.data };
        let start = header.span.start as usize;
        let data = data.get(start..start.saturating_add(header.span.len as usize)).unwrap_or_default();
        let layer = Layer { data, wire: header.wire, header: *header };
        let buffer = if header.span.reassembled { Buffer::Datagram } else { Buffer::Frame };
        sink.at(buffer, header.span.start, *count);
        layer_fields(&layer, a, sink);
    }
    // Protocols that application decoders found have no header here: their names are there all the same.
    if a.path.len() > a.headers.len() {
        for proto in &a.path[a.headers.len()..] {
            sink.at(Buffer::Frame, 0, 1);
            if !sink.found.iter().any(|o| o.field == of_proto(*proto)) {
                sink.label(of_proto(*proto), 0, 0);
            }
        }
    }
    // From the outside in: application protocols were first.
    sink.found.rotate_left(of_messages);
}

/// Whether Wireshark shows `ethertype` behind this layer in `frame.protocols`.
fn has_ethertype(header: &Header, a: &Around<'_>) -> bool {
    let data = if header.span.reassembled { a.whole } else { a.record.data };
    let at = header.span.start as usize;
    let kind = |offset: usize| data.get(at + offset..at + offset + 2).map(|b| u16::from_be_bytes([b[0], b[1]]));
    match header.proto {
        Proto::Eth => kind(12).is_some_and(|k| k > 1535),
        Proto::Vlan | Proto::Ieee8021ad => kind(2).is_some_and(|k| k > 1535),
        Proto::Sll => kind(14).is_some_and(|k| k > 1536),
        _ => false,
    }
}

fn layer_fields(l: &Layer<'_>, a: &Around<'_>, sink: &mut Sink) {
    let proto = l.header.proto;
    let known = match proto {
        Proto::Eth => Some((Group::Eth, ethernet_fields::extract as fn(&Layer<'_>, &Around<'_>, &mut Sink) -> Extent)),
        Proto::Vlan => Some((Group::Vlan, vlan_fields::extract as _)),
        Proto::Arp => Some((Group::Arp, arp_fields::extract as _)),
        Proto::Ip => Some((Group::Ip, ipv4_fields::extract as _)),
        Proto::Ipv6 | Proto::Ipv6Hopopts | Proto::Ipv6Dstopts | Proto::Ipv6Routing | Proto::Ipv6Fraghdr => {
            Some((Group::Ipv6, ipv6_fields::extract as _))
        }
        Proto::Icmp => Some((Group::Icmp, icmp_fields::extract as _)),
        Proto::Icmpv6 => Some((Group::Icmpv6, icmpv6_fields::extract as _)),
        Proto::Tcp => Some((Group::Tcp, tcp_fields::extract as _)),
        Proto::Udp => Some((Group::Udp, udp_fields::extract as _)),
        _ => None,
    };
    let own = of_proto(proto);
    if proto == Proto::Ipv6 && sink.wants(ipv4_fields::VERSION) && !sink.wants_table(Group::Ipv6) {
        ipv6_fields::extract(l, a, sink);
    }
    let extent = match known {
        Some((group, extract)) if sink.wants_table(group) || sink.wants(own) => extract(l, a, sink),
        Some(_) => return,
        None => Extent::new(l.data.len(), l.data.len()),
    };
    sink.span(own, l.span(0, extent.all), extent.own.min(l.wire as usize).min(u32::MAX as usize) as u32);
}
