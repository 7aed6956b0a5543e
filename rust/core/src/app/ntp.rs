//! NTP and SNTP (RFC 5905, RFC 9327 for control messages) over UDP. Decoded here, followed by a machine outside.

pub(crate) mod fields;

use super::kept::Kept;
use super::message::{Fields, Message, Value, text};
use super::{App, Context, Output};
use crate::addr::IpAddr;
use crate::app::bytes::{be32, be64};
use crate::filter::registry::{Group, of_proto};
use crate::layers::Proto;
use crate::limits::Limits;

const PORT: u16 = 123;
/// From 1900, where NTP counts from, to 1970, s.
const TO_1970: i64 = 2_208_988_800;
/// Seconds of an era: the 32 bits pass over in 2036 (RFC 5905 6).
const ERA: i64 = 1 << 32;

const MODES: [&str; 8] =
    ["reserved", "symmetric active", "symmetric passive", "client", "server", "broadcast", "control", "private"];
const LEAPS: [&str; 4] = ["no warning", "61 seconds", "59 seconds", "unsynchronized"];

/// NTP of a pass.
pub struct Ntp {
    kept: Kept,
}

impl Ntp {
    pub fn new(limits: &Limits) -> Self {
        Self { kept: Kept::new(limits) }
    }
}

impl App for Ntp {
    fn name(&self) -> &'static str {
        "ntp"
    }
    fn udp_ports(&self) -> &[u16] {
        &[PORT]
    }
    fn protocols(&self) -> &[Proto] {
        &[Proto::Ntp]
    }

    fn datagram(&mut self, ctx: &Context, data: &[u8], out: &mut Output) -> bool {
        if data.is_empty() {
            return false;
        }
        out.found(Proto::Ntp);
        out.layer(of_proto(Proto::Ntp), data);
        if let Some(sink) = out.fields(Group::Ntp) {
            fields::put(data, sink);
        }
        self.kept.keep("ntp", ctx, decoded, data);
        out.messages.push(Message { protocol: "ntp", context: *ctx, fields: decoded(ctx, data) });
        true
    }

    fn quoted(&self, _: &Context, data: &[u8]) -> Option<Proto> {
        (!data.is_empty()).then_some(Proto::Ntp)
    }

    fn quoted_fields(&self, _: &Context, data: &[u8], out: &mut Output) {
        out.layer(of_proto(Proto::Ntp), data);
        if let Some(sink) = out.fields(Group::Ntp) {
            fields::put(data, sink);
        }
    }

    fn kept(&self) -> Option<&Kept> {
        Some(&self.kept)
    }
}

/// A timestamp as ns since 1970; None where it is not set. Without the highest bit it is of the era from 2036 on.
fn unix_ns(stamp: u64) -> Option<i64> {
    if stamp == 0 {
        return None;
    }
    let seconds = (stamp >> 32) as i64;
    let era = if seconds >= ERA / 2 { 0 } else { ERA };
    let fraction = ((stamp & 0xffff_ffff) * 1_000_000_000) >> 32;
    Some((seconds + era - TO_1970) * 1_000_000_000 + fraction as i64)
}

/// The short format: seconds and their fraction in 16 bits each (RFC 5905 6), as ns.
fn short_ns(value: u32) -> i64 {
    ((value as u64 * 1_000_000_000) >> 16) as i64
}

/// What the server gets its time from: a code where it has a clock itself or refuses (stratum 0 and 1), else an IPv4
/// address, or four bytes of the hash of an IPv6 address, which look alike.
fn reference(stratum: u8, id: [u8; 4]) -> Value {
    if stratum <= 1 {
        let end = id.iter().position(|&b| b == 0).unwrap_or(4);
        return text(&id[..end], 32).into();
    }
    IpAddr::v4(id).into()
}

