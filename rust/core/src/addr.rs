//! Addresses as small values.

use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr};

/// IPv4 or IPv6 address. IPv4 is kept in the first four bytes, the rest zero, with `v6` false.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct IpAddr {
    pub bytes: [u8; 16],
    pub v6: bool,
}

impl IpAddr {
    #[inline]
    pub fn v4(b: [u8; 4]) -> Self {
        // One wide number, not an array in parts: it stays in registers.
        Self { bytes: u128::from(u32::from_le_bytes(b)).to_le_bytes(), v6: false }
    }
    #[inline]
    pub fn v6(bytes: [u8; 16]) -> Self {
        Self { bytes, v6: true }
    }
    pub fn to_std(self) -> std::net::IpAddr {
        let b = self.bytes;
        if self.v6 { Ipv6Addr::from(b).into() } else { Ipv4Addr::new(b[0], b[1], b[2], b[3]).into() }
    }
    pub fn from_std(a: std::net::IpAddr) -> Self {
        match a {
            std::net::IpAddr::V4(a) => Self::v4(a.octets()),
            std::net::IpAddr::V6(a) => Self::v6(a.octets()),
        }
    }
}

impl fmt::Display for IpAddr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Like the C library, and so Wireshark: what stands in the low 32 bits only is written as an IPv4 address.
        match self.bytes {
            [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, a, b, c, d] if self.v6 && (a, b) != (0, 0) => {
                write!(f, "::{a}.{b}.{c}.{d}")
            }
            _ => self.to_std().fmt(f),
        }
    }
}
impl fmt::Debug for IpAddr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Ethernet-style address.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default, Debug)]
pub struct MacAddr(pub [u8; 6]);

impl fmt::Display for MacAddr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let b = self.0;
        write!(f, "{:02x}:{:02x}:{:02x}:{:02x}:{:02x}:{:02x}", b[0], b[1], b[2], b[3], b[4], b[5])
    }
}
