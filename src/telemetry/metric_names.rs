//! The metrics: their names, what they mean, and the recorder behind `/metrics`.
//!
//! Names follow Prometheus: prefix `claims_`, base units, `_total` for counters. Labels are listed in the
//! meaning; each has a closed list of values or is a configured partner, and none ever holds a value of a
//! claim. To the next editor: alerts and the dashboard under `deploy/` use these names; `tests/deploy.rs`
//! holds them to this list.

use std::sync::OnceLock;

use metrics::{Unit, counter, describe_counter, describe_gauge, describe_histogram};
use metrics_exporter_prometheus::{BuildError, Matcher, PrometheusBuilder, PrometheusHandle};

/// Declares the metrics: constant, kind, unit, name, meaning.
macro_rules! metric_names {
    ($($name:ident $describe:ident $unit:ident $text:literal $meaning:literal;)*) => {
        $(#[doc = $meaning] pub const $name: &str = $text;)*

        /// Every metric name.
        pub const METRICS: &[&str] = &[$($name),*];

        /// Those that are histograms: Prometheus adds `_bucket`, `_sum` and `_count`.
        pub fn histograms() -> impl Iterator<Item = &'static str> {
            [$(($name, stringify!($describe))),*]
                .into_iter()
                .filter_map(|(name, kind)| (kind == "describe_histogram").then_some(name))
        }

        /// Tells the metrics recorder what each name means; to be called once, after it is installed.
        pub fn describe_metrics() {
            $($describe!($name, Unit::$unit, $meaning);)*
        }
    };
}

