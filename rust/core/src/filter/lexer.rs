//! Text to tokens, by the rules of Wireshark 4.0's scanner.

use super::error::{Code, FilterError, quoted};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Op {
    AnyEq,
    AllNe,
    AllEq,
    AnyNe,
    Gt,
    Ge,
    Lt,
    Le,
    Contains,
    Matches,
    In,
    And,
    Or,
    Xor,
    Not,
    Any,
    All,
    BitAnd,
    Plus,
    Minus,
    Star,
    Slash,
    Percent,
    Open,
    Close,
    OpenSet,
    CloseSet,
    Comma,
    Range,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Token {
    Op(Op),
    /// A name, a number, an address: what it is depends on where it stands.
    Word(String),
    /// Quoted text, escapes taken out.
    Text(Vec<u8>),
    /// A character constant.
    Char(u8),
    /// `[...]`: the ranges of a slice.
    Slice(Vec<Slice>),
    /// `#n` or `#[...]`.
    Layer(Vec<Slice>),
}

/// One range of a slice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Slice {
    pub start: i64,
    pub end: End,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    Length(u64),
    /// Inclusive.
    Offset(i64),
    Rest,
}

#[derive(Clone, Debug)]
pub(crate) struct At {
    pub token: Token,
    pub at: usize,
    /// The text of the token.
    pub end: usize,
}

fn syntax(at: usize, message: impl Into<String>) -> FilterError {
    FilterError::new(Code::Syntax, at, message)
}

pub(crate) fn tokens(text: &str) -> Result<Vec<At>, FilterError> {
    let b = text.as_bytes();
    let mut out: Vec<At> = Vec::new();
    let mut at = 0;
    // Ends: every turn takes at least a byte or leaves.
    while let Some(&c) = b.get(at) {
        if matches!(c, b' ' | b'\t' | b'\n' | b'\r') {
            at += 1;
            continue;
        }
        let (token, len) = one(text, at, &out)?;
        out.push(At { token, at, end: at + len });
        at += len;
    }
    Ok(out)
}

fn one(text: &str, at: usize, before: &[At]) -> Result<(Token, usize), FilterError> {
    let rest = &text.as_bytes()[at..];
    let symbol = |op, n| Ok((Token::Op(op), n));
    match rest {
        [b'=', b'=', b'=', ..] => return symbol(Op::AllEq, 3),
        [b'!', b'=', b'=', ..] => return symbol(Op::AnyNe, 3),
        [b'=', b'=', ..] => return symbol(Op::AnyEq, 2),
        [b'!', b'=', ..] => return symbol(Op::AllNe, 2),
        [b'~', b'=', ..] => return symbol(Op::AnyNe, 2),
        [b'>', b'=', ..] => return symbol(Op::Ge, 2),
        [b'<', b'=', ..] => return symbol(Op::Le, 2),
        [b'&', b'&', ..] => return symbol(Op::And, 2),
        [b'|', b'|', ..] => return symbol(Op::Or, 2),
        [b'^', b'^', ..] => return symbol(Op::Xor, 2),
        [b'.', b'.', ..] => return symbol(Op::Range, 2),
        [b'>', ..] => return symbol(Op::Gt, 1),
        [b'<', ..] => return symbol(Op::Lt, 1),
        [b'~', ..] => return symbol(Op::Matches, 1),
        [b'!', ..] => return symbol(Op::Not, 1),
        [b'&', ..] => return symbol(Op::BitAnd, 1),
        [b'+', ..] => return symbol(Op::Plus, 1),
        [b'-', ..] => return symbol(Op::Minus, 1),
        [b'*', ..] => return symbol(Op::Star, 1),
        [b'/', ..] => return symbol(Op::Slash, 1),
        [b'%', ..] => return symbol(Op::Percent, 1),
        [b'(', ..] => return symbol(Op::Open, 1),
        [b')', ..] => return symbol(Op::Close, 1),
        [b'{', ..] => return symbol(Op::OpenSet, 1),
        [b'}', ..] => return symbol(Op::CloseSet, 1),
        [b',', ..] => return symbol(Op::Comma, 1),
        [b'"', ..] => return quoted_text(rest, at, 1, false),
        [b'r' | b'R', b'"', ..] => return quoted_text(rest, at, 2, true),
        [b'\'', ..] => return character(rest, at),
        [b'[', ..] => {
            let (slices, n) = ranges(rest, at)?;
            return Ok((Token::Slice(slices), n));
        }
        [b'#', b'[', ..] => {
            let (slices, n) = ranges(&rest[1..], at + 1)?;
            return Ok((Token::Layer(slices), n + 1));
        }
        [b'#', digits @ ..] => {
            let n = digits.iter().take_while(|d| d.is_ascii_digit()).count();
            let number = std::str::from_utf8(&digits[..n]).ok().and_then(|d| d.parse().ok());
            let Some(number) = number else {
                return Err(syntax(at, "a layer operator # needs a number or a range in brackets behind it"));
            };
            return Ok((Token::Layer(vec![Slice { start: number, end: End::Length(1) }]), n + 1));
        }
        [b'=', ..] => {
            return Err(syntax(at, "a single \"=\" is no operator").hint("equality is written == or eq"));
        }
        [b'|', ..] => return Err(syntax(at, "a single \"|\" is no operator").hint("write || or or")),
        [b'^', ..] => return Err(syntax(at, "a single \"^\" is no operator").hint("write ^^ or xor")),
        [b'@', ..] => {
            return Err(syntax(at, "the raw operator @ is of Wireshark 4.2; this is the language of 4.0"));
        }
        [b'$', ..] => {
            return Err(syntax(at, "macros and references to a selected frame are not taken here"));
        }
        [b']', ..] => return Err(syntax(at, "\"]\" without \"[\"")),
        _ => {}
    }
    let len = word_len(rest);
    if len == 0 {
        let c = text[at..].chars().next().unwrap_or(' ');
        return Err(syntax(at, format!("{} was not expected here", quoted(&c.to_string()))));
    }
    let word = &text[at..at + len];
    let keyword = match word {
        "eq" | "any_eq" => Some(Op::AnyEq),
        "ne" | "all_ne" => Some(Op::AllNe),
        "all_eq" => Some(Op::AllEq),
        "any_ne" => Some(Op::AnyNe),
        "gt" => Some(Op::Gt),
        "ge" => Some(Op::Ge),
        "lt" => Some(Op::Lt),
        "le" => Some(Op::Le),
        "contains" => Some(Op::Contains),
        "matches" => Some(Op::Matches),
        "in" => Some(Op::In),
        "and" => Some(Op::And),
        "or" => Some(Op::Or),
        "xor" => Some(Op::Xor),
        "not" => Some(Op::Not),
        "any" => Some(Op::Any),
        "all" => Some(Op::All),
        "bitwise_and" => Some(Op::BitAnd),
        _ => None,
    };
    let _ = before;
    Ok((keyword.map_or_else(|| Token::Word(word.to_owned()), Token::Op), len))
}

