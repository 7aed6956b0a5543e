//! Looking for the next believable block behind damage.

use super::{
    BYTE_ORDER_MAGIC, CUSTOM, CUSTOM_NO_COPY, DECRYPTION_SECRETS, ENHANCED_PACKET, FRAME, INTERFACE_DESCRIPTION,
    INTERFACE_STATISTICS, JOURNAL, MIN_SECTION_HEADER, NAME_RESOLUTION, PACKET, Pcapng, SECTION_HEADER, SIMPLE_PACKET,
};
use crate::container::bytes::Order;
use crate::container::search::Found;
use crate::container::{Context, Window};

/// Longest block believed while searching: a packet and its options.
const MAX_TOTAL: usize = 1 << 20;

impl Pcapng {
    /// Tries every position from `pos` on: a section header anywhere, another block where the section is aligned to.
    /// A block counts when its type is known and both lengths agree.
    #[cold]
    pub(super) fn search(&self, window: Window<'_>, pos: usize, context: &Context) -> Found {
        let bytes = window.bytes;
        let max_total = MAX_TOTAL.min(context.limits.max_block_bytes);
        let mut pos = pos;
        loop {
            let rest = bytes.get(pos..).unwrap_or_default();
            let Some(head) = rest.first_chunk::<FRAME>() else {
                return Found::Need(if window.eof { bytes.len() } else { pos }, FRAME);
            };
            if *head == [0; FRAME] {
                let run = rest.iter().position(|&byte| byte != 0).unwrap_or(rest.len());
                pos += run + 1 - FRAME;
                continue;
            }
            let Some((order, total)) = self.plausible(head, window.base + pos as u64, max_total) else {
                pos += 1;
                continue;
            };
            match rest.get(..total) {
                Some(block) if order.u32(block, total - 4) == Some(total as u32) => return Found::At(pos),
                None if !window.eof => return Found::Need(pos, total),
                _ => pos += 1,
            }
        }
    }

    /// Byte order and length of a block that begins with `head`, if it could be one.
    fn plausible(&self, head: &[u8; FRAME], offset: u64, max_total: usize) -> Option<(Order, usize)> {
        let (order, min) = if Order::Little.u32(head, 0) == Some(SECTION_HEADER) {
            let magic = Order::Little.u32(head, 8)?;
            let order = if magic == BYTE_ORDER_MAGIC { Order::Little } else { Order::Big };
            if magic != BYTE_ORDER_MAGIC && magic.swap_bytes() != BYTE_ORDER_MAGIC {
                return None;
            }
            (order, MIN_SECTION_HEADER)
        } else {
            let section = self.section.as_ref()?;
            if offset % 4 != section.alignment {
                return None;
            }
            let min = match section.order.u32(head, 0)? {
                INTERFACE_DESCRIPTION => 20,
                PACKET | ENHANCED_PACKET => 32,
                SIMPLE_PACKET | CUSTOM | CUSTOM_NO_COPY => 16,
                INTERFACE_STATISTICS => 24,
                DECRYPTION_SECRETS => 20,
                NAME_RESOLUTION | JOURNAL => FRAME,
                _ => return None,
            };
            (section.order, min)
        };
        let total = order.u32(head, 4)? as usize;
        (total >= min && total <= max_total && total.is_multiple_of(4)).then_some((order, total))
    }
}
