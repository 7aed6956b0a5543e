//! DHCP unique identifiers (RFC 8415 11, RFC 6355).

use super::show::{guid, hex, mac};
use crate::app::bytes::{be16, be32};
use crate::app::message::{Fields, Value};

/// The MAC address in a DUID of link-layer kind, where it is an Ethernet one.
pub fn mac_of(d: &[u8]) -> Option<String> {
    match (be16(d, 0)?, be16(d, 2)?) {
        (1, 1 | 6) => mac(d.get(8..)?),
        (3, 1 | 6) => mac(d.get(4..)?),
        _ => None,
    }
}

/// Its kind and parts, and all of it in hexadecimal.
pub fn value(d: &[u8]) -> Value {
    let mut f: Fields = vec![("hex", hex(d).into())];
    if parts(d, &mut f).is_none() {
        f.truncate(1);
        f.push(("malformed", true.into()));
    }
    f.into()
}

fn parts(d: &[u8], f: &mut Fields) -> Option<()> {
    let kind = be16(d, 0)?;
    match kind {
        1 => {
            f.push(("type", "link-layer address plus time".into()));
            f.push(("hardware_type", be16(d, 2)?.into()));
            // Seconds since 2000-01-01 (RFC 8415 11.2).
            f.push(("time", be32(d, 4)?.into()));
            f.push(("link_layer_address", link_layer(d.get(8..)?)));
        }
        2 => {
            f.push(("type", "assigned by vendor".into()));
            f.push(("enterprise", be32(d, 2)?.into()));
            f.push(("identifier", hex(d.get(6..)?).into()));
        }
        3 => {
            f.push(("type", "link-layer address".into()));
            f.push(("hardware_type", be16(d, 2)?.into()));
            f.push(("link_layer_address", link_layer(d.get(4..)?)));
        }
        4 => {
            f.push(("type", "UUID".into()));
            f.push(("uuid", uuid(d.get(2..)?)?.into()));
        }
        _ => f.push(("type", kind.into())),
    }
    Some(())
}

fn link_layer(d: &[u8]) -> Value {
    mac(d).unwrap_or_else(|| hex(d)).into()
}

/// In network order (RFC 4122 4.1.2), unlike the GUID of PXE.
fn uuid(d: &[u8]) -> Option<String> {
    let mut b: [u8; 16] = d.try_into().ok()?;
    b[..4].reverse();
    b[4..6].reverse();
    b[6..8].reverse();
    guid(&b)
}
