//! The corpus of flawed and sound cases: complete, in order, and every one of them comes as it must.
//!
//! Goal: no change of the harness goes through that stops seeing one of the flaws, and no flaw is
//! added without the experiment that shows it.
//!
//! The files are written from `selftest::experiments` and `selftest::failures`; with the environment
//! variable `TORNWRITE_BLESS` set, this test writes them again. What it is not: a test of journals.

use std::collections::BTreeMap;
use std::path::PathBuf;

use simulator::case::Case;
use simulator::explore::{Bounds, Verdict, prove};
use simulator::oracle::Oracle;
use simulator::run::Setup;
use simulator::selftest::experiments::Comes;
use simulator::selftest::{self, CASES, Expect, Expectation, failures};
use simulator::twins::{Flaw, rows};

/// Enough for every case to be complete.
const LEAVES_MAX: u64 = 200_000;

fn crate_dir() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn corpus_dir() -> PathBuf {
    crate_dir().join("../corpus/cases")
}

fn expectation(about: String, journal: &str, setup: &Setup, expect: Expect) -> Expectation {
    Expectation { about, leaves_max: LEAVES_MAX, expect, case: Case::new(journal, setup) }
}

fn expect(comes: Comes) -> Expect {
    match comes {
        Comes::Trips(oracle, also) => Expect::Trips { oracle, also: also.to_vec() },
        Comes::Says(verdict) => Expect::Says(verdict),
    }
}

/// The flaw whose first counterexample is kept as an exact replay, for each oracle.
const REPLAYS: [(Oracle, Flaw); 9] = [
    (Oracle::Durability, Flaw::NeverSyncs),
    (Oracle::Order, Flaw::ReplayPastHole),
    (Oracle::Integrity, Flaw::TrailingMagic),
    (Oracle::Atomicity, Flaw::ShowsUncommitted),
    (Oracle::NoResurrection, Flaw::StaleTailAfterHole),
    (Oracle::Idempotence, Flaw::ReplayInPlace),
    (Oracle::Availability, Flaw::HeaderInPlace),
    (Oracle::Afterlife, Flaw::PoisonedByTear),
    (Oracle::Honesty, Flaw::UnreadableIsEnd),
];

/// The first crash state in which the flaw trips exactly what the replay is about.
fn replay(oracle: Oracle, flaw: Flaw) -> Expectation {
    let setup = flaw.experiment().setup;
    let bounds = Bounds { leaves_max: LEAVES_MAX, first_only: true, ..Bounds::default() };
    let cell = prove(flaw.name(), &setup, bounds).unwrap();
    let case = cell.counterexample.expect("the flaw is seen");
    let broken = case.run(None).unwrap().broken();
    assert!(broken.contains(oracle), "{} does not begin with {}", flaw.name(), oracle.name());
    let also = broken.iter().filter(|&other| other != oracle).collect();
    let about = format!("{}, one crash state: {}", flaw.about().does, oracle.claim());
    Expectation { about, leaves_max: 1, expect: Expect::Trips { oracle, also }, case }
}

/// What the corpus shall be: name and content.
fn corpus() -> BTreeMap<String, Expectation> {
    let mut all = BTreeMap::new();
    for &flaw in Flaw::ALL {
        let (about, experiment) = (flaw.about(), flaw.experiment());
        let name = about.name;
        let says = format!("{}. Seen: {}.", about.does, about.seen);
        let flawed = expectation(says, name, &experiment.setup, expect(experiment.comes));
        all.insert(format!("flawed/{name}"), flawed);
        let says = format!("The twin of {name}, which {}.", about.does);
        let sound = expectation(says, about.base.name(), &experiment.setup, Expect::Silent);
        all.insert(format!("sound/{name}"), sound);
    }
    for failure in failures::catalogue() {
        let name = format!("rfc-{}", failure.name);
        let comes = failure.experiment;
        let says = format!("{}: {}", failure.name.to_uppercase(), failure.does);
        let flawed = expectation(says, failure.journal, &comes.setup, expect(comes.comes));
        all.insert(format!("flawed/{name}"), flawed);
        let says = format!("{}, closed by {}.", failure.name.to_uppercase(), failure.twin);
        let sound = expectation(says, failure.twin, &failure.twin_setup, Expect::Silent);
        all.insert(format!("sound/{name}"), sound);
    }
    for (oracle, flaw) in REPLAYS {
        let flawed = replay(oracle, flaw);
        let name = format!("replay-{}", oracle.name());
        let case = Case { journal: flaw.base().name().to_owned(), ..flawed.case.clone() };
        if case.run(None).is_ok() {
            let about = format!("The twin of {name} in the same crash state.");
            let sound = Expectation { about, leaves_max: 1, expect: Expect::Silent, case };
            all.insert(format!("sound/{name}"), sound);
        }
        all.insert(format!("flawed/{name}"), flawed);
    }
    all
}

