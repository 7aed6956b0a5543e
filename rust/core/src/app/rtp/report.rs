//! The counts as a value for Python.

use super::header::Event;
use super::payload_types;
use super::reports::{About, Source};
use super::stream::{Stream, TypeCount};
use super::table::Counts;
use super::timing::Spread;
use crate::app::Report;
use crate::app::media::{Announcement, MediaKind, MediaTransport, Side};
use crate::app::message::{Fields, Value};
use std::any::Any;
use std::sync::Arc;

impl Report for Counts {
    fn value(self: Arc<Self>) -> Value {
        let types: Vec<Value> = self.types().map(|(t, n)| Value::List(vec![t.into(), n.into()])).collect();
        let streams: Vec<Value> = self.streams.iter().map(stream).collect();
        let sources: Vec<Value> = self.reports.sources.iter().map(source).collect();
        Value::Map(vec![
            ("packets", self.packets.into()),
            ("shown", self.shown.into()),
            ("malformed", self.malformed.into()),
            ("quoted", self.quoted.into()),
            ("heuristic_packets", self.heuristic_packets.into()),
            ("rtcp_packets", self.rtcp_packets.into()),
            ("rtcp_by_content", self.rtcp_by_content.into()),
            ("payload_types", types.into()),
            ("ssrcs", self.ssrcs().into()),
            ("ssrcs_exact", (!self.ssrcs_full).into()),
            ("streams", streams.into()),
            ("unlisted_packets", self.unlisted_packets.into()),
            ("reports", sources.into()),
            ("unlisted_rtcp_packets", self.reports.dropped.into()),
            ("announcements_dropped", self.announcements_dropped.into()),
            ("memory_bytes", self.memory().into()),
        ])
    }

    fn merge(&self, other: &dyn Report) -> Option<Arc<dyn Report>> {
        let other = (other as &dyn Any).downcast_ref::<Self>()?;
        let mut all = self.clone();
        Counts::merge(&mut all, other);
        Some(Arc::new(all))
    }
}

fn ms(ns: i64) -> Value {
    Value::Float(ns as f64 / 1e6)
}

fn spread(s: &Spread) -> Value {
    let fields: Fields = vec![
        ("min", s.min.map(Value::Float).unwrap_or(Value::None)),
        ("mean", Value::Float(s.mean)),
        ("max", Value::Float(s.max)),
    ];
    fields.into()
}

fn stream(s: &Stream) -> Value {
    let t = &s.timing;
    let events = s.events.iter().map(|e| {
        let clock = f64::from(e.clock.max(1));
        let fields: Fields = vec![
            ("key", Event::name(e.code)),
            ("frame", e.frame.into()),
            ("duration_ms", Value::Float(f64::from(e.duration) * 1e3 / clock)),
            ("volume_dbm0", Value::Int(-i64::from(e.volume))),
            ("ended", e.ended.into()),
        ];
        fields.into()
    });
    let mut types: Vec<&TypeCount> = s.types.iter().collect();
    types.sort_by_key(|t| t.payload_type);
    let types = types.into_iter().map(|t| {
        let name = t.name.clone().or_else(|| payload_types::static_name(t.payload_type).map(Into::into));
        let fields: Fields = vec![
            ("payload_type", t.payload_type.into()),
            ("packets", t.packets.into()),
            ("codec", name.map(Value::Text).unwrap_or(Value::None)),
            ("listed", Value::Text(listed(t))),
        ];
        fields.into()
    });
    Value::Map(vec![
        ("src", s.key.src.into()),
        ("src_port", s.key.src_port.into()),
        ("dst", s.key.dst.into()),
        ("dst_port", s.key.dst_port.into()),
        ("ssrc", s.key.ssrc.into()),
        ("detected_by", if s.key.announced { "announced" } else { "heuristic" }.into()),
        ("first_frame", s.first_frame.into()),
        ("last_frame", s.last_frame.into()),
        ("first_time_ns", s.first_time_ns.into()),
        ("last_time_ns", s.last_time_ns.into()),
        ("packets", t.packets.into()),
        ("bytes", s.bytes.into()),
        ("payload_bytes", s.payload_bytes.into()),
        ("expected", t.expected().into()),
        ("lost", t.lost().into()),
        ("out_of_sequence", t.out_of_sequence.into()),
        ("wrong_timestamp", t.wrong_timestamp.into()),
        ("problem", t.problem().into()),
        ("delta_ms", spread(&t.delta)),
        ("max_delta_frame", t.max_delta_frame.into()),
        ("jitter_ms", spread(&t.jitter)),
        ("clock_rate", t.clock.into()),
        ("missing", s.sequence.missing.into()),
        ("gaps", s.sequence.gaps.into()),
        ("longest_gap_packets", s.sequence.longest_gap.into()),
        ("longest_gap_frame", s.sequence.longest_gap_frame.into()),
        ("duplicates", s.sequence.duplicates.into()),
        ("late", s.sequence.late.into()),
        ("restarts", s.sequence.restarts.into()),
        ("longest_pause_ms", ms(s.longest_pause_ns)),
        ("longest_pause_frame", s.longest_pause_frame.into()),
        ("markers", s.markers.into()),
        ("noise_packets", s.noise_packets.into()),
        ("silence_ms", Value::Float(s.silence_ms)),
        ("step", s.step.into()),
        ("types", types.collect::<Vec<Value>>().into()),
        ("other_types_packets", s.other_types.into()),
        ("events", events.collect::<Vec<Value>>().into()),
        ("event_count", s.event_count.into()),
        ("encrypted", s.encrypted().into()),
        ("receiver", announcement(s.receiver.as_deref())),
        ("sender", announcement(s.sender.as_deref())),
        ("recovered", s.recovered.into()),
    ])
}

