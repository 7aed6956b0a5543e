//! Numbers in few bytes: those that are 0 not at all, the others without the zeros in front.

use crate::addr::IpAddr;

/// Small where the number is near 0 on either side.
#[inline]
pub fn fold(n: i64) -> u64 {
    ((n << 1) ^ (n >> 63)) as u64
}

#[inline]
pub fn unfold(n: u64) -> i64 {
    (n >> 1) as i64 ^ -((n & 1) as i64)
}

/// `to` as seen from `from`.
#[inline]
pub fn since(to: i64, from: i64) -> u64 {
    fold(to.wrapping_sub(from))
}

/// What [`since`] was told of.
#[inline]
pub fn at(from: i64, since: u64) -> i64 {
    from.wrapping_add(unfold(since))
}

/// Room for `more` items. Grows by a quarter and at least `least`, not to twice as much: a large table would hold room for
/// as many again.
#[inline]
pub fn make_room<T>(items: &mut Vec<T>, more: usize, least: usize) {
    if items.capacity() - items.len() < more {
        items.reserve_exact((items.len() / 4).max(least));
    }
}

/// One number, seven bits to a byte.
#[inline]
pub fn put(out: &mut Vec<u8>, mut n: u64) {
    while n >= 0x80 {
        out.push(n as u8 | 0x80);
        n >>= 7;
    }
    out.push(n as u8);
}

/// At most 64 numbers: a word that says which of them are not 0, the lengths of those, four bits each, and their bytes.
pub fn put_all(out: &mut Vec<u8>, numbers: &[u64]) {
    let here = numbers.iter().enumerate().fold(0u64, |bits, (i, n)| bits | ((*n != 0) as u64) << i);
    out.extend_from_slice(&here.to_le_bytes());
    let lengths = out.len();
    out.resize(lengths + (here.count_ones() as usize).div_ceil(2), 0);
    for (k, n) in numbers.iter().filter(|n| **n != 0).enumerate() {
        let length = size_of::<u64>() - n.leading_zeros() as usize / 8;
        out[lengths + k / 2] |= (length as u8) << (k % 2 * 4);
        let end = out.len() + length;
        out.extend_from_slice(&n.to_le_bytes());
        out.truncate(end);
    }
}

/// The bits of so many bytes.
const BITS: [u64; 16] = {
    let mut bits = [u64::MAX; 16];
    let mut length = 0;
    while length < 8 {
        bits[length] = (1 << (8 * length)) - 1;
        length += 1;
    }
    bits
};

/// The number of so many bytes at a place.
#[inline]
fn number_at(bytes: &[u8], at: usize, length: usize) -> u64 {
    // Nearly always there are further bytes behind it.
    if let Some(eight) = bytes.get(at..).and_then(|rest| rest.first_chunk::<8>()) {
        return u64::from_le_bytes(*eight) & BITS[length & 15];
    }
    let own = bytes.get(at..).unwrap_or_default();
    own.iter().take(length.min(8)).rev().fold(0, |n, &byte| n << 8 | byte as u64)
}

#[inline]
fn length_of(lengths: &[u8], k: usize) -> usize {
    lengths.get(k / 2).map_or(0, |both| (both >> (k % 2 * 4) & 15).min(8) as usize)
}

pub fn put_ip(out: &mut Vec<u8>, ip: IpAddr) {
    out.push(ip.v6 as u8);
    out.extend_from_slice(&ip.bytes[..if ip.v6 { 16 } else { 4 }]);
}

/// Bytes behind their number.
pub fn put_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    put(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

/// Reads what was put; beyond the end there are zeros.
pub struct Reader<'a>(pub &'a [u8]);

impl<'a> Reader<'a> {
    /// What [`put_bytes`] was given; none where they are not all there.
    pub fn bytes(&mut self) -> &'a [u8] {
        let size = usize::try_from(self.number()).unwrap_or(usize::MAX);
        let (bytes, rest) = self.0.split_at_checked(size).unwrap_or_default();
        self.0 = rest;
        bytes
    }
}

