//! Speed of each stage on one file, in memory, on one thread.

use std::time::Instant;

use super::decide::{Desk, Pending};
use super::inbound::{InboundError, pending};
use super::open_sets::for_each_claim;
use super::survey::survey;
use crate::adjudication::facts::{Facts, Known, Receipt};
use crate::adjudication::{Tables, adjudicate_untold};
use crate::claim::Claim;
use crate::claim::assembler::{Assembled, Assembler};
use crate::envelope::{EnvelopeReader, Event};
use crate::finding::Finding;
use crate::guide::walker::{Place, Walker};
use crate::ids::{FileDigest, PartnerId};
use crate::ledger::{FileRow, FileState, Progress};
use crate::money::Quantity;
use crate::tables::guides::guide;
use crate::x12::segment::Segment;
use crate::x12::tokenizer::for_each_segment;

/// One stage's figures.
#[derive(Debug, Clone, PartialEq)]
pub struct Stage {
    pub stage: &'static str,
    /// Megabytes (10^6 bytes) of the file per second.
    pub mb_per_s: f64,
    pub claims_per_s: f64,
}

/// The figures of one file.
#[derive(Debug, Clone, PartialEq)]
pub struct BenchReport {
    pub bytes: u64,
    pub claims: u64,
    pub stages: Vec<Stage>,
}

/// Times each stage, each including the ones before it; `adjudicate` takes parsed claims. Repeats a
/// short file until a second has passed.
///
/// # Errors
/// [`InboundError`] when the file is no X12.
pub fn bench(bytes: &[u8], desk: &Desk<'_>) -> Result<BenchReport, InboundError> {
    let survey = survey(&mut &*bytes, desk.severity, &mut |_, _| Vec::new())?;
    let row = FileRow {
        number: 0,
        file: FileDigest::from_bytes([0; 32]),
        partner: PartnerId::new("bench"),
        bytes: bytes.len() as u64,
        received_at: desk.received_at,
        state: FileState::Open,
        progress: Progress::default(),
    };
    let mut held: Vec<Pending> = Vec::new();
    for_each_claim(
        &mut &*bytes,
        &survey,
        &mut |open, header, assembled, _| {
            held.push(pending(&row, &open, header, assembled));
            Ok::<(), InboundError>(())
        },
        &mut |_| {},
    )?;
    let claims = held.len() as u64;
    let receipt = |pending: &Pending| Receipt {
        received_on: desk.received_at.date_in(desk.zone),
        is_encounter: pending.is_encounter,
    };
    let tokenize = timed(|| {
        let mut elements = 0;
        for_each_segment(bytes, usize::MAX, |segment| elements += segment.element_count())
            .map(|()| elements)
            .unwrap_or_default()
    });
    let parse = timed(|| {
        let mut claims = 0;
        read(bytes, |walker, segment| (walker.place(segment), 0), |_| claims += 1);
        claims
    });
    let received_on = desk.received_at.date_in(desk.zone);
    let validate = timed(|| {
        let mut rejected = 0;
        let check = |walker: &mut Walker<'_>, segment: &Segment<'_>| {
            let placed = walker.accept(segment);
            let found = placed.closed.len() + placed.findings.len();
            (placed.into(), found)
        };
        let receipt = Receipt {
            received_on,
            is_encounter: false,
        };
        let found = read(bytes, check, |assembled| {
            rejected += usize::from(desk.edit(&assembled.claim, &receipt).iter().any(Finding::rejects))
        });
        rejected + found
    });
    let facts: Vec<(Receipt, Facts, &Claim)> = held
        .iter()
        .map(|pending| {
            (
                receipt(pending),
                Facts::gather(&pending.assembled.claim, desk.reference, &|_| Quantity::ZERO, Vec::new(), Known::NotLoaded),
                &*pending.assembled.claim,
            )
        })
        .collect();
    let tables = Tables {
        rules: desk.rules,
        reference: desk.reference,
    };
    let adjudicated = timed(|| {
        facts
            .iter()
            .map(|(receipt, facts, claim)| adjudicate_untold(claim, receipt, facts, &tables).lines().len())
            .sum()
    });
    let stage = |stage, seconds: f64| Stage {
        stage,
        mb_per_s: bytes.len() as f64 / 1e6 / seconds,
        claims_per_s: claims as f64 / seconds,
    };
    let stages = vec![
        stage("tokenize", tokenize),
        stage("parse", parse),
        stage("validate", validate),
        stage("adjudicate", adjudicated),
    ];
    Ok(BenchReport {
        bytes: bytes.len() as u64,
        claims,
        stages,
    })
}

/// Segments to typed claims in one pass, each segment placed as `place` does it. The sum of what that found.
fn read(bytes: &[u8], mut place: impl FnMut(&mut Walker<'static>, &Segment<'_>) -> (Place<'static>, usize), mut each: impl FnMut(Assembled)) -> usize {
    let (mut envelope, mut current, mut found) = (EnvelopeReader::default(), None::<(Walker<'static>, Assembler)>, 0);
    let read = for_each_segment(bytes, usize::MAX, |segment| {
        for event in envelope.accept(segment) {
            match event {
                Event::SetBegan(..) => {
                    current = envelope
                        .group()
                        .and_then(|group| group.form)
                        .and_then(|form| Some((Walker::new(guide(form).ok()?), Assembler::new(form))))
                }
                Event::SetEnded { .. } => current.take().and_then(|(_, mut assembler)| assembler.finish()).into_iter().for_each(&mut each),
                Event::InterchangeBegan(..) | Event::GroupBegan(..) | Event::GroupEnded { .. } | Event::InterchangeEnded { .. } => {}
            }
        }
        if let Some((walker, assembler)) = &mut current {
            let (placed, findings) = place(walker, segment);
            found += findings;
            assembler.accept(segment, placed.loop_id, placed.starts_loop).into_iter().for_each(&mut each);
        }
    });
    found + usize::from(read.is_err())
}

/// Seconds of one run: the best of several within about a second.
fn timed(work: impl Fn() -> usize) -> f64 {
    let begin = Instant::now();
    let mut best = f64::INFINITY;
    for _ in 0..20 {
        let start = Instant::now();
        std::hint::black_box(work());
        best = best.min(start.elapsed().as_secs_f64());
        if begin.elapsed().as_secs_f64() > 1.0 {
            break;
        }
    }
    best.max(1e-9)
}
