//! One connection to an SFTP server: made, authenticated, and what is asked over it.
//!
//! Answers of the server become [`ChannelError`] here. Its own texts are left out: they can name files.

use std::fmt;
use std::io::Read;
use std::sync::Arc;
use std::time::Duration;

use russh::client::{self, AuthResult};
use russh::keys::{HashAlg, PrivateKey, PrivateKeyWithHashAlg};
use russh::{ChannelMsg, Preferred, SshId};
use russh_sftp::client::RawSftpSession;
use russh_sftp::client::error::Error as SftpError;
use russh_sftp::protocol::{File, FileAttributes, OpenFlags, Packet, StatusCode};
use tokio::task::JoinSet;
use zeroize::Zeroizing;

use super::host_key::{self, HandshakeError, PinnedHost};
use crate::config::Sftp;
use crate::intake::channel::{ChannelError, Listed, Listing, RemoteName};
use crate::limits;

/// For the connection and its handshake, and for the question whether an old one still answers.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// For every later request.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(30);

/// A silent connection is asked this often whether it still lives, and ends after three questions without
/// an answer. Address translators forget connections that are silent for some minutes.
const KEEPALIVE: Duration = Duration::from_secs(30);

/// Ends what no keep-alive ends: a handshake whose other side has gone silent.
const SILENCE_MAX: Duration = Duration::from_secs(150);

const POSIX_RENAME: &str = "posix-rename@openssh.com";
const FSYNC: &str = "fsync@openssh.com";

/// An open connection.
pub(super) struct Session {
    /// As it is configured: host:port.
    server: String,
    ssh: client::Handle<PinnedHost>,
    sftp: Arc<RawSftpSession>,
    renames_over: bool,
    syncs: bool,
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session").field("server", &self.server).finish_non_exhaustive()
    }
}

impl Session {
    /// Connects, checks the server's key, and only then shows who we are.
    ///
    /// # Errors
    /// Every kind but [`ChannelError::Gone`].
    pub async fn connect(config: &Sftp) -> Result<Session, ChannelError> {
        let key = user_key(config)?;
        let server = format!("{}:{}", config.host, config.port);
        let mut ssh = within(&server, CONNECT_TIMEOUT, shake_hands(config, &server)).await?;
        within(&server, REQUEST_TIMEOUT, authenticate(&mut ssh, config, key, &server)).await?;
        let sftp = within(&server, REQUEST_TIMEOUT, start_sftp(&ssh, &server)).await?;
        sftp.set_timeout(REQUEST_TIMEOUT.as_secs());
        let version = sftp.init().await.map_err(|error| trouble(&server, &error))?;
        let has = |extension, version_of| version.extensions.get(extension).is_some_and(|offered: &String| offered == version_of);
        Ok(Session {
            renames_over: has(POSIX_RENAME, "1"),
            syncs: has(FSYNC, "1"),
            ssh,
            sftp: Arc::new(sftp),
            server,
        })
    }

    /// Whether the server still answers on this connection.
    pub async fn answers(&self) -> bool {
        let question = tokio::time::timeout(CONNECT_TIMEOUT, self.sftp.realpath("."));
        !self.ssh.is_closed() && matches!(question.await, Ok(Ok(_) | Err(SftpError::Status(_))))
    }

    /// The regular files of a folder.
    ///
    /// # Errors
    /// A folder that is not there is [`ChannelError::Refused`].
    pub async fn list(&self, folder: &str) -> Result<Listing, ChannelError> {
        let handle = match self.sftp.opendir(folder).await {
            Ok(opened) => self.usable(opened.handle)?,
            Err(error) => return Err(self.trouble_with_folder(&error, "the inbound folder is not there")),
        };
        let listing = self.list_open(folder, &handle).await;
        if !matches!(listing, Err(ChannelError::Connection { .. })) {
            self.close_quietly(&handle).await;
        }
        let mut listing = listing?;
        listing.files.sort_by(|one, other| one.name.cmp(&other.name));
        Ok(listing)
    }

