//! Handshakes in few bytes: the rows of those that are over, and those of connections that go on.
//!
//! What many handshakes have in common (what was offered, what was chosen) is held once and referred to by its number.

use super::session::{Alert, Handshake, NEVER, NameMatch, Offer, Outcome, Resumption, Step};
use crate::app::{Close, DetectedBy};
use crate::packing::{Reader, fold, put, put_bytes, put_ip, unfold};
use foldhash::fast::RandomState;
use hashbrown::HashMap;
use std::hash::Hash;
use std::sync::Arc;

/// Values that are held once, by number.
#[derive(Clone, Debug)]
pub struct Pool<T> {
    values: Vec<Arc<T>>,
    numbers: HashMap<Arc<T>, u32, RandomState>,
    /// Values that are looked up; further ones get a number of their own each time.
    limit: usize,
}

impl<T: Eq + Hash> Pool<T> {
    pub fn new(limit: usize) -> Self {
        Self { values: Vec::new(), numbers: HashMap::default(), limit }
    }

    /// The value as others have it, if there is room for it.
    pub fn share(&mut self, value: T) -> Arc<T> {
        if let Some(&number) = self.numbers.get(&value)
            && let Some(same) = self.values.get(number as usize)
        {
            return same.clone();
        }
        let value = Arc::new(value);
        self.number(&value, false);
        value
    }

    /// The number of a value. `must`: one beyond the limit gets one, too.
    fn number(&mut self, value: &Arc<T>, must: bool) -> Option<u32> {
        if let Some(&number) = self.numbers.get(value) {
            return Some(number);
        }
        let room = self.numbers.len() < self.limit;
        if !room && !must {
            return None;
        }
        let number = self.values.len() as u32;
        self.values.push(value.clone());
        if room {
            self.numbers.insert(value.clone(), number);
        }
        Some(number)
    }

    fn get(&self, number: u64) -> Option<&Arc<T>> {
        self.values.get(number as usize)
    }
}

/// What a server chose, without what differs from one connection to the next.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Answer {
    version: Option<u16>,
    cipher: Option<u16>,
    group: Option<u16>,
    alpn: Option<Box<[u8]>>,
    ja3s: Option<[u8; 16]>,
}

/// What packed handshakes refer to.
#[derive(Clone, Debug)]
pub struct Shared {
    pub offers: Pool<Offer>,
    /// By the number of an offer: the JA3 that it came with first. Clients that put their extensions into another order
    /// each time have the same offer with many of them.
    ja3: Vec<[u8; 16]>,
    answers: Pool<Answer>,
}

/// Certificates of a handshake that is packed while its connection goes on.
const MAX_CHAIN: usize = 32;

/// Small numbers in one.
#[derive(Default)]
struct Bits {
    bits: u64,
    at: u32,
}

impl Bits {
    fn put(&mut self, value: u64, width: u32) {
        self.bits |= value << self.at;
        self.at += width;
    }

    fn take(&mut self, width: u32) -> u64 {
        let value = self.bits & ((1 << width) - 1);
        self.bits >>= width;
        value
    }

    fn flag(&mut self) -> bool {
        self.take(1) != 0
    }
}

const STEPS: usize = Step::NAMES.len();
const DETECTED_BY: [DetectedBy; 3] = [DetectedBy::Port, DetectedBy::Content, DetectedBy::Heuristic];
const RESUMPTION: [Option<Resumption>; 4] =
    [None, Some(Resumption::SessionId), Some(Resumption::Ticket), Some(Resumption::PreSharedKey)];
const NAME_MATCH: [NameMatch; 3] = [NameMatch::Unknown, NameMatch::Match, NameMatch::Mismatch];

/// Place of a value in a list of all.
fn place<T: PartialEq>(all: &[T], value: &T) -> u64 {
    all.iter().position(|v| v == value).unwrap_or(0) as u64
}

fn one_of<T: Copy, const N: usize>(all: [T; N], place: u64) -> T {
    all[place as usize % N]
}

/// What a packed handshake begins with: the tables it is a row of, and whether application data change nothing of it.
mod kind {
    pub const MISMATCH: u8 = 1;
    pub const BROKEN_OFF: u8 = 1 << 1;
    pub const SUSPICIOUS: u8 = 1 << 2;
    pub const QUIET: u8 = 1 << 3;
}

