//! What claims inherit: billing provider (2000A), subscriber (2000B), patient (2000C).

use std::sync::Arc;

use super::super::party::{Address, BillingProvider, Name, Patient, Subscriber};
use super::super::source::SourceText;
use super::reading::{Reading, a7, tags, text};
use crate::finding::{Check, Finding};
use crate::ids::{Cin, Qualifier, Taxonomy, Tin};
use crate::loop_id::LoopId;
use crate::phi::Phi;
use crate::x12::element::date_period;
use crate::x12::segment::Segment;

/// The hierarchical levels in force.
#[derive(Debug, Default)]
pub(super) struct Parties {
    billing_provider: Level<BillingProvider>,
    /// About the billing provider; of the other levels no value can be wrong that the guide lets pass.
    findings: Vec<Finding>,
    subscriber: Level<Subscriber>,
    patient: Option<Level<Patient>>,
    /// The level whose HL was the last.
    innermost: Option<LoopId>,
}

/// One level: a draft until the first claim under it, shared from then on.
#[derive(Debug, Default)]
struct Level<T> {
    draft: T,
    /// The draft says something: a new level has to clear it.
    is_begun: bool,
    shared: Option<Arc<T>>,
}

impl<T: Default> Level<T> {
    fn draft(&mut self) -> &mut T {
        self.is_begun = true;
        &mut self.draft
    }

    /// The finished level. Segments that come after the first claim can't change it any more.
    fn share(&mut self) -> Arc<T> {
        let Level { draft, is_begun, shared } = self;
        Arc::clone(shared.get_or_insert_with(|| {
            *is_begun = false;
            Arc::new(std::mem::take(draft))
        }))
    }

    fn begin_anew(&mut self) {
        self.shared = None;
        if std::mem::take(&mut self.is_begun) {
            self.draft = T::default();
        }
    }
}

impl Parties {
    /// An HL: the level itself starts anew, and the levels below it are gone.
    pub fn enter(&mut self, level: LoopId) {
        if level == LoopId::L2000A {
            *self = Parties::default();
        }
        self.innermost = Some(level);
        match level {
            LoopId::L2000B => {
                self.subscriber.begin_anew();
                self.patient = None;
            }
            LoopId::L2000C => self.patient = Some(Level::default()),
            _ => {}
        }
    }

    pub fn billing_provider(&mut self) -> Arc<BillingProvider> {
        self.billing_provider.share()
    }

    pub fn subscriber(&mut self) -> Arc<Subscriber> {
        self.subscriber.share()
    }

    pub fn patient(&mut self) -> Option<Arc<Patient>> {
        self.patient.as_mut().map(Level::share)
    }

    /// Each claim under the billing provider has them all.
    pub fn findings(&self) -> Vec<Finding> {
        self.findings.clone()
    }

    /// The text of the level that is being described; `None` before the first HL.
    pub fn text(&mut self) -> Option<&mut SourceText> {
        match (self.innermost?, &mut self.patient) {
            (LoopId::L2000A, _) => Some(&mut self.billing_provider.draft().text),
            (LoopId::L2000C, Some(patient)) => Some(&mut patient.draft().text),
            _ => Some(&mut self.subscriber.draft().text),
        }
    }

    pub fn read(&mut self, segment: &Segment<'_>, loop_id: LoopId) {
        match loop_id {
            LoopId::L2000A | LoopId::L2010AA => {
                let mut reading = Reading::new(segment, loop_id, &mut self.findings);
                read_billing_provider(self.billing_provider.draft(), loop_id, &mut reading);
            }
            LoopId::L2000B | LoopId::L2010BA | LoopId::L2010BB => read_subscriber(self.subscriber.draft(), segment, loop_id),
            _ => {
                if let Some(patient) = &mut self.patient {
                    read_patient(patient.draft(), segment);
                }
            }
        }
    }
}

fn read_billing_provider(provider: &mut BillingProvider, loop_id: LoopId, reading: &mut Reading<'_, '_>) {
    let segment = reading.segment;
    match (loop_id, segment.tag()) {
        (LoopId::L2000A, tags::PRV) if segment.element(1) == b"BI" => {
            provider.taxonomy = reading.code(3, Taxonomy::parse, Check::S509, 145);
        }
        (LoopId::L2010AA, tags::NM1) => {
            provider.at = segment.at;
            provider.name = name(segment);
            provider.npi = reading.npi("85");
        }
        (LoopId::L2010AA, tags::N3) => {
            provider.street_at = segment.at;
            provider.address.street = street(segment);
        }
        (LoopId::L2010AA, tags::N4) => {
            provider.city_at = segment.at;
            let street = std::mem::take(&mut provider.address.street);
            provider.address = Address { street, ..place(segment) };
        }
        (LoopId::L2010AA, tags::REF) if matches!(segment.element(1), b"EI" | b"SY") => provider.tin = tin(reading),
        _ => {}
    }
}

