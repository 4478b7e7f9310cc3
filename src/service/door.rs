//! The door: `POST /claims`. A file of claims in, its acknowledgements and decisions in the response.
//!
//! A posted file goes the way of one from a channel: sealed into the archive, handed to the worker, decided
//! in the ledger's transactions, answered under `outbound/` and by events. The response is read from the
//! ledger afterwards, by what writes those. So whoever hears no response posts the same bytes again, and gets
//! the answer that it missed: nothing is decided twice.
//!
//! To the next editor: nothing of a request is read, and nothing said, before its token is known.

use std::io;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::{Duration, Instant};

use axum::body::{Bytes, to_bytes};
use axum::extract::{ConnectInfo, Request, State};
use axum::http::{HeaderMap, HeaderName, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::json;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot, watch};
use tracing::{error, info, warn};

use super::control::Suspension;
use super::door_answer;
use super::door_tokens::{TokenFileError, Tokens};
use super::partner::Desk;
use super::visit::Allowance;
use super::worker::{FileJob, Job};
use crate::clock::Timestamp;
use crate::config::{self, Config};
use crate::limits;
use crate::pipeline::file_answer::{Looked, answer_of};
use crate::pipeline::inbound::{Arrived, FileReport};
use crate::pipeline::tally;
use crate::telemetry::Chain;

/// Between two looks at the disk, beside those of the requests.
const LOOK_AT_DISK: Duration = Duration::from_secs(15);

/// After the deadline of an answer, for its bytes to leave.
const LEAVING: Duration = Duration::from_secs(10);

/// Between two log lines about wrong tokens.
const STRANGERS_TOLD: Duration = Duration::from_secs(60);

/// What a posted file may be called.
const TYPES: [&str; 3] = ["application/edi-x12", "application/octet-stream", "text/plain"];

/// The door of one partner.
#[derive(Debug)]
pub struct Door {
    settings: config::Door,
    desk: Arc<Desk>,
    suspension: Suspension,
    tokens: RwLock<Tokens>,
    /// `None`: the service ends.
    jobs: Mutex<Option<mpsc::Sender<Job>>>,
    in_force: watch::Receiver<Arc<Config>>,
    ends: watch::Sender<bool>,
    places: Arc<Semaphore>,
    strangers_told: Mutex<Option<Instant>>,
}

/// Why a request has no answer. Says nothing about claims.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
enum Refusal {
    #[error("a bearer token is needed")]
    Stranger,
    #[error("claims are posted: POST")]
    OtherMethod,
    #[error("the content type is none of application/edi-x12, application/octet-stream, text/plain, or the content is encoded")]
    OtherType,
    #[error("a Content-Length is needed")]
    NoLength,
    #[error("the file is larger than {0} bytes")]
    TooLarge(usize),
    #[error("there is nothing in it")]
    Empty,
    #[error("the file did not come in time")]
    Slow,
    #[error("the file did not come whole")]
    CutShort,
    #[error("as many requests are waiting as may wait")]
    Busy,
    #[error("the service is not ready, see /readyz")]
    NotReady,
    #[error("nothing is exchanged with the partner at present")]
    Suspended,
    #[error("the service ends; post the same again")]
    Ends,
    #[error("the file could not be kept")]
    NotKept,
    #[error("not decided yet; post the same again for the answer")]
    NotYet,
    #[error("the answer cannot be given; post the same again")]
    NoAnswer,
}

