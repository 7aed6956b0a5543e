//! Fields of DHCPv6 messages (RFC 8415), in the order in which Wireshark shows them.

use super::fields::link_layer;
use crate::app::bytes::{be16, be32};
use crate::fields;
use crate::filter::field::Names;
use crate::filter::registry::Group;
use crate::filter::{FieldId, Sink};
use crate::net::arp_fields::HARDWARE;

fields! {
    Group::Dhcpv6, "dhcpv6", Some("dhcp");
    MSGTYPE = u8("dhcpv6.msgtype", "Message type").table(&TYPES);
    HOPCOUNT = u8("dhcpv6.hopcount", "Hop count");
    XID = u24("dhcpv6.xid", "Transaction id").hex();
    LINKADDR = ipv6("dhcpv6.linkaddr", "Link address");
    PEERADDR = ipv6("dhcpv6.peeraddr", "Peer address");
    OPTION_STR = string("dhcpv6.option.type_str", "Option, its name");
    OPTION = u16("dhcpv6.option.type", "Option").table(&OPTIONS);
    LENGTH = u16("dhcpv6.option.length", "Option length");
    MALFORMED = label("dhcpv6.malformed_option", "Malformed option");
    DUID = bytes("dhcpv6.duid.bytes", "DUID");
    DUID_TYPE = u16("dhcpv6.duid.type", "DUID type").table(&DUID_TYPES);
    LLT_HW = u16("dhcpv6.duidllt.hwtype", "DUID with time: hardware type").table(&HARDWARE);
    LLT_TIME = time("dhcpv6.duidllt.time", "DUID with time: time");
    LLT_ADDR = string("dhcpv6.duidllt.link_layer_addr", "DUID with time: link-layer address");
    EN_ENTERPRISE = u32("dhcpv6.duiden.enterprise", "DUID of a vendor: enterprise number");
    EN_ID = bytes("dhcpv6.duiden.identifier", "DUID of a vendor: identifier");
    LL_HW = u16("dhcpv6.duidll.hwtype", "DUID: hardware type").table(&HARDWARE);
    LL_ADDR = string("dhcpv6.duidll.link_layer_addr", "DUID: link-layer address");
    UUID = bytes("dhcpv6.duiduuid.bytes", "DUID: UUID");
    IAID = string("dhcpv6.iaid", "Identity association");
    T1 = u32("dhcpv6.iaid.t1", "Identity association: T1, s");
    T2 = u32("dhcpv6.iaid.t2", "Identity association: T2, s");
    IATA = string("dhcpv6.iata", "Identity association for temporary addresses");
    IA_ADDR = ipv6("dhcpv6.iaaddr.ip", "Address");
    IA_PREF = u32("dhcpv6.iaaddr.pref_lifetime", "Address: preferred lifetime, s");
    IA_VALID = u32("dhcpv6.iaaddr.valid_lifetime", "Address: valid lifetime, s");
    REQUESTED = u16("dhcpv6.requested_option_code", "Requested option").table(&OPTIONS);
    PREFERENCE = u8("dhcpv6.option_preference", "Preference");
    ELAPSED = u16("dhcpv6.elapsed_time", "Elapsed time, ms");
    AUTH_PROTOCOL = u8("dhcpv6.auth.protocol", "Authentication: protocol");
    AUTH_ALGORITHM = u8("dhcpv6.auth.algorithm", "Authentication: algorithm");
    AUTH_RDM = u8("dhcpv6.auth.rdm", "Authentication: replay detection method");
    UNICAST = ipv6("dhcpv6.unicast", "Server unicast address");
    STATUS_CODE = u16("dhcpv6.status_code", "Status code").table(&STATUS);
    STATUS_MSG = string("dhcpv6.status_msg", "Status message");
    USER_LENGTH = u16("dhcpv6.userclass.length", "User class: length");
    USER_DATA = bytes("dhcpv6.userclass.opaque_data", "User class: data");
    CLASS_ENTERPRISE = u32("dhcpv6.vendorclass.enterprise", "Vendor class: enterprise number");
    CLASS_DATA = string("dhcpv6.vendorclass.data", "Vendor class: data");
    OPTS_ENTERPRISE = u32("dhcpv6.vendoropts.enterprise", "Vendor options: enterprise number");
    OPTS_CODE = u16("dhcpv6.vendoropts.enterprise.option_code", "Vendor options: code");
    OPTS_LENGTH = u16("dhcpv6.vendoropts.enterprise.option_length", "Vendor options: length");
    OPTS_DATA = bytes("dhcpv6.vendoropts.enterprise.option_data", "Vendor options: data");
    INTERFACE = bytes("dhcpv6.interface_id", "Interface id");
    RECONF = u8("dhcpv6.reconf_msg", "Reconfigure message type").table(&TYPES);
    SIP_NAME = string("dhcpv6.sip_server_domain_search_fqdn", "SIP server, name");
    SIP_SERVER = ipv6("dhcpv6.sip_server_a", "SIP server");
    DNS_SERVER = ipv6("dhcpv6.dns_server", "DNS server");
    SEARCH = string("dhcpv6.search_list_entry", "Domain search list");
    NIS_SERVER = ipv6("dhcpv6.nis_server", "NIS server");
    NISP_SERVER = ipv6("dhcpv6.nisp_server", "NIS+ server");
    NIS_NAME = string("dhcpv6.nis_fqdn", "NIS domain");
    NISP_NAME = string("dhcpv6.nisp_fqdn", "NIS+ domain");
    SNTP_SERVER = ipv6("dhcpv6.sntp_server", "SNTP server");
    LIFETIME = u32("dhcpv6.lifetime", "Information refresh time, s");
    BCMCS_NAME = string("dhcpv6.bcmcs_server_fqdn", "BCMCS server, name");
    BCMCS_SERVER = ipv6("dhcpv6.bcmcs_server_a", "BCMCS server");
    REMOTE_ENTERPRISE = u32("dhcpv6.remoteid.enterprise", "Remote id: enterprise number");
    REMOTE_ID = bytes("dhcpv6.remoteid_enterprise_id", "Remote id");
    SUBSCRIBER = string("dhcpv6.subscriber_id", "Subscriber id");
    FQDN_FLAGS = u8("dhcpv6.client_fqdn_flags", "Client name: flags").hex();
    CLIENT_N = boolean("dhcpv6.clientfqdn.client.n", "Client name: N bit of a client").names(PTR);
    CLIENT_S = boolean("dhcpv6.clientfqdn.client.s", "Client name: S bit of a client").names(AAAA);
    SERVER_N = boolean("dhcpv6.clientfqdn.server.n", "Client name: N bit of a server").names(PTR);
    SERVER_O = boolean("dhcpv6.clientfqdn.server.o", "Client name: O bit of a server").names(Names::Bool("Server HAS overridden client's S bit preference", "Server HAS NOT overridden client's S bit preference"));
    SERVER_S = boolean("dhcpv6.clientfqdn.server.s", "Client name: S bit of a server").names(AAAA);
    CLIENT_DOMAIN = string("dhcpv6.client_domain", "Client name");
    TLD = string("dhcpv6.tld", "A name of one label");
    PANA = ipv6("dhcpv6.pana_agent", "PANA agent");
    TIMEZONE = string("dhcpv6.timezone", "POSIX time zone");
    TZDB = string("dhcpv6.tzdb", "Time zone database name");
    CAPWAP = ipv6("dhcpv6.capwap_ac_v6", "CAPWAP access controller");
    AFTR = string("dhcpv6.aftr_name", "DS-Lite AFTR name");
    PREFIX_PREF = u32("dhcpv6.iaprefix.pref_lifetime", "Prefix: preferred lifetime, s");
    PREFIX_VALID = u32("dhcpv6.iaprefix.valid_lifetime", "Prefix: valid lifetime, s");
    PREFIX_LEN = u8("dhcpv6.iaprefix.pref_len", "Prefix: length");
    PREFIX_ADDR = ipv6("dhcpv6.iaprefix.pref_addr", "Prefix: address");
    NTP_TYPE = u16("dhcpv6.ntpserver.option.type", "NTP server: sub-option").table(&NTP_OPTIONS);
    NTP_LENGTH = u16("dhcpv6.ntpserver.option.length", "NTP server: sub-option length");
    NTP_ADDR = ipv6("dhcpv6.ntpserver.addr", "NTP server: address");
    NTP_MC_ADDR = ipv6("dhcpv6.ntpserver.mc_addr", "NTP server: multicast address");
    NTP_NAME = string("dhcpv6.ntpserver.fqdn", "NTP server: name");
    CAPTIVE_PORTAL = string("dhcpv6.captive_portal", "Captive portal");
    MUDURL = string("dhcpv6.mudurl", "Manufacturer usage description");
}

