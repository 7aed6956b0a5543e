//! One connection whose secrets are known: which keys each direction has, and when they change.

use super::derive;
use super::keylog::{KeyLog, Random, Secret, Source};
use super::opener::{Opener, Sealed};
use super::suite::Suite;
use crate::app::tls::content;

const TLS13: u16 = 0x0304;

/// A direction, by sender.
#[derive(Default)]
struct Side {
    opener: Option<Opener>,
    /// TLS 1.3: the secret of the keys at hand, for a key update; and the one that follows the handshake.
    secret: Option<Secret>,
    next: Option<Secret>,
    /// Some record was opened with the keys at hand.
    opened: bool,
    /// TLS 1.2 and before: the reader of the connection has come to the change of cipher, and leaves what follows to the
    /// reader that opens it.
    left: bool,
    /// Wireshark, which reads segments as they come, has missed a record: it can open none behind it.
    unshown: bool,
    last_frame: u64,
}

/// What became of a record.
pub enum Opened {
    /// No keys for it (yet): it is what it looks like.
    Closed,
    /// Content type and content.
    Record(u8, Vec<u8>),
    /// It is not what the keys sealed, or something before it is missing: nothing of this direction is opened any more.
    Failed,
}

/// The secrets of a connection at work.
pub struct Session {
    client_random: Random,
    server_random: Random,
    suite: Option<(Suite, u16)>,
    encrypt_then_mac: bool,
    /// By sender: client, server.
    sides: [Side; 2],
    /// The client may send early data in front of its handshake, under keys of its own.
    early_data: bool,
    /// It is counted as decrypted.
    pub counted: bool,
    pub source: Option<Source>,
}

impl std::fmt::Debug for Session {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Session")
    }
}

impl Session {
    /// A client hello came. Keys at hand stay until they are changed.
    pub fn hello(known: Option<Box<Self>>, random: Random, early_data: bool) -> Box<Self> {
        let mut session = known.unwrap_or_else(|| {
            Box::new(Self {
                client_random: random,
                server_random: [0; 32],
                suite: None,
                encrypt_then_mac: false,
                sides: Default::default(),
                early_data,
                counted: false,
                source: None,
            })
        });
        (session.client_random, session.early_data) = (random, early_data);
        session
    }

    /// The server chose. False: the records cannot be opened, the session is of no use.
    pub fn chosen(&mut self, keys: &KeyLog, random: Random, cipher: u16, version: u16, encrypt_then_mac: bool) -> bool {
        let Some(suite) = Suite::of(cipher, version) else { return false };
        (self.server_random, self.suite, self.encrypt_then_mac) = (random, Some((suite, version)), encrypt_then_mac);
        if version != TLS13 {
            return true;
        }
        let Some(secrets) = keys.of(&self.client_random) else { return false };
        self.source = Some(secrets.source);
        for (side, (handshake, traffic)) in
            self.sides.iter_mut().zip(secrets.handshake.iter().zip(secrets.traffic.iter()))
        {
            *side = Side { unshown: side.unshown, last_frame: side.last_frame, ..Side::default() };
            side.next.clone_from(traffic);
            if let Some(secret) = handshake {
                side.change(suite, secret.clone());
            }
        }
        self.sides.iter().any(|s| s.opener.is_some())
    }

    /// A change of cipher by one side (TLS 1.2 and before). False: its secret is not known.
    pub fn change_cipher(&mut self, keys: &KeyLog, from_server: bool) -> bool {
        let Some((suite, version)) = self.suite.filter(|s| s.1 != TLS13) else { return true };
        let Some((secrets, master)) = keys.of(&self.client_random).and_then(|s| Some((s, s.master.as_ref()?))) else {
            return false;
        };
        let (mac, key, iv) = suite.lengths(version);
        let block =
            derive::key_block(suite.hash, master, &self.client_random, &self.server_random, 2 * (mac + key + iv));
        let opener = block.and_then(|b| Opener::of_key_block(suite, version, &b, from_server, self.encrypt_then_mac));
        self.source = Some(secrets.source);
        let side = &mut self.sides[from_server as usize];
        (side.opener, side.opened) = (opener, false);
        side.opener.is_some()
    }

