//! Numbers of UDP streams, as Wireshark 4.0 gives them: two addresses and ports, in the order of their first datagram.
//! Headers quoted in ICMP errors and sampled by sFlow count like any other.
//!
//! Three kinds of traffic do not keep to that, there as here, because Wireshark remembers what it expects:
//!
//! - what goes to or comes from an address and port that signalling announced for media is one stream for each
//!   announcement, whoever is at the other end (the sender's counts before the receiver's);
//! - a server that answers a TFTP request from another port (RFC 1350) shares one stream for all its ports, a new one
//!   for each request;
//! - behind the first SNMP message between two ends another number begins.

use super::key::Key;
use crate::addr::IpAddr;
use crate::dissect::Dissector;
use crate::layers::{Header, Layers, Proto, Span};
use crate::record::Record;
use arrayvec::ArrayVec;
use foldhash::fast::RandomState;
use hashbrown::HashTable;
use hashbrown::hash_table::Entry;
use std::collections::HashMap;

const HEADER: u32 = 8;
/// UDP headers of one frame that get a number.
const MAX_HEADERS: usize = 12;
const TFTP: u16 = 69;
const SNMP: [u16; 2] = [161, 162];

/// What is known of one UDP header beyond its bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Datagram {
    /// Where the header stands.
    pub header: Span,
    /// `udp.stream`.
    pub stream: u32,
    /// Time since the first and since the last datagram of the stream, ns. None: Wireshark shows none, for a datagram
    /// without payload and for a quoted one.
    pub since_ns: Option<(i64, i64)>,
}

/// One stream. It has its number and times from its first datagram on.
#[derive(Debug, Default)]
struct Talk {
    number: Option<u32>,
    first_ns: i64,
    last_ns: i64,
}

#[derive(Debug)]
struct Pair {
    key: Key,
    talk: Talk,
    /// SNMP was spoken.
    snmp: bool,
}

#[derive(Debug)]
struct Expected {
    /// Of the announcement.
    frame: u64,
    other_port: Option<u16>,
    talk: Talk,
}

/// Sender and receiver of a datagram.
#[derive(Clone, Copy, Debug, Default)]
struct Ends {
    src: IpAddr,
    dst: IpAddr,
    src_port: u16,
    dst_port: u16,
}

impl Ends {
    fn key(&self) -> Key {
        Key::new(&self.src, &self.dst, self.src_port, self.dst_port).0
    }
}

/// The streams of one pass.
#[derive(Debug)]
pub struct UdpStreams {
    seed: RandomState,
    pairs: HashTable<Pair>,
    /// By address and port of who sent a TFTP request, and the address it went to.
    requests: HashMap<(IpAddr, u16, IpAddr), Talk, RandomState>,
    /// By announced address and port.
    media: HashMap<(IpAddr, u16), Expected, RandomState>,
    next: u32,
    max: usize,
    found: ArrayVec<Datagram, MAX_HEADERS>,
    /// Datagrams without a number: their streams came when the tables were full.
    pub unnumbered: u64,
}

impl UdpStreams {
    /// max: streams that are remembered; later ones get no number.
    pub fn new(max: usize) -> Self {
        Self {
            seed: RandomState::default(),
            pairs: HashTable::new(),
            requests: HashMap::default(),
            media: HashMap::default(),
            next: 0,
            max: max.min(u32::MAX as usize),
            found: ArrayVec::new(),
            unnumbered: 0,
        }
    }

    /// The numbered headers of the frame last taken, from the outside in.
    pub fn of_frame(&self) -> &[Datagram] {
        &self.found
    }

    /// Media are expected at an address and port from this frame on; other_port: at the other end.
    pub fn expect(&mut self, addr: IpAddr, port: u16, other_port: Option<u16>, frame: u64) {
        let full = self.full();
        let known = self.media.get(&(addr, port)).map(|e| e.frame);
        if known.is_none_or(|at| at < frame) && (known.is_some() || !full) {
            self.media.insert((addr, port), Expected { frame, other_port, talk: Talk::default() });
        }
    }

