//! TLS 1.0 to 1.3 (RFC 2246, 4346, 5246, 8446) and SSL 2 and 3 over TCP, DTLS (RFC 6347, 9147) over UDP: handshakes,
//! certificates, alerts.
//!
//! TCP: every port by content, as Wireshark's heuristic takes it, and the ports Wireshark has for it. Only the records of
//! the handshake are looked into; application data is passed over without being stored.

mod certificate;
mod connection;
mod cut;
mod dtls;
pub(crate) mod fields;
pub mod fingerprint;
pub mod handshake;
mod held;
pub mod machine;
pub mod names;
mod opened;
mod openvpn;
mod packed;
mod rare;
pub mod report;
mod secrets;
mod servers;
mod session;
mod suites;

use super::kept::Kept;
use super::streams::Sweeps;
use super::{App, Close, Context, DetectedBy, Output, Probe, Report, Step};
use crate::filter::registry::{Group, of_proto};
use crate::layers::Proto;
use crate::limits::Limits;
use connection::Connection;
use foldhash::fast::RandomState;
use hashbrown::HashMap;
use machine::Machine;
pub use secrets::Source;
use std::sync::Arc;

/// Content types of records (RFC 8446 5.1).
mod content {
    pub const CHANGE_CIPHER_SPEC: u8 = 20;
    pub const ALERT: u8 = 21;
    pub const HANDSHAKE: u8 = 22;
    pub const APPLICATION_DATA: u8 = 23;
    pub const HEARTBEAT: u8 = 24;

    pub fn is_known(v: u8) -> bool {
        (CHANGE_CIPHER_SPEC..=HEARTBEAT).contains(&v)
    }
}

/// Bytes of a record's header.
const HEADER: usize = 5;
/// Largest length Wireshark believes of a record on an unknown port.
const MAX_RECORD: usize = 0x4000 + 2048;

/// TLS and DTLS of a pass.
pub struct Tls {
    connections: HashMap<u32, Box<Connection>, RandomState>,
    datagrams: dtls::Datagrams,
    tunnels: openvpn::Tunnels,
    machine: Machine,
    max_connections: usize,
    limits: Limits,
    sweeps: Sweeps,
    /// Frame in which TLS was found last.
    last_found: u64,
}

impl Tls {
    pub fn new(limits: &Limits) -> Self {
        Self {
            connections: HashMap::default(),
            datagrams: dtls::Datagrams::new(limits),
            tunnels: openvpn::Tunnels::new(limits),
            machine: Machine::new(limits),
            max_connections: limits.max_app_streams / 2,
            limits: limits.clone(),
            sweeps: Sweeps::default(),
            last_found: 0,
        }
    }

    /// Wireshark shows TLS in every frame in which its dissector was called.
    fn found(&mut self, ctx: &Context, out: &mut Output) {
        if ctx.frame > self.last_found && !ctx.only_in_order {
            self.last_found = ctx.frame;
            self.machine.tls.frames += out.counts() as u64;
            out.found(Proto::Tls);
        }
    }

    fn connection(&mut self, ctx: &Context) -> Option<(&mut Connection, &mut Machine)> {
        let number = ctx.stream?;
        if !self.connections.contains_key(&number) {
            if self.sweeps.is_due(self.connections.len(), self.max_connections) {
                let is_full = self.connections.len() >= self.max_connections;
                self.machine.sweep(&mut self.connections, is_full);
                self.sweeps.left(self.connections.len(), self.max_connections);
            }
            if self.connections.len() >= self.max_connections {
                self.machine.refused += 1;
                return None;
            }
        }
        let connection = self.connections.entry(number).or_default();
        connection.was_over = false;
        Some((connection, &mut self.machine))
    }
}

