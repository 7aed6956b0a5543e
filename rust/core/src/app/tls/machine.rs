//! What is counted of TLS and DTLS, and the tables behind it. Counts hold what Wireshark shows; what only putting
//! segments in order finds is in the tables and counted apart.

use super::certificate::Facts;
use super::connection::Connection;
use super::fingerprint::{self, Carrier};
use super::handshake::{self as msg, ClientHello, Ech, ServerHello};
use super::held::Held;
use super::names::{is_grease, is_post_quantum};
use super::packed::{Rows, Shared};
use super::secrets::{KeyCounts, KeyLog};
use super::session::{Alert, Handshake, NameMatch, Offer, Resumption, Step, offers};
use crate::addr::IpAddr;
use crate::app::Context;
use crate::app::count::Counter;
use crate::app::message::text;
use crate::limits::Limits;
use foldhash::fast::RandomState;
use hashbrown::HashMap;
use std::sync::Arc;

/// Characters kept of a server name or application protocol.
const MAX_NAME: usize = 256;

/// Counts of one of the two protocols, as Wireshark shows them.
#[derive(Clone, Debug)]
pub struct Totals {
    pub frames: u64,
    pub only_in_order: u64,
    pub messages: Counter<u8>,
    pub server_names: Counter<String>,
    pub client_alpn: Counter<String>,
    pub server_versions: Counter<u16>,
    pub server_ciphers: Counter<u16>,
    pub alerts: Counter<(u8, u8)>,
    pub encrypted_alerts: u64,
    pub ja3: Counter<[u8; 16]>,
    pub ja3s: Counter<[u8; 16]>,
    pub ja4: Counter<[u8; 36]>,
    pub offered_versions: Counter<u16>,
    pub offered_ciphers: Counter<u16>,
    pub offered_groups: Counter<u16>,
    pub groups: Counter<u16>,
}

impl Totals {
    fn new(limits: &Limits) -> Self {
        Self {
            frames: 0,
            only_in_order: 0,
            messages: Counter::new(256),
            server_names: Counter::new(limits.max_names),
            client_alpn: Counter::new(1024),
            server_versions: Counter::new(256),
            server_ciphers: Counter::new(1024),
            alerts: Counter::new(1024),
            encrypted_alerts: 0,
            ja3: Counter::new(limits.max_names),
            ja3s: Counter::new(limits.max_names),
            ja4: Counter::new(limits.max_names),
            offered_versions: Counter::new(256),
            offered_ciphers: Counter::new(1024),
            offered_groups: Counter::new(1024),
            groups: Counter::new(1024),
        }
    }

    pub fn merge(&mut self, o: &Self) {
        self.frames += o.frames;
        self.only_in_order += o.only_in_order;
        self.encrypted_alerts += o.encrypted_alerts;
        self.messages.merge(&o.messages);
        self.server_names.merge(&o.server_names);
        self.client_alpn.merge(&o.client_alpn);
        self.server_versions.merge(&o.server_versions);
        self.server_ciphers.merge(&o.server_ciphers);
        self.alerts.merge(&o.alerts);
        self.ja3.merge(&o.ja3);
        self.ja3s.merge(&o.ja3s);
        self.ja4.merge(&o.ja4);
        self.offered_versions.merge(&o.offered_versions);
        self.offered_ciphers.merge(&o.offered_ciphers);
        self.offered_groups.merge(&o.offered_groups);
        self.groups.merge(&o.groups);
    }
}

/// A certificate seen.
#[derive(Clone, Debug)]
pub struct Seen {
    pub der: Box<[u8]>,
    pub facts: Option<Facts>,
    pub first_frame: u64,
    pub first_time_ns: i64,
    /// Messages it came in.
    pub count: u64,
    /// Sent by a client.
    pub by_client: bool,
    /// Its place in the first chain: 0 is the sender's own.
    pub place: usize,
    pub server: (IpAddr, u16),
    pub server_name: Option<Box<[u8]>>,
}

/// An alert with its connection.
#[derive(Clone, Debug)]
pub struct AlertRow {
    pub alert: Alert,
    pub dtls: bool,
    pub stream: Option<u32>,
    pub src: (IpAddr, u16),
    pub dst: (IpAddr, u16),
    pub server_name: Option<Box<[u8]>>,
    /// Behind the end of the handshake.
    pub after_handshake: bool,
    pub only_in_order: bool,
}

