//! IP payload compression (RFC 3173) with DEFLATE (RFC 2394).

use crate::dissect::{State, View};
use crate::layers::{Layers, Proto};
use crate::net::extension::note;
use flate2::{Decompress, FlushDecompress, Status};

/// Largest packet that comes out, bytes: what an IP length can say.
const MAX_PACKET: usize = 65_535;
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
