//! Loops → one typed claim at a time, professional or institutional.
//!
//! A [`Claim`] owns its values: codes, dates and money inline, short text inline up to 24 bytes, the
//! billing provider and subscriber shared between the claims that inherit them; and the [`source`] of
//! all of it, so that nothing a sender said is lost. It can cross threads and outlive the buffer it was
//! read from. Its constructor is the [`assembler`].

pub mod assembler;
#[allow(clippy::module_inception)] // the room and the thing it is named for
pub mod claim;
pub mod diagnosis;
pub mod echo;
pub mod institutional;
pub mod other_payer;
pub mod party;
pub mod professional;
pub mod service_line;
pub mod situational;
pub mod source;

pub use assembler::{Assembled, Assembler, SetHeader};
pub use claim::{Claim, ClaimDetail, Located, Reference};
