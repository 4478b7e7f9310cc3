//! To a real broker: killed at every point on the way and at random moments, with errors whose outcome
//! is not known, and with brokers that end, stand still or have another publisher. A consumer that reads
//! what is committed sees each event once, those of an uninterrupted run to the embedded log.

use std::collections::BTreeMap;
use std::fmt;
use std::io::{BufRead, BufReader, Read};
use std::process::{ChildStderr, Command, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use rdkafka::producer::{BaseProducer, Producer};
use serde_json::Value;

use super::answers::event_without_clock;
use super::broker::{Broker, own, shared};
use super::kills::{Dice, Killer, random_kills};
use super::points::{Stop, points};
use super::scenario::{INGEST, Scenario, assert_same_events, each, notes, reached, scenario, setting, was_killed};
use super::site::{Run, Site, TOPICS};

/// Points that only a run with Kafka comes to.
pub const OWN: &str = "kafka::";

/// Points of opening the way, which happens again only after an error whose outcome is not known.
const OPENING: &str = "kafka::open::";

/// Points between a claim that is read and an event that is published.
const ON_THE_WAY: [&str; 5] = [OWN, "outbound::round::", "ledger::append::", "payment-run::", "inbound::"];

/// Kills at random moments unless `CLAIMSTREAM_KAFKA_KILLS` says otherwise.
const KILLS: u64 = 10;

/// Faults of a broker unless `CLAIMSTREAM_BROKER_ROUNDS` says otherwise.
const ROUNDS: u64 = 3;

/// The scenario, published to a broker.
struct ToKafka {
    scenario: &'static Scenario,
    broker: Broker,
    /// Times that an uninterrupted ingest came to each failpoint.
    reached: BTreeMap<&'static str, usize>,
    took: Duration,
}

/// Made once; `None` where no broker can be had.
fn to_kafka() -> Option<&'static ToKafka> {
    static TO_KAFKA: OnceLock<Option<ToKafka>> = OnceLock::new();
    let make = || {
        let mut to_kafka = ToKafka {
            broker: shared()?,
            scenario: scenario(),
            reached: BTreeMap::new(),
            took: Duration::ZERO,
        };
        // Once more for the time that it takes: the first run waits for what brokers make only once.
        for data in ["kafka-whole", "kafka-timed"] {
            to_kafka.scenario.start(data, INGEST);
            let start = Instant::now();
            let run = Run::of(to_kafka.ingest(data).env("FAILPOINTS", notes()).output().unwrap());
            to_kafka.took = start.elapsed();
            to_kafka.reached = reached(&run.stderr);
            to_kafka.assert_whole(data);
        }
        Some(to_kafka)
    };
    TO_KAFKA.get_or_init(make).as_ref()
}

impl ToKafka {
    /// Every data directory has topics of its own.
    fn prefix(&self, data: &str) -> String {
        self.broker.prefix(data)
    }

    fn site(&self, data: &str) -> Site {
        self.broker.publishing(self.scenario.site.without("CLAIMSTREAM__KAFKA__"), &self.prefix(data))
    }

    fn ingest(&self, data: &str) -> Command {
        self.scenario.command_at(&self.site(data), INGEST, data)
    }

    /// The same command again; then consumers, partners and the ledger have what they have after an
    /// uninterrupted run.
    fn recover(&self, data: &str) {
        let run = Run::of(self.ingest(data).output().unwrap());
        assert!(matches!(run.code, Some(0 | 4)), "the second start failed: {}", run.stderr);
        self.assert_whole(data);
    }

    fn assert_whole(&self, data: &str) {
        let prefix = self.prefix(data);
        assert_same_events(&published(&self.broker, &prefix), &self.scenario.whole.events);
        self.scenario.assert_whole_but_for_events(data);
        let data_path = self.scenario.site.path(data);
        let status = self.site(data).json(&["--data-dir", &data_path.display().to_string(), "status"]);
        assert_eq!(status.expect(0).result()["outbox_lag"], 0);
        std::fs::remove_dir_all(data_path).unwrap();
        // Hundreds of topics would make the broker slow.
        let names: Vec<String> = TOPICS.iter().chain(&["dlq", "progress"]).map(|topic| format!("{prefix}.{topic}")).collect();
        self.broker.delete_topics(&names.iter().map(String::as_str).collect::<Vec<_>>());
    }

    /// The first two times at the points that begin like one of these.
    fn stops(&self, beginnings: &[&str], how: &'static str) -> Vec<Stop> {
        let chosen = self
            .reached
            .iter()
            .filter(|(point, _)| beginnings.iter().any(|beginning| point.starts_with(beginning)));
        let stop = |(point, count): (&&'static str, &usize)| {
            let point = *point;
            // How often the reference run had to open is the broker's doing.
            let times = if point.starts_with(OPENING) { 2 } else { (*count).min(2) };
            (1..=times).map(move |time| Stop {
                command: INGEST,
                point,
                time,
                how,
            })
        };
        chosen.flat_map(stop).collect()
    }
}

