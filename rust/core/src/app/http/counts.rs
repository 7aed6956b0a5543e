//! What is counted of HTTP messages, and how two counts are added.

use super::head::Kind;
use super::secret::Login;
use super::servers::{End, Server, Servers};
use crate::addr::IpAddr;
use crate::app::Context;
use crate::app::count::{Counter, Times, counted_later, text_of};
use crate::app::message::{Fields, Value};
use crate::app::rows::Rows;
use crate::limits::Limits;
use foldhash::fast::RandomState;
use std::cmp::Reverse;
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

/// A response whose first byte takes longer than that counts as slow.
pub const SLOW_NS: i64 = 1_000_000_000;
/// Frames listed as evidence of one kind.
const MAX_FRAMES: usize = 20;
/// Longest URI told apart, bytes.
pub const MAX_URI: usize = 2_048;
/// Distinct logins listed.
const MAX_LOGINS: usize = 1_000;
/// Connections listed with most requests.
const MAX_REUSED: usize = 1_000;

/// First frames of what a finding would point at.
#[derive(Clone, Debug, Default)]
pub struct Evidence {
    frames: Vec<u64>,
    count: u64,
}

impl Evidence {
    pub fn add(&mut self, frame: u64) {
        self.count += 1;
        if self.frames.len() < MAX_FRAMES {
            self.frames.push(frame);
        }
    }
    pub fn merge(&mut self, other: &Self) {
        self.count += other.count;
        self.frames.extend(&other.frames);
        self.frames.sort_unstable();
        self.frames.truncate(MAX_FRAMES);
    }
    pub fn report(&self) -> Value {
        let frames: Vec<Value> = self.frames.iter().map(|&f| f.into()).collect();
        vec![("count", self.count.into()), ("frames", frames.into())].into()
    }
}

/// A message of which all has come.
#[derive(Clone, Debug)]
pub struct Done {
    pub kind: Kind,
    pub method: String,
    pub host: String,
    /// With scheme and host, secrets taken out; empty: no host is known.
    pub uri: String,
    pub user_agent: String,
    pub server: String,
    pub content_type: String,
    pub encoding: String,
    pub status: u16,
    pub version: u8,
    pub body: u64,
    pub chunked: bool,
}

/// How long a response took.
#[derive(Clone, Copy, Debug, Default)]
pub struct Took {
    /// End of the request to first byte of the response.
    pub wait_ns: Option<i64>,
    /// First to last byte of the response.
    pub transfer_ns: Option<i64>,
    /// To the server and back, by the handshake of the connection, seen from where the capture was taken.
    pub network_ns: Option<i64>,
}

/// Who tried to log in where.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
struct LoginKey {
    client: IpAddr,
    server: IpAddr,
    port: u16,
    scheme: &'static str,
    user: Option<String>,
    host: String,
}

#[derive(Clone, Debug, Default)]
struct Attempts {
    count: u64,
    accepted: u64,
    rejected: u64,
    first_ns: i64,
    evidence: Evidence,
}

/// A connection with its requests.
#[derive(Clone, Debug)]
pub struct Reuse {
    pub stream: u32,
    pub client: IpAddr,
    pub server: IpAddr,
    pub port: u16,
    pub host: Box<str>,
    pub requests: u32,
    pub first_ns: i64,
    pub last_ns: i64,
}

/// All that is counted of HTTP/1, HTTP/2 or SSDP.
#[derive(Clone, Debug)]
pub struct Counts {
    max_keys: usize,
    pub requests: u64,
    pub responses: u64,
    pub notifications: u64,
    /// Pieces of bodies whose head is not known, as Wireshark shows them.
    pub continuations: u64,
    pub interim: u64,
    /// Wireshark shows none of these.
    pub only_in_order: u64,
    pub on_other_ports: u64,
    /// Messages whose head has come and whose end has not.
    pub unfinished: u64,
    /// Requests that wait for their response.
    pub open: u64,
    pub lost_bytes: u64,
    pub request_bytes: u64,
    pub response_bytes: u64,
    pub chunked: u64,
    pub compressed_bytes: u64,
    pub requests_kept_open: u64,
    methods: Counter<String>,
    statuses: Counter<u16>,
    hosts: Counter<String>,
    uris: Counter<String>,
    user_agents: Counter<String>,
    server_names: Counter<String>,
    content_types: Counter<String>,
    encodings: Counter<String>,
    versions: Counter<u8>,
    pub upgrades: Counter<String>,
    wait: Times,
    network: Times,
    server: Times,
    transfer: Times,
    pub redirects: Evidence,
    pub client_errors: Evidence,
    pub server_errors: Evidence,
    pub slow: Evidence,
    pub no_request: Evidence,
    pub bad_chunks: Evidence,
    pub tunnels: Evidence,
    /// Passwords in the clear: Basic and forms.
    pub plain_logins: Evidence,
    servers: Servers,
    logins: HashMap<LoginKey, Attempts, RandomState>,
    pub logins_dropped: u64,
    /// Connections that are over and had most requests, and some that had fewer.
    reuse: Vec<Reuse>,
    pub connections: u64,
    pub reused: u64,
}