impl Reader<'_> {
    #[inline]
    pub fn byte(&mut self) -> u8 {
        let Some((&byte, rest)) = self.0.split_first() else { return 0 };
        self.0 = rest;
        byte
    }

    #[inline]
    pub fn half(&mut self) -> u32 {
        let Some((head, rest)) = self.0.split_first_chunk::<4>() else { return 0 };
        self.0 = rest;
        u32::from_le_bytes(*head)
    }

    #[inline]
    pub fn word(&mut self) -> u64 {
        let Some((head, rest)) = self.0.split_first_chunk::<8>() else { return 0 };
        self.0 = rest;
        u64::from_le_bytes(*head)
    }

    /// What [`put`] was given.
    #[inline]
    pub fn number(&mut self) -> u64 {
        let (mut n, mut shift) = (0, 0);
        for (i, &byte) in self.0.iter().enumerate().take(10) {
            n |= (byte as u64 & 0x7f) << shift;
            if byte < 0x80 {
                self.0 = &self.0[i + 1..];
                return n;
            }
            shift += 7;
        }
        self.0 = &[];
        n
    }

    /// What [`put_all`] was given.
    #[inline]
    pub fn all<const N: usize>(&mut self) -> [u64; N] {
        let mut numbers = [0; N];
        let mut here = self.word();
        let (lengths, bytes) = self.0.split_at_checked((here.count_ones() as usize).div_ceil(2)).unwrap_or_default();
        let (mut k, mut at) = (0, 0);
        while here != 0 {
            let i = here.trailing_zeros() as usize;
            here &= here - 1;
            let length = length_of(lengths, k);
            if let Some(slot) = numbers.get_mut(i) {
                *slot = number_at(bytes, at, length);
            }
            (k, at) = (k + 1, at + length);
        }
        self.0 = bytes.get(at..).unwrap_or_default();
        numbers
    }

    /// One of these numbers; nothing behind it is read afterwards.
    pub fn one_of_all(&self, index: u32) -> u64 {
        let mut from = Reader(self.0);
        let here = from.word();
        if here >> index & 1 == 0 {
            return 0;
        }
        let before = (here & ((1 << index) - 1)).count_ones() as usize;
        let (lengths, bytes) = from.0.split_at_checked((here.count_ones() as usize).div_ceil(2)).unwrap_or_default();
        let at = (0..before).map(|k| length_of(lengths, k)).sum();
        number_at(bytes, at, length_of(lengths, before))
    }

    pub fn ip(&mut self) -> IpAddr {
        let v6 = self.byte() != 0;
        let mut bytes = [0; 16];
        let size = if v6 { 16 } else { 4 };
        if let Some((head, rest)) = self.0.split_at_checked(size) {
            bytes[..size].copy_from_slice(head);
            self.0 = rest;
        }
        IpAddr { bytes, v6 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_is_zero_costs_nothing_and_what_is_small_a_byte() {
        let mut out = Vec::new();
        put_all(&mut out, &[0; 60]);
        assert_eq!(out.len(), 8);
        put_all(&mut out, &[0, 127, 0, 128]);
        assert_eq!(out.len(), 8 + 8 + 1 + 1 + 1);
        put_all(&mut out, &[0, 256]);
        assert_eq!(out.len(), 8 + 11 + 8 + 1 + 2);
        assert_eq!([fold(0), fold(-1), fold(1), fold(-2)], [0, 1, 2, 3]);
    }

    proptest! {
        #[test]
        fn what_was_put_is_read_again(numbers in any::<[u64; 20]>(), small in any::<[u8; 4]>(), time in any::<i64>(),
                                      from in any::<i64>(), ip in any::<[u8; 16]>(), cut in 0usize..400) {
            let mut out = Vec::new();
            put_all(&mut out, &numbers);
            put_all(&mut out, &small.map(u64::from));
            put(&mut out, since(time, from));
            put_ip(&mut out, IpAddr::v6(ip));
            put_ip(&mut out, IpAddr::v4([ip[0], ip[1], ip[2], ip[3]]));
            let mut reader = Reader(&out);
            for (i, n) in numbers.iter().enumerate() {
                prop_assert_eq!(reader.one_of_all(i as u32), *n);
            }
            prop_assert_eq!(reader.all::<20>(), numbers);
            prop_assert_eq!(reader.all::<4>(), small.map(u64::from));
            prop_assert_eq!(at(from, reader.number()), time);
            prop_assert_eq!((reader.ip(), reader.ip()), (IpAddr::v6(ip), IpAddr::v4([ip[0], ip[1], ip[2], ip[3]])));
            prop_assert!(reader.0.is_empty());
            // Cut anywhere, it ends.
            let mut reader = Reader(out.get(..cut).unwrap_or(&out));
            let _ = (reader.all::<20>(), reader.number(), reader.ip(), reader.half(), reader.byte());
        }
    }
}
