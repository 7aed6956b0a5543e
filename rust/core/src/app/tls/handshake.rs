//! Handshake messages of TLS 1.0 to 1.3 and DTLS, as views of their bytes. Works on the messages alone, whatever carried
//! them: TLS records, DTLS fragments, QUIC's CRYPTO frames.

use super::cut::{Cut, u16s};
use super::names::is_grease;

pub const CLIENT_HELLO: u8 = 1;
pub const SERVER_HELLO: u8 = 2;
pub const HELLO_VERIFY_REQUEST: u8 = 3;
pub const NEW_SESSION_TICKET: u8 = 4;
pub const CERTIFICATE: u8 = 11;
pub const SERVER_KEY_EXCHANGE: u8 = 12;
pub const CERTIFICATE_REQUEST: u8 = 13;
pub const SERVER_HELLO_DONE: u8 = 14;
pub const CLIENT_KEY_EXCHANGE: u8 = 16;
pub const FINISHED: u8 = 20;
pub const CERTIFICATE_STATUS: u8 = 22;

/// A message cut out of a stream of them: type and body (RFC 8446 4). None: not whole yet.
pub fn split(data: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let mut cut = Cut(data);
    let kind = cut.u8()?;
    let body = cut.vec24()?;
    Some((kind, body, cut.0))
}

/// Extensions: (number, data). Ends at the first one that is not whole.
#[derive(Clone, Copy, Debug)]
pub struct Extensions<'a>(Cut<'a>);

impl<'a> Iterator for Extensions<'a> {
    type Item = (u16, &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        let number = self.0.u16()?;
        Some((number, self.0.vec16()?))
    }
}

/// ClientHello (RFC 8446 4.1.2), that of SSL 2.0 included.
#[derive(Clone, Copy, Debug)]
pub struct ClientHello<'a> {
    pub version: u16,
    pub random: &'a [u8],
    pub session_id: &'a [u8],
    ciphers: &'a [u8],
    /// Bytes of a cipher suite: three in SSL 2.0's.
    cipher_bytes: usize,
    extensions: &'a [u8],
    pub ssl2: bool,
}

/// Numbers of the extensions read here.
mod ext {
    pub const SERVER_NAME: u16 = 0;
    pub const STATUS_REQUEST: u16 = 5;
    pub const GROUPS: u16 = 10;
    pub const POINT_FORMATS: u16 = 11;
    pub const SIGNATURES: u16 = 13;
    pub const ALPN: u16 = 16;
    pub const EXTENDED_MASTER_SECRET: u16 = 23;
    pub const SESSION_TICKET: u16 = 35;
    pub const PRE_SHARED_KEY: u16 = 41;
    pub const EARLY_DATA: u16 = 42;
    pub const VERSIONS: u16 = 43;
    pub const KEY_SHARE: u16 = 51;
    pub const ENCRYPTED_CLIENT_HELLO: u16 = 65037;
    pub const ENCRYPTED_SERVER_NAME: u16 = 65486;
}

/// What a client says of its encrypted hello.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ech {
    /// An outer hello; whether something real is inside, nobody else can tell (RFC 9849 6.2).
    Outer,
    Inner,
    /// The drafts' encrypted server name.
    EncryptedServerName,
}

impl<'a> ClientHello<'a> {
    /// The body of a message. DTLS has a cookie behind the session id. None: cut before the cipher suites end.
    pub fn parse(body: &'a [u8], dtls: bool) -> Option<Self> {
        let mut cut = Cut(body);
        let version = cut.u16()?;
        let random = cut.take(32)?;
        let session_id = cut.vec8()?;
        if dtls {
            cut.vec8()?;
        }
        let ciphers = cut.vec16()?;
        let _compression = cut.vec8();
        let extensions = cut.vec16().unwrap_or(cut.0);
        Some(Self { version, random, session_id, ciphers, cipher_bytes: 2, extensions, ssl2: false })
    }

    /// SSL 2.0's, behind the message type (RFC 5246 E.2).
    pub fn parse_ssl2(body: &'a [u8]) -> Option<Self> {
        let mut cut = Cut(body);
        let version = cut.u16()?;
        let (ciphers, id, _challenge) = (cut.u16()?, cut.u16()?, cut.u16()?);
        let ciphers = cut.take(ciphers as usize)?;
        let session_id = cut.take(id as usize)?;
        Some(Self { version, random: &[], session_id, ciphers, cipher_bytes: 3, extensions: &[], ssl2: true })
    }

