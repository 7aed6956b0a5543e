//! What must never leave the core: passwords, tokens and session names are taken out before anything is stored. That a
//! login was tried, in which way and by which user, is kept.

use crate::app::message::text;

/// What stands in place of a secret.
const HIDDEN: &str = "***";
/// Names of parameters whose values are secrets, and parts of such names.
const EXACT: [&str; 12] =
    ["auth", "authorization", "sid", "key", "sig", "pin", "otp", "jwt", "pw", "psw", "phpsessid", "sess"];
const PARTS: [&str; 10] =
    ["pass", "pwd", "secret", "token", "apikey", "api_key", "api-key", "access_key", "session", "credential"];
/// Fields of forms that hold the name of the user.
#[rustfmt::skip]
const USERS: [&str; 14] = [
    "user", "username", "user_name", "login", "email", "userid", "user_id", "uname", "account", "log", "usr", "name",
    "j_username", "loginname",
];
/// Longest user name kept, bytes.
pub const MAX_USER: usize = 100;

/// A login as far as it may be told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Login {
    /// `basic`, `digest`, `ntlm`, `negotiate`, `bearer`, `form` or `other`.
    pub scheme: &'static str,
    pub user: Option<String>,
}

/// A request target or URL as text, at most about `max` bytes: values of parameters that are secrets by their names
/// and the password in front of a host are replaced.
pub fn shown_target(target: &[u8], max: usize) -> String {
    let target = target.get(..max).unwrap_or(target);
    let mut out = Vec::with_capacity(target.len());
    let mut rest = target;
    if let Some(host) = target.windows(3).position(|w| w == b"://").map(|i| i + 3) {
        let end =
            target.iter().skip(host).position(|&b| matches!(b, b'/' | b'?' | b'#')).map_or(target.len(), |i| i + host);
        let info = target.get(host..end).unwrap_or_default();
        if let Some(at) = info.iter().rposition(|&b| b == b'@') {
            let user = info.get(..at).unwrap_or_default().split(|&b| b == b':').next().unwrap_or_default();
            out.extend_from_slice(target.get(..host).unwrap_or_default());
            out.extend_from_slice(user);
            out.extend_from_slice(format!(":{HIDDEN}").as_bytes());
            rest = target.get(host + at..).unwrap_or_default();
        }
    }
    let mut first = true;
    for piece in rest.split_inclusive(|&b| matches!(b, b'?' | b'&' | b';' | b'#')) {
        let (body, end) = match piece.split_last() {
            Some((end, body)) if matches!(end, b'?' | b'&' | b';' | b'#') => (body, Some(*end)),
            _ => (piece, None),
        };
        match body.iter().position(|&b| b == b'=') {
            Some(eq) if !first && is_secret(body.get(..eq).unwrap_or_default()) => {
                out.extend_from_slice(body.get(..=eq).unwrap_or_default());
                out.extend_from_slice(HIDDEN.as_bytes());
            }
            _ => out.extend_from_slice(body),
        }
        out.extend(end);
        first = false;
    }
    text(&out, max)
}

/// Whether a parameter of that name holds a secret.
pub fn is_secret(name: &[u8]) -> bool {
    let name = decoded(name, 64).to_ascii_lowercase();
    EXACT.contains(&name.as_str()) || PARTS.iter().any(|p| name.contains(p))
}

/// The login in an Authorization field; None where the field only begins a handshake.
pub fn login(value: &[u8]) -> Option<Login> {
    let end = value.iter().position(|&b| b == b' ').unwrap_or(value.len());
    let (scheme, rest) = value.split_at(end);
    let rest = rest.trim_ascii();
    let shown = |user: &[u8]| (!user.is_empty()).then(|| text(user, MAX_USER));
    let is = |name: &str| scheme.eq_ignore_ascii_case(name.as_bytes());
    Some(if is("basic") {
        let pair = base64(rest, 512);
        let user = pair.iter().position(|&b| b == b':').and_then(|colon| pair.get(..colon));
        Login { scheme: "basic", user: user.and_then(shown) }
    } else if is("digest") {
        Login { scheme: "digest", user: quoted(rest, b"username").and_then(shown) }
    } else if is("ntlm") || is("negotiate") {
        let token = base64(rest, 4096);
        let scheme = if is("ntlm") { "ntlm" } else { "negotiate" };
        match ntlm_user(&token) {
            Some(user) => Login { scheme, user: Some(user) },
            // A handshake that has not come to the user yet; a Kerberos ticket names nobody in the clear.
            None if scheme == "ntlm" || token.windows(8).any(|w| w == b"NTLMSSP\0") => return None,
            None => Login { scheme, user: None },
        }
    } else if is("bearer") {
        Login { scheme: "bearer", user: None }
    } else {
        Login { scheme: "other", user: None }
    })
}

