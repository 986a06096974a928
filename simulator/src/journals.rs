//! The journals that can be named: one list over the RFC family, the formats and the flawed ones.
//!
//! The one idea: a journal is a type and its options, so whoever wants to do something with "the
//! journal named x" writes a [`Visitor`] and meets it as a type.
//!
//! Invariant: names are unique over all families. A point of the grid goes by its name on the ladder
//! or by its spelling, and is the same journal.
//!
//! What it is not: the definition of any journal.

use std::sync::OnceLock;

use journal_core::formats::{self, Format, FormatVisitor};
use journal_core::rfc::{LADDER, RfcJournal, RfcOptions, SpellingError, Strategy};
use serde::{Deserialize, Serialize};

use crate::twins::{self, TwinLog};

/// Where a journal comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "program", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Family {
    /// The qcow2 RFC journal and its amendments.
    Rfc,
    /// A journal that people run.
    Format,
    /// Flawed on purpose, or the sound twin of such a one: the harness must tell them apart.
    Twin,
}

/// A row of the list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Row {
    /// The name.
    pub name: &'static str,
    /// Its family.
    pub family: Family,
    /// A line about it.
    pub about: &'static str,
}

/// Something to be done with a journal.
pub trait Visitor {
    /// What comes of it.
    type Out;
    /// Does it.
    fn visit<J: Format>(self, row: Row, options: J::Options) -> Self::Out;
}

/// Does something with the journal named `name`; `None` if there is none.
pub fn visit<V: Visitor>(name: &str, visitor: V) -> Option<V::Out> {
    if let Some(&(name, strategy, about)) = LADDER.iter().find(|row| row.0 == name) {
        let row = Row { name, family: Family::Rfc, about };
        return Some(visitor.visit::<RfcJournal>(row, RfcOptions { strategy }));
    }
    if let Some((name, options, about)) = twins::rows().find(|row| row.0 == name) {
        let row = Row { name, family: Family::Twin, about };
        return Some(visitor.visit::<TwinLog>(row, options));
    }
    if let Some((row, strategy)) = spelled(name) {
        return Some(visitor.visit::<RfcJournal>(row, RfcOptions { strategy }));
    }
    let mut bridge = Bridge { visitor: Some(visitor), out: None };
    formats::named(name, &mut bridge);
    bridge.out
}

/// The points of the grid by spelling, sorted. Names live as long as the program, as those of the
/// ladder do, so the list is made once and not for each name.
fn grid() -> &'static [(String, Strategy)] {
    static GRID: OnceLock<Vec<(String, Strategy)>> = OnceLock::new();
    GRID.get_or_init(|| {
        let mut grid: Vec<_> = Strategy::all().map(|point| (point.to_string(), point)).collect();
        grid.sort_by(|one, other| one.0.cmp(&other.0));
        grid
    })
}

/// How many points the grid has.
#[must_use]
pub fn points() -> usize {
    grid().len()
}

/// A point of the grid by its place in the sorted list of spellings.
///
/// # Panics
/// When there are not so many.
#[must_use]
pub fn point(place: usize) -> (&'static str, Strategy) {
    let (spelling, strategy) = &grid()[place];
    (spelling, *strategy)
}

/// The point of the grid that a text spells.
fn spelled(text: &str) -> Option<(Row, Strategy)> {
    let strategy = text.contains('/').then(|| Strategy::parse(text).ok()).flatten()?;
    if let Some(&(name, _, about)) = LADDER.iter().find(|rung| rung.1 == strategy) {
        return Some((Row { name, family: Family::Rfc, about }, strategy));
    }
    let spelling = strategy.to_string();
    let at = grid().binary_search_by(|point| point.0.cmp(&spelling)).ok()?;
    let about = "a point of the grid: framing/integrity/tail/reuse/commit";
    Some((Row { name: &grid()[at].0, family: Family::Rfc, about }, strategy))
}

/// Whether there is a journal of this name, and what it is called in reports.
///
/// # Errors
/// What is wrong with a text that looks like the spelling of a strategy; otherwise nothing.
pub fn name_of(text: &str) -> Result<&'static str, Option<SpellingError>> {
    if let Some(row) = rows().into_iter().find(|row| row.name == text) {
        return Ok(row.name);
    }
    match spelled(text) {
        Some((row, _)) => Ok(row.name),
        None if text.contains('/') => Err(Strategy::parse(text).err()),
        None => Err(None),
    }
}

/// Hands a format over to a visitor that returns something.
struct Bridge<V: Visitor> {
    visitor: Option<V>,
    out: Option<V::Out>,
}

impl<V: Visitor> FormatVisitor for Bridge<V> {
    fn visit<J: Format>(&mut self, name: &'static str, about: &'static str, options: J::Options) {
        if let Some(visitor) = self.visitor.take() {
            let row = Row { name, family: Family::Format, about };
            self.out = Some(visitor.visit::<J>(row, options));
        }
    }
}

/// Collects rows.
struct Rows(Vec<Row>);

impl FormatVisitor for Rows {
    fn visit<J: Format>(&mut self, name: &'static str, about: &'static str, _: J::Options) {
        self.0.push(Row { name, family: Family::Format, about });
    }
}

/// All journals, family by family.
#[must_use]
pub fn rows() -> Vec<Row> {
    let ladder = LADDER.iter().map(|&(name, _, about)| Row { name, family: Family::Rfc, about });
    let mut rows = Rows(ladder.collect());
    formats::each(&mut rows);
    let twin = |(name, _, about)| Row { name, family: Family::Twin, about };
    rows.0.extend(twins::rows().map(twin));
    rows.0
}
