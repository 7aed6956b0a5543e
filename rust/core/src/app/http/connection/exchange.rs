//! Requests with their responses: who waits for whom, and what the end of a message says of both.

use super::{Coming, Connection, Mode};
use crate::app::http::Shared;
use crate::app::http::counts::{Counts, Done, Reuse, Took};
use crate::app::http::head::{Head, Kind};
use crate::app::http::http2::Http2;
use crate::app::http::row::{self, Row, flag};
use crate::app::http::secret::{self, Login};
use crate::app::message::text;
use crate::app::{Context, Output};
use crate::layers::Proto;

/// Requests of one connection that wait for their responses.
const MAX_QUEUE: usize = 1_000;
/// Longest text kept of a field, bytes.
const MAX_FIELD: usize = 512;

/// A request that waits for its response, or the one its response is coming to.
#[derive(Debug, Default)]
pub(super) struct Exchange {
    /// Its number among the rows, as long as they hold it open.
    place: Option<u32>,
    /// A place among the rows was asked for.
    placed: bool,
    /// It is counted as waiting for its response.
    pub(super) open: bool,
    pub(super) row: Row,
    pub(super) context: Option<Context>,
    /// Its last byte came at that time; None: it is still coming.
    end_ns: Option<i64>,
    login: Option<Login>,
    head_only: bool,
    connect: bool,
}

impl Exchange {
    /// Its row where it is listed: from the first of its messages on that counts.
    pub(super) fn store(&mut self, shared: &mut Shared) {
        let Some(context) = &self.context else { return };
        match self.place {
            Some(place) => shared.kept.replace(place, context, &self.row.pack()),
            None if shared.counting && !self.placed => {
                self.placed = true;
                self.place = shared.kept.open("http", context, row::fields, &self.row.pack());
            }
            None => {}
        }
    }

    /// As `store`, for the last time.
    pub(super) fn settle(&mut self, shared: &mut Shared) {
        self.store(shared);
        self.end(shared);
    }

    /// Its row stays as it was last stored.
    pub(super) fn end(&mut self, shared: &mut Shared) {
        if let Some(place) = self.place.take() {
            shared.kept.settle(place);
        }
    }

    /// A request that counts waits for its response.
    fn waits(&mut self, shared: &mut Shared) {
        if let Some(counts) = shared.http().filter(|_| !self.open) {
            self.open = true;
            counts.open += 1;
        }
    }
}

impl Connection {
    /// A request begins to wait for its response.
    pub(super) fn asked(&mut self, shared: &mut Shared, c: &Context, h: &Head<'_>, login: Option<Login>, done: &Done) {
        if std::mem::take(&mut self.uncertain) || self.queue.len() >= MAX_QUEUE {
            self.queue.drain(..).for_each(|mut e| e.end(shared));
        }
        if let Some(counts) = shared.http() {
            let reuse = self.reuse.get_or_insert_with(|| Reuse {
                stream: c.stream.unwrap_or(0),
                client: c.src,
                server: c.dst,
                port: c.dst_port,
                host: done.host.as_str().into(),
                requests: 0,
                first_ns: c.time_ns,
                last_ns: c.time_ns,
            });
            reuse.requests = reuse.requests.saturating_add(1);
            reuse.last_ns = c.time_ns;
            counts.reused(reuse.requests);
            counts.requests_kept_open += h.keeps_open() as u64;
        }
        let mut row = Row { version: h.version, request_head: h.len as u32, ..Row::default() };
        row.flags = [(h.chunked, flag::REQUEST_CHUNKED), (h.keeps_open(), flag::KEPT_OPEN)]
            .iter()
            .filter(|(is, _)| *is)
            .fold(0, |all, (_, bit)| all | bit);
        row.set("method", h.method);
        row.set("host", h.host);
        row.set_text("uri", secret::shown_target(h.target, row::MAX_TEXT));
        row.set("user_agent", h.user_agent);
        row.set("request_type", h.media_type());
        if let Some(login) = &login {
            row.set_text("login", login.scheme.to_owned());
            row.set_text("user", login.user.clone().unwrap_or_default());
            if let Some(counts) = shared.http() {
                counts.login(c, &done.host, login, None);
            }
        }
        let mut exchange = Box::new(Exchange {
            row,
            context: Some(*c),
            login,
            head_only: h.method == b"HEAD",
            connect: h.method == b"CONNECT",
            ..Exchange::default()
        });
        exchange.waits(shared);
        exchange.store(shared);
        self.queue.push_back(exchange);
    }

