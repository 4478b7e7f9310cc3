//! Values that can't be read: what is left of them, and where they are reported.

use super::*;
use crate::money::{Money, Quantity};

/// Where each unreadable value is reported: its code, its line, and the text that stands at its byte.
#[test]
fn unreadable_values_are_located() {
    let claim = "CLM*C*100***11:B:1*Y*A*Y*Y~\nREF*D9*T~\nHI*ABK:E119~\nNM1*82*1*DOCTOR*DANA****XX*1000000020~\nPRV*PE*PXC*207RC0000X~\nSBR*P~\nCAS*PR*1*10~\nAMT*D*5~\n\
                 LX*7~\nSV1*HC:99213:25:59*100*UN*1*11**1:2~\nNM1*DK*1*ORDER*ORA****XX*1000000020~\nSVD*P*5*HC:1**1~\n";
    for (from, to, finding, line, at) in [
        ("*C*100*", "*C*1OO*", "S305 A7:693 CLM02", None, "1OO***11"),
        ("*C*100*", "*C*-1*", "S305 A7:693 CLM02", None, "-1***11"),
        ("*C*100*", "*C*1.005*", "S305 A7:697 CLM02", None, "1.005***11"),
        ("*C*100*", "*C*99999999999*", "S305 A7:693 CLM02", None, "99999999999*"),
        ("11:B:1", "111:B:1", "S505 A7:249 CLM05-1", None, "111:B:1"),
        ("ABK:E119~", "ABK:E119*ABF:I1000000X~", "S502 A7:255 HI02-2", None, "I1000000X~"),
        ("ABK:E119~", "ABK:E11900000~", "S502 A7:254 HI01-2", None, "E11900000~"),
        ("*1000000020~\nPRV", "*1000000021~\nPRV", "S501 A7:562:82 NM109", None, "1000000021~\nPRV"),
        ("207RC0000X", "207RC00000X", "S509 A7:145 PRV03", None, "207RC00000X"),
        ("CAS*PR*1*10~", "CAS*PR*1*10**10000*5~", "S512 A7:521 CAS05", None, "10000*5"),
        ("CAS*PR*1*10~", "CAS*PR*1*1O~", "S305 A7:693 CAS03", None, "1O~"),
        ("AMT*D*5", "AMT*D*-5", "S305 A7:693 AMT02", None, "-5~"),
        ("HC:99213:", "HC:992130000:", "S503 A7:507 SV101-2", Some(7), "992130000:"),
        (":25:59", ":25:599", "S504 A7:453 SV101-4", Some(7), "599*100"),
        ("59*100*UN", "59*1,00*UN", "S305 A7:693 SV102", Some(7), "1,00*UN"),
        ("UN*1*11", "UN*-1*11", "S305 A7:476 SV104", Some(7), "-1*11"),
        ("UN*1*11", "UN*1*111", "S505 A7:249 SV105", Some(7), "111**1:2"),
        ("**1:2~", "**1:0~", "S414 A7:477 SV107-2", Some(7), "0~"),
        ("**1:2~", "**A:2~", "S414 A7:477 SV107-1", Some(7), "A:2~"),
        ("*1000000020~\nSVD", "*100~\nSVD", "S501 A7:562:DK NM109", Some(7), "100~\nSVD"),
        ("SVD*P*5", "SVD*P*5.123", "S305 A7:697 SVD02", Some(7), "5.123"),
    ] {
        assert_eq!(claim.matches(from).count(), 1, "{from}");
        expect_one(Form::Professional, &professional_with(&claim.replace(from, to)), (finding, line, at));
    }
}

#[test]
fn line_numbers_must_rise() {
    let claim = |first: &str, second: &str| {
        format!(
            "CLM*C*100***11:B:1*Y*A*Y*Y~\nHI*ABK:E119~\nLX*{first}~\nSV1*HC:99213*50*UN*1***1~\nDTP*472*D8*20260105~\n\
             LX*{second}~\nSV1*HC:99214*50*UN*1***1~\nDTP*472*D8*20260105~\n"
        )
    };
    for (first, second) in [("3", "3"), ("3", "2")] {
        let line = second.parse().ok();
        expect_one(
            Form::Professional,
            &professional_with(&claim(first, second)),
            ("S110 A7:247 LX01", line, &format!("{second}~\nSV1*HC:99214")),
        );
    }
    let rising = Set::read(Form::Professional, &professional_with(&claim("3", "5")));
    assert!(rising.claims[0].findings.is_empty());
}

