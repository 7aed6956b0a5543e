//! Makes the seeds of the fuzz targets: small captures of every format and compression.
//!
//! `cargo run --release --bin seeds [FOLDER]`; the folder defaults to `corpus`, with a folder for each target in it.
//! Files named in `PCAPSTREAM_CAPTURES` (a folder) of at most 16 kB are added.

use std::fs;
use std::io::{self, Write};
use std::path::Path;

#[derive(Clone, Copy)]
struct Put {
    big: bool,
}

impl Put {
    fn u16(self, value: u16) -> [u8; 2] {
        if self.big { value.to_be_bytes() } else { value.to_le_bytes() }
    }

    fn u32(self, value: u32) -> [u8; 4] {
        if self.big { value.to_be_bytes() } else { value.to_le_bytes() }
    }

    fn words(self, values: &[u32]) -> Vec<u8> {
        values.iter().flat_map(|&value| self.u32(value)).collect()
    }

    fn block(self, kind: u32, body: &[u8]) -> Vec<u8> {
        let padded = body.len().next_multiple_of(4);
        let total = self.u32(12 + padded as u32);
        [&self.u32(kind), &total, body, &vec![0; padded - body.len()], &total].concat()
    }

    fn option(self, code: u16, value: &[u8]) -> Vec<u8> {
        let padding = value.len().next_multiple_of(4) - value.len();
        [&self.u16(code), &self.u16(value.len() as u16), value, &vec![0; padding]].concat()
    }
}

/// Ethernet frame: IPv4, TCP with some payload.
fn tcp() -> Vec<u8> {
    let mut frame = vec![2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 8, 0];
    frame.extend([0x45, 0, 0, 44, 0, 1, 0x40, 0, 64, 6, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2]);
    frame.extend([0x04, 0, 0, 80, 0, 0, 0, 1, 0, 0, 0, 2, 0x50, 0x18, 0x10, 0, 0, 0, 0, 0]);
    frame.extend(b"GET ");
    frame
}

fn pcap(put: Put, magic: u32, version: (u16, u16), extra_header: &[u8], extra_record: &[u8]) -> Vec<u8> {
    let mut out = put.u32(magic).to_vec();
    out.extend(put.u16(version.0));
    out.extend(put.u16(version.1));
    out.extend(put.words(&[0, 0, 65_535, 1]));
    out.extend(extra_header);
    for number in 0..4 {
        let data = tcp();
        let mut lengths = [data.len() as u32, data.len() as u32 + number];
        if version.1 < 3 {
            lengths.reverse();
        }
        out.extend(put.words(&[1_700_000_000 + number, 7 * number, lengths[0], lengths[1]]));
        out.extend(extra_record);
        out.extend(data);
    }
    out
}

fn pcapng(put: Put) -> Vec<u8> {
    let ticks = 1_700_000_000_000_000u64;
    let data = tcp();
    let len = data.len() as u32;
    let section = |options: &[u8]| {
        let body = [&put.u32(0x1a2b_3c4d), &put.u16(1)[..], &put.u16(0), &[0xff; 8], options].concat();
        put.block(0x0a0d_0d0a, &body)
    };
    let interface = |link: u16, options: &[u8]| {
        put.block(1, &[&put.u16(link)[..], &[0, 0], &put.u32(65_535), options].concat())
    };
    let mut out = section(&[put.option(1, b"comment"), put.option(4, b"program"), put.option(0, &[])].concat());
    out.extend(interface(1, &[put.option(2, b"eth0"), put.option(9, &[9]), put.option(0, &[])].concat()));
    out.extend(interface(101, &put.option(9, &[0x8a])));
    for id in [0, 1] {
        let fields = put.words(&[id, (ticks >> 32) as u32, ticks as u32, len, len]);
        let padding = vec![0; data.len().next_multiple_of(4) - data.len()];
        let options = [put.option(2, &[0; 4]), put.option(1, b"on it")].concat();
        out.extend(put.block(6, &[fields, data.clone(), padding, options].concat()));
    }
    out.extend(put.block(3, &[&put.u32(len)[..], &data].concat()));
    let old = put.words(&[(ticks >> 32) as u32, ticks as u32, len, len]);
    out.extend(put.block(2, &[&put.u16(1)[..], &put.u16(0), &old, &data].concat()));
    let name = [&put.u16(1)[..], &put.u16(7), &[10, 0, 0, 1], b"me\0\0", &[0; 4]].concat();
    out.extend(put.block(4, &name));
    out.extend(put.block(5, &[put.words(&[0, 0, 0]), put.option(4, &[0; 8])].concat()));
    out.extend(put.block(10, &[put.u32(0x544c_534b), put.u32(4), *b"keys"].concat()));
    out.extend(put.block(0xbad, b"\x01\0\0\0custom"));
    out.extend(put.block(9, b"__REALTIME_TIMESTAMP=1700000000000000\nMESSAGE=hello\n"));
    out.extend(put.block(0x7777, b"unknown"));
    out.extend(section(&[]));
    out.extend(interface(1, &[]));
    let fields = put.words(&[0, (ticks >> 32) as u32, ticks as u32, len, len]);
    out.extend(put.block(6, &[fields, data].concat()));
    out
}

