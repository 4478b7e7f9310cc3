//! Pass 1: walks every interchange to its IEA before anything is decided, so that a wrong count on
//! the last line can't undo decisions. Memory is bounded: verdicts per set, one bit per claim, and at
//! most [`limits::FINDINGS_PER_FILE_MAX`] findings.

use std::io::Read;

use super::reading::{ReadError, for_each_segment};
use super::verdict::{ClaimFinding, ClaimSet, GroupVerdict, InterchangeVerdict, SetVerdict, Survey};
use crate::config::SeverityProfile;
use crate::envelope::{EnvelopeReader, Event};
use crate::finding::{Finding, Severity};
use crate::guide::walker::{Placed, Walker};
use crate::limits;
use crate::loop_id::LoopId;
use crate::position::Position;
use crate::tables::guides::{GuideError, guide};
use crate::x12::segment::Segment;
use crate::x12::tokenizer::TokenError;

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
        set_is_rejected: false,
        severity,
        kept: 0,
    };
    let mut end = 0;
    let read = for_each_segment(input, |segment| {
        end = segment.at.byte + u64::from(segment.at.length) + 1;
        surveyor.accept(segment, extra)
    });
    match read {
        Ok(()) => {}
        Err(SurveyError::NotX12(error)) => surveyor.survey.stopped = Some(error),
        Err(error) => return Err(error),
    }
    let events = surveyor.envelope.finish(end);
    for event in events {
        surveyor.event(event, None, extra)?;
    }
    Ok(surveyor.survey)
}

struct Surveyor<'a> {
    survey: Survey,
    envelope: EnvelopeReader,
    set: Option<SetScopes<'static>>,
    set_is_rejected: bool,
    severity: &'a SeverityProfile,
    kept: usize,
}

impl Surveyor<'_> {
    fn accept(&mut self, segment: &Segment<'_>, extra: &mut dyn FnMut(&crate::envelope::Interchange, Position) -> Vec<Finding>) -> Result<(), SurveyError> {
        let is_trailer = segment.is("SE");
        if is_trailer {
            self.walk(segment);
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
        match event {
            Event::InterchangeBegan(interchange, mut findings) => {
                if let Some(segment) = segment {
                    findings.extend(extra(&interchange, segment.position_of(None, 13)));
                }
                let findings = self.keep_verdict(findings);
                self.survey.interchanges.push(InterchangeVerdict {
                    interchange,
                    findings,
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
                };
                if let Some(group) = self.survey.interchanges.last_mut().and_then(|interchange| interchange.groups.last_mut()) {
                    group.sets.push(verdict);
                }
            }
            Event::SetEnded { segments, findings } => {
                self.set = None;
                let findings = self.keep_verdict(findings);
                if let Some(set) = self.current_set() {
                    set.segments = segments;
                    set.findings.extend(findings);
                    give_the_set_what_no_claim_has(set);
                    set.claim_findings.sort_by_key(|finding| finding.first);
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

    /// Applies the partner's severities and the bound on kept findings.
    fn keep(&mut self, mut findings: Vec<Finding>) -> Vec<Finding> {
        let severity = self.severity;
        findings.retain_mut(|finding| {
            finding.severity = severity.severity(finding.check);
            finding.severity != Severity::Ignore
        });
        let room = limits::FINDINGS_PER_FILE_MAX.saturating_sub(self.kept);
        if findings.len() > room {
            self.survey.findings_dropped += (findings.len() - room) as u64;
            findings.truncate(room);
        }
        self.kept += findings.len();
        findings
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
            let (claims, is_flawed, ended) = (scopes.claims, scopes.is_flawed(), scopes.ended(loop_id, starts_loop));
            if let Some(ended) = ended
                && let Some(set) = self.current_set()
            {
                end_open_findings(set, ended, claims);
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
        let (severity, mut set_findings) = (self.severity, Vec::new());
        let mut claim_findings = Vec::new();
        for mut finding in findings {
            finding.severity = severity.severity(finding.check);
            let Some(scopes) = &mut self.set else { continue };
            match scopes.scope_of(finding.position.loop_id, finding.rejects()) {
                Scope::Set => set_findings.push(finding),
                Scope::Claims { first, last } => {
                    if finding.rejects()
                        && let Some(set) = self.current_set()
                    {
                        (first..=last.min(set.claims)).for_each(|ordinal| set.rejected.insert(ordinal));
                    }
                    claim_findings.push((first, last, finding));
                }
            }
        }
        let set_findings = if self.set_is_rejected {
            self.keep(set_findings)
        } else {
            self.keep_verdict(set_findings)
        };
        self.set_is_rejected |= set_findings.iter().any(Finding::rejects);
        let spans: Vec<(u32, u32)> = claim_findings.iter().map(|(first, last, _)| (*first, *last)).collect();
        let kept = self.keep(claim_findings.into_iter().map(|(_, _, finding)| finding).collect());
        if let Some(set) = self.current_set() {
            set.findings.extend(set_findings);
            set.claim_findings.extend(
                spans
                    .into_iter()
                    .zip(kept)
                    .map(|((first, last), finding)| ClaimFinding { first, last, finding }),
            );
        }
    }

    fn current_set(&mut self) -> Option<&mut SetVerdict> {
        self.survey.interchanges.last_mut()?.groups.last_mut()?.sets.last_mut()
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

/// A finding about a subscriber or patient concerns the claims up to the next one.
fn end_open_findings(set: &mut SetVerdict, ended: Ended, claims: u32) {
    for open in set
        .claim_findings
        .iter_mut()
        .rev()
        .take(limits::OPEN_FINDINGS_MAX)
        .filter(|finding| finding.last == u32::MAX)
    {
        let is_patients = matches!(open.finding.position.loop_id, Some(LoopId::L2000C | LoopId::L2010CA));
        if ended == Ended::Subscriber || is_patients {
            open.last = claims;
        }
    }
}

enum Scope {
    Set,
    /// `last` is open (`u32::MAX`) when claims still to come are meant too.
    Claims {
        first: u32,
        last: u32,
    },
}

impl<'g> SetScopes<'g> {
    fn new(walker: Walker<'g>) -> SetScopes<'g> {
        SetScopes {
            walker,
            claims: 0,
            subscriber_first: 1,
            patient_first: 1,
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
                    last: u32::MAX,
                }
            }
            Some(LoopId::L2000C | LoopId::L2010CA) => {
                self.patient_is_flawed |= rejects;
                Scope::Claims {
                    first: self.patient_first,
                    last: u32::MAX,
                }
            }
            Some(loop_id) if loop_id.belongs_to_a_claim() && self.claims > 0 => Scope::Claims {
                first: self.claims,
                last: self.claims,
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
}
