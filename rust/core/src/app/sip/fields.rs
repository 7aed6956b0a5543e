//! What of a message goes out: the few values the machine follows, and all of it for the rows.

use super::headers::{Address, Parsed, auth_param, number, param, split_list};
use super::sdp::Sdp;
use super::secret::{header_text, uri_text};
use super::start::{Start, cut};
use super::{body, headers};
use crate::app::Context;
use crate::app::message::{Fields, Value, text};

const MAX_TEXT: usize = 256;
/// Contacts of one message handed out.
const MAX_CONTACTS: usize = 16;
/// Header lines of one message in a row.
const MAX_LISTED: usize = 100;

/// Bytes on SIP's port that are not read: `compressed` or `continuation`.
pub fn unread(why: &'static str) -> Fields {
    vec![("unread", why.into())]
}

/// What is counted of a message in the body of another.
pub fn embedded(m: &Parsed<'_>) -> Fields {
    let start = match m.start {
        Start::Request { method, .. } => ("method", Value::Text(text(method, 64))),
        Start::Response { code, .. } => ("code", code.into()),
    };
    vec![start, ("call_id", call_id(m).into()), ("embedded", true.into())]
}

fn short(bytes: &[u8]) -> Value {
    Value::Text(text(bytes, MAX_TEXT))
}

/// Empty: there is none.
pub fn call_id(m: &Parsed<'_>) -> String {
    m.first("call-id").map_or_else(String::new, |v| text(&v, MAX_TEXT))
}

/// The values the machine follows; what is not there is left out.
pub fn for_machine(m: &Parsed<'_>, sdp: &[Sdp<'_>], hidden: bool) -> Fields {
    let mut f: Fields = Vec::with_capacity(24);
    match m.start {
        Start::Request { method, uri } => {
            f.push(("method", Value::Text(text(method, 64))));
            f.push(("uri", uri_text(uri).into()));
            let target = Address { uri, params: &[] };
            put(&mut f, "uri_user", target.user().map(short));
        }
        Start::Response { code, reason } => {
            f.push(("code", code.into()));
            f.push(("reason", short(reason)));
        }
    }
    f.push(("call_id", call_id(m).into()));
    if let Some(v) = m.first("cseq") {
        put(&mut f, "cseq", number(&v).map(|n| (n & 0xffff_ffff).into()));
        put(&mut f, "cseq_method", cut(&v, b' ').map(|(_, method)| Value::Text(text(method.trim_ascii(), 64))));
    }
    for (name, keys) in [("from", ["from_uri", "from_user", "from_tag"]), ("to", ["to_uri", "to_user", "to_tag"])] {
        if let Some(v) = m.first(name) {
            let a = Address::read(&v);
            f.push((keys[0], uri_text(a.uri).into()));
            put(&mut f, keys[1], a.user().map(short));
            put(&mut f, keys[2], a.tag().map(short));
        }
    }
    via(m, &mut f);
    contacts(m, &mut f);
    credentials(m, &mut f);
    for (name, key) in [("user-agent", "agent"), ("server", "server"), ("reason", "cause"), ("warning", "warning")] {
        put(&mut f, key, m.first(name).map(|v| short(&v)));
    }
    for (name, key) in [("refer-to", "refer_to"), ("p-asserted-identity", "asserted")] {
        put(&mut f, key, m.first(name).map(|v| uri_text(Address::read(&v).uri).into()));
    }
    put(&mut f, "expires", m.first("expires").and_then(|v| number(&v)).map(Value::from));
    if !sdp.is_empty() {
        f.push(("sdp", sdp.iter().map(Sdp::value).collect::<Vec<_>>().into()));
    }
    if !m.whole || m.left_out > 0 {
        f.push(("malformed", true.into()));
    }
    if hidden {
        f.push(("hidden", true.into()));
    }
    f
}

