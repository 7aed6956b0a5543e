//! TCP connections: stream numbers, Wireshark's TCP analysis, and what is known of each connection.
//!
//! [`TcpTracker`] takes the segments of a pass in file order; [`ConnectionTable`] is what it has found.

mod analysis;
mod arena;
mod cold;
pub mod connection;
mod detail;
mod filter;
mod key;
mod seq;
mod servers;
mod state;
mod suspects;
mod table;
mod totals;
mod tracker;
mod turns;
mod udp;
mod unacked;

pub use connection::{ClientKnownBy, Close, Connection, Direction, Events, Handshake, event};
pub use detail::Detail;
pub use filter::{Filter, Having, Order};
pub use servers::ServerOrder;
pub use suspects::Thresholds;
pub use table::{ConnectionTable, EVIDENCE_KINDS, EVIDENCE_NAMES};
pub use totals::Totals;
pub use tracker::{Segment, TcpTracker, Verdict};
pub use turns::{Reset, ResetAfter, Turns};
pub use udp::{Datagram, UdpStreams};

/// A connection without a FIN or RST and without a packet for this long before the capture ended counts as idle, ns.
pub const IDLE_NS: i64 = 120_000_000_000;

/// An ended connection is reported when it has been silent for this long, ns, so that its last ACKs are in the report.
pub const LINGER_NS: i64 = 5_000_000_000;

#[cfg(test)]
mod tests;
