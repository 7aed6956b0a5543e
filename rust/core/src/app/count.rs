//! Bounded counters that the protocols share.

use super::message::{Fields, Value};
use super::rows::Rows;
use crate::packing;
use crate::texts::Texts;
use foldhash::fast::RandomState;
use std::collections::HashMap;
use std::hash::Hash;
use std::sync::Arc;

/// Occurrences by key, up to a number of keys; the rest is counted together.
#[derive(Clone, Debug)]
pub struct Counter<K> {
    seen: HashMap<K, u64, RandomState>,
    limit: usize,
    other: u64,
}

impl<K: Eq + Hash + Ord + Clone> Counter<K> {
    pub fn new(limit: usize) -> Self {
        Self { seen: HashMap::default(), limit, other: 0 }
    }

    pub fn add<Q>(&mut self, key: &Q)
    where
        K: std::borrow::Borrow<Q>,
        Q: Hash + Eq + ToOwned<Owned = K> + ?Sized,
    {
        if let Some(n) = self.seen.get_mut(key) {
            *n += 1;
        } else if self.seen.len() < self.limit {
            self.seen.insert(key.to_owned(), 1);
        } else {
            self.other += 1;
        }
    }

    /// Keys and how often they occurred, in no order.
    pub fn iter(&self) -> impl Iterator<Item = (&K, u64)> {
        self.seen.iter().map(|(k, &n)| (k, n))
    }

    /// Adds the occurrences of another part of the traffic.
    pub fn merge(&mut self, other: &Self) {
        self.other += other.other;
        for (key, n) in &other.seen {
            if let Some(mine) = self.seen.get_mut(key) {
                *mine += n;
            } else if self.seen.len() < self.limit {
                self.seen.insert(key.clone(), *n);
            } else {
                self.other += n;
            }
        }
    }

    /// `[[key, n], ...]`, most frequent first, with what found no room as `other`.
    pub fn report(&self, show: impl Fn(&K) -> Value) -> Value {
        let mut all: Vec<_> = self.seen.iter().collect();
        all.sort_by(|a, b| b.1.cmp(a.1).then(a.0.cmp(b.0)));
        let rows: Vec<Value> = all.into_iter().map(|(k, &n)| vec![show(k), n.into()].into()).collect();
        vec![("rows", rows.into()), ("other", self.other.into())].into()
    }
}

impl<K: Eq + Hash + Ord + Clone + Send + Sync + 'static> Counter<K> {
    /// As [`report`](Self::report), of a counter that may have many keys: the rows are made when they are looked at.
    pub fn rows<M: Send + Sync + 'static>(
        of: &Arc<M>,
        this: fn(&M) -> &Self,
        order: fn(&M) -> Vec<(K, u64)>,
        show: fn(&M, &(K, u64)) -> Value,
    ) -> Value {
        let counter = this(of);
        let rows = Rows::later(of, counter.seen.len(), order, show);
        vec![("rows", rows), ("other", counter.other.into())].into()
    }

    /// Keys and how often they occurred, most frequent first.
    pub fn ranked(&self) -> Vec<(K, u64)> {
        let mut all: Vec<_> = self.seen.iter().map(|(k, &n)| (k, n)).collect();
        all.sort_unstable_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(b.0)));
        all.into_iter().map(|(k, n)| (k.clone(), n)).collect()
    }
}

/// As [`Counter`], of many texts.
#[derive(Clone, Debug)]
pub struct TextCounter {
    seen: Texts,
    limit: usize,
    other: u64,
}

impl TextCounter {
    pub fn new(limit: usize) -> Self {
        Self { seen: Texts::default(), limit, other: 0 }
    }

    pub fn add(&mut self, text: &str) {
        self.add_many(text, 1);
    }

    fn add_many(&mut self, text: &str, n: u64) {
        if !self.seen.add(text, n, self.limit) {
            self.other += n;
        }
    }

    /// Texts and how often they occurred, in order of appearance.
    pub fn iter(&self) -> impl Iterator<Item = (&str, u64)> {
        self.seen.iter()
    }

