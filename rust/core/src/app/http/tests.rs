//! Conversations as they come, and what is counted of them.

use super::*;
use crate::addr::IpAddr;
use crate::app::DetectedBy;

/// Two ends and the bytes each has sent, handed over as the core does.
struct Talk {
    http: Http,
    frame: u64,
    found: Vec<(u64, Proto)>,
    pending: [Vec<u8>; 2],
    need: [usize; 2],
    skip: [usize; 2],
    port: u16,
    detected_by: DetectedBy,
    /// The frames pass the filter of the pass.
    counts: bool,
}

impl Talk {
    fn new() -> Self {
        Self {
            http: Http::new(&Limits::default()),
            frame: 0,
            found: Vec::new(),
            pending: Default::default(),
            need: [0; 2],
            skip: [0; 2],
            port: 80,
            detected_by: DetectedBy::Port,
            counts: true,
        }
    }

    fn context(&self, to_client: bool) -> Context {
        let (client, server) = ((IpAddr::v4([10, 0, 0, 1]), 40_000), (IpAddr::v4([10, 0, 0, 2]), self.port));
        let (from, to) = if to_client { (server, client) } else { (client, server) };
        Context {
            frame: self.frame,
            time_ns: self.frame as i64 * 1_000_000,
            src: from.0,
            dst: to.0,
            src_port: from.1,
            dst_port: to.1,
            transport: Proto::Tcp,
            ttl: 64,
            frame_bytes: 0,
            stream: Some(0),
            to_client,
            detected_by: self.detected_by,
            only_in_order: false,
            server_known: false,
            recovered: false,
        }
    }

    fn output(&self) -> Output {
        Output { passed_over: !self.counts, ..Output::watched() }
    }

    fn note(&mut self, out: &Output) {
        let found: Vec<Proto> = out.protocols.iter().copied().collect();
        self.found.extend(found.into_iter().map(|p| (self.frame, p)));
        self.found.dedup();
    }

    /// A segment, 1 ms behind the one before it.
    fn send(&mut self, to_client: bool, data: &[u8]) -> &mut Self {
        self.frame += 1;
        let (c, at, mut out) = (self.context(to_client), to_client as usize, self.output());
        let skipped = self.skip[at].min(data.len());
        self.skip[at] -= skipped;
        if skipped > 0 && self.skip[at] == 0 {
            self.http.skipped(&c, &mut out);
        }
        self.pending[at].extend_from_slice(&data[skipped..]);
        while !self.pending[at].is_empty() && self.pending[at].len() >= self.need[at] {
            let data = std::mem::take(&mut self.pending[at]);
            match self.http.stream(&c, &data, &mut out) {
                Step::Consumed(n) => {
                    assert!(n > 0);
                    self.need[at] = 0;
                    self.skip[at] = n.saturating_sub(data.len());
                    self.pending[at] = data[n.min(data.len())..].to_vec();
                }
                Step::Need(n) => {
                    assert!(n > data.len());
                    (self.need[at], self.pending[at]) = (n, data);
                }
                Step::Lost | Step::Pass => panic!("given up"),
            }
        }
        self.note(&out);
        self
    }
    fn ask(&mut self, data: &str) -> &mut Self {
        self.send(false, data.as_bytes())
    }
    fn tell(&mut self, data: &str) -> &mut Self {
        self.send(true, data.as_bytes())
    }
    fn fin(&mut self, to_client: bool) -> &mut Self {
        self.frame += 1;
        let mut out = self.output();
        self.http.closed(&self.context(to_client), Close::Fin, &mut out);
        self.note(&out);
        self
    }

    fn frames(&self, proto: Proto) -> Vec<u64> {
        self.found.iter().filter(|f| f.1 == proto).map(|f| f.0).collect()
    }
    fn get(&self, protocol: &str, key: &str) -> Value {
        let Value::Map(all) = self.http.report().unwrap().value() else { panic!() };
        let Some((_, Value::Map(one))) = all.into_iter().find(|(n, _)| *n == protocol) else { panic!("{protocol}") };
        one.into_iter().find(|(n, _)| *n == key).unwrap().1
    }
    fn count(&self, key: &str) -> i64 {
        match self.get("http", key) {
            Value::Int(n) => n,
            Value::Map(f) => match f[0].1 {
                Value::Int(n) => n,
                _ => panic!(),
            },
            _ => panic!(),
        }
    }
    fn rows(&self, key: &str) -> Vec<(String, i64)> {
        let Value::Map(f) = self.get("http", key) else { panic!() };
        let rows = match &f[0].1 {
            Value::List(rows) => rows.clone(),
            Value::Rows(rows) => rows.all(),
            other => panic!("{other:?}"),
        };
        let row = |r: &Value| match r {
            Value::List(r) => match (&r[0], &r[1]) {
                (Value::Text(t), Value::Int(n)) => (t.clone(), *n),
                (Value::Int(t), Value::Int(n)) => (t.to_string(), *n),
                _ => panic!(),
            },
            _ => panic!(),
        };
        rows.iter().map(row).collect()
    }
    /// A field of the nth kept request.
    fn row(&self, n: usize, key: &str) -> Value {
        let all = self.http.kept().unwrap().page(None, n, 1);
        all[0].fields.iter().find(|f| f.0 == key).unwrap().1.clone()
    }
}

