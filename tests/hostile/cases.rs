//! Hostile files, small ones: each with what is said of it and how many claims get in.
//!
//! `@@` in a file marks the byte that its finding must name (`@here`). Of many findings three are listed.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use super::invariants;
use super::verdicts::{base, changed, stay, stay_with, unmarked, verdict, with};

struct Case {
    name: String,
    bytes: Vec<u8>,
    expected: &'static str,
}

/// Generous: a hang is what is looked for.
const PATIENCE: Duration = Duration::from_secs(30);

fn case(name: impl Into<String>, bytes: impl Into<Vec<u8>>, expected: &'static str) -> Case {
    Case {
        name: name.into(),
        bytes: bytes.into(),
        expected,
    }
}

/// A byte in place of one of the four separators, all over the file.
fn separators() -> Vec<Case> {
    let mut cases = Vec::new();
    for (what, separator) in [("element", b'*'), ("component", b':'), ("terminator", b'~')] {
        for unusable in [b'A', b'7', b' ', 0, 0x80, 0xff, b'*', b':', b'~', b'^'] {
            if unusable != separator {
                let bytes: Vec<u8> = base().bytes().map(|byte| if byte == separator { unusable } else { byte }).collect();
                cases.push(case(format!("{what} separator 0x{unusable:02x}"), bytes, "0 of 0: TA1:022@0"));
            }
        }
    }
    for unusable in [b' ', 0, 0x80, 0xff, b'*', b':', b'~'] {
        let mut bytes = base().into_bytes();
        bytes[82] = unusable;
        cases.push(case(format!("repetition separator 0x{unusable:02x}"), bytes, "0 of 0: TA1:022@0"));
    }
    // A letter in ISA11 is what versions before 00402 had there: nothing is repeated then.
    cases.push(case("repetition separator U", with("*^*00501", "*U*00501"), "3 of 3:"));
    cases
}

