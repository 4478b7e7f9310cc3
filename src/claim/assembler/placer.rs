//! A stand-in for the guide's walk in tests and benches: knows the loops of well-formed sets by the
//! segments that start them, and checks nothing.

use crate::ids::Form;
use crate::loop_id::LoopId;
use crate::x12::segment::Segment;

pub struct Placer {
    form: Form,
    current: LoopId,
}

impl Placer {
    pub fn new(form: Form) -> Placer {
        Placer { form, current: LoopId::Header }
    }

    /// The loop of the next segment, and whether it starts it.
    pub fn place(&mut self, segment: &Segment<'_>) -> (Option<LoopId>, bool) {
        let start = match segment.id() {
            b"HL" => match segment.element(3) {
                b"20" => Some(LoopId::L2000A),
                b"22" => Some(LoopId::L2000B),
                b"23" => Some(LoopId::L2000C),
                _ => return (None, false),
            },
            b"CLM" => Some(LoopId::L2300),
            b"SBR" if self.current >= LoopId::L2300 => Some(LoopId::L2320),
            b"LX" => Some(LoopId::L2400),
            b"LIN" => Some(LoopId::L2410),
            b"SVD" => Some(LoopId::L2430),
            b"LQ" => Some(LoopId::L2440),
            b"SE" => Some(LoopId::Trailer),
            b"NM1" => match self.party(segment.element(1)) {
                Some(party) => Some(party),
                None => return (None, false),
            },
            _ => None,
        };
        self.current = start.unwrap_or(self.current);
        (Some(self.current), start.is_some())
    }

    fn party(&self, entity: &[u8]) -> Option<LoopId> {
        use LoopId::*;
        let professional = self.form == Form::Professional;
        Some(match (self.current, entity) {
            (Header | L1000A | L1000B, b"41") => L1000A,
            (Header | L1000A | L1000B, b"40") => L1000B,
            (_, b"85") if self.current < L2000B => L2010AA,
            (_, b"87") => L2010AB,
            (_, b"PE") => L2010AC,
            (L2000B | L2010BA | L2010BB, b"IL") => L2010BA,
            (L2000B | L2010BA | L2010BB, b"PR") => L2010BB,
            (_, b"QC") => L2010CA,
            (at, b"IL") if at >= L2320 => L2330A,
            (at, b"PR") if at >= L2320 => L2330B,
            (at, _) if (L2320..L2400).contains(&at) => L2330D,
            (at, b"DN" | b"P3") if at < L2400 => {
                if professional {
                    L2310A
                } else {
                    L2310F
                }
            }
            (at, b"71") if at < L2400 => L2310A,
            (at, b"82") if at < L2400 => {
                if professional {
                    L2310B
                } else {
                    L2310D
                }
            }
            (at, b"72") if at < L2400 => L2310B,
            (at, b"77") if at < L2400 => {
                if professional {
                    L2310C
                } else {
                    L2310E
                }
            }
            (at, b"ZZ") if at < L2400 => L2310C,
            (at, b"DQ") if at < L2400 => L2310D,
            (at, b"PW") if at < L2400 => L2310E,
            (at, b"45") if at < L2400 => L2310F,
            (_, b"82") => {
                if professional {
                    L2420A
                } else {
                    L2420C
                }
            }
            (_, b"72") => L2420A,
            (_, b"QB" | b"ZZ") => L2420B,
            (_, b"77") => L2420C,
            (_, b"DQ") => L2420D,
            (_, b"DK") => L2420E,
            (_, b"DN" | b"P3") => {
                if professional {
                    L2420F
                } else {
                    L2420D
                }
            }
            (_, b"PW") => L2420G,
            (_, b"45") => L2420H,
            _ => return None,
        })
    }
}
