//! Exchanges as the RFCs show them; every cut and every flipped byte; the secret is nowhere in what is kept.

use super::*;
use crate::app::DetectedBy;
use crate::app::message::Value;
use crate::layers::Proto;

const SECRET: &str = "hunter2-Geheim";

/// One stream or pair of datagram ends, fed as the stream layer does.
struct Play {
    app: Logins,
    out: Output,
    frame: u64,
    port: u16,
    pending: [Vec<u8>; 2],
    lost: [bool; 2],
}

impl Play {
    fn new(port: u16) -> Self {
        let app = Logins::new(&Limits::default());
        Self { app, out: Output::default(), frame: 0, port, pending: Default::default(), lost: [false; 2] }
    }

    fn context(&mut self, server: bool) -> Context {
        self.frame += 1;
        let (client, to) = ((IpAddr::v4([10, 0, 0, 1]), 40_000), (IpAddr::v4([10, 0, 0, 2]), self.port));
        let (src, dst) = if server { (to, client) } else { (client, to) };
        Context {
            frame: self.frame,
            time_ns: self.frame as i64 * 1_000_000_000,
            src: src.0,
            dst: dst.0,
            src_port: src.1,
            dst_port: dst.1,
            transport: Proto::Tcp,
            ttl: 64,
            frame_bytes: 100,
            stream: Some(3),
            to_client: server,
            detected_by: DetectedBy::Port,
            only_in_order: false,
            server_known: false,
            recovered: false,
        }
    }

    fn segment(&mut self, server: bool, data: &[u8]) -> &mut Self {
        let ctx = self.context(server);
        let side = server as usize;
        if self.lost[side] {
            return self;
        }
        self.pending[side].extend_from_slice(data);
        loop {
            let bytes = std::mem::take(&mut self.pending[side]);
            if bytes.is_empty() {
                break;
            }
            match self.app.stream(&ctx, &bytes, &mut self.out) {
                Step::Consumed(n) => {
                    assert!(n > 0);
                    self.pending[side] = bytes.get(n..).unwrap_or_default().to_vec();
                }
                Step::Need(n) => {
                    assert!(n > bytes.len(), "asked for what is there");
                    self.pending[side] = bytes;
                    break;
                }
                Step::Pass => break,
                Step::Lost => {
                    self.lost[side] = true;
                    break;
                }
            }
        }
        self
    }

    fn datagram(&mut self, server: bool, data: &[u8]) -> &mut Self {
        let ctx = Context { transport: Proto::Udp, stream: None, ..self.context(server) };
        self.app.watch_datagram(&ctx, data, &mut self.out);
        self
    }

    /// Pieces of a talk: `>` from the client, `<` from the server.
    fn talk(&mut self, pieces: &[&str]) -> &mut Self {
        for piece in pieces {
            self.segment(piece.starts_with('<'), &piece.as_bytes()[1..]);
        }
        self
    }

    /// method, user, outcome of each row.
    fn rows(&self) -> Vec<(String, String, String)> {
        let shown = |v: &Value| match v {
            Value::Name(s) => (*s).to_owned(),
            Value::Text(s) => s.clone(),
            Value::None => "-".into(),
            other => format!("{other:?}"),
        };
        let row = |v: Value| match v {
            Value::Map(c) => (shown(&c[3].1), shown(&c[5].1), shown(&c[6].1)),
            other => panic!("{other:?}"),
        };
        let report = self.app.report().unwrap();
        assert!(!format!("{report:?}").contains(SECRET), "the secret is kept");
        report.page("logins", 0, 1_000).into_iter().map(row).collect()
    }

    fn one(&self) -> (String, String, String) {
        let rows = self.rows();
        assert_eq!(rows.len(), 1, "{rows:?}");
        rows.into_iter().next().unwrap()
    }
}

fn row(method: &str, user: &str, outcome: &str) -> (String, String, String) {
    (method.into(), user.into(), outcome.into())
}

/// (port, talk, what is found).
type Case = (u16, Vec<String>, Vec<(String, String, String)>);

fn base64(text: &str) -> String {
    const DIGITS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::new();
    for chunk in text.as_bytes().chunks(3) {
        let n = chunk.iter().fold(0u32, |n, &b| n << 8 | b as u32) << (8 * (3 - chunk.len()));
        for i in 0..4 {
            let six = (n >> (18 - 6 * i)) & 63;
            out.push(if i <= chunk.len() { DIGITS[six as usize] as char } else { '=' });
        }
    }
    out
}

