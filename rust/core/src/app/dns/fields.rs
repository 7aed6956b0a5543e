//! Fields of DNS messages, those of multicast DNS and LLMNR among them.

use super::machine::{Answer, Link};
use super::rdata::listed_types;
use super::wire::{self, Entry, Header, Record};
use crate::app::bytes::{be16, be32};
use crate::fields;
use crate::filter::field::Names;
use crate::filter::registry::Group;
use crate::filter::{FieldId, Sink};

fields! {
    Group::Dns, "dns", Some("dns");
    LENGTH = u16("dns.length", "Length in front of a message over TCP");
    ID = u16("dns.id", "Transaction id").hex();
    FLAGS = u16("dns.flags", "Flags").hex();
    FLAGS_RESPONSE = boolean("dns.flags.response", "Response").names(Names::Bool("Message is a response", "Message is a query"));
    FLAGS_OPCODE = u16("dns.flags.opcode", "Opcode").table(&OPCODES);
    FLAGS_AUTHORITATIVE = boolean("dns.flags.authoritative", "Authoritative").names(Names::Bool("Server is an authority for domain", "Server is not an authority for domain"));
    FLAGS_CONFLICT = boolean("dns.flags.conflict", "Conflict (LLMNR)").names(Names::Bool("The sender received multiple responses", "None"));
    FLAGS_TRUNCATED = boolean("dns.flags.truncated", "Truncated").names(Names::Bool("Message is truncated", "Message is not truncated"));
    FLAGS_RECDESIRED = boolean("dns.flags.recdesired", "Recursion desired").names(Names::Bool("Do query recursively", "Don't do query recursively"));
    FLAGS_TENTATIVE = boolean("dns.flags.tentative", "Tentative (LLMNR)").names(Names::Bool("Tentative", "Not tentative"));
    FLAGS_RECAVAIL = boolean("dns.flags.recavail", "Recursion available").names(Names::Bool("Server can do recursive queries", "Server can't do recursive queries"));
    FLAGS_Z = boolean("dns.flags.z", "Z").names(Names::Bool("reserved - incorrect!", "reserved (0)"));
    FLAGS_AUTHENTICATED = boolean("dns.flags.authenticated", "Answer authenticated").names(Names::Bool("Answer/authority portion was authenticated by the server", "Answer/authority portion was not authenticated by the server"));
    FLAGS_CHECKDISABLE = boolean("dns.flags.checkdisable", "Non-authenticated data acceptable").names(Names::Bool("Acceptable", "Unacceptable"));
    FLAGS_RCODE = u16("dns.flags.rcode", "Reply code").table(&RCODES);
    COUNT_QUERIES = u16("dns.count.queries", "Questions");
    COUNT_ANSWERS = u16("dns.count.answers", "Answers");
    COUNT_AUTH_RR = u16("dns.count.auth_rr", "Authority records");
    COUNT_ADD_RR = u16("dns.count.add_rr", "Additional records");
    COUNT_PREREQUISITES = u16("dns.count.prerequisites", "Prerequisites (update)");
    COUNT_UPDATES = u16("dns.count.updates", "Updates (update)");
    COUNT_ZONES = u16("dns.count.zones", "Zones (update)");
    QRY_NAME = string("dns.qry.name", "Query name");
    QRY_NAME_LEN = u16("dns.qry.name.len", "Query name length");
    COUNT_LABELS = u16("dns.count.labels", "Labels of the query name");
    QRY_TYPE = u16("dns.qry.type", "Query type").table(&TYPES);
    QRY_CLASS = u16("dns.qry.class", "Query class").hex().table(&CLASSES);
    QRY_QU = boolean("dns.qry.qu", "Unicast answer asked for (mDNS)");
    RESP_NAME = string("dns.resp.name", "Record name");
    RESP_TYPE = u16("dns.resp.type", "Record type").table(&TYPES);
    RESP_CLASS = u16("dns.resp.class", "Record class").hex().table(&CLASSES);
    RESP_CACHE_FLUSH = boolean("dns.resp.cache_flush", "Cache flush (mDNS)");
    RESP_TTL = u32("dns.resp.ttl", "Time to live");
    RESP_LEN = u16("dns.resp.len", "Data length");
    UDP_PAYLOAD_SIZE = u16("dns.rr.udp_payload_size", "EDNS: UDP payload size");
    EXT_RCODE = u8("dns.resp.ext_rcode", "EDNS: higher bits of the reply code").hex();
    EDNS0_VERSION = u8("dns.resp.edns0_version", "EDNS: version");
    RESP_Z = u16("dns.resp.z", "EDNS: Z").hex();
    RESP_Z_DO = boolean("dns.resp.z.do", "EDNS: DO bit").names(Names::Bool("Accepts DNSSEC security RRs", "Cannot handle DNSSEC security RRs"));
    OPT = label("dns.opt", "EDNS: option");
    OPT_CODE = u16("dns.opt.code", "EDNS: option code");
    OPT_LEN = u16("dns.opt.len", "EDNS: option length");
    OPT_DATA = bytes("dns.opt.data", "EDNS: option data");
    A = ipv4("dns.a", "IPv4 address");
    AAAA = ipv6("dns.aaaa", "IPv6 address");
    CNAME = string("dns.cname", "Canonical name");
    NS = string("dns.ns", "Name server");
    PTR = string("dns.ptr.domain_name", "Domain name of a pointer");
    DNAME = string("dns.dname", "Delegation name");
    MX_PREFERENCE = u16("dns.mx.preference", "Mail exchange: preference");
    MX_EXCHANGE = string("dns.mx.mail_exchange", "Mail exchange");
    TXT_LENGTH = u8("dns.txt.length", "Text length");
    TXT = string("dns.txt", "Text");
    SPF_LENGTH = u8("dns.spf.length", "SPF length");
    SPF = string("dns.spf", "SPF");
    SOA_MNAME = string("dns.soa.mname", "Primary name server");
    SOA_RNAME = string("dns.soa.rname", "Responsible mailbox");
    SOA_SERIAL = u32("dns.soa.serial_number", "Zone serial number");
    SOA_REFRESH = u32("dns.soa.refresh_interval", "Zone refresh interval");
    SOA_RETRY = u32("dns.soa.retry_interval", "Zone retry interval");
    SOA_EXPIRE = u32("dns.soa.expire_limit", "Zone expire limit");
    SOA_MINIMUM = u32("dns.soa.minimum_ttl", "Zone minimum TTL");
    SRV_SERVICE = string("dns.srv.service", "Service: name of the service");
    SRV_PROTO = string("dns.srv.proto", "Service: protocol");
    SRV_NAME = string("dns.srv.name", "Service: domain");
    SRV_PRIORITY = u16("dns.srv.priority", "Service: priority");
    SRV_WEIGHT = u16("dns.srv.weight", "Service: weight");
    SRV_PORT = u16("dns.srv.port", "Service: port");
    SRV_TARGET = string("dns.srv.target", "Service: target");
    NAPTR_ORDER = u16("dns.naptr.order", "NAPTR: order");
    NAPTR_PREFERENCE = u16("dns.naptr.preference", "NAPTR: preference");
    NAPTR_FLAGS = string("dns.naptr.flags", "NAPTR: flags");
    NAPTR_SERVICE = string("dns.naptr.service", "NAPTR: service");
    NAPTR_REGEX = string("dns.naptr.regex", "NAPTR: regex");
    NAPTR_REPLACEMENT = string("dns.naptr.replacement", "NAPTR: replacement");
    HINFO_CPU = string("dns.hinfo.cpu", "Host: CPU");
    HINFO_OS = string("dns.hinfo.os", "Host: system");
    DS_KEY_ID = u16("dns.ds.key_id", "DS: key id").hex();
    DS_ALGORITHM = u8("dns.ds.algorithm", "DS: algorithm");
    DS_DIGEST_TYPE = u8("dns.ds.digest_type", "DS: digest type");
    DS_DIGEST = bytes("dns.ds.digest", "DS: digest");
    RRSIG_TYPE_COVERED = u16("dns.rrsig.type_covered", "RRSIG: type covered").table(&TYPES);
    RRSIG_ALGORITHM = u8("dns.rrsig.algorithm", "RRSIG: algorithm");
    RRSIG_LABELS = u8("dns.rrsig.labels", "RRSIG: labels");
    RRSIG_ORIGINAL_TTL = u32("dns.rrsig.original_ttl", "RRSIG: original TTL");
    RRSIG_EXPIRATION = time("dns.rrsig.signature_expiration", "RRSIG: expiration");
    RRSIG_INCEPTION = time("dns.rrsig.signature_inception", "RRSIG: inception");
    RRSIG_KEY_TAG = u16("dns.rrsig.key_tag", "RRSIG: key tag");
    RRSIG_SIGNER = string("dns.rrsig.signers_name", "RRSIG: signer");
    RRSIG_SIGNATURE = bytes("dns.rrsig.signature", "RRSIG: signature");
    DNSKEY_FLAGS = u16("dns.dnskey.flags", "DNSKEY: flags").hex();
    DNSKEY_PROTOCOL = u8("dns.dnskey.protocol", "DNSKEY: protocol");
    DNSKEY_ALGORITHM = u8("dns.dnskey.algorithm", "DNSKEY: algorithm");
    DNSKEY_PUBLIC_KEY = bytes("dns.dnskey.public_key", "DNSKEY: public key");
    NSEC_NEXT = string("dns.nsec.next_domain_name", "NSEC: next name");
    RESPONSE_TO = frame_number("dns.response_to", "Frame of the query").stateful();
    TIME = duration("dns.time", "Time since the query").stateful();
    RETRANSMISSION = boolean("dns.retransmission", "Repeats a query or an answer").stateful();
    RETRANSMIT_REQUEST = label("dns.retransmit_request", "Repeats a query").stateful();
    RETRANSMIT_RESPONSE = label("dns.retransmit_response", "Repeats an answer").stateful();
    RETRANSMIT_REQUEST_IN = frame_number("dns.retransmit_request_in", "Frame of the query that this one repeats").stateful();
    UNSOLICITED = boolean("dns.unsolicited", "An answer without a query").stateful();
    RESPONSE_IN = frame_number("dns.response_in", "Frame of the response").look_ahead();
}

