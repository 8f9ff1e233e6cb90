//! The closed sets of words, each described by the list that the program itself goes by.
//!
//! Those of requests, since a word outside of the set is refused; and `code` and `reason` of problems, which programs
//! switch on. Other words of answers (methods, states, advice) stay open strings: many generated clients fail at a word
//! that they do not know, and a login must not fail because the service learned a new method.

use std::borrow::Cow;

use serde::{Serialize, Serializer};
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{ObjectBuilder, Schema, Type};
use utoipa::{PartialSchema, ToSchema};

use crate::api::problem::Code;
use crate::domain::assurance::AuthenticationMethod;
use crate::domain::message::Channel;
use crate::domain::password::PasswordRejection;
use crate::domain::session::RefreshTokenTransport;

/// Describes a member that is one of some words.
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
    ProblemCode = "What programs switch on. A name never changes its meaning; later versions may add names, so treat one \
        that you do not know by its `status`.",
        Code::ALL.iter().map(|code| code.as_str());
    PasswordRejectionReason = "Why a new password is refused.",
        PasswordRejection::ALL.map(PasswordRejection::reason);
    RefreshTokenDelivery = "Where refresh tokens go.",
        RefreshTokenTransport::ALL.map(RefreshTokenTransport::as_str);
    CodeChannel = "How a code is sent.",
        Channel::ALL.map(Channel::as_str);
    CodeMethod = "What a code is of.",
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
        /// A `status` that is always the same, which tells its shape from the others of a set.
        #[derive(Clone, Copy, Debug)]
        pub struct $name;

        impl $name {
            /// Describes it.
            pub fn schema() -> RefOr<Schema> {
                one_of("Tells this variant from the others.", [$word])
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
}