    async fn list_open(&self, folder: &str, handle: &str) -> Result<Listing, ChannelError> {
        let mut listing = Listing::default();
        let mut entries = 0;
        while entries < limits::LISTED_FILES_MAX {
            let batch = match self.sftp.readdir(handle).await {
                Ok(batch) => batch.files,
                Err(error) if is_status(&error, StatusCode::Eof) => break,
                Err(error) => return Err(self.trouble(&error)),
            };
            // An end that is not said, and would never come.
            if batch.is_empty() {
                break;
            }
            for entry in batch.into_iter().filter(|entry| !matches!(entry.filename.as_str(), "." | "..")) {
                entries += 1;
                match self.listed(folder, entry).await? {
                    Some(file) => listing.files.push(file),
                    None => listing.refused += 1,
                }
            }
        }
        Ok(listing)
    }

    /// `None` for what is no regular file, or has no name that we would say again.
    async fn listed(&self, folder: &str, entry: File) -> Result<Option<Listed>, ChannelError> {
        let name = RemoteName::parse(&entry.filename).filter(|_| is_utf_8(&entry.filename));
        let Some(name) = name else { return Ok(None) };
        let mut attributes = entry.attrs;
        if attributes.permissions.is_none() || attributes.size.is_none() {
            attributes = match self.sftp.lstat(super::path_of(folder, &name)).await {
                Ok(asked) => asked.attrs,
                Err(SftpError::Status(_)) => return Ok(None),
                Err(error) => return Err(self.trouble(&error)),
            };
        }
        Ok(attributes.size.filter(|_| is_regular(&attributes)).map(|bytes| Listed {
            name,
            bytes,
            modified: attributes.mtime.map_or(0, i64::from),
        }))
    }

    /// Opens a file and reads from it; the handle is for more of it.
    ///
    /// # Errors
    /// [`ChannelError::Gone`] for a file that is not there, [`ChannelError::Refused`] for what is no regular file.
    pub async fn open_and_read(&self, path: &str, offset: u64, bytes: usize) -> Result<(String, Vec<u8>), ChannelError> {
        let handle = self.open_for_reading(path).await?;
        match self.read(&handle, offset, bytes).await {
            Ok(read) => Ok((handle, read)),
            Err(error) => {
                if !matches!(error, ChannelError::Connection { .. }) {
                    self.close_quietly(&handle).await;
                }
                Err(error)
            }
        }
    }

    /// Opens a regular file. Another kind can have taken its name since it was listed, and a pipe would keep
    /// the server waiting.
    async fn open_for_reading(&self, path: &str) -> Result<String, ChannelError> {
        let found = self.sftp.lstat(path).await.map_err(|error| self.trouble(&error))?;
        if !is_regular(&found.attrs) {
            return Err(refused("not a regular file"));
        }
        let opened = self.sftp.open(path, OpenFlags::READ, FileAttributes::empty()).await;
        self.usable(opened.map_err(|error| self.trouble(&error))?.handle)
    }

    /// The bytes from an offset on; fewer than asked for only at the end of the file.
    ///
    /// # Errors
    /// As the server answers.
    pub async fn read(&self, handle: &str, offset: u64, bytes: usize) -> Result<Vec<u8>, ChannelError> {
        let mut read = Vec::with_capacity(bytes.min(limits::READ_BYTES));
        while read.len() < bytes {
            let wanted = (bytes - read.len()).min(limits::READ_BYTES);
            let got = self.read_pieces(handle, offset.saturating_add(read.len() as u64), wanted).await?;
            let is_end = got.len() < wanted;
            read.extend(got);
            if is_end {
                break;
            }
        }
        Ok(read)
    }

    /// Asks for all pieces at once: one round trip for all of them.
    async fn read_pieces(&self, handle: &str, offset: u64, wanted: usize) -> Result<Vec<u8>, ChannelError> {
        let mut asked = JoinSet::new();
        for start in (0..wanted).step_by(limits::SFTP_PIECE_BYTES) {
            let (sftp, handle) = (Arc::clone(&self.sftp), handle.to_string());
            let bytes = (wanted - start).min(limits::SFTP_PIECE_BYTES);
            asked.spawn(async move { (start, read_piece(&sftp, &handle, offset.saturating_add(start as u64), bytes).await) });
        }
        let mut pieces = Vec::new();
        while let Some(answered) = asked.join_next().await {
            let (start, piece) = answered.map_err(|_| self.lost("the request was given up"))?;
            pieces.push((start, piece.map_err(|error| self.trouble(&error))?));
        }
        pieces.sort_by_key(|(start, _)| *start);
        let mut read: Vec<u8> = Vec::with_capacity(wanted);
        for (start, piece) in pieces {
            // A file that grows meanwhile can have a piece after the one that met its end.
            if start == read.len() {
                read.extend(piece);
            }
        }
        Ok(read)
    }

