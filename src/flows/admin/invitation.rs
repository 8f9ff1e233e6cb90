//! Accounts that operators make: without a password, until their owner sets one with a link that is valid for a day.
//!
//! So no operator ever knows or chooses a user's password (ASVS 6.4.1, 6.4.6). The link is sent by mail. The command
//! line can print it instead, which is how the first administrator gets access in a deployment without mail.

use std::sync::Arc;

use chrono::{DateTime, Utc};

use super::notices::notify_of_administrator;
use super::{AdminRefusal, Operator, RecentOperator};
use crate::domain::app_claims::AppClaims;
use crate::domain::audit_event::{AuditEvent, EventName};
use crate::domain::email::Email;
use crate::domain::ids::UserId;
use crate::domain::link_token::LinkPurpose;
use crate::domain::managed_user::ManagedUser;
use crate::domain::message::{AdministratorChangeKind, Locale};
use crate::domain::roles;
use crate::domain::user::User;
use crate::domain::username::Username;
use crate::flows::notify::Decision;
use crate::flows::notify::{links, require_mail};
use crate::flows::tx::Tx;
use crate::flows::{Core, Fault};
use crate::store::account_names::Insertion;
use crate::store::users;

/// An account to be made.
#[derive(Clone)]
pub struct InvitedAccount {
    /// The address of its owner.
    pub email: Email,
    /// Another name to sign in with.
    pub username: Option<Username>,
    /// The roles of the account.
    pub roles: Vec<String>,
    /// Whether roles may be granted although the address is not verified. Possible on the command line only, where it
    /// takes an explicit option.
    pub unverified: bool,
    /// The language of messages.
    pub locale: Locale,
    /// How the link reaches its owner.
    pub way: Way,
}

/// How the link that sets the first password reaches its owner.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// Sent by mail.
    Mail,
    /// Shown to the operator, who passes it on.
    Shown,
}

/// The result of a request for an account.
#[must_use]
pub enum Invitation {
    /// It was made.
    Made {
        /// The account.
        account: Box<ManagedUser>,
        /// The link, unless it was mailed.
        link: Option<String>,
        /// When the link expires.
        expires_at: DateTime<Utc>,
    },
    /// Another account has the address.
    EmailTaken,
    /// Another account has the name, or gave it up recently.
    UsernameTaken,
    /// The request was refused.
    Refused(AdminRefusal),
}

/// Makes an account whose owner sets the password.
///
/// # Errors
///
/// Returns faults only; [`Fault::NoSender`] where the link is to be mailed and the deployment sends no mail.
pub async fn create(core: &Arc<Core>, operator: &RecentOperator, new: InvitedAccount) -> Result<Invitation, Fault> {
    if new.way == Way::Mail {
        require_mail(core)?;
    }
    let now = core.clock.now();
    let user = user_of(core, &new, now);
    let operator = Operator::clone(operator);
    core.transaction_at(now, "admin.invite", operator.origin.clone(), move |tx| {
        if let Err(refusal) = operator.begin(tx)? {
            return Ok(Invitation::Refused(refusal));
        }
        if !user.roles.is_empty() && !new.unverified && !user.may_have_roles() {
            let refusal = AdminRefusal::UnverifiedAddress;
            operator.record_refusal(tx, refusal, None)?;
            return Ok(Invitation::Refused(refusal));
        }
        match users::insert(tx.connection, &user, None, tx.now)? {
            Insertion::Inserted => {}
            Insertion::EmailTaken => return Ok(Invitation::EmailTaken),
            Insertion::UsernameTaken => return Ok(Invitation::UsernameTaken),
        }
        let created = AuditEvent::success(EventName::UserCreated, user.id).because("invitation");
        Operator::record(tx, "user_created", &[created], Some(user.id))?;
        if roles::is_administrator(&user.roles) {
            notify_of_administrator(tx, &user, AdministratorChangeKind::Granted)?;
        }
        let link = invite(tx, &operator, &user, (&new.email, new.way))?;
        Ok(Invitation::Made {
            account: Box::new(ManagedUser {
                user: user.clone(),
                disabled: false,
                password_disabled_at: None,
                codes_disabled_at: None,
                password_refused_to_strangers: false,
                codes_refused_to_strangers: false,
            }),
            link,
            expires_at: tx.now + LinkPurpose::Invitation.life(),
        })
    })
    .await
}

fn user_of(core: &Core, new: &InvitedAccount, now: DateTime<Utc>) -> User {
    User {
        id: UserId::new(now, core.random.as_ref()),
        email: Some(new.email.clone()),
        email_verified_at: None,
        username: new.username.clone(),
        roles: new.roles.clone(),
        claims: AppClaims::default(),
        created_at: now,
        locale: new.locale,
        has_password: false,
    }
}

/// Makes the link with which the owner of an address sets a password or a passkey. Returns it, unless it goes out by mail.
pub(super) fn invite(
    tx: &mut Tx<'_>,
    operator: &Operator,
    user: &User,
    (email, way): (&Email, Way),
) -> Result<Option<String>, Fault> {
    let purpose = LinkPurpose::Invitation;
    match way {
        Way::Shown => links::put(tx, purpose, user, email).map(Some),
        Way::Mail => {
            let origin = operator.shown_origin();
            let tx = &mut tx.with_origin(&origin);
            if let Decision::Granted(permit) = links::may_send(tx, purpose, Some(user), email)? {
                links::send(tx, permit, purpose, user, email)?;
            }
            Ok(None)
        }
    }
}
