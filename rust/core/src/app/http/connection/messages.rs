//! Messages as their bytes come: heads, bodies of known length, chunks.

use super::{Coming, Connection, Mode};
use crate::app::http::Shared;
use crate::app::http::counts::{Done, MAX_URI};
use crate::app::http::head::{self, Head, Kind, Look};
use crate::app::http::row::flag;
use crate::app::http::{http2, secret};
use crate::app::message::text;
use crate::app::{Context, DetectedBy, Output, Step};
use crate::filter::registry::{Group, of_proto};
use crate::layers::Proto;

/// Longest head waited for, bytes.
const MAX_HEAD: usize = 65_536;
/// Bytes of a head kept that may be all there is of it.
const MAX_PARTIAL: usize = 2_048;
/// Longest form looked at for a login, bytes.
const MAX_FORM: u64 = 16_384;
/// Longest line with the size of a chunk.
const MAX_CHUNK_LINE: usize = 4_096;
/// Chunks of a message whose sizes are kept as a field.
const MAX_CHUNKS: usize = 10_000;
/// Longest text kept of a field, bytes.
const MAX_FIELD: usize = 512;

impl Connection {
    /// In front of a message.
    pub(super) fn start(&mut self, shared: &mut Shared, c: &Context, at: usize, data: &[u8], out: &mut Output) -> Step {
        let side = &mut self.sides[at];
        side.first_ns.get_or_insert(c.time_ns);
        if c.is_decrypted() && !self.seen && http2::begins_with_settings(data) {
            // The server need not wait for the client's preface (RFC 9113 3.4).
            self.switch(Mode::Http2);
            return self.http2_begin(shared, c, at, data, out);
        }
        if !self.seen && data.starts_with(http2::PREFACE.get(..data.len().min(24)).unwrap_or_default()) {
            if data.len() < http2::PREFACE.len() {
                side.scanned = data.len();
                return Step::Need(http2::PREFACE.len());
            }
            self.switch(Mode::Http2);
            self.hidden |= c.detected_by != DetectedBy::Port && !c.is_decrypted();
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
            if let Some(counts) = shared.http() {
                counts.continuations += 1;
            }
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
            && !c.is_decrypted()
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
            done: done(h, c.is_decrypted()),
            upgrade: h.upgrade.get(..h.upgrade.len().min(64)).unwrap_or_default().to_ascii_lowercase(),
            unread: c.only_in_order,
            torn: false,
            counted: false,
            unfinished: shared.counting,
            raw: messages_wanted(out).then(|| data.get(..data.len().min(MAX_HEAD)).unwrap_or_default().into()),
            chunks: Vec::new(),
            exchange: None,
        });
        if let Some(counts) = shared.http() {
            counts.unfinished += 1;
        }
        let mut no_body = request;
        if request {
            // What was encrypted on the wire was shown to nobody there.
            let login =
                if h.authorization.is_empty() || c.is_decrypted() { None } else { secret::login(h.authorization) };
            let form = || {
                let len = h.content_length.filter(|&n| n <= MAX_FORM && !c.is_decrypted())? as usize;
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

    pub(super) fn chunk(&mut self, shared: &mut Shared, c: &Context, at: usize, data: &[u8], out: &mut Output) -> Step {
        let Some((first, next)) = head::line(data, 0) else {
            if data.len() <= MAX_CHUNK_LINE {
                return Step::Need(data.len() + 1);
            }
            return self.bad_chunk(shared, c, at, data, out);
        };
        match head::chunk_size(first) {
            Some(0) => {
                self.chunk_size(at, 0);
                self.sides[at].mode = Mode::Trailer;
                Step::Consumed(next)
            }
            Some(size) => {
                self.chunk_size(at, size);
                // The data and the line end behind it.
                (self.sides[at].mode, self.sides[at].chunk_left) = (Mode::ChunkData, size + 2);
                Step::Consumed(next)
            }
            None => self.bad_chunk(shared, c, at, data, out),
        }
    }

    fn chunk_size(&mut self, at: usize, size: u64) {
        if let Some(coming) = &mut self.sides[at].coming {
            coming.done.body = coming.done.body.saturating_add(size);
            if coming.raw.is_some() && coming.chunks.len() < MAX_CHUNKS {
                coming.chunks.push(u32::try_from(size).unwrap_or(u32::MAX));
            }
        }
    }

    fn bad_chunk(&mut self, shared: &mut Shared, c: &Context, at: usize, data: &[u8], out: &mut Output) -> Step {
        if let Some(counts) = shared.http() {
            counts.bad_chunks.add(c.frame);
        }
        self.finish_then(shared, c, at, data.len(), out)
    }

    /// Behind the last chunk: fields up to an empty line. Wireshark waits for one line only.
    pub(super) fn trailer(
        &mut self,
        shared: &mut Shared,
        c: &Context,
        at: usize,
        data: &[u8],
        out: &mut Output,
    ) -> Step {
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
}

/// Somebody wants fields of messages, or their bytes.
fn messages_wanted(out: &mut Output) -> bool {
    out.sink.as_ref().is_some_and(|s| s.wants_table(Group::Http) || s.wants(of_proto(Proto::Http)))
}

/// Wireshark does not wait for a body of that length: 2 GiB and more, or a channel of RPC over HTTP ([MS-RPCH] 2.1.2.1:
/// such a request stays open).
fn endless(h: &Head<'_>) -> bool {
    let channel = matches!(h.method, b"RPC_IN_DATA" | b"RPC_OUT_DATA");
    h.content_length.is_some_and(|n| n > i32::MAX as u64 || (channel && n >= 131_072))
}

/// Whether a message that starts the segment ends in it, too.
pub(super) fn whole(data: &[u8]) -> bool {
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

pub(super) fn done(h: &Head<'_>, decrypted: bool) -> Done {
    let scheme = if decrypted { "https" } else { "http" };
    let field = |b: &[u8]| if b.is_empty() { String::new() } else { text(b, MAX_FIELD) };
    let uri = if h.kind == Kind::Response || h.host.is_empty() || h.target.is_empty() && h.method.is_empty() {
        String::new()
    } else {
        let whole = |scheme: &[u8]| h.target.get(..scheme.len()).is_some_and(|s| s.eq_ignore_ascii_case(scheme));
        if whole(b"http://") || whole(b"https://") || h.method.eq_ignore_ascii_case(b"CONNECT") {
            secret::shown_target(h.target, MAX_URI)
        } else {
            format!("{scheme}://{}{}", field(h.host), secret::shown_target(h.target, MAX_URI))
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
