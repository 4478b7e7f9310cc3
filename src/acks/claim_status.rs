//! The findings of a rejected claim as STC composites: `A7:562:85`, a second status beside it.

use std::collections::BTreeMap;

use crate::finding::{ClaimStatus, Finding, ReportCode, StatusCategory};

/// Status codes of one STC: STC01, STC10, STC11.
const STATUSES_MAX: usize = 3;

/// 684: a syntax error that the 999 tells in detail (only after a 999 with E).
fn told_by_the_999() -> ClaimStatus {
    ClaimStatus::new(StatusCategory::A3, 684)
}

/// The STCs of the claim, each as its composites, at least one: each rejecting status of the claim once.
/// A claim rejected only for its lines says so (247); one rejected by the 999 refers to it.
pub fn claim_statuses(findings: &[Finding]) -> Vec<Vec<String>> {
    let mut statuses: Vec<ClaimStatus> = Vec::new();
    let mut add = |status| {
        if !statuses.contains(&status) {
            statuses.push(status);
        }
    };
    let mut of_a_line = None;
    for finding in findings.iter().filter(|finding| finding.rejects()) {
        match (finding.code, finding.line) {
            (ReportCode::Status(status), None) => add(status),
            (ReportCode::Status(status), Some(_)) => {
                of_a_line.get_or_insert(status.category);
            }
            (ReportCode::Ta1(_) | ReportCode::Group(_) | ReportCode::Set(_) | ReportCode::Segment(_) | ReportCode::Element(_), _) => {
                add(told_by_the_999());
            }
        }
    }
    if statuses.is_empty() {
        statuses.push(of_a_line.map_or_else(told_by_the_999, |category| ClaimStatus::new(category, 247)));
    }
    statuses.into_iter().map(composites).collect()
}

/// The lines with rejecting statuses, in order of their numbers, each with its STCs: a line's STC can't
/// repeat, so up to three statuses share one.
pub fn line_statuses(findings: &[Finding]) -> BTreeMap<u16, Vec<Vec<String>>> {
    let mut lines: BTreeMap<u16, Vec<ClaimStatus>> = BTreeMap::new();
    for finding in findings.iter().filter(|finding| finding.rejects()) {
        if let (ReportCode::Status(status), Some(line)) = (finding.code, finding.line) {
            let statuses = lines.entry(line).or_default();
            if !statuses.contains(&status) {
                statuses.push(status);
            }
        }
    }
    lines.into_iter().map(|(line, statuses)| (line, packed(statuses))).collect()
}

fn packed(statuses: Vec<ClaimStatus>) -> Vec<Vec<String>> {
    let mut packed: Vec<Vec<String>> = Vec::new();
    for status in statuses {
        let pair = composites(status);
        match packed.last_mut().filter(|last| last.len() + pair.len() <= STATUSES_MAX) {
            Some(last) => last.extend(pair),
            None => packed.push(pair),
        }
    }
    packed
}

/// The status and, of a pair, its second.
fn composites(status: ClaimStatus) -> Vec<String> {
    let second = status.second.map(|second| ClaimStatus::new(status.category, second).to_string());
    std::iter::once(status.to_string()).chain(second).collect()
}

#[cfg(test)]
mod tests {
    use StatusCategory::{A3, A6, A7};

    use super::*;
    use crate::finding::{Check, SegmentError, Severity};
    use crate::position::{Position, SegmentPosition};

    fn finding(code: ReportCode) -> Finding {
        Finding::new(Check::S301, code, Position::of_segment(None, SegmentPosition::default()))
    }

    fn status(status: ClaimStatus) -> Finding {
        finding(ReportCode::Status(status))
    }

    #[test]
    fn statuses_of_a_claim() {
        let npi = || status(ClaimStatus::new(A7, 562).of("85"));
        let warning = || Finding {
            severity: Severity::Warn,
            ..status(ClaimStatus::new(A6, 544))
        };
        let syntax = || finding(ReportCode::Segment(SegmentError::RequiredMissing));
        let out_of_balance = || status(ClaimStatus::new(A7, 400).and(178));
        for (findings, expected) in [
            (vec![npi()], "A7:562:85"),
            (vec![npi(), npi(), warning()], "A7:562:85"),
            (vec![out_of_balance(), npi()], "A7:400+A7:178 A7:562:85"),
            (vec![syntax()], "A3:684"),
            (vec![syntax(), syntax().on_line(2), npi()], "A3:684 A7:562:85"),
            (vec![npi().on_line(1)], "A7:247"),
            (vec![npi().on_line(1), out_of_balance()], "A7:400+A7:178"),
            (vec![], "A3:684"),
        ] {
            let statuses: Vec<String> = claim_statuses(&findings).iter().map(|composites| composites.join("+")).collect();
            assert_eq!(statuses.join(" "), expected);
        }
    }

    #[test]
    fn three_statuses_share_the_stc_of_a_line() {
        let of = |line: u16, status_code: u16| status(ClaimStatus::new(A7, status_code)).on_line(line);
        let pair = status(ClaimStatus::new(A3, 187).and(188)).on_line(1);
        let findings = vec![of(2, 507), of(1, 453), pair, of(1, 477), of(1, 453)];
        let lines: Vec<(u16, Vec<String>)> = line_statuses(&findings)
            .into_iter()
            .map(|(line, stcs)| (line, stcs.iter().map(|composites| composites.join("+")).collect()))
            .collect();
        assert_eq!(
            lines,
            [
                (1, vec!["A7:453+A3:187+A3:188".to_owned(), "A7:477".to_owned()]),
                (2, vec!["A7:507".to_owned()])
            ]
        );
    }
}
