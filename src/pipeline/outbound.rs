//! What leaves when everything is decided: acknowledgements and 835s, and the events that
//! [`super::outbox`] has not published by then.
//!
//! Files and events have a position each, so events that can't leave now do not hold up the files. A
//! round is released or published as one step, and then its position moves in the ledger together with
//! the facts that the round itself made (a remittance was delivered, a unit was put aside). A crash in
//! between repeats the round to the same bytes.

use std::borrow::Cow;
use std::io::Write;

use rayon::prelude::*;
use tracing::field::Empty;

use super::answer_writer::{AnswerError, write_acknowledgement, write_remittance};
use super::house::House;
use super::outbox::{ROUND, Step, dead_letter, events_delivery};
use super::tally::AnswerTally;
use crate::clock::Timestamp;
use crate::config::Config;
use crate::delivery::FILES_DELIVERY;
use crate::delivery::files::{OutboundFiles, Staged, release};
use crate::delivery::sink::SinkError;
use crate::events::fact::{DeadReason, DeadUnit, Fact, RemitDelivered};
use crate::ledger::sqlite::SqliteLedger;
use crate::ledger::{Batch, Delivered, Ledger, LedgerError, Seq, reach};
use crate::limits;

/// What left in one call.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Delivery {
    pub events: u64,
    pub acknowledgements: u64,
    pub remittances: u64,
    /// Units that were put aside, and those of them that would have been wrong.
    pub dead_letters: u64,
    pub unbalanced: u64,
}