metric_names! {
    SFTP_UP describe_gauge Count "claims_sftp_up" "1 when the channel of a partner (SFTP server or folder) answered the last look, else 0; by partner.";
    SFTP_POLL_SECONDS describe_histogram Seconds "claims_sftp_poll_seconds" "One look into the inbound folder of a partner.";
    SFTP_FILES_LISTED describe_gauge Count "claims_sftp_files_listed" "Files in the inbound folder at the last look, by partner.";
    CHANNEL_FALLBACK describe_gauge Count "claims_channel_fallback" "1 when a partner is served through its fallback, else 0; by partner, for those that have one.";
    CHANNEL_SWITCHES_TOTAL describe_counter Count "claims_channel_switches_total" "Switches between the two channels of a partner, by partner and to (main, fallback).";
    FILE_WAIT_SECONDS describe_histogram Seconds "claims_file_wait_seconds" "From the first look at a file to its being whole.";
    FILES_TOTAL describe_counter Count "claims_files_total" "Files taken in, by partner and outcome (completed, rejected, duplicate).";
    FILES_REFUSED_TOTAL describe_counter Count "claims_files_refused_total" "Packed files that could not be opened and stay in their folder, each once until it changes, by partner and reason (bomb, damaged, unsupported, no-key, not-encrypted, other-key, not-signed).";
    FILE_BYTES_TOTAL describe_counter Bytes "claims_file_bytes_total" "Bytes of the files taken in, by partner.";
    PARSE_BYTES_TOTAL describe_counter Bytes "claims_parse_bytes_total" "Bytes that pass 1 has read.";
    PARSE_SECONDS describe_histogram Seconds "claims_parse_seconds" "Pass 1 over one file.";
    PARSE_ERRORS_TOTAL describe_counter Count "claims_parse_errors_total" "Files of which no claim was let in, by code (not-x12, truncated, envelope, duplicate-control-number, empty).";
    DUPLICATES_TOTAL describe_counter Count "claims_duplicates_total" "What was seen before, by kind (bytes, isa13, claim).";
    INTERCHANGES_TOTAL describe_counter Count "claims_interchanges_total" "Interchanges, by partner and outcome (accepted, rejected).";
    ACKS_TOTAL describe_counter Count "claims_acks_total" "Acknowledgements, by kind (ta1, 999, 277ca) and outcome (written, refused).";
    ACKS_OVERDUE describe_gauge Count "claims_acks_overdue" "Acknowledgements owed for longer than the ten hours that CORE leaves: files not closed, answers not written.";
    FINDINGS_TOTAL describe_counter Count "claims_validation_findings_total" "Findings, by SNIP level and severity (error, warning).";
    RECEIVED_TOTAL describe_counter Count "claims_received_total" "Claims received, by type (837p, 837i, other).";
    DECISIONS_TOTAL describe_counter Count "claims_decisions_total" "Claims with an outcome, by outcome (rejected, paid, denied, pended, forwarded, recorded).";
    DECISION_REASONS_TOTAL describe_counter Count "claims_decision_reasons_total" "Adjustments of decisions, by CARC; one outside the list of reasons counts as other.";
    PENDS_TOTAL describe_counter Count "claims_pends_total" "Claims pended, by reason.";
    DECISION_SECONDS describe_histogram Seconds "claims_decision_seconds" "Deciding one batch of claims, on all threads.";
    RULE_PANICS_TOTAL describe_counter Count "claims_rule_panics_total" "Claims pended because a rule panicked, by stage (edits, facts, adjudication).";
    FILE_TO_DECISION_SECONDS describe_histogram Seconds "claims_file_to_decision_seconds" "From the receipt of a file to the commit of its last decision.";
    FILE_TO_REMIT_SECONDS describe_histogram Seconds "claims_file_to_remit_seconds" "From the day a payment's oldest claim was received to the pay date, in whole days.";
    DUE_CLAIMS describe_gauge Count "claims_due_claims" "Decided claims that wait for payment, by how soon it is due (5d, 1d, late); each claim counts once.";
    REMITS_TOTAL describe_counter Count "claims_remits_total" "Remittances, by outcome (written, refused).";
    REMITS_UNACKNOWLEDGED describe_gauge Count "claims_remits_unacknowledged" "835s that a partner has and said nothing of, by partner.";
    REMITS_OVERDUE describe_gauge Count "claims_remits_overdue" "Those of them without a 999 for longer than the partner's ack_after, by partner.";
    REMIT_ANSWERS_TOTAL describe_counter Count "claims_remit_answers_total" "999s and TA1s about what was sent, by partner and outcome (accepted, accepted-with-errors, rejected, other, unmatched, foreign, unreadable).";
    REMIT_AMOUNT_CENTS_TOTAL describe_counter Count "claims_remit_amount_cents_total" "Cents paid by remittances, with interest.";
    INTEREST_CENTS_TOTAL describe_counter Count "claims_interest_cents_total" "Cents of interest in remittances.";
    REMIT_UNBALANCED_TOTAL describe_counter Count "claims_remit_unbalanced_total" "Answers that did not balance and were not written: must stay 0.";
    CONSERVATION_IMBALANCE describe_gauge Count "claims_conservation_imbalance" "Claims received less claims accounted for, over all files, differences of either sign added up: must be 0.";
    EVENTS_TOTAL describe_counter Count "claims_events_total" "Events published.";
    KAFKA_TRANSACTIONS_TOTAL describe_counter Count "claims_kafka_transactions_total" "Kafka transactions, by outcome (committed, aborted, unknown, refused, fenced, failed).";
    KAFKA_TRANSACTION_SECONDS describe_histogram Seconds "claims_kafka_transaction_seconds" "One Kafka transaction, whatever its outcome.";
    KAFKA_FENCED_TOTAL describe_counter Count "claims_kafka_fenced_total" "Times that another publisher took over the outbox.";
    OUTBOX_LAG_EVENTS describe_gauge Count "claims_outbox_lag_events" "Ledger entries not yet delivered, by delivery (files, events).";
    DLQ_DEPTH describe_gauge Count "claims_dlq_depth" "Units in the dead-letter store, by stage (answer, event).";
    DLQ_REDRIVEN_TOTAL describe_counter Count "claims_dlq_redriven_total" "Dead letters sent on their way again, ever, as the ledger has them.";
    REFDATA_AGE_SECONDS describe_gauge Seconds "claims_refdata_age_seconds" "Since the last load of reference data; absent when there was none.";
    WORKER_BEAT_TIMESTAMP_SECONDS describe_gauge Seconds "claims_worker_beat_timestamp_seconds" "When the worker last said that it is alive, in seconds since 1970.";
    PART_READY describe_gauge Count "claims_part_ready" "1 when a part of the service is ready, else 0; by part.";
    DOOR_REQUESTS_TOTAL describe_counter Count "claims_door_requests_total" "Requests to POST /claims, by HTTP status.";
    DOOR_SECONDS describe_histogram Seconds "claims_door_seconds" "From the head of a posted file to its answer, refusals left out.";
    SPANS_DROPPED_TOTAL describe_counter Count "claims_spans_dropped_total" "Spans that were not exported, by reason (queue: too many waited; collector: it did not take them).";
    BUILD_INFO describe_gauge Count "claims_build_info" "Always 1; which program and rule pack decide, by version and rules.";
}

