//! `doctor --live`: what a container's health check asks, and how it ends.

use std::io::{Read, Write};
use std::net::TcpListener;

use super::site::Run;
use super::town::{Town, until};

fn live(town: &Town, address: &str) -> Run {
    let mut command = town
        .site
        .command(&["--json", "--config", "claimstream.toml", "--data-dir", "data", "doctor", "--live"]);
    Run::of(command.env("CLAIMSTREAM__SERVICE__LISTEN", address).output().unwrap())
}

#[test]
fn a_service_is_ready_not_ready_or_not_there() {
    let town = Town::new();
    let service = town.start();
    until("its address", &service, || service.said().contains("\"address\":\""));
    let address = service.address();
    until("readiness", &service, || live(&town, &address).code == Some(0));
    let ready = live(&town, &address).expect(0).result();
    assert_eq!((&ready["alive"], &ready["ready"]), (&true.into(), &true.into()));
    assert_eq!(ready["parts"].as_array().unwrap().len(), 4);
    let text = town
        .site
        .command(&["--config", "claimstream.toml", "doctor", "--live"])
        .env("CLAIMSTREAM__SERVICE__LISTEN", &address)
        .output();
    assert!(String::from_utf8(text.unwrap().stdout).unwrap().contains("ready"));
    assert_eq!(service.end(), Some(0));
    live(&town, &address).expect(1);
}

#[test]
fn one_that_is_not_ready_is_to_be_asked_again() {
    let town = Town::new();
    let one = |alive: &'static str, ready: &'static str| {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        std::thread::spawn(move || {
            for stream in listener.incoming().take(2) {
                let mut stream = stream.unwrap();
                let mut asked = [0; 256];
                let count = stream.read(&mut asked).unwrap();
                let is_livez = asked[..count].starts_with(b"GET /livez ");
                write!(stream, "{}", if is_livez { alive } else { ready }).unwrap();
            }
        });
        address
    };
    let (ok, not) = ("HTTP/1.1 200 OK\r\n\r\nok\n", "HTTP/1.1 503 Service Unavailable\r\n\r\nno\n");
    let parts = "HTTP/1.1 503 Service Unavailable\r\n\r\n{\"ready\":false,\"parts\":[{\"part\":\"events\",\"ready\":false,\"reason\":\"starting\"}]}";
    let waiting = live(&town, &one(ok, parts)).expect(75).result();
    assert_eq!(
        (&waiting["alive"], &waiting["ready"], &waiting["parts"][0]["reason"]),
        (&true.into(), &false.into(), &"starting".into())
    );
    let stuck = live(&town, &one(not, parts)).expect(1).result();
    assert_eq!((&stuck["alive"], &stuck["ready"]), (&false.into(), &false.into()));
    live(&town, &one("SSH-2.0-OpenSSH\r\n", "")).expect(1);
    town.site.run(&["doctor", "--live", "--deep"]).expect(2);
    assert!(!town.site.path("data").exists(), "nothing is opened");
}
