//! All fields of this build: the protocols' own names, then the tables that stand beside the decoders.

use super::field::{Field, FieldId, Kind, Mark, Table};
use super::hint;
use crate::layers::Proto;
use std::collections::HashMap;
use std::sync::OnceLock;

macro_rules! groups {
    ($($group:ident $table:expr,)*) => {
        /// The tables of the registry.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[repr(usize)]
        pub enum Group { $($group,)* }
        /// By [`Group`].
        pub(crate) const TABLES: &[Table] = &[$($table,)*];
    };
}

groups! {
    Frame super::frame::TABLE,
    Eth crate::link::ethernet_fields::TABLE,
    Vlan crate::link::vlan_fields::TABLE,
    Arp crate::net::arp_fields::TABLE,
    Ip crate::net::ipv4_fields::TABLE,
    Ipv6 crate::net::ipv6_fields::TABLE,
    Icmp crate::transport::icmp_fields::TABLE,
    Icmpv6 crate::transport::icmpv6_fields::TABLE,
    Tcp crate::transport::tcp_fields::TABLE,
    Udp crate::transport::udp_fields::TABLE,
    Dns crate::app::dns_fields::TABLE,
    IcmpPairs crate::app::icmp_pair_fields::TABLE,
    Tls crate::app::tls_fields::tls::TABLE,
    Dtls crate::app::tls_fields::dtls::TABLE,
    Quic crate::app::quic_fields::TABLE,
    Http crate::app::http_fields::TABLE,
    Http2 crate::app::http2_fields::TABLE,
    Websocket crate::app::websocket_fields::TABLE,
    Dhcp crate::app::dhcp_fields::TABLE,
    Dhcpv6 crate::app::dhcpv6_fields::TABLE,
    Sip crate::app::sip_fields::TABLE,
    Sdp crate::app::sdp_fields::TABLE,
    Rtp crate::app::rtp_fields::TABLE,
    Rtcp crate::app::rtcp_fields::TABLE,
    Ntp crate::app::ntp_fields::TABLE,
}

const PROTOCOLS: usize = Proto::ALL.len();

/// Number of the first field of a table.
pub(crate) const fn base(group: Group) -> u16 {
    let (mut n, mut i) = (PROTOCOLS, 0);
    while i < group as usize {
        n += TABLES[i].fields.len();
        i += 1;
    }
    n as u16
}

/// The field that says whether a protocol is there.
pub const fn of_proto(proto: Proto) -> FieldId {
    FieldId(proto as u16)
}

/// The protocol whose presence a field is.
pub fn proto_of(id: FieldId) -> Option<Proto> {
    Proto::ALL.get(id.0 as usize).copied()
}

struct Registry {
    fields: Vec<Field>,
    /// Table of each field behind the protocols.
    tables: Vec<u16>,
    by_name: HashMap<&'static str, FieldId>,
    /// Application protocols that find a protocol.
    apps: HashMap<Proto, Vec<&'static str>>,
    sorted: Vec<FieldId>,
}

fn registry() -> &'static Registry {
    static REGISTRY: OnceLock<Registry> = OnceLock::new();
    REGISTRY.get_or_init(|| {
        let apps = crate::app::found_by();
        let protocols = Proto::ALL.iter().map(|p| Field::new(p.name(), super::protocols::label(*p), Kind::Protocol));
        let fields: Vec<Field> = protocols.chain(TABLES.iter().flat_map(|t| t.fields.iter().copied())).collect();
        let tables = TABLES.iter().enumerate().flat_map(|(i, t)| t.fields.iter().map(move |_| i as u16)).collect();
        let mut by_name = HashMap::new();
        for (i, field) in fields.iter().enumerate() {
            let known = Proto::ALL.get(i).is_none_or(|p| super::protocols::is_found(*p) || apps.contains_key(p));
            if known {
                by_name.entry(field.name).or_insert(FieldId(i as u16));
            }
        }
        let mut sorted: Vec<FieldId> = by_name.values().copied().collect();
        sorted.sort_by_key(|id| fields[id.0 as usize].name);
        Registry { fields, tables, by_name, apps, sorted }
    })
}

