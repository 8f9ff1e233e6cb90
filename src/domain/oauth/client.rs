//! Clients (RFC 6749 §2): the programs that operators register.

use chrono::{DateTime, Utc};
use uuid::Uuid;

use crate::domain::ids::ClientId;
use crate::domain::input::InvalidInput;
use crate::domain::label::is_label;
use crate::domain::names::names;
use crate::domain::oauth::client_url::ClientUrl;
use crate::domain::oauth::redirect_uri::RedirectUri;
use crate::domain::oauth::scope::{ADMINISTRATION, EMAIL, OFFLINE_ACCESS, OPENID, PROFILE, STANDARD, Scopes};

/// Most characters of a client's name.
pub(super) const LONGEST_NAME: usize = 100;
const WRONG_NAME: &str = "must have 1 to 100 characters, without line ends and invisible characters";
const LONGEST_AUDIENCE: usize = 200;
/// The most redirect URIs, and the most audiences, of a client.
const MOST: usize = 20;

/// What a client is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClientKind {
    /// An application that cannot keep a secret, such as a page or an app.
    Public,
    /// An application that can keep a secret, such as a server that renders pages.
    Confidential,
    /// A back end that acts for itself. It introspects and revokes tokens, and no user signs in to it.
    Service,
}

names!(ClientKind {
    Public = "public",
    Confidential = "confidential",
    Service = "service",
});

impl ClientKind {
    /// Returns whether it has to authenticate.
    pub const fn authenticates(self) -> bool {
        !matches!(self, Self::Public)
    }

    /// Returns whether users sign in to it.
    pub const fn is_application(self) -> bool {
        !matches!(self, Self::Service)
    }
}

/// Who a client belongs to, and so how far it is trusted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ownership {
    /// The deployment, so that users are not asked for consent.
    FirstParty,
    /// Another developer, whose client an operator registered.
    ThirdParty,
    /// The owner of a host, who published a document that describes it. No operator knows of it.
    Described {
        /// Where the document is: the `client_id`.
        url: ClientUrl,
        /// The name in the document, which is not checked.
        claimed_name: Option<String>,
    },
}

impl Ownership {
    /// Returns the ownership of a client that an operator registers.
    pub const fn registered(first_party: bool) -> Self {
        if first_party {
            Self::FirstParty
        } else {
            Self::ThirdParty
        }
    }
}

/// Names a client: in rows by its id, and in tokens by its `client_id`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientRef {
    /// The id. That of an application that describes itself follows from its URL.
    pub id: ClientId,
    /// The URL of an application that describes itself.
    pub url: Option<ClientUrl>,
}

impl ClientRef {
    /// Accepts what the database contains.
    pub fn from_stored(id: Uuid, url: Option<String>) -> Self {
        Self {
            id: ClientId::from_uuid(id),
            url: url.map(ClientUrl::from_stored),
        }
    }

    /// Returns the `client_id`, as the client knows it.
    pub fn client_id(&self) -> String {
        match &self.url {
            Some(url) => url.as_str().to_owned(),
            None => self.id.uuid().to_string(),
        }
    }
}

impl From<ClientId> for ClientRef {
    /// Names a registered client.
    fn from(id: ClientId) -> Self {
        Self { id, url: None }
    }
}

/// A client, without its secrets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Client {
    /// The `client_id`.
    pub id: ClientId,
    /// Its name, which users see where they are asked for consent.
    pub name: String,
    /// What it is.
    pub kind: ClientKind,
    /// Who it belongs to.
    pub ownership: Ownership,
    /// Where users are sent with an authorization code.
    pub redirect_uris: Vec<RedirectUri>,
    /// Where users may be sent after a logout.
    pub post_logout_redirect_uris: Vec<RedirectUri>,
    /// The resources that it may get tokens for; the first one is the default.
    pub audiences: Vec<String>,
    /// The scopes that it may get.
    pub scopes: Scopes,
    /// When it was created.
    pub created_at: DateTime<Utc>,
    /// Whether it gets only tokens that are bound to a key of its own (RFC 9449 §5.2).
    pub dpop_bound_access_tokens: bool,
}

