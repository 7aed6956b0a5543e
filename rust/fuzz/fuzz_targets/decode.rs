//! Any bytes through the whole pass: dissection, reassembly, TCP analysis, counters, application protocols. No panic,
//! and the same outcome for two different cuts into chunks.
//!
//! The first byte of the input chooses the chunks, the rest is the capture.
#![no_main]

use libfuzzer_sys::fuzz_target;
use pcapstream_core::app;
use pcapstream_core::engine::{Decoder, Plan};
use pcapstream_core::limits::Limits;

/// Everything a pass can be asked for, with small tables so that their limits are met.
fn run(data: &[u8], chunk: usize) -> Option<String> {
    let mut limits = Limits { max_decompressed_bytes: 8 << 20, ..Limits::default() };
    for name in ["max_tcp_connections", "max_conversations", "max_tcp_segments", "max_fragment_sets", "max_names"] {
        limits.set(name, 50);
    }
    let apps = app::AppPlan { names: app::names().into_iter().map(str::to_owned).collect(), ports: Vec::new() };
    let plan = Plan { packets: true, connections: true, apps, ..Plan::default() };
    let mut decoder = Decoder::new(plan, &limits);
    let (mut packets, mut connections) = (0, 0);
    for part in data.chunks(chunk) {
        let batch = decoder.feed(part).ok()?;
        packets += batch.packets.len();
        connections += batch.connections.len();
    }
    let batch = decoder.finish().ok()?;
    packets += batch.packets.len();
    connections += batch.connections.len();
    let s = decoder.into_snapshot();
    let tcp = s.tcp.as_ref().map(|t| (t.len(), t.totals(&Default::default()), t.evicted()));
    let tally = s.tally.as_ref().map(|t| (t.paths.leaves(), t.ip.pairs().collect::<Vec<_>>(), t.udp.pairs().collect::<Vec<_>>(), t.frames));
    let reports: Vec<_> = s.reports.iter().map(|r| r.1.clone().value()).collect();
    let pages: Vec<_> = s.kept.iter().map(|k| k.1.page(None, 0, 1000).len()).collect();
    Some(format!("{packets} {connections} {:?} {:?} {tcp:?} {tally:?} {reports:?} {pages:?}", s.counts, s.file))
}

fuzz_target!(|input: &[u8]| {
    let Some((&choice, data)) = input.split_first() else { return };
    let whole = run(data, data.len().max(1));
    let parts = run(data, 1 + usize::from(choice) * 3);
    // A refused input may be refused at another point when it comes in other pieces (how far a bomb gets).
    if let (Some(whole), Some(parts)) = (whole, parts) {
        assert_eq!(whole, parts);
    }
});
