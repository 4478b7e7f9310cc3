//! Holds the code to its architecture: the tier table of `src/lib.rs`, purity, the ways out for
//! protected values, `unsafe`, names and sizes, and fixtures that nobody reads.
//!
//! Each rule is a function of source texts, so that the tests at the end can show it failing.
#![allow(clippy::panic, reason = "a test fails by panicking")]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

#[path = "tidy/source.rs"]
mod source;

use source::{Source, is_word, lines_with, names_under};

/// Files, or folders with a `/` at the end, that may call `expose_for`, for whom, and why.
const EXPOSING: &[(&str, &[&str], &str)] = &[
    ("src/phi.rs", &["Seal"], "the explicit opt-in of a record whose bytes are encrypted"),
    (
        "src/adjudication/",
        &["Adjudicate", "Tokenise"],
        "decisions compare birth dates and member ids in memory; a line's identity becomes a keyed fingerprint",
    ),
    ("src/edits/", &["Adjudicate"], "checks of member ids and dates compare in memory"),
    ("src/remittance/", &["Answer"], "an 835 names the patients of the payee's own claims"),
    ("src/acks/", &["Answer"], "a 277CA names the patients of the sender's own claims"),
    (
        "src/events/",
        &["Tokenise"],
        "events carry keyed tokens in place of members and control numbers",
    ),
    (
        "src/tables/refdata/",
        &["Tokenise", "Seal"],
        "reference data is looked up by token and kept sealed",
    ),
    (
        "src/ledger/",
        &["Tokenise", "Seal"],
        "columns with protected values are sealed, keys are tokens",
    ),
    (
        "src/pipeline/",
        &["Tokenise", "Adjudicate"],
        "members and control numbers become tokens before they are looked up",
    ),
    ("src/synthetic/", &["Synthesise"], "synthetic people are nobody"),
    ("src/cli/", &["Reveal"], "`--reveal` with a reason, audited"),
];

/// Names that say nothing about what a module is for.
const EMPTY_NAMES: &[&str] = &["util", "utils", "helper", "helpers", "manager", "common", "misc", "data", "info"];

/// A file longer than this has more than one subject.
const LINES_MAX: usize = 700;

/// What a pure module may not touch, by the first name below `std`.
const IMPURE_STD: &[&str] = &["fs", "net", "process", "env", "thread", "os"];

/// What a pure module may not say. The traits of `std::io` are allowed: a reader is a value to it.
const IMPURE_WORDS: &[(&str, &str)] = &[
    ("File::", "I/O"),
    ("stdin(", "I/O"),
    ("stdout(", "I/O"),
    ("stderr(", "I/O"),
    ("rusqlite", "I/O"),
    ("now(", "the clock"),
    ("SystemTime", "the clock"),
    ("Instant", "the clock"),
    ("rand::", "randomness"),
    ("SystemRandom", "randomness"),
    ("getrandom", "randomness"),
    ("tracing::", "logging"),
    ("log::", "logging"),
    ("metrics::", "metrics"),
    ("print!", "output"),
    ("println!", "output"),
    ("eprint!", "output"),
    ("eprintln!", "output"),
    ("dbg!", "output"),
];

/// Left-overs that don't belong into what is committed.
const UNFINISHED: &[&str] = &["todo!", "unimplemented!"];

#[derive(Debug, Clone, Copy, PartialEq)]
struct Place {
    tier: u32,
    pure: bool,
}

/// Reads the tier table from the module docs: rows `| 7 | ``envelope`` | pure |`.
fn tiers_of(lib: &str) -> Result<BTreeMap<String, Place>, String> {
    let mut tiers = BTreeMap::new();
    for row in lib.lines().filter_map(|line| line.strip_prefix("//! |")) {
        let cells: Vec<&str> = row.trim_end_matches('|').split('|').map(str::trim).collect();
        let [tier, modules, kind] = cells.as_slice() else { continue };
        let Ok(tier) = tier.parse::<u32>() else { continue };
        let pure = match *kind {
            "pure" => true,
            "rim" => false,
            other => return Err(format!("src/lib.rs: tier {tier} is of kind {other:?}, expected pure or rim")),
        };
        for module in modules.split_whitespace().map(|name| name.trim_matches('`')) {
            if tiers.insert(module.to_string(), Place { tier, pure }).is_some() {
                return Err(format!("src/lib.rs: module {module} stands twice in the tier table"));
            }
        }
    }
    if tiers.is_empty() {
        Err("src/lib.rs: no tier table found".into())
    } else {
        Ok(tiers)
    }
}

