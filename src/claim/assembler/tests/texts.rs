//! Nothing of a claim is lost: its text, its places, its bound.

use super::*;
use crate::claim::source::{SourceSegment, SourceText};
use crate::finding::Check;
use crate::position::SegmentTag;

/// The segments of the set in a file, as the file has them.
fn in_file(set: &Set) -> Vec<Phi<Vec<u8>>> {
    let mut segments = Vec::new();
    for_each_segment(&set.bytes, 4096, |segment| {
        if segment.at.ordinal > 0 {
            segments.push(Phi::new(segment.bytes.to_vec()));
        }
    })
    .unwrap();
    segments
}

fn text_of(segment: &SourceSegment<'_>) -> Phi<Vec<u8>> {
    segment.bytes().map(|bytes| bytes.to_vec())
}

#[test]
fn every_segment_of_a_set_is_kept_once_in_its_place() {
    for (form, body) in [(Form::Professional, PROFESSIONAL), (Form::Institutional, INSTITUTIONAL)] {
        let (set, claim) = one(form, body);
        let header: Vec<SourceSegment<'_>> = set.header.text.segments().collect();
        let (trailer, header) = header.split_last().unwrap();
        let kept: Vec<SourceSegment<'_>> = header.iter().copied().chain(claim.segments()).chain([*trailer]).collect();
        assert_eq!(kept.iter().map(text_of).collect::<Vec<_>>(), in_file(&set));
        let mut walker = walker(form);
        let mut kept = kept.iter();
        for_each_segment(&set.bytes, 4096, |segment| {
            if segment.at.ordinal > 0 {
                let (placed, kept) = (walker.accept(segment), kept.next().unwrap());
                assert_eq!((kept.at, kept.loop_id, kept.starts_loop), (segment.at, placed.loop_id, placed.starts_loop));
                assert_eq!(kept.element_count(), segment.element_count());
                for number in 0..=segment.element_count() + 2 {
                    assert_eq!(kept.element(number), Phi::new(segment.element(number)));
                    assert_eq!(kept.component(number, 2), Phi::new(segment.component(number, 2)));
                    assert_eq!(kept.position_of(number, 0), segment.position_of(placed.loop_id, number));
                }
            }
        })
        .unwrap();
    }
}

#[test]
fn lines_and_components_have_their_place() {
    let (set, claim) = one(Form::Professional, PROFESSIONAL);
    let procedures: Vec<_> = claim.segments_of(LoopId::L2400, SegmentTag::of("SV1")).collect();
    assert_eq!(procedures.iter().map(|segment| segment.line).collect::<Vec<_>>(), [Some(1), Some(2)]);
    for segment in claim.segments() {
        assert_eq!(segment.line.is_some(), segment.loop_id.is_some_and(LoopId::is_in_line), "{segment:?}");
    }
    // SV101-3 of `SV1*HC:99214:25::59`.
    let modifier = procedures[0].position_of(1, 3);
    assert!(set.bytes[modifier.byte as usize..].starts_with(b"25:"));
    assert_eq!(modifier.element_name().as_deref(), Some("SV101-3"));
    assert!(procedures[0].has(3, "UN") && !procedures[0].has(3, "MJ"));
}

#[test]
fn what_typed_lists_drop_is_in_the_text() {
    let claims = [
        "CLM*A*1***11:A:1**A*Y*Y~\n".to_string(),
        "HI*ABF:I10*ABF:I10*ABF:I10~\n".repeat(20),
        "LX*1~\nSV2*0120**1*DA*3~\n".into(),
        "SVD*P*1~\n".repeat(20),
        "ZZZ*NOBODY KNOWS*THIS~\n".into(),
        "N3*OUT OF PLACE~\n".into(),
    ]
    .concat();
    let set = Set::read(Form::Institutional, &institutional_with(&claims));
    let claim = &set.claims[0].claim;
    assert_eq!((claim.diagnoses.len(), claim.lines[0].other_payers.len()), (41, 15));
    let kept = |tag: &str| claim.text.segments().filter(|segment| segment.at.tag == SegmentTag::of(tag)).count();
    assert_eq!(["HI", "SVD", "ZZZ", "N3"].map(kept), [20, 20, 1, 1]);
    let sent = claims.split_terminator("~\n").map(|segment| Phi::new(segment.as_bytes().to_vec()));
    assert!(claim.text.segments().map(|segment| text_of(&segment)).eq(sent));
}

