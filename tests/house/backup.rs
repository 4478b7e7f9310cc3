//! `backup` and `restore`: what comes back is what was there, or nothing comes back.

use std::fs;
use std::process::Stdio;

use super::site::Site;
use super::twice::{again, generate, ingest};

fn told() -> Site {
    let site = Site::new();
    generate(&site, "claims.837", "60");
    ingest(&site, "data", "claims.837");
    site
}

/// What a backup keeps, without the ledger, whose pages may lie elsewhere.
fn kept(site: &Site, data: &str) -> std::collections::BTreeMap<String, Vec<u8>> {
    let mut tree = site.tree(data);
    tree.retain(|name, _| !name.starts_with("index/") && !name.starts_with("ledger.db") && name != "lock" && name != "manifest.json");
    tree
}

#[test]
fn a_restored_house_goes_on_where_the_other_was() {
    let site = told();
    let before = site.tree("data");
    let made = site.json(&["--data-dir", "data", "backup", "copy"]).expect(0).result();
    assert!(site.tree("data") == before, "a backup changed its source");
    assert!(kept(&site, "copy") == kept(&site, "data"));
    let names: Vec<String> = site.tree("copy").into_keys().collect();
    assert!(names.iter().all(|name| !name.contains("key")), "{names:?}");
    assert!(
        fs::read_dir(site.path(""))
            .unwrap()
            .all(|entry| !entry.unwrap().file_name().to_str().unwrap().contains("partial"))
    );

    let restored = site.json(&["--data-dir", "back", "restore", "copy"]).expect(0);
    assert_eq!(restored.result(), made);
    assert_eq!(restored.stderr, "", "the key in force is the right one");
    assert!(kept(&site, "back") == kept(&site, "data"));
    let same = |arguments: &[&str]| {
        let [one, two] = ["data", "back"].map(|data| site.json(&[&["--data-dir", data], arguments].concat()).expect(0).lines());
        assert_eq!(one, two, "{arguments:?}");
    };
    let claim = site.claims_that_are("data", "paid").remove(0);
    same(&["status"]);
    same(&["explain", &claim, "--verify"]);
    same(&["remit", "show"]);
    let digest = |data| site.json(&["--data-dir", data, "replay", "--all", "--dry-run"]).expect(0).result()["digest"].clone();
    assert_eq!(digest("data"), digest("back"));
    site.json(&["--data-dir", "back", "doctor", "--deep"]).expect(0);

    // The same file pays nothing more, and another one still finds its duplicates.
    let paid = site.tree("back/outbound/835");
    let result = again(&site, "back", "claims.837");
    assert_eq!((&result["duplicates"], &result["remittances"]), (&1.into(), &0.into()), "{result}");
    assert!(site.tree("back/outbound/835") == paid);
    generate(&site, "more.837", "80");
    for data in ["data", "back"] {
        site.json(&["--data-dir", data, "ingest", "more.837", "--received-at", "2026-06-16T09:00:00-07:00"]);
    }
    let outcomes = |data| {
        site.events(data, "decisions")
            .iter()
            .map(|event| event["value"]["lines"].to_string())
            .collect::<Vec<_>>()
    };
    assert_eq!(outcomes("data"), outcomes("back"));
}

#[test]
fn keys_in_the_data_directory_stay_there() {
    let site = told().with("CLAIMSTREAM__PHI__KEY_FILE", "data/keys/master.key");
    fs::create_dir(site.path("data/keys")).unwrap();
    fs::rename(site.path("master.key"), site.path("data/keys/master.key")).unwrap();
    // Not even where somebody put them among what is kept.
    let site = site.with("CLAIMSTREAM__PHI__KEY_FILE", "data/audit/my.key");
    fs::rename(site.path("data/keys/master.key"), site.path("data/audit/my.key")).unwrap();
    let secret = fs::read(site.path("data/audit/my.key")).unwrap();
    site.json(&["--data-dir", "data", "backup", "copy"]).expect(0);
    for (name, bytes) in site.tree("copy") {
        assert!(!name.contains("key") && bytes != secret, "{name}");
    }
    // A key may wait in the directory that is restored into.
    let site = site.with("CLAIMSTREAM__PHI__KEY_FILE", "back/keys/master.key");
    site.file("back/keys/master.key", secret);
    let run = site.json(&["--data-dir", "back", "restore", "copy"]).expect(0);
    assert_eq!(run.stderr, "");
    site.json(&["--data-dir", "back", "status"]).expect(0);
    // Another one is told.
    let other = site.with("CLAIMSTREAM__PHI__KEY_FILE", "other.key");
    other.file("other.key", claimstream::sealing::Keys::generate().unwrap().as_bytes());
    let run = other.json(&["--data-dir", "third", "restore", "copy"]).expect(0);
    assert!(run.stderr.contains("made with key"), "{}", run.stderr);
}