impl Counts {
    pub fn new(limits: &Limits) -> Self {
        let text = || Counter::new(limits.max_app_keys);
        let times = || Times::new(limits.max_app_times / 4);
        Self {
            max_keys: limits.max_app_keys,
            requests: 0,
            responses: 0,
            notifications: 0,
            continuations: 0,
            interim: 0,
            only_in_order: 0,
            on_other_ports: 0,
            unfinished: 0,
            open: 0,
            lost_bytes: 0,
            request_bytes: 0,
            response_bytes: 0,
            chunked: 0,
            compressed_bytes: 0,
            requests_kept_open: 0,
            methods: text(),
            statuses: Counter::new(1_000),
            hosts: text(),
            uris: Counter::new(limits.max_app_keys / 4),
            user_agents: Counter::new(limits.max_app_keys / 4),
            server_names: text(),
            content_types: text(),
            encodings: text(),
            versions: Counter::new(256),
            upgrades: Counter::new(1_000),
            wait: times(),
            network: times(),
            server: times(),
            transfer: times(),
            redirects: Evidence::default(),
            client_errors: Evidence::default(),
            server_errors: Evidence::default(),
            slow: Evidence::default(),
            no_request: Evidence::default(),
            bad_chunks: Evidence::default(),
            tunnels: Evidence::default(),
            plain_logins: Evidence::default(),
            servers: Servers::new(limits.max_app_keys, limits.max_app_times),
            logins: HashMap::default(),
            logins_dropped: 0,
            reuse: Vec::new(),
            connections: 0,
            reused: 0,
        }
    }

    /// A message that is whole and that Wireshark shows in this frame.
    pub fn done(&mut self, c: &Context, m: &Done) {
        let add = |counter: &mut Counter<String>, key: &str| {
            if !key.is_empty() {
                counter.add(key);
            }
        };
        add(&mut self.hosts, &m.host);
        add(&mut self.user_agents, &m.user_agent);
        self.versions.add(&m.version);
        self.chunked += m.chunked as u64;
        if !m.encoding.is_empty() && m.encoding != "identity" {
            self.compressed_bytes += m.body;
            self.encodings.add(&m.encoding);
        }
        if m.kind == Kind::Response {
            self.response(c, m);
            return;
        }
        if m.kind == Kind::Request {
            self.requests += 1;
        } else {
            self.notifications += 1;
        }
        self.request_bytes += m.body;
        add(&mut self.methods, &m.method);
        add(&mut self.uris, &m.uri);
        if m.method == "CONNECT" {
            self.tunnels.add(c.frame);
        }
        if let Some(s) = self.servers.row((c.dst, c.dst_port)) {
            s.requests += 1;
            s.request_bytes += m.body;
        }
    }

    fn response(&mut self, c: &Context, m: &Done) {
        self.responses += 1;
        self.response_bytes += m.body;
        self.statuses.add(&m.status);
        for (counter, key) in [(&mut self.server_names, &m.server), (&mut self.content_types, &m.content_type)] {
            if !key.is_empty() {
                counter.add(key);
            }
        }
        match m.status / 100 {
            1 => self.interim += 1,
            // 304 Not Modified leads nowhere else.
            3 if m.status != 304 => self.redirects.add(c.frame),
            4 => self.client_errors.add(c.frame),
            5 => self.server_errors.add(c.frame),
            _ => {}
        }
        if let Some(s) = self.servers.row((c.src, c.src_port)) {
            s.responses += 1;
            s.response_bytes += m.body;
            s.failed(m.status, c.frame);
        }
    }

    /// The times of a response whose request is known, sent by this end.
    pub fn took(&mut self, c: &Context, t: &Took) {
        let all = [&mut self.wait, &mut self.network, &mut self.server, &mut self.transfer];
        for (times, ns) in all.into_iter().zip(t.kinds()) {
            if let Some(ns) = ns {
                times.add(ns, c.frame);
            }
        }
        if t.kinds().iter().any(Option::is_some) {
            self.servers.took((c.src, c.src_port), t, c.frame);
        }
        if t.wait_ns.is_some_and(|ns| ns > SLOW_NS) {
            self.slow.add(c.frame);
        }
    }

