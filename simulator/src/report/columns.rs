//! The columns of the matrix: what each device is called, and how many stand beside each other; and what
//! each journal is called in front of them.
//!
//! The one idea: a letter of what broke that is cut off, or a device called by a number, is read as
//! less than was found. Where the width has no room for all devices with their letters and with names
//! that are parts of their own, the matrix is drawn in panels, one below the other.
//!
//! Invariant: no two devices have the same head, and as few panels as will do, of about the same number
//! of devices.
//!
//! What it is not: a promise. Where one device alone has no room, letters are cut off, and a sign says
//! so.

use std::ops::Range;

use super::model::Report;

/// How the devices of a report are told in columns.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Columns {
    /// What each device is called.
    pub heads: Vec<String>,
    /// Which devices stand beside each other.
    pub panels: Vec<Range<usize>>,
    /// The most letters in a cell.
    pub letters_max: usize,
}

/// Characters of a sign and what stands behind it.
const SIGN: usize = 2;
/// Letters that a cell has room for, however narrow.
const LETTERS_LEAST: usize = 3;
/// Characters of a head, least and most.
const HEADS: Range<usize> = 4..25;

impl Columns {
    /// For lines of `room` characters.
    #[must_use]
    pub fn of(report: &Report, room: usize) -> Columns {
        let names: Vec<&str> = report.devices.iter().map(|row| row.name.as_str()).collect();
        let letters: Vec<usize> = names
            .iter()
            .map(|name| {
                let mine = report.cells.iter().filter(|cell| cell.device == *name);
                mine.map(|cell| cell.broken.len()).max().unwrap_or(0)
            })
            .collect();
        Columns::with_letters(&names, &letters, room)
    }

    /// For devices of these names, in whose cells are so many letters at most.
    fn with_letters(names: &[&str], letters: &[usize], room: usize) -> Columns {
        let longest = letters.iter().copied().max().unwrap_or(0).max(LETTERS_LEAST);
        let fits = |heads: &[String], panel: &Range<usize>, letters_max: usize| {
            let width = |at: usize| 1 + heads[at].len().max(SIGN + letters[at].min(letters_max));
            panel.clone().map(width).sum::<usize>() <= room
        };
        let narrower = || HEADS.rev().map(|width| short_names(names, width));
        for count in 1..=names.len() {
            let panels = shared_out(names.len(), count);
            let suits = |heads: &Vec<String>| {
                let speak = heads.iter().zip(names).all(|(head, name)| name.contains(&head[..]));
                speak && panels.iter().all(|panel| fits(heads, panel, longest))
            };
            if let Some(heads) = narrower().find(suits) {
                return Columns { heads, panels, letters_max: longest };
            }
        }
        let panels = shared_out(names.len(), names.len());
        for letters_max in (LETTERS_LEAST..=longest).rev() {
            let suits = |heads: &Vec<String>| panels.iter().all(|p| fits(heads, p, letters_max));
            if let Some(heads) = narrower().find(suits) {
                return Columns { heads, panels, letters_max };
            }
        }
        let heads = short_names(names, HEADS.start);
        Columns { heads, panels, letters_max: LETTERS_LEAST }
    }
}

/// Characters of a journal's name before a line.
const ROW_HEAD_MAX: usize = 24;

/// What journals are called in front of lines: their names, and numbers where these are long, as the names of
/// strategies are.
#[must_use]
pub fn row_heads(names: &[&str]) -> Vec<String> {
    let mut number = 0;
    let head = |name: &&str| {
        if name.len() <= ROW_HEAD_MAX {
            return (*name).to_owned();
        }
        loop {
            number += 1;
            let head = format!("s{number}");
            if !names.contains(&&head[..]) {
                return head;
            }
        }
    };
    names.iter().map(head).collect()
}

/// So many things in `count` runs, of which the longest has at most one more than the shortest.
fn shared_out(things: usize, count: usize) -> Vec<Range<usize>> {
    (0..count).map(|at| things * at / count..things * (at + 1) / count).collect()
}

