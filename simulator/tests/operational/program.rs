//! The reader program: what runs in the lives after the first cut, the same over both media.
//!
//! Method: step after step, an action is drawn from the program's seed, the step, and (for adaptive
//! programs) a hash of everything read so far: read a sector or several, write a few commands,
//! flush, discard. Everything that reads return goes into the transcript. A life is over after
//! its steps, or at once when the call that the power cut falls into has been issued.
//!
//! Invariant: the program learns nothing but what its reads return, so two runs with the same
//! transcript are the same run.

use std::ops::Range;

use journal_core::Claim;

use crate::traces::{Ask, Cmd, Program, command, mix, show};

/// What a program runs on: the product's disk, or an image of the enumerator.
pub trait Medium {
    /// Reads sectors; `Err` names the first that is lost.
    fn read(&mut self, lba: usize, sectors: usize, lend: bool) -> Result<Vec<u8>, usize>;
    /// Reads some bytes of a sector; `Err` names it, if it is lost.
    fn peek(&mut self, lba: usize, part: Range<usize>) -> Result<Vec<u8>, usize>;
    /// The same where they pass test `test`; `None` where they do not.
    fn peek_if(
        &mut self,
        lba: usize,
        part: Range<usize>,
        test: u64,
    ) -> Result<Option<Vec<u8>>, usize>;
    /// Whether a checksum holds; `Err` names the first sector of the span, if one of it is lost.
    fn verify(&mut self, ask: &Ask) -> Result<bool, usize>;
    /// The first of `count` units of `each` sectors that passes test `test`; none that is lost does.
    fn find(&mut self, lba: usize, each: usize, count: usize, test: u64) -> Option<usize>;
    /// Whether the head at so many bytes claims what some bytes sum to, and they do; nothing lost does.
    fn is_whole(&mut self, head: Range<usize>, claims: &dyn Fn(&[u8]) -> Option<Claim>) -> bool;
    /// Whether some bytes pass a test; nothing lost does.
    fn passes(&mut self, bytes: Range<usize>, test: u64) -> bool;
    /// Whether any of `count` sectors passes it.
    fn any(&mut self, lba: usize, count: usize, test: u64) -> bool;
    /// Reads sectors and writes them back as one command, with `data` from byte `at` of them on; `Err` if one
    /// of them is lost.
    fn rewrite(&mut self, sectors: Range<usize>, at: usize, data: &[u8]) -> Result<(), ()>;
    fn write(&mut self, commands: &[Cmd]);
    fn flush(&mut self);
    fn discard(&mut self, lba: usize, sectors: usize);
}

/// Everything read, with errors: `R`, address, length and bytes; `E` and address of a lost sector;
/// `P`, address, first byte, length and bytes of a part; `N`, address and first byte of one that does not
/// pass; `V`, address and the answer to a checksum;
/// `F`, address and the number found, or 255; `W`, address and whether it is whole; `A`, address and
/// whether any was; `C` for a power cut.
pub type Transcript = Vec<u8>;

/// Runs one life. Answers how many calls it completed; with a cut, that is the call in flight.
pub fn run(
    program: &Program,
    life: usize,
    sectors: usize,
    bytes: usize,
    medium: &mut dyn Medium,
    transcript: &mut Transcript,
) -> usize {
    let plan = program.lives[life];
    let last = life + 1 == program.lives.len();
    if plan.full_read {
        let mut order: Vec<usize> = (0..sectors).collect();
        order.sort_by_key(|&lba| mix(&[program.seed, life as u64, lba as u64]));
        order.into_iter().for_each(|lba| read(medium, lba, 1, false, bytes, transcript));
        return 0;
    }
    let mut calls = 0;
    for step in 0..plan.steps {
        let mut hash = mix(&[program.seed, life as u64, u64::from(step)]);
        if program.adaptive {
            hash = transcript.iter().fold(hash, |h, &byte| mix(&[h, u64::from(byte)]));
        }
        let mut draws = 0;
        let mut draw = || {
            draws += 1;
            mix(&[hash, draws])
        };
        match draw() % 16 {
            n if !program.asks.is_empty() && (last || n < 8) && draw() % 3 > 0 => {
                ask(program, &mut draw, (sectors, bytes), medium, transcript);
                continue;
            }
            _ if last => {
                let lba = (draw() % sectors as u64) as usize;
                read(medium, lba, 1, draw() % 2 == 0, bytes, transcript);
                continue;
            }
            0..=5 => {
                let lba = (draw() % sectors as u64) as usize;
                read(medium, lba, 1, draw() % 2 == 0, bytes, transcript);
                continue;
            }
            6 | 7 => {
                let lba = (draw() % sectors as u64) as usize;
                let n = (1 + draw() % 4).min((sectors - lba) as u64) as usize;
                read(medium, lba, n, draw() % 2 == 0, bytes, transcript);
                continue;
            }
            // Who does not ask must learn from what he is told all that was read.
            8 | 9 if !program.asks.is_empty() => {
                let lba = (draw() % sectors as u64) as usize;
                let n = (1 + draw() % 4).min((sectors - lba) as u64) as usize;
                let at = (draw() % (n * bytes) as u64) as usize;
                let len = 1 + (draw() % (n * bytes - at) as u64) as usize;
                let data: Vec<u8> = (0..len).map(|_| b'a' + (draw() % 26) as u8).collect();
                if medium.rewrite(lba..lba + n, at, &data).is_err() {
                    transcript.extend([b'E', lba as u8]);
                    continue;
                }
            }
            8..=12 => {
                let n = 1 + draw() % 2;
                let mut commands = Vec::new();
                for _ in 0..n {
                    let fua = draw() % 4 == 0;
                    commands.push(command(&mut draw, sectors, bytes, fua));
                }
                medium.write(&commands);
            }
            13 | 14 => medium.flush(),
            _ => medium.discard((draw() % sectors as u64) as usize, 1),
        }
        if !last && calls == plan.cut as usize {
            return calls;
        }
        calls += 1;
    }
    calls
}

