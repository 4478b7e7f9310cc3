//! Exact money and quantities.
//!
//! No float ever touches an amount. A [`Money`] is a whole number of cents, of at most
//! [`limits::MONEY_CENTS_MAX`] when it comes from outside, so sums of a million claims stay inside an
//! `i64`; what multiplies or divides one does so as a [`rust_decimal::Decimal`] and rounds to the cent,
//! half up. A [`Quantity`] is a decimal.

use std::fmt;
use std::iter::Sum;
use std::ops::{Add, AddAssign, Neg, Sub, SubAssign};
use std::str::FromStr;

use compact_str::{CompactString, ToCompactString};
use rust_decimal::{Decimal, RoundingStrategy};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::limits;
use crate::text_form;
use crate::word;

/// Why an X12 amount or quantity could not be read. Never carries the text itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum DecimalError {
    #[error("not a decimal, expected digits with at most one point and a leading minus")]
    NotADecimal,
    #[error("more than two decimals")]
    TooPrecise,
    #[error("larger than the limit of ten digits before the point")]
    TooLarge,
}

/// An amount of US dollars: whole cents, exact. Sums end at the ends of `i64`.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Money(i64);

impl Money {
    pub const ZERO: Money = Money(0);

    /// An amount from whole cents.
    pub const fn from_cents(cents: i64) -> Money {
        Money(cents)
    }

    /// Whole cents.
    pub const fn cents(self) -> i64 {
        self.0
    }

    /// Reads an X12 `R` element: digits, at most one point, an optional leading minus.
    ///
    /// # Errors
    /// [`DecimalError`] when the text is no decimal, has more than two significant decimals, or is
    /// beyond [`limits::MONEY_CENTS_MAX`].
    #[inline]
    pub fn parse_x12(text: &[u8]) -> Result<Money, DecimalError> {
        // Nearly all have at most eight characters and two decimals, and no sign.
        match word::decimal(text) {
            Some((number, _, 0)) => Ok(Money(i64::from(number) * 100)),
            Some((number, _, 1)) => Ok(Money(i64::from(number) * 10)),
            Some((number, _, 2)) => Ok(Money(i64::from(number))),
            _ => Money::parse_x12_within_limit(text),
        }
    }

    fn parse_x12_within_limit(text: &[u8]) -> Result<Money, DecimalError> {
        let amount = Money::parse_x12_total(text)?;
        if amount.0.unsigned_abs() > limits::MONEY_CENTS_MAX.unsigned_abs() {
            return Err(DecimalError::TooLarge);
        }
        Ok(amount)
    }

    /// Reads a sum of many claims, such as BPR02: as [`Money::parse_x12`], up to 18 digits.
    ///
    /// # Errors
    /// [`DecimalError`].
    pub fn parse_x12_total(text: &[u8]) -> Result<Money, DecimalError> {
        let value = parse_decimal(text)?;
        if value.scale > 2 {
            return Err(DecimalError::TooPrecise);
        }
        value.scaled_to(2).map(Money).ok_or(DecimalError::TooLarge)
    }

    /// `amount × quantity`, rounded half-up to the cent (DOMAIN E6).
    pub fn times(self, quantity: Quantity) -> Money {
        Money::rounded(self.decimal().saturating_mul(quantity.0))
    }

    /// `part ÷ whole` of this amount, rounded half-up to the cent; all of it when `whole` is zero.
    pub fn share(self, part: Quantity, whole: Quantity) -> Money {
        match self.decimal().saturating_mul(part.0).checked_div(whole.0) {
            Some(share) => Money::rounded(share),
            None => self,
        }
    }

    /// `percent` of this amount, rounded half-up to the cent.
    pub fn percent(self, percent: Decimal) -> Money {
        Money::rounded(self.decimal().saturating_mul(percent) / Decimal::ONE_HUNDRED)
    }

