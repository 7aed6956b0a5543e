//! Zstandard (RFC 8878), any number of frames, skippable ones included.

use super::{CHECKSUM, CORRUPT, Codec, Step, TRAILING, UNSUPPORTED};
use zstd::stream::raw::{Decoder, Operation};

/// Bytes of a frame header that say how long it is.
const FRAME_START: usize = 5;
/// RFC 8878 3.1.1.2
const BLOCK_HEADER: usize = 3;

pub(super) struct Zstd {
    decoder: Decoder<'static>,
    /// Bytes that make the next unit of the format whole: what a call is given at most.
    ///
    /// An error hides the output of the call that met it, so a call must not decode more than one block.
    wanted: usize,
    /// A call filled the output: it may have more without more input.
    pending: bool,
    /// Some bytes of the frame were given.
    inside: bool,
    frames: u64,
}

impl Zstd {
    /// None: no memory for it.
    pub(super) fn boxed() -> Option<Box<dyn Codec>> {
        let decoder = Decoder::new().ok()?;
        Some(Box::new(Self { decoder, wanted: FRAME_START, pending: false, inside: false, frames: 0 }))
    }

    fn reason(&self, error: &std::io::Error) -> &'static str {
        let text = error.to_string();
        if text.contains("memory") {
            UNSUPPORTED
        } else if text.contains("checksum") {
            CHECKSUM
        } else if text.contains("Unknown frame descriptor") && self.frames > 0 {
            TRAILING
        } else {
            CORRUPT
        }
    }
}

impl Codec for Zstd {
    fn step(&mut self, input: &[u8], output: &mut [u8]) -> Step {
        let mut step = Step::default();
        loop {
            let rest = input.get(step.consumed..).unwrap_or_default();
            let given = if self.pending { &[] } else { rest.get(..self.wanted.min(rest.len())).unwrap_or_default() };
            let Some(room) = output.get_mut(step.produced..).filter(|room| !room.is_empty()) else { return step };
            if given.is_empty() && !self.pending {
                return step;
            }
            self.inside |= !given.is_empty();
            let room_len = room.len();
            match self.decoder.run_on_buffers(given, room) {
                Ok(status) => {
                    step.consumed += status.bytes_read;
                    step.produced += status.bytes_written;
                    self.pending = status.bytes_written == room_len && status.remaining != 0;
                    if status.remaining == 0 {
                        self.inside = false;
                        self.frames += 1;
                        self.wanted = FRAME_START;
                    } else {
                        // Part of a unit may have been given already: the library keeps it and counts it off. What it
                        // asks for beside a block is the header of the next one: that comes in a call of its own, so
                        // that a broken header does not hide the block.
                        self.wanted = if status.remaining > BLOCK_HEADER {
                            status.remaining - BLOCK_HEADER
                        } else {
                            status.remaining
                        };
                    }
                    if status.bytes_read == 0 && status.bytes_written == 0 && !given.is_empty() {
                        step.broken = Some(CORRUPT);
                        return step;
                    }
                }
                Err(error) => {
                    step.broken = Some(self.reason(&error));
                    return step;
                }
            }
        }
    }

    fn at_boundary(&self) -> bool {
        !self.inside && !self.pending
    }

    fn name(&self) -> &'static str {
        "zstd"
    }
}
