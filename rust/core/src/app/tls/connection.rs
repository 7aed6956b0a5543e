//! The records of one TCP connection, by Wireshark's rules of what is read as what, and its handshakes.

use super::content;
use super::fields::{self, Hellos, Put};
use super::handshake::{self as msg, ClientHello, ServerHello};
use super::held::Held;
use super::machine::Machine;
use super::names;
use super::rare::Rare;
use super::session::{Alert, Handshake, Step as HsStep};
use super::{HEADER, is_ssl2_hello};
use crate::app::{Close, Context, Output, Step};
use crate::filter::registry::Group;
use crate::layers::Proto;

const SSL2: u16 = 0x0002;
const SSL3: u16 = 0x0300;
const TLS12: u16 = 0x0303;
const TLS13: u16 = 0x0304;

/// Largest handshake message believed; longer ones are taken for encrypted bytes.
pub const MAX_MESSAGE: usize = 0x1_0000;

/// What is known of a TLS connection, or of a DTLS association.
#[derive(Debug, Default)]
pub struct Connection {
    /// Version chosen, as far as known.
    version: Option<u16>,
    /// Which end the server is, as far as known: whether the greater one.
    server: Option<bool>,
    pub closed: [bool; 2],
    /// It was over when the table was looked through, and nothing has come since.
    pub was_over: bool,
    /// By end, 0 for the lower one: frame of the change of cipher, handshake records behind it are encrypted; 0: none.
    ccs_frames: [u64; 2],
    pub handshake: Held,
    pub(super) rare: Option<Box<Rare>>,
}

impl Connection {
    pub fn has_version(&self) -> bool {
        self.version.is_some() || self.handshake.is_some()
    }

    /// Asked of one that is over: whether nothing has come since this was asked last, and its secrets are not waited for.
    pub fn may_go(&mut self) -> bool {
        std::mem::replace(&mut self.was_over, true) && self.session().is_none()
    }

    pub fn is_over(&self) -> bool {
        self.closed == [true; 2]
    }

    pub fn side(ctx: &Context) -> usize {
        ((ctx.src, ctx.src_port) > (ctx.dst, ctx.dst_port)) as usize
    }

    pub fn is_from_server(&self, ctx: &Context) -> bool {
        self.server.map_or(ctx.to_client, |s| s as usize == Self::side(ctx))
    }

    /// One record, or what there is of it, at the start of `data`, which is not empty.
    pub fn read(&mut self, machine: &mut Machine, ctx: &Context, data: &[u8], out: &mut Output) -> Step {
        if data.len() < HEADER {
            return Step::Need(HEADER);
        }
        let kind = data[0];
        let ssl2 = match self.version {
            Some(SSL2) => true,
            Some(SSL3..=TLS12) => is_ssl2_hello(data),
            _ => kind >= 0x80 && matches!(data[2], 1 | 2 | 4),
        };
        if ssl2 {
            return self.ssl2_record(machine, ctx, data, out);
        }
        let version = u16::from_be_bytes([data[1], data[2]]);
        let length = u16::from_be_bytes([data[3], data[4]]) as usize;
        match self.version {
            Some(0x0301..=TLS12) if !content::is_known(kind) => return Step::Consumed(data.len()),
            Some(SSL3..=TLS12) if !content::is_known(kind) => return Step::Consumed(HEADER + length),
            Some(SSL3..=TLS12) => {}
            _ if content::is_known(kind) && (SSL3..=TLS12).contains(&version) => {}
            // The middle of something.
            _ => return Step::Consumed(data.len()),
        }
        // What is opened is put and counted where it is opened; what Wireshark cannot open it shows as it came.
        let left = self.session().and_then(|s| s.left(kind, self.is_from_server(ctx)));
        let put = left != Some(true);
        if kind == content::APPLICATION_DATA {
            // Counted where it begins, and passed over.
            let end = HEADER + length;
            self.set_version(kind, 0, version);
            let tls13 = self.version == Some(TLS13);
            if let Some(sink) = out.fields(Group::Tls).filter(|_| put) {
                if data.len() < end {
                    self.set_coming(Self::side(ctx), data.first_chunk().copied());
                } else if !ctx.only_in_order {
                    Put::new(sink, false, tls13).record(data, version, length);
                }
            }
            if left.is_none() {
                self.application_data(machine, ctx, length);
            }
            return Step::Consumed(end);
        }
        let Some(record) = data.get(HEADER..HEADER + length) else { return Step::Need(HEADER + length) };
        self.set_version(kind, record.first().copied().unwrap_or_default(), version);
        let tls13 = self.version == Some(TLS13);
        if let Some(sink) = out.fields(Group::Tls).filter(|_| put && !ctx.only_in_order) {
            Put::new(sink, false, tls13).record(data, version, length);
        }
        match kind {
            _ if left.is_some() => {}
            content::HANDSHAKE => {
                self.handshake_record(machine, ctx, record, data.get(HEADER..).unwrap_or_default(), out)
            }
            content::CHANGE_CIPHER_SPEC => self.change_cipher_spec(machine, ctx),
            content::ALERT => self.alert(machine, ctx, record, false),
            _ => {}
        }
        Step::Consumed(HEADER + length)
    }

