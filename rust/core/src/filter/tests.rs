//! The language as a whole. Which frames filters match is compared with tshark in tests/differential.

use super::*;

fn refused(text: &str) -> FilterError {
    Filter::compile(text).expect_err(text)
}

#[test]
fn errors_say_where_and_what() {
    let e = refused("tcp.port == ");
    assert_eq!((e.code, e.at), (Code::Syntax, 12));
    assert!(e.message.contains("expected a field, a value or a function"), "{e}");
    let e = refused("ip.ttl == 300");
    assert_eq!((e.code, e.at), (Code::Value, 10));
    let e = refused("tcp.prot == 1");
    assert_eq!((e.code, e.at), (Code::NotDecoded, 0));
    assert_eq!(e.hint.as_deref(), Some("nearest is tcp.port"));
    let e = refused("nothing.like.this");
    assert_eq!(e.code, Code::UnknownField);
    let e = refused("dns.response_in");
    assert_eq!(e.code, Code::LookAhead);
    let e = refused("tcp port 80");
    assert!(e.hint.unwrap().contains("tcp.port == 80"));
    let e = refused("host 10.0.0.1");
    assert!(e.hint.unwrap().contains("ip.addr == 10.0.0.1"));
    let e = refused("tcp.port = 80");
    assert_eq!((e.code, e.at), (Code::Syntax, 9));
    assert_eq!(refused("@ip.src == 0a:00:00:01").code, Code::Syntax);
    assert_eq!(refused("ip.src == eth.src").code, Code::Type);
    assert_eq!(refused("frame matches \"(?=a)\"").code, Code::Value);
}

#[test]
fn bounded_in_length_depth_and_pattern() {
    assert_eq!(refused(&"x".repeat(MAX_LENGTH + 1)).code, Code::TooComplex);
    assert_eq!(refused(&"(".repeat(2_000)).code, Code::TooComplex);
    assert_eq!(refused(&"!".repeat(2_000)).code, Code::TooComplex);
    assert_eq!(refused(&format!("ip.ttl == {}1", "-".repeat(2_000))).code, Code::TooComplex);
    assert_eq!(refused(&format!("len{}", "(len".repeat(2_000))).code, Code::TooComplex);
    assert_eq!(refused("frame matches \"(a{1000}){1000}\"").code, Code::TooComplex);
    // Long, but flat.
    assert!(Filter::compile(&["ip"; 1_300].join(" or ")).is_ok());
    assert_eq!(refused(&format!("ip.ttl{} == 1", "+1".repeat(1_000))).code, Code::TooComplex);
    assert_eq!(refused(&format!("frame{}", "[0:]".repeat(1_000))).code, Code::TooComplex);
    assert_eq!(refused(&["ip.ttl"; 200].join(" == ")).code, Code::TooComplex);
}

#[test]
fn blanks_pass_everything() {
    for text in ["", "  \t\n"] {
        let f = Filter::compile(text).unwrap();
        assert!(f.matches(&Sink::new([]), &[], &[]) && f.fields().is_empty());
    }
}

/// Random filters: pieces of the language put together, mutated bytes, and texts of nothing like it.
#[test]
fn ten_thousand_hostile_filters_are_answered() {
    const PIECES: &[&str] = &[
        "tcp",
        "ip.addr",
        "dns.qry.name",
        "frame",
        "eth.src",
        "tcp.flags.syn",
        "frame.time",
        "==",
        "!=",
        "===",
        "!==",
        "~=",
        ">",
        "<=",
        "contains",
        "matches",
        "in",
        "not",
        "and",
        "or",
        "xor",
        "&&",
        "||",
        "!",
        "(",
        ")",
        "{",
        "}",
        "[",
        "]",
        "[0:4]",
        "[-1]",
        "#1",
        "#[1-2]",
        ",",
        "..",
        "+",
        "-",
        "*",
        "/",
        "%",
        "&",
        "any",
        "all",
        "len(",
        "count(",
        "max(",
        "string(",
        "10.0.0.1",
        "10.0.0.0/8",
        "::1",
        "fe80::/10",
        "00:11:22:33:44:55",
        "80",
        "0x50",
        "1.5",
        "\"abc\"",
        "r\"a\\b\"",
        "'a'",
        "\"\\x",
        "\"(((((((((a+)+)+)+)+)+)+)+)+)\"",
        "True",
        "-1",
        "99999999999999999999",
        "\u{e9}",
        "\0",
        "\u{202e}",
        "@",
        "$",
        "${ip.src}",
        "\\",
        "\"",
        "'",
        ".",
        "tcp.",
        "2020-01-01",
        "=",
    ];
    let mut seed = 0x9e37_79b9_7f4a_7c15u64;
    let mut next = || {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        seed
    };
    let (data, sink) = ([0u8; 64], Sink::new([]));
    let mut taken = 0;
    for i in 0..10_000 {
        let mut text: Vec<u8> = Vec::new();
        for _ in 0..next() % 12 {
            text.extend_from_slice(PIECES[(next() % PIECES.len() as u64) as usize].as_bytes());
            if next() % 3 > 0 {
                text.push(b' ');
            }
        }
        if i % 3 == 0 && !text.is_empty() {
            let at = (next() % text.len() as u64) as usize;
            text[at] = next() as u8;
        }
        if i % 5 == 0 {
            text.extend((0..next() % 40).map(|_| next() as u8));
        }
        let text = String::from_utf8_lossy(&text);
        match Filter::compile(&text) {
            Ok(f) => {
                taken += 1;
                f.matches(&sink, &data, &[]);
            }
            Err(e) => {
                assert!(e.at <= text.len() && !e.message.is_empty(), "{text:?}");
                assert!(!e.to_string().chars().any(char::is_control), "{text:?}: {e}");
            }
        }
    }
    assert!(taken > 100, "{taken}");
}
