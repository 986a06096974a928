//! Tape: decisions from bytes, for libFuzzer, `arbitrary` and the corpus.
//!
//! The one idea: a fuzzer that mutates the tape mutates the decisions of the disk itself. A
//! question takes one byte for up to 256 options, two for up to 65,536, four beyond, modulo the
//! number of options; an exhausted tape answers 0, so a shorter tape is a calmer run and the
//! fuzzer's shrinking is ours for free.
//!
//! Invariant: a question with one option takes no byte, so a feature that is switched off leaves
//! the decisions of a tape as they were.

use std::num::NonZeroU32;

use super::{Chooser, Label, What};

/// The tape and how much of it was read.
#[derive(Clone, Copy, Debug)]
pub struct Tape<'a> {
    bytes: &'a [u8],
}

impl<'a> Tape<'a> {
    /// A tape from its first byte.
    #[must_use]
    pub fn new(bytes: &'a [u8]) -> Self {
        Tape { bytes }
    }

    /// The next byte, 0 once the tape is exhausted.
    pub fn byte(&mut self) -> u8 {
        match self.bytes.split_first() {
            Some((&first, rest)) => {
                self.bytes = rest;
                first
            }
            None => 0,
        }
    }

    /// A number below `n` (0 for `n` = 0).
    pub fn below(&mut self, n: u32) -> u32 {
        let width = match n {
            0 | 1 => return 0,
            2..=256 => 1,
            257..=65_536 => 2,
            _ => 4,
        };
        let value = (0..width).fold(0u32, |value, _| value << 8 | u32::from(self.byte()));
        value % n
    }

    /// Bytes not yet read.
    #[must_use]
    pub fn left(&self) -> usize {
        self.bytes.len()
    }
}

impl Chooser for Tape<'_> {
    fn choose(&mut self, _: What, options: NonZeroU32, _: &dyn Fn(u32) -> Label) -> u32 {
        self.below(options.get())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_exhausted_tape_answers_zero() {
        let mut tape = Tape::new(&[7, 1]);
        assert_eq!((tape.below(5), tape.below(2), tape.below(9), tape.left()), (2, 1, 0, 0));
    }

    #[test]
    fn a_question_with_one_option_takes_no_byte() {
        let mut tape = Tape::new(&[7]);
        assert_eq!((tape.below(1), tape.left()), (0, 1));
    }

    #[test]
    fn wide_questions_take_more_bytes_and_reach_every_option() {
        let mut tape = Tape::new(&[0x01, 0x00, 0xff, 0xff]);
        assert_eq!((tape.below(300), tape.below(65_536)), (256, 65_535));
    }
}
