//! Pass 1: walks every interchange to its IEA before anything is decided, so that a wrong count on
//! the last line can't undo decisions. Memory is bounded: verdicts per set, one bit per claim, and at
//! most [`limits::FINDINGS_PER_FILE_MAX`] findings.

use std::collections::HashSet;
use std::io::Read;

use compact_str::CompactString;

use super::reading::{ReadError, for_each_segment};
use super::verdict::{ClaimFinding, ClaimSet, GroupVerdict, InterchangeVerdict, OUR_SET, ReceivedAnswer, SetVerdict, Survey};
use crate::acks::read_999::{AnswerReader, AnsweredSet};
use crate::acks::ta1;
use crate::config::SeverityProfile;
use crate::envelope::{EnvelopeReader, Event, Group};
use crate::finding::{Check, Finding, ReportCode, Severity};
use crate::guide::walker::{Placed, Walker};
use crate::limits;
use crate::loop_id::LoopId;
use crate::position::Position;
use crate::tables::guides::{GuideError, guide};
use crate::x12::segment::Segment;
use crate::x12::tokenizer::{TokenError, TokenErrorKind};

/// Why a survey could not be made. Bad X12 is no error: it is in the [`Survey`].
#[derive(Debug, thiserror::Error)]
pub enum SurveyError {
    #[error("the file cannot be read")]
    Io(#[source] std::io::Error),
    #[error("an embedded guide table is unusable")]
    Guide(#[source] &'static GuideError),
    #[error(transparent)]
    NotX12(TokenError),
}

impl From<ReadError> for SurveyError {
    fn from(error: ReadError) -> SurveyError {
        match error {
            ReadError::Io(error) => SurveyError::Io(error),
            ReadError::NotX12(error) => SurveyError::NotX12(error),
        }
    }
}

/// Surveys a file under a partner's severities. `extra` may add findings to an interchange as soon as
/// its ISA is read (unknown sender, repeated control number).
///
/// # Errors
/// [`SurveyError`] when the file cannot be read at all.
pub fn survey(
    input: &mut dyn Read,
    severity: &SeverityProfile,
    extra: &mut dyn FnMut(&crate::envelope::Interchange, Position) -> Vec<Finding>,
) -> Result<Survey, SurveyError> {
    let mut surveyor = Surveyor {
        survey: Survey::default(),
        envelope: EnvelopeReader::default(),
        set: None,
        answer: None,
        set_is_rejected: false,
        severity,
        kept: 0,
        envelopes: 0,
        numbers: HashSet::new(),
    };
    let mut end = 0;
    let mut note = 23;
    let read = for_each_segment(input, |segment| {
        end = segment.at.byte + u64::from(segment.at.length) + 1;
        surveyor.accept(segment, extra)
    });
    match read {
        Ok(()) => {}
        Err(SurveyError::NotX12(error)) => {
            if error.kind != TokenErrorKind::Truncated {
                note = 22;
            }
            surveyor.survey.stopped = Some(error);
        }
        Err(error) => return Err(error),
    }
    let events = surveyor.envelope.finish(end, note);
    for event in events {
        surveyor.event(event, None, extra)?;
    }
    Ok(surveyor.survey)
}

/// A 999, as far as it is read.
#[derive(Default)]
struct OpenAnswer {
    reader: AnswerReader,
    set: Option<AnsweredSet>,
    other_sets: u32,
}

impl OpenAnswer {
    fn accept(&mut self, segment: &Segment<'_>) {
        let Some(set) = self.reader.accept(segment) else { return };
        if self.set.is_none() && (set.set_id.as_str(), set.control_number.as_str()) == OUR_SET {
            self.set = Some(set);
        } else {
            self.other_sets = self.other_sets.saturating_add(1);
        }
    }

    fn finish(self) -> Option<Box<ReceivedAnswer>> {
        let OpenAnswer { reader, set, other_sets } = self;
        Some(Box::new(ReceivedAnswer {
            group: reader.finish()?,
            set,
            other_sets,
        }))
    }
}

struct Surveyor<'a> {
    survey: Survey,
    envelope: EnvelopeReader,
    set: Option<SetScopes<'static>>,
    /// The 999 that is being read.
    answer: Option<OpenAnswer>,
    set_is_rejected: bool,
    severity: &'a SeverityProfile,
    kept: usize,
    /// Interchanges, groups and sets so far.
    envelopes: usize,
    /// Sender, receiver and ISA13 of the interchanges so far.
    numbers: HashSet<(CompactString, CompactString, CompactString)>,
}

impl Surveyor<'_> {
    fn accept(&mut self, segment: &Segment<'_>, extra: &mut dyn FnMut(&crate::envelope::Interchange, Position) -> Vec<Finding>) -> Result<(), SurveyError> {
        let is_trailer = segment.is("SE");
        if is_trailer {
            self.walk(segment);
        }
        if segment.is("TA1") && self.envelope.takes_ta1() {
            self.read_ta1(segment);
        }
        for event in self.envelope.accept(segment) {
            self.event(event, Some(segment), extra)?;
        }
        if !is_trailer && self.envelope.in_set() {
            self.walk(segment);
        }
        Ok(())
    }

