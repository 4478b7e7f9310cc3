//! The response of the door: one JSON object.

use serde::Serialize;

use crate::events::fact::{AckKind, ClaimCounts, RejectReason};
use crate::ids::{FileDigest, PartnerId};
use crate::money::Money;
use crate::pipeline::file_answer::FileAnswer;

/// Everything but the decisions, which come as the bytes of their events.
#[derive(Debug, Serialize)]
struct Head<'a> {
    r#type: &'static str,
    file: &'a FileDigest,
    partner: &'a PartnerId,
    /// The same bytes were here before; this is what was answered then.
    duplicate: bool,
    /// They came from another partner, whose answers are not told.
    #[serde(skip_serializing_if = "is_false")]
    other_partner: bool,
    rejected: Option<RejectReason>,
    claims: Claims,
    charge: Money,
    paid: Money,
    acknowledgements: Vec<Acknowledgement<'a>>,
    #[serde(skip_serializing_if = "is_zero")]
    acknowledgements_left_out: u64,
    #[serde(skip_serializing_if = "is_zero")]
    decisions_left_out: u64,
}

/// As in the result of `ingest`.
#[derive(Debug, Serialize)]
struct Claims {
    received: u64,
    rejected: u64,
    paid: u64,
    denied: u64,
    pended: u64,
    forwarded: u64,
    recorded: u64,
}

#[derive(Debug, Serialize)]
struct Acknowledgement<'a> {
    kind: AckKind,
    control_number: String,
    content: &'a str,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks so")]
fn is_false(flag: &bool) -> bool {
    !flag
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks so")]
fn is_zero(count: &u64) -> bool {
    *count == 0
}

/// The response to a file; `None`: the answers to these bytes are another partner's.
pub fn rendered(file: &FileDigest, partner: &PartnerId, is_duplicate: bool, answer: Option<&FileAnswer>) -> Vec<u8> {
    let other_partner = answer.is_none();
    let nothing = FileAnswer::default();
    let answer = answer.unwrap_or(&nothing);
    let ClaimCounts {
        received,
        rejected,
        paid,
        denied,
        pended,
        forwarded,
        recorded,
        charge,
        amount_paid,
    } = answer.counts;
    let head = Head {
        r#type: "result",
        file,
        partner,
        duplicate: is_duplicate,
        other_partner,
        rejected: answer.rejected,
        claims: Claims {
            received,
            rejected,
            paid,
            denied,
            pended,
            forwarded,
            recorded,
        },
        charge,
        paid: amount_paid,
        acknowledgements: (answer.acknowledgements.iter())
            .map(|ack| Acknowledgement {
                kind: ack.kind,
                control_number: format!("{:09}", ack.control_number),
                content: &ack.content,
            })
            .collect(),
        acknowledgements_left_out: answer.acknowledgements_left_out,
        decisions_left_out: answer.decisions_left_out,
    };
    // A struct of ours with text keys: there is always JSON, and it ends with a brace.
    let mut json = serde_json::to_vec(&head).unwrap_or_default();
    json.pop();
    json.extend_from_slice(b",\"decisions\":[");
    for (place, decision) in answer.decisions.iter().enumerate() {
        json.extend_from_slice(if place == 0 { b"" } else { b"," });
        json.extend_from_slice(decision);
    }
    json.extend_from_slice(b"]}\n");
    json
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pipeline::file_answer::AckText;

    fn read(answer: Option<&FileAnswer>) -> serde_json::Value {
        let file = crate::intake::archive::digest_of(&mut &b"ISA"[..]).unwrap();
        serde_json::from_slice(&rendered(&file, &PartnerId::new("portal"), true, answer)).unwrap()
    }

    #[test]
    fn an_answer_is_one_object() {
        let mut answer = FileAnswer {
            acknowledgements: vec![AckText {
                kind: AckKind::Implementation,
                control_number: 7,
                content: "ISA*00*\"~\n".into(),
            }],
            decisions: vec![br#"{"outcome":"paid"}"#.to_vec(), br#"{"outcome":"denied"}"#.to_vec()],
            ..FileAnswer::default()
        };
        let told = read(Some(&answer));
        assert_eq!(
            (&told["type"], &told["duplicate"], &told["rejected"]),
            (&"result".into(), &true.into(), &serde_json::Value::Null)
        );
        assert_eq!(told["acknowledgements"][0]["kind"], "999");
        assert_eq!(told["acknowledgements"][0]["control_number"], "000000007");
        assert_eq!(told["acknowledgements"][0]["content"], "ISA*00*\"~\n");
        assert_eq!(
            (&told["decisions"][0]["outcome"], &told["decisions"][1]["outcome"]),
            (&"paid".into(), &"denied".into())
        );
        assert!(told.get("other_partner").is_none() && told.get("decisions_left_out").is_none());
        answer.decisions.clear();
        (answer.decisions_left_out, answer.rejected) = (300, Some(RejectReason::NotX12));
        let told = read(Some(&answer));
        assert_eq!(
            (&told["decisions_left_out"], &told["rejected"], &told["decisions"]),
            (&300.into(), &"not-x12".into(), &serde_json::json!([]))
        );
        assert_eq!(read(None)["other_partner"], true);
    }
}
