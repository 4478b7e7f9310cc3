//! A partner with two channels: what comes through either is one partner's, and is paid once.

use std::fs;
use std::time::Duration;

use serde_json::Value;

use super::server;
use super::town::{PARTNERS, Service, Town, partner, until};

/// The folders beside those of the first partner.
const BESIDE: &str = "beside";

/// The first partner with a fallback; the second as it is.
fn town(fail_over_after: &str, main: &str) -> Town {
    let town = Town::new();
    let (id, _, sender) = PARTNERS[0];
    for folder in ["in", "out"] {
        fs::create_dir_all(town.folder(BESIDE, folder)).unwrap();
    }
    let (first, second) = {
        let text = town.configuration();
        let place = text.rfind("[[partner]]").unwrap();
        (
            partner(&town.site, id, sender, &format!("fail_over_after = \"{fail_over_after}\"\n{main}")),
            text[place..].to_string(),
        )
    };
    let fallback = format!(
        "[partner.fallback.folder]\nin = \"{}\"\nout = \"{}\"\n",
        town.folder(BESIDE, "in").display(),
        town.folder(BESIDE, "out").display()
    );
    town.configure(&format!("[service]\nlisten = \"127.0.0.1:0\"\n{first}{fallback}{second}"));
    town
}

fn partner_command(town: &Town, arguments: &[&str]) -> super::site::Run {
    let all = [&["--config", "claimstream.toml", "--data-dir", "data", "partner"], arguments].concat();
    town.site.json(&all)
}

/// What `partner ls` says of the first partner's fallback.
fn listed(town: &Town) -> Value {
    let run = partner_command(town, &["ls"]);
    let lines = run.stdout.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    lines.into_iter().find(|line| line["id"] == PARTNERS[0].0).unwrap()["fallback"].take()
}

fn switches(service: &Service) -> usize {
    service.said().matches("channel is switched").count()
}

/// Answers that stand in a place by then.
fn answered(town: &Town, service: &Service, place: &str, answers: usize) {
    until("the answers", service, || town.names(place, "out").len() == answers);
    assert_eq!(town.names(place, "out").len(), answers);
}

/// The same claims in an interchange with another number.
fn numbered_anew(bytes: &[u8]) -> Vec<u8> {
    let text = String::from_utf8(bytes.to_vec()).unwrap();
    let number = text.split('*').nth(13).unwrap().to_string();
    let anew = text.replace(&number, "987654321");
    assert!(anew.len() == text.len() && anew != text);
    anew.into_bytes()
}

#[test]
fn files_arrive_through_the_fallback_are_paid_once_and_the_main_channel_is_used_again() {
    let town = town("1s", "");
    let (id, form, _) = PARTNERS[0];
    for arguments in [
        &["gen", form, "--claims", "4", "--seed", "21", "--refdata", "refdata", "--out", "first.837"][..],
        &["--config", "claimstream.toml", "--data-dir", "data", "refdata", "load", "refdata"],
    ] {
        assert_eq!(town.site.json(arguments).code, Some(0));
    }
    let service = town.start();
    let first = fs::read(town.site.path("first.837")).unwrap();
    town.send(id, "a.837", &first);
    answered(&town, &service, id, 2);
    until("the events", &service, || town.decided() == (4, 4));

    let (main, away) = (town.folder(id, "in"), town.site.path("away"));
    fs::rename(&main, &away).unwrap();
    until("the fail-over", &service, || switches(&service) == 1);
    let metrics = service.get("/metrics");
    assert!(metrics.contains("claims_channel_fallback{partner=\"officeally\"} 1"), "{metrics}");
    assert!(
        metrics.contains("claims_channel_switches_total{partner=\"officeally\",to=\"fallback\"} 1"),
        "{metrics}"
    );
    assert_eq!(listed(&town)["in_use"], "fallback");

    // The same bytes, the same claims in other bytes, and other claims.
    town.send(BESIDE, "a.837", &first);
    until("the same bytes", &service, || town.names(BESIDE, "in").is_empty());
    town.send(BESIDE, "b.837", &numbered_anew(&first));
    answered(&town, &service, BESIDE, 2);
    until("the same claims", &service, || town.decided() == (8, 8));
    town.send(BESIDE, "c.837", &town.claims(form, 3, 22));
    answered(&town, &service, BESIDE, 4);
    until("the other claims", &service, || town.decided() == (11, 11));
    assert_eq!(town.names(id, "out").len(), 2, "every answer went one way");

    let decisions = town.decisions();
    let (paid, again) = (&decisions[..4], &decisions[4..8]);
    for (event, before) in again.iter().zip(paid) {
        assert_ne!(before["value"]["paid"], "0.00");
        assert_eq!(
            (&event["value"]["outcome"], &event["value"]["paid"]),
            (&"denied".into(), &"0.00".into()),
            "paid twice"
        );
        let lines = event["value"]["lines"].as_array().unwrap();
        assert!(lines.iter().all(|line| line["rule"] == "duplicate"), "{lines:?}");
    }
    let kinds = town.site.events("data", "files");
    let duplicates = kinds.iter().filter(|event| event["headers"]["ce_type"] == "claims.file.duplicate.v1");
    assert_eq!(duplicates.count(), 1);

    fs::rename(&away, &main).unwrap();
    until("the way back", &service, || switches(&service) == 2);
    assert!(service.get("/metrics").contains("claims_channel_fallback{partner=\"officeally\"} 0"));
    town.send(id, "d.837", &town.claims(form, 2, 23));
    answered(&town, &service, id, 4);
    assert_eq!((listed(&town)["in_use"].clone(), town.names(BESIDE, "out").len()), ("main".into(), 4));
    assert_eq!(service.end(), Some(0));
}

