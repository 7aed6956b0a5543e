//! Names that traffic shows in passing, for the triage: DNS questions, TLS server names, HTTP hosts, DHCP host names.
//!
//! A light look at single packets on their usual ports or by their first bytes; the protocols' own modules do the
//! full decoding. Names are kept as bytes with everything but printable ASCII escaped.

use super::page_of;
use crate::layers::Udp;
use crate::texts::Texts;
use std::cmp::Reverse;

/// Where a name was seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NameKind {
    Dns = 0,
    TlsSni = 1,
    HttpHost = 2,
    DhcpHostname = 3,
}

impl NameKind {
    pub const ALL: [(NameKind, &str); 4] = [
        (NameKind::Dns, "dns"),
        (NameKind::TlsSni, "tls_sni"),
        (NameKind::HttpHost, "http_host"),
        (NameKind::DhcpHostname, "dhcp_hostname"),
    ];
}

/// Names with their number of occurrences, by kind.
#[derive(Clone, Debug)]
pub struct Names {
    seen: [Texts; 4],
    /// Occurrences of names that found no room.
    dropped: [u64; 4],
    limit: usize,
    max_len: usize,
}

impl Names {
    /// `limit` names of each kind, each of at most `max_len` bytes.
    pub fn new(limit: usize, max_len: usize) -> Self {
        Self { seen: Default::default(), dropped: [0; 4], limit, max_len }
    }

    fn add(&mut self, kind: NameKind, name: &[u8], lower: bool) {
        if name.is_empty() {
            return;
        }
        let text = escaped(&name[..name.len().min(self.max_len)], lower);
        self.add_many(kind as usize, &text, 1);
    }

    fn add_many(&mut self, kind: usize, text: &str, n: u64) {
        if !self.seen[kind].add(text, n, self.limit) {
            self.dropped[kind] += n;
        }
    }

    /// Looks at a UDP datagram; the bytes are fetched only for the ports of interest.
    #[inline]
    pub fn udp<'a>(&mut self, udp: &Udp, payload: impl FnOnce() -> &'a [u8]) {
        if udp.dst_port == 53 {
            let mut name = [0; 255];
            if let Some(n) = dns_question(payload(), &mut name) {
                self.add(NameKind::Dns, &name[..n], true);
            }
        } else if (udp.src_port, udp.dst_port) == (68, 67)
            && let Some(name) = dhcp_hostname(payload())
        {
            self.add(NameKind::DhcpHostname, name, false);
        }
    }

    /// Looks at the data of a TCP segment.
    #[inline]
    pub fn tcp(&mut self, data: &[u8]) {
        match data {
            [0x16, 3, _, _, _, 1, ..] => {
                if let Some(name) = tls_server_name(data) {
                    self.add(NameKind::TlsSni, name, true);
                }
            }
            [b'A'..=b'Z', b'A'..=b'Z', ..] => {
                if let Some(host) = http_host(data) {
                    self.add(NameKind::HttpHost, host, true);
                }
            }
            _ => {}
        }
    }

    /// Most frequent first, equal ones by name.
    pub fn top(&self, kind: NameKind, limit: usize) -> Vec<(&str, u64)> {
        let seen = &self.seen[kind as usize];
        let all: Vec<(&str, u64)> = seen.iter().collect();
        page_of(all, |&(name, n)| (Reverse(n), name), 0, limit)
    }

    /// Distinct names kept, and occurrences of others that found no room.
    pub fn len(&self, kind: NameKind) -> (usize, u64) {
        (self.seen[kind as usize].held(), self.dropped[kind as usize])
    }

    pub fn merge(&mut self, other: &Self) {
        for kind in 0..self.seen.len() {
            other.seen[kind].iter().for_each(|(name, n)| self.add_many(kind, name, n));
            self.dropped[kind] += other.dropped[kind];
        }
    }
}

/// Printable ASCII as it is, a backslash doubled, everything else as `\xNN`.
fn escaped(bytes: &[u8], lower: bool) -> String {
    use std::fmt::Write;
    let mut out = String::with_capacity(bytes.len());
    for &b in bytes {
        match b {
            b'\\' => out.push_str("\\\\"),
            0x20..=0x7e => out.push(if lower { b.to_ascii_lowercase() } else { b } as char),
            _ => {
                let _ = write!(out, "\\x{b:02x}");
            }
        }
    }
    out
}

fn be16(b: &[u8], at: usize) -> Option<usize> {
    Some(u16::from_be_bytes([*b.get(at)?, *b.get(at + 1)?]) as usize)
}

