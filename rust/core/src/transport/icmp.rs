//! ICMP (RFC 792) and ICMPv6 (RFC 4443): the message, and the packet quoted in an error.

use crate::dissect::{Next, State, Step, View};
use crate::layers::{Icmp, Layers, Proto};

/// An ICMP message. Unreachable, source quench, redirect, time exceeded and parameter problem quote a packet.
pub(crate) fn message<'a>(view: View<'a>, state: &mut State, out: &mut Layers) -> Step<'a> {
    let kind = note(Proto::Icmp, view, state, out)?;
    match kind {
        3 | 4 | 11 | 12 => quote(Next::Ip, view, state),
        5 => {
            // Of what a redirect quotes Wireshark reads no more than RFC 792 asks for: 64 bits behind the IP header.
            let header = u32::from(view.u8(8)? & 15) * 4;
            quote(Next::Ip, view.limit(8 + header + 8), state)
        }
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
    let v6 = proto == Proto::Icmpv6;
    if v6 || view.data.len() >= 6 {
        out.push(proto);
        let found = Icmp { net: state.net, v6, quoted: state.quoted, message: view.span(), wire: view.wire };
        match out.icmp {
            None => out.icmp = Some(found),
            Some(first) if first.v6 != v6 && out.other_icmp.is_none() => out.other_icmp = Some(found),
            Some(_) => {}
        }
    }
    let Some([icmp_type, _]) = view.array::<2>(0) else {
        out.short = true;
        return None;
    };
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

#[cfg(test)]
mod tests {
    use crate::dissect::testing::{dissect, ipv4, ipv6, packet, path_of, udp};

    #[test]
    fn what_an_error_quotes_is_no_layer_of_its_own() {
        let quoted = ipv4(17, &udp(53, 54, b"x"));
        let layers = dissect(228, &ipv4(1, &[&[3, 3, 0, 0, 0, 0, 0, 0], &quoted[..]].concat()));
        assert_eq!(path_of(&layers), "ip:icmp:ip:udp");
        assert_eq!((layers.nets[0].quoted, layers.nets[1].quoted), (false, true));
        assert!(layers.udps.is_empty());
        assert_eq!(layers.quoted.as_slice(), [(false, 53, 54, 1)]);
        let icmp = layers.icmp.unwrap();
        assert_eq!((icmp.v6, icmp.quoted, icmp.message.len, icmp.wire), (false, false, 37, 37));
        assert!(layers.other_icmp.is_none());
    }

    #[test]
    fn a_message_of_the_other_version_is_found_in_a_quote() {
        let quoted = ipv4(41, &ipv6(58, &[128, 0, 0, 0, 0, 1, 0, 1]));
        let layers = dissect(228, &ipv4(1, &[&[3, 0, 0, 0, 0, 0, 0, 0], &quoted[..]].concat()));
        assert_eq!(path_of(&layers), "ip:icmp:ip:ipv6:icmpv6");
        let other = layers.other_icmp.unwrap();
        assert_eq!((layers.icmp.unwrap().v6, other.v6, other.quoted, other.wire), (false, true, true, 8));
    }

    #[test]
    fn a_redirect_quotes_64_bits() {
        let tcp = [0, 1, 0, 80, 0, 0, 0, 5, 0, 0, 0, 0, 0x50, 2, 0, 0, 0, 0, 0, 0];
        let redirect = |quoted: &[u8]| dissect(228, &ipv4(1, &[&[5, 1, 0, 0, 10, 0, 0, 3], quoted].concat()));
        let layers = redirect(&ipv4(6, &tcp));
        assert_eq!(path_of(&layers), "ip:icmp:ip:tcp");
        assert!(layers.quoted.is_empty());
        assert_eq!(path_of(&redirect(&ipv4(17, &udp(5, 4789, &[0; 30])))), "ip:icmp:ip:udp");
        assert_eq!(path_of(&redirect(&ipv4(4, &ipv4(17, &udp(5, 6, b""))))), "ip:icmp:ip:ip");
    }

    #[test]
    fn echo_quotes_nothing() {
        let layers = dissect(228, &ipv4(1, &[&[8, 0, 0, 0, 0, 1, 0, 1], &packet()[..]].concat()));
        assert_eq!(path_of(&layers), "ip:icmp");
    }

    #[test]
    fn a_redirect_has_its_packet_in_an_option() {
        let mut message = vec![137, 0, 0, 0];
        message.resize(40, 0);
        message.extend([2, 1, 2, 0, 0, 0, 0, 1]);
        let quoted = ipv6(17, &udp(1, 2, b""));
        message.extend([4, (quoted.len() / 8 + 1) as u8, 0, 0, 0, 0, 0, 0]);
        message.extend(&quoted);
        let layers = dissect(229, &ipv6(58, &message));
        assert_eq!(path_of(&layers), "ipv6:icmpv6:ipv6:udp");
        assert!(layers.nets[1].quoted);
    }
}
