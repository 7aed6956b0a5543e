//! Media that signalling announced: the border between the protocols that set calls up (SIP with SDP, RTSP) and the one
//! that follows the packets of the call (RTP, RTCP).
//!
//! A decoder of signalling calls [`MediaBook::announce`] while it handles a message; the RTP app takes what is new with
//! [`MediaBook::take`] before it looks at its next packet. As in Wireshark an announcement holds from its frame on for
//! every packet to or from the address and port, until a later one names the same address and port (also within one
//! message: the last line that names a port wins, be it as that of media or of reports).

use crate::addr::IpAddr;
use crate::limits::Limits;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// What comes to the address and port.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum MediaKind {
    Audio,
    Video,
    /// Another `m=` line carried by RTP (text, application ...).
    Other,
}

/// What carries the media (`m=` line, RFC 8866 5.14).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum MediaTransport {
    /// `RTP/AVP` or `RTP/AVPF`.
    Rtp,
    /// `RTP/SAVP`, `RTP/SAVPF` (RFC 3711), also behind DTLS (`UDP/TLS/RTP/SAVP...`, RFC 5764).
    Srtp,
    /// T.38 fax (`udptl`, RFC 7345): RTP ends at this address and port.
    T38,
    /// Anything else: changes nothing at this address and port.
    Other,
}

/// Which way media may go, seen from who announces (RFC 8866 6.7).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Direction {
    #[default]
    SendRecv,
    SendOnly,
    RecvOnly,
    Inactive,
}

impl Direction {
    pub fn name(self) -> &'static str {
        match self {
            Direction::SendRecv => "sendrecv",
            Direction::SendOnly => "sendonly",
            Direction::RecvOnly => "recvonly",
            Direction::Inactive => "inactive",
        }
    }
}

/// Who announces.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Side {
    /// First of two descriptions (RFC 3264).
    Offer,
    Answer,
}

/// Codec of a payload type (`a=rtpmap`, RFC 8866 6.6).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Format {
    pub payload_type: u8,
    /// Encoding name as written, escaped and capped.
    pub codec: String,
    /// Ticks per second; 0: not said.
    pub clock_rate: u32,
    /// Audio channels; 0: not said.
    pub channels: u8,
}

/// One announced address and port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Announcement {
    /// Where who announces wants to receive.
    pub addr: IpAddr,
    pub port: u16,
    /// The only port of the other end that counts, where one is named (RTSP `server_port`); None: any end.
    pub other_port: Option<u16>,
    /// Where reports are received: the next port (RFC 3550), or the one that `a=rtcp:` names (RFC 3605). None: nowhere
    /// of their own. What Wireshark 4.0 takes, and so has to stand here: the next port also where `a=rtcp-mux` stands or
    /// where `a=rtcp:` names an address too; None where `a=rtcp:` names the port of the media.
    pub rtcp: Option<(IpAddr, u16)>,
    /// Reports may come to the port of the media (RFC 5761). They are told there by their type, announced or not.
    pub rtcp_mux: bool,
    pub kind: MediaKind,
    pub transport: MediaTransport,
    pub direction: Direction,
    pub formats: Vec<Format>,
    /// Holds from this frame on.
    pub frame: u64,
    /// The frame of the message that said so.
    pub said_in: u64,
    /// `SDP` or `RTSP`, as in Wireshark's `rtp.setup-method`.
    pub method: &'static str,
    /// Call-ID or session, escaped and capped; empty: none.
    pub call_id: String,
    pub side: Side,
}

/// An address and port where something is expected now, be it media, reports or fax.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MediaPlace {
    pub addr: IpAddr,
    pub port: u16,
    pub other_port: Option<u16>,
    /// From this frame on.
    pub frame: u64,
}

impl MediaPlace {
    fn of(one: &Announcement) -> impl Iterator<Item = Self> {
        let Announcement { addr, port, other_port, frame, .. } = *one;
        let counts = port != 0 && one.transport != MediaTransport::Other;
        let rtp = counts && one.transport != MediaTransport::T38;
        let media = counts.then_some(Self { addr, port, other_port, frame });
        let reports =
            one.rtcp.filter(|r| rtp && r.1 != 0).map(|(addr, port)| Self { addr, port, other_port: None, frame });
        media.into_iter().chain(reports)
    }
}

/// Announcements on their way from the decoders of signalling to that of the media. Clones share it.
#[derive(Clone, Debug)]
pub struct MediaBook {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    /// Something waits in `queue`: asked for every packet, so it costs no lock.
    waiting: AtomicBool,
    queue: Mutex<Queue>,
    /// Somebody beside the RTP app follows announcements.
    followed: AtomicBool,
    /// Something stands in `places`.
    placed: AtomicBool,
    places: Mutex<Vec<MediaPlace>>,
    limit: usize,
}

