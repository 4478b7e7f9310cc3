//! The workloads of the benches that read: files of small claims, no two alike, naming no one. What is in each is
//! counted while it is written, and every bench asserts that it read just that.

use std::fmt::Write;

use claimstream::claim::{Assembled, Assembler};
use claimstream::edits::{EditContext, edit};
use claimstream::guide::walker::{Placed, Walker};
use claimstream::ids::Form;
use claimstream::limits;
use claimstream::tables::guides::guide;
use claimstream::x12::tokenizer::for_each_segment;

/// A file, and what is in it.
pub struct Workload {
    pub name: &'static str,
    pub text: String,
    pub form: Form,
    pub claims: usize,
    /// ISA to IEA.
    pub segments: usize,
}

/// The shapes a file comes in, each of about so many bytes.
pub fn all(bytes: usize) -> Vec<Workload> {
    vec![
        lean(bytes / 500, 100),
        Workload {
            name: "837P other payers",
            ..professional(bytes / 900, 100, true)
        },
        institutional(bytes / 750),
        Workload {
            name: "837P tiny sets",
            ..professional(bytes / 900, 1, false)
        },
        Workload {
            name: "837P one huge set",
            ..professional(bytes / 500, usize::MAX, false)
        },
    ]
}

/// Professional claims with two or three lines, every fourth with an authorization, in sets of so many.
pub fn lean(claims: usize, claims_of_a_set: usize) -> Workload {
    professional(claims, claims_of_a_set, false)
}

fn professional(claims: usize, claims_of_a_set: usize, other_payers: bool) -> Workload {
    let mut file = Sets::new("005010X222A1", claims_of_a_set);
    for number in 0..claims {
        file.next_claim(number, "PRV*BI*PXC*207Q00000X~", "BENCH FAMILY CLINIC");
        professional_claim(&mut file.text, number, other_payers);
    }
    file.finish("837P lean", Form::Professional, claims)
}

/// Inpatient stays with four revenue lines, procedures, occurrences and values.
fn institutional(claims: usize) -> Workload {
    let mut file = Sets::new("005010X223A2", 100);
    for number in 0..claims {
        file.next_claim(number, "PRV*BI*PXC*282N00000X~", "BENCH HOSPITAL");
        institutional_claim(&mut file.text, number);
    }
    file.finish("837I", Form::Institutional, claims)
}

/// One interchange and group while its sets are written.
struct Sets {
    text: String,
    guide: &'static str,
    claims_of_a_set: usize,
    sets: usize,
    set_began: usize,
    hl: usize,
    billing_hl: usize,
}

impl Sets {
    fn new(guide: &'static str, claims_of_a_set: usize) -> Sets {
        let mut text = "ISA*00*          *00*          *ZZ*330897513      *ZZ*CALOP          *260116*0930*^*00501*000000001*0*T*:~".to_string();
        write!(text, "GS*HC*330897513*CALOP*20260116*0930*1*X*{guide}~").unwrap();
        Sets {
            text,
            guide,
            claims_of_a_set,
            sets: 0,
            set_began: 0,
            hl: 0,
            billing_hl: 0,
        }
    }

