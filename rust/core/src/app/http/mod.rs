//! HTTP/1 (RFC 9110, 9112), HTTP/2 in the clear (RFC 9113), WebSocket frames (RFC 6455) and SSDP (UPnP 1.0).
//!
//! Captures hold many messages of it, so it is counted here. Bodies are passed over, not stored. What Wireshark shows
//! decides what is counted; what is found beside that (out of order, on ports of other protocols) is counted apart.

mod connection;
mod counts;
pub(crate) mod fields;
mod head;
mod hpack;
mod http2;
pub(crate) mod http2_fields;
mod ports;
mod row;
pub(super) mod secret;
mod servers;
mod websocket;
pub(crate) mod websocket_fields;

use super::kept::Kept;
use super::message::{Fields, Value, text};
use super::streams::Sweeps;
use super::{App, Close, Context, Output, Probe, Report, Step};
use crate::addr::IpAddr;
use crate::filter::registry::{Group, of_proto};
use crate::layers::Proto;
use crate::limits::Limits;
use connection::Connection;
use counts::{Counts, Done};
use foldhash::fast::RandomState;
use head::{Head, Kind, Look};
use std::any::Any;
use std::collections::HashMap;
use std::sync::Arc;

/// What the connections share.
struct Shared {
    http: Counts,
    http2: Counts,
    frames: http2::Frames,
    ssdp: Counts,
    websocket: websocket::Counts,
    kept: Kept,
    /// The frame at hand passes the filter of the pass.
    counting: bool,
}

impl Shared {
    /// Where HTTP/1 is counted; None while the frame at hand does not count.
    fn http(&mut self) -> Option<&mut Counts> {
        self.counting.then_some(&mut self.http)
    }

    /// The same of HTTP/2.
    fn http2(&mut self) -> Option<&mut Counts> {
        self.counting.then_some(&mut self.http2)
    }

    fn frames(&mut self) -> Option<&mut http2::Frames> {
        self.counting.then_some(&mut self.frames)
    }

    fn websocket(&mut self) -> Option<&mut websocket::Counts> {
        self.counting.then_some(&mut self.websocket)
    }
}

type Ends = [(IpAddr, u16); 2];

/// HTTP of a pass.
pub struct Http {
    shared: Shared,
    connections: HashMap<u32, Box<Connection>, RandomState>,
    max_connections: usize,
    /// First frames of requests without a response, of connections that are over and gone.
    unanswered: Vec<u64>,
    /// What SSDP spoke of before, by ends, for its fields.
    ssdp: HashMap<Ends, fields::Pairs, RandomState>,
    max_keys: usize,
    sweeps: Sweeps,
}

impl Http {
    pub fn new(limits: &Limits) -> Self {
        let counts = || Counts::new(limits);
        let shared = Shared {
            http: counts(),
            http2: counts(),
            frames: http2::Frames::default(),
            ssdp: counts(),
            websocket: websocket::Counts::default(),
            kept: Kept::new(limits),
            counting: true,
        };
        Self {
            shared,
            connections: HashMap::default(),
            max_connections: limits.max_app_streams,
            unanswered: Vec::new(),
            ssdp: HashMap::default(),
            max_keys: limits.max_app_keys,
            sweeps: Sweeps::default(),
        }
    }

    /// First frames of requests that have no response.
    fn unanswered(&self) -> Vec<u64> {
        let mut unanswered = self.unanswered.clone();
        unanswered.extend(self.connections.values().flat_map(|c| c.unanswered()));
        first_frames(&mut unanswered);
        unanswered
    }

    /// The connection of a segment, made if there is room.
    fn connection(&mut self, c: &Context, out: &Output) -> Option<(&mut Connection, &mut Shared)> {
        let number = c.stream?;
        self.shared.counting = out.counts();
        if !self.connections.contains_key(&number) {
            if self.sweeps.is_due(self.connections.len(), self.max_connections) {
                let is_full = self.connections.len() >= self.max_connections;
                let (unanswered, shared) = (&mut self.unanswered, &mut self.shared);
                self.connections.retain(|_, c| {
                    let goes = c.over() && (is_full || std::mem::replace(&mut c.was_over, true));
                    if goes {
                        unanswered.extend(c.unanswered());
                        c.forget(shared);
                    }
                    !goes
                });
                first_frames(unanswered);
                self.sweeps.left(self.connections.len(), self.max_connections);
            }
            if self.connections.len() >= self.max_connections {
                return None;
            }
            self.connections.insert(number, Box::default());
        }
        let connection = self.connections.get_mut(&number)?;
        if c.is_decrypted() && !connection.decrypted {
            // Not what led there: a proxy's tunnel has the same number.
            connection.forget(&mut self.shared);
            **connection = Connection::default();
            connection.decrypted = true;
        }
        Some((connection, &mut self.shared))
    }

