//! Which addresses and ports signalling announced, and what Wireshark does with datagrams there.

use crate::addr::IpAddr;
use crate::app::Context;
use crate::app::media::{Announcement, MediaTransport};
use foldhash::fast::RandomState;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

/// What is expected at an address and port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expected {
    Media,
    Reports,
    /// Not RTP: nothing here is looked at.
    Other,
}

#[derive(Clone, Debug)]
struct Place {
    expected: Expected,
    by: Arc<Announcement>,
    /// A STUN message came: Wireshark gives what follows to STUN, until a new announcement.
    stun: bool,
}

/// Both ends, in an order that does not depend on the direction.
type Pair = [(IpAddr, u16); 2];

/// The announcements in force. Bounded: at the limit new addresses are dropped and counted.
#[derive(Debug)]
pub struct Announced {
    places: HashMap<(IpAddr, u16), Place, RandomState>,
    /// Pairs of ends that spoke STUN before either was announced: Wireshark keeps them with STUN.
    stun: HashSet<Pair, RandomState>,
    limit: usize,
    pub dropped: u64,
}

/// The port on which Wireshark takes STUN without asking others, so that nothing changes for the ends.
const STUN_PORT: u16 = 3478;

impl Announced {
    pub fn new(limit: usize) -> Self {
        Self { places: HashMap::default(), stun: HashSet::default(), limit, dropped: 0 }
    }

    pub fn is_empty(&self) -> bool {
        self.places.is_empty()
    }

    pub fn add(&mut self, one: Announcement) {
        let expected = match one.transport {
            MediaTransport::Rtp | MediaTransport::Srtp => Expected::Media,
            MediaTransport::T38 => Expected::Other,
            MediaTransport::Other => return,
        };
        if one.port == 0 {
            return;
        }
        let media = (one.addr, one.port);
        let rtcp = one.rtcp.filter(|&r| r.1 != 0 && r != media && expected == Expected::Media);
        let by = Arc::new(one);
        self.place(media, expected, &by);
        if let Some(at) = rtcp {
            self.place(at, Expected::Reports, &by);
        }
    }

    fn place(&mut self, at: (IpAddr, u16), expected: Expected, by: &Arc<Announcement>) {
        let known = self.places.get(&at);
        if known.is_some_and(|p| p.by.frame > by.frame) {
            return;
        }
        if known.is_none() && self.places.len() >= self.limit {
            self.dropped += 1;
            return;
        }
        self.places.insert(at, Place { expected, by: by.clone(), stun: false });
    }

    /// The place a datagram belongs to: of its destination, or else of its source, as Wireshark looks.
    fn find(&self, c: &Context) -> Option<&Place> {
        let at = |here, there: u16| self.places.get(&here).filter(|p| p.by.other_port.is_none_or(|port| port == there));
        at((c.dst, c.dst_port), c.src_port).or_else(|| at((c.src, c.src_port), c.dst_port))
    }

    /// What Wireshark expects a datagram to be, and who said so.
    #[inline]
    pub fn expects(&self, c: &Context) -> Option<(Expected, &Arc<Announcement>)> {
        let place = self.find(c)?;
        let with_stun = place.stun || (!self.stun.is_empty() && self.stun.contains(&pair(c)));
        (!with_stun).then_some((place.expected, &place.by))
    }

    /// The announcement of where a datagram goes to, and of where it comes from: STUN makes no difference.
    pub fn both(&self, c: &Context) -> [Option<Arc<Announcement>>; 2] {
        [(c.dst, c.dst_port), (c.src, c.src_port)].map(|at| self.places.get(&at).map(|p| p.by.clone()))
    }

    /// A STUN message that no port claimed. Wireshark then gives the conversation it belongs to to STUN: that of the
    /// announced source, or else of the announced destination, or the pair of ends.
    pub fn stun(&mut self, c: &Context) {
        if c.src_port == STUN_PORT || c.dst_port == STUN_PORT {
            return;
        }
        let (src, dst) = ((c.src, c.src_port), (c.dst, c.dst_port));
        if self.places.get(&dst).is_some_and(|p| p.stun) {
            return;
        }
        let known = if self.places.contains_key(&src) { src } else { dst };
        if let Some(place) = self.places.get_mut(&known) {
            place.stun = true;
        } else if self.stun.len() < self.limit {
            self.stun.insert(pair(c));
        }
    }
}

fn pair(c: &Context) -> Pair {
    let (a, b) = ((c.src, c.src_port), (c.dst, c.dst_port));
    if a <= b { [a, b] } else { [b, a] }
}

/// A STUN message (RFC 8489 section 5) as Wireshark's heuristic takes it: magic cookie, length that fits, known range of
/// methods.
pub fn is_stun(data: &[u8], wire_len: usize) -> bool {
    let Some(&[a, b, c, d, 0x21, 0x12, 0xa4, 0x42]) = data.get(..8) else { return false };
    u16::from_be_bytes([a, b]) < 0x0400 && wire_len == 20 + usize::from(u16::from_be_bytes([c, d]))
}
