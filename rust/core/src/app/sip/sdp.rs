//! Session descriptions (RFC 8866): the media, where they are wanted, and how they are coded. Keys are never handed out,
//! only that there are some.

use super::headers::number;
use super::start::{self, cut};
use crate::addr::IpAddr;
use crate::app::media::{Announcement, Direction, Format, MediaKind, MediaTransport, Side};
use crate::app::message::{Fields, Value, text};

/// Media of one description that are looked at, and payload types of one of them.
const MAX_MEDIA: usize = 32;
const MAX_FORMATS: usize = 64;
const MAX_TEXT: usize = 100;

/// How the keys of the media are agreed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Keys {
    /// In the description itself (RFC 4568): whoever reads it can listen.
    Sdes,
    /// By DTLS in the path of the media (RFC 5763).
    Dtls,
}

/// One `m=` line with what belongs to it.
#[derive(Clone, Debug, Default)]
pub struct Media<'a> {
    kind: &'a [u8],
    pub port: u16,
    protocol: &'a [u8],
    formats: Vec<&'a [u8]>,
    /// (format, encoding/clock rate/channels) and (format, parameters).
    maps: Vec<(&'a [u8], &'a [u8])>,
    params: Vec<(&'a [u8], &'a [u8])>,
    address: Option<&'a [u8]>,
    direction: Option<Direction>,
    ptime: Option<u64>,
    rtcp: Option<(Option<&'a [u8]>, u16)>,
    rtcp_mux: bool,
    keys: Option<Keys>,
    candidates: u32,
}

/// A description.
#[derive(Clone, Debug, Default)]
pub struct Sdp<'a> {
    origin: &'a [u8],
    address: Option<&'a [u8]>,
    direction: Option<Direction>,
    keys: Option<Keys>,
    pub media: Vec<Media<'a>>,
}

impl<'a> Sdp<'a> {
    /// Reads what it understands; lines it does not are passed over (RFC 8866 5).
    pub fn read(body: &'a [u8]) -> Self {
        let mut out = Self::default();
        let (mut at, mut full) = (0, false);
        // Ends: every turn goes to the next line.
        while at < body.len() {
            let (line, next) = start::line(body, at);
            at = next;
            let Some((&kind, value)) = line.split_first().and_then(|(k, v)| Some((k, v.strip_prefix(b"=")?))) else {
                continue;
            };
            match kind {
                b'm' if out.media.len() < MAX_MEDIA => out.media.extend(Media::read(value)),
                b'm' => full = true,
                _ if full => {}
                b'o' => out.origin = value,
                b'c' => {
                    let address = value.split(|&b| b == b' ').nth(2);
                    *out.media.last_mut().map_or(&mut out.address, |m| &mut m.address) = address;
                }
                b'a' => out.attribute(value),
                _ => {}
            }
        }
        out
    }

    fn attribute(&mut self, line: &'a [u8]) {
        let (name, value) = cut(line, b':').unwrap_or((line, &[]));
        let direction = match name {
            b"sendrecv" => Some(Direction::SendRecv),
            b"sendonly" => Some(Direction::SendOnly),
            b"recvonly" => Some(Direction::RecvOnly),
            b"inactive" => Some(Direction::Inactive),
            _ => None,
        };
        let keys = match name {
            b"crypto" => Some(Keys::Sdes),
            b"fingerprint" => Some(Keys::Dtls),
            _ => None,
        };
        let Some(m) = self.media.last_mut() else {
            self.direction = direction.or(self.direction);
            self.keys = keys.or(self.keys);
            return;
        };
        m.direction = direction.or(m.direction);
        m.keys = m.keys.or(keys);
        match name {
            b"rtpmap" if m.maps.len() < MAX_FORMATS => m.maps.extend(cut(value, b' ')),
            b"fmtp" if m.params.len() < MAX_FORMATS => m.params.extend(cut(value, b' ')),
            b"ptime" => m.ptime = number(value),
            b"rtcp-mux" => m.rtcp_mux = true,
            b"candidate" => m.candidates = m.candidates.saturating_add(1),
            b"rtcp" => {
                let mut words = value.split(|&b| b == b' ');
                let port = words.next().and_then(number).and_then(|p| u16::try_from(p).ok());
                m.rtcp = port.map(|p| (words.nth(2), p));
            }
            _ => {}
        }
    }

