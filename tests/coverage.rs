//! What becomes of every segment of both guides: a typed field or the claim's text, and a fixture that
//! carries it. `docs/coverage.md` is written from here:
//! `CLAIMSTREAM_REWRITE_GOLDENS=1 cargo test --test coverage`.

// `clippy.toml` allows these in tests, which it does not see in a test crate's own functions.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use claimstream::claim::source::SourceText;
use claimstream::claim::{Assembled, Assembler, SetHeader};
use claimstream::guide::slot::slot_of;
use claimstream::guide::walker::{Placed, Walker};
use claimstream::ids::Form;
use claimstream::loop_id::LoopId;
use claimstream::tables::guides::{Guide, GuideLoop, Slot, guide};
use claimstream::x12::segment::Segment;
use claimstream::x12::tokenizer::for_each_segment;

#[path = "coverage/fields.rs"]
mod fields;

const FIXTURES: [&str; 2] = ["fixtures/valid", "fixtures/coverage"];
const PAGE: &str = "docs/coverage.md";

/// A slot, by loop and place in it.
type SlotId = (LoopId, usize);

/// A set of claims, read.
#[derive(Debug, PartialEq)]
struct Set {
    header: SetHeader,
    claims: Vec<Assembled>,
}

/// A fixture of one form.
struct Fixture {
    name: String,
    form: Form,
    bytes: Vec<u8>,
}

