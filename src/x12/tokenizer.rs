//! Bytes in any chunks → borrowed segments. No I/O: the caller fills [`Tokenizer::space`] and asks
//! for the [`Tokenizer::next`] step; memory is one buffer of [`limits::READ_BYTES`] and one segment.
//!
//! To the next editor: `buffer`, `marks` and the cursors move together. `marks.places[next_mark..]` are
//! the delimiters of `buffer[start..marked]`, and `marks.ends[next_end..]` say which of them end a
//! segment; everything before `start` has been handed out or skipped. More is marked when no marked segment
//! is left.

use std::convert::Infallible;

use super::delimiters::Marks;
use super::segment::{Marked, OutOfBounds, Segment, segment};
use super::separators::{ISA_BYTES, Separators, SeparatorsError};
use crate::limits;
use crate::position::SegmentTag;

/// Skipped at the very start of a file.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// What the tokenizer can say at this moment.
#[derive(Debug)]
pub enum Step<'a> {
    Segment(Segment<'a>),
    /// Fill [`Tokenizer::space`] and call [`Tokenizer::filled`], or [`Tokenizer::finish`].
    NeedInput,
    /// Every byte was read, and the last one belonged to a whole segment or was filler.
    End,
}

/// Why no more segments were handed out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pause {
    /// As [`Step::NeedInput`].
    NeedInput,
    /// As [`Step::End`].
    End,
}

/// The bytes are not X12 from `byte` on. Final for the rest of the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("byte {byte}: {kind}")]
pub struct TokenError {
    pub byte: u64,
    pub kind: TokenErrorKind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TokenErrorKind {
    #[error("expected an ISA segment, found other content")]
    ExpectedIsa,
    #[error("{0}")]
    Separators(#[from] SeparatorsError),
    #[error("segment longer than {} bytes", limits::SEGMENT_BYTES_MAX)]
    SegmentTooLong,
    #[error("segment of more than {} elements", limits::SEGMENT_ELEMENTS_MAX)]
    TooManyElements,
    #[error("more than {} interchanges, groups and transaction sets in one file", limits::ENVELOPES_PER_FILE_MAX)]
    TooManyEnvelopes,
    #[error("the file ends inside a segment")]
    Truncated,
}

/// Cuts a stream of bytes into segments, whoever reads them: a blocking `Read`, or as here an `AsyncRead`.
///
/// ```
/// use claimstream::x12::tokenizer::{Step, TokenError, Tokenizer};
/// use tokio::io::{AsyncRead, AsyncReadExt};
///
/// async fn count_segments(mut source: impl AsyncRead + Unpin) -> std::io::Result<Result<usize, TokenError>> {
///     let (mut tokenizer, mut segments) = (Tokenizer::default(), 0);
///     loop {
///         match tokenizer.next() {
///             Ok(Step::Segment(_)) => segments += 1,
///             Ok(Step::NeedInput) => match source.read(tokenizer.space()).await? {
///                 0 => tokenizer.finish(),
///                 count => tokenizer.filled(count),
///             },
///             Ok(Step::End) => return Ok(Ok(segments)),
///             Err(error) => return Ok(Err(error)),
///         }
///     }
/// }
///
/// let file = "ISA*00*          *00*          *ZZ*SENDER         *ZZ*RECEIVER       *260116*0930*^*00501*000000001*0*T*:~\
///             GS*HC*SENDER*RECEIVER*20260116*0930*1*X*005010X222A1~GE*0*1~IEA*1*000000001~";
/// // A network that hands over a few bytes at a time.
/// let (mut network, source) = tokio::io::duplex(16);
/// let runtime = tokio::runtime::Builder::new_current_thread().build()?;
/// let segments = runtime.block_on(async {
///     use tokio::io::AsyncWriteExt;
///     let sent = async { network.write_all(file.as_bytes()).await.and(network.shutdown().await) };
///     tokio::join!(sent, count_segments(source)).1
/// })??;
/// assert_eq!(segments, 4);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Tokenizer {
    buffer: Vec<u8>,
    /// Its length, once a file turns out not to be small.
    buffer_bytes: usize,
    /// Delimiters found so far, as offsets into `buffer`.
    marks: Marks,
    next_mark: usize,
    next_end: usize,
    /// The element separator and segment terminator that were marked.
    marked_for: Option<(u8, u8)>,
    /// First byte not handed out, first byte not marked, end of the filled part.
    start: usize,
    marked: usize,
    end: usize,
    /// Offset in the file of `buffer[0]`.
    offset: u64,
    /// `None` between interchanges.
    separators: Option<Separators>,
    /// Position in the current transaction set; 0 outside.
    ordinal: u32,
    filler: usize,
    finished: bool,
}

impl Default for Tokenizer {
    fn default() -> Self {
        Tokenizer::with_buffer(limits::FIRST_READ_BYTES, limits::READ_BYTES)
    }
}

impl Tokenizer {
    /// With a buffer of at least twice the longest segment as soon as its first bytes are filled.
    pub fn with_buffer(first: usize, bytes: usize) -> Tokenizer {
        Tokenizer {
            buffer: vec![0; first.max(1)],
            buffer_bytes: bytes.max(2 * limits::SEGMENT_BYTES_MAX),
            marks: Marks::default(),
            next_mark: 0,
            next_end: 0,
            marked_for: None,
            start: 0,
            marked: 0,
            end: 0,
            offset: 0,
            separators: None,
            ordinal: 0,
            filler: 0,
            finished: false,
        }
    }