    /// Whatever stands before a claim: its set, and its billing provider every hundred claims.
    fn next_claim(&mut self, number: usize, taxonomy: &str, name: &str) {
        let begins_set = number.is_multiple_of(self.claims_of_a_set);
        if begins_set {
            self.end_set();
            self.sets += 1;
            (self.set_began, self.hl) = (self.text.len(), 0);
            let (sets, guide) = (self.sets, self.guide);
            write!(self.text, "ST*837*{sets:04}*{guide}~BHT*0019*00*BENCH{sets:04}*20260116*0930*CH~").unwrap();
            self.text
                .push_str("NM1*41*2*BENCH CLEARINGHOUSE*****46*330897513~PER*IC*EDI DESK*TE*5555550100~NM1*40*2*BENCH PLAN*****46*CALOP~");
        }
        if begins_set || number.is_multiple_of(100) {
            self.hl += 1;
            self.billing_hl = self.hl;
            write!(self.text, "HL*{}**20*1~{taxonomy}NM1*85*2*{name} {number}*****XX*1234567893~", self.hl).unwrap();
            self.text.push_str("N3*100 MAIN ST~N4*ORANGE*CA*928680000~REF*EI*951234567~");
        }
        self.hl += 1;
        let day = 1 + number % 28;
        write!(
            self.text,
            "HL*{}*{}*22*0~SBR*P*18*******MC~NM1*IL*1*MEMBER{number}*ANA****MI*9{number:07}A~",
            self.hl, self.billing_hl
        )
        .unwrap();
        write!(
            self.text,
            "N3*{number} TEST AVE~N4*SANTA ANA*CA*927010000~DMG*D8*199002{day:02}*F~NM1*PR*2*BENCH PLAN*****PI*CALOP~"
        )
        .unwrap();
    }

    fn end_set(&mut self) {
        if self.sets > 0 {
            let segments = self.text.get(self.set_began..).unwrap_or_default().matches('~').count() + 1;
            write!(self.text, "SE*{segments}*{:04}~", self.sets).unwrap();
        }
    }

    fn finish(mut self, name: &'static str, form: Form, claims: usize) -> Workload {
        self.end_set();
        write!(self.text, "GE*{}*1~IEA*1*000000001~", self.sets).unwrap();
        Workload {
            name,
            form,
            claims,
            segments: self.text.matches('~').count(),
            text: self.text,
        }
    }
}

fn amount(cents: i64) -> String {
    format!("{}.{:02}", cents / 100, cents % 100)
}

fn professional_claim(text: &mut String, number: usize, other_payers: bool) {
    let lines = 2 + number % 2;
    let cents = |line: usize| (5_000 + (number * 37 + line * 1_111) % 20_000) as i64;
    let charge: i64 = (1..=lines).map(cents).sum();
    let day = 1 + number % 28;
    write!(text, "CLM*PCN{number:08}*{}***11:B:1*Y*A*Y*Y~REF*D9*OA{number:010}~", amount(charge)).unwrap();
    if number.is_multiple_of(4) {
        write!(text, "REF*G1*AUTH{number:06}~").unwrap();
    }
    text.push_str("HI*ABK:E119*ABF:I10~NM1*82*1*DOCTOR*DANA****XX*1000000012~PRV*PE*PXC*207RC0000X~");
    if other_payers {
        // Paid in full less a cent a line, which the lines account for.
        write!(text, "SBR*S*18*******CI~AMT*D*{}~OI***Y*P**Y~", amount(charge - lines as i64)).unwrap();
        write!(text, "NM1*IL*1*MEMBER{number}*ANA****MI*X{number:07}~NM1*PR*2*OTHER PLAN*****PI*OTHER~").unwrap();
    }
    for line in 1..=lines {
        write!(
            text,
            "LX*{line}~SV1*HC:9921{line}:25*{}*UN*{line}***1:2~DTP*472*D8*202501{day:02}~REF*6R*L{number}-{line}~",
            amount(cents(line))
        )
        .unwrap();
        if other_payers {
            write!(
                text,
                "SVD*OTHER*{}*HC:9921{line}:25**{line}~CAS*CO*45*.01~DTP*573*D8*202502{day:02}~",
                amount(cents(line) - 1)
            )
            .unwrap();
        }
    }
}

