//! The database.

use std::path::PathBuf;

use secrecy::SecretString;

use super::reader::Reader;
use super::settings;

/// Which PostgreSQL server is used.
#[derive(Debug)]
pub enum DatabaseLocation {
    /// The one that the URL names.
    Url(SecretString),
    /// A private server, which this program starts and stops.
    Private,
}

/// The settings of the database.
#[derive(Debug)]
pub struct DatabaseConfig {
    /// Which PostgreSQL server is used.
    pub location: DatabaseLocation,
    /// The directory of the private server and its master key.
    pub data_dir: PathBuf,
    /// Maximum number of connections.
    pub pool_size: u32,
    /// Whether the URL points to a pooler in transaction mode.
    pub pooled: bool,
}

impl DatabaseConfig {
    /// Reads the section.
    pub(super) fn read(reader: &mut Reader<'_>) -> Option<Self> {
        let location = reader.parse_optional(&settings::DATABASE_URL, |text| {
            // libpq also accepts key=value pairs. Hosting providers give out URLs, and one form is enough.
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
            location: location?.unwrap_or(DatabaseLocation::Private),
            data_dir: data_dir?,
            pool_size: pool_size?,
            pooled: pooled?,
        })
    }
}
