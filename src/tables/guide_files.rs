//! Reads the guide files: rows → typed rows → compiled [`Guide`]. Refuses what doesn't resolve.

use std::collections::{BTreeMap, HashMap};
use std::fmt::Display;
use std::str::FromStr;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer};

use super::guides::{
    ElementKind, ElementShape, Guide, GuideLoop, Hierarchy, KeyPlace, LoopIndex, Note, NoteKind, PackedCode, Shape, ShapeIndex, Slot, TagEntry, TagNumber,
    TagTable, Usage,
};
use crate::finding::Check;
use crate::ids::{ContentDigest, Form};
use crate::limits;
use crate::loop_id::LoopId;
use crate::position::SegmentTag;

/// The texts of one guide: its three files and the two that both guides share.
#[derive(Debug, Clone, Copy)]
pub struct GuideFiles<'a> {
    pub loops: &'a str,
    pub segments: &'a str,
    pub elements: &'a str,
    pub data_elements: &'a str,
    pub tags: &'a str,
}

impl GuideFiles<'static> {
    pub fn embedded(form: Form) -> GuideFiles<'static> {
        let data_elements = include_str!("../../config/guides/data-elements.csv");
        let tags = include_str!("../../config/guides/tags.csv");
        match form {
            Form::Professional => GuideFiles {
                loops: include_str!("../../config/guides/837p-loops.csv"),
                segments: include_str!("../../config/guides/837p-segments.csv"),
                elements: include_str!("../../config/guides/837p-elements.csv"),
                data_elements,
                tags,
            },
            Form::Institutional => GuideFiles {
                loops: include_str!("../../config/guides/837i-loops.csv"),
                segments: include_str!("../../config/guides/837i-segments.csv"),
                elements: include_str!("../../config/guides/837i-elements.csv"),
                data_elements,
                tags,
            },
        }
    }
}

/// A guide file that can't be used, with the line that shows it (0 = the file as a whole).
#[derive(Debug, thiserror::Error)]
#[error("guide file {file}, line {line}: {kind}")]
pub struct GuideError {
    pub file: &'static str,
    pub line: u64,
    #[source]
    pub kind: GuideErrorKind,
}

