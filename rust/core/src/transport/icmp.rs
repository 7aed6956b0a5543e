//! ICMP (RFC 792) and ICMPv6 (RFC 4443): the message, and the packet quoted in an error.

use crate::dissect::{Next, State, Step, View};
use crate::layers::{Icmp, Layers, Proto};

/// An ICMP message.
pub(crate) fn message<'a>(view: View<'a>, state: &mut State, out: &mut Layers) -> Step<'a> {
    out.push(Proto::Icmp);
    let kind = note(view, false, state, out)?;
    // Unreachable, source quench, redirect, time exceeded, parameter problem.
    matches!(kind, 3 | 4 | 5 | 11 | 12).then(|| quote(Next::Ipv4, view, state)).flatten()
}

/// An ICMPv6 message.
pub(crate) fn message_v6<'a>(view: View<'a>, state: &mut State, out: &mut Layers) -> Step<'a> {
    out.push(Proto::Icmpv6);
    let kind = note(view, true, state, out)?;
    // Unreachable, packet too big, time exceeded, parameter problem.
    matches!(kind, 1..=4).then(|| quote(Next::Ipv6, view, state)).flatten()
}

fn note(view: View<'_>, v6: bool, state: &State, out: &mut Layers) -> Option<u8> {
    let Some([icmp_type, code]) = view.array::<2>(0) else {
        out.short = true;
        return None;
    };
    if out.icmp.is_none() {
        out.icmp = Some(Icmp { net: state.net, v6, icmp_type, code, message: view.span() });
    }
    Some(icmp_type)
}

fn quote<'a>(next: Next, view: View<'a>, state: &mut State) -> Step<'a> {
    state.quoted = true;
    let inner = view.skip(8);
    (!inner.data.is_empty()).then_some((next, inner))
}