/// The login in an urlencoded form: it has a field for a password.
pub fn form_login(body: &[u8]) -> Option<Login> {
    let fields = || body.split(|&b| b == b'&').filter_map(|f| f.iter().position(|&b| b == b'=').map(|i| f.split_at(i)));
    let password = |name: &[u8]| {
        let name = decoded(name, 64).to_ascii_lowercase();
        ["pass", "pwd"].iter().any(|p| name.contains(p)) || name == "pw" || name == "psw"
    };
    fields().find(|(name, value)| value.len() > 1 && password(name))?;
    let user = fields().find(|(name, _)| {
        let name = decoded(name, 64).to_ascii_lowercase();
        USERS.contains(&name.as_str())
    });
    let user = user.map(|(_, value)| decoded(value.get(1..).unwrap_or_default(), MAX_USER)).filter(|u| !u.is_empty());
    Some(Login { scheme: "form", user: user.map(|u| text(u.as_bytes(), MAX_USER)) })
}

/// The value of `name="..."` in a list of parameters.
fn quoted<'a>(list: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    let part = list.split(|&b| b == b',').map(<[u8]>::trim_ascii).find(|p| {
        p.get(..name.len()).is_some_and(|n| n.eq_ignore_ascii_case(name)) && p.get(name.len()) == Some(&b'=')
    })?;
    let value = part.get(name.len() + 1..)?.trim_ascii();
    Some(value.strip_prefix(b"\"").and_then(|v| v.strip_suffix(b"\"")).unwrap_or(value))
}