fn kinds(h: &Handshake) -> u8 {
    let broken_off = matches!(h.outcome(), Outcome::Reset | Outcome::Closed | Outcome::Alert);
    [
        (h.name_match == NameMatch::Mismatch, kind::MISMATCH),
        (h.sni.is_some() && broken_off, kind::BROKEN_OFF),
        (signs(h) >= 2, kind::SUSPICIOUS),
        (h.is_quiet(), kind::QUIET),
    ]
    .iter()
    .fold(0, |kinds, &(holds, bit)| if holds { kinds | bit } else { kinds })
}

/// How much about a handshake is unusual by itself: who signed, since when, for whom, and where.
fn signs(h: &Handshake) -> usize {
    let odd = !USUAL_PORTS.contains(&h.server.1);
    let nameless = h.offer.is_some() && h.sni.is_none();
    [h.self_issued, h.expired || h.not_yet_valid, odd, nameless].iter().filter(|s| **s).count()
}

/// Ports on which TLS is offered to anybody.
#[rustfmt::skip]
const USUAL_PORTS: [u16; 22] = [
    443, 465, 563, 587, 636, 853, 989, 990, 992, 993, 994, 995, 2083, 2087, 2096, 3269, 5061, 5223, 5228, 8443, 8883,
    9443,
];

/// Which handshakes a table has: bits of what they begin with.
fn bits_of(table: &str) -> Option<u8> {
    Some(match table {
        "handshakes" => 0,
        "mismatches" => kind::MISMATCH,
        "broken_off" => kind::BROKEN_OFF,
        "suspicious" => kind::SUSPICIOUS,
        _ => return None,
    })
}

impl Shared {
    pub fn new(limit: usize) -> Self {
        Self { offers: Pool::new(limit), ja3: Vec::new(), answers: Pool::new(limit) }
    }

    /// Nothing is packed any more.
    pub fn seal(&mut self) {
        (self.offers.numbers, self.answers.numbers) = (HashMap::default(), HashMap::default());
    }

    /// The packed form. None where it `must` not be had: there is no room for what it refers to, or it is so long that to
    /// take it out and put it back takes long.
    pub fn pack(&mut self, h: &Handshake, must: bool) -> Option<Box<[u8]>> {
        if !must && h.chain.len() > MAX_CHAIN {
            return None;
        }
        let offer = match &h.offer {
            Some(offer) => Some(self.offers.number(offer, must)?),
            None => None,
        };
        if self.ja3.len() < self.offers.values.len() {
            // Those between the last one packed and this one are told of when they come.
            self.ja3.resize(self.offers.values.len(), [0; 16]);
        }
        let own_ja3 = offer.is_some_and(|n| match self.ja3.get_mut(n as usize) {
            Some(ja3) if *ja3 == [0; 16] => {
                *ja3 = h.ja3;
                false
            }
            ja3 => ja3.is_none_or(|ja3| *ja3 != h.ja3),
        });
        let answer =
            Answer { version: h.version, cipher: h.cipher, group: h.group, alpn: h.alpn.clone(), ja3s: h.ja3s };
        let answer = self.answers.number(&Arc::new(answer), must)?;
        let (end, by_server) = match h.end {
            None => (0, false),
            Some((Close::Fin, by_server, _)) => (1, by_server),
            Some((Close::Rst, by_server, _)) => (2, by_server),
        };
        let steps = (0..STEPS).filter(|&i| h.steps[i] != NEVER);
        let mut bits = Bits::default();
        let flags = [
            h.dtls,
            h.stream.is_some(),
            offer.is_some(),
            h.sni.is_some(),
            own_ja3,
            h.id_repeated,
            h.certificate_requested,
            h.client_certificate,
            h.new_ticket,
            h.stapled,
            h.expired,
            h.not_yet_valid,
            h.self_issued,
            h.chain_broken,
            h.ccs[0],
            h.ccs[1],
            h.complete,
            h.failed,
            h.counts,
            !h.chain.is_empty(),
            !h.alerts.is_empty(),
            by_server,
        ];
        flags.iter().for_each(|&f| bits.put(f as u64, 1));
        bits.put(place(&DETECTED_BY, &h.detected_by), 2);
        bits.put(place(&RESUMPTION, &h.resumption), 2);
        bits.put(place(&NAME_MATCH, &h.name_match), 2);
        bits.put(end, 2);
        bits.put(steps.clone().fold(0, |mask, i| mask | 1 << i), STEPS as u32);

        let mut out = Vec::with_capacity(160);
        out.push(kinds(h));
        put(&mut out, h.frame);
        put(&mut out, bits.bits);
        put(&mut out, h.last_frame.wrapping_sub(h.frame));
        out.extend_from_slice(&h.time_ns.to_le_bytes());
        h.stream.iter().for_each(|&n| put(&mut out, n as u64));
        for (ip, port) in [h.client, h.server] {
            put_ip(&mut out, ip);
            out.extend_from_slice(&port.to_le_bytes());
        }
        offer.iter().for_each(|&n| put(&mut out, n as u64));
        put(&mut out, answer as u64);
        if own_ja3 {
            out.extend_from_slice(&h.ja3);
        }
        h.sni.iter().for_each(|n| put_bytes(&mut out, n));
        let mut before = h.time_ns;
        for i in steps {
            put(&mut out, fold(h.steps[i].wrapping_sub(before)));
            before = h.steps[i];
        }
        h.end.iter().for_each(|e| put(&mut out, fold(h.last_frame.wrapping_sub(e.2) as i64)));
        if !h.chain.is_empty() {
            put(&mut out, h.chain.len() as u64);
            h.chain.iter().for_each(|&n| put(&mut out, n as u64));
        }
        if !h.alerts.is_empty() {
            put(&mut out, h.alerts.len() as u64);
            for a in &h.alerts {
                put(&mut out, fold(a.frame.wrapping_sub(h.frame) as i64));
                put(&mut out, fold(a.time_ns.wrapping_sub(h.time_ns)));
                out.push(a.from_server as u8 | (a.code.is_some() as u8) << 1);
                a.code.iter().for_each(|&(level, what)| out.extend_from_slice(&[level, what]));
            }
        }
        Some(out.into_boxed_slice())
    }

