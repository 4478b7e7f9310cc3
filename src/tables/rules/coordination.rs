//! What a rule pack says of other payers (DOMAIN E3).

use serde::Deserialize;

use super::{RuleError, check_reason, check_remarks};
use crate::ids::{AidCode, OhcCode, Qualifier, Rarc};
use crate::tables::refdata::RowReason;

/// DOMAIN E3. A pack may leave this out.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CoordinationRules {
    /// Kinds of other coverage that the plan pays before, to recover it later.
    pub pay_and_chase: Vec<OhcCode>,
    #[serde(default)]
    pub qualified_beneficiaries: Option<QualifiedBeneficiaries>,
}

/// Qualified Medicare beneficiaries: what Medicare left to them is never theirs to pay (CARC 303).
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct QualifiedBeneficiaries {
    /// Of their coverage.
    pub aid_codes: Vec<AidCode>,
    /// SBR09 of Medicare in loop 2320.
    pub payers: Vec<Qualifier>,
    /// What the plan does not pay of it.
    pub not_owed: RowReason,
    /// What is told of a deductible, a coinsurance and a copayment that Medicare left.
    #[serde(default)]
    pub deductible: Option<Rarc>,
    #[serde(default)]
    pub coinsurance: Option<Rarc>,
    #[serde(default)]
    pub copayment: Option<Rarc>,
}

impl QualifiedBeneficiaries {
    pub(super) fn check(&self) -> Result<(), RuleError> {
        let key = "coordination.qualified_beneficiaries";
        if self.aid_codes.is_empty() || self.payers.is_empty() {
            return Err(RuleError::Empty { key });
        }
        check_reason(key, self.not_owed)?;
        let remarks = [self.deductible, self.coinsurance, self.copayment];
        check_remarks(remarks.into_iter().map(|remark| (key, remark)))
    }
}

#[cfg(test)]
mod tests {
    use crate::tables::rules::RulePack;

    #[test]
    fn what_is_said_of_beneficiaries_is_checked() {
        for (from, to, message) in [
            ("aid_codes = [\"80\"]", "aid_codes = []", "coordination.qualified_beneficiaries is empty"),
            ("carc = \"303\"", "carc = \"15\"", "deactivated"),
            ("deductible = \"N781\"", "deductible = \"N9999\"", "coordination.qualified_beneficiaries is"),
        ] {
            let error = RulePack::parse(&RulePack::EMBEDDED_TEXT.replace(from, to)).unwrap_err();
            assert!(error.to_string().contains(message), "{to}: {error}");
        }
    }
}
