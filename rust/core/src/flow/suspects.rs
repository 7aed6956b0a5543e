//! Connections grouped as rules about attacks look at them: who failed on many ports or hosts, what was begun and never
//! finished, short connections to login ports, connections at equal intervals, who sent much. Only counts: what is a
//! finding, and how bad, is said elsewhere.

use super::connection::{Close, Connection, Handshake};
use super::table::ConnectionTable;
use crate::addr::IpAddr;
use crate::app::message::{Value, row};
use foldhash::fast::RandomState;
use std::cmp::Reverse;
use std::collections::{HashMap, HashSet};
use std::hash::Hash;

/// Groups handed out of each kind, the largest first.
const MOST: usize = 10;
/// First frames of a group.
const FRAMES: usize = 10;

/// What is looked for.
#[derive(Clone, Debug)]
pub struct Thresholds {
    /// Connections looked at, the latest left out.
    pub looked_at: usize,
    /// Least ports of one host, hosts of one port, unfinished handshakes, short connections, regular connections.
    pub scan_ports: usize,
    pub scan_hosts: usize,
    pub syn_flood_count: usize,
    pub brute_force_count: usize,
    pub beacon_count: usize,
    /// Least payload sent to one server.
    pub exfil_bytes: u64,
    /// Ports where people log in, and the largest payload of a connection that holds a failed login and little else.
    pub login_ports: Vec<u16>,
    pub guess_bytes: u64,
    /// Ports of protocols without encryption.
    pub cleartext_ports: Vec<u16>,
    /// Spans within which handshakes and logins are counted, ns.
    pub flood_ns: i64,
    pub guessing_ns: i64,
}

/// What is looked at of a connection.
struct One {
    client: IpAddr,
    server: IpAddr,
    server_port: u16,
    handshake: Handshake,
    close: Close,
    first_ns: i64,
    first_frame: u64,
    payload: [u64; 2],
}

impl From<&Connection> for One {
    fn from(c: &Connection) -> Self {
        Self {
            client: c.client,
            server: c.server,
            server_port: c.server_port,
            handshake: c.handshake,
            close: c.close,
            first_ns: c.first_ns,
            first_frame: c.first_frame,
            payload: c.dirs.each_ref().map(|d| d.payload_bytes),
        }
    }
}

type Groups<'a, K> = HashMap<K, Vec<&'a One>, RandomState>;

/// The groups of at least `least` connections. They are counted first: most are too small to be made.
fn grouped<'a, K: Eq + Hash>(
    some: &[&'a One],
    least: usize,
    keep: impl Fn(&One) -> bool,
    key: impl Fn(&One) -> K,
) -> Groups<'a, K> {
    let mut sizes: HashMap<K, usize, RandomState> = HashMap::default();
    some.iter().filter(|c| keep(c)).for_each(|c| *sizes.entry(key(c)).or_default() += 1);
    sizes.retain(|_, size| *size >= least);
    let mut groups: Groups<'a, K> = HashMap::default();
    if !sizes.is_empty() {
        let some = some.iter().filter(|c| keep(c)).map(|c| (key(c), *c)).filter(|(key, _)| sizes.contains_key(key));
        some.for_each(|(key, c)| groups.entry(key).or_default().push(c));
    }
    groups
}

/// The groups of at least that size, largest first, then by what their key looks like.
fn largest<K, V>(groups: impl IntoIterator<Item = (K, usize, V)>, least: usize, text: fn(&K) -> String) -> Vec<(K, V)> {
    let mut all: Vec<_> = groups.into_iter().filter(|g| g.1 >= least).map(|(k, n, v)| (Reverse(n), k, v)).collect();
    if all.len() > MOST {
        // Only those that may be among the first have to be told apart by their text.
        let (_, last, _) = all.select_nth_unstable_by_key(MOST - 1, |g| g.0);
        let last = last.0;
        all.retain(|g| g.0 <= last);
    }
    all.sort_by_cached_key(|g| (g.0, text(&g.1)));
    all.into_iter().take(MOST).map(|(_, k, v)| (k, v)).collect()
}

fn host_pair(key: &(IpAddr, IpAddr)) -> String {
    format!("('{}', '{}')", key.0, key.1)
}

fn host_port(key: &(IpAddr, u16)) -> String {
    format!("('{}', {})", key.0, key.1)
}

fn pair_port(key: &(IpAddr, IpAddr, u16)) -> String {
    format!("('{}', '{}', {})", key.0, key.1, key.2)
}

fn payload(c: &One) -> u64 {
    c.payload[0] + c.payload[1]
}

/// The least frames, each once.
fn frames(all: impl Iterator<Item = u64>) -> Value {
    let mut all: Vec<u64> = all.filter(|&f| f > 0).collect();
    all.sort_unstable();
    all.dedup();
    all.into_iter().take(FRAMES).map(Value::from).collect::<Vec<_>>().into()
}

