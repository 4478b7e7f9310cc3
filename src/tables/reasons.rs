use serde::{Deserialize, Serialize};
/// Claim adjustment group (CAS01). The four of 5010; `CR` is gone (DOMAIN 0.7).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum AdjustmentGroup {
    #[serde(rename = "CO")]
    ContractualObligation,
    #[serde(rename = "OA")]
    OtherAdjustment,
    #[serde(rename = "PI")]
    PayerInitiated,
    #[serde(rename = "PR")]
    PatientResponsibility,
}
impl AdjustmentGroup {
    pub fn code(self) -> &'static str {
        match self {
            AdjustmentGroup::ContractualObligation => "CO",
            AdjustmentGroup::OtherAdjustment => "OA",
            AdjustmentGroup::PayerInitiated => "PI",
            AdjustmentGroup::PatientResponsibility => "PR",
        }
    }
}
