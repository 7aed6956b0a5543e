//! NetBIOS datagrams and sessions (RFC 1002) and the SMB in them.

use super::super::{Output, Step};
use crate::layers::Proto;

const HEADER: usize = 4;
const SESSION_MESSAGE: u8 = 0;

/// A datagram: what it carries, where it is a direct or broadcast message. RFC 1002 section 4.4.
pub fn datagram(data: &[u8], out: &mut Output) -> bool {
    if matches!(data.first(), Some(0x10..=0x12))
        && let Some(names) = data.get(14..)
        && let Some(rest) = skip_name(names).and_then(skip_name)
    {
        smb(rest, out);
    }
    true
}

/// Behind an encoded name: labels up to the empty one, or a pointer.
fn skip_name(mut data: &[u8]) -> Option<&[u8]> {
    // Ends: every label is at least one byte.
    loop {
        let (&len, rest) = data.split_first()?;
        match len {
            0 => return Some(rest),
            0xc0.. => return rest.get(1..),
            _ => data = rest.get(len as usize..)?,
        }
    }
}

/// SMB of either generation, also encrypted or compressed.
fn smb(data: &[u8], out: &mut Output) {
    match data {
        [0xff, b'S', b'M', b'B', ..] => out.found(Proto::Smb),
        [0xfc..=0xfe, b'S', b'M', b'B', ..] => out.found(Proto::Smb2),
        _ => {}
    }
}

/// A session message. RFC 1002 section 4.3; SMB directly over TCP has 24 bits of length (MS-SMB2 section 2.1).
///
/// What does not look like one is the rest of a message whose start is not in the capture: Wireshark shows all of
/// these bytes as the protocol, too.
pub fn session(data: &[u8], out: &mut Output) -> Step {
    let &[kind, flags, high, low, ref body @ ..] = data else { return Step::Consumed(data.len()) };
    let is_smb = kind == SESSION_MESSAGE && body.get(1..4) == Some(b"SMB");
    let low16 = u16::from_be_bytes([high, low]) as usize;
    let len = if is_smb { (flags as usize) << 16 | low16 } else { ((flags & 1) as usize) << 16 | low16 };
    let fits = match kind {
        SESSION_MESSAGE => len > 0,
        0x81 => (2..=256).contains(&len),
        0x82 | 0x85 => len == 0,
        0x83 => len == 1,
        0x84 => len == 6,
        _ => false,
    };
    if !fits || !is_smb && flags > 1 {
        return Step::Consumed(data.len());
    }
    if body.len() < len {
        return Step::Need(HEADER + len);
    }
    if kind == SESSION_MESSAGE {
        smb(body.get(..len).unwrap_or_default(), out);
    }
    Step::Consumed(HEADER + len)
}
