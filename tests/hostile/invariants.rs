//! What holds for any bytes at all: each function panics where it does not. The fuzz targets (`fuzz/`)
//! and the tests beside this file call the same ones.
//!
//! To the next editor: this file is compiled twice, here and in the fuzz crate, which has no other
//! dependencies than `claimstream` and `chrono`.

use std::fmt::Debug;
use std::io::{self, Read};

use chrono::NaiveDate;
use claimstream::claim::Claim;
use claimstream::claim::assembler::{Assembled, Assembler};
use claimstream::config::SeverityProfile;
use claimstream::edits::{EditContext, edit};
use claimstream::envelope::{EnvelopeReader, Event};
use claimstream::finding::Finding;
use claimstream::guide::walker::Walker;
use claimstream::ids::Form;
use claimstream::limits;
use claimstream::pipeline::open_sets::for_each_claim;
use claimstream::pipeline::reading::ReadError;
use claimstream::pipeline::survey::{SurveyError, survey};
use claimstream::pipeline::verdict::Survey;
use claimstream::position::{SegmentPosition, SegmentTag};
use claimstream::tables::guides::guide;
use claimstream::x12::segment::Segment;
use claimstream::x12::separators::Separators;
use claimstream::x12::tokenizer::{Step, TokenError, Tokenizer};

/// The day on which every file here is received.
pub const RECEIVED: NaiveDate = NaiveDate::from_ymd_opt(2026, 1, 16).expect("a day");

/// What a body of [`claim`] stands between: an interchange with one group of this form.
const HEADS: [(Form, &str); 2] = [
    (
        Form::Professional,
        "ISA*00*          *00*          *ZZ*330897513      *ZZ*CALOPTIMA      *260116*0930*^*00501*000000001*0*T*:~\
         GS*HC*330897513*CALOPTIMA*20260116*0930*1*X*005010X222A1~",
    ),
    (
        Form::Institutional,
        "ISA*00*          *00*          *ZZ*330897513      *ZZ*CALOPTIMA      *260116*0930*^*00501*000000001*0*T*:~\
         GS*HC*330897513*CALOPTIMA*20260116*0930*1*X*005010X223A2~",
    ),
];

/// Segments: those of any chunking are the same, stand where they say, and with their terminators and
/// the line ends between them are the whole of the bytes.
pub fn tokenizer(bytes: &[u8]) {
    let whole = places(bytes, &mut Chunks::whole());
    let cut = places(bytes, &mut Chunks::of(bytes));
    assert!(whole == cut, "another chunking gives {cut:?} instead of {whole:?}");
    let (segments, end) = whole;
    match end {
        Ok(()) => assert_filler(bytes, end_of(&segments), bytes.len(), is_between(bytes, &segments)),
        Err(error) => {
            let at = usize::try_from(error.byte).expect("a byte of the file");
            assert_filler(bytes, end_of(&segments), at, is_between(bytes, &segments));
            assert_tells_nothing(&error, &format!("{:?}", TokenError { byte: 0, ..error }), bytes);
        }
    }
}

/// The envelope: what begins ends, in the order it began, and its findings point into the file.
pub fn envelope(bytes: &[u8]) {
    let (events, end) = events(bytes, &mut Chunks::whole());
    assert!(
        (&events, end) == (&self::events(bytes, &mut Chunks::of(bytes)).0, end),
        "another chunking gives other events"
    );
    let mut open: Vec<char> = Vec::new();
    for event in &events {
        let findings = match event {
            Event::InterchangeBegan(_, findings) => {
                assert!(open.is_empty(), "an interchange inside something");
                open.push('I');
                findings
            }
            Event::GroupBegan(_, findings) => {
                assert_eq!(open, ['I'], "a group that is not directly in an interchange");
                open.push('G');
                findings
            }
            Event::SetBegan(_, findings) => {
                assert_eq!(open, ['I', 'G'], "a set that is not directly in a group");
                open.push('S');
                findings
            }
            Event::SetEnded { findings, .. } => {
                assert_eq!(open.pop(), Some('S'));
                findings
            }
            Event::GroupEnded { findings } => {
                assert_eq!(open.pop(), Some('G'));
                findings
            }
            Event::InterchangeEnded { findings } => {
                assert_eq!(open.pop(), Some('I'));
                findings
            }
        };
        assert_findings(findings, bytes);
    }
    assert!(open.is_empty(), "something is left open at the end");
}

