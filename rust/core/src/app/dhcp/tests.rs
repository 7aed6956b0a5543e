use super::*;
use crate::addr::IpAddr;
use crate::app::message::{Fields, Value};

fn context(src_port: u16, dst_port: u16) -> Context {
    Context {
        frame: 1,
        time_ns: 0,
        src: IpAddr::v4([10, 0, 0, 1]),
        dst: IpAddr::v4([10, 0, 0, 2]),
        src_port,
        dst_port,
        transport: Proto::Udp,
        ttl: 64,
        frame_bytes: 300,
        stream: None,
        detected_by: DetectedBy::Port,
        to_client: false,
        only_in_order: false,
        server_known: false,
        recovered: false,
    }
}

/// A reply for 02:00:00:00:00:09 with these bytes behind the cookie.
fn bootp(op: u8, options: &[u8]) -> Vec<u8> {
    let mut m = vec![0; 236];
    m[..8].copy_from_slice(&[op, 1, 6, 0, 0, 0, 0x12, 0x34]);
    m[16..20].copy_from_slice(&[10, 0, 0, 9]);
    m[28..34].copy_from_slice(&[2, 0, 0, 0, 0, 9]);
    m.extend([99, 130, 83, 99]);
    m.extend(options);
    m
}

fn get<'a>(fields: &'a [(&'static str, Value)], name: &str) -> &'a Value {
    fields.iter().find(|f| f.0 == name).map_or(&Value::None, |f| &f.1)
}

/// `get` through objects.
fn at(value: &Value, path: &[&str]) -> Value {
    path.iter().fold(value.clone(), |v, name| match v {
        Value::Map(f) => get(&f, name).clone(),
        _ => Value::None,
    })
}

/// Value of an option of a DHCPv4 message, and whether it is malformed.
fn option(m: &[u8], code: i64) -> (Value, bool) {
    let fields = v4::fields(&context(67, 68), m);
    let Value::List(all) = get(&fields, "options").clone() else { return (Value::None, false) };
    let found = all.into_iter().find(|o| at(o, &["code"]) == Value::Int(code)).unwrap_or(Value::None);
    (at(&found, &["value"]), at(&found, &["malformed"]) == Value::Bool(true))
}

fn text(s: &str) -> Value {
    Value::Text(s.into())
}

fn texts(all: &[&str]) -> Value {
    Value::List(all.iter().map(|s| text(s)).collect())
}

fn ips(all: &[[u8; 4]]) -> Value {
    Value::List(all.iter().map(|&ip| Value::Ip(IpAddr::v4(ip))).collect())
}

/// One option alone in a message.
fn one(code: u8, data: &[u8]) -> (Value, bool) {
    let mut o = vec![code, data.len() as u8];
    o.extend(data);
    option(&bootp(2, &o), code as i64)
}

#[test]
fn options_by_kind() {
    assert_eq!(one(1, &[255, 255, 255, 0]).0, Value::Ip(IpAddr::v4([255, 255, 255, 0])));
    assert_eq!(one(6, &[9, 9, 9, 9, 8, 8, 8, 8]).0, ips(&[[9, 9, 9, 9], [8, 8, 8, 8]]));
    assert_eq!(one(12, b"laptop\0").0, text("laptop"));
    assert_eq!(one(2, &[0xff, 0xff, 0xf1, 0xf0]).0, Value::Int(-3600));
    assert_eq!(one(51, &[0, 0, 0x0e, 0x10]).0, Value::Int(3600));
    assert_eq!(one(53, &[5]).0, Value::Name("ACK"));
    assert_eq!(one(53, &[99]).0, text("Unknown(99)"));
    assert_eq!(one(55, &[1, 3, 6]).0, Value::List(vec![Value::Int(1), Value::Int(3), Value::Int(6)]));
    assert_eq!(one(60, b"MSFT 5.0").0, text("MSFT 5.0"));
    assert_eq!(one(66, b"tftp.example").0, text("tftp.example"));
    assert_eq!(one(93, &[0, 7]).0, Value::List(vec![Value::Name("x64 UEFI")]));
    assert_eq!(one(94, &[1, 3, 16]).0, text("UNDI 3.16"));
    assert_eq!(one(80, &[]).0, Value::Bool(true));
    assert_eq!(one(1, &[255, 255]), (text("ff:ff"), true));
    assert_eq!(one(6, &[1, 2, 3]), (text("01:02:03"), true));
    assert_eq!(one(12, b"\x1b[31mx").0, text("\\x1b[31mx"));
}

#[test]
fn client_identifiers() {
    assert_eq!(at(&one(61, &[1, 2, 0, 0, 0, 0, 9]).0, &["mac"]), text("02:00:00:00:00:09"));
    // RFC 4361 6.1: type 255, IAID, DUID.
    let v = one(61, &[255, 0, 0, 0, 1, 0, 3, 0, 1, 2, 0, 0, 0, 0, 9]).0;
    assert_eq!(at(&v, &["iaid"]), Value::Int(1));
    assert_eq!(at(&v, &["duid", "link_layer_address"]), text("02:00:00:00:00:09"));
    assert_eq!(at(&one(61, b"\0abc").0, &["text"]), text("abc"));
}

#[test]
fn relay_agent_information() {
    let (Value::List(all), false) = one(82, b"\x01\x04eth0\x02\x03\xff\x00\x01\x05\x04\x0a\x01\x00\x00") else {
        panic!("no list");
    };
    let shown: Vec<_> = all.iter().map(|o| (at(o, &["name"]), at(o, &["value"]))).collect();
    assert_eq!(shown[0], (Value::Name("circuit_id"), text("eth0")));
    assert_eq!(shown[1], (Value::Name("remote_id"), text("ff:00:01")));
    assert_eq!(shown[2], (Value::Name("link_selection"), Value::Ip(IpAddr::v4([10, 1, 0, 0]))));
    assert!(one(82, &[1, 9, 0]).1);
}

#[test]
fn classless_routes_as_in_rfc_3442() {
    // The descriptors of its table for 0/0, 10.0.0.0/8, 10.17.0.0/16, 10.229.0.128/25, each with the router 10.0.0.1.
    let d = [0, 10, 0, 0, 1, 8, 10, 10, 0, 0, 1, 16, 10, 17, 10, 0, 0, 1, 25, 10, 229, 0, 128, 10, 0, 0, 1];
    let expected = texts(&[
        "0.0.0.0/0 via 10.0.0.1",
        "10.0.0.0/8 via 10.0.0.1",
        "10.17.0.0/16 via 10.0.0.1",
        "10.229.0.128/25 via 10.0.0.1",
    ]);
    assert_eq!(one(121, &d).0, expected);
    assert_eq!(one(249, &d).0, expected);
    assert!(one(121, &[33, 1, 2, 3, 4, 5, 10, 0, 0, 1]).1);
}

#[test]
fn domain_search_as_in_rfc_3397() {
    // "eng.apple.com" and "marketing.apple.com", the second with a pointer to byte 4, in two options: section 3.
    let m = bootp(2, b"\x77\x09\x03eng\x05appl\x77\x12e\x03com\x00\x09marketing\xc0\x04");
    assert_eq!(option(&m, 119).0, texts(&["eng.apple.com", "marketing.apple.com"]));
}

#[test]
fn long_options_are_put_together_and_fixed_ones_are_not() {
    let m = bootp(2, b"\x35\x01\x02\x35\x01\x05\x0c\x02ab\x0c\x02cd\xff");
    assert_eq!(option(&m, 53).0, Value::Name("OFFER"));
    assert_eq!(option(&m, 12).0, text("abcd"));
}

#[test]
fn overloaded_fields_hold_options() {
    let mut m = bootp(2, b"\x34\x01\x03\x35\x01\x02\xff");
    m[108..116].copy_from_slice(b"\x0c\x05fileA\xff");
    m[44..52].copy_from_slice(b"\x0f\x05sname\xff");
    assert_eq!(option(&m, 12).0, text("fileA"));
    assert_eq!(option(&m, 15).0, text("sname"));
    let fields = v4::fields(&context(67, 68), &m);
    assert_eq!((get(&fields, "server_name"), get(&fields, "boot_file")), (&Value::None, &Value::None));
    assert_eq!(get(&fields, "malformed"), &Value::None);
    let mut plain = bootp(2, b"\x35\x01\x02\xff");
    plain[44..48].copy_from_slice(b"host");
    assert_eq!(get(&v4::fields(&context(67, 68), &plain), "server_name"), &text("host"));
}

#[test]
fn user_class_and_vendor_options() {
    assert_eq!(one(77, b"\x03abc\x02de").0, texts(&["abc", "de"]));
    assert_eq!(one(77, b"iPXE").0, text("iPXE"));
    let (Value::List(all), false) = one(124, b"\x00\x00\x01\x37\x03\x02ab") else { panic!("no list") };
    assert_eq!(at(&all[0], &["enterprise"]), Value::Int(311));
    let (Value::List(all), false) = one(43, b"\x06\x01\x08\xff") else { panic!("no list") };
    assert_eq!((at(&all[0], &["code"]), at(&all[0], &["value"])), (Value::Int(6), text("08")));
    let v = one(81, b"\x05\x00\x00\x04host\x07example\x00").0;
    assert_eq!(at(&v, &["name"]), text("host.example"));
    assert_eq!(at(&one(81, b"\x00\x00\x00host.example").0, &["name"]), text("host.example"));
}

#[test]
fn ports_and_lengths_as_wireshark_takes_them() {
    let m = bootp(1, b"\x35\x01\x01\xff");
    let shown = |a, b, d: &[u8]| shown_as(&context(a, b), d);
    assert_eq!(shown(68, 67, &m), Some(Proto::Dhcp));
    // A request needs its hardware address, a reply three bytes.
    assert_eq!(shown(68, 67, &m[..33]), None);
    assert_eq!(shown(68, 67, &m[..34]), Some(Proto::Dhcp));
    assert_eq!(shown(67, 68, &[2, 1, 6]), Some(Proto::Dhcp));
    assert_eq!(shown(67, 68, &[2, 1]), None);
    // Port 4011 on either side asks for the cookie.
    assert_eq!(shown(4011, 68, &m[..239]), None);
    assert_eq!(shown(4011, 9000, &m[..240]), Some(Proto::Dhcp));
    assert_eq!(shown(546, 547, &[1]), Some(Proto::Dhcpv6));
    assert_eq!(shown(547, 5000, &[1]), Some(Proto::Dhcpv6));
    assert_eq!(shown(546, 547, &[]), None);
}

#[test]
fn found_by_content_only_where_everything_fits() {
    let dhcp = Dhcp::new(&Limits::default());
    let m = bootp(1, b"\x35\x01\x01\xff");
    assert_eq!(dhcp.probe(Proto::Udp, &m), Probe::Yes);
    assert_eq!(dhcp.probe(Proto::Tcp, &m), Probe::No);
    assert_eq!(dhcp.probe(Proto::Udp, &bootp(1, b"\x35\x01\x63\xff")), Probe::No);
    assert_eq!(dhcp.probe(Proto::Udp, &m[..239]), Probe::No);
}

/// SOLICIT with DUID-LL, elapsed time, option request, IA_NA with an address and IA_PD with a prefix.
fn solicit() -> Vec<u8> {
    let mut m = vec![1, 0xab, 0xcd, 0xef];
    m.extend(b"\0\x01\0\x0a\0\x03\0\x01\x02\0\0\0\0\x09");
    m.extend(b"\0\x08\0\x02\0\x64");
    m.extend(b"\0\x06\0\x04\0\x17\0\x18");
    m.extend(b"\0\x03\0\x28\0\0\0\x01\0\0\x0e\x10\0\0\x15\x18\0\x05\0\x18");
    m.extend([0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 9]);
    m.extend(b"\0\0\x0e\x10\0\0\x1c\x20");
    m.extend(b"\0\x19\0\x29\0\0\0\x02\0\0\0\0\0\0\0\0\0\x1a\0\x19\0\0\x0e\x10\0\0\x1c\x20\x38");
    m.extend([0x20, 1, 0xd, 0xb8, 0xff, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    m
}

fn relayed(inner: &[u8], hops: u8) -> Vec<u8> {
    let mut m = vec![12, hops];
    m.extend([0x20, 1, 0xd, 0xb8, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]);
    m.extend([0xfe, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 9]);
    m.extend([0, 9]);
    m.extend((inner.len() as u16).to_be_bytes());
    m.extend(inner);
    m
}

#[test]
fn dhcpv6_inside_relays() {
    let m = relayed(&relayed(&solicit(), 0), 1);
    let brief = v6::brief(&m);
    let names = Value::List(["RELAY-FORW", "RELAY-FORW", "SOLICIT"].map(Value::Name).to_vec());
    assert_eq!(get(&brief, "types"), &names);
    assert_eq!(get(&brief, "xid"), &Value::Int(0xabcdef));
    assert_eq!(get(&brief, "client"), &text("00:03:00:01:02:00:00:00:00:09"));
    assert_eq!(get(&brief, "mac"), &text("02:00:00:00:00:09"));
    assert_eq!(get(&brief, "fingerprint"), &text("23,24"));
    assert_eq!(get(&brief, "malformed"), &Value::Bool(false));
    let Value::List(held) = get(&brief, "addresses") else { panic!("no list") };
    let shown: Vec<_> = held.iter().map(|a| (at(a, &["address"]), at(a, &["valid"]), at(a, &["kind"]))).collect();
    assert_eq!(shown[0], (text("2001:db8::9"), Value::Int(7200), Value::Name("IA_NA")));
    assert_eq!(shown[1], (text("2001:db8:ff00::/56"), Value::Int(7200), Value::Name("IA_PD")));
    let fields = v6::fields(&context(546, 547), &m);
    assert_eq!(get(&fields, "message_type"), &Value::Name("SOLICIT"));
    let Value::List(relays) = get(&fields, "relays") else { panic!("no list") };
    assert_eq!((relays.len(), at(&relays[1], &["hops"])), (2, Value::Int(0)));
    assert_eq!(get(&fields, "malformed"), &Value::None);
}

#[test]
fn deep_nesting_ends() {
    let mut m = solicit();
    for _ in 0..200 {
        m = relayed(&m, 0);
    }
    let Value::List(relays) = get(&v6::fields(&context(546, 547), &m), "relays").clone() else { panic!("no list") };
    assert_eq!(relays.len(), 64);
    // Client data inside client data ...
    let mut o: Vec<u8> = Vec::new();
    for _ in 0..3000 {
        let mut outer = vec![0, 45];
        outer.extend((o.len() as u16).to_be_bytes());
        outer.extend(&o);
        o = outer;
    }
    let mut m = vec![15, 0, 0, 1];
    m.extend(o);
    assert!(!v6::fields(&context(546, 547), &m).is_empty());
}

#[test]
fn duids() {
    // RFC 8415 11.2: hardware type 1, 200 s; RFC 6355: the UUID in network order.
    let llt = duid::value(&[0, 1, 0, 1, 0, 0, 0, 200, 2, 0, 0, 0, 0, 9]);
    assert_eq!((at(&llt, &["time"]), at(&llt, &["link_layer_address"])), (Value::Int(200), text("02:00:00:00:00:09")));
    let en = duid::value(&[0, 2, 0, 0, 0x01, 0x37, 0xaa, 0xbb]);
    assert_eq!((at(&en, &["enterprise"]), at(&en, &["identifier"])), (Value::Int(311), text("aa:bb")));
    let mut d = vec![0, 4];
    d.extend(0u8..16);
    assert_eq!(at(&duid::value(&d), &["uuid"]), text("00010203-0405-0607-0809-0a0b0c0d0e0f"));
    assert_eq!(at(&duid::value(&[0]), &["malformed"]), Value::Bool(true));
}

/// All that can be done with a payload.
fn all_of(data: &[u8]) -> (Fields, Fields) {
    let c = context(67, 68);
    let mut dhcp = Dhcp::new(&Limits::default());
    let mut out = Output::default();
    let _ = dhcp.probe(Proto::Udp, data);
    dhcp.datagram(&c, data, &mut out);
    dhcp.datagram(&context(546, 547), data, &mut out);
    (v4::fields(&c, data), v6::fields(&c, data))
}

#[test]
fn every_cut_and_every_flipped_byte_is_survived() {
    let mut everything = Vec::new();
    for code in 1..=254u8 {
        everything.extend([code, 9, 0, 1, 2, 0, 0, 4, 0, 3, 5]);
    }
    let mut every6 = vec![7, 0, 0, 1];
    for code in 0..=150u8 {
        every6.extend([0, code, 0, 30]);
        every6.extend(0..30u8);
    }
    for m in [bootp(2, b"\x34\x01\x03\x35\x01\x05\x0c\x03abc\x79\x05\x00\x0a\x00\x00\x01\xff"), relayed(&solicit(), 1)]
    {
        for cut in 0..=m.len() {
            all_of(&m[..cut]);
        }
        for at in 0..m.len() {
            for value in [0, 1, 2, 127, 128, 255] {
                let mut hurt = m.clone();
                hurt[at] = value;
                all_of(&hurt);
            }
        }
    }
    let m = bootp(2, &everything);
    for cut in (0..m.len()).step_by(7) {
        all_of(&m[..cut]);
    }
    for cut in (0..every6.len()).step_by(7) {
        all_of(&every6[..cut]);
    }
}
