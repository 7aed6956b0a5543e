//! TFTP (RFC 1350, options RFC 2347): a request names a file and a mode; everything else is known by its ends.

/// Printable text in an even number of NUL-terminated strings, the second of which is a transfer mode. The operation
/// code in front is not looked at: this is what is taken for TFTP on any port.
pub fn options_like(data: &[u8]) -> bool {
    let Some(body) = data.get(2..) else { return false };
    if !body.iter().all(|&c| c == 0 || (0x20..0x7f).contains(&c)) {
        return false;
    }
    let ends = body.iter().filter(|&&c| c == 0).count();
    if ends == 0 || ends % 2 != 0 {
        return false;
    }
    let mode = body.split(|&c| c == 0).nth(1).unwrap_or_default();
    [&b"netascii"[..], b"octet", b"mail"].iter().any(|m| mode.eq_ignore_ascii_case(m))
}
