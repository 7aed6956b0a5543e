//! The handshake bytes of one direction, put together from CRYPTO frames (RFC 9000 section 19.6).

/// Bytes of the handshake kept of a direction: a client hello of many key shares fits several times.
const MAX_BYTES: u64 = 1 << 16;
/// Pieces that wait for an earlier one.
const MAX_PIECES: usize = 32;

/// One direction.
#[derive(Clone, Debug, Default)]
pub struct Crypto {
    /// Bytes in order that were not consumed yet, and where they begin.
    data: Vec<u8>,
    start: u64,
    waiting: Vec<(u64, Box<[u8]>)>,
    /// End of the pieces that came ahead of others: Wireshark reads on when all bytes in front of it have come.
    until: u64,
}

impl Crypto {
    /// Takes a frame. True: Wireshark reads the handshake here: bytes came in order, and nothing waits.
    pub fn add(&mut self, offset: u64, bytes: &[u8]) -> bool {
        let end = offset.saturating_add(bytes.len() as u64);
        let have = self.start + self.data.len() as u64;
        if end <= have || end > MAX_BYTES {
            return false;
        }
        if offset > have {
            let new = !self.waiting.iter().any(|(o, w)| *o <= offset && o + w.len() as u64 >= end);
            if new && self.waiting.len() < MAX_PIECES {
                self.waiting.push((offset, bytes.into()));
                self.until = self.until.max(end);
            }
            return false;
        }
        self.append(offset, bytes);
        // Ends: each turn removes a piece.
        while let Some(i) = self.waiting.iter().position(|w| w.0 <= self.start + self.data.len() as u64) {
            let (offset, bytes) = self.waiting.swap_remove(i);
            self.append(offset, &bytes);
        }
        self.start + self.data.len() as u64 >= self.until
    }

    fn append(&mut self, offset: u64, bytes: &[u8]) {
        let known = (self.start + self.data.len() as u64).saturating_sub(offset) as usize;
        if let Some(new) = bytes.get(known..) {
            self.data.extend_from_slice(new);
        }
    }

    /// A whole handshake message (type, body), which is then consumed.
    pub fn message(&mut self) -> Option<(u8, Vec<u8>)> {
        let &[kind, a, b, c, ..] = self.data.as_slice() else { return None };
        let end = 4 + u32::from_be_bytes([0, a, b, c]) as usize;
        let body = self.data.get(4..end)?.to_vec();
        self.data.drain(..end);
        self.start += end as u64;
        Some((kind, body))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Where tshark 4.0 shows TLS in hellos of 200 bytes: (offset, length, shown).
    #[test]
    fn read_in_order_once_nothing_waits() {
        let hello: Vec<u8> = [&[1, 0, 0, 196][..], &[7; 196]].concat();
        let orders: [&[(usize, usize, bool)]; 4] = [
            &[(0, 200, true)],
            &[(0, 37, true), (37, 60, true), (150, 50, false), (97, 53, true)],
            // Pieces ahead are waited for before anything is read.
            &[(150, 50, false), (0, 100, false), (100, 50, true)],
            &[(20, 30, false), (0, 20, true), (50, 100, true), (150, 50, true)],
        ];
        for order in orders {
            let mut crypto = Crypto::default();
            for &(offset, len, shown) in order {
                assert_eq!(crypto.add(offset as u64, &hello[offset..offset + len]), shown, "{order:?} {offset}");
            }
            assert_eq!(crypto.message().map(|m| m.0), Some(1));
        }
    }
}
