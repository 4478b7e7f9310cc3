//! 835s on their way to the partners of their payees, and what the partners say of them.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::time::Duration;

use serde_json::Value;

use super::server;
use super::site::Run;
use super::town::{PARTNERS, Service, Town, until};

/// Times that the service is killed while it sends 835s.
const KILLS: u32 = 5;

const RECEIVED: &str = "2026-06-15T09:00:00-07:00";

/// An 835 as it was written.
struct Written {
    payee: String,
    name: String,
    /// ISA13.
    number: u32,
}

/// A town whose payments are built and whose 835s nobody has: several payees, several 835s each.
struct Paid {
    town: Town,
    written: Vec<Written>,
}

impl Paid {
    fn with(more: &str, payment_runs: u32) -> Paid {
        let town = Town::new();
        town.configure(&format!("{more}{}", town.configuration()));
        let mut written = Vec::new();
        for run in 0..payment_runs {
            pay(&town, 70 + run);
        }
        for (name, bytes) in town.site.tree("data/outbound/835") {
            let (payee, name) = name.split_once('/').unwrap();
            let text = String::from_utf8_lossy(&bytes).into_owned();
            written.push(Written {
                payee: payee.to_string(),
                name: name.trim_end_matches(".sealed").to_string(),
                // Sealed ones are not read here.
                number: text.split('*').nth(13).and_then(|number| number.parse().ok()).unwrap_or(0),
            });
        }
        let paid = Paid { town, written };
        assert!(paid.payees().len() >= 3, "{:?}", paid.payees());
        paid
    }

    fn payees(&self) -> Vec<&str> {
        let payees: BTreeSet<&str> = self.written.iter().map(|remit| remit.payee.as_str()).collect();
        payees.into_iter().collect()
    }

    fn of(&self, payee: &str) -> Vec<&Written> {
        self.written.iter().filter(|remit| remit.payee == payee).collect()
    }

    /// Gives partners the payees, in the order of [`PARTNERS`].
    fn enrol(&self, payees: [&[&str]; 2], more: &str) {
        let mut text = self.town.configuration();
        for ((id, _, _), payees) in PARTNERS.into_iter().zip(payees) {
            let header = format!("id = \"{id}\"\n");
            let (before, after) = text.split_once(&header).unwrap();
            let (partner, rest) = after.split_once("[partner.folder]").unwrap();
            let partner = partner.split("[partner.remit]").next().unwrap();
            let payees: Vec<String> = payees.iter().map(|payee| format!("\"{payee}\"")).collect();
            let remit = if payees.is_empty() {
                String::new()
            } else {
                format!("[partner.remit]\npayees = [{}]\n{more}", payees.join(", "))
            };
            text = format!("{before}{header}{partner}{remit}[partner.folder]{rest}");
        }
        self.town.configure(&text);
    }

    /// Names of 835s that a partner has.
    fn at(&self, partner: &str) -> BTreeSet<String> {
        let names = self.town.names(partner, "out");
        names.into_iter().filter(|name| name.ends_with(".835")).collect()
    }

    /// Events about 835s of one type: TRN02 and value.
    fn events(&self, kind: &str) -> Vec<(String, Value)> {
        let kind = format!("claims.remit.{kind}.v1");
        let events = self
            .town
            .site
            .events("data", "remits")
            .into_iter()
            .filter(|event| event["headers"]["ce_type"] == kind.as_str());
        events
            .map(|event| (event["value"]["trn02"].as_str().unwrap().to_string(), event["value"].clone()))
            .collect()
    }

    /// How many of them the ledger has as sent.
    fn sent(&self) -> u32 {
        let connection = rusqlite::Connection::open(self.town.site.path("data/ledger.db")).unwrap();
        connection
            .query_row("SELECT count(*) FROM remit WHERE partner IS NOT NULL", [], |row| row.get(0))
            .unwrap()
    }

    fn status(&self) -> Value {
        command(&self.town, &["status"]).expect(0).result()
    }
}

/// Claims of a seed are taken in and paid.
fn pay(town: &Town, seed: u32) {
    let generate = "gen 837p --claims 200 --anchor 2026-06-01 --out claims.837 --refdata reference --key key.csv --seed";
    let seed = seed.to_string();
    town.site.json(&generate.split(' ').chain([seed.as_str()]).collect::<Vec<_>>()).expect(0);
    command(town, &["refdata", "load", "reference"]).expect(0);
    let ingested = command(town, &["ingest", "claims.837", "--received-at", RECEIVED]);
    assert!(matches!(ingested.code, Some(0 | 4)), "{ingested:?}");
}