/// Why delivery stopped. What was recorded stays delivered; the rest waits.
#[derive(Debug, thiserror::Error)]
pub enum OutboundError {
    #[error("{waiting} journal entries wait in the outbox, nothing is lost; they leave with the next `claimstream ingest`{}", source.hint())]
    Events { waiting: u64, source: SinkError },
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    #[error("an outbound file was not released")]
    Answer(#[from] AnswerError),
}

impl OutboundError {
    /// What is stored contradicts itself (exit 5), as against I/O trouble (exit 1).
    pub fn is_integrity_failure(&self) -> bool {
        match self {
            OutboundError::Ledger(error) | OutboundError::Answer(AnswerError::Ledger(error)) => error.is_integrity_failure(),
            OutboundError::Answer(answer) => answer.is_about_the_answer(),
            OutboundError::Events { .. } => false,
        }
    }
}

/// Delivers everything that the journal has and the outside has not. `progress` is told the position
/// and the end.
///
/// # Errors
/// [`OutboundError`].
pub fn deliver(house: &mut House, progress: &dyn Fn(Seq, Seq)) -> Result<Delivery, OutboundError> {
    let mut total = Delivery::default();
    let delivering = tracing::info_span!("deliver", acknowledgements = Empty, remittances = Empty, events = Empty).entered();
    deliver_files(house, &mut total, progress)?;
    let events = deliver_events(house, &mut total, progress);
    delivering.record("acknowledgements", total.acknowledgements);
    delivering.record("remittances", total.remittances);
    delivering.record("events", total.events);
    close_files(house)?;
    events.map(|()| total)
}

/// Journal entries that have not left in full, as the ledger knows.
///
/// # Errors
/// [`LedgerError`].
pub fn lag(house: &House) -> Result<u64, LedgerError> {
    let (files, events) = lags(&house.ledger, &house.config)?;
    Ok(files.max(events))
}

/// The same for files and for events.
///
/// # Errors
/// [`LedgerError`].
pub fn lags(ledger: &impl Ledger, config: &Config) -> Result<(u64, u64), LedgerError> {
    let last = ledger.last_seq()?;
    let behind = |delivery: &str| Ok::<u64, LedgerError>(last.saturating_sub(ledger.delivered(delivery)?.unwrap_or_default().seq));
    Ok((behind(FILES_DELIVERY)?, behind(&events_delivery(config))?))
}

/// Releases the answers that wait.
fn deliver_files(house: &mut House, total: &mut Delivery, progress: &dyn Fn(Seq, Seq)) -> Result<(), OutboundError> {
    let mut released = house.ledger.delivered(FILES_DELIVERY)?.unwrap_or_default();
    loop {
        let answers = house.ledger.answers(released.seq, limits::FILES_RELEASED_AT_ONCE)?;
        let Some((last, _)) = answers.last() else { break };
        released.seq = *last;
        let facts = publish_files(house, &answers, total)?;
        record(house, facts, Some(&released))?;
        progress(released.seq, house.ledger.last_seq()?);
    }
    Ok(())
}

/// Moves the position of files to the end of the journal: no answer stands beyond the last one released,
/// and what events made has none.
fn close_files(house: &mut House) -> Result<(), OutboundError> {
    let mut released = house.ledger.delivered(FILES_DELIVERY)?.unwrap_or_default();
    let end = house.ledger.last_seq()?;
    if released.seq < end {
        released.seq = end;
        record(house, Vec::new(), Some(&released))?;
    }
    Ok(())
}

/// Publishes the events that wait.
fn deliver_events(house: &mut House, total: &mut Delivery, progress: &dyn Fn(Seq, Seq)) -> Result<(), OutboundError> {
    let round = house.config.limits.inflight_claims.min(ROUND);
    while let Some(position) = house.outbox.position(&house.ledger)? {
        let facts = house.ledger.facts(position + 1, round)?;
        let Some((last, _)) = facts.last() else { break };
        match house.outbox.publish(&house.ledger, &facts)? {
            Step::Done => {
                record(house, Vec::new(), None)?;
                progress(*last, house.ledger.last_seq()?);
            }
            // Known before anything behind them leaves: a crash must not forget them.
            Step::Refused(letters) => {
                total.dead_letters += letters.len() as u64;
                record(house, letters, None)?;
            }
            Step::Unsure | Step::Lost => {}
        }
    }
    total.events += house.outbox.take_published();
    match house.outbox.take_trouble() {
        None => Ok(()),
        Some(source) => {
            let left = house.ledger.delivered(&events_delivery(&house.config))?.unwrap_or_default().seq;
            let waiting = house.ledger.last_seq()?.saturating_sub(left);
            Err(OutboundError::Events { waiting, source })
        }
    }
}

/// The end of a round: what it made, and the positions it came to.
fn record(house: &mut House, facts: Vec<Fact>, released: Option<&Delivered>) -> Result<(), LedgerError> {
    let files = released.map(|released| (FILES_DELIVERY.to_string(), released.clone()));
    let delivered = files.into_iter().chain(house.outbox.unrecorded().take()).collect();
    reach("outbound::round::before-position")?;
    house.ledger.append(&Batch {
        facts,
        delivered,
        ..Batch::default()
    })?;
    reach("outbound::round::after-position")?;
    Ok(())
}

/// Publishes the acknowledgements and 835s of facts; returns the facts this makes. An answer that would
/// be wrong is put aside, and the others go on.
fn publish_files(house: &House, facts: &[(Seq, Fact)], total: &mut Delivery) -> Result<Vec<Fact>, OutboundError> {
    let letters = house.ledger.dead_letters()?;
    let (readers, config) = (house.readers(), &house.config);
    let files = OutboundFiles::new(house.directory.outbound(), config.phi.seal_outbound.then_some(&*house.keys));
    let rendered: Vec<Result<Option<Rendered>, AnswerError>> = (facts.par_iter())
        .map(|(seq, fact)| readers.read(|ledger| render(ledger, config, &files, *seq, fact)))
        .collect();
    let (mut made, mut staged, mut tally) = (Vec::new(), Vec::new(), AnswerTally::default());
    for rendered in rendered {
        let Some(Rendered { seq, fact, file }) = rendered? else { continue };
        tally.add(&fact, file.is_ok());
        match file {
            Ok(file) => {
                staged.push(file);
                count_answer(&fact, config, total, &mut made);
            }
            Err(error) => {
                let reason = error.dead_reason();
                total.dead_letters += 1;
                if reason == DeadReason::Unbalanced {
                    total.unbalanced += 1;
                    tally.add_unbalanced();
                }
                made.push(dead_letter(seq, DeadUnit::Answer, reason, &error.to_string(), &letters));
            }
        }
    }
    release(staged).map_err(AnswerError::Io)?;
    tally.record();
    Ok(made)
}

/// The answer of a fact, ready to be released, or why it never will be.
struct Rendered<'f> {
    seq: Seq,
    fact: Cow<'f, Fact>,
    file: Result<Staged, AnswerError>,
}

