//! Opens the records of one direction, from the change to its keys on.

use super::derive;
use super::suite::{Cipher, Hash, Suite};
use aes_gcm::aead::{AeadInOut, KeyInit};
use aes_gcm::aes::cipher::BlockCipherDecrypt;
use aes_gcm::aes::{Aes128, Aes256};
use aes_gcm::{Aes128Gcm, Aes256Gcm, Nonce, Tag};
use chacha20poly1305::ChaCha20Poly1305;

/// Bytes of the tag of all three AEADs.
const TAG: usize = 16;
/// Bytes of a block of AES.
const BLOCK: usize = 16;
/// Bytes of the nonce that a record of GCM brings (RFC 5288 3).
const EXPLICIT: usize = 8;

/// A record as it came.
pub struct Sealed<'a> {
    pub kind: u8,
    pub version: u16,
    /// Behind the header.
    pub body: &'a [u8],
}

enum Seal {
    Gcm128(Box<Aes128Gcm>),
    Gcm256(Box<Aes256Gcm>),
    ChaCha(Box<ChaCha20Poly1305>),
    Cbc(Box<Cbc>),
}

/// AES in CBC mode.
struct Cbc {
    key: Aes,
    hash: Hash,
    mac_key: Vec<u8>,
    /// TLS 1.0: the last block of the record before is the IV of the next one.
    chained: Option<[u8; BLOCK]>,
    /// RFC 7366.
    encrypt_then_mac: bool,
}

#[allow(clippy::large_enum_variant)] // the whole is boxed
enum Aes {
    Short(Aes128),
    Long(Aes256),
}

impl Aes {
    fn decrypt(&self, block: [u8; BLOCK]) -> [u8; BLOCK] {
        let mut block = block.into();
        match self {
            Aes::Short(key) => key.decrypt_block(&mut block),
            Aes::Long(key) => key.decrypt_block(&mut block),
        }
        block.into()
    }
}

/// Keys of one direction and the number of its next record.
pub struct Opener {
    seal: Seal,
    iv: [u8; 12],
    sequence: u64,
    /// The nonce is made of the record's number (TLS 1.3, ChaCha20): no part of it is in the record.
    numbered: bool,
}

impl Opener {
    /// Of TLS 1.3 (RFC 8446 7.3). None: the secret does not fit the suite.
    pub fn of_secret(suite: Suite, secret: &[u8]) -> Option<Self> {
        let expected = suite.hash.bytes();
        if secret.len() != expected {
            return None;
        }
        let (_, key_bytes, _) = suite.lengths(0x0303);
        let key = derive::expand(suite.hash, secret, "key", key_bytes)?;
        let iv = derive::expand(suite.hash, secret, "iv", 12)?.try_into().ok()?;
        Some(Self { seal: seal(suite.cipher, &key)?, iv, sequence: 0, numbered: true })
    }

    /// Of TLS 1.2 and before, of the client or of the server (RFC 5246 6.3).
    pub fn of_key_block(
        suite: Suite,
        version: u16,
        block: &[u8],
        of_server: bool,
        encrypt_then_mac: bool,
    ) -> Option<Self> {
        let (mac, key, iv) = suite.lengths(version);
        let own = of_server as usize;
        let cut = |at: usize, bytes: usize| block.get(at + own * bytes..at + (own + 1) * bytes);
        let (mac_key, key, fixed) = (cut(0, mac)?, cut(2 * mac, key)?, cut(2 * (mac + key), iv)?);
        let seal = match suite.cipher {
            Cipher::AesCbc(_, hash) => Seal::Cbc(Box::new(Cbc {
                key: match key.len() {
                    16 => Aes::Short(Aes128::new_from_slice(key).ok()?),
                    _ => Aes::Long(Aes256::new_from_slice(key).ok()?),
                },
                hash,
                mac_key: mac_key.to_vec(),
                chained: fixed.try_into().ok(),
                encrypt_then_mac,
            })),
            cipher => seal(cipher, key)?,
        };
        let mut whole = [0; 12];
        whole.iter_mut().zip(fixed).for_each(|(a, b)| *a = *b);
        Some(Self { seal, iv: whole, sequence: 0, numbered: suite.cipher == Cipher::ChaCha20Poly1305 })
    }

    /// What a record of TLS 1.2 or before holds. None: it is not what these keys sealed as the next one.
    pub fn open(&mut self, record: &Sealed<'_>) -> Option<Vec<u8>> {
        let head = |bytes: usize| {
            let mut head = [0; 13];
            head[..8].copy_from_slice(&self.sequence.to_be_bytes());
            head[8] = record.kind;
            head[9..11].copy_from_slice(&record.version.to_be_bytes());
            head[11..].copy_from_slice(&u16::try_from(bytes).unwrap_or(u16::MAX).to_be_bytes());
            head
        };
        let text = match &mut self.seal {
            Seal::Cbc(cbc) => cbc.open(record.body, head)?,
            _ => {
                let (nonce, sealed) = if self.numbered {
                    (self.nonce(), record.body)
                } else {
                    let (explicit, sealed) = record.body.split_at_checked(EXPLICIT)?;
                    let mut nonce = self.iv;
                    nonce[4..].copy_from_slice(explicit);
                    (nonce, sealed)
                };
                self.aead(nonce, &head(sealed.len().checked_sub(TAG)?), sealed)?
            }
        };
        self.sequence = self.sequence.checked_add(1)?;
        Some(text)
    }

