//! Fields of the frame itself.

use super::extract::Around;
use super::registry::Group;
use super::select::whole_frame;
use super::sink::Sink;
use crate::fields;
use crate::record::{Record, Timestamp};

fields! {
    Group::Frame, "frame", None;
    FRAME = protocol("frame", "Frame");
    INTERFACE_ID = u32("frame.interface_id", "Interface id");
    ENCAP_TYPE = i16("frame.encap_type", "Encapsulation type").table(&ENCAPSULATIONS);
    TIME = time("frame.time", "Arrival time");
    OFFSET_SHIFT = duration("frame.offset_shift", "Time shift for this packet");
    TIME_EPOCH = duration("frame.time_epoch", "Seconds since 1970");
    TIME_DELTA = duration("frame.time_delta", "Time since the previous frame").stateful();
    TIME_DELTA_DISPLAYED = duration("frame.time_delta_displayed", "Time since the previous frame that passed the filter").stateful();
    TIME_RELATIVE = duration("frame.time_relative", "Time since the first frame").stateful();
    NUMBER = u32("frame.number", "Frame number");
    LEN = u32("frame.len", "Frame length on the wire");
    CAP_LEN = u32("frame.cap_len", "Frame length captured");
    MARKED = boolean("frame.marked", "Frame is marked (never here)");
    IGNORED = boolean("frame.ignored", "Frame is ignored (never here)");
    PROTOCOLS = string("frame.protocols", "Protocols in the frame");
}

/// Wireshark's own numbers of the link types that are common, with its names.
static ENCAPSULATIONS: [(u64, &str); 18] = [
    (1, "Ethernet"),
    (4, "PPP"),
    (7, "Raw IP"),
    (9, "Linux ARCNET"),
    (15, "NULL/Loopback"),
    (20, "IEEE 802.11 Wireless LAN"),
    (23, "IEEE 802.11 plus radiotap radio header"),
    (25, "Linux cooked-mode capture v1"),
    (28, "Cisco HDLC"),
    (26, "Frame Relay"),
    (97, "Per-Packet Information header"),
    (125, "SocketCAN"),
    (127, "IEEE 802.15.4 Wireless PAN with FCS not present"),
    (129, "Raw IPv4"),
    (130, "Raw IPv6"),
    (141, "NFLOG"),
    (158, "Linux Netlink"),
    (210, "Linux cooked-mode capture v2"),
];

/// Wireshark's number of a link type (LINKTYPE_ value), where it is known here.
fn encapsulation(link: u16) -> Option<i64> {
    Some(match link {
        1 => 1,
        9 => 4,
        12 | 14 | 101 => 7,
        0 | 108 => 15,
        105 => 20,
        127 => 23,
        113 => 25,
        104 => 28,
        107 => 26,
        129 => 9,
        192 => 97,
        227 => 125,
        230 => 127,
        239 => 141,
        253 => 158,
        228 => 129,
        229 => 130,
        276 => 210,
        _ => return None,
    })
}

/// Times of frames before the one at hand.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Clock {
    first: Option<Timestamp>,
    before: Option<Timestamp>,
    displayed: Option<Timestamp>,
}

impl Clock {
    /// The frame is over; `passed`: the filter let it through.
    #[inline]
    pub fn after(&mut self, record: &Record<'_>, passed: bool) {
        self.first.get_or_insert(record.time);
        self.before = Some(record.time);
        if passed {
            self.displayed = Some(record.time);
        }
    }
}

/// Seconds and nanoseconds between two times, of the same sign.
fn since(a: Timestamp, b: Option<Timestamp>) -> (i64, i32) {
    let Some(b) = b else { return (0, 0) };
    let (mut secs, mut nanos) = (a.secs.wrapping_sub(b.secs), a.nanos.wrapping_sub(b.nanos));
    if nanos < 0 && secs > 0 {
        secs -= 1;
        nanos = nanos.wrapping_add(1_000_000_000);
    } else if nanos > 0 && secs < 0 {
        secs += 1;
        nanos = nanos.wrapping_sub(1_000_000_000);
    }
    (secs, nanos)
}

/// `ethertype`: whether `ethertype` stands behind that protocol of the path.
pub(crate) fn extract(a: &Around<'_>, ethertype: &dyn Fn(usize) -> bool, sink: &mut Sink) {
    let (record, clock) = (a.record, a.clock);
    let whole = whole_frame(record, a.pseudo);
    let captured = whole.len;
    sink.span(FRAME, whole, captured);
    if let Some(i) = record.interface {
        sink.uint(INTERFACE_ID, i as u64, 0, 0);
    }
    if let Some(e) = encapsulation(record.link.0) {
        sink.int(ENCAP_TYPE, e, 0, 0);
    }
    if record.has_time {
        let t = record.time;
        sink.time(TIME, t.secs, t.nanos, 0, 0);
        sink.time(OFFSET_SHIFT, 0, 0, 0, 0);
        sink.time(TIME_EPOCH, t.secs, t.nanos, 0, 0);
        let (s, n) = since(t, clock.before);
        sink.time(TIME_DELTA, s, n, 0, 0);
        let (s, n) = since(t, clock.displayed);
        sink.time(TIME_DELTA_DISPLAYED, s, n, 0, 0);
        let (s, n) = since(t, clock.first);
        sink.time(TIME_RELATIVE, s, n, 0, 0);
    }
    sink.uint(NUMBER, a.number, 0, 0);
    sink.uint(LEN, record.wire_len.saturating_sub(a.pseudo) as u64, 0, 0);
    sink.uint(CAP_LEN, captured as u64, 0, 0);
    sink.boolean(MARKED, false, 0, 0);
    sink.boolean(IGNORED, false, 0, 0);
    if sink.wants(PROTOCOLS) {
        let mut text = String::new();
        for (i, p) in a.path.iter().enumerate() {
            if !text.is_empty() {
                text.push(':');
            }
            text.push_str(p.name());
            if ethertype(i) {
                text.push_str(":ethertype");
            }
        }
        sink.text(PROTOCOLS, text.as_bytes(), 0, 0);
    }
}
