//! What routers and neighbours say of the network: advertisements, redirects, hardware addresses, multicast groups.

use super::message::{self, Extra};
use super::ndp;
use crate::addr::{IpAddr, MacAddr};
use crate::app::Context;
use crate::app::count::Counter;
use crate::app::message::{Fields, Value, row};
use crate::app::table::{Evidence, Table};
use crate::limits::Limits;
use arrayvec::ArrayVec;

/// Routers listed.
const MAX_ROUTERS: usize = 1_000;
/// Redirects listed, by who sent them to whom about what.
const MAX_REDIRECTS: usize = 5_000;
/// Bytes kept of a router's advertisement.
const MAX_ADVERTISEMENT: usize = 1_500;
/// Hardware addresses listed for one address.
const MAX_MACS: usize = 4;

/// A router that advertises itself.
#[derive(Clone, Debug)]
struct Router {
    context: Context,
    /// [`Extra`] and the first advertisement.
    message: Box<[u8]>,
    count: u64,
    /// Advertisements whose content differs from the one before.
    changes: u64,
    last: u64,
    /// Advertisements that end the router's service (lifetime 0).
    withdrawn: u64,
    first_ns: i64,
    last_ns: i64,
}

/// What was heard of one IPv6 address on the link.
#[derive(Clone, Debug, Default)]
struct Neighbour {
    solicited: u64,
    advertised: u64,
    /// Solicitations without a source address: somebody means to take the address (RFC 4862 5.4).
    probed: u64,
    /// Hardware addresses that were advertised for it, with the first frame.
    macs: ArrayVec<(MacAddr, u64), MAX_MACS>,
    more_macs: bool,
    first_frame: u64,
}

/// (router, host told, better gateway, destination)
type Redirect = (IpAddr, IpAddr, IpAddr, IpAddr);

/// The tables of one IP version.
#[derive(Clone, Debug)]
pub struct Network {
    routers: Table<IpAddr, Router>,
    redirects: Table<Redirect, (u64, u64)>,
    neighbours: Table<IpAddr, Neighbour>,
    solicitations: u64,
    /// (host, group) of listener reports.
    members: Counter<(IpAddr, IpAddr)>,
    queriers: Counter<IpAddr>,
    /// Neighbour discovery whose hop limit is not 255: it crossed a router, or was made to look so (RFC 4861 11.2).
    not_on_link: Evidence,
    redirect_frames: Evidence,
    advertisement_frames: Evidence,
}

impl Network {
    pub fn new(limits: &Limits) -> Self {
        let small = |n: usize| n.min(limits.max_app_keys);
        Self {
            routers: Table::new(small(MAX_ROUTERS)),
            redirects: Table::new(small(MAX_REDIRECTS)),
            neighbours: Table::new(limits.max_app_keys),
            solicitations: 0,
            members: Counter::new(limits.max_app_keys),
            queriers: Counter::new(small(MAX_ROUTERS)),
            not_on_link: Evidence::default(),
            redirect_frames: Evidence::default(),
            advertisement_frames: Evidence::default(),
        }
    }

    pub fn message(&mut self, c: &Context, v6: bool, kind: u8, m: &[u8], wire: u32) {
        match (v6, kind) {
            (false, 9) | (true, 134) => self.router(c, v6, m, wire),
            (false, 5) => {
                let destination = m.get(8..).and_then(super::quote::Quote::read).map(|q| q.dst).unwrap_or_default();
                let gateway = m.get(4..).and_then(|b| b.first_chunk::<4>()).map(|b| IpAddr::v4(*b));
                self.redirect(c, gateway, Some(destination));
            }
            (true, 137) => self.redirect(c, ndp::address(m, 8), ndp::address(m, 24)),
            (true, 130) => self.queriers.add(&c.src),
            (true, 131) => {
                if let Some(group) = ndp::address(m, 8) {
                    self.members.add(&(c.src, group));
                }
            }
            (true, 143) => {
                // "Include nothing" is a leave (RFC 3810 5.2.12).
                ndp::records(m)
                    .filter(|r| !(matches!(r.0, 1 | 3) && r.2 == 0))
                    .for_each(|r| self.members.add(&(c.src, r.1)));
            }
            (true, 133) => self.solicitations += 1,
            (true, 135 | 136) => self.neighbour(c, kind, m),
            _ => return,
        }
        if v6 && matches!(kind, 133..=137) && c.ttl != 255 {
            self.not_on_link.add(c.frame);
        }
    }

