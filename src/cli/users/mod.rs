//! `vestibule users`: administration of accounts by operators, with the same flows as `/admin`.

mod change;
mod create;
mod import;
mod show;

use std::path::PathBuf;

use clap::Subcommand;
use serde_json::error::Category;

use self::create::NewUserArgs;
use super::Failure;
use super::setting_flags::SettingFlags;
use crate::config::Config;
use crate::domain::app_claims::{AppClaims, GivenClaims};
use crate::domain::ids::{IdentityId, SessionId};
use crate::domain::managed_user::{UserQuery, UserSelector};
use crate::domain::roles::{self, RoleFactors};

/// Users
#[derive(Subcommand)]
pub(super) enum UsersCommand {
    /// Create an account, and print the link with which its owner sets the password or a passkey
    ///
    /// The link works once and for a day; give it to the owner over a confidential channel. Until then the account has
    /// no password. Setting the password also verifies the address. With --mail the link is sent by mail instead of
    /// printed. For another link, after that day or after sign-out-all, delete the account and create it again.
    ///
    /// Roles can only be granted to accounts with a verified address. With --unverified they are granted before that,
    /// and any reader of the link can get them. The first administrator:
    ///
    ///   vestibule users create root@example.com --role admin --unverified
    #[command(verbatim_doc_comment)]
    Create {
        #[command(flatten)]
        new: NewUserArgs,
        #[command(flatten)]
        settings: SettingFlags,
    },
    /// List accounts, newest first
    ///
    ///   vestibule users list jo@ --json
    #[command(verbatim_doc_comment)]
    List {
        /// The beginning of an address or a user name, or an id
        #[arg(value_parser = parse_query, default_value = "", hide_default_value = true)]
        query: UserQuery,
        /// The greatest number of accounts to list
        #[arg(long, value_name = "NUMBER", default_value = "50")]
        limit: u32,
        /// List all accounts
        #[arg(long, conflicts_with = "limit")]
        all: bool,
        /// Print JSON
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        settings: SettingFlags,
    },
    /// Show an account
    ///
    ///   vestibule users show jo@example.com
    #[command(verbatim_doc_comment)]
    Show {
        /// Its e-mail address, user name or id
        #[arg(value_parser = UserSelector::parse)]
        user: UserSelector,
        /// Print JSON
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        settings: SettingFlags,
    },
    /// Disable an account: its sessions end at once
    ///
    ///   vestibule users disable jo@example.com
    #[command(verbatim_doc_comment)]
    Disable {
        /// Its e-mail address, user name or id
        #[arg(value_parser = UserSelector::parse)]
        user: UserSelector,
        #[command(flatten)]
        settings: SettingFlags,
    },
    /// Enable a disabled account
    ///
    /// A password that was disabled after a hundred wrong attempts can be used again as well.
    ///
    ///   vestibule users enable jo@example.com
    #[command(verbatim_doc_comment)]
    Enable {
        /// Its e-mail address, user name or id
        #[arg(value_parser = UserSelector::parse)]
        user: UserSelector,
        #[command(flatten)]
        settings: SettingFlags,
    },
    /// Grant or revoke roles; access tokens contain the change from the next refresh on
    ///
    /// Refused for an account with an unverified address: the reader of that mailbox could reset the account. With
    /// --unverified the roles are granted all the same, and are lost if the account is reset.
    ///
    ///   vestibule users grant jo@example.com editor admin
    ///   vestibule users grant jo@example.com admin --revoke
    #[command(verbatim_doc_comment)]
    Grant {
        /// Its e-mail address, user name or id
        #[arg(value_parser = UserSelector::parse)]
        user: UserSelector,
        /// The roles; admin gives access to /admin
        #[arg(required = true, value_name = "ROLE", value_parser = parse_role)]
        roles: Vec<String>,
        /// Revoke them
        #[arg(long)]
        revoke: bool,
        /// Grant them although the address is not verified
        #[arg(long, conflicts_with = "revoke")]
        unverified: bool,
        #[command(flatten)]
        settings: SettingFlags,
    },
    /// Set the claims of an account; access tokens contain them as app from the next refresh on
    ///
    /// Replaces the whole object; {} removes all claims. At most 2,048 bytes of JSON without white space, 4 levels
    /// deep.
    ///
    ///   vestibule users set-claims jo@example.com '{"plan": "gold"}'
    #[command(verbatim_doc_comment)]
    SetClaims {
        /// Its e-mail address, user name or id
        #[arg(value_parser = UserSelector::parse)]
        user: UserSelector,
        /// The claims, a JSON object
        #[arg(value_parser = parse_claims)]
        claims: AppClaims,
        #[command(flatten)]
        settings: SettingFlags,
    },
    /// Remove all second factors of a user who has lost them
    ///
    /// Recovery codes are removed too, all sessions end, and the owner is notified by mail. The next login with the
    /// password sets up a new factor, so verify the identity of the requester first. For an account without a
    /// password, prints a link with which its owner sets a password or a passkey; it works once and for a day. Refused
    /// for an account that has no address either. Asks for confirmation, unless --yes is given.
    ///
    ///   vestibule users reset-2fa jo@example.com
    #[command(verbatim_doc_comment, name = "reset-2fa")]
    Reset2fa {
        /// Its e-mail address, user name or id
        #[arg(value_parser = UserSelector::parse)]
        user: UserSelector,
        /// Send the link by mail instead of printing it
        #[arg(long)]
        mail: bool,
        /// Do not ask for confirmation
        #[arg(long, short)]
        yes: bool,
        #[command(flatten)]
        settings: SettingFlags,
    },
    /// List the sessions of an account, or end them
    ///
    ///   vestibule users sessions jo@example.com
    ///   vestibule users sessions jo@example.com --end
    ///   vestibule users sessions jo@example.com --end --session 019a2b3c-4d5e-7f60-8a1b-2c3d4e5f6071
    #[command(verbatim_doc_comment)]
    Sessions {
        /// Its e-mail address, user name or id
        #[arg(value_parser = UserSelector::parse)]
        user: UserSelector,
        /// End all of them, including pending logins
        #[arg(long)]
        end: bool,
        /// End only the session with this id, with what applications were granted in it
        #[arg(long, value_name = "ID", requires = "end", value_parser = parse_session)]
        session: Option<SessionId>,
        /// Print JSON
        #[arg(long, conflicts_with = "end")]
        json: bool,
        #[command(flatten)]
        settings: SettingFlags,
    },
    /// List the trusted devices of an account, or end the trust in them
    ///
    /// On a trusted device the owner signs in with the password alone. `sessions --end` ends both. Takes from the
    /// service's VESTIBULE_TRUSTED_DEVICE_TTL which devices count.
    ///
    ///   vestibule users devices jo@example.com
    ///   vestibule users devices jo@example.com --end
    #[command(verbatim_doc_comment)]
    Devices {
        /// Its e-mail address, user name or id
        #[arg(value_parser = UserSelector::parse)]
        user: UserSelector,
        /// End the trust in all of them
        #[arg(long)]
        end: bool,
        /// Print JSON
        #[arg(long, conflicts_with = "end")]
        json: bool,
        #[command(flatten)]
        settings: SettingFlags,
    },
    /// Unlink an identity: that user of an upstream provider no longer signs in to the account
    ///
    /// As after the owner lost their account at the provider. Sessions without another factor end. Other sessions that
    /// a provider signed in continue at `aal1`. To end all of them, run `vestibule users sessions USER --end`. Logins
    /// that wait for a second factor after a sign-in at a provider end, too. The owner is notified by mail.
    ///
    /// `vestibule users show` lists the identities with their ids. Without another way to sign in, the owner can set a
    /// password by mail. An account with neither an address nor a password is refused.
    ///
    ///   vestibule users unlink jo@example.com 019a2b3c-4d5e-7f60-8a1b-2c3d4e5f6071
    #[command(verbatim_doc_comment)]
    Unlink {
        /// Its e-mail address, user name or id
        #[arg(value_parser = UserSelector::parse)]
        user: UserSelector,
        /// The id of the identity
        #[arg(value_parser = parse_identity)]
        identity: IdentityId,
        #[command(flatten)]
        settings: SettingFlags,
    },
    /// End the sessions, trusted devices, API keys, consents and mailed links of all users, as after a leak of keys
    ///
    /// Prints how many sessions and links ended. Invitations end as well: delete the account of an invited user and
    /// create it again. Can be interrupted and run again. Asks for confirmation, unless --yes is given.
    ///
    ///   vestibule users sign-out-all
    #[command(verbatim_doc_comment)]
    SignOutAll {
        /// Do not ask for confirmation
        #[arg(long, short)]
        yes: bool,
        #[command(flatten)]
        settings: SettingFlags,
    },
    /// Import users of another program, with their passwords and authenticators
    ///
    /// Existing users are left unchanged, so an interrupted run can be repeated. Users with an unverified address are
    /// imported without their roles. Ends with status 1 if a line could not be imported; the other lines are imported
    /// all the same.
    ///
    ///   vestibule users import users.ndjson --dry-run
    #[command(verbatim_doc_comment)]
    Import {
        /// The file; - reads standard input
        #[arg(long_help = import::file_help())]
        file: PathBuf,
        /// Report what would be done, and change nothing
        #[arg(long)]
        dry_run: bool,
        /// Report as JSON
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        settings: SettingFlags,
    },
    /// Permanently delete an account and everything that belongs to it
    ///
    /// The audit trail remains, and the owner is notified by mail. Asks for confirmation, unless --yes is given.
    ///
    ///   vestibule users delete jo@example.com
    #[command(verbatim_doc_comment)]
    Delete {
        /// Its e-mail address, user name or id
        #[arg(value_parser = UserSelector::parse)]
        user: UserSelector,
        /// Do not ask for confirmation
        #[arg(long, short)]
        yes: bool,
        #[command(flatten)]
        settings: SettingFlags,
    },
}

