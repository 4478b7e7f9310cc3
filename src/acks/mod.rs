//! Findings and decisions → TA1, 999 and 277CA; and what a TA1 or 999 says of what we sent.

pub mod ack_999;
mod claim_status;
pub mod read_999;
pub mod status_277ca;
pub mod ta1;
