//! Older line fingerprints on disk: immutable sorted runs with filters, so that memory does not grow
//! with the lines ever seen (nine bits a line) and a look-up costs no disk access when the line is new.
//!
//! Everything here can be rebuilt from the ledger's own runs: a file that is missing, cut or of another
//! version is left out, and its lines are read from the ledger again.
//!
//! ```text
//! file       entries of 32 bytes, sorted: 16 fingerprint, 16 claim id
//!            the filter of each part
//!            directory: entries and filter bytes of each part             (8 bytes each, big-endian)
//!            parts · sequence before · first · last · "CLSTRUN2"
//! ```
//!
//! A part holds the entries that begin with the same bits; it has its own filter, so that a run of any
//! size is written in one walk with the keys of one part in memory.

use std::fs::{self, File};
use std::io::{self, BufReader, BufWriter, Read, Write};
use std::iter::Peekable;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use xorf::{BinaryFuse8, Filter};

use super::{LineFingerprint, Seq};
use crate::durable::{private_file, publish};
use crate::failpoints::reach;
use crate::ids::ClaimId;
use crate::limits;

const MAGIC: [u8; 8] = *b"CLSTRUN2";
const TRAILER_BYTES: u64 = 40;
const PART_ROW_BYTES: u64 = 16;
const ENTRY_BYTES: usize = 32;
/// More parts than a run of any size has.
const PART_BITS_MAX: u32 = 16;

/// A fingerprint and the claim that had it first.
pub type LineEntry = (LineFingerprint, ClaimId);

/// The journal positions a run stands for: the last of the run before it, and its own first and last
/// batch. Runs form a chain, so a lost one is noticed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    pub after: Seq,
    pub first: Seq,
    pub last: Seq,
}

/// One sorted run on disk.
#[derive(Debug)]
pub struct Run {
    path: PathBuf,
    file: File,
    span: Span,
    entries: u64,
    /// As many as a power of two.
    parts: Vec<Part>,
}

/// Entries that begin with the same bits: from one place in the file up to the next part's.
#[derive(Debug)]
struct Part {
    from: u64,
    to: u64,
    /// `None`: no entries.
    filter: Option<BinaryFuse8>,
}

impl Run {
    /// Writes sorted, deduplicated entries as a run; durable when it returns.
    ///
    /// # Errors
    /// I/O.
    pub fn write(directory: &Path, span: Span, entries: &[LineEntry]) -> io::Result<Run> {
        let mut writer = RunWriter::create(directory, span, entries.len() as u64)?;
        entries.iter().try_for_each(|entry| writer.push(entry))?;
        writer.finish()
    }

    /// Opens a run; `None` when it is not a whole one of this version.
    fn open(path: &Path) -> io::Result<Option<Run>> {
        let file = File::open(path)?;
        let length = file.metadata()?.len();
        let Some(trailer_at) = length.checked_sub(TRAILER_BYTES) else {
            return Ok(None);
        };
        let mut trailer = [0; TRAILER_BYTES as usize];
        file.read_exact_at(&mut trailer, trailer_at)?;
        let [parts, after, first, last, magic] = *trailer.as_chunks::<8>().0 else {
            return Ok(None);
        };
        let [parts, after, first, last] = [parts, after, first, last].map(u64::from_be_bytes);
        if magic != MAGIC || !parts.is_power_of_two() || parts > 1 << PART_BITS_MAX {
            return Ok(None);
        }
        let Some(directory_at) = trailer_at.checked_sub(parts * PART_ROW_BYTES) else {
            return Ok(None);
        };
        let mut rows = vec![0; usize::try_from(parts * PART_ROW_BYTES).unwrap_or(0)];
        file.read_exact_at(&mut rows, directory_at)?;
        let rows = rows.as_chunks::<8>().0.as_chunks::<2>().0;
        let rows = rows.iter().map(|row| row.map(u64::from_be_bytes));
        let sums = rows.clone().try_fold((0_u64, 0_u64), |(entries, filters), [more_entries, more_filters]| {
            Some((entries.checked_add(more_entries)?, filters.checked_add(more_filters)?))
        });
        let Some((entries, filter_bytes)) = sums else { return Ok(None) };
        let whole = entries.checked_mul(ENTRY_BYTES as u64).and_then(|bytes| bytes.checked_add(filter_bytes));
        if whole != Some(directory_at) {
            return Ok(None);
        }
        let mut filters_at = directory_at - filter_bytes;
        let (mut from, mut read) = (0, Vec::with_capacity(rows.len()));
        for [entries, filter_bytes] in rows {
            let mut bytes = vec![0; usize::try_from(filter_bytes).unwrap_or(0)];
            file.read_exact_at(&mut bytes, filters_at)?;
            let Some(filter) = filter_of(&bytes) else { return Ok(None) };
            read.push(Part {
                from,
                to: from + entries,
                filter,
            });
            from += entries;
            filters_at += filter_bytes;
        }
        Ok(Some(Run {
            path: path.to_path_buf(),
            file,
            span: Span { after, first, last },
            entries,
            parts: read,
        }))
    }

