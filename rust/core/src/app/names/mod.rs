//! Protocols told by their port and the look of their first bytes, for the protocol counts and for filters by name.
//!
//! Nothing is decoded here beyond what tells whether Wireshark would show the protocol in a frame: who needs more of a
//! protocol has a decoder of its own beside this folder. A protocol is a line in [`UDP`] or [`TCP`].

mod datagrams;
mod netbios;
mod recent;
mod streams;
mod stun;
#[cfg(test)]
mod tests;
mod tftp;

use super::{App, Context, DetectedBy, Output, Probe, Step, tls};
use crate::addr::IpAddr;
use crate::layers::Proto;
use crate::limits::Limits;
use recent::Recent;

/// A UDP protocol: name, ports, what a payload has to look like. Ports are those of Wireshark 4.0.
type Datagrams = (Proto, &'static [u16], fn(&[u8], &mut Output) -> bool);

const UDP: &[Datagrams] = &[
    (Proto::Nbdgm, &[138], netbios::datagram),
    (Proto::Snmp, &[161, 162, 8161], datagrams::snmp),
    (Proto::Syslog, &[514], datagrams::any),
    (Proto::Radius, &[1645, 1646, 1700, 1812, 1813, 3799], datagrams::radius),
    (Proto::Kerberos, &[88], datagrams::kerberos),
    (Proto::Coap, &[5683], datagrams::coap),
    (Proto::Memcache, &[11211], datagrams::any),
    (Proto::Mgcp, &[2427, 2727], datagrams::mgcp),
    (Proto::Iax2, &[4569], datagrams::any),
    (Proto::Rip, &[520], datagrams::any),
    (Proto::H225, &[1718, 1719], datagrams::any),
];

/// A TCP protocol: name, ports, how its stream is cut into what Wireshark shows as one message.
type Cutter = (Proto, &'static [u16], Cut);
type Cut = fn(&[u8], &mut Output) -> Step;

const TCP: &[Cutter] = &[
    (Proto::FtpData, &[20], streams::every_segment),
    (Proto::Ftp, &[21], streams::every_segment),
    (Proto::Ssh, &[22, 29418], streams::every_segment),
    (Proto::Telnet, &[23], streams::every_segment),
    (Proto::Smtp, &[25, 587], streams::lines),
    (Proto::Kerberos, &[88], streams::kerberos),
    (Proto::Tpkt, &[102, 3389], streams::tpkt),
    (Proto::Pop, &[110], streams::every_segment),
    (Proto::Nbss, &[139, 445], netbios::session),
    (Proto::Imap, &[143], streams::every_segment),
    (Proto::Snmp, &[161, 162], streams::snmp),
    (Proto::Bgp, &[179], streams::bgp),
    (Proto::Ldap, &[389, 3268], streams::ldap),
    (Proto::Mbtcp, &[502], streams::modbus),
    (Proto::Rtsp, &[554, 7236, 8554], streams::rtsp),
    (Proto::Tds, &[1433, 2433], streams::tds),
    (Proto::Mqtt, &[1883], streams::mqtt),
    (Proto::Skinny, &[2000], streams::skinny),
    (Proto::Mgcp, &[2427, 2727], streams::every_segment),
    (Proto::Mysql, &[3306], streams::mysql),
    (Proto::Stun, &[3478], stun::stream),
    (Proto::Diameter, &[3868], streams::diameter),
    (Proto::Xmpp, &[5222], streams::every_segment),
    (Proto::Pgsql, &[5432], streams::pgsql),
    (Proto::Irc, &[6667, 57000], streams::every_segment),
    (Proto::Memcache, &[11211], streams::every_segment),
    (Proto::Dnp3, &[20000], streams::dnp3),
];

/// Those that go over to TLS within a connection.
const STARTTLS: &[Proto] =
    &[Proto::Ftp, Proto::Smtp, Proto::Pop, Proto::Imap, Proto::Ldap, Proto::Mysql, Proto::Xmpp, Proto::Pgsql];

/// Protocols without a port of their own here, or found inside others.
const INSIDE: [Proto; 6] = [Proto::Tftp, Proto::Stun, Proto::Smb, Proto::Smb2, Proto::Rdp, Proto::Modbus];

/// Messages waited for as a whole, bytes.
const LONGEST: usize = 256 << 10;
const TFTP: u16 = 69;
const STUN: u16 = 3478;

/// Names by port and look.
pub struct Names {
    udp_ports: Vec<u16>,
    tcp_ports: Vec<u16>,
    protocols: Vec<Proto>,
    /// TFTP transfers: the client's end and the server's address; the server answers from a port of its own.
    transfers: Recent<(IpAddr, u16, IpAddr)>,
    /// Ends between which TURN was seen, so that channel data is expected.
    relayed: Recent<(IpAddr, u16, IpAddr, u16)>,
}

impl Names {
    pub fn new(limits: &Limits) -> Self {
        Self {
            udp_ports: UDP.iter().flat_map(|p| p.1).copied().chain([TFTP, STUN]).collect(),
            tcp_ports: TCP.iter().flat_map(|p| p.1).copied().collect(),
            protocols: UDP.iter().map(|p| p.0).chain(TCP.iter().map(|p| p.0)).chain(INSIDE).collect(),
            transfers: Recent::new(limits.max_app_keys),
            relayed: Recent::new(limits.max_app_keys),
        }
    }

    fn turn(&mut self, ctx: &Context, data: &[u8], by_name: bool, out: &mut Output) -> bool {
        let ends = pair(ctx);
        let known = by_name || self.relayed.contains(&ends);
        let Some(found) = stun::message(data, known) else { return false };
        if found.turn {
            self.relayed.add(ends);
        }
        if found.shown {
            out.found(Proto::Stun);
        }
        true
    }

    /// On its port whatever comes; then what goes between the client's end and the server.
    fn tftp(&mut self, ctx: &Context, out: &mut Output) -> bool {
        if ctx.dst_port == TFTP {
            self.transfers.add((ctx.src, ctx.src_port, ctx.dst));
        }
        let of_transfer = |t: &Recent<_>| {
            t.contains(&(ctx.src, ctx.src_port, ctx.dst)) || t.contains(&(ctx.dst, ctx.dst_port, ctx.src))
        };
        if ctx.src_port != TFTP && !of_transfer(&self.transfers) {
            return false;
        }
        out.found(Proto::Tftp);
        true
    }
}

/// Both ends, the same for both directions.
fn pair(ctx: &Context) -> (IpAddr, u16, IpAddr, u16) {
    let (a, b) = ((ctx.src, ctx.src_port), (ctx.dst, ctx.dst_port));
    let (a, b) = if a <= b { (a, b) } else { (b, a) };
    (a.0, a.1, b.0, b.1)
}

/// The line of the lower port, or else of the higher one: the order in which Wireshark asks.
fn by_port<T: Copy>(table: &[(Proto, &'static [u16], T)], ctx: &Context) -> Option<(Proto, T)> {
    let (low, high) = (ctx.src_port.min(ctx.dst_port), ctx.src_port.max(ctx.dst_port));
    let of = |port: u16| table.iter().find(|row| row.1.contains(&port)).map(|row| (row.0, row.2));
    of(low).or_else(|| of(high))
}

/// What streams on no port of ours are, which were taken for their first bytes.
fn by_content(ctx: &Context) -> Option<(Proto, Cut)> {
    (ctx.detected_by == DetectedBy::Content).then_some((Proto::Stun, stun::stream))
}

impl App for Names {
    fn protocols(&self) -> &[Proto] {
        &self.protocols
    }
    fn name(&self) -> &'static str {
        "names"
    }

    fn udp_ports(&self) -> &[u16] {
        &self.udp_ports
    }

    fn tcp_ports(&self) -> &[u16] {
        &self.tcp_ports
    }

    fn probes_tcp(&self) -> bool {
        true
    }

    fn probe(&self, transport: Proto, data: &[u8]) -> Probe {
        let ours = match transport {
            Proto::Udp => stun::message(data, false).is_some() || tftp::options_like(data),
            _ => stun::starts(data),
        };
        if ours { Probe::Yes } else { Probe::No }
    }

    fn datagram(&mut self, ctx: &Context, data: &[u8], out: &mut Output) -> bool {
        let ports = [ctx.src_port.min(ctx.dst_port), ctx.src_port.max(ctx.dst_port)];
        for port in ports {
            if port == TFTP && self.tftp(ctx, out) || port == STUN && self.turn(ctx, data, true, out) {
                return true;
            }
        }
        let mut inner = Output::default();
        if let Some((proto, looks_right)) = by_port(UDP, ctx)
            && looks_right(data, &mut inner)
        {
            out.found_with(proto, &inner);
            return true;
        }
        if self.turn(ctx, data, false, out) {
            return true;
        }
        if tftp::options_like(data) {
            self.transfers.add((ctx.src, ctx.src_port, ctx.dst));
            out.found(Proto::Tftp);
            return true;
        }
        false
    }

    /// Transfers and relays go on where an earlier datagram said.
    fn learns_from_datagrams(&self) -> bool {
        true
    }

    fn quoted(&self, ctx: &Context, data: &[u8]) -> Option<Proto> {
        if ctx.transport == Proto::Tcp {
            let (proto, cut) = by_port(TCP, ctx)?;
            return matches!(cut(data, &mut Output::default()), Step::Consumed(_)).then_some(proto);
        }
        if let Some((proto, looks_right)) = by_port(UDP, ctx) {
            return looks_right(data, &mut Output::default()).then_some(proto);
        }
        stun::message(data, self.relayed.contains(&pair(ctx))).map(|_| Proto::Stun)
    }

    fn stream(&mut self, ctx: &Context, data: &[u8], out: &mut Output) -> Step {
        let Some((proto, cut)) = by_port(TCP, ctx).or(by_content(ctx)) else { return Step::Lost };
        if STARTTLS.contains(&proto) && tls::starts_handshake(data) {
            return Step::Pass;
        }
        let mut inner = Output::default();
        match cut(data, &mut inner) {
            // Longer than any buffer: shown where its last byte comes.
            Step::Need(n) if n > LONGEST => Step::Consumed(n),
            Step::Consumed(n) => {
                out.found_with(proto, &inner);
                Step::Consumed(n)
            }
            step => step,
        }
    }

    fn skipped(&mut self, ctx: &Context, out: &mut Output) {
        if let Some((proto, _)) = by_port(TCP, ctx).or(by_content(ctx)) {
            out.found(proto);
        }
    }

    fn ahead(&mut self, ctx: &Context, data: &[u8], out: &mut Output) {
        let mut inner = Output::default();
        if let Some((proto, cut)) = by_port(TCP, ctx).or(by_content(ctx))
            && matches!(cut(data, &mut inner), Step::Consumed(_))
        {
            out.found_with(proto, &inner);
        }
    }

    fn wants_unclaimed_udp(&self) -> bool {
        true
    }

    fn unclaimed_udp(&mut self, ctx: &Context, data: &[u8], out: &mut Output) -> bool {
        // Nearly all captures have neither: no look-up then.
        !self.transfers.is_empty() && self.tftp(ctx, out)
            || !self.relayed.is_empty() && self.turn(ctx, data, false, out)
    }
}
