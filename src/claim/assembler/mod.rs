//! Placed segments → one typed [`Claim`] at a time.
//!
//! The assembler takes each segment with the loop that the guide gave it, keeps its text, and reads what
//! later stages need into typed fields. It is total: a value that can't be read leaves its field absent (amounts: zero) and a
//! [`Finding`] that says where. What the guide itself bounds (presence, short codes, dates) is reported
//! by the guide's walk and not again here.
//!
//! To the next editor: this is the hot path. [`Assembler::accept`] looks up who reads a segment of its loop
//! ([`action`]); nothing here formats, and only growing lists allocate. A new loop must be added there, and to
//! `enter` when it repeats.

mod action;
mod codes;
mod header;
mod lines;
mod other_payers;
mod parties;
mod providers;
mod reading;
mod set_header;
#[cfg(test)]
mod tests;

pub use set_header::SetHeader;

use self::action::Action;
use self::parties::Parties;
use self::reading::{Reading, cut_text, tags};
use super::claim::{Claim, ClaimDetail};
use super::other_payer::{LineAdjudication, OtherPayer};
use super::service_line::ServiceLine;
use super::source::SourceText;
use crate::finding::Finding;
use crate::ids::Form;
use crate::limits;
use crate::loop_id::LoopId;
use crate::position::ByteRange;
use crate::x12::segment::Segment;

/// Builds the claims of one transaction set.
#[derive(Debug)]
pub struct Assembler {
    form: Form,
    header: SetHeader,
    /// CLM segments seen so far, placed or not.
    ordinal: u32,
    parties: Parties,
    open: Option<OpenClaim>,
    room: ClaimRoom,
}

/// A claim, and what was wrong with the values it was read from: its own, and those of the billing
/// provider that it inherits. Boxed: a claim goes through many hands, and is as large as its text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Assembled {
    pub claim: Box<Claim>,
    pub findings: Vec<Finding>,
}

/// Room for the parts of the next claim: somewhat above what those before it usually took; a giant's grow as
/// they come.
#[derive(Debug, Clone, Copy)]
struct ClaimRoom {
    text: usize,
    diagnoses: usize,
    providers: usize,
    lines: usize,
}

impl Default for ClaimRoom {
    fn default() -> Self {
        ClaimRoom {
            text: limits::CLAIM_TEXT_BYTES_TYPICAL,
            diagnoses: 0,
            providers: 0,
            lines: 0,
        }
    }
}

impl ClaimRoom {
    fn after(self, claim: &Claim) -> ClaimRoom {
        let usual = |taken: usize, before: usize, most: usize| taken.max(before - before / 8).min(most);
        ClaimRoom {
            text: usual(claim.text.size() + 64, self.text, limits::CLAIM_TEXT_ROOM_MAX),
            diagnoses: usual(claim.diagnoses.len(), self.diagnoses, limits::CLAIM_PARTS_ROOM_MAX),
            providers: usual(claim.providers.len(), self.providers, limits::CLAIM_PARTS_ROOM_MAX),
            lines: usual(claim.lines.len(), self.lines, limits::CLAIM_PARTS_ROOM_MAX),
        }
    }
}

/// A claim under construction, and which of its repeating parts the next segment belongs to. A part
/// that was dropped for a limit is not open, so that its segments can't reach the part before it.
#[derive(Debug)]
struct OpenClaim {
    assembled: Assembled,
    line: bool,
    provider: bool,
    other_payer: bool,
    adjudication: bool,
}

impl Assembler {
    pub fn new(form: Form) -> Assembler {
        Assembler {
            form,
            header: SetHeader::default(),
            ordinal: 0,
            parties: Parties::default(),
            open: None,
            room: ClaimRoom::default(),
        }
    }

    /// Takes the next segment of the set, with the loop it was placed in (`None`: it has no place, and is
    /// kept as text only) and whether it starts that loop or a repeat of it.
    ///
    /// Returns the claim that this segment brings to an end: one that stands before a CLM, HL or SE.
    #[inline(always)]
    pub fn accept(&mut self, segment: &Segment<'_>, loop_id: Option<LoopId>, starts_loop: bool) -> Option<Assembled> {
        let ended = match segment.tag() {
            tags::CLM | tags::HL | tags::SE => self.end_claim(segment),
            _ => None,
        };
        if let Some(loop_id) = loop_id.filter(|_| starts_loop) {
            self.enter(loop_id, segment);
        }
        self.keep(segment, loop_id, starts_loop);
        if let Some(loop_id) = loop_id {
            self.read(segment, loop_id);
        }
        ended
    }