#[test]
fn a_channel_is_chosen_by_hand_within_a_second_and_through_a_restart() {
    let town = town("0", "");
    let (id, form, _) = PARTNERS[0];
    let service = town.start();
    until("the start", &service, || service.said().contains("the service runs"));
    assert_eq!(
        partner_command(&town, &["channel", "change", "fallback", "--reason", "x"]).code,
        Some(2),
        "it has one channel"
    );
    assert_eq!(partner_command(&town, &["channel", "nobody", "fallback", "--reason", "x"]).code, Some(3));
    let dry = partner_command(&town, &["channel", id, "fallback", "--reason", "x", "--dry-run"]);
    assert_eq!(dry.code, Some(0));
    assert_eq!(listed(&town)["chosen"], "auto");

    assert_eq!(
        partner_command(&town, &["channel", id, "fallback", "--reason", "their server moves"]).code,
        Some(0)
    );
    std::thread::sleep(Duration::from_secs(1));
    assert_eq!(switches(&service), 1, "{}", service.said());
    town.send(id, "a.837", &town.claims(form, 2, 31));
    town.send(BESIDE, "b.837", &town.claims(form, 2, 32));
    answered(&town, &service, BESIDE, 2);
    assert_eq!((town.names(id, "in").len(), town.names(id, "out").len()), (1, 0));
    assert_eq!(service.end(), Some(0));

    let service = town.start();
    town.send(BESIDE, "c.837", &town.claims(form, 2, 33));
    answered(&town, &service, BESIDE, 4);
    assert_eq!((town.names(id, "in").len(), town.names(id, "out").len()), (1, 0));
    let line = listed(&town);
    assert_eq!(
        (&line["in_use"], &line["chosen"], &line["reason"]),
        (&"fallback".into(), &"fallback".into(), &"their server moves".into())
    );

    // Cut off: neither channel is used, whichever is chosen.
    assert_eq!(partner_command(&town, &["suspend", id, "--reason", "breach reported"]).code, Some(0));
    until("the suspension", &service, || service.said().contains("nothing is exchanged"));
    town.send(BESIDE, "d.837", &town.claims(form, 2, 34));
    assert_eq!(partner_command(&town, &["channel", id, "auto", "--reason", "it has moved"]).code, Some(0));
    std::thread::sleep(Duration::from_secs(1));
    assert_eq!((town.names(id, "in").len(), town.names(BESIDE, "in").len()), (1, 1));
    assert_eq!(partner_command(&town, &["resume", id]).code, Some(0));
    answered(&town, &service, id, 2);
    assert_eq!((town.names(id, "in").len(), town.names(BESIDE, "in").len()), (0, 1));
    assert_eq!(service.end(), Some(0));
}