const PTR: Names = Names::Bool("Server SHOULD NOT perform PTR RR updates", "Server SHOULD perform PTR RR updates");
const AAAA: Names = Names::Bool("Server SHOULD perform AAAA RR updates", "Server SHOULD NOT perform AAAA RR updates");

/// Value names as Wireshark has them, as in all tables here.
pub(super) static DUID_TYPES: [(u64, &str); 4] = [
    (1, "link-layer address plus time"),
    (2, "assigned by vendor based on Enterprise number"),
    (3, "link-layer address"),
    (4, "Universally Unique IDentifier (UUID)"),
];
static TYPES: [(u64, &str); 19] = [
    (1, "Solicit"),
    (2, "Advertise"),
    (3, "Request"),
    (4, "Confirm"),
    (5, "Renew"),
    (6, "Rebind"),
    (7, "Reply"),
    (8, "Release"),
    (9, "Decline"),
    (10, "Reconfigure"),
    (11, "Information-request"),
    (12, "Relay-forw"),
    (13, "Relay-reply"),
    (14, "Leasequery"),
    (15, "Leasequery-reply"),
    (16, "Leasequery-done"),
    (17, "Leasequery-data"),
    (18, "Reconfigure-request"),
    (19, "Reconfigure-reply"),
];
static STATUS: [(u64, &str); 16] = [
    (0, "Success"),
    (1, "UnspecFail"),
    (2, "NoAddrAvail"),
    (3, "NoBinding"),
    (4, "NotOnLink"),
    (5, "UseMulticast"),
    (6, "NoPrefixAvail"),
    (7, "UnknownQueryType"),
    (8, "MalformedQuery"),
    (9, "NotConfigured"),
    (10, "NotAllowed"),
    (11, "QueryTerminated"),
    (12, "DataMissing"),
    (13, "CatchUpComplete"),
    (14, "NotSupported"),
    (15, "TLSConnectionRefused"),
];
static NTP_OPTIONS: [(u64, &str); 3] =
    [(1, "NTP Server Address"), (2, "NTP Multicast Address"), (3, "NTP Server FQDN")];
