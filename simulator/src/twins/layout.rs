//! Where things are on the device of a twin.
//!
//! The one idea: two header slots, each in a unit of its own, and two areas of equal size. A unit
//! is a physical sector, the most that one torn write may damage.
//!
//! Invariant: no two slots share a unit with each other or with a record.
//!
//! What it is not: aware of what the places hold.

use journal_core::{BlockDevice, DeviceError, Error, Geometry, Lba};

use super::bytes::HEAD_BYTES;
use super::{Flaw, TwinOptions};

/// The places.
#[derive(Clone, Copy, Debug)]
pub struct Layout {
    /// Bytes of a logical sector.
    pub sector: u64,
    /// Bytes of a unit.
    pub unit: u64,
    /// Where records begin: at multiples of this.
    pub align: u64,
    /// Bytes of an area.
    pub area_bytes: u64,
    slot_step: u64,
}

/// Logical sectors must hold a header slot.
const SECTOR_BYTES_MIN: u32 = 64;

impl Layout {
    /// The places on a device.
    pub fn new(options: TwinOptions, geometry: Geometry) -> Result<Layout, Error> {
        let sector = u64::from(geometry.logical_bytes);
        let unit = u64::from(geometry.physical_bytes);
        if geometry.logical_bytes < SECTOR_BYTES_MIN {
            let what = "bytes of a logical sector";
            return Err(Error::Unfit { what, want: SECTOR_BYTES_MIN.into(), got: sector });
        }
        let units = geometry.bytes() / unit;
        if units < 4 {
            return Err(Error::Unfit { what: "physical sectors", want: 4, got: units });
        }
        let area_bytes = ((units - 2) / 2 * unit).min(u64::from(u32::MAX) / unit * unit);
        let align = match options.flaw {
            // FLAW tail-rewrite: records follow each other without a gap.
            Some(Flaw::TailRewrite) => 1,
            // FLAW pads-to-logical: the neighbours in a physical sector are records.
            Some(Flaw::PadsToLogical) => sector,
            _ => unit,
        };
        // FLAW slots-in-one-unit: the slots are neighbours.
        let slot_step = if options.has(Flaw::SlotsInOneUnit) { 1 } else { unit / sector };
        Ok(Layout { sector, unit, align, area_bytes, slot_step })
    }

    /// The sector of a header slot.
    pub fn slot(&self, slot: u32) -> Lba {
        Lba(u64::from(slot) * self.slot_step)
    }

    /// The sector that holds byte `at` of an area.
    pub fn lba(&self, area: u32, at: u64) -> Lba {
        Lba((2 * self.unit + u64::from(area) * self.area_bytes + at) / self.sector)
    }

    /// Byte `at` of an area, from the start of the device.
    pub fn at_bytes(&self, area: u32, at: u64) -> u64 {
        2 * self.unit + u64::from(area) * self.area_bytes + at
    }

    /// Where the next record may begin, from `at` on.
    pub fn aligned(&self, at: u64) -> u64 {
        at.next_multiple_of(self.align)
    }

    /// Whether the head of a record fits at `at`.
    pub fn has_room(&self, at: u64) -> bool {
        at + HEAD_BYTES as u64 <= self.area_bytes
    }

    /// Reads `len` bytes of an area from `at` on, and what follows in their last sector. The
    /// bytes lie inside of the area.
    pub fn read(
        &self,
        device: &mut dyn BlockDevice,
        area: u32,
        at: u64,
        len: u64,
    ) -> Result<Vec<u8>, DeviceError> {
        let skip = at % self.sector;
        let bytes = (skip + len).next_multiple_of(self.sector);
        let mut sectors = vec![0; bytes as usize];
        device.read(self.lba(area, at), &mut sectors)?;
        sectors.drain(..skip as usize);
        Ok(sectors)
    }
}
