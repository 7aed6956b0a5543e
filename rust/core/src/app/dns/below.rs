//! What lies below one registered domain: how many names, of what length and entropy, asked for by whom with how many
//! bytes. Signs of tunnels, which put data into names.

use super::machine::Machine;
use super::suffix::Suffixes;
use super::wire::{self, Entry, Header};
use super::{Counts, types};
use crate::addr::IpAddr;
use crate::app::kept::Kept;
use crate::app::message::{Fields, Value, row};
use crate::app::rows::Rows;
use crate::app::{Context, DetectedBy, Report};
use foldhash::fast::RandomState;
use std::any::Any;
use std::cmp::Reverse;
use std::collections::HashMap;
use std::sync::Arc;

/// Kept messages looked at one by one for bytes, sources and record types.
const MOST_MESSAGES: usize = 20_000;
/// Sources and frames listed of one domain.
const MAX_EACH: usize = 10;
/// Characters a part in front of the domain needs for its entropy to say something.
const ENTROPY_TEXT: usize = 16;
/// Record types whose answers carry data of the tunnel's choosing; ordinary names are asked for as A, AAAA, HTTPS.
const BULK_TYPES: [&str; 8] = ["TXT", "NULL", "CNAME", "MX", "SRV", "KEY", "DNSKEY", "ANY"];
/// The one of iodine, which has no name.
const BULK_PRIVATE: u16 = 65_399;

/// What is counted from where on.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// A name of more characters is long.
    pub long_query: usize,
    /// Domains with at least so many names are handed out as candidates.
    pub least_names: u64,
    /// Domains with more queries are handed out as busy ones.
    pub high_volume: u64,
}

/// Names below one registered domain.
#[derive(Clone, Debug, Default)]
struct Domain {
    name: String,
    queries: u64,
    names: u64,
    long_names: u64,
    longest_label: usize,
    longest_name: usize,
    /// Of the parts in front of the domain, each different name once.
    characters: u64,
    /// Sum, and how many names had enough text.
    entropy: (f64, u64),
    /// Kept queries, and of them those for `BULK_TYPES`.
    seen: u64,
    bulk: u64,
    bytes_out: u64,
    bytes_in: u64,
    sources: Vec<(IpAddr, u64)>,
    frames: Vec<u64>,
}

/// A kept query for a long name.
#[derive(Clone, Debug)]
struct Long {
    frame: u64,
    src: IpAddr,
    name: String,
}

#[derive(Debug, Default)]
struct Found {
    domains: Vec<Domain>,
    long: Vec<Long>,
}

/// The registered domain of a name in lower case, or its last two labels where no rule knows one.
fn domain_of<'a>(name: &'a str, suffixes: &Suffixes) -> &'a str {
    suffixes.registered(name).unwrap_or_else(|| {
        let name = name.trim_end_matches('.');
        let last = name.rfind('.').and_then(|dot| name[..dot].rfind('.'));
        last.map_or(name, |dot| &name[dot + 1..])
    })
}

/// Shannon entropy of the characters, bits each, added up in the order they first occur in.
fn entropy(text: &[u8]) -> f64 {
    let (mut counts, mut order) = ([0u32; 256], Vec::with_capacity(64));
    for &b in text {
        if counts[b as usize] == 0 {
            order.push(b);
        }
        counts[b as usize] += 1;
    }
    let all = text.len() as f64;
    -order.iter().map(|&b| counts[b as usize] as f64 / all).map(|share| share * share.log2()).sum::<f64>()
}

impl Domain {
    fn name(&mut self, name: &str, queries: u64, long_query: usize) {
        self.queries += queries;
        let front = name.get(..name.len().saturating_sub(self.name.len() + 1)).unwrap_or_default();
        if front.is_empty() {
            return;
        }
        self.names += 1;
        self.long_names += (name.len() > long_query) as u64;
        self.longest_name = self.longest_name.max(name.len());
        self.longest_label = front.split('.').map(str::len).fold(self.longest_label, usize::max);
        self.characters += front.len() as u64;
        let text: Vec<u8> = front.bytes().filter(|b| *b != b'.').collect();
        if text.len() >= ENTROPY_TEXT {
            self.entropy = (self.entropy.0 + entropy(&text), self.entropy.1 + 1);
        }
    }