    /// Rounds an exact decimal half-up (away from zero) to the cent.
    pub fn rounded(value: Decimal) -> Money {
        let rounded = value.round_dp_with_strategy(2, RoundingStrategy::MidpointAwayFromZero);
        Money::exactly(rounded).unwrap_or(Money(if rounded.is_sign_negative() { i64::MIN } else { i64::MAX }))
    }

    /// A decimal of at most two places; `None` beyond an `i64` of cents.
    fn exactly(value: Decimal) -> Option<Money> {
        let cents = match value.scale() {
            0 => value.mantissa().checked_mul(100)?,
            1 => value.mantissa().checked_mul(10)?,
            _ => value.mantissa(),
        };
        i64::try_from(cents).ok().map(Money)
    }

    /// With two places.
    pub fn decimal(self) -> Decimal {
        Decimal::new(self.0, 2)
    }

    pub const fn is_zero(self) -> bool {
        self.0 == 0
    }

    pub const fn is_negative(self) -> bool {
        self.0 < 0
    }

    /// X12 decimal text: no trailing zeros, no point when whole (`122.05`, `75`, `0`).
    pub fn to_x12(self) -> CompactString {
        let mut text = self.text();
        let beyond = if text.ends_with(".00") { 3 } else { usize::from(text.ends_with('0')) };
        text.truncate(text.len() - beyond);
        text
    }

    /// Sign, whole dollars, point and two digits of cents. Money is written a dozen times a claim.
    pub(crate) fn text(self) -> CompactString {
        let Money(cents) = self;
        // The longest amount has 19 digits.
        let (mut digits, mut length) = ([0; 24], 0);
        let mut places = digits.iter_mut().rev();
        let mut put = |byte: u8| {
            if let Some(place) = places.next() {
                *place = byte;
                length += 1;
            }
        };
        let digit = |number: u64| b'0' + (number % 10) as u8;
        let mut dollars = cents.unsigned_abs() / 100;
        put(digit(cents.unsigned_abs()));
        put(digit(cents.unsigned_abs() / 10));
        put(b'.');
        loop {
            put(digit(dollars));
            dollars /= 10;
            if dollars == 0 {
                break;
            }
        }
        if cents < 0 {
            put(b'-');
        }
        let text = digits.get(digits.len() - length..).unwrap_or_default();
        CompactString::from_utf8(text).unwrap_or_default()
    }
}

/// Always two decimals (`122.05`, `75.00`), as events and reports show money.
impl fmt::Display for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.text())
    }
}

impl fmt::Debug for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl TryFrom<Decimal> for Money {
    type Error = DecimalError;

    fn try_from(amount: Decimal) -> Result<Money, DecimalError> {
        let amount = amount.normalize();
        match amount.scale() {
            0..=2 => Money::exactly(amount).ok_or(DecimalError::TooLarge),
            _ => Err(DecimalError::TooPrecise),
        }
    }
}

impl Add for Money {
    type Output = Money;
    fn add(self, other: Money) -> Money {
        Money(self.0.saturating_add(other.0))
    }
}

impl Sub for Money {
    type Output = Money;
    fn sub(self, other: Money) -> Money {
        Money(self.0.saturating_sub(other.0))
    }
}

impl Neg for Money {
    type Output = Money;
    fn neg(self) -> Money {
        Money(self.0.saturating_neg())
    }
}

impl AddAssign for Money {
    fn add_assign(&mut self, other: Money) {
        *self = *self + other;
    }
}

impl SubAssign for Money {
    fn sub_assign(&mut self, other: Money) {
        *self = *self - other;
    }
}

impl Sum for Money {
    fn sum<I: Iterator<Item = Money>>(amounts: I) -> Money {
        amounts.fold(Money::ZERO, Add::add)
    }
}

/// Text with two decimals where a person reads it, whole cents where a machine stores it.
impl Serialize for Money {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() {
            serializer.serialize_str(&self.text())
        } else {
            serializer.serialize_i64(self.0)
        }
    }
}

