//! What a stay is paid that cost far more than its case rate (DOMAIN E6).

use rust_decimal::Decimal;

use crate::money::Money;

/// A part of the cost that lies above the rate and a threshold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Outlier {
    /// What a charge costs, of a hundred.
    pub cost_percent: Decimal,
    /// What the hospital bears beyond the rate.
    pub threshold: Money,
    /// What is paid of the rest, of a hundred.
    pub percent: Decimal,
}

impl Outlier {
    /// Beside the rate, for a claim of this charge.
    pub fn of(&self, charge: Money, rate: Money) -> Money {
        let above = charge.percent(self.cost_percent) - rate - self.threshold;
        above.max(Money::ZERO).percent(self.percent)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_of_the_cost_above_rate_and_threshold() {
        let outlier = Outlier {
            cost_percent: Decimal::from(30),
            threshold: Money::from_cents(4_000_000),
            percent: Decimal::from(60),
        };
        for (charge_cents, paid_cents) in [
            // Cost 48,000.00: rate and threshold hold it.
            (16_000_000, 0),
            (16_000_001, 0),
            // A cent above: 0.006.
            (16_000_002, 1),
            (20_000_000, 720_000),
            (0, 0),
        ] {
            let paid = outlier.of(Money::from_cents(charge_cents), Money::from_cents(800_000));
            assert_eq!(paid, Money::from_cents(paid_cents), "{charge_cents}");
        }
    }
}
