//! RTP and RTCP (RFC 3550), counted here because there are so many packets of them.
//!
//! As in Wireshark by default, RTP is what comes to or from an address and port that signalling announced; these streams
//! are the first figures. Streams that nobody announced are found by their pattern and kept apart. RTCP is told by its
//! bytes on any port, which Wireshark does too.

mod announced;
pub(crate) mod fields;
mod header;
mod pattern;
mod payload_types;
mod report;
mod reports;
mod rtcp;
pub(crate) mod rtcp_fields;
mod sequence;
mod stream;
mod table;
mod timing;

use super::media::MediaBook;
use super::{App, Context, Output, Report};
use crate::filter::registry::{Group, of_proto};
use crate::layers::Proto;
use crate::limits::Limits;
use announced::{Announced, Expected};
use header::Header;
use pattern::{Candidates, Waiting};
use std::sync::Arc;
use stream::{Arrival, Key};
use table::Counts;

/// RTP of a pass.
pub struct Rtp {
    book: MediaBook,
    announced: Announced,
    candidates: Candidates,
    counts: Counts,
    /// Of the datagram at hand, by its UDP header.
    wire_len: u32,
}

impl Rtp {
    pub fn new(limits: &Limits, book: MediaBook) -> Self {
        Self {
            book,
            announced: Announced::new(limits.max_media_announcements),
            candidates: Candidates::default(),
            counts: Counts::new(limits),
            wire_len: 0,
        }
    }

    /// A datagram where media are expected. False: Wireshark would let other protocols look at it.
    fn media(&mut self, c: &Context, data: &[u8], quoted: bool, out: &mut Output) -> bool {
        let Some(&first) = data.first() else { return true };
        if first >> 6 != 2 {
            // ZRTP (RFC 6189) has a cookie behind its first word; it is shown as a part of RTP.
            let zrtp = first >> 6 == 0 && data.get(4..8) == Some(b"ZRTP");
            if zrtp {
                out.found(Proto::Rtp);
                out.layer(of_proto(Proto::Rtp), data);
            }
            return zrtp;
        }
        let conflict = data.get(1).is_some_and(|b| b & 0x80 != 0 && payload_types::RTCP_CONFLICT.contains(&(b & 0x7f)));
        if conflict {
            if rtcp::is_rtcp(data) {
                out.found(Proto::Rtp);
                self.rtcp(c, data, true, quoted, out);
            }
            return true;
        }
        out.found(Proto::Rtp);
        let by = self.announced.expects(c).map(|e| e.1.clone());
        out.layer(of_proto(Proto::Rtp), data);
        if let Some(sink) = out.fields(Group::Rtp) {
            fields::put(data, self.wire_len as usize, by.as_deref(), sink);
        }
        self.counts.shown += 1;
        self.counts.quoted += quoted as u64;
        let Some(header) = Header::read(data) else {
            self.counts.malformed += 1;
            return true;
        };
        self.counts.header(&header);
        let Some(payload) = header.payload(data, self.wire_len as usize) else {
            self.counts.malformed += 1;
            return true;
        };
        if stream::is_redundant(by.as_deref(), header.payload_type) && !stream::encrypted(by.as_deref()) {
            let blocks = data.get(payload.start..).unwrap_or_default();
            header::redundant_types(blocks, |t| self.counts.payload_type(t));
        }
        // What an ICMP error quotes was counted when it was sent, if it was captured.
        if !quoted {
            let a = Arrival { context: c, header, payload, data, wire_len: self.wire_len, by: by.as_deref() };
            self.counts.packets += 1;
            self.counts.arrive(&a, Key::new(c, header.ssrc, true), || self.announced.both(c));
        }
        true
    }

    fn rtcp(&mut self, c: &Context, data: &[u8], announced: bool, quoted: bool, out: &mut Output) {
        out.found(Proto::Rtcp);
        out.layer(of_proto(Proto::Rtcp), data);
        if let Some(sink) = out.fields(Group::Rtcp) {
            let by = self.announced.expects(c).map(|e| e.1.as_ref()).filter(|_| announced);
            let encrypted = self.announced.both(c).iter().any(|a| stream::encrypted(a.as_deref()));
            rtcp_fields::put(data, by, encrypted, sink);
        }
        if quoted {
            return;
        }
        if announced {
            self.counts.rtcp_packets += 1;
        } else {
            self.counts.rtcp_by_content += 1;
            // Many bytes that are no RTCP look like it: only what fits altogether makes a row.
            if data.len() == self.wire_len as usize && !rtcp::is_consistent(data) {
                return;
            }
        }
        let encrypted = self.announced.both(c).iter().any(|a| stream::encrypted(a.as_deref()));
        self.counts.reports.add(c, data, encrypted, announced);
    }

