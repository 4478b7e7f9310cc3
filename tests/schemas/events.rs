//! Events of real runs, and the rare ones that a run does not bring about.

use claimstream::adjudication::decision::Decision;
use claimstream::adjudication::determination::{Aside, Determination, PendReason, Raised, Signal};
use claimstream::adjudication::fraud_signals::{FraudSignal, Suspicion};
use claimstream::clock::Timestamp;
use claimstream::config::Config;
use claimstream::events::cloudevent::render;
use claimstream::events::fact::{AckBuilt, Answer, AnsweredBy, ClaimCounts, Fact, FileRejected, RejectReason, RemitAcknowledged, RemitSent, RemitVerdict};
use claimstream::finding::ReportCode;
use claimstream::ids::{FileDigest, Npi, PartnerId, TraceNumber};
use claimstream::ledger::Ledger;
use claimstream::money::Money;
use claimstream::pipeline::house::{House, Opening};
use serde_json::Value;

use super::site::{Site, TOPICS, files_below, repository};

/// An event as a consumer has it.
pub struct Event {
    pub kind: String,
    pub headers: Value,
    pub value: Value,
}

/// A site whose house took in generated claims with errors, every fixture, and one file twice.
fn told() -> Site {
    let site = Site::new();
    let generate =
        "gen mix --claims 1000 --seed 3 --errors 10 --anchor 2026-06-01 --out claims.837 --refdata reference --key key.csv --corrections corrections.837";
    site.json(&generate.split(' ').collect::<Vec<_>>()).expect(0);
    site.json(&["--data-dir", "data", "refdata", "load", "reference"]).expect(0);
    let fixtures: Vec<String> = ["fixtures/valid", "fixtures/invalid", "fixtures/story"]
        .iter()
        .flat_map(|directory| files_below(repository(directory).as_ref()))
        .filter(|path| path.extension().is_some_and(|extension| extension == "x12"))
        .map(|path| path.display().to_string())
        .collect();
    let arguments = [
        "--data-dir",
        "data",
        "ingest",
        "claims.837",
        "claims.837",
        "corrections.837",
        "--received-at",
        "2026-06-15T09:00:00-07:00",
    ];
    let all: Vec<&str> = arguments.into_iter().chain(fixtures.iter().map(String::as_str)).collect();
    site.json(&all).expect(4);
    site
}

/// Every event of that house, in the order of its log.
pub fn run_events() -> Vec<Event> {
    let site = told();
    let of_topic = |topic: &str| {
        site.events("data", topic).into_iter().map(|mut event| {
            let headers = event["headers"].take();
            Event {
                kind: headers["ce_type"].as_str().unwrap().to_string(),
                headers,
                value: event["value"].take(),
            }
        })
    };
    TOPICS.into_iter().flat_map(|topic| of_topic(topic).collect::<Vec<_>>()).collect()
}

