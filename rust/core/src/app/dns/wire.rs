//! The DNS message format (RFC 1035 4): header, names, the walk over the sections.

use crate::app::bytes::{be16, be32};

/// Fixed header, 12 bytes (RFC 1035 4.1.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    pub id: u16,
    pub flags: u16,
    /// Entries the sections claim to have: questions, answers, authority, additional.
    pub counts: [u16; 4],
}

impl Header {
    pub fn read(m: &[u8]) -> Option<Self> {
        let h = m.get(..12)?;
        let at = |i: usize| u16::from_be_bytes([h[i], h[i + 1]]);
        Some(Self { id: at(0), flags: at(2), counts: [at(4), at(6), at(8), at(10)] })
    }
    pub fn is_response(&self) -> bool {
        self.flags & 0x8000 != 0
    }
    pub fn opcode(&self) -> u8 {
        (self.flags >> 11 & 15) as u8
    }
    pub fn authoritative(&self) -> bool {
        self.flags & 0x0400 != 0
    }
    pub fn truncated(&self) -> bool {
        self.flags & 0x0200 != 0
    }
    pub fn recursion_desired(&self) -> bool {
        self.flags & 0x0100 != 0
    }
    pub fn recursion_available(&self) -> bool {
        self.flags & 0x0080 != 0
    }
    /// AD and CD (RFC 4035 3.2).
    pub fn authentic_data(&self) -> bool {
        self.flags & 0x0020 != 0
    }
    pub fn checking_disabled(&self) -> bool {
        self.flags & 0x0010 != 0
    }
    pub fn rcode(&self) -> u16 {
        self.flags & 15
    }
}

/// Longest name in wire form (RFC 1035 2.3.4).
const MAX_NAME: usize = 255;

/// Offset behind the name at `at`, without following pointers.
pub fn skip_name(m: &[u8], mut at: usize) -> Option<usize> {
    // Ends: every turn moves on by at least one byte.
    loop {
        match *m.get(at)? {
            0 => return Some(at + 1),
            n if n < 0x40 => at += 1 + n as usize,
            n if n >= 0xc0 => return (at + 2 <= m.len()).then_some(at + 2),
            _ => return None,
        }
    }
}

/// Appends the name at `at` to `out`, dotted, `<Root>` for the root as Wireshark prints it. Returns the offset behind
/// it. Bytes that are not printable ASCII, and dots and backslashes inside a label, are escaped (RFC 4343 2.1).
pub fn read_name(m: &[u8], at: usize, out: &mut String) -> Option<usize> {
    let (start, mut here, mut behind, mut wire) = (out.len(), at, None, 0);
    // Ends: a pointer must lead backwards (RFC 1035 4.1.4: a prior occurrence), and labels are bounded by MAX_NAME.
    loop {
        let n = *m.get(here)? as usize;
        match n {
            0 => break,
            1..=0x3f => {
                wire += 1 + n;
                if wire > MAX_NAME {
                    return None;
                }
                if out.len() > start {
                    out.push('.');
                }
                push_label(m.get(here + 1..here + 1 + n)?, out);
                here += 1 + n;
            }
            0xc0.. => {
                let to = (n & 0x3f) << 8 | *m.get(here + 1)? as usize;
                behind.get_or_insert(here + 2);
                if to >= here {
                    return None;
                }
                here = to;
            }
            _ => return None,
        }
    }
    if out.len() == start {
        out.push_str("<Root>");
    }
    Some(behind.unwrap_or(here + 1))
}

/// The name at `at` as Wireshark has it for filters: labels as their bytes are, with dots between them; `<Root>` for the
/// root. Replaces what is in `out`; the offset behind the name.
pub fn raw_name(m: &[u8], at: usize, out: &mut Vec<u8>) -> Option<usize> {
    out.clear();
    let (mut here, mut behind) = (at, None);
    // Ends as in `read_name`.
    loop {
        let n = *m.get(here)? as usize;
        match n {
            0 => break,
            1..=0x3f => {
                if out.len() + n > MAX_NAME {
                    return None;
                }
                if !out.is_empty() {
                    out.push(b'.');
                }
                out.extend_from_slice(m.get(here + 1..here + 1 + n)?);
                here += 1 + n;
            }
            0xc0.. => {
                let to = (n & 0x3f) << 8 | *m.get(here + 1)? as usize;
                behind.get_or_insert(here + 2);
                if to >= here {
                    return None;
                }
                here = to;
            }
            _ => return None,
        }
    }
    if out.is_empty() {
        out.extend_from_slice(b"<Root>");
    }
    Some(behind.unwrap_or(here + 1))
}

