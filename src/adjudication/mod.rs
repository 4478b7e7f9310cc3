//! Claim + facts + rules → determination. Pure and total: no clock, no store, no randomness.
//!
//! Read [`adjudicate`] first: it lists the steps in order.

pub mod adjustment;
pub mod decision;
pub mod determination;
pub mod facts;
pub mod trace;