/// The claims of one set, whose segments from ST on are `body`: walked, assembled and edited.
pub fn claim(body: &[u8]) {
    let is_institutional = body.windows(4).any(|four| four == b"X223");
    let (form, head) = HEADS[usize::from(is_institutional)];
    let bytes = [head.as_bytes(), body].concat();
    let (claims, placed) = claims_of_set(&bytes, form, &mut Chunks::whole());
    assert!(
        (&claims, &placed) == (&claims_of_set(&bytes, form, &mut Chunks::of(body)).0, &placed),
        "another chunking gives other claims"
    );
    assert_findings(&placed, &bytes);
    let mut before = (0, 0);
    for assembled in &claims {
        assert_claim(assembled, &bytes);
        let now = (assembled.claim.ordinal, assembled.claim.bytes.start);
        assert!(before < now, "claims come in order");
        before = now;
        assert_findings(&edited(&assembled.claim), &bytes);
    }
}

/// A file as `validate` reads it: surveyed to its end, then the claims that may go on.
pub fn whole_file(bytes: &[u8]) {
    let (survey, claims) = read_file(bytes);
    let (again, claims_again) = read_file_from(
        &mut Slowly {
            rest: bytes,
            chunks: Chunks::of(bytes),
        },
        &mut Slowly {
            rest: bytes,
            chunks: Chunks::of(bytes),
        },
    );
    assert_eq!(format!("{survey:?}"), format!("{again:?}"), "another chunking gives another verdict");
    assert!(claims == claims_again, "another chunking gives other claims");
    assert!(claims.len() as u64 <= survey.claims(), "more claims are read than were counted");
    assert_eq!(survey.claims(), clm_segments(bytes), "every CLM inside a set is counted");
    for interchange in &survey.interchanges {
        assert_findings(&interchange.findings, bytes);
        for group in &interchange.groups {
            assert_findings(&group.findings, bytes);
            for set in &group.sets {
                assert_findings(&set.findings, bytes);
                for found in &set.claim_findings {
                    assert_findings(&[found.finding], bytes);
                    assert!(
                        (1..=set.claims).contains(&found.first) && found.first <= found.last,
                        "a finding about a claim that is not there"
                    );
                    assert!(
                        !found.finding.rejects() || set.rejected.contains(found.first),
                        "a claim with a finding that rejects is not rejected"
                    );
                }
            }
        }
    }
    if let Some(stopped) = survey.stopped {
        assert!(stopped.byte <= bytes.len() as u64);
        assert!(survey.rejection().is_some(), "a file without an end lets no claim in");
    }
    claims.iter().for_each(|assembled| assert_claim(assembled, bytes));
}

/// A file whose claims were read: the verdict on it, and every claim that goes on.
pub fn read_file(bytes: &[u8]) -> (Survey, Vec<Assembled>) {
    read_file_from(&mut &*bytes, &mut &*bytes)
}

fn read_file_from(first: &mut dyn Read, second: &mut dyn Read) -> (Survey, Vec<Assembled>) {
    let survey = survey(first, &SeverityProfile::default(), &mut |_, _| Vec::new()).expect("bytes in memory can be read");
    let mut claims = Vec::new();
    if survey.rejection().is_none() {
        let mut each = |_: claimstream::pipeline::open_sets::OpenSet<'_>, _: &_, assembled: Assembled, _: u64| {
            claims.push(assembled);
            Ok::<(), AnyError>(())
        };
        for_each_claim(second, &survey, &mut each, &mut |_| {}).expect("bytes that were surveyed can be read again");
    }
    (survey, claims)
}

