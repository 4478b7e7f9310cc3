//! What to generate: the only input of the generator.

use chrono::{Days, NaiveDate};

use super::draw::{Draw, Stream};
use crate::ids::Form;

/// Claims of one file: PCNs count them in eight digits.
pub const CLAIMS_MAX: u64 = 99_999_999;

/// Seeded defects per thousand claims: every duplicate needs a sound claim shortly before it.
pub const ERRORS_PER_MILLE_MAX: u32 = 900;

/// Which claims a file holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mix {
    Professional,
    Institutional,
    /// Three professional claims to one institutional, in groups of one interchange.
    Both,
}

/// ISA15.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Usage {
    Production,
    Test,
}

impl Usage {
    pub(super) fn code(self) -> &'static str {
        match self {
            Usage::Production => "P",
            Usage::Test => "T",
        }
    }
}

/// Everything the generator's output is a function of: the same recipe gives the same bytes on every
/// machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recipe {
    form: Mix,
    claims: u64,
    seed: u64,
    errors_per_mille: u32,
    anchor: NaiveDate,
    usage: Usage,
    interchange_claims: u64,
}

/// A recipe that cannot be followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RecipeError {
    #[error("{found} claims, expected at least 1 and at most {CLAIMS_MAX}")]
    Claims { found: u64 },
    #[error("errors of {found} per mille, expected at most {ERRORS_PER_MILLE_MAX} (90 percent): each duplicate needs a sound claim before it")]
    Errors { found: u32 },
    #[error("anchor date {found}, expected a date from 2018 to 2090")]
    Anchor { found: NaiveDate },
}

impl Recipe {
    /// `anchor` is the date of the file: service dates of timely claims lie 5 to 150 days before it,
    /// those of late claims 420 days or more, so the answer key holds for a receipt up to six months
    /// after it. `errors_per_mille` of the claims get one defect each.
    ///
    /// # Errors
    /// [`RecipeError`] when a number is outside its bounds.
    pub fn new(form: Mix, claims: u64, seed: u64, errors_per_mille: u32, anchor: NaiveDate) -> Result<Recipe, RecipeError> {
        if claims == 0 || claims > CLAIMS_MAX {
            return Err(RecipeError::Claims { found: claims });
        }
        if errors_per_mille > ERRORS_PER_MILLE_MAX {
            return Err(RecipeError::Errors { found: errors_per_mille });
        }
        if !(2018..=2090).contains(&chrono::Datelike::year(&anchor)) {
            return Err(RecipeError::Anchor { found: anchor });
        }
        Ok(Recipe {
            form,
            claims,
            seed,
            errors_per_mille,
            anchor,
            usage: Usage::Test,
            interchange_claims: quarter_multiple(claims.div_ceil(2).clamp(500, 20_000)),
        })
    }

    /// ISA15; test unless said otherwise.
    pub fn with_usage(self, usage: Usage) -> Recipe {
        Recipe { usage, ..self }
    }

    /// At most this many claims (rounded up to four) per interchange instead of the usual 500 to
    /// 20,000.
    pub fn with_interchange_claims(self, claims: u64) -> Recipe {
        Recipe {
            interchange_claims: quarter_multiple(claims.clamp(1, CLAIMS_MAX)),
            ..self
        }
    }

    pub fn form(&self) -> Mix {
        self.form
    }

    pub fn claims(&self) -> u64 {
        self.claims
    }

    pub fn seed(&self) -> u64 {
        self.seed
    }

    pub fn anchor(&self) -> NaiveDate {
        self.anchor
    }

    pub fn errors_per_mille(&self) -> u32 {
        self.errors_per_mille
    }

    pub(super) fn usage(&self) -> Usage {
        self.usage
    }

    pub(super) fn interchange_claims(&self) -> u64 {
        self.interchange_claims
    }

    pub(super) fn days_before(&self, days: u64) -> NaiveDate {
        self.anchor.checked_sub_days(Days::new(days)).unwrap_or(self.anchor)
    }

    /// The seed as PCNs and authorization numbers show it, at most ten characters. Seeds beyond
    /// 36¹⁰ (about 3.6 × 10¹⁵) fold.
    pub(super) fn seed_tag(&self) -> String {
        let mut rest = self.seed % 36u64.pow(10);
        let mut digits = Vec::new();
        loop {
            digits.push(char::from_digit(u32::try_from(rest % 36).unwrap_or(0), 36).unwrap_or('0').to_ascii_uppercase());
            rest /= 36;
            if rest == 0 {
                return digits.into_iter().rev().collect();
            }
        }
    }

    /// A number that differs between recipes of one seed; seeds of one recipe differ by one.
    pub(super) fn control_base(&self) -> u64 {
        let form = match self.form {
            Mix::Professional => 1,
            Mix::Institutional => 2,
            Mix::Both => 3,
        };
        let days = u64::try_from(self.anchor.signed_duration_since(NaiveDate::MIN).num_days()).unwrap_or(0);
        let shape = [self.claims, u64::from(self.errors_per_mille), self.interchange_claims, days]
            .into_iter()
            .fold(form, |shape, part| Draw::new(shape, Stream::ControlNumber, part).next());
        // Halved, so that adding a seed cannot wrap for any seed worth typing.
        (shape / 2).wrapping_add(self.seed)
    }
}

/// The wire forms a recipe produces.
impl Mix {
    pub(super) fn forms(self) -> &'static [Form] {
        match self {
            Mix::Professional => &[Form::Professional],
            Mix::Institutional => &[Form::Institutional],
            Mix::Both => &[Form::Professional, Form::Institutional],
        }
    }
}

/// A quarter of an interchange is institutional in a mix.
fn quarter_multiple(claims: u64) -> u64 {
    claims.div_ceil(4) * 4
}

#[cfg(test)]
mod tests {
    use super::*;

    fn anchor() -> NaiveDate {
        NaiveDate::from_ymd_opt(2026, 11, 1).unwrap()
    }

    #[test]
    fn bounds() {
        let recipe = |claims, errors, anchor| Recipe::new(Mix::Both, claims, 1, errors, anchor).map(|_| ());
        assert_eq!(recipe(1, 0, anchor()), Ok(()));
        assert_eq!(recipe(0, 0, anchor()), Err(RecipeError::Claims { found: 0 }));
        assert_eq!(recipe(CLAIMS_MAX + 1, 0, anchor()), Err(RecipeError::Claims { found: CLAIMS_MAX + 1 }));
        assert_eq!(recipe(1, 901, anchor()), Err(RecipeError::Errors { found: 901 }));
        let early = NaiveDate::from_ymd_opt(2017, 12, 31).unwrap();
        assert_eq!(recipe(1, 0, early), Err(RecipeError::Anchor { found: early }));
    }

    #[test]
    fn seed_tags_are_base_36_and_bounded() {
        let tag = |seed| Recipe::new(Mix::Both, 1, seed, 0, anchor()).unwrap().seed_tag();
        assert_eq!([tag(0), tag(35), tag(36)], ["0", "Z", "10"]);
        assert!(tag(u64::MAX).len() <= 10);
    }
}