    /// A Finished of TLS 1.3: its sender goes over to the keys of application data (RFC 8446 7.1).
    pub fn finished(&mut self, from_server: bool) {
        let Some((suite, TLS13)) = self.suite else { return };
        let side = &mut self.sides[from_server as usize];
        match side.next.take() {
            Some(secret) => side.change(suite, secret),
            None => side.opener = None,
        }
    }

    /// A KeyUpdate (RFC 8446 4.6.3): its sender goes over to the next keys.
    pub fn key_update(&mut self, from_server: bool) {
        let Some((suite, TLS13)) = self.suite else { return };
        let side = &mut self.sides[from_server as usize];
        let next = side.secret.as_ref().and_then(|s| derive::expand(suite.hash, s, "traffic upd", s.len()));
        match next {
            Some(secret) => side.change(suite, secret.into()),
            None => side.opener = None,
        }
    }

    /// The reader of the connection is at a change of cipher. False: its secret is not known.
    pub fn leave(&mut self, keys: &KeyLog, from_server: bool) -> bool {
        let known = keys.of(&self.client_random).is_some_and(|s| s.master.is_some());
        let before_tls13 = self.suite.is_some_and(|s| s.1 != TLS13);
        self.sides[from_server as usize].left |= before_tls13 && known;
        known || !before_tls13
    }

    /// Whether a record is another reader's, which opens it; and then, whether Wireshark opens it, too.
    pub fn left(&self, kind: u8, from_server: bool) -> Option<bool> {
        let side = &self.sides[from_server as usize];
        let left = match self.suite {
            Some((_, TLS13)) => side.opener.is_some() && kind == content::APPLICATION_DATA,
            _ => side.left,
        };
        left.then_some(!side.unshown)
    }

    /// Whether a record of that type is sealed, by the keys known of its sender.
    pub fn opens(&self, kind: u8, from_server: bool) -> bool {
        let tls13 = self.suite.is_some_and(|s| s.1 == TLS13);
        self.sides[from_server as usize].opener.is_some() && (!tls13 || kind == content::APPLICATION_DATA)
    }

    /// Opens a record. `in_order`: Wireshark has read it in its place, too.
    pub fn open(&mut self, record: &Sealed<'_>, from_server: bool, frame: u64, in_order: bool) -> Opened {
        let Some((_, version)) = self.suite else { return Opened::Closed };
        let side = &mut self.sides[from_server as usize];
        let Some(opener) = side.opener.as_mut() else { return Opened::Closed };
        // Wireshark has not read this record in its place, and can open none behind it.
        side.unshown |= !in_order || frame < side.last_frame;
        side.last_frame = side.last_frame.max(frame);
        let opened = match version {
            TLS13 => opener.open_tls13(record),
            // The version of the MAC is the one agreed on, which a record of one's own has, too.
            _ => opener.open(record).map(|text| (record.kind, text)),
        };
        match opened {
            Some((kind, text)) => {
                side.opened = true;
                Opened::Record(kind, text)
            }
            // Data sent before the handshake was over: under keys that are not at hand (RFC 8446 4.2.10).
            None if self.early_data && version == TLS13 && !from_server && !side.opened => Opened::Closed,
            None => {
                (side.opener, side.left) = (None, false);
                Opened::Failed
            }
        }
    }

    /// Wireshark shows what the side's last record holds.
    pub fn is_shown(&self, from_server: bool) -> bool {
        !self.sides[from_server as usize].unshown
    }

    /// Records of that side are missing. True: it was being opened, and cannot be any more.
    pub fn lost(&mut self, from_server: bool) -> bool {
        let side = &mut self.sides[from_server as usize];
        (side.next, side.secret, side.left) = (None, None, false);
        side.opener.take().is_some()
    }
}

impl Side {
    fn change(&mut self, suite: Suite, secret: Secret) {
        self.opener = Opener::of_secret(suite, &secret);
        (self.secret, self.opened) = (Some(secret), false);
    }
}