/// Renders the answer of a fact, or of the one that is sent again; `None` when it has none.
fn render<'f>(ledger: &SqliteLedger, config: &Config, files: &OutboundFiles<'_>, seq: Seq, fact: &'f Fact) -> Result<Option<Rendered<'f>>, AnswerError> {
    let (seq, fact) = match fact {
        Fact::Redriven(again) => match ledger.fact(again.letter)? {
            Fact::DeadLettered(letter) if letter.unit == DeadUnit::Answer => (letter.seq, Cow::Owned(ledger.fact(letter.seq)?)),
            _ => return Ok(None),
        },
        fact => (seq, Cow::Borrowed(fact)),
    };
    match stage_answer(ledger, config, files, &fact) {
        Ok(file) => Ok(file.map(|file| Rendered { seq, fact, file: Ok(file) })),
        Err(error) if error.is_about_the_answer() => Ok(Some(Rendered { seq, fact, file: Err(error) })),
        Err(error) => Err(error),
    }
}

/// Renders the answer of a fact, where it has one, ready to be released.
fn stage_answer(ledger: &SqliteLedger, config: &Config, files: &OutboundFiles<'_>, fact: &Fact) -> Result<Option<Staged>, AnswerError> {
    match fact {
        Fact::AckBuilt(ack) => {
            let name = ack.file_name();
            let write = |out: &mut dyn Write| write_acknowledgement(ledger, config, ack, out);
            files.stage(&[ack.partner.as_str(), &name], write).map(Some)
        }
        Fact::RemitBuilt(remit) => {
            let name = remit.file_name();
            let write = |out: &mut dyn Write| write_remittance(ledger, config, remit, out);
            files.stage(&["835", remit.payee_npi.as_str(), &name], write).map(Some)
        }
        Fact::FileReceived(_)
        | Fact::FileDuplicate(_)
        | Fact::FileRejected(_)
        | Fact::FileCompleted(_)
        | Fact::ClaimRejected(_)
        | Fact::ClaimAdjudicated(_)
        | Fact::ClaimReversed(_)
        | Fact::RemitDelivered(_)
        | Fact::RemitSent(_)
        | Fact::RemitAcknowledged(_)
        | Fact::DeadLettered(_)
        | Fact::Redriven(_) => Ok(None),
    }
}

