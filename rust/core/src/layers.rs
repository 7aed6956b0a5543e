//! What the dissection of one frame found: protocol path, addresses, transport headers.
//!
//! One [`Layers`] is reused for all frames of a pass; nothing in it is allocated per frame.

use crate::addr::{IpAddr, MacAddr};
use arrayvec::ArrayVec;

/// Deepest protocol path followed. Frames nested deeper keep their first layers and set `too_deep`.
pub const MAX_PATH: usize = 48;
/// IP layers of one frame that are kept.
pub const MAX_NETS: usize = 16;

macro_rules! protocols {
    ($($variant:ident $name:literal,)*) => {
        /// Protocols by Wireshark's filter name.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[repr(u8)]
        pub enum Proto { $($variant,)* }
        impl Proto {
            /// All of them, in declaration order (`Proto::ALL[p as usize] == p`).
            pub const ALL: &[Proto] = &[$(Proto::$variant,)*];
            /// Wireshark's filter name, for instance `eth`.
            pub const fn name(self) -> &'static str { match self { $(Proto::$variant => $name,)* } }
            /// The protocol of that filter name.
            pub fn from_name(name: &str) -> Option<Proto> { match name { $($name => Some(Proto::$variant),)* _ => None } }
        }
    };
}

protocols! {
    Eth "eth", Sll "sll", Wlan "wlan", WlanRadio "wlan_radio", WlanAggregate "wlan_aggregate", Radiotap "radiotap",
    Ppi "ppi", Prism "prism", Wlancap "wlancap", Ppp "ppp", Pppoed "pppoed", Pppoes "pppoes", Mp "mp", BcpBpdu "bcp_bpdu",
    Null "null", Raw "raw", Llc "llc", Stp "stp", Lldp "lldp", Cdp "cdp", Eapol "eapol", Fr "fr", Chdlc "chdlc",
    Slarp "slarp", Fddi "fddi", Tr "tr", Trmac "trmac", Arcnet "arcnet", Atm "atm", Clip "clip", Isl "isl", Docsis "docsis",
    Erf "erf", Netanalyzer "netanalyzer", Enc "enc", Ap1394 "ap1394", Ipfc "ipfc", Ipoib "ipoib", Wpan "wpan",
    WpanTap "wpan-tap", Can "can", Canfd "canfd", Netlink "netlink", Nflog "nflog", Pflog "pflog", PflogOld "pflog-old",
    Pktap "pktap", PcapPktdata "pcap_pktdata", Usb "usb", Btle "btle", BtleRf "btle_rf", Bluetooth "bluetooth",
    HciH4 "hci_h4", HciMon "hci_mon", BthciCmd "bthci_cmd", BthciAcl "bthci_acl", BthciSco "bthci_sco",
    BthciEvt "bthci_evt", Infiniband "infiniband", Ipnet "ipnet", UserDlt "user_dlt", Vsock "vsock",
    ExportedPdu "exported_pdu", Ipx "ipx", Netbios "netbios", Ddp "ddp", Aarp "aarp", VinesIp "vines_ip",
    Arp "arp", Vlan "vlan", Ieee8021ad "ieee8021ad", Ieee8021ah "ieee8021ah", Ieee8021cb "ieee8021cb", Etag "etag",
    Vntag "vntag", Hsr "hsr", Cmd "cmd", Trill "trill", Batadv "batadv", Mpls "mpls", Pwach "pwach", Pwmcw "pwmcw",
    Macsec "macsec", Cfm "cfm", Slow "slow", Lacp "lacp", Realtek "realtek", Nsh "nsh", Mih "mih", Profinet "pn_rt",
    Goose "goose", SampledValues "sv", Ecat "ecatf", Ptp "ptp", Fcoe "fcoe", Lltd "lltd", Tipc "tipc", Aoe "aoe",
    Loop "loop", Homeplug "homeplug", HomeplugAv "homeplug-av", Lat "lat", DecDna "dec_dna", DecStp "dec_stp",
    Wol "wol", Wlccp "wlccp", Dtp "dtp", Vtp "vtp", Udld "udld", Pagp "pagp", Lcp "lcp", Ipcp "ipcp", Ipv6cp "ipv6cp",
    Ccp "ccp", Chap "chap", Pap "pap", Eap "eap", Lmi "lmi", Q933 "q933",
    Gre "gre", Erspan "erspan", Vxlan "vxlan", Geneve "geneve", L2tp "l2tp", Gtp "gtp", GtpV2 "gtpv2", Gtpprime "gtpprime",
    Teredo "teredo", Ayiya "ayiya", LispData "lisp-data", Lisp "lisp", Sflow "sflow", Tzsp "tzsp", Amt "amt", Udpencap "udpencap", Wg "wg",
    Ip "ip", Ipv6 "ipv6", Ipv6Hopopts "ipv6.hopopts", Ipv6Dstopts "ipv6.dstopts", Ipv6Routing "ipv6.routing",
    Ipv6Fraghdr "ipv6.fraghdr", Mipv6 "mipv6", Shim6 "shim6", Icmp "icmp", Icmpv6 "icmpv6", Igmp "igmp", Esp "esp",
    Ah "ah", Ipcomp "ipcomp", Hip "hip", Ospf "ospf", Pim "pim", Vrrp "vrrp", Hsrp "hsrp", Eigrp "eigrp", Igrp "igrp",
    Isis "isis", Esis "esis", Clnp "clnp", Osi "osi", Bgp "bgp", Rip "rip", Ripng "ripng", Nhrp "nhrp", Pgm "pgm",
    Tcp "tcp", Udp "udp", Sctp "sctp", Dccp "dccp", Udplite "udplite", Rsvp "rsvp", Etherip "etherip", Capwap "capwap",
    CapwapData "capwap.data", Data "data", Malformed "_ws.malformed",
    Dns "dns", Mdns "mdns", Llmnr "llmnr", Nbns "nbns", Dhcp "dhcp", Dhcpv6 "dhcpv6", Ntp "ntp", Snmp "snmp", Syslog "syslog",
    Tftp "tftp", Ssdp "ssdp", Stun "stun", Radius "radius", Ftp "ftp", FtpData "ftp-data", Ssh "ssh", Telnet "telnet", Smtp "smtp",
    Imap "imap", Pop "pop", Http "http", Http2 "http2", Websocket "websocket", Tls "tls", Dtls "dtls", Quic "quic", Openvpn "openvpn", Sip "sip",
    Sdp "sdp", Rtp "rtp", Rtcp "rtcp", Rtsp "rtsp", Smb "smb", Smb2 "smb2", Nbss "nbss", Nbdgm "nbdgm", Dcerpc "dcerpc",
    Kerberos "kerberos", Ldap "ldap", Rpc "rpc", Mqtt "mqtt", Tpkt "tpkt", Rdp "rdp", Coap "coap", Memcache "memcache", Mgcp "mgcp", Megaco "megaco",
    Iax2 "iax2", H225 "h225", T38 "t38", Mbtcp "mbtcp", Modbus "modbus", Tds "tds", Skinny "skinny", Mysql "mysql",
    Diameter "diameter", Xmpp "xmpp", Pgsql "pgsql", Irc "irc", Dnp3 "dnp3",
}

