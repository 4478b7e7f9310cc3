//! The configuration: one TOML file, the environment over it, typed once.
//!
//! `config/claimstream.toml` documents every key; a test holds it to the defaults below. A secret is a
//! file or an environment variable, never a value of the TOML file. What is written nowhere is the
//! default profile: any sender, the reference payer, the embedded ledger and event log.
//!
//! To the next editor: a new key is one line in its section's `read`, one in the struct, and its
//! documentation in `config/claimstream.toml`; the tests here name what is forgotten.

mod document;
mod door;
mod enrolment;
mod kafka;
mod openpgp;
mod partner;
mod payer;
mod values;

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use chrono::{NaiveTime, Weekday};
use serde::Serialize;

use crate::ids::Npi;
use crate::telemetry::{Collector, LogLevel};
use document::{Document, Keys};

pub use document::{ConfigError, ENVIRONMENT_PREFIX, Origin};
pub use door::Door;
pub use enrolment::{Enrolment, Payees};
pub use kafka::{Kafka, Sasl, Tls};
pub use openpgp::OpenPgp;
pub use partner::{Acknowledgements, Channel, Fallback, Folder, Partner, Profile, SeverityProfile, Sftp};
pub use payer::{Address, BankAccount, Contact, Payer};
pub use values::{
    AccountNumber, AckPolicy, Completion, Compression, InterchangeParty, LedgerKind, Period, RoutingNumber, SaslMechanism, Schedule, Secret, Usage,
};

/// Everything that is configured. Serialises for `config show`, with secrets redacted by their types.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Config {
    pub service: Service,
    pub payer: Payer,
    #[serde(rename = "partner")]
    pub partners: Vec<Partner>,
    pub rules: Rules,
    /// Absent: the embedded event log.
    pub kafka: Option<Kafka>,
    pub ledger: Ledger,
    pub phi: Protection,
    pub remit: Remit,
    pub limits: Limits,
    pub telemetry: Telemetry,
}

/// `[service]`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Service {
    /// Where everything is kept; `--data-dir` goes before it.
    pub data_dir: PathBuf,
    /// Health and metrics, and the door where it is on.
    pub listen: SocketAddr,
    /// Absent: no claims are taken over HTTP.
    pub door: Option<Door>,
}

/// `[rules]`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Rules {
    /// Absent: the embedded pack.
    pub dir: Option<PathBuf>,
}

/// `[ledger]`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Ledger {
    pub kind: LedgerKind,
}

/// `[phi]`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Protection {
    /// The master key. Absent: `demo` and `ingest` make one under the data directory, `run` refuses.
    pub key_file: Option<PathBuf>,
    /// Whether what is to be sent is sealed until it is delivered.
    pub seal_outbound: bool,
}

/// `[remit]`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Remit {
    /// Whether `ingest` ends with a payment run.
    pub on_ingest: bool,
    /// Payment runs of the service, in the payer's time zone.
    pub schedule: Schedule,
}

/// `[limits]`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Limits {
    /// 0: all cores.
    pub threads: usize,
    /// Claims between reading and commit.
    pub inflight_claims: usize,
}

/// `[telemetry]`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Telemetry {
    pub log: LogLevel,
    /// Where spans go; absent: nowhere.
    #[serde(rename = "otlp_endpoint")]
    pub collector: Option<Collector>,
}

impl Config {
    /// Reads the file, where there is one, and lays the environment over it.
    ///
    /// # Errors
    /// [`ConfigError`], with its place, at the first thing that can't be used.
    pub fn load(path: Option<&Path>, environment: impl Iterator<Item = (String, String)>) -> Result<Config, ConfigError> {
        let Some(path) = path else {
            return Config::parse("", "", environment);
        };
        let text = fs::read_to_string(path).map_err(|source| ConfigError::Unreadable {
            path: path.to_path_buf(),
            source,
        })?;
        Config::parse(&path.display().to_string(), &text, environment)
    }

    /// The text of a file named `name`, with the environment over it. Reads the files of secrets.
    ///
    /// # Errors
    /// As [`Config::load`].
    pub fn parse(name: &str, text: &str, environment: impl Iterator<Item = (String, String)>) -> Result<Config, ConfigError> {
        let document = Document::parse(name, text, environment)?;
        let mut keys = document.root();
        let service = keys.section("service")?;
        let payer = keys.section("payer")?;
        let partners = keys.sections("partner")?;
        let rules = keys.section("rules")?;
        let kafka = keys.section("kafka")?;
        let ledger = keys.section("ledger")?;
        let phi = keys.section("phi")?;
        let remit = keys.section("remit")?;
        let limits = keys.section("limits")?;
        let telemetry = keys.section("telemetry")?;
        keys.finish()?;
        let service = Service::read(service)?;
        let door = service.door.as_ref().map(|door| &door.partner);
        let partners = partners.into_iter().map(|partner| Partner::read(partner, door)).collect::<Result<_, _>>()?;
        let partners = enrolment::distinct(distinct(partners, &keys)?, &keys)?;
        if let Some(id) = door.filter(|id| !partners.iter().any(|partner| partner.profile.id == **id)) {
            return Err(keys.refuse("service.door.partner", &format!("{:?}", id.as_str()), "the id of a [[partner]]"));
        }
        Ok(Config {
            service,
            payer: Payer::read(payer)?,
            partners,
            rules: Rules::read(rules)?,
            kafka: Kafka::read(kafka)?,
            ledger: Ledger::read(ledger)?,
            phi: Protection::read(phi)?,
            remit: Remit::read(remit)?,
            limits: Limits::read(limits)?,
            telemetry: Telemetry::read(telemetry)?,
        })
    }

