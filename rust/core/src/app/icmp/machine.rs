//! All that is counted of ICMP, or of ICMPv6.

use super::echo::{self, Answered, Echo, is_group};
use super::message::has_echo_header;
use super::network::Network;
use super::quote::{self, Quote};
use super::trace::{self, Probe};
use super::types;
use crate::addr::IpAddr;
use crate::app::Context;
use crate::app::count::Counter;
use crate::app::message::{Fields, Value, row};
use crate::app::table::{Evidence, Table};
use crate::limits::Limits;

/// Teredo's port (RFC 4380).
const TEREDO: u16 = 3544;
const SECOND_NS: i64 = 1_000_000_000;

/// Messages from, or to, one address.
#[derive(Clone, Copy, Debug)]
struct Load {
    messages: u64,
    bytes: u64,
    first_ns: i64,
    last_ns: i64,
    first_frame: u64,
    /// The second of packet time at hand, and the messages in it.
    second: i64,
    in_second: u64,
    /// Most messages in one second, and the frame that began it.
    peak: u64,
    peak_frame: u64,
    second_frame: u64,
}

impl Load {
    fn new(c: &Context) -> Self {
        Self {
            messages: 0,
            bytes: 0,
            first_ns: c.time_ns,
            last_ns: c.time_ns,
            first_frame: c.frame,
            second: i64::MIN,
            in_second: 0,
            peak: 0,
            peak_frame: c.frame,
            second_frame: c.frame,
        }
    }

    /// More than the one message that a sweep, or a forged source, leaves.
    fn is_heavy(&self) -> bool {
        self.messages > 1
    }

    fn add(&mut self, c: &Context) {
        self.messages += 1;
        self.bytes += u64::from(c.frame_bytes);
        self.first_ns = self.first_ns.min(c.time_ns);
        self.last_ns = self.last_ns.max(c.time_ns);
        let second = c.time_ns.div_euclid(SECOND_NS);
        if second != self.second {
            (self.second, self.in_second, self.second_frame) = (second, 0, c.frame);
        }
        self.in_second += 1;
        if self.in_second > self.peak {
            (self.peak, self.peak_frame) = (self.in_second, self.second_frame);
        }
    }

    /// The busiest second of both is that of the busier one: seconds that lie in both are not added.
    fn merge(&mut self, o: &Self) {
        self.messages += o.messages;
        self.bytes += o.bytes;
        self.first_ns = self.first_ns.min(o.first_ns);
        self.last_ns = self.last_ns.max(o.last_ns);
        self.first_frame = self.first_frame.min(o.first_frame);
        if o.peak > self.peak {
            (self.peak, self.peak_frame) = (o.peak, o.peak_frame);
        }
    }

    fn row(&self, address: &IpAddr) -> Value {
        row![
            *address,
            self.messages,
            self.bytes,
            self.first_ns,
            self.last_ns,
            self.peak,
            self.first_frame,
            self.peak_frame,
        ]
    }
}

/// Errors that say the same of the same traffic.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct ErrorKey {
    kind: u8,
    code: u8,
    from: IpAddr,
    src: IpAddr,
    dst: IpAddr,
    protocol: u8,
    dst_port: Option<u16>,
}

#[derive(Clone, Copy, Debug)]
struct Errors {
    count: u64,
    first_ns: i64,
    last_ns: i64,
    first_frame: u64,
    /// Source port and TCP stream of the first one.
    src_port: Option<u16>,
    stream: Option<u32>,
    /// Least MTU said.
    mtu: Option<u32>,
}

/// What is counted; a value.
#[derive(Clone, Debug)]
pub struct Counts {
    frames: u64,
    by_type: Counter<(u8, u8)>,
    /// Types of messages that only an error of the other IP version quotes; 256 stands for a byte that is not there.
    quoted_types: Counter<(u16, u16)>,
    /// Types of messages too short for type or code.
    short_types: Counter<(u16, u16)>,
    sources: Table<IpAddr, Load>,
    destinations: Table<IpAddr, Load>,
    /// Requests other than echo (time stamp, mask, information) by (source, destination): they map a network as well.
    probes: Table<(IpAddr, IpAddr), (u64, u64)>,
    errors: Table<ErrorKey, Errors>,
    errors_without_quote: Evidence,
    deprecated: Evidence,
    unassigned: Evidence,
    /// Messages whose source is a multicast or broadcast address, which no sender has.
    from_group: Evidence,
    cut: u64,
}

