//! The reference data in force is what its name says, and what decisions name is kept.

use std::collections::BTreeSet;
use std::fs;

use super::{Check, Named, Patient};
use crate::ids::ContentDigest;
use crate::pipeline::reference_store::{self, ReferenceStoreError};
use crate::sealing::SealError;
use crate::tables::refdata::ReferenceData;

const NAME: &str = "reference-data";
const RESTORE: &str = "restore refdata/ from a backup, or load the files again (`claimstream refdata load DIR`)";

pub(super) fn reference_data(patient: &Patient<'_>, named: &BTreeSet<ContentDigest>) -> Check {
    let store = patient.directory.refdata();
    let reference = match reference_store::current(&store, patient.keys) {
        Ok(reference) => reference,
        Err(error) => return unusable(&error),
    };
    let digest = reference.digest();
    if let Ok(current) = fs::read_to_string(store.join("current"))
        && current.trim() != digest.hex()
    {
        return Check::damaged(NAME, format!("the tables in force have digest {digest}, and another name"), RESTORE);
    }
    let embedded = ReferenceData::embedded().ok().map(|embedded| embedded.digest());
    let kept = |digest: &&ContentDigest| Some(**digest) == embedded || store.join(digest.hex()).is_dir();
    let lost: Named = named.iter().filter(|digest| !kept(digest)).collect();
    if lost.count > 0 {
        let message = format!("decisions name {} set(s) of reference data that are gone", lost.count);
        let remedy = "restore refdata/ from a backup; until then `explain --verify` and `replay` refuse those decisions";
        return Check::damaged(NAME, message, remedy).about(lost);
    }
    Check::ok(
        NAME,
        format!("{digest} is in force and as named; decisions name {} set(s), all of them kept", named.len()),
    )
}

fn unusable(error: &ReferenceStoreError) -> Check {
    let is_damage = match error {
        ReferenceStoreError::Load { .. } | ReferenceStoreError::Missing { .. } => true,
        ReferenceStoreError::Io { source, .. } => source.get_ref().is_some_and(|inner| inner.is::<SealError>()),
        ReferenceStoreError::Embedded(_) | ReferenceStoreError::Empty { .. } | ReferenceStoreError::Store(_) => false,
    };
    let cause = std::error::Error::source(error).map_or_else(String::new, |cause| format!(": {cause}"));
    let message = format!("{error}{cause}");
    if is_damage {
        Check::damaged(NAME, message, RESTORE)
    } else {
        Check::fail(NAME, message, RESTORE)
    }
}
