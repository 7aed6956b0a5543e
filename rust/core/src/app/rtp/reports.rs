//! What participants report of their media: one row for each source of reports, with what it says of others.

use super::rtcp::{self, Block, Item, SenderInfo, VoipMetrics};
use crate::addr::IpAddr;
use crate::app::Context;
use foldhash::fast::RandomState;
use std::collections::HashMap;

/// Streams one source reports about that are kept.
const MAX_ABOUT: usize = 16;
/// Sender reports remembered for round-trip times.
const MAX_SENT: usize = 8;
/// A round trip longer than that is an LSR that means another report.
const MAX_ROUND_TRIP_MS: f64 = 60_000.0;

/// What one source says about the stream of another.
#[derive(Clone, Debug)]
pub struct About {
    pub ssrc: u32,
    pub reports: u64,
    pub last: Block,
    pub last_frame: u64,
    pub max_fraction_lost: u8,
    pub max_jitter: u32,
    jitter_sum: u64,
    pub round_trips: u64,
    round_trip_sum_ms: f64,
    pub min_round_trip_ms: f64,
    pub max_round_trip_ms: f64,
    pub voip: Option<VoipMetrics>,
}

impl About {
    fn new(ssrc: u32) -> Self {
        let last = Block { about: ssrc, fraction_lost: 0, lost: 0, highest: 0, jitter: 0, lsr: 0, dlsr: 0 };
        Self {
            ssrc,
            reports: 0,
            last,
            last_frame: 0,
            max_fraction_lost: 0,
            max_jitter: 0,
            jitter_sum: 0,
            round_trips: 0,
            round_trip_sum_ms: 0.0,
            min_round_trip_ms: 0.0,
            max_round_trip_ms: 0.0,
            voip: None,
        }
    }

    fn add(&mut self, block: Block, frame: u64) {
        self.reports += 1;
        self.max_fraction_lost = self.max_fraction_lost.max(block.fraction_lost);
        self.max_jitter = self.max_jitter.max(block.jitter);
        self.jitter_sum += u64::from(block.jitter);
        (self.last, self.last_frame) = (block, frame);
    }

    fn round_trip(&mut self, ms: f64) {
        self.min_round_trip_ms = if self.round_trips == 0 { ms } else { self.min_round_trip_ms.min(ms) };
        self.max_round_trip_ms = self.max_round_trip_ms.max(ms);
        self.round_trip_sum_ms += ms;
        self.round_trips += 1;
    }

    /// Ticks.
    pub fn mean_jitter(&self) -> f64 {
        if self.reports == 0 { 0.0 } else { self.jitter_sum as f64 / self.reports as f64 }
    }

    pub fn mean_round_trip_ms(&self) -> f64 {
        if self.round_trips == 0 { 0.0 } else { self.round_trip_sum_ms / self.round_trips as f64 }
    }
}

/// One source of reports.
#[derive(Clone, Debug)]
pub struct Source {
    pub src: IpAddr,
    pub src_port: u16,
    pub dst: IpAddr,
    pub dst_port: u16,
    pub ssrc: u32,
    /// On a port that signalling announced for it; else told by its bytes.
    pub announced: bool,
    pub first_frame: u64,
    pub last_frame: u64,
    pub packets: u64,
    pub sender_reports: u64,
    pub receiver_reports: u64,
    pub feedback: u64,
    pub sender: Option<SenderInfo>,
    sent: Vec<(u32, i64)>,
    pub cname: Option<String>,
    pub goodbye: Option<(u64, Option<String>)>,
    pub about: Vec<About>,
    pub about_dropped: u64,
}

type Key = (IpAddr, u16, IpAddr, u16, u32);

/// All sources, bounded: beyond the limit their packets are in the totals only.
#[derive(Clone, Debug)]
pub struct Reports {
    pub sources: Vec<Source>,
    at: HashMap<Key, usize, RandomState>,
    /// Where the sender reports of a source at an address stand, for the round trip of a report about it.
    senders: HashMap<(IpAddr, u32), usize, RandomState>,
    limit: usize,
    pub dropped: u64,
}

impl Reports {
    pub fn new(limit: usize) -> Self {
        Self { sources: Vec::new(), at: HashMap::default(), senders: HashMap::default(), limit, dropped: 0 }
    }

