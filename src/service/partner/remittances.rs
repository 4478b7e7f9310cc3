//! The 835s of the payees that are enrolled with a partner, on their way to it.
//!
//! Which of them are with the partner stands in the ledger, one by one: a payee that is enrolled later has
//! its 835s sent then. A crash between an upload and its record repeats the upload, under the same name.

use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::PathBuf;
use std::sync::Arc;

use tokio::sync::oneshot;
use tracing::{info, warn};

use super::{Desk, Round, Trouble};
use crate::clock::Timestamp;
use crate::delivery::FILES_DELIVERY;
use crate::intake::channel::RemoteName;
use crate::ledger::Ledger;
use crate::ledger::remits::{RemitRow, Remits};
use crate::limits;
use crate::pipeline::remit_sending::SentRemit;
use crate::sealing::SealedReader;
use crate::service::worker::{Job, SentRemits};

/// What a task remembers from one time to the next.
#[derive(Debug, Default)]
pub(super) struct Remittances {
    was_tried: bool,
    /// 835s whose files were not there the last time.
    missing: u64,
}

impl Remittances {
    /// Whether it is the first time since the task began.
    pub fn is_first_time(&mut self) -> bool {
        !std::mem::replace(&mut self.was_tried, true)
    }
}

/// A file of ours that is to be sent, opened where it is sealed.
pub(super) fn content(desk: &Desk, mut path: PathBuf) -> io::Result<Box<dyn Read + Send>> {
    Ok(if desk.seals_outbound {
        path.as_mut_os_string().push(".sealed");
        Box::new(SealedReader::new(BufReader::new(File::open(&path)?), &desk.keys)?)
    } else {
        Box::new(File::open(&path)?)
    })
}

impl Round {
    /// Sends what is written and not with the partner yet, payee by payee, oldest first.
    pub(super) async fn send_remittances(&mut self) -> Result<(), Trouble> {
        let payees = Arc::new(self.partner.remit.payees.clone());
        if payees.is_empty() {
            return Ok(());
        }
        let (waiting, written) = self
            .read_ledger(move |ledger| {
                let mut waiting = ledger.payees_unsent()?;
                waiting.retain(|payee| payees.have(payee));
                Ok((waiting, ledger.delivered(FILES_DELIVERY)?.unwrap_or_default().seq))
            })
            .await?;
        let (mut missing, mut batch) = (0, Vec::new());
        for payee in waiting {
            let mut after = 0;
            loop {
                let room = limits::FILES_RELEASED_AT_ONCE - batch.len();
                let rows = self.read_ledger(move |ledger| ledger.remits_unsent(&payee, after, written, room)).await?;
                let Some(last) = rows.last() else { break };
                after = last.built;
                batch.extend(rows);
                if batch.len() >= limits::FILES_RELEASED_AT_ONCE {
                    missing += self.send_together(&std::mem::take(&mut batch)).await?;
                }
            }
        }
        missing += self.send_together(&batch).await?;
        if missing > 0 && missing != self.remittances.missing {
            let partner = self.partner.profile.id.as_str();
            warn!(partner, missing, "835s are to be sent and are not below outbound/835; they are waited for");
        }
        self.remittances.missing = missing;
        Ok(())
    }

    /// Uploads some, and has them recorded when they are there for good; how many files were not to be found.
    async fn send_together(&mut self, rows: &[RemitRow]) -> Result<u64, Trouble> {
        let (mut sent, mut missing, mut trouble) = (Vec::with_capacity(rows.len()), 0, None);
        for row in rows {
            match self.upload(row).await {
                Ok(true) => sent.push(SentRemit {
                    built: row.built,
                    sent_at: Timestamp::now(),
                }),
                Ok(false) => missing += 1,
                Err(error) => {
                    trouble = Some(error);
                    break;
                }
            }
        }
        if !sent.is_empty() {
            // What is only put may not be visible, and is lost with this process.
            self.channel.settle().await?;
            self.record(sent).await?;
        }
        trouble.map_or(Ok(missing), Err)
    }

    /// `false`: its file is not there. It may be about to be written again, or a person has it.
    async fn upload(&mut self, row: &RemitRow) -> Result<bool, Trouble> {
        let name = row.file_name();
        let path = self.desk.outbound.join("835").join(row.payee_npi.as_str()).join(&name);
        let mut content = match content(&self.desk, path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
            content => content?,
        };
        let Some(name) = RemoteName::parse(&name) else { return Ok(false) };
        self.channel.put(&name, &mut *content).await?;
        info!(
            partner = self.partner.profile.id.as_str(),
            trn02 = row.trace.as_str(),
            number = row.control_number,
            "an 835 is sent"
        );
        Ok(true)
    }

    async fn record(&self, sent: Vec<SentRemit>) -> Result<(), Trouble> {
        let (done, recorded) = oneshot::channel();
        let partner = self.partner.profile.id.clone();
        let job = Job::RemitsSent(SentRemits { partner, sent, done });
        self.jobs.send(job).await.map_err(|_| Trouble::Ended)?;
        recorded.await.map_err(|_| Trouble::Ended)
    }
}
