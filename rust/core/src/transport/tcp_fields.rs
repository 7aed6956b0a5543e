//! Fields of TCP headers (RFC 9293), their options, and Wireshark's analysis of the stream.

use crate::fields;
use crate::filter::extract::{Around, Extent, Layer};
use crate::filter::registry::Group;
use crate::filter::{FieldId, Sink};
use crate::flow::{Verdict, event};
use crate::net::ipv4_fields::CHECKSUM_STATES;

fields! {
    Group::Tcp, "tcp", None;
    SRCPORT = u16("tcp.srcport", "Source port");
    DSTPORT = u16("tcp.dstport", "Destination port");
    PORT = u16("tcp.port", "Source or destination port");
    STREAM = u32("tcp.stream", "Stream index").stateful();
    LEN = u32("tcp.len", "Segment length");
    SEQ = u32("tcp.seq", "Sequence number, relative").stateful();
    SEQ_RAW = u32("tcp.seq_raw", "Sequence number as sent");
    NXTSEQ = u32("tcp.nxtseq", "Next sequence number, relative").stateful();
    ACK = u32("tcp.ack", "Acknowledgment number, relative").stateful();
    ACK_RAW = u32("tcp.ack_raw", "Acknowledgment number as sent");
    HDR_LEN = u8("tcp.hdr_len", "Header length");
    FLAGS = u16("tcp.flags", "Flags").hex();
    FLAGS_RES = boolean("tcp.flags.res", "Reserved").set();
    FLAGS_AE = boolean("tcp.flags.ae", "Accurate ECN").set();
    FLAGS_CWR = boolean("tcp.flags.cwr", "Congestion window reduced").set();
    FLAGS_ECE = boolean("tcp.flags.ece", "ECN-Echo").set();
    FLAGS_URG = boolean("tcp.flags.urg", "Urgent").set();
    FLAGS_ACK = boolean("tcp.flags.ack", "Acknowledgment").set();
    FLAGS_PUSH = boolean("tcp.flags.push", "Push").set();
    FLAGS_RESET = boolean("tcp.flags.reset", "Reset").set();
    FLAGS_SYN = boolean("tcp.flags.syn", "Syn").set();
    FLAGS_FIN = boolean("tcp.flags.fin", "Fin").set();
    FLAGS_STR = string("tcp.flags.str", "Flags as letters");
    WINDOW_VALUE = u16("tcp.window_size_value", "Window as sent");
    WINDOW = u32("tcp.window_size", "Window, scaled").stateful();
    WINDOW_SCALE = i32("tcp.window_size_scalefactor", "Window scaling factor").stateful();
    CHECKSUM = u16("tcp.checksum", "Checksum").hex();
    CHECKSUM_STATUS = u8("tcp.checksum.status", "Checksum status").table(&CHECKSUM_STATES);
    URGENT_POINTER = u16("tcp.urgent_pointer", "Urgent pointer");
    OPTIONS = bytes("tcp.options", "Options");
    OPTION_KIND = u8("tcp.option_kind", "Option kind").table(&KINDS);
    OPTION_LEN = u8("tcp.option_len", "Option length");
    MSS_VAL = u16("tcp.options.mss_val", "Maximum segment size");
    OPT_MSS = protocol("tcp.options.mss", "Maximum segment size option");
    OPT_WSCALE = protocol("tcp.options.wscale", "Window scale option");
    OPT_SACK_PERM = protocol("tcp.options.sack_perm", "SACK permitted option");
    OPT_SACK = protocol("tcp.options.sack", "SACK option");
    OPT_TIMESTAMP = protocol("tcp.options.timestamp", "Timestamps option");
    OPT_NOP = protocol("tcp.options.nop", "No-operation option");
    OPT_EOL = protocol("tcp.options.eol", "End of option list");
    OPT_MD5 = protocol("tcp.options.md5", "MD5 signature option");
    OPT_TFO = protocol("tcp.options.tfo", "Fast open option");
    WSCALE_SHIFT = u8("tcp.options.wscale.shift", "Window scale shift count");
    WSCALE_MULTIPLIER = u16("tcp.options.wscale.multiplier", "Window scale multiplier");
    SACK_LE = u32("tcp.options.sack_le", "SACK left edge, relative").stateful();
    SACK_RE = u32("tcp.options.sack_re", "SACK right edge, relative").stateful();
    SACK_COUNT = u8("tcp.options.sack.count", "SACK blocks");
    TSVAL = u32("tcp.options.timestamp.tsval", "Timestamp value");
    TSECR = u32("tcp.options.timestamp.tsecr", "Timestamp echo reply");
    MD5_DIGEST = bytes("tcp.options.md5.digest", "MD5 digest");
    ANALYSIS = label("tcp.analysis", "Analysis of the stream").stateful();
    ANALYSIS_FLAGS = label("tcp.analysis.flags", "Some event of the analysis").stateful();
    RETRANSMISSION = label("tcp.analysis.retransmission", "Retransmission").stateful();
    FAST_RETRANSMISSION = label("tcp.analysis.fast_retransmission", "Fast retransmission").stateful();
    SPURIOUS_RETRANSMISSION = label("tcp.analysis.spurious_retransmission", "Spurious retransmission").stateful();
    OUT_OF_ORDER = label("tcp.analysis.out_of_order", "Out of order").stateful();
    DUPLICATE_ACK = label("tcp.analysis.duplicate_ack", "Duplicate ACK").stateful();
    ZERO_WINDOW = label("tcp.analysis.zero_window", "Zero window").stateful();
    ZERO_WINDOW_PROBE = label("tcp.analysis.zero_window_probe", "Zero window probe").stateful();
    ZERO_WINDOW_PROBE_ACK = label("tcp.analysis.zero_window_probe_ack", "ACK of a zero window probe").stateful();
    WINDOW_FULL = label("tcp.analysis.window_full", "The receiver's window is full").stateful();
    WINDOW_UPDATE = label("tcp.analysis.window_update", "Window update").stateful();
    KEEP_ALIVE = label("tcp.analysis.keep_alive", "Keep-alive").stateful();
    KEEP_ALIVE_ACK = label("tcp.analysis.keep_alive_ack", "ACK of a keep-alive").stateful();
    LOST_SEGMENT = label("tcp.analysis.lost_segment", "Segments before this one are not in the capture").stateful();
    ACK_LOST_SEGMENT = label("tcp.analysis.ack_lost_segment", "ACK of a segment that is not in the capture").stateful();
    REUSED_PORTS = label("tcp.analysis.reused_ports", "Ports of an earlier connection used again").stateful();
    ACK_RTT = duration("tcp.analysis.ack_rtt", "Time from the segment to this ACK of it").stateful();
    DUPLICATE_ACK_NUM = u32("tcp.analysis.duplicate_ack_num", "Duplicate ACK number").stateful();
    TIME_RELATIVE = duration("tcp.time_relative", "Time since the first frame of the stream").stateful();
    TIME_DELTA = duration("tcp.time_delta", "Time since the previous frame of the stream").stateful();
    INITIAL_RTT = duration("tcp.analysis.initial_rtt", "Round trip time of the handshake").stateful();
    PAYLOAD = bytes("tcp.payload", "Segment data");
    COMPLETENESS = u8("tcp.completeness", "How complete the conversation is so far: SYN 1, SYN+ACK 2, ACK 4, data 8, FIN 16, RST 32").stateful();
    ACKS_FRAME = frame_number("tcp.analysis.acks_frame", "Frame of the segment that this is the ACK of").stateful();
    DUPLICATE_ACK_FRAME = frame_number("tcp.analysis.duplicate_ack_frame", "Frame of the ACK that this is a duplicate of").stateful();
    BYTES_IN_FLIGHT = u32("tcp.analysis.bytes_in_flight", "Bytes in flight").stateful();
    PUSH_BYTES_SENT = u32("tcp.analysis.push_bytes_sent", "Bytes sent since the last PSH").stateful();
    RTO = duration("tcp.analysis.rto", "Time since the segment that is sent again").stateful();
    RTO_FRAME = frame_number("tcp.analysis.rto_frame", "Frame of the segment that is sent again").stateful();
    REASSEMBLED_IN = frame_number("tcp.reassembled_in", "Frame in which the message is put together").look_ahead();
}