const GET: &str = "GET /a HTTP/1.1\r\nHost: h\r\n\r\n";
const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

#[test]
fn a_message_stands_in_the_frame_that_completes_it() {
    // Frames as tshark 4.0.17 shows them for the same segments.
    let mut t = Talk::new();
    t.ask("GET /a HT").ask("TP/1.1\r\nHost: h\r\n\r\n");
    t.tell("HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\nbo").tell("dybo").tell("dy");
    assert_eq!(t.frames(Proto::Http), [2, 5]);
    assert_eq!(t.row(0, "wait_ns"), Value::Int(1_000_000));
    assert_eq!(t.row(0, "transfer_ns"), Value::Int(2_000_000));
    assert_eq!(t.row(0, "response_body_bytes"), Value::Int(8));
}

#[test]
fn chunks_are_measured() {
    let mut t = Talk::new();
    t.ask(GET).tell("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n").tell("5\r\nhel").tell("lo\r\n3");
    t.tell("\r\nabc\r\n0\r\n").tell("\r\n").ask(GET).tell(OK);
    assert_eq!(t.frames(Proto::Http), [1, 6, 7, 8]);
    assert_eq!((t.row(0, "response_body_bytes"), t.row(0, "response_chunked")), (Value::Int(8), Value::Bool(true)));
    assert_eq!((t.count("response_body_bytes"), t.count("chunked")), (10, 1));
}

#[test]
fn trailers_belong_to_the_message() {
    let mut t = Talk::new();
    let chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nX: y\r\n\r\n";
    t.ask(GET).ask(GET).tell(&format!("{chunked}{OK}"));
    assert_eq!((t.count("responses"), t.count("continuations")), (2, 0));
}

#[test]
fn a_body_without_length_ends_with_the_connection() {
    let mut t = Talk::new();
    t.ask(GET).tell("HTTP/1.0 200 OK\r\nContent-Type: text/plain\r\n\r\nbody").tell("more").fin(true);
    assert_eq!(t.frames(Proto::Http), [1, 4]);
    assert_eq!((t.row(0, "response_body_bytes"), t.row(0, "until_close")), (Value::Int(8), Value::Bool(true)));
}

#[test]
fn responses_without_body_whatever_they_say() {
    let mut t = Talk::new();
    t.ask("HEAD / HTTP/1.1\r\n\r\n").tell("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n").ask(GET).tell(OK);
    t.ask(GET).tell("HTTP/1.1 304 Not Modified\r\nContent-Length: 100\r\n\r\n").ask(GET).tell(OK);
    assert_eq!((t.count("responses"), t.count("unfinished"), t.count("unanswered")), (4, 0, 0));
}

#[test]
fn pipelined_requests_get_their_responses_in_order() {
    let mut t = Talk::new();
    t.ask(&["/1", "/2", "/3"].map(|u| format!("GET {u} HTTP/1.1\r\nHost: h\r\n\r\n")).concat());
    t.tell(&["201", "202", "404"].map(|s| format!("HTTP/1.1 {s} X\r\nContent-Length: 0\r\n\r\n")).concat());
    let status: Vec<Value> = (0..3).map(|i| t.row(i, "status")).collect();
    assert_eq!(status, [Value::Int(201), Value::Int(202), Value::Int(404)]);
    assert_eq!(t.rows("uris")[0].0, "http://h/1");
    assert_eq!(t.count("client_errors"), 1);
}

#[test]
fn an_interim_response_does_not_use_up_the_request() {
    let mut t = Talk::new();
    t.ask("POST / HTTP/1.1\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\n").tell("HTTP/1.1 100 Continue\r\n\r\n");
    t.ask("data").tell(OK);
    assert_eq!(t.frames(Proto::Http), [2, 3, 4]);
    assert_eq!((t.row(0, "status"), t.row(0, "interim")), (Value::Int(200), Value::Bool(true)));
    assert_eq!(t.row(0, "request_body_bytes"), Value::Int(4));
}

