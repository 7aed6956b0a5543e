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
