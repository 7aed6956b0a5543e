//! Tunnels: what carries packets inside packets.

pub(crate) mod capwap;
pub(crate) mod erspan;
pub(crate) mod etherip;
pub(crate) mod gre;
pub(crate) mod gtp;
pub(crate) mod l2tp;
pub(crate) mod nsh;
pub(crate) mod overlay;
pub(crate) mod ports;
pub(crate) mod sflow;
pub(crate) mod teredo;
pub(crate) mod udpencap;
