//! Packets of a datagram (RFC 9000 section 17): what their headers say before protection is removed.

use super::version;
use arrayvec::ArrayVec;

/// A connection id (RFC 9000 section 5.1).
pub type Cid = ArrayVec<u8, 20>;

/// Kinds of packets, whatever number they have in a version.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    Initial,
    ZeroRtt,
    Handshake,
    Retry,
    VersionNegotiation,
    /// Short header.
    OneRtt,
}

impl Kind {
    pub const ALL: [Kind; 6] =
        [Kind::Initial, Kind::ZeroRtt, Kind::Handshake, Kind::Retry, Kind::VersionNegotiation, Kind::OneRtt];

    /// As RFC 9000 calls them.
    pub fn name(self) -> &'static str {
        match self {
            Kind::Initial => "Initial",
            Kind::ZeroRtt => "0-RTT",
            Kind::Handshake => "Handshake",
            Kind::Retry => "Retry",
            Kind::VersionNegotiation => "Version Negotiation",
            Kind::OneRtt => "1-RTT",
        }
    }
}

/// A packet with a long header.
#[derive(Clone, Debug)]
pub struct Long<'a> {
    pub kind: Kind,
    pub version: u32,
    pub dcid: Cid,
    pub scid: Cid,
    /// From the first byte to the end of the packet.
    pub bytes: &'a [u8],
    /// Where the protected packet number begins; 0 for those that have none.
    pub number_at: usize,
    /// Behind the header of a Version Negotiation or Retry packet.
    pub rest: &'a [u8],
}

/// Variable-length integer (RFC 9000 section 16) and the bytes it takes.
pub fn varint(data: &[u8]) -> Option<(u64, usize)> {
    let first = *data.first()?;
    let len = 1usize << (first >> 6);
    let rest = data.get(1..len)?;
    Some((rest.iter().fold((first & 0x3f) as u64, |n, &b| n << 8 | b as u64), len))
}

/// Form, version and connection ids, which no version may change (RFC 8999). None: not a long header that holds.
pub fn invariants(data: &[u8]) -> Option<(u32, Cid, Cid, usize)> {
    let first = *data.first()?;
    if first & 0x80 == 0 {
        return None;
    }
    let version = u32::from_be_bytes(data.get(1..5)?.try_into().ok()?);
    let (dcid, at) = cid(data, 5)?;
    let (scid, at) = cid(data, at)?;
    Some((version, dcid, scid, at))
}

fn cid(data: &[u8], at: usize) -> Option<(Cid, usize)> {
    let len = *data.get(at)? as usize;
    let cid = Cid::try_from(data.get(at + 1..at + 1 + len)?).ok()?;
    Some((cid, at + 1 + len))
}

/// Kind by the bits of the first byte. Version 2 numbers them another way (RFC 9369 section 3.2).
fn kind(first: u8, version: u32) -> Kind {
    if version == version::NEGOTIATION {
        return Kind::VersionNegotiation;
    }
    let number = (first >> 4) & 3;
    let number = if matches!(version, version::V2 | version::V2_DRAFT) { (number + 3) % 4 } else { number };
    match number {
        0 => Kind::Initial,
        1 => Kind::ZeroRtt,
        2 => Kind::Handshake,
        _ => Kind::Retry,
    }
}

/// The packet with a long header that stands at the start of these bytes; those behind it belong to the next one.
pub fn long(data: &[u8]) -> Option<Long<'_>> {
    let (version, dcid, scid, at) = invariants(data)?;
    let kind = kind(*data.first()?, version);
    let whole =
        |number_at, rest| Long { kind, version, dcid: dcid.clone(), scid: scid.clone(), bytes: data, number_at, rest };
    if matches!(kind, Kind::VersionNegotiation | Kind::Retry) {
        return Some(whole(0, data.get(at..)?));
    }
    let mut at = at;
    if kind == Kind::Initial {
        let (token, n) = varint(data.get(at..)?)?;
        at = at.checked_add(n)?.checked_add(usize::try_from(token).ok()?)?;
    }
    let (len, n) = varint(data.get(at..)?)?;
    at += n;
    let end = at.saturating_add(usize::try_from(len).ok()?).min(data.len());
    Some(Long { bytes: data.get(..end)?, ..whole(at, &[]) })
}
