//! Who reads a segment: told by its loop and its identifier in one look-up.
//!
//! To the next editor: this is asked once a segment. A segment that is read by nobody is kept as text all the same.

use super::reading::tags;
use crate::loop_id::LoopId;
use crate::position::SegmentTag;

/// Who reads a segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Action {
    /// Nobody: its text is kept, and that is all.
    Keep,
    SetHeader,
    BillingProvider,
    Subscriber,
    Patient,
    Claim,
    ClaimCodes,
    ClaimReference,
    ClaimProvider,
    OtherPayer,
    ProfessionalService,
    InstitutionalService,
    LineDate,
    LineReference,
    /// Attachments and certifications of a line, which stand for the whole claim too.
    LineEvidence,
    Drug,
    LineProvider,
    LineAdjudication,
}

impl Action {
    #[inline]
    pub fn of(loop_id: LoopId, tag: SegmentTag) -> Action {
        match ACTIONS.get(loop_id as usize).and_then(|loops| loops.get(class(tag))) {
            Some((known, action)) if *known == tag.packed() => *action,
            _ => Action::Keep,
        }
    }

    /// The rule behind the table.
    const fn told(loop_id: LoopId, tag: SegmentTag) -> Action {
        use LoopId::*;
        match loop_id {
            Header | L1000A | L1000B => match tag {
                tags::BHT | tags::NM1 => Action::SetHeader,
                _ => Action::Keep,
            },
            L2000A | L2010AA => match tag {
                tags::PRV | tags::NM1 | tags::N3 | tags::N4 | tags::REF => Action::BillingProvider,
                _ => Action::Keep,
            },
            L2000B | L2010BA | L2010BB => match tag {
                tags::SBR | tags::PAT | tags::NM1 | tags::N3 | tags::N4 | tags::DMG => Action::Subscriber,
                _ => Action::Keep,
            },
            L2000C | L2010CA => match tag {
                tags::PAT | tags::NM1 | tags::N3 | tags::N4 | tags::DMG => Action::Patient,
                _ => Action::Keep,
            },
            L2300 => match tag {
                tags::HI => Action::ClaimCodes,
                tags::REF => Action::ClaimReference,
                tags::CLM | tags::DTP | tags::AMT | tags::CL1 | tags::NTE | tags::PWK | tags::CR1 | tags::CRC => Action::Claim,
                _ => Action::Keep,
            },
            L2310A | L2310B | L2310C | L2310D | L2310E | L2310F => match tag {
                tags::NM1 | tags::PRV => Action::ClaimProvider,
                _ => Action::Keep,
            },
            L2320 | L2330B => match tag {
                tags::SBR | tags::CAS | tags::AMT | tags::NM1 | tags::DTP => Action::OtherPayer,
                _ => Action::Keep,
            },
            L2400 => match tag {
                tags::SV1 => Action::ProfessionalService,
                tags::SV2 => Action::InstitutionalService,
                tags::DTP => Action::LineDate,
                tags::REF => Action::LineReference,
                tags::PWK | tags::CR1 | tags::CRC => Action::LineEvidence,
                _ => Action::Keep,
            },
            L2410 => match tag {
                tags::LIN | tags::CTP => Action::Drug,
                _ => Action::Keep,
            },
            L2420A | L2420B | L2420C | L2420D | L2420E | L2420F | L2420G | L2420H => match tag {
                tags::NM1 | tags::PRV => Action::LineProvider,
                _ => Action::Keep,
            },
            L2430 => match tag {
                tags::SVD | tags::CAS | tags::DTP => Action::LineAdjudication,
                _ => Action::Keep,
            },
            // Pay-to address and plan: payment goes by our own provider table. Another payer's subscriber and
            // providers are not the claim's; form questions (2440) are read by nobody.
            L2010AB | L2010AC | L2330A | L2330C | L2330D | L2330E | L2330F | L2330G | L2330H | L2330I | L2440 | Trailer => Action::Keep,
        }
    }
}

/// For each loop and class of identifiers the one that is read, and by whom.
static ACTIONS: [[(u32, Action); CLASSES]; LoopId::ALL.len()] = actions();

const CLASSES: usize = 64;

/// A number for each identifier that is read; no two have the same.
const fn class(tag: SegmentTag) -> usize {
    (tag.packed().wrapping_mul(CLASS_FACTOR) >> 26) as usize
}

/// Found by trying; the table is not built with one that does not do.
const CLASS_FACTOR: u32 = class_factor();

#[allow(clippy::indexing_slicing)] // the compiler runs it
const fn class_factor() -> u32 {
    let mut factor = 1u32;
    loop {
        let (mut taken, mut at, mut clashes) = (0u64, 0, false);
        while at < tags::READ.len() {
            let bit = 1u64 << (tags::READ[at].packed().wrapping_mul(factor) >> 26);
            clashes |= taken & bit != 0;
            taken |= bit;
            at += 1;
        }
        if !clashes {
            return factor;
        }
        factor = factor.wrapping_mul(747_796_405).wrapping_add(2_891_336_453) | 1;
    }
}

#[allow(clippy::indexing_slicing)] // the compiler runs it
const fn actions() -> [[(u32, Action); CLASSES]; LoopId::ALL.len()] {
    let mut table = [[(0, Action::Keep); CLASSES]; LoopId::ALL.len()];
    let mut row = 0;
    while row < LoopId::ALL.len() {
        let mut at = 0;
        while at < tags::READ.len() {
            let tag = tags::READ[at];
            table[row][class(tag)] = (tag.packed(), Action::told(LoopId::ALL[row], tag));
            at += 1;
        }
        row += 1;
    }
    table
}
