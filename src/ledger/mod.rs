//! The one store: journal, files, accumulators, control numbers and the outbox cursor.
//!
//! The journal's sequence *is* the outbox: whatever leaves the house is rendered from its facts, in
//! its order. Every change is one [`Batch`] in one transaction. The trait is what the pipeline knows;
//! [`sqlite::SqliteLedger`] is the embedded store behind it.

pub mod claim_index;
pub mod inspection;
mod journal;
pub mod line_index;
mod payables;
pub mod readers;
pub mod remits;
mod reversals;
mod schema;
pub mod sqlite;
mod step;

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::events::fact::{ClaimCounts, DeadUnit, Fact, FactHead, PayeeBalance};
use crate::ids::{ClaimId, FileDigest, Npi, PartnerId, Tin, Token};
use crate::limits;
use crate::money::{Money, Quantity};
use crate::tables::refdata::authorizations::AuthorizationRow;

/// Position of a fact in the journal: 1, 2, 3 … without gaps.
pub type Seq = u64;

/// Fingerprint of a service line (DOMAIN E4, exact), keyed so that it can't be reversed.
pub type LineFingerprint = [u8; 16];

/// Why the ledger could not do it.
#[derive(Debug, thiserror::Error)]
pub enum LedgerError {
    #[error("the ledger database failed")]
    Store(#[from] rusqlite::Error),
    #[error("the line index cannot be read or written")]
    Index(#[from] std::io::Error),
    #[error("a stored fact cannot be read")]
    Record(#[from] postcard::Error),
    #[error("a sealed column cannot be opened")]
    Seal(#[from] crate::sealing::SealError),
    #[error("SQLite {found} has a write-ahead-log corruption bug, expected 3.51.3 or later")]
    SqliteTooOld { found: String },
    #[error("the ledger has schema {found}, this program knows schema {known}")]
    Schema { found: i64, known: i64 },
    #[error("the ledger's counts do not fit its journal: {what}")]
    Inconsistent { what: &'static str },
}

/// The ledger is at a failpoint; what a test asks for comes as SQLite would say it.
///
/// # Errors
/// [`LedgerError::Store`].
pub fn reach(point: &'static str) -> Result<(), LedgerError> {
    crate::failpoints::reach(point).map_err(|error| {
        let code = match error.kind() {
            std::io::ErrorKind::StorageFull => rusqlite::ffi::SQLITE_FULL,
            _ => rusqlite::ffi::SQLITE_IOERR,
        };
        rusqlite::Error::SqliteFailure(rusqlite::ffi::Error::new(code), None).into()
    })
}

impl LedgerError {
    /// What is stored was changed or contradicts itself (exit 5), as against a store that can't be used
    /// (exit 1).
    pub fn is_integrity_failure(&self) -> bool {
        match self {
            LedgerError::Inconsistent { .. } | LedgerError::Record(_) => true,
            LedgerError::Seal(error) => *error == crate::sealing::SealError::Tampered,
            LedgerError::Store(_) | LedgerError::Index(_) | LedgerError::SqliteTooOld { .. } | LedgerError::Schema { .. } => false,
        }
    }
}

/// A file at the door.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Arrival {
    pub file: FileDigest,
    pub partner: PartnerId,
    pub bytes: u64,
    pub received_at: Timestamp,
}

/// What the ledger knows of an arriving file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Admission {
    /// Never seen: its receipt is now recorded.
    New(FileRow),
    /// Seen and finished: the receipt is recorded, nothing else happens.
    Duplicate(FileRow),
    /// Seen, but the work on it was interrupted: go on from its progress.
    Unfinished(FileRow),
}

/// A file's row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileRow {
    pub number: i64,
    pub file: FileDigest,
    pub partner: PartnerId,
    pub bytes: u64,
    pub received_at: Timestamp,
    pub state: FileState,
    pub progress: Progress,
}

/// How far a file has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FileState {
    Open,
    Completed,
    Rejected,
}

/// What of a file is committed: its first `claims` CLM segments, in file order, and their counts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Progress {
    /// CLM segments of the whole file whose outcome is in the journal.
    pub claims: u64,
    pub counts: ClaimCounts,
    /// Journal position of the file's first claim, else of what closed it: the rejection of a rejected file,
    /// the answers of one without readable claims. 0 = none yet.
    pub first_seq: Seq,
}

