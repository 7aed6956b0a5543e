use super::*;
use crate::addr::IpAddr;
use crate::app::DetectedBy;
use crate::app::message::{Fields, row};

const HOST: [u8; 4] = [10, 0, 0, 1];
const OTHER: [u8; 4] = [10, 0, 0, 2];
const ROUTER: [u8; 4] = [10, 0, 0, 254];

fn v6(last: u8) -> IpAddr {
    let mut bytes = [0; 16];
    bytes[0] = 0xfe;
    bytes[1] = 0x80;
    bytes[15] = last;
    IpAddr::v6(bytes)
}

fn context(frame: u64, time_ns: i64, src: IpAddr, dst: IpAddr) -> Context {
    Context {
        frame,
        time_ns,
        src,
        dst,
        src_port: 0,
        dst_port: 0,
        transport: if src.v6 { Proto::Icmpv6 } else { Proto::Icmp },
        ttl: 64,
        frame_bytes: 98,
        stream: None,
        to_client: false,
        detected_by: DetectedBy::Port,
        only_in_order: false,
        server_known: false,
        recovered: false,
    }
}

/// RFC 1071, over a message and, for ICMPv6, its pseudo-header.
fn checksum(data: &[u8], ends: Option<(IpAddr, IpAddr)>) -> u16 {
    let mut sum: u32 = data.chunks(2).map(|c| u32::from(c[0]) << 8 | u32::from(*c.get(1).unwrap_or(&0))).sum();
    if let Some((a, b)) = ends {
        let words = [a.bytes, b.bytes];
        sum += words.iter().flat_map(|w| w.chunks(2)).map(|c| u32::from(c[0]) << 8 | u32::from(c[1])).sum::<u32>();
        sum += data.len() as u32 + 58;
    }
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    !(sum as u16)
}

fn echo(kind: u8, id: u16, seq: u16, data: &[u8], ends: Option<(IpAddr, IpAddr)>) -> Vec<u8> {
    let mut m = vec![kind, 0, 0, 0];
    m.extend(id.to_be_bytes());
    m.extend(seq.to_be_bytes());
    m.extend(data);
    let sum = checksum(&m, ends).to_be_bytes();
    m[2..4].copy_from_slice(&sum);
    m
}

/// Feeds messages of [`Icmp`] as the engine does.
struct Pass {
    app: Icmp,
    frame: u64,
}

impl Pass {
    fn new(limits: &Limits) -> Self {
        Self { app: Icmp::new(limits), frame: 0 }
    }

    fn at(&mut self, time_ms: i64, src: IpAddr, dst: IpAddr, ttl: u8, m: &[u8]) {
        self.frame += 1;
        let ctx = Context { ttl, ..context(self.frame, time_ms * 1_000_000, src, dst) };
        let header = Header { v6: src.v6, wire: m.len() as u32, ..Header::default() };
        self.app.icmp(&ctx, &header, m, &Layers::default(), &mut Output::default());
        if let Some(first) = m.first_chunk::<8>().filter(|_| ttl <= self.app.low_ttl()) {
            self.app.low_ttl_packet(&ctx, if src.v6 { 58 } else { 1 }, *first);
        }
    }

    fn v4(&mut self, time_ms: i64, src: [u8; 4], dst: [u8; 4], m: &[u8]) {
        self.at(time_ms, IpAddr::v4(src), IpAddr::v4(dst), 64, m);
    }

    fn found(&self, name: &str) -> Value {
        get(&self.app.report().unwrap().value(), name)
    }
}

fn get(value: &Value, path: &str) -> Value {
    let Value::Map(fields) = value else { panic!("no map at {path}: {value:?}") };
    let (name, rest) = path.split_once('.').map_or((path, None), |(a, b)| (a, Some(b)));
    let found = fields.iter().find(|f| f.0 == name).map(|f| f.1.clone());
    let found = found.unwrap_or_else(|| panic!("no {name} in {fields:?}"));
    rest.map_or(found.clone(), |rest| get(&found, rest))
}

fn rows(value: Value) -> Vec<Vec<Value>> {
    let Value::List(all) = get(&value, "rows") else { panic!() };
    all.into_iter().map(|r| if let Value::List(r) = r { r } else { panic!() }).collect()
}

