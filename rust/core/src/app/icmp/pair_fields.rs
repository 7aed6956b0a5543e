//! Fields of replies to echo requests: what the machine has put together.

use super::echo::Answered;
use crate::fields;
use crate::filter::Sink;
use crate::filter::registry::Group;

fields! {
    Group::IcmpPairs, "icmp", Some("icmp");
    RESP_TO = frame_number("icmp.resp_to", "Frame of the request").stateful();
    RESPTIME = double("icmp.resptime", "Time since the request, ms").stateful();
    V6_RESP_TO = frame_number("icmpv6.resp_to", "Frame of the request").stateful();
    V6_RESPTIME = double("icmpv6.resptime", "Time since the request, ms").stateful();
}

/// Puts what a reply answers.
pub(super) fn put(answered: &Answered, v6: bool, sink: &mut Sink) {
    let [frame, time] = if v6 { [V6_RESP_TO, V6_RESPTIME] } else { [RESP_TO, RESPTIME] };
    sink.uint(frame, answered.frame, 0, 0);
    sink.float(time, answered.took_ns as f64 / 1_000_000.0, 0, 0);
}