    /// A record that is no ClientHello tells the version.
    fn set_version(&mut self, kind: u8, first: u8, version: u16) {
        let tells = kind != content::HANDSHAKE || (names::message(first).is_some() && first != msg::CLIENT_HELLO);
        if self.version.is_none() && tells {
            self.choose(version);
        }
    }

    fn choose(&mut self, version: u16) {
        match version {
            SSL3..=TLS13 => self.version = Some(version),
            0x7f00..=0x7fff | 0xfb00..=0xfbff => self.version = Some(TLS13),
            _ => {}
        }
    }

    pub fn application_data(&mut self, machine: &mut Machine, ctx: &Context, length: usize) {
        if self.handshake.is_quiet() {
            return;
        }
        let from_server = self.is_from_server(ctx);
        let quiet = self.handshake.with(machine, |_, h| {
            h.data(ctx, from_server, length);
            h.is_quiet()
        });
        if quiet == Some(true) && self.session().is_none() {
            self.handshake.settle(machine);
        }
    }

    /// A handshake record that is encrypted.
    pub fn encrypted_handshake(&mut self, machine: &mut Machine, ctx: &Context) {
        if self.handshake.is_quiet() {
            return;
        }
        let from_server = self.is_from_server(ctx);
        self.handshake.with(machine, |_, h| h.encrypted_handshake(ctx, from_server));
    }

    pub fn change_cipher_spec(&mut self, machine: &mut Machine, ctx: &Context) {
        let from_server = self.is_from_server(ctx);
        if let Some(session) = self.session_mut()
            && !session.leave(&machine.keys, from_server)
        {
            self.take_session();
        }
        let frame = &mut self.ccs_frames[Self::side(ctx)];
        if !ctx.only_in_order && *frame == 0 {
            *frame = ctx.frame;
        }
        self.handshake.with(machine, |_, h| h.change_cipher(ctx, from_server));
    }

    /// An alert record: two bytes in the clear, anything else is encrypted (RFC 8446 6).
    pub fn alert(&mut self, machine: &mut Machine, ctx: &Context, record: &[u8], dtls: bool) {
        let from_server = self.is_from_server(ctx);
        let code = match record {
            &[level, description] => Some((level, description)),
            _ => None,
        };
        let alert = Alert { frame: ctx.frame, time_ns: ctx.time_ns, from_server, code };
        let known = self.handshake.with(machine, |machine, h| {
            machine.alert(ctx, &alert, Some(h), dtls);
            h.alert(alert);
        });
        if known.is_none() {
            machine.alert(ctx, &alert, None, dtls);
        }
    }

    /// The bytes of a record of application data have all come.
    pub fn skipped(&mut self, ctx: &Context, out: &mut Output) {
        let coming = self.take_coming(Self::side(ctx));
        if let (Some(head), Some(sink)) = (coming, out.fields(Group::Tls).filter(|_| !ctx.only_in_order)) {
            let (version, length) = (u16::from_be_bytes([head[1], head[2]]), u16::from_be_bytes([head[3], head[4]]));
            Put::new(sink, false, self.version == Some(TLS13)).record(&head, version, length as usize);
        }
    }

    /// Puts the fields of a handshake message; DTLS puts the header of it by itself.
    #[allow(clippy::too_many_arguments)] // where the message stands, and what it is
    pub fn put_message(
        &self,
        machine: &Machine,
        ctx: &Context,
        kind: u8,
        body: &[u8],
        at: usize,
        dtls: bool,
        out: &mut Output,
    ) {
        let group = if dtls { Group::Dtls } else { Group::Tls };
        let Some(sink) = out.fields(group).filter(|_| !ctx.only_in_order) else { return };
        let (cipher, version) = self.handshake.look(machine, |h| (h.cipher, h.version)).unwrap_or_default();
        let hellos = Hellos { cipher, version: self.version.or(version) };
        let mut put = Put::new(sink, dtls, self.version == Some(TLS13));
        fields::message(&mut put, kind, body, at, hellos, !dtls);
    }

