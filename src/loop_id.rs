//! Loop identifiers of the 837P and 837I guides.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

macro_rules! loop_ids {
    ($($variant:ident $text:literal),* $(,)?) => {
        /// A loop of the 837 guides; `Header` and `Trailer` hold ST, BHT and SE.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[repr(u8)]
        pub enum LoopId { $($variant),* }

        impl LoopId {
            pub const ALL: &'static [LoopId] = &[$(LoopId::$variant),*];

            pub const fn as_str(self) -> &'static str {
                match self { $(LoopId::$variant => $text),* }
            }
        }
    };
}

loop_ids! {
    Header "ST", L1000A "1000A", L1000B "1000B",
    L2000A "2000A", L2010AA "2010AA", L2010AB "2010AB", L2010AC "2010AC",
    L2000B "2000B", L2010BA "2010BA", L2010BB "2010BB",
    L2000C "2000C", L2010CA "2010CA",
    L2300 "2300", L2310A "2310A", L2310B "2310B", L2310C "2310C", L2310D "2310D", L2310E "2310E", L2310F "2310F",
    L2320 "2320", L2330A "2330A", L2330B "2330B", L2330C "2330C", L2330D "2330D", L2330E "2330E", L2330F "2330F",
    L2330G "2330G", L2330H "2330H", L2330I "2330I",
    L2400 "2400", L2410 "2410",
    L2420A "2420A", L2420B "2420B", L2420C "2420C", L2420D "2420D", L2420E "2420E", L2420F "2420F", L2420G "2420G", L2420H "2420H",
    L2430 "2430", L2440 "2440",
    Trailer "SE",
}

impl LoopId {
    /// Whether a structural finding here rejects claims (2000B, 2000C … 2440) rather than the whole
    /// transaction set.
    pub fn belongs_to_a_claim(self) -> bool {
        !matches!(
            self,
            LoopId::Header | LoopId::L1000A | LoopId::L1000B | LoopId::L2000A | LoopId::L2010AA | LoopId::L2010AB | LoopId::L2010AC | LoopId::Trailer
        )
    }

    /// Whether the loop is a claim or part of one (2300 … 2440).
    pub fn is_in_claim(self) -> bool {
        (LoopId::L2300..=LoopId::L2440).contains(&self)
    }

    /// Whether the loop is a service line or describes one (2400 … 2440).
    pub fn is_in_line(self) -> bool {
        (LoopId::L2400..=LoopId::L2440).contains(&self)
    }
}

impl fmt::Display for LoopId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// A name that no guide has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("no loop of the 837 guides")]
pub struct UnknownLoop;

impl FromStr for LoopId {
    type Err = UnknownLoop;
    fn from_str(text: &str) -> Result<LoopId, UnknownLoop> {
        LoopId::ALL.iter().copied().find(|loop_id| loop_id.as_str() == text).ok_or(UnknownLoop)
    }
}