/// First question of a DNS query (RFC 1035 4.1), dotted, without the root's dot; length written to `out`.
fn dns_question(m: &[u8], out: &mut [u8; 255]) -> Option<usize> {
    let is_response = m.get(2)? & 0x80 != 0;
    if is_response || be16(m, 4)? == 0 {
        return None;
    }
    let (mut at, mut n) = (12, 0);
    // Ends: every turn moves `at` on by at least one; a compression pointer is not allowed in a first name.
    loop {
        let len = *m.get(at)? as usize;
        if len == 0 {
            return Some(n);
        }
        if len > 63 {
            return None;
        }
        let label = m.get(at + 1..at + 1 + len)?;
        if n > 0 {
            *out.get_mut(n)? = b'.';
            n += 1;
        }
        out.get_mut(n..n + len)?.copy_from_slice(label);
        n += len;
        at += 1 + len;
    }
}

/// Option 12 of a BOOTP request (RFC 2132 3.14).
fn dhcp_hostname(m: &[u8]) -> Option<&[u8]> {
    if m.get(236..240)? != [0x63, 0x82, 0x53, 0x63] {
        return None;
    }
    let mut at = 240;
    loop {
        match *m.get(at)? {
            0 => at += 1,
            255 => return None,
            code => {
                let len = *m.get(at + 1)? as usize;
                let value = m.get(at + 2..at + 2 + len)?;
                if code == 12 {
                    return Some(value);
                }
                at += 2 + len;
            }
        }
    }
}

/// server_name extension (RFC 6066 3) of a ClientHello that starts in this segment.
fn tls_server_name(record: &[u8]) -> Option<&[u8]> {
    let hello = record.get(9..)?; // 5 bytes record header, 4 bytes handshake header
    let mut at = 34; // version and random
    at += 1 + *hello.get(at)? as usize; // session id
    at += 2 + be16(hello, at)?; // cipher suites
    at += 1 + *hello.get(at)? as usize; // compression methods
    at += 2; // length of the extensions
    loop {
        let (kind, len) = (be16(hello, at)?, be16(hello, at + 2)?);
        if kind == 0 {
            let n = be16(hello, at + 7)?;
            return (hello.get(at + 6)? == &0).then(|| hello.get(at + 9..at + 9 + n)).flatten();
        }
        at += 4 + len;
    }
}

/// Host header (RFC 9110 7.2) of an HTTP/1 request that starts in this segment.
fn http_host(data: &[u8]) -> Option<&[u8]> {
    const METHODS: [&[u8]; 9] =
        [b"GET ", b"POST ", b"HEAD ", b"PUT ", b"DELETE ", b"OPTIONS ", b"CONNECT ", b"PATCH ", b"TRACE "];
    if !METHODS.iter().any(|m| data.starts_with(m)) {
        return None;
    }
    let head = &data[..data.len().min(4096)];
    for line in head.split(|&b| b == b'\n').skip(1) {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        if line.is_empty() {
            return None;
        }
        if let Some((name, value)) = line.split_at_checked(5)
            && name.eq_ignore_ascii_case(b"host:")
        {
            return Some(value.trim_ascii());
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn question_of_a_query() {
        // RFC 1035 4.1.2: header, then 3www7example3com0
        let m = b"\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x03www\x07example\x03com\x00\x00\x01\x00\x01";
        let mut out = [0; 255];
        let n = dns_question(m, &mut out).unwrap();
        assert_eq!(&out[..n], b"www.example.com");
        assert!((0..29).all(|cut| dns_question(&m[..cut], &mut out).is_none()));
    }

    #[test]
    fn host_of_a_request() {
        assert_eq!(http_host(b"GET / HTTP/1.1\r\nA: b\r\nhOst:  example.net \r\n\r\n"), Some(&b"example.net"[..]));
        assert_eq!(http_host(b"GET / HTTP/1.1\r\n\r\nHost: body"), None);
        assert_eq!(http_host(b"GIT\r\nHost: x\r\n"), None);
    }

    #[test]
    fn server_name_of_a_hello() {
        let name = b"example.org";
        let mut sni = vec![0, 0, 0, 16, 0, 14, 0, 0, 11];
        sni.extend(name);
        let mut hello = vec![3, 3];
        hello.extend([7; 32]);
        hello.extend([0, 0, 2, 0x13, 1, 1, 0, 0, sni.len() as u8]);
        hello.extend(&sni);
        let mut record = vec![0x16, 3, 1, 0, (hello.len() + 4) as u8, 1, 0, 0, hello.len() as u8];
        record.extend(hello);
        assert_eq!(tls_server_name(&record), Some(&name[..]));
        assert!((0..record.len()).all(|cut| tls_server_name(&record[..cut]).is_none()));
    }

    #[test]
    fn control_characters_are_escaped_and_length_is_capped() {
        let mut names = Names::new(10, 8);
        names.add(NameKind::HttpHost, b"a\x1b[31m\\bcdefgh", true);
        assert_eq!(names.top(NameKind::HttpHost, 9), [("a\\x1b[31m\\\\b", 1)]);
    }

    #[test]
    fn the_table_is_bounded() {
        let mut names = Names::new(2, 100);
        for i in 0..10u8 {
            names.add(NameKind::Dns, &[b'a' + i], true);
        }
        assert_eq!(names.len(NameKind::Dns), (2, 8));
    }
}
