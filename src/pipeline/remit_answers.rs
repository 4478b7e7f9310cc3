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

#[cfg(test)]
mod tests {
    use super::super::acknowledge::acknowledgements;
    use super::super::survey::survey;
    use super::*;
    use crate::clock::Timestamp;
    use crate::config::{AckPolicy, Profile, SeverityProfile};
    use crate::events::fact::RejectReason;
    use crate::ids::{FileDigest, PartnerId, TraceNumber};
    use crate::ledger::{Counter, FileState, Numbers, Progress, Seq};

    /// 835s by their ISA13; the other look-ups are not asked for here.
    struct Index(Vec<RemitRow>);

    impl Remits for Index {
        fn payees_unsent(&self) -> Result<Vec<Npi>, LedgerError> {
            unreachable!()
        }
        fn remits_unsent(&self, _: &Npi, _: Seq, _: Seq, _: usize) -> Result<Vec<RemitRow>, LedgerError> {
            unreachable!()
        }
        fn unsent_by_payee(&self) -> Result<Vec<(Npi, u64)>, LedgerError> {
            unreachable!()
        }
        fn remits_pending(&self, _: Option<(Timestamp, Seq)>, _: usize) -> Result<Vec<RemitRow>, LedgerError> {
            unreachable!()
        }
        fn remits_unanswered(&self, _: &PartnerId, _: Option<Timestamp>) -> Result<u64, LedgerError> {
            unreachable!()
        }
        fn remit(&self, _: Seq) -> Result<Option<RemitRow>, LedgerError> {
            unreachable!()
        }
        fn remits_traced(&self, _: &str) -> Result<Vec<RemitRow>, LedgerError> {
            unreachable!()
        }
        fn remits_numbered(&self, control_number: u32) -> Result<Vec<RemitRow>, LedgerError> {
            Ok(self.0.iter().filter(|row| row.control_number == control_number).cloned().collect())
        }
    }

    fn remit(built: Seq, control_number: u32, partner: Option<&str>) -> RemitRow {
        RemitRow {
            built,
            trace: TraceNumber::new(format!("CS{built:09}")),
            control_number,
            payee_npi: Npi::parse(b"1234567893").unwrap(),
            state: if partner.is_some() { RemitState::Sent } else { RemitState::Unsent },
            partner: partner.map(PartnerId::new),
            sent_at: partner.map(|_| Timestamp::from_unix_seconds(0)),
            ta1: None,
            answer: None,
        }
    }

    fn row() -> FileRow {
        FileRow {
            number: 1,
            file: FileDigest::from_bytes([7; 32]),
            partner: PartnerId::new("officeally"),
            bytes: 0,
            received_at: Timestamp::from_unix_seconds(1_790_000_000),
            state: FileState::Open,
            progress: Progress::default(),
        }
    }

    /// ISA14 asks for a TA1.
    fn interchange(body: &str) -> String {
        let groups = body.matches("GS*").count();
        format!("ISA*00*          *00*          *ZZ*SENDER         *ZZ*RECEIVER       *260116*0930*^*00501*000000001*1*T*:~{body}IEA*{groups}*000000001~")
    }

    fn group(id: &str, sets: &[&str]) -> String {
        let set = |(number, body): (usize, &&str)| {
            let count = body.matches('~').count() + 2;
            format!("ST*999*{:04}*005010X231A1~{body}SE*{count}*{:04}~", number + 1, number + 1)
        };
        let all: String = sets.iter().enumerate().map(set).collect();
        format!("GS*{id}*S*R*20260116*0930*7*X*005010X231A1~{all}GE*{}*7~", sets.len())
    }

    fn surveyed(text: &str) -> Survey {
        survey(&mut text.as_bytes(), &SeverityProfile::default(), &mut |_, _| Vec::new()).unwrap()
    }

