//! A reader of messages `length byte, that many bytes` over segments in every order.

use super::*;
use crate::addr::IpAddr;
use crate::app::DetectedBy;
use crate::app::streams::{Pair, Streams};
use crate::layers::Proto;
use crate::limits::Limits;

/// What the reader saw: (message, frame, only_in_order).
#[derive(Default)]
struct Recorder {
    messages: Vec<(Vec<u8>, u64, bool)>,
    skipped: Vec<u64>,
    ahead: Vec<u64>,
    gaps: Vec<u64>,
    closed: Vec<Close>,
    /// Messages longer than this are passed over.
    longest: usize,
    calls: usize,
}

impl App for Recorder {
    fn name(&self) -> &'static str {
        "recorder"
    }
    fn stream(&mut self, c: &Context, data: &[u8], out: &mut Output) -> Step {
        self.calls += 1;
        let len = 1 + data[0] as usize;
        if len > self.longest {
            self.messages.push((vec![data[0]], c.frame, c.only_in_order));
            return Step::Consumed(len);
        }
        let Some(m) = data.get(..len) else { return Step::Need(len) };
        self.messages.push((m.to_vec(), c.frame, c.only_in_order));
        out.found(Proto::Dns);
        Step::Consumed(len)
    }
    fn skipped(&mut self, c: &Context, _: &mut Output) {
        self.skipped.push(c.frame);
    }
    fn ahead(&mut self, c: &Context, _: &[u8], _: &mut Output) {
        self.ahead.push(c.frame);
    }
    fn gap(&mut self, _: &Context, lost: u64, _: &mut Output) {
        self.gaps.push(lost);
    }
    fn resumes(&self, data: &[u8]) -> bool {
        data[0] != 0xff
    }
    fn closed(&mut self, _: &Context, how: Close, _: &mut Output) {
        self.closed.push(how);
    }
}

fn context(frame: u64) -> Context {
    Context {
        frame,
        time_ns: 0,
        src: IpAddr::v4([1; 4]),
        dst: IpAddr::v4([2; 4]),
        src_port: 1,
        dst_port: 2,
        transport: Proto::Tcp,
        ttl: 64,
        frame_bytes: 60,
        stream: Some(0),
        to_client: false,
        detected_by: DetectedBy::Port,
        only_in_order: false,
        server_known: false,
        recovered: false,
    }
}

struct Bench {
    stream: Stream,
    app: Recorder,
    out: Output,
    frame: u64,
}

