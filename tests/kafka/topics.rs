//! `topics create|check|tail`.

use super::broker::shared;
use super::same_as_the_log::{RECEIVED, generate, ingest_to_log};
use super::site::Site;

#[test]
fn topics_are_created_checked_and_read() {
    let Some(broker) = shared() else { return };
    let (site, prefix) = (broker.site("topics"), broker.prefix("topics"));
    let check = site.json(&["topics", "check"]).expect(4);
    assert_eq!(check.result()["findings"], 7, "all are missing");
    let managed = broker.site("topics").with("CLAIMSTREAM__KAFKA__CREATE_TOPICS", "false");
    generate(&managed, "claims.837", "10", "2");
    let run = managed.json(&["--data-dir", "data", "ingest", "claims.837"]).expect(1);
    assert!(
        run.stderr.contains(&format!("{prefix}.progress")) && run.stderr.contains("topics create"),
        "{}",
        run.stderr
    );

    let examine = |exit: i32, expected: &str| {
        let lines = managed.json(&["--data-dir", "data", "doctor"]).expect(exit).lines();
        for check in ["broker", "topics", "outbox"] {
            let found = lines.iter().find(|line| line["check"] == check).unwrap();
            let state = if check == "broker" { "ok" } else { expected };
            assert_eq!(found["state"], state, "{found}");
        }
        lines
    };
    let missing = examine(4, "fail").iter().find(|line| line["check"] == "topics").unwrap().to_string();
    assert!(missing.contains(&format!("{prefix}.decisions")), "{missing}");

    let created = site.json(&["topics", "create", "--partitions", "2"]).expect(0).result();
    assert_eq!(created["created"].as_array().unwrap().len(), 7, "{created}");
    assert_eq!(site.json(&["topics", "create"]).expect(0).result()["created"].as_array().unwrap().len(), 0);
    assert_eq!(site.json(&["topics", "check"]).expect(0).result()["findings"], 0);

    // What waited is published now; a second ingest is a receipt more.
    managed
        .json(&["--data-dir", "data", "ingest", "claims.837", "--received-at", RECEIVED])
        .expect(0);
    examine(0, "ok");
    let tail = |arguments: &[&str]| {
        let run = site.json(&[&["topics", "tail"], arguments].concat()).expect(0);
        let mut lines = run.lines();
        let result = lines.pop().unwrap();
        assert_eq!(result["records"], lines.len());
        lines
    };
    let decisions = tail(&["decisions", "--committed"]);
    assert_eq!((decisions.len(), tail(&[&format!("{prefix}.decisions")]).len()), (10, 10));
    assert!(decisions.iter().any(|line| line["partition"] == 1), "two partitions");
    assert!(
        decisions
            .iter()
            .all(|line| line["value"]["claim_id"] == line["key"] && line["headers"]["ce_id"].is_string())
    );
    assert_eq!(tail(&["decisions", "--max", "3"]).len(), 3);
    assert_eq!(tail(&["decisions", "--from-beginning", "no", "--timeout", "1"]).len(), 0);
    site.json(&["topics", "tail", "nowhere"]).expect(3);
}

#[test]
fn a_progress_topic_that_forgets_is_a_finding() {
    let Some(broker) = shared() else { return };
    let (site, prefix) = (broker.site("forgets"), broker.prefix("forgets"));
    broker.create_topic(&format!("{prefix}.progress"), 2, &[("cleanup.policy", "delete")]);
    site.json(&["topics", "create"]).expect(0);
    let run = site.json(&["topics", "check"]).expect(4);
    for expected in ["cleanup.policy", "2 partitions"] {
        assert!(run.stdout.contains(expected), "{expected}: {}", run.stdout);
    }
    assert_eq!(run.result()["findings"], 2);
}

#[test]
fn the_embedded_log_is_read_in_the_same_way() {
    let site = Site::new();
    generate(&site, "claims.837", "10", "2");
    ingest_to_log(&site, "data", "claims.837");
    let run = site.json(&["--data-dir", "data", "topics", "tail", "claims.decisions"]).expect(0);
    assert_eq!(run.result()["records"], 10);
    assert_eq!(run.lines()[..10], site.events("data", "decisions"));
    site.json(&["--data-dir", "data", "topics", "tail", "nowhere"]).expect(3);
    site.json(&["--data-dir", "data", "topics", "check"]).expect(2);
}
