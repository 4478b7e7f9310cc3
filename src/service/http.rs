//! The service's port: `/livez`, `/readyz`, `/metrics` for operators, and `/claims` where the door is on.
//!
//! One request a connection, so that what bounds a connection bounds a request: bytes, time, and how many
//! there are at once ([`super::visit`]). The operators' paths do not need to know who asks, and answer
//! nothing protected; the default address is local all the same. The door does ([`super::door`]), and
//! allows its requests what they need beyond the bounds.

use std::future::Future;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware::map_response;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use metrics_exporter_prometheus::PrometheusHandle;
use serde_json::json;
use tokio::net::TcpListener;

use super::door::{self, Door};
use super::visit::{Allowance, Bounds, Gate};
use crate::limits;
use crate::pipeline::health::Health;

/// Between two times that the recorder tidies its histograms.
const UPKEEP_EVERY: Duration = Duration::from_secs(5);

/// Answers until `shutdown` is over; then open requests have their time to end.
///
/// # Errors
/// When the listener fails for good.
pub async fn serve(
    listener: TcpListener,
    health: Arc<Health>,
    metrics: PrometheusHandle,
    door: Option<Arc<Door>>,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> io::Result<()> {
    let bounds = Bounds {
        request_bytes: limits::HTTP_REQUEST_BYTES_MAX,
        time: Duration::from_secs(limits::HTTP_SECONDS_MAX),
        // Whoever waits at the door leaves the operators their places.
        connections: limits::HTTP_CONNECTIONS_MAX + door.as_ref().map_or(0, |door| door.places()),
        can_grow: door.is_some(),
    };
    serve_within(bounds, listener, router(health, metrics.clone(), door), metrics, shutdown).await
}

async fn serve_within(
    bounds: Bounds,
    listener: TcpListener,
    router: Router,
    recorder: PrometheusHandle,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> io::Result<()> {
    let upkeep = tokio::spawn(async move {
        loop {
            tokio::time::sleep(UPKEEP_EVERY).await;
            recorder.run_upkeep();
        }
    });
    let visitors = router.into_make_service_with_connect_info::<Allowance>();
    let served = axum::serve(Gate::new(listener, bounds), visitors).with_graceful_shutdown(shutdown).await;
    upkeep.abort();
    served
}

fn router(health: Arc<Health>, metrics: PrometheusHandle, door: Option<Arc<Door>>) -> Router {
    let mut routes = Router::new()
        .route("/livez", get(alive).with_state(Arc::clone(&health)))
        .route("/readyz", get(ready).with_state(health))
        .route("/metrics", get(scraped).with_state(metrics));
    if let Some(door) = door {
        routes = routes.route("/claims", post(door::claims).fallback(door::other_method).with_state(door));
    }
    routes.layer(map_response(last_of_its_connection))
}

async fn alive(State(health): State<Arc<Health>>) -> Response {
    if health.is_alive() {
        (StatusCode::OK, "ok\n").into_response()
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, "the worker does not answer\n").into_response()
    }
}

async fn ready(State(health): State<Arc<Health>>) -> Response {
    let parts = health.parts();
    let is_ready = parts.iter().all(|part| part.ready);
    let status = if is_ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    let body = json!({ "ready": is_ready, "parts": parts }).to_string();
    (status, [(header::CONTENT_TYPE, "application/json")], body).into_response()
}

async fn scraped(State(metrics): State<PrometheusHandle>) -> Response {
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], metrics.render()).into_response()
}