/// Length of the longest word: a name or number, bytes or an IPv6 address with colons, an address with prefix length.
fn word_len(b: &[u8]) -> usize {
    name_len(b).max(colon_len(b)).max(prefixed_len(b))
}

/// Letters, digits, `_` and, inside, `-`; parts joined by single dots; a dot may stand in front.
fn name_len(b: &[u8]) -> usize {
    let part = |from: usize| {
        let inside = |c: &u8| c.is_ascii_alphanumeric() || *c == b'_' || *c == b'-';
        match b.get(from) {
            Some(c) if c.is_ascii_alphanumeric() || *c == b'_' => b[from..].iter().take_while(|c| inside(c)).count(),
            _ => 0,
        }
    };
    let mut len = usize::from(b.first() == Some(&b'.'));
    let first = part(len);
    if first == 0 {
        return 0;
    }
    len += first;
    while b.get(len) == Some(&b'.') {
        let n = part(len + 1);
        if n == 0 {
            break;
        }
        len += 1 + n;
    }
    len
}

/// Hex digits and colons, with an IPv4 tail, and a prefix length behind a slash.
fn colon_len(b: &[u8]) -> usize {
    let mut len = b.iter().take_while(|c| c.is_ascii_hexdigit() || **c == b':').count();
    if !b[..len].contains(&b':') {
        return 0;
    }
    if b.get(len) == Some(&b'.') && b.get(len + 1).is_some_and(u8::is_ascii_digit) {
        while b.get(len).is_some_and(|c| c.is_ascii_digit() || (*c == b'.' && b.get(len + 1) != Some(&b'.'))) {
            len += 1;
        }
    }
    len + prefix(&b[len..])
}

/// Four numbers with dots and a prefix length.
fn prefixed_len(b: &[u8]) -> usize {
    let mut len = 0;
    for n in 0..4 {
        if n > 0 {
            if b.get(len) != Some(&b'.') {
                return 0;
            }
            len += 1;
        }
        let digits = b[len..].iter().take_while(|c| c.is_ascii_digit()).count();
        if digits == 0 || digits > 3 {
            return 0;
        }
        len += digits;
    }
    match prefix(&b[len..]) {
        0 => 0,
        n => len + n,
    }
}

