//! What was counted of QUIC, as values.

use super::connections::{Connection, Connections, Hello};
use super::frames::error_name;
use super::packet::Kind;
use super::version;
use crate::app::count::{Counter, Times};
use crate::app::message::{Fields, Value, text};
use crate::app::tls::handshake::{ClientHello, Ech, ServerHello};
use crate::app::tls::machine::Totals;
use crate::app::tls::{fingerprint, names, report::totals};
use crate::app::{Context, Report};
use crate::limits::Limits;
use std::any::Any;
use std::collections::HashMap;
use std::sync::Arc;

/// Frames listed of a kind.
const MAX_FRAMES: usize = 100;
/// Characters kept of a name or a reason.
const MAX_TEXT: usize = 256;
const MAX_ALPN: usize = 16;

/// How often, and the first frames.
#[derive(Clone, Debug, Default)]
pub struct Seen {
    count: u64,
    frames: Vec<u64>,
}

impl Seen {
    pub fn add(&mut self, frame: u64) {
        self.count += 1;
        if self.frames.len() < MAX_FRAMES {
            self.frames.push(frame);
        }
    }

    fn merge(&mut self, other: &Self) {
        self.count += other.count;
        self.frames.extend(&other.frames);
        self.frames.sort_unstable();
        self.frames.truncate(MAX_FRAMES);
    }

    fn report(&self) -> Value {
        let frames: Vec<Value> = self.frames.iter().map(|&f| f.into()).collect();
        vec![("count", self.count.into()), ("frames", frames.into())].into()
    }
}

/// A connection closed in the clear, in an Initial packet.
#[derive(Clone, Debug)]
pub struct Close {
    ctx: Context,
    /// Its number; None: it is not in the table any more.
    connection: Option<u64>,
    from_server: bool,
    code: u64,
    application: bool,
    reason: String,
    server_name: Option<String>,
}

impl Close {
    pub fn new(ctx: &Context, c: &Connection, from_server: bool, code: u64, application: bool, reason: &[u8]) -> Self {
        Self {
            ctx: *ctx,
            connection: Some(c.number),
            from_server,
            code,
            application,
            reason: text(reason, MAX_TEXT),
            server_name: c.hello.server_name.clone(),
        }
    }

    fn report(&self) -> Value {
        let error = if self.application { None } else { error_name(self.code) };
        vec![
            ("frame", self.ctx.frame.into()),
            ("time_ns", self.ctx.time_ns.into()),
            ("connection", self.connection.into()),
            ("src", self.ctx.src.into()),
            ("src_port", self.ctx.src_port.into()),
            ("dst", self.ctx.dst.into()),
            ("dst_port", self.ctx.dst_port.into()),
            ("from_server", self.from_server.into()),
            ("application", self.application.into()),
            ("error_code", Value::Int(i64::try_from(self.code).unwrap_or(i64::MAX))),
            ("error", error.into()),
            // RFC 9001 section 4.8: the low byte is the TLS alert.
            ("tls_alert", (error == Some("CRYPTO_ERROR")).then_some(Value::Int((self.code & 0xff) as i64)).into()),
            ("reason", self.reason.clone().into()),
            ("server_name", self.server_name.clone().into()),
        ]
        .into()
    }
}

/// Counts over all connections.
#[derive(Clone, Debug)]
pub struct Counts {
    pub frames: u64,
    last_frame: u64,
    pub versions: Counter<u32>,
    pub kinds: [u64; Kind::ALL.len()],
    pub retries: Seen,
    pub negotiations: Seen,
    /// Initial packets whose protection could not be removed.
    pub undecrypted: u64,
    pub closes: Vec<Close>,
    pub close_count: u64,
}

impl Counts {
    pub fn new(limits: &Limits) -> Self {
        Self {
            frames: 0,
            last_frame: 0,
            versions: Counter::new(limits.max_app_keys),
            kinds: [0; Kind::ALL.len()],
            retries: Seen::default(),
            negotiations: Seen::default(),
            undecrypted: 0,
            closes: Vec::new(),
            close_count: 0,
        }
    }

    pub fn frame(&mut self, ctx: &Context) {
        if ctx.frame > self.last_frame {
            self.last_frame = ctx.frame;
            self.frames += 1;
        }
    }

    /// A datagram that does not start with a packet that holds.
    pub fn short(&mut self, version: Option<u32>) {
        if let Some(v) = version {
            self.versions.add(&v);
        }
    }

