//! Bad input: what is said about it, which claims still get in, what is answered and remembered.

use std::fs;

use super::answers::acknowledgements;
use super::site::{Run, Site, repository};

const BASE: &str = "fixtures/valid/837p--three-claims-of-two-members.x12";

/// What the base file says about people: nothing of it may be repeated.
const VALUES: &[&str] = &[
    "TESTALDER",
    "QUINN",
    "91234571A",
    "PCNALDER",
    "ALDERL",
    "TESTBIRCH",
    "ROWAN",
    "91234572C",
    "PCNBIRCH",
    "BIRCHL",
    "SAMPLE COURT",
    "19870623",
    "19790811",
];

/// One file, and what comes of it.
struct Case {
    name: &'static str,
    bytes: Vec<u8>,
    /// `verdict[ reason] received-rejected: codes…` of `validate`, every level.
    validated: &'static str,
    /// `state[ reason] received-rejected` of `status` after `ingest`.
    recorded: &'static str,
    /// What the acknowledgements say, joined by ` | `.
    answered: &'static str,
}

fn base() -> String {
    fs::read_to_string(repository(BASE)).unwrap()
}

/// The base file with one text replaced; it must be there once.
fn with(old: &str, new: &str) -> Vec<u8> {
    let base = base();
    assert_eq!(base.matches(old).count(), 1, "{old}");
    base.replace(old, new).into_bytes()
}

/// The same, and SE01 says how many segments there are now.
fn recounted(old: &str, new: &str) -> Vec<u8> {
    let text = String::from_utf8(with(old, new)).unwrap();
    let count = part(&text, "ST*", "\nSE*").matches("~\n").count() + 1;
    text.replace("SE*44*", &format!("SE*{count}*")).into_bytes()
}

/// From the first `from` up to and with the first `to` after it.
fn part<'a>(text: &'a str, from: &str, to: &str) -> &'a str {
    let start = text.find(from).unwrap();
    let end = start + text[start..].find(to).unwrap() + to.len();
    &text[start..end]
}

