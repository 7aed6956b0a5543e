//! Queries and answers put together, and what is counted of them: Wireshark's rules of `dns.response_to`,
//! `dns.retransmit_request` and `dns.time`.

pub use super::pairing::Answer;
use super::pairing::Pairing;
use super::rdata;
use super::wire::{self, Entry, Header};
use crate::addr::IpAddr;
use crate::app::count::{Counter, TextCounter, Times, texts_later};
use crate::app::message::{Fields, Value};
use crate::app::rows::Rows;
use crate::app::table::Evidence;
use crate::app::{Context, DetectedBy};
use crate::limits::Limits;
use foldhash::fast::RandomState;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

/// What is counted for a server.
#[derive(Clone, Debug)]
struct Server {
    queries: u64,
    responses: u64,
    errors: u64,
    times: Times,
}

/// What is counted for a client.
#[derive(Clone, Copy, Debug, Default)]
struct Client {
    queries: u64,
    nxdomain: u64,
    servfail: u64,
}

/// All that is counted of one of the DNS protocols (dns, mdns, llmnr, nbns).
#[derive(Clone, Debug)]
pub struct Machine {
    pairing: Pairing,
    last_frame: u64,
    frames: u64,
    only_in_order: u64,
    by_content: u64,
    queries: u64,
    responses: u64,
    malformed: u64,
    edns: u64,
    tcp: u64,
    opcodes: Counter<u8>,
    qtypes: Counter<u16>,
    qtypes_in_responses: Counter<u16>,
    rcodes: Counter<u16>,
    record_types: Counter<u16>,
    /// Types listed in the bit maps of NSEC and NSEC3 records, which Wireshark counts as `dns.resp.type` too.
    listed_types: Counter<u16>,
    names: TextCounter,
    nxdomain_names: TextCounter,
    servfail_names: TextCounter,
    clients: HashMap<IpAddr, Client, RandomState>,
    servers: HashMap<IpAddr, Server, RandomState>,
    max_keys: usize,
    max_times: usize,
    times: Times,
    retransmitted: Evidence,
    duplicate: Evidence,
    unsolicited: Evidence,
    nxdomain: Evidence,
    servfail: Evidence,
    refused: Evidence,
    truncated: Evidence,
    slow: Evidence,
    /// Truncated answers, and questions over TCP, by client and hash of the name: who is in both came again over TCP.
    truncated_names: HashSet<(IpAddr, u64), RandomState>,
    tcp_names: HashSet<(IpAddr, u64), RandomState>,
    name: String,
}

/// What a message has to do with those before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Link {
    None,
    /// A query that repeats that of this frame.
    Repeats(u64),
    /// An answer: the first one, one more, or one to nothing.
    Answers(Answer),
}

/// An answer later than this is listed as slow.
const SLOW_NS: i64 = 1_000_000_000;

impl Machine {
    pub fn new(limits: &Limits) -> Self {
        let small = || Counter::new(1024);
        Self {
            pairing: Pairing::new(limits.max_dns_pending),
            last_frame: 0,
            frames: 0,
            only_in_order: 0,
            by_content: 0,
            queries: 0,
            responses: 0,
            malformed: 0,
            edns: 0,
            tcp: 0,
            opcodes: Counter::new(16),
            qtypes: small(),
            qtypes_in_responses: small(),
            rcodes: small(),
            record_types: small(),
            listed_types: small(),
            names: TextCounter::new(limits.max_names),
            nxdomain_names: TextCounter::new(limits.max_names),
            servfail_names: TextCounter::new(limits.max_names),
            clients: HashMap::default(),
            servers: HashMap::default(),
            max_keys: limits.max_app_keys,
            max_times: limits.max_app_times,
            times: Times::new(limits.max_app_times),
            retransmitted: Evidence::default(),
            duplicate: Evidence::default(),
            unsolicited: Evidence::default(),
            nxdomain: Evidence::default(),
            servfail: Evidence::default(),
            refused: Evidence::default(),
            truncated: Evidence::default(),
            slow: Evidence::default(),
            truncated_names: HashSet::default(),
            tcp_names: HashSet::default(),
            name: String::new(),
        }
    }

    /// One message. What Wireshark would not show (another port, out of order) is counted apart.
    pub fn message(&mut self, c: &Context, m: &[u8]) -> Link {
        if c.only_in_order {
            self.only_in_order += 1;
            return Link::None;
        }
        if c.detected_by == DetectedBy::Content {
            self.by_content += 1;
            return Link::None;
        }
        if c.frame != self.last_frame {
            self.frames += 1;
            self.last_frame = c.frame;
        }
        let Some(header) = Header::read(m) else {
            self.malformed += 1;
            return Link::None;
        };
        self.tcp += c.is_stream() as u64;
        self.opcodes.add(&header.opcode());
        let response = header.is_response();
        if response {
            self.responses += 1;
            self.rcodes.add(&header.rcode());
        } else {
            self.queries += 1;
        }
        let mut name = std::mem::take(&mut self.name);
        let first = self.sections(m, &header, &mut name);
        let link = if response {
            self.response(c, &header, first.then_some(name.as_str()))
        } else {
            self.query(c, &header, first.then_some(name.as_str()))
        };
        self.name = name;
        link
    }

