//! Hostile structure: separators, levels, segments, envelopes and what stands between them. See
//! [`super::cases`].

use super::cases::{Case, case};
use super::verdicts::{base, stay, with};

/// A byte in place of one of the four separators, all over the file.
pub fn separators() -> Vec<Case> {
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

/// Hierarchical levels.
pub fn hierarchies() -> Vec<Case> {
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

/// Segments where they do not belong, or of shapes that no segment has.
pub fn segments() -> Vec<Case> {
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
        ("SV1*HC:99213*120*UN*1***1~\n", "", "2 of 3: IK304:3@719 A7:400@678"),
        ("SV1*HC:99213*120*UN*1***1~", "@@SV1~", "2 of 3: IK304:8@here A7:400@-41"),
        (
            "SV1*HC:99213*120*UN*1***1~",
            "@@SV2*0120*HC:99213*120*UN*1~",
            "2 of 3: IK304:I4@here IK304:3@+28 A7:400@-41",
        ),
        ("SV1*HC:99213*120*UN*1***1~", "SV1*@@HC*120*UN*1***1~", "2 of 3: IK403:1@+2"),
        ("SV1*HC:99213*120*UN*1***1~", "SV1*HC:@@99213999*120*UN*1***1~", "2 of 3: A7:454@here"),
        (
            "SV1*HC:99213*120*UN*1***1~",
            "SV1*HC:99213:@@2*120*UN*1***1~",
            "2 of 3: IK403:4@here A7:453@here",
        ),
        (
            "SV1*HC:99213*120*UN*1***1~",
            "SV1*HC:99213:25:25:25:25:X:X:@@X:X*120*UN*1***1~",
            "2 of 3: IK403:I10@-2 IK403:13@here",
        ),
        ("SV1*HC:99213*120*UN*1***1~", "SV1*HC:99213*120*UN*1***@@0~", "2 of 3: IK403:7@here A7:477@here"),
        (
            "SV1*HC:99213*120*UN*1***1~",
            "SV1*HC:99213*120*UN*1***@@13~",
            "2 of 3: IK403:7@here A7:477@here",
        ),
        ("SV1*HC:99213*120*UN*1***1~", "SV1*HC:99213*120*UN*1***1:1:1:1:@@1~", "2 of 3: IK403:13@here"),
        ("SV1*HC:99213*120*UN*1***1~", "SV1*HC:99213*120*UN*1***@@A~", "2 of 3: IK403:7@here A7:477@here"),
        (
            "SV1*HC:99213*120*UN*1***1~",
            "SV1*HC:99213*120*UN*1***@@99999999999999999999~",
            "2 of 3: IK403:7@here A7:477@here",
        ),
        ("CLM*PCNALDER1*120***11:B:1*Y*A*Y*Y~", "@@CLM~", "2 of 3: IK304:8@here A7:400@+3"),
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
pub fn envelopes() -> Vec<Case> {
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
pub fn line_ends() -> Vec<Case> {
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
