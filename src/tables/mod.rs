pub mod reasons;
pub mod refdata;