fn prefix(b: &[u8]) -> usize {
    match b {
        [b'/', rest @ ..] => match rest.iter().take_while(|c| c.is_ascii_digit()).count() {
            0 => 0,
            n => n + 1,
        },
        _ => 0,
    }
}

/// Text in double quotes; in a raw one backslashes stay, except that `\"` does not end it.
fn quoted_text(b: &[u8], at: usize, open: usize, raw: bool) -> Result<(Token, usize), FilterError> {
    let mut out = Vec::new();
    let mut i = open;
    loop {
        match b.get(i) {
            None => return Err(syntax(at, "the closing quote of this text is missing")),
            Some(b'"') => return Ok((Token::Text(out), i + 1)),
            Some(b'\\') if raw => {
                out.push(b'\\');
                i += 1;
                if let Some(&c) = b.get(i) {
                    out.push(c);
                    i += 1;
                }
            }
            Some(b'\\') => i += escape(&b[i..], at + i, &mut out)?,
            Some(&c) => {
                out.push(c);
                i += 1;
            }
        }
    }
}

/// One escape sequence; its length.
fn escape(b: &[u8], at: usize, out: &mut Vec<u8>) -> Result<usize, FilterError> {
    let wrong = || {
        syntax(at, "this escape sequence is not known").hint(
        "known are \\\\ \\\" \\' \\a \\b \\f \\n \\r \\t \\v, \\NNN in octal, \\xNN, \\uNNNN, \\UNNNNNNNN; r\"...\" takes backslashes as they are",
    )
    };
    let hex = |from: usize, n: usize| {
        let digits = b.get(from..from + n)?;
        let digits = std::str::from_utf8(digits).ok().filter(|d| d.bytes().all(|c| c.is_ascii_hexdigit()))?;
        u32::from_str_radix(digits, 16).ok()
    };
    let mut byte = |v: u8, n: usize| {
        out.push(v);
        Ok(n)
    };
    match b.get(1) {
        Some(c @ (b'\\' | b'"' | b'\'')) => byte(*c, 2),
        Some(b'a') => byte(7, 2),
        Some(b'b') => byte(8, 2),
        Some(b'f') => byte(12, 2),
        Some(b'n') => byte(10, 2),
        Some(b'r') => byte(13, 2),
        Some(b't') => byte(9, 2),
        Some(b'v') => byte(11, 2),
        Some(b'0'..=b'7') => {
            let digits = b[1..].iter().take(3).take_while(|c| (b'0'..=b'7').contains(c));
            let (n, v) = digits.fold((0, 0u32), |(n, v), c| (n + 1, v * 8 + (c - b'0') as u32));
            byte(u8::try_from(v).map_err(|_| wrong())?, n + 1)
        }
        Some(b'x') => {
            let n = b[2..].iter().take(2).take_while(|c| c.is_ascii_hexdigit()).count();
            let v = if n == 0 { None } else { hex(2, n) };
            byte(v.ok_or_else(wrong)? as u8, 2 + n)
        }
        Some(c @ (b'u' | b'U')) => {
            let n = if *c == b'u' { 4 } else { 8 };
            let v = hex(2, n).and_then(char::from_u32).ok_or_else(wrong)?;
            out.extend_from_slice(v.encode_utf8(&mut [0; 4]).as_bytes());
            Ok(2 + n)
        }
        _ => Err(wrong()),
    }
}

fn character(b: &[u8], at: usize) -> Result<(Token, usize), FilterError> {
    let mut out = Vec::new();
    let mut i = 1;
    loop {
        match b.get(i) {
            None => return Err(syntax(at, "the closing quote of this character is missing")),
            Some(b'\'') => break,
            Some(b'\\') => i += escape(&b[i..], at + i, &mut out)?,
            Some(&c) => {
                out.push(c);
                i += 1;
            }
        }
    }
    match out[..] {
        [c] => Ok((Token::Char(c), i + 1)),
        _ => Err(syntax(at, "a character constant holds one byte").hint("texts stand in double quotes")),
    }
}

/// `[` ranges `]`, separated by commas.
fn ranges(b: &[u8], at: usize) -> Result<(Vec<Slice>, usize), FilterError> {
    let wrong = |message: &str| {
        syntax(at, message.to_owned())
            .hint("a slice is [offset:length], [first-last], [offset], [:length] or [offset:]")
    };
    let close = b.iter().position(|&c| c == b']').ok_or_else(|| wrong("the \"]\" of this slice is missing"))?;
    let inside = std::str::from_utf8(&b[1..close]).map_err(|_| wrong("a slice holds numbers"))?;
    let mut out = Vec::new();
    for part in inside.split(',') {
        out.push(range(part.trim()).ok_or_else(|| wrong("this range is not valid"))?);
    }
    if out.len() > 100 {
        return Err(FilterError::new(Code::TooComplex, at, "a slice of more than 100 ranges is not taken"));
    }
    Ok((out, close + 1))
}

