//! Trading partners: who sends, how it arrives, what is answered, what is tolerated.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Serialize, Serializer};

use super::document::{ConfigError, Keys, nearest};
use super::enrolment::Enrolment;
use super::openpgp::OpenPgp;
use super::values::{AckPolicy, Completion, InterchangeParty, Period, Usage};
use crate::finding::{Check, Severity, SnipLevel};
use crate::ids::PartnerId;

pub(super) const ID: &str = "a name of 1 to 64 lower-case letters, digits, - and _ (it names a folder)";

/// One `[[partner]]`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Partner {
    #[serde(flatten)]
    pub profile: Profile,
    /// ISA05/06 it sends.
    pub isa_sender: InterchangeParty,
    /// ISA07/08 it sends.
    pub isa_receiver: InterchangeParty,
    /// How often its channel is listed.
    pub poll: Period,
    pub complete: Completion,
    /// How long an upload may stand still without its end before it is reported.
    pub stall_after: Period,
    /// Where a file goes that the ledger has; it is deleted when there is no such folder.
    pub processed: Option<String>,
    pub remit: Enrolment,
    /// `None`: it only posts its claims, and has its answers with the response (`[service.door]`).
    pub channel: Option<Channel>,
    /// Where it goes on while that channel fails.
    pub fallback: Option<Fallback>,
    /// How its OpenPGP messages are opened.
    pub pgp: Option<OpenPgp>,
}

/// `[partner.fallback]`: a second channel of the same partner.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Fallback {
    /// As [`Partner::processed`], there.
    pub processed: Option<String>,
    /// How long the channel fails before this one is used; `None`: only by hand.
    pub fail_over_after: Option<Period>,
    pub channel: Channel,
}

/// How a partner's interchanges are treated.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Profile {
    pub id: PartnerId,
    /// ISA15 accepted; anything when not set. Another one is answered by TA1 020.
    pub usage: Option<Usage>,
    /// Days in which an ISA13 may not come again.
    pub isa13_days: u32,
    pub ack: Acknowledgements,
    pub severity: SeverityProfile,
}

/// The default profile: any sender, any receiver, any ISA15.
impl Default for Profile {
    fn default() -> Profile {
        Profile {
            id: PartnerId::new("default"),
            usage: None,
            isa13_days: 365,
            ack: Acknowledgements::default(),
            severity: SeverityProfile::default(),
        }
    }
}

/// `[partner.ack]`: when each acknowledgement is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Acknowledgements {
    pub ta1: AckPolicy,
    pub x999: AckPolicy,
    pub x277ca: AckPolicy,
}

impl Default for Acknowledgements {
    fn default() -> Acknowledgements {
        Acknowledgements {
            ta1: AckPolicy::OnError,
            x999: AckPolicy::Always,
            x277ca: AckPolicy::Always,
        }
    }
}

/// Where a partner's files come from and go to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Channel {
    Sftp(Sftp),
    Folder(Folder),
}

/// `[partner.sftp]`: we are the client. Key authentication only; the server's key is pinned.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Sftp {
    pub host: String,
    pub port: u16,
    pub user: String,
    /// Private key, OpenSSH format.
    pub key_file: PathBuf,
    /// `SHA256:` fingerprints; at least one, two during a rotation.
    pub host_keys: Vec<String>,
    #[serde(rename = "in")]
    pub inbound: String,
    #[serde(rename = "out")]
    pub outbound: String,
}

/// `[partner.folder]`: directories of this machine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Folder {
    #[serde(rename = "in")]
    pub inbound: PathBuf,
    #[serde(rename = "out")]
    pub outbound: PathBuf,
}

/// `[partner.severity]`: what a partner's findings do, by check, else by SNIP level, else as
/// DOMAIN H has it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SeverityProfile {
    checks: BTreeMap<Check, Severity>,
    levels: BTreeMap<u8, Severity>,
}

impl SeverityProfile {
    pub fn severity(&self, check: Check) -> Severity {
        let of_check = self.checks.get(&check).or_else(|| self.levels.get(&check.snip().0));
        of_check.copied().unwrap_or_else(|| check.default_severity())
    }

    /// The same for checks up to `highest`; those above it are left out.
    pub fn up_to(mut self, highest: SnipLevel) -> SeverityProfile {
        self.checks.retain(|check, _| check.snip() <= highest);
        self.levels.extend((highest.0.saturating_add(1)..=7).map(|level| (level, Severity::Ignore)));
        self
    }
}

impl Serialize for SeverityProfile {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let levels = self.levels.iter().map(|(level, severity)| (level.to_string(), word_of(*severity)));
        let checks = self.checks.iter().map(|(check, severity)| (check.to_string(), word_of(*severity)));
        serializer.collect_map(levels.chain(checks))
    }
}