/// A file of a partner's channel, as its listing has it. From when the ledger has the file until it is out
/// of the partner's folder, what has this look is a left-over, which is not read again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Taken {
    /// Of its name, which may hold protected values.
    pub name: Token,
    pub bytes: u64,
    /// Seconds since 1970, by the other side's clock.
    pub modified: i64,
}

/// Everything that becomes true together.
#[derive(Debug, Default)]
pub struct Batch {
    pub facts: Vec<Fact>,
    /// Lines that later claims are compared with, and the claim they belong to.
    pub fingerprints: Vec<(LineFingerprint, ClaimId)>,
    /// Units consumed since the last batch, per authorization row.
    pub units: Vec<(AuthorizationRow, Quantity)>,
    /// Units that decisions which were taken back give back, some of them maybe consumed by this batch.
    pub returned: Vec<(AuthorizationRow, Quantity)>,
    /// The file these facts belong to, its progress and state after them.
    pub file: Option<(i64, Progress, FileState)>,
    /// Deliveries that came this far.
    pub delivered: Vec<(String, Delivered)>,
    /// Outgoing counters and the last value that this batch uses.
    pub counters: Vec<(Counter, u32)>,
    /// ISA13 of accepted interchanges: sender, receiver, number.
    pub control_numbers: Vec<(String, String, String)>,
    /// A partner's file that is in the ledger now, under its digest.
    pub taken: Option<(PartnerId, Taken, FileDigest)>,
    /// Files that are out of their partner's folder: what looks like one of them from now on is another.
    pub put_away: Vec<(PartnerId, Taken)>,
}

/// Which outgoing counter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Counter {
    /// ISA13 of what we send.
    Interchange,
    /// TRN02 of payments.
    Payment,
}

/// Numbers that follow the last one used; they become used with the batch that names them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Numbers {
    counter: Counter,
    last: u32,
}

impl Numbers {
    /// # Errors
    /// [`LedgerError`].
    pub fn after_last(ledger: &impl Ledger, counter: Counter) -> Result<Numbers, LedgerError> {
        Ok(Numbers {
            counter,
            last: ledger.counter(counter)?,
        })
    }

    /// Numbers from 1 on, for answers that no ledger records.
    pub fn first(counter: Counter) -> Numbers {
        Numbers { counter, last: 0 }
    }

    /// Nine digits; begins again at 1 after 999,999,999.
    pub fn take(&mut self) -> u32 {
        self.last = self.last % 999_999_999 + 1;
        self.last
    }

    /// For [`Batch::counters`].
    pub fn used(self) -> (Counter, u32) {
        (self.counter, self.last)
    }
}

impl Counter {
    fn name(self) -> &'static str {
        match self {
            Counter::Interchange => "interchange",
            Counter::Payment => "payment",
        }
    }
}

/// Claims that wait for payment to one payee.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct PayeeDue {
    pub number: i64,
    pub npi: Npi,
    pub tin: Option<Tin>,
    pub claims: u64,
}

/// A claim that waits for payment, with what the payment is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClaimDue {
    pub seq: Seq,
    pub received_on: NaiveDate,
    /// CLM02.
    pub charge: Money,
    /// Without interest.
    pub paid: Money,
    /// What bears interest when it is late; `None` for a decision that is taken back.
    pub principal: Option<Money>,
}

/// How far a delivery has come.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Delivered {
    /// Facts up to here are delivered.
    pub seq: Seq,
    /// Recorded length of each file that the delivery appends to.
    pub lengths: std::collections::BTreeMap<String, u64>,
    /// The Kafka cluster it went to.
    #[serde(default)]
    pub cluster: String,
}

/// Where a store of somebody else says our outbox has come to, and whether it can be ours.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OutboxMark {
    /// Which ledger: made with it, and the same in its copies.
    pub generation: String,
    pub seq: Seq,
    /// Digest of the journal's entry there: copies that went different ways differ in it.
    pub entry: String,
}

