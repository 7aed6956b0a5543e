//! Dissection against tshark: hand-made frames with what tshark 4.0.17 shows of them, see `vectors/dissect.tsv`.

use pcapstream_core::dissect::Dissector;
use pcapstream_core::layers::{Layers, Net, Udp};
use pcapstream_core::limits::Limits;
use pcapstream_core::record::{LinkType, Record, RecordKind, Timestamp};
use std::collections::BTreeSet;

/// The display filters that tshark was asked about.
const ASKED: &str = "eth sll wlan ppp pppoes pppoed null raw llc stp lldp cdp eapol arp vlan mpls gre vxlan geneve l2tp gtp ip \
ipv6 icmp icmpv6 igmp esp ah ospf pim vrrp eigrp isis tcp udp sctp dccp udplite teredo usb btle bthci_acl nflog netlink";

fn record(link: u16, wire_len: u32, data: &[u8]) -> Record<'_> {
    Record {
        data,
        wire_len,
        time: Timestamp::default(),
        has_time: true,
        link: LinkType(link),
        interface: None,
        fcs_len: None,
        kind: RecordKind::Packet,
        offset: 0,
        recovered: false,
    }
}

fn bytes(hex: &str) -> Vec<u8> {
    (0..hex.len()).step_by(2).map(|i| u8::from_str_radix(&hex[i..i + 2], 16).unwrap()).collect()
}

fn nets(layers: &Layers, v6: bool) -> String {
    let own: Vec<_> = layers.nets.iter().filter(|n| !n.quoted && n.src.v6 == v6).collect();
    own.iter().map(|n| format!("{}>{}", n.src, n.dst)).collect::<Vec<_>>().join(";")
}

fn udp(layers: &Layers, udp: &Udp) -> String {
    let end = |pick: fn(&Net) -> String| match udp.net {
        Some(at) => pick(&layers.nets[usize::from(at)]),
        None => "?".to_owned(),
    };
    format!("{}:{}>{}:{}", end(|n| n.src.to_string()), udp.src_port, end(|n| n.dst.to_string()), udp.dst_port)
}

/// The fields of a line of the vectors, from the protocols on.
fn shown(layers: &Layers) -> Vec<String> {
    let asked: BTreeSet<&str> = ASKED.split(' ').collect();
    let path: BTreeSet<&str> = layers.path.iter().map(|p| p.name()).filter(|n| asked.contains(n)).collect();
    let tcp = layers.tcp.as_ref().filter(|t| t.header_captured >= 16);
    vec![
        path.into_iter().collect::<Vec<_>>().join(","),
        layers.eths.iter().map(|(s, d)| format!("{s}>{d}")).collect::<Vec<_>>().join(";"),
        nets(layers, false),
        nets(layers, true),
        layers.udps.iter().map(|u| udp(layers, u)).collect::<Vec<_>>().join(";"),
        tcp.map_or(String::new(), |t| t.len.unwrap_or(0).to_string()),
        layers.vlan_ids.iter().map(u16::to_string).collect::<Vec<_>>().join(","),
        format!("{}{}", u8::from(layers.ip_fragment), u8::from(layers.ipv6_fragment)),
    ]
}

#[test]
fn every_vector_shows_what_tshark_shows() {
    let mut dissector = Dissector::new(&Limits::default());
    let mut layers = Layers::default();
    let mut group = "";
    let mut wrong = Vec::new();
    let mut count = 0;
    for line in include_str!("vectors/dissect.tsv").lines().filter(|l| !l.starts_with('#')) {
        let fields: Vec<&str> = line.split('\t').collect();
        let [its_group, name, link, wire, hex, expected @ ..] = fields.as_slice() else { panic!("{line}") };
        if *its_group != group {
            group = its_group;
            dissector = Dissector::new(&Limits::default());
        }
        count += 1;
        let data = bytes(hex);
        let record = record(link.parse().unwrap(), wire.parse().unwrap(), &data);
        dissector.dissect(&record, count, &mut layers);
        let got = shown(&layers);
        if got != expected {
            wrong.push(format!("{name} (link type {link}): ours {got:?}, tshark {expected:?}"));
        }
    }
    assert!(count > 500, "{count} vectors");
    assert!(wrong.is_empty(), "{} of {count} differ:\n{}", wrong.len(), wrong.join("\n"));
}

/// Every vector cut at every length and with every length field it can have: nothing panics, spans stay inside.
#[test]
fn cut_vectors_keep_their_spans_inside() {
    let mut dissector = Dissector::new(&Limits::default());
    let mut layers = Layers::default();
    for line in include_str!("vectors/dissect.tsv").lines().filter(|l| !l.starts_with('#')) {
        let fields: Vec<&str> = line.split('\t').collect();
        let data = bytes(fields[4]);
        for cut in 0..data.len() {
            for wire in [cut, data.len()] {
                let record = record(fields[2].parse().unwrap(), wire as u32, &data[..cut]);
                dissector.dissect(&record, 1, &mut layers);
                let spans = layers.udps.iter().map(|u| u.payload).chain(layers.tcp.iter().map(|t| t.payload));
                for span in spans.chain(layers.icmp.iter().chain(&layers.other_icmp).map(|i| i.message)) {
                    assert_eq!(dissector.bytes(&record, span).len(), span.len as usize, "{line} cut at {cut}");
                }
            }
        }
    }
}