fn command(town: &Town, arguments: &[&str]) -> Run {
    town.site.json(&[&["--config", "claimstream.toml", "--data-dir", "data"], arguments].concat())
}

fn names<'r>(remits: impl IntoIterator<Item = &'r Written>) -> BTreeSet<String> {
    remits.into_iter().map(|remit| remit.name.clone()).collect()
}

#[test]
fn enrolled_payees_get_their_835s_and_others_wait() {
    let paid = Paid::with("", 1);
    let payees = paid.payees();
    let all = paid.written.len();
    let status = paid.status();
    assert_eq!(
        (&status["remits_to_send"], &status["remits_waiting_for_enrolment"]),
        (&0.into(), &all.into()),
        "nobody is enrolled"
    );
    paid.enrol([&payees[..1], &payees[1..2]], "");
    let enrolled = [names(paid.of(payees[0])), names(paid.of(payees[1]))];
    let sent = enrolled[0].len() + enrolled[1].len();
    let status = paid.status();
    assert_eq!(
        (&status["remits_to_send"], &status["remits_waiting_for_enrolment"]),
        (&sent.into(), &(all - sent).into())
    );

    let service = paid.town.start();
    for ((partner, _, _), expected) in PARTNERS.into_iter().zip(&enrolled) {
        until("the 835s of a partner", &service, || paid.at(partner) == *expected);
    }
    until("the events", &service, || paid.events("delivered").len() == sent);
    // Ten looks later nobody has got another one.
    std::thread::sleep(Duration::from_secs(1));
    assert_eq!([paid.at("officeally"), paid.at("change")], enrolled);
    for remit in paid.of(payees[0]) {
        let read = |path| fs::read(path).unwrap();
        let ours = read(paid.town.site.path(&format!("data/outbound/835/{}/{}", remit.payee, remit.name)));
        assert_eq!(read(paid.town.folder("officeally", "out").join(&remit.name)), ours);
    }

    // Enrolled later, the others follow.
    paid.enrol([&[payees[0], "*"], &payees[1..2]], "");
    service.signal("HUP");
    until("the 835s of the others", &service, || paid.at("officeally").len() == all - enrolled[1].len());
    assert_eq!(paid.at("change"), enrolled[1]);
    until("the events of the others", &service, || paid.events("delivered").len() == all);
    assert_eq!(service.end(), Some(0));
    let delivered: BTreeMap<String, Value> = paid.events("delivered").into_iter().collect();
    assert_eq!(delivered.len(), all, "each once");
    for remit in &paid.written {
        let by = &delivered[remit.name.trim_end_matches(".835")];
        assert_eq!(by["payee_npi"], remit.payee.as_str());
        assert_eq!(by["partner"], if remit.payee == payees[1] { "change" } else { "officeally" });
    }
    let status = paid.status();
    assert_eq!((&status["remits_to_send"], &status["remits_waiting_for_enrolment"]), (&0.into(), &0.into()));

    // What is written for a partner in test says so (ISA15).
    pay(&paid.town, 80);
    let now = paid.town.site.tree("data/outbound/835");
    let usages = now.values().map(|bytes| String::from_utf8_lossy(bytes).split('*').nth(15).unwrap().to_string());
    let usages: Vec<String> = usages.collect();
    assert_eq!(usages.iter().filter(|usage| *usage == "T").count(), now.len() - all, "{usages:?}");
}

#[test]
fn a_payee_with_two_partners_is_refused() {
    let town = Town::new();
    let text = town
        .configuration()
        .replace("[partner.folder]", "[partner.remit]\npayees = [\"*\"]\n[partner.folder]");
    town.configure(&text);
    let refused = command(&town, &["config", "check"]).expect(2);
    assert!(refused.stderr.contains("one partner for each payee"), "{}", refused.stderr);
}