fn decoded(src: IpAddr, m: &[u8]) -> Fields {
    let kept = [&Extra { wire: m.len() as u32, ..Extra::default() }.bytes()[..], m].concat();
    message::fields(&context(1, 0, src, src), &kept)
}

#[test]
fn echo_pairs_by_hosts_identifier_sequence_and_payload() {
    let mut pass = Pass::new(&Limits::default());
    pass.v4(0, HOST, OTHER, &echo(8, 7, 1, b"abcd", None));
    pass.v4(10, OTHER, HOST, &echo(0, 7, 1, b"abcd", None));
    pass.v4(12, OTHER, HOST, &echo(0, 7, 1, b"abcd", None));
    pass.v4(20, HOST, OTHER, &echo(8, 7, 2, b"abcd", None));
    pass.v4(50, OTHER, HOST, &echo(0, 7, 2, b"xxxx", None));
    pass.v4(60, HOST, OTHER, &echo(8, 8, 1, b"", None));
    pass.v4(61, HOST, ROUTER, &echo(8, 7, 1, b"abcd", None));
    let echo = pass.found("icmp.echo");
    for (name, n) in [("requests", 4u64), ("replies", 3), ("answered", 1), ("unanswered.count", 3)] {
        assert_eq!(get(&echo, name), n.into(), "{name}");
    }
    assert_eq!(get(&echo, "response_time.min_ns"), 10_000_000i64.into());
    assert_eq!(get(&echo, "duplicate_replies.count"), 1u64.into());
    assert_eq!(get(&echo, "unmatched_replies.count"), 1u64.into());
    assert_eq!(get(&echo, "unanswered.frames"), row![4u64, 6u64, 7u64]);
    assert_eq!(get(&echo, "sessions"), 3u64.into());
    let pairs = rows(get(&echo, "pairs"));
    assert_eq!(pairs.len(), 2);
    let ids = vec![Value::from(7u16), 8u16.into()];
    assert_eq!(pairs[0][2..8], [ids.into(), 3u64.into(), 1u64.into(), 3u64.into(), 1u64.into(), 1u64.into()]);
}

#[test]
fn the_checksum_carries_over_in_any_sum() {
    // Every sum, those at the edges of one's complement too.
    for filler in (0..0x1000).chain((0x1000..0xf000).step_by(257)).chain(0xf000..=u16::MAX) {
        let data = filler.to_be_bytes();
        let mut pass = Pass::new(&Limits { max_kept_messages: 0, ..Limits::default() });
        pass.v4(0, HOST, OTHER, &echo(8, 1, 1, &data, None));
        pass.v4(1, OTHER, HOST, &echo(0, 1, 1, &data, None));
        let (a, b) = (v6(1), v6(2));
        pass.at(0, a, b, 64, &echo(128, 1, 1, &data, Some((a, b))));
        pass.at(1, b, a, 64, &echo(129, 1, 1, &data, Some((a, b))));
        assert_eq!(pass.found("icmp.echo.answered"), 1u64.into(), "{filler:#x}");
        assert_eq!(pass.found("icmpv6.echo.answered"), 1u64.into(), "{filler:#x}");
    }
}

#[test]
fn what_is_sent_to_a_group_is_answered_by_its_members() {
    let mut pass = Pass::new(&Limits::default());
    let all = IpAddr::v6([0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]);
    pass.at(0, v6(1), all, 1, &echo(128, 5, 1, b"", Some((v6(1), all))));
    pass.at(1, v6(2), v6(1), 64, &echo(129, 5, 1, b"", Some((v6(2), v6(1)))));
    let echo = pass.found("icmpv6.echo");
    assert_eq!(get(&echo, "unanswered.count"), 1u64.into());
    assert_eq!(get(&echo, "replies_to_group.count"), 1u64.into());
    assert_eq!(get(&echo, "unmatched_replies.count"), 0u64.into());
}

