//! ICMP (RFC 792) and ICMPv6 (RFC 4443): the message, and the packet quoted in an error.

use crate::dissect::{Next, State, Step, View};
use crate::layers::{Icmp, Layers, Proto};

/// An ICMP message. Unreachable, source quench, redirect, time exceeded and parameter problem quote a packet.
pub(crate) fn message<'a>(view: View<'a>, state: &mut State, out: &mut Layers) -> Step<'a> {
    let kind = note(Proto::Icmp, view, state, out)?;
    match kind {
        3 | 4 | 5 | 11 | 12 => quote(Next::Ip, view, state),
        _ => None,
    }
}

/// An ICMPv6 message. Unreachable, packet too big, time exceeded and parameter problem quote a packet; a redirect
/// has one in an option (RFC 4861, 4.6.3).
pub(crate) fn message_v6<'a>(view: View<'a>, state: &mut State, out: &mut Layers) -> Step<'a> {
    let kind = note(Proto::Icmpv6, view, state, out)?;
    match kind {
        1..=4 => quote(Next::Ipv6, view, state),
        137 => redirected(view, state),
        _ => None,
    }
}

fn note(proto: Proto, view: View<'_>, state: &State, out: &mut Layers) -> Option<u8> {
    // Wireshark reads 6 bytes before it shows an ICMP layer, and none before it shows an ICMPv6 layer.
    if proto == Proto::Icmpv6 || view.data.len() >= 6 {
        out.push(proto);
    }
    let Some([icmp_type, code]) = view.array::<2>(0) else {
        out.short = true;
        return None;
    };
    if out.icmp.is_none() {
        let v6 = proto == Proto::Icmpv6;
        out.icmp = Some(Icmp { net: state.net, v6, icmp_type, code, message: view.span() });
    }
    Some(icmp_type)
}

fn quote<'a>(next: Next, view: View<'a>, state: &mut State) -> Step<'a> {
    state.quoted = true;
    let inner = view.skip(8);
    (!inner.data.is_empty()).then_some((next, inner))
}

/// Option 4 of a redirect: kind, length in units of 8 bytes, 6 reserved, the packet.
fn redirected<'a>(view: View<'a>, state: &mut State) -> Step<'a> {
    let mut option = view.skip(40);
    while let Some([kind, length]) = option.array::<2>(0) {
        let length = usize::from(length) * 8;
        if length == 0 {
            return None;
        }
        if kind == 4 {
            state.quoted = true;
            return Some((Next::Ipv6, option.limit(length as u32).skip(8)));
        }
        option = option.skip(length);
    }
    None
}