/// The name Wireshark lists for a payload type of a stream.
fn listed(t: &TypeCount) -> String {
    t.name.clone().unwrap_or_else(|| payload_types::listed_name(t.payload_type))
}

fn announcement(by: Option<&Announcement>) -> Value {
    let Some(a) = by else { return Value::None };
    let kind = match a.kind {
        MediaKind::Audio => "audio",
        MediaKind::Video => "video",
        MediaKind::Other => "other",
    };
    Value::Map(vec![
        ("frame", a.said_in.into()),
        ("method", a.method.into()),
        ("call_id", a.call_id.clone().into()),
        (
            "side",
            match a.side {
                Side::Offer => "offer",
                Side::Answer => "answer",
            }
            .into(),
        ),
        ("media", kind.into()),
        ("direction", a.direction.name().into()),
        ("encrypted", (a.transport == MediaTransport::Srtp).into()),
    ])
}

fn source(s: &Source) -> Value {
    let sender = s.sender.map(|i| -> Value {
        Value::Map(vec![
            ("packets", i.packets.into()),
            ("octets", i.octets.into()),
            ("ntp", Value::Float((i.ntp >> 32) as f64 + (i.ntp & 0xffff_ffff) as f64 / 4_294_967_296.0)),
            ("rtp_timestamp", i.rtp_timestamp.into()),
        ])
    });
    let goodbye = s.goodbye.as_ref().map(|(frame, reason)| -> Value {
        let reason = reason.clone().map(Value::Text).unwrap_or(Value::None);
        Value::Map(vec![("frame", (*frame).into()), ("reason", reason)])
    });
    Value::Map(vec![
        ("src", s.src.into()),
        ("src_port", s.src_port.into()),
        ("dst", s.dst.into()),
        ("dst_port", s.dst_port.into()),
        ("ssrc", s.ssrc.into()),
        ("detected_by", if s.announced { "announced" } else { "content" }.into()),
        ("first_frame", s.first_frame.into()),
        ("last_frame", s.last_frame.into()),
        ("packets", s.packets.into()),
        ("sender_reports", s.sender_reports.into()),
        ("receiver_reports", s.receiver_reports.into()),
        ("feedback", s.feedback.into()),
        ("cname", s.cname.clone().map(Value::Text).unwrap_or(Value::None)),
        ("sender", sender.unwrap_or(Value::None)),
        ("goodbye", goodbye.unwrap_or(Value::None)),
        ("about", s.about.iter().map(about).collect::<Vec<Value>>().into()),
        ("about_dropped", s.about_dropped.into()),
    ])
}

fn about(a: &About) -> Value {
    let trips: Value = if a.round_trips == 0 {
        Value::None
    } else {
        Value::Map(vec![
            ("count", a.round_trips.into()),
            ("min", Value::Float(a.min_round_trip_ms)),
            ("mean", Value::Float(a.mean_round_trip_ms())),
            ("max", Value::Float(a.max_round_trip_ms)),
        ])
    };
    let voip = a.voip.map(|v| -> Value {
        let tenths = |v: Option<u8>| v.map_or(Value::None, |n| Value::Float(f64::from(n) / 10.0));
        Value::Map(vec![
            ("loss_percent", Value::Float(f64::from(v.loss) / 2.56)),
            ("discard_percent", Value::Float(f64::from(v.discard) / 2.56)),
            ("round_trip_ms", v.round_trip_ms.into()),
            ("end_system_ms", v.end_system_ms.into()),
            ("r_factor", v.r_factor.into()),
            ("mos_lq", tenths(v.mos_lq)),
            ("mos_cq", tenths(v.mos_cq)),
        ])
    });
    Value::Map(vec![
        ("ssrc", a.ssrc.into()),
        ("reports", a.reports.into()),
        ("last_frame", a.last_frame.into()),
        ("lost", a.last.lost.into()),
        ("fraction_lost_percent", Value::Float(f64::from(a.last.fraction_lost) / 2.56)),
        ("max_fraction_lost_percent", Value::Float(f64::from(a.max_fraction_lost) / 2.56)),
        ("highest_sequence", a.last.highest.into()),
        ("jitter_ticks", a.last.jitter.into()),
        ("mean_jitter_ticks", Value::Float(a.mean_jitter())),
        ("max_jitter_ticks", a.max_jitter.into()),
        ("round_trip_ms", trips),
        ("voip_metrics", voip.unwrap_or(Value::None)),
    ])
}
