//! One RTP stream: packets of one source (SSRC) from one address and port to another.

use super::header::{Event, Header, Payload};
use super::payload_types::{self, COMFORT_NOISE, FIRST_DYNAMIC};
use super::sequence::{Place, Sequence};
use super::timing::{Packet, Timing};
use crate::addr::IpAddr;
use crate::app::Context;
use crate::app::media::{Announcement, MediaTransport};
use std::sync::Arc;

/// Payload types of a stream that are counted apart.
const MAX_TYPES: usize = 16;
/// Telephone events of a stream that are listed; all are counted.
const MAX_EVENTS: usize = 64;

/// What tells streams apart. Those that no announcement covers are apart from those that one does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Key {
    pub src: IpAddr,
    pub src_port: u16,
    pub dst: IpAddr,
    pub dst_port: u16,
    pub ssrc: u32,
    /// Signalling announced it, and Wireshark shows it by default.
    pub announced: bool,
}

impl Key {
    pub fn new(c: &Context, ssrc: u32, announced: bool) -> Self {
        Self { src: c.src, src_port: c.src_port, dst: c.dst, dst_port: c.dst_port, ssrc, announced }
    }
}

/// Packets of one payload type.
#[derive(Clone, Debug)]
pub struct TypeCount {
    pub payload_type: u8,
    pub packets: u64,
    /// Encoding name by announcement; None for static types and where nothing was announced.
    pub name: Option<String>,
}

/// A key pressed, or another telephone event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pressed {
    pub code: u8,
    pub frame: u64,
    pub timestamp: u32,
    /// Longest duration said, in ticks of `clock`.
    pub duration: u16,
    pub clock: u32,
    pub volume: u8,
    /// A packet with the end bit came.
    pub ended: bool,
}

/// All that is known of one stream.
#[derive(Clone, Debug)]
pub struct Stream {
    pub key: Key,
    pub first_frame: u64,
    pub last_frame: u64,
    pub first_time_ns: i64,
    pub last_time_ns: i64,
    /// Bytes of the UDP payloads on the wire, and of the RTP payloads in them.
    pub bytes: u64,
    pub payload_bytes: u64,
    pub timing: Timing,
    pub sequence: Sequence,
    /// Longest time without a packet, and the frame that ended it.
    pub longest_pause_ns: i64,
    pub longest_pause_frame: u64,
    pub markers: u64,
    pub noise_packets: u64,
    /// Time passed over by timestamps while no number is missing: silence that was not sent.
    pub silence_ms: f64,
    pub types: Vec<TypeCount>,
    pub other_types: u64,
    pub events: Vec<Pressed>,
    pub event_count: u64,
    /// Ticks between packets: the least step between neighbours.
    pub step: u32,
    last_timestamp: u32,
    /// Announcements of the receiver's address and of the sender's.
    pub receiver: Option<Arc<Announcement>>,
    pub sender: Option<Arc<Announcement>>,
    /// Behind the first damage of the file, in part.
    pub recovered: bool,
}

/// One packet with what is needed of its surroundings.
pub struct Arrival<'a> {
    pub context: &'a Context,
    pub header: Header,
    pub payload: Payload,
    pub data: &'a [u8],
    pub wire_len: u32,
    /// The announcement in force for the packet.
    pub by: Option<&'a Announcement>,
}

impl Stream {
    pub fn new(key: Key, c: &Context) -> Self {
        Self {
            key,
            first_frame: c.frame,
            last_frame: c.frame,
            first_time_ns: c.time_ns,
            last_time_ns: c.time_ns,
            bytes: 0,
            payload_bytes: 0,
            timing: Timing::default(),
            sequence: Sequence::default(),
            longest_pause_ns: 0,
            longest_pause_frame: 0,
            markers: 0,
            noise_packets: 0,
            silence_ms: 0.0,
            types: Vec::new(),
            other_types: 0,
            events: Vec::new(),
            event_count: 0,
            step: 0,
            last_timestamp: 0,
            receiver: None,
            sender: None,
            recovered: false,
        }
    }

    pub fn add(&mut self, a: &Arrival<'_>) {
        let (c, h) = (a.context, &a.header);
        let format = format(a.by, h.payload_type);
        let is_event = is_event(a.by, h.payload_type);
        let clock = match format {
            _ if is_event => 0,
            _ if h.payload_type < FIRST_DYNAMIC => payload_types::static_clock(h.payload_type),
            Some((name, 0)) => payload_types::named_clock(name),
            Some((_, clock)) => clock,
            None => 0,
        };
        self.timing.add(&Packet {
            frame: c.frame,
            time_ns: c.time_ns,
            marker: h.marker,
            payload_type: h.payload_type,
            sequence: h.sequence,
            timestamp: h.timestamp,
            clock,
        });
        let place = self.sequence.add(h.sequence, c.frame);
        let noise = COMFORT_NOISE.contains(&h.payload_type) || format.is_some_and(|f| f.0.eq_ignore_ascii_case("CN"));
        if !is_event {
            self.silence(h.timestamp, place, clock);
        }
        if c.time_ns - self.last_time_ns > self.longest_pause_ns {
            (self.longest_pause_ns, self.longest_pause_frame) = (c.time_ns - self.last_time_ns, c.frame);
        }
        (self.last_frame, self.last_time_ns) = (c.frame, c.time_ns);
        self.bytes += u64::from(a.wire_len);
        self.payload_bytes += a.payload.len as u64;
        self.markers += h.marker as u64;
        self.noise_packets += noise as u64;
        self.recovered |= c.recovered;
        self.count_type(h.payload_type, format.map(|f| f.0));
        if is_event && place != Place::Duplicate && !encrypted(a.by) {
            self.event(a, event_clock(a.by, h.payload_type));
        }
    }