/// The running machine of one IP version.
#[derive(Debug)]
pub struct Machine {
    v6: bool,
    counts: Counts,
    echo: echo::Machine,
    network: Network,
    traces: trace::Machine,
}

/// Everything at one moment.
#[derive(Clone, Debug)]
pub struct Found {
    v6: bool,
    counts: Counts,
    echo: echo::Counts,
    network: Network,
    paths: trace::Paths,
}

impl Machine {
    pub fn new(v6: bool, limits: &Limits) -> Self {
        Self {
            v6,
            counts: Counts::new(limits),
            echo: echo::Machine::new(limits),
            network: Network::new(limits),
            traces: trace::Machine::new(limits),
        }
    }

    pub fn found(&self) -> Found {
        Found {
            v6: self.v6,
            counts: self.counts.clone(),
            echo: self.echo.counts(),
            network: self.network.clone(),
            paths: self.traces.paths(),
        }
    }

    /// A message that only an error of the other version quotes: Wireshark counts its frame, and its type.
    pub fn quoted(&mut self, m: &[u8]) {
        self.counts.frames += 1;
        self.counts.quoted_types.add(&bytes_or_missing(m));
    }

    /// A packet with a small time to live, by the protocol it carries.
    pub fn probe(&mut self, probe: Probe, time_ns: i64, ttl: u8) {
        self.traces.probe(probe, time_ns, ttl);
    }

    /// One message; `wire`: its length on the wire; `tunnel`: destination port of the UDP header it lies behind, if any.
    /// For the first reply to an echo request, that request.
    pub fn message(&mut self, c: &Context, m: &[u8], wire: u32, tunnel: Option<u16>) -> Option<Answered> {
        let n = &mut self.counts;
        n.frames += 1;
        let (Some(&kind), Some(&code)) = (m.first(), m.get(1)) else {
            n.short_types.add(&bytes_or_missing(m));
            if let Some(kind) = m.first().filter(|&&k| self.v6 && matches!(k, 128 | 129)) {
                self.echo.short(c.frame, *kind == 129);
            }
            return None;
        };
        n.by_type.add(&(kind, code));
        n.cut += (m.len() < wire as usize) as u64;
        if let Some(load) = n.sources.row_of_many(c.src, || Load::new(c), Load::is_heavy, |l| l.messages) {
            load.add(c);
        }
        if let Some(load) = n.destinations.row_of_many(c.dst, || Load::new(c), Load::is_heavy, |l| l.messages) {
            load.add(c);
        }
        if is_group(&c.src) {
            n.from_group.add(c.frame);
        }
        if types::is_deprecated(self.v6, kind) {
            n.deprecated.add(c.frame);
        }
        if (if self.v6 { types::name_v6(kind) } else { types::name_v4(kind) }).is_none() {
            n.unassigned.add(c.frame);
        }
        let (request, reply) = if self.v6 { (128, 129) } else { (8, 0) };
        if kind == request || kind == reply {
            return self.echo_message(c, m, wire, kind == reply, tunnel);
        }
        if !self.v6 && matches!(kind, 13 | 15 | 17) && has_echo_header(self.v6, kind) {
            if let Some(row) = n.probes.row((c.src, c.dst), || (0, c.frame)) {
                row.0 += 1;
            }
        } else if types::is_error(self.v6, kind) {
            self.error(c, kind, code, m);
        } else {
            self.network.message(c, self.v6, kind, m, wire);
        }
        None
    }

