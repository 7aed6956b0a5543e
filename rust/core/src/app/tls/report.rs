//! The counts and tables as values.

use super::certificate;
use super::machine::{AlertRow, Machine, Seen, Totals};
use super::names;
use super::servers::Servers;
use super::session::{Handshake, NEVER, NameMatch, Offer, Outcome, Step, offers};
use crate::addr::IpAddr;
use crate::app::Report;
use crate::app::count::{Counter, Times, counted_later, text_of};
use crate::app::message::{Fields, Value, text};
use crate::app::rows::Rows;
use std::any::Any;
use std::sync::Arc;

/// Frames listed of a kind.
const MAX_FRAMES: usize = 20;
/// Values listed of a row's lists.
const MAX_LIST: usize = 100;
const MAX_NAME: usize = 256;

/// First frames of a kind of handshake.
#[derive(Clone, Debug, Default)]
pub struct Evidence {
    count: u64,
    frames: Vec<u64>,
}

impl Evidence {
    pub fn add(&mut self, frame: u64) {
        self.count += 1;
        let at = self.frames.partition_point(|&f| f < frame);
        if at < MAX_FRAMES {
            self.frames.insert(at, frame);
            self.frames.truncate(MAX_FRAMES);
        }
    }
    pub fn merge(&mut self, o: &Self) {
        self.count += o.count;
        self.frames.extend(&o.frames);
        self.frames.sort_unstable();
        self.frames.truncate(MAX_FRAMES);
    }
    fn report(&self) -> Value {
        let frames: Vec<Value> = self.frames.iter().map(|&f| f.into()).collect();
        vec![("count", self.count.into()), ("frames", frames.into())].into()
    }
}

/// Kinds of handshakes that are counted with evidence.
const KINDS: [&str; 17] = [
    "handshakes",
    "resumed",
    "hello_retries",
    "post_quantum_offered",
    "post_quantum_chosen",
    "with_ech",
    "with_grease",
    "without_server_name",
    "name_mismatches",
    "expired_certificates",
    "not_yet_valid_certificates",
    "self_signed_certificates",
    "broken_chains",
    "old_versions",
    "weak_ciphers",
    "client_certificates",
    "without_forward_secrecy",
];

/// Sums over handshakes, of one protocol.
#[derive(Clone, Debug)]
struct Sums {
    kinds: [Evidence; KINDS.len()],
    outcomes: [Evidence; Outcome::ALL.len()],
    /// Handshakes that did not complete, by outcome and last step.
    stopped_at: Counter<(Outcome, &'static str)>,
    duration: Times,
    hello: Times,
    servers: Servers,
}

/// Sums over all handshakes, those without room in the table included.
#[derive(Clone, Debug)]
pub struct Summed {
    /// Of TLS and DTLS.
    sums: [Sums; 2],
}

impl Summed {
    pub fn new(max_times: usize, max_servers: usize) -> Self {
        let one = || Sums {
            kinds: Default::default(),
            outcomes: Default::default(),
            stopped_at: Counter::new(256),
            duration: Times::new(max_times),
            hello: Times::new(max_times),
            servers: Servers::new(max_servers),
        };
        Self { sums: [one(), one()] }
    }

    pub fn add(&mut self, h: &Handshake) {
        let s = &mut self.sums[h.dtls as usize];
        let suite = h.cipher.and_then(names::suite).unwrap_or_default();
        let whole = h.offer.is_some();
        // In the order of KINDS.
        let holds = [
            true,
            h.resumption.is_some(),
            h.has(Step::HelloRetryRequest) && !h.dtls,
            h.offers(offers::POST_QUANTUM),
            h.group.is_some_and(names::is_post_quantum) && h.has(Step::ServerHello),
            h.offers(offers::ECH),
            h.offers(offers::GREASE),
            whole && h.sni.is_none(),
            h.name_match == NameMatch::Mismatch,
            h.expired,
            h.not_yet_valid,
            h.self_issued,
            h.chain_broken,
            h.version.is_some_and(is_old),
            is_weak(suite),
            h.client_certificate,
            h.has(Step::ServerHello) && lacks_forward_secrecy(suite),
        ];
        s.kinds.iter_mut().zip(holds).filter(|(_, holds)| *holds).for_each(|(e, _)| e.add(h.frame));
        let outcome = h.outcome();
        s.outcomes[outcome as usize].add(h.frame);
        if !matches!(outcome, Outcome::Completed | Outcome::Partial) {
            s.stopped_at.add(&(outcome, h.last_step()));
        }
        h.duration_ns().into_iter().for_each(|t| s.duration.add(t, h.frame));
        h.hello_ns().into_iter().for_each(|t| s.hello.add(t, h.frame));
        s.servers.add(&h.server, outcome == Outcome::Completed, h.duration_ns(), h.frame);
    }

