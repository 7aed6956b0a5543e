//! DHCPv4 and BOOTP (RFC 2131, RFC 951) and DHCPv6 (RFC 8415) over UDP. Decoded here, followed by a machine outside.

mod duid;
pub(crate) mod fields;
pub(crate) mod fields6;
mod names4;
mod names6;
mod options4;
mod show;
mod v4;
mod v6;

use super::kept::Kept;
use super::message::Message;
use super::{App, Context, DetectedBy, Output, Probe};
use crate::filter::registry::{Group, of_proto};
use crate::layers::Proto;
use crate::limits::Limits;

/// Proxy DHCP of PXE (PXE 2.1, 2.2.1): Wireshark takes what has the cookie there.
const PROXY: u16 = 4011;
const V6: [u16; 2] = [546, 547];

/// DHCP of a pass.
pub struct Dhcp {
    kept: Kept,
}

impl Dhcp {
    pub fn new(limits: &Limits) -> Self {
        Self { kept: Kept::new(limits) }
    }
}

/// Which of the two protocols Wireshark shows the payload as, None: neither.
fn shown_as(ctx: &Context, data: &[u8]) -> Option<Proto> {
    if ctx.detected_by != DetectedBy::Port {
        return Some(Proto::Dhcp);
    }
    // The lower port decides, as it does for who gets the datagram.
    let (low, high) = (ctx.src_port.min(ctx.dst_port), ctx.src_port.max(ctx.dst_port));
    let v4_ports = |p| matches!(p, 67 | 68 | PROXY);
    if !v4_ports(low) && (V6.contains(&low) || V6.contains(&high) && !v4_ports(high)) {
        return (!data.is_empty()).then_some(Proto::Dhcpv6);
    }
    let proxy = low == PROXY || high == PROXY;
    (v4::is_shown(data) && (!proxy || v4::has_cookie(data))).then_some(Proto::Dhcp)
}

fn put_fields(proto: Proto, data: &[u8], out: &mut Output) {
    out.layer(of_proto(proto), data);
    match proto {
        Proto::Dhcp => out.fields(Group::Dhcp).into_iter().for_each(|sink| fields::put(data, sink)),
        _ => out.fields(Group::Dhcpv6).into_iter().for_each(|sink| fields6::put(data, sink)),
    }
}

impl App for Dhcp {
    fn protocols(&self) -> &[Proto] {
        &[Proto::Dhcp, Proto::Dhcpv6]
    }
    fn name(&self) -> &'static str {
        "dhcp"
    }
    fn udp_ports(&self) -> &[u16] {
        &[67, 68, PROXY, V6[0], V6[1]]
    }

    fn probe(&self, transport: Proto, data: &[u8]) -> Probe {
        if transport == Proto::Udp && v4::believable(data) { Probe::Yes } else { Probe::No }
    }

    fn datagram(&mut self, ctx: &Context, data: &[u8], out: &mut Output) -> bool {
        let Some(proto) = shown_as(ctx, data) else { return false };
        if ctx.detected_by == DetectedBy::Port {
            out.found(proto);
            put_fields(proto, data, out);
        }
        let (protocol, fields, decode): (_, _, super::kept::Decode) = match proto {
            Proto::Dhcp => ("dhcp", v4::brief(data), v4::fields),
            _ => ("dhcpv6", v6::brief(data), v6::fields),
        };
        self.kept.keep(protocol, ctx, decode, data);
        out.messages.push(Message { protocol, context: *ctx, fields });
        true
    }

    fn quoted_fields(&self, ctx: &Context, data: &[u8], out: &mut Output) {
        if let Some(proto) = shown_as(ctx, data) {
            put_fields(proto, data, out);
        }
    }

    fn quoted(&self, ctx: &Context, data: &[u8]) -> Option<Proto> {
        shown_as(ctx, data)
    }

    fn kept(&self) -> Option<&Kept> {
        Some(&self.kept)
    }
}

#[cfg(test)]
mod tests;

#[cfg(test)]
mod fields_tests;
