//! Whole sets through tokenizer and walker: every field, sharing, other payers, located findings.

mod fields;
mod findings;
mod situational;
mod texts;

use std::sync::Arc;

use chrono::NaiveDate;
use proptest::prelude::*;

use super::*;
use crate::claim::party::Name;
use crate::guide::walker::{Placed, Walker};
use crate::ids::{Npi, Qualifier};
use crate::phi::Phi;
use crate::position::SegmentPosition;
use crate::tables::guides::guide;
use crate::x12::tokenizer::for_each_segment;

const ISA: &str = "ISA*00*          *00*          *ZZ*SENDER         *ZZ*RECEIVER       *260116*0930*^*00501*000000001*0*T*:~";

const PROFESSIONAL: &str = "\
GS*HC*SENDER*RECEIVER*20260116*0930*1*X*005010X222A1~
ST*837*0001*005010X222A1~
BHT*0019*00*BATCH0001*20260116*0930*CH~
NM1*41*2*TEST CLEARINGHOUSE*****46*SUB01~
PER*IC*EDI DESK*TE*5555550100~
NM1*40*2*TEST PLAN*****46*RCV01~
HL*1**20*1~
PRV*BI*PXC*207Q00000X~
NM1*85*1*CLINICIAN*CARA*M***XX*1234567893~
N3*100 MAIN ST*SUITE 7~
N4*ORANGE*CA*928680000~
REF*EI*951234567~
NM1*87*2~
N3*PO BOX 9~
N4*ELSEWHERE*NV*890010000~
NM1*PE*2*PAY TO PLAN*****PI*999~
REF*EI*000000000~
HL*2*1*22*0~
SBR*P*18*GRP*****MB*MC~
PAT*****D8*20250131***Y~
NM1*IL*1*TESTMEMBER*ANA*Q***MI*91234567A2~
N3*1 TEST AVE~
N4*SANTA ANA*CA*927010000~
DMG*D8*19900214*F~
NM1*PR*2*TEST PLAN*****PI*CALOP~
CLM*PCN0001*225.5***11:B:7*Y*A*Y*Y**AA:OA::CA*********11~
DTP*439*D8*20250105~
DTP*435*D8*20250106~
DTP*096*D8*20250109~
PWK*OZ*BM***AC*DCN77~
PWK*OZ*FX~
AMT*F5*10~
REF*4N*3~
REF*F8*ICN0042~
REF*9F*REFERRAL7~
REF*G1*AUTH123456~
REF*X4*05D1234567~
REF*D9*OA0000000001~
NTE*ADD*REMARK~
CR1*LB*150**A*DH*12~
CRC*07*Y*01~
CRC*ZZ*Y*AV~
HI*ABK:E119*ABF:I10*BF:4019*BP:00840~
NM1*DN*1*REFERRER*RITA****XX*1000000012~
NM1*82*1*DOCTOR*DANA****XX*1000000020~
PRV*PE*PXC*207RC0000X~
NM1*77*2*TEST SURGERY CENTER~
N3*5 ELM ST~
LX*1~
SV1*HC:99214:25::59::VISIT*150.5*UN*1.5*12**2:1**Y**Y*Y~
DTP*472*RD8*20250106-20250107~
REF*6R*LINE-1~
REF*G1*LINEAUTH1~
REF*G1*THEIRS**2U:PAYER9~
REF*F4*05D7654321~
NM1*82*1*OTHER*OTTO****XX*1000000038~
PRV*PE*PXC*208000000X~
LX*2~
SV1*HC:00840:P1*75*MJ*45***1~
DTP*472*D8*20250106~
LIN**N4*00409123401~
CTP****2*ML~
SE*65*0001~
GE*1*1~
IEA*1*000000001~
";