/// The IANA registry.
static OPTIONS: [(u64, &str); 139] = [
    (1, "Client Identifier"),
    (2, "Server Identifier"),
    (3, "Identity Association for Non-temporary Address"),
    (4, "Identity Association for Temporary Address"),
    (5, "IA Address"),
    (6, "Option Request"),
    (7, "Preference"),
    (8, "Elapsed time"),
    (9, "Relay Message"),
    (11, "Authentication"),
    (12, "Server unicast"),
    (13, "Status code"),
    (14, "Rapid Commit"),
    (15, "User Class"),
    (16, "Vendor Class"),
    (17, "Vendor-specific Information"),
    (18, "Interface-Id"),
    (19, "Reconfigure Message"),
    (20, "Reconfigure Accept"),
    (21, "SIP Server Domain Name List"),
    (22, "SIP Servers IPv6 Address List"),
    (23, "DNS recursive name server"),
    (24, "Domain Search List"),
    (25, "Identity Association for Prefix Delegation"),
    (26, "IA Prefix"),
    (27, "Network Information Server"),
    (28, "Network Information Server V2"),
    (29, "Network Information Server Domain Name"),
    (30, "Network Information Server V2 Domain Name"),
    (31, "Simple Network Time Protocol Server"),
    (32, "Lifetime"),
    (33, "BCMCS Server Domain"),
    (34, "BCMCS Servers IPv6 Address List"),
    (36, "Geoconf Civic Address"),
    (37, "Remote Identifier"),
    (38, "Subscriber Identifier"),
    (39, "Client Fully Qualified Domain Name"),
    (40, "PANA Agents IPv6 Address List"),
    (41, "Time Zone"),
    (42, "Time Zone Database"),
    (43, "Echo Request Option"),
    (44, "Leasequery Query"),
    (45, "Leasequery Client Data"),
    (46, "Client Last Transaction Time"),
    (47, "Leasequery Relay Data"),
    (48, "Leasequery Client Link Address List"),
    (49, "Home Network Identifier FQDN"),
    (50, "Visited Home Network Information"),
    (51, "LoST Server"),
    (52, "CAPWAP Access Controllers"),
    (53, "Relay-ID"),
    (54, "MoS IPv6 Address"),
    (55, "MoS Domain Name List"),
    (56, "NTP Server"),
    (57, "Access Network Domain Name"),
    (58, "SIP User Agent Configuration Service Domains"),
    (59, "Boot File URL"),
    (60, "Boot File Parameters"),
    (61, "Client System Architecture Type"),
    (62, "Client Network Interface Identifier"),
    (63, "Geolocation"),
    (64, "Dual-Stack Lite AFTR Name"),
    (65, "ERP Local Domain Name"),
    (66, "Relay-Supplied Options"),
    (67, "Prefix Exclude"),
    (68, "Virtual Subnet Selection"),
    (69, "Identified Home Network Information"),
    (70, "Unrestricted Home Network Information"),
    (71, "Home Network Prefix"),
    (72, "Home Agent Address"),
    (73, "Home Agent FQDN"),
    (74, "RDNSS Selection"),
    (75, "Kerberos Principal Name"),
    (76, "Kerberos Realm Name"),
    (77, "Kerberos Default Realm Name"),
    (78, "Kerberos KDC"),
    (79, "Client Link-Layer Address"),
    (80, "Link Address"),
    (81, "RADIUS"),
    (82, "SOL_MAX_RT"),
    (83, "INF_MAX_RT"),
    (84, "Address Selection"),
    (85, "Address Selection table"),
    (86, "PCP Server"),
    (87, "DHCPv4 Message"),
    (88, "DHCP 4o6 Servers Address"),
    (89, "S46 Rule"),
    (90, "S46 BR"),
    (91, "S46 DMR"),
    (92, "S46 IPv4/IPv6 Address Binding"),
    (93, "S46 Port Parameters"),
    (94, "S46 MAP-E Container"),
    (95, "S46 MAP-T Container"),
    (96, "S46 Lightweight 4over6 Container"),
    (97, "4rd Options"),
    (98, "4rd Mapping Rule"),
    (99, "4rd Non-Mapping Rule"),
    (100, "LQ Server Base Time"),
    (101, "LQ Server Query Start Time"),
    (102, "LQ Server Query End Time"),
    (103, "Captive Portal"),
    (104, "MPL Parameter Configuration"),
    (105, "Access Technology Type"),
    (106, "Access Network Name"),
    (107, "Access Point Name"),
    (108, "Access Point BSSID"),
    (109, "Access Network Operator ID"),
    (110, "Access Network Operator Realm"),
    (111, "S46 Priority"),
    (112, "Manufacturer Usage Description"),
    (113, "IPv4/IPv6 Multicast Prefixes"),
    (114, "Failover Binding Status"),
    (115, "Failover Connect Flags"),
    (116, "Failover DNS Removal Info"),
    (117, "Failover DNS Hostname"),
    (118, "Failover DNS Zone Name"),
    (119, "Failover DNS Flags"),
    (120, "Failover Expiration Time"),
    (121, "Failover Maximum Number Unacked BNDUPD Messages"),
    (122, "Failover Maximum Client Lead Time (MCLT)"),
    (123, "Failover Partner Lifetime"),
    (124, "Failover Partner Lifetime Sent"),
    (125, "Failover Partner Down Time"),
    (126, "Failover Partner Raw Client Time"),
    (127, "Failover Protocol Version"),
    (128, "Failover Keepalive Time"),
    (129, "Failover Reconfigure Data"),
    (130, "Failover Relationship Name"),
    (131, "Failover Server Flags"),
    (132, "Failover Server State"),
    (133, "Failover Start Time of State"),
    (134, "Failover State Expiration Time"),
    (135, "Relay Source Port"),
    (136, "SZTP Redirect"),
    (137, "Softwire Source Binding Prefix Hint"),
    (143, "ANDSF IPv6 Address"),
    (165, "Mobile IPv6 Home Agent"),
    (166, "Mobile IPv6 Home Address"),
    (167, "Network Access Identifier"),
];

