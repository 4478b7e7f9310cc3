//! What a schema promises to a consumer, field by field, and whether another schema keeps it.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// What a consumer may rely on for one field.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shape {
    /// JSON types that it may have, `null` among them.
    pub types: BTreeSet<String>,
    /// It is there whenever what contains it is.
    pub required: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pattern: Option<String>,
    /// All values of a closed list.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub values: BTreeSet<String>,
}

/// The fields of a schema by path: `lines/*/paid`.
pub fn shape_of(schema: &Value) -> BTreeMap<String, Shape> {
    let mut shapes = BTreeMap::new();
    fields_of(schema, schema, "", &mut shapes);
    shapes
}

fn fields_of(root: &Value, node: &Value, path: &str, shapes: &mut BTreeMap<String, Shape>) {
    let required = node["required"].as_array().into_iter().flatten();
    let required: BTreeSet<&str> = required.filter_map(Value::as_str).collect();
    for (name, field) in node["properties"].as_object().into_iter().flatten() {
        add(root, field, format!("{path}{name}"), required.contains(name.as_str()), shapes);
    }
}

fn add(root: &Value, node: &Value, path: String, required: bool, shapes: &mut BTreeMap<String, Shape>) {
    let mut shape = Shape { required, ..Shape::default() };
    for node in alternatives(root, node) {
        let types = node["type"]
            .as_str()
            .into_iter()
            .chain(node["type"].as_array().into_iter().flatten().filter_map(Value::as_str));
        shape.types.extend(types.map(str::to_string));
        shape.pattern = shape.pattern.or_else(|| node["pattern"].as_str().map(str::to_string));
        let values = node["enum"].as_array().into_iter().flatten().chain(node.get("const"));
        shape
            .values
            .extend(values.map(|value| value.as_str().map_or_else(|| value.to_string(), str::to_string)));
        fields_of(root, node, &format!("{path}/"), shapes);
        if let Some(items) = node.get("items") {
            add(root, items, format!("{path}/*"), true, shapes);
        }
    }
    shapes.insert(path, shape);
}

/// The node itself, what it refers to, or each of `anyOf`. Definitions refer to others, never to themselves.
fn alternatives<'s>(root: &'s Value, node: &'s Value) -> Vec<&'s Value> {
    if let Some(reference) = node["$ref"].as_str() {
        let target = root.pointer(reference.trim_start_matches('#'));
        return alternatives(root, target.unwrap_or_else(|| panic!("{reference} leads nowhere")));
    }
    match node["anyOf"].as_array() {
        Some(branches) => branches.iter().flat_map(|branch| alternatives(root, branch)).collect(),
        None => vec![node],
    }
}

/// What of the frozen fields is no longer so.
pub fn breaks(frozen: &BTreeMap<String, Shape>, now: &BTreeMap<String, Shape>) -> Vec<String> {
    let broken = frozen.iter().filter_map(|(path, frozen)| {
        let what = match now.get(path) {
            None => "removed or renamed",
            Some(now) if frozen.required && !now.required => "no longer always there",
            Some(now) if frozen.types != now.types => "of another type",
            Some(now) if frozen.pattern != now.pattern => "of another form",
            Some(now) if frozen.values != now.values => "with another list of values",
            Some(_) => return None,
        };
        Some(format!("{path} is {what}"))
    });
    broken.collect()
}