/// One IPv4 or IPv6 header.
#[derive(Clone, Copy, Debug, Default)]
pub struct Net {
    pub src: IpAddr,
    pub dst: IpAddr,
    /// TTL or hop limit.
    pub ttl: u8,
    /// Traffic class: DSCP and the two bits of ECN.
    pub class: u8,
    /// IPv4: the packet must not be fragmented.
    pub dont_fragment: bool,
    /// Length of the packet by its header, that header included, bytes.
    pub bytes: u32,
    /// It is a fragment: not the whole datagram.
    pub fragment: bool,
    /// Last next-header / protocol number after extension headers.
    pub protocol: u8,
    /// Quoted inside an ICMP error: it counts for no conversation and no connection.
    pub quoted: bool,
}

/// Range of bytes: in the frame, or (when `reassembled`) in the buffer that IP reassembly made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Span {
    pub start: u32,
    pub len: u32,
    pub reassembled: bool,
}

/// A header where it stands, logged by the dissector on request.
#[derive(Clone, Copy, Debug)]
pub struct Header {
    pub proto: Proto,
    /// Captured bytes from the header on, to the end of what the enclosing layer carries.
    pub span: Span,
    /// The same on the wire.
    pub wire: u32,
}

/// TCP header fields and options.
#[derive(Clone, Debug, Default)]
pub struct Tcp {
    /// Index of its IP header in [`Layers::nets`]; None: carried by no IP layer.
    pub net: Option<u8>,
    /// TTL or hop limit of that header; 0: there is none.
    pub ttl: u8,
    pub src_port: u16,
    pub dst_port: u16,
    pub seq: u32,
    pub ack: u32,
    /// Low 12 bits of bytes 12 and 13: reserved, AE, CWR, ECE, URG, ACK, PSH, RST, SYN, FIN.
    pub flags: u16,
    /// Window field as sent, not scaled.
    pub window: u16,
    /// Header length by the offset field, bytes.
    pub header_len: u8,
    /// Header bytes captured, options included: at most `header_len` (or 20 where that is less).
    pub header_captured: u8,
    /// Segment data on the wire by the IP length (`tcp.len`), bytes. None: the header is cut before the offset field,
    /// longer than the IP payload, or in an IP fragment, so the length is not known. With a `header_len` below 20 it
    /// is what Wireshark shows before it stops.
    pub len: Option<u32>,
    /// Captured bytes from the header on.
    pub header: Span,
    /// Captured segment data.
    pub payload: Span,
    pub mss: Option<u16>,
    pub window_scale: Option<u8>,
    pub sack_permitted: bool,
    /// SACK blocks, left and right edge.
    pub sacks: ArrayVec<(u32, u32), 4>,
    pub timestamps: Option<(u32, u32)>,
}