/// What [`Detail`](crate::flow::Detail) holds.
pub(crate) const DETAILS: [FieldId; 7] =
    [COMPLETENESS, ACKS_FRAME, DUPLICATE_ACK_FRAME, BYTES_IN_FLIGHT, PUSH_BYTES_SENT, RTO, RTO_FRAME];

/// By bit of [`event`].
const EVENTS: [FieldId; event::COUNT] = [
    RETRANSMISSION,
    FAST_RETRANSMISSION,
    SPURIOUS_RETRANSMISSION,
    OUT_OF_ORDER,
    DUPLICATE_ACK,
    ZERO_WINDOW,
    ZERO_WINDOW_PROBE,
    ZERO_WINDOW_PROBE_ACK,
    WINDOW_FULL,
    WINDOW_UPDATE,
    KEEP_ALIVE,
    KEEP_ALIVE_ACK,
    LOST_SEGMENT,
    ACK_LOST_SEGMENT,
    REUSED_PORTS,
];

const OPTION_FIELDS: [(u8, FieldId); 9] = [
    (0, OPT_EOL),
    (1, OPT_NOP),
    (2, OPT_MSS),
    (3, OPT_WSCALE),
    (4, OPT_SACK_PERM),
    (5, OPT_SACK),
    (8, OPT_TIMESTAMP),
    (19, OPT_MD5),
    (34, OPT_TFO),
];

