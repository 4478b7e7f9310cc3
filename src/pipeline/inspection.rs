//! A file as its reader sees it: every segment in its loop, masked, with what is wrong where it stands.
//!
//! Reads the file twice over: once as `validate` does, for the findings of every level, then segment by
//! segment. Memory is that of validating, and the findings (bounded).

use std::fs::File;
use std::io::{self, BufReader};
use std::path::Path;

use super::reading::{ReadError, for_each_segment};
use super::validation::{Validation, ValidationError, ValidationFinding, validate};
use crate::config::Config;
use crate::envelope::{EnvelopeReader, Event};
use crate::finding::SnipLevel;
use crate::guide::masking::masked;
use crate::guide::walker::Walker;
use crate::ids::Form;
use crate::limits;
use crate::loop_id::LoopId;
use crate::position::{Position, SegmentPosition};
use crate::tables::guides::{Guide, GuideError, guide};
use crate::x12::segment::Segment;

/// One segment, without its values.
#[derive(Debug)]
pub struct InspectedSegment<'a> {
    pub at: SegmentPosition,
    /// `None`: outside a set of claims, or without a place in the guide.
    pub loop_id: Option<LoopId>,
    pub starts_loop: bool,
    /// The open loops from the root to this segment's; empty outside a set.
    pub path: &'a [LoopId],
    /// CLM counted from 1 within its ST, and LX01: what the segment belongs to.
    pub claim: Option<u32>,
    pub line: Option<u16>,
    /// The identifier, `?` when it is none.
    pub tag: &'a str,
    /// See [`masked`].
    pub elements: Vec<String>,
    /// The element separator of the interchange.
    pub separator: char,
    /// The element and component at the byte that was asked for; the whole segment at its terminator.
    pub spot: Position,
    pub findings: &'a [ValidationFinding],
}

/// The sums of an inspected file.
#[derive(Debug)]
pub struct Inspection {
    pub validation: Validation,
    pub segments: u64,
    /// All that `validate` reports.
    pub findings: u64,
    /// Those that stand behind the last readable segment.
    pub behind: Vec<ValidationFinding>,
    /// Findings beyond [`limits::FINDINGS_PER_FILE_MAX`], which are counted only.
    pub not_kept: u64,
}

