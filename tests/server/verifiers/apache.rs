//! Debian's Apache with mod_auth_openidc, configured as docs/how-to/applications.md shows, signs users in and out.

use std::fs::{self, File};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;

use super::applications_page::write;
use super::beside_its_modules;
use super::stock_clients::Scene;
use crate::server::nginx::{Upstream, show_logs};
use crate::server::process::eventually;
use crate::server::program::{open_directory, path};

/// Where Debian has the modules.
const MODULES: &str = "/usr/lib/apache2/modules";
/// What the configuration of a whole server has beside the part of the page. On Debian `a2enmod` loads the modules.
const MAIN_CONFIG: &str = "
ServerName localhost
Listen ${LISTEN}
User www-data
Group www-data
PidFile apache.pid
ErrorLog error.log
LogLevel info
LoadModule mpm_event_module @MODULES@/mod_mpm_event.so
LoadModule authn_core_module @MODULES@/mod_authn_core.so
LoadModule authz_core_module @MODULES@/mod_authz_core.so
LoadModule authz_user_module @MODULES@/mod_authz_user.so
LoadModule proxy_module @MODULES@/mod_proxy.so
LoadModule proxy_http_module @MODULES@/mod_proxy_http.so
LoadModule auth_openidc_module @MODULES@/mod_auth_openidc.so
Include openidc.conf
";

/// A running Apache; killed when dropped.
struct Apache {
    child: Child,
    directory: TempDir,
}

impl Apache {
    fn start(port: u16, scene: &Scene, upstream: &Upstream) -> Self {
        assert!(
            Path::new(MODULES).join("mod_auth_openidc.so").is_file(),
            "mod_auth_openidc is missing: run scripts/test --all, which installs libapache2-mod-auth-openidc"
        );
        let site = format!("http://localhost:{port}");
        let callback = format!("{site}/callback");
        let words = ["Wiki", "--kind", "confidential", "--redirect-uri", &callback];
        let more = [
            "--post-logout-redirect-uri",
            &format!("{site}/"),
            "--scope",
            "openid",
            "--scope",
            "email",
        ];
        let registered = scene.register(&[words.as_slice(), &more].concat());
        let directory = open_directory();
        let place = directory.path();
        fs::write(place.join("apache.conf"), MAIN_CONFIG.replace("@MODULES@", MODULES)).unwrap();
        write("openidc.conf", place);
        let child = Command::new("apache2")
            .env_clear()
            .env("PATH", path() + ":/usr/sbin")
            .env("LISTEN", format!("127.0.0.1:{port}"))
            .env("SITE", &site)
            .env("UPSTREAM", format!("http://{}", upstream.address))
            .env("VESTIBULE_ISSUER", scene.client.issuer())
            .env("CLIENT_ID", registered["id"].as_str().unwrap())
            .env("CLIENT_SECRET", registered["secret"].as_str().unwrap())
            .env("SESSION_SECRET", "a secret of this test")
            // One process, so that none is left when it is killed.
            .args(["-X", "-d", place.to_str().unwrap(), "-f", "apache.conf"])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(File::create(place.join("stderr")).unwrap())
            .spawn()
            .unwrap();
        let mut apache = Self { child, directory };
        eventually("apache", || {
            assert!(apache.child.try_wait().unwrap().is_none(), "Apache has ended");
            TcpStream::connect(("127.0.0.1", port)).ok()
        });
        apache
    }
}

impl Drop for Apache {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        show_logs("Apache", &self.directory);
    }
}

#[test]
#[ignore = "needs Apache with mod_auth_openidc: scripts/test --all"]
fn apache_with_mod_auth_openidc_signs_users_in_and_out() {
    let scene = Scene::set(&[]);
    let upstream = Upstream::start();
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let _apache = Apache::start(free.port(), &scene, &upstream);
    beside_its_modules("user.mjs");
    let mut node = Command::new("node");
    node.arg(beside_its_modules("visit_gateway.mjs"))
        .env_remove("NODE_OPTIONS");
    let site = format!("http://localhost:{}", free.port());
    let output = node.args([site, scene.user()]).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}
