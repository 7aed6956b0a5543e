//! MPLS label stacks (RFC 3032) and what Wireshark guesses behind them.

use crate::dissect::{Next, Step, View};
use crate::layers::{Layers, Proto};

/// Entries of label, class, bottom mark, TTL. Nothing says what follows the last one: its first nibble decides.
pub(crate) fn stack<'a>(view: View<'a>, out: &mut Layers) -> Step<'a> {
    let mut rest = view;
    let mut shown = false;
    let label = loop {
        let Some(entry) = rest.u32(0) else {
            out.short = true;
            return None;
        };
        if !shown {
            out.push(Proto::Mpls);
            shown = true;
        }
        rest = rest.skip(4);
        if entry & 0x100 != 0 {
            break entry >> 12;
        }
    };
    let first = rest.u8(0)?;
    if label == 13 && first >> 4 == 1 {
        out.push(Proto::Pwach);
        return None;
    }
    match first >> 4 {
        4 => Some((Next::Ipv4, rest)),
        6 => Some((Next::Ipv6, rest)),
        1 => {
            out.push(Proto::Pwach);
            None
        }
        0 if looks_like_ethernet(rest.skip(4)) => Some((Next::PseudowireWord, rest)),
        _ if looks_like_ethernet(rest) => Some((Next::Ethernet, rest)),
        _ => None,
    }
}

/// The control word in front of an Ethernet frame.
pub(crate) fn control_word<'a>(view: View<'a>, out: &mut Layers) -> Step<'a> {
    out.push(Proto::Pwmcw);
    Some((Next::Ethernet, view.skip(4)))
}

/// A frame with a known EtherType, or a length that fits.
fn looks_like_ethernet(view: View<'_>) -> bool {
    match view.u16(12) {
        Some(kind) if kind > crate::link::ethertype::MAX_LENGTH => crate::link::ethertype::next(kind).is_some(),
        Some(length) => u32::from(length) + 14 <= view.wire,
        None => false,
    }
}