fn cases() -> Vec<Case> {
    let base = base();
    let second = base.replace("000000103", "000000104");
    let set = part(&base, "ST*", "*0001~\nGE").trim_end_matches("GE").to_string();
    let group = part(&base, "GS*", "GE*1*103~\n").to_string();
    let case = |name, bytes: Vec<u8>, validated, recorded, answered| Case {
        name,
        bytes,
        validated,
        recorded,
        answered,
    };
    vec![
        case(
            "whole",
            base.clone().into(),
            "accepted 3-0:",
            "completed 3-0",
            "999 A / A | 277CA A2:20:PR A2:20:PR A2:20:PR",
        ),
        case("empty", Vec::new(), "rejected empty 0-0:", "rejected empty 0-0", ""),
        case("blank", b"\r\n\r\n".to_vec(), "rejected empty 0-0:", "rejected empty 0-0", ""),
        case(
            "text",
            b"Dear payer, please find attached our claims of last month. Kind regards, the billing office of the clinic.".to_vec(),
            "rejected not-x12 0-0: TA1:022",
            "rejected not-x12 0-0",
            "",
        ),
        case(
            "isa-in-lower-case",
            base.to_ascii_lowercase().into(),
            "rejected not-x12 0-0: TA1:022",
            "rejected not-x12 0-0",
            "",
        ),
        case(
            "isa-only",
            base[..107].into(),
            "rejected truncated 0-0: TA1:023",
            "rejected truncated 0-0",
            "TA1 R 023",
        ),
        case(
            "isa-and-iea-only",
            format!("{}IEA*0*000000103~\n", &base[..107]).into(),
            "rejected empty 0-0:",
            "rejected empty 0-0",
            "",
        ),
        case(
            "isa-too-short",
            with("*ZZ*330897513      *", "*ZZ*330897513*"),
            "rejected not-x12 0-0: TA1:022",
            "rejected not-x12 0-0",
            "",
        ),
        case(
            "separators-the-same",
            with("*0*T*:~", "*0*T**~"),
            "rejected not-x12 0-0: TA1:022",
            "rejected not-x12 0-0",
            "",
        ),
        case(
            "version-4010",
            with("*^*00501*", "*U*00401*"),
            "rejected envelope 3-3: TA1:017",
            "rejected envelope 3-3",
            "TA1 R 017",
        ),
        case(
            "iea-count",
            with("IEA*1*", "IEA*2*"),
            "rejected envelope 3-3: TA1:021",
            "rejected envelope 3-3",
            "TA1 R 021",
        ),
        case(
            "iea-number",
            with("IEA*1*000000103", "IEA*1*000000109"),
            "rejected envelope 3-3: TA1:001",
            "rejected envelope 3-3",
            "TA1 R 001",
        ),
        case(
            "ge-count",
            with("GE*1*103", "GE*2*103"),
            "rejected envelope 3-3: AK905:5",
            "rejected envelope 3-3",
            "999 R / A",
        ),
        case(
            "ge-number",
            with("GE*1*103", "GE*1*109"),
            "rejected envelope 3-3: AK905:4",
            "rejected envelope 3-3",
            "999 R / A",
        ),
        case(
            "se-count",
            with("SE*44*0001", "SE*45*0001"),
            "rejected envelope 3-3: IK502:4",
            "rejected envelope 3-3",
            "999 R / R",
        ),
        case(
            "se-number",
            with("SE*44*0001", "SE*44*0002"),
            "rejected envelope 3-3: IK502:3",
            "rejected envelope 3-3",
            "999 R / R",
        ),
        case(
            "se-missing",
            with("SE*44*0001~\n", ""),
            "rejected envelope 3-3: IK502:2",
            "rejected envelope 3-3",
            "999 R / R",
        ),
        case(
            "ge-missing",
            with("GE*1*103~\n", ""),
            "rejected envelope 3-3: AK905:3",
            "rejected envelope 3-3",
            "999 R / A",
        ),
        case(
            "iea-missing",
            with("IEA*1*000000103~\n", ""),
            "rejected truncated 3-3: TA1:023",
            "rejected truncated 3-3",
            "TA1 R 023",
        ),
        case(
            "guide-of-dental-claims",
            with("*X*005010X222A1~\nST*837*0001*005010X222A1", "*X*005010X224A2~\nST*837*0001*005010X224A2"),
            "rejected envelope 3-3: AK905:2",
            "rejected envelope 3-3",
            "999 R / R",
        ),
        case(
            "guide-unknown",
            with("*X*005010X222A1~\nST*837*0001*005010X222A1", "*X*005010X999~\nST*837*0001*005010X999"),
            "rejected envelope 3-3: AK905:2",
            "rejected envelope 3-3",
            "999 R / R",
        ),
        case(
            "group-of-eligibility",
            with("GS*HC*", "GS*HS*"),
            "rejected envelope 3-3: AK905:1",
            "rejected envelope 3-3",
            "999 R / R",
        ),
        case(
            "second-interchange-truncated",
            format!("{base}{}", &second[..second.len() / 2]).into(),
            "rejected truncated 3-3: TA1:023 AK905:3 IK502:2",
            "rejected truncated 3-3",
            "TA1 R 023 | TA1 R 023",
        ),
        case(
            "second-interchange-miscounted",
            format!("{base}{}", second.replace("IEA*1*", "IEA*3*")).into(),
            "partial 6-3: TA1:021",
            "completed 6-3",
            "999 A / A | 277CA A2:20:PR A2:20:PR A2:20:PR | TA1 R 021",
        ),
        case(
            "same-interchange-number-twice",
            format!("{base}{base}").into(),
            "partial 6-3: TA1:025",
            "completed 6-3",
            "999 A / A | 277CA A2:20:PR A2:20:PR A2:20:PR | TA1 R 025",
        ),
        case(
            "second-group-miscounted",
            base.replace(
                &group,
                &format!("{group}{}", group.replace("GE*1*103", "GE*7*104").replace("*0930*103*", "*0930*104*")),
            )
            .replace("IEA*1*", "IEA*2*")
            .into(),
            "partial 6-3: AK905:5",
            "completed 6-3",
            "999 A / A | 277CA A2:20:PR A2:20:PR A2:20:PR | 999 R / A",
        ),
        case(
            "second-set-miscounted",
            base.replace(
                &set,
                &format!("{set}{}", set.replace("ST*837*0001", "ST*837*0002").replace("SE*44*0001", "SE*42*0002")),
            )
            .replace("GE*1*", "GE*2*")
            .into(),
            "partial 6-3: IK502:4",
            "completed 6-3",
            "999 P / A R | 277CA A2:20:PR A2:20:PR A2:20:PR",
        ),
        case(
            "nul-in-a-name",
            with("TESTALDER*QUINN", "TESTALDER*QU\0NN"),
            "partial 3-2: IK403:6#1 IK403:6#2",
            "completed 3-2",
            "999 E / E | 277CA A3:684 A3:684 A2:20:PR",
        ),
        case(
            "invalid-utf-8-in-a-name",
            replaced_byte(&base, "ROWAN", 0xff),
            "partial 3-1: IK403:6#3",
            "completed 3-1",
            "999 E / E | 277CA A2:20:PR A2:20:PR A3:684",
        ),
        case(
            "nul-between-segments",
            with("HL*2*1*22*0~\n", "HL*2*1*22*0~\n\0\0"),
            "partial 3-2: IK304:1#1 IK304:3#1 IK304:1#2 IK304:3#2",
            "completed 3-2",
            "999 E / E | 277CA A3:684 A3:684 A2:20:PR",
        ),
        case(
            "segment-of-100-kb",
            with("TESTALDER*QUINN", &format!("TESTALDER*{}", "Q".repeat(100_000))),
            "rejected not-x12 0-0: TA1:022 AK905:3 IK502:2 TA1:022",
            "rejected not-x12 0-0",
            "TA1 R 022",
        ),
        case(
            "element-of-20-kb",
            with("TESTALDER*QUINN", &format!("TESTALDER*{}", "Q".repeat(20_000))),
            "partial 3-2: IK403:5#1 IK403:5#2",
            "completed 3-2",
            "999 E / E | 277CA A3:684 A3:684 A2:20:PR",
        ),
        case(
            "elements-without-end",
            with("REF*6R*ALDERL1", &format!("REF*6R*ALDERL1{}", "*".repeat(500))),
            "rejected not-x12 1-1: TA1:022 AK905:3 IK502:2 TA1:022",
            "rejected not-x12 1-1",
            "TA1 R 022",
        ),
        case(
            "other-separators",
            base.replace('*', "|").replace(':', ">").replace('^', "!").replace("~\n", "~").into(),
            "accepted 3-0:",
            "completed 3-0",
            "999 A / A | 277CA A2:20:PR A2:20:PR A2:20:PR",
        ),
        case(
            "control-characters-as-separators",
            base.replace('*', "\x1d")
                .replace(':', "\x1f")
                .replace('^', "\x1e")
                .replace("~\n", "\x1c")
                .into(),
            "accepted 3-0:",
            "completed 3-0",
            "999 A / A | 277CA A2:20:PR A2:20:PR A2:20:PR",
        ),
        case(
            "line-end-as-terminator",
            base.replace("~\n", "\n").into(),
            "accepted 3-0:",
            "completed 3-0",
            "999 A / A | 277CA A2:20:PR A2:20:PR A2:20:PR",
        ),
        case(
            "segment-id-in-lower-case",
            with("HI*ABK:J069~\nLX*1~\nSV1*HC:99213*120", "hi*ABK:J069~\nLX*1~\nSV1*HC:99213*120"),
            "partial 3-1: IK304:1#1 IK304:3#1",
            "completed 3-1",
            "999 E / E | 277CA A3:684 A2:20:PR A2:20:PR",
        ),
        case(
            "claim-id-in-lower-case",
            with("CLM*PCNALDER2", "clm*PCNALDER2"),
            "partial 2-1: IK304:1#1 IK304:7#1",
            "completed 2-1",
            "999 E / E | 277CA A3:684 A2:20:PR",
        ),
        case(
            "unknown-segment",
            recounted("REF*6R*ALDERL1~\n", "REF*6R*ALDERL1~\nZZZ*QUINN~\n"),
            "partial 3-1: IK304:1#1",
            "completed 3-1",
            "999 E / E | 277CA A3:684 A2:20:PR A2:20:PR",
        ),
        case(
            "one-claim-out-of-balance",
            with("CLM*PCNALDER2*80*", "CLM*PCNALDER2*81*"),
            "partial 3-1: A7:400#2",
            "completed 3-1",
            "999 A / A | 277CA A2:20:PR A7:400 A2:20:PR",
        ),
        case(
            "one-claim-without-line",
            recounted("LX*1~\nSV1*HC:99212*80*UN*1***1~\nDTP*472*D8*20251117~\nREF*6R*ALDERL2~\n", ""),
            "partial 3-1: IK304:3#2",
            "completed 3-1",
            "999 E / E | 277CA A2:20:PR A3:684 A2:20:PR",
        ),
        case(
            "a-member-without-name",
            recounted("NM1*IL*1*TESTALDER*QUINN****MI*91234571A~\n", ""),
            "partial 3-2: IK304:2#1 IK304:2#1 IK304:2#1 IK304:3#1 IK304:2#2 IK304:2#2 IK304:2#2 IK304:3#2",
            "completed 3-2",
            "999 E / E | 277CA A3:684 A3:684 A2:20:PR",
        ),
        case(
            "amount-is-text",
            with("CLM*PCNBIRCH1*95*", "CLM*PCNBIRCH1*QUINN*"),
            "partial 3-1: IK403:6#3",
            "completed 3-1",
            "999 E / E | 277CA A2:20:PR A2:20:PR A3:684",
        ),
        case(
            "date-is-no-date",
            with("DTP*472*D8*20251110", "DTP*472*D8*20251340"),
            "partial 3-1: IK403:8#1",
            "completed 3-1",
            "999 E / E | 277CA A3:684 A2:20:PR A2:20:PR",
        ),
    ]
}

