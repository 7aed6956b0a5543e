//! Handshake messages, by their type.

use super::extensions::{Hello, extensions, timestamps};
use super::walk::Walk;
use super::{Put, dtls, tls};
use crate::app::tls::fingerprint;
use crate::app::tls::handshake::{self as msg, ClientHello, ServerHello};
use crate::app::tls::names;

/// What of the hellos the messages behind them depend on.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Hellos {
    pub cipher: Option<u16>,
    pub version: Option<u16>,
}

/// How keys are agreed on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Exchange {
    EllipticCurve,
    DiffieHellman,
    Rsa,
    Other,
}

impl Hellos {
    fn exchange(self) -> Exchange {
        let name = self.cipher.and_then(names::suite).unwrap_or_default();
        match name {
            n if n.starts_with("TLS_ECDHE_PSK") || n.contains("PSK_WITH") || n.contains("SRP") => Exchange::Other,
            n if n.starts_with("TLS_ECDHE_") || n.starts_with("TLS_ECDH_") => Exchange::EllipticCurve,
            n if n.starts_with("TLS_DHE_") || n.starts_with("TLS_DH_") => Exchange::DiffieHellman,
            n if n.starts_with("TLS_RSA_") => Exchange::Rsa,
            _ => Exchange::Other,
        }
    }

    /// Whether signatures name their algorithm (RFC 5246 4.7).
    fn names_signatures(self) -> bool {
        matches!(self.version, Some(0x0303 | 0x0304 | 0xfefd | 0xfefc))
    }

    fn is_anonymous(self) -> bool {
        self.cipher.and_then(names::suite).is_some_and(|n| n.contains("_anon_"))
    }
}

/// A handshake message. `body` stands at `at`, behind the header of the message; `with_header`: that is put, too.
pub(crate) fn message(put: &mut Put<'_>, kind: u8, body: &[u8], at: usize, hellos: Hellos, with_header: bool) {
    if with_header {
        put.sink.label(put.id(tls::HANDSHAKE), at.saturating_sub(4), 4 + body.len());
        put.sink.uint(put.id(tls::TYPE), kind as u64, at.saturating_sub(4), 1);
        put.sink.uint(put.id(tls::LENGTH), body.len() as u64, at.saturating_sub(3), 3);
    }
    let is_dtls = put.dtls;
    let mut w = put.walk(body, at);
    match kind {
        msg::CLIENT_HELLO => client_hello(&mut w, body, is_dtls),
        msg::SERVER_HELLO => server_hello(&mut w, body),
        msg::HELLO_VERIFY_REQUEST if is_dtls => {
            w.number(tls::VERSION, 2);
            cookie(&mut w);
        }
        msg::CERTIFICATE => certificates(&mut w),
        msg::NEW_SESSION_TICKET => {
            w.number(tls::TICKET_LIFETIME, 4);
            if let Some(n) = w.number(tls::TICKET_LENGTH, 2) {
                w.bytes(tls::TICKET, n);
            }
        }
        msg::SERVER_KEY_EXCHANGE => server_keys(&mut w, hellos),
        msg::CLIENT_KEY_EXCHANGE => client_keys(&mut w, hellos),
        msg::CERTIFICATE_REQUEST => certificate_request(&mut w, hellos),
        CERTIFICATE_VERIFY => {
            if hellos.names_signatures() {
                signature_algorithm(&mut w);
            }
            if let Some(n) = w.number(tls::VERIFY_SIG_LEN, 2) {
                w.bytes(tls::VERIFY_SIG, n);
            }
        }
        _ => {}
    }
}

const CERTIFICATE_VERIFY: u8 = 15;

fn cookie(w: &mut Walk<'_, '_, '_>) {
    // The fields of DTLS alone: the shift is taken off again.
    let own = |f: crate::filter::FieldId, w: &Walk<'_, '_, '_>| crate::filter::FieldId(f.0 - w.put.shift);
    let (length, value) = (own(dtls::HELLO_COOKIE_LENGTH, w), own(dtls::HELLO_COOKIE, w));
    if let Some(n) = w.number(length, 1) {
        w.bytes(value, n);
    }
}