fn push_label(label: &[u8], out: &mut String) {
    use std::fmt::Write;
    for &b in label {
        match b {
            b'.' | b'\\' => {
                out.push('\\');
                out.push(b as char);
            }
            0x21..=0x7e | b' ' => out.push(b as char),
            _ => {
                let _ = write!(out, "\\{b:03}");
            }
        }
    }
}

/// One record, its data still in the message.
#[derive(Clone, Copy, Debug)]
pub struct Record {
    /// 1 answer, 2 authority, 3 additional.
    pub section: u8,
    pub name_at: usize,
    pub rtype: u16,
    pub class: u16,
    pub ttl: u32,
    pub data_at: usize,
    pub data_len: usize,
}

/// One question.
#[derive(Clone, Copy, Debug)]
pub struct Question {
    pub name_at: usize,
    pub qtype: u16,
    pub class: u16,
}

/// A question or a record.
#[derive(Clone, Copy, Debug)]
pub enum Entry {
    Question(Question),
    Record(Record),
}

/// Walks the sections. False: a section ends early or a name is broken; what stands before has been seen.
pub fn walk(m: &[u8], header: &Header, mut entry: impl FnMut(Entry)) -> bool {
    let mut at = 12;
    for _ in 0..header.counts[0] {
        let Some(end) = skip_name(m, at) else { return false };
        let (Some(qtype), Some(class)) = (be16(m, end), be16(m, end + 2)) else { return false };
        entry(Entry::Question(Question { name_at: at, qtype, class }));
        at = end + 4;
    }
    for section in 1..=3u8 {
        for _ in 0..header.counts[section as usize] {
            let Some(end) = skip_name(m, at) else { return false };
            let (Some(rtype), Some(class), Some(ttl), Some(len)) =
                (be16(m, end), be16(m, end + 2), be32(m, end + 4), be16(m, end + 8))
            else {
                return false;
            };
            let (data_at, data_len) = (end + 10, len as usize);
            entry(Entry::Record(Record { section, name_at: at, rtype, class, ttl, data_at, data_len }));
            if m.len() < data_at + data_len {
                return false;
            }
            at = data_at + data_len;
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(m: &[u8], at: usize) -> Option<(String, usize)> {
        let mut s = String::new();
        read_name(m, at, &mut s).map(|end| (s, end))
    }

    #[test]
    fn compression_as_in_rfc_1035_4_1_4() {
        // F.ISI.ARPA at 20, FOO.F.ISI.ARPA at 40, ARPA at 64, the root at 92
        let mut m = vec![0u8; 93];
        m[20..32].copy_from_slice(b"\x01F\x03ISI\x04ARPA\x00");
        m[40..46].copy_from_slice(b"\x03FOO\xc0\x14");
        m[64..66].copy_from_slice(b"\xc0\x1a");
        assert_eq!(name(&m, 20), Some(("F.ISI.ARPA".into(), 32)));
        assert_eq!(name(&m, 40), Some(("FOO.F.ISI.ARPA".into(), 46)));
        assert_eq!(name(&m, 64), Some(("ARPA".into(), 66)));
        assert_eq!(name(&m, 92), Some(("<Root>".into(), 93)));
    }

    #[test]
    fn pointers_that_do_not_lead_back_are_refused() {
        assert_eq!(name(b"\xc0\x00", 0), None);
        assert_eq!(name(b"\x01a\xc0\x00\x00", 0), None);
        assert_eq!(name(b"\xc0\x04..\x01a\x00", 0), None);
    }

    #[test]
    fn names_longer_than_255_bytes_are_refused() {
        let mut m = Vec::new();
        for _ in 0..5 {
            m.push(63);
            m.extend([b'a'; 63]);
        }
        m.push(0);
        assert_eq!(name(&m, 0), None);
    }

    #[test]
    fn odd_bytes_in_labels_are_escaped() {
        assert_eq!(name(b"\x05a.\\\x07\xff\x00", 0), Some(("a\\.\\\\\\007\\255".into(), 7)));
    }
}