/// What users know an application by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamedApplication {
    /// The application.
    pub client_id: ClientId,
    /// Its name.
    pub name: String,
}

impl Client {
    /// Returns whether it belongs to the deployment, so that users are not asked for consent.
    pub fn is_first_party(&self) -> bool {
        self.ownership == Ownership::FirstParty
    }

    /// Returns whether it describes itself, so that nothing that a user allows it is remembered.
    pub const fn is_described(&self) -> bool {
        matches!(self.ownership, Ownership::Described { .. })
    }

    /// Names it.
    pub fn reference(&self) -> ClientRef {
        let url = match &self.ownership {
            Ownership::Described { url, .. } => Some(url.clone()),
            Ownership::FirstParty | Ownership::ThirdParty => None,
        };
        ClientRef { id: self.id, url }
    }

    /// Returns whether a request's redirect URI is one of its own.
    pub fn has_redirect_uri(&self, presented: &str) -> bool {
        self.redirect_uris.iter().any(|registered| registered.is(presented))
    }

    /// Returns whether a request's URI for after a logout is one of its own.
    pub fn has_post_logout_redirect_uri(&self, presented: &str) -> bool {
        let mut registered = self.post_logout_redirect_uris.iter();
        registered.any(|registered| registered.is(presented))
    }

    /// Gives an application without resources the one that every application has: its access tokens are then good for
    /// nothing but `GET /userinfo`.
    #[must_use]
    pub fn or_userinfo(mut self, userinfo: &str) -> Self {
        if self.kind.is_application() && self.audiences.is_empty() {
            self.audiences.push(userinfo.to_owned());
        }
        self
    }

    /// Returns which of the scopes that a user allowed it for a resource it may still get. `None`: nothing, since the
    /// operator took the resource or all of these scopes from it. What was only good for `GET /userinfo` stays so when it
    /// gets its first resource.
    pub fn remaining(&self, scopes: &Scopes, audience: &str, userinfo: &str) -> Option<Scopes> {
        let is_kept = audience == userinfo || self.audience(Some(audience)).is_some();
        let remaining = scopes.within(&self.scopes);
        (is_kept && !remaining.is_empty()).then_some(remaining)
    }

    /// Returns the audience of a token for the requested resource (RFC 8707 §2), or the default one. `None`: the client
    /// may not get tokens for it.
    pub fn audience(&self, resource: Option<&str>) -> Option<&str> {
        let mut audiences = self.audiences.iter().map(String::as_str);
        match resource {
            Some(resource) => audiences.find(|audience| *audience == resource),
            None => audiences.next(),
        }
    }
}

/// The resources that this service gives a meaning.
#[derive(Clone, Debug)]
pub struct OwnResources {
    /// That of the deployment's own client, whose back ends would take the tokens of other applications for those of
    /// their users.
    pub deployment: String,
    /// That of services that administer accounts.
    pub administration: String,
}

/// What an operator says about a new client.
#[derive(Clone, Debug, Default)]
pub struct ClientDescription {
    /// Its name.
    pub name: String,
    /// The name of its kind.
    pub kind: String,
    /// Whether users are not asked for consent.
    pub first_party: bool,
    /// Where users are sent with an authorization code.
    pub redirect_uris: Vec<String>,
    /// Where users may be sent after a logout.
    pub post_logout_redirect_uris: Vec<String>,
    /// The resources that it may get tokens for.
    pub audiences: Vec<String>,
    /// The scopes that it may get; the usual ones if there are none.
    pub scopes: Vec<String>,
    /// The public keys that it authenticates with in the place of a secret, as a JWK set.
    pub jwks: Option<String>,
    /// Whether it gets only tokens that are bound to a key of its own.
    pub dpop_bound_access_tokens: bool,
}

