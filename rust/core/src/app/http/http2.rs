//! HTTP/2 in the clear (RFC 9113): frames, and requests and responses by their streams.

use super::Shared;
use super::counts::{Done, Evidence, MAX_URI, Took};
use super::head::Kind;
use super::hpack::Decoder;
use super::http2_fields as fields;
use super::row::{self, MAX_TEXT, Row, TEXTS, flag};
use super::secret;
use crate::app::message::{Fields, text};
use crate::app::{Context, Output, Step};
use crate::filter::registry::Group;
use crate::layers::Proto;
use std::collections::HashMap;

pub const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/// Frames other than DATA are looked at as a whole up to that size.
const MAX_FRAME: usize = 65_536;
/// Longest header block put together.
const MAX_BLOCK: usize = 131_072;
/// Streams of one connection followed at a time.
const MAX_STREAMS: usize = 1_000;
/// Longest value of a field kept, bytes.
const MAX_FIELD: usize = 4_096;

#[rustfmt::skip]
const TYPES: [&str; 10] = [
    "data", "headers", "priority", "rst_stream", "settings", "push_promise", "ping", "goaway", "window_update",
    "continuation",
];
const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const PUSH_PROMISE: u8 = 5;
const GOAWAY: u8 = 7;
const CONTINUATION: u8 = 9;
const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;
const PADDED: u8 = 8;
const PRIORITY: u8 = 0x20;

/// What is counted of frames.
#[derive(Clone, Debug, Default)]
pub struct Frames {
    by_type: [u64; 16],
    connections: u64,
    broken_blocks: u64,
    reset: Evidence,
    goaway: Evidence,
}

impl Frames {
    pub fn is_empty(&self) -> bool {
        self.connections == 0
    }

    pub fn merge(&mut self, o: &Self) {
        self.connections += o.connections;
        self.broken_blocks += o.broken_blocks;
        self.by_type.iter_mut().zip(o.by_type).for_each(|(a, b)| *a += b);
        self.reset.merge(&o.reset);
        self.goaway.merge(&o.goaway);
    }

    pub fn report(&self) -> Fields {
        let types: Fields = TYPES.iter().enumerate().map(|(i, name)| (*name, self.by_type[i].into())).collect();
        vec![
            ("http2_connections", self.connections.into()),
            ("frames", self.by_type.iter().sum::<u64>().into()),
            ("frame_types", types.into()),
            ("broken_header_blocks", self.broken_blocks.into()),
            ("reset_streams", self.reset.report()),
            ("goaway", self.goaway.report()),
        ]
    }
}

/// A SETTINGS frame of the connection: what a server begins with (RFC 9113 3.4).
pub fn begins_with_settings(data: &[u8]) -> bool {
    matches!(data, [0, hi, lo, SETTINGS, 0, 0, 0, 0, 0, ..] if u16::from_be_bytes([*hi, *lo]) % 6 == 0)
}

/// A stream with a request and its response.
#[derive(Debug, Default)]
struct Exchange {
    /// Its number among the rows.
    place: Option<u32>,
    /// A place among the rows was asked for.
    placed: bool,
    /// Its request is counted as waiting for a response.
    open: bool,
    /// Its messages that are counted as unfinished.
    unfinished: u64,
    row: Row,
    context: Option<Context>,
    end_ns: Option<i64>,
    first_ns: i64,
    request: Option<Done>,
    response: Option<Done>,
    login: Option<secret::Login>,
}

#[derive(Debug, Default)]
struct Side {
    decoder: Option<Decoder>,
    /// A header block could not be read: those behind it cannot, either.
    broken: bool,
    /// Frame whose bytes are passed over: type, flags, stream, bytes.
    coming: Option<(u8, u8, u32, usize)>,
    block: Vec<u8>,
    /// Stream and flags of the block that is put together.
    block_of: Option<(u32, u8)>,
}

