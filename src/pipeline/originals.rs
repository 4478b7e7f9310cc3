//! What a replacement or void is about: found in the ledger by the payer's claim number.
//!
//! A number is a function of the whole file that brought its claim, so no file can name a claim of its
//! own; what it can do is replace one earlier claim twice. To the next editor: ask [`Seen`] before the
//! ledger: what a batch leaves there it leaves in the ledger first.

use chrono::NaiveDate;
use chrono_tz::Tz;

use super::seen::Seen;
use crate::adjudication::decision::{ClaimSource, Decision, Reversal, ReversalReason};
use crate::adjudication::determination::{ClaimOutcome, UnitsConsumed};
use crate::adjudication::facts::OriginalClaim;
use crate::claim::Claim;
use crate::clock::Timestamp;
use crate::events::fact::Fact;
use crate::ids::{ClaimId, Form, Npi, PayerClaimNumber, Tin, Token};
use crate::ledger::claim_index::NUMBER_BYTES;
use crate::ledger::{Ledger, LedgerError, Seq};
use crate::limits;
use crate::money::Money;

/// What is left of a claim: its decision, where it stands, and whether it was voided.
#[derive(Debug, Clone)]
pub struct Standing {
    pub claim_id: ClaimId,
    version: u16,
    /// `None`: not in the journal yet.
    seq: Option<Seq>,
    source: ClaimSource,
    form: Form,
    payer_claim_number: PayerClaimNumber,
    member_token: Token,
    pcn_token: Token,
    billing_npi: Option<Npi>,
    billing_tin: Option<Tin>,
    outcome: ClaimOutcome,
    charge: Money,
    paid: Money,
    /// What it has taken of authorizations.
    pub consumed: Vec<UnitsConsumed>,
    decided_at: Timestamp,
    /// Of the claim at the beginning.
    filed_on: NaiveDate,
    is_voided: bool,
}

/// What came after a decision that was taken back.
#[derive(Debug, Clone)]
pub enum Successor {
    Voided,
    Replaced(Box<Standing>),
}

impl Standing {
    /// Of a claim that was decided, at its place in the journal.
    pub fn of(decision: &Decision, seq: Option<Seq>) -> Standing {
        let determination = &decision.determination;
        Standing {
            claim_id: decision.claim_id,
            version: decision.version,
            seq,
            source: decision.source.clone(),
            form: decision.echo.form,
            payer_claim_number: decision.payer_claim_number.clone(),
            member_token: decision.member_token,
            pcn_token: decision.pcn_token,
            billing_npi: decision.echo.billing_npi,
            billing_tin: decision.echo.billing_tin,
            outcome: determination.outcome(),
            charge: determination.charge(),
            paid: determination.paid(),
            consumed: determination.consumed().to_vec(),
            decided_at: decision.decided_at,
            filed_on: match (determination.reverses(), decision.facts.original.found()) {
                (Some(_), Some(original)) => original.filed_on,
                (None, _) | (_, None) => decision.receipt.received_on,
            },
            is_voided: false,
        }
    }

    /// As the claim that names it is decided by it.
    pub fn fact(&self, claim: &Claim, zone: Tz) -> OriginalClaim {
        let payee = &claim.billing_provider;
        OriginalClaim {
            claim: self.claim_id,
            version: self.version,
            decided_on: self.decided_at.date_in(zone),
            filed_on: self.filed_on,
            outcome: self.outcome,
            paid: self.paid,
            is_of_same_payee: (self.billing_npi, self.billing_tin) == (payee.npi, payee.tin),
            is_voided: self.is_voided,
        }
    }

