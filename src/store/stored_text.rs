//! How enums are stored: as the text of their names; claims, as their JSON text; and thumbprints of keys, as their bytes.
//! A stored text that does not name a variant is an error when it is read, and so are a text that is not an object and
//! bytes of another length.

use std::io::Write;

use diesel::deserialize::{self, FromSql, FromSqlRow};
use diesel::expression::AsExpression;
use diesel::pg::{Pg, PgValue};
use diesel::serialize::{self, IsNull, Output, ToSql};
use diesel::sql_types::{Binary, Text};

use crate::domain::app_claims::AppClaims;
use crate::domain::assurance::AuthenticationMethod;
use crate::domain::dpop::KeyThumbprint;
use crate::domain::factor::FactorState;
use crate::domain::link_token::LinkPurpose;
use crate::domain::message::{Channel, MessageState};
use crate::domain::oauth::client::ClientKind;
use crate::domain::oauth::device::DeviceState;
use crate::domain::passkey::Transport;
use crate::domain::sent_code::CodePurpose;
use crate::domain::session::{EndReason, RefreshTokenTransport, SessionState};
use crate::domain::signing_key::{KeyState, SigningAlgorithm};
use crate::domain::user::UserStatus;
use crate::domain::webhook::{DeliveryState, WebhookFormat, WebhookState};

macro_rules! stored_as_text {
    ($($type:ident),* $(,)?) => {$(
        const _: () = {
            #[derive(AsExpression, FromSqlRow)]
            #[diesel(foreign_derive, sql_type = Text)]
            #[expect(dead_code, reason = "names the type that the traits are derived for")]
            struct Stored($type);

            impl ToSql<Text, Pg> for $type {
                fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Pg>) -> serialize::Result {
                    out.write_all(self.as_str().as_bytes())?;
                    Ok(IsNull::No)
                }
            }

            impl FromSql<Text, Pg> for $type {
                fn from_sql(value: PgValue<'_>) -> deserialize::Result<Self> {
                    let unknown = || concat!("not the name of a ", stringify!($type));
                    Ok(std::str::from_utf8(value.as_bytes())
                        .ok()
                        .and_then(Self::parse)
                        .ok_or_else(unknown)?)
                }
            }
        };
    )*};
}

stored_as_text! {
    AuthenticationMethod,
    Channel,
    ClientKind,
    CodePurpose,
    DeliveryState,
    DeviceState,
    EndReason,
    FactorState,
    KeyState,
    LinkPurpose,
    MessageState,
    RefreshTokenTransport,
    SessionState,
    SigningAlgorithm,
    Transport,
    UserStatus,
    WebhookFormat,
    WebhookState,
}

const _: () = {
    #[derive(AsExpression, FromSqlRow)]
    #[diesel(foreign_derive, sql_type = Binary)]
    #[expect(dead_code, reason = "names the type that the traits are derived for")]
    struct Stored(KeyThumbprint);

    impl ToSql<Binary, Pg> for KeyThumbprint {
        fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Pg>) -> serialize::Result {
            out.write_all(self.as_bytes())?;
            Ok(IsNull::No)
        }
    }

    impl FromSql<Binary, Pg> for KeyThumbprint {
        fn from_sql(value: PgValue<'_>) -> deserialize::Result<Self> {
            Ok(Self::from_bytes(value.as_bytes()).ok_or("not the thumbprint of a key")?)
        }
    }
};

const _: () = {
    #[derive(AsExpression, FromSqlRow)]
    #[diesel(foreign_derive, sql_type = Text)]
    #[expect(dead_code, reason = "names the type that the traits are derived for")]
    struct Stored(AppClaims);

    impl ToSql<Text, Pg> for AppClaims {
        fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Pg>) -> serialize::Result {
            out.write_all(self.to_text().as_bytes())?;
            Ok(IsNull::No)
        }
    }

    impl FromSql<Text, Pg> for AppClaims {
        fn from_sql(value: PgValue<'_>) -> deserialize::Result<Self> {
            let text = std::str::from_utf8(value.as_bytes()).ok();
            Ok(text.and_then(Self::from_stored).ok_or("not an object of claims")?)
        }
    }
};
