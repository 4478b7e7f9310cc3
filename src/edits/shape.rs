//! Shapes of codes: what can be said without the code set itself. Ranges and formats are facts of the
//! sets' owners (DOMAIN H, I); the sets are loaded by the user.

use crate::ids::RevenueCode;

/// ICD-10-CM without its point: a letter, a digit, then one to five letters or digits.
pub(super) fn is_diagnosis(code: &[u8]) -> bool {
    matches!(code, [letter, digit, rest @ ..]
        if letter.is_ascii_uppercase() && digit.is_ascii_digit() && (1..=5).contains(&rest.len()) && rest.iter().copied().all(is_upper_alphanumeric))
}

/// ICD-10-PCS: seven digits or letters, never I or O.
pub(super) fn is_inpatient_procedure(code: &[u8]) -> bool {
    code.len() == 7 && code.iter().all(|&byte| is_upper_alphanumeric(byte) && !matches!(byte, b'I' | b'O'))
}

/// CPT (`99213`, `0042T`) or HCPCS level II (`J1234`).
pub(super) fn is_procedure(code: &[u8]) -> bool {
    let digits = |part: &[u8]| part.iter().all(u8::is_ascii_digit);
    match code {
        [letter, rest @ ..] if letter.is_ascii_uppercase() => rest.len() == 4 && digits(rest),
        [digit, middle @ .., last] => digit.is_ascii_digit() && middle.len() == 3 && digits(middle) && is_upper_alphanumeric(*last),
        [] | [_] => false,
    }
}

/// HIPPS rate code: five letters or digits.
pub(super) fn is_hipps(code: &[u8]) -> bool {
    code.len() == 5 && code.iter().copied().all(is_upper_alphanumeric)
}

/// Two letters or digits: a modifier, a value, condition or occurrence code.
pub(super) fn is_two_characters(code: &[u8]) -> bool {
    code.len() == 2 && code.iter().copied().all(is_upper_alphanumeric)
}

/// Four digits in a range that NUBC uses: totals, HIPPS, accommodation and ancillary, alternative
/// therapies, adult care.
pub(super) fn is_revenue(code: RevenueCode) -> bool {
    code.as_bytes().len() == 4 && matches!(number(code.as_bytes()), Some(1 | 20..=29 | 100..=999 | 1000..=1009 | 2100..=2109 | 3100..=3109))
}

/// 01xx to 021x: room and board, leave, subacute, intensive and coronary care.
pub(super) fn is_accommodation(code: RevenueCode) -> bool {
    code.as_bytes().len() == 4 && matches!(number(code.as_bytes()), Some(100..=219))
}

/// Whether a revenue code lies in a range, both ends included.
pub(super) fn is_revenue_within(code: Option<RevenueCode>, range: std::ops::RangeInclusive<u32>) -> bool {
    code.and_then(|code| number(code.as_bytes())).is_some_and(|code| range.contains(&code))
}

/// CMS place of service.
pub(super) fn is_place_of_service(code: &[u8]) -> bool {
    code.len() == 2 && matches!(number(code), Some(1..=27 | 31..=34 | 41 | 42 | 49..=58 | 60..=62 | 65 | 66 | 71 | 72 | 81 | 99))
}

/// First two digits of a type of bill, without its leading zero: facility 1–8, care 1–9.
pub(super) fn is_facility_type(code: &[u8]) -> bool {
    matches!(code, [b'1'..=b'8', b'1'..=b'9'])
}

/// Frequency of an institutional bill: one digit or letter.
pub(super) fn is_bill_frequency(code: &[u8]) -> bool {
    matches!(code, [byte] if is_upper_alphanumeric(*byte))
}

/// Admission type: 1–5 and 9.
pub(super) fn is_admission_type(code: &[u8]) -> bool {
    matches!(code, [b'1'..=b'5' | b'9'])
}

/// Point of origin: 1–9 and A–F (ended ones included: old claims are replaced too).
pub(super) fn is_admission_source(code: &[u8]) -> bool {
    matches!(code, [b'1'..=b'9' | b'A'..=b'F'])
}

/// Patient discharge status, ended ones included.
pub(super) fn is_patient_status(code: &[u8]) -> bool {
    code.len() == 2 && matches!(number(code), Some(1..=9 | 20..=21 | 30 | 40..=43 | 50..=51 | 61..=66 | 69..=72 | 81..=95))
}