    pub fn merge(&mut self, o: &Self) {
        for (a, b) in self.sums.iter_mut().zip(&o.sums) {
            a.kinds.iter_mut().zip(&b.kinds).for_each(|(a, b)| a.merge(b));
            a.outcomes.iter_mut().zip(&b.outcomes).for_each(|(a, b)| a.merge(b));
            a.stopped_at.merge(&b.stopped_at);
            a.duration.merge(&b.duration);
            a.hello.merge(&b.hello);
            a.servers.merge(&b.servers);
        }
    }
}

/// SSL and TLS before 1.2 (RFC 8996 deprecates them), DTLS 1.0.
pub fn is_old(version: u16) -> bool {
    matches!(version, 0x0002 | 0x0300..=0x0302 | 0xfeff)
}

/// No encryption, no authentication, export keys, RC4, DES.
pub fn is_weak(suite: &str) -> bool {
    ["_NULL", "_EXPORT", "_anon_", "_RC4_", "_RC2_", "_DES_", "_DES40_", "_3DES_", "_IDEA_"]
        .iter()
        .any(|w| suite.contains(w))
}

/// Whoever gets the server's key later can read the session: key agreement by RSA or fixed Diffie-Hellman.
pub fn lacks_forward_secrecy(suite: &str) -> bool {
    ["TLS_RSA_", "TLS_DH_", "TLS_ECDH_", "TLS_PSK_", "TLS_KRB5_"].iter().any(|p| suite.starts_with(p))
}

fn number(v: u16, of: fn(u16) -> Option<&'static str>) -> Value {
    of(v).map_or_else(|| Value::Text(format!("0x{v:04x}")), Value::Name)
}

fn numbers<'a>(values: impl IntoIterator<Item = &'a u16>, of: fn(u16) -> Option<&'static str>) -> Value {
    Value::List(values.into_iter().take(MAX_LIST).map(|&v| number(v, of)).collect())
}

fn plain(v: &u16) -> Value {
    (*v).into()
}

fn shown(bytes: Option<&[u8]>) -> Value {
    bytes.map(|b| text(b, MAX_NAME)).into()
}

fn hex(bytes: &[u8]) -> Value {
    certificate::hex(bytes).into()
}

/// The tables of one protocol that may be long, their rows made later.
struct Long {
    server_names: Value,
    ja3: Value,
    ja3s: Value,
    ja4: Value,
    servers: Value,
}

/// `Long` of one protocol, by its field in `Machine` and its place in `Summed::sums`.
macro_rules! long {
    ($of:expr, $protocol:ident, $place:literal) => {
        Long {
            server_names: counted_later!($of, $protocol.server_names, text_of),
            ja3: counted_later!($of, $protocol.ja3, hex),
            ja3s: counted_later!($of, $protocol.ja3s, hex),
            ja4: counted_later!($of, $protocol.ja4, ja4),
            servers: {
                let sums = &$of.summed.sums[$place];
                let rows = Rows::later(
                    $of,
                    sums.servers.len(),
                    |m| m.summed.sums[$place].servers.ranked(),
                    |m, address| m.summed.sums[$place].servers.row(address),
                );
                vec![("rows", rows), ("other", sums.servers.other().into())].into()
            },
        }
    };
}

fn ja4(text: &[u8]) -> Value {
    Value::Text(String::from_utf8_lossy(text).into_owned())
}