/// An IPv4 packet of 20 bytes of header, as an error quotes it.
fn quoted(protocol: u8, src: [u8; 4], dst: [u8; 4], first: &[u8]) -> Vec<u8> {
    let mut p = vec![0x45, 0, 0, 60, 0, 1, 0, 0, 1, protocol, 0, 0];
    p.extend(src);
    p.extend(dst);
    p.extend(first);
    p
}

fn exceeded(quote: &[u8]) -> Vec<u8> {
    [&[11, 0, 0, 0, 0, 0, 0, 0], quote].concat()
}

#[test]
fn a_traceroute_has_its_hops_in_order() {
    let mut pass = Pass::new(&Limits::default());
    let (host, other) = (IpAddr::v4(HOST), IpAddr::v4(OTHER));
    // The probes are sent at once; the answers come in any order.
    let probes: Vec<_> = (1..=3u16).map(|n| echo(8, 9, n, b"probe", None)).collect();
    for (n, probe) in probes.iter().enumerate() {
        pass.at(n as i64, host, other, n as u8 + 1, probe);
    }
    pass.v4(30, [10, 0, 2, 1], HOST, &exceeded(&quoted(1, HOST, OTHER, &probes[1])));
    pass.v4(40, ROUTER, HOST, &exceeded(&quoted(1, HOST, OTHER, &probes[0])));
    pass.at(52, other, host, 61, &echo(0, 9, 3, b"probe", None));
    let paths = rows(pass.found("icmp.paths"));
    assert_eq!(paths.len(), 1);
    assert_eq!(paths[0][..5], [host.into(), other.into(), "icmp".into(), 3u8.into(), 2u64.into()]);
    let hop = |n: u8, router: [u8; 4], ms: i64, frame: u64| -> Value {
        let ns = Value::from(ms * 1_000_000);
        let mean = Value::Float(ms as f64 * 1e6);
        let at = vec![IpAddr::v4(router).into(), 1u64.into(), ns.clone(), mean, ns, frame.into()];
        row![n, vec![Value::List(at)]]
    };
    let hops = vec![hop(1, ROUTER, 40, 5), hop(2, [10, 0, 2, 1], 29, 4), hop(3, OTHER, 50, 6)];
    assert_eq!(paths[0][8], hops.into());
}

#[test]
fn a_router_quoting_a_packet_nobody_saw_has_no_distance() {
    let mut pass = Pass::new(&Limits::default());
    pass.v4(0, ROUTER, HOST, &exceeded(&quoted(17, HOST, OTHER, &[0x80, 0, 0x82, 0x9b, 0, 12, 0, 0])));
    let paths = rows(pass.found("icmp.paths"));
    assert_eq!(paths[0][3], Value::None);
    let Value::List(hops) = &paths[0][8] else { panic!() };
    let Value::List(hop) = &hops[0] else { panic!() };
    assert_eq!(hop[0], Value::None);
    let errors = rows(pass.found("icmp.errors"));
    let name = vec![11u8.into(), 0u8.into(), "Time Exceeded".into(), "Time to Live Exceeded in Transit".into()];
    assert_eq!(errors[0][0], Value::List(name));
    assert_eq!(errors[0][3..7], [0x8000u16.into(), IpAddr::v4(OTHER).into(), 0x829bu16.into(), "udp".into()]);
}

#[test]
fn errors_say_what_they_quote() {
    let mut m = vec![3, 4, 0, 0, 0, 32, 0x05, 0x14];
    m.extend(quoted(6, HOST, OTHER, &[0xc0, 0, 1, 0xbb, 0, 0, 0, 9]));
    m.resize(8 + 128, 0);
    // RFC 4950: one MPLS label, 16004, bottom of the stack, TTL 1.
    m.extend([0x20, 0, 0, 0, 0, 8, 1, 1, 0x03, 0xe8, 0x41, 0x01]);
    let found = Value::Map(decoded(IpAddr::v4(ROUTER), &m));
    assert_eq!(get(&found, "type_name"), "Destination Unreachable".into());
    assert_eq!(get(&found, "code_name"), "Fragmentation Needed and Don't Fragment was Set".into());
    assert_eq!(get(&found, "mtu"), 1300u16.into());
    for (name, value) in [
        ("src", Value::from(IpAddr::v4(HOST))),
        ("dst", IpAddr::v4(OTHER).into()),
        ("protocol", "tcp".into()),
        ("src_port", 49152u16.into()),
        ("dst_port", 443u16.into()),
        ("length", 60u32.into()),
    ] {
        assert_eq!(get(&found, &format!("original.{name}")), value, "{name}");
    }
    let Value::List(extensions) = get(&found, "extensions") else { panic!() };
    let Value::List(labels) = get(&extensions[0], "labels") else { panic!() };
    assert_eq!(get(&labels[0], "label"), 16004u32.into());
    assert_eq!(get(&labels[0], "bottom"), true.into());
    assert_eq!(get(&labels[0], "ttl"), 1u32.into());
}

