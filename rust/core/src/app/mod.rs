//! Application protocols: who gets which bytes, and what comes out.
//!
//! A protocol is one file that implements [`App`] and one line in [`all`]. It is offered UDP payloads and TCP streams
//! by port (as Wireshark does by default) and, where no port claims them, by content. What it understands it hands
//! out as [`Message`]s, owned values that a machine outside the core follows; what is too frequent for that it counts
//! itself and gives as a [`Report`].

mod arp;
mod bytes;
pub mod count;
mod dhcp;
pub mod dns;
mod gateway;
mod http;
pub(crate) use http::{fields as http_fields, http2_fields, websocket_fields};
mod icmp;
pub(crate) use dhcp::{fields as dhcp_fields, fields6 as dhcpv6_fields};
pub(crate) use dns::fields as dns_fields;
pub(crate) use icmp::pair_fields as icmp_pair_fields;
pub mod kept;
mod logins;
pub mod media;
pub mod message;
mod names;
mod ntp;
mod probes;
pub(crate) use ntp::fields as ntp_fields;
mod quic;
pub(crate) use quic::fields as quic_fields;
mod reader;
pub mod rows;
mod rtp;
pub(crate) use rtp::{fields as rtp_fields, rtcp_fields};
mod sip;
pub(crate) use sip::{filters as sip_fields, sdp_filters as sdp_fields};
pub mod stream;
pub mod table;
pub mod tls;
pub(crate) use tls::fields as tls_fields;
mod watch;

use crate::addr::{IpAddr, MacAddr};
use crate::dissect::Dissector;
use crate::filter::{Buffer, FieldId, Group, Sink};
use crate::flow::{Verdict, event};
use crate::layers::{Icmp, Layers, Net, Proto, Span};
use crate::limits::Limits;
use crate::record::Record;
use arrayvec::ArrayVec;
pub(crate) use icmp::quoted_ends;
use kept::Kept;
use media::MediaBook;
pub use message::{Fields, Message, Value};
pub use rows::Rows;
use std::any::Any;
use std::collections::HashMap;
use std::sync::Arc;
use stream::{Segment, Streams};
use watch::Watch;

/// Why bytes are taken for a protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DetectedBy {
    /// Its registered port: what Wireshark does by default.
    Port,
    /// The bytes themselves, on a port that is not its own.
    Content,
    /// Announced by another protocol or guessed from a pattern over several packets.
    Heuristic,
}

impl DetectedBy {
    pub fn name(self) -> &'static str {
        match self {
            DetectedBy::Port => "port",
            DetectedBy::Content => "content",
            DetectedBy::Heuristic => "heuristic",
        }
    }
}

/// Where a message stands: frame, time, ends.
#[derive(Clone, Copy, Debug)]
pub struct Context {
    /// Frame that completes the message.
    pub frame: u64,
    pub time_ns: i64,
    pub src: IpAddr,
    pub dst: IpAddr,
    pub src_port: u16,
    pub dst_port: u16,
    /// `udp`, `tcp`, `icmp` or `icmpv6`.
    pub transport: Proto,
    pub ttl: u8,
    /// Frame length on the wire, bytes.
    pub frame_bytes: u32,
    /// TCP stream number; of an ICMP error that of the connection it quotes.
    pub stream: Option<u32>,
    /// Sent by the server of the TCP stream, as far as known by then.
    pub to_client: bool,
    pub detected_by: DetectedBy,
    /// Wireshark, which does not put TCP segments in order by default, does not show the message: it begins in a segment
    /// taken for a repetition, or lies in segments that came before its start.
    pub only_in_order: bool,
    /// Behind the first damage of the file.
    pub recovered: bool,
}

/// What a protocol says of the first bytes of an unclaimed payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Probe {
    Yes,
    No,
    /// Not enough bytes to tell.
    More,
}

/// What a protocol did with the readable bytes of a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// A message of that many bytes (never 0) is done. More than are readable: the rest is passed over as it comes
    /// and stored nowhere; [`App::skipped`] tells when all of it has come.
    Consumed(usize),
    /// Nothing to do until there are at least that many bytes.
    Need(usize),
    /// None of this protocol, later bytes may be: the readable ones are offered to the others and dropped.
    Pass,
    /// These bytes are none of this protocol: give up on this direction.
    Lost,
}