/// Number of fields, those of protocols that nothing here finds included.
pub fn len() -> usize {
    registry().fields.len()
}

/// The field of a number of this registry.
pub fn field(id: FieldId) -> &'static Field {
    let all = &registry().fields;
    &all[(id.0 as usize).min(all.len() - 1)]
}

/// Its table; None for a protocol's own name.
pub(crate) fn table_of(id: FieldId) -> Option<usize> {
    registry().tables.get((id.0 as usize).checked_sub(PROTOCOLS)?).map(|&t| t as usize)
}

/// The application protocols that fill it; none where the dissector does.
pub fn apps_of(id: FieldId) -> Vec<&'static str> {
    match proto_of(id) {
        Some(proto) => registry().apps.get(&proto).cloned().unwrap_or_default(),
        None => table_of(id).map(|t| fillers(&TABLES[t])).unwrap_or_default(),
    }
}

/// The application protocols that fill a table: its own, and those that find its protocol inside of others (TLS in QUIC).
fn fillers(table: &Table) -> Vec<&'static str> {
    let Some(app) = table.app else { return Vec::new() };
    let proto = Proto::ALL.iter().find(|p| p.name() == table.prefix);
    let mut apps = proto.and_then(|p| registry().apps.get(p)).cloned().unwrap_or_default();
    if apps.is_empty() || app == table.prefix {
        apps.push(app);
    }
    apps.sort_unstable();
    apps.dedup();
    apps
}

/// The field of a name.
pub fn by_name(name: &str) -> Option<FieldId> {
    // A leading dot marks a field in Wireshark 4.0.
    registry().by_name.get(name.strip_prefix('.').unwrap_or(name)).copied()
}

/// All fields by name, those that begin with `prefix`.
pub fn list(prefix: &str) -> impl Iterator<Item = (FieldId, &'static Field)> {
    let sorted = &registry().sorted;
    let from = sorted.partition_point(|id| field(*id).name < prefix);
    sorted[from..].iter().map(|id| (*id, field(*id))).take_while(move |f| f.1.name.starts_with(prefix))
}

/// Why there is no such field: (a protocol of ours has that first part, nearest name).
pub(crate) fn why_not(name: &str) -> (bool, Option<&'static str>) {
    let r = registry();
    let first = name.split('.').next().unwrap_or(name);
    let known = Proto::ALL.iter().any(|p| p.name() == first) || TABLES.iter().any(|t| t.prefix == first);
    (known && name.contains('.'), hint::nearest(name, r.sorted.iter().map(|id| field(*id).name)))
}

/// Whether the field looks ahead.
pub fn looks_ahead(id: FieldId) -> bool {
    field(id).mark == Mark::LookAhead
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn numbers_and_names_go_together() {
        assert_eq!(field(crate::net::ipv4_fields::TTL).name, "ip.ttl");
        assert_eq!(field(crate::app::dns_fields::QRY_NAME).name, "dns.qry.name");
        assert_eq!(by_name("tcp"), Some(of_proto(Proto::Tcp)));
        assert_eq!(by_name(".tcp"), by_name("tcp"));
        assert_eq!(apps_of(crate::app::dns_fields::QRY_NAME), ["dns"]);
        assert_eq!(apps_of(of_proto(Proto::Mdns)), ["dns"]);
        assert!(apps_of(of_proto(Proto::Tcp)).is_empty());
    }

    #[test]
    fn every_name_is_there_once() {
        let mut seen = HashSet::new();
        for field in TABLES.iter().flat_map(|t| t.fields) {
            assert!(seen.insert(field.name), "{}", field.name);
            assert!(!field.label.is_empty());
        }
    }

    #[test]
    fn listed_by_prefix() {
        let names: Vec<_> = list("ip.f").map(|f| f.1.name).collect();
        assert!(names.contains(&"ip.flags.df") && names.iter().all(|n| n.starts_with("ip.f")));
        assert!(names.is_sorted());
        assert_eq!(list("nothing.like.it").count(), 0);
    }
}