const RELAY_FORW: u8 = 12;
const RELAY_REPL: u8 = 13;
/// From 1970 to 2000, which DUIDs count from (RFC 8415 11.2), s.
const TO_2000: i64 = 946_684_800;
/// Options of one message that are shown, those inside others included.
const MAX_OPTIONS: usize = 4096;
/// Messages and options inside of one another that are opened.
const MAX_DEPTH: usize = 32;

struct Reader<'a> {
    m: &'a [u8],
    left: usize,
}

/// Puts the fields of a message and of those it carries.
pub(super) fn put(m: &[u8], sink: &mut Sink) {
    let _ = Reader { m, left: MAX_OPTIONS }.message(0, m.len(), 0, sink);
}

/// Where an option stands, and the type of the message it stands in.
#[derive(Clone, Copy)]
struct Place {
    at: usize,
    end: usize,
    message: u8,
    depth: usize,
}

impl Reader<'_> {
    fn message(&mut self, at: usize, end: usize, depth: usize, sink: &mut Sink) -> Option<()> {
        if depth > MAX_DEPTH {
            return None;
        }
        let message = *self.m.get(at)?;
        sink.uint(MSGTYPE, message.into(), at, 1);
        let from = if matches!(message, RELAY_FORW | RELAY_REPL) {
            sink.uint(HOPCOUNT, (*self.m.get(at + 1)?).into(), at + 1, 1);
            self.address(LINKADDR, at + 2, sink)?;
            self.address(PEERADDR, at + 18, sink)?;
            at + 34
        } else {
            sink.uint(XID, u64::from(be32(self.m, at)? & 0x00ff_ffff), at + 1, 3);
            at + 4
        };
        self.options(from, end, message, depth, sink)
    }

    fn options(&mut self, mut at: usize, end: usize, message: u8, depth: usize, sink: &mut Sink) -> Option<()> {
        // Ends: every turn moves on by at least four bytes.
        while at < end && self.left > 0 && depth <= MAX_DEPTH {
            self.left -= 1;
            let (code, len) = (be16(self.m, at)?, usize::from(be16(self.m, at + 2)?));
            let next = at + 4 + len;
            if next > end {
                return None;
            }
            if sink.wants(OPTION_STR) {
                let name = OPTIONS.iter().find(|o| o.0 == u64::from(code)).map(|o| o.1);
                let unknown = || format!("DHCP option {code}");
                sink.text(OPTION_STR, name.map_or_else(unknown, str::to_owned).as_bytes(), at, 4 + len);
            }
            sink.uint(OPTION, code.into(), at, 2);
            sink.uint(LENGTH, len as u64, at + 2, 2);
            self.option(code, Place { at: at + 4, end: next, message, depth }, sink)?;
            at = next;
        }
        Some(())
    }

    fn address(&self, field: FieldId, at: usize, sink: &mut Sink) -> Option<()> {
        sink.ipv6(field, *self.m.get(at..)?.first_chunk()?, at);
        Some(())
    }

    /// None: Wireshark gives up on the message here.
    fn option(&mut self, code: u16, p: Place, sink: &mut Sink) -> Option<()> {
        let Place { at, end, message, depth } = p;
        let m = self.m;
        let d = m.get(at..end)?;
        let mut number = |field, from: usize, len: usize| {
            if let Some(v) = d.get(from..from + len) {
                sink.uint(field, v.iter().fold(0u64, |v, b| v << 8 | u64::from(*b)), at + from, len);
            }
        };
        let shortest = match code {
            3 | 25 => 12,
            5 => 24,
            26 => 25,
            4 | 16 | 17 | 37 => 4,
            11 => 11,
            1 | 2 | 9 | 18 | 38 | 39 | 53 => 1,
            _ => 0,
        };
        let exact = match code {
            7 | 19 => Some(1),
            8 => Some(2),
            12 => Some(16),
            32 => Some(4),
            14 | 20 => Some(0),
            _ => None,
        };
        let addresses = match code {
            22 => Some(SIP_SERVER),
            23 => Some(DNS_SERVER),
            27 => Some(NIS_SERVER),
            28 => Some(NISP_SERVER),
            31 => Some(SNTP_SERVER),
            34 => Some(BCMCS_SERVER),
            40 => Some(PANA),
            52 => Some(CAPWAP),
            _ => None,
        };
        if d.len() < shortest
            || exact.is_some_and(|n| n != d.len())
            || (addresses.is_some() && !d.len().is_multiple_of(16))
        {
            sink.label(MALFORMED, at, d.len());
            return Some(());
        }
        if let Some(field) = addresses {
            for (i, a) in d.chunks_exact(16).enumerate() {
                a.first_chunk().into_iter().for_each(|a| sink.ipv6(field, *a, at + 16 * i));
            }
            return Some(());
        }
        match code {
            1 | 2 | 53 => duid(d, at, sink)?,
            3 | 25 => {
                number(T1, 4, 4);
                number(T2, 8, 4);
                sink.text(IAID, link_layer(d.get(..4)?, code).as_bytes(), at, 4);
                self.options(at + 12, end, message, depth + 1, sink)?;
            }
            4 => {
                sink.text(IATA, link_layer(d.get(..4)?, code).as_bytes(), at, 4);
                self.options(at + 4, end, message, depth + 1, sink)?;
            }
            5 => {
                number(IA_PREF, 16, 4);
                number(IA_VALID, 20, 4);
                self.address(IA_ADDR, at, sink)?;
                self.options(at + 24, end, message, depth + 1, sink)?;
            }
            26 => {
                number(PREFIX_PREF, 0, 4);
                number(PREFIX_VALID, 4, 4);
                number(PREFIX_LEN, 8, 1);
                self.address(PREFIX_ADDR, at + 9, sink)?;
                self.options(at + 25, end, message, depth + 1, sink)?;
            }
            6 | 43 => (0..d.len() / 2).for_each(|i| number(REQUESTED, 2 * i, 2)),
            7 => number(PREFERENCE, 0, 1),
            8 => sink.uint(ELAPSED, 10 * u64::from(be16(d, 0)?), at, 2),
            9 => self.message(at, end, depth + 1, sink)?,
            11 => {
                [(AUTH_PROTOCOL, 0), (AUTH_ALGORITHM, 1), (AUTH_RDM, 2)].into_iter().for_each(|(f, i)| number(f, i, 1))
            }
            12 => self.address(UNICAST, at, sink)?,
            13 => {
                number(STATUS_CODE, 0, 2);
                if let Some(message) = d.get(2..).filter(|d| !d.is_empty()) {
                    sink.ascii(STATUS_MSG, message, at + 2);
                }
            }
            15 => lengths(d, at, sink, |d, at, sink| {
                sink.uint(USER_LENGTH, d.len() as u64, at - 2, 2);
                sink.bytes(USER_DATA, d, at);
            }),
            16 => {
                number(CLASS_ENTERPRISE, 0, 4);
                // Of several texts Wireshark takes the first one.
                if let Some(text) = d.get(6..) {
                    sink.ascii(CLASS_DATA, text, at + 6);
                }
            }
            17 => {
                number(OPTS_ENTERPRISE, 0, 4);
                // Those of CableLabs Wireshark reads by rules of its own.
                if be32(d, 0)? != 4491 {
                    vendor_options(d, at, sink)?;
                }
            }
            18 => sink.bytes(INTERFACE, d, at),
            19 => number(RECONF, 0, 1),
            21 => names(SIP_NAME, d, at, sink),
            24 => names(SEARCH, d, at, sink),
            29 => names(NIS_NAME, d, at, sink),
            30 => names(NISP_NAME, d, at, sink),
            33 => names(BCMCS_NAME, d, at, sink),
            64 => names(AFTR, d, at, sink),
            32 => number(LIFETIME, 0, 4),
            37 => {
                number(REMOTE_ENTERPRISE, 0, 4);
                sink.bytes(REMOTE_ID, d.get(4..)?, at + 4);
            }
            38 => sink.ascii(SUBSCRIBER, d, at),
            39 => client_name(d, at, message, sink)?,
            41 => sink.ascii(TIMEZONE, d, at),
            42 => sink.ascii(TZDB, d, at),
            45 | 66 => self.options(at, end, message, depth + 1, sink)?,
            56 => ntp(d, at, sink)?,
            103 => sink.ascii(CAPTIVE_PORTAL, d, at),
            112 => sink.ascii(MUDURL, d, at),
            _ => {}
        }
        Some(())
    }
}