fn put(f: &mut Fields, key: &'static str, value: Option<Value>) {
    f.extend(value.map(|v| (key, v)));
}

/// The topmost Via: who sent the message, and the transaction it belongs to.
fn via(m: &Parsed<'_>, f: &mut Fields) {
    let Some(value) = m.first("via") else { return };
    let top = split_list(&value).next().unwrap_or_default();
    let (sent, params) = cut(top, b';').unwrap_or((top, &[]));
    put(f, "branch", param(params, "branch").map(short));
    put(f, "sent_by", sent.rsplit(|&b| b == b' ').next().map(short));
}

fn contacts(m: &Parsed<'_>, f: &mut Fields) {
    let (mut uris, mut host, mut expires): (Vec<Value>, _, _) = (Vec::new(), None, None);
    for value in m.all("contact") {
        for one in split_list(&value) {
            let address = Address::read(one);
            if uris.len() < MAX_CONTACTS {
                uris.push(uri_text(address.uri).into());
            }
            host = host.or_else(|| address.host().map(short));
            expires = expires.or_else(|| param(address.params, "expires").and_then(number));
        }
    }
    if !uris.is_empty() {
        f.push(("contacts", uris.into()));
    }
    put(f, "contact_host", host);
    put(f, "contact_expires", expires.map(Value::from));
}

/// Whether it carries credentials, of whom, and whether a challenge asks for them once more for its own sake.
fn credentials(m: &Parsed<'_>, f: &mut Fields) {
    // A telephone of an IMS network names its user before it is asked: with an empty response (3GPP TS 24.229).
    let answers = |v: &[u8]| !is_digest(v) || auth_param(v, "response").is_some_and(|r| !r.is_empty());
    for name in ["authorization", "proxy-authorization"] {
        if let Some(v) = m.first(name).filter(|v| answers(v)) {
            f.push((
                "credentials",
                Value::Text(text(cut(&v, b' ').map_or(&v[..], |(s, _)| s), 32).to_ascii_lowercase()),
            ));
            put(f, "credentials_user", auth_param(&v, "username").map(short));
            break;
        }
    }
    for name in ["www-authenticate", "proxy-authenticate"] {
        if let Some(v) = m.first(name) {
            put(f, "realm", auth_param(&v, "realm").map(short));
            f.push(("stale", auth_param(&v, "stale").is_some_and(|s| s.eq_ignore_ascii_case(b"true")).into()));
            break;
        }
    }
}

fn is_digest(credentials: &[u8]) -> bool {
    credentials.get(..7).is_some_and(|s| s.eq_ignore_ascii_case(b"digest "))
}

/// Everything in a message, for a row. Total: bytes that are none say so.
pub fn all(_: &Context, m: &[u8]) -> Fields {
    let Some(p) = Parsed::read(m) else { return vec![("malformed", true.into())] };
    let mut f: Fields = vec![("start_line", uri_text(p.start_line).into())];
    match p.start {
        Start::Request { method, uri } => {
            f.push(("method", Value::Text(text(method, 64))));
            f.push(("request_uri", uri_text(uri).into()));
        }
        Start::Response { code, reason } => {
            f.push(("status_code", code.into()));
            f.push(("reason_phrase", short(reason)));
        }
    }
    let one = |h: &headers::Header<'_>| -> Value {
        vec![Value::Text(text(h.name().as_bytes(), 64)), header_text(h).into()].into()
    };
    f.push(("headers", p.headers.iter().take(MAX_LISTED).map(one).collect::<Vec<_>>().into()));
    f.push(("content_length", p.content_length().into()));
    f.push(("body_length", p.body.len().into()));
    let sdp = body::descriptions(&p);
    if !sdp.is_empty() {
        f.push(("sdp", sdp.into_iter().map(|s| Sdp::read(s).value()).collect::<Vec<_>>().into()));
    }
    if !p.whole || p.left_out > 0 {
        f.push(("malformed", true.into()));
    }
    f
}
