//! Random segments with every kind of header against what tshark 4.0.17 prints of them, frame by frame.

use super::*;

const GOLDEN: &str = include_str!("tshark_random.txt");

fn number<T: std::str::FromStr>(text: &str) -> Option<T> {
    (text != "-").then(|| text.parse().ok().expect("a number"))
}

fn address(text: &str) -> IpAddr {
    IpAddr::from_std(format!("10.{text}").parse().expect("an address"))
}

#[test]
fn equals_tshark_on_random_segments() {
    compare_with_tshark(TcpTracker::new(&Limits::default()));
}

#[test]
fn equals_tshark_where_all_but_one_connection_are_packed() {
    let mut tracker = TcpTracker::new(&Limits::default());
    tracker.set_hot(1);
    compare_with_tshark(tracker);
}

fn compare_with_tshark(mut tracker: TcpTracker) {
    let (mut frame, mut now) = (0, 1_700_000_000_000_000_000i64);
    for line in GOLDEN.lines().filter(|line| !line.starts_with('#')) {
        let (segment, expected) = line.split_once(" | ").expect("two parts");
        let f: Vec<&str> = segment.split(' ').collect();
        frame += 1;
        now += number::<i64>(f[0]).expect("a gap");
        let tcp = Tcp {
            src_port: number(f[3]).expect("a port"),
            dst_port: number(f[4]).expect("a port"),
            seq: number(f[5]).expect("a number"),
            ack: number(f[6]).expect("a number"),
            flags: number(f[7]).expect("flags"),
            window: number(f[8]).expect("a window"),
            len: number(f[9]),
            header_len: number(f[10]).expect("a length"),
            header_captured: number(f[11]).expect("a length"),
            window_scale: number(f[12]),
            ..Tcp::default()
        };
        let v = tracker.segment(&Segment {
            frame,
            time_ns: now,
            clock_ns: now,
            src: address(f[1]),
            dst: address(f[2]),
            tcp: &tcp,
            frame_bytes: 0,
            payload: &[],
            recovered: false,
        });
        let or_dash = |ns: Option<i64>| ns.map_or("-".to_owned(), |ns| ns.to_string());
        let events = Some(names(v.events)).filter(|n| !n.is_empty()).unwrap_or("-".to_owned());
        let got = format!("{} {events} {} {}", v.stream, or_dash(v.initial_rtt_ns), or_dash(v.ack_rtt_ns));
        assert_eq!(got, expected, "frame {frame}: {segment}");
    }
    assert_eq!(frame, 2000);
}
