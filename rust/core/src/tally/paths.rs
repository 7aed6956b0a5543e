//! Protocol hierarchy: frames and bytes by protocol path.

use crate::layers::Proto;

#[derive(Clone, Debug)]
struct Node {
    proto: Option<Proto>,
    parent: u32,
    children: Vec<(Proto, u32)>,
    /// Frames whose path ends here, and their bytes on the wire.
    frames: u64,
    bytes: u64,
}

/// Tree of the paths seen. A frame touches one counter; what a protocol has is summed when asked.
#[derive(Clone, Debug)]
pub struct PathTree {
    nodes: Vec<Node>,
    limit: usize,
    /// Frames whose path was longer than the tree had room for, by protocol present in the part left out.
    cut: Vec<u64>,
    cut_frames: u64,
}

const ROOT: usize = 0;

impl PathTree {
    pub fn new(limit: usize) -> Self {
        let root = Node { proto: None, parent: 0, children: Vec::new(), frames: 0, bytes: 0 };
        Self { nodes: vec![root], limit: limit.max(1), cut: vec![0; Proto::ALL.len()], cut_frames: 0 }
    }

    fn child(&mut self, at: usize, proto: Proto) -> Option<usize> {
        if let Some(&(_, i)) = self.nodes[at].children.iter().find(|c| c.0 == proto) {
            return Some(i as usize);
        }
        if self.nodes.len() > self.limit {
            return None;
        }
        let i = self.nodes.len();
        self.nodes.push(Node { proto: Some(proto), parent: at as u32, children: Vec::new(), frames: 0, bytes: 0 });
        self.nodes[at].children.push((proto, i as u32));
        Some(i)
    }

    /// Counts a frame with this path.
    #[inline]
    pub fn add(&mut self, path: &[Proto], wire: u64) {
        self.add_many(path, 1, wire);
    }

    fn add_many(&mut self, path: &[Proto], frames: u64, bytes: u64) {
        let mut at = ROOT;
        for (i, &proto) in path.iter().enumerate() {
            match self.child(at, proto) {
                Some(next) => at = next,
                None => {
                    self.cut_frames += frames;
                    let rest = &path[i..];
                    for (j, p) in rest.iter().enumerate() {
                        if !path[..i].contains(p) && !rest[..j].contains(p) {
                            self.cut[*p as usize] += frames;
                        }
                    }
                    break;
                }
            }
        }
        self.nodes[at].frames += frames;
        self.nodes[at].bytes += bytes;
    }

    fn path(&self, mut at: usize) -> Vec<Proto> {
        let mut path = Vec::new();
        while let Some(p) = self.nodes[at].proto {
            path.push(p);
            at = self.nodes[at].parent as usize;
        }
        path.reverse();
        path
    }

    /// (path, frames that end there, bytes), sorted by path.
    pub fn leaves(&self) -> Vec<(Vec<Proto>, u64, u64)> {
        let mut out: Vec<_> = (0..self.nodes.len())
            .filter(|&i| self.nodes[i].frames > 0)
            .map(|i| (self.path(i), self.nodes[i].frames, self.nodes[i].bytes))
            .collect();
        out.sort();
        out
    }

    /// Frames in which each protocol occurs; exact, also beyond the limit.
    pub fn protocols(&self) -> Vec<(Proto, u64)> {
        let mut count = self.cut.clone();
        for (path, frames, _) in self.leaves() {
            for (i, p) in path.iter().enumerate() {
                if !path[..i].contains(p) {
                    count[*p as usize] += frames;
                }
            }
        }
        Proto::ALL.iter().map(|&p| (p, count[p as usize])).filter(|&(_, n)| n > 0).collect()
    }

    /// Frames whose path was cut at the limit.
    pub fn cut_frames(&self) -> u64 {
        self.cut_frames
    }

    pub fn merge(&mut self, other: &Self) {
        for (path, frames, bytes) in other.leaves() {
            self.add_many(&path, frames, bytes);
        }
        for (a, b) in self.cut.iter_mut().zip(&other.cut) {
            *a += b;
        }
        self.cut_frames += other.cut_frames;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Proto::*;

    #[test]
    fn a_protocol_twice_in_a_frame_counts_once() {
        let mut t = PathTree::new(100);
        t.add(&[Eth, Ip, Udp, Vxlan, Eth, Ip, Tcp], 150);
        t.add(&[Eth, Ip, Tcp], 60);
        assert_eq!(t.protocols(), [(Eth, 2), (Vxlan, 1), (Ip, 2), (Tcp, 2), (Udp, 1)]);
        assert_eq!(t.leaves().len(), 2);
    }

    #[test]
    fn past_the_limit_presence_stays_exact() {
        let mut t = PathTree::new(2);
        t.add(&[Eth, Ip, Tcp], 60);
        t.add(&[Eth, Ip, Udp, Dns], 80);
        assert_eq!(t.protocols(), [(Eth, 2), (Ip, 2), (Tcp, 1), (Udp, 1), (Dns, 1)]);
        assert_eq!(t.cut_frames(), 2);
        assert_eq!(t.leaves(), [(vec![Eth, Ip], 2, 140)]);
    }

    #[test]
    fn merge_adds() {
        let (mut a, mut b) = (PathTree::new(100), PathTree::new(100));
        a.add(&[Eth, Ip, Tcp], 60);
        b.add(&[Eth, Ip, Tcp], 40);
        b.add(&[Eth, Arp], 42);
        a.merge(&b);
        assert_eq!(a.leaves(), [(vec![Eth, Arp], 1, 42), (vec![Eth, Ip, Tcp], 2, 100)]);
    }
}
