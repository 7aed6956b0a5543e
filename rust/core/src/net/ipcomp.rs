//! IP payload compression (RFC 3173) with DEFLATE (RFC 2394).

use crate::dissect::{State, View};
use crate::layers::{Layers, Proto};
use crate::net::extension::note;
use flate2::{Decompress, FlushDecompress, Status};

/// Largest packet that comes out, bytes: what an IP length can say.
const MAX_PACKET: usize = 65_535;
/// Most bytes unpacked in one frame: a packet can be packed again and again.
const MAX_UNPACKED: usize = 4 * MAX_PACKET;
/// The well-known compression parameter index of DEFLATE.
const DEFLATE: u16 = 2;

/// Next header, flags, compression parameter index. Gives the number of the next header when the payload could be
/// appended, decompressed, to `whole`.
pub(crate) fn header(view: View<'_>, state: &State, out: &mut Layers, whole: &mut Vec<u8>) -> Option<u8> {
    let Some([next, _, i0, i1]) = view.array::<4>(0) else {
        out.short = true;
        return None;
    };
    out.push(Proto::Ipcomp);
    out.push(Proto::Data);
    let index = u16::from_be_bytes([i0, i1]);
    // Negotiated indices (256 up) are DEFLATE nearly always; of the fixed ones only 2 is.
    if index != DEFLATE && index < 256 {
        return None;
    }
    let start = whole.len();
    if start >= MAX_UNPACKED {
        out.too_deep = true;
        return None;
    }
    whole.resize(start + MAX_PACKET, 0);
    let mut inflate = Decompress::new(false);
    let status = inflate.decompress(view.skip(4).data, &mut whole[start..], FlushDecompress::Finish);
    let length = usize::try_from(inflate.total_out()).unwrap_or(0).min(MAX_PACKET);
    whole.truncate(start + length);
    if matches!(status, Ok(Status::StreamEnd)) && length > 0 {
        note(next, state, out);
        Some(next)
    } else {
        whole.truncate(start);
        None
    }
}

#[cfg(test)]
mod tests {
    use crate::dissect::testing::{dissect, ipv4, path, path_of, udp};

    #[test]
    fn deflate_is_unpacked_and_noise_is_not() {
        let mut packer = flate2::Compress::new(flate2::Compression::default(), false);
        let inner = udp(40_000, 40_001, &[7; 900]);
        let mut packed = vec![0; 200];
        packer.compress(&inner, &mut packed, flate2::FlushCompress::Finish).unwrap();
        packed.truncate(packer.total_out() as usize);
        let record = ipv4(108, &[&[17, 0, 0, 2], &packed[..]].concat());
        let layers = dissect(228, &record);
        assert_eq!(path_of(&layers), "ip:ipcomp:data:udp");
        assert_eq!((layers.udps[0].len, layers.udps[0].payload.reassembled), (900, true));
        assert_eq!(path(228, &ipv4(108, &[17, 0, 0, 2, 0xff, 0xff, 0xff])), "ip:ipcomp:data");
    }
}