/// All of a message. The fields of time are there in modes 1 to 5 only.
fn decoded(_: &Context, m: &[u8]) -> Fields {
    let first = m.first().copied().unwrap_or_default();
    let mode = first & 7;
    let mut out: Fields = vec![
        ("version", (first >> 3 & 7).into()),
        ("mode", mode.into()),
        ("mode_name", MODES[mode as usize].into()),
        ("message_bytes", m.len().into()),
    ];
    if mode >= 6 {
        // The response bit stands at the same place in the second byte of control, in the first one of private messages.
        let response = if mode == 6 { m.get(1).copied().unwrap_or_default() } else { first } & 0x80 != 0;
        out.push(("response", response.into()));
        let code = if mode == 6 { m.get(1).map(|b| b & 0x1f) } else { m.get(3).copied() };
        out.push(("request_code", code.into()));
        return out;
    }
    let (Some(stratum), Some(poll), Some(precision), Some(id)) =
        (m.get(1).copied(), m.get(2).copied(), m.get(3).copied(), be32(m, 12))
    else {
        out.push(("malformed", true.into()));
        return out;
    };
    out.extend([
        ("leap", LEAPS[(first >> 6) as usize].into()),
        ("stratum", stratum.into()),
        ("poll_log2_s", Value::Int((poll as i8).into())),
        ("precision_log2_s", Value::Int((precision as i8).into())),
        ("root_delay_ns", be32(m, 4).map(short_ns).into()),
        ("root_dispersion_ns", be32(m, 8).map(short_ns).into()),
        ("reference_id", reference(stratum, id.to_be_bytes())),
    ]);
    let stamps = [16, 24, 32, 40].map(|at| be64(m, at));
    for (name, stamp) in ["reference_ns", "origin_ns", "receive_ns", "transmit_ns"].into_iter().zip(stamps) {
        out.push((name, stamp.and_then(unix_ns).into()));
    }
    // As they stand there: what an answer is told by.
    out.push(("origin_bits", stamps[1].into()));
    out.push(("transmit_bits", stamps[3].into()));
    if stamps.iter().any(Option::is_none) {
        out.push(("malformed", true.into()));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::DetectedBy;

    fn context() -> Context {
        Context {
            frame: 1,
            time_ns: 0,
            src: IpAddr::v4([10, 0, 0, 1]),
            dst: IpAddr::v4([10, 0, 0, 2]),
            src_port: 123,
            dst_port: 123,
            transport: Proto::Udp,
            ttl: 64,
            frame_bytes: 90,
            stream: None,
            to_client: false,
            detected_by: DetectedBy::Port,
            only_in_order: false,
            server_known: false,
            recovered: false,
        }
    }

    fn get(m: &[u8], name: &str) -> Value {
        decoded(&context(), m).into_iter().find(|f| f.0 == name).map_or(Value::None, |f| f.1)
    }

    fn server() -> Vec<u8> {
        let mut m = vec![0x24, 1, 6, 0xe9, 0, 0, 0x80, 0, 0, 1, 0, 0];
        m.extend(b"GPS\0");
        // RFC 5905 figure 4: 1970 is second 2,208,988,800 of era 0, the first of 2000 is 3,155,673,600.
        for seconds in [2_208_988_800u64, 3_155_673_600, 3_155_673_600, 3_155_673_600] {
            m.extend((seconds << 32 | 0x8000_0000).to_be_bytes());
        }
        m
    }

    #[test]
    fn fields_of_a_server_message() {
        let m = server();
        assert_eq!((get(&m, "version"), get(&m, "mode_name")), (Value::Int(4), Value::Name("server")));
        assert_eq!((get(&m, "stratum"), get(&m, "reference_id")), (Value::Int(1), Value::Text("GPS".into())));
        assert_eq!((get(&m, "poll_log2_s"), get(&m, "precision_log2_s")), (Value::Int(6), Value::Int(-23)));
        assert_eq!(
            (get(&m, "root_delay_ns"), get(&m, "root_dispersion_ns")),
            (500_000_000u64.into(), 1_000_000_000u64.into())
        );
        assert_eq!(get(&m, "reference_ns"), Value::Int(500_000_000));
        assert_eq!(get(&m, "transmit_ns"), Value::Int(946_684_800_500_000_000));
        assert_eq!(get(&m, "malformed"), Value::None);
    }

    #[test]
    fn eras_and_unset_times() {
        assert_eq!(unix_ns(0), None);
        // RFC 5905 figure 4: the first second of era 1 is 2036-02-07 06:28:16.
        assert_eq!(unix_ns(1 << 32), Some((2_085_978_496 + 1) * 1_000_000_000));
    }

    #[test]
    fn control_and_private_messages() {
        assert_eq!(
            (get(&[0x16, 0x82], "mode_name"), get(&[0x16, 0x82], "response")),
            (Value::Name("control"), true.into())
        );
        let monlist = [0x17, 0, 3, 42];
        assert_eq!((get(&monlist, "response"), get(&monlist, "request_code")), (false.into(), Value::Int(42)));
        assert_eq!(get(&[0xd7, 0, 3, 42], "response"), true.into());
    }

    #[test]
    fn every_cut_and_flipped_byte_is_survived() {
        let m = server();
        for end in 0..m.len() {
            assert_eq!(get(&m[..end], "malformed"), Value::Bool(true), "{end}");
        }
        for at in 0..m.len() {
            for flip in [1u8, 0x80, 0xff] {
                let mut hurt = m.clone();
                hurt[at] ^= flip;
                decoded(&context(), &hurt);
            }
        }
    }
}
