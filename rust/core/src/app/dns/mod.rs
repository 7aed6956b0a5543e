//! DNS (RFC 1035) over UDP and TCP, multicast DNS (RFC 6762), LLMNR (RFC 4795) and NetBIOS names (RFC 1002).

pub mod below;
pub(crate) mod fields;
mod guess;
mod machine;
mod pairing;
mod rdata;
pub mod suffix;
mod types;
pub(super) mod wire;

use super::kept::Kept;
use super::message::{Fields, Value};
use super::{App, Context, DetectedBy, Output, Probe, Report, Step};
use crate::app::bytes::be16;
use crate::filter::registry::{Group, of_proto};
use crate::layers::Proto;
use crate::limits::Limits;
use machine::{Link, Machine};
use std::any::Any;
use std::sync::Arc;
use wire::{Entry, Header};

const MDNS: u16 = 5353;
const LLMNR: u16 = 5355;
const NBNS: u16 = 137;

/// The protocols that share the message format, each counted apart.
const FAMILY: [(&str, Proto); 4] =
    [("dns", Proto::Dns), ("mdns", Proto::Mdns), ("llmnr", Proto::Llmnr), ("nbns", Proto::Nbns)];

/// DNS of a pass: machines of the four protocols and the messages kept for the rows.
pub struct Dns {
    machines: [Machine; 4],
    kept: Kept,
}

impl Dns {
    pub fn new(limits: &Limits) -> Self {
        Self { machines: std::array::from_fn(|_| Machine::new(limits)), kept: Kept::new(limits) }
    }

    fn message(&mut self, c: &Context, m: &[u8], which: usize, counts: bool) -> (Proto, Link) {
        if !counts {
            return (FAMILY[which].1, Link::None);
        }
        let link = self.machines[which].message(c, m);
        self.kept.keep(FAMILY[which].0, c, if which == 3 { nbns_fields } else { fields }, m);
        (FAMILY[which].1, link)
    }
}

impl App for Dns {
    fn name(&self) -> &'static str {
        "dns"
    }
    fn udp_ports(&self) -> &[u16] {
        &[53, MDNS, LLMNR, NBNS]
    }
    fn tcp_ports(&self) -> &[u16] {
        &[53]
    }
    fn protocols(&self) -> &[Proto] {
        &[Proto::Dns, Proto::Mdns, Proto::Llmnr, Proto::Nbns]
    }

    /// A query or answer whose header makes sense and whose sections fill the payload exactly.
    fn probe(&self, transport: Proto, data: &[u8]) -> Probe {
        if transport == Proto::Udp && believable(data) { Probe::Yes } else { Probe::No }
    }

    fn datagram(&mut self, ctx: &Context, data: &[u8], out: &mut Output) -> bool {
        let mut ctx = *ctx;
        if ctx.detected_by == DetectedBy::Content && guess::like(data) && !guess::taken(&ctx) {
            ctx.detected_by = DetectedBy::Heuristic;
        }
        let (proto, link) = self.message(&ctx, data, which(&ctx), out.counts());
        if ctx.detected_by != DetectedBy::Content {
            out.found(proto);
        }
        put(&ctx, proto, data, 0, link, out);
        true
    }

    fn guesses_udp(&self) -> bool {
        true
    }

    /// What Wireshark takes for DNS on any port, as far as its sections can be read.
    fn guess_udp(&mut self, ctx: &Context, data: &[u8], out: &mut Output) -> bool {
        let whole = || Header::read(data).is_some_and(|h| wire::walk(data, &h, |_| {}));
        guess::like(data) && !guess::taken(ctx) && whole() && self.datagram(ctx, data, out)
    }

    fn quoted(&self, ctx: &Context, data: &[u8]) -> Option<Proto> {
        // Over TCP two bytes of length stand in front, and only a whole message is shown.
        let whole = !ctx.is_stream() || be16(data, 0).is_some_and(|n| data.len() >= 2 + n as usize);
        (!data.is_empty() && whole).then_some(FAMILY[which(ctx)].1)
    }

    fn quoted_fields(&self, ctx: &Context, data: &[u8], out: &mut Output) {
        put(ctx, FAMILY[which(ctx)].1, data, 0, Link::None, out);
    }

    /// Two bytes of length, then the message (RFC 1035 4.2.2).
    fn stream(&mut self, ctx: &Context, data: &[u8], out: &mut Output) -> Step {
        let Some(len) = be16(data, 0) else { return Step::Need(2) };
        let end = 2 + len as usize;
        let Some(m) = data.get(2..end) else { return Step::Need(end) };
        let (proto, link) = self.message(ctx, m, 0, out.counts());
        out.found(proto);
        put(ctx, proto, &data[..end], 2, link, out);
        Step::Consumed(end)
    }

    fn report(&self) -> Option<Arc<dyn Report>> {
        Some(Arc::new(Counts(self.machines.clone().map(Arc::new))))
    }

    fn kept(&self) -> Option<&Kept> {
        Some(&self.kept)
    }

    fn into_report(self: Box<Self>) -> (Option<Arc<dyn Report>>, Option<Kept>) {
        (Some(Arc::new(Counts(self.machines.map(Arc::new)))), Some(self.kept))
    }
}