    /// Writes a file under a temporary name, syncs it where the server can, and gives it its name.
    ///
    /// # Errors
    /// As the server answers; a folder that is not there is [`ChannelError::Refused`].
    pub async fn put(&self, temporary: &str, path: &str, content: &mut (dyn Read + Send)) -> Result<(), ChannelError> {
        let flags = OpenFlags::WRITE | OpenFlags::CREATE | OpenFlags::TRUNCATE;
        let handle = match self.sftp.open(temporary, flags, FileAttributes::empty()).await {
            Ok(opened) => self.usable(opened.handle)?,
            Err(error) => return Err(self.trouble_with_folder(&error, "the outbound folder is not there")),
        };
        let written = self.write_and_close(&handle, content).await;
        let put = match written {
            Ok(()) => self.rename_over(temporary, path).await,
            Err(error) => Err(error),
        };
        if matches!(put, Err(ChannelError::Refused { .. } | ChannelError::Gone)) {
            // Best effort: what it says would hide the reason, and the next put writes over it.
            self.sftp.remove(temporary).await.ok();
        }
        put
    }

    async fn write_and_close(&self, handle: &str, content: &mut (dyn Read + Send)) -> Result<(), ChannelError> {
        let written = match self.write_all(handle, content).await {
            Ok(()) if self.syncs => self.sftp.fsync(handle).await.map(|_| ()).map_err(|error| self.trouble(&error)),
            other => other,
        };
        if let Err(ChannelError::Connection { .. }) = written {
            return written;
        }
        // Also after an error; of a whole file a refused close says that it is not whole.
        let closed = self.sftp.close(handle).await.map(|_| ()).map_err(|error| self.trouble(&error));
        written.and(closed)
    }

    async fn write_all(&self, handle: &str, content: &mut (dyn Read + Send)) -> Result<(), ChannelError> {
        let mut offset = 0;
        loop {
            let mut read = Vec::with_capacity(limits::READ_BYTES);
            // From a file of ours, so short that the thread may wait for it.
            let filled = content.take(limits::READ_BYTES as u64).read_to_end(&mut read);
            filled.map_err(|error| refused(&format!("what is to be sent cannot be read: {}", error.kind())))?;
            if read.is_empty() {
                return Ok(());
            }
            self.write_pieces(handle, offset, &read).await?;
            offset += read.len() as u64;
        }
    }

    async fn write_pieces(&self, handle: &str, offset: u64, bytes: &[u8]) -> Result<(), ChannelError> {
        let mut sent = JoinSet::new();
        let mut start = offset;
        for piece in bytes.chunks(limits::SFTP_PIECE_BYTES) {
            let (sftp, handle, piece) = (Arc::clone(&self.sftp), handle.to_string(), piece.to_vec());
            let length = piece.len() as u64;
            sent.spawn(async move { sftp.write(handle, start, piece).await });
            start += length;
        }
        while let Some(answered) = sent.join_next().await {
            let answer = answered.map_err(|_| self.lost("the request was given up"))?;
            answer.map_err(|error| self.trouble(&error))?;
        }
        Ok(())
    }

    /// Removes a file.
    ///
    /// # Errors
    /// [`ChannelError::Gone`] for a file that is not there.
    pub async fn remove(&self, path: &str) -> Result<(), ChannelError> {
        self.sftp.remove(path).await.map(|_| ()).map_err(|error| self.trouble(&error))
    }

