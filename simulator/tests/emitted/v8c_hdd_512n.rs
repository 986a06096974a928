//! v8c on hdd-512n must keep durability: every acknowledged entry is recovered.
//!
//! In the case: entry 0, acknowledged, is gone.
//!
//! Required: LBA 0 must not be rewritten (by op 2 (append)) while it holds acknowledged entries
//! (entry 0).
//!
//! Fails as long as the flaw is there. Made by `tornwrite explain --emit-test`.

use simulator::case::{Case, CaseError};
use simulator::explore::{Bounds, prove};

const CASE: &str = "tw1-AQN2OGMIaGRkLTUxMm6ABIAEgASABAIAAQEAAAEABAABAACAIAAAAQVjYXJyeQMACAIACAAAAAIDY3V0ATEKc2VjdG9yIDEuMA13MyB0b3JuIHplcm9zADNWfw";

#[test]
pub fn v8c_on_hdd_512n_keeps_durability() {
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
