//! A request with its response as a detail row: packed while the pass goes on, unpacked when somebody looks.

use crate::app::Context;
use crate::app::message::{Fields, Value, text};
use crate::packing::{Reader, fold, put, put_all, unfold};

/// Bits of [`Row::flags`].
pub mod flag {
    /// All of the request has come.
    pub const REQUEST_DONE: u16 = 1;
    /// The head of a response has come.
    pub const ANSWERED: u16 = 2;
    /// All of the response has come.
    pub const RESPONSE_DONE: u16 = 4;
    /// No request of the capture belongs to the response.
    pub const NO_REQUEST: u16 = 8;
    pub const REQUEST_CHUNKED: u16 = 16;
    pub const RESPONSE_CHUNKED: u16 = 32;
    /// Wireshark does not show one of the two: its segments did not come in order, or it stands on a port that
    /// Wireshark takes for another protocol's.
    pub const HIDDEN: u16 = 64;
    /// The body ends with the connection.
    pub const UNTIL_CLOSE: u16 = 128;
    /// A 1xx response came before.
    pub const INTERIM: u16 = 256;
    /// The connection was open for further requests.
    pub const KEPT_OPEN: u16 = 512;
}

/// Texts of a row, in the order they are packed in.
pub const TEXTS: [&str; 12] = [
    "method",
    "host",
    "uri",
    "user_agent",
    "content_type",
    "content_encoding",
    "server",
    "location",
    "upgrade",
    "login",
    "user",
    "request_type",
];

/// Longest text of a row, bytes.
pub const MAX_TEXT: usize = 1_024;

#[derive(Clone, Debug, Default)]
pub struct Row {
    pub flags: u16,
    pub version: u8,
    pub status: u16,
    pub request_head: u32,
    pub request_body: u64,
    pub response_head: u32,
    pub response_body: u64,
    /// Frame that completes the response, or holds the end of its head, of HTTP/2 always the latter; 0: none.
    pub response_frame: u64,
    /// From the end of the request to the first byte of the response, ns.
    pub wait_ns: Option<i64>,
    /// From the first to the last byte of the response, ns.
    pub transfer_ns: Option<i64>,
    /// `wait_ns` without the time the handshake took to the server and back, ns.
    pub server_ns: Option<i64>,
    /// Of HTTP/2; 0: none.
    pub stream_id: u32,
    pub texts: [String; 12],
}

impl Row {
    pub fn set(&mut self, name: &str, bytes: &[u8]) {
        self.set_text(name, text(bytes, MAX_TEXT));
    }

    pub fn set_text(&mut self, name: &str, value: String) {
        if let Some(slot) = TEXTS.iter().position(|t| *t == name).and_then(|i| self.texts.get_mut(i)) {
            *slot = value;
        }
    }

    pub fn pack(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(64 + self.texts.iter().map(|t| t.len() + 2).sum::<usize>());
        let time = |t: Option<i64>| t.map_or(0, |ns| fold(ns).saturating_add(1));
        let numbers = [
            self.flags as u64 | (self.version as u64) << 16 | (self.status as u64) << 24,
            self.request_head as u64 | (self.response_head as u64) << 32,
            self.request_body,
            self.response_body,
            self.response_frame,
            time(self.wait_ns),
            time(self.transfer_ns),
            time(self.server_ns),
            self.stream_id as u64,
        ];
        put_all(&mut out, &numbers);
        for t in &self.texts {
            put(&mut out, t.len() as u64);
            out.extend_from_slice(t.as_bytes());
        }
        out
    }
}

/// The fields of a packed row: texts that are absent and times that are not known are None.
pub fn fields(_: &Context, packed: &[u8]) -> Fields {
    let mut from = Reader(packed);
    let numbers: [u64; 9] = from.all();
    let number = |i: usize| numbers.get(i).copied().unwrap_or(0);
    let time = |i: usize| number(i).checked_sub(1).map(unfold);
    let (first, heads) = (number(0), number(1));
    let flags = first as u16;
    let has = |bit: u16| Value::Bool(flags & bit != 0);
    let status = (first >> 24) as u16;
    let mut out: Fields = vec![
        ("version", ((first >> 16) as u8).into()),
        ("status", (flags & flag::ANSWERED != 0).then_some(status).into()),
        ("request_complete", has(flag::REQUEST_DONE)),
        ("response_complete", has(flag::RESPONSE_DONE)),
        ("request_chunked", has(flag::REQUEST_CHUNKED)),
        ("response_chunked", has(flag::RESPONSE_CHUNKED)),
        ("until_close", has(flag::UNTIL_CLOSE)),
        ("interim", has(flag::INTERIM)),
        ("kept_open", has(flag::KEPT_OPEN)),
        ("hidden", has(flag::HIDDEN)),
        ("request_head_bytes", (heads as u32).into()),
        ("response_head_bytes", ((heads >> 32) as u32).into()),
        ("request_body_bytes", number(2).into()),
        ("response_body_bytes", number(3).into()),
        ("response_frame", Some(number(4)).filter(|&n| n != 0).into()),
        ("wait_ns", time(5).into()),
        ("transfer_ns", time(6).into()),
        ("server_ns", time(7).into()),
        ("stream_id", Some(number(8)).filter(|&n| n != 0).into()),
    ];
    for name in TEXTS {
        let len = from.number() as usize;
        let (bytes, rest) = from.0.split_at_checked(len).unwrap_or((from.0, &[]));
        from.0 = rest;
        // Escaped and capped when it was packed.
        let value = String::from_utf8_lossy(bytes);
        out.push((name, if bytes.is_empty() { Value::None } else { Value::Text(value.into_owned()) }));
    }
    out
}
