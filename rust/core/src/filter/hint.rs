//! What was probably meant: capture filter (BPF) syntax, misspelled names.

/// A sentence for text that looks like a capture filter.
pub(crate) fn bpf(text: &str) -> Option<String> {
    let words: Vec<&str> = text.split_whitespace().take(40).collect();
    let after = |i: usize| words.get(i + 1).copied();
    let short =
        |w: &str| w.chars().filter(|c| c.is_ascii_alphanumeric() || ".:/-".contains(*c)).take(50).collect::<String>();
    for (i, word) in words.iter().enumerate() {
        let direction = match i.checked_sub(1).and_then(|b| words.get(b)) {
            Some(&"src") => Some("src"),
            Some(&"dst") => Some("dst"),
            _ => None,
        };
        let next = after(i).map(short).filter(|w| !w.is_empty());
        let instead = match (*word, next) {
            ("port", Some(n)) if n.bytes().all(|c| c.is_ascii_digit()) => {
                let field = match direction {
                    Some("src") => "srcport",
                    Some(_) => "dstport",
                    None => "port",
                };
                let proto = words[..i].iter().rev().find(|w| matches!(**w, "tcp" | "udp"));
                match proto {
                    Some(p) => format!("{p}.{field} == {n}"),
                    None => format!("tcp.{field} == {n} or udp.{field} == {n}"),
                }
            }
            ("portrange", Some(n)) => {
                let (a, b) = n.split_once('-')?;
                format!("tcp.port in {{{a}..{b}}}")
            }
            ("host" | "net", Some(n)) if words.first() != Some(&"ether") => {
                let layer = if n.contains(':') { "ipv6" } else { "ip" };
                format!("{layer}.{} == {n}", direction.unwrap_or("addr"))
            }
            ("ether", Some(_)) => "eth.addr == 00:11:22:33:44:55".to_owned(),
            ("greater", Some(n)) => format!("frame.len >= {n}"),
            ("less", Some(n)) => format!("frame.len <= {n}"),
            ("proto", Some(n)) if i > 0 => format!("ip.proto == {n}"),
            ("icmp6", _) => "icmpv6".to_owned(),
            _ => continue,
        };
        return Some(format!("this looks like a capture filter (BPF); as a display filter it is: {instead}"));
    }
    None
}

/// The nearest of the names, if one is near: by edits, fewer than a third of the length.
pub(crate) fn nearest<'a>(name: &str, all: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let name: Vec<u8> = name.bytes().take(64).map(|b| b.to_ascii_lowercase()).collect();
    let most = (name.len() / 3).clamp(1, 4);
    let mut best: Option<(usize, &str)> = None;
    for other in all {
        if other.len().abs_diff(name.len()) > most {
            continue;
        }
        let d = distance(&name, other.as_bytes(), best.map_or(most, |b| b.0));
        if d <= most && best.is_none_or(|b| d < b.0) {
            best = Some((d, other));
        }
    }
    best.map(|b| b.1)
}

/// Edits between two words (insert, delete, replace, swap neighbours); more than `most` counts as `most + 1`.
fn distance(a: &[u8], b: &[u8], most: usize) -> usize {
    let mut before: Vec<usize> = vec![0; b.len() + 1];
    let mut last: Vec<usize> = (0..=b.len()).collect();
    let mut row = last.clone();
    for (i, &x) in a.iter().enumerate() {
        row[0] = i + 1;
        for (j, &y) in b.iter().enumerate() {
            let mut d = (last[j] + (x != y) as usize).min(last[j + 1] + 1).min(row[j] + 1);
            if i > 0 && j > 0 && x == b[j - 1] && a[i - 1] == y {
                d = d.min(before[j - 1] + 1);
            }
            row[j + 1] = d;
        }
        if row.iter().min().is_some_and(|&m| m > most) {
            return most + 1;
        }
        std::mem::swap(&mut before, &mut last);
        std::mem::swap(&mut last, &mut row);
    }
    last[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn capture_filters_are_told() {
        assert!(bpf("tcp port 80").unwrap().ends_with("tcp.port == 80"));
        assert!(bpf("src host 10.0.0.1").unwrap().ends_with("ip.src == 10.0.0.1"));
        assert!(bpf("dst port 53").unwrap().ends_with("tcp.dstport == 53 or udp.dstport == 53"));
        assert!(bpf("net 10.0.0.0/8").unwrap().ends_with("ip.addr == 10.0.0.0/8"));
        assert_eq!(bpf("tcp.port == 80 80"), None);
    }

    #[test]
    fn misspelled_names() {
        let names = || ["tcp.port", "tcp.srcport", "udp.port", "ip.src"].into_iter();
        assert_eq!(nearest("tcp.prot", names()), Some("tcp.port"));
        assert_eq!(nearest("tpc.srcport", names()), Some("tcp.srcport"));
        assert_eq!(nearest("something", names()), None);
    }
}