impl ClientDescription {
    /// Checks the description and makes the client of it.
    ///
    /// # Errors
    ///
    /// Lists everything that breaks a rule.
    pub fn check(self, id: ClientId, own: &OwnResources, now: DateTime<Utc>) -> Result<Client, InvalidInput> {
        let mut faults = InvalidInput::default();
        let name = self.name.trim().to_owned();
        if !is_label(&name, LONGEST_NAME) {
            faults.push("/name", WRONG_NAME);
        }
        let kind = ClientKind::parse(&self.kind);
        let kind = faults.keep("/kind", kind.ok_or("must be public, confidential or service"));
        let redirect_uris = check_uris(&mut faults, "/redirect_uris", &self.redirect_uris);
        let after_logout = check_uris(
            &mut faults,
            "/post_logout_redirect_uris",
            &self.post_logout_redirect_uris,
        );
        let audiences = check_audiences(&mut faults, self.audiences);
        let scopes = Scopes::of(self.scopes).ok_or("must be at most 32 scopes, of 1 to 100 printable ASCII characters");
        let scopes = faults.keep("/scopes", scopes);
        if kind == Some(ClientKind::Public) && self.jwks.is_some() {
            faults.push("/jwks", "a public client does not authenticate");
        }
        if kind == Some(ClientKind::Service) {
            let is_application = self.first_party || !redirect_uris.is_empty() || !after_logout.is_empty();
            if is_application {
                faults.push(
                    "/kind",
                    "a service has no users, and so neither redirect URIs nor consent",
                );
            }
            let fault = scopes
                .as_ref()
                .and_then(|scopes| fault_of_service(scopes, &audiences, own));
            if let Some(fault) = fault {
                faults.push("/scopes", fault);
            }
        }
        let is_third_party = kind.is_some_and(ClientKind::is_application) && !self.first_party;
        if is_third_party && audiences.contains(&own.deployment) {
            faults.push(
                "/audiences",
                "must not be that of the deployment's own client, unless the application is your own (first party)",
            );
        }
        let (Some(kind), Some(scopes), true) = (kind, scopes, faults.errors.is_empty()) else {
            return Err(faults);
        };
        Ok(Client {
            id,
            name,
            kind,
            ownership: Ownership::registered(self.first_party),
            redirect_uris,
            post_logout_redirect_uris: after_logout,
            audiences,
            scopes: if kind.is_application() && scopes.is_empty() {
                usual_scopes()
            } else {
                scopes
            },
            created_at: now,
            dpop_bound_access_tokens: self.dpop_bound_access_tokens,
        })
    }
}

/// What an operator changes of a client. What is absent stays as it is.
#[derive(Clone, Debug, Default)]
pub struct ClientChanges {
    /// Its name.
    pub name: Option<String>,
    /// Where users are sent with an authorization code.
    pub redirect_uris: Option<Vec<String>>,
    /// Where users may be sent after a logout.
    pub post_logout_redirect_uris: Option<Vec<String>>,
    /// The resources that it may get tokens for.
    pub audiences: Option<Vec<String>>,
    /// The scopes that it may get.
    pub scopes: Option<Vec<String>>,
    /// The public keys that it authenticates with from now on, as a JWK set.
    pub jwks: Option<String>,
    /// Whether it has to bind its tokens to a key (RFC 9449 §5.2).
    pub dpop_bound_access_tokens: Option<bool>,
}

impl ClientChanges {
    /// Returns whether they can take something from grants: a resource, a scope, or all from those without a key.
    pub const fn concern_grants(&self) -> bool {
        self.audiences.is_some() || self.scopes.is_some() || self.dpop_bound_access_tokens.is_some()
    }

