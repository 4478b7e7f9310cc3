//! Findings: what is wrong with a file, as data. A closed check, the code the outside receives, a
//! severity and a position; never a value.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::position::Position;

/// SNIP types (DOMAIN H): 1 EDI syntax … 7 payer-specific.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct SnipLevel(pub u8);

/// What a finding does to its claim (or, outside a claim, to its set, group or interchange).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Kept out of every report.
    Ignore,
    /// Reported; the claim goes on.
    #[serde(rename = "warning")]
    Warn,
    /// Reported; the claim (set, group, interchange) is rejected.
    #[serde(rename = "error")]
    Reject,
}

macro_rules! checks {
    ($($(#[$doc:meta])* $id:ident $text:literal;)*) => {
        /// The checks of DOMAIN H, by their ids there.
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub enum Check { $($(#[$doc])* #[doc = $text] $id),* }

        impl Check {
            pub const ALL: &'static [Check] = &[$(Check::$id),*];

            pub fn id(self) -> &'static str {
                match self { $(Check::$id => stringify!($id)),* }
            }

            /// One value-free sentence: what the check expects.
            pub fn title(self) -> &'static str {
                match self { $(Check::$id => $text),* }
            }
        }
    };
}

checks! {
    S101 "the ISA is 106 bytes with distinct separators";
    S102 "IEA repeats the control number of ISA and the count of groups";
    S103 "the interchange ends with its IEA";
    S104 "sender and receiver are known";
    S105 "the interchange control number was not used before";
    S106 "GE repeats the control number of GS and the count of sets";
    S107 "GS08 names a supported guide";
    S108 "SE repeats the control number of ST and the count of segments";
    S109 "ST02 is unique in its group";
    S110 "each segment is known and in its place";
    S111 "each element has its length, type and character set";
    S112 "dates and times are valid";
    S113 "no trailing separators and no empty segments";
    S201 "required segments and elements are present";
    S202 "code values are in the guide";
    S203 "elements and segments marked not used are absent";
    S204 "loops and segments repeat within their limits";
    S205 "elements that depend on each other agree";
    S206 "HL numbers are sequential, parents exist, levels follow 20, 22, 23";
    S207 "statement dates are a range and a patient status is present";
    S208 "each professional line has a service date";
    S209 "each institutional line has a revenue code";
    S210 "the facility code qualifier is B (professional) or A (institutional)";
    S301 "the claim charge is the sum of its line charges";
    S302 "the other payer's payment and adjustments equal the claim charge";
    S303 "the other payer's line payment and adjustments equal the line charge";
    S304 "covered and non-covered days agree with the accommodation units";
    S305 "amounts are not negative and have at most two decimals";
    S401 "a replacement or void names the original claim (REF*F8)";
    S402 "a subscriber who is the patient has patient data and no patient loop";
    S403 "a secondary claim has the other payer and its adjudication date";
    S404 "an inpatient claim has admission date, type, source and diagnosis";
    S405 "a discharged inpatient claim has its discharge hour";
    S406 "an unscheduled outpatient visit has a reason for visit";
    S407 "an outpatient procedure line has a service date";
    S408 "the attending provider is present";
    S409 "an accident has its date, an auto accident its state";
    S410 "anesthesia is billed in minutes";
    S411 "ambulance service has its certification and locations";
    S412 "laboratory service has a CLIA number";
    S413 "an attachment that is sent has a control number";
    S414 "diagnosis pointers point to a diagnosis";
    S415 "an unlisted procedure has a description";
    S416 "a drug line has its NDC, quantity and unit";
    S417 "service dates are in order and inside the statement";
    S418 "no date is in the future";
    S419 "the billing provider has a street address and a nine-digit ZIP";
    S501 "NPIs have a valid check digit";
    S502 "diagnosis codes are valid on the date";
    S503 "procedure codes are valid on the date";
    S504 "modifiers are valid";
    S505 "the place of service is valid";
    S506 "the revenue code is valid";
    S507 "type of bill, admission, status and NUBC codes are valid";
    S508 "ICD-10-PCS codes are valid";
    S509 "the taxonomy is in the NUCC list";
    S510 "the NDC has eleven digits";
    S511 "state and ZIP are valid";
    S512 "adjustment groups and reasons of other payers are valid";
    S513 "present-on-admission indicators are valid";
    S601 "a service type has its required elements";
    S602 "type of bill, revenue codes and patient status agree";
    S701 "the payer id is ours";
    S702 "the member id is well formed and the member is known";
    S703 "the billing provider is known";
    S704 "the claim filing indicator is Medicaid";
    S705 "the channel fits the claim type";
    S706 "the delay reason is in the payer's list";
}

impl Check {
    pub fn snip(self) -> SnipLevel {
        SnipLevel(self.id().as_bytes().get(1).map_or(1, |digit| digit - b'0'))
    }

    /// Reject, except where DOMAIN H says warn.
    pub fn default_severity(self) -> Severity {
        match self {
            Check::S109 | Check::S412 | Check::S509 | Check::S513 | Check::S704 | Check::S705 | Check::S706 => Severity::Warn,
            _ => Severity::Reject,
        }
    }
}

impl fmt::Display for Check {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.id())
    }
}

impl fmt::Debug for Check {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.id())
    }
}

