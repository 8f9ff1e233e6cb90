//! `vestibule users disable|enable|grant|set-claims|reset-2fa|sessions --end|devices --end|unlink|sign-out-all|delete`.

use std::sync::Arc;

use super::unknown;
use crate::cli::confirm::Consent;
use crate::cli::operate::{operate, require_place_for_links};
use crate::cli::progress::Progress;
use crate::cli::{Failure, complain, counted, write_out};
use crate::config::Config;
use crate::domain::app_claims::AppClaims;
use crate::domain::ids::{IdentityId, SessionId, UserId};
use crate::domain::managed_user::UserSelector;
use crate::domain::roles::RolesChange;
use crate::domain::session::SessionKey;
use crate::domain::user::User;
use crate::flows::Core;
use crate::flows::admin::invitation::Way;
use crate::flows::admin::users::{self, AccountUpdate, SignedOut, WayBack};
use crate::flows::admin::{AdminRefusal, Operator, RecentOperator};

/// Disables or enables an account.
pub(super) fn set_disabled(config: &Config, user: &UserSelector, disabled: bool) -> Result<(), Failure> {
    let update = AccountUpdate {
        disabled: Some(disabled),
        ..AccountUpdate::default()
    };
    let what = if disabled {
        "disabled; its sessions have ended"
    } else {
        "enabled"
    };
    operate(config, async |core| {
        let found = find(&core, user).await?;
        let updated = users::update(&core, &RecentOperator::command_line(&core), found.id, update).await?;
        updated.map_err(refused)?;
        write_out(&format!("{} is {what}\n", name(&found)))
    })
}

/// Grants or revokes roles.
pub(super) fn grant(
    config: &Config,
    user: &UserSelector,
    roles: &[String],
    (revoke, unverified): (bool, bool),
) -> Result<(), Failure> {
    let change = if revoke {
        RolesChange::Revoke
    } else {
        RolesChange::Grant
    };
    let update = AccountUpdate {
        roles: Some(change(roles.to_vec())),
        unverified,
        ..AccountUpdate::default()
    };
    operate(config, async |core| {
        let found = find(&core, user).await?;
        let updated = users::update(&core, &RecentOperator::command_line(&core), found.id, update).await?;
        let account = updated.map_err(refused)?.account;
        if !revoke && !account.user.may_have_roles() {
            complain(super::UNVERIFIED_ROLES);
        }
        let roles = account.user.roles;
        let roles = if roles.is_empty() {
            "none".to_owned()
        } else {
            super::written_roles(&roles, &core.settings.access_tokens.role_factors)
        };
        write_out(&format!("roles of {}: {roles}\n", name(&found)))
    })
}

/// Replaces the claims of an account.
pub(super) fn set_claims(config: &Config, user: &UserSelector, claims: &AppClaims) -> Result<(), Failure> {
    let update = AccountUpdate {
        claims: Some(claims.clone()),
        ..AccountUpdate::default()
    };
    operate(config, async |core| {
        let found = find(&core, user).await?;
        let updated = users::update(&core, &RecentOperator::command_line(&core), found.id, update).await?;
        let claims = updated.map_err(refused)?.account.user.claims;
        write_out(&format!("claims of {}: {}\n", name(&found), claims.to_text()))
    })
}

/// Removes all second factors of an account.
pub(super) fn reset_second_factors(
    config: &Config,
    user: &UserSelector,
    (mail, yes): (bool, bool),
) -> Result<(), Failure> {
    let consent = Consent::of(yes)?;
    operate(config, async |core| {
        let found = find(&core, user).await?;
        if !mail && !found.has_password {
            require_place_for_links(config)?;
        }
        consent.ask(&format!(
            "Remove all second factors of {} and end its sessions?",
            full_name(&found)
        ))?;
        let way = if mail { Way::Mail } else { Way::Shown };
        let done = users::reset_second_factors(&core, &RecentOperator::command_line(&core), (found.id, way)).await?;
        let link = match done.map_err(refused)? {
            WayBack::Password => String::new(),
            WayBack::Link(None) => "The link that sets a password or a passkey is on its way.\n".to_owned(),
            WayBack::Link(Some(link)) => format!(
                "link  {link}\n\nThe link sets a password or a passkey; give it to the owner only. It works once and for \
                 a day, and is not shown again.\n"
            ),
        };
        write_out(&format!(
            "{} no longer has a second factor; its sessions have ended\n{link}",
            name(&found)
        ))
    })
}

