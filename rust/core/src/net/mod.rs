//! Network layers.

pub(crate) mod arp;
pub(crate) mod ipv4;
pub(crate) mod ipv6;

use crate::dissect::{Next, Step, View};

/// What an IP header's protocol number (or last next-header number) announces.
#[inline]
pub(crate) fn protocol(number: u8, view: View<'_>) -> Step<'_> {
    let next = match number {
        1 => Next::Icmp,
        6 => Next::Tcp,
        17 => Next::Udp,
        58 => Next::Icmpv6,
        4 => Next::Ipv4,
        41 => Next::Ipv6,
        _ => return None,
    };
    Some((next, view))
}
