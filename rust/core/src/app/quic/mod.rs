//! QUIC (RFC 9000, 9001, 9369; the drafts and what Google and Facebook made of them): connections, packet types, versions,
//! and what the handshake says in the clear.
//!
//! Initial packets are protected with keys that everybody can make, so the client and server hello are read from them.
//! Everything behind stays closed. Found by content on any port, and from then on by the ends and the connection ids, as
//! Wireshark does.

mod connections;
mod crypto;
pub(crate) mod fields;
mod frames;
mod keys;
mod packet;
mod report;
#[cfg(test)]
mod tests;
mod version;

use super::tls::handshake::{self, ClientHello, ServerHello};
use super::tls::machine::Machine;
use super::tls_fields::{self, Hellos, Put};
use super::{App, Context, Output, Probe, Report};
use crate::filter::registry::{Group, of_proto};
use crate::layers::Proto;
use crate::limits::Limits;
use connections::Connections;
use crypto::Crypto;
use frames::{Frame, Frames};
use packet::{Kind, Long};
use report::{Close, Counts, QuicReport};
use std::sync::Arc;

/// The shortest datagram taken for QUIC by content.
const SHORTEST: usize = 13;

/// QUIC of a pass.
pub struct Quic {
    connections: Connections,
    counts: Counts,
    /// TLS inside CRYPTO frames.
    tls: Machine,
    plain: Vec<u8>,
    max_keys: usize,
    limits: (usize, usize),
}

impl Quic {
    pub fn new(limits: &Limits) -> Self {
        Self {
            connections: Connections::new(limits.max_quic_connections),
            counts: Counts::new(limits),
            tls: Machine::new(limits),
            plain: Vec::new(),
            max_keys: limits.max_app_keys,
            limits: (limits.max_quic_connections, limits.max_app_times),
        }
    }

    fn read(&mut self, ctx: &Context, data: &[u8], out: &mut Output) {
        self.tls.counting = out.counts();
        out.found(Proto::Quic);
        out.layer(of_proto(Proto::Quic), data);
        let Some(first) = packet::long(data) else {
            if out.counts() {
                let found =
                    data.first().is_some_and(|b| b & 0x80 == 0).then(|| self.connections.of_short(data, ctx)).flatten();
                self.counts.frame(ctx);
                self.counts.short(packet::invariants(data).map(|i| i.0));
                self.packet(found, Kind::OneRtt, ctx, data.len());
                if data.first().is_some_and(|b| b & 0x80 == 0) {
                    self.put_short(found, data, 0, out);
                }
            }
            return;
        };
        if out.counts() {
            self.counts.frame(ctx);
        }
        let found = self.connections.of_long(&first, ctx);
        let found = self.connections.update(&first, found, ctx);
        self.received(found, ctx, data.len());
        if let (Some(sink), Some((number, _))) = (out.fields(Group::Quic), found) {
            fields::connection(sink, number);
        }
        let mut tls = false;
        let mut rest = data;
        // Ends: every packet has at least a byte.
        while let Some(packet) = packet::long(rest) {
            // What follows in the datagram has the same destination; anything else is padding (RFC 9000 section 12.2).
            if out.counts() {
                self.counts.versions.add(&packet.version);
            }
            if packet.dcid != first.dcid {
                return;
            }
            self.counts.kinds[packet.kind as usize] += out.counts() as u64;
            tls |= self.long(found, &packet, ctx, data.len() - rest.len(), out);
            rest = rest.get(packet.bytes.len()..).unwrap_or_default();
        }
        if let Some(byte) = rest.first()
            && byte & 0x80 == 0
            && out.counts()
        {
            // Anything else than the id of the first packet is padding.
            if rest.get(1..).is_some_and(|r| r.starts_with(&first.dcid)) {
                self.put_short(found, rest, data.len() - rest.len(), out);
                self.counts.kinds[Kind::OneRtt as usize] += 1;
                if let Some(c) = found.and_then(|f| self.connections.get_mut(f.0)) {
                    c.packets[Kind::OneRtt as usize] += 1;
                }
            }
        }
        if tls {
            self.tls.tls.frames += out.counts() as u64;
            out.found(Proto::Tls);
        }
    }

    fn packet(&mut self, found: Option<(u64, bool)>, kind: Kind, ctx: &Context, bytes: usize) {
        self.counts.kinds[kind as usize] += 1;
        self.received(found, ctx, bytes);
        if let Some(c) = found.and_then(|f| self.connections.get_mut(f.0)) {
            c.packets[kind as usize] += 1;
        }
    }

    fn received(&mut self, found: Option<(u64, bool)>, ctx: &Context, bytes: usize) {
        if let Some((number, from_server)) = found.filter(|_| self.tls.counting)
            && let Some(c) = self.connections.counted(number)
        {
            (c.last_frame, c.last_time_ns) = (ctx.frame, ctx.time_ns);
            c.datagrams[from_server as usize] += 1;
            c.bytes[from_server as usize] += bytes as u64;
        }
    }

    /// Puts the fields of a packet with a short header.
    fn put_short(&mut self, found: Option<(u64, bool)>, data: &[u8], at: usize, out: &mut Output) {
        let Some(sink) = out.fields(Group::Quic) else { return };
        if let (Some((number, _)), 0) = (found, at) {
            fields::connection(sink, number);
        }
        let id = found.and_then(|(number, from_server)| self.connections.get_mut(number)?.id_to(from_server));
        fields::short(sink, data, at, id.map(|id| id.as_slice()));
    }

