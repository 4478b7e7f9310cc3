//! What a claim says now and then: read from its text when a rule asks, so that a claim that says nothing
//! of it costs nothing. Repeats come in the order received; what can't be read is absent, as in the
//! typed fields.

use super::claim::Claim;
use super::source::SourceSegment;
use crate::ids::{Modifier, ProcedureCode, Qualifier};
use crate::loop_id::LoopId;
use crate::money::{Money, Quantity};
use crate::phi::Phi;
use crate::position::{Position, SegmentPosition, SegmentTag};
use crate::x12::element::{DateRange, date_period};

/// What CLM says of signatures and assignment.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ClaimConsents {
    /// CLM06 = Y (professional).
    pub provider_signed: bool,
    /// CLM07: A assigned, B lab only, C not assigned.
    pub assignment: Option<Qualifier>,
    /// CLM08: Y, N, W.
    pub benefits_assigned: Option<Qualifier>,
    /// CLM09: Y, I.
    pub release_of_information: Option<Qualifier>,
    /// CLM10 = P: signed by the provider for the patient.
    pub signed_for_patient: bool,
    /// CLM12: 02, 03, 05, 09.
    pub special_program: Option<Qualifier>,
}

/// A DTP.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QualifiedDate {
    pub at: SegmentPosition,
    /// DTP01.
    pub kind: Qualifier,
    /// `None` for a time alone.
    pub period: Option<DateRange>,
}

/// A CRC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Conditions {
    pub at: SegmentPosition,
    /// LX01 when it is about a line.
    pub line: Option<u16>,
    /// CRC01: 07 ambulance, 09 and 70 equipment and hospice, 75 homebound, E1–E3 vision, ZZ EPSDT.
    pub category: Qualifier,
    /// CRC02 = Y.
    pub apply: bool,
    /// CRC03 to CRC07.
    pub codes: [Option<Qualifier>; 5],
}

/// One composite of an HI, whatever its qualifier.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HealthCareCode<'a> {
    pub at: Position,
    /// Component 1: ABK, BF, BBQ, BI, BH, BE, BG, TC, DR, BP, BO …
    pub qualifier: Qualifier,
    pub code: Phi<&'a [u8]>,
    /// Components 3 and 4.
    pub period: Option<DateRange>,
    /// Component 5.
    pub amount: Option<Money>,
    /// Component 9.
    pub present_on_admission: Option<Qualifier>,
}

/// A PWK.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Attachment<'a> {
    pub at: SegmentPosition,
    pub line: Option<u16>,
    /// PWK01 and PWK02: what it is, how it is sent.
    pub report: Option<Qualifier>,
    pub transmission: Option<Qualifier>,
    /// PWK06.
    pub control_number: Phi<&'a [u8]>,
}

/// What another payer did with a line, beyond its amounts. SVD.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AdjudicatedService {
    pub at: SegmentPosition,
    /// SVD03-2: what that payer decided on, which may differ from what is billed.
    pub procedure: Option<ProcedureCode>,
    /// SVD03-3 to 6.
    pub modifiers: [Option<Modifier>; 4],
    /// SVD06: the line this one was bundled into.
    pub bundled_into: Option<u16>,
}

/// A drug's amount. CTP04 and CTP05-1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DrugQuantity {
    pub at: SegmentPosition,
    pub quantity: Quantity,
    /// F2, GR, ME, ML, UN.
    pub unit: Qualifier,
}

mod tags {
    use crate::position::SegmentTag;

    pub const CLM: SegmentTag = SegmentTag::of("CLM");
    pub const CRC: SegmentTag = SegmentTag::of("CRC");
    pub const CTP: SegmentTag = SegmentTag::of("CTP");
    pub const DTP: SegmentTag = SegmentTag::of("DTP");
    pub const HI: SegmentTag = SegmentTag::of("HI");
    pub const MIA: SegmentTag = SegmentTag::of("MIA");
    pub const MOA: SegmentTag = SegmentTag::of("MOA");
    pub const PWK: SegmentTag = SegmentTag::of("PWK");
    pub const SVD: SegmentTag = SegmentTag::of("SVD");
}

impl Claim {
    /// CLM06 to CLM12.
    pub fn consents(&self) -> ClaimConsents {
        self.text
            .segments_of(LoopId::L2300, tags::CLM)
            .next()
            .map_or_else(ClaimConsents::default, |claim| ClaimConsents {
                provider_signed: claim.has(6, "Y"),
                assignment: claim.qualifier(7),
                benefits_assigned: claim.qualifier(8),
                release_of_information: claim.qualifier(9),
                signed_for_patient: claim.has(10, "P"),
                special_program: claim.qualifier(12),
            })
    }

    /// Every DTP of the claim itself (2300).
    pub fn qualified_dates(&self) -> impl Iterator<Item = QualifiedDate> {
        self.text.segments_of(LoopId::L2300, tags::DTP).filter_map(|date| qualified_date(&date))
    }

