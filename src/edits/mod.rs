//! Claim → findings, SNIP types 3 to 7 (DOMAIN H). Pure: what a check must know beyond the claim comes
//! in with the [`EditContext`].
//!
//! Each file holds one SNIP type. A check is a function from the claim (or one line of it) to at most
//! one [`Finding`] per place, with the severity of its [`Check`](crate::finding::Check); a partner's severities are applied by
//! whoever reports. SNIP types 1 and 2 were reported when the segments were walked; values that can't be
//! read (NPIs S501, amounts S305, codes that are too long) when the claim was assembled.

mod balancing;
mod code_lookup;
mod code_set;
mod procedure_family;
#[cfg(test)]
mod sample;
mod service_type;
mod shape;
mod situational;
mod trading_partner;

use chrono::NaiveDate;

use crate::claim::Claim;
use crate::finding::{ClaimStatus, Finding, StatusCategory};
use crate::ids::Form;
use crate::limits;
use crate::loop_id::LoopId;
use crate::position::{Position, SegmentPosition};

pub use code_lookup::{CodeLookup, CodeVerdict, NoCodeSets};

/// Whether a loaded reference table knows someone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lookup {
    /// The table was never loaded: not enforced, and the pipeline says so once per run.
    NotLoaded,
    Unknown,
    Known,
}

/// What the provider table says of the billing provider's NPI and TIN together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProviderLookup {
    /// The table was never loaded: not enforced, and the pipeline says so once per run.
    NotLoaded,
    /// No row has the NPI.
    Unknown,
    /// The NPI is known, with another TIN.
    TinDiffers,
    Known,
}

/// What the checks must know beyond the claim itself.
#[derive(Debug, Clone, Copy)]
pub struct EditContext<'a> {
    /// Local day of receipt at the payer.
    pub received_on: NaiveDate,
    /// BHT06 = RP: recorded, never paid.
    pub is_encounter: bool,
    /// Payer ids that mean us; empty: any is taken.
    pub payer_ids: &'a [String],
    pub member: Lookup,
    pub billing_provider: ProviderLookup,
    /// External code sets; those that are not loaded are not enforced.
    pub code_sets: &'a dyn CodeLookup,
    /// The claim type the partner's channel is meant for; none: any.
    pub channel: Option<Form>,
}

impl EditContext<'static> {
    /// Nothing loaded and nobody known: only what the claim itself shows.
    pub fn unenforced(received_on: NaiveDate) -> EditContext<'static> {
        EditContext {
            received_on,
            is_encounter: false,
            payer_ids: &[],
            member: Lookup::NotLoaded,
            billing_provider: ProviderLookup::NotLoaded,
            code_sets: &NoCodeSets,
            channel: None,
        }
    }
}

/// The SNIP 3–7 findings of one claim, at most [`limits::FINDINGS_PER_CLAIM_MAX`], by SNIP type and then
/// by line. Allocates only when there is a finding.
pub fn edit(claim: &Claim, context: &EditContext<'_>) -> Vec<Finding> {
    let mut found = Found::default();
    balancing::check(claim, &mut found);
    situational::check(claim, context, &mut found);
    code_set::check(claim, context, &mut found);
    service_type::check(claim, &mut found);
    trading_partner::check(claim, context, &mut found);
    locate(claim, &mut found.0);
    found.0
}

/// What the checks found so far. They hand their findings over one by one: a chain of iterators over seventy
/// checks, nearly all of which find nothing, takes longer than the checks.
#[derive(Default)]
struct Found(Vec<Finding>);

impl Found {
    #[inline(always)]
    fn add(&mut self, finding: Option<Finding>) {
        if let Some(finding) = finding {
            self.keep(finding);
        }
    }

    #[cold]
    fn keep(&mut self, finding: Finding) {
        if self.0.len() < limits::FINDINGS_PER_CLAIM_MAX {
            self.0.push(finding);
        }
    }
}

/// The checks know the segment and the element; the claim's text knows at which byte that stands.
fn locate(claim: &Claim, findings: &mut [Finding]) {
    if findings.is_empty() {
        return;
    }
    for segment in claim.segments() {
        let here = findings
            .iter_mut()
            .filter(|finding| finding.position.byte == segment.at.byte && finding.position.element > 0);
        for finding in here {
            let (number, place) = (finding.position.element, finding.position.component);
            finding.position.byte = segment.position_of(usize::from(number), usize::from(place)).byte;
        }
    }
}

/// The segment as a whole.
fn whole(loop_id: LoopId, segment: SegmentPosition) -> Position {
    Position::of_segment(Some(loop_id), segment)
}

/// Element `number` of a segment; [`locate`] finds its byte.
fn element(loop_id: LoopId, segment: SegmentPosition, number: u8) -> Position {
    Position {
        element: number,
        ..whole(loop_id, segment)
    }
}

/// Component `place` of element `number`.
fn component(loop_id: LoopId, segment: SegmentPosition, number: u8, place: u8) -> Position {
    Position {
        component: place,
        ..element(loop_id, segment, number)
    }
}

/// Element number of the composite procedure of a line: SV101 or SV202.
fn procedure_element(form: Form) -> u8 {
    match form {
        Form::Professional => 1,
        Form::Institutional => 2,
    }
}

/// A6: information is missing.
fn missing(status: u16) -> ClaimStatus {
    ClaimStatus::new(StatusCategory::A6, status)
}

/// A7: information is invalid.
fn invalid(status: u16) -> ClaimStatus {
    ClaimStatus::new(StatusCategory::A7, status)
}

/// A8: information disagrees with other information of the claim.
fn disagrees(status: u16) -> ClaimStatus {
    ClaimStatus::new(StatusCategory::A8, status)
}

/// A3: returned without processing.
fn returned(status: u16) -> ClaimStatus {
    ClaimStatus::new(StatusCategory::A3, status)
}

#[cfg(test)]
mod tests {
    use super::sample::{RECEIVED, institutional, outpatient, professional};
    use super::*;

    #[test]
    fn a_clean_claim_has_no_findings_and_no_allocation() {
        for claim in [professional(), institutional(), outpatient()] {
            let findings = edit(&claim, &EditContext::unenforced(RECEIVED));
            assert_eq!(findings, []);
            assert_eq!(findings.capacity(), 0);
        }
    }

    #[test]
    fn no_finding_is_outside_snip_3_to_7_and_each_is_a_claim_status() {
        let mut claim = institutional();
        claim.charge = crate::money::Money::ZERO;
        claim.providers.clear();
        let findings = edit(&claim, &EditContext::unenforced(RECEIVED));
        assert!(!findings.is_empty());
        for finding in findings {
            assert!((3..=7).contains(&finding.check.snip().0), "{finding}");
            assert!(matches!(finding.code, crate::finding::ReportCode::Status(_)), "{finding}");
        }
    }
}
