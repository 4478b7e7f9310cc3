//! What the service needs of a partner's channel, whatever it is: the names in its inbound folder, the
//! bytes of a file from any place on, and a way to put files into its outbound folder.
//!
//! Names come from the other side and are hostile until parsed: [`RemoteName`] is the only way to say one.

use std::fmt;

/// A file's name in a partner's folder: one path component, safe to join to a folder of ours or theirs.
/// May hold protected values, because partners put patients' names into file names: it has no `Display`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RemoteName(String);

impl RemoteName {
    /// `None` for what is no plain file name: empty, longer than 255 bytes, `.` or `..`, with a `/` or a
    /// `\`, or with a control character.
    pub fn parse(text: &str) -> Option<RemoteName> {
        let is_plain = (1..=255).contains(&text.len()) && !matches!(text, "." | "..") && !text.chars().any(|c| matches!(c, '/' | '\\') || c.is_control());
        is_plain.then(|| RemoteName(text.to_string()))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for RemoteName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RemoteName([PHI], {} bytes)", self.0.len())
    }
}

/// A regular file in the inbound folder. Links, pipes, devices and folders are never listed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    pub name: RemoteName,
    pub bytes: u64,
    /// Seconds since 1970, as the other side's clock has it; 0 where it says none.
    pub modified: i64,
}

/// Everything that is in an inbound folder.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Listing {
    /// In the order of their names.
    pub files: Vec<Listed>,
    /// Entries left out because of their name or kind.
    pub refused: u64,
}

/// Why a channel can't be used now. Never a file's name; the server is named as it is configured.
#[derive(Debug, thiserror::Error)]
pub enum ChannelError {
    /// Nothing was sent to this server, no authentication either.
    #[error("{server}: its host key is {found}, which is not pinned; if the partner announced it, add it to host_keys")]
    HostKey { server: String, found: String },
    #[error("{server}: the key of `key_file` was not accepted for this user")]
    Unauthorised { server: String },
    #[error("{path}: not a private key in OpenSSH format, or not readable")]
    KeyFile { path: std::path::PathBuf },
    #[error("{server}: cannot be reached or the connection was lost ({reason})")]
    Connection { server: String, reason: String },
    #[error("a file of the channel is no longer there")]
    Gone,
    #[error("a file or folder of the channel cannot be read or written ({reason})")]
    Refused { reason: String },
}

impl ChannelError {
    /// Trying again without a person is of no use.
    pub fn needs_a_person(&self) -> bool {
        matches!(
            self,
            ChannelError::HostKey { .. } | ChannelError::Unauthorised { .. } | ChannelError::KeyFile { .. }
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_plain_file_names_are_names() {
        for name in ["claims.837", "a b.x12", ".hidden", "ünïcode", "a..b", &"x".repeat(255)] {
            assert!(RemoteName::parse(name).is_some(), "{name}");
        }
        for name in [
            "",
            ".",
            "..",
            "../etc/passwd",
            "/etc/passwd",
            "a/b",
            "a\\b",
            "a\nb",
            "a\0b",
            "\u{1b}[2J",
            "\u{85}",
            &"x".repeat(256),
        ] {
            assert!(RemoteName::parse(name).is_none(), "{name:?}");
        }
        assert!(!format!("{:?}", RemoteName::parse("DOE_JANE.837")).contains("JANE"));
    }
}
