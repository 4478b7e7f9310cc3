//! SNIP 4: what one part of a claim asks of another (S401–S419).

mod header;
mod institutional;
mod lines;
mod professional;

use crate::claim::{Claim, ClaimDetail};
use crate::edits::EditContext;
use crate::finding::Finding;

pub(super) fn findings<'a>(claim: &'a Claim, context: &EditContext<'_>) -> impl Iterator<Item = Finding> + use<'a> {
    let received_on = context.received_on;
    let (professional, institutional) = match &claim.detail {
        ClaimDetail::Professional(detail) => (Some(professional::findings(claim, detail, received_on)), None),
        ClaimDetail::Institutional(detail) => (None, Some(institutional::findings(claim, detail, received_on))),
    };
    header::findings(claim)
        .chain(professional.into_iter().flatten())
        .chain(institutional.into_iter().flatten())
        .chain(claim.lines.iter().flat_map(move |line| lines::findings(claim, line, received_on)))
}
