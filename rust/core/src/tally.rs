//! Per-packet counters of a pass: protocol hierarchy, conversations, time buckets, VLANs, interfaces, names.
//!
//! Endpoints are not counted: they are sums over conversations, made when somebody asks.

use crate::addr::{IpAddr, MacAddr};
use crate::layers::Layers;
use crate::limits::Limits;
use crate::record::Record;

mod buckets;
mod names;
mod network;
mod pair_rows;
mod pairs;
mod paths;

pub use buckets::Buckets;
pub use names::{NameKind, Names};
pub use network::Network;
pub use pair_rows::Counts as PairCounts;
pub use pairs::{End, Pair, PairTable, Totals, endpoints_of, page_of, page_of_many};
pub use paths::PathTree;

/// A UDP endpoint.
pub type UdpEnd = (IpAddr, u16);

/// All counters. Merging adds; below the limits it is associative.
#[derive(Clone, Debug)]
pub struct Tally {
    pub paths: PathTree,
    pub eth: PairTable<MacAddr>,
    pub ip: PairTable<[u8; 4]>,
    pub ipv6: PairTable<[u8; 16]>,
    pub udp: PairTable<UdpEnd>,
    pub buckets: Buckets,
    pub names: Names,
    pub network: Network,
    /// Tags with each VLAN id (0..4096); a QinQ frame counts once for each tag. Empty until the first tag.
    vlans: Vec<u64>,
    /// Frames by interface number.
    interfaces: Vec<u64>,
    max_interfaces: usize,
    pub frames: u64,
    pub truncated: u64,
    pub ip_fragments: u64,
    pub ipv6_fragments: u64,
    pub short: u64,
    pub malformed: u64,
    pub too_deep: u64,
}

impl Tally {
    pub fn new(limits: &Limits) -> Self {
        Self {
            paths: PathTree::new(limits.max_protocol_paths),
            eth: PairTable::new(limits.max_conversations),
            ip: PairTable::new(limits.max_conversations),
            ipv6: PairTable::new(limits.max_conversations),
            udp: PairTable::new(limits.max_conversations),
            buckets: Buckets::new(limits.max_buckets),
            names: Names::new(limits.max_names, limits.max_text_bytes),
            network: Network::new(limits.max_app_keys),
            vlans: Vec::new(),
            interfaces: Vec::new(),
            max_interfaces: limits.max_interfaces,
            frames: 0,
            truncated: 0,
            ip_fragments: 0,
            ipv6_fragments: 0,
            short: 0,
            malformed: 0,
            too_deep: 0,
        }
    }

    /// Counts one frame, of that number. `bytes` gives the payload bytes of a span of it.
    #[inline]
    pub fn frame<'a>(
        &mut self,
        record: &Record<'a>,
        number: u64,
        layers: &Layers,
        bytes: impl Fn(crate::layers::Span) -> &'a [u8],
    ) {
        let wire = record.wire_len as u64;
        let ns = record.time.as_nanos();
        self.frames += 1;
        self.truncated += ((record.data.len() as u64) < wire) as u64;
        self.ip_fragments += layers.ip_fragment as u64;
        self.ipv6_fragments += layers.ipv6_fragment as u64;
        self.short += layers.short as u64;
        self.malformed += layers.malformed as u64;
        self.too_deep += layers.too_deep as u64;
        if record.has_time {
            self.buckets.add(ns, wire);
        }
        self.paths.add(&layers.path, wire);
        self.network.frame(layers, number, ns);
        if let Some(i) = record.interface {
            self.interface(i);
        }
        for &id in &layers.vlan_ids {
            if self.vlans.is_empty() {
                self.vlans.resize(4096, 0);
            }
            if let Some(n) = self.vlans.get_mut(id as usize) {
                *n += 1;
            }
        }
        for &(src, dst) in &layers.eths {
            self.eth.add(src, dst, wire, ns);
        }
        for net in layers.nets.iter().filter(|n| !n.quoted) {
            if net.src.v6 {
                self.ipv6.add(net.src.bytes, net.dst.bytes, wire, ns);
            } else {
                self.ip.add(first4(net.src), first4(net.dst), wire, ns);
            }
        }
        for udp in &layers.udps {
            // A UDP header carried by no IP layer belongs to no conversation.
            if let Some(net) = udp.net.and_then(|i| layers.nets.get(i as usize)) {
                self.udp.add((net.src, udp.src_port), (net.dst, udp.dst_port), wire, ns);
            }
            self.names.udp(udp, || bytes(udp.payload));
        }
        if let Some(tcp) = &layers.tcp
            && tcp.payload.len > 0
        {
            self.names.tcp(bytes(tcp.payload));
        }
    }

    fn interface(&mut self, i: u32) {
        let i = i as usize;
        if i >= self.max_interfaces {
            return;
        }
        if i >= self.interfaces.len() {
            self.interfaces.resize(i + 1, 0);
        }
        self.interfaces[i] += 1;
    }

    /// (VLAN id, tags), ids that occur only.
    pub fn vlans(&self) -> impl Iterator<Item = (usize, u64)> + '_ {
        self.vlans.iter().copied().enumerate().filter(|&(_, n)| n > 0)
    }

    /// (interface number, frames), interfaces with frames only.
    pub fn interfaces(&self) -> impl Iterator<Item = (usize, u64)> + '_ {
        self.interfaces.iter().copied().enumerate().filter(|&(_, n)| n > 0)
    }

    /// Distinct IPv4 and IPv6 addresses, and whether a conversation limit was passed (then it is a lower bound).
    pub fn ip_addresses(&self) -> (usize, bool) {
        (self.ip.ends() + self.ipv6.ends(), self.ip.is_full() || self.ipv6.is_full())
    }

    /// Gives back what is held in reserve, at the end of a pass.
    pub fn shrink(&mut self) {
        self.eth.shrink();
        self.ip.shrink();
        self.ipv6.shrink();
        self.udp.shrink();
    }

    /// Adds the counters of another part of the traffic.
    pub fn merge(&mut self, other: &Self) {
        self.paths.merge(&other.paths);
        self.eth.merge(&other.eth);
        self.ip.merge(&other.ip);
        self.ipv6.merge(&other.ipv6);
        self.udp.merge(&other.udp);
        self.buckets.merge(&other.buckets);
        self.names.merge(&other.names);
        self.network.merge(&other.network);
        add_all(&mut self.vlans, &other.vlans);
        add_all(&mut self.interfaces, &other.interfaces);
        self.frames += other.frames;
        self.truncated += other.truncated;
        self.ip_fragments += other.ip_fragments;
        self.ipv6_fragments += other.ipv6_fragments;
        self.short += other.short;
        self.malformed += other.malformed;
        self.too_deep += other.too_deep;
    }
}

fn first4(a: IpAddr) -> [u8; 4] {
    [a.bytes[0], a.bytes[1], a.bytes[2], a.bytes[3]]
}

fn add_all(a: &mut Vec<u64>, b: &[u64]) {
    if a.len() < b.len() {
        a.resize(b.len(), 0);
    }
    for (x, y) in a.iter_mut().zip(b) {
        *x += y;
    }
}
