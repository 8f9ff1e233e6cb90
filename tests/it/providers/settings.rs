//! The file of providers: what is in it, and what is wrong with it.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use vestibule::config::{Config, Mode, Source};
use vestibule::domain::federation::authority::Authority;

fn read(file: &str) -> Result<Config, Vec<String>> {
    let place = tempfile::tempdir().unwrap();
    let path = place.path().join("providers.toml");
    fs::write(&path, file).unwrap();
    fs::write(place.path().join("secret"), "hush-hush\n").unwrap();
    fs::write(place.path().join("empty"), "\n").unwrap();
    let source = Source::from_pairs(&[("OIDC_PROVIDERS_FILE", path.to_str().unwrap())]);
    let faults = |faults: Vec<vestibule::config::ConfigFault>| faults.iter().map(ToString::to_string).collect();
    Config::read(&source, Mode::Serve).map_err(faults)
}

const ALL: &str = r#"
[providers.google]
preset = "google"
client_id = "1.apps.googleusercontent.com"
client_secret_file = "secret"
redirect_uris = ["https://app.example.com/done", "com.example.app:/done"]
native_client_ids = ["2.apps.googleusercontent.com"]

[providers.microsoft]
preset = "microsoft"
tenant = "organizations"
client_id = "1"
client_secret_file = "secret"

[providers.github]
preset = "github"
client_id = "1"
client_secret_file = "secret"

[providers.company]
name = "The Company"
issuer = "https://id.example.com/realms/staff"
client_id = "vestibule"
client_secret_file = "secret"
scopes = ["openid", "email", "profile"]
authoritative = ["example.com", "Example.org"]
trusted_acr = ["urn:two"]
trusted_amr = ["mfa"]
"#;

#[test]
fn a_file_is_read_whole() {
    let config = read(ALL).unwrap();
    let found = &config.providers.providers;
    let seen: Vec<(&str, &str, &str)> = found
        .iter()
        .map(|one| {
            (
                one.provider.id.as_str(),
                one.provider.name.as_str(),
                one.provider.issuer.in_configuration(),
            )
        })
        .collect();
    assert_eq!(
        seen,
        [
            ("company", "The Company", "https://id.example.com/realms/staff"),
            ("github", "GitHub", "https://github.com"),
            ("google", "Google", "https://accounts.google.com"),
            (
                "microsoft",
                "Microsoft",
                "https://login.microsoftonline.com/{tenantid}/v2.0"
            ),
        ]
    );
    let company = &found[0].provider;
    assert_eq!(company.scopes, ["openid", "email", "profile"]);
    let domains = vec!["example.com".to_owned(), "example.org".to_owned()];
    assert_eq!(company.authority, Authority::Domains(domains));
    assert_eq!(found[1].provider.api.as_deref(), Some("https://api.github.com"));
    assert_eq!(found[2].provider.redirect_uris.len(), 2);
    assert_eq!(found[3].provider.authority, Authority::Domains(Vec::new()));
    assert_eq!(config.secret_files.len(), 4);
    let printed = format!("{:?}", config.providers);
    assert!(!printed.contains("hush-hush"), "{printed}");
}

#[test]
fn without_a_file_there_are_no_providers() {
    let config = Config::read(&Source::from_pairs(&[]), Mode::Serve).unwrap();
    assert!(config.providers.providers.is_empty());
}

#[test]
fn all_faults_are_reported_at_once_with_their_places() {
    let faults = read(
        r#"
        colour = "blue"
        [providers.company]
        issuer = "http://id.example.com"
        client_id = 1
        client_secret = "hush-hush"
        redirect_uris = ["https://app.example.com/", "http://app.example.com/", 1]
        authoritive = ["example.com"]
        scopes = ["email"]
        [providers.Google]
        preset = "google"
        client_id = "1"
        authoritative = ["*"]
        [providers.microsoft]
        preset = "microsoft"
        client_id = "1"
        client_secret_file = "missing"
        tenant = "contoso"
        [providers.apple]
        preset = "apple"
        client_id = "com.example"
        team_id = "T"
        key_id = "K"
        private_key_file = "secret"
        [providers.facebook]
        preset = "facebook"
        client_id = "1"
        scopes = 1
        [providers.github]
        preset = "github"
        client_id = "1"
        client_secret_file = "secret"
        native_client_ids = ["2"]
        trusted_acr = ["urn:two"]
        trusted_amr = []
        [providers.open]
        name = "Open"
        issuer = "https://open.example"
        client_id = "1"
        authoritative = ["*", "example.com"]
        "#,
    )
    .unwrap_err();
    let places: Vec<&str> = faults
        .iter()
        .map(|fault| {
            let rest = fault.strip_prefix("VESTIBULE_OIDC_PROVIDERS_FILE: ").unwrap();
            rest.split(": ").next().unwrap()
        })
        .collect();
    for place in [
        "colour",
        "providers.company.issuer",
        "providers.company.name",
        "providers.company.client_id",
        "providers.company.client_secret",
        "providers.company.redirect_uris[1]",
        "providers.company.redirect_uris[2]",
        "providers.company.authoritive",
        "providers.company.scopes",
        "providers.Google",
        "providers.Google.client_secret_file",
        "providers.Google.authoritative",
        "providers.microsoft.client_secret_file",
        "providers.microsoft.tenant",
        "providers.apple.private_key_file",
        "providers.facebook.preset",
        "providers.github.native_client_ids",
        "providers.github.trusted_acr",
        "providers.github.trusted_amr",
        "providers.open.authoritative",
    ] {
        assert!(places.contains(&place), "{place}: {faults:#?}");
    }
    assert_eq!(places.len(), 20, "{faults:#?}");
    assert!(faults.iter().all(|fault| !fault.contains("hush-hush")), "{faults:#?}");
}

#[test]
fn a_file_that_is_not_toml_is_refused_without_its_text() {
    for (text, line) in [
        ("hush-hush", "line 1"),
        ("[providers.a]\nclient_id = hush-hush", "line 2"),
    ] {
        let faults = read(text).unwrap_err();
        assert_eq!(faults.len(), 1, "{faults:?}");
        assert!(
            faults[0].contains(line) && !faults[0].contains("hush-hush"),
            "{faults:?}"
        );
    }
    for text in ["", "providers = 1", "[providers]\na = 1"] {
        assert!(read(text).is_err(), "{text}");
    }
}

#[test]
fn a_secret_is_in_a_file_that_can_be_read() {
    let with = |file: &str| read(&ALL.replace("client_secret_file = \"secret\"", file));
    for (file, wanted) in [
        ("client_secret_file = \"empty\"", "empty"),
        ("client_secret_file = \"nowhere\"", "cannot be read"),
        ("client_secret_file = \"\"", "1 to 300"),
    ] {
        let faults = with(file).unwrap_err();
        assert_eq!(faults.len(), 4, "{faults:?}");
        assert!(faults.iter().all(|fault| fault.contains(wanted)), "{faults:?}");
    }
}

#[test]
fn the_file_itself_is_reported_if_it_cannot_be_read() {
    let place = tempfile::tempdir().unwrap();
    let path = place.path().join("providers.toml");
    let source = Source::from_pairs(&[("OIDC_PROVIDERS_FILE", path.to_str().unwrap())]);
    let faults = Config::read(&source, Mode::Serve).unwrap_err();
    assert!(faults[0].to_string().contains("cannot be read"), "{faults:?}");
    fs::write(&path, "").unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
}