/// How a direction of a TCP stream ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Close {
    /// Its sender has sent everything (FIN), and all of it has come.
    Fin,
    /// Its sender broke the connection off (RST).
    Rst,
}

/// Where an application protocol puts what it found.
#[derive(Debug, Default)]
pub struct Output {
    pub messages: Vec<Message>,
    /// Protocols found in the frame at hand, for its protocol path.
    protocols: ArrayVec<Proto, 8>,
    /// Takes the fields that a filter or a column wants; None: nobody wants any.
    pub(crate) sink: Option<Box<Sink>>,
    /// The frame at hand does not pass the filter of the pass.
    passed_over: bool,
}

impl Output {
    /// Where the protocols and fields found so far end, for [`Self::back_to`].
    fn mark(&self) -> (usize, usize) {
        (self.protocols.len(), self.sink.as_ref().map_or(0, |s| s.found.len()))
    }

    /// The protocols found since.
    fn since(&self, (protocols, _): (usize, usize)) -> &[Proto] {
        self.protocols.get(protocols..).unwrap_or_default()
    }

    /// Takes back the protocols and fields found since: they were found in bytes of an earlier frame.
    fn back_to(&mut self, (protocols, fields): (usize, usize)) {
        self.protocols.truncate(protocols);
        if let Some(sink) = &mut self.sink {
            sink.found.truncate(fields);
        }
    }

    /// The frame at hand holds this protocol.
    pub fn found(&mut self, proto: Proto) {
        // More than eight kinds in one frame do not occur; the path has no room for them either.
        let _ = self.protocols.try_push(proto);
        if let Some(sink) = &mut self.sink {
            let nth = self.protocols.iter().filter(|p| **p == proto).count();
            sink.set_layer(nth as u8);
        }
    }

    /// Whether the frame at hand counts. If not, it does not pass the filter of the pass: a decoder reads its stream on as
    /// always, but counts nothing, keeps nothing and hands out nothing.
    #[inline]
    pub fn counts(&self) -> bool {
        !self.passed_over
    }

    /// The bytes of the protocol just [`found`](Self::found): what its name compares with in filters.
    pub fn layer(&mut self, proto: FieldId, bytes: &[u8]) {
        if let Some(sink) = &mut self.sink {
            sink.bytes(proto, bytes, 0);
        }
    }

    /// Where to put fields of that table; None when nobody wants any of them. Offsets count from the start of the bytes
    /// the decoder was given.
    #[inline]
    pub fn fields(&mut self, group: Group) -> Option<&mut Sink> {
        self.sink.as_deref_mut().filter(|s| s.wants_table(group))
    }

    /// What follows is decoded from bytes that start there.
    fn place(&mut self, buffer: Buffer, start: u32) {
        if let Some(sink) = &mut self.sink {
            sink.at(buffer, start, 1);
        }
    }

    /// The same, and those that `inner` found inside it.
    pub fn found_with(&mut self, proto: Proto, inner: &Output) {
        self.found(proto);
        for &p in &inner.protocols {
            self.found(p);
        }
    }
}

#[cfg(test)]
impl Output {
    /// One that takes every field there is.
    fn watched() -> Self {
        let all = (0..crate::filter::registry::len()).map(|i| FieldId(i as u16));
        Self { sink: Some(Box::new(Sink::new(all))), ..Self::default() }
    }

    /// The values of a field that were put, as numbers or texts.
    fn values(&self, name: &str) -> Vec<String> {
        use crate::filter::{Found, registry};
        let Some(sink) = &self.sink else { return Vec::new() };
        let text = |value: &Found| match *value {
            Found::Kept(at, n) => String::from_utf8_lossy(&sink.kept[at as usize..(at + n) as usize]).into_owned(),
            Found::Uint(n) => n.to_string(),
            other => format!("{other:?}"),
        };
        let named = sink.found.iter().filter(|o| registry::field(o.field).name == name);
        named.map(|o| text(&o.value)).collect()
    }
}