/// Counts of one protocol.
pub fn totals(t: &Totals) -> Fields {
    let [server_names, ja3, ja3s] =
        [t.server_names.report(|n| n.clone().into()), t.ja3.report(|h| hex(h)), t.ja3s.report(|h| hex(h))];
    totals_with(t, server_names, [ja3, ja3s, t.ja4.report(|j| ja4(j))])
}

fn totals_with(t: &Totals, server_names: Value, [ja3, ja3s, ja4]: [Value; 3]) -> Fields {
    vec![
        ("frames", t.frames.into()),
        ("only_in_order", t.only_in_order.into()),
        ("encrypted_alerts", t.encrypted_alerts.into()),
        ("messages", t.messages.report(|&k| k.into())),
        ("server_names", server_names),
        ("client_alpn", t.client_alpn.report(|n| n.clone().into())),
        ("server_versions", t.server_versions.report(plain)),
        ("server_ciphers", t.server_ciphers.report(plain)),
        ("alerts", t.alerts.report(|&(level, what)| Value::List(vec![level.into(), what.into()]))),
        ("ja3", ja3),
        ("ja3s", ja3s),
        ("ja4", ja4),
        ("offered_versions", t.offered_versions.report(|&v| number(v, names::version))),
        ("offered_ciphers", t.offered_ciphers.report(|&v| number(v, names::suite))),
        ("offered_groups", t.offered_groups.report(|&v| number(v, names::group))),
        ("versions", t.server_versions.report(|&v| number(v, names::version))),
        ("ciphers", t.server_ciphers.report(|&v| number(v, names::suite))),
        ("groups", t.groups.report(|&v| number(v, names::group))),
    ]
}

fn counts(t: &Totals, s: &Sums, long: Long) -> Fields {
    let mut out = totals_with(t, long.server_names, [long.ja3, long.ja3s, long.ja4]);
    out.extend([
        ("duration", s.duration.report().into()),
        ("hello_time", s.hello.report().into()),
        ("servers", long.servers),
        ("outcomes", {
            let all = Outcome::ALL.iter().map(|o| (o.name(), s.outcomes[*o as usize].report()));
            Value::Map(all.collect())
        }),
        ("stopped_at", s.stopped_at.report(|&(o, step)| Value::List(vec![o.name().into(), step.into()]))),
    ]);
    out.extend(KINDS.iter().zip(&s.kinds).map(|(name, e)| (*name, e.report())));
    out
}

/// What secrets there were, and what they opened.
fn secrets(m: &Machine) -> Value {
    let by_source = |n: [u64; 2]| -> Value { vec![("capture", n[0].into()), ("file", n[1].into())].into() };
    vec![
        ("sessions", by_source(m.key_counts.sessions)),
        ("lines_taken", m.key_counts.taken.into()),
        ("lines_of_no_use", m.key_counts.other.into()),
        ("lines_malformed", m.key_counts.malformed.into()),
        ("lines_dropped", m.key_counts.dropped.into()),
        ("unread_bytes", m.key_counts.unread_bytes.into()),
        ("decrypted_connections", by_source(m.opened.connections)),
        ("decrypted_from", m.opened.frames.report()),
        ("decrypted_records", m.opened.records.into()),
        ("stopped_directions", m.opened.stopped.into()),
    ]
    .into()
}

fn end(address: &(IpAddr, u16)) -> [Value; 2] {
    [address.0.into(), address.1.into()]
}

fn offer(o: &Offer) -> Fields {
    let has = |flag: u16| Value::Bool(o.flags & flag != 0);
    let versions = if o.versions.is_empty() { std::slice::from_ref(&o.legacy_version) } else { &o.versions[..] };
    vec![
        ("versions", numbers(versions, names::version)),
        ("ciphers", numbers(&o.ciphers, names::suite)),
        ("groups", numbers(&o.groups, names::group)),
        ("key_shares", numbers(&o.key_shares, names::group)),
        ("signatures", numbers(&o.signatures, names::signature)),
        ("alpn", Value::List(o.alpn.iter().map(|n| text(n, MAX_NAME).into()).collect())),
        ("ja4", o.ja4.to_string().into()),
        ("grease", has(offers::GREASE)),
        ("ech", has(offers::ECH)),
        ("encrypted_server_name", has(offers::ENCRYPTED_SERVER_NAME)),
        ("session_ticket", has(offers::TICKET)),
        ("pre_shared_key", has(offers::PRE_SHARED_KEY)),
        ("early_data", has(offers::EARLY_DATA)),
        ("status_request", has(offers::STATUS_REQUEST)),
        ("ssl2_hello", has(offers::SSL2_HELLO)),
        ("post_quantum", has(offers::POST_QUANTUM)),
        ("post_quantum_key", has(offers::POST_QUANTUM_KEY)),
    ]
}