/// The fields of a header block that are looked at.
#[derive(Debug, Default)]
struct Block {
    method: Vec<u8>,
    path: Vec<u8>,
    scheme: Vec<u8>,
    authority: Vec<u8>,
    status: Vec<u8>,
    user_agent: Vec<u8>,
    content_type: Vec<u8>,
    encoding: Vec<u8>,
    server: Vec<u8>,
    location: Vec<u8>,
    authorization: Vec<u8>,
    bytes: usize,
}

#[derive(Debug, Default)]
pub struct Http2 {
    sides: [Side; 2],
    streams: HashMap<u32, Box<Exchange>, foldhash::fast::RandomState>,
    handshake_ns: Option<i64>,
    counted: bool,
}

impl Http2 {
    pub fn new(handshake_ns: Option<i64>) -> Self {
        Self { handshake_ns, ..Self::default() }
    }

    /// The connection goes on from a request of HTTP/1.1, at `context` and ended then: its response is that of stream 1
    /// (RFC 7540 section 3.2).
    pub fn upgraded(handshake_ns: Option<i64>, request: &Row, context: Option<Context>, end_ns: Option<i64>) -> Self {
        let mut row = Row { version: 20, stream_id: 1, flags: flag::KEPT_OPEN | flag::REQUEST_DONE, ..Row::default() };
        for (name, text) in TEXTS.iter().zip(&request.texts) {
            if matches!(*name, "method" | "host" | "uri" | "user_agent") {
                row.set_text(name, text.clone());
            }
        }
        let first = Box::new(Exchange { row, context, end_ns, ..Exchange::default() });
        let mut http2 = Self::new(handshake_ns);
        http2.streams.insert(1, first);
        http2
    }

    /// Nothing more comes of its streams.
    pub fn over(&mut self, shared: &mut Shared) {
        self.streams.drain().for_each(|(_, e)| e.settle(shared));
    }

    /// Bytes are lost: header blocks cannot be read any more.
    pub fn gap(&mut self) {
        for side in &mut self.sides {
            (side.broken, side.coming, side.block_of) = (true, None, None);
            side.block = Vec::new();
        }
    }

    pub fn stream(
        &mut self,
        shared: &mut Shared,
        c: &Context,
        at: usize,
        data: &[u8],
        shown: bool,
        out: &mut Output,
    ) -> Step {
        let shown = shown && !c.only_in_order;
        if let Some(frames) = shared.frames() {
            frames.connections += !std::mem::replace(&mut self.counted, true) as u64;
        }
        if data.starts_with(PREFACE.get(..data.len().min(PREFACE.len())).unwrap_or_default()) {
            if data.len() < PREFACE.len() {
                return Step::Need(PREFACE.len());
            }
            found(shown, out);
            if let Some(sink) = out.fields(Group::Http2).filter(|_| shown) {
                fields::preface(PREFACE, sink);
            }
            return Step::Consumed(PREFACE.len());
        }
        let &[a, b, l, kind, flags, s0, s1, s2, s3, ..] = data else { return Step::Need(9) };
        let len = u32::from_be_bytes([0, a, b, l]) as usize;
        let id = u32::from_be_bytes([s0, s1, s2, s3]) & 0x7fff_ffff;
        let end = 9 + len;
        if kind == DATA || len > MAX_FRAME {
            self.sides[at].coming = Some((kind, flags, id, len));
            if end <= data.len() {
                self.skipped(shared, c, at, shown, out);
            }
            return Step::Consumed(end);
        }
        let Some(payload) = data.get(9..end) else { return Step::Need(end) };
        found(shown, out);
        if let Some(sink) = out.fields(Group::Http2).filter(|_| shown) {
            fields::frame((kind, flags, id), len, sink);
            fields::payload(kind, flags, payload, sink);
        }
        self.frame(shared, c, at, (kind, flags, id), payload, shown, out);
        Step::Consumed(end)
    }

