//! One TCP connection with HTTP on it: where each direction stands, and which request waits for its response.

mod exchange;
mod messages;

use super::Shared;
use super::counts::{Done, Reuse};
use super::fields::{self, Pairs};
use super::head::{self, Head, Kind, Look};
use super::http2::Http2;
use super::websocket::Websocket;
use super::websocket_fields;
use crate::app::{Close, Context, DetectedBy, Output, Step, tls};
use crate::filter::registry::{Group, of_proto};
use crate::layers::Proto;
use exchange::Exchange;
use std::collections::VecDeque;

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
    /// It is counted as unfinished.
    unfinished: bool,
    /// Its head and what of its body came with it, where somebody wants its fields.
    raw: Option<Box<[u8]>>,
    /// Sizes of its chunks, likewise.
    chunks: Vec<u32>,
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
    /// Inside of TLS.
    pub decrypted: bool,
    /// A response may have been lost: the next request starts afresh.
    uncertain: bool,
    pub handshake_ns: Option<i64>,
    /// Its requests that count.
    pub reuse: Option<Reuse>,
    http2: Option<Box<Http2>>,
    websockets: Option<Box<[Websocket; 2]>>,
    websocket_counted: bool,
    /// What it speaks of, where somebody wants fields.
    pairs: Option<Box<Pairs>>,
    closed: [bool; 2],
    /// It was over when the table was looked through, and nothing has come since.
    pub was_over: bool,
}

/// Which of the two directions: 0 from the lower end.
fn side(c: &Context) -> usize {
    ((c.src, c.src_port) > (c.dst, c.dst_port)) as usize
}

impl Connection {
    /// Frames of requests that wait for their response.
    pub fn unanswered(&self) -> impl Iterator<Item = u64> + '_ {
        self.queue.iter().filter(|e| e.open).filter_map(|e| Some(e.context?.frame))
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

    /// Puts the fields of a message that has just been found.
    fn put(&mut self, c: &Context, raw: Option<&[u8]>, chunks: &[u32], out: &mut Output) {
        let Some(raw) = raw else { return };
        out.layer(of_proto(Proto::Http), raw);
        if let Some(sink) = out.fields(Group::Http) {
            let pairs = self.pairs.get_or_insert_default();
            if !pairs.came_before(c) {
                fields::put(raw, c, pairs, chunks, sink);
            }
        }
    }

    pub fn stream(&mut self, shared: &mut Shared, c: &Context, data: &[u8], out: &mut Output) -> Step {
        let at = side(c);
        if !self.begun || (self.hidden && self.sides[at].mode == Mode::Start) {
            self.begun = true;
            let taken = !self.decrypted && super::ports::taken(c);
            self.hidden = c.detected_by != DetectedBy::Port && (taken || !head::on_any_port(data));
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
                side.mode = Mode::Start;
                let coming = side.coming.take();
                let before = std::mem::replace(&mut side.late, coming).and_then(|m| m.exchange);
                before.into_iter().for_each(|mut e| e.end(shared));
                self.start(shared, c, at, data, out)
            }
            Mode::Tunnel => {
                self.found(c, out);
                if tls::starts_handshake(data) {
                    // Another reader goes on from here, if there is one.
                    self.closed = [true; 2];
                    return Step::Pass;
                }
                Step::Consumed(data.len())
            }
            Mode::Switched => Step::Consumed(data.len()),
            Mode::Websocket => {
                let step = self.websockets.get_or_insert_default()[at].frame(data);
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
        let mut counts = shared.websocket();
        if let Some(counts) = counts.as_mut().filter(|_| !std::mem::replace(&mut self.websocket_counted, true)) {
            counts.connections += 1;
        }
        let shown = self.shown(c);
        let websocket = &mut self.websockets.get_or_insert_default()[at];
        if websocket.done(counts, shown) && shown {
            if self.decrypted {
                // Wireshark asks HTTP first there.
                out.found(Proto::Http);
            }
            out.found(Proto::Websocket);
            out.layer(of_proto(Proto::Websocket), websocket.head());
            if let Some(sink) = out.fields(Group::Websocket) {
                websocket_fields::put(websocket.head(), sink);
            }
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
                head::look(data) == Look::Start && messages::whole(data)
            }
            Mode::UntilClose | Mode::Switched | Mode::Websocket | Mode::Http2 => false,
            Mode::Start | Mode::Body | Mode::Chunk | Mode::ChunkData | Mode::Trailer => match head::look(data) {
                Look::Unfinished => false,
                Look::Field => true,
                Look::Other => self.seen,
                Look::Start => messages::whole(data),
            },
        };
        if let Some(coming) = &mut side.coming
            && matches!(side.mode, Mode::Chunk | Mode::ChunkData | Mode::Trailer)
        {
            coming.torn = true;
        }
        if shows && !self.hidden {
            let starts = head::look(data) == Look::Start;
            if let Some(counts) = shared.http() {
                counts.continuations += !starts as u64;
            }
            out.found(Proto::Http);
            if starts && out.sink.is_some() {
                self.put(c, Some(data), &[], out);
                self.pairs.get_or_insert_default().read_ahead(c);
            }
        }
    }

    /// The rest of the segment was not captured: Wireshark shows what there is, without waiting for more.
    pub fn cut(&mut self, shared: &mut Shared, c: &Context, out: &mut Output) {
        if !self.shown(c) {
            return;
        }
        let side = &mut self.sides[side(c)];
        let here = |frame: u64| frame == c.frame;
        let raw: Option<Box<[u8]>>;
        if let Some(coming) = side.coming.as_mut().filter(|m| here(m.head_frame) && !m.counted) {
            coming.counted = true;
            self.seen |= coming.done.kind != Kind::Response;
            out.found(Proto::Http);
            if let Some(counts) = shared.http() {
                counts.done(c, &coming.done);
            }
            raw = coming.raw.take();
        } else if let Some(partial) = side.partial.take().filter(|p| here(p.0)) {
            let Some(head) = Head::partial(&partial.1) else { return };
            self.seen |= head.kind != Kind::Response;
            out.found(Proto::Http);
            if let Some(counts) = shared.http() {
                counts.done(c, &messages::done(&head, self.decrypted));
            }
            raw = Some(partial.1.into());
        } else {
            return;
        }
        self.put(c, raw.as_deref(), &[], out);
    }

    pub fn gap(&mut self, shared: &mut Shared, c: &Context, lost: u64) {
        if let Some(counts) = shared.http() {
            counts.lost_bytes += lost;
        }
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
            && let Some(mut exchange) = coming.exchange
        {
            exchange.settle(shared);
        }
    }

    /// The connection is over and forgotten.
    pub fn forget(&mut self, shared: &mut Shared) {
        let coming = self.sides.iter_mut().flat_map(|s| [s.coming.take(), s.late.take()]);
        let responses = coming.flatten().filter_map(|mut m| m.exchange.take());
        self.queue.drain(..).chain(responses).for_each(|mut e| e.end(shared));
        if let Some(http2) = &mut self.http2 {
            http2.over(shared);
        }
        if let Some(reuse) = self.reuse.take() {
            shared.http.over(reuse);
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
            // Inside of TLS it does not wait for the end, and shows nothing of such a message.
            c.only_in_order |= whole && self.decrypted;
            if whole {
                self.finish(shared, &c, at, out);
            } else {
                self.found(&c, out);
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
