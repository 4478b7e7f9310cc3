//! 277CA (005010X214): every claim of an accepted 837, accepted into adjudication or rejected, with the
//! totals of the set and of each billing provider (DOMAIN G4).
//!
//! Totals stand above the claims that they count, so they come first, from the ledger; the writer counts
//! along and refuses to end a set that does not come out. By our own segment writer: x12-types lists the
//! levels of a 277 apart and can't keep the order of several providers.

use chrono::NaiveDate;
use compact_str::CompactString;

use super::claim_status::{claim_statuses, line_statuses};
use crate::adjudication::decision::{DecisionHead, Rejection};
use crate::claim::echo::{ClaimEcho, LineEcho};
use crate::clock::Timestamp;
use crate::ids::{Form, Npi, Tin};
use crate::money::Money;
use crate::phi::Purpose;
use crate::text_form::ccyymmdd;
use crate::x12::element::DateRange;
use crate::x12::outgoing::{Envelope, Guide, OutgoingInterchange, simple};

/// What stands for a name or identifier that the guide requires and the claim did not have.
const UNKNOWN: &str = "UNKNOWN";

/// What stands for a service date that the guide requires and the claim did not have: a date that
/// readers accept and nobody takes for a day of service.
const NO_DATE: &str = "19000101";

/// An organisation of the upper levels: the payer (2100A) or the submitter (2100B).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Organisation {
    pub name: CompactString,
    pub id: CompactString,
}

/// The 837 set that is answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AnsweredSet {
    /// BHT03 and 2200A TRN02: our number of this answer.
    pub reference: CompactString,
    /// 1000A of the 837.
    pub submitter: Organisation,
    /// BHT03 of the 837.
    pub batch: CompactString,
    pub received_on: NaiveDate,
    pub processed_on: NaiveDate,
    pub totals: StatusTotals,
}

/// Consecutive claims with the same billing provider.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProviderRun {
    pub npi: Option<Npi>,
    pub tin: Option<Tin>,
    pub last: CompactString,
    pub first: CompactString,
    pub totals: StatusTotals,
}

impl ProviderRun {
    /// The billing provider of a claim.
    pub fn of(echo: &ClaimEcho, totals: StatusTotals) -> ProviderRun {
        ProviderRun {
            npi: echo.billing_npi,
            tin: echo.billing_tin,
            last: echo.billing_last.clone(),
            first: echo.billing_first.clone(),
            totals,
        }
    }
}

/// Counts and charges of claims.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct StatusTotals {
    pub accepted: u64,
    pub accepted_amount: Money,
    pub rejected: u64,
    pub rejected_amount: Money,
}

impl StatusTotals {
    pub fn add(&mut self, claim: &AnsweredClaim<'_>) {
        match claim {
            AnsweredClaim::Accepted(decision) => {
                self.accepted += 1;
                self.accepted_amount += decision.echo.charge;
            }
            AnsweredClaim::Rejected(rejection) => {
                self.rejected += 1;
                self.rejected_amount += rejection.echo.charge;
            }
        }
    }

    fn amount(&self) -> Money {
        self.accepted_amount + self.rejected_amount
    }
}

/// A claim with what became of it.
#[derive(Debug, Clone, Copy)]
pub enum AnsweredClaim<'a> {
    /// Adjudicated, whatever the decision: that comes by 835.
    Accepted(&'a DecisionHead),
    Rejected(&'a Rejection),
}

impl<'a> AnsweredClaim<'a> {
    pub fn echo(&self) -> &'a ClaimEcho {
        match self {
            AnsweredClaim::Accepted(decision) => &decision.echo,
            AnsweredClaim::Rejected(rejection) => &rejection.echo,
        }
    }

    pub fn received_at(&self) -> Timestamp {
        match self {
            AnsweredClaim::Accepted(decision) => decision.received_at,
            AnsweredClaim::Rejected(rejection) => rejection.received_at,
        }
    }
}

/// The claims of a set or of a provider are not those that its totals announced.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{level} has {found} claims, expected {expected}; their charges differ by {difference}")]
pub struct TotalsDiffer {
    pub level: &'static str,
    pub found: u64,
    pub expected: u64,
    pub difference: Money,
}

/// A 277CA being written: begin a set, begin a provider, its claims, the next provider, end the set.
#[derive(Debug)]
pub struct ClaimAcknowledgement {
    out: OutgoingInterchange,
    payer: Organisation,
    created_on: String,
    created_at: String,
    processed_on: CompactString,
    /// HL01 of the last level written, and of the provider level.
    level: u64,
    provider_level: u64,
    announced: StatusTotals,
    written: StatusTotals,
    provider_announced: StatusTotals,
    provider_written: StatusTotals,
}

