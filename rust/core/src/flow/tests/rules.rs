//! Every event kind: a conversation that has it, and one that looks alike and has it not. The expected events are those
//! that tshark 4.0.17 prints for the same segments.

use super::*;

#[test]
fn retransmission_repeats_what_was_not_acknowledged() {
    check_connected(&[
        (client(ACK, 1001, 5001, 100), ""),
        (client(ACK, 1101, 5001, 100), ""),
        (client(ACK, 1001, 5001, 100).after_us(300_000), "retransmission"),
        (client(ACK, 1201, 5001, 100), ""),
    ]);
}

#[test]
fn spurious_retransmission_repeats_what_was_acknowledged() {
    check_connected(&[
        (client(ACK, 1001, 5001, 100), ""),
        (server(ACK, 5001, 1101, 0), ""),
        (client(ACK, 1001, 5001, 100), "retransmission,spurious_retransmission"),
        // One byte more than was acknowledged: not spurious.
        (client(ACK, 1001, 5001, 101), "out_of_order"),
    ]);
    check_connected(&[
        (client(ACK, 1001, 5001, 100), ""),
        (client(ACK, 1101, 5001, 100), ""),
        (server(ACK, 5001, 1101, 0), ""),
        (client(ACK, 1051, 5001, 60).after_us(50_000), "retransmission"),
    ]);
}

/// Four segments, the second lost behind the capture point; `dup_acks` ask for it.
fn asking_for_the_second(dup_acks: usize) -> Vec<(Seg, &'static str)> {
    let mut steps: Vec<(Seg, &str)> =
        [1001, 1101, 1201, 1301].map(|seq| (client(ACK, seq, 5001, 100), "")).into_iter().collect();
    steps.push((server(ACK, 5001, 1101, 0).after_us(10_000), ""));
    steps.extend((0..dup_acks).map(|_| (server(ACK, 5001, 1101, 0), "duplicate_ack")));
    steps
}

#[test]
fn fast_retransmission_follows_two_duplicate_acks_within_20_ms() {
    let fast = "retransmission,fast_retransmission";
    for (dup_acks, after_us, seq, events) in [
        (2, 19_999, 1101, fast),
        (3, 100, 1101, fast),
        (2, 20_000, 1101, "retransmission"),
        (1, 100, 1101, "retransmission"),
        // Not the segment that the ACKs ask for.
        (2, 100, 1201, "retransmission"),
    ] {
        let mut steps = asking_for_the_second(dup_acks);
        steps.push((client(ACK, seq, 5001, 100).after_us(after_us), events));
        check_connected(&steps);
    }
}

#[test]
fn out_of_order_fills_a_gap_within_the_initial_rtt() {
    for (after_us, events) in [(1999, "out_of_order"), (2000, "retransmission")] {
        check_connected(&[
            (client(ACK, 1001, 5001, 100), ""),
            (client(ACK, 1201, 5001, 100), "lost_segment"),
            (client(ACK, 1101, 5001, 100).after_us(after_us), events),
        ]);
    }
}

#[test]
fn out_of_order_window_is_3_ms_without_an_initial_rtt() {
    for (after_us, events) in [(2999, "out_of_order"), (3000, "retransmission")] {
        check(&[
            (client(ACK, 1001, 5001, 100), ""),
            (client(ACK, 1201, 5001, 100), "lost_segment"),
            (client(ACK, 1101, 5001, 100).after_us(after_us), events),
        ]);
    }
}

#[test]
fn a_repetition_of_the_newest_bytes_is_never_out_of_order() {
    check_connected(&[
        (client(ACK, 1001, 5001, 100), ""),
        (client(ACK, 1101, 5001, 100), ""),
        (client(ACK, 1101, 5001, 100), "retransmission"),
        (client(ACK, 1051, 5001, 50), "out_of_order"),
    ]);
}

#[test]
fn time_running_backwards_is_no_reordering() {
    check_connected(&[
        (client(ACK, 1001, 5001, 100), ""),
        (client(ACK, 1201, 5001, 100), "lost_segment"),
        (client(ACK, 1101, 5001, 100).after_us(-50), "retransmission"),
    ]);
}