async fn last_of_its_connection(mut response: Response) -> Response {
    let headers = response.headers_mut();
    headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::{SocketAddr, TcpStream as StdStream};
    use std::time::Instant;

    use super::*;
    use crate::pipeline::health::Part;
    use crate::telemetry;

    struct Service {
        runtime: tokio::runtime::Runtime,
        address: SocketAddr,
        health: Arc<Health>,
        stop: Option<tokio::sync::oneshot::Sender<()>>,
        served: tokio::task::JoinHandle<io::Result<()>>,
    }

    const BOUNDS: Bounds = Bounds {
        request_bytes: 8 * 1024,
        time: Duration::from_secs(10),
        connections: 32,
        can_grow: false,
    };

    fn service(bounds: Bounds, health: Health) -> Service {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
        let address = listener.local_addr().unwrap();
        let health = Arc::new(health);
        let (stop, stopped) = tokio::sync::oneshot::channel();
        let metrics = telemetry::install_metrics().unwrap();
        let router = router(Arc::clone(&health), metrics.clone(), None);
        let served = runtime.spawn(serve_within(bounds, listener, router, metrics, async {
            let _ = stopped.await;
        }));
        Service {
            runtime,
            address,
            health,
            stop: Some(stop),
            served,
        }
    }

    impl Service {
        fn connect(&self) -> StdStream {
            let stream = StdStream::connect(self.address).unwrap();
            stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
            stream
        }

        /// Sends bytes and reads until the other side closes.
        fn ask(&self, request: &str) -> String {
            let mut stream = self.connect();
            stream.write_all(request.as_bytes()).unwrap();
            read_to_close(&mut stream)
        }

        fn get(&self, path: &str) -> String {
            self.ask(&format!("GET {path} HTTP/1.1\r\nHost: x\r\n\r\n"))
        }
    }

    fn read_to_close(stream: &mut StdStream) -> String {
        let mut answer = Vec::new();
        // A connection that is reset has been closed, too.
        let _ = stream.read_to_end(&mut answer);
        String::from_utf8(answer).unwrap()
    }

    fn body(answer: &str) -> &str {
        answer.split_once("\r\n\r\n").unwrap().1
    }

    #[test]
    fn three_paths_and_nothing_else() {
        let service = service(BOUNDS, Health::new());
        for (method, path, status) in [
            ("GET", "/livez", "200"),
            ("GET", "/readyz", "503"),
            ("GET", "/metrics", "200"),
            ("POST", "/livez", "405"),
            ("PUT", "/readyz", "405"),
            ("DELETE", "/metrics", "405"),
            ("GET", "/", "404"),
            ("GET", "/metrics/", "404"),
            ("GET", "/../etc/passwd", "404"),
            ("POST", "/debug", "404"),
            ("POST", "/claims", "404"),
        ] {
            let answer = service.ask(&format!("{method} {path} HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n"));
            assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{method} {path}: {answer}");
            let head = answer.to_ascii_lowercase();
            assert!(head.contains("connection: close") && !head.contains("\r\nserver:"), "{answer}");
        }
        assert!(!service.ask("rubbish\r\n\r\n").starts_with("HTTP/1.1 200"));
    }

    #[test]
    fn ready_says_which_part_is_not() {
        let service = service(BOUNDS, Health::new());
        Part::ALL.into_iter().for_each(|part| service.health.set(part, Ok(())));
        let answer = service.get("/readyz");
        assert!(answer.starts_with("HTTP/1.1 200 ") && answer.contains("application/json"), "{answer}");
        service.health.set(Part::Events, Err("no broker answers".into()));
        let answer = service.get("/readyz");
        assert!(answer.starts_with("HTTP/1.1 503 "), "{answer}");
        let value: serde_json::Value = serde_json::from_str(body(&answer)).unwrap();
        assert_eq!(
            (&value["ready"], &value["parts"][2]),
            (&false.into(), &json!({"part": "events", "ready": false, "reason": "no broker answers"}))
        );
        let scraped = service.get("/metrics");
        assert!(scraped.contains("claims_part_ready{part=\"ledger\"} 1"), "{scraped}");
        assert!(scraped.contains("version=0.0.4"), "{scraped}");
    }

    #[test]
    fn alive_until_the_worker_is_silent() {
        let service = service(BOUNDS, Health::silent_for(Duration::from_millis(300)));
        service.health.beat();
        assert_eq!(body(&service.get("/livez")), "ok\n");
        std::thread::sleep(Duration::from_millis(350));
        assert!(service.get("/livez").starts_with("HTTP/1.1 503 "));
        service.health.beat();
        assert!(service.get("/livez").starts_with("HTTP/1.1 200 "));
    }

    #[test]
    fn slow_and_large_requests_are_cut_off() {
        // Also where a request could be allowed more: these are not.
        for can_grow in [false, true] {
            cuts_off(Bounds {
                time: Duration::from_millis(500),
                can_grow,
                ..BOUNDS
            });
        }
    }

    fn cuts_off(bounds: Bounds) {
        let service = service(bounds, Health::new());
        let start = Instant::now();
        assert_eq!(service.ask("GET /livez HTTP/1.1\r\nHost: x\r\nX-Slow: "), "");
        assert!(start.elapsed() < Duration::from_secs(5), "{:?}", start.elapsed());
        let large = format!("GET /livez HTTP/1.1\r\nHost: x\r\nX-Large: {}\r\n\r\n", "a".repeat(64 * 1024));
        let mut stream = service.connect();
        // The other side may have closed before all of it is sent.
        let _ = stream.write_all(large.as_bytes());
        assert!(!read_to_close(&mut stream).contains(" 200 "));
        assert!(service.get("/livez").starts_with("HTTP/1.1 200 "));
    }

    #[test]
    fn more_than_there_are_places_wait() {
        let bounds = Bounds {
            connections: 2,
            time: Duration::from_secs(1),
            ..BOUNDS
        };
        let service = service(bounds, Health::new());
        let idle = [service.connect(), service.connect()];
        // Answered as soon as the idle ones have had their time.
        assert!(service.get("/livez").starts_with("HTTP/1.1 200 "));
        drop(idle);
    }

    #[test]
    fn shutdown_ends_it() {
        let mut service = service(BOUNDS, Health::new());
        assert!(service.get("/livez").starts_with("HTTP/1.1 200 "));
        service.stop.take().unwrap().send(()).unwrap();
        service.runtime.block_on(&mut service.served).unwrap().unwrap();
        assert!(StdStream::connect(service.address).is_err());
    }
}
