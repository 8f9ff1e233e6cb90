//! The database under test: a private server, as durable as one in production, queried through `psql`.

use std::error::Error;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use private_postgres::{Options, PrivatePostgres};

/// Settings that differ from the server's defaults. None of them affects durability.
const SETTINGS: [(&str, &str); 4] = [
    ("max_connections", "100"),
    ("shared_buffers", "128MB"),
    // A checkpoint during one run and not during another would hide all other differences.
    ("checkpoint_timeout", "15min"),
    ("max_wal_size", "4GB"),
];

/// A running server.
pub struct Database {
    server: PrivatePostgres,
    data_dir: PathBuf,
    /// The URL of the service's database.
    pub url: String,
}

impl Database {
    /// Starts a server in a directory.
    pub fn start(data_dir: &Path) -> Result<Self, Box<dyn Error>> {
        let server_settings = SETTINGS
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .to_vec();
        let server = PrivatePostgres::start(&Options {
            program: "vestibule",
            data_dir: data_dir.to_path_buf(),
            server_settings,
        })?;
        let url = server.connection_url().to_owned();
        Ok(Self {
            server,
            data_dir: data_dir.to_path_buf(),
            url,
        })
    }

    /// Stops it.
    pub fn stop(self) -> Result<(), Box<dyn Error>> {
        Ok(self.server.stop()?)
    }

    /// Returns the process id of the postmaster.
    pub fn process(&self) -> Result<u32, Box<dyn Error>> {
        let text = fs::read_to_string(self.data_dir.join("postgres/postmaster.pid"))?;
        Ok(text.lines().next().unwrap_or_default().trim().parse()?)
    }

    /// Returns the path of the server's log.
    pub fn log(&self) -> PathBuf {
        self.data_dir.join("postgres.log")
    }

    /// Runs statements and returns their rows, without alignment or headers.
    pub fn run(&self, statements: &str) -> Result<String, Box<dyn Error>> {
        let mut child = Command::new("psql")
            .args([
                "-X",
                "-q",
                "-A",
                "-t",
                "-v",
                "ON_ERROR_STOP=1",
                "-d",
                &self.url,
                "-f",
                "-",
            ])
            .env("PGOPTIONS", "-c client_min_messages=warning")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()?;
        let mut stdin = child.stdin.take().ok_or("psql takes no input")?;
        let text = statements.to_owned();
        // On a separate thread, since psql may print before it has read all its input.
        let writing = std::thread::spawn(move || stdin.write_all(text.as_bytes()));
        let output = child.wait_with_output()?;
        let written = writing.join().map_err(|_panicked| "writing to psql failed")?;
        if !output.status.success() {
            return Err(String::from_utf8_lossy(&output.stderr).into_owned().into());
        }
        written?;
        Ok(String::from_utf8(output.stdout)?.trim_end().to_owned())
    }
}
