//! SIP (RFC 3261) over UDP and TCP, with the session descriptions (SDP, RFC 8866) in it.
//!
//! Each message goes out for the machine that follows transactions and calls, and stays here as bytes for the rows.
//! What it says of media goes into the book that the decoder of the media reads.

mod body;
mod fields;
pub(crate) mod filters;
mod headers;
mod sdp;
pub(crate) mod sdp_filters;
mod secret;
mod start;
mod uri;

use super::kept::Kept;
use super::media::{MediaBook, Side};
use super::{App, Context, DetectedBy, Message, Output, Probe, Step};
use crate::filter::registry::{Group, of_proto};
use crate::layers::Proto;
use crate::limits::Limits;
pub(super) use body::offset;
use headers::Parsed;
pub(super) use sdp::Sdp;
use start::Start;

const PORT: u16 = 5060;
/// A method on another port is at most that long; with the space behind it.
const MAX_METHOD: usize = 32;
/// Methods whose rest is waited for on another port (RFC 3261, 3262, 3265, 3311, 3428, 3515, 3903, 6086).
const METHODS: [&[u8]; 14] = [
    b"INVITE",
    b"ACK",
    b"BYE",
    b"CANCEL",
    b"OPTIONS",
    b"REGISTER",
    b"PRACK",
    b"SUBSCRIBE",
    b"NOTIFY",
    b"PUBLISH",
    b"INFO",
    b"REFER",
    b"MESSAGE",
    b"UPDATE",
];

/// SIP of a pass.
pub struct Sip {
    kept: Kept,
    media: MediaBook,
}

impl Sip {
    pub fn new(limits: &Limits, media: MediaBook) -> Self {
        Self { kept: Kept::new(limits), media }
    }

    /// One whole message. `hidden`: Wireshark does not show it. False: it is none.
    fn message(&mut self, ctx: &Context, m: &[u8], hidden: bool, out: &mut Output) -> bool {
        let Some(parsed) = Parsed::read(m) else { return false };
        let bodies = body::descriptions(&parsed);
        if !hidden {
            out.found(Proto::Sip);
            if !ctx.only_in_order {
                put_sip(m, &parsed, out);
            }
            if !bodies.is_empty() {
                out.found(Proto::Sdp);
                if !ctx.only_in_order {
                    put_sdp(m, &bodies, out);
                }
            }
        }
        let sdp: Vec<Sdp<'_>> = bodies.into_iter().map(Sdp::read).collect();
        if let Some(side) = side(&parsed.start) {
            let call_id = fields::call_id(&parsed);
            sdp.iter().flat_map(|s| s.announcements(ctx.frame, &call_id, side)).for_each(|a| self.media.announce(a));
        }
        if !out.counts() {
            return true;
        }
        let fields = fields::for_machine(&parsed, &sdp, hidden);
        self.kept.keep("sip", ctx, fields::all, m);
        out.messages.push(Message { protocol: "sip", context: *ctx, fields });
        if let Some(inner) = body::message(&parsed).filter(|_| !hidden) {
            out.messages.push(Message { protocol: "sip", context: *ctx, fields: fields::embedded(&inner) });
        }
        true
    }
}

/// Whether the description counts, and as what: as in Wireshark that of any request is an offer, of 183 and 2xx an answer.
/// (In an ACK it is the answer to an offer in the response.)
fn side(start: &Start<'_>) -> Option<Side> {
    match start {
        Start::Request { method, .. } if *method == b"ACK" => Some(Side::Answer),
        Start::Request { .. } => Some(Side::Offer),
        Start::Response { code: 183 | 200..=299, .. } => Some(Side::Answer),
        Start::Response { .. } => None,
    }
}

fn put_sip(m: &[u8], parsed: &Parsed<'_>, out: &mut Output) {
    out.layer(of_proto(Proto::Sip), m);
    if let Some(sink) = out.fields(Group::Sip) {
        filters::put(m, parsed, sink);
    }
}

fn put_sdp(m: &[u8], bodies: &[&[u8]], out: &mut Output) {
    for body in bodies {
        out.layer(of_proto(Proto::Sdp), body);
        if let Some(sink) = out.fields(Group::Sdp) {
            sdp_filters::put(body, body::offset(m, body), sink);
        }
    }
}

