//! A new password, from the rules to its hash: used by registration, change and reset.

use crate::crypto::fair_queue::Requester;
use crate::crypto::stored_password::StoredPassword;
use crate::domain::breach_range::BreachRange;
use crate::domain::password::{Password, PasswordRejection};
use crate::flows::{Core, Fault};

/// Checks a new password against the rules, the user's own `words` and the list of breached ones, and hashes it,
/// without a connection.
pub(in crate::flows) async fn hash(
    core: &Core,
    requester: Requester,
    new: Password,
    words: Vec<String>,
) -> Result<Result<StoredPassword, PasswordRejection>, Fault> {
    let rules = core.settings.password_rules;
    if let Err(rejection) = rules.check_length(&new) {
        return Ok(Err(rejection));
    }
    if let Some(list) = &core.breach_list
        && list.has(BreachRange::of(&new)).await == Some(true)
    {
        return Ok(Err(PasswordRejection::Breached));
    }
    let words = [core.settings.password_words.clone(), words].concat();
    Ok(core.hasher.hash_new(requester, new, rules, words).await?)
}