#[test]
fn killed_around_its_uploads_every_835_is_delivered_once() {
    let paid = Paid::with("[phi]\nseal_outbound = true\n", 2);
    paid.enrol([&["*"], &[]], "");
    let mut unrecorded = 0;
    for round in 0..KILLS {
        if round > 0 {
            pay(&paid.town, 80 + round);
        }
        let before = paid.at("officeally").len();
        let service = paid.town.start();
        // As the first one appears, which is before any of them is recorded, or a little later.
        until("an 835", &service, || paid.at("officeally").len() > before);
        std::thread::sleep(Duration::from_millis(u64::from(round)));
        service.kill();
        unrecorded += usize::from(paid.at("officeally").len() as u32 > paid.sent());
    }
    println!("{KILLS} kills, {unrecorded} of them between an upload and its record");
    let expected: BTreeSet<String> = paid
        .town
        .site
        .tree("data/outbound/835")
        .into_keys()
        .map(|path| path.rsplit_once('/').unwrap().1.trim_end_matches(".sealed").to_string())
        .collect();
    assert!(expected.len() > paid.written.len());
    let service = paid.town.start();
    until("the start", &service, || service.said().contains("the service runs"));
    until("all 835s", &service, || paid.at("officeally") == expected);
    until("all events", &service, || paid.events("delivered").len() >= expected.len());
    assert_eq!(service.end(), Some(0));
    let delivered: Vec<String> = paid.events("delivered").into_iter().map(|(trace, _)| trace + ".835").collect();
    assert_eq!(delivered.len(), expected.len(), "after {KILLS} kills");
    assert_eq!(delivered.into_iter().collect::<BTreeSet<_>>(), expected);
    let plain = fs::read_to_string(paid.town.folder("officeally", "out").join(expected.first().unwrap())).unwrap();
    assert!(
        plain.starts_with("ISA*00*") && plain.trim_end().ends_with('~'),
        "sealed with us, plain with the partner"
    );
    assert!(paid.town.names("officeally", "out").iter().all(|name| !name.contains("sealed")));
}

/// An interchange of a partner's with one 999 about a group of ours.
fn answer(sender: &str, number: u32, group: (&str, u32), verdict: &str) -> String {
    let accepted = u8::from(verdict != "R");
    let (functional_id, gs06) = group;
    let body = format!("AK1*{functional_id}*{gs06}*005010X221A1~AK2*835*0001~IK5*{verdict}~AK9*{verdict}*1*1*{accepted}~");
    interchange(
        sender,
        number,
        &format!("GS*FA*THEM*US*20260616*0930*{number}*X*005010X231A1~ST*999*0001*005010X231A1~{body}SE*6*0001~GE*1*{number}~"),
        1,
    )
}

fn interchange(sender: &str, number: u32, groups: &str, count: u32) -> String {
    format!("ISA*00*          *00*          *ZZ*{sender:<15}*ZZ*CALOP          *260616*0930*^*00501*{number:09}*1*T*:~{groups}IEA*{count}*{number:09}~")
}

fn metric(service: &Service, name: &str) -> Option<f64> {
    let text = service.get("/metrics");
    let value = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '))?;
    value.parse().ok()
}

