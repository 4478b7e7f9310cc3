//! One service line. Loop 2400.

use compact_str::CompactString;

use super::claim::Located;
use super::other_payer::LineAdjudication;
use super::party::Provider;
use super::professional::ProfessionalLine;
use crate::ids::{AuthorizationNumber, Modifier, Npi, ProcedureCode, RevenueCode};
use crate::money::{Money, Quantity};
use crate::position::{ByteRange, SegmentPosition};
use crate::x12::element::DateRange;

/// A service line of either form.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ServiceLine {
    /// LX01.
    pub number: u16,
    /// SV1 or SV2.
    pub at: SegmentPosition,
    /// LX to the last segment of the line.
    pub bytes: ByteRange,
    /// SV101-2 or SV202-2; institutional lines may have none.
    pub procedure: Option<ProcedureCode>,
    /// SV101-3..6, in order, absent ones at the end.
    pub modifiers: [Option<Modifier>; 4],
    /// SV101-7 / SV202-7 is present.
    pub has_description: bool,
    /// SV201 (I).
    pub revenue: Option<RevenueCode>,
    /// SV102 or SV203.
    pub charge: Money,
    /// SV207 (I).
    pub non_covered: Money,
    /// SV104 or SV205.
    pub units: Quantity,
    /// DTP*472.
    pub service: Option<Located<DateRange>>,
    /// REF*6R as received.
    pub control_number: CompactString,
    /// REF*G1, at most five (P only).
    pub authorizations: Vec<Located<AuthorizationNumber>>,
    /// REF*X4 or REF*F4.
    pub has_clia: bool,
    /// 2410 LIN03 (N4).
    pub ndc: Option<Located<CompactString>>,
    /// 2410 CTP04 and CTP05-1 are present.
    pub has_ndc_quantity: bool,
    /// 2420x.
    pub providers: Vec<Provider>,
    /// 2430.
    pub other_payers: Vec<LineAdjudication>,
    /// Professional part; default for institutional lines.
    pub professional: ProfessionalLine,
}

impl ServiceLine {
    /// The modifiers that are present.
    pub fn modifiers(&self) -> impl Iterator<Item = Modifier> + '_ {
        self.modifiers.iter().copied().flatten()
    }

    pub fn has_modifier(&self, text: &str) -> bool {
        self.modifiers().any(|modifier| modifier.as_str() == text)
    }

    /// The line's own rendering provider.
    pub fn rendering_npi(&self) -> Option<Npi> {
        self.providers
            .iter()
            .find(|provider| provider.role == super::party::ProviderRole::Rendering)
            .and_then(|provider| provider.npi)
    }
}
