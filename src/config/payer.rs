//! The payer: who we are on the wire and on a remittance.

use chrono_tz::{TZ_VARIANTS, Tz};
use serde::{Serialize, Serializer};

use super::document::{ConfigError, Keys, nearest};
use super::values::{AccountNumber, InterchangeParty, RoutingNumber, element_text};
use crate::ids::Tin;

/// `[payer]`. The default is the reference payer, CalOptima Health, with synthetic numbers (a TIN, a
/// bank account and a telephone number that nobody has).
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Payer {
    /// Payer ids accepted in 2010BB NM109; the first is sent in REF*2U.
    pub ids: Vec<String>,
    /// Our side of an interchange: ISA07/08 received, ISA05/06 and GS02 sent.
    pub receiver_id: InterchangeParty,
    /// Whose calendar day a receipt falls on (DOMAIN B7).
    #[serde(serialize_with = "zone_name")]
    pub timezone: Tz,
    /// 835 N1*PR.
    pub name: String,
    /// 835 BPR10 and TRN03, after a `1`.
    pub tin: Tin,
    pub address: Address,
    pub contact: Contact,
    pub bank: BankAccount,
}

/// 835 N3 and N4 of the payer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Address {
    pub street: String,
    pub city: String,
    pub state: String,
    pub zip: String,
}

/// 835 PER*BL, the technical contact (required), and PER*IC, the policy site.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Contact {
    pub name: String,
    /// Ten digits.
    pub phone: String,
    pub url: Option<String>,
}

/// The account payments leave from. BPR06–BPR09.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct BankAccount {
    pub routing: RoutingNumber,
    pub account: AccountNumber,
}

impl Payer {
    pub(super) fn read(mut keys: Keys<'_>) -> Result<Payer, ConfigError> {
        let ids = keys.list("ids", "payer ids of 1 to 80 characters", |text| element_text(text, 80))?;
        let receiver_id = keys.text("receiver_id", InterchangeParty::EXPECTED, InterchangeParty::parse)?;
        let timezone = read_zone(&mut keys)?;
        let name = keys.text("name", "a name of 1 to 60 characters", |text| element_text(text, 60))?;
        let tin = keys.text("tin", "nine digits", |text| digits(text, &[9]).and_then(|tin| Tin::parse(tin.as_bytes()).ok()))?;
        let address = Address::read(keys.section("address")?)?;
        let contact = Contact::read(keys.section("contact")?)?;
        let bank = BankAccount::read(keys.section("bank")?)?;
        keys.finish()?;
        Ok(Payer {
            ids: ids.unwrap_or_else(|| vec!["CALOP".into(), "99250".into()]),
            receiver_id: keys.required(
                "receiver_id",
                InterchangeParty::EXPECTED,
                receiver_id.or_else(|| InterchangeParty::new("ZZ", "CALOP")),
            )?,
            timezone: timezone.unwrap_or(Tz::America__Los_Angeles),
            name: name.unwrap_or_else(|| "CALOPTIMA HEALTH".into()),
            tin: keys.required("tin", "nine digits", tin.or_else(|| Tin::parse(b"330123456").ok()))?,
            address,
            contact,
            bank,
        })
    }
}

impl Address {
    fn read(mut keys: Keys<'_>) -> Result<Address, ConfigError> {
        let street = keys.text("street", "a street of 1 to 55 characters", |text| element_text(text, 55))?;
        let city = keys.text("city", "a city of 2 to 30 characters", |text| {
            element_text(text, 30).filter(|city| city.len() > 1)
        })?;
        let state = keys.text("state", "two capital letters", |text| {
            (text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_uppercase())).then(|| text.to_string())
        })?;
        let zip = keys.text("zip", "five or nine digits", |text| digits(text, &[5, 9]))?;
        keys.finish()?;
        Ok(Address {
            street: street.unwrap_or_else(|| "505 CITY PARKWAY WEST".into()),
            city: city.unwrap_or_else(|| "ORANGE".into()),
            state: state.unwrap_or_else(|| "CA".into()),
            zip: zip.unwrap_or_else(|| "92868".into()),
        })
    }
}

impl Contact {
    fn read(mut keys: Keys<'_>) -> Result<Contact, ConfigError> {
        let name = keys.text("name", "a name of 1 to 60 characters", |text| element_text(text, 60))?;
        let phone = keys.text("phone", "ten digits", |text| digits(text, &[10]))?;
        // No scheme: its colon is a separator of the 835.
        let url = keys.text("url", "a web address without https://, 1 to 80 characters", |text| {
            if text.is_empty() { Some(None) } else { element_text(text, 80).map(Some) }
        })?;
        keys.finish()?;
        Ok(Contact {
            name: name.unwrap_or_else(|| "CLAIMS DEPARTMENT".into()),
            phone: phone.unwrap_or_else(|| "7145550100".into()),
            url: url.flatten(),
        })
    }
}

impl BankAccount {
    const ROUTING: &'static str = "nine digits with a valid check digit";
    const ACCOUNT: &'static str = "4 to 35 letters and digits";

    fn read(mut keys: Keys<'_>) -> Result<BankAccount, ConfigError> {
        let routing = keys.text("routing", Self::ROUTING, RoutingNumber::parse)?;
        let account = keys.concealed("account", Self::ACCOUNT, AccountNumber::parse)?;
        keys.finish()?;
        // One without the other would pay from a mixture of the configured and the synthetic account.
        let (routing, account) = match (routing, account) {
            (None, None) => (RoutingNumber::parse("123456780"), AccountNumber::parse("0000012345")),
            given => given,
        };
        Ok(BankAccount {
            routing: keys.required("routing", Self::ROUTING, routing)?,
            account: keys.required("account", Self::ACCOUNT, account)?,
        })
    }
}

fn read_zone(keys: &mut Keys<'_>) -> Result<Option<Tz>, ConfigError> {
    let text = keys.text("timezone", "an IANA time zone", |text| Some(text.to_string()))?;
    let Some(text) = text else { return Ok(None) };
    match text.parse::<Tz>() {
        Ok(zone) => Ok(Some(zone)),
        Err(_) => {
            let alike = nearest(&text, TZ_VARIANTS.iter().map(|zone| zone.name()));
            let expected = alike.map_or("an IANA time zone such as America/Los_Angeles".to_string(), |name| {
                format!("an IANA time zone, did you mean {name}?")
            });
            keys.text("timezone", &expected, |_| None)
        }
    }
}

fn digits(text: &str, lengths: &[usize]) -> Option<String> {
    (lengths.contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit())).then(|| text.to_string())
}

fn zone_name<S: Serializer>(zone: &Tz, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(zone.name())
}