    fn event(
        &mut self,
        event: Event,
        segment: Option<&Segment<'_>>,
        extra: &mut dyn FnMut(&crate::envelope::Interchange, Position) -> Vec<Finding>,
    ) -> Result<(), SurveyError> {
        if let (Event::InterchangeBegan(..) | Event::GroupBegan(..) | Event::SetBegan(..), Some(segment)) = (&event, segment) {
            self.envelopes += 1;
            if self.envelopes > limits::ENVELOPES_PER_FILE_MAX {
                return Err(SurveyError::NotX12(TokenError {
                    byte: segment.at.byte,
                    kind: TokenErrorKind::TooManyEnvelopes,
                }));
            }
        }
        match event {
            Event::InterchangeBegan(interchange, mut findings) => {
                if let Some(segment) = segment {
                    findings.extend(extra(&interchange, segment.position_of(None, 13)));
                    let number = (
                        interchange.sender.clone(),
                        interchange.receiver.clone(),
                        interchange.control_number.as_str().into(),
                    );
                    if !self.numbers.insert(number) && !findings.iter().any(|finding| finding.check == Check::S105) {
                        findings.push(Finding::new(Check::S105, ReportCode::Ta1(25), segment.position_of(None, 13)));
                    }
                }
                let findings = self.keep_verdict(findings);
                self.survey.interchanges.push(InterchangeVerdict {
                    interchange,
                    findings,
                    ta1s: Vec::new(),
                    groups: Vec::new(),
                });
            }
            Event::GroupBegan(group, findings) => {
                let findings = self.keep_verdict(findings);
                if let Some(interchange) = self.survey.interchanges.last_mut() {
                    interchange.groups.push(GroupVerdict {
                        group,
                        findings,
                        sets: Vec::new(),
                    });
                }
            }
            Event::SetBegan(set, findings) => {
                let findings = self.keep_verdict(findings);
                self.set_is_rejected = findings.iter().any(Finding::rejects);
                let form = self.envelope.group().and_then(|group| group.form).filter(|_| set.id == "837");
                self.set = match form {
                    Some(form) => Some(SetScopes::new(Walker::new(guide(form).map_err(SurveyError::Guide)?))),
                    None => None,
                };
                let verdict = SetVerdict {
                    set,
                    form,
                    findings,
                    claim_findings: Vec::new(),
                    segments: 0,
                    claims: 0,
                    rejected: ClaimSet::default(),
                    answer: None,
                };
                let is_answer = verdict.set.is_acknowledgement() && self.envelope.group().is_some_and(Group::has_acknowledgements);
                self.answer = is_answer.then(OpenAnswer::default);
                if let Some(group) = self.survey.interchanges.last_mut().and_then(|interchange| interchange.groups.last_mut()) {
                    group.sets.push(verdict);
                }
            }
            Event::SetEnded { segments, mut findings } => {
                self.set = None;
                let answer = self.end_answer(segment, &mut findings);
                let findings = self.keep_verdict(findings);
                if let Some(set) = self.current_set() {
                    set.answer = answer;
                    set.segments = segments;
                    set.findings.extend(findings);
                    give_the_set_what_no_claim_has(set);
                    order_by_claim(&mut set.claim_findings);
                }
            }
            Event::GroupEnded { findings } => {
                let findings = self.keep_verdict(findings);
                if let Some(group) = self.survey.interchanges.last_mut().and_then(|interchange| interchange.groups.last_mut()) {
                    group.findings.extend(findings);
                }
            }
            Event::InterchangeEnded { findings } => {
                let findings = self.keep_verdict(findings);
                if let Some(interchange) = self.survey.interchanges.last_mut() {
                    interchange.findings.extend(findings);
                }
            }
        }
        Ok(())
    }