#[test]
fn a_changed_backup_is_not_restored() {
    let site = told();
    site.json(&["--data-dir", "data", "backup", "copy"]).expect(0);
    let whole = site.tree("copy");
    let archived = whole.keys().find(|name| name.starts_with("archive/")).unwrap().clone();
    type Change = fn(&mut Vec<u8>);
    let changes: [(&str, &str, Change); 5] = [
        ("a flipped byte", &archived, |bytes| bytes[100] ^= 1),
        ("a cut file", &archived, |bytes| bytes.truncate(50)),
        ("a changed ledger", "ledger.db", |bytes| *bytes.last_mut().unwrap() ^= 1),
        ("a manifest that is none", "manifest.json", |bytes| bytes.truncate(40)),
        ("a manifest that leads elsewhere", "manifest.json", |bytes| {
            *bytes = String::from_utf8(bytes.clone()).unwrap().replacen("archive/", "archive/../", 1).into_bytes();
        }),
    ];
    for (what, name, change) in changes {
        let mut bytes = whole[name].clone();
        change(&mut bytes);
        site.file(&format!("copy/{name}"), bytes);
        let run = site.json(&["--data-dir", "back", "restore", "copy"]).expect(5);
        assert!(
            run.stderr.contains(name) && run.stderr.contains("nothing was restored"),
            "{what}: {}",
            run.stderr
        );
        assert!(!site.path("back").exists(), "{what}");
        site.file(&format!("copy/{name}"), &whole[name]);
    }
    site.file("copy/archive/stranger", "");
    assert!(site.json(&["--data-dir", "back", "restore", "copy"]).expect(5).stderr.contains("stranger"));
    fs::remove_file(site.path("copy/archive/stranger")).unwrap();
    fs::remove_file(site.path("copy").join(&archived)).unwrap();
    assert!(site.json(&["--data-dir", "back", "restore", "copy"]).expect(5).stderr.contains("is missing"));
    site.file(&format!("copy/{archived}"), &whole[&archived]);
    site.json(&["--data-dir", "back", "restore", "copy"]).expect(0);
}

#[test]
fn nothing_is_overwritten() {
    let site = told();
    let data = site.tree("data");
    for (arguments, exit, says) in [
        (&["--data-dir", "data", "backup", "copy"][..], 0, ""),
        (&["--data-dir", "data", "backup", "copy"], 2, "exists"),
        (&["--data-dir", "data", "backup", "claims.837"], 2, "exists"),
        (&["--data-dir", "data", "backup", "data/copy"], 2, "inside"),
        (&["--data-dir", "data", "backup", "nowhere/copy"], 1, "nowhere"),
        (&["--data-dir", "none", "backup", "other"], 1, "no data directory"),
        (&["--data-dir", "data", "restore", "copy"], 2, "something in it"),
        (&["--data-dir", "back", "restore", "reference"], 3, "no backup"),
        (&["--data-dir", "back", "restore", "nothing"], 3, "no backup"),
    ] {
        let run = site.json(arguments).expect(exit);
        assert!(run.stderr.contains(says), "{arguments:?}: {}", run.stderr);
    }
    assert!(site.tree("data") == data);
    assert!(!site.path("back").exists() && !site.path("none").exists() && !site.path("other").exists());
}

#[test]
fn a_house_in_use_is_not_copied() {
    let site = told();
    let mut command = site.command(&["--data-dir", "data", "ingest", "-"]);
    let mut other = command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    std::io::Read::read_exact(other.stderr.as_mut().unwrap(), &mut [0; 1]).unwrap();
    site.json(&["--data-dir", "data", "backup", "copy"]).expect(75);
    assert!(!site.path("copy").exists());
    other.kill().unwrap();
    other.wait().unwrap();
}
