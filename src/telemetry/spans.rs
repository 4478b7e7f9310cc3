//! Spans as they are exported: those of our own modules, with the attributes of a closed list.
//!
//! A span with a `trace` field begins the trace of that file: the file's 16 digits are its trace id, so that
//! log lines, `claimstream status` and traces name a file alike. Log lines are not exported, nor is any field
//! that is not on the list: what a claim says can't get out by a field that somebody adds.

use std::fmt;
use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::SystemTime;

use opentelemetry::trace::{SpanContext, SpanId, SpanKind, Status, TraceFlags, TraceId, TraceState};
use opentelemetry::{InstrumentationScope, KeyValue, Value};
use opentelemetry_sdk::trace::{SpanData, SpanEvents, SpanLinks};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Metadata, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::filter::{FilterFn, filter_fn};
use tracing_subscriber::layer::Context;
use tracing_subscriber::registry::LookupSpan;

use super::exporting::Queue;

/// The attributes that leave: sizes, counts, configured names and the file's trace. `tests/service/spans.rs`
/// holds what is sent to this list.
const EXPORTED: [&str; 8] = ["trace", "partner", "bytes", "claims", "files", "events", "acknowledgements", "remittances"];

/// Texts among them: the others are numbers and flags.
const TEXTS: [&str; 2] = ["trace", "partner"];

/// Hands spans to the exporter when they end.
#[derive(Debug)]
pub(super) struct ExportedSpans {
    queue: Queue,
    ids: RandomState,
    made: AtomicU64,
    scope: InstrumentationScope,
}

/// A span that has not ended.
#[derive(Debug)]
struct Open {
    trace: TraceId,
    span: SpanId,
    parent: SpanId,
    begun: SystemTime,
    attributes: Vec<KeyValue>,
}

/// Spans of our own modules; no log lines.
pub(super) fn of_ours() -> FilterFn<fn(&Metadata<'_>) -> bool> {
    filter_fn(|metadata| metadata.is_span() && metadata.target().split("::").next() == Some(env!("CARGO_CRATE_NAME")))
}

impl ExportedSpans {
    pub(super) fn new(queue: Queue) -> ExportedSpans {
        ExportedSpans {
            queue,
            ids: RandomState::new(),
            made: AtomicU64::new(0),
            scope: InstrumentationScope::builder(env!("CARGO_PKG_NAME")).build(),
        }
    }

    /// Another number each time, in this process and in others.
    fn number(&self) -> u64 {
        self.ids.hash_one(self.made.fetch_add(1, Ordering::Relaxed)).max(1)
    }
}

impl<S: Subscriber + for<'l> LookupSpan<'l>> Layer<S> for ExportedSpans {
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let Some(span) = context.span(id) else { return };
        let parent = span
            .parent()
            .and_then(|parent| parent.extensions().get::<Open>().map(|open| (open.trace, open.span)));
        let (trace, parent) = parent.unwrap_or_else(|| (random_trace(self.number(), self.number()), SpanId::INVALID));
        let mut open = Open {
            trace,
            span: SpanId::from(self.number()),
            parent,
            begun: SystemTime::now(),
            attributes: Vec::new(),
        };
        attributes.record(&mut open);
        span.extensions_mut().insert(open);
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, context: Context<'_, S>) {
        if let Some(span) = context.span(id)
            && let Some(open) = span.extensions_mut().get_mut::<Open>()
        {
            values.record(open);
        }
    }

    fn on_close(&self, id: Id, context: Context<'_, S>) {
        let Some(span) = context.span(&id) else { return };
        let Some(open) = span.extensions_mut().remove::<Open>() else { return };
        self.queue.put(open.ended(span.name(), &self.scope));
    }
}

fn random_trace(high: u64, low: u64) -> TraceId {
    TraceId::from(u128::from(high) << 64 | u128::from(low))
}

