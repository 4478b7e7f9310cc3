//! Killed, cut off, overtaken, restored from a copy: nothing is lost, nothing is there twice, and what
//! can't go on says so.

use std::io::Read;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant, SystemTime};

use rdkafka::producer::{BaseProducer, Producer};

use super::broker::{Broker, own, shared};
use super::same_as_the_log::{RECEIVED, assert_as_logged, generate, ingest_to_log, published};
use super::site::Site;

/// Small rounds, so that there are moments between them.
const INFLIGHT: &str = "40";

/// A site with a generated file, whose events stand in its log.
fn prepared(broker: &Broker, name: &str, claims: &str) -> (Site, String) {
    let site = broker.site(name).with("CLAIMSTREAM__LIMITS__INFLIGHT_CLAIMS", INFLIGHT);
    generate(&site, "claims.837", claims, "1");
    ingest_to_log(&site, "log", "claims.837");
    site.json(&["--data-dir", "data", "refdata", "load", "reference"]).expect(0);
    (site, broker.prefix(name))
}

const INGEST: [&str; 6] = ["--data-dir", "data", "ingest", "claims.837", "--received-at", RECEIVED];

fn start(site: &Site) -> Child {
    let mut command = site.command(&INGEST);
    command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap()
}

/// What it said, and how it ended.
fn end(mut child: Child) -> (Option<i32>, String) {
    let mut said = String::new();
    child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
    (child.wait().unwrap().code(), said)
}

/// Waits until some decisions are on their way; fails when the process ended before.
fn wait_until_it_publishes(broker: &Broker, prefix: &str, child: &mut Child) {
    let deadline = Instant::now() + Duration::from_secs(30);
    while broker.high_watermark(&format!("{prefix}.decisions")) < 40 {
        assert!(Instant::now() < deadline, "nothing is published");
        assert!(child.try_wait().unwrap().is_none(), "it ended before");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Finishes what an interrupted run left, and compares.
fn finish(broker: &Broker, site: &Site, prefix: &str) {
    let run = site.json(&INGEST);
    assert!(matches!(run.code, Some(0 | 4)), "{}", run.stderr);
    assert_as_logged(site, "log", &published(broker, prefix));
    let status = site.json(&["--data-dir", "data", "status"]).expect(0).result();
    assert_eq!((&status["outbox_lag"], &status["conservation"]), (&0.into(), &0.into()), "{status}");
}

#[test]
fn killed_at_any_moment_each_event_is_there_once() {
    let Some(broker) = shared() else { return };
    let (site, prefix) = prepared(&broker, "killed", "600");
    let seed = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_nanos() as u64;
    println!("moments by seed {seed}");
    let mut random = seed;
    let mut killed = 0;
    for _ in 0..10 {
        let mut child = start(&site);
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        std::thread::sleep(Duration::from_millis(300 + (random >> 33) % 900));
        killed += usize::from(child.try_wait().unwrap().is_none());
        child.kill().unwrap();
        child.wait().unwrap();
    }
    assert!(killed > 3, "only {killed} runs were killed");
    finish(&broker, &site, &prefix);
}

#[test]
fn a_secured_broker_that_goes_and_comes_loses_nothing() {
    let Some(broker) = own("kafka-secured") else { return };
    let (site, prefix) = prepared(&broker, "restarted", "1200");
    let mut child = start(&site);
    wait_until_it_publishes(&broker, &prefix, &mut child);
    broker.service("kill");
    std::thread::sleep(Duration::from_millis(500));
    assert!(child.try_wait().unwrap().is_none(), "it waits for the broker");
    broker.service("restart");
    let (code, said) = end(child);
    assert_eq!(code, Some(4), "{said}");
    finish(&broker, &site, &prefix);
}

#[test]
fn without_a_broker_the_claims_are_decided_and_the_events_wait() {
    let Some(broker) = shared() else { return };
    let (site, prefix) = prepared(&broker, "absent", "60");
    let away = site
        .without("CLAIMSTREAM__KAFKA__")
        .with("CLAIMSTREAM__KAFKA__BROKERS", "127.0.0.1:1")
        .with("CLAIMSTREAM__KAFKA__PREFIX", &prefix)
        .with("CLAIMSTREAM__KAFKA__GIVE_UP_AFTER", "1s");
    let run = away.json(&INGEST).expect(1);
    for expected in ["journal entries wait in the outbox", "127.0.0.1:1", "topics check"] {
        assert!(run.stderr.contains(expected), "{expected}: {}", run.stderr);
    }
    let status = away.json(&["--data-dir", "data", "status"]).expect(0).result();
    assert_eq!((&status["claims"]["received"], &status["conservation"]), (&60.into(), &0.into()), "{status}");
    assert!(status["outbox_lag"].as_u64().unwrap() > 60, "{status}");
    // Partners and payees do not wait for it.
    assert_eq!(
        site.tree("data/outbound").len(),
        site.tree("log/outbound").len(),
        "answers and remittances are delivered"
    );
    finish(&broker, &site, &prefix);
}

#[test]
fn one_that_is_fenced_stops() {
    let Some(broker) = shared() else { return };
    let (site, prefix) = prepared(&broker, "fenced", "1200");
    let mut child = start(&site);
    wait_until_it_publishes(&broker, &prefix, &mut child);
    let mut config = broker.client();
    let rival: BaseProducer = config.set("transactional.id", format!("{prefix}-outbox-0")).create().unwrap();
    rival.init_transactions(Duration::from_secs(20)).unwrap();
    let (code, said) = end(child);
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("another publisher took over") && said.contains("wait in the outbox"), "{said}");
    drop(rival);
    finish(&broker, &site, &prefix);
}

#[test]
fn the_outbox_of_another_ledger_or_of_a_copy_is_refused() {
    let Some(broker) = shared() else { return };
    let (site, prefix) = prepared(&broker, "copies", "20");
    let copy = |from: &str, to: &str| {
        let copied = std::process::Command::new("cp")
            .arg("-a")
            .args([site.path(from), site.path(to)])
            .status()
            .unwrap();
        assert!(copied.success());
    };
    let ingest = |data: &str, file: &str| site.json(&["--data-dir", data, "ingest", file, "--received-at", RECEIVED]);
    generate(&site, "second.837", "20", "2");
    generate(&site, "third.837", "40", "3");
    assert!(matches!(ingest("data", "claims.837").code, Some(0 | 4)));
    copy("data", "old");
    copy("data", "different");
    assert!(matches!(ingest("data", "second.837").code, Some(0 | 4)));
    let before = broker.high_watermark(&format!("{prefix}.decisions"));

    let run = ingest("old", "claims.837").expect(1);
    assert!(run.stderr.contains("is ahead of this ledger"), "{}", run.stderr);
    // Behind what was published when it begins, and beyond it, with other claims, the next time.
    let run = ingest("different", "third.837").expect(1);
    assert!(run.stderr.contains("is ahead of this ledger"), "{}", run.stderr);
    let run = ingest("different", "third.837").expect(1);
    assert!(run.stderr.contains("went different ways"), "{}", run.stderr);
    let run = ingest("other", "claims.837").expect(1);
    assert!(run.stderr.contains("the record of another ledger"), "{}", run.stderr);
    assert_eq!(broker.high_watermark(&format!("{prefix}.decisions")), before, "nothing was published");

    // The progress topic is gone: to begin at the start would publish everything twice.
    broker.delete_topic(&format!("{prefix}.progress"));
    let run = ingest("data", "third.837").expect(1);
    assert!(run.stderr.contains("no longer says what was published"), "{}", run.stderr);
}