    /// Timestamps that go on further than a packet lasts, from one packet to its neighbour, are silence.
    fn silence(&mut self, timestamp: u32, place: Place, clock: u32) {
        let step = timestamp.wrapping_sub(self.last_timestamp);
        if place == Place::Next && step > 0 && step < 1 << 31 {
            if self.step == 0 || step < self.step {
                self.step = step;
            } else if step > self.step && clock > 0 {
                self.silence_ms += f64::from(step - self.step) * 1e3 / f64::from(clock);
            }
        }
        self.last_timestamp = timestamp;
    }

    fn count_type(&mut self, payload_type: u8, name: Option<&str>) {
        let known = self.types.iter_mut().find(|t| t.payload_type == payload_type);
        let Some(one) = known else {
            if self.types.len() >= MAX_TYPES {
                self.other_types += 1;
            } else {
                self.types.push(TypeCount { payload_type, packets: 1, name: name.map(Into::into) });
            }
            return;
        };
        one.packets += 1;
        if one.name.is_none()
            && let Some(name) = name
        {
            one.name = Some(name.into());
        }
    }

    /// RFC 4733: all packets of an event have its timestamp; the duration grows, the end is repeated.
    fn event(&mut self, a: &Arrival<'_>, clock: u32) {
        let payload = a.data.get(a.payload.start..).unwrap_or_default();
        let Some(e) = Event::read(payload) else { return };
        let timestamp = a.header.timestamp;
        let known = self.events.iter_mut().rev().take(4).find(|p| p.timestamp == timestamp && p.code == e.code);
        if let Some(p) = known {
            p.duration = p.duration.max(e.duration);
            p.ended |= e.end;
            return;
        }
        self.event_count += 1;
        if self.events.len() < MAX_EVENTS {
            self.events.push(Pressed {
                code: e.code,
                frame: a.context.frame,
                timestamp,
                duration: e.duration,
                clock,
                volume: e.volume,
                ended: e.end,
            });
        }
    }

    /// Announced as encrypted: payloads cannot be read.
    pub fn encrypted(&self) -> bool {
        encrypted(self.receiver.as_deref()) || encrypted(self.sender.as_deref())
    }

    /// Memory beyond its own size, bytes.
    pub fn heap(&self) -> usize {
        self.types.capacity() * size_of::<TypeCount>() + self.events.capacity() * size_of::<Pressed>()
    }
}

pub fn encrypted(by: Option<&Announcement>) -> bool {
    by.is_some_and(|a| a.transport == MediaTransport::Srtp)
}

/// Name and rate that an announcement gives a payload type. Of static types only the name counts nowhere: Wireshark and
/// RFC 3551 fix them.
fn format(by: Option<&Announcement>, payload_type: u8) -> Option<(&str, u32)> {
    if payload_type < FIRST_DYNAMIC {
        return None;
    }
    // A payload type of the `m=` line without a name is none.
    let format = by?.formats.iter().rev().find(|f| f.payload_type == payload_type && !f.codec.is_empty())?;
    Some((&format.codec, format.clock_rate))
}

/// Announced as `telephone-event`, or type 101 where nothing is announced, as almost everybody uses it.
pub fn is_event(by: Option<&Announcement>, payload_type: u8) -> bool {
    const NAME: &str = "telephone-event";
    match by {
        None => payload_type == 101,
        Some(_) => format(by, payload_type)
            .and_then(|f| f.0.get(..NAME.len()))
            .is_some_and(|name| name.eq_ignore_ascii_case(NAME)),
    }
}

/// Whether an announcement gives a payload type a name.
pub fn is_named(by: Option<&Announcement>, payload_type: u8) -> bool {
    format(by, payload_type).is_some()
}

fn event_clock(by: Option<&Announcement>, payload_type: u8) -> u32 {
    format(by, payload_type).map(|f| f.1).filter(|&c| c > 0).unwrap_or(8_000)
}

/// Whether a payload type holds redundant audio (RFC 2198).
pub fn is_redundant(by: Option<&Announcement>, payload_type: u8) -> bool {
    format(by, payload_type).is_some_and(|f| f.0.eq_ignore_ascii_case("red"))
}