static KINDS: [(u64, &str); 11] = [
    (0, "End of Option List"),
    (1, "No-Operation"),
    (2, "Maximum Segment Size"),
    (3, "Window Scale"),
    (4, "SACK Permitted"),
    (5, "SACK"),
    (8, "Time Stamp Option"),
    (19, "MD5 Signature Option"),
    (29, "TCP Authentication Option"),
    (30, "Multipath TCP"),
    (34, "TCP Fast Open"),
];

const FLAG_FIELDS: [(u16, FieldId); 10] = [
    (0xe00, FLAGS_RES),
    (0x100, FLAGS_AE),
    (0x080, FLAGS_CWR),
    (0x040, FLAGS_ECE),
    (0x020, FLAGS_URG),
    (0x010, FLAGS_ACK),
    (0x008, FLAGS_PUSH),
    (0x004, FLAGS_RESET),
    (0x002, FLAGS_SYN),
    (0x001, FLAGS_FIN),
];

pub(crate) fn extract(l: &Layer<'_>, a: &Around<'_>, sink: &mut Sink) -> Extent {
    let all = Extent::new(l.data.len(), l.data.len());
    let (Some(src), Some(dst)) = (l.u16(0), l.u16(2)) else { return all };
    sink.uint(SRCPORT, src as u64, 0, 2);
    sink.uint(DSTPORT, dst as u64, 2, 2);
    sink.uint(PORT, src as u64, 0, 2);
    sink.uint(PORT, dst as u64, 2, 2);
    let Some(seq) = l.u32(4) else { return all };
    let quoted = a.quoted_tcp(&l.header.span);
    if quoted && l.data.len() < 16 {
        // What an error quotes of the header, often just this.
        sink.uint(SEQ, seq as u64, 4, 4);
        return all;
    }
    let (Some(ack), Some(word), Some(window)) = (l.u32(8), l.u16(12), l.u16(14)) else { return all };
    let header = usize::from(word >> 12) * 4;
    let flags = word & 0x0fff;
    let verdict = a.verdict_of(&l.header.span);
    let len = (l.wire as usize).saturating_sub(header);
    if let Some(stream) = verdict.map(|v| v.stream).or(a.quoted.filter(|_| quoted)) {
        sink.uint(STREAM, stream as u64, 0, 0);
    }
    sink.uint(HDR_LEN, header as u64, 12, 1);
    sink.uint(SEQ_RAW, seq as u64, 4, 4);
    sink.uint(ACK_RAW, ack as u64, 8, 4);
    if header < 20 {
        return all;
    }
    let (base, ack_base) = verdict.map_or((0, 0), |v| (v.seq_base, v.ack_base));
    // Of a header in a quote or in a fragment, it is not known how much it carries.
    let known = !quoted && a.segment_len_known;
    if known {
        sink.uint(LEN, len as u64, 12, 1);
    }
    sink.uint(SEQ, seq.wrapping_sub(base) as u64, 4, 4);
    let control = u32::from(flags & 3 != 0);
    if known {
        sink.uint(NXTSEQ, seq.wrapping_add(len as u32).wrapping_add(control).wrapping_sub(base) as u64, 0, 0);
    }
    sink.uint(ACK, if flags & 0x10 != 0 { ack.wrapping_sub(ack_base) } else { ack } as u64, 8, 4);
    sink.uint(FLAGS, flags as u64, 12, 2);
    for (bit, field) in FLAG_FIELDS {
        sink.boolean(field, flags & bit != 0, 12, 2);
    }
    if sink.wants(FLAGS_STR) {
        sink.text(FLAGS_STR, letters(flags).as_bytes(), 12, 2);
    }
    sink.uint(WINDOW_VALUE, window as u64, 14, 2);
    let scale = verdict.map_or(-1, |v| if flags & 2 != 0 { i32::from(v.scale).min(-2) } else { v.scale.into() });
    let shift = if flags & 2 != 0 { 0 } else { scale.clamp(0, 14) };
    sink.uint(WINDOW, (window as u64) << shift, 14, 2);
    if flags & 2 == 0 {
        sink.int(WINDOW_SCALE, if scale >= 0 { 1 << scale } else { scale as i64 }, 14, 2);
    }
    if let Some(v) = l.u16(16) {
        sink.uint(CHECKSUM, v as u64, 16, 2);
        sink.uint(CHECKSUM_STATUS, 2, 16, 2);
    }
    if let Some(v) = l.u16(18) {
        sink.uint(URGENT_POINTER, v as u64, 18, 2);
    }
    let captured = header.min(l.data.len());
    if header > 20 && l.data.len() >= header {
        let span = l.span(20, header - 20);
        sink.span(OPTIONS, span, span.len);
    }
    options(l, captured, ack_base, sink);
    if let Some(v) = verdict {
        analysis(v, sink);
    }
    let span = l.span(header, len);
    if span.len > 0 {
        sink.span(PAYLOAD, span, span.len);
    }
    Extent::new(header + len, l.data.len())
}