    fn full(&self) -> bool {
        self.pairs.len() + self.requests.len() + self.media.len() >= self.max
    }

    /// Takes the next frame of the capture. The dissector must have logged its headers.
    pub fn frame(&mut self, record: &Record<'_>, layers: &Layers, dissector: &Dissector) {
        self.found.clear();
        let mut quoted = false;
        for header in dissector.headers() {
            match header.proto {
                Proto::Icmp | Proto::Icmpv6 | Proto::Sflow => quoted = true,
                Proto::Udp | Proto::Udplite => self.header(header, quoted, record, layers, dissector),
                _ => {}
            }
        }
    }

    fn header(&mut self, header: &Header, quoted: bool, record: &Record<'_>, layers: &Layers, dissector: &Dissector) {
        let bytes = dissector.bytes(record, header.span);
        let Some(&[s0, s1, d0, d1, l0, l1, _, _]) = bytes.first_chunk::<8>() else { return };
        let (src, dst) = addresses(header, layers).unwrap_or_default();
        let (src_port, dst_port) = (u16::from_be_bytes([s0, s1]), u16::from_be_bytes([d0, d1]));
        let ends = Ends { src, dst, src_port, dst_port };
        let length = match (header.proto, u32::from(u16::from_be_bytes([l0, l1]))) {
            // Its third field says how much the checksum covers; 0: all.
            (Proto::Udplite, 0) => header.wire,
            (Proto::Udplite, covered) if (HEADER..=header.wire).contains(&covered) => header.wire,
            (Proto::Udplite, _) => return,
            (_, 0) if src.v6 => header.wire,
            (_, length) => length,
        };
        if length < HEADER || self.found.is_full() {
            return;
        }
        let now = record.time.wrapping_nanos();
        let next = self.next;
        let Some(talk) = self.talk(&ends) else {
            self.unnumbered += 1;
            return;
        };
        let new = talk.number.is_none();
        if new {
            *talk = Talk { number: Some(next), first_ns: now, last_ns: now };
        }
        let stream = talk.number.unwrap_or(next);
        let since_ns = (length != HEADER && !quoted).then(|| {
            let since = (now.wrapping_sub(talk.first_ns), now.wrapping_sub(talk.last_ns));
            talk.last_ns = now;
            since
        });
        self.next += u32::from(new);
        self.found.push(Datagram { header: header.span, stream, since_ns });
        let wire = length.min(header.wire) - HEADER;
        self.remember(&ends, bytes.get(8..).unwrap_or_default(), wire as usize);
    }

    /// The stream of a datagram, made where there is none. None: the tables are full.
    fn talk(&mut self, ends: &Ends) -> Option<&mut Talk> {
        let (key, full) = (ends.key(), self.full());
        let hash = hash_of(&key, &self.seed);
        // Looked up twice: a borrow that is returned early would last to the end.
        if self.pairs.find(hash, |p| p.key == key).is_some() {
            return self.pairs.find_mut(hash, |p| p.key == key).map(|p| &mut p.talk);
        }
        if let Some(at) = self.announced(ends) {
            return self.media.get_mut(&at).map(|e| &mut e.talk);
        }
        if let Some(at) = self.requested(ends) {
            return self.requests.get_mut(&at);
        }
        if full {
            return None;
        }
        let seed = &self.seed;
        let pair = Pair { key, talk: Talk::default(), snmp: false };
        let added = self.pairs.insert_unique(hash, pair, |p| hash_of(&p.key, seed));
        Some(&mut added.into_mut().talk)
    }

