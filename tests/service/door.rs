//! Claims over HTTP: posted, decided, answered in the response; the real binary, a real socket.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::town::{PATIENCE, Service, Town, canaries, until};

const TOKEN: &str = "test-token-of-thirty-two-bytes-or-more";
const OTHER_TOKEN: &str = "another-token-for-the-rotation-test-0001";

/// A town in which the professional claims come through the door, and no other way.
fn town() -> Town {
    town_with("")
}

fn town_with(more: &str) -> Town {
    let town = Town::new();
    token_file(&town, TOKEN);
    let door = format!(
        "[service.door]\ntoken_file = \"{}\"\npartner = \"portal\"\n{more}\n",
        town.site.path("tokens").display()
    );
    // The folder's partner stays for institutional claims; the portal has no channel.
    let partners = town.configuration();
    let (service, partners) = partners.split_once("[[partner]]").unwrap();
    let (_, second) = partners.split_once("[[partner]]").unwrap();
    let portal = "[[partner]]\nid = \"portal\"\nisa_sender = \"ZZ:330897513\"\nisa_receiver = \"ZZ:CALOP\"\nusage = \"T\"\n";
    town.configure(&format!("{service}{door}{portal}[[partner]]{second}"));
    town
}

fn token_file(town: &Town, text: &str) {
    let path = town.site.file("tokens", text);
    fs::set_permissions(path, fs::Permissions::from_mode(0o600)).unwrap();
}

/// One answer: status, head, body.
#[derive(Debug)]
struct Answer {
    status: u16,
    head: String,
    body: String,
}

impl Answer {
    fn of(mut stream: TcpStream) -> Answer {
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let mut answer = Vec::new();
        // A connection that is reset has said what it had to say.
        let _ = stream.read_to_end(&mut answer);
        let answer = String::from_utf8(answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0);
        Answer {
            status,
            head: head.to_ascii_lowercase(),
            body: body.to_string(),
        }
    }

    fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    fn contents(&self) -> Vec<(String, String)> {
        let json = self.json();
        let acknowledgements = json["acknowledgements"].as_array().unwrap();
        let text = |value: &Value| value.as_str().unwrap().to_string();
        acknowledgements
            .iter()
            .map(|ack| (format!("{}.{}", text(&ack["control_number"]), text(&ack["kind"])), text(&ack["content"])))
            .collect()
    }
}

fn head(method: &str, token: Option<&str>, length: Option<usize>, more: &str) -> String {
    let token = token.map(|token| format!("Authorization: Bearer {token}\r\n")).unwrap_or_default();
    let length = length.map(|length| format!("Content-Length: {length}\r\n")).unwrap_or_default();
    format!("{method} /claims HTTP/1.1\r\nHost: x\r\n{token}{length}{more}\r\n")
}

const X12: &str = "Content-Type: application/edi-x12\r\n";

fn send(service: &Service, head: &str, body: &[u8]) -> Answer {
    let mut stream = TcpStream::connect(service.address()).unwrap();
    // As every HTTP client does: else the body waits for the head to be acknowledged.
    stream.set_nodelay(true).unwrap();
    stream.write_all(head.as_bytes()).unwrap();
    // The other side may have answered before it has all of it.
    let _ = stream.write_all(body);
    Answer::of(stream)
}

fn post(service: &Service, body: &[u8]) -> Answer {
    send(service, &head("POST", Some(TOKEN), Some(body.len()), X12), body)
}

fn ready(town: &Town) -> Service {
    let service = town.start();
    until("readiness", &service, || {
        service.said().contains("\"address\":\"") && service.get("/readyz").starts_with("HTTP/1.1 200")
    });
    service
}

/// The files below a partner's outbound folder, by name.
fn outbound(town: &Town, partner: &str) -> Vec<(String, String)> {
    let folder = town.site.path(&format!("data/outbound/{partner}"));
    let entries = fs::read_dir(&folder).into_iter().flatten();
    let mut files: Vec<(String, String)> = entries
        .map(|entry| entry.unwrap().path())
        .map(|path| (name_of(&path), fs::read_to_string(&path).unwrap()))
        .collect();
    files.sort();
    files
}

