use super::*;
use crate::addr::IpAddr;

fn context(frame: u64, time_ns: i64, query: bool) -> Context {
    let (client, server) = ((IpAddr::v4([10, 0, 0, 1]), 4000), (IpAddr::v4([10, 0, 0, 53]), 53));
    let (src, dst) = if query { (client, server) } else { (server, client) };
    Context {
        frame,
        time_ns,
        src: src.0,
        dst: dst.0,
        src_port: src.1,
        dst_port: dst.1,
        transport: Proto::Udp,
        ttl: 64,
        frame_bytes: 80,
        stream: None,
        detected_by: DetectedBy::Port,
        to_client: false,
        only_in_order: false,
        server_known: false,
        recovered: false,
    }
}

fn message(id: u8, response: bool, rcode: u8) -> Vec<u8> {
    let mut m = vec![0, id, if response { 0x81 } else { 1 }, rcode, 0, 1, 0, 0, 0, 0, 0, 0];
    m.extend(b"\x03www\x07example\x03com\x00\x00\x01\x00\x01");
    m
}

fn get(dns: &Dns, key: &str) -> String {
    let Some(Value::Map(all)) = dns.report().map(|r| r.value()) else { return String::new() };
    let Some((_, Value::Map(one))) = all.into_iter().find(|f| f.0 == "dns") else { return String::new() };
    one.into_iter().find(|f| f.0 == key).map_or(String::new(), |f| format!("{:?}", f.1))
}

#[test]
fn queries_are_paired_by_ends_and_identification() {
    let mut dns = Dns::new(&Limits::default());
    let mut out = Output::default();
    let second = 1_000_000_000;
    let mut put = |frame, time, m: Vec<u8>| {
        let query = m[2] & 0x80 == 0;
        assert!(dns.datagram(&context(frame, time, query), &m, &mut out));
    };
    put(1, 0, message(1, false, 0));
    put(2, 2 * second, message(1, false, 0)); // within 5 s, no answer yet: repeated
    put(3, 3 * second, message(1, true, 3)); // answers frame 1
    put(4, 4 * second, message(1, true, 3)); // once more
    put(5, 5 * second, message(2, true, 0)); // nobody asked
    put(6, 6 * second, message(3, false, 0)); // never answered
    put(7, 12 * second, message(3, false, 0)); // after 5 s: a new question
    assert_eq!(get(&dns, "queries"), "Int(4)");
    assert_eq!(get(&dns, "responses"), "Int(3)");
    assert!(get(&dns, "retransmitted_queries").contains("[Int(2)]"));
    assert!(get(&dns, "duplicate_responses").contains("[Int(4)]"));
    assert!(get(&dns, "unsolicited_responses").contains("[Int(5)]"));
    assert!(get(&dns, "unanswered").contains("(\"count\", Int(2))"));
    assert!(get(&dns, "response_time").contains("(\"min_ns\", Int(3000000000))"));
    assert!(get(&dns, "nxdomain_names").contains("www.example.com"));
}

#[test]
fn other_ports_need_a_message_that_fills_the_payload() {
    let dns = Dns::new(&Limits::default());
    assert_eq!(dns.probe(Proto::Udp, &message(1, false, 0)), Probe::Yes);
    let mut longer = message(1, false, 0);
    longer.push(0);
    assert_eq!(dns.probe(Proto::Udp, &longer), Probe::No);
    assert_eq!(dns.probe(Proto::Udp, &[0; 64]), Probe::No);
}

#[test]
fn stream_messages_have_a_length_in_front() {
    let mut dns = Dns::new(&Limits::default());
    let mut out = Output::default();
    let m = message(1, false, 0);
    let mut data = vec![0, m.len() as u8];
    data.extend(&m);
    let mut c = context(1, 0, true);
    c.transport = Proto::Tcp;
    assert_eq!(dns.stream(&c, &data[..1], &mut out), Step::Need(2));
    assert_eq!(dns.stream(&c, &data[..20], &mut out), Step::Need(data.len()));
    assert_eq!(dns.stream(&c, &data, &mut out), Step::Consumed(data.len()));
    assert_eq!(get(&dns, "over_tcp"), "Int(1)");
}

#[test]
fn netbios_names_are_decoded() {
    let mut m = vec![0; 12];
    m.extend(b"\x20FHEPFCELEHFCEPFFFACACACACACACABN\x00"); // RFC 1001-style, "WORKGROUP" and type 0x1d
    assert_eq!(nbns_name(&m, 12), Value::Text("WORKGROUP<1d>".into()));
}

#[test]
fn any_bytes_are_survived() {
    let mut dns = Dns::new(&Limits::default());
    let mut out = Output::default();
    let mut m = message(1, true, 0);
    m.extend([0xc0, 12, 0, 6, 0, 1, 0, 0, 0, 9, 0, 30]);
    m[7] = 1;
    for i in 0..m.len() {
        for v in [0, 1, 0x3f, 0xc0, 0xff] {
            let mut bad = m.clone();
            bad[i] = v;
            dns.datagram(&context(1, 0, false), &bad, &mut out);
            dns.datagram(&context(1, 0, false), &bad[..i], &mut out);
            let _ = fields(&context(1, 0, false), &bad);
            let _ = nbns_fields(&context(1, 0, false), &bad[..i]);
        }
    }
}