    /// A login tried with a request; `accepted` once its response has come.
    pub fn login(&mut self, c: &Context, host: &str, login: &Login, accepted: Option<bool>) {
        let (client, server, port) = match accepted {
            None => (c.src, c.dst, c.dst_port),
            Some(_) => (c.dst, c.src, c.src_port),
        };
        let (scheme, user) = (login.scheme, login.user.clone());
        let key = LoginKey { client, server, port, scheme, user, host: host.to_owned() };
        if accepted.is_none() && self.logins.len() >= MAX_LOGINS && !self.logins.contains_key(&key) {
            self.logins_dropped += 1;
            return;
        }
        match accepted {
            None => {
                let a = self.logins.entry(key).or_default();
                if a.count == 0 {
                    a.first_ns = c.time_ns;
                }
                a.count += 1;
                a.evidence.add(c.frame);
                if matches!(scheme, "basic" | "form") {
                    self.plain_logins.add(c.frame);
                }
            }
            Some(accepted) => {
                if let Some(a) = self.logins.get_mut(&key) {
                    a.accepted += accepted as u64;
                    a.rejected += !accepted as u64;
                }
            }
        }
    }

    /// A request on a connection, which is the `requests`th.
    pub fn reused(&mut self, requests: u32) {
        match requests {
            1 => self.connections += 1,
            2 => self.reused += 1,
            _ => {}
        }
    }

    /// A connection that has had all its requests.
    pub fn over(&mut self, r: Reuse) {
        self.reuse.push(r);
        let most = self.max_keys.min(MAX_REUSED);
        if self.reuse.len() >= 2 * most.max(8) {
            // Of those with as many requests the first ones stay, as in the order they are listed in.
            self.reuse.sort_by_key(|r| (Reverse(r.requests), r.stream));
            self.reuse.truncate(most);
        }
    }

    pub fn is_empty(&self) -> bool {
        self.requests + self.responses + self.notifications + self.continuations == 0
            && self.only_in_order + self.on_other_ports + self.unfinished == 0
    }

    /// Adds what was counted of another part of the traffic.
    pub fn merge(&mut self, o: &Self) {
        for (a, b) in [
            (&mut self.requests, o.requests),
            (&mut self.responses, o.responses),
            (&mut self.notifications, o.notifications),
            (&mut self.continuations, o.continuations),
            (&mut self.interim, o.interim),
            (&mut self.only_in_order, o.only_in_order),
            (&mut self.on_other_ports, o.on_other_ports),
            (&mut self.unfinished, o.unfinished),
            (&mut self.open, o.open),
            (&mut self.lost_bytes, o.lost_bytes),
            (&mut self.request_bytes, o.request_bytes),
            (&mut self.response_bytes, o.response_bytes),
            (&mut self.chunked, o.chunked),
            (&mut self.compressed_bytes, o.compressed_bytes),
            (&mut self.requests_kept_open, o.requests_kept_open),
            (&mut self.logins_dropped, o.logins_dropped),
            (&mut self.connections, o.connections),
            (&mut self.reused, o.reused),
        ] {
            *a += b;
        }
        self.statuses.merge(&o.statuses);
        self.versions.merge(&o.versions);
        for (a, b) in [
            (&mut self.methods, &o.methods),
            (&mut self.hosts, &o.hosts),
            (&mut self.uris, &o.uris),
            (&mut self.user_agents, &o.user_agents),
            (&mut self.server_names, &o.server_names),
            (&mut self.content_types, &o.content_types),
            (&mut self.encodings, &o.encodings),
            (&mut self.upgrades, &o.upgrades),
        ] {
            a.merge(b);
        }
        for (a, b) in [
            (&mut self.wait, &o.wait),
            (&mut self.network, &o.network),
            (&mut self.server, &o.server),
            (&mut self.transfer, &o.transfer),
        ] {
            a.merge(b);
        }
        for (a, b) in [
            (&mut self.redirects, &o.redirects),
            (&mut self.client_errors, &o.client_errors),
            (&mut self.server_errors, &o.server_errors),
            (&mut self.slow, &o.slow),
            (&mut self.no_request, &o.no_request),
            (&mut self.bad_chunks, &o.bad_chunks),
            (&mut self.tunnels, &o.tunnels),
            (&mut self.plain_logins, &o.plain_logins),
        ] {
            a.merge(b);
        }
        self.servers.merge(&o.servers);
        let mut theirs: Vec<_> = o.logins.iter().collect();
        theirs.sort_by(|a, b| a.0.cmp(b.0));
        for (key, a) in theirs {
            if self.logins.len() >= MAX_LOGINS && !self.logins.contains_key(key) {
                self.logins_dropped += a.count;
                continue;
            }
            let mine = self.logins.entry(key.clone()).or_default();
            if mine.count == 0 || (a.count > 0 && a.first_ns < mine.first_ns) {
                mine.first_ns = a.first_ns;
            }
            mine.count += a.count;
            mine.accepted += a.accepted;
            mine.rejected += a.rejected;
            mine.evidence.merge(&a.evidence);
        }
        o.reuse.iter().cloned().for_each(|r| self.over(r));
    }