/// The module path of a file below `src`: `src/claim/party.rs` is `["claim", "party"]`.
fn module_of(file: &str) -> Vec<&str> {
    let path = file.strip_prefix("src/").unwrap_or(file);
    let path = path.strip_suffix(".rs").unwrap_or(path);
    path.split('/').filter(|part| !matches!(*part, "mod" | "lib" | "main")).collect()
}

/// Unit tests in a file of their own see what their module sees, and more.
fn is_unit_tests(file: &str) -> bool {
    module_of(file).last() == Some(&"tests")
}

/// Modules that the code names by `crate::` or by `super::` up to the crate's root.
fn modules_named(file: &str, source: &Source) -> Vec<(usize, String)> {
    let mut names = names_under(&source.code, "crate");
    let to_root = vec!["super"; module_of(file).len().max(1)].join("::");
    names.extend(names_under(&source.code, &to_root));
    names
}

fn imports_going_up(file: &str, source: &Source, tiers: &BTreeMap<String, Place>) -> Vec<String> {
    let module = module_of(file);
    let Some(own) = module.first().copied().filter(|_| !is_unit_tests(file)) else {
        return Vec::new();
    };
    let Some(place) = tiers.get(own) else {
        return vec![format!("{file}: module {own} has no row in the tier table of src/lib.rs")];
    };
    let higher = |name: &str| tiers.get(name).is_some_and(|other| name != own && other.tier >= place.tier);
    let up = modules_named(file, source).into_iter().filter(|(_, name)| higher(name));
    up.map(|(line, name)| format!("{file} line {line}: {own} knows {name}, which is not in a lower tier"))
        .collect()
}

fn impurities(file: &str, source: &Source, tiers: &BTreeMap<String, Place>) -> Vec<String> {
    let module = module_of(file);
    let pure = module.first().and_then(|own| tiers.get(*own)).is_some_and(|place| place.pure);
    if !pure || is_unit_tests(file) {
        return Vec::new();
    }
    let by_path = names_under(&source.code, "std")
        .into_iter()
        .filter(|(_, name)| IMPURE_STD.contains(&name.as_str()));
    let mut found: Vec<String> = by_path
        .map(|(line, name)| format!("{file} line {line}: std::{name} in a pure module"))
        .collect();
    for (word, what) in IMPURE_WORDS {
        found.extend(
            lines_with(&source.code, word)
                .into_iter()
                .map(|line| format!("{file} line {line}: {what} ({word}) in a pure module")),
        );
    }
    found
}

fn exposures(file: &str, source: &Source, allowed: &[(&str, &[&str], &str)]) -> Vec<String> {
    if is_unit_tests(file) {
        return Vec::new();
    }
    let purposes: Vec<&str> = allowed
        .iter()
        .filter(|(entry, _, _)| file == *entry || (entry.ends_with('/') && file.starts_with(entry)))
        .flat_map(|(_, purposes, _)| purposes.iter().copied())
        .collect();
    let mut found = Vec::new();
    for (line, text) in source.code.lines().enumerate() {
        for (place, call) in text.match_indices("expose_for(") {
            // Its definition is not a call.
            if text.get(..place).is_some_and(|before| before.ends_with("fn ")) {
                continue;
            }
            let purpose: String = text
                .get(place + call.len()..)
                .unwrap_or_default()
                .trim_start_matches("Purpose::")
                .chars()
                .take_while(|c| is_word(*c))
                .collect();
            if !purposes.contains(&purpose.as_str()) {
                found.push(format!(
                    "{file} line {}: exposes protected values for {purpose:?}, which is not on the list in tests/tidy.rs",
                    line + 1
                ));
            }
        }
    }
    found
}

fn unsafe_code(file: &str, source: &Source) -> Vec<String> {
    if file == "src/x12/delimiters.rs" {
        return Vec::new();
    }
    let lines = lines_with(&source.code_with_tests, "unsafe");
    lines
        .into_iter()
        .map(|line| format!("{file} line {line}: unsafe code, which only src/x12/delimiters.rs may have"))
        .collect()
}

fn empty_names(file: &str, source: &Source) -> Vec<String> {
    let inline = source.code.split_whitespace().collect::<Vec<_>>();
    let inline = inline.windows(2).filter_map(|pair| match pair {
        ["mod", name] => Some(name.trim_end_matches(|c| !is_word(c))),
        _ => None,
    });
    let named = module_of(file).into_iter().chain(inline).filter(|name| EMPTY_NAMES.contains(name));
    named
        .map(|name| format!("{file}: a module named {name} says nothing about its subject"))
        .collect()
}

