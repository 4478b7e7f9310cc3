//! One payment → one 835 (005010X221A1), a claim at a time. Structure: DOMAIN F1.
//!
//! The segments around the claims are those of x12-types; the envelope and the claims
//! are by our own writer, see [`claim_loop`]. A writer refuses what would make the
//! payment wrong (a claim of another payee, totals that do not come out), so that its last piece is
//! only handed out for a remittance that adds up; [`super::balance`] proves it again from the bytes.

use chrono::{Datelike, NaiveDate};
use compact_str::CompactString;
use x12_types::util::X12Element;
use x12_types::v005010::{_835Loop1000, BPR, DTM, LX, N1, N3, N4, PER, PLB, REF, TRN};

use super::claim_loop;
use super::payment_batch::{Balances, BankAccount, Payee, Payer, PaymentMethod, PaymentTotals, RemittedClaim};
use crate::ids::{ClaimId, Npi, TraceNumber};
use crate::limits;
use crate::money::Money;
use crate::phi::Purpose;
use crate::text_form::ccyymmdd;
use crate::x12::outgoing::{Envelope, Guide, OutgoingInterchange, simple};

/// What stands above the claims.
#[derive(Debug, Clone)]
pub struct RemittanceHeader<'a> {
    pub envelope: &'a Envelope,
    pub payer: &'a Payer,
    pub payee: &'a Payee,
    /// TRN02, unique per payment, also when nothing is paid.
    pub trace: &'a TraceNumber,
    /// BPR16.
    pub pay_date: NaiveDate,
    /// DTM*405.
    pub produced_on: NaiveDate,
    /// Of all claims that will follow.
    pub totals: PaymentTotals,
    pub balances: Balances<'a>,
}

impl RemittanceHeader<'_> {
    /// BPR02.
    fn payment(&self) -> Money {
        self.totals.payment - self.balances.collected + self.balances.forwarded
    }
}

/// Why a remittance is not written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RemittanceError {
    #[error("the payee wants ACH and the payer has no bank account, expected [payer] bank in the configuration")]
    PayerWithoutBank,
    #[error("the payment is negative by {0}, expected a balance forward")]
    NegativePayment(Money),
    #[error("claim {0}: billed by another provider than the payee")]
    OtherPayee(ClaimId),
    #[error("claim {claim}: {outcome}, expected paid, denied or forwarded")]
    NotRemitted { claim: ClaimId, outcome: &'static str },
    #[error("more than {} claims in one payment", limits::CLAIMS_PER_REMITTANCE_MAX)]
    TooManyClaims,
    #[error("the claims' payment differs from the announced total by {difference}, their number is {claims}, expected {expected}")]
    TotalsDiffer { difference: Money, claims: u64, expected: u64 },
}

/// An 835 being written.
#[derive(Debug)]
pub struct Remittance {
    out: OutgoingInterchange,
    payee: Npi,
    /// PLB02: the end of the payer's fiscal year.
    fiscal_period: NaiveDate,
    announced: PaymentTotals,
    written: PaymentTotals,
    /// Reason, reference and amount of each PLB.
    adjustments: Vec<ProviderAdjustment>,
}

