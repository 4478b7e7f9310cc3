//! `[kafka]`: present, events go to the brokers; absent, to the embedded event log.

use std::fs;
use std::path::PathBuf;

use serde::Serialize;

use super::document::{ConfigError, Keys};
use super::values::{Compression, Period, SaslMechanism, Secret};

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Kafka {
    /// `host:port` of the brokers to start from.
    pub brokers: Vec<String>,
    /// First part of every topic name.
    pub prefix: String,
    pub compression: Compression,
    /// Whether missing topics are created at the start.
    pub create_topics: bool,
    /// How long publishing goes on without getting further.
    pub give_up_after: Period,
    /// Set when the connection is encrypted.
    pub tls: Option<Tls>,
    pub sasl: Option<Sasl>,
}

/// `[kafka.tls]`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Tls {
    /// Authorities that sign the brokers' certificates, PEM.
    pub ca_file: PathBuf,
    /// Our own certificate and key, where the brokers ask for one.
    pub certificate_file: Option<PathBuf>,
    pub key_file: Option<PathBuf>,
}

/// `[kafka.sasl]`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Sasl {
    pub mechanism: SaslMechanism,
    pub username: String,
    pub password: Secret,
}

impl Kafka {
    pub(super) fn read(mut keys: Keys<'_>) -> Result<Option<Kafka>, ConfigError> {
        const BROKERS: &str = "brokers such as kafka:9092";
        let brokers = keys.list("brokers", BROKERS, broker)?;
        let prefix = keys.text("prefix", "1 to 200 letters, digits, . - and _", topic_prefix)?;
        let compression = keys.text("compression", &Compression::expected(), Compression::parse)?;
        let create_topics = keys.flag("create_topics")?;
        let give_up_after = keys.text("give_up_after", Period::EXPECTED, Period::parse)?;
        let tls = Tls::read(keys.section("tls")?)?;
        let sasl = Sasl::read(keys.section("sasl")?)?;
        if !keys.is_present() {
            return Ok(None);
        }
        keys.finish()?;
        Ok(Some(Kafka {
            brokers: keys.required("brokers", BROKERS, brokers)?,
            prefix: prefix.unwrap_or_else(|| "claims".into()),
            compression: compression.unwrap_or(Compression::Lz4),
            create_topics: create_topics.unwrap_or(true),
            give_up_after: give_up_after.unwrap_or(Period::from_secs(60)),
            tls,
            sasl,
        }))
    }
}

impl Tls {
    fn read(mut keys: Keys<'_>) -> Result<Option<Tls>, ConfigError> {
        let ca_file = keys.path("ca_file")?;
        let certificate_file = keys.path("certificate_file")?;
        let key_file = keys.path("key_file")?;
        if !keys.is_present() {
            return Ok(None);
        }
        keys.finish()?;
        Ok(Some(Tls {
            ca_file: keys.required("ca_file", "the path of a PEM file", ca_file)?,
            certificate_file,
            key_file,
        }))
    }
}

impl Sasl {
    fn read(mut keys: Keys<'_>) -> Result<Option<Sasl>, ConfigError> {
        const PASSWORD: &str = "password_file, or the environment variable CLAIMSTREAM__KAFKA__SASL__PASSWORD";
        let mechanism = keys.text("mechanism", &SaslMechanism::expected(), SaslMechanism::parse)?;
        let username = keys.text("username", "a user name", |text| (!text.is_empty()).then(|| text.to_string()))?;
        let password_file = keys.path("password_file")?;
        let given = keys.environment_only("password", PASSWORD)?;
        if !keys.is_present() {
            return Ok(None);
        }
        keys.finish()?;
        let password = match (given, password_file) {
            (Some(text), _) => Some(Secret::new(text)),
            (None, Some(path)) => Some(secret_of(path)?),
            (None, None) => None,
        };
        Ok(Some(Sasl {
            mechanism: mechanism.unwrap_or(SaslMechanism::ScramSha512),
            username: keys.required("username", "a user name", username)?,
            password: keys.required("password_file", PASSWORD, password)?,
        }))
    }
}

/// The content of a secret's file without its last line end.
fn secret_of(path: PathBuf) -> Result<Secret, ConfigError> {
    match fs::read_to_string(&path) {
        Ok(mut text) => {
            text.truncate(text.trim_end_matches(['\r', '\n']).len());
            Ok(Secret::new(text))
        }
        Err(source) => Err(ConfigError::Unreadable { path, source }),
    }
}

fn broker(text: &str) -> Option<String> {
    let (host, port) = text.rsplit_once(':')?;
    (!host.is_empty() && port.parse::<u16>().is_ok_and(|port| port > 0)).then(|| text.to_string())
}

fn topic_prefix(text: &str) -> Option<String> {
    let fits = (1..=200).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-_".contains(&byte));
    fits.then(|| text.to_string())
}
