//! Steps that are whole or did not happen, alone or together with others.

use std::ops::Deref;

use rusqlite::{Connection, Transaction};

/// A transaction of its own, or, while steps are made together, a part of the open one.
pub(super) struct Step<'c> {
    connection: &'c Connection,
    own: Option<Transaction<'c>>,
}

impl<'c> Step<'c> {
    pub fn begin(connection: &'c Connection) -> rusqlite::Result<Step<'c>> {
        let is_alone = connection.is_autocommit();
        Ok(Step {
            connection,
            own: is_alone.then(|| connection.unchecked_transaction()).transpose()?,
        })
    }

    /// Durable when it returns, where the step is alone. One that is dropped instead is undone, or leaves
    /// it to what is made together to be undone.
    pub fn commit(self) -> rusqlite::Result<()> {
        self.own.map_or(Ok(()), Transaction::commit)
    }
}

impl Deref for Step<'_> {
    type Target = Connection;

    fn deref(&self) -> &Connection {
        self.connection
    }
}
