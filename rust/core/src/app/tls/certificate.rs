//! Certificates (RFC 5280): what is needed while packets are read, and everything when somebody looks.

use super::fingerprint::sha256;
use crate::addr::IpAddr;
use crate::app::message::{Fields, Value, text};
use std::hash::BuildHasher;
use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::{GeneralName, ParsedExtension};
use x509_parser::prelude::FromDer;
use x509_parser::public_key::PublicKey;
use x509_parser::x509::X509Name;

/// Names listed of a certificate.
const MAX_NAMES: usize = 100;
/// Characters of a name or address in a row.
const MAX_TEXT: usize = 512;

/// What a handshake is checked against.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Facts {
    /// Seconds since 1970.
    pub not_before: i64,
    pub not_after: i64,
    /// Subject and issuer are the same name.
    pub self_issued: bool,
    /// Hashes of the names, for the order of a chain.
    pub subject: u64,
    pub issuer: u64,
    /// DNS names it is for, lower case; the common name where it lists none.
    pub dns_names: Vec<Box<str>>,
    pub addresses: Vec<IpAddr>,
    /// Bits of the public key; 0 where its kind has no size of its own.
    pub key_bits: u32,
    pub key_is_rsa: bool,
    /// The signature uses MD5 or SHA-1.
    pub weak_signature: bool,
}

fn address(bytes: &[u8]) -> Option<IpAddr> {
    if let Ok(v4) = <[u8; 4]>::try_from(bytes) {
        return Some(IpAddr::v4(v4));
    }
    <[u8; 16]>::try_from(bytes).ok().map(IpAddr::v6)
}

fn common_name<'a>(name: &'a X509Name<'_>) -> Option<&'a str> {
    name.iter_common_name().last().and_then(|n| n.as_str().ok())
}

impl Facts {
    /// Those of a certificate in DER; None: it is none.
    pub fn of(der: &[u8]) -> Option<Self> {
        let (_, c) = X509Certificate::from_der(der).ok()?;
        // Equal names hash equally within a run; nothing else is asked of it.
        let state = foldhash::fast::FixedState::default();
        let (mut dns_names, mut addresses) = (Vec::new(), Vec::new());
        if let Ok(Some(names)) = c.subject_alternative_name() {
            for name in names.value.general_names.iter().take(MAX_NAMES) {
                match name {
                    GeneralName::DNSName(n) => dns_names.push(n.to_ascii_lowercase().into()),
                    GeneralName::IPAddress(b) => addresses.extend(address(b)),
                    _ => {}
                }
            }
        }
        if dns_names.is_empty() && addresses.is_empty() {
            dns_names.extend(common_name(c.subject()).map(|n| n.to_ascii_lowercase().into()));
        }
        let (key_bits, key_is_rsa) = match c.public_key().parsed() {
            Ok(PublicKey::RSA(k)) => (k.key_size() as u32, true),
            Ok(PublicKey::EC(k)) => (k.key_size() as u32, false),
            _ => (0, false),
        };
        let algorithm = c.signature_algorithm.algorithm.to_id_string();
        Some(Self {
            not_before: c.validity().not_before.timestamp(),
            not_after: c.validity().not_after.timestamp(),
            self_issued: c.subject().as_raw() == c.issuer().as_raw(),
            subject: state.hash_one(c.subject().as_raw()),
            issuer: state.hash_one(c.issuer().as_raw()),
            dns_names,
            addresses,
            key_bits,
            key_is_rsa,
            weak_signature: matches!(signature_name(&algorithm), Some(n) if n.contains("MD5") || n.contains("SHA1")),
        })
    }

    /// Whether the certificate is for that server name (RFC 9525 6.3): a wildcard stands for one whole label, the first.
    pub fn is_for(&self, name: &str) -> bool {
        let name = name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase();
        if let Ok(ip) = name.parse::<std::net::IpAddr>() {
            let ip = match ip {
                std::net::IpAddr::V4(a) => IpAddr::v4(a.octets()),
                std::net::IpAddr::V6(a) => IpAddr::v6(a.octets()),
            };
            return self.addresses.contains(&ip);
        }
        self.dns_names.iter().any(|pattern| {
            let pattern = pattern.strip_suffix('.').unwrap_or(pattern);
            match pattern.strip_prefix("*.") {
                Some(rest) => name.split_once('.').is_some_and(|(label, of)| !label.is_empty() && of == rest),
                None => name == pattern,
            }
        })
    }
}

/// Names of signature algorithms by object identifier.
fn signature_name(oid: &str) -> Option<&'static str> {
    Some(match oid {
        "1.2.840.113549.1.1.2" => "RSA-MD2",
        "1.2.840.113549.1.1.4" => "RSA-MD5",
        "1.2.840.113549.1.1.5" | "1.3.14.3.2.29" => "RSA-SHA1",
        "1.2.840.113549.1.1.10" => "RSA-PSS",
        "1.2.840.113549.1.1.11" => "RSA-SHA256",
        "1.2.840.113549.1.1.12" => "RSA-SHA384",
        "1.2.840.113549.1.1.13" => "RSA-SHA512",
        "1.2.840.113549.1.1.14" => "RSA-SHA224",
        "1.2.840.10045.4.1" => "ECDSA-SHA1",
        "1.2.840.10045.4.3.1" => "ECDSA-SHA224",
        "1.2.840.10045.4.3.2" => "ECDSA-SHA256",
        "1.2.840.10045.4.3.3" => "ECDSA-SHA384",
        "1.2.840.10045.4.3.4" => "ECDSA-SHA512",
        "1.2.840.10040.4.3" => "DSA-SHA1",
        "2.16.840.1.101.3.4.3.2" => "DSA-SHA256",
        "1.3.101.112" => "Ed25519",
        "1.3.101.113" => "Ed448",
        "1.2.156.10197.1.501" => "SM2-SM3",
        "2.16.840.1.101.3.4.3.17" => "ML-DSA-44",
        "2.16.840.1.101.3.4.3.18" => "ML-DSA-65",
        "2.16.840.1.101.3.4.3.19" => "ML-DSA-87",
        _ => return None,
    })
}

