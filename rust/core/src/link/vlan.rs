//! IEEE 802.1Q and 802.1ad tags.

use crate::dissect::{State, Step, View};
use crate::layers::{Layers, Proto};
use crate::link::ethernet::ieee8023;
use crate::link::ethertype::{self, MAX_LENGTH};

/// 802.1Q: tag control information and EtherType or length, behind the tag's own EtherType.
#[inline(always)]
pub(crate) fn tag<'a>(view: View<'a>, state: &mut State, out: &mut Layers) -> Step<'a> {
    let Some(control) = view.u16(0) else {
        out.short = true;
        return None;
    };
    out.push(Proto::Vlan);
    state.vlan_id = control & 0x0fff;
    let _ = out.vlan_ids.try_push(state.vlan_id);
    let Some(kind) = view.u16(2) else {
        out.short = true;
        return None;
    };
    let payload = view.skip(4);
    if kind > MAX_LENGTH { ethertype::step(kind, payload) } else { ieee8023(kind, payload, out) }
}

/// 802.1ad service tag. Its id is no `vlan.id`, so it is not in `vlan_ids`.
pub(crate) fn service_tag<'a>(view: View<'a>, out: &mut Layers) -> Step<'a> {
    out.push(Proto::Ieee8021ad);
    match view.u16(2) {
        Some(kind) if kind > MAX_LENGTH => ethertype::step(kind, view.skip(4)),
        Some(kind) => ieee8023(kind, view.skip(4), out),
        None => {
            out.short = true;
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::dissect::testing::{dissect, ethernet, packet, path_of};

    #[test]
    fn ids_of_a_stack_stand_outermost_first() {
        let frame = ethernet(0x8100, &[&[0x20, 5, 0x81, 0, 0xa0, 6, 8, 0], &packet()[..]].concat());
        let layers = dissect(1, &frame);
        assert_eq!(path_of(&layers), "eth:vlan:vlan:ip:udp");
        assert_eq!(layers.vlan_ids.as_slice(), [5, 6]);
    }

    #[test]
    fn a_service_tag_is_no_vlan_id() {
        let frame = ethernet(0x88a8, &[&[0, 5, 0x81, 0, 0, 6, 8, 0], &packet()[..]].concat());
        let layers = dissect(1, &frame);
        assert_eq!(path_of(&layers), "eth:ieee8021ad:vlan:ip:udp");
        assert_eq!(layers.vlan_ids.as_slice(), [6]);
    }
}