    /// A packet that fits a pattern of RTP: part of a stream known by its pattern, or of one to be.
    fn unannounced(&mut self, c: &Context, data: &[u8]) -> bool {
        let Some(header) = Header::read(data) else { return false };
        if !pattern::believable(&header, c) {
            return false;
        }
        let Some(payload) = header.payload(data, self.wire_len as usize) else { return false };
        let key = Key::new(c, header.ssrc, false);
        let both = self.announced.both(c);
        let by = both.iter().flatten().next().map(Arc::as_ref);
        if self.counts.knows(&key) {
            let a = Arrival { context: c, header, payload, data, wire_len: self.wire_len, by };
            self.counts.heuristic_packets += 1;
            self.counts.arrive(&a, key, || both.clone());
            return true;
        }
        let one = Waiting { context: *c, header, wire_len: self.wire_len, payload };
        let Some(all) = self.candidates.add(one) else { return false };
        for w in &all {
            let a = Arrival {
                context: &w.context,
                header: w.header,
                payload: w.payload,
                data: &[],
                wire_len: w.wire_len,
                by,
            };
            self.counts.heuristic_packets += 1;
            self.counts.arrive(&a, key, || both.clone());
        }
        true
    }
}

impl App for Rtp {
    fn protocols(&self) -> &[Proto] {
        &[Proto::Rtp, Proto::Rtcp]
    }
    fn name(&self) -> &'static str {
        "rtp"
    }

    fn wants_udp_first(&self) -> bool {
        true
    }

    fn udp_first(&mut self, c: &Context, data: &[u8], wire_len: u32, quoted: bool, out: &mut Output) -> bool {
        self.wire_len = wire_len;
        for one in self.book.take() {
            self.announced.add(one);
        }
        if !quoted && announced::is_stun(data, wire_len as usize) {
            let claims = self.announced.expects(c).is_some_and(|e| e.0 == Expected::Other);
            if !claims {
                self.announced.stun(c);
            }
            return claims;
        }
        if self.announced.is_empty() || data.is_empty() {
            return false;
        }
        if !out.counts() {
            return self.announced.expects(c).is_some_and(|e| e.0 != Expected::Reports || data[0] >> 6 == 2);
        }
        match self.announced.expects(c).map(|e| e.0) {
            Some(Expected::Media) => self.media(c, data, quoted, out),
            Some(Expected::Reports) if data[0] >> 6 == 2 => {
                // Another type than RTCP's: shown as nothing at all.
                if rtcp::is_rtcp(data) {
                    self.rtcp(c, data, true, quoted, out);
                }
                true
            }
            Some(Expected::Other) => true,
            Some(Expected::Reports) | None => false,
        }
    }

    fn quoted(&self, c: &Context, data: &[u8]) -> Option<Proto> {
        let rtcp = c.transport == Proto::Udp && rtcp::looks_like_rtcp(data, self.wire_len as usize);
        rtcp.then_some(Proto::Rtcp)
    }

    fn quoted_fields(&self, _: &Context, data: &[u8], out: &mut Output) {
        out.layer(of_proto(Proto::Rtcp), data);
        if let Some(sink) = out.fields(Group::Rtcp) {
            rtcp_fields::put(data, None, false, sink);
        }
    }

    fn wants_unclaimed_udp(&self) -> bool {
        true
    }

    /// STUN between two ends decides who gets what follows.
    fn learns_from_datagrams(&self) -> bool {
        true
    }

    fn unclaimed_udp(&mut self, c: &Context, data: &[u8], out: &mut Output) -> bool {
        // Cheapest first: most datagrams of other protocols end here.
        if data.first().is_none_or(|b| b >> 6 != 2) || !out.counts() {
            return false;
        }
        if rtcp::looks_like_rtcp(data, self.wire_len as usize) {
            self.rtcp(c, data, false, false, out);
            return true;
        }
        self.unannounced(c, data)
    }

    fn report(&self) -> Option<Arc<dyn Report>> {
        let mut counts = self.counts.clone();
        counts.announcements_dropped = self.announced.dropped + self.book.dropped();
        Some(Arc::new(counts))
    }
}

#[cfg(test)]
mod tests;

#[cfg(test)]
mod fields_tests;