/// A test of bytes that depends on all of them, and that many contents pass.
pub fn passes(bytes: &[u8], test: u64) -> bool {
    bytes.iter().fold(test, |hash, &byte| mix(&[hash, u64::from(byte)])) % 3 == 0
}

fn ask(
    program: &Program,
    draw: &mut dyn FnMut() -> u64,
    (sectors, bytes): (usize, usize),
    medium: &mut dyn Medium,
    transcript: &mut Transcript,
) {
    if draw().is_multiple_of(3) {
        let lba = (draw() % sectors as u64) as usize;
        let from = (draw() % bytes as u64) as usize;
        let to = from + 1 + (draw() % (bytes - from) as u64) as usize;
        let part = match draw().is_multiple_of(2) {
            true => medium.peek(lba, from..to).map(Some),
            false => medium.peek_if(lba, from..to, draw()),
        };
        match part {
            Ok(Some(part)) => {
                transcript.extend([b'P', lba as u8, from as u8, part.len() as u8]);
                transcript.extend(part);
            }
            Ok(None) => transcript.extend([b'N', lba as u8, from as u8]),
            Err(lost) => transcript.extend([b'E', lost as u8]),
        }
        return;
    }
    if draw().is_multiple_of(4) {
        let lba = (draw() % sectors as u64) as usize;
        if draw().is_multiple_of(2) {
            let count = 1 + (draw() % (sectors - lba) as u64) as usize;
            let any = medium.any(lba, count, draw());
            transcript.extend([b'A', lba as u8, u8::from(any)]);
            return;
        }
        let each = (1 + draw() % 2).min((sectors - lba) as u64) as usize;
        let count = 1 + (draw() % ((sectors - lba) / each) as u64) as usize;
        let found = medium.find(lba, each, count, draw());
        transcript.extend([b'F', lba as u8, found.map_or(255, |number| number as u8)]);
        return;
    }
    let at = (draw() % program.asks.len() as u64) as usize;
    let ask = &program.asks[at];
    if draw().is_multiple_of(3) {
        // Some contents claim this, some what another one asks for, and some nothing.
        let (other, test) = (&program.asks[(at + 1) % program.asks.len()], draw());
        let claims = |head: &[u8]| {
            let mut claiming = [ask, other].into_iter().zip([test, test + 1]);
            claiming.find(|&(_, test)| passes(head, test)).map(|(ask, _)| ask.claim(bytes))
        };
        let from = ask.lba * bytes + (draw() % bytes as u64) as usize;
        let to = sectors * bytes;
        let to = to.min(from + 1 + (draw() % (2 * bytes as u64)) as usize);
        if test.is_multiple_of(3) {
            let passes = medium.passes(from..to, test);
            transcript.extend([b'H', ask.lba as u8, u8::from(passes)]);
            return;
        }
        let whole = medium.is_whole(from..to, &claims);
        transcript.extend([b'W', ask.lba as u8, u8::from(whole)]);
        return;
    }
    match medium.verify(ask) {
        Ok(holds) => transcript.extend([b'V', ask.lba as u8, u8::from(holds)]),
        Err(lost) => transcript.extend([b'E', lost as u8]),
    }
}

fn read(
    medium: &mut dyn Medium,
    lba: usize,
    sectors: usize,
    lend: bool,
    bytes: usize,
    transcript: &mut Transcript,
) {
    match medium.read(lba, sectors, lend) {
        Ok(data) => {
            assert_eq!(data.len(), sectors * bytes);
            for (i, sector) in data.chunks(bytes).enumerate() {
                transcript.extend([b'R', (lba + i) as u8, bytes as u8]);
                transcript.extend(sector);
            }
        }
        Err(lost) => {
            // The sectors before it may be read one by one, and were decided by this read.
            (lba..lost).for_each(|before| read(medium, before, 1, lend, bytes, transcript));
            transcript.extend([b'E', lost as u8]);
        }
    }
}

/// A transcript for people.
pub fn tell(transcript: &[u8]) -> String {
    let mut told = Vec::new();
    let mut rest = transcript;
    while let Some((&tag, more)) = rest.split_first() {
        match tag {
            b'R' => {
                let (lba, end) = (more[0], 2 + more[1] as usize);
                told.push(format!("{lba}={}", show(&more[2..end])));
                rest = &more[end..];
            }
            b'P' => {
                let (lba, from, end) = (more[0], more[1], 3 + more[2] as usize);
                told.push(format!("{lba} from {from}={}", show(&more[3..end])));
                rest = &more[end..];
            }
            b'N' => {
                told.push(format!("{} from {} fails", more[0], more[1]));
                rest = &more[2..];
            }
            b'V' => {
                told.push(format!("sum {}={}", more[0], more[1]));
                rest = &more[2..];
            }
            b'F' => {
                told.push(format!("first {}={}", more[0], more[1]));
                rest = &more[2..];
            }
            b'W' => {
                told.push(format!("whole {}={}", more[0], more[1]));
                rest = &more[2..];
            }
            b'H' => {
                told.push(format!("head {}={}", more[0], more[1]));
                rest = &more[2..];
            }
            b'A' => {
                told.push(format!("any {}={}", more[0], more[1]));
                rest = &more[2..];
            }
            b'E' => {
                told.push(format!("{}=unreadable", more[0]));
                rest = &more[1..];
            }
            _ => {
                told.push("| cut |".to_owned());
                rest = more;
            }
        }
    }
    told.join(" ")
}
