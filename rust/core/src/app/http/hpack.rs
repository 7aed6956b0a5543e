//! HPACK (RFC 7541): header blocks of HTTP/2.
//!
//! Own code, because of the crates at hand one panics on cut blocks and the others build the Huffman tables anew for
//! every string.

use std::collections::VecDeque;

/// Largest dynamic table followed, bytes by RFC 7541 4.1; a larger one is cut, and its fields then are unknown.
const MAX_TABLE: usize = 65_536;
/// Fields of one block handed on; a few bytes can stand for any number of large ones.
const MAX_FIELDS: usize = 1_000;

/// Lengths of the codes of the 256 bytes (RFC 7541 appendix B), bits. The code is canonical, so that they say all.
#[rustfmt::skip]
const LENGTHS: [u8; 256] = [
    13, 23, 28, 28, 28, 28, 28, 28, 28, 24, 30, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 28,
    6, 10, 10, 12, 13, 6, 8, 11, 10, 10, 8, 11, 8, 6, 6, 6, 5, 5, 5, 6, 6, 6, 6, 6, 6, 6, 7, 8, 15, 6, 12, 10,
    13, 6, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 8, 7, 8, 13, 19, 13, 14, 6,
    15, 5, 6, 5, 6, 5, 6, 6, 6, 5, 7, 7, 6, 6, 6, 5, 6, 7, 6, 5, 5, 6, 7, 7, 7, 7, 7, 15, 11, 14, 13, 28,
    20, 22, 20, 20, 22, 22, 22, 23, 22, 23, 23, 23, 23, 23, 24, 23, 24, 24, 22, 23, 24, 23, 23, 23, 23, 21, 22, 23, 22, 23, 23, 24,
    22, 21, 20, 22, 22, 23, 23, 21, 23, 22, 22, 24, 21, 22, 23, 23, 21, 21, 22, 21, 23, 22, 23, 23, 20, 22, 22, 22, 23, 22, 22, 23,
    26, 26, 20, 19, 22, 23, 22, 25, 26, 26, 26, 27, 27, 26, 24, 25, 19, 21, 26, 27, 27, 26, 27, 24, 21, 21, 26, 26, 28, 27, 27, 27,
    20, 24, 20, 21, 22, 21, 21, 23, 22, 22, 25, 25, 24, 24, 26, 23, 26, 27, 26, 26, 27, 27, 27, 27, 27, 28, 27, 27, 27, 27, 27, 26,
];
const LONGEST: usize = 30;

#[rustfmt::skip]
const STATIC: [(&str, &str); 61] = [
    (":authority", ""),
    (":method", "GET"),
    (":method", "POST"),
    (":path", "/"),
    (":path", "/index.html"),
    (":scheme", "http"),
    (":scheme", "https"),
    (":status", "200"),
    (":status", "204"),
    (":status", "206"),
    (":status", "304"),
    (":status", "400"),
    (":status", "404"),
    (":status", "500"),
    ("accept-charset", ""),
    ("accept-encoding", "gzip, deflate"),
    ("accept-language", ""),
    ("accept-ranges", ""),
    ("accept", ""),
    ("access-control-allow-origin", ""),
    ("age", ""),
    ("allow", ""),
    ("authorization", ""),
    ("cache-control", ""),
    ("content-disposition", ""),
    ("content-encoding", ""),
    ("content-language", ""),
    ("content-length", ""),
    ("content-location", ""),
    ("content-range", ""),
    ("content-type", ""),
    ("cookie", ""),
    ("date", ""),
    ("etag", ""),
    ("expect", ""),
    ("expires", ""),
    ("from", ""),
    ("host", ""),
    ("if-match", ""),
    ("if-modified-since", ""),
    ("if-none-match", ""),
    ("if-range", ""),
    ("if-unmodified-since", ""),
    ("last-modified", ""),
    ("link", ""),
    ("location", ""),
    ("max-forwards", ""),
    ("proxy-authenticate", ""),
    ("proxy-authorization", ""),
    ("range", ""),
    ("referer", ""),
    ("refresh", ""),
    ("retry-after", ""),
    ("server", ""),
    ("set-cookie", ""),
    ("strict-transport-security", ""),
    ("transfer-encoding", ""),
    ("user-agent", ""),
    ("vary", ""),
    ("via", ""),
    ("www-authenticate", ""),
];

