//! Providers of a claim (2310x) or a line (2420x).

use super::super::party::{Provider, ProviderRole};
use super::parties::name;
use super::push_within;
use super::reading::{Reading, tags};
use crate::finding::Check;
use crate::ids::Taxonomy;
use crate::limits;

/// NM1 adds a provider; its PRV adds the taxonomy. `open` says whether the last provider of the list
/// is the one of this loop.
pub(super) fn read(providers: &mut Vec<Provider>, open: &mut bool, reading: &mut Reading<'_, '_>) {
    let segment = reading.segment;
    match segment.tag() {
        tags::NM1 => {
            *open = false;
            if let Some(role) = ProviderRole::of_entity(segment.element(1)) {
                let provider = Provider {
                    at: segment.at,
                    role,
                    name: name(segment),
                    npi: reading.npi(role.entity()),
                    taxonomy: None,
                };
                *open = push_within(providers, limits::PROVIDERS_MAX, provider);
            }
        }
        tags::PRV => {
            if let (true, Some(provider)) = (*open, providers.last_mut()) {
                provider.taxonomy = reading.code(3, Taxonomy::parse, Check::S509, 145);
            }
        }
        _ => {}
    }
}