    /// The part of the buffer to be filled next; never empty.
    pub fn space(&mut self) -> &mut [u8] {
        if self.end == self.buffer.len() && self.end < self.buffer_bytes {
            self.buffer.resize(self.buffer_bytes, 0);
        }
        if self.start > 0 {
            self.buffer.copy_within(self.start..self.end, 0);
            let moved = u32::try_from(self.start).unwrap_or(0);
            self.forget_read_marks();
            self.marks.places.iter_mut().for_each(|mark| *mark -= moved);
            self.marked -= self.start;
            self.end -= self.start;
            self.offset += self.start as u64;
            self.start = 0;
        }
        self.buffer.get_mut(self.end..).unwrap_or_default()
    }

    /// `count` bytes of [`Tokenizer::space`] were filled.
    pub fn filled(&mut self, count: usize) {
        self.end = (self.end + count).min(self.buffer.len());
    }

    /// No more bytes will come.
    pub fn finish(&mut self) {
        self.finished = true;
    }

    /// Offset in the file of the next byte to be read.
    #[inline]
    pub fn byte(&self) -> u64 {
        self.offset + self.start as u64
    }

    /// The next segment, if the buffer holds one.
    ///
    /// # Errors
    /// [`TokenError`] where the bytes stop being X12.
    #[allow(clippy::should_implement_trait)] // lends from its own buffer, so it can't be an Iterator
    pub fn next(&mut self) -> Result<Step<'_>, TokenError> {
        self.skip_line_ends()?;
        if self.separators.is_none() || self.unread().first_chunk() == Some(b"ISA") {
            match self.enter_interchange()? {
                Entered::Yes => {}
                Entered::NeedInput => return Ok(Step::NeedInput),
                Entered::End => return Ok(Step::End),
            }
        }
        let Some(separators) = self.separators else { return Ok(Step::NeedInput) };
        while self.next_end == self.marks.ends.len() && self.marked < self.end {
            self.mark(separators);
        }
        let byte = self.byte();
        let input = marked_input(&self.buffer, &self.marks, (self.start, self.end), (self.next_mark, self.next_end), separators);
        match segment(input) {
            Ok((rest, mut segment)) => {
                self.start = self.end - rest.bytes.len();
                self.next_mark = self.marks.places.len() - rest.marks.len();
                self.next_end += 1;
                match segment.id() {
                    b"ST" => self.ordinal = 1,
                    b"GS" | b"GE" | b"ISA" => self.ordinal = 0,
                    b"IEA" => (self.ordinal, self.separators) = (0, None),
                    _ if self.ordinal > 0 => self.ordinal += 1,
                    _ => {}
                }
                segment.at.byte = byte;
                segment.at.ordinal = self.ordinal;
                if segment.is("SE") {
                    self.ordinal = 0;
                }
                Ok(Step::Segment(segment))
            }
            Err(error) => self.without_segment(&error),
        }
    }