const INSTITUTIONAL: &str = "\
GS*HC*SENDER*RECEIVER*20260116*0930*1*X*005010X223A2~
ST*837*0001*005010X223A2~
BHT*0019*18*BATCH0002*20260116*0930*RP~
NM1*41*2*TEST CLEARINGHOUSE*****46*SUB01~
NM1*40*2*TEST PLAN*****46*RCV01~
HL*1**20*1~
PRV*BI*PXC*282N00000X~
NM1*85*2*TEST HOSPITAL*****XX*1234567893~
N3*200 HOSPITAL WAY~
N4*ORANGE*CA*928680000~
REF*EI*951234568~
HL*2*1*22*0~
SBR*P*18*******MC~
NM1*IL*1*TESTMEMBER*BEN****MI*91234568C~
DMG*D8*19800214*M~
NM1*PR*2*TEST PLAN*****PI*99250~
CLM*PCN0002*9000***11:A:1**A*Y*Y~
DTP*096*TM*1130~
DTP*434*RD8*20250101-20250104~
DTP*435*DT*202501010815~
CL1*1*7*01~
AMT*F3*20.25~
HI*ABK:I214:::::::Y~
HI*ABJ:R079~
HI*APR:R0789*APR:R55~
HI*ABN:W19XXXA:::::::N~
HI*DR:281~
HI*ABF:I10:::::::1*ABF:E785~
HI*BBR:02703DZ:D8:20250102~
HI*BBQ:B2111ZZ:D8:20250103~
HI*BI:70:RD8:20241220-20241224~
HI*BH:11:D8:20250101*BH:A1:D8:19800214~
HI*BE:80:::3*BE:23:::50~
HI*BG:09*BG:C5~
NM1*71*1*ATTEND*ALEX****XX*1000000012~
PRV*AT*PXC*207RI0011X~
NM1*72*1*OPERATE*OLGA****XX*1000000020~
NM1*DN*1*REFERRER*RITA****XX*1000000038~
LX*1~
SV2*0120**6000*DA*3**100~
LX*2~
SV2*0450*HC:99285:25*3000*UN*1~
DTP*472*D8*20250101~
REF*6R*LINE-2~
NM1*82*1*RENDER*RAY****XX*1000000046~
SE*45*0001~
GE*1*1~
IEA*1*000000001~
";

/// A set whose HL, parties and trailer are always the same; `claims` stands under the subscriber.
fn professional_with(claims: &str) -> String {
    let (before, rest) = PROFESSIONAL.split_once("CLM*").unwrap();
    let (_, after) = rest.split_once("SE*").unwrap();
    format!("{before}{claims}SE*{after}")
}

fn institutional_with(claims: &str) -> String {
    let (before, rest) = INSTITUTIONAL.split_once("CLM*").unwrap();
    let (_, after) = rest.split_once("SE*").unwrap();
    format!("{before}{claims}SE*{after}")
}

fn walker(form: Form) -> Walker<'static> {
    Walker::new(guide(form).unwrap())
}

/// A whole set, read.
struct Set {
    bytes: Vec<u8>,
    header: SetHeader,
    claims: Vec<Assembled>,
}

impl Set {
    fn read(form: Form, body: &str) -> Set {
        Set::read_bytes(form, [ISA.as_bytes(), b"\n", body.as_bytes()].concat())
    }

    fn read_bytes(form: Form, bytes: Vec<u8>) -> Set {
        let (mut walker, mut assembler, mut claims) = (walker(form), Assembler::new(form), Vec::new());
        let _ = for_each_segment(&bytes, 4096, |segment| {
            if segment.at.ordinal > 0 {
                let Placed { loop_id, starts_loop, .. } = walker.accept(segment);
                claims.extend(assembler.accept(segment, loop_id, starts_loop));
            }
        });
        claims.extend(assembler.finish());
        Set {
            bytes,
            header: assembler.header().clone(),
            claims,
        }
    }

    fn text(&self, range: ByteRange) -> &str {
        std::str::from_utf8(&self.bytes[range.start as usize..range.end as usize]).unwrap()
    }

