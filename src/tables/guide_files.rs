//! Reads the guide files: rows → typed rows → compiled [`Guide`]. Refuses what doesn't resolve.

use std::collections::HashMap;
use std::fmt::Display;
use std::str::FromStr;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer};

use super::guide_loops::compile_loops;
use super::guide_ways::Ways;
use super::guides::{ElementKind, ElementShape, Guide, KeyPlace, PackedCode, Shape, ShapeIndex, TagEntry, TagNumber, TagTable, Usage};
use crate::finding::Check;
use crate::ids::{ContentDigest, Form};
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
            ways: Ways::of(&loops),
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
pub(super) struct LoopRow {
    #[serde(rename = "loop", deserialize_with = "text")]
    pub(super) id: LoopId,
    #[serde(deserialize_with = "optional_text")]
    pub(super) parent: Option<LoopId>,
    pub(super) position: u32,
    pub(super) usage: Usage,
    pub(super) repeat: Option<u16>,
}

#[derive(Deserialize)]
pub(super) struct SegmentRow {
    #[serde(rename = "loop", deserialize_with = "text")]
    pub(super) loop_id: LoopId,
    pub(super) position: u32,
    pub(super) tag: String,
    pub(super) usage: Usage,
    pub(super) repeat: Option<u16>,
    pub(super) shape: String,
    pub(super) notes: String,
    #[serde(deserialize_with = "optional_text")]
    pub(super) check: Option<Check>,
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
pub(super) fn rows<T: DeserializeOwned>(file: &'static str, text: &str) -> Result<Vec<(u64, T)>, GuideError> {
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

pub(super) fn fault(file: &'static str, line: u64, kind: GuideErrorKind) -> GuideError {
    GuideError { file, line, kind }
}

/// Shapes by name.
pub(super) struct Shapes {
    pub(super) all: Vec<Shape>,
    pub(super) by_name: HashMap<String, ShapeIndex>,
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
            let told_by_length = |element: &ElementShape| element.codes.is_empty() && matches!(element.kind, ElementKind::Text | ElementKind::Identifier);
            let lengths = |element: &ElementShape| match told_by_length(element) {
                true => (element.shortest.into(), element.longest.into()),
                false => (0, u32::MAX),
            };
            shapes.all.push(Shape {
                lengths: elements.iter().map(lengths).collect(),
                particular: bits(elements.iter().map(|element| !told_by_length(element))),
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
    pub(super) fn key_codes(&self, shape: ShapeIndex, key: Option<KeyPlace>) -> Option<Box<[PackedCode]>> {
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

    /// The elements of a shape whose values have to be looked into when its key is known to be right.
    pub(super) fn unproven(&self, shape: ShapeIndex, key: Option<KeyPlace>) -> u64 {
        let key = key
            .filter(|key| key.component == 0)
            .map_or(0, |key| 1u64.checked_shl(u32::from(key.element.saturating_sub(1))).unwrap_or(0));
        self.all.get(usize::from(shape.0)).map_or(0, |shape| shape.particular & !key)
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

pub(super) fn bits(flags: impl Iterator<Item = bool>) -> u64 {
    flags.take(64).enumerate().fold(0, |mask, (place, flag)| mask | u64::from(flag) << place)
}

/// Number and key of each tag that the guide uses.
pub(super) type Keys = HashMap<String, (TagNumber, Option<KeyPlace>)>;

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

#[cfg(test)]
mod tests {
    use super::*;

    /// Message of the refusal when `from` becomes `to` in the given file of the embedded 837P.
    fn refusal(file: &str, from: &str, to: &str) -> String {
        let mut files = GuideFiles::embedded(Form::Professional);
        let text = match file {
            "loops" => &mut files.loops,
            "segments" => &mut files.segments,
            "elements" => &mut files.elements,
            "data-elements" => &mut files.data_elements,
            _ => &mut files.tags,
        };
        assert!(text.contains(from), "{from} is not in {file}");
        *text = text.replacen(from, to, 1).leak();
        Guide::read(Form::Professional, files)
            .map(|_| "loaded".to_string())
            .unwrap_or_else(|error| error.to_string())
    }

    #[test]
    fn broken_tables_are_refused_where_they_break() {
        for (file, from, to, expected) in [
            ("loops", "2410,2400", "2410,2499", "line 31: found no row of the expected columns"),
            ("loops", "2300,2000C,1300", "2300,,1300", "line 44: found a parent that does not stand above"),
            ("loops", "2410,2400,4940,S,1\n", "", "found a loop that loops.csv does not have"),
            ("loops", "1000B,ST,200,R,1", "1000B,ST,200,X,1", "found no row of the expected columns"),
            ("segments", "2400,3700,SV1", "2400,3700,SVX", "found a tag that tags.csv does not have"),
            ("segments", "R,1,SV1.1,", "R,1,SV1.9,", "found a shape that elements.csv does not have"),
            ("segments", "REF.10,,", "REF.9,,", "found two slots of the same tag and code in one loop"),
            ("segments", "P0506 P0708", "P05X6", "found no syntax note"),
            (
                "segments",
                "2440,5510,LQ,R,1,LQ.1,,\n2440,5520,FRM,R,99,FRM.1,R02030405,\n",
                "",
                "found a loop without a segment to start it",
            ),
            ("segments", "DTP.18,,S208", "DTP.18,,S999", "found no row of the expected columns"),
            (
                "elements",
                "SV1.1,2,R,782",
                "SV1.1,2,R,C999.1",
                "found neither a data element nor a composite shape above",
            ),
            ("elements", "SV1.1,2,R", "SV1.1,3,R", "found places that do not follow each other"),
            ("elements", "REF.1,1,R,128,EI SY", "REF.1,1,R,128,", "found no codes at the key of the tag"),
            ("elements", "128,EI SY", "128,EI ABCDEFGHI", "found a code of more than eight characters"),
            ("data-elements", "782,R,1,18", "782,R,1,many", "found no row of the expected columns"),
            ("tags", "SV1,837,", "SV1,837", "found no row of the expected columns"),
        ] {
            let message = refusal(file, from, to);
            assert!(message.contains(expected), "{file}: {from} → {to} gave: {message}");
        }
    }

    #[test]
    fn the_digest_follows_the_files() {
        let files = GuideFiles::embedded(Form::Professional);
        let more = format!("{}\n", files.tags);
        let changed = GuideFiles { tags: &more, ..files };
        let digest = |files| Guide::read(Form::Professional, files).map(|guide| guide.digest).ok();
        assert_eq!(digest(files), digest(files));
        assert_ne!(digest(files), digest(changed));
    }
}
