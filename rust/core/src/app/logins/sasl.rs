//! SASL (RFC 4422) as text protocols carry it: which mechanism, which user, where the credentials are complete.

use super::book::{Exposed, Protocol, Ticket};
use super::{At, lines};
use crate::app::http::secret::ntlm_user;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Plain,
    Login,
    Challenge,
    DigestMd5,
    Scram,
    Ntlm,
    Bearer,
    Other,
}

/// Mechanisms with the name they are told by, what they let be read, and how their answers look.
#[rustfmt::skip]
const MECHANISMS: [(&str, Exposed, Kind); 13] = [
    ("PLAIN", Exposed::Secret, Kind::Plain),
    ("LOGIN", Exposed::Secret, Kind::Login),
    ("CRAM-MD5", Exposed::Hash, Kind::Challenge),
    ("DIGEST-MD5", Exposed::Hash, Kind::DigestMd5),
    ("SCRAM-SHA-1", Exposed::Hash, Kind::Scram),
    ("SCRAM-SHA-1-PLUS", Exposed::Hash, Kind::Scram),
    ("SCRAM-SHA-256", Exposed::Hash, Kind::Scram),
    ("SCRAM-SHA-256-PLUS", Exposed::Hash, Kind::Scram),
    ("NTLM", Exposed::Hash, Kind::Ntlm),
    ("XOAUTH2", Exposed::Secret, Kind::Bearer),
    ("OAUTHBEARER", Exposed::Secret, Kind::Bearer),
    ("GSSAPI", Exposed::Name, Kind::Other),
    ("EXTERNAL", Exposed::Name, Kind::Other),
];

/// One exchange.
#[derive(Debug)]
pub struct Sasl {
    protocol: Protocol,
    method: &'static str,
    exposed: Exposed,
    kind: Kind,
    turn: u8,
    user: Option<String>,
    begun: u64,
    ticket: Option<Ticket>,
}

impl Sasl {
    /// `mechanism` as the client named it.
    pub fn new(protocol: Protocol, mechanism: &[u8], at: &At<'_>) -> Self {
        let known = MECHANISMS.iter().find(|m| lines::is(mechanism, m.0));
        let &(method, exposed, kind) = known.unwrap_or(&("other", Exposed::Name, Kind::Other));
        Self { protocol, method, exposed, kind, turn: 0, user: None, begun: at.ctx.frame, ticket: None }
    }

    /// The words behind the command that names it: the mechanism, and with some the first answer.
    pub fn begin(protocol: Protocol, words: &[u8], at: &mut At<'_>) -> Self {
        let (mechanism, first) = lines::word(words);
        let mut sasl = Self::new(protocol, mechanism, at);
        if !first.is_empty() {
            sasl.line(first, at);
        }
        sasl
    }

    /// A line of the client while an exchange is open; `*` gives it up. False: none is open.
    pub fn takes(open: &mut Option<Self>, line: &[u8], at: &mut At<'_>) -> bool {
        let Some(sasl) = open else { return false };
        if line == b"*" {
            *open = None;
        } else {
            sasl.line(line, at);
        }
        true
    }

    /// A line of the client in answer to the server; `=` is an empty one.
    pub fn line(&mut self, line: &[u8], at: &mut At<'_>) {
        self.answer(&lines::base64(line), at);
    }

    /// The same, decoded.
    pub fn answer(&mut self, bytes: &[u8], at: &mut At<'_>) {
        let turn = self.turn;
        self.turn = turn.saturating_add(1);
        let (name, complete) = match self.kind {
            Kind::Plain => (plain_user(bytes), true),
            Kind::Login if turn == 0 => (Some(lines::user(bytes)), false),
            Kind::Login => (None, true),
            // RFC 2195: user, space, digest.
            Kind::Challenge => {
                let end = bytes.iter().rposition(|&b| b == b' ');
                (end.and_then(|n| bytes.get(..n)).map(lines::user), true)
            }
            Kind::DigestMd5 => {
                let user = between(bytes, b"username=\"", b'"');
                (user.map(lines::user), user.is_some())
            }
            // RFC 5802 7: n=user in the first message, the proof in the second.
            Kind::Scram => (between(bytes, b",n=", b',').map(lines::user), turn > 0),
            Kind::Ntlm => {
                let user = ntlm_user(bytes);
                let complete = user.is_some();
                (user, complete)
            }
            Kind::Bearer => {
                let user = between(bytes, b"user=", 1).or_else(|| between(bytes, b",a=", b','));
                (user.map(lines::user), true)
            }
            Kind::Other => (None, true),
        };
        if self.user.is_none() {
            self.user = name.filter(|u| !u.is_empty());
        }
        if complete {
            self.record(self.exposed, at);
        }
    }

    fn record(&mut self, exposed: Exposed, at: &mut At<'_>) {
        if self.ticket.is_none() {
            let kind = (self.protocol, self.method, exposed);
            self.ticket = Some(at.attempt(kind, self.user.as_deref(), self.begun));
        }
    }

    /// The server's last word.
    pub fn done(mut self, accepted: bool, at: &mut At<'_>) {
        if self.user.is_some() {
            // Refused by the name alone, before the secret.
            self.record(Exposed::Name, at);
        }
        if let Some(ticket) = self.ticket {
            at.settle(ticket, accepted);
        }
    }
}

/// RFC 4616: identity to act as, user, password, NUL between them. With fewer parts it is not sure which is which.
pub fn plain_user(bytes: &[u8]) -> Option<String> {
    let mut parts = bytes.split(|&b| b == 0);
    let (_, user, secret) = (parts.next(), parts.next(), parts.next());
    user.filter(|_| secret.is_some()).map(lines::user)
}

/// What stands between a word and a byte behind it, or the end.
fn between<'a>(bytes: &'a [u8], word: &[u8], end: u8) -> Option<&'a [u8]> {
    let start = bytes.windows(word.len()).position(|w| w == word)? + word.len();
    bytes.get(start..)?.split(|&b| b == end).next()
}
