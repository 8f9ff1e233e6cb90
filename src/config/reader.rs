//! Reads settings one by one and collects all faults.

use std::ops::RangeInclusive;

use super::fault::ConfigFault;
use super::settings::Setting;
use super::source::Source;

/// Reads from a source and collects the faults.
pub(super) struct Reader<'a> {
    source: &'a Source,
    faults: Vec<ConfigFault>,
}

impl<'a> Reader<'a> {
    /// Makes a reader, which starts with the faults of the source.
    pub(super) fn new(source: &'a Source) -> Self {
        Self {
            source,
            faults: source.faults.clone(),
        }
    }

    /// Returns all faults.
    pub(super) fn into_faults(self) -> Vec<ConfigFault> {
        self.faults
    }

    /// Adds a fault, unless the setting has one already.
    pub(super) fn fault(&mut self, setting: &Setting, wanted: impl Into<String>) {
        if self.faults.iter().all(|fault| fault.variable != setting.variable) {
            self.faults.push(ConfigFault::new(setting, wanted));
        }
    }

    /// Adds the faults of a file that a setting names, each of which has its own place there.
    pub(super) fn faults(&mut self, setting: &Setting, wanted: Vec<String>) {
        let faults = wanted.into_iter().map(|wanted| ConfigFault::new(setting, wanted));
        self.faults.extend(faults);
    }

    /// Returns the given text, or else the default; `None` if there is neither.
    pub(super) fn text(&self, setting: &Setting) -> Option<&'a str> {
        let default = Some(setting.default).filter(|default| !default.is_empty());
        self.source.get(setting).or(default)
    }

    /// Parses a setting that has a default.
    pub(super) fn parse<T>(&mut self, setting: &Setting, parse: impl Fn(&str) -> Result<T, String>) -> Option<T> {
        let parsed = parse(self.text(setting).unwrap_or_default());
        parsed.map_err(|wanted| self.fault(setting, wanted)).ok()
    }

    /// Parses a setting that may be absent: `None` is a fault, `Some(None)` an absent setting.
    #[expect(clippy::option_option, reason = "a faulty setting differs from an absent one")]
    pub(super) fn parse_optional<T>(
        &mut self,
        setting: &Setting,
        parse: impl Fn(&str) -> Result<T, String>,
    ) -> Option<Option<T>> {
        match self.text(setting) {
            None => Some(None),
            Some(text) => parse(text).map(Some).map_err(|wanted| self.fault(setting, wanted)).ok(),
        }
    }

    /// Parses a whole number within bounds.
    pub(super) fn number(&mut self, setting: &Setting, bounds: RangeInclusive<u32>) -> Option<u32> {
        self.parse(setting, |text| parse_number(text, &bounds))
    }

    /// Parses a whole number within bounds, in a setting that may be absent.
    #[expect(clippy::option_option, reason = "a faulty setting differs from an absent one")]
    pub(super) fn optional_number(&mut self, setting: &Setting, bounds: RangeInclusive<u32>) -> Option<Option<u32>> {
        self.parse_optional(setting, |text| parse_number(text, &bounds))
    }

    /// Parses one of a fixed set of words.
    pub(super) fn one_of<T: Copy>(&mut self, setting: &Setting, words: &[(&str, T)]) -> Option<T> {
        self.parse(setting, |text| {
            let found = words.iter().find(|(word, _)| *word == text).map(|(_, value)| *value);
            let names: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
            found.ok_or_else(|| format!("must be one of {}", names.join(", ")))
        })
    }

    /// Parses a list separated by commas; an empty text is an empty list.
    pub(super) fn list<T>(&mut self, setting: &Setting, parse: impl Fn(&str) -> Result<T, String>) -> Option<Vec<T>> {
        self.parse(setting, |text| {
            text.split(',')
                .map(str::trim)
                .filter(|item| !item.is_empty())
                .map(&parse)
                .collect()
        })
    }
}

fn parse_number(text: &str, bounds: &RangeInclusive<u32>) -> Result<u32, String> {
    let number = text.parse().ok().filter(|number| bounds.contains(number));
    number.ok_or_else(|| format!("must be a whole number from {} to {}", bounds.start(), bounds.end()))
}
