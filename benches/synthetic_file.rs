//! The workload of the benches: one 837P set of many small claims, no two alike, naming no one.

use std::fmt::Write;

/// A file, and what is in it.
pub struct SyntheticFile {
    pub text: String,
    pub claims: usize,
    pub segments: usize,
}

/// One interchange with one set: a billing provider for every hundred subscribers, one claim each
/// with two or three lines, every fourth with an authorization.
pub fn professional(claims: usize) -> SyntheticFile {
    let mut text = String::with_capacity(claims * 600 + 1_000);
    text.push_str("ISA*00*          *00*          *ZZ*330897513      *ZZ*CALOP          *260116*0930*^*00501*000000001*0*T*:~");
    text.push_str("GS*HC*330897513*CALOP*20260116*0930*1*X*005010X222A1~ST*837*0001*005010X222A1~BHT*0019*00*BENCH0001*20260116*0930*CH~");
    text.push_str("NM1*41*2*BENCH CLEARINGHOUSE*****46*330897513~PER*IC*EDI DESK*TE*5555550100~NM1*40*2*BENCH PLAN*****46*CALOP~");
    let (mut hl, mut parent) = (0, 0);
    for number in 0..claims {
        if number.is_multiple_of(100) {
            hl += 1;
            parent = hl;
            write!(
                text,
                "HL*{hl}**20*1~PRV*BI*PXC*207Q00000X~NM1*85*2*BENCH FAMILY CLINIC {number}*****XX*1234567893~"
            )
            .unwrap();
            text.push_str("N3*100 MAIN ST~N4*ORANGE*CA*928680000~REF*EI*951234567~");
        }
        hl += 1;
        one_claim(&mut text, number, hl, parent);
    }
    let segments = text.matches('~').count() - 2 + 1; // ST to SE: without ISA and GS, with SE
    write!(text, "SE*{segments}*0001~GE*1*1~IEA*1*000000001~").unwrap();
    SyntheticFile {
        claims,
        segments: segments + 4,
        text,
    }
}

fn one_claim(text: &mut String, number: usize, hl: usize, parent: usize) {
    let lines = 2 + number % 2;
    let cents = |line: usize| (5_000 + (number * 37 + line * 1_111) % 20_000) as i64;
    let charge: i64 = (1..=lines).map(cents).sum();
    let amount = |cents: i64| format!("{}.{:02}", cents / 100, cents % 100);
    let day = 1 + number % 28;
    write!(text, "HL*{hl}*{parent}*22*0~SBR*P*18*******MC~NM1*IL*1*MEMBER{number}*ANA****MI*9{number:07}A~").unwrap();
    write!(
        text,
        "N3*{number} TEST AVE~N4*SANTA ANA*CA*927010000~DMG*D8*199002{day:02}*F~NM1*PR*2*BENCH PLAN*****PI*CALOP~"
    )
    .unwrap();
    write!(text, "CLM*PCN{number:08}*{}***11:B:1*Y*A*Y*Y~REF*D9*OA{number:010}~", amount(charge)).unwrap();
    if number.is_multiple_of(4) {
        write!(text, "REF*G1*AUTH{number:06}~").unwrap();
    }
    text.push_str("HI*ABK:E119*ABF:I10~NM1*82*1*DOCTOR*DANA****XX*1000000012~PRV*PE*PXC*207RC0000X~");
    for line in 1..=lines {
        write!(
            text,
            "LX*{line}~SV1*HC:9921{line}:25*{}*UN*{line}***1:2~DTP*472*D8*202501{day:02}~REF*6R*L{number}-{line}~",
            amount(cents(line))
        )
        .unwrap();
    }
}

/// What nothing can beat by much: look at every byte once.
pub fn byte_loop(bytes: &[u8]) -> usize {
    bytes
        .iter()
        .filter(|byte| **byte == b'~' || **byte == b'*')
        .fold(0, |count, _| std::hint::black_box(count + 1))
}
