//! Fields of RTCP packets (RFC 3550 6, RFC 3611, RFC 4585, RFC 5104), in the order in which Wireshark shows them.

use super::fields::VERSIONS;
use super::rtcp::TYPES;
use crate::app::media::Announcement;
use crate::fields;
use crate::filter::registry::Group;
use crate::filter::{FieldId, Sink};

fields! {
    Group::Rtcp, "rtcp", Some("rtp");
    SETUP = string("rtcp.setup", "Set up by signalling").stateful();
    SETUP_FRAME = frame_number("rtcp.setup-frame", "Frame that announced it").stateful();
    SETUP_METHOD = string("rtcp.setup-method", "What announced it").stateful();
    VERSION = u8("rtcp.version", "Version").table(&VERSIONS);
    PADDING = boolean("rtcp.padding", "Padding");
    RC = u8("rtcp.rc", "Number of report blocks");
    SC = u8("rtcp.sc", "Number of sources");
    PT = u8("rtcp.pt", "Packet type").table(&PACKETS);
    LENGTH = u16("rtcp.length", "Length in words less one");
    SENDER = u32("rtcp.senderssrc", "Sender's SSRC").hex();
    MEDIA = u32("rtcp.mediassrc", "SSRC of the media source").hex();
    NTP_MSW = u32("rtcp.timestamp.ntp.msw", "NTP timestamp: seconds");
    NTP_LSW = u32("rtcp.timestamp.ntp.lsw", "NTP timestamp: fraction");
    NTP = time("rtcp.timestamp.ntp", "NTP timestamp");
    RTP_TIMESTAMP = u32("rtcp.timestamp.rtp", "RTP timestamp");
    SENDER_PACKETS = u32("rtcp.sender.packetcount", "Packets sent");
    SENDER_OCTETS = u32("rtcp.sender.octetcount", "Bytes sent");
    IDENTIFIER = u32("rtcp.ssrc.identifier", "Source").hex();
    FRACTION = u8("rtcp.ssrc.fraction", "Fraction lost, 256ths");
    CUM_NR = i24("rtcp.ssrc.cum_nr", "Packets lost");
    EXT_HIGH = u32("rtcp.ssrc.ext_high", "Highest sequence number, extended");
    HIGH_CYCLES = u16("rtcp.ssrc.high_cycles", "Sequence number cycles");
    HIGH_SEQ = u16("rtcp.ssrc.high_seq", "Highest sequence number");
    JITTER = u32("rtcp.ssrc.jitter", "Jitter, ticks");
    LSR = u32("rtcp.ssrc.lsr", "Last sender report");
    DLSR = u32("rtcp.ssrc.dlsr", "Delay since the last sender report, 65536ths of a second");
    DISCARDED = u8("rtcp.ssrc.discarded", "Fraction discarded, 256ths");
    SDES_TYPE = u8("rtcp.sdes.type", "Description: item").table(&ITEMS);
    SDES_LENGTH = u32("rtcp.sdes.length", "Description: length");
    SDES_TEXT = string("rtcp.sdes.text", "Description: text");
    SDES_PREFIX_LENGTH = u8("rtcp.sdes.prefix.length", "Description: length of the prefix");
    SDES_PREFIX = string("rtcp.sdes.prefix.string", "Description: prefix");
    APP_SUBTYPE = u8("rtcp.app.subtype", "Application: subtype");
    APP_NAME = string("rtcp.app.name", "Application: name");
    RTPFB_FMT = u8("rtcp.rtpfb.fmt", "Transport feedback: kind").table(&TRANSPORT);
    NACK_PID = u16("rtcp.rtpfb.nack_pid", "Transport feedback: packet lost");
    NACK_BLP = u16("rtcp.rtpfb.nack_blp", "Transport feedback: packets lost behind it").hex();
    PSFB_FMT = u8("rtcp.psfb.fmt", "Payload feedback: kind").table(&PAYLOAD);
    FIR_SSRC = u32("rtcp.psfb.fir.fci.ssrc", "Full intra request: source").hex();
    FIR_CSN = u8("rtcp.psfb.fir.fci.csn", "Full intra request: number");
    REMB = string("rtcp.psfb.remb.identifier", "Receiver's bit rate: identifier");
    REMB_COUNT = u8("rtcp.psfb.remb.fci.number_ssrcs", "Receiver's bit rate: number of sources");
    REMB_EXP = u8("rtcp.psfb.remb.fci.br_exp", "Receiver's bit rate: exponent");
    REMB_MANTISSA = u32("rtcp.psfb.remb.fci.br_mantissa", "Receiver's bit rate: mantissa");
    REMB_SSRC = u32("rtcp.psfb.remb.fci.ssrc", "Receiver's bit rate: source").hex();
    NACK_FSN = u16("rtcp.nack.fsn", "First sequence number lost (H.261)");
    NACK_MASK = u16("rtcp.nack.blp", "Packets lost behind it (H.261)");
    XR_BT = u8("rtcp.xr.bt", "Extended report: block").table(&BLOCKS);
    XR_BL = u16("rtcp.xr.bl", "Extended report: length of a block");
    XR_BURST_DENSITY = u8("rtcp.xr.voipmetrics.burstdensity", "Voice: density of bursts");
    XR_GAP_DENSITY = u8("rtcp.xr.voipmetrics.gapdensity", "Voice: density of gaps");
    XR_BURST_DURATION = u16("rtcp.xr.voipmetrics.burstduration", "Voice: duration of bursts, ms");
    XR_GAP_DURATION = u16("rtcp.xr.voipmetrics.gapduration", "Voice: duration of gaps, ms");
    XR_RTDELAY = u16("rtcp.xr.voipmetrics.rtdelay", "Voice: round trip, ms");
    XR_ESDELAY = u16("rtcp.xr.voipmetrics.esdelay", "Voice: delay of the end system, ms");
    XR_SIGNAL = i8("rtcp.xr.voipmetrics.signallevel", "Voice: signal level");
    XR_NOISE = i8("rtcp.xr.voipmetrics.noiselevel", "Voice: noise level");
    XR_RERL = u8("rtcp.xr.voipmetrics.rerl", "Voice: residual echo return loss");
    XR_GMIN = u8("rtcp.xr.voipmetrics.gmin", "Voice: least gap");
    XR_RFACTOR = u8("rtcp.xr.voipmetrics.rfactor", "Voice: R factor");
    XR_EXT_RFACTOR = u8("rtcp.xr.voipmetrics.extrfactor", "Voice: external R factor");
    XR_MOSLQ = float("rtcp.xr.voipmetrics.moslq", "Voice: mean opinion score, listening");
    XR_MOSCQ = float("rtcp.xr.voipmetrics.moscq", "Voice: mean opinion score, conversation");
}

