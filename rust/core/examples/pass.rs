//! One pass over a file, timed: `pass FILE [tcp] [tally]`. For profiling the engine without Python.

use pcapstream_core::engine::{Decoder, Plan};
use pcapstream_core::limits::Limits;
use std::io::Read;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let path = args.first().ok_or("usage: pass FILE [tcp] [tally]")?;
    let on = |what: &str| args.iter().any(|a| a == what);
    let plan = Plan { tcp: on("tcp"), tally: on("tally"), ..Plan::default() };
    let mut file = std::fs::File::open(path)?;
    let mut decoder = Decoder::new(plan, &Limits::default());
    let mut buffer = vec![0; 1 << 20];
    let start = std::time::Instant::now();
    loop {
        let n = file.read(&mut buffer)?;
        if n == 0 {
            break;
        }
        decoder.feed(&buffer[..n])?;
    }
    decoder.finish()?;
    let seconds = start.elapsed().as_secs_f64();
    let (packets, bytes) = (decoder.counts().packets, decoder.bytes_in());
    println!(
        "{packets} packets, {bytes} bytes, {seconds:.3} s, {:.0} ns a packet, {:.2} Mpkt/s, {:.2} GB/s",
        seconds * 1e9 / packets.max(1) as f64,
        packets as f64 / seconds / 1e6,
        bytes as f64 / seconds / 1e9
    );
    Ok(())
}
