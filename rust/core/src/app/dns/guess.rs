//! DNS on ports that are not its own: what Wireshark guesses.

use super::wire::Header;
use crate::app::Context;

/// Bytes of the header.
const HEADER: usize = 12;
/// Most answers, and most authorities or additional records, of what is taken for DNS.
const MOST_ANSWERS: u16 = 100;
const MOST_OTHERS: u16 = 10;

/// Found with tshark 4.0: a query and its response on each UDP port that a dissector is registered for; these were not
/// shown as DNS. First and last of a range, ascending.
#[rustfmt::skip]
const TAKEN: [(u16, u16); 141] = [
    (7, 7), (13, 13), (19, 19), (37, 37), (49, 49), (67, 69), (111, 111), (123, 123), (137, 138), (173, 173),
    (213, 213), (269, 269), (319, 320), (389, 389), (427, 427), (434, 434), (464, 464), (496, 496), (500, 500),
    (513, 514), (520, 521), (524, 525), (546, 547), (664, 664), (701, 701), (853, 854), (910, 910), (921, 921),
    (925, 925), (1001, 1001), (1113, 1113), (1153, 1153), (1194, 1194), (1293, 1293), (1628, 1629), (1718, 1719),
    (1745, 1745), (1755, 1755), (1900, 1900), (1985, 1985), (2029, 2029), (2099, 2099), (2157, 2157), (2221, 2222),
    (2246, 2246), (2268, 2269), (2313, 2313), (2345, 2345), (2887, 2887), (2944, 2945), (2948, 2949), (3000, 3000),
    (3130, 3130), (3250, 3250), (3343, 3343), (3357, 3357), (3389, 3389), (3452, 3452), (3455, 3455), (3544, 3544),
    (3567, 3567), (3671, 3671), (3784, 3785), (3804, 3804), (3863, 3863), (4305, 4307), (4341, 4342), (4500, 4500),
    (4551, 4551), (4555, 4556), (4569, 4569), (4729, 4729), (4754, 4754), (4784, 4784), (4789, 4791), (4991, 4991),
    (5072, 5072), (5246, 5247), (5353, 5353), (5355, 5355), (5404, 5405), (5436, 5436), (5567, 5567), (5678, 5678),
    (5683, 5684), (5868, 5868), (6073, 6073), (6081, 6081), (6118, 6118), (6160, 6160), (6543, 6543), (6635, 6635),
    (6784, 6784), (6970, 6970), (7074, 7075), (7255, 7255), (7275, 7275), (7784, 7784), (8200, 8200), (8600, 8600),
    (8755, 8755), (8767, 8767), (8805, 8805), (8848, 8848), (9200, 9203), (9214, 9214), (9875, 9875), (9877, 9877),
    (9899, 9899), (9901, 9901), (9956, 9956), (10253, 10253), (11211, 11211), (11273, 11273), (12000, 12004),
    (12220, 12220), (12222, 12223), (13400, 13400), (17220, 17220), (17500, 17500), (17755, 17756), (19132, 19132),
    (19948, 19948), (19999, 19999), (23272, 23272), (24576, 24577), (25826, 25826), (26000, 26000), (27500, 27500),
    (27910, 27910), (27950, 27953), (27960, 27963), (32000, 32000), (32512, 32512), (34962, 34962), (34980, 34980),
    (37008, 37008), (41170, 41170), (44818, 44818), (47000, 47000), (54328, 54328),
];

/// Wireshark leaves the datagram to the protocol of one of its ports.
pub fn taken(c: &Context) -> bool {
    c.has_port_in(&TAKEN)
}

/// Wireshark's guess, found with tshark 4.0 by trying: an ordinary query for one name, or a response to one or none, with
/// few records by its header. What stands behind the header is not looked at.
pub fn like(m: &[u8]) -> bool {
    let Some(h) = Header::read(m).filter(|_| m.len() > HEADER) else { return false };
    let [questions, answers, authorities, additional] = h.counts;
    let questions_fit = match h.is_response() {
        true => questions <= 1 && answers <= MOST_ANSWERS,
        false => questions == 1 && answers == 0 && authorities == 0,
    };
    h.opcode() == 0 && questions_fit && authorities <= MOST_OTHERS && additional <= MOST_OTHERS
}

#[cfg(test)]
mod tests {
    use super::{TAKEN, like};

    #[test]
    fn ranges_ascend() {
        assert!(TAKEN.iter().all(|&(a, b)| a <= b) && TAKEN.windows(2).all(|w| w[0].1 < w[1].0));
    }

    /// What tshark 4.0.17 shows as DNS on ports 41000 and 60123: flags, the four counts, bytes behind the header.
    #[test]
    fn guesses_as_tshark_does() {
        let message = |flags: u16, counts: [u16; 4], rest: usize| {
            let mut m = vec![0x12, 0x34];
            m.extend(flags.to_be_bytes());
            m.extend(counts.iter().flat_map(|n| n.to_be_bytes()));
            m.resize(12 + rest, 0);
            m
        };
        let shown = [
            (0x0100, [1, 0, 0, 0], 1),
            (0x0100, [1, 0, 0, 10], 200),
            (0x010f, [1, 0, 0, 0], 21),
            (0x07f0, [1, 0, 0, 0], 21),
            (0x8180, [0, 1, 0, 0], 1),
            (0x8180, [0, 0, 0, 0], 20),
            (0x8180, [1, 100, 0, 0], 1100),
            (0x818f, [1, 1, 10, 0], 200),
            (0x8180, [1, 1, 0, 10], 200),
        ];
        let not = [
            (0x0100, [1, 0, 0, 0], 0),
            (0x0100, [0, 0, 0, 0], 20),
            (0x0100, [2, 0, 0, 0], 50),
            (0x0100, [1, 1, 0, 0], 50),
            (0x0100, [1, 0, 1, 0], 50),
            (0x0100, [1, 0, 0, 11], 300),
            (0x0800, [1, 0, 0, 0], 21),
            (0x8180, [2, 1, 0, 0], 80),
            (0x8180, [1, 101, 0, 0], 1200),
            (0x8180, [1, 1, 11, 0], 300),
            (0x8180, [1, 1, 0, 11], 300),
            (0xa800, [1, 1, 0, 0], 40),
        ];
        for (flags, counts, rest) in shown {
            assert!(like(&message(flags, counts, rest)), "{flags:x} {counts:?} {rest}");
        }
        for (flags, counts, rest) in not {
            assert!(!like(&message(flags, counts, rest)), "{flags:x} {counts:?} {rest}");
        }
        assert!(!like(&[0; 11]));
    }
}
