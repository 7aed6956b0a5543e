//! The RTP header (RFC 3550 section 5.1) and what stands in front of the payload.

use crate::app::message::Value;

/// Header extensions in the form of RFC 8285: Wireshark reads on when one of these is cut.
const ONE_BYTE: u16 = 0xbede;
const TWO_BYTE: u16 = 0x1000;

/// Fields of the first twelve bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Header {
    pub marker: bool,
    pub payload_type: u8,
    pub sequence: u16,
    pub timestamp: u32,
    pub ssrc: u32,
    flags: u8,
}

/// Where the payload lies in the captured bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Payload {
    pub start: usize,
    /// Bytes on the wire, padding left out.
    pub len: usize,
}

impl Header {
    pub const BYTES: usize = 12;

    /// None: fewer bytes than the fixed header has, or another version.
    #[inline]
    pub fn read(data: &[u8]) -> Option<Self> {
        let h: &[u8; Self::BYTES] = data.get(..Self::BYTES)?.try_into().ok()?;
        (h[0] >> 6 == 2).then_some(Self {
            marker: h[1] & 0x80 != 0,
            payload_type: h[1] & 0x7f,
            sequence: u16::from_be_bytes([h[2], h[3]]),
            timestamp: u32::from_be_bytes([h[4], h[5], h[6], h[7]]),
            ssrc: u32::from_be_bytes([h[8], h[9], h[10], h[11]]),
            flags: h[0],
        })
    }

    /// The payload behind contributing sources and header extension. None: the packet contradicts itself or is cut
    /// where Wireshark gives up on it, so that it counts for no stream. `wire_len`: of the whole packet.
    #[inline]
    pub fn payload(&self, data: &[u8], wire_len: usize) -> Option<Payload> {
        if self.flags & 0x3f == 0 {
            return Some(Payload { start: Self::BYTES, len: wire_len.saturating_sub(Self::BYTES) });
        }
        let mut at = Self::BYTES + 4 * usize::from(self.flags & 0x0f);
        if at > data.len() {
            return None;
        }
        if self.flags & 0x10 != 0 {
            let head: [u8; 4] = data.get(at..at + 4)?.try_into().ok()?;
            let profile = u16::from_be_bytes([head[0], head[1]]);
            at += 4 + 4 * usize::from(u16::from_be_bytes([head[2], head[3]]));
            if at > data.len() && profile != ONE_BYTE && profile & 0xfff0 != TWO_BYTE {
                return None;
            }
        }
        let rest = wire_len.saturating_sub(at);
        if self.flags & 0x20 == 0 {
            return Some(Payload { start: at, len: rest });
        }
        // The last byte says how many bytes of padding there are, itself included.
        let padding = usize::from(*data.last()?);
        if data.len() < wire_len || padding == 0 || rest == 0 {
            return None;
        }
        Some(Payload { start: at, len: rest.saturating_sub(padding) })
    }
}

/// Payload types in the headers of redundant audio (RFC 2198 section 3): each redundant block's and the primary one's.
pub fn redundant_types(payload: &[u8], mut each: impl FnMut(u8)) {
    let mut at = 0;
    while let Some(&b) = payload.get(at) {
        each(b & 0x7f);
        if b & 0x80 == 0 {
            return;
        }
        at += 4;
    }
}

/// An event of a `telephone-event` payload (RFC 4733 section 2.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Event {
    pub code: u8,
    pub end: bool,
    /// Power below 1 mW, -dBm0.
    pub volume: u8,
    /// Ticks of the timestamp clock since its start.
    pub duration: u16,
}

impl Event {
    pub fn read(payload: &[u8]) -> Option<Self> {
        let p: [u8; 4] = payload.get(..4)?.try_into().ok()?;
        let duration = u16::from_be_bytes([p[2], p[3]]);
        Some(Self { code: p[0], end: p[1] & 0x80 != 0, volume: p[1] & 0x3f, duration })
    }