fn handshake(h: &Handshake) -> Value {
    let ([client, client_port], [server, server_port]) = (end(&h.client), end(&h.server));
    let start = h.steps[Step::ClientHello as usize];
    let steps: Fields = (0..Step::NAMES.len())
        .filter(|&i| h.steps[i] != NEVER)
        .map(|i| {
            let from = if start == NEVER { h.time_ns } else { start };
            (h.step_name(i), h.steps[i].saturating_sub(from).into())
        })
        .collect();
    let alerts: Vec<Value> = h
        .alerts
        .iter()
        .map(|a| {
            vec![
                ("frame", a.frame.into()),
                ("from", side(a.from_server)),
                ("level", a.code.and_then(|c| names::level(c.0)).into()),
                ("description", description(a.code)),
            ]
            .into()
        })
        .collect();
    let mut out: Fields = vec![
        ("protocol", if h.dtls { "dtls" } else { "tls" }.into()),
        ("stream", h.stream.into()),
        ("frame", h.frame.into()),
        ("last_frame", h.last_frame.into()),
        ("time_ns", h.time_ns.into()),
        ("client", client),
        ("client_port", client_port),
        ("server", server),
        ("server_port", server_port),
        ("detected_by", h.detected_by.name().into()),
        ("server_name", shown(h.sni.as_deref())),
        ("offer", h.offer.as_deref().map(offer).into()),
        ("ja3", if h.offer.is_some() && !h.offers(offers::SSL2_HELLO) { hex(&h.ja3) } else { Value::None }),
        ("version", h.version.map(|v| number(v, names::version)).into()),
        ("cipher", h.cipher.map(|v| number(v, names::suite)).into()),
        ("group", h.group.map(|v| number(v, names::group)).into()),
        ("post_quantum", h.group.is_some_and(names::is_post_quantum).into()),
        ("alpn", shown(h.alpn.as_deref())),
        ("ja3s", h.ja3s.map(|j| hex(&j)).into()),
        ("hello_retry_request", (h.has(Step::HelloRetryRequest)).into()),
        ("resumption", h.resumption.map(|r| Value::Name(r.name())).into()),
        ("certificate_requested", h.certificate_requested.into()),
        ("client_certificate", h.client_certificate.into()),
        ("stapled_status", h.stapled.into()),
        ("chain", Value::List(h.chain.iter().map(|&n| n.into()).collect())),
        (
            "name_match",
            match h.name_match {
                NameMatch::Unknown => Value::None,
                NameMatch::Match => true.into(),
                NameMatch::Mismatch => false.into(),
            },
        ),
        ("expired", h.expired.into()),
        ("not_yet_valid", h.not_yet_valid.into()),
        ("self_signed", h.self_issued.into()),
        ("chain_broken", h.chain_broken.into()),
        ("outcome", h.outcome().name().into()),
        ("last_step", h.last_step().into()),
        ("ended_by", h.end.map(|e| side(e.1)).into()),
        ("end_frame", h.end.map(|e| e.2).into()),
        ("duration_ns", h.duration_ns().into()),
        ("hello_ns", h.hello_ns().into()),
    ];
    out.push(("steps_ns", steps.into()));
    out.push(("alerts", alerts.into()));
    out.into()
}

fn side(server: bool) -> Value {
    if server { "server" } else { "client" }.into()
}

fn description(code: Option<(u8, u8)>) -> Value {
    match code {
        Some((_, d)) => names::alert(d).map_or_else(|| Value::Text(d.to_string()), Value::Name),
        None => Value::None,
    }
}

