//! Is an upload whole? A file is whole when the IEA of its last interchange has arrived, never because
//! it is old enough; an upload without it waits, and is reported when it no longer grows.
//!
//! Two looks make a file whole: its end shows a terminated IEA, and neither size nor modification time
//! has changed since the look before. So an interchange that is being appended is not missed. Whoever
//! pauses for longer than a look between two interchanges is taken at what stands there: nothing in X12
//! says that another interchange will follow, and the rest arrives as a file of its own.
//!
//! To the next editor: being late is a delay, being early loses claims. Everything doubtful is
//! [`Tail::Open`].

use std::time::Duration;

use super::channel::{Listing, RemoteName};
use super::openpgp::framing::{self, Form};
use super::unpack::{self, Packing};
use crate::clock::Timestamp;
use crate::config::Completion;
use crate::x12::separators::{ISA_BYTES, Separators};

/// What a file's first and last bytes, or its name, say about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tail {
    /// The last segment is the IEA of an interchange, or the partner shows in its own way that it is done.
    Whole,
    /// Begins as gzip, zip or an OpenPGP message does: whether it is whole shows when it is opened.
    Packed,
    /// Anything else that begins with an ISA.
    Open,
    /// Begins with something else.
    NotX12,
    /// Fewer bytes than an ISA has.
    TooShort,
}

/// What is to be done with a file now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Nothing: it grows, or has to show that it doesn't.
    Waiting,
    /// Take it in.
    Whole,
    /// Report it: not whole, and unchanged since then. Said once for each time it stops growing.
    Stalled { since: Timestamp },
    /// Take it in, to be rejected with a reason: no X12, and unchanged for as long as a stall takes.
    Foreign,
}

/// One remote file over successive looks.
#[derive(Debug, Clone, Default)]
pub struct Upload {
    seen: Option<Look>,
}

#[derive(Debug, Clone, Copy)]
struct Look {
    bytes: u64,
    modified: i64,
    tail: Tail,
    since: Timestamp,
    is_reported: bool,
    /// It was opened, and ended too early.
    is_cut_short: bool,
}

impl Upload {
    pub fn new() -> Upload {
        Upload::default()
    }

    /// Looks at the file once: `bytes` and `modified` as listed, `tail` of these bytes, `at` by our clock.
    ///
    /// A file that shrank, grew or was written anew is waited for from the beginning.
    pub fn look(&mut self, bytes: u64, modified: i64, tail: Tail, at: Timestamp, stall_after: Duration) -> Verdict {
        let unchanged = self.seen.filter(|seen| seen.bytes == bytes && seen.modified == modified);
        // What was found cut short stays so until it changes, whatever its name or a marker says.
        let is_cut_short = unchanged.is_some_and(|seen| seen.is_cut_short);
        let tail = if is_cut_short { Tail::Open } else { tail };
        let Some(seen) = unchanged.filter(|seen| seen.tail == tail) else {
            self.seen = Some(Look {
                bytes,
                modified,
                tail,
                since: at,
                is_reported: false,
                is_cut_short: false,
            });
            return Verdict::Waiting;
        };
        let stands_s = at.unix_seconds().saturating_sub(seen.since.unix_seconds());
        let is_stalled = u64::try_from(stands_s).is_ok_and(|stands_s| Duration::from_secs(stands_s) >= stall_after);
        match tail {
            Tail::Whole | Tail::Packed => Verdict::Whole,
            Tail::NotX12 if is_stalled => Verdict::Foreign,
            Tail::Open | Tail::TooShort if is_stalled && !seen.is_reported => {
                self.seen = Some(Look { is_reported: true, ..seen });
                Verdict::Stalled { since: seen.since }
            }
            Tail::NotX12 | Tail::Open | Tail::TooShort => Verdict::Waiting,
        }
    }

    /// A packed file that was taken as whole ended too early when it was opened
    /// ([`UnpackError::Truncated`](unpack::UnpackError::Truncated)): it is waited for until it changes.
    pub fn was_cut_short(&mut self) {
        if let Some(seen) = &mut self.seen {
            (seen.tail, seen.is_cut_short) = (Tail::Open, true);
        }
    }
}