/// For `FAILPOINTS`: as the stop says; the second time of opening is made by an error at the first.
fn order(stop: &Stop) -> String {
    match (stop.point.starts_with(OPENING), stop.time) {
        (true, 2) => format!("{}=1*return(EIO)->1*return({})->off", stop.point, stop.how),
        _ => stop.order(),
    }
}

/// Committed events by `ce_id`, without receipts of a file that came again. Fails when one is there twice,
/// or one of a partition before an earlier one.
fn published(broker: &Broker, prefix: &str) -> BTreeMap<String, Value> {
    let mut events = BTreeMap::new();
    for topic in TOPICS {
        let mut last: BTreeMap<i32, u64> = BTreeMap::new();
        for record in broker.committed(&format!("{prefix}.{topic}")) {
            let before = last.insert(record.partition, record.seq()).unwrap_or(0);
            assert!(before <= record.seq(), "{topic}: {} after {before}", record.seq());
            let twin = events.insert(record.id().to_string(), event_without_clock(record.as_line()));
            assert!(twin.is_none(), "{topic}: an event twice");
        }
    }
    events.retain(|_, event| event["headers"]["ce_type"] != "claims.file.duplicate.v1");
    events
}

#[test]
fn killed_at_every_point_on_the_way_to_kafka() {
    let Some(to_kafka) = to_kafka() else { return };
    let stops = to_kafka.stops(&ON_THE_WAY, "kill");
    let not_reached: Vec<&&str> = claimstream::failpoints::ALL
        .iter()
        .filter(|point| point.starts_with(OWN) && !to_kafka.reached.contains_key(**point))
        .collect();
    assert!(not_reached.is_empty(), "points that it never comes to: {not_reached:?}");
    assert!(stops.len() >= 30, "only {} stops", stops.len());
    each(&stops, |number, stop| {
        let data = format!("kafka-kill-{number}");
        to_kafka.scenario.start(&data, INGEST);
        let output = to_kafka.ingest(&data).env("FAILPOINTS", order(stop)).output().unwrap();
        assert!(was_killed(&output), "it went on: {}", String::from_utf8_lossy(&output.stderr));
        to_kafka.recover(&data);
    });
    println!("{} kills at {} points on the way to Kafka", stops.len(), points(&stops));
}

#[test]
fn an_outcome_that_is_not_known_is_found_out() {
    let Some(to_kafka) = to_kafka() else { return };
    let stops = to_kafka.stops(&[OWN], "EIO");
    each(&stops, |number, stop| {
        let data = format!("kafka-unknown-{number}");
        to_kafka.scenario.start(&data, INGEST);
        let run = Run::of(to_kafka.ingest(&data).env("FAILPOINTS", order(stop)).output().unwrap());
        assert!(matches!(run.code, Some(0 | 4)), "{}", run.stderr);
        to_kafka.assert_whole(&data);
    });
    println!("{} unknown outcomes at {} points", stops.len(), points(&stops));
}

#[test]
fn killed_at_random_moments_on_the_way_to_kafka() {
    let Some(to_kafka) = to_kafka() else { return };
    let killer = Killer::new(to_kafka.took);
    let kills = random_kills(setting("CLAIMSTREAM_KAFKA_KILLS").unwrap_or(KILLS));
    each(&kills, |number, kill| {
        let data = format!("kafka-random-{number}");
        to_kafka.scenario.start(&data, INGEST);
        for after in &kill.after {
            killer.kill(&mut to_kafka.ingest(&data), *after);
        }
        to_kafka.recover(&data);
    });
    killer.end(kills.len());
}

/// What happens to a broker while it is published to.
#[derive(Debug, Clone, Copy)]
enum Fault {
    /// Killed, and started again with its data.
    Restarted,
    /// It stands still for so long.
    Paused(Duration),
    /// Another producer takes the transactional id.
    Fenced,
}

/// The run says that it came to the first point, and is held at the second while the fault happens.
const BETWEEN: [(&str, &str); 6] = [
    ("kafka::open::after-fence", "kafka::open::after-progress"),
    ("kafka::open::after-progress", "kafka::transaction::after-begin"),
    ("kafka::transaction::after-begin", "kafka::transaction::after-send"),
    ("kafka::transaction::after-send", "kafka::transaction::before-commit"),
    ("kafka::transaction::before-commit", "kafka::transaction::after-commit"),
    ("kafka::transaction::after-commit", "outbound::round::before-position"),
];

/// One fault while a file is taken in.
struct Round {
    number: u64,
    fault: Fault,
    between: (&'static str, &'static str),
}

impl fmt::Display for Round {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "round {}: {:?} after {}", self.number, self.fault, self.between.0)
    }
}