/// The HI of the first professional claim.
fn professional_codes() -> Vec<Case> {
    const HI: &[(&str, &str)] = &[
        ("@@HI", "2 of 3: IK304:8@here A7:477@+10"),
        ("@@HI*", "2 of 3: IK304:8@here A7:477@+11"),
        ("@@HI**", "2 of 3: IK304:8@here A7:477@+12"),
        ("HI*@@:", "2 of 3: IK403:1@here A7:477@+9"),
        ("HI*@@ABK", "2 of 3: IK403:1@+3 A7:477@+11"),
        ("HI*ABK:@@", "2 of 3: IK403:3@here A7:477@+8"),
        ("HI*@@:J069", "2 of 3: IK403:1@here A7:477@+13"),
        ("HI*ABK:@@:J069", "2 of 3: IK403:I10@+1 IK403:1@here A7:477@+13"),
        ("HI*@@XYZ:J069", "2 of 3: IK403:7@here A7:477@+16"),
        ("HI*@@abk:j069", "2 of 3: IK403:7@here A7:477@+16"),
        ("HI*ABK:J069:", "2 of 3: IK403:3@712"),
        ("HI*ABK:@@J06999999999", "2 of 3: A7:254@here A7:477@+20"),
        ("HI*ABK:@@J0\0", "2 of 3: IK403:6@here A7:254@here A7:477@+11"),
        ("HI*ABK:@@J0 69", "2 of 3: A7:254@-7"),
        ("HI*ABK:@@J06.9", "2 of 3: A7:254@-7"),
        ("HI*ABK:@@é069", "2 of 3: IK403:6@here A7:254@here A7:477@+13"),
        ("HI*ABK:J069*@@ABK:J069", "2 of 3: IK403:7@here"),
        ("HI*@@ABF:J069", "2 of 3: IK403:7@here"),
        ("HI*ABK:J069^ABF:I10", "2 of 3: IK403:12@707 IK403:I10@716 A7:254@700"),
        ("HI*ABK:J069:@@D8:20251101", "2 of 3: IK403:I10@here IK403:I10@+3"),
        ("HI*ABK:J069:::@@1E5", "2 of 3: IK403:I10@here"),
        ("HI*ABK:J069:::::::@@Q", "2 of 3: IK403:I10@here A7:688@-18"),
        ("HI*ABK:J069:::::::::::::@@X", "2 of 3: IK403:13@here"),
        (
            "HI*@@ABK:J069::::::::::::::::::::::::::::::::::::::::::::::::::::::::::::::::::::::X",
            "2 of 3: IK403:13@+78",
        ),
        (
            "HI*ABK:J069*ABF:I10*ABF:I10*ABF:I10*ABF:I10*ABF:I10*ABF:I10*ABF:I10*ABF:I10*ABF:I10*ABF:I10*ABF:I10",
            "3 of 3:",
        ),
        (
            "HI*ABK:J069*ABF:I10*ABF:I10*ABF:I10*ABF:I10*ABF:I10*ABF:I10*ABF:I10*ABF:I10*ABF:I10*ABF:I10*ABF:I10*@@ABF:I10",
            "2 of 3: IK403:3@here",
        ),
        ("HI*ABK:J069**ABF:I10", "3 of 3:"),
        ("HI*ABK:J069*@@ABF", "2 of 3: IK403:1@+3"),
        ("HI*ABK:J069*@@", "2 of 3: IK403:3@here"),
        ("HI*ABK:J069*ABF:@@", "2 of 3: IK403:3@here"),
        ("HI*@@ABKABKABK:J069", "2 of 3: IK403:7@here A7:477@+22"),
        ("HI*@@BK:J069", "2 of 3: A7:254@-3"),
        ("HI*@@ABK*J069", "2 of 3: IK403:1@+3 IK403:7@+4 IK403:1@+8"),
        ("@@HIHI*ABK:J069", "2 of 3: IK304:1@here IK304:3@+15 A7:477@+21"),
        ("@@HI:ABK*J069", "2 of 3: IK304:1@here IK304:3@+13 A7:477@+19"),
        ("HI*ABK:J069~\nHI*@@ABK:J069", "2 of 3: IK304:5@-3"),
    ];
    let row = |(hi, expected): &(&str, &'static str)| case(format!("professional {hi:?}"), with("HI*ABK:J069", hi), expected);
    HI.iter().map(row).collect()
}

/// An HI of the institutional claim, which stands before three sound professional ones.
fn institutional_codes() -> Vec<Case> {
    const HI: &[(&str, &str, &str)] = &[
        ("HI*ABK:K3580:::::::Y", "@@HI", "3 of 4: IK304:8@here"),
        ("HI*ABK:K3580:::::::Y", "HI*@@ABK:K3580:::::::Q", "3 of 4: IK403:7@+16 A7:688@-3"),
        ("HI*ABK:K3580:::::::Y", "HI*ABK:K3580:@@::::::YY", "3 of 4: IK403:7@+6 A7:688@-13"),
        ("HI*ABK:K3580:::::::Y", "HI*ABK:@@K35800000000:::::::Y", "3 of 4: A7:254@here"),
        ("HI*ABK:K3580:::::::Y", "HI*@@ABK:K3580:::::::Y:Z", "3 of 4: IK403:13@+18"),
        ("HI*DR:343", "HI*DR:@@34300", "4 of 4:"),
        ("HI*DR:343", "HI*DR:@@A", "4 of 4:"),
        ("HI*DR:343", "HI*DR*@@DR:343", "3 of 4: IK403:1@-1 IK403:I10@here"),
        ("HI*DR:343", "HI*@@DR:343*DR:344", "3 of 4: IK403:I10@+7"),
        ("HI*BBR:0DTJ4ZZ:D8:20251110", "HI*BBR:@@0:D8:20251110", "3 of 4: A7:465@-7"),
        ("HI*BBR:0DTJ4ZZ:D8:20251110", "HI*BBR:0DTJ4ZZ:D8:@@20251310", "3 of 4: IK403:8@here"),
        ("HI*BBR:0DTJ4ZZ:D8:20251110", "HI*BBR:0DTJ4ZZ:@@D9:20251110", "3 of 4: IK403:7@here"),
        ("HI*BBR:0DTJ4ZZ:D8:20251110", "HI*BBR:0DTJ4ZZ:D8:@@", "3 of 4: IK403:3@here"),
        ("HI*BBR:0DTJ4ZZ:D8:20251110", "HI*BBR:0DTJ4ZZ:RD8:@@20251110", "3 of 4: IK403:7@-4 IK403:8@here"),
        ("HI*BH:11:D8:20251109", "HI*BH:@@111:D8:20251109", "3 of 4: A7:719@-6"),
        ("HI*BH:11:D8:20251109", "HI*BH:11:D8:@@2025110A", "3 of 4: IK403:8@here"),
        ("HI*BH:11:D8:20251109", "HI*BI:11:RD8:@@20251109", "3 of 4: IK403:8@here"),
        ("HI*BH:11:D8:20251109", "HI*BI:11:RD8:@@20251109-20251301", "3 of 4: IK403:8@here"),
        ("HI*BE:80:::3", "HI*BE:80:::@@3E1", "3 of 4: IK403:6@here A7:693@here A7:456@-11"),
        ("HI*BE:80:::3", "HI*BE:80:::@@-3", "3 of 4: A7:693@here A7:456@-11"),
        ("HI*BE:80:::3", "HI*BE:80:::@@3.333", "3 of 4: A7:697@here A7:456@-11"),
        (
            "HI*BE:80:::3",
            "HI*BE:80:::@@99999999999999999999",
            "3 of 4: IK403:5@here A7:693@here A7:456@-11",
        ),
        ("HI*BE:80:::3", "HI*BE:80:::@@", "3 of 4: IK403:3@-2 IK403:1@here A7:456@-11"),
        ("HI*BE:80:::3", "HI*BE:@@808:::3", "3 of 4: A7:725@-6"),
        ("HI*BG:09", "HI*BG:@@", "3 of 4: IK403:3@here"),
        ("HI*BG:09", "HI*@@BG", "3 of 4: IK403:1@+2"),
        ("HI*BG:09", "HI*BG:@@0909", "3 of 4: A7:460@here"),
        (
            "HI*BG:09",
            "HI*BG:09*BG:09*BG:09*BG:09*BG:09*BG:09*BG:09*BG:09*BG:09*BG:09*BG:09*BG:09",
            "4 of 4:",
        ),
        (
            "HI*BG:09",
            "HI*BG:09*BG:09*BG:09*BG:09*BG:09*BG:09*BG:09*BG:09*BG:09*BG:09*BG:09*BG:09*@@BG:09",
            "3 of 4: IK403:3@here",
        ),
        ("HI*BG:09", "HI*BG:09^BG:10", "3 of 4: IK403:12@982 IK403:I10@988 A7:460@982"),
        ("HI*BG:09", "HI*@@:::::::::::", "3 of 4: IK403:1@here"),
    ];
    let row = |(old, hi, expected): &(&str, &str, &'static str)| case(format!("institutional {hi:?}"), stay_with(old, hi), expected);
    HI.iter().map(row).collect()
}

/// What stands for the charge of the first claim, and of its only line.
fn amounts() -> Vec<Case> {
    const CHARGES: &[(&str, &str)] = &[
        ("@@", "2 of 3: IK403:1@here IK403:1@+51"),
        ("@@1E2", "2 of 3: IK403:6@here IK403:6@+54 A7:693@here"),
        ("@@1e2", "2 of 3: IK403:6@here IK403:6@+54 A7:693@here"),
        ("@@-120", "2 of 3: A7:693@here A7:693@+55"),
        ("@@+120", "2 of 3: IK403:6@here IK403:6@+55 A7:693@here"),
        ("@@--120", "2 of 3: IK403:6@here IK403:6@+56 A7:693@here"),
        ("@@120-", "2 of 3: IK403:6@here IK403:6@+55 A7:693@here"),
        ("120.", "2 of 3: IK403:6@678 IK403:6@733"),
        (".5", "3 of 3:"),
        ("@@.", "2 of 3: IK403:6@here IK403:6@+52 A7:693@here"),
        ("@@-", "2 of 3: IK403:4@here IK403:4@+52 A7:693@here"),
        ("@@-.", "2 of 3: IK403:6@here IK403:6@+53 A7:693@here"),
        ("0", "3 of 3:"),
        ("@@-0", "3 of 3:"),
        ("120.00", "3 of 3:"),
        ("@@120.001", "2 of 3: A7:697@here A7:697@+58"),
        ("120.50", "3 of 3:"),
        ("@@120..5", "2 of 3: IK403:6@here IK403:6@+57 A7:693@here"),
        ("@@1.2.0", "2 of 3: IK403:6@here IK403:6@+56 A7:693@here"),
        ("@@1,200", "2 of 3: IK403:6@here IK403:6@+56 A7:693@here"),
        ("@@$120", "2 of 3: IK403:6@here IK403:6@+55 A7:693@here"),
        ("@@ 120", "2 of 3: IK403:6@here IK403:6@+55 A7:693@here"),
        ("@@120 ", "2 of 3: IK403:6@here IK403:6@+55 A7:693@here"),
        ("@@1 20", "2 of 3: IK403:6@here IK403:6@+55 A7:693@here"),
        ("@@0x78", "2 of 3: IK403:6@here IK403:6@+55 A7:693@here"),
        ("@@NaN", "2 of 3: IK403:6@here IK403:6@+54 A7:693@here"),
        ("@@inf", "2 of 3: IK403:6@here IK403:6@+54 A7:693@here"),
        ("@@٣", "2 of 3: IK403:6@here IK403:6@+53 A7:693@here"),
        ("@@12O", "2 of 3: IK403:6@here IK403:6@+54 A7:693@here"),
        ("@@120\0", "2 of 3: IK403:6@here IK403:6@+55 A7:693@here"),
        ("999999999.99", "3 of 3:"),
        ("9999999999.99", "3 of 3:"),
        ("@@99999999999.99", "2 of 3: A7:693@here A7:693@+65"),
        ("@@999999999999999999", "2 of 3: A7:693@here A7:693@+69"),
        ("@@9223372036854775808", "2 of 3: IK403:5@here IK403:5@+70 A7:693@here"),
        ("@@18446744073709551617", "2 of 3: IK403:5@here IK403:5@+71 A7:693@here"),
        ("@@340282366920938463463374607431768211457", "2 of 3: IK403:5@here IK403:5@+90 A7:693@here"),
        ("@@79228162514264337593543950336", "2 of 3: IK403:5@here IK403:5@+80 A7:693@here"),
        ("000000000000000120", "3 of 3:"),
        ("0.1", "3 of 3:"),
        ("@@0.0000000000000000000000000000001", "2 of 3: IK403:5@here IK403:5@+84 A7:693@here"),
        ("@@120:5", "2 of 3: IK403:6@here IK403:6@+56 A7:693@here"),
        ("@@120^5", "2 of 3: IK403:12@here IK403:12@+56 A7:693@here"),
        (
            "@@9999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999",
            "2 of 3: IK403:5@here IK403:5@+451 A7:693@here",
        ),
    ];
    const UNITS: &[(&str, &str)] = &[
        ("@@", "2 of 3: IK403:1@here"),
        ("@@-1", "2 of 3: A7:476@here"),
        ("@@1E2", "2 of 3: IK403:6@here A7:476@here"),
        ("@@.", "2 of 3: IK403:6@here A7:476@here"),
        ("1.5", "3 of 3:"),
        ("@@1.55555", "3 of 3:"),
        ("@@99999999999999999999", "2 of 3: IK403:5@here A7:476@here"),
        ("0", "3 of 3:"),
        ("@@one", "2 of 3: IK403:6@here A7:476@here"),
        ("@@1:2", "2 of 3: IK403:6@here A7:476@here"),
    ];
    let charge = |(text, expected): &(&str, &'static str)| {
        let line = text.replace("@@", "");
        let bytes = String::from_utf8(with("CLM*PCNALDER1*120*", &format!("CLM*PCNALDER1*{text}*"))).unwrap();
        case(
            format!("charge {line:?}"),
            changed(&bytes, "SV1*HC:99213*120*", format!("SV1*HC:99213*{line}*").as_bytes()),
            expected,
        )
    };
    let units = |(text, expected): &(&str, &'static str)| case(format!("units {text:?}"), with("*120*UN*1*", &format!("*120*UN*{text}*")), expected);
    CHARGES.iter().map(charge).chain(UNITS.iter().map(units)).collect()
}

/// The date of the first line.
fn dates() -> Vec<Case> {
    const DATES: &[(&str, &str)] = &[
        ("D8*@@", "2 of 3: IK403:3@here"),
        ("D8*@@00000000", "2 of 3: IK403:8@here"),
        ("D8*@@99999999", "2 of 3: IK403:8@here"),
        ("D8*@@20250229", "2 of 3: IK403:8@here"),
        ("D8*@@2025-11-10", "2 of 3: IK403:8@here"),
        ("D8*@@20251131", "2 of 3: IK403:8@here"),
        ("D8*@@2025111", "2 of 3: IK403:8@here"),
        ("D8*@@202511100", "2 of 3: IK403:8@here"),
        ("D8*@@-2025111", "2 of 3: IK403:8@here"),
        ("D8*@@2025111O", "2 of 3: IK403:8@here"),
        ("D8*@@20251110-20251111", "2 of 3: IK403:8@here"),
        ("RD8*@@20251110", "2 of 3: IK403:8@here"),
        ("RD8*20251110-20251112", "3 of 3:"),
        ("@@RD8*20251112-20251110", "2 of 3: A8:187@-8"),
        ("RD8*@@20251110-", "2 of 3: IK403:8@here"),
        ("RD8*@@-20251110", "2 of 3: IK403:8@here"),
        ("@@XX*20251110", "2 of 3: IK403:7@here"),
        ("@@*20251110", "2 of 3: IK403:1@here"),
        ("D8*18000101", "3 of 3:"),
        ("D8*@@99991231", "2 of 3: A7:510@-11"),
        ("D8*@@00010101", "3 of 3:"),
        ("D8*@@٢٠٢٥١١١٠", "2 of 3: IK403:6@here"),
    ];
    let row = |(text, expected): &(&str, &'static str)| case(format!("service date {text:?}"), with("472*D8*20251110", &format!("472*{text}")), expected);
    DATES.iter().map(row).collect()
}

/// Hierarchical levels.
fn hierarchies() -> Vec<Case> {
    const LEVELS: &[(&str, &str, &str)] = &[
        ("HL*2*1*22*0", "HL*2*@@9*22*0", "1 of 3: IK403:7@here"),
        ("HL*2*1*22*0", "HL*2*@@2*22*0", "1 of 3: IK403:7@here"),
        ("HL*2*1*22*0", "HL*2*@@3*22*0", "1 of 3: IK403:7@here"),
        ("HL*2*1*22*0", "HL*@@2**22*0", "1 of 3: IK403:1@+2"),
        ("HL*2*1*22*0", "HL*@@1*1*22*0", "0 of 3: IK403:7@here IK403:7@+403"),
        ("HL*2*1*22*0", "HL*@@7*1*22*0", "0 of 3: IK403:7@here IK403:7@+403"),
        ("HL*2*1*22*0", "HL*@@0*1*22*0", "0 of 3: IK403:7@here IK403:7@+403"),
        ("HL*2*1*22*0", "HL*@@-2*1*22*0", "1 of 3: IK403:7@here"),
        ("HL*2*1*22*0", "HL*@@99999999999999999999*1*22*0", "1 of 3: IK403:7@here IK403:5@here"),
        ("HL*2*1*22*0", "HL*@@A*1*22*0", "1 of 3: IK403:7@here"),
        ("HL*2*1*22*0", "HL*@@*1*22*0", "1 of 3: IK403:1@here"),
        ("HL*2*1*22*0", "HL*2*@@-1*22*0", "1 of 3: IK403:7@here"),
        ("HL*2*1*22*0", "HL*2*1*@@24*0", "0 of 3: IK403:7@here IK304:2@+6 IK304:2@+25"),
        ("HL*2*1*22*0", "HL*2*1*@@*0", "0 of 3: IK403:7@here IK304:2@+4 IK304:2@+23"),
        ("HL*2*1*22*0", "HL*2*1*22*@@2", "1 of 3: IK403:7@here"),
        ("HL*2*1*22*0", "HL*2*1*22*@@1", "1 of 3: IK403:7@here"),
        ("HL*2*1*22*0", "@@HL*2*1*22*", "1 of 3: IK403:3@+10"),
        ("HL*2*1*22*0", "HL*2*1*@@23*0", "1 of 3: IK403:7@here IK304:7@+6 IK304:7@+25"),
        ("HL*2*1*22*0", "HL*2*1*20*1", "0 of 3: IK304:3@497 IK403:I10@502 IK304:2@510"),
        ("HL*2*1*22*0", "@@HL", "0 of 3: IK304:8@here IK304:2@+4 IK304:2@+23"),
        ("HL*2*1*22*0", "@@HL****", "0 of 3: IK304:8@here IK304:2@+8 IK304:2@+27"),
        ("HL*1**20*1", "HL*1*@@1*20*1", "0 of 3: IK403:I10@here"),
        ("HL*1**20*1", "HL*1**20*@@0", "0 of 3: IK403:7@here"),
        ("HL*1**20*1", "HL*@@2**20*1", "0 of 3: IK403:7@here IK403:7@+148 IK403:7@+150"),
        ("HL*1**20*1", "HL*1**@@22*1", "0 of 3: IK304:7@+6 IK304:7@+29 IK403:1@-1"),
        ("HL*1**20*1~\n", "", "0 of 3: IK304:2@349 IK304:2@372 IK304:2@421"),
        ("HL*3*1*22*0", "HL*3*@@2*22*0", "2 of 3: IK403:7@here"),
        ("HL*3*1*22*0", "HL*3*@@3*22*0", "2 of 3: IK403:7@here"),
        ("HL*3*1*22*0", "HL*@@2*1*22*0", "2 of 3: IK403:7@here"),
        ("HL*3*1*22*0", "HL*3*2*23*0", "0 of 3: IK403:7@507 IK304:7@913 IK304:7@932"),
        ("HL*3*1*22*0", "HL*3*@@4*22*0~\nHL*4*3*23*0", "2 of 3: IK403:7@here IK304:3@+8 IK403:7@+5"),
        (
            "HL*2*1*22*0~\n",
            "HL*2*1*22*0~\nHL*3*2*23*1~\nHL*4*3*23*1~\nHL*5*4*23*1~\nHL*6*5*23*1~\nHL*7*6*23*1~\nHL*8*7*23*1~\nHL*9*8*23*1~\nHL*10*9*23*1~\nHL*11*10*23*1~\nHL*12*11*23*1~\nHL*13*12*23*1~\nHL*14*13*23*1~\nHL*15*14*23*1~\nHL*16*15*23*1~\nHL*17*16*23*1~\nHL*18*17*23*1~\nHL*19*18*23*1~\nHL*20*19*23*1~\nHL*21*20*23*1~\nHL*22*21*23*1~\nHL*23*22*23*1~\nHL*24*23*23*1~\nHL*25*24*23*1~\nHL*26*25*23*1~\nHL*27*26*23*1~\nHL*28*27*23*1~\nHL*29*28*23*1~\nHL*30*29*23*1~\nHL*31*30*23*1~\nHL*32*31*23*1~\nHL*33*32*23*1~\nHL*34*33*23*1~\nHL*35*34*23*1~\nHL*36*35*23*1~\nHL*37*36*23*1~\nHL*38*37*23*1~\nHL*39*38*23*1~\n",
            "0 of 3: IK403:7@520 IK304:3@523 IK403:7@528",
        ),
    ];
    let row = |(old, new, expected): &(&str, &str, &'static str)| case(format!("level {new:?}"), with(old, new), expected);
    LEVELS.iter().map(row).collect()
}

/// Bytes that are no text, and texts that look like structure, in the name of the first member.
fn names() -> Vec<Case> {
    const NAMES: &[(&[u8], &str)] = &[
        (b"@@\xff\xfe", "1 of 3: IK403:6@here"),
        (b"@@\xc3(", "1 of 3: IK403:6@here"),
        (b"@@\xed\xa0\x80", "1 of 3: IK403:6@here"),
        (b"@@\xf8\x88\x80\x80\x80", "1 of 3: IK403:6@here"),
        (b"TEST@@\x80", "1 of 3: IK403:6@-4"),
        (b"@@\x00", "1 of 3: IK403:6@here"),
        (b"A@@\x07", "1 of 3: IK403:6@-1"),
        (b"A@@\x1b[2J", "1 of 3: IK403:6@-1"),
        (b"A@@\x7f", "1 of 3: IK403:6@-1"),
        (b"\xc3\x85STR\xc3\x96M", "1 of 3: IK403:6@538"),
        (b"ISA", "3 of 3:"),
        (b"ISAAC", "3 of 3:"),
        (b"IEA", "3 of 3:"),
        (b"ST", "3 of 3:"),
        (b"SE", "3 of 3:"),
        (b"GS", "3 of 3:"),
        (b"CLM", "3 of 3:"),
        (b"HL", "3 of 3:"),
        (b"@@", "1 of 3: IK403:1@here"),
        (b"@@QQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQ", "1 of 3: IK403:5@here"),
        (b"QQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQ", "3 of 3:"),
        (b"O'NEIL", "3 of 3:"),
        (b"A;DROP TABLE CLAIMS", "3 of 3:"),
        (b"${jndi;ldap}", "3 of 3:"),
        (b"%s%n%x", "3 of 3:"),
        (b"../../etc/passwd", "3 of 3:"),
        (b"<script>", "3 of 3:"),
        (b"A@@:B", "1 of 3: IK403:6@-1"),
        (b"A@@^B", "1 of 3: IK403:12@-1"),
        (b"   ", "1 of 3: IK403:6@538"),
        (b" X", "3 of 3:"),
        (b"X ", "3 of 3:"),
    ];
    let row = |(name, expected): &(&[u8], &'static str)| {
        let told = String::from_utf8_lossy(name).into_owned();
        case(format!("name {told:?}"), changed(&base(), "TESTALDER", name), expected)
    };
    NAMES.iter().map(row).collect()
}

/// Segments where they do not belong, or of shapes that no segment has.
fn segments() -> Vec<Case> {
    const SEGMENTS: &[(&str, &str, &str)] = &[
        ("HI*ABK:J069~", "@@ISA*X~\nHI*ABK:J069~", "0 of 1: TA1:023@here AK905:3@here IK502:2@here"),
        ("HI*ABK:J069~", "@@ISAAC*X~\nHI*ABK:J069~", "2 of 3: IK304:1@here"),
        ("HI*ABK:J069~", "@@IS~\nHI*ABK:J069~", "2 of 3: IK304:1@here"),
        ("HI*ABK:J069~", "@@~\nHI*ABK:J069~", "2 of 3: IK304:8@here"),
        ("HI*ABK:J069~", "@@~~~\nHI*ABK:J069~", "2 of 3: IK304:8@here IK304:8@+1 IK304:8@+2"),
        ("HI*ABK:J069~", "@@*~\nHI*ABK:J069~", "2 of 3: IK304:8@here"),
        ("HI*ABK:J069~", "@@***~\nHI*ABK:J069~", "2 of 3: IK304:8@here"),
        ("HI*ABK:J069~", "@@QQQQ*1~\nHI*ABK:J069~", "2 of 3: IK304:1@here"),
        ("HI*ABK:J069~", "@@hi*ABK:J069~\nHI*ABK:J069~", "2 of 3: IK304:1@here"),
        ("HI*ABK:J069~", "@@H\0*1~\nHI*ABK:J069~", "2 of 3: IK304:1@here"),
        ("HI*ABK:J069~", "@@BPR*I~\nHI*ABK:J069~", "2 of 3: IK304:6@here"),
        ("HI*ABK:J069~", "@@BHT*0019*00*X*20260116*0930*CH~\nHI*ABK:J069~", "0 of 3: IK304:7@here"),
        ("HI*ABK:J069~", "@@TA1*1~\nHI*ABK:J069~", "2 of 3: IK304:6@here"),
        ("HI*ABK:J069~", "@@AMT~\nHI*ABK:J069~", "2 of 3: IK304:8@here"),
        ("HI*ABK:J069~", "@@REF*G1~\nHI*ABK:J069~", "2 of 3: IK403:1@+6"),
        ("HI*ABK:J069~", "REF*@@ZZZ*1~\nHI*ABK:J069~", "2 of 3: IK403:7@here"),
        ("HI*ABK:J069~", "REF*G1*X*@@Y~\nHI*ABK:J069~", "2 of 3: IK403:I10@here"),
        ("HI*ABK:J069~", "REF*G1*X**~\nHI*ABK:J069~", "2 of 3: IK403:3@709"),
        ("HI*ABK:J069~", "REF*G1*X~\n@@REF*G1*Y~\nHI*ABK:J069~", "2 of 3: IK304:5@here"),
        ("LX*1~", "LX*@@0~", "3 of 3:"),
        ("LX*1~", "LX*@@-1~", "3 of 3:"),
        ("LX*1~", "LX*@@65536~", "3 of 3:"),
        ("LX*1~", "LX*@@A~", "2 of 3: IK403:6@here"),
        ("LX*1~", "@@LX~", "2 of 3: IK304:8@here"),
        ("LX*1~", "LX*2~", "3 of 3:"),
        ("LX*1~\n", "", "2 of 3: IK304:2@713 IK403:7@744 IK403:7@765"),
        ("SV1*HC:99213*120*UN*1***1~\n", "", "2 of 3: IK304:3@719 A7:400@664"),
        ("SV1*HC:99213*120*UN*1***1~", "@@SV1~", "2 of 3: IK304:8@here A7:400@-55"),
        (
            "SV1*HC:99213*120*UN*1***1~",
            "@@SV2*0120*HC:99213*120*UN*1~",
            "2 of 3: IK304:I4@here IK304:3@+28 A7:400@-55",
        ),
        ("SV1*HC:99213*120*UN*1***1~", "SV1*@@HC*120*UN*1***1~", "2 of 3: IK403:1@+2"),
        ("SV1*HC:99213*120*UN*1***1~", "SV1*HC:@@99213999*120*UN*1***1~", "2 of 3: A7:454@-7"),
        (
            "SV1*HC:99213*120*UN*1***1~",
            "SV1*HC:99213:@@2*120*UN*1***1~",
            "2 of 3: IK403:4@here A7:453@-13",
        ),
        (
            "SV1*HC:99213*120*UN*1***1~",
            "SV1*HC:99213:25:25:25:25:X:X:@@X:X*120*UN*1***1~",
            "2 of 3: IK403:I10@-2 IK403:13@here",
        ),
        ("SV1*HC:99213*120*UN*1***1~", "SV1*HC:99213*120*UN*1***@@0~", "2 of 3: IK403:7@here A7:477@here"),
        ("SV1*HC:99213*120*UN*1***1~", "SV1*HC:99213*120*UN*1***@@13~", "2 of 3: IK403:7@here A7:477@-24"),
        ("SV1*HC:99213*120*UN*1***1~", "SV1*HC:99213*120*UN*1***1:1:1:1:@@1~", "2 of 3: IK403:13@here"),
        ("SV1*HC:99213*120*UN*1***1~", "SV1*HC:99213*120*UN*1***@@A~", "2 of 3: IK403:7@here A7:477@here"),
        (
            "SV1*HC:99213*120*UN*1***1~",
            "SV1*HC:99213*120*UN*1***@@99999999999999999999~",
            "2 of 3: IK403:7@here A7:477@here",
        ),
        ("CLM*PCNALDER1*120***11:B:1*Y*A*Y*Y~", "@@CLM~", "2 of 3: IK304:8@here A7:400@here"),
        ("CLM*PCNALDER1*120***11:B:1*Y*A*Y*Y~", "CLM*PCNALDER1*120***@@11*Y*A*Y*Y~", "2 of 3: IK403:1@+2"),
        (
            "CLM*PCNALDER1*120***11:B:1*Y*A*Y*Y~",
            "CLM*PCNALDER1*120***@@9999:B:1*Y*A*Y*Y~",
            "2 of 3: IK403:5@here A7:249@here",
        ),
        (
            "CLM*PCNALDER1*120***11:B:1*Y*A*Y*Y~",
            "CLM*@@PPPPPPPPPPPPPPPPPPPPP*120***11:B:1*Y*A*Y*Y~",
            "3 of 3:",
        ),
        ("CLM*PCNALDER1*120***11:B:1*Y*A*Y*Y~", "CLM*@@*120***11:B:1*Y*A*Y*Y~", "2 of 3: IK403:1@here"),
        (
            "CLM*PCNALDER1*120***11:B:1*Y*A*Y*Y~",
            "CLM*PCNALDER1*120***11:B:@@99*Y*A*Y*Y~",
            "2 of 3: IK403:5@here",
        ),
        ("CLM*PCNALDER1*120***11:B:1*Y*A*Y*Y~\n", "", "1 of 2: IK304:2@664 IK304:2@677 IK304:2@683"),
        (
            "NM1*85*2*SAMPLE FAMILY CLINIC*****XX*1881546299~\n",
            "",
            "0 of 3: IK304:2@384 IK304:2@406 IK304:2@430",
        ),
        (
            "NM1*85*2*SAMPLE FAMILY CLINIC*****XX*1881546299~",
            "NM1*85*2*SAMPLE FAMILY CLINIC*****XX*@@0000000000~",
            "0 of 3: A7:562:85@here",
        ),
        (
            "NM1*85*2*SAMPLE FAMILY CLINIC*****XX*1881546299~",
            "NM1*85*2*SAMPLE FAMILY CLINIC*****XX*@@188154629918815462991881546299~",
            "0 of 3: A7:562:85@here",
        ),
    ];
    let row = |(old, new, expected): &(&str, &str, &'static str)| case(format!("segment {new:?}"), with(old, new), expected);
    let mut cases: Vec<Case> = SEGMENTS.iter().map(row).collect();
    for (name, text, expected) in [
        (
            "an element of 32,000 bytes",
            format!("NTE*ADD*@@{}", "N".repeat(32_000)),
            "2 of 3: IK403:5@here",
        ),
        (
            "a segment as long as may be",
            format!("NTE*ADD*@@{}", "N".repeat(32 * 1024 - 8)),
            "2 of 3: IK403:5@here",
        ),
        (
            "a segment longer than may be",
            format!("@@NTE*ADD*{}", "N".repeat(32 * 1024 - 7)),
            "0 of 1: TA1:022@here TA1:022@-1 AK905:3@-1",
        ),
        ("as many elements as may be", format!("REF*G1*X{}", "*".repeat(98)), "2 of 3: IK403:3@709"),
        (
            "more elements than may be",
            format!("@@REF*G1*X{}", "*".repeat(99)),
            "0 of 1: TA1:022@here TA1:022@-1 AK905:3@-1",
        ),
        ("20,000 components", format!("REF*G1*X*{}", ":".repeat(20_000)), "2 of 3: IK403:I10@709"),
        ("20,000 repetitions", format!("REF*G1*X*{}", "^".repeat(20_000)), "2 of 3: IK403:I10@709"),
        ("an identifier of 9,000 bytes", format!("@@{}*1", "CLM".repeat(3_000)), "2 of 3: IK304:1@here"),
    ] {
        cases.push(case(name, with("HI*ABK:J069~", &format!("{text}~\nHI*ABK:J069~")), expected));
    }
    cases
}

/// Trailers, counts and control numbers; the file after it is whole.
fn envelopes() -> Vec<Case> {
    const ENVELOPES: &[(&str, &str, &str)] = &[
        ("SE*44*0001~\n", "", "1 of 4: IK502:2@1183"),
        ("GE*1*103~\n", "", "1 of 4: AK905:3@1195"),
        ("IEA*1*000000103~\n", "", "0 of 4: TA1:023@1205"),
        ("SE*44*0001~\nGE*1*103~\n", "", "1 of 4: AK905:3@1183 IK502:2@1183"),
        ("GE*1*103~\nIEA*1*000000103~\n", "", "0 of 4: TA1:023@1195 AK905:3@1195"),
        (
            "SE*44*0001~\nGE*1*103~\nIEA*1*000000103~\n",
            "",
            "0 of 4: TA1:023@1183 AK905:3@1183 IK502:2@1183",
        ),
        (
            "GS*HC*330897513*CALOPTIMA*20260116*0930*103*X*005010X222A1~\n",
            "@@",
            "1 of 1: TA1:022@here TA1:021@+1042",
        ),
        ("ST*837*0001*005010X222A1~\n", "@@", "1 of 1: AK905:6@here AK905:5@+1005"),
        ("SE*44*", "SE*@@99999999999999999999*", "1 of 4: IK403:5@here IK502:4@here"),
        ("SE*44*", "SE*@@-44*", "1 of 4: IK502:4@here"),
        ("SE*44*", "SE*@@4294967340*", "1 of 4: IK502:4@here"),
        ("SE*44*", "SE*@@18446744073709551660*", "1 of 4: IK403:5@here IK502:4@here"),
        ("SE*44*", "SE*@@*", "1 of 4: IK403:1@here IK502:4@here"),
        ("SE*44*", "SE*@@4E1*", "1 of 4: IK403:6@here IK502:4@here"),
        ("SE*44*", "SE*0044*", "4 of 4:"),
        ("SE*44*", "SE*@@44.0*", "1 of 4: IK403:6@here IK502:4@here"),
        ("SE*44*", "SE*@@ 44*", "1 of 4: IK403:6@here IK502:4@here"),
        ("SE*44*0001", "SE*44*@@1", "1 of 4: IK403:4@here IK502:3@here"),
        ("SE*44*0001", "@@SE", "1 of 4: IK304:8@here IK502:4@+2 IK502:3@+2"),
        ("SE*44*0001~", "SE*44*0001~\n@@SE*44*0001~", "1 of 4: AK905:6@here"),
        ("SE*44*0001~", "SE*44*0001~\n@@NM1*85~\nREF*G1*X~", "1 of 4: AK905:6@here"),
        (
            "ST*837*0001*005010X222A1~",
            "ST*837*0001*005010X222A1~\n@@ST*837*0001*005010X222A1~",
            "1 of 4: AK905:5@+1031 IK502:2@here IK502:7@+7",
        ),
        ("ST*837*0001*", "ST*@@835*0001*", "1 of 4: IK502:1@here"),
        ("ST*837*0001*", "ST*837*@@1*", "1 of 4: IK502:7@here IK403:4@here IK502:3@+1012"),
        ("ST*837*0001*", "ST*837*@@0001000100010001*", "1 of 4: IK502:7@here IK403:5@here IK502:3@+1027"),
        ("ST*837*0001*", "@@ST~\nBHT*", "1 of 4: IK502:1@+2 IK502:7@+2 IK502:4@+1015"),
        ("GE*1*", "GE*@@4294967297*", "1 of 4: AK905:5@here"),
        ("GE*1*", "GE*@@999999999999*", "1 of 4: AK905:5@here"),
        ("GE*1*", "GE*@@-1*", "1 of 4: AK905:5@here"),
        ("GE*1*", "GE*@@*", "1 of 4: AK905:5@here"),
        ("GE*1*103", "GE*1*@@", "1 of 4: AK905:4@here"),
        ("GE*1*103~", "GE*1*103~\n@@GE*1*103~", "1 of 4: TA1:022@here"),
        (
            "GE*1*103~",
            "GE*1*103~\n@@ST*837*0002*005010X222A1~\nCLM*X*1~\nSE*3*0002~",
            "1 of 4: TA1:022@here",
        ),
        (
            "GS*HC*",
            "@@GS*HC*330897513*CALOPTIMA*20260116*0930*103*X*005010X222A1~\nGS*HC*",
            "1 of 4: TA1:021@+1162 AK905:3@+60",
        ),
        ("*103*X*005010X222A1", "*@@0000000000103*X*005010X222A1", "1 of 4: AK905:6@here AK905:4@+1063"),
        ("*103*X*005010X222A1", "*103*X*@@005010X999A1", "1 of 4: AK905:2@here"),
        ("*103*X*005010X222A1", "*103*X*@@", "1 of 4: AK905:2@here"),
        ("GS*HC*", "GS*@@ZZ*", "1 of 4: AK905:1@here"),
        ("IEA*1*", "IEA*@@4294967297*", "1 of 4: TA1:021@here"),
        ("IEA*1*", "IEA*@@99999999999999999999*", "1 of 4: TA1:021@here"),
        ("IEA*1*", "IEA*@@-1*", "1 of 4: TA1:021@here"),
        ("IEA*1*", "IEA*@@*", "1 of 4: TA1:021@here"),
        ("IEA*1*000000103", "IEA*1*@@", "1 of 4: TA1:001@here"),
        ("IEA*1*000000103~", "IEA*1*000000103~\n@@IEA*1*000000103~", "0 of 3: TA1:022@here"),
        ("*260116*0930*^", "*@@261316*0930*^", "1 of 4: TA1:014@here"),
        ("*260116*0930*^", "*260116*@@2561*^", "1 of 4: TA1:015@here"),
        ("000000103*0*T", "@@0000001A3*0*T", "1 of 4: TA1:018@here TA1:001@+1121"),
        ("000000103*0*T", "000000103*0*@@X", "1 of 4: TA1:020@here"),
        ("*00501*", "*@@99999*", "1 of 4: TA1:017@here"),
        ("*00501*", "*@@\0\0\0\0\0*", "1 of 4: TA1:017@here"),
    ];
    let row = |(old, new, expected): &(&str, &str, &'static str)| {
        let base = base();
        assert!(base.contains(old), "{old}");
        case(format!("envelope {old:?} {new:?}"), base.replacen(old, new, 1) + &stay(), expected)
    };
    ENVELOPES.iter().map(row).collect()
}

/// Line ends and filler, wherever they may stand.
fn line_ends() -> Vec<Case> {
    let base = base();
    let all = |old: &str, new: &str| base.replace(old, new);
    vec![
        case("no line ends", all("~\n", "~"), "3 of 3:"),
        case("carriage return and line feed", all("~\n", "~\r\n"), "3 of 3:"),
        case("carriage returns", all("~\n", "~\r"), "3 of 3:"),
        case("line feed and carriage return", all("~\n", "~\n\r"), "3 of 3:"),
        case("empty lines", all("~\n", "~\n\n\r\n\n"), "3 of 3:"),
        case("line feed as terminator", all("~\n", "\n"), "3 of 3:"),
        case("carriage return as terminator", all("~\n", "\r"), "3 of 3:"),
        case("carriage return as terminator, then line feed", all("~\n", "\r\n"), "3 of 3:"),
        case("line feed before the terminator", all("~\n", "\n~"), "0 of 0: TA1:023@1221"),
        case("line end inside a name", with("TESTALDER", "TEST@@\nALDER"), "1 of 3: IK403:6@-4"),
        case("carriage return inside a name", with("TESTALDER", "TEST@@\rALDER"), "1 of 3: IK403:6@-4"),
        case(
            "line end before an element separator",
            with("NM1*IL*1*TESTALDER*", "NM1*IL*1*TESTALDER@@\n*"),
            "1 of 3: IK403:6@-9",
        ),
        case(
            "line end inside an identifier",
            with("NM1*IL", "N\nM1*IL"),
            "1 of 3: IK304:1@529 IK304:2@572 IK304:2@592",
        ),
        case("line end inside the ISA", with("330897513      ", "330897513\n     "), "3 of 3:"),
        case(
            "blanks before a segment",
            with("SBR*P", "@@  SBR*P"),
            "1 of 3: IK304:1@here IK304:3@+21 A8:156@-510",
        ),
        case(
            "tab before a segment",
            with("SBR*P", "@@\tSBR*P"),
            "1 of 3: IK304:1@here IK304:3@+20 A8:156@-510",
        ),
        case("end-of-file character at the end", base.clone() + "\x1a", "3 of 3:"),
        case("NULs at the end", base.clone() + "\0\0\0\0", "3 of 3:"),
        case("blanks at the end", base.clone() + "   \r\n   ", "3 of 3:"),
        case("blanks between interchanges", base.clone() + "  \r\n\t " + &stay(), "4 of 4:"),
        case("line ends before the ISA", "\r\n\n".to_string() + &base, "3 of 3:"),
        case("a byte order mark", [&b"\xef\xbb\xbf"[..], base.as_bytes()].concat(), "3 of 3:"),
        case("half a byte order mark", [&b"\xef\xbb"[..], base.as_bytes()].concat(), "0 of 0: TA1:022@0"),
        case(
            "a byte order mark in the middle",
            [base.as_bytes(), b"\xef\xbb\xbf", stay().as_bytes()].concat(),
            "0 of 3: TA1:022@1222",
        ),
        case("text after the last interchange", base.clone() + "@@thank you", "0 of 3: TA1:022@here"),
        case("65,536 line ends", base.replacen("GS*HC", &("\n".repeat(65_535) + "GS*HC"), 1), "3 of 3:"),
        case(
            "65,537 line ends",
            base.replacen("GS*HC", &("\n".repeat(65_536) + "GS*HC"), 1),
            "0 of 0: TA1:022@65642 TA1:022@106",
        ),
        case("nothing", "", "0 of 0:"),
        case("one byte", "I", "0 of 0: TA1:022@0"),
        case("ISA and nothing", "ISA", "0 of 0: TA1:022@0"),
        case(
            "UTF-16",
            base.encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<u8>>(),
            "0 of 0: TA1:022@0",
        ),
        case("a ZIP file", b"PK\x03\x04\x14\0\0\0\x08\0".repeat(30), "0 of 0: TA1:022@0"),
        case("only separators", "~*:^".repeat(2_000), "0 of 0: TA1:022@0"),
        case(
            "an ISA and only separators",
            base[..107].to_string() + &"~*:^".repeat(2_000),
            "0 of 0: TA1:023@8104",
        ),
        case(
            "an ISA and only terminators",
            base[..107].to_string() + &"~".repeat(9_000),
            "0 of 0: TA1:023@9107",
        ),
    ]
}

fn cases() -> Vec<Case> {
    [
        separators(),
        professional_codes(),
        institutional_codes(),
        amounts(),
        dates(),
        hierarchies(),
        names(),
        segments(),
        envelopes(),
        line_ends(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

#[test]
fn each_is_told_and_its_sound_neighbours_get_in() {
    let cases = cases();
    assert!(cases.len() >= 250, "{} cases", cases.len());
    let mut wrong = Vec::new();
    for case in &cases {
        let (bytes, mark) = unmarked(&case.bytes);
        let begin = Instant::now();
        let Ok(found) = std::panic::catch_unwind(|| {
            invariants::tokenizer(&bytes);
            invariants::envelope(&bytes);
            invariants::whole_file(&bytes);
            verdict(&bytes, mark)
        }) else {
            wrong.push(format!("{} | panics", case.name));
            continue;
        };
        if found != case.expected || begin.elapsed() > PATIENCE {
            wrong.push(format!("{} | {found}", case.name));
        }
    }
    assert!(wrong.is_empty(), "\n{}\n", wrong.join("\n"));
}

#[test]
fn no_case_is_there_twice() {
    let cases = cases();
    let files: HashSet<&[u8]> = cases.iter().map(|case| case.bytes.as_slice()).collect();
    assert_eq!(files.len(), cases.len());
}

/// Cut anywhere, no claim gets in and the last byte that was read is told.
#[test]
fn a_file_cut_at_any_byte_lets_nothing_in() {
    for file in [base(), stay()] {
        let end = file.trim_end().len();
        for length in 1..end {
            let bytes = &file.as_bytes()[..length];
            let (survey, claims) = invariants::read_file(bytes);
            assert!(claims.is_empty() && survey.rejection().is_some(), "cut at {length}");
            let (_, byte) = survey.rejection().unwrap();
            assert!(byte <= length as u64, "cut at {length}, told at {byte}");
            // What is told is where the last whole segment ends, or the ISA that never was one.
            let whole = bytes.iter().rposition(|byte| *byte == b'~').map_or(0, |place| place + 1);
            let line_end = bytes[whole..].iter().take_while(|byte| **byte == b'\n').count();
            assert!([whole, whole + line_end].contains(&(byte as usize)), "cut at {length}, told at {byte}");
        }
    }
}
