//! `vestibule users create`.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use clap::Args;
use serde_json::json;

use crate::api::dto::admin::ManagedUserView;
use crate::cli::operate::{operate, require_place_for_links};
use crate::cli::{Failure, complain, write_out};
use crate::config::Config;
use crate::domain::email::Email;
use crate::domain::managed_user::ManagedUser;
use crate::domain::message::Locale;
use crate::domain::policy::numbers::USERNAME_RESERVED_FOR;
use crate::domain::roles;
use crate::domain::username::Username;
use crate::flows::Core;
use crate::flows::admin::invitation::{self, Invitation, InvitedAccount, Way};
use crate::flows::admin::{AdminRefusal, RecentOperator};

/// The properties of a new account.
#[derive(Args)]
pub(in crate::cli) struct NewUserArgs {
    /// The owner's e-mail address
    #[arg(value_parser = Email::parse)]
    email: Email,
    /// A user name
    #[arg(long, value_name = "NAME", value_parser = Username::parse)]
    username: Option<Username>,
    /// A role; may be given several times. admin gives access to /admin
    #[arg(long = "role", value_name = "ROLE", value_parser = super::parse_role)]
    roles: Vec<String>,
    /// Grant the roles although the address is not verified
    #[arg(long)]
    unverified: bool,
    /// The language of messages, such as de
    #[arg(long, value_name = "TAG", value_parser = parse_locale)]
    locale: Option<Locale>,
    /// Send the link by mail instead of printing it
    #[arg(long)]
    mail: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

fn parse_locale(tag: &str) -> Result<Locale, String> {
    let known = || Locale::ALL.map(Locale::as_str).join(", ");
    Locale::of_tag(tag).ok_or_else(|| format!("the languages of messages are {}", known()))
}

pub(super) fn run(config: &Config, args: &NewUserArgs) -> Result<(), Failure> {
    let new = InvitedAccount {
        email: args.email.clone(),
        username: args.username.clone(),
        roles: roles::check(&args.roles).map_err(Failure::of)?,
        unverified: args.unverified,
        locale: args.locale.unwrap_or_default(),
        way: if args.mail { Way::Mail } else { Way::Shown },
    };
    if new.way == Way::Shown {
        require_place_for_links(config)?;
    }
    operate(config, async |core| {
        let (account, link, expires_at) = create(&core, new).await?;
        if !account.user.roles.is_empty() {
            complain(super::UNVERIFIED_ROLES);
        }
        if args.json {
            let mut shown = json!({"user": ManagedUserView::invited(&account)});
            if let (Some(link), Some(members)) = (&link, shown.as_object_mut()) {
                members.insert("link".to_owned(), json!(link));
                members.insert("expires_at".to_owned(), json!(expires_at));
            }
            return write_out(&format!("{shown}\n"));
        }
        let id = account.user.id.uuid();
        write_out(&match link {
            Some(link) => format!(
                "id    {id}\nlink  {link}\n\nThe link sets the password of the account; give it to the owner \
                 only. It works once, until {}, and is not shown again.\n",
                expires_at.format("%Y-%m-%d %H:%M UTC")
            ),
            None => format!("id    {id}\n\nThe link that sets the password is on its way.\n"),
        })
    })
}

type Made = (Box<ManagedUser>, Option<String>, DateTime<Utc>);

async fn create(core: &Arc<Core>, new: InvitedAccount) -> Result<Made, Failure> {
    match invitation::create(core, &RecentOperator::command_line(core), new).await? {
        Invitation::Made {
            account,
            link,
            expires_at,
        } => Ok((account, link, expires_at)),
        Invitation::EmailTaken => Err(Failure::of("there is already an account with this address")),
        Invitation::UsernameTaken => Err(Failure::of(format!(
            "an account has this user name, or gave it up in the last {} days; `vestibule users show NAME` finds it if \
             one has it",
            USERNAME_RESERVED_FOR.num_days()
        ))),
        Invitation::Refused(AdminRefusal::UnverifiedAddress) => Err(Failure::of(super::ADDRESS_UNVERIFIED)),
        Invitation::Refused(_) => Err(Failure::of("the account may not be created")),
    }
}
