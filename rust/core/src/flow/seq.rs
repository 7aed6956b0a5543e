//! Sequence number arithmetic (RFC 9293 section 3.4): comparisons modulo 2^32.

/// `a` is before `b`.
#[inline]
pub(super) fn lt(a: u32, b: u32) -> bool {
    (a.wrapping_sub(b) as i32) < 0
}

/// `a` is behind `b`.
#[inline]
pub(super) fn gt(a: u32, b: u32) -> bool {
    (b.wrapping_sub(a) as i32) < 0
}

/// `a` is before `b` or equal.
#[inline]
pub(super) fn le(a: u32, b: u32) -> bool {
    (a.wrapping_sub(b) as i32) <= 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn order_holds_across_the_wrap() {
        assert!(lt(u32::MAX, 0) && gt(0, u32::MAX) && le(u32::MAX, 5));
        assert!(!lt(5, 5) && !gt(5, 5) && le(5, 5));
        assert!(lt(0, 0x7fff_ffff) && !gt(0, 0x7fff_ffff));
    }
}
