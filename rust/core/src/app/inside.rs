//! What stands inside of TLS records that were decrypted: streams of their own, read as those of TCP are.
//!
//! A reader sees contexts whose transport is TLS. Who reads is told by the application protocol agreed on (RFC 7301), else
//! by the first bytes, else by the port, in Wireshark's order. Watchers of logins in the clear are not told: nothing was.

use super::stream::{Reader, Segment};
use super::streams::{Pair, Streams};
use super::{App, Apps, Close, Context, DetectedBy, Output, Step};
use crate::layers::Proto;
use crate::limits::Limits;

/// The streams that are opened, and those inside of them.
pub struct Inside {
    /// TLS once more, put in order record by record: its reader passes over what it cannot read.
    sealed: Streams,
    plain: Streams,
}

impl Inside {
    pub fn new(limits: &Limits) -> Self {
        Self { sealed: Streams::new(limits), plain: Streams::new(limits) }
    }

    /// A segment of a stream comes to its reader: one of TLS whose beginning it is shall be opened.
    pub fn begin(&mut self, reader: &dyn App, c: &Context, number: u32, s: &Segment<'_>) {
        let begins = !s.data.is_empty() && reader.name() == "tls" && !self.sealed.open.contains_key(&number);
        if begins && !reader.waits(c) {
            self.sealed.add(number, Pair::default());
        }
    }
}

/// The part of a protocol that opens what is sealed.
struct Opener<'a>(&'a mut dyn App);

impl App for Opener<'_> {
    fn name(&self) -> &'static str {
        self.0.name()
    }
    fn stream(&mut self, ctx: &Context, data: &[u8], out: &mut Output) -> Step {
        self.0.opened(ctx, data, out)
    }
    fn gap(&mut self, ctx: &Context, _: u64, out: &mut Output) {
        self.0.opened_gap(ctx, out);
    }
    fn closed(&mut self, ctx: &Context, how: Close, out: &mut Output) {
        self.0.opened_close(ctx, how, out);
    }
}

/// Something of a decrypted direction.
#[derive(Debug)]
pub struct Piece {
    /// That of the record that held it.
    pub context: Context,
    pub what: What,
}

#[derive(Debug)]
pub enum What {
    /// Application data, and the protocol agreed on.
    Data(Vec<u8>, Option<&'static str>),
    /// The sender has sent everything, or broke off.
    Close(Close),
    /// The rest of the direction cannot be read.
    Lost,
}

impl Piece {
    pub fn new(context: &Context, what: What) -> Self {
        Self { context: *context, what }
    }
}

/// The protocol here that reads what an application protocol name stands for.
pub fn of_alpn(name: &[u8]) -> Option<&'static str> {
    Some(match name {
        b"http/1.1" | b"http/1.0" | b"h2" => "http",
        b"dot" => "dns",
        b"sip/2" => "sip",
        _ => return None,
    })
}

/// The protocol that Wireshark takes the inside of TLS on a port for.
fn of_port(c: &Context) -> Option<&'static str> {
    let of = |port: u16| {
        Some(match port {
            443 => "http",
            853 => "dns",
            5061 => "sip",
            _ => return None,
        })
    };
    of(c.src_port.min(c.dst_port)).or_else(|| of(c.src_port.max(c.dst_port)))
}

/// The ends that a protocol told by its port sees: those of its own port in the clear.
fn unwrapped(mut c: Context) -> Context {
    for port in [&mut c.src_port, &mut c.dst_port] {
        *port = match *port {
            465 => 25,
            636 => 389,
            990 => 21,
            993 => 143,
            995 => 110,
            8883 => 1883,
            other => other,
        };
    }
    c
}

impl Apps {
    /// Records that are to be opened wait for a gap to close.
    pub(super) fn waits_inside(&self) -> bool {
        self.inside.as_ref().is_some_and(|i| i.sealed.load.gaps > 0)
    }