fn cases() -> Vec<Case> {
    let talk = |pieces: &[&str]| pieces.iter().map(|p| p.replace("SECRET", SECRET)).collect::<Vec<_>>();
    let plain = base64(&format!("\0alice\0{SECRET}"));
    let plain = plain.as_str();
    let digest = base64("tim b913a602c7eda7a495b4e6e7334d3890");
    let secret = base64(SECRET);
    vec![
        (
            21,
            talk(&[
                "<220 ftp\r\n",
                ">USER alice\r\n",
                "<331 need one\r\n",
                ">PASS wrong\r\n",
                "<530 no\r\n",
                ">USER alice\r\n",
                "<331 need one\r\n",
                ">PASS SECRET\r\n",
                "<230-hello\r\n530 not this\r\n230 in\r\n",
            ]),
            vec![row("PASS", "alice", "refused"), row("PASS", "alice", "accepted")],
        ),
        (
            21,
            talk(&["<220 x\r\n", ">FEAT\r\nUSER bob\r\nPASS SECRET\r\n", "<211 end\r\n331 x\r\n", "<530 no\r\n"]),
            vec![row("PASS", "bob", "refused")],
        ),
        (21, talk(&[">USER anonymous\r\n", "<230 welcome\r\n"]), vec![row("USER", "anonymous", "accepted")]),
        (21, talk(&[">AUTH TLS\r\n", "<234 go\r\n", ">USER alice\r\nPASS SECRET\r\n"]), vec![]),
        // RFC 4954 4.1, shortened.
        (
            25,
            talk(&[
                "<220 x ESMTP\r\n",
                ">EHLO c\r\n",
                "<250-x\r\n250 AUTH PLAIN\r\n",
                &format!(">AUTH PLAIN {plain}\r\n"),
                "<235 2.7.0 ok\r\n",
            ]),
            vec![row("PLAIN", "alice", "accepted")],
        ),
        (
            587,
            talk(&[
                ">AUTH LOGIN\r\n",
                "<334 VXNlcm5hbWU6\r\n",
                &format!(">{}\r\n", base64("bob@example.org")),
                "<334 UGFzc3dvcmQ6\r\n",
                &format!(">{secret}\r\n"),
                "<535 5.7.8 no\r\n",
            ]),
            vec![row("LOGIN", "bob@example.org", "refused")],
        ),
        // A mail whose text looks like a login.
        (25, talk(&[">DATA\r\n", "<354 go on\r\n", &format!(">AUTH PLAIN {plain}\r\n.\r\n"), "<250 ok\r\n"]), vec![]),
        (
            110,
            talk(&["<+OK hi\r\n", ">USER mrose\r\n", "<+OK\r\n", ">PASS SECRET\r\n", "<-ERR no\r\n"]),
            vec![row("PASS", "mrose", "refused")],
        ),
        // RFC 1939 7.
        (
            110,
            talk(&[
                "<+OK POP3 server ready <1896.697170952@dbc.mtview.ca.us>\r\n",
                ">APOP mrose c4c9334bac560ecc979e58001b3e22fb\r\n",
                "<+OK maildrop has 1 message\r\n",
            ]),
            vec![row("APOP", "mrose", "accepted")],
        ),
        // RFC 2195 2.
        (
            143,
            talk(&[
                "<* OK IMAP4rev1\r\n",
                ">A0001 AUTHENTICATE CRAM-MD5\r\n",
                "<+ PDE4\r\n",
                &format!(">{digest}\r\n"),
                "<A0001 OK CRAM\r\n",
            ]),
            vec![row("CRAM-MD5", "tim", "accepted")],
        ),
        (
            143,
            talk(&[">a LOGIN \"al \\\"ice\" SECRET   \r\n", "<a NO [AUTHENTICATIONFAILED]\r\n"]),
            vec![row("LOGIN", "al \"ice", "refused")],
        ),
        (
            143,
            talk(&[">a LOGIN {5}\r\n", "<+ go\r\n", ">alice {14}\r\n", "<+ go\r\n", ">SECRET\r\n", "<a OK in\r\n"]),
            vec![row("LOGIN", "alice", "accepted")],
        ),
        (
            23,
            talk(&[
                "<\u{ff}",
                "<login: ",
                ">a",
                "<a",
                ">l\u{8}l",
                "<l",
                ">i\r\n",
                "<i\r\nPassword: ",
                ">SECRET\r\n",
                "<\r\nLast login: Mon\r\n$ ",
            ]),
            vec![row("password", "ali", "accepted")],
        ),
        (
            23,
            talk(&[
                "<Username: ",
                ">bob\r",
                "<bob\r\nPassword: ",
                ">\n",
                ">SECRET\r\0",
                "<\r\n% Login invalid\r\n\r\nUsername: ",
            ]),
            vec![row("password", "bob", "refused")],
        ),
    ]
}

