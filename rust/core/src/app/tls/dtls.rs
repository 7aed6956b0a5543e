//! DTLS over UDP: records of a datagram, fragments of handshake messages put together (RFC 6347 4.2.3).

use super::connection::Connection;
use super::content;
use super::fields::Put;
use super::handshake as msg;
use super::machine::Machine;
use super::names;
use super::session::Step;
use crate::addr::IpAddr;
use crate::app::{Context, DetectedBy, Output};
use crate::filter::registry::{Group, of_proto};
use crate::layers::Proto;
use crate::limits::Limits;
use foldhash::fast::RandomState;
use hashbrown::HashMap;

/// Bytes of a record's header and of a handshake message's.
const HEADER: usize = 13;
const MESSAGE: usize = 12;
/// Largest handshake message put together.
const MAX_MESSAGE: usize = 0x1_0000;

/// (content type, epoch, body, rest) of the record at the start.
fn record(data: &[u8]) -> Option<(u8, u16, &[u8], &[u8])> {
    let h = data.first_chunk::<HEADER>()?;
    let version = u16::from_be_bytes([h[1], h[2]]);
    if !content::is_known(h[0]) || !matches!(version, 0xfeff | 0xfefd | 0x0100) {
        return None;
    }
    let length = u16::from_be_bytes([h[11], h[12]]) as usize;
    let body = data.get(HEADER..HEADER + length)?;
    Some((h[0], u16::from_be_bytes([h[3], h[4]]), body, data.get(HEADER + length..)?))
}

/// Whether records of DTLS fill the payload.
pub fn fills(data: &[u8]) -> bool {
    let mut rest = data;
    while let Some((.., behind)) = record(rest) {
        if behind.is_empty() {
            return true;
        }
        rest = behind;
    }
    false
}

type Ends = [(IpAddr, u16); 2];

#[derive(Debug, Default)]
struct Association {
    connection: Connection,
    /// By end: number of the message being put together and its type.
    going: [Option<(u16, u8)>; 2],
}

/// All associations.
pub struct Datagrams {
    open: HashMap<Ends, Association, RandomState>,
    max: usize,
}

impl Datagrams {
    pub fn new(limits: &Limits) -> Self {
        Self { open: HashMap::default(), max: limits.max_app_keys }
    }

    pub fn connections(&self) -> impl Iterator<Item = &Connection> {
        super::in_order(self.open.iter()).map(|a| &a.connection)
    }

    pub fn into_connections(self) -> impl Iterator<Item = Connection> {
        super::in_order(self.open.into_iter()).map(|a| a.connection)
    }

    /// The records of a datagram. False: it starts with none.
    pub fn datagram(&mut self, machine: &mut Machine, ctx: &Context, data: &[u8], out: &mut Output) -> bool {
        if record(data).is_none() {
            // On its own port Wireshark shows DTLS whatever the bytes are.
            let own = ctx.detected_by == DetectedBy::Port && !data.is_empty();
            machine.dtls.frames += (own && machine.counting) as u64;
            if own {
                out.found(Proto::Dtls);
                out.layer(of_proto(Proto::Dtls), data);
            }
            return own;
        }
        machine.dtls.frames += machine.counting as u64;
        out.found(Proto::Dtls);
        out.layer(of_proto(Proto::Dtls), data);
        let (a, b) = ((ctx.src, ctx.src_port), (ctx.dst, ctx.dst_port));
        let key = if a <= b { [a, b] } else { [b, a] };
        if self.open.len() >= self.max && !self.open.contains_key(&key) {
            machine.refused += 1;
            return true;
        }
        let one = self.open.entry(key).or_default();
        let mut rest = data;
        while let Some((kind, epoch, body, behind)) = record(rest) {
            let at = data.len() - rest.len();
            if let Some(sink) = out.fields(Group::Dtls) {
                let mut put = Put::new(sink, true, false);
                put.dtls_record(data, at, body.len());
                put.contents(kind, data, at + HEADER, body.len(), epoch > 0);
                if kind == content::HANDSHAKE && epoch > 0 {
                    put.encrypted_handshake(at + HEADER, body.len());
                }
            }
            one.record(machine, ctx, (kind, epoch), body, at + HEADER, out);
            rest = behind;
        }
        true
    }
}

impl Association {
    /// A record, whose body stands at `at` of the datagram.
    fn record(
        &mut self,
        machine: &mut Machine,
        ctx: &Context,
        (kind, epoch): (u8, u16),
        body: &[u8],
        at: usize,
        out: &mut Output,
    ) {
        match kind {
            content::HANDSHAKE if epoch == 0 => self.handshake(machine, ctx, body, at, out),
            content::HANDSHAKE => self.connection.encrypted_handshake(machine, ctx),
            content::CHANGE_CIPHER_SPEC => self.connection.change_cipher_spec(machine, ctx),
            content::ALERT if epoch == 0 => self.connection.alert(machine, ctx, body, true),
            content::ALERT => self.connection.alert(machine, ctx, &[], true),
            content::APPLICATION_DATA => self.connection.application_data(machine, ctx, body.len()),
            _ => {}
        }
    }

    /// Fragments of handshake messages.
    fn handshake(&mut self, machine: &mut Machine, ctx: &Context, body: &[u8], origin: usize, out: &mut Output) {
        let side = Connection::side(ctx);
        let mut rest = body;
        while let Some(h) = rest.first_chunk::<MESSAGE>() {
            let three = |i: usize| u32::from_be_bytes([0, h[i], h[i + 1], h[i + 2]]) as usize;
            let (kind, length, number) = (h[0], three(1), u16::from_be_bytes([h[4], h[5]]));
            let (at, bytes) = (three(6), three(9));
            let Some(fragment) = rest.get(MESSAGE..MESSAGE + bytes) else { return };
            if names::message(kind).is_none() || at + bytes > length || length > MAX_MESSAGE {
                return;
            }
            let start = origin + body.len() - rest.len();
            if let Some(sink) = out.fields(Group::Dtls) {
                Put::new(sink, true, false).dtls_fragment(h, start);
            }
            rest = rest.get(MESSAGE + bytes..).unwrap_or_default();
            if bytes == length {
                self.connection.put_message(machine, ctx, kind, fragment, start + MESSAGE, true, out);
                self.whole(machine, ctx, kind, fragment);
                continue;
            }
            machine.message(ctx, kind, true);
            let one = &mut self.connection;
            if at == 0 {
                one.take_partial(machine, side);
                self.going[side] = Some((number, kind));
            }
            if self.going[side] == Some((number, kind)) && one.partial_len(side) == at {
                let mut bytes = one.take_partial(machine, side);
                bytes.extend_from_slice(fragment);
                if bytes.len() == length {
                    self.going[side] = None;
                    self.connection.put_message(machine, ctx, kind, &bytes, MESSAGE, true, out);
                    self.connection.message(machine, ctx, kind, &bytes, true);
                } else {
                    one.keep_partial(machine, side, bytes);
                }
            }
        }
    }

    fn whole(&mut self, machine: &mut Machine, ctx: &Context, kind: u8, body: &[u8]) {
        machine.message(ctx, kind, true);
        if kind == msg::HELLO_VERIFY_REQUEST {
            self.connection.handshake.with(machine, |_, h| h.step(ctx, Step::HelloRetryRequest));
            return;
        }
        self.connection.message(machine, ctx, kind, body, true);
    }
}