/// Sorts them by time. (most of them within a span, place of the first of these)
fn most_within(held: &mut [&One], span: i64) -> (usize, usize) {
    held.sort_by_key(|c| c.first_ns);
    let (mut best, mut at, mut start) = (0, 0, 0);
    for (end, c) in held.iter().enumerate() {
        while c.first_ns.saturating_sub(held[start].first_ns) > span {
            start += 1;
        }
        if end - start + 1 > best {
            (best, at) = (end - start + 1, start);
        }
    }
    (best, at)
}

/// For each key the connections to different values of `what`, the first of each.
fn distinct<'a, K, W: Ord>(groups: Groups<'a, K>, what: fn(&One) -> W) -> Vec<(K, usize, Vec<&'a One>)> {
    let first = |(key, mut held): (K, Vec<&'a One>)| {
        held.sort_by_key(|c| what(c)); // stable: the first one of each stays first
        held.dedup_by_key(|c| what(c));
        (key, held.len(), held)
    };
    groups.into_iter().map(first).collect()
}

fn sized<'a, K>(groups: Groups<'a, K>) -> Vec<(K, usize, Vec<&'a One>)> {
    groups.into_iter().map(|(key, held)| (key, held.len(), held)).collect()
}

/// Standard deviation of the gaps by their mean, and the mean, ns. The times are sorted, at least two.
fn regularity(times: &[i64]) -> (f64, f64) {
    let gaps: Vec<i128> = times.windows(2).map(|t| t[1] as i128 - t[0] as i128).collect();
    let n = gaps.len() as i128;
    let sum: i128 = gaps.iter().sum();
    let mean = sum as f64 / n as f64;
    // n * sum of squares - square of the sum, exact where it fits.
    let squares = gaps.iter().try_fold(0i128, |all, g| all.checked_add(g.checked_mul(*g)?));
    let exact = squares.and_then(|s| s.checked_mul(n)?.checked_sub(sum.checked_mul(sum)?));
    let deviation = match exact {
        Some(variance) => (variance as f64).sqrt() / n as f64,
        None => (gaps.iter().map(|&g| (g as f64 - mean).powi(2)).sum::<f64>() / n as f64).sqrt(),
    };
    (deviation / mean, mean)
}

fn median(mut values: Vec<u64>) -> f64 {
    values.sort_unstable();
    let middle = values.len() / 2;
    match (values.get(middle), values.get(middle.wrapping_sub(1))) {
        (Some(&upper), Some(&lower)) if values.len().is_multiple_of(2) => (lower as f64 + upper as f64) / 2.0,
        (Some(&value), _) => value as f64,
        _ => 0.0,
    }
}

impl ConnectionTable {
    /// The largest groups by the name of the rule, each a list of rows.
    pub fn suspects(&self, t: &Thresholds) -> Value {
        let all: Vec<One> = self.iter().take(t.looked_at).map(|c| One::from(&c)).collect();
        let some: Vec<&One> = all.iter().collect();
        vec![
            ("vertical_scan", vertical(&some, t)),
            ("horizontal_scan", horizontal(&some, t)),
            ("syn_flood", flood(&some, t)),
            ("brute_force", guessing(&some, t)),
            ("beaconing", regular(&some, t)),
            ("exfiltration", sent(&some, t)),
            ("cleartext_protocol", cleartext(&some, t)),
        ]
        .into()
    }
}

fn failed(c: &One) -> bool {
    matches!(c.handshake, Handshake::SynOnly | Handshake::Refused)
}

/// `[client, server, ports, frames]`.
fn vertical(some: &[&One], t: &Thresholds) -> Value {
    let groups = distinct(grouped(some, t.scan_ports, failed, |c| (c.client, c.server)), |c| c.server_port);
    let row = |((client, server), held): ((IpAddr, IpAddr), Vec<&One>)| {
        row![client, server, held.len(), frames(held.iter().map(|c| c.first_frame))]
    };
    largest(groups, t.scan_ports, host_pair).into_iter().map(row).collect::<Vec<_>>().into()
}

/// `[client, port, hosts, frames]`.
fn horizontal(some: &[&One], t: &Thresholds) -> Value {
    let groups = distinct(grouped(some, t.scan_hosts, failed, |c| (c.client, c.server_port)), |c| c.server);
    let row = |((client, port), held): ((IpAddr, u16), Vec<&One>)| {
        row![client, port, held.len(), frames(held.iter().map(|c| c.first_frame))]
    };
    largest(groups, t.scan_hosts, host_port).into_iter().map(row).collect::<Vec<_>>().into()
}

/// `[server, port, all, most at a time, clients of these, frames of these]`.
fn flood(some: &[&One], t: &Thresholds) -> Value {
    let begun = |c: &One| matches!(c.handshake, Handshake::HalfOpen | Handshake::SynOnly);
    let groups = sized(grouped(some, t.syn_flood_count, begun, |c| (c.server, c.server_port)));
    let row = |((server, port), mut held): ((IpAddr, u16), Vec<&One>)| {
        let (peak, at) = most_within(&mut held, t.flood_ns);
        let burst = held.get(at..at + peak).unwrap_or_default();
        let clients: HashSet<IpAddr, RandomState> = burst.iter().map(|c| c.client).collect();
        row![server, port, held.len(), peak, clients.len(), frames(burst.iter().map(|c| c.first_frame))]
    };
    largest(groups, t.syn_flood_count, host_port).into_iter().map(row).collect::<Vec<_>>().into()
}

