//! Blocks that are no packets: sections, interfaces, names, statistics, secrets, custom and journal blocks.

use super::options::{self, Options};
use super::{
    Broken, CORRUPT_BLOCK, CORRUPT_LENGTH, CUSTOM, CUSTOM_NO_COPY, Clock, DECRYPTION_SECRETS, FRAME, Head,
    INTERFACE_DESCRIPTION, INTERFACE_STATISTICS, JOURNAL, MIN_SECTION_HEADER, NAME_RESOLUTION, Next, Pcapng,
    SECTION_HEADER, SYSTEM_CALLS, Section,
};
use crate::container::bytes::Order;
use crate::container::facts::{Interface, ResolvedName};
use crate::container::{Context, FormatError};
use crate::record::{LinkType, RecordSink, Timestamp};

/// A section of a version that is not known here.
const UNKNOWN_VERSION: Broken = "unknown_version";

impl Pcapng {
    /// Reads a block whose frame is right and that is no packet.
    pub(super) fn other<S: RecordSink>(
        &mut self,
        block: &[u8],
        offset: u64,
        head: Head,
        context: &mut Context,
        sink: &mut S,
    ) -> Result<Next, FormatError> {
        let body = block.get(8..head.total - 4).unwrap_or_default();
        let result = match head.kind {
            SECTION_HEADER => self.section_header(body, offset, head, context)?,
            INTERFACE_DESCRIPTION => self.interface_description(body, head.order, context),
            NAME_RESOLUTION => name_resolution(body, head.order, context),
            INTERFACE_STATISTICS => self.interface_statistics(body, head.order, context),
            DECRYPTION_SECRETS => {
                context.facts.secrets += 1;
                secrets(body, head.order).map(|log| log.into_iter().for_each(|log| sink.tls_secrets(log)))
            }
            CUSTOM | CUSTOM_NO_COPY => match body.get(4..) {
                Some(data) => {
                    context.facts.custom_blocks += 1;
                    return Ok(self.frame(data, data.len() as u32, None, offset, sink));
                }
                None => Err(CORRUPT_LENGTH),
            },
            JOURNAL => {
                let end = body.iter().rposition(|&byte| byte != 0).map_or(0, |last| last + 1);
                let entry = body.get(..end).unwrap_or_default();
                context.facts.other_blocks += 1;
                return Ok(self.frame(entry, end as u32, journal_time(entry), offset, sink));
            }
            kind => {
                context.facts.other_blocks += 1;
                if SYSTEM_CALLS.contains(&kind) {
                    return Ok(self.frame(body, body.len() as u32, None, offset, sink));
                }
                Ok(())
            }
        };
        Ok(match result {
            Ok(()) => Next::Go,
            // nothing of such a section can be read: the next one is searched
            Err(UNKNOWN_VERSION) => {
                context.damaged(offset, UNKNOWN_VERSION);
                self.recovered = true;
                self.searching = context.resync;
                if context.resync { Next::Go } else { Next::End }
            }
            Err(reason) if self.broken(offset, head.total, reason, context) => Next::Go,
            Err(_) => Next::End,
        })
    }

    /// Begins a section. `Err` outside: the first section has a version that is not known.
    fn section_header(
        &mut self,
        body: &[u8],
        offset: u64,
        head: Head,
        context: &mut Context,
    ) -> Result<Result<(), Broken>, FormatError> {
        let order = head.order;
        let version = (order.u16(body, 4).unwrap_or_default(), order.u16(body, 6).unwrap_or_default());
        let first = self.sections == 0;
        if let Some(last) = self.section.take() {
            self.interfaces = self.interfaces.saturating_add(last.described);
        }
        // 1.2 is what some programs call 1.0
        if !matches!(version, (1, 0 | 2)) {
            if first {
                let message = format!("pcapng version {}.{} is not supported", version.0, version.1);
                return Err(FormatError::new("unknown_version", message));
            }
            return Ok(Err(UNKNOWN_VERSION));
        }
        self.section = Some(Section {
            order,
            number: self.sections,
            first_interface: self.interfaces,
            described: 0,
            clocks: Vec::new(),
            alignment: offset % 4,
        });
        self.sections += 1;
        let facts = &mut context.facts;
        facts.format = Some("pcapng");
        facts.file_type = Some("pcapng");
        facts.sections = self.sections;
        facts.version = facts.version.or(Some(version));
        facts.byte_order = match facts.byte_order {
            Some(known) if known != order.name() => Some("mixed"),
            _ => Some(order.name()),
        };
        let options = body.get(MIN_SECTION_HEADER - FRAME..).unwrap_or_default();
        Ok(section_options(options, order, context))
    }

