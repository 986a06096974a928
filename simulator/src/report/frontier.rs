//! Frontiers for a terminal: what each journal silently assumes.
//!
//! The one idea: a maximal contract is a sentence about a device, and each step beyond it is a line:
//! what the device does then, and which claim breaks. Steps that break it beyond all maximal contracts
//! are what no device may do, and are said once. The tokens that show it stand at the end, by number,
//! since one of them is longer than all that is said about it.
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
    let mut tokens = Vec::new();
    let mut out: String = surveys.iter().map(|survey| one(survey, width, &mut tokens)).collect();
    for (number, token) in (1..).zip(tokens) {
        out += &format!("[{number}] tornwrite replay {token}\n");
    }
    out
}

fn one<'s>(survey: &'s Survey, width: usize, tokens: &mut Vec<&'s str>) -> String {
    let base = survey.base;
    let sectors = geometry(base.logical_bytes, base.physical_bytes);
    let mut out = format!("{}   {sectors}\n", survey.journal);
    if survey.claims.is_empty() {
        let why = survey.why.as_deref().unwrap_or("");
        let text = format!("{} on the kindest device: {why}", survey.kindest.name());
        return out + &wrap("  ", &text, width) + "\n";
    }
    for claim in &survey.claims {
        out += &of_claim(claim, width, tokens);
    }
    out + "\n"
}

fn of_claim<'s>(claim: &'s Claim, width: usize, tokens: &mut Vec<&'s str>) -> String {
    let names: Vec<&str> = claim.oracles.iter().map(|oracle| oracle.name()).collect();
    let mut out = wrap(&format!("  {}   ", claim.name), &names.join(", "), width);
    let mut line = |label: &str, beyond: &'s Beyond| {
        let number = beyond.token.as_deref().map(|token| {
            tokens.push(token);
            tokens.len()
        });
        wrap(label, &step(beyond, number), width)
    };
    let never = if claim.maximal.len() > 1 { claim.never() } else { Vec::new() };
    for beyond in &never {
        out += &line("    never with   ", beyond);
    }
    for maximal in &claim.maximal {
        out += &wrap("    holds on   ", &words(&maximal.contract).join("; "), width);
        if maximal.beyond.is_empty() {
            out += "      beyond   nothing: no knob that was tried goes further\n";
        }
        for beyond in &maximal.beyond {
            if !never.iter().any(|said| said.step == beyond.step) {
                out += &line("      beyond   ", beyond);
            }
        }
    }
    if !claim.complete {
        out += "    the search ended before all contracts were decided\n";
    }
    out
}

/// What comes of a step beyond.
#[must_use]
pub fn comes_of(beyond: &Beyond) -> String {
    let names: Vec<&str> = beyond.broken.iter().map(|oracle| oracle.name()).collect();
    match (names.is_empty(), beyond.owed) {
        (true, _) => "not decided within the bound".to_owned(),
        (false, true) => format!("breaks {}", names.join(", ")),
        (false, false) => format!("breaks {}, which is not owed there", names.join(", ")),
    }
}

/// A step beyond, and the number of its token.
fn step(beyond: &Beyond, token: Option<usize>) -> String {
    let what = comes_of(beyond);
    let number = token.map_or(String::new(), |number| format!(" [{number}]"));
    format!("{}: {what}{number}", beyond.step)
}