    fn at(&self, position: SegmentPosition) -> &str {
        self.text(position.range())
    }
}

fn one(form: Form, body: &str) -> (Set, Claim) {
    let set = Set::read(form, body);
    assert_eq!(set.claims.len(), 1);
    assert_eq!(set.claims[0].findings, []);
    let claim = set.claims[0].claim.clone();
    (set, *claim)
}

fn day(year: i32, month: u32, day: u32) -> NaiveDate {
    NaiveDate::from_ymd_opt(year, month, day).unwrap()
}

fn short(text: &str) -> Option<Qualifier> {
    Some(text.parse().unwrap())
}

fn npi(text: &str) -> Option<Npi> {
    Some(Npi::parse(text.as_bytes()).unwrap())
}

fn person(last: &str, first: &str, middle: &str) -> Name {
    Name {
        last: last.into(),
        first: first.into(),
        middle: middle.into(),
    }
}

#[test]
fn claims_share_what_they_inherit() {
    let claim = |number: &str| format!("CLM*{number}*1***11:B:1*Y*A*Y*Y~\nLX*1~\nSV1*HC:99213*1*UN*1***1~\n");
    let body = [
        claim("A"),
        claim("B"),
        "HL*3*2*23*0~\nPAT*19*****D8*20250301~\nNM1*QC*1*TESTCHILD*CAI~\nN3*1 TEST AVE~\nN4*SANTA ANA*CA*927010000~\nDMG*D8*20250101*U~\n".into(),
        claim("C"),
        "HL*4*1*22*0~\nSBR*S~\nNM1*IL*1*SECOND*SUE****MI*91234568C~\nNM1*PR*2*TEST PLAN*****PI*99250~\n".into(),
        claim("D"),
        "HL*5**20*1~\nNM1*85*2*SECOND CLINIC*****XX*1000000053~\nHL*6*5*22*0~\nSBR*P*18~\n".into(),
        claim("E"),
    ]
    .concat();
    let set = Set::read(Form::Professional, &professional_with(&body));
    let [a, b, c, d, e] = &set.claims[..] else { panic!("five claims") };
    let [a, b, c, d, e] = [&a.claim, &b.claim, &c.claim, &d.claim, &e.claim];
    assert_eq!([a, b, c, d, e].map(|claim| claim.ordinal), [1, 2, 3, 4, 5]);
    assert!(Arc::ptr_eq(&a.subscriber, &b.subscriber) && Arc::ptr_eq(&b.subscriber, &c.subscriber));
    assert!(Arc::ptr_eq(&a.billing_provider, &d.billing_provider) && !Arc::ptr_eq(&a.billing_provider, &e.billing_provider));
    assert_eq!(a.billing_provider.npi, npi("1234567893"));
    assert_eq!(
        (e.billing_provider.npi, e.billing_provider.tin, e.billing_provider.taxonomy),
        (npi("1000000053"), None, None)
    );
    assert_eq!(d.subscriber.name, Phi::new(person("SECOND", "SUE", "")));
    assert!(!d.subscriber.is_patient && d.subscriber.birth_date.is_none());
    assert_eq!([a, b, c, d, e].map(|claim| claim.patient.is_some()), [false, false, true, false, false]);
    let patient = c.patient.as_ref().unwrap();
    assert_eq!(set.at(patient.at), "PAT*19*****D8*20250301", "PAT06 is empty here");
    assert_eq!((patient.relationship, patient.death_date, patient.pregnant), (short("19"), None, false));
    assert_eq!(patient.name, Phi::new(person("TESTCHILD", "CAI", "")));
    assert_eq!(patient.address, a.subscriber.address);
    assert_eq!((patient.birth_date, patient.sex), (Some(Phi::new(day(2025, 1, 1))), short("U").map(Phi::new)));
    assert_eq!(set.text(a.bytes), claim("A").trim_end().trim_end_matches('~'));
}