    /// Cipher suites in the order offered; those of SSL 2.0 alone are left out.
    pub fn ciphers(&self) -> impl Iterator<Item = u16> + Clone + 'a {
        let n = self.cipher_bytes;
        self.ciphers.chunks_exact(n).filter_map(move |c| match c {
            [0, hi, lo] | [hi, lo] => Some(u16::from_be_bytes([*hi, *lo])),
            _ => None,
        })
    }

    pub fn extensions(&self) -> Extensions<'a> {
        Extensions(Cut(self.extensions))
    }

    fn extension(&self, number: u16) -> Option<&'a [u8]> {
        self.extensions().find(|e| e.0 == number).map(|e| e.1)
    }

    /// The host names of the server name extension (RFC 6066 3): one in every sane hello.
    pub fn server_names(&self) -> impl Iterator<Item = &'a [u8]> {
        let mut list = Cut(self.extension(ext::SERVER_NAME).and_then(|d| Cut(d).vec16()).unwrap_or_default());
        std::iter::from_fn(move || Some((list.u8()?, list.vec16()?))).filter(|n| n.0 == 0).map(|n| n.1)
    }

    /// Application protocols in the order offered (RFC 7301).
    pub fn alpn(&self) -> impl Iterator<Item = &'a [u8]> {
        alpn(self.extension(ext::ALPN))
    }

    pub fn groups(&self) -> impl Iterator<Item = u16> + Clone + 'a {
        u16s(self.extension(ext::GROUPS).and_then(|d| Cut(d).vec16()).unwrap_or_default())
    }

    pub fn point_formats(&self) -> &'a [u8] {
        self.extension(ext::POINT_FORMATS).and_then(|d| Cut(d).vec8()).unwrap_or_default()
    }

    pub fn signatures(&self) -> impl Iterator<Item = u16> + Clone + 'a {
        u16s(self.extension(ext::SIGNATURES).and_then(|d| Cut(d).vec16()).unwrap_or_default())
    }

    /// Versions of the supported versions extension (RFC 8446 4.2.1); empty without it.
    pub fn supported_versions(&self) -> impl Iterator<Item = u16> + Clone + 'a {
        u16s(self.extension(ext::VERSIONS).and_then(|d| Cut(d).vec8()).unwrap_or_default())
    }

    /// The highest version offered.
    pub fn best_version(&self) -> u16 {
        let dtls = self.version >> 8 == 0xfe;
        let listed = self.supported_versions().filter(|v| !is_grease(*v));
        // DTLS counts downwards.
        let best = if dtls { listed.filter(|v| v >> 8 == 0xfe).min() } else { listed.max() };
        best.unwrap_or(self.version)
    }

    /// Groups that a key is sent for (RFC 8446 4.2.8).
    pub fn key_shares(&self) -> impl Iterator<Item = u16> + 'a {
        let mut list = Cut(self.extension(ext::KEY_SHARE).and_then(|d| Cut(d).vec16()).unwrap_or_default());
        std::iter::from_fn(move || {
            let group = list.u16()?;
            list.vec16()?;
            Some(group)
        })
    }

    pub fn ech(&self) -> Option<Ech> {
        match self.extension(ext::ENCRYPTED_CLIENT_HELLO) {
            Some([1]) => return Some(Ech::Inner),
            Some(_) => return Some(Ech::Outer),
            None => {}
        }
        self.extension(ext::ENCRYPTED_SERVER_NAME).map(|_| Ech::EncryptedServerName)
    }

    /// A session ticket of before (RFC 5077) is offered.
    pub fn has_ticket(&self) -> bool {
        self.extension(ext::SESSION_TICKET).is_some_and(|d| !d.is_empty())
    }

    pub fn has_pre_shared_key(&self) -> bool {
        self.extension(ext::PRE_SHARED_KEY).is_some()
    }

    pub fn has_early_data(&self) -> bool {
        self.extension(ext::EARLY_DATA).is_some()
    }

    pub fn has_extended_master_secret(&self) -> bool {
        self.extension(ext::EXTENDED_MASTER_SECRET).is_some()
    }

    pub fn asks_for_status(&self) -> bool {
        self.extension(ext::STATUS_REQUEST).is_some()
    }

    /// Values of RFC 8701 anywhere.
    pub fn has_grease(&self) -> bool {
        self.ciphers().any(is_grease)
            || self.extensions().any(|e| is_grease(e.0))
            || self.groups().any(is_grease)
            || self.supported_versions().any(is_grease)
    }
}

fn alpn(data: Option<&[u8]>) -> impl Iterator<Item = &[u8]> {
    let mut list = Cut(data.and_then(|d| Cut(d).vec16()).unwrap_or_default());
    std::iter::from_fn(move || list.vec8())
}

/// ServerHello (RFC 8446 4.1.3).
#[derive(Clone, Copy, Debug)]
pub struct ServerHello<'a> {
    pub legacy_version: u16,
    pub random: &'a [u8],
    pub session_id: &'a [u8],
    pub cipher: u16,
    /// 0: records are not compressed.
    pub compression: u8,
    extensions: &'a [u8],
}

