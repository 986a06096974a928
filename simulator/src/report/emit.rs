//! A case as a Rust test: a file to be put into `tests/` of a crate that has `simulator` as a
//! dependency.
//!
//! The one idea: the token is all there is to a failure, so the test is a few lines around it. It
//! fails as long as the case fails; once the journal does something else, so that the case cannot be
//! replayed, every crash state of the case's script must hold.
//!
//! Invariant: the same case gives the same text. What a user must fill in stands on one line, which
//! holds [`FILL_IN`].
//!
//! What it is not: run here. A golden file among the tests is compiled, and compared with this.

use crate::case::Case;
use crate::journals;
use crate::oracle::Oracle;

use super::text::wrap;

/// Marks the line that a user must fill in.
pub const FILL_IN: &str = "FILL IN";

/// Columns of the comment.
const WIDTH: usize = 96;

/// Whether we know the journal of a case by its name, so that its test needs no filling in.
#[must_use]
pub fn is_known(case: &Case) -> bool {
    journals::rows().iter().any(|row| row.name == case.journal)
}

/// The test of a case of a journal that has a name here: it must not break `oracle`. `said` goes to
/// the comment, a paragraph each.
#[must_use]
pub fn named(case: &Case, oracle: Oracle, said: &[String]) -> String {
    let about = format!(
        "{} on {} must keep {}: {}.",
        case.journal,
        case.contract.name,
        oracle.name(),
        oracle.claim()
    );
    let name =
        words(&format!("{} on {} keeps {}", case.journal, case.contract.name, oracle.name()));
    format!(
        "{head}
use simulator::case::{{Case, CaseError}};
use simulator::explore::{{Bounds, prove}};

const CASE: &str = \"{token}\";

#[test]
pub fn {name}() {{
    let case = Case::parse(CASE).expect(\"the token is whole\");
    match case.run(None) {{
        Ok(outcome) => {{
            let broken: Vec<_> = outcome.broken().iter().map(|oracle| oracle.name()).collect();
            assert!(broken.is_empty(), \"the case breaks {{}}\", broken.join(\", \"));
        }}
        // The journal does something else since. Then it must hold in all crash states.
        Err(CaseError::Mismatch(_)) => {{}}
        Err(error) => panic!(\"{{error}}\"),
    }}
    let cell = prove(&case.journal, &case.setup(), Bounds::default()).expect(\"it has a name\");
    let why = cell.why.unwrap_or_default();
    assert!(cell.explored.first.is_none(), \"another crash state of the script breaks {{why}}\");
}}
",
        head = head(&about, said),
        token = case.token(),
    )
}

/// The test of a case of a user's journal: what type it is, only the user knows.
#[must_use]
pub fn unnamed(case: &Case) -> String {
    let about = format!("{} on {} must survive this case.", case.journal, case.contract.name);
    let fill_in = format!(
        "One line is to be filled in, the one that says {FILL_IN}: the path of the type that the \
         case calls `{}`. For a journal on a block device instead of a file, the last line is \
         `simulator::check::journal::<Log>(options).replay(CASE)`.",
        case.journal
    );
    let name = words(&format!("survives a crash on {}", case.contract.name));
    format!(
        "{head}
const CASE: &str = \"{token}\";

type Log = {journal}; // {FILL_IN}: such as `my_crate::{journal}`

#[test]
pub fn {name}() {{
    simulator::check::file_log::<Log>().replay(CASE);
}}
",
        head = head(&about, &[fill_in]),
        token = case.token(),
        journal = case.journal,
    )
}

fn head(about: &str, said: &[String]) -> String {
    let mut out = wrap("//! ", about, WIDTH);
    for paragraph in said {
        out += "//!\n";
        out += &wrap("//! ", paragraph, WIDTH);
    }
    out += "//!\n";
    out += "//! Fails as long as the flaw is there. Made by `tornwrite explain --emit-test`.\n";
    // `wrap` indents what it breaks.
    out.lines().map(|line| format!("{}\n", line.replacen("    ", "//! ", 1))).collect()
}

/// A name for a function.
fn words(text: &str) -> String {
    let plain = text.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    plain.map(str::to_ascii_lowercase).collect::<Vec<_>>().join("_")
}
