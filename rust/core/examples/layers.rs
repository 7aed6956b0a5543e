//! Prints what the dissection finds in a capture file: protocols by frame count, addresses, fragments.
//!
//! `layers FILE` prints one JSON object; `layers --frames FILE` one line of tab-separated fields for each frame:
//! number, protocol path, Ethernet pairs, IPv4 pairs, IPv6 pairs, UDP pairs, TCP length, VLAN ids, IPv4 fragment,
//! IPv6 fragment.

use pcapstream_core::container::Reader;
use pcapstream_core::decompress::Decompressor;
use pcapstream_core::dissect::Dissector;
use pcapstream_core::layers::{Layers, Net};
use pcapstream_core::limits::Limits;
use pcapstream_core::record::{Record, RecordKind};
use std::collections::{BTreeMap, BTreeSet};
use std::io::{Read, Write};
use std::ops::ControlFlow;

fn pair(net: &Net) -> String {
    format!("{}>{}", net.src, net.dst)
}

fn line(frame: u64, l: &Layers) -> String {
    let path: Vec<_> = l.path.iter().map(|p| p.name()).collect();
    let eths: Vec<_> = l.eths.iter().map(|(s, d)| format!("{s}>{d}")).collect();
    let own = |v6: bool| -> Vec<_> { l.nets.iter().filter(|n| !n.quoted && n.src.v6 == v6).map(pair).collect() };
    let udps: Vec<_> = l
        .udps
        .iter()
        .map(|u| match u.net.and_then(|at| l.nets.get(usize::from(at))) {
            Some(n) => format!("{}:{}>{}:{}", n.src, u.src_port, n.dst, u.dst_port),
            None => format!("?:{}>?:{}", u.src_port, u.dst_port),
        })
        .collect();
    let vlans: Vec<_> = l.vlan_ids.iter().map(u16::to_string).collect();
    let tcp = l.tcp.as_ref().filter(|t| t.header_captured >= 16);
    let tcp = tcp.map_or(String::new(), |t| t.len.map_or("-".into(), |n| n.to_string()));
    format!(
        "{frame}\t{}\t{}\t{}\t{}\t{}\t{tcp}\t{}\t{}\t{}",
        path.join(":"),
        eths.join(";"),
        own(false).join(";"),
        own(true).join(";"),
        udps.join(";"),
        vlans.join(","),
        u8::from(l.ip_fragment),
        u8::from(l.ipv6_fragment)
    )
}

#[derive(Default)]
struct Facts {
    frames: u64,
    protocols: BTreeMap<&'static str, u64>,
    vlan_ids: BTreeMap<u16, u64>,
    fragments: [u64; 2],
    pairs: [BTreeSet<String>; 4],
    addresses: BTreeSet<String>,
    tcp_frames: u64,
    tcp_bytes: u64,
}

impl Facts {
    fn add(&mut self, l: &Layers) {
        self.frames += 1;
        for p in l.path.iter().collect::<BTreeSet<_>>() {
            *self.protocols.entry(p.name()).or_default() += 1;
        }
        for id in &l.vlan_ids {
            *self.vlan_ids.entry(*id).or_default() += 1;
        }
        self.fragments[0] += u64::from(l.ip_fragment);
        self.fragments[1] += u64::from(l.ipv6_fragment);
        self.pairs[0].extend(l.eths.iter().map(|(s, d)| format!("{} {}", s.min(d), s.max(d))));
        for n in l.nets.iter().filter(|n| !n.quoted) {
            self.pairs[1 + usize::from(n.src.v6)].insert(format!("{} {}", n.src.min(n.dst), n.src.max(n.dst)));
            self.addresses.extend([n.src.to_string(), n.dst.to_string()]);
        }
        for u in &l.udps {
            let n = u.net.and_then(|at| l.nets.get(usize::from(at))).copied().unwrap_or_default();
            let (a, b) = ((n.src, u.src_port), (n.dst, u.dst_port));
            self.pairs[3].insert(format!("{:?} {:?}", a.min(b), a.max(b)));
        }
        if let Some(tcp) = l.tcp.as_ref().filter(|t| t.header_captured >= 16) {
            self.tcp_frames += 1;
            self.tcp_bytes += u64::from(tcp.len.unwrap_or(0));
        }
    }

    fn json(&self) -> String {
        let map = |m: &mut dyn Iterator<Item = (String, u64)>| {
            m.map(|(k, v)| format!("\"{k}\": {v}")).collect::<Vec<_>>().join(", ")
        };
        format!(
            "{{\"frames\": {{\"total\": {}, \"vlan_ids\": {{{}}}, \"ip_fragments\": {}, \"ipv6_fragments\": {}}}, \
             \"protocols\": {{{}}}, \"conversations\": {{\"eth\": {{\"count\": {}}}, \"ip\": {{\"count\": {}}}, \
             \"ipv6\": {{\"count\": {}}}, \"udp\": {{\"count\": {}}}}}, \"ip_addresses\": {}, \
             \"tcp\": {{\"frames\": {}, \"payload_bytes\": {}}}}}",
            self.frames,
            map(&mut self.vlan_ids.iter().map(|(k, v)| (k.to_string(), *v))),
            self.fragments[0],
            self.fragments[1],
            map(&mut self.protocols.iter().map(|(k, v)| ((*k).to_owned(), *v))),
            self.pairs[0].len(),
            self.pairs[1].len(),
            self.pairs[2].len(),
            self.pairs[3].len(),
            self.addresses.len(),
            self.tcp_frames,
            self.tcp_bytes
        )
    }
}

fn main() -> std::io::Result<()> {
    let mut args: Vec<String> = std::env::args().skip(1).collect();
    let by_frame = args.first().is_some_and(|a| a == "--frames");
    if by_frame {
        args.remove(0);
    }
    let [path] = args.as_slice() else {
        eprintln!("usage: layers [--frames] FILE");
        std::process::exit(2);
    };
    let limits = Limits::default();
    let mut file = std::fs::File::open(path)?;
    let mut inflate = Decompressor::new(&limits);
    let mut reader = Reader::new(&limits, false);
    let mut dissector = Dissector::new(&limits);
    let mut layers = Layers::default();
    let mut facts = Facts::default();
    let mut out = std::io::BufWriter::new(std::io::stdout().lock());
    let mut frame = 0;
    let mut sink = |record: &Record<'_>| {
        frame += 1;
        dissector.dissect(record, frame, &mut layers);
        if by_frame {
            let _ = writeln!(out, "{}", line(frame, &layers));
        } else if record.kind == RecordKind::Packet {
            facts.add(&layers);
        }
        ControlFlow::Continue(())
    };
    let mut buffer = vec![0; 1 << 20];
    let mut failed = None;
    loop {
        let n = file.read(&mut buffer)?;
        if n == 0 {
            break;
        }
        failed = inflate.feed(&buffer[..n], &mut |bytes: &[u8]| reader.feed(bytes, &mut sink)).err();
        if failed.is_some() {
            break;
        }
    }
    if failed.is_none() {
        failed = inflate.finish(&mut |bytes: &[u8]| reader.feed(bytes, &mut sink)).err();
    }
    let _ = reader.finish(&mut sink);
    if let Some(error) = failed {
        eprintln!("{error}");
    }
    if !by_frame {
        writeln!(out, "{}", facts.json())?;
    }
    Ok(())
}
