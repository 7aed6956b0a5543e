//! Link layers, and the small shims between link and network layer.

pub(crate) mod arcnet;
pub(crate) mod atm;
pub(crate) mod ethernet;
pub(crate) mod ethernet_fields;
pub(crate) mod ethertype;
pub(crate) mod exported;
pub(crate) mod frame_relay;
pub(crate) mod hdlc;
pub(crate) mod llc;
pub(crate) mod logs;
pub(crate) mod null;
pub(crate) mod ppp;
pub(crate) mod pseudo;
pub(crate) mod radio;
pub(crate) mod ring;
pub(crate) mod shim;
pub(crate) mod sll;
pub(crate) mod vlan;
pub(crate) mod vlan_fields;
pub(crate) mod wlan;

use crate::dissect::Next;
use crate::layers::Proto;
use crate::record::LinkType;

/// The outermost header by LINKTYPE number (tcpdump.org/linktypes.html). None: not one that is known.
pub(crate) fn first(link: LinkType) -> Option<Next> {
    Some(match link.0 {
        1 => Next::Ethernet,
        0 => Next::Null { network_order: false },
        108 => Next::Null { network_order: true },
        6 => Next::TokenRing,
        7 => Next::Arcnet { linux: false },
        129 => Next::Arcnet { linux: true },
        9 | 50 => Next::PppHdlc,
        166 | 204 => Next::PppDirection,
        51 => Next::Pppoe { session: true },
        10 => Next::Fddi,
        12 | 14 | 101 => Next::Raw,
        17 => Next::Named(Proto::PflogOld),
        100 => Next::Llc,
        104 => Next::Chdlc,
        205 => Next::ChdlcDirection,
        105 => Next::Wlan,
        106 => Next::Clip,
        107 => Next::FrameRelay,
        206 => Next::FrameRelayDirection,
        109 => Next::Enc,
        113 => Next::Sll,
        276 => Next::Sll2,
        117 => Next::Pflog,
        119 => Next::Prism,
        122 => Next::Ipfc,
        123 => Next::SunAtm,
        127 => Next::Radiotap,
        138 => Next::Ap1394,
        143 => Next::Docsis,
        147..=148 | 150..=162 => Next::Named(Proto::UserDlt),
        149 | 258 => Next::Pktap,
        163 => Next::Avs,
        187 => Next::HciH4 { direction: false },
        201 => Next::HciH4 { direction: true },
        254 => Next::BluetoothMonitor,
        189 | 220 | 249 => Next::Named(Proto::Usb),
        192 => Next::Ppi,
        195 | 215 | 230 => Next::Named(Proto::Wpan),
        283 => Next::WpanTap,
        197 => Next::Erf,
        226 => Next::Ipnet,
        227 => Next::SocketCan,
        228 => Next::Ipv4,
        229 => Next::Ipv6,
        239 => Next::Nflog,
        240 => Next::Netanalyzer { preamble: false },
        241 => Next::Netanalyzer { preamble: true },
        242 => Next::Ipoib,
        247 => Next::Named(Proto::Infiniband),
        248 => Next::Sctp,
        251 => Next::Named(Proto::Btle),
        256 => Next::BtleRf,
        252 => Next::ExportedPdu,
        253 => Next::Named(Proto::Netlink),
        271 => Next::Named(Proto::Vsock),
        _ => return None,
    })
}