/// Symbols in the order of their codes, and where each length begins.
struct Huffman {
    symbols: [u8; 256],
    /// By length: first code, number of codes, place of the first symbol.
    lengths: [(u32, u32, u32); LONGEST + 1],
}

const HUFFMAN: Huffman = {
    let (mut symbols, mut lengths) = ([0u8; 256], [(0u32, 0u32, 0u32); LONGEST + 1]);
    let (mut place, mut code, mut bits) = (0usize, 0u32, 1usize);
    while bits <= LONGEST {
        code <<= 1;
        let (first, from) = (code, place);
        let mut symbol = 0;
        while symbol < 256 {
            if LENGTHS[symbol] as usize == bits {
                symbols[place] = symbol as u8;
                place += 1;
                code += 1;
            }
            symbol += 1;
        }
        lengths[bits] = (first, (place - from) as u32, from as u32);
        bits += 1;
    }
    Huffman { symbols, lengths }
};

/// A string in the Huffman code; None where it holds none, or ends in more than padding.
fn huffman(data: &[u8]) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(data.len() * 8 / 5);
    let (mut code, mut len) = (0u32, 0usize);
    for &byte in data {
        for bit in (0..8).rev() {
            (code, len) = (code << 1 | (byte >> bit & 1) as u32, len + 1);
            let &(first, count, from) = HUFFMAN.lengths.get(len)?;
            if let Some(i) = code.checked_sub(first).filter(|&i| i < count) {
                out.push(*HUFFMAN.symbols.get((from + i) as usize)?);
                (code, len) = (0, 0);
            }
        }
    }
    // RFC 7541 5.2: padding is the start of the longest code, all ones, and shorter than a byte.
    (len < 8 && code == (1 << len) - 1).then_some(out)
}

/// An integer with a prefix of `bits` bits (RFC 7541 5.1), and the bytes it takes.
fn integer(data: &[u8], bits: u32) -> Option<(usize, usize)> {
    let mask = (1usize << bits) - 1;
    let mut value = *data.first()? as usize & mask;
    if value < mask {
        return Some((value, 1));
    }
    for (i, &b) in data.get(1..)?.iter().take(4).enumerate() {
        value = value.checked_add((b as usize & 0x7f) << (7 * i))?;
        if b & 0x80 == 0 {
            return Some((value, i + 2));
        }
    }
    None
}

/// A string literal (RFC 7541 5.2), and the bytes it takes.
fn string(data: &[u8]) -> Option<(Vec<u8>, usize)> {
    let (len, used) = integer(data, 7)?;
    let end = used.checked_add(len)?;
    let raw = data.get(used..end)?;
    Some((if data.first()? & 0x80 != 0 { huffman(raw)? } else { raw.to_vec() }, end))
}

/// The decoder of one direction.
#[derive(Debug)]
pub struct Decoder {
    table: VecDeque<(Vec<u8>, Vec<u8>)>,
    size: usize,
    max: usize,
}

impl Decoder {
    pub fn new() -> Self {
        Self { table: VecDeque::new(), size: 0, max: 4_096 }
    }

    /// Hands the fields of a block to `each`, in order. None: the block is broken, and with it the table.
    pub fn decode(&mut self, block: &[u8], mut each: impl FnMut(&[u8], &[u8])) -> Option<()> {
        let mut rest = block;
        let mut fields = 0;
        while let Some(&first) = rest.first() {
            fields += 1;
            if fields > MAX_FIELDS {
                return None;
            }
            let used = if first & 0x80 != 0 {
                let (index, used) = integer(rest, 7)?;
                let (name, value) = self.get(index)?;
                each(name, value);
                used
            } else if first & 0xe0 == 0x20 {
                let (size, used) = integer(rest, 5)?;
                self.max = size.min(MAX_TABLE);
                self.evict(0);
                used
            } else {
                let indexed = first & 0x40 != 0;
                let (index, mut used) = integer(rest, if indexed { 6 } else { 4 })?;
                let name = if index == 0 {
                    let (name, len) = string(rest.get(used..)?)?;
                    used += len;
                    name
                } else {
                    self.get(index)?.0.to_vec()
                };
                let (value, len) = string(rest.get(used..)?)?;
                each(&name, &value);
                if indexed {
                    self.add(name, value);
                }
                used + len
            };
            rest = rest.get(used..)?;
        }
        Some(())
    }

