//! From when on something is a sign of fraud (DOMAIN E5).

use serde::Deserialize;

use super::code_list::CodeList;
use crate::tables::code_range::CodeKey;

/// A pack may leave this out: then nothing is counted.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FraudSignalRules {
    /// So many earlier claims that one claim repeats, or so many repetitions of one line within a claim.
    #[serde(default)]
    pub repeats: Option<u16>,
    #[serde(default)]
    pub timed: Vec<TimedCodes>,
    /// Services elsewhere on days between admission and discharge.
    #[serde(default)]
    pub during_stay: bool,
}

/// Codes that are billed by time.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TimedCodes {
    pub codes: CodeList,
    /// At least, for one unit.
    pub minutes: u16,
}

impl FraudSignalRules {
    /// Minutes of the longest unit.
    pub fn longest_minutes(&self) -> i64 {
        self.timed.iter().map(|timed| i64::from(timed.minutes)).max().unwrap_or(0)
    }

    /// Minutes of one unit of a code that is billed by time.
    pub fn minutes(&self, code: CodeKey) -> Option<u16> {
        self.timed.iter().find(|timed| timed.codes.contains(code)).map(|timed| timed.minutes)
    }
}
