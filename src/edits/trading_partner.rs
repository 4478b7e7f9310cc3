//! SNIP 7: what this payer asks of its partners (S701–S706).

use crate::claim::Claim;
use crate::finding::{Check, Finding};
use crate::loop_id::LoopId;

use super::{EditContext, Found, Lookup, ProviderLookup, element, invalid, returned, whole};

/// CLM20 values that Medi-Cal takes as a reason for delay; the others are adjudicated without
/// (DOMAIN A4).
const DELAY_REASONS: &[&[u8]] = &[b"1", b"3", b"4", b"5", b"6", b"7", b"10", b"11", b"15"];

pub(super) fn check(claim: &Claim, context: &EditContext<'_>, found: &mut Found) {
    found.add(payer(claim, context));
    found.add(member(claim, context.member));
    found.add(billing_provider(claim, context.billing_provider));
    found.add(filing_indicator(claim, context));
    found.add(channel(claim, context));
    found.add(delay_reason(claim));
}

/// S701. The claim was meant for us.
fn payer(claim: &Claim, context: &EditContext<'_>) -> Option<Finding> {
    let subscriber = &claim.subscriber;
    let is_ours = context.payer_ids.is_empty() || context.payer_ids.iter().any(|ours| subscriber.payer_id == ours.as_str());
    (!is_ours).then(|| Finding::status(Check::S701, returned(116).of("PR"), element(LoopId::L2010BB, subscriber.payer_at, 9)))
}

/// S702. The member id is a CIN, and a member has it.
fn member(claim: &Claim, lookup: Lookup) -> Option<Finding> {
    let at = element(LoopId::L2010BA, claim.subscriber.name_at, 9);
    match (&claim.subscriber.cin, lookup) {
        (None, _) => Some(Finding::status(Check::S702, invalid(164).of("IL"), at)),
        (Some(_), Lookup::Unknown) => Some(Finding::status(Check::S702, returned(33), at)),
        (Some(_), Lookup::Known | Lookup::NotLoaded) => None,
    }
}

/// S703. The billing provider is known by its NPI and TIN together.
fn billing_provider(claim: &Claim, lookup: ProviderLookup) -> Option<Finding> {
    let at = claim.billing_provider.at;
    match lookup {
        ProviderLookup::Unknown => Some(Finding::status(Check::S703, returned(26).of("85"), element(LoopId::L2010AA, at, 9))),
        ProviderLookup::TinDiffers => Some(Finding::status(Check::S703, invalid(128).of("85"), whole(LoopId::L2010AA, at))),
        ProviderLookup::Known | ProviderLookup::NotLoaded => None,
    }
}

/// S704. The claim is filed as Medicaid. An encounter was paid elsewhere and may be filed as what it
/// was there.
fn filing_indicator(claim: &Claim, context: &EditContext<'_>) -> Option<Finding> {
    let subscriber = &claim.subscriber;
    let is_medicaid = subscriber.filing_indicator.is_some_and(|indicator| indicator.as_bytes() == b"MC");
    (!is_medicaid && !context.is_encounter).then(|| Finding::status(Check::S704, invalid(480).of("PR"), element(LoopId::L2000B, subscriber.at, 9)))
}

/// S705. The channel is meant for this form.
fn channel(claim: &Claim, context: &EditContext<'_>) -> Option<Finding> {
    let fits = context.channel.is_none_or(|form| form == claim.form);
    (!fits).then(|| Finding::status(Check::S705, invalid(496).of("41"), whole(LoopId::L2300, claim.at)))
}

/// S706. Medi-Cal knows the reason for delay.
fn delay_reason(claim: &Claim) -> Option<Finding> {
    let reason = claim.delay_reason?;
    (!DELAY_REASONS.contains(&reason.as_bytes())).then(|| Finding::status(Check::S706, invalid(555), element(LoopId::L2300, claim.at, 20)))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::edits::edit;
    use crate::edits::sample::{RECEIVED, check_rows, check_rows_in, code, professional, rendered};
    use crate::finding::Severity;
    use crate::ids::Form;

    #[test]
    fn what_the_claim_shows() {
        check_rows(
            professional,
            &[
                ("no CIN", |claim| Arc::make_mut(&mut claim.subscriber).cin = None, "S702 A7:164:IL 2010BA NM109"),
                (
                    "filed as HMO",
                    |claim| Arc::make_mut(&mut claim.subscriber).filing_indicator = code("HM"),
                    "S704 A7:480:PR 2000B SBR09",
                ),
                ("an administrative delay", |claim| claim.delay_reason = code("2"), "S706 A7:555 2300 CLM20"),
                ("a delay by a third party", |claim| claim.delay_reason = code("7"), ""),
            ],
        );
    }

    #[test]
    fn what_the_partner_and_the_tables_say() {
        let clean = EditContext::unenforced(RECEIVED);
        let ours = ["CALOP".to_string(), "99250".to_string()];
        let others = ["99250".to_string()];
        for (shows, context, expected) in [
            ("our payer id", EditContext { payer_ids: &ours, ..clean }, ""),
            ("another's payer id", EditContext { payer_ids: &others, ..clean }, "S701 A3:116:PR 2010BB NM109"),
            (
                "a known member",
                EditContext {
                    member: Lookup::Known,
                    ..clean
                },
                "",
            ),
            (
                "an unknown member",
                EditContext {
                    member: Lookup::Unknown,
                    ..clean
                },
                "S702 A3:33 2010BA NM109",
            ),
            (
                "a known provider",
                EditContext {
                    billing_provider: ProviderLookup::Known,
                    ..clean
                },
                "",
            ),
            (
                "an unknown provider",
                EditContext {
                    billing_provider: ProviderLookup::Unknown,
                    ..clean
                },
                "S703 A3:26:85 2010AA NM109",
            ),
            (
                "another TIN",
                EditContext {
                    billing_provider: ProviderLookup::TinDiffers,
                    ..clean
                },
                "S703 A7:128:85 2010AA NM1",
            ),
            (
                "a channel for this form",
                EditContext {
                    channel: Some(Form::Professional),
                    ..clean
                },
                "",
            ),
            (
                "a channel for the other form",
                EditContext {
                    channel: Some(Form::Institutional),
                    ..clean
                },
                "S705 A7:496:41 2300 CLM",
            ),
        ] {
            assert_eq!(rendered(&edit(&professional(), &context)), expected, "{shows}");
        }
        let encounter = EditContext { is_encounter: true, ..clean };
        check_rows_in(
            &encounter,
            professional,
            &[(
                "an encounter filed as HMO",
                |claim| Arc::make_mut(&mut claim.subscriber).filing_indicator = code("HM"),
                "",
            )],
        );
    }

    #[test]
    fn preferences_of_the_payer_only_warn() {
        let mut claim = professional();
        claim.delay_reason = code("2");
        Arc::make_mut(&mut claim.subscriber).filing_indicator = code("HM");
        let context = EditContext {
            channel: Some(Form::Institutional),
            ..EditContext::unenforced(RECEIVED)
        };
        let severities: Vec<Severity> = edit(&claim, &context).iter().map(|finding| finding.severity).collect();
        assert_eq!(severities, [Severity::Warn; 3]);
    }
}