impl<'de> Deserialize<'de> for Money {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Money, D::Error> {
        if deserializer.is_human_readable() {
            stored(deserializer)?.try_into().map_err(serde::de::Error::custom)
        } else {
            i64::deserialize(deserializer).map(Money)
        }
    }
}

/// A count of units, days or minutes. Units: whatever the line's basis says.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Quantity(Decimal);

impl Quantity {
    pub const ZERO: Quantity = Quantity(Decimal::ZERO);
    pub const ONE: Quantity = Quantity(Decimal::ONE);

    pub fn whole(units: u32) -> Quantity {
        Quantity(Decimal::from(units))
    }

    /// Reads an X12 `R` element as a quantity of at most [`limits::QUANTITY_MAX`], any decimals.
    ///
    /// # Errors
    /// [`DecimalError`] when the text is no decimal or too large.
    #[inline]
    pub fn parse_x12(text: &[u8]) -> Result<Quantity, DecimalError> {
        // Nearly all are small whole numbers.
        match word::number_of(text) {
            Some(number) => Ok(Quantity(Decimal::from(number))),
            None => Quantity::parse_x12_in_general(text),
        }
    }

    fn parse_x12_in_general(text: &[u8]) -> Result<Quantity, DecimalError> {
        let value = parse_decimal(text)?;
        let most = limits::QUANTITY_MAX.saturating_mul(10i64.saturating_pow(value.scale));
        if value.mantissa.abs() > most {
            return Err(DecimalError::TooLarge);
        }
        Ok(Quantity(value.decimal()))
    }

    /// A whole number of days, visits or units; negative ones count as none.
    pub fn count(number: i64) -> Quantity {
        Quantity(Decimal::from(number.max(0)))
    }

    /// As many units as dollars, for authorizations that count dollars.
    pub fn dollars(amount: Money) -> Quantity {
        Quantity(amount.decimal())
    }

    /// As many units on each of `days`.
    pub fn each_day(self, days: i64) -> Quantity {
        Quantity(self.0.saturating_mul(Decimal::from(days.max(0))))
    }

    /// `self × part ÷ whole`, rounded down to whole units; none when `whole` is zero.
    pub fn share(self, part: Quantity, whole: Quantity) -> Quantity {
        let share = self.0.saturating_mul(part.0).checked_div(whole.0).unwrap_or_default();
        Quantity(share.floor().max(Decimal::ZERO))
    }

    pub fn decimal(self) -> Decimal {
        self.0
    }

    pub fn is_zero(self) -> bool {
        self.0.is_zero()
    }

    pub fn is_negative(self) -> bool {
        self.0.is_sign_negative() && !self.0.is_zero()
    }

    /// The smaller of the two.
    pub fn at_most(self, other: Quantity) -> Quantity {
        self.min(other)
    }

    /// `self − other`, never below zero.
    pub fn less(self, other: Quantity) -> Quantity {
        Quantity(self.0.saturating_sub(other.0).max(Decimal::ZERO))
    }
}

/// As [`Quantity`] shows itself: a sum may be larger than what one line may bill.
impl FromStr for Quantity {
    type Err = DecimalError;

    fn from_str(text: &str) -> Result<Quantity, DecimalError> {
        Decimal::from_str_exact(text).map(Quantity).map_err(|_| DecimalError::NotADecimal)
    }
}

impl Add for Quantity {
    type Output = Quantity;
    fn add(self, other: Quantity) -> Quantity {
        Quantity(self.0.saturating_add(other.0))
    }
}

impl Sum for Quantity {
    fn sum<I: Iterator<Item = Quantity>>(quantities: I) -> Quantity {
        quantities.fold(Quantity::ZERO, Add::add)
    }
}

impl fmt::Display for Quantity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.text())
    }
}

impl Quantity {
    /// Without trailing zeros; whole ones, which nearly all are, without the way over a decimal.
    pub(crate) fn text(self) -> CompactString {
        match (self.0.scale(), i64::try_from(self.0.mantissa())) {
            (0, Ok(whole)) => whole.to_compact_string(),
            _ => self.0.normalize().to_compact_string(),
        }
    }
}

