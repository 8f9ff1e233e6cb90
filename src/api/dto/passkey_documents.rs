//! The documents that browsers, password managers and the platforms of apps read.

use serde::Serialize;
use utoipa::ToSchema;

use crate::domain::passkey_apps::{AndroidApp, AppleApp};

/// The pages of other sites that may use the passkeys of this domain (WebAuthn §5.11).
#[derive(Serialize, ToSchema)]
pub struct RelatedOrigins {
    /// Their origins.
    #[schema(example = json!(["https://shop.example.org"]))]
    pub origins: Vec<String>,
}

/// The pages on which users add and manage passkeys (W3C, A Well-Known URL for Relying Party Passkey Endpoints).
#[derive(Serialize, ToSchema)]
pub struct PasskeyEndpoints {
    /// Where a passkey is added.
    #[schema(example = "https://auth.example.com/account/security")]
    pub enroll: String,
    /// Where passkeys are renamed and removed.
    #[schema(example = "https://auth.example.com/account/security")]
    pub manage: String,
}

/// The apps of Apple's platforms that belong to this domain (Apple, Supporting associated domains).
#[derive(Serialize, ToSchema)]
#[schema(example = json!({"webcredentials": {"apps": ["ABCDE12345.com.example.app"]}}))]
pub struct AppleAppSiteAssociation {
    /// The service of passwords and passkeys.
    pub webcredentials: WebCredentials,
}

/// The apps that may use the passkeys of this domain.
#[derive(Serialize, ToSchema)]
pub struct WebCredentials {
    /// Their application identifiers.
    #[schema(example = json!(["ABCDE12345.com.example.app"]))]
    pub apps: Vec<String>,
}

impl AppleAppSiteAssociation {
    /// Lists the apps.
    pub fn new(apps: &[AppleApp]) -> Self {
        let apps = apps.iter().map(AppleApp::as_str).map(str::to_owned).collect();
        Self {
            webcredentials: WebCredentials { apps },
        }
    }
}

/// A statement that an Android app may use the passkeys of this domain (Digital Asset Links).
#[derive(Serialize, ToSchema)]
pub struct AssetLink {
    /// Always `delegate_permission/common.get_login_creds`.
    #[schema(example = json!(["delegate_permission/common.get_login_creds"]))]
    pub relation: Vec<&'static str>,
    /// The app.
    pub target: AssetLinkTarget,
}

/// An Android app.
#[derive(Serialize, ToSchema)]
pub struct AssetLinkTarget {
    /// Always `android_app`.
    #[schema(example = "android_app")]
    pub namespace: &'static str,
    /// Its package.
    #[schema(example = "com.example.app")]
    pub package_name: String,
    /// The SHA-256 fingerprint of the certificate that signs it.
    #[schema(example = json!([
        "14:6D:E9:83:C5:73:06:50:D8:EE:B9:95:2F:34:FC:64:16:A0:83:42:E6:1D:BE:A8:8A:04:96:B2:3F:CF:44:E5"
    ]))]
    pub sha256_cert_fingerprints: Vec<String>,
}

impl AssetLink {
    /// States it of an app.
    pub fn new(app: &AndroidApp) -> Self {
        Self {
            relation: vec!["delegate_permission/common.get_login_creds"],
            target: AssetLinkTarget {
                namespace: "android_app",
                package_name: app.package().to_owned(),
                sha256_cert_fingerprints: vec![app.fingerprint()],
            },
        }
    }
}