/// As long as there is no partner, 835s are taken from where they are written; a partner has its 835s when
/// they are with it, which its channel says.
fn count_answer(fact: &Fact, config: &Config, total: &mut Delivery, made: &mut Vec<Fact>) {
    if let Fact::RemitBuilt(remit) = fact {
        total.remittances += 1;
        if !config.partners.is_empty() {
            return;
        }
        made.push(Fact::RemitDelivered(RemitDelivered {
            trace: remit.trace.clone(),
            payee_npi: remit.payee_npi,
            delivered_at: Timestamp::now(),
        }));
    } else {
        total.acknowledgements += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::delivery::event_log;
    use crate::events::fact::{Redriven, RemitBuilt};
    use crate::ids::{Npi, TraceNumber};
    use crate::money::Money;
    use crate::pipeline::dead_letters::{self, Selection};
    use crate::pipeline::house::Opening;
    use crate::pipeline::outgoing::outgoing_events;

    fn remittance(trace: &str, paid: Money) -> Fact {
        Fact::RemitBuilt(Box::new(RemitBuilt {
            trace: TraceNumber::new(trace),
            control_number: 1,
            payee_npi: Npi::parse(b"1234567893").unwrap(),
            payee_tin: None,
            payee_name: "PAYEE".into(),
            payee_bank: None,
            pay_date: chrono::NaiveDate::from_ymd_opt(2026, 2, 20).unwrap(),
            built_at: Timestamp::from_unix_seconds(1_790_000_000),
            claims: Vec::new(),
            charge: Money::ZERO,
            paid,
            interest: Money::ZERO,
            recovery: Default::default(),
        }))
    }

    fn lines(house: &House, topic: &str) -> Vec<serde_json::Value> {
        let text = std::fs::read_to_string(event_log::path(&house.directory.events(), topic)).unwrap();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    #[test]
    fn an_answer_that_would_be_wrong_is_put_aside_and_those_behind_it_leave() {
        let directory = tempfile::tempdir().unwrap();
        let mut config = Config::parse("test", "", std::iter::empty()).unwrap();
        config.service.data_dir = directory.path().to_path_buf();
        let mut house = House::open(config, Opening::MayCreate).unwrap();
        let batch = |facts| Batch { facts, ..Batch::default() };
        let wrong = house
            .ledger
            .append(&batch(vec![remittance("CS1", Money::from_cents(500)), remittance("CS2", Money::ZERO)]))
            .unwrap();

        let delivery = deliver(&mut house, &|_, _| {}).unwrap();
        assert_eq!((delivery.remittances, delivery.dead_letters, delivery.unbalanced), (1, 1, 1));
        let outbound = house.directory.outbound().join("835/1234567893");
        assert!(outbound.join("CS2.835").exists() && !outbound.join("CS1.835").exists());
        assert_eq!(lag(&house).unwrap(), 0);

        let (built, letters) = (lines(&house, "remits"), lines(&house, "dlq"));
        assert_eq!((built.len(), letters.len()), (3, 1), "two built, one delivered");
        assert_eq!((&letters[0]["key"], &letters[0]["value"]), (&built[0]["key"], &built[0]["value"]));
        assert_eq!(letters[0]["headers"]["ce_id"], built[0]["headers"]["ce_id"]);
        assert_eq!(letters[0]["headers"]["dlq-reason"], "unbalanced");
        assert_eq!(letters[0]["headers"]["dlq-location"], format!("journal/{wrong}"));

        // Sent again it is as wrong as before; what was sent again is not open any more.
        let open = dead_letters::select(&house.ledger, &Selection::default(), 10).unwrap();
        dead_letters::redrive(&mut house.ledger, &open).unwrap();
        assert_eq!(deliver(&mut house, &|_, _| {}).unwrap().unbalanced, 1);
        let again = dead_letters::select(&house.ledger, &Selection::default(), 10).unwrap();
        assert_eq!((open.len(), again.len(), again[0].letter.attempts), (1, 1, 2));
        assert_ne!(open[0].number, again[0].number);
        assert_eq!((lines(&house, "remits").len(), lines(&house, "dlq").len()), (3, 2));
    }

    /// As a broker that refuses would have left it: the event, its letter, the letter's own.
    #[test]
    fn a_refused_event_leaves_as_a_letter_and_a_refused_letter_without_its_value() {
        let directory = tempfile::tempdir().unwrap();
        let mut config = Config::parse("test", "", std::iter::empty()).unwrap();
        config.service.data_dir = directory.path().to_path_buf();
        let mut house = House::open(config, Opening::MayCreate).unwrap();
        let refused = |seq| dead_letter(seq, DeadUnit::Event(0), DeadReason::Refused, "too large", &[]);
        let facts = vec![
            remittance("CS2", Money::ZERO),
            refused(1),
            refused(2),
            Fact::Redriven(Redriven {
                letter: 2,
                redriven_at: Timestamp::from_unix_seconds(0),
            }),
        ];
        house.ledger.append(&Batch { facts, ..Batch::default() }).unwrap();
        let facts = house.ledger.facts(1, 10).unwrap();
        let events = outgoing_events(&house.ledger, &facts, &house.ledger.dead_letters().unwrap()).unwrap();
        let told: Vec<(Seq, &str, bool)> = events
            .iter()
            .map(|event| (event.seq, event.topic.name(), event.event.value.is_empty()))
            .collect();
        // Not the event itself nor its first letter: these were refused. Then the event again.
        assert_eq!(told, [(3, "dlq", true), (4, "remits", false)]);
        assert_eq!(events[0].event.id, events[1].event.id);
        assert!(events[0].added.iter().any(|(name, _)| *name == "dlq-value-bytes"));
    }
}
