//! Every image against the tree: the same outcomes. Timed in `benches/eager.rs`.

use journal_core::formats::Format;
use simulator::journals::{self, Family, Row, Visitor};
use simulator::run::{Run, Setup};

#[path = "../benches/support/eagerly.rs"]
mod eagerly;
use eagerly::{eagerly, lazily, pending};

struct Both<'a>(&'a Setup);

impl Visitor for Both<'_> {
    type Out = Option<(u64, u64)>;

    fn visit<J: Format>(self, row: Row, options: J::Options) -> Self::Out {
        Run::<J>::new(&options, self.0.clone()).ok()?;
        let (images, eager) = eagerly::<J>(&options, self.0);
        let (leaves, lazy) = lazily::<J>(&options, self.0);
        assert_eq!(eager, lazy, "{} on {}", row.name, self.0.contract.name);
        Some((images, leaves))
    }
}

#[test]
fn every_image_and_the_tree_have_the_same_outcomes() {
    let (mut images, mut leaves, mut cells) = (0, 0, 0);
    for row in journals::rows().into_iter().filter(|row| row.family != Family::Twin) {
        for device in ["consumer-nvme-no-plp", "enterprise-nvme-plp", "barrier-flush"] {
            for n in [1, 3, 6] {
                let setup = pending(n, 200, device);
                let found = journals::visit(row.name, Both(&setup)).flatten();
                let Some((more, fewer)) = found else { continue };
                (images, leaves, cells) = (images + more, leaves + fewer, cells + 1);
            }
        }
    }
    println!("{cells} cells, {images} images, {leaves} leaves");
    assert!(cells > 40 && leaves < images, "{images} images, {leaves} leaves");
}

#[test]
fn where_recovery_reads_block_by_block_images_double_and_leaves_grow_by_a_few() {
    let options = journal_core::rfc::RfcOptions {
        strategy: journal_core::rfc::Strategy::named("v9-512").unwrap(),
    };
    let of = |n: u32| {
        let setup = pending(n, 240, "consumer-nvme-no-plp");
        let (images, eager) = eagerly::<journal_core::rfc::RfcJournal>(&options, &setup);
        let (leaves, lazy) = lazily::<journal_core::rfc::RfcJournal>(&options, &setup);
        assert_eq!(eager, lazy, "{n} pending");
        (images, leaves)
    };
    let (few, many) = (of(3), of(7));
    assert!(many.0 > 8 * few.0, "{} and {} images", few.0, many.0);
    assert!(many.1 < 8 * few.1, "{} and {} leaves", few.1, many.1);
}
