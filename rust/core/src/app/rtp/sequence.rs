//! Which sequence numbers came, came twice, came late or never came (RFC 3550 appendix A.1).

/// A step forward of more than that is a new start, not loss.
const MAX_DROPOUT: u64 = 3_000;
/// Numbers back that are remembered one by one.
const WINDOW: u64 = 128;

/// The numbers of one stream.
#[derive(Clone, Copy, Debug, Default)]
pub struct Sequence {
    /// Highest extended number since the last start; the first one has a cycle below it for late packets.
    highest: u64,
    /// Bit n: `highest - n` came.
    seen: u128,
    started: bool,
    /// Numbers passed over that have not come later.
    pub missing: u64,
    /// Runs of numbers passed over.
    pub gaps: u64,
    /// Longest run.
    pub longest_gap: u64,
    pub longest_gap_frame: u64,
    pub duplicates: u64,
    /// Came behind a higher number.
    pub late: u64,
    /// The numbers jumped: another start of the source, or an outage longer than can be told from one.
    pub restarts: u64,
}

/// What a packet is to the ones before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    First,
    /// The number after the highest one.
    Next,
    /// Behind a gap.
    AfterGap,
    Late,
    Duplicate,
    Restart,
}

impl Sequence {
    pub fn add(&mut self, sequence: u16, frame: u64) -> Place {
        if !self.started {
            self.start(sequence);
            return Place::First;
        }
        let step = sequence.wrapping_sub(self.highest as u16);
        let back = u64::from(step.wrapping_neg());
        if step == 0 {
            self.duplicates += 1;
            return Place::Duplicate;
        }
        if u64::from(step) <= MAX_DROPOUT {
            return self.forward(u64::from(step), frame);
        }
        if back >= WINDOW {
            self.restarts += 1;
            self.start(sequence);
            return Place::Restart;
        }
        if self.seen >> back & 1 == 1 {
            self.duplicates += 1;
            return Place::Duplicate;
        }
        self.seen |= 1 << back;
        self.late += 1;
        // One that is older than the first packet was not missed.
        self.missing = self.missing.saturating_sub(1);
        Place::Late
    }

    fn start(&mut self, sequence: u16) {
        self.started = true;
        self.highest = 0x1_0000 + u64::from(sequence);
        self.seen = 1;
    }

    fn forward(&mut self, step: u64, frame: u64) -> Place {
        self.highest += step;
        self.seen = if step < WINDOW { self.seen << step | 1 } else { 1 };
        if step == 1 {
            return Place::Next;
        }
        self.missing += step - 1;
        self.gaps += 1;
        if step - 1 > self.longest_gap {
            (self.longest_gap, self.longest_gap_frame) = (step - 1, frame);
        }
        Place::AfterGap
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(numbers: &[u16]) -> Sequence {
        let mut s = Sequence::default();
        numbers.iter().zip(1..).for_each(|(&n, frame)| {
            s.add(n, frame);
        });
        s
    }

    #[test]
    fn gaps_late_ones_and_duplicates() {
        let s = of(&[10, 11, 14, 13, 14, 15, 13, 18]);
        assert_eq!((s.missing, s.gaps, s.longest_gap, s.longest_gap_frame), (3, 2, 2, 3));
        assert_eq!((s.late, s.duplicates, s.restarts), (1, 2, 0));
    }

    #[test]
    fn numbers_wrap_around() {
        let s = of(&[65534, 65535, 1, 0, 2]);
        assert_eq!((s.missing, s.late, s.gaps, s.restarts), (0, 1, 1, 0));
    }

    #[test]
    fn a_jump_is_a_new_start() {
        let s = of(&[100, 101, 40_000, 40_001, 50]);
        assert_eq!((s.restarts, s.missing), (2, 0));
    }

    #[test]
    fn a_packet_before_the_first_one_is_late_only() {
        let s = of(&[10, 9, 11]);
        assert_eq!((s.missing, s.late), (0, 1));
    }
}