    pub fn close(&mut self, close: Close, limit: usize) {
        self.close_count += 1;
        if self.closes.len() < limit {
            self.closes.push(close);
        }
    }
}

impl Hello {
    pub fn client(&mut self, ctx: &Context, hello: &ClientHello<'_>) {
        if self.client_frame.is_some() {
            return;
        }
        (self.client_frame, self.client_time_ns) = (Some(ctx.frame), ctx.time_ns);
        self.server_name = hello.server_names().next().map(|n| text(n, MAX_TEXT));
        self.alpn = hello.alpn().take(MAX_ALPN).map(|n| text(n, MAX_TEXT)).collect();
        self.ja4 = Some(fingerprint::ja4(hello, fingerprint::Carrier::Quic).to_string());
        self.ech = matches!(hello.ech(), Some(Ech::Outer | Ech::Inner));
    }

    pub fn server(&mut self, ctx: &Context, hello: &ServerHello<'_>) {
        if self.server_frame.is_some() {
            return;
        }
        (self.server_frame, self.server_time_ns) = (Some(ctx.frame), ctx.time_ns);
        (self.cipher, self.group) = (Some(hello.cipher), hello.group());
    }
}

/// A connection of the table: where it stands, and the rest of its row.
#[derive(Clone, Debug)]
struct Listed {
    number: u64,
    /// Time and frame of its first packet: connections are in this order, also those of two parts.
    begin: (i64, u64),
    row: Fields,
}

impl Listed {
    fn of(c: &Connection) -> Self {
        Self { number: c.number, begin: (c.first.time_ns, c.first.frame), row: row(c) }
    }

    fn value(&self) -> Value {
        Value::Map([("number", self.number.into())].into_iter().chain(self.row.iter().cloned()).collect())
    }
}

fn row(c: &Connection) -> Fields {
    let (client, server) = (c.client, c.server);
    let hello_ns =
        c.hello.client_frame.and(c.hello.server_frame).map(|_| c.hello.server_time_ns - c.hello.client_time_ns);
    let kinds: Fields = Kind::ALL.iter().map(|k| (k.name(), c.packets[*k as usize].into())).collect();
    vec![
        ("first_frame", c.first.frame.into()),
        ("last_frame", c.last_frame.into()),
        ("time_ns", c.first.time_ns.into()),
        ("duration_ns", (c.last_time_ns - c.first.time_ns).into()),
        ("client", client.0.into()),
        ("client_port", client.1.into()),
        ("server", server.0.into()),
        ("server_port", server.1.into()),
        ("version", version::name(c.version).into()),
        ("version_number", c.version.into()),
        ("offered_versions", Value::List(c.offered.iter().map(|&v| version::name(v).into()).collect())),
        ("server_name", c.hello.server_name.clone().into()),
        ("alpn", Value::List(c.hello.alpn.iter().map(|n| n.clone().into()).collect())),
        ("ja4", c.hello.ja4.clone().into()),
        ("ech", c.hello.ech.into()),
        (
            "cipher",
            c.hello
                .cipher
                .map(|v| Value::Text(names::suite(v).map_or_else(|| format!("{v:#06x}"), str::to_owned)))
                .into(),
        ),
        (
            "group",
            c.hello
                .group
                .map(|v| Value::Text(names::group(v).map_or_else(|| format!("{v:#06x}"), str::to_owned)))
                .into(),
        ),
        ("client_hello_time_ns", c.hello.client_frame.map(|_| c.hello.client_time_ns).into()),
        ("client_hello_frame", c.hello.client_frame.into()),
        ("server_hello_frame", c.hello.server_frame.into()),
        ("hello_time_ns", hello_ns.into()),
        ("retry_frame", c.retry_frame.into()),
        ("version_negotiation_frame", c.negotiation_frame.into()),
        ("packets", kinds.into()),
        ("datagrams_to_server", c.datagrams[0].into()),
        ("datagrams_to_client", c.datagrams[1].into()),
        ("bytes_to_server", c.bytes[0].into()),
        ("bytes_to_client", c.bytes[1].into()),
        ("undecrypted_initials", c.undecrypted_initials.into()),
    ]
}