impl ClaimAcknowledgement {
    /// Its bytes come with the first piece.
    pub fn open(envelope: &Envelope, payer: Organisation) -> ClaimAcknowledgement {
        let created = envelope.created();
        ClaimAcknowledgement {
            out: OutgoingInterchange::open(envelope, Guide::ClaimStatus),
            payer,
            created_on: created.format("%Y%m%d").to_string(),
            created_at: created.format("%H%M").to_string(),
            processed_on: CompactString::default(),
            level: 0,
            provider_level: 0,
            announced: StatusTotals::default(),
            written: StatusTotals::default(),
            provider_announced: StatusTotals::default(),
            provider_written: StatusTotals::default(),
        }
    }

    /// ST to 2200B: who answers, who asked, and the totals of the set.
    pub fn begin_set(&mut self, set: &AnsweredSet) -> Vec<u8> {
        self.processed_on = ccyymmdd(set.processed_on);
        (self.level, self.announced, self.written) = (2, set.totals, StatusTotals::default());
        (self.provider_announced, self.provider_written) = (StatusTotals::default(), StatusTotals::default());
        let out = &mut self.out;
        out.begin_set();
        let reference = simple(&set.reference);
        out.segment(&["BHT", "0085", "08", &reference, &self.created_on, &self.created_at, "TH"]);
        out.segment(&["HL", "1", "", "20", "1"]);
        out.segment(&["NM1", "PR", "2", &simple(&self.payer.name), "", "", "", "", "PI", &simple(&self.payer.id)]);
        out.segment(&["TRN", "1", &reference]);
        out.segment(&["DTP", "050", "D8", &ccyymmdd(set.received_on)]);
        out.segment(&["DTP", "009", "D8", &self.processed_on]);
        out.segment(&["HL", "2", "1", "21", "1"]);
        let (name, id) = (simple(&set.submitter.name), simple(&set.submitter.id));
        out.segment(&["NM1", "41", "2", or_unknown(&name), "", "", "", "", "46", or_unknown(&id)]);
        out.segment(&["TRN", "2", or_zero(&simple(&set.batch))]);
        let acknowledged = out.composite(&["A1", "19", "PR"]);
        out.segment(&["STC", &acknowledged, &self.processed_on, "WQ", &set.totals.amount().to_x12()]);
        write_totals(out, &set.totals, "90", "AA");
        out.take()
    }

    /// 2000C to 2200C: a billing provider and its totals.
    ///
    /// # Errors
    /// [`TotalsDiffer`] when the claims of the provider before do not add up.
    pub fn begin_provider(&mut self, provider: &ProviderRun) -> Result<Vec<u8>, TotalsDiffer> {
        self.end_provider()?;
        self.level += 1;
        (self.provider_level, self.provider_announced) = (self.level, provider.totals);
        let out = &mut self.out;
        out.segment(&["HL", &self.level.to_string(), "2", "19", "1"]);
        let (last, first) = (simple(&provider.last), simple(&provider.first));
        let (qualifier, id) = match (provider.npi, provider.tin) {
            (Some(npi), _) => ("XX", npi.to_string()),
            (None, Some(tin)) => ("FI", tin.to_string()),
            (None, None) => ("FI", UNKNOWN.into()),
        };
        let person = if first.is_empty() { "2" } else { "1" };
        out.segment(&["NM1", "85", person, or_unknown(&last), &first, "", "", "", qualifier, &id]);
        out.segment(&["TRN", "1", "0"]);
        let acknowledged = out.composite(&["A1", "19", "PR"]);
        out.segment(&["STC", &acknowledged, "", "WQ", &provider.totals.amount().to_x12()]);
        write_totals(out, &provider.totals, "QA", "QC");
        Ok(out.take())
    }

    /// 2000D to 2220D: a patient's claim and, when rejected, the lines at fault.
    pub fn claim(&mut self, claim: &AnsweredClaim<'_>) -> Vec<u8> {
        self.provider_written.add(claim);
        self.level += 1;
        let echo = claim.echo();
        let (level, provider_level) = (self.level.to_string(), self.provider_level.to_string());
        self.out.segment(&["HL", &level, &provider_level, "PT"]);
        self.patient(echo);
        let charge = echo.charge.to_x12();
        match claim {
            AnsweredClaim::Accepted(decision) => {
                let accepted = self.out.composite(&["A2", "20", "PR"]);
                self.out.segment(&["STC", &accepted, &self.processed_on, "WQ", &charge]);
                self.out.segment(&["REF", "1K", &simple(decision.payer_claim_number.as_str())]);
                self.references(echo);
            }
            AnsweredClaim::Rejected(rejection) => {
                for status in claim_statuses(&rejection.findings) {
                    self.status(&status, &charge);
                }
                self.references(echo);
                for (line, statuses) in line_statuses(&rejection.findings) {
                    if let Some(line) = echo.lines.iter().find(|echo| echo.number == line) {
                        self.line(line, &statuses);
                    }
                }
            }
        }
        self.out.take()
    }

    /// SE.
    ///
    /// # Errors
    /// [`TotalsDiffer`] when the claims of the set or of its last provider do not add up.
    pub fn end_set(&mut self) -> Result<Vec<u8>, TotalsDiffer> {
        self.end_provider()?;
        compare("the set", &self.written, &self.announced)?;
        self.out.end_set();
        Ok(self.out.take())
    }

