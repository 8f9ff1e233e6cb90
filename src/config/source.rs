//! Where settings come from: flags, the environment, `.env`. No other module reads the environment.
//!
//! Flags take precedence over the environment, and the environment over `.env`.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use super::fault::ConfigFault;
use super::settings::{ALL, DATABASE_URL, MASTER_KEY, Setting};
use crate::domain::typed_text;

/// A file that a secret was read from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SecretFile {
    /// The variable of the setting, without `_FILE`.
    pub variable: &'static str,
    /// The file.
    pub path: PathBuf,
}

/// The file of settings in the directory that the program is started in.
const DOT_ENV: &str = ".env";

/// The settings whose empty value is a fault. Other empty settings count as not given, because tools write unset values
/// that way. With an empty database URL or master key, however, the program would silently create another database or
/// another key.
const NEVER_EMPTY: [&Setting; 2] = [&DATABASE_URL, &MASTER_KEY];

/// The texts of the settings that were given.
#[derive(Default)]
pub struct Source {
    values: BTreeMap<&'static str, String>,
    /// Settings whose text is not available: given twice, or in a file that cannot be read.
    pub(super) faults: Vec<ConfigFault>,
    /// Variables that look like settings and are not.
    pub unknown: Vec<String>,
    /// The files that secrets were read from, each with the variable of its secret.
    pub(super) secret_files: Vec<SecretFile>,
}

impl Source {
    /// Collects the texts. The keys of `flags` are names of settings, with the suffix `_FILE` if the value is a path.
    pub fn collect(flags: &BTreeMap<String, String>) -> Self {
        let (dot_env, fault) = match dot_env() {
            Ok(dot_env) => (dot_env, None),
            Err(fault) => (BTreeMap::new(), Some(fault)),
        };
        let mut source = Self::from_layers(flags, &environment(), &dot_env);
        source.faults.extend(fault);
        source
    }

    /// Makes a source from names and values, without the environment, for programs that embed the service.
    pub fn from_pairs(pairs: &[(&str, &str)]) -> Self {
        let mut source = Self::default();
        for setting in ALL {
            if let Some((_, value)) = pairs.iter().find(|(given, _)| *given == setting.name) {
                source.take(setting, typed_text::trim(value).to_owned());
            }
        }
        source
    }

    /// Stores the text of a setting, or adds a fault if it must not be empty.
    fn take(&mut self, setting: &'static Setting, text: String) {
        if !text.is_empty() {
            self.values.insert(setting.name, text);
        } else if NEVER_EMPTY.iter().any(|never| never.name == setting.name) {
            let wanted = "is given and empty: give it a value, or do not set it at all";
            self.faults.push(ConfigFault::new(setting, wanted));
        }
    }

    /// Returns the text given for a setting.
    pub fn get(&self, setting: &Setting) -> Option<&str> {
        self.values.get(setting.name).map(String::as_str)
    }

    fn from_layers(
        flags: &BTreeMap<String, String>,
        environment: &BTreeMap<String, String>,
        dot_env: &BTreeMap<String, String>,
    ) -> Self {
        let mut source = Self {
            unknown: unknown(environment, dot_env),
            ..Self::default()
        };
        for setting in ALL {
            let layers = [
                (flags, setting.name.to_owned(), None),
                (environment, setting.variable.to_owned(), None),
                (dot_env, setting.variable.to_owned(), Some(DOT_ENV)),
            ];
            let given = layers.iter().find_map(|(layer, name, held_in)| {
                let text = from_layer(layer, name, setting)?;
                let file = layer.get(&format!("{name}_FILE")).map(String::as_str).or(*held_in);
                Some((text, file.filter(|_| setting.secret)))
            });
            if let Some((_, Some(file))) = &given {
                source.secret_files.push(SecretFile {
                    variable: setting.variable,
                    path: PathBuf::from(file),
                });
            }
            match given.map(|(text, _)| text) {
                Some(Ok(text)) => source.take(setting, text),
                Some(Err(fault)) => source.faults.push(fault),
                None => {}
            }
        }
        source
    }
}