type ProviderAdjustment = (&'static str, CompactString, Money);

impl Remittance {
    /// Writes everything above the first claim; its bytes come with the first piece.
    ///
    /// # Errors
    /// [`RemittanceError::PayerWithoutBank`], [`RemittanceError::NegativePayment`].
    pub fn begin(header: &RemittanceHeader<'_>) -> Result<Remittance, RemittanceError> {
        if header.payment().is_negative() {
            return Err(RemittanceError::NegativePayment(header.payment()));
        }
        let financial = financial_information(header)?;
        let mut out = OutgoingInterchange::open(header.envelope, Guide::Remittance);
        out.begin_set();
        out.rendered(&financial);
        out.rendered(&TRN {
            _01: "1".into(),
            _02: text(header.trace.as_str()),
            _03: Some(originator(header.payer)),
            _04: None,
        });
        out.rendered(&date("405", header.produced_on));
        out.rendered(&payer_loop(header.payer));
        out.rendered(&payee_loop(header.payee));
        out.rendered(&LX { _01: "1".into() });
        Ok(Remittance {
            out,
            payee: header.payee.npi,
            fiscal_period: NaiveDate::from_ymd_opt(header.pay_date.year(), 12, 31).unwrap_or(header.pay_date),
            announced: header.totals,
            written: PaymentTotals::default(),
            adjustments: balance_adjustments(header),
        })
    }

    /// One claim with its lines.
    ///
    /// # Errors
    /// [`RemittanceError`] when the claim does not belong on this remittance.
    pub fn claim(&mut self, claim: &RemittedClaim<'_>) -> Result<Vec<u8>, RemittanceError> {
        let decision = claim.decision;
        let outcome = decision.determination.outcome();
        if !outcome.is_remitted() {
            return Err(RemittanceError::NotRemitted {
                claim: decision.claim_id,
                outcome: outcome.as_str(),
            });
        }
        if decision.echo.billing_npi != Some(self.payee) {
            return Err(RemittanceError::OtherPayee(decision.claim_id));
        }
        if self.written.claims >= limits::CLAIMS_PER_REMITTANCE_MAX as u64 {
            return Err(RemittanceError::TooManyClaims);
        }
        claim_loop::write_claim(&mut self.out, claim);
        self.written.add(claim);
        if !claim.interest.is_zero() {
            // Interest raises the payment, so its sign is negative.
            self.adjustments.push(("L6", decision.payer_claim_number.as_str().into(), -claim.interest));
        }
        Ok(self.out.take())
    }

    /// Writes the provider adjustments and the trailers.
    ///
    /// # Errors
    /// [`RemittanceError::TotalsDiffer`] when the claims do not add up to what the header announced.
    pub fn end(mut self) -> Result<Vec<u8>, RemittanceError> {
        if self.written != self.announced {
            return Err(RemittanceError::TotalsDiffer {
                difference: self.written.payment - self.announced.payment,
                claims: self.written.claims,
                expected: self.announced.claims,
            });
        }
        for six in self.adjustments.chunks(6) {
            self.out.rendered(&provider_adjustments(self.payee, self.fiscal_period, six));
        }
        self.out.end_set();
        let mut bytes = self.out.take();
        bytes.extend(self.out.close());
        Ok(bytes)
    }
}

/// BPR: ACH with both banks, a cheque, or a notification when nothing is paid.
fn financial_information(header: &RemittanceHeader<'_>) -> Result<BPR, RemittanceError> {
    let unpaid = BPR {
        _01: code("H"),
        _02: header.payment().to_x12().into(),
        _03: code("C"),
        _04: code("NON"),
        _16: Some(ccyymmdd(header.pay_date).into()),
        ..BPR::default()
    };
    if header.payment().is_zero() {
        return Ok(unpaid);
    }
    match &header.payee.payment {
        PaymentMethod::Check => Ok(BPR {
            _01: code("I"),
            _04: code("CHK"),
            ..unpaid
        }),
        PaymentMethod::Ach(to) => {
            let from = header.payer.bank.as_ref().ok_or(RemittanceError::PayerWithoutBank)?;
            let (from_bank, from_account) = bank(from);
            let (to_bank, to_account) = bank(to);
            Ok(BPR {
                _01: code("I"),
                _04: code("ACH"),
                _05: Some(code("CCP")),
                _06: Some("01".into()),
                _07: Some(from_bank),
                _08: Some("DA".into()),
                _09: Some(from_account),
                _10: Some(originator(header.payer)),
                _12: Some("01".into()),
                _13: Some(to_bank),
                _14: Some("DA".into()),
                _15: Some(to_account),
                ..unpaid
            })
        }
    }
}

fn payer_loop(payer: &Payer) -> _835Loop1000 {
    let contact = |function: &str, name: &str, qualifier: &str, number: &str| PER {
        _01: code(function),
        _02: Some(text(name)),
        _03: Some(code(qualifier)),
        _04: Some(text(number)),
        ..PER::default()
    };
    let mut contacts = vec![contact("BL", &payer.contact_name, "TE", &payer.contact_phone)];
    if let Some(site) = &payer.web_site {
        contacts.push(contact("IC", "", "UR", site));
    }
    _835Loop1000 {
        n1: N1 {
            _01: code("PR"),
            _02: Some(text(&payer.name)),
            ..N1::default()
        },
        n3: vec![N3 {
            _01: text(&payer.street),
            _02: None,
        }],
        n4: Some(N4 {
            _01: Some(text(&payer.city)),
            _02: Some(code(&payer.state)),
            _03: Some(text(&payer.zip)),
            ..N4::default()
        }),
        r#ref: vec![reference("2U", &payer.id)],
        per: contacts,
        ..Default::default()
    }
}

fn payee_loop(payee: &Payee) -> _835Loop1000 {
    _835Loop1000 {
        n1: N1 {
            _01: code("PE"),
            _02: Some(text(&payee.name)),
            _03: Some(code("XX")),
            _04: Some(payee.npi.to_string()),
            ..N1::default()
        },
        r#ref: payee.tin.iter().map(|tin| reference("TJ", tin.as_str())).collect(),
        ..Default::default()
    }
}

/// What earlier payments were short of, and what this one is: each under the trace number of the payment
/// that was.
fn balance_adjustments(header: &RemittanceHeader<'_>) -> Vec<ProviderAdjustment> {
    let Balances {
        collected,
        collected_from,
        forwarded,
    } = header.balances;
    let from = collected_from.unwrap_or(header.trace);
    let both = [("FB", from.as_str().into(), collected), ("FB", header.trace.as_str().into(), -forwarded)];
    both.into_iter().filter(|(_, _, amount)| !amount.is_zero()).collect()
}

/// PLB, at most six pairs. What lowers the payment is positive.
fn provider_adjustments(payee: Npi, fiscal_period: NaiveDate, six: &[ProviderAdjustment]) -> PLB {
    let reason = |place: usize| six.get(place).map(|(reason, reference, _)| format!("{reason}:{}", simple(reference)));
    let amount = |place: usize| six.get(place).map(|(_, _, amount)| amount.to_x12().into());
    PLB {
        _01: payee.to_string(),
        _02: ccyymmdd(fiscal_period).into(),
        _03: reason(0),
        _04: amount(0),
        _05: reason(1),
        _06: amount(1),
        _07: reason(2),
        _08: amount(2),
        _09: reason(3),
        _10: amount(3),
        _11: reason(4),
        _12: amount(4),
        _13: reason(5),
        _14: amount(5),
    }
}

/// BPR10 and TRN03: `1` and the payer's TIN.
fn originator(payer: &Payer) -> String {
    format!("1{}", payer.tin)
}

fn bank(account: &BankAccount) -> (String, String) {
    (
        text(account.routing.expose_for(Purpose::Answer)),
        text(account.account.expose_for(Purpose::Answer)),
    )
}

fn reference(qualifier: &str, value: &str) -> REF {
    REF {
        _01: code(qualifier),
        _02: Some(text(value)),
        ..REF::default()
    }
}

fn date(qualifier: &str, date: NaiveDate) -> DTM {
    DTM {
        _01: code(qualifier),
        _02: Some(code(&ccyymmdd(date))),
        ..DTM::default()
    }
}

/// A value of x12-types' coded elements; codes it does not list are kept as they are.
fn code<E: X12Element>(text: &str) -> E {
    E::from_x12(text)
}

/// A value as one simple element.
fn text(value: &str) -> String {
    simple(value).into_owned()
}