    /// Creates a folder, and those above it, where it is missing.
    ///
    /// # Errors
    /// As the server answers.
    pub async fn ensure_folder(&self, folder: &str) -> Result<(), ChannelError> {
        match self.sftp.stat(folder).await {
            Ok(found) if found.attrs.is_dir() => return Ok(()),
            Ok(_) => return Err(refused("the folder to move to is not a folder")),
            Err(error) if is_status(&error, StatusCode::NoSuchFile) => {}
            Err(error) => return Err(self.trouble(&error)),
        }
        let folder = super::folder_of(folder);
        let above = folder.match_indices('/').map(|(end, _)| end).filter(|end| *end > 0);
        let mut last = Ok(());
        for end in above.chain([folder.len()]) {
            // One that is there already refuses; what matters is whether the last one could be made.
            last = match self.sftp.mkdir(folder.get(..end).unwrap_or(folder), FileAttributes::empty()).await {
                Ok(_) => Ok(()),
                Err(SftpError::Status(_)) => Err(refused("the folder to move to cannot be created")),
                Err(error) => return Err(self.trouble(&error)),
            };
        }
        last
    }

    /// Renames a file, over another one that may have the name.
    ///
    /// # Errors
    /// [`ChannelError::Gone`] for a file that is not there.
    pub async fn rename_over(&self, from: &str, to: &str) -> Result<(), ChannelError> {
        if self.renames_over {
            let answer = self.sftp.extended(POSIX_RENAME, [text_field(from), text_field(to)].concat()).await;
            return match answer {
                Ok(Packet::Status(status)) if status.status_code == StatusCode::Ok => Ok(()),
                Ok(Packet::Status(status)) => Err(self.trouble(&SftpError::Status(status))),
                Ok(_) => Err(self.trouble(&SftpError::UnexpectedPacket)),
                Err(error) => Err(self.trouble(&error)),
            };
        }
        match self.sftp.rename(from, to).await {
            // The protocol's own rename leaves a file alone that has the name already.
            Err(error) if is_status(&error, StatusCode::Failure) => {
                match self.remove(to).await {
                    Ok(()) | Err(ChannelError::Gone) => {}
                    Err(error) => return Err(error),
                }
                self.sftp.rename(from, to).await
            }
            renamed => renamed,
        }
        .map(|_| ())
        .map_err(|error| self.trouble(&error))
    }

    /// Closes a handle that is not needed any more, whatever the server says to that.
    pub async fn close_quietly(&self, handle: &str) {
        self.sftp.close(handle).await.ok();
    }

    /// The library holds handles as text, and would send another one back where the bytes are none.
    fn usable(&self, handle: String) -> Result<String, ChannelError> {
        if is_utf_8(&handle) {
            Ok(handle)
        } else {
            Err(refused("the server's file handles are not text, which this client cannot work with"))
        }
    }

    fn trouble(&self, error: &SftpError) -> ChannelError {
        trouble(&self.server, error)
    }

    fn trouble_with_folder(&self, error: &SftpError, missing: &str) -> ChannelError {
        match self.trouble(error) {
            ChannelError::Gone => refused(missing),
            other => other,
        }
    }

    fn lost(&self, reason: &str) -> ChannelError {
        lost(&self.server, reason)
    }
}

// ---- the steps of a connection

/// A server can have several keys, and shows the one that we prefer: when that one is not pinned, another
/// may be. What is reported then is the first.
async fn shake_hands(config: &Sftp, server: &str) -> Result<client::Handle<PinnedHost>, ChannelError> {
    let mut algorithms = host_key::algorithms();
    let mut first = None;
    loop {
        let host = PinnedHost {
            pins: config.host_keys.clone(),
        };
        let address = (config.host.as_str(), config.port);
        let error = match client::connect(Arc::new(ssh_config(&algorithms)), address, host).await {
            Ok(ssh) => return Ok(ssh),
            Err(error) => error,
        };
        let (found, others) = match (error, first.take()) {
            (HandshakeError::NotPinned { found, algorithm }, first) => (first.unwrap_or(found), host_key::without(&algorithms, &algorithm)),
            (HandshakeError::Ssh(_), Some(found)) => (found, None),
            (HandshakeError::Ssh(error), None) => return Err(ssh_trouble(server, &error)),
        };
        let Some(others) = others else {
            return Err(ChannelError::HostKey {
                server: server.to_string(),
                found,
            });
        };
        (algorithms, first) = (others, Some(found));
    }
}

