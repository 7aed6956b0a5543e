//! Sums over connections.

use super::connection::{Close, Connection, Handshake, event};
use super::turns::ResetAfter;

/// Sums over a choice of connections. Index 0 of a pair is to the server, 1 to the client.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    pub connections: u64,
    pub packets: [u64; 2],
    /// Frame bytes on the wire.
    pub bytes: [u64; 2],
    /// `tcp.len` summed.
    pub payload: [u64; 2],
    /// Segments with data.
    pub data: [u64; 2],
    /// SYN without ACK, both directions.
    pub syn: u64,
    pub syn_ack: u64,
    pub ack: u64,
    pub fin: [u64; 2],
    pub rst: [u64; 2],
    pub mid_stream: u64,
    pub syn_only: u64,
    pub refused: u64,
    pub half_open: u64,
    pub complete: u64,
    pub open: u64,
    pub fin_closed: u64,
    pub half_closed: u64,
    pub reset: u64,
    pub idle: u64,
    /// Reset connections whose first RST came from the client, from the server.
    pub reset_by: [u64; 2],
    /// SYNs sent again, and connections with any.
    pub syn_again: [u64; 2],
    /// Connections with both sides of the handshake that do not both offer window scaling.
    pub unscaled: u64,
    /// Connections by what came before their first RST, in the order of `ResetAfter::NAMES`.
    pub reset_after: [u64; ResetAfter::COUNT],
    /// Connections whose first RST came from elsewhere than its alleged sender's other segments.
    pub reset_elsewhere: u64,
    /// Occurrences of each event kind.
    pub events: [[u64; 2]; event::COUNT],
    /// Connections with at least one such event.
    pub connections_with: [u64; event::COUNT],
}

impl Totals {
    /// Adds one connection.
    pub fn add(&mut self, c: &Connection) {
        self.connections += 1;
        for (dir, d) in c.dirs.iter().enumerate() {
            self.packets[dir] += d.packets as u64;
            self.bytes[dir] += d.bytes;
            self.payload[dir] += d.payload_bytes;
            self.data[dir] += d.data_packets as u64;
            self.syn += d.syn as u64;
            self.syn_ack += d.syn_ack as u64;
            self.ack += d.ack as u64;
            self.fin[dir] += d.fin as u64;
            self.rst[dir] += d.rst as u64;
        }
        *match c.handshake {
            Handshake::MidStream => &mut self.mid_stream,
            Handshake::SynOnly => &mut self.syn_only,
            Handshake::Refused => &mut self.refused,
            Handshake::HalfOpen => &mut self.half_open,
            Handshake::Complete => &mut self.complete,
        } += 1;
        *match c.close {
            Close::Open => &mut self.open,
            Close::Fin => &mut self.fin_closed,
            Close::HalfClosed => &mut self.half_closed,
            Close::Reset => &mut self.reset,
            Close::Idle => &mut self.idle,
        } += 1;
        let again = c.syn_again();
        self.syn_again[0] += again;
        self.syn_again[1] += (again > 0) as u64;
        self.unscaled += c.is_unscaled() as u64;
        if let Some(kind) = c.reset.after.index() {
            self.reset_after[kind] += 1;
        }
        self.reset_elsewhere += c.reset.is_elsewhere() as u64;
        if let (Close::Reset, Some(by)) = (c.close, c.closed_by) {
            self.reset_by[by as usize & 1] += 1;
        }
        if let Some(events) = &c.events {
            for kind in 0..event::COUNT {
                let (there, back) = (events.count[0][kind] as u64, events.count[1][kind] as u64);
                self.events[kind][0] += there;
                self.events[kind][1] += back;
                self.connections_with[kind] += (there + back > 0) as u64;
            }
        }
    }