/// Percent and plus signs decoded, at most `max` bytes of input; what is no UTF-8 is replaced.
fn decoded(value: &[u8], max: usize) -> String {
    let mut out = Vec::new();
    let mut bytes = value.iter().take(max).copied();
    while let Some(b) = bytes.next() {
        match b {
            b'+' => out.push(b' '),
            b'%' => {
                let pair = [bytes.next(), bytes.next()];
                let digit = |b: Option<u8>| b.and_then(|b| (b as char).to_digit(16));
                match (digit(pair[0]), digit(pair[1])) {
                    (Some(hi), Some(lo)) => out.push((hi << 4 | lo) as u8),
                    _ => out.push(b'%'),
                }
            }
            b => out.push(b),
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

/// The user of an NTLM AUTHENTICATE message ([MS-NLMP] 2.2.1.3): domain and name, where the token holds one.
pub fn ntlm_user(token: &[u8]) -> Option<String> {
    let start = token.windows(8).position(|w| w == b"NTLMSSP\0")?;
    let m = token.get(start..)?;
    let le16 = |at: usize| Some(u16::from_le_bytes(m.get(at..at + 2)?.try_into().ok()?) as usize);
    let le32 = |at: usize| Some(u32::from_le_bytes(m.get(at..at + 4)?.try_into().ok()?) as usize);
    if le32(8)? != 3 {
        return None;
    }
    let unicode = le32(60).is_none_or(|flags| flags & 1 != 0);
    let string = |at: usize| -> Option<String> {
        let from = le32(at + 4)?;
        let bytes = m.get(from..from.checked_add(le16(at)?)?)?;
        if !unicode {
            return Some(text(bytes, MAX_USER));
        }
        let units: Vec<u16> = bytes.chunks_exact(2).take(MAX_USER).map(|c| u16::from_le_bytes([c[0], c[1]])).collect();
        Some(text(String::from_utf16_lossy(&units).as_bytes(), MAX_USER))
    };
    let (domain, user) = (string(28)?, string(36)?);
    match (domain.is_empty(), user.is_empty()) {
        (_, true) => None,
        (true, false) => Some(user),
        (false, false) => Some(format!("{domain}/{user}")),
    }
}

/// Base64 (RFC 4648) up to the first byte that is none of it, at most `max` bytes of input.
pub fn base64(digits: &[u8], max: usize) -> Vec<u8> {
    let mut out = Vec::new();
    let (mut bits, mut held) = (0u32, 0);
    for &b in digits.iter().take(max) {
        let six = match b {
            b'A'..=b'Z' => b - b'A',
            b'a'..=b'z' => b - b'a' + 26,
            b'0'..=b'9' => b - b'0' + 52,
            b'+' | b'-' => 62,
            b'/' | b'_' => 63,
            _ => break,
        };
        bits = (bits << 6 | six as u32) & 0xffff;
        held += 6;
        if held >= 8 {
            held -= 8;
            out.push((bits >> held) as u8);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn login_of(value: &str) -> Option<(&'static str, Option<String>)> {
        login(value.as_bytes()).map(|l| (l.scheme, l.user))
    }

    #[test]
    fn secrets_are_taken_out_of_targets() {
        for (target, expected) in [
            ("/a?user=x&password=hunter2&b=1", "/a?user=x&password=***&b=1"),
            ("/a;jsessionid=ABC?x=1#access_token=T", "/a;jsessionid=***?x=1#access_token=***"),
            ("http://me:hunter2@h/x", "http://me:***@h/x"),
            ("http://token@h/x", "http://token:***@h/x"),
            ("/a?PassWord=1&api%5Fkey=2&monkey=3", "/a?PassWord=***&api%5Fkey=***&monkey=3"),
            ("/pass=word", "/pass=word"),
            ("/x?y=http://u:p@h/", "/x?y=http://u:***@h/"),
        ] {
            assert_eq!(shown_target(target.as_bytes(), 500), expected);
        }
    }

    #[test]
    fn users_without_their_secrets() {
        // RFC 7617 2: Aladdin and open sesame.
        assert_eq!(login_of("Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="), Some(("basic", Some("Aladdin".into()))));
        // RFC 7616 3.9.1.
        let digest =
            r#"Digest username="Mufasa", realm="http-auth@example.org", response="8ca523f5e9506fed4657c9700eebdbec""#;
        assert_eq!(login_of(digest), Some(("digest", Some("Mufasa".into()))));
        assert_eq!(login_of("Bearer abc.def"), Some(("bearer", None)));
        assert_eq!(login_of("NTLM TlRMTVNTUAABAAAA"), None);
        assert_eq!(login_of("Secret"), Some(("other", None)));
    }

    #[test]
    fn forms_with_a_password() {
        let user = |body: &str| form_login(body.as_bytes()).map(|l| l.user);
        assert_eq!(user("a=1&username=bob%40example.org&passwd=x"), Some(Some("bob@example.org".into())));
        assert_eq!(user("log=eve&pwd=secret"), Some(Some("eve".into())));
        assert_eq!(user("pass=x"), Some(None));
        assert_eq!(user("username=bob&passwd="), None);
        assert_eq!(user("q=password"), None);
    }

    #[test]
    fn the_user_of_an_ntlm_message() {
        let mut m = b"NTLMSSP\0\x03\0\0\0".to_vec();
        m.resize(64, 0);
        let mut put = |at: usize, s: &str| {
            let bytes: Vec<u8> = s.encode_utf16().flat_map(u16::to_le_bytes).collect();
            let from = m.len() as u32;
            m[at..at + 2].copy_from_slice(&(bytes.len() as u16).to_le_bytes());
            m[at + 4..at + 8].copy_from_slice(&from.to_le_bytes());
            m.extend(bytes);
        };
        put(28, "CORP");
        put(36, "alice");
        m[60] = 1;
        assert_eq!(ntlm_user(&m), Some("CORP/alice".into()));
        for i in 0..m.len() {
            let _ = ntlm_user(&m[..i]);
            let mut d = m.clone();
            d[i] = 0xff;
            let _ = ntlm_user(&d);
        }
    }
}
