//! How we speak to the brokers: addresses, TLS, SASL, and what the client library tells us.

use std::sync::Mutex;

use rdkafka::ClientContext;
use rdkafka::config::{ClientConfig, RDKafkaLogLevel};
use rdkafka::consumer::ConsumerContext;
use rdkafka::error::{KafkaError as ClientError, RDKafkaErrorCode};
use rdkafka::message::Message;
use rdkafka::producer::{DeliveryResult, NoCustomPartitioner, ProducerContext};

use crate::config::{Kafka, SaslMechanism};

/// What every client of ours is set up with.
pub(super) fn client(kafka: &Kafka) -> ClientConfig {
    let mut config = ClientConfig::new();
    config
        .set("bootstrap.servers", kafka.brokers.join(","))
        .set("client.id", "claimstream")
        // A restarted broker is found again within a second.
        .set("reconnect.backoff.max.ms", "1000")
        // Topics are created by us, with what they need, or not at all.
        .set("allow.auto.create.topics", "false")
        .set("security.protocol", protocol(kafka));
    // Warnings of every reconnect would drown what matters; the last error is kept for the final message.
    config.set_log_level(RDKafkaLogLevel::Error);
    if let Some(tls) = &kafka.tls {
        config.set("ssl.ca.location", tls.ca_file.to_string_lossy());
        if let Some(certificate) = &tls.certificate_file {
            config.set("ssl.certificate.location", certificate.to_string_lossy());
        }
        if let Some(key) = &tls.key_file {
            config.set("ssl.key.location", key.to_string_lossy());
        }
    }
    if let Some(sasl) = &kafka.sasl {
        let mechanism = match sasl.mechanism {
            SaslMechanism::Plain => "PLAIN",
            SaslMechanism::ScramSha256 => "SCRAM-SHA-256",
            SaslMechanism::ScramSha512 => "SCRAM-SHA-512",
        };
        config.set("sasl.mechanisms", mechanism);
        config.set("sasl.username", &sasl.username).set("sasl.password", sasl.password.expose());
    }
    config
}

fn protocol(kafka: &Kafka) -> &'static str {
    match (&kafka.tls, &kafka.sasl) {
        (None, None) => "plaintext",
        (Some(_), None) => "ssl",
        (None, Some(_)) => "sasl_plaintext",
        (Some(_), Some(_)) => "sasl_ssl",
    }
}

/// Listens to a client: its last trouble, and what became of each record.
#[derive(Debug, Default)]
pub(super) struct Watch {
    trouble: Mutex<Option<String>>,
    failed: Mutex<Vec<(usize, RDKafkaErrorCode)>>,
}

impl Watch {
    /// The last trouble with a connection, beside an error that may not say why.
    pub(super) fn describe(&self, error: &ClientError) -> String {
        match self.trouble.lock() {
            Ok(trouble) => trouble.as_ref().map_or_else(|| error.to_string(), |trouble| format!("{error} ({trouble})")),
            Err(_) => error.to_string(),
        }
    }

    /// Records that failed since the last call, by the number they were sent under.
    pub(super) fn take_failed(&self) -> Vec<(usize, RDKafkaErrorCode)> {
        self.failed.lock().map(|mut failed| std::mem::take(&mut *failed)).unwrap_or_default()
    }

    fn note(&self, text: impl Into<String>) {
        if let Ok(mut trouble) = self.trouble.lock() {
            *trouble = Some(text.into());
        }
    }

    pub(super) fn has_failed(&self) -> bool {
        self.failed.lock().is_ok_and(|failed| !failed.is_empty())
    }
}

impl ClientContext for Watch {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        tracing::debug!(?level, facility, "{message}");
        if matches!(
            level,
            RDKafkaLogLevel::Emerg | RDKafkaLogLevel::Alert | RDKafkaLogLevel::Critical | RDKafkaLogLevel::Error
        ) {
            self.note(message);
        }
    }

    fn error(&self, error: ClientError, reason: &str) {
        self.note(if reason.is_empty() { error.to_string() } else { reason.to_string() });
    }
}

impl ConsumerContext for Watch {}

impl ProducerContext<NoCustomPartitioner> for Watch {
    type DeliveryOpaque = usize;

    fn delivery(&self, result: &DeliveryResult<'_>, number: usize) {
        if let Err((error, message)) = result {
            tracing::debug!(topic = message.topic(), partition = message.partition(), %error, "kafka: a record failed");
            if let Ok(mut failed) = self.failed.lock() {
                failed.push((number, error.rdkafka_error_code().unwrap_or(RDKafkaErrorCode::Unknown)));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Compression, Period};

    fn kafka() -> Kafka {
        Kafka {
            brokers: vec!["one:9092".into(), "two:9092".into()],
            prefix: "claims".into(),
            compression: Compression::Lz4,
            create_topics: true,
            give_up_after: Period::from_secs(60),
            tls: None,
            sasl: None,
        }
    }

    #[test]
    fn encryption_follows_from_the_sections_that_are_there() {
        let mut kafka = kafka();
        assert_eq!(client(&kafka).get("security.protocol"), Some("plaintext"));
        kafka.tls = Some(crate::config::Tls {
            ca_file: "/etc/ca.pem".into(),
            certificate_file: None,
            key_file: None,
        });
        let config = client(&kafka);
        assert_eq!(
            (config.get("security.protocol"), config.get("ssl.ca.location")),
            (Some("ssl"), Some("/etc/ca.pem"))
        );
        assert_eq!(config.get("bootstrap.servers"), Some("one:9092,two:9092"));
    }
}