impl Partner {
    /// `door`: the partner that needs no channel, because it posts its claims.
    pub(super) fn read(mut keys: Keys<'_>, door: Option<&PartnerId>) -> Result<Partner, ConfigError> {
        let standard = Profile::default();
        let id = keys.text("id", ID, folder_name)?;
        let isa_sender = keys.text("isa_sender", InterchangeParty::EXPECTED, InterchangeParty::parse)?;
        let isa_receiver = keys.text("isa_receiver", InterchangeParty::EXPECTED, InterchangeParty::parse)?;
        let usage = keys.text("usage", &Usage::expected(), Usage::parse)?;
        let poll = keys.text("poll", Period::EXPECTED, Period::parse)?;
        let complete = keys.text("complete", &Completion::expected(), Completion::parse)?;
        let stall_after = keys.text("stall_after", Period::EXPECTED, Period::parse)?;
        let processed = keys.text("processed", "a folder beside the inbound one", some_text)?;
        let sftp = Sftp::read(keys.section("sftp")?)?;
        let folder = Folder::read(keys.section("folder")?)?;
        let fail_over_after = keys.text("fail_over_after", FAIL_OVER_AFTER, fail_over_period)?;
        let fallback = Fallback::read(keys.section("fallback")?, fail_over_after)?;
        let pgp = OpenPgp::read(keys.section("pgp")?)?;
        let isa13_days = read_duplicate(keys.section("duplicate")?)?;
        let ack = Acknowledgements::read(keys.section("ack")?)?;
        let severity = SeverityProfile::read(keys.section("severity")?)?;
        let remit = Enrolment::read(keys.section("remit")?)?;
        keys.finish()?;
        let channel = Channel::of(&keys, sftp, folder)?;
        match &fallback {
            None if fail_over_after.is_some() => {
                return Err(keys.refuse(
                    "fail_over_after",
                    "set without a fallback",
                    "[partner.fallback.sftp] or [partner.fallback.folder]",
                ));
            }
            Some(fallback) if Some(&fallback.channel) == channel.as_ref() => return Err(keys.refuse("fallback", "the channel itself", "another channel")),
            Some(_) | None => {}
        }
        let only_posts = channel.is_none() && fallback.is_none() && door.is_some() && door == id.as_ref();
        if only_posts && !remit.payees.is_empty() {
            return Err(keys.refuse(
                "remit.payees",
                "set without a channel",
                "[partner.sftp] or [partner.folder], by which 835s are sent",
            ));
        }
        Ok(Partner {
            profile: Profile {
                id: keys.required("id", ID, id)?,
                usage: Some(usage.unwrap_or(Usage::Production)),
                isa13_days: isa13_days.unwrap_or(standard.isa13_days),
                ack,
                severity,
            },
            isa_sender: keys.required("isa_sender", InterchangeParty::EXPECTED, isa_sender)?,
            isa_receiver: keys.required("isa_receiver", InterchangeParty::EXPECTED, isa_receiver)?,
            poll: poll.unwrap_or(Period::from_secs(15)),
            complete: complete.unwrap_or(Completion::Trailer),
            stall_after: stall_after.unwrap_or(Period::from_secs(900)),
            processed,
            remit,
            channel: match channel {
                None if only_posts => None,
                channel => Some(keys.required("sftp", "[partner.sftp] or [partner.folder]", channel)?),
            },
            fallback,
            pgp,
        })
    }
}

const FAIL_OVER_AFTER: &str = "a time such as 15m, or 0 for only by hand";

fn fail_over_period(text: &str) -> Option<Option<Period>> {
    if text == "0" { Some(None) } else { Period::parse(text).map(Some) }
}

impl Channel {
    fn of(keys: &Keys<'_>, sftp: Option<Sftp>, folder: Option<Folder>) -> Result<Option<Channel>, ConfigError> {
        match (sftp, folder) {
            (Some(sftp), None) => Ok(Some(Channel::Sftp(sftp))),
            (None, Some(folder)) => Ok(Some(Channel::Folder(folder))),
            (None, None) => Ok(None),
            (Some(_), Some(_)) => Err(keys.refuse("folder", "set beside sftp", "one channel for each partner, and one to fall back to")),
        }
    }
}

impl Fallback {
    fn read(mut keys: Keys<'_>, fail_over_after: Option<Option<Period>>) -> Result<Option<Fallback>, ConfigError> {
        let processed = keys.text("processed", "a folder beside the inbound one", some_text)?;
        let sftp = Sftp::read(keys.section("sftp")?)?;
        let folder = Folder::read(keys.section("folder")?)?;
        if !keys.is_present() {
            return Ok(None);
        }
        keys.finish()?;
        let channel = Channel::of(&keys, sftp, folder)?;
        Ok(Some(Fallback {
            processed,
            fail_over_after: fail_over_after.unwrap_or(Some(Period::from_secs(900))),
            channel: keys.required("sftp", "[partner.fallback.sftp] or [partner.fallback.folder]", channel)?,
        }))
    }
}