/// Data with two bytes of length each in front; `at` of `each`: of the data.
fn lengths(d: &[u8], at: usize, sink: &mut Sink, mut each: impl FnMut(&[u8], usize, &mut Sink)) {
    let mut from = 0;
    // Ends: every turn moves on by at least two bytes.
    while let Some(len) = be16(d, from).map(usize::from) {
        let Some(data) = d.get(from + 2..from + 2 + len) else {
            sink.label(MALFORMED, at + from, d.len() - from);
            return;
        };
        each(data, at + from + 2, sink);
        from += 2 + len;
    }
}

fn vendor_options(d: &[u8], at: usize, sink: &mut Sink) -> Option<()> {
    let mut from = 4;
    // Ends: every turn moves on by at least four bytes.
    while from < d.len() {
        let (code, len) = (be16(d, from)?, be16(d, from + 2)?);
        sink.uint(OPTS_CODE, code.into(), at + from, 2);
        sink.uint(OPTS_LENGTH, len.into(), at + from + 2, 2);
        let next = from + 4 + usize::from(len);
        sink.bytes(OPTS_DATA, d.get(from + 4..next)?, at + from + 4);
        from = next;
    }
    Some(())
}

/// RFC 8415 11, RFC 6355.
fn duid(d: &[u8], at: usize, sink: &mut Sink) -> Option<()> {
    sink.bytes(DUID, d, at);
    let kind = be16(d, 0)?;
    sink.uint(DUID_TYPE, kind.into(), at, 2);
    match kind {
        1 if d.len() >= 8 => {
            let hardware = be16(d, 2)?;
            sink.uint(LLT_HW, hardware.into(), at + 2, 2);
            sink.time(LLT_TIME, TO_2000 + i64::from(be32(d, 4)?), 0, at + 4, 4);
            if let Some(link) = d.get(8..).filter(|l| !l.is_empty()) {
                sink.text(LLT_ADDR, link_layer(link, hardware).as_bytes(), at + 8, link.len());
            }
        }
        2 if d.len() >= 6 => {
            sink.uint(EN_ENTERPRISE, be32(d, 2)?.into(), at + 2, 4);
            if let Some(id) = d.get(6..).filter(|i| !i.is_empty()) {
                sink.bytes(EN_ID, id, at + 6);
            }
        }
        3 => {
            let hardware = be16(d, 2)?;
            sink.uint(LL_HW, hardware.into(), at + 2, 2);
            if let Some(link) = d.get(4..).filter(|l| !l.is_empty()) {
                sink.text(LL_ADDR, link_layer(link, hardware).as_bytes(), at + 4, link.len());
            }
        }
        4 if d.len() == 18 => sink.bytes(UUID, d.get(2..)?, at + 2),
        1 | 2 | 4 => sink.label(MALFORMED, at, d.len()),
        _ => {}
    }
    Some(())
}

