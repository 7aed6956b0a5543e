//! The packet quoted in an error (RFC 792, RFC 4443), and what routers add behind it (RFC 4884).

use crate::addr::IpAddr;
use crate::app::message::{Fields, Value, text};

/// Headers of a quoted packet, as far as they are quoted.
#[derive(Clone, Copy, Debug)]
pub struct Quote {
    pub v6: bool,
    pub src: IpAddr,
    pub dst: IpAddr,
    /// What was left of TTL or hop limit.
    pub ttl: u8,
    /// Protocol behind the extension headers.
    pub protocol: u8,
    /// Length of the whole packet by its IP header, bytes.
    pub length: u32,
    /// The first eight bytes behind the IP headers: every error quotes as much (RFC 792).
    pub first: Option<[u8; 8]>,
}

/// Extension headers followed in a quoted IPv6 packet.
const MAX_EXTENSIONS: usize = 8;

impl Quote {
    /// Reads a quoted IPv4 or IPv6 packet.
    pub fn read(data: &[u8]) -> Option<Self> {
        if data.first()? >> 4 == 6 { Self::read_v6(data) } else { Self::read_v4(data) }
    }

    fn read_v4(data: &[u8]) -> Option<Self> {
        let head = data.first_chunk::<20>()?;
        let header = usize::from(head[0] & 15) * 4;
        if head[0] >> 4 != 4 || header < 20 {
            return None;
        }
        // A later fragment has no transport header.
        let behind_start = (u16::from_be_bytes([head[6], head[7]]) & 0x1fff) != 0;
        Some(Self {
            v6: false,
            src: IpAddr::v4([head[12], head[13], head[14], head[15]]),
            dst: IpAddr::v4([head[16], head[17], head[18], head[19]]),
            ttl: head[8],
            protocol: head[9],
            length: u32::from(u16::from_be_bytes([head[2], head[3]])),
            first: data.get(header..).and_then(|d| d.first_chunk::<8>().copied()).filter(|_| !behind_start),
        })
    }

    fn read_v6(data: &[u8]) -> Option<Self> {
        let head = data.first_chunk::<40>()?;
        let (mut protocol, mut at, mut first_fragment) = (head[6], 40, true);
        for _ in 0..MAX_EXTENSIONS {
            let Some(&[next, len, hi, lo]) = data.get(at..).and_then(|d| d.first_chunk::<4>()) else { break };
            match protocol {
                0 | 43 | 60 => at += (usize::from(len) + 1) * 8,
                44 => {
                    first_fragment &= u16::from_be_bytes([hi, lo]) & 0xfff8 == 0;
                    at += 8;
                }
                _ => break,
            }
            protocol = next;
        }
        let address = |from: usize| data.get(from..).and_then(|d| d.first_chunk::<16>()).map(|b| IpAddr::v6(*b));
        Some(Self {
            v6: true,
            src: address(8)?,
            dst: address(24)?,
            ttl: head[7],
            protocol,
            length: u32::from(u16::from_be_bytes([head[4], head[5]])) + 40,
            first: data.get(at..).and_then(|d| d.first_chunk::<8>().copied()).filter(|_| first_fragment),
        })
    }

    /// Ports of a quoted TCP, UDP, UDP-Lite, SCTP or DCCP header.
    pub fn ports(&self) -> Option<(u16, u16)> {
        let b = self.first.filter(|_| matches!(self.protocol, 6 | 17 | 33 | 132 | 136))?;
        Some((u16::from_be_bytes([b[0], b[1]]), u16::from_be_bytes([b[2], b[3]])))
    }

    /// Type, code, identifier and sequence number of a quoted echo message.
    fn echo(&self) -> Option<(u8, u8, u16, u16)> {
        let b = self.first.filter(|_| self.protocol == if self.v6 { 58 } else { 1 })?;
        Some((b[0], b[1], u16::from_be_bytes([b[4], b[5]]), u16::from_be_bytes([b[6], b[7]])))
    }

    pub fn fields(&self) -> Fields {
        let mut out: Fields = vec![
            ("src", self.src.into()),
            ("dst", self.dst.into()),
            ("protocol", protocol_name(self.protocol)),
            ("ttl", self.ttl.into()),
            ("length", self.length.into()),
        ];
        if let Some((src, dst)) = self.ports() {
            out.push(("src_port", src.into()));
            out.push(("dst_port", dst.into()));
        }
        if let Some((kind, code, id, seq)) = self.echo() {
            out.extend([("icmp_type", kind.into()), ("icmp_code", code.into())]);
            out.extend([("icmp_id", id.into()), ("icmp_seq", seq.into())]);
        }
        out
    }
}