#[test]
fn exchanges_of_text_protocols() {
    for (port, talk, expected) in cases() {
        let mut play = Play::new(port);
        play.talk(&talk.iter().map(String::as_str).collect::<Vec<_>>());
        assert_eq!(play.rows(), expected, "port {port}: {talk:?}");
    }
}

#[test]
fn any_cut_of_the_bytes_gives_the_same() {
    for (port, talk, expected) in cases().into_iter().filter(|c| c.0 != 23) {
        let mut play = Play::new(port);
        for piece in &talk {
            let server = piece.starts_with('<');
            for byte in &piece.as_bytes()[1..] {
                play.segment(server, &[*byte]);
            }
        }
        assert_eq!(play.rows(), expected, "port {port}: {talk:?}");
    }
}

#[test]
fn every_cut_end_and_flipped_byte_is_survived() {
    for (port, talk, _) in cases() {
        for (n, piece) in talk.iter().enumerate() {
            for at in 1..piece.len() {
                for flip in [0u8, 1, 0x20, 0x80, 0xff] {
                    let mut play = Play::new(port);
                    for (m, other) in talk.iter().enumerate() {
                        let mut bytes = other.as_bytes()[1..].to_vec();
                        if m == n {
                            match flip {
                                0 => bytes.truncate(at - 1),
                                flip => bytes[at - 1] ^= flip,
                            }
                        }
                        play.segment(other.starts_with('<'), &bytes);
                    }
                    play.app.report().unwrap().page("logins", 0, 10);
                }
            }
        }
    }
}

fn tlv(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
    let body = parts.concat();
    let mut out = vec![tag];
    match body.len() {
        n @ 0..=127 => out.push(n as u8),
        n => out.extend([0x82, (n >> 8) as u8, n as u8]),
    }
    out.extend(body);
    out
}

fn bind(id: u8, name: &str, auth: Vec<u8>) -> Vec<u8> {
    let op = tlv(0x60, &[&tlv(2, &[&[3]]), &tlv(4, &[name.as_bytes()]), &auth]);
    tlv(0x30, &[&tlv(2, &[&[id]]), &op])
}

fn bound(id: u8, code: u8) -> Vec<u8> {
    let op = tlv(0x61, &[&tlv(10, &[&[code]]), &tlv(4, &[]), &tlv(4, &[])]);
    tlv(0x30, &[&tlv(2, &[&[id]]), &op])
}

fn simple(secret: &str) -> Vec<u8> {
    tlv(0x80, &[secret.as_bytes()])
}

#[test]
fn ldap_binds() {
    let mut play = Play::new(389);
    play.segment(false, &bind(1, "cn=admin,dc=x", simple("wrong"))).segment(true, &bound(1, 49));
    play.segment(false, &bind(2, "", simple(""))).segment(true, &bound(2, 0));
    play.segment(false, &bind(3, "cn=admin,dc=x", simple(SECRET))).segment(true, &bound(3, 0));
    let plain = tlv(0xa3, &[&tlv(4, &[b"PLAIN"]), &tlv(4, &[format!("\0eve\0{SECRET}").as_bytes()])]);
    play.segment(false, &bind(4, "", plain));
    assert_eq!(
        play.rows(),
        [
            row("simple", "cn=admin,dc=x", "refused"),
            row("simple", "cn=admin,dc=x", "accepted"),
            row("PLAIN", "eve", "unknown")
        ]
    );
    let whole = bind(3, "cn=admin,dc=x", simple(SECRET));
    for at in 0..whole.len() {
        for flip in [0u8, 1, 0x80, 0xff] {
            let mut hurt = whole.clone();
            if flip == 0 {
                hurt.truncate(at);
            } else {
                hurt[at] ^= flip;
            }
            Play::new(389).segment(false, &hurt).segment(true, &bound(3, 0));
            Play::new(389).segment(true, &hurt);
            Play::new(88).segment(false, &hurt);
            let mut play = Play::new(161);
            play.datagram(false, &hurt);
        }
    }
}