impl Refusal {
    fn status(self) -> StatusCode {
        match self {
            Refusal::Stranger => StatusCode::UNAUTHORIZED,
            Refusal::OtherMethod => StatusCode::METHOD_NOT_ALLOWED,
            Refusal::OtherType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Refusal::NoLength => StatusCode::LENGTH_REQUIRED,
            Refusal::TooLarge(_) => StatusCode::PAYLOAD_TOO_LARGE,
            Refusal::Empty | Refusal::CutShort => StatusCode::BAD_REQUEST,
            Refusal::Slow => StatusCode::REQUEST_TIMEOUT,
            Refusal::Busy | Refusal::NotReady | Refusal::Suspended | Refusal::Ends | Refusal::NotKept | Refusal::NotYet => StatusCode::SERVICE_UNAVAILABLE,
            Refusal::NoAnswer => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// Beside the status: what the caller is to do.
    fn header(self) -> Option<(HeaderName, &'static str)> {
        match self {
            Refusal::Stranger => Some((header::WWW_AUTHENTICATE, "Bearer")),
            Refusal::OtherMethod => Some((header::ALLOW, "POST")),
            Refusal::Busy => Some((header::RETRY_AFTER, "1")),
            Refusal::NotReady | Refusal::Ends | Refusal::NotKept | Refusal::NotYet => Some((header::RETRY_AFTER, "5")),
            Refusal::Suspended => Some((header::RETRY_AFTER, "300")),
            Refusal::OtherType | Refusal::NoLength | Refusal::TooLarge(_) | Refusal::Empty | Refusal::CutShort | Refusal::Slow | Refusal::NoAnswer => None,
        }
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let status = self.status();
        let body = json!({"type": "error", "status": status.as_u16(), "message": self.to_string()}).to_string();
        let mut response = (status, [(header::CONTENT_TYPE, "application/json")], body).into_response();
        if let Some((name, value)) = self.header() {
            response.headers_mut().insert(name, header::HeaderValue::from_static(value));
        }
        response
    }
}

/// `POST /claims`.
pub async fn claims(State(door): State<Arc<Door>>, ConnectInfo(allowance): ConnectInfo<Allowance>, request: Request) -> Response {
    let begun = Instant::now();
    let mut suspension = door.suspension.clone();
    let mut ends = door.ends.subscribe();
    let answered = tokio::select! {
        biased;
        _ = ends.wait_for(|ends| *ends) => Err(Refusal::Ends),
        answered = door.answer(&allowance, request) => answered,
        // Whatever it is, it is not said to a partner that is cut off.
        () = suspension.becomes(true), if !suspension.is_on() => Err(Refusal::Suspended),
    };
    let response = match answered {
        Ok(body) => (StatusCode::OK, [(header::CONTENT_TYPE, "application/json")], body).into_response(),
        Err(refusal) => refusal.into_response(),
    };
    tally::door_answered(response.status().as_u16(), begun.elapsed());
    response
}

/// Anything but POST.
pub async fn other_method() -> Response {
    tally::door_answered(Refusal::OtherMethod.status().as_u16(), Duration::ZERO);
    Refusal::OtherMethod.into_response()
}

impl Door {
    /// # Errors
    /// [`TokenFileError`].
    pub fn open(
        settings: config::Door,
        desk: Arc<Desk>,
        suspension: Suspension,
        jobs: mpsc::Sender<Job>,
        in_force: watch::Receiver<Arc<Config>>,
    ) -> Result<Door, TokenFileError> {
        Ok(Door {
            tokens: RwLock::new(Tokens::read(&settings.token_file)?),
            places: Arc::new(Semaphore::new(settings.max_waiting)),
            settings,
            desk,
            suspension,
            jobs: Mutex::new(Some(jobs)),
            in_force,
            ends: watch::Sender::new(false),
            strangers_told: Mutex::default(),
        })
    }

    /// Requests that can be inside at once.
    pub fn places(&self) -> usize {
        self.settings.max_waiting
    }

    /// Reads the tokens again; those in force stay where the new ones can't be used.
    pub fn read_again(&self) {
        match Tokens::read(&self.settings.token_file) {
            Ok(tokens) => *self.tokens.write().unwrap_or_else(PoisonError::into_inner) = tokens,
            Err(error) => error!(error = %Chain(&error), "the new tokens of the door are refused, those in force stay"),
        }
    }

    /// Nothing more is taken in, and who still waits is told to come again.
    pub fn close(&self) {
        self.ends.send_replace(true);
        self.jobs.lock().unwrap_or_else(PoisonError::into_inner).take();
    }

    /// Looks at the disk now and then, as long as the door is open: it may be the only one who takes files in.
    pub async fn watch_disk(self: Arc<Door>) {
        let mut ends = self.ends.subscribe();
        while !*ends.borrow_and_update() {
            self.desk.health.has_room(&self.desk.data_dir);
            let _ = tokio::time::timeout(LOOK_AT_DISK, ends.changed()).await;
        }
    }

    async fn answer(self: &Arc<Door>, allowance: &Allowance, request: Request) -> Result<Vec<u8>, Refusal> {
        let (head, body) = request.into_parts();
        self.admit(&head.headers)?;
        let place = self.prepare(&head.headers)?;
        let upload = Duration::from_secs(limits::DOOR_UPLOAD_SECONDS_MAX);
        let waiting = Duration::from_secs(limits::DOOR_ANSWER_SECONDS_MAX);
        allowance.grow(self.settings.max_bytes, upload + waiting + LEAVING);
        let read = tokio::time::timeout(upload, to_bytes(body, self.settings.max_bytes));
        let file = read.await.map_err(|_| Refusal::Slow)?.map_err(|_| Refusal::CutShort)?;
        // In a task of its own: a caller who hangs up leaves nothing half done.
        let decided = tokio::spawn(Arc::clone(self).decide(file, Timestamp::now(), place));
        match tokio::time::timeout(waiting, decided).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(_)) => Err(Refusal::NoAnswer),
            Err(_) => Err(Refusal::NotYet),
        }
    }