/// As Wireshark names them, as in all tables here.
static PACKETS: [(u64, &str); 15] = [
    (200, "Sender Report"),
    (201, "Receiver Report"),
    (202, "Source description"),
    (203, "Goodbye"),
    (204, "Application specific"),
    (205, "Generic RTP Feedback"),
    (206, "Payload-specific Feedback"),
    (207, "Extended report (RFC 3611)"),
    (208, "AVB RTCP packet (IEEE1733)"),
    (209, "Receiver Summary Information"),
    (210, "Port Mapping"),
    (192, "Full Intra-frame Request (H.261)"),
    (193, "Negative Acknowledgement (H.261)"),
    (194, "SMPTE time-code mapping"),
    (195, "Extended inter-arrival jitter report"),
];
static ITEMS: [(u64, &str); 11] = [
    (0, "END"),
    (1, "CNAME (user and domain)"),
    (2, "NAME (common name)"),
    (3, "EMAIL (e-mail address)"),
    (4, "PHONE (phone number)"),
    (5, "LOC (geographic location)"),
    (6, "TOOL (name/version of source app)"),
    (7, "NOTE (note about source)"),
    (8, "PRIV (private extensions)"),
    (9, "H323-CADDR (H.323 callable address)"),
    (10, "Application Specific Identifier"),
];
static TRANSPORT: [(u64, &str); 5] = [
    (1, "Generic negative acknowledgement (NACK)"),
    (3, "Temporary Maximum Media Stream Bit Rate Request (TMMBR)"),
    (4, "Temporary Maximum Media Stream Bit Rate Notification (TMMBN)"),
    (15, "Transport-wide Congestion Control (Transport-cc)"),
    (31, "Reserved for future extensions"),
];
static PAYLOAD: [(u64, &str); 9] = [
    (1, "Picture Loss Indication"),
    (2, "Slice Loss Indication"),
    (3, "Reference Picture Selection Indication"),
    (4, "Full Intra Request (FIR) Command"),
    (5, "Temporal-Spatial Trade-off Request (TSTR)"),
    (6, "Temporal-Spatial Trade-off Notification (TSTN)"),
    (7, "Video Back Channel Message (VBCM)"),
    (15, "Application Layer Feedback"),
    (31, "Reserved for future extensions"),
];
static BLOCKS: [(u64, &str); 12] = [
    (1, "Loss Run Length Encoding Report Block"),
    (2, "Duplicate Run Length Encoding Report Block"),
    (3, "Packet Receipt Times Report Block"),
    (4, "Receiver Reference Time Report Block"),
    (5, "DLRR Report Block"),
    (6, "Statistics Summary Report Block"),
    (7, "VoIP Metrics Report Block"),
    (8, "BT XNQ RTCP XR (RFC5093) Report Block"),
    (9, "Texas Instruments Extended VoIP Quality Block"),
    (10, "Post-repair Loss RLE Report Block"),
    (11, "Multicast Acquisition Report Block"),
    (12, "Inter-destination Media Synchronization Block"),
];

