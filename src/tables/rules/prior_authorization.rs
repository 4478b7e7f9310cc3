//! What a payer may set about prior authorization (DOMAIN C1, C2, C4). The list of codes is
//! `prior_auth_codes.csv`.
//!
//! To the next editor: packs are kept as long as a decision names them, so a key that comes later has a
//! default, and the default asks for nothing.

use chrono_tz::Tz;
use serde::{Deserialize, Deserializer};

use super::code_list::CodeList;
use crate::ids::{NetworkId, Qualifier};
use crate::money::Money;

/// DOMAIN C.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PriorAuthorizationRules {
    /// A line without a number may use any authorization of its member.
    pub auto_match: bool,
    /// Rule P3.
    pub initial_consults: CodeList,
    /// Rule P4.
    pub follow_ups: CodeList,
    /// Rule P5.
    pub new_authorization: CodeList,
    /// Rule P6: networks whose members without a primary care provider need none for a consult.
    pub open_networks: Vec<NetworkId>,
    /// Rules P1 and P2: what the assigned provider or group renders without authorization.
    pub primary_care: CodeList,
    /// Rule P8.
    pub health_assessment: Option<HealthAssessmentRule>,
    /// Unlisted procedures need one unless the list says otherwise.
    #[serde(default)]
    pub unlisted: bool,
    /// What a provider outside the network renders without one.
    #[serde(default)]
    pub out_of_network: OutOfNetwork,
    /// Elective services at a tertiary centre need one.
    #[serde(default)]
    pub tertiary_elective: bool,
    /// Revenue codes of room and board: days are counted on their lines.
    #[serde(default)]
    pub room_and_board: CodeList,
    /// CL101 of hospital stays (bill type 11x) that need one.
    #[serde(default)]
    pub scheduled_admissions: Vec<Qualifier>,
    /// CL101 of hospital stays that the plan must be told of.
    #[serde(default)]
    pub emergency_admissions: Vec<Qualifier>,
    #[serde(default)]
    pub emergency_notice: EmergencyNotice,
    /// Of an emergency admission.
    pub notification_hours: u32,
    /// Where the hour of an admission is counted.
    #[serde(default = "pacific", deserialize_with = "zone")]
    pub notification_zone: Tz,
    pub wheelchair_repairs: WheelchairRule,
}

/// Repairs that cost less in total than the amount need no authorization; from the amount on they do.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WheelchairRule {
    pub codes: CodeList,
    pub below: Money,
}

/// The first assessment of a new member is the primary care provider's: a specialist who bills it is
/// told, and the decision stands.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HealthAssessmentRule {
    pub codes: CodeList,
    /// From the first day of coverage.
    pub days: u32,
}

/// What becomes of a non-emergency service by a provider without a contract that nobody authorized.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
pub enum OutOfNetwork {
    /// It needs no more than others.
    #[default]
    #[serde(rename = "off")]
    Off,
    /// Denied as not authorized.
    #[serde(rename = "197")]
    NotAuthorized,
    /// Denied as not provided by the network.
    #[serde(rename = "242")]
    NotInNetwork,
}

/// What an emergency admission without any word of a notice comes to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EmergencyNotice {
    /// Only a notice on file that came late counts against it.
    #[default]
    IfLate,
    /// Without a notice on file it is denied.
    Required,
}

fn pacific() -> Tz {
    Tz::America__Los_Angeles
}

fn zone<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Tz, D::Error> {
    let name = String::deserialize(deserializer)?;
    name.parse()
        .map_err(|_| serde::de::Error::custom("no time zone has this name, expected one like America/Los_Angeles"))
}

#[cfg(test)]
mod tests {
    use super::super::RulePack;
    use super::*;

    /// The pack that ships, without the lines that begin like this.
    fn without(keys: &[&str]) -> String {
        let kept = RulePack::EMBEDDED_TEXT.lines().filter(|line| !keys.iter().any(|key| line.starts_with(key)));
        kept.collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn a_pack_of_before_asks_for_no_more_than_it_did() {
        let keys = [
            "unlisted =",
            "out_of_network =",
            "tertiary_elective =",
            "room_and_board =",
            "scheduled_admissions =",
            "emergency_admissions =",
            "emergency_notice =",
            "notification_zone =",
            "health_assessment =",
        ];
        let pack = RulePack::parse(&without(&keys)).unwrap();
        let rules = &pack.prior_authorization;
        assert_eq!(
            (rules.unlisted, rules.tertiary_elective, rules.out_of_network),
            (false, false, OutOfNetwork::Off)
        );
        assert!(rules.room_and_board.is_empty() && rules.scheduled_admissions.is_empty() && rules.emergency_admissions.is_empty());
        assert_eq!((rules.emergency_notice, rules.health_assessment.clone()), (EmergencyNotice::IfLate, None));
        assert_eq!(rules.notification_zone, Tz::America__Los_Angeles);
    }

    #[test]
    fn what_is_none_is_refused() {
        for (from, to) in [
            (r#"out_of_network = "197""#, r#"out_of_network = "243""#),
            (r#"emergency_notice = "if_late""#, r#"emergency_notice = "never""#),
            (r#""America/Los_Angeles""#, r#""America/Orange""#),
            ("days = 120", "days = 0"),
        ] {
            let text = RulePack::EMBEDDED_TEXT.replacen(from, to, 1);
            assert_ne!(text, RulePack::EMBEDDED_TEXT, "{from}");
            assert!(RulePack::parse(&text).is_err(), "{to}");
        }
    }
}