/// The list that compiles the corpus in.
fn embedded(names: &[&String]) -> String {
    let mut text = String::from(
        "//! `corpus/cases`, compiled in: name and text of every file.\n//!\n\
         //! The one idea: the program tests itself wherever it runs, without its repository.\n//!\n\
         //! Invariant: a test compares this list with the directory.\n//!\n\
         //! What it is not: written by hand. `TORNWRITE_BLESS=1 cargo test --test proofs selftest` does.\n\n\
         macro_rules! case {\n    ($name:literal) => {\n        ($name, include_str!(concat!(\
         \"../../../corpus/cases/\", $name, \".json\")))\n    };\n}\n\n\
         /// The cases, in order of name.\npub const CASES: &[(&str, &str)] = &[\n",
    );
    for name in names {
        text.push_str(&format!("    case!(\"{name}\"),\n"));
    }
    text.push_str("];\n");
    text
}

#[test]
fn the_corpus_is_what_the_experiments_say() {
    let corpus = corpus();
    let list = embedded(&corpus.keys().collect::<Vec<_>>());
    let list_file = crate_dir().join("src/selftest/embedded.rs");
    if std::env::var_os("TORNWRITE_BLESS").is_some() {
        for folder in ["flawed", "sound"] {
            let folder = corpus_dir().join(folder);
            let _ = std::fs::remove_dir_all(&folder);
            std::fs::create_dir_all(&folder).unwrap();
        }
        for (name, expectation) in &corpus {
            let file = corpus_dir().join(format!("{name}.json"));
            std::fs::write(file, expectation.json()).unwrap();
        }
        std::fs::write(&list_file, &list).unwrap();
    }
    for (name, expectation) in &corpus {
        let file = corpus_dir().join(format!("{name}.json"));
        let text = std::fs::read_to_string(&file).unwrap_or_default();
        assert_eq!(text, expectation.json(), "{name}: bless the corpus");
    }
    assert_eq!(std::fs::read_to_string(&list_file).unwrap(), list, "bless the list");
}

#[test]
fn no_file_of_the_corpus_is_left_out() {
    let mut files = Vec::new();
    for folder in ["flawed", "sound"] {
        for entry in std::fs::read_dir(corpus_dir().join(folder)).unwrap() {
            let name = entry.unwrap().file_name().into_string().unwrap();
            let name = name.strip_suffix(".json").expect("only cases lie here").to_owned();
            files.push(format!("{folder}/{name}"));
        }
    }
    files.sort();
    let listed: Vec<&str> = CASES.iter().map(|case| case.0).collect();
    assert_eq!(listed, files);
}

