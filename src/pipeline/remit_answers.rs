//! 999s and TA1s that answer our 835s: found by the control number, and believed only from the partner that
//! has the 835.

use std::collections::BTreeMap;

use super::tally;
use super::verdict::{ReceivedAnswer, Survey};
use crate::acks::ack_999::SetVerdict;
use crate::acks::read_999::GroupVerdict;
use crate::acks::ta1::{AnsweredInterchange, InterchangeVerdict};
use crate::config::{Config, Partner};
use crate::envelope::Interchange;
use crate::events::fact::{AnsweredBy, Fact, RemitAcknowledged, RemitVerdict};
use crate::finding::{Check, ReportCode};
use crate::ids::Npi;
use crate::ledger::remits::{RemitRow, RemitState, Remits};
use crate::ledger::{FileRow, LedgerError};

/// GS01 of 835s.
const REMITTANCES: &str = "HP";

/// What became of one answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Outcome {
    Accepted,
    AcceptedWithErrors,
    Rejected,
    /// About something else that we send.
    Other,
    /// About an 835 that no partner has, or none that there is.
    Unmatched,
    /// About an 835 that another partner has.
    Foreign,
    Unreadable,
}

impl Outcome {
    pub const ALL: [Outcome; 7] = [
        Outcome::Accepted,
        Outcome::AcceptedWithErrors,
        Outcome::Rejected,
        Outcome::Other,
        Outcome::Unmatched,
        Outcome::Foreign,
        Outcome::Unreadable,
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            Outcome::Accepted => RemitVerdict::Accepted.as_str(),
            Outcome::AcceptedWithErrors => RemitVerdict::AcceptedWithErrors.as_str(),
            Outcome::Rejected => RemitVerdict::Rejected.as_str(),
            Outcome::Other => "other",
            Outcome::Unmatched => "unmatched",
            Outcome::Foreign => "foreign",
            Outcome::Unreadable => "unreadable",
        }
    }

    fn of(verdict: RemitVerdict) -> Outcome {
        match verdict {
            RemitVerdict::Accepted => Outcome::Accepted,
            RemitVerdict::AcceptedWithErrors => Outcome::AcceptedWithErrors,
            RemitVerdict::Rejected => Outcome::Rejected,
        }
    }
}

/// The answers of one file.
#[derive(Debug, Default)]
pub struct RemitAnswers {
    /// For the journal.
    pub facts: Vec<Fact>,
    /// How many there were of each, and where the first stands.
    outcomes: BTreeMap<Outcome, (u64, u64)>,
}

/// Finds the 835s that a file answers.
///
/// # Errors
/// [`LedgerError`].
pub fn find(ledger: &impl Remits, row: &FileRow, survey: &Survey) -> Result<RemitAnswers, LedgerError> {
    let mut found = RemitAnswers::default();
    for interchange in survey.interchanges.iter().filter(|interchange| interchange.is_accepted()) {
        for (byte, ta1) in &interchange.ta1s {
            match ta1 {
                Some(ta1) => found.add(ledger, row, *byte, &Said::by_ta1(ta1))?,
                None => found.count(Outcome::Unreadable, *byte),
            }
        }
        for group in interchange.groups.iter().filter(|group| group.group.has_acknowledgements()) {
            let unreadable = group.sets.iter().filter(|set| set.answer.is_none());
            unreadable.for_each(|set| found.count(Outcome::Unreadable, set.set.byte));
        }
        for (byte, answer) in interchange.answers() {
            match Said::by_999(answer) {
                Some(said) => found.add(ledger, row, byte, &said)?,
                None => found.count(Outcome::Other, byte),
            }
        }
    }
    Ok(found)
}

impl RemitAnswers {
    fn add(&mut self, ledger: &impl Remits, row: &FileRow, byte: u64, said: &Said) -> Result<(), LedgerError> {
        let rows = match said.control_number {
            Some(number) => ledger.remits_numbered(number)?,
            None => Vec::new(),
        };
        let is_theirs = |remit: &&RemitRow| remit.partner.as_ref() == Some(&row.partner) && remit.state != RemitState::Unsent;
        // Numbers that began again are those of the last 835 that has them.
        match rows.iter().rev().find(is_theirs) {
            Some(remit) => {
                self.count(Outcome::of(said.verdict), byte);
                self.facts.push(Fact::RemitAcknowledged(Box::new(RemitAcknowledged {
                    trace: remit.trace.clone(),
                    control_number: remit.control_number,
                    payee_npi: remit.payee_npi,
                    partner: row.partner.clone(),
                    built: remit.built,
                    file: row.file,
                    byte,
                    by: said.by,
                    verdict: said.verdict,
                    codes: said.codes.clone(),
                    acknowledged_at: row.received_at,
                })));
            }
            None if rows.iter().any(|remit| remit.partner.is_some()) => self.count(Outcome::Foreign, byte),
            // A TA1 may be about our acknowledgements, which have numbers of the same counter.
            None if said.by == AnsweredBy::Ta1 && rows.is_empty() => self.count(Outcome::Other, byte),
            None => self.count(Outcome::Unmatched, byte),
        }
        Ok(())
    }

