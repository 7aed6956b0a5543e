//! Prints what the container layer finds in capture files, one JSON object a line.
//!
//! `records [--resync] [--chunk BYTES] FILE...`

use pcapstream_core::container::{Reader, pseudo_header_len};
use pcapstream_core::decompress::Decompressor;
use pcapstream_core::limits::Limits;
use pcapstream_core::record::{Record, RecordKind};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::Read;
use std::ops::ControlFlow;

#[derive(Default)]
struct Sums {
    packets: u64,
    others: u64,
    recovered: u64,
    captured: u64,
    wire: u64,
    other_wire: u64,
    truncated: u64,
    first: Option<String>,
    last: Option<String>,
    interfaces: BTreeMap<u32, u64>,
    links: BTreeMap<u16, u64>,
}

impl Sums {
    fn add(&mut self, record: &Record<'_>) {
        match record.kind {
            RecordKind::Packet => self.packets += 1,
            RecordKind::Other => {
                self.others += 1;
                self.other_wire += u64::from(record.wire_len);
            }
        }
        self.recovered += u64::from(record.recovered);
        let pseudo = u64::from(pseudo_header_len(record.link, record.data));
        self.captured += record.data.len() as u64 - pseudo;
        self.wire += u64::from(record.wire_len) - pseudo;
        self.truncated += u64::from((record.data.len() as u64) < u64::from(record.wire_len));
        let time = || match record.has_time {
            true => format!("{}.{:09}", record.time.secs, record.time.nanos),
            false => String::new(),
        };
        self.first.get_or_insert_with(time);
        self.last = Some(time());
        if let Some(interface) = record.interface {
            *self.interfaces.entry(interface).or_default() += 1;
        }
        if record.kind == RecordKind::Packet {
            *self.links.entry(record.link.0).or_default() += 1;
        }
    }
}

fn json_map<K: std::fmt::Display>(map: &BTreeMap<K, u64>) -> String {
    let items: Vec<String> = map.iter().map(|(key, count)| format!("\"{key}\":{count}")).collect();
    format!("{{{}}}", items.join(","))
}

fn one(path: &str, resync: bool, chunk: usize) -> Result<String, std::io::Error> {
    let limits = Limits::default();
    let mut sums = Sums::default();
    let mut decompressor = Decompressor::new(&limits);
    let mut reader = Reader::new(&limits, resync);
    let mut sink = |record: &Record<'_>| {
        sums.add(record);
        ControlFlow::Continue(())
    };
    let mut file = std::fs::File::open(path)?;
    let mut buffer = vec![0; chunk];
    let mut result = Ok(());
    while result.is_ok() {
        let read = file.read(&mut buffer)?;
        if read == 0 {
            result = decompressor.finish(&mut |bytes: &[u8]| reader.feed(bytes, &mut sink));
            break;
        }
        result = decompressor.feed(&buffer[..read], &mut |bytes: &[u8]| reader.feed(bytes, &mut sink));
    }
    if let Some(reason) = decompressor.damage() {
        reader.damaged(reason);
    }
    let result = result.and_then(|()| reader.finish(&mut sink));
    let facts = reader.facts();
    let mut out = format!("{{\"file\":{path:?}");
    if let Err(error) = result {
        let _ = write!(out, ",\"error\":{:?},\"message\":{:?}", error.code, error.message);
    }
    let _ = write!(
        out,
        ",\"packets\":{},\"others\":{},\"recovered\":{},\"captured\":{},\"wire\":{},\"other_wire\":{},\"truncated\":{},\
         \"first\":{:?},\"last\":{:?},\"interfaces\":{},\"links\":{}",
        sums.packets,
        sums.others,
        sums.recovered,
        sums.captured,
        sums.wire,
        sums.other_wire,
        sums.truncated,
        sums.first.unwrap_or_default(),
        sums.last.unwrap_or_default(),
        json_map(&sums.interfaces),
        json_map(&sums.links),
    );
    let text = |value: &Option<String>| format!("{:?}", value.as_deref().unwrap_or_default());
    let _ = write!(
        out,
        ",\"compression\":{:?},\"format\":{:?},\"order\":{:?},\"precision\":{:?},\"snaplen\":{},\"sections\":{},\
         \"interface_count\":{},\"hardware\":{},\"os\":{},\"application\":{},\"comments\":{},\"packet_comments\":{},\
         \"names\":{},\"secrets\":{},\"custom\":{},\"other_blocks\":{},\"consumed\":{},\"skipped\":{},\"damage_total\":{}",
        decompressor.compression().unwrap_or_default(),
        facts.format.unwrap_or_default(),
        facts.byte_order.unwrap_or_default(),
        facts.precision.unwrap_or_default(),
        facts.snaplen.map_or("null".into(), |s| s.to_string()),
        facts.sections,
        facts.interfaces_total,
        text(&facts.hardware),
        text(&facts.os),
        text(&facts.application),
        facts.comments_total,
        facts.packet_comments_total,
        facts.names_total,
        facts.secrets,
        facts.custom_blocks,
        facts.other_blocks,
        facts.bytes_consumed,
        facts.bytes_skipped,
        facts.damage_total,
    );
    let damage: Vec<String> =
        facts.damage.iter().map(|d| format!("[{},{:?},{},{}]", d.offset, d.reason, d.skipped, d.recovered)).collect();
    let _ = write!(out, ",\"damage\":[{}]}}", damage.join(","));
    Ok(out)
}

fn main() {
    let mut resync = false;
    let mut chunk = 1 << 20;
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--resync" => resync = true,
            "--chunk" => chunk = arguments.next().and_then(|n| n.parse().ok()).unwrap_or(chunk),
            path => match one(path, resync, chunk) {
                Ok(line) => println!("{line}"),
                Err(error) => eprintln!("{path}: {error}"),
            },
        }
    }
}
