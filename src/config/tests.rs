//! The configuration against its documentation, and every way to get it wrong.

use super::*;
use crate::finding::{Check, Severity};

const DOCUMENTED: &str = include_str!("../../config/claimstream.toml");

fn parsed(text: &str, environment: &[(&str, &str)]) -> Result<Config, ConfigError> {
    let environment = environment.iter().map(|(name, text)| (name.to_string(), text.to_string()));
    Config::parse("claimstream.toml", text, environment)
}

/// The documentation with every example line taken in. The secret's file is made where it can be read.
fn all_examples() -> (tempfile::TempDir, String) {
    let dir = tempfile::tempdir().unwrap();
    let password = dir.path().join("password");
    fs::write(&password, "hunter2\n").unwrap();
    let is_example = |rest: &str| rest.starts_with(|first: char| first.is_ascii_alphanumeric() || first == '[');
    let lines = DOCUMENTED
        .lines()
        .map(|line| line.strip_prefix('#').filter(|rest| is_example(rest)).unwrap_or(line));
    let text = lines.collect::<Vec<_>>().join("\n");
    (dir, text.replace("/run/secrets/kafka_password", password.to_str().unwrap()))
}

#[test]
fn the_documented_defaults_are_the_defaults() {
    assert_eq!(parsed(DOCUMENTED, &[]).unwrap(), parsed("", &[]).unwrap());
}

#[test]
fn the_documentation_names_every_key() {
    let (_dir, text) = all_examples();
    parsed(&text, &[]).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    let headers = (0..lines.len()).filter(|at| lines[*at].starts_with('[')).map(Some).chain([None]);
    let mut sections = 0;
    for header in headers {
        let section = header.map_or("", |at| lines[at].trim_matches(['[', ']']));
        if section == "partner.severity" {
            continue;
        }
        // A key that can't exist makes the section say which keys do.
        let mut broken = lines.clone();
        broken.insert(header.map_or(0, |at| at + 1), "qqqqqqqqqqqqqqqq = 1");
        let known = match parsed(&broken.join("\n"), &[]) {
            Err(ConfigError::UnknownKey { known, .. }) => known,
            other => panic!("[{section}] takes any key: {other:?}"),
        };
        for key in known {
            let path = if section.is_empty() { key.to_string() } else { format!("{section}.{key}") };
            let variable = format!("{ENVIRONMENT_PREFIX}{}", path.to_uppercase().replace('.', "__"));
            let as_section = [format!("[{path}]"), format!("[[{path}]]")]
                .iter()
                .any(|header| lines.contains(&header.as_str()));
            let as_key = lines.iter().any(|line| line.starts_with(&format!("{key} = ")));
            assert!(as_section || as_key || DOCUMENTED.contains(&variable), "{path} is not documented");
        }
        sections += 1;
    }
    assert!(sections > 15, "only {sections} sections were found");
}

