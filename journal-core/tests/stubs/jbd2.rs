//! The shape of jbd2: whole blocks, a descriptor, data blocks, a commit block written with FUA.
//!
//! | block | holds (all u32 BE: magic, type, sequence, then) |
//! |---|---|
//! | 0 | superblock: type 4; the sequence of the first transaction |
//! | 1.. | descriptor: type 1, count, then the length of each data block's payload |
//! | | the data blocks |
//! | | commit: type 2, CRC-32C of descriptor and data |

use journal_core::checksum::crc32c_append;
use journal_core::{
    BlockDevice, End, Entropy, Entry, Error, Geometry, Journal, Lba, Limits, Lsn, Opened, Promises,
    Resume, Survivors, Write,
};

const MAGIC: u32 = 0xc03b_3998;
const HEADER: usize = 16;

#[derive(Clone, Debug)]
pub struct Options {
    pub block_bytes: u32,
}

#[derive(Clone)]
pub struct Jbd2 {
    block: usize,
    /// Transaction to write next, where, and the entries so far.
    sequence: u32,
    at: u64,
    blocks: u64,
    entries: u64,
    pending: Vec<Vec<u8>>,
    resumed: bool,
}

fn block_of(words: &[u32], block: usize) -> Vec<u8> {
    let mut bytes: Vec<u8> = words.iter().flat_map(|word| word.to_be_bytes()).collect();
    bytes.resize(block, 0);
    bytes
}

fn word(bytes: &[u8], index: usize) -> u32 {
    u32::from_be_bytes(bytes[4 * index..4 * index + 4].try_into().unwrap())
}

impl Jbd2 {
    fn lba(device: &dyn BlockDevice, block: usize, number: u64) -> Lba {
        Lba(number * (block as u64 / u64::from(device.geometry().logical_bytes)))
    }

    fn read(&self, device: &mut dyn BlockDevice, number: u64) -> Result<Vec<u8>, Error> {
        let mut bytes = vec![0; self.block];
        let at = Self::lba(device, self.block, number);
        device.read(at, &mut bytes)?;
        Ok(bytes)
    }

    fn superblock(device: &mut dyn BlockDevice, block: usize, sequence: u32) -> Result<(), Error> {
        device.flush()?;
        let at = Self::lba(device, block, 0);
        device.write(&[Write::fua(at, &block_of(&[MAGIC, 4, sequence], block))])?;
        Ok(())
    }

    /// One transaction, if there is a whole one at `self.at`.
    fn transaction(&self, device: &mut dyn BlockDevice) -> Result<Option<Vec<Vec<u8>>>, Error> {
        if self.at >= self.blocks {
            return Ok(None);
        }
        let descriptor = self.read(device, self.at)?;
        let count = word(&descriptor, 3) as u64;
        let is = |bytes: &[u8], kind| {
            word(bytes, 0) == MAGIC && word(bytes, 1) == kind && word(bytes, 2) == self.sequence
        };
        let fits = count <= (self.block - HEADER) as u64 / 4;
        if !is(&descriptor, 1) || !fits || self.at + count + 2 > self.blocks {
            return Ok(None);
        }
        let mut sum = crc32c_append(0, &descriptor);
        let mut payloads = Vec::new();
        for i in 0..count {
            let data = self.read(device, self.at + 1 + i)?;
            sum = crc32c_append(sum, &data);
            let length = word(&descriptor, 4 + i as usize) as usize;
            payloads.push(data.get(..length).unwrap_or_default().to_vec());
        }
        let commit = self.read(device, self.at + 1 + count)?;
        Ok((is(&commit, 2) && word(&commit, 3) == sum).then_some(payloads))
    }
}

impl Journal for Jbd2 {
    type Options = Options;

    fn promises(_: &Options) -> Promises {
        Promises {
            atomic_groups: true,
            honesty: false,
            resynchronises: false,
            shows_uncommitted: false,
        }
    }

    fn limits(options: &Options, _: Geometry) -> Limits {
        Limits { payload_min: 0, payload_max: options.block_bytes, groups: true }
    }

