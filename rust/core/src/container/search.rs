//! Looking for the next believable record behind damage, in formats whose records form a chain.

use super::Window;

/// Headers in a row that have to be believable.
const CHAIN: usize = 3;
/// Seconds two neighbouring records, or a record and the last good one, may lie apart.
const NEAR: u32 = 7 * 86_400;
/// Earliest time believed when no good record came before (1980).
const EARLIEST: u32 = 315_532_800;
/// Longest wire length believed, bytes.
pub(crate) const MAX_WIRE: u32 = 1 << 24;

/// Where a search came to.
pub(crate) enum Found {
    /// A record begins here.
    At(usize),
    /// Everything before the first number is no record; from there on so many bytes are needed to say.
    Need(usize, usize),
}

/// How the records of a format are laid out.
pub(crate) trait Records<const HEADER: usize> {
    /// Length of the record with that header, bytes, and its seconds, if both are believable. The time is looked at by
    /// the caller.
    fn record(&self, header: &[u8; HEADER]) -> Option<(usize, u32)>;
}

enum Answer {
    Yes,
    No,
    Need(usize),
}

/// Tries every position from `pos` on; `near`: seconds of the last good record. Each position is looked at once, with
/// a bounded number of headers behind it, so the search is linear in the input.
#[cold]
pub(crate) fn search<const HEADER: usize>(
    records: &impl Records<HEADER>,
    near: Option<u32>,
    window: Window<'_>,
    pos: usize,
) -> Found {
    let bytes = window.bytes;
    let mut pos = pos;
    loop {
        let rest = bytes.get(pos..).unwrap_or_default();
        let Some(header) = rest.first_chunk::<HEADER>() else {
            return Found::Need(if window.eof { bytes.len() } else { pos }, HEADER);
        };
        if *header == [0; HEADER] {
            // nothing to find where the whole header is zero: go on where its last byte is not
            pos += rest.iter().position(|&byte| byte != 0).unwrap_or(rest.len()) + 1 - HEADER;
            continue;
        }
        match chain(records, near, rest, window.eof) {
            Answer::Yes => return Found::At(pos),
            Answer::No => pos += 1,
            Answer::Need(need) => return Found::Need(pos, need),
        }
    }
}

/// Is there a chain of believable records at the begin of `bytes`?
fn chain<const HEADER: usize>(records: &impl Records<HEADER>, near: Option<u32>, bytes: &[u8], eof: bool) -> Answer {
    let mut near = near;
    let mut at = 0;
    for depth in 0..CHAIN {
        let rest = bytes.get(at..).unwrap_or_default();
        let Some(header) = rest.first_chunk::<HEADER>() else {
            return match eof {
                true if depth > 0 => Answer::Yes,
                true => Answer::No,
                false => Answer::Need(at + HEADER),
            };
        };
        let Some((len, secs)) = records.record(header) else { return Answer::No };
        if !near.map_or(secs >= EARLIEST, |near| secs.abs_diff(near) <= NEAR) {
            return Answer::No;
        }
        if eof && len > rest.len() {
            // the last record of the chain may be cut by the end of the input, the first one not
            return if depth > 0 { Answer::Yes } else { Answer::No };
        }
        near = Some(secs);
        at += len;
    }
    Answer::Yes
}