impl App for Sip {
    fn protocols(&self) -> &[Proto] {
        &[Proto::Sip, Proto::Sdp]
    }
    fn name(&self) -> &'static str {
        "sip"
    }
    fn udp_ports(&self) -> &[u16] {
        &[PORT]
    }
    fn tcp_ports(&self) -> &[u16] {
        &[PORT]
    }
    fn probes_tcp(&self) -> bool {
        true
    }

    /// A start line of SIP.
    fn probe(&self, transport: Proto, data: &[u8]) -> Probe {
        let tcp = transport == Proto::Tcp;
        // Asked of every packet that is nobody's: most do not begin with a word.
        if !matches!(data.first(), Some(b'!'..=b'~')) {
            return Probe::No;
        }
        let head = data.get(..MAX_METHOD).unwrap_or(data);
        if !head.contains(&b' ') {
            let open = tcp && data.len() < MAX_METHOD && data.iter().all(u8::is_ascii_uppercase);
            return if open { Probe::More } else { Probe::No };
        }
        if start::start(start::line(data, 0).0).is_some() {
            return Probe::Yes;
        }
        let known = |m: &[u8]| METHODS.contains(&m) || m == b"SIP/2.0";
        let open = tcp && start::line_end(data, 0).is_none() && start::cut(data, b' ').is_some_and(|c| known(c.0));
        if open { Probe::More } else { Probe::No }
    }

    fn datagram(&mut self, ctx: &Context, data: &[u8], out: &mut Output) -> bool {
        // Compressed (RFC 3320): Wireshark shows it as SIP on its port; what it says is not read.
        if ctx.detected_by == DetectedBy::Port && data.first().is_some_and(|b| b & 0xf8 == 0xf8) {
            out.found(Proto::Sip);
            out.messages.push(Message { protocol: "sip", context: *ctx, fields: fields::unread("compressed") });
            return true;
        }
        self.message(ctx, data, false, out)
    }

    /// Media go where it says, whether the message counts or not.
    fn learns_from_datagrams(&self) -> bool {
        true
    }

    fn quoted(&self, _: &Context, data: &[u8]) -> Option<Proto> {
        Parsed::read(data).map(|_| Proto::Sip)
    }

    fn quoted_fields(&self, _: &Context, data: &[u8], out: &mut Output) {
        let Some(parsed) = Parsed::read(data) else { return };
        put_sip(data, &parsed, out);
        put_sdp(data, &body::descriptions(&parsed), out);
    }

    fn quoted_inside(&self, _: &Context, data: &[u8]) -> Option<Proto> {
        let described = Parsed::read(data).is_some_and(|m| !body::descriptions(&m).is_empty());
        described.then_some(Proto::Sdp)
    }

    /// Messages end by their Content-Length (RFC 3261 18.3); empty lines between them keep the connection open
    /// (RFC 5626 3.5.1).
    fn stream(&mut self, ctx: &Context, data: &[u8], out: &mut Output) -> Step {
        let blank = blank(data);
        if blank == data.len() {
            return Step::Consumed(blank);
        }
        let data = data.get(blank..).unwrap_or_default();
        if !matches!(data.first(), Some(b' '..=b'~')) {
            return Step::Consumed(blank + data.len());
        }
        let Some((end, _)) = start::line_end(data, 0) else {
            let wait = ctx.detected_by == DetectedBy::Port || self.probe(Proto::Tcp, data) == Probe::More;
            return if wait { Step::Need(blank + data.len() + 1) } else { Step::Consumed(blank + data.len()) };
        };
        let line = data.get(..end).unwrap_or_default();
        if start::start(line).is_none() {
            // On its port Wireshark takes it for the rest of a message.
            if ctx.detected_by == DetectedBy::Port && blank == 0 && !line.contains(&0) {
                out.found(Proto::Sip);
                out.messages.push(Message { protocol: "sip", context: *ctx, fields: fields::unread("continuation") });
            }
            return Step::Consumed(blank + data.len());
        }
        let Some(length) = Parsed::stream_length(data) else { return Step::Need(blank + data.len() + 1) };
        let Some(m) = data.get(..length) else { return Step::Need(blank.saturating_add(length)) };
        self.message(ctx, m, blank > 0, out);
        Step::Consumed(blank + length)
    }

    fn ahead(&mut self, ctx: &Context, data: &[u8], out: &mut Output) {
        let (line, _) = start::line(data, 0);
        let begins = start::start(line).is_some();
        let rest = ctx.detected_by == DetectedBy::Port && start::line_end(data, 0).is_some() && !line.is_empty();
        if begins || (rest && matches!(line.first(), Some(b' '..=b'~')) && !line.contains(&0)) {
            out.found(Proto::Sip);
            if Parsed::read(data).is_some_and(|m| !body::descriptions(&m).is_empty()) {
                out.found(Proto::Sdp);
            }
        }
    }

    fn kept(&self) -> Option<&Kept> {
        Some(&self.kept)
    }
}

/// Bytes of empty lines in front.
fn blank(data: &[u8]) -> usize {
    data.iter().take_while(|b| matches!(b, b'\r' | b'\n')).count()
}

#[cfg(test)]
mod tests;

#[cfg(test)]
mod filters_tests;
