//! What brokers do not take is put aside, and sent again when they would.

use super::broker::shared;
use super::same_as_the_log::{RECEIVED, assert_as_logged, generate, ingest_to_log, published};

#[test]
fn an_event_that_is_too_large_is_put_aside_and_sent_again() {
    let Some(broker) = shared() else { return };
    let (site, prefix) = (broker.site("large").with("CLAIMSTREAM__KAFKA__COMPRESSION", "none"), broker.prefix("large"));
    generate(&site, "claims.837", "30", "1");
    ingest_to_log(&site, "log", "claims.837");
    let mut sizes: Vec<usize> = site.events("log", "decisions").iter().map(|event| event.to_string().len()).collect();
    sizes.sort_unstable();
    // Some events of the file are larger than this, most are not.
    let limit = sizes[sizes.len() * 9 / 10];
    let decisions = format!("{prefix}.decisions");
    broker.create_topic(&decisions, 2, &[("max.message.bytes", &limit.to_string())]);

    site.json(&["--data-dir", "data", "refdata", "load", "reference"]).expect(0);
    let run = site.json(&["--data-dir", "data", "ingest", "claims.837", "--received-at", RECEIVED]).expect(6);
    let dead = run.result()["dead_letters"].as_u64().unwrap();
    assert!((1..15).contains(&dead), "{dead} of 30 at {limit} bytes");
    assert!(run.stderr.contains("dlq ls"), "{}", run.stderr);
    assert_eq!(site.json(&["--data-dir", "data", "status"]).expect(0).result()["dead_letters"], dead);

    // Unchanged, with all its headers and the reason beside them.
    let taken = broker.committed(&decisions);
    let letters = broker.committed(&format!("{prefix}.dlq"));
    assert_eq!((taken.len() as u64, letters.len() as u64), (30 - dead, dead));
    let logged = site.events("log", "decisions");
    for letter in &letters {
        let twin = logged.iter().find(|event| event["headers"]["ce_id"] == letter.id()).unwrap();
        let value: serde_json::Value = serde_json::from_slice(&letter.value).unwrap();
        assert_eq!((&value["claim_id"], &value["lines"]), (&twin["value"]["claim_id"], &twin["value"]["lines"]));
        assert_eq!(
            (letter.key.as_str(), &letter.headers["ce_type"]),
            (twin["key"].as_str().unwrap(), &"claims.claim.adjudicated.v1".to_string())
        );
        assert_eq!(
            (letter.headers["dlq-reason"].as_str(), letter.headers["dlq-stage"].as_str()),
            ("refused", "event")
        );
        assert_eq!(letter.headers["dlq-attempts"], "1");
        assert!(letter.headers["dlq-location"].starts_with("journal/"), "{letter:?}");
        assert!(taken.iter().all(|record| record.id() != letter.id()));
    }

    let ls = |arguments: &[&str]| {
        site.json(&[&["--data-dir", "data", "dlq", "ls"], arguments].concat())
            .expect(0)
            .of_type("letter")
    };
    assert_eq!(ls(&[]).len() as u64, dead);
    assert_eq!(ls(&["--claim", &letters[0].key]).len(), 1);
    assert_eq!(ls(&["--reason", "unbalanced"]).len(), 0);
    let number = ls(&["--claim", &letters[0].key])[0]["number"].to_string();
    let shown = site.json(&["--data-dir", "data", "dlq", "show", &number]).expect(0).result();
    assert_eq!(
        (&shown["key"], &shown["value"]["claim_id"]),
        (&letters[0].key.as_str().into(), &letters[0].key.as_str().into())
    );
    site.json(&["--data-dir", "data", "dlq", "show", "999999"]).expect(3);

    // Again while nothing has changed: again a letter. Then the topic takes them.
    let redrive = |arguments: &[&str], code| site.json(&[&["--data-dir", "data", "dlq", "redrive"], arguments].concat()).expect(code);
    redrive(&[], 2);
    assert_eq!(redrive(&["--all", "--dry-run"], 0).result()["letters"], dead);
    redrive(&[&number], 6);
    redrive(&[&number], 3);
    assert_eq!(ls(&["--claim", &letters[0].key])[0]["attempts"], 2);
    broker.set(&decisions, "max.message.bytes", "1000000");
    assert_eq!(redrive(&["--all", "--max", "1"], 0).result()["letters"], 1);
    assert_eq!(redrive(&["--all"], 0).result()["letters"], dead - 1);
    assert_eq!(ls(&[]).len(), 0);
    assert_eq!(ls(&["--redriven"]).len() as u64, dead + 1);
    assert_as_logged(&site, "log", &published(&broker, &prefix));
}
