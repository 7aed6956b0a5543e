//! One frame into [`Layers`]: link, network, tunnel and transport headers, as Wireshark 4.0 shows them.
//!
//! Each header is a function from a view of bytes to the next header. The walk is a loop, not a recursion: a frame
//! can nest as deep as it likes and costs no stack.

mod view;

pub(crate) use view::{Next, State, Step, View};

use crate::layers::{Layers, Span};
use crate::limits::Limits;
use crate::record::{Record, RecordKind};
use crate::{link, net, transport};

/// Most headers followed in one frame.
const MAX_STEPS: usize = 128;

/// How reassembly of IP fragments went so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ReassemblyStats {
    /// Datagrams put together.
    pub completed: u64,
    /// Datagrams in work now.
    pub incomplete: u64,
    /// Datagrams given up for want of room.
    pub evicted: u64,
    /// Fragments that overlap or repeat others of their datagram.
    pub overlaps: u64,
    /// Bytes held now.
    pub bytes_held: u64,
}

/// Dissects the frames of one capture, in order. Holds the fragments of datagrams that are not complete yet.
#[derive(Debug)]
pub struct Dissector {
    /// Datagrams completed by the frame last dissected, one after the other.
    whole: Vec<u8>,
    stats: ReassemblyStats,
}

impl Dissector {
    pub fn new(_limits: &Limits) -> Self {
        Self { whole: Vec::new(), stats: ReassemblyStats::default() }
    }

    /// Finds the headers of one frame. `frame` is its number, from 1, rising. `out` is emptied first.
    pub fn dissect(&mut self, record: &Record<'_>, _frame: u64, out: &mut Layers) {
        out.clear();
        self.whole.clear();
        if record.kind != RecordKind::Packet {
            return;
        }
        let view = View::frame(record.data, record.wire_len);
        let Some(mut next) = link::first(record.link) else { return };
        let mut place = view.place();
        let mut state = State::default();
        for _ in 0..MAX_STEPS {
            let view = View {
                data: self.bytes(record, place.span),
                wire: place.wire,
                at: place.span.start,
                reassembled: place.span.reassembled,
            };
            match step(next, view, &mut state, out) {
                Some((header, rest)) => (next, place) = (header, rest.place()),
                None => return,
            }
        }
        out.too_deep = true;
    }

    /// Bytes of a span of the frame last dissected. Empty for a span of another frame that does not fit.
    #[inline]
    pub fn bytes<'a>(&'a self, record: &Record<'a>, span: Span) -> &'a [u8] {
        let data: &'a [u8] = if span.reassembled { &self.whole } else { record.data };
        let start = span.start as usize;
        data.get(start..start.saturating_add(span.len as usize)).unwrap_or_default()
    }

    /// Counters of the reassembly of IP fragments.
    pub fn reassembly(&self) -> &ReassemblyStats {
        &self.stats
    }
}

/// Takes one header off.
#[inline]
fn step<'a>(next: Next, view: View<'a>, state: &mut State, out: &mut Layers) -> Step<'a> {
    match next {
        Next::Ethernet => link::ethernet::header(view, out),
        Next::Vlan => link::vlan::tag(view, out),
        Next::Arp => net::arp::message(view, out),
        Next::Ip => match view.u8(0)? >> 4 {
            4 => net::ipv4::header(view, state, out),
            6 => net::ipv6::header(view, state, out),
            _ => None,
        },
        Next::Ipv4 => net::ipv4::header(view, state, out),
        Next::Ipv6 => net::ipv6::header(view, state, out),
        Next::IpProtocol(number) => net::protocol(number, view),
        Next::Tcp => transport::tcp::header(view, state, out),
        Next::Udp => transport::udp::header(view, state, out),
        Next::Icmp => transport::icmp::message(view, state, out),
        Next::Icmpv6 => transport::icmp::message_v6(view, state, out),
    }
}