#[derive(Debug, thiserror::Error)]
pub enum GuideErrorKind {
    #[error("found no row of the expected columns")]
    Row(#[source] csv::Error),
    #[error("found a parent that does not stand above, expected parents before their loops")]
    UnknownParent,
    #[error("found a loop that loops.csv does not have")]
    UnknownLoop,
    #[error("found a tag that tags.csv does not have")]
    UnknownTag,
    #[error("found a shape that elements.csv does not have")]
    UnknownShape,
    #[error("found neither a data element nor a composite shape above")]
    UnknownElement,
    #[error("found places that do not follow each other from 1 on")]
    PlacesOutOfOrder,
    #[error("found two slots of the same tag and code in one loop")]
    DuplicateSlot,
    #[error("found a loop without a segment to start it")]
    LoopWithoutSegment,
    #[error("found no codes at the key of the tag, expected those that tell equal tags apart")]
    KeyWithoutCodes,
    #[error("found no syntax note, expected one of P R C L E and places of two digits")]
    BadNote,
    #[error("found a code of more than eight characters")]
    CodeTooLong,
    #[error("found more than {0} {1}")]
    OverLimit(usize, &'static str),
}

impl Guide {
    /// Compiles the texts of a guide.
    ///
    /// # Errors
    /// [`GuideError`] at the first row that can't be read, doesn't resolve or doubles another.
    pub fn read(form: Form, files: GuideFiles<'_>) -> Result<Guide, GuideError> {
        let shapes = Shapes::read(files)?;
        let segments: Vec<(u64, SegmentRow)> = rows("segments", files.segments)?;
        let (tags, keys) = read_tags(files.tags, &segments)?;
        let loops = compile_loops(files.loops, &segments, &shapes, &keys)?;
        Ok(Guide {
            form,
            digest: digest(form, files),
            loops,
            shapes: shapes.all.into(),
            tags,
        })
    }
}

fn digest(form: Form, files: GuideFiles<'_>) -> ContentDigest {
    let mut hasher = blake3::Hasher::new_derive_key("claimstream guide v1");
    for text in [form.as_str(), files.loops, files.segments, files.elements, files.data_elements, files.tags] {
        hasher.update(&(text.len() as u64).to_be_bytes()).update(text.as_bytes());
    }
    ContentDigest::from_bytes(*hasher.finalize().as_bytes())
}

#[derive(Deserialize)]
struct LoopRow {
    #[serde(rename = "loop", deserialize_with = "text")]
    id: LoopId,
    #[serde(deserialize_with = "optional_text")]
    parent: Option<LoopId>,
    position: u32,
    usage: Usage,
    repeat: Option<u16>,
}

#[derive(Deserialize)]
struct SegmentRow {
    #[serde(rename = "loop", deserialize_with = "text")]
    loop_id: LoopId,
    position: u32,
    tag: String,
    usage: Usage,
    repeat: Option<u16>,
    shape: String,
    notes: String,
    #[serde(deserialize_with = "optional_text")]
    check: Option<Check>,
}

#[derive(Deserialize)]
struct ElementRow {
    shape: String,
    place: String,
    usage: Usage,
    is: String,
    codes: String,
    #[serde(deserialize_with = "optional_text")]
    check: Option<Check>,
}

#[derive(Deserialize)]
struct DataElementRow {
    element: String,
    #[serde(rename = "type")]
    kind: DataType,
    shortest: u16,
    longest: u16,
}

#[derive(Clone, Copy, Deserialize)]
enum DataType {
    AN,
    ID,
    N0,
    R,
    DT,
    TM,
    #[serde(rename = "period")]
    Period,
}

#[derive(Deserialize)]
struct TagRow {
    tag: String,
    set: TagSet,
    key: String,
}

#[derive(Clone, Copy, PartialEq, Eq, Deserialize)]
enum TagSet {
    #[serde(rename = "837")]
    Ours,
    #[serde(rename = "other")]
    Other,
}

fn text<'de, D: Deserializer<'de>, T: FromStr<Err: Display>>(deserializer: D) -> Result<T, D::Error> {
    String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
}

fn optional_text<'de, D: Deserializer<'de>, T: FromStr<Err: Display>>(deserializer: D) -> Result<Option<T>, D::Error> {
    match String::deserialize(deserializer)?.as_str() {
        "" => Ok(None),
        text => text.parse().map(Some).map_err(serde::de::Error::custom),
    }
}

/// The rows of a file with their lines.
fn rows<T: DeserializeOwned>(file: &'static str, text: &str) -> Result<Vec<(u64, T)>, GuideError> {
    let mut reader = csv::ReaderBuilder::new().comment(Some(b'#')).from_reader(text.as_bytes());
    let bad = |line: u64, error: csv::Error| GuideError {
        file,
        line: error.position().map_or(line, csv::Position::line),
        kind: GuideErrorKind::Row(error),
    };
    let headers = reader.headers().map_err(|error| bad(1, error))?.clone();
    let mut all = Vec::new();
    for record in reader.records() {
        let record = record.map_err(|error| bad(0, error))?;
        let line = record.position().map_or(0, csv::Position::line);
        all.push((line, record.deserialize(Some(&headers)).map_err(|error| bad(line, error))?));
    }
    Ok(all)
}

fn fault(file: &'static str, line: u64, kind: GuideErrorKind) -> GuideError {
    GuideError { file, line, kind }
}

/// Shapes by name.
struct Shapes {
    all: Vec<Shape>,
    by_name: HashMap<String, ShapeIndex>,
}

impl Shapes {
    fn read(files: GuideFiles<'_>) -> Result<Shapes, GuideError> {
        let data_elements: HashMap<String, DataElementRow> = rows::<DataElementRow>("data-elements", files.data_elements)?
            .into_iter()
            .map(|(_, row)| (row.element.clone(), row))
            .collect();
        let mut shapes = Shapes {
            all: Vec::new(),
            by_name: HashMap::new(),
        };
        let rows = rows::<ElementRow>("elements", files.elements)?;
        for group in rows.chunk_by(|(_, one), (_, other)| one.shape == other.shape) {
            let (line, first) = group.first().map_or((0, ""), |(line, row)| (*line, row.shape.as_str()));
            let mut elements = Vec::new();
            for (line, row) in group {
                let range = places(&row.place).filter(|range| usize::from(*range.start()) == elements.len() + 1);
                for _ in range.ok_or_else(|| fault("elements", *line, GuideErrorKind::PlacesOutOfOrder))? {
                    elements.push(shapes.element(*line, row, &data_elements)?);
                }
            }
            let index = u16::try_from(shapes.all.len()).map_err(|_| fault("elements", line, GuideErrorKind::OverLimit(usize::from(u16::MAX), "shapes")))?;
            if elements.len() > 64 {
                return Err(fault("elements", line, GuideErrorKind::OverLimit(64, "elements")));
            }
            let mask = |usage| bits(elements.iter().map(|element: &ElementShape| element.usage == usage));
            shapes.all.push(Shape {
                required: mask(Usage::Required),
                not_used: mask(Usage::NotUsed),
                has_composites: elements.iter().any(|element| matches!(element.kind, ElementKind::Composite(_))),
                elements: elements.into(),
            });
            if shapes.by_name.insert(first.to_string(), ShapeIndex(index)).is_some() {
                return Err(fault("elements", line, GuideErrorKind::PlacesOutOfOrder));
            }
        }
        Ok(shapes)
    }

    fn element(&self, line: u64, row: &ElementRow, data_elements: &HashMap<String, DataElementRow>) -> Result<ElementShape, GuideError> {
        let mut codes: Vec<PackedCode> = row.codes.split_ascii_whitespace().map(|code| PackedCode::of(code.as_bytes())).collect();
        codes.sort_unstable();
        if codes.contains(&PackedCode::TOO_LONG) {
            return Err(fault("elements", line, GuideErrorKind::CodeTooLong));
        }
        let (kind, shortest, longest) = match (row.usage, data_elements.get(&row.is), self.by_name.get(&row.is)) {
            (Usage::NotUsed, ..) => (ElementKind::Text, 0, u16::MAX),
            (_, Some(known), _) => (known.kind.element_kind(), known.shortest, known.longest),
            (_, None, Some(composite)) => (ElementKind::Composite(*composite), 0, u16::MAX),
            (_, None, None) => return Err(fault("elements", line, GuideErrorKind::UnknownElement)),
        };
        Ok(ElementShape {
            usage: row.usage,
            kind,
            shortest,
            longest,
            codes: codes.into(),
            check: row.check,
        })
    }

    /// The codes at the key of a shape; empty when the tag has no key.
    fn key_codes(&self, shape: ShapeIndex, key: Option<KeyPlace>) -> Option<Box<[PackedCode]>> {
        let Some(KeyPlace { element, component }) = key else {
            return Some(Box::default());
        };
        let element = self.place(shape, element)?;
        let keyed = match element.kind {
            ElementKind::Composite(composite) => self.place(composite, component)?,
            _ => element,
        };
        Some(keyed.codes.clone()).filter(|codes| !codes.is_empty())
    }

    fn place(&self, shape: ShapeIndex, place: u8) -> Option<&ElementShape> {
        self.all.get(usize::from(shape.0))?.elements.get(usize::from(place).checked_sub(1)?)
    }
}

impl DataType {
    fn element_kind(self) -> ElementKind {
        match self {
            DataType::AN => ElementKind::Text,
            DataType::ID => ElementKind::Identifier,
            DataType::N0 => ElementKind::Integer,
            DataType::R => ElementKind::Decimal,
            DataType::DT => ElementKind::Date,
            DataType::TM => ElementKind::Time,
            DataType::Period => ElementKind::Period,
        }
    }
}

/// `3` or `3-6`.
fn places(text: &str) -> Option<std::ops::RangeInclusive<u8>> {
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    Some(first.parse().ok()?..=last.parse().ok()?)
}

fn bits(flags: impl Iterator<Item = bool>) -> u64 {
    flags.take(64).enumerate().fold(0, |mask, (place, flag)| mask | u64::from(flag) << place)
}

/// Number and key of each tag that the guide uses.
type Keys = HashMap<String, (TagNumber, Option<KeyPlace>)>;

fn read_tags(text: &str, segments: &[(u64, SegmentRow)]) -> Result<(TagTable, Keys), GuideError> {
    let (mut table, mut keys) = (TagTable::new(), Keys::new());
    for (line, row) in rows::<TagRow>("tags", text)? {
        let used = segments.iter().any(|(_, segment)| segment.tag == row.tag);
        let entry = if used {
            let number = TagNumber(u8::try_from(keys.len()).map_err(|_| fault("tags", line, GuideErrorKind::OverLimit(256, "tags")))?);
            let (element, component) = row.key.split_once('-').unwrap_or((&row.key, "0"));
            let key = element
                .parse()
                .ok()
                .zip(component.parse().ok())
                .map(|(element, component)| KeyPlace { element, component });
            keys.insert(row.tag.clone(), (number, key));
            TagEntry::Used { number, key }
        } else if row.set == TagSet::Ours {
            TagEntry::NotUsed
        } else {
            TagEntry::Foreign
        };
        if !table.insert(SegmentTag::of(&row.tag), entry) {
            return Err(fault("tags", line, GuideErrorKind::OverLimit(256, "tags")));
        }
    }
    Ok((table, keys))
}

/// What a loop is made of before its masks are known.
struct Draft {
    position: u32,
    required: bool,
    tag_number: TagNumber,
    line: u64,
    slot: Slot,
}

fn compile_loops(text: &str, segments: &[(u64, SegmentRow)], shapes: &Shapes, keys: &Keys) -> Result<Box<[GuideLoop]>, GuideError> {
    let loop_rows = rows::<LoopRow>("loops", text)?;
    let mut order: Vec<LoopId> = Vec::new();
    let mut parents: BTreeMap<LoopId, LoopId> = BTreeMap::new();
    for (line, row) in &loop_rows {
        if row.parent.is_some_and(|parent| !order.contains(&parent)) || (row.parent.is_none() && !order.is_empty()) {
            return Err(fault("loops", *line, GuideErrorKind::UnknownParent));
        }
        if !order.contains(&row.id) {
            order.push(row.id);
            row.parent.map(|parent| parents.insert(row.id, parent));
        }
        // A loop with two parents (2300) is deepest below the one named last.
        if std::iter::successors(row.parent, |each| parents.get(each).copied()).take(16).count() >= limits::LOOP_DEPTH_MAX {
            return Err(fault(
                "loops",
                *line,
                GuideErrorKind::OverLimit(limits::LOOP_DEPTH_MAX, "loops inside each other"),
            ));
        }
    }
    if let Some((line, _)) = segments.iter().find(|(_, row)| !order.contains(&row.loop_id)) {
        return Err(fault("segments", *line, GuideErrorKind::UnknownLoop));
    }
    let index_of = |id: LoopId| order.iter().position(|each| *each == id).and_then(|at| u8::try_from(at).ok()).map(LoopIndex);
    let mut compiled: Vec<GuideLoop> = Vec::new();
    for id in &order {
        let mut drafts = Vec::new();
        for (line, row) in segments.iter().filter(|(_, row)| row.loop_id == *id) {
            drafts.push(draft(*line, row, shapes, keys)?);
        }
        for (line, child) in loop_rows.iter().filter(|(_, row)| row.parent == Some(*id)) {
            let starter = segments.iter().find(|(_, row)| row.loop_id == child.id);
            let (_, starter) = starter.ok_or_else(|| fault("loops", *line, GuideErrorKind::LoopWithoutSegment))?;
            let mut draft = draft(*line, starter, shapes, keys)?;
            draft.position = child.position;
            draft.required = child.usage == Usage::Required;
            draft.slot.repeat = child.repeat;
            draft.slot.enters = index_of(child.id);
            drafts.push(draft);
        }
        compiled.push(compile_loop(*id, drafts, keys.len())?);
    }
    for (place, id) in order.iter().enumerate() {
        let hierarchy = hierarchy(*id, place, &compiled, &order, &parents);
        if let Some(each) = compiled.get_mut(place) {
            each.hierarchy = hierarchy;
        }
    }
    Ok(compiled.into())
}

fn draft(line: u64, row: &SegmentRow, shapes: &Shapes, keys: &Keys) -> Result<Draft, GuideError> {
    let (tag_number, key) = *keys.get(&row.tag).ok_or_else(|| fault("segments", line, GuideErrorKind::UnknownTag))?;
    let shape = *shapes
        .by_name
        .get(&row.shape)
        .ok_or_else(|| fault("segments", line, GuideErrorKind::UnknownShape))?;
    let notes = row
        .notes
        .split_ascii_whitespace()
        .map(|text| note(text).ok_or_else(|| fault("segments", line, GuideErrorKind::BadNote)));
    Ok(Draft {
        position: row.position,
        required: row.usage == Usage::Required,
        tag_number,
        line,
        slot: Slot {
            tag: SegmentTag::of(&row.tag),
            key: shapes
                .key_codes(shape, key)
                .ok_or_else(|| fault("segments", line, GuideErrorKind::KeyWithoutCodes))?,
            enters: None,
            shape,
            notes: notes.collect::<Result<_, _>>()?,
            repeat: row.repeat,
            counter: None,
            onwards: 0,
            passed: 0,
            missing: row.check.unwrap_or(Check::S201),
        },
    })
}

/// `P0304`: the kind and places of two digits.
fn note(text: &str) -> Option<Note> {
    let (kind, places) = text.split_at_checked(1)?;
    let kind = match kind {
        "P" => NoteKind::Paired,
        "R" => NoteKind::OneRequired,
        "C" => NoteKind::Conditional,
        "L" => NoteKind::ListConditional,
        "E" => NoteKind::Exclusion,
        _ => return None,
    };
    let places: Vec<u8> = places
        .as_bytes()
        .chunks(2)
        .map(|pair| std::str::from_utf8(pair).ok()?.parse().ok().filter(|place| (1..=64).contains(place)))
        .collect::<Option<_>>()?;
    let first = *places.first().filter(|_| places.len() > 1)?;
    Some(Note {
        kind,
        first,
        places: places.iter().fold(0, |mask, place| mask | 1 << (place - 1)),
    })
}

fn compile_loop(id: LoopId, mut drafts: Vec<Draft>, tags: usize) -> Result<GuideLoop, GuideError> {
    let line = drafts.first().map_or(0, |draft| draft.line);
    if drafts.first().is_none_or(|starter| starter.slot.enters.is_some()) {
        return Err(fault("loops", 0, GuideErrorKind::LoopWithoutSegment));
    }
    if drafts.len() > limits::LOOP_SLOTS_MAX {
        return Err(fault("segments", line, GuideErrorKind::OverLimit(limits::LOOP_SLOTS_MAX, "slots in a loop")));
    }
    if let Some((_, others)) = drafts.split_first_mut() {
        others.sort_by_key(|draft| draft.position);
    }
    for (place, draft) in drafts.iter().enumerate() {
        let same = |other: &Draft| other.slot.tag == draft.slot.tag && (other.slot.key.is_empty() || other.slot.key.iter().any(|code| draft.slot.takes(*code)));
        if drafts.iter().skip(place + 1).any(same) {
            return Err(fault("segments", draft.line, GuideErrorKind::DuplicateSlot));
        }
    }
    let starter = 1;
    let required = bits(drafts.iter().map(|draft| draft.required));
    let by_tag = (0..tags)
        .map(|number| bits(drafts.iter().map(|draft| usize::from(draft.tag_number.0) == number)))
        .collect();
    let positions: Vec<u32> = drafts.iter().map(|draft| draft.position).collect();
    let mut counters = 0;
    let mut slots = Vec::new();
    for draft in drafts {
        let mut slot = draft.slot;
        slot.onwards = bits(positions.iter().map(|position| *position >= draft.position)) & !starter;
        slot.passed = bits(positions.iter().map(|position| *position < draft.position)) & required & !starter;
        if slot.repeat.is_some_and(|most| most > 1) {
            slot.counter = Some(counters);
            counters += 1;
        }
        slots.push(slot);
    }
    if usize::from(counters) > limits::LOOP_COUNTERS_MAX {
        return Err(fault(
            "segments",
            line,
            GuideErrorKind::OverLimit(limits::LOOP_COUNTERS_MAX, "counted slots in a loop"),
        ));
    }
    Ok(GuideLoop {
        id,
        slots: slots.into(),
        required,
        by_tag,
        hierarchy: None,
    })
}

/// The place of a loop that an HL starts.
fn hierarchy(id: LoopId, place: usize, compiled: &[GuideLoop], order: &[LoopId], parents: &BTreeMap<LoopId, LoopId>) -> Option<Hierarchy> {
    let at = |id: LoopId| order.iter().position(|each| *each == id);
    let hl = SegmentTag::of("HL");
    let starts_with_hl = |id: LoopId| at(id).and_then(|at| compiled.get(at)?.slots.first()).is_some_and(|slot| slot.tag == hl);
    if !starts_with_hl(id) {
        return None;
    }
    let above = std::iter::successors(parents.get(&id).copied(), |each| parents.get(each).copied());
    let this = compiled.get(place)?;
    let children = bits(this.slots.iter().map(|slot| slot.tag == hl)) & !1;
    Some(Hierarchy {
        depth: u8::try_from(above.filter(|id| starts_with_hl(*id)).count()).ok()?,
        parent: LoopIndex(u8::try_from(at(*parents.get(&id)?)?).ok()?),
        children_optional: children & !this.required != 0,
    })
}
