//! Numbers that no machine word holds, drawn evenly.
//!
//! The one idea: as many bits as the bound has are drawn, and drawn again while they make a number that
//! is not below it. So no number is likelier than another, not even by 2^-64.
//!
//! Invariant: one stream of the generator gives one stream of numbers, on every machine.

use num_bigint::BigUint;

use super::Rng;

impl Rng {
    /// A number below `n`, evenly.
    ///
    /// # Panics
    /// When `n` is 0: there is none.
    pub fn below_big(&mut self, n: &BigUint) -> BigUint {
        let bits = n.bits();
        assert!(bits > 0, "no number is below 0");
        let words = bits.div_ceil(32);
        let unused = (words * 32 - bits) as u32;
        loop {
            let mut digits: Vec<u32> = (0..words).map(|_| (self.draw() >> 32) as u32).collect();
            if let Some(top) = digits.last_mut() {
                *top >>= unused;
            }
            let drawn = BigUint::new(digits);
            if drawn < *n {
                return drawn;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_number_below_comes_as_often_as_every_other() {
        let (mut rng, n) = (Rng::new(7), BigUint::from(5u32));
        let mut seen = [0i64; 5];
        for _ in 0..5_000 {
            seen[usize::try_from(rng.below_big(&n)).unwrap()] += 1;
        }
        // Chi-square with 4 degrees of freedom; 18.47 is one in a thousand.
        let squares: i64 = seen.iter().map(|&k| (k - 1_000) * (k - 1_000)).sum();
        assert!(squares * 100 < 1_847 * 1_000, "{seen:?}");
    }

    #[test]
    fn a_bound_of_many_words_is_reached_in_its_topmost_part() {
        let (mut rng, n) = (Rng::new(1), (BigUint::from(3u32) << 130u32) + 1u32);
        let half = &n >> 1u32;
        let upper = (0..1_000).filter(|_| rng.below_big(&n) >= half).count();
        assert!((430..570).contains(&upper), "{upper}");
        assert_eq!(rng.below_big(&BigUint::from(1u32)), BigUint::default());
    }
}