/// NUCC taxonomy: ten digits or letters, the last an X.
pub(super) fn is_taxonomy(code: &[u8]) -> bool {
    code.len() == 10 && code.ends_with(b"X") && code.iter().copied().all(is_upper_alphanumeric)
}

/// National drug code in its 5-4-2 form: eleven digits.
pub(super) fn is_drug_code(text: &str) -> bool {
    text.len() == 11 && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// CARC: one to three digits, possibly behind one letter.
pub(super) fn is_adjustment_reason(code: &[u8]) -> bool {
    let digits = match code {
        [letter, digits @ ..] if letter.is_ascii_uppercase() => digits,
        _ => code,
    };
    (1..=3).contains(&digits.len()) && digits.iter().all(u8::is_ascii_digit)
}

/// Present on admission: yes, no, unknown, undetermined, or exempt (`1`).
pub(super) fn is_present_on_admission(code: &[u8]) -> bool {
    matches!(code, b"Y" | b"N" | b"U" | b"W" | b"1")
}

/// A state, district or territory of the United States, or a military post.
pub(super) fn is_us_state(code: &str) -> bool {
    matches!(
        code.as_bytes(),
        b"AA"
            | b"AE"
            | b"AK"
            | b"AL"
            | b"AP"
            | b"AR"
            | b"AS"
            | b"AZ"
            | b"CA"
            | b"CO"
            | b"CT"
            | b"DC"
            | b"DE"
            | b"FL"
            | b"FM"
            | b"GA"
            | b"GU"
            | b"HI"
            | b"IA"
            | b"ID"
            | b"IL"
            | b"IN"
            | b"KS"
            | b"KY"
            | b"LA"
            | b"MA"
            | b"MD"
            | b"ME"
            | b"MH"
            | b"MI"
            | b"MN"
            | b"MO"
            | b"MP"
            | b"MS"
            | b"MT"
            | b"NC"
            | b"ND"
            | b"NE"
            | b"NH"
            | b"NJ"
            | b"NM"
            | b"NV"
            | b"NY"
            | b"OH"
            | b"OK"
            | b"OR"
            | b"PA"
            | b"PR"
            | b"PW"
            | b"RI"
            | b"SC"
            | b"SD"
            | b"TN"
            | b"TX"
            | b"UM"
            | b"UT"
            | b"VA"
            | b"VI"
            | b"VT"
            | b"WA"
            | b"WI"
            | b"WV"
            | b"WY"
    )
}

/// A state of the United States or a province of Canada.
pub(super) fn is_state_or_province(code: &str) -> bool {
    is_us_state(code)
        || matches!(
            code.as_bytes(),
            b"AB" | b"BC" | b"MB" | b"NB" | b"NL" | b"NS" | b"NT" | b"NU" | b"ON" | b"PE" | b"QC" | b"SK" | b"YT"
        )
}

/// Five or nine digits, not all zero.
pub(super) fn is_zip(text: &str) -> bool {
    matches!(text.len(), 5 | 9) && text.bytes().all(|byte| byte.is_ascii_digit()) && text.bytes().any(|byte| byte != b'0')
}

/// Whether an address has a post office or lock box in it, however it is spaced and pointed.
pub(super) fn is_post_office_box(street: &str) -> bool {
    let starts_with = |text: &str, phrase: &str| {
        let mut letters = text.bytes().filter(u8::is_ascii_alphanumeric).map(|byte| byte.to_ascii_uppercase());
        phrase.bytes().all(|expected| letters.next() == Some(expected)) && !letters.next().is_some_and(|next| next.is_ascii_alphabetic())
    };
    let mut before = ' ';
    street.char_indices().any(|(place, character)| {
        let starts_word = !std::mem::replace(&mut before, character).is_alphanumeric() && matches!(character, 'P' | 'p' | 'L' | 'l');
        let rest = street.get(place..).unwrap_or_default();
        starts_word && ["POBOX", "POSTOFFICEBOX", "LOCKBOX", "LOCKBIN"].iter().any(|phrase| starts_with(rest, phrase))
    })
}

/// The number that a code of digits spells.
pub(super) fn number(code: &[u8]) -> Option<u32> {
    if code.is_empty() || code.len() > 8 {
        return None;
    }
    code.iter()
        .try_fold(0, |value: u32, byte| byte.is_ascii_digit().then(|| value * 10 + u32::from(byte - b'0')))
}

fn is_upper_alphanumeric(byte: u8) -> bool {
    byte.is_ascii_uppercase() || byte.is_ascii_digit()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(is: fn(&[u8]) -> bool, yes: &[&str], no: &[&str]) {
        for text in yes {
            assert!(is(text.as_bytes()), "{text}");
        }
        for text in no {
            assert!(!is(text.as_bytes()), "{text}");
        }
    }

    fn check_text(is: fn(&str) -> bool, yes: &[&str], no: &[&str]) {
        for text in yes {
            assert!(is(text), "{text}");
        }
        for text in no {
            assert!(!is(text), "{text}");
        }
    }

    #[test]
    fn clinical_codes() {
        check(
            is_diagnosis,
            &["E119", "I10", "C7A010", "S52501A", "U071", "Z3A40"],
            &["E11.9", "e119", "E1", "119", "EE19", "S52501AA"],
        );
        check(is_inpatient_procedure, &["0DTJ4ZZ", "02HV33Z"], &["0DTJ4Z", "0DTO4ZZ", "0DTI4ZZ", "0dtj4zz"]);
        check(
            is_procedure,
            &["99213", "0042T", "0001U", "J1234", "A0427", "Z1032"],
            &["9921", "99213X", "J12345", "J123", "JJ123", "0420T1", "9921a", ""],
        );
        check(is_hipps, &["1AFKS", "KAGD1"], &["1AFK", "1AFKS0"]);
        check(is_two_characters, &["25", "GT", "X1"], &["2", "gt", "2*"]);
        check_text(is_drug_code, &["00026063512"], &["0002606351", "0002-6063-51", "000260635122"]);
        check(is_present_on_admission, &["Y", "N", "U", "W", "1"], &["E", "y", "YY"]);
    }

    #[test]
    fn institutional_codes() {
        for (code, valid, accommodation) in [
            ("0120", true, true),
            ("0219", true, true),
            ("0450", true, false),
            ("0001", true, false),
            ("0022", true, false),
            ("3101", true, false),
            ("120", false, false),
            ("0002", false, false),
            ("9999", false, false),
            ("04A0", false, false),
        ] {
            let code = RevenueCode::parse(code.as_bytes()).unwrap();
            assert_eq!((is_revenue(code), is_accommodation(code)), (valid, accommodation), "{code}");
        }
        check(is_facility_type, &["11", "13", "85", "65"], &["1", "01", "91", "10", "A1"]);
        check(is_bill_frequency, &["1", "7", "A"], &["11", "a", ""]);
        check(is_admission_type, &["1", "5", "9"], &["6", "0", "11"]);
        check(is_admission_source, &["1", "7", "E"], &["0", "G"]);
        check(is_patient_status, &["01", "30", "66", "95"], &["1", "00", "31", "96"]);
        check(
            is_place_of_service,
            &["02", "10", "11", "21", "27", "66", "99"],
            &["00", "1", "28", "40", "59", "98"],
        );
    }

    #[test]
    fn parties_and_payers() {
        check(
            is_taxonomy,
            &["207Q00000X", "1041C0700X"],
            &["203BF0100Y", "207Q0000X", "207q00000X", "363LP0200N"],
        );
        check(is_adjustment_reason, &["1", "45", "253", "A1", "B11", "P12"], &["", "A", "1234", "CO45", "4A"]);
        check_text(is_zip, &["92868", "928680000"], &["9286", "92868-0000", "00000", "9286800"]);
        check_text(is_state_or_province, &["CA", "PR", "AE", "ON"], &["ZZ", "ca", "XX"]);
    }

    #[test]
    fn post_office_boxes() {
        check_text(
            is_post_office_box,
            &[
                "PO BOX 1",
                "P O BOX 123",
                "P.O. Box 5",
                "Post Office Box 9",
                "LOCK BOX 7",
                "P.O.BOX",
                "PO BOX #4",
            ],
            &[
                "100 MAIN ST",
                "POBOXER LANE",
                "PO BOXWOOD CT",
                "1 BOX HILL",
                "225 PO RIVER RD",
                "1 PEPO BOX RD",
                "",
            ],
        );
    }
}
