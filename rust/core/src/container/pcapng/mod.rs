//! pcapng: a stream of blocks in sections, each section with its own byte order and interfaces.
//!
//! Packet blocks are handed over as they lie in the chunk. A block whose frame (both length fields) is right but whose
//! content is not is damage that costs only that block; where the frame is wrong the next block is searched.

mod blocks;
mod options;
mod packets;
mod search;

use super::bytes::Order;
use super::search::Found;
use super::{Context, FormatError, Walk, Window};
use crate::record::{LinkType, Record, RecordKind, RecordSink, Timestamp};

const SECTION_HEADER: u32 = 0x0a0d_0d0a;
const BYTE_ORDER_MAGIC: u32 = 0x1a2b_3c4d;
const INTERFACE_DESCRIPTION: u32 = 1;
const PACKET: u32 = 2;
const SIMPLE_PACKET: u32 = 3;
const NAME_RESOLUTION: u32 = 4;
const INTERFACE_STATISTICS: u32 = 5;
const ENHANCED_PACKET: u32 = 6;
const JOURNAL: u32 = 9;
const DECRYPTION_SECRETS: u32 = 10;
const CUSTOM: u32 = 0xbad;
const CUSTOM_NO_COPY: u32 = 0x4000_0bad;
/// System calls of sysdig and falco; Wireshark numbers them as frames.
const SYSTEM_CALLS: [u32; 6] = [0x204, 0x208, 0x216, 0x217, 0x221, 0x222];

/// Block header and trailing length.
const FRAME: usize = 12;
const MIN_SECTION_HEADER: usize = 28;
/// Block header and fixed fields of a packet block.
const PACKET_HEADER: usize = 28;
/// Longest block believed at all: a D-Bus message and options, as in Wireshark.
const MAX_BLOCK: u32 = (128 << 20) + (128 << 10) + 32;

/// The content of a block is wrong: the slug that says how.
type Broken = &'static str;
const CORRUPT_BLOCK: Broken = "corrupt_block";
const CORRUPT_LENGTH: Broken = "corrupt_length";

/// True when the first four bytes of the file are those of a section header block.
pub(crate) fn is_section_header(magic: [u8; 4]) -> bool {
    // reads the same in both byte orders
    u32::from_le_bytes(magic) == SECTION_HEADER
}

/// Rounds a length up to the 4 bytes that blocks are padded to. Some writers do not count the padding.
fn padded(len: u32) -> Option<u32> {
    len.checked_next_multiple_of(4)
}

/// What the reading of packets needs of an interface.
#[derive(Clone, Copy, Debug)]
struct Clock {
    link: LinkType,
    fcs_len: Option<u8>,
    max_captured: u32,
    snaplen: u32,
    units: u64,
    offset: i64,
}

impl Clock {
    /// The time of so many ticks.
    #[inline]
    fn time(&self, ticks: u64) -> Timestamp {
        // the two usual clocks apart: division by a constant is a multiplication
        let (secs, nanos) = match self.units {
            1_000_000 => (ticks / 1_000_000, (ticks % 1_000_000) * 1_000),
            1_000_000_000 => (ticks / 1_000_000_000, ticks % 1_000_000_000),
            0 => (0, 0),
            units => {
                let part = u128::from(ticks % units) * 1_000_000_000 / u128::from(units);
                (ticks / units, part as u64)
            }
        };
        Timestamp { secs: (secs as i64).wrapping_add(self.offset), nanos: nanos as i32 }
    }
}

/// A section and what it has described so far.
#[derive(Debug)]
struct Section {
    order: Order,
    /// Number of the section, from 0.
    number: u64,
    /// Interfaces of all sections before it.
    first_interface: u32,
    /// Interfaces described in it; more than `clocks` holds when the limit was reached.
    described: u32,
    clocks: Vec<Clock>,
    /// Offset of its header modulo 4: its blocks are aligned to that.
    alignment: u64,
}

/// State of the reader of one pcapng file.
#[derive(Debug, Default)]
pub(crate) struct Pcapng {
    /// None: no section header was read yet, or the last one has a version that is not known.
    section: Option<Section>,
    sections: u64,
    /// Interfaces of the sections that are over.
    interfaces: u32,
    /// The next believable block is looked for.
    searching: bool,
    recovered: bool,
}

/// The frame of a block.
#[derive(Clone, Copy)]
struct Head {
    kind: u32,
    order: Order,
    /// Length with padding, bytes.
    total: usize,
}

/// What to do after a block.
enum Next {
    Go,
    End,
}

