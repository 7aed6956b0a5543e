//! What is packed comes out as it was; rows are found in order.

use super::*;
use crate::addr::IpAddr;
use crate::app::tls::tests::context;
use proptest::prelude::*;
use proptest::test_runner::TestRunner;

fn begun(frame: u64) -> Handshake {
    let c = context(frame, false);
    Handshake::begin(&c, (c.src, c.src_port), (c.dst, c.dst_port), false)
}

fn offer(version: u16) -> Offer {
    Offer {
        legacy_version: version,
        versions: vec![version],
        ciphers: vec![0x1301; version as usize % 5],
        groups: Vec::new(),
        key_shares: Vec::new(),
        signatures: Vec::new(),
        alpn: vec![b"h2"[..].into()],
        ja4: "t13d".try_into().unwrap(),
        flags: version,
    }
}

/// Everything a handshake holds, made of random numbers.
fn any_handshake(n: &[u64; 30], bytes: &[u8], shared: &mut Shared) -> Handshake {
    let some = |bit: u32| n[0] >> bit & 1 != 0;
    let address = |i: usize| match n[i] % 2 {
        0 => IpAddr::v4((n[i] as u32).to_be_bytes()),
        _ => IpAddr::v6((u128::from(n[i]) << 50).to_be_bytes()),
    };
    let text = |len: u64| -> Box<[u8]> { bytes.iter().copied().take(len as usize % 257).collect() };
    let mut h = begun(1);
    h.frame = n[1];
    h.dtls = some(0);
    h.stream = some(1).then_some(n[2] as u32);
    h.last_frame = n[3];
    h.time_ns = n[4] as i64;
    h.client = (address(5), n[6] as u16);
    h.server = (address(7), n[8] as u16);
    h.detected_by = one_of(DETECTED_BY, n[9]);
    h.offer = some(2).then(|| shared.offers.share(offer(n[10] as u16 % 50)));
    h.sni = some(3).then(|| text(n[11]));
    if h.offer.is_some() {
        h.ja3 = [n[12] as u8 % 3; 16];
    }
    h.version = some(4).then_some(n[13] as u16 % 3);
    h.cipher = some(5).then_some(n[13] as u16 % 4);
    h.group = some(6).then_some(n[13] as u16 % 5);
    h.alpn = some(7).then(|| text(n[14] % 4));
    h.ja3s = some(8).then_some([n[15] as u8 % 4; 16]);
    h.resumption = one_of(RESUMPTION, n[16]);
    h.name_match = one_of(NAME_MATCH, n[17]);
    (h.id_repeated, h.certificate_requested, h.client_certificate) = (some(9), some(10), some(11));
    (h.new_ticket, h.stapled, h.expired, h.not_yet_valid) = (some(12), some(13), some(14), some(15));
    (h.self_issued, h.chain_broken, h.ccs) = (some(16), some(17), [some(18), some(19)]);
    (h.complete, h.failed, h.counts) = (some(20), some(21), some(22));
    h.chain = n[18..].iter().take(n[18] as usize % 5).map(|&n| n as u32).collect();
    for (i, step) in h.steps.iter_mut().enumerate().filter(|(i, _)| n[19] >> i & 1 != 0) {
        *step = n[i + 10] as i64;
    }
    h.end = some(23).then_some((if some(24) { Close::Fin } else { Close::Rst }, some(25), n[20]));
    let alerts = n[21] % 9;
    h.alerts = (0..alerts)
        .map(|i| Alert {
            frame: n[22].wrapping_add(i),
            time_ns: n[23] as i64,
            from_server: i % 2 == 0,
            code: some(26).then_some((n[24] as u8, n[25] as u8)),
        })
        .collect();
    h
}