    /// Adds other sums.
    pub fn merge(&mut self, other: &Totals) {
        let Totals {
            connections,
            packets,
            bytes,
            payload,
            data,
            syn,
            syn_ack,
            ack,
            fin,
            rst,
            mid_stream,
            syn_only,
            refused,
            half_open,
            complete,
            open,
            fin_closed,
            half_closed,
            reset,
            idle,
            reset_by,
            syn_again,
            unscaled,
            reset_after,
            reset_elsewhere,
            events,
            connections_with,
        } = other;
        let pairs = [
            (&mut self.packets, packets),
            (&mut self.bytes, bytes),
            (&mut self.payload, payload),
            (&mut self.data, data),
            (&mut self.fin, fin),
            (&mut self.rst, rst),
            (&mut self.reset_by, reset_by),
            (&mut self.syn_again, syn_again),
        ];
        for (mine, theirs) in pairs {
            mine[0] += theirs[0];
            mine[1] += theirs[1];
        }
        let singles = [
            (&mut self.connections, connections),
            (&mut self.syn, syn),
            (&mut self.syn_ack, syn_ack),
            (&mut self.ack, ack),
            (&mut self.mid_stream, mid_stream),
            (&mut self.syn_only, syn_only),
            (&mut self.refused, refused),
            (&mut self.half_open, half_open),
            (&mut self.complete, complete),
            (&mut self.open, open),
            (&mut self.fin_closed, fin_closed),
            (&mut self.half_closed, half_closed),
            (&mut self.reset, reset),
            (&mut self.idle, idle),
            (&mut self.unscaled, unscaled),
            (&mut self.reset_elsewhere, reset_elsewhere),
        ];
        for (mine, theirs) in singles {
            *mine += theirs;
        }
        for (mine, theirs) in self.reset_after.iter_mut().zip(reset_after) {
            *mine += theirs;
        }
        for kind in 0..event::COUNT {
            self.events[kind][0] += events[kind][0];
            self.events[kind][1] += events[kind][1];
            self.connections_with[kind] += connections_with[kind];
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flow::connection::{Direction, Events};
    use crate::flow::turns::Reset;

    /// Connections that differ in everything that is summed.
    fn connections() -> Vec<Connection> {
        use {Close::*, Handshake::*};
        let shakes = [MidStream, SynOnly, Refused, HalfOpen, Complete];
        let closes = [Open, Fin, HalfClosed, Reset, Idle];
        let mut all = Vec::new();
        for (i, (&handshake, &close)) in shakes.iter().zip(&closes).cycle().take(25).enumerate() {
            let n = i as u32 + 1;
            let direction = |n: u32| Direction {
                packets: n,
                data_packets: n / 2,
                bytes: 100 * n as u64,
                payload_bytes: 60 * n as u64,
                syn: n % 3,
                syn_ack: n % 2,
                fin: n % 4,
                rst: n % 5,
                ack: n,
                ..Direction::default()
            };
            let mut events = Box::new(Events::default());
            events.count[i % 2][i % event::COUNT] = n;
            all.push(Connection {
                handshake,
                close,
                closed_by: Some((i % 2) as u8),
                syn_frame: n as u64 % 2,
                syn_ack_frame: 1,
                dirs: [direction(n), direction(2 * n)],
                reset: self::Reset { after: ResetAfter::Data, ttl: 64, usual_ttl: 60 - (i % 5) as u8, seq_gap: None },
                events: (i % 3 != 0).then_some(events),
                ..Connection::default()
            });
        }
        all
    }

    fn sum(connections: &[Connection]) -> Totals {
        let mut totals = Totals::default();
        connections.iter().for_each(|c| totals.add(c));
        totals
    }

    #[test]
    fn sums_of_parts_add_up_to_the_whole() {
        let all = connections();
        for cut in 0..=all.len() {
            let mut parts = sum(&all[..cut]);
            parts.merge(&sum(&all[cut..]));
            assert_eq!(parts, sum(&all));
        }
    }

    #[test]
    fn every_connection_is_in_one_state_of_each_kind() {
        let t = sum(&connections());
        assert_eq!(t.mid_stream + t.syn_only + t.refused + t.half_open + t.complete, 25);
        assert_eq!(t.open + t.fin_closed + t.half_closed + t.reset + t.idle, 25);
        assert_eq!(t.reset_by[0] + t.reset_by[1], t.reset);
        assert_eq!((t.connections, t.packets), (25, [325, 650]));
        assert!(t.reset_elsewhere > 0 && t.reset_elsewhere < 25 && t.unscaled > 0);
    }
}