impl UsersCommand {
    /// Returns the settings given as flags.
    pub(super) const fn settings(&self) -> &SettingFlags {
        match self {
            Self::Create { settings, .. }
            | Self::List { settings, .. }
            | Self::Show { settings, .. }
            | Self::Disable { settings, .. }
            | Self::Enable { settings, .. }
            | Self::Grant { settings, .. }
            | Self::SetClaims { settings, .. }
            | Self::Reset2fa { settings, .. }
            | Self::Sessions { settings, .. }
            | Self::Devices { settings, .. }
            | Self::Unlink { settings, .. }
            | Self::SignOutAll { settings, .. }
            | Self::Import { settings, .. }
            | Self::Delete { settings, .. } => settings,
        }
    }

    /// Runs the command.
    pub(super) fn run(&self, config: &Config) -> Result<(), Failure> {
        match self {
            Self::Create { new, .. } => create::run(config, new),
            Self::List {
                query,
                limit,
                all,
                json,
                ..
            } => show::list(config, query, (!all).then_some(*limit), *json),
            Self::Show { user, json, .. } => show::show(config, user, *json),
            Self::Disable { user, .. } => change::set_disabled(config, user, true),
            Self::Enable { user, .. } => change::set_disabled(config, user, false),
            Self::Grant {
                user,
                roles,
                revoke,
                unverified,
                ..
            } => change::grant(config, user, roles, (*revoke, *unverified)),
            Self::SetClaims { user, claims, .. } => change::set_claims(config, user, claims),
            Self::Reset2fa { user, mail, yes, .. } => change::reset_second_factors(config, user, (*mail, *yes)),
            Self::Sessions {
                user,
                session: Some(session),
                ..
            } => change::end_session(config, user, *session),
            Self::Sessions { user, end: true, .. } => change::end_sessions(config, user),
            Self::Sessions { user, json, .. } => show::sessions(config, user, *json),
            Self::Devices { user, end: true, .. } => change::end_devices(config, user),
            Self::Devices { user, json, .. } => show::devices(config, user, *json),
            Self::Unlink { user, identity, .. } => change::unlink(config, user, *identity),
            Self::SignOutAll { yes, .. } => change::sign_out_all(config, *yes),
            Self::Import {
                file, dry_run, json, ..
            } => import::run(config, file, *dry_run, *json),
            Self::Delete { user, yes, .. } => change::delete(config, user, *yes),
        }
    }
}

