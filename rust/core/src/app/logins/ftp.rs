//! FTP (RFC 959): USER and PASS, and what the server replies to them; AUTH TLS (RFC 4217) ends the reading.

use super::book::{Exposed, Protocol, Ticket};
use super::{At, Talk, lines};
use crate::app::Step;
use std::collections::VecDeque;

/// Commands without a reply that are remembered: more are sent by no client.
const MAX_OPEN: usize = 64;

#[derive(Debug)]
enum Asked {
    User,
    Pass(Ticket),
    Auth,
    Other,
}

#[derive(Debug, Default)]
pub struct Ftp {
    open: VecDeque<Asked>,
    /// Code of the reply of several lines at hand.
    long: Option<u16>,
    user: Option<(String, u64)>,
}

impl Talk for Ftp {
    fn client(&mut self, data: &[u8], at: &mut At<'_>) -> Step {
        let (line, used) = match lines::first(data) {
            Ok(found) => found,
            Err(step) => return step,
        };
        let (verb, rest) = lines::word(line);
        let asked = if lines::is(verb, "USER") {
            self.user = Some((lines::user(rest), at.ctx.frame));
            Asked::User
        } else if lines::is(verb, "PASS") {
            let (user, frame) = self.user.as_ref().map_or((None, at.ctx.frame), |(u, f)| (Some(u.as_str()), *f));
            Asked::Pass(at.attempt((Protocol::Ftp, "PASS", Exposed::Secret), user, frame))
        } else if lines::is(verb, "AUTH") {
            Asked::Auth
        } else {
            Asked::Other
        };
        if self.open.len() >= MAX_OPEN {
            self.gap();
        }
        self.open.push_back(asked);
        Step::Consumed(used)
    }

    fn server(&mut self, data: &[u8], at: &mut At<'_>) -> Step {
        let (line, used) = match lines::first(data) {
            Ok(found) => found,
            Err(step) => return step,
        };
        // A long reply ends at the line with its own code and a space (RFC 959 4.2); 1yz is not the last word.
        let code = match (lines::reply(line), self.long) {
            (Some((code, true)), None) => {
                self.long = Some(code);
                return Step::Consumed(used);
            }
            (Some((code, false)), long) if long.is_none_or(|l| l == code) => code,
            _ => return Step::Consumed(used),
        };
        self.long = None;
        if code < 200 {
            return Step::Consumed(used);
        }
        match self.open.pop_front() {
            Some(Asked::Pass(ticket)) => {
                at.settle(ticket, code < 400);
                at.over = code < 400 && code != 332;
            }
            // No password was asked for, or the name alone was refused.
            Some(Asked::User) if !(300..500).contains(&code) => {
                if let Some((user, frame)) = self.user.take() {
                    let ticket = at.attempt((Protocol::Ftp, "USER", Exposed::Name), Some(&user), frame);
                    at.settle(ticket, code < 300);
                    at.over = code < 300;
                }
            }
            Some(Asked::Auth) => at.over = code == 234,
            _ => {}
        }
        Step::Consumed(used)
    }

    fn gap(&mut self) {
        *self = Self::default();
    }
}
