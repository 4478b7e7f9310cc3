//! ISA/GS/ST: interchanges, functional groups, transaction sets, their control numbers and counts.

pub mod group;
pub mod interchange;
pub mod reader;
pub mod transaction_set;

pub use group::Group;
pub use interchange::Interchange;
pub use reader::{EnvelopeReader, Event};
pub use transaction_set::TransactionSet;