fn snmp(version: u8, pdu: u8) -> Vec<u8> {
    let pdu = tlv(pdu, &[&tlv(2, &[&[1]]), &tlv(2, &[&[0]]), &tlv(2, &[&[0]]), &tlv(0x30, &[])]);
    tlv(0x30, &[&tlv(2, &[&[version]]), &tlv(4, &[SECRET.as_bytes()]), &pdu])
}

#[test]
fn communities_are_not_told() {
    let mut play = Play::new(161);
    play.datagram(false, &snmp(1, 0xa0)).datagram(true, &snmp(1, 0xa2)).datagram(false, &snmp(1, 0xa1));
    play.datagram(false, &snmp(0, 0xa0));
    assert_eq!(play.rows(), [row("community v2c", "-", "accepted"), row("community v1", "-", "unknown")]);
    let Value::Map(value) = play.app.report().unwrap().value() else { panic!() };
    assert!(format!("{value:?}").contains("(\"snmp\", Map([(\"attempts\", Int(3)), (\"accepted\", Int(1))"));
}

/// RFC 4120 5.4.1, as far as a request for a first ticket has to have it.
fn as_req(user: &str, proof: bool) -> Vec<u8> {
    let name =
        tlv(0x30, &[&tlv(0xa0, &[&tlv(2, &[&[1]])]), &tlv(0xa1, &[&tlv(0x30, &[&tlv(0x1b, &[user.as_bytes()])])])]);
    let body = tlv(0x30, &[&tlv(0xa1, &[&name]), &tlv(0xa2, &[&tlv(0x1b, &[b"EXAMPLE.ORG"])])]);
    let kind = if proof { 2 } else { 128 };
    let one = tlv(0x30, &[&tlv(0xa1, &[&tlv(2, &[&[0, kind]])]), &tlv(0xa2, &[&tlv(4, &[SECRET.as_bytes()])])]);
    let fields = tlv(0x30, &[&tlv(0xa3, &[&tlv(0x30, &[&one])]), &tlv(0xa4, &[&body])]);
    tlv(0x6a, &[&fields])
}

fn krb_error(code: u8) -> Vec<u8> {
    tlv(0x7e, &[&tlv(0x30, &[&tlv(0xa6, &[&tlv(2, &[&[code]])])])])
}

#[test]
fn kerberos_logins_with_and_without_proof() {
    let mut play = Play::new(88);
    play.datagram(false, &as_req("alice", false)).datagram(true, &krb_error(25));
    assert_eq!(play.one(), row("as-req", "alice@EXAMPLE.ORG", "unknown"));
    play.datagram(false, &as_req("alice", true)).datagram(true, &tlv(0x6b, &[]));
    assert_eq!(play.one(), row("encrypted timestamp", "alice@EXAMPLE.ORG", "accepted"));
    play.datagram(false, &as_req("nobody", false)).datagram(true, &krb_error(6));
    play.datagram(false, &as_req("alice", true)).datagram(true, &krb_error(24));
    assert_eq!(
        play.rows()[1..],
        [row("as-req", "nobody@EXAMPLE.ORG", "refused"), row("encrypted timestamp", "alice@EXAMPLE.ORG", "refused")]
    );
    let mut over_tcp = Play::new(88);
    let request = as_req("bob", true);
    let framed = [&(request.len() as u32).to_be_bytes()[..], &request].concat();
    over_tcp.segment(false, &framed[..7]).segment(false, &framed[7..]);
    assert_eq!(over_tcp.one(), row("encrypted timestamp", "bob@EXAMPLE.ORG", "unknown"));
    for at in 0..request.len() {
        for flip in [0u8, 1, 0x80, 0xff] {
            let mut hurt = request.clone();
            if flip == 0 {
                hurt.truncate(at);
            } else {
                hurt[at] ^= flip;
            }
            Play::new(88).datagram(false, &hurt).datagram(true, &hurt);
        }
    }
}

fn ntlm_message(domain: &str, user: &str) -> Vec<u8> {
    let mut m = b"NTLMSSP\0\x03\0\0\0".to_vec();
    m.resize(64, 0);
    m[60] = 1;
    for (at, text) in [(28, domain), (36, user)] {
        let bytes: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
        let from = m.len() as u32;
        m[at..at + 2].copy_from_slice(&(bytes.len() as u16).to_le_bytes());
        m[at + 4..at + 8].copy_from_slice(&from.to_le_bytes());
        m.extend(bytes);
    }
    m
}