#[test]
fn a_999_is_matched_with_the_835_that_its_sender_has() {
    let paid = Paid::with("", 1);
    let payees = paid.payees();
    paid.enrol([&[payees[0], "*"], &payees[1..2]], "ack_after = \"1h\"\n");
    let theirs = paid.of(payees[1])[0];
    let ours: Vec<&Written> = paid.written.iter().filter(|remit| remit.payee != payees[1]).collect();
    let [first, second, third, ..] = ours[..] else {
        panic!("{} 835s", ours.len())
    };
    let service = paid.town.start();
    until("the 835s", &service, || paid.events("delivered").len() == paid.written.len());
    let [(officeally, form, sender), (change, _, other_sender)] = PARTNERS;
    let written = paid.town.site.tree(&format!("data/outbound/{officeally}")).len() + paid.written.len() - paid.of(payees[1]).len();
    until("the acknowledgements of the claims", &service, || {
        paid.town.names(officeally, "out").len() == written
    });
    let acknowledged = paid.town.acknowledgements(officeally);

    let mut isa13 = 500;
    let mut send = |text: &dyn Fn(u32) -> String| {
        isa13 += 1;
        paid.town.send(officeally, &format!("{isa13}.999"), text(isa13).as_bytes());
        until("the answer is taken", &service, || paid.town.names(officeally, "in").is_empty());
    };
    send(&|number| answer(sender, number, ("HP", first.number), "A"));
    send(&|number| answer(sender, number, ("HP", second.number), "R"));
    // From the payee itself, as our 835 is addressed.
    send(&|number| answer(&third.payee, number, ("HP", third.number), "E"));
    send(&|number| answer(sender, number, ("HP", 999_999_999), "A"));
    send(&|number| answer(sender, number, ("HP", theirs.number), "R"));
    // About one of our acknowledgements.
    send(&|number| answer(sender, number, ("HN", 1), "A"));
    until("what was found", &service, || {
        let outcomes = ["accepted", "accepted-with-errors", "rejected", "unmatched", "foreign", "other"];
        outcomes
            .iter()
            .all(|outcome| metric(&service, &format!("claims_remit_answers_total{{partner=\"officeally\",outcome=\"{outcome}\"}}")) == Some(1.0))
    });
    until("the events", &service, || paid.events("acknowledged").len() == 3);
    let told: BTreeMap<String, Value> = paid.events("acknowledged").into_iter().collect();
    let verdict_of = |remit: &Written| told[remit.name.trim_end_matches(".835")]["verdict"].clone();
    assert_eq!([first, second, third].map(verdict_of), ["accepted", "rejected", "accepted-with-errors"]);

    // Their interchange does not speak for an 835 that is rejected, nor against one that is answered.
    send(&|number| interchange(sender, number, &format!("TA1*{:09}*260615*0900*A*000~", second.number), 0));
    send(&|number| interchange(sender, number, &format!("TA1*{:09}*260615*0900*R*025~", first.number), 0));
    until("the TA1s", &service, || paid.events("acknowledged").len() == 5);

    // Every file was completed, and none was answered, though each asked for a TA1.
    let files = paid.town.site.events("data", "files");
    assert!(files.iter().all(|event| event["headers"]["ce_type"] != "claims.file.rejected.v1"), "{files:?}");
    assert_eq!(paid.town.acknowledgements(officeally), acknowledged, "an answer is not answered");

    // Beside claims, in the same interchange.
    let claims = String::from_utf8(paid.town.claims(form, 3, 9)).unwrap();
    let about = answer(sender, 1, ("HP", ours[3].number), "A");
    let group = &about[about.find("GS*").unwrap()..about.find("IEA*").unwrap()];
    paid.town.send(
        officeally,
        "both.837",
        claims
            .replace("IEA*1*", &format!("{}IEA*2*", group.replace('~', claim_terminator(&claims))))
            .as_bytes(),
    );
    until("the acknowledgements of the claims", &service, || {
        let now = paid.town.acknowledgements(officeally);
        now.get("999").copied() == Some(acknowledged.get("999").copied().unwrap_or(0) + 1)
    });
    until("the answer beside claims", &service, || paid.events("acknowledged").len() == 6);

    // Whoever asks, asks beside the service.
    let show = |number: &str| command(&paid.town, &["ack", "show", number]);
    let shown = show(second.name.trim_end_matches(".835")).expect(0).result();
    assert_eq!(
        (&shown["state"], &shown["partner"], &shown["999"]["verdict"]),
        (&"rejected".into(), &officeally.into(), &"rejected".into())
    );
    assert_eq!(shown["ta1"]["verdict"], "accepted");
    let shown = show(&format!("{:09}", first.number)).expect(0).result();
    assert_eq!(
        (&shown["state"], &shown["trn02"], &shown["ta1"]["codes"][0]),
        (&"accepted".into(), &first.name.trim_end_matches(".835").into(), &"TA1:025".into())
    );
    show("CS999999999").expect(3);
    let pending = command(&paid.town, &["ack", "pending"]).expect(4);
    let waiting = paid.written.len() - 4;
    assert_eq!(
        pending.result(),
        serde_json::json!({"type": "result", "pending": waiting + 1, "waiting": waiting, "overdue": 0, "rejected": 1})
    );
    let lines = pending.of_type("pending");
    assert!(
        lines
            .iter()
            .any(|line| line["trn02"] == second.name.trim_end_matches(".835") && line["state"] == "rejected")
    );
    let foreign = lines.iter().find(|line| line["trn02"] == theirs.name.trim_end_matches(".835")).unwrap();
    assert_eq!(
        (&foreign["partner"], &foreign["state"], &foreign["payee_npi"]),
        (&change.into(), &"waiting".into(), &theirs.payee.as_str().into())
    );

    // Malformed as an envelope: rejected as any other; malformed inside: rejected, and not answered.
    let (ta1s, nines) = (paid.town.acknowledgements(officeally), ours[4].number);
    let truncated = answer(sender, 601, ("HP", nines), "A").replace("SE*6*", "SE*7*");
    paid.town.send(officeally, "count.999", truncated.as_bytes());
    let headless = answer(sender, 602, ("HP", nines), "A").replace("AK9*A*1*1*1~", "AK8*A*1*1*1~");
    paid.town.send(officeally, "headless.999", headless.as_bytes());
    until("the malformed answers", &service, || {
        let files = paid.town.site.events("data", "files");
        files.iter().filter(|event| event["headers"]["ce_type"] == "claims.file.rejected.v1").count() == 2
    });
    std::thread::sleep(Duration::from_millis(500));
    assert_eq!(paid.town.acknowledgements(officeally), ta1s);
    let wrong = answer(sender, 603, ("HP", nines), "A").replace("IEA*1*", "IEA*2*");
    paid.town.send(officeally, "wrong.999", wrong.as_bytes());
    until("the TA1 of a malformed envelope", &service, || {
        paid.town.acknowledgements(officeally).get("ta1") == Some(&1)
    });
    // Of a stranger.
    paid.town
        .send(officeally, "stranger.999", answer(other_sender, 604, ("HP", nines), "A").as_bytes());
    until("the TA1 of a stranger", &service, || {
        paid.town.acknowledgements(officeally).get("ta1") == Some(&2)
    });
    assert_eq!(paid.events("acknowledged").len(), 6);
    assert!(!service.said().contains("999999999"), "no value in a log");
    assert_eq!(service.end(), Some(0));
    command(&paid.town, &["doctor"]).expect(0);
}