#[test]
fn the_examples_are_read_as_they_are_written() {
    let (_dir, text) = all_examples();
    let config = parsed(&text, &[]).unwrap();
    let [office_ally, dropbox] = config.partners.as_slice() else {
        panic!("two partners are documented")
    };
    assert_eq!(office_ally.profile.usage, Some(Usage::Production));
    assert_eq!(office_ally.poll, Period::from_secs(15));
    assert!(matches!(&office_ally.channel, Some(Channel::Sftp(sftp)) if sftp.port == 22 && sftp.host_keys.len() == 1));
    assert!(matches!(&dropbox.channel, Some(Channel::Folder(folder)) if folder.inbound == Path::new("/srv/claims/in")));
    let fallback = |partner: &Partner| partner.fallback.clone().unwrap();
    assert_eq!(fallback(office_ally).fail_over_after, Some(Period::from_secs(900)));
    assert!(matches!(fallback(office_ally).channel, Channel::Folder(_)) && matches!(fallback(dropbox).channel, Channel::Sftp(_)));
    assert_eq!(office_ally.pgp.as_ref().unwrap().signers, ["0123456789ABCDEF0123456789ABCDEF01234567"]);
    let by_hand = parsed(&text.replace("fail_over_after = \"15m\"", "fail_over_after = \"0\""), &[]).unwrap();
    assert_eq!(fallback(&by_hand.partners[0]).fail_over_after, None);
    assert_eq!(config.partner_of(&dropbox.isa_sender, &dropbox.isa_receiver), Some(dropbox));
    assert_eq!(config.partner_named("officeally"), Some(office_ally));
    let door = config.service.door.as_ref().unwrap();
    assert_eq!((door.partner.as_str(), door.max_bytes, door.max_waiting), ("officeally", 1024 * 1024, 16));
    assert_eq!(config.kafka.unwrap().sasl.unwrap().password.expose(), "hunter2");
    for (check, severity) in [
        (Check::S108, Severity::Warn),
        (Check::S701, Severity::Warn),
        (Check::S301, Severity::Reject),
        (Check::S412, Severity::Warn),
    ] {
        assert_eq!(office_ally.profile.severity.severity(check), severity, "{check}");
    }
}

#[test]
fn the_environment_goes_before_the_file() {
    let environment = [
        ("CLAIMSTREAM__PAYER__IDS", "AAA, BBB"),
        ("CLAIMSTREAM__PAYER__ADDRESS__CITY", "IRVINE"),
        ("CLAIMSTREAM__LIMITS__THREADS", "3"),
        ("CLAIMSTREAM__REMIT__ON_INGEST", "false"),
        ("CLAIMSTREAM__KAFKA__BROKERS", "a:1,b:2"),
        ("CLAIMSTREAM__KAFKA__SASL__USERNAME", "me"),
        ("CLAIMSTREAM__KAFKA__SASL__PASSWORD", "hunter2"),
        ("HOME", "/"),
    ];
    let config = parsed("[limits]\nthreads = 7\ninflight_claims = 9", &environment).unwrap();
    assert_eq!(config.payer.ids, ["AAA", "BBB"]);
    assert_eq!(config.payer.address.city, "IRVINE");
    assert_eq!((config.limits.threads, config.limits.inflight_claims), (3, 9));
    assert!(!config.remit.on_ingest);
    let kafka = config.kafka.as_ref().unwrap();
    assert_eq!(kafka.brokers, ["a:1", "b:2"]);
    assert_eq!(kafka.sasl.as_ref().unwrap().password.expose(), "hunter2");
    let shown = serde_json::to_string(&config).unwrap() + &format!("{config:?}");
    assert!(!shown.contains("hunter2") && !shown.contains("0000012345"), "{shown}");
}

