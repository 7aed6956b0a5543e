//! Payload types and their clocks: the static ones of RFC 3551 section 6, and the clocks of names that an announcement
//! gives without a rate.

/// Comfort noise (RFC 3389), and the number it had before.
pub const COMFORT_NOISE: [u8; 2] = [13, 19];
/// First payload type that has a meaning by announcement only.
pub const FIRST_DYNAMIC: u8 = 96;
/// With the marker bit these are RTCP packet types 192 to 223 on a shared port (RFC 5761 section 4).
pub const RTCP_CONFLICT: std::ops::RangeInclusive<u8> = 64..=95;

/// (payload type, RFC 3551's encoding name, short name that Wireshark lists for a stream, ticks per second).
const STATIC: [(u8, &str, &str, u32); 27] = [
    (0, "PCMU", "g711U", 8_000),
    (1, "1016", "fs-1016", 8_000),
    (2, "G721", "g721", 8_000),
    (3, "GSM", "GSM", 8_000),
    (4, "G723", "g723", 8_000),
    (5, "DVI4", "DVI4 8k", 8_000),
    (6, "DVI4", "DVI4 16k", 16_000),
    (7, "LPC", "Exp. from Xerox PARC", 8_000),
    (8, "PCMA", "g711A", 8_000),
    (9, "G722", "g722", 8_000),
    (10, "L16", "16-bit audio, stereo", 44_100),
    (11, "L16", "16-bit audio, monaural", 44_100),
    (12, "QCELP", "Qualcomm", 8_000),
    (13, "CN", "CN", 8_000),
    (14, "MPA", "MPEG-I/II Audio", 90_000),
    (15, "G728", "g728", 8_000),
    (16, "DVI4", "DVI4 11k", 11_025),
    (17, "DVI4", "DVI4 22k", 22_050),
    (18, "G729", "g729", 8_000),
    (19, "CN", "CN(old)", 8_000),
    (25, "CelB", "CellB", 90_000),
    (26, "JPEG", "JPEG", 90_000),
    (28, "nv", "NV", 90_000),
    (31, "H261", "h261", 90_000),
    (32, "MPV", "MPEG-I/II Video", 90_000),
    (33, "MP2T", "MPEG-II streams", 90_000),
    (34, "H263", "h263", 90_000),
];

/// Names that have a clock of their own whatever the announcement leaves out, by the RFCs of their payload formats.
const CLOCKS: [(&str, u32); 39] = [
    ("amr", 8_000),
    ("amr-wb", 16_000),
    ("bmpeg", 90_000),
    ("bt656", 90_000),
    ("dv", 90_000),
    ("evrc", 8_000),
    ("evrc0", 8_000),
    ("evrc1", 8_000),
    ("evrcb", 8_000),
    ("evrcb0", 8_000),
    ("evrcb1", 8_000),
    ("evrcwb", 16_000),
    ("evrcwb0", 16_000),
    ("evrcwb1", 16_000),
    ("evs", 16_000),
    ("g7221", 16_000),
    ("g726-16", 8_000),
    ("g726-24", 8_000),
    ("g726-32", 8_000),
    ("g726-40", 8_000),
    ("g729d", 8_000),
    ("g729e", 8_000),
    ("gsm-efr", 8_000),
    ("h263-1998", 90_000),
    ("h263-2000", 90_000),
    ("h264", 90_000),
    ("ilbc", 8_000),
    ("mp1s", 90_000),
    ("mp2p", 90_000),
    ("mp4v-es", 90_000),
    ("mpa-robust", 90_000),
    ("opus", 48_000),
    ("pcma", 8_000),
    ("pcmu", 8_000),
    ("raw", 90_000),
    ("red", 1_000),
    ("smv", 8_000),
    ("t140", 1_000),
    ("vp8", 90_000),
];

/// Encoding name of a static payload type.
pub fn static_name(payload_type: u8) -> Option<&'static str> {
    STATIC.iter().find(|s| s.0 == payload_type).map(|s| s.1)
}

/// Ticks per second of a static payload type; 0: not known.
pub fn static_clock(payload_type: u8) -> u32 {
    STATIC.iter().find(|s| s.0 == payload_type).map_or(0, |s| s.3)
}

/// What Wireshark lists for a payload type that no announcement names.
pub fn listed_name(payload_type: u8) -> String {
    match payload_type {
        72..=76 => "Reserved for RTCP conflict avoidance".into(),
        FIRST_DYNAMIC.. => format!("RTPType-{payload_type}"),
        _ => STATIC.iter().find(|s| s.0 == payload_type).map_or("Unassigned", |s| s.2).into(),
    }
}

/// Ticks per second of a name that was announced without a rate; 0: not known.
pub fn named_clock(name: &str) -> u32 {
    CLOCKS.iter().find(|c| c.0.eq_ignore_ascii_case(name)).map_or(0, |c| c.1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_clocks() {
        assert_eq!((static_name(9), static_clock(9)), (Some("G722"), 8_000));
        assert_eq!((static_name(20), static_clock(20)), (None, 0));
        assert_eq!(listed_name(18), "g729");
        assert_eq!(listed_name(25), "CellB");
        assert_eq!(listed_name(77), "Unassigned");
        assert_eq!(listed_name(72), "Reserved for RTCP conflict avoidance");
        assert_eq!(listed_name(101), "RTPType-101");
        assert_eq!((named_clock("AMR-WB"), named_clock("nothing")), (16_000, 0));
    }
}
