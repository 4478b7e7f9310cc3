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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn families() {
        for (text, timed, ambulance, laboratory, drug, equipment) in [
            ("00142", true, false, false, false, false),
            ("01996", false, false, false, false, false),
            ("01999", true, false, false, false, false),
            ("A0427", false, true, false, false, false),
            ("A0382", false, false, false, false, false),
            ("87070", false, false, true, false, false),
            ("0001U", false, false, true, false, false),
            ("89398", false, false, true, false, false),
            ("99213", false, false, false, false, false),
            ("J3301", false, false, false, true, false),
            ("J3490", false, false, false, true, false),
            ("Q3014", false, false, false, false, false),
            ("Q5103", false, false, false, true, false),
            ("E0570", false, false, false, false, true),
            ("E1399", false, false, false, false, true),
            ("0042T", false, false, false, false, false),
        ] {
            let code = ProcedureCode::parse(text.as_bytes()).unwrap();
            let found = (
                is_timed_anesthesia(code),
                is_ambulance(code),
                is_laboratory(code),
                is_drug(code),
                is_equipment(code),
            );
            assert_eq!(found, (timed, ambulance, laboratory, drug, equipment), "{text}");
        }
    }
}
