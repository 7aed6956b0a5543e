//! Control of media gateways over UDP: MEGACO in its text form (H.248, RFC 3525) and MGCP (RFC 3435). Nothing is
//! followed here but the session descriptions in them, which announce media as those of SIP do.

use super::media::{MediaBook, Side};
use super::sip::{Sdp, offset, sdp_filters};
use super::{App, Context, Output};
use crate::filter::registry::{Group, of_proto};
use crate::layers::Proto;
use crate::limits::Limits;

const MEGACO: u16 = 2944;
const MGCP: [u16; 2] = [2427, 2727];
/// Descriptions of one message that are looked at.
const MAX_DESCRIPTIONS: usize = 32;

/// Gateway control of a pass.
pub struct Gateway {
    media: MediaBook,
}

impl Gateway {
    pub fn new(_: &Limits, media: MediaBook) -> Self {
        Self { media }
    }

    /// Announces what a description says. Several may stand in one text, one behind the other.
    fn announce(&self, ctx: &Context, text: &[u8], side: Side) {
        for one in sessions(text) {
            Sdp::read(one).announcements(ctx.frame, "", side).into_iter().for_each(|a| self.media.announce(a));
        }
    }
}

impl App for Gateway {
    fn protocols(&self) -> &[Proto] {
        &[Proto::Mgcp, Proto::Megaco, Proto::Sdp]
    }
    fn name(&self) -> &'static str {
        "megaco"
    }
    fn udp_ports(&self) -> &[u16] {
        &[MEGACO, MGCP[0], MGCP[1]]
    }

    fn datagram(&mut self, ctx: &Context, data: &[u8], out: &mut Output) -> bool {
        // The lower port decides, as it does for who gets the datagram.
        let (low, high) = (ctx.src_port.min(ctx.dst_port), ctx.src_port.max(ctx.dst_port));
        let mgcp = MGCP.contains(&low) || (low != MEGACO && MGCP.contains(&high));
        if mgcp {
            if !is_mgcp(data) {
                return false;
            }
            out.found(Proto::Mgcp);
            out.layer(of_proto(Proto::Mgcp), data);
            for text in bodies(data) {
                out.found(Proto::Sdp);
                put_sdp(data, text, out);
                self.announce(ctx, text, Side::Offer);
            }
            return true;
        }
        if !is_megaco(data) {
            return false;
        }
        out.found(Proto::Megaco);
        out.layer(of_proto(Proto::Megaco), data);
        for (text, side) in descriptors(data) {
            out.found(Proto::Sdp);
            put_sdp(data, text, out);
            self.announce(ctx, text, side);
        }
        true
    }

    /// Media go where it says, whether the message counts or not.
    fn learns_from_datagrams(&self) -> bool {
        true
    }

    fn quoted(&self, ctx: &Context, data: &[u8]) -> Option<Proto> {
        let either = |port| ctx.src_port == port || ctx.dst_port == port;
        match () {
            () if either(MGCP[0]) || either(MGCP[1]) => is_mgcp(data).then_some(Proto::Mgcp),
            () => is_megaco(data).then_some(Proto::Megaco),
        }
    }
}

/// Puts the fields of a description in a message.
fn put_sdp(data: &[u8], text: &[u8], out: &mut Output) {
    out.layer(of_proto(Proto::Sdp), text);
    if let Some(sink) = out.fields(Group::Sdp) {
        sdp_filters::put(text, offset(data, text), sink);
    }
}

/// The long or the short word a text message begins with.
fn is_megaco(data: &[u8]) -> bool {
    let start = data.trim_ascii_start();
    start.starts_with(b"!/") || start.get(..7).is_some_and(|w| w.eq_ignore_ascii_case(b"MEGACO/"))
}

/// A verb of four letters, or a response code.
fn is_mgcp(data: &[u8]) -> bool {
    let word = data.split(|&c| c == b' ').next().unwrap_or_default();
    word.len() == 4 && word.iter().all(u8::is_ascii_alphanumeric)
        || word.len() == 3 && word.iter().all(u8::is_ascii_digit)
}

/// Local and remote descriptors of a MEGACO text: what stands between their braces.
fn descriptors(data: &[u8]) -> Vec<(&[u8], Side)> {
    let mut out = Vec::new();
    let mut at = 0;
    // Ends: every turn goes behind the brace it found.
    while let Some(open) = data.get(at..).and_then(|rest| rest.iter().position(|&b| b == b'{')).map(|n| at + n) {
        let name = last_word(&data[at..open]);
        at = open + 1;
        let side = match () {
            () if name.eq_ignore_ascii_case(b"L") || name.eq_ignore_ascii_case(b"Local") => Side::Offer,
            () if name.eq_ignore_ascii_case(b"R") || name.eq_ignore_ascii_case(b"Remote") => Side::Answer,
            () => continue,
        };
        let rest = data.get(at..).unwrap_or_default();
        let end = rest.iter().position(|&b| b == b'}').unwrap_or(rest.len());
        let text = rest[..end].trim_ascii();
        if text.len() > 3 && out.len() < MAX_DESCRIPTIONS {
            out.push((text, side));
        }
        at += end;
    }
    out
}