/// RFC 4704 4.
fn client_name(d: &[u8], at: usize, message: u8, sink: &mut Sink) -> Option<()> {
    let flags = *d.first()?;
    sink.uint(FQDN_FLAGS, flags.into(), at, 1);
    let bits: &[(FieldId, u8)] = match message {
        1 | 3..=6 | 8 | 9 | 11 => &[(CLIENT_N, 4), (CLIENT_S, 1)],
        2 | 7 => &[(SERVER_N, 4), (SERVER_O, 2), (SERVER_S, 1)],
        _ => &[],
    };
    bits.iter().for_each(|(field, bit)| sink.boolean(*field, flags & bit != 0, at, 1));
    names(CLIENT_DOMAIN, d.get(1..)?, at + 1, sink);
    Some(())
}

/// Domain names (RFC 8415 10) as Wireshark writes them: with a dot at the end where the root is there, those of one label
/// with the root apart.
fn names(field: FieldId, d: &[u8], at: usize, sink: &mut Sink) {
    let (mut from, mut start, mut labels, mut whole) = (0, 0, 0, false);
    let mut text = Vec::new();
    // Ends: every turn moves on by at least a byte.
    while let Some(&len) = d.get(from) {
        if len == 0 {
            if labels > 0 {
                text.push(b'.');
                sink.text(if labels == 1 { TLD } else { field }, &text, at + start, from + 1 - start);
            }
            text.clear();
            (labels, start, whole) = (0, from + 1, true);
            from += 1;
            continue;
        }
        let next = from + 1 + usize::from(len);
        let Some(label) = d.get(from + 1..next).filter(|_| len < 64) else { return };
        if labels > 0 {
            text.push(b'.');
        }
        text.extend_from_slice(label);
        labels += 1;
        from = next;
    }
    // A name without its root may stand alone only.
    if labels > 0 && !whole {
        sink.text(field, &text, at + start, d.len() - start);
    }
}

/// RFC 5908.
fn ntp(d: &[u8], at: usize, sink: &mut Sink) -> Option<()> {
    let mut from = 0;
    // Ends: every turn moves on by at least four bytes.
    while from < d.len() {
        let (code, len) = (be16(d, from)?, usize::from(be16(d, from + 2)?));
        sink.uint(NTP_TYPE, code.into(), at + from, 2);
        sink.uint(NTP_LENGTH, len as u64, at + from + 2, 2);
        let (value, here) = (d.get(from + 4..from + 4 + len)?, at + from + 4);
        match (code, value.first_chunk()) {
            (1, Some(a)) if len == 16 => sink.ipv6(NTP_ADDR, *a, here),
            (2, Some(a)) if len == 16 => sink.ipv6(NTP_MC_ADDR, *a, here),
            (3, _) => names(NTP_NAME, value, here, sink),
            _ => {}
        }
        from += 4 + len;
    }
    Some(())
}
