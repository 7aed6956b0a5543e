//! Enhanced, simple and obsolete packet blocks.

use super::options::{self, Options};
use super::{
    Broken, CORRUPT_BLOCK, CORRUPT_LENGTH, Clock, ENHANCED_PACKET, FRAME, Head, Next, PACKET_HEADER, Pcapng,
    SIMPLE_PACKET,
};
use crate::container::Context;
use crate::container::bytes::Order;
use crate::record::{Record, RecordKind, RecordSink};

/// Fixed fields of a packet block.
#[derive(Clone, Copy)]
pub(super) struct Packet {
    /// Number within the section.
    pub(super) interface: u32,
    ticks: u64,
    pub(super) captured: u32,
    wire: u32,
    /// Where the packet data begins.
    data_at: usize,
    has_time: bool,
}

impl Pcapng {
    /// Reads and checks the fixed fields of a packet block.
    #[inline]
    pub(super) fn packet_header(&self, header: &[u8; PACKET_HEADER], head: Head) -> Result<(Packet, &Clock), Broken> {
        let section = self.section.as_ref().ok_or(CORRUPT_BLOCK)?;
        let (words, _) = header.as_chunks::<4>();
        let word = |index: usize| {
            let raw = words.get(index).copied().unwrap_or_default();
            if head.order == Order::Little { u32::from_le_bytes(raw) } else { u32::from_be_bytes(raw) }
        };
        let mut packet = Packet {
            interface: word(2),
            ticks: u64::from(word(3)) << 32 | u64::from(word(4)),
            captured: word(5),
            wire: word(6),
            data_at: PACKET_HEADER,
            has_time: true,
        };
        match head.kind {
            ENHANCED_PACKET => {}
            SIMPLE_PACKET => {
                // no captured length, time or interface: the first interface and its snapshot length hold
                let snaplen = section.clocks.first().map_or(0, |clock| clock.snaplen);
                let wire = word(2);
                packet = Packet {
                    interface: 0,
                    ticks: 0,
                    captured: if snaplen == 0 { wire } else { wire.min(snaplen) },
                    wire,
                    data_at: FRAME,
                    has_time: false,
                };
            }
            // the obsolete packet block has a shorter interface number, then a count of drops
            _ => packet.interface = u32::from(head.order.u16(header, 8).unwrap_or_default()),
        }
        let clock = section.clocks.get(packet.interface as usize).ok_or(CORRUPT_BLOCK)?;
        let room = (head.total as u64).saturating_sub(packet.data_at as u64 + 4);
        if packet.captured > clock.max_captured || u64::from(packet.captured).next_multiple_of(4) > room {
            return Err(CORRUPT_LENGTH);
        }
        Ok((packet, clock))
    }

    /// Hands over the packet of `block`, whose frame is right.
    #[inline]
    pub(super) fn packet<S: RecordSink>(
        &mut self,
        block: &[u8],
        offset: u64,
        head: Head,
        context: &mut Context,
        sink: &mut S,
    ) -> Next {
        let mut short = [0; PACKET_HEADER];
        let header = match block.first_chunk::<PACKET_HEADER>() {
            Some(header) if head.kind == SIMPLE_PACKET || block.len() >= PACKET_HEADER + 4 => header,
            // only a simple packet block can be that short
            _ if head.kind == SIMPLE_PACKET && block.len() >= FRAME + 4 => {
                short.iter_mut().zip(block).for_each(|(to, from)| *to = *from);
                &short
            }
            _ => return self.bad_packet(offset, head, CORRUPT_LENGTH, context),
        };
        let (packet, clock) = match self.packet_header(header, head) {
            Ok((packet, clock)) => (packet, *clock),
            Err(reason) => return self.bad_packet(offset, head, reason, context),
        };
        let data_end = packet.data_at + packet.captured as usize;
        let data = block.get(packet.data_at..data_end).unwrap_or_default();
        let mut fcs_len = clock.fcs_len;
        let options = block.get(data_end.next_multiple_of(4)..head.total - 4).unwrap_or_default();
        if !options.is_empty() && head.kind != SIMPLE_PACKET {
            match packet_options(options, head.order, context) {
                Ok(Some(len)) => fcs_len = Some(len),
                Ok(None) => {}
                // the packet itself is whole, so it is only counted apart
                Err(reason) => {
                    if !self.broken(offset, 0, reason, context) {
                        return Next::End;
                    }
                }
            }
        }
        let first = self.section.as_ref().map_or(0, |section| section.first_interface);
        let record = Record {
            data,
            wire_len: packet.wire,
            time: if packet.has_time { clock.time(packet.ticks) } else { Default::default() },
            has_time: packet.has_time,
            link: clock.link,
            interface: Some(first.saturating_add(packet.interface)),
            fcs_len,
            kind: RecordKind::Packet,
            offset,
            recovered: self.recovered,
        };
        if sink.record(&record).is_break() { Next::End } else { Next::Go }
    }

    #[cold]
    fn bad_packet(&mut self, offset: u64, head: Head, reason: Broken, context: &mut Context) -> Next {
        if self.broken(offset, head.total, reason, context) { Next::Go } else { Next::End }
    }
}

/// Walks over the options of a packet: the length of its frame check sequence where the flags give one.
fn packet_options(bytes: &[u8], order: Order, context: &mut Context) -> Result<Option<u8>, Broken> {
    const FLAGS: u16 = 2;
    const HASH: u16 = 3;
    const DROP_COUNT: u16 = 4;
    const PACKET_ID: u16 = 5;
    const QUEUE: u16 = 6;
    const VERDICT: u16 = 7;
    let mut fcs_len = None;
    for option in Options::new(bytes, order) {
        let (code, value) = option?;
        let well_formed = match code {
            options::COMMENT => {
                context.facts.packet_comments_total += 1;
                true
            }
            FLAGS => {
                if let Some(flags) = order.u32(value, 0)
                    && fcs_len.is_none()
                {
                    fcs_len = Some((flags >> 5 & 0xf) as u8);
                }
                value.len() == 4
            }
            DROP_COUNT | PACKET_ID => value.len() == 8,
            QUEUE => value.len() == 4,
            HASH => !value.is_empty(),
            // verdicts of Linux TC and XDP hold 64 bits
            VERDICT => match value.first() {
                Some(1 | 2) => value.len() == 9,
                first => first.is_some(),
            },
            _ => true,
        };
        if !well_formed {
            return Err(CORRUPT_BLOCK);
        }
    }
    Ok(fcs_len.filter(|&len| len != 0))
}