/// Short names for devices, at most `width` long where that can be: the name, or its end, or its
/// beginning, whichever no other device could be meant by.
fn short_names(names: &[&str], width: usize) -> Vec<String> {
    let parts = |name: &str| name.split('-').map(str::to_owned).collect::<Vec<_>>();
    let suits = |name: &str, candidate: &str| {
        name == candidate
            || name.starts_with(&format!("{candidate}-"))
            || name.ends_with(&format!("-{candidate}"))
    };
    let mut taken: Vec<String> = Vec::new();
    for name in names {
        let parts = parts(name);
        let ends = (1..parts.len()).map(|from| parts[from..].join("-"));
        let starts = (1..parts.len()).rev().map(|to| parts[..to].join("-"));
        let all: Vec<String> = std::iter::once((*name).to_owned())
            .chain(ends)
            .chain(starts)
            .filter(|candidate| candidate.len() <= width && !taken.contains(candidate))
            .filter(|candidate| candidate == name || !names.contains(&&candidate[..]))
            .collect();
        // A name in full is clear, though another may begin with it.
        let clear = all.iter().find(|candidate| {
            candidate == name || names.iter().filter(|name| suits(name, candidate)).count() == 1
        });
        let chosen = clear.or(all.first()).cloned().unwrap_or_else(|| {
            let mut number = 1;
            loop {
                let candidate = format!("dev{number}");
                if !taken.contains(&candidate) {
                    break candidate;
                }
                number += 1;
            }
        });
        taken.push(chosen);
    }
    taken
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::disk::presets;

    fn names() -> Vec<String> {
        presets::all().into_iter().map(|preset| preset.contract.name).collect()
    }

    #[test]
    fn short_names_fit_and_differ_and_are_not_misleading() {
        let all = names();
        let names: Vec<&str> = all.iter().map(String::as_str).collect();
        for width in [4, 6, 8, 30] {
            let short = short_names(&names, width);
            assert!(short.iter().all(|name| name.len() <= width.max(4)), "{short:?}");
            let mut unique = short.clone();
            unique.sort_unstable();
            unique.dedup();
            assert_eq!(unique.len(), short.len(), "{short:?}");
        }
        assert_eq!(short_names(&["lying-flush", "barrier-flush"], 7), ["lying", "barrier"]);
        assert_eq!(short_names(&names, 30), names);
        assert_eq!(short_names(&["hdd-512e-nvc", "hdd-512e"], 8), ["512e-nvc", "hdd-512e"]);
    }

    #[test]
    fn all_devices_keep_their_letters_and_their_names_in_as_many_panels_as_it_takes() {
        let all = names();
        let names: Vec<&str> = all.iter().map(String::as_str).collect();
        let letters = vec![5; names.len()];
        let mut before = names.len();
        for room in [20, 40, 63, 100, 200, 400] {
            let columns = Columns::with_letters(&names, &letters, room);
            assert_eq!(columns.letters_max, 5, "{columns:?}");
            let parts =
                columns.heads.iter().zip(&names).all(|(head, name)| name.contains(&head[..]));
            assert!(parts, "{columns:?}");
            let all: Vec<usize> = columns.panels.iter().cloned().flatten().collect();
            assert_eq!(all, (0..names.len()).collect::<Vec<_>>());
            for panel in &columns.panels {
                let width = |at: usize| 1 + columns.heads[at].len().max(7);
                assert!(panel.clone().map(width).sum::<usize>() <= room, "{columns:?}");
            }
            assert!(columns.panels.len() <= before, "{columns:?}");
            before = columns.panels.len();
        }
        assert_eq!(before, 1);
    }

    #[test]
    fn journals_with_long_names_are_numbered() {
        let long = "block-512/entry:xxh3/ping-pong/salt+clear/record-fua";
        assert_eq!(row_heads(&["v8", long, "s2", long]), ["v8", "s1", "s2", "s3"]);
    }

    #[test]
    fn where_one_device_has_no_room_letters_are_cut_off() {
        let columns = Columns::with_letters(&["ideal"], &[9], 7);
        assert_eq!(columns.letters_max, 4);
        assert_eq!(Columns::with_letters(&["ideal"], &[9], 0).letters_max, LETTERS_LEAST);
        assert_eq!(Columns::with_letters(&[], &[], 80).panels, []);
    }
}
