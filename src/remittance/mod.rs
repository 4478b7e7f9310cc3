//! Determinations → payments → 835s, and the independent check that an 835 balances.

pub mod balance;
mod claim_loop;
pub mod payment_batch;
pub mod prompt_pay;
pub mod writer_835;
