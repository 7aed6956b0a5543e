//! Keys out of secrets: the PRF of TLS 1.0 to 1.2 (RFC 2246 5, RFC 5246 5) and HKDF-Expand-Label of TLS 1.3
//! (RFC 8446 7.1).

use super::suite::Hash;
use hkdf::Hkdf;
use hmac::{Hmac, KeyInit, Mac};
use md5::Md5;
use sha1::Sha1;
use sha2::{Sha256, Sha384};

/// HMAC over the parts, which stand one behind the other. None: there is no such MAC, or no such key.
pub fn hmac(hash: Hash, key: &[u8], parts: &[&[u8]]) -> Option<Vec<u8>> {
    macro_rules! mac {
        ($hash:ty) => {{
            let mut mac = Hmac::<$hash>::new_from_slice(key).ok()?;
            parts.iter().for_each(|part| mac.update(part));
            mac.finalize().into_bytes().to_vec()
        }};
    }
    Some(match hash {
        Hash::Md5Sha1 => return None,
        Hash::Sha1 => mac!(Sha1),
        Hash::Sha256 => mac!(Sha256),
        Hash::Sha384 => mac!(Sha384),
    })
}

fn hmac_md5(key: &[u8], parts: &[&[u8]]) -> Option<Vec<u8>> {
    let mut mac = Hmac::<Md5>::new_from_slice(key).ok()?;
    parts.iter().for_each(|part| mac.update(part));
    Some(mac.finalize().into_bytes().to_vec())
}

/// P_hash of RFC 5246 5.
fn p_hash(mac: impl Fn(&[&[u8]]) -> Option<Vec<u8>>, seed: &[&[u8]], bytes: usize) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(bytes + 64);
    let mut a = mac(seed)?;
    // Ends: each turn adds the bytes of a hash.
    while out.len() < bytes {
        let parts: Vec<&[u8]> = std::iter::once(&a[..]).chain(seed.iter().copied()).collect();
        out.extend(mac(&parts)?);
        a = mac(&[&a])?;
    }
    out.truncate(bytes);
    Some(out)
}

/// The key block of TLS 1.2 and before: `bytes` of it (RFC 5246 6.3).
pub fn key_block(hash: Hash, master: &[u8], client: &[u8], server: &[u8], bytes: usize) -> Option<Vec<u8>> {
    prf(hash, master, &[b"key expansion", server, client], bytes)
}

fn prf(hash: Hash, secret: &[u8], seed: &[&[u8]], bytes: usize) -> Option<Vec<u8>> {
    if hash != Hash::Md5Sha1 {
        return p_hash(|parts| hmac(hash, secret, parts), seed, bytes);
    }
    // Each half of the secret for one of the two; they share the middle byte of an odd length (RFC 2246 5).
    let half = secret.len().div_ceil(2);
    let (first, second) = (secret.get(..half)?, secret.get(secret.len() - half..)?);
    let mut out = p_hash(|parts| hmac_md5(first, parts), seed, bytes)?;
    let other = p_hash(|parts| hmac(Hash::Sha1, second, parts), seed, bytes)?;
    out.iter_mut().zip(other).for_each(|(a, b)| *a ^= b);
    Some(out)
}

/// HKDF-Expand-Label without context: `bytes` of it. None: the secret is too short for the hash.
pub fn expand(hash: Hash, secret: &[u8], label: &str, bytes: usize) -> Option<Vec<u8>> {
    let mut out = vec![0; bytes];
    let (length, label_length) = (u16::try_from(bytes).ok()?.to_be_bytes(), [u8::try_from(6 + label.len()).ok()?]);
    let info: [&[u8]; 5] = [&length, &label_length, b"tls13 ", label.as_bytes(), &[0]];
    match hash {
        Hash::Sha256 => Hkdf::<Sha256>::from_prk(secret).ok()?.expand_multi_info(&info, &mut out).ok()?,
        Hash::Sha384 => Hkdf::<Sha384>::from_prk(secret).ok()?.expand_multi_info(&info, &mut out).ok()?,
        _ => return None,
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hex(text: &str) -> Vec<u8> {
        let digits: String = text.split_whitespace().collect();
        (0..digits.len() / 2).map(|i| u8::from_str_radix(&digits[2 * i..2 * i + 2], 16).unwrap()).collect()
    }

    /// The vector that the IETF's TLS list has for the PRF of TLS 1.2 with SHA-256.
    #[test]
    fn prf_of_tls_12() {
        let secret = hex("9b be 43 6b a9 40 f0 17 b1 76 52 84 9a 71 db 35");
        let seed = hex("a0 ba 9f 93 6c da 31 18 27 a6 f7 96 ff d5 19 8c");
        let expected = hex(
            "e3 f2 29 ba 72 7b e1 7b 8d 12 26 20 55 7c d4 53 c2 aa b2 1d 07 c3 d4 95 32 9b 52 d4 e6 1e db 5a 6b 30 17 91
             e9 0d 35 c9 c9 a4 6b 4e 14 ba f9 af 0f a0 22 f7 07 7d ef 17 ab fd 37 97 c0 56 4b ab 4f bc 91 66 6e 9d ef 9b
             97 fc e3 4f 79 67 89 ba a4 80 82 d1 22 ee 42 c5 a7 2e 5a 51 10 ff f7 01 87 34 7b 66",
        );
        assert_eq!(prf(Hash::Sha256, &secret, &[b"test label", &seed], 100), Some(expected));
    }

    /// RFC 8448 section 3: from the server's handshake traffic secret.
    #[test]
    fn keys_of_rfc_8448() {
        let secret =
            hex("b6 7b 7d 69 0c c1 6c 4e 75 e5 42 13 cb 2d 37 b4 e9 c9 12 bc de d9 10 5d 42 be fd 59 d3 91 ad 38");
        let key = hex("3f ce 51 60 09 c2 17 27 d0 f2 e4 e8 6e e4 03 bc");
        let iv = hex("5d 31 3e b2 67 12 76 ee 13 00 0b 30");
        assert_eq!(expand(Hash::Sha256, &secret, "key", 16), Some(key));
        assert_eq!(expand(Hash::Sha256, &secret, "iv", 12), Some(iv));
        assert_eq!(expand(Hash::Sha384, &secret, "iv", 12), None);
    }
}