impl fmt::Debug for Quantity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for Quantity {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.text())
    }
}

impl<'de> Deserialize<'de> for Quantity {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Quantity, D::Error> {
        stored(deserializer).map(Quantity)
    }
}

/// A decimal that this program wrote. Sums outgrow the limits of what comes from outside, so those do
/// not apply: a store that refuses what it was given would never open again.
fn stored<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Decimal, D::Error> {
    text_form::read(deserializer, |text| match parse_decimal(text.as_bytes()) {
        Ok(value) => Ok(value.decimal()),
        Err(_) => Decimal::from_str_exact(text).map_err(|_| DecimalError::NotADecimal),
    })
}

/// `mantissa / 10^scale` with no needless zero behind the point.
#[derive(Clone, Copy)]
struct Shortest {
    mantissa: i64,
    scale: u32,
}

impl Shortest {
    /// The value in units of `10^-scale`, when that is exact and fits.
    fn scaled_to(self, scale: u32) -> Option<i64> {
        self.mantissa.checked_mul(10i64.checked_pow(scale.checked_sub(self.scale)?)?)
    }

    fn decimal(self) -> Decimal {
        Decimal::new(self.mantissa, self.scale)
    }
}

/// The X12 decimal grammar: `-? digits (. digits?)? | -? . digits`, at most 18 digits, no exponent.
/// Done in whole numbers: a claim has a dozen amounts, and `Decimal` costs ten times as much.
fn parse_decimal(text: &[u8]) -> Result<Shortest, DecimalError> {
    let (negative, digits) = match text.strip_prefix(b"-") {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    let (mut mantissa, mut count, mut scale, mut point) = (0i64, 0u32, 0u32, false);
    for &byte in digits {
        match byte {
            b'0'..=b'9' => {
                count += 1;
                if count > 18 {
                    return Err(DecimalError::TooLarge);
                }
                mantissa = mantissa * 10 + i64::from(byte - b'0');
                scale += u32::from(point);
            }
            b'.' if !point => point = true,
            _ => return Err(DecimalError::NotADecimal),
        }
    }
    if count == 0 {
        return Err(DecimalError::NotADecimal);
    }
    while scale > 0 && mantissa % 10 == 0 {
        mantissa /= 10;
        scale -= 1;
    }
    let mantissa = if negative { -mantissa } else { mantissa };
    Ok(Shortest { mantissa, scale })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn x12_text_in_and_out() {
        for (text, out) in [
            ("225", "225"),
            ("122.05", "122.05"),
            (".5", "0.5"),
            ("5.", "5"),
            ("-0.25", "-0.25"),
            ("75.00", "75"),
            ("007", "7"),
        ] {
            assert_eq!(Money::parse_x12(text.as_bytes()).map(Money::to_x12), Ok(out.into()), "{text}");
        }
    }

    #[test]
    fn what_is_not_money_is_refused() {
        use DecimalError::*;
        for (text, error) in [
            ("", NotADecimal),
            (".", NotADecimal),
            ("-", NotADecimal),
            ("1e3", NotADecimal),
            ("1.2.3", NotADecimal),
            ("+1", NotADecimal),
            ("1.005", TooPrecise),
            ("99999999999", TooLarge),
            ("1234567890123456789", TooLarge),
        ] {
            assert_eq!(Money::parse_x12(text.as_bytes()), Err(error), "{text}");
        }
    }

    #[test]
    fn quantities_have_any_decimals_within_their_limit() {
        for (text, read) in [
            ("1.50", Ok("1.5")),
            ("0.125", Ok("0.125")),
            ("-3", Ok("-3")),
            ("9999999999", Ok("9999999999")),
            ("9999999999.00000001", Err(DecimalError::TooLarge)),
            ("10000000000", Err(DecimalError::TooLarge)),
            ("0.000000000000000001", Err(DecimalError::TooLarge)),
            ("0.00000000000000001", Ok("0.00000000000000001")),
        ] {
            let quantity = Quantity::parse_x12(text.as_bytes()).map(|quantity| quantity.to_string());
            assert_eq!(quantity, read.map(str::to_string), "{text}");
        }
    }

    #[test]
    fn sums_beyond_the_limits_of_one_amount_are_stored_and_read() {
        let most = Money::parse_x12(b"9999999999.99").unwrap();
        for sum in [most + most, -(most + most), Money::from_cents(-25), Money::ZERO] {
            assert_eq!(serde_json::from_str::<Money>(&serde_json::to_string(&sum).unwrap()).unwrap(), sum);
            assert_eq!(postcard::from_bytes::<Money>(&postcard::to_stdvec(&sum).unwrap()).unwrap(), sum);
        }
        let units = Quantity::parse_x12(b"9999999999").unwrap();
        for sum in [units + units, Quantity::whole(10_000) + Quantity::parse_x12(b"0.12345678901234").unwrap()] {
            assert_eq!(serde_json::from_str::<Quantity>(&serde_json::to_string(&sum).unwrap()).unwrap(), sum);
            assert_eq!(postcard::from_bytes::<Quantity>(&postcard::to_stdvec(&sum).unwrap()).unwrap(), sum);
        }
        assert!(serde_json::from_str::<Money>("\"1.005\"").is_err());
    }

    #[test]
    fn every_way_to_an_amount_comes_to_the_same_cents() {
        for amount in [
            Money::parse_x12(b"75").unwrap(),
            Money::rounded(Decimal::from(75)),
            Money::rounded(Decimal::new(750, 1)),
            Money::try_from(Decimal::new(75_000, 3)).unwrap(),
            Money::from_cents(3750).times(Quantity::whole(2)),
            Money::from_cents(15_000).percent(Decimal::from(50)),
            Money::from_cents(15_000) - Money::parse_x12(b"75").unwrap(),
            [Money::from_cents(7400), Money::from_cents(100)].into_iter().sum(),
        ] {
            assert_eq!((amount, amount.decimal()), (Money::from_cents(7500), Decimal::new(7500, 2)));
        }
    }

    #[test]
    fn what_is_beyond_all_cents_ends_there_or_is_refused() {
        let most = Money::from_cents(i64::MAX);
        assert_eq!(most + Money::from_cents(1), most);
        assert_eq!(most.times(Quantity::whole(2)), most);
        assert_eq!(Money::rounded(-Decimal::MAX), Money::from_cents(i64::MIN));
        assert_eq!(Money::try_from(Decimal::MAX), Err(DecimalError::TooLarge));
        assert_eq!(Money::try_from(Decimal::new(1, 3)), Err(DecimalError::TooPrecise));
    }

    #[test]
    fn rounding_is_half_up() {
        assert_eq!(Money::rounded(Decimal::new(1005, 3)), Money::from_cents(101));
        assert_eq!(Money::rounded(Decimal::new(-1005, 3)), Money::from_cents(-101));
        assert_eq!(Money::from_cents(333).percent(Decimal::from(50)), Money::from_cents(167));
        let third = |money: Money| money.share(Quantity::ONE, Quantity::whole(3));
        assert_eq!(
            [third(Money::from_cents(500)), third(Money::from_cents(100))],
            [Money::from_cents(167), Money::from_cents(33)]
        );
        assert_eq!(Money::from_cents(500).share(Quantity::ONE, Quantity::ZERO), Money::from_cents(500));
        assert_eq!(Quantity::whole(10).share(Quantity::whole(2), Quantity::whole(3)), Quantity::whole(6));
    }

    #[test]
    fn display_has_two_decimals() {
        assert_eq!(Money::from_cents(7500).to_string(), "75.00");
        assert_eq!(Money::from_cents(-25).cents(), -25);
    }
}