/// A dead letter: where it stands in the journal, and what it is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DeadLetterRow {
    pub letter: Seq,
    /// The fact that the unit is rendered from.
    pub seq: Seq,
    pub unit: DeadUnit,
    /// It was sent on its way again.
    pub is_redriven: bool,
}

/// The store, as the pipeline sees it. One writer.
pub trait Ledger {
    /// Records a receipt and says whether the file is new. One transaction.
    ///
    /// # Errors
    /// [`LedgerError`].
    fn admit(&mut self, arrival: &Arrival) -> Result<Admission, LedgerError>;

    /// Appends a batch in one transaction; returns the position of its first fact.
    ///
    /// # Errors
    /// [`LedgerError`]; then nothing of the batch happened.
    fn append(&mut self, batch: &Batch) -> Result<Seq, LedgerError>;

    /// From here on what is admitted and appended becomes durable together: with one sync instead of one
    /// for each. Only this ledger sees it until then.
    ///
    /// # Errors
    /// [`LedgerError`]; also when that has begun already.
    fn begin_together(&mut self) -> Result<(), LedgerError>;

    /// Everything since [`Ledger::begin_together`] is durable when this returns.
    ///
    /// # Errors
    /// [`LedgerError`]; then [`Ledger::undo_together`] is to be called.
    fn commit_together(&mut self) -> Result<(), LedgerError>;

    /// Nothing happened since [`Ledger::begin_together`].
    ///
    /// # Errors
    /// [`LedgerError`].
    fn undo_together(&mut self) -> Result<(), LedgerError>;

    /// Up to `count` facts from `from` on; fewer where they are large, none only at the end.
    ///
    /// # Errors
    /// [`LedgerError`].
    fn facts(&self, from: Seq, count: usize) -> Result<Vec<(Seq, Fact)>, LedgerError>;

    /// Runs `each` over every fact of the journal, in order.
    ///
    /// # Errors
    /// [`LedgerError`], and those of `each`.
    fn each_fact(&self, each: &mut dyn FnMut(Fact) -> Result<(), LedgerError>) -> Result<(), LedgerError> {
        let mut next: Seq = 1;
        loop {
            let facts = self.facts(next, limits::FACTS_WALKED_AT_ONCE)?;
            let Some((last, _)) = facts.last() else { return Ok(()) };
            next = last + 1;
            facts.into_iter().try_for_each(|(_, fact)| each(fact))?;
        }
    }

    /// The same facts without what decided their claims.
    ///
    /// # Errors
    /// [`LedgerError`].
    fn fact_heads(&self, from: Seq, count: usize) -> Result<Vec<(Seq, FactHead)>, LedgerError>;

    /// Up to `count` facts with an answer ([`Fact::has_answer`]), after `after`; fewer where they are
    /// large, none only at the end.
    ///
    /// # Errors
    /// [`LedgerError`].
    fn answers(&self, after: Seq, count: usize) -> Result<Vec<(Seq, Fact)>, LedgerError>;

    /// The last position, 0 when empty.
    ///
    /// # Errors
    /// [`LedgerError`].
    fn last_seq(&self) -> Result<Seq, LedgerError>;

    /// The last value of an outgoing counter that a batch used; 0 = none yet.
    ///
    /// # Errors
    /// [`LedgerError`].
    fn counter(&self, counter: Counter) -> Result<u32, LedgerError>;

    /// The facts at these positions, in their order.
    ///
    /// # Errors
    /// [`LedgerError`]; [`LedgerError::Inconsistent`] when one is missing.
    fn facts_at(&self, positions: &[Seq]) -> Result<Vec<Fact>, LedgerError>;

    /// The fact at a position.
    ///
    /// # Errors
    /// [`LedgerError`]; [`LedgerError::Inconsistent`] when there is none.
    fn fact(&self, seq: Seq) -> Result<Fact, LedgerError>;