fn key_name(oid: &str) -> Option<&'static str> {
    Some(match oid {
        "1.2.840.113549.1.1.1" => "RSA",
        "1.2.840.113549.1.1.10" => "RSA-PSS",
        "1.2.840.10045.2.1" => "EC",
        "1.2.840.10040.4.1" => "DSA",
        "1.3.101.110" => "X25519",
        _ => return signature_name(oid),
    })
}

fn curve_name(oid: &str) -> Option<&'static str> {
    Some(match oid {
        "1.2.840.10045.3.1.1" => "secp192r1",
        "1.3.132.0.33" => "secp224r1",
        "1.2.840.10045.3.1.7" => "secp256r1",
        "1.3.132.0.34" => "secp384r1",
        "1.3.132.0.35" => "secp521r1",
        "1.3.132.0.10" => "secp256k1",
        "1.3.36.3.3.2.8.1.1.7" => "brainpoolP256r1",
        "1.3.36.3.3.2.8.1.1.11" => "brainpoolP384r1",
        "1.3.36.3.3.2.8.1.1.13" => "brainpoolP512r1",
        "1.2.156.10197.1.301" => "curveSM2",
        _ => return None,
    })
}

fn named(oid: &str, of: fn(&str) -> Option<&'static str>) -> Value {
    of(oid).map_or_else(|| Value::Text(oid.into()), Value::Name)
}

pub fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut out, b| {
        // Writing to a String cannot fail.
        let _ = write!(out, "{b:02x}");
        out
    })
}

fn name_text(name: &X509Name<'_>) -> Value {
    Value::Text(text(name.to_string().as_bytes(), MAX_TEXT))
}

/// Everything in a certificate; one that cannot be read has its fingerprint and size.
pub fn fields(der: &[u8]) -> Fields {
    let mut out: Fields = vec![("sha256", hex(&sha256(der)).into()), ("bytes", der.len().into())];
    let Ok((_, c)) = X509Certificate::from_der(der) else {
        out.push(("malformed", true.into()));
        return out;
    };
    let mut names: Vec<Value> = Vec::new();
    let mut addresses: Vec<Value> = Vec::new();
    let mut others = 0;
    if let Ok(Some(list)) = c.subject_alternative_name() {
        for name in &list.value.general_names {
            match name {
                GeneralName::DNSName(n) if names.len() < MAX_NAMES => {
                    names.push(Value::Text(text(n.as_bytes(), MAX_TEXT)));
                }
                GeneralName::IPAddress(b) if addresses.len() < MAX_NAMES => addresses.extend(address(b).map(Value::Ip)),
                _ => others += 1,
            }
        }
    }
    let spki = c.public_key();
    let curve = spki.algorithm.parameters.as_ref().and_then(|p| p.as_oid().ok()).map(|o| o.to_id_string());
    let bits = match spki.parsed() {
        Ok(PublicKey::RSA(k)) => Value::Int(k.key_size() as i64),
        Ok(PublicKey::EC(k)) => Value::Int(k.key_size() as i64),
        Ok(PublicKey::DSA(k)) => Value::Int(k.len() as i64 * 8),
        _ => Value::None,
    };
    let is_ca = c.basic_constraints().ok().flatten().map(|b| b.value.ca);
    let uses: Vec<Value> = c.extended_key_usage().ok().flatten().map_or_else(Vec::new, |u| {
        let u = u.value;
        [
            (u.server_auth, "server_auth"),
            (u.client_auth, "client_auth"),
            (u.code_signing, "code_signing"),
            (u.email_protection, "email_protection"),
            (u.time_stamping, "time_stamping"),
            (u.ocsp_signing, "ocsp_signing"),
            (u.any, "any"),
        ]
        .iter()
        .filter(|u| u.0)
        .map(|u| Value::Name(u.1))
        .collect()
    });
    let scts = c.extensions().iter().any(|e| matches!(e.parsed_extension(), ParsedExtension::SCT(_)));
    out.extend([
        ("subject", name_text(c.subject())),
        ("common_name", common_name(c.subject()).map(|n| text(n.as_bytes(), MAX_TEXT)).into()),
        ("issuer", name_text(c.issuer())),
        ("serial", text(c.tbs_certificate.raw_serial_as_string().as_bytes(), 128).into()),
        ("version", (c.version().0 + 1).into()),
        ("not_before_s", c.validity().not_before.timestamp().into()),
        ("not_after_s", c.validity().not_after.timestamp().into()),
        ("dns_names", names.into()),
        ("ip_addresses", addresses.into()),
        ("other_names", others.into()),
        ("key_type", named(&spki.algorithm.algorithm.to_id_string(), key_name)),
        ("key_bits", bits),
        ("curve", curve.map_or(Value::None, |o| named(&o, curve_name))),
        ("signature_algorithm", named(&c.signature_algorithm.algorithm.to_id_string(), signature_name)),
        ("self_signed", (c.subject().as_raw() == c.issuer().as_raw()).into()),
        ("is_ca", is_ca.into()),
        ("extended_key_usage", uses.into()),
        ("has_scts", scts.into()),
    ]);
    out
}
