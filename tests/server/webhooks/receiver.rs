//! The receivers of docs/how-to/webhooks.md, as processes that may be killed.

use std::collections::BTreeSet;
use std::fs;
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use aws_lc_rs::hmac;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use tempfile::TempDir;

use super::printed;
use crate::server::postgres::{Database, psql};
use crate::server::process::eventually;
use crate::verifiers::{lay_out_code, prepared};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Language {
    Python,
    JavaScript,
}

impl Language {
    pub(super) const ALL: [Self; 2] = [Self::Python, Self::JavaScript];
}

/// An endpoint of the service, and what receives its messages.
pub(super) struct Endpoint {
    pub(super) id: String,
    pub(super) receiver: Receiver,
}

impl Endpoint {
    /// Adds an endpoint, as an operator does, and starts its receiver.
    pub(super) fn add(database_url: &str, language: Language) -> Self {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let url = format!("http://127.0.0.1:{port}/hooks/accounts");
        let added = printed(database_url, &["webhooks", "add", &url, "--include-addresses"]);
        let text = |member: &str| added[member].as_str().unwrap().to_owned();
        Self {
            id: text("id"),
            receiver: Receiver::start(language, port, text("secret")),
        }
    }

    /// Replaces the secret. The receiver does not know the new one yet.
    pub(super) fn rotate(&mut self, database_url: &str) {
        let rotated = printed(database_url, &["webhooks", "rotate-secret", &self.id]);
        self.receiver.new_secret = Some(rotated["secret"].as_str().unwrap().to_owned());
    }
}

/// A running receiver.
pub(super) struct Receiver {
    pub(super) language: Language,
    port: u16,
    secret: String,
    new_secret: Option<String>,
    code: TempDir,
    /// Of the receiver in JavaScript. The other one has a file.
    database: Option<Database>,
    program: Option<Child>,
}

impl Receiver {
    fn start(language: Language, port: u16, secret: String) -> Self {
        // Node searches for libraries from a module's own directory upwards.
        let code = TempDir::new_in(prepared("node")).unwrap();
        let blocks = lay_out_code(include_str!("../../../docs/how-to/webhooks.md"), code.path());
        // The receivers, and the reader of the trail.
        assert_eq!(blocks, Language::ALL.len() + 1);
        let mut receiver = Self {
            language,
            port,
            secret,
            new_secret: None,
            code,
            database: (language == Language::JavaScript).then(Database::create),
            program: None,
        };
        receiver.start_again();
        receiver
    }

    fn file(&self) -> PathBuf {
        self.code.path().join("accounts.db")
    }

    fn command(&self) -> Command {
        if let (Language::JavaScript, Some(database)) = (self.language, &self.database) {
            let mut node = Command::new("node");
            node.arg("accounts.mjs").env("ACCOUNTS_DATABASE", database.url());
            return node;
        }
        let mut python = Command::new(prepared("python/bin/python"));
        python.args(["-m", "flask", "--app", "accounts", "run", "--port"]);
        python.arg(self.port.to_string()).env("ACCOUNTS_DATABASE", self.file());
        python
    }

    /// Starts the program, and waits until it listens.
    pub(super) fn start_again(&mut self) {
        let log = fs::File::options()
            .append(true)
            .create(true)
            .open(self.code.path().join("log"))
            .unwrap();
        let program = self
            .command()
            .current_dir(self.code.path())
            .env("WEBHOOK_SECRET", &self.secret)
            .env("PORT", self.port.to_string())
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .env_remove("NODE_OPTIONS")
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .unwrap();
        self.program = Some(program);
        eventually("the receiver listens", || {
            TcpStream::connect(("127.0.0.1", self.port)).ok()
        });
    }

    /// Starts it with the newest secret.
    pub(super) fn start_again_with_new_secret(&mut self) {
        self.kill();
        self.secret = self.new_secret.take().unwrap();
        self.start_again();
    }

    /// Kills it at once, in the middle of whatever it does.
    pub(super) fn kill(&mut self) {
        if let Some(mut program) = self.program.take() {
            program.kill().unwrap();
            program.wait().unwrap();
        }
    }

    pub(super) fn secret(&self) -> &str {
        &self.secret
    }

    /// Returns the rows of a query of its database, in the form of psql.
    fn rows(&self, query: &str) -> String {
        const PRINT: &str = "import sqlite3, sys\n\
            for row in sqlite3.connect(sys.argv[1]).execute(sys.argv[2]): print(*row, sep='|')";
        let Some(database) = &self.database else {
            let mut python = Command::new(prepared("python/bin/python"));
            let output = python.args(["-c", PRINT]).arg(self.file()).arg(query).output().unwrap();
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
            return String::from_utf8(output.stdout).unwrap().trim_end().to_owned();
        };
        psql(database.url(), query)
    }

    /// Returns the ids of the messages that it stored.
    pub(super) fn messages(&self) -> BTreeSet<String> {
        self.rows("SELECT id FROM messages")
            .lines()
            .map(str::to_owned)
            .collect()
    }

    /// Returns its users that are not deleted, in the form of [`super::users_in`].
    pub(super) fn users(&self) -> String {
        let of = |member: &str| format!("CASE WHEN {member} THEN 't' ELSE 'f' END");
        self.rows(&format!(
            "SELECT id, coalesce(email, ''), {}, coalesce(username, ''), {} FROM users WHERE NOT deleted ORDER BY id",
            of("email_verified"),
            of("disabled")
        ))
    }

    /// Sends a message that is signed with a secret, and returns the status of the answer.
    pub(super) fn post(&self, secret: &str, id: &str, sent_at: i64, message: &Value) -> u16 {
        let body = message.to_string();
        let key = STANDARD.decode(secret.strip_prefix("whsec_").unwrap()).unwrap();
        let signed = format!("{id}.{sent_at}.{body}");
        let mac = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &key), signed.as_bytes());
        let agent: ureq::Agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
        let answer = agent
            .post(format!("http://127.0.0.1:{}/hooks/accounts", self.port))
            .header("content-type", "application/json")
            .header("webhook-id", id)
            .header("webhook-timestamp", sent_at.to_string())
            .header("webhook-signature", format!("v1,{}", STANDARD.encode(mac)))
            .send(body);
        answer.unwrap().status().as_u16()
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.kill();
    }
}
