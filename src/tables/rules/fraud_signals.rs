//! From when on something is a sign of fraud (DOMAIN E5).

use rust_decimal::Decimal;
use serde::Deserialize;

use super::RuleError;
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
    /// Visits billed higher than those of a provider's peers; over many claims, and outside every decision.
    #[serde(default)]
    pub upcoding: Option<UpcodingRules>,
}

/// When a provider's visits stand out from those of the peers (DOMAIN E5 UPCODE).
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UpcodingRules {
    pub visits: CodeList,
    /// Of them.
    pub high: CodeList,
    /// Of a provider, to be compared.
    pub visits_at_least: u64,
    /// Of a specialty, beside the provider.
    pub peers_at_least: usize,
    /// Above the mean of the peers, in times their standard deviation.
    pub spread: Decimal,
    /// Above the mean of the peers, in points of a hundred.
    pub points_at_least: Decimal,
}

impl UpcodingRules {
    pub(super) fn check(&self) -> Result<(), RuleError> {
        let key = "fraud_signals.upcoding";
        if self.visits.is_empty() || self.high.is_empty() {
            return Err(RuleError::Empty { key });
        }
        let expected = "at least 2 peers, spread and points of 0 to 100";
        let is_part = |value: Decimal| (Decimal::ZERO..=Decimal::ONE_HUNDRED).contains(&value);
        match self.peers_at_least >= 2 && is_part(self.spread) && is_part(self.points_at_least) {
            true => Ok(()),
            false => Err(RuleError::OutOfRange { key, expected }),
        }
    }
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
