//! NTLM ([MS-NLMP] 2.2.1.3): domain and user of AUTHENTICATE messages, in SMB with the outcome, elsewhere by content.

use super::book::{Book, Exposed, Protocol, Ticket};
use super::{At, Talk};
use crate::app::http::secret::ntlm_user;
use crate::app::{Context, Step};
use memchr::memmem::Finder;
use std::collections::VecDeque;

const MAGIC: &[u8] = b"NTLMSSP\0\x03\0\0\0";
/// Where in a segment of another protocol the message begins at the latest.
const MAX_START: usize = 400;
/// Longest SMB message looked at, bytes: session setups are short.
const MAX_SETUP: usize = 16 << 10;
/// Session setups without a response that are remembered.
const MAX_OPEN: usize = 16;
const MORE_PROCESSING: u32 = 0xc000_0016;

/// Looks for AUTHENTICATE messages in segments of any stream: asked of all of them, so it is made once.
pub struct Search(Finder<'static>);

impl Search {
    pub fn new() -> Self {
        Self(Finder::new(MAGIC))
    }

    #[inline]
    pub fn segment(&self, book: &mut Book, ctx: &Context, counts: bool, data: &[u8]) {
        let head = data.get(..data.len().min(MAX_START + MAGIC.len())).unwrap_or_default();
        if counts && head.len() > MAGIC.len() && self.0.find(head).is_some() {
            found(book, ctx, data);
        }
    }
}

#[cold]
fn found(book: &mut Book, ctx: &Context, data: &[u8]) {
    let Some(user) = ntlm_user(data) else { return };
    let method = match data.first() {
        // Connection-oriented DCE/RPC, version 5.
        Some(5) => "dcerpc",
        Some(0x10) => "tds",
        _ => "other",
    };
    let (client, server) = ((ctx.src, ctx.src_port), (ctx.dst, ctx.dst_port));
    book.attempt(ctx, client, server, (Protocol::Ntlm, method, Exposed::Hash), Some(&user), ctx.frame);
}

/// SMB over NetBIOS sessions or TCP: session setups.
#[derive(Debug, Default)]
pub struct Smb {
    /// By message id.
    open: VecDeque<(u64, Ticket)>,
}

/// What matters of an SMB header: whether it sets a session up, its message id, status.
struct Header {
    setup: bool,
    id: u64,
    status: u32,
    method: &'static str,
}

fn header(message: &[u8]) -> Option<Header> {
    let le16 = |at: usize| Some(u16::from_le_bytes(message.get(at..at + 2)?.try_into().ok()?));
    let le32 = |at: usize| Some(u32::from_le_bytes(message.get(at..at + 4)?.try_into().ok()?));
    match message.get(..4)? {
        // [MS-SMB2] 2.2.1.
        [0xfe, b'S', b'M', b'B'] => {
            let id = u64::from_le_bytes(message.get(24..32)?.try_into().ok()?);
            Some(Header { setup: le16(12)? == 1, id, status: le32(8)?, method: "smb2" })
        }
        // [MS-CIFS] 2.2.3.1.
        [0xff, b'S', b'M', b'B'] => {
            let id = le16(30)?.into();
            Some(Header { setup: message.get(4) == Some(&0x73), id, status: le32(5)?, method: "smb" })
        }
        _ => None,
    }
}

/// The message at the start, or what to do: RFC 1002 4.3.1, [MS-SMB2] 2.1.
fn message(data: &[u8]) -> Result<(&[u8], usize), Step> {
    let Some(&[kind, high, mid, low]) = data.first_chunk::<4>() else { return Err(Step::Need(4)) };
    let size = 4 + ((high as usize) << 16 | (mid as usize) << 8 | low as usize);
    if kind != 0 {
        // Keep-alives and the session's beginning; anything else is no start of a message.
        return Err(if matches!(kind, 0x81..=0x85) { Step::Consumed(size) } else { Step::Consumed(data.len()) });
    }
    if data.len() < size.min(40) {
        return Err(Step::Need(size.min(40)));
    }
    let setup = data.get(4..).and_then(header).is_some_and(|h| h.setup);
    if !setup || size > MAX_SETUP {
        return Err(Step::Consumed(size));
    }
    data.get(4..size).map(|m| (m, size)).ok_or(Step::Need(size))
}

impl Talk for Smb {
    fn client(&mut self, data: &[u8], at: &mut At<'_>) -> Step {
        let (message, size) = match message(data) {
            Ok(found) => found,
            Err(step) => return step,
        };
        if let (Some(head), Some(user)) = (header(message), ntlm_user(message)) {
            let ticket = at.attempt((Protocol::Ntlm, head.method, Exposed::Hash), Some(&user), at.ctx.frame);
            if self.open.len() >= MAX_OPEN {
                self.open.pop_front();
            }
            self.open.push_back((head.id, ticket));
        }
        Step::Consumed(size)
    }

    fn server(&mut self, data: &[u8], at: &mut At<'_>) -> Step {
        let (message, size) = match message(data) {
            Ok(found) => found,
            Err(step) => return step,
        };
        if let Some(head) = header(message).filter(|h| h.status != MORE_PROCESSING)
            && let Some(place) = self.open.iter().position(|o| o.0 == head.id)
            && let Some((_, ticket)) = self.open.remove(place)
        {
            at.settle(ticket, head.status == 0);
        }
        Step::Consumed(size)
    }

    fn gap(&mut self) {
        self.open.clear();
    }
}
