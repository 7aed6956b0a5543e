//! pcapstream-core: packet captures, pushed in as bytes, come out as records, layers, flows and counters.
//!
//! The promises of the whole crate: it does no I/O and reads no clock (time is the packets' time); any cut of the
//! input into chunks gives the same result; no input makes it panic; no table grows beyond its named limit
//! ([`limits::Limits`]).
//!
//! ```text
//! bytes -> decompress -> container (records) -> dissect (link, net, tunnel, transport) -> flow (TCP analysis)
//!                                                                                     \-> tally (counters)
//! ```
#![forbid(unsafe_code)]

pub mod addr;
pub mod app;
pub mod batch;
pub mod container;
pub mod decompress;
pub mod dissect;
pub mod engine;
pub mod filter;
pub mod flow;
pub mod layers;
pub mod limits;
mod link;
mod link_names;
mod net;
mod packing;
pub mod record;
pub mod tally;
pub mod texts;
mod transport;
mod tunnel;