fn institutional_claim(text: &mut String, number: usize) {
    let cents = |line: usize| (50_000 + (number * 37 + line * 11_111) % 200_000) as i64;
    let charge: i64 = (1..=4).map(cents).sum();
    let day = 1 + number % 24;
    write!(text, "CLM*PCN{number:08}*{}***11:A:1**A*Y*Y~", amount(charge)).unwrap();
    write!(
        text,
        "DTP*096*TM*1130~DTP*434*RD8*202501{day:02}-202501{:02}~DTP*435*DT*202501{day:02}1405~CL1*1*1*01~",
        day + 3
    )
    .unwrap();
    write!(
        text,
        "REF*D9*OA{number:010}~HI*ABK:K3580:::::::Y~HI*ABJ:R1031~HI*ABF:E119:::::::Y~HI*BBR:0DTJ4ZZ:D8:202501{day:02}~"
    )
    .unwrap();
    write!(
        text,
        "HI*BH:11:D8:202501{day:02}~HI*BE:80:::3~NM1*71*1*DOCTOR*DANA****XX*1000000012~PRV*AT*PXC*208600000X~"
    )
    .unwrap();
    for (line, service) in [(1, "0120**"), (2, "0250**"), (3, "0301*HC:80053*"), (4, "0360*HC:44970*")] {
        let units = if line == 1 { "DA*3" } else { "UN*1" };
        write!(
            text,
            "LX*{line}~SV2*{service}{}*{units}~DTP*472*D8*202501{day:02}~REF*6R*L{number}-{line}~",
            amount(cents(line))
        )
        .unwrap();
    }
}

/// Bytes → segments. Returns how many, and the bytes of their elements.
pub fn tokenize(bytes: &[u8]) -> (usize, usize) {
    let (mut segments, mut element_bytes) = (0, 0);
    for_each_segment(bytes, limits::READ_BYTES, |segment| {
        segments += 1;
        element_bytes += segment.elements().map(|(_, element)| element.len()).sum::<usize>();
    })
    .unwrap();
    (segments, element_bytes)
}

/// Bytes → typed claims. Returns how many segments they were read from.
pub fn parse(file: &Workload, mut each: impl FnMut(Assembled)) -> usize {
    let guide = guide(file.form).unwrap();
    let (mut walker, mut assembler) = (Walker::new(guide), Assembler::new(file.form));
    let mut segments = 0;
    for_each_segment(file.text.as_bytes(), limits::READ_BYTES, |segment| {
        segments += 1;
        if segment.at.ordinal == 1 {
            (walker, assembler) = (Walker::new(guide), Assembler::new(file.form));
        }
        if segment.at.ordinal > 0 {
            let place = walker.place(segment);
            if let Some(assembled) = assembler.accept(segment, place.loop_id, place.starts_loop) {
                each(assembled);
            }
        }
    })
    .unwrap();
    segments
}

/// Bytes → typed claims, every element checked and every edit asked (SNIP 1 to 7). Returns claims and findings.
pub fn validate(file: &Workload, context: &EditContext<'_>) -> (usize, usize) {
    let guide = guide(file.form).unwrap();
    let (mut walker, mut assembler) = (Walker::new(guide), Assembler::new(file.form));
    let (mut claims, mut findings) = (0, 0);
    for_each_segment(file.text.as_bytes(), limits::READ_BYTES, |segment| {
        if segment.at.ordinal == 1 {
            (walker, assembler) = (Walker::new(guide), Assembler::new(file.form));
        }
        if segment.at.ordinal > 0 {
            let Placed {
                loop_id,
                starts_loop,
                closed,
                findings: found,
            } = walker.accept(segment);
            findings += closed.len() + found.len();
            if let Some(assembled) = assembler.accept(segment, loop_id, starts_loop) {
                claims += 1;
                findings += assembled.findings.len() + edit(&assembled.claim, context).len();
            }
        }
    })
    .unwrap();
    (claims, findings)
}

/// What nothing can beat by much: look at every byte once.
pub fn byte_loop(bytes: &[u8]) -> usize {
    bytes
        .iter()
        .filter(|byte| **byte == b'~' || **byte == b'*')
        .fold(0, |count, _| std::hint::black_box(count + 1))
}