fn ssh_config(host_keys: &[russh::keys::Algorithm]) -> client::Config {
    client::Config {
        client_id: SshId::Standard(concat!("SSH-2.0-claimstream_", env!("CARGO_PKG_VERSION")).into()),
        preferred: Preferred {
            key: host_keys.to_vec().into(),
            ..Preferred::DEFAULT
        },
        keepalive_interval: Some(KEEPALIVE),
        keepalive_max: 3,
        inactivity_timeout: Some(SILENCE_MAX),
        // A request waits for its answer: nothing is gained by holding it back.
        nodelay: true,
        ..client::Config::default()
    }
}

fn user_key(config: &Sftp) -> Result<PrivateKey, ChannelError> {
    let wrong = || ChannelError::KeyFile { path: config.key_file.clone() };
    let mut text = Zeroizing::new(String::new());
    let file = std::fs::File::open(&config.key_file).map_err(|_| wrong())?;
    file.take(limits::KEY_FILE_BYTES_MAX).read_to_string(&mut text).map_err(|_| wrong())?;
    let key = PrivateKey::from_openssh(text.as_str()).map_err(|_| wrong())?;
    if key.is_encrypted() { Err(wrong()) } else { Ok(key) }
}

async fn authenticate(ssh: &mut client::Handle<PinnedHost>, config: &Sftp, key: PrivateKey, server: &str) -> Result<(), ChannelError> {
    let key = match key.algorithm().is_rsa() {
        true => PrivateKeyWithHashAlg::new(Arc::new(key), Some(rsa_hash(ssh).await)),
        false => PrivateKeyWithHashAlg::new(Arc::new(key), None),
    };
    match ssh.authenticate_publickey(config.user.as_str(), key).await {
        Ok(AuthResult::Success) => Ok(()),
        Ok(AuthResult::Failure { .. }) => Err(ChannelError::Unauthorised { server: server.to_string() }),
        Err(error) => Err(ssh_trouble(server, &error)),
    }
}

/// What the server takes signatures by an RSA key with. One that names nothing may still take SHA-256; SHA-1
/// is never offered.
async fn rsa_hash(ssh: &client::Handle<PinnedHost>) -> HashAlg {
    match ssh.best_supported_rsa_hash().await {
        Ok(Some(Some(hash))) => hash,
        Ok(Some(None) | None) | Err(_) => HashAlg::Sha256,
    }
}

async fn start_sftp(ssh: &client::Handle<PinnedHost>, server: &str) -> Result<RawSftpSession, ChannelError> {
    let mut channel = ssh.channel_open_session().await.map_err(|error| ssh_trouble(server, &error))?;
    channel.request_subsystem(true, "sftp").await.map_err(|error| ssh_trouble(server, &error))?;
    loop {
        match channel.wait().await {
            Some(ChannelMsg::Success) => return Ok(RawSftpSession::new(channel.into_stream())),
            Some(ChannelMsg::WindowAdjusted { .. }) => {}
            _ => return Err(lost(server, "the server does not offer sftp to this user")),
        }
    }
}

// ---- answers

async fn read_piece(sftp: &RawSftpSession, handle: &str, offset: u64, bytes: usize) -> Result<Vec<u8>, SftpError> {
    let mut piece = Vec::new();
    while piece.len() < bytes {
        // At most SFTP_PIECE_BYTES.
        let missing = u32::try_from(bytes - piece.len()).unwrap_or(u32::MAX);
        match sftp.read(handle, offset.saturating_add(piece.len() as u64), missing).await {
            Ok(answer) if answer.data.is_empty() => break,
            Ok(answer) => piece.extend(answer.data),
            Err(error) if is_status(&error, StatusCode::Eof) => break,
            Err(error) => return Err(error),
        }
    }
    // No server may give more than was asked for.
    piece.truncate(bytes);
    Ok(piece)
}

async fn within<T>(server: &str, limit: Duration, step: impl Future<Output = Result<T, ChannelError>>) -> Result<T, ChannelError> {
    let silent = |_| lost(server, &format!("no answer within {} s", limit.as_secs()));
    tokio::time::timeout(limit, step).await.map_err(silent)?
}

