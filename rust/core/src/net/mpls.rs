//! MPLS label stacks (RFC 3032) and what Wireshark guesses behind them.

use crate::dissect::{Next, Step, View};
use crate::layers::{Layers, Proto};
use crate::link::ethertype::{self, MAX_LENGTH};

/// Entries of label, class, bottom mark, TTL. Nothing says what follows the last one: its first nibble decides.
pub(crate) fn stack<'a>(view: View<'a>, out: &mut Layers) -> Step<'a> {
    let mut rest = view;
    let mut shown = false;
    loop {
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
            break;
        }
    }
    match rest.u8(0)? >> 4 {
        4 => Some((Next::Ipv4, rest)),
        6 => Some((Next::Ipv6, rest)),
        1 => associated_channel(rest, out),
        0 if rest.wire < 14 => None,
        0 if !looks_like_ethernet(rest.skip(4)) && looks_like_ethernet(rest) => Some((Next::Ethernet, rest)),
        0 => Some((Next::PseudowireWord, rest)),
        _ if looks_like_ethernet(rest) => Some((Next::Ethernet, rest)),
        _ => None,
    }
}

/// The control channel of a pseudowire (RFC 4385, 5): its type in the low half of the first word.
fn associated_channel<'a>(view: View<'a>, out: &mut Layers) -> Step<'a> {
    out.push(Proto::Pwach);
    match view.u16(2)? {
        0x0021 => Some((Next::Ipv4, view.skip(4))),
        0x0057 => Some((Next::Ipv6, view.skip(4))),
        _ => None,
    }
}

/// The control word in front of an Ethernet frame.
pub(crate) fn control_word<'a>(view: View<'a>, out: &mut Layers) -> Step<'a> {
    out.push(Proto::Pwmcw);
    Some((Next::Ethernet, view.skip(4)))
}

/// A frame with a known EtherType, or a length that fits. (Wireshark looks its makers' numbers up instead.)
fn looks_like_ethernet(view: View<'_>) -> bool {
    match view.u16(12) {
        Some(kind) if kind > MAX_LENGTH => ethertype::next(kind).is_some(),
        Some(length) => length != 0 && u32::from(length) + 14 <= view.wire,
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use crate::dissect::testing::{ethernet, packet, path};

    #[test]
    fn stacks_and_pseudowires() {
        let stack = |entries: &[u32], payload: &[u8]| {
            let labels: Vec<u8> = entries.iter().flat_map(|e| e.to_be_bytes()).collect();
            path(1, &ethernet(0x8847, &[&labels, payload].concat()))
        };
        // Label 16, label 32 with the bottom mark (RFC 3032, 2.1).
        assert_eq!(stack(&[0x0001_0040, 0x0002_0140], &packet()), "eth:mpls:ip:udp");
        let frame = ethernet(0x0800, &packet());
        assert_eq!(stack(&[0x0001_0140, 0], &frame), "eth:mpls:pwmcw:eth:ip:udp");
        assert_eq!(stack(&[0x0001_0140], &frame), "eth:mpls:eth:ip:udp");
        assert_eq!(stack(&[0x0001_0140, 0x1000_0021], &packet()), "eth:mpls:pwach:ip:udp");
    }
}
