//! xz, any number of streams.

use super::{CORRUPT, Codec, Step, TRAILING, UNSUPPORTED};
use liblzma::stream::{Action, CONCATENATED, Error, Status, Stream};

/// Memory that a stream may ask for, bytes; `xz -9` needs 65 MiB.
const MAX_MEMORY: u64 = 200 << 20;

pub(super) struct Xz {
    stream: Stream,
    ended: bool,
}

impl Xz {
    /// None: no memory for it.
    pub(super) fn new() -> Option<Box<dyn Codec>> {
        let stream = Stream::new_stream_decoder(MAX_MEMORY, CONCATENATED).ok()?;
        Some(Box::new(Self { stream, ended: false }))
    }
}

impl Codec for Xz {
    fn step(&mut self, input: &[u8], output: &mut [u8], last: bool) -> Step {
        if self.ended {
            return Step::default();
        }
        let (taken, given) = (self.stream.total_in(), self.stream.total_out());
        // the library says the end only when it knows that no stream follows
        let action = if last { Action::Finish } else { Action::Run };
        let result = self.stream.process(input, output, action);
        let mut step = Step {
            consumed: (self.stream.total_in() - taken) as usize,
            produced: (self.stream.total_out() - given) as usize,
            broken: None,
        };
        match result {
            Ok(Status::StreamEnd) => self.ended = true,
            Ok(_) => {}
            Err(Error::MemLimit | Error::Mem | Error::Options) => step.broken = Some(UNSUPPORTED),
            // no stream header where one could begin: something else follows the last stream
            Err(Error::Format) if self.stream.total_out() > 0 => step.broken = Some(TRAILING),
            Err(_) => step.broken = Some(CORRUPT),
        }
        step
    }

    fn at_boundary(&self) -> bool {
        self.ended
    }

    fn name(&self) -> &'static str {
        "xz"
    }
}
