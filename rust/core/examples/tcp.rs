//! Prints what the flow layer finds in a capture file: a JSON object of TCP facts, or one line a segment.
//!
//! `tcp [--frames | --time] [--resync] FILE`
//!
//! `--frames`: "frame stream events initial_rtt_ns ack_rtt_ns" of each TCP segment, `-` for nothing. `--time`: seconds and
//! nanoseconds per frame on standard error, nothing else.

use pcapstream_core::container::Reader;
use pcapstream_core::decompress::Decompressor;
use pcapstream_core::dissect::Dissector;
use pcapstream_core::flow::{
    ConnectionTable, EVIDENCE_NAMES, Filter, Having, Order, Segment, TcpTracker, Totals, Verdict, event,
};
use pcapstream_core::layers::Layers;
use pcapstream_core::limits::Limits;
use pcapstream_core::record::Record;
use std::fmt::Write as _;
use std::io::{Read, Write as _};
use std::ops::ControlFlow;

struct Pass {
    dissector: Dissector,
    layers: Layers,
    tracker: TcpTracker,
    frame: u64,
    lines: Option<String>,
}

impl Pass {
    fn frame(&mut self, record: &Record<'_>) {
        self.frame += 1;
        let time_ns = record.time.as_nanos();
        self.dissector.dissect(record, self.frame, &mut self.layers);
        let layers = &self.layers;
        for &(is_tcp, src_port, dst_port, net) in &layers.quoted {
            if let (true, Some(net)) = (is_tcp, layers.nets.get(net as usize)) {
                self.tracker.quoted(self.frame, net.src, net.dst, src_port, dst_port);
            }
        }
        let Some(tcp) = &layers.tcp else {
            self.tracker.at(time_ns);
            return;
        };
        let Some(net) = tcp.net.and_then(|at| layers.nets.get(at as usize)) else { return };
        let verdict = self.tracker.segment(&Segment {
            frame: self.frame,
            time_ns,
            clock_ns: record.time.wrapping_nanos(),
            src: net.src,
            dst: net.dst,
            tcp,
            frame_bytes: record.wire_len,
            payload: self.dissector.bytes(record, tcp.payload),
            recovered: record.recovered,
        });
        if let Some(lines) = &mut self.lines {
            line(lines, self.frame, &verdict);
        }
    }
}

fn line(lines: &mut String, frame: u64, verdict: &Verdict) {
    if verdict.stream == Verdict::NO_STREAM {
        return;
    }
    let mut names: Vec<&str> =
        (0..event::COUNT).filter(|kind| verdict.events >> kind & 1 != 0).map(|kind| event::NAMES[kind]).collect();
    names.sort_unstable();
    let or_dash = |text: String| if text.is_empty() { "-".to_owned() } else { text };
    let number = |ns: Option<i64>| or_dash(ns.map_or(String::new(), |ns| ns.to_string()));
    let (rtt, ack) = (number(verdict.initial_rtt_ns), number(verdict.ack_rtt_ns));
    let _ = writeln!(lines, "{frame} {} {} {rtt} {ack}", verdict.stream, or_dash(names.join(",")));
}

