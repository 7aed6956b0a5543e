//! Key logs in the format of NSS (SSLKEYLOGFILE): lines of a label, the random of a client hello and a secret in hex.

use crate::limits::Limits;
use foldhash::fast::RandomState;
use hashbrown::HashMap;
use std::sync::Arc;

/// The random of a client hello: what a session's secrets go by.
pub type Random = [u8; 32];
/// A secret; its length tells the hash it is for.
pub type Secret = Box<[u8]>;

/// Bytes of the master secret of TLS 1.2 and before (RFC 5246 8.1).
const MASTER: usize = 48;

/// Where secrets come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// A block of the capture.
    Capture,
    /// A key log named by the user.
    File,
}

/// The secrets of one session.
#[derive(Clone)]
pub struct Secrets {
    pub source: Source,
    /// TLS 1.2 and before.
    pub master: Option<Secret>,
    /// TLS 1.3, by sender: client, server.
    pub handshake: [Option<Secret>; 2],
    pub traffic: [Option<Secret>; 2],
}

/// What was read, without the secrets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct KeyCounts {
    /// Sessions with a secret, of the capture and of a file.
    pub sessions: [u64; 2],
    /// Lines with a secret that was taken.
    pub taken: u64,
    /// Lines with a label that nothing is done with (early data, exporters, other key agreements).
    pub other: u64,
    /// Lines that are none of a key log.
    pub malformed: u64,
    /// Lines that found no room.
    pub dropped: u64,
    /// Bytes looked at, and those beyond the limit that were not.
    pub bytes: u64,
    pub unread_bytes: u64,
}

impl KeyCounts {
    pub fn merge(&mut self, o: &Self) {
        self.sessions.iter_mut().zip(o.sessions).for_each(|(a, b)| *a += b);
        self.taken += o.taken;
        self.other += o.other;
        self.malformed += o.malformed;
        self.dropped += o.dropped;
        self.bytes += o.bytes;
        self.unread_bytes += o.unread_bytes;
    }
}

/// All secrets known. Cheap to copy; shows nothing of itself.
#[derive(Clone, Default)]
pub struct KeyLog(Option<Arc<HashMap<Random, Secrets, RandomState>>>);

impl std::fmt::Debug for KeyLog {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("KeyLog")
    }
}

