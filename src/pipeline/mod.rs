//! The only place where stages meet.
//!
//! Read [`inbound`] for the way of one file (after `adjudication::adjudicate`, the second file to
//! read), [`payment_run`] for the 835s, [`outbound`] for what leaves, [`replay`] for deciding again.

pub mod answer_writer;
pub mod house;
pub mod inbound;
pub mod outbound;
pub mod payment_run;
pub mod reading;
pub mod replay;
pub mod survey;
pub mod verdict;
