//! What is said of a file, in one line, and the file that the cases change.

use claimstream::finding::Finding;

use super::invariants::{edited, read_file};

/// Marks in a case's bytes where its finding must point; not part of the file.
pub const MARK: &[u8] = b"@@";

const BASE: &str = include_str!("../../fixtures/valid/837p--three-claims-of-two-members.x12");
const STAY: &str = include_str!("../../fixtures/valid/837i--inpatient-stay.x12");

/// Three sound professional claims: two of one member, one of another.
pub fn base() -> String {
    BASE.to_string()
}

/// One sound institutional claim, in an interchange of its own.
pub fn stay() -> String {
    STAY.to_string()
}

/// The base with the first of a text replaced, and SE01 telling the truth again.
pub fn with(old: &str, new: &str) -> Vec<u8> {
    changed(&base(), old, new.as_bytes())
}

/// The same for the institutional file, followed by the professional one.
pub fn stay_with(old: &str, new: &str) -> Vec<u8> {
    [changed(&stay(), old, new.as_bytes()), base().into_bytes()].concat()
}

/// A file with the first of a text replaced by bytes, and its first SE01 telling the truth again.
pub fn changed(file: &str, old: &str, new: &[u8]) -> Vec<u8> {
    let at = file.find(old).unwrap_or_else(|| panic!("{old} is not in the file"));
    let (before, after) = (&file.as_bytes()[..at], &file.as_bytes()[at + old.len()..]);
    recounted([before, new, after].concat())
}

fn recounted(bytes: Vec<u8>) -> Vec<u8> {
    let find = |wanted: &[u8]| bytes.windows(wanted.len()).position(|window| window == wanted);
    let (Some(start), Some(end)) = (find(b"\nST*"), find(b"\nSE*")) else {
        return bytes;
    };
    let Some(count_end) = bytes[end + 4..].iter().position(|byte| *byte == b'*') else {
        return bytes;
    };
    let ends = bytes.get(start..end).unwrap_or_default();
    let segments = ends.iter().filter(|byte| **byte == b'~').count() + 1;
    [&bytes[..end + 4], segments.to_string().as_bytes(), &bytes[end + 4 + count_end..]].concat()
}

/// A file without its mark, and where that stood.
pub fn unmarked(bytes: &[u8]) -> (Vec<u8>, Option<u64>) {
    match bytes.windows(MARK.len()).position(|window| window == MARK) {
        Some(at) => ([&bytes[..at], &bytes[at + MARK.len()..]].concat(), Some(at as u64)),
        None => (bytes.to_vec(), None),
    }
}

/// `accepted of received claims: code@byte …`, with `+` and `-` for bytes after and before the mark; with
/// where and why reading stopped.
pub fn verdict(bytes: &[u8], mark: Option<u64>) -> String {
    let (survey, claims) = read_file(bytes);
    let mut findings: Vec<Finding> = survey.stop_finding().into_iter().collect();
    for interchange in &survey.interchanges {
        findings.extend(&interchange.findings);
        for group in &interchange.groups {
            findings.extend(&group.findings);
            for set in &group.sets {
                findings.extend(&set.findings);
                findings.extend(set.claim_findings.iter().map(|claim| claim.finding));
            }
        }
    }
    let mut rejected = 0;
    for assembled in &claims {
        let own = [&assembled.findings[..], &edited(&assembled.claim)].concat();
        let set = survey
            .sets()
            .filter(|set| set.set.byte < assembled.claim.at.byte)
            .last()
            .expect("a claim has its set");
        rejected += usize::from(own.iter().any(Finding::rejects) || set.rejected.contains(assembled.claim.ordinal));
        findings.extend(own);
    }
    let accepted = claims.len() - rejected;
    let place = |byte: u64| match mark {
        Some(mark) if mark == byte => "here".to_string(),
        Some(mark) => format!("{:+}", byte as i64 - mark as i64),
        None => byte.to_string(),
    };
    let mut told: Vec<String> = findings
        .iter()
        .map(|finding| format!("{}@{}", finding.code, place(finding.position.byte)))
        .collect();
    told.dedup();
    told.truncate(3);
    format!("{accepted} of {}: {}", survey.claims(), told.join(" ")).trim_end().to_string()
}
