//! One TCP connection with HTTP on it: where each direction stands, and which request waits for its response.

use super::Shared;
use super::counts::{Done, MAX_URI, Reuse, Took};
use super::head::{self, Head, Kind, Look};
use super::http2::{self, Http2};
use super::row::{Row, flag};
use super::secret::{self, Login};
use super::websocket::Websocket;
use crate::app::message::text;
use crate::app::{Close, Context, DetectedBy, Output, Step};
use crate::layers::Proto;
use std::collections::VecDeque;

/// Longest head waited for, bytes.
const MAX_HEAD: usize = 65_536;
/// Bytes of a head kept that may be all there is of it.
const MAX_PARTIAL: usize = 2_048;
/// Longest form looked at for a login, bytes.
const MAX_FORM: u64 = 16_384;
/// Longest line with the size of a chunk.
const MAX_CHUNK_LINE: usize = 4_096;
/// Requests of one connection that wait for their responses.
const MAX_QUEUE: usize = 1_000;
/// Longest text kept of a field, bytes.
const MAX_FIELD: usize = 512;

/// Where a direction stands.
#[derive(Debug, Default, PartialEq, Eq, Clone, Copy)]
enum Mode {
    /// In front of a message.
    #[default]
    Start,
    /// In a body of known length, which is passed over.
    Body,
    /// In front of the size of a chunk.
    Chunk,
    /// In a chunk with its line end. Wireshark waits for the next segment only, not for the rest of the body.
    ChunkData,
    /// Behind the last chunk.
    Trailer,
    /// In a body that ends with the connection.
    UntilClose,
    /// In what a proxy passes on (CONNECT).
    Tunnel,
    /// In a protocol switched to that is not decoded.
    Switched,
    Websocket,
    Http2,
}

/// A request that waits for its response, or the one its response is coming to.
#[derive(Debug, Default)]
pub(super) struct Exchange {
    place: Option<usize>,
    row: Row,
    context: Option<Context>,
    /// Its last byte came at that time; None: it is still coming.
    end_ns: Option<i64>,
    login: Option<Login>,
    head_only: bool,
    connect: bool,
}

impl Exchange {
    /// Its row, and where that is kept.
    pub(super) fn stored(&self) -> Option<(usize, &Context, &Row)> {
        Some((self.place?, self.context.as_ref()?, &self.row))
    }
}

/// A message whose head has come and whose end has not.
#[derive(Debug)]
struct Coming {
    first_ns: i64,
    head_frame: u64,
    done: Done,
    upgrade: Vec<u8>,
    /// Wireshark has not read its head: the segment was taken for a repetition, or for late.
    unread: bool,
    /// Wireshark has read a part of it on its own, and so does not show the message.
    torn: bool,
    /// It was counted when its segment turned out to be cut.
    counted: bool,
    /// The exchange of a response; that of a request waits in the queue.
    exchange: Option<Box<Exchange>>,
}

#[derive(Debug, Default)]
struct Side {
    mode: Mode,
    /// Bytes looked at already while more are waited for.
    scanned: usize,
    /// Bytes of the chunk that are still to come.
    chunk_left: u64,
    /// Start of a head whose end has not come, and its frame.
    partial: Option<Box<(u64, Vec<u8>)>>,
    /// When the first byte of the message at hand came.
    first_ns: Option<i64>,
    coming: Option<Box<Coming>>,
    /// A message passed over of which bytes were missing when the next one began; they may still come.
    late: Option<Box<Coming>>,
    websocket: Websocket,
}

/// State of one connection.
#[derive(Debug, Default)]
pub(super) struct Connection {
    sides: [Side; 2],
    queue: VecDeque<Box<Exchange>>,
    /// A request has been seen: what follows is HTTP whatever it looks like.
    seen: bool,
    /// On a port of another protocol's, or not recognised by Wireshark's rule.
    hidden: bool,
    begun: bool,
    /// A response may have been lost: the next request starts afresh.
    uncertain: bool,
    pub handshake_ns: Option<i64>,
    requests: u32,
    place: Option<usize>,
    http2: Option<Box<Http2>>,
    closed: [bool; 2],
}