#[test]
fn errors_say_where_what_and_the_way_out() {
    let sasl = "[kafka]\nbrokers = [\"k:1\"]\n[kafka.sasl]\nusername = \"u\"\npassword = \"hunter2\"";
    let sftp = "[[partner]]\nid = \"a\"\nisa_sender = \"ZZ:11\"\nisa_receiver = \"ZZ:22\"\n[partner.sftp]\nhost = \"h\"\nuser = \"u\"\nkey_file = \"k\"\nin = \"i\"\nout = \"o\"";
    let pair = "id = \"a\"\nisa_sender = \"ZZ:11\"\nisa_receiver = \"ZZ:22\"\n[partner.folder]\nin = \"i\"\nout = \"o\"";
    for (text, message) in [
        (
            "[payer]\n\ntimezon = \"UTC\"",
            "claimstream.toml line 3: unknown key payer.timezon, did you mean payer.timezone?",
        ),
        ("[payr]", "claimstream.toml line 1: unknown key payr, did you mean payer?"),
        (
            "[ledger]\nxxxxxxxx = 1",
            "claimstream.toml line 2: unknown key ledger.xxxxxxxx, expected one of kind",
        ),
        (
            "[kafka]\nbroker = [\"k:1\"]",
            "claimstream.toml line 2: unknown key kafka.broker, did you mean kafka.brokers?",
        ),
        (
            "[payer]\ntimezone = \"America/Los_Angles\"",
            "claimstream.toml line 2: payer.timezone is \"America/Los_Angles\", expected an IANA time zone, did you mean America/Los_Angeles?",
        ),
        (
            "[limits]\nthreads = -1",
            "claimstream.toml line 2: limits.threads is -1, expected a whole number from 0 to 1024",
        ),
        (
            "[limits]\nthreads = \"1\"",
            "claimstream.toml line 2: limits.threads is of type string, expected a whole number from 0 to 1024",
        ),
        (
            "[remit]\non_ingest = 1",
            "claimstream.toml line 2: remit.on_ingest is 1, expected true or false",
        ),
        (
            "[remit]\nschedule = \"daily\"",
            "claimstream.toml line 2: remit.schedule is \"daily\", expected week days and a time such as Tue,Fri 18:00",
        ),
        (
            "[ledger]\nkind = \"postgres\"",
            "claimstream.toml line 2: ledger.kind is \"postgres\", expected one of sqlite",
        ),
        (
            "[payer]\nids = []",
            "claimstream.toml line 2: payer.ids is of type array, expected payer ids of 1 to 80 characters",
        ),
        (
            "[payer]\nname = \"A*B\"",
            "claimstream.toml line 2: payer.name is \"A*B\", expected a name of 1 to 60 characters",
        ),
        ("payer = 1", "claimstream.toml line 1: payer is 1, expected a section [payer]"),
        (
            "[partner]\nid = \"a\"",
            "claimstream.toml line 1: partner is of type table, expected sections [[partner]] in the file",
        ),
        (
            "[telemetry]\notlp_endpoint = \"https://x\"",
            "claimstream.toml line 2: telemetry.otlp_endpoint is \"https://x\", expected http://host:port of an OpenTelemetry collector, which may speak TLS from there on",
        ),
        (
            "[payer.bank]\nrouting = \"123456780\"",
            "claimstream.toml line 1: payer.bank.account is missing, expected 4 to 35 letters and digits",
        ),
        (
            "[payer.bank]\naccount = \"?9?\"",
            "claimstream.toml line 2: payer.bank.account is something else, expected 4 to 35 letters and digits",
        ),
        (
            sasl,
            "claimstream.toml line 5: kafka.sasl.password is in the configuration file, expected password_file, or the environment variable CLAIMSTREAM__KAFKA__SASL__PASSWORD",
        ),
        (
            sftp,
            "claimstream.toml line 5: partner.sftp.host_keys is missing, expected fingerprints such as SHA256:… (without one the server could be anyone)",
        ),
        (
            &format!("[[partner]]\n{pair}\n[partner.severity]\nS3O1 = \"warn\""),
            "claimstream.toml line 9: unknown key partner.severity.S3O1, did you mean partner.severity.S301?",
        ),
        (
            &format!("[[partner]]\n{pair}\n[partner.severity]\n8 = \"warn\""),
            "claimstream.toml line 9: unknown key partner.severity.8, expected one of a check id such as S301, a SNIP level from 1 to 7",
        ),
        (
            &format!("[[partner]]\n{pair}\n[partner.severity]\nS301 = \"error\""),
            "claimstream.toml line 9: partner.severity.S301 is \"error\", expected reject, warn or ignore",
        ),
        (
            &format!("[[partner]]\n{pair}\n[[partner]]\n{pair}"),
            "configuration: partner.id is \"a\" twice, expected a name of its own for each partner",
        ),
        (
            &format!("[[partner]]\n{pair}\n[[partner]]\n{}", pair.replace("\"a\"", "\"b\"")),
            "configuration: partner.isa_sender with isa_receiver is the same for a and b, expected a pair of its own for each partner",
        ),
        (
            &format!("[service.door]\npartner = \"a\"\n[[partner]]\n{pair}"),
            "claimstream.toml line 1: service.door.token_file is missing, expected the path of a file with a token",
        ),
        (
            &format!("[service.door]\npartner = \"b\"\ntoken_file = \"t\"\n[[partner]]\n{pair}"),
            "configuration: service.door.partner is \"b\", expected the id of a [[partner]]",
        ),
        (
            "[service.door]\npartner = \"b\"\ntoken_file = \"t\"\n[[partner]]\nid = \"a\"\nisa_sender = \"ZZ:11\"\nisa_receiver = \"ZZ:22\"",
            "claimstream.toml line 4: partner.sftp is missing, expected [partner.sftp] or [partner.folder]",
        ),
        (
            "[service.door]\npartner = \"a\"\ntoken_file = \"t\"\n[[partner]]\nid = \"a\"\nisa_sender = \"ZZ:11\"\nisa_receiver = \"ZZ:22\"\n[partner.remit]\npayees = [\"*\"]",
            "claimstream.toml line 4: partner.remit.payees is set without a channel, expected [partner.sftp] or [partner.folder], by which 835s are sent",
        ),
        (
            &format!("[[partner]]\n{pair}\n[partner.remit]\npayees = [\"1234567890\"]"),
            "claimstream.toml line 9: partner.remit.payees is of type array, expected NPIs of ten digits, and * for every payee whom no partner names",
        ),
        (
            &enrolled(&["\"1234567893\"", "\"*\", \"1234567893\""]),
            "configuration: partner.remit.payees is \"1234567893\" for p0 and p1, expected one partner for each payee",
        ),
        (
            &enrolled(&["\"1234567893\", \"*\"", "\"1881546299\"", "\"*\""]),
            "configuration: partner.remit.payees is \"*\" for p0 and p2, expected one partner for each payee",
        ),
        (
            &format!("[[partner]]\n{pair}\n[partner.pgp]\nkey_file = \"k\"\nsigners = [\"{}\"]", "0a".repeat(20)),
            "claimstream.toml line 8: partner.pgp.signer_keys is missing, expected the path of the public keys of signers",
        ),
        (
            &format!("[[partner]]\n{pair}\n[partner.pgp]\nkey_file = \"k\"\nsigner_keys = \"k\""),
            "claimstream.toml line 8: partner.pgp.signer_keys is set without signers, expected both or none",
        ),
        (
            &format!("[[partner]]\n{pair}\n[partner.pgp]\nkey_file = \"k\"\nsigners = [\"0A\"]"),
            "claimstream.toml line 10: partner.pgp.signers is of type array, expected fingerprints of 40 or 64 hexadecimal digits",
        ),
        (
            &format!("[[partner]]\nfail_over_after = \"1h\"\n{pair}"),
            "claimstream.toml line 1: partner.fail_over_after is set without a fallback, expected [partner.fallback.sftp] or [partner.fallback.folder]",
        ),
        (
            &format!("[[partner]]\nfail_over_after = \"soon\"\n{pair}"),
            "claimstream.toml line 2: partner.fail_over_after is \"soon\", expected a time such as 15m, or 0 for only by hand",
        ),
        (
            &format!("[[partner]]\n{pair}\n[partner.fallback]\nprocessed = \"p\""),
            "claimstream.toml line 8: partner.fallback.sftp is missing, expected [partner.fallback.sftp] or [partner.fallback.folder]",
        ),
        (
            &format!("[[partner]]\n{pair}\n[partner.fallback.folder]\nin = \"i\"\nout = \"o\""),
            "claimstream.toml line 1: partner.fallback is the channel itself, expected another channel",
        ),
        (
            "a = ",
            "claimstream.toml line 1: not TOML: string values must be quoted, expected literal string",
        ),
    ] {
        let error = parsed(text, &[]).expect_err(text).to_string();
        assert_eq!(error, message);
        assert!(!error.contains("hunter2"));
    }
}