/// One letter for each flag, a middle dot for those not set.
fn letters(flags: u16) -> String {
    const LETTERS: [char; 12] = ['R', 'R', 'R', 'A', 'C', 'E', 'U', 'A', 'P', 'R', 'S', 'F'];
    (0..12).map(|i| if flags & (0x800 >> i) != 0 { LETTERS[i] } else { '\u{b7}' }).collect()
}

fn analysis(v: &Verdict, sink: &mut Sink) {
    sink.nanos(TIME_RELATIVE, v.since_first_ns, 0, 0);
    sink.nanos(TIME_DELTA, v.since_last_ns, 0, 0);
    if let Some(bits) = v.detail.completeness {
        sink.uint(COMPLETENESS, bits.into(), 0, 0);
    }
    if v.shown {
        sink.label(ANALYSIS, 0, 0);
        details(v, sink);
    }
    if v.events & event::DUPLICATE_ACK != 0 {
        sink.uint(DUPLICATE_ACK_NUM, v.dup_acks as u64, 0, 0);
    }
    if let Some(rtt) = v.ack_rtt_ns {
        sink.nanos(ACK_RTT, rtt, 0, 0);
    }
    if v.shown && v.irtt_ns != 0 {
        sink.nanos(INITIAL_RTT, v.irtt_ns, 0, 0);
    }
    if v.events != 0 {
        sink.label(ANALYSIS_FLAGS, 0, 0);
        for (bit, field) in EVENTS.into_iter().enumerate() {
            if v.events >> bit & 1 != 0 {
                sink.label(field, 0, 0);
            }
        }
    }
}