    fn format(device: &mut dyn BlockDevice, options: &Options, _: Entropy) -> Result<(), Error> {
        let block = options.block_bytes as usize;
        let at = Self::lba(device, block, 1);
        device.write_one(at, &vec![0; block])?;
        Self::superblock(device, block, 1)
    }

    fn open(
        device: &mut dyn BlockDevice,
        options: &Options,
        replay: &mut dyn FnMut(Entry<'_>),
    ) -> Result<(Self, Opened), Error> {
        let mut journal = Jbd2 {
            block: options.block_bytes as usize,
            sequence: 0,
            at: 1,
            blocks: device.geometry().bytes() / u64::from(options.block_bytes),
            entries: 0,
            pending: Vec::new(),
            resumed: false,
        };
        let superblock = journal.read(device, 0)?;
        if word(&superblock, 0) != MAGIC || word(&superblock, 1) != 4 {
            return Err(Error::NotAJournal { what: "a jbd2 superblock", at_bytes: 0 });
        }
        journal.sequence = word(&superblock, 2);
        while let Some(payloads) = journal.transaction(device)? {
            for payload in &payloads {
                journal.entries += 1;
                replay(Entry { lsn: Lsn(journal.entries), payload });
            }
            journal.at += payloads.len() as u64 + 2;
            journal.sequence += 1;
        }
        let opened = Opened { entries: journal.entries, end: End::Clean, damage: None };
        Ok((journal, opened))
    }

    fn resume(&mut self, device: &mut dyn BlockDevice, how: Resume) -> Result<(), Error> {
        self.resumed = true;
        if how.survivors == Survivors::Forget {
            self.checkpoint(device, Lsn(self.entries))?;
        }
        Ok(())
    }

    fn append(&mut self, _: &mut dyn BlockDevice, payload: &[u8]) -> Result<Lsn, Error> {
        if !self.resumed {
            return Err(Error::NotResumed);
        }
        if payload.len() > self.block {
            let (bytes, max) = (payload.len() as u64, self.block as u32);
            return Err(Error::PayloadSize { bytes, min: 0, max });
        }
        let needed = self.pending.len() as u64 + 3;
        if self.at + needed > self.blocks || self.pending.len() >= (self.block - HEADER) / 4 {
            let free = self.blocks - self.at;
            return Err(Error::Full { needed, free });
        }
        self.pending.push(payload.to_vec());
        Ok(Lsn(self.entries + self.pending.len() as u64))
    }

    fn commit(&mut self, device: &mut dyn BlockDevice) -> Result<Lsn, Error> {
        if !self.resumed {
            return Err(Error::NotResumed);
        }
        let count = self.pending.len();
        if count > 0 {
            let mut words = vec![MAGIC, 1, self.sequence, count as u32];
            words.extend(self.pending.iter().map(|payload| payload.len() as u32));
            let mut blocks = vec![block_of(&words, self.block)];
            for payload in self.pending.drain(..) {
                let mut data = payload;
                data.resize(self.block, 0);
                blocks.push(data);
            }
            let sum = blocks.iter().fold(0, |sum, block| crc32c_append(sum, block));
            let writes: Vec<Write<'_>> = (self.at..)
                .zip(&blocks)
                .map(|(at, data)| Write::cached(Self::lba(device, self.block, at), data))
                .collect();
            device.write(&writes)?;
            // The commit block must not be there before what it commits.
            device.flush()?;
            let commit = block_of(&[MAGIC, 2, self.sequence, sum], self.block);
            let at = Self::lba(device, self.block, self.at + count as u64 + 1);
            device.write(&[Write::fua(at, &commit)])?;
            self.at += count as u64 + 2;
            self.sequence += 1;
            self.entries += count as u64;
        }
        Ok(Lsn(self.entries))
    }

    fn checkpoint(&mut self, device: &mut dyn BlockDevice, upto: Lsn) -> Result<(), Error> {
        if upto < Lsn(self.entries) || !self.pending.is_empty() {
            return Ok(());
        }
        Self::superblock(device, self.block, self.sequence)?;
        self.at = 1;
        Ok(())
    }
}
