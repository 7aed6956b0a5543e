//! RTP that nobody announced: packets of one source in order on ports that no protocol claims.
//!
//! Nothing in an RTP header is a sure sign, so several packets in a row have to fit: version 2, the same source and payload
//! type, numbers that follow each other, timestamps that do not go back. Candidates stand in a table of fixed size in
//! which a newer one takes the place of an older one with the same hash.

use super::header::{Header, Payload};
use crate::addr::IpAddr;
use crate::app::Context;

/// Packets in a row that make a stream.
pub const NEEDED: usize = 5;
const SLOTS: usize = 1024;

/// A packet that waits for those after it.
#[derive(Clone, Copy, Debug)]
pub struct Waiting {
    pub context: Context,
    pub header: Header,
    pub wire_len: u32,
    pub payload: Payload,
}

#[derive(Clone, Debug)]
struct Candidate {
    ends: (IpAddr, u16, IpAddr, u16),
    packets: Vec<Waiting>,
}

/// The table of candidates; empty until the first packet that could be RTP.
#[derive(Debug, Default)]
pub struct Candidates {
    slots: Vec<Option<Candidate>>,
}

/// Could be RTP by its first bytes: static audio or video types in use, or a dynamic type.
pub fn believable(h: &Header, c: &Context) -> bool {
    matches!(h.payload_type, 0 | 3..=18 | 25..=34 | 96..=127)
        && h.ssrc != 0
        && (c.dst_port.is_multiple_of(2) || c.src_port.is_multiple_of(2))
        && c.src_port > 1023
        && c.dst_port > 1023
}

impl Candidates {
    /// One more packet; the packets of the stream when there are enough of them.
    pub fn add(&mut self, one: Waiting) -> Option<Vec<Waiting>> {
        if self.slots.is_empty() {
            self.slots.resize(SLOTS, None);
        }
        let c = &one.context;
        let ends = (c.src, c.src_port, c.dst, c.dst_port);
        let slot = self.slots.get_mut(slot(&ends))?;
        let fits = slot
            .as_ref()
            .filter(|k| k.ends == ends)
            .and_then(|k| k.packets.last())
            .is_some_and(|last| follows(last, &one));
        match slot {
            Some(known) if fits => {
                known.packets.push(one);
                if known.packets.len() < NEEDED {
                    return None;
                }
                slot.take().map(|k| k.packets)
            }
            Some(known) => {
                known.ends = ends;
                known.packets.clear();
                known.packets.push(one);
                None
            }
            None => {
                let mut packets = Vec::with_capacity(NEEDED);
                packets.push(one);
                *slot = Some(Candidate { ends, packets });
                None
            }
        }
    }
}

fn follows(last: &Waiting, now: &Waiting) -> bool {
    let (a, b) = (&last.header, &now.header);
    a.ssrc == b.ssrc
        && a.payload_type == b.payload_type
        && a.sequence.wrapping_add(1) == b.sequence
        && b.timestamp.wrapping_sub(a.timestamp) < 1 << 24
}

/// Place in the table: the same in every run, so that a capture gives the same answer each time.
fn slot(ends: &(IpAddr, u16, IpAddr, u16)) -> usize {
    let ports = u128::from(ends.1) << 16 | u128::from(ends.3);
    let mix = u128::from_le_bytes(ends.0.bytes) ^ u128::from_le_bytes(ends.2.bytes).rotate_left(17) ^ ports << 40;
    let folded = mix as u64 ^ ((mix >> 64) as u64).rotate_left(29);
    (folded.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 54) as usize % SLOTS
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_alone_spread_over_the_table() {
        let (a, b) = (IpAddr::v4([10, 0, 0, 1]), IpAddr::v4([10, 0, 0, 2]));
        let slots: std::collections::HashSet<_> = (0..200).map(|n| slot(&(a, 6000, b, 20_000 + 2 * n))).collect();
        assert!(slots.len() > 150, "{}", slots.len());
    }
}