fn too_long(file: &str, text: &str) -> Vec<String> {
    let lines = text.lines().count();
    if lines > LINES_MAX {
        vec![format!("{file}: {lines} lines, at most {LINES_MAX}")]
    } else {
        Vec::new()
    }
}

fn unfinished(file: &str, source: &Source) -> Vec<String> {
    let found = UNFINISHED
        .iter()
        .flat_map(|word| lines_with(&source.code_with_tests, word).into_iter().map(move |line| (line, word)));
    found.map(|(line, word)| format!("{file} line {line}: {word} is left behind")).collect()
}

/// Failpoints in the code and in their table (`src/failpoints.rs`): each name once in either, and no other.
fn failpoints(table: &[String], reached: &[String]) -> Vec<String> {
    let count = |names: &[String], name: &str| names.iter().filter(|other| *other == name).count();
    let mut names: Vec<&String> = table.iter().chain(reached).collect();
    names.sort();
    names.dedup();
    let problem = |name: &&String| match (count(table, name), count(reached, name)) {
        (1, 1) => None,
        (in_table, in_code) => Some(format!("failpoint {name}: {in_table} times in the table, {in_code} times in the code")),
    };
    names.iter().filter_map(problem).collect()
}

/// The literals that name a failpoint: `room::step::moment`, where a moment is before or after something.
fn point_names(source: &Source) -> Vec<String> {
    let is_name = |literal: &&String| match literal.split("::").collect::<Vec<_>>().as_slice() {
        [_, _, moment] => moment.starts_with("before") || moment.starts_with("after"),
        _ => false,
    };
    source.literals.iter().filter(is_name).cloned().collect()
}

