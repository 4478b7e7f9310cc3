//! Dead letters: the event of another fact, unchanged, with the reason beside it (INTERFACE 3).

use super::cloudevent::{CloudEvent, render};
use super::fact::{DeadLettered, DeadUnit, Fact};

/// The event that a dead letter stands for: of an answer the event that announced it.
pub fn original_event(letter: &DeadLettered, original: &Fact) -> Option<CloudEvent> {
    let place = match letter.unit {
        DeadUnit::Answer => 0,
        DeadUnit::Event(place) => usize::from(place),
    };
    render(original).into_iter().nth(place)
}

/// `dlq-*`: the reason, the stage, how often it was tried, and where in the journal it stands.
pub fn headers(letter: &DeadLettered) -> Vec<(&'static str, String)> {
    let location = match letter.unit {
        DeadUnit::Answer => format!("journal/{}", letter.seq),
        DeadUnit::Event(place) => format!("journal/{}/{place}", letter.seq),
    };
    vec![
        ("dlq-reason", letter.reason.as_str().to_string()),
        ("dlq-detail", letter.detail.to_string()),
        ("dlq-stage", letter.unit.stage().to_string()),
        ("dlq-attempts", letter.attempts.to_string()),
        ("dlq-location", location),
        ("dlq-parked-at", letter.parked_at.to_rfc3339()),
    ]
}

#[cfg(test)]
mod tests {
    use super::super::cloudevent::Topic;
    use super::super::fact::{DeadReason, RemitDelivered};
    use super::*;
    use crate::clock::Timestamp;
    use crate::ids::{Npi, TraceNumber};

    #[test]
    fn a_dead_letter_keeps_its_event_and_says_why() {
        let original = Fact::RemitDelivered(RemitDelivered {
            trace: TraceNumber::new("CS000000007"),
            payee_npi: Npi::parse(b"1234567893").unwrap(),
            delivered_at: Timestamp::from_unix_seconds(0),
        });
        let mut letter = DeadLettered {
            seq: 12,
            unit: DeadUnit::Event(0),
            reason: DeadReason::Refused,
            detail: "too large".into(),
            attempts: 2,
            parked_at: Timestamp::from_unix_seconds(0),
        };
        let event = original_event(&letter, &original).unwrap();
        assert_eq!(event, render(&original).remove(0));
        assert_eq!(event.topic, Topic::Remits);
        let headers = headers(&letter);
        for expected in [
            ("dlq-reason", "refused"),
            ("dlq-stage", "event"),
            ("dlq-attempts", "2"),
            ("dlq-location", "journal/12/0"),
        ] {
            assert!(headers.iter().any(|(name, value)| (*name, value.as_str()) == expected), "{expected:?}");
        }
        letter.unit = DeadUnit::Event(1);
        assert_eq!(original_event(&letter, &original), None);
    }
}