#[derive(Debug, Default)]
struct Queue {
    new: Vec<Announcement>,
    dropped: u64,
}

impl MediaBook {
    pub fn new(limits: &Limits) -> Self {
        let shared = Shared {
            waiting: AtomicBool::new(false),
            queue: Mutex::new(Queue::default()),
            followed: AtomicBool::new(false),
            placed: AtomicBool::new(false),
            places: Mutex::new(Vec::new()),
            limit: limits.max_media_announcements,
        };
        Self { shared: Arc::new(shared) }
    }

    /// Media are expected there. What nobody takes piles up to a limit and is counted beyond it.
    pub fn announce(&self, one: Announcement) {
        if self.shared.followed.load(Ordering::Relaxed) {
            let mut places = self.shared.places.lock().unwrap_or_else(PoisonError::into_inner);
            if places.len() < self.shared.limit {
                places.extend(MediaPlace::of(&one));
                self.shared.placed.store(true, Ordering::Release);
            }
        }
        let mut queue = self.shared.queue.lock().unwrap_or_else(PoisonError::into_inner);
        if queue.new.len() >= self.shared.limit {
            queue.dropped += 1;
            return;
        }
        queue.new.push(one);
        self.shared.waiting.store(true, Ordering::Release);
    }

    /// What was announced since the last call, in order; no allocation where there is nothing.
    pub fn take(&self) -> Vec<Announcement> {
        if !self.shared.waiting.load(Ordering::Acquire) {
            return Vec::new();
        }
        let mut queue = self.shared.queue.lock().unwrap_or_else(PoisonError::into_inner);
        self.shared.waiting.store(false, Ordering::Release);
        std::mem::take(&mut queue.new)
    }

    /// From now on [`places`](Self::places) has something to give.
    pub fn follow(&self) {
        self.shared.followed.store(true, Ordering::Relaxed);
    }

    /// Addresses and ports announced since the last call, in order.
    pub fn places(&self) -> Vec<MediaPlace> {
        // Asked for every packet: without a lock where there is nothing.
        if !self.shared.placed.load(Ordering::Acquire) {
            return Vec::new();
        }
        self.shared.placed.store(false, Ordering::Release);
        std::mem::take(&mut self.shared.places.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Announcements that found no room.
    pub fn dropped(&self) -> u64 {
        self.shared.queue.lock().unwrap_or_else(PoisonError::into_inner).dropped
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn announcement(port: u16) -> Announcement {
        Announcement {
            addr: IpAddr::v4([192, 0, 2, 1]),
            port,
            other_port: None,
            rtcp: None,
            rtcp_mux: false,
            kind: MediaKind::Audio,
            transport: MediaTransport::Rtp,
            direction: Direction::default(),
            formats: Vec::new(),
            frame: 1,
            said_in: 1,
            method: "SDP",
            call_id: String::new(),
            side: Side::Offer,
        }
    }

    #[test]
    fn what_one_clone_announces_the_other_takes_once_and_in_order() {
        let book = MediaBook::new(&Limits::default());
        let other = book.clone();
        assert!(other.take().is_empty());
        book.announce(announcement(4000));
        book.announce(announcement(4002));
        assert_eq!(other.take().iter().map(|a| a.port).collect::<Vec<_>>(), [4000, 4002]);
        assert!(other.take().is_empty());
    }

    #[test]
    fn places_are_told_to_who_follows_them() {
        let book = MediaBook::new(&Limits::default());
        book.announce(announcement(4000));
        book.follow();
        book.announce(Announcement { rtcp: Some((IpAddr::v4([192, 0, 2, 1]), 4003)), ..announcement(4002) });
        book.announce(Announcement { transport: MediaTransport::Other, ..announcement(4004) });
        assert_eq!(book.places().iter().map(|p| p.port).collect::<Vec<_>>(), [4002, 4003]);
        assert!(book.places().is_empty());
        assert_eq!(book.take().len(), 3);
    }

    #[test]
    fn what_nobody_takes_is_bounded() {
        let book = MediaBook::new(&Limits { max_media_announcements: 2, ..Limits::default() });
        (0..5).for_each(|i| book.announce(announcement(i)));
        assert_eq!((book.dropped(), book.take().len()), (3, 2));
        book.announce(announcement(9));
        assert_eq!((book.dropped(), book.take().len()), (3, 1));
    }
}
