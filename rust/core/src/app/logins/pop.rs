//! POP3 (RFC 1939): USER and PASS, APOP, AUTH (RFC 5034); STLS (RFC 2595) ends the reading.

use super::book::{Exposed, Protocol, Ticket};
use super::sasl::Sasl;
use super::{At, Talk, lines};
use crate::app::Step;
use std::collections::VecDeque;

/// Commands without a reply that are remembered.
const MAX_OPEN: usize = 64;

#[derive(Debug)]
enum Asked {
    Secret(Ticket),
    Auth,
    Stls,
    Other,
}

#[derive(Debug, Default)]
pub struct Pop {
    open: VecDeque<Asked>,
    user: Option<(String, u64)>,
    sasl: Option<Sasl>,
}

impl Pop {
    fn asked(&mut self, asked: Asked) {
        if self.open.len() >= MAX_OPEN {
            self.open.clear();
        }
        self.open.push_back(asked);
    }
}

impl Talk for Pop {
    fn client(&mut self, data: &[u8], at: &mut At<'_>) -> Step {
        let (line, used) = match lines::first(data) {
            Ok(found) => found,
            Err(step) => return step,
        };
        if Sasl::takes(&mut self.sasl, line, at) {
            return Step::Consumed(used);
        }
        let (verb, rest) = lines::word(line);
        if lines::is(verb, "USER") {
            self.user = Some((lines::user(lines::word(rest).0), at.ctx.frame));
            self.asked(Asked::Other);
        } else if lines::is(verb, "PASS") {
            let (user, frame) = self.user.take().map_or((None, at.ctx.frame), |(u, f)| (Some(u), f));
            let ticket = at.attempt((Protocol::Pop, "PASS", Exposed::Secret), user.as_deref(), frame);
            self.asked(Asked::Secret(ticket));
        } else if lines::is(verb, "APOP") {
            let user = lines::user(lines::word(rest).0);
            let ticket = at.attempt((Protocol::Pop, "APOP", Exposed::Hash), Some(&user), at.ctx.frame);
            self.asked(Asked::Secret(ticket));
        } else if lines::is(verb, "AUTH") && !rest.is_empty() {
            self.sasl = Some(Sasl::begin(Protocol::Pop, rest, at));
            self.asked(Asked::Auth);
        } else {
            self.asked(if lines::is(verb, "STLS") { Asked::Stls } else { Asked::Other });
        }
        Step::Consumed(used)
    }

    fn server(&mut self, data: &[u8], at: &mut At<'_>) -> Step {
        let (line, used) = match lines::first(data) {
            Ok(found) => found,
            Err(step) => return step,
        };
        let (status, _) = lines::word(line);
        let accepted = match () {
            () if lines::is(status, "+OK") => true,
            () if lines::is(status, "-ERR") => false,
            // `+` asks for more; other lines are parts of a list.
            () => return Step::Consumed(used),
        };
        match self.open.pop_front() {
            Some(Asked::Secret(ticket)) => {
                at.settle(ticket, accepted);
                at.over = accepted;
            }
            Some(Asked::Auth) => {
                if let Some(sasl) = self.sasl.take() {
                    sasl.done(accepted, at);
                    at.over = accepted;
                }
            }
            Some(Asked::Stls) => at.over = accepted,
            _ => {}
        }
        Step::Consumed(used)
    }

    fn gap(&mut self) {
        *self = Self::default();
    }
}