impl Bench {
    fn new() -> Self {
        let app = Recorder { longest: 100, ..Recorder::default() };
        Self { stream: Stream::default(), app, out: Output::default(), frame: 0 }
    }
    fn with(&mut self, f: impl FnOnce(&mut Stream, &mut Reader<'_>, &Context)) -> &mut Self {
        self.frame += 1;
        let mut reader = Reader { app: &mut self.app, out: &mut self.out, limit: 1000 };
        f(&mut self.stream, &mut reader, &context(self.frame));
        self
    }
    fn cut(&mut self, seq: u32, data: &[u8], wire_len: u32) -> &mut Self {
        let s = Segment { seq, ack: 0, flags: ACK, data, wire_len, repeated: false, resent: false };
        self.with(|stream, reader, c| stream.push(reader, c, &s))
    }
    fn put(&mut self, seq: u32, data: &[u8]) -> &mut Self {
        self.cut(seq, data, data.len() as u32)
    }
    fn seen(&self) -> Vec<(&[u8], u64, bool)> {
        self.app.messages.iter().map(|m| (m.0.as_slice(), m.1, m.2)).collect()
    }
}

#[test]
fn messages_over_segments_and_the_wrap() {
    let mut b = Bench::new();
    b.put(u32::MAX - 1, b"\x03a").put(0, b"bc\x01").put(3, b"d\x00");
    assert_eq!(b.seen(), [(&b"\x03abc"[..], 2, false), (b"\x01d", 3, false), (b"\x00", 3, false)]);
    assert!(b.stream.pending.is_empty());
}

#[test]
fn whole_messages_are_never_stored() {
    let mut b = Bench::new();
    for i in 0..100 {
        b.put(i * 4, b"\x03abc");
        assert_eq!(b.stream.pending.capacity(), 0);
    }
    assert_eq!(b.app.calls, 100);
}

#[test]
fn known_bytes_are_dropped_and_the_first_copy_stays() {
    let mut b = Bench::new();
    b.put(10, b"\x05abc").put(10, b"\x05XYZd").put(11, b"Q").put(15, b"e");
    assert_eq!(b.seen(), [(&b"\x05abcde"[..], 4, false)]);
}

/// tshark 4.0 puts what repeats a part of a message of several segments to that message, and shows nothing of it.
#[test]
fn repeated_parts_of_long_messages_are_not_read_again() {
    let mut b = Bench::new();
    b.put(10, b"\x05abc").put(14, b"de").put(16, b"\x03xyz");
    assert_eq!(b.seen().len(), 2);
    b.put(14, b"de").put(10, b"\x05abc");
    assert!(b.app.ahead.is_empty());
    // A message of one segment is read again.
    b.put(16, b"\x03xyz");
    assert_eq!(b.app.ahead, [6]);
}

#[test]
fn announced_bytes_are_passed_over_as_they_come() {
    let mut b = Bench::new();
    b.put(0, b"\xf0abc");
    assert_eq!((b.stream.skip, b.stream.pending.len()), (0xf0 - 3, 0));
    // A hole in bytes that are passed over is not waited for.
    b.put(100, &[1; 100]);
    assert_eq!((b.stream.skip, b.app.skipped.len()), (241 - 200, 0));
    b.put(200, &[1; 41]).put(241, b"\x01x");
    assert_eq!(b.app.skipped, []);
    assert_eq!(b.seen(), [(&b"\xf0"[..], 1, false), (b"\x01x", 4, false)]);
    // What was missing comes again: the message is whole.
    b.put(4, &[1; 50]).put(54, &[1; 46]);
    assert_eq!(b.app.skipped, [6]);
}

#[test]
fn what_wireshark_misses_is_marked() {
    // Frame 2 comes early and begins inside the message of frame 3: Wireshark has read it by then.
    let mut b = Bench::new();
    b.put(0, b"\x01a").put(5, b"de\x01x").put(2, b"\x04bc").put(9, b"\x01y");
    assert_eq!(b.app.ahead, [2]);
    assert_eq!(
        b.seen(),
        [(&b"\x01a"[..], 1, false), (b"\x04bcde", 3, true), (b"\x01x", 3, true), (b"\x01y", 4, false)]
    );
}

#[test]
fn early_segments_that_begin_a_message_keep_their_frame() {
    let mut b = Bench::new();
    b.put(0, b"\x01a").put(4, b"\x01c").put(2, b"\x01b").put(6, b"\x01d");
    assert_eq!(b.seen(), [(&b"\x01a"[..], 1, false), (b"\x01b", 3, false), (b"\x01c", 2, false), (b"\x01d", 4, false)]);
    // What was found in frame 2 is none of frame 3's: three finds of the frames at hand, one taken back.
    assert_eq!(b.out.mark().0, 3);
}

#[test]
fn wireshark_waits_for_the_rest_of_a_message_in_any_order() {
    let mut b = Bench::new();
    b.put(0, b"\x06a").put(4, b"def").put(2, b"bc");
    assert!(b.app.ahead.is_empty());
    assert_eq!(b.seen(), [(&b"\x06abcdef"[..], 3, false)]);
}

#[test]
fn a_gap_that_stays_is_passed_over_at_a_segment_the_reader_knows() {
    let mut b = Bench::new();
    b.put(0, b"\x05a").put(100, b"\xffzz").put(103, b"\x01b");
    assert_eq!(b.seen(), []);
    b.with(|stream, reader, c| stream.acknowledged(reader, c, 105));
    assert_eq!(b.app.gaps, [98]);
    assert_eq!(b.seen(), [(&b"\x01b"[..], 3, false)]);
    assert_eq!(b.stream.lost_bytes, 98);
}

#[test]
fn a_cut_segment_is_a_gap_unless_its_rest_is_passed_over() {
    let mut b = Bench::new();
    b.cut(0, b"\x03ab", 50).put(50, b"\x01c");
    assert_eq!((b.seen(), &b.app.gaps[..]), (vec![(&b"\x01c"[..], 2, false)], &[47u64][..]));
    let mut b = Bench::new();
    b.cut(0, b"\xc7ab", 200).put(200, b"\x01c");
    assert_eq!(b.seen(), [(&b"\xc7"[..], 1, false), (b"\x01c", 2, false)]);
    assert_eq!((&b.app.gaps[..], &b.app.skipped[..]), (&[][..], &[1u64][..]));
}

#[test]
fn ends_are_told_once_and_behind_the_last_byte() {
    let mut b = Bench::new();
    b.put(0, b"\x01a");
    let fin = Segment { seq: 4, ack: 0, flags: FIN | ACK, data: b"", wire_len: 0, repeated: false, resent: false };
    b.with(|stream, reader, c| stream.fin(reader, c, &fin));
    assert_eq!(b.app.closed, []);
    b.put(2, b"\x01b");
    assert_eq!(b.app.closed, [Close::Fin]);
    b.with(|stream, reader, c| stream.rst(reader, c));
    assert_eq!(b.app.closed, [Close::Fin]);
}

#[test]
fn memory_is_bounded() {
    let mut b = Bench::new();
    for i in 0..10_000u32 {
        b.put(i * 7, &[90; 5]);
        assert!(b.stream.held() <= 2000);
    }
    assert!(b.stream.lost_bytes > 0);
}

#[test]
fn a_full_table_is_swept_of_streams_that_are_over() {
    let mut streams = Streams::new(&Limits { max_app_streams: 16, ..Limits::default() });
    for n in 0..100 {
        let mut pair = Pair::default();
        pair.sides.iter_mut().for_each(|s| s.closed = true);
        streams.add(n, pair);
    }
    assert!(streams.open.len() <= 8 && streams.load.refused < 70);
}

#[test]
fn nothing_is_read_out_of_repetitions() {
    let again = |seq, data: &'static [u8]| Segment {
        seq,
        ack: 0,
        flags: ACK,
        data,
        wire_len: data.len() as u32,
        repeated: true,
        resent: false,
    };
    // Frame 2 waits for a gap; frame 3 fills it.
    let mut b = Bench::new();
    b.put(0, b"\x01a").put(4, b"\x01c");
    b.with(|stream, reader, c| stream.push(reader, c, &again(2, b"\x01b")));
    b.put(6, b"\x01d");
    assert_eq!(b.seen(), [(&b"\x01a"[..], 1, false), (b"\x01b", 3, true), (b"\x01c", 2, false), (b"\x01d", 4, false)]);
    // The last bytes of a message, and bytes in its middle.
    let mut b = Bench::new();
    b.put(0, b"\x05a").put(4, b"de");
    b.with(|stream, reader, c| stream.push(reader, c, &again(2, b"bc")));
    b.put(6, b"\x05f");
    b.with(|stream, reader, c| stream.push(reader, c, &again(8, b"gh")));
    b.put(10, b"ij");
    assert_eq!(b.seen(), [(&b"\x05abcde"[..], 3, true), (b"\x05fghij", 6, false)]);
}