    /// One compound packet.
    pub fn add(&mut self, c: &Context, data: &[u8], encrypted: bool, announced: bool) {
        let mut source = None;
        rtcp::walk(data, encrypted, |item| match item {
            Item::Packet { kind, ssrc } => {
                // Parts without a report (description, goodbye) may name others first; the report's source counts.
                if source.is_none() {
                    source = self.source(c, ssrc, announced);
                    self.dropped += source.is_none() as u64;
                }
                let Some(s) = source.and_then(|i| self.sources.get_mut(i)) else { return };
                match kind {
                    rtcp::SENDER_REPORT => s.sender_reports += 1,
                    rtcp::RECEIVER_REPORT => s.receiver_reports += 1,
                    rtcp::TRANSPORT_FEEDBACK | rtcp::PAYLOAD_FEEDBACK => s.feedback += 1,
                    _ => {}
                }
            }
            Item::Sender(info) => {
                let Some(i) = source else { return };
                let s = &mut self.sources[i];
                s.sender = Some(info);
                if s.sent.len() >= MAX_SENT {
                    s.sent.remove(0);
                }
                s.sent.push((info.lsr(), c.time_ns));
                self.senders.insert((c.src, s.ssrc), i);
            }
            Item::Block(block) => {
                let trip = self.round_trip(c, &block);
                let Some(about) = source.and_then(|i| self.about(i, block.about)) else { return };
                about.add(block, c.frame);
                if let Some(ms) = trip {
                    about.round_trip(ms);
                }
            }
            Item::Voip(metrics) => {
                if let Some(about) = source.and_then(|i| self.about(i, metrics.about)) {
                    about.voip = Some(metrics);
                }
            }
            Item::Name { ssrc, cname } => {
                if let Some(s) = source.and_then(|i| self.sources.get_mut(i)).filter(|s| s.ssrc == ssrc) {
                    s.cname = Some(cname);
                }
            }
            Item::Goodbye { ssrc, reason } => {
                if let Some(s) = source.and_then(|i| self.sources.get_mut(i)).filter(|s| s.ssrc == ssrc) {
                    s.goodbye = Some((c.frame, reason));
                }
            }
        });
        if let Some(s) = source.and_then(|i| self.sources.get_mut(i)) {
            s.packets += 1;
            s.last_frame = c.frame;
        }
    }

    fn source(&mut self, c: &Context, ssrc: u32, announced: bool) -> Option<usize> {
        let key = (c.src, c.src_port, c.dst, c.dst_port, ssrc);
        if let Some(&i) = self.at.get(&key) {
            return Some(i);
        }
        if self.sources.len() >= self.limit {
            return None;
        }
        self.at.insert(key, self.sources.len());
        self.sources.push(Source {
            src: c.src,
            src_port: c.src_port,
            dst: c.dst,
            dst_port: c.dst_port,
            ssrc,
            announced,
            first_frame: c.frame,
            last_frame: c.frame,
            packets: 0,
            sender_reports: 0,
            receiver_reports: 0,
            feedback: 0,
            sender: None,
            sent: Vec::new(),
            cname: None,
            goodbye: None,
            about: Vec::new(),
            about_dropped: 0,
        });
        Some(self.sources.len() - 1)
    }

    fn about(&mut self, source: usize, ssrc: u32) -> Option<&mut About> {
        let s = self.sources.get_mut(source)?;
        let at = match s.about.iter().position(|a| a.ssrc == ssrc) {
            Some(at) => at,
            None if s.about.len() >= MAX_ABOUT => {
                s.about_dropped += 1;
                return None;
            }
            None => {
                s.about.push(About::new(ssrc));
                s.about.len() - 1
            }
        };
        s.about.get_mut(at)
    }

    /// Time from the sender report named by LSR to this one, without the time the reporter held it (DLSR), as seen where
    /// the capture was made: the way from there to the reporter and back.
    fn round_trip(&self, c: &Context, block: &Block) -> Option<f64> {
        if block.lsr == 0 {
            return None;
        }
        let sender = self.sources.get(*self.senders.get(&(c.dst, block.about))?)?;
        let sent = sender.sent.iter().rev().find(|s| s.0 == block.lsr)?;
        let held_ms = f64::from(block.dlsr) * 1e3 / 65_536.0;
        let ms = (c.time_ns - sent.1) as f64 / 1e6 - held_ms;
        (0.0..MAX_ROUND_TRIP_MS).contains(&ms).then_some(ms)
    }

    /// Adds the sources of another part of the traffic behind these.
    pub fn merge(&mut self, other: &Self) {
        self.dropped += other.dropped;
        for s in &other.sources {
            if self.sources.len() < self.limit {
                self.sources.push(s.clone());
            } else {
                self.dropped += s.packets;
            }
        }
    }
}
