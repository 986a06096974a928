//! The shape of a log that a user has written on plain files: append, fsync, truncate.
//!
//! A record is u32 LE length + 1 (0 = never written), u32 LE CRC-32 of the payload, payload. The
//! file is an [`Area`] behind a [`PageCache`], which is all that a port of such a log needs.

use journal_core::checksum::Checksum;
use journal_core::formats::page_cache::{Area, PAGE_BYTES, PageCache};
use journal_core::{
    BlockDevice, End, Entropy, Entry, Error, Geometry, Journal, Limits, Lsn, Opened, Promises,
    Resume, Survivors,
};

#[derive(Clone)]
pub struct FileLog {
    file: PageCache,
    end: u64,
    entries: u64,
    resumed: bool,
}

fn file(geometry: Geometry) -> Result<Area, Error> {
    Area::new(geometry, 0, geometry.bytes() / PAGE_BYTES * PAGE_BYTES)
}

impl FileLog {
    fn truncate(&mut self, device: &mut dyn BlockDevice) -> Result<(), Error> {
        let area = *self.file.area();
        area.zero(device)?;
        device.flush()?;
        *self = FileLog { file: PageCache::over(area), end: 0, ..*self };
        Ok(())
    }
}

impl Journal for FileLog {
    type Options = ();

    fn promises(_: &()) -> Promises {
        Promises {
            atomic_groups: false,
            honesty: false,
            resynchronises: false,
            shows_uncommitted: true,
        }
    }

    fn limits(_: &(), geometry: Geometry) -> Limits {
        let bytes = file(geometry).map_or(0, |area| area.bytes());
        Limits { payload_min: 0, payload_max: bytes.saturating_sub(8) as u32, groups: false }
    }

    fn format(device: &mut dyn BlockDevice, _: &(), _: Entropy) -> Result<(), Error> {
        file(device.geometry())?.zero(device)?;
        Ok(device.flush()?)
    }

    fn open(
        device: &mut dyn BlockDevice,
        _: &(),
        replay: &mut dyn FnMut(Entry<'_>),
    ) -> Result<(Self, Opened), Error> {
        let area = file(device.geometry())?;
        let mut log = FileLog { file: PageCache::over(area), end: 0, entries: 0, resumed: false };
        let mut end = End::AreaEnd;
        while log.end + 8 <= area.bytes() {
            let mut header = [0; 8];
            area.read(device, log.end, &mut header)?;
            let length = u32::from_le_bytes(header[..4].try_into().unwrap());
            let sum = u32::from_le_bytes(header[4..].try_into().unwrap());
            let Some(length) = length.checked_sub(1) else {
                end = End::Clean;
                break;
            };
            if u64::from(length) > area.bytes() - log.end - 8 {
                end = End::Torn;
                break;
            }
            let mut payload = Vec::new();
            area.read_onto(device, log.end + 8, u64::from(length), &mut payload)?;
            if Checksum::Crc32.of(&[&payload]) != u64::from(sum) {
                end = End::Torn;
                break;
            }
            log.entries += 1;
            log.end += 8 + u64::from(length);
            replay(Entry { lsn: Lsn(log.entries), payload: &payload });
        }
        let opened = Opened { entries: log.entries, end, damage: None };
        Ok((log, opened))
    }

    fn resume(&mut self, device: &mut dyn BlockDevice, how: Resume) -> Result<(), Error> {
        self.resumed = true;
        match how.survivors {
            Survivors::Forget => self.truncate(device),
            Survivors::Carry => Ok(device.flush()?),
        }
    }

    fn append(&mut self, device: &mut dyn BlockDevice, payload: &[u8]) -> Result<Lsn, Error> {
        if !self.resumed {
            return Err(Error::NotResumed);
        }
        let (bytes, have) = (payload.len() as u64, self.file.area().bytes());
        if bytes > have - 8 {
            return Err(Error::PayloadSize { bytes, min: 0, max: (have - 8) as u32 });
        }
        if self.end + 8 + bytes > have {
            return Err(Error::Full { needed: 8 + bytes, free: have - self.end });
        }
        let mut record = (bytes as u32 + 1).to_le_bytes().to_vec();
        record.extend_from_slice(&(Checksum::Crc32.of(&[payload]) as u32).to_le_bytes());
        record.extend_from_slice(payload);
        self.file.write(device, self.end, &record)?;
        self.end += record.len() as u64;
        self.entries += 1;
        Ok(Lsn(self.entries))
    }

    fn commit(&mut self, device: &mut dyn BlockDevice) -> Result<Lsn, Error> {
        if !self.resumed {
            return Err(Error::NotResumed);
        }
        self.file.write_back(device)?;
        device.flush()?;
        Ok(Lsn(self.entries))
    }

    fn checkpoint(&mut self, device: &mut dyn BlockDevice, upto: Lsn) -> Result<(), Error> {
        if upto >= Lsn(self.entries) { self.truncate(device) } else { Ok(()) }
    }
}
