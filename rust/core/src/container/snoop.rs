//! Solaris snoop, version 2 (RFC 1761).

use super::bytes::Order;
use super::{Context, FormatError, Walk, Window};
use crate::record::{LinkType, Record, RecordKind, RecordSink, Timestamp};

/// First bytes of every snoop file.
pub(crate) const MAGIC: &[u8] = b"snoop\0\0\0";

const FILE_HEADER: usize = 16;
const RECORD_HEADER: usize = 24;

/// State of the reader of one snoop file.
#[derive(Debug, Default)]
pub(crate) struct Snoop {
    link: Option<LinkType>,
    max_captured: u32,
}

impl Snoop {
    /// Reads records out of `window` until it is used up.
    pub(crate) fn walk<S: RecordSink>(
        &mut self,
        window: Window<'_>,
        context: &mut Context,
        sink: &mut S,
    ) -> Result<Walk, FormatError> {
        let bytes = window.bytes;
        let mut pos = 0;
        if self.link.is_none() {
            let (Some(version), Some(datalink)) = (Order::Big.u32(bytes, 8), Order::Big.u32(bytes, 12)) else {
                return Ok(context.cut(window, 0, FILE_HEADER));
            };
            if version != 2 {
                return Err(FormatError::new("unknown_version", format!("snoop version {version} is not supported")));
            }
            let Some(link) = link_of(datalink) else {
                let message = format!("snoop: data link type {datalink} is unknown or unsupported");
                return Err(FormatError::new("unsupported", message));
            };
            self.link = Some(link);
            self.max_captured = super::max_captured(link, &context.limits);
            let facts = &mut context.facts;
            facts.format = Some("snoop");
            facts.byte_order = Some(Order::Big.name());
            facts.precision = Some("microseconds");
            facts.version = Some((2, 0));
            facts.link = Some(link);
            pos = FILE_HEADER;
        }
        let Some(link) = self.link else { return Ok(Walk::end(0)) };
        loop {
            let word = |index: usize| Order::Big.u32(bytes, pos + 4 * index);
            let fields = (word(0), word(1), word(2), word(4), word(5));
            let (Some(wire), Some(captured), Some(record_len), Some(secs), Some(micros)) = fields else {
                return Ok(context.cut(window, pos, RECORD_HEADER));
            };
            // the record is padded, so its length says where the next one begins
            let fits = (record_len as usize).checked_sub(RECORD_HEADER).is_some_and(|room| room >= captured as usize);
            if captured > self.max_captured || !fits {
                context.damaged(window.base + pos as u64, "corrupt_length");
                return Ok(Walk::end(pos));
            }
            let Some(data) = bytes.get(pos + RECORD_HEADER..pos + RECORD_HEADER + captured as usize) else {
                return Ok(context.cut(window, pos, RECORD_HEADER + captured as usize));
            };
            let record = Record {
                data,
                wire_len: wire,
                time: Timestamp { secs: i64::from(secs), nanos: micros.wrapping_mul(1000) as i32 },
                has_time: true,
                link,
                interface: None,
                fcs_len: None,
                kind: RecordKind::Packet,
                offset: window.base + pos as u64,
                recovered: false,
            };
            let next = pos as u64 + u64::from(record_len);
            if sink.record(&record).is_break() {
                return Ok(Walk { consumed: next, need: 0, end: true });
            }
            if next > bytes.len() as u64 {
                return Ok(Walk { consumed: next, need: RECORD_HEADER, end: false });
            }
            pos = next as usize;
        }
    }
}

/// LINKTYPE_ value for a snoop data link type; None where there is none.
fn link_of(datalink: u32) -> Option<LinkType> {
    Some(LinkType(match datalink {
        0 | 4 => 1,
        2 => 6,
        8 => 10,
        _ => return None,
    }))
}
