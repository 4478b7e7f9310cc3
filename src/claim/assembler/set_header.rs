//! What a transaction set says of itself: BHT, 1000A, 1000B.

use compact_str::CompactString;

use super::super::party::Name;
use super::super::source::SourceText;
use super::parties::name;
use super::reading::{tags, text};
use crate::ids::Qualifier;
use crate::loop_id::LoopId;
use crate::x12::segment::Segment;

/// The header of a transaction set, as the 277CA must repeat it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SetHeader {
    /// BHT02: `00` original, `18` reissue.
    pub purpose: Option<Qualifier>,
    /// BHT03: the sender's number of this set.
    pub reference: CompactString,
    /// BHT06: `CH` chargeable, `RP` reporting (encounters), `31` subrogation.
    pub claim_kind: Option<Qualifier>,
    /// NM1*41 in 1000A.
    pub submitter: Name,
    /// NM109 of 1000A.
    pub submitter_id: CompactString,
    /// NM109 of 1000B.
    pub receiver_id: CompactString,
    /// ST to 1000B, and SE once it was read, as received.
    pub text: SourceText,
}

impl SetHeader {
    /// BHT06 = RP: the claims are encounters, recorded and not paid (DOMAIN A1).
    pub fn is_encounter(&self) -> bool {
        self.claim_kind.is_some_and(|kind| kind.as_bytes() == b"RP")
    }

    pub(super) fn read(&mut self, segment: &Segment<'_>, loop_id: LoopId) {
        match (loop_id, segment.tag()) {
            (LoopId::Header, tags::BHT) => {
                self.purpose = Qualifier::parse(segment.element(2)).ok();
                self.reference = text(segment.element(3));
                self.claim_kind = Qualifier::parse(segment.element(6)).ok();
            }
            (LoopId::L1000A, tags::NM1) => {
                self.submitter = name(segment);
                self.submitter_id = text(segment.element(9));
            }
            (LoopId::L1000B, tags::NM1) => self.receiver_id = text(segment.element(9)),
            _ => {}
        }
    }
}
