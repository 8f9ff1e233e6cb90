//! The service under test: the program as it is released, in a separate process.

use std::error::Error;
use std::fs::File;
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::drive::fetch;
use crate::http::get;

/// The maximum time for a start, including the first start of a private database.
const STARTS_WITHIN: Duration = Duration::from_mins(1);

/// A running service, which is stopped when it is dropped.
pub struct Service {
    child: Child,
    /// The address that it listens on.
    pub address: SocketAddr,
    /// The time from the start of the process to its first answer.
    pub started_after: Duration,
}

/// How to start it.
pub struct Program {
    /// The binary.
    pub path: PathBuf,
    /// The path of its log.
    pub log: PathBuf,
    /// Its settings, as environment variables.
    pub settings: Vec<(String, String)>,
}

impl Program {
    /// Starts it and waits until it is ready.
    pub fn start(&self, further: &[(&str, &str)]) -> Result<Service, Box<dyn Error>> {
        let address = free_address()?;
        let begun = Instant::now();
        let child = self
            .command(further)
            .arg("serve")
            .env("VESTIBULE_LISTEN", address.to_string())
            .stdout(Stdio::null())
            .stderr(File::options().append(true).create(true).open(&self.log)?)
            .spawn()?;
        let mut service = Service {
            child,
            address,
            started_after: Duration::ZERO,
        };
        let request = [get("/health/ready", "")];
        while begun.elapsed() < STARTS_WITHIN {
            if let Ok(answers) = fetch(address, &request)
                && answers.iter().all(|(status, _)| *status == 200)
            {
                service.started_after = begun.elapsed();
                return Ok(service);
            }
            if service.child.try_wait()?.is_some() {
                break;
            }
            std::thread::sleep(Duration::from_millis(2));
        }
        Err(format!("the service does not start; see {}", self.log.display()).into())
    }

    /// Runs one of its commands and returns the output.
    pub fn run(&self, arguments: &[&str]) -> Result<String, Box<dyn Error>> {
        let output = self.command(&[]).args(arguments).output()?;
        if output.status.success() {
            Ok(String::from_utf8(output.stdout)?)
        } else {
            Err(String::from_utf8_lossy(&output.stderr).into_owned().into())
        }
    }

    fn command(&self, further: &[(&str, &str)]) -> Command {
        let mut command = Command::new(&self.path);
        // The caller's settings must not have an effect.
        for (name, _) in std::env::vars() {
            if name.starts_with("VESTIBULE_") || name == "DATABASE_URL" {
                command.env_remove(name);
            }
        }
        command.current_dir(self.log.parent().unwrap_or(Path::new("/")));
        command.envs(self.settings.iter().map(|(name, value)| (name, value)));
        command.envs(further.iter().copied());
        command
    }
}

impl Service {
    /// Returns its process id.
    pub fn process(&self) -> u32 {
        self.child.id()
    }

    /// Stops it and waits until it has ended.
    pub fn stop(mut self) -> Result<(), Box<dyn Error>> {
        self.terminate();
        self.child.wait()?;
        Ok(())
    }

    fn terminate(&self) {
        if let Some(process) = i32::try_from(self.child.id())
            .ok()
            .and_then(rustix::process::Pid::from_raw)
        {
            let _ = rustix::process::kill_process(process, rustix::process::Signal::TERM);
        }
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(None)) {
            self.terminate();
            let _ = self.child.wait();
        }
    }
}

/// Finds a free port.
pub fn free_address() -> Result<SocketAddr, Box<dyn Error>> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?)
}
