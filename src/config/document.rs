//! One TOML text with the environment laid over it, read key by key.
//!
//! The reading code is the schema: a section knows the names that were asked of it, so a name nobody
//! asked for is refused with the nearest one that was ([`Keys::finish`]). Every error says where the
//! setting stands: file and line, or the name of the environment variable.

use std::fmt;
use std::ops::RangeInclusive;
use std::path::PathBuf;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// Environment variables with this prefix are settings: `CLAIMSTREAM__PAYER__TIMEZONE`.
pub const ENVIRONMENT_PREFIX: &str = "CLAIMSTREAM__";

/// Names this alike are taken for a slip of the hand (normalised Levenshtein, 1 = equal).
const ALIKE_MIN: f64 = 0.6;

/// Where a setting stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    File {
        name: String,
        line: usize,
    },
    Environment(String),
    /// Set nowhere.
    Absent,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Origin::File { name, line } => write!(f, "{name} line {line}"),
            Origin::Environment(name) => write!(f, "environment {name}"),
            Origin::Absent => f.write_str("configuration"),
        }
    }
}

/// Why a configuration can't be used. Never shows a secret.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    #[error("{}: cannot be read", path.display())]
    Unreadable {
        path: PathBuf,
        #[source]
        source: std::io::Error,
    },
    #[error("{at}: not TOML: {reason}")]
    Syntax { at: Origin, reason: String },
    #[error("{at}: unknown key {key}, {}", hint(.section, *.nearest, .known))]
    UnknownKey {
        at: Origin,
        key: String,
        section: String,
        nearest: Option<&'static str>,
        known: Vec<&'static str>,
    },
    #[error("{at}: {key} is {found}, expected {expected}")]
    BadValue { at: Origin, key: String, found: String, expected: String },
    #[error("{at}: {key} is missing, expected {expected}")]
    Missing { at: Origin, key: String, expected: &'static str },
}

fn hint(section: &str, nearest: Option<&'static str>, known: &[&'static str]) -> String {
    match nearest {
        Some(name) => format!("did you mean {}?", joined(section, name)),
        None => format!("expected one of {}", known.join(", ")),
    }
}

fn joined(section: &str, key: &str) -> String {
    if section.is_empty() { key.to_string() } else { format!("{section}.{key}") }
}

/// The candidate most like the name, when it is alike enough to suggest.
pub fn nearest<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    candidates
        .into_iter()
        .map(|candidate| (strsim::normalized_damerau_levenshtein(name, candidate), candidate))
        .filter(|(alike, _)| *alike >= ALIKE_MIN)
        .max_by(|(a, _), (b, _)| a.total_cmp(b))
        .map(|(_, candidate)| candidate)
}

/// A parsed file with the settings of the environment beside it.
#[derive(Debug)]
pub struct Document<'a> {
    name: &'a str,
    text: &'a str,
    table: DeTable<'a>,
    environment: Vec<Variable>,
}

#[derive(Debug)]
struct Variable {
    name: String,
    keys: Vec<String>,
    text: String,
}

impl<'a> Document<'a> {
    /// Parses the text of the file `name` (empty when there is none) and keeps the variables with
    /// [`ENVIRONMENT_PREFIX`].
    ///
    /// # Errors
    /// [`ConfigError::Syntax`] when the text is not TOML.
    pub fn parse(name: &'a str, text: &'a str, environment: impl Iterator<Item = (String, String)>) -> Result<Document<'a>, ConfigError> {
        let table = DeTable::parse(text)
            .map_err(|error| ConfigError::Syntax {
                at: Origin::File {
                    name: name.to_string(),
                    line: line_of(text, error.span().map_or(0, |span| span.start)),
                },
                reason: error.message().to_string(),
            })?
            .into_inner();
        let environment = environment
            .filter_map(|(name, text)| {
                let keys = name.strip_prefix(ENVIRONMENT_PREFIX)?.split("__").map(str::to_ascii_lowercase).collect();
                Some(Variable { name, keys, text })
            })
            .collect();
        Ok(Document {
            name,
            text,
            table,
            environment,
        })
    }

    /// The top of the document.
    pub fn root(&self) -> Keys<'_> {
        Keys {
            document: self,
            path: String::new(),
            at: Origin::Absent,
            table: Some(&self.table),
            environment: self.environment.iter().map(|variable| (variable.keys.as_slice(), variable)).collect(),
            settings: Vec::new(),
            sections: Vec::new(),
        }
    }

    fn line(&self, offset: usize) -> Origin {
        Origin::File {
            name: self.name.to_string(),
            line: line_of(self.text, offset),
        }
    }
}