    fn address_of(&self, m: &Media<'a>) -> Option<&'a [u8]> {
        // A multicast address may carry a hop limit.
        m.address.or(self.address).and_then(|a| a.split(|&b| b == b'/').next())
    }

    fn direction_of(&self, m: &Media<'_>) -> Direction {
        m.direction.or(self.direction).unwrap_or_default()
    }

    /// Where media are wanted, for the decoder of the media. What is refused (port 0) and what has no address in
    /// numbers is left out.
    pub fn announcements(&self, frame: u64, call_id: &str, side: Side) -> Vec<Announcement> {
        let one = |m: &Media<'a>| {
            let addr = ip(self.address_of(m)?).filter(|_| m.port != 0)?;
            let transport = m.transport();
            // Wireshark's rule: a port named together with an address does not count.
            let rtcp = match m.rtcp {
                Some((None, port)) => Some(port).filter(|&p| p != m.port),
                _ => m.port.checked_add(1),
            };
            let carried = matches!(transport, MediaTransport::Rtp | MediaTransport::Srtp);
            Some(Announcement {
                addr,
                port: m.port,
                other_port: None,
                rtcp: rtcp.filter(|_| carried).map(|port| (addr, port)),
                rtcp_mux: m.rtcp_mux,
                kind: match m.kind {
                    b"audio" => MediaKind::Audio,
                    b"video" => MediaKind::Video,
                    _ => MediaKind::Other,
                },
                transport,
                direction: self.direction_of(m),
                formats: m.codecs().filter_map(|c| c.announced()).collect(),
                frame,
                said_in: frame,
                method: "SDP",
                call_id: call_id.into(),
                side,
            })
        };
        self.media.iter().filter_map(one).collect()
    }

    /// The description as values: `origin`, `media` with `kind`, `port`, `protocol`, `address`, `codecs` ...
    pub fn value(&self) -> Value {
        let one = |m: &Media<'a>| -> Value {
            let keys = m.keys.or(self.keys).map(|k| if k == Keys::Sdes { "sdes" } else { "dtls" });
            let mut f: Fields = vec![
                ("kind", short(m.kind)),
                ("address", self.address_of(m).map(|a| text(a, MAX_TEXT)).into()),
                ("port", m.port.into()),
                ("protocol", short(m.protocol)),
                ("direction", self.direction_of(m).name().into()),
                ("codecs", m.codecs().map(|c| c.value()).collect::<Vec<_>>().into()),
            ];
            let more: [(&'static str, Value); 4] = [
                ("ptime_ms", m.ptime.into()),
                ("rtcp_port", m.rtcp.map(|r| r.1).into()),
                ("rtcp_address", m.rtcp.and_then(|r| r.0).map(|a| text(a, MAX_TEXT)).into()),
                ("keys", keys.into()),
            ];
            f.extend(more.into_iter().filter(|(_, v)| *v != Value::None));
            if m.rtcp_mux {
                f.push(("rtcp_mux", true.into()));
            }
            if m.candidates > 0 {
                f.push(("ice_candidates", m.candidates.into()));
            }
            f.into()
        };
        let media: Vec<Value> = self.media.iter().map(one).collect();
        vec![("origin", short(self.origin)), ("media", media.into())].into()
    }
}

impl<'a> Media<'a> {
    /// `audio 49170/2 RTP/AVP 0 8`.
    fn read(value: &'a [u8]) -> Option<Self> {
        let mut words = value.split(|&b| b == b' ').filter(|w| !w.is_empty());
        let (kind, port, protocol) = (words.next()?, words.next()?, words.next()?);
        let port = number(port).and_then(|p| u16::try_from(p).ok())?;
        Some(Self { kind, port, protocol, formats: words.take(MAX_FORMATS).collect(), ..Self::default() })
    }

    fn transport(&self) -> MediaTransport {
        let protocol = self.protocol.to_ascii_uppercase();
        let has = |part: &[u8]| protocol.windows(part.len()).any(|w| w == part);
        match () {
            // Framed in a TCP connection (RFC 4571): nothing comes over UDP.
            () if protocol.starts_with(b"TCP/") => MediaTransport::Other,
            () if has(b"RTP/SAVP") => MediaTransport::Srtp,
            () if has(b"RTP/AVP") => MediaTransport::Rtp,
            () if has(b"UDPTL") => MediaTransport::T38,
            () => MediaTransport::Other,
        }
    }

    fn codecs(&self) -> impl Iterator<Item = Codec<'a>> {
        let find = |all: &[(&'a [u8], &'a [u8])], format: &[u8]| all.iter().find(|m| m.0 == format).map(|m| m.1);
        let carried = matches!(self.transport(), MediaTransport::Rtp | MediaTransport::Srtp);
        self.formats.iter().map(move |&format| {
            let payload_type =
                number(format).filter(|_| carried).and_then(|n| u8::try_from(n).ok()).filter(|&n| n < 128);
            let known = payload_type.and_then(static_type).map(str::as_bytes);
            Codec { format, payload_type, map: find(&self.maps, format).or(known), params: find(&self.params, format) }
        })
    }
}

/// One format of an `m=` line.
struct Codec<'a> {
    format: &'a [u8],
    payload_type: Option<u8>,
    map: Option<&'a [u8]>,
    params: Option<&'a [u8]>,
}

