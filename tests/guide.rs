//! SNIP 1–2 over whole files: what is valid passes, each one-change mutation is found where it is.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

use std::fs;
use std::path::{Path, PathBuf};

use claimstream::finding::Finding;
use claimstream::guide::walker::Walker;
use claimstream::ids::Form;
use claimstream::tables::guides::guide;
use claimstream::x12::tokenizer::{TokenError, for_each_segment};
use proptest::prelude::*;

const SAMPLES: &str = "../shared/samples";
const PROFESSIONAL: &str = "fixtures/valid/837p--dependent-drug-and-other-payer.x12";
const INSTITUTIONAL: &str = "fixtures/valid/837i--inpatient-stay.x12";

/// Findings of every set of a file, and how many segments found their loop.
fn walk(bytes: &[u8]) -> Result<(Vec<Finding>, usize), TokenError> {
    let (mut findings, mut placed_segments) = (Vec::new(), 0);
    let mut walker: Option<Walker<'static>> = None;
    for_each_segment(bytes, usize::MAX, |segment| {
        if segment.is("ST") {
            let institutional = segment.element(3).windows(4).any(|part| part == b"X223");
            let form = if institutional { Form::Institutional } else { Form::Professional };
            walker = Some(Walker::new(guide(form).expect("the embedded guide loads")));
        }
        if let Some(walker) = walker.as_mut() {
            let placed = walker.accept(segment);
            placed_segments += usize::from(placed.loop_id.is_some());
            findings.extend(placed.closed.into_iter().chain(placed.findings));
        }
        if segment.is("SE") {
            walker = None;
        }
    })?;
    Ok((findings, placed_segments))
}

/// `S201 IK304:3 2400 DTP` or `S202 IK403:7 2300 CLM05-2`.
fn brief(finding: &Finding) -> String {
    let position = finding.position;
    let loop_id = position.loop_id.map_or("-", |loop_id| loop_id.as_str());
    let place = position.element_name().unwrap_or_else(|| position.segment.to_string());
    format!("{} {} {loop_id} {place}", finding.check, finding.code)
}

fn findings_of(text: &str) -> Vec<String> {
    walk(text.as_bytes()).expect("X12").0.iter().map(brief).collect()
}

fn samples(under: &str) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = fs::read_dir(Path::new(SAMPLES).join(under))
        .map(|entries| entries.filter_map(|entry| Some(entry.ok()?.path())).filter(|path| path.is_file()).collect())
        .unwrap_or_default();
    files.sort();
    files
}

#[test]
fn valid_fixtures_have_no_findings() {
    for file in [PROFESSIONAL, INSTITUTIONAL] {
        let text = fs::read_to_string(file).unwrap();
        assert_eq!(findings_of(&text), Vec::<String>::new(), "{file}");
    }
}

#[test]
fn valid_samples_are_not_rejected() {
    let manifest = fs::read_to_string(Path::new(SAMPLES).join("third-party/MANIFEST.tsv")).unwrap_or_default();
    let mut files: Vec<PathBuf> = samples("").into_iter().filter(|path| path.to_string_lossy().contains("/837")).collect();
    for row in manifest.lines().skip(1) {
        let columns: Vec<&str> = row.split('\t').collect();
        if (columns[0].starts_with("p/") || columns[0].starts_with("i/")) && columns[6].starts_with("yes") {
            files.push(Path::new(SAMPLES).join("third-party").join(columns[0]));
        }
    }
    for file in files {
        let (findings, _) = walk(&fs::read(&file).unwrap()).unwrap();
        let rejecting: Vec<String> = findings.iter().filter(|finding| finding.rejects()).map(brief).collect();
        assert_eq!(rejecting, Vec::<String>::new(), "{}", file.display());
    }
}

#[test]
fn every_sample_is_walked_to_its_end() {
    for folder in ["277ca", "835", "999", "i", "invalid", "p", "ta1"] {
        for file in samples(&format!("third-party/{folder}")) {
            let _ = walk(&fs::read(file).unwrap());
        }
    }
}

