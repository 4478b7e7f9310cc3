//! A payer with two clearinghouses: the folders, the configuration, and the running service.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant, UNIX_EPOCH};

use serde_json::Value;

use super::site::Site;

/// Everything a test of the service needs.
pub struct Town {
    pub site: Site,
}

/// A running service; killed when it is dropped.
pub struct Service {
    child: Child,
    said: Arc<Mutex<String>>,
}

/// How long anything may take on a busy machine.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// The partners of the configuration that [`Town::new`] writes: professional and institutional.
pub const PARTNERS: [(&str, &str, &str); 2] = [("officeally", "837p", "330897513"), ("change", "837i", "133052274")];

impl Town {
    /// Two partners with folders, looked into ten times a second.
    pub fn new() -> Town {
        let site = Site::new();
        let mut text = String::from("[service]\nlisten = \"127.0.0.1:0\"\n");
        for (id, _, sender) in PARTNERS {
            for folder in ["in", "out"] {
                fs::create_dir_all(site.path(&format!("{id}/{folder}"))).unwrap();
            }
            text += &partner(&site, id, sender, "");
        }
        site.file("claimstream.toml", text);
        Town { site }
    }

    pub fn configure(&self, text: &str) {
        self.site.file("claimstream.toml", text);
    }

    pub fn configuration(&self) -> String {
        fs::read_to_string(self.site.path("claimstream.toml")).unwrap()
    }

    /// Generated claims of a partner's form, as they are sent.
    pub fn claims(&self, form: &str, claims: u32, seed: u32) -> Vec<u8> {
        let (claims, seed) = (claims.to_string(), seed.to_string());
        let output = self.site.command(&["gen", form, "--claims", &claims, "--seed", &seed]).output().unwrap();
        assert!(output.status.success());
        output.stdout
    }

    /// A file that appears whole, as by a rename.
    pub fn send(&self, partner: &str, name: &str, bytes: &[u8]) {
        let path = self.folder(partner, "in").join(name);
        let temporary = self.folder(partner, "in").join(format!(".{name}.part"));
        fs::write(&temporary, bytes).unwrap();
        // One time for all: what was put away and comes again under its name looks the same.
        let written = File::options().write(true).open(&temporary).unwrap();
        written.set_modified(UNIX_EPOCH + Duration::from_secs(1_700_000_000)).unwrap();
        fs::rename(temporary, path).unwrap();
    }

    pub fn folder(&self, partner: &str, folder: &str) -> PathBuf {
        self.site.path(&format!("{partner}/{folder}"))
    }

    /// Names in a partner's folder, but those of uploads on their way.
    pub fn names(&self, partner: &str, folder: &str) -> Vec<String> {
        let entries = fs::read_dir(self.folder(partner, folder)).unwrap();
        let mut names: Vec<String> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.retain(|name| !name.starts_with('.'));
        names.sort();
        names
    }

    /// Acknowledgements that a partner has, by kind.
    pub fn acknowledgements(&self, partner: &str) -> BTreeMap<String, usize> {
        let mut kinds = BTreeMap::new();
        for name in self.names(partner, "out") {
            *kinds.entry(name.rsplit_once('.').unwrap().1.to_string()).or_default() += 1;
        }
        kinds
    }

    pub fn start(&self) -> Service {
        self.start_with(&[])
    }

    pub fn start_with(&self, options: &[&str]) -> Service {
        let arguments = [&["--config", "claimstream.toml", "--data-dir", "data"], options, &["run"]].concat();
        Service::of(&mut self.site.command(&arguments))
    }

    pub fn decisions(&self) -> Vec<Value> {
        match self.site.path("data/events/claims.decisions.ndjson").exists() {
            true => self.site.events("data", "decisions"),
            false => Vec::new(),
        }
    }

    /// Every claim decided once: the number of decisions, and of claims among them.
    pub fn decided(&self) -> (usize, usize) {
        let decisions = self.decisions();
        let claims: std::collections::BTreeSet<&str> = decisions.iter().map(|event| event["key"].as_str().unwrap()).collect();
        (decisions.len(), claims.len())
    }
}

/// A `[[partner]]` with folders named after it.
pub fn partner(site: &Site, id: &str, sender: &str, more: &str) -> String {
    let (inbound, outbound) = (site.path(&format!("{id}/in")), site.path(&format!("{id}/out")));
    format!(
        "[[partner]]\nid = \"{id}\"\nisa_sender = \"ZZ:{sender}\"\nisa_receiver = \"ZZ:CALOP\"\nusage = \"T\"\npoll = \"100ms\"\nstall_after = \"2s\"\n{more}\
         [partner.folder]\nin = \"{}\"\nout = \"{}\"\n",
        inbound.display(),
        outbound.display()
    )
}

/// What must be told nowhere: names, ids, addresses, birth dates and control numbers of claims.
pub fn canaries(claims: &[u8]) -> Vec<String> {
    let text = String::from_utf8(claims.to_vec()).unwrap();
    let mut values = Vec::new();
    for segment in text.split('~').map(str::trim) {
        let elements: Vec<&str> = segment.split('*').collect();
        let places: &[usize] = match elements[0] {
            "NM1" => &[3, 4, 9],
            "N3" | "CLM" => &[1],
            "DMG" => &[2],
            _ => &[],
        };
        let found = places.iter().filter_map(|place| elements.get(*place)).filter(|value| value.len() > 3);
        values.extend(found.map(|value| value.to_string()));
    }
    values
}

/// Waits until something holds.
pub fn until(what: &str, service: &Service, holds: impl Fn() -> bool) {
    let start = Instant::now();
    while !holds() {
        assert!(start.elapsed() < PATIENCE, "{what} did not come; the service said:\n{}", service.said());
        std::thread::sleep(Duration::from_millis(20));
    }
}

impl Service {
    pub fn of(command: &mut Command) -> Service {
        let mut child = command.stderr(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let said = Arc::new(Mutex::new(String::new()));
        let (lines, into) = (BufReader::new(child.stderr.take().unwrap()).lines(), Arc::clone(&said));
        std::thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                let mut said = into.lock().unwrap();
                said.push_str(&line);
                said.push('\n');
            }
        });
        Service { child, said }
    }

    /// Everything on stderr so far.
    pub fn said(&self) -> String {
        self.said.lock().unwrap().clone()
    }

    /// Where it listens, which it says at its start.
    pub fn address(&self) -> String {
        let said = self.said();
        let (_, after) = said.split_once("\"address\":\"").expect("it says where it listens");
        after.split('"').next().unwrap().to_string()
    }

    /// A whole answer of the service's port.
    pub fn get(&self, path: &str) -> String {
        let address = self.address();
        let mut stream = TcpStream::connect(&address).unwrap();
        write!(stream, "GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }

    pub fn id(&self) -> u32 {
        self.child.id()
    }

    pub fn signal(&self, name: &str) {
        let killed = Command::new("kill").args([&format!("-{name}"), &self.id().to_string()]).status().unwrap();
        assert!(killed.success());
    }

    /// SIGTERM, and the exit code.
    pub fn end(mut self) -> Option<i32> {
        self.signal("TERM");
        let start = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                assert!(!self.said().contains("panic"), "{}", self.said());
                return status.code();
            }
            assert!(start.elapsed() < PATIENCE, "it does not end; it said:\n{}", self.said());
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// As by kill -9.
    pub fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