impl Round {
    fn new(number: u64) -> Round {
        let mut dice = Dice::new(number + 1);
        let fault = match number % 3 {
            0 => Fault::Restarted,
            1 => Fault::Paused(Duration::from_millis(1_000 + dice.roll(2_000))),
            _ => Fault::Fenced,
        };
        // Each fault comes to each place in turn.
        let between = BETWEEN[((number / 3 + 2 * (number % 3)) % BETWEEN.len() as u64) as usize];
        Round { number, fault, between }
    }

    /// Takes in one more file while it happens.
    fn run(&self, broker: &Broker, prefix: &str, ingest: &mut Command) -> (Option<i32>, String) {
        let (said, held) = self.between;
        let order = format!("{said}=1*return(note)->off;{held}=1*sleep(500)->off");
        let mut child = ingest.env("FAILPOINTS", order).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let mut stderr = BufReader::new(child.stderr.take().unwrap());
        wait_until_it_says(&mut stderr, said);
        match self.fault {
            Fault::Restarted => {
                broker.service("kill");
                broker.service("restart");
            }
            Fault::Paused(time) => {
                broker.service("pause");
                std::thread::sleep(time);
                broker.service("resume");
            }
            Fault::Fenced => {
                signal("-STOP", child.id());
                fence(broker, prefix);
                signal("-CONT", child.id());
            }
        }
        let mut rest = String::new();
        stderr.read_to_string(&mut rest).unwrap();
        (child.wait().unwrap().code(), rest)
    }
}

fn wait_until_it_says(stderr: &mut BufReader<ChildStderr>, point: &str) {
    let mut all = String::new();
    while !all.contains(point) {
        assert!(stderr.read_line(&mut all).unwrap() > 0, "it never came to {point}: {all}");
    }
}

fn signal(name: &str, process: u32) {
    let status = Command::new("/bin/sh").args(["-c", &format!("kill {name} {process}")]).status();
    assert!(status.unwrap().success());
}

fn fence(broker: &Broker, prefix: &str) {
    let mut config = broker.client();
    let rival: BaseProducer = config.set("transactional.id", format!("{prefix}-outbox-0")).create().unwrap();
    rival.init_transactions(Duration::from_secs(30)).unwrap();
}

#[test]
fn broker_faults() {
    const RECEIVED: [&str; 2] = ["--received-at", "2026-06-15T09:00:00-07:00"];
    let Some(broker) = own("crash-broker") else { return };
    let prefix = broker.prefix("faults");
    let log = Site::new().with("CLAIMSTREAM__LIMITS__INFLIGHT_CLAIMS", "8");
    let to_kafka = broker
        .publishing(log.without("CLAIMSTREAM__KAFKA__"), &prefix)
        .with("CLAIMSTREAM__KAFKA__GIVE_UP_AFTER", "90s");
    let rounds: Vec<Round> = (0..setting("CLAIMSTREAM_BROKER_ROUNDS").unwrap_or(ROUNDS)).map(Round::new).collect();
    for round in &rounds {
        let file = format!("file-{}.837", round.number);
        let seed = (round.number + 1).to_string();
        let reference = if round.number == 0 { "reference" } else { "other" };
        let arguments = ["gen", "mix", "--claims", "10", "--seed", &seed, "--anchor", "2026-06-01", "--out", &file];
        log.json(&[&arguments[..], &["--refdata", reference]].concat()).expect(0);
        if round.number == 0 {
            for data in ["log", "data"] {
                log.json(&["--data-dir", data, "refdata", "load", reference]).expect(0);
            }
        }
        let ingest = |data| [&["--data-dir", data, "ingest", &file], &RECEIVED[..]].concat();
        let taken = log.json(&ingest("log"));
        assert!(matches!(taken.code, Some(0 | 4)) && taken.result()["claims"] != 0, "{round}: {taken:?}");

        let (code, said) = round.run(&broker, &prefix, &mut to_kafka.command(&ingest("data")));
        match round.fault {
            Fault::Restarted | Fault::Paused(_) => assert!(matches!(code, Some(0 | 4)), "{round}: {code:?} {said}"),
            Fault::Fenced => {
                assert!(code == Some(1) && said.contains("another publisher took over"), "{round}: {code:?} {said}");
                let again = to_kafka.json(&ingest("data"));
                assert!(matches!(again.code, Some(0 | 4)), "{round}: {}", again.stderr);
            }
        }
        let status = to_kafka.json(&["--data-dir", "data", "status"]).expect(0).result();
        assert_eq!(status["outbox_lag"], 0, "{round}");
    }
    let logged = TOPICS.iter().flat_map(|topic| log.events("log", topic));
    let expected: BTreeMap<String, Value> = logged
        .map(|event| (event["headers"]["ce_id"].as_str().unwrap().to_string(), event_without_clock(event)))
        .collect();
    assert_same_events(&published(&broker, &prefix), &expected);
    println!("{} faults of a broker, {} events, each once", rounds.len(), expected.len());
}
