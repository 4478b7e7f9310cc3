//! Protected health information, by type.
//!
//! A [`Phi<T>`] cannot be printed, logged or serialised by accident: its `Debug` is redacted, it has
//! no `Display` and no `Serialize`. The only way to the value is [`Phi::expose_for`], which names the
//! purpose; `tests/tidy.rs` keeps the list of files that may call it.
//!
//! To the next editor: a new [`Purpose`] is a new way out of the house. Add it here, say who receives
//! the value, and extend the allow-list in `tests/tidy.rs` in the same commit.

use std::fmt;

/// Why protected information leaves its wrapper: who will see it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// Decide the claim: compared in memory, never shown.
    Adjudicate,
    /// Derive a keyed token.
    Tokenise,
    /// Write X12 to the provider or clearinghouse that sent it (835, 277CA).
    Answer,
    /// Encrypt it into the ledger or the reference data store.
    Seal,
    /// Show it to an operator who gave a reason (audited).
    Reveal,
    /// Make or compare synthetic material, which names no person.
    Synthesise,
}

/// A value that identifies a person or their care.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Phi<T>(T);

impl<T> Phi<T> {
    pub const fn new(value: T) -> Phi<T> {
        Phi(value)
    }

    /// The value, for the stated purpose.
    pub fn expose_for(&self, _purpose: Purpose) -> &T {
        &self.0
    }

    /// Wraps the result of a function of the value; nothing leaves.
    pub fn map<U>(&self, function: impl FnOnce(&T) -> U) -> Phi<U> {
        Phi(function(&self.0))
    }
}

impl<T> fmt::Debug for Phi<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[PHI]")
    }
}

/// `#[serde(with = "crate::phi::sealing")]`: the explicit opt-in of a record whose bytes are encrypted
/// before they reach a disk. Refuses human-readable formats, so JSON can never carry the value.
pub mod sealing {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    use super::{Phi, Purpose};

    pub fn serialize<T: Serialize, S: Serializer>(value: &Phi<T>, serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() {
            return Err(serde::ser::Error::custom("protected information is only written to sealed records"));
        }
        value.expose_for(Purpose::Seal).serialize(serializer)
    }

    pub fn deserialize<'de, T: Deserialize<'de>, D: Deserializer<'de>>(deserializer: D) -> Result<Phi<T>, D::Error> {
        T::deserialize(deserializer).map(Phi::new)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_is_redacted_at_any_depth() {
        assert_eq!(format!("{:?}", Some(Phi::new("Ana"))), "Some([PHI])");
    }

    #[test]
    fn json_refuses_a_sealed_field() {
        #[derive(serde::Serialize)]
        struct Record {
            #[serde(with = "sealing")]
            name: Phi<String>,
        }
        let record = Record { name: Phi::new("Ana".into()) };
        assert!(serde_json::to_string(&record).is_err());
        assert!(postcard::to_stdvec(&record).is_ok());
    }
}