    fn interface_description(&mut self, body: &[u8], order: Order, context: &mut Context) -> Result<(), Broken> {
        const SPEED: u16 = 8;
        const RESOLUTION: u16 = 9;
        const FCS_LEN: u16 = 13;
        const TIME_OFFSET: u16 = 14;
        let section = self.section.as_mut().ok_or(CORRUPT_BLOCK)?;
        let (Some(link), Some(snaplen)) = (order.u16(body, 0), order.u32(body, 4)) else {
            return Err(CORRUPT_LENGTH);
        };
        let link = LinkType(link);
        let mut interface =
            Interface { section: section.number, link, snaplen, units_per_second: 1_000_000, ..Interface::default() };
        let mut resolution = None;
        let mut offset = None;
        let mut result = Ok(());
        let max = context.limits.max_text_bytes;
        // of an option that is there twice the first one holds, as in Wireshark
        for option in Options::new(body.get(8..).unwrap_or_default(), order) {
            let (code, value) = match option {
                Ok(option) => option,
                Err(reason) => {
                    result = Err(reason);
                    break;
                }
            };
            let text = match code {
                2 => Some(&mut interface.name),
                3 => Some(&mut interface.description),
                11 => Some(&mut interface.filter),
                12 => Some(&mut interface.os),
                15 => Some(&mut interface.hardware),
                _ => None,
            };
            match (code, text) {
                (11, _) if value.is_empty() => result = result.and(Err(CORRUPT_BLOCK)),
                // a filter as text; the other kind is compiled code
                (11, Some(filter)) => {
                    if let Some((0, text)) = value.split_first()
                        && filter.is_none()
                    {
                        *filter = context.facts.text(text, max);
                    }
                }
                (_, Some(text @ None)) => *text = context.facts.text(value, max),
                (_, Some(_)) => {} // the first one holds
                (options::COMMENT, _) => context.facts.comment(value, &context.limits),
                (SPEED, _) if value.len() == 8 => interface.speed = order.u64(value, 0).unwrap_or_default(),
                (RESOLUTION, _) if value.len() == 1 => resolution = resolution.or(value.first().copied()),
                (FCS_LEN, _) if value.len() == 1 => {
                    interface.fcs_len = interface.fcs_len.or(value.first().copied());
                }
                (TIME_OFFSET, _) if value.len() == 8 => offset = offset.or(order.u64(value, 0)),
                _ => {}
            }
        }
        if let Some(resolution) = resolution {
            interface.units_per_second = units(resolution);
        }
        interface.time_offset = offset.unwrap_or_default() as i64;
        let facts = &mut context.facts;
        let precision = precision(interface.units_per_second);
        facts.precision = match facts.precision {
            Some(known) if known != precision => Some("mixed"),
            _ => Some(precision),
        };
        section.described = section.described.saturating_add(1);
        facts.interfaces_total += 1;
        if section.clocks.len() < context.limits.max_interfaces {
            section.clocks.push(Clock {
                link,
                fcs_len: interface.fcs_len,
                max_captured: crate::container::max_captured(link, &context.limits),
                snaplen,
                units: interface.units_per_second,
                offset: interface.time_offset,
            });
        }
        if facts.interfaces.len() < context.limits.max_interfaces {
            facts.interfaces.push(interface);
        }
        result
    }

    fn interface_statistics(&mut self, body: &[u8], order: Order, context: &mut Context) -> Result<(), Broken> {
        const RECEIVED: u16 = 4;
        const DROPPED: u16 = 5;
        let options = body.get(12..).ok_or(CORRUPT_LENGTH)?;
        let id = order.u32(body, 0).unwrap_or(u32::MAX);
        let first = self.section.as_ref().map_or(0, |section| section.first_interface);
        let described = self.section.as_ref().is_some_and(|section| id < section.described);
        let mut received = None;
        let mut dropped = None;
        for option in Options::new(options, order) {
            match option? {
                (options::COMMENT, text) => context.facts.comment(text, &context.limits),
                (RECEIVED, value) if value.len() == 8 => received = received.or(order.u64(value, 0)),
                (DROPPED, value) if value.len() == 8 => dropped = dropped.or(order.u64(value, 0)),
                _ => {}
            }
        }
        let interface = context.facts.interfaces.get_mut(first.saturating_add(id) as usize).filter(|_| described);
        if let Some(interface) = interface {
            interface.statistics += 1;
            interface.received = received.or(interface.received);
            interface.dropped = dropped.or(interface.dropped);
        }
        Ok(())
    }
}

