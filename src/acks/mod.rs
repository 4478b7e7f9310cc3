//! Findings and decisions → TA1, 999 and 277CA.

pub mod ack_999;
mod claim_status;
pub mod status_277ca;
pub mod ta1;