    /// Checks the changes, and makes them. A changed client follows the same rules as a new one.
    ///
    /// # Errors
    ///
    /// Lists everything that breaks a rule.
    pub fn apply(self, client: &Client, own: &OwnResources) -> Result<Client, InvalidInput> {
        let texts = |uris: &[RedirectUri]| uris.iter().map(|uri| uri.as_str().to_owned()).collect();
        // For a new application, an empty list stands for the usual scopes. Here it would give it more than it had.
        if client.kind.is_application() && self.scopes.as_ref().is_some_and(Vec::is_empty) {
            return Err(InvalidInput::of("/scopes", "must be at least one for an application"));
        }
        let description = ClientDescription {
            name: self.name.unwrap_or_else(|| client.name.clone()),
            kind: client.kind.as_str().to_owned(),
            first_party: client.is_first_party(),
            redirect_uris: self.redirect_uris.unwrap_or_else(|| texts(&client.redirect_uris)),
            post_logout_redirect_uris: self
                .post_logout_redirect_uris
                .unwrap_or_else(|| texts(&client.post_logout_redirect_uris)),
            audiences: self.audiences.unwrap_or_else(|| client.audiences.clone()),
            scopes: self.scopes.unwrap_or_else(|| client.scopes.as_slice().to_vec()),
            jwks: self.jwks,
            dpop_bound_access_tokens: self.dpop_bound_access_tokens.unwrap_or(client.dpop_bound_access_tokens),
        };
        description.check(client.id, own, client.created_at)
    }
}

/// Returns what is wrong with the scopes of a service. The deployment gives scopes a meaning at its own resources; at
/// that of administration there are only those of this service, and a misspelt one would be noticed at the first call.
fn fault_of_service(scopes: &Scopes, audiences: &[String], own: &OwnResources) -> Option<&'static str> {
    if STANDARD.iter().any(|scope| scopes.has(scope)) {
        return Some("a service has no users, and so no scopes about users");
    }
    let is_for_administration = |audience: &String| *audience == own.administration;
    let is_only_here = !audiences.is_empty() && audiences.iter().all(is_for_administration);
    let is_known = |scope: &String| ADMINISTRATION.contains(&scope.as_str());
    (is_only_here && !scopes.as_slice().iter().all(is_known))
        .then_some("must be claims:write, events:read or users:read for the resource of administration")
}

fn usual_scopes() -> Scopes {
    let usual = [OPENID, PROFILE, EMAIL, OFFLINE_ACCESS];
    Scopes::from_stored(usual.map(str::to_owned).to_vec())
}

pub(super) fn check_uris(faults: &mut InvalidInput, pointer: &'static str, uris: &[String]) -> Vec<RedirectUri> {
    if uris.len() > MOST {
        faults.push(pointer, "must be at most 20");
    }
    let checked = uris.iter().map(|uri| RedirectUri::check(uri));
    checked.filter_map(|uri| faults.keep(pointer, uri)).collect()
}

/// Returns whether a text can name a resource.
pub fn is_audience(text: &str) -> bool {
    (1..=LONGEST_AUDIENCE).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic())
}

