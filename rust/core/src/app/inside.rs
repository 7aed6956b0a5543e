//! What stands inside of TLS records that were decrypted: streams of their own, read as those of TCP are.
//!
//! A reader sees contexts whose transport is TLS. Who reads is told by the application protocol agreed on (RFC 7301), else
//! by the first bytes, else by the port, in Wireshark's order. Watchers of logins in the clear are not told: nothing was.

use super::stream::{Pair, Reader, Segment};
use super::{Apps, Close, Context, DetectedBy};
use crate::layers::Proto;

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
    /// Hands on what the records of the segment at hand held.
    #[cold]
    pub(super) fn read_inside(&mut self, now: u64, number: u32) {
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
        let Some(streams) = &mut self.inside else { return };
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