    /// A message of SSDP: HTTP's form in one datagram.
    fn ssdp_message(&mut self, c: &Context, data: &[u8]) {
        let Some(h) = Head::read(data) else { return };
        let field = |b: &[u8]| text(b, 512);
        let mut done = Done {
            kind: h.kind,
            method: field(h.method),
            host: field(h.host),
            uri: String::new(),
            user_agent: field(h.user_agent),
            server: field(h.server),
            content_type: field(h.media_type()),
            encoding: String::new(),
            status: h.status,
            version: h.version,
            body: (data.len() - h.len) as u64,
            chunked: false,
        };
        if !h.host.is_empty() && h.kind != Kind::Response {
            done.uri = format!("http://{}{}", done.host, secret::shown_target(h.target, counts::MAX_URI));
        }
        self.shared.ssdp.done(c, &done);
    }
}

/// The frames that are listed of many.
fn first_frames(frames: &mut Vec<u64>) {
    frames.sort_unstable();
    frames.truncate(20);
}

/// Wireshark shows the datagram as SSDP.
fn is_ssdp(data: &[u8]) -> bool {
    matches!(head::look(data), Look::Start | Look::Field)
}

impl App for Http {
    fn protocols(&self) -> &[Proto] {
        &[Proto::Http, Proto::Http2, Proto::Websocket, Proto::Ssdp]
    }
    fn name(&self) -> &'static str {
        "http"
    }
    fn udp_ports(&self) -> &[u16] {
        &[1900]
    }
    fn tcp_ports(&self) -> &[u16] {
        &ports::TCP
    }
    fn probes_tcp(&self) -> bool {
        true
    }

    /// Wireshark's test of the first line; beside that the start of HTTP/2, and a request line that is still coming.
    fn probe(&self, transport: Proto, data: &[u8]) -> Probe {
        // Nearly all of what is encrypted or binary leaves here: a method or a version begins with capital letters.
        let capitals = matches!(data, [a, b, ..] if a.is_ascii_uppercase() && (b.is_ascii_uppercase() || *b == b'-'));
        if transport != Proto::Tcp || !capitals {
            return Probe::No;
        }
        let long = data.len() >= 64
            && [&b"GET /"[..], b"POST /"].iter().any(|m| data.starts_with(m))
            && !data.contains(&b'\n');
        if long || head::on_any_port(data) || data.starts_with(http2::PREFACE) { Probe::Yes } else { Probe::No }
    }

    fn datagram(&mut self, ctx: &Context, data: &[u8], out: &mut Output) -> bool {
        if is_ssdp(data) {
            out.found(Proto::Ssdp);
            out.layer(of_proto(Proto::Ssdp), data);
            self.ssdp_message(ctx, data);
            if let Some(sink) = out.fields(Group::Http) {
                let (a, b) = ((ctx.src, ctx.src_port), (ctx.dst, ctx.dst_port));
                let ends = if a <= b { [a, b] } else { [b, a] };
                if self.ssdp.len() >= self.max_keys && !self.ssdp.contains_key(&ends) {
                    self.ssdp.clear();
                }
                fields::put(data, ctx, self.ssdp.entry(ends).or_default(), &[], sink);
            }
        }
        true
    }

    fn quoted(&self, _: &Context, data: &[u8]) -> Option<Proto> {
        is_ssdp(data).then_some(Proto::Ssdp)
    }

    fn stream(&mut self, ctx: &Context, data: &[u8], out: &mut Output) -> Step {
        match self.connection(ctx, out) {
            Some((connection, shared)) => connection.stream(shared, ctx, data, out),
            None => Step::Lost,
        }
    }

    fn handshake(&mut self, ctx: &Context, ns: i64) {
        if let Some((connection, _)) = self.connection(ctx, &Output::default()) {
            connection.handshake_ns = Some(ns);
        }
    }

    fn skipped(&mut self, ctx: &Context, out: &mut Output) {
        if let Some((connection, shared)) = self.connection(ctx, out) {
            connection.skipped(shared, ctx, out);
        }
    }

    fn ahead(&mut self, ctx: &Context, data: &[u8], out: &mut Output) {
        if let Some((connection, shared)) = self.connection(ctx, out) {
            connection.ahead(shared, ctx, data, out);
        }
    }

    fn cut(&mut self, ctx: &Context, out: &mut Output) {
        if let Some((connection, shared)) = self.connection(ctx, out) {
            connection.cut(shared, ctx, out);
        }
    }

    fn gap(&mut self, ctx: &Context, lost_bytes: u64, out: &mut Output) {
        if let Some((connection, shared)) = self.connection(ctx, out) {
            connection.gap(shared, ctx, lost_bytes);
        }
    }

    fn closed(&mut self, ctx: &Context, how: Close, out: &mut Output) {
        let Some(number) = ctx.stream else { return };
        self.shared.counting = out.counts();
        let Some(connection) = self.connections.get_mut(&number) else { return };
        connection.close(&mut self.shared, ctx, how, out);
    }

    fn kept(&self) -> Option<&Kept> {
        Some(&self.shared.kept)
    }

    fn report(&self) -> Option<Arc<dyn Report>> {
        let s = &self.shared;
        let mut http = s.http.clone();
        self.connections.values().filter_map(|c| c.reuse.clone()).for_each(|r| http.over(r));
        Some(Arc::new(Summary {
            http: Arc::new(http),
            http2: Arc::new(s.http2.clone()),
            frames: s.frames.clone(),
            ssdp: Arc::new(s.ssdp.clone()),
            websocket: s.websocket.clone(),
            unanswered: self.unanswered(),
        }))
    }

    fn into_report(self: Box<Self>) -> (Option<Arc<dyn Report>>, Option<Kept>) {
        let unanswered = self.unanswered();
        let Self { shared, mut connections, .. } = *self;
        let Shared { mut http, http2, frames, ssdp, websocket, kept, .. } = shared;
        connections.drain().filter_map(|(_, c)| c.reuse).for_each(|r| http.over(r));
        let [http, http2, ssdp] = [http, http2, ssdp].map(Arc::new);
        (Some(Arc::new(Summary { http, http2, frames, ssdp, websocket, unanswered })), Some(kept))
    }
}