/// Changes the first byte of a text.
fn replaced_byte(base: &str, text: &str, byte: u8) -> Vec<u8> {
    let mut bytes = base.as_bytes().to_vec();
    bytes[base.find(text).unwrap()] = byte;
    bytes
}

/// `validate` and its acknowledgements, and the same from `ingest` with what it recorded.
fn outcome(case: &Case) -> (String, String, String) {
    let site = Site::new();
    let file = site.file("bad.837", &case.bytes);
    let validated = site.json(&["validate", "bad.837", "--ack-dir", "acks"]);
    validated.says_none_of(VALUES);
    let ingested = site.json(&["--data-dir", "data", "--log", "trace", "ingest", &file]);
    ingested.says_none_of(VALUES);
    let result = ingested.result();
    assert_eq!(result["conservation"], 0, "{result}");
    let status = site.json(&["--data-dir", "data", "status", "bad.837"]).expect(0);
    let row = &status.of_type("file")[0];
    let word = |name: &str| row[name].as_str().map(|word| format!(" {word}")).unwrap_or_default();
    let recorded = format!(
        "{}{} {}-{}",
        row["state"].as_str().unwrap(),
        word("reason"),
        row["claims"]["received"],
        row["claims"]["rejected"]
    );
    let is_clean = recorded.starts_with("completed") && row["claims"]["rejected"] == 0;
    assert_eq!(ingested.code, Some(if is_clean { 0 } else { 4 }), "{}", case.name);
    let said = |directory: &str| {
        let directory = site.path(directory);
        if directory.exists() { acknowledgements(&directory) } else { Vec::new() }
    };
    let answered = said("data/outbound/default");
    assert_eq!(said("acks"), answered, "{}: validate writes what ingest would send", case.name);
    (summary(&validated), recorded, answered.join(" | "))
}

