use super::*;
use crate::intake::channel::Listed;
use crate::limits::{HEAD_BYTES, TAIL_BYTES};

/// Element, component, repetition, segment, and what follows a segment.
type Wire = (u8, u8, u8, u8, &'static str);

const USUAL: Wire = (b'*', b':', b'^', b'~', "");
const WIRES: [Wire; 7] = [
    USUAL,
    (b'*', b':', b'^', b'~', "\r\n"),
    (b'|', b'>', b'!', b'\'', "\n"),
    (b'*', b':', b'^', b'\n', ""),
    (b'*', b':', b'^', b'\r', "\n"),
    (b':', b'*', b'~', b'^', ""),
    (0x1d, 0x1f, 0x1e, 0x1c, ""),
];

/// An interchange with `claims` claims of some 130 bytes, whose values speak of trailers.
fn interchange(wire: Wire, claims: usize) -> Vec<u8> {
    let (element, component, repetition, segment, behind) = wire;
    let mut text = "ISA*00*          *00*          *ZZ*SENDER         *ZZ*RECEIVER       *260116*0930*^*00501*000000007*0*T*:~".to_string();
    text += "GS*HC*S*R*20260116*0930*7*X*005010X222A1~ST*837*0001*005010X222A1~";
    for _ in 0..claims {
        text += "NM1*85*2*IEA*****XX*IEA~NM1*IL*1*SE*GE****MI*ISA~CLM*1*10***11:B:1*Y*A*Y*Y~NTE*ADD*IEA GE 1 1 IEA 1 000000007~REF*IEA*1*000000007~";
    }
    text += "SE*9*0001~GE*1*7~IEA*1*000000007~";
    let mut bytes = Vec::new();
    for byte in text.bytes() {
        match byte {
            b'*' => bytes.push(element),
            b':' => bytes.push(component),
            b'^' => bytes.push(repetition),
            b'~' => {
                bytes.push(segment);
                bytes.extend(behind.bytes());
            }
            other => bytes.push(other),
        }
    }
    bytes
}

fn tail(bytes: &[u8]) -> Tail {
    let last = &bytes[bytes.len().saturating_sub(TAIL_BYTES)..];
    tail_of(&bytes[..bytes.len().min(HEAD_BYTES)], last)
}

/// The lengths at which the file is whole.
fn whole_at(bytes: &[u8]) -> Vec<usize> {
    (0..=bytes.len()).filter(|length| tail(&bytes[..*length]) == Tail::Whole).collect()
}

/// The lengths from an interchange's last terminator to the end of what follows it.
fn ends(from: usize, behind: usize) -> Vec<usize> {
    (from..=from + behind).collect()
}

#[test]
fn a_file_is_whole_at_its_end_and_at_no_byte_before() {
    for wire in WIRES {
        for claims in [0, 1, 3, 40] {
            let bytes = interchange(wire, claims);
            let end = bytes.len() - wire.4.len();
            assert_eq!(whole_at(&bytes), ends(end, wire.4.len()), "{claims} claims, {wire:?}");
        }
    }
}

#[test]
fn padding_may_surround_it() {
    let bytes = interchange(USUAL, 1);
    for (before, behind, expected) in [
        ("", "", Tail::Whole),
        ("", "\r\n", Tail::Whole),
        ("", "\n\n   \n", Tail::Whole),
        ("", "\u{1a}", Tail::Whole),
        ("", "\0", Tail::Open),
        ("", "x", Tail::Open),
        ("", "~", Tail::Whole),
        ("\r\n \0", "", Tail::Whole),
        ("\u{feff}", "", Tail::Whole),
        ("x", "", Tail::NotX12),
    ] {
        let padded = [before.as_bytes(), &bytes, behind.as_bytes()].concat();
        assert_eq!(tail(&padded), expected, "{before:?} {behind:?}");
    }
}

#[test]
fn each_of_two_interchanges_is_an_end() {
    for (first, second) in [(USUAL, USUAL), (USUAL, WIRES[2]), (WIRES[5], USUAL), (WIRES[4], WIRES[3]), (USUAL, WIRES[6])] {
        for claims in [0, 1, 40] {
            let (one, other) = (interchange(first, 1), interchange(second, claims));
            let both = [one.as_slice(), &other].concat();
            let expected = [
                ends(one.len() - first.4.len(), first.4.len()),
                ends(both.len() - second.4.len(), second.4.len()),
            ]
            .concat();
            assert_eq!(whole_at(&both), expected, "{first:?} {second:?} {claims}");
        }
    }
}

#[test]
fn what_is_not_an_interchange() {
    let isa = &interchange(USUAL, 0)[..ISA_BYTES];
    let long = "Dear payer, please find our claims attached. ".repeat(4);
    for (bytes, expected) in [
        (&b""[..], Tail::TooShort),
        (b"ISA", Tail::TooShort),
        (&isa[..105], Tail::TooShort),
        (isa, Tail::Open),
        (b"IEA*1*000000001~", Tail::TooShort),
        (long.as_bytes(), Tail::NotX12),
        (&[0; 5_000], Tail::TooShort),
        (b"PK\x03\x04", Tail::Packed),
        (b"\x1f\x8b", Tail::Packed),
    ] {
        assert_eq!(tail(bytes), expected, "{} bytes", bytes.len());
    }
}

#[test]
fn a_wrong_trailer_is_answered_and_not_waited_for() {
    let bytes = interchange(USUAL, 1);
    let before = &bytes[..bytes.len() - "IEA*1*000000007~".len()];
    for (trailer, expected) in [
        ("IEA*9*000000008~", Tail::Whole),
        ("IEA*1*7~", Tail::Whole),
        ("IEA~", Tail::Open),
        ("XIEA*1*000000007~", Tail::Open),
        ("IEA*1*000000007", Tail::Open),
        ("IEA*1*00000000", Tail::Open),
        ("TA1*1*000000007~", Tail::Open),
    ] {
        assert_eq!(tail(&[before, trailer.as_bytes()].concat()), expected, "{trailer}");
    }
}

const STALL: Duration = Duration::from_secs(60);

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_unix_seconds(1_000 + seconds)
}