/// By Wireshark's names, as all tables here.
static OPCODES: [(u64, &str); 6] = [
    (0, "Standard query"),
    (1, "Inverse query"),
    (2, "Server status request"),
    (4, "Zone change notification"),
    (5, "Dynamic update"),
    (6, "DNS Stateful operations (DSO)"),
];

/// RFC 2136, 2.2, and later ones.
static RCODES: [(u64, &str); 12] = [
    (0, "No error"),
    (1, "Format error"),
    (2, "Server failure"),
    (3, "No such name"),
    (4, "Not implemented"),
    (5, "Refused"),
    (6, "Name exists"),
    (7, "RRset exists"),
    (8, "RRset does not exist"),
    (9, "Not authoritative"),
    (10, "Name out of zone"),
    (11, "DSO-Type not implemented"),
];

/// RFC 1035, 3.2.4.
static CLASSES: [(u64, &str); 6] = [(1, "IN"), (2, "CS"), (3, "CH"), (4, "HS"), (254, "NONE"), (255, "ANY")];

/// The IANA registry.
static TYPES: [(u64, &str); 88] = [
    (0, "Unused"),
    (1, "A (Host Address)"),
    (2, "NS (authoritative Name Server)"),
    (3, "MD (Mail Destination)"),
    (4, "MF (Mail Forwarder)"),
    (5, "CNAME (Canonical NAME for an alias)"),
    (6, "SOA (Start Of a zone of Authority)"),
    (7, "MB (MailBox domain name)"),
    (8, "MG (Mail Group member)"),
    (9, "MR (Mail Rename domain)"),
    (10, "NULL RR"),
    (11, "WKS (Well Known Service)"),
    (12, "PTR (domain name PoinTeR)"),
    (13, "HINFO (host information)"),
    (14, "MINFO (Mailbox or mail list information)"),
    (15, "MX (Mail eXchange)"),
    (16, "TXT (Text strings)"),
    (17, "RP (Responsible Person)"),
    (18, "AFSDB (AFS Data Base location)"),
    (19, "X25 (XX.25 PSDN address)"),
    (20, "ISDN (ISDN address)"),
    (21, "RT (Route Through)"),
    (22, "NSAP (NSAP address)"),
    (23, "NSAP-PTR (NSAP domain name pointer)"),
    (24, "SIG (security signature)"),
    (25, "KEY (security key)"),
    (26, "PX (X.400 mail mapping information)"),
    (27, "GPOS (Geographical Position)"),
    (28, "AAAA (IPv6 Address)"),
    (29, "LOC (Location Information)"),
    (30, "NXT (Next Domain)"),
    (31, "EID (Endpoint Identifier)"),
    (32, "NIMLOC (Nimrod Locator)"),
    (33, "SRV (Server Selection)"),
    (34, "ATMA (ATM Address)"),
    (35, "NAPTR (Naming Authority Pointer)"),
    (36, "KX (Key Exchanger)"),
    (37, "CERT"),
    (38, "A6 (OBSOLETE - use AAAA)"),
    (39, "DNAME"),
    (40, "SINK"),
    (41, "OPT"),
    (42, "APL"),
    (43, "DS (Delegation Signer)"),
    (44, "SSHFP (SSH Key Fingerprint)"),
    (45, "IPSECKEY"),
    (46, "RRSIG (Resource Record Signature)"),
    (47, "NSEC (Next Secure)"),
    (48, "DNSKEY (DNS Public Key)"),
    (49, "DHCID"),
    (50, "NSEC3"),
    (51, "NSEC3PARAM"),
    (52, "TLSA"),
    (55, "HIP (Host Identity Protocol)"),
    (57, "RKEY"),
    (58, "TALINK (Trust Anchor LINK)"),
    (59, "CDS (Child DS)"),
    (60, "CDNSKEY (DNSKEY(s) the Child wants reflected in DS)"),
    (61, "OPENPGPKEY (OpenPGP Key)"),
    (62, "CSYNC (Child-to-Parent Synchronization)"),
    (63, "ZONEMD"),
    (64, "SVCB (General Purpose Service Endpoints)"),
    (65, "HTTPS (HTTPS Specific Service Endpoints)"),
    (99, "SPF"),
    (100, "UINFO"),
    (101, "UID"),
    (102, "GID"),
    (103, "UNSPEC"),
    (104, "NID (NodeID)"),
    (105, "L32 (Locator32)"),
    (106, "L64 (Locator64)"),
    (107, "LP (Locator FQDN)"),
    (108, "EUI48"),
    (109, "EUI64"),
    (249, "TKEY (Transaction Key)"),
    (250, "TSIG (Transaction Signature)"),
    (251, "IXFR (incremental transfer)"),
    (252, "AXFR (transfer of an entire zone)"),
    (253, "MAILB (mailbox-related RRs)"),
    (254, "MAILA (mail agent RRs)"),
    (255, "* (A request for all records the server/cache has available)"),
    (256, "URI"),
    (257, "CAA (Certification Authority Restriction)"),
    (32768, "TA (DNSSEC Trust Authorities)"),
    (32769, "DLV (DNSSEC Lookaside Validation)"),
    (65281, "WINS"),
    (65282, "WINS-R"),
    (65422, "XPF"),
];

