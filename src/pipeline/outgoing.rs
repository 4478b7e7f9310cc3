//! Journal facts as outgoing events, in journal order: those of the facts themselves, dead letters, and
//! what is sent again.

use std::collections::BTreeMap;

use rayon::prelude::*;

use crate::delivery::sink::OutgoingEvent;
use crate::events::cloudevent::{Topic, render};
use crate::events::dead_letter;
use crate::events::fact::{DeadLettered, DeadUnit, Fact};
use crate::ledger::{DeadLetterRow, Ledger, LedgerError, Seq};

/// Facts worth a thread of their own.
const FACTS_PER_TASK: usize = 256;

/// The events of facts, without those that were refused before.
///
/// # Errors
/// [`LedgerError`].
pub fn outgoing_events(ledger: &impl Ledger, facts: &[(Seq, Fact)], letters: &[DeadLetterRow]) -> Result<Vec<OutgoingEvent>, LedgerError> {
    let rendered: Vec<Vec<OutgoingEvent>> = (facts.par_iter().with_min_len(FACTS_PER_TASK))
        .map(|(seq, fact)| own_events(*seq, fact))
        .collect();
    let mut events = Vec::with_capacity(facts.len());
    for ((seq, fact), own) in facts.iter().zip(rendered) {
        match fact {
            Fact::DeadLettered(letter) => events.extend(dead_letter(ledger, *seq, letter)?),
            Fact::Redriven(redriven) => events.extend(again(ledger, *seq, redriven.letter)?),
            Fact::FileReceived(_)
            | Fact::FileDuplicate(_)
            | Fact::FileRejected(_)
            | Fact::FileCompleted(_)
            | Fact::AckBuilt(_)
            | Fact::ClaimRejected(_)
            | Fact::ClaimAdjudicated(_)
            | Fact::ClaimReversed(_)
            | Fact::RemitBuilt(_)
            | Fact::RemitDelivered(_)
            | Fact::RemitSent(_)
            | Fact::RemitAcknowledged(_) => events.extend(own),
        }
    }
    let refused: BTreeMap<(Seq, DeadUnit), Seq> = letters.iter().map(|row| ((row.seq, row.unit), row.letter)).collect();
    // Refused when it was sent, or when it was last sent again.
    events.retain(|event| {
        let (origin, place) = event.origin;
        refused.get(&(origin, DeadUnit::Event(place))).is_none_or(|letter| *letter < event.seq)
    });
    Ok(events)
}

fn own_events(seq: Seq, fact: &Fact) -> Vec<OutgoingEvent> {
    let events = (0..).zip(render(fact));
    events
        .map(|(place, event)| OutgoingEvent {
            seq,
            origin: (seq, place),
            topic: event.topic,
            event,
            added: Vec::new(),
        })
        .collect()
}

/// The event that the letter is about, beside its reason. A dead letter that was refused itself is told
/// without the value, which is what can be too large.
fn dead_letter(ledger: &impl Ledger, seq: Seq, letter: &DeadLettered) -> Result<Option<OutgoingEvent>, LedgerError> {
    let mut original = ledger.fact(letter.seq)?;
    let mut about = letter.clone();
    let is_letter_of_letter = matches!(original, Fact::DeadLettered(_));
    while let Fact::DeadLettered(inner) = original {
        original = ledger.fact(inner.seq)?;
        about = *inner;
    }
    Ok(dead_letter::original_event(&about, &original).map(|mut event| {
        let mut added = dead_letter::headers(letter);
        if is_letter_of_letter {
            added.push(("dlq-value-bytes", event.value.len().to_string()));
            event.value.clear();
        }
        OutgoingEvent {
            seq,
            origin: (seq, 0),
            topic: Topic::DeadLetters,
            event,
            added,
        }
    }))
}

/// The event of a dead letter once more. An answer has none: its event left when it was built.
fn again(ledger: &impl Ledger, seq: Seq, letter: Seq) -> Result<Option<OutgoingEvent>, LedgerError> {
    let Fact::DeadLettered(letter) = ledger.fact(letter)? else {
        return Err(LedgerError::Inconsistent {
            what: "what was sent again is no dead letter",
        });
    };
    let DeadUnit::Event(place) = letter.unit else { return Ok(None) };
    let original = ledger.fact(letter.seq)?;
    if let Fact::DeadLettered(inner) = &original {
        return Ok(dead_letter(ledger, letter.seq, inner)?.map(|event| OutgoingEvent { seq, ..event }));
    }
    Ok(dead_letter::original_event(&letter, &original).map(|event| OutgoingEvent {
        seq,
        origin: (letter.seq, place),
        topic: event.topic,
        event,
        added: Vec::new(),
    }))
}
