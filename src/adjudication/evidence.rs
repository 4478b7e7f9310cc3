//! The elements that each rule reads on a claim: what `explain` shows and reads again.
//!
//! To the next editor: a rule that comes to look at another element gets it here too. Nothing here
//! decides anything, and it runs only when a decision is told.

use super::case::{Case, OpenLine};
use super::rule_id::RuleId;
use super::trace::{Evidence, Rule};
use crate::claim::ClaimDetail;
use crate::claim::diagnosis::{Diagnosis, DiagnosisKind};
use crate::claim::party::ProviderRole;
use crate::loop_id::LoopId;
use crate::position::SegmentPosition;
use crate::tables::rules::EvidenceItem;

/// What a rule looked at, in the order of the file; `at` is the segment that its step points at, which
/// stands whole where no element of it is known.
pub(super) fn of(id: RuleId, case: &Case<'_>, line: Option<&OpenLine<'_>>, at: Option<SegmentPosition>) -> Vec<Evidence> {
    let mut found = of_claim(id, case, at);
    if let Some(line) = line {
        found.extend(of_line(id, case, line));
    }
    if let Some(at) = at
        && found.iter().all(|evidence| evidence.segment != at)
    {
        found.push(Evidence {
            loop_id: loop_of(case, line, at),
            segment: at,
            element: 0,
            component: 0,
        });
    }
    found.retain(|evidence| evidence.segment != SegmentPosition::default());
    found.sort_by_key(|evidence| (evidence.segment.byte, evidence.element, evidence.component));
    found.dedup();
    found
}

fn of_claim(id: RuleId, case: &Case<'_>, at: Option<SegmentPosition>) -> Vec<Evidence> {
    let claim = case.claim;
    let frequency = || Evidence::of(LoopId::L2300, claim.at, 5).part(3);
    let member = || Evidence::of(LoopId::L2010BA, claim.subscriber.name_at, 9);
    let payee = || Evidence::of(LoopId::L2010AA, claim.billing_provider.at, 9);
    match id {
        RuleId::Payee => vec![payee()],
        RuleId::FilingReplacement => claim.original_claim.iter().map(|number| Evidence::of(LoopId::L2300, number.at, 2)).collect(),
        RuleId::FilingDelayReason | RuleId::FilingDelayRefused | RuleId::FilingDelayUnproved => vec![Evidence::of(LoopId::L2300, claim.at, 20)],
        RuleId::DuplicateEarlier => vec![member(), payee()],
        RuleId::PatientPaid
        | RuleId::ShareOfCostMismatch
        | RuleId::ShareOfCostMissing
        | RuleId::ShareOfCostUnmet
        | RuleId::ShareOfCost
        | RuleId::PatientPaidHospital
        | RuleId::PatientEstimate => at
            .filter(|at| at.tag.text() == "AMT")
            .map(|at| Evidence::of(LoopId::L2300, at, 2))
            .into_iter()
            .collect(),
        _ => match id.step() {
            Rule::Routing | Rule::Eligibility => vec![member()],
            // REF*F8, where the frequency asks for it.
            Rule::Replacement if claim.is_replacement() || claim.is_void() => std::iter::once(frequency())
                .chain(claim.original_claim.as_ref().map(|number| Evidence::of(LoopId::L2300, number.at, 2)))
                .collect(),
            Rule::Replacement => vec![frequency()],
            Rule::Coordination => claim.other_payers.iter().map(|payer| Evidence::of(LoopId::L2320, payer.at, 1)).collect(),
            Rule::Encounter
            | Rule::TimelyFiling
            | Rule::Restriction
            | Rule::Duplicate
            | Rule::PriorAuthorization
            | Rule::CodePair
            | Rule::UnitLimit
            | Rule::FeeSchedule
            | Rule::MemberBilling
            | Rule::PromptPay
            | Rule::FraudSignals => Vec::new(),
        },
    }
}

