//! SNMP: versions 1 and 2c carry their community, which is the secret, in every message (RFC 1157, RFC 3416); version 3
//! names the user (RFC 3414).

use super::ber;
use super::book::{Book, Exposed};
use super::lines;
use crate::app::Context;

const RESPONSE: u8 = 0xa2;
/// Messages an agent sends of itself: traps of both kinds.
const TRAPS: [u8; 2] = [0xa4, 0xa7];
const REPORT: u8 = 0xa8;

pub fn message(book: &mut Book, ctx: &Context, counts: bool, data: &[u8]) {
    if counts {
        read(book, ctx, data);
    }
}

fn read(book: &mut Book, ctx: &Context, data: &[u8]) -> Option<()> {
    let (body, _) = ber::tagged(data, 0x30)?;
    let (version, rest) = ber::tagged(body, 2)?;
    let version = ber::integer(version)?;
    let (src, dst) = ((ctx.src, ctx.src_port), (ctx.dst, ctx.dst_port));
    if version == 3 {
        return user_based(book, ctx, rest);
    }
    let method = match version {
        0 => "community v1",
        1 => "community v2c",
        _ => return None,
    };
    let (community, rest) = ber::tagged(rest, 4)?;
    let pdu = *rest.first()?;
    if community.is_empty() || !(0xa0..=0xa8).contains(&pdu) || pdu == REPORT {
        return None;
    }
    let answer = pdu == RESPONSE;
    let (client, server) = if answer { (dst, src) } else { (src, dst) };
    let method = if TRAPS.contains(&pdu) { trap_of(method) } else { method };
    book.managed(ctx, client, server, (method, Exposed::Secret), None, answer);
    Some(())
}

fn trap_of(method: &'static str) -> &'static str {
    if method == "community v1" { "trap community v1" } else { "trap community v2c" }
}

/// RFC 3412 6 and RFC 3414 2.4: flags, security parameters, user. A first message asks for the engine, without a user.
fn user_based(book: &mut Book, ctx: &Context, rest: &[u8]) -> Option<()> {
    let (header, rest) = ber::tagged(rest, 0x30)?;
    let flags = ber::each(header).nth(2).filter(|v| v.0 == 4)?.1.first().copied()?;
    let (parameters, _) = ber::tagged(rest, 4)?;
    let (parameters, _) = ber::tagged(parameters, 0x30)?;
    let user = ber::each(parameters).nth(3).filter(|v| v.0 == 4)?.1;
    if user.is_empty() {
        return None;
    }
    let user = lines::user(user);
    let (src, dst) = ((ctx.src, ctx.src_port), (ctx.dst, ctx.dst_port));
    // Which side answers is told by the port: the message may be encrypted.
    let answer = matches!(ctx.src_port, 161 | 162) && !matches!(ctx.dst_port, 161 | 162);
    let (client, server) = if answer { (dst, src) } else { (src, dst) };
    let kind = if flags & 1 != 0 { ("usm", Exposed::Hash) } else { ("usm without authentication", Exposed::Name) };
    book.managed(ctx, client, server, kind, Some(&user), answer);
    Some(())
}