    /// Puts the fields of a record that was opened; `kind`: the type of what is inside. None: it was not.
    pub fn put_sealed(&self, ctx: &Context, data: &[u8], kind: Option<u8>, out: &mut Output) {
        let Some(sink) = out.fields(Group::Tls).filter(|_| !ctx.only_in_order) else { return };
        let Some(&[_, major, minor, hi, lo]) = data.first_chunk::<HEADER>() else { return };
        let (version, length) = (u16::from_be_bytes([major, minor]), u16::from_be_bytes([hi, lo]) as usize);
        let mut put = Put::new(sink, false, self.version == Some(TLS13));
        match kind {
            Some(kind) => put.opened_record(data, version, length, kind),
            None => put.record(data, version, length),
        }
    }

    /// Puts the fields of an alert that was opened.
    pub fn put_alert(&self, ctx: &Context, text: &[u8], out: &mut Output) {
        if let Some(sink) = out.fields(Group::Tls).filter(|_| !ctx.only_in_order) {
            Put::new(sink, false, false).contents(content::ALERT, text, 0, text.len(), false);
        }
    }

    /// Puts the fields of the whole records that a segment ahead of a gap begins with.
    pub fn ahead(&self, machine: &Machine, ctx: &Context, data: &[u8], out: &mut Output) {
        let tls13 = self.version == Some(TLS13);
        let mut rest = data;
        // Ends: each turn takes at least the header of a record.
        while let Some(&[kind, major, minor, hi, lo]) = rest.first_chunk::<HEADER>() {
            let (version, length) = (u16::from_be_bytes([major, minor]), u16::from_be_bytes([hi, lo]) as usize);
            let known = content::is_known(kind) && (SSL3..=TLS12).contains(&version);
            let (Some(record), true) = (rest.get(HEADER..HEADER + length), known) else { return };
            let Some(sink) = out.fields(Group::Tls) else { return };
            Put::new(sink, false, tls13).record(rest, version, length);
            let mut messages = if kind == content::HANDSHAKE { record } else { &[] };
            while let Some((kind, body, behind)) = msg::split(messages).filter(|m| names::message(m.0).is_some()) {
                let at = data.len() - rest.len() + HEADER + record.len() - messages.len() + 4;
                self.put_message(machine, ctx, kind, body, at, false, out);
                messages = behind;
            }
            rest = rest.get(HEADER + length..).unwrap_or_default();
        }
    }

    /// `all`: the record and what stands behind it.
    fn handshake_record(&mut self, machine: &mut Machine, ctx: &Context, record: &[u8], all: &[u8], out: &mut Output) {
        let side = Self::side(ctx);
        let mut rest = record;
        let partial = self.take_partial(machine, side);
        if !partial.is_empty() {
            let mut whole = partial;
            let used = complete(&mut whole, record);
            let Some((kind, body, _)) = msg::split(&whole) else {
                self.keep_partial(machine, side, whole);
                return;
            };
            self.put_message(machine, ctx, kind, body, 4, false, out);
            self.message(machine, ctx, kind, body, false);
            rest = record.get(used..).unwrap_or_default();
        } else if self.is_encrypted(ctx, record) {
            self.encrypted_handshake(machine, ctx);
            if let Some(sink) = out.fields(Group::Tls).filter(|_| !ctx.only_in_order) {
                Put::new(sink, false, false).encrypted_handshake(HEADER, record.len());
            }
            return;
        }
        let mut first = rest.len() == record.len();
        // Ends: each turn takes at least the four bytes of a header.
        while !rest.is_empty() {
            let Some((kind, body, behind)) = msg::split(rest) else {
                self.keep_partial(machine, side, rest.to_vec());
                return;
            };
            if names::message(kind).is_some() {
                let at = HEADER + record.len() - rest.len() + 4;
                // Wireshark reads on behind the end of a ServerHello that says it is empty.
                let empty = kind == msg::SERVER_HELLO && body.is_empty();
                let behind = all.get(at - HEADER..).filter(|_| empty).and_then(msg::without_extensions);
                self.put_message(machine, ctx, kind, body, at, false, out);
                if let (Some(shown), Some(sink)) = (behind, out.fields(Group::Tls).filter(|_| !ctx.only_in_order)) {
                    let mut put = Put::new(sink, false, self.version == Some(TLS13));
                    fields::message(&mut put, kind, shown, at, Hellos::default(), false);
                }
                self.message(machine, ctx, kind, body, false);
                if kind == msg::SERVER_HELLO && body.is_empty() {
                    // Wireshark reads on behind the end of one that says it is empty; it is counted as shown.
                    let hello = all.get(record.len() - rest.len() + 4..).and_then(ServerHello::parse);
                    hello.iter().for_each(|h| _ = machine.server_hello(ctx, h, false));
                }
            } else if first {
                if let Some(sink) = out.fields(Group::Tls).filter(|_| !ctx.only_in_order) {
                    Put::new(sink, false, false).encrypted_handshake(HEADER, record.len());
                }
                return;
            }
            first = false;
            rest = behind;
        }
    }