    fn echo_message(&mut self, c: &Context, m: &[u8], wire: u32, reply: bool, tunnel: Option<u16>) -> Option<Answered> {
        let Some(&[_, _, a, b, d, e, f, g]) = m.first_chunk::<8>() else {
            self.echo.short(c.frame, reply);
            return None;
        };
        let found = Echo {
            frame: c.frame,
            time_ns: c.time_ns,
            src: c.src,
            dst: c.dst,
            ttl: c.ttl,
            reply,
            v6: self.v6,
            in_udp: tunnel.is_some(),
            checksum: u16::from_be_bytes([a, b]),
            id: u16::from_be_bytes([d, e]),
            seq: u16::from_be_bytes([f, g]),
            payload: m.get(8..).unwrap_or_default(),
            payload_wire: wire.saturating_sub(8),
        };
        if !reply {
            // Wireshark takes what goes to Teredo's port for one of its own tests, and follows no such request.
            self.echo.request(&found, !(self.v6 && tunnel == Some(TEREDO)));
            return None;
        }
        let answered = self.echo.reply(&found)?;
        if answered.ttl <= trace::MAX_PROBE_TTL {
            // The quoted form of the request: its type, its checksum.
            let kind = if self.v6 { 128 } else { 8 };
            let checksum = match self.v6 {
                true => found.checksum.wrapping_add(0x0100).wrapping_add(u16::from(found.checksum > 0xfeff)),
                false => found.checksum.wrapping_sub(0x0800).wrapping_sub(u16::from(found.checksum < 0x0800)),
            };
            let [hi, lo] = checksum.to_be_bytes();
            let probe = Probe {
                src: c.dst,
                dst: c.src,
                protocol: if self.v6 { 58 } else { 1 },
                first: [kind, 0, hi, lo, d, e, f, g],
            };
            self.traces.arrived(c.src, &probe, c.frame, c.time_ns);
        }
        Some(answered)
    }

    fn error(&mut self, c: &Context, kind: u8, code: u8, m: &[u8]) {
        let n = &mut self.counts;
        let Some(quote) = m.get(8..).and_then(Quote::read) else {
            n.errors_without_quote.add(c.frame);
            return;
        };
        let mtu = match (self.v6, kind, code, m.first_chunk::<8>()) {
            (false, 3, 4, Some(h)) => Some(u32::from(u16::from_be_bytes([h[6], h[7]]))),
            (true, 2, _, Some(h)) => Some(u32::from_be_bytes([h[4], h[5], h[6], h[7]])),
            _ => None,
        };
        let ports = quote.ports();
        let (from, protocol) = (c.src, quote.protocol);
        let key = ErrorKey { kind, code, from, src: quote.src, dst: quote.dst, protocol, dst_port: ports.map(|p| p.1) };
        let new = || Errors {
            count: 0,
            first_ns: c.time_ns,
            last_ns: c.time_ns,
            first_frame: c.frame,
            src_port: ports.map(|p| p.0),
            stream: c.stream,
            mtu,
        };
        if let Some(row) = n.errors.row(key, new) {
            row.count += 1;
            row.first_ns = row.first_ns.min(c.time_ns);
            row.last_ns = row.last_ns.max(c.time_ns);
            row.mtu = row.mtu.into_iter().chain(mtu).min();
        }
        let Some(first) = quote.first else { return };
        let probe = Probe { src: quote.src, dst: quote.dst, protocol, first };
        match (self.v6, kind, code) {
            (false, 11, 0) | (true, 3, 0) => self.traces.exceeded(c.src, &probe, c.frame, c.time_ns),
            (false, 3, _) | (true, 1, _) if c.src == quote.dst => {
                self.traces.arrived(c.src, &probe, c.frame, c.time_ns);
            }
            _ => {}
        }
    }
}

/// Type and code, 256 for what is not there.
fn bytes_or_missing(m: &[u8]) -> (u16, u16) {
    let byte = |at: usize| m.get(at).map_or(256, |&b| u16::from(b));
    (byte(0), byte(1))
}

