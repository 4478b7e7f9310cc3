//! Where spans go, and how their bytes get there: one HTTP request a connection, without TLS.

use std::fmt;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::str::FromStr;
use std::time::Duration;

use opentelemetry_http::{Bytes, HttpClient, HttpError, Request, Response};
use serde::{Serialize, Serializer};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::limits;

/// An OpenTelemetry collector: `http://host:port`. `[telemetry] otlp_endpoint`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Collector {
    /// `host:port`.
    authority: String,
}

/// A text that names no collector.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("no collector, expected {}", Collector::EXPECTED)]
pub struct UnknownCollector;

impl Collector {
    pub const EXPECTED: &str = "http://host:port of an OpenTelemetry collector, which may speak TLS from there on";

    /// Where spans are posted.
    pub(super) fn traces(&self) -> String {
        format!("{self}/v1/traces")
    }
}

impl FromStr for Collector {
    type Err = UnknownCollector;

    fn from_str(text: &str) -> Result<Collector, UnknownCollector> {
        let authority = text.strip_prefix("http://").map(|rest| rest.strip_suffix('/').unwrap_or(rest));
        let (host, port) = authority.and_then(|authority| authority.rsplit_once(':')).ok_or(UnknownCollector)?;
        let is_host = !host.is_empty() && host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._[]:".contains(&byte));
        let is_port = port.parse::<u16>().is_ok_and(|port| port > 0);
        (is_host && is_port)
            .then(|| Collector {
                authority: format!("{host}:{port}"),
            })
            .ok_or(UnknownCollector)
    }
}

impl fmt::Display for Collector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "http://{}", self.authority)
    }
}

impl Serialize for Collector {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// A client for the exporter.
#[derive(Debug)]
pub(super) struct Client {
    pub(super) collector: Collector,
}

impl HttpClient for Client {
    fn send_bytes<'c, 'f>(&'c self, request: Request<Bytes>) -> Pin<Box<dyn Future<Output = Result<Response<Bytes>, HttpError>> + Send + 'f>>
    where
        'c: 'f,
        Self: 'f,
    {
        Box::pin(async move {
            let time = Duration::from_secs(limits::COLLECTOR_SECONDS_MAX);
            let status = tokio::time::timeout(time, self.post(&request)).await.map_err(io::Error::from)??;
            Ok(Response::builder().status(status).body(Bytes::new())?)
        })
    }
}

impl Client {
    /// The status of the answer.
    async fn post(&self, request: &Request<Bytes>) -> io::Result<u16> {
        let authority = &self.collector.authority;
        let mut stream = TcpStream::connect(authority).await?;
        let (path, length) = (request.uri().path(), request.body().len());
        let mut head = format!("POST {path} HTTP/1.1\r\nHost: {authority}\r\nConnection: close\r\nContent-Length: {length}\r\n").into_bytes();
        for (name, value) in request.headers() {
            head.extend_from_slice(name.as_str().as_bytes());
            head.extend_from_slice(b": ");
            head.extend_from_slice(value.as_bytes());
            head.extend_from_slice(b"\r\n");
        }
        head.extend_from_slice(b"\r\n");
        stream.write_all(&head).await?;
        stream.write_all(request.body()).await?;
        let mut answer = Vec::new();
        stream.take(limits::COLLECTOR_ANSWER_BYTES_MAX).read_to_end(&mut answer).await?;
        status_of(&answer).ok_or_else(|| io::ErrorKind::InvalidData.into())
    }
}

/// `HTTP/1.1 200 OK`.
fn status_of(answer: &[u8]) -> Option<u16> {
    let line = answer.split(|byte| *byte == b'\r').next()?;
    let mut words = std::str::from_utf8(line).ok()?.split(' ');
    words.next().filter(|version| version.starts_with("HTTP/1."))?;
    words.next()?.parse().ok().filter(|status| (100..600).contains(status))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_collector_is_a_host_and_a_port() {
        for (text, shown) in [
            ("http://127.0.0.1:4318", Some("http://127.0.0.1:4318")),
            ("http://otel-collector:4318/", Some("http://otel-collector:4318")),
            ("http://[::1]:4318", Some("http://[::1]:4318")),
            ("http://collector", None),
            ("https://collector:4318", None),
            ("http://me:secret@collector:4318", None),
            ("http://collector:4318/v1/traces", None),
            ("http://collector:0", None),
            ("collector:4318", None),
            ("http://a b:1", None),
        ] {
            let collector = text.parse::<Collector>();
            assert_eq!(collector.ok().map(|collector| collector.to_string()).as_deref(), shown, "{text}");
        }
    }

    #[test]
    fn an_answer_has_a_status() {
        for (answer, status) in [
            ("HTTP/1.1 200 OK\r\n\r\n", Some(200)),
            ("HTTP/1.0 503\r\n", Some(503)),
            ("HTTP/1.1 999999 x\r\n", None),
            ("SSH-2.0-x\r\n", None),
            ("", None),
        ] {
            assert_eq!(status_of(answer.as_bytes()), status, "{answer}");
        }
    }
}
