//! Levels: how large the subtrees beside a path may be.
//!
//! The one idea: the siblings of a place on the path are about as large as those that were visited
//! before it, or as what was visited of itself so far. That is enough to give away neither a handful
//! of leaves nor, where a bound will end the search, leaves that it will never come to.
//!
//! Invariant: a guess here changes who visits a leaf, and never what is found.
//!
//! What it is not: a bound of its own.

/// One question of the path.
#[derive(Clone, Copy, Debug, Default)]
struct Level {
    /// Leaves when its present answer came.
    begun_at: u64,
    /// Answers that are done, and the leaves below them.
    done: u64,
    spent: u64,
}

/// The questions of a path.
#[derive(Clone, Debug)]
pub struct Levels {
    levels: Vec<Level>,
    leaves: u64,
}

impl Levels {
    /// Of this path, of which nothing is known.
    pub fn new(path: &[(u32, u32)]) -> Levels {
        Levels { levels: vec![Level::default(); path.len()], leaves: 0 }
    }

    /// Leaves so far.
    pub fn leaves(&self) -> u64 {
        self.leaves
    }

    /// Which question the next leaf answers otherwise.
    pub fn changes(&self, path: &[(u32, u32)]) -> Option<usize> {
        path.iter().rposition(|&(answer, options)| answer + 1 < options)
    }

    /// A leaf was visited that answers question `at` otherwise than the one before.
    pub fn changed(&mut self, at: Option<usize>, path: &[(u32, u32)]) {
        if let Some(level) = at.and_then(|at| self.levels.get_mut(at)) {
            level.done += 1;
            level.spent += self.leaves - level.begun_at;
            level.begun_at = self.leaves;
        }
        self.levels.truncate(at.map_or(0, |at| at + 1));
        let new = Level { begun_at: self.leaves, ..Level::default() };
        self.levels.resize(path.len(), new);
        self.leaves += 1;
    }

    /// How much of the path to keep when all that comes behind it is given away: so that about
    /// `least` leaves are given at least, and about `most` kept at most.
    pub fn place(&self, path: &[(u32, u32)], fixed: usize, least: u64, most: u64) -> Option<usize> {
        let (mut given, mut guessed) = (0u64, None);
        for (at, (level, &(answer, options))) in self.levels.iter().zip(path).enumerate() {
            if at < fixed || answer + 1 >= options {
                continue;
            }
            let visited = self.leaves - level.begun_at;
            let known = level.spent.checked_div(level.done);
            let each = known.unwrap_or(visited);
            given = given.saturating_add(each.saturating_mul(u64::from(options - answer - 1)));
            if given < least {
                continue;
            }
            match known {
                Some(each) if each.saturating_sub(visited) <= most => return Some(at + 1),
                Some(_) => {}
                None => guessed = guessed.or(Some(at + 1)),
            }
        }
        guessed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Visits the leaves of three questions with `options` answers each, `leaves` of them.
    fn after(options: [u32; 3], leaves: u64) -> (Levels, Vec<(u32, u32)>) {
        let mut path: Vec<(u32, u32)> = options.map(|n| (0, n)).to_vec();
        let mut levels = Levels::new(&path);
        levels.changed(None, &path);
        for _ in 1..leaves {
            let at = levels.changes(&path).expect("there are more");
            path.truncate(at + 1);
            path[at].0 += 1;
            path.extend(options[at + 1..].iter().map(|&n| (0, n)));
            levels.changed(Some(at), &path);
        }
        (levels, path)
    }

    #[test]
    fn where_subtrees_were_finished_their_size_is_known() {
        // 4 x 5 x 6 leaves; the second answer of the first question has begun.
        let (levels, path) = after([4, 5, 6], 31);
        assert_eq!(levels.place(&path, 0, 1, 1_000), Some(1), "60 are given, 29 are kept");
        assert_eq!(levels.place(&path, 0, 1, 10), Some(2), "29 would be too many to keep");
        assert_eq!(levels.place(&path, 0, 61, 1_000), Some(2), "60 would be too few to give");
        assert_eq!(levels.place(&path, 1, 1, 1_000), Some(2), "the first answer is not ours");
    }

    #[test]
    fn nothing_is_given_where_little_is_left() {
        let (levels, path) = after([4, 5, 6], 4 * 5 * 6);
        assert_eq!(levels.place(&path, 0, 1, 1_000), None);
    }
}
