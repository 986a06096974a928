//! The environment of a run: when, where and how long, beside the results and never among them.
//!
//! The one idea: results are the same bytes for the same questions, and whoever reads them years later
//! still wants to know which machine needed how long. So that is a file of its own, and names the
//! results by their digest.
//!
//! Invariant: nothing reads it back, and nothing that is drawn from a report shows it. What the machine
//! does not tell is missing, and stops nothing.
//!
//! What it is not: private. The command as it was typed is in it; names of users and of the machine are
//! not asked for.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::layout;
use super::model::Tool;

/// Version of the form. It grows when a reader of the old one would be misled.
pub const ENVIRONMENT_VERSION: u32 = 1;

/// Where and when a report was made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Environment {
    /// Version of this form.
    pub environment_version: u32,
    /// The SHA-256 of `report.json` beside this file, in hexadecimal digits.
    pub report_sha256: String,
    /// The program.
    pub tool: Tool,
    /// The command as it was typed, without the program's own name.
    pub arguments: Vec<String>,
    /// When it began: RFC 3339, in UTC.
    pub begun: String,
    /// When the report was written: RFC 3339, in UTC.
    pub ended: String,
    /// Milliseconds in between.
    pub elapsed_ms: u64,
    /// Milliseconds over all sittings, where a campaign was interrupted and resumed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub elapsed_ms_all: Option<u64>,
    /// Threads that searched.
    pub threads: u32,
    /// Whether CI was set.
    pub ci: bool,
    /// The machine.
    pub machine: Machine,
}

/// A machine, as far as it tells.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Machine {
    /// The operating system.
    pub system: String,
    /// The kind of processor.
    pub architecture: String,
    /// Threads that the system runs at a time for this process.
    pub cores: u32,
    /// The processor by name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub processor: Option<String>,
    /// The version of the kernel.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kernel: Option<String>,
    /// Bytes of memory.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory_bytes: Option<u64>,
    /// Whether the program was built with checks for developers, which cost time.
    pub debug_assertions: bool,
}

impl Machine {
    /// This one.
    #[must_use]
    pub fn this() -> Machine {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        Machine {
            system: std::env::consts::OS.to_owned(),
            architecture: std::env::consts::ARCH.to_owned(),
            cores: u32::try_from(cores).unwrap_or(u32::MAX),
            processor: field("/proc/cpuinfo", "model name"),
            kernel: read("/proc/sys/kernel/osrelease"),
            memory_bytes: field("/proc/meminfo", "MemTotal")
                .and_then(|text| text.strip_suffix(" kB")?.trim().parse::<u64>().ok())
                .and_then(|kibibytes| kibibytes.checked_mul(1024)),
            debug_assertions: cfg!(debug_assertions),
        }
    }
}

/// A short text that the system keeps in a file; none where there is no such file.
fn read(path: &str) -> Option<String> {
    let text = std::fs::read_to_string(path).ok()?;
    let text = text.trim();
    (!text.is_empty()).then(|| text.to_owned())
}

/// The first value of a name in lines of `name : value`.
fn field(path: &str, name: &str) -> Option<String> {
    let text = read(path)?;
    let value = text.lines().find_map(|line| {
        let (found, value) = line.split_once(':')?;
        (found.trim() == name).then(|| value.trim().to_owned())
    })?;
    (!value.is_empty()).then_some(value)
}

/// When a run began, until it is over.
#[derive(Clone, Debug)]
pub struct Running {
    begun: SystemTime,
    arguments: Vec<String>,
    threads: u32,
    ci: bool,
    /// See [`Environment::elapsed_ms_all`].
    pub elapsed_ms_all: Option<u64>,
}

impl Running {
    /// A run that begins now, on so many threads; `ci`: unattended.
    #[must_use]
    pub fn begin(arguments: Vec<String>, threads: usize, ci: bool) -> Running {
        let threads = u32::try_from(threads).unwrap_or(u32::MAX);
        Running { begun: SystemTime::now(), arguments, threads, ci, elapsed_ms_all: None }
    }

    /// The environment of a run that ends now with these results.
    #[must_use]
    pub fn end(&self, tool: &Tool, report: &str) -> Environment {
        let ended = SystemTime::now();
        // A clock that was set back meanwhile has measured nothing.
        let elapsed = ended.duration_since(self.begun).unwrap_or(Duration::ZERO);
        let digest = Sha256::digest(report.as_bytes());
        Environment {
            environment_version: ENVIRONMENT_VERSION,
            report_sha256: digest.iter().map(|byte| format!("{byte:02x}")).collect(),
            tool: tool.clone(),
            arguments: self.arguments.clone(),
            begun: utc(self.begun),
            ended: utc(ended),
            elapsed_ms: u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX),
            elapsed_ms_all: self.elapsed_ms_all,
            threads: self.threads,
            ci: self.ci,
            machine: Machine::this(),
        }
    }
}

impl Environment {
    /// Its text.
    ///
    /// # Panics
    /// Never: it is plain data.
    #[must_use]
    pub fn text(&self) -> String {
        layout::text(self).expect("an environment is plain data")
    }
}

/// A time as RFC 3339 has it, to the second, in UTC; times before 1970 are its beginning.
fn utc(time: SystemTime) -> String {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO).as_secs();
    let (days, second) = (since / 86_400, since % 86_400);
    let (year, month, day) = civil(days);
    let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
}

/// The date of a day, counted from 1970: Howard Hinnant, "chrono-compatible low-level date
/// algorithms", `civil_from_days`, for days that are not negative.
const fn civil(days: u64) -> (u64, u64, u64) {
    let shifted = days + 719_468;
    let (era, of_era) = (shifted / 146_097, shifted % 146_097);
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    // Years begin in March here, so that a leap day is the last.
    let from_march = (5 * of_year + 2) / 153;
    let day = of_year - (153 * from_march + 2) / 5 + 1;
    let month = if from_march < 10 { from_march + 3 } else { from_march - 9 };
    let year = year_of_era + era * 400 + (month <= 2) as u64;
    (year, month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_dates() {
        assert_eq!(civil(0), (1970, 1, 1));
        assert_eq!(civil(11_016), (2000, 2, 29));
        assert_eq!(civil(11_017), (2000, 3, 1));
        assert_eq!(civil(20_089), (2025, 1, 1));
        let at = |seconds| utc(UNIX_EPOCH + Duration::from_secs(seconds));
        assert_eq!(at(951_868_799), "2000-02-29T23:59:59Z");
        assert_eq!(at(0), "1970-01-01T00:00:00Z");
    }

    #[test]
    fn an_environment_names_the_results_that_it_belongs_to() {
        let tool = Tool { name: "tornwrite".to_owned(), version: "1".to_owned() };
        let running = Running::begin(vec!["compare".to_owned()], 2, true);
        let environment = running.end(&tool, "abc");
        let known = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(environment.report_sha256, known);
        let read: Environment = serde_json::from_str(&environment.text()).unwrap();
        assert_eq!(read, environment);
    }
}
