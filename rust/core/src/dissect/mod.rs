//! One frame into [`Layers`]: link, network, tunnel and transport headers, as Wireshark 4.0 shows them.
//!
//! Each header is a function from a view of bytes to the next header. The walk is a loop, not a recursion: a frame
//! can nest as deep as it likes and costs no stack.

#[cfg(test)]
pub(crate) mod testing;
mod view;

pub(crate) use view::{Fragment, Next, State, Step, View};

pub use crate::net::fragment::ReassemblyStats;

use crate::layers::{Header, Layers, Proto, Span};
use crate::limits::Limits;
use crate::net::fragment::Reassembly;
use crate::record::{Record, RecordKind};
use crate::{link, net, transport, tunnel};
use view::Place;

/// Most headers followed in one frame.
const MAX_STEPS: usize = 128;

/// Dissects the frames of one capture, in order. Holds the fragments of datagrams that are not complete yet.
#[derive(Debug)]
pub struct Dissector {
    /// Datagrams completed by the frame last dissected, one after the other.
    whole: Vec<u8>,
    fragments: Reassembly,
    /// Headers of the frame last dissected, where somebody asked for them.
    headers: Vec<Header>,
    log: bool,
}

impl Dissector {
    pub fn new(limits: &Limits) -> Self {
        let fragments = Reassembly::new(limits.max_fragment_sets, limits.max_fragment_bytes);
        Self { whole: Vec::new(), fragments, headers: Vec::new(), log: false }
    }

    /// Whether [`headers`](Self::headers) shall be there.
    pub fn log_headers(&mut self, on: bool) {
        self.log = on;
    }

    /// The headers of the frame last dissected, in the order of its path. Empty unless they were asked for.
    pub fn headers(&self) -> &[Header] {
        &self.headers
    }

    /// The datagrams put together for the frame last dissected.
    pub fn whole(&self) -> &[u8] {
        &self.whole
    }

    /// Finds the headers of one frame. `out` is emptied first. The frame's number decides nothing today: what
    /// completes here belongs to the frame given.
    pub fn dissect(&mut self, record: &Record<'_>, _frame: u64, out: &mut Layers) {
        if self.log { self.run::<true>(record, out) } else { self.run::<false>(record, out) }
    }

    #[inline]
    fn run<const LOG: bool>(&mut self, record: &Record<'_>, out: &mut Layers) {
        out.clear();
        self.whole.clear();
        if LOG {
            self.headers.clear();
        }
        if record.kind != RecordKind::Packet {
            return;
        }
        let Some(next) = link::first(record.link) else { return };
        let view = View::frame(record.data, record.wire_len);
        let mut state = State::default();
        let mut left = MAX_STEPS;
        let (next, view) = match next {
            Next::Ethernet => match common::<LOG>(view, &mut state, out, &mut self.headers) {
                Some((_, rest)) if rest.beyond => {
                    out.short = true;
                    return;
                }
                Some(found) => found,
                None => return,
            },
            _ => (next, view),
        };
        let mut stop = walk::<LOG>(next, view, &mut state, out, &mut left, &mut self.headers);
        while let Stop::At(next, place) = stop {
            // Only these two add to the buffer of datagrams, and the walk goes on in it.
            let before = out.path.len();
            let found = match next {
                Next::Fragment => self.reassemble(record, place, &state, out),
                Next::Ipcomp => self.decompress(record, place, &state, out),
                _ => Some((next, place)),
            };
            if LOG {
                log(&mut self.headers, place, &out.path[before..]);
            }
            let Some((next, place)) = found.or_else(|| state.more.take()) else { return };
            let mut headers = std::mem::take(&mut self.headers);
            let view = View {
                data: self.bytes(record, place.span),
                wire: place.wire,
                at: place.span.start,
                reassembled: place.span.reassembled,
                beyond: false,
            };
            stop = walk::<LOG>(next, view, &mut state, out, &mut left, &mut headers);
            self.headers = headers;
        }
    }

