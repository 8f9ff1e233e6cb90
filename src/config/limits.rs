//! Rules for passwords, and limits on hashing.

use std::num::NonZeroUsize;

use super::Mode;
use super::reader::Reader;
use super::settings;
use crate::breach_list::BreachListUrl;
use crate::domain::password::PasswordRules;
use crate::domain::policy::TwoFactorPolicy;
use crate::domain::policy::numbers::{PASSWORD_MIN_LENGTH_FLOOR, SINGLE_FACTOR_PASSWORD_MIN_LENGTH};

/// The settings of passwords and hashing.
#[derive(Debug)]
pub struct LimitsConfig {
    /// Rules for new passwords.
    pub password_rules: PasswordRules,
    /// The list of breached passwords, if there is one.
    pub breach_check_url: Option<BreachListUrl>,
    /// Cost of a hash; each step doubles the work.
    pub bcrypt_cost: u32,
    /// Number of threads that hash passwords.
    pub hash_threads: NonZeroUsize,
}

impl LimitsConfig {
    /// Reads the section.
    pub(super) fn read(reader: &mut Reader<'_>, mode: Mode, policy: Option<TwoFactorPolicy>) -> Option<Self> {
        let shortest = u32::try_from(PASSWORD_MIN_LENGTH_FLOOR).unwrap_or(u32::MAX);
        let min_length = reader.optional_number(&settings::PASSWORD_MIN_LENGTH, shortest..=64);
        let breach_check_url = reader.parse_optional(&settings::BREACH_CHECK_URL, BreachListUrl::parse);
        let cheapest = if mode == Mode::Development { 4 } else { 10 };
        let bcrypt_cost = reader.number(&settings::BCRYPT_COST, cheapest..=15);
        let hash_threads = reader.optional_number(&settings::HASH_THREADS, 1..=256);
        let by_policy = match policy? {
            TwoFactorPolicy::Required => PASSWORD_MIN_LENGTH_FLOOR,
            TwoFactorPolicy::Optional => SINGLE_FACTOR_PASSWORD_MIN_LENGTH,
        };
        let given = min_length?.and_then(|number| usize::try_from(number).ok());
        let threads = hash_threads?
            .and_then(|number| usize::try_from(number).ok())
            .and_then(NonZeroUsize::new);
        Some(Self {
            password_rules: PasswordRules {
                min_length: given.unwrap_or(by_policy),
            },
            breach_check_url: breach_check_url?,
            bcrypt_cost: bcrypt_cost?,
            hash_threads: threads.unwrap_or_else(processors),
        })
    }
}

/// As many threads as there are processors: their priority is so low that all else comes first.
fn processors() -> NonZeroUsize {
    std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN)
}