fn summary(validated: &Run) -> String {
    let result = validated.result();
    let findings = validated.of_type("finding");
    assert_eq!(result["findings"].as_u64(), Some(findings.len() as u64));
    let codes: Vec<String> = findings
        .iter()
        .map(|finding| {
            let claim = finding["claim_ordinal"].as_u64().map(|claim| format!("#{claim}")).unwrap_or_default();
            format!("{}{claim}", finding["code"].as_str().unwrap())
        })
        .collect();
    let verdict = result["verdict"].as_str().unwrap();
    let is_clean = verdict == "accepted" && findings.is_empty();
    assert_eq!(validated.code, Some(if is_clean { 0 } else { 4 }));
    let reason = result["reason"].as_str().map(|reason| format!(" {reason}")).unwrap_or_default();
    let claims = &result["claims"];
    format!("{verdict}{reason} {}-{}: {}", claims["received"], claims["rejected"], codes.join(" "))
        .trim_end()
        .to_string()
}

#[test]
fn what_is_said_in_plain_text_names_nobody_either() {
    let site = Site::new();
    let files: Vec<String> = cases().iter().map(|case| site.file(case.name, &case.bytes)).collect();
    let files: Vec<&str> = files.iter().map(String::as_str).collect();
    let run = site.run(&[&["--log", "trace", "validate"], files.as_slice()].concat()).expect(4);
    run.says_none_of(VALUES);
    assert!(files.iter().all(|file| run.stdout.contains(&format!("{file}: "))));
}

