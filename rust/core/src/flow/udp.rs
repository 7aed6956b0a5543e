//! Numbers of UDP streams, as Wireshark gives them: two addresses and ports, in the order of their first datagram.
//! Headers quoted in ICMP errors and sampled by sFlow count like any other.

use super::key::Key;
use crate::addr::IpAddr;
use crate::dissect::Dissector;
use crate::layers::{Header, Layers, Proto, Span};
use crate::record::Record;
use arrayvec::ArrayVec;
use foldhash::fast::RandomState;
use hashbrown::HashTable;

const HEADER: u32 = 8;
/// UDP headers of one frame that get a number.
const MAX_HEADERS: usize = 12;

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

#[derive(Debug)]
struct Stream {
    key: Key,
    number: u32,
    first_ns: i64,
    last_ns: i64,
}

/// The streams of one pass.
#[derive(Debug)]
pub struct UdpStreams {
    seed: RandomState,
    streams: HashTable<Stream>,
    max: usize,
    found: ArrayVec<Datagram, MAX_HEADERS>,
    /// Datagrams without a number: their streams came when the table was full.
    pub unnumbered: u64,
}

impl UdpStreams {
    /// max: streams that get a number; later ones get none.
    pub fn new(max: usize) -> Self {
        let max = max.min(u32::MAX as usize);
        Self { seed: RandomState::default(), streams: HashTable::new(), max, found: ArrayVec::new(), unnumbered: 0 }
    }

    /// The numbered headers of the frame last taken, from the outside in.
    pub fn of_frame(&self) -> &[Datagram] {
        &self.found
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
        let (src_port, dst_port) = (u16::from_be_bytes([s0, s1]), u16::from_be_bytes([d0, d1]));
        let length = u32::from(u16::from_be_bytes([l0, l1]));
        let (src, dst) = ends(header, layers).unwrap_or_default();
        let length = match (header.proto, length) {
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
        let clock_ns = record.time.wrapping_nanos();
        let Some(stream) = self.stream(&src, &dst, src_port, dst_port, clock_ns) else {
            self.unnumbered += 1;
            return;
        };
        let since_ns = (length != HEADER && !quoted).then(|| {
            let since = (clock_ns.wrapping_sub(stream.first_ns), clock_ns.wrapping_sub(stream.last_ns));
            stream.last_ns = clock_ns;
            since
        });
        let stream = stream.number;
        self.found.push(Datagram { header: header.span, stream, since_ns });
    }

    /// The stream of these ends, made where there is none; None: the table is full.
    fn stream(&mut self, src: &IpAddr, dst: &IpAddr, src_port: u16, dst_port: u16, now: i64) -> Option<&mut Stream> {
        let (key, _) = Key::new(src, dst, src_port, dst_port);
        let hash = |key: &Key, seed: &RandomState| u64::from(key.hash(seed)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let (number, full, seed) = (self.streams.len(), self.streams.len() >= self.max, &self.seed);
        match self.streams.entry(hash(&key, seed), |s| s.key == key, |s| hash(&s.key, seed)) {
            hashbrown::hash_table::Entry::Occupied(found) => Some(found.into_mut()),
            hashbrown::hash_table::Entry::Vacant(_) if full => None,
            hashbrown::hash_table::Entry::Vacant(free) => {
                let stream = Stream { key, number: number as u32, first_ns: now, last_ns: now };
                Some(free.insert(stream).into_mut())
            }
        }
    }
}

/// Addresses of the IP header that carries it.
fn ends(header: &Header, layers: &Layers) -> Option<(IpAddr, IpAddr)> {
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

    /// (stream, since) of each header of frames one second apart, as raw IPv4.
    fn streams(frames: &[Vec<u8>], max: usize) -> (Vec<Vec<(u32, Option<(i64, i64)>)>>, u64) {
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