/// What surrounds a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Flavour {
    Dns,
    Mdns,
    Llmnr,
}

struct Reader<'a> {
    m: &'a [u8],
    mdns: bool,
    /// Bytes in front of the message: the length field over TCP.
    shift: usize,
    name: Vec<u8>,
}

impl Reader<'_> {
    /// Reads the name at `at`; the offset behind it.
    fn name(&mut self, at: usize) -> Option<usize> {
        wire::raw_name(self.m, at, &mut self.name)
    }
    fn put_name(&mut self, field: FieldId, at: usize, sink: &mut Sink) -> Option<usize> {
        let end = self.name(at)?;
        sink.text(field, &self.name, self.shift + at, end - at);
        Some(end)
    }
    fn put16(&self, field: FieldId, at: usize, sink: &mut Sink) {
        if let Some(v) = be16(self.m, at) {
            sink.uint(field, v as u64, self.shift + at, 2);
        }
    }
    fn put32(&self, field: FieldId, at: usize, sink: &mut Sink) {
        if let Some(v) = be32(self.m, at) {
            sink.uint(field, v as u64, self.shift + at, 4);
        }
    }
    fn put8(&self, field: FieldId, at: usize, sink: &mut Sink) {
        if let Some(&v) = self.m.get(at) {
            sink.uint(field, v as u64, self.shift + at, 1);
        }
    }
    fn put_bytes(&self, field: FieldId, at: usize, end: usize, sink: &mut Sink) {
        if let Some(v) = self.m.get(at..end).filter(|v| !v.is_empty()) {
            sink.bytes(field, v, self.shift + at);
        }
    }
    /// A `<character-string>` (RFC 1035, 3.3); the offset behind it.
    fn put_string(&self, length: Option<FieldId>, field: FieldId, at: usize, sink: &mut Sink) -> Option<usize> {
        let n = *self.m.get(at)? as usize;
        let v = self.m.get(at + 1..at + 1 + n)?;
        length.into_iter().for_each(|f| sink.uint(f, n as u64, self.shift + at, 1));
        sink.text(field, v, self.shift + at + 1, n);
        Some(at + 1 + n)
    }
}

