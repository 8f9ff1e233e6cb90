//! The enumerations of the API, each generated from the list that the program itself uses.
//!
//! Members of requests are enumerations, since a value outside of the list is refused; so is `code` of problems, which
//! programs switch on. Other members of responses (methods, states, advice) stay plain strings: many
//! generated clients fail on a value that they do not know, and a new method must not break the login of old clients.

use std::borrow::Cow;

use serde::{Serialize, Serializer};
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{ObjectBuilder, Schema, Type};
use utoipa::{PartialSchema, ToSchema};

use crate::api::problem::Code;
use crate::domain::assurance::AuthenticationMethod;
use crate::domain::factor::FactorKind;
use crate::domain::federation::provider::Preset;
use crate::domain::session::RefreshTokenTransport;

/// Describes a member with a fixed list of values.
fn one_of<'a>(description: &str, words: impl IntoIterator<Item = &'a str>) -> RefOr<Schema> {
    ObjectBuilder::new()
        .schema_type(Type::String)
        .description(Some(description))
        .enum_values(Some(words))
        .into()
}

macro_rules! words {
    ($($name:ident = $description:literal, $words:expr;)*) => {$(
        #[doc = $description]
        #[derive(Debug)]
        pub enum $name {}

        impl PartialSchema for $name {
            fn schema() -> RefOr<Schema> {
                one_of($description, $words)
            }
        }

        impl ToSchema for $name {
            fn name() -> Cow<'static, str> {
                stringify!($name).into()
            }
        }
    )*};
}

words! {
    ProblemCode = "The code that programs switch on. A code never changes its meaning. Later versions may add codes, so \
        handle a code that you do not know by its `status`.",
        Code::ALL.iter().map(|code| code.as_str());
    RefreshTokenDelivery = "How refresh tokens are returned.",
        RefreshTokenTransport::ALL.map(RefreshTokenTransport::as_str);
    ProviderIcon = "Whose mark goes with a provider. Later versions may add words.",
        Preset::ALL.map(Preset::as_str);
    ChallengeMethod = "A second factor that has to be asked for a proof.",
        [FactorKind::Passkey, FactorKind::Email, FactorKind::Sms].map(FactorKind::as_str);
    CodeMethod = "The second factor that a code belongs to.",
        [
            AuthenticationMethod::Totp,
            AuthenticationMethod::RecoveryCode,
            AuthenticationMethod::EmailCode,
            AuthenticationMethod::SmsCode,
        ]
        .map(AuthenticationMethod::request_name);
}

macro_rules! statuses {
    ($($name:ident = $word:literal;)*) => {$(
        /// A `status` with one value, which distinguishes a variant from the others.
        #[derive(Clone, Copy, Debug)]
        pub struct $name;

        impl $name {
            /// Describes it.
            pub fn schema() -> RefOr<Schema> {
                one_of("Distinguishes this variant from the others.", [$word])
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str($word)
            }
        }
    )*};
}

statuses! {
    SecondFactorRequiredStatus = "second_factor_required";
    EnrolmentRequiredStatus = "enrolment_required";
    AuthenticatedStatus = "authenticated";
    LinkRequiredStatus = "link_required";
    LinkedStatus = "linked";
}
