//! UDP datagrams as questions and answers, as far as rules about scans and reflected traffic need them. Names no
//! protocol: it looks on.

use super::message::Value;
use super::{App, Context, Output, Report};
use crate::addr::IpAddr;
use crate::limits::Limits;
use foldhash::fast::RandomState;
use std::any::Any;
use std::collections::HashMap;
use std::hash::Hash;
use std::sync::Arc;

/// Services that answer a small question with much more, to whatever address the question claims to come from.
#[rustfmt::skip]
const REFLECTORS: [u16; 20] = [
    17, 19, 53, 69, 111, 123, 137, 161, 389, 427, 520, 1434, 1900, 3283, 3478, 3702, 5093, 5353, 10001, 11211,
];
/// Where traceroute sends to, with a time to live of few steps.
const TRACE: std::ops::RangeInclusive<u16> = 33_434..=33_700;
const TRACE_TTL: u8 = 32;
const MAX_FRAMES: usize = 20;
/// Ports or hosts without an answer below which a client is not listed.
const LEAST: u64 = 5;

/// One port of one host that a client sent to.
#[derive(Clone, Debug, Default)]
struct Probe {
    first_frame: u64,
    frames: u64,
    answered: bool,
}

/// What a service and one address sent each other.
#[derive(Clone, Debug, Default)]
struct Reflected {
    first_frame: u64,
    asked: u64,
    asked_bytes: u64,
    sent: u64,
    sent_bytes: u64,
}

/// Ports or hosts of one client: without an answer, with one, first frames of the former.
type Group = (u64, u64, Vec<u64>);
/// Sums over the servers of one victim and port, how many these are, first frames.
type Sum = (Reflected, u64, Vec<u64>);
/// Client, host, its port.
type Asked = (IpAddr, IpAddr, u16);

#[derive(Clone, Debug)]
struct Seen {
    probes: HashMap<Asked, Probe, RandomState>,
    /// By (the address that gets the answers, service, its port).
    reflected: HashMap<Asked, Reflected, RandomState>,
    limit: usize,
    /// Datagrams that found no room in a table.
    missed: u64,
}

/// The looker-on of a pass.
pub struct Probes(Seen);

impl Probes {
    pub fn new(limits: &Limits) -> Self {
        let (probes, reflected) = (HashMap::default(), HashMap::default());
        Self(Seen { probes, reflected, limit: limits.max_app_keys, missed: 0 })
    }
}

/// Sent to many at once: no answer of one host is waited for.
fn is_group(a: &IpAddr) -> bool {
    if a.v6 { a.bytes[0] == 0xff } else { a.bytes[0] >= 224 || a.bytes[3] == 255 }
}

/// Answers to a question that went to everybody: of DHCP servers, and of hosts asked for a NetBIOS name (RFC 1002 4.2.1.1).
fn answers_a_call(ctx: &Context, data: &[u8]) -> bool {
    matches!((ctx.src_port, ctx.dst_port), (67, 68) | (547, 546))
        || (ctx.src_port, ctx.dst_port) == (137, 137) && data.get(2).is_some_and(|flags| flags & 0x80 != 0)
}

fn row<'a, K: Eq + Hash, V: Default>(
    table: &'a mut HashMap<K, V, RandomState>,
    key: K,
    limit: usize,
    missed: &mut u64,
) -> Option<&'a mut V> {
    if table.len() >= limit && !table.contains_key(&key) {
        *missed += 1;
        return None;
    }
    Some(table.entry(key).or_default())
}

impl App for Probes {
    fn name(&self) -> &'static str {
        "probes"
    }

    fn wants_udp_first(&self) -> bool {
        true
    }

    fn udp_first(&mut self, ctx: &Context, data: &[u8], wire_len: u32, quoted: bool, out: &mut Output) -> bool {
        if !quoted && out.counts() && !is_group(&ctx.dst) && !is_group(&ctx.src) {
            self.0.reflected(ctx, wire_len);
            self.0.probe(ctx, data);
        }
        false
    }

    fn report(&self) -> Option<Arc<dyn Report>> {
        Some(Arc::new(self.0.clone()))
    }
}

impl Seen {
    fn probe(&mut self, ctx: &Context, data: &[u8]) {
        if let Some(asked) = self.probes.get_mut(&(ctx.dst, ctx.src, ctx.src_port)) {
            asked.answered = true;
            return;
        }
        // An answer whose question is not in the capture, a step of a traceroute.
        let answers = ctx.dst_port >= 1024 && (ctx.src_port < 1024 || REFLECTORS.contains(&ctx.src_port))
            || answers_a_call(ctx, data);
        if answers || TRACE.contains(&ctx.dst_port) && ctx.ttl <= TRACE_TTL {
            return;
        }
        let key = (ctx.src, ctx.dst, ctx.dst_port);
        if let Some(one) = row(&mut self.probes, key, self.limit, &mut self.missed) {
            if one.frames == 0 {
                one.first_frame = ctx.frame;
            }
            one.frames += 1;
        }
    }