/// The word a text ends with, white space behind it left out.
fn last_word(text: &[u8]) -> &[u8] {
    let text = text.trim_ascii_end();
    let start = text.iter().rposition(|b| !b.is_ascii_alphanumeric()).map_or(0, |n| n + 1);
    &text[start..]
}

/// Descriptions of MGCP messages: behind an empty line each, up to the line with a dot that parts messages.
fn bodies(data: &[u8]) -> Vec<&[u8]> {
    let mut out = Vec::new();
    let (mut at, mut body) = (0, None);
    while at < data.len() {
        let end = data[at..].iter().position(|&b| b == b'\n').map_or(data.len(), |n| at + n + 1);
        let line = data[at..end].trim_ascii();
        if line == b"." {
            out.extend(body.take().map(|start| &data[start..at]));
        } else if line.is_empty() && body.is_none() {
            body = Some(end);
        }
        at = end;
    }
    out.extend(body.map(|start| &data[start..]));
    out.retain(|text| !text.trim_ascii().is_empty());
    out.truncate(MAX_DESCRIPTIONS);
    out
}

/// The descriptions of a text that holds several, each from its version line on.
fn sessions(text: &[u8]) -> Vec<&[u8]> {
    let starts_line = |n: usize| n == 0 || text.get(n - 1) == Some(&b'\n');
    let mut starts: Vec<usize> =
        text.windows(3).enumerate().filter(|&(n, w)| w == b"v=0" && starts_line(n)).map(|w| w.0).collect();
    starts.truncate(MAX_DESCRIPTIONS);
    if starts.is_empty() {
        return vec![text];
    }
    let ends = starts.iter().skip(1).copied().chain([text.len()]);
    starts.iter().zip(ends).map(|(&start, end)| &text[start..end]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::addr::IpAddr;
    use crate::app::DetectedBy;
    use crate::app::media::{Announcement, MediaTransport};

    const REPLY: &[u8] = b"!/1 [10.23.1.42]:2944 P = 5{ C = 191 {mf=RTP/1727  { m { l { \r\nv=0\r\nc=IN IP4 10.23.1.52\r\n\
        m=audio 16756 RTP/AVP 8 102\r\na=rtpmap:102 telephone-event/8000\r\nv=0\r\nc=IN IP4 10.23.1.52\r\n\
        m=image 16756 UDPTL t38\r\n } ,Remote { \r\nv=0\r\nc=IN IP4 10.35.60.100\r\nm=audio 15580 RTP/AVP 8\r\n } } } }}";

    fn announced(ports: (u16, u16), data: &[u8]) -> (Vec<(u16, bool)>, Vec<&'static str>) {
        let limits = Limits::default();
        let book = MediaBook::new(&limits);
        let mut gateway = Gateway::new(&limits, book.clone());
        let mut out = Output::default();
        let ctx = Context {
            frame: 1,
            time_ns: 0,
            src: IpAddr::default(),
            dst: IpAddr::default(),
            src_port: ports.0,
            dst_port: ports.1,
            transport: Proto::Udp,
            ttl: 64,
            frame_bytes: 0,
            stream: None,
            to_client: false,
            detected_by: DetectedBy::Port,
            only_in_order: false,
            server_known: false,
            recovered: false,
        };
        gateway.datagram(&ctx, data, &mut out);
        let is_rtp = |a: &Announcement| a.transport == MediaTransport::Rtp;
        let found = book.take().iter().map(|a| (a.port, is_rtp(a))).collect();
        (found, out.protocols.iter().map(|p| p.name()).collect())
    }

    #[test]
    fn descriptions_of_megaco() {
        let (media, names) = announced((2944, 2944), REPLY);
        assert_eq!(media, [(16756, true), (16756, false), (15580, true)]);
        assert_eq!(names, ["megaco", "sdp", "sdp"]);
        assert_eq!(announced((2944, 2944), b"MEGACO/1 [1.2.3.4] Transaction = 1 {}").1, ["megaco"]);
        assert!(announced((2944, 2944), &[0x30, 0x20, 1, 2]).1.is_empty());
    }

    #[test]
    fn descriptions_of_mgcp() {
        let text = b"200 1203 OK\r\nI: FDE2\r\n\r\nv=0\r\nc=IN IP4 128.96.41.1\r\nm=audio 3456 RTP/AVP 0\r\n";
        assert_eq!(announced((2427, 5000), text), (vec![(3456, true)], vec!["mgcp", "sdp"]));
        let two = b"200 1 OK\r\n.\r\nMDCX 2 a@b MGCP 1.0\r\n\r\nv=0\r\nc=IN IP4 1.2.3.4\r\nm=audio 4000 RTP/AVP 0\r\n";
        assert_eq!(announced((2427, 2727), two), (vec![(4000, true)], vec!["mgcp", "sdp"]));
        assert_eq!(announced((2427, 2727), b"200 1 OK\r\n\r\n").1, ["mgcp"]);
        assert!(announced((2427, 2727), b"hello world").1.is_empty());
    }

    #[test]
    fn every_cut_and_every_flipped_byte_survives() {
        for end in 0..REPLY.len() {
            announced((2944, 2944), &REPLY[..end]);
            announced((2427, 2944), &REPLY[..end]);
            for flip in [1, 0x20, 0x80] {
                let mut text = REPLY.to_vec();
                text[end] ^= flip;
                announced((2944, 2944), &text);
            }
        }
    }
}
