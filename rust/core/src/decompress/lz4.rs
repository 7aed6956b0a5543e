//! LZ4 frames (format version 1.6), any number of them, skippable ones included.
//!
//! The frame is read here, block by block, because the library's own frame reader pulls; blocks are the library's.

use super::{CHECKSUM, CORRUPT, Codec, Step, TRAILING, UNSUPPORTED};
use lz4_flex::block::{decompress_into, decompress_into_with_dict};
use std::hash::Hasher;
use twox_hash::XxHash32;

const MAGIC: u32 = 0x184d_2204;
/// Sixteen magic numbers of frames to be skipped.
const SKIPPABLE: u32 = 0x184d_2a50;
/// A block that is stored, not compressed.
const STORED: u32 = 1 << 31;
/// Bytes that a block may refer back to.
const HISTORY: usize = 64 << 10;

/// What the gathered bytes are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Part {
    #[default]
    Magic,
    SkipLen,
    Skip(u64),
    /// Flags and block size, then what the flags announce.
    Descriptor,
    BlockLen,
    Block {
        stored: bool,
    },
    ContentChecksum,
}

#[derive(Default)]
pub(super) struct Lz4 {
    part: Part,
    /// Bytes of the part gathered so far.
    gathered: Vec<u8>,
    /// Bytes that make the part whole.
    wanted: usize,
    flags: u8,
    block_max: usize,
    content: Option<Box<XxHash32>>,
    /// The end of the frame's output, for blocks that refer back.
    history: Vec<u8>,
    decoded: Vec<u8>,
    /// Bytes of `decoded` handed out.
    given: usize,
    frames: u64,
}

impl Lz4 {
    fn next(&mut self, part: Part, wanted: usize) {
        self.part = part;
        self.wanted = wanted;
        self.gathered.clear();
    }

    fn flag(&self, bit: u8) -> bool {
        self.flags >> bit & 1 == 1
    }

    /// Handles a whole part.
    fn part(&mut self) -> Result<(), &'static str> {
        let word = |bytes: &[u8]| bytes.first_chunk::<4>().map_or(0, |raw| u32::from_le_bytes(*raw));
        let value = word(&self.gathered);
        match self.part {
            Part::Magic => match value {
                MAGIC => self.next(Part::Descriptor, 3),
                _ if value & !0xf == SKIPPABLE => self.next(Part::SkipLen, 4),
                _ => return Err(if self.frames > 0 { TRAILING } else { CORRUPT }),
            },
            Part::SkipLen => self.next(Part::Skip(u64::from(value)), 0),
            Part::Skip(_) => {
                self.frames += 1;
                self.next(Part::Magic, 4);
            }
            Part::Descriptor => self.descriptor()?,
            Part::BlockLen if value == 0 => {
                if self.flag(2) {
                    self.next(Part::ContentChecksum, 4);
                } else {
                    self.frames += 1;
                    self.next(Part::Magic, 4);
                }
            }
            Part::BlockLen => {
                let len = (value & !STORED) as usize;
                if len > self.block_max {
                    return Err(CORRUPT);
                }
                let checksum = if self.flag(4) { 4 } else { 0 };
                self.next(Part::Block { stored: value & STORED != 0 }, len + checksum);
            }
            Part::Block { stored } => {
                self.block(stored)?;
                self.next(Part::BlockLen, 4);
            }
            Part::ContentChecksum => {
                if self.content.take().is_some_and(|content| content.finish_32() != value) {
                    return Err(CHECKSUM);
                }
                self.frames += 1;
                self.next(Part::Magic, 4);
            }
        }
        Ok(())
    }

    fn descriptor(&mut self) -> Result<(), &'static str> {
        let [flags, block, ..] = *self.gathered.as_slice() else { return Err(CORRUPT) };
        self.flags = flags;
        let len = 3 + if self.flag(3) { 8 } else { 0 } + if self.flag(0) { 4 } else { 0 };
        if self.gathered.len() < len {
            self.wanted = len;
            return Ok(());
        }
        let Some((check, fields)) = self.gathered.split_last() else { return Err(CORRUPT) };
        if flags >> 6 != 1 || (XxHash32::oneshot(0, fields) >> 8) as u8 != *check {
            return Err(CORRUPT);
        }
        if self.flag(0) {
            // a dictionary that is not in the stream
            return Err(UNSUPPORTED);
        }
        self.block_max = match block >> 4 & 7 {
            size @ 4..=7 => 1 << (8 + 2 * size),
            _ => return Err(CORRUPT),
        };
        self.content = self.flag(2).then(|| Box::new(XxHash32::with_seed(0)));
        self.history.clear();
        self.next(Part::BlockLen, 4);
        Ok(())
    }

    fn block(&mut self, stored: bool) -> Result<(), &'static str> {
        let mut data = self.gathered.as_slice();
        if self.flag(4) {
            let Some((block, raw)) = data.split_last_chunk::<4>() else { return Err(CORRUPT) };
            if XxHash32::oneshot(0, block) != u32::from_le_bytes(*raw) {
                return Err(CHECKSUM);
            }
            data = block;
        }
        self.given = 0;
        self.decoded.clear();
        if stored {
            self.decoded.extend_from_slice(data);
        } else {
            self.decoded.resize(self.block_max, 0);
            let result = if self.flag(5) {
                decompress_into(data, &mut self.decoded)
            } else {
                decompress_into_with_dict(data, &mut self.decoded, &self.history)
            };
            match result {
                Ok(len) => self.decoded.truncate(len),
                Err(_) => {
                    self.decoded.clear();
                    return Err(CORRUPT);
                }
            }
        }
        if !self.flag(5) {
            let keep = self.decoded.len().min(HISTORY);
            let old = self.history.len().saturating_sub(HISTORY - keep);
            self.history.drain(..old);
            self.history.extend_from_slice(self.decoded.get(self.decoded.len() - keep..).unwrap_or_default());
        }
        if let Some(content) = &mut self.content {
            content.write(&self.decoded);
        }
        Ok(())
    }
}

impl Codec for Lz4 {
    fn step(&mut self, input: &[u8], output: &mut [u8]) -> Step {
        let mut step = Step::default();
        if self.frames == 0 && self.part == Part::Magic {
            self.wanted = 4;
        }
        loop {
            let ready = self.decoded.get(self.given..).unwrap_or_default();
            let room = output.get_mut(step.produced..).unwrap_or_default();
            let len = ready.len().min(room.len());
            if let (Some(to), Some(from)) = (room.get_mut(..len), ready.get(..len)) {
                to.copy_from_slice(from);
            }
            self.given += len;
            step.produced += len;
            if self.given < self.decoded.len() {
                return step;
            }
            let rest = input.get(step.consumed..).unwrap_or_default();
            if let Part::Skip(left) = &mut self.part
                && *left > 0
            {
                let skipped = (*left).min(rest.len() as u64);
                *left -= skipped;
                step.consumed += skipped as usize;
                if *left > 0 {
                    return step;
                }
                continue;
            }
            let more = rest.get(..self.wanted.saturating_sub(self.gathered.len()).min(rest.len())).unwrap_or_default();
            self.gathered.extend_from_slice(more);
            step.consumed += more.len();
            if self.gathered.len() < self.wanted {
                return step;
            }
            if let Err(reason) = self.part() {
                step.broken = Some(reason);
                return step;
            }
        }
    }

    fn at_boundary(&self) -> bool {
        self.part == Part::Magic && self.gathered.is_empty() && self.given == self.decoded.len() && self.frames > 0
    }

    fn name(&self) -> &'static str {
        "lz4"
    }
}
