//! Every event has a schema, every schema holds its events and refuses what is none, and what consumers
//! rely on does not change within `.v1`.
//!
//! `CLAIMSTREAM_REWRITE_GOLDENS=1 cargo test --test schemas` adds new fields to `schemas/v1.lock.json`; it
//! never changes what is frozen there.

// `clippy.toml` allows these in tests, which it does not see in a test crate's own functions.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

mod schemas {
    pub mod events;
    pub mod frozen;
    #[allow(dead_code, reason = "the house's tests use the rest")]
    #[path = "../house/site.rs"]
    pub mod site;
}

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use serde_json::{Value, json};

use schemas::events::{Event, rare_events, run_events};
use schemas::frozen::{Shape, breaks, shape_of};
use schemas::site::{files_below, repository};

const LOCK: &str = "schemas/v1.lock.json";

/// The schemas of values by `ce_type`; `headers.json` and the lock are none.
fn schemas() -> BTreeMap<String, Value> {
    let read = |path: std::path::PathBuf| {
        let name = path.file_name()?.to_str()?.strip_suffix(".json")?.to_string();
        let schema = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
        name.starts_with("claims.").then_some((name, schema))
    };
    files_below(repository("schemas").as_ref()).into_iter().filter_map(read).collect()
}

fn validator(schema: &Value) -> jsonschema::Validator {
    jsonschema::draft202012::new(schema).unwrap()
}

fn headers() -> jsonschema::Validator {
    let text = fs::read(repository("schemas/headers.json")).unwrap();
    validator(&serde_json::from_slice(&text).unwrap())
}

/// Where a value does not fit; places only, as everywhere.
fn misfits(validator: &jsonschema::Validator, value: &Value) -> Vec<String> {
    let errors = validator.iter_errors(value);
    errors
        .map(|error| format!("{} against {}", error.instance_path(), error.schema_path()))
        .collect()
}

/// Every `claims.….v1` that the code that renders events spells out.
fn kinds_in_the_code() -> BTreeSet<String> {
    let sources = files_below(repository("src/events").as_ref());
    let texts: Vec<String> = sources.iter().map(|path| fs::read_to_string(path).unwrap()).collect();
    let literals = texts.iter().flat_map(|text| text.split('"'));
    let kinds = literals.filter(|text| text.starts_with("claims.") && text.rsplit('.').next().is_some_and(|last| last.starts_with('v')));
    kinds.map(str::to_string).collect()
}

#[test]
fn every_event_has_a_schema_and_every_schema_an_event() {
    let schemas = schemas();
    assert_eq!(
        kinds_in_the_code(),
        schemas.keys().cloned().collect(),
        "what the code emits and what is in schemas/"
    );
    let validators: BTreeMap<&str, jsonschema::Validator> = schemas.iter().map(|(kind, schema)| (kind.as_str(), validator(schema))).collect();
    let headers = headers();

    let mut exercised = BTreeSet::new();
    for Event {
        kind,
        headers: attributes,
        value,
    } in run_events().into_iter().chain(rare_events())
    {
        assert_eq!(misfits(&headers, &attributes), [""; 0], "headers of {kind}");
        assert_eq!(attributes["ce_type"], kind);
        let validator = validators.get(kind.as_str()).unwrap_or_else(|| panic!("{kind} has no schema"));
        assert_eq!(misfits(validator, &value), [""; 0], "{kind}");
        exercised.insert(kind);
    }
    assert_eq!(exercised, schemas.into_keys().collect(), "schemas that no event exercised");
}

#[test]
fn an_event_that_was_changed_is_refused() {
    let schemas = schemas();
    let mut seen = BTreeSet::new();
    let mut changes = 0;
    for Event { kind, value, .. } in run_events().into_iter().chain(rare_events()) {
        // The first of each kind, and of the decisions one with everything in it.
        let is_rich = value["lines"][0]["adjustments"][0].is_object();
        if !(seen.insert((kind.clone(), is_rich))) {
            continue;
        }
        let validator = validator(&schemas[&kind]);
        for (what, changed) in changed(&value) {
            assert!(!validator.is_valid(&changed), "{kind} with {what} is taken for an event");
            changes += 1;
        }
    }
    assert!(changes > 400, "{changes} changes");
}

/// The value with one field dropped, with one field of another type, and with one field more, at every
/// depth, each with its description.
fn changed(value: &Value) -> Vec<(String, Value)> {
    let mut all = Vec::new();
    for pointer in pointers(value) {
        let Some(Value::Object(fields)) = value.pointer(&pointer) else { continue };
        let mut with = |what: String, change: &dyn Fn(&mut serde_json::Map<String, Value>)| {
            let mut changed = value.clone();
            if let Some(Value::Object(fields)) = changed.pointer_mut(&pointer) {
                change(fields);
            }
            all.push((format!("{what} in {pointer:?}"), changed));
        };
        with("one field more".into(), &|fields| drop(fields.insert("member_id".into(), "1".into())));
        for (name, field) in fields {
            with(format!("{name} as true"), &|fields| fields[name] = json!(true));
            with(format!("{name} as a list in a list"), &|fields| fields[name] = json!([[field]]));
            // The one optional field of all.
            if name != "quantity" {
                with(format!("{name} missing"), &|fields| drop(fields.remove(name)));
            }
        }
    }
    all
}