/// One event of every closed word that facts know, rendered from real facts with that word put in.
pub fn rare_events() -> Vec<Event> {
    let facts = facts();
    let decisions: Vec<&Decision> = facts
        .iter()
        .filter_map(|fact| {
            if let Fact::ClaimAdjudicated(decision) = fact {
                Some(&**decision)
            } else {
                None
            }
        })
        .collect();
    let decision = decisions.first().unwrap();
    let mut made = Vec::new();
    for signal in [
        Signal::PatientPaid,
        Signal::ShareOfCostMismatch,
        Signal::PatientEstimate,
        Signal::TimelyFilingBoundary,
        Signal::HealthAssessment,
    ] {
        for (line, amount) in [(0, None), (1, Some(Money::from_cents(1_050)))] {
            let determination = &decision.determination;
            let aside = Aside {
                signals: vec![Raised { signal, line, amount }],
                ..Aside::default()
            };
            made.push(decided(
                decision,
                Determination::new(determination.charge(), determination.lines().to_vec(), aside).unwrap(),
            ));
        }
    }
    for signal in FraudSignal::ALL {
        let suspicions = vec![Suspicion { signal, line: 1 }];
        made.push(Fact::ClaimAdjudicated(Box::new(Decision {
            suspicions,
            ..Decision::clone(decision)
        })));
    }
    for reason in [
        PendReason::NetworkUnknown,
        PendReason::Replacement,
        PendReason::Restriction,
        PendReason::Unpriced,
        PendReason::Coordination,
        PendReason::RuleFailure,
        PendReason::NoPayee,
    ] {
        made.push(decided(decision, Determination::pended(decision.determination.lines().to_vec(), reason)));
    }
    for reason in [
        RejectReason::NotX12,
        RejectReason::Truncated,
        RejectReason::Envelope,
        RejectReason::DuplicateControlNumber,
        RejectReason::Empty,
    ] {
        made.push(Fact::FileRejected(FileRejected {
            file: FileDigest::from_bytes([7; 32]),
            partner: PartnerId::new("officeally"),
            reason,
            byte: 106,
            counts: ClaimCounts::default(),
            rejected_at: Timestamp::from_unix_seconds(1_790_000_000),
        }));
    }
    let ack = facts
        .iter()
        .find_map(|fact| if let Fact::AckBuilt(ack) = fact { Some(&**ack) } else { None })
        .unwrap();
    made.extend([None, Some(1), Some(25)].map(|note| {
        Fact::AckBuilt(Box::new(AckBuilt {
            answer: Answer::Interchange { note },
            ..ack.clone()
        }))
    }));
    made.extend(of_a_delivered_remittance());
    made.iter()
        .flat_map(render)
        .map(|event| Event {
            kind: event.kind.to_string(),
            headers: event
                .headers()
                .into_iter()
                .map(|(name, value)| (name.to_string(), Value::from(value)))
                .collect(),
            value: serde_json::from_slice(&event.value).unwrap(),
        })
        .collect()
}

/// An 835 that a partner has, and each answer to it.
fn of_a_delivered_remittance() -> Vec<Fact> {
    let (trace, partner) = (TraceNumber::new("CS000000001"), PartnerId::new("officeally"));
    let (payee_npi, at) = (Npi::parse(b"1234567893").unwrap(), Timestamp::from_unix_seconds(1_790_000_000));
    let answered = |by, verdict, codes: &[ReportCode]| {
        Fact::RemitAcknowledged(Box::new(RemitAcknowledged {
            trace: trace.clone(),
            control_number: 7,
            payee_npi,
            partner: partner.clone(),
            built: 1,
            file: FileDigest::from_bytes([7; 32]),
            byte: 190,
            by,
            verdict,
            codes: codes.to_vec(),
            acknowledged_at: at,
        }))
    };
    let mut facts = vec![Fact::RemitSent(RemitSent {
        trace: trace.clone(),
        control_number: 7,
        payee_npi,
        partner: partner.clone(),
        built: 1,
        sent_at: at,
    })];
    for by in AnsweredBy::ALL {
        facts.extend(RemitVerdict::ALL.map(|verdict| answered(by, verdict, &[])));
    }
    let codes = [ReportCode::Ta1(25), ReportCode::Group(4), ReportCode::Set(5)];
    facts.push(answered(AnsweredBy::Implementation, RemitVerdict::Rejected, &codes));
    facts
}

fn decided(decision: &Decision, determination: Determination) -> Fact {
    Fact::ClaimAdjudicated(Box::new(Decision {
        determination,
        ..decision.clone()
    }))
}

/// The journal of a house that took in one file.
fn facts() -> Vec<Fact> {
    let site = Site::new();
    let reference = repository("fixtures/story/reference");
    site.json(&["--data-dir", "data", "refdata", "load", &reference]).expect(0);
    site.json(&[
        "--data-dir",
        "data",
        "ingest",
        &repository("fixtures/story/two-lines-one-late.x12"),
        "--received-at",
        "2026-01-16T12:00:00-08:00",
    ])
    .expect(0);
    let data = site.path("data").display().to_string();
    let key = site.path("master.key").display().to_string();
    let variables = [
        ("CLAIMSTREAM__SERVICE__DATA_DIR".to_string(), data),
        ("CLAIMSTREAM__PHI__KEY_FILE".to_string(), key),
    ];
    let house = House::open(Config::load(None, variables.into_iter()).unwrap(), Opening::MustExist).unwrap();
    let facts = house.ledger.facts(1, 100).unwrap();
    facts.into_iter().map(|(_, fact)| fact).collect()
}