/// `[client, server, port, all, most at a time, frames of these]`.
fn guessing(some: &[&One], t: &Thresholds) -> Value {
    let short = |c: &One| {
        t.login_ports.contains(&c.server_port)
            && c.handshake == Handshake::Complete
            && matches!(c.close, Close::Fin | Close::Reset)
            && (1..=t.guess_bytes).contains(&payload(c))
    };
    let groups = sized(grouped(some, t.brute_force_count, short, |c| (c.client, c.server, c.server_port)));
    let row = |((client, server, port), mut held): ((IpAddr, IpAddr, u16), Vec<&One>)| {
        let (peak, at) = most_within(&mut held, t.guessing_ns);
        let burst = held.get(at..at + peak).unwrap_or_default();
        row![client, server, port, held.len(), peak, frames(burst.iter().map(|c| c.first_frame))]
    };
    largest(groups, t.brute_force_count, pair_port).into_iter().map(row).collect::<Vec<_>>().into()
}

/// `[client, server, port, connections, mean gap ns, deviation by mean, median payload, frames]`.
fn regular(some: &[&One], t: &Thresholds) -> Value {
    let complete = |c: &One| c.handshake == Handshake::Complete;
    let least = t.beacon_count.max(2);
    let groups = sized(grouped(some, least, complete, |c| (c.client, c.server, c.server_port)));
    let row = |((client, server, port), held): ((IpAddr, IpAddr, u16), Vec<&One>)| {
        let mut times: Vec<i64> = held.iter().map(|c| c.first_ns).collect();
        times.sort_unstable();
        let (deviation, mean) = regularity(&times);
        let payload = Value::Float(median(held.iter().map(|c| payload(c)).collect()));
        let (mean, deviation) = (Value::Float(mean), Value::Float(deviation));
        row![client, server, port, held.len(), mean, deviation, payload, frames(held.iter().map(|c| c.first_frame))]
    };
    largest(groups, least, pair_port).into_iter().map(row).collect::<Vec<_>>().into()
}

/// `[client, server, payload sent, payload received, frames]`.
fn sent(some: &[&One], t: &Thresholds) -> Value {
    let mut sums: HashMap<(IpAddr, IpAddr), [u64; 2], RandomState> = HashMap::default();
    for c in some {
        let sum = sums.entry((c.client, c.server)).or_default();
        (0..2).for_each(|d| sum[d] += c.payload[d]);
    }
    let mut all: Vec<_> = sums.into_iter().filter(|s| s.1[0] >= t.exfil_bytes).collect();
    if all.len() > MOST {
        let (_, last, _) = all.select_nth_unstable_by_key(MOST - 1, |s| Reverse(s.1[0]));
        let last = last.1[0];
        all.retain(|s| s.1[0] >= last);
    }
    all.sort_by_cached_key(|s| (Reverse(s.1[0]), s.0.0.to_string(), s.0.1.to_string()));
    let row = |((client, server), sum): ((IpAddr, IpAddr), [u64; 2])| {
        let first = some.iter().filter(|c| (c.client, c.server) == (client, server)).take(FRAMES);
        row![client, server, sum[0], sum[1], frames(first.map(|c| c.first_frame))]
    };
    all.into_iter().take(MOST).map(row).collect::<Vec<_>>().into()
}

/// `[port, connections, frames]`, by port.
fn cleartext(some: &[&One], t: &Thresholds) -> Value {
    let carried = |c: &One| {
        t.cleartext_ports.contains(&c.server_port)
            && matches!(c.handshake, Handshake::Complete | Handshake::MidStream)
            && payload(c) > 0
    };
    let mut groups: Vec<_> = grouped(some, 1, carried, |c| c.server_port).into_iter().collect();
    groups.sort_unstable_by_key(|g| g.0);
    let row = |(port, held): (u16, Vec<&One>)| row![port, held.len(), frames(held.iter().map(|c| c.first_frame))];
    groups.into_iter().map(row).collect::<Vec<_>>().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn regularity_of_known_gaps() {
        assert_eq!(regularity(&[0, 10, 20, 30]), (0.0, 10.0));
        // Gaps 5 and 15: mean 10, deviation 5.
        assert_eq!(regularity(&[0, 5, 20]), (0.5, 10.0));
        // Too large for exact squares.
        let (deviation, mean) = regularity(&[i64::MIN, 0, i64::MAX]);
        assert!(deviation < 1e-9 && mean > 9e18);
        assert_eq!([median(vec![3, 1, 2]), median(vec![4, 1, 2, 3]), median(Vec::new())], [2.0, 2.5, 0.0]);
    }

    #[test]
    fn groups_of_one_size_are_ordered_by_their_text() {
        let keys = (0..30u16).map(|n| ((IpAddr::v4([10, 0, 0, 1]), n), 2 + (n == 17) as usize, n));
        let found: Vec<u16> = largest(keys, 2, host_port).into_iter().map(|g| g.1).collect();
        assert_eq!(found, [17, 0, 1, 10, 11, 12, 13, 14, 15, 16]);
    }
}
