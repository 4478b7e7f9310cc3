//! What pass 1 found out about a file: which interchanges, groups, sets and claims may go on.

use crate::acks::read_999::{AnsweredGroup, AnsweredSet};
use crate::acks::ta1::AnsweredInterchange;
use crate::envelope::{Group, Interchange, TransactionSet};
use crate::events::fact::RejectReason;
use crate::finding::{Check, Finding, ReportCode};
use crate::ids::Form;
use crate::position::{Position, SegmentTag};
use crate::x12::tokenizer::{TokenError, TokenErrorKind};

/// The verdict on a whole file.
#[derive(Debug, Default)]
pub struct Survey {
    pub interchanges: Vec<InterchangeVerdict>,
    /// Where the bytes stopped being X12. Then no claim is let in.
    pub stopped: Option<TokenError>,
    /// Findings beyond [`crate::limits::FINDINGS_PER_FILE_MAX`] that were counted and not kept.
    pub findings_dropped: u64,
}

/// One interchange.
#[derive(Debug)]
pub struct InterchangeVerdict {
    pub interchange: Interchange,
    pub findings: Vec<Finding>,
    /// What it says of interchanges of ours, each with its place; `None` where that can't be read.
    pub ta1s: Vec<(u64, Option<AnsweredInterchange>)>,
    pub groups: Vec<GroupVerdict>,
}

/// One functional group.
#[derive(Debug)]
pub struct GroupVerdict {
    pub group: Group,
    pub findings: Vec<Finding>,
    pub sets: Vec<SetVerdict>,
}

/// One transaction set.
#[derive(Debug)]
pub struct SetVerdict {
    pub set: TransactionSet,
    pub form: Option<Form>,
    /// About the set itself.
    pub findings: Vec<Finding>,
    /// About its claims, ordered by the first claim they concern.
    pub claim_findings: Vec<ClaimFinding>,
    pub segments: u32,
    pub claims: u32,
    pub rejected: ClaimSet,
    /// Of a 999 that can be read.
    pub answer: Option<Box<ReceivedAnswer>>,
}

/// What a 999 says of a group of ours, and of the one set in it where that was an 835 ([`OUR_SET`]).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReceivedAnswer {
    pub group: AnsweredGroup,
    pub set: Option<AnsweredSet>,
    /// Sets it names that we did not send in an 835's group.
    pub other_sets: u32,
}

/// ST01 and ST02 of our 835s: each has a group and an interchange of its own.
pub const OUR_SET: (&str, &str) = ("835", "0001");

/// A structural finding and the claims it concerns: one, or all of a subscriber.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClaimFinding {
    pub first: u32,
    pub last: u32,
    /// The furthest `last` of this and all findings before it.
    pub reach: u32,
    pub finding: Finding,
}

impl Survey {
    pub fn claims(&self) -> u64 {
        self.sets().map(|set| u64::from(set.claims)).sum()
    }

    pub fn sets(&self) -> impl Iterator<Item = &SetVerdict> {
        self.interchanges
            .iter()
            .flat_map(|interchange| &interchange.groups)
            .flat_map(|group| &group.sets)
    }

    /// The file lets no claim in, and why. `None` when at least one claim may go on or was rejected on
    /// its own.
    pub fn rejection(&self) -> Option<(RejectReason, u64)> {
        if let Some(error) = &self.stopped {
            let reason = match error.kind {
                TokenErrorKind::Truncated if !self.interchanges.is_empty() => RejectReason::Truncated,
                TokenErrorKind::TooManyEnvelopes => RejectReason::Envelope,
                _ => RejectReason::NotX12,
            };
            return Some((reason, error.byte));
        }
        let Some(first) = self.interchanges.first() else {
            return Some((RejectReason::Empty, 0));
        };
        if let Some(finding) = self
            .interchanges
            .iter()
            .flat_map(|interchange| &interchange.findings)
            .find(|finding| finding.code == ReportCode::Ta1(23))
        {
            return Some((RejectReason::Truncated, finding.position.byte));
        }
        if self.open_sets() == 0 && !self.has_answers() {
            let duplicate = self.interchanges.iter().all(|interchange| interchange.note() == Some(25));
            let reason = if duplicate {
                RejectReason::DuplicateControlNumber
            } else if self.claims() == 0
                && self.interchanges.iter().all(InterchangeVerdict::is_accepted)
                && self.interchanges.iter().all(|interchange| interchange.groups.is_empty())
            {
                RejectReason::Empty
            } else {
                RejectReason::Envelope
            };
            return Some((reason, first.interchange.byte));
        }
        None
    }

    /// Where the bytes stopped being X12, as a finding; an interchange that only ends too early has its
    /// own (TA1 023).
    pub fn stop_finding(&self) -> Option<Finding> {
        let stopped = self.stopped?;
        let (check, segment) = match stopped.kind {
            TokenErrorKind::Truncated if !self.interchanges.is_empty() => return None,
            TokenErrorKind::ExpectedIsa | TokenErrorKind::Separators(_) | TokenErrorKind::Truncated => (Check::S101, "ISA"),
            TokenErrorKind::SegmentTooLong | TokenErrorKind::TooManyElements => (Check::S111, ""),
            TokenErrorKind::TooManyEnvelopes => (Check::S101, ""),
        };
        let position = Position {
            loop_id: None,
            segment: SegmentTag::of(segment),
            ordinal: 0,
            element: 0,
            component: 0,
            byte: stopped.byte,
        };
        Some(Finding::new(check, ReportCode::Ta1(22), position))
    }