/// What was decrypted.
#[derive(Clone, Debug, Default)]
pub struct OpenedCounts {
    /// Connections of which records were opened, with secrets of the capture and of a file.
    pub connections: [u64; 2],
    /// First frame that was opened, of each.
    pub frames: super::report::Evidence,
    pub records: u64,
    /// Directions that were given up: a record was missing, or was not what the keys sealed.
    pub stopped: u64,
}

impl OpenedCounts {
    fn merge(&mut self, o: &Self) {
        self.connections.iter_mut().zip(o.connections).for_each(|(a, b)| *a += b);
        self.frames.merge(&o.frames);
        self.records += o.records;
        self.stopped += o.stopped;
    }
}

/// All that is counted, and the tables.
#[derive(Clone, Debug)]
pub struct Machine {
    pub tls: Totals,
    pub dtls: Totals,
    /// Handshakes that are over.
    pub handshakes: Rows,
    /// What they refer to.
    pub shared: Shared,
    /// Handshakes that found no room in the table; counted in `Summed` all the same.
    pub dropped_handshakes: u64,
    pub summed: super::report::Summed,
    pub alerts: Vec<AlertRow>,
    pub dropped_alerts: u64,
    pub certificates: Vec<Arc<Seen>>,
    by_der: HashMap<u64, u32, RandomState>,
    certificate_bytes: usize,
    pub dropped_certificates: u64,
    /// Connections that found no room.
    pub refused: u64,
    hasher: foldhash::fast::FixedState,
    pub limits: Bounds,
    /// Secrets of sessions; a report has none.
    pub keys: KeyLog,
    pub key_counts: KeyCounts,
    pub opened: OpenedCounts,
    /// Bytes held of handshake messages that go on in a later record.
    pub partial_bytes: usize,
    /// The frame at hand counts: it passes the filter of the pass.
    pub counting: bool,
    text: String,
}

/// The limits it uses.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    pub handshakes: usize,
    pub alerts: usize,
    pub certificates: usize,
    pub certificate_bytes: usize,
    pub offers: usize,
    pub times: usize,
    pub partial_bytes: usize,
}

impl Machine {
    pub fn new(limits: &Limits) -> Self {
        let bounds = Bounds {
            handshakes: limits.max_tls_handshakes,
            alerts: limits.max_app_keys,
            certificates: limits.max_certificates,
            certificate_bytes: limits.max_kept_message_bytes,
            offers: limits.max_app_keys,
            times: limits.max_app_times,
            partial_bytes: limits.max_app_buffer_bytes,
        };
        Self {
            tls: Totals::new(limits),
            dtls: Totals::new(limits),
            handshakes: Rows::default(),
            shared: Shared::new(bounds.offers),
            dropped_handshakes: 0,
            summed: super::report::Summed::new(bounds.times, bounds.alerts),
            alerts: Vec::new(),
            dropped_alerts: 0,
            certificates: Vec::new(),
            by_der: HashMap::default(),
            certificate_bytes: 0,
            dropped_certificates: 0,
            refused: 0,
            hasher: foldhash::fast::FixedState::default(),
            limits: bounds,
            keys: KeyLog::default(),
            key_counts: KeyCounts::default(),
            opened: OpenedCounts::default(),
            partial_bytes: 0,
            counting: true,
            text: String::new(),
        }
    }

    pub fn totals(&mut self, dtls: bool) -> &mut Totals {
        if dtls { &mut self.dtls } else { &mut self.tls }
    }

    pub fn message(&mut self, c: &Context, kind: u8, dtls: bool) {
        if !self.counting {
            return;
        }
        let totals = self.totals(dtls);
        if c.only_in_order {
            totals.only_in_order += 1;
        } else {
            totals.messages.add(&kind);
        }
    }

