//! The content of a zip file as one stream, read from front to back.
//!
//! Every byte is accounted for: entries, the directory that lists as many, the end record, nothing
//! behind it. The format is that of PKWARE's APPNOTE 6.3: little-endian records, each behind a signature.
//! Sizes that follow their entry (bit 3, made by whoever packs while sending) are known from the end of
//! the deflate stream; the directory's offsets, which would allow entries to hide, are not used.

use std::io::{self, BufRead, Read};

use flate2::{Crc, Decompress, FlushDecompress, Status};
use nom::bytes::complete::take;
use nom::number::complete::{le_u16, le_u32, le_u64};
use nom::sequence::preceded;
use nom::{IResult, Parser};

use super::unpack::{Packed, UnpackError};
use crate::limits;

/// Reads the entries of a zip file one after the other.
pub(super) struct ZipEntries {
    input: Packed,
    inflate: Decompress,
    entry: Option<Entry>,
    entries: u64,
    is_finished: bool,
}

/// The entry that is being read.
struct Entry {
    header: LocalHeader,
    is_long: bool,
    crc: Crc,
    packed: u64,
    unpacked: u64,
}

const LOCAL_HEADER: u32 = 0x0403_4b50;
const DESCRIPTOR: u32 = 0x0807_4b50;
const DIRECTORY_HEADER: u32 = 0x0201_4b50;
const LONG_END: u32 = 0x0606_4b50;
const LONG_END_LOCATOR: u32 = 0x0706_4b50;
const END: u32 = 0x0605_4b50;

const STORED: u16 = 0;
const DEFLATED: u16 = 8;

impl ZipEntries {
    pub(super) fn new(input: Packed) -> ZipEntries {
        ZipEntries {
            input,
            inflate: Decompress::new(false),
            entry: None,
            entries: 0,
            is_finished: false,
        }
    }

    pub(super) fn packed(&mut self) -> &mut Packed {
        &mut self.input
    }

    /// Begins the next entry, or reads what follows the last one.
    fn next_record(&mut self) -> io::Result<()> {
        match le32(&mut self.input)? {
            LOCAL_HEADER => {
                self.entries += 1;
                if self.entries > limits::ZIP_ENTRIES_MAX {
                    return Err(UnpackError::Unsupported.into());
                }
                self.entry = Some(Entry::begin(&mut self.input)?);
                self.inflate.reset(false);
                Ok(())
            }
            signature => {
                directory(&mut self.input, signature, self.entries)?;
                self.is_finished = true;
                Ok(())
            }
        }
    }
}

impl Read for ZipEntries {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if into.is_empty() {
            return Ok(0);
        }
        while !self.is_finished {
            let Some(entry) = &mut self.entry else {
                self.next_record()?;
                continue;
            };
            let count = match entry.header.method {
                STORED => entry.read_stored(&mut self.input, into)?,
                _ => entry.inflate(&mut self.input, &mut self.inflate, into)?,
            };
            if count > 0 {
                return Ok(count);
            }
            entry.finish(&mut self.input)?;
            self.entry = None;
        }
        Ok(0)
    }
}

impl Entry {
    fn begin(input: &mut Packed) -> io::Result<Entry> {
        let fixed: [u8; 26] = exactly(input)?;
        let (_, mut header) = local_header(&fixed).map_err(|_| UnpackError::Damaged)?;
        skip(input, header.name_bytes.into())?;
        let mut extra = Vec::new();
        input.take(header.extra_bytes.into()).read_to_end(&mut extra)?;
        if extra.len() < usize::from(header.extra_bytes) {
            return Err(UnpackError::Truncated.into());
        }
        let is_long = header.take_long_sizes(&extra);
        header.check()?;
        Ok(Entry {
            header,
            is_long,
            crc: Crc::new(),
            packed: 0,
            unpacked: 0,
        })
    }