fn name_of(path: &Path) -> String {
    path.file_name().unwrap().to_str().unwrap().to_string()
}

fn decided(answer: &Answer) -> Vec<Value> {
    answer.json()["decisions"].as_array().unwrap().clone()
}

#[test]
fn claims_are_posted_and_answered_as_they_are_told_elsewhere() {
    let town = town();
    let service = ready(&town);
    let professional = town.claims("837p", 3, 1);
    let answer = post(&service, &professional);
    assert_eq!(answer.status, 200, "{answer:?}\n{}", service.said());
    assert!(
        answer.head.contains("content-type: application/json") && answer.head.contains("cache-control: no-store"),
        "{answer:?}"
    );
    let json = answer.json();
    assert_eq!(
        (&json["type"], &json["duplicate"], &json["rejected"]),
        (&"result".into(), &false.into(), &Value::Null)
    );
    assert_eq!((&json["partner"], &json["claims"]["received"]), (&"portal".into(), &3.into()));
    let kinds: Vec<String> = answer.contents().iter().map(|(name, _)| name.rsplit_once('.').unwrap().1.to_string()).collect();
    assert_eq!(kinds, ["999", "277ca"]);

    // The answers are also where the others are, to the byte; the events tell the same.
    until("the files", &service, || outbound(&town, "portal") == sorted(answer.contents()));
    until("the events", &service, || town.decided() == (3, 3));
    let told: Vec<Value> = town.decisions().into_iter().map(|mut event| event["value"].take()).collect();
    assert_eq!(told, decided(&answer));

    // The same bytes again: the same answers, and nothing is decided.
    let again = post(&service, &professional);
    assert_eq!((again.status, &again.json()["duplicate"]), (200, &true.into()));
    assert_eq!((again.contents(), decided(&again)), (answer.contents(), decided(&answer)));

    // Institutional claims have another partner's sender here: TA1 006, and that is an answer.
    let foreign = post(&service, &town.claims("837i", 1, 2));
    assert_eq!((foreign.status, &foreign.json()["rejected"]), (200, &"envelope".into()));
    assert!(foreign.contents()[0].1.contains("*R*006~"), "{foreign:?}");
    assert!(decided(&foreign).is_empty());
    let rubbish = post(&service, b"please call back");
    assert_eq!((rubbish.status, &rubbish.json()["rejected"]), (200, &"not-x12".into()));
    assert_eq!(town.decided(), (3, 3));

    let metrics = service.get("/metrics");
    assert!(metrics.contains("claims_door_requests_total{status=\"200\"} 4"), "{metrics}");
    assert!(metrics.contains("claims_door_seconds_count 4"), "{metrics}");
    assert_eq!(service.end(), Some(0));
}

fn sorted(mut files: Vec<(String, String)>) -> Vec<(String, String)> {
    files.sort();
    files
}

#[test]
fn institutional_and_rejected_claims_are_answered() {
    let town = town();
    town.configure(
        &town
            .configuration()
            .replace("ZZ:133052274", "ZZ:133052275")
            .replace("ZZ:330897513", "ZZ:133052274"),
    );
    let service = ready(&town);
    let institutional = town.claims("837i", 2, 4);
    let answer = post(&service, &institutional);
    assert_eq!((answer.status, &answer.json()["claims"]["received"]), (200, &2.into()), "{answer:?}");
    assert!(
        decided(&answer)
            .iter()
            .all(|decision| decision["form"] == "837I" && decision["outcome"] != "rejected")
    );
    // One claim's charge is not the sum of its lines: it is rejected, the other goes on.
    let text = String::from_utf8(institutional).unwrap();
    let clm = text.find("CLM*").unwrap();
    let charge = clm + text[clm..].match_indices('*').nth(1).unwrap().0 + 1;
    let isa13 = text.split('*').nth(13).unwrap();
    let wrong = format!("{}9{}", &text[..charge], &text[charge..]).replace(isa13, "900000007");
    let rejected = post(&service, wrong.as_bytes());
    assert_eq!(rejected.status, 200, "{rejected:?}");
    let claims = rejected.json()["claims"].clone();
    assert_eq!((&claims["received"], &claims["rejected"]), (&2.into(), &1.into()), "{rejected:?}");
    let outcomes: Vec<Value> = decided(&rejected).into_iter().map(|mut decision| decision["outcome"].take()).collect();
    assert_eq!(outcomes[0], "rejected");
    assert_eq!(service.end(), Some(0));
}

