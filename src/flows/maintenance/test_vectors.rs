//! Tokens to test verifiers with: one that every back end must accept, one for each mistake that verifiers make, and
//! those of applications and services, which only the back ends of their resource accept.
//!
//! They are signed with the live key, so that only the mistake distinguishes them from valid ones. They name a user, a
//! session and a client that do not exist. Requests with tokens that are bound to a key have proofs of possession beside
//! them. `vestibule dev` only.

use chrono::{DateTime, Utc};
use secrecy::ExposeSecret;
use serde_json::{Value, json};

use crate::crypto::signing_key::SigningKey;
use crate::crypto::{dpop, jwt, oauth};
use crate::domain::access_token::TYPE;
use crate::domain::app_claims::AppClaims;
use crate::domain::assurance::{AuthenticationMethod, Proof};
use crate::domain::dpop::{KeyThumbprint, TYPE as TYPE_OF_PROOFS};
use crate::domain::ids::{ClientId, SessionId, UserId, uuid_v7};
use crate::domain::message::Locale;
use crate::domain::oauth::grant::Grant;
use crate::domain::oauth::id_token::{self, IdTokenClaims, UserClaims};
use crate::domain::oauth::scope::{OPENID, Scopes};
use crate::domain::oauth::service_token::{ServiceRequest, ServiceTokenClaims};
use crate::domain::opaque_token::TokenKind;
use crate::domain::session::{ActiveSession, RefreshSeries, RefreshTokenTransport};
use crate::domain::signing_key::SigningAlgorithm;
use crate::domain::user::User;
use crate::flows::{Core, Fault};

/// A token to test a verifier with.
pub struct TestVector {
    /// Its name.
    pub name: &'static str,
    /// Whether a verifier must accept it.
    pub accept: bool,
    /// The audience of the verifier.
    pub audience: String,
    /// What is wrong with it, or right.
    pub why: &'static str,
    /// The token.
    pub token: String,
}

/// What the tokens of the made-up clients are for.
const RESOURCE: &str = "https://api.example.com";

/// A request to test a verifier with that takes tokens that are bound to a key (RFC 9449).
pub struct DpopTestVector {
    /// Its name.
    pub name: &'static str,
    /// Whether a verifier must accept it.
    pub accept: bool,
    /// What is wrong with it, or right.
    pub why: &'static str,
    /// The audience of the verifier.
    pub audience: String,
    /// The method of the request.
    pub method: &'static str,
    /// The URL of the request.
    pub url: &'static str,
    /// The scheme of the `Authorization` header.
    pub scheme: &'static str,
    /// The token in it.
    pub token: String,
    /// The `DPoP` header, if there is one.
    pub proof: Option<String>,
}

/// What verifiers with and without support for bound tokens must refuse (RFC 9449 §7.1): its name, and why.
const BOUND_AS_BEARER: (&str, &str) = ("bound_as_bearer", "A bound token is presented as a bearer token.");

type Change = fn(&mut Value, &mut Value);

/// The request of the test vectors.
const DPOP_URL: &str = "https://api.example.com/orders/7";