/// Puts the fields of a message. `prefix`: the length field in front of it over TCP, 2 bytes, else 0.
/// False: it ends too early.
pub(crate) fn put(m: &[u8], flavour: Flavour, prefix: usize, sink: &mut Sink) -> bool {
    let mut r = Reader { m, mdns: flavour == Flavour::Mdns, shift: prefix, name: Vec::new() };
    if prefix > 0 {
        sink.uint(LENGTH, m.len() as u64, 0, 2);
    }
    r.put16(ID, 0, sink);
    if m.len() >= 4 {
        flags(m, flavour, prefix, sink);
    }
    let update = m.get(2).is_some_and(|b| b >> 3 & 15 == 5);
    let counts = if update {
        [COUNT_ZONES, COUNT_PREREQUISITES, COUNT_UPDATES, COUNT_ADD_RR]
    } else {
        [COUNT_QUERIES, COUNT_ANSWERS, COUNT_AUTH_RR, COUNT_ADD_RR]
    };
    for (i, field) in counts.into_iter().enumerate() {
        r.put16(field, 4 + 2 * i, sink);
    }
    let Some(header) = Header::read(m) else { return false };
    // Behind a name that cannot be read nothing more is shown.
    let mut broken = false;
    let whole = wire::walk(m, &header, |entry| {
        if !broken {
            broken = match entry {
                Entry::Question(q) => question(&mut r, &q, sink).is_none(),
                Entry::Record(rr) => record(&mut r, &rr, sink).is_none(),
            };
        }
    });
    whole && !broken
}

