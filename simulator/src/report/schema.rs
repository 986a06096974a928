//! The JSON Schemas of the files that this program writes.
//!
//! The one idea: a schema follows from the types that are written and read, so it cannot fall behind;
//! the copies in `reports/schema` are for those who do not have the program.
//!
//! Invariant: what this program reads fits them. Within a version fields are only added, and those that
//! were added may be missing: an older file fits a newer schema.
//!
//! What it is not: all that is true of a file. That a device is listed is not in it.

use schemars::{Schema, schema_for};

use super::baseline::{BASELINE_VERSION, Baseline};
use super::environment::{ENVIRONMENT_VERSION, Environment};
use super::model::{Report, SCHEMA_VERSION};
use super::seen::{SELFTEST_VERSION, Selftest};
use crate::case::{CASE_VERSION, Case};

/// What there is a schema of.
pub const NAMES: [&str; 5] = ["report", "case", "baseline", "environment", "selftest"];

/// A schema whose field for the version takes one number.
fn of(schema: Schema, title: &str, field: &str, version: u32) -> String {
    let mut value = schema.to_value();
    value["title"] = format!("{title}, version {version}").into();
    value["properties"][field]["const"] = version.into();
    let mut text = serde_json::to_string_pretty(&value).expect("a schema is JSON");
    text.push('\n');
    text
}

/// The text of a schema; `None` if there is none of that name.
#[must_use]
pub fn text(name: &str) -> Option<String> {
    Some(match name {
        "report" => of(schema_for!(Report), "tornwrite report", "schema_version", SCHEMA_VERSION),
        "case" => of(schema_for!(Case), "tornwrite case", "version", CASE_VERSION),
        "baseline" => {
            of(schema_for!(Baseline), "tornwrite baseline", "baseline_version", BASELINE_VERSION)
        }
        "environment" => of(
            schema_for!(Environment),
            "tornwrite environment",
            "environment_version",
            ENVIRONMENT_VERSION,
        ),
        "selftest" => {
            of(schema_for!(Selftest), "tornwrite selftest", "selftest_version", SELFTEST_VERSION)
        }
        _ => return None,
    })
}
