//! One placed segment while its values are read, and where the findings about them go.

use compact_str::CompactString;

use crate::finding::{Check, ClaimStatus, Finding, StatusCategory};
use crate::ids::{CodeError, Npi, Qualifier};
use crate::limits;
use crate::loop_id::LoopId;
use crate::money::{DecimalError, Money, Quantity};
use crate::position::Position;
use crate::x12::element::{DateRange, date_period};
use crate::x12::segment::Segment;

/// The identifiers that the assembler reads, packed.
pub(super) mod tags {
    use crate::position::SegmentTag;

    macro_rules! tags {
        ($($tag:ident)*) => {
            $(pub const $tag: SegmentTag = SegmentTag::of(stringify!($tag));)*
            pub const READ: &[SegmentTag] = &[$($tag),*];
        };
    }
    tags! { AMT BHT CAS CL1 CLM CR1 CRC CTP DMG DTP HI HL LIN N3 N4 NM1 NTE PAT PRV PWK REF SBR SE SV1 SV2 SVD }
}

/// Reads the values of one segment.
pub(super) struct Reading<'s, 'a> {
    pub segment: &'s Segment<'a>,
    loop_id: LoopId,
    line: Option<u16>,
    findings: &'s mut Vec<Finding>,
}

impl<'s, 'a> Reading<'s, 'a> {
    pub fn new(segment: &'s Segment<'a>, loop_id: LoopId, findings: &'s mut Vec<Finding>) -> Reading<'s, 'a> {
        Reading {
            segment,
            loop_id,
            line: None,
            findings,
        }
    }

    /// Findings from here on are about this service line.
    pub fn on_line(&mut self, number: u16) {
        self.line = Some(number);
    }

    #[inline]
    pub fn element(&self, number: usize) -> &'a [u8] {
        self.segment.element(number)
    }

    /// Text as received. See [`text`].
    pub fn text(&self, number: usize) -> CompactString {
        text(self.element(number))
    }

    /// A short code that the guide bounds; `None` when absent or beyond the guide's length, which the
    /// guide's walk reports.
    pub fn qualifier(&self, number: usize) -> Option<Qualifier> {
        Qualifier::parse(self.element(number)).ok()
    }

    /// A code from outside the guide, with the check and 277CA status (category A7) that say it can't
    /// be read.
    pub fn code<T>(&mut self, number: usize, parse: fn(&[u8]) -> Result<T, CodeError>, check: Check, status: u16) -> Option<T> {
        self.component_code(number, 0, self.element(number), parse, check, status)
    }

    /// The same for `value`, which is component `place` of element `number`.
    #[inline]
    pub fn component_code<T>(
        &mut self,
        number: usize,
        place: usize,
        value: &[u8],
        parse: fn(&[u8]) -> Result<T, CodeError>,
        check: Check,
        status: u16,
    ) -> Option<T> {
        if value.is_empty() {
            return None;
        }
        let code = parse(value).ok();
        if code.is_none() {
            self.report(number, place, check, a7(status));
        }
        code
    }

    /// An amount that can't be negative. S305.
    pub fn amount(&mut self, number: usize) -> Option<Money> {
        self.component_amount(number, 0, self.element(number))
    }

    /// The same for `value`, which is component `place` of element `number`.
    #[inline]
    pub fn component_amount(&mut self, number: usize, place: usize, value: &[u8]) -> Option<Money> {
        let amount = self.signed(number, place, value)?;
        if amount.is_negative() {
            self.report(number, place, Check::S305, a7(693));
            return None;
        }
        Some(amount)
    }

    /// An amount of another payer's adjustment: a negative one raises what that payer allowed.
    pub fn signed_amount(&mut self, number: usize) -> Option<Money> {
        self.signed(number, 0, self.element(number))
    }

    #[inline]
    fn signed(&mut self, number: usize, place: usize, value: &[u8]) -> Option<Money> {
        if value.is_empty() {
            return None;
        }
        match Money::parse_x12(value) {
            Ok(amount) => Some(amount),
            Err(DecimalError::TooPrecise) => {
                self.report(number, place, Check::S305, a7(697));
                None
            }
            Err(DecimalError::NotADecimal | DecimalError::TooLarge) => {
                self.report(number, place, Check::S305, a7(693));
                None
            }
        }
    }

    /// A count of units, which can't be negative either: status 476, units of service.
    pub fn quantity(&mut self, number: usize) -> Option<Quantity> {
        let value = self.element(number);
        if value.is_empty() {
            return None;
        }
        let quantity = Quantity::parse_x12(value).ok().filter(|quantity| !quantity.is_negative());
        if quantity.is_none() {
            self.report(number, 0, Check::S305, a7(476));
        }
        quantity
    }

    /// NM109 under NM108 = XX. `entity` is the 277CA entity code of the provider.
    pub fn npi(&mut self, entity: &str) -> Option<Npi> {
        let value = self.element(9);
        if self.element(8) != b"XX" || value.is_empty() {
            return None;
        }
        let npi = Npi::parse(value).ok();
        if npi.is_none() {
            self.report(9, 0, Check::S501, a7(562).of(entity));
        }
        npi
    }

    /// DTP02 and DTP03; the guide's walk reports what is no date.
    pub fn period(&self) -> Option<DateRange> {
        date_period(self.element(2), self.element(3))
    }

    /// A value of element `number` (and component `place`, 0 = the whole) can't be read.
    #[cold]
    pub fn report(&mut self, number: usize, place: usize, check: Check, status: ClaimStatus) {
        if self.findings.len() >= limits::FINDINGS_PER_CLAIM_MAX {
            return;
        }
        let before: usize = match place.checked_sub(1) {
            Some(before) => self.segment.components(number).take(before).map(|component| component.len() + 1).sum(),
            None => 0,
        };
        let element = self.segment.position_of(Some(self.loop_id), number);
        let position = Position {
            component: u8::try_from(place).unwrap_or(u8::MAX),
            byte: element.byte + before as u64,
            ..element
        };
        let finding = Finding::status(check, status, position);
        self.findings.push(Finding { line: self.line, ..finding });
    }
}

/// The claim's text has reached [`limits::CLAIM_TEXT_BYTES_MAX`] at this segment. Status 481: the claim is
/// badly formed.
#[cold]
pub(super) fn cut_text(segment: &Segment<'_>, loop_id: Option<LoopId>) -> Finding {
    Finding::status(Check::S204, a7(481), Position::of_segment(loop_id, segment.at))
}

/// Category A7: rejected for an invalid value.
pub(super) fn a7(status: u16) -> ClaimStatus {
    ClaimStatus::new(StatusCategory::A7, status)
}

/// Text as received, cut at [`limits::TEXT_BYTES_MAX`]; bytes that are no UTF-8 become U+FFFD. The
/// guide's walk reports both.
#[inline]
pub(super) fn text(bytes: &[u8]) -> CompactString {
    if bytes.is_empty() {
        return CompactString::const_new("");
    }
    let bytes = bytes.get(..limits::TEXT_BYTES_MAX).unwrap_or(bytes);
    match std::str::from_utf8(bytes) {
        Ok(text) => CompactString::new(text),
        Err(_) => CompactString::from_utf8_lossy(bytes),
    }
}