/// Version, random, session id: what both hellos begin with.
fn hello(w: &mut Walk<'_, '_, '_>, has_time: bool) {
    w.number(tls::VERSION, 2);
    if w.left() < 32 {
        return;
    }
    w.within(32, |w| {
        if has_time {
            w.time(tls::RANDOM_TIME);
        }
        let random = w.peek();
        w.bytes(tls::RANDOM, 32);
        let _ = random;
    });
}

fn session_id(w: &mut Walk<'_, '_, '_>) {
    if let Some(n) = w.number(tls::SESSION_ID_LENGTH, 1) {
        w.bytes(tls::SESSION_ID, n);
    }
}

fn client_hello(w: &mut Walk<'_, '_, '_>, body: &[u8], is_dtls: bool) {
    let has_time = !w.put.tls13;
    random_bytes(w, has_time);
    hello(w, has_time);
    session_id(w);
    if is_dtls {
        cookie(w);
    }
    let Some(n) = w.number(tls::CIPHER_SUITES_LENGTH, 2) else { return };
    w.label(tls::CIPHERSUITES, n);
    w.within(n, |w| w.each(|w| _ = w.number(tls::CIPHERSUITE, 2)));
    let Some(n) = w.number(tls::COMP_METHODS_LENGTH, 1) else { return };
    w.label(tls::COMP_METHODS, n);
    w.within(n, |w| w.each(|w| _ = w.number(tls::COMP_METHOD, 1)));
    extensions(w, Hello::Client);
    if (w.wants(tls::JA3) || w.wants(tls::JA3_FULL))
        && let Some(hello) = ClientHello::parse(body, is_dtls)
    {
        let mut text = String::new();
        fingerprint::ja3_text(&hello, &mut text);
        w.made(tls::JA3_FULL, &text);
        w.made(tls::JA3, &hex(&fingerprint::md5(&text)));
    }
}

fn server_hello(w: &mut Walk<'_, '_, '_>, body: &[u8]) {
    let parsed = ServerHello::parse(body);
    let tls13 = w.put.tls13 || parsed.is_some_and(|h| matches!(h.version(), 0x0304 | 0x7f00..=0x7fff | 0xfefc));
    let retry = parsed.is_some_and(|h| h.is_hello_retry_request());
    random_bytes(w, !tls13);
    hello(w, !tls13);
    session_id(w);
    w.number(tls::CIPHERSUITE, 2);
    w.number(tls::COMP_METHOD, 1);
    extensions(w, if retry { Hello::Retry } else { Hello::Server });
    if (w.wants(tls::JA3S) || w.wants(tls::JA3S_FULL))
        && let Some(hello) = parsed
    {
        let mut text = String::new();
        fingerprint::ja3s_text(&hello, &mut text);
        w.made(tls::JA3S_FULL, &text);
        w.made(tls::JA3S, &hex(&fingerprint::md5(&text)));
    }
}

/// The random behind its time, which is put in front of what is read in order.
fn random_bytes(w: &mut Walk<'_, '_, '_>, has_time: bool) {
    if has_time && let Some(bytes) = w.peek().get(6..34) {
        let (id, at) = (w.put.id(tls::RANDOM_BYTES), 6);
        w.put.sink.bytes(id, bytes, at);
    }
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes.iter().fold(String::new(), |mut out, b| {
        // Writing to a String cannot fail.
        let _ = write!(out, "{b:02x}");
        out
    })
}

fn certificates(w: &mut Walk<'_, '_, '_>) {
    let Some(n) = w.number(tls::CERTIFICATES_LENGTH, 3) else { return };
    if n > 0 {
        w.label(tls::CERTIFICATES, n);
    }
    w.within(n, |w| {
        w.each(|w| {
            if let Some(n) = w.number(tls::CERTIFICATE_LENGTH, 3) {
                w.within(n, embedded_timestamps);
            }
        });
    });
}

/// A certificate, with the timestamps in it (RFC 6962 3.3: an extension whose value is a string in a string).
fn embedded_timestamps(w: &mut Walk<'_, '_, '_>) {
    // 1.3.6.1.4.1.11129.2.4.2
    const OID: [u8; 12] = [6, 10, 0x2b, 6, 1, 4, 1, 0xd6, 0x79, 2, 4, 2];
    let der = w.peek();
    let start = w.here();
    w.bytes(tls::CERTIFICATE, der.len());
    let Some(mut at) = der.windows(OID.len()).position(|o| o == OID).map(|i| i + OID.len()) else { return };
    for _ in 0..2 {
        let Some(n) = octet_string(der.get(at..).unwrap_or_default()) else { return };
        at += n;
    }
    w.back_to(start + at);
    timestamps(w);
}

