//! Telnet (RFC 854): what is typed behind the prompts for a name and a password, and what the server says to it.

use super::book::{Exposed, Protocol, Ticket};
use super::{At, Talk, lines};
use crate::app::Step;

const IAC: u8 = 0xff;
const SB: u8 = 0xfa;
const SE: u8 = 0xf0;
/// Characters of a line looked at.
const MAX_LINE: usize = 200;
/// Lines of the server behind a password that are waited for an outcome.
const MAX_LINES: u8 = 40;
const NAMES: [&str; 7] = ["login:", "username:", "user:", "user name:", "login name:", "userid:", "account:"];
const SECRETS: [&str; 4] = ["password", "passwd", "passcode", "passphrase"];
const REFUSALS: [&str; 9] = [
    "incorrect",
    "login failed",
    "failure",
    "denied",
    "invalid",
    "bad password",
    "bad secret",
    "% error",
    "not allowed",
];

/// Takes commands of the protocol out of the bytes.
#[derive(Debug, Default)]
enum Plain {
    #[default]
    Text,
    Command,
    Option,
    Inside,
    InsideCommand,
}

impl Plain {
    /// The byte if it is text.
    fn next(&mut self, byte: u8) -> Option<u8> {
        let (next, text) = match (&*self, byte) {
            (Self::Text, IAC) => (Self::Command, None),
            (Self::Text, b) => (Self::Text, Some(b)),
            (Self::Command, IAC) => (Self::Text, Some(IAC)),
            (Self::Command, SB) => (Self::Inside, None),
            // WILL, WONT, DO, DONT name an option.
            (Self::Command, 0xfb..=0xfe) => (Self::Option, None),
            (Self::Command | Self::Option, _) => (Self::Text, None),
            (Self::Inside, IAC) => (Self::InsideCommand, None),
            (Self::Inside, _) => (Self::Inside, None),
            (Self::InsideCommand, SE) => (Self::Text, None),
            (Self::InsideCommand, _) => (Self::Inside, None),
        };
        *self = next;
        text
    }
}

/// What the client is typing.
#[derive(Debug, Default, PartialEq)]
enum Typing {
    #[default]
    Anything,
    Name,
    Secret,
}

#[derive(Debug, Default)]
pub struct Telnet {
    plain: [Plain; 2],
    /// Text since the last end of a line, lower case.
    line: String,
    typing: Typing,
    name: Vec<u8>,
    user: Option<(String, u64)>,
    /// The client's last character was a carriage return: a line feed is the rest of the same end of line.
    returned: bool,
    open: Option<Ticket>,
    lines: u8,
}

impl Telnet {
    fn settle(&mut self, accepted: bool, at: &mut At<'_>) {
        if let Some(ticket) = self.open.take() {
            at.settle(ticket, accepted);
        }
    }

    /// A finished or open line of the server, while an outcome is waited for.
    fn heard(&mut self, at: &mut At<'_>) {
        if self.open.is_none() {
            return;
        }
        let line = self.line.trim_end();
        if line.contains("last login") || line.starts_with("welcome") {
            self.settle(true, at);
        } else if REFUSALS.iter().any(|word| line.contains(word)) {
            self.settle(false, at);
        }
    }

    /// The open line may be a prompt.
    fn prompt(&mut self, at: &mut At<'_>) {
        let line = self.line.trim_end();
        let question = line.ends_with(':');
        if question && SECRETS.iter().any(|word| line.contains(word)) {
            self.settle(false, at);
            self.typing = Typing::Secret;
        } else if question && NAMES.iter().any(|name| line.ends_with(name)) && !line.ends_with("last login:") {
            self.settle(false, at);
            self.typing = Typing::Name;
            self.name.clear();
        } else if line.ends_with(['$', '#', '>', '%']) {
            if self.open.is_none()
                && self.typing == Typing::Anything
                && let Some((user, frame)) = self.user.take()
            {
                // Nobody asked for a password.
                self.open = Some(at.attempt((Protocol::Telnet, "login", Exposed::Name), Some(&user), frame));
            }
            self.settle(true, at);
        }
    }
}

impl Talk for Telnet {
    fn client(&mut self, data: &[u8], at: &mut At<'_>) -> Step {
        for &byte in data {
            let Some(byte) = self.plain[0].next(byte) else { continue };
            if std::mem::replace(&mut self.returned, byte == b'\r') && matches!(byte, b'\n' | 0) {
                continue;
            }
            let end = matches!(byte, b'\r' | b'\n');
            match (&self.typing, byte) {
                (Typing::Anything, _) => {}
                (Typing::Name, 0x08 | 0x7f) => _ = self.name.pop(),
                (Typing::Name, b) if !end && b != 0 => self.name.extend((self.name.len() < MAX_LINE).then_some(b)),
                (Typing::Name, _) if end && !self.name.is_empty() => {
                    self.user = Some((lines::user(&self.name), at.ctx.frame));
                    self.name.clear();
                    self.typing = Typing::Anything;
                }
                // The characters are the secret: passed over.
                (Typing::Secret, _) if end => {
                    self.typing = Typing::Anything;
                    let (user, frame) = self.user.take().map_or((None, at.ctx.frame), |(u, f)| (Some(u), f));
                    let kind = (Protocol::Telnet, "password", Exposed::Secret);
                    self.open = Some(at.attempt(kind, user.as_deref(), frame));
                    self.lines = 0;
                }
                _ => {}
            }
            if end {
                // What the server says now is an answer, not the rest of the prompt.
                self.line.clear();
            }
        }
        Step::Consumed(data.len())
    }

    fn server(&mut self, data: &[u8], at: &mut At<'_>) -> Step {
        for &byte in data {
            let Some(byte) = self.plain[1].next(byte) else { continue };
            if matches!(byte, b'\r' | b'\n') {
                if !self.line.is_empty() {
                    self.heard(at);
                    self.line.clear();
                    self.lines = self.lines.saturating_add(1);
                    if self.lines > MAX_LINES {
                        self.open = None;
                    }
                }
            } else if (byte.is_ascii_graphic() || byte == b' ') && self.line.len() < MAX_LINE {
                self.line.push(byte.to_ascii_lowercase() as char);
            }
        }
        self.heard(at);
        self.prompt(at);
        Step::Consumed(data.len())
    }

    fn gap(&mut self) {
        *self = Self::default();
    }
}
