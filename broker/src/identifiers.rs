//! The numbers by which a client of MQTT 5 knows its subscriptions.

use std::num::NonZeroU32;

use serde::{Deserialize, Serialize};

/// A subscription identifier of MQTT 5.
pub(crate) type Identifier = NonZeroU32;

/// The identifiers of all subscriptions of a session that a message has matched: as often as a client has given the
/// same one. The store keeps them as a list in JSON.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Identifiers(Vec<Identifier>);

impl Identifiers {
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Takes over those of another subscription.
    pub(crate) fn append(&mut self, others: &mut Identifiers) {
        self.0.append(&mut others.0);
    }

    /// Bytes that they take.
    pub(crate) fn size(&self) -> usize {
        size_of_val(&*self.0)
    }

    pub(crate) fn numbers(&self) -> impl Iterator<Item = u32> {
        self.0.iter().map(|identifier| identifier.get())
    }
}

impl From<Option<Identifier>> for Identifiers {
    fn from(identifier: Option<Identifier>) -> Identifiers {
        Identifiers(identifier.into_iter().collect())
    }
}