    /// Adds a fragment to its datagram; what the datagram carries belongs to the frame that completes it.
    #[cold]
    fn reassemble(
        &mut self,
        record: &Record<'_>,
        place: Place,
        state: &State,
        out: &mut Layers,
    ) -> Option<(Next, Place)> {
        let fragment = state.fragment.as_ref()?;
        let start = self.whole.len();
        let copy;
        let data = if place.span.reassembled {
            copy = self.bytes(record, place.span).to_vec();
            &copy
        } else {
            record.data.get(place.span.start as usize..).and_then(|rest| rest.get(..place.span.len as usize))?
        };
        // Wireshark tells IPv4 datagrams of different VLANs apart, IPv6 ones not.
        let vlan_id = if fragment.src.v6 { 0 } else { state.vlan_id };
        match self.fragments.add(fragment, vlan_id, data, &mut self.whole) {
            Some(length) => {
                let span = Span { start: start as u32, len: length, reassembled: true };
                Some((Next::IpProtocol(fragment.next), Place { span, wire: length }))
            }
            None => {
                out.push(Proto::Data);
                None
            }
        }
    }

    /// Unpacks a compressed payload behind the reassembled datagrams.
    #[cold]
    fn decompress(
        &mut self,
        record: &Record<'_>,
        place: Place,
        state: &State,
        out: &mut Layers,
    ) -> Option<(Next, Place)> {
        let start = self.whole.len();
        let packed = self.bytes(record, place.span).to_vec();
        let view = View { data: &packed, wire: place.wire, at: 0, reassembled: true, beyond: false };
        let next = net::ipcomp::header(view, state, out, &mut self.whole)?;
        let len = (self.whole.len() - start) as u32;
        let span = Span { start: start as u32, len, reassembled: true };
        Some((Next::IpProtocol(next), Place { span, wire: len }))
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
        &self.fragments.stats
    }
}

/// Notes where the protocols stand that a header function found.
#[inline]
fn log(headers: &mut Vec<Header>, place: Place, found: &[Proto]) {
    headers.extend(found.iter().map(|&proto| Header { proto, span: place.span, wire: place.wire }));
}

/// Runs a header function and notes what it found.
#[inline(always)]
fn logged<'a, const LOG: bool>(
    headers: &mut Vec<Header>,
    view: View<'a>,
    out: &mut Layers,
    header: impl FnOnce(&mut Layers) -> Step<'a>,
) -> Step<'a> {
    if !LOG {
        return header(out);
    }
    let before = out.path.len();
    let found = header(out);
    log(headers, view.place(), &out.path[before..]);
    found
}

/// What nearly every frame is: Ethernet, at most one tag, IP, TCP or UDP. The headers in a row, without the choice of
/// [`walk`] in between; where a frame leaves this path, the walk goes on.
#[inline]
fn common<'a, const LOG: bool>(
    view: View<'a>,
    state: &mut State,
    out: &mut Layers,
    headers: &mut Vec<Header>,
) -> Step<'a> {
    let (mut next, mut rest) = logged::<LOG>(headers, view, out, |out| link::ethernet::header(view, out))?;
    if next == Next::Vlan {
        (next, rest) = logged::<LOG>(headers, rest, out, |out| link::vlan::tag(rest, state, out))?;
    }
    let (next, rest) = match next {
        Next::Ipv4 => logged::<LOG>(headers, rest, out, |out| net::ipv4::header(rest, state, out))?,
        Next::Ipv6 => logged::<LOG>(headers, rest, out, |out| net::ipv6::header(rest, state, out))?,
        _ => return Some((next, rest)),
    };
    match next {
        Next::IpProtocol(6) => logged::<LOG>(headers, rest, out, |out| transport::tcp::header(rest, state, out)),
        Next::IpProtocol(17) => logged::<LOG>(headers, rest, out, |out| transport::udp::header(rest, state, out)),
        _ => Some((next, rest)),
    }
}

/// Why a walk over the headers ended.
enum Stop {
    /// Nothing more to read.
    End,
    /// To go on from here: a header that needs the buffer of reassembled datagrams, or another branch of the frame.
    At(Next, Place),
}