    /// Taken back by this decision. Position 0 where this one is not in the journal yet.
    pub fn reversed_by(self, decision: &Decision) -> Reversal {
        let is_remitted = decision.determination.outcome().is_remitted();
        Reversal {
            claim_id: self.claim_id,
            version: self.version,
            decided_seq: self.seq.unwrap_or(0),
            source: self.source,
            form: self.form,
            payer_claim_number: self.payer_claim_number,
            member_token: self.member_token,
            pcn_token: self.pcn_token,
            billing_npi: self.billing_npi,
            billing_tin: self.billing_tin,
            outcome: self.outcome,
            charge: self.charge,
            paid: self.paid,
            returned: self.consumed,
            reason: if is_remitted { ReversalReason::Replacement } else { ReversalReason::Void },
            by: decision.claim_id,
            corrected_paid: decision.determination.paid(),
            received_on: decision.receipt.received_on,
            reversed_at: decision.decided_at,
        }
    }
}

/// What stands of the member's claim of this number; `None` where the member has none. `up_to`: the last
/// position at which a claim may stand that is named.
///
/// # Errors
/// [`LedgerError`].
pub fn find(ledger: &impl Ledger, seen: &Seen, up_to: Seq, number: &PayerClaimNumber, member: &Token) -> Result<Option<Standing>, LedgerError> {
    let Some(beginning) = claim_id_beginning(number) else { return Ok(None) };
    let Some((_, seq)) = seen.decided_claim(beginning, ledger, up_to)? else {
        return Ok(None);
    };
    // A claim that was rejected was given no number.
    let Fact::ClaimAdjudicated(decision) = ledger.fact(seq)? else {
        return Ok(None);
    };
    if decision.member_token != *member || decision.payer_claim_number != *number {
        return Ok(None);
    }
    let mut standing = Standing::of(&decision, Some(seq));
    for _ in 0..limits::REPLACEMENTS_FOLLOWED_MAX {
        match successor(ledger, seen, &standing)? {
            None => return Ok(Some(standing)),
            Some(Successor::Replaced(next)) => standing = *next,
            Some(Successor::Voided) => {
                standing.is_voided = true;
                return Ok(Some(standing));
            }
        }
    }
    Ok(None)
}

fn successor(ledger: &impl Ledger, seen: &Seen, standing: &Standing) -> Result<Option<Successor>, LedgerError> {
    if let Some(successor) = seen.successor(&standing.claim_id) {
        return Ok(Some(successor));
    }
    let seq = match standing.seq {
        Some(seq) => Some(seq),
        // Committed since it was found, or not yet: among the last in any case.
        None => ledger.find_claim(&standing.claim_id)?,
    };
    let Some(seq) = seq else { return Ok(None) };
    let Some(reversal) = ledger.reversal_of(seq)? else { return Ok(None) };
    let behind = reversal + 1;
    match (ledger.fact(reversal)?, ledger.fact(behind)?) {
        (Fact::ClaimReversed(reversal), Fact::ClaimAdjudicated(decision)) => Ok(Some(match reversal.reason {
            ReversalReason::Void => Successor::Voided,
            ReversalReason::Replacement => Successor::Replaced(Box::new(Standing::of(&decision, Some(behind)))),
        })),
        _ => Err(LedgerError::Inconsistent {
            what: "a reversal without the decision that made it",
        }),
    }
}

