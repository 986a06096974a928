//! The report as one HTML page that needs nothing else.
//!
//! Method. A [`View`](view::View) says what is on the page, in words and whole numbers; the template
//! says how. Style and script are in the page, and its policy names them by their digests and forbids
//! all else, so the page reaches no network whatever a name in the report holds. The script filters;
//! without it everything is there.
//!
//! Invariant: made from the report alone, so the same report gives the same bytes; everything that
//! comes from the report is escaped.
//!
//! What it is not: the report. That is the JSON beside it.

pub mod campaign;
pub mod cards;
pub mod frontier;
mod grid;
pub mod hex;
pub mod plot;
pub mod tables;
pub mod view;
pub mod words;

use minijinja::syntax::SyntaxConfig;
use minijinja::value::{Serde, Value};
use minijinja::{Environment, UndefinedBehavior, context};
use sha2::{Digest, Sha256};

use super::diff::Diff;
use super::model::Report;
use crate::case::token::base64url;

const STYLE: &str = include_str!("style.css");
const SCRIPT: &str = include_str!("script.js");

/// The templates, by the names by which they include each other.
const TEMPLATES: [(&str, &str); 9] = [
    ("frontier.html", include_str!("frontier.html")),
    ("campaign.html", include_str!("campaign.html")),
    ("dump.html", include_str!("dump.html")),
    ("plot.html", include_str!("plot.html")),
    ("page.html", include_str!("page.html")),
    ("matrix.html", include_str!("matrix.html")),
    ("cards.html", include_str!("cards.html")),
    ("cost.html", include_str!("cost.html")),
    ("more.html", include_str!("more.html")),
];

/// A digest as a content security policy has it: base64, of which the alphabet for addresses is
/// allowed, with padding.
fn digest(text: &str) -> String {
    format!("'sha256-{}='", base64url::encode(&Sha256::digest(text.as_bytes())))
}

/// The page. `diff` is that of this report against an older one.
///
/// # Panics
/// If the templates are wrong, which a test excludes.
#[must_use]
pub fn page(report: &Report, diff: Option<&Diff>) -> String {
    let mut env = Environment::new();
    let mut syntax = SyntaxConfig::builder();
    syntax.trim_blocks(true).lstrip_blocks(true);
    env.set_syntax(syntax.build().expect("the usual delimiters"));
    // A name that is misspelt in a template is an error, not a hole in the page.
    env.set_undefined_behavior(UndefinedBehavior::Strict);
    for (name, text) in TEMPLATES {
        env.add_template(name, text).unwrap_or_else(|error| panic!("{error:#}"));
    }
    let view = view::view(report, diff);
    let policy = format!(
        "default-src 'none'; style-src {}; script-src {}; base-uri 'none'; form-action 'none'",
        digest(STYLE),
        digest(SCRIPT)
    );
    let page = env.get_template("page.html").expect("added above");
    let drawn = page.render(context! {
        view => Value::from(Serde(&view)),
        style => Value::from_safe_string(STYLE.to_owned()),
        script => Value::from_safe_string(SCRIPT.to_owned()),
        policy => Value::from_safe_string(policy),
    });
    drawn.unwrap_or_else(|error| panic!("{error:#}"))
}
