//! Headers in front of the packet that capture programs make up.

use crate::record::LinkType;

/// Bytes at the begin of `data` that Wireshark takes for a pseudo-header: it shows what they say (direction, channel
/// ...) but counts them neither in the captured nor in the wire length of the packet.
pub fn pseudo_header_len(link: LinkType, data: &[u8]) -> u32 {
    const ERF: u16 = 197;
    match link.0 {
        // SunATM; MTP2 with pseudo-header; Bluetooth H4 with direction; Linux Bluetooth monitor
        123 | 139 | 201 | 254 => 4,
        // IrDA and LAPD in Linux cooked headers
        144 | 177 => 16,
        // SITA; Linux I2C
        196 | 209 => 5,
        // PPP with direction
        204 => 1,
        // NFC LLCP
        245 => 2,
        ERF => erf_header_len(data),
        _ => 0,
    }
}

/// Header, extension headers and type-specific header of an Endace ERF record.
fn erf_header_len(data: &[u8]) -> u32 {
    const HEADER: usize = 16;
    const EXTENSION: usize = 8;
    const MAX_EXTENSIONS: usize = 16;
    let mut len = HEADER;
    let record_type = data.get(8).copied().unwrap_or_default();
    let mut more = record_type & 0x80 != 0;
    for _ in 0..MAX_EXTENSIONS {
        if !more {
            break;
        }
        more = data.get(len).is_some_and(|byte| byte & 0x80 != 0);
        len += EXTENSION;
    }
    len += match record_type & 0x7f {
        // multi-channel records and AAL2
        5..=9 | 12 | 17 | 18 => 4,
        // Ethernet records
        2 | 11 | 16 | 20 => 2,
        _ => 0,
    };
    len.min(data.len()) as u32
}