/// An application protocol of one pass.
pub trait App: Send {
    /// Wireshark's filter name; `Plan.apps` chooses by it.
    fn name(&self) -> &'static str;
    /// Ports on which Wireshark takes UDP payloads for it by default.
    fn udp_ports(&self) -> &[u16] {
        &[]
    }
    /// Ports on which Wireshark takes TCP streams for it by default.
    fn tcp_ports(&self) -> &[u16] {
        &[]
    }
    /// Protocols it finds ([`Output::found`]): their names can then be asked for in filters.
    fn protocols(&self) -> &[Proto] {
        &[]
    }
    /// Is this the start of one of its messages? Asked of payloads no port claims; has to be strict and cheap.
    fn probe(&self, transport: Proto, data: &[u8]) -> Probe {
        let _ = (transport, data);
        Probe::No
    }
    /// Whether it looks for its messages at the start of TCP streams that no port claims.
    fn probes_tcp(&self) -> bool {
        false
    }
    /// A UDP payload. False: it is none of this protocol's after all.
    fn datagram(&mut self, ctx: &Context, data: &[u8], out: &mut Output) -> bool {
        let _ = (ctx, data, out);
        false
    }
    /// A payload quoted in an ICMP error, on one of its ports or (where it wants unclaimed payloads) between ends it
    /// may know: what Wireshark shows it as.
    fn quoted(&self, ctx: &Context, data: &[u8]) -> Option<Proto> {
        let _ = (ctx, data);
        None
    }
    /// Whether what it makes of a datagram depends on earlier ones, so that it has to be shown those that do not count,
    /// too: it then counts, keeps and hands out nothing ([`Output::counts`]).
    fn learns_from_datagrams(&self) -> bool {
        false
    }
    /// Puts the fields of a quoted payload, where [`quoted`](Self::quoted) knew it.
    fn quoted_fields(&self, ctx: &Context, data: &[u8], out: &mut Output) {
        let _ = (ctx, data, out);
    }
    /// What Wireshark shows inside of that, if anything.
    fn quoted_inside(&self, ctx: &Context, data: &[u8]) -> Option<Proto> {
        let _ = (ctx, data);
        None
    }
    /// Readable bytes of a TCP direction, from the start of a message on. Called again after `Consumed`.
    fn stream(&mut self, ctx: &Context, data: &[u8], out: &mut Output) -> Step {
        let _ = (ctx, data, out);
        Step::Lost
    }
    /// The answer to the SYN of one of its streams came so long after it: the way to the server and back, seen from
    /// where the capture was taken. Told of streams on its ports only.
    fn handshake(&mut self, ctx: &Context, ns: i64) {
        let _ = (ctx, ns);
    }
    /// The last of the bytes that a `Step::Consumed` reached beyond the readable ones has come with this frame.
    fn skipped(&mut self, ctx: &Context, out: &mut Output) {
        let _ = (ctx, out);
    }
    /// A segment of one of its streams that came ahead of a gap, at the frame it came in. Wireshark reads it at once;
    /// here it is handed to `stream` when the gap has closed or is given up. For `Output::found`.
    fn ahead(&mut self, ctx: &Context, data: &[u8], out: &mut Output) {
        let _ = (ctx, data, out);
    }
    /// Whether it is worth while to wait for a gap of one of its streams to close. False: the gap is passed over at once.
    fn waits(&self, ctx: &Context) -> bool {
        let _ = ctx;
        true
    }
    /// The segment handed over last was not captured as a whole, of a direction that was read up to there.
    fn cut(&mut self, ctx: &Context, out: &mut Output) {
        let _ = (ctx, out);
    }
    /// Bytes of the direction are missing for good; the next ones are the start of a segment. What it remembers of an
    /// unfinished message is void.
    fn gap(&mut self, ctx: &Context, lost_bytes: u64, out: &mut Output) {
        let _ = (ctx, lost_bytes, out);
    }
    /// Whether it goes on reading at this segment after a gap. False: the segment is passed over, the next one is asked.
    fn resumes(&self, data: &[u8]) -> bool {
        let _ = data;
        true
    }
    /// The sender of a direction of one of its streams has closed it. Both directions may say so, each once.
    fn closed(&mut self, ctx: &Context, how: Close, out: &mut Output) {
        let _ = (ctx, how, out);
    }
    /// The first ICMP message of a frame, with the headers quoted in it, if any; and the first one of the other IP
    /// version, which an error of this one may quote (`icmp.quoted`).
    fn icmp(&mut self, ctx: &Context, icmp: &Icmp, message: &[u8], layers: &Layers, out: &mut Output) {
        let _ = (ctx, icmp, message, layers, out);
    }
    /// The first ARP message of a frame; `sender`: that of the outermost Ethernet header.
    fn arp(&mut self, ctx: &Context, sender: Option<MacAddr>, message: &[u8], out: &mut Output) {
        let _ = (ctx, sender, message, out);
    }
    /// Wants every UDP payload before its port is looked at: media whose addresses signalling announced.
    fn wants_udp_first(&self) -> bool {
        false
    }
    /// A UDP payload, `wire_len` bytes long by the UDP header; `quoted` in an ICMP error. True: it was one of this
    /// protocol's, nobody else is asked.
    fn udp_first(&mut self, ctx: &Context, data: &[u8], wire_len: u32, quoted: bool, out: &mut Output) -> bool {
        let _ = (ctx, data, wire_len, quoted, out);
        false
    }
    /// Wants to see the packets whose time to live is at most this; 0: none.
    fn low_ttl(&self) -> u8 {
        0
    }
    /// Such a packet: its protocol number and the first eight bytes behind its IP headers, as an ICMP error would quote
    /// it.
    fn low_ttl_packet(&mut self, ctx: &Context, protocol: u8, first: [u8; 8]) {
        let _ = (ctx, protocol, first);
    }
    /// Wants every UDP payload that nobody claimed (media streams).
    fn wants_unclaimed_udp(&self) -> bool {
        false
    }
    /// An unclaimed UDP payload. True: it was one of this protocol's.
    fn unclaimed_udp(&mut self, ctx: &Context, data: &[u8], out: &mut Output) -> bool {
        let _ = (ctx, data, out);
        false
    }
    /// Reads TCP streams and sees datagrams of these (TCP, UDP) ports beside the protocols they belong to: `stream` and its
    /// kin are called for the former, [`watch_datagram`](Self::watch_datagram) for the latter. It finds no protocols.
    fn watches(&self) -> Option<(&[u16], &[u16])> {
        None
    }
    /// A datagram of a watched port.
    fn watch_datagram(&mut self, ctx: &Context, data: &[u8], out: &mut Output) {
        let _ = (ctx, data, out);
    }
    /// Data of a segment of a stream on no watched port, as it came. True: the stream is read from here on.
    fn watch_segment(&mut self, ctx: &Context, data: &[u8], out: &mut Output) -> bool {
        let _ = (ctx, data, out);
        false
    }
    /// Messages kept for the detail rows.
    fn kept(&self) -> Option<&Kept> {
        None
    }
    /// Counters kept in the core; None where a machine outside does the counting.
    fn report(&self) -> Option<Arc<dyn Report>> {
        None
    }
    /// [`report`](Self::report) and [`kept`](Self::kept) at the end of the pass: one with large tables moves them out
    /// instead of copying them.
    fn into_report(self: Box<Self>) -> (Option<Arc<dyn Report>>, Option<Kept>) {
        (self.report(), self.kept().cloned())
    }
}