/// Puts what a message has to do with those before it.
pub(super) fn put_link(link: Link, sink: &mut Sink) {
    match link {
        Link::None => {}
        Link::Repeats(frame) => {
            sink.boolean(RETRANSMISSION, true, 0, 0);
            sink.label(RETRANSMIT_REQUEST, 0, 0);
            sink.uint(RETRANSMIT_REQUEST_IN, frame, 0, 0);
        }
        Link::Answers(Answer::First(ns, frame)) => {
            sink.uint(RESPONSE_TO, frame, 0, 0);
            sink.nanos(TIME, ns, 0, 0);
        }
        Link::Answers(Answer::Duplicate) => {
            sink.boolean(RETRANSMISSION, true, 0, 0);
            sink.label(RETRANSMIT_RESPONSE, 0, 0);
        }
        Link::Answers(Answer::Unsolicited) => sink.boolean(UNSOLICITED, true, 0, 0),
    }
}

fn flags(m: &[u8], flavour: Flavour, shift: usize, sink: &mut Sink) {
    let Some(flags) = be16(m, 2) else { return };
    let at = shift + 2;
    let response = flags & 0x8000 != 0;
    let mut bit = |field, mask: u16, when: bool| {
        if when {
            sink.boolean(field, flags & mask != 0, at, 2);
        }
    };
    let llmnr = flavour == Flavour::Llmnr;
    bit(FLAGS_RESPONSE, 0x8000, true);
    bit(FLAGS_AUTHORITATIVE, 0x0400, response && !llmnr);
    bit(FLAGS_CONFLICT, 0x0400, llmnr);
    bit(FLAGS_TRUNCATED, 0x0200, true);
    bit(FLAGS_TENTATIVE, 0x0100, llmnr);
    bit(FLAGS_RECDESIRED, 0x0100, !llmnr);
    bit(FLAGS_RECAVAIL, 0x0080, response && !llmnr);
    bit(FLAGS_Z, 0x0040, !llmnr);
    // In a query only where it is set.
    bit(FLAGS_AUTHENTICATED, 0x0020, (response || flags & 0x0020 != 0) && !llmnr);
    bit(FLAGS_CHECKDISABLE, 0x0010, !llmnr);
    sink.uint(FLAGS, flags as u64, at, 2);
    sink.uint(FLAGS_OPCODE, (flags >> 11 & 15) as u64, at, 2);
    if response {
        sink.uint(FLAGS_RCODE, (flags & 15) as u64, at, 2);
    }
}

