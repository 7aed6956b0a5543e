//! ARP (RFC 826) and IPv6 neighbour advertisements (RFC 4861 4.4): who says to have which address, as messages for the
//! machine that follows the bindings.

use super::message::Fields;
use super::{App, Context, Message, Output};
use crate::addr::{IpAddr, MacAddr};
use crate::layers::{Icmp, Layers};

const NEIGHBOUR_ADVERTISEMENT: u8 = 136;
const TARGET_LINK_ADDRESS: u8 = 2;

/// The decoder of a pass.
pub struct Arp;

impl App for Arp {
    fn name(&self) -> &'static str {
        "arp"
    }

    fn arp(&mut self, ctx: &Context, sender: Option<MacAddr>, message: &[u8], out: &mut Output) {
        if let Some(fields) = binding(sender, message) {
            out.messages.push(Message { protocol: "arp", context: *ctx, fields });
        }
    }

    fn icmp(&mut self, ctx: &Context, icmp: &Icmp, message: &[u8], layers: &Layers, out: &mut Output) {
        if icmp.v6
            && !icmp.quoted
            && message.first() == Some(&NEIGHBOUR_ADVERTISEMENT)
            && let Some(fields) = advertisement(layers.eths.first().map(|e| e.0), message)
        {
            out.messages.push(Message { protocol: "arp", context: *ctx, fields });
        }
    }
}

/// Hardware addresses of six bytes, protocol addresses of IPv4.
fn binding(sender: Option<MacAddr>, m: &[u8]) -> Option<Fields> {
    let opcode = u16::from_be_bytes([*m.get(6)?, *m.get(7)?]);
    if m.get(2..6)? != [8, 0, 6, 4] {
        return None;
    }
    let mac = MacAddr(*m.get(8..)?.first_chunk()?);
    let ip = IpAddr::v4(*m.get(14..)?.first_chunk()?);
    let target = IpAddr::v4(*m.get(24..)?.first_chunk()?);
    Some(vec![
        ("opcode", opcode.into()),
        ("mac", mac.to_string().into()),
        ("ip", ip.into()),
        ("target", target.into()),
        ("sender", sender.map(|s| s.to_string()).into()),
    ])
}

fn advertisement(sender: Option<MacAddr>, m: &[u8]) -> Option<Fields> {
    let address = IpAddr::v6(*m.get(8..)?.first_chunk()?);
    let mut mac = sender;
    let mut options = m.get(24..).unwrap_or_default();
    // Ends: an option takes at least eight bytes.
    while let Some(&[kind, len]) = options.first_chunk::<2>() {
        if kind == TARGET_LINK_ADDRESS
            && len == 1
            && let Some(own) = options.get(2..8).and_then(<[u8]>::first_chunk)
        {
            mac = Some(MacAddr(*own));
            break;
        }
        options = options.get((len.max(1) as usize) * 8..).unwrap_or_default();
    }
    Some(vec![("advertised", address.into()), ("mac", mac.map(|m| m.to_string()).into())])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::Value;

    const MAC: MacAddr = MacAddr([2, 0, 0, 0, 0, 9]);

    #[test]
    fn bindings_and_advertisements() {
        let mut arp = vec![0, 1, 8, 0, 6, 4, 0, 2, 2, 0, 0, 0, 0, 1, 10, 0, 0, 1, 0, 0, 0, 0, 0, 0, 10, 0, 0, 2];
        let found = binding(Some(MAC), &arp).unwrap();
        assert_eq!(found[0].1, Value::Int(2));
        assert_eq!(found[1].1, Value::Text("02:00:00:00:00:01".into()));
        assert_eq!(found[2].1, Value::Ip(IpAddr::v4([10, 0, 0, 1])));
        assert!((0..arp.len()).all(|end| binding(None, &arp[..end]).is_none()));
        arp[4] = 8;
        assert_eq!(binding(None, &arp), None);
        let mut na = vec![136, 0, 0, 0, 0, 0, 0, 0];
        na.extend([0xfe, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 2, 1, 2, 0, 0, 0, 0, 7]);
        assert_eq!(advertisement(Some(MAC), &na).unwrap()[1].1, Value::Text("02:00:00:00:00:07".into()));
        assert_eq!(advertisement(Some(MAC), &na[..24]).unwrap()[1].1, Value::Text("02:00:00:00:00:09".into()));
        (0..na.len()).for_each(|end| _ = advertisement(None, &na[..end]));
    }
}
