//! A small log on a plain file, sound and flawed, and what the simulator says about both.
//!
//! ```text
//! record   offset 0  4  length of the payload, little endian
//!                 4  4  CRC-32 of the length and the payload
//!                 8  n  payload
//! ```
//!
//! The flaw is the most frequent one of logs like this: recovery stops at a torn record, as it
//! should, and leaves it in the file. The story it leads to:
//! 1. The power goes while a record crosses into the next page: its first half is in the file.
//! 2. Recovery stops before it. The program goes on and appends behind it, syncs, acknowledges.
//! 3. The next recovery stops at the same torn record, and what was acknowledged is behind it.
//!
//! It takes two power cuts and an append between them, so a test with one cut never sees it.
//!
//! Run with `cargo run --example my_wal`.

use std::io;

use journal_core::Checksum;
use simulator::check;
use simulator::files::{FileLog, LogFile};

/// The log; `CUT` says whether recovery cuts off what it could not read.
pub struct Wal<const CUT: bool> {
    end: u64,
}

/// The sound one.
pub type Sound = Wal<true>;
/// The one that appends behind a torn tail.
pub type Flawed = Wal<false>;

fn sum(length: &[u8], payload: &[u8]) -> [u8; 4] {
    (Checksum::Crc32.of(&[length, payload]) as u32).to_le_bytes()
}

/// The record at the start of `bytes`, if it is whole.
fn record(bytes: &[u8]) -> Option<&[u8]> {
    let (length, rest) = bytes.split_first_chunk::<4>()?;
    let (expected, rest) = rest.split_first_chunk::<4>()?;
    let payload = rest.get(..u32::from_le_bytes(*length) as usize)?;
    (sum(length, payload) == *expected).then_some(payload)
}

impl<const CUT: bool> FileLog for Wal<CUT> {
    fn open(file: &mut dyn LogFile) -> io::Result<(Self, Vec<Vec<u8>>)> {
        let bytes = file.read_all()?;
        let (mut entries, mut end) = (Vec::new(), 0);
        while let Some(payload) = record(&bytes[end..]) {
            entries.push(payload.to_vec());
            end += 8 + payload.len();
        }
        if CUT {
            file.set_len(end as u64)?;
            file.sync_data()?;
        } else {
            end = bytes.len();
        }
        Ok((Wal { end: end as u64 }, entries))
    }

    fn append(&mut self, file: &mut dyn LogFile, payload: &[u8]) -> io::Result<()> {
        let length = (payload.len() as u32).to_le_bytes();
        let record = [&length[..], &sum(&length, payload), payload].concat();
        file.write_all_at(&record, self.end)?;
        self.end += record.len() as u64;
        Ok(())
    }

    fn commit(&mut self, file: &mut dyn LogFile) -> io::Result<()> {
        file.sync_data()
    }
}

fn main() {
    let sound = check::file_log::<Sound>().named("my_wal").run();
    println!("{sound}");
    let flawed = check::file_log::<Flawed>().named("my_wal, tail left").run();
    println!("{}", flawed.explain().unwrap_or_default());
    println!("{flawed}");
    let as_expected = sound.passed() && !flawed.passed();
    std::process::exit(if as_expected { 0 } else { 1 });
}
