//! Visits billed higher than those of a provider's peers (DOMAIN E5 UPCODE). It looks at the claims of many
//! providers, so it runs later and outside every decision and digest, and only tells whom a person should
//! look at.

use std::collections::BTreeMap;

use rust_decimal::Decimal;
use serde::Serialize;

use crate::ids::{Npi, Taxonomy};
use crate::tables::rules::UpcodingRules;

/// What a provider was paid for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct VisitCounts {
    pub visits: u64,
    /// Of them, of the high levels.
    pub high: u64,
}

impl VisitCounts {
    pub fn add(&mut self, is_high: bool) {
        self.visits += 1;
        self.high += u64::from(is_high);
    }

    /// Of a visit that was taken back.
    pub fn take_back(&mut self, is_high: bool) {
        self.visits = self.visits.saturating_sub(1);
        self.high = self.high.saturating_sub(u64::from(is_high));
    }

    /// High visits of a hundred.
    fn percent(self) -> Decimal {
        let high = Decimal::from(self.high) * Decimal::ONE_HUNDRED;
        high.checked_div(Decimal::from(self.visits)).unwrap_or_default()
    }
}

/// A provider whose share of high visits lies far above that of the peers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Outlying {
    pub provider: Npi,
    pub specialty: Taxonomy,
    pub visits: u64,
    pub high: u64,
    /// Of a hundred, to a tenth.
    pub percent: Decimal,
    /// The mean of the peers, the provider left out.
    pub peers_percent: Decimal,
    pub peers: usize,
}

/// Providers with enough visits, among enough peers of their specialty, whose share lies further above the mean
/// of the others than so many times their spread (the standard deviation) and so many points, by provider.
pub fn outlying(counts: &BTreeMap<(Taxonomy, Npi), VisitCounts>, rules: &UpcodingRules) -> Vec<Outlying> {
    let mut shares: BTreeMap<Taxonomy, Vec<(Npi, VisitCounts)>> = BTreeMap::new();
    for ((specialty, provider), counts) in counts.iter().filter(|(_, counts)| counts.visits >= rules.visits_at_least) {
        shares.entry(*specialty).or_default().push((*provider, *counts));
    }
    let mut found = Vec::new();
    for (specialty, providers) in &shares {
        for (place, (provider, counts)) in providers.iter().enumerate() {
            let others = providers.iter().enumerate().filter(|(other, _)| *other != place);
            let others: Vec<Decimal> = others.map(|(_, (_, counts))| counts.percent()).collect();
            if others.len() < rules.peers_at_least {
                continue;
            }
            let mean = mean(&others);
            let above = counts.percent() - mean;
            // The square of the spread: no root is drawn.
            let spread = rules.spread * rules.spread * variance(&others, mean);
            if above >= rules.points_at_least && above * above > spread {
                found.push(Outlying {
                    provider: *provider,
                    specialty: *specialty,
                    visits: counts.visits,
                    high: counts.high,
                    percent: counts.percent().round_dp(1),
                    peers_percent: mean.round_dp(1),
                    peers: others.len(),
                });
            }
        }
    }
    found.sort_by_key(|outlying| outlying.provider);
    found
}

fn mean(values: &[Decimal]) -> Decimal {
    let sum: Decimal = values.iter().sum();
    sum.checked_div(Decimal::from(values.len())).unwrap_or_default()
}

fn variance(values: &[Decimal], mean: Decimal) -> Decimal {
    let squares: Decimal = values.iter().map(|value| (*value - mean) * (*value - mean)).sum();
    squares.checked_div(Decimal::from(values.len().saturating_sub(1))).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tables::rules::RulePack;

    const NPIS: [&str; 8] = [
        "1003000126",
        "1234567893",
        "1457389991",
        "1972574325",
        "1992729818",
        "1083617021",
        "1245319599",
        "1316940006",
    ];

    /// Of each provider of one specialty, the visits and how many of them are high.
    fn counts(of: &[(u64, u64)]) -> BTreeMap<(Taxonomy, Npi), VisitCounts> {
        let specialty: Taxonomy = "207Q00000X".parse().unwrap();
        let providers = NPIS.iter().zip(of);
        providers
            .map(|(npi, (visits, high))| {
                let counts = VisitCounts { visits: *visits, high: *high };
                ((specialty, Npi::parse(npi.as_bytes()).unwrap()), counts)
            })
            .collect()
    }

    #[test]
    fn far_above_the_peers_is_told() {
        let rules = RulePack::embedded().unwrap().fraud_signals.upcoding.as_ref().unwrap();
        for (what, of, told) in [
            ("all alike", &[(100, 30), (100, 30), (100, 30), (100, 30), (100, 30), (100, 30)][..], None),
            (
                "one far above",
                &[(100, 90), (100, 30), (100, 32), (100, 28), (100, 31), (100, 29)],
                Some(("90", "30", 5)),
            ),
            (
                "not by enough points",
                &[(100, 49), (100, 30), (100, 30), (100, 30), (100, 30), (100, 30)],
                None,
            ),
            (
                "by enough points",
                &[(100, 50), (100, 30), (100, 30), (100, 30), (100, 30), (100, 30)],
                Some(("50", "30", 5)),
            ),
            ("peers differ widely", &[(100, 90), (100, 10), (100, 70), (100, 20), (100, 60), (100, 40)], None),
            ("too few visits", &[(49, 49), (100, 30), (100, 32), (100, 28), (100, 31), (100, 29)], None),
            ("too few peers", &[(100, 90), (100, 30), (100, 32), (100, 28), (100, 31), (49, 29)], None),
            ("below them", &[(100, 0), (100, 30), (100, 32), (100, 28), (100, 31), (100, 29)], None),
        ] {
            let found = outlying(&counts(of), rules);
            let found = found
                .first()
                .map(|found| (found.percent.normalize().to_string(), found.peers_percent.normalize().to_string(), found.peers));
            let told = told.map(|(percent, peers_percent, peers)| (percent.to_string(), peers_percent.to_string(), peers));
            assert_eq!(found, told, "{what}");
        }
    }

    #[test]
    fn what_is_taken_back_does_not_count() {
        let mut counts = VisitCounts::default();
        counts.add(true);
        counts.add(false);
        counts.take_back(true);
        counts.take_back(true);
        counts.take_back(true);
        assert_eq!(counts, VisitCounts { visits: 0, high: 0 });
    }
}