    pub fn close(self) -> Vec<u8> {
        self.out.close()
    }

    fn end_provider(&mut self) -> Result<(), TotalsDiffer> {
        compare("the billing provider", &self.provider_written, &self.provider_announced)?;
        let StatusTotals {
            accepted,
            accepted_amount,
            rejected,
            rejected_amount,
        } = std::mem::take(&mut self.provider_written);
        self.written.accepted += accepted;
        self.written.accepted_amount += accepted_amount;
        self.written.rejected += rejected;
        self.written.rejected_amount += rejected_amount;
        self.provider_announced = StatusTotals::default();
        Ok(())
    }

    /// NM1*QC and TRN*2.
    fn patient(&mut self, echo: &ClaimEcho) {
        let last = simple(echo.patient_last.expose_for(Purpose::Answer));
        let first = simple(echo.patient_first.expose_for(Purpose::Answer));
        let middle = simple(echo.patient_middle.expose_for(Purpose::Answer));
        let member = simple(echo.member_id.expose_for(Purpose::Answer));
        self.out
            .segment(&["NM1", "QC", "1", or_unknown(&last), &first, &middle, "", "", "MI", or_unknown(&member)]);
        let control_number = simple(echo.patient_control_number.expose_for(Purpose::Answer));
        self.out.segment(&["TRN", "2", or_zero(&control_number)]);
    }

    /// One STC, action U; its further statuses are STC10 and STC11.
    fn status(&mut self, composites: &[String], charge: &str) {
        let composite = |place: usize| composites.get(place).map_or("", String::as_str);
        self.out.segment(&[
            "STC",
            composite(0),
            &self.processed_on,
            "U",
            charge,
            "",
            "",
            "",
            "",
            "",
            composite(1),
            composite(2),
        ]);
    }

    /// REF*D9, REF*BLT, DTP*472.
    fn references(&mut self, echo: &ClaimEcho) {
        let trace = simple(&echo.clearinghouse_trace);
        if !trace.is_empty() {
            self.out.segment(&["REF", "D9", &trace]);
        }
        if let (Form::Institutional, false, Some(frequency)) = (echo.form, echo.facility.is_empty(), echo.frequency) {
            self.out.segment(&["REF", "BLT", &format!("{}{frequency}", simple(&echo.facility))]);
        }
        match echo.dates {
            Some(dates) => self.dates(dates),
            None => self.out.segment(&["DTP", "472", "D8", NO_DATE]),
        }
    }

    /// 2220D, once for each STC that the line needs.
    fn line(&mut self, line: &LineEcho, statuses: &[Vec<String>]) {
        let number = line.number.to_string();
        let control_number = simple(&line.control_number);
        let revenue = line.revenue.filter(|_| line.procedure.is_some());
        let mut code = line.code_with_modifiers();
        if code.is_empty() {
            code = self.out.composite(&["HC", UNKNOWN]);
        }
        for status in statuses {
            let revenue = revenue.as_ref().map_or("", |revenue| revenue.as_str());
            self.out
                .segment(&["SVC", &code, &line.charge.to_x12(), "", revenue, "", "", &line.units.to_string()]);
            self.status(status, "");
            let reference = if control_number.is_empty() { number.as_str() } else { &control_number };
            self.out.segment(&["REF", "FJ", reference]);
            if let Some(service) = line.service {
                self.dates(service);
            }
        }
    }

    fn dates(&mut self, dates: DateRange) {
        if dates.from == dates.through {
            self.out.segment(&["DTP", "472", "D8", &ccyymmdd(dates.from)]);
        } else {
            let range = format!("{}-{}", ccyymmdd(dates.from), ccyymmdd(dates.through));
            self.out.segment(&["DTP", "472", "RD8", &range]);
        }
    }
}

/// QTY and AMT of accepted and rejected claims; levels differ in their quantity qualifiers (DOMAIN 0.4).
fn write_totals(out: &mut OutgoingInterchange, totals: &StatusTotals, accepted: &str, rejected: &str) {
    for (qualifier, claims) in [(accepted, totals.accepted), (rejected, totals.rejected)] {
        if claims > 0 {
            out.segment(&["QTY", qualifier, &claims.to_string()]);
        }
    }
    for (qualifier, claims, amount) in [("YU", totals.accepted, totals.accepted_amount), ("YY", totals.rejected, totals.rejected_amount)] {
        if claims > 0 {
            out.segment(&["AMT", qualifier, &amount.to_x12()]);
        }
    }
}

fn compare(level: &'static str, written: &StatusTotals, announced: &StatusTotals) -> Result<(), TotalsDiffer> {
    if written == announced {
        return Ok(());
    }
    Err(TotalsDiffer {
        level,
        found: written.accepted + written.rejected,
        expected: announced.accepted + announced.rejected,
        difference: written.amount() - announced.amount(),
    })
}

fn or_unknown(text: &str) -> &str {
    if text.is_empty() { UNKNOWN } else { text }
}

fn or_zero(text: &str) -> &str {
    if text.is_empty() { "0" } else { text }
}