    /// A segment that its reader has read, for who opens what is sealed in it.
    #[cold]
    pub(super) fn open(&mut self, app: usize, ctx: &Context, number: u32, side: usize, s: &Segment<'_>) {
        let (Some(inside), Some(app)) = (&mut self.inside, self.apps.get_mut(app)) else { return };
        let Some(pair) = inside.sealed.open.get_mut(&number).filter(|_| app.name() == "tls") else { return };
        let load = &mut inside.sealed.load;
        let mut opener = Opener(app.as_mut());
        let mut reader = Reader { app: &mut opener, out: &mut self.out, limit: load.max_stream_bytes };
        pair.deliver(&mut reader, load, ctx, side, s);
        if !self.out.inner.is_empty() {
            self.read_inside(ctx.frame, number);
        }
    }

    /// The end of the capture: what waits for a gap to close is opened.
    pub(super) fn finish_inside(&mut self) {
        let Some(numbers) = self.inside.as_ref().map(|i| i.sealed.with_gaps()) else { return };
        let tls = self.apps.iter().position(|a| a.name() == "tls");
        for number in numbers {
            let (Some(inside), Some(app)) = (&mut self.inside, tls.and_then(|i| self.apps.get_mut(i))) else { return };
            let Some(pair) = inside.sealed.open.get_mut(&number) else { continue };
            let mut opener = Opener(app.as_mut());
            let limit = inside.sealed.load.max_stream_bytes;
            let mut reader = Reader { app: &mut opener, out: &mut self.out, limit };
            pair.sides.iter_mut().for_each(|s| s.flush(&mut reader, None));
            self.read_inside(0, number);
        }
    }

    /// Hands on what the records of the segment at hand held.
    fn read_inside(&mut self, now: u64, number: u32) {
        for Piece { context, what } in std::mem::take(&mut self.out.inner) {
            let mark = self.out.mark();
            self.inside(number, context, what);
            if context.frame != now {
                self.out.back_to(mark);
            }
        }
    }

    fn inside(&mut self, number: u32, mut context: Context, what: What) {
        let side = ((context.src, context.src_port) > (context.dst, context.dst_port)) as usize;
        // Wireshark has not opened what came in a segment that it did not read, nor anything behind it.
        let unread = context.only_in_order;
        context.transport = Proto::Tls;
        context.only_in_order = false;
        let Some(streams) = self.inside.as_mut().map(|i| &mut i.plain) else { return };
        if !streams.open.contains_key(&number) {
            streams.add(number, Pair::default());
        }
        let Some(pair) = streams.open.get_mut(&number) else { return };
        if let (What::Data(data, hint), None) = (&what, pair.app) {
            let named = |name: &str| self.apps.iter().position(|a| a.name() == name);
            let tls = named("tls");
            let by_content = || super::reader::probe(&self.apps, data, tls).0;
            let by_port = || {
                let name = of_port(&context);
                name.and_then(named).or_else(|| self.tcp_ports.of(&unwrapped(context)).filter(|i| Some(*i) != tls))
            };
            pair.app = hint.and_then(named);
            if pair.app.is_none() {
                pair.app = by_content();
                pair.by_content = pair.app.is_some();
            }
            pair.app = pair.app.or_else(by_port);
        }
        let Some(app) = pair.app.and_then(|i| self.apps.get_mut(i)) else { return };
        if app.name() == "names" {
            context = unwrapped(context);
        }
        context.detected_by = if pair.by_content { DetectedBy::Content } else { DetectedBy::Port };
        let load = &mut streams.load;
        let mut reader = Reader { app: app.as_mut(), out: &mut self.out, limit: load.max_stream_bytes };
        let own = &mut pair.sides[side];
        match what {
            What::Data(data, _) => {
                let wire_len = data.len() as u32;
                let seq = own.behind();
                let segment =
                    Segment { seq, ack: 0, flags: 0, data: &data, wire_len, repeated: unread, resent: unread };
                pair.deliver(&mut reader, load, &context, side, &segment);
            }
            What::Close(how) => own.close(&mut reader, &context, how),
            What::Lost => {
                reader.app.gap(&context, 0, reader.out);
                own.give_up();
            }
        }
    }
}
