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
mod dispatch;
pub mod dns;
mod gateway;
mod http;
pub(crate) use http::{fields as http_fields, http2_fields, websocket_fields};
mod icmp;
mod inside;
pub(crate) use dhcp::{fields as dhcp_fields, fields6 as dhcpv6_fields};
pub(crate) use dns::fields as dns_fields;
pub(crate) use icmp::pair_fields as icmp_pair_fields;
pub mod kept;
mod logins;
pub mod media;
pub mod message;
mod names;
mod ntp;
mod output;
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
pub mod streams;
pub mod table;
pub mod tls;
pub(crate) use tls::fields as tls_fields;
mod watch;

use crate::addr::{IpAddr, MacAddr};
use crate::layers::{Icmp, Layers, Proto};
use crate::limits::Limits;
pub use dispatch::{AppPlan, Apps, Messages, Place, Reports};
pub(crate) use icmp::quoted_ends;
use kept::Kept;
use media::MediaBook;
pub use message::{Fields, Message, Value};
pub use output::Output;
pub use rows::Rows;
use std::any::Any;
use std::collections::HashMap;
use std::sync::Arc;
pub use tls::Source;

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
    /// `udp`, `tcp`, `tls` (decrypted), `icmp` or `icmpv6`.
    pub transport: Proto,
    pub ttl: u8,
    /// Frame length on the wire, bytes.
    pub frame_bytes: u32,
    /// TCP stream number; of an ICMP error that of the connection it quotes.
    pub stream: Option<u32>,
    /// Sent by the server of the TCP stream, as far as known by then.
    pub to_client: bool,
    /// A SYN of the stream told who the server is.
    pub server_known: bool,
    pub detected_by: DetectedBy,
    /// Wireshark, which does not put TCP segments in order by default, does not show the message: it begins in a segment
    /// taken for a repetition, or lies in segments that came before its start.
    pub only_in_order: bool,
    /// Behind the first damage of the file.
    pub recovered: bool,
}

impl Context {
    /// Both ports in the order in which Wireshark asks whose they are: the server's first where a SYN told it, else the
    /// lower one.
    #[inline]
    pub fn ports(&self) -> [u16; 2] {
        let ports = [self.src_port, self.dst_port];
        let swap = if self.server_known { !self.to_client } else { self.dst_port < self.src_port };
        if swap { [ports[1], ports[0]] } else { ports }
    }

    /// One of its ports lies in one of the ranges, which ascend, ends included.
    pub fn has_port_in(&self, ranges: &[(u16, u16)]) -> bool {
        [self.src_port, self.dst_port].iter().any(|&port| {
            let next = ranges.partition_point(|&(first, _)| first <= port);
            next.checked_sub(1).and_then(|i| ranges.get(i)).is_some_and(|&(_, last)| port <= last)
        })
    }

    /// A stream of bytes: TCP's, or one inside of it.
    pub fn is_stream(&self) -> bool {
        matches!(self.transport, Proto::Tcp | Proto::Tls)
    }

    /// It was encrypted on the wire.
    pub fn is_decrypted(&self) -> bool {
        self.transport == Proto::Tls
    }
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
    /// Records of a TCP direction in order, for who opens what is sealed: beside `stream`, and behind it.
    fn opened(&mut self, ctx: &Context, data: &[u8], out: &mut Output) -> Step {
        let _ = (ctx, data, out);
        Step::Lost
    }
    /// Bytes that `opened` waited for are missing for good.
    fn opened_gap(&mut self, ctx: &Context, out: &mut Output) {
        let _ = (ctx, out);
    }
    /// The sender has closed the direction that `opened` reads.
    fn opened_close(&mut self, ctx: &Context, how: Close, out: &mut Output) {
        let _ = (ctx, how, out);
    }
    /// A key log with session secrets: a block of the capture, or a file that was given with it.
    fn secrets(&mut self, log: &[u8], source: Source) {
        let _ = (log, source);
    }
    /// Guesses what UDP payloads are that neither a port nor their first bytes tell.
    fn guesses_udp(&self) -> bool {
        false
    }
    /// Such a payload. True: it was one of this protocol's.
    fn guess_udp(&mut self, ctx: &Context, data: &[u8], out: &mut Output) -> bool {
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
