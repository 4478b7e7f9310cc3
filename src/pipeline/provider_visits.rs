//! How high the visits of each provider were, over everything that was decided: for
//! [`peer_comparison`](crate::adjudication::peer_comparison), which runs beside the decisions.

use std::collections::BTreeMap;

use crate::adjudication::decision::Decision;
use crate::adjudication::determination::LineOutcome;
use crate::adjudication::peer_comparison::VisitCounts;
use crate::events::fact::Fact;
use crate::ids::{Form, Npi, Taxonomy};
use crate::ledger::{Ledger, LedgerError};
use crate::tables::code_range::CodeKey;
use crate::tables::refdata::ReferenceData;
use crate::tables::rules::UpcodingRules;

/// Visits that were paid on professional claims, by specialty and rendering provider. What was taken back does
/// not count, and neither do providers without a specialty on file.
///
/// # Errors
/// [`LedgerError`].
pub fn counted(ledger: &impl Ledger, reference: &ReferenceData, rules: &UpcodingRules) -> Result<BTreeMap<(Taxonomy, Npi), VisitCounts>, LedgerError> {
    let mut counts: BTreeMap<(Taxonomy, Npi), VisitCounts> = BTreeMap::new();
    let mut count = |decision: &Decision, is_taken_back: bool| {
        let Some(who) = specialist(decision, reference) else { return };
        for is_high in visits(decision, rules) {
            let of_provider = counts.entry(who).or_default();
            match is_taken_back {
                true => of_provider.take_back(is_high),
                false => of_provider.add(is_high),
            }
        }
    };
    ledger.each_fact(&mut |fact| {
        match fact {
            Fact::ClaimAdjudicated(decision) => count(&decision, false),
            Fact::ClaimReversed(reversal) => {
                if let Fact::ClaimAdjudicated(decision) = ledger.fact(reversal.decided_seq)? {
                    count(&decision, true);
                }
            }
            _ => {}
        }
        Ok(())
    })?;
    Ok(counts)
}

/// Who rendered the claim, with the specialty on file.
fn specialist(decision: &Decision, reference: &ReferenceData) -> Option<(Taxonomy, Npi)> {
    let echo = &decision.echo;
    let npi = echo.rendering_npi.or(echo.billing_npi).filter(|_| echo.form == Form::Professional)?;
    let rows = reference.providers.as_ref()?.find(&npi);
    Some((rows.first()?.taxonomy?, npi))
}

/// Of each paid visit whether it is of a high level.
fn visits<'a>(decision: &'a Decision, rules: &'a UpcodingRules) -> impl Iterator<Item = bool> + 'a {
    let paid = decision.determination.lines().iter().filter(|line| line.outcome() == LineOutcome::Paid);
    paid.filter_map(|line| {
        let echo = decision.echo.lines.iter().find(|echo| echo.number == line.number())?;
        let code = CodeKey::of(echo.procedure.as_ref()?.as_bytes());
        rules.visits.contains(code).then(|| rules.high.contains(code))
    })
}