/// SNIP 3 to 7 of one claim.
pub fn edited(claim: &Claim) -> Vec<Finding> {
    let findings = edit(claim, &EditContext::unenforced(RECEIVED));
    assert!(findings == edit(claim, &EditContext::unenforced(RECEIVED)), "the same claim, other findings");
    assert!(findings.len() <= limits::FINDINGS_PER_CLAIM_MAX);
    assert!(findings.iter().all(|finding| finding.check.snip().0 >= 3));
    findings
}

#[derive(Debug)]
struct AnyError(#[allow(dead_code, reason = "for the panic that shows it")] Box<dyn Debug>);

impl From<ReadError> for AnyError {
    fn from(error: ReadError) -> AnyError {
        AnyError(Box::new(error))
    }
}

impl From<SurveyError> for AnyError {
    fn from(error: SurveyError) -> AnyError {
        AnyError(Box::new(error))
    }
}

fn assert_claim(assembled: &Assembled, bytes: &[u8]) {
    let Assembled { claim, findings } = assembled;
    assert_findings(findings, bytes);
    assert!(findings.len() <= limits::FINDINGS_PER_CLAIM_MAX);
    assert!(
        !claim.charge.is_negative() && claim.lines.iter().all(|line| !line.charge.is_negative()),
        "a negative charge"
    );
    assert!(!claim.lines.iter().any(|line| line.units.is_negative()), "negative units");
    assert!(claim.lines.len() <= limits::INSTITUTIONAL_LINES_MAX && claim.diagnoses.len() <= limits::DIAGNOSES_MAX);
    assert!(claim.other_payers.len() <= limits::OTHER_PAYERS_MAX && claim.providers.len() <= limits::PROVIDERS_MAX);
    let of_file = |start: u64, end: u64| {
        usize::try_from(start)
            .ok()
            .zip(usize::try_from(end).ok())
            .and_then(|(start, end)| bytes.get(start..end))
    };
    let own = of_file(claim.bytes.start, claim.bytes.end).expect("the claim's bytes stand in the file");
    assert!(own.starts_with(b"CLM"), "a claim starts with its CLM");
    assert_eq!(claim.at.byte, claim.bytes.start);
    for line in &claim.lines {
        assert!(
            claim.bytes.start <= line.bytes.start && line.bytes.end <= claim.bytes.end,
            "a line inside its claim"
        );
        let own = of_file(line.bytes.start, line.bytes.end).expect("the line's bytes stand in the file");
        assert!(own.starts_with(b"LX"), "a line starts with its LX");
    }
}

/// Each points into the file and repeats nothing of it.
fn assert_findings(findings: &[Finding], bytes: &[u8]) {
    for finding in findings {
        assert!(finding.position.byte <= bytes.len() as u64, "a finding beyond the end of the file");
    }
    // What a finding shows is a function of its type; a few show it.
    for finding in findings.iter().take(3) {
        let mut nowhere = *finding;
        nowhere.position.segment = SegmentTag::default();
        assert_tells_nothing(finding, &format!("{nowhere} {nowhere:?}"), bytes);
    }
}

/// No word of six characters or more, except those of `own`, stands in an element of the file.
fn assert_tells_nothing(told: &(impl Debug + std::fmt::Display), own: &str, bytes: &[u8]) {
    let text = format!("{told} {told:?}");
    let words = text.split(|c: char| !c.is_alphanumeric()).filter(|word| word.len() >= 6);
    for word in words {
        let is_position = word.bytes().all(|byte| byte.is_ascii_digit());
        let repeats = || bytes.windows(word.len()).any(|window| window == word.as_bytes());
        assert!(
            is_position || own.contains(word) || !repeats(),
            "{} repeats a word of the file",
            std::any::type_name_of_val(told)
        );
    }
}

/// Where every segment stands, and how reading ended. Each segment is held against the bytes.
fn places(bytes: &[u8], chunks: &mut Chunks) -> (Vec<SegmentPosition>, Result<(), TokenError>) {
    let (mut found, mut previous, mut separators, mut ordinal) = (Vec::new(), 0, None, 0);
    let end = for_each_segment(bytes, chunks, |segment| {
        let start = assert_segment(segment, bytes, &mut separators);
        assert_filler(bytes, previous, start, segment.is("ISA") && is_between(bytes, &found));
        previous = start + segment.bytes.len() + 1;
        ordinal = match segment.id() {
            b"ST" => 1,
            b"ISA" | b"GS" | b"GE" | b"IEA" => 0,
            _ if ordinal > 0 => ordinal + 1,
            _ => 0,
        };
        assert_eq!(segment.at.ordinal, ordinal, "segments are counted from their ST");
        if segment.is("SE") {
            ordinal = 0;
        }
        found.push(segment.at);
    });
    (found, end)
}

/// The segment is what the bytes say; returns where it starts.
fn assert_segment(segment: &Segment<'_>, bytes: &[u8], current: &mut Option<Separators>) -> usize {
    let start = usize::try_from(segment.at.byte).expect("a byte of the file");
    let end = start + segment.bytes.len();
    assert_eq!(segment.at.length as usize, segment.bytes.len());
    assert!(bytes.get(start..end) == Some(segment.bytes), "a segment stands at its byte");
    let own = bytes.get(start..).and_then(|rest| Separators::of_isa(rest).ok());
    let expected = own.or(*current);
    assert_eq!(Some(segment.separators), expected, "separators come from the ISA");
    *current = if segment.is("IEA") { None } else { expected };
    let separators = segment.separators;
    assert_eq!(bytes.get(end), Some(&separators.segment), "a terminator ends the segment");
    assert!(!segment.bytes.contains(&separators.segment), "and stands nowhere inside");
    let mut number = 0;
    for element in segment.bytes.split(|byte| *byte == separators.element) {
        assert!(segment.element(number) == element, "element {number}");
        assert_eq!(
            bytes.get(segment.element_byte(number) as usize..).map(|rest| rest.starts_with(element)),
            Some(true)
        );
        number += 1;
    }
    assert_eq!(segment.element_count() + 1, number);
    assert!(segment.elements().map(|(number, _)| number).eq(1..number) && segment.elements().all(|(number, element)| element == segment.element(number)));
    assert_eq!(segment.at.tag, SegmentTag::from_bytes(segment.id()));
    start
}

fn end_of(segments: &[SegmentPosition]) -> usize {
    segments.last().map_or(0, |segment| segment.range().end as usize + 1)
}

/// Whether nothing is open after these segments: the next one must be an ISA.
fn is_between(bytes: &[u8], segments: &[SegmentPosition]) -> bool {
    segments.last().is_none_or(|last| {
        let range = last.range();
        let text = bytes.get(range.start as usize..range.end as usize).unwrap_or_default();
        last.tag == SegmentTag::of("IEA") && text.get(3).is_none_or(|byte| !byte.is_ascii_alphanumeric())
    })
}

/// Only what may stand between segments, or between interchanges, stands there.
fn assert_filler(bytes: &[u8], start: usize, end: usize, between: bool) {
    let skipped = bytes.get(start..end).expect("positions inside the file, in order");
    let skipped = if start == 0 {
        skipped.strip_prefix(b"\xef\xbb\xbf").unwrap_or(skipped)
    } else {
        skipped
    };
    let is_filler = |byte: &u8| matches!(byte, b'\r' | b'\n') || (between && matches!(byte, b' ' | b'\t' | b'\0' | 0x1a));
    assert!(skipped.iter().all(is_filler), "bytes {start} to {end} belong to no segment");
}

fn events(bytes: &[u8], chunks: &mut Chunks) -> (Vec<Event>, Result<(), TokenError>) {
    let (mut reader, mut events) = (EnvelopeReader::default(), Vec::new());
    let mut open_set = 0;
    let end = for_each_segment(bytes, chunks, |segment| {
        open_set += u32::from(reader.in_set());
        for event in reader.accept(segment) {
            if let (Event::SetEnded { segments, .. }, true) = (&event, segment.is("SE")) {
                assert_eq!(*segments, open_set + 1, "the segments of a set are counted");
            }
            if matches!(event, Event::SetBegan(..)) {
                open_set = 0;
            }
            events.push(event);
        }
    });
    events.extend(reader.finish(bytes.len() as u64, 23));
    (events, end)
}

/// Claims and structural findings of everything in `bytes` after its first group began.
fn claims_of_set(bytes: &[u8], form: Form, chunks: &mut Chunks) -> (Vec<Assembled>, Vec<Finding>) {
    let guide = guide(form).expect("the embedded guides");
    let (mut walker, mut assembler) = (Walker::new(guide), Assembler::new(form));
    let (mut claims, mut findings) = (Vec::new(), Vec::new());
    // Where the bytes stop being X12 is the tokenizer's to say.
    let _ = for_each_segment(bytes, chunks, |segment| {
        if segment.is("ISA") || segment.is("GS") {
            return;
        }
        let placed = walker.accept(segment);
        findings.extend(placed.closed);
        findings.extend(placed.findings);
        claims.extend(assembler.accept(segment, placed.loop_id, placed.starts_loop));
    });
    claims.extend(assembler.finish());
    (claims, findings)
}

/// CLM segments inside a set, counted without the survey.
fn clm_segments(bytes: &[u8]) -> u64 {
    let (mut reader, mut count) = (EnvelopeReader::default(), 0);
    let _ = for_each_segment(bytes, &mut Chunks::whole(), |segment| {
        reader.accept(segment);
        count += u64::from(reader.in_set() && segment.is("CLM"));
    });
    count
}

/// Like [`claimstream::x12::tokenizer::for_each_segment`], in chunks of any sizes.
pub fn for_each_segment(bytes: &[u8], chunks: &mut Chunks, mut each: impl FnMut(&Segment<'_>)) -> Result<(), TokenError> {
    let mut tokenizer = Tokenizer::with_buffer(chunks.first_buffer, 0);
    let mut rest = bytes;
    loop {
        match tokenizer.next()? {
            Step::Segment(ref segment) => each(segment),
            Step::NeedInput if rest.is_empty() => tokenizer.finish(),
            Step::NeedInput => {
                let space = tokenizer.space();
                let count = rest.len().min(space.len()).min(chunks.next());
                let (now, later) = rest.split_at(count);
                space[..count].copy_from_slice(now);
                tokenizer.filled(count);
                rest = later;
            }
            Step::End => return Ok(()),
        }
    }
}

/// In how many bytes at a time a file arrives.
pub struct Chunks {
    first_buffer: usize,
    longest: usize,
    state: u64,
}

impl Chunks {
    /// All at once.
    pub fn whole() -> Chunks {
        Chunks {
            first_buffer: 4096,
            longest: usize::MAX,
            state: 1,
        }
    }

    /// Sizes that are drawn from the bytes themselves, so that a crash is repeated by its input alone.
    pub fn of(bytes: &[u8]) -> Chunks {
        let mix = |hash: u64, byte: &u8| (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3);
        Chunks::drawn(bytes.iter().fold(0xcbf2_9ce4_8422_2325, mix))
    }

    /// Sizes up to some bound, both drawn from a seed.
    pub fn drawn(seed: u64) -> Chunks {
        let mut chunks = Chunks {
            first_buffer: 1,
            longest: usize::MAX,
            state: seed | 1,
        };
        chunks.first_buffer = 1 + chunks.draw() % 300;
        chunks.longest = [1, 7, 64, 1_000][chunks.draw() % 4];
        chunks
    }

    fn next(&mut self) -> usize {
        if self.longest == usize::MAX {
            usize::MAX
        } else {
            1 + self.draw() % self.longest
        }
    }

    fn draw(&mut self) -> usize {
        self.state ^= self.state << 13;
        self.state ^= self.state >> 7;
        self.state ^= self.state << 17;
        (self.state >> 11) as usize
    }
}

/// A reader that gives a few bytes at a time.
struct Slowly<'a> {
    rest: &'a [u8],
    chunks: Chunks,
}

impl Read for Slowly<'_> {
    fn read(&mut self, space: &mut [u8]) -> io::Result<usize> {
        let count = self.rest.len().min(space.len()).min(self.chunks.next());
        let (now, later) = self.rest.split_at(count);
        space[..count].copy_from_slice(now);
        self.rest = later;
        Ok(count)
    }
}
