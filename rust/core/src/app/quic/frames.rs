//! Frames that Initial packets may hold (RFC 9000 sections 12.4 and 19).

use super::packet::varint;
use super::version;

/// A frame; those that say nothing here are passed over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Frame<'a> {
    /// Bytes of the handshake at an offset.
    Crypto { offset: u64, data: &'a [u8] },
    /// Code, type of the frame that caused it (of a transport error), reason.
    Close { code: u64, application: bool, reason: &'a [u8] },
}

/// The frames up to the end or the first one that does not hold.
pub struct Frames<'a> {
    data: &'a [u8],
    /// Type number of a CRYPTO frame.
    crypto: u64,
}

impl<'a> Frames<'a> {
    pub fn new(data: &'a [u8], version: u32) -> Self {
        Self { data, crypto: if version::is_google(version) { 8 } else { 6 } }
    }
}

impl<'a> Frames<'a> {
    fn number(&mut self) -> Option<u64> {
        let (value, len) = varint(self.data)?;
        self.data = self.data.get(len..)?;
        Some(value)
    }

    fn bytes(&mut self) -> Option<&'a [u8]> {
        let len = usize::try_from(self.number()?).ok()?;
        let (bytes, rest) = self.data.split_at_checked(len)?;
        self.data = rest;
        Some(bytes)
    }

    /// Ranges behind the first four numbers, and counters of ECN.
    fn ack(&mut self, with_ecn: bool) -> Option<()> {
        let (_largest, _delay, ranges, _first) = (self.number()?, self.number()?, self.number()?, self.number()?);
        for _ in 0..ranges {
            self.number()?;
            self.number()?;
        }
        if with_ecn {
            self.number()?;
            self.number()?;
            self.number()?;
        }
        Some(())
    }
}

impl<'a> Iterator for Frames<'a> {
    type Item = Frame<'a>;

    fn next(&mut self) -> Option<Frame<'a>> {
        // Ends: every turn takes at least a byte, or leaves.
        loop {
            match self.number()? {
                // PADDING comes in runs.
                0 => self.data = self.data.trim_start_with_zeros(),
                1 => {}
                kind @ (2 | 3) => self.ack(kind == 3)?,
                kind if kind == self.crypto => {
                    let offset = self.number()?;
                    return Some(Frame::Crypto { offset, data: self.bytes()? });
                }
                kind @ (0x1c | 0x1d) => {
                    let code = self.number()?;
                    if kind == 0x1c {
                        self.number()?;
                    }
                    return Some(Frame::Close { code, application: kind == 0x1d, reason: self.bytes()? });
                }
                _ => {
                    self.data = &[];
                    return None;
                }
            }
        }
    }
}

trait TrimZeros {
    fn trim_start_with_zeros(&self) -> &Self;
}

impl TrimZeros for [u8] {
    fn trim_start_with_zeros(&self) -> &[u8] {
        let n = self.iter().position(|&b| b != 0).unwrap_or(self.len());
        self.get(n..).unwrap_or_default()
    }
}

/// The name of a transport error code (RFC 9000 section 20.1, RFC 9001 section 4.8); None for others.
pub fn error_name(code: u64) -> Option<&'static str> {
    Some(match code {
        0x00 => "NO_ERROR",
        0x01 => "INTERNAL_ERROR",
        0x02 => "CONNECTION_REFUSED",
        0x03 => "FLOW_CONTROL_ERROR",
        0x04 => "STREAM_LIMIT_ERROR",
        0x05 => "STREAM_STATE_ERROR",
        0x06 => "FINAL_SIZE_ERROR",
        0x07 => "FRAME_ENCODING_ERROR",
        0x08 => "TRANSPORT_PARAMETER_ERROR",
        0x09 => "CONNECTION_ID_LIMIT_ERROR",
        0x0a => "PROTOCOL_VIOLATION",
        0x0b => "INVALID_TOKEN",
        0x0c => "APPLICATION_ERROR",
        0x0d => "CRYPTO_BUFFER_EXCEEDED",
        0x0e => "KEY_UPDATE_ERROR",
        0x0f => "AEAD_LIMIT_REACHED",
        0x10 => "NO_VIABLE_PATH",
        0x11 => "VERSION_NEGOTIATION_ERROR",
        0x0100..=0x01ff => "CRYPTO_ERROR",
        _ => return None,
    })
}