    #[test]
    fn an_answer_is_believed_from_the_partner_that_has_the_835() {
        use RemitVerdict::{Accepted, AcceptedWithErrors, Rejected};
        let index = Index(vec![
            remit(1, 41, Some("officeally")),
            remit(2, 42, Some("change")),
            remit(3, 43, None),
            // Numbers began again.
            remit(4, 41, Some("officeally")),
            remit(5, 44, Some("officeally")),
            remit(6, 44, Some("change")),
        ]);
        let ta1 = |number: u32, code: &str| format!("TA1*{number:09}*260116*0930*{code}~");
        let said = |set: &str| interchange(&group("FA", &[set]));
        for (text, expected, outcome) in [
            (said("AK1*HP*41~AK2*835*0001~IK5*A~AK9*A*1*1*1~"), Some((4, Accepted, "")), Outcome::Accepted),
            (said("AK1*HP*000041~AK9*A*1*1*1~"), Some((4, Accepted, "")), Outcome::Accepted),
            (said("AK1*HP*44~AK9*E*1*1*1~"), Some((5, AcceptedWithErrors, "")), Outcome::AcceptedWithErrors),
            // The worse of the two holds.
            (
                said("AK1*HP*41~AK2*835*0001~IK5*R*5~AK9*A*1*1*1~"),
                Some((4, Rejected, "IK502:5")),
                Outcome::Rejected,
            ),
            (
                said("AK1*HP*41~AK2*835*0001~IK5*A~AK9*R*1*1*0*4~"),
                Some((4, Rejected, "AK905:4")),
                Outcome::Rejected,
            ),
            (said("AK1*HP*41~AK9*P*1*1*0~"), Some((4, Rejected, "")), Outcome::Rejected),
            (said("AK1*HP*41~AK2*835*0002~IK5*A~AK9*A*1*1*1~"), None, Outcome::Unmatched),
            (said("AK1*HP*41~AK2*837*0001~IK5*A~AK9*A*1*1*1~"), None, Outcome::Unmatched),
            (said("AK1*HN*41~AK9*A*1*1*1~"), None, Outcome::Other),
            (said("AK1*HP*42~AK9*R*1*1*0~"), None, Outcome::Foreign),
            (said("AK1*HP*43~AK9*A*1*1*1~"), None, Outcome::Unmatched),
            (said("AK1*HP*99~AK9*A*1*1*1~"), None, Outcome::Unmatched),
            (said("AK1*HP*X41~AK9*A*1*1*1~"), None, Outcome::Unmatched),
            (interchange(&ta1(41, "A*000")), Some((4, Accepted, "")), Outcome::Accepted),
            (interchange(&ta1(41, "R*025")), Some((4, Rejected, "TA1:025")), Outcome::Rejected),
            (
                interchange(&ta1(44, "E*018")),
                Some((5, AcceptedWithErrors, "TA1:018")),
                Outcome::AcceptedWithErrors,
            ),
            (interchange(&ta1(42, "R*025")), None, Outcome::Foreign),
            (interchange(&ta1(43, "R*025")), None, Outcome::Unmatched),
            // Perhaps one of our acknowledgements.
            (interchange(&ta1(99, "A*000")), None, Outcome::Other),
        ] {
            let survey = surveyed(&text);
            assert_eq!(survey.rejection(), None, "{text}");
            let found = find(&index, &row(), &survey).unwrap();
            let facts: Vec<_> = (found.facts.iter())
                .map(|fact| match fact {
                    Fact::RemitAcknowledged(answer) => {
                        let codes: Vec<String> = answer.codes.iter().map(ToString::to_string).collect();
                        (answer.built, answer.verdict, codes.join(" "))
                    }
                    other => panic!("{other:?}"),
                })
                .collect();
            let expected: Vec<_> = expected
                .into_iter()
                .map(|(built, verdict, codes)| (built, verdict, codes.to_string()))
                .collect();
            assert_eq!(facts, expected, "{text}");
            let outcomes: Vec<_> = found.outcomes.iter().map(|(outcome, (count, _))| (*outcome, *count)).collect();
            assert_eq!(outcomes, [(outcome, 1)], "{text}");
        }
    }