/// Bytes of the header of an OCTET STRING.
fn octet_string(der: &[u8]) -> Option<usize> {
    match *der {
        [4, n, ..] if n < 0x80 => Some(2),
        [4, 0x81, _, ..] => Some(3),
        [4, 0x82, _, _, ..] => Some(4),
        _ => None,
    }
}

pub(super) fn signature_algorithm(w: &mut Walk<'_, '_, '_>) {
    let &[hash, signature, ..] = w.peek() else { return };
    let (h, s) = (w.put.id(tls::SIG_HASH), w.put.id(tls::SIG_SIG));
    w.put.sink.uint(h, hash as u64, 0, 1);
    w.put.sink.uint(s, signature as u64, 0, 1);
    w.number(tls::SIG_ALG, 2);
}

fn signature(w: &mut Walk<'_, '_, '_>, hellos: Hellos) {
    if hellos.is_anonymous() {
        return;
    }
    if hellos.names_signatures() {
        signature_algorithm(w);
    }
    if let Some(n) = w.number(tls::SIG_LEN, 2) {
        w.bytes(tls::SIG, n);
    }
}

fn server_keys(w: &mut Walk<'_, '_, '_>, hellos: Hellos) {
    match hellos.exchange() {
        Exchange::EllipticCurve => {
            // RFC 8422 5.4: a named curve is all that is left.
            if w.number(tls::CURVE_TYPE, 1) != Some(3) {
                return;
            }
            w.number(tls::NAMED_CURVE, 2);
            if let Some(n) = w.number(tls::SERVER_POINT_LEN, 1) {
                w.bytes(tls::SERVER_POINT, n);
            }
            signature(w, hellos);
        }
        Exchange::DiffieHellman => {
            for (length, value) in [(tls::P_LEN, tls::P), (tls::G_LEN, tls::G), (tls::YS_LEN, tls::YS)] {
                if let Some(n) = w.number(length, 2) {
                    w.bytes(value, n);
                }
            }
            signature(w, hellos);
        }
        Exchange::Rsa | Exchange::Other => {}
    }
}

fn client_keys(w: &mut Walk<'_, '_, '_>, hellos: Hellos) {
    let (length, bytes, value) = match hellos.exchange() {
        Exchange::EllipticCurve => (tls::CLIENT_POINT_LEN, 1, tls::CLIENT_POINT),
        Exchange::DiffieHellman => (tls::YC_LEN, 2, tls::YC),
        Exchange::Rsa => (tls::EPMS_LEN, 2, tls::EPMS),
        Exchange::Other => return,
    };
    if length == tls::EPMS_LEN && hellos.version == Some(0x0300) {
        // SSL 3.0 has no length in front.
        let n = w.left();
        w.bytes(value, n);
    } else if let Some(n) = w.number(length, bytes) {
        w.bytes(value, n);
    }
}

fn certificate_request(w: &mut Walk<'_, '_, '_>, hellos: Hellos) {
    if let Some(n) = w.number(tls::CERT_TYPES_COUNT, 1)
        && n > 0
    {
        w.label(tls::CERT_TYPES, n);
        w.within(n, |w| w.each(|w| _ = w.number(tls::CERT_TYPE, 1)));
    }
    if hellos.names_signatures() {
        signature_algorithms(w);
    }
    if let Some(n) = w.number(tls::DNAMES_LEN, 2)
        && n > 0
    {
        w.label(tls::DNAMES, n);
        w.within(n, |w| {
            w.each(|w| {
                if let Some(n) = w.number(tls::DNAME_LEN, 2) {
                    w.skip(n);
                }
            });
        });
    }
}

/// A list of signature algorithms with its length.
pub(super) fn signature_algorithms(w: &mut Walk<'_, '_, '_>) {
    let Some(n) = w.number(tls::SIG_ALGS_LEN, 2) else { return };
    w.label(tls::SIG_ALGS, n);
    w.within(n, |w| w.each(signature_algorithm));
}