fn parse_query(text: &str) -> Result<UserQuery, &'static str> {
    UserQuery::parse(text)
}

fn parse_identity(text: &str) -> Result<IdentityId, &'static str> {
    IdentityId::parse(text).ok_or("must be the id of an identity, as `vestibule users show` prints it")
}

fn parse_session(text: &str) -> Result<SessionId, &'static str> {
    SessionId::parse(text).ok_or("must be the id of a session, as `vestibule users sessions USER` prints it")
}

fn parse_claims(text: &str) -> Result<AppClaims, String> {
    let given: GivenClaims = serde_json::from_str(text).map_err(|error| match error.classify() {
        // A member that is there twice.
        Category::Data => "must not have a member twice".to_owned(),
        _ => "must be JSON".to_owned(),
    })?;
    Ok(AppClaims::parse(&given)?)
}

fn parse_role(text: &str) -> Result<String, &'static str> {
    roles::check(&[text.to_owned()])
        .map_err(|_wanted| "must be 1 to 64 letters, digits, dots, colons, dashes or underscores")?;
    Ok(text.to_owned())
}

/// Writes roles, each with the second factors of which it requires one.
fn written_roles(roles: &[String], factors: &RoleFactors) -> String {
    let written: Vec<String> = roles
        .iter()
        .map(|role| match factors.required_for(role).as_slice() {
            [] => role.clone(),
            kinds => {
                let names: Vec<&str> = kinds.iter().map(|kind| kind.as_str()).collect();
                format!("{role} (only after {})", names.join(" or "))
            }
        })
        .collect();
    written.join(", ")
}

/// Why roles are refused.
const ADDRESS_UNVERIFIED: &str = "the account's address is not verified, and the reader of that mailbox could reset the \
                                account; --unverified grants the roles all the same";
/// What it means to grant them all the same.
const UNVERIFIED_ROLES: &str = "warning: the account's address is not verified. The user who created the account, or \
                                who opens the link that was made for it, has these roles.";

fn unknown() -> Failure {
    Failure::of("there is no such account; `vestibule users list` shows them")
}