    /// Counts questions and records; true when the first question's name stands in `name`.
    fn sections(&mut self, m: &[u8], header: &Header, name: &mut String) -> bool {
        let response = header.is_response();
        let (mut questions, mut first, mut broken) = (0, false, false);
        let Self { qtypes, qtypes_in_responses, names, record_types, listed_types, edns, .. } = self;
        let whole = wire::walk(m, header, |entry| match entry {
            Entry::Question(q) => {
                let mut one = String::new();
                let target = if questions == 0 { &mut *name } else { &mut one };
                target.clear();
                // Behind a name that cannot be read Wireshark shows no type either.
                let read = wire::read_name(m, q.name_at, target).is_some();
                first |= read && questions == 0;
                questions += 1;
                broken |= !read;
                if !broken && response {
                    qtypes_in_responses.add(&q.qtype);
                } else if !broken {
                    qtypes.add(&q.qtype);
                    names.add(target.as_str());
                }
            }
            Entry::Record(r) => {
                record_types.add(&r.rtype);
                rdata::listed_types(m, &r, |t| listed_types.add(&t));
                *edns += (r.rtype == 41) as u64;
            }
        });
        self.malformed += (!whole || broken) as u64;
        first
    }

    fn query(&mut self, c: &Context, header: &Header, name: Option<&str>) -> Link {
        if let Some(client) = slot(&mut self.clients, c.src, self.max_keys, Client::default) {
            client.queries += 1;
        }
        let times = self.max_times.min(100_000);
        let server = || Server { queries: 0, responses: 0, errors: 0, times: Times::new(times) };
        if let Some(server) = slot(&mut self.servers, c.dst, self.max_keys, server) {
            server.queries += 1;
        }
        if c.is_stream()
            && let Some(name) = name
            && self.tcp_names.len() < self.max_keys
        {
            self.tcp_names.insert((c.src, hash(name)));
        }
        match self.pairing.query(c, header.id) {
            Some(frame) => {
                self.retransmitted.add(c.frame);
                Link::Repeats(frame)
            }
            None => Link::None,
        }
    }

    fn response(&mut self, c: &Context, header: &Header, name: Option<&str>) -> Link {
        let rcode = header.rcode();
        let answer = self.pairing.answer(c, header.id);
        match answer {
            Answer::Unsolicited => self.unsolicited.add(c.frame),
            Answer::Duplicate => self.duplicate.add(c.frame),
            Answer::First(took, _) => {
                self.times.add(took, c.frame);
                if let Some(s) = self.servers.get_mut(&c.src) {
                    s.times.add(took, c.frame);
                }
                if took > SLOW_NS {
                    self.slow.add(c.frame);
                }
            }
        }
        if let Some(s) = self.servers.get_mut(&c.src) {
            s.responses += 1;
            s.errors += (rcode != 0 && rcode != 3) as u64;
        }
        let client = self.clients.get_mut(&c.dst);
        match rcode {
            3 => {
                self.nxdomain.add(c.frame);
                client.into_iter().for_each(|c| c.nxdomain += 1);
                name.into_iter().for_each(|n| self.nxdomain_names.add(n));
            }
            2 => {
                self.servfail.add(c.frame);
                client.into_iter().for_each(|c| c.servfail += 1);
                name.into_iter().for_each(|n| self.servfail_names.add(n));
            }
            5 => self.refused.add(c.frame),
            _ => {}
        }
        if header.truncated() {
            self.truncated.add(c.frame);
            if let Some(name) = name
                && self.truncated_names.len() < self.max_keys
            {
                self.truncated_names.insert((c.dst, hash(name)));
            }
        }
        Link::Answers(answer)
    }

    /// Adds what was counted of another part of the traffic.
    pub fn merge(&mut self, o: &Self) {
        self.pairing.merge(&o.pairing);
        self.frames += o.frames;
        self.only_in_order += o.only_in_order;
        self.by_content += o.by_content;
        self.queries += o.queries;
        self.responses += o.responses;
        self.malformed += o.malformed;
        self.edns += o.edns;
        self.tcp += o.tcp;
        self.opcodes.merge(&o.opcodes);
        self.qtypes.merge(&o.qtypes);
        self.qtypes_in_responses.merge(&o.qtypes_in_responses);
        self.rcodes.merge(&o.rcodes);
        self.record_types.merge(&o.record_types);
        self.listed_types.merge(&o.listed_types);
        self.names.merge(&o.names);
        self.nxdomain_names.merge(&o.nxdomain_names);
        self.servfail_names.merge(&o.servfail_names);
        self.times.merge(&o.times);
        for (&ip, c) in &o.clients {
            if let Some(mine) = slot(&mut self.clients, ip, self.max_keys, Client::default) {
                mine.queries += c.queries;
                mine.nxdomain += c.nxdomain;
                mine.servfail += c.servfail;
            }
        }
        for (&ip, s) in &o.servers {
            let new = || Server { queries: 0, responses: 0, errors: 0, times: Times::new(s.times.limit()) };
            if let Some(mine) = slot(&mut self.servers, ip, self.max_keys, new) {
                mine.queries += s.queries;
                mine.responses += s.responses;
                mine.errors += s.errors;
                mine.times.merge(&s.times);
            }
        }
        let evidence = [
            (&mut self.retransmitted, &o.retransmitted),
            (&mut self.duplicate, &o.duplicate),
            (&mut self.unsolicited, &o.unsolicited),
            (&mut self.nxdomain, &o.nxdomain),
            (&mut self.servfail, &o.servfail),
            (&mut self.refused, &o.refused),
            (&mut self.truncated, &o.truncated),
            (&mut self.slow, &o.slow),
        ];
        evidence.into_iter().for_each(|(a, b)| a.merge(b));
        self.truncated_names.extend(&o.truncated_names);
        self.tcp_names.extend(&o.tcp_names);
    }

