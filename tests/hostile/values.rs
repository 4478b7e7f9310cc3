//! Hostile values: codes, amounts, dates and names that are none. See [`super::cases`].

use super::cases::{Case, case};
use super::verdicts::{base, changed, stay_with, with};

/// The HI of the first professional claim.
pub fn professional_codes() -> Vec<Case> {
    const HI: &[(&str, &str)] = &[
        ("@@HI", "2 of 3: IK304:8@here A7:477@+34"),
        ("@@HI*", "2 of 3: IK304:8@here A7:477@+35"),
        ("@@HI**", "2 of 3: IK304:8@here A7:477@+36"),
        ("HI*@@:", "2 of 3: IK403:1@here A7:477@+33"),
        ("HI*@@ABK", "2 of 3: IK403:1@+3 A7:477@+35"),
        ("HI*ABK:@@", "2 of 3: IK403:3@here A7:477@+32"),
        ("HI*@@:J069", "2 of 3: IK403:1@here A7:477@+37"),
        ("HI*ABK:@@:J069", "2 of 3: IK403:I10@+1 IK403:1@here A7:477@+37"),
        ("HI*@@XYZ:J069", "2 of 3: IK403:7@here A7:477@+40"),
        ("HI*@@abk:j069", "2 of 3: IK403:7@here A7:477@+40"),
        ("HI*ABK:J069:", "2 of 3: IK403:3@712"),
        ("HI*ABK:@@J06999999999", "2 of 3: A7:254@here A7:477@+44"),
        ("HI*ABK:@@J0\0", "2 of 3: IK403:6@here A7:254@here A7:477@+35"),
        ("HI*ABK:@@J0 69", "2 of 3: A7:254@here"),
        ("HI*ABK:@@J06.9", "2 of 3: A7:254@here"),
        ("HI*ABK:@@é069", "2 of 3: IK403:6@here A7:254@here A7:477@+37"),
        ("HI*ABK:J069*@@ABK:J069", "2 of 3: IK403:7@here"),
        ("HI*@@ABF:J069", "2 of 3: IK403:7@here"),
        ("HI*ABK:J069^ABF:I10", "2 of 3: IK403:12@707 IK403:I10@716 A7:254@707"),
        ("HI*ABK:J069:@@D8:20251101", "2 of 3: IK403:I10@here IK403:I10@+3"),
        ("HI*ABK:J069:::@@1E5", "2 of 3: IK403:I10@here"),
        ("HI*ABK:J069:::::::@@Q", "2 of 3: IK403:I10@here A7:688@here"),
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
        ("HI*@@ABKABKABK:J069", "2 of 3: IK403:7@here A7:477@+46"),
        ("HI*@@BK:J069", "2 of 3: A7:254@+3"),
        ("HI*@@ABK*J069", "2 of 3: IK403:1@+3 IK403:7@+4 IK403:1@+8"),
        ("@@HIHI*ABK:J069", "2 of 3: IK304:1@here IK304:3@+15 A7:477@+45"),
        ("@@HI:ABK*J069", "2 of 3: IK304:1@here IK304:3@+13 A7:477@+43"),
        ("HI*ABK:J069~\nHI*@@ABK:J069", "2 of 3: IK304:5@-3"),
    ];
    let row = |(hi, expected): &(&str, &'static str)| case(format!("professional {hi:?}"), with("HI*ABK:J069", hi), expected);
    HI.iter().map(row).collect()
}

/// An HI of the institutional claim, which stands before three sound professional ones.
pub fn institutional_codes() -> Vec<Case> {
    const HI: &[(&str, &str, &str)] = &[
        ("HI*ABK:K3580:::::::Y", "@@HI", "3 of 4: IK304:8@here"),
        ("HI*ABK:K3580:::::::Y", "HI*@@ABK:K3580:::::::Q", "3 of 4: IK403:7@+16 A7:688@+16"),
        ("HI*ABK:K3580:::::::Y", "HI*ABK:K3580:@@::::::YY", "3 of 4: IK403:7@+6 A7:688@+6"),
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
pub fn amounts() -> Vec<Case> {
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
pub fn dates() -> Vec<Case> {
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
        ("@@RD8*20251112-20251110", "2 of 3: A8:187@+4"),
        ("RD8*@@20251110-", "2 of 3: IK403:8@here"),
        ("RD8*@@-20251110", "2 of 3: IK403:8@here"),
        ("@@XX*20251110", "2 of 3: IK403:7@here"),
        ("@@*20251110", "2 of 3: IK403:1@here"),
        ("D8*18000101", "3 of 3:"),
        ("D8*@@99991231", "2 of 3: A7:510@here"),
        ("D8*@@00010101", "3 of 3:"),
        ("D8*@@٢٠٢٥١١١٠", "2 of 3: IK403:6@here"),
    ];
    let row = |(text, expected): &(&str, &'static str)| case(format!("service date {text:?}"), with("472*D8*20251110", &format!("472*{text}")), expected);
    DATES.iter().map(row).collect()
}

/// Bytes that are no text, and texts that look like structure, in the name of the first member.
pub fn names() -> Vec<Case> {
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
