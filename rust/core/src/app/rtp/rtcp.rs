//! RTCP packets (RFC 3550 section 6): the parts of a compound packet, and what stands in them.

use crate::app::bytes::be32;
use crate::app::message::text;

/// Packet types Wireshark shows as RTCP on a port that was announced for it.
pub const TYPES: std::ops::RangeInclusive<u8> = 192..=210;
/// Types a datagram may start with on any port, for Wireshark's heuristic: SR, RR, BYE, APP, payload feedback.
const HEURISTIC: [u8; 5] = [200, 201, 203, 204, 206];

pub const SENDER_REPORT: u8 = 200;
pub const RECEIVER_REPORT: u8 = 201;
const DESCRIPTION: u8 = 202;
const GOODBYE: u8 = 203;
pub const TRANSPORT_FEEDBACK: u8 = 205;
pub const PAYLOAD_FEEDBACK: u8 = 206;
const EXTENDED: u8 = 207;
/// Report block type of voice metrics in an extended report (RFC 3611 section 4.7).
const VOIP_METRICS: u8 = 7;
/// Packets of one compound packet that are looked at.
const MAX_PARTS: usize = 32;

/// Shown as RTCP where it was announced: version 2 and a type of RTCP.
pub fn is_rtcp(data: &[u8]) -> bool {
    matches!(data, [first, kind, _, _, ..] if first >> 6 == 2 && TYPES.contains(kind))
}

/// Shown as RTCP on any port that no other protocol claims.
pub fn looks_like_rtcp(data: &[u8], wire_len: usize) -> bool {
    matches!(data, [first, kind, ..] if first >> 6 == 2 && HEURISTIC.contains(kind)) && wire_len.is_multiple_of(4)
}

/// The parts fill the datagram exactly, each with a type of RTCP.
pub fn is_consistent(data: &[u8]) -> bool {
    let (mut at, mut parts) = (0, 0);
    while at < data.len() {
        let Some(&[first, kind, hi, lo]) = data.get(at..at + 4) else { return false };
        if first >> 6 != 2 || !TYPES.contains(&kind) || parts >= MAX_PARTS {
            return false;
        }
        at += 4 + 4 * usize::from(u16::from_be_bytes([hi, lo]));
        parts += 1;
    }
    at == data.len() && parts > 0
}

/// Sender information (6.4.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SenderInfo {
    /// Wallclock, NTP format.
    pub ntp: u64,
    pub rtp_timestamp: u32,
    pub packets: u32,
    pub octets: u32,
}

impl SenderInfo {
    /// The middle 32 bits, which reports about it give back as LSR.
    pub fn lsr(&self) -> u32 {
        (self.ntp >> 16) as u32
    }
}

/// A report block (6.4.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Block {
    pub about: u32,
    /// Lost since the report before, in 256ths.
    pub fraction_lost: u8,
    /// Lost in all; negative with duplicates.
    pub lost: i32,
    pub highest: u32,
    /// Ticks of the stream's clock.
    pub jitter: u32,
    pub lsr: u32,
    /// 65536ths of a second.
    pub dlsr: u32,
}

/// Voice metrics as the reporter measured them (RFC 3611 section 4.7); 127 means unavailable and becomes None.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VoipMetrics {
    pub about: u32,
    pub loss: u8,
    pub discard: u8,
    pub round_trip_ms: u16,
    pub end_system_ms: u16,
    pub r_factor: Option<u8>,
    /// Times ten.
    pub mos_lq: Option<u8>,
    pub mos_cq: Option<u8>,
}

/// One thing a compound packet says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Item {
    /// The start of a packet: its type and the source it names first.
    Packet {
        kind: u8,
        ssrc: u32,
    },
    Sender(SenderInfo),
    Block(Block),
    Name {
        ssrc: u32,
        cname: String,
    },
    Goodbye {
        ssrc: u32,
        reason: Option<String>,
    },
    Voip(VoipMetrics),
}

