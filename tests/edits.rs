//! SNIP 3–7 over whole files: what is valid has only the findings that are truly there.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

use std::fs;
use std::path::Path;

use chrono::NaiveDate;
use claimstream::claim::{Assembled, Assembler};
use claimstream::edits::{EditContext, edit};
use claimstream::finding::Finding;
use claimstream::guide::walker::Walker;
use claimstream::ids::Form;
use claimstream::tables::guides::guide;
use claimstream::x12::tokenizer::for_each_segment;

const SAMPLES: &str = "../shared/samples";

const PROFESSIONAL: &str = "fixtures/valid/837p--dependent-drug-and-other-payer.x12";
const INSTITUTIONAL: &str = "fixtures/valid/837i--inpatient-stay.x12";

/// Findings of SNIP 3 to 7 about each claim of a file received on 2026-01-16, nothing loaded.
fn edited(bytes: &[u8]) -> Vec<Vec<Finding>> {
    let payer_ids = ["CALOP".to_string(), "99250".to_string()];
    let received_on = NaiveDate::from_ymd_opt(2026, 1, 16).unwrap();
    let mut set: Option<(Walker<'static>, Assembler)> = None;
    let mut claims = Vec::new();
    for_each_segment(bytes, usize::MAX, |segment| {
        if segment.is("ST") {
            let institutional = segment.element(3).windows(4).any(|part| part == b"X223");
            let form = if institutional { Form::Institutional } else { Form::Professional };
            set = Some((Walker::new(guide(form).unwrap()), Assembler::new(form)));
        }
        let Some((walker, assembler)) = &mut set else { return };
        let placed = walker.accept(segment);
        if let Some(Assembled { claim, findings }) = assembler.accept(segment, placed.loop_id, placed.starts_loop) {
            let context = EditContext {
                payer_ids: &payer_ids,
                is_encounter: assembler.header().is_encounter(),
                ..EditContext::unenforced(received_on)
            };
            claims.push(findings.into_iter().chain(edit(&claim, &context)).collect());
        }
    })
    .unwrap();
    claims
}

/// `S411 A6:337 2300 CLM`, with the line when there is one.
fn brief(finding: &Finding) -> String {
    let position = finding.position;
    let loop_id = position.loop_id.map_or("-", |loop_id| loop_id.as_str());
    let place = position.element_name().unwrap_or_else(|| position.segment.to_string());
    let line = finding.line.map(|line| format!(" line {line}")).unwrap_or_default();
    format!("{} {} {loop_id} {place}{line}", finding.check, finding.code)
}

/// Of the first claim.
fn findings_of(text: &str) -> Vec<String> {
    edited(text.as_bytes())[0].iter().map(brief).collect()
}

fn expect_each(file: &str, rows: &[(&str, &str, &[&str])]) {
    let text = fs::read_to_string(file).unwrap();
    assert_eq!(findings_of(&text), Vec::<String>::new(), "{file}");
    for (old, new, expected) in rows {
        assert!(text.contains(old), "{old} is not there");
        assert_eq!(findings_of(&text.replacen(old, new, 1)), *expected, "{new}");
    }
}

#[test]
fn professional_mutations() {
    expect_each(
        PROFESSIONAL,
        &[
            ("CLM*P-0001*225*", "CLM*P-0001*225.01*", &["S301 A7:400 2300 CLM02", "S302 A7:672 2320 SBR"]),
            ("CAS*CO*45*15~", "CAS*CO*45*14~", &["S302 A7:672 2320 SBR", "S303 A7:672 2430 SVD02 line 2"]),
            ("11:B:1*Y*A*Y*Y*P*EM", "11:B:7*Y*A*Y*Y*P*EM", &["S401 A7:464 2300 CLM05-3"]),
            ("*P*EM*", "*P*AA*", &["S409 A6:728 2300 CLM11-4"]),
            ("*P*EM*", "*P*AA::::MX*", &[]),
            ("*P*EM*", "*P*AA:::CA*", &[]),
            (
                "HC:99214:25*150*UN*1***1:2~",
                "HC:99214:25*150*UN*1***1:4~",
                &["S414 A7:477 2400 SV107-2 line 1"],
            ),
            ("LIN**N4*00409379501", "LIN**N4*0409379501", &["S510 A7:218 2410 LIN03 line 2"]),
            ("CTP****2*UN", "CTP****2", &["S416 A6:222 2410 LIN line 2"]),
            ("472*D8*20251105", "472*D8*20260117", &["S418 A7:510 2400 DTP03 line 1"]),
            ("N3*100 SAMPLE STREET", "N3*SUITE 5*P.O. BOX 7", &["S419 A7:503:85 2010AA N301"]),
            ("CA*92801~\nDMG", "CX*92801~\nDMG", &["S511 A7:501:IL 2010BA N402"]),
            ("DMG*D8*19800102*F", "DMG*D8*19800102", &["S402 A8:155:IL 2010BA NM1"]),
            ("PI*CALOP~", "PI*OTHER~", &["S701 A3:116:PR 2010BB NM109"]),
            ("MI*91234567A", "MI*91234567B", &["S702 A7:164:IL 2010BA NM109"]),
            ("*P*EM*********7", "*P*EM*********2", &["S706 A7:555 2300 CLM20"]),
        ],
    );
}

#[test]
fn institutional_mutations() {
    expect_each(
        INSTITUTIONAL,
        &[
            ("HI*BE:80:::3*", "HI*BE:80:::4*", &["S304 A7:456 2300 HI"]),
            ("DTP*435*DT*202511101405~\n", "", &["S404 A6:189 2300 CLM"]),
            ("CL1*1*1*01", "CL1*1**01", &["S404 A6:229 2300 CL102"]),
            ("HI*ABJ:R1031~\n", "", &["S404 A6:232 2300 CLM"]),
            ("DTP*096*TM*1130~\n", "", &["S405 A6:233 2300 CLM"]),
            (
                "NM1*71*1*SAMPLE*DELTA****XX*1392864017~\nPRV*AT*PXC*208600000X~\n",
                "",
                &["S408 A6:124:71 2300 CLM"],
            ),
            ("472*D8*20251110", "472*D8*20251114", &["S417 A8:187 2400 DTP03 line 2"]),
            ("ABF:I10:::::::Y", "ABF:I1.0:::::::Y", &["S502 A7:255 2300 HI02-2"]),
            ("SV2*0360*", "SV2*0002*", &["S506 A7:455 2400 SV201 line 2"]),
            ("CL1*1*1*01", "CL1*1*1*96", &["S507 A7:234 2300 CL103"]),
            ("BBR:0DTJ4ZZ", "BBR:0DTJ4Z", &["S508 A7:465 2300 HI"]),
            ("ABF:I10:::::::Y", "ABF:I10:::::::X", &["S513 A7:688 2300 HI02-9"]),
            ("11:A:1**", "11:A:3**", &["S602 A8:228 2300 CL103"]),
        ],
    );
}

/// Other payers' ids and members, made-up NPIs, five-digit ZIPs, box addresses, a laboratory without
/// its number and taxonomies that have ended: these are in the samples. Nothing else may be found.
#[test]
fn valid_samples_have_only_what_is_there() {
    let manifest = fs::read_to_string(Path::new(SAMPLES).join("third-party/MANIFEST.tsv")).unwrap_or_default();
    for row in manifest.lines().skip(1) {
        let columns: Vec<&str> = row.split('\t').collect();
        if !columns[6].starts_with("yes") || !(columns[0].starts_with("p/") || columns[0].starts_with("i/")) {
            continue;
        }
        let bytes = fs::read(Path::new(SAMPLES).join("third-party").join(columns[0])).unwrap();
        for findings in edited(&bytes) {
            let others: Vec<String> = findings
                .iter()
                .filter(|finding| !matches!(finding.check.id(), "S412" | "S419" | "S501" | "S509" | "S701" | "S702" | "S704"))
                .map(brief)
                .collect();
            assert_eq!(others, Vec::<String>::new(), "{}", columns[0]);
        }
    }
    for name in ["837p_two_lines.x12", "837i_er_admit.x12"] {
        if let Ok(text) = fs::read_to_string(Path::new(SAMPLES).join(name)) {
            assert_eq!(findings_of(&text), Vec::<String>::new(), "{name}");
        }
    }
}
