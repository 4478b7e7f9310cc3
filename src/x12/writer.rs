//! X12 text out: segments with our separators, trailing empty elements dropped, counted for SE01.

use super::separators::Separators;

/// Builds segments into a byte buffer and counts them.
#[derive(Debug)]
pub struct SegmentWriter {
    separators: Separators,
    out: Vec<u8>,
    segments: usize,
}

impl Default for SegmentWriter {
    fn default() -> Self {
        SegmentWriter::new(Separators::OURS)
    }
}

impl SegmentWriter {
    pub fn new(separators: Separators) -> SegmentWriter {
        SegmentWriter {
            separators,
            out: Vec::new(),
            segments: 0,
        }
    }

    /// Writes one segment; the first element is the identifier. Separator bytes inside a value are
    /// replaced by spaces, so no value can break the frame; build composites with
    /// [`SegmentWriter::composite`].
    pub fn segment(&mut self, elements: &[&str]) -> &mut Self {
        let kept = elements.iter().rposition(|element| !element.is_empty()).map_or(0, |last| last + 1);
        for (place, element) in elements.iter().take(kept).enumerate() {
            if place > 0 {
                self.out.push(self.separators.element);
            }
            let (Separators { element: e, segment: s, .. }, start) = (self.separators, self.out.len());
            self.out.extend_from_slice(element.as_bytes());
            for byte in self.out.get_mut(start..).unwrap_or_default() {
                *byte = if *byte == e || *byte == s || *byte < b' ' { b' ' } else { *byte };
            }
        }
        self.out.push(self.separators.segment);
        self.segments += 1;
        self
    }

    /// Appends segments that were rendered elsewhere with our separators, and counts them.
    pub fn rendered(&mut self, segments: &impl std::fmt::Display) -> &mut Self {
        use std::io::Write;
        let before = self.out.len();
        // Writing to memory does not fail.
        let _ = write!(self.out, "{segments}");
        let terminator = self.separators.segment;
        self.segments += self.out.get(before..).unwrap_or_default().iter().filter(|byte| **byte == terminator).count();
        self
    }

    /// Joins components, trailing empty ones dropped.
    pub fn composite(&self, components: &[&str]) -> String {
        let kept = components.iter().rposition(|component| !component.is_empty()).map_or(0, |last| last + 1);
        components
            .get(..kept)
            .unwrap_or_default()
            .join(char::from(self.separators.component).encode_utf8(&mut [0; 4]))
    }

    /// Segments written since the start or the last [`SegmentWriter::restart_count`].
    pub fn count(&self) -> usize {
        self.segments
    }

    /// Counting for a new transaction set begins with the next segment.
    pub fn restart_count(&mut self) {
        self.segments = 0;
    }

    /// A line end for readers; not part of any segment.
    pub fn line_end(&mut self) {
        self.out.push(b'\n');
    }

    pub fn as_bytes(&self) -> &[u8] {
        &self.out
    }

    /// Hands out what was written and keeps counting.
    pub fn take(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::x12::tokenizer::for_each_segment;

    #[test]
    fn what_is_written_is_read_back() {
        let mut writer = SegmentWriter::default();
        writer.segment(&[
            "ISA",
            "00",
            "          ",
            "00",
            "          ",
            "ZZ",
            "SENDER         ",
            "ZZ",
            "RECEIVER       ",
            "260116",
            "0930",
            "^",
            "00501",
            "000000001",
            "0",
            "T",
            ":",
        ]);
        let composite = writer.composite(&["HC", "99214", "", ""]);
        writer
            .segment(&["SV1", &composite, "150", "", ""])
            .segment(&["N1", "PE", "A*B~C"])
            .segment(&["IEA", "1", "000000001"]);
        let mut read = Vec::new();
        for_each_segment(writer.as_bytes(), usize::MAX, |segment| {
            read.push(String::from_utf8_lossy(segment.bytes).into_owned())
        })
        .unwrap();
        assert_eq!(&read[1..], ["SV1*HC:99214*150", "N1*PE*A B C", "IEA*1*000000001"]);
        assert_eq!(writer.count(), 4);
    }
}