impl App for Tls {
    fn name(&self) -> &'static str {
        "tls"
    }
    fn tcp_ports(&self) -> &[u16] {
        &[
            324, 443, 465, 636, 802, 853, 993, 995, 1194, 1300, 2221, 2443, 3249, 3250, 3251, 3252, 3496, 5061, 5671,
            5684, 5868, 8883, 11207, 19999, 27017,
        ]
    }
    fn udp_ports(&self) -> &[u16] {
        UDP_PORTS
    }
    fn protocols(&self) -> &[Proto] {
        &[Proto::Tls, Proto::Dtls, Proto::Openvpn]
    }
    fn probes_tcp(&self) -> bool {
        true
    }

    /// Header of a handshake or data record, or an SSL 2.0 hello; over UDP records that fill the payload.
    fn probe(&self, transport: Proto, data: &[u8]) -> Probe {
        let yes = if transport == Proto::Tcp { looks_like_tls(data) || is_ssl2_hello(data) } else { dtls::fills(data) };
        if yes { Probe::Yes } else { Probe::No }
    }

    fn datagram(&mut self, ctx: &Context, data: &[u8], out: &mut Output) -> bool {
        self.machine.counting = out.counts();
        if in_tunnel(ctx) {
            self.tunnel(ctx, data, out);
            return true;
        }
        self.datagrams.datagram(&mut self.machine, ctx, data, out)
    }

    /// Messages of DTLS lie in fragments, and associations have a state.
    fn learns_from_datagrams(&self) -> bool {
        true
    }

    fn stream(&mut self, ctx: &Context, data: &[u8], out: &mut Output) -> Step {
        if in_tunnel(ctx) {
            return match openvpn::framed(data) {
                Ok(packet) => {
                    self.machine.counting = out.counts();
                    self.tunnel(ctx, packet, out);
                    Step::Consumed(2 + packet.len())
                }
                Err(step) => step,
            };
        }
        if is_text(data) {
            // Not TLS, on whatever port.
            return if self.is_known(ctx) { Step::Consumed(data.len()) } else { Step::Pass };
        }
        self.found(ctx, out);
        self.machine.counting = out.counts();
        match self.connection(ctx) {
            Some((connection, machine)) => {
                let step = connection.read(machine, ctx, data, out);
                if let Step::Consumed(n) = step
                    && !ctx.only_in_order
                {
                    out.layer(of_proto(Proto::Tls), data.get(..n).unwrap_or(data));
                }
                step
            }
            None => Step::Lost,
        }
    }

    fn skipped(&mut self, ctx: &Context, out: &mut Output) {
        self.found(ctx, out);
        if out.fields(Group::Tls).is_some()
            && let Some((connection, _)) = self.connection(ctx)
        {
            connection.skipped(ctx, out);
        }
    }
    fn ahead(&mut self, ctx: &Context, data: &[u8], out: &mut Output) {
        if in_tunnel(ctx) {
            out.found(Proto::Openvpn);
            return;
        }
        if !is_text(data) {
            self.found(ctx, out);
            if out.fields(Group::Tls).is_some()
                && let Some((connection, machine)) = self.connection(ctx)
            {
                connection.ahead(machine, ctx, data, out);
            }
        }
    }

    /// Not in the middle of a connection whose hellos were not seen: there is nothing to put together.
    fn waits(&self, ctx: &Context) -> bool {
        self.is_known(ctx) || in_tunnel(ctx)
    }

    fn gap(&mut self, ctx: &Context, _lost_bytes: u64, _out: &mut Output) {
        if let Some(c) = ctx.stream.and_then(|n| self.connections.get_mut(&n)) {
            c.gap(&mut self.machine, ctx);
        }
    }

    fn closed(&mut self, ctx: &Context, how: Close, _out: &mut Output) {
        if let Some(c) = ctx.stream.and_then(|n| self.connections.get_mut(&n)) {
            c.closed(&mut self.machine, ctx, how);
        }
    }

    fn opened(&mut self, ctx: &Context, data: &[u8], out: &mut Output) -> Step {
        self.machine.counting = out.counts();
        match ctx.stream.and_then(|n| self.connections.get_mut(&n)) {
            Some(c) if !is_text(data) => c.opened(&mut self.machine, ctx, data, out),
            _ => Step::Lost,
        }
    }

    fn opened_gap(&mut self, ctx: &Context, out: &mut Output) {
        if let Some(c) = ctx.stream.and_then(|n| self.connections.get_mut(&n)) {
            self.machine.counting = out.counts();
            c.lost_sealed(&mut self.machine, ctx, out);
        }
    }

    fn opened_close(&mut self, ctx: &Context, how: Close, out: &mut Output) {
        if let Some(c) = ctx.stream.and_then(|n| self.connections.get_mut(&n)) {
            c.closed_sealed(ctx, how, out);
        }
    }

    fn secrets(&mut self, log: &[u8], source: Source) {
        let Machine { keys, key_counts, .. } = &mut self.machine;
        keys.read(log, source, &self.limits, key_counts);
    }

    fn report(&self) -> Option<Arc<dyn Report>> {
        let streams = in_order(self.connections.iter()).map(|c| &**c);
        let all = streams.chain(self.datagrams.connections()).chain(self.tunnels.connections());
        Some(Arc::new(self.machine.report(all)))
    }

    fn into_report(self: Box<Self>) -> (Option<Arc<dyn Report>>, Option<Kept>) {
        let Self { connections, datagrams, tunnels, machine, .. } = *self;
        let streams = in_order(connections.into_iter()).map(|c| *c);
        let all = streams.chain(datagrams.into_connections()).chain(tunnels.into_connections());
        (Some(Arc::new(machine.into_report(all))), None)
    }
}

