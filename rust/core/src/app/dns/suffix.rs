//! Registered domains by the rules of the public suffix list (publicsuffix.org/list): `example.co.uk` of
//! `www.example.co.uk`. The rules are read from the text of the list; none come with the program.

use foldhash::fast::RandomState;
use std::collections::HashMap;

/// What the list says of a suffix.
const PLAIN: u8 = 1;
/// Every name below it is a suffix (`*.ck`).
const WILD: u8 = 2;
/// It is none, although the wildcard above it says so (`!www.ck`).
const EXCEPT: u8 = 4;

/// The rules, each under the suffix it is about.
#[derive(Clone, Debug, Default)]
pub struct Suffixes {
    rules: HashMap<Box<str>, u8, RandomState>,
}

impl Suffixes {
    /// One rule a line, up to the first space; lines that begin with `//` are comments. Rules in other scripts hold in
    /// their form for the DNS (RFC 3490), too.
    pub fn read(list: &str) -> Self {
        let mut found = Self::default();
        found.rules.reserve(16_384);
        for line in list.lines() {
            let rule = line.split(' ').next().unwrap_or_default().trim();
            if rule.is_empty() || rule.starts_with("//") {
                continue;
            }
            let (kind, suffix) = match rule.strip_prefix('!') {
                Some(suffix) => (EXCEPT, suffix),
                None => rule.strip_prefix("*.").map_or((PLAIN, rule), |suffix| (WILD, suffix)),
            };
            let suffix = suffix.to_lowercase();
            if !suffix.is_ascii() {
                let labels: Vec<String> = suffix.split('.').map(to_ascii).collect();
                found.add(labels.join("."), kind);
            }
            found.add(suffix, kind);
        }
        found
    }

    fn add(&mut self, suffix: String, kind: u8) {
        *self.rules.entry(suffix.into_boxed_str()).or_default() |= kind;
    }

    fn kind(&self, suffix: &str) -> u8 {
        self.rules.get(suffix).copied().unwrap_or_default()
    }

    /// The part of a name, in lower case, that somebody registered; None of a public suffix and of what is no name.
    pub fn registered<'a>(&self, name: &'a str) -> Option<&'a str> {
        let name = name.strip_suffix('.').unwrap_or(name);
        if name.split('.').any(str::is_empty) {
            return None;
        }
        // Where the labels begin, the last one first.
        let suffix = self.public(name);
        let front = name.len().checked_sub(suffix.len() + 1)?;
        let start = name.get(..front)?.rfind('.').map_or(0, |dot| dot + 1);
        name.get(start..)
    }

    /// The public suffix of a name of labels that are not empty.
    fn public<'a>(&self, name: &'a str) -> &'a str {
        let parent = |name: &'a str| name.split_once('.').map_or("", |(_, rest)| rest);
        let (mut above, mut here) = (None, name);
        loop {
            let (kind, below) = (self.kind(here), parent(here));
            match () {
                // An exception goes before the wildcard it is from, the wildcard before the plain rule.
                () if below.is_empty() && above.is_none() => return here,
                () if kind & EXCEPT != 0 => return below,
                () if kind & WILD != 0 => return above.unwrap_or(here),
                () if kind & PLAIN != 0 || below.is_empty() => return here,
                () => (above, here) = (Some(here), below),
            }
        }
    }
}

/// A label as the DNS has it: `xn--` and its punycode (RFC 3492) unless it is ASCII.
fn to_ascii(label: &str) -> String {
    if label.is_ascii() {
        return label.to_owned();
    }
    let mut out = String::from("xn--");
    punycode(label, &mut out);
    out
}

/// RFC 3492 6.3 with the parameters of its section 5.
fn punycode(label: &str, out: &mut String) {
    const BASE: u32 = 36;
    let (mut n, mut delta, mut bias) = (128u32, 0u32, 72u32);
    let before = out.len();
    out.extend(label.chars().filter(char::is_ascii));
    let basic = (out.len() - before) as u32;
    if basic > 0 {
        out.push('-');
    }
    let total = label.chars().count() as u32;
    let mut done = basic;
    while done < total {
        let Some(next) = label.chars().map(u32::from).filter(|&c| c >= n).min() else { return };
        delta = delta.wrapping_add((next - n).wrapping_mul(done + 1));
        n = next;
        for c in label.chars().map(u32::from) {
            if c < n {
                delta = delta.wrapping_add(1);
            }
            if c != n {
                continue;
            }
            let (mut rest, mut k) = (delta, BASE);
            loop {
                let threshold = k.saturating_sub(bias).clamp(1, 26);
                if rest < threshold {
                    break;
                }
                out.push(digit(threshold + (rest - threshold) % (BASE - threshold)));
                rest = (rest - threshold) / (BASE - threshold);
                k += BASE;
            }
            out.push(digit(rest));
            // RFC 3492 6.1.
            let mut spread = if done == basic { delta / 700 } else { delta / 2 };
            spread += spread / (done + 1);
            bias = 0;
            while spread > 455 {
                spread /= BASE - 1;
                bias += BASE;
            }
            bias += BASE * spread / (spread + 38);
            delta = 0;
            done += 1;
        }
        delta = delta.wrapping_add(1);
        n += 1;
    }
}

fn digit(n: u32) -> char {
    char::from_digit(n, 36)
        .map_or('0', |_| if n < 26 { (b'a' + n as u8) as char } else { (b'0' + (n - 26) as u8) as char })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The algorithm's examples on publicsuffix.org/list, "Test data".
    #[test]
    fn rules_wildcards_and_exceptions() {
        let s =
            Suffixes::read("// comment\ncom\nuk\nco.uk\n*.ck\n!www.ck\n*.kobe.jp\njp\n!city.kobe.jp\n公司.cn x\ncn\n");
        for (name, domain) in [
            ("com", None),
            ("example.com", Some("example.com")),
            ("b.example.com", Some("example.com")),
            ("a.b.example.com.", Some("example.com")),
            ("co.uk", None),
            ("b.test.co.uk", Some("test.co.uk")),
            ("ck", None),
            ("test.ck", None),
            ("b.test.ck", Some("b.test.ck")),
            ("www.ck", Some("www.ck")),
            ("www.www.ck", Some("www.ck")),
            ("c.kobe.jp", None),
            ("b.c.kobe.jp", Some("b.c.kobe.jp")),
            ("a.b.c.kobe.jp", Some("b.c.kobe.jp")),
            ("city.kobe.jp", Some("city.kobe.jp")),
            ("www.city.kobe.jp", Some("city.kobe.jp")),
            ("xn--85x722f.xn--55qx5d.cn", Some("xn--85x722f.xn--55qx5d.cn")),
            ("xn--55qx5d.cn", None),
            ("食狮.公司.cn", Some("食狮.公司.cn")),
            ("b.nowhere", Some("b.nowhere")),
            ("nowhere", None),
            ("", None),
            ("a..b", None),
            (".com", None),
        ] {
            assert_eq!(s.registered(name), domain, "{name}");
        }
    }

    /// RFC 3492 7.1 (A), (B), (I) without capitals.
    #[test]
    fn punycode_of_the_rfc() {
        for (text, code) in [
            ("ليهمابتكلموشعربي؟", "xn--egbpdaj6bu4bxfgehfvwxn"),
            ("他们为什么不说中文", "xn--ihqwcrb4cv8a8dqg056pqjye"),
            ("почемужеонинеговорятпорусски", "xn--b1abfaaepdrnnbgefbadotcwatmq2g4l"),
            ("bücher", "xn--bcher-kva"),
        ] {
            assert_eq!(to_ascii(text), code);
        }
    }
}
