//! One reason why a line is not paid in full. CAS.

use serde::{Deserialize, Serialize};

use crate::ids::{Carc, Rarc};
use crate::money::{Money, Quantity};
use crate::tables::reasons::AdjustmentGroup;

/// Group, reason, amount, and the remarks that go with it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Adjustment {
    pub group: AdjustmentGroup,
    pub carc: Carc,
    /// Positive lowers the payment.
    pub amount: Money,
    /// Units cut (CAS04), where the reason is about units.
    pub quantity: Option<Quantity>,
    pub rarcs: Vec<Rarc>,
}

impl Adjustment {
    pub fn new(group: AdjustmentGroup, carc: Carc, amount: Money) -> Adjustment {
        Adjustment {
            group,
            carc,
            amount,
            quantity: None,
            rarcs: Vec::new(),
        }
    }

    pub fn with_remark(mut self, rarc: Rarc) -> Adjustment {
        self.rarcs.push(rarc);
        self
    }

    pub fn with_quantity(self, quantity: Quantity) -> Adjustment {
        Adjustment {
            quantity: Some(quantity),
            ..self
        }
    }
}