fn line_of(text: &str, offset: usize) -> usize {
    1 + text.bytes().take(offset).filter(|byte| *byte == b'\n').count()
}

/// One section being read.
#[derive(Debug)]
pub struct Keys<'a> {
    document: &'a Document<'a>,
    path: String,
    at: Origin,
    table: Option<&'a DeTable<'a>>,
    /// Variables below this section, with what is left of their keys.
    environment: Vec<(&'a [String], &'a Variable)>,
    settings: Vec<&'static str>,
    sections: Vec<&'static str>,
}

/// A value as it was found: text from the environment, or a typed one from the file.
enum Raw<'a> {
    Text(&'a str),
    Toml(&'a DeValue<'a>),
}

impl<'a> Keys<'a> {
    /// Whether the section is set at all.
    pub fn is_present(&self) -> bool {
        self.table.is_some() || !self.environment.is_empty()
    }

    /// A text that `parse` accepts, else the error says what was `expected`.
    pub fn text<T>(&mut self, key: &'static str, expected: &str, parse: impl Fn(&str) -> Option<T>) -> Result<Option<T>, ConfigError> {
        let Some((at, raw)) = self.find(key) else { return Ok(None) };
        let text = self.as_text(&at, key, &raw, expected)?;
        match parse(text) {
            Some(value) => Ok(Some(value)),
            None => Err(self.bad_value(at, key, quoted(text), expected)),
        }
    }

    /// As [`Keys::text`], but the error does not show what was found.
    pub fn concealed<T>(&mut self, key: &'static str, expected: &str, parse: impl Fn(&str) -> Option<T>) -> Result<Option<T>, ConfigError> {
        let Some((at, raw)) = self.find(key) else { return Ok(None) };
        match parse(self.as_text(&at, key, &raw, expected)?) {
            Some(value) => Ok(Some(value)),
            None => Err(self.bad_value(at, key, "something else".to_string(), expected)),
        }
    }

    /// A setting that is taken from the environment only.
    ///
    /// # Errors
    /// When the file has it.
    pub fn environment_only(&mut self, key: &'static str, instead: &str) -> Result<Option<String>, ConfigError> {
        if let Some((at, _)) = self.entry(key) {
            return Err(self.bad_value(at, key, "in the configuration file".to_string(), instead));
        }
        Ok(self.find(key).and_then(|(_, raw)| match raw {
            Raw::Text(text) => Some(text.to_string()),
            Raw::Toml(_) => None,
        }))
    }

    /// A path; an empty one counts as not set.
    pub fn path(&mut self, key: &'static str) -> Result<Option<PathBuf>, ConfigError> {
        let path = self.text(key, "a path", |text| Some(PathBuf::from(text)))?;
        Ok(path.filter(|path| !path.as_os_str().is_empty()))
    }

    /// A whole number within the range.
    pub fn whole<T: TryFrom<i64>>(&mut self, key: &'static str, range: RangeInclusive<i64>) -> Result<Option<T>, ConfigError> {
        let Some((at, raw)) = self.find(key) else { return Ok(None) };
        let expected = || format!("a whole number from {} to {}", range.start(), range.end());
        let number = match &raw {
            Raw::Text(text) => text.parse::<i64>().ok(),
            Raw::Toml(DeValue::Integer(number)) => i64::from_str_radix(number.as_str(), number.radix()).ok(),
            Raw::Toml(_) => None,
        };
        match number.filter(|number| range.contains(number)).and_then(|number| T::try_from(number).ok()) {
            Some(number) => Ok(Some(number)),
            None => Err(self.bad_value(at, key, shown(&raw), &expected())),
        }
    }

