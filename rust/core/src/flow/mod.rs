//! TCP connections: table, stream numbers, Wireshark's TCP analysis.

pub mod connection;