/// UDP header; of a TCP header what the two have in common.
#[derive(Clone, Copy, Debug, Default)]
pub struct Udp {
    pub net: Option<u8>,
    pub src_port: u16,
    pub dst_port: u16,
    /// Captured payload.
    pub payload: Span,
    /// Payload on the wire by the UDP length, bytes.
    pub len: u32,
}

/// ICMP or ICMPv6 header.
#[derive(Clone, Copy, Debug, Default)]
pub struct Icmp {
    pub net: Option<u8>,
    pub v6: bool,
    /// Behind another ICMP header.
    pub quoted: bool,
    /// The message from its type byte on; ICMPv6 can be shorter than type and code.
    pub message: Span,
    /// Length of the message on the wire.
    pub wire: u32,
}

/// Everything found in one frame.
#[derive(Clone, Debug, Default)]
pub struct Layers {
    /// Protocols from the outside in, as Wireshark's `frame.protocols` orders them.
    pub path: ArrayVec<Proto, MAX_PATH>,
    /// Source and destination of each Ethernet layer, behind an ICMP header too.
    pub eths: ArrayVec<(MacAddr, MacAddr), 4>,
    /// IP headers, outermost first; quoted ones behind an ICMP header are marked.
    pub nets: ArrayVec<Net, MAX_NETS>,
    /// VLAN id of every 802.1Q tag (`vlan.id`; an 802.1ad service tag has none).
    pub vlan_ids: ArrayVec<u16, 8>,
    /// Innermost TCP header that is not quoted.
    pub tcp: Option<Tcp>,
    /// Every UDP header that is not quoted, outermost first.
    pub udps: ArrayVec<Udp, 8>,
    /// TCP and UDP headers quoted in an ICMP error: (is TCP, source port, destination port, index in `nets`). TCP only
    /// where at least 16 bytes of the header are quoted.
    pub quoted: ArrayVec<(bool, u16, u16, u8), 4>,
    /// UDP headers quoted in an ICMP error.
    pub quoted_udps: ArrayVec<Udp, 4>,
    /// TCP headers quoted in an ICMP error with what is quoted behind them.
    pub quoted_tcps: ArrayVec<Udp, 4>,
    /// First ICMP header.
    pub icmp: Option<Icmp>,
    /// First ARP message.
    pub arp: Option<Span>,
    /// First ICMP header of the other IP version.
    pub other_icmp: Option<Icmp>,
    /// `ip.flags.mf == 1 || ip.frag_offset > 0` in some IPv4 header (quoted ones included, as in Wireshark).
    pub ip_fragment: bool,
    /// Some IPv6 fragment header (quoted ones included).
    pub ipv6_fragment: bool,
    /// A header was cut by the snapshot length or ends before its own length.
    pub short: bool,
    /// A header contradicts itself.
    pub malformed: bool,
    /// More layers than [`MAX_PATH`] or [`MAX_NETS`].
    pub too_deep: bool,
}

impl Layers {
    /// Empties it for the next frame.
    #[inline]
    pub fn clear(&mut self) {
        self.path.clear();
        self.eths.clear();
        self.nets.clear();
        self.vlan_ids.clear();
        self.tcp = None;
        self.udps.clear();
        self.quoted.clear();
        self.quoted_udps.clear();
        self.quoted_tcps.clear();
        self.icmp = None;
        self.arp = None;
        self.other_icmp = None;
        self.ip_fragment = false;
        self.ipv6_fragment = false;
        self.short = false;
        self.malformed = false;
        self.too_deep = false;
    }
    /// Adds a protocol to the path.
    #[inline]
    pub fn push(&mut self, proto: Proto) {
        if self.path.try_push(proto).is_err() {
            self.too_deep = true;
        }
    }
}