    fn query(&mut self, c: &Context, bulk: bool) {
        self.bytes_out += c.frame_bytes as u64;
        self.seen += 1;
        self.bulk += bulk as u64;
        let room = self.sources.len() < MAX_EACH;
        match self.sources.iter_mut().find(|s| s.0 == c.src) {
            Some(source) => source.1 += 1,
            None if room => self.sources.push((c.src, 1)),
            None => {}
        }
        if self.frames.len() < MAX_EACH {
            self.frames.push(c.frame);
        }
    }

    fn row(&self) -> Value {
        let mean = (self.entropy.1 > 0).then(|| Value::Float(self.entropy.0 / self.entropy.1 as f64));
        let mut sources = self.sources.clone();
        sources.sort_by_key(|s| Reverse(s.1));
        vec![
            ("domain", self.name.clone().into()),
            ("queries", self.queries.into()),
            ("names", self.names.into()),
            ("long_names", self.long_names.into()),
            ("longest_label", self.longest_label.into()),
            ("longest_name", self.longest_name.into()),
            ("characters", self.characters.into()),
            ("entropy", mean.into()),
            ("entropy_names", self.entropy.1.into()),
            ("seen", self.seen.into()),
            ("bulk", self.bulk.into()),
            ("bytes_out", self.bytes_out.into()),
            ("bytes_in", self.bytes_in.into()),
            ("sources", sources.into_iter().map(|s| Value::Ip(s.0)).collect::<Vec<_>>().into()),
            ("frames", self.frames.iter().map(|&f| f.into()).collect::<Vec<Value>>().into()),
        ]
        .into()
    }
}

fn dns(report: &dyn Report) -> Option<&Arc<Machine>> {
    let machine = (report as &dyn Any).downcast_ref::<Counts>()?.0.first()?;
    (!machine.is_empty()).then_some(machine)
}

/// Registered domains of the names asked for: `[[domain, queries, different names], ...]`, most queries first. None:
/// there is no DNS.
pub fn domains(report: &dyn Report, suffixes: &Suffixes) -> Option<Value> {
    let mut places: HashMap<String, usize, RandomState> = HashMap::default();
    let mut all: Vec<(String, u64, u64)> = Vec::new();
    for (name, queries) in dns(report)?.names() {
        let name = name.to_lowercase();
        let Some(domain) = suffixes.registered(&name) else { continue };
        let place = places.get(domain).copied().unwrap_or_else(|| {
            places.insert(domain.to_owned(), all.len());
            all.push((domain.to_owned(), 0, 0));
            all.len() - 1
        });
        if let Some(one) = all.get_mut(place) {
            one.1 += queries;
            one.2 += 1;
        }
    }
    all.sort_unstable_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    let all = Arc::new(all);
    let order = |all: &Vec<(String, u64, u64)>| (0..all.len()).collect();
    Some(Rows::later(&all, all.len(), order, |all: &Vec<(String, u64, u64)>, &place: &usize| match all.get(place) {
        Some((domain, queries, names)) => row![domain.clone(), *queries, *names],
        None => Value::None,
    }))
}