/// Looks up a setting in one layer, by value or, for secrets, by the file that contains it.
///
/// White space around the value is trimmed, and so are line ends and byte order marks, which tools leave when they copy
/// files into the environment.
fn from_layer(layer: &BTreeMap<String, String>, name: &str, setting: &Setting) -> Option<Result<String, ConfigFault>> {
    let file = layer.get(&format!("{name}_FILE")).filter(|_| setting.secret);
    match (layer.get(name), file) {
        (Some(_), Some(_)) => Some(Err(ConfigFault::new(
            setting,
            "is given both as a value and as a file: give only one",
        ))),
        (Some(value), None) => Some(Ok(typed_text::trim(value).to_owned())),
        (None, Some(path)) => Some(read_file(path, setting)),
        (None, None) => None,
    }
}

fn read_file(path: &str, setting: &Setting) -> Result<String, ConfigFault> {
    let text = std::fs::read_to_string(Path::new(path))
        .map_err(|error| ConfigFault::new(setting, format!("cannot be read from {path}: {error}")))?;
    Ok(typed_text::trim(&text).to_owned())
}

/// Variables that the packages for back ends read. A developer has them in the same environment.
const OF_BACK_ENDS: [&str; 2] = ["VESTIBULE_ISSUER", "VESTIBULE_AUDIENCE"];

/// Finds variables with the prefix `VESTIBULE_` that are not settings: most likely they are misspelt.
fn unknown(environment: &BTreeMap<String, String>, dot_env: &BTreeMap<String, String>) -> Vec<String> {
    let is_known = |name: &&String| {
        OF_BACK_ENDS.contains(&name.as_str())
            || ALL.iter().any(|setting| {
                **name == setting.variable || setting.secret && **name == format!("{}_FILE", setting.variable)
            })
    };
    let ours = environment
        .keys()
        .chain(dot_env.keys())
        .filter(|name| name.starts_with("VESTIBULE_"));
    let mut unknown: Vec<String> = ours.filter(|name| !is_known(name)).cloned().collect();
    unknown.sort();
    unknown.dedup();
    unknown
}

/// Returns the log filter of `RUST_LOG`, or the default.
pub fn log_filter() -> String {
    let given = |layer: BTreeMap<String, String>| layer.get("RUST_LOG").cloned();
    given(environment())
        .or_else(|| dot_env().ok().and_then(given))
        .unwrap_or_else(|| "info,actix_server=warn".to_owned())
}

/// Returns a variable that is not a setting of this program but of a library.
pub fn foreign(name: &str) -> Option<String> {
    environment().remove(name).filter(|value| !value.is_empty())
}

fn environment() -> BTreeMap<String, String> {
    #[expect(
        clippy::disallowed_methods,
        reason = "this is the one place that reads the environment"
    )]
    let all = std::env::vars_os();
    all.filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .collect()
}

/// Reads `.env` in the current directory. A missing file is the same as an empty one. A file that cannot be read is a
/// fault: otherwise a secret in it would just seem unset.
fn dot_env() -> Result<BTreeMap<String, String>, ConfigFault> {
    match std::fs::read(DOT_ENV) {
        Ok(text) => read_dot_env(&text),
        // Virtual environments of Python are often directories with this name.
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::IsADirectory) => {
            Ok(BTreeMap::new())
        }
        Err(error) => Err(unreadable_dot_env(&dotenvy::Error::Io(error))),
    }
}

fn read_dot_env(text: &[u8]) -> Result<BTreeMap<String, String>, ConfigFault> {
    let entries = dotenvy::from_read_iter(typed_text::without_byte_order_mark(text));
    entries
        .collect::<Result<_, _>>()
        .map_err(|error| unreadable_dot_env(&error))
}

