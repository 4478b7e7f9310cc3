//! The files of one partner that are in hand: sealed one after the other, decided together.

use std::mem;

use super::worker::FileJob;
use crate::clock::Timestamp;
use crate::ids::PartnerId;
use crate::intake::archive::{Archived, Sealed};
use crate::intake::channel::{Listed, RemoteName};
use crate::ledger::Taken;
use crate::pipeline::inbound::{Arrived, FileReport};
use crate::pipeline::together::Room;
use tokio::sync::oneshot;

/// A file that is whole.
#[derive(Debug)]
pub struct InHand {
    pub file: Listed,
    /// What says that it is whole, and goes with it.
    pub marker: Option<RemoteName>,
    pub look: Taken,
    pub received_at: Timestamp,
    /// `None`: the ledger has it from an earlier look.
    pub sealed: Option<Sealed>,
}

impl InHand {
    /// What the worker is asked to do with it, and where its answer comes.
    pub fn job(&self, archived: Archived, partner: &PartnerId) -> (FileJob, oneshot::Receiver<FileReport>) {
        let (done, taken_in) = oneshot::channel();
        let job = FileJob {
            arrived: Arrived {
                archived,
                partner: Some(partner.clone()),
                received_at: self.received_at,
            },
            partner: partner.clone(),
            look: Some(self.look),
            done,
        };
        (job, taken_in)
    }
}

/// As many files as the worker takes in together.
#[derive(Debug)]
pub struct Hand {
    files: Vec<InHand>,
    /// Of an empty hand.
    all: Room,
    left: Room,
}

impl Hand {
    pub fn new(room: Room) -> Hand {
        Hand {
            files: Vec::new(),
            all: room,
            left: room,
        }
    }

    /// Takes one more; whether the hand is full then.
    pub fn add(&mut self, file: InHand) -> bool {
        let bytes = file.sealed.as_ref().map_or(0, |sealed| sealed.archived.bytes);
        self.files.push(file);
        !self.left.take(bytes)
    }

    /// Leaves the hand empty.
    pub fn take(&mut self) -> Vec<InHand> {
        self.left = self.all;
        mem::take(&mut self.files)
    }
}