    /// The claim that was still open when the set ended without its SE.
    pub fn finish(&mut self) -> Option<Assembled> {
        let assembled = self.open.take()?.assembled;
        self.room = self.room.after(&assembled.claim);
        Some(assembled)
    }

    /// What ST to 1000B said; complete once the first HL was accepted.
    pub fn header(&self) -> &SetHeader {
        &self.header
    }

    #[inline(never)]
    fn end_claim(&mut self, segment: &Segment<'_>) -> Option<Assembled> {
        match segment.id() {
            b"CLM" => self.ordinal = self.ordinal.saturating_add(1),
            b"HL" | b"SE" => {}
            _ => return None, // a longer identifier that only starts like one of these
        }
        self.finish()
    }

    /// A loop starts: makes room for what its segments will say.
    #[inline(never)]
    fn enter(&mut self, loop_id: LoopId, segment: &Segment<'_>) {
        match loop_id {
            LoopId::L2000A | LoopId::L2000B | LoopId::L2000C => self.parties.enter(loop_id),
            LoopId::L2300 => self.open = Some(OpenClaim::new((self.form, self.room), self.ordinal, &mut self.parties, segment)),
            _ => {
                if let Some(open) = &mut self.open {
                    open.enter(loop_id, segment);
                }
            }
        }
    }

    /// Keeps the segment's text: with the open claim whatever its loop, else with the level it describes.
    #[inline(always)]
    fn keep(&mut self, segment: &Segment<'_>, loop_id: Option<LoopId>, starts_loop: bool) {
        if let Some(OpenClaim { assembled, .. }) = &mut self.open {
            if !assembled.claim.text.push(segment, loop_id, starts_loop) {
                assembled.findings.push(cut_text(segment, loop_id));
            }
            return;
        }
        let level = self.parties.text().filter(|_| loop_id != Some(LoopId::Trailer));
        // Beyond the bound: said of each claim under the level. Before the first HL the guide's walk says it.
        level.unwrap_or(&mut self.header.text).push(segment, loop_id, starts_loop);
    }

    #[inline(never)]
    fn read(&mut self, segment: &Segment<'_>, loop_id: LoopId) {
        let action = Action::of(loop_id, segment.tag());
        if !loop_id.is_in_claim() {
            match action {
                Action::SetHeader => self.header.read(segment, loop_id),
                Action::BillingProvider | Action::Subscriber | Action::Patient => self.parties.read(segment, loop_id),
                _ => {}
            }
        } else if let Some(open) = &mut self.open {
            open.read(segment, loop_id, action);
        }
    }
}

impl OpenClaim {
    fn new((form, room): (Form, ClaimRoom), ordinal: u32, parties: &mut Parties, segment: &Segment<'_>) -> OpenClaim {
        let (billing_provider, subscriber, patient) = (parties.billing_provider(), parties.subscriber(), parties.patient());
        let mut findings = parties.findings();
        if billing_provider.text.is_cut() || subscriber.text.is_cut() || patient.as_ref().is_some_and(|patient| patient.text.is_cut()) {
            findings.push(cut_text(segment, Some(LoopId::L2300)));
        }
        OpenClaim {
            assembled: Assembled {
                findings,
                claim: Box::new(Claim {
                    form,
                    ordinal,
                    bytes: segment.at.range(),
                    at: segment.at,
                    billing_provider,
                    subscriber,
                    patient,
                    patient_control_number: Default::default(),
                    charge: Default::default(),
                    frequency: None,
                    delay_reason: None,
                    prior_authorization: None,
                    referral: None,
                    original_claim: None,
                    authorization_exception: None,
                    clearinghouse_trace: Default::default(),
                    has_clia: false,
                    has_attachment: false,
                    attachment_without_control: None,
                    has_note: false,
                    diagnoses: Vec::with_capacity(room.diagnoses),
                    providers: Vec::with_capacity(room.providers),
                    other_payers: Vec::new(),
                    detail: match form {
                        Form::Professional => ClaimDetail::Professional(Default::default()),
                        Form::Institutional => ClaimDetail::Institutional(Default::default()),
                    },
                    lines: Vec::with_capacity(room.lines),
                    text: SourceText::with_room(room.text),
                }),
            },
            line: false,
            provider: false,
            other_payer: false,
            adjudication: false,
        }
    }