#[test]
fn a_suspended_partner_does_not_fail_over() {
    let town = town("1s", "");
    let (id, form, _) = PARTNERS[0];
    assert_eq!(partner_command(&town, &["suspend", id, "--reason", "breach reported"]).code, Some(0));
    fs::remove_dir(town.folder(id, "in")).unwrap();
    town.send(BESIDE, "a.837", &town.claims(form, 2, 41));
    let service = town.start();
    until("the suspension", &service, || service.said().contains("nothing is exchanged"));
    std::thread::sleep(Duration::from_secs(2));
    assert_eq!((switches(&service), town.names(BESIDE, "in").len()), (0, 1));
    assert_eq!(service.end(), Some(0));
}

#[test]
fn what_looks_the_same_in_the_other_channel_is_another_file() {
    // What is taken can't be put away: the folder for it is a file.
    let town = town("0", "processed = \"blocked\"\n");
    let (id, form, _) = PARTNERS[0];
    town.site.file(&format!("{id}/blocked"), "");
    let service = town.start();
    let first = town.claims(form, 2, 51);
    town.send(id, "a.837", &first);
    answered(&town, &service, id, 2);
    assert_eq!(town.names(id, "in"), ["a.837"], "it is left over");
    // Of the same name, size and time.
    town.send(BESIDE, "a.837", &numbered_anew(&first));
    assert_eq!(partner_command(&town, &["channel", id, "fallback", "--reason", "test"]).code, Some(0));
    answered(&town, &service, BESIDE, 2);
    assert!(town.names(BESIDE, "in").is_empty());
    // And the one that is left over is still known when its channel is used again.
    fs::remove_file(town.site.path(&format!("{id}/blocked"))).unwrap();
    assert_eq!(partner_command(&town, &["channel", id, "auto", "--reason", "test"]).code, Some(0));
    until("what is left over", &service, || town.names(id, "in").is_empty());
    assert_eq!(service.end(), Some(0));
    let files = town.site.events("data", "files");
    let of = |kind: &str| files.iter().filter(|event| event["headers"]["ce_type"] == kind).count();
    assert_eq!((of("claims.file.received.v1"), of("claims.file.duplicate.v1")), (2, 0));
}

#[test]
fn a_server_that_is_gone_is_replaced_by_folders_until_it_is_back() {
    let Some(mut server) = server::own("fallback") else { return };
    let site = server.site("officeally");
    let town = town("1s", "");
    let config = &site.config;
    let sftp = format!(
        "[partner.sftp]\nhost = \"{}\"\nport = {}\nuser = \"{}\"\nkey_file = \"{}\"\nhost_keys = [\"{}\"]\nin = \"{}\"\nout = \"{}\"\n",
        config.host,
        config.port,
        config.user,
        config.key_file.display(),
        server.value("host_key"),
        config.inbound,
        config.outbound
    );
    let text = town.configuration();
    let (start, end) = (text.find("[partner.folder]").unwrap(), text.find("[partner.fallback.folder]").unwrap());
    town.configure(&format!("{}{sftp}{}", &text[..start], &text[end..]));
    let (_, form, _) = PARTNERS[0];
    let service = town.start();
    let put = |name: &str, bytes: &[u8]| {
        fs::write(site.path("in").join(format!("{name}.part")), bytes).unwrap();
        fs::rename(site.path("in").join(format!("{name}.part")), site.path("in").join(name)).unwrap();
    };
    let first = town.claims(form, 2, 61);
    put("a.837", &first);
    until("the answers of the server", &service, || site.names("out").len() == 2);
    server.service("kill");
    until("the fail-over", &service, || switches(&service) == 1);
    town.send(BESIDE, "a.837", &first);
    town.send(BESIDE, "b.837", &town.claims(form, 2, 62));
    answered(&town, &service, BESIDE, 2);
    server.service("restart");
    until("the way back", &service, || switches(&service) == 2);
    put("c.837", &town.claims(form, 2, 63));
    until("the answers of the server", &service, || site.names("out").len() == 4);
    until("the events", &service, || town.decided() == (6, 6));
    assert_eq!(service.end(), Some(0));
}
