//! Where everything is kept.

use std::path::PathBuf;

use secrecy::SecretString;

use super::reader::Reader;
use super::settings;

/// Which PostgreSQL.
#[derive(Debug)]
pub enum DatabaseLocation {
    /// The one named by its URL.
    Url(SecretString),
    /// A private one of our own.
    Embedded,
}

/// The database.
#[derive(Debug)]
pub struct DatabaseConfig {
    /// Which PostgreSQL.
    pub location: DatabaseLocation,
    /// Where the private one and its master key are kept.
    pub data_dir: PathBuf,
    /// Most connections.
    pub pool_size: u32,
    /// Whether the URL leads to a pooler in transaction mode.
    pub pooled: bool,
}

impl DatabaseConfig {
    /// Reads the section.
    pub(super) fn read(reader: &mut Reader<'_>) -> Option<Self> {
        let location = reader.parse_optional(&settings::DATABASE_URL, |text| {
            // libpq would also take key=value pairs; a URL is what every host hands out, and one form is enough.
            if text.starts_with("postgres://") || text.starts_with("postgresql://") {
                Ok(DatabaseLocation::Url(text.into()))
            } else {
                Err("must begin with postgres:// or postgresql://".to_owned())
            }
        });
        let data_dir = reader.parse(&settings::DATA_DIR, |text| Ok(PathBuf::from(text)));
        let pool_size = reader.number(&settings::DB_POOL_SIZE, 1..=500);
        let pooled = reader.one_of(&settings::DB_POOLER, &[("none", false), ("transaction", true)]);
        Some(Self {
            location: location?.unwrap_or(DatabaseLocation::Embedded),
            data_dir: data_dir?,
            pool_size: pool_size?,
            pooled: pooled?,
        })
    }
}