    /// Counts of a client hello.
    pub fn client_hello(&mut self, c: &Context, hello: &ClientHello<'_>, dtls: bool) {
        if c.only_in_order || hello.ssl2 || !self.counting {
            return;
        }
        fingerprint::ja3_text(hello, &mut self.text);
        let ja3 = fingerprint::md5(&self.text);
        let totals = self.totals(dtls);
        totals.ja3.add(&ja3);
        for name in hello.server_names() {
            totals.server_names.add(&text(name, MAX_NAME));
        }
        for name in hello.alpn() {
            totals.client_alpn.add(&text(name, MAX_NAME));
        }
        for v in hello.supported_versions().filter(|v| !is_grease(*v)) {
            totals.offered_versions.add(&v);
        }
        if hello.supported_versions().next().is_none() {
            totals.offered_versions.add(&hello.version);
        }
        hello.ciphers().filter(|v| !is_grease(*v)).for_each(|v| totals.offered_ciphers.add(&v));
        hello.groups().filter(|v| !is_grease(*v)).for_each(|v| totals.offered_groups.add(&v));
    }

    /// What the client offers, for its handshake.
    pub fn offered(&mut self, c: &Context, h: &mut Handshake, hello: &ClientHello<'_>, dtls: bool) {
        let plain = |values: &mut dyn Iterator<Item = u16>| values.filter(|v| !is_grease(*v)).collect::<Vec<u16>>();
        let ech = hello.ech();
        let (groups, key_shares) = (plain(&mut hello.groups()), plain(&mut hello.key_shares()));
        let flags = [
            (hello.has_grease(), offers::GREASE),
            (matches!(ech, Some(Ech::Outer | Ech::Inner)), offers::ECH),
            (ech == Some(Ech::EncryptedServerName), offers::ENCRYPTED_SERVER_NAME),
            (hello.has_ticket(), offers::TICKET),
            (hello.has_pre_shared_key(), offers::PRE_SHARED_KEY),
            (hello.has_early_data(), offers::EARLY_DATA),
            (hello.has_extended_master_secret(), offers::EXTENDED_MASTER_SECRET),
            (hello.asks_for_status(), offers::STATUS_REQUEST),
            (hello.ssl2, offers::SSL2_HELLO),
            (!hello.session_id.is_empty(), offers::SESSION_ID),
            (groups.iter().any(|&g| is_post_quantum(g)), offers::POST_QUANTUM),
            (key_shares.iter().any(|&g| is_post_quantum(g)), offers::POST_QUANTUM_KEY),
        ];
        let carrier = if dtls { Carrier::Dtls } else { Carrier::Tcp };
        let offer = Offer {
            legacy_version: hello.version,
            versions: plain(&mut hello.supported_versions()),
            ciphers: plain(&mut hello.ciphers()),
            groups,
            key_shares,
            signatures: plain(&mut hello.signatures()),
            alpn: hello.alpn().map(|n| n.get(..n.len().min(MAX_NAME)).unwrap_or(n).into()).take(32).collect(),
            ja4: fingerprint::ja4(hello, carrier),
            flags: flags.iter().filter(|f| f.0).fold(0, |all, f| all | f.1),
        };
        h.counts = self.counting;
        if let Some(ja4) = <[u8; 36]>::try_from(offer.ja4.as_bytes()).ok().filter(|_| h.counts && !c.only_in_order) {
            self.totals(dtls).ja4.add(&ja4);
        }
        h.offer = Some(self.shared.offers.share(offer));
        h.sni = hello.server_names().next().map(|n| n.get(..n.len().min(MAX_NAME)).unwrap_or(n).into());
        if !hello.ssl2 {
            fingerprint::ja3_text(hello, &mut self.text);
            h.ja3 = fingerprint::md5(&self.text);
        }
    }

    /// Counts of a server hello; its JA3S.
    pub fn server_hello(&mut self, c: &Context, hello: &ServerHello<'_>, dtls: bool) -> [u8; 16] {
        fingerprint::ja3s_text(hello, &mut self.text);
        let ja3s = fingerprint::md5(&self.text);
        if !c.only_in_order && self.counting {
            let totals = self.totals(dtls);
            totals.server_versions.add(&hello.shown_version());
            totals.server_ciphers.add(&hello.cipher);
            totals.ja3s.add(&ja3s);
        }
        ja3s
    }

    /// What the server chose.
    pub fn chosen(&mut self, c: &Context, h: &mut Handshake, hello: &ServerHello<'_>, dtls: bool) {
        let ja3s = self.server_hello(c, hello, dtls);
        h.version = Some(hello.version());
        h.cipher = Some(hello.cipher);
        h.group = hello.group().or(h.group);
        if hello.is_hello_retry_request() {
            h.step(c, Step::HelloRetryRequest);
            return;
        }
        self.group(hello.group());
        h.ja3s = Some(ja3s);
        h.alpn = hello.alpn().map(|n| n.get(..n.len().min(MAX_NAME)).unwrap_or(n).into());
        h.id_repeated = !hello.session_id.is_empty() && h.offers(offers::SESSION_ID) && !h.is_tls13();
        if hello.takes_pre_shared_key() {
            h.resumption = Some(Resumption::PreSharedKey);
        }
        h.step(c, Step::ServerHello);
    }

