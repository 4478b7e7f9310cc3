//! Every file of the ledger has its sealed copy, and the copy is still what was received.

use super::store::Records;
use super::{Check, Named, Patient};
use crate::intake::archive::Archive;
use crate::limits;

pub(super) fn archive(patient: &Patient<'_>, records: &Records) -> Check {
    let archive = Archive::new(patient.directory.archive());
    let (mut damaged, mut unread) = (Named::default(), Named::default());
    let (mut read, mut left) = (0u64, limits::DOCTOR_ARCHIVE_BYTES);
    // The newest first: the oldest were read most often.
    for row in records.files.iter().rev() {
        let within = patient.deep || row.bytes <= left;
        left = left.saturating_sub(if within { row.bytes } else { 0 });
        read += u64::from(within);
        match archive.verify(&row.file, row.bytes, patient.keys, within) {
            Ok(damage) => damage
                .iter()
                .for_each(|damage| damaged.add(|| format!("archive/{}.sealed {damage}", row.file.hex()))),
            Err(error) => unread.add(|| format!("archive/{}.sealed: {error}", row.file.hex())),
        }
    }
    let files = records.files.len();
    if damaged.count > 0 {
        let message = format!("{} damaged place(s) in what was received", damaged.count);
        Check::damaged(
            "archive",
            message,
            "take the sealed copies from a backup; the decisions stand, and cannot be verified without them",
        )
        .about(damaged)
    } else if unread.count > 0 {
        let message = format!("{} of {files} sealed file(s) cannot be read", unread.count);
        Check::fail("archive", message, "see that the disk and the modes of archive/ are in order").about(unread)
    } else if read == files as u64 {
        Check::ok("archive", format!("{files} sealed file(s), every byte of them authentic"))
    } else {
        Check::ok(
            "archive",
            format!("{files} sealed files are there, {read} of them read and authentic; --deep reads all"),
        )
    }
}
