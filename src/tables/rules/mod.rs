//! The rule pack: what a payer may set about its rules, as data. `config/rules/*.toml`.
//!
//! The algorithms are code (`adjudication`), their parameters are here. To the next editor: a new
//! parameter goes into the struct, into `config/rules/calop.toml` with the part of DOMAIN it follows,
//! and into a test; unknown keys are refused.

mod code_list;
mod coordination;
mod exemptions;
mod fraud_signals;
mod pricing;
mod prior_authorization;
mod prompt_pay;
mod screen;
mod working_days;

use std::sync::LazyLock;

use chrono::NaiveDate;
use compact_str::CompactString;
use serde::Deserialize;

pub use self::code_list::{CodeList, DiagnosisList};
pub use self::coordination::{CoordinationRules, QualifiedBeneficiaries};
pub use self::exemptions::{EvidenceItem, EvidenceStrength, Exemption, Indicator, LineEvidence};
pub use self::fraud_signals::{FraudSignalRules, TimedCodes, UpcodingRules};
pub use self::pricing::{LateFiling, MultipleProcedures, Multiplier, PricingRules};
pub use self::prior_authorization::{EmergencyNotice, HealthAssessmentRule, OutOfNetwork, PriorAuthorizationRules, WheelchairRule};
pub use self::prompt_pay::{EarlierPromptPay, Forwarding, Penalty, PromptPayRules};
pub use self::screen::Screen;
pub use self::working_days::Holiday;
use super::reasons::{AdjustmentGroup, ReasonError, Reasons};
use super::refdata::RowReason;
use crate::ids::{Carc, ContentDigest, Modifier, Qualifier, Rarc};

/// A payer's rules with the digest that pins them to a decision.
#[derive(Debug, Clone, PartialEq)]
pub struct RulePack {
    rules: Rules,
    text: std::sync::Arc<str>,
    digest: ContentDigest,
}

impl std::ops::Deref for RulePack {
    type Target = Rules;
    fn deref(&self) -> &Rules {
        &self.rules
    }
}

/// Every parameter of a pack.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rules {
    pub name: CompactString,
    pub payer: PayerRules,
    pub timely_filing: TimelyFilingRules,
    pub prior_authorization: PriorAuthorizationRules,
    pub duplicate: DuplicateRules,
    pub prompt_pay: PromptPayRules,
    pub pricing: PricingRules,
    #[serde(default)]
    pub member_billing: MemberBillingRules,
    #[serde(default)]
    pub correct_coding: CorrectCodingRules,
    #[serde(default)]
    pub fraud_signals: FraudSignalRules,
    #[serde(default)]
    pub eligibility: EligibilityRules,
    #[serde(default)]
    pub coordination: CoordinationRules,
    #[serde(rename = "exemption", default)]
    pub exemptions: Vec<Exemption>,
    /// Of the sensitive ones.
    #[serde(skip)]
    screen: Screen,
    /// Of all.
    #[serde(skip)]
    screen_of_all: Screen,
}

/// DOMAIN A1.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PayerRules {
    /// 2010BB NM109 accepted.
    pub ids: Vec<CompactString>,
}

/// DOMAIN B. The limits themselves are `filing_limits.csv`.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TimelyFilingRules {
    /// From the last determination of the claim replaced.
    pub replacement_days: u32,
    /// At least, from the primary payer's determination.
    pub cob_days_min: u32,
    pub boundary: BoundaryRule,
    pub delay_reasons: Vec<DelayReason>,
    /// A last day that is no working day moves to the next one.
    #[serde(default)]
    pub roll_to_business_day: bool,
    /// Days that are no working days, beside Saturdays and Sundays.
    #[serde(default)]
    pub holidays: Vec<Holiday>,
}

impl TimelyFilingRules {
    /// The last timely day, where it may move to the next working day.
    pub fn rolled(&self, last_day: NaiveDate) -> NaiveDate {
        match self.roll_to_business_day {
            true => working_days::rolled(last_day, &self.holidays),
            false => last_day,
        }
    }
}

/// The two readings of a year's limit, whose difference is reported (DOMAIN B1 B4).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BoundaryRule {
    pub days: u32,
    pub years: u32,
}