#[test]
fn who_may_not_gets_nothing_and_what_may_not_come_does_not() {
    let town = town_with("max_bytes = 4096");
    let service = ready(&town);
    let claims = town.claims("837p", 1, 1);
    let length = Some(claims.len());
    let large = vec![b' '; 5_000_000];
    for (what, head, body, status) in [
        ("no token", head("POST", None, length, X12), &claims, 401),
        ("a wrong token", head("POST", Some(OTHER_TOKEN), length, X12), &claims, 401),
        ("a part of the token", head("POST", Some(&TOKEN[..32]), length, X12), &claims, 401),
        (
            "a wrong token with a large file",
            head("POST", Some(OTHER_TOKEN), Some(large.len()), X12),
            &large,
            401,
        ),
        ("GET", head("GET", Some(TOKEN), None, ""), &Vec::new(), 405),
        ("PUT", head("PUT", Some(TOKEN), length, X12), &claims, 405),
        ("JSON", head("POST", Some(TOKEN), length, "Content-Type: application/json\r\n"), &claims, 415),
        ("no type", head("POST", Some(TOKEN), length, ""), &claims, 415),
        (
            "packed",
            head("POST", Some(TOKEN), length, &format!("{X12}Content-Encoding: gzip\r\n")),
            &claims,
            415,
        ),
        (
            "no length",
            head("POST", Some(TOKEN), None, &format!("{X12}Transfer-Encoding: chunked\r\n")),
            &b"1\r\nI\r\n0\r\n\r\n".to_vec(),
            411,
        ),
        ("too large", head("POST", Some(TOKEN), Some(large.len()), X12), &large, 413),
        ("nothing", head("POST", Some(TOKEN), Some(0), X12), &Vec::new(), 400),
    ] {
        let answer = send(&service, &head, body);
        assert_eq!(answer.status, status, "{what}: {answer:?}");
        assert_eq!(answer.json()["type"], "error", "{what}");
        assert!(!answer.body.contains("ISA") && !answer.body.contains(TOKEN), "{what}: {answer:?}");
        assert_eq!(answer.head.contains("www-authenticate: bearer"), status == 401, "{what}");
    }
    // A caller that waits to be asked is never asked for what would be refused.
    let expects = head("POST", Some(TOKEN), Some(large.len()), &format!("{X12}Expect: 100-continue\r\n"));
    assert_eq!(send(&service, &expects, b"").status, 413);
    let expects = head("POST", Some(TOKEN), length, &format!("{X12}Expect: 100-continue\r\n"));
    let mut stream = TcpStream::connect(service.address()).unwrap();
    stream.write_all(expects.as_bytes()).unwrap();
    let mut asked = [0; 25];
    stream.read_exact(&mut asked).unwrap();
    assert_eq!(&asked, b"HTTP/1.1 100 Continue\r\n\r\n");
    stream.write_all(&claims).unwrap();
    assert_eq!(Answer::of(stream).status, 200);
    let said = service.said();
    assert_eq!(said.matches("no token or a wrong one").count(), 1, "once a minute: {said}");
    assert!(!said.contains(TOKEN) && !said.contains(OTHER_TOKEN), "{said}");
    assert_eq!(service.end(), Some(0));
}

#[test]
fn the_door_is_shut_unless_it_is_opened_and_its_tokens_are_good() {
    let town = Town::new();
    let service = ready(&town);
    assert_eq!(post(&service, &town.claims("837p", 1, 1)).status, 404);
    assert_eq!(service.end(), Some(0));
    for (tokens, mode, reason) in [
        (TOKEN, 0o644, "has mode 0644"),
        ("short", 0o600, "line 1: no token"),
        ("# nobody\n", 0o600, "0 tokens"),
    ] {
        let town = self::town();
        token_file(&town, tokens);
        fs::set_permissions(town.site.path("tokens"), fs::Permissions::from_mode(mode)).unwrap();
        let run = town.site.run(&["--config", "claimstream.toml", "--data-dir", "data", "run"]).expect(2);
        assert!(run.stderr.contains(reason) && !run.stderr.contains(TOKEN), "{run:?}");
    }
    let town = self::town();
    town.configure(&town.configuration().replace("partner = \"portal\"", "partner = \"nobody\""));
    let run = town.site.run(&["--config", "claimstream.toml", "config", "check"]).expect(2);
    assert!(
        run.stderr.contains("partner.sftp is missing"),
        "only the door's partner needs no channel: {run:?}"
    );
}