    fn admit(&self, headers: &HeaderMap) -> Result<(), Refusal> {
        let authorization = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
        if self.tokens.read().unwrap_or_else(PoisonError::into_inner).admit(authorization) {
            return Ok(());
        }
        let mut told = self.strangers_told.lock().unwrap_or_else(PoisonError::into_inner);
        if told.is_none_or(|told| told.elapsed() > STRANGERS_TOLD) {
            *told = Some(Instant::now());
            warn!("a request at the door has no token or a wrong one; claims_door_requests_total counts them");
        }
        Err(Refusal::Stranger)
    }

    /// Whether the file may come, and its place.
    fn prepare(&self, headers: &HeaderMap) -> Result<OwnedSemaphorePermit, Refusal> {
        if self.suspension.is_on() {
            return Err(Refusal::Suspended);
        }
        if !self.desk.health.has_room(&self.desk.data_dir) || !self.desk.health.is_ready() {
            return Err(Refusal::NotReady);
        }
        if !is_plain_file(headers) {
            return Err(Refusal::OtherType);
        }
        let length = headers.get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<usize>().ok());
        match length {
            None => Err(Refusal::NoLength),
            Some(0) => Err(Refusal::Empty),
            Some(length) if length > self.settings.max_bytes => Err(Refusal::TooLarge(self.settings.max_bytes)),
            Some(_) => Arc::clone(&self.places).try_acquire_owned().map_err(|_| Refusal::Busy),
        }
    }

    /// Keeps the file, has it decided, and reads the answer.
    async fn decide(self: Arc<Door>, file: Bytes, received_at: Timestamp, _place: OwnedSemaphorePermit) -> Result<Vec<u8>, Refusal> {
        let jobs = self.jobs.lock().unwrap_or_else(PoisonError::into_inner).clone().ok_or(Refusal::Ends)?;
        let desk = Arc::clone(&self.desk);
        let sealed = blocking(move || desk.archive.receive(&mut &*file, &desk.keys)).await;
        let archived = sealed.map_err(|error| {
            error!(error = %Chain(&error), "a posted file could not be kept");
            Refusal::NotKept
        })?;
        let partner = self.settings.partner.clone();
        let (done, taken_in) = oneshot::channel();
        let job = FileJob {
            arrived: Arrived {
                archived,
                partner: Some(partner.clone()),
                received_at,
            },
            partner,
            look: None,
            done,
        };
        jobs.send(Job::File(Box::new(job))).await.map_err(|_| Refusal::Ends)?;
        drop(jobs);
        // Dropped when the service ends, and when the same bytes are in work for somebody else.
        let report = taken_in.await.map_err(|_| if *self.ends.borrow() { Refusal::Ends } else { Refusal::NotYet })?;
        let door = Arc::clone(&self);
        let read = blocking(move || Ok(door.read_answer(&archived.file))).await;
        let answer = match read {
            Ok(Ok(Looked::Answer(answer))) => Some(answer),
            Ok(Ok(Looked::OtherPartner)) => None,
            Ok(Ok(Looked::NotYet)) => return Err(Refusal::NotYet),
            Ok(Err(error)) => {
                error!(error = %Chain(&error), "a posted file is decided, and its answer cannot be read");
                return Err(Refusal::NoAnswer);
            }
            Err(_) => return Err(Refusal::NoAnswer),
        };
        self.told(&report, received_at);
        Ok(door_answer::rendered(
            &archived.file,
            &self.settings.partner,
            report.is_duplicate,
            answer.as_deref(),
        ))
    }

    fn read_answer(&self, file: &crate::ids::FileDigest) -> Result<Looked, crate::pipeline::answer_writer::AnswerError> {
        let config = Arc::clone(&self.in_force.borrow());
        self.desk.readers.read(|ledger| answer_of(ledger, &config, file, &self.settings.partner))
    }

    fn told(&self, report: &FileReport, received_at: Timestamp) {
        let seconds = Timestamp::now().unix_seconds().saturating_sub(received_at.unix_seconds());
        info!(
            partner = self.settings.partner.as_str(),
            claims = report.counts.received,
            duplicate = report.is_duplicate,
            seconds,
            "a posted file is answered"
        );
    }
}