    /// The 999 that ends; one that can't be read is rejected.
    fn end_answer(&mut self, segment: Option<&Segment<'_>>, findings: &mut Vec<Finding>) -> Option<Box<ReceivedAnswer>> {
        let answer = self.answer.take()?.finish();
        if let (None, Some(segment)) = (&answer, segment) {
            findings.push(Finding::new(Check::S110, ReportCode::Set(5), Position::of_segment(None, segment.at)));
        }
        answer
    }

    fn read_ta1(&mut self, segment: &Segment<'_>) {
        let Some(interchange) = self.survey.interchanges.last_mut() else { return };
        if interchange.ta1s.len() < limits::TA1S_PER_INTERCHANGE_MAX {
            interchange.ta1s.push((segment.at.byte, ta1::read(segment)));
        }
    }

    /// Applies the partner's severities and the bound on kept findings.
    fn keep(&mut self, mut findings: Vec<Finding>) -> Vec<Finding> {
        let severity = self.severity;
        findings.retain_mut(|finding| {
            finding.severity = severity.severity(finding.check);
            finding.severity != Severity::Ignore
        });
        let room = self.room_for(findings.len());
        findings.truncate(room);
        findings
    }

    /// How many of so many findings are kept; the others are counted.
    fn room_for(&mut self, wanted: usize) -> usize {
        let room = limits::FINDINGS_PER_FILE_MAX.saturating_sub(self.kept).min(wanted);
        self.survey.findings_dropped += (wanted - room) as u64;
        self.kept += room;
        room
    }

    /// The same for findings about a set, a group or an interchange, whose verdict hangs on them: one
    /// that rejects is kept beyond the bound. (A claim's verdict is its bit in [`ClaimSet`].)
    fn keep_verdict(&mut self, findings: Vec<Finding>) -> Vec<Finding> {
        let rejects = |finding: &&Finding| self.severity.severity(finding.check) == Severity::Reject;
        let first = findings.iter().find(rejects).map(|finding| Finding {
            severity: Severity::Reject,
            ..*finding
        });
        let mut kept = self.keep(findings);
        if !kept.iter().any(Finding::rejects) {
            kept.extend(first);
        }
        kept
    }