    /// The first claim that had this line and still stands, if one of the run did.
    ///
    /// # Errors
    /// I/O.
    pub fn find(&self, fingerprint: &LineFingerprint, stands: &dyn Fn(&ClaimId) -> bool) -> io::Result<Option<ClaimId>> {
        let mut first = None;
        self.each_from(fingerprint, &mut |(found, claim)| {
            let is_it = found == *fingerprint;
            first = Some(claim).filter(|claim| is_it && stands(claim));
            is_it && first.is_none()
        })?;
        Ok(first)
    }

    /// The last entry that begins with these bytes, at least eight.
    ///
    /// # Errors
    /// I/O.
    pub(super) fn find_beginning(&self, beginning: &[u8]) -> io::Result<Option<LineEntry>> {
        let (mut least, mut last) = ([0; 16], None);
        least.iter_mut().zip(beginning).for_each(|(to, from)| *to = *from);
        self.each_from(&least, &mut |entry| {
            let is_it = entry.0.starts_with(beginning);
            if is_it {
                last = Some(entry);
            }
            is_it
        })?;
        Ok(last)
    }

    /// The entries from a fingerprint on, as long as `wants` says so; none where the filter does not know its
    /// beginning.
    fn each_from(&self, fingerprint: &LineFingerprint, wants: &mut dyn FnMut(LineEntry) -> bool) -> io::Result<()> {
        let part = self.parts.get(part_of(fingerprint, self.parts.len()));
        let Some(part) = part.filter(|part| part.filter.as_ref().is_some_and(|filter| filter.contains(&key(fingerprint)))) else {
            return Ok(());
        };
        let (mut low, mut high) = (part.from, part.to);
        while low < high {
            let middle = low + (high - low) / 2;
            if self.entry(middle)?.0 < *fingerprint {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        while low < part.to && wants(self.entry(low)?) {
            low += 1;
        }
        Ok(())
    }

    fn entry(&self, place: u64) -> io::Result<LineEntry> {
        let mut entry = [0; ENTRY_BYTES];
        self.file.read_exact_at(&mut entry, place * ENTRY_BYTES as u64)?;
        Ok(split(&entry))
    }

    /// Every entry in order.
    fn walk(&self) -> io::Result<impl Iterator<Item = io::Result<LineEntry>>> {
        let mut entries = BufReader::with_capacity(limits::RUN_BUFFER_BYTES, File::open(&self.path)?.take(self.entries * ENTRY_BYTES as u64));
        Ok((0..self.entries).map(move |_| {
            let mut entry = [0; ENTRY_BYTES];
            entries.read_exact(&mut entry)?;
            Ok(split(&entry))
        }))
    }

    /// Last journal position whose lines are in it.
    pub fn last(&self) -> Seq {
        self.span.last
    }

    /// Runs of one tier are merged into one of the next; `None`: large enough to stay as it is.
    fn tier(&self) -> Option<u32> {
        let tier = (self.entries / limits::LINES_IN_MEMORY as u64).max(1).ilog(limits::LINE_RUNS_MERGED);
        (tier < limits::LINE_RUN_TIERS).then_some(tier)
    }
}

/// Takes entries in their order and writes them with what finds them again.
struct RunWriter {
    out: BufWriter<File>,
    temporary: PathBuf,
    path: PathBuf,
    span: Span,
    entries: u64,
    part_count: usize,
    parts: Vec<Part>,
    /// Of the part being written.
    keys: Vec<u64>,
}

impl RunWriter {
    /// `expected`: about how many entries will come.
    fn create(directory: &Path, span: Span, expected: u64) -> io::Result<RunWriter> {
        let path = directory.join(format!("lines-{:016x}.run", span.first));
        let temporary = path.with_extension("tmp");
        let parts = (expected / limits::LINES_IN_MEMORY as u64).max(1).next_power_of_two().min(1 << PART_BITS_MAX);
        Ok(RunWriter {
            out: BufWriter::with_capacity(limits::RUN_BUFFER_BYTES, private_file(&temporary)?.truncate(true).open(&temporary)?),
            temporary,
            path,
            span,
            entries: 0,
            part_count: usize::try_from(parts).unwrap_or(1),
            parts: Vec::new(),
            keys: Vec::new(),
        })
    }

    fn push(&mut self, (fingerprint, claim): &LineEntry) -> io::Result<()> {
        self.end_parts(part_of(fingerprint, self.part_count))?;
        let key = key(fingerprint);
        // A filter wants each key once; entries are sorted, so equal keys stand together.
        if self.keys.last() != Some(&key) {
            self.keys.push(key);
        }
        self.entries += 1;
        self.out.write_all(fingerprint)?;
        self.out.write_all(claim.as_bytes())
    }

    /// Closes the parts before the given one.
    fn end_parts(&mut self, next: usize) -> io::Result<()> {
        while self.parts.len() < next {
            let filter = match self.keys.is_empty() {
                true => None,
                false => Some(BinaryFuse8::try_from(&self.keys).map_err(io::Error::other)?),
            };
            self.keys.clear();
            self.parts.push(Part {
                from: self.parts.last().map_or(0, |before| before.to),
                to: self.entries,
                filter,
            });
        }
        Ok(())
    }

    fn finish(mut self) -> io::Result<Run> {
        self.end_parts(self.part_count)?;
        let mut rows = Vec::with_capacity(self.parts.len());
        for part in &self.parts {
            let filter = filter_bytes(part.filter.as_ref())?;
            self.out.write_all(&filter)?;
            rows.push([part.to - part.from, filter.len() as u64]);
        }
        let Span { after, first, last } = self.span;
        for number in rows.into_iter().flatten().chain([self.parts.len() as u64, after, first, last]) {
            self.out.write_all(&number.to_be_bytes())?;
        }
        self.out.write_all(&MAGIC)?;
        let file = self.out.into_inner().map_err(io::IntoInnerError::into_error)?;
        reach("line-index::run::before-sync")?;
        file.sync_all()?;
        reach("line-index::run::before-publish")?;
        publish(&self.temporary, &self.path)?;
        reach("line-index::run::after-publish")?;
        Ok(Run {
            file: File::open(&self.path)?,
            path: self.path,
            span: self.span,
            entries: self.entries,
            parts: self.parts,
        })
    }
}

fn filter_bytes(filter: Option<&BinaryFuse8>) -> io::Result<Vec<u8>> {
    let Some(filter) = filter else { return Ok(Vec::new()) };
    postcard::to_stdvec(&(&filter.descriptor, &*filter.fingerprints)).map_err(io::Error::other)
}

/// `None`: not a filter.
fn filter_of(bytes: &[u8]) -> Option<Option<BinaryFuse8>> {
    if bytes.is_empty() {
        return Some(None);
    }
    let (descriptor, fingerprints) = postcard::from_bytes(bytes).ok()?;
    Some(Some(BinaryFuse8 { descriptor, fingerprints }))
}

/// Opens the runs of a directory in journal order, up to the first gap; what lies behind a gap is
/// removed, and read from the ledger again.
///
/// # Errors
/// I/O.
pub fn open_runs(directory: &Path) -> io::Result<Vec<Run>> {
    let mut runs = Vec::new();
    for file in fs::read_dir(directory)? {
        let path = file?.path();
        match path.extension().and_then(|extension| extension.to_str()) {
            Some("run") => match Run::open(&path)? {
                Some(run) => runs.push(run),
                None => discard(&path)?,
            },
            Some("tmp") => discard(&path)?,
            _ => {}
        }
    }
    // A merged run and its parts may both be there after a crash: the wider one holds the parts.
    runs.sort_by_key(|run| (run.span.first, u64::MAX - run.span.last));
    let mut kept: Vec<Run> = Vec::new();
    for run in runs {
        let before = kept.last().map_or(0, |before| before.span.last);
        if run.span.after == before && run.span.last > before {
            kept.push(run);
        } else {
            discard(&run.path)?;
        }
    }
    Ok(kept)
}

fn discard(path: &Path) -> io::Result<()> {
    reach("line-index::open::before-remove")?;
    fs::remove_file(path)
}

/// Puts the last runs together while many are of one size, so that a look-up asks few filters and a
/// line is written once per size.
///
/// # Errors
/// I/O; the parts stay until the merged run is durable.
pub fn merge_small(directory: &Path, runs: &mut Vec<Run>) -> io::Result<()> {
    for tier in 0..limits::LINE_RUN_TIERS {
        let small = runs.iter().rev().take_while(|run| run.tier().is_some_and(|of_run| of_run <= tier)).count();
        if small < limits::LINE_RUNS_MERGED as usize {
            return Ok(());
        }
        let merged = merge(directory, runs.get(runs.len() - small..).unwrap_or_default())?;
        for part in runs.drain(runs.len() - small..).filter(|part| part.path != merged.path) {
            reach("line-index::merge::before-remove")?;
            fs::remove_file(&part.path)?;
        }
        runs.push(merged);
    }
    Ok(())
}

/// Writes neighbouring runs as one, reading each once. Of equal fingerprints each run's stays, the oldest
/// first: a claim may have been taken back since, and then the next one counts.
fn merge(directory: &Path, parts: &[Run]) -> io::Result<Run> {
    let (Some(oldest), Some(newest)) = (parts.first(), parts.last()) else {
        return Err(io::Error::other("no runs to merge"));
    };
    let span = Span {
        last: newest.span.last,
        ..oldest.span
    };
    let mut writer = RunWriter::create(directory, span, parts.iter().map(|part| part.entries).sum())?;
    let mut walks = parts.iter().map(|part| part.walk().map(Iterator::peekable)).collect::<io::Result<Vec<_>>>()?;
    let mut before = None;
    while let Some(entry) = take_least(&mut walks)? {
        if before != Some(entry) {
            writer.push(&entry)?;
        }
        before = Some(entry);
    }
    writer.finish()
}

/// The least entry that is next in any walk; of equal ones the first walk's.
fn take_least(walks: &mut [Peekable<impl Iterator<Item = io::Result<LineEntry>>>]) -> io::Result<Option<LineEntry>> {
    let fingerprint = |walk: &mut Peekable<_>| match walk.peek() {
        Some(Ok((fingerprint, _))) => Some(Some(*fingerprint)),
        // What failed is taken first, and reported.
        Some(Err(_)) => Some(None),
        None => None,
    };
    let least = walks.iter_mut().filter_map(|walk| fingerprint(walk).map(|fingerprint| (fingerprint, walk)));
    match least.min_by(|(one, _), (other, _)| one.cmp(other)) {
        Some((_, walk)) => walk.next().transpose(),
        None => Ok(None),
    }
}

/// Sorts entries; of equal fingerprints the first claim stays.
pub fn sort(entries: &mut Vec<LineEntry>) {
    entries.sort_by_key(|(fingerprint, _)| *fingerprint);
    entries.dedup_by_key(|(fingerprint, _)| *fingerprint);
}

/// The fingerprint is a keyed hash, so any eight bytes of it are as good a filter key as a hash of it.
fn key(fingerprint: &LineFingerprint) -> u64 {
    let [a, b, c, d, e, f, g, h, ..] = *fingerprint;
    u64::from_be_bytes([a, b, c, d, e, f, g, h])
}

/// Which of `parts` (a power of two) a fingerprint belongs to, by its first bits.
fn part_of(fingerprint: &LineFingerprint, parts: usize) -> usize {
    let bits = parts.ilog2();
    key(fingerprint).checked_shr(64 - bits).and_then(|part| usize::try_from(part).ok()).unwrap_or(0)
}

/// An entry as it is stored: 16 bytes of fingerprint, 16 of claim id.
pub(super) fn split(entry: &[u8; ENTRY_BYTES]) -> LineEntry {
    let (mut fingerprint, mut claim) = ([0; 16], [0; 16]);
    fingerprint.iter_mut().chain(&mut claim).zip(entry).for_each(|(to, from)| *to = *from);
    (fingerprint, ClaimId::from_bytes(claim))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(number: u64) -> LineEntry {
        let hash = *blake3::hash(&number.to_be_bytes()).as_bytes();
        let mut fingerprint = [0; 16];
        fingerprint.copy_from_slice(&hash[..16]);
        let mut claim = [0; 16];
        claim[8..].copy_from_slice(&number.to_be_bytes());
        (fingerprint, ClaimId::from_bytes(claim))
    }

    /// Of the run with this number.
    fn span(run: u64) -> Span {
        Span {
            after: run * 10,
            first: run * 10 + 1,
            last: run * 10 + 10,
        }
    }

    fn entries(numbers: std::ops::Range<u64>) -> Vec<LineEntry> {
        let mut entries: Vec<LineEntry> = numbers.map(entry).collect();
        sort(&mut entries);
        entries
    }

    #[test]
    fn a_run_finds_what_it_has_and_nothing_else() {
        let directory = tempfile::tempdir().unwrap();
        Run::write(directory.path(), span(0), &entries(0..5_000)).unwrap();
        let runs = open_runs(directory.path()).unwrap();
        for number in 0..10_000 {
            let (fingerprint, claim) = entry(number);
            let found = runs[0].find(&fingerprint, &|_| true).unwrap();
            assert_eq!(found, (number < 5_000).then_some(claim), "{number}");
        }
    }

    #[test]
    fn small_runs_are_merged_and_the_first_claim_stays() {
        let directory = tempfile::tempdir().unwrap();
        let mut runs = Vec::new();
        for part in 0..limits::LINE_RUNS_MERGED {
            let mut entries = entries(part * 100..part * 100 + 100);
            entries.push((entry(0).0, ClaimId::from_bytes([part as u8 + 1; 16])));
            if part == 0 {
                entries.pop();
            }
            sort(&mut entries);
            runs.push(Run::write(directory.path(), span(part), &entries).unwrap());
            merge_small(directory.path(), &mut runs).unwrap();
        }
        assert_eq!(runs.len(), 1);
        let all = |_: &ClaimId| true;
        assert_eq!(runs[0].find(&entry(0).0, &all).unwrap(), Some(entry(0).1));
        // Each claim of a line is there, for when those before it stand no more.
        for part in 1..limits::LINE_RUNS_MERGED {
            let found = runs[0].find(&entry(0).0, &|claim| *claim != entry(0).1 && claim.as_bytes()[0] > part as u8);
            assert_eq!(found.unwrap(), Some(ClaimId::from_bytes([part as u8 + 1; 16])));
        }
        assert_eq!(runs[0].find(&entry(0).0, &|_| false).unwrap(), None);
        assert_eq!(runs[0].find_beginning(&entry(7).0[..9]).unwrap(), Some(entry(7)));
        assert_eq!(runs[0].find_beginning(&[0; 9]).unwrap(), None);
        let reopened = open_runs(directory.path()).unwrap();
        assert_eq!((reopened.len(), reopened[0].last()), (1, limits::LINE_RUNS_MERGED * 10));
    }

    #[test]
    fn a_merge_of_any_size_has_every_line_once() {
        let directory = tempfile::tempdir().unwrap();
        let size = limits::LINES_IN_MEMORY as u64;
        let mut runs: Vec<Run> = (0..3)
            .map(|part| Run::write(directory.path(), span(part), &entries(part * size / 2..part * size / 2 + size)).unwrap())
            .collect();
        let merged = merge(directory.path(), &runs).unwrap();
        assert_eq!((merged.entries, merged.parts.len()), (size * 2, 4));
        runs.clear();
        let reopened = Run::open(&merged.path).unwrap().unwrap();
        for number in 0..size * 2 + 1_000 {
            let (fingerprint, claim) = entry(number);
            assert_eq!(
                reopened.find(&fingerprint, &|_| true).unwrap(),
                (number < size * 2).then_some(claim),
                "{number}"
            );
        }
    }

    #[test]
    fn what_follows_a_lost_run_is_read_again() {
        let directory = tempfile::tempdir().unwrap();
        for part in 0..3 {
            Run::write(directory.path(), span(part), &entries(part..part + 1)).unwrap();
        }
        fs::remove_file(directory.path().join(format!("lines-{:016x}.run", 11))).unwrap();
        let runs = open_runs(directory.path()).unwrap();
        assert_eq!(runs.iter().map(Run::last).collect::<Vec<_>>(), [10]);
    }

    #[test]
    fn a_cut_run_is_left_out() {
        let directory = tempfile::tempdir().unwrap();
        let run = Run::write(directory.path(), span(0), &entries(0..100)).unwrap();
        let path = run.path.clone();
        let length = fs::metadata(&path).unwrap().len();
        File::options().write(true).open(&path).unwrap().set_len(length - 1).unwrap();
        assert!(open_runs(directory.path()).unwrap().is_empty());
        assert!(!path.exists());
    }
}