/// What a listing alone says of a file in it, by how its partner shows that an upload has ended; `None`
/// where its bytes have to be read (`trailer`).
///
/// A marker counts from the second look at an unchanged file on, because it may have overtaken its file
/// or be left over from another one of the same name.
pub fn by_listing(complete: Completion, name: &RemoteName, listing: &Listing) -> Option<Tail> {
    if is_temporary(name) {
        return Some(Tail::Open);
    }
    match complete {
        Completion::Trailer => None,
        Completion::Rename => Some(Tail::Whole),
        Completion::Marker if marker_of(name, listing).is_some() => Some(Tail::Whole),
        Completion::Marker => Some(Tail::Open),
    }
}

/// As [`tail_of`], for a file that has this name: one that is called an OpenPGP message and shows none yet is
/// waited for, since nothing else would be in it.
pub fn tail_of_named(name: &RemoteName, first: &[u8], last: &[u8]) -> Tail {
    match tail_of(first, last) {
        Tail::NotX12 if has_extension(name.as_str(), &["pgp", "gpg", "asc"]) => Tail::Open,
        tail => tail,
    }
}

/// A name under which clients upload before they rename: `.x`, `x.tmp`, `x.part`, `x.filepart`.
pub fn is_temporary(name: &RemoteName) -> bool {
    let name = name.as_str();
    name.starts_with('.') || has_extension(name, &["tmp", "part", "filepart"])
}

fn has_extension(name: &str, extensions: &[&str]) -> bool {
    let of_name = name.rsplit_once('.').map_or("", |(_, extension)| extension);
    extensions.iter().any(|extension| of_name.eq_ignore_ascii_case(extension))
}

/// The name of a marker. Where a partner uses markers, that is no claim file: don't look at it as one.
pub fn is_marker(name: &RemoteName) -> bool {
    MARKERS.iter().any(|ending| name.as_str().ends_with(ending))
}

/// The marker of a file: `x.837.done` or `x.done` for `x.837`, with `ok` for `done` as well.
pub fn marker_of<'l>(name: &RemoteName, listing: &'l Listing) -> Option<&'l RemoteName> {
    let name = name.as_str();
    let stem = name.rsplit_once('.').map_or(name, |(stem, _)| stem);
    let candidates = [name, stem]
        .into_iter()
        .flat_map(|stem| MARKERS.iter().map(move |ending| format!("{stem}{ending}")));
    let mut listed = candidates.filter(|marker| marker != name).filter_map(|marker| {
        let place = listing.files.binary_search_by(|file| file.name.as_str().cmp(&marker)).ok()?;
        listing.files.get(place)
    });
    listed.next().map(|file| &file.name)
}

const MARKERS: [&str; 4] = [".done", ".ok", ".DONE", ".OK"];

/// What the first bytes of a file (`limits::HEAD_BYTES`, or all) and its last ones (`limits::TAIL_BYTES`,
/// or all) say. The two overlap in a small file.
///
/// The separators are those of the last ISA within the last bytes, else of the first ISA. Where an
/// interchange with other separators was appended and is longer than the last bytes, nothing there says
/// what its separators are; then SE, GE and IEA must all three stand there with the same two separators.
pub fn tail_of(first: &[u8], last: &[u8]) -> Tail {
    match unpack::packing(first) {
        Packing::OpenPgp(Form::Armored) if !framing::shows_end(last) => return Tail::Open,
        Packing::Gzip | Packing::Zip | Packing::OpenPgp(_) => return Tail::Packed,
        Packing::Plain => {}
    }
    let first = first.strip_prefix(b"\xef\xbb\xbf").unwrap_or(first);
    // What a reader skips before an ISA; NUL bytes may be what a server has reserved and not yet received.
    let is_filler = |byte: &u8| matches!(byte, b'\r' | b'\n' | b' ' | b'\t' | b'\0' | 0x1a);
    let start = first.iter().position(|byte| !is_filler(byte)).unwrap_or(first.len());
    let Some(head) = first.get(start..start + ISA_BYTES) else {
        return Tail::TooShort;
    };
    if !head.starts_with(b"ISA") {
        return Tail::NotX12;
    }
    let is_whole = match last_isa(last) {
        Some(separators) => ends_with_iea(last, separators.element, separators.segment),
        None => {
            let known = Separators::of_isa(head).is_ok_and(|of_first| ends_with_iea(last, of_first.element, of_first.segment));
            known || ends_with_trailers(last)
        }
    };
    if is_whole { Tail::Whole } else { Tail::Open }
}