/// What a protocol counted in the core, at one moment.
pub trait Report: Any + Send + Sync + std::fmt::Debug {
    /// The counts as a value; long tables hold on to what was counted and make their rows later.
    fn value(self: Arc<Self>) -> Value;
    /// Rows of one of its tables; none of a table it does not have.
    fn page(&self, table: &str, offset: usize, limit: usize) -> Vec<Value> {
        let _ = (table, offset, limit);
        Vec::new()
    }
    /// Those of both; None when `other` is another protocol's. Associative below the limits.
    fn merge(&self, other: &dyn Report) -> Option<Arc<dyn Report>>;
}

/// The report of no packets at all, by name of the protocol.
pub fn empty_report(name: &str) -> Option<Arc<dyn Report>> {
    every().iter().find(|a| a.name() == name)?.report()
}

/// The protocols of this build, one line each. Those of signalling get a clone of `media` to announce into, that of the
/// media another to take from.
fn all(limits: &Limits, media: &MediaBook) -> Vec<Box<dyn App>> {
    vec![
        Box::new(dns::Dns::new(limits)),
        Box::new(dhcp::Dhcp::new(limits)),
        Box::new(http::Http::new(limits)),
        Box::new(icmp::Icmp::new(limits)),
        Box::new(sip::Sip::new(limits, media.clone())),
        Box::new(tls::Tls::new(limits)),
        Box::new(quic::Quic::new(limits)),
        Box::new(names::Names::new(limits)),
        Box::new(ntp::Ntp::new(limits)),
        Box::new(gateway::Gateway::new(limits, media.clone())),
        Box::new(logins::Logins::new(limits)),
        Box::new(arp::Arp),
        Box::new(probes::Probes::new(limits)),
        Box::new(rtp::Rtp::new(limits, media.clone())),
    ]
}