/// Partners that carry the 835s of these payees.
fn enrolled(payees: &[&str]) -> String {
    let partner = |(number, payees): (usize, &&str)| {
        format!(
            "[[partner]]\nid = \"p{number}\"\nisa_sender = \"ZZ:1{number}\"\nisa_receiver = \"ZZ:22\"\n[partner.folder]\nin = \"i\"\nout = \"o\"\n\
             [partner.remit]\npayees = [{payees}]\n"
        )
    };
    payees.iter().enumerate().map(partner).collect()
}

#[test]
fn a_payee_has_one_carrier_or_none() {
    let carriers = |payees: &[&str]| {
        let config = parsed(&enrolled(payees), &[]).unwrap();
        let of = |npi: &str| {
            let carrier = config.carrier_of(&Npi::parse(npi.as_bytes()).unwrap());
            carrier.map_or("-".to_string(), |partner| partner.profile.id.to_string())
        };
        [of("1234567893"), of("1881546299")].join(" ")
    };
    for (payees, expected) in [
        (&["\"1234567893\""][..], "p0 -"),
        (&["\"*\""], "p0 p0"),
        (&["\"*\"", "\"1881546299\""], "p0 p1"),
        (&["\"1234567893\", \"*\"", "\"1881546299\""], "p0 p1"),
        (&["\"1881546299\"", "\"1234567893\""], "p1 p0"),
    ] {
        assert_eq!(carriers(payees), expected, "{payees:?}");
    }
    let shown = serde_json::to_value(parsed(&enrolled(&["\"1234567893\", \"*\""]), &[]).unwrap()).unwrap();
    assert_eq!(shown["partner"][0]["remit"]["payees"], serde_json::json!(["1234567893", "*"]));
    assert_eq!(shown["partner"][0]["remit"]["ack_after"], "2d");
}

