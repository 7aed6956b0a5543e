//! Compressed captures, decoded as they stream in: gzip, zstd, lz4, xz, bzip2, found by content.
//!
//! What is not compressed passes through without a copy. Output comes in bounded steps; an input that swells beyond
//! the ratio or the total of [`Limits`] is refused. A stream that breaks keeps what was decoded before.

mod bzip2;
mod gzip;
mod lz4;
mod xz;
mod zstd;

use crate::container::FormatError;
use crate::limits::Limits;

/// The stream ends inside a frame.
const TRUNCATED: &str = "compressed_truncated";
/// The data contradicts itself.
const CORRUPT: &str = "compressed_corrupt";
/// A checksum does not match what was decoded (and handed out).
const CHECKSUM: &str = "compressed_checksum";
/// Something else follows the last whole frame.
const TRAILING: &str = "compressed_trailing";
/// The stream asks for a feature or for more memory than is given.
const UNSUPPORTED: &str = "unsupported";

/// Bytes of output handed out at a time.
const OUTPUT_STEP: usize = 256 << 10;
/// Bytes of output over which the ratio is looked at.
const RATIO_WINDOW: u64 = 64 << 20;
/// Bytes that tell the compression.
const MAGIC_LEN: usize = 4;

/// What one step of a codec did.
#[derive(Clone, Copy, Debug, Default)]
struct Step {
    consumed: usize,
    produced: usize,
    /// The stream broke; `produced` bytes were still good.
    broken: Option<&'static str>,
}

/// A decoder of one compression.
trait Codec: Send {
    /// Decodes some of `input` into `output`. An empty `input` asks for what is pending.
    fn step(&mut self, input: &[u8], output: &mut [u8]) -> Step;
    /// True where the input may end.
    fn at_boundary(&self) -> bool;
    fn name(&self) -> &'static str;
}

enum State {
    /// Fewer than [`MAGIC_LEN`] bytes were seen.
    Unknown,
    Plain,
    Compressed(Box<dyn Codec>),
    /// It broke; the rest of the input is ignored.
    Broken,
}

/// Push decoder of the compressed layer.
pub struct Decompressor {
    state: State,
    name: Option<&'static str>,
    damage: Option<&'static str>,
    head: Vec<u8>,
    buffer: Vec<u8>,
    bytes_in: u64,
    bytes_out: u64,
    /// Compressed bytes that the codec has taken.
    taken: u64,
    /// `taken` and `bytes_out` where the present ratio window began.
    window: (u64, u64),
    max_ratio: u64,
    max_total: u64,
}

impl Decompressor {
    /// A decoder that finds the compression by content.
    pub fn new(limits: &Limits) -> Self {
        Self {
            state: State::Unknown,
            name: None,
            damage: None,
            head: Vec::new(),
            buffer: Vec::new(),
            bytes_in: 0,
            bytes_out: 0,
            taken: 0,
            window: (0, 0),
            max_ratio: limits.max_compression_ratio,
            max_total: limits.max_decompressed_bytes,
        }
    }

