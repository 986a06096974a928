//! Cases in one line: a trace as text, its images as text.
//!
//! The one idea: `ab@0 | flush | *c@1!` is a call that writes the sectors `a` and `b` at 0, a flush,
//! and a FUA write of `c` at 1 in flight when the power goes. Commands of one call stand side by
//! side, `drop@1` discards a sector, and a trace without `*` is cut after all its calls. An image
//! is a word for each sector: its letter, `.` for zeros (and the fill), `#` for 0xFF, `~` for
//! noise, `A` for an `a` inverted and turned by a bit, `a..b` for a mix (by quarters), `!` for unreadable.
//!
//! Invariant: images come from the disk and from the enumerator, and both say the same.

use std::collections::BTreeSet;

use simulator::choose::Exhaustive;
use simulator::disk::contract::Contract;
use simulator::disk::{Fill, Live};

use crate::compare::{check, disk_after_cut, first_images, leaves, noise};
use crate::lazy::Lazy;
use crate::model::{Model, Sector};
use crate::program::Medium;
use crate::traces::{Call, Case, Cmd, Plan, Program};

/// Bytes of a sector in stories.
pub const SECTOR: u32 = 8;

/// A device of small sectors in which nothing is torn and any subset of the cache persists.
pub fn base() -> Contract {
    Contract {
        logical_bytes: SECTOR,
        physical_bytes: SECTOR,
        atomic_bytes: SECTOR,
        page_bytes: SECTOR,
        ..Contract::base("story")
    }
}

fn filled(letter: char) -> Vec<u8> {
    let byte = match letter {
        '.' => 0,
        '#' => 0xFF,
        letter => letter as u8,
    };
    vec![byte; SECTOR as usize]
}

/// The calls of a trace in text, and the call in flight.
pub fn calls(text: &str) -> (Vec<Call>, usize) {
    let mut cut = None;
    let calls: Vec<Call> = text
        .split('|')
        .enumerate()
        .map(|(i, call)| {
            let call = call.trim();
            if call.starts_with('*') {
                cut = Some(i);
            }
            self::call(call.trim_start_matches('*').trim())
        })
        .collect();
    let all = calls.len();
    (calls, cut.unwrap_or(all))
}

fn call(text: &str) -> Call {
    if text == "flush" {
        return Call::Flush;
    }
    if let Some(lba) = text.strip_prefix("drop@") {
        return Call::Discard { lba: lba.parse().expect("an address"), sectors: 1 };
    }
    let command = |word: &str| {
        let (letters, at) = word.split_once('@').expect("letters and an address");
        let data = letters.chars().map(filled).collect();
        let lba = at.trim_end_matches('!').parse().expect("an address");
        Cmd { lba, data, fua: at.ends_with('!') }
    };
    Call::Write(text.split_whitespace().map(command).collect())
}

/// The case of a trace in text, with a reader that reads every sector after the cut.
pub fn case(contract: &Contract, sectors: usize, trace: &str) -> Case {
    let (calls, cut) = calls(trace);
    let lives = vec![Plan { steps: 0, cut: 0, full_read: true }];
    let program = Program { seed: 1, adaptive: false, lives, asks: Vec::new() };
    Case { contract: contract.clone(), sectors, fill: Fill::Zeros, calls, cut, program }
}

/// A sector's word.
pub fn word(sector: &Sector, noise: &[u8]) -> String {
    let Some(bytes) = sector else { return "!".to_owned() };
    if bytes == noise {
        return "~".to_owned();
    }
    let letter = |byte: u8| match byte {
        0 => '.',
        0xFF => '#',
        byte if byte.is_ascii_lowercase() => byte as char,
        byte => match (!byte).rotate_right(1) {
            spoilt if spoilt.is_ascii_lowercase() => spoilt.to_ascii_uppercase() as char,
            _ if byte.is_ascii_graphic() => byte as char,
            _ => '?',
        },
    };
    let letters: Vec<char> =
        bytes.chunks(bytes.len() / 4).map(|quarter| letter(quarter[0])).collect();
    if letters.iter().all(|&letter| letter == letters[0]) {
        return letters[0].to_string();
    }
    letters.into_iter().collect()
}

/// Every image of a case, from the enumerator, with the disk made to agree.
pub fn images(contract: &Contract, sectors: usize, trace: &str) -> BTreeSet<String> {
    let case = case(contract, sectors, trace);
    check(&case);
    let noise = noise(SECTOR);
    let model = Model::new(contract, noise.clone());
    let told = |image: Vec<Sector>| {
        image.iter().map(|sector| word(sector, &noise)).collect::<Vec<_>>().join(" ")
    };
    first_images(&model, &case).expect("a small case").into_iter().map(told).collect()
}

/// Every image after a second life that does the calls of `second` without reading, from the
/// enumerator, with the disk made to agree.
pub fn images_after_two(
    contract: &Contract,
    sectors: usize,
    first: &str,
    second: &str,
) -> BTreeSet<String> {
    let case = case(contract, sectors, first);
    let noise = noise(SECTOR);
    let told = |image: &[Sector]| {
        image.iter().map(|sector| word(sector, &noise)).collect::<Vec<_>>().join(" ")
    };
    let model = Model::new(contract, noise.clone());
    let (calls, cut) = calls(second);
    let mut owed = BTreeSet::new();
    for between in first_images(&model, &case).expect("a small case") {
        let images = model.images(&between, &calls, cut).expect("a small case");
        owed.extend(images.iter().map(|image| told(image)));
    }
    let mut disk = disk_after_cut(&case);
    let (mark, mut chooser) = (disk.mark(), Exhaustive::new());
    let mut found = BTreeSet::new();
    loop {
        disk.rewind(&mark);
        chooser.rewind();
        let mut live = Lazy::new(Live::new(&mut disk, &mut chooser));
        calls.iter().for_each(|call| live.call(call));
        let at = disk.life_start() + cut as u32;
        disk.cut(at);
        let mut live = Lazy::new(Live::new(&mut disk, &mut chooser));
        let image: Vec<Sector> = (0..sectors).map(|lba| live.read(lba, 1, false).ok()).collect();
        assert!(found.insert(told(&image)), "two leaves tell the same");
        if !chooser.next_leaf() {
            break;
        }
    }
    assert_eq!(found, owed, "{first} // {second}");
    owed
}

/// How many outcomes the disk itself has for a case.
pub fn outcomes(contract: &Contract, sectors: usize, trace: &str) -> usize {
    let case = case(contract, sectors, trace);
    check(&case);
    leaves(&case, usize::MAX).len()
}

/// Whether the images are these and no others.
pub fn assert_images(contract: &Contract, sectors: usize, trace: &str, expected: &[&str]) {
    let expected: BTreeSet<String> = expected.iter().map(|&image| image.to_owned()).collect();
    assert_eq!(images(contract, sectors, trace), expected, "{trace}");
}
