//! Options: code, length, value, padded to 4 bytes.

use super::{Broken, CORRUPT_BLOCK};
use crate::container::bytes::Order;

/// End of the options.
const END: u16 = 0;
/// A comment, in any block.
pub(super) const COMMENT: u16 = 1;
/// Custom options begin with the number of an enterprise.
const CUSTOM: [u16; 4] = [2988, 2989, 19372, 19373];

/// Iterates over (code, value). The first option that does not fit ends it with an error.
pub(super) struct Options<'a> {
    rest: &'a [u8],
    order: Order,
}

impl<'a> Options<'a> {
    pub(super) fn new(bytes: &'a [u8], order: Order) -> Self {
        Self { rest: bytes, order }
    }

    fn take(&mut self) -> Option<(u16, &'a [u8])> {
        let code = self.order.u16(self.rest, 0)?;
        let len = usize::from(self.order.u16(self.rest, 2)?);
        let value = self.rest.get(4..4 + len)?;
        let rest = self.rest.get(4 + len.next_multiple_of(4)..)?;
        if CUSTOM.contains(&code) && len < 4 {
            return None;
        }
        self.rest = if code == END { &[] } else { rest };
        Some((code, value))
    }
}

impl<'a> Iterator for Options<'a> {
    type Item = Result<(u16, &'a [u8]), Broken>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        match self.take() {
            Some((END, _)) => None,
            Some(option) => Some(Ok(option)),
            None => {
                self.rest = &[];
                Some(Err(CORRUPT_BLOCK))
            }
        }
    }
}