/// The protocols of this build, for what does not depend on a pass.
fn every() -> Vec<Box<dyn App>> {
    let limits = Limits::default();
    all(&limits, &MediaBook::new(&limits))
}

/// The protocols that announce media, those that carry them not.
pub(crate) const SIGNALLING: [&str; 2] = ["sip", "megaco"];

/// The application protocols that find each protocol.
pub(crate) fn found_by() -> HashMap<Proto, Vec<&'static str>> {
    let mut found: HashMap<Proto, Vec<&'static str>> = HashMap::new();
    for app in every() {
        for &proto in app.protocols() {
            found.entry(proto).or_default().push(app.name());
        }
    }
    found
}

/// Names of the protocols of this build.
pub fn names() -> Vec<&'static str> {
    every().iter().map(|a| a.name()).collect()
}

/// Which application protocols to decode, and where else to look for them.
#[derive(Clone, Debug, Default)]
pub struct AppPlan {
    /// Names of the protocols to decode.
    pub names: Vec<String>,
    /// Further ports: (protocol, port), for both transports.
    pub ports: Vec<(String, u16)>,
}

/// Where a TCP segment belongs, by the TCP analysis.
#[derive(Clone, Copy, Debug)]
pub struct Place {
    /// Number of the stream.
    pub stream: u32,
    pub to_client: bool,
    /// A retransmission (other than a fast one) or out of order.
    pub repeated: bool,
    /// A retransmission (other than a fast one), in order or not.
    pub resent: bool,
}

impl Place {
    pub fn of(v: Verdict) -> Self {
        let has = |e: u16| v.events & e != 0;
        let plain = has(event::RETRANSMISSION) && !has(event::FAST_RETRANSMISSION);
        let resent = plain || has(event::SPURIOUS_RETRANSMISSION);
        Self { stream: v.stream, to_client: v.to_client, repeated: resent || has(event::OUT_OF_ORDER), resent }
    }
}