/// Walks a compound packet and hands out what it says. Stops at what is cut or contradicts itself. `encrypted`: behind
/// the first source nothing can be read (SRTCP, RFC 3711 section 3.4).
pub fn walk(data: &[u8], encrypted: bool, mut each: impl FnMut(Item)) {
    let mut rest = data;
    for _ in 0..MAX_PARTS {
        let Some(&[first, kind, hi, lo]) = rest.get(..4) else { return };
        if first >> 6 != 2 || !TYPES.contains(&kind) {
            return;
        }
        let len = 4 + 4 * usize::from(u16::from_be_bytes([hi, lo]));
        let whole = rest.get(..len);
        let part = whole.unwrap_or(rest);
        let Some(ssrc) = be32(part, 4) else {
            // A goodbye or description of nobody has no source; nor has anything else in it.
            let Some(next) = rest.get(len..).filter(|_| whole.is_some()) else { return };
            rest = next;
            continue;
        };
        each(Item::Packet { kind, ssrc });
        if encrypted {
            return;
        }
        let count = usize::from(first & 0x1f);
        match kind {
            SENDER_REPORT => {
                if let Some(info) = sender(part) {
                    each(Item::Sender(info));
                }
                blocks(part, 28, count, &mut each);
            }
            RECEIVER_REPORT => blocks(part, 8, count, &mut each),
            DESCRIPTION => description(part, count, &mut each),
            GOODBYE => goodbye(part, count, &mut each),
            EXTENDED => extended(part, &mut each),
            _ => {}
        }
        let Some(next) = rest.get(len..).filter(|_| whole.is_some()) else { return };
        rest = next;
    }
}

fn sender(part: &[u8]) -> Option<SenderInfo> {
    let ntp = u64::from(be32(part, 8)?) << 32 | u64::from(be32(part, 12)?);
    Some(SenderInfo { ntp, rtp_timestamp: be32(part, 16)?, packets: be32(part, 20)?, octets: be32(part, 24)? })
}

fn blocks(part: &[u8], start: usize, count: usize, each: &mut impl FnMut(Item)) {
    for b in part.get(start..).unwrap_or_default().chunks_exact(24).take(count) {
        let word = |i: usize| be32(b, 4 * i).unwrap_or(0);
        each(Item::Block(Block {
            about: word(0),
            fraction_lost: (word(1) >> 24) as u8,
            // 24 bits with a sign.
            lost: (word(1) << 8) as i32 >> 8,
            highest: word(2),
            jitter: word(3),
            lsr: word(4),
            dlsr: word(5),
        }));
    }
}

/// Chunks of a source and its items (6.5); only the canonical name is handed out.
fn description(part: &[u8], count: usize, each: &mut impl FnMut(Item)) {
    let mut at = 4;
    for _ in 0..count {
        let Some(ssrc) = be32(part, at) else { return };
        at += 4;
        loop {
            let Some(&kind) = part.get(at) else { return };
            if kind == 0 {
                // The list of items ends, the chunk goes on to the next word.
                at = (at / 4 + 1) * 4;
                break;
            }
            let Some(&len) = part.get(at + 1) else { return };
            let Some(value) = part.get(at + 2..at + 2 + usize::from(len)) else { return };
            if kind == 1 {
                each(Item::Name { ssrc, cname: text(value, 255) });
            }
            at += 2 + usize::from(len);
        }
    }
}

fn goodbye(part: &[u8], count: usize, each: &mut impl FnMut(Item)) {
    let after = 4 + 4 * count;
    let reason = part.get(after).and_then(|&len| part.get(after + 1..after + 1 + usize::from(len)));
    let reason = reason.filter(|r| !r.is_empty()).map(|r| text(r, 255));
    for i in 0..count {
        let Some(ssrc) = be32(part, 4 + 4 * i) else { return };
        each(Item::Goodbye { ssrc, reason: reason.clone() });
    }
}