/// Seconds, bytes, modified, tail, verdict.
type Row = (i64, u64, i64, Tail, Verdict);

fn looks(rows: &[Row]) {
    let mut upload = Upload::new();
    for (seconds, bytes, modified, tail, expected) in rows {
        let verdict = upload.look(*bytes, *modified, *tail, at(*seconds), STALL);
        assert_eq!(verdict, *expected, "after {seconds} s");
    }
}

#[test]
fn two_equal_looks_make_a_file_whole() {
    use Tail::{Open, Whole};
    use Verdict::{Stalled, Waiting};
    looks(&[
        (0, 100, 1, Open, Waiting),
        (15, 200, 2, Whole, Waiting),
        // A second interchange is being appended.
        (30, 300, 3, Open, Waiting),
        (45, 400, 4, Whole, Waiting),
        // The same length, written again.
        (60, 400, 5, Whole, Waiting),
        (75, 400, 5, Whole, Verdict::Whole),
        (90, 400, 5, Whole, Verdict::Whole),
        // Shorter: another file.
        (105, 50, 5, Open, Waiting),
        (164, 50, 5, Open, Waiting),
        (165, 50, 5, Open, Stalled { since: at(105) }),
        (180, 50, 5, Open, Waiting),
        (195, 60, 6, Open, Waiting),
        (255, 60, 6, Open, Stalled { since: at(195) }),
        // The same size and second, other bytes.
        (260, 60, 6, Whole, Waiting),
        (261, 60, 6, Whole, Verdict::Whole),
    ]);
}

#[test]
fn what_is_not_x12_is_taken_in_once_it_stands_still() {
    use Tail::{NotX12, TooShort};
    use Verdict::{Foreign, Stalled, Waiting};
    looks(&[
        (0, 500, 1, NotX12, Waiting),
        (40, 600, 2, NotX12, Waiting),
        (99, 600, 2, NotX12, Waiting),
        (100, 600, 2, NotX12, Foreign),
    ]);
    looks(&[
        (0, 0, 1, TooShort, Waiting),
        (60, 0, 1, TooShort, Stalled { since: at(0) }),
        (600, 0, 1, TooShort, Waiting),
        // Our clock went back.
        (-600, 0, 1, TooShort, Waiting),
    ]);
}