/// Ends all sessions of an account.
pub(super) fn end_sessions(config: &Config, user: &UserSelector) -> Result<(), Failure> {
    operate(config, async |core| {
        let found = find(&core, user).await?;
        let ended = users::end_sessions(&core, &Operator::command_line(&core), found.id).await?;
        write_out(&format!("{} ended\n", counted(ended.map_err(refused)?, "session")))
    })
}

/// Ends one session of an account.
pub(super) fn end_session(config: &Config, user: &UserSelector, session_id: SessionId) -> Result<(), Failure> {
    operate(config, async |core| {
        let found = find(&core, user).await?;
        let key = SessionKey {
            user_id: found.id,
            session_id,
        };
        let ended = users::end_session(&core, &Operator::command_line(&core), key).await?;
        if ended.map_err(refused)? {
            write_out(&format!("the session of {} has ended\n", name(&found)))
        } else {
            Err(Failure::of(
                "the account has no such session; `vestibule users sessions USER` lists them",
            ))
        }
    })
}

/// Unlinks an identity of an account.
pub(super) fn unlink(config: &Config, user: &UserSelector, id: IdentityId) -> Result<(), Failure> {
    operate(config, async |core| {
        let found = find(&core, user).await?;
        let unlinked = users::unlink_identity(&core, &Operator::command_line(&core), (found.id, id)).await?;
        if unlinked.map_err(refused)? {
            write_out(&format!("the identity of {} is unlinked\n", name(&found)))
        } else {
            Err(Failure::of(
                "the account has no such identity; `vestibule users show` lists them",
            ))
        }
    })
}

/// Ends all trusted devices of an account.
pub(super) fn end_devices(config: &Config, user: &UserSelector) -> Result<(), Failure> {
    operate(config, async |core| {
        let found = find(&core, user).await?;
        let ended = users::end_devices(&core, &Operator::command_line(&core), found.id).await?;
        write_out(&format!(
            "{} ended\n",
            counted(ended.map_err(refused)?, "trusted device")
        ))
    })
}

/// Ends the sessions, trusted devices and mailed links of all users.
pub(super) fn sign_out_all(config: &Config, yes: bool) -> Result<(), Failure> {
    let consent = Consent::of(yes)?;
    operate(config, async |core| {
        consent.ask(
            "End the sessions, trusted devices and mailed links of all users, administrators and invitations included?",
        )?;
        let progress = Progress::of_unknown_length("sessions ended");
        let operator = Operator::command_line(&core);
        let ended = users::sign_out_all(&core, &operator, || progress.add(1)).await;
        progress.finish();
        let SignedOut { sessions, links } = ended?;
        write_out(&format!(
            "{} and {} ended\n",
            counted(sessions, "session"),
            counted(links, "link")
        ))
    })
}

/// Deletes an account.
pub(super) fn delete(config: &Config, user: &UserSelector, yes: bool) -> Result<(), Failure> {
    let consent = Consent::of(yes)?;
    operate(config, async |core| {
        let found = find(&core, user).await?;
        consent.ask(&format!(
            "Permanently delete {} and everything that belongs to it?",
            full_name(&found)
        ))?;
        let done = users::delete(&core, &RecentOperator::command_line(&core), found.id).await?;
        done.map_err(refused)?;
        write_out(&format!("{} was deleted\n", name(&found)))
    })
}

async fn find(core: &Arc<Core>, user: &UserSelector) -> Result<User, Failure> {
    let found = users::find(core, user.clone()).await?;
    Ok(found.ok_or_else(unknown)?.account.user)
}

fn name(user: &User) -> &str {
    user.account_name()
}

fn full_name(user: &User) -> String {
    let id: UserId = user.id;
    format!("{} ({})", name(user), id.uuid())
}

fn refused(refusal: AdminRefusal) -> Failure {
    match refusal {
        AdminRefusal::UnknownUser => unknown(),
        AdminRefusal::UnverifiedAddress => Failure::of(super::ADDRESS_UNVERIFIED),
        AdminRefusal::NoWayBack => Failure::of(
            "the account has no password and no address, so no link could give it back to its owner; nothing was removed",
        ),
        AdminRefusal::Roles(wanted) => Failure::of(format!("the roles {wanted}")),
        // These refusals apply to administrators only; the command line is the way back in if they lock themselves out.
        AdminRefusal::NotAdministrator | AdminRefusal::OwnAccount | AdminRefusal::TooManyChanges(_) => {
            Failure::of("this is not allowed")
        }
    }
}
