//! Spans on their way to the collector: a bounded queue and one thread. Who makes a span never waits for it;
//! what does not fit, or is not taken, is dropped and counted.

use std::sync::OnceLock;
use std::sync::mpsc::{Receiver, Sender, SyncSender, TrySendError, channel, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

use metrics::counter;
use opentelemetry::KeyValue;
use opentelemetry_otlp::{ExporterBuildError, Protocol, SpanExporter, WithExportConfig, WithHttpConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{SpanData, SpanExporter as _};

use super::collector::{Client, Collector};
use super::{Chain, SPANS_DROPPED_TOTAL};
use crate::limits;

/// Between two log lines about a collector that takes no spans.
const TROUBLE_TOLD: Duration = Duration::from_secs(60);

/// The queue of this process.
static QUEUE: OnceLock<Queue> = OnceLock::new();

/// The end of the queue where spans are put in.
#[derive(Debug, Clone)]
pub(super) struct Queue(SyncSender<Message>);

#[derive(Debug)]
enum Message {
    Span(Box<SpanData>),
    /// Everything before it is to be sent now; it is dropped when that is done.
    Flush(Sender<()>),
}

/// Why spans can't be exported.
#[derive(Debug, thiserror::Error)]
pub(super) enum ExportingError {
    #[error("the exporter cannot be built")]
    Exporter(#[from] ExporterBuildError),
    #[error("the exporter's thread cannot be started")]
    Thread(#[from] std::io::Error),
}

/// Starts the thread.
///
/// # Errors
/// [`ExportingError`].
pub(super) fn begin(collector: &Collector) -> Result<Queue, ExportingError> {
    let mut exporter = SpanExporter::builder()
        .with_http()
        .with_http_client(Client { collector: collector.clone() })
        .with_protocol(Protocol::HttpBinary)
        .with_endpoint(collector.traces())
        .with_timeout(Duration::from_secs(limits::COLLECTOR_SECONDS_MAX))
        .build()?;
    exporter.set_resource(&resource());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let queue = start(limits::SPANS_WAITING_MAX, move |spans| {
        runtime.block_on(exporter.export(spans)).map_err(|error| Chain(&error).to_string())
    })?;
    Ok(QUEUE.get_or_init(|| queue).clone())
}

/// Sends what waits, for a bounded time. To be called before the process ends.
pub fn flush() {
    if let Some(queue) = QUEUE.get() {
        queue.flush(Duration::from_secs(limits::FLUSH_SECONDS_MAX));
    }
}

/// Who sends: the program and its version, nothing of the machine.
fn resource() -> Resource {
    Resource::builder_empty()
        .with_attributes([
            KeyValue::new("service.name", env!("CARGO_PKG_NAME")),
            KeyValue::new("service.version", env!("CARGO_PKG_VERSION")),
        ])
        .build()
}

fn start(waiting_max: usize, export: impl FnMut(Vec<SpanData>) -> Result<(), String> + Send + 'static) -> std::io::Result<Queue> {
    let (queue, waiting) = sync_channel(waiting_max);
    thread::Builder::new().name("spans".into()).spawn(move || work(&waiting, export))?;
    Ok(Queue(queue))
}

impl Queue {
    /// Never waits.
    pub(super) fn put(&self, span: SpanData) {
        if self.0.try_send(Message::Span(Box::new(span))).is_err() {
            counter!(SPANS_DROPPED_TOTAL, "reason" => "queue").increment(1);
        }
    }

    fn flush(&self, time: Duration) {
        let end = Instant::now() + time;
        let (done, is_done) = channel();
        let mut message = Message::Flush(done);
        loop {
            message = match self.0.try_send(message) {
                Ok(()) => break,
                Err(TrySendError::Full(message)) if Instant::now() < end => message,
                Err(_) => return,
            };
            thread::sleep(Duration::from_millis(10));
        }
        let _ = is_done.recv_timeout(end.saturating_duration_since(Instant::now()));
    }
}

/// Until nobody can put anything in any more.
fn work(waiting: &Receiver<Message>, mut export: impl FnMut(Vec<SpanData>) -> Result<(), String>) {
    let mut told: Option<Instant> = None;
    while let Ok(first) = waiting.recv() {
        let (spans, flushed) = batch(first, waiting);
        let count = spans.len() as u64;
        if count > 0
            && let Err(error) = export(spans)
        {
            counter!(SPANS_DROPPED_TOTAL, "reason" => "collector").increment(count);
            if told.is_none_or(|told| told.elapsed() > TROUBLE_TOLD) {
                told = Some(Instant::now());
                tracing::warn!(error, "the collector takes no spans, they are dropped");
            }
        }
        drop(flushed);
    }
}

/// What goes together, and who waits for it.
fn batch(first: Message, waiting: &Receiver<Message>) -> (Vec<SpanData>, Option<Sender<()>>) {
    let end = Instant::now() + Duration::from_millis(limits::SPANS_WAIT_MILLIS);
    let (mut spans, mut next) = (Vec::new(), Some(first));
    while let Some(message) = next {
        match message {
            Message::Span(span) => spans.push(*span),
            Message::Flush(done) => return (spans, Some(done)),
        }
        if spans.len() == limits::SPANS_AT_ONCE {
            break;
        }
        next = waiting.recv_timeout(end.saturating_duration_since(Instant::now())).ok();
    }
    (spans, None)
}

#[cfg(test)]
pub(super) mod tests {
    use std::sync::{Arc, Mutex};

    use super::super::spans::tests::span;
    use super::*;

    /// A queue, and what came through it.
    pub fn kept() -> (Queue, impl Fn(&Queue) -> Vec<SpanData>) {
        let sent = Arc::new(Mutex::new(Vec::new()));
        let into = Arc::clone(&sent);
        let export = move |spans| {
            into.lock().unwrap().extend::<Vec<SpanData>>(spans);
            Ok(())
        };
        let queue = start(100, export).unwrap();
        (queue, move |queue| {
            queue.flush(Duration::from_secs(10));
            sent.lock().unwrap().clone()
        })
    }

    #[test]
    fn a_flush_sends_what_waits() {
        let (queue, sent) = kept();
        queue.put(span("one"));
        queue.put(span("two"));
        let begun = Instant::now();
        let names: Vec<String> = sent(&queue).into_iter().map(|span| span.name.into_owned()).collect();
        assert!(begun.elapsed() < Duration::from_millis(900), "it waited for more spans");
        assert_eq!(names, ["one", "two"]);
    }

    #[test]
    fn a_collector_that_hangs_holds_nobody_up() {
        let queue = start(2, |_| {
            thread::sleep(Duration::from_secs(3600));
            Ok(())
        })
        .unwrap();
        let begun = Instant::now();
        (0..10_000).for_each(|_| queue.put(span("lost")));
        queue.flush(Duration::from_millis(100));
        assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
    }
}
