//! Tunnels announced by a UDP port.

use crate::dissect::{Next, Step, View};
use crate::layers::Proto;

/// The tunnel behind a port number.
fn tunnel(port: u16) -> Option<Next> {
    Some(match port {
        2123 | 2152 | 3386 => Next::Gtp,
        4789 => Next::Vxlan { generic: false },
        4790 => Next::Vxlan { generic: true },
        6081 => Next::Geneve,
        1701 => Next::L2tp,
        3544 => Next::Teredo,
        4500 => Next::UdpEncap,
        4754 => Next::Gre,
        6635 => Next::Mpls,
        9899 => Next::Sctp,
        5072 => Next::Ayiya,
        4341 => Next::LispData,
        4342 => Next::Lisp,
        6343 => Next::Sflow,
        30030 => Next::Jmirror,
        37008 => Next::Tzsp,
        5246 => Next::Named(Proto::Capwap),
        5247 => Next::CapwapData,
        12000..=12004 => Next::Llc,
        2268 => Next::Amt,
        4791 => Next::Named(Proto::Infiniband),
        _ => return None,
    })
}

/// The lower of both ports speaks first; the other one only where nothing else claims the lower.
#[inline]
pub(crate) fn step<'a>(src: u16, dst: u16, payload: View<'a>) -> Step<'a> {
    let (low, high) = if src < dst { (src, dst) } else { (dst, src) };
    // The smallest port of a tunnel: most traffic ends here.
    if high < 1701 {
        return None;
    }
    if let Some(next) = tunnel(low) {
        return Some((next, payload));
    }
    let next = tunnel(high)?;
    KNOWN.binary_search(&low).is_err().then_some((next, payload))
}

/// UDP ports that have a protocol in Wireshark 4.0 (`tshark -G decodes`).
#[rustfmt::skip]
static KNOWN: [u16; 328] = [
    0, 7, 13, 19, 37, 49, 53, 67, 68, 69, 88, 111, 123, 137, 138, 161, 162, 173, 177, 213, 269, 319, 320, 389, 427,
    434, 464, 473, 496, 500, 502, 513, 514, 520, 521, 524, 525, 539, 546, 547, 573, 623, 631, 646, 654, 664, 698, 699,
    701, 750, 853, 854, 910, 921, 925, 1001, 1044, 1052, 1069, 1089, 1090, 1091, 1101, 1113, 1153, 1194, 1293, 1547,
    1628, 1629, 1645, 1646, 1700, 1701, 1718, 1719, 1745, 1755, 1812, 1813, 1900, 1985, 2029, 2048, 2055, 2067, 2099,
    2123, 2152, 2157, 2190, 2221, 2222, 2231, 2246, 2268, 2269, 2313, 2345, 2424, 2427, 2428, 2727, 2887, 2944, 2945,
    2948, 2949, 2960, 3000, 3121, 3130, 3205, 3222, 3250, 3333, 3343, 3357, 3386, 3389, 3452, 3455, 3478, 3483, 3503,
    3540, 3544, 3567, 3622, 3671, 3784, 3785, 3792, 3799, 3804, 3819, 3863, 3956, 4000, 4011, 4058, 4305, 4306, 4307,
    4341, 4342, 4500, 4533, 4534, 4551, 4555, 4556, 4569, 4665, 4672, 4713, 4729, 4739, 4754, 4784, 4789, 4790, 4791,
    4991, 5000, 5001, 5031, 5050, 5060, 5072, 5094, 5246, 5247, 5264, 5265, 5350, 5351, 5353, 5355, 5404, 5405, 5436,
    5555, 5567, 5678, 5683, 5684, 5868, 6060, 6073, 6081, 6084, 6087, 6118, 6160, 6343, 6543, 6635, 6666, 6696, 6784,
    6970, 7000, 7001, 7002, 7003, 7004, 7005, 7006, 7007, 7008, 7009, 7010, 7021, 7074, 7075, 7255, 7275, 7784, 8000,
    8116, 8161, 8200, 8211, 8600, 8611, 8612, 8613, 8614, 8755, 8767, 8805, 8848, 9003, 9200, 9201, 9202, 9203, 9214,
    9600, 9875, 9877, 9899, 9901, 9955, 9956, 9996, 9999, 10253, 10500, 11211, 11273, 11898, 12000, 12001, 12002,
    12003, 12004, 12220, 12222, 12223, 13400, 13819, 13907, 13910, 17220, 17500, 17754, 17755, 17756, 18246, 19132,
    19788, 19948, 19999, 20000, 20561, 22222, 23272, 24576, 24577, 25826, 26000, 27036, 27500, 27910, 27950, 27951,
    27952, 27953, 27960, 27961, 27962, 27963, 30030, 32000, 32512, 34962, 34980, 37008, 41170, 44818, 45564, 47000,
    47808, 49999, 54328, 56000, 56001, 56500, 56501, 57000, 57001, 57032, 57033, 57500, 57501, 57532, 57533, 59000,
    59001, 59032, 59033, 59500, 59501, 59532, 59533, 60001,
];

#[cfg(test)]
mod tests {
    use crate::dissect::testing::{ipv4, path, udp};

    #[test]
    fn the_lower_port_speaks_first() {
        let vxlan = |src: u16, dst: u16| path(228, &ipv4(17, &udp(src, dst, &[8, 0, 0, 0, 0, 0, 1, 0])));
        assert_eq!(vxlan(60_000, 4789), "ip:udp:vxlan");
        assert_eq!(vxlan(4789, 60_000), "ip:udp:vxlan");
        assert_eq!(vxlan(4788, 4789), "ip:udp:vxlan");
        // Port 53 is DNS to Wireshark, whatever the other one is.
        assert_eq!(vxlan(53, 4789), "ip:udp");
    }

    #[test]
    fn known_ports_are_sorted() {
        assert!(super::KNOWN.windows(2).all(|w| w[0] < w[1]));
    }
}