/// What ends a segment there.
fn claim_terminator(text: &str) -> &str {
    &text[105..106]
}

#[test]
fn an_835_without_a_999_is_chased() {
    let paid = Paid::with("", 1);
    paid.enrol([&["*"], &[]], "ack_after = \"2s\"\n");
    let all = paid.written.len();
    command(&paid.town, &["ack", "pending"]).expect(0);
    let service = paid.town.start();
    until("the 835s", &service, || paid.events("delivered").len() == all);
    until("the gauge", &service, || {
        metric(&service, "claims_remits_unacknowledged{partner=\"officeally\"}") == Some(all as f64)
            && metric(&service, "claims_remits_overdue{partner=\"officeally\"}") == Some(all as f64)
    });
    let pending = command(&paid.town, &["ack", "pending"]).expect(4);
    assert_eq!((&pending.result()["overdue"], &pending.result()["waiting"]), (&all.into(), &0.into()));
    let sent: Vec<String> = pending.of_type("pending").iter().map(|line| line["sent_at"].to_string()).collect();
    assert!(sent.is_sorted(), "oldest first");
    let answers: String = (1..)
        .zip(&paid.written)
        .map(|(number, remit)| answer("330897513", 700 + number, ("HP", remit.number), "A"))
        .collect();
    paid.town.send("officeally", "all.999", answers.as_bytes());
    until("the gauge to fall", &service, || {
        metric(&service, "claims_remits_unacknowledged{partner=\"officeally\"}") == Some(0.0)
            && metric(&service, "claims_remits_overdue{partner=\"officeally\"}") == Some(0.0)
    });
    assert_eq!(command(&paid.town, &["ack", "pending"]).expect(0).result()["pending"], 0);
    assert_eq!(service.end(), Some(0));
}

#[test]
fn over_a_real_server_too() {
    let Some(server) = server::own("remittances") else { return };
    let paid = Paid::with("", 1);
    let site = server.site("officeally");
    let sftp = format!(
        "[partner.remit]\npayees = [\"*\"]\n[partner.sftp]\nhost = \"{}\"\nport = {}\nuser = \"{}\"\nkey_file = \"{}\"\nhost_keys = [\"{}\"]\nin = \"{}\"\nout = \"{}\"\n",
        site.config.host,
        site.config.port,
        site.config.user,
        site.config.key_file.display(),
        site.config.host_keys[0],
        site.config.inbound,
        site.config.outbound
    );
    let text = paid.town.configuration();
    let (first, rest) = text.split_once("[partner.folder]").unwrap();
    let second = &rest[rest.find("[[partner]]").unwrap()..];
    paid.town.configure(&format!("{first}{sftp}{second}"));
    let service = paid.town.start();
    let expected = names(&paid.written);
    let at = || site.names("out").into_iter().filter(|name| name.ends_with(".835")).collect::<BTreeSet<_>>();
    until("the 835s", &service, || at() == expected);
    until("the events", &service, || paid.events("delivered").len() == expected.len());
    let answers: String = (1..)
        .zip(&paid.written)
        .map(|(number, remit)| answer("330897513", number, ("HP", remit.number), "A"))
        .collect();
    site.write("in/all.999", answers);
    until("the answers", &service, || paid.events("acknowledged").len() == expected.len());
    assert_eq!(service.end(), Some(0));
}
