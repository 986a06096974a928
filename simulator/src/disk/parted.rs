//! Parted: the images of a way, by whether they pass a test of some of the bits.
//!
//! The one idea: which of the images pass is told by few ways. Most tests mind few of the bits: an image with a
//! covered bit that is in none of those that pass fails, whatever else flipped in it; of the others each is
//! looked at, and those that have all but their last bit in common are one way.
//!
//! Invariant: the ways of both lists stand for the images of the one, each once.
//!
//! What it is not: for many images. Each is tried.

use std::collections::BTreeMap;

use super::flips::{Bits, Image, Way, all, split};

/// The images of a way that are such, sorted, with their bits ascending.
fn images(way: &Way, is_such: &mut dyn FnMut(&[u32]) -> bool) -> Vec<Image> {
    let mut found: Vec<Image> = Vec::new();
    all(way, &mut |image| {
        if is_such(image) {
            let mut image = Image::from_slice(image);
            image.sort_unstable();
            found.push(image);
        }
        true
    });
    found.sort_unstable();
    found
}

/// The ways in which the covered bits pass, and those in which they do not. Each set of `way` lies among the
/// covered bits or beside them.
pub fn by(
    way: &Way,
    covered: &Bits,
    passes: &mut dyn FnMut(&[u32]) -> bool,
) -> (Vec<Way>, Vec<Way>) {
    let of = |way: &Way, within: bool| -> Way {
        way.iter().filter(|(set, _)| set.and(covered).is_empty() != within).cloned().collect()
    };
    let (inside, beside) = (of(way, true), of(way, false));
    let passing = images(&inside, passes);
    if passing.is_empty() {
        return (Vec::new(), vec![way.clone()]);
    }
    let bits = 64 * covered.words().len() as u32;
    let minded = Bits::from_iter(bits, passing.iter().flatten().copied());
    let (mut failing, some) = split(std::slice::from_ref(way), &minded);
    let mut others: Vec<Image> = Vec::new();
    for way in some {
        let inside = of(&way, true);
        if inside.iter().any(|(set, _)| set.and(&minded).is_empty()) {
            failing.push(way);
            continue;
        }
        let passes = |image: &Image| passing.binary_search(image).is_ok();
        others.extend(images(&inside, &mut |_| true).into_iter().filter(|image| !passes(image)));
    }
    failing.extend(ways(bits, &others, &beside));
    (ways(bits, &passing, &beside), failing)
}

/// Images as ways, those together that differ in their last bit only.
fn ways(bits: u32, images: &[Image], beside: &Way) -> Vec<Way> {
    let mut last: BTreeMap<&[u32], Vec<u32>> = BTreeMap::new();
    for image in images {
        let (bit, before) = image.split_last().expect("some bit flipped");
        last.entry(before).or_default().push(*bit);
    }
    let way = |(before, last): (&[u32], Vec<u32>)| {
        let known = before.iter().map(|&bit| (Bits::one(bits, bit), 1));
        let of = known.chain([(Bits::from_iter(bits, last), 1)]);
        let mut way: Way = of.chain(beside.iter().cloned()).collect();
        way.sort_unstable();
        way
    };
    last.into_iter().map(way).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::choose::Rng;
    use crate::disk::flips::images_of;

    #[test]
    fn what_passes_and_what_does_not_are_all_images_each_once() {
        const BITS: u32 = 64;
        let mut rng = Rng::new(1);
        for _ in 0..500 {
            // Of some bits so many, among twelve, eight of which are covered.
            let mut place: Vec<u32> = (0..12).map(|_| rng.below(4)).collect();
            place[..8].iter_mut().for_each(|place| *place %= 2);
            place[8..].iter_mut().for_each(|place| *place = 2 + *place % 2);
            let set =
                |of: u32| Bits::from_iter(BITS, (0..12).filter(|&bit| place[bit as usize] == of));
            let sets = (0..3).map(set).map(|set| {
                let most = set.len().min(2);
                (set, rng.below(most + 1))
            });
            let mut way: Way = sets.filter(|(_, n)| *n > 0).collect();
            way.sort_unstable();
            let covered = Bits::of_bytes(BITS, &[(0, 1)]);
            let inside = |image: &[u32]| -> Vec<u32> {
                image.iter().copied().filter(|bit| *bit < 8).collect()
            };
            let of_three = [rng.below(8), rng.below(8), rng.below(8)];
            let odd = rng.below(2) == 0;
            let test = |image: &[u32]| match odd {
                true => image.iter().sum::<u32>() % 3 == 1,
                false => image.iter().all(|bit| of_three.contains(bit)),
            };
            if way.iter().all(|(set, _)| set.and(&covered).is_empty()) {
                continue;
            }
            let (pass, fail) = by(&way, &covered, &mut |image| test(&inside(image)));
            let listed = |ways: &[Way]| -> BTreeSet<Vec<u32>> {
                let set: BTreeSet<Vec<u32>> = ways
                    .iter()
                    .flat_map(|way| images(way, &mut |_| true))
                    .map(|i| i.to_vec())
                    .collect();
                assert_eq!(set.len() as u128, images_of(ways), "no image twice");
                set
            };
            let all = listed(std::slice::from_ref(&way));
            let (passing, failing): (BTreeSet<_>, BTreeSet<_>) =
                all.into_iter().partition(|image| test(&inside(image)));
            assert_eq!((listed(&pass), listed(&fail)), (passing, failing));
        }
    }
}