    /// Hands every whole segment of the buffer to `each`, until it returns an error of its own, and says what
    /// [`Tokenizer::next`] would say then.
    ///
    /// # Errors
    /// Those of `each`; inside, [`TokenError`] where the bytes stop being X12.
    #[inline(always)]
    pub fn each<E>(&mut self, mut each: impl FnMut(&Segment<'_>) -> Result<(), E>) -> Result<Result<Pause, TokenError>, E> {
        loop {
            self.run(&mut each)?;
            match self.next() {
                Ok(Step::Segment(segment)) => each(&segment)?,
                Ok(Step::NeedInput) => return Ok(Ok(Pause::NeedInput)),
                Ok(Step::End) => return Ok(Ok(Pause::End)),
                Err(error) => return Ok(Err(error)),
            }
        }
    }

    /// The segments of a set that follow each other without anything that is more than a segment. The cursors stay
    /// in registers: going through memory for each segment takes as long as cutting it.
    #[inline(always)]
    fn run<E>(&mut self, each: &mut impl FnMut(&Segment<'_>) -> Result<(), E>) -> Result<(), E> {
        let is_line_end = |byte: u8| matches!(byte, b'\r' | b'\n');
        let plain = |separators: &Separators| !is_line_end(separators.element) && !is_line_end(separators.segment);
        let Some(separators) = self.separators.filter(plain).filter(|_| self.ordinal > 0) else {
            return Ok(());
        };
        let (offset, mut ordinal, mut result) = (self.offset, self.ordinal, Ok(()));
        let mut input = marked_input(&self.buffer, &self.marks, (self.start, self.end), (self.next_mark, self.next_end), separators);
        while result.is_ok() {
            // More than those of one line are filler, which `next` counts.
            let line_ends = input.bytes.iter().take(3).take_while(|byte| is_line_end(**byte)).count();
            if line_ends > 2 {
                break;
            }
            input.bytes = input.bytes.get(line_ends..).unwrap_or_default();
            input.base += line_ends as u32;
            let Ok((rest, mut segment)) = segment(input) else { break };
            if may_be_envelope(segment.at.tag) {
                break;
            }
            ordinal += 1;
            segment.at.byte = offset + u64::from(input.base);
            segment.at.ordinal = ordinal;
            result = each(&segment);
            input = rest;
        }
        let (start, next_mark, next_end) = (
            self.end - input.bytes.len(),
            self.marks.places.len() - input.marks.len(),
            self.marks.ends.len() - input.ends.len(),
        );
        (self.start, self.next_mark, self.next_end, self.ordinal) = (start, next_mark, next_end, ordinal);
        self.marked = self.marked.max(start);
        result
    }

    /// The rest of the buffer is no whole segment.
    #[cold]
    fn without_segment(&self, error: &nom::Err<OutOfBounds>) -> Result<Step<'_>, TokenError> {
        let kind = match error {
            nom::Err::Incomplete(_) if self.finished && self.start == self.end => return Ok(Step::End),
            nom::Err::Incomplete(_) if self.finished => TokenErrorKind::Truncated,
            nom::Err::Incomplete(_) => return Ok(Step::NeedInput),
            nom::Err::Error(OutOfBounds::TooLong) | nom::Err::Failure(OutOfBounds::TooLong) => TokenErrorKind::SegmentTooLong,
            nom::Err::Error(OutOfBounds::TooManyElements) | nom::Err::Failure(OutOfBounds::TooManyElements) => TokenErrorKind::TooManyElements,
        };
        Err(TokenError { byte: self.byte(), kind })
    }

    /// Finds the delimiters of the next bytes; those of a segment that is not whole yet are kept.
    #[inline(never)]
    fn mark(&mut self, separators: Separators) {
        self.forget_read_marks();
        let end = self.end.min(self.marked + limits::MARKED_BYTES);
        let fresh = self.buffer.get(self.marked..end).unwrap_or_default();
        let base = u32::try_from(self.marked).unwrap_or(0);
        self.marks.add(fresh, base, separators.element, separators.segment);
        self.marked = end;
    }

    fn forget_read_marks(&mut self) {
        let read = u32::try_from(self.next_mark).unwrap_or(0);
        self.marks.places.drain(..self.next_mark);
        self.marks.ends.drain(..self.next_end);
        self.marks.ends.iter_mut().for_each(|end| *end -= read);
        (self.next_mark, self.next_end) = (0, 0);
    }

    #[inline]
    fn unread(&self) -> &[u8] {
        self.buffer.get(self.start..self.end).unwrap_or_default()
    }

    /// Line ends between segments are not part of any; between interchanges blanks and a byte order
    /// mark at the very start are skipped too.
    #[inline]
    fn skip_line_ends(&mut self) -> Result<(), TokenError> {
        if self.separators.is_some() && !matches!(self.unread().first(), Some(b'\r' | b'\n')) {
            self.filler = 0;
            return Ok(());
        }
        self.skip_filler()
    }

    #[inline(never)]
    fn skip_filler(&mut self) -> Result<(), TokenError> {
        let terminator = self.separators.map(|separators| separators.segment);
        let between = self.separators.is_none();
        if between && self.byte() == 0 && self.unread().starts_with(BYTE_ORDER_MARK) {
            self.start += 3;
        }
        let skipped = self
            .unread()
            .iter()
            .take_while(|byte| match byte {
                b'\r' | b'\n' => terminator != Some(**byte),
                b' ' | b'\t' | b'\0' | 0x1a => between,
                _ => false,
            })
            .count();
        self.start += skipped;
        self.marked = self.marked.max(self.start);
        self.forget_skipped_marks();
        self.filler += skipped;
        if let Some(beyond) = self.filler.checked_sub(limits::FILLER_BYTES_MAX + 1) {
            return Err(TokenError {
                byte: self.byte() - beyond as u64 - 1,
                kind: TokenErrorKind::ExpectedIsa,
            });
        }
        if self.start < self.end {
            self.filler = 0;
        }
        Ok(())
    }

    /// A skipped byte may have been a delimiter of the interchange before.
    fn forget_skipped_marks(&mut self) {
        let (places, ends) = (&self.marks.places, &self.marks.ends);
        while places.get(self.next_mark).is_some_and(|mark| (*mark as usize) < self.start) {
            self.next_mark += 1;
        }
        while ends.get(self.next_end).is_some_and(|end| (*end as usize) < self.next_mark) {
            self.next_end += 1;
        }
    }

    /// Reads the separators of the ISA that must stand here.
    #[cold]
    fn enter_interchange(&mut self) -> Result<Entered, TokenError> {
        let byte = self.byte();
        let unread = self.unread();
        let inside = self.separators.is_some();
        if unread.len() < ISA_BYTES {
            let mut may_still_be_isa = b"ISA".starts_with(unread.get(..unread.len().min(3)).unwrap_or_default());
            // A byte order mark of which only a part has come.
            may_still_be_isa |= byte == 0 && !self.finished && BYTE_ORDER_MARK.starts_with(unread);
            return match (self.finished, unread.is_empty()) {
                _ if inside && self.finished => Ok(Entered::Yes),
                (true, true) => Ok(Entered::End),
                (true, false) if may_still_be_isa => Err(TokenError {
                    byte,
                    kind: TokenErrorKind::Truncated,
                }),
                (false, _) if may_still_be_isa => Ok(Entered::NeedInput),
                _ => Err(TokenError {
                    byte,
                    kind: TokenErrorKind::ExpectedIsa,
                }),
            };
        }
        match Separators::of_isa(unread) {
            Ok(separators) => {
                self.separators = Some(separators);
                self.ordinal = 0;
                // The interchange before marked what is in the buffer already: many small ones in one
                // buffer must not be marked as often as they are many.
                let marked_for = Some((separators.element, separators.segment));
                if self.marked_for != marked_for {
                    self.marked_for = marked_for;
                    self.marks.clear();
                    (self.next_mark, self.next_end) = (0, 0);
                    self.marked = self.start;
                }
                Ok(Entered::Yes)
            }
            Err(_) if inside => Ok(Entered::Yes),
            Err(_) if !unread.starts_with(b"ISA") => Err(TokenError {
                byte,
                kind: TokenErrorKind::ExpectedIsa,
            }),
            Err(error) => Err(TokenError { byte, kind: error.into() }),
        }
    }
}

/// What is left to be cut: the bytes of a range, their marks from the given places on.
#[inline(always)]
fn marked_input<'b>(buffer: &'b [u8], marks: &'b Marks, (start, end): (usize, usize), (mark, end_mark): (usize, usize), separators: Separators) -> Marked<'b> {
    Marked {
        bytes: buffer.get(start..end).unwrap_or_default(),
        base: u32::try_from(start).unwrap_or(0),
        marks: marks.places.get(mark..).unwrap_or_default(),
        ends: marks.ends.get(end_mark..).unwrap_or_default(),
        first: u32::try_from(mark).unwrap_or(0),
        separators,
    }
}

/// Whether a segment may be one of the envelope's: a longer identifier may begin like one.
#[inline(always)]
fn may_be_envelope(tag: SegmentTag) -> bool {
    const TAGS: [SegmentTag; 6] = [
        SegmentTag::of("ISA"),
        SegmentTag::of("GS"),
        SegmentTag::of("ST"),
        SegmentTag::of("SE"),
        SegmentTag::of("GE"),
        SegmentTag::of("IEA"),
    ];
    TAGS.iter().any(|envelope| envelope.packed() == tag.packed())
}

enum Entered {
    Yes,
    NeedInput,
    End,
}

/// Runs `each` over every segment of a slice, handing the bytes over in chunks of `chunk` bytes.
///
/// # Errors
/// The first [`TokenError`]; segments before it were handed out.
pub fn for_each_segment(bytes: &[u8], chunk: usize, mut each: impl FnMut(&Segment<'_>)) -> Result<(), TokenError> {
    let mut tokenizer = Tokenizer::default();
    let mut rest = bytes;
    loop {
        let Ok(pause) = tokenizer.each(|segment| {
            each(segment);
            Ok::<(), Infallible>(())
        });
        match pause? {
            Pause::NeedInput if rest.is_empty() => tokenizer.finish(),
            Pause::NeedInput => {
                let space = tokenizer.space();
                let count = rest.len().min(space.len()).min(chunk.max(1));
                let (now, later) = rest.split_at(count);
                if let Some(space) = space.get_mut(..count) {
                    space.copy_from_slice(now);
                }
                tokenizer.filled(count);
                rest = later;
            }
            Pause::End => return Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn isa(element: char, component: char, segment: char) -> String {
        format!("ISA*00*          *00*          *ZZ*SENDER         *ZZ*RECEIVER       *260116*0930*^*00501*000000001*0*T*{component}{segment}")
            .replace('*', &element.to_string())
    }

    fn two_interchanges() -> Vec<u8> {
        let first = format!(
            "{}GS*HC~\r\nST*837*0001~NM1*85*2*ISAAC CLINIC~SE*3*0001~GE*1~IEA*1*000000001~\n",
            isa('*', ':', '~')
        );
        let second = format!("{}GS|HC\nST|837|0002\nREF|G1\nSE|3|0002\nGE|1\nIEA|1|000000001\n\n", isa('|', '>', '\n'));
        (first + &second).into_bytes()
    }

    fn all(bytes: &[u8], chunk: usize) -> Result<Vec<(String, u64, u32)>, TokenError> {
        let mut segments = Vec::new();
        for_each_segment(bytes, chunk, |segment| {
            segments.push((String::from_utf8_lossy(segment.bytes).into_owned(), segment.at.byte, segment.at.ordinal))
        })?;
        Ok(segments)
    }

    #[test]
    fn separators_come_from_each_isa() {
        let bytes = two_interchanges();
        let segments = all(&bytes, usize::MAX).unwrap();
        assert_eq!(
            segments.iter().map(|(_, _, ordinal)| *ordinal).collect::<Vec<_>>(),
            [0, 0, 1, 2, 3, 0, 0, 0, 0, 1, 2, 3, 0, 0]
        );
        for (text, byte, _) in &segments {
            assert!(bytes[*byte as usize..].starts_with(text.as_bytes()), "{text} stands at its byte");
        }
    }

    #[test]
    fn elements_and_components() {
        let mut seen = Vec::new();
        for_each_segment(&two_interchanges(), 7, |segment| {
            if segment.is("NM1") {
                seen = vec![segment.element(1).to_vec(), segment.element(3).to_vec(), segment.element(4).to_vec()];
            }
        })
        .unwrap();
        assert_eq!(seen, [b"85".to_vec(), b"ISAAC CLINIC".to_vec(), b"".to_vec()]);
    }

    #[test]
    fn what_is_not_x12_is_located() {
        let good = two_interchanges();
        assert_eq!(
            all(b"hello, this is no X12", 5).unwrap_err(),
            TokenError {
                byte: 0,
                kind: TokenErrorKind::ExpectedIsa
            }
        );
        assert_eq!(all(&good[..150], 5).unwrap_err().kind, TokenErrorKind::Truncated);
        assert_eq!(all(&good[..50], 5).unwrap_err().kind, TokenErrorKind::Truncated);
        assert!(all(b"", 5).unwrap().is_empty());
        let endless = [isa('*', ':', '~').into_bytes(), vec![b'X'; 3 * limits::SEGMENT_BYTES_MAX]].concat();
        assert_eq!(
            all(&endless, 4096).unwrap_err(),
            TokenError {
                byte: 106,
                kind: TokenErrorKind::SegmentTooLong
            }
        );
        let wide = [isa('*', ':', '~').into_bytes(), vec![b'*'; 5000], b"~".to_vec()].concat();
        assert_eq!(
            all(&wide, 4096).unwrap_err(),
            TokenError {
                byte: 106,
                kind: TokenErrorKind::TooManyElements
            }
        );
    }

    #[test]
    fn a_byte_order_mark_may_come_in_parts() {
        let text = isa('*', ':', '~') + "IEA*0*000000001~";
        let marked = [BYTE_ORDER_MARK, text.as_bytes()].concat();
        for chunk in [1, 2, usize::MAX] {
            assert_eq!(all(&marked, chunk).map(|segments| segments.len()), Ok(2), "{chunk}");
            for end in 1..3 {
                let error = TokenError {
                    byte: 0,
                    kind: TokenErrorKind::ExpectedIsa,
                };
                assert_eq!(all(&marked[..end], chunk), Err(error), "{chunk}");
            }
        }
    }

    #[test]
    fn filler_has_its_limit_wherever_the_chunks_end() {
        let interchange = isa('*', ':', '~').into_bytes();
        for (filler, limit) in [(0, Ok(1)), (1, Err(TokenErrorKind::ExpectedIsa))] {
            let blank = vec![b'\n'; limits::FILLER_BYTES_MAX + filler];
            for (bytes, before) in [([&blank[..], &interchange].concat(), 0), ([&interchange, &blank[..], b"TA1~"].concat(), 106)] {
                for chunk in [1000, 4096, usize::MAX] {
                    let read = all(&bytes, chunk).map(|segments| segments.len() - usize::from(before > 0));
                    let expected = limit.map_err(|kind| TokenError {
                        byte: before + limits::FILLER_BYTES_MAX as u64,
                        kind,
                    });
                    assert_eq!(read, expected, "{chunk}");
                }
            }
        }
    }

    proptest! {
        #[test]
        fn any_chunking_gives_the_same_segments(chunk in 1usize..400) {
            let bytes = two_interchanges();
            prop_assert_eq!(all(&bytes, chunk), all(&bytes, usize::MAX));
        }

        #[test]
        fn any_bytes_end_without_a_panic(noise in proptest::collection::vec(any::<u8>(), 0..600), at in 0usize..300) {
            let mut bytes = two_interchanges();
            let at = at.min(bytes.len());
            bytes.splice(at..at, noise);
            let _ = all(&bytes, 64);
        }
    }
}