fn of_line(id: RuleId, case: &Case<'_>, line: &OpenLine<'_>) -> Vec<Evidence> {
    let elements = LineElements { case, line };
    let mut found = Vec::new();
    match id.step() {
        Rule::Eligibility | Rule::TimelyFiling => found.push(elements.dates()),
        Rule::Duplicate => found.extend(elements.code().into_iter().chain([elements.charge(), elements.units(), elements.dates()])),
        Rule::FeeSchedule => found.extend(elements.code().into_iter().chain([elements.charge(), elements.units()])),
        Rule::Restriction => {
            found.extend(elements.code());
            found.extend(match id {
                RuleId::RestrictedPlace => elements.place(),
                RuleId::RestrictedModifierMissing | RuleId::RestrictedModifierForbidden | RuleId::RestrictedTelehealth => elements.modifiers(),
                RuleId::RestrictedDiagnosis | RuleId::RestrictedPresentOnAdmission => elements.diagnoses(),
                RuleId::RestrictedUnitsPerLine => vec![elements.units()],
                RuleId::RestrictedUnitsPerDay | RuleId::RestrictedFrequency => vec![elements.units(), elements.dates()],
                RuleId::RestrictedAge | RuleId::RestrictedSpan | RuleId::RestrictedAidCode | RuleId::RestrictedNewborn => vec![elements.dates()],
                RuleId::RestrictedBillType => vec![Evidence::of(LoopId::L2300, case.claim.at, 5)],
                RuleId::RestrictedTaxonomy | RuleId::RestrictedEnrolment => elements.rendering(),
                RuleId::RestrictedHospice => elements.modifiers().into_iter().chain([elements.dates()]).collect(),
                _ => Vec::new(),
            });
        }
        Rule::PriorAuthorization => found.extend(elements.authorization(id)),
        Rule::CodePair => found.extend(elements.code().into_iter().chain(elements.modifiers())),
        Rule::UnitLimit => found.extend(elements.code().into_iter().chain([elements.units()])),
        Rule::Coordination | Rule::Encounter | Rule::Replacement | Rule::Routing | Rule::MemberBilling | Rule::PromptPay | Rule::FraudSignals => {}
    }
    found
}

/// The element of an item that shows an exempt service; `place` counts modifiers and diagnoses from 0. The
/// line itself where the claim does not keep where the item stands.
pub(super) fn item_place(case: &Case<'_>, line: &OpenLine<'_>, item: EvidenceItem, place: usize) -> Evidence {
    let elements = LineElements { case, line };
    let professional = &line.line.professional;
    let found = match item {
        EvidenceItem::PlaceOfService => elements.place().into_iter().next(),
        EvidenceItem::RevenueCode => elements.code().into_iter().next(),
        EvidenceItem::Procedure => elements.code().into_iter().next_back(),
        EvidenceItem::Modifier => elements.modifiers().into_iter().nth(place),
        EvidenceItem::Diagnosis => elements.counted_diagnoses().nth(place),
        EvidenceItem::Indicator if professional.is_emergency => Some(elements.on_line(9)),
        EvidenceItem::Indicator if professional.is_epsdt => Some(elements.on_line(11)),
        EvidenceItem::Indicator if professional.is_family_planning => Some(elements.on_line(12)),
        EvidenceItem::AidCode => Some(Evidence::of(LoopId::L2010BA, case.claim.subscriber.name_at, 9)),
        EvidenceItem::AuthorizationException => Some(Evidence::of(LoopId::L2300, case.claim.at, 0)),
        EvidenceItem::Taxonomy | EvidenceItem::Provider => elements.rendering().into_iter().next(),
        EvidenceItem::Indicator | EvidenceItem::Several => None,
    };
    found.unwrap_or_else(|| elements.on_line(0))
}

/// Where the elements of a line stand.
struct LineElements<'c, 'a> {
    case: &'c Case<'a>,
    line: &'c OpenLine<'a>,
}

impl LineElements<'_, '_> {
    fn is_professional(&self) -> bool {
        self.case.claim.professional().is_some()
    }

    fn on_line(&self, element: u8) -> Evidence {
        Evidence::of(LoopId::L2400, self.line.line.at, element)
    }

    /// SV101-2; SV201 and SV202-2.
    fn code(&self) -> Vec<Evidence> {
        let procedure = self.line.line.procedure.is_some();
        if self.is_professional() {
            return vec![self.on_line(1).part(2)];
        }
        let revenue = self.line.line.revenue.is_some().then(|| self.on_line(1));
        revenue.into_iter().chain(procedure.then(|| self.on_line(2).part(2))).collect()
    }

