//! Spans at a collector: the real binary, and a listener that takes what it sends.

use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message;

use super::town::{Town, canaries, until};

/// What `src/telemetry/spans.rs` lets out.
const EXPORTED: [&str; 8] = ["trace", "partner", "bytes", "claims", "files", "events", "acknowledgements", "remittances"];

/// Takes requests until the test ends.
struct Collector {
    address: String,
    bodies: Arc<Mutex<Vec<Vec<u8>>>>,
}

impl Collector {
    /// `answers`: else it takes every connection and says nothing.
    fn new(answers: bool) -> Collector {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let bodies = Arc::new(Mutex::new(Vec::new()));
        let into = Arc::clone(&bodies);
        std::thread::spawn(move || {
            let mut silent = Vec::new();
            for stream in listener.incoming().map_while(Result::ok) {
                if answers {
                    into.lock().unwrap().extend(body_of(stream));
                } else {
                    silent.push(stream);
                }
            }
        });
        Collector { address, bodies }
    }

    fn spans(&self) -> Vec<Span> {
        let bodies = self.bodies.lock().unwrap();
        let requests = bodies.iter().map(|body| ExportTraceServiceRequest::decode(body.as_slice()).unwrap());
        let resources = requests.flat_map(|request| request.resource_spans);
        resources.flat_map(|resource| resource.scope_spans).flat_map(|scope| scope.spans).collect()
    }

    fn bytes(&self) -> Vec<u8> {
        self.bodies.lock().unwrap().concat()
    }
}

fn body_of(mut stream: TcpStream) -> Option<Vec<u8>> {
    let mut request = Vec::new();
    let mut space = [0; 4096];
    loop {
        let end = request.windows(4).position(|window| window == b"\r\n\r\n").map(|end| end + 4);
        if let Some(end) = end {
            let head = String::from_utf8(request[..end].to_vec()).unwrap().to_ascii_lowercase();
            assert!(head.starts_with("post /v1/traces http/1.1\r\n"), "{head}");
            assert!(head.contains("content-type: application/x-protobuf"), "{head}");
            let length: usize = head.split("content-length: ").nth(1)?.split('\r').next()?.parse().ok()?;
            if request.len() >= end + length {
                let answer = b"HTTP/1.1 200 OK\r\nContent-Type: application/x-protobuf\r\nContent-Length: 0\r\n\r\n";
                stream.write_all(answer).unwrap();
                return Some(request[end..].to_vec());
            }
        }
        match stream.read(&mut space).ok()? {
            0 => return None,
            count => request.extend_from_slice(&space[..count]),
        }
    }
}

/// A town whose service exports, and says little else.
fn town(address: &str) -> Town {
    let town = Town::new();
    town.configure(&format!(
        "{}\n[telemetry]\nlog = \"warn\"\notlp_endpoint = \"http://{address}\"\n",
        town.configuration()
    ));
    town
}

fn named<'s>(spans: &'s [Span], name: &str) -> Vec<&'s Span> {
    spans.iter().filter(|span| span.name == name).collect()
}

fn text<'s>(span: &'s Span, key: &str) -> Option<&'s str> {
    let attribute = span.attributes.iter().find(|attribute| attribute.key == key)?;
    match attribute.value.as_ref()?.value.as_ref()? {
        Value::StringValue(text) => Some(text),
        other => panic!("{key}: {other:?}"),
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn a_file_has_its_trace_and_nothing_of_a_claim_leaves() {
    let collector = Collector::new(true);
    let town = town(&collector.address);
    let service = town.start();
    let claims = town.claims("837p", 5, 1);
    town.send("officeally", "claims.837", &claims);
    until("the acknowledgements", &service, || town.names("officeally", "out").len() == 2);
    until("the span of the file", &service, || !named(&collector.spans(), "file").is_empty());
    // What waits when the service ends still leaves.
    assert_eq!(service.end(), Some(0));
    let spans = collector.spans();
    let file = named(&spans, "file");
    let [file] = file.as_slice() else { panic!("{spans:?}") };
    let digest = town.site.events("data", "files")[0]["value"]["file"].as_str().unwrap().to_string();
    let trace = digest.strip_prefix("sha256:").unwrap()[..16].to_string();
    assert_eq!((text(file, "trace"), text(file, "partner")), (Some(trace.as_str()), Some("officeally")));
    assert_eq!(hex(&file.trace_id), format!("0000000000000000{trace}"));
    for stage in ["seal", "survey", "decide", "commit"] {
        let of_file: Vec<&Span> = named(&spans, stage).into_iter().filter(|span| span.trace_id == file.trace_id).collect();
        assert!(!of_file.is_empty(), "{stage}: {spans:?}");
        assert!(
            of_file
                .iter()
                .all(|span| span.end_time_unix_nano >= span.start_time_unix_nano && span.start_time_unix_nano > 0)
        );
    }
    assert_eq!(named(&spans, "survey")[0].parent_span_id, file.span_id);
    assert!(!named(&spans, "deliver").is_empty(), "{spans:?}");
    let ids: BTreeSet<&[u8]> = spans.iter().map(|span| span.span_id.as_slice()).collect();
    assert_eq!(ids.len(), spans.len(), "a span id for each");

    for span in &spans {
        assert!(span.events.is_empty() && span.links.is_empty(), "{span:?}");
        for attribute in &span.attributes {
            assert!(EXPORTED.contains(&attribute.key.as_str()), "{}: {}", span.name, attribute.key);
        }
    }
    let sent = collector.bytes();
    let values = canaries(&claims);
    assert!(values.len() > 20);
    for value in values {
        assert!(
            !sent.windows(value.len()).any(|window| window == value.as_bytes()),
            "a value of a claim is sent"
        );
    }
    assert!(!String::from_utf8_lossy(&sent).contains("claims.837"), "no name of a file");
}

#[test]
fn a_collector_that_hangs_or_is_not_there_holds_nothing_up() {
    let silent = Collector::new(false);
    let nobody = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    for (address, tells) in [(silent.address.clone(), false), (nobody, true)] {
        let town = town(&address);
        // The address is said at the level info.
        let service = town.start_with(&["--log", "info"]);
        for number in 0..5 {
            town.send("officeally", &format!("{number}.837"), &town.claims("837p", 1, 100 + number));
        }
        until("the events", &service, || town.decided() == (5, 5));
        if tells {
            until("the count", &service, || {
                service.get("/metrics").contains("claims_spans_dropped_total{reason=\"collector\"}")
            });
            assert!(service.said().contains("the collector takes no spans"), "{}", service.said());
        }
        let begun = Instant::now();
        assert_eq!(service.end(), Some(0));
        assert!(begun.elapsed() < Duration::from_secs(15), "{:?}", begun.elapsed());
    }
}
