pub mod reasons;
