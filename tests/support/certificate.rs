//! Certificates for test servers. No client trusts them by default.

use std::path::Path;
use std::process::Command;

/// The names of the files, as servers with a certificate of Let's Encrypt have them.
pub(crate) const CERTIFICATE: &str = "fullchain.pem";
pub(crate) const KEY: &str = "privkey.pem";

/// Makes a key and a self-signed certificate for a host (`DNS:auth.example.com`, `IP:127.0.0.1`) in a directory.
#[track_caller]
pub(crate) fn make(host: &str, directory: &Path) {
    let made = Command::new("openssl")
        .args(["req", "-x509", "-nodes", "-days", "2", "-subj", "/CN=test"])
        .args(["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"])
        .args(["-keyout", KEY, "-out", CERTIFICATE])
        .args(["-addext", &format!("subjectAltName={host}")])
        .args(["-addext", "basicConstraints=critical,CA:FALSE"])
        .current_dir(directory)
        .output()
        .unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
}
