//! The digests of upstream sign-in.

use aws_lc_rs::digest::{Context, SHA256};
use base32::Alphabet;

use crate::domain::federation::identity::Subject;

/// Returns the name under which `account_names` has a user of a provider. Issuers and subjects are longer than names
/// may be, and their case matters, so the name is their hash. The length of the issuer is part of it: no other pair has
/// the same name.
pub fn identity_name(subject: &Subject) -> String {
    let mut context = Context::new(&SHA256);
    let length = u64::try_from(subject.issuer.len()).unwrap_or(u64::MAX);
    context.update(&length.to_be_bytes());
    context.update(subject.issuer.as_bytes());
    context.update(subject.subject.as_bytes());
    let hash = base32::encode(Alphabet::Rfc4648Lower { padding: false }, context.finish().as_ref());
    format!("federated:{hash}")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::domain::email::Email;
    use crate::domain::username::Username;

    fn name(issuer: &str, subject: &str) -> String {
        identity_name(&Subject {
            issuer: issuer.to_owned(),
            subject: subject.to_owned(),
        })
    }

    proptest! {
        #[test]
        fn two_users_of_providers_have_two_names(
            one in ("[a-z/:.]{0,12}", "[a-zA-Z0-9|]{0,12}"), other in ("[a-z/:.]{0,12}", "[a-zA-Z0-9|]{0,12}"),
        ) {
            prop_assert_eq!(one == other, name(&one.0, &one.1) == name(&other.0, &other.1));
        }

        #[test]
        fn no_address_and_no_user_name_is_one(issuer in "\\PC{0,20}", subject in "\\PC{0,20}") {
            let name = name(&issuer, &subject);
            prop_assert!(Email::parse(&name).is_err());
            prop_assert!(Username::parse(&name).is_err());
            prop_assert_eq!(name.to_lowercase(), name);
        }
    }

    #[test]
    fn a_part_of_the_issuer_is_not_a_part_of_the_subject() {
        assert_ne!(name("https://a.example", "b"), name("https://a.exampl", "eb"));
        assert_ne!(name("https://a.example", "B"), name("https://a.example", "b"));
    }
}