    /// The head of a response: finds its request. True: it has no body whatever it says (RFC 9112 6.3).
    pub(super) fn answered(&mut self, shared: &mut Shared, c: &Context, h: &Head<'_>, coming: &mut Coming) -> bool {
        let interim = h.status / 100 == 1 && h.status != 101;
        if interim {
            if let Some(e) = self.queue.front_mut() {
                e.row.flags |= flag::INTERIM;
            }
            return true;
        }
        let mut exchange = match self.queue.pop_front() {
            Some(mut e) => {
                shared.http.open = shared.http.open.saturating_sub(std::mem::take(&mut e.open) as u64);
                e
            }
            None => Box::new(Exchange {
                row: Row { flags: flag::NO_REQUEST, version: h.version, ..Row::default() },
                ..Exchange::default()
            }),
        };
        let row = &mut exchange.row;
        (row.status, row.response_head, row.response_frame) = (h.status, h.len as u32, c.frame);
        row.flags |= flag::ANSWERED;
        if h.chunked {
            row.flags |= flag::RESPONSE_CHUNKED;
        }
        row.set("content_type", h.media_type());
        row.set("content_encoding", h.content_encoding);
        row.set("server", h.server);
        row.set_text("location", secret::shown_target(h.location, row::MAX_TEXT));
        row.set("upgrade", h.upgrade);
        row.wait_ns = exchange.end_ns.map(|end| coming.first_ns.saturating_sub(end)).filter(|&ns| ns >= 0);
        row.server_ns = row.wait_ns.zip(self.handshake_ns).map(|(wait, hs)| (wait - hs).max(0));
        let no_body = h.status == 204
            || h.status == 304
            || h.status == 101
            || exchange.head_only
            || (exchange.connect && h.status / 100 == 2);
        if let Some(login) = &exchange.login {
            let accepted = match h.status {
                401 | 407 => Some(false),
                403 if login.scheme == "form" => Some(false),
                // What a form leads to says nothing of its own.
                100..=499 if login.scheme != "form" => Some(true),
                _ => None,
            };
            if accepted.is_some()
                && let Some(counts) = shared.http()
            {
                let host = exchange.row.texts.get(1).cloned().unwrap_or_default();
                counts.login(c, &host, login, accepted);
            }
        }
        coming.exchange = Some(exchange);
        no_body
    }

    /// The message at hand is whole.
    pub(super) fn finish(&mut self, shared: &mut Shared, c: &Context, at: usize, out: &mut Output) {
        self.sides[at].mode = Mode::Start;
        let Some(mut coming) = self.sides[at].coming.take() else { return };
        shared.http.unfinished = shared.http.unfinished.saturating_sub(coming.unfinished as u64);
        let shown = self.shown(c) && !coming.torn;
        self.seen |= coming.done.kind != Kind::Response;
        if coming.counted {
            // In the frame that was cut.
        } else if shown {
            out.found(Proto::Http);
            self.put(c, coming.raw.as_deref(), &coming.chunks, out);
            if let Some(counts) = shared.http() {
                counts.done(c, &coming.done);
            }
        } else if let Some(counts) = shared.http() {
            let hidden = if self.hidden { &mut counts.on_other_ports } else { &mut counts.only_in_order };
            *hidden += 1;
        }
        let hidden = if shown { 0 } else { flag::HIDDEN };
        match coming.done.kind {
            Kind::Notification => {}
            Kind::Request => {
                let Some((e, waits)) = self.of_request(at) else { return };
                e.row.flags |= flag::REQUEST_DONE | hidden;
                e.row.request_body = coming.done.body;
                e.end_ns = Some(c.time_ns);
                e.context = Some(*c);
                if waits {
                    e.waits(shared);
                }
                e.store(shared);
            }
            Kind::Response => {
                let Some(mut e) = coming.exchange.take() else { return };
                e.row.flags |= flag::RESPONSE_DONE | hidden;
                e.row.response_body = coming.done.body;
                e.row.response_frame = c.frame;
                e.row.transfer_ns = Some(c.time_ns.saturating_sub(coming.first_ns)).filter(|&ns| ns >= 0);
                if shown && let Some(counts) = shared.http() {
                    self.timed(counts, c, &e);
                }
                e.settle(shared);
                self.switched(shared, &e, &coming.upgrade);
            }
        }
    }

    /// The times of a response that is whole, or that its request is missing.
    fn timed(&self, counts: &mut Counts, c: &Context, e: &Exchange) {
        if e.row.flags & flag::NO_REQUEST != 0 {
            counts.no_request.add(c.frame);
        } else {
            let network_ns = self.handshake_ns;
            counts.took(c, &Took { wait_ns: e.row.wait_ns, transfer_ns: e.row.transfer_ns, network_ns });
        }
    }

    /// The exchange of the request that has just come in full: the last one, or the one whose response is coming. With
    /// whether it waits for its response.
    fn of_request(&mut self, at: usize) -> Option<(&mut Exchange, bool)> {
        let early = self.queue.back().is_none_or(|e| e.end_ns.is_some());
        if early {
            return Some((self.sides.get_mut(1 - at)?.coming.as_mut()?.exchange.as_deref_mut()?, false));
        }
        Some((self.queue.back_mut()?, true))
    }

    /// What follows a response that ends HTTP on the connection.
    fn switched(&mut self, shared: &mut Shared, e: &Exchange, upgrade: &[u8]) {
        if e.connect && e.row.status / 100 == 2 {
            self.switch(Mode::Tunnel);
        } else if e.row.status == 101 {
            if let Some(counts) = shared.http() {
                counts.upgrades.add(text(upgrade, MAX_FIELD).as_str());
            }
            // Wireshark needs the request to go on by the new protocol's rules.
            let known = e.row.flags & flag::NO_REQUEST == 0;
            self.switch(match upgrade {
                b"websocket" if known => Mode::Websocket,
                b"h2c" if known => Mode::Http2,
                _ => Mode::Switched,
            });
            if self.sides[0].mode == Mode::Http2 {
                self.http2 = Some(Box::new(Http2::upgraded(self.handshake_ns, &e.row, e.context, e.end_ns)));
            }
            if self.sides[0].mode == Mode::Websocket
                && let Some(counts) = shared.websocket()
            {
                self.websocket_counted = true;
                counts.connections += 1;
            }
        }
    }
}