    /// A frame that was passed over has come in full.
    pub fn skipped(&mut self, shared: &mut Shared, c: &Context, at: usize, shown: bool, out: &mut Output) {
        let Some((kind, flags, id, len)) = self.sides[at].coming.take() else { return };
        if let Some(frames) = shared.frames() {
            frames.by_type[kind as usize & 15] += 1;
        }
        found(shown, out);
        if let Some(sink) = out.fields(Group::Http2).filter(|_| shown) {
            fields::frame((kind, flags, id), len, sink);
        }
        if kind != DATA {
            self.sides[at].broken = true;
            return;
        }
        let Some(e) = self.streams.get_mut(&id) else { return };
        let from_server = e.response.is_some() && e.context.is_some_and(|q| (q.src, q.src_port) != (c.src, c.src_port));
        let message = if from_server { &mut e.response } else { &mut e.request };
        if let Some(m) = message {
            m.body += len as u64;
        }
        if flags & END_STREAM != 0 {
            self.end(shared, c, id, from_server, shown);
        }
    }

    #[allow(clippy::too_many_arguments)] // all that is known of the frame
    fn frame(
        &mut self,
        shared: &mut Shared,
        c: &Context,
        at: usize,
        (kind, flags, id): (u8, u8, u32),
        payload: &[u8],
        shown: bool,
        out: &mut Output,
    ) {
        if let Some(frames) = shared.frames() {
            frames.by_type[kind as usize & 15] += 1;
        }
        match kind {
            HEADERS | PUSH_PROMISE => {
                let padded = flags & PADDED != 0;
                let pad = if padded { payload.first().copied().unwrap_or(0) as usize } else { 0 };
                let mut skip = padded as usize;
                // RFC 9113 6.2 and 6.6: a priority, or the number of the promised stream.
                skip += if kind == PUSH_PROMISE { 4 } else { (flags & PRIORITY != 0) as usize * 5 };
                let block = payload.len().checked_sub(pad).and_then(|end| payload.get(skip..end));
                let side = &mut self.sides[at];
                let Some(block) = block else {
                    side.broken = true;
                    return;
                };
                side.block.clear();
                side.block.extend_from_slice(block);
                // What a promise asks for is not followed; its block is read for the table's sake.
                side.block_of = Some((if kind == PUSH_PROMISE { 0 } else { id }, flags));
            }
            CONTINUATION => {
                let side = &mut self.sides[at];
                if side.block.len() + payload.len() > MAX_BLOCK {
                    side.broken = true;
                } else {
                    side.block.extend_from_slice(payload);
                }
            }
            RST_STREAM => {
                if let Some(frames) = shared.frames() {
                    frames.reset.add(c.frame);
                }
                if let Some(e) = self.streams.remove(&id) {
                    shared.http2.unfinished = shared.http2.unfinished.saturating_sub(e.unfinished);
                    e.settle(shared);
                }
                return;
            }
            GOAWAY => {
                if let Some(frames) = shared.frames() {
                    frames.goaway.add(c.frame);
                }
                return;
            }
            _ => return,
        }
        if flags & END_HEADERS != 0
            && let Some((id, first_flags)) = self.sides[at].block_of.take()
        {
            self.block(shared, c, at, (id, first_flags), shown, out);
        }
    }

    fn block(
        &mut self,
        shared: &mut Shared,
        c: &Context,
        at: usize,
        (id, flags): (u32, u8),
        shown: bool,
        out: &mut Output,
    ) {
        let side = &mut self.sides[at];
        let raw = std::mem::take(&mut side.block);
        if side.broken {
            return;
        }
        let mut found = Block { bytes: raw.len(), ..Block::default() };
        let (mut sink, mut count) = (out.fields(Group::Http2).filter(|_| shown), 0);
        let each = |name: &[u8], value: &[u8]| {
            found.take(name, value);
            count += 1;
            if let Some(sink) = &mut sink {
                fields::header(name, value, sink);
            }
        };
        let whole = side.decoder.get_or_insert_with(Decoder::new).decode(&raw, each).is_some();
        if let Some(sink) = &mut sink {
            fields::count(count, sink);
        }
        if !whole {
            side.broken = true;
            if let Some(frames) = shared.frames() {
                frames.broken_blocks += 1;
            }
            return;
        }
        if id == 0 {
            return;
        }
        if !found.method.is_empty() {
            self.request(shared, c, id, &found);
        } else if !found.status.is_empty() {
            self.response(shared, c, id, &found);
        }
        if flags & END_STREAM != 0 {
            // Trailers end a stream, too: the sender says whose it is.
            let own = self
                .streams
                .get(&id)
                .and_then(|e| e.context)
                .is_some_and(|q| (q.src, q.src_port) == (c.src, c.src_port));
            self.end(shared, c, id, !own, shown);
        }
    }