fn class(r: &Reader<'_>, at: usize, field: FieldId, bit: FieldId, sink: &mut Sink) {
    if let Some(v) = be16(r.m, at) {
        let mask = if r.mdns { 0x7fff } else { 0xffff };
        sink.uint(field, (v & mask) as u64, r.shift + at, 2);
        if r.mdns {
            sink.boolean(bit, v & 0x8000 != 0, r.shift + at, 2);
        }
    }
}

fn question(r: &mut Reader<'_>, q: &wire::Question, sink: &mut Sink) -> Option<()> {
    let end = r.put_name(QRY_NAME, q.name_at, sink)?;
    sink.uint(QRY_NAME_LEN, r.name.len() as u64, r.shift + q.name_at, end - q.name_at);
    // As Wireshark counts them: the root has one, and a dot inside a label begins another.
    let labels = 1 + r.name.iter().filter(|b| **b == b'.').count();
    sink.uint(COUNT_LABELS, labels as u64, r.shift + q.name_at, end - q.name_at);
    r.put16(QRY_TYPE, end, sink);
    class(r, end + 2, QRY_CLASS, QRY_QU, sink);
    Some(())
}

fn record(r: &mut Reader<'_>, rr: &Record, sink: &mut Sink) -> Option<()> {
    let end = if rr.rtype == 33 { service(r, rr.name_at, sink)? } else { r.put_name(RESP_NAME, rr.name_at, sink)? };
    r.put16(RESP_TYPE, end, sink);
    if rr.rtype == 41 {
        if r.mdns {
            class(r, end + 2, UDP_PAYLOAD_SIZE, RESP_CACHE_FLUSH, sink);
        } else {
            r.put16(UDP_PAYLOAD_SIZE, end + 2, sink);
        }
        r.put8(EXT_RCODE, end + 4, sink);
        r.put8(EDNS0_VERSION, end + 5, sink);
        r.put16(RESP_Z, end + 6, sink);
        sink.boolean(RESP_Z_DO, rr.ttl & 0x8000 != 0, r.shift + end + 6, 2);
    } else {
        class(r, end + 2, RESP_CLASS, RESP_CACHE_FLUSH, sink);
        r.put32(RESP_TTL, end + 4, sink);
    }
    r.put16(RESP_LEN, end + 8, sink);
    data(r, rr, sink);
    Some(())
}

/// The name of a service record, in its parts (RFC 2782): Wireshark has no `dns.resp.name` of it.
fn service(r: &mut Reader<'_>, at: usize, sink: &mut Sink) -> Option<usize> {
    let end = r.name(at)?;
    let parts = r.name.splitn(3, |b| *b == b'.');
    for (field, part) in [SRV_SERVICE, SRV_PROTO, SRV_NAME].into_iter().zip(parts) {
        sink.text(field, part, r.shift + at, end - at);
    }
    Some(end)
}