/// What protocols counted in the core, by name.
pub type Reports = Vec<(&'static str, Arc<dyn Report>)>;
/// Messages kept for detail rows, by name of the protocol.
pub type Messages = Vec<(&'static str, Kept)>;

/// Which protocol has each port; looked up for every packet.
struct Ports(Box<[u8]>);

impl Ports {
    const NOBODYS: u8 = u8::MAX;
    /// Of a protocol that the pass does not decode.
    const OTHERS: u8 = u8::MAX - 1;

    fn new() -> Self {
        Self(vec![Self::NOBODYS; 1 << 16].into())
    }

    fn set(&mut self, ports: impl Iterator<Item = u16>, app: usize) {
        // There are a dozen protocols.
        let app = u8::try_from(app).unwrap_or(Self::OTHERS);
        ports.for_each(|p| self.0[p as usize] = app);
    }

    fn set_others(&mut self, ports: &[u16]) {
        for &p in ports {
            let at = &mut self.0[p as usize];
            if *at == Self::NOBODYS {
                *at = Self::OTHERS;
            }
        }
    }

    /// The protocol whose port it is; the lower port goes first, as in Wireshark.
    #[inline]
    fn of(&self, ctx: &Context) -> Option<usize> {
        let (low, high) = (ctx.src_port.min(ctx.dst_port), ctx.src_port.max(ctx.dst_port));
        let found = match self.0[low as usize] {
            Self::NOBODYS => self.0[high as usize],
            one => one,
        };
        (found < Self::OTHERS).then_some(found as usize)
    }
}

/// All application protocols of a pass.
pub struct Apps {
    apps: Vec<Box<dyn App>>,
    udp_ports: Ports,
    tcp_ports: Ports,
    unclaimed: Vec<usize>,
    /// Those asked before the port of a datagram is looked at.
    udp_first: Vec<usize>,
    /// Some protocol looks at streams that no port claims.
    probes_tcp: bool,
    /// Some protocol learns from datagrams that do not count.
    learn: bool,
    /// The largest time to live some protocol wants to see packets with.
    low_ttl: u8,
    streams: Streams,
    watchers: Vec<Watch>,
    /// By number of the protocol: somebody else puts it into the path of the frame.
    named_elsewhere: Box<[bool]>,
    /// Where signalling announces media.
    pub media: MediaBook,
    pub out: Output,
}

impl Apps {
    /// The protocols of the plan; None when it names none.
    pub fn new(plan: &AppPlan, limits: &Limits) -> Option<Self> {
        let media = MediaBook::new(limits);
        let (apps, others): (Vec<_>, Vec<_>) =
            all(limits, &media).into_iter().partition(|a| plan.names.iter().any(|n| n == a.name()));
        if apps.is_empty() {
            return None;
        }
        let (mut udp_ports, mut tcp_ports, mut unclaimed) = (Ports::new(), Ports::new(), Vec::new());
        for (i, app) in apps.iter().enumerate() {
            let extra = || plan.ports.iter().filter(|p| p.0 == app.name()).map(|p| p.1);
            udp_ports.set(app.udp_ports().iter().copied().chain(extra()), i);
            tcp_ports.set(app.tcp_ports().iter().copied().chain(extra()), i);
            if app.wants_unclaimed_udp() {
                unclaimed.push(i);
            }
        }
        // A port of a protocol that is not asked for stays that protocol's.
        for app in &others {
            udp_ports.set_others(app.udp_ports());
            tcp_ports.set_others(app.tcp_ports());
        }
        let udp_first = (0..apps.len()).filter(|&i| apps[i].wants_udp_first()).collect();
        let watchers = apps.iter().enumerate().filter_map(|(i, a)| Watch::new(i, a.watches()?, limits)).collect();
        Some(Self {
            probes_tcp: apps.iter().any(|a| a.probes_tcp()),
            learn: apps.iter().any(|a| a.learns_from_datagrams()),
            low_ttl: apps.iter().map(|a| a.low_ttl()).max().unwrap_or(0),
            apps,
            udp_ports,
            tcp_ports,
            unclaimed,
            udp_first,
            streams: Streams::new(limits),
            watchers,
            named_elsewhere: vec![false; Proto::ALL.len()].into(),
            media,
            out: Output::default(),
        })
    }

    /// (name, report) of the protocols that count in the core.
    pub fn reports(&self) -> Reports {
        self.apps.iter().filter_map(|a| a.report().map(|r| (a.name(), r))).collect()
    }

    /// Both of the following at the end of the pass, without a copy of the tables.
    pub fn into_reports(self) -> (Reports, Messages) {
        let Self { apps, streams, .. } = self;
        drop(streams);
        let (mut reports, mut kept) = (Reports::new(), Messages::new());
        for app in apps {
            let name = app.name();
            let (report, messages) = app.into_report();
            reports.extend(report.map(|r| (name, r)));
            kept.extend(messages.map(|m| (name, m)));
        }
        (reports, kept)
    }

    /// (name, messages kept) of the protocols.
    pub fn kept(&self) -> Messages {
        self.apps.iter().filter_map(|a| a.kept().map(|k| (a.name(), k.clone()))).collect()
    }

    /// Whether the next frame counts: passes the filter of the pass.
    pub fn counted(&mut self, counts: bool) {
        self.out.passed_over = !counts;
    }

    /// What `other` finds too, in the same frames, goes into their paths there.
    pub fn leave_names_to(&mut self, other: &Apps) {
        for &proto in other.apps.iter().flat_map(|a| a.protocols()) {
            self.named_elsewhere[proto as usize] = true;
        }
    }

    /// One dissected frame; what was found in it is added to its path. `stream`: where its TCP segment belongs;
    /// `quoted`: number of the stream that an ICMP error quotes.
    pub fn frame(
        &mut self,
        record: &Record<'_>,
        number: u64,
        layers: &mut Layers,
        dissector: &Dissector,
        stream: Option<Place>,
        quoted: Option<u32>,
    ) {
        let before = self.out.messages.len();
        self.payloads(record, number, layers, dissector, stream, quoted);
        if !self.out.counts() {
            self.out.messages.truncate(before);
        }
        for proto in self.out.protocols.drain(..) {
            if !self.named_elsewhere[proto as usize] {
                layers.push(proto);
            }
        }
    }

    fn payloads(
        &mut self,
        record: &Record<'_>,
        number: u64,
        layers: &Layers,
        dissector: &Dissector,
        stream: Option<Place>,
        quoted: Option<u32>,
    ) {
        let counts = self.out.counts();
        let context = |net: Option<u8>, transport, src_port, dst_port| {
            let net = net.and_then(|i| layers.nets.get(i as usize)).copied().unwrap_or_default();
            context(record, number, &net, transport, src_port, dst_port)
        };
        for udp in &layers.udps {
            let ctx = context(udp.net, Proto::Udp, udp.src_port, udp.dst_port);
            self.place(udp.payload);
            for watch in self.watchers.iter().filter(|_| counts) {
                watch.datagram(&mut self.apps, &mut self.out, &ctx, dissector.bytes(record, udp.payload));
            }
            self.datagram(ctx, dissector.bytes(record, udp.payload), udp.len, counts);
        }
        // Quotes stand for themselves: those that do not count need not be looked at.
        let quotes = match counts {
            true => [(&layers.quoted_udps[..], Proto::Udp), (&layers.quoted_tcps[..], Proto::Tcp)],
            false => [(&[][..], Proto::Udp), (&[][..], Proto::Tcp)],
        };
        for (quoted, transport) in quotes {
            for q in quoted {
                // Wireshark shows a quoted payload as what its port says, or what its ends are known for.
                let ctx = context(q.net, transport, q.src_port, q.dst_port);
                let data = dissector.bytes(record, q.payload);
                if transport == Proto::Udp && self.first(&ctx, data, q.len, true) {
                    continue;
                }
                let ports = if transport == Proto::Udp { &self.udp_ports } else { &self.tcp_ports };
                let by_port = ports.of(&ctx).and_then(|i| Some((i, self.apps[i].quoted(&ctx, data)?)));
                let inside = by_port.and_then(|(i, _)| self.apps[i].quoted_inside(&ctx, data));
                let by_ends = || self.unclaimed.iter().find_map(|&i| Some((i, self.apps[i].quoted(&ctx, data)?)));
                if let Some((i, proto)) = by_port.or_else(by_ends) {
                    self.out.found(proto);
                    if self.out.sink.is_some() {
                        self.place(q.payload);
                        self.apps[i].quoted_fields(&ctx, data, &mut self.out);
                    }
                    inside.into_iter().for_each(|p| self.out.found(p));
                }
            }
        }
        if counts && let Some(span) = layers.arp {
            let ctx = context(None, Proto::Arp, 0, 0);
            let sender = layers.eths.first().map(|e| e.0);
            for app in &mut self.apps {
                app.arp(&ctx, sender, dissector.bytes(record, span), &mut self.out);
            }
        }
        if counts && layers.icmp.is_some() {
            for icmp in layers.icmp.iter().chain(&layers.other_icmp) {
                let mut ctx = context(icmp.net, if icmp.v6 { Proto::Icmpv6 } else { Proto::Icmp }, 0, 0);
                ctx.stream = quoted;
                let message = dissector.bytes(record, icmp.message);
                self.place(icmp.message);
                for app in &mut self.apps {
                    app.icmp(&ctx, icmp, message, layers, &mut self.out);
                }
            }
        }
        if counts
            && let Some(net) = layers.nets.last()
            && net.ttl <= self.low_ttl
            && let Some((protocol, first)) = first_bytes(record, layers, dissector)
        {
            let ctx = context(Some((layers.nets.len() - 1) as u8), protocol.1, 0, 0);
            for app in self.apps.iter_mut().filter(|a| net.ttl <= a.low_ttl()) {
                app.low_ttl_packet(&ctx, protocol.0, first);
            }
        }
        if let (Some(tcp), Some(place)) = (&layers.tcp, stream) {
            let mut ctx = context(tcp.net, Proto::Tcp, tcp.src_port, tcp.dst_port);
            (ctx.stream, ctx.to_client) = (Some(place.stream), place.to_client);
            let data = dissector.bytes(record, tcp.payload);
            // A cut capture of a segment leaves a hole behind its captured bytes.
            let wire_len = tcp.len.unwrap_or(data.len() as u32);
            self.out.place(Buffer::Message, 0);
            let Place { stream, repeated, resent, .. } = place;
            let (seq, ack, flags) = (tcp.seq, tcp.ack, tcp.flags);
            let segment = Segment { seq, ack, flags, data, wire_len, repeated, resent };
            self.segment(ctx, stream, &segment);
        }
    }

    fn place(&mut self, span: Span) {
        self.out.place(if span.reassembled { Buffer::Datagram } else { Buffer::Frame }, span.start);
    }

    /// Whether a protocol that is asked before ports takes the datagram.
    fn first(&mut self, ctx: &Context, data: &[u8], wire_len: u32, quoted: bool) -> bool {
        self.udp_first.iter().any(|&i| self.apps[i].udp_first(ctx, data, wire_len, quoted, &mut self.out))
    }

    /// Of datagrams that do not count only who learns from them is told; what stands for itself takes them unseen.
    fn datagram(&mut self, mut ctx: Context, data: &[u8], wire_len: u32, counts: bool) {
        if !counts && !self.learn || self.first(&ctx, data, wire_len, false) {
            return;
        }
        let out = &mut self.out;
        let mut takes = |app: &mut Box<dyn App>, ctx: &Context| match counts || app.learns_from_datagrams() {
            true => app.datagram(ctx, data, out),
            false => true,
        };
        if let Some(i) = self.udp_ports.of(&ctx)
            && takes(&mut self.apps[i], &ctx)
        {
            return;
        }
        if data.is_empty() {
            return;
        }
        ctx.detected_by = DetectedBy::Content;
        for app in &mut self.apps {
            if app.probe(Proto::Udp, data) == Probe::Yes && takes(app, &ctx) {
                return;
            }
        }
        ctx.detected_by = DetectedBy::Heuristic;
        for &i in &self.unclaimed {
            if (counts || self.apps[i].learns_from_datagrams()) && self.apps[i].unclaimed_udp(&ctx, data, &mut self.out)
            {
                return;
            }
        }
    }
}

/// Protocol of the innermost IP packet that is not quoted, and its first eight bytes behind the IP headers.
#[cold]
fn first_bytes(record: &Record<'_>, layers: &Layers, dissector: &Dissector) -> Option<((u8, Proto), [u8; 8])> {
    let last = Some((layers.nets.len().checked_sub(1)?) as u8);
    if let Some(tcp) = layers.tcp.as_ref().filter(|t| t.net == last) {
        let [a, b] = tcp.src_port.to_be_bytes();
        let [c, d] = tcp.dst_port.to_be_bytes();
        let [e, f, g, h] = tcp.seq.to_be_bytes();
        return Some(((6, Proto::Tcp), [a, b, c, d, e, f, g, h]));
    }
    let (protocol, span) = if let Some(udp) = layers.udps.last().filter(|u| u.net == last) {
        let start = udp.payload.start.checked_sub(8)?;
        ((17, Proto::Udp), crate::layers::Span { start, len: 8, ..udp.payload })
    } else {
        let icmp = layers.icmp.as_ref().filter(|i| i.net == last)?;
        (if icmp.v6 { (58, Proto::Icmpv6) } else { (1, Proto::Icmp) }, icmp.message)
    };
    Some((protocol, *dissector.bytes(record, span).first_chunk::<8>()?))
}

fn context(record: &Record<'_>, frame: u64, net: &Net, transport: Proto, src_port: u16, dst_port: u16) -> Context {
    Context {
        frame,
        time_ns: record.time.as_nanos(),
        src: net.src,
        dst: net.dst,
        src_port,
        dst_port,
        transport,
        ttl: net.ttl,
        frame_bytes: record.wire_len,
        stream: None,
        to_client: false,
        detected_by: DetectedBy::Port,
        only_in_order: false,
        recovered: record.recovered,
    }
}
