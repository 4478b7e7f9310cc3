//! Coordination of benefits: loops 2320, 2330 and 2430.

use chrono::NaiveDate;
use compact_str::CompactString;

use crate::ids::{Carc, Qualifier};
use crate::money::{Money, Quantity};
use crate::position::SegmentPosition;
use crate::tables::reasons::AdjustmentGroup;

/// One reason and amount of a CAS of another payer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InboundAdjustment {
    pub at: SegmentPosition,
    /// `None` when CAS01 is no group of 5010.
    pub group: Option<AdjustmentGroup>,
    pub reason: Option<Carc>,
    pub amount: Money,
}

/// Loop 2320 with its 2330B.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OtherPayer {
    /// SBR of 2320.
    pub at: SegmentPosition,
    /// SBR01.
    pub payer_responsibility: Option<Qualifier>,
    /// SBR09.
    pub filing_indicator: Option<Qualifier>,
    pub adjustments: Vec<InboundAdjustment>,
    /// AMT*D.
    pub paid: Option<Money>,
    /// AMT*A8.
    pub non_covered: Option<Money>,
    /// AMT*EAF.
    pub remaining_patient_liability: Option<Money>,
    /// NM109 of 2330B.
    pub payer_id: CompactString,
    /// DTP*573 of 2330B.
    pub adjudicated_on: Option<NaiveDate>,
}

/// Loop 2430.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LineAdjudication {
    /// SVD.
    pub at: SegmentPosition,
    /// SVD01.
    pub payer_id: CompactString,
    /// SVD02.
    pub paid: Money,
    /// SVD05.
    pub units: Option<Quantity>,
    pub adjustments: Vec<InboundAdjustment>,
    /// DTP*573.
    pub adjudicated_on: Option<NaiveDate>,
}
