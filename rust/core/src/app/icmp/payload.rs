//! What the data of an echo message looks like.

/// How the data is filled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fill {
    /// As ping programs do: a time stamp of up to 24 bytes at most, then bytes that count up, or that repeat.
    Usual,
    /// An IP packet whose length is that of the data.
    Packet,
    Other,
}

/// Time stamps of ping programs take up to this many bytes (two 64-bit numbers and a marker).
const STAMP: usize = 24;
/// Bytes looked at behind the time stamp.
const LOOKED_AT: usize = 256;

/// Kind of the data, and a number that differs for other data (0 for the usual kind).
pub fn look(data: &[u8]) -> (Fill, u64) {
    let Some(tail) = data.get(STAMP..).filter(|t| !t.is_empty()) else { return (Fill::Usual, 0) };
    let tail = &tail[..tail.len().min(LOOKED_AT)];
    if counts_up(tail) || (1..=4).any(|n| repeats(tail, n)) {
        return (Fill::Usual, 0);
    }
    let hash = data
        .iter()
        .take(LOOKED_AT)
        .fold(0xcbf2_9ce4_8422_2325, |h: u64, &b| (h ^ u64::from(b)).wrapping_mul(0x100_0000_01b3));
    (if is_packet(data) { Fill::Packet } else { Fill::Other }, hash)
}

/// Each byte is one more than the one before; letters may begin again after `w`, as Windows fills.
fn counts_up(tail: &[u8]) -> bool {
    tail.windows(2).all(|w| w[1] == w[0].wrapping_add(1) || (w[0] == b'w' && w[1] == b'a'))
}

fn repeats(tail: &[u8], period: usize) -> bool {
    tail.len() <= period || tail.iter().zip(&tail[period..]).all(|(a, b)| a == b)
}

fn is_packet(data: &[u8]) -> bool {
    let length =
        |at: usize| data.get(at..).and_then(|d| d.first_chunk::<2>()).map(|b| usize::from(u16::from_be_bytes(*b)));
    match data.first() {
        Some(0x45..=0x4f) => length(2) == Some(data.len()),
        Some(0x60..=0x6f) => length(4).map(|n| n + 40) == Some(data.len()),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ping_programs_are_known() {
        let linux: Vec<u8> = [0x5f, 0x2a, 0x11, 0x62, 9, 8, 7, 6].into_iter().chain(0x10..0x38).collect();
        let windows = b"abcdefghijklmnopqrstuvwabcdefghi";
        for data in [&linux[..], windows, &[b'X'; 1400], &[0; 120], &[0xab, 0xcd].repeat(50), b"", b"odd"] {
            assert_eq!(look(data).0, Fill::Usual, "{data:?}");
        }
        let text = b"GET /secret HTTP/1.1\r\nHost: hidden.example\r\n\r\n";
        assert_eq!(look(text).0, Fill::Other);
        let mut packet = vec![0x45, 0, 0, 60];
        packet.extend((0..56u8).map(|n| n.wrapping_mul(37)));
        assert_eq!(look(&packet).0, Fill::Packet);
        assert_ne!(look(text).1, look(&packet).1);
    }
}
