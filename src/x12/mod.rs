//! The wire format: separators, segments, elements. Knows nothing about claims.

pub mod delimiters;
pub mod element;
pub mod outgoing;
pub mod segment;
pub mod separators;
pub mod tokenizer;
pub mod writer;
