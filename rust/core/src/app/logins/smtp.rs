//! SMTP AUTH (RFC 4954). Mails (DATA, BDAT) are passed over; STARTTLS (RFC 3207) ends the reading.

use super::book::Protocol;
use super::sasl::Sasl;
use super::{At, Talk, lines};
use crate::app::Step;

#[derive(Debug, Default)]
pub struct Smtp {
    sasl: Option<Sasl>,
    data_asked: bool,
    in_data: bool,
    tls_asked: bool,
}

impl Talk for Smtp {
    fn client(&mut self, data: &[u8], at: &mut At<'_>) -> Step {
        let (line, used) = match lines::first(data) {
            Ok(found) => found,
            Err(step) => return step,
        };
        if self.in_data {
            self.in_data = line != b".";
            return Step::Consumed(used);
        }
        if Sasl::takes(&mut self.sasl, line, at) {
            return Step::Consumed(used);
        }
        let (verb, rest) = lines::word(line);
        if lines::is(verb, "AUTH") {
            self.sasl = Some(Sasl::begin(Protocol::Smtp, rest, at));
        } else if lines::is(verb, "DATA") {
            self.data_asked = true;
        } else if lines::is(verb, "STARTTLS") {
            self.tls_asked = true;
        } else if lines::is(verb, "BDAT") {
            let bytes = std::str::from_utf8(lines::word(rest).0).ok().and_then(|n| n.parse::<u32>().ok());
            return Step::Consumed(used + bytes.unwrap_or(0) as usize);
        }
        Step::Consumed(used)
    }

    fn server(&mut self, data: &[u8], at: &mut At<'_>) -> Step {
        let (line, used) = match lines::first(data) {
            Ok(found) => found,
            Err(step) => return step,
        };
        let Some((code, false)) = lines::reply(line) else { return Step::Consumed(used) };
        match code {
            334 => {}
            354 => self.in_data = std::mem::take(&mut self.data_asked),
            220 if self.tls_asked => at.over = true,
            235 => {
                if let Some(sasl) = self.sasl.take() {
                    sasl.done(true, at);
                }
                at.over = true;
            }
            432 | 454 | 500.. => {
                (self.data_asked, self.tls_asked) = (false, false);
                if let Some(sasl) = self.sasl.take() {
                    sasl.done(false, at);
                }
            }
            _ => {}
        }
        Step::Consumed(used)
    }

    fn gap(&mut self) {
        *self = Self::default();
    }
}