    /// SV101-3 to 6; SV202-3 to 6.
    fn modifiers(&self) -> Vec<Evidence> {
        let composite = if self.is_professional() { 1 } else { 2 };
        let places = self.line.line.modifiers.iter().zip(3..);
        places
            .filter_map(|(modifier, part)| modifier.map(|_| self.on_line(composite).part(part)))
            .collect()
    }

    /// SV102; SV203.
    fn charge(&self) -> Evidence {
        self.on_line(if self.is_professional() { 2 } else { 3 })
    }

    /// SV104; SV205.
    fn units(&self) -> Evidence {
        self.on_line(if self.is_professional() { 4 } else { 5 })
    }

    /// SV105, else CLM05-1.
    fn place(&self) -> Vec<Evidence> {
        match &self.case.claim.detail {
            ClaimDetail::Professional(_) if self.line.line.professional.place_of_service.is_some() => vec![self.on_line(5)],
            ClaimDetail::Professional(_) | ClaimDetail::Institutional(_) => vec![Evidence::of(LoopId::L2300, self.case.claim.at, 5).part(1)],
        }
    }

    /// DTP*472 of the line, else DTP*434 of the claim: the statement's where a rule goes by it.
    fn dates(&self) -> Evidence {
        let statement = self.case.claim.institutional().and_then(|claim| claim.statement);
        match (statement, self.line.line.service) {
            (Some(statement), _) => Evidence::of(LoopId::L2300, statement.at, 3),
            (None, Some(service)) => Evidence::of(LoopId::L2400, service.at, 3),
            (None, None) => Evidence::of(LoopId::L2400, self.line.dates.at, 3),
        }
    }

    /// Those that count for the line, in their order.
    fn counted_diagnoses(&self) -> impl Iterator<Item = Evidence> {
        let claim = self.case.claim;
        let (pointed, all) = match self.is_professional() {
            true => (Some(claim.pointed_diagnoses(self.line.line)), None),
            false => (None, Some(claim.diagnoses.iter())),
        };
        let is_counted = |diagnosis: &&Diagnosis| matches!(diagnosis.kind, DiagnosisKind::Principal | DiagnosisKind::Other);
        let counted = pointed.into_iter().flatten().chain(all.into_iter().flatten().filter(is_counted));
        counted.map(|diagnosis| Evidence::of(LoopId::L2300, diagnosis.at, diagnosis.element).part(2))
    }

    fn diagnoses(&self) -> Vec<Evidence> {
        let claim = self.case.claim;
        let place = |diagnosis: &Diagnosis| Evidence::of(LoopId::L2300, diagnosis.at, diagnosis.element).part(2);
        if self.is_professional() {
            claim.pointed_diagnoses(self.line.line).map(place).collect()
        } else {
            claim.diagnoses.iter().map(place).collect()
        }
    }

    /// NM109 of who rendered the line, else of who bills.
    fn rendering(&self) -> Vec<Evidence> {
        let claim = self.case.claim;
        let of_line = self.line.line.providers.iter().find(|provider| provider.role == ProviderRole::Rendering);
        let claim_loop = if self.is_professional() { LoopId::L2310B } else { LoopId::L2310D };
        let line_loop = if self.is_professional() { LoopId::L2420A } else { LoopId::L2420C };
        let found = match (of_line, claim.provider(ProviderRole::Rendering)) {
            (Some(provider), _) => Evidence::of(line_loop, provider.at, 9),
            (None, Some(provider)) => Evidence::of(claim_loop, provider.at, 9),
            (None, None) => Evidence::of(LoopId::L2010AA, claim.billing_provider.at, 9),
        };
        vec![found]
    }

    /// NM109 of the service facility.
    fn facility(&self) -> Option<Evidence> {
        let claim = self.case.claim;
        let of_line = self.line.line.providers.iter().find(|provider| provider.role == ProviderRole::ServiceFacility);
        if let Some(provider) = of_line {
            return Some(Evidence::of(LoopId::L2420C, provider.at, 9));
        }
        let loop_id = if self.is_professional() { LoopId::L2310C } else { LoopId::L2310E };
        claim
            .provider(ProviderRole::ServiceFacility)
            .map(|provider| Evidence::of(loop_id, provider.at, 9))
    }

