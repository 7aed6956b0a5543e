//! ICMP (RFC 792) and ICMPv6 (RFC 4443): reachability, errors, neighbour discovery. Counted here, because a flood is
//! made of millions of messages; the first ones are kept for the rows.

mod echo;
mod machine;
mod message;
mod ndp;
mod network;
pub(crate) mod pair_fields;
mod payload;
mod quote;
mod trace;
mod types;

use super::kept::Kept;
use super::message::Value;
use super::{App, Context, Output, Report};
use crate::addr::IpAddr;
use crate::filter::registry::Group;
use crate::layers::{Icmp as Header, Layers, Proto};
use crate::limits::Limits;
use machine::{Found, Machine};
use message::Extra;
use quote::Quote;
use std::any::Any;
use std::sync::Arc;
use trace::Probe;

/// Bytes kept of an echo message: its data has no fields. Of others what a link carries.
const ECHO_BYTES: usize = 8;
const OTHER_BYTES: usize = 1_500;

/// Addresses and ports of the packet that an ICMP error quotes.
pub(crate) fn quoted_ends(message: &[u8]) -> Option<(IpAddr, IpAddr, (u16, u16))> {
    let quote = Quote::read(message.get(8..)?)?;
    Some((quote.src, quote.dst, quote.ports()?))
}

/// ICMP of a pass: a machine for each IP version and the messages kept for the rows.
pub struct Icmp {
    machines: [Machine; 2],
    kept: Kept,
    buffer: Vec<u8>,
}

impl Icmp {
    pub fn new(limits: &Limits) -> Self {
        Self {
            machines: [Machine::new(false, limits), Machine::new(true, limits)],
            kept: Kept::new(limits),
            buffer: Vec::new(),
        }
    }
}

impl App for Icmp {
    fn name(&self) -> &'static str {
        "icmp"
    }

    fn icmp(&mut self, ctx: &Context, icmp: &Header, m: &[u8], layers: &Layers, out: &mut Output) {
        let machine = &mut self.machines[usize::from(icmp.v6)];
        if icmp.quoted {
            return machine.quoted(m);
        }
        let tunnel = layers.udps.last().map(|u| u.dst_port);
        let answered = machine.message(ctx, m, icmp.wire, tunnel);
        if let (Some(answered), Some(sink)) = (&answered, out.fields(Group::IcmpPairs)) {
            pair_fields::put(answered, icmp.v6, sink);
        }
        let extra = Extra {
            wire: icmp.wire,
            request_frame: answered.map_or(0, |a| a.frame),
            took_ns: answered.map_or(0, |a| a.took_ns),
        };
        let most = match m.first() {
            Some(&kind) if message::has_echo_header(icmp.v6, kind) && matches!(kind, 0 | 8 | 128 | 129) => ECHO_BYTES,
            _ => OTHER_BYTES,
        };
        self.buffer.clear();
        self.buffer.extend_from_slice(&extra.bytes());
        self.buffer.extend_from_slice(&m[..m.len().min(most)]);
        self.kept.keep(if icmp.v6 { "icmpv6" } else { "icmp" }, ctx, message::fields, &self.buffer);
    }

    fn low_ttl(&self) -> u8 {
        trace::MAX_PROBE_TTL
    }

    fn low_ttl_packet(&mut self, ctx: &Context, protocol: u8, first: [u8; 8]) {
        if echo::is_group(&ctx.dst) {
            return;
        }
        let probe = Probe { src: ctx.src, dst: ctx.dst, protocol, first };
        self.machines[usize::from(ctx.src.v6)].probe(probe, ctx.time_ns, ctx.ttl);
    }

    fn report(&self) -> Option<Arc<dyn Report>> {
        Some(Arc::new(Counts(self.machines.each_ref().map(Machine::found))))
    }

    fn kept(&self) -> Option<&Kept> {
        Some(&self.kept)
    }
}

const NAMES: [&str; 2] = [Proto::Icmp.name(), Proto::Icmpv6.name()];

/// The counts of both versions.
#[derive(Debug)]
struct Counts([Found; 2]);

impl Report for Counts {
    fn value(self: Arc<Self>) -> Value {
        let all = NAMES.iter().zip(&self.0).filter(|(_, found)| !found.is_empty());
        Value::Map(all.map(|(&name, found)| (name, found.report().into())).collect())
    }

    fn merge(&self, other: &dyn Report) -> Option<Arc<dyn Report>> {
        let other = (other as &dyn Any).downcast_ref::<Self>()?;
        let mut all = self.0.clone();
        all.iter_mut().zip(&other.0).for_each(|(a, b)| a.merge(b));
        Some(Arc::new(Self(all)))
    }
}

#[cfg(test)]
mod tests;
