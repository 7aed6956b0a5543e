//! Who reads a TCP stream: by port, else by content, asked of every segment of a stream that is nobody's.

use super::stream::{ACK, FIN, Pair, RST, Reader, SYN, Segment, Stream};
use super::{App, Apps, Context, DetectedBy, Probe};
use crate::layers::Proto;

/// Bytes looked at before an unknown stream is left alone until its next segment.
const PROBE_BYTES: usize = 256;

impl Apps {
    /// One TCP segment.
    #[inline]
    pub(super) fn segment(&mut self, ctx: Context, number: u32, s: &Segment<'_>) {
        if s.data.is_empty() && s.flags & (SYN | FIN | RST) == 0 && self.streams.gaps == 0 {
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
                pair.unknown[side] = s.data.into();
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
            let bytes = &mut pair.unknown[side];
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
            let [a, b] = std::mem::take(&mut pair.unknown);
            let mut before = if side == 0 { a } else { b };
            before.truncate(before.len() - s.data.len().min(PROBE_BYTES));
            pair.sides[side].preset(before);
        }
        let Some(app) = pair.app else { return };
        ctx.detected_by = if pair.by_content { DetectedBy::Content } else { DetectedBy::Port };
        let gaps = |p: &Pair| p.sides.iter().filter(|s| s.has_gap()).count();
        let before = gaps(pair);
        let held = |p: &Pair| p.sides.iter().map(Stream::held).sum::<usize>();
        let held_before = held(pair);
        let [low, high] = &mut pair.sides;
        let (own, other) = if side == 0 { (low, high) } else { (high, low) };
        let Some(app) = self.apps.get_mut(app) else { return };
        let mut reader = Reader { app: app.as_mut(), out: &mut self.out, limit: self.streams.max_stream_bytes };
        if s.flags & ACK != 0 && other.has_gap() {
            other.acknowledged(&mut reader, &ctx, s.ack);
        }
        if s.flags & SYN != 0 {
            own.begin(s.seq.wrapping_add(1));
            if s.flags & ACK == 0 {
                pair.syn_ns = Some(ctx.time_ns);
            } else if let Some(syn_ns) = pair.syn_ns.take() {
                reader.app.handshake(&ctx, ctx.time_ns.saturating_sub(syn_ns));
            }
        }
        if s.flags & RST != 0 {
            own.rst(&mut reader, &ctx);
        } else {
            if !s.data.is_empty() && !own.given_up {
                own.push(&mut reader, &ctx, s);
            }
            if s.flags & FIN != 0 {
                own.fin(&mut reader, &ctx, s);
            }
        }
        let turned_down = std::mem::take(&mut own.turned_down) || own.given_up && !pair.confirmed && !pair.by_content;
        pair.confirmed |= !s.data.is_empty();
        self.streams.held = (self.streams.held + held(pair)).saturating_sub(held_before);
        if self.streams.held > self.streams.max_held {
            // No room for what this stream waits for: it is given up, not the others.
            self.streams.held = self.streams.held.saturating_sub(held(pair));
            pair.sides.iter_mut().for_each(|s| s.give_up());
            self.streams.refused += 1;
        }
        self.streams.gaps = self.streams.gaps + gaps(pair) - before;
        if turned_down && !s.data.is_empty() {
            self.other_reader(ctx, number, side, s);
        }
    }

    /// The stream's protocol turned the bytes of a segment down: they may begin another one's.
    fn other_reader(&mut self, ctx: Context, number: u32, side: usize, s: &Segment<'_>) {
        let Some(pair) = self.streams.open.get_mut(&number) else { return };
        if let (Some(app), _) = probe(&self.apps, s.data, pair.app) {
            *pair = Pair { app: Some(app), by_content: true, confirmed: true, ..Pair::default() };
            self.read(ctx, number, side, s);
        }
    }

    /// The end of the capture: what waits for a gap to close is read.
    pub fn finish(&mut self) {
        let mut numbers: Vec<u32> =
            self.streams.open.iter().filter(|(_, p)| p.sides.iter().any(|s| s.has_gap())).map(|(&n, _)| n).collect();
        numbers.sort_unstable();
        let limit = self.streams.max_stream_bytes;
        for number in numbers {
            let Some(pair) = self.streams.open.get_mut(&number) else { continue };
            let Some(app) = pair.app.and_then(|a| self.apps.get_mut(a)) else { continue };
            let mut reader = Reader { app: app.as_mut(), out: &mut self.out, limit };
            pair.sides.iter_mut().for_each(|s| s.flush(&mut reader, None));
        }
        self.streams.gaps = 0;
        self.out.back_to(0);
    }
}

/// The protocol a payload starts a message of, other than `not`; and whether more bytes could tell.
fn probe(apps: &[Box<dyn App>], data: &[u8], not: Option<usize>) -> (Option<usize>, bool) {
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