#[test]
fn every_flaw_has_a_flawed_case_and_its_sound_twin_the_same_one() {
    let parsed: BTreeMap<&str, Expectation> =
        CASES.iter().map(|&(name, text)| (name, Expectation::parse(text).unwrap())).collect();
    for &flaw in Flaw::ALL {
        let name = flaw.name();
        let flawed = &parsed[format!("flawed/{name}").as_str()];
        let sound = &parsed[format!("sound/{name}").as_str()];
        assert_eq!(flawed.case.journal, name);
        assert_ne!(flawed.expect, Expect::Silent);
        assert_eq!(sound.case.journal, flaw.base().name());
        assert_eq!(sound.expect, Expect::Silent);
        assert_eq!(sound.case.setup(), flawed.case.setup(), "{name}: another experiment");
    }
    for n in 1..=8 {
        assert!(parsed.contains_key(format!("flawed/rfc-f{n}").as_str()));
        assert!(parsed.contains_key(format!("sound/rfc-f{n}").as_str()));
    }
}

#[test]
fn every_oracle_is_named_by_a_flaw_and_by_an_exact_replay() {
    let mut by_search = Vec::new();
    let mut by_replay = Vec::new();
    for (_, text) in CASES {
        let expectation = Expectation::parse(text).unwrap();
        if let Expect::Trips { oracle, .. } = expectation.expect {
            if expectation.is_replay() { &mut by_replay } else { &mut by_search }.push(oracle);
        }
    }
    for oracle in Oracle::ALL {
        assert!(by_search.contains(&oracle), "{}", oracle.name());
        assert!(by_replay.contains(&oracle), "{}", oracle.name());
    }
}

#[test]
fn every_flaw_is_caught_by_the_oracle_it_names_and_every_sound_twin_is_silent() {
    let report = selftest::run("");
    let wrong: Vec<String> = report
        .failures()
        .map(|checked| format!("{}: {}", checked.name, checked.wrong.as_deref().unwrap_or("")))
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(report.passed());
    assert_eq!(report.checked.len(), CASES.len());
}

#[test]
fn the_result_is_the_same_on_any_number_of_threads() {
    let on = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| {
            selftest::run("rfc-f4")
                .checked
                .into_iter()
                .chain(selftest::run("twin-n").checked)
                .collect::<Vec<_>>()
        })
    };
    let one = on(1);
    assert!(one.len() > 4);
    assert_eq!(one, on(3));
}

#[test]
fn an_unseen_flaw_and_a_noisy_twin_both_fail() {
    let (_, text) = CASES.iter().find(|case| case.0 == "flawed/twin-never-syncs").unwrap();
    let unseen = text.replace("\"twin-never-syncs\"", "\"twin-sound\"");
    let said = selftest::check("unseen", &unseen).wrong.unwrap();
    assert_eq!(said, "expected durability, honesty, found silence");
    let (_, text) = CASES.iter().find(|case| case.0 == "sound/twin-never-syncs").unwrap();
    let noisy = text.replace("\"twin-sound\"", "\"twin-never-syncs\"");
    let said = selftest::check("noisy", &noisy).wrong.unwrap();
    assert_eq!(said, "expected silence, found durability, honesty");
}

#[test]
fn unknown_fields_and_unknown_journals_are_refused_in_words() {
    let (_, text) = CASES[0];
    let unknown = text.replacen('{', "{ \"surprise\": 1,", 1);
    assert!(selftest::check("x", &unknown).wrong.unwrap().contains("surprise"));
    let (_, text) = CASES.iter().find(|case| case.0 == "flawed/twin-never-syncs").unwrap();
    let nobody = text.replace("\"twin-never-syncs\"", "\"nobody\"");
    assert!(selftest::check("x", &nobody).wrong.unwrap().contains("nobody"));
    let version = text.replace("\"version\": 1", "\"version\": 99");
    assert!(selftest::check("x", &version).wrong.unwrap().contains("99"));
}

#[test]
fn the_matrix_has_each_flaw_caught_on_its_own_device() {
    let fields = selftest::matrix();
    for &flaw in Flaw::ALL {
        let own = fields.iter().find(|f| f.flaw == flaw && f.own).unwrap();
        assert_ne!(own.verdict, Verdict::Proven, "{}", flaw.name());
    }
}

#[test]
fn names_of_twins_are_unique() {
    let mut names: Vec<&str> = rows().map(|row| row.0).collect();
    let count = names.len();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), count);
}