/// Mistakes in the header or the claims of proofs.
const PROOFS: [(&str, &str, Change); 17] = [
    (
        "good",
        "The proof is valid, and by the key that the token is bound to.",
        |_, _| {},
    ),
    (
        "url_in_another_spelling",
        "The URL is the same, with a query and the default port.",
        |_, claims| {
            set(
                claims,
                "htu",
                json!("HTTPS://api.example.com:443/orders/7?expand=lines#first"),
            );
        },
    ),
    ("wrong_htm", "The proof is for another method.", |_, claims| {
        set(claims, "htm", json!("DELETE"));
    }),
    ("wrong_htu", "The proof is for another URL.", |_, claims| {
        set(claims, "htu", json!("https://api.example.com/orders/8"));
    }),
    ("other_host", "The proof is for another service.", |_, claims| {
        set(claims, "htu", json!("https://api.example.org/orders/7"));
    }),
    ("wrong_ath", "The proof is for another access token.", |_, claims| {
        set(claims, "ath", json!(dpop::hash_of("another token")));
    }),
    ("ath_missing", "The proof is for no access token.", |_, claims| {
        remove(claims, "ath");
    }),
    (
        "wrong_typ",
        "The type is another one; it may be a client's assertion.",
        |header, _| {
            set(header, "typ", json!("JWT"));
        },
    ),
    ("alg_none", "The header says that nothing was signed.", |header, _| {
        set(header, "alg", json!("none"));
    }),
    ("alg_hs256", "The algorithm is a symmetric one.", |header, _| {
        set(header, "alg", json!("HS256"));
    }),
    ("private_jwk", "The header shows a private key.", |header, _| {
        if let Some(jwk) = header.get_mut("jwk") {
            set(jwk, "d", json!("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAE"));
        }
    }),
    ("jwk_missing", "The header names no key.", |header, _| {
        remove(header, "jwk");
    }),
    (
        "unknown_crit",
        "It requires an extension that is not known.",
        |header, _| {
            set(header, "crit", json!(["vestibule_test"]));
        },
    ),
    ("stale", "The proof is an hour old.", |_, claims| shift(claims, -3600)),
    ("from_the_future", "The proof was made in an hour.", |_, claims| {
        shift(claims, 3600);
    }),
    ("iat_missing", "The proof says not when it was made.", |_, claims| {
        remove(claims, "iat");
    }),
    ("jti_missing", "The proof has no name.", |_, claims| {
        remove(claims, "jti");
    }),
];

/// Makes the requests for verifiers of bound tokens.
pub fn make_dpop(core: &Core) -> Result<Vec<DpopTestVector>, Fault> {
    let now = core.clock.now();
    let session_id = SessionId::new(now, core.random.as_ref());
    let key = core.keys.current()?;
    let [holder, thief] = [new_key()?, new_key()?];
    let (user, mut session) = made_up(core, session_id, None, now);
    let jti = uuid_v7(now, core.random.as_ref());
    let policy = &core.settings.access_tokens;
    let unbound = jwt::sign(key.as_ref(), &policy.claims(&session, &user, now, jti))?;
    session.key = KeyThumbprint::parse(&holder.public.kid);
    let bound = jwt::sign(key.as_ref(), &policy.claims(&session, &user, now, jti))?;
    let mut vectors = Vec::new();
    for (name, why, change) in PROOFS {
        let proof = Some(proof(core, (&holder, &bound), change)?);
        vectors.push(dpop_vector(core, (name, why), ("DPoP", &bound), proof));
    }
    vectors.extend(otherwise_presented(core, [&holder, &thief], (&bound, &unbound))?);
    Ok(vectors)
}

/// Makes requests whose mistake is in no proof: another key, another scheme, another token.
fn otherwise_presented(
    core: &Core,
    [holder, thief]: [&SigningKey; 2],
    (bound, unbound): (&str, &str),
) -> Result<Vec<DpopTestVector>, Fault> {
    let unchanged: Change = |_, _| {};
    let (good, stolen) = (
        proof(core, (holder, bound), unchanged)?,
        proof(core, (thief, bound), unchanged)?,
    );
    let of_unbound = proof(core, (holder, unbound), unchanged)?;
    let forged = format!(
        "{}.{}",
        good.rsplit_once('.').map(|(signed, _)| signed).unwrap_or_default(),
        "A".repeat(86)
    );
    let mut vectors = Vec::new();
    for (name, why, token, proof) in [
        (
            "other_key",
            "The proof is by another key than the token is bound to.",
            ("DPoP", bound),
            Some(stolen),
        ),
        (
            "forged_signature",
            "The proof was not signed by its key.",
            ("DPoP", bound),
            Some(forged),
        ),
        ("proof_missing", "There is no proof.", ("DPoP", bound), None),
        (BOUND_AS_BEARER.0, BOUND_AS_BEARER.1, ("Bearer", bound), None),
        (
            "bound_as_bearer_with_proof",
            "A bound token is presented as a bearer token, with a good proof.",
            ("Bearer", bound),
            Some(good),
        ),
        (
            "unbound",
            "The token is not bound to the key of the proof, nor to another one.",
            ("DPoP", unbound),
            Some(of_unbound),
        ),
    ] {
        vectors.push(dpop_vector(core, (name, why), token, proof));
    }
    Ok(vectors)
}