fn details(v: &Verdict, sink: &mut Sink) {
    let d = &v.detail;
    for (field, value) in [
        (ACKS_FRAME, d.acks_frame),
        (DUPLICATE_ACK_FRAME, d.duplicate_ack_frame),
        (BYTES_IN_FLIGHT, d.in_flight.into()),
        (PUSH_BYTES_SENT, d.push_bytes.into()),
    ] {
        if value != 0 {
            sink.uint(field, value, 0, 0);
        }
    }
    if let Some((ns, frame)) = d.rto {
        sink.nanos(RTO, ns, 0, 0);
        sink.uint(RTO_FRAME, frame, 0, 0);
    }
}

fn options(l: &Layer<'_>, end: usize, ack_base: u32, sink: &mut Sink) {
    let mut at = 20;
    // Ends: every turn moves on by at least one byte.
    while at < end {
        let Some(kind) = l.u8(at) else { return };
        sink.uint(OPTION_KIND, kind as u64, at, 1);
        let option = |size: usize, sink: &mut Sink| {
            if let Some(field) = OPTION_FIELDS.iter().find(|o| o.0 == kind).map(|o| o.1) {
                let span = l.span(at, size);
                sink.span(field, span, span.len);
            }
        };
        if kind <= 1 {
            option(1, sink);
            // Wireshark reads on behind the end of the list.
            at += 1;
            continue;
        }
        let Some(len) = l.u8(at + 1) else { return };
        let size = len as usize;
        if size < 2 || at + size > end {
            return;
        }
        option(size, sink);
        sink.uint(OPTION_LEN, len as u64, at + 1, 1);
        match (kind, size) {
            (2, 4) => l.u16(at + 2).into_iter().for_each(|v| sink.uint(MSS_VAL, v as u64, at + 2, 2)),
            (3, 3) => {
                if let Some(shift) = l.u8(at + 2) {
                    sink.uint(WSCALE_SHIFT, shift as u64, at + 2, 1);
                    sink.uint(WSCALE_MULTIPLIER, 1 << shift.min(14), at + 2, 1);
                }
            }
            (5, n) if n >= 10 => {
                let mut blocks = 0;
                for block in (at + 2..at + n).step_by(8) {
                    let (Some(left), Some(right)) = (l.u32(block), l.u32(block + 4)) else { break };
                    if block + 8 > at + n {
                        break;
                    }
                    sink.uint(SACK_LE, left.wrapping_sub(ack_base) as u64, block, 4);
                    sink.uint(SACK_RE, right.wrapping_sub(ack_base) as u64, block + 4, 4);
                    blocks += 1;
                }
                sink.uint(SACK_COUNT, blocks, at, n);
            }
            (8, 10) => {
                if let (Some(value), Some(echo)) = (l.u32(at + 2), l.u32(at + 6)) {
                    sink.uint(TSVAL, value as u64, at + 2, 4);
                    sink.uint(TSECR, echo as u64, at + 6, 4);
                }
            }
            (19, 18) => {
                if let Some(digest) = l.data.get(at + 2..at + 18) {
                    sink.bytes(MD5_DIGEST, digest, at + 2);
                }
            }
            _ => {}
        }
        at += size;
    }
}