#[test]
fn lost_segment_is_a_gap_before_a_segment() {
    check_connected(&[
        (client(ACK, 1001, 5001, 100), ""),
        (client(ACK, 1102, 5001, 100), "lost_segment"),
        (client(ACK, 1202, 5001, 100), ""),
        (client(FIN | ACK, 1400, 5001, 0), "lost_segment"),
    ]);
    check_connected(&[(client(RST, 2000, 0, 0), "")]);
    // Nothing seen of this side before: nothing is missing.
    check(&[(client(ACK, 9000, 5001, 10), ""), (server(ACK, 70_000, 9010, 10), "")]);
}

#[test]
fn ack_lost_segment_acknowledges_what_was_not_seen() {
    check_connected(&[
        (client(ACK, 1001, 5001, 100), ""),
        (server(ACK, 5001, 1301, 0), "ack_lost_segment"),
        // The same once more is a duplicate ACK only.
        (server(ACK, 5001, 1301, 0), "duplicate_ack"),
        (client(ACK, 1301, 5001, 100), "lost_segment"),
        // The gap is still open: one more that goes beyond it.
        (server(ACK, 5001, 1401, 0), "ack_lost_segment"),
    ]);
    check_connected(&[(client(ACK, 1001, 5001, 100), ""), (server(ACK, 5001, 1101, 0), "")]);
}

#[test]
fn duplicate_ack_repeats_number_and_window_without_data() {
    check_connected(&[
        (server(ACK, 5001, 1001, 0), "duplicate_ack"),
        (server(ACK, 5001, 1001, 0), "duplicate_ack"),
        (server(ACK, 5001, 1001, 5), ""),
        (server(ACK, 5006, 1001, 0).window(999), "window_update"),
        (server(FIN | ACK, 5006, 1001, 0).window(999), ""),
    ]);
}

#[test]
fn window_update_changes_the_window_and_nothing_else() {
    check_connected(&[
        (server(ACK, 5001, 1001, 0).window(2000), "window_update"),
        (client(ACK, 1001, 5001, 10), ""),
        (server(ACK, 5001, 1011, 0).window(3000), ""),
        (server(ACK, 5001, 1011, 0).window(0), "zero_window"),
        (server(ACK, 5001, 1011, 0).window(500), "window_update"),
    ]);
}

#[test]
fn zero_window_is_not_of_syn_fin_or_rst() {
    check_connected(&[
        (server(ACK, 5001, 1001, 0).window(0), "zero_window"),
        (server(RST, 5001, 0, 0).window(0), ""),
        (server(FIN | ACK, 5001, 1001, 0).window(0), ""),
    ]);
}

#[test]
fn zero_window_probe_is_one_byte_into_a_closed_window() {
    check_connected(&[
        (server(ACK, 5001, 1001, 0).window(0), "zero_window"),
        (client(ACK, 1001, 5001, 1).after_us(200_000), "zero_window_probe"),
        (server(ACK, 5001, 1001, 0).window(0), "zero_window,zero_window_probe_ack"),
        // The probe did not move the sequence number.
        (client(ACK, 1001, 5001, 1).after_us(400_000), "zero_window_probe"),
        (server(ACK, 5001, 1001, 0).window(800), "window_update"),
        (client(ACK, 1001, 5001, 1), ""),
    ]);
    // Two bytes are no probe.
    check_connected(&[
        (server(ACK, 5001, 1001, 0).window(0), "zero_window"),
        (client(ACK, 1001, 5001, 2).after_us(200_000), ""),
    ]);
}

#[test]
fn a_window_not_known_yet_is_not_closed() {
    check(&[(client(ACK, 1001, 5001, 10), ""), (client(ACK, 1011, 5001, 1), "")]);
}

/// Handshake with window scaling by 2 and 4.
fn scaled_handshake() -> Vec<(Seg, &'static str)> {
    let [syn, syn_ack, ack] = handshake().try_into().expect("three segments");
    vec![(syn.scale(1), ""), (syn_ack.scale(2), ""), (ack, "")]
}

#[test]
fn window_full_reaches_the_scaled_edge() {
    let mut steps = scaled_handshake();
    steps.extend([
        // The server's window is 1000 as long as only its SYN+ACK was seen, which is not scaled.
        (client(ACK, 1001, 5001, 1000), "window_full"),
        (server(ACK, 5001, 2001, 0), ""),
        // 2001 + 1000 * 4
        (client(ACK, 2001, 5001, 3999), ""),
        (client(ACK, 6000, 5001, 1), "window_full"),
        // The client's: 5001 + 1000 * 2
        (server(ACK, 5001, 6001, 2000), "window_full"),
    ]);
    check(&steps);
}