/// Packets of one compound packet that are shown.
const MAX_PARTS: usize = 32;
/// From 1900, where NTP counts from, to 1970, s.
const TO_1970: i64 = 2_208_988_800;

/// One packet of a compound one.
struct Part<'a> {
    d: &'a [u8],
    at: usize,
}

impl Part<'_> {
    fn number(&self, field: FieldId, from: usize, len: usize, sink: &mut Sink) -> Option<u64> {
        let v = self.d.get(from..from + len)?.iter().fold(0u64, |v, b| v << 8 | u64::from(*b));
        sink.uint(field, v, self.at + from, len);
        Some(v)
    }
    fn word(&self, from: usize) -> Option<u32> {
        self.d.get(from..from + 4)?.first_chunk().map(|b| u32::from_be_bytes(*b))
    }
}

/// Puts the fields of a compound packet. `encrypted`: behind the first source nothing can be read.
pub(super) fn put(data: &[u8], by: Option<&Announcement>, encrypted: bool, sink: &mut Sink) {
    let mut at = 0;
    for _ in 0..MAX_PARTS {
        let Some(&[first, kind, hi, lo]) = data.get(at..at + 4) else { return };
        if first >> 6 != 2 || !TYPES.contains(&kind) {
            return;
        }
        let end = at + 4 + 4 * usize::from(u16::from_be_bytes([hi, lo]));
        let p = Part { d: data.get(at..end.min(data.len())).unwrap_or_default(), at };
        if let Some(a) = by {
            sink.text(SETUP, &[], 0, 0);
            sink.uint(SETUP_FRAME, a.said_in, 0, 0);
            sink.text(SETUP_METHOD, a.method.as_bytes(), 0, 0);
        }
        let count = u64::from(first & 31);
        sink.uint(VERSION, 2, at, 1);
        sink.boolean(PADDING, first & 0x20 != 0, at, 1);
        let of_count = match kind {
            192..=195 | 200 | 201 => Some(RC),
            202 | 203 => Some(SC),
            204 | 208 => Some(APP_SUBTYPE),
            205 => Some(RTPFB_FMT),
            206 => Some(PSFB_FMT),
            _ => None,
        };
        of_count.into_iter().for_each(|f| sink.uint(f, count, at, 1));
        sink.uint(PT, kind.into(), at + 1, 1);
        p.number(LENGTH, 2, 2, sink);
        if encrypted {
            p.number(SENDER, 4, 4, sink);
            return;
        }
        if part(&p, kind, count as usize, sink).is_none() || end > data.len() {
            return;
        }
        at = end;
    }
}