    /// Adds the occurrences of another part of the traffic.
    pub fn merge(&mut self, other: &Self) {
        self.other += other.other;
        other.iter().for_each(|(text, n)| self.add_many(text, n));
    }

    /// As [`Counter::rows`]; `row` is [`TextCounter::row`] of the same counter.
    pub fn rows<M: Send + Sync + 'static>(
        of: &Arc<M>,
        this: fn(&M) -> &Self,
        order: fn(&M) -> Vec<u32>,
        row: fn(&M, &u32) -> Value,
    ) -> Value {
        let counter = this(of);
        let rows = Rows::later(of, counter.seen.held(), order, row);
        vec![("rows", rows), ("other", counter.other.into())].into()
    }

    /// What [`TextCounter::row`] knows the texts by, most frequent first.
    pub fn ranked(&self) -> Vec<u32> {
        self.seen.ranked()
    }

    pub fn row(&self, place: u32) -> Value {
        let (text, n) = self.seen.at(place);
        vec![text_of(text), n.into()].into()
    }
}

/// `TextCounter::rows` of the counter of that name of `$of`.
macro_rules! texts_later {
    ($of:expr, $($field:ident).+) => {
        $crate::app::count::TextCounter::rows(
            $of,
            |m| &m.$($field).+,
            |m| m.$($field).+.ranked(),
            |m, &place| m.$($field).+.row(place),
        )
    };
}
pub(crate) use texts_later;

/// A key that is text, as a value.
pub fn text_of(key: &str) -> Value {
    key.to_owned().into()
}

/// `Counter::rows` of the counter of that name of `$of`, shown by the function `$show`.
macro_rules! counted_later {
    ($of:expr, $($field:ident).+, $show:expr) => {
        $crate::app::count::Counter::rows($of, |m| &m.$($field).+, |m| m.$($field).+.ranked(), |_, (key, n)| {
            let shown: $crate::app::message::Value = $show(key);
            vec![shown, (*n).into()].into()
        })
    };
}
pub(crate) use counted_later;

/// The longest of several durations, and the frame that shows it.
#[derive(Clone, Copy, Debug)]
pub struct Longest {
    /// `i64::MIN`: there was none.
    pub ns: i64,
    pub frame: u64,
}

impl Default for Longest {
    fn default() -> Self {
        Self { ns: i64::MIN, frame: 0 }
    }
}

impl Longest {
    /// Of equally long ones the first frame counts, in whatever order they come.
    pub fn see(&mut self, ns: i64, frame: u64) {
        if (ns, self.frame) > (self.ns, frame) {
            *self = Self { ns, frame };
        }
    }
}

/// A set of durations: exact count, sum, least and largest; the values themselves up to a limit.
#[derive(Clone, Debug, Default)]
pub struct Times {
    count: u64,
    sum_ns: i128,
    min_ns: i64,
    longest: Longest,
    /// Nanoseconds; what does not fit, or is [`FAR`] itself, as [`FAR`] and both halves of it.
    values: Vec<u32>,
    /// How many values these are, and may be.
    kept: u32,
    limit: u32,
}

/// Stands before a value of more than 32 bits: 4.3 seconds and more, and what is negative.
const FAR: u32 = u32::MAX;

impl Times {
    pub fn new(limit: usize) -> Self {
        Self { limit: u32::try_from(limit).unwrap_or(u32::MAX), ..Self::default() }
    }

    /// A time that the frame shows: the answer, of handshakes their first frame.
    pub fn add(&mut self, ns: i64, frame: u64) {
        if self.count == 0 {
            self.min_ns = ns;
        }
        self.count += 1;
        self.sum_ns += ns as i128;
        self.min_ns = self.min_ns.min(ns);
        self.longest.see(ns, frame);
        self.keep(ns);
    }

    fn keep(&mut self, ns: i64) {
        if self.kept >= self.limit {
            return;
        }
        self.kept += 1;
        let halves = [FAR, (ns >> 32) as u32, ns as u32];
        let near = u32::try_from(ns).ok().filter(|&near| near != FAR);
        let words = near.as_ref().map_or(&halves[..], std::slice::from_ref);
        packing::make_room(&mut self.values, words.len(), 4);
        self.values.extend_from_slice(words);
    }

