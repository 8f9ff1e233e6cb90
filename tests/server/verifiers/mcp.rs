//! Clients of the Model Context Protocol, on its official library, sign in to the MCP server of
//! docs/how-to/applications.md, which a service protects.

use std::fs;
use std::net::TcpListener;
use std::process::Command;

use serde_json::{Value, json};
use tempfile::TempDir;

use super::applications_page::{PAGE, Server};
use super::stock_clients::Scene;
use super::{beside_its_modules, prepared};
use crate::support::peer::Peer;

const CALLBACK: &str = "http://127.0.0.1/callback";

/// A service that protects an MCP server, and a server of documents on the machine of the developer.
struct Protected {
    scene: Scene,
    url: String,
    document: String,
    _server: Server,
    _documents: Peer,
    _place: TempDir,
}

impl Protected {
    fn start() -> Self {
        let place = TempDir::new().unwrap();
        fs::create_dir(place.path().join("documents")).unwrap();
        let documents = Peer::start("document_server.py", &[place.path().to_str().unwrap()]);
        let document = format!("https://localhost:{}/client.json", documents.port);
        let body = json!({"client_id": document, "client_name": "Notes", "redirect_uris": [CALLBACK]}).to_string();
        let file = place.path().join("documents/client.json");
        fs::write(file, json!({ "body": body }).to_string()).unwrap();

        let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let port = free.port().to_string();
        let url = format!("http://localhost:{port}/mcp");
        let authority = place.path().join("authority.pem");
        let scene = Scene::set(&[
            ("VESTIBULE_CLIENT_DOCUMENTS", "on"),
            ("VESTIBULE_CLIENT_DOCUMENT_RESOURCES", &url),
            ("VESTIBULE_CLIENT_DOCUMENT_SCOPES", "openid,offline_access,notes:read"),
            ("SSL_CERT_FILE", authority.to_str().unwrap()),
        ]);
        prepared("node/node_modules/@modelcontextprotocol/sdk");
        let mut node = Command::new("node");
        node.arg("mcp_server.mjs");
        let server = Server::start_at((PAGE, "mcp_server.mjs"), &port, node, &scene.client.issuer());
        Self {
            scene,
            url,
            document,
            _server: server,
            _documents: documents,
            _place: place,
        }
    }

    /// Has a client sign in, and returns the claims of its access token.
    #[track_caller]
    fn be_called(&self, member: &str, client: &str) -> Value {
        beside_its_modules("user.mjs");
        let scene = json!({"server": self.url, "callback": CALLBACK, "user": self.scene.user(), member: client});
        let mut node = Command::new("node");
        node.arg(beside_its_modules("mcp_client.mjs"))
            .env_remove("NODE_OPTIONS");
        let output = node.arg(scene.to_string()).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        serde_json::from_slice(&output.stdout).unwrap()
    }
}

#[test]
fn a_client_of_the_sdk_signs_in_by_its_document_or_by_its_registration() {
    let protected = Protected::start();
    let claims = protected.be_called("document", &protected.document);
    assert_eq!(claims["client_id"], protected.document);
    let words = [
        "Editor",
        "--kind",
        "public",
        "--redirect-uri",
        CALLBACK,
        "--resource",
        &protected.url,
    ];
    let scopes = ["--scope", "notes:read", "--scope", "offline_access"];
    let registered = protected.scene.register(&[words.as_slice(), &scopes].concat());
    let id = registered["id"].as_str().unwrap();
    assert_eq!(protected.be_called("clientId", id)["client_id"], id);
}
