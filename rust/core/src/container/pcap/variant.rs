//! Which of the variants that share a magic number is this? As in Wireshark, each is tried on the first records, and
//! the one with the fewest oddities is taken.

use super::{Body, RECORD_HEADER, integers};
use crate::container::Window;
use crate::container::bytes::Order;

/// Layouts of the record header behind the four integers that all have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Variant {
    /// Nothing more.
    Plain,
    /// Interface index, protocol, packet type: Red Hat 6.1 (patch of 1999-04-17).
    RedHat61,
    /// The same fields under the modified magic number (patch of 1999-10-29).
    Modified,
    /// The same and processor numbers: SuSE 6.3 (patch of 1999-09-15).
    Suse63,
    /// Four bytes of unknown meaning.
    Nokia,
}

/// Variants under the standard magic number, likeliest first.
pub(super) const STANDARD: &[Variant] = &[Variant::Plain, Variant::RedHat61, Variant::Nokia];
/// Variants under the modified magic number.
pub(super) const MODIFIED: &[Variant] = &[Variant::Modified, Variant::Suse63];

/// Records that are tried.
const RECORDS: usize = 3;
/// A wire length beyond this is odd, bytes.
const ODD_WIRE: u32 = 128 << 20;
/// An interface index beyond this is odd.
const ODD_INTERFACE: u32 = 10_000;

impl Variant {
    pub(super) fn header_len(self) -> usize {
        match self {
            Variant::Plain => RECORD_HEADER,
            Variant::Nokia => RECORD_HEADER + 4,
            Variant::RedHat61 | Variant::Modified => RECORD_HEADER + 8,
            Variant::Suse63 => RECORD_HEADER + 12,
        }
    }

    /// Wireshark's short name of the file type.
    pub(super) fn file_type(self) -> &'static str {
        match self {
            Variant::Plain => "pcap",
            Variant::RedHat61 => "rh6_1pcap",
            Variant::Modified => "modpcap",
            Variant::Suse63 => "suse6_3pcap",
            Variant::Nokia => "nokiapcap",
        }
    }

    /// Oddities of the fields behind the first 16 bytes of the record header.
    fn oddities(self, header: &[u8], order: Order) -> u32 {
        match self {
            Variant::Plain => 0,
            Variant::Nokia => {
                let value = order.u32(header, 16).unwrap_or_default();
                let known = value & 0x0fff_00f0 == 0x0fbf_0000
                    && matches!(value >> 28, 0x9 | 0xb)
                    && matches!(value >> 12 & 0xf, 0xb | 0xd)
                    && matches!(value >> 8 & 0xf, 0x6 | 0x9)
                    && matches!(value & 0xf, 1 | 2);
                u32::from(!known)
            }
            Variant::RedHat61 | Variant::Modified | Variant::Suse63 => {
                let interface = order.u32(header, 16).unwrap_or_default();
                let protocol = order.u16(header, 20).unwrap_or_default();
                let packet_type = header.get(22).copied().unwrap_or_default();
                // Ethernet types, or the kernel's numbers for what has none
                let known = matches!(protocol, 0x0600..|0x0060| 0x0200 | 0x0400 | 0..=0x0017);
                u32::from(interface > ODD_INTERFACE) + u32::from(!known) + u32::from(packet_type > 4)
            }
        }
    }
}

pub(super) enum Choice {
    Variant(Variant),
    /// So many bytes are needed to say.
    Need(usize),
}

/// Chooses among `candidates` by the records at the begin of `window`.
pub(super) fn choose(candidates: &'static [Variant], window: Window<'_>, big: bool, body: &Body) -> Choice {
    let mut best: Option<(u32, Variant)> = None;
    for &variant in candidates {
        let odd = match if big { merit::<true>(variant, window, body) } else { merit::<false>(variant, window, body) } {
            Ok(odd) => odd,
            Err(need) => return Choice::Need(need),
        };
        if best.is_none_or(|(least, _)| odd < least) {
            best = Some((odd, variant));
        }
        if odd == 0 {
            break;
        }
    }
    Choice::Variant(best.map_or(Variant::Plain, |(_, variant)| variant))
}

/// Number of oddities in the first records when they are read as `variant`; `Err`: bytes needed to say.
fn merit<const BIG: bool>(variant: Variant, window: Window<'_>, body: &Body) -> Result<u32, usize> {
    let order = if BIG { Order::Big } else { Order::Little };
    let header_len = variant.header_len();
    let mut odd = 0;
    let mut at = 0;
    for _ in 0..RECORDS {
        let rest = window.bytes.get(at..).unwrap_or_default();
        if rest.is_empty() && window.eof {
            break;
        }
        let header = rest.get(..header_len);
        let (Some(header), Some(first)) = (header, rest.first_chunk::<RECORD_HEADER>()) else {
            if !window.eof {
                return Err(at + header_len);
            }
            odd += 1;
            break;
        };
        let [_, fraction, captured, wire] = integers::<BIG>(first);
        odd += u32::from(fraction >= 1_000_000)
            + u32::from(captured > body.max_captured)
            + u32::from(captured > body.snaplen)
            + u32::from(wire > ODD_WIRE)
            + u32::from(captured > wire)
            + variant.oddities(header, order);
        if captured > body.max_captured {
            break;
        }
        at += header_len + captured as usize;
        if at > window.bytes.len() {
            if !window.eof {
                return Err(at);
            }
            odd += 1;
            break;
        }
    }
    Ok(odd)
}