    fn router(&mut self, c: &Context, v6: bool, m: &[u8], wire: u32) {
        self.advertisement_frames.add(c.frame);
        // The checksum differs wherever the content does; times to live in it count down on some routers.
        let hash =
            m.iter().skip(4).fold(0xcbf2_9ce4_8422_2325u64, |h, &b| (h ^ u64::from(b)).wrapping_mul(0x100_0000_01b3));
        let new = || Router {
            context: *c,
            message: [&Extra { wire, ..Extra::default() }.bytes()[..], &m[..m.len().min(MAX_ADVERTISEMENT)]]
                .concat()
                .into(),
            count: 0,
            changes: 0,
            last: hash,
            withdrawn: 0,
            first_ns: c.time_ns,
            last_ns: c.time_ns,
        };
        let Some(router) = self.routers.row(c.src, new) else { return };
        router.count += 1;
        router.changes += (router.last != hash) as u64;
        router.last = hash;
        router.last_ns = router.last_ns.max(c.time_ns);
        router.first_ns = router.first_ns.min(c.time_ns);
        let lifetime = m.get(6..8);
        router.withdrawn += (v6 && lifetime == Some(&[0, 0])) as u64;
    }

    fn redirect(&mut self, c: &Context, gateway: Option<IpAddr>, destination: Option<IpAddr>) {
        self.redirect_frames.add(c.frame);
        let (Some(gateway), Some(destination)) = (gateway, destination) else { return };
        if let Some(row) = self.redirects.row((c.src, c.dst, gateway, destination), || (0, c.frame)) {
            row.0 += 1;
        }
    }

    fn neighbour(&mut self, c: &Context, kind: u8, m: &[u8]) {
        let Some(target) = ndp::address(m, 8) else { return };
        let new = || Neighbour { first_frame: c.frame, ..Neighbour::default() };
        let Some(row) = self.neighbours.row(target, new) else { return };
        if kind == 135 {
            row.solicited += 1;
            row.probed += (c.src.bytes == [0; 16]) as u64;
            return;
        }
        row.advertised += 1;
        if let Some(mac) = ndp::link_address(m, 24, 2)
            && !row.macs.iter().any(|known| known.0 == mac)
        {
            row.more_macs |= row.macs.try_push((mac, c.frame)).is_err();
        }
    }

    pub fn merge(&mut self, o: &Self) {
        self.routers.merge(&o.routers, |mine, theirs| {
            mine.count += theirs.count;
            mine.changes += theirs.changes;
            mine.withdrawn += theirs.withdrawn;
            mine.first_ns = mine.first_ns.min(theirs.first_ns);
            mine.last_ns = mine.last_ns.max(theirs.last_ns);
        });
        self.redirects.merge(&o.redirects, |mine, theirs| {
            mine.0 += theirs.0;
            mine.1 = mine.1.min(theirs.1);
        });
        self.neighbours.merge(&o.neighbours, |mine, theirs| {
            mine.solicited += theirs.solicited;
            mine.advertised += theirs.advertised;
            mine.probed += theirs.probed;
            mine.more_macs |= theirs.more_macs;
            mine.first_frame = mine.first_frame.min(theirs.first_frame);
            for &(mac, frame) in &theirs.macs {
                if !mine.macs.iter().any(|known| known.0 == mac) {
                    mine.more_macs |= mine.macs.try_push((mac, frame)).is_err();
                }
            }
        });
        self.solicitations += o.solicitations;
        self.members.merge(&o.members);
        self.queriers.merge(&o.queriers);
        self.not_on_link.merge(&o.not_on_link);
        self.redirect_frames.merge(&o.redirect_frames);
        self.advertisement_frames.merge(&o.advertisement_frames);
    }

    pub fn report(&self) -> Fields {
        let router = |address: &IpAddr, r: &Router| -> Value {
            vec![
                ("router", (*address).into()),
                ("advertisements", r.count.into()),
                ("changes", r.changes.into()),
                ("withdrawn", r.withdrawn.into()),
                ("first_frame", r.context.frame.into()),
                ("first_ns", r.first_ns.into()),
                ("last_ns", r.last_ns.into()),
                ("message", message::fields(&r.context, &r.message).into()),
            ]
            .into()
        };
        let redirect = |k: &Redirect, v: &(u64, u64)| -> Value { row![k.0, k.1, k.2, k.3, v.0, v.1] };
        let neighbour = |address: &IpAddr, n: &Neighbour| -> Value {
            let macs = n.macs.iter().map(|(mac, frame)| row![Value::Text(mac.to_string()), *frame]);
            row![
                *address,
                n.solicited,
                n.advertised,
                n.probed,
                macs.collect::<Vec<Value>>(),
                n.more_macs,
                n.first_frame,
            ]
        };
        vec![
            ("routers", self.routers.report(|r| r.count, router)),
            ("redirects", self.redirects.report(|r| r.0, redirect)),
            ("neighbours", self.neighbours.report(|n| n.solicited + n.advertised, neighbour)),
            ("router_solicitations", self.solicitations.into()),
            ("members", self.members.report(|k| row![Value::from(k.0), k.1])),
            ("queriers", self.queriers.report(|&q| q.into())),
            ("not_on_link", self.not_on_link.report()),
            ("redirect_frames", self.redirect_frames.report()),
            ("advertisement_frames", self.advertisement_frames.report()),
        ]
    }
}