fn data(r: &mut Reader<'_>, rr: &Record, sink: &mut Sink) -> Option<()> {
    let (at, end) = (rr.data_at, rr.data_at + rr.data_len);
    // An update (RFC 2136) has records without data.
    let d = r.m.get(at..end).filter(|d| !d.is_empty())?;
    match rr.rtype {
        1 => sink.ipv4(A, d.try_into().ok()?, r.shift + at),
        28 => sink.ipv6(AAAA, d.try_into().ok()?, r.shift + at),
        2 => _ = r.put_name(NS, at, sink)?,
        5 => _ = r.put_name(CNAME, at, sink)?,
        12 => _ = r.put_name(PTR, at, sink)?,
        39 => _ = r.put_name(DNAME, at, sink)?,
        6 => {
            let next = r.put_name(SOA_MNAME, at, sink)?;
            let next = r.put_name(SOA_RNAME, next, sink)?;
            for (i, f) in [SOA_SERIAL, SOA_REFRESH, SOA_RETRY, SOA_EXPIRE, SOA_MINIMUM].into_iter().enumerate() {
                r.put32(f, next + 4 * i, sink);
            }
        }
        13 => {
            let next = r.put_string(None, HINFO_CPU, at, sink)?;
            r.put_string(None, HINFO_OS, next, sink)?;
        }
        15 => {
            r.put16(MX_PREFERENCE, at, sink);
            r.put_name(MX_EXCHANGE, at + 2, sink)?;
        }
        16 | 99 => {
            let (length, text) = if rr.rtype == 16 { (TXT_LENGTH, TXT) } else { (SPF_LENGTH, SPF) };
            let mut next = at;
            while next < end {
                next = r.put_string(Some(length), text, next, sink)?;
            }
        }
        33 => {
            r.put16(SRV_PRIORITY, at, sink);
            r.put16(SRV_WEIGHT, at + 2, sink);
            r.put16(SRV_PORT, at + 4, sink);
            r.put_name(SRV_TARGET, at + 6, sink)?;
        }
        35 => {
            r.put16(NAPTR_ORDER, at, sink);
            r.put16(NAPTR_PREFERENCE, at + 2, sink);
            let next = r.put_string(None, NAPTR_FLAGS, at + 4, sink)?;
            let next = r.put_string(None, NAPTR_SERVICE, next, sink)?;
            let next = r.put_string(None, NAPTR_REGEX, next, sink)?;
            r.put_name(NAPTR_REPLACEMENT, next, sink)?;
        }
        41 => options(r, at, end, sink),
        43 => {
            r.put16(DS_KEY_ID, at, sink);
            r.put8(DS_ALGORITHM, at + 2, sink);
            r.put8(DS_DIGEST_TYPE, at + 3, sink);
            r.put_bytes(DS_DIGEST, at + 4, end, sink);
        }
        46 => {
            r.put16(RRSIG_TYPE_COVERED, at, sink);
            r.put8(RRSIG_ALGORITHM, at + 2, sink);
            r.put8(RRSIG_LABELS, at + 3, sink);
            r.put32(RRSIG_ORIGINAL_TTL, at + 4, sink);
            for (field, at) in [(RRSIG_EXPIRATION, at + 8), (RRSIG_INCEPTION, at + 12)] {
                be32(r.m, at).into_iter().for_each(|v| sink.time(field, v as i64, 0, r.shift + at, 4));
            }
            r.put16(RRSIG_KEY_TAG, at + 16, sink);
            let next = r.put_name(RRSIG_SIGNER, at + 18, sink)?;
            r.put_bytes(RRSIG_SIGNATURE, next, end, sink);
        }
        47 => {
            r.put_name(NSEC_NEXT, at, sink)?;
        }
        48 => {
            r.put16(DNSKEY_FLAGS, at, sink);
            r.put8(DNSKEY_PROTOCOL, at + 2, sink);
            r.put8(DNSKEY_ALGORITHM, at + 3, sink);
            r.put_bytes(DNSKEY_PUBLIC_KEY, at + 4, end, sink);
        }
        _ => {}
    }
    // The types that NSEC and NSEC3 list are records' types to Wireshark, too.
    if sink.wants(RESP_TYPE) {
        listed_types(r.m, rr, |t| sink.uint(RESP_TYPE, t as u64, r.shift + at, 0));
    }
    Some(())
}

/// EDNS options (RFC 6891, 6.1.2).
fn options(r: &Reader<'_>, mut at: usize, end: usize, sink: &mut Sink) {
    while at + 4 <= end {
        let (Some(code), Some(len)) = (be16(r.m, at), be16(r.m, at + 2)) else { return };
        sink.label(OPT, r.shift + at, 4 + len as usize);
        sink.uint(OPT_CODE, code as u64, r.shift + at, 2);
        sink.uint(OPT_LEN, len as u64, r.shift + at + 2, 2);
        at += 4;
        r.put_bytes(OPT_DATA, at, at + len as usize, sink);
        at += len as usize;
    }
}
