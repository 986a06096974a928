//! Forgetful on consumer-nvme-no-plp + page cache must survive this case.
//!
//! One line is to be filled in, the one that says FILL IN: the path of the type that the case
//! calls `Forgetful`. For a journal on a block device instead of a file, the last line is
//! `simulator::check::journal::<Log>(options).replay(CASE)`.
//!
//! Fails as long as the flaw is there. Made by `tornwrite explain --emit-test`.

const CASE: &str = "tw1-AQlGb3JnZXRmdWwhY29uc3VtZXItbnZtZS1uby1wbHAgKyBwYWdlIGNhY2hlgASAIIAEgAQCAAAAAAAAAAQAAAAAgIBAAAABBWNhcnJ5BwAwADACADAAMAIAMAAAAAELc2VjdG9yIDEuNDgDb2xkkUh8PQ";

type Log = crate::emitted::Forgetful;

#[test]
pub fn survives_a_crash_on_consumer_nvme_no_plp_page_cache() {
    simulator::check::file_log::<Log>().replay(CASE);
}
