//! Files through directories of this machine: taken once, answered, never half read.

use std::fs;
use std::io::Write;
use std::time::Duration;

use super::town::{PARTNERS, Town, until};

#[test]
fn files_are_decided_answered_and_put_away() {
    let town = Town::new();
    let service = town.start();
    for (partner, form, _) in PARTNERS {
        town.send(partner, "claims.837", &town.claims(form, 5, 1));
    }
    for (partner, _, _) in PARTNERS {
        until("the acknowledgements", &service, || {
            town.names(partner, "out").len() == 2 && town.names(partner, "in").is_empty()
        });
        assert_eq!(town.acknowledgements(partner).into_keys().collect::<Vec<_>>(), ["277ca", "999"]);
    }
    until("the events", &service, || town.decided() == (10, 10));
    until("the gauges", &service, || service.get("/metrics").contains("claims_files_total{"));
    assert!(service.get("/livez").starts_with("HTTP/1.1 200"));
    until("readiness", &service, || service.get("/readyz").starts_with("HTTP/1.1 200"));
    let metrics = service.get("/metrics");
    assert!(metrics.contains("claims_conservation_imbalance 0"), "{metrics}");
    assert_eq!(service.end(), Some(0));
    let status = town.site.json(&["--config", "claimstream.toml", "--data-dir", "data", "status"]);
    assert!(status.stdout.contains("\"conservation\":0"), "{status:?}");
}

#[test]
fn an_upload_waits_for_its_end_at_every_pause() {
    let town = Town::new();
    let service = town.start();
    let bytes = town.claims("837p", 1, 3);
    let path = town.folder("officeally", "in").join("slow.837");
    let mut file = fs::File::create(&path).unwrap();
    // Every byte by itself, with pauses of several looks in the first segment, in the middle and before
    // the end.
    let pauses = [1, 50, 106, 107, bytes.len() / 2, bytes.len() - 12, bytes.len() - 2, bytes.len() - 1];
    for (place, byte) in bytes.iter().enumerate() {
        if pauses.contains(&place) {
            std::thread::sleep(Duration::from_millis(350));
            assert!(
                path.exists() && town.names("officeally", "out").is_empty(),
                "taken at byte {place}: {}",
                service.said()
            );
        }
        file.write_all(&[*byte]).unwrap();
    }
    drop(file);
    until("the acknowledgements", &service, || {
        town.names("officeally", "out").len() == 2 && !path.exists()
    });
    assert_eq!(town.acknowledgements("officeally").into_keys().collect::<Vec<_>>(), ["277ca", "999"]);
    until("the event", &service, || town.decided() == (1, 1));
    assert_eq!(service.end(), Some(0));
    assert_eq!(town.site.events("data", "files").len(), 2, "received and completed");
}

#[test]
fn a_stalled_upload_is_reported_and_waited_for() {
    let town = Town::new();
    let service = town.start();
    let bytes = town.claims("837p", 1, 4);
    let path = town.folder("officeally", "in").join("DOE_JANE.837");
    fs::write(&path, &bytes[..300]).unwrap();
    until("the report", &service, || service.said().contains("stopped growing"));
    assert!(!service.said().contains("DOE_JANE"), "no name in a log");
    assert!(path.exists() && town.names("officeally", "out").is_empty());
    fs::write(&path, &bytes).unwrap();
    until("the acknowledgements", &service, || town.names("officeally", "out").len() == 2);
    assert_eq!(service.end(), Some(0));
}