/// None: it ends too early.
fn part(p: &Part<'_>, kind: u8, count: usize, sink: &mut Sink) -> Option<()> {
    match kind {
        200 => {
            p.number(SENDER, 4, 4, sink)?;
            let secs = p.number(NTP_MSW, 8, 4, sink)?;
            let fraction = p.number(NTP_LSW, 12, 4, sink)?;
            sink.time(NTP, secs as i64 - TO_1970, ((fraction * 1_000_000_000) >> 32) as i32, p.at + 8, 8);
            p.number(RTP_TIMESTAMP, 16, 4, sink)?;
            p.number(SENDER_PACKETS, 20, 4, sink)?;
            p.number(SENDER_OCTETS, 24, 4, sink)?;
            blocks(p, 28, count, sink)
        }
        201 => {
            p.number(SENDER, 4, 4, sink)?;
            blocks(p, 8, count, sink)
        }
        202 => description(p, count, sink),
        203 => {
            for i in 0..count {
                p.number(IDENTIFIER, 4 + 4 * i, 4, sink)?;
            }
            let at = 4 + 4 * count;
            if at < p.d.len() {
                let len = p.number(SDES_LENGTH, at, 1, sink)? as usize;
                sink.utf8(SDES_TEXT, p.d.get(at + 1..at + 1 + len)?, p.at + at + 1);
            }
            Some(())
        }
        204 => {
            p.number(IDENTIFIER, 4, 4, sink)?;
            sink.ascii(APP_NAME, p.d.get(8..12)?, p.at + 8);
            Some(())
        }
        205 | 206 => feedback(p, kind, count, sink),
        207 => {
            p.number(SENDER, 4, 4, sink)?;
            extended(p, sink)
        }
        192 | 208 => p.number(IDENTIFIER, 4, 4, sink).map(|_| ()),
        209 => {
            p.number(IDENTIFIER, 4, 4, sink)?;
            p.number(IDENTIFIER, 8, 4, sink).map(|_| ())
        }
        193 => {
            p.number(IDENTIFIER, 4, 4, sink)?;
            p.number(NACK_FSN, 8, 2, sink)?;
            p.number(NACK_MASK, 10, 2, sink).map(|_| ())
        }
        _ => Some(()),
    }
}

fn blocks(p: &Part<'_>, from: usize, count: usize, sink: &mut Sink) -> Option<()> {
    for i in 0..count {
        let at = from + 24 * i;
        // Shown as a whole or not at all.
        p.d.get(at..at + 24)?;
        p.number(IDENTIFIER, at, 4, sink)?;
        p.number(FRACTION, at + 4, 1, sink)?;
        sink.int(CUM_NR, i64::from((p.word(at + 4)? << 8) as i32 >> 8), p.at + at + 5, 3);
        p.number(EXT_HIGH, at + 8, 4, sink)?;
        p.number(HIGH_CYCLES, at + 8, 2, sink)?;
        p.number(HIGH_SEQ, at + 10, 2, sink)?;
        p.number(JITTER, at + 12, 4, sink)?;
        p.number(LSR, at + 16, 4, sink)?;
        p.number(DLSR, at + 20, 4, sink)?;
    }
    Some(())
}

fn description(p: &Part<'_>, count: usize, sink: &mut Sink) -> Option<()> {
    const PRIVATE: u8 = 8;
    let mut at = 4;
    for _ in 0..count {
        p.number(IDENTIFIER, at, 4, sink)?;
        at += 4;
        // Ends: every turn moves on by at least a byte, or ends.
        loop {
            let kind = *p.d.get(at)?;
            sink.uint(SDES_TYPE, kind.into(), p.at + at, 1);
            if kind == 0 {
                // The list of items ends, the chunk goes on to the next word.
                at = (at / 4 + 1) * 4;
                break;
            }
            let len = p.number(SDES_LENGTH, at + 1, 1, sink)? as usize;
            let (mut from, end) = (at + 2, at + 2 + len);
            if len > 0 && kind == PRIVATE {
                let prefix = p.number(SDES_PREFIX_LENGTH, from, 1, sink)? as usize;
                if prefix + 1 > len {
                    return None;
                }
                sink.utf8(SDES_PREFIX, p.d.get(from + 1..from + 1 + prefix)?, p.at + from + 1);
                from += 1 + prefix;
            }
            if len > 0 {
                sink.utf8(SDES_TEXT, p.d.get(from..end)?, p.at + from);
            }
            at = end;
        }
    }
    Some(())
}

