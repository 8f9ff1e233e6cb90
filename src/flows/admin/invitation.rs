//! Accounts that operators make: without a password, until somebody sets one with a link that counts for a day.
//!
//! So no operator ever knows or chooses a password (ASVS 6.4.1, 6.4.6). The link goes out by mail; on the command line it
//! may be printed instead, which is how the first administrator comes in where no mail is sent.

use std::sync::Arc;

use chrono::{DateTime, Utc};

use super::{AdminRefusal, Operator, Work};
use crate::domain::audit_event::{AuditEvent, EventName};
use crate::domain::email::Email;
use crate::domain::ids::UserId;
use crate::domain::link_token::LinkPurpose;
use crate::domain::managed_user::ManagedUser;
use crate::domain::message::Locale;
use crate::domain::user::User;
use crate::domain::username::Username;
use crate::flows::links::{self, Request, require_mail};
use crate::flows::sending::Decision;
use crate::flows::{Core, Fault};
use crate::store::{PgConnection, managed_users, usernames};

/// An account to be made.
#[derive(Clone)]
pub struct NewAccount {
    /// Where its owner is reached.
    pub email: Email,
    /// What else it is found by.
    pub username: Option<Username>,
    /// What its owner may do.
    pub roles: Vec<String>,
    /// Whether roles may be granted although nobody has proven the address. On the command line only, and said aloud there.
    pub unverified: bool,
    /// The language of messages.
    pub locale: Locale,
    /// How the link reaches its owner.
    pub way: Way,
}

/// How the link that sets the first password reaches its reader.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// By mail.
    Mail,
    /// By the operator's hands.
    Shown,
}

/// What became of the wish for an account.
#[must_use]
pub enum Invitation {
    /// It was made.
    Made {
        /// The account.
        account: Box<ManagedUser>,
        /// The link, where it was not mailed.
        link: Option<String>,
        /// Until when that counts.
        expires_at: DateTime<Utc>,
    },
    /// Another account has the address.
    EmailTaken,
    /// Another account has the name, or gave it up lately.
    UsernameTaken,
    /// It was refused.
    Refused(AdminRefusal),
}

/// Makes an account whose owner sets the password.
///
/// # Errors
///
/// Returns faults only; [`Fault::NoSender`] where the link is to be mailed and the deployment sends no mail.
pub async fn create(core: &Arc<Core>, operator: &Operator, new: NewAccount) -> Result<Invitation, Fault> {
    if new.way == Way::Mail {
        require_mail(core)?;
    }
    let now = core.clock.now();
    let user = User {
        id: UserId::new(now, core.random.as_ref()),
        email: Some(new.email.clone()),
        email_verified_at: None,
        username: new.username.clone(),
        roles: new.roles.clone(),
        created_at: now,
        locale: new.locale,
    };
    let (shared, operator) = (Arc::clone(core), operator.clone());
    core.db
        .transaction("admin.invite", move |connection| {
            let work = operator.at_work(&shared, now);
            if let Err(refusal) = work.begin(connection)? {
                return Ok(Invitation::Refused(refusal));
            }
            if !user.roles.is_empty() && !new.unverified && !user.may_have_roles() {
                let refusal = AdminRefusal::UnverifiedAddress;
                work.record_refusal(connection, refusal, None)?;
                return Ok(Invitation::Refused(refusal));
            }
            let claimed = match &new.username {
                Some(wanted) => match usernames::claim(connection, wanted, user.id, now)? {
                    Some(claimed) => Some(claimed),
                    None => return Ok(Invitation::UsernameTaken),
                },
                None => None,
            };
            if !managed_users::insert(connection, &user, claimed.as_ref(), now)? {
                return Ok(Invitation::EmailTaken);
            }
            let created = AuditEvent::success(EventName::UserCreated, user.id).because("invitation");
            work.record(connection, "user_created", &[created], Some(user.id))?;
            let link = invite(&work, connection, (&user, &new))?;
            Ok(Invitation::Made {
                account: Box::new(ManagedUser {
                    user: user.clone(),
                    disabled: false,
                    has_password: false,
                    password_disabled_at: None,
                    codes_disabled_at: None,
                }),
                link,
                expires_at: now + LinkPurpose::Invitation.life(),
            })
        })
        .await
}

/// Makes the link. Returns it, unless it goes out by mail.
fn invite(
    work: &Work<'_>,
    connection: &mut PgConnection,
    (user, new): (&User, &NewAccount),
) -> Result<Option<String>, Fault> {
    let (purpose, addressee) = (LinkPurpose::Invitation, (user, &new.email));
    match new.way {
        Way::Shown => links::put(work.core, connection, purpose, addressee, work.now).map(Some),
        Way::Mail => {
            let origin = &work.operator.shown_origin();
            let request = Request { origin, now: work.now };
            let asked = (Some(user), &new.email);
            if let Decision::Granted(permit) = links::may_send(work.core, connection, purpose, asked, request)? {
                links::send(work.core, connection, permit, (purpose, user, &new.email), request)?;
            }
            Ok(None)
        }
    }
}