    /// `true` or `false`.
    pub fn flag(&mut self, key: &'static str) -> Result<Option<bool>, ConfigError> {
        let Some((at, raw)) = self.find(key) else { return Ok(None) };
        let flag = match &raw {
            Raw::Text(text) => text.parse().ok(),
            Raw::Toml(value) => value.as_bool(),
        };
        match flag {
            Some(flag) => Ok(Some(flag)),
            None => Err(self.bad_value(at, key, shown(&raw), "true or false")),
        }
    }

    /// A non-empty list of texts that `parse` accepts; comma-separated in the environment.
    pub fn list<T>(&mut self, key: &'static str, expected: &str, parse: impl Fn(&str) -> Option<T>) -> Result<Option<Vec<T>>, ConfigError> {
        let Some((at, raw)) = self.find(key) else { return Ok(None) };
        let items: Option<Vec<&str>> = match &raw {
            Raw::Text(text) => Some(text.split(',').map(str::trim).filter(|item| !item.is_empty()).collect()),
            Raw::Toml(value) => value.as_array().and_then(|array| array.iter().map(|item| item.get_ref().as_str()).collect()),
        };
        match items
            .filter(|items| !items.is_empty())
            .map(|items| items.into_iter().map(parse).collect::<Option<Vec<T>>>())
        {
            Some(Some(values)) => Ok(Some(values)),
            Some(None) | None => Err(self.bad_value(at, key, shown(&raw), expected)),
        }
    }

