pub mod authorizations;
pub mod members;
pub mod providers;
