//! gzip (RFC 1952), any number of members.

use super::{CHECKSUM, CORRUPT, Codec, Step, TRAILING};
use flate2::{Decompress, FlushDecompress, Status};

const WINDOW_BITS: u8 = 15;

pub(super) struct Gzip {
    member: Decompress,
    /// A member is whole; another one may follow.
    between: bool,
}

impl Gzip {
    pub(super) fn new() -> Self {
        Self { member: Decompress::new_gzip(WINDOW_BITS), between: false }
    }
}

impl Codec for Gzip {
    fn step(&mut self, input: &[u8], output: &mut [u8]) -> Step {
        if self.between {
            match input.first() {
                None => return Step::default(),
                // tapes and block devices are padded with zeros
                Some(0) => {
                    let consumed = input.iter().position(|&byte| byte != 0).unwrap_or(input.len());
                    return Step { consumed, ..Step::default() };
                }
                Some(0x1f) => *self = Self::new(),
                Some(_) => return Step { broken: Some(TRAILING), ..Step::default() },
            }
        }
        let (taken, given) = (self.member.total_in(), self.member.total_out());
        let result = self.member.decompress(input, output, FlushDecompress::None);
        let mut step = Step {
            consumed: (self.member.total_in() - taken) as usize,
            produced: (self.member.total_out() - given) as usize,
            broken: None,
        };
        match result {
            Ok(Status::StreamEnd) => self.between = true,
            Ok(Status::Ok | Status::BufError) => {}
            Err(error) => {
                // both checks of the trailer: of the data and of its length
                let check = matches!(error.message(), Some("incorrect data check" | "incorrect length check"));
                step.broken = Some(if check { CHECKSUM } else { CORRUPT });
            }
        }
        step
    }

    fn at_boundary(&self) -> bool {
        self.between
    }

    fn name(&self) -> &'static str {
        "gzip"
    }
}