    pub fn report(self: &Arc<Self>) -> Fields {
        let text = |c: &Counter<String>| c.report(|n| n.clone().into());
        vec![
            ("requests", self.requests.into()),
            ("responses", self.responses.into()),
            ("notifications", self.notifications.into()),
            ("continuations", self.continuations.into()),
            ("interim_responses", self.interim.into()),
            ("only_in_order", self.only_in_order.into()),
            ("on_other_ports", self.on_other_ports.into()),
            ("unfinished", self.unfinished.into()),
            ("unanswered", self.open.into()),
            ("lost_bytes", self.lost_bytes.into()),
            ("request_body_bytes", self.request_bytes.into()),
            ("response_body_bytes", self.response_bytes.into()),
            ("compressed_body_bytes", self.compressed_bytes.into()),
            ("chunked", self.chunked.into()),
            ("requests_kept_open", self.requests_kept_open.into()),
            ("methods", text(&self.methods)),
            ("status_codes", self.statuses.report(|&n| n.into())),
            ("hosts", counted_later!(self, hosts, text_of)),
            ("uris", counted_later!(self, uris, text_of)),
            ("user_agents", counted_later!(self, user_agents, text_of)),
            ("server_names", counted_later!(self, server_names, text_of)),
            ("content_types", counted_later!(self, content_types, text_of)),
            ("encodings", text(&self.encodings)),
            ("versions", self.versions.report(|&n| n.into())),
            ("upgrades", text(&self.upgrades)),
            ("wait", self.wait.report().into()),
            ("network", self.network.report().into()),
            ("server_time", self.server.report().into()),
            ("transfer", self.transfer.report().into()),
            ("redirects", self.redirects.report()),
            ("client_errors", self.client_errors.report()),
            ("server_errors", self.server_errors.report()),
            ("slow", self.slow.report()),
            ("no_request", self.no_request.report()),
            ("bad_chunks", self.bad_chunks.report()),
            ("tunnels", self.tunnels.report()),
            ("plain_logins", self.plain_logins.report()),
            ("servers", self.servers_by(Self::by_messages)),
            ("slowest_servers", self.servers_by(Self::by_wait)),
            ("server_ports", self.ports()),
            ("server_count", self.servers.len().into()),
            ("logins", self.logins_report()),
            ("logins_dropped", self.logins_dropped.into()),
            ("connections", self.connections.into()),
            ("reused_connections", self.reused.into()),
            (
                "top_connections",
                Rows::later(
                    self,
                    self.reuse.len().min(self.max_keys.min(MAX_REUSED)),
                    Self::reused_most,
                    Self::reuse_row,
                ),
            ),
        ]
    }

    /// Servers with most messages first.
    fn by_messages(&self) -> Vec<End> {
        let mut all: Vec<_> = self.servers.iter().collect();
        all.sort_unstable_by_key(|(end, s)| (Reverse(s.requests + s.responses), *end));
        all.into_iter().map(|s| s.0).collect()
    }

    /// Those whose responses took longest on average first, then as `by_messages`.
    fn by_wait(&self) -> Vec<End> {
        let mean_wait = |s| self.servers.times(s)[0].mean_ns().unwrap_or(0.0);
        let mut all: Vec<_> = self.servers.iter().map(|(end, s)| (mean_wait(s), s, end)).collect();
        all.sort_unstable_by(|a, b| {
            let by_messages = |s: &Server| Reverse(s.requests + s.responses);
            b.0.total_cmp(&a.0).then_with(|| (by_messages(a.1), a.2).cmp(&(by_messages(b.1), b.2)))
        });
        all.into_iter().map(|s| *s.2).collect()
    }

    fn servers_by(self: &Arc<Self>, order: fn(&Self) -> Vec<End>) -> Value {
        Rows::later(self, self.servers.len(), order, Self::server_row)
    }

    /// Ports of the servers, the lowest first.
    fn ports(self: &Arc<Self>) -> Value {
        let ports: BTreeSet<u16> = self.servers.iter().map(|(end, _)| end.1).collect();
        ports.into_iter().map(Value::from).collect::<Vec<_>>().into()
    }

