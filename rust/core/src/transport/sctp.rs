//! SCTP (RFC 9260): the common header; chunks belong to associations.

use crate::dissect::{Step, View};
use crate::layers::{Layers, Proto};

/// Ports, verification tag, checksum.
pub(crate) fn header<'a>(view: View<'a>, out: &mut Layers) -> Step<'a> {
    if view.data.len() < 12 {
        out.short = true;
    } else {
        out.push(Proto::Sctp);
    }
    None
}

#[cfg(test)]
mod tests {
    use crate::dissect::testing::{ipv4, path};

    #[test]
    fn needs_its_whole_header() {
        assert_eq!(path(228, &ipv4(132, &[0; 12])), "ip:sctp");
        assert_eq!(path(228, &ipv4(132, &[0; 11])), "ip");
    }
}