#[test]
fn unreadable_institutional_values_are_located() {
    let claim = "CLM*C*100***11:A:1**A*Y*Y~\nCL1*1*7*01~\nHI*ABK:I214:::::::Y~\nHI*DR:281~\nHI*BBR:02703DZ:D8:20250102~\nHI*BH:11:D8:20250101~\nHI*BI:70:RD8:20241220-20241224~\n\
                 HI*BE:80:::3*BE:23:::50~\nHI*BG:09~\nLX*1~\nSV2*0120**100*DA*3**0~\n";
    for (from, to, finding, line, at) in [
        ("11:A:1", "1111:A:1", "S507 A7:228 CLM05-1", None, "1111:A"),
        ("CL1*1*7*01", "CL1*1111*7*01", "S507 A7:231 CL101", None, "1111*7"),
        ("CL1*1*7*01", "CL1*1*7777*01", "S507 A7:229 CL102", None, "7777*"),
        ("CL1*1*7*01", "CL1*1*7*0101", "S507 A7:234 CL103", None, "0101~"),
        (":::::::Y", ":::::::YYYY", "S513 A7:688 HI01-9", None, "YYYY~"),
        ("DR:281", "DR:281281", "S507 A7:256 HI01-2", None, "281281~"),
        ("02703DZ", "02703DZZZ", "S508 A7:465 HI01-2", None, "02703DZZZ"),
        ("BH:11", "BH:1111", "S507 A7:719 HI01-2", None, "1111:D8"),
        ("BE:23:::50", "BE:23:::-50", "S305 A7:693 HI02-5", None, "-50~"),
        ("BE:23:::50", "BE:2323:::50", "S507 A7:725 HI02-2", None, "2323:"),
        ("BG:09", "BG:0909", "S507 A7:460 HI01-2", None, "0909~"),
        ("SV2*0120", "SV2*01200", "S506 A7:455 SV201", Some(1), "01200*"),
        ("DA*3**0", "DA*3**-0.01", "S305 A7:693 SV207", Some(1), "-0.01"),
        ("DA*3**0", "DA*three**0", "S305 A7:476 SV205", Some(1), "three"),
    ] {
        assert_eq!(claim.matches(from).count(), 1, "{from}");
        expect_one(Form::Institutional, &institutional_with(&claim.replace(from, to)), (finding, line, at));
    }
}

fn expect_one(form: Form, body: &str, (expected, line, at): (&str, Option<u16>, &str)) {
    let set = Set::read(form, body);
    let [found] = &set.claims[0].findings[..] else {
        panic!("{expected}: found {:?}", set.claims[0].findings)
    };
    let name = found.position.element_name().unwrap();
    assert_eq!(format!("{} {} {name}", found.check, found.code), expected);
    assert_eq!(found.line, line, "{expected}");
    assert!(
        set.bytes[found.position.byte as usize..].starts_with(at.as_bytes()),
        "{expected} stands at {at}"
    );
    assert_eq!(found.position.loop_id.is_some_and(|found| found >= LoopId::L2400), line.is_some());
}

#[test]
fn every_claim_bears_the_findings_of_its_billing_provider() {
    let claims = "CLM*A*1***11:B:1*Y*A*Y*Y~\nCLM*B*1***11:B:1*Y*A*Y*Y~\nHL*3**20*1~\nHL*4*3*22*0~\nCLM*C*1***11:B:1*Y*A*Y*Y~\n";
    let body = professional_with(claims)
        .replace("XX*1234567893", "XX*1234567890")
        .replace("951234567", "95-1234567");
    let set = Set::read(Form::Professional, &body);
    let findings: Vec<Vec<String>> = set
        .claims
        .iter()
        .map(|assembled| assembled.findings.iter().map(|found| format!("{} {}", found.check, found.code)).collect())
        .collect();
    let both = vec!["S501 A7:562:85".to_string(), "S703 A7:128:85".to_string()];
    assert_eq!(findings, [both.clone(), both, vec![]]);
    assert_eq!(
        (set.claims[0].claim.billing_provider.npi, set.claims[0].claim.billing_provider.tin),
        (None, None)
    );
}

#[test]
fn bad_values_leave_their_field_empty() {
    let claims = "CLM*A*-5***11:B:1*Y*A*Y*Y~\nAMT*F5*x~\nLX*A~\nSV1*HC:99213*1.234*UN*-1***0:5~\nDTP*472*D8*20251301~\nLX*~\n";
    let set = Set::read(Form::Professional, &professional_with(claims));
    let claim = &set.claims[0].claim;
    assert_eq!((claim.charge, claim.professional().unwrap().patient_paid), (Money::ZERO, None));
    let [first, second] = &claim.lines[..] else { panic!("two lines") };
    assert_eq!((first.number, second.number), (1, 2), "by place when LX01 is no number");
    assert_eq!((first.charge, first.units, first.service.is_none()), (Money::ZERO, Quantity::default(), true));
    assert_eq!(first.professional.diagnosis_pointers, [0, 5, 0, 0], "the second pointer keeps its place");
    assert_eq!((second.at.tag, second.procedure), (crate::position::SegmentTag::of("LX"), None));
}
