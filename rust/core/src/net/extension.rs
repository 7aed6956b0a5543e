//! IPv6 extension headers (RFC 8200, 4): hop-by-hop and destination options, routing, fragment.

use crate::dissect::{Fragment, Next, State, Step, View};
use crate::layers::{Layers, Proto};

/// One extension header by its number.
pub(crate) fn header<'a>(number: u8, view: View<'a>, state: &mut State, out: &mut Layers) -> Step<'a> {
    if number == 44 {
        return fragment(view, state, out);
    }
    out.push(match number {
        0 => Proto::Ipv6Hopopts,
        43 => Proto::Ipv6Routing,
        _ => Proto::Ipv6Dstopts,
    });
    let Some([next, length]) = view.array::<2>(0) else {
        out.short = true;
        return None;
    };
    let whole = (usize::from(length) + 1) * 8;
    if number != 43 && !options_fit(view, whole) {
        out.malformed = true;
        return None;
    }
    follow(next, view.skip(whole), state, out)
}

/// Whether no option of the header runs past the end of the packet (past the end of the header is let through, as
/// Wireshark does).
fn options_fit(view: View<'_>, whole: usize) -> bool {
    let mut at = 2;
    while at < whole {
        match view.u8(at) {
            Some(0) => at += 1,
            Some(kind) => {
                let Some(length) = view.u8(at + 1) else { return false };
                // Router alert, tunnel limit, jumbo payload and home address are read at their own size at least.
                let least = match kind {
                    5 => 2,
                    4 => 1,
                    0xc2 => 4,
                    0xc9 => 16,
                    _ => 0,
                };
                at += 2 + least.max(usize::from(length));
            }
            None => return false,
        }
        if at > view.data.len() {
            return false;
        }
    }
    true
}

/// Notes the number of the header that follows in its IP header.
fn follow<'a>(next: u8, rest: View<'a>, state: &State, out: &mut Layers) -> Step<'a> {
    note(next, state, out);
    if next == 59 { None } else { Some((Next::IpProtocol(next), rest)) }
}

/// Last next-header number of the IP header in force.
pub(crate) fn note(next: u8, state: &State, out: &mut Layers) {
    if let Some(net) = state.net.and_then(|at| out.nets.get_mut(usize::from(at))) {
        net.protocol = next;
    }
}

fn fragment<'a>(view: View<'a>, state: &mut State, out: &mut Layers) -> Step<'a> {
    out.push(Proto::Ipv6Fraghdr);
    let Some([next, _, o0, o1, i0, i1, i2, i3]) = view.array::<8>(0) else {
        out.short = true;
        return None;
    };
    out.ipv6_fragment = true;
    note(next, state, out);
    let field = u16::from_be_bytes([o0, o1]);
    let (offset, more) = (u32::from(field & 0xfff8), field & 1 != 0);
    let payload = view.skip(8);
    // An atomic fragment (RFC 6946) is a whole datagram.
    if offset == 0 && !more {
        return follow(next, payload, state, out);
    }
    let net = state.net.and_then(|at| out.nets.get_mut(usize::from(at)));
    let net = net.map(|net| {
        net.fragment = true;
        &*net
    });
    if let Some(net) = net
        && payload.wire > 0
        && payload.data.len() >= payload.wire as usize
    {
        state.fragment = Some(Fragment {
            src: net.src,
            dst: net.dst,
            id: u32::from_be_bytes([i0, i1, i2, i3]),
            protocol: 0,
            offset,
            more,
            next,
        });
        return Some((Next::Fragment, payload));
    }
    // Unlike IPv4, a first fragment that was cut is not read.
    out.push(Proto::Data);
    None
}

#[cfg(test)]
mod tests {
    use crate::dissect::testing::{dissect, ipv6, path_of, udp};

    #[test]
    fn a_chain_ends_at_the_transport() {
        let options = [60, 0, 1, 4, 0, 0, 0, 0];
        let more = [43, 0, 1, 4, 0, 0, 0, 0];
        let routing = [17, 0, 4, 0, 0, 0, 0, 0];
        let layers = dissect(229, &ipv6(0, &[&options, &more, &routing, &udp(1, 2, b"x")[..]].concat()));
        assert_eq!(path_of(&layers), "ipv6:ipv6.hopopts:ipv6.dstopts:ipv6.routing:udp");
        assert_eq!(layers.nets[0].protocol, 17);
    }

    #[test]
    fn an_atomic_fragment_is_whole() {
        let layers = dissect(229, &ipv6(44, &[&[17, 0, 0, 0, 0, 0, 0, 9], &udp(1, 2, b"x")[..]].concat()));
        assert_eq!(path_of(&layers), "ipv6:ipv6.fraghdr:udp");
        assert!(layers.ipv6_fragment);
    }

    #[test]
    fn an_option_beyond_the_packet_ends_it() {
        let layers = dissect(229, &ipv6(0, &[&[17, 0, 0x1e, 200, 0, 0, 0, 0], &udp(1, 2, b"x")[..]].concat()));
        assert_eq!(path_of(&layers), "ipv6:ipv6.hopopts");
    }
}