    /// (content type, content) of a record of TLS 1.3 (RFC 8446 5.2).
    pub fn open_tls13(&mut self, record: &Sealed<'_>) -> Option<(u8, Vec<u8>)> {
        let mut head = [record.kind, 0, 0, 0, 0];
        head[1..3].copy_from_slice(&record.version.to_be_bytes());
        head[3..].copy_from_slice(&u16::try_from(record.body.len()).ok()?.to_be_bytes());
        let mut text = self.aead(self.nonce(), &head, record.body)?;
        self.sequence = self.sequence.checked_add(1)?;
        // Zeros behind the type pad the record.
        let end = text.iter().rposition(|&b| b != 0)?;
        let kind = *text.get(end)?;
        text.truncate(end);
        Some((kind, text))
    }

    fn nonce(&self) -> [u8; 12] {
        let mut nonce = self.iv;
        nonce.iter_mut().skip(4).zip(self.sequence.to_be_bytes()).for_each(|(n, b)| *n ^= b);
        nonce
    }

    fn aead(&self, nonce: [u8; 12], head: &[u8], sealed: &[u8]) -> Option<Vec<u8>> {
        let (text, tag) = sealed.split_at_checked(sealed.len().checked_sub(TAG)?)?;
        let tag: [u8; TAG] = tag.try_into().ok()?;
        let (nonce, tag) = (Nonce::from(nonce), Tag::from(tag));
        let mut text = text.to_vec();
        let buffer = text.as_mut_slice().into();
        match &self.seal {
            Seal::Gcm128(key) => key.decrypt_inout_detached(&nonce, head, buffer, &tag).ok()?,
            Seal::Gcm256(key) => key.decrypt_inout_detached(&nonce, head, buffer, &tag).ok()?,
            Seal::ChaCha(key) => key.decrypt_inout_detached(&nonce, head, buffer, &tag).ok()?,
            Seal::Cbc(_) => return None,
        }
        Some(text)
    }
}

fn seal(cipher: Cipher, key: &[u8]) -> Option<Seal> {
    Some(match cipher {
        Cipher::Aes128Gcm => Seal::Gcm128(Box::new(Aes128Gcm::new_from_slice(key).ok()?)),
        Cipher::Aes256Gcm => Seal::Gcm256(Box::new(Aes256Gcm::new_from_slice(key).ok()?)),
        Cipher::ChaCha20Poly1305 => Seal::ChaCha(Box::new(ChaCha20Poly1305::new_from_slice(key).ok()?)),
        Cipher::AesCbc(..) => return None,
    })
}

impl Cbc {
    /// `head`: what the MAC covers in front of so many bytes.
    fn open(&mut self, body: &[u8], head: impl Fn(usize) -> [u8; 13]) -> Option<Vec<u8>> {
        let mac_bytes = self.hash.bytes();
        let sealed = if self.encrypt_then_mac {
            let (sealed, mac) = body.split_at_checked(body.len().checked_sub(mac_bytes)?)?;
            let expected = derive::hmac(self.hash, &self.mac_key, &[&head(sealed.len()), sealed])?;
            if expected != mac {
                return None;
            }
            sealed
        } else {
            body
        };
        let (iv, blocks) = match self.chained {
            Some(iv) => (iv, sealed),
            None => {
                let (iv, blocks) = sealed.split_first_chunk::<BLOCK>()?;
                (*iv, blocks)
            }
        };
        if blocks.is_empty() || !blocks.len().is_multiple_of(BLOCK) {
            return None;
        }
        let (mut before, mut text) = (iv, Vec::with_capacity(blocks.len()));
        for block in blocks.chunks_exact(BLOCK) {
            let block: [u8; BLOCK] = block.try_into().ok()?;
            text.extend(self.key.decrypt(block).iter().zip(before).map(|(a, b)| a ^ b));
            before = block;
        }
        let padding = usize::from(*text.last()?);
        let end = text.len().checked_sub(padding + 1)?;
        if text.get(end..)?.iter().any(|&b| usize::from(b) != padding) {
            return None;
        }
        text.truncate(end);
        if !self.encrypt_then_mac {
            let mac = text.split_off(text.len().checked_sub(mac_bytes)?);
            if derive::hmac(self.hash, &self.mac_key, &[&head(text.len()), &text])? != mac {
                return None;
            }
        }
        if let Some(chained) = &mut self.chained {
            *chained = before;
        }
        Some(text)
    }
}

#[cfg(test)]
#[path = "opener_tests.rs"]
mod tests;