/// What was counted of each protocol.
#[derive(Clone, Debug)]
struct Summary {
    http: Arc<Counts>,
    http2: Arc<Counts>,
    frames: http2::Frames,
    ssdp: Arc<Counts>,
    websocket: websocket::Counts,
    /// First frames of requests of HTTP/1 that have no response.
    unanswered: Vec<u64>,
}

impl Report for Summary {
    fn value(self: Arc<Self>) -> Value {
        let mut out = Fields::new();
        if !self.http.is_empty() {
            let mut http = self.http.report();
            let frames: Vec<Value> = self.unanswered.iter().map(|&f| f.into()).collect();
            http.push(("unanswered_frames", frames.into()));
            out.push(("http", http.into()));
        }
        if !self.frames.is_empty() {
            let mut http2 = self.http2.report();
            http2.extend(self.frames.report());
            out.push(("http2", http2.into()));
        }
        if !self.ssdp.is_empty() {
            out.push(("ssdp", self.ssdp.report().into()));
        }
        if !self.websocket.is_empty() {
            out.push(("websocket", self.websocket.report().into()));
        }
        out.into()
    }

    fn merge(&self, other: &dyn Report) -> Option<Arc<dyn Report>> {
        let other = (other as &dyn Any).downcast_ref::<Self>()?;
        let mut all = self.clone();
        Arc::make_mut(&mut all.http).merge(&other.http);
        Arc::make_mut(&mut all.http2).merge(&other.http2);
        all.frames.merge(&other.frames);
        Arc::make_mut(&mut all.ssdp).merge(&other.ssdp);
        all.websocket.merge(&other.websocket);
        all.unanswered.extend(&other.unanswered);
        all.unanswered.sort_unstable();
        all.unanswered.truncate(20);
        Some(Arc::new(all))
    }
}

#[cfg(test)]
mod tests;
