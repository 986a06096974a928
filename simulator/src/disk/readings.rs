//! Damage at rest, counted.
//!
//! The one idea: under damage at rest a crash state is the medium *as it reads* in the life after the
//! cut: what the cut left there, and which sectors come back with a bit flipped or not at all. Two ways
//! to read the same are one. Sectors of which nothing was open at the cut are all alike: each reads as
//! it is, with one of its bits flipped, or not at all; so it is enough to know how many they are and
//! how much damage the contract still allows.
//!
//! Invariant: damage is counted against the budget of the cut together with what was read of it.
//!
//! What it is not: an option of a sector that was open; those are listed (`at_rest.rs`).

use num_bigint::BigUint;

use super::worlds::{Budget, Latent, Range, World, Worlds};

/// In how many ways `sectors` sectors, which read as they are but for damage at rest, may read after
/// cut `cut`, given what is known.
pub fn of_alike(worlds: &Worlds, budget: Budget, cut: u32, sectors: u64, bits: u64) -> BigUint {
    let mut ways = BigUint::default();
    for flips in 0..=u64::from(budget.flips).min(sectors) {
        for lost in 0..=u64::from(budget.lost).min(sectors - flips) {
            if !worlds.admit(&[damaged(cut, flips, lost)], budget) {
                break;
            }
            let flipped = choose(sectors, flips) * BigUint::from(bits).pow(flips as u32);
            ways += flipped * choose(sectors - flips, lost);
        }
    }
    ways
}

/// That so many sectors besides those that were asked about are damaged. They stand for any: no device
/// has sectors of such numbers, and no projection names them so.
pub fn damaged(cut: u32, flips: u64, lost: u64) -> World {
    const NO_SECTOR: u64 = 1 << 63;
    let one = || Range::of(1, 1);
    let flips = (0..flips).map(|n| (Latent::Flip { cut, lba: NO_SECTOR + n }, one()));
    let lost = (0..lost).map(|n| (Latent::Lost { cut, lba: NO_SECTOR + n }, one()));
    flips.chain(lost).collect()
}

/// How many sets of `k` there are among `n`.
fn choose(n: u64, k: u64) -> BigUint {
    (0..k).fold(BigUint::from(1u32), |ways, i| ways * (n - i) / (i + 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn damage_is_chosen_among_sectors_and_bits_within_what_is_left_of_the_budget() {
        let budget = Budget { strikes: 0, flips: 2, lost: 1, absent: 0, rollbacks: 0 };
        let ways = |worlds: &Worlds| of_alike(worlds, budget, 0, 3, 8);
        // None, one or two of three flipped, in any bit; each with one of the others lost or none.
        let flips = [1u64, 3 * 8, 3 * 64];
        let all = flips[0] * 4 + flips[1] * 3 + flips[2] * 2;
        assert_eq!(ways(&Worlds::default()), BigUint::from(all));
        let one = World::from_iter([(Latent::Flip { cut: 0, lba: 9 }, Range::of(1, 1))]);
        let worlds = Worlds::default().and(&[one], budget).unwrap();
        assert_eq!(ways(&worlds), BigUint::from(flips[0] * 4 + flips[1] * 3));
        let earlier = World::from_iter([(Latent::Flip { cut: 7, lba: 9 }, Range::of(1, 1))]);
        let worlds = Worlds::default().and(&[earlier], budget).unwrap();
        assert_eq!(ways(&worlds), BigUint::from(all), "each life has a budget of its own");
    }

    #[test]
    fn sets_are_counted_exactly() {
        assert_eq!(choose(256, 3), BigUint::from(2_763_520u32));
        assert_eq!(
            (choose(5, 0), choose(5, 5), choose(0, 0)),
            (1u32.into(), 1u32.into(), 1u32.into())
        );
    }
}