#[test]
fn window_full_needs_to_know_the_scaling() {
    // Mid-stream: it could be anything.
    check(&[(server(ACK, 5001, 1001, 0), ""), (client(ACK, 1001, 5001, 1000), "")]);
    // No option in the SYN: not scaled.
    check_connected(&[(server(ACK, 5001, 1001, 1), ""), (client(ACK, 1001, 5002, 1000), "window_full")]);
}

#[test]
fn scaling_that_only_one_side_offers_is_off() {
    let [syn, syn_ack, ack] = handshake().try_into().expect("three segments");
    check(&[(syn.scale(3), ""), (syn_ack, ""), (ack, ""), (server(ACK, 5001, 1001, 1000), "window_full")]);
}

#[test]
fn keep_alive_steps_one_byte_back() {
    check_connected(&[
        (client(ACK, 1001, 5001, 100), ""),
        (server(ACK, 5001, 1101, 0), ""),
        (client(ACK, 1100, 5001, 0).after_us(45_000_000), "keep_alive"),
        (server(ACK, 5001, 1101, 0), "keep_alive_ack"),
        (client(ACK, 1100, 5001, 1).after_us(45_000_000), "keep_alive"),
        (server(ACK, 5001, 1101, 0), "keep_alive_ack"),
        // Two bytes from there on are new data.
        (client(ACK, 1100, 5001, 2), ""),
    ]);
    check_connected(&[(client(FIN | ACK, 1000, 5001, 0).after_us(45_000_000), "retransmission")]);
}

#[test]
fn sequence_numbers_wrap() {
    let isn = u32::MAX - 100;
    check(&[
        (client(SYN, isn, 0, 0), ""),
        (server(SYN | ACK, 5000, isn + 1, 0).after_us(1000), ""),
        (client(ACK, isn + 1, 5001, 0).after_us(1000), ""),
        (client(ACK, isn + 1, 5001, 200), ""),
        (client(ACK, 100, 5001, 100), ""),
        (server(ACK, 5001, 100, 0), ""),
        (client(ACK, 300, 5001, 100), "lost_segment"),
        (client(ACK, 200, 5001, 100), "out_of_order"),
        (server(ACK, 5001, 400, 0), ""),
        (client(ACK, isn + 1, 5001, 200).after_us(100_000), "retransmission,spurious_retransmission"),
    ]);
}

#[test]
fn what_is_printed_of_one_sided_captures() {
    check(&[
        (client(SYN, 1000, 0, 0), ""),
        (client(ACK, 1001, 5001, 0).after_us(2000), ""),
        (client(ACK, 1001, 5001, 100), ""),
        (client(ACK, 1101, 5301, 0), ""),
        (client(ACK, 1101, 5301, 0), "duplicate_ack"),
        (client(ACK, 1201, 5301, 10), "lost_segment"),
        (client(FIN | ACK, 1211, 5301, 0), ""),
    ]);
}

#[test]
fn a_syn_sent_again_is_a_retransmission() {
    check(&[
        (client(SYN, 1000, 0, 0), ""),
        (client(SYN, 1000, 0, 0).after_us(1_000_000), "retransmission"),
        (server(SYN | ACK, 5000, 1001, 0), ""),
        (server(SYN | ACK, 5000, 1001, 0).after_us(500_000), "retransmission"),
        (client(ACK, 1001, 5001, 0), ""),
    ]);
}

#[test]
fn fast_open_data_in_the_syn_counts() {
    check(&[
        (client(SYN, 1000, 0, 50), ""),
        (server(SYN | ACK, 5000, 1051, 0).after_us(1000), ""),
        (client(ACK, 1051, 5001, 100), ""),
        (server(ACK, 5001, 1151, 0), ""),
    ]);
}

#[test]
fn reused_ports() {
    check(&[
        (client(SYN, 1000, 0, 0), ""),
        (server(RST | ACK, 0, 1001, 0), ""),
        // Another number: another connection.
        (client(SYN, 2000, 0, 0).after_us(10_000), "reused_ports"),
        // The same number: the same one, even after a RST.
        (client(SYN, 2000, 0, 0).after_us(1_000_000), "retransmission"),
        (server(SYN | ACK, 5000, 2001, 0), ""),
        // Another answer stays with the connection.
        (server(SYN | ACK, 6000, 2001, 0), "lost_segment,reused_ports"),
    ]);
}
