//! Who reads beside the protocol that a stream or datagram belongs to: by port, or from a segment on that tells.
//!
//! One that watches sees the bytes in order as any other reader does, but names no protocols. Its buffers are its own and
//! small: what it looks for stands in short messages.

use super::stream::{FIN, RST, Reader, SYN, Segment};
use super::streams::{Pair, Streams};
use super::{App, Context, DetectedBy, Output};
use crate::limits::Limits;

/// Bytes of a message, or waiting for a gap to close, of one direction.
const MAX_STREAM_BYTES: usize = 64 << 10;

/// A set of port numbers: asked of every packet.
struct Ports(Box<[u64]>);

impl Ports {
    fn new(ports: &[u16]) -> Self {
        let mut bits = vec![0; 1 << 10].into_boxed_slice();
        ports.iter().for_each(|p| bits[(p >> 6) as usize] |= 1 << (p & 63));
        Self(bits)
    }

    #[inline]
    fn either(&self, ctx: &Context) -> bool {
        let has = |p: u16| self.0.get((p >> 6) as usize).is_some_and(|bits| bits >> (p & 63) & 1 != 0);
        has(ctx.src_port) || has(ctx.dst_port)
    }
}

/// What one protocol watches.
pub(super) struct Watch {
    app: usize,
    tcp: Ports,
    udp: Ports,
    streams: Streams,
    /// Some stream is read that has none of the ports.
    others: bool,
}

impl Watch {
    /// What the protocol at that place watches: its (TCP, UDP) ports.
    pub fn new(app: usize, (tcp, udp): (&[u16], &[u16]), limits: &Limits) -> Option<Self> {
        let bytes = limits.max_app_stream_bytes.min(MAX_STREAM_BYTES);
        let streams = Streams::of(limits.max_app_streams, bytes, limits.max_app_buffer_bytes / 8);
        Some(Self { app, tcp: Ports::new(tcp), udp: Ports::new(udp), streams, others: false })
    }

    pub fn datagram(&self, apps: &mut [Box<dyn App>], out: &mut Output, ctx: &Context, data: &[u8]) {
        if self.udp.either(ctx)
            && let Some(app) = apps.get_mut(self.app)
        {
            app.watch_datagram(ctx, data, out);
        }
    }

    #[inline]
    pub fn segment(
        &mut self,
        apps: &mut [Box<dyn App>],
        out: &mut Output,
        ctx: &Context,
        number: u32,
        s: &Segment<'_>,
    ) {
        let by_port = self.tcp.either(ctx);
        if s.data.is_empty() && (!by_port && !self.others || s.flags & (SYN | FIN | RST) == 0 && self.gaps() == 0) {
            return;
        }
        self.read(apps, out, ctx, number, s, by_port);
    }

    fn gaps(&self) -> usize {
        self.streams.load.gaps
    }

    fn read(
        &mut self,
        apps: &mut [Box<dyn App>],
        out: &mut Output,
        ctx: &Context,
        number: u32,
        s: &Segment<'_>,
        by_port: bool,
    ) {
        let Some(app) = apps.get_mut(self.app) else { return };
        let known = (by_port || self.others) && self.streams.open.contains_key(&number);
        if !known {
            let wanted = match by_port {
                // A SYN tells where a stream begins.
                true => !s.data.is_empty() || s.flags & SYN != 0,
                false => !s.data.is_empty() && !s.repeated && app.watch_segment(ctx, s.data, out),
            };
            if !wanted {
                return;
            }
            self.others |= !by_port;
            self.streams.add(number, Pair { by_content: !by_port, ..Pair::default() });
        }
        let Streams { open, load, .. } = &mut self.streams;
        let Some(pair) = open.get_mut(&number) else { return };
        let side = ((ctx.src, ctx.src_port) > (ctx.dst, ctx.dst_port)) as usize;
        let detected_by = if pair.by_content { DetectedBy::Content } else { DetectedBy::Port };
        let ctx = Context { detected_by, ..*ctx };
        let mut reader = Reader { app: app.as_mut(), out, limit: load.max_stream_bytes };
        pair.deliver(&mut reader, load, &ctx, side, s);
    }

    /// The end of the capture: what waits for a gap to close is read.
    pub fn finish(&mut self, apps: &mut [Box<dyn App>], out: &mut Output) {
        let Some(app) = apps.get_mut(self.app) else { return };
        let limit = self.streams.load.max_stream_bytes;
        for number in self.streams.with_gaps() {
            let Some(pair) = self.streams.open.get_mut(&number) else { continue };
            let mut reader = Reader { app: app.as_mut(), out, limit };
            pair.sides.iter_mut().for_each(|s| s.flush(&mut reader, None));
        }
        self.streams.load.gaps = 0;
    }
}