/// The separators of the last ISA that begins where a segment can.
fn last_isa(last: &[u8]) -> Option<Separators> {
    let begins = |place: &usize| match place.checked_sub(1).and_then(|before| last.get(before)) {
        Some(byte) => !byte.is_ascii_alphanumeric(),
        None => true,
    };
    let places = memchr::memmem::rfind_iter(last, b"ISA").filter(begins);
    places.filter_map(|place| Separators::of_isa(last.get(place..)?).ok()).next()
}

/// Whether the last segment is a terminated IEA. What its elements say is for the envelope to judge: a
/// wrong control number is answered, not waited on.
fn ends_with_iea(last: &[u8], element: u8, terminator: u8) -> bool {
    let mut segments = segments_from_the_end(last, terminator);
    segments.next().is_some_and(|segment| is_named(segment, b"IEA", element))
}

/// Whether the last segments are SE, GE and IEA with separators that are not known from an ISA.
fn ends_with_trailers(last: &[u8]) -> bool {
    let Some(place) = memchr::memmem::rfind(last, b"IEA") else {
        return false;
    };
    let iea = last.get(place..).unwrap_or_default();
    let Some(element) = iea.get(3).copied().filter(can_separate) else {
        return false;
    };
    // IEA02 has nine characters; the byte behind them is the terminator.
    let elements = iea.get(4..).unwrap_or_default();
    let behind_control = memchr::memchr(element, elements).and_then(|place| elements.get(place + 10));
    let Some(terminator) = behind_control.copied().filter(|byte| can_separate(byte) && *byte != element) else {
        return false;
    };
    let counted = |segment: &[u8], id: &[u8], widths: std::ops::RangeInclusive<usize>| {
        let mut elements = segment.split(|byte| *byte == element).skip(1);
        let count = elements.next().unwrap_or_default();
        let control = elements.next().unwrap_or_default();
        let is_count = (1..=10).contains(&count.len()) && count.iter().all(u8::is_ascii_digit);
        is_named(segment, id, element) && is_count && widths.contains(&control.len()) && elements.next().is_none()
    };
    let mut segments = segments_from_the_end(last, terminator);
    let mut next = |id: &[u8], widths| segments.next().is_some_and(|segment| counted(segment, id, widths));
    next(b"IEA", 9..=9) && next(b"GE", 1..=9) && next(b"SE", 4..=9)
}

fn can_separate(byte: &u8) -> bool {
    byte.is_ascii() && !byte.is_ascii_alphanumeric() && *byte != b' ' && *byte != 0
}

fn is_named(segment: &[u8], id: &[u8], element: u8) -> bool {
    segment.strip_prefix(id).is_some_and(|rest| rest.first() == Some(&element))
}

/// Whole segments from the last one back: each with its terminator behind it and another one's before
/// it. None when more than padding follows the last terminator.
///
/// NUL bytes are no padding: a server that reserves the whole length at once shows what is still to
/// come as such.
fn segments_from_the_end(last: &[u8], terminator: u8) -> impl Iterator<Item = &[u8]> {
    let mut pieces = last.rsplit(move |byte| *byte == terminator);
    let is_ended = pieces.next().is_some_and(|behind| behind.iter().all(is_padding));
    let pieces = pieces.map(|piece| {
        let start = piece.iter().position(|byte| !matches!(byte, b'\r' | b'\n')).unwrap_or(piece.len());
        piece.get(start..).unwrap_or_default()
    });
    // With a line end as terminator, an empty line is no segment.
    let mut pieces = pieces.filter(|piece| !piece.iter().all(is_padding)).peekable();
    // The first piece of `last` began before it.
    std::iter::from_fn(move || {
        let piece = pieces.next()?;
        (is_ended && pieces.peek().is_some()).then_some(piece)
    })
}

fn is_padding(byte: &u8) -> bool {
    matches!(byte, b'\r' | b'\n' | b' ' | b'\t' | 0x1a)
}

#[cfg(test)]
mod tests;
