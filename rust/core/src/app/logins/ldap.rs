//! LDAP binds (RFC 4511 4.2): simple ones and SASL, with the result; StartTLS and security layers end the reading.

use super::book::{Exposed, Protocol, Ticket};
use super::{At, Talk, ber, lines};
use crate::app::Step;
use crate::app::http::secret::ntlm_user;
use std::collections::VecDeque;

/// Binds without a response that are remembered.
const MAX_OPEN: usize = 32;
const SEQUENCE: u8 = 0x30;
const BIND_REQUEST: u8 = 0x60;
const BIND_RESPONSE: u8 = 0x61;
const SUCCESS: i64 = 0;
const IN_PROGRESS: i64 = 14;
/// Longest message read for a bind, bytes.
const MAX_MESSAGE: usize = 48 << 10;

#[derive(Debug, Default)]
pub struct Ldap {
    open: VecDeque<(i64, Ticket)>,
}

/// (message id, tag of the operation, its content).
fn operation(message: &[u8]) -> Option<(i64, u8, &[u8])> {
    let (body, _) = ber::tagged(message, SEQUENCE)?;
    let (id, rest) = ber::tagged(body, 2)?;
    let (tag, content, _) = ber::value(rest)?;
    Some((ber::integer(id)?, tag, content))
}

impl Ldap {
    fn bind(&mut self, id: i64, content: &[u8], at: &mut At<'_>) -> Option<()> {
        let (_, rest) = ber::tagged(content, 2)?;
        let (name, rest) = ber::tagged(rest, 4)?;
        let (choice, secret, _) = ber::value(rest)?;
        let (kind, user) = match choice {
            // Nobody in particular (RFC 4513 5.1.1), or a name that proves nothing (5.1.2).
            0x80 if name.is_empty() && secret.is_empty() => return None,
            0x80 if secret.is_empty() => (("simple", Exposed::Name), Some(lines::user(name))),
            0x80 => (("simple", Exposed::Secret), Some(lines::user(name))),
            0xa3 => {
                let (mechanism, rest) = ber::tagged(secret, 4)?;
                let credentials = ber::tagged(rest, 4).map_or(&[][..], |c| c.0);
                sasl(mechanism, credentials)?
            }
            // Microsoft's sicily: package discovery, negotiation, response.
            0x8a | 0x8b => (("NTLM", Exposed::Hash), Some(ntlm_user(secret)?)),
            _ => return None,
        };
        let ticket = at.attempt((Protocol::Ldap, kind.0, kind.1), user.as_deref(), at.ctx.frame);
        if self.open.len() >= MAX_OPEN {
            self.open.pop_front();
        }
        self.open.push_back((id, ticket));
        Some(())
    }

    fn result(&mut self, id: i64, content: &[u8], at: &mut At<'_>) {
        let code = ber::tagged(content, 10).and_then(|(code, _)| ber::integer(code));
        let Some(code) = code.filter(|&c| c != IN_PROGRESS) else { return };
        if let Some(place) = self.open.iter().position(|o| o.0 == id)
            && let Some((_, ticket)) = self.open.remove(place)
        {
            at.settle(ticket, code == SUCCESS);
        }
    }
}

/// What a SASL bind shows; None where its step names nobody yet.
fn sasl(mechanism: &[u8], credentials: &[u8]) -> Option<((&'static str, Exposed), Option<String>)> {
    if let Some(user) = ntlm_user(credentials) {
        return Some((("NTLM", Exposed::Hash), Some(user)));
    }
    if lines::is(mechanism, "PLAIN") {
        return Some((("PLAIN", Exposed::Secret), super::sasl::plain_user(credentials)));
    }
    if lines::is(mechanism, "DIGEST-MD5") {
        let word = b"username=\"";
        let start = credentials.windows(word.len()).position(|w| w == word)? + word.len();
        let user = credentials.get(start..)?.split(|&b| b == b'"').next();
        return Some((("DIGEST-MD5", Exposed::Hash), user.map(lines::user)));
    }
    // A Kerberos ticket names nobody in the clear.
    let first = lines::is(mechanism, "GSSAPI") || lines::is(mechanism, "GSS-SPNEGO");
    let kerberos = credentials.windows(11).any(|w| w == [0x06, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x12, 1, 2, 2]);
    (first && kerberos).then_some((("Kerberos", Exposed::Name), None))
}

impl Talk for Ldap {
    fn client(&mut self, data: &[u8], at: &mut At<'_>) -> Step {
        if data.first() != Some(&SEQUENCE) {
            return Step::Lost;
        }
        let size = match ber::size(data) {
            Ok(size) => size,
            Err(step) => return step,
        };
        if data.len() < size && size <= MAX_MESSAGE {
            return Step::Need(size);
        }
        if let Some((id, BIND_REQUEST, content)) = operation(data) {
            self.bind(id, content, at);
        }
        Step::Consumed(size)
    }

    fn server(&mut self, data: &[u8], at: &mut At<'_>) -> Step {
        if data.first() != Some(&SEQUENCE) {
            return Step::Lost;
        }
        let size = match ber::size(data) {
            Ok(size) => size,
            Err(step) => return step,
        };
        // Results of searches are long and say nothing here.
        if data.len() < size && size <= MAX_MESSAGE && data.len() < 32 {
            return Step::Need(size.min(32));
        }
        if let Some((id, BIND_RESPONSE, content)) = opened(data) {
            if data.len() < size && size <= MAX_MESSAGE {
                return Step::Need(size);
            }
            self.result(id, operation(data).map_or(content, |o| o.2), at);
        }
        Step::Consumed(size)
    }

    fn gap(&mut self) {
        self.open.clear();
    }
}

/// As [`operation`], of a message of which the end may be missing.
fn opened(data: &[u8]) -> Option<(i64, u8, &[u8])> {
    let start = 2 + data.get(1).filter(|&&n| n & 0x80 != 0).map_or(0, |n| (n & 0x7f) as usize);
    let (id, rest) = ber::tagged(data.get(start..)?, 2)?;
    Some((ber::integer(id)?, *rest.first()?, &[]))
}