/// The typed fields alone.
fn without_text(claim: &Claim) -> Claim {
    let mut claim = claim.clone();
    claim.text = Default::default();
    Arc::make_mut(&mut claim.billing_provider).text = Default::default();
    Arc::make_mut(&mut claim.subscriber).text = Default::default();
    if let Some(patient) = &mut claim.patient {
        Arc::make_mut(patient).text = Default::default();
    }
    claim
}

#[test]
fn segments_without_a_place_change_no_field() {
    let (set, expected) = one(Form::Professional, PROFESSIONAL);
    let (mut walker, mut assembler, mut claims) = (walker(Form::Professional), Assembler::new(Form::Professional), Vec::new());
    for_each_segment(&set.bytes, 4096, |segment| {
        if segment.at.ordinal > 0 {
            let Placed { loop_id, starts_loop, .. } = walker.accept(segment);
            // Everything comes a second time, without a place; not what ends or counts claims.
            if !matches!(segment.id(), b"HL" | b"CLM" | b"SE") {
                assert_eq!(assembler.accept(segment, None, false), None);
            }
            claims.extend(assembler.accept(segment, loop_id, starts_loop));
        }
    })
    .unwrap();
    assert_eq!(claims.len(), 1);
    assert_eq!(claims[0].claim.text.len(), 2 * expected.text.len() - 1);
    assert_eq!(without_text(&claims[0].claim), without_text(&expected));
}

#[test]
fn a_claim_without_a_place_still_ends_the_one_before_it_and_counts() {
    let body = professional_with("CLM*A*1***11:B:1*Y*A*Y*Y~\nCLM*LOST*1***11:B:1*Y*A*Y*Y~\nCLM*C*1***11:B:1*Y*A*Y*Y~\n");
    let bytes = [ISA.as_bytes(), body.as_bytes()].concat();
    let (mut walker, mut assembler, mut claims) = (walker(Form::Professional), Assembler::new(Form::Professional), Vec::new());
    for_each_segment(&bytes, 4096, |segment| {
        if segment.at.ordinal > 0 {
            let placed = if segment.element(1) == b"LOST" {
                Placed::default()
            } else {
                walker.accept(segment)
            };
            let ended = assembler.accept(segment, placed.loop_id, placed.starts_loop);
            claims.extend(ended.map(|assembled| assembled.claim.ordinal));
        }
    })
    .unwrap();
    assert_eq!(claims, [1, 3]);
}

#[test]
fn repeats_stay_within_their_limits() {
    let many = |count: usize, text: &str| text.repeat(count);
    let claims = [
        "CLM*A*1***11:A:1**A*Y*Y~\n".into(),
        many(50, "HI*ABF:I10*ABF:I10*BBQ:B2111ZZ*BE:23:::1*BG:09*BG:09~\n"),
        many(40, "NM1*72*1*O~\n"),
        many(20, "SBR*P~\nCAS*CO*1*1**2*1**3*1**4*1**5*1**6*1~\nCAS*CO*1*1**2*1**3*1**4*1**5*1**6*1~\n"),
        (1..=1200).map(|number| format!("LX*{number}~\nSV2*0120**x*DA*3~\n")).collect(),
        many(20, "SVD*P*1~\n"),
    ]
    .concat();
    let set = Set::read(Form::Institutional, &institutional_with(&claims));
    let Assembled { claim, findings } = &set.claims[0];
    let detail = claim.institutional().unwrap();
    assert_eq!(claim.diagnoses.len(), limits::DIAGNOSES_MAX);
    assert_eq!(
        (detail.procedures.len(), detail.value_codes.len(), detail.codes.len()),
        (limits::PROCEDURES_MAX, 50, limits::NUBC_CODES_MAX)
    );
    assert_eq!(claim.providers.len(), limits::PROVIDERS_MAX);
    assert_eq!(claim.other_payers.len(), limits::OTHER_PAYERS_MAX);
    assert_eq!(claim.other_payers[9].adjustments.len(), 12, "a dropped payer's adjustments are dropped too");
    assert_eq!(claim.lines.len(), limits::INSTITUTIONAL_LINES_MAX);
    assert_eq!(claim.lines[998].other_payers.len(), 0, "they belong to a dropped line");
    assert_eq!(findings.len(), 999);

    let claims = format!(
        "CLM*A*1***11:B:1*Y*A*Y*Y~\n{}",
        many(60, &format!("LX*1~\nSV1*HC:99213*1~\n{}", many(6, "REF*G1*A~\n")))
    );
    let set = Set::read(Form::Professional, &professional_with(&claims));
    let lines = &set.claims[0].claim.lines;
    assert_eq!((lines.len(), lines[59].authorizations.len()), (60, limits::LINE_AUTHORIZATIONS_MAX));
}

