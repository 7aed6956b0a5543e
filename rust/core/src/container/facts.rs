//! What a capture file says about itself, gathered while it is read.

use crate::limits::Limits;
use crate::record::LinkType;

/// One interface of the file, in order of appearance over all sections.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Interface {
    /// Section it belongs to, from 0.
    pub section: u64,
    pub link: LinkType,
    /// Snapshot length, bytes; 0: no limit.
    pub snaplen: u32,
    /// Ticks of its clock per second.
    pub units_per_second: u64,
    /// Seconds added to each of its time stamps.
    pub time_offset: i64,
    /// Frame check sequence at the end of its packets, bytes, where the file says so.
    pub fcs_len: Option<u8>,
    /// Bits per second; 0: not given.
    pub speed: u64,
    pub name: Option<String>,
    pub description: Option<String>,
    pub filter: Option<String>,
    pub hardware: Option<String>,
    pub os: Option<String>,
    /// Packets received and dropped as the last interface statistics block says.
    pub received: Option<u64>,
    pub dropped: Option<u64>,
    /// Interface statistics blocks about it.
    pub statistics: u64,
}

/// A place where the file is broken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Damage {
    /// Offset in the decompressed stream, bytes.
    pub offset: u64,
    /// Stable slug: `truncated`, `corrupt_length`, `corrupt_block`, `zero_filled`, `unknown_version` ...
    pub reason: &'static str,
    /// Bytes passed over until the next believable record, or to the end of the input.
    pub skipped: u64,
    /// True where reading went on behind it.
    pub recovered: bool,
}

/// A name from a name resolution block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResolvedName {
    /// 4 bytes (IPv4) or 16 bytes (IPv6).
    pub address: Vec<u8>,
    pub name: String,
}

/// Facts about the file so far. Texts are escaped (no control characters) and capped by `Limits`.
#[derive(Clone, Debug, Default)]
pub struct FileFacts {
    /// `pcap`, `pcapng`, `snoop`, or `empty` (an input of no bytes). None: not known yet, or not a capture.
    pub format: Option<&'static str>,
    /// Wireshark's short name of the variant: `pcap`, `nsecpcap`, `modpcap`, `rh6_1pcap`, `suse6_3pcap`, `nokiapcap`,
    /// `aixpcap`, `pcapng`, `snoop`, `shomiti`; and `empty`.
    pub file_type: Option<&'static str>,
    /// `little`, `big`, or `mixed` (pcapng sections of both).
    pub byte_order: Option<&'static str>,
    /// `microseconds`, `nanoseconds`, another unit, or `mixed` (interfaces with different clocks).
    pub precision: Option<&'static str>,
    /// Version of the format, major and minor (pcapng: of the first section).
    pub version: Option<(u16, u16)>,
    /// Snapshot length of the file header, bytes; None: the format keeps it per interface or not at all.
    pub snaplen: Option<u32>,
    /// Link type of the file header; None: per interface.
    pub link: Option<LinkType>,
    pub interfaces: Vec<Interface>,
    /// Interfaces seen; more than `interfaces.len()` when the limit was reached.
    pub interfaces_total: u64,
    pub sections: u64,
    /// Of the first section that says so.
    pub hardware: Option<String>,
    pub os: Option<String>,
    pub application: Option<String>,
    /// Comments of sections, interfaces and other blocks that are not packets.
    pub comments: Vec<String>,
    /// Those of section headers among them.
    pub section_comments: Vec<String>,
    pub comments_total: u64,
    /// Comments on packets.
    pub packet_comments_total: u64,
    pub names: Vec<ResolvedName>,
    pub names_total: u64,
    /// Decryption secrets blocks.
    pub secrets: u64,
    /// Custom blocks.
    pub custom_blocks: u64,
    /// Blocks of a type that is not known here; skipped.
    pub other_blocks: u64,
    /// Bytes of the decompressed stream that were read, skipped ones included.
    pub bytes_consumed: u64,
    /// Bytes passed over because of damage.
    pub bytes_skipped: u64,
    pub damage: Vec<Damage>,
    pub damage_total: u64,
    /// Where the damage begins that is being passed over now.
    open_damage: Option<u64>,
    /// Bytes of texts kept.
    text_bytes: usize,
}

/// Bytes of all texts of a file that are kept, whatever it says.
const TEXT_BUDGET: usize = 32 << 20;

impl FileFacts {
    /// Notes damage at `offset`. What follows counts as skipped until [`Self::resumed`].
    pub(crate) fn damaged(&mut self, offset: u64, reason: &'static str, limits: &Limits) {
        self.damage_total += 1;
        if self.damage.len() < limits.max_damage_listed {
            self.damage.push(Damage { offset, reason, skipped: 0, recovered: false });
        }
        if self.open_damage.is_none() {
            self.open_damage = Some(offset);
        }
    }

    /// Reading goes on at `offset`; `recovered` is false when that is the end of the input.
    pub(crate) fn resumed(&mut self, offset: u64, recovered: bool) {
        let Some(start) = self.open_damage.take() else { return };
        let skipped = offset.saturating_sub(start);
        self.bytes_skipped += skipped;
        if self.damage_total == self.damage.len() as u64
            && let Some(last) = self.damage.last_mut()
        {
            last.skipped = skipped;
            last.recovered = recovered;
        }
    }

    /// Text of the file for keeping; None once there is too much of it.
    pub(crate) fn text(&mut self, bytes: &[u8], max: usize) -> Option<String> {
        if self.text_bytes >= TEXT_BUDGET {
            return None;
        }
        let text = text_of(bytes, max);
        self.text_bytes += text.len();
        Some(text)
    }

    /// Keeps a comment of a section header.
    pub(crate) fn section_comment(&mut self, text: &[u8], limits: &Limits) {
        let kept = self.comments.len();
        self.comment(text, limits);
        self.section_comments.extend(self.comments.get(kept..).unwrap_or_default().iter().cloned());
    }

    /// Keeps a comment that is not a packet's.
    pub(crate) fn comment(&mut self, text: &[u8], limits: &Limits) {
        self.comments_total += 1;
        if self.comments.len() < limits.max_names
            && let Some(text) = self.text(text, limits.max_text_bytes)
        {
            self.comments.push(text);
        }
    }
}

/// Bytes of the file as text: UTF-8 with replacement characters, cut at a NUL, control characters written as
/// `\xNN` or `\u{NNNN}`, at most `max` bytes long.
pub(crate) fn text_of(bytes: &[u8], max: usize) -> String {
    let end = bytes.iter().position(|&b| b == 0).unwrap_or(bytes.len()).min(max);
    let mut out = String::new();
    for c in String::from_utf8_lossy(bytes.get(..end).unwrap_or_default()).chars() {
        let before = out.len();
        if c.is_control() || is_bidi_control(c) {
            let code = c as u32;
            if code < 0x100 {
                out.push_str(&format!("\\x{code:02x}"));
            } else {
                out.push_str(&format!("\\u{{{code:04x}}}"));
            }
        } else {
            out.push(c);
        }
        if out.len() > max {
            out.truncate(before);
            break;
        }
    }
    out
}

/// Characters that reorder the text around them on a terminal, and line separators.
fn is_bidi_control(c: char) -> bool {
    matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{2028}' | '\u{2029}')
}
