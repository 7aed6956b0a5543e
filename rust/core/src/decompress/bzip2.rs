//! bzip2, any number of streams.

use super::{CORRUPT, Codec, Step, TRAILING};
use bzip2::{Decompress, Status};

pub(super) struct Bzip2 {
    stream: Decompress,
    /// A stream is whole; another one may follow.
    between: bool,
}

impl Bzip2 {
    pub(super) fn new() -> Self {
        Self { stream: Decompress::new(false), between: false }
    }
}

impl Codec for Bzip2 {
    fn step(&mut self, input: &[u8], output: &mut [u8]) -> Step {
        if self.between {
            match input.first() {
                None => return Step::default(),
                Some(b'B') => *self = Self::new(),
                Some(_) => return Step { broken: Some(TRAILING), ..Step::default() },
            }
        }
        let (taken, given) = (self.stream.total_in(), self.stream.total_out());
        let result = self.stream.decompress(input, output);
        let mut step = Step {
            consumed: (self.stream.total_in() - taken) as usize,
            produced: (self.stream.total_out() - given) as usize,
            broken: None,
        };
        match result {
            Ok(Status::StreamEnd) => self.between = true,
            Ok(_) => {}
            // the library does not tell a wrong checksum from other damage
            Err(_) => step.broken = Some(CORRUPT),
        }
        step
    }

    fn at_boundary(&self) -> bool {
        self.between
    }

    fn name(&self) -> &'static str {
        "bzip2"
    }
}