#[test]
fn an_archive_that_was_cut_short_is_waited_for() {
    let mut upload = Upload::new();
    let look = |upload: &mut Upload, seconds, bytes| upload.look(bytes, 0, Tail::Packed, at(seconds), STALL);
    assert_eq!(look(&mut upload, 0, 10), Verdict::Waiting);
    assert_eq!(look(&mut upload, 15, 10), Verdict::Whole);
    upload.was_cut_short();
    assert_eq!(look(&mut upload, 30, 10), Verdict::Waiting);
    assert_eq!(look(&mut upload, 60, 10), Verdict::Stalled { since: at(0) });
    assert_eq!(look(&mut upload, 75, 20), Verdict::Waiting);
    assert_eq!(look(&mut upload, 90, 20), Verdict::Whole);
}

fn name(text: &str) -> RemoteName {
    RemoteName::parse(text).unwrap()
}

#[test]
fn names_say_what_bytes_need_not() {
    let mut names = vec![
        "a.837",
        "a.837.done",
        "b.837",
        "b.ok",
        "c.837",
        "d.837",
        "d.837.OK",
        "e",
        "e.done",
        "f.837.part",
    ];
    names.sort_unstable();
    let files = names.iter().map(|text| Listed {
        name: name(text),
        bytes: 0,
        modified: 0,
    });
    let listing = Listing {
        files: files.collect(),
        refused: 0,
    };
    for (file, marker) in [
        ("a.837", Some("a.837.done")),
        ("b.837", Some("b.ok")),
        ("c.837", None),
        ("d.837", Some("d.837.OK")),
        ("e", Some("e.done")),
        ("e.done", None),
    ] {
        assert_eq!(marker_of(&name(file), &listing), marker.map(name).as_ref(), "{file}");
        let tail = if marker.is_some() { Tail::Whole } else { Tail::Open };
        assert_eq!(by_listing(Completion::Marker, &name(file), &listing), Some(tail), "{file}");
        assert_eq!(by_listing(Completion::Rename, &name(file), &listing), Some(Tail::Whole), "{file}");
        assert_eq!(by_listing(Completion::Trailer, &name(file), &listing), None, "{file}");
    }
    for complete in [Completion::Trailer, Completion::Rename, Completion::Marker] {
        assert_eq!(by_listing(complete, &name("f.837.part"), &listing), Some(Tail::Open));
    }
    assert!(["x.done", "x.837.OK"].iter().all(|marker| is_marker(&name(marker))));
    assert!(!is_marker(&name("done.837")));
}

#[test]
fn temporary_names() {
    for (text, expected) in [
        (".a.837", true),
        ("a.837.tmp", true),
        ("a.TMP", true),
        ("a.part", true),
        ("a.837.filepart", true),
        ("a.837", false),
        ("tmp", false),
        ("part.837", false),
        ("a.partial.837", false),
    ] {
        assert_eq!(is_temporary(&name(text)), expected, "{text}");
    }
}

/// Every file under a directory.
fn files_under(directory: &std::path::Path) -> Vec<std::path::PathBuf> {
    let mut found = Vec::new();
    let mut open = vec![directory.to_path_buf()];
    while let Some(directory) = open.pop() {
        for entry in std::fs::read_dir(directory).into_iter().flatten().flatten() {
            let path = entry.path();
            if path.is_dir() { open.push(path) } else { found.push(path) }
        }
    }
    found.sort();
    found
}

/// Files of other makers, where they are at hand: no byte before an IEA's end makes one whole.
#[test]
fn a_file_of_others_is_whole_only_behind_an_iea() {
    for path in files_under(&std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/samples")) {
        let bytes = std::fs::read(&path).unwrap();
        let Some(separators) = bytes.get(..ISA_BYTES).and_then(|isa| Separators::of_isa(isa).ok()) else {
            continue;
        };
        for length in whole_at(&bytes[..bytes.len().min(20_000)]) {
            let kept = bytes[..length].trim_ascii_end();
            let kept = kept.strip_suffix(&[separators.segment]).unwrap_or(kept);
            let last = kept.rsplit(|byte| *byte == separators.segment).next().unwrap().trim_ascii_start();
            assert!(last.starts_with(b"IEA"), "{} at {length}", path.display());
        }
        let ends_with_iea = bytes.windows(4).rposition(|window| window == [b'I', b'E', b'A', separators.element]);
        if ends_with_iea.is_some_and(|place| bytes.len() - place < 40) {
            assert_eq!(tail(&bytes), Tail::Whole, "{}", path.display());
        }
    }
}
