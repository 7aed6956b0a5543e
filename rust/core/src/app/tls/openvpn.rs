//! TLS inside of OpenVPN's control channel: packets of its port, control messages cut into pieces, no encryption of their
//! own but what `tls-crypt` puts around them.
//!
//! Read as Wireshark reads it by default: `tls-auth` is told by its bytes (a hash of 20), a piece of exactly 100 bytes is
//! not the last one of its message, and repetitions are not told from new pieces.

use super::connection::Connection;
use super::machine::Machine;
use crate::addr::IpAddr;
use crate::app::bytes::be16;
use crate::app::{Context, Output, Step};
use crate::limits::Limits;
use foldhash::fast::RandomState;
use hashbrown::HashMap;

/// UDP and TCP.
pub const PORT: u16 = 1194;

/// Opcodes in the upper five bits of the first byte.
const CONTROL: u8 = 4;
const ACK: u8 = 5;
const DATA: [u8; 2] = [6, 9];
/// Bytes of the hash of `tls-auth`, and of the packet number and time behind it.
const HASH: usize = 20;
const REPLAY: usize = 8;
/// Bytes of a piece that others follow.
const PIECE: usize = 100;
/// Largest message put together.
const MAX_MESSAGE: usize = 0x1_0000;

type Ends = [(IpAddr, u16); 2];

/// What goes through OpenVPN.
pub struct Tunnels {
    /// Beginnings of messages by ends and session.
    pieces: HashMap<(IpAddr, IpAddr, u32), Vec<u8>, RandomState>,
    held: usize,
    max_held: usize,
    /// Connections over UDP by their ends.
    open: HashMap<Ends, Connection, RandomState>,
    max: usize,
}

impl Tunnels {
    pub fn new(limits: &Limits) -> Self {
        Self {
            pieces: HashMap::default(),
            held: 0,
            max_held: limits.max_app_stream_bytes,
            open: HashMap::default(),
            max: limits.max_app_keys,
        }
    }

    pub fn connections(&self) -> impl Iterator<Item = &Connection> {
        super::in_order(self.open.iter())
    }

    pub fn into_connections(self) -> impl Iterator<Item = Connection> {
        super::in_order(self.open.into_iter())
    }

    /// The connection between the ends of a datagram, if there is room.
    pub fn connection(&mut self, ctx: &Context) -> Option<&mut Connection> {
        let (a, b) = ((ctx.src, ctx.src_port), (ctx.dst, ctx.dst_port));
        let key = if a <= b { [a, b] } else { [b, a] };
        if self.open.len() >= self.max && !self.open.contains_key(&key) {
            return None;
        }
        Some(self.open.entry(key).or_default())
    }

    /// A packet. Some: the message of the control channel that it completes.
    pub fn packet(&mut self, ctx: &Context, packet: &[u8]) -> Option<Vec<u8>> {
        let (session, piece) = control(packet)?;
        let key = (ctx.src, ctx.dst, session);
        let mut whole = self.pieces.remove(&key).unwrap_or_default();
        self.held -= whole.len();
        whole.extend_from_slice(piece);
        if piece.len() != PIECE {
            return Some(whole);
        }
        let room = self.pieces.len() < self.max && self.held + whole.len() <= self.max_held;
        if room && whole.len() <= MAX_MESSAGE {
            self.held += whole.len();
            self.pieces.insert(key, whole);
        }
        None
    }
}

/// Session and piece of a message of a control packet; None of any other and of one that is cut.
fn control(packet: &[u8]) -> Option<(u32, &[u8])> {
    let (&first, rest) = packet.split_first()?;
    let opcode = first >> 3;
    if DATA.contains(&opcode) {
        return None;
    }
    let session = u32::from_be_bytes(rest.get(4..8)?.try_into().ok()?);
    let mut rest = rest.get(8..)?;
    if looks_hashed(rest) {
        rest = rest.get(HASH..)?;
        rest = rest.get(REPLAY..).unwrap_or(rest);
    }
    if let Some((&acknowledged, behind)) = rest.split_first() {
        rest = behind.get(acknowledged as usize * 4..)?;
        if acknowledged > 0 {
            rest = rest.get(8..).unwrap_or(rest);
        }
    }
    if opcode != ACK {
        rest = rest.get(4..).unwrap_or(rest);
    }
    (opcode == CONTROL && !rest.is_empty()).then_some((session, rest))
}

/// Bytes that rather begin a hash than a short list of packet numbers.
fn looks_hashed(data: &[u8]) -> bool {
    data.first_chunk::<4>().is_some_and(|four| four[0] > 0 && four.iter().filter(|&&b| b == 0).count() <= 1)
}

/// Over TCP two bytes of length stand in front of each packet.
pub fn framed(data: &[u8]) -> Result<&[u8], Step> {
    let end = 2 + be16(data, 0).ok_or(Step::Need(2))? as usize;
    data.get(2..end).ok_or(Step::Need(end))
}

/// The records of a message.
pub fn records(connection: &mut Connection, machine: &mut Machine, ctx: &Context, message: &[u8], out: &mut Output) {
    let mut rest = message;
    while !rest.is_empty() {
        match connection.read(machine, ctx, rest, out) {
            Step::Consumed(n) => rest = rest.get(n.max(1)..).unwrap_or_default(),
            _ => return,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SESSION: [u8; 8] = [1, 2, 3, 4, 5, 6, 7, 8];

    fn packet(opcode: u8, head: &[u8], piece: &[u8]) -> Vec<u8> {
        [&[opcode << 3][..], &SESSION, head, piece].concat()
    }

    #[test]
    fn pieces_stand_behind_acknowledgements_and_hashes() {
        let session = 0x0506_0708;
        assert_eq!(control(&packet(4, &[0, 0, 0, 0, 1], b"tls")), Some((session, &b"tls"[..])));
        let acks = [&[1, 0, 0, 0, 9][..], &SESSION, &[0, 0, 0, 2]].concat();
        assert_eq!(control(&packet(4, &acks, b"tls")), Some((session, &b"tls"[..])));
        let hashed = [&[0xaa; 20][..], &[0, 0, 0, 3, 0x65, 1, 2, 3], &acks].concat();
        assert_eq!(control(&packet(4, &hashed, b"tls")), Some((session, &b"tls"[..])));
        assert_eq!(control(&packet(4, &[0, 0, 0, 0, 1], b"")), None);
        for opcode in [1, 2, 3, 5, 6, 7, 8, 9] {
            assert_eq!(control(&packet(opcode, &[0, 0, 0, 0, 1], b"tls")), None, "{opcode}");
        }
        for cut in 0..hashed.len() {
            control(&packet(4, &hashed, b"tls")[..cut]);
        }
    }

    #[test]
    fn a_piece_of_100_bytes_waits_for_the_next() {
        let mut tunnels = Tunnels::new(&Limits { max_app_stream_bytes: 250, ..Limits::default() });
        let ctx = super::super::tests::context(1, true);
        let piece = |n: usize| packet(4, &[0, 0, 0, 0, 1], &vec![7; n]);
        assert_eq!(tunnels.packet(&ctx, &piece(100)), None);
        assert_eq!(tunnels.packet(&ctx, &piece(100)), None);
        assert_eq!(tunnels.packet(&ctx, &piece(30)).map(|m| m.len()), Some(230));
        assert_eq!(tunnels.held, 0);
        // More than there is room for.
        for _ in 0..3 {
            assert_eq!(tunnels.packet(&ctx, &piece(100)), None);
        }
        assert_eq!(tunnels.held, 0);
    }
}