impl Counts {
    fn new(limits: &Limits) -> Self {
        let keys = limits.max_app_keys;
        Self {
            frames: 0,
            by_type: Counter::new(1 << 16),
            quoted_types: Counter::new(1 << 17),
            short_types: Counter::new(1 << 10),
            sources: Table::new(keys),
            destinations: Table::new(keys),
            probes: Table::new(keys),
            errors: Table::new(keys),
            errors_without_quote: Evidence::default(),
            deprecated: Evidence::default(),
            unassigned: Evidence::default(),
            from_group: Evidence::default(),
            cut: 0,
        }
    }

    fn merge(&mut self, o: &Self) {
        self.frames += o.frames;
        self.cut += o.cut;
        self.by_type.merge(&o.by_type);
        self.quoted_types.merge(&o.quoted_types);
        self.short_types.merge(&o.short_types);
        self.sources.merge(&o.sources, Load::merge);
        self.destinations.merge(&o.destinations, Load::merge);
        self.probes.merge(&o.probes, |mine, theirs| {
            mine.0 += theirs.0;
            mine.1 = mine.1.min(theirs.1);
        });
        self.errors.merge(&o.errors, |mine, theirs| {
            mine.count += theirs.count;
            mine.last_ns = mine.last_ns.max(theirs.last_ns);
            mine.mtu = mine.mtu.into_iter().chain(theirs.mtu).min();
            mine.first_ns = mine.first_ns.min(theirs.first_ns);
            mine.first_frame = mine.first_frame.min(theirs.first_frame);
        });
        self.errors_without_quote.merge(&o.errors_without_quote);
        self.deprecated.merge(&o.deprecated);
        self.unassigned.merge(&o.unassigned);
        self.from_group.merge(&o.from_group);
    }

    fn report(&self, v6: bool) -> Fields {
        let number = |n: u16| if n > 255 { Value::None } else { n.into() };
        let pair = |k: &(u16, u16)| row![number(k.0), number(k.1)];
        let named = |&(kind, code): &(u8, u8)| {
            let (name, code_name) = match v6 {
                true => (types::name_v6(kind), types::code_v6(kind, code)),
                false => (types::name_v4(kind), types::code_v4(kind, code)),
            };
            row![kind, code, name, code_name]
        };
        let error = |k: &ErrorKey, e: &Errors| -> Value {
            let names = named(&(k.kind, k.code));
            row![
                names,
                k.from,
                k.src,
                e.src_port,
                k.dst,
                k.dst_port,
                quote::protocol_name(k.protocol),
                e.stream,
                e.mtu,
                e.count,
                e.first_ns,
                e.last_ns,
                e.first_frame,
            ]
        };
        let probe = |k: &(IpAddr, IpAddr), v: &(u64, u64)| row![k.0, k.1, v.0, v.1];
        vec![
            ("frames", self.frames.into()),
            ("cut", self.cut.into()),
            ("types", self.by_type.report(named)),
            ("quoted_types", self.quoted_types.report(pair)),
            ("short_types", self.short_types.report(pair)),
            ("sources", self.sources.report(|l| l.messages, |k, l| l.row(k))),
            ("destinations", self.destinations.report(|l| l.messages, |k, l| l.row(k))),
            ("probes", self.probes.report(|p| p.0, probe)),
            ("errors", self.errors.report(|e| e.count, error)),
            ("errors_without_quote", self.errors_without_quote.report()),
            ("deprecated", self.deprecated.report()),
            ("unassigned", self.unassigned.report()),
            ("from_group", self.from_group.report()),
        ]
    }
}

impl Found {
    pub fn is_empty(&self) -> bool {
        self.counts.frames == 0
    }

    pub fn merge(&mut self, o: &Self) {
        self.counts.merge(&o.counts);
        self.echo.merge(&o.echo);
        self.network.merge(&o.network);
        self.paths.merge(&o.paths);
    }

    pub fn report(&self) -> Fields {
        let mut out = self.counts.report(self.v6);
        out.push(("echo", self.echo.report().into()));
        out.extend(self.network.report());
        out.push(("paths", self.paths.report()));
        out
    }
}