#[test]
fn a_websocket_follows_an_upgrade() {
    let mut t = Talk::new();
    t.ask("GET /chat HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\n\r\n");
    t.tell("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n");
    t.send(true, b"\x81\x05hello").send(false, b"\x81\x85abcd").send(false, b"12345");
    assert_eq!((t.frames(Proto::Http), t.frames(Proto::Websocket)), (vec![1, 2], vec![3, 5]));
    assert_eq!(t.get("websocket", "payload_bytes"), Value::Int(10));
}

#[test]
fn what_a_proxy_passes_on_is_told_apart() {
    let mut t = Talk::new();
    t.ask("CONNECT a.b:443 HTTP/1.1\r\nHost: a.b:443\r\n\r\n").tell("HTTP/1.1 200 Connection established\r\n\r\n");
    t.send(false, b"\x16\x03\x01").send(true, b"\x16\x03\x03");
    assert_eq!(t.frames(Proto::Http), [1, 2, 3, 4]);
    assert_eq!((t.count("tunnels"), t.count("requests")), (1, 1));
}

#[test]
fn logins_are_told_without_their_secrets() {
    let mut t = Talk::new();
    let basic = "GET /?token=T0PS3CRET HTTP/1.1\r\nHost: h\r\nAuthorization: Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==\r\nCookie: c=COOKIE\r\n\r\n";
    t.ask(basic).tell("HTTP/1.1 401 No\r\nContent-Length: 0\r\n\r\n").ask(basic).tell(OK);
    t.ask("POST /login HTTP/1.1\r\nHost: h\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 25\r\n\r\n");
    t.ask("user=eve&pass").ask("word=H1DDEN!");
    assert_eq!(t.count("plain_logins"), 3);
    let all = format!("{:?}{:?}", t.http.report().unwrap().value(), t.http.kept().unwrap().page(None, 0, 9));
    for secret in ["T0PS3CRET", "open sesame", "QWxh", "COOKIE", "H1DDEN"] {
        assert!(!all.contains(secret), "{secret}");
    }
    assert!(all.contains("Aladdin") && all.contains("eve") && all.contains("token=***"));
    let Value::List(logins) = t.get("http", "logins") else { panic!() };
    let Value::Map(first) = &logins[0] else { panic!() };
    let of = |key: &str| first.iter().find(|f| f.0 == key).unwrap().1.clone();
    assert_eq!((of("attempts"), of("accepted"), of("rejected")), (Value::Int(2), Value::Int(1), Value::Int(1)));
}

#[test]
fn on_other_ports_the_first_line_decides() {
    let mut t = Talk::new();
    (t.port, t.detected_by) = (8000, DetectedBy::Content);
    t.ask(GET).tell(OK);
    assert_eq!(t.frames(Proto::Http), [1, 2]);
    let mut t = Talk::new();
    (t.port, t.detected_by) = (3306, DetectedBy::Content);
    t.ask(GET).tell(OK);
    assert!(t.frames(Proto::Http).is_empty());
    assert_eq!((t.count("on_other_ports"), t.count("requests"), t.row(0, "status")), (2, 0, Value::Int(200)));
}

#[test]
fn http2_from_the_start() {
    let mut t = Talk::new();
    let settings = b"\0\0\0\x04\0\0\0\0\0";
    t.send(false, &[http2::PREFACE, settings].concat()).send(true, settings);
    // GET / over plain HTTP, of www.example.com (RFC 7541 C.4.1), ended by its headers.
    let block = b"\x82\x86\x84\x41\x8c\xf1\xe3\xc2\xe5\xf2\x3a\x6b\xa0\xab\x90\xf4\xff";
    t.send(false, &[&b"\0\0\x11\x01\x05\0\0\0\x01"[..], block].concat());
    t.send(true, b"\0\0\x01\x01\x04\0\0\0\x01\x88\0\0\x05\0\x01\0\0\0\x01he").send(true, b"llo");
    assert_eq!(t.frames(Proto::Http2), [1, 2, 3, 4, 5]);
    assert!(t.frames(Proto::Http).is_empty());
    assert_eq!((t.row(0, "host"), t.row(0, "status")), (Value::Text("www.example.com".into()), Value::Int(200)));
    assert_eq!((t.row(0, "wait_ns"), t.row(0, "transfer_ns")), (Value::Int(1_000_000), Value::Int(1_000_000)));
    assert_eq!((t.row(0, "response_body_bytes"), t.row(0, "version")), (Value::Int(5), Value::Int(20)));
}

