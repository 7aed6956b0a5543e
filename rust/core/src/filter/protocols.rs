//! The protocols' own names as fields: which of them this program finds, and what they are called.

use crate::layers::Proto;

/// Whether the dissector itself finds it. Application protocols are found by their decoders ([`App::protocols`]
/// (crate::app::App::protocols)).
pub(crate) fn is_found(proto: Proto) -> bool {
    use Proto::*;
    let application = proto as u8 >= Dns as u8;
    // Wireshark shows as data whatever it does not read, and that is not what this program does not read.
    !application && !matches!(proto, Malformed | Data)
}

/// A few words for people.
pub(crate) fn label(proto: Proto) -> &'static str {
    use Proto::*;
    match proto {
        Eth => "Ethernet",
        Sll => "Linux cooked capture",
        Wlan => "IEEE 802.11 wireless LAN",
        Ppp => "Point-to-Point Protocol",
        Pppoes => "PPP-over-Ethernet session",
        Pppoed => "PPP-over-Ethernet discovery",
        Llc => "Logical-Link Control",
        Stp => "Spanning Tree Protocol",
        Lldp => "Link Layer Discovery Protocol",
        Cdp => "Cisco Discovery Protocol",
        Eapol => "802.1X Authentication",
        Arp => "Address Resolution Protocol",
        Vlan => "802.1Q Virtual LAN",
        Ieee8021ad => "IEEE 802.1ad service tag",
        Mpls => "MultiProtocol Label Switching header",
        Gre => "Generic Routing Encapsulation",
        Vxlan => "Virtual eXtensible Local Area Network",
        Geneve => "Generic Network Virtualization Encapsulation",
        L2tp => "Layer 2 Tunneling Protocol",
        Gtp => "GPRS Tunneling Protocol",
        Teredo => "Teredo IPv6 over UDP tunneling",
        Ip => "Internet Protocol version 4",
        Ipv6 => "Internet Protocol version 6",
        Ipv6Hopopts => "IPv6 hop-by-hop options",
        Ipv6Dstopts => "IPv6 destination options",
        Ipv6Routing => "IPv6 routing header",
        Ipv6Fraghdr => "IPv6 fragment header",
        Icmp => "Internet Control Message Protocol",
        Icmpv6 => "Internet Control Message Protocol version 6",
        Igmp => "Internet Group Management Protocol",
        Esp => "Encapsulating Security Payload",
        Ah => "Authentication Header",
        Ospf => "Open Shortest Path First",
        Pim => "Protocol Independent Multicast",
        Vrrp => "Virtual Router Redundancy Protocol",
        Tcp => "Transmission Control Protocol",
        Udp => "User Datagram Protocol",
        Sctp => "Stream Control Transmission Protocol",
        Dccp => "Datagram Congestion Control Protocol",
        Dns => "Domain Name System",
        Mdns => "Multicast Domain Name System",
        Llmnr => "Link-local Multicast Name Resolution",
        Nbns => "NetBIOS Name Service",
        Dhcp => "Dynamic Host Configuration Protocol",
        Dhcpv6 => "DHCPv6",
        Http => "Hypertext Transfer Protocol",
        Http2 => "HyperText Transfer Protocol 2",
        Tls => "Transport Layer Security",
        Dtls => "Datagram Transport Layer Security",
        Openvpn => "OpenVPN Protocol",
        Quic => "QUIC IETF",
        Sip => "Session Initiation Protocol",
        Sdp => "Session Description Protocol",
        Rtp => "Real-Time Transport Protocol",
        Rtcp => "Real-time Transport Control Protocol",
        other => other.name(),
    }
}