    /// What each rule about authorizations goes by, beside the code.
    fn authorization(&self, id: RuleId) -> Vec<Evidence> {
        let claim = self.case.claim;
        let mut found = self.code();
        match id {
            RuleId::AuthorizationDates => found.push(self.dates()),
            RuleId::AuthorizedUnits | RuleId::AuthorizedDays | RuleId::Referred => found.push(self.units()),
            RuleId::ScheduledStay | RuleId::EmergencyNotice => {
                let stay = claim.institutional();
                found.extend(stay.map(|stay| Evidence::of(LoopId::L2300, stay.admission_codes_at, 1)));
                found.extend(
                    stay.and_then(|stay| stay.admission)
                        .map(|admission| Evidence::of(LoopId::L2300, admission.at, 3)),
                );
            }
            RuleId::AuthorizationProvider
            | RuleId::PrimaryCare
            | RuleId::PrimaryCareGroup
            | RuleId::Consult
            | RuleId::FollowUp
            | RuleId::HighLevelVisit
            | RuleId::HealthAssessment
            | RuleId::OpenNetwork => found.extend(self.rendering()),
            RuleId::OutOfNetworkService | RuleId::TertiaryCentre => {
                found.push(Evidence::of(LoopId::L2010AA, claim.billing_provider.at, 9));
                found.extend(self.facility());
            }
            RuleId::AuthorizationService => found.extend(self.modifiers()),
            RuleId::ExemptEmergency | RuleId::ExemptUrgentCare | RuleId::ExemptHealthCenter | RuleId::ExemptIndianHealth => found.extend(self.place()),
            RuleId::ExemptFamilyPlanning
            | RuleId::ExemptTermination
            | RuleId::ExemptAssault
            | RuleId::ExemptStd
            | RuleId::ExemptHiv
            | RuleId::ExemptPrenatal
            | RuleId::ExemptObstetric
            | RuleId::ExemptPediatric
            | RuleId::ExemptMinor
            | RuleId::ExemptOther => found.extend(self.modifiers().into_iter().chain(self.diagnoses())),
            RuleId::CheapRepair => found.push(self.charge()),
            RuleId::AuthorizationNotNeeded => return found,
            _ => {}
        }
        if matches!(
            id,
            RuleId::ReferralAbsent | RuleId::ReferralUnknown | RuleId::ReferralRefused | RuleId::Referred
        ) {
            found.extend(claim.referral.as_ref().map(|referral| Evidence::of(LoopId::L2300, referral.at, 2)));
            return found;
        }
        let on_line = self.line.line.authorizations.first().map(|number| (LoopId::L2400, number.at));
        let named = on_line.or_else(|| claim.prior_authorization.as_ref().map(|number| (LoopId::L2300, number.at)));
        found.extend(named.map(|(loop_id, at)| Evidence::of(loop_id, at, 2)));
        found
    }
}

/// The loop of a segment that a step points at, where the claim keeps it.
fn loop_of(case: &Case<'_>, line: Option<&OpenLine<'_>>, at: SegmentPosition) -> Option<LoopId> {
    let claim = case.claim;
    if at == claim.billing_provider.at {
        return Some(LoopId::L2010AA);
    }
    if at == claim.subscriber.at {
        return Some(LoopId::L2000B);
    }
    if at == claim.subscriber.name_at {
        return Some(LoopId::L2010BA);
    }
    if claim.other_payers.iter().any(|payer| payer.at == at) {
        return Some(LoopId::L2320);
    }
    if let Some(line) = line {
        if line.line.other_payers.iter().any(|payer| payer.at == at) {
            return Some(LoopId::L2430);
        }
        let bytes = line.line.bytes;
        if (bytes.start..bytes.end).contains(&at.byte) {
            return Some(LoopId::L2400);
        }
    }
    (claim.bytes.start..claim.bytes.end).contains(&at.byte).then_some(LoopId::L2300)
}