/// A name that is no check of DOMAIN H.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("no check id, expected one like S301")]
pub struct UnknownCheck;

impl FromStr for Check {
    type Err = UnknownCheck;
    fn from_str(text: &str) -> Result<Check, UnknownCheck> {
        Check::ALL.iter().copied().find(|check| check.id() == text).ok_or(UnknownCheck)
    }
}

/// 277CA status category (X12 507), the batch subset (DOMAIN G4).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum StatusCategory {
    A0,
    A1,
    A2,
    A3,
    A4,
    A5,
    A6,
    A7,
    A8,
}

/// 277CA claim status: category, status code (X12 508), and an entity code where the status asks for
/// one (`A7:562:85`).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct ClaimStatus {
    pub category: StatusCategory,
    pub status: u16,
    pub entity: Option<crate::ids::Qualifier>,
    /// The second status of a pair such as `A7:400` + `178`.
    pub second: Option<u16>,
}

impl ClaimStatus {
    pub fn new(category: StatusCategory, status: u16) -> ClaimStatus {
        ClaimStatus {
            category,
            status,
            entity: None,
            second: None,
        }
    }

    /// With an entity code such as `85`, `IL`, `PR`.
    pub fn of(self, entity: &str) -> ClaimStatus {
        ClaimStatus {
            entity: crate::ids::Qualifier::parse(entity.as_bytes()).ok(),
            ..self
        }
    }

    pub fn and(self, second: u16) -> ClaimStatus {
        ClaimStatus { second: Some(second), ..self }
    }
}

impl fmt::Display for ClaimStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}:{}", self.category, self.status)?;
        self.entity.map_or(Ok(()), |entity| write!(f, ":{entity}"))
    }
}

impl fmt::Debug for ClaimStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Implementation segment syntax error (IK304): digits, or `I` and digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum SegmentError {
    Unrecognised,
    Unexpected,
    RequiredMissing,
    LoopOverMaximum,
    SegmentOverMaximum,
    NotInSet,
    OutOfOrder,
    HasElementErrors,
    NotUsedPresent,
    DependentMissing,
    LoopUnderMinimum,
    SegmentUnderMinimum,
    DependentNotUsedPresent,
}

impl SegmentError {
    /// IK304.
    pub fn code(self) -> &'static str {
        match self {
            SegmentError::Unrecognised => "1",
            SegmentError::Unexpected => "2",
            SegmentError::RequiredMissing => "3",
            SegmentError::LoopOverMaximum => "4",
            SegmentError::SegmentOverMaximum => "5",
            SegmentError::NotInSet => "6",
            SegmentError::OutOfOrder => "7",
            SegmentError::HasElementErrors => "8",
            SegmentError::NotUsedPresent => "I4",
            SegmentError::DependentMissing => "I6",
            SegmentError::LoopUnderMinimum => "I7",
            SegmentError::SegmentUnderMinimum => "I8",
            SegmentError::DependentNotUsedPresent => "I9",
        }
    }
}

