//! IP Authentication Header (RFC 4302).

use crate::dissect::{Next, State, Step, View};
use crate::layers::{Layers, Proto};
use crate::net::extension::note;

/// Next header, length in words less two, SPI, sequence, check value.
pub(crate) fn header<'a>(view: View<'a>, state: &mut State, out: &mut Layers) -> Step<'a> {
    let Some([next, length]) = view.array::<2>(0) else {
        out.short = true;
        return None;
    };
    out.push(Proto::Ah);
    note(next, state, out);
    if next == 59 {
        return None;
    }
    Some((Next::IpProtocol(next), view.skip((usize::from(length) + 2) * 4)))
}

#[cfg(test)]
mod tests {
    use crate::dissect::testing::{dissect, ipv4, packet, path_of};

    #[test]
    fn lengths_in_words_less_two() {
        let head = [4, 4, 0, 0, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
        let layers = dissect(228, &ipv4(51, &[&head, &packet()[..]].concat()));
        assert_eq!(path_of(&layers), "ip:ah:ip:udp");
        assert_eq!(layers.udps[0].net, Some(1));
    }
}
