//! Logins that cross the wire without encryption: that one happened, by which protocol and user, with which outcome.
//!
//! Secrets are looked at where they have to be told from other bytes and are kept nowhere, nor what could be guessed from
//! them: no password, no community, no answer to a challenge, no length of any. HTTP and SIP have readers of their own.

mod ber;
mod book;
mod ftp;
mod imap;
mod kerberos;
mod ldap;
mod lines;
mod ntlm;
mod pop;
mod sasl;
mod smtp;
mod snmp;
mod telnet;
#[cfg(test)]
mod tests;

use super::table::Recent;
use super::{App, Context, Output, Report, Step, tls};
use crate::addr::IpAddr;
use crate::limits::Limits;
use book::{Book, Exposed, Protocol, Ticket};
use std::sync::Arc;

const TCP: &[u16] = &[21, 23, 25, 88, 110, 139, 143, 389, 445, 587, 2121, 2323, 2525, 3268];
const UDP: &[u16] = &[88, 161, 162];

/// One address and port.
type End = (IpAddr, u16);

/// A message and its ends, for those who read logins out of it.
struct At<'a> {
    book: &'a mut Book,
    ctx: &'a Context,
    client: End,
    server: End,
    /// The frame at hand counts.
    counts: bool,
    /// Nothing of interest can follow on this stream.
    over: bool,
}

impl At<'_> {
    /// A login was tried, with this frame. `first_frame`: where it began, if earlier.
    fn attempt(&mut self, kind: (Protocol, &'static str, Exposed), user: Option<&str>, first_frame: u64) -> Ticket {
        if !self.counts {
            return Ticket::none(kind.0);
        }
        self.book.attempt(self.ctx, self.client, self.server, kind, user, first_frame)
    }

    /// The server answered it.
    fn settle(&mut self, ticket: Ticket, accepted: bool) {
        self.book.settle(ticket, accepted, self.ctx.frame);
    }
}