    /// When an accepted interchange of this sender and receiver with this ISA13 was last received, in another
    /// file than the one of this number.
    ///
    /// # Errors
    /// [`LedgerError`].
    fn control_number_received(&self, sender: &str, receiver: &str, isa13: &str, other_than: i64) -> Result<Option<Timestamp>, LedgerError>;

    /// The line fingerprints of every batch that begins after a position, oldest batch first, with the
    /// batch's own position.
    ///
    /// # Errors
    /// [`LedgerError`].
    fn fingerprints(&self, after: Seq, each: &mut dyn FnMut(Seq, &[line_index::LineEntry])) -> Result<(), LedgerError>;

    /// Units consumed by decisions, per authorization row.
    ///
    /// # Errors
    /// [`LedgerError`].
    fn units_used(&self) -> Result<Vec<(AuthorizationRow, Quantity)>, LedgerError>;

    /// Payees with claims to be paid, by NPI and TIN.
    ///
    /// # Errors
    /// [`LedgerError`].
    fn payees_due(&self) -> Result<Vec<PayeeDue>, LedgerError>;

    /// The oldest claims to be paid to a payee, at most `count`, after `after`.
    ///
    /// # Errors
    /// [`LedgerError`].
    fn claims_due(&self, payee: i64, after: Seq, count: usize) -> Result<Vec<ClaimDue>, LedgerError>;

    /// What a payee has too much.
    ///
    /// # Errors
    /// [`LedgerError`].
    fn balance(&self, payee: i64) -> Result<PayeeBalance, LedgerError>;

    /// Where the decision at this position was taken back; what made it so stands right behind that.
    ///
    /// # Errors
    /// [`LedgerError`].
    fn reversal_of(&self, decided: Seq) -> Result<Option<Seq>, LedgerError>;

    /// Every claim whose decision was taken back.
    ///
    /// # Errors
    /// [`LedgerError`].
    fn reversed_claims(&self) -> Result<Vec<ClaimId>, LedgerError>;

    /// The claims of every batch that begins after a position, up to another, sorted, oldest batch first, with
    /// the batch's own position.
    ///
    /// # Errors
    /// [`LedgerError`].
    fn claims_between(&self, after: Seq, up_to: Seq, each: &mut dyn FnMut(Seq, Vec<claim_index::ClaimEntry>)) -> Result<(), LedgerError>;

    /// All files, oldest first.
    ///
    /// # Errors
    /// [`LedgerError`].
    fn files(&self) -> Result<Vec<FileRow>, LedgerError> {
        self.files_after(0)
    }

    /// The files received after the one of this number, oldest first; 0 is before the first.
    ///
    /// # Errors
    /// [`LedgerError`].
    fn files_after(&self, number: i64) -> Result<Vec<FileRow>, LedgerError>;

    /// Claims that wait for payment, by the day they were received on, earliest first.
    ///
    /// # Errors
    /// [`LedgerError`].
    fn claims_due_by_receipt(&self) -> Result<Vec<(NaiveDate, u64)>, LedgerError>;

    /// Where a claim's decision or rejection stands in the journal.
    ///
    /// # Errors
    /// [`LedgerError`].
    fn find_claim(&self, claim: &ClaimId) -> Result<Option<Seq>, LedgerError>;

    /// The mark of a journal position; `None` when the journal does not reach it. Position 0 has one.
    ///
    /// # Errors
    /// [`LedgerError`].
    fn outbox_mark(&self, seq: Seq) -> Result<Option<OutboxMark>, LedgerError>;

    /// Dead letters, oldest first.
    ///
    /// # Errors
    /// [`LedgerError`].
    fn dead_letters(&self) -> Result<Vec<DeadLetterRow>, LedgerError>;

    /// The file that was taken from a partner's channel under exactly this look and is not put away yet,
    /// as far as the ledger knows.
    ///
    /// # Errors
    /// [`LedgerError`].
    fn taken(&self, partner: &PartnerId, look: &Taken) -> Result<Option<FileDigest>, LedgerError>;

    /// How far a delivery has come; `None` when it never began.
    ///
    /// # Errors
    /// [`LedgerError`].
    fn delivered(&self, delivery: &str) -> Result<Option<Delivered>, LedgerError>;
}