/// Name of an IP protocol number, the number where it has no common name.
pub fn protocol_name(number: u8) -> Value {
    Value::Name(match number {
        1 => "icmp",
        2 => "igmp",
        4 => "ipip",
        6 => "tcp",
        17 => "udp",
        33 => "dccp",
        41 => "ipv6",
        47 => "gre",
        50 => "esp",
        51 => "ah",
        58 => "icmpv6",
        89 => "ospf",
        103 => "pim",
        112 => "vrrp",
        132 => "sctp",
        136 => "udplite",
        _ => return number.into(),
    })
}

/// Objects of the extension structure behind the quoted packet; empty where there is none. `length`: the length field
/// of the ICMP header in bytes, 0 where the sender sets none: then the structure, if any, stands behind 128 bytes.
pub fn extensions(message: &[u8], length: usize) -> Vec<Value> {
    let at = 8 + if length == 0 { 128 } else { length };
    let Some([version, _, _, _, objects @ ..]) = message.get(at..) else { return Vec::new() };
    if version >> 4 != 2 {
        return Vec::new();
    }
    let (mut rest, mut out) = (objects, Vec::new());
    // At most as many as fit: each has a header of four bytes.
    while let Some(&[hi, lo, class, kind]) = rest.first_chunk::<4>() {
        let len = usize::from(u16::from_be_bytes([hi, lo]));
        let Some(body) = rest.get(4..len) else { break };
        out.push(object(class, kind, body).into());
        rest = rest.get(len..).unwrap_or_default();
    }
    out
}

fn object(class: u8, kind: u8, body: &[u8]) -> Fields {
    match class {
        1 => {
            let entry = |e: &[u8]| -> Value {
                let word = e.iter().take(4).fold(0u32, |n, &b| n << 8 | u32::from(b));
                let label = vec![
                    ("label", (word >> 12).into()),
                    ("traffic_class", (word >> 9 & 7).into()),
                    ("bottom", (word >> 8 & 1 == 1).into()),
                    ("ttl", (word & 255).into()),
                ];
                label.into()
            };
            vec![
                ("object", "MPLS label stack".into()),
                ("labels", body.chunks_exact(4).map(entry).collect::<Vec<_>>().into()),
            ]
        }
        2 => interface(kind, body),
        3 => vec![("object", "interface identification".into()), ("bytes", body.len().into())],
        _ => vec![("object", "other".into()), ("class", class.into()), ("c_type", kind.into())],
    }
}

/// Interface information (RFC 5837): index, address, name, MTU, each where a bit of the type says so.
fn interface(kind: u8, body: &[u8]) -> Fields {
    let role = ["incoming", "incoming sub-IP", "outgoing", "IP next hop"][usize::from(kind >> 6)];
    let mut out: Fields = vec![("object", "interface information".into()), ("role", role.into())];
    let mut rest = body;
    let mut take = |n: usize| -> Option<&[u8]> {
        let (head, tail) = rest.split_at_checked(n)?;
        rest = tail;
        Some(head)
    };
    let number = |b: &[u8]| Value::from(b.iter().fold(0u32, |n, &b| n << 8 | u32::from(b)));
    if kind & 8 != 0
        && let Some(index) = take(4)
    {
        out.push(("index", number(index)));
    }
    if kind & 4 != 0
        && let Some(&[0, family, _, _]) = take(4)
    {
        let address = match family {
            1 => take(4).and_then(|b| b.first_chunk::<4>()).map(|b| IpAddr::v4(*b)),
            _ => take(16).and_then(|b| b.first_chunk::<16>()).map(|b| IpAddr::v6(*b)),
        };
        out.push(("address", address.into()));
    }
    if kind & 2 != 0
        && let Some(&[len]) = take(1)
    {
        // The length counts itself.
        let name = take(usize::from(len).saturating_sub(1)).unwrap_or_default();
        out.push(("name", Value::Text(text(name.trim_ascii_end().split(|&b| b == 0).next().unwrap_or_default(), 64))));
    }
    if kind & 1 != 0
        && let Some(mtu) = take(4)
    {
        out.push(("mtu", number(mtu)));
    }
    out
}