    /// The partner whose interchanges these are.
    pub fn partner_of(&self, sender: &InterchangeParty, receiver: &InterchangeParty) -> Option<&Partner> {
        self.partners
            .iter()
            .find(|partner| partner.isa_sender == *sender && partner.isa_receiver == *receiver)
    }

    /// The partner that carries the 835s of a payee.
    pub fn carrier_of(&self, payee: &Npi) -> Option<&Partner> {
        self.partners.iter().find(|partner| partner.remit.payees.have(payee))
    }

    /// The partner of this name (`--partner`).
    pub fn partner_named(&self, id: &str) -> Option<&Partner> {
        self.partners.iter().find(|partner| partner.profile.id.as_str() == id)
    }
}

/// Refuses two partners of one name, or of one sender and receiver: the second would never be met.
fn distinct(partners: Vec<Partner>, keys: &Keys<'_>) -> Result<Vec<Partner>, ConfigError> {
    for (place, partner) in partners.iter().enumerate() {
        for earlier in partners.iter().take(place) {
            if earlier.profile.id == partner.profile.id {
                return Err(keys.refuse(
                    "partner.id",
                    &format!("{:?} twice", partner.profile.id.as_str()),
                    "a name of its own for each partner",
                ));
            }
            if (earlier.isa_sender, earlier.isa_receiver) == (partner.isa_sender, partner.isa_receiver) {
                let found = format!("the same for {} and {}", earlier.profile.id, partner.profile.id);
                return Err(keys.refuse("partner.isa_sender with isa_receiver", &found, "a pair of its own for each partner"));
            }
        }
    }
    Ok(partners)
}

impl Service {
    fn read(mut keys: Keys<'_>) -> Result<Service, ConfigError> {
        let data_dir = keys.path("data_dir")?;
        let listen = keys.text("listen", "an address and port such as 127.0.0.1:9600", |text| text.parse().ok())?;
        let door = keys.section("door")?;
        keys.finish()?;
        Ok(Service {
            data_dir: data_dir.unwrap_or_else(|| "./claimstream-data".into()),
            listen: listen.unwrap_or(SocketAddr::from(([127, 0, 0, 1], 9600))),
            door: Door::read(door)?,
        })
    }
}

impl Rules {
    fn read(mut keys: Keys<'_>) -> Result<Rules, ConfigError> {
        let dir = keys.path("dir")?;
        keys.finish()?;
        Ok(Rules { dir })
    }
}

impl Ledger {
    fn read(mut keys: Keys<'_>) -> Result<Ledger, ConfigError> {
        let kind = keys.text("kind", &LedgerKind::expected(), LedgerKind::parse)?;
        keys.finish()?;
        Ok(Ledger {
            kind: kind.unwrap_or(LedgerKind::Sqlite),
        })
    }
}

impl Protection {
    fn read(mut keys: Keys<'_>) -> Result<Protection, ConfigError> {
        let key_file = keys.path("key_file")?;
        let seal_outbound = keys.flag("seal_outbound")?;
        keys.finish()?;
        Ok(Protection {
            key_file,
            seal_outbound: seal_outbound.unwrap_or(false),
        })
    }
}

impl Remit {
    fn read(mut keys: Keys<'_>) -> Result<Remit, ConfigError> {
        let on_ingest = keys.flag("on_ingest")?;
        let schedule = keys.text("schedule", Schedule::EXPECTED, Schedule::parse)?;
        keys.finish()?;
        let six_pm = NaiveTime::from_hms_opt(18, 0, 0).unwrap_or_default();
        Ok(Remit {
            on_ingest: on_ingest.unwrap_or(true),
            schedule: schedule.unwrap_or_else(|| Schedule::new(vec![Weekday::Tue, Weekday::Fri], six_pm)),
        })
    }
}

impl Limits {
    fn read(mut keys: Keys<'_>) -> Result<Limits, ConfigError> {
        let threads = keys.whole("threads", 0..=1_024)?;
        let inflight_claims = keys.whole("inflight_claims", 1..=10_000_000)?;
        keys.finish()?;
        Ok(Limits {
            threads: threads.unwrap_or(0),
            inflight_claims: inflight_claims.unwrap_or(50_000),
        })
    }
}

impl Telemetry {
    fn read(mut keys: Keys<'_>) -> Result<Telemetry, ConfigError> {
        let log = keys.text("log", "one of off, error, warn, info, debug, trace", |text| text.parse().ok())?;
        let collector = keys.text("otlp_endpoint", Collector::EXPECTED, |text| match text {
            "" => Some(None),
            text => text.parse().ok().map(Some),
        })?;
        keys.finish()?;
        Ok(Telemetry {
            log: log.unwrap_or_default(),
            collector: collector.flatten(),
        })
    }
}

#[cfg(test)]
mod tests;
