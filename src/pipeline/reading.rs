//! Bytes of a file, from anywhere, as segments.

use std::io::{self, Read};

use crate::x12::segment::Segment;
use crate::x12::tokenizer::{Pause, TokenError, Tokenizer};

/// Why reading stopped.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    #[error("the file cannot be read")]
    Io(#[from] io::Error),
    #[error(transparent)]
    NotX12(#[from] TokenError),
}

/// Hands every segment of `input` to `each`, until it returns an error of its own.
///
/// # Errors
/// [`ReadError`] where the bytes stop being readable or X12; the segments before were handed out.
pub fn for_each_segment<E: From<ReadError>>(input: &mut dyn Read, mut each: impl FnMut(&Segment<'_>) -> Result<(), E>) -> Result<(), E> {
    let mut tokenizer = Tokenizer::default();
    loop {
        match tokenizer.each(&mut each)?.map_err(ReadError::from)? {
            Pause::End => return Ok(()),
            Pause::NeedInput => {
                let count = loop {
                    match input.read(tokenizer.space()) {
                        Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                        read => break read.map_err(ReadError::from)?,
                    }
                };
                if count == 0 {
                    tokenizer.finish();
                } else {
                    tokenizer.filled(count);
                }
            }
        }
    }
}
