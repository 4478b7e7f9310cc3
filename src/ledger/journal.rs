//! The journal's rows: facts as sealed bytes, each bound to its place.
//!
//! Sealing and opening take all threads; SQLite hands over the rows one after the other.

use rayon::prelude::*;
use rusqlite::{Connection, Rows, params};

use super::step::Step;
use super::{LedgerError, Seq};
use crate::events::fact::Fact;
use crate::events::stored::{self, Stored};
use crate::limits;
use crate::sealing::RecordKey;

/// Rows worth a thread of their own.
const ROWS_PER_TASK: usize = 128;

pub(super) fn as_i64(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

pub(super) fn last_seq(connection: &Connection) -> rusqlite::Result<Seq> {
    connection
        .prepare_cached("SELECT coalesce(max(seq), 0) FROM journal")?
        .query_row([], |row| row.get::<_, i64>(0))
        .map(i64::unsigned_abs)
}

/// Appends facts; returns the position of the first.
pub(super) fn insert(connection: &Connection, key: &RecordKey, facts: &[Fact]) -> Result<Seq, LedgerError> {
    let first = last_seq(connection)? + 1;
    let sealed: Vec<Vec<u8>> = (facts.par_iter().enumerate().with_min_len(ROWS_PER_TASK))
        .map(|(place, fact)| seal(key, first + place as u64, fact))
        .collect::<Result<_, _>>()?;
    let mut statement = connection.prepare_cached("INSERT INTO journal VALUES (?1, ?2)")?;
    for (seq, sealed) in (first..).zip(sealed) {
        statement.execute(params![as_i64(seq), sealed])?;
    }
    let mut statement = connection.prepare_cached("INSERT INTO answer VALUES (?1)")?;
    for (seq, _) in (first..).zip(facts).filter(|(_, fact)| fact.has_answer()) {
        statement.execute([as_i64(seq)])?;
    }
    Ok(first)
}

/// Up to `count` facts from `from` on, or as much of each as `T` is; fewer where they are large, never none while there are any.
pub(super) fn read<T: Stored + Send>(connection: &Connection, key: &RecordKey, from: Seq, count: usize) -> Result<Vec<(Seq, T)>, LedgerError> {
    // A plus keeps SQLite from planning the statement anew for each value of the parameter.
    let mut statement = connection.prepare_cached("SELECT seq, sealed FROM journal WHERE seq >= +?1 ORDER BY seq LIMIT +?2")?;
    let mut rows = statement.query(params![as_i64(from), i64::try_from(count).unwrap_or(i64::MAX)])?;
    open(key, sealed_rows(&mut rows, limits::FACT_BYTES_AT_ONCE)?)
}

/// Up to `count` facts with an answer, after `after`; fewer where they are large.
pub(super) fn read_answers(connection: &Connection, key: &RecordKey, after: Seq, count: usize) -> Result<Vec<(Seq, Fact)>, LedgerError> {
    let mut statement = connection.prepare_cached("SELECT seq, sealed FROM answer JOIN journal USING(seq) WHERE seq > +?1 ORDER BY seq LIMIT +?2")?;
    let mut rows = statement.query(params![as_i64(after), i64::try_from(count).unwrap_or(i64::MAX)])?;
    open(key, sealed_rows(&mut rows, limits::FACT_BYTES_AT_ONCE)?)
}

/// The facts at these positions, in their order.
pub(super) fn read_at(connection: &Connection, key: &RecordKey, positions: &[Seq]) -> Result<Vec<Fact>, LedgerError> {
    // One look at the database instead of one for each position: each has its locks.
    let step = Step::begin(connection)?;
    let sealed = sealed_at(&step, positions)?;
    drop(step);
    Ok(open(key, sealed)?.into_iter().map(|(_, fact)| fact).collect())
}

fn sealed_at(connection: &Connection, positions: &[Seq]) -> Result<Vec<(Seq, Vec<u8>)>, LedgerError> {
    let mut statement = connection.prepare_cached("SELECT seq, sealed FROM journal WHERE seq = ?1")?;
    let mut sealed = Vec::with_capacity(positions.len());
    for seq in positions {
        let found = sealed_rows(&mut statement.query([as_i64(*seq)])?, usize::MAX)?;
        if found.is_empty() {
            return Err(LedgerError::Inconsistent {
                what: "a journal position without fact",
            });
        }
        sealed.extend(found);
    }
    Ok(sealed)
}

/// Rows until they have `bytes_enough` together.
fn sealed_rows(rows: &mut Rows<'_>, bytes_enough: usize) -> Result<Vec<(Seq, Vec<u8>)>, LedgerError> {
    let (mut sealed, mut bytes) = (Vec::new(), 0);
    while bytes < bytes_enough
        && let Some(row) = rows.next()?
    {
        let fact: Vec<u8> = row.get(1)?;
        bytes += fact.len();
        sealed.push((row.get::<_, i64>(0)?.unsigned_abs(), fact));
    }
    Ok(sealed)
}

fn seal(key: &RecordKey, seq: Seq, fact: &Fact) -> Result<Vec<u8>, LedgerError> {
    Ok(key.seal(&place(seq), &stored::to_bytes(fact)?)?)
}

fn open<T: Stored + Send>(key: &RecordKey, sealed: Vec<(Seq, Vec<u8>)>) -> Result<Vec<(Seq, T)>, LedgerError> {
    let open = |(seq, mut sealed): (Seq, Vec<u8>)| {
        let plain = key.open_in_place(&place(seq), &mut sealed)?;
        Ok((seq, stored::from_bytes(plain)?))
    };
    sealed.into_par_iter().with_min_len(ROWS_PER_TASK).map(open).collect()
}

/// What a sealed row is bound to.
fn place(seq: Seq) -> [u8; 15] {
    let mut place = *b"journal........";
    place.iter_mut().skip(7).zip(seq.to_be_bytes()).for_each(|(to, from)| *to = from);
    place
}
