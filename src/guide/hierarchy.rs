//! The HL hierarchy of one set (S206): numbers in sequence, parents that exist, HL04 that tells the
//! truth. Holds the open levels only: one billing provider, subscriber and patient.

use crate::finding::{Check, ElementError, Finding, ReportCode};
use crate::loop_id::LoopId;
use crate::position::Position;
use crate::tables::guides::Hierarchy;
use crate::x12::segment::Segment;

#[derive(Debug)]
pub(super) struct OpenLevels {
    /// Billing provider, subscriber, patient.
    levels: [Level; 3],
    /// HL01 expected next.
    next: u64,
}

/// One open HL.
#[derive(Debug, Clone, Copy, Default)]
struct Level {
    id: Option<u64>,
    /// HL04: whether children follow; `None` when it was neither 0 nor 1.
    declares_children: Option<bool>,
    has_children: bool,
    /// Of HL04.
    position: Option<Position>,
}

impl Default for OpenLevels {
    fn default() -> OpenLevels {
        OpenLevels {
            levels: [Level::default(); 3],
            next: 1,
        }
    }
}

impl OpenLevels {
    /// An HL that starts `loop_id`. What is missing altogether is the element check's to report.
    pub(super) fn open(&mut self, hierarchy: Hierarchy, loop_id: LoopId, segment: &Segment<'_>, findings: &mut Vec<Finding>) {
        let position = |number| segment.position_of(Some(loop_id), number);
        let (own, named) = (segment.element(1), segment.element(2));
        let id = number(own);
        if id != Some(self.next) && !own.is_empty() {
            findings.push(broken(position(1)));
        }
        self.next = id.unwrap_or(self.next).saturating_add(1);
        let depth = usize::from(hierarchy.depth);
        if let Some(parent) = depth.checked_sub(1).and_then(|above| self.levels.get_mut(above)) {
            if !named.is_empty() && parent.id.is_some() && number(named) != parent.id {
                findings.push(broken(position(2)));
            }
            if let (Some(false), false, Some(position)) = (parent.declares_children, parent.has_children, parent.position) {
                findings.push(broken(position));
            }
            parent.has_children = true;
        }
        if let Some(level) = self.levels.get_mut(depth) {
            *level = Level {
                id,
                declares_children: match segment.element(4) {
                    b"1" => Some(true),
                    b"0" => Some(false),
                    _ => None,
                },
                has_children: false,
                position: Some(position(4)),
            };
        }
    }

    /// The finding when the HL that ends here promised children and had none. Where the guide requires
    /// them their absence is reported as such.
    pub(super) fn close(&mut self, hierarchy: Hierarchy) -> Option<Finding> {
        let level = std::mem::take(self.levels.get_mut(usize::from(hierarchy.depth))?);
        let broke_its_word = hierarchy.children_optional && level.declares_children == Some(true) && !level.has_children;
        level.position.filter(|_| broke_its_word).map(broken)
    }
}

/// S206 at an element of an HL.
pub(super) fn broken(position: Position) -> Finding {
    Finding::new(Check::S206, ReportCode::Element(ElementError::InvalidCode), position)
}

/// HL01 and HL02: up to twelve digits.
fn number(text: &[u8]) -> Option<u64> {
    let digits = (1..=12).contains(&text.len()) && text.iter().all(u8::is_ascii_digit);
    digits.then(|| text.iter().fold(0, |number, digit| number * 10 + u64::from(digit - b'0')))
}