/// Puts the fields of a message that Wireshark shows. `whole`: with the `prefix` bytes in front of it.
fn put(ctx: &Context, proto: Proto, whole: &[u8], prefix: usize, link: Link, out: &mut Output) {
    if ctx.detected_by == DetectedBy::Content || ctx.only_in_order {
        return;
    }
    let flavour = match proto {
        Proto::Dns => fields::Flavour::Dns,
        Proto::Mdns => fields::Flavour::Mdns,
        Proto::Llmnr => fields::Flavour::Llmnr,
        _ => return out.layer(of_proto(proto), whole),
    };
    out.layer(of_proto(proto), whole);
    if let Some(sink) = out.fields(Group::Dns) {
        // What it belongs to stands behind its sections.
        if fields::put(whole.get(prefix..).unwrap_or_default(), flavour, prefix, sink) {
            fields::put_link(link, sink);
        }
    }
}

/// The counts of the four protocols.
#[derive(Clone, Debug)]
struct Counts([Arc<Machine>; 4]);

impl Report for Counts {
    fn value(self: Arc<Self>) -> Value {
        let all = FAMILY.iter().zip(&self.0).filter(|(_, m)| !m.is_empty());
        Value::Map(all.map(|(f, m)| (f.0, m.report().into())).collect())
    }

    fn merge(&self, other: &dyn Report) -> Option<Arc<dyn Report>> {
        let other = (other as &dyn Any).downcast_ref::<Self>()?;
        let mut all = self.clone();
        all.0.iter_mut().zip(&other.0).for_each(|(a, b)| Arc::make_mut(a).merge(b));
        Some(Arc::new(all))
    }
}

/// Index in [`FAMILY`] by port; the lower one decides, as it does for who gets the datagram.
fn which(ctx: &Context) -> usize {
    let either = |port| ctx.detected_by == DetectedBy::Port && (ctx.src_port == port || ctx.dst_port == port);
    match () {
        () if either(53) => 0,
        () if either(NBNS) => 3,
        () if either(MDNS) => 1,
        () if either(LLMNR) => 2,
        () => 0,
    }
}

/// Strict enough for bytes on any port: known operation and response code, at least one question, few entries, every
/// section whole and nothing behind the last one.
fn believable(m: &[u8]) -> bool {
    let Some(h) = Header::read(m) else { return false };
    let entries: u32 = h.counts.iter().map(|&n| n as u32).sum();
    if h.flags & 0x0040 != 0
        || types::opcode(h.opcode()).is_none()
        || h.rcode() > 11
        || h.counts[0] != 1
        || entries > 100
    {
        return false;
    }
    if !h.is_response() && h.opcode() == 0 && (h.counts[1] > 0 || h.counts[2] > 0) {
        return false;
    }
    let (mut known, mut end) = (true, 0);
    let whole = wire::walk(m, &h, |entry| match entry {
        Entry::Question(q) => {
            known &= types::record_type(q.qtype).is_some() && types::class(q.class & 0x7fff).is_some();
            end = wire::skip_name(m, q.name_at).map_or(usize::MAX, |e| e + 4);
        }
        Entry::Record(r) => {
            known &= types::record_type(r.rtype).is_some();
            end = r.data_at + r.data_len;
        }
    });
    whole && known && end == m.len()
}

fn flags(h: &Header) -> Fields {
    vec![
        ("is_response", h.is_response().into()),
        ("authoritative", h.authoritative().into()),
        ("truncated", h.truncated().into()),
        ("recursion_desired", h.recursion_desired().into()),
        ("recursion_available", h.recursion_available().into()),
        ("authentic_data", h.authentic_data().into()),
        ("checking_disabled", h.checking_disabled().into()),
    ]
}

fn number_name(n: u16, of: fn(u16) -> Option<&'static str>) -> Value {
    of(n).map_or(Value::Int(n as i64), Value::Name)
}

fn name_at(m: &[u8], at: usize) -> Value {
    let mut out = String::new();
    match wire::read_name(m, at, &mut out) {
        Some(_) => Value::Text(out),
        None => Value::None,
    }
}