    /// The announcement that a datagram belongs to: one that names the other port too before one that does not.
    fn announced(&self, ends: &Ends) -> Option<(IpAddr, u16)> {
        if self.media.is_empty() {
            return None;
        }
        let both = [(ends.src, ends.src_port, ends.dst_port), (ends.dst, ends.dst_port, ends.src_port)];
        let find = |wanted: fn(u16) -> Option<u16>| {
            let there = |e: &(IpAddr, u16, u16)| {
                self.media.get(&(e.0, e.1)).is_some_and(|known| known.other_port == wanted(e.2))
            };
            both.into_iter().find(there).map(|e| (e.0, e.1))
        };
        find(Some).or_else(|| find(|_| None))
    }

    /// The TFTP request that a datagram belongs to.
    fn requested(&self, ends: &Ends) -> Option<(IpAddr, u16, IpAddr)> {
        if self.requests.is_empty() {
            return None;
        }
        let both = [(ends.src, ends.src_port, ends.dst), (ends.dst, ends.dst_port, ends.src)];
        both.into_iter().find(|at| self.requests.contains_key(at))
    }

    /// Whether what the datagram says changes the number of what comes behind it. wire: bytes of its payload.
    fn remember(&mut self, ends: &Ends, payload: &[u8], wire: usize) {
        let low = ends.src_port.min(ends.dst_port);
        if SNMP.contains(&low) && is_snmp(payload, wire) {
            let (key, full) = (ends.key(), self.full());
            let seed = &self.seed;
            match self.pairs.entry(hash_of(&key, seed), |p| p.key == key, |p| hash_of(&p.key, seed)) {
                Entry::Occupied(mut known) if !known.get().snmp => {
                    *known.get_mut() = Pair { key, talk: Talk::default(), snmp: true };
                }
                Entry::Vacant(free) if !full => {
                    free.insert(Pair { key, talk: Talk::default(), snmp: true });
                }
                _ => {}
            }
        } else if matches!(payload, [0, 1 | 2, ..]) {
            let at = (ends.src, ends.src_port, ends.dst);
            let to_server = ends.dst_port == TFTP && low == TFTP;
            let asks = to_server || (is_tftp_request(payload) && self.requested(ends).is_none());
            if asks && (self.requests.contains_key(&at) || !self.full()) {
                self.requests.insert(at, Talk::default());
            }
        }
    }
}

fn hash_of(key: &Key, seed: &RandomState) -> u64 {
    u64::from(key.hash(seed)).wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

/// Starts as an SNMP message does (RFC 1157 section 4): a sequence that fits into its `wire` bytes, in it an integer.
fn is_snmp(payload: &[u8], wire: usize) -> bool {
    let Some(&[0x30, first]) = payload.first_chunk::<2>() else { return false };
    let more = if first & 0x80 != 0 { usize::from(first & 0x7f) } else { 0 };
    let Some(long) = payload.get(2..2 + more).filter(|_| more <= 4) else { return false };
    let length = match first {
        // Without a length of its own, up to the end.
        0x80 => 0,
        0x81.. => long.iter().fold(0u64, |n, b| n << 8 | u64::from(*b)),
        _ => first.into(),
    };
    (2 + more) as u64 + length <= wire as u64 && payload.get(2 + more) == Some(&2)
}

/// A read or write request (RFC 1350 section 5): file name and mode, each with a zero behind it.
fn is_tftp_request(payload: &[u8]) -> bool {
    let mut parts = payload.get(2..).unwrap_or_default().splitn(3, |b| *b == 0);
    let (name, mode, rest) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default(), parts.next());
    let shown = |b: &u8| matches!(b, b' '..=b'~');
    let known = [&b"netascii"[..], b"octet", b"mail"].iter().any(|m| mode.eq_ignore_ascii_case(m));
    !name.is_empty() && name.iter().all(shown) && known && rest.is_some()
}

