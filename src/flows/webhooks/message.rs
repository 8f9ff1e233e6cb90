//! The message about a row of the trail, in the form that its endpoint has chosen.

use chrono::{DateTime, Utc};
use secrecy::{ExposeSecret, SecretString};
use uuid::Uuid;

use crate::crypto::jwt;
use crate::crypto::sealer::SealedAt;
use crate::crypto::webhook_signer::WebhookSigner;
use crate::domain::account_event::{AccountEvent, ToldAccount};
use crate::domain::audit_event::RecordedEvent;
use crate::domain::security_event_token::{MEDIA_TYPE, Pushed, SecurityEventClaims, VerificationClaims};
use crate::domain::webhook::{TEST, WebhookFormat, test_message};
use crate::flows::{Core, Fault};
use crate::store::webhook_deliveries::TakenDelivery;
use crate::store::webhooks::StoredWebhook;
use crate::store::{PgConnection, audit_events, users};

/// The media type of messages that are not tokens.
const JSON: &str = "application/json";

/// What a message is made of.
pub(super) struct Material {
    event: RecordedEvent,
    account: Option<ToldAccount>,
}

/// Reads what a message is made of: the row of the trail, and what the account is like now. It has its names if the
/// endpoint asked for them. `None`: the row is past its retention.
pub(super) fn read(
    connection: &mut PgConnection,
    endpoint: &StoredWebhook,
    delivery: &TakenDelivery,
) -> Result<Option<Material>, Fault> {
    let named = &delivery.named;
    let key = (named.subject_id, named.event_id, named.occurred_at);
    let Some(event) = audit_events::find(connection, key)? else {
        return Ok(None);
    };
    let account = match event.user_id {
        Some(id) => users::told(connection, id)?,
        None => None,
    };
    let account = account.map(|account| {
        if endpoint.webhook.include_addresses {
            account
        } else {
            account.without_names()
        }
    });
    Ok(Some(Material { event, account }))
}

/// A request to an endpoint.
pub(super) struct SignedRequest {
    /// The headers.
    pub(super) headers: Vec<(&'static str, String)>,
    /// The body.
    pub(super) body: String,
}

/// Makes the request. It says when its try began: receivers refuse a time that is minutes old. `None`: the row is of a
/// kind that endpoints are not told, or that this release does not know.
pub(super) fn sign(
    core: &Core,
    (endpoint, delivery): (&StoredWebhook, &TakenDelivery),
    material: Material,
    begun_at: DateTime<Utc>,
) -> Result<Option<SignedRequest>, Fault> {
    let Some((content_type, body)) = body(core, (endpoint, delivery), material, begun_at)? else {
        return Ok(None);
    };
    let now = begun_at.timestamp();
    let id = delivery.named.event_id.uuid().to_string();
    let signature = signer(core, endpoint)?.sign(&id, now, &body);
    let headers = vec![
        ("content-type", content_type.to_owned()),
        ("accept", JSON.to_owned()),
        ("webhook-id", id),
        ("webhook-timestamp", now.to_string()),
        ("webhook-signature", signature),
    ];
    Ok(Some(SignedRequest { headers, body }))
}

/// Returns the media type and the text.
fn body(
    core: &Core,
    (endpoint, delivery): (&StoredWebhook, &TakenDelivery),
    material: Material,
    begun_at: DateTime<Utc>,
) -> Result<Option<(&'static str, String)>, Fault> {
    let Material { event, account } = material;
    let is_test = delivery.named.event_type == TEST;
    match endpoint.webhook.format {
        WebhookFormat::Standard if is_test => Ok(Some((JSON, test_message(&event).to_string()))),
        WebhookFormat::Standard => {
            let message = AccountEvent::of(&event, account);
            let text = message.map(|message| serde_json::to_string(&message)).transpose();
            let text = text.map_err(|error| Fault::Notification(error.to_string()))?;
            Ok(text.map(|text| (JSON, text)))
        }
        WebhookFormat::Caep => {
            let stream = is_test.then_some(endpoint.webhook.id.uuid());
            let pushed = Pushed {
                issuer: &core.settings.access_tokens.issuer,
                audience: endpoint.webhook.url.as_str(),
                now: begun_at,
            };
            Ok(token(core, &event, stream, pushed)?.map(|token| (MEDIA_TYPE, token)))
        }
    }
}

/// Makes a Security Event Token, which the keys of access tokens sign. With a stream it is a test of it.
fn token(
    core: &Core,
    event: &RecordedEvent,
    stream: Option<Uuid>,
    pushed: Pushed<'_>,
) -> Result<Option<String>, Fault> {
    let key = core.keys.current()?;
    if let Some(stream) = stream {
        return Ok(Some(jwt::sign(&key, &VerificationClaims::of(event, stream, pushed))?));
    }
    let claims = SecurityEventClaims::of(event, pushed);
    Ok(claims.map(|claims| jwt::sign(&key, &claims)).transpose()?)
}

/// Returns what signs with the secrets of an endpoint that count now.
fn signer(core: &Core, endpoint: &StoredWebhook) -> Result<WebhookSigner, Fault> {
    let at = SealedAt::webhook_secret(endpoint.webhook.id);
    let previous = endpoint.secrets.previous.as_ref();
    let previous = previous.filter(|(_sealed, until)| core.clock.now() < *until);
    let sealed = std::iter::once(&endpoint.secrets.newest).chain(previous.map(|(sealed, _until)| sealed));
    let opened = sealed
        .map(|sealed| core.sealer.open(&at, sealed))
        .collect::<Result<Vec<_>, _>>()?;
    let not_text = || Fault::Notification("a secret of an endpoint is not text".to_owned());
    let texts = opened
        .iter()
        .map(|secret| std::str::from_utf8(secret).map_err(|_not_text| not_text()))
        .collect::<Result<Vec<&str>, _>>()?;
    let secrets = SecretString::from(texts.join(","));
    WebhookSigner::parse(secrets.expose_secret()).map_err(Fault::Notification)
}
