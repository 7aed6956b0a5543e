//! sFlow version 5 (sflow.org): samples with the first bytes of packets.

use crate::dissect::{Next, State, Step, View};
use crate::layers::{Layers, Proto};

/// What is left to read of a datagram.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Left {
    samples: u32,
    records: u32,
}

/// Version, agent address, sub-agent, sequence, uptime, number of samples.
pub(crate) fn header<'a>(view: View<'a>, state: &mut State, out: &mut Layers) -> Step<'a> {
    let (Some(version), Some(kind)) = (view.u32(0), view.u32(4)) else {
        out.short = true;
        return None;
    };
    out.push(Proto::Sflow);
    if version != 5 {
        return None;
    }
    let at = match kind {
        1 => 24,
        2 => 36,
        _ => return None,
    };
    state.sampled = true;
    state.sflow = Left { samples: view.u32(at)?, records: 0 };
    samples(view.skip(at + 4), state, out)
}

/// The next packet header in the samples that are left. Counter samples and other records are passed over.
pub(crate) fn samples<'a>(view: View<'a>, state: &mut State, out: &mut Layers) -> Step<'a> {
    // Behind an ICMP header all further packets count as quoted, as they follow it in the protocol path.
    state.quoted |= out.icmp.is_some();
    let mut rest = view;
    // Each turn takes at least 8 bytes off.
    loop {
        let (kind, length) = (rest.u32(0)?, rest.u32(4)?);
        let body = rest.skip(8);
        if state.sflow.records > 0 {
            state.sflow.records -= 1;
            rest = body.skip(length as usize);
            // Format 1, sampled header: link type, frame length, stripped bytes, header length, header.
            if kind == 1 {
                let (protocol, captured) = (body.u32(0)?, body.u32(12)?);
                if let Some(next) = link(protocol) {
                    state.more = Some((Next::SflowSamples, rest.place()));
                    return Some((next, body.skip(16).limit(captured)));
                }
            }
        } else if state.sflow.samples > 0 {
            state.sflow.samples -= 1;
            let fixed = match kind {
                1 => 32,
                3 => 44,
                _ => {
                    rest = body.skip(length as usize);
                    continue;
                }
            };
            state.sflow.records = body.u32(fixed - 4)?;
            rest = body.skip(fixed);
        } else {
            return None;
        }
    }
}

/// Kinds of sampled headers.
fn link(protocol: u32) -> Option<Next> {
    Some(match protocol {
        1 => Next::Ethernet,
        3 => Next::TokenRing,
        4 => Next::Fddi,
        5 => Next::FrameRelay,
        7 | 14 => Next::PppHdlc,
        11 => Next::Ipv4,
        12 => Next::Ipv6,
        13 => Next::Mpls,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use crate::dissect::testing::{dissect, ethernet, ipv4, packet, path_of, udp};

    fn words(words: &[u32]) -> Vec<u8> {
        words.iter().flat_map(|w| w.to_be_bytes()).collect()
    }

    fn flow_sample(header: &[u8]) -> Vec<u8> {
        let padded = header.len().next_multiple_of(4);
        let mut record = words(&[1, padded as u32 + 16, 1, 1000, 4, header.len() as u32]);
        record.extend(header);
        record.resize(24 + padded, 0);
        [words(&[1, record.len() as u32 + 32, 1, 3, 1, 100, 0, 1, 2, 1]), record].concat()
    }

    #[test]
    fn every_sampled_packet_is_read() {
        let counters = words(&[2, 12, 1, 3, 0]);
        let sample = flow_sample(&ethernet(0x0800, &packet()));
        let datagram = [words(&[5, 1, 0x0a00_0001, 0, 1, 1000, 3]), sample.clone(), counters, sample].concat();
        let layers = dissect(228, &ipv4(17, &udp(50_000, 6343, &datagram)));
        assert_eq!(path_of(&layers), "ip:udp:sflow:eth:ip:udp:eth:ip:udp");
        assert_eq!((layers.eths.len(), layers.udps.len()), (2, 3));
    }

    #[test]
    fn a_sampled_segment_has_no_length() {
        let mut segment = vec![0; 20];
        segment[12] = 0x50;
        let sample = flow_sample(&ethernet(0x0800, &ipv4(6, &segment)));
        let datagram = [words(&[5, 1, 0x0a00_0001, 0, 1, 1000, 1]), sample].concat();
        let tcp = dissect(228, &ipv4(17, &udp(50_000, 6343, &datagram))).tcp.unwrap();
        assert_eq!((tcp.header_len, tcp.len), (20, None));
    }
}