#[test]
fn behind_a_message_that_lost_bytes_reading_goes_on() {
    let mut b = Bench::new();
    b.put(0, b"\x09ab").put(6, b"fghi\x01x");
    assert_eq!(b.app.ahead, [2]);
    b.with(|stream, reader, c| stream.acknowledged(reader, c, 12));
    assert_eq!((b.seen(), &b.app.gaps[..]), (vec![(&b"\x01x"[..], 2, false)], &[3u64][..]));
}

#[test]
fn what_is_over_goes_long_before_the_table_is_full_unless_it_is_used() {
    let mut streams = Streams::of(100_000, 1 << 20, 1 << 20);
    for n in 0..20_000 {
        let mut pair = Pair::default();
        if n % 10 != 0 {
            pair.sides.iter_mut().for_each(Stream::give_up);
        }
        streams.add(n, pair);
        // Something comes for one that is over.
        streams.open.get_mut(&1).into_iter().for_each(|p| p.was_over = false);
    }
    assert!((0..20_000).step_by(10).chain([1]).all(|n| streams.open.contains_key(&n)));
    assert!(streams.number() < 8_000, "{}", streams.number());
    assert_eq!(streams.load.refused, 0);
}

#[test]
fn what_ended_a_good_while_ago_goes_and_what_is_used_stays() {
    let (mut app, mut out) = (Recorder { longest: 100, ..Recorder::default() }, Output::default());
    let mut streams = Streams::of(1_000_000, 1 << 20, 1 << 20);
    for n in 0..10_000u32 {
        streams.add(n, Pair::default());
        // The first one is used again and again.
        for (number, side, flags) in [(n, 0, ACK | FIN), (n, 1, ACK | FIN), (0, 0, ACK)] {
            let Some(pair) = streams.open.get_mut(&number) else { continue };
            let s = Segment { seq: 1, ack: 1, flags, data: b"\x01a", wire_len: 2, repeated: false, resent: false };
            let mut reader = Reader { app: &mut app, out: &mut out, limit: 1000 };
            let ctx = Context { stream: Some(number), ..context(n as u64) };
            pair.deliver(&mut reader, &mut streams.load, &ctx, side, &s);
        }
    }
    assert!(streams.open.contains_key(&0) && !streams.open.contains_key(&1) && streams.open.contains_key(&9_000));
    assert_eq!((streams.number(), streams.load.held), (Streams::KEPT_ENDED + 1, 0));
}
