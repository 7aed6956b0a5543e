//! Everything counted of RTP and RTCP in a pass: a value that merges.

use super::header::Header;
use super::reports::Reports;
use super::stream::{Arrival, Key, Stream};
use crate::app::media::Announcement;
use crate::limits::Limits;
use foldhash::fast::RandomState;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

/// The counts. Totals are exact; streams and sources of reports are listed up to a limit.
#[derive(Clone, Debug)]
pub struct Counts {
    /// Packets of announced streams.
    pub packets: u64,
    /// Datagrams Wireshark shows as RTP: `packets`, and those malformed or quoted.
    pub shown: u64,
    pub malformed: u64,
    /// Quoted in ICMP errors.
    pub quoted: u64,
    /// Packets of streams found by pattern.
    pub heuristic_packets: u64,
    /// RTCP on announced ports.
    pub rtcp_packets: u64,
    /// RTCP told by its bytes.
    pub rtcp_by_content: u64,
    /// Of the datagrams shown, redundant blocks counted too.
    types: Box<[u64; 128]>,
    ssrcs: HashSet<u32, RandomState>,
    max_ssrcs: usize,
    pub ssrcs_full: bool,
    pub streams: Vec<Stream>,
    at: HashMap<Key, usize, RandomState>,
    max_streams: usize,
    /// Packets of streams that found no room in the list.
    pub unlisted_packets: u64,
    pub reports: Reports,
    pub announcements_dropped: u64,
}

impl Counts {
    pub fn new(limits: &Limits) -> Self {
        Self {
            packets: 0,
            shown: 0,
            malformed: 0,
            quoted: 0,
            heuristic_packets: 0,
            rtcp_packets: 0,
            rtcp_by_content: 0,
            types: Box::new([0; 128]),
            ssrcs: HashSet::default(),
            max_ssrcs: limits.max_app_keys,
            ssrcs_full: false,
            streams: Vec::new(),
            at: HashMap::default(),
            max_streams: limits.max_rtp_streams,
            unlisted_packets: 0,
            reports: Reports::new(limits.max_rtp_streams),
            announcements_dropped: 0,
        }
    }

    /// A header shown as RTP.
    pub fn header(&mut self, h: &Header) {
        self.payload_type(h.payload_type);
        if self.ssrcs.len() < self.max_ssrcs {
            self.ssrcs.insert(h.ssrc);
        } else {
            self.ssrcs_full |= !self.ssrcs.contains(&h.ssrc);
        }
    }

    pub fn payload_type(&mut self, payload_type: u8) {
        self.types[usize::from(payload_type & 0x7f)] += 1;
    }

    /// (payload type, packets) that occur, by number.
    pub fn types(&self) -> impl Iterator<Item = (usize, u64)> + '_ {
        self.types.iter().copied().enumerate().filter(|t| t.1 > 0)
    }

    pub fn ssrcs(&self) -> usize {
        self.ssrcs.len()
    }

    pub fn knows(&self, key: &Key) -> bool {
        self.at.contains_key(key)
    }

    /// One packet of a stream. `both`: announcements of its destination and its source, asked when the stream is new.
    pub fn arrive(&mut self, a: &Arrival<'_>, key: Key, both: impl FnOnce() -> [Option<Arc<Announcement>>; 2]) {
        let stream = match self.at.get(&key) {
            Some(&i) => self.streams.get_mut(i),
            None if self.streams.len() < self.max_streams => {
                self.at.insert(key, self.streams.len());
                let mut new = Stream::new(key, a.context);
                [new.receiver, new.sender] = both();
                self.streams.push(new);
                self.streams.last_mut()
            }
            None => None,
        };
        match stream {
            Some(stream) => stream.add(a),
            None => self.unlisted_packets += 1,
        }
    }

    /// Adds what was counted of another part of the traffic. A stream cut between both parts stays two.
    pub fn merge(&mut self, o: &Self) {
        self.packets += o.packets;
        self.shown += o.shown;
        self.malformed += o.malformed;
        self.quoted += o.quoted;
        self.heuristic_packets += o.heuristic_packets;
        self.rtcp_packets += o.rtcp_packets;
        self.rtcp_by_content += o.rtcp_by_content;
        self.types.iter_mut().zip(o.types.iter()).for_each(|(a, b)| *a += b);
        self.ssrcs_full |= o.ssrcs_full;
        for &ssrc in &o.ssrcs {
            if self.ssrcs.len() < self.max_ssrcs {
                self.ssrcs.insert(ssrc);
            } else {
                self.ssrcs_full |= !self.ssrcs.contains(&ssrc);
            }
        }
        self.unlisted_packets += o.unlisted_packets;
        for s in &o.streams {
            if self.streams.len() < self.max_streams {
                self.streams.push(s.clone());
            } else {
                self.unlisted_packets += s.timing.packets;
            }
        }
        self.reports.merge(&o.reports);
        self.announcements_dropped += o.announcements_dropped;
    }

    /// About how much memory the tables hold, bytes.
    pub fn memory(&self) -> usize {
        let streams: usize = self.streams.iter().map(|s| size_of::<Stream>() + s.heap()).sum();
        streams + self.reports.sources.len() * 600 + self.ssrcs.len() * 8 + 4096
    }
}