    /// Messages seen, those counted apart included.
    pub fn is_empty(&self) -> bool {
        self.frames + self.only_in_order + self.by_content == 0
    }

    /// Names asked for, and how often.
    pub fn names(&self) -> impl Iterator<Item = (&str, u64)> {
        self.names.iter()
    }

    /// Servers, most queries first.
    fn servers_ranked(&self) -> Vec<IpAddr> {
        let mut all: Vec<_> = self.servers.iter().collect();
        all.sort_unstable_by(|a, b| b.1.queries.cmp(&a.1.queries).then(a.0.cmp(b.0)));
        all.into_iter().map(|s| *s.0).collect()
    }

    fn server_row(&self, ip: &IpAddr) -> Value {
        let Some(s) = self.servers.get(ip) else { return Value::None };
        let mut f: Fields = vec![
            ("server", (*ip).into()),
            ("queries", s.queries.into()),
            ("responses", s.responses.into()),
            ("errors", s.errors.into()),
        ];
        f.extend(s.times.report());
        f.into()
    }

    /// Clients, most queries first.
    fn clients_ranked(&self) -> Vec<(IpAddr, Client)> {
        let mut all: Vec<_> = self.clients.iter().map(|(ip, c)| (*ip, *c)).collect();
        all.sort_unstable_by(|a, b| b.1.queries.cmp(&a.1.queries).then(a.0.cmp(&b.0)));
        all
    }

    pub fn report(self: &Arc<Self>) -> Fields {
        let numbers = |c: &Counter<u16>| c.report(|&n| n.into());
        let clients = Rows::later(self, self.clients.len(), Self::clients_ranked, |_, (ip, c)| {
            Value::List(vec![(*ip).into(), c.queries.into(), c.nxdomain.into(), c.servfail.into()])
        });
        vec![
            ("frames", self.frames.into()),
            ("queries", self.queries.into()),
            ("responses", self.responses.into()),
            ("malformed", self.malformed.into()),
            ("over_tcp", self.tcp.into()),
            ("with_edns", self.edns.into()),
            ("only_in_order", self.only_in_order.into()),
            ("by_content", self.by_content.into()),
            ("opcodes", self.opcodes.report(|&n| n.into())),
            ("qtypes", numbers(&self.qtypes)),
            ("qtypes_in_responses", numbers(&self.qtypes_in_responses)),
            ("rcodes", numbers(&self.rcodes)),
            ("record_types", numbers(&self.record_types)),
            ("types_listed_in_nsec", numbers(&self.listed_types)),
            ("query_names", texts_later!(self, names)),
            ("nxdomain_names", texts_later!(self, nxdomain_names)),
            ("servfail_names", texts_later!(self, servfail_names)),
            ("response_time", self.times.report().into()),
            ("unanswered", self.pairing.unanswered().report()),
            ("forgotten", self.pairing.forgotten().into()),
            ("retransmitted_queries", self.retransmitted.report()),
            ("duplicate_responses", self.duplicate.report()),
            ("unsolicited_responses", self.unsolicited.report()),
            ("nxdomain", self.nxdomain.report()),
            ("servfail", self.servfail.report()),
            ("refused", self.refused.report()),
            ("truncated", self.truncated.report()),
            ("tcp_retries_after_truncation", self.truncated_names.intersection(&self.tcp_names).count().into()),
            ("slow", self.slow.report()),
            ("servers", Rows::later(self, self.servers.len(), Self::servers_ranked, Self::server_row)),
            ("server_count", self.servers.len().into()),
            ("clients", clients),
            ("client_count", self.clients.len().into()),
        ]
    }
}

/// The value of a key, made if there is room.
fn slot<V>(
    map: &mut HashMap<IpAddr, V, RandomState>,
    key: IpAddr,
    limit: usize,
    new: impl FnOnce() -> V,
) -> Option<&mut V> {
    if map.len() >= limit && !map.contains_key(&key) {
        return None;
    }
    Some(map.entry(key).or_insert_with(new))
}

/// Hash of a name without regard to case, for telling the same question again.
fn hash(name: &str) -> u64 {
    name.bytes().fold(0xcbf2_9ce4_8422_2325, |h, b| (h ^ b.to_ascii_lowercase() as u64).wrapping_mul(0x100_0000_01b3))
}
