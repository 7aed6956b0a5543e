//! Network layers.

pub(crate) mod ah;
pub(crate) mod arp;
pub(crate) mod arp_fields;
pub(crate) mod extension;
pub(crate) mod fragment;
pub(crate) mod ipcomp;
pub(crate) mod ipv4;
pub(crate) mod ipv4_fields;
pub(crate) mod ipv6;
pub(crate) mod ipv6_fields;
pub(crate) mod mpls;
pub(crate) mod pim;

use crate::dissect::{Next, State, Step, View};
use crate::layers::{Layers, Proto};

/// What an IP header's protocol number (or next-header number) announces.
#[inline(always)]
pub(crate) fn protocol<'a>(number: u8, view: View<'a>, state: &mut State, out: &mut Layers) -> Step<'a> {
    match number {
        6 => Some((Next::Tcp, view)),
        17 => Some((Next::Udp, view)),
        0 | 43 | 44 | 60 => extension::header(number, view, state, out),
        _ => rare(number).map(|next| (next, view)),
    }
}

/// The header of a protocol number, where it can stand without an IP header in front.
pub(crate) fn protocol_next(number: u8) -> Option<Next> {
    match number {
        6 => Some(Next::Tcp),
        17 => Some(Next::Udp),
        _ => rare(number),
    }
}

/// Whether a header stands behind this number that has its own place in the path.
fn rare(number: u8) -> Option<Next> {
    Some(match number {
        1 => Next::Icmp,
        58 => Next::Icmpv6,
        4 => Next::Ip,
        41 => Next::Ipv6,
        47 => Next::Gre,
        51 => Next::Ah,
        97 => Next::Etherip,
        103 => Next::Pim,
        108 => Next::Ipcomp,
        115 => Next::L2tpIp,
        132 => Next::Sctp,
        137 => Next::Mpls,
        143 => Next::Ethernet,
        80 => Next::Osi,
        2 => Next::Named(Proto::Igmp),
        9 => Next::Named(Proto::Igrp),
        33 => Next::Named(Proto::Dccp),
        46 => Next::Named(Proto::Rsvp),
        50 => Next::Named(Proto::Esp),
        54 => Next::Named(Proto::Nhrp),
        62 | 135 => Next::Named(Proto::Mipv6),
        88 => Next::Named(Proto::Eigrp),
        89 => Next::Named(Proto::Ospf),
        112 => Next::Named(Proto::Vrrp),
        113 => Next::Named(Proto::Pgm),
        136 => Next::Named(Proto::Udplite),
        139 => Next::Named(Proto::Hip),
        140 => Next::Named(Proto::Shim6),
        _ => return None,
    })
}