fn snoop() -> Vec<u8> {
    let put = Put { big: true };
    let mut out = b"snoop\0\0\0".to_vec();
    out.extend(put.words(&[2, 4]));
    for number in 0..4 {
        let data = tcp();
        let len = data.len() as u32;
        out.extend(put.words(&[len, len, 24 + len + 2, 0, 900_000_000 + number, 5]));
        out.extend(data);
        out.extend([0, 0]);
    }
    out
}

fn compressed(data: &[u8]) -> io::Result<Vec<(&'static str, Vec<u8>)>> {
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::new(6));
    gzip.write_all(data)?;
    let mut bzip2 = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::new(1));
    bzip2.write_all(data)?;
    let mut xz = liblzma::write::XzEncoder::new(Vec::new(), 0);
    xz.write_all(data)?;
    let mut lz4 = lz4_flex::frame::FrameEncoder::new(Vec::new());
    lz4.write_all(data)?;
    Ok(vec![
        ("gz", gzip.finish()?),
        ("bz2", bzip2.finish()?),
        ("xz", xz.finish()?),
        ("lz4", lz4.finish().map_err(io::Error::other)?),
        ("zst", zstd::stream::encode_all(data, 3)?),
    ])
}

fn main() -> io::Result<()> {
    let folder = std::env::args().nth(1).unwrap_or_else(|| "corpus".into());
    let (little, big) = (Put { big: false }, Put { big: true });
    let mut seeds = Vec::new();
    for (order, put) in [("le", little), ("be", big)] {
        let kinds: [(&str, u32, (u16, u16), &[u8], &[u8]); 9] = [
            ("micro", 0xa1b2_c3d4, (2, 4), &[], &[]),
            ("nano", 0xa1b2_3c4d, (2, 4), &[], &[]),
            ("modified", 0xa1b2_cd34, (2, 4), &[], &[0; 8]),
            ("suse", 0xa1b2_cd34, (2, 4), &[], &[0; 12]),
            ("redhat", 0xa1b2_c3d4, (2, 4), &[], &[0; 8]),
            ("ixia-hw", 0x1c00_01ac, (2, 4), &[0; 4], &[]),
            ("ixia-sw", 0x1c00_01ab, (2, 4), &[0; 4], &[]),
            ("old", 0xa1b2_c3d4, (2, 1), &[], &[]),
            ("either", 0xa1b2_c3d4, (2, 3), &[], &[]),
        ];
        for (kind, magic, version, header, record) in kinds {
            seeds.push((format!("pcap-{kind}-{order}"), pcap(put, magic, version, header, record)));
        }
        seeds.push((format!("pcapng-{order}"), pcapng(put)));
    }
    seeds.push(("pcapng-mixed".into(), [pcapng(little), pcapng(big)].concat()));
    seeds.push(("snoop".into(), snoop()));
    let plain = pcap(little, 0xa1b2_c3d4, (2, 4), &[], &[]);
    seeds.push(("pcap-hole".into(), [plain.as_slice(), &[0; 100], &plain[24..]].concat()));
    seeds.push(("pcap-garbage".into(), [plain.as_slice(), &[0xff; 50], &plain[24..]].concat()));
    seeds.push(("pcapng-garbage".into(), [pcapng(little), vec![0xff; 52], pcapng(little)[28..].to_vec()].concat()));
    for (kind, bytes) in compressed(&plain)? {
        seeds.push((format!("pcap-{kind}"), bytes));
    }
    if let Some(captures) = std::env::var_os("PCAPSTREAM_CAPTURES") {
        let mut folders = vec![std::path::PathBuf::from(captures)];
        while let Some(path) = folders.pop() {
            for entry in fs::read_dir(path)? {
                let path = entry?.path();
                if path.is_dir() {
                    folders.push(path);
                } else if path.metadata()?.len() <= 16 << 10 && path.extension().is_none_or(|e| e != "json") {
                    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
                    seeds.push((name, fs::read(&path)?));
                }
            }
        }
    }
    for target in ["container", "decode"] {
        let folder = Path::new(&folder).join(target);
        fs::create_dir_all(&folder)?;
        for (name, bytes) in &seeds {
            // the first byte chooses the chunks
            fs::write(folder.join(name), [&[100], bytes.as_slice()].concat())?;
        }
    }
    println!("{} seeds for each target in {folder}", seeds.len());
    Ok(())
}
