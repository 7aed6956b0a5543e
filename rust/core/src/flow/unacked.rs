//! Segments sent and not yet acknowledged: what round trip times are measured from.
//!
//! All queues of a pass share one pool of nodes, so that an idle connection costs nothing and one limit bounds them all.

use super::seq::gt;

/// Segments remembered of one direction of a connection, as in Wireshark.
pub(super) const MAX_PER_DIRECTION: u16 = 10_000;

/// Nodes looked at for one segment at most. Only segments far out of order in a very long queue, and streams with
/// numbers that make no sense, meet it; their round trips are not measured then.
const MAX_STEPS: u16 = 1_000;

const NONE: u32 = u32::MAX;

#[derive(Clone, Copy, Debug)]
struct Node {
    /// Sequence number after the segment.
    next_seq: u32,
    /// The next node of the queue (or the next free node).
    link: u32,
    time_ns: i64,
}

/// The nodes of all queues.
#[derive(Debug)]
pub(super) struct Pool {
    nodes: Vec<Node>,
    free: u32,
    used: usize,
    limit: usize,
    /// Start and frame of each segment, by node; None: nobody asks for them.
    extra: Option<Vec<(u32, u64)>>,
    /// Those of the segment at hand.
    pub current: (u32, u64),
    /// Node of the segment that the last ACK was for exactly.
    exact: u32,
}

/// Unacknowledged segments of one direction, lowest number first.
#[derive(Clone, Copy, Debug)]
pub(super) struct Queue {
    head: u32,
    tail: u32,
    len: u16,
    /// `next_seq` never decreases from head to tail, and tail is less than 2^31 ahead of head.
    sorted: bool,
}

impl Default for Queue {
    fn default() -> Self {
        Self { head: NONE, tail: NONE, len: 0, sorted: true }
    }
}

impl Queue {
    /// All of it as numbers, 0 where nothing waits.
    pub fn numbers(&self) -> [u64; 3] {
        let place = |at: u32| at.wrapping_add(1) as u64;
        [place(self.head), place(self.tail), self.len as u64 | (!self.sorted as u64) << 16]
    }

    /// The queue of these numbers.
    pub fn of_numbers([head, tail, waiting]: [u64; 3]) -> Self {
        let place = |n: u64| (n as u32).wrapping_sub(1);
        Self { head: place(head), tail: place(tail), len: waiting as u16, sorted: waiting >> 16 & 1 == 0 }
    }

    #[inline]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }
    /// Whether this direction already holds as many segments as Wireshark keeps.
    #[inline]
    pub fn is_full(&self) -> bool {
        self.len >= MAX_PER_DIRECTION
    }
}

impl Pool {
    pub fn new(limit: usize) -> Self {
        let limit = limit.min(NONE as usize - 1);
        Self { nodes: Vec::new(), free: NONE, used: 0, limit, extra: None, current: (0, 0), exact: NONE }
    }

    /// Keeps starts and frames of segments from now on.
    pub fn keep_frames(&mut self) {
        self.extra = Some(Vec::new());
    }

    /// Frame of the segment that the last ACK was for exactly.
    pub fn acked_frame(&self) -> Option<u64> {
        self.extra.as_ref()?.get(self.exact as usize).map(|e| e.1)
    }

    /// What an ACK is for in the middle of segments is no longer in flight.
    pub fn acknowledge_part(&mut self, queue: &Queue, ack: u32) {
        let Some(extra) = &mut self.extra else { return };
        let mut at = queue.head;
        for _ in 0..queue.len.min(MAX_STEPS) {
            let (Some(node), Some(known)) = (self.nodes.get(at as usize), extra.get_mut(at as usize)) else { return };
            if gt(ack, known.0) && gt(node.next_seq, ack) {
                known.0 = ack;
            }
            at = node.link;
        }
    }