    /// The handshake that was packed.
    pub fn unpack(&self, packed: &[u8]) -> Handshake {
        let mut from = Reader(packed);
        from.byte();
        let frame = from.number();
        let mut bits = Bits { bits: from.number(), at: 0 };
        let last_frame = frame.wrapping_add(from.number());
        let time_ns = from.word() as i64;
        let dtls = bits.flag();
        let stream = bits.flag().then(|| from.number() as u32);
        let mut end_point = || (from.ip(), u16::from_le_bytes([from.byte(), from.byte()]));
        let (client, server) = (end_point(), end_point());
        let offer = bits.flag().then(|| from.number());
        let answer = self.answers.get(from.number());
        let (has_sni, own_ja3) = (bits.flag(), bits.flag());
        let mut ja3 = offer.and_then(|n| self.ja3.get(n as usize)).copied().unwrap_or_default();
        if own_ja3 {
            ja3 = (u128::from(from.word()) | u128::from(from.word()) << 64).to_le_bytes();
        }
        let sni = has_sni.then(|| from.bytes().into());
        let mut h = Handshake {
            dtls,
            stream,
            frame,
            last_frame,
            time_ns,
            client,
            server,
            offer: offer.and_then(|n| self.offers.get(n)).cloned(),
            sni,
            ja3,
            version: answer.and_then(|a| a.version),
            cipher: answer.and_then(|a| a.cipher),
            group: answer.and_then(|a| a.group),
            alpn: answer.and_then(|a| a.alpn.clone()),
            ja3s: answer.and_then(|a| a.ja3s),
            id_repeated: bits.flag(),
            certificate_requested: bits.flag(),
            client_certificate: bits.flag(),
            new_ticket: bits.flag(),
            stapled: bits.flag(),
            expired: bits.flag(),
            not_yet_valid: bits.flag(),
            self_issued: bits.flag(),
            chain_broken: bits.flag(),
            ccs: [bits.flag(), bits.flag()],
            complete: bits.flag(),
            failed: bits.flag(),
            counts: bits.flag(),
            chain: Vec::new(),
            alerts: Vec::new(),
            end: None,
            steps: [NEVER; STEPS],
            detected_by: DetectedBy::Port,
            resumption: None,
            name_match: NameMatch::Unknown,
        };
        let (has_chain, has_alerts, by_server) = (bits.flag(), bits.flag(), bits.flag());
        h.detected_by = one_of(DETECTED_BY, bits.take(2));
        h.resumption = one_of(RESUMPTION, bits.take(2));
        h.name_match = one_of(NAME_MATCH, bits.take(2));
        let how = match bits.take(2) {
            0 => None,
            1 => Some(Close::Fin),
            _ => Some(Close::Rst),
        };
        let mask = bits.take(STEPS as u32);
        let mut before = time_ns;
        for (_, step) in h.steps.iter_mut().enumerate().filter(|(i, _)| mask >> i & 1 != 0) {
            before = before.wrapping_add(unfold(from.number()));
            *step = before;
        }
        h.end = how.map(|how| (how, by_server, last_frame.wrapping_sub(unfold(from.number()) as u64)));
        if has_chain {
            let n = from.number();
            h.chain = (0..n).map(|_| from.number() as u32).collect();
        }
        if has_alerts {
            let n = from.number();
            h.alerts = (0..n).map(|_| alert(&mut from, frame, time_ns)).collect();
        }
        h
    }
}