/// Why a file can't be inspected.
#[derive(Debug, thiserror::Error)]
pub enum InspectionError {
    #[error(transparent)]
    Validation(#[from] ValidationError),
    #[error("the file cannot be read")]
    Read(#[source] io::Error),
    #[error("an embedded guide table is unusable")]
    Guide(#[source] &'static GuideError),
    #[error("byte {byte}: not in a segment, the file has {bytes} bytes")]
    NoSuchByte { byte: u64, bytes: u64 },
    #[error("the output cannot be written")]
    Output(#[source] io::Error),
    /// The segment that was asked for has been handed out.
    #[error("done")]
    Enough,
}

impl From<ReadError> for InspectionError {
    fn from(error: ReadError) -> InspectionError {
        match error {
            ReadError::Io(error) => InspectionError::Read(error),
            // Where the bytes stop being X12 is a finding.
            ReadError::NotX12(_) => InspectionError::Enough,
        }
    }
}

/// Hands out every segment of a file, or the one at a byte: from its first byte, or the line end before
/// it, to its terminator.
///
/// # Errors
/// [`InspectionError`]; bad X12 is a finding, not an error.
pub fn inspect(
    config: &Config,
    path: &Path,
    at: Option<u64>,
    each: &mut dyn FnMut(&InspectedSegment<'_>) -> io::Result<()>,
) -> Result<Inspection, InspectionError> {
    let (mut findings, mut count) = (Vec::new(), 0u64);
    let validation = validate(config, path, None, (SnipLevel(1), SnipLevel(7)), None, &mut |finding| {
        count += 1;
        if findings.len() < limits::FINDINGS_PER_FILE_MAX {
            findings.push(*finding);
        }
    })?;
    findings.sort_by_key(|found| found.finding.position.byte);
    let mut file = File::open(path).map(BufReader::new).map_err(InspectionError::Read)?;
    let mut tree = Tree::default();
    let (mut segments, mut shown, mut found) = (0, 0u64, &findings[..]);
    let read = for_each_segment(&mut file, |segment| {
        segments += 1;
        tree.accept(segment)?;
        let end = segment.at.byte + u64::from(segment.at.length);
        let (here, after) = found.split_at(found.partition_point(|found| found.finding.position.byte <= end));
        found = after;
        if at.is_some_and(|at| at > end) {
            return Ok(());
        }
        shown += 1;
        let spot = spot(segment, at.unwrap_or(end), tree.loop_id);
        each(&tree.show(segment, here, spot)).map_err(InspectionError::Output)?;
        at.map_or(Ok(()), |_| Err(InspectionError::Enough))
    });
    match read {
        Ok(()) | Err(InspectionError::Enough) => {}
        Err(error) => return Err(error),
    }
    if let Some(byte) = at.filter(|_| shown == 0) {
        let bytes = std::fs::metadata(path).map_err(InspectionError::Read)?.len();
        return Err(InspectionError::NoSuchByte { byte, bytes });
    }
    Ok(Inspection {
        validation,
        segments,
        findings: count,
        behind: if at.is_none() { found.to_vec() } else { Vec::new() },
        not_kept: count - findings.len() as u64,
    })
}

/// Where the walk is.
#[derive(Default)]
struct Tree {
    envelope: EnvelopeReader,
    set: Option<(&'static Guide, Walker<'static>)>,
    path: Vec<LoopId>,
    loop_id: Option<LoopId>,
    starts_loop: bool,
    claims: u32,
    line: Option<u16>,
    tag: compact_str::CompactString,
}

impl Tree {
    fn accept(&mut self, segment: &Segment<'_>) -> Result<(), InspectionError> {
        let is_trailer = segment.is("SE");
        (self.loop_id, self.starts_loop) = (None, false);
        if is_trailer {
            self.walk(segment);
        }
        for event in self.envelope.accept(segment) {
            match event {
                Event::SetBegan(set, _) => {
                    let form = self.envelope.group().and_then(|group| group.form).filter(|_| set.id == "837");
                    self.begin_set(form)?;
                }
                Event::SetEnded { .. } if is_trailer => self.set = None,
                Event::SetEnded { .. } => self.begin_set(None)?,
                Event::InterchangeBegan(..) | Event::GroupBegan(..) | Event::GroupEnded { .. } | Event::InterchangeEnded { .. } => {}
            }
        }
        if !is_trailer && self.envelope.in_set() {
            self.walk(segment);
        } else if !is_trailer {
            self.path.clear();
        }
        self.tag = match segment.id().len() {
            2 | 3 => segment.tag().text(),
            _ => "?".into(),
        };
        Ok(())
    }

    fn begin_set(&mut self, form: Option<Form>) -> Result<(), InspectionError> {
        let guide = form.map(guide).transpose().map_err(InspectionError::Guide)?;
        self.set = guide.map(|guide| (guide, Walker::new(guide)));
        self.path.clear();
        (self.claims, self.line) = (0, None);
        Ok(())
    }

    fn walk(&mut self, segment: &Segment<'_>) {
        if segment.is("CLM") {
            self.claims = self.claims.saturating_add(1);
        }
        let Some((guide, walker)) = &mut self.set else { return };
        let placed = walker.accept(segment);
        (self.loop_id, self.starts_loop) = (placed.loop_id, placed.starts_loop);
        let Some(loop_id) = placed.loop_id else { return };
        if placed.starts_loop {
            // The innermost open loop that can hold the new one; out of order, the new one stands on top.
            let holds = |outer: &LoopId| {
                let slots = guide.loop_of(*outer).map_or(&[][..], |outer| &outer.slots);
                let entered = slots.iter().filter_map(|slot| slot.enters);
                entered.filter_map(|index| guide.loop_at(index)).any(|inner| inner.id == loop_id)
            };
            let depth = self.path.iter().rposition(holds).map_or(self.path.len(), |depth| depth + 1);
            self.path.truncate(depth.min(limits::LOOP_DEPTH_MAX));
            self.path.push(loop_id);
            if loop_id == LoopId::L2400 {
                self.line = std::str::from_utf8(segment.element(1)).ok().and_then(|number| number.parse().ok());
            }
        } else if let Some(depth) = self.path.iter().rposition(|open| *open == loop_id) {
            self.path.truncate(depth + 1);
        }
        if !loop_id.is_in_line() {
            self.line = None;
        }
    }

    /// Whether the open loops are those of a claim.
    fn claim(&self) -> Option<u32> {
        self.path.contains(&LoopId::L2300).then_some(self.claims)
    }

    fn show<'s>(&'s self, segment: &Segment<'_>, findings: &'s [ValidationFinding], spot: Position) -> InspectedSegment<'s> {
        InspectedSegment {
            at: segment.at,
            loop_id: self.loop_id,
            starts_loop: self.starts_loop,
            path: &self.path,
            claim: self.claim(),
            line: self.line,
            tag: &self.tag,
            elements: masked(self.set.as_ref().map(|(guide, _)| *guide), self.loop_id, segment),
            separator: char::from(segment.separators.element),
            spot,
            findings,
        }
    }
}

/// The element and component at a byte of the file.
fn spot(segment: &Segment<'_>, at: u64, loop_id: Option<LoopId>) -> Position {
    let whole = Position::of_segment(loop_id, segment.at);
    if at < segment.at.byte || at >= segment.at.byte + u64::from(segment.at.length) {
        return whole;
    }
    let number = (1..=segment.element_count()).rev().find(|number| segment.element_byte(*number) <= at + 1);
    let Some(number) = number.filter(|_| at >= segment.element_byte(1).saturating_sub(1)) else {
        return whole;
    };
    let element = segment.position_of(loop_id, number);
    let before = segment
        .element(number)
        .get(..usize::try_from(at.saturating_sub(element.byte)).unwrap_or(0))
        .unwrap_or_default();
    let is_composite = segment.element(number).contains(&segment.separators.component) && !segment.is("ISA");
    if !is_composite {
        return element;
    }
    let place = before.iter().filter(|byte| **byte == segment.separators.component).count() + 1;
    let start = before
        .iter()
        .rposition(|byte| *byte == segment.separators.component)
        .map_or(0, |place| place + 1);
    Position {
        component: u8::try_from(place).unwrap_or(u8::MAX),
        byte: element.byte + start as u64,
        ..element
    }
}
