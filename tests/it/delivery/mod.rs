//! The delivery of messages to independent servers: what arrives, and what happens to messages that do not.

mod outbox;
mod sms;
mod smtp;
mod templates;
mod webhooks;

use std::sync::Arc;
use std::time::Duration;

use chrono::DateTime;
use uuid::Uuid;
use vestibule::delivery::templates::{Brand, Templates, TextFiles};
use vestibule::delivery::{Outgoing, SendError, Transport};
use vestibule::domain::client_program::ClientProgram;
use vestibule::domain::clock::Clock;
use vestibule::domain::message::{Channel, Locale, Message, Notification, Occasion};
use vestibule::system::SystemClock;

/// Long enough for a slow machine.
const PATIENT: Duration = Duration::from_secs(30);
/// For messages that are never answered.
const HASTY: Duration = Duration::from_secs(1);

fn clock() -> Arc<dyn Clock> {
    Arc::new(SystemClock)
}

fn notification(to: &str, locale: Locale, message: Message) -> Notification {
    Notification {
        to: to.to_owned(),
        locale,
        message,
        occasion: Occasion {
            at: DateTime::from_timestamp(1_700_000_000, 0).unwrap(),
            ip: Some([192, 0, 2, 7].into()),
            program: ClientProgram::of("<Fuchs>/1.0\r\nBcc: eve@example.com curl/8"),
        },
        repeats: 0,
    }
}

fn code() -> Message {
    Message::SecondFactorCode {
        code: "12345678".to_owned(),
        minutes: 10,
    }
}

fn templates() -> Templates {
    let brand = Brand {
        host: "auth.example.com".to_owned(),
        name: "auth.example.com".to_owned(),
        accent: None,
    };
    Templates::new(brand, &TextFiles::default())
}

fn outgoing(channel: Channel, notification: &Notification) -> Outgoing {
    Outgoing {
        id: Uuid::from_u128(7),
        to: notification.to.clone(),
        kind: notification.message.kind(),
        locale: notification.locale.as_str(),
        code: notification.message.code().map(str::to_owned),
        rendered: templates().render(channel, notification),
    }
}

/// Sends one message, on its own runtime.
fn send(transport: &dyn Transport, outgoing: &Outgoing) -> Result<(), SendError> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(transport.send(outgoing))
}

#[track_caller]
fn assert_temporary(sent: Result<(), SendError>) -> String {
    match sent {
        Err(SendError::Temporary(why)) => why,
        other => panic!("this is not a temporary error: {other:?}"),
    }
}

#[track_caller]
fn assert_refused(sent: Result<(), SendError>) -> String {
    match sent {
        Err(SendError::Refused(why)) => why,
        other => panic!("this is not a refusal: {other:?}"),
    }
}