    fn request(&mut self, shared: &mut Shared, c: &Context, id: u32, b: &Block) {
        if self.streams.len() >= MAX_STREAMS {
            self.over(shared);
        }
        let login = if b.authorization.is_empty() || c.is_decrypted() { None } else { secret::login(&b.authorization) };
        let mut row =
            Row { version: 20, request_head: b.bytes as u32, stream_id: id, flags: flag::KEPT_OPEN, ..Row::default() };
        row.set("method", &b.method);
        row.set("host", &b.authority);
        row.set_text("uri", secret::shown_target(&b.path, MAX_TEXT));
        row.set("user_agent", &b.user_agent);
        row.set("request_type", media_type(&b.content_type));
        let mut done = b.done(Kind::Request);
        if !b.authority.is_empty() {
            let scheme = if b.scheme == b"https" { "https" } else { "http" };
            done.uri = format!("{scheme}://{}{}", done.host, secret::shown_target(&b.path, MAX_URI));
        }
        if let Some(login) = &login {
            row.set_text("login", login.scheme.to_owned());
            row.set_text("user", login.user.clone().unwrap_or_default());
            if let Some(counts) = shared.http2() {
                counts.login(c, &done.host, login, None);
            }
        }
        let mut e = Box::new(Exchange { row, context: Some(*c), request: Some(done), login, ..Exchange::default() });
        if let Some(counts) = shared.http2() {
            counts.unfinished += 1;
            counts.open += 1;
            (e.unfinished, e.open) = (1, true);
        }
        e.store(shared);
        if let Some(before) = self.streams.insert(id, e) {
            before.settle(shared);
        }
    }

    fn response(&mut self, shared: &mut Shared, c: &Context, id: u32, b: &Block) {
        let Some(e) = self.streams.get_mut(&id) else { return };
        let status = super::head::number(&b.status).unwrap_or(0) as u16;
        if status / 100 == 1 {
            e.row.flags |= flag::INTERIM;
            return;
        }
        if e.response.is_some() {
            return;
        }
        let row = &mut e.row;
        (row.status, row.response_head, row.response_frame) = (status, b.bytes as u32, c.frame);
        row.flags |= flag::ANSWERED;
        row.set("content_type", media_type(&b.content_type));
        row.set("content_encoding", &b.encoding);
        row.set("server", &b.server);
        row.set_text("location", secret::shown_target(&b.location, MAX_TEXT));
        row.wait_ns = e.end_ns.map(|end| c.time_ns.saturating_sub(end)).filter(|&ns| ns >= 0);
        row.server_ns = row.wait_ns.zip(self.handshake_ns).map(|(wait, hs)| (wait - hs).max(0));
        e.first_ns = c.time_ns;
        let mut done = b.done(Kind::Response);
        done.status = status;
        shared.http2.open = shared.http2.open.saturating_sub(std::mem::take(&mut e.open) as u64);
        if let Some(counts) = shared.http2() {
            counts.unfinished += 1;
            e.unfinished += 1;
            if let Some(login) = &e.login {
                let host = e.request.as_ref().map_or(String::new(), |r| r.host.clone());
                match status {
                    401 | 407 => counts.login(c, &host, login, Some(false)),
                    200..=499 => counts.login(c, &host, login, Some(true)),
                    _ => {}
                }
            }
        }
        e.response = Some(done);
        e.store(shared);
    }

