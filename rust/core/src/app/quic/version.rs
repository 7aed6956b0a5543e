//! Versions of QUIC: which there are, and the salt and labels their Initial keys come from.

/// Google's T050 and T051, Q050: IETF packets, the first two with TLS.
pub const Q050: u32 = 0x5130_3530;
pub const T050: u32 = 0x5430_3530;
pub const T051: u32 = 0x5430_3531;
pub const V1: u32 = 1;
/// RFC 9369, and the number its drafts had.
pub const V2: u32 = 0x6b33_43cf;
pub const V2_DRAFT: u32 = 0x709a_50c4;

/// Google's with TLS, which kept Google's numbers of frames.
pub fn is_google(version: u32) -> bool {
    matches!(version, T050 | T051)
}

/// In a Version Negotiation packet.
pub const NEGOTIATION: u32 = 0;

/// What Initial keys of a version are made with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Initial {
    pub salt: [u8; 20],
    pub labels: Labels,
}

/// Labels of HKDF-Expand-Label for key, IV and header protection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Labels {
    V1,
    V2,
}

/// Number of the draft a version stands for: drafts 11 to 34, version 1 as 34, version 2 as 100; 0 for what is none.
pub fn draft(version: u32) -> u8 {
    match version {
        0xff00_0000..=0xff00_00ff => version as u8,
        // Facebook's.
        0xface_b001 => 22,
        0xface_b002 | 0xface_b00e | Q050 | T050 | T051 => 27,
        V1 => 34,
        V2 | V2_DRAFT => 100,
        // Reserved to provoke version negotiation (RFC 9000 section 15): by a client of some late version.
        v if v & 0x0f0f_0f0f == 0x0a0a_0a0a => 29,
        _ => 0,
    }
}

/// How the Initial packets of a version are protected (RFC 9001 section 5.2, RFC 9369 section 3.3); None where unknown.
pub fn initial(version: u32) -> Option<Initial> {
    let salt = match (version, draft(version)) {
        (Q050, _) => "504574efd066fe2f9d945cfcdbd3a7f0d3b56b45",
        (T050, _) => "7ff579e5acd072915580304c43a2367c60488310",
        (T051, _) => "7a4edef4e7ccee5fa4506c19124fc8ccda6e033d",
        (V2, _) => "0dede3def700a6db819381be6e269dcbf9bd2ed9",
        (V2_DRAFT, _) => "a707c203a59b47184a1d62ca570406ea7ae3e5d3",
        (_, 21 | 22) => "7fbcdb0e7c66bbe9193a96cd21519ebd7a02644a",
        (_, 23..=28) => "c3eef712c72ebb5a11a7d2432bb46365bef9f502",
        (_, 29..=32) => "afbfec289993d24c9e9786f19c6111e04390a899",
        (_, 33 | 34) => "38762cf7f55934b34d179ae6a4c80cadccbb7f0a",
        _ => return None,
    };
    let labels = if matches!(version, V2 | V2_DRAFT) { Labels::V2 } else { Labels::V1 };
    Some(Initial { salt: hex(salt)?, labels })
}

fn hex(text: &str) -> Option<[u8; 20]> {
    let mut out = [0; 20];
    for (byte, pair) in out.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
        *byte = u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?;
    }
    Some(out)
}

/// Name of a version for people.
pub fn name(version: u32) -> String {
    match version {
        NEGOTIATION => "version negotiation".into(),
        V1 => "1".into(),
        V2 => "2".into(),
        V2_DRAFT => "2 (draft)".into(),
        Q050 => "Google Q050".into(),
        T050 => "Google T050".into(),
        T051 => "Google T051".into(),
        0xface_b001 | 0xface_b002 | 0xface_b00e => format!("Facebook mvfst {:#x}", version & 0xff),
        0xff00_0000..=0xff00_00ff => format!("draft-{}", version as u8),
        v if v & 0x0f0f_0f0f == 0x0a0a_0a0a => "reserved (greasing)".into(),
        v => format!("{v:#010x}"),
    }
}