    /// Every setting of a section whose names are not a fixed list: `known` accepts a name or gives the
    /// nearest one (`names` describes them), `take` accepts the name with its text. The file only.
    ///
    /// # Errors
    /// At the first name that is not known or text that is not accepted.
    pub fn pairs(
        self,
        known: impl Fn(&str) -> Result<(), Option<&'static str>>,
        names: &[&'static str],
        expected: &str,
        mut take: impl FnMut(&str, &str) -> Option<()>,
    ) -> Result<(), ConfigError> {
        for (key, value) in self.table.into_iter().flatten() {
            let at = self.document.line(key.span().start);
            let name = key.get_ref();
            if let Err(nearest) = known(name) {
                return Err(self.unknown(at, name, nearest, names.to_vec()));
            }
            let text = self.as_text(&at, name, &Raw::Toml(value.get_ref()), expected)?;
            take(name, text).ok_or_else(|| self.bad_value(at, name, quoted(text), expected))?;
        }
        Ok(())
    }

    /// The section below this one; empty when it is not set.
    pub fn section(&mut self, key: &'static str) -> Result<Keys<'a>, ConfigError> {
        self.sections.push(key);
        let (at, table) = match self.entry(key) {
            None => (Origin::Absent, None),
            Some((at, DeValue::Table(table))) => (at, Some(table)),
            Some((at, other)) => return Err(self.bad_value(at, key, shown(&Raw::Toml(other)), &format!("a section [{}]", joined(&self.path, key)))),
        };
        let environment = self.below(key);
        Ok(self.inner(key, at, table, environment))
    }

    /// The array of sections below this one, from the file only.
    pub fn sections(&mut self, key: &'static str) -> Result<Vec<Keys<'a>>, ConfigError> {
        self.sections.push(key);
        let expected = format!("sections [[{}]] in the file", joined(&self.path, key));
        if let Some((_, variable)) = self.below(key).first() {
            return Err(self.bad_value(Origin::Environment(variable.name.clone()), key, "in the environment".to_string(), &expected));
        }
        let Some((at, value)) = self.entry(key) else { return Ok(Vec::new()) };
        let tables = value.as_array().map(|array| {
            array
                .iter()
                .map(|item| {
                    item.get_ref()
                        .as_table()
                        .map(|table| self.inner(key, self.document.line(item.span().start), Some(table), Vec::new()))
                })
                .collect::<Option<Vec<_>>>()
        });
        tables.flatten().ok_or_else(|| self.bad_value(at, key, shown(&Raw::Toml(value)), &expected))
    }

    /// Refuses what nobody asked for. To be called after the last key was asked and before a missing
    /// one is reported, so that a misspelt key is called misspelt.
    pub fn finish(&self) -> Result<(), ConfigError> {
        let known = || self.settings.iter().chain(&self.sections).copied();
        let refuse = |at, name: &str| {
            let nearest = nearest(name, known()).and_then(|nearest| known().find(|known| *known == nearest));
            Err(self.unknown(at, name, nearest, known().collect()))
        };
        for (key, _) in self.table.into_iter().flatten() {
            let name: &str = key.get_ref();
            if !known().any(|known| known == name) {
                return refuse(self.document.line(key.span().start), name);
            }
        }
        for (keys, variable) in &self.environment {
            let at = Origin::Environment(variable.name.clone());
            let Some(name) = keys.first().map(String::as_str) else { continue };
            if !known().any(|known| known == name) {
                return refuse(at, name);
            }
            if keys.len() == 1 && self.sections.contains(&name) {
                return Err(self.bad_value(at, name, "one value".to_string(), "a key of that section"));
            }
            if keys.len() > 1 && self.settings.contains(&name) {
                return Err(self.bad_value(at, name, "a section".to_string(), "one value"));
            }
        }
        Ok(())
    }

    /// The value, or the error that it has to be set.
    pub fn required<T>(&self, key: &str, expected: &'static str, value: Option<T>) -> Result<T, ConfigError> {
        value.ok_or_else(|| ConfigError::Missing {
            at: self.at.clone(),
            key: joined(&self.path, key),
            expected,
        })
    }

    /// An error about a key of this section that is well formed but can't stand here.
    pub fn refuse(&self, key: &str, found: &str, expected: &str) -> ConfigError {
        self.bad_value(self.at.clone(), key, found.to_string(), expected)
    }

    fn find(&mut self, key: &'static str) -> Option<(Origin, Raw<'a>)> {
        self.settings.push(key);
        let variable = self
            .environment
            .iter()
            .find(|(keys, _)| keys.len() == 1 && keys.first().is_some_and(|first| first == key));
        if let Some((_, variable)) = variable {
            return Some((Origin::Environment(variable.name.clone()), Raw::Text(&variable.text)));
        }
        self.entry(key).map(|(at, value)| (at, Raw::Toml(value)))
    }

    fn entry(&self, key: &str) -> Option<(Origin, &'a DeValue<'a>)> {
        let (name, value): (&Spanned<_>, &Spanned<DeValue<'a>>) = self.table?.get_key_value(key)?;
        Some((self.document.line(name.span().start), value.get_ref()))
    }

    fn below(&self, key: &str) -> Vec<(&'a [String], &'a Variable)> {
        self.environment
            .iter()
            .filter_map(|(keys, variable)| match keys.split_first() {
                Some((first, rest)) if first == key && !rest.is_empty() => Some((rest, *variable)),
                Some(_) | None => None,
            })
            .collect()
    }

    fn inner(&self, key: &str, at: Origin, table: Option<&'a DeTable<'a>>, environment: Vec<(&'a [String], &'a Variable)>) -> Keys<'a> {
        Keys {
            document: self.document,
            path: joined(&self.path, key),
            at,
            table,
            environment,
            settings: Vec::new(),
            sections: Vec::new(),
        }
    }

    fn as_text<'t>(&self, at: &Origin, key: &str, raw: &Raw<'t>, expected: &str) -> Result<&'t str, ConfigError> {
        match raw {
            Raw::Text(text) => Ok(text),
            Raw::Toml(DeValue::String(text)) => Ok(text),
            Raw::Toml(_) => Err(self.bad_value(at.clone(), key, shown(raw), expected)),
        }
    }

    fn unknown(&self, at: Origin, name: &str, nearest: Option<&'static str>, known: Vec<&'static str>) -> ConfigError {
        ConfigError::UnknownKey {
            at,
            key: joined(&self.path, name),
            section: self.path.clone(),
            nearest,
            known,
        }
    }

    fn bad_value(&self, at: Origin, key: &str, found: String, expected: &str) -> ConfigError {
        ConfigError::BadValue {
            at,
            key: joined(&self.path, key),
            found,
            expected: expected.to_string(),
        }
    }
}

fn shown(raw: &Raw<'_>) -> String {
    match raw {
        Raw::Text(text) => quoted(text),
        Raw::Toml(DeValue::Integer(number)) => number.as_str().to_string(),
        Raw::Toml(value) => format!("of type {}", value.type_str()),
    }
}

fn quoted(text: &str) -> String {
    format!("{:?}", text.chars().take(60).collect::<String>())
}