#[test]
fn interface_information_of_rfc_5837() {
    let mut m = vec![11, 0, 0, 0, 0, 32, 0, 0];
    m.extend(quoted(17, HOST, OTHER, &[0; 8]));
    m.resize(8 + 128, 0);
    // Outgoing interface: index, IPv4 address, name of 7 bytes with its length byte and padding, MTU.
    let mut object = vec![0, 28, 2, 0b1000_1111, 0, 0, 0, 12, 0, 1, 0, 0, 192, 0, 2, 1];
    object.extend(b"\x08eth0/1\0");
    object.extend(1500u32.to_be_bytes());
    m.extend([0x20, 0, 0, 0]);
    m.extend(object);
    let found = Value::Map(decoded(IpAddr::v4(ROUTER), &m));
    let Value::List(extensions) = get(&found, "extensions") else { panic!() };
    assert_eq!(get(&extensions[0], "role"), "outgoing".into());
    assert_eq!(get(&extensions[0], "index"), 12u32.into());
    assert_eq!(get(&extensions[0], "address"), IpAddr::v4([192, 0, 2, 1]).into());
    assert_eq!(get(&extensions[0], "name"), Value::Text("eth0/1".into()));
    assert_eq!(get(&extensions[0], "mtu"), 1500u32.into());
}

#[test]
fn a_router_advertisement_with_its_options() {
    let mut m = vec![134, 0, 0, 0, 64, 0x88, 7, 8, 0, 0, 0, 0, 0, 0, 0, 0];
    m.extend([1, 1, 2, 0, 0, 0, 0, 1]);
    m.extend([5, 1, 0, 0, 0, 0, 5, 220]);
    m.extend([3, 4, 64, 0xc0, 0, 0, 14, 16, 0, 0, 7, 8, 0, 0, 0, 0]);
    m.extend(v6(0).bytes);
    m.extend([25, 3, 0, 0, 0, 0, 0, 60]);
    m.extend(v6(53).bytes);
    m.extend([31, 3, 0, 0, 0, 0, 0, 60]);
    m.extend(b"\x03lan\x07example\0\0\0\0");
    let found = Value::Map(decoded(v6(1), &m));
    assert_eq!(get(&found, "router_lifetime_s"), 1800u16.into());
    assert_eq!(get(&found, "managed"), true.into());
    assert_eq!(get(&found, "preference"), "high".into());
    let Value::List(options) = get(&found, "options") else { panic!() };
    assert_eq!(get(&options[0], "address"), Value::Text("02:00:00:00:00:01".into()));
    assert_eq!(get(&options[1], "mtu"), 1500u32.into());
    assert_eq!(get(&options[2], "prefix_length"), 64u8.into());
    assert_eq!(get(&options[2], "valid_lifetime_s"), 3600u32.into());
    assert_eq!(get(&options[2], "preferred_lifetime_s"), 1800u32.into());
    assert_eq!(get(&options[3], "addresses"), row![v6(53)]);
    assert_eq!(get(&options[4], "names"), vec![Value::Text("lan.example".into())].into());
}