    fn read_stored(&mut self, input: &mut Packed, into: &mut [u8]) -> io::Result<usize> {
        let count = input.take(self.header.packed - self.packed).read(into)?;
        if count == 0 && self.packed < self.header.packed {
            return Err(UnpackError::Truncated.into());
        }
        self.packed += count as u64;
        self.count(into, count);
        Ok(count)
    }

    /// Zero at the end of the deflate stream.
    fn inflate(&mut self, input: &mut Packed, inflate: &mut Decompress, into: &mut [u8]) -> io::Result<usize> {
        loop {
            let available = input.fill_buf()?;
            let is_last = available.is_empty();
            let (before_in, before_out) = (inflate.total_in(), inflate.total_out());
            let status = inflate.decompress(available, into, FlushDecompress::None).map_err(|_| UnpackError::Damaged)?;
            let used = inflate.total_in() - before_in;
            let count = usize::try_from(inflate.total_out() - before_out).unwrap_or(usize::MAX);
            input.consume(usize::try_from(used).unwrap_or(usize::MAX));
            self.packed += used;
            self.count(into, count);
            match status {
                _ if count > 0 => return Ok(count),
                Status::StreamEnd => return Ok(0),
                Status::Ok | Status::BufError if is_last => return Err(UnpackError::Truncated.into()),
                Status::Ok | Status::BufError => {}
            }
        }
    }

    fn count(&mut self, into: &[u8], count: usize) {
        self.crc.update(into.get(..count).unwrap_or_default());
        self.unpacked += count as u64;
    }

    /// Holds what was read against what the header or the record behind the entry says of it.
    fn finish(&self, input: &mut Packed) -> io::Result<()> {
        let header = &self.header;
        let said = if header.has_descriptor() {
            let first = le32(input)?;
            let crc = if first == DESCRIPTOR { le32(input)? } else { first };
            let is_long = self.is_long || self.packed.max(self.unpacked) > u32::MAX.into();
            let mut size = || {
                if is_long {
                    exactly(input).map(u64::from_le_bytes)
                } else {
                    le32(input).map(u64::from)
                }
            };
            (crc, size()?, size()?)
        } else {
            (header.crc, header.packed, header.unpacked)
        };
        let is_as_said = said == (self.crc.sum(), self.packed, self.unpacked);
        if is_as_said { Ok(()) } else { Err(UnpackError::Damaged.into()) }
    }
}

/// The fixed part of what stands before an entry, behind its signature.
struct LocalHeader {
    flags: u16,
    method: u16,
    crc: u32,
    packed: u64,
    unpacked: u64,
    name_bytes: u16,
    extra_bytes: u16,
}

fn local_header(bytes: &[u8]) -> IResult<&[u8], LocalHeader> {
    let (bytes, (_version, flags, method, _time, _date)) = (le_u16, le_u16, le_u16, le_u16, le_u16).parse(bytes)?;
    let (bytes, (crc, packed, unpacked)) = (le_u32, le_u32, le_u32).parse(bytes)?;
    let (bytes, (name_bytes, extra_bytes)) = (le_u16, le_u16).parse(bytes)?;
    let header = LocalHeader {
        flags,
        method,
        crc,
        packed: packed.into(),
        unpacked: unpacked.into(),
        name_bytes,
        extra_bytes,
    };
    Ok((bytes, header))
}

impl LocalHeader {
    /// Bit 3: sizes and checksum follow the entry.
    fn has_descriptor(&self) -> bool {
        self.flags & 1 << 3 != 0
    }

    /// Sizes of 4 GiB and more stand in the extra field 1. Whether there is one.
    fn take_long_sizes(&mut self, mut extra: &[u8]) -> bool {
        while let Ok((rest, (id, bytes))) = field(extra) {
            let (Some(mut value), Some(next)) = (rest.get(..bytes.into()), rest.get(bytes.into()..)) else {
                return false;
            };
            if id == 1 {
                for size in [&mut self.unpacked, &mut self.packed] {
                    if *size == u64::from(u32::MAX)
                        && let Ok((rest, long)) = le_u64::<_, nom::error::Error<&[u8]>>(value)
                    {
                        (*size, value) = (long, rest);
                    }
                }
                return true;
            }
            extra = next;
        }
        false
    }