/// Reports the position at which parsing stopped, but not the text there, which may be a secret.
fn unreadable_dot_env(error: &dotenvy::Error) -> ConfigFault {
    match error {
        dotenvy::Error::LineParse(_line, position) => ConfigFault::of(
            ".env",
            format!("a line cannot be parsed at its character {position}: quote values with blanks or signs"),
        ),
        other => ConfigFault::of(".env", format!("cannot be read: {other}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::settings::LISTEN;

    fn layer(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect()
    }

    #[test]
    fn flags_go_before_the_environment_and_that_before_dot_env() {
        let (flag, variable, dot_env) = (
            layer(&[("LISTEN", "a")]),
            layer(&[("VESTIBULE_LISTEN", "b")]),
            layer(&[("VESTIBULE_LISTEN", "c")]),
        );
        let none = BTreeMap::new();
        let listen = |flags, environment, dot_env| {
            Source::from_layers(flags, environment, dot_env)
                .get(&LISTEN)
                .map(str::to_owned)
        };
        assert_eq!(listen(&flag, &variable, &dot_env).as_deref(), Some("a"));
        assert_eq!(listen(&none, &variable, &dot_env).as_deref(), Some("b"));
        assert_eq!(listen(&none, &none, &dot_env).as_deref(), Some("c"));
        assert_eq!(listen(&none, &none, &none), None);
    }

    #[test]
    fn a_secret_comes_from_a_value_or_a_file_but_not_both() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "from file\n").unwrap();
        let path = file.path().to_str().unwrap();
        let none = BTreeMap::new();
        let only_file = layer(&[("VESTIBULE_MASTER_KEY_FILE", path)]);
        let source = Source::from_layers(&none, &only_file, &none);
        assert_eq!(source.get(&MASTER_KEY), Some("from file"));
        let both = layer(&[("VESTIBULE_MASTER_KEY_FILE", path), ("VESTIBULE_MASTER_KEY", "x")]);
        assert_eq!(Source::from_layers(&none, &both, &none).faults.len(), 1);
        let missing = layer(&[("VESTIBULE_MASTER_KEY_FILE", "/does/not/exist")]);
        assert_eq!(Source::from_layers(&none, &missing, &none).faults.len(), 1);
    }

    #[test]
    fn an_empty_setting_is_one_that_is_not_given() {
        let none = BTreeMap::new();
        for blank in ["", " ", "\r\n", "\u{feff}"] {
            for setting in ALL {
                let given = layer(&[(setting.variable, blank)]);
                let source = Source::from_layers(&none, &given, &none);
                assert_eq!(source.get(setting), None, "{}", setting.name);
                let is_fault = NEVER_EMPTY.iter().any(|never| never.name == setting.name);
                assert_eq!(source.faults.len(), usize::from(is_fault), "{}", setting.name);
            }
        }
        // An empty value in one layer hides the value in the next.
        let (empty, full) = (layer(&[("VESTIBULE_LISTEN", "")]), layer(&[("VESTIBULE_LISTEN", "a")]));
        assert_eq!(Source::from_layers(&none, &empty, &full).get(&LISTEN), None);
        assert_eq!(
            Source::from_layers(&layer(&[("LISTEN", "")]), &full, &none).get(&LISTEN),
            None
        );
    }

    #[test]
    fn byte_order_marks_and_line_ends_are_not_part_of_a_setting() {
        let none = BTreeMap::new();
        let written = layer(&[
            ("DATABASE_URL", "\u{feff}postgres://db/x\r\n"),
            ("VESTIBULE_LISTEN", " a\n"),
        ]);
        let source = Source::from_layers(&none, &written, &none);
        assert_eq!(source.get(&DATABASE_URL), Some("postgres://db/x"));
        assert_eq!(source.get(&LISTEN), Some("a"));
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "\u{feff}from file\r\n\r\n").unwrap();
        let in_file = layer(&[("VESTIBULE_MASTER_KEY_FILE", file.path().to_str().unwrap())]);
        let source = Source::from_layers(&none, &in_file, &none);
        assert_eq!(source.get(&MASTER_KEY), Some("from file"));
        let dot_env = read_dot_env("\u{feff}VESTIBULE_LISTEN=a\r\nDATABASE_URL='b'\r\n".as_bytes()).unwrap();
        let source = Source::from_layers(&none, &none, &dot_env);
        assert_eq!((source.get(&LISTEN), source.get(&DATABASE_URL)), (Some("a"), Some("b")));
        assert!(source.unknown.is_empty());
    }

    #[test]
    fn misspelt_variables_are_noticed() {
        let environment = layer(&[
            ("VESTIBULE_LISTN", "x"),
            ("VESTIBULE_LISTEN", "x"),
            ("VESTIBULE_ISSUER", "x"),
            ("PATH", "x"),
        ]);
        let source = Source::from_layers(&BTreeMap::new(), &environment, &BTreeMap::new());
        assert_eq!(source.unknown, ["VESTIBULE_LISTN"]);
    }
}
