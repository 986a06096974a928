//! `--baseline`: a report held against an older one.
//!
//! The one idea: the baseline is read before anything runs, so that a mistake in it costs nothing, and
//! it is rewritten only on request, by a person: a robot that moves the bar it is held to holds nothing.
//!
//! Invariant: without `--update-baseline` no baseline is written; with it, none is written where `CI` is
//! set, nor from a run that was interrupted or is a shard.

use std::path::{Path, PathBuf};

use simulator::report::baseline::{Baseline, whole};
use simulator::report::diff::{self, Diff};
use simulator::report::{Report, github};

use super::cases;
use super::exit::{Exit, Failure};
use super::screen::{Form, Screen, remark};

/// What a report is held against.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct Ratchet {
    /// Hold the report against an older one, a report or a baseline: exit with 1 if anything is worse
    #[arg(long, value_name = "FILE", conflicts_with = "shard")]
    baseline: Option<PathBuf>,
    /// Write the report, in brief, over the baseline instead; refused where CI is set
    #[arg(long, requires = "baseline")]
    update_baseline: bool,
    /// Annotations for GitHub, behind the text
    #[arg(long)]
    github: bool,
}

/// What is to be done once there is a report.
#[derive(Debug)]
pub struct Held {
    against: Option<(String, Baseline)>,
    write_to: Option<PathBuf>,
    github: bool,
}

/// Whether this runs unattended.
pub fn unattended() -> bool {
    let set = |value: std::ffi::OsString| !value.is_empty() && value != "false" && value != "0";
    std::env::var_os("CI").is_some_and(set)
}

/// Refuses to move the bar where nobody looks.
pub fn may_update(path: &Path) -> Result<(), Failure> {
    if !unattended() {
        return Ok(());
    }
    let said = format!(
        "--update-baseline: CI is set, and what runs unattended must not rewrite {}, which it is held \
         to; run the same command without CI, look at the change, and commit it",
        path.display()
    );
    Err(Failure::new(Exit::Usage, said))
}

/// Reads a baseline, or a report in brief.
pub fn read(argument: &str) -> Result<Baseline, Failure> {
    let bad = |what: String| Failure::new(Exit::BadData, format!("{argument}: {what}"));
    Baseline::parse(&cases::text(argument)?).map_err(bad)
}

/// Writes a baseline beside and renames it, so that there is always a whole one.
pub fn write(baseline: &Baseline, path: &Path) -> Result<(), Failure> {
    let failed = |error: std::io::Error| {
        Failure::new(Exit::Io, format!("cannot write {}: {error}", path.display()))
    };
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        std::fs::create_dir_all(folder).map_err(failed)?;
    }
    let mut fresh = path.as_os_str().to_owned();
    fresh.push(format!(".new-{}", std::process::id()));
    let fresh = PathBuf::from(fresh);
    std::fs::write(&fresh, baseline.text()).map_err(failed)?;
    std::fs::rename(&fresh, path).map_err(failed)
}

/// Shows a diff as text, with annotations if they are asked for.
pub fn text(diff: &Diff, old: &str, annotate: bool, screen: &Screen) -> String {
    let mut out = diff::draw(diff, old, screen.look.width);
    if annotate {
        out += &github::of_diff(diff);
    }
    out
}

impl Ratchet {
    /// Reads what there is to read, before anything runs.
    pub fn prepare(&self) -> Result<Held, Failure> {
        let (mut against, mut write_to) = (None, None);
        if let Some(path) = &self.baseline {
            if self.update_baseline {
                may_update(path)?;
                write_to = Some(path.clone());
            } else {
                let name = path.display().to_string();
                against = Some((name.clone(), read(&name)?));
            }
        }
        Ok(Held { against, write_to, github: self.github })
    }
}

impl Held {
    /// What differs, if there is a baseline.
    pub fn diff(&self, report: &Report) -> Option<Diff> {
        let (_, baseline) = self.against.as_ref()?;
        Some(Diff::of_report(baseline, report))
    }

    /// Tells what differs, and says how that ends. Behind JSON it goes to stderr.
    pub fn end(
        &self,
        report: &Report,
        diff: Option<&Diff>,
        otherwise: Exit,
        screen: &Screen,
    ) -> Result<Exit, Failure> {
        let mut said = String::new();
        if let (Some((name, _)), Some(diff)) = (&self.against, diff) {
            said += &format!("\n{}", text(diff, name, self.github, screen));
        } else if self.github {
            said += &github::of_report(report);
        }
        if let Some(path) = &self.write_to {
            let bad =
                |what: String| Failure::new(Exit::Usage, format!("--update-baseline: {what}"));
            whole(report).map_err(bad)?;
            if report.partial {
                return Err(Failure::new(
                    Exit::Interrupted,
                    format!("the run was interrupted; {} is as it was", path.display()),
                ));
            }
            write(&Baseline::of(report), path)?;
            said += &format!("baseline {}\n", path.display());
        }
        match screen.form {
            Form::Text => screen.write(&said)?,
            Form::Json => remark(said.trim_end()),
        }
        let broken = diff.is_some_and(|diff| !diff.holds());
        Ok(match otherwise {
            Exit::Clean | Exit::Violation | Exit::Inconclusive if broken => Exit::Violation,
            other => other,
        })
    }
}
