//! What IP headers say of the path: fragments, packets that must not be divided, congestion marks.

use crate::addr::IpAddr;
use crate::app::message::{Value, row};
use crate::app::table::{Evidence, Table};
use crate::layers::{Layers, Net};

/// The ECN field: the sender can do ECN (two values), and a router was congested.
const ECN: u8 = 3;
const CONGESTED: u8 = 3;
/// TCP flags: ECN echo, congestion window reduced, SYN.
const ECE: u16 = 0x40;
const CWR: u16 = 0x80;
const SYN: u16 = 0x02;

/// Fragments from one address to another.
#[derive(Clone, Copy, Debug)]
struct Fragments {
    count: u64,
    bytes: u64,
    /// Largest fragment with its header, bytes.
    largest: u32,
    first_frame: u64,
    first_ns: i64,
}

/// All of it. Headers quoted in ICMP errors are left out, except where it says so.
#[derive(Clone, Debug)]
pub struct Network {
    fragments: Table<(IpAddr, IpAddr), Fragments>,
    fragment_frames: Evidence,
    /// Frames with an IPv4 header that forbids fragmentation (quoted ones included, as in Wireshark), and the largest
    /// such packet: bytes, frame.
    dont_fragment: u64,
    largest: (u32, u64),
    /// Frames of senders that can do ECN, and those marked as having met congestion.
    capable: u64,
    congested: Evidence,
    /// TCP segments, SYNs apart, that tell of congestion (ECE) or of the answer to it (CWR).
    echo: Evidence,
    reduced: Evidence,
}

impl Network {
    pub fn new(max_pairs: usize) -> Self {
        Self {
            fragments: Table::new(max_pairs),
            fragment_frames: Evidence::default(),
            dont_fragment: 0,
            largest: (0, 0),
            capable: 0,
            congested: Evidence::default(),
            echo: Evidence::default(),
            reduced: Evidence::default(),
        }
    }

    /// Counts a frame.
    #[inline]
    pub fn frame(&mut self, layers: &Layers, number: u64, ns: i64) {
        let (mut dont_fragment, mut capable, mut congested, mut fragment) = (false, false, false, false);
        for net in &layers.nets {
            dont_fragment |= net.dont_fragment;
            if net.quoted {
                continue;
            }
            if net.dont_fragment && net.bytes > self.largest.0 {
                self.largest = (net.bytes, number);
            }
            capable |= net.class & ECN != 0;
            congested |= net.class & ECN == CONGESTED;
            if net.fragment {
                fragment = true;
                self.fragment(net, number, ns);
            }
        }
        self.dont_fragment += dont_fragment as u64;
        self.capable += capable as u64;
        if congested {
            self.congested.add(number);
        }
        if fragment {
            self.fragment_frames.add(number);
        }
        if let Some(tcp) = &layers.tcp
            && tcp.flags & (ECE | CWR) != 0
            && tcp.flags & SYN == 0
        {
            if tcp.flags & ECE != 0 {
                self.echo.add(number);
            }
            if tcp.flags & CWR != 0 {
                self.reduced.add(number);
            }
        }
    }

    #[cold]
    fn fragment(&mut self, net: &Net, number: u64, ns: i64) {
        let new = || Fragments { count: 0, bytes: 0, largest: 0, first_frame: number, first_ns: ns };
        if let Some(row) = self.fragments.row((net.src, net.dst), new) {
            row.count += 1;
            row.bytes += u64::from(net.bytes);
            row.largest = row.largest.max(net.bytes);
        }
    }

    /// Adds another part of the traffic.
    pub fn merge(&mut self, other: &Self) {
        self.fragments.merge(&other.fragments, |mine, theirs| {
            mine.count += theirs.count;
            mine.bytes += theirs.bytes;
            mine.largest = mine.largest.max(theirs.largest);
            if theirs.first_frame < mine.first_frame {
                (mine.first_frame, mine.first_ns) = (theirs.first_frame, theirs.first_ns);
            }
        });
        self.fragment_frames.merge(&other.fragment_frames);
        self.dont_fragment += other.dont_fragment;
        if other.largest.0 > self.largest.0 {
            self.largest = other.largest;
        }
        self.capable += other.capable;
        self.congested.merge(&other.congested);
        self.echo.merge(&other.echo);
        self.reduced.merge(&other.reduced);
    }

    /// As named values; `fragments.rows`: source, destination, fragments, bytes, largest, first frame, its time in ns.
    pub fn value(&self) -> Value {
        vec![
            (
                "fragments",
                self.fragments.report(
                    |f| f.count,
                    |(src, dst), f| row![*src, *dst, f.count, f.bytes, f.largest, f.first_frame, f.first_ns],
                ),
            ),
            ("fragment_frames", self.fragment_frames.report()),
            ("dont_fragment", self.dont_fragment.into()),
            ("largest_dont_fragment", self.largest.0.into()),
            ("largest_dont_fragment_frame", (self.largest.1 > 0).then_some(self.largest.1).into()),
            ("ecn_capable", self.capable.into()),
            ("ecn_congested", self.congested.report()),
            ("ecn_echo", self.echo.report()),
            ("window_reduced", self.reduced.report()),
        ]
        .into()
    }
}