    /// Every segment of a service line: 2400 and the loops below it.
    pub fn line_segments(&self, number: u16) -> impl Iterator<Item = SourceSegment<'_>> {
        self.text.segments().filter(move |segment| segment.line == Some(number))
    }

    /// Every DTP of a line (2400).
    pub fn qualified_line_dates(&self, number: u16) -> impl Iterator<Item = QualifiedDate> {
        let of_line = self.line_segments(number).filter(|segment| is(segment, LoopId::L2400, tags::DTP));
        of_line.filter_map(|date| qualified_date(&date))
    }

    /// Every CRC of the claim and its lines.
    pub fn conditions(&self) -> impl Iterator<Item = Conditions> {
        self.text.segments().filter(|segment| segment.at.tag == tags::CRC).filter_map(|segment| {
            Some(Conditions {
                at: segment.at,
                line: segment.line,
                category: segment.qualifier(1)?,
                apply: segment.has(2, "Y"),
                codes: [3, 4, 5, 6, 7].map(|number| segment.qualifier(number)),
            })
        })
    }

    /// Every composite of every HI: diagnoses, procedures, NUBC and treatment codes, anaesthesia.
    pub fn health_care_codes(&self) -> impl Iterator<Item = HealthCareCode<'_>> {
        self.text.segments_of(LoopId::L2300, tags::HI).flat_map(|segment| {
            (1..=segment.element_count()).filter_map(move |number| {
                Some(HealthCareCode {
                    at: segment.position_of(number, 0),
                    qualifier: Qualifier::parse(segment.part(number, 1)).ok()?,
                    code: segment.component(number, 2),
                    period: date_period(segment.part(number, 3), segment.part(number, 4)),
                    amount: Money::parse_x12(segment.part(number, 5)).ok(),
                    present_on_admission: Qualifier::parse(segment.part(number, 9)).ok(),
                })
            })
        })
    }

    /// Every PWK of the claim and its lines.
    pub fn attachments(&self) -> impl Iterator<Item = Attachment<'_>> {
        self.text.segments().filter(|segment| segment.at.tag == tags::PWK).map(|segment| Attachment {
            at: segment.at,
            line: segment.line,
            report: segment.qualifier(1),
            transmission: segment.qualifier(2),
            control_number: segment.element(6),
        })
    }

    /// The segments of other payer `place` (from 0, as in `other_payers`): 2320 and its 2330.
    pub fn other_payer_segments(&self, place: usize) -> impl Iterator<Item = SourceSegment<'_>> {
        let mut payers = 0usize;
        self.text.segments().filter(move |segment| {
            let is_part = segment.loop_id.is_some_and(|loop_id| (LoopId::L2320..=LoopId::L2330I).contains(&loop_id));
            payers += usize::from(segment.starts_loop && segment.loop_id == Some(LoopId::L2320));
            is_part && payers == place + 1
        })
    }

    /// The remark codes (RARC) another payer gave: MIA05, MIA20–23, MOA03–07.
    pub fn remark_codes(&self, other_payer: usize) -> impl Iterator<Item = Phi<&[u8]>> {
        self.other_payer_segments(other_payer).flat_map(|segment| {
            let places: &[usize] = match segment.at.tag {
                tags::MIA => &[5, 20, 21, 22, 23],
                tags::MOA => &[3, 4, 5, 6, 7],
                _ => &[],
            };
            let codes = places.iter().map(move |place| segment.value(*place));
            codes.filter(|code| !code.is_empty()).map(Phi::new)
        })
    }

    /// What other payers decided on, for each SVD of a line in its order.
    pub fn adjudicated_services(&self, line: u16) -> impl Iterator<Item = AdjudicatedService> {
        let of_line = self.line_segments(line).filter(|segment| is(segment, LoopId::L2430, tags::SVD));
        of_line.map(|segment| AdjudicatedService {
            at: segment.at,
            procedure: ProcedureCode::parse(segment.part(3, 2)).ok(),
            modifiers: [3, 4, 5, 6].map(|place| Modifier::parse(segment.part(3, place)).ok()),
            bundled_into: std::str::from_utf8(segment.value(6)).ok().and_then(|number| number.parse().ok()),
        })
    }

    /// The amount of a line's drug.
    pub fn drug_quantity(&self, line: u16) -> Option<DrugQuantity> {
        let segment = self.line_segments(line).find(|segment| is(segment, LoopId::L2410, tags::CTP))?;
        Some(DrugQuantity {
            at: segment.at,
            quantity: segment.quantity(4)?,
            unit: Qualifier::parse(segment.part(5, 1)).ok()?,
        })
    }
}

impl SourceSegment<'_> {
    /// A short code; `None` when absent or longer than any.
    pub fn qualifier(&self, number: usize) -> Option<Qualifier> {
        Qualifier::parse(self.value(number)).ok()
    }

    pub fn amount(&self, number: usize) -> Option<Money> {
        Money::parse_x12(self.value(number)).ok()
    }

    pub fn quantity(&self, number: usize) -> Option<Quantity> {
        Quantity::parse_x12(self.value(number)).ok()
    }

    /// Element `number` as a date, with its format qualifier in the element before it.
    pub fn period(&self, number: usize) -> Option<DateRange> {
        date_period(self.value(number.checked_sub(1)?), self.value(number))
    }
}

fn qualified_date(segment: &SourceSegment<'_>) -> Option<QualifiedDate> {
    Some(QualifiedDate {
        at: segment.at,
        kind: segment.qualifier(1)?,
        period: segment.period(3),
    })
}

fn is(segment: &SourceSegment<'_>, loop_id: LoopId, tag: SegmentTag) -> bool {
    segment.loop_id == Some(loop_id) && segment.at.tag == tag
}