#[test]
fn each_kind_is_answered_and_recorded() {
    let mut wrong = Vec::new();
    for case in cases() {
        let (validated, recorded, answered) = outcome(&case);
        if (validated.as_str(), recorded.as_str(), answered.as_str()) != (case.validated, case.recorded, case.answered) {
            wrong.push(format!("{}:\n  {validated}\n  {recorded}\n  {answered}", case.name));
        }
    }
    assert!(wrong.is_empty(), "\n{}\n", wrong.join("\n"));
}

#[test]
fn a_file_that_ends_anywhere_lets_no_claim_in() {
    let (site, base) = (Site::new(), base());
    let names: Vec<String> = (1..base.len() - 1)
        .step_by(7)
        .map(|end| site.file(&format!("cut/{end:05}"), &base.as_bytes()[..end]))
        .collect();
    let files: Vec<&str> = names.iter().map(String::as_str).collect();
    let validated = site.json(&[&["validate"], files.as_slice()].concat()).expect(4);
    validated.says_none_of(VALUES);
    let results = validated.of_type("result");
    assert_eq!(results.len(), files.len());
    for result in &results {
        let length: usize = result["file"].as_str().unwrap().rsplit('/').next().unwrap().parse().unwrap();
        let reason = if length < 106 { "not-x12" } else { "truncated" };
        assert_eq!((&result["verdict"], &result["reason"]), (&"rejected".into(), &reason.into()), "{result}");
        assert_eq!(result["ta1"], if length < 106 { serde_json::Value::Null } else { "R".into() }, "{result}");
        assert_ne!(result["findings"], 0, "{result}");
    }

    let ingested = site.json(&[&["--data-dir", "data", "ingest"], files.as_slice()].concat()).expect(4);
    ingested.says_none_of(VALUES);
    let result = ingested.result();
    assert_eq!(
        (&result["rejected_files"], &result["conservation"]),
        (&files.len().into(), &0.into()),
        "{result}"
    );
    assert_eq!(result["claims"]["received"], result["claims"]["rejected"]);
    assert!(site.tree("data/outbound").keys().all(|name| name.ends_with(".ta1")));
    let status = site.json(&["--data-dir", "data", "status"]).expect(0).of_type("file");
    assert!(status.iter().all(|file| file["state"] == "rejected" && file["reason"].is_string()));

    // The whole file, sent again after all that, gets in: what was cut off used up nothing.
    let whole = site.file("whole", &base);
    assert_eq!(site.json(&["--data-dir", "data", "ingest", &whole]).expect(0).result()["claims"]["received"], 3);
}

#[test]
fn acknowledgements_of_several_files_stand_side_by_side() {
    let site = Site::new();
    site.file("good", base());
    site.file("bad", with("IEA*1*", "IEA*2*"));
    site.json(&["validate", "good", "bad", "good", "--ack-dir", "acks"]).expect(4);
    let accepted = ["999 A / A", "277CA A2:20:PR A2:20:PR A2:20:PR"];
    assert_eq!(
        acknowledgements(&site.path("acks")),
        [accepted[0], accepted[1], "TA1 R 021", accepted[0], accepted[1]]
    );
}

#[test]
fn an_interchange_number_is_used_once() {
    let site = Site::new();
    let first = site.file("first", base());
    let other = site.file("other", with("TESTALDER*QUINN", "TESTALDER*QUENTIN"));
    site.json(&["--data-dir", "data", "ingest", &first]).expect(0);
    let result = site.json(&["--data-dir", "data", "ingest", &other]).expect(4).result();
    assert_eq!((&result["rejected_files"], &result["remittances"]), (&1.into(), &0.into()), "{result}");
    assert_eq!((&result["claims"]["received"], &result["claims"]["rejected"]), (&3.into(), &3.into()));
    let status = site.json(&["--data-dir", "data", "status", &other]).of_type("file").remove(0);
    assert_eq!((&status["state"], &status["reason"]), (&"rejected".into(), &"duplicate-control-number".into()));
    assert_eq!(
        acknowledgements(&site.path("data/outbound/default")).last().map(String::as_str),
        Some("TA1 R 025")
    );
    assert_eq!(site.events("data", "decisions").len(), 3);
}