fn read_subscriber(subscriber: &mut Subscriber, segment: &Segment<'_>, loop_id: LoopId) {
    match (loop_id, segment.tag()) {
        (LoopId::L2000B, tags::SBR) => {
            subscriber.at = segment.at;
            subscriber.payer_responsibility = Qualifier::parse(segment.element(1)).ok();
            subscriber.is_patient = segment.element(2) == b"18";
            subscriber.filing_indicator = Qualifier::parse(segment.element(9)).ok();
        }
        (LoopId::L2000B, tags::PAT) => {
            subscriber.death_date = date(segment, 5, 6);
            subscriber.pregnant = segment.element(9) == b"Y";
        }
        (LoopId::L2010BA, tags::NM1) => {
            subscriber.name_at = segment.at;
            subscriber.name = Phi::new(name(segment));
            subscriber.member_id = Phi::new(text(segment.element(9)));
            subscriber.cin = Cin::parse(segment.element(9)).ok().map(Phi::new);
        }
        (LoopId::L2010BA, tags::N3) => subscriber.address = address(&subscriber.address, segment),
        (LoopId::L2010BA, tags::N4) => {
            subscriber.city_at = segment.at;
            subscriber.address = address(&subscriber.address, segment);
        }
        (LoopId::L2010BA, tags::DMG) => {
            subscriber.birth_date = date(segment, 1, 2);
            subscriber.sex = Qualifier::parse(segment.element(3)).ok().map(Phi::new);
        }
        (LoopId::L2010BB, tags::NM1) => {
            subscriber.payer_at = segment.at;
            subscriber.payer_id = text(segment.element(9));
        }
        _ => {}
    }
}

fn read_patient(patient: &mut Patient, segment: &Segment<'_>) {
    match segment.tag() {
        tags::PAT => {
            patient.at = segment.at;
            patient.relationship = Qualifier::parse(segment.element(1)).ok();
            patient.death_date = date(segment, 5, 6);
            patient.pregnant = segment.element(9) == b"Y";
        }
        tags::NM1 => patient.name = Phi::new(name(segment)),
        tags::N3 => patient.address = address(&patient.address, segment),
        tags::N4 => {
            patient.city_at = segment.at;
            patient.address = address(&patient.address, segment);
        }
        tags::DMG => {
            patient.birth_date = date(segment, 1, 2);
            patient.sex = Qualifier::parse(segment.element(3)).ok().map(Phi::new);
        }
        _ => {}
    }
}

/// NM103 to NM105.
pub(super) fn name(segment: &Segment<'_>) -> Name {
    Name {
        last: text(segment.element(3)),
        first: text(segment.element(4)),
        middle: text(segment.element(5)),
    }
}

/// REF02 of EI or SY: nine digits (TR3 allows no hyphens). Status 128: the entity's tax id.
fn tin(reading: &mut Reading<'_, '_>) -> Option<Tin> {
    let value = reading.element(2);
    let digits = value.len() == 9 && value.iter().all(u8::is_ascii_digit);
    let tin = Tin::parse(value).ok().filter(|_| digits);
    if tin.is_none() && !value.is_empty() {
        reading.report(2, 0, Check::S703, a7(128).of("85"));
    }
    tin
}

/// A protected address with one more of its two segments.
fn address(known: &Phi<Address>, segment: &Segment<'_>) -> Phi<Address> {
    if segment.tag() == tags::N3 {
        known.map(|known| Address {
            street: street(segment),
            ..known.clone()
        })
    } else {
        known.map(|known| Address {
            street: known.street.clone(),
            ..place(segment)
        })
    }
}

/// N301 and N302: a post-office box may stand in either.
fn street(segment: &Segment<'_>) -> compact_str::CompactString {
    let mut street = text(segment.element(1));
    if !segment.element(2).is_empty() {
        street.push(' ');
        street.push_str(&text(segment.element(2)));
    }
    street
}

/// N401 to N403.
fn place(segment: &Segment<'_>) -> Address {
    Address {
        street: Default::default(),
        city: text(segment.element(1)),
        state: text(segment.element(2)),
        zip: text(segment.element(3)),
    }
}

/// A protected date with its format qualifier in the element before it.
fn date(segment: &Segment<'_>, qualifier: usize, value: usize) -> Option<Phi<chrono::NaiveDate>> {
    date_period(segment.element(qualifier), segment.element(value)).map(|day| Phi::new(day.from))
}