/// A stream of one protocol, read from both ends in the order of the capture.
trait Talk: Send {
    /// Readable bytes of the client, from the start of a message on.
    fn client(&mut self, data: &[u8], at: &mut At<'_>) -> Step;
    /// The same of the server.
    fn server(&mut self, data: &[u8], at: &mut At<'_>) -> Step;
    /// Bytes are missing: what was waited for may have come.
    fn gap(&mut self);
}

struct Session {
    server: End,
    talk: Box<dyn Talk>,
    over: bool,
}

/// Logins of a pass.
pub struct Logins {
    book: Book,
    sessions: Recent<u32, Session>,
    kerberos: kerberos::Waiting,
    ntlm: ntlm::Search,
}

impl Logins {
    pub fn new(limits: &Limits) -> Self {
        Self {
            book: Book::new(limits),
            sessions: Recent::new(limits.max_app_streams),
            kerberos: kerberos::Waiting::new(limits.max_app_keys),
            ntlm: ntlm::Search::new(),
        }
    }

    fn begin(&mut self, ctx: &Context) -> Option<Session> {
        let port = |p: u16| TCP.contains(&p);
        let server = match (port(ctx.src_port), port(ctx.dst_port)) {
            (true, false) => (ctx.src, ctx.src_port),
            (false, true) => (ctx.dst, ctx.dst_port),
            _ if ctx.to_client => (ctx.src, ctx.src_port),
            _ => (ctx.dst, ctx.dst_port),
        };
        let talk: Box<dyn Talk> = match server.1 {
            21 | 2121 => Box::<ftp::Ftp>::default(),
            23 | 2323 => Box::<telnet::Telnet>::default(),
            25 | 587 | 2525 => Box::<smtp::Smtp>::default(),
            110 => Box::<pop::Pop>::default(),
            143 => Box::<imap::Imap>::default(),
            389 | 3268 => Box::<ldap::Ldap>::default(),
            139 | 445 => Box::<ntlm::Smb>::default(),
            _ => return None,
        };
        Some(Session { server, talk, over: false })
    }
}

/// What the greeting of a server on another port says it speaks.
fn by_greeting(data: &[u8]) -> Option<Box<dyn Talk>> {
    let line = data.get(..data.len().min(200)).unwrap_or_default();
    let line = line.split(|&b| b == b'\n').next().unwrap_or_default().to_ascii_lowercase();
    let says = |word: &str| line.windows(word.len()).any(|w| w == word.as_bytes());
    if line.starts_with(b"220 ") || line.starts_with(b"220-") {
        if says("smtp") {
            return Some(Box::<smtp::Smtp>::default());
        }
        return says("ftp").then(|| Box::<ftp::Ftp>::default() as Box<dyn Talk>);
    }
    if line.starts_with(b"+ok") {
        let speaks = says("pop") || says("<") && says("@");
        return speaks.then(|| Box::<pop::Pop>::default() as Box<dyn Talk>);
    }
    (line.starts_with(b"* ok") && says("imap")).then(|| Box::<imap::Imap>::default() as Box<dyn Talk>)
}

impl App for Logins {
    fn name(&self) -> &'static str {
        "logins"
    }

    fn watches(&self) -> Option<(&[u16], &[u16])> {
        Some((TCP, UDP))
    }

    fn watch_datagram(&mut self, ctx: &Context, data: &[u8], out: &mut Output) {
        let counts = out.counts();
        if ctx.src_port == 88 || ctx.dst_port == 88 {
            kerberos::message(&mut self.kerberos, &mut self.book, ctx, counts, data);
        } else {
            snmp::message(&mut self.book, ctx, counts, data);
        }
    }

    fn watch_segment(&mut self, ctx: &Context, data: &[u8], out: &mut Output) -> bool {
        if matches!(data.first(), Some(b'2' | b'+' | b'*'))
            && let Some(talk) = by_greeting(data)
            && let Some(number) = ctx.stream
        {
            self.sessions.insert(number, Session { server: (ctx.src, ctx.src_port), talk, over: false });
            return true;
        }
        self.ntlm.segment(&mut self.book, ctx, out.counts(), data);
        false
    }

    fn stream(&mut self, ctx: &Context, data: &[u8], out: &mut Output) -> Step {
        if ctx.src_port == 88 || ctx.dst_port == 88 {
            let step = kerberos::framed(data);
            if let (Step::Consumed(n), Some(message)) = (&step, data.get(4..)) {
                let message = message.get(..n.saturating_sub(4)).unwrap_or_default();
                kerberos::message(&mut self.kerberos, &mut self.book, ctx, out.counts(), message);
            }
            return step;
        }
        let Some(number) = ctx.stream else { return Step::Lost };
        if self.sessions.get_mut(&number).is_none() {
            let Some(session) = self.begin(ctx) else { return Step::Lost };
            self.book.session(session.server.1, out.counts());
            self.sessions.insert(number, session);
        }
        let Some(session) = self.sessions.get_mut(&number) else { return Step::Lost };
        if session.over {
            return Step::Lost;
        }
        let from_server = (ctx.src, ctx.src_port) == session.server;
        let (src, dst) = ((ctx.src, ctx.src_port), (ctx.dst, ctx.dst_port));
        let (client, server) = if from_server { (dst, src) } else { (src, dst) };
        let mut at = At { book: &mut self.book, ctx, client, server, counts: out.counts(), over: false };
        let step = match () {
            // Encryption was begun inside the connection.
            () if tls::starts_handshake(data) => Step::Lost,
            () if from_server => session.talk.server(data, &mut at),
            () => session.talk.client(data, &mut at),
        };
        session.over |= at.over || step == Step::Lost;
        if session.over { Step::Lost } else { step }
    }

    fn gap(&mut self, ctx: &Context, _: u64, _: &mut Output) {
        if let Some(session) = ctx.stream.and_then(|n| self.sessions.get_mut(&n)) {
            session.talk.gap();
        }
    }

    fn report(&self) -> Option<Arc<dyn Report>> {
        Some(Arc::new(self.book.clone()))
    }
}
