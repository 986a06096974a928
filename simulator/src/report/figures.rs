//! Numbers that no machine word holds: crash states and shares of them.
//!
//! The one idea: a report keeps them as decimal digits; here they become what a person reads, the
//! size first and the exact number beside it.
//!
//! Invariant: nothing is rounded towards more. A share that is not the whole is never 100 %.
//!
//! What it is not: arithmetic on floats.

use num_bigint::BigUint;

use super::text::grouped;

/// `41,203`, or `3.1e14 (312,000,000,000,001)` from a million up.
#[must_use]
pub fn large(digits: &str) -> String {
    match digits.len() {
        0..=6 => grouped(digits),
        len => format!("{}.{}e{} ({})", &digits[..1], &digits[1..2], len - 1, grouped(digits)),
    }
}

/// A part of a whole, both in decimal digits: the reduced fraction, and per cent cut off after six
/// decimals. `None` of a whole that is nothing.
#[must_use]
pub fn share(part: &str, whole: &str) -> Option<(String, String)> {
    let (part, whole): (BigUint, BigUint) = (part.parse().ok()?, whole.parse().ok()?);
    let zero = BigUint::default();
    if whole == zero {
        return None;
    }
    let (mut a, mut b) = (part.clone(), whole.clone());
    while b != zero {
        let rest = &a % &b;
        a = std::mem::replace(&mut b, rest);
    }
    let (of, per) = ((&part / &a).to_string(), (&whole / &a).to_string());
    let fraction = format!("{}/{}", grouped(&of), grouped(&per));
    let scaled = (&part * 100_000_000u64 / &whole).to_string();
    let scaled = format!("{scaled:0>7}");
    let (units, decimals) = scaled.split_at(scaled.len() - 6);
    let decimals = decimals.trim_end_matches('0');
    let percent = match (part == zero, units, decimals) {
        (false, "0", "") => "less than 0.000001 %".to_owned(),
        (_, units, "") => format!("{units} %"),
        (_, units, decimals) => format!("{units}.{decimals} %"),
    };
    Some((fraction, percent))
}

/// A fraction from 0 to 1, such as `17/81`, with six decimals beside it, rounded half up: `17/81
/// (0.209877)`.
#[must_use]
pub fn chance(fraction: &str) -> String {
    let Some((of, per)) = fraction.split_once('/') else { return fraction.to_owned() };
    let (Ok(of), Ok(per)) = (of.parse::<BigUint>(), per.parse::<BigUint>()) else {
        return fraction.to_owned();
    };
    if per == BigUint::default() {
        return fraction.to_owned();
    }
    let millionths = ((of * 2_000_000u32 + &per) / (per * 2u32)).to_string();
    let millionths = format!("{millionths:0>7}");
    let (units, decimals) = millionths.split_at(millionths.len() - 6);
    format!("{fraction} ({units}.{decimals})")
}

/// Millionths as per cent: `0.3827 %`.
#[must_use]
pub fn percent(millionths: u64) -> String {
    let text = format!("{}.{:04}", millionths / 10_000, millionths % 10_000);
    format!("{} %", text.trim_end_matches('0').trim_end_matches('.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn large_numbers_have_a_size_and_all_their_digits() {
        assert_eq!(large("41203"), "41,203");
        assert_eq!(large("312000000000001"), "3.1e14 (312,000,000,000,001)");
        assert_eq!(percent(3_827), "0.3827 %");
        assert_eq!(percent(1_000_000), "100 %");
    }

    #[test]
    fn a_chance_has_its_decimals_beside_it_rounded_half_up() {
        assert_eq!(chance("17/81"), "17/81 (0.209877)");
        assert_eq!(chance("1/1"), "1/1 (1.000000)");
        assert_eq!(chance("1/2000000"), "1/2000000 (0.000001)");
        assert_eq!(chance("0/1"), "0/1 (0.000000)");
    }

    #[test]
    fn a_share_is_reduced_and_never_rounded_up() {
        let of = |part, whole| share(part, whole).unwrap();
        assert_eq!(of("4", "6"), ("2/3".to_owned(), "66.666666 %".to_owned()));
        assert_eq!(of("6", "6").1, "100 %");
        assert_eq!(of("99999999999", "100000000000").1, "99.999999 %");
        assert_eq!(of("1", "100000000000").1, "less than 0.000001 %");
        assert_eq!(of("0", "7"), ("0/1".to_owned(), "0 %".to_owned()));
        assert_eq!(share("1", "0"), None);
    }
}