impl Fixture {
    /// Every segment of its sets, where the guide places it.
    fn for_each(&self, mut each: impl FnMut(&Segment<'_>, &Placed)) {
        let mut walker = Walker::new(guide(self.form).unwrap());
        for_each_segment(&self.bytes, 4096, |segment| {
            if segment.is("ST") {
                walker = Walker::new(guide(self.form).unwrap());
            }
            if segment.at.ordinal > 0 {
                let placed = walker.accept(segment);
                assert!(placed.findings.is_empty() && placed.closed.is_empty(), "{}: {placed:?}", self.name);
                each(segment, &placed);
            }
        })
        .unwrap();
    }

    /// Its set, as it is read when the segments of a slot are left out.
    fn read_without(&self, left_out: Option<SlotId>) -> Set {
        let (mut assembler, mut claims) = (Assembler::new(self.form), Vec::new());
        self.for_each(|segment, placed| {
            if left_out.is_none() || left_out != slot_id(self.form, segment, placed.loop_id) {
                claims.extend(assembler.accept(segment, placed.loop_id, placed.starts_loop));
            }
        });
        claims.extend(assembler.finish());
        Set {
            header: assembler.header().clone(),
            claims,
        }
    }
}

fn slot_id(form: Form, segment: &Segment<'_>, loop_id: Option<LoopId>) -> Option<SlotId> {
    let guide = guide(form).unwrap();
    let slot = slot_of(guide, loop_id?, segment)?;
    let place = guide.loop_of(loop_id?)?.slots.iter().position(|each| std::ptr::eq(each, slot))?;
    Some((loop_id?, place))
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn fixtures() -> Vec<Fixture> {
    let mut paths: Vec<PathBuf> = FIXTURES
        .iter()
        .flat_map(|folder| fs::read_dir(root().join(folder)).unwrap())
        .map(|entry| entry.unwrap().path())
        .collect();
    paths.sort();
    let fixture = |path: &PathBuf| Fixture {
        name: path.file_stem().unwrap().to_str().unwrap().to_string(),
        form: if path.to_str().unwrap().contains("837i") {
            Form::Institutional
        } else {
            Form::Professional
        },
        bytes: fs::read(path).unwrap(),
    };
    paths.iter().map(fixture).collect()
}

/// The segments of a loop itself, with their ids; those that start its child loops stand there.
fn own_slots(each: &GuideLoop) -> impl Iterator<Item = (SlotId, &Slot)> {
    let slots = each.slots.iter().enumerate().filter(|(_, slot)| slot.enters.is_none());
    slots.map(|(place, slot)| ((each.id, place), slot))
}

/// `REF*G1`, `HI*ABK BK`, `CLM`.
fn segment_name(slot: &Slot) -> String {
    let mut codes: Vec<String> = slot.key.iter().map(ToString::to_string).collect();
    codes.sort();
    match codes.is_empty() {
        true => slot.tag.to_string(),
        false => format!("{}*{}", slot.tag, codes.join(" ")),
    }
}

/// The typed fields alone.
fn without_text(mut set: Set) -> Set {
    set.header.text = SourceText::default();
    for Assembled { claim, .. } in &mut set.claims {
        claim.text = SourceText::default();
        // Where the claim ends is no field of its last segment.
        claim.bytes = Default::default();
        claim.lines.iter_mut().for_each(|line| line.bytes = Default::default());
        Arc::make_mut(&mut claim.billing_provider).text = SourceText::default();
        Arc::make_mut(&mut claim.subscriber).text = SourceText::default();
        if let Some(patient) = &mut claim.patient {
            Arc::make_mut(patient).text = SourceText::default();
        }
    }
    set
}

/// What the page says of a guide, or why it can't be said.
fn table(guide: &Guide, fixtures: &[Fixture]) -> Result<String, String> {
    let (mut rows, mut problems) = (String::new(), Vec::new());
    let mut carriers: BTreeMap<SlotId, BTreeSet<&str>> = BTreeMap::new();
    for fixture in fixtures {
        fixture.for_each(|segment, placed| {
            let id = slot_id(guide.form, segment, placed.loop_id).unwrap();
            carriers.entry(id).or_default().insert(&fixture.name);
        });
    }
    let whole: Vec<Set> = fixtures.iter().map(|fixture| without_text(fixture.read_without(None))).collect();
    for each in guide.loops() {
        for (id, slot) in own_slots(each) {
            let name = segment_name(slot);
            let Some(carriers) = carriers.get(&id) else {
                problems.push(format!("{} {} {name}: no fixture carries it", guide.form, each.id));
                continue;
            };
            // A field is read from a segment when it is another one without it.
            let carried = fixtures.iter().zip(&whole).filter(|(fixture, _)| carriers.contains(fixture.name.as_str()));
            let is_read = { carried }.any(|(fixture, whole)| without_text(fixture.read_without(Some(id))) != *whole);
            let field = fields::of(guide.form, each.id, &name);
            match (field, is_read) {
                (Some(_), true) | (None, false) => {}
                (Some(field), false) if field.shadowed => {}
                (Some(_), false) => problems.push(format!("{} {} {name}: named, but no field is read from it", guide.form, each.id)),
                (None, true) => problems.push(format!("{} {} {name}: a field is read from it, but not named", guide.form, each.id)),
            }
            let field = field.map_or_else(|| "text".to_string(), |field| format!("`{}`", field.path));
            let repeat = slot.repeat.map_or_else(|| "any".to_string(), |most| most.to_string());
            let usage = if each.required >> id.1 & 1 == 1 { "R" } else { "S" };
            let carrier = carriers.iter().find(|name| name.contains("every-loop")).or(carriers.first()).unwrap();
            rows += &format!("| {} | `{name}` | {usage} | {repeat} | {field} | `{carrier}` |\n", each.id);
        }
    }
    if problems.is_empty() { Ok(rows) } else { Err(problems.join("\n")) }
}

fn page() -> String {
    let mut page = "\
# What is read of a claim

Every loop and segment of both guides, and where it ends up. *Field*: what typed field of the claim is read
from it; `text`: it has none, and is in the claim's text like all others (`Claim::segments_of`, with loop, line
and place). Nothing is dropped: every segment and every repeat is in the text, also where a typed list is full.
*Use*: R required, S situational. *Most*: how often in one loop. *Fixture*: a file of `fixtures/valid` or
`fixtures/coverage` that carries it.

Written by `CLAIMSTREAM_REWRITE_GOLDENS=1 cargo test --test coverage` from the guide tables; the test fails when
this page is stale, when a segment has no fixture, and when a field is read that is not named here.
"
    .to_string();
    let mut problems = String::new();
    for (form, title) in [(Form::Professional, "837P, 005010X222A1"), (Form::Institutional, "837I, 005010X223A2")] {
        let fixtures: Vec<Fixture> = fixtures().into_iter().filter(|fixture| fixture.form == form).collect();
        page += &format!("\n## {title}\n\n| Loop | Segment | Use | Most | Field | Fixture |\n|---|---|---|---:|---|---|\n");
        match table(guide(form).unwrap(), &fixtures) {
            Ok(rows) => page += &rows,
            Err(each) => problems += &(each + "\n"),
        }
    }
    assert!(problems.is_empty(), "\n{problems}");
    page
}

#[test]
fn the_page_says_what_the_code_does() {
    let (page, path) = (page(), root().join(PAGE));
    if std::env::var_os("CLAIMSTREAM_REWRITE_GOLDENS").is_some() {
        fs::create_dir_all(path.parent().unwrap_or(Path::new("."))).unwrap();
        fs::write(&path, &page).unwrap();
    }
    assert!(
        page == fs::read_to_string(&path).unwrap_or_default(),
        "{PAGE} is stale; rewrite it as its head says"
    );
}

#[test]
fn no_field_is_named_for_a_segment_that_no_guide_has() {
    for (form, loop_id, name) in fields::all() {
        let each = guide(form).unwrap().loop_of(loop_id).unwrap_or_else(|| panic!("{form} has no loop {loop_id}"));
        assert!(own_slots(each).any(|(_, slot)| segment_name(slot) == name), "{form} {loop_id} {name}");
    }
}

/// Each segment of a file stands once in the text of the header, of one party or of one claim.
#[test]
fn every_segment_and_every_repeat_is_in_the_text() {
    for fixture in fixtures() {
        let (mut expected, mut kept) = (Vec::new(), Vec::new());
        fixture.for_each(|segment, placed| expected.push((segment.at, placed.loop_id, placed.starts_loop)));
        let Set { header, claims } = fixture.read_without(None);
        let mut shared: Vec<*const SourceText> = Vec::new();
        let mut keep = |text: &SourceText| {
            kept.extend(text.segments().map(|segment| (segment.at, segment.loop_id, segment.starts_loop)));
        };
        keep(&header.text);
        for Assembled { claim, findings } in &claims {
            assert_eq!(findings, &[], "{}", fixture.name);
            let patient = claim.patient.iter().map(|patient| &patient.text);
            for text in [&claim.billing_provider.text, &claim.subscriber.text].into_iter().chain(patient) {
                if !shared.contains(&std::ptr::from_ref(text)) {
                    shared.push(text);
                    keep(text);
                }
            }
            keep(&claim.text);
            assert!(!claim.text.is_cut());
        }
        kept.sort_by_key(|(at, ..)| at.byte);
        assert_eq!(kept, expected, "{}", fixture.name);
        let at_claims = expected.iter().filter(|(at, ..)| at.tag.to_string() == "CLM").count();
        assert_eq!(claims.len(), at_claims, "{}", fixture.name);
    }
}