#[test]
fn wrong_counts_foreign_files_and_unknown_senders_are_answered() {
    let town = Town::new();
    let service = town.start();
    let good = String::from_utf8(town.claims("837p", 1, 5)).unwrap();
    // IEA01 says two groups.
    town.send("officeally", "counts.837", good.replace("IEA*1*", "IEA*2*").as_bytes());
    until("the answer to wrong counts", &service, || {
        town.acknowledgements("officeally").contains_key("ta1")
    });
    // The other partner's claims.
    town.send("officeally", "other.837", &town.claims("837i", 1, 5));
    until("the answer to an unknown sender", &service, || {
        town.acknowledgements("officeally").get("ta1") == Some(&2)
    });
    let answers = town.names("officeally", "out");
    let last = answers.iter().rfind(|name| name.ends_with(".ta1")).unwrap();
    let last = fs::read_to_string(town.folder("officeally", "out").join(last)).unwrap();
    assert!(last.contains("*R*006~"), "{last}");
    town.send("officeally", "note.txt", &b"please call back ".repeat(20));
    until("the foreign file", &service, || town.names("officeally", "in").is_empty());
    assert_eq!(town.decided(), (0, 0));
    assert_eq!(service.end(), Some(0));
    let rejected = town.site.events("data", "files");
    let reasons: Vec<&str> = rejected.iter().filter_map(|event| event["value"]["reason"].as_str()).collect();
    assert_eq!(reasons, ["envelope", "envelope", "not-x12"]);
}

#[test]
fn the_same_bytes_are_decided_once_whatever_they_are_called() {
    let town = Town::new();
    let service = town.start();
    let bytes = town.claims("837p", 3, 6);
    for name in ["a.837", "b.837", "a.837"] {
        town.send("officeally", name, &bytes);
        until("the file", &service, || town.names("officeally", "in").is_empty());
    }
    // The same claims through the other clearinghouse are not its own.
    town.send("change", "c.837", &bytes);
    until("the file", &service, || town.names("change", "in").is_empty());
    until("the events", &service, || town.decided() == (3, 3));
    assert_eq!(service.end(), Some(0));
    let duplicates = town
        .site
        .events("data", "files")
        .iter()
        .filter(|event| event["headers"]["ce_type"] == "claims.file.duplicate.v1")
        .count();
    assert_eq!(duplicates, 3);
    assert_eq!(town.acknowledgements("officeally").values().sum::<usize>(), 2);
}

#[test]
fn what_is_processed_can_be_kept_and_packed_files_are_opened() {
    let town = Town::new();
    let kept = town.site.path("officeally/taken");
    town.configure(
        &town
            .configuration()
            .replacen("usage = \"T\"", &format!("usage = \"T\"\nprocessed = \"{}\"", kept.display()), 1),
    );
    let service = town.start();
    let bytes = town.claims("837p", 2, 7);
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    packed.write_all(&bytes).unwrap();
    town.send("officeally", "claims.837.gz", &packed.finish().unwrap());
    until("the acknowledgements", &service, || {
        town.names("officeally", "out").len() == 2 && town.names("officeally", "in").is_empty()
    });
    assert!(kept.join("claims.837.gz").exists());
    assert_eq!(service.end(), Some(0));
    // The archive has what was inside: the plain file is the same file.
    let again = town.site.file("claims.837", &bytes);
    let run = town.site.json(&["--config", "claimstream.toml", "--data-dir", "data", "ingest", &again]);
    assert!(run.stdout.contains("\"duplicates\":1"), "{run:?}");
}

#[test]
fn a_suspended_partner_is_cut_off_and_its_files_are_kept() {
    let town = Town::new();
    let service = town.start();
    let partner = |arguments: &[&str]| {
        let all = [&["--config", "claimstream.toml", "--data-dir", "data", "partner"], arguments].concat();
        town.site.json(&all)
    };
    assert_eq!(partner(&["suspend", "officeally", "--reason", "breach reported"]).code, Some(0));
    until("the suspension", &service, || service.said().contains("suspended"));
    for (id, form, _) in PARTNERS {
        town.send(id, "claims.837", &town.claims(form, 2, 8));
    }
    until("the other partner's answers", &service, || town.names("change", "out").len() == 2);
    std::thread::sleep(Duration::from_millis(500));
    assert_eq!((town.names("officeally", "in").len(), town.names("officeally", "out").len()), (1, 0));
    let listed = partner(&["ls"]);
    assert!(listed.stdout.contains("breach reported"), "{listed:?}");
    assert_eq!(partner(&["resume", "officeally"]).code, Some(0));
    until("the answers", &service, || town.names("officeally", "out").len() == 2);
    assert_eq!(partner(&["resume", "officeally"]).code, Some(3));
    assert_eq!(partner(&["suspend", "nobody", "--reason", "x"]).code, Some(3));
    assert_eq!(service.end(), Some(0));
}