#[test]
fn what_is_lost_does_not_shift_the_pairs() {
    let mut t = Talk::new();
    t.ask(GET).tell("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n");
    let mut out = Output::watched();
    t.http.gap(&t.context(true), 5_000, &mut out);
    t.skip = [0; 2];
    t.ask("GET /b HTTP/1.1\r\nHost: h\r\n\r\n").tell("HTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n");
    assert_eq!((t.row(1, "status"), t.row(0, "response_complete")), (Value::Int(404), Value::Bool(false)));
    assert_eq!((t.count("lost_bytes"), t.count("unfinished")), (5_000, 1));
}

#[test]
fn a_chunk_read_ahead_of_a_gap_tears_the_message() {
    let mut t = Talk::new();
    t.ask(GET).tell("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n6\r\nab");
    let mut out = Output::watched();
    // Wireshark takes it for a piece of a body it knows nothing of.
    t.http.ahead(&t.context(true), b"\x01e\n", &mut out);
    t.note(&out);
    t.tell("c\x01e\n\r\n0\r\n\r\n");
    assert_eq!(t.frames(Proto::Http), [1, 2]);
    assert_eq!((t.count("only_in_order"), t.count("responses"), t.row(0, "status")), (1, 0, Value::Int(200)));
}

#[test]
fn a_cut_segment_is_shown_as_far_as_it_goes() {
    let mut t = Talk::new();
    let cut = |t: &mut Talk, to_client: bool| {
        let mut out = Output::watched();
        t.http.cut(&t.context(to_client), &mut out);
        t.http.gap(&t.context(to_client), 400, &mut out);
        t.note(&out);
        (t.pending, t.need, t.skip) = (Default::default(), [0; 2], [0; 2]);
    };
    t.ask("GET /images/box.gif HTT");
    cut(&mut t, false);
    t.tell("HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\nab");
    cut(&mut t, true);
    t.send(true, b"\x01\x02");
    assert_eq!(t.frames(Proto::Http), [1, 2, 3]);
    assert_eq!((t.rows("methods"), t.rows("status_codes")), (vec![("GET".into(), 1)], vec![("200".into(), 1)]));
    assert_eq!(t.count("continuations"), 1);
}

#[test]
fn reports_of_two_parts_add_up() {
    let (mut a, mut b) = (Talk::new(), Talk::new());
    a.ask(GET).tell(OK);
    b.ask(GET).tell("HTTP/1.1 500 X\r\nContent-Length: 0\r\n\r\n").ask(GET);
    let both = a.http.report().unwrap().merge(&*b.http.report().unwrap()).unwrap();
    let empty = Http::new(&Limits::default()).report().unwrap();
    let again = empty.merge(&*both).unwrap();
    let Value::Map(all) = both.clone().value() else { panic!() };
    let Value::Map(http) = &all[0].1 else { panic!() };
    assert_eq!(http[0], ("requests", Value::Int(3)));
    assert_eq!(again.value(), both.value());
}

#[test]
fn every_cut_and_flipped_byte_survives() {
    let upgrade = "HTTP/1.1 101 X\r\nUpgrade: websocket\r\n\r\n";
    let asked = format!("{GET}POST /x HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n{GET}");
    let told = format!(
        "{OK}HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5;x\r\nhello\r\n0\r\n\r\n{upgrade}\u{1}\u{2}"
    );
    for at in 0..asked.len().max(told.len()) {
        for byte in [0u8, b'\n', b' ', b'9', 0xff] {
            let flip = |s: &str| {
                let mut b = s.as_bytes().to_vec();
                if let Some(x) = b.get_mut(at) {
                    *x = byte;
                }
                b
            };
            let mut t = Talk::new();
            let (a, b) = (flip(&asked), flip(&told));
            let cut = at.min(a.len());
            t.send(false, &a[..cut]).send(false, &a[cut..]);
            let cut = at.min(b.len());
            t.send(true, &b[..cut]).send(true, &b[cut..]).fin(true).fin(false);
        }
    }
}

#[test]
fn what_does_not_pass_the_filter_counts_for_nothing() {
    let mut t = Talk::new();
    t.counts = false;
    t.ask(GET).ask(GET).tell(OK);
    assert_eq!(t.http.report().unwrap().value(), Value::Map(Vec::new()));
    t.counts = true;
    // The response to the second request: its request is known, though it does not count.
    t.tell(OK);
    assert_eq!((t.count("requests"), t.count("responses"), t.count("unanswered")), (0, 1, 0));
    assert_eq!(t.count("no_request"), 0);
    t.ask(GET);
    t.counts = false;
    t.tell(OK);
    assert_eq!((t.count("requests"), t.count("responses"), t.count("unanswered")), (1, 1, 0));
    // Both exchanges are listed of which a message counts, with all of it.
    assert_eq!(t.http.kept().unwrap().len(), 2);
    assert_eq!((t.row(0, "status"), t.row(1, "status")), (Value::Int(200), Value::Int(200)));
}
