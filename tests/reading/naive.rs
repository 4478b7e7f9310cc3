//! A reader with no cleverness in it: the whole file at once, one split after the other.

/// A segment: where it starts, and its elements with the identifier first.
pub type Segment<'a> = (usize, Vec<&'a [u8]>);

/// The segments of a file that is X12 to its end.
pub fn segments(bytes: &[u8]) -> Vec<Segment<'_>> {
    let (mut found, mut at) = (Vec::new(), 0);
    loop {
        while at < bytes.len() && b"\r\n \t".contains(&bytes[at]) {
            at += 1;
        }
        if at == bytes.len() {
            return found;
        }
        assert!(bytes[at..].starts_with(b"ISA"), "an interchange starts with its ISA");
        let (separator, terminator) = (bytes[at + 3], bytes[at + 105]);
        loop {
            let length = bytes[at..].iter().position(|byte| *byte == terminator).expect("each segment ends");
            let elements: Vec<&[u8]> = bytes[at..at + length].split(|byte| *byte == separator).collect();
            let is_last = elements[0] == b"IEA";
            found.push((at, elements));
            at += length + 1;
            if is_last {
                break;
            }
            while at < bytes.len() && b"\r\n".contains(&bytes[at]) && bytes[at] != terminator {
                at += 1;
            }
        }
    }
}