impl Open {
    fn ended(self, name: &'static str, scope: &InstrumentationScope) -> SpanData {
        SpanData {
            span_context: SpanContext::new(self.trace, self.span, TraceFlags::SAMPLED, false, TraceState::NONE),
            parent_span_id: self.parent,
            parent_span_is_remote: false,
            span_kind: SpanKind::Internal,
            name: name.into(),
            start_time: self.begun,
            end_time: SystemTime::now(),
            attributes: self.attributes,
            dropped_attributes_count: 0,
            events: SpanEvents::default(),
            links: SpanLinks::default(),
            status: Status::Unset,
            instrumentation_scope: scope.clone(),
        }
    }

    fn add(&mut self, field: &Field, value: Value) {
        if EXPORTED.contains(&field.name()) {
            self.attributes.push(KeyValue::new(field.name(), value));
        }
    }
}

impl Visit for Open {
    fn record_str(&mut self, field: &Field, value: &str) {
        if field.name() == "trace"
            && let Ok(trace) = u64::from_str_radix(value, 16)
        {
            self.trace = TraceId::from(u128::from(trace));
        }
        if TEXTS.contains(&field.name()) {
            self.add(field, value.to_string().into());
        }
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.add(field, i64::try_from(value).unwrap_or(i64::MAX).into());
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.add(field, value.into());
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.add(field, value.into());
    }

    /// What is only shown could be anything.
    fn record_debug(&mut self, _: &Field, _: &dyn fmt::Debug) {}
}

#[cfg(test)]
pub(super) mod tests {
    use tracing_subscriber::layer::SubscriberExt;

    use super::super::exporting::tests::kept;
    use super::*;

    pub fn span(name: &'static str) -> SpanData {
        let open = Open {
            trace: TraceId::from(1),
            span: SpanId::from(1),
            parent: SpanId::INVALID,
            begun: SystemTime::now(),
            attributes: Vec::new(),
        };
        open.ended(name, &InstrumentationScope::default())
    }

    #[test]
    fn only_what_is_listed_leaves_and_a_file_has_one_trace() {
        let (queue, kept) = kept();
        let subscriber = tracing_subscriber::registry().with(ExportedSpans::new(queue.clone()).with_filter(of_ours()));
        tracing::subscriber::with_default(subscriber, || {
            let file = tracing::info_span!("file", trace = "00a1b2c3d4e5f607", member = "TESTMEMBER ANA", claims = "TESTMEMBER").entered();
            {
                let decide = tracing::info_span!("decide", claims = tracing::field::Empty, first = 7, partner = ?"TESTMEMBER").entered();
                decide.record("claims", 12_u64);
                tracing::error!(name = "TESTMEMBER", "TESTMEMBER");
                drop(tracing::info_span!(target: "hyper::proto", "foreign", bytes = 1));
            }
            drop(file);
            let late = tracing::info_span!("seal", trace = tracing::field::Empty).entered();
            late.record("trace", "00a1b2c3d4e5f607");
            drop(late);
            drop(tracing::info_span!("deliver", events = 3));
        });
        let spans = kept(&queue);
        assert!(!format!("{spans:?}").contains("TESTMEMBER"), "{spans:?}");
        let names: Vec<&str> = spans.iter().map(|span| span.name.as_ref()).collect();
        assert_eq!(names, ["decide", "file", "seal", "deliver"]);
        let [decide, file, seal, deliver] = spans.as_slice() else {
            panic!("{spans:?}")
        };
        assert_eq!(decide.attributes, [KeyValue::new("claims", 12)]);
        assert_eq!(file.attributes, [KeyValue::new("trace", "00a1b2c3d4e5f607")]);
        let trace = |span: &SpanData| span.span_context.trace_id().to_string();
        assert_eq!(trace(file), "000000000000000000a1b2c3d4e5f607");
        assert_eq!((trace(decide), trace(seal)), (trace(file), trace(file)));
        assert_ne!(trace(deliver), trace(file));
        assert_eq!((decide.parent_span_id, seal.parent_span_id), (file.span_context.span_id(), SpanId::INVALID));
    }
}
