//! Protection of Initial packets (RFC 9001 section 5): its keys come from the packet itself, so anybody can remove it.

use super::packet::Long;
use super::version::{self, Labels};
use aes_gcm::aead::AeadInOut;
use aes_gcm::aes::Aes128;
use aes_gcm::aes::cipher::{BlockCipherEncrypt, KeyInit};
use aes_gcm::{Aes128Gcm, Nonce, Tag};
use hkdf::Hkdf;
use sha2::Sha256;

/// Bytes of the authentication tag.
const TAG: usize = 16;
/// Bytes behind the start of the packet number that header protection takes its sample from.
const SAMPLE_AT: usize = 4;

/// What of a packet's header was protected.
#[derive(Clone, Copy, Debug)]
pub struct Opened {
    /// Its first byte.
    pub first: u8,
    pub number: u64,
    /// Bytes the number takes.
    pub number_len: usize,
}

/// Keys of one direction.
pub struct Keys {
    aead: Aes128Gcm,
    iv: [u8; 12],
    header: Aes128,
}

/// Keys of both directions, from the destination connection id of the client's first Initial packet.
pub struct InitialKeys {
    pub client: Keys,
    pub server: Keys,
}

impl InitialKeys {
    /// None: keys of that version are not known.
    pub fn new(version: u32, dcid: &[u8]) -> Option<Self> {
        let initial = version::initial(version)?;
        let secret = Hkdf::<Sha256>::new(Some(&initial.salt), dcid);
        let side = |label| {
            let mut of_side = [0; 32];
            expand(&secret, label, &mut of_side)?;
            Keys::new(&of_side, initial.labels)
        };
        Some(Self { client: side("client in")?, server: side("server in")? })
    }
}

/// HKDF-Expand-Label (RFC 8446 section 7.1) without context.
fn expand(secret: &Hkdf<Sha256>, label: &str, out: &mut [u8]) -> Option<()> {
    let len = (out.len() as u16).to_be_bytes();
    let label_len = [6 + label.len() as u8];
    secret.expand_multi_info(&[&len, &label_len, b"tls13 ", label.as_bytes(), &[0]], out).ok()
}

impl Keys {
    fn new(secret: &[u8; 32], labels: Labels) -> Option<Self> {
        let (key, iv, header) = match labels {
            Labels::V1 => ("quic key", "quic iv", "quic hp"),
            Labels::V2 => ("quicv2 key", "quicv2 iv", "quicv2 hp"),
        };
        let secret = Hkdf::<Sha256>::from_prk(secret).ok()?;
        let (mut k, mut i, mut h) = ([0; 16], [0; 12], [0; 16]);
        expand(&secret, key, &mut k)?;
        expand(&secret, iv, &mut i)?;
        expand(&secret, header, &mut h)?;
        Some(Self { aead: Aes128Gcm::new(&k.into()), iv: i, header: Aes128::new(&h.into()) })
    }

    /// Frames of a protected packet, into `out`; false where they are not what these keys protected.
    pub fn open(&self, packet: &Long<'_>, out: &mut Vec<u8>) -> Option<Opened> {
        let at = packet.number_at;
        let sample: [u8; 16] = packet.bytes.get(at + SAMPLE_AT..at + SAMPLE_AT + 16)?.try_into().ok()?;
        let mut mask = sample.into();
        self.header.encrypt_block(&mut mask);
        let first = packet.bytes.first()? ^ (mask[0] & 0x0f);
        let number_len = (first & 3) as usize + 1;
        // The header as it was before protection is what the tag vouches for.
        let mut header = packet.bytes.get(..at + number_len)?.to_vec();
        *header.first_mut()? = first;
        let mut number = 0u64;
        for (i, byte) in header.get_mut(at..)?.iter_mut().enumerate() {
            *byte ^= mask[1 + i];
            number = number << 8 | *byte as u64;
        }
        let body = packet.bytes.get(at + number_len..)?;
        let (text, tag) = body.split_at_checked(body.len().checked_sub(TAG)?)?;
        // Numbers of Initial packets are small: the low bytes are all of it.
        let mut nonce = self.iv;
        for (n, b) in nonce.iter_mut().skip(4).zip(number.to_be_bytes()) {
            *n ^= b;
        }
        out.clear();
        out.extend_from_slice(text);
        let tag: [u8; TAG] = tag.try_into().ok()?;
        let (nonce, tag) = (Nonce::from(nonce), Tag::from(tag));
        self.aead.decrypt_inout_detached(&nonce, &header, out.as_mut_slice().into(), &tag).ok()?;
        Some(Opened { first, number, number_len })
    }
}
