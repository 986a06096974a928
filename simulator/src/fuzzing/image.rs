//! Target `recover_image`: any bytes as an image.
//!
//! The one idea: half of the inputs are the image itself; the other half begin with a journal that
//! was formatted and used, and patch it, for a checksum is not guessed. Patches write bytes, fill,
//! or copy a stretch of the image elsewhere, which is what a stale or misdirected write leaves.
//!
//! Invariant: whatever the image, `open` and `inspect` do not panic, write nothing and read a
//! bounded number of times; opening again shows the same. Where the journal resumes, appends and
//! commits, the journals of [`ROUND_TRIPS`] show afterwards what they showed before and what was
//! appended.
//!
//! What it is not: a crash. No device leaves such images; an attacker or a bad cable does.

use journal_core::formats::Format;
use journal_core::{
    BlockDevice, DeviceError, Geometry, Lba, MemoryDevice, Resume, Survivors, Write,
};

use super::{drawn, knobs::one_of, split};
use crate::choose::Tape;
use crate::journals::{self, Row, Visitor};
use crate::workload::Payloads;

/// Journals with checksums on all they read, so that appending to any image is safe.
pub const ROUND_TRIPS: [&str; 3] = ["v9-512", "v9-4096", "v8pp"];

/// Bytes of the device.
const IMAGE_BYTES: u64 = 64 * 1024;

/// Entries handed out by one open, at most: one for each two bytes.
const ENTRIES_MAX: usize = IMAGE_BYTES as usize / 2;

/// Treats `data` as an image, or as patches of one.
///
/// # Panics
/// When something is wrong: see the file's invariant.
pub fn recover_image(data: &[u8]) {
    let (mut head, tape) = split(data);
    let mut byte = |n| one_of(&mut head, n).unwrap_or(0);
    let rows = drawn();
    let journal = rows[byte(256) % rows.len()].name;
    let (logical, physical) = [(512, 512), (512, 4096), (4096, 4096)][byte(3)];
    let geometry = Geometry {
        logical_bytes: logical,
        physical_bytes: physical,
        sectors: IMAGE_BYTES / u64::from(logical),
    };
    let image = Image {
        tape,
        geometry,
        fill: [0, 0xff, 0xa5][byte(3)],
        formatted: byte(2) == 0,
        entries: byte(16) as u32,
        bytes: [48, 200, 8, 1500][byte(4)],
        survivors: [Survivors::Carry, Survivors::Forget][byte(2)],
        lost: [byte(256), byte(256)].map(|at| at as u64),
    };
    journals::visit(journal, image);
}

struct Image<'a> {
    tape: Tape<'a>,
    geometry: Geometry,
    fill: u8,
    formatted: bool,
    entries: u32,
    bytes: u32,
    survivors: Survivors,
    /// Sectors that cannot be read, if they exist and are not 0.
    lost: [u64; 2],
}

type Shown = Vec<Vec<u8>>;

impl Visitor for Image<'_> {
    type Out = ();

    fn visit<J: Format>(mut self, row: Row, options: J::Options) {
        let mut device = Bounded::new(MemoryDevice::new(self.geometry, self.fill));
        let limits = J::limits(&options, self.geometry);
        self.bytes = self.bytes.clamp(limits.payload_min, limits.payload_max);
        if self.formatted && !self.use_it::<J>(&mut device, &options) {
            return;
        }
        self.patch(device.inner.bytes_mut());
        for lba in self.lost.into_iter().filter(|&lba| lba != 0 && lba < self.geometry.sectors) {
            device.inner.lose(Lba(lba));
        }

        device.allow();
        let mut fields = 0usize;
        // It may give up; it may not panic or go on for ever.
        let _ = J::inspect(&mut device, &options, &mut |_| fields += 1);
        assert!(fields <= 8 * IMAGE_BYTES as usize, "{fields} fields of {IMAGE_BYTES} bytes");

        let Some((mut journal, shown)) = open::<J>(&mut device, &options) else {
            assert!(open::<J>(&mut device, &options).is_none(), "{} opens, or not", row.name);
            return;
        };
        let again = open::<J>(&mut device, &options).map(|(_, shown)| shown);
        assert_eq!(again.as_ref(), Some(&shown), "{} shows the same twice", row.name);

        device.allow();
        let how = Resume { survivors: self.survivors, entropy: [0x5a; 16] };
        if journal.resume(&mut device, how).is_err() {
            return;
        }
        let mut expected = if self.survivors == Survivors::Carry { shown } else { Shown::new() };
        for key in 1000..1003 {
            let payload = Payloads::Generated.get(key, self.bytes);
            if journal.append(&mut device, payload).is_err() {
                break;
            }
            expected.push(payload.to_vec());
        }
        if journal.commit(&mut device).is_err() {
            return;
        }
        drop(journal);
        let after = open::<J>(&mut device, &options).map(|(_, shown)| shown);
        if ROUND_TRIPS.contains(&row.name) {
            assert_eq!(after.as_ref(), Some(&expected), "{} keeps what it committed", row.name);
        }
    }
}

