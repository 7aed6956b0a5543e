//! Hands every frame's payloads to the protocols they belong to.

use super::inside::Inside;
use super::media::MediaBook;
use super::stream::Segment;
use super::streams::Streams;
use super::watch::Watch;
use super::{App, Context, DetectedBy, Kept, Output, Probe, Report, Source, all, tls};
use crate::dissect::Dissector;
use crate::filter::Buffer;
use crate::flow::{Verdict, event};
use crate::layers::{Layers, Net, Proto, Span};
use crate::limits::Limits;
use crate::record::Record;
use std::sync::Arc;

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
    /// A SYN told who the server is.
    pub server_known: bool,
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
        let Verdict { stream, to_client, server_known, .. } = v;
        Self { stream, to_client, server_known, repeated: resent || has(event::OUT_OF_ORDER), resent }
    }
}

/// What protocols counted in the core, by name.
pub type Reports = Vec<(&'static str, Arc<dyn Report>)>;
/// Messages kept for detail rows, by name of the protocol.
pub type Messages = Vec<(&'static str, Kept)>;

/// Which protocol has each port; looked up for every packet.
pub(super) struct Ports(Box<[u8]>);

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

    /// Ports that were left to a protocol that is decoded after all.
    fn take_others(&mut self, ports: &[u16], app: usize) {
        let others = |p: &u16| self.0[*p as usize] == Self::OTHERS;
        let ports: Vec<u16> = ports.iter().copied().filter(others).collect();
        self.set(ports.into_iter(), app);
    }

    /// The protocol whose port it is; in the order of [`Context::ports`].
    #[inline]
    pub(super) fn of(&self, ctx: &Context) -> Option<usize> {
        let [first, second] = ctx.ports();
        let found = match self.0[first as usize] {
            Self::NOBODYS => self.0[second as usize],
            one => one,
        };
        (found < Self::OTHERS).then_some(found as usize)
    }
}

/// All application protocols of a pass.
pub struct Apps {
    pub(super) apps: Vec<Box<dyn App>>,
    udp_ports: Ports,
    pub(super) tcp_ports: Ports,
    unclaimed: Vec<usize>,
    guessers: Vec<usize>,
    /// Those asked before the port of a datagram is looked at.
    udp_first: Vec<usize>,
    /// Some protocol looks at streams that no port claims.
    pub(super) probes_tcp: bool,
    /// Some protocol learns from datagrams that do not count.
    learn: bool,
    /// The largest time to live some protocol wants to see packets with.
    low_ttl: u8,
    pub(super) streams: Streams,
    /// What is encrypted in those, and what is inside; None: there are no secrets.
    pub(super) inside: Option<Inside>,
    /// How many of the protocols were asked for; one behind them serves the others.
    asked: usize,
    limits: Limits,
    pub(super) watchers: Vec<Watch>,
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
        let guessers = (0..apps.len()).filter(|&i| apps[i].guesses_udp()).collect();
        let udp_first = (0..apps.len()).filter(|&i| apps[i].wants_udp_first()).collect();
        let watchers = apps.iter().enumerate().filter_map(|(i, a)| Watch::new(i, a.watches()?, limits)).collect();
        Some(Self {
            probes_tcp: apps.iter().any(|a| a.probes_tcp()),
            learn: apps.iter().any(|a| a.learns_from_datagrams()),
            low_ttl: apps.iter().map(|a| a.low_ttl()).max().unwrap_or(0),
            asked: apps.len(),
            apps,
            udp_ports,
            tcp_ports,
            unclaimed,
            guessers,
            udp_first,
            streams: Streams::new(limits),
            inside: None,
            limits: limits.clone(),
            watchers,
            named_elsewhere: vec![false; Proto::ALL.len()].into(),
            media,
            out: Output::default(),
        })
    }

    /// (name, report) of the protocols that count in the core.
    pub fn reports(&self) -> Reports {
        self.apps.iter().take(self.asked).filter_map(|a| a.report().map(|r| (a.name(), r))).collect()
    }

    /// Both of the following at the end of the pass, without a copy of the tables.
    pub fn into_reports(self) -> (Reports, Messages) {
        let Self { apps, streams, inside, asked, .. } = self;
        drop((streams, inside));
        let (mut reports, mut kept) = (Reports::new(), Messages::new());
        for app in apps.into_iter().take(asked) {
            let name = app.name();
            let (report, messages) = app.into_report();
            reports.extend(report.map(|r| (name, r)));
            kept.extend(messages.map(|mut m| {
                m.shrink();
                (name, m)
            }));
        }
        (reports, kept)
    }

    /// (name, messages kept) of the protocols.
    pub fn kept(&self) -> Messages {
        self.apps.iter().filter_map(|a| a.kept().map(|k| (a.name(), k.clone()))).collect()
    }

    /// A key log of the capture or of a file. Secrets open what the protocols asked for may stand in: where TLS is not among
    /// them, it is read all the same from here on.
    pub fn secrets(&mut self, log: &[u8], source: Source) {
        if self.inside.is_none() {
            self.inside = Some(Inside::new(&self.limits));
            if !self.apps.iter().any(|a| a.name() == "tls") {
                let tls: Box<dyn App> = Box::new(tls::Tls::new(&self.limits));
                self.tcp_ports.take_others(tls.tcp_ports(), self.apps.len());
                tls.protocols().iter().for_each(|&p| self.named_elsewhere[p as usize] = true);
                self.probes_tcp = true;
                self.apps.push(tls);
            }
        }
        self.apps.iter_mut().for_each(|a| a.secrets(log, source));
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
            ctx.server_known = place.server_known;
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
        for &i in &self.guessers {
            if counts && self.apps[i].guess_udp(&ctx, data, &mut self.out) {
                return;
            }
        }
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
        server_known: false,
        recovered: record.recovered,
    }
}