fn alert(a: &AlertRow) -> Value {
    let ([src, src_port], [dst, dst_port]) = (end(&a.src), end(&a.dst));
    vec![
        ("protocol", if a.dtls { "dtls" } else { "tls" }.into()),
        ("frame", a.alert.frame.into()),
        ("time_ns", a.alert.time_ns.into()),
        ("stream", a.stream.into()),
        ("src", src),
        ("src_port", src_port),
        ("dst", dst),
        ("dst_port", dst_port),
        ("from", side(a.alert.from_server)),
        ("encrypted", a.alert.code.is_none().into()),
        ("level", a.alert.code.and_then(|c| names::level(c.0)).into()),
        ("description", description(a.alert.code)),
        ("number", a.alert.code.map(|c| c.1).into()),
        ("server_name", shown(a.server_name.as_deref())),
        ("after_handshake", a.after_handshake.into()),
        ("only_in_order", a.only_in_order.into()),
    ]
    .into()
}

fn certificate_row(seen: &Seen) -> Value {
    let [server, server_port] = end(&seen.server);
    let mut out: Fields = vec![
        ("first_frame", seen.first_frame.into()),
        ("first_time_ns", seen.first_time_ns.into()),
        ("count", seen.count.into()),
        ("sent_by", side(!seen.by_client)),
        ("place", seen.place.into()),
        ("server", server),
        ("server_port", server_port),
        ("server_name", shown(seen.server_name.as_deref())),
        ("name_match", {
            let name = seen.server_name.as_deref().and_then(|n| std::str::from_utf8(n).ok());
            match (&seen.facts, name) {
                (Some(f), Some(n)) if seen.place == 0 && !seen.by_client => f.is_for(n).into(),
                _ => Value::None,
            }
        }),
        ("weak_signature", seen.facts.as_ref().map(|f| f.weak_signature && !f.self_issued).into()),
        ("small_key", seen.facts.as_ref().map(|f| f.key_is_rsa && f.key_bits < 2048).into()),
    ];
    out.extend(certificate::fields(&seen.der));
    out.into()
}

impl Report for Machine {
    fn value(self: Arc<Self>) -> Value {
        let rows: Fields = vec![
            ("handshakes", self.handshakes.len().into()),
            ("mismatches", self.handshakes.count("mismatches").into()),
            ("broken_off", self.handshakes.count("broken_off").into()),
            ("alerts", self.alerts.iter().filter(|a| a.alert.code.is_some()).count().into()),
            ("encrypted_alerts", self.alerts.iter().filter(|a| a.alert.code.is_none()).count().into()),
            ("certificates", self.certificates.len().into()),
        ];
        vec![
            ("tls", counts(&self.tls, &self.summed.sums[0], long!(&self, tls, 0)).into()),
            ("dtls", counts(&self.dtls, &self.summed.sums[1], long!(&self, dtls, 1)).into()),
            ("rows", rows.into()),
            ("dropped_handshakes", self.dropped_handshakes.into()),
            ("dropped_alerts", self.dropped_alerts.into()),
            ("dropped_certificates", self.dropped_certificates.into()),
            ("refused_connections", self.refused.into()),
            ("secrets", secrets(&self)),
        ]
        .into()
    }

    fn page(&self, table: &str, offset: usize, limit: usize) -> Vec<Value> {
        if let Some(rows) = self.handshakes.of(table) {
            return rows.skip(offset).take(limit).map(|row| handshake(&self.shared.unpack(row))).collect();
        }
        match table {
            "alerts" | "encrypted_alerts" => {
                let clear = table == "alerts";
                let all = self.alerts.iter().filter(|a| a.alert.code.is_some() == clear);
                all.skip(offset).take(limit).map(alert).collect()
            }
            "certificates" => self.certificates.iter().skip(offset).take(limit).map(|s| certificate_row(s)).collect(),
            _ => Vec::new(),
        }
    }

    fn merge(&self, other: &dyn Report) -> Option<Arc<dyn Report>> {
        let other = (other as &dyn Any).downcast_ref::<Self>()?;
        let mut all = self.clone();
        Machine::merge(&mut all, other);
        Some(Arc::new(all))
    }
}