    fn server_row(&self, end: &End) -> Value {
        let Some(s) = self.servers.get(end) else { return Value::None };
        let errors = s.errors();
        let times = self.servers.times(s);
        let [wait, network, server, transfer] = times.each_ref().map(|t| t.report());
        vec![
            ("server", end.0.into()),
            ("port", end.1.into()),
            ("requests", s.requests.into()),
            ("responses", s.responses.into()),
            ("client_errors", errors.client.into()),
            ("server_errors", errors.server.into()),
            ("first_error_frame", Some(errors.first).filter(|&f| f != 0).into()),
            ("request_body_bytes", s.request_bytes.into()),
            ("response_body_bytes", s.response_bytes.into()),
            ("wait", wait.into()),
            ("network", network.into()),
            ("server_time", server.into()),
            ("transfer", transfer.into()),
        ]
        .into()
    }

    fn logins_report(&self) -> Value {
        let mut all: Vec<_> = self.logins.iter().collect();
        all.sort_by(|a, b| (a.1.first_ns, a.0).cmp(&(b.1.first_ns, b.0)));
        let one = |(k, a): (&LoginKey, &Attempts)| -> Value {
            vec![
                ("scheme", k.scheme.into()),
                ("user", k.user.clone().into()),
                ("client", k.client.into()),
                ("server", k.server.into()),
                ("port", k.port.into()),
                ("host", k.host.clone().into()),
                ("attempts", a.count.into()),
                ("accepted", a.accepted.into()),
                ("rejected", a.rejected.into()),
                ("first_ns", a.first_ns.into()),
                ("evidence", a.evidence.report()),
            ]
            .into()
        };
        all.into_iter().map(one).collect::<Vec<_>>().into()
    }

    /// Places of the connections with most requests.
    fn reused_most(&self) -> Vec<usize> {
        let mut all: Vec<_> = self.reuse.iter().enumerate().collect();
        all.sort_by_key(|(_, r)| (Reverse(r.requests), r.stream));
        all.into_iter().take(self.max_keys.min(MAX_REUSED)).map(|r| r.0).collect()
    }

    fn reuse_row(&self, place: &usize) -> Value {
        let Some(r) = self.reuse.get(*place) else { return Value::None };
        vec![
            ("stream", r.stream.into()),
            ("client", r.client.into()),
            ("server", r.server.into()),
            ("port", r.port.into()),
            ("host", String::from(&*r.host).into()),
            ("requests", r.requests.into()),
            ("first_ns", r.first_ns.into()),
            ("last_ns", r.last_ns.into()),
        ]
        .into()
    }
}

impl Took {
    /// Wait, time on the network, time of the server and transfer: what is counted of them.
    pub fn kinds(&self) -> [Option<i64>; 4] {
        [self.wait_ns, self.wait_ns.and(self.network_ns), self.server_ns(), self.transfer_ns]
    }

    /// What is left of the wait for the server itself.
    pub fn server_ns(&self) -> Option<i64> {
        Some((self.wait_ns? - self.network_ns?).max(0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn connection(stream: u32) -> Reuse {
        let end = IpAddr::v4([10, 0, 0, 1]);
        // Every number of requests comes often, in no order.
        let requests = 1 + stream.wrapping_mul(2_654_435_761) % 37;
        Reuse { stream, client: end, server: end, port: 80, host: "a".into(), requests, first_ns: 1, last_ns: 2 }
    }

    fn listed(counts: &Counts) -> Vec<(u32, u32)> {
        let row = |&place: &usize| (counts.reuse[place].requests, counts.reuse[place].stream);
        counts.reused_most().iter().map(row).collect()
    }

    #[test]
    fn connections_with_most_requests_are_listed_of_however_many() {
        let mut counts = [(); 2].map(|()| Counts::new(&Limits::default()));
        (0..30_000).for_each(|n| counts[(n / 100 % 2) as usize].over(connection(n)));
        let [mut all, other] = counts;
        assert!(all.reuse.len() < 2 * MAX_REUSED);
        all.merge(&other);
        let mut expected: Vec<_> = (0..30_000).map(|n| (connection(n).requests, n)).collect();
        expected.sort_by_key(|&(requests, stream)| (Reverse(requests), stream));
        assert_eq!(listed(&all), expected[..MAX_REUSED]);
        let mut few = Counts::new(&Limits { max_app_keys: 3, ..Limits::default() });
        (0..30).for_each(|n| few.over(connection(n)));
        assert_eq!(listed(&few).len(), 3);
    }
}