    /// The values kept.
    fn values(&self) -> impl Iterator<Item = i64> + '_ {
        let mut halves = self.values.iter();
        std::iter::from_fn(move || match *halves.next()? {
            FAR => Some((*halves.next()? as i32 as i64) << 32 | *halves.next()? as i64),
            near => Some(near as i64),
        })
    }

    pub fn limit(&self) -> usize {
        self.limit as usize
    }

    /// Nanoseconds; None: there is no time.
    pub fn mean_ns(&self) -> Option<f64> {
        (self.count > 0).then(|| self.sum_ns as f64 / self.count as f64)
    }

    /// Adds the times of another part of the traffic.
    pub fn merge(&mut self, other: &Self) {
        if other.count == 0 {
            return;
        }
        if self.count == 0 {
            self.min_ns = other.min_ns;
        }
        self.count += other.count;
        self.sum_ns += other.sum_ns;
        self.min_ns = self.min_ns.min(other.min_ns);
        self.longest.see(other.longest.ns, other.longest.frame);
        let room = self.limit.saturating_sub(self.kept);
        other.values().take(room as usize).for_each(|ns| self.keep(ns));
    }

    /// The value below which `part` of the kept ones lie (0.5: the median, of an even number the mean of the middle
    /// two), ns. Puts them into another order; there is at least one.
    fn quantile(values: &mut [i64], part: f64) -> f64 {
        let at = part * (values.len() - 1) as f64;
        let (_, &mut low, above) = values.select_nth_unstable(at.floor() as usize);
        let high = if at.fract() > 0.0 { above.iter().min().copied().unwrap_or(low) } else { low };
        low as f64 + high.saturating_sub(low) as f64 * at.fract()
    }

    /// count, and where there is any: min, mean, median, p95, max, in ns, and the frame of the longest.
    pub fn report(&self) -> Fields {
        let mut out: Fields = vec![("count", self.count.into())];
        if !self.values.is_empty() {
            let mut values: Vec<i64> = self.values().collect();
            out.push(("min_ns", self.min_ns.into()));
            out.push(("mean_ns", Value::Float(self.sum_ns as f64 / self.count as f64)));
            out.push(("median_ns", Value::Float(Self::quantile(&mut values, 0.5))));
            out.push(("p95_ns", Value::Float(Self::quantile(&mut values, 0.95))));
            out.push(("max_ns", self.longest.ns.into()));
            out.push(("max_frame", self.longest.frame.into()));
            out.push(("exact", (self.count == self.kept as u64).into()));
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_of_known_values() {
        let mut t = Times::new(100);
        (1..=5).for_each(|n| t.add(n * 10, n as u64));
        let r = t.report();
        assert_eq!(r[3], ("median_ns", Value::Float(30.0)));
        assert_eq!(r[4], ("p95_ns", Value::Float(48.0)));
        assert_eq!(r[6], ("max_frame", 5u64.into()));
    }

    #[test]
    fn times_of_any_length_are_kept_up_to_the_limit() {
        let all = [0, 5, u32::MAX as i64 - 1, u32::MAX as i64, 1 << 32, -1, i64::MIN, i64::MAX, 7];
        let mut t = Times::new(all.len() - 1);
        all.iter().for_each(|&ns| t.add(ns, 1));
        assert_eq!(t.values().collect::<Vec<_>>(), all[..8]);
        let mut merged = Times::new(10);
        merged.merge(&t);
        merged.merge(&t);
        assert_eq!(merged.values().collect::<Vec<_>>(), [&all[..8], &all[..2]].concat());
        assert_eq!(t.report().last(), Some(&("exact", false.into())));
    }

    #[test]
    fn counters_are_bounded() {
        let mut c: Counter<String> = Counter::new(1);
        ["a", "b", "a", "c"].iter().for_each(|s| c.add(*s));
        let rows = Value::List(vec![vec![Value::Text("a".into()), 2u64.into()].into()]);
        assert_eq!(c.report(|k| k.clone().into()), vec![("rows", rows), ("other", 2u64.into())].into());
    }
}