/// A second from a millisecond on: batches, polls, transactions.
const SHORT: &[f64] = &[0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0];

/// A file's way: a second to two days.
const LONG: &[f64] = &[1.0, 5.0, 15.0, 30.0, 60.0, 300.0, 900.0, 3_600.0, 14_400.0, 36_000.0, 86_400.0, 172_800.0];

/// Days to a payment, around the 30 of prompt pay.
const DAYS: &[f64] = &[
    86_400.0,
    3.0 * 86_400.0,
    7.0 * 86_400.0,
    14.0 * 86_400.0,
    21.0 * 86_400.0,
    25.0 * 86_400.0,
    30.0 * 86_400.0,
    45.0 * 86_400.0,
    60.0 * 86_400.0,
];

/// Collects the metrics of this process from here on; what it returns renders them. A second call returns
/// the same.
///
/// # Errors
/// [`BuildError`] when the buckets are unusable, which a test rules out, or another recorder is installed.
pub fn install_metrics() -> Result<PrometheusHandle, BuildError> {
    static INSTALLED: OnceLock<PrometheusHandle> = OnceLock::new();
    if let Some(handle) = INSTALLED.get() {
        return Ok(handle.clone());
    }
    let handle = PrometheusBuilder::new()
        .set_buckets(SHORT)?
        .set_buckets_for_metric(Matcher::Full(FILE_WAIT_SECONDS.into()), LONG)?
        .set_buckets_for_metric(Matcher::Full(FILE_TO_DECISION_SECONDS.into()), LONG)?
        .set_buckets_for_metric(Matcher::Full(FILE_TO_REMIT_SECONDS.into()), DAYS)?
        .install_recorder()?;
    describe_metrics();
    // What is alerted on is there from the start: a counter that appears with its first count has no increase.
    for name in [REMIT_UNBALANCED_TOTAL, KAFKA_FENCED_TOTAL] {
        counter!(name).increment(0);
    }
    for stage in ["edits", "facts", "adjudication"] {
        counter!(RULE_PANICS_TOTAL, "stage" => stage).increment(0);
    }
    Ok(INSTALLED.get_or_init(|| handle).clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metric_names_follow_the_conventions() {
        for name in METRICS {
            let well_formed = name.starts_with("claims_") && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_');
            assert!(well_formed, "{name}");
        }
        let mut names = METRICS.to_vec();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), METRICS.len());
        assert!(histograms().all(|name| name.ends_with("_seconds")) && histograms().count() == 8);
    }

    #[test]
    fn what_is_recorded_is_rendered_with_its_meaning() {
        let handle = install_metrics().unwrap();
        metrics::histogram!(FILE_TO_DECISION_SECONDS).record(2.0);
        let text = install_metrics().unwrap().render();
        for line in [
            "# TYPE claims_remit_unbalanced_total counter",
            "# TYPE claims_file_to_decision_seconds histogram",
            "claims_file_to_decision_seconds_bucket{le=\"172800\"}",
            "claims_rule_panics_total{stage=\"edits\"} ",
        ] {
            assert!(text.contains(line), "{line}\n{text}");
        }
        handle.run_upkeep();
    }
}
