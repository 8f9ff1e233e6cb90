//! Whether the authenticators of a user have to verify them: what options say, what is checked, and what a proof stands
//! for at least.

use crate::domain::assurance::AuthenticationMethod;
use crate::domain::passkey::UserVerification;
use crate::domain::user::User;
use crate::flows::Core;

/// Returns what is demanded of the authenticators of a user. Without a password nothing else is proved beside a passkey,
/// so each must be two factors by itself.
pub(super) fn demanded_verification(core: &Core, user: &User) -> UserVerification {
    if user.has_password {
        core.settings.user_verification
    } else {
        UserVerification::Required
    }
}

/// Returns the least that a proof by a passkey of a user stands for.
pub(super) fn least_method(core: &Core, user: &User) -> AuthenticationMethod {
    match demanded_verification(core, user) {
        UserVerification::Required => AuthenticationMethod::VerifiedPasskey,
        UserVerification::Preferred | UserVerification::Discouraged => AuthenticationMethod::Passkey,
    }
}
