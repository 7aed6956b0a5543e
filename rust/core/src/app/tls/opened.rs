//! Records of a connection whose secrets are known: what is inside counts as if it had come in the clear, and application
//! data are handed on to the protocols.

use super::connection::Connection;
use super::content;
use super::handshake::{self as msg, ClientHello, ServerHello};
use super::machine::Machine;
use super::names;
use super::secrets::{Opened, Sealed, Session};
use super::session::Handshake;
use super::{HEADER, connection};
use crate::app::inside::{self, Piece};
use crate::app::{Close, Context, Output, Step};

/// TLS 1.3's message that changes the sender's keys (RFC 8446 4.6.3).
const KEY_UPDATE: u8 = 24;
/// TLS 1.3's message with the rest of the server's answer (RFC 8446 4.3.1).
const ENCRYPTED_EXTENSIONS: u8 = 8;
/// Extension by which the order of encryption and MAC is changed (RFC 7366).
const ENCRYPT_THEN_MAC: u16 = 22;
/// Extensions under which records look different: truncated MACs (RFC 6066 7).
const TRUNCATED_HMAC: u16 = 4;

impl Connection {
    /// A client hello, where secrets are known at all.
    #[cold]
    pub(super) fn hello_with_secrets(&mut self, hello: &ClientHello<'_>) {
        if let Some(&random) = hello.random.first_chunk() {
            let known = self.take_session();
            self.set_session(Session::hello(known, random, hello.has_early_data()));
        }
    }

    /// A server hello of a connection whose secrets may be known.
    #[cold]
    pub(super) fn chosen_with_secrets(&mut self, machine: &mut Machine, hello: &ServerHello<'_>) {
        let Some(session) = self.session_mut().filter(|_| !hello.is_hello_retry_request()) else { return };
        let has = |number| hello.extensions().any(|e| e.0 == number);
        let mut version = hello.version();
        if matches!(version, 0x7f17..=0x7f1c) {
            // The last drafts of TLS 1.3 are sealed as the standard has it.
            version = 0x0304;
        }
        let random = hello.random.first_chunk().copied().unwrap_or_default();
        let plain = hello.compression == 0 && !has(TRUNCATED_HMAC);
        if !plain || !session.chosen(&machine.keys, random, hello.cipher, version, has(ENCRYPT_THEN_MAC)) {
            self.take_session();
        }
    }

    /// One record, or what there is of it, for the reader that opens what is sealed.
    pub(super) fn opened(&mut self, machine: &mut Machine, ctx: &Context, data: &[u8], out: &mut Output) -> Step {
        if self.session().is_none() && self.handshake.is_some() {
            return Step::Lost;
        }
        let Some(&[kind, major, minor, hi, lo]) = data.first_chunk::<HEADER>() else { return Step::Need(HEADER) };
        let end = HEADER + u16::from_be_bytes([hi, lo]) as usize;
        if !content::is_known(kind) || major != 3 {
            self.lost_sealed(machine, ctx, out);
            return Step::Lost;
        }
        let from_server = self.is_from_server(ctx);
        let Some(session) = self.session_mut() else { return Step::Consumed(end) };
        if !session.opens(kind, from_server) {
            if kind != content::CHANGE_CIPHER_SPEC {
                return Step::Consumed(end);
            }
            if data.len() < end {
                return Step::Need(end);
            }
            if !session.change_cipher(&machine.keys, from_server) {
                self.take_session();
            }
            return Step::Consumed(end);
        }
        let Some(body) = data.get(HEADER..end) else { return Step::Need(end) };
        let record = Sealed { kind, version: u16::from_be_bytes([major, minor]), body };
        match session.open(&record, from_server, ctx.frame, !ctx.only_in_order) {
            Opened::Record(kind, text) => self.opened_record(machine, ctx, data, kind, &text, out),
            Opened::Failed => {
                machine.opened.stopped += machine.counting as u64;
                out.inner.push(Piece::new(ctx, inside::What::Lost));
                self.not_opened(machine, ctx, data, body, out);
            }
            Opened::Closed => self.not_opened(machine, ctx, data, body, out),
        }
        Step::Consumed(end)
    }

    /// A record that was left to be opened, and could not be: it is what it looks like.
    fn not_opened(&mut self, machine: &mut Machine, ctx: &Context, data: &[u8], body: &[u8], out: &mut Output) {
        self.put_sealed(ctx, data, None, out);
        match data.first() {
            Some(&content::APPLICATION_DATA) => self.application_data(machine, ctx, body.len()),
            Some(&content::ALERT) => self.alert(machine, ctx, body, false),
            Some(&content::HANDSHAKE) => self.encrypted_handshake(machine, ctx),
            _ => {}
        }
    }