    /// The key pressed, or the number of another event.
    pub fn name(code: u8) -> Value {
        const KEYS: [&str; 17] =
            ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9", "*", "#", "A", "B", "C", "D", "flash"];
        KEYS.get(usize::from(code)).map_or_else(|| Value::Text(code.to_string()), |&k| Value::Name(k))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packet(first: u8, rest: &[u8]) -> Vec<u8> {
        let mut p = vec![first, 0, 0, 7, 0, 0, 0, 8, 0, 0, 0, 9];
        p.extend(rest);
        p
    }

    fn payload(p: &[u8]) -> Option<(usize, usize)> {
        Header::read(p)?.payload(p, p.len()).map(|p| (p.start, p.len))
    }

    #[test]
    fn fields_of_the_fixed_header() {
        let h = Header::read(&[0x80, 0x88, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10]).unwrap();
        assert_eq!((h.marker, h.payload_type, h.sequence), (true, 8, 0x0102));
        assert_eq!((h.timestamp, h.ssrc), (0x0304_0506, 0x0708_090a));
        assert_eq!(Header::read(&packet(0x40, &[])), None);
        assert_eq!(Header::read(&packet(0x80, &[])[..11]), None);
    }

    /// As tshark 4.0.17 counts such packets for a stream or does not.
    #[test]
    fn where_the_payload_is_and_what_is_none() {
        assert_eq!(payload(&packet(0x80, &[0; 20])), Some((12, 20)));
        assert_eq!(payload(&packet(0x82, &[0; 28])), Some((20, 20)));
        assert_eq!(payload(&packet(0x8f, &[0; 20])), None);
        assert_eq!(payload(&packet(0x90, &[0xbe, 0xde, 0, 1, 0, 0, 0, 0, 5])), Some((20, 1)));
        assert_eq!(payload(&packet(0x90, &[0xbe, 0xde, 0, 100, 0, 0, 0, 0])), Some((416, 0)));
        assert_eq!(payload(&packet(0x90, &[0x10, 0, 0, 100, 0, 0, 0, 0])), Some((416, 0)));
        assert_eq!(payload(&packet(0x90, &[1, 1, 0, 100, 0, 0, 0, 0])), None);
        assert_eq!(payload(&packet(0x90, &[0, 0])), None);
        assert_eq!(payload(&packet(0xa0, &[1, 2, 3, 4, 0, 0, 0, 4])), Some((12, 4)));
        assert_eq!(payload(&packet(0xa0, &[1, 2, 3, 200])), Some((12, 0)));
        assert_eq!(payload(&packet(0xa0, &[])), None);
        assert_eq!(payload(&packet(0xa0, &[1, 2, 3, 0])), None);
    }

    #[test]
    fn a_cut_packet_has_no_padding_to_look_at() {
        let p = packet(0xa0, &[1, 2, 3, 1]);
        assert_eq!(Header::read(&p).unwrap().payload(&p, 20), None);
        let p = packet(0x80, &[]);
        assert_eq!(Header::read(&p).unwrap().payload(&p, 172), Some(Payload { start: 12, len: 160 }));
    }

    #[test]
    fn blocks_of_redundant_audio() {
        let mut seen = Vec::new();
        redundant_types(&[0x80 | 97, 0, 0, 2, 96, 1, 2], |t| seen.push(t));
        assert_eq!(seen, [97, 96]);
        redundant_types(&[0x80], |_| ());
    }

    #[test]
    fn telephone_events() {
        // RFC 4733 section 2.5.1.5: digit 9, first packet of the example and its last.
        let first = Event::read(&[9, 7, 0x01, 0x90]).unwrap();
        assert_eq!((first.code, first.end, first.volume, first.duration), (9, false, 7, 400));
        assert!(Event::read(&[9, 0x87, 0x06, 0x40]).unwrap().end);
        assert_eq!(Event::name(11), Value::Name("#"));
        assert_eq!(Event::name(40), Value::Text("40".into()));
        assert_eq!(Event::read(&[1, 2, 3]), None);
    }
}
