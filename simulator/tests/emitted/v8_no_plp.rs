//! v8 on consumer-nvme-no-plp must keep integrity: each recovered entry is byte for byte what
//! was appended there; nothing is invented.
//!
//! In the case: an entry is recovered that nobody appended.
//!
//! Required: write 4 (op 2, LBA 1) must persist with its LBA 0 or not at all, or recovery must
//! see that it did not.
//!
//! Fails as long as the flaw is there. Made by `tornwrite explain --emit-test`.

use simulator::case::{Case, CaseError};
use simulator::explore::{Bounds, prove};

const CASE: &str = "tw1-AQJ2OBRjb25zdW1lci1udm1lLW5vLXBscIAEgCCABIAEAgAAAAAAAAAEAAAAAIAgAAABBWNhcnJ5AwBrAMgBAMgBAAAAAgNjdXQBMQpzZWN0b3IgMS4xAncx95HmWA";

#[test]
pub fn v8_on_consumer_nvme_no_plp_keeps_integrity() {
    let case = Case::parse(CASE).expect("the token is whole");
    match case.run(None) {
        Ok(outcome) => {
            let broken: Vec<_> = outcome.broken().iter().map(|oracle| oracle.name()).collect();
            assert!(broken.is_empty(), "the case breaks {}", broken.join(", "));
        }
        // The journal does something else since. Then it must hold in all crash states.
        Err(CaseError::Mismatch(_)) => {}
        Err(error) => panic!("{error}"),
    }
    let cell = prove(&case.journal, &case.setup(), Bounds::default()).expect("it has a name");
    let why = cell.why.unwrap_or_default();
    assert!(cell.explored.first.is_none(), "another crash state of the script breaks {why}");
}
