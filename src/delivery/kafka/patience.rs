//! How long to go on trying: a bounded time without progress, with growing pauses.

use std::thread;
use std::time::{Duration, Instant};

use super::publisher::Failed;
use super::{KafkaError, REQUEST_MAX};
use crate::config::Kafka;

const PAUSE_FIRST: Duration = Duration::from_millis(100);
const PAUSE_MAX: Duration = Duration::from_secs(5);

/// Counts from the last progress.
#[derive(Debug)]
pub(super) struct Patience {
    brokers: String,
    transactional_id: String,
    limit: Duration,
    since: Instant,
    pause: Duration,
}

impl Patience {
    pub(super) fn new(kafka: &Kafka) -> Patience {
        Patience {
            brokers: kafka.brokers.join(","),
            transactional_id: super::publisher::transactional_id(kafka),
            limit: kafka.give_up_after.duration(),
            since: Instant::now(),
            pause: PAUSE_FIRST,
        }
    }

    pub(super) fn progressed(&mut self) {
        self.since = Instant::now();
        self.pause = PAUSE_FIRST;
    }

    /// Half of it: then there is time for a second try with a new producer.
    pub(super) fn per_transaction(&self) -> Duration {
        self.limit / 2
    }

    /// Waits before the next try.
    ///
    /// # Errors
    /// [`KafkaError::GaveUp`] when it has been too long.
    pub(super) fn wait(&mut self, last: &str) -> Result<(), KafkaError> {
        let left = self.left();
        if left.is_zero() {
            return Err(KafkaError::GaveUp {
                brokers: self.brokers.clone(),
                seconds: self.since.elapsed().as_secs(),
                last: last.to_string(),
            });
        }
        tracing::debug!(last, "kafka: trying again");
        thread::sleep(self.pause.min(left));
        self.pause = (self.pause * 2).min(PAUSE_MAX);
        Ok(())
    }

    /// Tries until it works, with the time that one try may take.
    ///
    /// # Errors
    /// [`KafkaError`]: gave up, or an error that no waiting helps.
    pub(super) fn until_it_works<T>(&mut self, mut attempt: impl FnMut(Duration) -> Result<T, Failed>) -> Result<T, KafkaError> {
        loop {
            match attempt(self.left().clamp(Duration::from_millis(500), REQUEST_MAX)) {
                Ok(done) => return Ok(done),
                Err(Failed::Aborted(last) | Failed::Unknown(last)) => self.wait(&last)?,
                Err(Failed::Refused(_)) => self.wait("a record was refused")?,
                Err(Failed::Hopeless(error)) => return Err(error),
                Err(Failed::Fenced) => {
                    return Err(KafkaError::Fenced {
                        transactional_id: self.transactional_id.clone(),
                    });
                }
            }
        }
    }

    fn left(&self) -> Duration {
        self.limit.saturating_sub(self.since.elapsed())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_ends_and_begins_again_with_progress() {
        let mut patience = Patience {
            brokers: "kafka:9092".into(),
            transactional_id: "claims-outbox-0".into(),
            limit: Duration::from_millis(250),
            since: Instant::now(),
            pause: PAUSE_FIRST,
        };
        let mut tries = 0;
        let gave_up = patience.until_it_works(|_| -> Result<(), Failed> {
            tries += 1;
            Err(Failed::Unknown("broker down".into()))
        });
        assert_eq!(tries, 3, "pauses of 100 ms and 150 ms");
        let message = gave_up.unwrap_err().to_string();
        assert!(message.contains("kafka:9092") && message.contains("broker down"), "{message}");
        patience.progressed();
        assert!(patience.wait("once more").is_ok());
        assert!(matches!(
            patience.until_it_works(|_| -> Result<(), Failed> { Err(Failed::Fenced) }),
            Err(KafkaError::Fenced { .. })
        ));
    }
}