/// All of it at one moment.
#[derive(Clone, Debug)]
pub struct QuicReport {
    counts: Counts,
    tls: Totals,
    /// In order of their begin, numbered in that order; the first ones may have found no room.
    connections: Vec<Listed>,
    connection_count: u64,
    hello_times: Times,
    limit: usize,
}

impl QuicReport {
    pub fn new(counts: &Counts, connections: &Connections, tls: &Totals, limits: (usize, usize)) -> Self {
        let mut hello_times = Times::new(limits.1);
        let mut listed: Vec<Listed> = connections.iter().map(Listed::of).collect();
        listed.sort_by_key(|c| c.number);
        for c in connections.iter() {
            if let Some(frame) = c.hello.client_frame.filter(|_| c.hello.server_frame.is_some()) {
                hello_times.add(c.hello.server_time_ns - c.hello.client_time_ns, frame);
            }
        }
        Self {
            counts: counts.clone(),
            tls: tls.clone(),
            connections: listed,
            connection_count: connections.count(),
            hello_times,
            limit: limits.0,
        }
    }
}

/// The connections of two parts in order of their begin, the last ones where that are too many, numbered anew; and the
/// number that each had in its part with the new one.
fn join(a: &[Listed], b: &[Listed], made: u64, limit: usize) -> (Vec<Listed>, HashMap<(usize, u64), u64>) {
    let mut all: Vec<(usize, &Listed)> = a.iter().map(|c| (0, c)).chain(b.iter().map(|c| (1, c))).collect();
    all.sort_by_key(|(_, c)| c.begin);
    all.drain(..all.len().saturating_sub(limit));
    let first = made.saturating_sub(all.len() as u64);
    let numbered = all.into_iter().zip(first..);
    let mut renumbered = HashMap::new();
    let mut listed = Vec::new();
    for ((part, c), number) in numbered {
        renumbered.insert((part, c.number), number);
        listed.push(Listed { number, ..c.clone() });
    }
    (listed, renumbered)
}

impl Report for QuicReport {
    fn value(self: Arc<Self>) -> Value {
        let kinds: Fields = Kind::ALL.iter().map(|k| (k.name(), self.counts.kinds[*k as usize].into())).collect();
        vec![
            ("frames", self.counts.frames.into()),
            ("versions", self.counts.versions.report(|&v| v.into())),
            ("version_names", self.counts.versions.report(|&v| version::name(v).into())),
            ("packets", kinds.into()),
            ("connection_count", self.connection_count.into()),
            ("connections", Value::List(self.connections.iter().map(Listed::value).collect())),
            ("retries", self.counts.retries.report()),
            ("version_negotiations", self.counts.negotiations.report()),
            ("undecrypted_initials", self.counts.undecrypted.into()),
            ("close_count", self.counts.close_count.into()),
            ("closes", Value::List(self.counts.closes.iter().map(Close::report).collect())),
            ("hello_time", self.hello_times.report().into()),
            ("tls", totals(&self.tls).into()),
        ]
        .into()
    }

    fn merge(&self, other: &dyn Report) -> Option<Arc<dyn Report>> {
        let other = (other as &dyn Any).downcast_ref::<Self>()?;
        let mut sum = self.clone();
        let (mine, theirs) = (&mut sum.counts, &other.counts);
        mine.frames += theirs.frames;
        mine.versions.merge(&theirs.versions);
        mine.kinds.iter_mut().zip(theirs.kinds).for_each(|(a, b)| *a += b);
        mine.retries.merge(&theirs.retries);
        mine.negotiations.merge(&theirs.negotiations);
        mine.undecrypted += theirs.undecrypted;
        mine.close_count += theirs.close_count;
        sum.connection_count += other.connection_count;
        let (listed, renumbered) = join(&self.connections, &other.connections, sum.connection_count, self.limit);
        sum.connections = listed;
        let renumber = |part: usize| {
            let renumbered = &renumbered;
            move |close: &Close| Close {
                connection: close.connection.and_then(|n| renumbered.get(&(part, n)).copied()),
                ..close.clone()
            }
        };
        mine.closes = self.counts.closes.iter().map(renumber(0)).chain(theirs.closes.iter().map(renumber(1))).collect();
        mine.closes.sort_by_key(|c| (c.ctx.time_ns, c.ctx.frame));
        mine.closes.truncate(self.limit);
        sum.tls.merge(&other.tls);
        sum.hello_times.merge(&other.hello_times);
        Some(Arc::new(sum))
    }
}
