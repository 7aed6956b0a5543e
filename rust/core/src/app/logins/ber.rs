//! BER values (X.690 section 8.1), as far as logins need them.

use crate::app::Step;

/// (tag, offset of the content, its length) of the value that starts here; None: no header of a definite length.
fn header(data: &[u8]) -> Result<(u8, usize, usize), Step> {
    let &[tag, len, ..] = data else { return Err(Step::Need(2)) };
    if len & 0x80 == 0 {
        return Ok((tag, 2, len as usize));
    }
    let bytes = (len & 0x7f) as usize;
    if bytes == 0 || bytes > 4 {
        return Err(Step::Lost);
    }
    let Some(long) = data.get(2..2 + bytes) else { return Err(Step::Need(2 + bytes)) };
    Ok((tag, 2 + bytes, long.iter().fold(0, |n, &b| n << 8 | b as usize)))
}

/// Bytes of the value that starts here, header included.
pub fn size(data: &[u8]) -> Result<usize, Step> {
    header(data).map(|(_, start, len)| start.saturating_add(len))
}

/// (tag, content, what follows) of the value that starts here, where all of it is there.
pub fn value(data: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (tag, start, len) = header(data).ok()?;
    let end = start.checked_add(len)?;
    Some((tag, data.get(start..end)?, data.get(end..)?))
}

/// The content of the value that starts here, if it has that tag; and what follows.
pub fn tagged(data: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    value(data).filter(|v| v.0 == tag).map(|v| (v.1, v.2))
}

/// A small number.
pub fn integer(content: &[u8]) -> Option<i64> {
    let first = *content.first()?;
    (content.len() <= 8)
        .then(|| content.iter().fold(if first & 0x80 != 0 { -1 } else { 0 }, |n: i64, &b| n << 8 | b as i64))
}

/// The values one behind the other in a content.
pub fn each(mut data: &[u8]) -> impl Iterator<Item = (u8, &[u8])> {
    std::iter::from_fn(move || {
        let (tag, content, rest) = value(data)?;
        data = rest;
        Some((tag, content))
    })
}
