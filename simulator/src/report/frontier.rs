//! Frontiers for a terminal: what each journal silently assumes.
//!
//! The one idea: a maximal contract is a sentence about a device, and each step beyond it is a line:
//! what the device does then, and which claim breaks.
//!
//! Invariant: drawn from the surveys alone.
//!
//! What it is not: advice. A step that breaks what is not owed there is marked so.

use super::device::{geometry, words};
use super::text::wrap;
use crate::explore::frontier::{Beyond, Claim, Survey};

/// Draws surveys within `width` columns; tokens are one word however long.
#[must_use]
pub fn draw(surveys: &[Survey], width: usize) -> String {
    surveys.iter().map(|survey| one(survey, width)).collect()
}

fn one(survey: &Survey, width: usize) -> String {
    let base = survey.base;
    let sectors = geometry(base.logical_bytes, base.physical_bytes);
    let mut out = format!("{}   {sectors}\n", survey.journal);
    if survey.claims.is_empty() {
        let why = survey.why.as_deref().unwrap_or("");
        let text = format!("{} on the kindest device: {why}", survey.kindest.name());
        return out + &wrap("  ", &text, width) + "\n";
    }
    for claim in &survey.claims {
        out += &of_claim(claim, width);
    }
    out + "\n"
}

fn of_claim(claim: &Claim, width: usize) -> String {
    let names: Vec<&str> = claim.oracles.iter().map(|oracle| oracle.name()).collect();
    let mut out = wrap(&format!("  {}   ", claim.name), &names.join(", "), width);
    for maximal in &claim.maximal {
        out += &wrap("    holds on   ", &words(&maximal.contract).join("; "), width);
        if maximal.beyond.is_empty() {
            out += "      beyond   nothing: no knob that was tried goes further\n";
        }
        for beyond in &maximal.beyond {
            out += &step(beyond, width);
        }
    }
    if !claim.complete {
        out += "    the search ended before all contracts were decided\n";
    }
    out
}

fn step(beyond: &Beyond, width: usize) -> String {
    let names: Vec<&str> = beyond.broken.iter().map(|oracle| oracle.name()).collect();
    let what = match (names.is_empty(), beyond.owed) {
        (true, _) => "not decided within the bound".to_owned(),
        (false, true) => format!("breaks {}", names.join(", ")),
        (false, false) => format!("breaks {}, which is not owed there", names.join(", ")),
    };
    let mut out = wrap("      beyond   ", &format!("{}: {what}", beyond.step), width);
    if let Some(token) = &beyond.token {
        out += &format!("               tornwrite replay {token}\n");
    }
    out
}