    /// The group of a key agreement.
    pub fn group(&mut self, group: Option<u16>) {
        if let Some(g) = group.filter(|_| self.counting) {
            self.tls.groups.add(&g);
        }
    }

    /// A Certificate message in the clear.
    pub fn certificates(&mut self, c: &Context, h: &mut Handshake, body: &[u8], from_server: bool) {
        if !from_server {
            h.client_certificate = msg::certificates(body).next().is_some();
        }
        let mut issuer: Option<u64> = None;
        let first = from_server && h.chain.is_empty();
        for (place, der) in msg::certificates(body).enumerate() {
            let (number, facts) = self.certificate(c, h, der, place, from_server);
            if !first {
                continue;
            }
            h.chain.extend(number);
            let Some(facts) = facts else { continue };
            // Each certificate is certified by the one behind it (RFC 5246 7.4.2).
            h.chain_broken |= issuer.is_some_and(|i| i != facts.subject);
            issuer = Some(facts.issuer);
            if place == 0 {
                let now = c.time_ns.div_euclid(1_000_000_000);
                h.expired = now > facts.not_after;
                h.not_yet_valid = now < facts.not_before;
                h.self_issued = facts.self_issued;
                if let Some(name) = h.sni.as_deref().and_then(|n| std::str::from_utf8(n).ok()) {
                    h.name_match = if facts.is_for(name) { NameMatch::Match } else { NameMatch::Mismatch };
                }
            }
        }
    }

    /// A certificate's number in the table, if it found room, and what is known of it.
    fn certificate(
        &mut self,
        c: &Context,
        h: &Handshake,
        der: &[u8],
        place: usize,
        from_server: bool,
    ) -> (Option<u32>, Option<Facts>) {
        use std::hash::BuildHasher;
        let key = self.hasher.hash_one(der);
        if let Some(&number) = self.by_der.get(&key)
            && let Some(seen) = self.certificates.get_mut(number as usize)
            && *seen.der == *der
        {
            let seen = Arc::make_mut(seen);
            seen.count += self.counting as u64;
            return (Some(number), seen.facts.clone());
        }
        let facts = Facts::of(der);
        if !self.counting {
            return (None, facts);
        }
        let room = self.certificates.len() < self.limits.certificates
            && self.certificate_bytes + der.len() <= self.limits.certificate_bytes;
        if !room {
            self.dropped_certificates += 1;
            return (None, facts);
        }
        let number = self.certificates.len() as u32;
        self.certificate_bytes += der.len();
        self.by_der.insert(key, number);
        self.certificates.push(Arc::new(Seen {
            der: der.into(),
            facts: facts.clone(),
            first_frame: c.frame,
            first_time_ns: c.time_ns,
            count: 1,
            by_client: !from_server,
            place,
            server: h.server,
            server_name: h.sni.clone(),
        }));
        (Some(number), facts)
    }

    pub fn alert(&mut self, c: &Context, alert: &Alert, h: Option<&Handshake>, dtls: bool) {
        if !self.counting {
            return;
        }
        let totals = self.totals(dtls);
        if c.only_in_order {
            totals.only_in_order += 1;
        } else {
            match alert.code {
                Some(code) => totals.alerts.add(&code),
                None => totals.encrypted_alerts += 1,
            }
        }
        if self.alerts.len() >= self.limits.alerts {
            self.dropped_alerts += 1;
            return;
        }
        self.alerts.push(AlertRow {
            alert: *alert,
            dtls,
            stream: c.stream,
            src: (c.src, c.src_port),
            dst: (c.dst, c.dst_port),
            server_name: h.and_then(|h| h.sni.clone()),
            after_handshake: h.is_some_and(|h| !h.is_open()),
            only_in_order: c.only_in_order,
        });
    }

    /// A handshake that is over.
    pub fn over(&mut self, held: Held) {
        match held {
            Held::None => {}
            Held::Open(h) => self.done(&h, None),
            Held::Packed(bytes) => self.done(&self.shared.unpack(&bytes), Some(&bytes)),
        }
    }