    /// (start, end, frame, time) of what waits in a queue, as far as it is worth while to look.
    pub fn segments<'a>(&'a self, queue: &Queue) -> impl Iterator<Item = (u32, u32, u64, i64)> + 'a {
        let mut at = queue.head;
        let extra = self.extra.as_deref().unwrap_or_default();
        (0..queue.len.min(MAX_STEPS)).map_while(move |_| {
            let (node, &(start, frame)) = (self.nodes.get(at as usize)?, extra.get(at as usize)?);
            at = node.link;
            Some((start, node.next_seq, frame, node.time_ns))
        })
    }

    /// Nodes in use.
    #[cfg(test)]
    pub fn used(&self) -> usize {
        self.used
    }

    /// Adds a segment. Beyond the limit of the pool it is left out: its round trip will not be measured.
    #[inline]
    pub fn push(&mut self, queue: &mut Queue, next_seq: u32, time_ns: i64) {
        if self.used >= self.limit {
            return;
        }
        let Some(before) = self.place(queue, next_seq) else { return };
        let node = Node { next_seq, link: NONE, time_ns };
        let at = if self.free != NONE {
            let at = self.free;
            self.free = self.nodes[at as usize].link;
            self.nodes[at as usize] = node;
            at
        } else {
            self.nodes.push(node);
            (self.nodes.len() - 1) as u32
        };
        if let Some(extra) = &mut self.extra {
            extra.resize(self.nodes.len(), (0, 0));
            extra[at as usize] = self.current;
        }
        self.used += 1;
        queue.len += 1;
        let link = if before == NONE { &mut queue.head } else { &mut self.nodes[before as usize].link };
        let behind = std::mem::replace(link, at);
        self.nodes[at as usize].link = behind;
        if behind == NONE {
            queue.tail = at;
        }
    }

    /// The node behind which a segment belongs so that the queue stays sorted, the earlier sent one first among equals.
    /// `NONE`: at the head. None: it is not worth looking for the place.
    #[inline]
    fn place(&self, queue: &mut Queue, next_seq: u32) -> Option<u32> {
        if queue.len == 0 {
            queue.sorted = true;
            return Some(NONE);
        }
        let head = self.nodes[queue.head as usize].next_seq;
        let tail = self.nodes[queue.tail as usize].next_seq;
        if queue.sorted && !gt(tail, next_seq) && !gt(head, next_seq) {
            return Some(queue.tail);
        }
        self.place_out_of_order(queue, head, tail, next_seq)
    }

    #[cold]
    fn place_out_of_order(&self, queue: &mut Queue, head: u32, tail: u32, next_seq: u32) -> Option<u32> {
        // Exactly 2^31 apart, two numbers are each before the other: no order either.
        let below_tail = tail.wrapping_sub(next_seq) as i32 > 0;
        if queue.sorted && below_tail && head.wrapping_sub(next_seq) as i32 > 0 {
            return Some(NONE);
        }
        if queue.sorted && below_tail && !gt(head, next_seq) {
            let mut at = queue.head;
            for _ in 0..MAX_STEPS {
                let link = self.nodes[at as usize].link;
                if link == NONE || gt(self.nodes[link as usize].next_seq, next_seq) {
                    return Some(at);
                }
                at = link;
            }
            return None;
        }
        // Numbers more than 2^31 apart have no order.
        if queue.len >= MAX_STEPS {
            return None;
        }
        queue.sorted = false;
        Some(queue.tail)
    }

    /// Drops what `ack` acknowledges. Returns when the segment that ends exactly at `ack` was sent (the first one sent,
    /// where it was sent more than once).
    #[inline]
    pub fn acknowledge(&mut self, queue: &mut Queue, ack: u32) -> Option<i64> {
        if queue.len == 0 {
            return None;
        }
        if !queue.sorted {
            return self.acknowledge_any_order(queue, ack);
        }
        let head = self.nodes[queue.head as usize].next_seq;
        let ahead = ack.wrapping_sub(head);
        if ahead as i32 >= 0 {
            let mut sent = None;
            while queue.len > 0 {
                let Node { next_seq, link, time_ns } = self.nodes[queue.head as usize];
                if gt(next_seq, ack) {
                    break;
                }
                if next_seq == ack && sent.is_none() {
                    sent = Some(time_ns);
                    self.exact = queue.head;
                }
                self.release(queue.head);
                queue.head = link;
                queue.len -= 1;
            }
            return sent;
        }
        let span = self.nodes[queue.tail as usize].next_seq.wrapping_sub(head);
        if u64::from(ahead) >= (1 << 31) + u64::from(span) {
            return None;
        }
        self.acknowledge_any_order(queue, ack)
    }

    #[cold]
    fn acknowledge_any_order(&mut self, queue: &mut Queue, ack: u32) -> Option<i64> {
        let mut sent = None;
        let mut at = queue.head;
        let mut last_kept = NONE;
        while at != NONE {
            let Node { next_seq, link, time_ns } = self.nodes[at as usize];
            if next_seq != ack && gt(next_seq, ack) {
                last_kept = at;
            } else {
                if next_seq == ack && sent.is_none() {
                    sent = Some(time_ns);
                    self.exact = at;
                }
                if last_kept == NONE {
                    queue.head = link;
                } else {
                    self.nodes[last_kept as usize].link = link;
                }
                self.release(at);
                queue.len -= 1;
            }
            at = link;
        }
        queue.tail = last_kept;
        sent
    }

    /// Empties a queue whose connection goes.
    pub fn clear(&mut self, queue: &mut Queue) {
        let mut at = queue.head;
        for _ in 0..queue.len {
            let link = self.nodes[at as usize].link;
            self.release(at);
            at = link;
        }
        *queue = Queue::default();
    }

    #[inline]
    fn release(&mut self, at: u32) {
        self.nodes[at as usize].link = self.free;
        self.free = at;
        self.used -= 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn cumulative_ack_drops_all_before_it_and_times_the_exact_one() {
        let (mut pool, mut queue) = (Pool::new(100), Queue::default());
        for (next, time) in [(10, 1), (20, 2), (30, 3)] {
            pool.push(&mut queue, next, time);
        }
        assert_eq!(pool.acknowledge(&mut queue, 15), None);
        assert_eq!(queue.len, 2);
        assert_eq!(pool.acknowledge(&mut queue, 30), Some(3));
        assert!(queue.is_empty());
        assert_eq!(pool.used(), 0);
    }

    #[test]
    fn a_retransmitted_segment_is_timed_from_its_first_sending() {
        let (mut pool, mut queue) = (Pool::new(100), Queue::default());
        for (next, time) in [(10, 1), (20, 2), (10, 3), (20, 4)] {
            pool.push(&mut queue, next, time);
        }
        assert!(queue.sorted);
        assert_eq!(pool.acknowledge(&mut queue, 20), Some(2));
        assert!(queue.is_empty());
    }

    #[test]
    fn the_limit_leaves_segments_out() {
        let (mut pool, mut queue) = (Pool::new(2), Queue::default());
        for next in 1..10 {
            pool.push(&mut queue, next, 0);
        }
        assert_eq!((queue.len, pool.used()), (2, 2));
        pool.clear(&mut queue);
        assert_eq!(pool.used(), 0);
    }

    #[test]
    fn hostile_queues_cost_a_bounded_walk() {
        let (mut pool, mut queue) = (Pool::new(100_000), Queue::default());
        for n in 0..5000 {
            pool.push(&mut queue, n * 10 + 10, 0);
        }
        // Deep in the queue, and beyond any order: both left out.
        pool.push(&mut queue, 40_005, 0);
        pool.push(&mut queue, (1 << 31) + 100, 0);
        assert!((queue.len, queue.sorted) == (5000, true));
        pool.push(&mut queue, 15, 7);
        assert_eq!(pool.acknowledge(&mut queue, 15), Some(7));
        assert_eq!(queue.len, 4999);
        pool.clear(&mut queue);
        for n in 0..5000u32 {
            pool.push(&mut queue, (n % 2) << 31 | n, 0);
        }
        assert!((queue.len, queue.sorted) == (MAX_STEPS, false));
    }

    proptest! {
        /// Against the rule written as a list: keep what ends after the ack, time the first exact match.
        #[test]
        fn equals_the_plain_list(steps in prop::collection::vec((any::<bool>(), prop_oneof![0u32..40, any::<u32>(),
            Just(0x8000_0000u32), Just(u32::MAX)], any::<i64>()), 0..60)) {
            let (mut pool, mut queue, mut list) = (Pool::new(1000), Queue::default(), Vec::<(u32, i64)>::new());
            for (push, seq, time) in steps {
                if push {
                    pool.push(&mut queue, seq, time);
                    list.push((seq, time));
                } else {
                    let expected = list.iter().find(|x| x.0 == seq).map(|x| x.1);
                    list.retain(|x| x.0 != seq && gt(x.0, seq));
                    prop_assert_eq!(pool.acknowledge(&mut queue, seq), expected);
                }
                prop_assert_eq!(queue.len as usize, list.len());
                prop_assert_eq!(pool.used(), list.len());
            }
        }
    }
}