fn check_audiences(faults: &mut InvalidInput, audiences: Vec<String>) -> Vec<String> {
    if audiences.len() > MOST || !audiences.iter().all(|audience| is_audience(audience)) {
        faults.push(
            "/audiences",
            "must be at most 20, of 1 to 200 printable ASCII characters without spaces",
        );
    }
    audiences
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use proptest::sample::subsequence;
    use uuid::Uuid;

    use super::*;

    const OWN: &str = "https://api.deployment.example.com";

    const ADMIN: &str = "https://auth.example.com/admin";

    fn own() -> OwnResources {
        OwnResources {
            deployment: OWN.into(),
            administration: ADMIN.into(),
        }
    }

    fn check(description: ClientDescription) -> Result<Client, Vec<&'static str>> {
        let checked = description.check(ClientId::from_uuid(Uuid::nil()), &own(), DateTime::UNIX_EPOCH);
        checked.map_err(|faults| faults.errors.iter().map(|fault| fault.pointer).collect())
    }

    fn described(kind: &str) -> ClientDescription {
        ClientDescription {
            name: " The shop ".into(),
            kind: kind.into(),
            ..ClientDescription::default()
        }
    }

    #[test]
    fn an_application_gets_what_applications_usually_need_and_a_service_gets_nothing() {
        let application = check(described("public")).unwrap();
        assert_eq!(application.name, "The shop");
        assert_eq!(application.clone().or_userinfo("https://x").audiences, ["https://x"]);
        assert_eq!(application.scopes.to_text(), "openid profile email offline_access");
        let service = check(described("service")).unwrap();
        assert!(service.audiences.is_empty() && service.scopes.is_empty());
        assert_eq!(service.audience(None), None);
    }

    #[test]
    fn a_service_of_this_service_alone_has_only_scopes_that_exist() {
        let of = |audiences: &[&str], scopes: &[&str]| {
            check(ClientDescription {
                audiences: audiences.iter().map(|&audience| audience.to_owned()).collect(),
                scopes: scopes.iter().map(|&scope| scope.to_owned()).collect(),
                ..described("service")
            })
        };
        let elsewhere = "https://orders.example.com";
        assert!(of(&[ADMIN], &ADMINISTRATION).is_ok());
        for wrong in ["foo:bar", "events:write", "Events:read", "events:read:all"] {
            assert_eq!(
                of(&[ADMIN], &["events:read", wrong]).unwrap_err(),
                ["/scopes"],
                "{wrong}"
            );
            for audiences in [&[ADMIN, elsewhere][..], &[elsewhere], &[]] {
                assert!(of(audiences, &[wrong]).is_ok(), "{wrong} for {audiences:?}");
            }
        }
        // A change follows the same rule: the last other resource goes, and with it the meaning of the scope.
        let both = of(&[ADMIN, elsewhere], &["events:read", "foo:bar"]).unwrap();
        let changes = |scopes: Option<Vec<String>>| ClientChanges {
            audiences: Some(vec![ADMIN.into()]),
            scopes,
            ..ClientChanges::default()
        };
        assert_eq!(pointers(changes(None).apply(&both, &own())), ["/scopes"]);
        assert!(changes(Some(vec!["events:read".into()])).apply(&both, &own()).is_ok());
    }

    #[test]
    fn all_faults_are_told_at_once() {
        let faulty = ClientDescription {
            name: "\u{7}".into(),
            kind: "secret".into(),
            redirect_uris: vec!["http://app.example.com".into(), "https://app.example.com#x".into()],
            audiences: vec!["two words".into()],
            scopes: vec!["two words".into()],
            ..ClientDescription::default()
        };
        let expected = [
            "/name",
            "/kind",
            "/redirect_uris",
            "/redirect_uris",
            "/audiences",
            "/scopes",
        ];
        assert_eq!(check(faulty).unwrap_err(), expected);
    }

    #[test]
    fn a_service_has_nothing_that_is_about_users() {
        for description in [
            ClientDescription {
                first_party: true,
                ..described("service")
            },
            ClientDescription {
                redirect_uris: vec!["https://app.example.com/".into()],
                ..described("service")
            },
        ] {
            assert_eq!(check(description).unwrap_err(), ["/kind"]);
        }
        for scope in STANDARD {
            let description = ClientDescription {
                scopes: vec![scope.into()],
                ..described("service")
            };
            assert_eq!(check(description).unwrap_err(), ["/scopes"]);
        }
    }

    #[test]
    fn only_an_application_of_the_deployment_gets_tokens_for_its_own_back_ends() {
        let own = |kind: &str, first_party: bool| ClientDescription {
            audiences: vec![OWN.into()],
            first_party,
            ..described(kind)
        };
        assert_eq!(check(own("public", false)).unwrap_err(), ["/audiences"]);
        assert!(check(own("public", true)).is_ok());
        assert!(check(own("service", false)).is_ok());
    }

    fn pointers(result: Result<Client, InvalidInput>) -> Vec<&'static str> {
        let faults = result.unwrap_err().errors;
        faults.iter().map(|fault| fault.pointer).collect()
    }

    #[test]
    fn a_change_leaves_what_it_does_not_name_and_follows_the_rules_of_a_new_client() {
        let client = check(ClientDescription {
            redirect_uris: vec!["https://app.example.com/".into()],
            audiences: vec!["https://api.example.com".into()],
            scopes: vec!["openid".into(), "orders:read".into()],
            ..described("public")
        })
        .unwrap();
        assert_eq!(ClientChanges::default().apply(&client, &own()), Ok(client.clone()));
        let renamed = ClientChanges {
            name: Some("Store".into()),
            scopes: Some(vec!["orders:read".into()]),
            ..ClientChanges::default()
        };
        let expected = Client {
            name: "Store".into(),
            scopes: Scopes::parse("orders:read").unwrap(),
            ..client.clone()
        };
        assert_eq!(renamed.apply(&client, &own()), Ok(expected));
        let faulty = ClientChanges {
            name: Some(String::new()),
            redirect_uris: Some(vec!["http://app.example.com/".into()]),
            audiences: Some(vec![OWN.into()]),
            jwks: Some("{}".into()),
            ..ClientChanges::default()
        };
        let expected = ["/name", "/redirect_uris", "/jwks", "/audiences"];
        assert_eq!(pointers(faulty.apply(&client, &own())), expected);
        let nothing = ClientChanges {
            scopes: Some(Vec::new()),
            ..ClientChanges::default()
        };
        assert_eq!(pointers(nothing.apply(&client, &own())), ["/scopes"]);
    }

    proptest! {
        /// What remains of a grant was granted, and is still registered.
        #[test]
        fn a_changed_client_gets_no_more_than_was_granted(
            granted in subsequence(vec!["a", "b", "c", "d"], 1..4),
            kept in subsequence(vec!["a", "b", "c", "d"], 1..4),
            audience in 0_usize..3, has_resource: bool,
        ) {
            const AUDIENCES: [&str; 3] = ["https://api.example.com", "https://files.example.com", "https://x/userinfo"];
            let described = ClientDescription {
                audiences: if has_resource { vec![AUDIENCES[0].into()] } else { Vec::new() },
                scopes: kept.iter().map(|&scope| scope.to_owned()).collect(),
                ..described("public")
            };
            let client = check(described).unwrap().or_userinfo(AUDIENCES[2]);
            let granted = Scopes::of(granted.iter().map(|&scope| scope.to_owned())).unwrap();
            let remaining = client.remaining(&granted, AUDIENCES[audience], AUDIENCES[2]);
            let is_reached = audience == 2 || (audience == 0 && has_resource);
            let common = granted.as_slice().iter().filter(|scope| kept.contains(&scope.as_str())).count();
            prop_assert_eq!(remaining.is_some(), is_reached && common > 0);
            if let Some(remaining) = remaining {
                prop_assert_eq!(remaining.as_slice().len(), common);
                prop_assert!(granted.cover(&remaining) && client.scopes.cover(&remaining));
            }
        }
    }

    #[test]
    fn tokens_are_for_registered_resources_only() {
        let client = check(ClientDescription {
            audiences: vec!["https://api.example.com".into(), "https://files.example.com".into()],
            ..described("confidential")
        })
        .unwrap();
        assert_eq!(client.audience(None), Some("https://api.example.com"));
        assert_eq!(
            client.audience(Some("https://files.example.com")),
            Some("https://files.example.com")
        );
        assert_eq!(client.audience(Some("https://files.example.com/")), None);
    }
}
