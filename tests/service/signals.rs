//! Ended, killed, told to read its configuration again: nothing lost, nothing twice.

use serde_json::Value;

use std::fs;
use std::time::Duration;

use super::town::{PARTNERS, Service, Town, partner, until};

#[test]
fn it_does_not_begin_without_keys_and_channels() {
    let town = Town::new();
    let run = town
        .site
        .without("CLAIMSTREAM__PHI")
        .json(&["--config", "claimstream.toml", "--data-dir", "data", "run"]);
    assert_eq!(run.code, Some(2), "{run:?}");
    assert!(run.stderr.contains("key_file"), "{run:?}");
    let run = town.site.json(&["--data-dir", "data", "run"]);
    assert_eq!(run.code, Some(2), "{run:?}");
    assert!(run.stderr.contains("[[partner]]"), "{run:?}");
}

/// What was sent: claims in all, and each partner's groups and sets.
struct Sent {
    claims: usize,
    answers: [(usize, usize); 2],
}

/// Files of both partners, some of them large enough to be interrupted.
fn load(town: &Town) -> Sent {
    let mut sent = Sent {
        claims: 0,
        answers: [(0, 0); 2],
    };
    for number in 0..6 {
        for (place, (id, form, _)) in PARTNERS.into_iter().enumerate() {
            let count = if number == 3 { 3_000 } else { 40 };
            let bytes = town.claims(form, count, 100 + number);
            town.send(id, &format!("{number}.837"), &bytes);
            sent.claims += count as usize;
            let text = String::from_utf8(bytes).unwrap();
            let (groups, sets) = &mut sent.answers[place];
            *groups += text.matches("~GS*").count();
            *sets += text.matches("~ST*").count();
        }
    }
    sent
}

fn finished(town: &Town, service: &Service, sent: &Sent) {
    for ((id, _, _), (groups, sets)) in PARTNERS.into_iter().zip(sent.answers) {
        until("all files of a partner", service, || town.names(id, "in").is_empty());
        until("all answers of a partner", service, || {
            let kinds = town.acknowledgements(id);
            kinds.get("999") == Some(&groups) && kinds.get("277ca") == Some(&sets)
        });
    }
    until("all events", service, || town.decided().0 >= sent.claims);
    assert_eq!(town.decided(), (sent.claims, sent.claims), "every claim once");
}

#[test]
fn ended_under_load_it_goes_on_where_it_was() {
    let town = Town::new();
    let sent = load(&town);
    for wait in [0, 150, 400, 900] {
        let service = town.start();
        until("its first word", &service, || !service.said().is_empty());
        std::thread::sleep(Duration::from_millis(wait));
        assert_eq!(service.end(), Some(0));
    }
    let service = town.start();
    finished(&town, &service, &sent);
    assert_eq!(service.end(), Some(0));
}

#[test]
fn killed_under_load_it_goes_on_where_it_was() {
    let town = Town::new();
    let sent = load(&town);
    for wait in [200, 350, 500, 700, 1_100] {
        let service = town.start();
        std::thread::sleep(Duration::from_millis(wait));
        service.kill();
    }
    let service = town.start();
    finished(&town, &service, &sent);
    assert_eq!(service.end(), Some(0));
    let doctor = town.site.json(&["--config", "claimstream.toml", "--data-dir", "data", "doctor"]);
    assert!(matches!(doctor.code, Some(0 | 4)), "{doctor:?}");
}

/// Operators look, and load reference data, while the service is at work.
#[test]
fn reference_data_is_loaded_and_looked_at_beside_the_service() {
    let town = Town::new();
    let service = town.start();
    until("the start", &service, || service.said().contains("the service runs"));
    town.send("officeally", "1.837", &town.claims("837p", 3, 9));
    until("the decisions", &service, || town.decided() == (3, 3));
    let data = town.site.path("data").display().to_string();
    let here = |arguments: &[&str]| town.site.json(&[&["--data-dir", &data], arguments].concat());
    let first = here(&["refdata", "status"]).expect(0).result()["digest"].clone();
    let fees = "code_type,code,modifier,method,amount,effective_from,effective_to\nHCPCS,99213,,fee,81.00,2020-01-01,\n";
    town.site.file("fees/fee_schedule.csv", fees);
    let fees = town.site.path("fees").display().to_string();
    let second = here(&["refdata", "load", &fees]).expect(0).result()["digest"].clone();
    assert_ne!(first, second);
    service.signal("HUP");
    let digest = second.as_str().unwrap().to_string();
    until("the reload", &service, || service.said().contains(&digest));
    // A bad load is refused, and what is in force stays.
    town.site.file("bad/fee_schedule.csv", "code_type,code\nHCPCS,99213\n");
    let bad = town.site.path("bad").display().to_string();
    assert_eq!(here(&["refdata", "load", &bad]).code, Some(2));
    assert_eq!(here(&["refdata", "status"]).expect(0).result()["digest"], second);
    town.send("officeally", "2.837", &town.claims("837p", 3, 10));
    until("more decisions", &service, || town.decided() == (6, 6));
    let decisions: Vec<Value> = town.site.events("data", "decisions").into_iter().map(|event| event["value"].clone()).collect();
    let named: Vec<&Value> = decisions.iter().map(|decision| &decision["refdata"]).collect();
    assert_eq!(named, [&first, &first, &first, &second, &second, &second]);
    let status = here(&["status"]).expect(0).result();
    assert_eq!((&status["claims"]["received"], &status["conservation"]), (&6.into(), &0.into()));
    let claim = decisions[0]["claim_id"].as_str().unwrap();
    assert_eq!(here(&["explain", claim, "--verify"]).code, Some(0));
    assert_eq!(here(&["replay", "--all", "--dry-run"]).expect(0).result()["changed"], 0);
    assert_eq!(here(&["dlq", "ls"]).code, Some(0));
    // What writes waits its turn.
    assert_eq!(here(&["remit", "build"]).code, Some(75));
    assert_eq!(service.end(), Some(0));
}

#[test]
fn a_bad_configuration_is_refused_and_a_good_one_taken() {
    let town = Town::new();
    let service = town.start();
    until("the start", &service, || service.said().contains("the service runs"));
    let good = town.configuration();
    town.configure(&good.replace("usage", "usaeg"));
    service.signal("HUP");
    until("the refusal", &service, || service.said().contains("the new configuration is refused"));
    town.send("officeally", "1.837", &town.claims("837p", 2, 9));
    until("the answers", &service, || town.names("officeally", "out").len() == 2);
    // A third partner comes, and the second goes.
    for folder in ["in", "out"] {
        fs::create_dir_all(town.site.path(&format!("third/{folder}"))).unwrap();
    }
    let (first, _) = good.split_at(good.rfind("[[partner]]").unwrap());
    town.configure(&format!("{first}{}", partner(&town.site, "third", "133052274", "")));
    service.signal("HUP");
    until("the reload", &service, || service.said().contains("are read again"));
    town.send("third", "2.837", &town.claims("837i", 2, 9));
    town.send("change", "3.837", &town.claims("837i", 2, 10));
    until("the new partner's answers", &service, || town.names("third", "out").len() == 2);
    assert_eq!(town.names("change", "in").len(), 1, "nobody looks any more");
    assert_eq!(service.end(), Some(0));
}
