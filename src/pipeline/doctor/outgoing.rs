//! What left: the event log has the length that was recorded, and delivered files are there and balance.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{self, BufReader, Read};
use std::path::{Path, PathBuf};

use super::store::Records;
use super::{Check, Named, Patient};
use crate::delivery::event_log;
use crate::events::cloudevent::Topic;
use crate::events::fact::{DeadUnit, Fact};
use crate::ledger::Seq;
use crate::money::Money;
use crate::pipeline::reading::{ReadError, for_each_segment};
use crate::remittance::balance::BalanceCheck;
use crate::sealing::SealedReader;

/// Each file of the embedded event log against the length that the ledger recorded.
pub(super) fn event_log(patient: &Patient<'_>, records: &Records) -> Check {
    if patient.config.kafka.is_some() {
        return Check::skipped("event-log", "events go to Kafka");
    }
    let (mut shorter, mut longer) = (Named::default(), Named::default());
    for topic in Topic::ALL {
        let path = event_log::path(&patient.directory.events(), topic.name());
        let found = fs::metadata(&path).map_or(0, |metadata| metadata.len());
        let recorded = records.events.lengths.get(topic.name()).copied().unwrap_or(0);
        let name = path.file_name().unwrap_or_default().display();
        let text = || format!("events/{name} has {found} bytes, {recorded} are recorded");
        match found.cmp(&recorded) {
            std::cmp::Ordering::Less => shorter.add(text),
            std::cmp::Ordering::Equal => {}
            std::cmp::Ordering::Greater => longer.add(text),
        }
    }
    if shorter.count > 0 {
        let remedy = "restore events/ from a backup, or ask consumers for what they have; delivery refuses to go on over a gap";
        Check::damaged("event-log", "delivered events are missing", remedy).about(shorter)
    } else if longer.count > 0 {
        let remedy = "nothing: the next start cuts what was not recorded and writes it again";
        Check::warn("event-log", "it was interrupted while it was written", remedy).about(longer)
    } else {
        Check::ok("event-log", format!("{} topics as long as recorded", Topic::ALL.len()))
    }
}

/// The acknowledgements and 835s that were delivered.
#[derive(Default)]
pub(super) struct Answers {
    root: PathBuf,
    delivered: Seq,
    /// Positions whose answer was put aside instead.
    put_aside: BTreeSet<Seq>,
    count: u64,
    missing: Named,
    /// 835s that are there, with what the ledger says they pay.
    remittances: Vec<(PathBuf, Money)>,
}

impl Answers {
    /// Those that are recorded as delivered, below the outbound directory.
    pub fn under(root: PathBuf, records: &Records) -> Answers {
        let answers = records.dead_letters.iter().filter(|letter| letter.unit == DeadUnit::Answer);
        Answers {
            root,
            delivered: records.files_delivered.seq,
            put_aside: answers.map(|letter| letter.seq).collect(),
            ..Answers::default()
        }
    }

    pub fn accept(&mut self, seq: Seq, fact: &Fact) {
        if seq > self.delivered || self.put_aside.contains(&seq) {
            return;
        }
        match fact {
            Fact::AckBuilt(ack) => {
                let name = ack.file_name();
                self.look_for(Path::new(ack.partner.as_str()).join(name));
            }
            Fact::RemitBuilt(remit) => {
                let name = Path::new("835").join(remit.payee_npi.as_str()).join(remit.file_name());
                if let Some(found) = self.look_for(name) {
                    self.remittances.push((found, remit.payment()));
                }
            }
            Fact::FileReceived(_)
            | Fact::FileDuplicate(_)
            | Fact::FileRejected(_)
            | Fact::FileCompleted(_)
            | Fact::ClaimRejected(_)
            | Fact::ClaimAdjudicated(_)
            | Fact::ClaimReversed(_)
            | Fact::RemitDelivered(_)
            | Fact::RemitSent(_)
            | Fact::RemitAcknowledged(_)
            | Fact::DeadLettered(_)
            | Fact::Redriven(_) => {}
        }
    }

    /// A file of this name, plain or sealed.
    fn look_for(&mut self, name: PathBuf) -> Option<PathBuf> {
        self.count += 1;
        let plain = self.root.join(&name);
        let mut sealed = plain.clone();
        sealed.as_mut_os_string().push(".sealed");
        let found = [plain, sealed].into_iter().find(|path| path.exists());
        if found.is_none() {
            self.missing.add(|| format!("outbound/{}", name.display()));
        }
        found
    }

    /// Are they there, and, looked at deeply, do the 835s balance?
    pub fn checks(self, patient: &Patient<'_>) -> [Check; 2] {
        let remittances = self.balance(patient);
        let outbound = if self.missing.count == 0 {
            Check::ok("outbound", format!("{} acknowledgement(s) and remittance(s) as delivered", self.count))
        } else {
            let message = format!("{} of {} delivered file(s) are not there", self.missing.count, self.count);
            let remedy = "nothing, when their channel or a person took them; else restore outbound/ from a backup";
            Check::warn("outbound", message, remedy).about(self.missing)
        };
        [outbound, remittances]
    }

    fn balance(&self, patient: &Patient<'_>) -> Check {
        if !patient.deep {
            return Check::skipped("remittances", "--deep proves that every 835 still balances");
        }
        let mut unbalanced = Named::default();
        for (path, payment) in &self.remittances {
            if let Some(what) = self::unbalanced(path, *payment, patient) {
                unbalanced.add(|| format!("{}: {what}", path.strip_prefix(patient.directory.root()).unwrap_or(path).display()));
            }
        }
        let count = self.remittances.len();
        if unbalanced.count == 0 {
            Check::ok("remittances", format!("{count} of them balance and pay what the ledger says"))
        } else {
            let message = format!("{} of {count} are not as they were written", unbalanced.count);
            let remedy = "do not send them; restore outbound/835 from a backup, and see `claimstream remit check FILE`";
            Check::damaged("remittances", message, remedy).about(unbalanced)
        }
    }
}

/// Why an 835 is not the one that was written.
fn unbalanced(path: &Path, payment: Money, patient: &Patient<'_>) -> Option<String> {
    let open = || -> io::Result<Box<dyn Read>> {
        let file = BufReader::new(File::open(path)?);
        let is_sealed = path.extension().is_some_and(|extension| extension == "sealed");
        Ok(if is_sealed {
            Box::new(SealedReader::new(file, patient.keys)?)
        } else {
            Box::new(file)
        })
    };
    let mut check = BalanceCheck::default();
    let read = open().map_err(ReadError::Io).and_then(|mut input| {
        for_each_segment(&mut input, |segment| {
            check.accept(segment);
            Ok::<(), ReadError>(())
        })
    });
    if let Err(error) = read {
        return Some(error.to_string());
    }
    let report = check.finish();
    match report.findings.first() {
        Some(finding) => Some(finding.to_string()),
        None if report.payment != payment => Some(format!("pays {} more than the ledger says", report.payment - payment)),
        None => None,
    }
}
