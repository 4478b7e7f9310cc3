//! Which procedures ask for more on the claim: families of CPT and HCPCS codes by range. Codes only;
//! their texts belong to their owners.

use crate::ids::ProcedureCode;

use super::shape::number;

/// Anesthesia billed by time: 00100–01999 without burns beyond the first part (01953) and daily
/// management (01996), which are counted.
pub(super) fn is_timed_anesthesia(code: ProcedureCode) -> bool {
    cpt(code).is_some_and(|code| (100..=1999).contains(&code) && !matches!(code, 1953 | 1996))
}

/// Ambulance: base rates and mileage.
pub(super) fn is_ambulance(code: ProcedureCode) -> bool {
    matches!(hcpcs(code), Some((b'A', 225 | 425..=436)))
}

/// Laboratory: CPT 80047–89398 and proprietary analyses (`0001U`).
pub(super) fn is_laboratory(code: ProcedureCode) -> bool {
    match code.as_bytes() {
        [digits @ .., b'U'] => digits.len() == 4 && number(digits).is_some(),
        _ => cpt(code).is_some_and(|code| (80047..=89398).contains(&code)),
    }
}

/// Drugs given by a physician: J codes, and those Q codes that are drugs or biosimilars (not supplies,
/// skin substitutes, contrast or places of hospice care).
pub(super) fn is_drug(code: ProcedureCode) -> bool {
    match hcpcs(code) {
        Some((b'J', _)) => true,
        Some((b'Q', code)) => matches!(
            code,
            138..=139 | 144 | 161..=181 | 2009..=2058 | 3027..=3028 | 4074 | 4081 | 5101..=5199 | 9991..=9992
        ),
        _ => false,
    }
}

/// Rented or bought equipment: E0100–E8002 and K0001–K0899.
pub(super) fn is_equipment(code: ProcedureCode) -> bool {
    matches!(hcpcs(code), Some((b'E', 100..=8002) | (b'K', 1..=899)))
}

/// Codes without a meaning of their own: the line must say what was done.
pub(super) fn is_unlisted(code: ProcedureCode) -> bool {
    match (cpt(code), hcpcs(code)) {
        (Some(number), _) => UNLISTED_CPT.binary_search(&number).is_ok(),
        (None, Some(_)) => UNLISTED_HCPCS.binary_search(&code.as_str()).is_ok(),
        (None, None) => false,
    }
}

/// Five digits.
fn cpt(code: ProcedureCode) -> Option<u32> {
    (code.as_bytes().len() == 5).then(|| number(code.as_bytes())).flatten()
}

/// A letter and four digits.
fn hcpcs(code: ProcedureCode) -> Option<(u8, u32)> {
    match code.as_bytes() {
        [letter, digits @ ..] if letter.is_ascii_uppercase() && digits.len() == 4 => Some((*letter, number(digits)?)),
        _ => None,
    }
}

/// Sorted.
#[rustfmt::skip]
const UNLISTED_CPT: &[u32] = &[
    1999, 15999, 17999, 19499, 20999, 21089, 21299, 21499, 21899, 22899, 22999, 23929, 24999, 25999, 26989, 27299, 27599,
    27899, 28899, 29799, 29999, 30999, 31299, 31599, 31899, 32999, 33999, 36299, 37501, 37799, 38129, 38589, 38999, 39499,
    39599, 40799, 40899, 41599, 41899, 42299, 42699, 42999, 43289, 43499, 43659, 43999, 44238, 44799, 44899, 44979, 45399,
    45499, 45999, 46999, 47379, 47399, 47579, 47999, 48999, 49329, 49659, 49999, 50549, 50949, 51999, 53899, 54699, 55559,
    55899, 58578, 58579, 58679, 58999, 59897, 59898, 59899, 60659, 60699, 64999, 66999, 67299, 67399, 67599, 67999, 68399,
    68899, 69399, 69799, 69949, 69979, 76496, 76497, 76498, 76499, 76999, 77299, 77399, 77499, 77799, 78099, 78199, 78299,
    78399, 78499, 78599, 78699, 78799, 78999, 79999, 80299, 81099, 81479, 81599, 84999, 85999, 86849, 86999, 87999, 88099,
    88199, 88299, 88399, 88749, 89240, 89398, 90399, 90749, 90899, 90999, 91299, 92499, 92700, 93799, 93998, 94799, 95199,
    95999, 96379, 96549, 96999, 97039, 97139, 97799, 99199, 99429, 99499, 99600,
];
/// Sorted.
#[rustfmt::skip]
const UNLISTED_HCPCS: &[&str] = &[
    "A0999", "A4649", "A9699", "A9999", "B9998", "B9999", "C9399", "E1399", "J3490", "J3590", "J7199", "J7599", "J7699",
    "J7799", "J7999", "J8498", "J8499", "J8597", "J8999", "J9999", "K0108", "K0812", "K0898", "K0899", "L0999", "L1499",
    "L2999", "L3649", "L3999", "L5999", "L7499", "L8039", "L8499", "L8699", "Q4082", "Q4100", "T1999", "T5999", "V2199",
    "V2799", "V5298", "V5299",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn families() {
        for (text, timed, ambulance, laboratory, drug, equipment, unlisted) in [
            ("00142", true, false, false, false, false, false),
            ("01996", false, false, false, false, false, false),
            ("01999", true, false, false, false, false, true),
            ("A0427", false, true, false, false, false, false),
            ("A0382", false, false, false, false, false, false),
            ("87070", false, false, true, false, false, false),
            ("0001U", false, false, true, false, false, false),
            ("89398", false, false, true, false, false, true),
            ("99213", false, false, false, false, false, false),
            ("J3301", false, false, false, true, false, false),
            ("J3490", false, false, false, true, false, true),
            ("Q3014", false, false, false, false, false, false),
            ("Q5103", false, false, false, true, false, false),
            ("E0570", false, false, false, false, true, false),
            ("E1399", false, false, false, false, true, true),
            ("0042T", false, false, false, false, false, false),
        ] {
            let code = ProcedureCode::parse(text.as_bytes()).unwrap();
            let found = (
                is_timed_anesthesia(code),
                is_ambulance(code),
                is_laboratory(code),
                is_drug(code),
                is_equipment(code),
                is_unlisted(code),
            );
            assert_eq!(found, (timed, ambulance, laboratory, drug, equipment, unlisted), "{text}");
        }
    }

    #[test]
    fn the_lists_are_sorted() {
        assert!(UNLISTED_CPT.is_sorted());
        assert!(UNLISTED_HCPCS.is_sorted());
    }
}
