//! Pass 2 of reading: the claims of the sets that may go on, one after the other.

use std::io::Read;

use super::reading::{ReadError, for_each_segment};
use super::survey::SurveyError;
use super::verdict::{SetVerdict, Survey};
use crate::claim::assembler::{Assembled, Assembler, SetHeader};
use crate::envelope::{EnvelopeReader, Event, Group, Interchange};
use crate::guide::walker::Walker;
use crate::tables::guides::guide;
use crate::x12::segment::Segment;

/// A set whose claims go on, with the envelope around it.
#[derive(Debug, Clone, Copy)]
pub struct OpenSet<'s> {
    pub interchange: &'s Interchange,
    pub group: &'s Group,
    pub verdict: &'s SetVerdict,
}

/// The sets whose claims go on, in file order.
pub fn open_sets(survey: &Survey) -> impl Iterator<Item = OpenSet<'_>> {
    survey
        .interchanges
        .iter()
        .filter(|interchange| interchange.is_accepted())
        .flat_map(|interchange| {
            interchange.groups.iter().filter(|group| group.is_accepted()).flat_map(move |group| {
                group.sets.iter().filter(|set| set.is_accepted()).map(move |verdict| OpenSet {
                    interchange: &interchange.interchange,
                    group: &group.group,
                    verdict,
                })
            })
        })
}

/// What pass 2 read of an open set.
#[derive(Debug, Clone)]
pub struct SetRead {
    pub header: SetHeader,
    /// Claims that were handed out: all that the survey counted, but for a CLM without a place.
    pub claims: u32,
}

/// Takes one claim with its set, the set's header, and the byte where reading it ended.
pub type EachClaim<'e, E> = &'e mut dyn FnMut(OpenSet<'_>, &SetHeader, Assembled, u64) -> Result<(), E>;

/// Runs `each` over every claim of the open sets, with the byte where its reading ended, and `ended`
/// over every open set when it has ended.
///
/// # Errors
/// Those of `each`; [`ReadError`] when the bytes differ from the survey.
pub fn for_each_claim<E: From<ReadError> + From<SurveyError>>(
    input: &mut dyn Read,
    survey: &Survey,
    each: EachClaim<'_, E>,
    ended: &mut dyn FnMut(SetRead),
) -> Result<(), E> {
    let mut open_sets = open_sets(survey).peekable();
    let mut envelope = EnvelopeReader::default();
    let mut current: Option<SetInReading<'_>> = None;
    for_each_segment(input, |segment| {
        let is_trailer = segment.is("SE");
        if is_trailer {
            step(&mut current, segment, each)?;
        }
        for event in envelope.accept(segment) {
            match event {
                Event::SetBegan(set, _) => {
                    current = None;
                    if let Some(open) = open_sets.next_if(|open| open.verdict.set.byte == set.byte)
                        && let Some(form) = open.verdict.form
                    {
                        current = Some(SetInReading {
                            open,
                            walker: Walker::new(guide(form).map_err(SurveyError::Guide)?),
                            assembler: Assembler::new(form),
                            claims: 0,
                        });
                    }
                }
                Event::SetEnded { .. } => {
                    if let Some(mut set) = current.take() {
                        let last = set.assembler.finish();
                        set.hand_out(last, segment, each)?;
                        ended(SetRead {
                            header: set.assembler.header().clone(),
                            claims: set.claims,
                        });
                    }
                }
                Event::InterchangeBegan(..) | Event::GroupBegan(..) | Event::GroupEnded { .. } | Event::InterchangeEnded { .. } => {}
            }
        }
        if !is_trailer && envelope.in_set() {
            step(&mut current, segment, each)?;
        }
        Ok(())
    })
}

struct SetInReading<'s> {
    open: OpenSet<'s>,
    walker: Walker<'s>,
    assembler: Assembler,
    claims: u32,
}

impl SetInReading<'_> {
    fn hand_out<E>(&mut self, ended: Option<Assembled>, at: &Segment<'_>, each: EachClaim<'_, E>) -> Result<(), E> {
        let Some(assembled) = ended else { return Ok(()) };
        self.claims += 1;
        each(self.open, self.assembler.header(), assembled, at.at.byte)
    }
}

fn step<E>(current: &mut Option<SetInReading<'_>>, segment: &Segment<'_>, each: EachClaim<'_, E>) -> Result<(), E> {
    let Some(set) = current else { return Ok(()) };
    let placed = set.walker.place(segment);
    let ended = set.assembler.accept(segment, placed.loop_id, placed.starts_loop);
    set.hand_out(ended, segment, each)
}