impl Image<'_> {
    /// Formats the device and uses it, in two lives. False where the journal does not fit.
    fn use_it<J: Format>(&self, device: &mut Bounded, options: &J::Options) -> bool {
        if J::format(device, options, [7; 16]).is_err() {
            return false;
        }
        for life in 0..2u8 {
            let opened = open::<J>(device, options);
            let (mut journal, _) = opened.expect("what was formatted opens");
            device.allow();
            let how = Resume { survivors: Survivors::Carry, entropy: [life; 16] };
            journal.resume(device, how).expect("what opens on a good device resumes");
            for key in 0..self.entries {
                let payload = Payloads::Generated.get(key + 16 * u32::from(life), self.bytes);
                // An area that is full stays as it is.
                let appended = journal.append(device, payload).is_ok();
                if !appended || (key % 3 == 2 && journal.commit(device).is_err()) {
                    break;
                }
            }
        }
        true
    }

    /// The rest of the input: the image, or patches of it.
    fn patch(&mut self, image: &mut [u8]) {
        let size = image.len() as u32;
        if !self.formatted {
            let count = self.tape.left().min(image.len());
            image[..count].iter_mut().for_each(|byte| *byte = self.tape.byte());
            return;
        }
        while self.tape.left() > 0 {
            let sector = self.geometry.logical_bytes;
            let kind = self.tape.byte() % 5;
            // Journals begin at the front: half of the patches strike there.
            let near = self.tape.byte().is_multiple_of(2);
            let at = self.tape.below(if near { 8192 } else { size }) as usize;
            let len = 1 + self.tape.byte() as usize % 32;
            let end = (at + len).min(image.len());
            match kind {
                0 => image[at..end].iter_mut().for_each(|byte| *byte = self.tape.byte()),
                1 => image[at] ^= 1 << (len % 8),
                2 => image[at..end].fill(if len.is_multiple_of(2) { 0 } else { 0xff }),
                // A sector elsewhere, whole: stale, misdirected or repeated.
                3 => {
                    let from = (self.tape.below(size / sector) * sector) as usize;
                    let to = at / sector as usize * sector as usize;
                    image.copy_within(from..from + sector as usize, to);
                }
                _ => {
                    let to = at / sector as usize * sector as usize;
                    image[to..to + sector as usize].fill(self.fill);
                }
            }
        }
    }
}

/// Opens; nothing may be written, and entries fit the image.
fn open<J: Format>(device: &mut Bounded, options: &J::Options) -> Option<(J, Shown)> {
    device.allow();
    let writes = device.inner.writes;
    let mut shown = Shown::new();
    let opened = J::open(device, options, &mut |entry| {
        assert!(entry.payload.len() as u64 <= IMAGE_BYTES, "an entry larger than the device");
        assert!(shown.len() < ENTRIES_MAX, "more entries than fit the device");
        shown.push(entry.payload.to_vec());
    });
    assert_eq!(device.inner.writes, writes, "open writes nothing");
    let (journal, opened) = opened.ok()?;
    assert_eq!(opened.entries, shown.len() as u64, "what was handed out is counted");
    Some((journal, shown))
}

/// A device in memory that stops a reader who does not end.
struct Bounded {
    inner: MemoryDevice,
    reads_left: u64,
}

impl Bounded {
    fn new(inner: MemoryDevice) -> Self {
        Bounded { inner, reads_left: u64::MAX }
    }

    /// Allows as many reads as a recovery that ends could need.
    fn allow(&mut self) {
        self.reads_left = 16 * self.inner.geometry().sectors + 1024;
    }

    fn count(&mut self) {
        self.reads_left = self.reads_left.checked_sub(1).expect("a recovery reads without end");
    }
}

impl BlockDevice for Bounded {
    fn geometry(&self) -> Geometry {
        self.inner.geometry()
    }

    fn read(&mut self, at: Lba, into: &mut [u8]) -> Result<(), DeviceError> {
        self.count();
        self.inner.read(at, into)
    }

    fn lend<'a>(&'a mut self, at: Lba, scratch: &'a mut [u8]) -> Result<&'a [u8], DeviceError> {
        self.count();
        self.inner.lend(at, scratch)
    }

    fn write(&mut self, writes: &[Write<'_>]) -> Result<(), DeviceError> {
        self.inner.write(writes)
    }

    fn flush(&mut self) -> Result<(), DeviceError> {
        self.inner.flush()
    }

    fn discard(&mut self, at: Lba, sectors: u64) -> Result<(), DeviceError> {
        self.inner.discard(at, sectors)
    }
}
