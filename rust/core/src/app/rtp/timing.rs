//! Loss, delay differences and jitter of one stream, by the rules of Wireshark 4.0's list of RTP streams, so that the
//! figures are equal to its. What those rules do not tell (duplicates, late packets, gaps) is in `sequence`.

use super::payload_types::COMFORT_NOISE;

/// One packet as the rules see it.
#[derive(Clone, Copy, Debug)]
pub struct Packet {
    pub frame: u64,
    pub time_ns: i64,
    pub marker: bool,
    pub payload_type: u8,
    pub sequence: u16,
    pub timestamp: u32,
    /// Ticks per second; 0: not known, or not used for jitter (events).
    pub clock: u32,
}

/// A value's least, mean and largest, ms.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Spread {
    pub min: Option<f64>,
    pub mean: f64,
    pub max: f64,
}

impl Spread {
    /// `packets` counts those before this one. The mean is over all of them, also those left out: Wireshark's way.
    fn add(&mut self, value: f64, packets: u64) {
        self.min = Some(self.min.map_or(value, |m| m.min(value)));
        self.max = self.max.max(value);
        self.mean = (self.mean * (packets - 1) as f64 + value) / packets as f64;
    }
}

/// The running figures of a stream.
#[derive(Clone, Debug, Default)]
pub struct Timing {
    pub packets: u64,
    /// First sequence number, the one of the last packet, and the last one that was as expected.
    start: u16,
    stop: u16,
    expected: u16,
    /// Times the numbers wrapped around, and whether they are below the first one at the moment.
    cycles: u32,
    under: bool,
    first_timestamp: u32,
    /// Of the last packet whose timestamp is not before the first one.
    time_ns: i64,
    nominal_ms: f64,
    payload_type: u8,
    /// Arrival of the packet after the one before it, ms.
    delta_ms: f64,
    jitter_ms: f64,
    pub delta: Spread,
    pub max_delta_frame: u64,
    pub jitter: Spread,
    /// Packets whose number is not the next one.
    pub out_of_sequence: u64,
    /// Packets with a timestamp before the first one.
    pub wrong_timestamp: u64,
    /// Last clock used.
    pub clock: u32,
}

/// Half the range of timestamps: more than that ahead is behind.
const HALF: u32 = 1 << 31;

impl Timing {
    pub fn add(&mut self, p: &Packet) {
        if self.packets == 0 {
            (self.start, self.stop, self.expected) = (p.sequence, p.sequence, p.sequence);
            (self.first_timestamp, self.time_ns, self.payload_type) = (p.timestamp, p.time_ns, p.payload_type);
            self.packets = 1;
            return;
        }
        let ahead = p.timestamp.wrapping_sub(self.first_timestamp);
        let in_time = ahead < HALF;
        self.wrong_timestamp += !in_time as u64;
        if in_time {
            self.count_cycles(p.sequence);
        }
        self.out_of_sequence += !self.follows(p.sequence, in_time) as u64;
        let after_noise = COMFORT_NOISE.contains(&self.payload_type);
        self.payload_type = p.payload_type;
        if in_time {
            self.arrival(p, ahead);
        }
        if in_time && !p.marker && !after_noise && !COMFORT_NOISE.contains(&p.payload_type) {
            if self.delta_ms > self.delta.max {
                self.max_delta_frame = p.frame;
            }
            self.delta.add(self.delta_ms, self.packets);
            if p.clock >= 1_000 {
                self.jitter.add(self.jitter_ms, self.packets);
            }
        }
        if in_time {
            self.time_ns = p.time_ns;
        }
        self.stop = p.sequence;
        self.packets += 1;
    }

    fn count_cycles(&mut self, sequence: u16) {
        if !self.under && (sequence < self.start || (sequence == 0 && self.stop == u16::MAX)) {
            self.cycles += 1;
            self.under = true;
        } else if self.under && sequence > self.start {
            self.under = false;
        }
    }

    /// Whether the number is the one after the last good one. A jump forward is believed, a step back is not.
    fn follows(&mut self, sequence: u16, in_time: bool) -> bool {
        let (last, now) = (i32::from(self.expected), i32::from(sequence));
        if !in_time {
            // Out of time: wrong only where the number is no jump forward.
            return last < now;
        }
        let next = last + 1 == now || (last == 0xffff && now == 0);
        if next || last + 1 < now || last - now > 0xff00 {
            self.expected = sequence;
        }
        next
    }

    /// Delay since the last packet, and jitter (RFC 3550 section 6.4.1).
    fn arrival(&mut self, p: &Packet, ahead: u32) {
        self.delta_ms = (p.time_ns - self.time_ns) as f64 / 1e6;
        if p.clock < 1_000 {
            return;
        }
        self.clock = p.clock;
        // Whole ticks per millisecond, as in Wireshark: 44 of 44100 per second.
        let nominal = f64::from(ahead) / f64::from(p.clock / 1_000);
        let difference = (self.delta_ms - (nominal - self.nominal_ms)).abs();
        self.jitter_ms = (15.0 * self.jitter_ms + difference) / 16.0;
        self.nominal_ms = nominal;
    }

    /// Sequence numbers from the first packet to the last one, wraps counted.
    pub fn expected(&self) -> i64 {
        i64::from(self.stop) + i64::from(self.cycles) * 0x1_0000 - i64::from(self.start) + 1
    }

    /// Packets missing; negative where more came than numbers.
    pub fn lost(&self) -> i64 {
        self.expected() - self.packets as i64
    }

    pub fn problem(&self) -> bool {
        self.out_of_sequence + self.wrong_timestamp > 0
    }
}
