//! Transport layers and ICMP.

pub(crate) mod icmp;
pub(crate) mod icmp_fields;
pub(crate) mod icmpv6_fields;
pub(crate) mod sctp;
pub(crate) mod tcp;
pub(crate) mod tcp_fields;
pub(crate) mod udp;
pub(crate) mod udp_fields;
