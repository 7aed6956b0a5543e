//! Cipher suites whose records can be opened.

use crate::app::tls::names;

/// Hash functions of key derivation and of MACs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hash {
    /// MD5 and SHA-1 side by side: the PRF of TLS 1.0 and 1.1.
    Md5Sha1,
    Sha1,
    Sha256,
    Sha384,
}

/// How records are protected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cipher {
    Aes128Gcm,
    Aes256Gcm,
    ChaCha20Poly1305,
    /// AES in CBC mode with a MAC; bytes of its key.
    AesCbc(usize, Hash),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Suite {
    pub cipher: Cipher,
    /// Of the PRF or of HKDF.
    pub hash: Hash,
}

impl Suite {
    /// None: records of that suite cannot be opened here.
    pub fn of(number: u16, version: u16) -> Option<Self> {
        let name = names::suite(number)?;
        if version == 0x0304 {
            let (cipher, hash) = match number {
                0x1301 => (Cipher::Aes128Gcm, Hash::Sha256),
                0x1302 => (Cipher::Aes256Gcm, Hash::Sha384),
                0x1303 => (Cipher::ChaCha20Poly1305, Hash::Sha256),
                _ => return None,
            };
            return Some(Self { cipher, hash });
        }
        if !(0x0301..=0x0303).contains(&version) {
            return None;
        }
        let (_, cipher) = name.split_once("_WITH_")?;
        let (cipher, hash) = match cipher {
            "AES_128_GCM_SHA256" => (Cipher::Aes128Gcm, Hash::Sha256),
            "AES_256_GCM_SHA384" => (Cipher::Aes256Gcm, Hash::Sha384),
            "CHACHA20_POLY1305_SHA256" => (Cipher::ChaCha20Poly1305, Hash::Sha256),
            "AES_128_CBC_SHA" => (Cipher::AesCbc(16, Hash::Sha1), Hash::Sha256),
            "AES_256_CBC_SHA" => (Cipher::AesCbc(32, Hash::Sha1), Hash::Sha256),
            "AES_128_CBC_SHA256" => (Cipher::AesCbc(16, Hash::Sha256), Hash::Sha256),
            "AES_256_CBC_SHA256" => (Cipher::AesCbc(32, Hash::Sha256), Hash::Sha256),
            "AES_256_CBC_SHA384" => (Cipher::AesCbc(32, Hash::Sha384), Hash::Sha384),
            _ => return None,
        };
        match (version, cipher) {
            (0x0303, _) => Some(Self { cipher, hash }),
            // All that TLS 1.0 and 1.1 know of these.
            (_, Cipher::AesCbc(_, Hash::Sha1)) => Some(Self { cipher, hash: Hash::Md5Sha1 }),
            _ => None,
        }
    }

    /// Bytes of (MAC key, key, fixed IV) of each side in the key block of TLS 1.2 and before (RFC 5246 6.3).
    pub fn lengths(self, version: u16) -> (usize, usize, usize) {
        match self.cipher {
            Cipher::Aes128Gcm => (0, 16, 4),
            Cipher::Aes256Gcm => (0, 32, 4),
            Cipher::ChaCha20Poly1305 => (0, 32, 12),
            Cipher::AesCbc(key, mac) => (mac.bytes(), key, if version == 0x0301 { 16 } else { 0 }),
        }
    }
}

impl Hash {
    /// Bytes of its result.
    pub fn bytes(self) -> usize {
        match self {
            Hash::Md5Sha1 => 36,
            Hash::Sha1 => 20,
            Hash::Sha256 => 32,
            Hash::Sha384 => 48,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn suites_by_version() {
        let of = |n, v| Suite::of(n, v).map(|s| (s.cipher, s.hash));
        assert_eq!(of(0xc02f, 0x0303), Some((Cipher::Aes128Gcm, Hash::Sha256)));
        assert_eq!(of(0xc030, 0x0303), Some((Cipher::Aes256Gcm, Hash::Sha384)));
        assert_eq!(of(0xcca8, 0x0303), Some((Cipher::ChaCha20Poly1305, Hash::Sha256)));
        assert_eq!(of(0x002f, 0x0301), Some((Cipher::AesCbc(16, Hash::Sha1), Hash::Md5Sha1)));
        assert_eq!(of(0x003d, 0x0303), Some((Cipher::AesCbc(32, Hash::Sha256), Hash::Sha256)));
        assert_eq!(of(0x1302, 0x0304), Some((Cipher::Aes256Gcm, Hash::Sha384)));
        // GCM before 1.2, 1.3's in 1.2 and the other way round, CCM, SSL 3.0, no such suite.
        for (number, version) in
            [(0xc02f, 0x0302), (0x1301, 0x0303), (0xc02f, 0x0304), (0x1304, 0x0304), (0x002f, 0x0300), (0xfffe, 0x0303)]
        {
            assert_eq!(of(number, version), None, "{number:04x} {version:04x}");
        }
    }
}