fn extended(part: &[u8], each: &mut impl FnMut(Item)) {
    let mut at = 8;
    while let Some(&[kind, _, hi, lo]) = part.get(at..at + 4) {
        let len = 4 + 4 * usize::from(u16::from_be_bytes([hi, lo]));
        if kind == VOIP_METRICS
            && let Some(b) = part.get(at..at + 36)
        {
            let known = |v: u8| (v != 127).then_some(v);
            each(Item::Voip(VoipMetrics {
                about: be32(b, 4).unwrap_or(0),
                loss: b[8],
                discard: b[9],
                round_trip_ms: u16::from_be_bytes([b[16], b[17]]),
                end_system_ms: u16::from_be_bytes([b[18], b[19]]),
                r_factor: known(b[24]),
                mos_lq: known(b[26]),
                mos_cq: known(b[27]),
            }));
        }
        at += len;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn items(data: &[u8]) -> Vec<Item> {
        let mut out = Vec::new();
        walk(data, false, |i| out.push(i));
        out
    }

    /// A sender report with one block, a description and a goodbye, as RFC 3550 lays them out.
    fn compound() -> Vec<u8> {
        let mut p = vec![0x81, 200, 0, 12, 0, 0, 0, 1];
        for word in [0x1122_3344_u32, 0x5566_7788, 160, 7, 1120, 2, 0x40ff_fffe, 65_540, 33, 0x3344_5566, 0x1_8000] {
            p.extend(word.to_be_bytes());
        }
        p.extend([0x81, 202, 0, 3, 0, 0, 0, 1, 1, 3, b'a', b'@', b'b', 0, 0, 0]);
        p.extend([0x81, 203, 0, 3, 0, 0, 0, 1, 4, b'd', b'o', b'n', b'e', 0, 0, 0]);
        p
    }

    #[test]
    fn everything_in_a_compound_packet() {
        let found = items(&compound());
        assert_eq!(found[0], Item::Packet { kind: 200, ssrc: 1 });
        let Item::Sender(info) = &found[1] else { panic!() };
        assert_eq!((info.lsr(), info.packets, info.octets, info.rtp_timestamp), (0x3344_5566, 7, 1120, 160));
        let Item::Block(b) = &found[2] else { panic!() };
        assert_eq!((b.about, b.fraction_lost, b.lost, b.highest), (2, 0x40, -2, 65_540));
        assert_eq!((b.jitter, b.lsr, b.dlsr), (33, 0x3344_5566, 0x1_8000));
        assert_eq!(found[4], Item::Name { ssrc: 1, cname: "a@b".into() });
        assert_eq!(found[6], Item::Goodbye { ssrc: 1, reason: Some("done".into()) });
        assert!(is_consistent(&compound()));
    }

    #[test]
    fn nothing_behind_the_source_of_an_encrypted_one() {
        let mut n = 0;
        walk(&compound(), true, |_| n += 1);
        assert_eq!(n, 1);
    }

    #[test]
    fn voice_metrics() {
        let mut p = vec![0x80, 207, 0, 10, 0, 0, 0, 1, 7, 0, 0, 8, 0, 0, 0, 2];
        p.extend([5, 3, 0, 0, 0, 0, 0, 0, 0, 40, 0, 80, 0, 0, 0, 0, 88, 127, 41, 40, 0, 0, 0, 0, 0, 0, 0, 0]);
        let Some(Item::Voip(v)) = items(&p).pop() else { panic!() };
        assert_eq!((v.about, v.loss, v.discard, v.round_trip_ms, v.end_system_ms), (2, 5, 3, 40, 80));
        assert_eq!((v.r_factor, v.mos_lq, v.mos_cq), (Some(88), Some(41), Some(40)));
    }

    #[test]
    fn what_is_shown_as_rtcp() {
        assert!(is_rtcp(&[0x80, 192, 0, 1]) && is_rtcp(&[0xbf, 210, 0, 0]));
        assert!(!is_rtcp(&[0x80, 211, 0, 1]) && !is_rtcp(&[0x80, 191, 0, 1]) && !is_rtcp(&[0x40, 200, 0, 1]));
        assert!(!is_rtcp(&[0x80, 200, 0]));
        assert!(looks_like_rtcp(&[0x80, 206], 40) && !looks_like_rtcp(&[0x80, 202], 40));
        assert!(!looks_like_rtcp(&[0x80, 200], 42));
    }

    #[test]
    fn every_cut_and_every_flipped_byte_survives() {
        let whole = compound();
        for end in 0..whole.len() {
            items(&whole[..end]);
            for flip in [0x01, 0x80, 0xff] {
                let mut p = whole.clone();
                p[end] ^= flip;
                items(&p);
                is_consistent(&p);
            }
        }
        items(&[0x80, 203, 0, 0, 0x80, 203, 0, 0]);
    }
}
