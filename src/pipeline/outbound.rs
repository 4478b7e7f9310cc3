//! What leaves: the journal, in order, as events, acknowledgements and 835s.
//!
//! One pass per round: the round's events are appended and synced, its files published, and then the
//! position moves in the ledger together with the facts that the round itself made (a remittance was
//! delivered). A crash in between repeats the round to the same bytes.

use std::collections::BTreeMap;
use std::io::{self, Write};

use rayon::prelude::*;

use super::answer_writer::{AnswerError, write_acknowledgement, write_remittance};
use super::house::House;
use crate::clock::Timestamp;
use crate::delivery::event_log::{self, EventLog};
use crate::delivery::files::{OutboundFiles, release};
use crate::events::cloudevent::{Topic, render};
use crate::events::fact::{Fact, RemitDelivered};
use crate::ledger::{Batch, Delivered, Ledger, LedgerError, Seq, reach};
use crate::limits;

/// The name under which the ledger keeps the position.
const DELIVERY: &str = "outbound";

/// Facts of one round.
const ROUND: usize = 2_048;

/// What left in one call.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Delivery {
    pub events: u64,
    pub acknowledgements: u64,
    pub remittances: u64,
}

/// Why delivery stopped. What was recorded stays delivered; the rest waits.
#[derive(Debug, thiserror::Error)]
pub enum OutboundError {
    #[error("the event log cannot be written")]
    EventLog(#[source] io::Error),
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    #[error("an outbound file was not released")]
    Answer(#[from] AnswerError),
}

impl OutboundError {
    /// An answer that would have been wrong was held back (exit 5), as against I/O trouble (exit 1).
    pub fn is_integrity_failure(&self) -> bool {
        match self {
            OutboundError::Ledger(error) | OutboundError::Answer(AnswerError::Ledger(error)) => error.is_integrity_failure(),
            OutboundError::Answer(answer) => !matches!(answer, AnswerError::Io(_)),
            OutboundError::EventLog(_) => false,
        }
    }
}

/// Delivers everything that the journal has and the outside has not. `progress` is told the position
/// and the end.
///
/// # Errors
/// [`OutboundError`].
pub fn deliver(house: &mut House, progress: &dyn Fn(Seq, Seq)) -> Result<Delivery, OutboundError> {
    let mut delivered = house.ledger.delivered(DELIVERY)?;
    let mut log = EventLog::open(&house.directory.events(), "claims", &delivered.lengths).map_err(OutboundError::EventLog)?;
    let mut total = Delivery::default();
    loop {
        let facts = house.ledger.facts(delivered.seq + 1, ROUND)?;
        let Some((last, _)) = facts.last() else { return Ok(total) };
        let last = *last;
        total.events += append_events(&mut log, &facts)?;
        let made = publish_files(house, &facts, &mut total)?;
        let lengths: BTreeMap<String, u64> = log.sync().map_err(OutboundError::EventLog)?;
        delivered = Delivered { seq: last, lengths };
        reach("outbound::round::before-position")?;
        house.ledger.append(&Batch {
            facts: made,
            delivered: Some((DELIVERY, delivered.clone())),
            ..Batch::default()
        })?;
        reach("outbound::round::after-position")?;
        progress(last, house.ledger.last_seq()?);
    }
}

/// Renders on all threads, appends in order.
fn append_events(log: &mut EventLog, facts: &[(Seq, Fact)]) -> Result<u64, OutboundError> {
    let rendered: Vec<Vec<(Topic, Vec<u8>)>> = facts
        .par_iter()
        .with_min_len(256)
        .map(|(_, fact)| render(fact).iter().map(|event| (event.topic, event_log::line(event))).collect())
        .collect();
    let mut lines: BTreeMap<Topic, Vec<u8>> = BTreeMap::new();
    let mut count = 0;
    for (topic, line) in rendered.into_iter().flatten() {
        lines.entry(topic).or_default().extend_from_slice(&line);
        count += 1;
    }
    lines
        .into_iter()
        .try_for_each(|(topic, lines)| log.append(topic, &lines))
        .map_err(OutboundError::EventLog)?;
    Ok(count)
}

/// Publishes the acknowledgements and 835s among the facts; returns the facts this makes.
fn publish_files(house: &House, facts: &[(Seq, Fact)], total: &mut Delivery) -> Result<Vec<Fact>, OutboundError> {
    let files = OutboundFiles::new(house.directory.outbound(), house.config.phi.seal_outbound.then_some(&house.keys));
    let (mut made, mut staged) = (Vec::new(), Vec::new());
    for (_, fact) in facts {
        if staged.len() >= limits::FILES_RELEASED_AT_ONCE {
            release(std::mem::take(&mut staged)).map_err(AnswerError::Io)?;
        }
        match fact {
            Fact::AckBuilt(ack) => {
                let name = format!("{:09}.{}", ack.control_number, ack.kind().as_str());
                staged.push(files.stage(&[ack.partner.as_str(), &name], |out: &mut dyn Write| {
                    write_acknowledgement(&house.ledger, &house.config, ack, out)
                })?);
                total.acknowledgements += 1;
            }
            Fact::RemitBuilt(remit) => {
                let name = format!("{}.835", remit.trace);
                staged.push(files.stage(&["835", remit.payee_npi.as_str(), &name], |out: &mut dyn Write| {
                    write_remittance(&house.ledger, &house.config, remit, out)
                })?);
                total.remittances += 1;
                made.push(Fact::RemitDelivered(RemitDelivered {
                    trace: remit.trace.clone(),
                    payee_npi: remit.payee_npi,
                    delivered_at: Timestamp::now(),
                }));
            }
            Fact::FileReceived(_)
            | Fact::FileDuplicate(_)
            | Fact::FileRejected(_)
            | Fact::FileCompleted(_)
            | Fact::ClaimRejected(_)
            | Fact::ClaimAdjudicated(_)
            | Fact::RemitDelivered(_) => {}
        }
    }
    release(staged).map_err(AnswerError::Io)?;
    Ok(made)
}
