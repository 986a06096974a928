//! Contents with many explanations: none of them is asked for, and what may be there is counted exactly.
//!
//! The one idea: where the same bytes have many causes, on many sectors, the causes must not multiply. An
//! image whose cause was asked for would be told once for each, and nothing would add up.
//!
//! Invariant: the numbers are worked out by hand.

use std::num::NonZeroU32;

use journal_core::{BlockDevice, Lba};
use num_bigint::BigUint;
use simulator::choose::{Chooser, Label, Undisturbed, What};
use simulator::disk::contract::{Contract, DAMAGE_UNBOUNDED, TornContents};
use simulator::disk::{Disk, Fill, Live};

use crate::told::{SECTOR, base};

/// Takes the oldest or most damaged content everywhere, and must not be asked why.
struct Last;

impl Chooser for Last {
    fn choose(&mut self, what: What, options: NonZeroU32, _: &dyn Fn(u32) -> Label) -> u32 {
        assert!(!matches!(what, What::Why { .. }), "{what} was asked");
        options.get() - 1
    }
}

/// Commands over all of eight sectors, the number `letters` says how many different ones.
fn written(contract: &Contract, commands: u8, letters: u8) -> Disk {
    let mut disk = Disk::new(contract, u64::from(8 * SECTOR), Fill::Ones).unwrap();
    let mut calm = Undisturbed;
    let device = &mut Live::new(&mut disk, &mut calm);
    for command in 0..commands {
        device.write_one(Lba(0), &vec![1 + command % letters; 8 * SECTOR as usize]).unwrap();
    }
    disk.cut(u32::from(commands));
    disk
}

fn images(disk: &mut Disk) -> BigUint {
    let at = disk.window().1;
    disk.universe().images(disk, at)
}

#[test]
fn zeros_that_any_of_twenty_commands_may_have_left_on_eight_sectors_have_one_explanation() {
    let contract = Contract {
        torn: TornContents { zeros: true, ..TornContents::default() },
        damage_max: DAMAGE_UNBOUNDED,
        ..base()
    };
    let mut disk = written(&contract, 20, 20);
    // Twenty versions, what was there before, and zeros.
    assert_eq!(images(&mut disk), BigUint::from(22u32).pow(8));
    for lba in 0..8 {
        let mut sector = vec![0xAA; SECTOR as usize];
        Live::new(&mut disk, &mut Last).read(Lba(lba), &mut sector).unwrap();
        assert_eq!(sector, vec![0; SECTOR as usize]);
        assert_eq!(images(&mut disk), BigUint::from(22u32).pow(7 - lba as u32));
    }
}

#[test]
fn versions_of_a_page_that_read_the_same_are_one_explanation() {
    let contract = Contract { page_bytes: 2 * SECTOR, ..base() };
    // Forty writes of the same two contents in turns, over four pages of two sectors.
    let mut disk = written(&contract, 40, 2);
    let each = {
        let mut one = Disk::new(&contract, u64::from(2 * SECTOR), Fill::Ones).unwrap();
        let mut calm = Undisturbed;
        let device = &mut Live::new(&mut one, &mut calm);
        for command in 0..40u8 {
            device.write_one(Lba(0), &vec![1 + command % 2; 2 * SECTOR as usize]).unwrap();
        }
        one.cut(40);
        images(&mut one)
    };
    // A page is persisted as it was after one of its writes, or as before: never in part.
    assert_eq!(each, BigUint::from(3u32));
    assert_eq!(images(&mut disk), BigUint::from(81u32));
    for lba in 0..8 {
        let mut sector = vec![0xAA; SECTOR as usize];
        Live::new(&mut disk, &mut Last).read(Lba(lba), &mut sector).unwrap();
        assert_eq!(sector, vec![0xFF; SECTOR as usize]);
    }
    assert_eq!(images(&mut disk), BigUint::from(1u32));
}