    fn check(&self) -> Result<(), UnpackError> {
        // Bits 0, 6 and 13: encrypted, strongly, with its directory.
        let is_encrypted = self.flags & (1 | 1 << 6 | 1 << 13) != 0;
        match self.method {
            _ if is_encrypted => Err(UnpackError::Unsupported),
            STORED if self.packed == self.unpacked => Ok(()),
            STORED => Err(UnpackError::Damaged),
            DEFLATED => Ok(()),
            _ => Err(UnpackError::Unsupported),
        }
    }
}

fn field(extra: &[u8]) -> IResult<&[u8], (u16, u16)> {
    (le_u16, le_u16).parse(extra)
}

/// Reads the directory and the end record; it must list as many entries as there were, and be the last.
fn directory(input: &mut Packed, first: u32, entries: u64) -> io::Result<()> {
    let (mut signature, mut listed) = (first, 0);
    while signature == DIRECTORY_HEADER {
        listed += 1;
        let fixed: [u8; 42] = exactly(input)?;
        let (_, (name, extra, comment)) = variable_lengths(&fixed).map_err(|_| UnpackError::Damaged)?;
        skip(input, u64::from(name) + u64::from(extra) + u64::from(comment))?;
        signature = le32(input)?;
    }
    if signature == LONG_END {
        let bytes = exactly(input).map(u64::from_le_bytes)?;
        skip(input, bytes)?;
        signature = le32(input)?;
    }
    if signature == LONG_END_LOCATOR {
        skip(input, 16)?;
        signature = le32(input)?;
    }
    if signature != END || listed != entries {
        return Err(UnpackError::Damaged.into());
    }
    let fixed: [u8; 18] = exactly(input)?;
    let [.., c0, c1] = fixed;
    skip(input, u16::from_le_bytes([c0, c1]).into())?;
    let is_last = input.fill_buf()?.is_empty();
    if is_last { Ok(()) } else { Err(UnpackError::Damaged.into()) }
}

/// Of a directory entry: of its name, extra fields and comment.
fn variable_lengths(fixed: &[u8]) -> IResult<&[u8], (u16, u16, u16)> {
    preceded(take(24usize), (le_u16, le_u16, le_u16)).parse(fixed)
}

fn exactly<const BYTES: usize>(input: &mut Packed) -> io::Result<[u8; BYTES]> {
    let mut bytes = [0; BYTES];
    input.read_exact(&mut bytes)?;
    Ok(bytes)
}

fn le32(input: &mut Packed) -> io::Result<u32> {
    exactly(input).map(u32::from_le_bytes)
}