    fn count(&mut self, outcome: Outcome, byte: u64) {
        self.outcomes.entry(outcome).or_insert((0, byte)).0 += 1;
    }

    /// Says what was found, once it is in the journal: numbers and places, never what stands there.
    pub fn report(&self, row: &FileRow) {
        for (outcome, (count, first_byte)) in &self.outcomes {
            tally::remits_answered(&row.partner, *outcome, *count);
            let (count, outcome) = (*count, outcome.as_str());
            match outcome {
                "accepted" | "other" => tracing::info!(outcome, count, first_byte, "answers to what was sent"),
                _ => tracing::warn!(outcome, count, first_byte, "answers to what was sent"),
            }
        }
    }
}

/// What a TA1 or a 999 says of an 835.
struct Said {
    /// `None`: of no set that we send.
    control_number: Option<u32>,
    by: AnsweredBy,
    verdict: RemitVerdict,
    codes: Vec<ReportCode>,
}

impl Said {
    fn by_ta1(ta1: &AnsweredInterchange) -> Said {
        let (verdict, codes) = match ta1.verdict {
            InterchangeVerdict::Accepted => (RemitVerdict::Accepted, Vec::new()),
            InterchangeVerdict::AcceptedWithErrors(note) => (RemitVerdict::AcceptedWithErrors, vec![ReportCode::Ta1(note)]),
            InterchangeVerdict::Rejected(note) => (RemitVerdict::Rejected, vec![ReportCode::Ta1(note)]),
        };
        Said {
            control_number: Some(ta1.control_number),
            by: AnsweredBy::Ta1,
            verdict,
            codes,
        }
    }

    /// `None`: about a group that is not of 835s. The worse of what is said of the group and of its one set
    /// holds.
    fn by_999(answer: &ReceivedAnswer) -> Option<Said> {
        let group = &answer.group;
        if group.functional_id != REMITTANCES {
            return None;
        }
        let of_group = match group.verdict {
            GroupVerdict::Accepted => RemitVerdict::Accepted,
            GroupVerdict::AcceptedWithErrors => RemitVerdict::AcceptedWithErrors,
            // One of one set.
            GroupVerdict::PartlyAccepted if answer.set.is_none() => RemitVerdict::Rejected,
            GroupVerdict::PartlyAccepted => RemitVerdict::AcceptedWithErrors,
            GroupVerdict::Rejected => RemitVerdict::Rejected,
        };
        let of_set = answer.set.as_ref().map(|set| match set.verdict {
            SetVerdict::Accepted => RemitVerdict::Accepted,
            SetVerdict::AcceptedWithErrors => RemitVerdict::AcceptedWithErrors,
            SetVerdict::Rejected => RemitVerdict::Rejected,
        });
        let codes_of_set = answer.set.iter().flat_map(|set| &set.codes).map(|code| ReportCode::Set(*code));
        let is_about_ours = answer.set.is_some() || answer.other_sets == 0;
        Some(Said {
            control_number: group.control_number.as_str().parse().ok().filter(|_| is_about_ours),
            by: AnsweredBy::Implementation,
            verdict: of_set.map_or(of_group, |of_set| of_set.max(of_group)),
            codes: group.codes.iter().map(|code| ReportCode::Group(*code)).chain(codes_of_set).collect(),
        })
    }
}

/// Takes off what was found wrong with the parties of interchanges that hold nothing but answers, where they
/// are those of our 835s turned round: from a payee whose 835s the partner carries, to us.
pub fn admit_answering_parties(survey: &mut Survey, config: &Config, partner: &Partner) {
    for interchange in survey.interchanges.iter_mut().filter(|interchange| interchange.only_answers()) {
        if is_answer_to_ours(&interchange.interchange, config, partner) {
            let is_about_parties = |code: ReportCode| matches!(code, ReportCode::Ta1(6 | 8));
            interchange
                .findings
                .retain(|finding| finding.check != Check::S104 || !is_about_parties(finding.code));
        }
    }
}

fn is_answer_to_ours(interchange: &Interchange, config: &Config, partner: &Partner) -> bool {
    let payee = interchange.sender.strip_prefix("ZZ:").and_then(|id| Npi::parse(id.as_bytes()).ok());
    let is_their_sender = interchange.sender == partner.isa_sender.to_string() || payee.is_some_and(|payee| partner.remit.payees.have(&payee));
    let to_us = [partner.isa_receiver, config.payer.receiver_id];
    is_their_sender && to_us.iter().any(|party| party.to_string() == interchange.receiver.as_str())
}
