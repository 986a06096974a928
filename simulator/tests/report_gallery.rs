//! The gallery: a small comparison with all that is drawn from it, kept in the repository.
//!
//! The one idea: who wants to see a report need not make one, and who changes how it looks sees the
//! change beside the code.
//!
//! Rewritten with `TORNWRITE_BLESS=1`.

use std::path::Path;

use crate::cli_support::{text, tornwrite};

#[test]
fn the_gallery_is_what_the_program_writes() {
    let place = tempfile::tempdir().unwrap();
    let ran = tornwrite(&[
        "compare",
        "--journal",
        "v8c",
        "v8pp",
        "leveldb",
        "--device",
        "hdd-512n",
        "hdd-512e",
        "--entries",
        "4",
        "--bytes",
        "48",
        "--lives",
        "1",
        "--out",
        place.path().to_str().unwrap(),
    ]);
    assert_eq!(ran.exit, 0, "{}", ran.err);
    let kept = Path::new(env!("CARGO_MANIFEST_DIR")).join("../reports/gallery");
    for name in ["report.json", "report.html", "junit.xml", "summary.md"] {
        let found = text(&place.path().join("latest").join(name));
        if std::env::var_os("TORNWRITE_BLESS").is_some() {
            std::fs::create_dir_all(&kept).unwrap();
            std::fs::write(kept.join(name), &found).unwrap();
        }
        let expected = std::fs::read_to_string(kept.join(name)).unwrap_or_default();
        assert!(found == expected, "reports/gallery/{name} differs; TORNWRITE_BLESS=1 rewrites it");
    }
}