#[test]
fn errors_of_the_environment_name_the_variable() {
    for (name, text, message) in [
        ("CLAIMSTREAM__PAYER__TIMEZON", "UTC", "unknown key payer.timezon, did you mean payer.timezone?"),
        ("CLAIMSTREAM__PAYER", "x", "payer is one value, expected a key of that section"),
        ("CLAIMSTREAM__PAYER__NAME__X", "x", "payer.name is a section, expected one value"),
        ("CLAIMSTREAM__KAFKA__BROKR", "k:1", "unknown key kafka.brokr, did you mean kafka.brokers?"),
        (
            "CLAIMSTREAM__LIMITS__THREADS",
            "many",
            "limits.threads is \"many\", expected a whole number from 0 to 1024",
        ),
        (
            "CLAIMSTREAM__PARTNER__ID",
            "x",
            "partner is in the environment, expected sections [[partner]] in the file",
        ),
    ] {
        let error = parsed("", &[(name, text)]).expect_err(name).to_string();
        assert_eq!(error, format!("environment {name}: {message}"));
    }
}

#[test]
fn a_file_that_cannot_be_read_is_named() {
    let error = Config::load(Some(Path::new("/nowhere/claimstream.toml")), std::iter::empty()).unwrap_err();
    assert_eq!(error.to_string(), "/nowhere/claimstream.toml: cannot be read");
}

#[test]
fn only_the_partner_of_the_door_needs_no_channel() {
    let door = "[service.door]\npartner = \"a\"\ntoken_file = \"t\"\n[[partner]]\nid = \"a\"\nisa_sender = \"ZZ:11\"\nisa_receiver = \"ZZ:22\"\n";
    let channel = |text: &str| parsed(text, &[]).unwrap().partners[0].channel.clone();
    assert_eq!(channel(door), None);
    assert!(matches!(
        channel(&format!("{door}[partner.folder]\nin = \"i\"\nout = \"o\"")),
        Some(Channel::Folder(_))
    ));
}