#[test]
fn what_is_packed_comes_out_as_it_was() {
    let shared = std::cell::RefCell::new(Shared::new(20));
    let all = (any::<[u64; 30]>(), proptest::collection::vec(any::<u8>(), 256), 0usize..200);
    TestRunner::default()
        .run(&all, |(n, bytes, cut)| {
            let shared = &mut *shared.borrow_mut();
            let h = any_handshake(&n, &bytes, shared);
            let packed = shared.pack(&h, true).unwrap();
            prop_assert_eq!(format!("{:?}", shared.unpack(&packed)), format!("{h:?}"));
            prop_assert_eq!(is_quiet(&packed), h.is_quiet());
            // Cut anywhere, it ends.
            let _ = shared.unpack(packed.get(..cut).unwrap_or(&packed));
            Ok(())
        })
        .unwrap();
    assert!(shared.borrow().offers.values.len() > 20, "those beyond the limit have numbers, too");
}

#[test]
fn beyond_the_limit_only_what_must_be_is_packed() {
    let mut shared = Shared::new(2);
    let mut packed = Vec::new();
    for version in [1, 2, 3, 3, 1] {
        let mut h = begun(1);
        h.offer = Some(shared.offers.share(offer(version)));
        packed.push((shared.pack(&h, false).is_some(), shared.pack(&h, version == 3).is_some()));
    }
    assert_eq!(packed, [(true, true), (true, true), (false, true), (false, true), (true, true)]);
    assert_eq!(shared.offers.values.len(), 4);
    let h = Handshake { chain: vec![1; MAX_CHAIN + 1], ..begun(1) };
    assert_eq!((shared.pack(&h, false).is_some(), shared.pack(&h, true).is_some()), (false, true));
}

/// A handshake as most are: of 344 bytes and more it takes fewer than 110.
#[test]
fn a_usual_handshake_takes_few_bytes() {
    let mut shared = Shared::new(20);
    let mut h = begun(2_000_000);
    (h.time_ns, h.stream, h.last_frame) = (1_790_000_000_000_000_000, Some(100_000), 2_000_040);
    h.sni = Some(b"www.some-name.example"[..].into());
    h.offer = Some(shared.offers.share(offer(0x0303)));
    (h.version, h.cipher, h.complete) = (Some(0x0304), Some(0x1301), true);
    for (i, ns) in [(0, 0), (3, 31_234_567), (7, 62_345_678), (8, 33_456_789), (9, 62_400_000), (10, 95_123_456)] {
        h.steps[i] = h.time_ns + ns;
    }
    let packed = shared.pack(&h, true).unwrap();
    assert!(packed.len() < 90, "{}", packed.len());
    assert!(is_quiet(&packed));
}

#[test]
fn rows_stand_in_the_order_of_their_frames() {
    let mut shared = Shared::new(20);
    let mut rows = Rows::default();
    let mut put = |rows: &mut Rows, frame: u64, h: Handshake| {
        let h = Handshake { frame, ..h };
        rows.push(&shared.pack(&h, true).unwrap());
    };
    let mismatch = || Handshake { name_match: NameMatch::Mismatch, ..begun(0) };
    for frame in (0..3000).rev() {
        let h = if frame % 1000 == 7 { mismatch() } else { begun(0) };
        // One of them is longer than a chunk.
        let chain = vec![1; if frame == 1500 { 2 * CHUNK } else { 0 }];
        put(&mut rows, frame, Handshake { chain, ..h });
    }
    assert_eq!(rows.chunks.len(), 3);
    let before = rows.clone();
    rows.sort();
    let frames = |rows: &Rows, table: &str| -> Vec<u64> {
        rows.of(table).unwrap().map(|row| Reader(&row[1..]).number()).collect()
    };
    assert_eq!(frames(&rows, "handshakes"), (0..3000).collect::<Vec<u64>>());
    assert_eq!(frames(&rows, "mismatches"), [7, 1007, 2007]);
    assert_eq!((rows.len(), rows.count("mismatches"), rows.count("broken_off")), (3000, 3, 0));
    assert!(rows.of("alerts").is_none());
    // Rows that come behind stay there, and a copy does not see them.
    put(&mut rows, 5, mismatch());
    assert_eq!(frames(&rows, "mismatches"), [7, 1007, 2007, 5]);
    assert_eq!(before.len(), 3000);
}
