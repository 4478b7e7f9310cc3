//! Who may post claims: whoever has one of the tokens of a file.

use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::digest::{SHA256, digest};
use zeroize::Zeroizing;

use crate::limits;

/// The tokens in force, as their digests: none of them is kept.
#[derive(Debug)]
pub struct Tokens(Vec<[u8; 32]>);

/// Why a file of tokens can't be used. Shows none of them.
#[derive(Debug, thiserror::Error)]
pub enum TokenFileError {
    #[error("{path}: cannot be read")]
    Io { path: PathBuf, source: io::Error },
    #[error("{path}: has mode {mode:04o}, expected one that lets nobody else read it (chmod o= {path})")]
    Public { path: PathBuf, mode: u32 },
    #[error(
        "{path} line {line}: no token, expected {min} to {max} letters, digits and -._~+/= without spaces",
        min = limits::DOOR_TOKEN_BYTES_MIN, max = limits::DOOR_TOKEN_BYTES_MAX
    )]
    Token { path: PathBuf, line: usize },
    #[error("{path}: {found} tokens, expected 1 to {max}, one a line", max = limits::DOOR_TOKENS_MAX)]
    Count { path: PathBuf, found: usize },
}

impl Tokens {
    /// Reads a file with a token a line. Blank lines and lines that begin with `#` say nothing.
    ///
    /// # Errors
    /// [`TokenFileError`].
    pub fn read(path: &Path) -> Result<Tokens, TokenFileError> {
        let unreadable = |source| TokenFileError::Io {
            path: path.to_path_buf(),
            source,
        };
        let file = File::open(path).map_err(unreadable)?;
        let mode = file.metadata().map_err(unreadable)?.mode() & 0o7777;
        if mode & 0o007 != 0 {
            return Err(TokenFileError::Public {
                path: path.to_path_buf(),
                mode,
            });
        }
        let mut text = Zeroizing::new(String::new());
        file.take(limits::KEY_FILE_BYTES_MAX).read_to_string(&mut text).map_err(unreadable)?;
        Tokens::parse(&text).map_err(|problem| match problem {
            Problem::Line(line) => TokenFileError::Token {
                path: path.to_path_buf(),
                line,
            },
            Problem::Count(found) => TokenFileError::Count {
                path: path.to_path_buf(),
                found,
            },
        })
    }

    fn parse(text: &str) -> Result<Tokens, Problem> {
        let mut tokens = Vec::new();
        for (line, token) in (1..).zip(text.lines().map(str::trim)) {
            if token.is_empty() || token.starts_with('#') {
                continue;
            }
            if !is_token(token) {
                return Err(Problem::Line(line));
            }
            tokens.push(digest_of(token));
        }
        match tokens.len() {
            1..=limits::DOOR_TOKENS_MAX => Ok(Tokens(tokens)),
            count => Err(Problem::Count(count)),
        }
    }

    /// Whether an `Authorization` header brings one of them. Takes as long whichever it is, and however
    /// much of one is right.
    pub fn admit(&self, authorization: Option<&str>) -> bool {
        let Some((scheme, token)) = authorization.and_then(|header| header.split_once(' ')) else {
            return false;
        };
        if !scheme.eq_ignore_ascii_case("bearer") || token.len() > limits::DOOR_TOKEN_BYTES_MAX {
            return false;
        }
        let brought = digest_of(token.trim());
        let known = self.0.iter().filter(|known| verify_slices_are_equal(*known, &brought).is_ok());
        known.count() > 0
    }
}

enum Problem {
    Line(usize),
    Count(usize),
}

/// `token68` of RFC 9110, 11.2, and long enough.
fn is_token(text: &str) -> bool {
    (limits::DOOR_TOKEN_BYTES_MIN..=limits::DOOR_TOKEN_BYTES_MAX).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._~+/=".contains(&byte))
}

fn digest_of(token: &str) -> [u8; 32] {
    let mut bytes = [0; 32];
    bytes
        .iter_mut()
        .zip(digest(&SHA256, token.as_bytes()).as_ref())
        .for_each(|(to, from)| *to = *from);
    bytes
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    const ONE: &str = "0123456789abcdef0123456789abcdef";
    const TWO: &str = "fedcba9876543210fedcba9876543210fedcba98";

    #[test]
    fn a_token_is_all_of_one() {
        let tokens = Tokens::parse(&format!("# for the portal\n{ONE}\n\n {TWO}\n")).ok().unwrap();
        for (header, admitted) in [
            (Some(format!("Bearer {ONE}")), true),
            (Some(format!("bearer {TWO}")), true),
            (Some(format!("Bearer {}", &ONE[1..])), false),
            (Some(format!("Bearer {ONE}0")), false),
            (Some(format!("Bearer {}", ONE.to_uppercase())), false),
            (Some(format!("Basic {ONE}")), false),
            (Some("Bearer ".to_string()), false),
            (Some("Bearer # for the portal".to_string()), false),
            (Some(ONE.to_string()), false),
            (Some(String::new()), false),
            (None, false),
        ] {
            assert_eq!(tokens.admit(header.as_deref()), admitted, "{header:?}");
        }
    }

    #[test]
    fn a_file_of_tokens_is_private_and_has_good_ones() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("tokens");
        let many = format!("{ONE}\n").repeat(limits::DOOR_TOKENS_MAX + 1);
        for (text, mode, good) in [
            (ONE, 0o600, true),
            (ONE, 0o440, true),
            (ONE, 0o604, false),
            (ONE, 0o601, false),
            (&ONE[1..], 0o600, false),
            ("", 0o600, false),
            ("# none\n", 0o600, false),
            ("0123456789abcdef 0123456789abcdef", 0o600, false),
            (&many, 0o600, false),
        ] {
            fs::write(&path, text).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            let read = Tokens::read(&path);
            assert_eq!(read.is_ok(), good, "{text} {mode:o}: {read:?}");
            assert!(
                read.is_ok_and(|_| true) || !format!("{:?}", Tokens::read(&path)).contains("456789abcdef"),
                "it shows a token"
            );
            fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        }
    }
}