    /// Whether a handshake record that goes on no message is encrypted, as Wireshark guesses it.
    fn is_encrypted(&self, ctx: &Context, record: &[u8]) -> bool {
        let (Some(&[kind, high, mid, low]), true) = (record.first_chunk(), record.len() >= 16) else {
            return false;
        };
        if record.iter().take(5).all(|&b| b == 0) {
            return true;
        }
        let length = u32::from_be_bytes([0, high, mid, low]) as usize;
        if names::message(kind).is_none() || length >= MAX_MESSAGE {
            return true;
        }
        // Nothing changes with that of TLS 1.3, which only pleases middleboxes (RFC 8446 D.4): hellos behind a
        // HelloRetryRequest are in the clear.
        let ccs_frame = self.ccs_frames[Self::side(ctx)];
        self.version != Some(TLS13) && ccs_frame != 0 && ctx.frame > ccs_frame
    }

    /// One whole message of the handshake.
    pub fn message(&mut self, machine: &mut Machine, ctx: &Context, kind: u8, body: &[u8], dtls: bool) {
        if !dtls {
            // Those of DTLS are counted by fragment.
            machine.message(ctx, kind, false);
        }
        let from_server = self.is_from_server(ctx);
        match kind {
            msg::CLIENT_HELLO => {
                if let Some(hello) = ClientHello::parse(body, dtls) {
                    self.client_hello(machine, ctx, &hello, dtls);
                }
                return;
            }
            msg::SERVER_HELLO => {
                if let Some(hello) = ServerHello::parse(body) {
                    self.choose(hello.version());
                    self.server_hello(machine, ctx, &hello, dtls);
                }
                return;
            }
            _ => {}
        }
        self.handshake.with(machine, |machine, h| match kind {
            msg::CERTIFICATE if !h.is_tls13() => {
                machine.certificates(ctx, h, body, from_server);
                if from_server {
                    h.step(ctx, HsStep::Certificate);
                }
            }
            msg::CERTIFICATE_REQUEST => h.certificate_requested = true,
            msg::CERTIFICATE_STATUS => h.stapled = true,
            msg::SERVER_KEY_EXCHANGE => {
                let elliptic = h.cipher.and_then(names::suite).is_some_and(|n| n.contains("ECDH"));
                if elliptic && h.group.is_none() {
                    h.group = msg::key_exchange_group(body);
                    machine.group(h.group);
                }
            }
            msg::SERVER_HELLO_DONE => h.step(ctx, HsStep::ServerHelloDone),
            msg::CLIENT_KEY_EXCHANGE => h.step(ctx, HsStep::ClientKeyExchange),
            msg::NEW_SESSION_TICKET => h.new_ticket = true,
            msg::FINISHED => h.encrypted_handshake(ctx, from_server),
            _ => {}
        });
    }

    fn client_hello(&mut self, machine: &mut Machine, ctx: &Context, hello: &ClientHello<'_>, dtls: bool) {
        let (client, server) = ((ctx.src, ctx.src_port), (ctx.dst, ctx.dst_port));
        self.server = Some(server > client);
        machine.client_hello(ctx, hello, dtls);
        if !machine.keys.is_empty() && ctx.transport == Proto::Tcp && !super::in_tunnel(ctx) {
            self.hello_with_secrets(hello);
        }
        // A second hello goes with a HelloRetryRequest or DTLS's HelloVerifyRequest; a DTLS client also repeats it.
        let again = self.handshake.with(machine, |_, h| {
            let again = h.has(HsStep::HelloRetryRequest) && !h.has(HsStep::ServerHello);
            let repeated = dtls && h.offer.is_some() && !h.has(HsStep::ServerHello);
            if again || repeated {
                h.step(ctx, HsStep::SecondClientHello);
            }
            again || repeated
        });
        if again == Some(true) {
            return;
        }
        machine.over(std::mem::take(&mut self.handshake));
        if self.version != Some(TLS13) {
            self.ccs_frames = [0; 2];
        }
        let mut h = Box::new(Handshake::begin(ctx, client, server, dtls));
        machine.offered(ctx, &mut h, hello, dtls);
        h.step(ctx, HsStep::ClientHello);
        self.handshake = Held::Open(h);
    }