/// Everything in a message, with the RFCs' names.
fn fields(_: &Context, m: &[u8]) -> Fields {
    decoded(m, name_at, |m, r| rdata::fields(m, r.rtype, r.data_at, r.data_len))
}

fn decoded(m: &[u8], name: fn(&[u8], usize) -> Value, data: fn(&[u8], &wire::Record) -> Option<Fields>) -> Fields {
    let Some(h) = Header::read(m) else { return vec![("malformed", true.into()), ("message_bytes", m.len().into())] };
    let mut questions: Vec<Value> = Vec::new();
    let mut sections: [Vec<Value>; 3] = Default::default();
    let (mut opt, mut high_rcode) = (Value::None, 0);
    let whole = wire::walk(m, &h, |entry| match entry {
        Entry::Question(q) => {
            let class = number_name(q.class & 0x7fff, types::class);
            questions.push(
                vec![
                    ("name", name(m, q.name_at)),
                    ("type", rdata::type_name(q.qtype)),
                    ("type_number", q.qtype.into()),
                    ("class", class),
                ]
                .into(),
            );
        }
        Entry::Record(r) => {
            let raw = m.get(r.data_at..r.data_at + r.data_len).unwrap_or_default();
            if r.rtype == 41 {
                // RFC 6891 6.1.3: the upper eight bits of the response code stand in the OPT record.
                high_rcode = (r.ttl >> 24) as u16;
                opt = rdata::edns(r.class, r.ttl, raw).into();
                return;
            }
            let mut f: Fields = vec![
                ("name", name(m, r.name_at)),
                ("type", rdata::type_name(r.rtype)),
                ("type_number", r.rtype.into()),
                ("class", number_name(r.class & 0x7fff, types::class)),
                ("ttl", r.ttl.into()),
            ];
            match data(m, &r) {
                Some(d) => f.extend(d),
                None => f.push(("malformed", true.into())),
            }
            if let Some(s) = sections.get_mut(r.section as usize - 1) {
                s.push(f.into());
            }
        }
    });
    let [answers, authority, additional] = sections;
    let mut out: Fields = vec![
        ("id", h.id.into()),
        ("opcode", number_name(h.opcode() as u16, |n| types::opcode(n as u8))),
        ("flags", flags(&h).into()),
    ];
    if h.is_response() {
        out.push(("rcode", number_name(high_rcode << 4 | h.rcode(), types::rcode)));
    }
    out.push(("questions", questions.into()));
    out.push(("answers", answers.into()));
    out.push(("authority", authority.into()));
    out.push(("additional", additional.into()));
    if opt != Value::None {
        out.push(("edns", opt));
    }
    if !whole {
        out.push(("malformed", true.into()));
    }
    out
}

/// NetBIOS names: the DNS format with encoded names and two record types of its own (RFC 1002 4.2).
fn nbns_fields(_: &Context, m: &[u8]) -> Fields {
    decoded(m, nbns_name, |m, r| {
        let d = m.get(r.data_at..r.data_at + r.data_len)?;
        Some(match r.rtype {
            0x20 => {
                let entry = |e: &[u8]| crate::addr::IpAddr::v4([e[2], e[3], e[4], e[5]]).into();
                vec![("addresses", d.chunks_exact(6).map(entry).collect::<Vec<Value>>().into())]
            }
            _ => vec![("data_bytes", d.len().into())],
        })
    })
}

/// First-level encoding (RFC 1001 14.1): two letters a byte, 16 bytes, the last one a type.
fn nbns_name(m: &[u8], at: usize) -> Value {
    let mut at = at;
    if let (Some(&hi), Some(&lo)) = (m.get(at), m.get(at + 1))
        && hi >= 0xc0
    {
        at = (hi as usize & 0x3f) << 8 | lo as usize;
    }
    let Some([32, letters @ ..]) = m.get(at..at + 33) else { return name_at(m, at) };
    let mut bytes = [0u8; 16];
    for (b, pair) in bytes.iter_mut().zip(letters.chunks_exact(2)) {
        let (Some(hi), Some(lo)) = (pair[0].checked_sub(b'A'), pair[1].checked_sub(b'A')) else {
            return name_at(m, at);
        };
        if hi > 15 || lo > 15 {
            return name_at(m, at);
        }
        *b = hi << 4 | lo;
    }
    let name = super::message::text(bytes[..15].trim_ascii_end(), 64);
    Value::Text(format!("{name}<{:02x}>", bytes[15]))
}

#[cfg(test)]
mod tests;