    /// One packet with a long header, at `at` of the datagram. True: it brought bytes of the TLS handshake.
    fn long(
        &mut self,
        found: Option<(u64, bool)>,
        packet: &Long<'_>,
        ctx: &Context,
        at: usize,
        out: &mut Output,
    ) -> bool {
        let Some((number, from_server)) = found else { return unopened(packet, at, out) };
        let Some(c) = self.connections.get_mut(number) else { return unopened(packet, at, out) };
        let counts = self.tls.counting;
        c.packets[packet.kind as usize] += counts as u64;
        match packet.kind {
            Kind::Retry => {
                c.retry_frame.get_or_insert(ctx.frame);
                if counts {
                    self.counts.retries.add(ctx.frame);
                }
                return unopened(packet, at, out);
            }
            Kind::VersionNegotiation => {
                c.negotiation_frame.get_or_insert(ctx.frame);
                let versions = packet.rest.chunks_exact(4).filter_map(|v| Some(u32::from_be_bytes(v.try_into().ok()?)));
                c.offered = versions.take(32).collect();
                if counts {
                    self.counts.negotiations.add(ctx.frame);
                }
                return unopened(packet, at, out);
            }
            Kind::Initial => {}
            Kind::ZeroRtt | Kind::Handshake | Kind::OneRtt => return unopened(packet, at, out),
        }
        let keys = c.keys.take();
        let keys_of = keys.as_ref().map(|k| if from_server { &k.server } else { &k.client });
        let opened = keys_of.and_then(|k| k.open(packet, &mut self.plain));
        c.keys = keys;
        let Some(opened) = opened else {
            c.undecrypted_initials += counts as u64;
            self.counts.undecrypted += counts as u64;
            return unopened(packet, at, out);
        };
        let plain = std::mem::take(&mut self.plain);
        if let Some(sink) = out.fields(Group::Quic) {
            fields::long(sink, packet, at, Some(&opened));
            fields::frames(sink, &plain, packet.version);
        }
        let tls = self.frames(number, from_server, ctx, &plain, out);
        self.plain = plain;
        tls
    }

    fn frames(&mut self, number: u64, from_server: bool, ctx: &Context, plain: &[u8], out: &mut Output) -> bool {
        let Some(c) = self.connections.get_mut(number) else { return false };
        let mut tls = false;
        for frame in Frames::new(plain, c.version) {
            match frame {
                Frame::Crypto { offset, data } => {
                    // Google's Wireshark reads again when it is sent again.
                    if offset == 0 && version::is_google(c.version) {
                        c.crypto[from_server as usize] = Crypto::default();
                    }
                    tls |= c.crypto[from_server as usize].add(offset, data);
                }
                Frame::Close { code, application, reason } => {
                    if self.tls.counting {
                        let close = Close::new(ctx, c, from_server, code, application, reason);
                        self.counts.close(close, self.max_keys);
                    }
                }
            }
        }
        while let Some((kind, body)) = c.crypto[from_server as usize].message() {
            self.tls.message(ctx, kind, false);
            if let Some(sink) = out.fields(Group::Tls) {
                tls_fields::message(&mut Put::new(sink, false, true), kind, &body, 4, Hellos::default(), true);
            }
            match kind {
                handshake::CLIENT_HELLO => {
                    if let Some(hello) = ClientHello::parse(&body, false) {
                        self.tls.client_hello(ctx, &hello, false);
                        c.hello.client(ctx, &hello);
                    }
                }
                handshake::SERVER_HELLO => {
                    if let Some(hello) = ServerHello::parse(&body) {
                        self.tls.server_hello(ctx, &hello, false);
                        c.hello.server(ctx, &hello);
                    }
                }
                _ => {}
            }
        }
        tls
    }
}

/// A packet into which nobody can look: brings nothing of TLS.
fn unopened(packet: &Long<'_>, at: usize, out: &mut Output) -> bool {
    if let Some(sink) = out.fields(Group::Quic) {
        fields::long(sink, packet, at, None);
    }
    false
}

impl App for Quic {
    fn name(&self) -> &'static str {
        "quic"
    }
    fn protocols(&self) -> &[Proto] {
        &[Proto::Quic, Proto::Tls]
    }

    /// A long header of a version that is known.
    fn probe(&self, transport: Proto, data: &[u8]) -> Probe {
        let known = || {
            data.len() >= SHORTEST
                && packet::invariants(data)
                    .is_some_and(|(version, _, _, at)| version::draft(version) >= 11 && at <= data.len())
        };
        if transport == Proto::Udp && known() { Probe::Yes } else { Probe::No }
    }

    fn datagram(&mut self, ctx: &Context, data: &[u8], out: &mut Output) -> bool {
        self.connections.remember_ends(ctx);
        self.read(ctx, data, out);
        true
    }

    /// Keys and ends come from a connection's first packets.
    fn learns_from_datagrams(&self) -> bool {
        true
    }

    fn quoted(&self, ctx: &Context, data: &[u8]) -> Option<Proto> {
        let ours = self.connections.knows_ends(ctx) || self.probe(Proto::Udp, data) == Probe::Yes;
        ours.then_some(Proto::Quic)
    }

    fn wants_unclaimed_udp(&self) -> bool {
        true
    }

    /// Between ends that speak QUIC, or with an id that a connection has: its ends may move (RFC 9000 section 9).
    fn unclaimed_udp(&mut self, ctx: &Context, data: &[u8], out: &mut Output) -> bool {
        if self.connections.is_empty() {
            return false;
        }
        let known = self.connections.knows_ends(ctx);
        let moved = || data.len() >= 19 && data.first().is_some_and(|b| b & 0x80 == 0);
        if !(known || moved() && self.connections.of_short(data, ctx).is_some()) {
            return false;
        }
        self.connections.remember_ends(ctx);
        self.read(ctx, data, out);
        true
    }

    fn report(&self) -> Option<Arc<dyn Report>> {
        Some(Arc::new(QuicReport::new(&self.counts, &self.connections, &self.tls.tls, self.limits)))
    }
}
