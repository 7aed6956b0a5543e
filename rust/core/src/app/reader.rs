//! Who reads a TCP stream: by port, else by content, asked of every segment of a stream that is nobody's.

use super::stream::{FIN, RST, Reader, SYN, Segment};
use super::streams::Pair;
use super::{App, Apps, Context, DetectedBy, Probe};
use crate::layers::Proto;

/// Bytes looked at before an unknown stream is left alone until its next segment.
const PROBE_BYTES: usize = 256;

impl Apps {
    /// One TCP segment.
    #[inline]
    pub(super) fn segment(&mut self, ctx: Context, number: u32, s: &Segment<'_>) {
        for watch in &mut self.watchers {
            watch.segment(&mut self.apps, &mut self.out, &ctx, number, s);
        }
        if s.data.is_empty() && s.flags & (SYN | FIN | RST) == 0 && self.streams.load.gaps == 0 && !self.waits_inside()
        {
            return;
        }
        let side = ((ctx.src, ctx.src_port) > (ctx.dst, ctx.dst_port)) as usize;
        if !self.streams.open.contains_key(&number) && !self.admit(&ctx, number, side, s) {
            return;
        }
        self.read(ctx, number, side, s);
    }

    /// Makes a place for a stream that has none, if it is somebody's. False: there is nothing to read.
    fn admit(&mut self, ctx: &Context, number: u32, side: usize, s: &Segment<'_>) -> bool {
        if let Some(app) = self.tcp_ports.of(ctx) {
            // A SYN tells where a stream begins.
            if s.data.is_empty() && s.flags & SYN == 0 {
                return false;
            }
            self.streams.add(number, Pair { app: Some(app), ..Pair::default() });
            return true;
        }
        if s.data.is_empty() || !self.probes_tcp {
            return false;
        }
        match probe(&self.apps, s.data, None) {
            (Some(app), _) => {
                self.streams.add(number, Pair { app: Some(app), by_content: true, ..Pair::default() });
                true
            }
            (None, true) => {
                let mut pair = Pair::default();
                pair.unknown.get_or_insert_default()[side] = s.data.into();
                pair.sides[side].begin(s.seq.wrapping_add(s.data.len() as u32));
                self.streams.add(number, pair);
                false
            }
            (None, false) => false,
        }
    }

    fn read(&mut self, mut ctx: Context, number: u32, side: usize, s: &Segment<'_>) {
        let Some(pair) = self.streams.open.get_mut(&number) else { return };
        if pair.app.is_none() {
            // A few bytes were too few; more of them may tell.
            let bytes = &mut pair.unknown.get_or_insert_default()[side];
            bytes.extend_from_slice(s.data.get(..PROBE_BYTES.min(s.data.len())).unwrap_or_default());
            match probe(&self.apps, bytes, None) {
                (Some(app), _) => (pair.app, pair.by_content) = (Some(app), true),
                (None, more) => {
                    if !more || bytes.len() >= PROBE_BYTES {
                        self.streams.open.remove(&number);
                    }
                    return;
                }
            }
            let [a, b] = *pair.unknown.take().unwrap_or_default();
            let mut before = if side == 0 { a } else { b };
            before.truncate(before.len() - s.data.len().min(PROBE_BYTES));
            pair.sides[side].preset(before);
        }
        let Some(index) = pair.app else { return };
        ctx.detected_by = if pair.by_content { DetectedBy::Content } else { DetectedBy::Port };
        let Some(app) = self.apps.get_mut(index) else { return };
        if let Some(inside) = &mut self.inside {
            inside.begin(app.as_ref(), &ctx, number, s);
        }
        let inside_of = pair.inside;
        let before = self.out.mark();
        let load = &mut self.streams.load;
        let mut reader = Reader { app: app.as_mut(), out: &mut self.out, limit: load.max_stream_bytes };
        if pair.deliver(&mut reader, load, &ctx, side, s) {
            let http = self.out.since(before).contains(&Proto::Http);
            self.other_reader(ctx, number, side, s, http.then_some(Proto::Http));
        } else if let Some(outer) = inside_of {
            self.out.stands_in(outer, before);
        }
        if self.inside.is_some() {
            self.open(index, &ctx, number, side, s);
        }
    }

    /// The stream's protocol turned the bytes of a segment down: they may begin another one's.
    /// `outer`: it has been shown as a part of that.
    fn other_reader(&mut self, ctx: Context, number: u32, side: usize, s: &Segment<'_>, outer: Option<Proto>) {
        let Some(pair) = self.streams.open.get_mut(&number) else { return };
        if let (Some(app), _) = probe(&self.apps, s.data, pair.app) {
            **pair = Pair { app: Some(app), by_content: true, confirmed: true, ..Pair::default() };
            self.read(ctx, number, side, s);
            if let Some(pair) = self.streams.open.get_mut(&number) {
                pair.inside = outer;
            }
        }
    }

    /// The end of the capture: what waits for a gap to close is read.
    pub fn finish(&mut self) {
        let limit = self.streams.load.max_stream_bytes;
        for number in self.streams.with_gaps() {
            let Some(pair) = self.streams.open.get_mut(&number) else { continue };
            let Some(app) = pair.app.and_then(|a| self.apps.get_mut(a)) else { continue };
            let mut reader = Reader { app: app.as_mut(), out: &mut self.out, limit };
            pair.sides.iter_mut().for_each(|s| s.flush(&mut reader, None));
        }
        self.streams.load.gaps = 0;
        self.finish_inside();
        self.watchers.iter_mut().for_each(|w| w.finish(&mut self.apps, &mut self.out));
        self.out.back_to((0, 0));
    }
}

/// The protocol a payload starts a message of, other than `not`; and whether more bytes could tell.
pub(super) fn probe(apps: &[Box<dyn App>], data: &[u8], not: Option<usize>) -> (Option<usize>, bool) {
    let mut more = false;
    for (i, app) in apps.iter().enumerate().filter(|(i, a)| a.probes_tcp() && Some(*i) != not) {
        match app.probe(Proto::Tcp, data) {
            Probe::Yes => return (Some(i), false),
            Probe::More => more = true,
            Probe::No => {}
        }
    }
    (None, more && data.len() < PROBE_BYTES)
}
