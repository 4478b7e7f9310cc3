//! The channel of a partner, whichever it is.

use std::io::Read;

use crate::config;
use crate::intake::channel::{ChannelError, Listing, RemoteName};
use crate::intake::drop_folder::DropFolder;
use crate::intake::sftp::SftpChannel;

/// SFTP or directories of this machine.
#[derive(Debug)]
pub enum Channel {
    Sftp(Box<SftpChannel>),
    Folder(DropFolder),
}

impl Channel {
    /// Connects when it is first used.
    pub fn new(channel: &config::Channel) -> Channel {
        match channel {
            config::Channel::Sftp(sftp) => Channel::Sftp(Box::new(SftpChannel::new(sftp.clone()))),
            config::Channel::Folder(folder) => Channel::Folder(DropFolder::new(folder.clone())),
        }
    }

    pub async fn list(&mut self) -> Result<Listing, ChannelError> {
        match self {
            Channel::Sftp(sftp) => sftp.list().await,
            Channel::Folder(folder) => folder.list().await,
        }
    }

    pub async fn read_at(&mut self, name: &RemoteName, offset: u64, bytes: usize) -> Result<Vec<u8>, ChannelError> {
        match self {
            Channel::Sftp(sftp) => sftp.read_at(name, offset, bytes).await,
            Channel::Folder(folder) => folder.read_at(name, offset, bytes).await,
        }
    }

    pub async fn put(&mut self, name: &RemoteName, content: &mut (dyn Read + Send)) -> Result<(), ChannelError> {
        match self {
            Channel::Sftp(sftp) => sftp.put(name, content).await,
            Channel::Folder(folder) => folder.put(name, content).await,
        }
    }

    /// What was put is visible, and what was put, removed and moved is durable, when this returns.
    pub async fn settle(&mut self) -> Result<(), ChannelError> {
        match self {
            // Each call is as durable as the server makes it.
            Channel::Sftp(_) => Ok(()),
            Channel::Folder(folder) => folder.settle().await,
        }
    }

    pub async fn remove(&mut self, name: &RemoteName) -> Result<(), ChannelError> {
        match self {
            Channel::Sftp(sftp) => sftp.remove(name).await,
            Channel::Folder(folder) => folder.remove(name).await,
        }
    }

    pub async fn rename_into(&mut self, name: &RemoteName, folder: &str) -> Result<(), ChannelError> {
        match self {
            Channel::Sftp(sftp) => sftp.rename_into(name, folder).await,
            Channel::Folder(drop_folder) => drop_folder.rename_into(name, folder).await,
        }
    }
}
