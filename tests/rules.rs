//! The worked examples of the rules: every one comes out as it says, and every rule has one.
//!
//! `CLAIMSTREAM_REWRITE_GOLDENS=1 cargo test --test rules` rewrites the lines of the sidecars; read the
//! difference.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use claimstream::adjudication::rule_id::RuleId;
use claimstream::pipeline::rule_examples::{ExampleError, WorkedExample, examples, work};
use claimstream::tables::rules::RulePack;

fn directory() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/rules")
}

fn worked(path: &Path) -> WorkedExample {
    work(path, RulePack::embedded().unwrap()).unwrap_or_else(|error| panic!("{error}"))
}

#[test]
fn every_example_comes_out_as_it_says() {
    let paths = examples(&directory()).unwrap();
    assert!(paths.len() > 100, "{} examples", paths.len());
    let mut differences = Vec::new();
    for path in &paths {
        let example = worked(path);
        if example.expected != example.found && std::env::var_os("CLAIMSTREAM_REWRITE_GOLDENS").is_some() {
            rewrite(path, &example.found);
        } else if !example.holds() {
            differences.push(format!(
                "{}: expected {:?}, found {:?}, fired {:?}",
                example.name, example.expected, example.found, example.fired
            ));
        }
    }
    assert!(differences.is_empty(), "{}", differences.join("\n"));
}

/// Every rule is shown by an example of its own, not only on the way of another.
#[test]
fn every_rule_has_an_example() {
    let shown: BTreeSet<RuleId> = examples(&directory()).unwrap().iter().map(|path| worked(path).id).collect();
    let missing: Vec<&str> = RuleId::ALL.iter().filter(|id| !shown.contains(id)).map(|id| id.as_str()).collect();
    assert!(missing.is_empty(), "{missing:?}");
}

#[test]
fn every_example_has_its_sidecar_and_every_sidecar_its_example() {
    for entry in fs::read_dir(directory()).unwrap() {
        let path = entry.unwrap().path();
        if path.is_file() {
            assert!(
                path.with_extension("x12").exists() && path.with_extension("toml").exists(),
                "{}",
                path.display()
            );
        }
    }
}

#[test]
fn an_example_that_says_otherwise_does_not_hold() {
    let copy = tempfile::tempdir().unwrap();
    let reference = copy.path().join("reference");
    fs::create_dir(&reference).unwrap();
    for entry in fs::read_dir(directory().join("reference")).unwrap() {
        let path = entry.unwrap().path();
        fs::copy(&path, reference.join(path.file_name().unwrap())).unwrap();
    }
    let name = "TF-3--vector-2-day-366-is-late";
    let claims = fs::read(directory().join(format!("{name}.x12"))).unwrap();
    let sidecar = fs::read_to_string(directory().join(format!("{name}.toml"))).unwrap();
    let with = |id: &str, sidecar: &str| {
        let path = copy.path().join(format!("{id}--shown.x12"));
        fs::write(&path, &claims).unwrap();
        fs::write(path.with_extension("toml"), sidecar).unwrap();
        work(&path, RulePack::embedded().unwrap())
    };
    assert!(with("TF-3", &sidecar).unwrap().holds());
    // Another outcome; another rule; a day earlier.
    assert!(!with("TF-3", &sidecar.replace("CO-29", "CO-27")).unwrap().holds());
    assert!(!with("TF-4", &sidecar).unwrap().holds());
    assert!(!with("TF-3", &sidecar.replace("2026-01-16", "2026-01-15")).unwrap().holds());
    assert!(matches!(with("TF-99", &sidecar), Err(ExampleError::Name { .. })));
    assert!(matches!(
        with("TF-3", &format!("{sidecar}without = ['people.csv']\n")),
        Err(ExampleError::UnknownTable { .. })
    ));
    assert!(matches!(with("TF-3", "received = 3"), Err(ExampleError::Sidecar { .. })));
    let unfit = format!("{sidecar}\n[[pack]]\nreplace = 'no such text'\nwith = ''\n");
    assert!(matches!(with("TF-3", &unfit), Err(ExampleError::NothingToChange { .. })));
}

/// The lines of a sidecar as they came out; signals, remarks and reasons to wait are for the author to set.
fn rewrite(path: &Path, found: &[String]) {
    let sidecar = path.with_extension("toml");
    let mut document: toml::Table = fs::read_to_string(&sidecar).unwrap().parse().unwrap();
    let lines = found
        .iter()
        .filter(|text| !text.starts_with("signal ") && !text.starts_with("remark ") && !text.starts_with("pended "));
    document.insert("lines".into(), lines.cloned().map(toml::Value::from).collect::<Vec<_>>().into());
    fs::write(&sidecar, toml::to_string(&document).unwrap()).unwrap();
}
