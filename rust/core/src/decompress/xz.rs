//! xz, any number of streams.

use super::{CORRUPT, Codec, Step, TRAILING, UNSUPPORTED};
use liblzma::stream::{Action, Error, Status, Stream};

/// Memory that a stream may ask for, bytes; `xz -9` needs 65 MiB.
const MAX_MEMORY: u64 = 200 << 20;

pub(super) struct Xz {
    stream: Stream,
    /// A stream is whole; another one may follow.
    between: bool,
}

impl Xz {
    /// None: no memory for it.
    pub(super) fn new() -> Option<Self> {
        let stream = Stream::new_stream_decoder(MAX_MEMORY, 0).ok()?;
        Some(Self { stream, between: false })
    }
}

impl Codec for Xz {
    fn step(&mut self, input: &[u8], output: &mut [u8]) -> Step {
        if self.between {
            match input.first() {
                None => return Step::default(),
                // stream padding
                Some(0) => {
                    let consumed = input.iter().position(|&byte| byte != 0).unwrap_or(input.len());
                    return Step { consumed, ..Step::default() };
                }
                Some(0xfd) => match Self::new() {
                    Some(next) => *self = next,
                    None => return Step { broken: Some(UNSUPPORTED), ..Step::default() },
                },
                Some(_) => return Step { broken: Some(TRAILING), ..Step::default() },
            }
        }
        let (taken, given) = (self.stream.total_in(), self.stream.total_out());
        let result = self.stream.process(input, output, Action::Run);
        let mut step = Step {
            consumed: (self.stream.total_in() - taken) as usize,
            produced: (self.stream.total_out() - given) as usize,
            broken: None,
        };
        match result {
            Ok(Status::StreamEnd) => self.between = true,
            Ok(_) => {}
            Err(Error::MemLimit | Error::Mem | Error::Options) => step.broken = Some(UNSUPPORTED),
            Err(_) => step.broken = Some(CORRUPT),
        }
        step
    }

    fn at_boundary(&self) -> bool {
        self.between
    }

    fn name(&self) -> &'static str {
        "xz"
    }
}