/// Names and kept messages by the registered domain: `domains` (all, most names first), `candidates` and `busy` ones
/// (see [`Limits`]), `long_queries` kept, `queries_for_long_names`, `looked_at` (kept messages). Names of addresses
/// (`.arpa`), which are long and many by their nature, are left out. None: there is no DNS.
pub fn tunnelling<'a>(
    report: &dyn Report,
    kept: impl Iterator<Item = &'a Kept>,
    suffixes: &Suffixes,
    limits: Limits,
) -> Option<Value> {
    let mut found = Found::default();
    let mut places: HashMap<String, usize, RandomState> = HashMap::default();
    let mut long_names = 0;
    let mut names: Vec<(&str, u64)> = dns(report)?.names().collect();
    names.sort_unstable_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(b.0)));
    for (name, queries) in names {
        long_names += if name.len() > limits.long_query { queries } else { 0 };
        let lower = name.to_lowercase();
        if lower.trim_end_matches('.').ends_with(".arpa") {
            continue;
        }
        let domain = domain_of(&lower, suffixes);
        let place = places.get(domain).copied().unwrap_or_else(|| {
            places.insert(domain.to_owned(), found.domains.len());
            found.domains.push(Domain { name: domain.to_owned(), ..Domain::default() });
            found.domains.len() - 1
        });
        if let Some(one) = found.domains.get_mut(place) {
            one.name(name, queries, limits.long_query);
        }
    }
    let (mut left, mut looked_at, mut name) = (MOST_MESSAGES, 0u64, String::new());
    for part in kept {
        part.raw("dns", left, |context, bytes| {
            left -= 1;
            if context.detected_by != DetectedBy::Content {
                looked_at += 1;
                look(context, bytes, &mut name, &mut found, &places, suffixes, limits.long_query);
            }
        });
    }
    let found = Arc::new(found);
    let chosen = |keep: &dyn Fn(&Domain) -> bool| found.domains.iter().filter(|d| keep(d)).map(Domain::row).collect();
    let candidates: Vec<Value> = chosen(&|d| d.names >= limits.least_names);
    let mut busy: Vec<&Domain> = found.domains.iter().filter(|d| d.queries > limits.high_volume).collect();
    busy.sort_by_key(|d| Reverse(d.queries));
    let busy: Vec<Value> = busy.into_iter().map(|d| row![d.name.clone(), d.queries, d.names]).collect();
    let ranked = |found: &Found| {
        let mut all: Vec<usize> = (0..found.domains.len()).collect();
        all.sort_unstable_by_key(|&at| {
            found.domains.get(at).map(|d| (Reverse(d.names), Reverse(d.queries), d.name.as_str()))
        });
        all
    };
    let out: Fields = vec![
        (
            "domains",
            Rows::later(&found, found.domains.len(), ranked, |found, &at| {
                found.domains.get(at).map_or(Value::None, Domain::row)
            }),
        ),
        ("candidates", candidates.into()),
        ("busy", busy.into()),
        (
            "long_queries",
            Rows::later(
                &found,
                found.long.len(),
                |found| (0..found.long.len()).collect(),
                |found, &at: &usize| match found.long.get(at) {
                    Some(l) => row![l.frame, l.src, l.name.clone(), l.name.len()],
                    None => Value::None,
                },
            ),
        ),
        ("queries_for_long_names", long_names.into()),
        ("looked_at", looked_at.into()),
    ];
    Some(out.into())
}

/// The first question of a kept message.
fn look(
    c: &Context,
    m: &[u8],
    name: &mut String,
    found: &mut Found,
    places: &HashMap<String, usize, RandomState>,
    suffixes: &Suffixes,
    long_query: usize,
) {
    let Some(header) = Header::read(m) else { return };
    let mut first = None;
    wire::walk(m, &header, |entry| {
        if let Entry::Question(q) = entry {
            first.get_or_insert(q);
        }
    });
    let Some(question) = first else { return };
    name.clear();
    if wire::read_name(m, question.name_at, name).is_none() {
        return;
    }
    if name.len() > long_query && !header.is_response() {
        found.long.push(Long { frame: c.frame, src: c.src, name: name.clone() });
    }
    name.make_ascii_lowercase();
    let Some(one) = places.get(domain_of(name, suffixes)).and_then(|&at| found.domains.get_mut(at)) else { return };
    if header.is_response() {
        one.bytes_in += c.frame_bytes as u64;
    } else {
        let known = types::record_type(question.qtype);
        one.query(c, question.qtype == BULK_PRIVATE || known.is_some_and(|name| BULK_TYPES.contains(&name)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn domains_of_names_without_a_rule_are_their_last_two_labels() {
        let s = Suffixes::read("com\n");
        let of = |name| domain_of(name, &s);
        assert_eq!([of("a.b.com"), of("com"), of("a.b.local."), of("<root>")], ["b.com", "com", "b.local", "<root>"]);
    }

    #[test]
    fn entropy_of_known_texts() {
        assert_eq!(entropy(b"aaaa"), 0.0);
        assert_eq!(entropy(b"abababab"), 1.0);
        assert_eq!(entropy(b"abcdefgh"), 3.0);
    }
}
