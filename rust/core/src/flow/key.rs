//! The key of a connection: both ends in an order that does not depend on who sends.

use crate::addr::IpAddr;
use foldhash::fast::RandomState;
use std::hash::{BuildHasher, Hasher};

/// Unordered pair of (address, port). End 0 is the smaller one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Key {
    /// Address of end 0, then of end 1, two words each; IPv4 addresses fill only the first word.
    words: [u64; 4],
    /// Port of end 0 in the high half, of end 1 in the low one.
    ports: u32,
    v6: bool,
}

impl Key {
    /// Key of a packet, and the end (0 or 1) that sent it. A packet sent to its own address and port comes from end 0.
    #[inline]
    pub fn new(src: &IpAddr, dst: &IpAddr, src_port: u16, dst_port: u16) -> (Self, usize) {
        let a = words(src);
        let b = words(dst);
        let v6 = src.v6 || dst.v6;
        if (a, src_port) <= (b, dst_port) {
            let ports = (src_port as u32) << 16 | dst_port as u32;
            (Self { words: [a[0], a[1], b[0], b[1]], ports, v6 }, 0)
        } else {
            let ports = (dst_port as u32) << 16 | src_port as u32;
            (Self { words: [b[0], b[1], a[0], a[1]], ports, v6 }, 1)
        }
    }

    /// Address and port of one end.
    pub fn end(&self, end: usize) -> (IpAddr, u16) {
        let at = end * 2;
        let mut bytes = [0; 16];
        bytes[..8].copy_from_slice(&self.words[at].to_be_bytes());
        bytes[8..].copy_from_slice(&self.words[at + 1].to_be_bytes());
        let port = if end == 0 { self.ports >> 16 } else { self.ports & 0xffff };
        (IpAddr { bytes, v6: self.v6 }, port as u16)
    }

    /// What it is made of.
    pub fn parts(&self) -> ([u64; 4], u32, bool) {
        (self.words, self.ports, self.v6)
    }

    /// The key made of these.
    pub fn of_parts(words: [u64; 4], ports: u32, v6: bool) -> Self {
        Self { words, ports, v6 }
    }

    /// Hash under a secret seed, so that nobody can prepare a capture full of collisions.
    #[inline]
    pub fn hash(&self, seed: &RandomState) -> u32 {
        let mut h = seed.build_hasher();
        if self.v6 {
            for w in self.words {
                h.write_u64(w);
            }
        } else {
            h.write_u64(self.words[0] | self.words[2] >> 32);
        }
        h.write_u32(self.ports);
        let h = h.finish();
        (h ^ h >> 32) as u32
    }
}

#[inline]
fn words(a: &IpAddr) -> [u64; 2] {
    let b = &a.bytes;
    [
        u64::from_be_bytes([b[0], b[1], b[2], b[3], b[4], b[5], b[6], b[7]]),
        u64::from_be_bytes([b[8], b[9], b[10], b[11], b[12], b[13], b[14], b[15]]),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_directions_share_the_key_and_keep_their_ends() {
        let (a, b) = (IpAddr::v4([10, 0, 0, 1]), IpAddr::v4([9, 0, 0, 1]));
        let (there, from_a) = Key::new(&a, &b, 5000, 80);
        let (back, from_b) = Key::new(&b, &a, 80, 5000);
        assert_eq!(there, back);
        assert_ne!(from_a, from_b);
        assert_eq!(there.end(from_a), (a, 5000));
        assert_eq!(there.end(from_b), (b, 80));
        let seed = RandomState::default();
        assert_eq!(there.hash(&seed), back.hash(&seed));
    }

    #[test]
    fn one_address_is_ordered_by_port() {
        let lo = IpAddr::v6([7; 16]);
        let (key, from) = Key::new(&lo, &lo, 9, 8);
        assert_eq!((key.end(from), key.end(1 - from)), ((lo, 9), (lo, 8)));
        assert_eq!(Key::new(&lo, &lo, 8, 8).1, 0);
    }

    #[test]
    fn an_ipv4_address_is_not_the_ipv6_address_with_its_bytes() {
        let mut bytes = [0; 16];
        bytes[0] = 10;
        let (four, _) = Key::new(&IpAddr::v4([10, 0, 0, 0]), &IpAddr::v4([10, 0, 0, 0]), 1, 2);
        let (six, _) = Key::new(&IpAddr::v6(bytes), &IpAddr::v6(bytes), 1, 2);
        assert_ne!(four, six);
    }
}