    fn enter(&mut self, loop_id: LoopId, segment: &Segment<'_>) {
        let Assembled { claim, findings } = &mut self.assembled;
        match loop_id {
            LoopId::L2320 => {
                self.other_payer = push_within(
                    &mut claim.other_payers,
                    limits::OTHER_PAYERS_MAX,
                    OtherPayer {
                        at: segment.at,
                        ..OtherPayer::default()
                    },
                );
            }
            LoopId::L2400 => {
                let number = lines::number(segment, claim.lines.len());
                if claim.lines.last().is_some_and(|before| number <= before.number) {
                    lines::report_number(&mut Reading::new(segment, loop_id, findings), number);
                }
                let line = ServiceLine {
                    number,
                    at: segment.at,
                    bytes: segment.at.range(),
                    ..ServiceLine::default()
                };
                // One bound for both forms: cutting a professional claim at 50 would only add a false
                // finding about its sum to the one about its lines.
                self.line = push_within(&mut claim.lines, limits::INSTITUTIONAL_LINES_MAX, line);
            }
            LoopId::L2430 => {
                let adjudication = LineAdjudication {
                    at: segment.at,
                    ..LineAdjudication::default()
                };
                self.adjudication = match open_part(self.line, &mut claim.lines) {
                    Some(line) => push_within(&mut line.other_payers, limits::LINE_ADJUDICATIONS_MAX, adjudication),
                    None => false,
                };
            }
            _ => self.provider = false,
        }
    }

    #[inline]
    fn read(&mut self, segment: &Segment<'_>, loop_id: LoopId, action: Action) {
        let Assembled { claim, findings } = &mut self.assembled;
        let end = segment.at.range().end;
        claim.bytes = ByteRange::new(claim.bytes.start, end);
        let mut reading = Reading::new(segment, loop_id, findings);
        if !loop_id.is_in_line() {
            return match action {
                Action::Claim => header::read(claim, &mut reading),
                Action::ClaimCodes => codes::read(claim, &mut reading),
                Action::ClaimReference => header::read_reference(claim, segment),
                Action::ClaimProvider => providers::read(&mut claim.providers, &mut self.provider, &mut reading),
                Action::OtherPayer => {
                    if let Some(payer) = open_part(self.other_payer, &mut claim.other_payers) {
                        other_payers::read_claim_level(payer, &mut reading);
                    }
                }
                _ => {}
            };
        }
        if action == Action::LineEvidence {
            header::read_evidence(claim, segment);
        }
        let Some(line) = open_part(self.line, &mut claim.lines) else { return };
        line.bytes = ByteRange::new(line.bytes.start, end);
        reading.on_line(line.number);
        match action {
            Action::ProfessionalService => lines::read_professional(line, &mut reading),
            Action::InstitutionalService => lines::read_institutional(line, &mut reading),
            Action::LineDate => lines::read_date(line, &reading),
            Action::LineReference => lines::read_reference(line, segment),
            Action::Drug => lines::read_drug(line, &reading),
            Action::LineProvider => providers::read(&mut line.providers, &mut self.provider, &mut reading),
            Action::LineAdjudication => {
                if let Some(adjudication) = open_part(self.adjudication, &mut line.other_payers) {
                    other_payers::read_line_level(adjudication, &mut reading);
                }
            }
            _ => {}
        }
    }
}

/// Appends unless the list has reached its bound; says whether it did.
fn push_within<T>(list: &mut Vec<T>, bound: usize, item: T) -> bool {
    let room = list.len() < bound;
    if room {
        list.push(item);
    }
    room
}

/// The last part of a list, when it is the one being read.
fn open_part<T>(open: bool, list: &mut [T]) -> Option<&mut T> {
    if open { list.last_mut() } else { None }
}
