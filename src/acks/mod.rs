//! Findings and decisions → TA1, 999 and 277CA.
