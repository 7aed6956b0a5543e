//! IMAP (RFC 9051): LOGIN with its strings and literals, AUTHENTICATE; STARTTLS ends the reading.

use super::book::{Exposed, Protocol, Ticket};
use super::sasl::Sasl;
use super::{At, Talk, lines};
use crate::app::Step;
use std::collections::VecDeque;

/// Logins without a reply that are remembered.
const MAX_OPEN: usize = 32;
/// Longest literal of a login, bytes; longer ones are mails.
const MAX_LITERAL: usize = 1 << 10;

#[derive(Debug)]
enum Asked {
    Login(Ticket),
    Auth,
    Tls,
}

#[derive(Debug, Default)]
pub struct Imap {
    /// By tag.
    open: VecDeque<(Box<[u8]>, Asked)>,
    sasl: Option<Sasl>,
}

/// The size of the literal that a line ends with: `{5}` or `{5+}`.
fn literal(line: &[u8]) -> Option<usize> {
    let inner = line.strip_suffix(b"}")?;
    let open = inner.iter().rposition(|&b| b == b'{')?;
    let digits = inner.get(open + 1..)?;
    std::str::from_utf8(digits.strip_suffix(b"+").unwrap_or(digits)).ok()?.parse().ok()
}

/// The user in what stands behind LOGIN: a quoted string, a literal or an atom.
fn user_of(rest: &[u8]) -> Option<String> {
    let rest = rest.trim_ascii_start();
    match rest.first()? {
        b'"' => {
            let mut name = Vec::new();
            let mut bytes = rest.get(1..)?.iter();
            while let Some(&b) = bytes.next() {
                match b {
                    b'"' => return Some(lines::user(&name)),
                    b'\\' => name.extend(bytes.next()),
                    b => name.push(b),
                }
            }
            None
        }
        b'{' => {
            let (line, used) = lines::first(rest).ok()?;
            let size = literal(line)?;
            rest.get(used..used.checked_add(size)?).map(lines::user)
        }
        _ => Some(lines::user(lines::word(rest).0)),
    }
}

impl Imap {
    fn asked(&mut self, tag: &[u8], asked: Asked) {
        if self.open.len() >= MAX_OPEN {
            self.open.pop_front();
        }
        self.open.push_back((tag.get(..tag.len().min(64)).unwrap_or_default().into(), asked));
    }
}

impl Talk for Imap {
    fn client(&mut self, data: &[u8], at: &mut At<'_>) -> Step {
        let (line, mut used) = match lines::first(data) {
            Ok(found) => found,
            Err(step) => return step,
        };
        if Sasl::takes(&mut self.sasl, line, at) {
            return Step::Consumed(used);
        }
        let (tag, command) = lines::word(line);
        let (verb, rest) = lines::word(command);
        if lines::is(verb, "LOGIN") {
            // Each literal is followed by the rest of the line. Ends: every turn goes on by a line.
            let mut last = line;
            while let Some(size) = literal(last) {
                if size > MAX_LITERAL {
                    return Step::Consumed(used.saturating_add(size));
                }
                let behind = used + size;
                match lines::first(data.get(behind..).unwrap_or_default()) {
                    Ok((line, more)) => (last, used) = (line, behind + more),
                    Err(_) => return Step::Need(data.len().max(behind) + 1),
                }
            }
            let command = data.get(tag.len()..used).unwrap_or_default().trim_ascii_start();
            let user = user_of(command.get(verb.len()..).unwrap_or_default());
            let kind = (Protocol::Imap, "LOGIN", Exposed::Secret);
            let ticket = at.attempt(kind, user.as_deref(), at.ctx.frame);
            self.asked(tag, Asked::Login(ticket));
        } else if lines::is(verb, "AUTHENTICATE") {
            self.sasl = Some(Sasl::begin(Protocol::Imap, rest, at));
            self.asked(tag, Asked::Auth);
        } else if lines::is(verb, "STARTTLS") {
            self.asked(tag, Asked::Tls);
        } else if let Some(size) = literal(line) {
            // A mail or a name: passed over.
            return Step::Consumed(used.saturating_add(size));
        }
        Step::Consumed(used)
    }

    fn server(&mut self, data: &[u8], at: &mut At<'_>) -> Step {
        let (line, used) = match lines::first(data) {
            Ok(found) => found,
            Err(step) => return step,
        };
        let (tag, rest) = lines::word(line);
        let (status, _) = lines::word(rest);
        let accepted = match () {
            () if lines::is(status, "OK") => true,
            () if lines::is(status, "NO") || lines::is(status, "BAD") => false,
            () => return Step::Consumed(used),
        };
        let Some(place) = self.open.iter().position(|(t, _)| **t == *tag) else { return Step::Consumed(used) };
        match self.open.remove(place) {
            Some((_, Asked::Login(ticket))) => {
                at.settle(ticket, accepted);
                at.over = accepted;
            }
            Some((_, Asked::Auth)) => {
                if let Some(sasl) = self.sasl.take() {
                    sasl.done(accepted, at);
                    at.over = accepted;
                }
            }
            Some((_, Asked::Tls)) => at.over = accepted,
            None => {}
        }
        Step::Consumed(used)
    }

    fn gap(&mut self) {
        *self = Self::default();
    }
}