    #[test]
    fn what_answers_is_not_answered() {
        let good = "AK1*HP*41~AK9*A*1*1*1~";
        let ta1 = "TA1*000000041*260116*0930*A*000~";
        let claims = "GS*HC*S*R*20260116*0930*8*X*005010X222A1~ST*837*0001*005010X222A1~SE*2*0001~GE*1*8~";
        let mut profile = Profile::default();
        profile.ack.ta1 = AckPolicy::Always;
        let envelope = Some(RejectReason::Envelope);
        for (text, rejection, answers) in [
            (interchange(&group("FA", &[good])), None, ""),
            (interchange(&group("FA", &[good, "AK9*A*1*1*1~"])), None, ""),
            (interchange(&group("FA", &["AK9*A*1*1*1~"])), envelope, ""),
            (interchange(&group("FA", &[])), envelope, ""),
            (interchange(&group("HC", &[good])).replace("X231A1~ST", "X222A1~ST"), envelope, ""),
            (interchange(ta1), None, ""),
            (interchange(&ta1.replace("*A*", "*?*")), Some(RejectReason::Empty), ""),
            (interchange(&format!("{ta1}{claims}")), None, "ta1 999"),
            (interchange(&format!("{claims}{}", group("FA", &[good]))), None, "ta1 999"),
            // Envelopes that can't be read.
            (interchange(&group("FA", &[good])).replace("IEA*1", "IEA*3"), envelope, "ta1"),
            (interchange(ta1).replace("IEA*0", "IEA*3"), envelope, ""),
            (
                interchange(&group("FA", &[good])).replace("IEA*1*000000001~", ""),
                Some(RejectReason::Truncated),
                "ta1",
            ),
            (interchange(ta1).replace("IEA*0*000000001~", ""), Some(RejectReason::Truncated), ""),
        ] {
            let survey = surveyed(&text);
            let rejected = survey.rejection().map(|(reason, _)| reason);
            assert_eq!(rejected, rejection, "{text}");
            let mut numbers = Numbers::first(Counter::Interchange);
            let facts = acknowledgements(&mut numbers, &row(), &profile, &survey, rejected, &[], Timestamp::from_unix_seconds(0));
            let kinds: Vec<&str> = facts
                .iter()
                .map(|fact| match fact {
                    Fact::AckBuilt(ack) => ack.kind().as_str(),
                    other => panic!("{other:?}"),
                })
                .collect();
            assert_eq!(kinds.join(" "), answers, "{text}");
        }
    }

    #[test]
    fn a_payee_answers_through_the_partner_that_carries_its_835s() {
        let text = "[[partner]]\nid = \"officeally\"\nisa_sender = \"ZZ:330897513\"\nisa_receiver = \"ZZ:CALOPTIMA\"\n\
                    [partner.remit]\npayees = [\"1234567893\"]\n[partner.folder]\nin = \"i\"\nout = \"o\"";
        let config = Config::parse("test", text, std::iter::empty()).unwrap();
        let partner = config.partners.first().unwrap();
        let good = interchange(&group("FA", &["AK1*HP*41~AK9*A*1*1*1~"]));
        let both = interchange(&format!(
            "{}GS*HC*S*R*20260116*0930*8*X*005010X222A1~GE*0*8~",
            group("FA", &["AK1*HP*41~AK9*A*1*1*1~"])
        ));
        for (text, sender, receiver, admitted) in [
            (&good, "1234567893", "CALOP", true),
            (&good, "1234567893", "CALOPTIMA", true),
            (&good, "330897513", "CALOP", true),
            (&good, "1881546299", "CALOP", false),
            (&good, "1234567893", "STRANGER", false),
            (&good, "STRANGER", "CALOP", false),
            // Claims come under the agreed names only.
            (&both, "1234567893", "CALOP", false),
        ] {
            let text = text
                .replace("SENDER         ", &format!("{sender:<15}"))
                .replace("RECEIVER       ", &format!("{receiver:<15}"));
            let mut survey = survey(&mut text.as_bytes(), &SeverityProfile::default(), &mut |_, at| {
                vec![crate::finding::Finding::new(Check::S104, ReportCode::Ta1(6), at)]
            })
            .unwrap();
            admit_answering_parties(&mut survey, &config, partner);
            assert_eq!(survey.rejection().is_none(), admitted, "{sender} to {receiver}");
        }
    }
}
