//! SNIP 4: what one part of a claim asks of another (S401–S419).

mod header;
mod institutional;
mod lines;
mod professional;

use crate::claim::{Claim, ClaimDetail};
use crate::edits::{EditContext, Found};

pub(super) fn check(claim: &Claim, context: &EditContext<'_>, found: &mut Found) {
    let received_on = context.received_on;
    header::check(claim, found);
    match &claim.detail {
        ClaimDetail::Professional(detail) => professional::check(claim, detail, received_on, found),
        ClaimDetail::Institutional(detail) => institutional::check(claim, detail, received_on, found),
    }
    for line in &claim.lines {
        lines::check(claim, line, received_on, found);
    }
}