    fn walk(&mut self, segment: &Segment<'_>) {
        if let Some(answer) = &mut self.answer {
            if !segment.is("ST") && !segment.is("SE") {
                answer.accept(segment);
            }
            return;
        }
        let is_claim = segment.is("CLM");
        let Some(scopes) = &mut self.set else {
            if is_claim && let Some(set) = self.current_set() {
                set.claims += 1;
            }
            return;
        };
        let Placed {
            loop_id,
            starts_loop,
            closed,
            findings,
        } = scopes.walker.accept(segment);
        if !closed.is_empty() {
            self.attribute(closed);
        }
        if let Some(scopes) = &mut self.set {
            scopes.enter(loop_id, starts_loop, is_claim);
            let (claims, is_flawed) = (scopes.claims, scopes.is_flawed());
            if let Some(ended) = scopes.ended(loop_id, starts_loop) {
                self.end_open_findings(ended);
            }
            if let Some(set) = self.current_set().filter(|_| is_claim) {
                set.claims = claims;
                if is_flawed {
                    set.rejected.insert(claims);
                }
            }
        }
        if !findings.is_empty() {
            self.attribute(findings);
        }
    }

    /// Gives each finding to the claims (or the set) it is about.
    fn attribute(&mut self, findings: Vec<Finding>) {
        let (severity, mut set_findings, mut of_claims) = (self.severity, Vec::new(), Vec::new());
        for mut finding in findings {
            finding.severity = severity.severity(finding.check);
            let Some(scopes) = self.set.as_mut().filter(|_| finding.severity != Severity::Ignore) else {
                continue;
            };
            match scopes.scope_of(finding.position.loop_id, finding.rejects()) {
                Scope::Set => set_findings.push(finding),
                Scope::Claims { first, until } => {
                    let so_far = scopes.claims;
                    if finding.rejects()
                        && let Some(set) = self.current_set()
                    {
                        (first..=so_far).for_each(|ordinal| set.rejected.insert(ordinal));
                    }
                    of_claims.push((first, until, finding));
                }
            }
        }
        let set_findings = if self.set_is_rejected {
            self.keep(set_findings)
        } else {
            self.keep_verdict(set_findings)
        };
        self.set_is_rejected |= set_findings.iter().any(Finding::rejects);
        let room = self.room_for(of_claims.len());
        let Some(scopes) = &mut self.set else { return };
        let open_sets = self.survey.interchanges.last_mut().and_then(|interchange| interchange.groups.last_mut());
        let Some(set) = open_sets.and_then(|group| group.sets.last_mut()) else {
            return;
        };
        set.findings.extend(set_findings);
        for (first, until, finding) in of_claims.into_iter().take(room) {
            let last = match until {
                None => first,
                Some(_) => u32::MAX,
            };
            match until {
                None => {}
                Some(Ended::Subscriber) => scopes.open_of_subscriber.push(set.claim_findings.len()),
                Some(Ended::Patient) => scopes.open_of_patient.push(set.claim_findings.len()),
            }
            set.claim_findings.push(ClaimFinding {
                first,
                last,
                reach: last,
                finding,
            });
        }
    }

    /// A finding about a subscriber or patient concerns the claims up to the next one.
    fn end_open_findings(&mut self, ended: Ended) {
        let Some(scopes) = &mut self.set else { return };
        let mut closed = std::mem::take(&mut scopes.open_of_patient);
        if ended == Ended::Subscriber {
            closed.append(&mut scopes.open_of_subscriber);
        }
        let last = scopes.claims;
        let Some(set) = self.current_set() else { return };
        for place in closed {
            if let Some(open) = set.claim_findings.get_mut(place) {
                open.last = last;
            }
        }
    }

    fn current_set(&mut self) -> Option<&mut SetVerdict> {
        self.survey.interchanges.last_mut()?.groups.last_mut()?.sets.last_mut()
    }
}

/// Sorts by the first claim, and notes how far findings reach so that those of one claim are found
/// without reading all before it.
fn order_by_claim(findings: &mut [ClaimFinding]) {
    findings.sort_by_key(|finding| finding.first);
    let mut reach = 0;
    for finding in findings {
        reach = reach.max(finding.last);
        finding.reach = reach;
    }
}