    /// One end of a stream has sent everything.
    fn end(&mut self, shared: &mut Shared, c: &Context, id: u32, response: bool, shown: bool) {
        let Some(e) = self.streams.get_mut(&id) else { return };
        let hidden = if shown { 0 } else { flag::HIDDEN };
        let done = if response { e.response.as_ref() } else { e.request.as_ref() };
        let Some(done) = done else { return };
        if e.unfinished > 0 {
            e.unfinished -= 1;
            shared.http2.unfinished = shared.http2.unfinished.saturating_sub(1);
        }
        // Wireshark shows a message where its header block stands, wherever its body ends.
        let frame = if response { e.row.response_frame } else { e.context.map_or(c.frame, |q| q.frame) };
        let c = &Context { frame, ..*c };
        if let Some(counts) = shared.http2() {
            match (shown, c.only_in_order) {
                (true, _) => counts.done(c, done),
                (false, true) => counts.only_in_order += 1,
                (false, false) => counts.on_other_ports += 1,
            }
        }
        if response {
            e.row.response_body = done.body;
            e.row.transfer_ns = Some(c.time_ns.saturating_sub(e.first_ns)).filter(|&ns| ns >= 0);
            e.row.flags |= flag::RESPONSE_DONE | hidden;
            if shown && let Some(counts) = shared.http2() {
                let took =
                    Took { wait_ns: e.row.wait_ns, transfer_ns: e.row.transfer_ns, network_ns: self.handshake_ns };
                counts.took(c, &took);
            }
            e.store(shared);
            e.settle(shared);
            self.streams.remove(&id);
        } else {
            e.row.request_body = done.body;
            e.row.flags |= flag::REQUEST_DONE | hidden;
            e.end_ns = Some(c.time_ns);
            e.store(shared);
        }
    }
}

impl Exchange {
    /// Nothing more will be known of its row.
    fn settle(&self, shared: &mut Shared) {
        if let Some(place) = self.place {
            shared.kept.settle(place);
        }
    }

    /// Its row where it is listed: from the first of its messages on that counts.
    fn store(&mut self, shared: &mut Shared) {
        let Some(context) = &self.context else { return };
        match self.place {
            Some(place) => shared.kept.replace(place, context, &self.row.pack()),
            None if shared.counting && !self.placed => {
                self.placed = true;
                self.place = shared.kept.open("http2", context, row::fields, &self.row.pack());
            }
            None => {}
        }
    }
}

fn found(shown: bool, out: &mut Output) {
    if shown {
        out.found(Proto::Http2);
    }
}

fn media_type(value: &[u8]) -> &[u8] {
    value.split(|&b| b == b';').next().unwrap_or_default().trim_ascii()
}

impl Block {
    fn take(&mut self, name: &[u8], value: &[u8]) {
        let slot = match name {
            b":method" => &mut self.method,
            b":path" => &mut self.path,
            b":scheme" => &mut self.scheme,
            b":authority" => &mut self.authority,
            b":status" => &mut self.status,
            b"host" if self.authority.is_empty() => &mut self.authority,
            b"user-agent" => &mut self.user_agent,
            b"content-type" => &mut self.content_type,
            b"content-encoding" => &mut self.encoding,
            b"server" => &mut self.server,
            b"location" => &mut self.location,
            b"authorization" | b"proxy-authorization" => &mut self.authorization,
            _ => return,
        };
        *slot = value.get(..value.len().min(MAX_FIELD)).unwrap_or_default().to_vec();
    }

    fn done(&self, kind: Kind) -> Done {
        let field = |b: &[u8]| text(b, 512);
        Done {
            kind,
            method: field(&self.method),
            host: field(&self.authority),
            uri: String::new(),
            user_agent: field(&self.user_agent),
            server: field(&self.server),
            content_type: field(media_type(&self.content_type)).to_ascii_lowercase(),
            encoding: field(&self.encoding).to_ascii_lowercase(),
            status: 0,
            version: 20,
            body: 0,
            chunked: false,
        }
    }
}