/// Implementation data element syntax error (IK403).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum ElementError {
    RequiredMissing,
    ConditionalMissing,
    TooMany,
    TooShort,
    TooLong,
    InvalidCharacter,
    InvalidCode,
    InvalidDate,
    InvalidTime,
    Exclusion,
    TooManyRepetitions,
    TooManyComponents,
    CodeNotUsed,
    DependentMissing,
    NotUsedPresent,
    PatternMismatch,
    DependentNotUsedPresent,
}

impl ElementError {
    /// IK403.
    pub fn code(self) -> &'static str {
        match self {
            ElementError::RequiredMissing => "1",
            ElementError::ConditionalMissing => "2",
            ElementError::TooMany => "3",
            ElementError::TooShort => "4",
            ElementError::TooLong => "5",
            ElementError::InvalidCharacter => "6",
            ElementError::InvalidCode => "7",
            ElementError::InvalidDate => "8",
            ElementError::InvalidTime => "9",
            ElementError::Exclusion => "10",
            ElementError::TooManyRepetitions => "12",
            ElementError::TooManyComponents => "13",
            ElementError::CodeNotUsed => "I6",
            ElementError::DependentMissing => "I9",
            ElementError::NotUsedPresent => "I10",
            ElementError::PatternMismatch => "I12",
            ElementError::DependentNotUsedPresent => "I13",
        }
    }
}

/// The code by which a finding is reported, and on which acknowledgement it travels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum ReportCode {
    /// TA105, 000–031.
    Ta1(u16),
    /// AK905 functional group syntax error.
    Group(u8),
    /// IK502 transaction set syntax error, digits.
    Set(u8),
    /// IK304.
    Segment(SegmentError),
    /// IK403.
    Element(ElementError),
    /// 277CA STC01.
    Status(ClaimStatus),
}

impl fmt::Display for ReportCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ReportCode::Ta1(note) => write!(f, "TA1:{note:03}"),
            ReportCode::Group(code) => write!(f, "AK905:{code}"),
            ReportCode::Set(code) => write!(f, "IK502:{code}"),
            ReportCode::Segment(error) => write!(f, "IK304:{}", error.code()),
            ReportCode::Element(error) => write!(f, "IK403:{}", error.code()),
            ReportCode::Status(status) => fmt::Display::fmt(status, f),
        }
    }
}

/// One thing found wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Finding {
    pub check: Check,
    pub code: ReportCode,
    pub severity: Severity,
    pub position: Position,
    /// Service line number (LX01) when the finding is about one line.
    pub line: Option<u16>,
}

impl Finding {
    /// With the check's default severity.
    pub fn new(check: Check, code: ReportCode, position: Position) -> Finding {
        Finding {
            check,
            code,
            severity: check.default_severity(),
            position,
            line: None,
        }
    }

    /// Reported on a 277CA.
    pub fn status(check: Check, status: ClaimStatus, position: Position) -> Finding {
        Finding::new(check, ReportCode::Status(status), position)
    }

    pub fn on_line(self, line: u16) -> Finding {
        Finding { line: Some(line), ..self }
    }

    pub fn rejects(&self) -> bool {
        self.severity == Severity::Reject
    }
}

/// `segment 42 (byte 1873, loop 2300): CLM02 breaks S301: the claim charge is …`
impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} breaks {}: {}", self.position, self.check, self.check.title())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_spelled_as_the_interface_spells_them() {
        let status = ClaimStatus::new(StatusCategory::A7, 562).of("85");
        for (code, text) in [
            (ReportCode::Ta1(23), "TA1:023"),
            (ReportCode::Group(5), "AK905:5"),
            (ReportCode::Set(4), "IK502:4"),
            (ReportCode::Segment(SegmentError::NotUsedPresent), "IK304:I4"),
            (ReportCode::Element(ElementError::InvalidCode), "IK403:7"),
            (ReportCode::Status(status), "A7:562:85"),
        ] {
            assert_eq!(code.to_string(), text);
        }
    }

    #[test]
    fn the_snip_level_is_the_first_digit() {
        assert_eq!(Check::S301.snip(), SnipLevel(3));
        assert_eq!("S706".parse::<Check>().map(Check::snip), Ok(SnipLevel(7)));
    }
}