impl Codec<'_> {
    /// Encoding, clock rate, channels.
    fn parts(&self) -> (&[u8], u32, u8) {
        let mut parts = self.map.unwrap_or_default().split(|&b| b == b'/');
        let encoding = parts.next().unwrap_or_default();
        let rate = parts.next().and_then(number).and_then(|n| u32::try_from(n).ok()).unwrap_or(0);
        (encoding, rate, parts.next().and_then(number).and_then(|n| u8::try_from(n).ok()).unwrap_or(0))
    }

    fn announced(&self) -> Option<Format> {
        let (encoding, clock_rate, channels) = self.parts();
        Some(Format { payload_type: self.payload_type?, codec: text(encoding, MAX_TEXT), clock_rate, channels })
    }

    fn value(&self) -> Value {
        let (encoding, rate, channels) = self.parts();
        let name = if self.map.is_some() { encoding } else { self.format };
        let mut f: Fields = vec![("payload_type", self.payload_type.into()), ("codec", short(name))];
        if rate > 0 {
            f.push(("clock_rate", rate.into()));
        }
        if channels > 1 {
            f.push(("channels", channels.into()));
        }
        if let Some(params) = self.params {
            f.push(("parameters", short(params)));
        }
        f.into()
    }
}

fn short(bytes: &[u8]) -> Value {
    text(bytes, MAX_TEXT).into()
}

/// An address in numbers.
fn ip(bytes: &[u8]) -> Option<IpAddr> {
    let std = std::str::from_utf8(bytes).ok()?.parse::<std::net::IpAddr>().ok()?;
    Some(match std {
        std::net::IpAddr::V4(a) => IpAddr::v4(a.octets()),
        std::net::IpAddr::V6(a) => IpAddr::v6(a.octets()),
    })
}

/// Payload types that need no `a=rtpmap` (RFC 3551 6).
fn static_type(number: u8) -> Option<&'static str> {
    Some(match number {
        0 => "PCMU/8000",
        3 => "GSM/8000",
        4 => "G723/8000",
        5 => "DVI4/8000",
        6 => "DVI4/16000",
        7 => "LPC/8000",
        8 => "PCMA/8000",
        9 => "G722/8000",
        10 => "L16/44100/2",
        11 => "L16/44100",
        12 => "QCELP/8000",
        13 => "CN/8000",
        14 => "MPA/90000",
        15 => "G728/8000",
        16 => "DVI4/11025",
        17 => "DVI4/22050",
        18 => "G729/8000",
        25 => "CelB/90000",
        26 => "JPEG/90000",
        28 => "nv/90000",
        31 => "H261/90000",
        32 => "MPV/90000",
        33 => "MP2T/90000",
        34 => "H263/90000",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 3264 10.1, with lines of RFC 3605, 4568, 5761 and 8839 beside.
    const OFFER: &[u8] = b"v=0\r\no=alice 2890844526 2890844526 IN IP4 host.anywhere.com\r\ns=\r\nc=IN IP4 192.0.2.4\r\n\
        t=0 0\r\na=sendonly\r\nm=audio 49170 RTP/AVP 0 97\r\na=rtpmap:97 iLBC/8000\r\na=fmtp:97 mode=20\r\na=ptime:20\r\n\
        a=candidate:1 1 UDP 1 192.0.2.4 49170 typ host\r\na=candidate:2 1 UDP 1 198.51.100.1 3 typ srflx\r\n\
        m=video 51372 RTP/SAVP 31 32\r\nc=IN IP6 2001:db8::4\r\na=sendrecv\r\na=rtcp:53020 IN IP4 192.0.2.9\r\n\
        a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz\r\na=rtcp-mux\r\n\
        m=image 4000 udptl t38\r\nm=audio 0 RTP/AVP 8\r\nm=audio x RTP/AVP 8\r\n";

    #[test]
    fn media_with_their_attributes() {
        let all = Sdp::read(OFFER).announcements(7, "id", Side::Offer);
        let v4 = IpAddr::v4([192, 0, 2, 4]);
        assert_eq!(all.len(), 3);
        assert_eq!((all[0].addr, all[0].port, all[0].rtcp), (v4, 49170, Some((v4, 49171))));
        assert_eq!((all[0].direction, all[0].transport), (Direction::SendOnly, MediaTransport::Rtp));
        let codecs: Vec<_> = all[0].formats.iter().map(|f| (f.payload_type, f.codec.as_str(), f.clock_rate)).collect();
        assert_eq!(codecs, [(0, "PCMU", 8000), (97, "iLBC", 8000)]);
        assert_eq!(all[1].rtcp.map(|r| r.1), Some(51373));
        assert_eq!(
            (all[1].direction, all[1].transport, all[1].rtcp_mux),
            (Direction::SendRecv, MediaTransport::Srtp, true)
        );
        assert_eq!((all[2].addr, all[2].transport, all[2].rtcp), (v4, MediaTransport::T38, None));
    }

    #[test]
    fn keys_are_told_of_and_not_told() {
        let shown = format!("{:?}", Sdp::read(OFFER).value());
        assert!(shown.contains("sdes") && shown.contains("(\"ice_candidates\", Int(2))"));
        assert!(!shown.contains("WVNfX19"));
    }

    #[test]
    fn any_bytes_are_survived() {
        for i in 0..OFFER.len() {
            let mut bad = OFFER.to_vec();
            for v in [0, b' ', b'=', b':', b'/', 0xff] {
                bad[i] = v;
                let sdp = Sdp::read(&bad);
                let _ = (sdp.value(), sdp.announcements(1, "", Side::Answer));
            }
            let _ = Sdp::read(&OFFER[..i]).value();
        }
    }
}