    fn opened_record(
        &mut self,
        machine: &mut Machine,
        ctx: &Context,
        data: &[u8],
        kind: u8,
        text: &[u8],
        out: &mut Output,
    ) {
        let from_server = self.is_from_server(ctx);
        let Some(session) = self.session_mut() else { return };
        let shown = session.is_shown(from_server);
        if let Some(source) = session.source.filter(|_| machine.counting && !session.counted) {
            session.counted = true;
            machine.opened.connections[source as usize] += 1;
            machine.opened.frames.add(ctx.frame);
        }
        machine.opened.records += machine.counting as u64;
        if shown {
            self.put_sealed(ctx, data, Some(kind), out);
        }
        let ctx = &Context { only_in_order: ctx.only_in_order || !shown, ..*ctx };
        match kind {
            content::HANDSHAKE => self.opened_handshake(machine, ctx, text, out),
            content::ALERT => {
                self.put_alert(ctx, text, out);
                self.alert(machine, ctx, text, false);
                if matches!(text, [_, 0]) {
                    out.inner.push(Piece::new(ctx, inside::What::Close(Close::Fin)));
                }
            }
            content::CHANGE_CIPHER_SPEC => {
                if self.session_mut().is_some_and(|s| s.change_cipher(&machine.keys, from_server)) {
                    self.change_cipher_spec(machine, ctx);
                } else {
                    self.take_session();
                }
            }
            content::APPLICATION_DATA => {
                let hint = self.handshake.with(machine, |_, h| {
                    h.opened_data(ctx, from_server);
                    h.alpn.as_deref().and_then(inside::of_alpn)
                });
                if !text.is_empty() {
                    let hint = hint.flatten();
                    out.inner.push(Piece::new(ctx, inside::What::Data(text.to_vec(), hint)));
                }
            }
            _ => {}
        }
    }

    /// Handshake messages out of a sealed record.
    fn opened_handshake(&mut self, machine: &mut Machine, ctx: &Context, record: &[u8], out: &mut Output) {
        let side = Self::side(ctx);
        let from_server = self.is_from_server(ctx);
        let mut whole = self.take_partial(machine, side);
        let mut rest = record;
        if !whole.is_empty() {
            let used = connection::complete(&mut whole, record);
            let Some((kind, body, _)) = msg::split(&whole) else {
                self.keep_partial(machine, side, whole);
                return;
            };
            self.opened_message(machine, ctx, kind, body, 4, from_server, out);
            rest = record.get(used..).unwrap_or_default();
        }
        // Ends: each turn takes at least the four bytes of a header.
        while !rest.is_empty() {
            let Some((kind, body, behind)) = msg::split(rest) else {
                self.keep_partial(machine, side, rest.to_vec());
                return;
            };
            if names::message(kind).is_some() {
                self.opened_message(machine, ctx, kind, body, record.len() - rest.len() + 4, from_server, out);
            }
            rest = behind;
        }
    }

    #[allow(clippy::too_many_arguments)] // where the message stands, and what it is
    fn opened_message(
        &mut self,
        machine: &mut Machine,
        ctx: &Context,
        kind: u8,
        body: &[u8],
        at: usize,
        from_server: bool,
        out: &mut Output,
    ) {
        self.put_message(machine, ctx, kind, body, at, false, out);
        let tls13 = self.handshake.look(machine, Handshake::is_tls13) == Some(true);
        match kind {
            msg::CERTIFICATE if tls13 => {
                machine.message(ctx, kind, false);
                if let Some(body) = msg::certificates_of_tls13(body) {
                    self.handshake.with(machine, |machine, h| h.opened_certificate(ctx, machine, &body, from_server));
                }
                return;
            }
            ENCRYPTED_EXTENSIONS if tls13 => {
                self.handshake.with(machine, |_, h| h.alpn = msg::alpn_of_extensions(body).map(Into::into));
            }
            _ => {}
        }
        self.message(machine, ctx, kind, body, false);
        if !tls13 {
            return;
        }
        match kind {
            msg::FINISHED => {
                self.handshake.with(machine, |_, h| h.opened_finished(ctx, from_server));
                self.session_mut().into_iter().for_each(|s| s.finished(from_server));
            }
            KEY_UPDATE => self.session_mut().into_iter().for_each(|s| s.key_update(from_server)),
            _ => {}
        }
    }

    /// Records of the direction are missing: it cannot be opened any more.
    pub(super) fn lost_sealed(&mut self, machine: &mut Machine, ctx: &Context, out: &mut Output) {
        let from_server = self.is_from_server(ctx);
        if self.session_mut().is_some_and(|s| s.lost(from_server)) {
            machine.opened.stopped += machine.counting as u64;
            out.inner.push(Piece::new(ctx, inside::What::Lost));
        }
    }

    /// The sender has closed the connection.
    pub(super) fn closed_sealed(&mut self, ctx: &Context, how: Close, out: &mut Output) {
        if self.session().is_some() {
            out.inner.push(Piece::new(ctx, inside::What::Close(how)));
        }
    }
}