#[test]
fn slow_cut_and_suspended_requests_leave_nothing() {
    let town = town();
    let service = ready(&town);
    let claims = town.claims("837p", 2, 1);
    // Cut off in the middle of the file.
    let mut stream = TcpStream::connect(service.address()).unwrap();
    stream.write_all(head("POST", Some(TOKEN), Some(claims.len()), X12).as_bytes()).unwrap();
    stream.write_all(&claims[..claims.len() / 2]).unwrap();
    drop(stream);
    // Slow, byte by byte, but in time.
    let mut stream = TcpStream::connect(service.address()).unwrap();
    for byte in head("POST", Some(TOKEN), Some(claims.len()), X12).as_bytes() {
        stream.write_all(&[*byte]).unwrap();
    }
    for part in claims.chunks(100) {
        stream.write_all(part).unwrap();
        std::thread::sleep(Duration::from_millis(5));
    }
    let answer = Answer::of(stream);
    assert_eq!((answer.status, &answer.json()["duplicate"]), (200, &false.into()), "{answer:?}");
    // Never finished, while its partner is cut off: answered within a second, without the file.
    let mut stream = TcpStream::connect(service.address()).unwrap();
    stream.write_all(head("POST", Some(TOKEN), Some(claims.len()), X12).as_bytes()).unwrap();
    stream.write_all(&claims[..100]).unwrap();
    std::thread::sleep(Duration::from_millis(200));
    town.site
        .run(&[
            "--config",
            "claimstream.toml",
            "--data-dir",
            "data",
            "partner",
            "suspend",
            "portal",
            "--reason",
            "breach",
        ])
        .expect(0);
    let begun = Instant::now();
    let answer = Answer::of(stream);
    assert_eq!(answer.status, 503, "{answer:?}");
    assert!(begun.elapsed() < Duration::from_secs(5));
    let suspended = post(&service, &claims);
    assert!(suspended.status == 503 && suspended.head.contains("retry-after:"), "{suspended:?}");
    town.site
        .run(&["--config", "claimstream.toml", "--data-dir", "data", "partner", "resume", "portal"])
        .expect(0);
    until("the door", &service, || post(&service, &claims).status == 200);
    until("the events", &service, || town.decided() == (2, 2));
    assert_eq!(service.end(), Some(0));
    assert_eq!(fs::read_dir(town.site.path("data/archive")).unwrap().count(), 1);
}

#[test]
fn no_more_than_may_wait_are_let_in_and_operators_are_always_heard() {
    let town = town_with("max_waiting = 2");
    let service = ready(&town);
    let claims = town.claims("837p", 1, 1);
    let head = head("POST", Some(TOKEN), Some(claims.len()), X12);
    let mut inside: Vec<TcpStream> = (0..2)
        .map(|_| {
            let mut stream = TcpStream::connect(service.address()).unwrap();
            stream.write_all(head.as_bytes()).unwrap();
            stream
        })
        .collect();
    std::thread::sleep(Duration::from_millis(300));
    let busy = post(&service, &claims);
    assert!(busy.status == 503 && busy.head.contains("retry-after: 1"), "{busy:?}");
    assert!(service.get("/livez").starts_with("HTTP/1.1 200"));
    for stream in &mut inside {
        stream.write_all(&claims).unwrap();
    }
    let answers: Vec<Answer> = inside.into_iter().map(Answer::of).collect();
    assert!(answers.iter().all(|answer| answer.status == 200), "{answers:?}");
    let mut duplicates: Vec<bool> = answers.iter().map(|answer| answer.json()["duplicate"] == true).collect();
    duplicates.sort_unstable();
    assert_eq!(duplicates, [false, true], "the same bytes at once are decided once");
    assert_eq!((answers[0].contents(), decided(&answers[0])), (answers[1].contents(), decided(&answers[1])));
    // A request that waits when the service ends is told so.
    let mut stream = TcpStream::connect(service.address()).unwrap();
    stream.write_all(head.as_bytes()).unwrap();
    std::thread::sleep(Duration::from_millis(300));
    let begun = Instant::now();
    assert_eq!(service.end(), Some(0));
    assert!(begun.elapsed() < Duration::from_secs(20), "{:?}", begun.elapsed());
    assert_eq!(Answer::of(stream).status, 503);
}

