//! `--shard`: which part of the work is this process's.
//!
//! The one idea: a batch system numbers the processes of an array already; `auto` takes what it says.
//!
//! | system | number | how many | first and step |
//! |---|---|---|---|
//! | Slurm, `sbatch --array` | `SLURM_ARRAY_TASK_ID` | `SLURM_ARRAY_TASK_COUNT` | `SLURM_ARRAY_TASK_MIN`, `_STEP` |
//! | Kubernetes, Indexed Job | `JOB_COMPLETION_INDEX` | `JOB_COMPLETIONS`, which the manifest sets | 0, 1 |
//!
//! Invariant: `auto` without such a system, or with half of its variables, is an error and never the
//! whole. `auto/N` says how many, and then the system's number is K as it is: where a part of an array
//! is run again, the system counts and begins with that part.
//!
//! What it is not: told by an environment unless asked to. Without `--shard auto` none of this is read.

use std::path::{Path, PathBuf};

use simulator::report::model::Shard;

/// Reads `0/3`: the first of three; or `auto`, `auto/3`.
pub fn parse(text: &str) -> Result<Shard, String> {
    from(text, &|name| std::env::var(name).ok())
}

/// The folder of a shard's report: a batch system gives all of an array one command, and so one folder.
pub fn folder(out: &Path, shard: Option<Shard>) -> PathBuf {
    match shard {
        Some(Shard { index, of }) => out.join(format!("shard-{index}-of-{of}")),
        None => out.to_owned(),
    }
}

fn from(text: &str, variable: &dyn Fn(&str) -> Option<String>) -> Result<Shard, String> {
    let wrong = || {
        format!(
            "expected K/N with K from 0 to N-1, such as 0/4, or auto, or auto/N, found `{text}`"
        )
    };
    let shard = match text.split_once('/') {
        Some(("auto", of)) => {
            let of = of.parse().map_err(|_| wrong())?;
            let index = match number(variable, "SLURM_ARRAY_TASK_ID")? {
                Some(id) => id,
                None => index(variable)?.0,
            };
            Shard { index, of }
        }
        Some((index, of)) => Shard {
            index: index.parse().map_err(|_| wrong())?,
            of: of.parse().map_err(|_| wrong())?,
        },
        None if text == "auto" => {
            let (index, counted_by) = index(variable)?;
            let of = number(variable, counted_by)?.ok_or_else(|| {
                format!("auto: {counted_by} is not set; set it, or say how many: auto/N")
            })?;
            Shard { index, of }
        }
        None => return Err(wrong()),
    };
    match shard.index < shard.of {
        true => Ok(shard),
        false if text.starts_with("auto") => {
            Err(format!("{text}: the batch system says {shard}; expected K below N"))
        }
        false => Err(wrong()),
    }
}

/// The number that a batch system gives, and the variable that says how many there are.
fn index(variable: &dyn Fn(&str) -> Option<String>) -> Result<(u32, &'static str), String> {
    if let Some(id) = number(variable, "SLURM_ARRAY_TASK_ID")? {
        let first = number(variable, "SLURM_ARRAY_TASK_MIN")?.unwrap_or(0);
        let step = number(variable, "SLURM_ARRAY_TASK_STEP")?.unwrap_or(1).max(1);
        let behind = id.checked_sub(first).filter(|behind| behind.is_multiple_of(step));
        let behind = behind.ok_or_else(|| {
            format!("auto: SLURM_ARRAY_TASK_ID {id} is none of {first} and each {step} further on")
        })?;
        return Ok((behind / step, "SLURM_ARRAY_TASK_COUNT"));
    }
    if let Some(index) = number(variable, "JOB_COMPLETION_INDEX")? {
        return Ok((index, "JOB_COMPLETIONS"));
    }
    Err("auto: neither SLURM_ARRAY_TASK_ID nor JOB_COMPLETION_INDEX is set: expected a task of a \
         Slurm array or a pod of an Indexed Job"
        .to_owned())
}

fn number(variable: &dyn Fn(&str) -> Option<String>, name: &str) -> Result<Option<u32>, String> {
    let Some(value) = variable(name).filter(|value| !value.is_empty()) else { return Ok(None) };
    match value.parse() {
        Ok(number) => Ok(Some(number)),
        Err(_) => Err(format!("auto: {name}: expected a number, found `{value}`")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn auto(text: &str, variables: &[(&str, &str)]) -> Result<String, String> {
        let variable = |name: &str| variables.iter().find(|v| v.0 == name).map(|v| v.1.to_owned());
        from(text, &variable).map(|shard| shard.to_string())
    }

    #[test]
    fn a_batch_system_is_asked_and_half_an_answer_is_refused() {
        let slurm = [("SLURM_ARRAY_TASK_ID", "7"), ("SLURM_ARRAY_TASK_COUNT", "4")];
        let from_one = [("SLURM_ARRAY_TASK_MIN", "1"), ("SLURM_ARRAY_TASK_STEP", "2")];
        assert_eq!(auto("auto", &[&slurm[..], &from_one].concat()).as_deref(), Ok("3/4"));
        assert!(auto("auto", &slurm).unwrap_err().contains("says 7/4"));
        assert!(auto("auto", &slurm[..1]).unwrap_err().contains("SLURM_ARRAY_TASK_COUNT"));
        assert_eq!(auto("auto/8", &slurm[..1]).as_deref(), Ok("7/8"));
        // `sbatch --array=7` after a whole array of eight: a part that begins at 7.
        let alone = [slurm[0], ("SLURM_ARRAY_TASK_COUNT", "1"), ("SLURM_ARRAY_TASK_MIN", "7")];
        assert_eq!(auto("auto/8", &alone).as_deref(), Ok("7/8"));
        let even = [("SLURM_ARRAY_TASK_ID", "4"), from_one[0], from_one[1]];
        assert!(auto("auto", &even).unwrap_err().contains("4 is none of 1"));
        let pod = [("JOB_COMPLETION_INDEX", "0"), ("JOB_COMPLETIONS", "2")];
        assert_eq!(auto("auto", &pod).as_deref(), Ok("0/2"));
        assert!(auto("auto", &pod[..1]).unwrap_err().contains("JOB_COMPLETIONS"));
        assert!(auto("auto", &[]).unwrap_err().contains("neither"));
        assert!(auto("auto", &[("JOB_COMPLETION_INDEX", "x")]).unwrap_err().contains("found `x`"));
    }

    #[test]
    fn shards_are_two_numbers_and_the_first_is_lower() {
        assert_eq!(auto("2/3", &[]).as_deref(), Ok("2/3"));
        for wrong in ["3/3", "3", "a/b", "/", "-1/2", "0/0", "auto/x"] {
            assert!(auto(wrong, &[("JOB_COMPLETION_INDEX", "0")]).is_err(), "{wrong}");
        }
    }
}
