//! QUIC (RFC 9000, 9001, 9369; the drafts and what Google and Facebook made of them): connections, packet types, versions,
//! and what the handshake says in the clear.
//!
//! Initial packets are protected with keys that everybody can make, so the client and server hello are read from them.
//! Everything behind stays closed. Found by content on any port, and from then on by the ends and the connection ids, as
//! Wireshark does.

mod connections;
mod crypto;
mod frames;
mod keys;
mod packet;
mod report;
#[cfg(test)]
mod tests;
mod version;

use super::tls::handshake::{self, ClientHello, ServerHello};
use super::tls::machine::Machine;
use super::{App, Context, Output, Probe, Report};
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
        self.counts.frame(ctx);
        out.found(Proto::Quic);
        let Some(first) = packet::long(data) else {
            let found =
                data.first().is_some_and(|b| b & 0x80 == 0).then(|| self.connections.of_short(data, ctx)).flatten();
            self.counts.short(packet::invariants(data).map(|i| i.0));
            self.packet(found, Kind::OneRtt, ctx, data.len());
            return;
        };
        let found = self.connections.of_long(&first, ctx);
        let found = self.connections.update(&first, found, ctx);
        self.received(found, ctx, data.len());
        let mut tls = false;
        let mut rest = data;
        // Ends: every packet has at least a byte.
        while let Some(packet) = packet::long(rest) {
            // What follows in the datagram has the same destination; anything else is padding (RFC 9000 section 12.2).
            if packet.dcid != first.dcid {
                self.counts.versions.add(&packet.version);
                return;
            }
            self.counts.versions.add(&packet.version);
            self.counts.kinds[packet.kind as usize] += 1;
            tls |= self.long(found, &packet, ctx);
            rest = rest.get(packet.bytes.len()..).unwrap_or_default();
        }
        if let Some(byte) = rest.first()
            && byte & 0x80 == 0
        {
            let id = found.and_then(|(n, from_server)| self.connections.get_mut(n)?.id_to(from_server).cloned());
            if id.is_none_or(|id| rest.get(1..).is_some_and(|r| r.starts_with(&id))) {
                self.counts.kinds[Kind::OneRtt as usize] += 1;
                if let Some(c) = found.and_then(|f| self.connections.get_mut(f.0)) {
                    c.packets[Kind::OneRtt as usize] += 1;
                }
            }
        }
        if tls {
            self.tls.tls.frames += 1;
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
        if let Some((number, from_server)) = found
            && let Some(c) = self.connections.get_mut(number)
        {
            (c.last_frame, c.last_time_ns) = (ctx.frame, ctx.time_ns);
            c.datagrams[from_server as usize] += 1;
            c.bytes[from_server as usize] += bytes as u64;
        }
    }

    /// One packet with a long header. True: it brought bytes of the TLS handshake.
    fn long(&mut self, found: Option<(u64, bool)>, packet: &Long<'_>, ctx: &Context) -> bool {
        let Some((number, from_server)) = found else { return false };
        let Some(c) = self.connections.get_mut(number) else { return false };
        c.packets[packet.kind as usize] += 1;
        match packet.kind {
            Kind::Retry => {
                c.retry_frame.get_or_insert(ctx.frame);
                self.counts.retries.add(ctx.frame);
                return false;
            }
            Kind::VersionNegotiation => {
                c.negotiation_frame.get_or_insert(ctx.frame);
                let versions = packet.rest.chunks_exact(4).filter_map(|v| Some(u32::from_be_bytes(v.try_into().ok()?)));
                c.offered = versions.take(32).collect();
                self.counts.negotiations.add(ctx.frame);
                return false;
            }
            Kind::Initial => {}
            Kind::ZeroRtt | Kind::Handshake | Kind::OneRtt => return false,
        }
        let keys = c.keys.take();
        let keys_of = keys.as_ref().map(|k| if from_server { &k.server } else { &k.client });
        let opened = keys_of.is_some_and(|k| k.open(packet, &mut self.plain));
        c.keys = keys;
        if !opened {
            c.undecrypted_initials += 1;
            self.counts.undecrypted += 1;
            return false;
        }
        let plain = std::mem::take(&mut self.plain);
        let tls = self.frames(number, from_server, ctx, &plain);
        self.plain = plain;
        tls
    }

    fn frames(&mut self, number: u64, from_server: bool, ctx: &Context, plain: &[u8]) -> bool {
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
                    let close = Close::new(ctx, c, from_server, code, application, reason);
                    self.counts.close(close, self.max_keys);
                }
            }
        }
        while let Some((kind, body)) = c.crypto[from_server as usize].message() {
            self.tls.message(ctx, kind, false);
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

impl App for Quic {
    fn name(&self) -> &'static str {
        "quic"
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