fn skip(input: &mut Packed, bytes: u64) -> io::Result<()> {
    let skipped = io::copy(&mut input.take(bytes), &mut io::sink())?;
    if skipped < bytes { Err(UnpackError::Truncated.into()) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use std::io::{Cursor, Seek, Write};

    use zip::CompressionMethod;
    use zip::write::{SimpleFileOptions, ZipWriter};

    use super::*;
    use crate::intake::openpgp::OpenPgp;
    use crate::intake::unpack::opened;

    const PARTS: [&[u8]; 3] = [b"ISA*00*first~", b"", b"ISA*00*second~IEA*1*000000001~"];

    /// A connection on which bytes arrive one by one.
    struct Slow(Cursor<Vec<u8>>);

    impl Read for Slow {
        fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
            Read::take(&mut self.0, 1).read(into)
        }
    }

    fn unpacked(bytes: &[u8]) -> Result<Vec<u8>, UnpackError> {
        let mut content = Vec::new();
        opened(Box::new(Slow(Cursor::new(bytes.to_vec()))), &OpenPgp::default())
            .and_then(|mut reader| reader.read_to_end(&mut content))
            .map(|_| content)
            .map_err(|error| UnpackError::of(&error).unwrap())
    }

    fn fill<W: Write + Seek>(zip: &mut ZipWriter<W>, options: SimpleFileOptions) {
        for (part, name) in PARTS.iter().zip(["../../x", "/etc/x", "c"]) {
            zip.start_file(name, options).unwrap();
            zip.write_all(part).unwrap();
        }
    }

    fn packed(method: CompressionMethod, is_long: bool) -> Vec<u8> {
        let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
        fill(&mut zip, SimpleFileOptions::default().compression_method(method).large_file(is_long));
        zip.set_comment("of the batch").unwrap();
        zip.finish().unwrap().into_inner()
    }

    fn packed_while_sent(is_long: bool) -> Vec<u8> {
        let mut bytes = Vec::new();
        let mut zip = ZipWriter::new_stream(&mut bytes);
        fill(&mut zip, SimpleFileOptions::default().large_file(is_long));
        zip.finish().unwrap();
        bytes
    }

    #[test]
    fn entries_follow_one_another_however_they_were_packed() {
        let expected = Ok(PARTS.concat());
        for method in [CompressionMethod::Stored, CompressionMethod::Deflated] {
            assert_eq!(unpacked(&packed(method, false)), expected, "{method}");
            assert_eq!(unpacked(&packed(method, true)), expected, "{method}, long sizes");
        }
        assert_eq!(unpacked(&packed_while_sent(false)), expected);
        assert_eq!(unpacked(&packed_while_sent(true)), expected, "long sizes");
    }

    #[test]
    fn a_zip_that_ends_early_is_truncated_at_every_byte() {
        for zip in [
            packed(CompressionMethod::Stored, false),
            packed(CompressionMethod::Deflated, true),
            packed_while_sent(false),
        ] {
            for length in 1..zip.len() {
                assert_eq!(unpacked(&zip[..length]), Err(UnpackError::Truncated), "{length} of {}", zip.len());
            }
        }
    }

    #[test]
    fn every_byte_is_accounted_for() {
        let zip = packed(CompressionMethod::Deflated, false);
        let twice = [zip.clone(), zip.clone()].concat();
        assert_eq!(unpacked(&twice), Err(UnpackError::Damaged), "something behind the end");
        let end = zip.windows(4).rposition(|window| window == END.to_le_bytes()).unwrap();
        let directory = zip.windows(4).position(|window| window == DIRECTORY_HEADER.to_le_bytes()).unwrap();
        let unlisted = [&zip[..directory], &zip[end..]].concat();
        assert_eq!(unpacked(&unlisted), Err(UnpackError::Damaged), "entries that are not listed");
    }

    #[test]
    fn what_is_not_plain_deflate_is_unsupported() {
        let zip = packed(CompressionMethod::Deflated, false);
        for (place, value, why) in [(6, 1, "encrypted"), (8, 12, "bzip2")] {
            let mut other = zip.clone();
            other[place] = value;
            assert_eq!(unpacked(&other), Err(UnpackError::Unsupported), "{why}");
        }
    }

    #[test]
    fn a_bomb_is_refused_over_all_entries() {
        let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
        for name in ["1", "2", "3", "4"] {
            zip.start_file(name, SimpleFileOptions::default()).unwrap();
            zip.write_all(&vec![0; 1_000_000]).unwrap();
        }
        assert_eq!(unpacked(&zip.finish().unwrap().into_inner()), Err(UnpackError::Bomb));
    }

    #[test]
    fn a_changed_byte_gives_an_error_or_the_same_content() {
        for zip in [packed(CompressionMethod::Stored, false), packed_while_sent(true)] {
            for place in 4..zip.len() {
                let mut changed = zip.clone();
                changed[place] ^= 0x55;
                if let Ok(content) = unpacked(&changed) {
                    assert_eq!(content, PARTS.concat(), "byte {place}");
                }
            }
        }
    }
}
