//! Second factors: what an account has, how one is added, verified and removed, and the step-up.
//!
//! [`verify`] checks every proof and marks it as used; `totp`, `passkey`, `sent_code` and `recovery_codes` know what a proof of
//! their kind is. Another kind is one more such file, and the compiler names the rest.
//!
//! It may call `limits`, `notify`, `session`.

mod challenge;
mod destination;
mod enrol;
mod identities;
mod list;
mod passkey;
mod password;
mod proof_context;
mod recovery_codes;
mod remove;
mod sent_code;
mod step_up;
mod totp;
mod user_verification;
mod verify;

pub use challenge::{Challenge, challenge_login, challenge_session};
pub(in crate::flows) use destination::phone_number;
pub use enrol::{
    Confirmation, Enrolment, Setup, confirm_factor, enrol_totp, renew_recovery_codes, replace_totp, set_up_sent_codes,
};
pub(in crate::flows) use identities::remove_identity;
pub use identities::{Linked, NamedProvider, Unlinking, list_identities, unlink_identity};
pub(in crate::flows) use list::load_factors;
pub use list::{confirmed_factors, list_factors};
pub use passkey::{
    AddedPasskey, AssertionOptions, EnrollingSession, NoRegistration, PasskeyRegistration, RegistrationOptions,
    list_passkeys, register_passkey, registration_options, rename_passkey, sign_in_challenge,
};
pub(in crate::flows) use passkey::{challenge_alone, verify_alone};
pub(in crate::flows) use password::{
    ComparedPassword, Taken, compare_password, count_wrong_password, take_right_password,
};
pub use proof_context::ProofRefusal;
pub(in crate::flows) use proof_context::{ProofContext, ProofResult, VerifiedFactor};
pub(in crate::flows) use remove::remove_all_factors;
pub use remove::{Removal, RemovalRefusal, remove_authenticator, remove_passkey, remove_sent_codes};
pub use sent_code::{CodeDispatch, Sending};
pub(in crate::flows) use step_up::demand;
pub use step_up::{Demand, Holder, RecentCaller, StepUp, StepUpProof, require_holder, require_recent_proof, step_up};
pub(in crate::flows) use totp::PreparedTotp;
pub use totp::TotpEnrolment;