fn range(text: &str) -> Option<Slice> {
    if let Some((start, length)) = text.split_once(':') {
        let start = if start.trim().is_empty() { 0 } else { integer(start.trim())? };
        let end = match length.trim() {
            "" => End::Rest,
            length => End::Length(u64::try_from(integer(length)?).ok().filter(|&n| n > 0)?),
        };
        return Some(Slice { start, end });
    }
    // The first minus may be a sign; the one that separates follows a digit.
    let dash = text.char_indices().skip(1).find(|&(_, c)| c == '-').map(|(i, _)| i);
    if let Some(dash) = dash {
        let (start, last) = (integer(text[..dash].trim())?, integer(text[dash + 1..].trim())?);
        if start >= 0 && last >= 0 && start >= last || start < 0 && last < 0 && start > last {
            return None;
        }
        return Some(Slice { start, end: End::Offset(last) });
    }
    Some(Slice { start: integer(text)?, end: End::Length(1) })
}

fn integer(text: &str) -> Option<i64> {
    let (sign, digits) = match text.strip_prefix('-') {
        Some(rest) => (-1, rest),
        None => (1, text),
    };
    let n = match digits.strip_prefix("0x") {
        Some(hex) if !hex.starts_with(['+', '-']) => i64::from_str_radix(hex, 16).ok()?,
        _ if digits.bytes().all(|c| c.is_ascii_digit()) => digits.parse().ok()?,
        _ => return None,
    };
    (n <= i32::MAX as i64).then_some(sign * n)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<String> {
        tokens(text).unwrap().iter().map(|t| text[t.at..t.end].to_owned()).collect()
    }

    #[test]
    fn words_as_wireshark_cuts_them() {
        assert_eq!(words("ip.ttl-1 ip.ttl -1 ip.src/24"), ["ip.ttl-1", "ip.ttl", "-", "1", "ip.src", "/", "24"]);
        assert_eq!(words("10.0.0.0/8 fe80::/10 ::1"), ["10.0.0.0/8", "fe80::/10", "::1"]);
        assert_eq!(words("{1000..2000}"), ["{", "1000", "..", "2000", "}"]);
        assert_eq!(words("{10.0.0.0..10.0.0.9}"), ["{", "10.0.0.0", "..", "10.0.0.9", "}"]);
        assert_eq!(words("00:11:22 00-11-22 0011.2233"), ["00:11:22", "00-11-22", "0011.2233"]);
        assert_eq!(words("2010-01-01T00:00:00"), ["2010-01-01T00", ":00:00"]);
        assert_eq!(words("::ffff:1.2.3.4/100"), ["::ffff:1.2.3.4/100"]);
    }

    #[test]
    fn escapes() {
        let text = |t: &str| match &tokens(t).unwrap()[0].token {
            Token::Text(v) => v.clone(),
            other => panic!("{other:?}"),
        };
        assert_eq!(text(r#""\x48EAD""#), b"HEAD");
        assert_eq!(text(r#""\110EAD""#), b"HEAD");
        assert_eq!(text(r#"r"a\b\"c""#), br#"a\b\"c"#);
        assert_eq!(text(r#""\u00e9""#), "é".as_bytes());
        assert!(tokens(r#""\q""#).is_err());
        assert!(tokens(r#""\u12"#).is_err());
        assert!(tokens("'ab'").is_err());
    }

    #[test]
    fn slices() {
        let slice = |t: &str| match tokens(t).map(|t| t[0].token.clone()) {
            Ok(Token::Slice(v)) => Some((v[0].start, v[0].end)),
            _ => None,
        };
        assert_eq!(slice("[1:2]"), Some((1, End::Length(2))));
        assert_eq!(slice("[-4:]"), Some((-4, End::Rest)));
        assert_eq!(slice("[:3]"), Some((0, End::Length(3))));
        assert_eq!(slice("[-5--3]"), Some((-5, End::Offset(-3))));
        assert_eq!(slice("[3-5]"), Some((3, End::Offset(5))));
        assert_eq!(slice("[0x10]"), Some((16, End::Length(1))));
        for wrong in ["[5-3]", "[4:0]", "[-5:-3]", "[a]", "[", "[1"] {
            assert_eq!(slice(wrong), None, "{wrong}");
        }
    }
}