/// One change to a text whose segments stand on lines of their own.
#[derive(Debug, Clone, Copy)]
enum Change {
    Drop(&'static str),
    Swap(&'static str, &'static str),
    /// A segment after (the first of) another.
    Add(&'static str, &'static str),
}
use Change::{Add, Drop, Swap};

impl Change {
    fn apply(self, text: &str) -> String {
        let line = |segment: &str| format!("{segment}~\n");
        let (old, new) = match self {
            Drop(segment) => (line(segment), String::new()),
            Swap(segment, other) => (line(segment), line(other)),
            Add(segment, more) => (line(segment), line(segment) + &line(more)),
        };
        assert!(text.contains(&old), "{self:?} does not apply");
        text.replacen(&old, &new, 1)
    }
}

fn expect_each(file: &str, rows: &[(Change, &[&str])]) {
    let text = fs::read_to_string(file).unwrap();
    for (change, expected) in rows {
        assert_eq!(findings_of(&change.apply(&text)), *expected, "{change:?}");
    }
}

const CLM: &str = "CLM*P-0001*225***11:B:1*Y*A*Y*Y*P*EM*********7";
const SV1: &str = "SV1*HC:99214:25*150*UN*1***1:2";
const LINE_DATE: &str = "DTP*472*D8*20251105";
const BILLING: &str = "NM1*85*2*SAMPLE FAMILY CLINIC*****XX*1881546299";
const DIAGNOSES: &str = "HI*ABK:E119*ABF:I10*ABF:Z7984";

#[test]
fn professional_mutations_that_a_reference_validator_sees_too() {
    expect_each(
        PROFESSIONAL,
        &[
            (Drop(LINE_DATE), &["S208 IK304:3 2400 DTP"]),
            (Drop("REF*EI*951234567"), &["S201 IK304:3 2010AA REF"]),
            (Swap(CLM, "CLM*P-0001*225***11:A:1*Y*A*Y*Y*P*EM*********7"), &["S210 IK403:7 2300 CLM05-2"]),
            (Swap(CLM, "CLM*P-0001*225***11:B:1*Y*A*Y*Y*P*EM*********12"), &["S202 IK403:7 2300 CLM20"]),
        ],
    );
}

#[test]
fn segments_and_their_places() {
    expect_each(
        PROFESSIONAL,
        &[
            // Missing, noticed at the next segment in order or at the end of the loop.
            (Drop("BHT*0019*00*BATCH0101*20260116*0930*CH"), &["S201 IK304:3 ST BHT"]),
            (Drop("NM1*40*2*CALOPTIMA*****46*CALOP"), &["S201 IK304:3 1000B NM1"]),
            (Drop("NM1*PR*2*CALOPTIMA*****PI*CALOP"), &["S201 IK304:3 2010BB NM1"]),
            (Drop("SBR*S*18*******MC"), &["S201 IK304:3 2000B SBR"]),
            (Drop(DIAGNOSES), &["S201 IK304:3 2300 HI"]),
            (Drop(SV1), &["S201 IK304:3 2400 SV1"]),
            (Drop("CTP****2*UN"), &["S201 IK304:3 2410 CTP"]),
            (Drop("OI***Y***Y"), &["S201 IK304:3 2320 OI"]),
            // Order: free among equal tags, fixed between positions; what follows still finds its place.
            (Add("REF*D9*TRACE0001", "REF*F8*ORIGINAL1"), &[]),
            (Add(DIAGNOSES, "REF*F8*ORIGINAL1"), &["S110 IK304:7 2300 REF"]),
            (Add(LINE_DATE, "CR3*I*MO*12"), &["S110 IK304:7 2400 CR3"]),
            (Add("NM1*82*1*SAMPLE*RHO****XX*1742508314", "REF*F8*ORIGINAL1"), &["S110 IK304:7 2300 REF"]),
            (
                Add("LX*1", "NM1*QB*1******XX*1234567893"),
                &[
                    "S201 IK304:3 2400 SV1",
                    "S208 IK304:3 2400 DTP",
                    "S110 IK304:7 2400 SV1",
                    "S110 IK304:7 2400 DTP",
                    "S110 IK304:7 2400 REF",
                    "S110 IK304:7 2400 REF",
                    "S110 IK304:7 2400 NTE",
                ],
            ),
            // A loop out of order interrupts; the loops around it go on.
            (Add(LINE_DATE, "NM1*PR*2*SAMPLE INSURANCE*****PI*55555"), &["S110 IK304:7 2010BB NM1"]),
            (
                Add("OI***Y***Y", "NM1*45*2*SAMPLE SITE"),
                &["S110 IK304:7 2310F NM1", "S201 IK304:3 2310F N3", "S201 IK304:3 2310F N4"],
            ),
            // Tags: unknown, of another set, of the standard but not the guide, of the guide but not here.
            (Add(LINE_DATE, "ZZZ*1"), &["S110 IK304:1 - ZZZ"]),
            (Add(LINE_DATE, "DTPX*472*D8*20251105"), &["S110 IK304:1 - DTP"]),
            (Add(LINE_DATE, "CLP*1"), &["S110 IK304:6 - CLP"]),
            (Add(LINE_DATE, "CL1*1**01"), &["S203 IK304:I4 - CL1"]),
            (Add(LINE_DATE, "DMG*D8*19800102*F"), &["S110 IK304:2 - DMG"]),
            (Add(LINE_DATE, ""), &["S113 IK304:8 - ?"]),
            (Add("LX*2", "SV1"), &["S113 IK304:8 2400 SV1", "S204 IK304:5 2400 SV1"]),
            // Codes that tell equal tags apart.
            (Add("REF*6R*LINE0001", "REF*QQ*X"), &["S202 IK403:7 2400 REF01"]),
            (Add("REF*6R*LINE0001", "REF**X"), &["S201 IK403:1 2400 REF01"]),
            (Swap("REF*EI*951234567", "REF*QQ*951234567"), &["S202 IK403:7 2010AA REF01"]),
            (Swap(LINE_DATE, "DTP*999*D8*20251105"), &["S202 IK403:7 2400 DTP01"]),
            (Swap(DIAGNOSES, "HI*ZZZ:E119"), &["S202 IK403:7 2300 HI01-1"]),
            // Repeats.
            (Add("AMT*F5*10", "AMT*F5*10"), &["S204 IK304:5 2300 AMT"]),
            (
                Add("NM1*40*2*CALOPTIMA*****46*CALOP", "NM1*40*2*CALOPTIMA*****46*CALOP"),
                &["S204 IK304:4 1000B NM1"],
            ),
        ],
    );
}

#[test]
fn elements_and_components() {
    expect_each(
        PROFESSIONAL,
        &[
            (Swap(SV1, "SV1*HC:99214:25**UN*1***1:2"), &["S201 IK403:1 2400 SV102"]),
            (Swap(SV1, "SV1*HC::25*150*UN*1***1:2"), &["S201 IK403:1 2400 SV101-2"]),
            (Swap(SV1, "SV1*HC:99214:25*150*XX*1***1:2"), &["S202 IK403:7 2400 SV103"]),
            (Swap(SV1, "SV1*HC:99214:25*150*UN*1***1:13"), &["S202 IK403:7 2400 SV107-2"]),
            (Swap(SV1, "SV1*HC:99214:25*150*UN*1**X*1:2"), &["S203 IK403:I10 2400 SV106"]),
            (Swap(SV1, "SV1*HC:99214:25*15O*UN*1***1:2"), &["S111 IK403:6 2400 SV102"]),
            (Swap(SV1, "SV1*HC:99214:25*150.*UN*1***1:2"), &["S111 IK403:6 2400 SV102"]),
            (Swap(SV1, "SV1*HC:99214:2*150*UN*1***1:2"), &["S111 IK403:4 2400 SV101-3"]),
            (Swap(SV1, "SV1*HC:99214:25*150*UN*1***1:2**"), &["S113 IK403:3 2400 SV108"]),
            (Swap(SV1, "SV1*HC:99214:25::*150*UN*1***1:2"), &["S113 IK403:3 2400 SV101-4"]),
            (Swap(SV1, "SV1*HC:99214:25::::::X*150*UN*1***1:2"), &["S113 IK403:13 2400 SV101-9"]),
            (Swap(SV1, "SV1*HC:99214^99215*150*UN*1***1:2"), &["S111 IK403:12 2400 SV101-2"]),
            (Swap("AMT*F5*10", "AMT*F5*10***"), &["S113 IK403:3 2300 AMT03"]),
            (Swap("AMT*F5*10", "AMT*F5*10**5"), &["S113 IK403:3 2300 AMT04"]),
            (Swap("AMT*F5*10", "AMT**"), &["S113 IK304:8 2300 AMT"]),
            (Swap("N4*ORANGE*CA*928680001", "N4*O*CA*928680001"), &["S111 IK403:4 2010AA N401"]),
            (Swap("N4*ORANGE*CA*928680001", "N4*ORANGE\u{7}*CA*928680001"), &["S111 IK403:6 2010AA N401"]),
            (Swap("N4*ORANGE*CA*928680001", "N4*ORÁNGE*CA*928680001"), &["S111 IK403:6 2010AA N401"]),
            (Swap("N4*ORANGE*CA*928680001", "N4*ORA:NGE*CA*928680001"), &["S111 IK403:6 2010AA N401"]),
            (Swap("N4*ORANGE*CA*928680001", "N4*   *CA*928680001"), &["S111 IK403:6 2010AA N401"]),
            (Swap("N4*ORANGE*CA*928680001", "N4*Orange #1 {x}*CA*928680001"), &[]),
            (
                Swap("REF*G1*PA0000001", "REF*G1*123456789012345678901234567890123456789012345678901"),
                &["S111 IK403:5 2300 REF02"],
            ),
            // Dates follow their qualifier.
            (Swap(LINE_DATE, "DTP*472*D8*20250229"), &["S112 IK403:8 2400 DTP03"]),
            (Swap(LINE_DATE, "DTP*472*D8*20251105-20251106"), &["S112 IK403:8 2400 DTP03"]),
            (Swap(LINE_DATE, "DTP*472*RD8*20251105-20251306"), &["S112 IK403:8 2400 DTP03"]),
            (Swap(LINE_DATE, "DTP*472*TM*1105"), &["S202 IK403:7 2400 DTP02"]),
            (
                Swap("BHT*0019*00*BATCH0101*20260116*0930*CH", "BHT*0019*00*BATCH0101*20260116*0960*CH"),
                &["S112 IK403:9 ST BHT05"],
            ),
            (
                Swap("BHT*0019*00*BATCH0101*20260116*0930*CH", "BHT*0019*00*BATCH0101*20260132*0930*CH"),
                &["S112 IK403:8 ST BHT04"],
            ),
            (Swap("BHT*0019*00*BATCH0101*20260116*0930*CH", "BHT*0019*00*BATCH0101*20260116*0930*31"), &[]),
            // Syntax notes.
            (Swap(BILLING, "NM1*85*2*SAMPLE FAMILY CLINIC*****XX"), &["S205 IK403:2 2010AA NM109"]),
            (Swap(BILLING, "NM1*85*2*SAMPLE FAMILY CLINIC******1881546299"), &["S205 IK403:2 2010AA NM108"]),
            (Swap("N4*ORANGE*CA*928680001", "N4*ORANGE**928680001****ON"), &["S205 IK403:2 2010AA N404"]),
            (Swap("N4*ORANGE*CA*928680001", "N4*ORANGE*CA*928680001*MX***ON"), &["S205 IK403:10 2010AA N407"]),
            (Swap("CAS*CO*45*20", "CAS*CO*45*20**96"), &["S205 IK403:2 2430 CAS06"]),
            (Swap("CAS*CO*45*20", "CAS*CR*45*20"), &["S202 IK403:7 2430 CAS01"]),
            // Valid controls.
            (Drop("AMT*F5*10"), &[]),
            (Drop("REF*G1*PA0000002"), &[]),
        ],
    );
}

#[test]
fn the_hierarchy() {
    expect_each(
        PROFESSIONAL,
        &[
            (
                Swap("HL*1**20*1", "HL*2**20*1"),
                &["S206 IK403:7 2000A HL01", "S206 IK403:7 2000B HL01", "S206 IK403:7 2000B HL02"],
            ),
            (Swap("HL*2*1*22*1", "HL*A*1*22*1"), &["S206 IK403:7 2000B HL01"]),
            (Swap("HL*2*1*22*1", "HL**1*22*1"), &["S206 IK403:1 2000B HL01"]),
            (Swap("HL*2*1*22*1", "HL*2*7*22*1"), &["S206 IK403:7 2000B HL02"]),
            (Swap("HL*2*1*22*1", "HL*2*1*22*0"), &["S206 IK403:7 2000B HL04"]),
            (Swap("HL*2*1*22*1", "HL*2*1*22*2"), &["S206 IK403:7 2000B HL04"]),
            (Swap("HL*3*2*23*0", "HL*4*2*23*0"), &["S206 IK403:7 2000C HL01"]),
            (Swap("HL*3*2*23*0", "HL*3*1*23*0"), &["S206 IK403:7 2000C HL02"]),
            (Swap("HL*3*2*23*0", "HL*3*2*23*1"), &["S206 IK403:7 2000C HL04"]),
            (Swap("HL*1**20*1", "HL*1*1*20*1"), &["S203 IK403:I10 2000A HL02"]),
            (
                Swap("HL*3*2*23*0", "HL*3*2*24*0"),
                &[
                    "S206 IK403:7 - HL03",
                    "S110 IK304:7 2000B PAT",
                    "S203 IK403:I10 2000B PAT01",
                    "S110 IK304:2 - NM1",
                    "S110 IK304:2 - N3",
                    "S110 IK304:2 - N4",
                    "S110 IK304:2 - DMG",
                    "S206 IK403:7 2000B HL04",
                ],
            ),
        ],
    );
    expect_each(
        INSTITUTIONAL,
        &[
            (Swap("HL*2*1*22*0", "HL*2*1*22*1"), &["S206 IK403:7 2000B HL04"]),
            // A subscriber without its billing provider is reported, and all below still placed.
            (
                Drop("HL*1**20*1"),
                &[
                    "S110 IK304:2 - PRV",
                    "S110 IK304:2 - NM1",
                    "S110 IK304:2 - N3",
                    "S110 IK304:2 - N4",
                    "S110 IK304:2 - REF",
                    "S206 IK403:7 2000B HL01",
                    "S206 IK403:7 2000B HL03",
                ],
            ),
        ],
    );
}

#[test]
fn institutional_mutations() {
    expect_each(
        INSTITUTIONAL,
        &[
            (Add("AMT*F3*50", "AMT*F5*10"), &["S202 IK403:7 2300 AMT01"]),
            (Add("REF*6R*LINE0002", "REF*G1*PA0000004"), &["S202 IK403:7 2400 REF01"]),
            (Drop("CL1*1*1*01"), &["S201 IK304:3 2300 CL1"]),
            (Swap("CL1*1*1*01", "CL1*1*1"), &["S207 IK403:1 2300 CL103"]),
            (Drop("DTP*434*RD8*20251110-20251113"), &["S207 IK304:3 2300 DTP"]),
            (Swap("DTP*434*RD8*20251110-20251113", "DTP*434*D8*20251110"), &["S207 IK403:7 2300 DTP02"]),
            (Swap("SV2*0360*HC:44970*1600*UN*1", "SV2**HC:44970*1600*UN*1"), &["S209 IK403:1 2400 SV201"]),
            (
                Swap("CLM*I-0001*6100***11:A:1**A*Y*Y", "CLM*I-0001*6100***11:B:1**A*Y*Y"),
                &["S210 IK403:7 2300 CLM05-2"],
            ),
            (Swap("DTP*096*TM*1130", "DTP*096*TM*2530"), &["S112 IK403:9 2300 DTP03"]),
            (Swap("DTP*435*DT*202511101405", "DTP*435*DT*202511102405"), &["S112 IK403:8 2300 DTP03"]),
            (Swap("HI*BH:11:D8:20251109", "HI*BH:11:D8:20251139"), &["S112 IK403:8 2300 HI01-4"]),
            (Swap("HI*BE:80:::3*BE:23:::50", "HI*BE:80:::3*BX:23:::50"), &["S202 IK403:7 2300 HI02-1"]),
            // Any order among the HI segments.
            (Add("HI*BG:09", "HI*TC:AB"), &[]),
            (Swap("HI*ABJ:R1031", "HI*BI:71:RD8:20251001-20251003"), &[]),
            // Valid controls.
            (Drop("AMT*F3*50"), &[]),
            (Drop("DTP*472*D8*20251110"), &[]),
        ],
    );
}

#[test]
fn lines_over_the_limit_are_found_and_named() {
    let text = fs::read_to_string(PROFESSIONAL).unwrap();
    let line = "LX*1~\nSV1*HC:99381*80*UN*1***1~\nDTP*472*D8*20251106~\n";
    assert!(text.contains(line));
    let lines: String = (1..=52).map(|number| line.replace("LX*1", &format!("LX*{number}"))).collect();
    let (findings, _) = walk(text.replace(line, &lines).as_bytes()).unwrap();
    let found: Vec<_> = findings.iter().map(|finding| (brief(finding), finding.line)).collect();
    let over = "S204 IK304:4 2400 LX".to_string();
    assert_eq!(found, [(over.clone(), Some(51)), (over, Some(52))]);
}

#[test]
fn claims_over_the_limit_of_a_patient_are_found() {
    let text = fs::read_to_string(PROFESSIONAL).unwrap();
    let claim = &text[text.find("CLM*P-0002").unwrap()..text.rfind("SE*").unwrap()];
    let (findings, _) = walk(text.replace(claim, &claim.repeat(101)).as_bytes()).unwrap();
    assert_eq!(findings.iter().map(brief).collect::<Vec<_>>(), ["S204 IK304:4 2300 CLM"]);
    assert_eq!(findings_of(&text.replace(claim, "")), ["S201 IK304:3 2000C CLM"]);
}

#[test]
fn loops_start_where_the_guide_says() {
    let text = fs::read_to_string(PROFESSIONAL).unwrap();
    let (mut walker, mut started) = (Walker::new(guide(Form::Professional).unwrap()), Vec::new());
    for_each_segment(text.as_bytes(), usize::MAX, |segment| {
        if segment.at.ordinal > 0 {
            let placed = walker.accept(segment);
            started.extend(placed.loop_id.filter(|_| placed.starts_loop).map(|loop_id| loop_id.as_str()));
        }
    })
    .unwrap();
    let expected = "ST 1000A 1000B 2000A 2010AA 2000B 2010BA 2010BB 2300 2310B 2320 2330A 2330B 2400 2420A 2430 2400 2410 2430 \
                    2000C 2010CA 2300 2400 SE";
    assert_eq!(started.join(" "), expected);
}

#[test]
fn findings_stand_at_their_byte() {
    let text = fs::read_to_string(PROFESSIONAL).unwrap();
    let changed = Swap(SV1, "SV1*HC:99214:2*150*XX*1***1:2").apply(&text);
    let (findings, _) = walk(changed.as_bytes()).unwrap();
    let at: Vec<&str> = findings.iter().map(|finding| &changed[finding.position.byte as usize..][..4]).collect();
    assert_eq!(at, ["2*15", "XX*1"]);
    assert!(findings.iter().all(|finding| finding.line == Some(1)));
}

/// Segments dropped, doubled, and bytes overwritten.
fn disturbed(text: &str, drops: &[usize], doubles: &[usize], noise: &[(usize, u8)]) -> Vec<u8> {
    let segments: Vec<&str> = text.split_inclusive("~\n").collect();
    let place = |numbers: &[usize], place: usize| numbers.iter().any(|number| 1 + number % (segments.len() - 1) == place);
    let mut bytes: Vec<u8> = Vec::new();
    for (number, segment) in segments.iter().enumerate() {
        let times = usize::from(!place(drops, number)) + usize::from(place(doubles, number));
        bytes.extend(segment.repeat(times).into_bytes());
    }
    let length = bytes.len();
    for (at, byte) in noise {
        bytes[106 + at % (length - 106)] = *byte;
    }
    bytes
}

proptest! {
    #[test]
    fn disturbed_claims_are_walked_without_a_panic(
        institutional: bool,
        drops in proptest::collection::vec(any::<usize>(), 0..6),
        doubles in proptest::collection::vec(any::<usize>(), 0..6),
        noise in proptest::collection::vec((any::<usize>(), prop_oneof![Just(b'*'), Just(b'~'), Just(b':'), any::<u8>()]), 0..6),
    ) {
        let text = fs::read_to_string(if institutional { INSTITUTIONAL } else { PROFESSIONAL }).unwrap();
        let _ = walk(&disturbed(&text, &drops, &doubles, &noise));
    }
}
