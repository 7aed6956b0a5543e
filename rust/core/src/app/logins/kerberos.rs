//! Kerberos (RFC 4120): who asked for a first ticket (AS-REQ), and whether it was given (AS-REP, KRB-ERROR).
//!
//! The first request seldom proves who asks; the server wants that (error 25), and the client asks again. Both are one
//! login.

use super::ber;
use super::book::{Book, Exposed, Protocol, Ticket};
use super::lines;
use crate::addr::IpAddr;
use crate::app::table::Recent;
use crate::app::{Context, Step};

const AS_REQ: u8 = 0x6a;
const AS_REP: u8 = 0x6b;
const KRB_ERROR: u8 = 0x7e;
const PREAUTH_REQUIRED: i64 = 25;
/// The answer did not fit into a datagram: the client asks again over TCP.
const TOO_BIG: i64 = 52;
/// Kinds of pre-authentication that prove something (RFC 4120 7.5.2, RFC 4556).
const TIMESTAMP: i64 = 2;
const PUBLIC_KEY: [i64; 2] = [16, 17];

/// Requests whose answer is waited for: client, its port, server.
pub struct Waiting(Recent<(IpAddr, u16, IpAddr), Asked>);

struct Asked {
    user: String,
    ticket: Option<Ticket>,
}

impl Waiting {
    pub fn new(limit: usize) -> Self {
        Self(Recent::new(limit))
    }
}

/// Over TCP a length stands in front (RFC 4120 7.2.2).
pub fn framed(data: &[u8]) -> Step {
    let Some(head) = data.first_chunk::<4>() else { return Step::Need(4) };
    let size = (u32::from_be_bytes(*head) & 0x7fff_ffff) as usize + 4;
    if data.len() < size { Step::Need(size) } else { Step::Consumed(size) }
}

pub fn message(waiting: &mut Waiting, book: &mut Book, ctx: &Context, counts: bool, data: &[u8]) {
    match data.first() {
        Some(&AS_REQ) => _ = request(waiting, book, ctx, counts, data),
        Some(&(AS_REP | KRB_ERROR)) => _ = answer(waiting, book, ctx, counts, data),
        _ => {}
    }
}

/// The content of the field `[number]` of a sequence.
fn field(sequence: &[u8], number: u8) -> Option<&[u8]> {
    ber::each(sequence).find(|v| v.0 == 0xa0 | number).map(|v| v.1)
}

fn request(waiting: &mut Waiting, book: &mut Book, ctx: &Context, counts: bool, data: &[u8]) -> Option<()> {
    let (sequence, _) = ber::tagged(data, AS_REQ)?;
    let (fields, _) = ber::tagged(sequence, 0x30)?;
    let (body, _) = ber::tagged(field(fields, 4)?, 0x30)?;
    let (name, _) = ber::tagged(field(body, 1)?, 0x30)?;
    let (parts, _) = ber::tagged(field(name, 1)?, 0x30)?;
    let (realm, _) = ber::tagged(field(body, 2)?, 0x1b)?;
    let mut user = Vec::new();
    for (_, part) in ber::each(parts).take(4) {
        if !user.is_empty() {
            user.push(b'/');
        }
        user.extend_from_slice(part.get(..part.len().min(100)).unwrap_or_default());
    }
    user.push(b'@');
    user.extend_from_slice(realm);
    let user = lines::user(&user);
    let kinds = field(fields, 3).and_then(|p| ber::tagged(p, 0x30)).map_or(&[][..], |p| p.0);
    let kinds = ber::each(kinds).filter_map(|(_, one)| ber::integer(ber::tagged(field(one, 1)?, 2)?.0));
    let mut method = None;
    for kind in kinds.take(32) {
        match kind {
            TIMESTAMP => method = Some(("encrypted timestamp", Exposed::Hash)),
            k if PUBLIC_KEY.contains(&k) => method = Some(("pkinit", Exposed::Name)),
            _ => {}
        }
    }
    let (client, server) = ((ctx.src, ctx.src_port), (ctx.dst, ctx.dst_port));
    let key = (client.0, client.1, server.0);
    if let Some(asked) = waiting.0.get_mut(&key)
        && asked.user == user
        && asked.ticket.is_some()
    {
        return None; // sent again
    }
    if !counts {
        return None;
    }
    let ticket = match method {
        Some((name, exposed)) => {
            let first = book.goes_on(client.0, server.0, &user).unwrap_or(ctx.frame);
            Some(book.attempt(ctx, client, server, (Protocol::Kerberos, name, exposed), Some(&user), first))
        }
        None => {
            book.challenged(ctx, client, server, &user);
            None
        }
    };
    waiting.0.insert(key, Asked { user, ticket });
    Some(())
}

fn answer(waiting: &mut Waiting, book: &mut Book, ctx: &Context, counts: bool, data: &[u8]) -> Option<()> {
    let (client, server) = ((ctx.dst, ctx.dst_port), (ctx.src, ctx.src_port));
    let (tag, sequence, _) = ber::value(data)?;
    let code = if tag == KRB_ERROR {
        let (fields, _) = ber::tagged(sequence, 0x30)?;
        ber::integer(ber::tagged(field(fields, 6)?, 2)?.0)?
    } else {
        0
    };
    let asked = waiting.0.get_mut(&(client.0, client.1, server.0))?;
    if code == PREAUTH_REQUIRED || code == TOO_BIG {
        asked.ticket = None;
        return None;
    }
    let ticket = match asked.ticket.take() {
        Some(ticket) => ticket,
        None if counts => {
            let first = book.goes_on(client.0, server.0, &asked.user)?;
            // Given to anybody who asks: what is in it can be guessed at.
            let exposed = if tag == AS_REP { Exposed::Hash } else { Exposed::Name };
            let kind = (Protocol::Kerberos, "as-req", exposed);
            book.attempt(ctx, client, server, kind, Some(&asked.user), first)
        }
        None => return None,
    };
    book.settle(ticket, tag == AS_REP, ctx.frame);
    Some(())
}