fn trouble(server: &str, error: &SftpError) -> ChannelError {
    match error {
        SftpError::Status(status) => match status.status_code {
            StatusCode::NoSuchFile => ChannelError::Gone,
            StatusCode::PermissionDenied => refused("permission denied"),
            StatusCode::Failure => refused("the server could not do it, and says no more"),
            StatusCode::OpUnsupported => refused("the server does not support it"),
            StatusCode::Ok | StatusCode::Eof | StatusCode::BadMessage => refused("an answer out of place"),
            StatusCode::NoConnection | StatusCode::ConnectionLost => lost(server, "the server lost its connection"),
        },
        SftpError::Timeout => lost(server, &format!("no answer within {} s", REQUEST_TIMEOUT.as_secs())),
        SftpError::IO(_) | SftpError::UnexpectedBehavior(_) => lost(server, "the connection ended"),
        SftpError::Limited(_) | SftpError::UnexpectedPacket => lost(server, "an answer that is not of the protocol"),
    }
}

fn ssh_trouble(server: &str, error: &russh::Error) -> ChannelError {
    match error {
        russh::Error::IO(error) => lost(server, &error.kind().to_string()),
        russh::Error::NoCommonAlgo { kind, .. } => lost(server, &format!("no algorithm in common: {kind:?}")),
        other => lost(server, &other.to_string()),
    }
}

fn lost(server: &str, reason: &str) -> ChannelError {
    ChannelError::Connection {
        server: server.to_string(),
        reason: reason.to_string(),
    }
}

fn refused(reason: &str) -> ChannelError {
    ChannelError::Refused { reason: reason.to_string() }
}

fn is_status(error: &SftpError, code: StatusCode) -> bool {
    matches!(error, SftpError::Status(status) if status.status_code == code)
}

/// The type bits of a mode as POSIX has them; without any it could be anything.
fn is_regular(attributes: &FileAttributes) -> bool {
    attributes.permissions.is_some_and(|mode| mode & 0o170_000 == 0o100_000)
}

/// The library puts U+FFFD where bytes are no UTF-8: the text is then not what the server meant.
fn is_utf_8(text: &str) -> bool {
    !text.contains('\u{FFFD}')
}

/// A string of the protocol: its length in four bytes, then its bytes.
fn text_field(text: &str) -> Vec<u8> {
    let length = u32::try_from(text.len()).unwrap_or(u32::MAX);
    [&length.to_be_bytes(), text.as_bytes()].concat()
}

#[cfg(test)]
mod tests {
    use super::*;
    use russh_sftp::protocol::Status;

    fn status(status_code: StatusCode) -> SftpError {
        SftpError::Status(Status {
            id: 1,
            status_code,
            error_message: "/in/DOE_JANE.837".into(),
            language_tag: String::new(),
        })
    }

    #[test]
    fn an_answer_becomes_an_error_without_the_servers_words() {
        for code in [
            StatusCode::NoSuchFile,
            StatusCode::PermissionDenied,
            StatusCode::Failure,
            StatusCode::ConnectionLost,
        ] {
            let error = trouble("sftp.example:22", &status(code));
            assert!(!format!("{error} {error:?}").contains("JANE"), "{code}");
        }
        assert!(matches!(trouble("s", &status(StatusCode::NoSuchFile)), ChannelError::Gone));
        assert!(matches!(trouble("s", &status(StatusCode::PermissionDenied)), ChannelError::Refused { .. }));
        assert!(matches!(trouble("s", &status(StatusCode::ConnectionLost)), ChannelError::Connection { .. }));
        assert!(matches!(trouble("s", &SftpError::Timeout), ChannelError::Connection { .. }));
    }

    #[test]
    fn only_a_regular_file_is_one() {
        let with = |permissions| FileAttributes {
            permissions,
            ..FileAttributes::empty()
        };
        assert!(is_regular(&with(Some(0o100_600))));
        // A socket and a link share bits with it; the last ones say nothing of their kind.
        for mode in [Some(0o140_600), Some(0o120_777), Some(0o010_600), Some(0o040_700), Some(0o600), None] {
            assert!(!is_regular(&with(mode)), "{mode:?}");
        }
    }

    #[test]
    fn a_string_of_the_protocol_has_its_length_before_it() {
        assert_eq!(text_field("/a"), [0, 0, 0, 2, b'/', b'a']);
    }
}