#[test]
fn stored_text_is_bounded_and_utf8() {
    let body = professional_with(&format!("CLM*{}*1***11:B:1*Y*A*Y*Y~\nREF*D9*A\u{e9}~\n", "X".repeat(5000)));
    let mut bytes = [ISA.as_bytes(), body.as_bytes()].concat();
    let accent = bytes.windows(2).position(|pair| pair == "\u{e9}".as_bytes()).unwrap();
    bytes[accent] = 0xff;
    bytes[accent + 1] = b'B';
    let set = Set::read_bytes(Form::Professional, bytes);
    let claim = &set.claims[0].claim;
    assert_eq!(claim.patient_control_number, Phi::new("X".repeat(limits::TEXT_BYTES_MAX).into()));
    assert_eq!(claim.clearinghouse_trace, "A\u{fffd}B");
}

#[test]
fn the_last_claim_survives_a_set_that_is_cut_short() {
    let whole = [ISA, PROFESSIONAL].concat();
    let cut = whole.find("LX*2~").unwrap();
    let set = Set::read_bytes(Form::Professional, whole.as_bytes()[..cut].to_vec());
    assert_eq!((set.claims.len(), set.claims[0].claim.lines.len()), (1, 1));
}

proptest! {
    /// Noise anywhere, and segments in loops where they don't belong: no panic, and every claim keeps
    /// inside its bytes.
    #[test]
    fn any_noise_ends_without_a_panic(
        institutional: bool,
        noise in proptest::collection::vec(prop_oneof![Just(b'*'), Just(b'~'), Just(b':'), any::<u8>()], 0..40),
        at in 0usize..3000,
        places in proptest::collection::vec((0usize..LoopId::ALL.len(), any::<bool>(), any::<bool>()), 1..60),
    ) {
        let (form, body) = if institutional { (Form::Institutional, INSTITUTIONAL) } else { (Form::Professional, PROFESSIONAL) };
        let mut bytes = [ISA.as_bytes(), body.as_bytes()].concat();
        let at = 106 + at % (bytes.len() - 106);
        bytes.splice(at..at, noise);
        let set = Set::read_bytes(form, bytes.clone());
        for Assembled { claim, .. } in &set.claims {
            for line in &claim.lines {
                prop_assert!(claim.bytes.start <= line.at.byte && line.at.range().end <= claim.bytes.end);
            }
        }
        let (mut walker, mut assembler, mut place) = (walker(form), Assembler::new(form), places.iter().cycle());
        let _ = for_each_segment(&bytes, 512, |segment| {
            let own = walker.accept(segment);
            let Some((loop_number, starts_loop, astray)) = place.next() else { return };
            let (loop_id, starts_loop) = if *astray { (LoopId::ALL.get(*loop_number).copied(), *starts_loop) } else { (own.loop_id, own.starts_loop) };
            assembler.accept(segment, loop_id, starts_loop);
        });
        assembler.finish();
    }
}