    fn server_hello(&mut self, machine: &mut Machine, ctx: &Context, hello: &ServerHello<'_>, dtls: bool) {
        let (client, server) = ((ctx.dst, ctx.dst_port), (ctx.src, ctx.src_port));
        self.server = Some(server > client);
        if !self.handshake.is_some() {
            let mut h = Box::new(Handshake::begin(ctx, client, server, dtls));
            h.counts = machine.counting;
            self.handshake = Held::Open(h);
        }
        self.handshake.with(machine, |machine, h| machine.chosen(ctx, h, hello, dtls));
        if self.session().is_some() {
            self.chosen_with_secrets(machine, hello);
        }
    }

    /// An SSL 2.0 record: Wireshark reads its hellos; the rest of it is not followed.
    fn ssl2_record(&mut self, machine: &mut Machine, ctx: &Context, data: &[u8], out: &mut Output) -> Step {
        let (header, mask) = if data[0] & 0x80 != 0 { (2, 0x7f) } else { (3, 0x3f) };
        let length = ((data[0] & mask) as usize) << 8 | data[1] as usize;
        let Some(record) = data.get(header..header + length) else { return Step::Need(header + length) };
        let Some((&kind, body)) = record.split_first() else { return Step::Consumed(header) };
        if self.version.is_none() && (2..=8).contains(&kind) {
            self.version = Some(SSL2);
        }
        let known = kind <= 8 && ssl2_lengths_fit(kind, body);
        if let Some(sink) = out.fields(Group::Tls).filter(|_| !ctx.only_in_order) {
            Put::new(sink, false, false).ssl2_record(known.then_some((kind, body)), length, header);
        }
        if known {
            machine.message(ctx, kind, false);
            if kind == 1
                && let Some(hello) = ClientHello::parse_ssl2(body)
            {
                self.client_hello(machine, ctx, &hello, false);
            } else if kind == 4 {
                self.handshake.with(machine, |_, h| {
                    h.version = Some(SSL2);
                    h.step(ctx, HsStep::ServerHello);
                });
            }
        }
        Step::Consumed(header + length)
    }

    pub fn gap(&mut self, machine: &mut Machine, ctx: &Context) {
        self.take_partial(machine, Self::side(ctx));
    }

    pub fn closed(&mut self, machine: &mut Machine, ctx: &Context, how: Close) {
        self.closed[Self::side(ctx)] = true;
        if how == Close::Rst {
            self.closed = [true; 2];
        }
        (0..2).for_each(|side| drop(self.take_partial(machine, side)));
        if self.handshake.is_quiet() {
            return;
        }
        let from_server = self.is_from_server(ctx);
        self.handshake.with(machine, |_, h| h.closed(ctx, how, from_server));
        if self.is_over() {
            self.handshake.settle(machine);
        }
    }
}

/// Appends what the message in `whole` lacks; the bytes used.
pub fn complete(whole: &mut Vec<u8>, record: &[u8]) -> usize {
    let mut used = 4usize.saturating_sub(whole.len()).min(record.len());
    whole.extend_from_slice(record.get(..used).unwrap_or_default());
    if let Some(&[_, a, b, c]) = whole.first_chunk::<4>() {
        let end = 4 + u32::from_be_bytes([0, a, b, c]) as usize;
        let more = record.get(used..).unwrap_or_default();
        let n = end.saturating_sub(whole.len()).min(more.len());
        whole.extend_from_slice(more.get(..n).unwrap_or_default());
        used += n;
    }
    used
}

/// Whether the lengths in an SSL 2.0 message add up to its own.
fn ssl2_lengths_fit(kind: u8, body: &[u8]) -> bool {
    let at = |i: usize| body.get(i..i + 2).map_or(0, |b| u16::from_be_bytes([b[0], b[1]]) as usize);
    match kind {
        1 => 8 + at(2) + at(4) + at(6) == body.len(),
        2 => 9 + at(3) + at(5) + at(7) == body.len(),
        4 => 10 + at(4) + at(6) + at(8) == body.len(),
        _ => false,
    }
}