    fn get(&self, index: usize) -> Option<(&[u8], &[u8])> {
        let index = index.checked_sub(1)?;
        match STATIC.get(index) {
            Some((name, value)) => Some((name.as_bytes(), value.as_bytes())),
            None => self.table.get(index - STATIC.len()).map(|(n, v)| (n.as_slice(), v.as_slice())),
        }
    }

    fn add(&mut self, name: Vec<u8>, value: Vec<u8>) {
        let size = name.len() + value.len() + 32;
        self.evict(size);
        if size <= self.max {
            self.size += size;
            self.table.push_front((name, value));
        }
    }

    /// Takes out the oldest until `room` bytes are free, or all.
    fn evict(&mut self, room: usize) {
        while self.size + room > self.max
            && let Some((name, value)) = self.table.pop_back()
        {
            self.size -= name.len() + value.len() + 32;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(hex: &str) -> Vec<u8> {
        let hex: Vec<u8> = hex.bytes().filter(|b| !b.is_ascii_whitespace()).collect();
        hex.chunks(2).map(|c| u8::from_str_radix(std::str::from_utf8(c).unwrap(), 16).unwrap()).collect()
    }
    fn fields(d: &mut Decoder, hex: &str) -> Vec<String> {
        let mut out = Vec::new();
        d.decode(&bytes(hex), |n, v| {
            out.push(format!("{}: {}", String::from_utf8_lossy(n), String::from_utf8_lossy(v)));
        })
        .unwrap();
        out
    }

    #[test]
    fn requests_of_rfc_7541_c_4() {
        let mut d = Decoder::new();
        assert_eq!(
            fields(&mut d, "8286 8441 8cf1 e3c2 e5f2 3a6b a0ab 90f4 ff"),
            [":method: GET", ":scheme: http", ":path: /", ":authority: www.example.com"]
        );
        assert_eq!(
            fields(&mut d, "8286 84be 5886 a8eb 1064 9cbf"),
            [":method: GET", ":scheme: http", ":path: /", ":authority: www.example.com", "cache-control: no-cache"]
        );
        assert_eq!(
            fields(&mut d, "8287 85bf 4088 25a8 49e9 5ba9 7d7f 8925 a849 e95b b8e8 b4bf"),
            [
                ":method: GET",
                ":scheme: https",
                ":path: /index.html",
                ":authority: www.example.com",
                "custom-key: custom-value"
            ]
        );
    }

    #[test]
    fn responses_of_rfc_7541_c_6_evict() {
        let mut d = Decoder::new();
        d.max = 256;
        let first = "4882 6402 5885 aec3 771a 4b61 96d0 7abe 9410 54d4 44a8 2005 9504 0b81 66e0 82a6 2d1b ff6e 919d 29ad 1718 63c7 8f0b 97c8 e9ae 82ae 43d3";
        assert_eq!(fields(&mut d, first)[3], "location: https://www.example.com");
        assert_eq!(fields(&mut d, "4883 640e ffc1 c0bf")[0], ":status: 307");
        assert_eq!((d.size, d.table.len()), (222, 4));
    }

    #[test]
    fn every_cut_and_flipped_byte_survives() {
        let block = bytes("8287 85bf 4088 25a8 49e9 5ba9 7d7f 8925 a849 e95b b8e8 b4bf 3fe1 1f");
        for i in 0..block.len() {
            let _ = Decoder::new().decode(&block[..i], |_, _| ());
            for b in [0, 0x1f, 0x3f, 0x7f, 0x80, 0xff] {
                let mut other = block.clone();
                other[i] = b;
                let _ = Decoder::new().decode(&other, |_, _| ());
            }
        }
    }

    #[test]
    fn a_small_block_does_not_become_a_large_one() {
        let mut d = Decoder::new();
        let mut block = vec![0x40, 1, b'a', 0x7f, 0x80, 0x1e];
        block.extend([b'x'; 3967]);
        let _ = d.decode(&block, |_, _| ());
        let mut seen = 0;
        assert!(d.decode(&[0xbe; 100_000], |_, _| seen += 1).is_none());
        assert_eq!(seen, MAX_FIELDS);
    }
}