    /// Findings that reject something above the claims.
    pub fn findings_that_reject(&self) -> usize {
        let groups = || self.interchanges.iter().flat_map(|interchange| &interchange.groups);
        let envelopes = self
            .interchanges
            .iter()
            .flat_map(|interchange| &interchange.findings)
            .chain(groups().flat_map(|group| &group.findings));
        envelopes
            .chain(self.sets().flat_map(|set| &set.findings))
            .filter(|finding| finding.rejects())
            .count()
    }

    /// There is something in it that answers what we sent.
    pub fn has_answers(&self) -> bool {
        let accepted = self.interchanges.iter().filter(|interchange| interchange.is_accepted());
        accepted
            .into_iter()
            .any(|interchange| interchange.ta1s.iter().any(|(_, ta1)| ta1.is_some()) || interchange.answers().next().is_some())
    }

    /// Sets whose claims may go on.
    pub fn open_sets(&self) -> usize {
        self.interchanges
            .iter()
            .filter(|interchange| interchange.is_accepted())
            .flat_map(|interchange| &interchange.groups)
            .map(GroupVerdict::open_sets)
            .sum()
    }
}

impl InterchangeVerdict {
    pub fn is_accepted(&self) -> bool {
        !self.findings.iter().any(Finding::rejects)
    }

    /// Nothing in it but acknowledgements of what we sent: those are not acknowledged.
    pub fn only_answers(&self) -> bool {
        let has_any = !self.ta1s.is_empty() || !self.groups.is_empty();
        has_any && self.groups.iter().all(GroupVerdict::is_answer)
    }

    /// The 999s in it that can be read and are not rejected, each with its place.
    pub fn answers(&self) -> impl Iterator<Item = (u64, &ReceivedAnswer)> {
        let groups = self.groups.iter().filter(|group| group.is_accepted());
        let sets = groups.flat_map(|group| &group.sets).filter(|set| !set.findings.iter().any(Finding::rejects));
        sets.filter_map(|set| Some((set.set.byte, set.answer.as_deref()?)))
    }

    /// TA105 of the first finding that rejects.
    pub fn note(&self) -> Option<u16> {
        self.findings.iter().filter(|finding| finding.rejects()).find_map(|finding| match finding.code {
            ReportCode::Ta1(note) => Some(note),
            ReportCode::Group(_) | ReportCode::Set(_) | ReportCode::Segment(_) | ReportCode::Element(_) | ReportCode::Status(_) => None,
        })
    }
}

impl GroupVerdict {
    pub fn is_accepted(&self) -> bool {
        !self.findings.iter().any(Finding::rejects)
    }

    /// It holds acknowledgements of what we sent, or what was meant for them.
    pub fn is_answer(&self) -> bool {
        self.group.has_acknowledgements() || (!self.sets.is_empty() && self.sets.iter().all(|set| set.set.is_acknowledgement()))
    }

    fn open_sets(&self) -> usize {
        if self.is_accepted() {
            self.sets.iter().filter(|set| set.is_accepted()).count()
        } else {
            0
        }
    }
}

impl SetVerdict {
    pub fn is_accepted(&self) -> bool {
        self.form.is_some() && !self.findings.iter().any(Finding::rejects)
    }

    /// The structural findings about one claim, in reading order.
    pub fn findings_of(&self, ordinal: u32) -> Vec<Finding> {
        let end = self.claim_findings.partition_point(|finding| finding.first <= ordinal);
        let before = self.claim_findings.get(..end).unwrap_or_default();
        let reaching = before.iter().rev().take_while(|finding| ordinal <= finding.reach);
        let mut found: Vec<Finding> = reaching.filter(|finding| ordinal <= finding.last).map(|finding| finding.finding).collect();
        found.reverse();
        found
    }
}

/// A set of claim ordinals, one bit each: a million claims are 125 kB.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct ClaimSet {
    words: Vec<u64>,
}

impl ClaimSet {
    pub fn insert(&mut self, ordinal: u32) {
        let (word, bit) = ((ordinal / 64) as usize, ordinal % 64);
        if word >= self.words.len() {
            self.words.resize(word + 1, 0);
        }
        if let Some(word) = self.words.get_mut(word) {
            *word |= 1 << bit;
        }
    }

    pub fn contains(&self, ordinal: u32) -> bool {
        self.words.get((ordinal / 64) as usize).is_some_and(|word| word & (1 << (ordinal % 64)) != 0)
    }

    pub fn len(&self) -> u32 {
        self.words.iter().map(|word| word.count_ones()).sum()
    }

    pub fn is_empty(&self) -> bool {
        self.words.iter().all(|word| *word == 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_claim_set_keeps_its_ordinals() {
        let mut set = ClaimSet::default();
        assert!(set.is_empty());
        for ordinal in [1, 64, 65, 1000, 64] {
            set.insert(ordinal);
        }
        assert_eq!((set.len(), set.contains(64), set.contains(63), set.contains(100_000)), (4, true, false, false));
    }
}
