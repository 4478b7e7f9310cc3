//! Log lines as JSON: one object a line, with time, level and message, then the fields of the spans that
//! it stands in and its own. A file's span has its `trace`.

use std::fmt::{self, Write};

use chrono::{SecondsFormat, Utc};
use tracing::field::{Field, Visit};
use tracing_subscriber::field::{MakeVisitor, VisitFmt, VisitOutput};
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields, FormattedFields};
use tracing_subscriber::registry::LookupSpan;

/// Writes an event as one line.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct JsonLine;

/// An error that is no event: one line without its end.
pub(super) fn error_line(message: &str) -> String {
    format!("{}\"error\",\"message\":{}}}", head(), serde_json::Value::from(message))
}

/// The beginning of every line, up to its level.
fn head() -> String {
    format!("{{\"time\":\"{}\",\"level\":", Utc::now().to_rfc3339_opts(SecondsFormat::Millis, true))
}

/// Writes fields as members of an object, each with a comma before it.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct JsonMembers;

impl<S, N> FormatEvent<S, N> for JsonLine
where
    S: tracing::Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(&self, context: &FmtContext<'_, S, N>, mut writer: Writer<'_>, event: &tracing::Event<'_>) -> fmt::Result {
        let level = event.metadata().level().as_str().to_ascii_lowercase();
        write!(writer, "{}\"{level}\"", head())?;
        for span in context.event_scope().into_iter().flat_map(|scope| scope.from_root()) {
            if let Some(fields) = span.extensions().get::<FormattedFields<N>>() {
                writer.write_str(fields)?;
            }
        }
        context.format_fields(writer.by_ref(), event)?;
        writer.write_str("}\n")
    }
}

impl<'w> MakeVisitor<Writer<'w>> for JsonMembers {
    type Visitor = Members<'w>;

    fn make_visitor(&self, writer: Writer<'w>) -> Members<'w> {
        Members { writer, result: Ok(()) }
    }
}

/// Writes one member after the other, until writing fails.
#[derive(Debug)]
pub(super) struct Members<'w> {
    writer: Writer<'w>,
    result: fmt::Result,
}

impl Members<'_> {
    fn write(&mut self, field: &Field, value: &serde_json::Value) {
        // `Value` writes itself as JSON, with everything escaped.
        let name = serde_json::Value::from(field.name());
        self.result = self.result.and_then(|()| write!(self.writer, ",{name}:{value}"));
    }
}

impl Visit for Members<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.write(field, &format!("{value:?}").into());
    }
    fn record_str(&mut self, field: &Field, value: &str) {
        self.write(field, &value.into());
    }
    fn record_u64(&mut self, field: &Field, value: u64) {
        self.write(field, &value.into());
    }
    fn record_i64(&mut self, field: &Field, value: i64) {
        self.write(field, &value.into());
    }
    fn record_bool(&mut self, field: &Field, value: bool) {
        self.write(field, &value.into());
    }
    fn record_f64(&mut self, field: &Field, value: f64) {
        self.write(field, &value.into());
    }
    fn record_error(&mut self, field: &Field, value: &(dyn std::error::Error + 'static)) {
        self.write(field, &value.to_string().into());
    }
}

impl VisitOutput<fmt::Result> for Members<'_> {
    fn finish(self) -> fmt::Result {
        self.result
    }
}

impl VisitFmt for Members<'_> {
    fn writer(&mut self) -> &mut dyn Write {
        &mut self.writer
    }
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::sync::{Arc, Mutex};

    use tracing_subscriber::layer::SubscriberExt;

    use super::*;

    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_line_is_one_object_with_the_fields_of_its_spans() {
        let lines = Lines::default();
        let written = lines.clone();
        let layer = tracing_subscriber::fmt::layer()
            .event_format(JsonLine)
            .fmt_fields(JsonMembers)
            .with_writer(move || written.clone());
        tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), || {
            let _file = tracing::info_span!("file", trace = "00ff", partner = tracing::field::Empty).entered();
            tracing::Span::current().record("partner", "a\"b");
            tracing::warn!(claims = 3_u64, share = 0.5, is_late = false, delta = -1_i64, "two\nlines \u{1b}[2J");
            drop(_file);
            let error: &(dyn std::error::Error + 'static) = &io::Error::other("no \"way\"");
            tracing::info!(error, "outside");
        });
        let text = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
        let lines: Vec<serde_json::Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let [first, second] = lines.as_slice() else { panic!("{text}") };
        assert_eq!(
            (&first["level"], &first["trace"], &first["partner"]),
            (&"warn".into(), &"00ff".into(), &"a\"b".into())
        );
        assert_eq!(first["message"], "two\nlines \u{1b}[2J");
        assert_eq!(
            (&first["claims"], &first["share"], &first["is_late"], &first["delta"]),
            (&3.into(), &0.5.into(), &false.into(), &(-1).into())
        );
        assert!(first["time"].as_str().unwrap().ends_with('Z'));
        let panic: serde_json::Value = serde_json::from_str(&error_line("at \"x\"")).unwrap();
        assert_eq!((&panic["level"], &panic["message"]), (&"error".into(), &"at \"x\"".into()));
        assert_eq!((&second["error"], second.get("trace")), (&"no \"way\"".into(), None));
    }
}
