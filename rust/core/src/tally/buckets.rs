//! Frames and bytes over time, in buckets that get wider when the capture is long.

/// Buckets of one width, aligned to multiples of it since 1970, so that two sets of buckets always merge.
#[derive(Clone, Debug)]
pub struct Buckets {
    /// 1 s, doubled as often as needed.
    width_ns: i64,
    /// Number of the first bucket: it starts at `base * width_ns`.
    base: i64,
    counts: std::collections::VecDeque<[u64; 2]>,
    limit: usize,
}

const SECOND: i64 = 1_000_000_000;

impl Buckets {
    pub fn new(limit: usize) -> Self {
        Self { width_ns: SECOND, base: 0, counts: Default::default(), limit: limit.max(4) }
    }

    /// Counts a frame at `ns`.
    #[inline]
    pub fn add(&mut self, ns: i64, wire: u64) {
        self.add_many(ns, 1, wire);
    }

    fn add_many(&mut self, ns: i64, frames: u64, bytes: u64) {
        let mut number = ns.div_euclid(self.width_ns);
        if self.counts.is_empty() {
            self.base = number;
            self.counts.push_back([0; 2]);
        }
        // Ends: each turn doubles the width, and at 2^33 s the whole range of i64 ns is four buckets.
        while !self.fits(number) {
            self.widen();
            number = ns.div_euclid(self.width_ns);
        }
        while number < self.base {
            self.counts.push_front([0; 2]);
            self.base -= 1;
        }
        let i = (number - self.base) as usize;
        if i >= self.counts.len() {
            self.counts.resize(i + 1, [0; 2]);
        }
        self.counts[i][0] += frames;
        self.counts[i][1] += bytes;
    }

    fn fits(&self, number: i64) -> bool {
        let end = self.base + self.counts.len() as i64;
        let span = number.max(end - 1).saturating_sub(number.min(self.base)).saturating_add(1);
        span <= self.limit as i64
    }

    fn widen(&mut self) {
        let old = std::mem::take(&mut self.counts);
        let (base, width) = (self.base, self.width_ns);
        self.width_ns = width.saturating_mul(2);
        self.base = base.div_euclid(2);
        self.counts.resize(old.len() / 2 + 1, [0; 2]);
        for (i, c) in old.into_iter().enumerate() {
            let at = ((base + i as i64).div_euclid(2) - self.base) as usize;
            self.counts[at][0] += c[0];
            self.counts[at][1] += c[1];
        }
        while self.counts.len() > 1 && self.counts.back() == Some(&[0; 2]) {
            self.counts.pop_back();
        }
    }

    /// Width of a bucket, ns.
    pub fn width_ns(&self) -> i64 {
        self.width_ns
    }

    /// Start of the first bucket, ns since 1970.
    pub fn start_ns(&self) -> i64 {
        self.base.saturating_mul(self.width_ns)
    }

    /// (frames, wire bytes) of each bucket from the first on, empty ones included.
    pub fn counts(&self) -> impl Iterator<Item = [u64; 2]> + '_ {
        self.counts.iter().copied()
    }

    pub fn merge(&mut self, other: &Self) {
        while self.width_ns < other.width_ns {
            if self.counts.is_empty() {
                self.width_ns = other.width_ns;
            } else {
                self.widen();
            }
        }
        for (i, c) in other.counts.iter().enumerate() {
            if c[0] > 0 {
                self.add_many((other.base + i as i64).saturating_mul(other.width_ns), c[0], c[1]);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(times: &[i64], limit: usize) -> Buckets {
        let mut b = Buckets::new(limit);
        times.iter().for_each(|&t| b.add(t, 10));
        b
    }

    fn nonzero(b: &Buckets) -> Vec<(i64, u64)> {
        let at = |i: usize| b.start_ns().saturating_add((i as i64).saturating_mul(b.width_ns()));
        b.counts().enumerate().filter(|(_, c)| c[0] > 0).map(|(i, c)| (at(i), c[0])).collect()
    }

    #[test]
    fn earlier_times_extend_to_the_front() {
        let b = of(&[5 * SECOND, 3 * SECOND + 1, 5 * SECOND + 999_999_999], 100);
        assert_eq!(nonzero(&b), [(3 * SECOND, 1), (5 * SECOND, 2)]);
    }

    #[test]
    fn long_captures_get_wider_buckets_and_lose_nothing() {
        let b = of(&(0..1000).map(|i| i * SECOND).collect::<Vec<_>>(), 16);
        assert_eq!((b.width_ns(), nonzero(&b).iter().map(|x| x.1).sum::<u64>()), (64 * SECOND, 1000));
        assert_eq!(nonzero(&b)[0], (0, 64));
    }

    #[test]
    fn the_ends_of_time_do_not_overflow() {
        let b = of(&[i64::MIN, i64::MAX, 0], 4);
        assert_eq!(nonzero(&b).iter().map(|x| x.1).sum::<u64>(), 3);
    }

    #[test]
    fn merge_equals_the_whole() {
        let times: Vec<i64> = (0..200).map(|i| i * i * SECOND / 7).collect();
        for cut in [0, 1, 100, 199, 200] {
            let mut m = Buckets::new(32);
            m.merge(&of(&times[..cut], 32));
            m.merge(&of(&times[cut..], 32));
            assert_eq!(nonzero(&m), nonzero(&of(&times, 32)));
        }
    }
}
