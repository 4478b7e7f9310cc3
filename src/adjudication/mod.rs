//! Claim + facts + rules → determination. Pure and total: no clock, no store, no randomness.
//!
//! Read [`adjudicate()`] first: it lists the steps in order.

#[allow(clippy::module_inception)] // the room and the thing it is named for
pub mod adjudicate;
pub mod adjustment;
mod admission_notice;
mod authorization_needs;
mod authorized_units;
mod billing_restrictions;
mod case;
mod coding_edits;
mod coordination;
mod deciding_row;
pub mod decision;
pub mod determination;
mod duplicate;
mod eligibility;
mod evidence;
mod exemptions;
pub mod facts;
pub mod former;
pub mod fraud_signals;
pub mod frequency;
mod member_billing;
pub mod other_claims;
pub mod peer_comparison;
mod pricing;
mod prior_auth;
mod prompt_pay;
#[cfg(test)]
mod properties;
mod qualified_beneficiary;
mod reductions;
mod replacement;
mod restriction_conditions;
mod routing;
pub mod rule_id;
mod ruling;
mod status_conditions;
mod telling;
#[cfg(test)]
mod testing;
mod timely_filing;
pub mod trace;

pub use adjudicate::{Tables, adjudicate, adjudicate_untold};
pub use duplicate::line_identity;