fn section_options(bytes: &[u8], order: Order, context: &mut Context) -> Result<(), Broken> {
    let max = context.limits.max_text_bytes;
    for option in Options::new(bytes, order) {
        let (code, value) = option?;
        let facts = &mut context.facts;
        match code {
            options::COMMENT => facts.section_comment(value, &context.limits),
            2 if facts.hardware.is_none() => facts.hardware = facts.text(value, max),
            3 if facts.os.is_none() => facts.os = facts.text(value, max),
            4 if facts.application.is_none() => facts.application = facts.text(value, max),
            _ => {}
        }
    }
    Ok(())
}

/// Ticks per second of an `if_tsresol` value: a negative power of 10, or of 2 when the top bit is set.
fn units(resolution: u8) -> u64 {
    let exponent = u32::from(resolution & 0x7f);
    let base = if resolution & 0x80 == 0 { 10u64 } else { 2 };
    // a clock too fine for 64 bits: as in Wireshark 4.0 every time stamp is then within its first second
    base.checked_pow(exponent).unwrap_or(u64::MAX)
}

/// Unit of time that the clock resolves, by capinfos' names.
fn precision(units: u64) -> &'static str {
    match units {
        0..10 => "seconds",
        10..100 => "deciseconds",
        100..1_000 => "centiseconds",
        1_000..1_000_000 => "milliseconds",
        1_000_000..1_000_000_000 => "microseconds",
        _ => "nanoseconds",
    }
}

/// Records of (address, names), then options.
fn name_resolution(body: &[u8], order: Order, context: &mut Context) -> Result<(), Broken> {
    const END: u16 = 0;
    const IPV4: u16 = 1;
    const IPV6: u16 = 2;
    let mut rest = body;
    while !rest.is_empty() {
        let (Some(kind), Some(len)) = (order.u16(rest, 0), order.u16(rest, 2)) else { return Err(CORRUPT_BLOCK) };
        let len = usize::from(len);
        let (Some(value), Some(behind)) = (rest.get(4..4 + len), rest.get(4 + len.next_multiple_of(4)..)) else {
            return Err(CORRUPT_BLOCK);
        };
        let address_len = match kind {
            END => {
                // what the end record itself covers is taken as options by Wireshark
                rest = rest.get(4..).unwrap_or_default();
                break;
            }
            IPV4 => 4,
            IPV6 => 16,
            _ => {
                rest = behind;
                continue;
            }
        };
        let Some((address, mut names)) = value.split_at_checked(address_len) else { return Err(CORRUPT_BLOCK) };
        while !names.is_empty() {
            let Some(end) = names.iter().position(|&byte| byte == 0) else { return Err(CORRUPT_BLOCK) };
            let (name, more) = names.split_at(end);
            names = more.get(1..).unwrap_or_default();
            keep_name(address, name, context);
        }
        rest = behind;
    }
    for option in Options::new(rest, order) {
        if let (options::COMMENT, text) = option? {
            context.facts.comment(text, &context.limits);
        }
    }
    Ok(())
}

fn keep_name(address: &[u8], name: &[u8], context: &mut Context) {
    if name.is_empty() {
        return;
    }
    let facts = &mut context.facts;
    facts.names_total += 1;
    if facts.names.len() < context.limits.max_names
        && let Some(name) = facts.text(name, context.limits.max_text_bytes)
    {
        facts.names.push(ResolvedName { address: address.to_vec(), name });
    }
}

/// The key log in a decryption secrets block; None: it holds other secrets.
fn secrets(body: &[u8], order: Order) -> Result<Option<&[u8]>, Broken> {
    const TLS_KEY_LOG: u32 = 0x544c_534b;
    let (kind, len) = (order.u32(body, 0), order.u32(body, 4).ok_or(CORRUPT_LENGTH)? as usize);
    let data = body.get(8..).and_then(|data| data.get(..len)).ok_or(CORRUPT_LENGTH)?;
    Ok((kind == Some(TLS_KEY_LOG)).then_some(data))
}

/// Time of a systemd journal entry, from its `__REALTIME_TIMESTAMP` field (microseconds).
fn journal_time(entry: &[u8]) -> Option<Timestamp> {
    const FIELD: &[u8] = b"__REALTIME_TIMESTAMP=";
    let at = entry.windows(FIELD.len()).position(|window| window == FIELD)? + FIELD.len();
    let digits = entry.get(at..)?.iter().take_while(|byte| byte.is_ascii_digit());
    let mut micros = None;
    for &digit in digits {
        let value = micros.unwrap_or(0u64).checked_mul(10)?.checked_add(u64::from(digit - b'0'))?;
        micros = Some(value);
    }
    let micros = micros?;
    Some(Timestamp { secs: (micros / 1_000_000) as i64, nanos: (micros % 1_000_000) as i32 * 1_000 })
}