fn facts(table: &ConnectionTable) -> String {
    let all = Filter::default();
    let t: Totals = table.totals(&all);
    let both = |pair: [u64; 2]| pair[0] + pair[1];
    let mut out = String::new();
    let fin_both = table.iter().filter(|c| c.dirs[0].fin > 0 && c.dirs[1].fin > 0).count();
    let fin_any = table.iter().filter(|c| c.dirs[0].fin + c.dirs[1].fin > 0).count();
    let _ = write!(
        out,
        "{{\"frames\":{},\"streams\":{},\"streams_handshake_complete\":{},\"streams_syn_only\":{},\"streams_with_rst\":{},\
         \"streams_fin_both\":{fin_both},\"streams_fin_any\":{fin_any},\"frames_syn\":{},\"frames_synack\":{},\
         \"frames_fin\":{},\"frames_rst\":{},\"payload_bytes\":{},\"evicted\":{}",
        both(t.packets),
        t.connections,
        t.complete,
        t.syn_only + t.refused,
        t.reset,
        t.syn,
        t.syn_ack,
        both(t.fin),
        both(t.rst),
        both(t.payload),
        table.evicted(),
    );
    let rtts = table.initial_rtts(&all);
    if let (Some(min), Some(max)) = (rtts.first(), rtts.last()) {
        let mean = rtts.iter().map(|&ns| ns as f64).sum::<f64>() / rtts.len() as f64 / 1e9;
        let mid = |at: usize| rtts.get(at).copied().unwrap_or_default() as f64;
        let median = (mid((rtts.len() - 1) / 2) + mid(rtts.len() / 2)) / 2e9;
        let (min, max) = (*min as f64 / 1e9, *max as f64 / 1e9);
        let count = rtts.len();
        let _ = write!(
            out,
            ",\"initial_rtt\":{{\"count\":{count},\"min\":{min},\"max\":{max},\"mean\":{mean},\"median\":{median}}}"
        );
    } else {
        out.push_str(",\"initial_rtt\":{\"count\":0}");
    }
    let events: Vec<String> =
        event::NAMES.iter().zip(t.events).map(|(name, pair)| format!("\"{name}\":{}", both(pair))).collect();
    let _ = write!(out, ",\"analysis\":{{{}}}", events.join(","));
    let resets = table.count(&all, Having::from_name("reset"));
    let evidence: Vec<String> = EVIDENCE_NAMES
        .iter()
        .enumerate()
        .filter(|(kind, _)| !table.frames(*kind).is_empty())
        .map(|(kind, name)| format!("\"{name}\":{:?}", table.frames(kind)))
        .collect();
    let _ = write!(out, ",\"resets\":{resets},\"evidence\":{{{}}},\"top\":[", evidence.join(","));
    for (at, c) in table.select(&all, None, Order::Bytes, 0, 40).into_iter().enumerate() {
        let client = std::net::SocketAddr::new(c.client.to_std(), c.client_port);
        let server = std::net::SocketAddr::new(c.server.to_std(), c.server_port);
        let [there, back] = &c.dirs;
        let (a, b, ab, ba) = if c.client_first { (client, server, there, back) } else { (server, client, back, there) };
        let _ = write!(
            out,
            "{}{{\"stream\":{},\"a\":\"{a}\",\"b\":\"{b}\",\"frames_a_to_b\":{},\"bytes_a_to_b\":{},\
             \"frames_b_to_a\":{},\"bytes_b_to_a\":{}}}",
            if at > 0 { "," } else { "" },
            c.stream,
            ab.packets,
            ab.bytes,
            ba.packets,
            ba.bytes
        );
    }
    out.push_str("]}\n");
    out
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let flag = |name: &str| args.iter().any(|arg| arg == name);
    let path =
        args.iter().find(|arg| !arg.starts_with("--")).ok_or("usage: tcp [--frames | --time] [--resync] FILE")?;
    let limits = Limits::default();
    let mut pass = Pass {
        dissector: Dissector::new(&limits),
        layers: Layers::default(),
        tracker: TcpTracker::new(&limits),
        frame: 0,
        lines: flag("--frames").then(String::new),
    };
    let mut sink = |record: &Record<'_>| {
        pass.frame(record);
        ControlFlow::Continue(())
    };
    let mut reader = Reader::new(&limits, flag("--resync"));
    let mut decompressor = Decompressor::new(&limits);
    let mut file = std::fs::File::open(path)?;
    let mut chunk = vec![0; 1 << 20];
    let begin = std::time::Instant::now();
    loop {
        let n = file.read(&mut chunk)?;
        if n == 0 {
            break;
        }
        decompressor.feed(chunk.get(..n).unwrap_or_default(), &mut |bytes| reader.feed(bytes, &mut sink))?;
    }
    decompressor.finish(&mut |bytes| reader.feed(bytes, &mut sink))?;
    reader.finish(&mut sink)?;
    let frames = pass.frame;
    let lines = pass.lines.take();
    let table = pass.tracker.into_table();
    let seconds = begin.elapsed().as_secs_f64();
    if flag("--time") {
        eprintln!(
            "{seconds:.3} s, {:.1} ns per frame, {} connections",
            seconds * 1e9 / frames.max(1) as f64,
            table.len()
        );
        return Ok(());
    }
    std::io::stdout().write_all(lines.unwrap_or_else(|| facts(&table)).as_bytes())?;
    Ok(())
}