impl Tls {
    /// A packet of OpenVPN. Of what is inside the protocol is named and all is counted, but no fields are given.
    fn tunnel(&mut self, ctx: &Context, packet: &[u8], out: &mut Output) {
        out.found(Proto::Openvpn);
        let Some(message) = self.tunnels.packet(ctx, packet) else { return };
        self.found(ctx, out);
        let sink = out.sink.take();
        match ctx.transport {
            Proto::Tcp => {
                if let Some((connection, machine)) = self.connection(ctx) {
                    openvpn::records(connection, machine, ctx, &message, out);
                }
            }
            _ => match self.tunnels.connection(ctx) {
                Some(connection) => openvpn::records(connection, &mut self.machine, ctx, &message, out),
                None => self.machine.refused += 1,
            },
        }
        out.sink = sink;
    }

    /// Something of TLS was read in the stream before.
    fn is_known(&self, ctx: &Context) -> bool {
        ctx.stream.and_then(|n| self.connections.get(&n)).is_some_and(|c| c.has_version())
    }
}

/// Values of a table in the order of their keys: what finds no room is in each run the same.
fn in_order<K: Ord, V>(entries: impl Iterator<Item = (K, V)>) -> impl Iterator<Item = V> {
    let mut all: Vec<(K, V)> = entries.collect();
    all.sort_unstable_by(|a, b| a.0.cmp(&b.0));
    all.into_iter().map(|(_, value)| value)
}

/// Ports on which Wireshark takes UDP payloads for DTLS, and OpenVPN's.
const UDP_PORTS: &[u16] = &[853, openvpn::PORT, 2221, 5684, 5868];

/// On OpenVPN's port, and no other protocol's.
fn in_tunnel(ctx: &Context) -> bool {
    ctx.detected_by == DetectedBy::Port && (ctx.src_port == openvpn::PORT || ctx.dst_port == openvpn::PORT)
}

/// The record of a client hello, as it starts TLS within another protocol.
pub fn starts_handshake(data: &[u8]) -> bool {
    matches!(data, [content::HANDSHAKE, 3, 0..=3, _, _, handshake::CLIENT_HELLO, ..])
}

/// Text, which no record starts with.
fn is_text(data: &[u8]) -> bool {
    data.len() > 4 && data.iter().take(4).all(|b| (0x20..0x7f).contains(b))
}

/// A record header that Wireshark's heuristic takes.
fn looks_like_tls(data: &[u8]) -> bool {
    let &[kind, 3, minor, hi, lo, ..] = data else { return false };
    let length = u16::from_be_bytes([hi, lo]) as usize;
    matches!(kind, content::HANDSHAKE | content::APPLICATION_DATA) && minor <= 3 && length > 0 && length < MAX_RECORD
}

/// The client hello of SSL 2.0 that TLS clients used to send (RFC 5246 E.2).
fn is_ssl2_hello(data: &[u8]) -> bool {
    let (Some(&[0x80, _, 1, _, _, c1, c0, s1, s0, h1, h0]), true) = (data.first_chunk::<11>(), data.len() >= 46) else {
        return false;
    };
    let ciphers = u16::from_be_bytes([c1, c0]);
    let session_id = u16::from_be_bytes([s1, s0]);
    ciphers > 0 && ciphers.is_multiple_of(3) && matches!(session_id, 0 | 16) && u16::from_be_bytes([h1, h0]) == 32
}

#[cfg(test)]
mod tests;