/// SHA-256 of "HelloRetryRequest": the random of a ServerHello that asks for another ClientHello.
const HELLO_RETRY: [u8; 32] = [
    0xcf, 0x21, 0xad, 0x74, 0xe5, 0x9a, 0x61, 0x11, 0xbe, 0x1d, 0x8c, 0x02, 0x1e, 0x65, 0xb8, 0x91, 0xc2, 0xa2, 0x11,
    0x16, 0x7a, 0xbb, 0x8c, 0x5e, 0x07, 0x9e, 0x09, 0xe2, 0xc8, 0xa8, 0x33, 0x9c,
];

impl<'a> ServerHello<'a> {
    /// The body of a message. None: cut before the cipher suite.
    pub fn parse(body: &'a [u8]) -> Option<Self> {
        let mut cut = Cut(body);
        let legacy_version = cut.u16()?;
        let random = cut.take(32)?;
        // The drafts of TLS 1.3 before 22 left the session id and the compression out.
        let draft = (0x7f00..=0x7f15).contains(&legacy_version);
        let session_id = if draft { &[][..] } else { cut.vec8()? };
        let cipher = cut.u16()?;
        let compression = if draft { 0 } else { cut.u8().unwrap_or(0) };
        let extensions = cut.vec16().unwrap_or(cut.0);
        Some(Self { legacy_version, random, session_id, cipher, compression, extensions })
    }

    pub fn extensions(&self) -> Extensions<'a> {
        Extensions(Cut(self.extensions))
    }

    fn extension(&self, number: u16) -> Option<&'a [u8]> {
        self.extensions().find(|e| e.0 == number).map(|e| e.1)
    }

    pub fn is_hello_retry_request(&self) -> bool {
        self.random == HELLO_RETRY
    }

    /// The version of the extension.
    pub fn supported_version(&self) -> Option<u16> {
        self.extension(ext::VERSIONS).and_then(|d| Cut(d).u16())
    }

    /// The version chosen.
    pub fn version(&self) -> u16 {
        self.supported_version().unwrap_or(self.legacy_version)
    }

    /// The version as Wireshark shows it: it reads two bytes of the extension, also of an empty one.
    pub fn shown_version(&self) -> u16 {
        let mut cut = Cut(self.extensions);
        while let (Some(number), Some(length)) = (cut.u16(), cut.u16()) {
            if number == ext::VERSIONS {
                return cut.u16().unwrap_or(self.legacy_version);
            }
            if cut.take(length as usize).is_none() {
                break;
            }
        }
        self.legacy_version
    }

    /// The group of the server's key share.
    pub fn group(&self) -> Option<u16> {
        self.extension(ext::KEY_SHARE).and_then(|d| Cut(d).u16())
    }

    pub fn alpn(&self) -> Option<&'a [u8]> {
        alpn(self.extension(ext::ALPN)).next()
    }

    /// The pre-shared key of the client is taken.
    pub fn takes_pre_shared_key(&self) -> bool {
        self.extension(ext::PRE_SHARED_KEY).is_some()
    }
}

/// The part of a ServerHello in front of its extensions, of bytes that go on behind it.
pub fn without_extensions(data: &[u8]) -> Option<&[u8]> {
    data.get(..2 + 32 + 1 + *data.get(34)? as usize + 3)
}

/// The certificates of a Certificate message: plain in TLS 1.2 and before (RFC 5246 7.4.2).
pub fn certificates(body: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut list = Cut(Cut(body).vec24().unwrap_or_default());
    std::iter::from_fn(move || list.vec24())
}

/// A Certificate message of TLS 1.3 (RFC 8446 4.4.2) as one of TLS 1.2: without context and extensions.
pub fn certificates_of_tls13(body: &[u8]) -> Option<Vec<u8>> {
    let mut cut = Cut(body);
    cut.vec8()?;
    let (mut list, mut out) = (Cut(cut.vec24()?), vec![0; 3]);
    let length = |n: usize| (n as u32).to_be_bytes();
    while let (Some(der), Some(_)) = (list.vec24(), list.vec16()) {
        out.extend_from_slice(&length(der.len())[1..]);
        out.extend_from_slice(der);
    }
    let whole = length(out.len() - 3);
    out[..3].copy_from_slice(&whole[1..]);
    Some(out)
}

/// The application protocol chosen in an EncryptedExtensions message (RFC 8446 4.3.1).
pub fn alpn_of_extensions(body: &[u8]) -> Option<&[u8]> {
    let extension = Extensions(Cut(Cut(body).vec16()?)).find(|e| e.0 == ext::ALPN);
    alpn(extension.map(|e| e.1)).next()
}

/// The named group of an elliptic curve key exchange of TLS 1.2 and before (RFC 8422 5.4).
pub fn key_exchange_group(body: &[u8]) -> Option<u16> {
    match body {
        [3, hi, lo, ..] => Some(u16::from_be_bytes([*hi, *lo])),
        _ => None,
    }
}