/// A CLM20 value the payer takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DelayReason {
    pub code: Qualifier,
    /// Beyond the limit that applies without it.
    pub extra_days: u32,
    pub needs: DelayProof,
    /// Why a claim is contested that gives the reason without its proof; denied as late when left out.
    #[serde(default)]
    pub without_proof: Option<RowReason>,
}

/// What must come with a delay reason.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DelayProof {
    Nothing,
    /// NTE.
    Note,
    /// PWK.
    Attachment,
}

/// DOMAIN E4.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DuplicateRules {
    pub distinct_modifiers: Vec<Modifier>,
    #[serde(default)]
    pub suspect: SuspectAction,
}

/// What happens to a line that is like one of an earlier claim, and not exactly the same.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SuspectAction {
    /// Nobody looks for one.
    #[default]
    Ignore,
    /// A person looks.
    Pend,
    /// It is denied as a duplicate.
    Deny,
}

/// DOMAIN E1. A pack may leave this out.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EligibilityRules {
    /// The subscriber's birth date on the claim is the one on record, or the claim is of somebody else.
    pub birth_date_must_agree: bool,
}

/// DOMAIN D1: what is said about money that the member paid or owes. A pack may leave each out; nothing is
/// said then.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct MemberBillingRules {
    /// MB1 and MB5: the patient paid and owes nothing.
    pub patient_paid: Option<Rarc>,
    /// MB2: another amount than the share of cost on record.
    pub share_of_cost_differs: Option<Rarc>,
    /// MB2: a share of cost is on record, and the claim says nothing of it.
    pub share_of_cost_missing: Option<Rarc>,
    /// MB3: why nothing is paid of a claim that says nothing of the share of cost on record; paid when left
    /// out. It looks at the claim alone: a share that another claim of the month met does not count.
    pub share_of_cost_unmet: Option<RowReason>,
    /// Beside the reason of every line that is denied.
    pub nothing_paid: Option<Rarc>,
}

/// DOMAIN D2, NCCI. The edits are `ncci_ptp*` and `mue*`. A pack may leave this out.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CorrectCodingRules {
    #[serde(default)]
    pub units_above: UnitsAbove,
    /// Pairs and units of a day count what other claims were paid for.
    #[serde(default)]
    pub across_claims: bool,
}

/// What happens to a line with more units than are believed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum UnitsAbove {
    /// The units above the limit are cut.
    #[default]
    Cut,
    /// The line is denied.
    Deny,
}

/// What happens to a covered line without a rate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(tag = "action", rename_all = "snake_case", deny_unknown_fields)]
pub enum UnpricedAction {
    Deny { group: AdjustmentGroup, carc: Carc, rarc: Option<Rarc> },
    Pend,
}