/// Addresses of the IP header that carries it.
fn addresses(header: &Header, layers: &Layers) -> Option<(IpAddr, IpAddr)> {
    let here = |udp: &&crate::layers::Udp| {
        udp.payload.reassembled == header.span.reassembled && udp.payload.start == header.span.start + HEADER
    };
    let net = match layers.udps.iter().chain(&layers.quoted_udps).find(here) {
        Some(udp) => layers.nets.get(udp.net? as usize),
        None => layers.nets.last(),
    }?;
    Some((net.src, net.dst))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dissect::testing::{ipv4, udp};
    use crate::limits::Limits;
    use crate::record::{LinkType, RecordKind, Timestamp};

    /// Number and times of a header.
    type Told = (u32, Option<(i64, i64)>);

    /// Of each header of frames one second apart, as raw IPv4; and how many got no number.
    fn streams(frames: &[Vec<u8>], max: usize) -> (Vec<Vec<Told>>, u64) {
        let mut dissector = Dissector::new(&Limits::default());
        dissector.log_headers(true);
        let (mut layers, mut streams) = (Layers::default(), UdpStreams::new(max));
        let found = frames.iter().enumerate().map(|(i, data)| {
            let record = Record {
                kind: RecordKind::Packet,
                link: LinkType(228),
                data,
                wire_len: data.len() as u32,
                time: Timestamp { secs: i as i64, nanos: 0 },
                has_time: true,
                interface: None,
                offset: 0,
                fcs_len: None,
                recovered: false,
            };
            dissector.dissect(&record, i as u64 + 1, &mut layers);
            streams.frame(&record, &layers, &dissector);
            streams.of_frame().iter().map(|d| (d.stream, d.since_ns)).collect()
        });
        (found.collect(), streams.unnumbered)
    }

    const S: i64 = 1_000_000_000;

    #[test]
    fn both_directions_share_a_number() {
        let back = {
            let mut packet = ipv4(17, &udp(9, 8, b"b"));
            let (src, dst) = (packet[12..16].to_vec(), packet[16..20].to_vec());
            packet[12..16].copy_from_slice(&dst);
            packet[16..20].copy_from_slice(&src);
            packet
        };
        let frames = [ipv4(17, &udp(8, 9, b"a")), ipv4(17, &udp(8, 7, b"a")), back, ipv4(17, &udp(9, 8, b"a"))];
        let (found, _) = streams(&frames, 100);
        assert_eq!(found[0], [(0, Some((0, 0)))]);
        assert_eq!(found[1], [(1, Some((0, 0)))]);
        assert_eq!(found[2], [(0, Some((2 * S, 2 * S)))]);
        // The same addresses with the ports swapped are another stream.
        assert_eq!(found[3], [(2, Some((0, 0)))]);
    }

    /// (source and destination port, payload) of datagrams from the first address to the second, or `back`.
    fn numbers(datagrams: &[(u16, u16, &[u8], bool)], announce: Option<(u16, usize)>) -> Vec<u32> {
        let (a, b) = (IpAddr::v4([192, 0, 2, 1]), IpAddr::v4([192, 0, 2, 2]));
        let mut streams = UdpStreams::new(100);
        let mut found = Vec::new();
        for (i, &(src_port, dst_port, payload, back)) in datagrams.iter().enumerate() {
            let (src, dst) = if back { (b, a) } else { (a, b) };
            let ends = Ends { src, dst, src_port, dst_port };
            let next = streams.next;
            let talk = streams.talk(&ends).unwrap();
            let number = *talk.number.get_or_insert(next);
            streams.next += u32::from(number == next);
            streams.remember(&ends, payload, payload.len());
            found.push(number);
            if let Some((port, at)) = announce
                && at == i
            {
                streams.expect(a, port, None, i as u64 + 1);
            }
        }
        found
    }

    /// Numbers that tshark 4.0.17 gives the same datagrams.
    #[test]
    fn a_new_number_behind_the_first_snmp_message() {
        const M: &[u8] = &[0x30, 3, 2, 1, 0];
        let talk = [(4000, 161, M, false), (161, 4000, M, true), (4000, 161, M, false), (4001, 161, M, false)];
        assert_eq!(numbers(&talk, None), [0, 1, 1, 2]);
        let odd = [
            (4000, 161, &b"garbage"[..], false),
            (4000, 161, b"\x30", false),
            (4000, 161, M, false),
            (4000, 161, M, false),
        ];
        assert_eq!(numbers(&odd, None), [0, 0, 0, 1]);
        for no in [&[0x30, 4, 2, 1, 0][..], &[0x30, 3, 4, 1, 0], &[0x30, 0], &[0x30, 0x81], &[0xa0, 3, 2, 1, 0]] {
            assert!(!is_snmp(no, no.len()), "{no:?}");
        }
        for yes in [&[0x30, 1, 2][..], &[0x30, 0x81, 3, 2, 1, 0], &[0x30, 0x80, 2, 1, 0, 0, 0], &[0x30, 2, 2, 1, 0]] {
            assert!(is_snmp(yes, yes.len()), "{yes:?}");
        }
    }

    #[test]
    fn a_tftp_server_answers_from_any_port() {
        const R: &[u8] = b"\0\x01file\0octet\0";
        const D: &[u8] = b"\0\x03\0\x01abc";
        let talk = [
            (5000, 69, R, false),
            (6000, 5000, D, true),
            (5000, 6000, D, false),
            (5000, 69, R, false),
            (6001, 5000, D, true),
            (6000, 5000, D, true),
        ];
        assert_eq!(numbers(&talk, None), [0, 1, 1, 0, 2, 2]);
        // On another port a request is known by its form; one on a port of the transfer changes nothing.
        let talk = [(5000, 1069, R, false), (6000, 5000, D, true), (5000, 6000, R, false), (6000, 5000, D, true)];
        assert_eq!(numbers(&talk, None), [0, 1, 1, 1]);
    }

    #[test]
    fn media_have_a_stream_for_each_announcement() {
        let m = b"m".as_slice();
        let talk = [(7000, 8000, m, false), (7002, 8000, m, false), (8004, 7002, m, true), (7002, 9, m, false)];
        assert_eq!(numbers(&talk, Some((7002, 0))), [0, 1, 1, 1]);
        assert_eq!(numbers(&talk, Some((7002, 2))), [0, 1, 2, 3]);
        assert_eq!(numbers(&talk, Some((7000, 0))), [0, 1, 2, 3]);
    }

    #[test]
    fn an_error_quotes_a_stream_and_leaves_its_times_alone() {
        let packet = ipv4(17, &udp(8, 9, b"ab"));
        let mut error = vec![3, 3, 0, 0, 0, 0, 0, 0];
        error.extend_from_slice(&packet);
        let frames = [packet.clone(), ipv4(1, &error), packet, ipv4(17, &udp(8, 9, b""))];
        let (found, _) = streams(&frames, 100);
        assert_eq!(found[1], [(0, None)]);
        assert_eq!(found[2], [(0, Some((2 * S, 2 * S)))]);
        assert_eq!(found[3], [(0, None)]);
    }

    #[test]
    fn an_impossible_length_has_no_number() {
        let mut bad = udp(8, 9, b"ab");
        bad[5] = 7;
        assert_eq!(streams(&[ipv4(17, &bad), ipv4(17, &udp(8, 9, b"ab")[..7])], 100).0, [vec![], vec![]]);
    }

    #[test]
    fn a_full_table_numbers_what_it_knows() {
        let frames: Vec<_> = [1, 2, 3, 1, 3].into_iter().map(|port| ipv4(17, &udp(port, 9, b"a"))).collect();
        let (found, unnumbered) = streams(&frames, 2);
        let numbers: Vec<Vec<u32>> = found.iter().map(|f| f.iter().map(|d| d.0).collect()).collect();
        assert_eq!((numbers, unnumbered), (vec![vec![0], vec![1], vec![], vec![0], vec![]], 2));
    }
}
