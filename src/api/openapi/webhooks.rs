//! The messages that webhooks get, in the OpenAPI document: one entry for each type of event.

use serde_json::{Map, Value, json};

use crate::domain::account_event::{AccountEventType, Actor};
use crate::domain::security_event_token::MEDIA_TYPE as SECURITY_EVENT;

/// The type of the message that `POST /admin/webhooks/{id}/test` sends.
const TEST: &str = "webhook.test";
const EVENT: &str = "019a2b3c-4d5e-7f60-8a1b-2c3d4e5f6071";
const USER: &str = "019a2b3c-1111-7f60-8a1b-2c3d4e5f6071";
const SESSION: &str = "019a2b3c-2222-7f60-8a1b-2c3d4e5f6071";
const REQUEST: &str = "019a2b3c-3333-7f60-8a1b-2c3d4e5f6071";

/// Adds the messages and their schemas to a document.
pub(super) fn add(document: &mut Value) {
    let mut messages = Map::new();
    let mut schemas = shared();
    let mut mapping = Map::new();
    let told = AccountEventType::ALL.map(|told| (told.as_str(), told.meaning(), !told.security_events().is_empty()));
    let test = (TEST, "An administrator tests the endpoint.", false);
    for (name, meaning, has_token) in told.into_iter().chain([test]) {
        let schema = format!("{}Message", pascal(name));
        mapping.insert(name.to_owned(), json!(reference(&schema)));
        messages.insert(
            name.to_owned(),
            json!({"post": operation(name, meaning, &schema, has_token)}),
        );
        schemas.insert(schema, message(name, meaning));
    }
    let every: Vec<Value> = mapping.values().map(|schema| json!({"$ref": schema})).collect();
    let any = json!({
        "description": "Any message to a webhook. Later versions may add types: ignore those that you do not know.",
        "oneOf": every,
        "discriminator": {"propertyName": "type", "mapping": mapping},
    });
    schemas.insert("WebhookMessage".to_owned(), any);
    if let Some(Value::Object(known)) = document.pointer_mut("/components/schemas") {
        known.extend(schemas);
    }
    if let Value::Object(members) = document {
        members.insert("webhooks".to_owned(), Value::Object(messages));
    }
}

fn reference(schema: &str) -> String {
    format!("#/components/schemas/{schema}")
}

/// Turns `user.created` into `UserCreated`.
fn pascal(name: &str) -> String {
    let upper = |word: &str| {
        let mut letters = word.chars();
        letters
            .next()
            .map(|first| first.to_ascii_uppercase())
            .into_iter()
            .chain(letters)
            .collect::<String>()
    };
    name.split('.').map(upper).collect()
}

fn operation(name: &str, meaning: &str, schema: &str, has_token: bool) -> Value {
    let header = |name: &str, description: &str| {
        json!({
            "name": name, "in": "header", "required": true, "description": description, "schema": {"type": "string"},
        })
    };
    let message = json!({"schema": {"$ref": reference(schema)}, "example": example(name)});
    let mut content = Map::from_iter([("application/json".to_owned(), message)]);
    if has_token {
        let token = json!({
            "schema": {"type": "string"},
            "example": "eyJhbGciOiJFUzI1NiIsInR5cCI6InNlY2V2ZW50K2p3dCJ9.eyJqdGkiOiIwMTlhIn0.c2lnbmF0dXJl",
        });
        content.insert(SECURITY_EVENT.to_owned(), token);
    }
    let means_success = "Received. Any status that is not 2xx, also a redirect, makes the service send it again for \
        three days.";
    json!({
        "operationId": format!("on_{}", name.replace('.', "_")),
        "summary": meaning,
        "description": "Signed by Standard Webhooks. A message may come more than once, then with the same `webhook-id`, \
            and in any order: compare `changed_at` before you store what the account is like. An endpoint of the format \
            `caep` gets a Security Event Token (RFC 8417), pushed by RFC 8935.",
        "tags": ["Webhooks"],
        "security": [],
        "parameters": [
            header("webhook-id", "The id of the event: the same each time that it is sent."),
            header("webhook-timestamp", "When the message was sent, in seconds since 1970."),
            header("webhook-signature", "One signature for each secret that is valid now."),
        ],
        "requestBody": {"required": true, "content": content},
        "responses": {
            "2XX": {"description": means_success},
            "410": {"description": "The endpoint is gone: it is disabled, and gets no further messages."},
        },
    })
}