/// RFC 4585 6, RFC 5104 4.3.1, and the receiver's estimate of the bit rate.
fn feedback(p: &Part<'_>, kind: u8, format: usize, sink: &mut Sink) -> Option<()> {
    p.number(SENDER, 4, 4, sink)?;
    p.number(MEDIA, 8, 4, sink)?;
    let mut at = 12;
    match (kind, format) {
        (205, 1) => {
            // Ends: every turn moves on by four bytes.
            while at < p.d.len() {
                let first = p.number(NACK_PID, at, 2, sink)?;
                let mask = p.number(NACK_BLP, at + 2, 2, sink)?;
                for bit in (0..16).filter(|bit| mask >> bit & 1 != 0) {
                    sink.uint(NACK_PID, (first + bit + 1) & 0xffff, p.at + at + 2, 2);
                }
                at += 4;
            }
        }
        (206, 4) => {
            // Ends: every turn moves on by eight bytes.
            while at < p.d.len() {
                p.number(FIR_SSRC, at, 4, sink)?;
                p.number(FIR_CSN, at + 4, 1, sink)?;
                at += 8;
            }
        }
        (206, 15) if p.d.get(at..at + 4) == Some(b"REMB") => {
            sink.text(REMB, b"REMB", p.at + at, 4);
            let count = p.number(REMB_COUNT, at + 4, 1, sink)?;
            let rate = p.word(at + 4)?;
            sink.uint(REMB_EXP, u64::from(rate >> 18 & 63), p.at + at + 5, 1);
            sink.uint(REMB_MANTISSA, u64::from(rate & 0x3_ffff), p.at + at + 5, 3);
            for i in 0..count as usize {
                p.number(REMB_SSRC, at + 8 + 4 * i, 4, sink)?;
            }
        }
        _ => {}
    }
    Some(())
}

/// RFC 3611 3 and 4.
fn extended(p: &Part<'_>, sink: &mut Sink) -> Option<()> {
    let mut at = 8;
    // Ends: every turn moves on by at least four bytes.
    while at < p.d.len() {
        let kind = p.number(XR_BT, at, 1, sink)?;
        let words = p.number(XR_BL, at + 2, 2, sink)? as usize;
        let end = at + 4 + 4 * words;
        p.d.get(at..end)?;
        match kind {
            1..=3 | 6 if words > 0 => _ = p.number(IDENTIFIER, at + 4, 4, sink)?,
            5 => {
                for i in 0..words / 3 {
                    p.number(IDENTIFIER, at + 4 + 12 * i, 4, sink)?;
                }
            }
            7 if words == 8 => voice(p, at + 4, sink)?,
            _ => {}
        }
        at = end;
    }
    Some(())
}

fn voice(p: &Part<'_>, at: usize, sink: &mut Sink) -> Option<()> {
    p.number(IDENTIFIER, at, 4, sink)?;
    for (i, field) in [FRACTION, DISCARDED, XR_BURST_DENSITY, XR_GAP_DENSITY].into_iter().enumerate() {
        p.number(field, at + 4 + i, 1, sink)?;
    }
    for (i, field) in [XR_BURST_DURATION, XR_GAP_DURATION, XR_RTDELAY, XR_ESDELAY].into_iter().enumerate() {
        p.number(field, at + 8 + 2 * i, 2, sink)?;
    }
    for (i, field) in [XR_SIGNAL, XR_NOISE].into_iter().enumerate() {
        sink.int(field, i64::from(*p.d.get(at + 16 + i)? as i8), p.at + at + 16 + i, 1);
    }
    for (i, field) in [XR_RERL, XR_GMIN, XR_RFACTOR, XR_EXT_RFACTOR].into_iter().enumerate() {
        p.number(field, at + 18 + i, 1, sink)?;
    }
    for (i, field) in [XR_MOSLQ, XR_MOSCQ].into_iter().enumerate() {
        let tenths = *p.d.get(at + 22 + i)?;
        // In single precision, as the field is.
        sink.float(field, f64::from(f32::from(tenths) / 10.0), p.at + at + 22 + i, 1);
    }
    Some(())
}
