//! Looking for the next believable record behind damage.

use super::{Body, RECORD_HEADER};
use crate::container::Window;

/// Headers in a row that have to be believable.
const CHAIN: usize = 3;
/// Seconds two neighbouring records, or a record and the last good one, may lie apart.
const NEAR: u32 = 7 * 86_400;
/// Earliest time believed when no good record came before (1980).
const EARLIEST: u32 = 315_532_800;
/// Longest wire length believed, bytes.
const MAX_WIRE: u32 = 1 << 24;

pub(super) enum Found {
    /// A record begins here.
    At(usize),
    /// Everything before the first number is no record; from there on so many bytes are needed to say.
    Need(usize, usize),
}

enum Answer {
    Yes,
    No,
    Need(usize),
}

impl Body {
    /// Tries every position from `pos` on. Each is looked at once, with a bounded number of headers behind it, so the
    /// search is linear in the input.
    #[cold]
    pub(super) fn search<const BIG: bool>(&self, window: Window<'_>, pos: usize) -> Found {
        let bytes = window.bytes;
        let mut pos = pos;
        loop {
            let rest = bytes.get(pos..).unwrap_or_default();
            let Some(header) = rest.first_chunk::<RECORD_HEADER>() else {
                return Found::Need(if window.eof { bytes.len() } else { pos }, RECORD_HEADER);
            };
            if *header == [0; RECORD_HEADER] {
                // nothing to find where the whole header is zero: go on where its last byte is not
                let run = rest.iter().position(|&byte| byte != 0).unwrap_or(rest.len());
                pos += run + 1 - RECORD_HEADER;
                continue;
            }
            match self.chain::<BIG>(rest, window.eof) {
                Answer::Yes => return Found::At(pos),
                Answer::No => pos += 1,
                Answer::Need(need) => return Found::Need(pos, need),
            }
        }
    }

    /// Is there a chain of believable records at the begin of `bytes`?
    fn chain<const BIG: bool>(&self, bytes: &[u8], eof: bool) -> Answer {
        let mut at = 0;
        let mut near = self.last_secs;
        for depth in 0..CHAIN {
            let rest = bytes.get(at..).unwrap_or_default();
            let Some(header) = rest.first_chunk::<RECORD_HEADER>() else {
                return match eof {
                    true if depth > 0 => Answer::Yes,
                    true => Answer::No,
                    false => Answer::Need(at + RECORD_HEADER),
                };
            };
            let [secs, fraction, captured, wire] = self.fields::<BIG>(header);
            let in_time = near.map_or(secs >= EARLIEST, |near| secs.abs_diff(near) <= NEAR);
            let in_second = u64::from(fraction) * u64::from(self.unit) < 1_000_000_000;
            let lengths = captured > 0 && captured <= wire && captured <= self.max_searched && wire <= MAX_WIRE;
            if !(in_time && in_second && lengths) {
                return Answer::No;
            }
            let len = self.header_len + captured as usize;
            if eof && len > rest.len() {
                // the last record of the chain may be cut by the end of the input, the first one not
                return if depth > 0 { Answer::Yes } else { Answer::No };
            }
            near = Some(secs);
            at += len;
        }
        Answer::Yes
    }
}