fn message(name: &str, meaning: &str) -> Value {
    let data = if name == TEST {
        "WebhookTestData"
    } else {
        "AccountEventData"
    };
    json!({
        "type": "object",
        "description": meaning,
        "required": ["type", "timestamp", "data"],
        "properties": {
            "type": {"type": "string", "enum": [name], "description": "What happened."},
            "timestamp": {
                "type": "string", "format": "date-time",
                "description": "When it happened, which is not when the message was sent.",
            },
            "data": {"$ref": reference(data), "description": "The rest."},
        },
    })
}

fn example(name: &str) -> Value {
    let data = if name == TEST {
        json!({"id": EVENT, "actor": {"type": "administrator", "id": USER}, "request_id": REQUEST})
    } else if name.starts_with("session.") {
        json!({
            "id": EVENT, "user_id": USER, "session_id": SESSION, "actor": {"type": "user", "id": USER},
            "request_id": REQUEST,
        })
    } else {
        json!({"id": EVENT, "user_id": USER, "actor": {"type": "user", "id": USER}, "request_id": REQUEST})
    };
    json!({"type": name, "timestamp": "2026-03-01T12:00:00Z", "data": data})
}

fn uuid(description: &str) -> Value {
    json!({"type": "string", "format": "uuid", "description": description})
}

fn text(description: &str) -> Value {
    json!({"type": "string", "description": description})
}

fn event_data() -> Value {
    json!({
        "type": "object",
        "description": "What a message says about an event. Ignore members that you do not know.",
        "required": ["id", "user_id", "actor", "request_id"],
        "properties": {
            "id": uuid("The id of the event in the audit trail, which is also the `webhook-id`."),
            "user_id": uuid("The account: the `sub` of its tokens."),
            "session_id": uuid("The session that began or ended, or in which it happened: the `sid` of tokens."),
            "client_id": text("The client that did it, or whose session it is."),
            "provider": text("The upstream provider concerned, by the id that the operator gave it."),
            "actor": {"$ref": reference("AccountEventActor"), "description": "Who did it."},
            "reason": text("How or why: a fixed word. Later versions may add words."),
            "request_id": uuid("The `X-Request-Id` of the response, which is also in the log."),
            "disabled": {
                "type": "boolean",
                "description": "Whether the account is disabled when the message is sent. Absent once it is deleted.",
            },
            "changed_at": {
                "type": "string", "format": "date-time", "example": "2026-03-01T11:59:58.120301Z",
                "description": "Since when the account is disabled or enabled as it is, and has its address, its \
                    verification and its user name, with six digits of the second. Of two messages about an account, \
                    that with the later time has the newer state, in whatever order they come. Absent once the account \
                    is deleted.",
            },
            "email": text("The address when the message is sent. Only if the endpoint asks for addresses."),
            "email_verified": {
                "type": "boolean",
                "description": "Whether the address is verified. Only if the endpoint asks for addresses.",
            },
            "username": text("The user name when the message is sent. Only if the endpoint asks for addresses."),
        },
    })
}

/// Describes what all messages have.
fn shared() -> Map<String, Value> {
    let actor = json!({
        "type": "object",
        "description": "Who did it.",
        "required": ["type"],
        "properties": {
            "type": {
                "type": "string", "example": Actor::TYPES[0],
                "description": format!(
                    "`{}`: the owner of the account, an administrator, a client, the service itself by a rule, or an \
                     operator on the command line.",
                    Actor::TYPES.join("`, `")
                ),
            },
            "id": text("The id of the account, or the `client_id`; absent for the service and for operators."),
        },
    });
    let test = json!({
        "type": "object",
        "description": "What a test message says.",
        "required": ["id", "actor", "request_id"],
        "properties": {
            "id": uuid("The id of the message, which is also the `webhook-id`."),
            "actor": {"$ref": reference("AccountEventActor"), "description": "Who tests the endpoint."},
            "request_id": uuid("The `X-Request-Id` of the response, which is also in the log."),
        },
    });
    let schemas = [
        ("AccountEventActor", actor),
        ("AccountEventData", event_data()),
        ("WebhookTestData", test),
    ];
    schemas
        .map(|(name, schema)| (name.to_owned(), schema))
        .into_iter()
        .collect()
}