impl KeyLog {
    /// There are no secrets: nothing can be decrypted.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    pub fn of(&self, random: &Random) -> Option<&Secrets> {
        self.0.as_ref()?.get(random)
    }

    /// Takes the lines of a key log. At most `limits.max_tls_sessions` sessions are known at a time.
    pub fn read(&mut self, log: &[u8], source: Source, limits: &Limits, counts: &mut KeyCounts) {
        let left = (limits.max_key_log_bytes as u64).saturating_sub(counts.bytes);
        let take = log.len().min(usize::try_from(left).unwrap_or(usize::MAX));
        counts.bytes += take as u64;
        counts.unread_bytes += (log.len() - take) as u64;
        for line in log.get(..take).unwrap_or_default().split(|&b| b == b'\n' || b == b'\r') {
            let line = line.trim_ascii();
            if line.is_empty() || line.starts_with(b"#") {
                continue;
            }
            match parse(line) {
                Line::Secret(random, which, secret) => self.add(random, which, secret, source, limits, counts),
                Line::Other => counts.other += 1,
                Line::Malformed => counts.malformed += 1,
            }
        }
    }

    fn add(
        &mut self,
        random: Random,
        which: Which,
        secret: Secret,
        source: Source,
        limits: &Limits,
        counts: &mut KeyCounts,
    ) {
        let sessions = Arc::make_mut(self.0.get_or_insert_default());
        if sessions.len() >= limits.max_tls_sessions && !sessions.contains_key(&random) {
            counts.dropped += 1;
            return;
        }
        let of_session = sessions.entry(random).or_insert_with(|| {
            counts.sessions[source as usize] += 1;
            Secrets { source, master: None, handshake: [None, None], traffic: [None, None] }
        });
        counts.taken += 1;
        let place = match which {
            Which::Master => &mut of_session.master,
            Which::Handshake(side) => &mut of_session.handshake[side],
            Which::Traffic(side) => &mut of_session.traffic[side],
        };
        *place = Some(secret);
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Which {
    Master,
    Handshake(usize),
    Traffic(usize),
}

enum Line {
    Secret(Random, Which, Secret),
    /// Of a key log, of no use here.
    Other,
    Malformed,
}

fn parse(line: &[u8]) -> Line {
    let mut words = line.split(|b| *b == b' ' || *b == b'\t').filter(|w| !w.is_empty());
    let (Some(label), Some(random), Some(secret), None) = (words.next(), words.next(), words.next(), words.next())
    else {
        return Line::Malformed;
    };
    let which = match label {
        b"CLIENT_RANDOM" => Which::Master,
        b"CLIENT_HANDSHAKE_TRAFFIC_SECRET" => Which::Handshake(0),
        b"SERVER_HANDSHAKE_TRAFFIC_SECRET" => Which::Handshake(1),
        b"CLIENT_TRAFFIC_SECRET_0" => Which::Traffic(0),
        b"SERVER_TRAFFIC_SECRET_0" => Which::Traffic(1),
        _ => {
            let upper = |b: &u8| b.is_ascii_uppercase() || b.is_ascii_digit() || *b == b'_';
            return if label.iter().all(upper) { Line::Other } else { Line::Malformed };
        }
    };
    // SHA-256's and SHA-384's of TLS 1.3; the master secret has a length of its own.
    let lengths: &[usize] = if which == Which::Master { &[MASTER] } else { &[32, 48] };
    let random = unhex(random, 32).and_then(|r| Random::try_from(&*r).ok());
    let secret = lengths.iter().find_map(|&n| unhex(secret, n));
    match (random, secret) {
        (Some(random), Some(secret)) => Line::Secret(random, which, secret),
        _ => Line::Malformed,
    }
}

/// Hex digits of exactly so many bytes.
fn unhex(text: &[u8], bytes: usize) -> Option<Secret> {
    if text.len() != 2 * bytes {
        return None;
    }
    let digit = |b: u8| char::from(b).to_digit(16).map(|d| d as u8);
    text.chunks_exact(2).map(|pair| Some(digit(pair[0])? << 4 | digit(pair[1])?)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(log: &str, limits: &Limits) -> (KeyLog, KeyCounts) {
        let (mut keys, mut counts) = (KeyLog::default(), KeyCounts::default());
        keys.read(log.as_bytes(), Source::Capture, limits, &mut counts);
        (keys, counts)
    }

    #[test]
    fn lines_of_a_key_log() {
        let (random, master, other) = ("ab".repeat(32), "01".repeat(48), "cd".repeat(32));
        let log = format!(
            "# made by a browser\r\nCLIENT_RANDOM {random} {master}\r\n\nCLIENT_TRAFFIC_SECRET_0 {other} {random}\n\
             SERVER_HANDSHAKE_TRAFFIC_SECRET {other} {master}\nEXPORTER_SECRET {other} {random}\n\
             CLIENT_RANDOM {random}\nCLIENT_RANDOM {random} {random}\nCLIENT_RANDOM zz {master}\nnonsense\n\
             CLIENT_RANDOM {random} {master} {master}\n"
        );
        let (keys, counts) = read(&log, &Limits::default());
        let expected = KeyCounts {
            sessions: [2, 0],
            taken: 3,
            other: 1,
            malformed: 5,
            dropped: 0,
            bytes: log.len() as u64,
            unread_bytes: 0,
        };
        assert_eq!(counts, expected);
        assert_eq!(keys.of(&[0xab; 32]).unwrap().master.as_deref(), Some(&[1; 48][..]));
        let other = keys.of(&[0xcd; 32]).unwrap();
        assert_eq!(other.traffic[0].as_deref(), Some(&[0xab; 32][..]));
        assert_eq!(other.handshake[1].as_deref(), Some(&[1; 48][..]));
        assert!(other.master.is_none() && other.traffic[1].is_none() && keys.of(&[0; 32]).is_none());
        assert_eq!(format!("{keys:?}"), "KeyLog");
    }

    #[test]
    fn sessions_are_bounded() {
        let mut limits = Limits::default();
        assert!(limits.set("max_tls_sessions", 3));
        let log: String = (0..10).map(|i| format!("CLIENT_RANDOM {i:064x} {:096x}\n", 7)).collect();
        let (keys, counts) = read(&log, &limits);
        assert_eq!((counts.sessions, counts.taken, counts.dropped), ([3, 0], 3, 7));
        assert!(!keys.is_empty() && read("", &limits).0.is_empty() && read("rubbish", &limits).0.is_empty());
    }
}