    /// `packed`: the same in few bytes, where it is known.
    fn done(&mut self, h: &Handshake, packed: Option<&[u8]>) {
        if !h.counts {
            return;
        }
        self.summed.add(h);
        if self.handshakes.len() >= self.limits.handshakes {
            self.dropped_handshakes += 1;
        } else if let Some(packed) = packed {
            self.handshakes.push(packed);
        } else if let Some(packed) = self.shared.pack(h, true) {
            self.handshakes.push(&packed);
        }
    }

    /// Puts away the handshakes of connections that are over.
    /// `all`: else those only that were over the last time, and not used since.
    pub fn sweep(&mut self, connections: &mut HashMap<u32, Box<Connection>, RandomState>, all: bool) {
        let goes = |c: &mut Connection| c.is_over() && (all || c.may_go());
        let mut over: Vec<_> = connections.extract_if(|_, c| goes(c)).collect();
        // Tables without room keep the first ones, in each run the same.
        over.sort_unstable_by_key(|c| c.0);
        for (_, mut c) in over {
            (0..2).for_each(|side| drop(c.take_partial(self, side)));
            self.over(c.handshake);
        }
    }

    /// Drops what no report needs, or may have.
    fn forget(&mut self) {
        self.by_der = HashMap::default();
        self.shared.seal();
        self.keys = KeyLog::default();
        self.handshakes.sort();
    }

    /// Everything at this moment, the handshakes that still go on included.
    pub fn report<'a>(&self, open: impl Iterator<Item = &'a Connection>) -> Self {
        let mut all = self.clone();
        for c in open {
            match &c.handshake {
                Held::None => {}
                Held::Open(h) => all.done(h, None),
                Held::Packed(bytes) => all.done(&self.shared.unpack(bytes), Some(bytes)),
            }
        }
        all.forget();
        all
    }

    /// The same at the end of the pass.
    pub fn into_report(mut self, open: impl Iterator<Item = Connection>) -> Self {
        open.for_each(|c| self.over(c.handshake));
        self.forget();
        self
    }

    /// Those of another part of the traffic.
    pub fn merge(&mut self, o: &Self) {
        self.tls.merge(&o.tls);
        self.dtls.merge(&o.dtls);
        self.summed.merge(&o.summed);
        self.dropped_handshakes += o.dropped_handshakes;
        self.dropped_alerts += o.dropped_alerts;
        self.dropped_certificates += o.dropped_certificates;
        self.refused += o.refused;
        self.key_counts.merge(&o.key_counts);
        self.opened.merge(&o.opened);
        let known: HashMap<&[u8], u32> =
            self.certificates.iter().enumerate().map(|(i, s)| (&*s.der, i as u32)).collect();
        let places: Vec<Option<u32>> = o.certificates.iter().map(|s| known.get(&*s.der).copied()).collect();
        drop(known);
        let mut numbers = Vec::with_capacity(places.len());
        for (seen, place) in o.certificates.iter().zip(places) {
            if let Some(mine) = place.and_then(|p| self.certificates.get_mut(p as usize)) {
                Arc::make_mut(mine).count += seen.count;
            }
            numbers.push(place.or_else(|| {
                let room = self.certificates.len() < self.limits.certificates
                    && self.certificate_bytes + seen.der.len() <= self.limits.certificate_bytes;
                if !room {
                    self.dropped_certificates += 1;
                    return None;
                }
                self.certificate_bytes += seen.der.len();
                self.certificates.push(seen.clone());
                Some(self.certificates.len() as u32 - 1)
            }));
        }
        for row in o.handshakes.iter() {
            if self.handshakes.len() >= self.limits.handshakes {
                self.dropped_handshakes += 1;
                continue;
            }
            let mut h = o.shared.unpack(row);
            h.chain = h.chain.iter().filter_map(|&n| numbers.get(n as usize).copied().flatten()).collect();
            if let Some(packed) = self.shared.pack(&h, true) {
                self.handshakes.push(&packed);
            }
        }
        self.shared.seal();
        let room = self.limits.alerts.saturating_sub(self.alerts.len());
        self.alerts.extend(o.alerts.iter().take(room).cloned());
        self.dropped_alerts += o.alerts.len().saturating_sub(room) as u64;
    }
}
