//! Two clearinghouses on a real OpenSSH server: slow, cut, renamed, repeated and re-sent uploads, while the
//! server is started again and changes its key. Every claim once, every file answered, none half read.
//!
//! `CLAIMSTREAM_SFTP_FILES=2000` sends so many files; a few dozen otherwise.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::server;
use super::town::{PARTNERS, Town, until};

const FILES: usize = 40;

/// Claims of one file.
const CLAIMS: usize = 2;

#[test]
fn every_claim_once_whatever_happens_to_the_line() {
    let Some(mut server) = server::own("clearinghouses") else { return };
    let files = std::env::var("CLAIMSTREAM_SFTP_FILES")
        .ok()
        .and_then(|files| files.parse().ok())
        .unwrap_or(FILES);
    let town = Town::new();
    let sites = PARTNERS.map(|(id, _, _)| server.site(id));
    let configure = |pins: &[String]| {
        let pins: Vec<String> = pins.iter().map(|pin| format!("\"{pin}\"")).collect();
        let mut text = String::from("[service]\nlisten = \"127.0.0.1:0\"\n");
        for ((id, _, sender), site) in PARTNERS.into_iter().zip(&sites) {
            let config = &site.config;
            text += &format!(
                "[[partner]]\nid = \"{id}\"\nisa_sender = \"ZZ:{sender}\"\nisa_receiver = \"ZZ:CALOP\"\nusage = \"T\"\npoll = \"100ms\"\n\
                 [partner.sftp]\nhost = \"{}\"\nport = {}\nuser = \"{}\"\nkey_file = \"{}\"\nhost_keys = [{}]\nin = \"{}\"\nout = \"{}\"\n",
                config.host,
                config.port,
                config.user,
                config.key_file.display(),
                pins.join(", "),
                config.inbound,
                config.outbound
            );
        }
        town.configure(&text);
    };
    let first_key = server.value("host_key");
    configure(std::slice::from_ref(&first_key));
    let service = town.start();
    let mut cut: Vec<(PathBuf, Vec<u8>)> = Vec::new();
    for number in 0..files {
        let place = number % PARTNERS.len();
        let (_, form, _) = PARTNERS[place];
        let folder = sites[place].path("in");
        let path = folder.join(format!("{number}.837"));
        let bytes = town.claims(form, CLAIMS as u32, 1_000 + number as u32);
        match number % 5 {
            0 => fs::write(&path, &bytes).unwrap(),
            1 => slowly(&path, &bytes),
            2 => {
                fs::write(&path, &bytes[..bytes.len() * 2 / 3]).unwrap();
                cut.push((path, bytes));
            }
            3 => {
                let temporary = folder.join(format!("{number}.837.part"));
                slowly(&temporary, &bytes);
                fs::rename(temporary, &path).unwrap();
            }
            _ => {
                fs::write(&path, &bytes).unwrap();
                fs::write(folder.join(format!("{number}-again.837")), &bytes).unwrap();
            }
        }
        if number == files / 3 {
            server.service("restart");
        }
        if number == files * 2 / 3 {
            server.service("rekey");
            until("the refusal of the new key", &service, || service.said().contains("is not pinned"));
            configure(&[first_key.clone(), server.value("host_key")]);
            service.signal("HUP");
        }
    }
    for (path, _) in &cut {
        assert!(path.exists(), "a file that was cut is waited for");
    }
    for (path, bytes) in cut {
        fs::write(path, bytes).unwrap();
    }
    for ((place, site), expected) in sites.iter().enumerate().zip([files.div_ceil(2), files / 2]) {
        until("all files of a partner", &service, || site.names("in").is_empty());
        until("all answers of a partner", &service, || {
            let names = site.names("out");
            let of = |kind: &str| names.iter().filter(|name| name.ends_with(kind) && !name.starts_with('.')).count();
            of(".999") == expected && of(".277ca") == expected
        });
        assert!(site.names("out").iter().all(|name| !name.ends_with(".ta1")), "nothing of {place} was rejected");
    }
    until("all events", &service, || town.decided().0 >= files * CLAIMS);
    assert_eq!(town.decided(), (files * CLAIMS, files * CLAIMS), "every claim once");
    assert_eq!(service.end(), Some(0));
    let rejected = town
        .site
        .events("data", "files")
        .iter()
        .filter(|event| event["headers"]["ce_type"] == "claims.file.rejected.v1")
        .count();
    assert_eq!(rejected, 0, "nothing was half read");
}

fn slowly(path: &Path, bytes: &[u8]) {
    use std::io::Write;
    let mut file = fs::File::create(path).unwrap();
    for piece in bytes.chunks(bytes.len() / 4) {
        file.write_all(piece).unwrap();
        std::thread::sleep(Duration::from_millis(30));
    }
}
