//! The only place where stages meet.
//!
//! Read [`inbound`] for the way of one file (after `adjudication::adjudicate`, the second file to
//! read), [`payment_run`] for the 835s, [`outbox`] and [`outbound`] for what leaves, [`replay`] for deciding again,
//! [`doctor`] for what can go wrong with what is kept, [`tally`], [`gauges`] and [`health`] for what an
//! operator sees of all this.

pub mod acknowledge;
pub mod answer_writer;
pub mod backup;
pub mod bench;
pub mod dead_letters;
pub mod decide;
pub mod doctor;
pub mod explain;
pub mod file_answer;
pub mod gauges;
pub mod health;
pub mod house;
pub mod inbound;
pub mod inspection;
pub mod open_sets;
pub mod originals;
mod other_claims;
pub mod outbound;
pub mod outbox;
pub mod outcome_check;
pub mod outgoing;
pub mod payment_run;
pub mod provider_visits;
pub mod reading;
pub mod reference_store;
pub mod remit_answers;
pub mod remit_sending;
pub mod replay;
pub mod rule_examples;
pub mod rule_store;
pub mod seen;
pub mod services;
pub mod set_places;
pub mod survey;
pub mod tally;
pub mod together;
pub mod underway;
pub mod validation;
pub mod verdict;