/// Which claims a place in the set belongs to: those of the current subscriber, patient, or the claim
/// itself.
struct SetScopes<'g> {
    walker: Walker<'g>,
    claims: u32,
    /// First claim of the current 2000B and of the current 2000C.
    subscriber_first: u32,
    patient_first: u32,
    /// Places of the claim findings that concern all claims of the current 2000B, and of the current 2000C.
    open_of_subscriber: Vec<usize>,
    open_of_patient: Vec<usize>,
    subscriber_is_flawed: bool,
    patient_is_flawed: bool,
    loop_id: Option<LoopId>,
}

/// A finding about a subscriber or patient who has no claim (a 2000C without CLM) is the set's.
fn give_the_set_what_no_claim_has(set: &mut SetVerdict) {
    let claims = set.claims;
    let nobodys = |open: &ClaimFinding| open.first > open.last.min(claims);
    set.findings
        .extend(set.claim_findings.iter().filter(|open| nobodys(open)).map(|open| open.finding));
    set.claim_findings.retain(|open| !nobodys(open));
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Ended {
    Subscriber,
    Patient,
}

enum Scope {
    Set,
    /// One claim, or all from the first until a subscriber or patient ends.
    Claims {
        first: u32,
        until: Option<Ended>,
    },
}

impl<'g> SetScopes<'g> {
    fn new(walker: Walker<'g>) -> SetScopes<'g> {
        SetScopes {
            walker,
            claims: 0,
            subscriber_first: 1,
            patient_first: 1,
            open_of_subscriber: Vec::new(),
            open_of_patient: Vec::new(),
            subscriber_is_flawed: false,
            patient_is_flawed: false,
            loop_id: None,
        }
    }

    fn enter(&mut self, loop_id: Option<LoopId>, starts_loop: bool, is_claim: bool) {
        self.loop_id = loop_id.or(self.loop_id);
        match loop_id {
            Some(LoopId::L2000A | LoopId::L2000B) if starts_loop => {
                (self.subscriber_first, self.patient_first) = (self.claims + 1, self.claims + 1);
                (self.subscriber_is_flawed, self.patient_is_flawed) = (false, false);
            }
            Some(LoopId::L2000C) if starts_loop => {
                self.patient_first = self.claims + 1;
                self.patient_is_flawed = false;
            }
            _ => {}
        }
        if is_claim {
            self.claims += 1;
        }
    }

    /// Which open scopes a loop ends: its own and those below it.
    fn ended(&self, loop_id: Option<LoopId>, starts_loop: bool) -> Option<Ended> {
        match loop_id {
            Some(LoopId::L2000A | LoopId::L2000B) if starts_loop => Some(Ended::Subscriber),
            Some(LoopId::L2000C) if starts_loop => Some(Ended::Patient),
            _ => None,
        }
    }

    fn is_flawed(&self) -> bool {
        self.subscriber_is_flawed || self.patient_is_flawed
    }

    fn scope_of(&mut self, loop_id: Option<LoopId>, rejects: bool) -> Scope {
        match loop_id.or(self.loop_id) {
            Some(LoopId::L2000B | LoopId::L2010BA | LoopId::L2010BB) => {
                self.subscriber_is_flawed |= rejects;
                Scope::Claims {
                    first: self.subscriber_first,
                    until: Some(Ended::Subscriber),
                }
            }
            Some(LoopId::L2000C | LoopId::L2010CA) => {
                self.patient_is_flawed |= rejects;
                Scope::Claims {
                    first: self.patient_first,
                    until: Some(Ended::Patient),
                }
            }
            Some(loop_id) if loop_id.belongs_to_a_claim() && self.claims > 0 => Scope::Claims {
                first: self.claims,
                until: None,
            },
            _ => Scope::Set,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_of_findings_does_not_hide_what_rejects_the_next_set_or_the_interchange() {
        let set = |number: &str, body: &str, count: usize| format!("ST*837*{number}*005010X222A1~{body}SE*{count}*{number}~");
        let flood = "ZZ~".repeat(limits::FINDINGS_PER_FILE_MAX + 1);
        let file = |count: usize, ending: &str| {
            format!(
                "ISA*00*          *00*          *ZZ*SENDER         *ZZ*RECEIVER       *260116*0930*^*00501*000000001*0*T*:~\
                 GS*HC*SENDER*RECEIVER*20260116*0930*7*X*005010X222A1~{}{}GE*2*7~IEA*1*{ending}~",
                set("0001", &flood, limits::FINDINGS_PER_FILE_MAX + 3),
                set("0002", "", count)
            )
        };
        for (text, is_accepted) in [(file(3, "000000001"), true), (file(2, "000000002"), false)] {
            let survey = survey(&mut text.as_bytes(), &SeverityProfile::default(), &mut |_, _| Vec::new()).unwrap();
            assert!(survey.findings_dropped > 0);
            assert_eq!(survey.open_sets(), 0);
            assert_eq!(survey.interchanges.first().map(InterchangeVerdict::is_accepted), Some(is_accepted));
        }
    }

    #[test]
    fn findings_about_a_subscriber_or_patient_end_with_it() {
        let subscriber = |number: u32, children: u32, flood: usize| {
            format!(
                "HL*{number}*1*22*{children}~SBR*P*18*******MC~NM1*IL*1*SAMPLE*ALPHA****MI*91234567A~N3*1 TEST AVENUE~N4*ANAHEIM*CA*92801~\
                 DMG*D8*19800102*F~{}NM1*PR*2*CALOPTIMA*****PI*CALOP~",
                "ZZ*1~".repeat(flood)
            )
        };
        let patient = |number: u32, flood: usize| {
            format!(
                "HL*{number}*2*23*0~PAT*19~{}NM1*QC*1*SAMPLE*BETA~N3*1 TEST AVENUE~N4*ANAHEIM*CA*92801~DMG*D8*20251020*M~",
                "ZZ*1~".repeat(flood)
            )
        };
        let claim = "CLM*P*80***11:B:1*Y*A*Y*Y~HI*ABK:Z00129~LX*1~SV1*HC:99381*80*UN*1***1~DTP*472*D8*20251106~";
        let set = [
            "ST*837*0001*005010X222A1~BHT*0019*00*B*20260116*0930*CH~NM1*41*2*SAMPLE*****46*330897513~PER*IC*DESK*TE*7145550100~\
             NM1*40*2*CALOPTIMA*****46*CALOP~HL*1**20*1~NM1*85*2*CLINIC*****XX*1881546299~N3*1 STREET~N4*ORANGE*CA*928680001~REF*EI*951234567~",
            &subscriber(2, 1, 0),
            &patient(3, 1),
            claim,
            &patient(4, 0),
            claim,
            &subscriber(5, 0, 1_500),
            claim,
            claim,
            &subscriber(6, 0, 0),
            claim,
        ]
        .concat();
        let text = format!(
            "ISA*00*          *00*          *ZZ*SENDER         *ZZ*RECEIVER       *260116*0930*^*00501*000000001*0*T*:~\
             GS*HC*SENDER*RECEIVER*20260116*0930*7*X*005010X222A1~{set}SE*{}*0001~GE*1*7~IEA*1*000000001~",
            set.matches('~').count() + 1
        );
        let survey = survey(&mut text.as_bytes(), &SeverityProfile::default(), &mut |_, _| Vec::new()).unwrap();
        let verdict = survey.sets().next().unwrap();
        assert!(verdict.is_accepted(), "{:?}", verdict.findings);
        let of_claims: Vec<(usize, bool)> = (1..=5)
            .map(|ordinal| (verdict.findings_of(ordinal).len(), verdict.rejected.contains(ordinal)))
            .collect();
        assert_eq!(of_claims, [(1, true), (0, false), (1_500, true), (1_500, true), (0, false)]);
    }
}
