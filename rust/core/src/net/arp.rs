//! ARP (RFC 826).

use crate::dissect::{Step, View};
use crate::layers::{Layers, Proto};

/// Nothing stands behind an ARP message.
#[inline]
pub(crate) fn message<'a>(view: View<'a>, out: &mut Layers) -> Step<'a> {
    if view.data.len() >= 2 {
        out.push(Proto::Arp);
        out.arp.get_or_insert(view.span());
    }
    out.short |= view.data.len() < 8;
    None
}

#[cfg(test)]
mod tests {
    use crate::dissect::testing::{ethernet, path};

    #[test]
    fn request() {
        assert_eq!(path(1, &ethernet(0x0806, &[0, 1, 8, 0, 6, 4, 0, 1])), "eth:arp");
        assert_eq!(path(1, &ethernet(0x0806, &[0])), "eth");
    }
}