/// The places of a value's objects.
fn pointers(value: &Value) -> Vec<String> {
    let below = |step: String, value: &Value| pointers(value).into_iter().map(move |rest| format!("/{step}{rest}")).collect::<Vec<_>>();
    match value {
        Value::Object(fields) => {
            let deeper = fields.iter().flat_map(|(name, value)| below(name.clone(), value));
            [String::new()].into_iter().chain(deeper).collect()
        }
        Value::Array(items) => items.iter().enumerate().flat_map(|(place, value)| below(place.to_string(), value)).collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => Vec::new(),
    }
}

#[test]
fn definitions_of_one_name_are_the_same_everywhere() {
    let mut known: BTreeMap<String, Value> = BTreeMap::new();
    for (kind, schema) in schemas() {
        for (name, definition) in schema["$defs"].as_object().into_iter().flatten() {
            let first = known.entry(name.clone()).or_insert_with(|| definition.clone());
            assert_eq!(first, definition, "{name} in {kind}");
        }
    }
}

#[test]
fn what_consumers_rely_on_does_not_change() {
    let mut lock: BTreeMap<String, BTreeMap<String, Shape>> = serde_json::from_slice(&fs::read(repository(LOCK)).unwrap_or_else(|_| b"{}".to_vec())).unwrap();
    let now: BTreeMap<String, BTreeMap<String, Shape>> = schemas().into_iter().map(|(kind, schema)| (kind, shape_of(&schema))).collect();
    if std::env::var_os("CLAIMSTREAM_REWRITE_GOLDENS").is_some() {
        for (kind, fields) in &now {
            let frozen = lock.entry(kind.clone()).or_default();
            for (path, shape) in fields {
                frozen.entry(path.clone()).or_insert_with(|| shape.clone());
            }
        }
        fs::write(repository(LOCK), serde_json::to_string_pretty(&lock).unwrap() + "\n").unwrap();
    }
    for (kind, frozen) in &lock {
        let fields = now.get(kind).unwrap_or_else(|| panic!("{kind} is gone; consumers still have it"));
        let broken: Vec<String> = breaks(frozen, fields);
        assert_eq!(broken, [""; 0], "{kind}: this needs .v2 beside .v1");
    }
    let (frozen, now): (Vec<_>, Vec<_>) = (paths(&lock), paths(&now));
    assert_eq!(frozen, now, "new fields are frozen with CLAIMSTREAM_REWRITE_GOLDENS=1");
}

fn paths(shapes: &BTreeMap<String, BTreeMap<String, Shape>>) -> Vec<String> {
    let all = shapes.iter().flat_map(|(kind, fields)| fields.keys().map(move |path| format!("{kind} {path}")));
    all.collect()
}

#[test]
fn a_change_that_breaks_consumers_is_found() {
    type Change = fn(&mut Value);
    let whole = schemas().remove("claims.claim.adjudicated.v1").unwrap();
    let frozen = shape_of(&whole);
    assert_eq!(breaks(&frozen, &shape_of(&whole)), [""; 0]);
    let cases: [(&str, Change, usize); 9] = [
        ("a field is gone", |schema| drop(fields(schema).remove("paid")), 1),
        (
            "a field of a line is gone",
            |schema| drop(schema["$defs"]["line"]["properties"].as_object_mut().unwrap().remove("allowed")),
            1,
        ),
        (
            "a field has another name",
            |schema| {
                let paid = fields(schema).remove("paid").unwrap();
                fields(schema).insert("amount_paid".into(), paid);
            },
            1,
        ),
        (
            "a field may be missing",
            |schema| schema["required"].as_array_mut().unwrap().retain(|name| name != "paid"),
            1,
        ),
        ("a number is text", |schema| fields(schema)["version"] = json!({"type": "string"}), 1),
        (
            "a field may be null",
            |schema| fields(schema)["claim_id"] = json!({"anyOf": [{"$ref": "#/$defs/claim_id"}, {"type": "null"}]}),
            1,
        ),
        (
            "money has another form, in six places",
            |schema| schema["$defs"]["money"]["pattern"] = json!("^[0-9]+$"),
            6,
        ),
        (
            "a closed list has one value more",
            |schema| fields(schema)["outcome"]["enum"].as_array_mut().unwrap().push("lost".into()),
            1,
        ),
        (
            "a field more",
            |schema| drop(fields(schema).insert("reversal_of".into(), json!({"type": "string"}))),
            0,
        ),
    ];
    for (what, change, expected) in cases {
        let mut schema = whole.clone();
        change(&mut schema);
        let found = breaks(&frozen, &shape_of(&schema));
        assert_eq!(found.len(), expected, "{what}: {found:?}");
    }
}

fn fields(schema: &mut Value) -> &mut serde_json::Map<String, Value> {
    schema["properties"].as_object_mut().unwrap()
}