/// Fixtures that no source names: by file name, or by their folder (`"fixtures/valid"`).
fn unread_fixtures(fixtures: &[String], literals: &[String]) -> Vec<String> {
    let read = |fixture: &str| {
        let (folder, name) = fixture.rsplit_once('/').unwrap_or(("", fixture));
        literals.iter().any(|literal| {
            let literal = literal.trim_end_matches('/');
            literal.ends_with(name) && !name.is_empty() || literal == folder || literal.ends_with(&format!("/{folder}"))
        })
    };
    fixtures
        .iter()
        .filter(|fixture| !read(fixture))
        .map(|fixture| format!("{fixture}: no test reads it, by its name or by its folder"))
        .collect()
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// Files below a folder, as paths from the root with `/`, sorted.
fn files_below(folder: &str, extension: Option<&str>) -> Vec<String> {
    let mut files = Vec::new();
    let mut open = vec![root().join(folder)];
    while let Some(directory) = open.pop() {
        for entry in fs::read_dir(&directory).into_iter().flatten().flatten() {
            let path = entry.path();
            if path.is_dir() {
                open.push(path);
            } else if extension.is_none_or(|extension| path.extension().is_some_and(|found| found == extension)) {
                files.push(path.strip_prefix(root()).unwrap_or(&path).to_string_lossy().replace('\\', "/"));
            }
        }
    }
    files.sort();
    files
}

fn read(file: &str) -> (String, Source) {
    let text = fs::read_to_string(root().join(Path::new(file))).unwrap_or_else(|error| panic!("{file}: {error}"));
    let source = Source::of(&text);
    (text, source)
}

fn tiers() -> BTreeMap<String, Place> {
    tiers_of(&read("src/lib.rs").0).unwrap_or_else(|problem| panic!("{problem}"))
}

/// Runs a rule over files and fails with everything it found.
fn hold(folders: &[&str], rule: impl Fn(&str, &str, &Source) -> Vec<String>) {
    let files: Vec<String> = folders.iter().flat_map(|folder| files_below(folder, Some("rs"))).collect();
    assert!(!files.is_empty(), "no source found");
    let found: Vec<String> = files
        .iter()
        .flat_map(|file| {
            let (text, source) = read(file);
            rule(file, &text, &source)
        })
        .collect();
    assert!(found.is_empty(), "\n{}\n", found.join("\n"));
}

#[test]
fn imports_go_down() {
    let tiers = tiers();
    hold(&["src"], |file, _, source| imports_going_up(file, source, &tiers));
}

#[test]
fn pure_modules_are_pure() {
    let tiers = tiers();
    hold(&["src"], |file, _, source| impurities(file, source, &tiers));
}

#[test]
fn protected_values_leave_by_listed_ways() {
    hold(&["src"], |file, _, source| exposures(file, source, EXPOSING));
}

#[test]
fn unsafe_code_stays_in_its_file() {
    hold(&["src", "tests", "benches"], |file, _, source| unsafe_code(file, source));
}

#[test]
fn modules_are_named_for_their_subject() {
    hold(&["src", "tests", "benches"], |file, _, source| empty_names(file, source));
}

#[test]
fn files_have_one_subject() {
    hold(&["src", "tests", "benches"], |file, text, _| too_long(file, text));
}

#[test]
fn nothing_is_left_behind() {
    hold(&["src", "tests", "benches"], |file, _, source| unfinished(file, source));
}

#[test]
fn every_failpoint_is_listed_and_reached_once() {
    const TABLE: &str = "src/failpoints.rs";
    let code = files_below("src", Some("rs")).into_iter().filter(|file| file != TABLE);
    let reached: Vec<String> = code.flat_map(|file| point_names(&read(&file).1)).collect();
    let found = failpoints(&point_names(&read(TABLE).1), &reached);
    assert!(!reached.is_empty() && found.is_empty(), "\n{}\n", found.join("\n"));
}

#[test]
fn every_fixture_is_read() {
    let sources = ["src", "tests", "benches"].iter().flat_map(|folder| files_below(folder, Some("rs")));
    let literals: Vec<String> = sources
        .filter(|file| !file.starts_with("tests/tidy"))
        .flat_map(|file| read(&file).1.literals)
        .collect();
    let found = unread_fixtures(&files_below("fixtures", None), &literals);
    assert!(found.is_empty(), "\n{}\n", found.join("\n"));
}

/// Every rule can fail.
#[cfg(test)]
mod rules {
    use super::*;

    const TABLE: &str = "//! | Tier | Modules | Kind |\n//! |---:|---|---|\n//! | 1 | `money` `phi` | pure |\n//! | 2 | `claim` | pure |\n//! | 3 | `edits` `adjudication` | pure |\n//! | 4 | `ledger` | rim |\n";

    fn tiers() -> BTreeMap<String, Place> {
        tiers_of(TABLE).unwrap()
    }

    #[test]
    fn the_tier_table_is_read() {
        assert_eq!(tiers().get("claim"), Some(&Place { tier: 2, pure: true }));
        assert_eq!(tiers().get("ledger"), Some(&Place { tier: 4, pure: false }));
        assert!(tiers_of("//! no table").is_err());
        assert!(tiers_of("//! | 1 | `money` | sometimes |").is_err());
        assert!(tiers_of("//! | 1 | `money` | pure |\n//! | 2 | `money` | pure |").is_err());
    }

    #[test]
    fn a_failpoint_that_is_not_listed_or_not_reached_is_found() {
        let points = |code: &str| point_names(&Source::of(code));
        assert_eq!(
            points("reach(\"a::b::before-c\")?; \"a::after\"; \"a::b::c\"; // \"x::y::after\""),
            ["a::b::before-c"]
        );
        let names = |names: &[&str]| names.iter().map(|name| (*name).to_string()).collect::<Vec<_>>();
        for (table, reached, problems) in [
            (["a::b::c", "a::b::d"], ["a::b::d", "a::b::c"], 0),
            (["a::b::c", "a::b::d"], ["a::b::c", "a::b::c"], 2),
            (["a::b::c", "a::b::c"], ["a::b::c", "a::b::d"], 2),
        ] {
            assert_eq!(failpoints(&names(&table), &names(&reached)).len(), problems);
        }
    }

    #[test]
    fn an_import_up_or_aside_is_found() {
        for (file, code, problems) in [
            ("src/claim/party.rs", "use crate::money::Money;", 0),
            ("src/claim/party.rs", "use crate::claim::claim::Claim;", 0),
            ("src/claim/party.rs", "// crate::ledger\nlet a = \"crate::ledger\";", 0),
            ("src/claim/party.rs", "use crate::ledger::Ledger;", 1),
            ("src/claim/party.rs", "fn a(b: &crate::ledger::Ledger) {}", 1),
            ("src/claim/party.rs", "use crate::{money, ledger::Ledger};", 1),
            ("src/claim/party.rs", "use super::super::ledger::Ledger;", 1),
            ("src/claim/party.rs", "use super::ledger::Line;", 0),
            ("src/claim/mod.rs", "use super::ledger::Ledger;", 1),
            ("src/edits/a.rs", "use crate::adjudication::Facts;", 1),
            ("src/phi.rs", "use crate::money::Money;", 1),
            ("src/news.rs", "", 1),
            ("src/lib.rs", "pub use crate::ledger::Ledger;", 0),
            ("src/claim/party.rs", "\n#[cfg(test)]\nmod tests {\n    use crate::ledger::Ledger;\n}", 0),
            ("src/claim/tests.rs", "use crate::ledger::Ledger;", 0),
        ] {
            assert_eq!(imports_going_up(file, &Source::of(code), &tiers()).len(), problems, "{file}: {code}");
        }
    }

    #[test]
    fn an_impurity_is_found() {
        for (file, code, problems) in [
            ("src/claim/a.rs", "use std::io::Read;", 0),
            ("src/claim/a.rs", "use std::fs;", 1),
            ("src/claim/a.rs", "use std::{fmt, net::TcpStream};", 1),
            ("src/claim/a.rs", "let a = Utc::now();", 1),
            ("src/claim/a.rs", "let known = known();", 0),
            ("src/claim/a.rs", "tracing::info!(1);", 1),
            ("src/claim/a.rs", "catalog::find();", 0),
            ("src/claim/a.rs", "println!();", 1),
            ("src/claim/a.rs", "let key = rand::random();", 1),
            ("src/ledger/a.rs", "use std::fs; println!();", 0),
            ("src/claim/a.rs", "\n#[cfg(test)]\nmod tests {\n    use std::fs;\n}", 0),
        ] {
            assert_eq!(impurities(file, &Source::of(code), &tiers()).len(), problems, "{file}: {code}");
        }
    }

    #[test]
    fn an_unlisted_exposure_is_found() {
        let allowed: &[(&str, &[&str], &str)] = &[("src/a.rs", &["Seal"], "test"), ("src/b/", &["Answer"], "test")];
        for (file, code, problems) in [
            ("src/a.rs", "x.expose_for(Purpose::Seal)", 0),
            ("src/a.rs", "x.expose_for(Purpose::Reveal)", 1),
            ("src/a.rs", "x.expose_for(purpose)", 1),
            ("src/b/c.rs", "x.expose_for(Purpose::Answer)", 0),
            ("src/bc.rs", "x.expose_for(Purpose::Answer)", 1),
            ("src/c.rs", "pub fn expose_for(&self) {}", 0),
            ("src/c.rs", "\n#[cfg(test)]\nmod tests { x.expose_for(Purpose::Answer) }", 0),
        ] {
            assert_eq!(exposures(file, &Source::of(code), allowed).len(), problems, "{file}: {code}");
        }
    }

    #[test]
    fn unsafe_names_size_and_leftovers_are_found() {
        let lines = "\n".repeat(LINES_MAX + 1);
        for (problems, expected) in [
            (unsafe_code("src/claim/a.rs", &Source::of("unsafe { }")), 1),
            (unsafe_code("src/claim/a.rs", &Source::of("#![deny(unsafe_code)] // unsafe")), 0),
            (unsafe_code("src/x12/delimiters.rs", &Source::of("unsafe { }")), 0),
            (empty_names("src/utils.rs", &Source::of("")), 1),
            (empty_names("src/claim/helper/a.rs", &Source::of("")), 1),
            (empty_names("src/claim/a.rs", &Source::of("mod manager { }")), 1),
            (empty_names("src/claim/party.rs", &Source::of("mod inner;")), 0),
            (too_long("src/a.rs", &lines), 1),
            (too_long("src/a.rs", "a\nb"), 0),
            (unfinished("src/a.rs", &Source::of("fn a() { todo!() }")), 1),
        ] {
            assert_eq!(problems.len(), expected, "{problems:?}");
        }
    }

    #[test]
    fn an_unread_fixture_is_found() {
        let fixtures = ["fixtures/valid/a.x12".to_string()];
        for (literal, problems) in [
            ("fixtures/valid", 0),
            ("../fixtures/valid/", 0),
            ("fixtures/valid/a.x12", 0),
            ("a.x12", 0),
            ("fixtures", 1),
            ("fixtures/valid/b.x12", 1),
            ("valid", 1),
        ] {
            assert_eq!(unread_fixtures(&fixtures, &[literal.to_string()]).len(), problems, "{literal}");
        }
    }
}