/// Runs on a thread that may wait for the disk.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> io::Result<T> + Send + 'static) -> io::Result<T> {
    tokio::task::spawn_blocking(work).await.map_err(io::Error::other)?
}

/// Of a type that a claim file has, and not packed.
fn is_plain_file(headers: &HeaderMap) -> bool {
    let text = |name| headers.get(name).map(|value| value.to_str().unwrap_or("?"));
    let essence = text(header::CONTENT_TYPE).and_then(|kind| kind.split(';').next()).map(str::trim);
    let is_known = essence.is_some_and(|essence| TYPES.iter().any(|known| known.eq_ignore_ascii_case(essence)));
    is_known && text(header::CONTENT_ENCODING).is_none_or(|encoding| encoding.eq_ignore_ascii_case("identity"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_claim_file_is_called_one() {
        for (kind, encoding, plain) in [
            (Some("application/edi-x12"), None, true),
            (Some("Application/EDI-X12; charset=us-ascii"), None, true),
            (Some("text/plain"), Some("identity"), true),
            (Some("application/octet-stream"), Some("gzip"), false),
            (Some("application/json"), None, false),
            (Some("application/x-www-form-urlencoded"), None, false),
            (None, None, false),
        ] {
            let mut headers = HeaderMap::new();
            kind.map(|kind| headers.insert(header::CONTENT_TYPE, kind.parse().unwrap()));
            encoding.map(|encoding| headers.insert(header::CONTENT_ENCODING, encoding.parse().unwrap()));
            assert_eq!(is_plain_file(&headers), plain, "{kind:?} {encoding:?}");
        }
    }

    #[test]
    fn whoever_may_come_again_is_told_when() {
        for refusal in [
            Refusal::Busy,
            Refusal::NotReady,
            Refusal::Suspended,
            Refusal::Ends,
            Refusal::NotKept,
            Refusal::NotYet,
        ] {
            let response = refusal.into_response();
            assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE, "{refusal}");
            assert!(response.headers().contains_key(header::RETRY_AFTER), "{refusal}");
        }
        let stranger = Refusal::Stranger.into_response();
        assert!(stranger.headers().contains_key(header::WWW_AUTHENTICATE) && !stranger.headers().contains_key(header::RETRY_AFTER));
    }
}