#[test]
fn a_killed_service_has_decided_once_what_is_posted_again() {
    let town = town();
    let mut posted = 0;
    for round in 0..4 {
        let service = ready(&town);
        let claims = town.claims("837p", 5, 10 + round);
        let mut stream = TcpStream::connect(service.address()).unwrap();
        stream.write_all(head("POST", Some(TOKEN), Some(claims.len()), X12).as_bytes()).unwrap();
        stream.write_all(&claims).unwrap();
        std::thread::sleep(Duration::from_millis(15 * u64::from(round)));
        service.kill();
        drop(stream);
        let service = ready(&town);
        let answer = post(&service, &claims);
        assert_eq!((answer.status, &answer.json()["claims"]["received"]), (200, &5.into()), "{answer:?}");
        assert_eq!((decided(&answer).len(), answer.contents().len()), (5, 2));
        posted += 5;
        until("the events", &service, || town.decided() == (posted, posted));
        assert_eq!(service.end(), Some(0));
    }
}

#[test]
fn tokens_are_read_again_and_nothing_of_a_claim_is_logged() {
    let town = town();
    town.configure(&format!("{}\n[telemetry]\nlog = \"trace\"\n", town.configuration()));
    let service = ready(&town);
    let claims = town.claims("837p", 3, 7);
    assert_eq!(post(&service, &claims).status, 200);
    token_file(&town, &format!("{OTHER_TOKEN}\n"));
    service.signal("HUP");
    let with_other = |service: &Service| send(service, &head("POST", Some(OTHER_TOKEN), Some(claims.len()), X12), &claims).status;
    until("the new token", &service, || with_other(&service) == 200);
    assert_eq!(post(&service, &claims).status, 401);
    // A file of tokens that can't be used leaves those in force.
    token_file(&town, "short");
    service.signal("HUP");
    until("the refusal", &service, || service.said().contains("tokens of the door are refused"));
    assert_eq!(with_other(&service), 200);
    let scraped = service.get("/metrics");
    let said = service.said();
    let values = canaries(&claims);
    for value in &values {
        assert!(!said.contains(value) && !scraped.contains(value), "a value of a claim is told");
    }
    assert!(values.len() > 20 && said.contains("a posted file is answered"), "{said}");
    assert_eq!(service.end(), Some(0));
}

/// Printed, not judged: machines differ. One after the other, a claim waits for the answers of the one before
/// it to leave; with a pause between them, for its own decision only.
#[test]
fn two_hundred_claims_one_after_the_other() {
    let town = town();
    let service = ready(&town);
    let files: Vec<Vec<u8>> = (0..240).map(|seed| town.claims("837p", 1, 1000 + seed)).collect();
    let (one_after_the_other, with_pauses) = files.split_at(200);
    for (files, pause) in [(one_after_the_other, Duration::ZERO), (with_pauses, Duration::from_millis(100))] {
        let mut times: Vec<Duration> = files
            .iter()
            .map(|file| {
                std::thread::sleep(pause);
                let begun = Instant::now();
                let answer = post(&service, file);
                assert_eq!(answer.status, 200, "{answer:?}");
                begun.elapsed()
            })
            .collect();
        times.sort_unstable();
        let percent = |part: usize| times[times.len() * part / 100 - 1];
        println!(
            "one claim by POST /claims, pauses of {pause:?}: p50 {:?}, p90 {:?}, p99 {:?}",
            percent(50),
            percent(90),
            percent(99)
        );
    }
    assert_eq!(service.end(), Some(0));
}