impl Sftp {
    fn read(mut keys: Keys<'_>) -> Result<Option<Sftp>, ConfigError> {
        const HOST_KEYS: &str = "fingerprints such as SHA256:… (without one the server could be anyone)";
        let host = keys.text("host", "a host name", some_text)?;
        let port = keys.whole("port", 1..=65_535)?;
        let user = keys.text("user", "a user name", some_text)?;
        let key_file = keys.path("key_file")?;
        let host_keys = keys.list("host_keys", HOST_KEYS, |text| {
            text.strip_prefix("SHA256:").and_then(some_text).map(|_| text.to_string())
        })?;
        let inbound = keys.text("in", "a folder of the server", some_text)?;
        let outbound = keys.text("out", "a folder of the server", some_text)?;
        if !keys.is_present() {
            return Ok(None);
        }
        keys.finish()?;
        Ok(Some(Sftp {
            host: keys.required("host", "a host name", host)?,
            port: port.unwrap_or(22),
            user: keys.required("user", "a user name", user)?,
            key_file: keys.required("key_file", "the path of a private key", key_file)?,
            host_keys: keys.required("host_keys", HOST_KEYS, host_keys)?,
            inbound: keys.required("in", "a folder of the server", inbound)?,
            outbound: keys.required("out", "a folder of the server", outbound)?,
        }))
    }
}

impl Folder {
    fn read(mut keys: Keys<'_>) -> Result<Option<Folder>, ConfigError> {
        let inbound = keys.path("in")?;
        let outbound = keys.path("out")?;
        if !keys.is_present() {
            return Ok(None);
        }
        keys.finish()?;
        Ok(Some(Folder {
            inbound: keys.required("in", "a folder", inbound)?,
            outbound: keys.required("out", "a folder", outbound)?,
        }))
    }
}

impl Acknowledgements {
    fn read(mut keys: Keys<'_>) -> Result<Acknowledgements, ConfigError> {
        let standard = Acknowledgements::default();
        let mut policy = |key| keys.text(key, &AckPolicy::expected(), AckPolicy::parse);
        let (ta1, x999, x277ca) = (policy("ta1")?, policy("x999")?, policy("x277ca")?);
        keys.finish()?;
        Ok(Acknowledgements {
            ta1: ta1.unwrap_or(standard.ta1),
            x999: x999.unwrap_or(standard.x999),
            x277ca: x277ca.unwrap_or(standard.x277ca),
        })
    }
}

impl SeverityProfile {
    fn read(keys: Keys<'_>) -> Result<SeverityProfile, ConfigError> {
        let mut profile = SeverityProfile::default();
        keys.pairs(
            check_or_level,
            &["a check id such as S301", "a SNIP level from 1 to 7"],
            "reject, warn or ignore",
            |name, word| {
                let severity = severity_of(word)?;
                match (name.parse::<Check>(), name.parse::<u8>()) {
                    (Ok(check), _) => profile.checks.insert(check, severity),
                    (Err(_), Ok(level)) => profile.levels.insert(level, severity),
                    (Err(_), Err(_)) => return None,
                };
                Some(())
            },
        )?;
        Ok(profile)
    }
}

/// Whether the name is a check of DOMAIN H or a SNIP level, else the check most like it.
fn check_or_level(name: &str) -> Result<(), Option<&'static str>> {
    let level = matches!(name, "1" | "2" | "3" | "4" | "5" | "6" | "7");
    if level || name.parse::<Check>().is_ok() {
        return Ok(());
    }
    Err(nearest(name, Check::ALL.iter().map(|check| check.id())))
}

fn read_duplicate(mut keys: Keys<'_>) -> Result<Option<u32>, ConfigError> {
    let days = keys.whole("isa13_days", 0..=3_650)?;
    keys.finish()?;
    Ok(days)
}

pub(super) fn folder_name(text: &str) -> Option<PartnerId> {
    let fits = (1..=64).contains(&text.len())
        && text
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-_".contains(&byte));
    fits.then(|| PartnerId::new(text))
}

fn some_text(text: &str) -> Option<String> {
    (!text.trim().is_empty()).then(|| text.to_string())
}

const WORDS: [(&str, Severity); 3] = [("reject", Severity::Reject), ("warn", Severity::Warn), ("ignore", Severity::Ignore)];

fn severity_of(word: &str) -> Option<Severity> {
    WORDS.iter().find(|(name, _)| *name == word).map(|(_, severity)| *severity)
}

fn word_of(severity: Severity) -> &'static str {
    WORDS.iter().find(|(_, of)| *of == severity).map_or("", |(name, _)| name)
}
