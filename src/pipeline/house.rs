//! The opened house: configuration, data directory, keys, ledger and tables, ready for work.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use super::outbox::Outbox;
use super::reference_store::{self, ReferenceStoreError};
use super::rule_store;
use crate::config::Config;
use crate::config::Profile;
use crate::envelope::Interchange;
use crate::ids::PartnerId;
use crate::intake::archive::Archive;
use crate::intake::data_directory::{DataDirectory, DataDirectoryError};
use crate::ledger::LedgerError;
use crate::ledger::readers::Readers;
use crate::ledger::sqlite::SqliteLedger;
use crate::sealing::Keys;
use crate::tables::refdata::ReferenceData;
use crate::tables::rules::{RuleError, RulePack};

/// Everything one process works with.
#[derive(Debug)]
pub struct House {
    pub config: Config,
    pub directory: DataDirectory,
    /// Shared with the tasks that seal what arrives.
    pub keys: Arc<Keys>,
    /// The keys were made by this opening, inside the data directory.
    pub keys_are_new: bool,
    pub archive: Archive,
    pub ledger: SqliteLedger,
    pub outbox: Outbox,
    pub reference: ReferenceData,
    pub rules: RulePack,
    /// An interchange must come from the partner it is taken for (TA1 006, 008): what the service demands
    /// of its channels, and the one-off commands do not.
    pub enforces_parties: bool,
    /// Set from outside: work on a file stops with the next batch, and goes on from there another time.
    pub interrupt: Arc<AtomicBool>,
}

/// Why the house can't be opened.
#[derive(Debug, thiserror::Error)]
pub enum HouseError {
    #[error(transparent)]
    Directory(#[from] DataDirectoryError),
    #[error("the ledger cannot be opened")]
    Ledger(#[from] LedgerError),
    #[error("the reference data cannot be opened")]
    Reference(#[from] ReferenceStoreError),
    #[error("the rule pack cannot be used")]
    Rules(#[from] RuleError),
    #[error("{path}: cannot be read")]
    Io { path: PathBuf, source: std::io::Error },
    #[error("no partner `{partner}` in the configuration")]
    UnknownPartner { partner: PartnerId },
}

/// Whether a data directory and its keys may be made: by what takes something in, not by what only
/// looks (INTERFACE 2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Opening {
    MayCreate,
    MustExist,
    /// To look only, also while somebody else works here: nothing is locked, and nothing can be written.
    ToLook,
}

impl House {
    /// # Errors
    /// [`HouseError`].
    pub fn open(config: Config, opening: Opening) -> Result<House, HouseError> {
        let root = &config.service.data_dir;
        let directory = match opening {
            Opening::MayCreate => DataDirectory::open(root)?,
            Opening::MustExist => DataDirectory::open_existing(root)?,
            Opening::ToLook => DataDirectory::beside(root)?,
        };
        let (keys, keys_are_new) = directory.keys(config.phi.key_file.as_deref(), opening == Opening::MayCreate)?;
        let ledger = match opening {
            Opening::MayCreate | Opening::MustExist => SqliteLedger::open(&directory.ledger(), &keys)?,
            Opening::ToLook => SqliteLedger::open_to_read(&directory.ledger(), &keys)?,
        };
        let reference = reference_store::current(&directory.refdata(), &keys)?;
        let rules = rule_pack(&config)?;
        let outbox = Outbox::new(&config, directory.events());
        let archive = Archive::new(directory.archive());
        if opening != Opening::ToLook {
            rule_store::keep(&directory.rules(), &keys, &rules)?;
            archive.discard_unfinished().map_err(|source| HouseError::Io {
                path: archive.directory().to_path_buf(),
                source,
            })?;
        }
        Ok(House {
            config,
            directory,
            keys: Arc::new(keys),
            keys_are_new,
            archive,
            ledger,
            outbox,
            reference,
            rules,
            enforces_parties: false,
            interrupt: Arc::default(),
        })
    }

    /// Connections that read the ledger beside the one that writes it.
    pub fn readers(&self) -> Readers<&Keys> {
        Readers::new(self.directory.ledger(), &self.keys)
    }

    /// The profile under which an interchange is treated: the named partner's, else the one whose
    /// sender and receiver match, else the default profile.
    ///
    /// # Errors
    /// [`HouseError::UnknownPartner`] when a name is given that the configuration does not have.
    pub fn profile(&self, named: Option<&PartnerId>, interchange: Option<&Interchange>) -> Result<Profile, HouseError> {
        profile(&self.config, named, interchange)
    }
}

/// See [`House::profile`].
///
/// # Errors
/// [`HouseError::UnknownPartner`].
pub fn profile(config: &Config, named: Option<&PartnerId>, interchange: Option<&Interchange>) -> Result<Profile, HouseError> {
    if let Some(partner) = named {
        return config
            .partner_named(partner.as_str())
            .map(|partner| partner.profile.clone())
            .ok_or_else(|| HouseError::UnknownPartner { partner: partner.clone() });
    }
    let matching = interchange.and_then(|interchange| {
        config
            .partners
            .iter()
            .find(|partner| partner.isa_sender.to_string() == interchange.sender.as_str() && partner.isa_receiver.to_string() == interchange.receiver.as_str())
    });
    Ok(matching.map(|partner| partner.profile.clone()).unwrap_or_default())
}

/// The configured rule pack, else the embedded one.
///
/// # Errors
/// [`HouseError`].
pub fn rule_pack(config: &Config) -> Result<RulePack, HouseError> {
    match &config.rules.dir {
        None => Ok(RulePack::embedded().map_err(RuleError::clone)?.clone()),
        Some(directory) => {
            let path = directory.join("calop.toml");
            let text = std::fs::read_to_string(&path).map_err(|source| HouseError::Io { path, source })?;
            Ok(RulePack::parse(&text)?)
        }
    }
}