/// Which of the two directions: 0 from the lower end.
fn side(c: &Context) -> usize {
    ((c.src, c.src_port) > (c.dst, c.dst_port)) as usize
}

impl Connection {
    /// Frames of requests that wait for their response.
    pub fn unanswered(&self) -> impl Iterator<Item = u64> + '_ {
        self.queue.iter().filter_map(|e| Some(e.context?.frame))
    }

    /// Both directions are closed.
    pub fn over(&self) -> bool {
        self.closed.iter().all(|&c| c)
    }

    /// Wireshark shows what is done in this frame.
    fn shown(&self, c: &Context) -> bool {
        !self.hidden && !c.only_in_order
    }

    fn found(&self, c: &Context, out: &mut Output) {
        if self.shown(c) {
            out.found(Proto::Http);
        }
    }

    pub fn stream(&mut self, shared: &mut Shared, c: &Context, data: &[u8], out: &mut Output) -> Step {
        let at = side(c);
        if !self.begun || (self.hidden && self.sides[at].mode == Mode::Start) {
            self.begun = true;
            self.hidden = c.detected_by != DetectedBy::Port && (super::ports::taken(c) || !head::on_any_port(data));
        }
        match self.sides[at].mode {
            Mode::Start => self.start(shared, c, at, data, out),
            Mode::Chunk => self.chunk(shared, c, at, data, out),
            Mode::Trailer => self.trailer(shared, c, at, data, out),
            Mode::ChunkData => {
                let used = data.len().min(usize::try_from(self.sides[at].chunk_left).unwrap_or(usize::MAX));
                self.sides[at].chunk_left -= used as u64;
                if self.sides[at].chunk_left == 0 {
                    self.sides[at].mode = Mode::Chunk;
                }
                Step::Consumed(used)
            }
            Mode::UntilClose => {
                if let Some(coming) = &mut self.sides[at].coming {
                    coming.done.body += data.len() as u64;
                }
                Step::Consumed(data.len())
            }
            // All bytes a Consumed reached for are passed over before this is asked again.
            Mode::Body => {
                let side = &mut self.sides[at];
                side.late = side.coming.take();
                side.mode = Mode::Start;
                self.start(shared, c, at, data, out)
            }
            Mode::Tunnel => {
                self.found(c, out);
                Step::Consumed(data.len())
            }
            Mode::Switched => Step::Consumed(data.len()),
            Mode::Websocket => {
                let step = self.sides[at].websocket.frame(&mut shared.websocket, data);
                if let Step::Consumed(n) = step
                    && n <= data.len()
                {
                    self.websocket_done(shared, c, at, out);
                }
                step
            }
            Mode::Http2 => match &mut self.http2 {
                Some(h2) => h2.stream(shared, c, at, data, !self.hidden, out),
                None => Step::Consumed(data.len()),
            },
        }
    }

    fn websocket_done(&mut self, shared: &mut Shared, c: &Context, at: usize, out: &mut Output) {
        if self.sides[at].websocket.done(&mut shared.websocket, self.shown(c)) && self.shown(c) {
            out.found(Proto::Websocket);
        }
    }

    /// The bytes of a body, of a chunk or of a WebSocket frame have all come.
    pub fn skipped(&mut self, shared: &mut Shared, c: &Context, out: &mut Output) {
        let at = side(c);
        match self.sides[at].mode {
            Mode::Body => self.finish(shared, c, at, out),
            mode @ (Mode::Start | Mode::Chunk | Mode::ChunkData | Mode::Trailer | Mode::UntilClose) => {
                // Bytes that were missing of the message before.
                let side = &mut self.sides[at];
                if let Some(late) = side.late.take() {
                    let coming = side.coming.replace(late);
                    self.finish(shared, c, at, out);
                    (self.sides[at].coming, self.sides[at].mode) = (coming, mode);
                }
            }
            Mode::Websocket => self.websocket_done(shared, c, at, out),
            Mode::Http2 => {
                let shown = self.shown(c);
                if let Some(h2) = &mut self.http2 {
                    h2.skipped(shared, c, at, shown, out);
                }
            }
            _ => {}
        }
    }

    /// What Wireshark shows of a segment it reads ahead of a gap.
    pub fn ahead(&mut self, shared: &mut Shared, c: &Context, data: &[u8], out: &mut Output) {
        let side = &mut self.sides[side(c)];
        let shows = match side.mode {
            Mode::Tunnel => true,
            // It waits for all of such a body, if it has read its head.
            Mode::Body if side.coming.as_ref().is_some_and(|m| !m.unread) => {
                head::look(data) == Look::Start && whole(data)
            }
            Mode::UntilClose | Mode::Switched | Mode::Websocket | Mode::Http2 => false,
            Mode::Start | Mode::Body | Mode::Chunk | Mode::ChunkData | Mode::Trailer => match head::look(data) {
                Look::Unfinished => false,
                Look::Field => true,
                Look::Other => self.seen,
                Look::Start => whole(data),
            },
        };
        if let Some(coming) = &mut side.coming
            && matches!(side.mode, Mode::Chunk | Mode::ChunkData | Mode::Trailer)
        {
            coming.torn = true;
        }
        if shows && !self.hidden {
            shared.http.continuations += (head::look(data) != Look::Start) as u64;
            out.found(Proto::Http);
        }
    }

    /// The rest of the segment was not captured: Wireshark shows what there is, without waiting for more.
    pub fn cut(&mut self, shared: &mut Shared, c: &Context, out: &mut Output) {
        if !self.shown(c) {
            return;
        }
        let side = &mut self.sides[side(c)];
        let here = |frame: u64| frame == c.frame;
        if let Some(coming) = side.coming.as_mut().filter(|m| here(m.head_frame) && !m.counted) {
            coming.counted = true;
            self.seen |= coming.done.kind != Kind::Response;
            out.found(Proto::Http);
            shared.http.done(c, &coming.done);
        } else if let Some(partial) = side.partial.take().filter(|p| here(p.0)) {
            let Some(head) = Head::partial(&partial.1) else { return };
            self.seen |= head.kind != Kind::Response;
            out.found(Proto::Http);
            shared.http.done(c, &done(&head));
        }
    }

    pub fn gap(&mut self, shared: &mut Shared, c: &Context, lost: u64) {
        shared.http.lost_bytes += lost;
        let at = side(c);
        if let Some(h2) = &mut self.http2 {
            h2.gap();
        }
        let side = &mut self.sides[at];
        (side.scanned, side.first_ns, side.partial) = (0, None, None);
        match side.mode {
            Mode::Body | Mode::Chunk | Mode::ChunkData | Mode::Trailer => {
                side.mode = Mode::Start;
                self.uncertain = true;
                self.abandon(shared, at);
            }
            Mode::UntilClose => {
                if let Some(coming) = &mut self.sides[at].coming {
                    coming.done.body += lost;
                }
            }
            Mode::Start => self.uncertain = true,
            _ => {}
        }
    }

    /// The rest of a message is lost: it stays unfinished in its row.
    fn abandon(&mut self, shared: &mut Shared, at: usize) {
        if let Some(coming) = self.sides[at].coming.take()
            && let Some(exchange) = coming.exchange
        {
            shared.store(&exchange);
        }
    }

    pub fn close(&mut self, shared: &mut Shared, c: &Context, how: Close, out: &mut Output) {
        let at = side(c);
        self.closed[at] = true;
        if how == Close::Rst {
            self.closed = [true; 2];
        }
        let side = &self.sides[at];
        // A body up to the end of the connection; or Wireshark, seeing the end, does not wait for the rest.
        let cut = side.coming.as_ref().is_some_and(|m| m.head_frame == c.frame);
        if how == Close::Fin && (side.mode == Mode::UntilClose || (side.mode == Mode::Body && cut)) {
            let whole = side.mode == Mode::UntilClose;
            let mut c = *c;
            // Such a body is waited for in whatever order it comes.
            c.only_in_order &= !whole;
            if whole {
                self.finish(shared, &c, at, out);
            } else {
                self.found(&c, out);
            }
        }
    }

    /// In front of a message.
    fn start(&mut self, shared: &mut Shared, c: &Context, at: usize, data: &[u8], out: &mut Output) -> Step {
        let side = &mut self.sides[at];
        side.first_ns.get_or_insert(c.time_ns);
        if !self.seen && data.starts_with(http2::PREFACE.get(..data.len().min(24)).unwrap_or_default()) {
            if data.len() < http2::PREFACE.len() {
                side.scanned = data.len();
                return Step::Need(http2::PREFACE.len());
            }
            self.switch(Mode::Http2);
            self.hidden |= c.detected_by != DetectedBy::Port;
            return self.http2_begin(shared, c, at, data, out);
        }
        // Only what is new is looked at for the end of the line or of the head.
        let from = side.scanned.saturating_sub(3);
        let fresh = data.get(from..).unwrap_or_default();
        let waits = side.scanned > 0 && data.len() <= MAX_HEAD;
        side.scanned = data.len();
        if waits && !fresh.contains(&b'\n') {
            return Step::Need(data.len() + 1);
        }
        match head::look(data) {
            Look::Unfinished if data.len() <= MAX_HEAD => {
                let start = data.get(..data.len().min(MAX_PARTIAL)).unwrap_or_default();
                side.partial = Some(Box::new((c.frame, start.to_vec())));
                Step::Need(data.len() + 1)
            }
            Look::Start => {
                if waits && !ends_head(fresh) {
                    return Step::Need(data.len() + 1);
                }
                match Head::read(data) {
                    Some(head) => self.head(shared, c, at, &head, data, out),
                    None if data.len() <= MAX_HEAD => {
                        let start = data.get(..data.len().min(MAX_PARTIAL)).unwrap_or_default();
                        side.partial = Some(Box::new((c.frame, start.to_vec())));
                        Step::Need(data.len() + 1)
                    }
                    None => self.continuation(shared, c, at, data, false, out),
                }
            }
            look => self.continuation(shared, c, at, data, look == Look::Field, out),
        }
    }

    /// Bytes of a body whose head is not known; Wireshark shows them where it has seen HTTP before, or where they look
    /// like a header field.
    fn continuation(
        &mut self,
        shared: &mut Shared,
        c: &Context,
        at: usize,
        data: &[u8],
        field: bool,
        out: &mut Output,
    ) -> Step {
        (self.sides[at].scanned, self.sides[at].first_ns) = (0, None);
        if (self.seen || field) && self.shown(c) {
            shared.http.continuations += 1;
            out.found(Proto::Http);
        }
        Step::Consumed(data.len())
    }

    fn head(
        &mut self,
        shared: &mut Shared,
        c: &Context,
        at: usize,
        h: &Head<'_>,
        data: &[u8],
        out: &mut Output,
    ) -> Step {
        let request = h.kind != Kind::Response;
        let body = data.get(h.len..).unwrap_or_default();
        let media = h.media_type();
        if request
            && let Some(len) = h.content_length.filter(|&n| n <= MAX_FORM)
            && !h.chunked
            && (body.len() as u64) < len
            && media.eq_ignore_ascii_case(b"application/x-www-form-urlencoded")
        {
            // A form may be a login: it is looked at as a whole.
            self.sides[at].scanned = 0;
            return Step::Need(h.len + len as usize);
        }
        let side = &mut self.sides[at];
        (side.scanned, side.partial) = (0, None);
        let mut coming = Box::new(Coming {
            first_ns: side.first_ns.take().unwrap_or(c.time_ns),
            head_frame: c.frame,
            done: done(h),
            upgrade: h.upgrade.get(..h.upgrade.len().min(64)).unwrap_or_default().to_ascii_lowercase(),
            unread: c.only_in_order,
            torn: false,
            counted: false,
            exchange: None,
        });
        shared.http.unfinished += 1;
        let mut no_body = request;
        if request {
            let login = if h.authorization.is_empty() { None } else { secret::login(h.authorization) };
            let form = || {
                let len = h.content_length.filter(|&n| n <= MAX_FORM)? as usize;
                (media.eq_ignore_ascii_case(b"application/x-www-form-urlencoded"))
                    .then(|| secret::form_login(body.get(..len)?))?
            };
            if h.kind == Kind::Request {
                self.asked(shared, c, h, login.or_else(form), &coming.done);
            }
        } else {
            no_body = self.answered(shared, c, h, &mut coming);
        }
        let bodyless = no_body && !request;
        let mode = if h.chunked && !bodyless {
            Mode::Chunk
        } else if bodyless {
            Mode::Start
        } else if h.content_length.is_some() || request {
            Mode::Body
        } else {
            Mode::UntilClose
        };
        coming.done.chunked = mode == Mode::Chunk;
        self.sides[at].coming = Some(coming);
        self.sides[at].mode = mode;
        let length = if mode == Mode::Body { h.content_length.unwrap_or(0) } else { 0 };
        match mode {
            Mode::Start => self.finish_then(shared, c, at, h.len, out),
            Mode::Body if endless(h) => {
                if let Some(coming) = &mut self.sides[at].coming {
                    coming.done.body = body.len() as u64;
                }
                self.finish_then(shared, c, at, data.len(), out)
            }
            Mode::Body => {
                if let Some(coming) = &mut self.sides[at].coming {
                    coming.done.body = length;
                }
                let end = (h.len as u64).saturating_add(length);
                if end <= data.len() as u64 {
                    return self.finish_then(shared, c, at, h.len + length as usize, out);
                }
                Step::Consumed(usize::try_from(end).unwrap_or(usize::MAX))
            }
            Mode::UntilClose => {
                if let Some(coming) = &mut self.sides[at].coming {
                    coming.done.body = body.len() as u64;
                    if let Some(e) = &mut coming.exchange {
                        e.row.flags |= flag::UNTIL_CLOSE;
                    }
                }
                Step::Consumed(data.len())
            }
            _ => Step::Consumed(h.len),
        }
    }

    /// A request begins to wait for its response.
    fn asked(&mut self, shared: &mut Shared, c: &Context, h: &Head<'_>, login: Option<Login>, done: &Done) {
        if std::mem::take(&mut self.uncertain) || self.queue.len() >= MAX_QUEUE {
            self.queue.clear();
        }
        self.requests += 1;
        let reuse = || Reuse {
            stream: c.stream.unwrap_or(0),
            client: c.src,
            server: c.dst,
            port: c.dst_port,
            host: done.host.clone(),
            requests: 1,
            first_ns: c.time_ns,
            last_ns: c.time_ns,
        };
        self.place = shared.http.reused(self.place, reuse, self.requests, c.time_ns);
        let mut row = Row { version: h.version, request_head: h.len as u32, ..Row::default() };
        row.flags = [(h.chunked, flag::REQUEST_CHUNKED), (h.keeps_open(), flag::KEPT_OPEN)]
            .iter()
            .filter(|(is, _)| *is)
            .fold(0, |all, (_, bit)| all | bit);
        row.set("method", h.method);
        row.set("host", h.host);
        row.set_text("uri", secret::shown_target(h.target, super::row::MAX_TEXT));
        row.set("user_agent", h.user_agent);
        row.set("request_type", h.media_type());
        if let Some(login) = &login {
            row.set_text("login", login.scheme.to_owned());
            row.set_text("user", login.user.clone().unwrap_or_default());
            shared.http.login(c, &done.host, login, None);
        }
        shared.http.requests_kept_open += h.keeps_open() as u64;
        shared.http.open += 1;
        let place = shared.kept.keep("http", c, super::row::fields, &row.pack());
        self.queue.push_back(Box::new(Exchange {
            place,
            row,
            context: Some(*c),
            end_ns: None,
            login,
            head_only: h.method == b"HEAD",
            connect: h.method == b"CONNECT",
        }));
    }

    /// The head of a response: finds its request. True: it has no body whatever it says (RFC 9112 6.3).
    fn answered(&mut self, shared: &mut Shared, c: &Context, h: &Head<'_>, coming: &mut Coming) -> bool {
        let interim = h.status / 100 == 1 && h.status != 101;
        if interim {
            if let Some(e) = self.queue.front_mut() {
                e.row.flags |= flag::INTERIM;
            }
            return true;
        }
        let mut exchange = match self.queue.pop_front() {
            Some(e) => {
                shared.http.open = shared.http.open.saturating_sub(1);
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
        row.set_text("location", secret::shown_target(h.location, super::row::MAX_TEXT));
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
            if accepted.is_some() {
                let host = exchange.row.texts.get(1).cloned().unwrap_or_default();
                shared.http.login(c, &host, login, accepted);
            }
        }
        coming.exchange = Some(exchange);
        no_body
    }

    fn chunk(&mut self, shared: &mut Shared, c: &Context, at: usize, data: &[u8], out: &mut Output) -> Step {
        let Some((first, next)) = head::line(data, 0) else {
            if data.len() <= MAX_CHUNK_LINE {
                return Step::Need(data.len() + 1);
            }
            return self.bad_chunk(shared, c, at, data, out);
        };
        match head::chunk_size(first) {
            Some(0) => {
                self.sides[at].mode = Mode::Trailer;
                Step::Consumed(next)
            }
            Some(size) => {
                if let Some(coming) = &mut self.sides[at].coming {
                    coming.done.body = coming.done.body.saturating_add(size);
                }
                // The data and the line end behind it.
                (self.sides[at].mode, self.sides[at].chunk_left) = (Mode::ChunkData, size + 2);
                Step::Consumed(next)
            }
            None => self.bad_chunk(shared, c, at, data, out),
        }
    }

    fn bad_chunk(&mut self, shared: &mut Shared, c: &Context, at: usize, data: &[u8], out: &mut Output) -> Step {
        shared.http.bad_chunks.add(c.frame);
        self.finish_then(shared, c, at, data.len(), out)
    }

    /// Behind the last chunk: fields up to an empty line. Wireshark waits for one line only.
    fn trailer(&mut self, shared: &mut Shared, c: &Context, at: usize, data: &[u8], out: &mut Output) -> Step {
        let mut end = 0;
        while let Some((line, next)) = head::line(data, end) {
            end = next;
            if line.is_empty() {
                break;
            }
        }
        if end == 0 && data.len() <= MAX_CHUNK_LINE {
            return Step::Need(data.len() + 1);
        }
        self.finish_then(shared, c, at, if end == 0 { data.len() } else { end }, out)
    }

    fn finish_then(&mut self, shared: &mut Shared, c: &Context, at: usize, used: usize, out: &mut Output) -> Step {
        self.finish(shared, c, at, out);
        Step::Consumed(used)
    }

    /// The message at hand is whole.
    fn finish(&mut self, shared: &mut Shared, c: &Context, at: usize, out: &mut Output) {
        self.sides[at].mode = Mode::Start;
        let Some(mut coming) = self.sides[at].coming.take() else { return };
        shared.http.unfinished = shared.http.unfinished.saturating_sub(1);
        let shown = self.shown(c) && !coming.torn;
        self.seen |= coming.done.kind != Kind::Response;
        if coming.counted {
            // In the frame that was cut.
        } else if shown {
            out.found(Proto::Http);
            shared.http.done(c, &coming.done);
        } else if self.hidden {
            shared.http.on_other_ports += 1;
        } else {
            shared.http.only_in_order += 1;
        }
        let hidden = if shown { 0 } else { flag::HIDDEN };
        match coming.done.kind {
            Kind::Notification => {}
            Kind::Request => {
                let Some(e) = self.of_request(at) else { return };
                e.row.flags |= flag::REQUEST_DONE | hidden;
                e.row.request_body = coming.done.body;
                e.end_ns = Some(c.time_ns);
                e.context = Some(*c);
                shared.store(e);
            }
            Kind::Response => {
                let Some(mut e) = coming.exchange.take() else { return };
                e.row.flags |= flag::RESPONSE_DONE | hidden;
                e.row.response_body = coming.done.body;
                e.row.response_frame = c.frame;
                e.row.transfer_ns = Some(c.time_ns.saturating_sub(coming.first_ns)).filter(|&ns| ns >= 0);
                if shown && e.row.flags & flag::NO_REQUEST != 0 {
                    shared.http.no_request.add(c.frame);
                } else if shown {
                    let took =
                        Took { wait_ns: e.row.wait_ns, transfer_ns: e.row.transfer_ns, network_ns: self.handshake_ns };
                    shared.http.took(c, &took);
                }
                shared.store(&e);
                self.switched(shared, &e, &coming.upgrade);
            }
        }
    }

    /// The exchange of the request that has just come in full: the last one, or the one whose response is coming.
    fn of_request(&mut self, at: usize) -> Option<&mut Exchange> {
        let early = self.queue.back().is_none_or(|e| e.end_ns.is_some());
        if early {
            return self.sides.get_mut(1 - at)?.coming.as_mut()?.exchange.as_deref_mut();
        }
        self.queue.back_mut().map(Box::as_mut)
    }

    /// What follows a response that ends HTTP on the connection.
    fn switched(&mut self, shared: &mut Shared, e: &Exchange, upgrade: &[u8]) {
        if e.connect && e.row.status / 100 == 2 {
            self.switch(Mode::Tunnel);
        } else if e.row.status == 101 {
            shared.http.upgrades.add(text(upgrade, MAX_FIELD).as_str());
            // Wireshark needs the request to go on by the new protocol's rules.
            let known = e.row.flags & flag::NO_REQUEST == 0;
            self.switch(match upgrade {
                b"websocket" if known => Mode::Websocket,
                b"h2c" if known => Mode::Http2,
                _ => Mode::Switched,
            });
            if self.sides[0].mode == Mode::Http2 {
                self.http2 = Some(Box::new(Http2::new(self.handshake_ns)));
            }
            if self.sides[0].mode == Mode::Websocket {
                shared.websocket.connections += 1;
            }
        }
    }

    fn switch(&mut self, mode: Mode) {
        for side in &mut self.sides {
            side.mode = mode;
            (side.scanned, side.first_ns) = (0, None);
        }
    }

    fn http2_begin(&mut self, shared: &mut Shared, c: &Context, at: usize, data: &[u8], out: &mut Output) -> Step {
        let shown = self.shown(c);
        let h2 = self.http2.insert(Box::new(Http2::new(self.handshake_ns)));
        h2.stream(shared, c, at, data, shown, out)
    }
}

