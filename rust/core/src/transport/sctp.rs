//! SCTP (RFC 9260): the common header; chunks belong to associations.

use crate::dissect::{Step, View};
use crate::layers::{Layers, Proto};

/// Ports, verification tag, checksum.
pub(crate) fn header<'a>(view: View<'a>, out: &mut Layers) -> Step<'a> {
    if view.data.is_empty() {
        out.short = true;
        return None;
    }
    out.push(Proto::Sctp);
    out.short |= view.data.len() < 12;
    None
}