    fn reflected(&mut self, ctx: &Context, bytes: u32) {
        let (from, to) = (REFLECTORS.contains(&ctx.src_port), REFLECTORS.contains(&ctx.dst_port));
        let (key, sent) = match (from, to) {
            (true, false) => ((ctx.dst, ctx.src, ctx.src_port), true),
            (false, true) => ((ctx.src, ctx.dst, ctx.dst_port), false),
            // Two servers of the same kind: each asks the other.
            _ => return,
        };
        if let Some(one) = row(&mut self.reflected, key, self.limit, &mut self.missed) {
            if one.first_frame == 0 {
                one.first_frame = ctx.frame;
            }
            let (count, sum) =
                if sent { (&mut one.sent, &mut one.sent_bytes) } else { (&mut one.asked, &mut one.asked_bytes) };
            *count += 1;
            *sum += u64::from(bytes);
        }
    }

    /// Ports of one host (or hosts with one port) that a client sent to, those without an answer first.
    fn groups<K: Eq + Hash + Ord + Copy>(
        &self,
        limit: usize,
        key: impl Fn(&Asked) -> K,
        show: impl Fn(&K) -> [(&'static str, Value); 2],
    ) -> Vec<Value> {
        let mut groups: HashMap<K, Group, RandomState> = HashMap::default();
        for (asked, probe) in &self.probes {
            let group = groups.entry(key(asked)).or_default();
            if probe.answered {
                group.1 += 1;
            } else {
                group.0 += 1;
                group.2.push(probe.first_frame);
            }
        }
        let mut all: Vec<_> = groups.into_iter().filter(|(_, g)| g.0 >= LEAST).collect();
        all.sort_by(|a, b| b.1.0.cmp(&a.1.0).then(a.0.cmp(&b.0)));
        all.truncate(limit);
        let one = |(key, (unanswered, answered, mut frames)): (K, Group)| -> Value {
            frames.sort_unstable();
            frames.truncate(MAX_FRAMES);
            let mut fields = show(&key).to_vec();
            fields.push(("unanswered", unanswered.into()));
            fields.push(("answered", answered.into()));
            fields.push(("frames", frames.into_iter().map(Value::from).collect::<Vec<_>>().into()));
            fields.into()
        };
        all.into_iter().map(one).collect()
    }

    /// Addresses by what services of one port sent them, most bytes first.
    fn victims(&self, limit: usize) -> Vec<Value> {
        let mut groups: HashMap<(IpAddr, u16), Sum, RandomState> = HashMap::default();
        for ((victim, _, port), one) in self.reflected.iter().filter(|(_, r)| r.sent > 0) {
            let (sum, servers, frames) = groups.entry((*victim, *port)).or_default();
            sum.asked += one.asked;
            sum.asked_bytes += one.asked_bytes;
            sum.sent += one.sent;
            sum.sent_bytes += one.sent_bytes;
            *servers += 1;
            frames.push(one.first_frame);
        }
        let mut all: Vec<_> = groups.into_iter().collect();
        all.sort_by(|a, b| b.1.0.sent_bytes.cmp(&a.1.0.sent_bytes).then(a.0.cmp(&b.0)));
        all.truncate(limit);
        let one = |((victim, port), (sum, servers, mut frames)): ((IpAddr, u16), Sum)| -> Value {
            frames.sort_unstable();
            frames.truncate(MAX_FRAMES);
            vec![
                ("victim", victim.into()),
                ("port", port.into()),
                ("servers", servers.into()),
                ("asked", sum.asked.into()),
                ("asked_bytes", sum.asked_bytes.into()),
                ("sent", sum.sent.into()),
                ("sent_bytes", sum.sent_bytes.into()),
                ("frames", frames.into_iter().map(Value::from).collect::<Vec<_>>().into()),
            ]
            .into()
        };
        all.into_iter().map(one).collect()
    }
}

fn earlier(a: u64, b: u64) -> u64 {
    if a == 0 || b != 0 && b < a { b } else { a }
}

impl Report for Seen {
    fn value(self: Arc<Self>) -> Value {
        let rows = self.probes.len() + self.reflected.len();
        vec![("rows", rows.into()), ("missed", self.missed.into())].into()
    }

    fn page(&self, table: &str, offset: usize, limit: usize) -> Vec<Value> {
        let end = offset.saturating_add(limit);
        let mut rows = match table {
            "ports" => self.groups(end, |a| (a.0, a.1), |k| [("source", k.0.into()), ("target", k.1.into())]),
            "hosts" => self.groups(end, |a| (a.0, a.2), |k| [("source", k.0.into()), ("port", k.1.into())]),
            "victims" => self.victims(end),
            _ => Vec::new(),
        };
        rows.drain(..offset.min(rows.len()));
        rows
    }

    fn merge(&self, other: &dyn Report) -> Option<Arc<dyn Report>> {
        let other = (other as &dyn Any).downcast_ref::<Self>()?;
        let mut sum = self.clone();
        sum.missed += other.missed;
        for (key, theirs) in &other.probes {
            if let Some(mine) = row(&mut sum.probes, *key, self.limit, &mut sum.missed) {
                mine.first_frame = earlier(mine.first_frame, theirs.first_frame);
                mine.frames += theirs.frames;
                mine.answered |= theirs.answered;
            }
        }
        for (key, theirs) in &other.reflected {
            if let Some(mine) = row(&mut sum.reflected, *key, self.limit, &mut sum.missed) {
                mine.first_frame = earlier(mine.first_frame, theirs.first_frame);
                mine.asked += theirs.asked;
                mine.asked_bytes += theirs.asked_bytes;
                mine.sent += theirs.sent;
                mine.sent_bytes += theirs.sent_bytes;
            }
        }
        Some(Arc::new(sum))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::DetectedBy;
    use crate::layers::Proto;

    fn send(probes: &mut Probes, frame: u64, from: (u8, u16), to: (u8, u16), bytes: u32, ttl: u8) {
        let ctx = Context {
            frame,
            time_ns: 0,
            src: IpAddr::v4([10, 0, 0, from.0]),
            dst: IpAddr::v4([10, 0, 0, to.0]),
            src_port: from.1,
            dst_port: to.1,
            transport: Proto::Udp,
            ttl,
            frame_bytes: 60,
            stream: None,
            to_client: false,
            detected_by: DetectedBy::Port,
            only_in_order: false,
            server_known: false,
            recovered: false,
        };
        assert!(!probes.udp_first(&ctx, &[], bytes, false, &mut Output::default()));
    }

    #[test]
    fn ports_and_hosts_without_answers() {
        let mut probes = Probes::new(&Limits::default());
        for n in 0..8u16 {
            send(&mut probes, 1 + n as u64, (1, 40_000), (2, 100 + n), 0, 64);
            send(&mut probes, 101 + n as u64, (1, 40_000), (10 + n as u8, 161), 0, 64);
            send(&mut probes, 201 + n as u64, (1, 40_000), (9, 33_434 + n), 0, 3);
        }
        send(&mut probes, 300, (2, 100), (1, 40_000), 0, 64);
        (0..9).for_each(|n| send(&mut probes, 400, (3, 67), (100 + n, 68), 0, 64));
        let ports = format!("{:?}", probes.0.page("ports", 0, 9));
        assert!(
            ports.contains("(\"target\", Ip(10.0.0.2)), (\"unanswered\", Int(7)), (\"answered\", Int(1))"),
            "{ports}"
        );
        assert_eq!(probes.0.page("ports", 0, 9).len(), 1);
        let hosts = format!("{:?}", probes.0.page("hosts", 0, 9));
        assert!(hosts.contains("(\"port\", Int(161)), (\"unanswered\", Int(8))"), "{hosts}");
    }

    #[test]
    fn answers_are_summed_by_who_gets_them() {
        let mut probes = Probes::new(&Limits::default());
        for server in 1..4 {
            send(&mut probes, server as u64, (server, 123), (77, 80), 400, 64);
        }
        send(&mut probes, 9, (77, 80), (1, 123), 8, 64);
        let victims = format!("{:?}", probes.0.page("victims", 0, 9));
        let expected = "(\"servers\", Int(3)), (\"asked\", Int(1)), (\"asked_bytes\", Int(8)), (\"sent\", Int(3)), (\"sent_bytes\", Int(1200))";
        assert!(victims.contains(expected), "{victims}");
    }

    #[test]
    fn tables_are_bounded() {
        let mut probes = Probes::new(&Limits { max_app_keys: 3, ..Limits::default() });
        (0..9).for_each(|n| send(&mut probes, 1, (1, 5_000), (2, 2_000 + n), 0, 64));
        assert_eq!((probes.0.probes.len(), probes.0.missed), (3, 6));
    }
}