/// Takes headers off until the last one, or until one that needs the dissector itself. `left` bounds the work.
#[inline]
fn walk<'a, const LOG: bool>(
    mut next: Next,
    mut view: View<'a>,
    state: &mut State,
    out: &mut Layers,
    left: &mut usize,
    headers: &mut Vec<Header>,
) -> Stop {
    loop {
        if matches!(next, Next::Fragment | Next::Ipcomp) {
            return Stop::At(next, view.place());
        }
        if *left == 0 {
            out.too_deep = true;
            return Stop::End;
        }
        *left -= 1;
        match logged::<LOG>(headers, view, out, |out| step(next, view, state, out)) {
            Some((header, rest)) if !rest.beyond => (next, view) = (header, rest),
            found => {
                out.short |= found.is_some();
                return state.more.take().map_or(Stop::End, |(header, rest)| Stop::At(header, rest));
            }
        }
    }
}

/// Takes one header off.
#[inline(always)]
fn step<'a>(next: Next, view: View<'a>, state: &mut State, out: &mut Layers) -> Step<'a> {
    match next {
        Next::Ethernet => link::ethernet::header(view, out),
        Next::Vlan => link::vlan::tag(view, state, out),
        Next::Ip | Next::Ipv4 => net::ipv4::header(view, state, out),
        Next::Ipv6 => net::ipv6::header(view, state, out),
        Next::IpProtocol(number) => net::protocol(number, view, state, out),
        Next::Tcp => transport::tcp::header(view, state, out),
        Next::Udp => transport::udp::header(view, state, out),
        Next::Arp => net::arp::message(view, out),
        Next::Icmp => transport::icmp::message(view, state, out),
        Next::Icmpv6 => transport::icmp::message_v6(view, state, out),
        _ => rare_step(next, view, state, out),
    }
}