fn new_key() -> Result<SigningKey, Fault> {
    let algorithm = SigningAlgorithm::Es256;
    Ok(SigningKey::from_pkcs8(algorithm, &SigningKey::generate(algorithm)?)?)
}

fn dpop_vector(
    core: &Core,
    (name, why): (&'static str, &'static str),
    (scheme, token): (&'static str, &str),
    proof: Option<String>,
) -> DpopTestVector {
    DpopTestVector {
        name,
        accept: ["good", "url_in_another_spelling"].contains(&name),
        why,
        audience: own_audience(core),
        method: "GET",
        url: DPOP_URL,
        scheme,
        token: token.to_owned(),
        proof,
    }
}

/// Makes a proof for a request with a token.
fn proof(core: &Core, (key, token): (&SigningKey, &str), change: Change) -> Result<String, Fault> {
    let now = core.clock.now();
    let mut header = json!({"typ": TYPE_OF_PROOFS, "alg": key.algorithm.as_str(), "jwk": key.public.members});
    let mut claims = json!({
        "jti": uuid_v7(now, core.random.as_ref()), "htm": "GET", "htu": DPOP_URL, "iat": now.timestamp(),
        "ath": dpop::hash_of(token),
    });
    change(&mut header, &mut claims);
    Ok(jwt::sign_as_is(key, &header, &claims)?)
}

/// The name of the valid token with all that a deployment may add.
const WITH_CLAIMS: &str = "with_claims";

/// Mistakes in header or claims of signed tokens, and what is none.
const SIGNED: [(&str, &str, Change); 17] = [
    ("good", "It is valid.", |_, _| {}),
    (
        WITH_CLAIMS,
        "It has permissions, and claims of the user. Those with the names of registered claims mean nothing.",
        |_, claims| {
            set(claims, "permissions", json!(["posts:write"]));
            set(
                claims,
                "app",
                json!({"plan": "gold", "sub": "admin", "roles": ["admin"], "exp": 0}),
            );
        },
    ),
    (
        "typ_jwt",
        "The type is another one; it may be an ID token.",
        |header, _| set(header, "typ", json!("JWT")),
    ),
    (
        "typ_ended",
        "The type is that of the list of ended sessions.",
        |header, _| set(header, "typ", json!("ended+jwt")),
    ),
    ("typ_missing", "The type is missing.", |header, _| remove(header, "typ")),
    ("unknown_kid", "No published key has this id.", |header, _| {
        set(header, "kid", json!("unknown"));
    }),
    (
        "unknown_crit",
        "It requires an extension that is not known.",
        |header, _| set(header, "crit", json!(["vestibule_test"])),
    ),
    ("wrong_iss", "Another issuer made it.", |_, claims| {
        set(claims, "iss", json!("https://other.example"));
    }),
    ("wrong_aud", "It is for another audience.", |_, claims| {
        set(claims, "aud", json!("https://other.example"));
    }),
    ("aud_missing", "The audience is missing.", |_, claims| {
        remove(claims, "aud");
    }),
    ("expired", "It has expired.", |_, claims| shift(claims, -7200)),
    ("not_yet_valid", "It is not valid yet.", |_, claims| {
        shift(claims, 7200);
    }),
    ("exp_missing", "The expiry is missing.", |_, claims| {
        remove(claims, "exp");
    }),
    (
        "exp_as_string",
        "The expiry is a string, which lenient verifiers ignore.",
        |_, claims| {
            set(claims, "exp", json!(claims["exp"].to_string()));
        },
    ),
    ("iss_missing", "The issuer is missing.", |_, claims| {
        remove(claims, "iss");
    }),
    ("sub_missing", "The subject is missing.", |_, claims| {
        remove(claims, "sub");
    }),
    (BOUND_AS_BEARER.0, BOUND_AS_BEARER.1, |_, claims| {
        set(claims, "cnf", json!({"jkt": dpop::hash_of("a key")}));
    }),
];

/// Makes the tokens.
pub fn make(core: &Core) -> Result<Vec<TestVector>, Fault> {
    let now = core.clock.now();
    let user_id = UserId::new(now, core.random.as_ref());
    let session_id = SessionId::new(now, core.random.as_ref());
    let key = core.keys.current()?;
    let mut vectors = signed(core, key.as_ref(), session_id, now)?;
    vectors.extend(of_clients(core, key.as_ref(), session_id, now)?);
    for (name, kind) in [
        ("refresh_token", TokenKind::Refresh),
        ("pre_auth_token", TokenKind::PreAuth),
    ] {
        let token = core
            .tokens
            .issue(kind, user_id, session_id.uuid(), 1)?
            .expose_secret()
            .to_owned();
        vectors.push(TestVector {
            name,
            accept: false,
            audience: own_audience(core),
            why: "It is not an access token, but another kind of token of this service.",
            token,
        });
    }
    Ok(vectors)
}

fn own_audience(core: &Core) -> String {
    core.settings.access_tokens.audience.clone()
}

/// Tokens of an application and of a service, for the verifier of the resource that they are for and for the one of the
/// deployment's own client; and an ID token, for a verifier that does not look at the type.
fn of_clients(core: &Core, key: &SigningKey, id: SessionId, now: DateTime<Utc>) -> Result<Vec<TestVector>, Fault> {
    let scopes = Scopes::from_stored([OPENID, "orders:read"].map(str::to_owned).to_vec());
    let grant = Grant {
        parent: SessionId::new(now, core.random.as_ref()),
        client: ClientId::new(now, core.random.as_ref()).into(),
        scopes,
        audience: RESOURCE.to_owned(),
        nonce: None,
    };
    let service = ServiceRequest {
        client_id: grant.client.id,
        audience: RESOURCE.to_owned(),
        scopes: grant.scopes.without(OPENID),
    };
    let (user, session) = made_up(core, id, Some(grant), now);
    let (policy, jti) = (&core.settings.access_tokens, uuid_v7(now, core.random.as_ref()));
    let application = jwt::sign(key, &policy.claims(&session, &user, now, jti))?;
    let service = ServiceTokenClaims::new(&policy.issuer, &service, (now, policy.ttl), jti);
    let service = jwt::sign(key, &service)?;
    let id_token = id_token(core, &session, (key, &application), now);
    let (own, client) = (own_audience(core), id_token.aud.clone());
    let (own, client) = (own.as_str(), client.as_str());
    let id_token = jwt::sign(key, &id_token)?;
    let (allowed, elsewhere) = ("A user allowed it to an application.", "It is for another resource.");
    let rows = [
        ("application", RESOURCE, allowed, &application),
        ("application_elsewhere", own, elsewhere, &application),
        ("service", RESOURCE, "It is a service's, which has no user.", &service),
        ("service_elsewhere", own, elsewhere, &service),
        ("id_token", client, "It tells an application who signed in.", &id_token),
    ];
    let vectors = rows.map(|(name, audience, why, token)| TestVector {
        name,
        accept: audience == RESOURCE,
        audience: audience.to_owned(),
        why,
        token: token.clone(),
    });
    Ok(vectors.into())
}

fn id_token(
    core: &Core,
    session: &ActiveSession,
    (key, access_token): (&SigningKey, &str),
    now: DateTime<Utc>,
) -> IdTokenClaims {
    let client = session.grant.as_ref().map(|grant| grant.client.client_id());
    let client = client.unwrap_or_default();
    IdTokenClaims {
        iss: core.settings.access_tokens.issuer.clone(),
        sub: session.user_id.uuid(),
        aud: client.clone(),
        azp: client,
        exp: id_token::expiry(now, session.ends.absolute),
        iat: now.timestamp(),
        auth_time: session.auth_time().timestamp(),
        nonce: None,
        acr: session.proofs.level().acr().to_owned(),
        amr: session.proofs.amr().into_iter().map(str::to_owned).collect(),
        at_hash: oauth::at_hash(key.algorithm, access_token),
        sid: session.id.uuid(),
        user: UserClaims::default(),
    }
}

fn signed(core: &Core, key: &SigningKey, id: SessionId, now: DateTime<Utc>) -> Result<Vec<TestVector>, Fault> {
    let header = json!({"alg": key.algorithm.as_str(), "typ": TYPE, "kid": key.public.kid});
    let claims = claims(core, id, now);
    let mut vectors = Vec::new();
    for (name, why, change) in SIGNED {
        let (mut header, mut claims) = (header.clone(), claims.clone());
        change(&mut header, &mut claims);
        let token = jwt::sign_as_is(key, &header, &claims)?;
        vectors.push(TestVector {
            name,
            accept: ["good", WITH_CLAIMS].contains(&name),
            audience: own_audience(core),
            why,
            token,
        });
    }
    vectors.extend(forged(core, key, (&header, &claims))?);
    Ok(vectors)
}

/// Makes tokens whose signature is missing, or not one of the key.
fn forged(core: &Core, key: &SigningKey, (header, claims): (&Value, &Value)) -> Result<Vec<TestVector>, Fault> {
    let mut vectors = Vec::new();
    let mut refuse = |name, why, token| {
        vectors.push(TestVector {
            name,
            accept: false,
            audience: own_audience(core),
            why,
            token,
        });
    };
    let with_alg = |alg: &str| json!({"alg": alg, "typ": TYPE, "kid": key.public.kid});
    let unsigned = jwt::signing_input(&with_alg("none"), claims);
    refuse(
        "alg_none",
        "The header says that nothing was signed.",
        format!("{unsigned}."),
    );
    let hs256 = jwt::sign_with_public_key(key, &with_alg("HS256"), claims);
    refuse(
        "alg_hs256_with_public_key",
        "The published key serves as a shared secret.",
        hs256,
    );
    let stranger = SigningKey::from_pkcs8(key.algorithm, &SigningKey::generate(key.algorithm)?)?;
    let forged = jwt::sign_as_is(&stranger, header, claims)?;
    refuse("other_key", "Another key signed it, under the live key's id.", forged);
    let good = jwt::sign_as_is(key, header, claims)?;
    let mut raised = claims.clone();
    set(&mut raised, "roles", json!(["admin"]));
    let signature = good.rsplit('.').next().unwrap_or_default();
    let changed = format!("{}.{signature}", jwt::signing_input(header, &raised));
    refuse("changed_claims", "A role was added after it was signed.", changed);
    let bare = good
        .rsplit_once('.')
        .map(|(signed, _)| format!("{signed}."))
        .unwrap_or_default();
    refuse("signature_missing", "Its signature was cut off.", bare);
    Ok(vectors)
}

fn claims(core: &Core, id: SessionId, now: DateTime<Utc>) -> Value {
    let (user, session) = made_up(core, id, None, now);
    let jti = uuid_v7(now, core.random.as_ref());
    serde_json::to_value(core.settings.access_tokens.claims(&session, &user, now, jti)).unwrap_or_default()
}

/// Makes a user and a session of theirs that do not exist.
fn made_up(core: &Core, id: SessionId, grant: Option<Grant>, now: DateTime<Utc>) -> (User, ActiveSession) {
    let user = User {
        locale: Locale::default(),
        id: UserId::new(now, core.random.as_ref()),
        email: None,
        email_verified_at: None,
        username: None,
        roles: Vec::new(),
        claims: AppClaims::default(),
        created_at: now,
        has_password: true,
    };
    let session = ActiveSession {
        id,
        user_id: user.id,
        proofs: [AuthenticationMethod::Password, AuthenticationMethod::Totp]
            .map(|method| Proof { method, at: now })
            .into_iter()
            .collect(),
        created_at: now,
        ends: core.settings.lifetimes.ends(now),
        refresh: RefreshSeries::begun(),
        delivery: RefreshTokenTransport::Body,
        grant,
        key: None,
    };
    (user, session)
}

fn set(object: &mut Value, name: &str, value: Value) {
    if let Value::Object(members) = object {
        members.insert(name.to_owned(), value);
    }
}

fn remove(object: &mut Value, name: &str) {
    if let Value::Object(members) = object {
        members.remove(name);
    }
}

fn shift(claims: &mut Value, seconds: i64) {
    for name in ["exp", "nbf", "iat"] {
        if let Some(time) = claims.get(name).and_then(Value::as_i64) {
            set(claims, name, json!(time + seconds));
        }
    }
}
