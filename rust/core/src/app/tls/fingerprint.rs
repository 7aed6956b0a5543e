//! Fingerprints of hellos: JA3 and JA3S (Salesforce), JA4 (FoxIO, BSD licence; none of the other JA4+ methods).

use super::handshake::{ClientHello, ServerHello};
use super::names::is_grease;
use arrayvec::ArrayString;
use md5::{Digest, Md5};
use sha2::Sha256;
use std::fmt::Write;

pub type Ja4 = ArrayString<36>;

/// What carries the hello: the first letter of a JA4.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Carrier {
    Tcp,
    Quic,
    Dtls,
}

fn join(out: &mut String, numbers: impl Iterator<Item = u16>) {
    let mut first = true;
    for n in numbers.filter(|n| !is_grease(*n)) {
        // Writing to a String cannot fail.
        let _ = if std::mem::take(&mut first) { write!(out, "{n}") } else { write!(out, "-{n}") };
    }
}

/// The text JA3 is the MD5 of: version, suites, extensions, groups, point formats; GREASE left out.
pub fn ja3_text(hello: &ClientHello<'_>, out: &mut String) {
    out.clear();
    let _ = write!(out, "{},", hello.version);
    join(out, hello.ciphers());
    out.push(',');
    join(out, hello.extensions().map(|e| e.0));
    out.push(',');
    join(out, hello.groups());
    out.push(',');
    join(out, hello.point_formats().iter().map(|&f| f as u16));
}

pub fn ja3s_text(hello: &ServerHello<'_>, out: &mut String) {
    out.clear();
    let _ = write!(out, "{},{},", hello.legacy_version, hello.cipher);
    join(out, hello.extensions().map(|e| e.0));
}

pub fn md5(text: &str) -> [u8; 16] {
    Md5::digest(text.as_bytes()).into()
}

pub fn sha256(data: &[u8]) -> [u8; 32] {
    Sha256::digest(data).into()
}

fn version(v: u16) -> &'static str {
    match v {
        0x0304 => "13",
        0x0303 => "12",
        0x0302 => "11",
        0x0301 => "10",
        0x0300 => "s3",
        0x0002 => "s2",
        0xfeff => "d1",
        0xfefd => "d2",
        0xfefc => "d3",
        _ => "00",
    }
}

/// First and last character of the first application protocol; of their hexadecimal form where one is no letter or digit.
fn alpn(name: Option<&[u8]>) -> [char; 2] {
    let Some((&first, &last)) = name.and_then(|n| Some((n.first()?, n.last()?))) else { return ['0'; 2] };
    if first.is_ascii_alphanumeric() && last.is_ascii_alphanumeric() {
        return [first as char, last as char];
    }
    let digit = |n: u8| char::from_digit(n as u32, 16).unwrap_or('0');
    [digit(first >> 4), digit(last & 0x0f)]
}

/// Twelve hexadecimal digits of the SHA-256.
fn short_hash(out: &mut Ja4, text: &str, empty: bool) {
    if empty {
        let _ = out.try_push_str("000000000000");
        return;
    }
    for byte in &sha256(text.as_bytes())[..6] {
        let _ = write!(out, "{byte:02x}");
    }
}

fn hex_list(out: &mut String, numbers: impl Iterator<Item = u16>) {
    for (i, n) in numbers.enumerate() {
        let _ = write!(out, "{}{n:04x}", if i > 0 { "," } else { "" });
    }
}

/// JA4 of a client hello: 36 characters.
pub fn ja4(hello: &ClientHello<'_>, carrier: Carrier) -> Ja4 {
    let mut ciphers: Vec<u16> = hello.ciphers().filter(|c| !is_grease(*c)).collect();
    let mut extensions: Vec<u16> = hello.extensions().map(|e| e.0).filter(|e| !is_grease(*e)).collect();
    let carrier = match carrier {
        Carrier::Tcp => 't',
        Carrier::Quic => 'q',
        Carrier::Dtls => 'd',
    };
    let [a, z] = alpn(hello.alpn().next());
    let mut out = Ja4::new();
    // 36 characters by construction.
    let _ = write!(
        out,
        "{carrier}{}{}{:02}{:02}{a}{z}_",
        version(hello.best_version()),
        if extensions.contains(&0) { 'd' } else { 'i' },
        ciphers.len().min(99),
        extensions.len().min(99)
    );
    ciphers.sort_unstable();
    let mut text = String::with_capacity(512);
    hex_list(&mut text, ciphers.iter().copied());
    short_hash(&mut out, &text, ciphers.is_empty());
    let _ = out.try_push('_');
    let none = extensions.is_empty();
    extensions.retain(|e| !matches!(e, 0 | 16));
    extensions.sort_unstable();
    text.clear();
    hex_list(&mut text, extensions.iter().copied());
    let signatures = hello.signatures().filter(|s| !is_grease(*s));
    if signatures.clone().next().is_some() {
        text.push('_');
        hex_list(&mut text, signatures);
    }
    short_hash(&mut out, &text, none);
    out
}