#[test]
fn repetitions_are_cut_where_the_interchange_has_them() {
    let body = professional_with("CLM*A*1***11:B:1*Y*A*Y*Y~\nNTE*ADD*ONE^TWO~\n");
    let set = Set::read(Form::Professional, &body);
    let note = set.claims[0].claim.segments_of(LoopId::L2300, SegmentTag::of("NTE")).next().unwrap();
    assert_eq!(note.repetitions(2).collect::<Vec<_>>(), [Phi::new(&b"ONE"[..]), Phi::new(&b"TWO"[..])]);
}

#[test]
fn a_claim_without_end_is_cut_and_says_so_once() {
    let long = "NTE*ADD*".to_string() + &"X".repeat(30_000) + "~\n";
    let body = professional_with(&format!("CLM*A*1***11:B:1*Y*A*Y*Y~\n{}LX*1~\nCLM*B*1***11:B:1*Y*A*Y*Y~\n", long.repeat(200)));
    let set = Set::read(Form::Professional, &body);
    let [endless, next] = &set.claims[..] else { panic!("two claims") };
    assert!(endless.claim.text.is_cut() && endless.claim.text.size() <= limits::CLAIM_TEXT_BYTES_MAX);
    let found: Vec<_> = endless.findings.iter().map(|finding| (finding.check, finding.code.to_string())).collect();
    assert_eq!(found, [(Check::S204, "A7:481".to_string())]);
    assert_eq!(
        endless.findings[0].position.ordinal as usize,
        set.header.text.len() - 1 + before(&endless.claim) + 1
    );
    assert!(!next.claim.text.is_cut() && next.findings.is_empty());
    // In a party every claim of it is told.
    let body = professional_with(&format!("{}CLM*A*1***11:B:1*Y*A*Y*Y~\nCLM*B*1***11:B:1*Y*A*Y*Y~\n", long.repeat(200)));
    let set = Set::read(Form::Professional, &body);
    for claim in &set.claims {
        assert_eq!(claim.findings.len(), 1);
        assert!(claim.claim.subscriber.text.is_cut());
    }
}

/// Segments kept of a claim and of what it inherits.
fn before(claim: &Claim) -> usize {
    claim.segments().count()
}

#[test]
fn the_text_shows_nothing_of_itself() {
    let (_, claim) = one(Form::Professional, PROFESSIONAL);
    let shown = format!("{:?} {:?} {:?}", claim.text, claim.text.segments(), claim.segments().next().unwrap().element(1));
    for value in ["PCN0001", "TESTMEMBER", "99214", "AUTH123456"] {
        assert!(!shown.contains(value), "{value}");
    }
    assert!(shown.contains("2300") && shown.contains("[PHI]"));
}

#[test]
fn loops_come_back_from_their_number() {
    for (place, loop_id) in LoopId::ALL.iter().enumerate() {
        assert_eq!(*loop_id as usize, place);
    }
}

proptest! {
    /// Any segments, in any loops, come back as they were.
    #[test]
    fn what_is_kept_comes_back(
        bodies in proptest::collection::vec("[A-Z]{2,3}(\\*[ -)+-9;-}]{0,20}){0,12}", 1..40),
        places in proptest::collection::vec((proptest::option::of(0usize..LoopId::ALL.len()), any::<bool>()), 40),
    ) {
        let file = [ISA, "GS*HC*A*B~ST*837*1~", &bodies.join("~"), "~SE*1*1~GE*1*1~IEA*1*1~"].concat();
        let (mut text, mut expected, mut place) = (SourceText::default(), Vec::new(), places.iter().cycle());
        let _ = for_each_segment(file.as_bytes(), 4096, |segment| {
            let (number, starts_loop) = *place.next().unwrap();
            let loop_id = number.and_then(|number| LoopId::ALL.get(number).copied());
            // Those of one interchange have its separators.
            if !matches!(segment.id(), b"ISA" | b"IEA") && text.push(segment, loop_id, starts_loop) {
                expected.push((segment.at, loop_id, starts_loop, Phi::new(segment.bytes.to_vec())));
            }
        });
        let kept: Vec<_> = text
            .segments()
            .map(|kept| (kept.at, kept.loop_id, kept.starts_loop, text_of(&kept)))
            .collect();
        prop_assert_eq!(kept, expected);
    }
}