#[test]
fn neighbours_and_listeners_are_listed() {
    let mut pass = Pass::new(&Limits::default());
    let solicitation = [&[135, 0, 0, 0, 0, 0, 0, 0], &v6(9).bytes[..]].concat();
    let advertisement =
        |mac: u8| [&[136, 0, 0, 0, 0x60, 0, 0, 0], &v6(9).bytes[..], &[2, 1, 2, 0, 0, 0, 0, mac]].concat();
    pass.at(0, v6(1), v6(9), 255, &solicitation);
    pass.at(1, v6(9), v6(1), 255, &advertisement(9));
    pass.at(2, v6(66), v6(1), 255, &advertisement(0x66));
    let rows_of = |pass: &Pass, name: &str| rows(pass.found(name));
    let neighbour = &rows_of(&pass, "icmpv6.neighbours")[0];
    assert_eq!(neighbour[..3], [v6(9).into(), 1u64.into(), 2u64.into()]);
    let mac = |text: &str, frame: u64| Value::List(vec![Value::Text(text.into()), frame.into()]);
    assert_eq!(neighbour[4], vec![mac("02:00:00:00:00:09", 2), mac("02:00:00:00:00:66", 3)].into());
    let group = IpAddr::v6([0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xfb]);
    // Version 2: one group joined, one left.
    let mut report = vec![143, 0, 0, 0, 0, 0, 0, 2, 4, 0, 0, 0];
    report.extend(group.bytes);
    report.extend([3, 0, 0, 0]);
    report.extend(v6(7).bytes);
    pass.at(3, v6(1), group, 1, &report);
    let members = rows_of(&pass, "icmpv6.members");
    assert_eq!(members.len(), 1);
    assert_eq!(members[0][0], Value::List(vec![v6(1).into(), group.into()]));
    assert_eq!(pass.found("icmpv6.not_on_link.count"), 0u64.into());
    pass.at(4, v6(9), v6(1), 63, &advertisement(9));
    assert_eq!(pass.found("icmpv6.not_on_link.count"), 1u64.into());
}

#[test]
fn forgotten_requests_stay_counted() {
    let limits = Limits { max_icmp_pending: 10, ..Limits::default() };
    let mut pass = Pass::new(&limits);
    for seq in 0..100 {
        pass.v4(0, HOST, OTHER, &echo(8, 1, seq, b"", None));
    }
    pass.v4(1, OTHER, HOST, &echo(0, 1, 99, b"", None));
    pass.v4(1, OTHER, HOST, &echo(0, 1, 1, b"", None));
    let echo = pass.found("icmp.echo");
    assert_eq!(get(&echo, "unanswered.count"), 99u64.into());
    assert_eq!(get(&echo, "unanswered.frames"), (1..=20u64).map(Value::from).collect::<Vec<_>>().into());
    assert_eq!(get(&echo, "unmatched_replies.count"), 1u64.into());
    assert_eq!(get(&echo, "forgotten"), 90u64.into());
}

#[test]
fn parts_add_up_to_the_whole() {
    let send = |pass: &mut Pass, n: u8| {
        pass.frame = u64::from(n) * 100;
        for seq in 0..5 {
            pass.v4(i64::from(n) * 5, [10, 0, 1, n], OTHER, &echo(8, 1, seq, b"data", None));
            pass.v4(i64::from(n) * 5 + 2 + i64::from(seq), OTHER, [10, 0, 1, n], &echo(0, 1, seq, b"data", None));
        }
        pass.v4(70, ROUTER, [10, 0, 1, n], &exceeded(&quoted(17, [10, 0, 1, n], OTHER, &[n; 8])));
    };
    let mut whole = Pass::new(&Limits::default());
    let mut parts = [Pass::new(&Limits::default()), Pass::new(&Limits::default())];
    for n in 1..7 {
        send(&mut whole, n);
        send(&mut parts[usize::from(n % 2)], n);
    }
    let merged = parts[0].app.report().unwrap().merge(&*parts[1].app.report().unwrap()).unwrap();
    let mut expected = whole.app.report().unwrap().value();
    let mut found = merged.value();
    // One host was asked by all: its busiest second is not known of parts.
    for value in [&mut expected, &mut found] {
        let Value::Map(all) = value else { panic!() };
        let Value::Map(icmp) = &mut all[0].1 else { panic!() };
        icmp.retain(|f| !matches!(f.0, "sources" | "destinations"));
    }
    assert_eq!(found, expected);
}

