//! Text protocols: lines, words, base64.

use crate::app::Step;
use crate::app::http::secret::{self, MAX_USER};
use crate::app::message::text;

/// Longest line waited for, bytes: longer ones hold no login.
const MAX_LINE: usize = 12 << 10;

/// The first line without its end, and the bytes it takes; or what to do while it is not there.
pub fn first(data: &[u8]) -> Result<(&[u8], usize), Step> {
    match data.iter().take(MAX_LINE).position(|&b| b == b'\n') {
        Some(end) => {
            let line = data.get(..end).unwrap_or_default();
            Ok((line.strip_suffix(b"\r").unwrap_or(line), end + 1))
        }
        None if data.len() >= MAX_LINE => Err(Step::Consumed(data.len())),
        None => Err(Step::Need(data.len() + 1)),
    }
}

/// The first word and what stands behind the space after it.
pub fn word(line: &[u8]) -> (&[u8], &[u8]) {
    let end = line.iter().position(|&b| b == b' ').unwrap_or(line.len());
    (line.get(..end).unwrap_or_default(), line.get(end + 1..).unwrap_or_default().trim_ascii())
}

pub fn is(word: &[u8], expected: &str) -> bool {
    word.eq_ignore_ascii_case(expected.as_bytes())
}

/// Three digits in front, and whether more lines of the same reply follow.
pub fn reply(line: &[u8]) -> Option<(u16, bool)> {
    let code = line.get(..3)?;
    if !code.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let code = code.iter().fold(0u16, |n, d| n * 10 + (d - b'0') as u16);
    match line.get(3) {
        None | Some(b' ') => Some((code, false)),
        Some(b'-') => Some((code, true)),
        Some(_) => None,
    }
}

/// The name of a user, escaped and capped.
pub fn user(name: &[u8]) -> String {
    text(name, MAX_USER)
}

pub fn base64(digits: &[u8]) -> Vec<u8> {
    secret::base64(digits, 8 << 10)
}