impl Pcapng {
    pub(crate) fn searching(&self) -> bool {
        self.searching
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
            if self.searching {
                match self.search(window, pos, context) {
                    Found::At(found) => {
                        pos = found;
                        self.searching = false;
                        context.facts.resumed(window.base + pos as u64, true);
                    }
                    Found::Need(at, need) => return Ok(Walk::need(at, need)),
                }
            }
            let rest = bytes.get(pos..).unwrap_or_default();
            let offset = window.base + pos as u64;
            if rest.len() < FRAME {
                return Ok(context.cut(window, pos, FRAME));
            }
            let head = match self.head(rest) {
                Ok(head) => head,
                Err(reason) => {
                    if offset == 0 && reason == CORRUPT_BLOCK {
                        return Err(super::unknown_format());
                    }
                    if !self.lost(&mut pos, offset, reason, context) {
                        return Ok(Walk::end(pos));
                    }
                    continue;
                }
            };
            if head.total > context.limits.max_block_bytes {
                match self.large(rest, offset, head, context, sink) {
                    Large::Read => {}
                    Large::Need(need) => return Ok(Walk::need(pos, need)),
                    Large::Skip(Next::Go) => {
                        let consumed = pos as u64 + head.total as u64;
                        if consumed > bytes.len() as u64 {
                            return Ok(Walk { consumed, need: FRAME, end: false });
                        }
                        pos += head.total;
                        continue;
                    }
                    Large::Skip(Next::End) => return Ok(Walk::end(pos)),
                    Large::Broken(reason) => {
                        if !self.lost(&mut pos, offset, reason, context) {
                            return Ok(Walk::end(pos));
                        }
                        continue;
                    }
                }
            }
            let Some(block) = rest.get(..head.total) else {
                if window.eof && context.resync && !context.outer_damage {
                    // the length may be what is wrong: look for blocks in what it covers
                    self.lost(&mut pos, offset, "truncated", context);
                    continue;
                }
                return Ok(context.cut(window, pos, head.total));
            };
            let trailer = head.order.u32(block, head.total - 4).and_then(padded);
            if trailer != Some(head.total as u32) {
                if !self.lost(&mut pos, offset, CORRUPT_BLOCK, context) {
                    return Ok(Walk::end(pos));
                }
                continue;
            }
            let next = match head.kind {
                ENHANCED_PACKET | PACKET | SIMPLE_PACKET => self.packet(block, offset, head, context, sink),
                _ => self.other(block, offset, head, context, sink)?,
            };
            pos += head.total;
            if matches!(next, Next::End) {
                return Ok(Walk::end(pos));
            }
        }
    }

    /// Reads the frame of the block at the begin of `rest`, which holds at least 12 bytes.
    #[inline]
    fn head(&self, rest: &[u8]) -> Result<Head, Broken> {
        let magic = rest.first_chunk::<4>().copied().unwrap_or_default();
        let order = if is_section_header(magic) {
            match Order::Little.u32(rest, 8) {
                Some(BYTE_ORDER_MAGIC) => Order::Little,
                Some(value) if value.swap_bytes() == BYTE_ORDER_MAGIC => Order::Big,
                _ => return Err(CORRUPT_BLOCK),
            }
        } else {
            self.section.as_ref().ok_or(CORRUPT_BLOCK)?.order
        };
        let kind = order.u32(rest, 0).unwrap_or_default();
        let total = order.u32(rest, 4).unwrap_or_default();
        let min = if kind == SECTION_HEADER { MIN_SECTION_HEADER } else { FRAME };
        match padded(total) {
            Some(total) if total <= MAX_BLOCK && total as usize >= min => {
                Ok(Head { kind, order, total: total as usize })
            }
            _ if kind == 0 && total == 0 => Err("zero_filled"),
            _ => Err(CORRUPT_LENGTH),
        }
    }

    /// The frame is broken at `pos`. True: the search for the next block begins behind it.
    #[cold]
    fn lost(&mut self, pos: &mut usize, offset: u64, reason: Broken, context: &mut Context) -> bool {
        context.damaged(offset, reason);
        self.recovered = true;
        if context.resync {
            self.searching = true;
            *pos += 1;
        }
        context.resync
    }

    /// The content of a block is broken, its frame is not. True: reading goes on, counted as recovered.
    #[cold]
    fn broken(&mut self, offset: u64, skipped: usize, reason: Broken, context: &mut Context) -> bool {
        context.damaged(offset, reason);
        self.recovered = true;
        if context.resync {
            context.facts.resumed(offset + skipped as u64, true);
        }
        context.resync
    }

    /// A block longer than what is kept in memory: only packets of message links are, the rest is passed over.
    #[cold]
    fn large<S: RecordSink>(
        &mut self,
        rest: &[u8],
        offset: u64,
        head: Head,
        context: &mut Context,
        sink: &mut S,
    ) -> Large {
        match head.kind {
            ENHANCED_PACKET | PACKET | SIMPLE_PACKET => {
                let Some(header) = rest.first_chunk::<PACKET_HEADER>() else { return Large::Need(PACKET_HEADER) };
                match self.packet_header(header, head) {
                    Ok((packet, clock)) if packet.captured > super::standard_max(&context.limits) => {
                        debug_assert!(packet.captured <= clock.max_captured);
                        Large::Read
                    }
                    // so many bytes of options behind a packet of usual size are not believed
                    Ok(_) => Large::Broken(CORRUPT_LENGTH),
                    Err(reason) => Large::Broken(reason),
                }
            }
            SECTION_HEADER | INTERFACE_DESCRIPTION => Large::Broken(CORRUPT_LENGTH),
            CUSTOM | CUSTOM_NO_COPY => {
                context.facts.custom_blocks += 1;
                let len = head.total.saturating_sub(FRAME + 4) as u32;
                Large::Skip(self.frame(&[], len, None, offset, sink))
            }
            _ => {
                context.facts.other_blocks += 1;
                Large::Skip(Next::Go)
            }
        }
    }

    /// Hands over a block that is no packet but that is numbered as a frame.
    fn frame<S: RecordSink>(&self, data: &[u8], len: u32, time: Option<Timestamp>, offset: u64, sink: &mut S) -> Next {
        let record = Record {
            data,
            wire_len: len,
            time: time.unwrap_or_default(),
            has_time: time.is_some(),
            link: LinkType(0),
            interface: None,
            fcs_len: None,
            kind: RecordKind::Other,
            offset,
            recovered: self.recovered,
        };
        if sink.record(&record).is_break() { Next::End } else { Next::Go }
    }
}

enum Large {
    /// It is to be read as other blocks are.
    Read,
    Need(usize),
    Skip(Next),
    Broken(Broken),
}