    /// `gzip`, `zstd`, `lz4`, `xz` or `bzip2`; None: plain, or not known yet.
    pub fn compression(&self) -> Option<&'static str> {
        self.name
    }

    /// Why the stream broke after some output, if it did: `compressed_truncated`, `compressed_corrupt`,
    /// `compressed_checksum`, `compressed_trailing` or `unsupported`.
    pub fn damage(&self) -> Option<&'static str> {
        self.damage
    }

    /// Bytes taken.
    pub fn bytes_in(&self) -> u64 {
        self.bytes_in
    }

    /// Bytes handed out.
    pub fn bytes_out(&self) -> u64 {
        self.bytes_out
    }

    /// Takes the next bytes of the input and hands the decoded ones to `out`.
    ///
    /// # Errors
    /// What `out` returns; `compression_bomb`; and when the stream breaks before its first byte of output
    /// `corrupt_compression` or `unsupported`.
    pub fn feed<F>(&mut self, data: &[u8], out: &mut F) -> Result<(), FormatError>
    where
        F: FnMut(&[u8]) -> Result<(), FormatError>,
    {
        self.bytes_in += data.len() as u64;
        if !matches!(self.state, State::Unknown) {
            return self.push(data, out);
        }
        if self.head.is_empty() && data.len() >= MAGIC_LEN {
            self.detect(data);
            return self.push(data, out);
        }
        let (first, rest) = data.split_at((MAGIC_LEN - self.head.len()).min(data.len()));
        self.head.extend_from_slice(first);
        if self.head.len() < MAGIC_LEN {
            return Ok(());
        }
        let head = std::mem::take(&mut self.head);
        self.detect(&head);
        self.push(&head, out)?;
        self.push(rest, out)
    }

    /// The input ends here.
    ///
    /// # Errors
    /// As [`Self::feed`].
    pub fn finish<F>(&mut self, out: &mut F) -> Result<(), FormatError>
    where
        F: FnMut(&[u8]) -> Result<(), FormatError>,
    {
        if matches!(self.state, State::Unknown) {
            self.state = State::Plain;
            let head = std::mem::take(&mut self.head);
            return self.push(&head, out);
        }
        self.decode(&[], out)?;
        if let State::Compressed(codec) = &self.state
            && !codec.at_boundary()
        {
            self.broken(TRUNCATED)?;
        }
        self.state = State::Broken;
        Ok(())
    }

    fn detect(&mut self, head: &[u8]) {
        let codec: Option<Box<dyn Codec>> = match head {
            [0x1f, 0x8b, 8, ..] => Some(Box::new(gzip::Gzip::new())),
            // frames to be skipped are common to zstd and lz4; only zstd's tools write them
            [0x28, 0xb5, 0x2f, 0xfd, ..] | [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..] => zstd::Zstd::boxed(),
            [0x04, 0x22, 0x4d, 0x18, ..] => Some(Box::new(lz4::Lz4::default())),
            [0xfd, b'7', b'z', b'X', ..] => xz::Xz::new().map(|xz| Box::new(xz) as Box<dyn Codec>),
            [b'B', b'Z', b'h', b'1'..=b'9', ..] => Some(Box::new(bzip2::Bzip2::new())),
            _ => None,
        };
        self.state = match codec {
            Some(codec) => {
                self.name = Some(codec.name());
                self.buffer = vec![0; OUTPUT_STEP];
                State::Compressed(codec)
            }
            None => State::Plain,
        };
    }

    fn push<F>(&mut self, data: &[u8], out: &mut F) -> Result<(), FormatError>
    where
        F: FnMut(&[u8]) -> Result<(), FormatError>,
    {
        match self.state {
            State::Plain if !data.is_empty() => {
                self.bytes_out += data.len() as u64;
                out(data)
            }
            State::Compressed(_) => self.decode(data, out),
            _ => Ok(()),
        }
    }

    fn decode<F>(&mut self, data: &[u8], out: &mut F) -> Result<(), FormatError>
    where
        F: FnMut(&[u8]) -> Result<(), FormatError>,
    {
        let mut input = data;
        loop {
            let State::Compressed(codec) = &mut self.state else { return Ok(()) };
            let step = codec.step(input, &mut self.buffer);
            input = input.get(step.consumed..).unwrap_or_default();
            self.taken += step.consumed as u64;
            self.bytes_out += step.produced as u64;
            self.check_size()?;
            let output = self.buffer.get(..step.produced).unwrap_or_default();
            if !output.is_empty() {
                out(output)?;
            }
            if let Some(reason) = step.broken {
                return self.broken(reason);
            }
            let idle = step.consumed == 0 && step.produced == 0;
            if idle && !input.is_empty() {
                return self.broken(CORRUPT);
            }
            if idle || (input.is_empty() && step.produced < self.buffer.len()) {
                return Ok(());
            }
        }
    }

    /// Refuses an input that swells too much.
    fn check_size(&mut self) -> Result<(), FormatError> {
        let (taken, given) = self.window;
        let (taken, given) = (self.taken - taken, self.bytes_out - given);
        let bomb = if given >= RATIO_WINDOW {
            self.window = (self.taken, self.bytes_out);
            given / taken.max(1) >= self.max_ratio
        } else {
            false
        };
        if bomb || self.bytes_out > self.max_total {
            self.state = State::Broken;
            let message = format!(
                "the compressed input swells too much: {} bytes became more than {}",
                self.taken, self.bytes_out
            );
            return Err(FormatError::new("compression_bomb", message));
        }
        Ok(())
    }

    /// The stream broke. An error only when there was no output at all.
    fn broken(&mut self, reason: &'static str) -> Result<(), FormatError> {
        self.state = State::Broken;
        self.buffer = Vec::new();
        self.damage = Some(reason);
        if self.bytes_out > 0 {
            return Ok(());
        }
        let name = self.name.unwrap_or_default();
        Err(match reason {
            UNSUPPORTED => {
                FormatError::new("unsupported", format!("the {name} stream needs more memory than is given"))
            }
            _ => FormatError::new("corrupt_compression", format!("the {name} stream is broken before its first byte")),
        })
    }
}

#[cfg(test)]
mod tests;
