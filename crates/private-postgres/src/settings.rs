//! The server's command line.
//!
//! Invariant: everything that matters to privacy is set here and not in the cluster's configuration files, so that
//! comparing command lines is enough to know how a running server behaves.

use std::ffi::OsString;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::Path;

use crate::socket::{PORT, Socket};

/// The built-in settings: small, private, and a log without personal data.
const SETTINGS: [(&str, &str); 13] = [
    ("listen_addresses", ""),
    ("unix_socket_permissions", "0700"),
    ("max_connections", "50"),
    ("shared_buffers", "32MB"),
    ("timezone", "UTC"),
    ("log_timezone", "UTC"),
    ("logging_collector", "off"),
    ("log_destination", "stderr"),
    ("log_checkpoints", "off"),
    // Statements and the details of errors contain column values.
    ("log_statement", "none"),
    ("log_min_error_statement", "panic"),
    ("log_error_verbosity", "terse"),
    ("log_line_prefix", "%m [%p] "),
];

/// Returns the server's arguments. The further settings come last and therefore override the others.
pub(crate) fn arguments(cluster: &Path, socket: &Socket, further: &[(String, String)]) -> Vec<OsString> {
    let mut arguments: Vec<OsString> = vec!["-D".into(), cluster.into()];
    let mut set = |setting: OsString| arguments.extend(["-c".into(), setting]);

    set(format!("port={PORT}").into());
    let mut directory = OsString::from("unix_socket_directories=");
    directory.push(quoted(socket.directory()));
    set(directory);
    for (name, value) in SETTINGS {
        set(format!("{name}={value}").into());
    }
    for (name, value) in further {
        set(format!("{name}={value}").into());
    }
    arguments
}

/// Quotes a path as a list item of the server's configuration.
fn quoted(path: &Path) -> OsString {
    let mut quoted = vec![b'"'];
    for byte in path.as_os_str().as_bytes() {
        if *byte == b'"' {
            quoted.push(b'"');
        }
        quoted.push(*byte);
    }
    quoted.push(b'"');
    OsString::from_vec(quoted)
}