/// [`PayerClaimNumber::of`] the other way; `None` for what is no number of ours.
fn claim_id_beginning(number: &PayerClaimNumber) -> Option<[u8; NUMBER_BYTES]> {
    let digits = number.as_str().strip_prefix('C')?.as_bytes();
    let mut beginning = [0; NUMBER_BYTES];
    if digits.len() != 2 * NUMBER_BYTES {
        return None;
    }
    for (byte, pair) in beginning.iter_mut().zip(digits.as_chunks::<2>().0) {
        let digit = |digit: u8| char::from(digit).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
        let [high, low] = *pair;
        *byte = digit(high)? * 16 + digit(low)?;
    }
    Some(beginning)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::path::Path;

    use proptest::prelude::*;

    use super::*;
    use crate::adjudication::determination::LineOutcome;
    use crate::config::Config;
    use crate::events::fact::PayeeBalance;
    use crate::money::Quantity;
    use crate::pipeline::house::{House, Opening};
    use crate::pipeline::{inbound, payment_run};
    use crate::tables::refdata::authorizations::AuthorizationRow;
    use crate::tables::refdata::{ReferenceData, ReferenceTable};
    use crate::tables::rules::RulePack;

    const AUTHORIZED: i64 = 6;

    /// A house with the tables of the worked examples, and six units of therapy authorized.
    fn house(directory: &Path, suspect: &str) -> House {
        let mut config = Config::parse("test", "", std::iter::empty()).unwrap();
        config.service.data_dir = directory.to_path_buf();
        let mut house = House::open(config, Opening::MayCreate).unwrap();
        let tables = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/rules/reference");
        let mut reference = ReferenceData::embedded().unwrap();
        for table in ReferenceTable::ALL {
            let Ok(mut text) = std::fs::read_to_string(tables.join(table.file_name())) else {
                continue;
            };
            if table == ReferenceTable::Authorizations {
                text.push_str("A1,91234567A,approved,service,2025-01-01,2025-01-31,1457389991,951234567,97112,97112,,6,unit,,\n");
            }
            reference = reference.with_table(table, text.as_bytes()).unwrap();
        }
        house.reference = reference;
        let pack = RulePack::EMBEDDED_TEXT.replace("suspect = \"pend\"", &format!("suspect = \"{suspect}\""));
        house.rules = RulePack::parse(&pack).unwrap();
        house
    }

    /// What becomes of lines that are like another's of the day. One that waits can't be taken back.
    fn suspect() -> impl Strategy<Value = &'static str> {
        prop_oneof![Just("ignore"), Just("deny")]
    }

    /// What a file of one step does.
    #[derive(Debug, Clone)]
    struct Asked {
        /// `1`, `7` or `8`; the latter two name an earlier claim by its place.
        frequency: u8,
        names: usize,
        units: u32,
        /// Day of January 2025.
        day: u32,
    }

    fn file(number: usize, asked: &[Asked], numbers: &[PayerClaimNumber]) -> String {
        let mut set = "ST*837*0001*005010X222A1~BHT*0019*00*B1*20250216*0930*CH~NM1*41*2*SENDER*****46*330897513~PER*IC*DESK*TE*7145550100~NM1*40*2*CALOPTIMA*****46*CALOP~HL*1**20*1~PRV*BI*PXC*261QM1300X~NM1*85*2*SAMPLE CLINIC*****XX*1234567893~N3*1 SAMPLE STREET~N4*ORANGE*CA*928680001~REF*EI*951234567~HL*2*1*22*0~SBR*P*18*******MC~NM1*IL*1*SAMPLE*MEMBER****MI*91234567A~N3*1 TEST AVENUE~N4*ANAHEIM*CA*92801~DMG*D8*19800505*F~NM1*PR*2*CALOPTIMA*****PI*CALOP~".to_string();
        for (place, one) in asked.iter().enumerate() {
            let charge = 60 * one.units;
            set += &format!("CLM*P-{number}-{place}*{charge}***11:B:{}*Y*A*Y*Y~", one.frequency);
            if one.frequency != 1 {
                let unknown = PayerClaimNumber::new("C000000000000000000");
                let named = numbers.get(one.names % numbers.len().max(1)).unwrap_or(&unknown);
                set += &format!("REF*F8*{}~", named.as_str());
            }
            set += &format!(
                "REF*G1*A1~HI*ABK:I10~NM1*82*1*SAMPLE*DOCTOR****XX*1457389991~PRV*PE*PXC*207Q00000X~LX*1~SV1*HC:97112*{charge}*UN*{}***1~DTP*472*D8*202501{:02}~REF*6R*L1~",
                one.units, one.day
            );
        }
        let segments = set.matches('~').count() + 1;
        format!(
            "ISA*00*          *00*          *ZZ*330897513      *ZZ*CALOPTIMA      *250216*0930*^*00501*{number:09}*0*T*:~GS*HC*330897513*CALOPTIMA*20250216*0930*{number}*X*005010X222A1~{set}SE*{segments}*0001~GE*1*{number}~IEA*1*{number:09}~"
        )
    }

    /// Everything that later decisions and payments go by.
    #[derive(Debug, PartialEq, Default)]
    struct State {
        units: BTreeMap<AuthorizationRow, Quantity>,
        /// The claims that stand on each day.
        days: BTreeMap<u32, Vec<ClaimId>>,
    }

    fn state(house: &House, seen: &Seen) -> State {
        let facts = house.ledger.facts(1, 100_000).unwrap();
        let mut standing: BTreeMap<ClaimId, &Decision> = BTreeMap::new();
        for (_, fact) in &facts {
            match fact {
                Fact::ClaimAdjudicated(decision) if decision.determination.paid() > Money::ZERO => {
                    standing.insert(decision.claim_id, decision);
                }
                Fact::ClaimReversed(reversal) => {
                    let decision = standing.remove(&reversal.claim_id);
                    assert_eq!(decision.map(|decision| decision.determination.paid()).unwrap_or_default(), reversal.paid);
                    assert_eq!(
                        decision.map(|decision| decision.determination.consumed().to_vec()).unwrap_or_default(),
                        reversal.returned,
                        "gives back exactly what it took"
                    );
                }
                _ => {}
            }
        }
        let mut state = State::default();
        for decision in standing.values() {
            for consumed in decision.determination.consumed() {
                let used = state.units.entry(consumed.row).or_default();
                *used = *used + consumed.units;
            }
            let day = decision.echo.lines[0].service.unwrap().from;
            state.days.entry(chrono::Datelike::day(&day)).or_default().push(decision.claim_id);
        }
        let stored: BTreeMap<_, _> = house
            .ledger
            .units_used()
            .unwrap()
            .into_iter()
            .filter(|(_, units)| *units > Quantity::ZERO)
            .collect();
        assert_eq!(stored, state.units, "consumed less returned is used");
        for (row, units) in &stored {
            assert_eq!(seen.units_used(*row), *units);
            assert!(*units <= Quantity::whole(AUTHORIZED as u32), "{units}");
        }
        state
    }

    fn take_in(house: &mut House, seen: &Seen, number: usize, asked: &[Asked], numbers: &mut Vec<PayerClaimNumber>) {
        let text = file(number, asked, numbers);
        let received_at = Timestamp::parse_rfc3339("2025-02-16T09:00:00-08:00").unwrap();
        let report = inbound::ingest(house, seen, &mut text.as_bytes(), None, received_at, &|_, _| {}).unwrap();
        assert_eq!(
            (report.counts.received, report.counts.rejected, report.counts.conservation()),
            (asked.len() as u64, 0, 0)
        );
        for (_, fact) in house.ledger.facts(1, 100_000).unwrap() {
            if let Fact::ClaimAdjudicated(decision) = fact
                && !numbers.contains(&decision.payer_claim_number)
            {
                numbers.push(decision.payer_claim_number);
            }
        }
    }

    fn asked() -> impl Strategy<Value = Asked> {
        (prop_oneof![3 => Just(1u8), 2 => Just(7), 2 => Just(8)], 0usize..8, 1u32..4, 1u32..5).prop_map(|(frequency, names, units, day)| Asked {
            frequency,
            names,
            units,
            day,
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(12))]
        /// Whatever is sent, replaced and voided: units used are those of what stands, payees have what stands
        /// pays, no balance is lost, and a start in between changes nothing.
        #[test]
        fn what_stands_is_what_is_paid(files in proptest::collection::vec(proptest::collection::vec(asked(), 1..3), 1..8), restart in 0usize..8, pay_every in 1usize..4, suspect in suspect()) {
            let directory = tempfile::tempdir().unwrap();
            let mut house = house(directory.path(), suspect);
            let mut seen = Seen::load(&house).unwrap();
            let mut numbers = Vec::new();
            for (place, asked) in files.iter().enumerate() {
                if place == restart {
                    drop(seen);
                    seen = Seen::load(&house).unwrap();
                }
                take_in(&mut house, &seen, place + 1, asked, &mut numbers);
                state(&house, &seen);
                if place % pay_every == 0 {
                    payment_run::run(&mut house, "2025-02-20".parse().unwrap(), &|_, _| {}).unwrap();
                }
            }
            payment_run::run(&mut house, "2025-02-20".parse().unwrap(), &|_, _| {}).unwrap();
            let facts = house.ledger.facts(1, 100_000).unwrap();
            let (mut standing, mut paid, mut balance) = (Money::ZERO, Money::ZERO, PayeeBalance::default());
            for (_, fact) in &facts {
                match fact {
                    Fact::ClaimAdjudicated(decision) => standing += decision.determination.paid(),
                    Fact::ClaimReversed(reversal) => standing -= reversal.paid,
                    Fact::RemitBuilt(remit) => {
                        prop_assert!(!remit.payment().is_negative());
                        prop_assert_eq!(remit.interest, Money::ZERO);
                        paid += remit.payment();
                        balance = balance.after(&remit.trace, &remit.recovery);
                    }
                    _ => {}
                }
            }
            prop_assert_eq!(standing, paid - balance.owed);
            prop_assert_eq!(house.ledger.balance(1).unwrap().owed, balance.owed);
            prop_assert!(house.ledger.payees_due().unwrap().is_empty());
            // No service of the member stands twice.
            for claims in state(&house, &seen).days.values() {
                let lines = |claim: &ClaimId| facts.iter().find_map(|(_, fact)| match fact {
                    Fact::ClaimAdjudicated(decision) if decision.claim_id == *claim => Some(decision.determination.charge()),
                    _ => None,
                });
                let mut charges: Vec<Option<Money>> = claims.iter().map(lines).collect();
                let all = charges.len();
                charges.sort();
                charges.dedup();
                prop_assert_eq!(charges.len(), all);
            }
        }

        #[test]
        fn a_void_restores_the_state_before(before in proptest::collection::vec(asked(), 0..4), one in asked(), frequency in prop_oneof![Just(1u8), Just(7)], suspect in suspect()) {
            let directory = tempfile::tempdir().unwrap();
            let mut house = house(directory.path(), suspect);
            let seen = Seen::load(&house).unwrap();
            let mut numbers = Vec::new();
            if !before.is_empty() {
                take_in(&mut house, &seen, 1, &before, &mut numbers);
            }
            let was = state(&house, &seen);
            let one = Asked { frequency: 1, ..one };
            take_in(&mut house, &seen, 2, std::slice::from_ref(&one), &mut numbers);
            if frequency == 7 {
                // Replaced in between: the void is of what replaced it, under either number.
                let names = numbers.len() - 1;
                take_in(&mut house, &seen, 3, &[Asked { frequency: 7, names, units: 1, ..one.clone() }], &mut numbers);
            }
            let names = numbers.len() - 1;
            let facts = house.ledger.facts(1, 100_000).unwrap();
            let last = facts.iter().rev().find_map(|(_, fact)| match fact {
                Fact::ClaimAdjudicated(decision) => Some(decision.determination.lines()[0].outcome()),
                _ => None,
            });
            prop_assert!(matches!(last, Some(LineOutcome::Paid | LineOutcome::Denied)));
            take_in(&mut house, &seen, 4, &[Asked { frequency: 8, names, ..one.clone() }], &mut numbers);
            prop_assert_eq!(&state(&house, &seen), &was);
            // The same again is decided as it was.
            take_in(&mut house, &seen, 5, &[one], &mut numbers);
            let decided: Vec<Money> = house.ledger.facts(1, 100_000).unwrap().iter().filter_map(|(_, fact)| match fact {
                Fact::ClaimAdjudicated(decision) => Some(decision.determination.paid()),
                _ => None,
            }).collect();
            prop_assert_eq!(decided.last(), decided.get(before.len()));
        }
    }

    #[test]
    fn one_file_may_replace_a_claim_twice() {
        let directory = tempfile::tempdir().unwrap();
        let mut house = house(directory.path(), "ignore");
        let seen = Seen::load(&house).unwrap();
        let mut numbers = Vec::new();
        let asked = |frequency, units| Asked {
            frequency,
            names: 0,
            units,
            day: 1,
        };
        take_in(&mut house, &seen, 1, &[asked(1, 2)], &mut numbers);
        take_in(&mut house, &seen, 2, &[asked(7, 3), asked(7, 1), asked(8, 1), asked(8, 1)], &mut numbers);
        let facts = house.ledger.facts(1, 1_000).unwrap();
        let mut decided: BTreeMap<ClaimId, Seq> = BTreeMap::new();
        let mut reversed = Vec::new();
        for (seq, fact) in &facts {
            match fact {
                Fact::ClaimAdjudicated(decision) => assert!(decided.insert(decision.claim_id, *seq).is_none()),
                Fact::ClaimReversed(reversal) => {
                    assert_eq!(decided.get(&reversal.claim_id), Some(&reversal.decided_seq));
                    assert_eq!(house.ledger.reversal_of(reversal.decided_seq).unwrap(), Some(*seq));
                    reversed.push((reversal.reason, reversal.paid.to_string(), reversal.corrected_paid.to_string()));
                }
                _ => {}
            }
        }
        let each = |reason, paid: &str, corrected: &str| (reason, paid.to_string(), corrected.to_string());
        assert_eq!(
            reversed,
            [
                each(ReversalReason::Replacement, "62.10", "93.15"),
                each(ReversalReason::Replacement, "93.15", "31.05"),
                each(ReversalReason::Void, "31.05", "0.00"),
            ]
        );
        assert_eq!(state(&house, &seen), State::default());
        // What was taken in together is found together, and after a start.
        let seen = Seen::load(&house).unwrap();
        assert_eq!(state(&house, &seen), State::default());
    }

    #[test]
    fn a_claim_is_found_wherever_its_batch_is_kept() {
        let directory = tempfile::tempdir().unwrap();
        let mut house = house(directory.path(), "ignore");
        let mut numbers = Vec::new();
        let days: Vec<Asked> = (1..=4)
            .map(|day| Asked {
                frequency: 1,
                names: 0,
                units: 1,
                day,
            })
            .collect();
        let seen = Seen::load(&house).unwrap();
        for number in 1..=3 {
            take_in(&mut house, &seen, number, &days, &mut numbers);
        }
        let member = house
            .ledger
            .facts(1, 1_000)
            .unwrap()
            .iter()
            .find_map(|(_, fact)| match fact {
                Fact::ClaimAdjudicated(decision) => Some(decision.member_token),
                _ => None,
            })
            .unwrap();
        for seen in [seen, Seen::load(&house).unwrap()] {
            for number in &numbers {
                let found = find(&house.ledger, &seen, Seq::MAX, number, &member).unwrap().unwrap();
                assert_eq!(PayerClaimNumber::of(&found.claim_id), *number);
            }
            let unknown = PayerClaimNumber::new("C000000000000000000");
            assert!(find(&house.ledger, &seen, Seq::MAX, &unknown, &member).unwrap().is_none());
            let other = house.keys.token("member", b"somebody else");
            assert!(
                find(&house.ledger, &seen, Seq::MAX, &numbers[0], &other).unwrap().is_none(),
                "another member's claim"
            );
        }
    }

    #[test]
    fn a_number_is_the_beginning_of_its_claims_id() {
        let claim = ClaimId::from_bytes([0xab, 1, 2, 3, 4, 5, 6, 7, 0xff, 9, 10, 11, 12, 13, 14, 15]);
        let number = PayerClaimNumber::of(&claim);
        assert_eq!(number.as_str(), "CAB01020304050607FF");
        assert_eq!(claim_id_beginning(&number).as_ref().map(<[u8; 9]>::as_slice), claim.as_bytes().get(..9));
        for none in [
            "",
            "C",
            "CAB01020304050607F",
            "CAB01020304050607FF0",
            "XAB01020304050607FF",
            "CGB01020304050607FF",
            "Cé01020304050607FF",
        ] {
            assert_eq!(claim_id_beginning(&PayerClaimNumber::new(none)), None, "{none}");
        }
    }
}
