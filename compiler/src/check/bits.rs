//! How many bits tell one of n answers. Integer arithmetic only, so that every node computes the same figure.
//! Must not know: what the answers are.

/// Thousandths of a bit, rounded up: the least m with 2^m >= n^1000.
pub(crate) fn millibits_of(n: u64) -> u32 {
    if n <= 1 {
        return 0;
    }
    if n.is_power_of_two() {
        return n.trailing_zeros() * 1000;
    }
    // n^1000 is no power of two, so its bit length is exactly the least such m.
    let mut power: Vec<u32> = vec![1];
    for _ in 0..1000 {
        let mut carry: u128 = 0;
        for limb in &mut power {
            let product = u128::from(*limb) * u128::from(n) + carry;
            *limb = (product & 0xffff_ffff) as u32;
            carry = product >> 32;
        }
        while carry > 0 {
            power.push((carry & 0xffff_ffff) as u32);
            carry >>= 32;
        }
    }
    let top = power.last().copied().unwrap_or(1);
    (power.len() as u32) * 32 - top.leading_zeros()
}

#[cfg(test)]
mod tests {
    use super::millibits_of;

    #[test]
    fn known_logarithms_are_rounded_up() {
        for (n, want) in
            [(1, 0), (2, 1000), (3, 1585), (4, 2000), (5, 2322), (6, 2585), (7, 2808), (10, 3322), (1000, 9966)]
        {
            assert_eq!(millibits_of(n), want, "{n}");
        }
        assert_eq!(millibits_of(1 << 32), 32_000);
        assert_eq!(millibits_of((1 << 32) + 1), 32_001);
    }
}