/// An SMB2 session setup behind its length.
fn setup(id: u8, status: u32, body: &[u8]) -> Vec<u8> {
    let mut m = b"\xfeSMB".to_vec();
    m.resize(64, 0);
    m[8..12].copy_from_slice(&status.to_le_bytes());
    m[12] = 1;
    m[24] = id;
    m.extend(body);
    let mut out = (m.len() as u32).to_be_bytes().to_vec();
    out.extend(m);
    out
}

#[test]
fn ntlm_in_smb_and_elsewhere() {
    let mut play = Play::new(445);
    let one = setup(3, 0, &ntlm_message("CORP", "alice"));
    play.segment(false, &one[..9]).segment(false, &one[9..]).segment(true, &setup(3, 0xc000_006d, b""));
    play.segment(false, &setup(4, 0, &ntlm_message("", "bob"))).segment(true, &setup(4, 0, b""));
    assert_eq!(play.rows(), [row("smb2", "CORP/alice", "refused"), row("smb2", "bob", "accepted")]);
    let mut play = Play::new(49_700);
    let ctx = play.context(false);
    let pdu = [&[5, 0, 16, 3][..], &[0; 24], &ntlm_message("CORP", "carol")].concat();
    assert!(!play.app.watch_segment(&ctx, &pdu, &mut play.out));
    assert_eq!(play.one(), row("dcerpc", "CORP/carol", "unknown"));
    for at in 0..one.len() {
        for flip in [0u8, 1, 0x80, 0xff] {
            let mut hurt = one.clone();
            if flip == 0 {
                hurt.truncate(at);
            } else {
                hurt[at] ^= flip;
            }
            Play::new(445).segment(false, &hurt).segment(true, &hurt);
            Play::new(139).segment(true, &hurt);
        }
    }
}

#[test]
fn greetings_on_other_ports() {
    let greeted = |text: &str| by_greeting(text.as_bytes()).is_some();
    for text in
        ["220 (vsFTPd 3.0.5)\r\n", "220 mx.example.org ESMTP\r\n", "+OK Dovecot POP3 ready.\r\n", "* OK IMAP4rev1\r\n"]
    {
        assert!(greeted(text), "{text}");
    }
    for text in ["220 items\r\n", "+OK\r\n", "* OK\r\n", "HTTP/1.1 200 OK\r\n", "2", ""] {
        assert!(!greeted(text), "{text}");
    }
    let mut play = Play::new(4021);
    let ctx = play.context(true);
    assert!(play.app.watch_segment(&ctx, b"220 FTP\r\n", &mut play.out));
    play.talk(&["<220 FTP\r\n", ">USER a\r\nPASS x\r\n", "<331 x\r\n230 y\r\n"]);
    assert_eq!(play.one(), row("PASS", "a", "accepted"));
}

#[test]
fn rows_are_bounded_and_totals_exact() {
    let mut play = Play::new(21);
    play.app = Logins::new(&Limits { max_logins: 2, ..Limits::default() });
    for _ in 0..5 {
        play.talk(&[">USER a\r\n", "<331 x\r\n", ">PASS x\r\n", "<530 no\r\n"]);
    }
    assert_eq!(play.rows().len(), 2);
    let report = play.app.report().unwrap();
    let text = format!("{:?}", report.clone().value());
    assert!(text.contains("(\"attempts\", Int(5)), (\"accepted\", Int(0)), (\"refused\", Int(5))"), "{text}");
    assert!(text.contains("(\"dropped\", Int(3))"), "{text}");
    let merged = format!("{:?}", report.merge(&*report).unwrap().value());
    assert!(merged.contains("(\"attempts\", Int(10))") && merged.contains("(\"dropped\", Int(8))"), "{merged}");
}

#[test]
fn repeated_refusals_are_grouped_with_their_peak() {
    let mut play = Play::new(21);
    for _ in 0..20 {
        play.talk(&[">USER a\r\n", "<331 x\r\n", ">PASS x\r\n", "<530 no\r\n"]);
    }
    play.talk(&[">USER a\r\n", "<331 x\r\n", ">PASS x\r\n", "<230 in\r\n"]);
    let groups = format!("{:?}", play.app.report().unwrap().page("refused", 0, 10));
    // One frame a second, four an attempt: 16 within a minute.
    for expected in ["(\"refused\", Int(20))", "(\"most_in_60_s\", Int(16))", "(\"accepted_after\", Int(84))"] {
        assert!(groups.contains(expected), "{expected} {groups}");
    }
}