/// The headers that few frames have.
#[cold]
fn rare_step<'a>(next: Next, view: View<'a>, state: &mut State, out: &mut Layers) -> Step<'a> {
    match next {
        Next::Named(Proto::Netlink) if view.u16(2).is_some_and(|hardware| hardware != 824) => None,
        Next::Named(proto) => {
            if view.data.len() < shown_from(proto, view) || view.wire == 0 && proto == Proto::Esp {
                out.short = true;
            } else {
                out.push(proto);
            }
            None
        }
        Next::Isl => link::ethernet::isl(view, out),
        Next::Llc => link::llc::header(view, out),
        Next::Osi => link::llc::osi(view, out),
        Next::Sll => link::sll::header(view, out),
        Next::Sll2 => link::sll::header2(view, out),
        Next::Null { network_order } => link::null::header(network_order, view, out),
        Next::Raw => link::null::raw(view, out),
        Next::Ppp => link::ppp::header(view, out),
        Next::PppHdlc => link::ppp::hdlc(view, out),
        Next::PppDirection => link::ppp::hdlc(view.skip(1), out),
        Next::Multilink => link::ppp::multilink(view, out),
        Next::BcpBpdu => link::ppp::bridged(view, out),
        Next::Pppoe { session } => link::ppp::over_ethernet(session, view, out),
        Next::Chdlc => link::hdlc::header(view, out),
        Next::ChdlcDirection => link::hdlc::header(view.skip(1), out),
        Next::FrameRelay => link::frame_relay::header(view, out),
        Next::FrameRelayDirection => link::frame_relay::header(view.skip(1), out),
        Next::Wlan => link::wlan::header(view, state, out),
        Next::WlanSubframe => link::wlan::subframe(view, state, out),
        Next::Radiotap => link::radio::radiotap(view, state, out),
        Next::Prism => link::radio::prism(view, out),
        Next::Avs => link::radio::avs(view, out),
        Next::Ppi => link::radio::ppi(view, state, out),
        Next::Fddi => link::ring::fddi(view, out),
        Next::TokenRing => link::ring::token_ring(view, out),
        Next::Arcnet { linux } => link::arcnet::header(linux, view, out),
        Next::SunAtm => link::atm::sun(view, out),
        Next::Clip => link::atm::clip(view, out),
        Next::Pflog => link::logs::pflog(view, out),
        Next::Nflog => link::logs::nflog(view, out),
        Next::Pktap => link::logs::pktap(view, out),
        Next::Ipnet => link::logs::ipnet(view, out),
        Next::Enc => link::logs::enc(view, out),
        Next::Ap1394 => link::pseudo::ap1394(view, out),
        Next::Ipfc => link::pseudo::ipfc(view, out),
        Next::Ipoib => link::pseudo::ipoib(view, out),
        Next::Docsis => link::pseudo::docsis(view, out),
        Next::Erf => link::pseudo::erf(view, out),
        Next::Netanalyzer { preamble } => link::pseudo::netanalyzer(preamble, view, out),
        Next::HciH4 { direction } => link::pseudo::hci_h4(direction, view, out),
        Next::BluetoothMonitor => link::pseudo::bluetooth_monitor(view, out),
        Next::BtleRf => link::pseudo::btle_rf(view, out),
        Next::WpanTap => link::pseudo::wpan_tap(view, out),
        Next::SocketCan => link::pseudo::socketcan(view, out),
        Next::ExportedPdu => link::exported::header(view, out),
        Next::ServiceVlan => link::vlan::service_tag(view, out),
        Next::Macsec => link::shim::macsec(view, out),
        Next::Backbone => link::shim::backbone(view, out),
        Next::Redundancy => link::shim::redundancy(view, out),
        Next::Etag => link::shim::etag(view, out),
        Next::Vntag => link::shim::vntag(view, out),
        Next::Hsr => link::shim::hsr(view, out),
        Next::Cmd => link::shim::cmd(view, out),
        Next::Batadv => link::shim::batadv(view, out),
        Next::Trill => link::shim::trill(view, out),
        Next::Mpls => net::mpls::stack(view, out),
        Next::PseudowireWord => net::mpls::control_word(view, out),
        Next::Ah => net::ah::header(view, state, out),
        Next::Pim => net::pim::message(view, out),
        Next::Sctp => transport::sctp::header(view, out),
        Next::Gre => tunnel::gre::header(view, out),
        Next::Erspan(kind) => tunnel::erspan::header(kind, view, out),
        Next::Vxlan { generic } => tunnel::overlay::vxlan(generic, view, out),
        Next::Geneve => tunnel::overlay::geneve(view, out),
        Next::Gtp => tunnel::gtp::header(view, out),
        Next::Amt => tunnel::etherip::amt(view, out),
        Next::Teredo => tunnel::teredo::header(view, out),
        Next::L2tp => tunnel::l2tp::over_udp(view, out),
        Next::L2tpIp => tunnel::l2tp::over_ip(view, out),
        Next::Nsh => tunnel::nsh::header(view, out),
        Next::Etherip => tunnel::etherip::header(view, out),
        Next::Ayiya => tunnel::etherip::ayiya(view, out),
        Next::Lisp => tunnel::etherip::lisp_control(view, out),
        Next::Sflow => tunnel::sflow::header(view, state, out),
        Next::SflowSamples => tunnel::sflow::samples(view, state, out),
        Next::LispData => tunnel::etherip::lisp(view, out),
        Next::Jmirror => tunnel::etherip::jmirror(view),
        Next::Tzsp => tunnel::etherip::tzsp(view, out),
        Next::UdpEncap => tunnel::udpencap::payload(view, out),
        Next::CapwapData => tunnel::capwap::data(view, state, out),
        // Handled before or elsewhere.
        Next::Ethernet
        | Next::Vlan
        | Next::Ip
        | Next::Ipv4
        | Next::Ipv6
        | Next::IpProtocol(_)
        | Next::Tcp
        | Next::Udp => None,
        Next::Arp | Next::Icmp | Next::Icmpv6 | Next::Fragment | Next::Ipcomp => None,
    }
}

/// Bytes that Wireshark reads of a header before it shows the layer.
fn shown_from(proto: Proto, view: View<'_>) -> usize {
    match proto {
        Proto::Esp | Proto::Lldp | Proto::Isis | Proto::Eapol | Proto::Cdp => 0,
        Proto::Igmp => 2,
        Proto::Ospf | Proto::Netlink => 4,
        Proto::Eigrp => 16,
        // A topology change is a type, the others have the identities of root and bridge and a port.
        Proto::Stp => match view.u8(3) {
            Some(0 | 2 | 3) => 27,
            _ => 4,
        },
        _ => 1,
    }
}