/// Why a rule pack was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RuleError {
    /// Line, column and reason, as TOML names them.
    #[error("rule pack: {0}")]
    Syntax(Box<toml::de::Error>),
    #[error("rule pack: {key} is out of range, expected {expected}")]
    OutOfRange { key: &'static str, expected: &'static str },
    #[error("rule pack: {key} is empty")]
    Empty { key: &'static str },
    #[error("rule pack: delay reason {0} is given twice")]
    RepeatedDelayReason(Qualifier),
    #[error("rule pack: exemption `{0}` is given twice")]
    RepeatedExemption(CompactString),
    #[error("rule pack: exemption `{0}` has no evidence, or a combination without any item")]
    NoEvidence(CompactString),
    #[error("rule pack: exemption `{0}` has no example that is exempt")]
    NoExample(CompactString),
    #[error("rule pack: exemption `{name}`: example {number} does not come out as it says")]
    WrongExample { name: CompactString, number: usize },
    #[error("rule pack: {key} is {error}")]
    Reason { key: &'static str, error: ReasonError },
    #[error("rule pack: the reason tables cannot be read")]
    ReasonTables,
}

static EMBEDDED: LazyLock<Result<RulePack, RuleError>> = LazyLock::new(|| RulePack::parse(RulePack::EMBEDDED_TEXT));

impl RulePack {
    /// The pack that ships with the program, as TOML.
    pub const EMBEDDED_TEXT: &'static str = include_str!("../../../config/rules/calop.toml");

    /// The pack that ships with the program.
    ///
    /// # Errors
    /// [`RuleError`] when it is inconsistent, which a test rules out.
    pub fn embedded() -> Result<&'static RulePack, &'static RuleError> {
        EMBEDDED.as_ref()
    }

    /// Reads a pack and checks it: ranges, reasons, and every exemption by its examples.
    ///
    /// # Errors
    /// [`RuleError`] at the first thing that is wrong.
    pub fn parse(text: &str) -> Result<RulePack, RuleError> {
        let mut rules: Rules = toml::from_str(text).map_err(|error| RuleError::Syntax(Box::new(error)))?;
        rules.check()?;
        rules.screen = Screen::of(rules.exemptions.iter().filter(|exemption| exemption.sensitive));
        rules.screen_of_all = Screen::of(rules.exemptions.iter());
        let mut hasher = blake3::Hasher::new_derive_key("claimstream rule pack v1");
        // Line ends are not content.
        for line in text.lines() {
            hasher.update(line.as_bytes()).update(b"\n");
        }
        Ok(RulePack {
            rules,
            text: text.into(),
            digest: ContentDigest::from_bytes(*hasher.finalize().as_bytes()),
        })
    }

    /// The pack as it was read.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// BLAKE3 of the pack's text.
    pub fn digest(&self) -> ContentDigest {
        self.digest
    }
}

impl Rules {
    /// The first exempt service that a line shows, and how: one that needs no authorization, or, for a
    /// service outside the network, one that may be had there.
    pub fn exemption(&self, line: &LineEvidence<'_>, outside_network: bool) -> Option<(&Exemption, EvidenceStrength)> {
        let counts = |exemption: &&Exemption| match outside_network {
            true => exemption.any_network,
            false => !exemption.network_only,
        };
        if !self.screen_of_all.may_show(line) {
            return None;
        }
        let mut exemptions = self.exemptions.iter().filter(counts);
        exemptions.find_map(|exemption| exemption.shown_by(line).map(|strength| (exemption, strength)))
    }

    /// Every sensitive service that a line shows: notices about it may be suppressed.
    pub fn sensitive<'a>(&'a self, line: &LineEvidence<'_>) -> impl Iterator<Item = &'a Exemption> {
        let exemptions: &[Exemption] = if self.screen.may_show(line) { &self.exemptions } else { &[] };
        exemptions
            .iter()
            .filter(move |exemption| exemption.sensitive && exemption.shown_by(line).is_some())
    }

    /// A quick no to whether a claim shows a sensitive service.
    pub fn sensitive_screen(&self) -> &Screen {
        &self.screen
    }

    /// The delay reason that the payer takes.
    pub fn delay_reason(&self, code: Qualifier) -> Option<&DelayReason> {
        self.timely_filing.delay_reasons.iter().find(|reason| reason.code == code)
    }

    fn check(&self) -> Result<(), RuleError> {
        let in_range = |holds: bool, key, expected| if holds { Ok(()) } else { Err(RuleError::OutOfRange { key, expected }) };
        in_range(
            (1..=3650).contains(&self.timely_filing.replacement_days),
            "timely_filing.replacement_days",
            "1 to 3650",
        )?;
        // 28 CCR 1300.71(b)(3): a floor, so a pack may only raise it.
        in_range(
            (90..=3650).contains(&self.timely_filing.cob_days_min),
            "timely_filing.cob_days_min",
            "90 to 3650",
        )?;
        self.prompt_pay.check()?;
        let signals = &self.fraud_signals;
        in_range(
            signals.repeats.is_none_or(|repeats| (2..=100).contains(&repeats)),
            "fraud_signals.repeats",
            "2 to 100",
        )?;
        let minutes = signals.timed.iter().all(|timed| (1..=1440).contains(&timed.minutes));
        in_range(minutes, "fraud_signals.timed minutes", "1 to 1440")?;
        if let Some(rule) = &signals.upcoding {
            rule.check()?;
        }
        if let Some(rule) = &self.prior_authorization.health_assessment {
            in_range((1..=3650).contains(&rule.days), "prior_authorization.health_assessment.days", "1 to 3650")?;
        }
        if self.payer.ids.is_empty() {
            return Err(RuleError::Empty { key: "payer.ids" });
        }
        if let Some(code) = repeated(self.timely_filing.delay_reasons.iter().map(|reason| reason.code)) {
            return Err(RuleError::RepeatedDelayReason(code));
        }
        if let Some(name) = repeated(self.exemptions.iter().map(|exemption| exemption.name.clone())) {
            return Err(RuleError::RepeatedExemption(name));
        }
        self.exemptions.iter().try_for_each(check_exemption)?;
        let delays = self.timely_filing.delay_reasons.iter();
        for reason in delays.filter_map(|reason| reason.without_proof) {
            check_reason("timely_filing.delay_reasons", reason)?;
        }
        self.pricing.check()?;
        self.member_billing.check()?;
        if let Some(qualified) = &self.coordination.qualified_beneficiaries {
            qualified.check()?;
        }
        match self.pricing.unpriced {
            UnpricedAction::Pend => Ok(()),
            UnpricedAction::Deny { group, carc, rarc } => check_reason("pricing.unpriced", RowReason { group, carc, rarc }),
        }
    }
}

impl MemberBillingRules {
    fn check(&self) -> Result<(), RuleError> {
        check_remarks([
            ("member_billing.patient_paid", self.patient_paid),
            ("member_billing.share_of_cost_differs", self.share_of_cost_differs),
            ("member_billing.share_of_cost_missing", self.share_of_cost_missing),
            ("member_billing.nothing_paid", self.nothing_paid),
        ])?;
        match self.share_of_cost_unmet {
            Some(reason) => check_reason("member_billing.share_of_cost_unmet", reason),
            None => Ok(()),
        }
    }
}

/// The reason may be sent, and leaves nothing to the member (DOMAIN D1).
fn check_remarks(said: impl IntoIterator<Item = (&'static str, Option<Rarc>)>) -> Result<(), RuleError> {
    let reasons = Reasons::embedded().map_err(|_| RuleError::ReasonTables)?;
    let is_unknown = |remark: Option<Rarc>| remark.is_some_and(|remark| reasons.rarc(&remark).is_none());
    match said.into_iter().find(|(_, remark)| is_unknown(*remark)) {
        Some((key, _)) => Err(RuleError::Reason {
            key,
            error: ReasonError::RemarkUnknown,
        }),
        None => Ok(()),
    }
}

fn check_reason(key: &'static str, reason: RowReason) -> Result<(), RuleError> {
    let reasons = Reasons::embedded().map_err(|_| RuleError::ReasonTables)?;
    let checked = match reason.group {
        AdjustmentGroup::PatientResponsibility => Err(ReasonError::WrongGroup),
        group => reasons.check(group, &reason.carc, reason.rarc.as_slice()),
    };
    checked.map_err(|error| RuleError::Reason { key, error })
}

fn check_exemption(exemption: &Exemption) -> Result<(), RuleError> {
    if exemption.is_empty() || exemption.has_boundless_combination() {
        return Err(RuleError::NoEvidence(exemption.name.clone()));
    }
    if !exemption.examples.iter().any(|example| example.exempt) {
        return Err(RuleError::NoExample(exemption.name.clone()));
    }
    match exemption.examples.iter().zip(1..).find(|(example, _)| !example.holds(exemption)) {
        Some((_, number)) => Err(RuleError::WrongExample {
            name: exemption.name.clone(),
            number,
        }),
        None => Ok(()),
    }
}

/// The first value that was there before.
fn repeated<T: PartialEq>(values: impl Iterator<Item = T>) -> Option<T> {
    let mut seen = Vec::new();
    for value in values {
        if seen.contains(&value) {
            return Some(value);
        }
        seen.push(value);
    }
    None
}

/// A TOML date (`2026-01-01`, no quotes).
fn toml_date<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<NaiveDate, D::Error> {
    let datetime = toml::value::Datetime::deserialize(deserializer)?;
    day_of(datetime)
}

/// The same where the key may be left out.
fn optional_toml_date<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<NaiveDate>, D::Error> {
    toml_date(deserializer).map(Some)
}

fn day_of<E: serde::de::Error>(datetime: toml::value::Datetime) -> Result<NaiveDate, E> {
    let date = datetime.date.filter(|_| datetime.time.is_none());
    date.and_then(|date| NaiveDate::from_ymd_opt(i32::from(date.year), u32::from(date.month), u32::from(date.day)))
        .ok_or_else(|| E::custom("not a date, expected YYYY-MM-DD"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tables::code_range::CodeKey;

    fn key(code: &str) -> CodeKey {
        CodeKey::of(code.as_bytes())
    }

    #[test]
    fn the_embedded_pack_loads_with_what_the_domain_says() {
        let pack = RulePack::embedded().unwrap();
        assert_eq!(pack.payer.ids, ["CALOP", "99250"]);
        assert_eq!((pack.timely_filing.replacement_days, pack.timely_filing.cob_days_min), (365, 90));
        let delay = |code: &str| pack.delay_reason(code.parse().unwrap()).map(|reason| reason.needs);
        for (code, needs) in [
            ("7", Some(DelayProof::Attachment)),
            ("3", Some(DelayProof::Note)),
            ("2", None),
            ("8", None),
            ("9", None),
        ] {
            assert_eq!(delay(code), needs, "CLM20 {code}");
        }
        let prior = &pack.prior_authorization;
        for (code, consult, follow_up, new, primary) in [
            ("99201", false, false, false, false),
            ("99204", true, false, false, true),
            ("99214", false, true, false, true),
            ("99215", false, false, true, true),
            ("99245", true, false, false, false),
        ] {
            let lists = [&prior.initial_consults, &prior.follow_ups, &prior.new_authorization, &prior.primary_care].map(|list| list.contains(key(code)));
            assert_eq!(lists, [consult, follow_up, new, primary], "{code}");
        }
        assert_eq!(
            pack.pricing.unpriced,
            UnpricedAction::Deny {
                group: AdjustmentGroup::ContractualObligation,
                carc: "147".parse().unwrap(),
                rarc: None
            }
        );
        assert_eq!(pack.exemptions.len(), 13);
    }

    #[test]
    fn the_first_exemption_that_a_line_shows_is_named_with_its_strength() {
        let pack = RulePack::embedded().unwrap();
        let line = LineEvidence {
            units: crate::money::Quantity::ONE,
            ..LineEvidence::default()
        };
        let ambulance = LineEvidence {
            procedure: "A0429".parse().ok(),
            ..line
        };
        let minor = LineEvidence {
            procedure: "90834".parse().ok(),
            age_years: Some(12),
            ..line
        };
        for (name, line, found) in [
            (
                "office visit",
                LineEvidence {
                    procedure: "99213".parse().ok(),
                    place_of_service: "11".parse().ok(),
                    ..line
                },
                None,
            ),
            (
                "emergency room",
                LineEvidence {
                    place_of_service: "23".parse().ok(),
                    ..line
                },
                Some(("emergency", EvidenceStrength::Strong)),
            ),
            ("ambulance alone", ambulance, None),
            (
                "ambulance and SV109",
                LineEvidence {
                    indicators: &[Indicator::Emergency],
                    ..ambulance
                },
                Some(("emergency", EvidenceStrength::TwoWeak)),
            ),
            ("minor", minor, Some(("minor-consent", EvidenceStrength::Together))),
            ("age unknown", LineEvidence { age_years: None, ..minor }, None),
        ] {
            let shown = pack.exemption(&line, false).map(|(exemption, strength)| (exemption.name.as_str(), strength));
            assert_eq!(shown, found, "{name}");
        }
    }

    #[test]
    fn the_digest_is_of_the_text_without_its_line_ends() {
        let embedded = RulePack::embedded().unwrap();
        let windows = RulePack::parse(&RulePack::EMBEDDED_TEXT.replace('\n', "\r\n")).unwrap();
        assert_eq!(windows.digest(), embedded.digest());
        let other = RulePack::parse(&RulePack::EMBEDDED_TEXT.replace("auto_match = true", "auto_match = false")).unwrap();
        assert_ne!(other.digest(), embedded.digest());
    }

    #[test]
    fn an_inconsistent_pack_is_refused_for_its_reason() {
        for (from, to, message) in [
            (
                "cob_days_min = 90",
                "cob_days_min = 89",
                "rule pack: timely_filing.cob_days_min is out of range, expected 90 to 3650",
            ),
            (
                "replacement_days = 365",
                "replacement_days = 0",
                "rule pack: timely_filing.replacement_days is out of range, expected 1 to 3650",
            ),
            (
                "divisor_days = 365",
                "divisor_days = 0",
                "rule pack: prompt_pay.divisor_days is out of range, expected 360 to 366",
            ),
            (
                "rate_percent = \"15\"",
                "rate_percent = \"-1\"",
                "rule pack: prompt_pay.rate_percent is out of range, expected 0 to 100",
            ),
            ("days = 30\n", "days = 0\n", "rule pack: prompt_pay.days is out of range, expected 1 to 3650"),
            ("ids = [\"CALOP\", \"99250\"]", "ids = []", "rule pack: payer.ids is empty"),
            ("{ code = \"3\",", "{ code = \"1\",", "rule pack: delay reason 1 is given twice"),
            ("\"urgent-care\"", "\"emergency\"", "rule pack: exemption `emergency` is given twice"),
            (
                "carc = \"147\"",
                "carc = \"15\"",
                "rule pack: pricing.unpriced is a deactivated adjustment reason",
            ),
            (
                "group = \"CO\", carc = \"147\"",
                "group = \"PR\", carc = \"147\"",
                "rule pack: pricing.unpriced is not allowed under this adjustment group",
            ),
            (
                "carc = \"147\"",
                "carc = \"96\", rarc = \"N999\"",
                "rule pack: pricing.unpriced is with a remark that is not known",
            ),
            (
                "carc = \"147\"",
                "carc = \"96\"",
                "rule pack: pricing.unpriced is without the remark that the adjustment reason needs (an alert does not count)",
            ),
            (
                "place_of_service = \"20\" }\nexempt = true",
                "place_of_service = \"21\" }\nexempt = true",
                "rule pack: exemption `urgent-care`: example 1 does not come out as it says",
            ),
            (
                "place_of_service = \"20\" }\nexempt = true",
                "place_of_service = \"21\" }\nexempt = false",
                "rule pack: exemption `urgent-care` has no example that is exempt",
            ),
            (
                "age_min = 12\nage_max = 17\nprocedures = [[\"90791\"",
                "age_min = 12\n[[exemption.together]]\nprocedures = [[\"90791\"",
                "rule pack: exemption `minor-consent` has no evidence, or a combination without any item",
            ),
        ] {
            let text = RulePack::EMBEDDED_TEXT.replacen(from, to, 1);
            assert_ne!(text, RulePack::EMBEDDED_TEXT, "{from}");
            assert_eq!(RulePack::parse(&text).unwrap_err().to_string(), message);
        }
    }

    #[test]
    fn syntax_errors_say_where() {
        for (from, to, part) in [
            ("auto_match = true", "auto_match = true\nauto_guess = true", "unknown field `auto_guess`"),
            ("auto_match = true\n", "", "missing field `auto_match`"),
            (
                "[\"99211\", \"99214\"]]",
                "[\"99214\", \"99211\"]]",
                "entry 1: code range ends before it begins",
            ),
            (
                "[\"99211\", \"99214\"]]",
                "[\"9921\", \"99214\"]]",
                "entry 1: code range has ends of different length",
            ),
            ("\"G0101\", \"G0438\"", "\"G 101\", \"G0438\"", "entry 7 is no code"),
            (
                "received_from = 2026-01-01",
                "received_from = 2026-01-01T00:00:00",
                "not a date, expected YYYY-MM-DD",
            ),
            ("needs = \"attachment\"", "needs = \"papers\"", "unknown variant `papers`"),
        ] {
            let text = RulePack::EMBEDDED_TEXT.replacen(from, to, 1);
            assert_ne!(text, RulePack::EMBEDDED_TEXT, "{from}");
            let message = RulePack::parse(&text).unwrap_err().to_string();
            assert!(message.contains(part) && message.contains("line "), "{message}");
        }
    }
}
