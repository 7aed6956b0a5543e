//! How long a server took to answer, whatever the protocol, and what the first RST of a connection says.
//!
//! An exchange is data of the client followed by data of the server. Its time runs from the client's last segment with
//! data to the server's first one: what the capture point sees of network and server together. Segments that send
//! again, keep alive or probe begin no exchange. Protocols that ask several things at once have fewer exchanges than
//! requests; those have decoders of their own.

/// Times of the exchanges of a connection, ns.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Turns {
    pub sum_ns: u64,
    pub min_ns: u64,
    pub max_ns: u64,
    /// Frame of the server's segment that ended the longest.
    pub max_frame: u64,
    pub count: u32,
}

impl Turns {
    pub fn add(&mut self, ns: u64, frame: u64) {
        if self.count == 0 || ns > self.max_ns {
            (self.max_ns, self.max_frame) = (ns, frame);
        }
        self.min_ns = if self.count == 0 { ns } else { self.min_ns.min(ns) };
        self.sum_ns = self.sum_ns.saturating_add(ns);
        self.count = self.count.saturating_add(1);
    }
}

/// What had happened before the first RST of a connection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ResetAfter {
    /// There is no RST.
    #[default]
    None,
    /// The other end's SYN and nothing else: the connection was refused.
    Syn,
    /// A SYN of its own: it gave up.
    OwnSyn,
    /// A SYN+ACK that was not acknowledged.
    SynAck,
    /// A whole handshake and no data.
    Handshake,
    /// Data, from either end.
    Data,
    /// A FIN, from either end.
    Fin,
    /// Nothing of the above is in the capture.
    Unseen,
}

impl ResetAfter {
    pub const COUNT: usize = 7;
    /// Names, in the order of the variants behind `None`.
    pub const NAMES: [&str; Self::COUNT] = ["syn", "own_syn", "syn_ack", "handshake", "data", "fin", "unseen"];

    /// The variant of that number; beyond them the last one.
    pub(super) fn of(number: usize) -> Self {
        use ResetAfter::*;
        [None, Syn, OwnSyn, SynAck, Handshake, Data, Fin].get(number).copied().unwrap_or(Unseen)
    }

    /// Index into `NAMES`; None where there is no RST.
    pub fn index(self) -> Option<usize> {
        (self as usize).checked_sub(1)
    }
}

/// The first RST of a connection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Reset {
    pub after: ResetAfter,
    /// Its TTL or hop limit.
    pub ttl: u8,
    /// TTL of the latest SYN, SYN+ACK or FIN of the same end, or of the first segment; 0: none is in the capture.
    pub usual_ttl: u8,
    /// Its sequence number less the next one expected of that end; None: that end sent nothing before.
    pub seq_gap: Option<i32>,
}

/// Difference of TTLs from which on a RST and its alleged sender's other segments came by different ways: routes differ
/// by a hop or two, systems begin at 64, 128 or 255.
pub const TTL_GAP: u8 = 5;

impl Reset {
    /// The RST came from another distance than the rest of what its alleged sender sent.
    pub fn is_elsewhere(&self) -> bool {
        self.after != ResetAfter::None && self.usual_ttl != 0 && self.ttl.abs_diff(self.usual_ttl) >= TTL_GAP
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exchanges_keep_their_sum_ends_and_slowest_frame() {
        let mut t = Turns::default();
        [(30, 7), (10, 9), (30, 11)].iter().for_each(|&(ns, frame)| t.add(ns, frame));
        assert_eq!(t, Turns { sum_ns: 70, min_ns: 10, max_ns: 30, max_frame: 7, count: 3 });
        t.add(u64::MAX, 12);
        assert_eq!((t.sum_ns, t.max_frame), (u64::MAX, 12));
    }

    #[test]
    fn names_are_those_of_the_variants() {
        assert_eq!(ResetAfter::None.index(), None);
        assert_eq!(ResetAfter::NAMES[ResetAfter::Syn.index().unwrap()], "syn");
        assert_eq!(ResetAfter::Unseen.index(), Some(ResetAfter::COUNT - 1));
    }

    #[test]
    fn a_reset_is_from_elsewhere_by_five_hops() {
        let of = |usual_ttl, ttl| Reset { after: ResetAfter::Data, ttl, usual_ttl, seq_gap: None }.is_elsewhere();
        assert_eq!([of(64, 60), of(64, 59), of(59, 64), of(64, 255)], [false, true, true, true]);
        // Nothing to compare with, or no RST at all.
        assert!(!of(0, 255) && !Reset { ttl: 1, usual_ttl: 64, ..Reset::default() }.is_elsewhere());
    }
}