#[test]
fn every_cut_and_every_flipped_byte_survives() {
    let ends = Some((v6(1), v6(2)));
    let mut ra = vec![134, 0, 0, 0, 64, 0xc0, 7, 8, 0, 0, 0, 0, 0, 0, 0, 0];
    ra.extend([3, 4, 64, 0xc0, 0, 0, 14, 16, 0, 0, 7, 8, 0, 0, 0, 0]);
    ra.extend(v6(0).bytes);
    ra.extend([31, 3, 0, 0, 0, 0, 0, 60]);
    ra.extend(b"\x03lan\x07example\0\0\0\0");
    ra.extend([24, 2, 64, 8, 0, 0, 0, 60, 0xfe, 0x80, 0, 0, 0, 0, 0, 0]);
    ra.extend([38, 2, 0, 0, 0, 0x64, 0xff, 0x9b, 0, 0, 0, 0, 0, 0, 0, 0]);
    let mut error = exceeded(&quoted(6, HOST, OTHER, &[1, 2, 3, 4, 5, 6, 7, 8]));
    error[5] = 32;
    error.resize(136, 0);
    error.extend([0x20, 0, 0, 0, 0, 8, 1, 1, 0x03, 0xe8, 0x41, 0x01, 0, 28, 2, 0x8f, 0, 0, 0, 12, 0, 1, 0, 0]);
    error.extend(b"\xc0\0\x02\x01\x08eth0/1\0\0\0\x05\xdc");
    let mut mld = vec![143, 0, 0, 0, 0, 0, 0, 1, 1, 1, 0, 1];
    mld.extend([v6(3).bytes, v6(4).bytes].concat());
    mld.extend([0; 4]);
    let mut v6_error = vec![2, 0, 0, 0, 0, 0, 5, 0, 0x60, 0, 0, 0, 0, 20, 44, 1];
    v6_error.extend([v6(1).bytes, v6(2).bytes].concat());
    v6_error.extend([17, 0, 0, 1, 0, 0, 0, 1, 0, 53, 0, 53, 0, 8, 0, 0]);
    let mut redirect = vec![137, 0, 0, 0, 0, 0, 0, 0];
    redirect.extend([v6(1).bytes, v6(2).bytes].concat());
    redirect.extend([4, 7, 0, 0, 0, 0, 0, 0]);
    redirect.extend(&v6_error[8..56]);
    let advertisement = [9, 0, 0, 0, 2, 2, 7, 8, 10, 0, 0, 1, 0, 0, 0, 5, 10, 0, 0, 2, 0x80, 0, 0, 0];
    let messages: Vec<(IpAddr, Vec<u8>)> = vec![
        (IpAddr::v4(HOST), echo(8, 1, 1, &[9; 60], None)),
        (IpAddr::v4(HOST), error),
        (IpAddr::v4(HOST), advertisement.to_vec()),
        (IpAddr::v4(HOST), vec![13, 0, 0, 0, 0, 1, 0, 1, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3]),
        (v6(1), echo(128, 1, 1, &[9; 60], ends)),
        (v6(1), ra),
        (v6(1), mld),
        (v6(1), v6_error),
        (v6(1), redirect),
    ];
    let mut pass = Pass::new(&Limits::default());
    for (src, m) in &messages {
        for cut in 0..=m.len() {
            pass.at(0, *src, *src, 1, &m[..cut]);
            decoded(*src, &m[..cut]);
        }
        for at in 0..m.len() {
            for byte in [0, 1, 0x7f, 0x80, 0xff, m[at] ^ 0x10] {
                let mut bent = m.clone();
                bent[at] = byte;
                pass.at(0, *src, *src, 1, &bent);
                decoded(*src, &bent);
            }
        }
    }
    for kind in 0..=255 {
        for length in [2, 8, 24, 40, 64] {
            let mut m = vec![0xff; length];
            m[0] = kind;
            for src in [IpAddr::v4(HOST), v6(1)] {
                decoded(src, &m);
                pass.at(0, src, src, 1, &m);
            }
        }
    }
    assert!(matches!(pass.app.report().unwrap().value(), Value::Map(all) if all.len() == 2));
    assert!(pass.app.kept().unwrap().page(None, 0, usize::MAX).len() > 1000);
}
