//! A partner's SFTP server: its folders as a channel.
//!
//! This file says what is done in which order and when a connection is made anew; `session` speaks to the
//! server, `host_key` decides whether it is the right one.

mod host_key;
mod session;

use std::io::Read;

use super::channel::{ChannelError, Listing, RemoteName};
use crate::config::Sftp;
use session::Session;

/// The channel of a partner with `[partner.sftp]`. It connects when it is first used and stays connected.
///
/// Every call begins with a question that harms nothing; an old connection that does not answer it is
/// replaced before the call does its work. What fails with [`ChannelError::Connection`] after that is for
/// the caller to try again; each call can be repeated.
#[derive(Debug)]
pub struct SftpChannel {
    config: Sftp,
    session: Option<Session>,
    reading: Option<Reading>,
}

/// The file that was read from last, open on the server.
#[derive(Debug)]
struct Reading {
    name: RemoteName,
    handle: String,
}

impl SftpChannel {
    pub fn new(config: Sftp) -> SftpChannel {
        SftpChannel {
            config,
            session: None,
            reading: None,
        }
    }

    /// The regular files of the inbound folder, in the order of their names. Of a folder with more than
    /// `limits::CHANNEL_ENTRIES_MAX` entries only so many: the others are seen when these are gone.
    ///
    /// # Errors
    /// As of every call: a connection that can't be made or was lost, a server that is not the pinned one or
    /// does not know our key, and what it refuses.
    pub async fn list(&mut self) -> Result<Listing, ChannelError> {
        let folder = self.config.inbound.clone();
        let listing = self.session().await?.list(&folder).await;
        self.settle(listing)
    }

    /// The bytes of an inbound file from an offset on: as many as are asked for, fewer only at its end. The
    /// file stays open for more of it, until anything else is asked.
    ///
    /// # Errors
    /// [`ChannelError::Gone`] when the file is no longer there, and as [`SftpChannel::list`].
    pub async fn read_at(&mut self, name: &RemoteName, offset: u64, bytes: usize) -> Result<Vec<u8>, ChannelError> {
        if let (Some(session), Some(reading)) = (&self.session, &self.reading)
            && reading.name == *name
        {
            match session.read(&reading.handle, offset, bytes).await {
                // Between two reads of a file that grows a connection can be lost unnoticed.
                Err(ChannelError::Connection { .. }) => self.disconnect(),
                answered => return answered,
            }
        }
        let path = path_of(&self.config.inbound, name);
        let opened = self.session().await?.open_and_read(&path, offset, bytes).await;
        let (handle, read) = self.settle(opened)?;
        self.reading = Some(Reading { name: name.clone(), handle });
        Ok(read)
    }

    /// Writes a file into the outbound folder: under a temporary name, synced where the server can, then
    /// renamed, over an older one of the same name. A put that fails leaves no file of that name behind, at
    /// most the temporary one, which the next put of that name writes over.
    ///
    /// # Errors
    /// As [`SftpChannel::list`]; a content that can't be read is [`ChannelError::Refused`].
    pub async fn put(&mut self, name: &RemoteName, content: &mut (dyn Read + Send)) -> Result<(), ChannelError> {
        let temporary = format!("{}/.{}.tmp", folder_of(&self.config.outbound), name.as_str());
        let path = path_of(&self.config.outbound, name);
        let put = self.session().await?.put(&temporary, &path, content).await;
        self.settle(put)
    }

    /// Removes an inbound file.
    ///
    /// # Errors
    /// [`ChannelError::Gone`] when it is no longer there, and as [`SftpChannel::list`].
    pub async fn remove(&mut self, name: &RemoteName) -> Result<(), ChannelError> {
        let path = path_of(&self.config.inbound, name);
        let removed = self.session().await?.remove(&path).await;
        self.settle(removed)
    }

    /// Moves an inbound file into another folder of the server, which is created when it is missing; a file
    /// of that name there is replaced.
    ///
    /// # Errors
    /// [`ChannelError::Gone`] when the file is no longer there, and as [`SftpChannel::list`].
    pub async fn rename_into(&mut self, name: &RemoteName, folder: &str) -> Result<(), ChannelError> {
        let (from, to) = (path_of(&self.config.inbound, name), path_of(folder, name));
        let session = self.session().await?;
        let moved = match session.ensure_folder(folder).await {
            Ok(()) => session.rename_over(&from, &to).await,
            Err(error) => Err(error),
        };
        self.settle(moved)
    }

    /// A session that answered just now, with no file open.
    async fn session(&mut self) -> Result<&Session, ChannelError> {
        // Taken out, so that a call that is given up half-way leaves none that may be broken.
        let (session, reading) = (self.session.take(), self.reading.take());
        let answering = match session {
            Some(session) if session.answers().await => {
                if let Some(reading) = reading {
                    session.close_quietly(&reading.handle).await;
                }
                session
            }
            Some(_) | None => Session::connect(&self.config).await?,
        };
        Ok(self.session.insert(answering))
    }

    /// The outcome of a call; the session ends with its connection.
    fn settle<T>(&mut self, outcome: Result<T, ChannelError>) -> Result<T, ChannelError> {
        if let Err(ChannelError::Connection { .. }) = &outcome {
            self.disconnect();
        }
        outcome
    }

    fn disconnect(&mut self) {
        self.session = None;
        self.reading = None;
    }
}

/// `/` itself becomes nothing, so that a name can follow.
fn folder_of(folder: &str) -> &str {
    folder.trim_end_matches('/')
}

fn path_of(folder: &str, name: &RemoteName) -> String {
    format!("{}/{}", folder_of(folder), name.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_joined_to_any_way_of_writing_a_folder() {
        let name = RemoteName::parse("a.837").unwrap();
        for (folder, path) in [
            ("/", "/a.837"),
            ("/in", "/in/a.837"),
            ("/in/", "/in/a.837"),
            ("in", "in/a.837"),
            (".", "./a.837"),
        ] {
            assert_eq!(path_of(folder, &name), path, "{folder}");
        }
    }

    fn sftp(key_file: &std::path::Path) -> Sftp {
        Sftp {
            host: "127.0.0.1".into(),
            port: 1,
            user: "claims".into(),
            key_file: key_file.into(),
            host_keys: vec!["SHA256:x".into()],
            inbound: "/in".into(),
            outbound: "/out".into(),
        }
    }

    #[test]
    fn every_call_can_be_given_to_another_thread() {
        fn sent<T: Send>(_: T) {}
        let (mut channel, name) = (SftpChannel::new(sftp("key".as_ref())), RemoteName::parse("a.837").unwrap());
        sent(channel.list());
        sent(channel.read_at(&name, 0, 1));
        sent(channel.put(&name, &mut std::io::empty()));
        sent(channel.remove(&name));
        sent(channel.rename_into(&name, "done"));
    }

    #[tokio::test]
    async fn what_is_wrong_before_any_connection_is_named() {
        let directory = tempfile::tempdir().unwrap();
        let missing = SftpChannel::new(sftp(&directory.path().join("none"))).list().await.unwrap_err();
        assert!(matches!(missing, ChannelError::KeyFile { .. }) && missing.needs_a_person(), "{missing}");

        let wrong = directory.path().join("wrong");
        std::fs::write(&wrong, "-----BEGIN PRIVATE KEY-----\nSECRET\n-----END PRIVATE KEY-----\n").unwrap();
        let wrong = SftpChannel::new(sftp(&wrong)).list().await.unwrap_err();
        assert!(
            matches!(wrong, ChannelError::KeyFile { .. }) && !format!("{wrong:?}").contains("SECRET"),
            "{wrong}"
        );
    }
}
