//! Fields of NTP messages; of control and private messages only what all of them begin with.

use super::unix_ns;
use crate::app::bytes::{be32, be64};
use crate::fields;
use crate::filter::Sink;
use crate::filter::registry::Group;

fields! {
    Group::Ntp, "ntp", Some("ntp");
    FLAGS = u8("ntp.flags", "Flags").hex();
    FLAGS_LI = u8("ntp.flags.li", "Leap indicator").table(&LEAPS);
    FLAGS_VN = u8("ntp.flags.vn", "Version").table(&VERSIONS);
    FLAGS_MODE = u8("ntp.flags.mode", "Mode").table(&MODES);
    STRATUM = u8("ntp.stratum", "Stratum");
    PPOLL = u8("ntp.ppoll", "Polling interval, a power of two, s");
    PRECISION = u8("ntp.precision", "Precision, a power of two, s");
    ROOT_DELAY = u32("ntp.rootdelay", "Root delay, s/65536");
    ROOT_DISPERSION = u32("ntp.rootdispersion", "Root dispersion, s/65536");
    REFID = bytes("ntp.refid", "Reference id");
    REFTIME = time("ntp.reftime", "Reference timestamp");
    ORG = time("ntp.org", "Origin timestamp");
    REC = time("ntp.rec", "Receive timestamp");
    XMT = time("ntp.xmt", "Transmit timestamp");
    RESPONSE_IN = frame_number("ntp.response_in", "Response").look_ahead();
}

const LEAPS: [(u64, &str); 4] = [
    (0, "no warning"),
    (1, "last minute of the day has 61 seconds"),
    (2, "last minute of the day has 59 seconds"),
    (3, "unknown (clock unsynchronized)"),
];
const VERSIONS: [(u64, &str); 6] = [
    (0, "reserved"),
    (1, "NTP Version 1"),
    (2, "NTP Version 2"),
    (3, "NTP Version 3"),
    (4, "NTP Version 4"),
    (5, "reserved"),
];
const MODES: [(u64, &str); 8] = [
    (0, "reserved"),
    (1, "symmetric active"),
    (2, "symmetric passive"),
    (3, "client"),
    (4, "server"),
    (5, "broadcast"),
    (6, "reserved for NTP control message"),
    (7, "reserved for private use"),
];

const NS: i64 = 1_000_000_000;

/// RFC 5905 7.3.
pub(super) fn put(m: &[u8], sink: &mut Sink) {
    let Some(&first) = m.first() else { return };
    let mode = first & 7;
    sink.uint(FLAGS, first.into(), 0, 1);
    // In a private message the first two bits are others.
    if mode != 7 {
        sink.uint(FLAGS_LI, (first >> 6).into(), 0, 1);
    }
    sink.uint(FLAGS_VN, (first >> 3 & 7).into(), 0, 1);
    sink.uint(FLAGS_MODE, mode.into(), 0, 1);
    if mode >= 6 {
        return;
    }
    for (field, at) in [(STRATUM, 1), (PPOLL, 2), (PRECISION, 3)] {
        if let Some(&value) = m.get(at) {
            sink.uint(field, value.into(), at, 1);
        }
    }
    for (field, at) in [(ROOT_DELAY, 4), (ROOT_DISPERSION, 8)] {
        if let Some(value) = be32(m, at) {
            sink.uint(field, value.into(), at, 4);
        }
    }
    if let Some(id) = m.get(12..16) {
        sink.bytes(REFID, id, 12);
    }
    for (field, at) in [(REFTIME, 16), (ORG, 24), (REC, 32), (XMT, 40)] {
        if let Some(stamp) = be64(m, at) {
            let ns = unix_ns(stamp).unwrap_or(0);
            sink.time(field, ns / NS, (ns % NS) as i32, at, 8);
        }
    }
}
