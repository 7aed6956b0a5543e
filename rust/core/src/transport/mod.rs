//! Transport layers and ICMP.

pub(crate) mod icmp;
pub(crate) mod sctp;
pub(crate) mod tcp;
pub(crate) mod udp;