/// Wireshark does not wait for a body of that length: 2 GiB and more, or a channel of RPC over HTTP ([MS-RPCH] 2.1.2.1:
/// such a request stays open).
fn endless(h: &Head<'_>) -> bool {
    let channel = matches!(h.method, b"RPC_IN_DATA" | b"RPC_OUT_DATA");
    h.content_length.is_some_and(|n| n > i32::MAX as u64 || (channel && n >= 131_072))
}

/// Whether a message that starts the segment ends in it, too.
fn whole(data: &[u8]) -> bool {
    let Some(h) = Head::read(data) else { return false };
    match h.content_length {
        _ if h.chunked => data.ends_with(b"0\r\n\r\n"),
        Some(n) => (h.len as u64).saturating_add(n) <= data.len() as u64,
        None => h.kind != Kind::Response || h.status / 100 == 1 || h.status == 204 || h.status == 304,
    }
}

/// An empty line, and so the end of a head.
fn ends_head(data: &[u8]) -> bool {
    data.windows(2).any(|w| w == b"\n\n") || data.windows(3).any(|w| w == b"\n\r\n")
}

fn done(h: &Head<'_>) -> Done {
    let field = |b: &[u8]| if b.is_empty() { String::new() } else { text(b, MAX_FIELD) };
    let uri = if h.kind == Kind::Response || h.host.is_empty() || h.target.is_empty() && h.method.is_empty() {
        String::new()
    } else {
        let whole = |scheme: &[u8]| h.target.get(..scheme.len()).is_some_and(|s| s.eq_ignore_ascii_case(scheme));
        if whole(b"http://") || whole(b"https://") || h.method.eq_ignore_ascii_case(b"CONNECT") {
            secret::shown_target(h.target, MAX_URI)
        } else {
            format!("http://{}{}", field(h.host), secret::shown_target(h.target, MAX_URI))
        }
    };
    Done {
        kind: h.kind,
        method: field(h.method),
        host: field(h.host),
        uri,
        user_agent: field(h.user_agent),
        server: field(h.server),
        content_type: field(h.media_type()).to_ascii_lowercase(),
        encoding: field(h.content_encoding).to_ascii_lowercase(),
        status: h.status,
        version: h.version,
        body: 0,
        chunked: false,
    }
}
