//! The product's disk as the medium of a program.
//!
//! The one idea: what a program asks for is asked of [`Live`] in the same words.
//!
//! Invariant: nothing is answered here that the product did not answer; what it need not tell apart is
//! made one where it happens to be known.
//!
//! What it is not: a chooser, or a walk of its answers. See `compare`.

use std::ops::Range;

use journal_core::{BlockDevice, Claim, DeviceError, Durability, Lba, Piece, Write};
use simulator::disk::contract::Contract;
use simulator::disk::{Disk, Fill, Live};

use crate::program::{Medium, passes};
use crate::traces::{Ask, Call, Cmd};

/// Whether the product does not tell parts apart that do not pass: where it asks in classes, and sectors
/// are coupled.
pub fn merges(contract: &Contract) -> bool {
    let bytes = u64::from(contract.logical_bytes);
    let disk = Disk::new(contract, bytes, Fill::Zeros).expect("a valid contract");
    !disk.leaves_cuts_open()
}

/// The product's disk at work.
pub struct Lazy<'a> {
    live: Live<'a>,
    merges: bool,
}

impl<'a> Lazy<'a> {
    /// For who asks for no part that may not pass.
    pub fn new(live: Live<'a>) -> Lazy<'a> {
        Lazy { live, merges: false }
    }

    /// Under a contract of which it is known whether it [`merges`].
    pub fn under(contract: &Contract, live: Live<'a>) -> Lazy<'a> {
        Lazy { live, merges: merges(contract) }
    }

    /// Carries out one call of a trace.
    pub fn call(&mut self, call: &Call) {
        match call {
            Call::Write(commands) => self.write(commands),
            Call::Flush => self.flush(),
            Call::Discard { lba, sectors } => self.discard(*lba, *sectors),
        }
    }
}

/// The sector that an error names.
fn lost(error: DeviceError) -> usize {
    match error {
        DeviceError::Unreadable(lba) => lba.0 as usize,
        other => panic!("{other}"),
    }
}

impl Medium for Lazy<'_> {
    fn read(&mut self, lba: usize, sectors: usize, lend: bool) -> Result<Vec<u8>, usize> {
        let mut buffer = vec![0; sectors * self.live.geometry().logical_bytes as usize];
        let at = Lba(lba as u64);
        let answer = if lend {
            self.live.lend(at, &mut buffer).map(<[u8]>::to_vec)
        } else {
            self.live.read(at, &mut buffer).map(|()| buffer)
        };
        answer.map_err(lost)
    }

    fn peek(&mut self, lba: usize, part: Range<usize>) -> Result<Vec<u8>, usize> {
        let mut scratch = vec![0; self.live.geometry().logical_bytes as usize];
        let peeked = self.live.peek(Lba(lba as u64), part.clone(), &mut scratch);
        peeked.map(|bytes| bytes[..part.len()].to_vec()).map_err(lost)
    }

    fn peek_if(
        &mut self,
        lba: usize,
        part: Range<usize>,
        test: u64,
    ) -> Result<Option<Vec<u8>>, usize> {
        let mut scratch = vec![0; self.live.geometry().logical_bytes as usize];
        let (at, len) = (Lba(lba as u64), part.len());
        let peeked = self.live.peek_if(at, part, &mut scratch, &|bytes| passes(bytes, test));
        let peeked = peeked.map_err(lost)?.map(|bytes| bytes[..len].to_vec());
        // What is known already is handed out whether it passes or not.
        Ok(peeked.filter(|bytes| !self.merges || passes(bytes, test)))
    }

    fn verify(&mut self, ask: &Ask) -> Result<bool, usize> {
        let bytes = self.live.geometry().logical_bytes as u64;
        let at = |byte: usize| ask.lba as u64 * bytes + byte as u64;
        let device = |from: usize, to: usize| Piece::Device {
            at_bytes: at(from),
            bytes: (to - from) as u64,
        };
        let given = Piece::Given(Ask::GIVEN);
        let (first, second) = ask.hole.unwrap_or((ask.to, ask.to));
        let mut pieces = vec![given];
        pieces.extend((first > ask.from).then(|| device(ask.from, first)));
        pieces.push(given);
        pieces.extend((ask.to > second).then(|| device(second, ask.to)));
        self.live.verify(&pieces, ask.sum, ask.expected).map_err(lost)
    }

    fn find(&mut self, lba: usize, each: usize, count: usize, test: u64) -> Option<usize> {
        let mut scratch = vec![0; each * self.live.geometry().logical_bytes as usize];
        let test = |_: u64, bytes: &[u8]| passes(bytes, test);
        let found = self.live.find(Lba(lba as u64), count as u64, &mut scratch, &test);
        found.expect("the power is on").map(|number| number as usize)
    }

    fn is_whole(&mut self, head: Range<usize>, claims: &dyn Fn(&[u8]) -> Option<Claim>) -> bool {
        self.live.is_whole(head.start as u64, head.len(), claims).expect("the power is on")
    }

    fn passes(&mut self, bytes: Range<usize>, test: u64) -> bool {
        let test = |bytes: &[u8]| passes(bytes, test);
        self.live.passes(bytes.start as u64, bytes.len(), &test).expect("the power is on")
    }

    fn any(&mut self, lba: usize, count: usize, test: u64) -> bool {
        let mut scratch = vec![0; self.live.geometry().logical_bytes as usize];
        let test = |_: u64, bytes: &[u8]| passes(bytes, test);
        self.live.any(Lba(lba as u64), count as u64, &mut scratch, &test).expect("the power is on")
    }

    fn rewrite(&mut self, sectors: Range<usize>, at: usize, data: &[u8]) -> Result<(), ()> {
        let first = Lba(sectors.start as u64);
        let mut bytes = vec![0; sectors.len() * self.live.geometry().logical_bytes as usize];
        let new = at..at + data.len();
        match self.live.read_to_rewrite(first, &mut bytes, new.clone()) {
            Ok(_) => {}
            Err(DeviceError::Unreadable(lba)) if lba == first => return Err(()),
            Err(other) => panic!("{other}"),
        }
        bytes[new].copy_from_slice(data);
        self.live.write(&[Write::cached(first, &bytes)]).expect("the power is on");
        Ok(())
    }

    fn write(&mut self, commands: &[Cmd]) {
        let data: Vec<Vec<u8>> = commands.iter().map(|c| c.data.concat()).collect();
        let durability = |fua| if fua { Durability::Fua } else { Durability::Cached };
        let writes: Vec<Write<'_>> = commands
            .iter()
            .zip(&data)
            .map(|(c, data)| Write { at: Lba(c.lba as u64), data, durability: durability(c.fua) })
            .collect();
        self.live.write(&writes).expect("the power is on");
    }

    fn flush(&mut self) {
        self.live.flush().expect("the power is on");
    }

    fn discard(&mut self, lba: usize, sectors: usize) {
        self.live.discard(Lba(lba as u64), sectors as u64).expect("the power is on");
    }
}