fn alert(from: &mut Reader<'_>, frame: u64, time_ns: i64) -> Alert {
    let frame = frame.wrapping_add(unfold(from.number()) as u64);
    let time_ns = time_ns.wrapping_add(unfold(from.number()));
    let bits = from.byte();
    let code = (bits & 2 != 0).then(|| (from.byte(), from.byte()));
    Alert { frame, time_ns, from_server: bits & 1 != 0, code }
}

/// Whether records of application data, further handshake records in the dark, and the end of the connection change
/// nothing of a packed handshake.
pub fn is_quiet(packed: &[u8]) -> bool {
    packed.first().is_some_and(|kinds| kinds & kind::QUIET != 0)
}

/// Bytes of a chunk; a row lies in one chunk as a whole, a longer one in one of its own.
const CHUNK: usize = 1 << 16;

/// Packed handshakes one behind the other. What a report took over of it is shared with it.
#[derive(Clone, Debug, Default)]
pub struct Rows {
    chunks: Vec<Arc<Vec<u8>>>,
    len: usize,
    /// Places of the rows in the order of the table; None while rows still come in any.
    order: Option<Vec<u32>>,
}

impl Rows {
    pub fn len(&self) -> usize {
        self.len
    }

    pub fn push(&mut self, packed: &[u8]) {
        let needs = packed.len() + 10;
        if self.chunks.last().is_none_or(|last| last.len() + needs > CHUNK) {
            self.chunks.push(Arc::new(Vec::with_capacity(needs.max(CHUNK))));
        }
        let number = self.chunks.len() - 1;
        let chunk = Arc::make_mut(&mut self.chunks[number]);
        if let Some(order) = &mut self.order {
            order.push((number * CHUNK + chunk.len()) as u32);
        }
        put_bytes(chunk, packed);
        self.len += 1;
    }

    /// Puts the rows into the order of their first frames, of one frame in the order they came.
    pub fn sort(&mut self) {
        let mut order: Vec<(u64, u32)> = Vec::with_capacity(self.len);
        for (number, chunk) in self.chunks.iter().enumerate() {
            let mut rest = Reader(chunk);
            while !rest.0.is_empty() {
                let place = number * CHUNK + chunk.len() - rest.0.len();
                let mut row = Reader(rest.bytes());
                row.byte();
                order.push((row.number(), place as u32));
            }
        }
        order.sort_unstable();
        self.order = Some(order.into_iter().map(|(_, place)| place).collect());
    }

    fn at(&self, place: u32) -> &[u8] {
        let (number, offset) = (place as usize / CHUNK, place as usize % CHUNK);
        self.chunks.get(number).and_then(|c| c.get(offset..)).map_or(&[], |rest| Reader(rest).bytes())
    }

    /// The rows in order, once they are sorted.
    pub fn iter(&self) -> impl Iterator<Item = &[u8]> {
        self.order.iter().flatten().map(|&place| self.at(place))
    }

    /// Rows of the table of that name; None: there is no such table.
    pub fn of(&self, table: &str) -> Option<impl Iterator<Item = &[u8]>> {
        let bits = bits_of(table)?;
        Some(self.iter().filter(move |row| row.first().is_some_and(|kinds| kinds & bits == bits)))
    }

    /// Number of rows of the table of that name.
    pub fn count(&self, table: &str) -> usize {
        self.of(table).map_or(0, Iterator::count)
    }
}

#[cfg(test)]
#[path = "packed_tests.rs"]
mod tests;
