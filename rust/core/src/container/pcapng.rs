//! pcapng: a stream of blocks in sections, each section with its own byte order and interfaces.

use super::bytes::Order;
use super::{Context, FormatError, Walk, Window};
use crate::record::{LinkType, Record, RecordKind, RecordSink, Timestamp};

const SECTION_HEADER: u32 = 0x0a0d_0d0a;
const BYTE_ORDER_MAGIC: u32 = 0x1a2b_3c4d;
const INTERFACE_DESCRIPTION: u32 = 1;
const ENHANCED_PACKET: u32 = 6;

/// True when the first four bytes of the file are those of a section header block.
pub(crate) fn is_section_header(magic: [u8; 4]) -> bool {
    // reads the same in both byte orders
    u32::from_le_bytes(magic) == SECTION_HEADER
}

/// What the reading of packets needs of an interface.
#[derive(Clone, Copy, Debug)]
struct Clock {
    link: LinkType,
    max_captured: u32,
    units: u64,
}

/// State of the reader of one pcapng file.
#[derive(Debug, Default)]
pub(crate) struct Pcapng {
    order: Option<Order>,
    interfaces: Vec<Clock>,
    first_interface: u32,
}

impl Pcapng {
    pub(crate) fn searching(&self) -> bool {
        false
    }

    /// Reads blocks out of `window` until it is used up.
    pub(crate) fn walk<S: RecordSink>(
        &mut self,
        window: Window<'_>,
        context: &mut Context,
        sink: &mut S,
    ) -> Result<Walk, FormatError> {
        let bytes = window.bytes;
        let mut pos = 0;
        loop {
            let rest = bytes.get(pos..).unwrap_or_default();
            let Some(&magic) = rest.first_chunk::<4>().filter(|_| rest.len() >= 12) else {
                return Ok(cut(window, pos, 12, context));
            };
            if is_section_header(magic) {
                self.order = match Order::Little.u32(rest, 8) {
                    Some(BYTE_ORDER_MAGIC) => Some(Order::Little),
                    Some(value) if value.swap_bytes() == BYTE_ORDER_MAGIC => Some(Order::Big),
                    _ => return Err(FormatError::new("unknown_format", "pcapng: unknown byte-order magic")),
                };
                self.first_interface += self.interfaces.len() as u32;
                self.interfaces.clear();
                context.facts.format = Some("pcapng");
                context.facts.sections += 1;
            }
            let Some(order) = self.order else { return Ok(Walk::end(pos)) };
            let kind = order.u32(rest, 0).unwrap_or_default();
            let total = order.u32(rest, 4).unwrap_or_default() as usize;
            if total < 12 || total > context.limits.max_block_bytes {
                context.damaged(window.base + pos as u64, "corrupt_length");
                return Ok(Walk::end(pos));
            }
            let Some(block) = rest.get(..total) else { return Ok(cut(window, pos, total, context)) };
            match kind {
                INTERFACE_DESCRIPTION => {
                    let link = LinkType(order.u16(block, 8).unwrap_or_default());
                    let max_captured = super::max_captured(link, &context.limits);
                    self.interfaces.push(Clock { link, max_captured, units: 1_000_000 });
                }
                ENHANCED_PACKET => {
                    let word = |index: usize| order.u32(block, 4 * index);
                    let fields = (word(2), word(3), word(4), word(5), word(6));
                    let (Some(id), Some(high), Some(low), Some(captured), Some(wire)) = fields else {
                        context.damaged(window.base + pos as u64, "corrupt_length");
                        return Ok(Walk::end(pos));
                    };
                    let Some(clock) = self.interfaces.get(id as usize) else {
                        context.damaged(window.base + pos as u64, "corrupt_block");
                        return Ok(Walk::end(pos));
                    };
                    let data = block.get(28..total - 4).and_then(|d| d.get(..captured as usize));
                    let Some(data) = data.filter(|_| captured <= clock.max_captured) else {
                        context.damaged(window.base + pos as u64, "corrupt_length");
                        return Ok(Walk::end(pos));
                    };
                    let ticks = u64::from(high) << 32 | u64::from(low);
                    let record = Record {
                        data,
                        wire_len: wire,
                        time: Timestamp {
                            secs: (ticks / clock.units) as i64,
                            nanos: ((ticks % clock.units) as u128 * 1_000_000_000 / clock.units as u128) as i32,
                        },
                        has_time: true,
                        link: clock.link,
                        interface: Some(self.first_interface + id),
                        fcs_len: None,
                        kind: RecordKind::Packet,
                        offset: window.base + pos as u64,
                        recovered: false,
                    };
                    if sink.record(&record).is_break() {
                        return Ok(Walk::end(pos + total));
                    }
                }
                _ => {}
            }
            pos += total;
        }
    }
}

fn cut(window: Window<'_>, pos: usize, len: usize, context: &mut Context) -> Walk {
    if window.eof && pos < window.bytes.len() && !context.outer_damage {
        context.damaged(window.base + pos as u64, "truncated");
    }
    Walk::need(pos, len)
}
