//! Limits on sending: the one table of quotas, by purpose, destination and source of a message.
//!
//! A stranger and an owner never share a quota. What a stranger can cause (a link to an address, the enrolment of a
//! number) is counted apart from what only the owner can cause, and a network that the owner recently signed in from is
//! counted apart from all others. A stranger who uses up a quota therefore blocks nothing for the owner.

use chrono::TimeDelta;

use super::email::Email;
use super::ids::{SessionId, UserId};
use super::link_token::LinkPurpose;
use super::message::Channel;
use super::policy::numbers::{
    Allowance, CHANGES_OF_ADDRESS, DEPARTURES_OF_UNVERIFIED_ADDRESS, ENDS_BY_OWNER_OR_OPERATOR, ENROLMENT_CODES,
    ENROLMENT_CODES_TO_BLOCK, ENROLMENT_CODES_TO_DESTINATION, LEAST_LIFE_OF_LINK, REQUESTED_LINKS, SIGN_IN_CODES,
    SIGN_IN_CODES_OF_STRANGERS, STEP_UP_CODES, UNASKED_MAILS,
};
use super::sent_code::{CodePurpose, Quota};
use super::user::User;

/// What a message is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// A code that completes a login or steps a session up; it goes to a confirmed destination.
    SignInCode,
    /// A code that confirms a destination.
    EnrolmentCode,
    /// A link that any client may request with the address. Only an invitation is requested by an operator.
    Link(LinkPurpose),
    /// Informs the owner of an address that a client tried to register with it, or to change another account to it.
    AccountExists,
    /// Informs an owner about an event in their account.
    Notice,
}

impl Purpose {
    /// Returns all purposes.
    pub fn all() -> impl Iterator<Item = Self> {
        [Self::SignInCode, Self::EnrolmentCode, Self::AccountExists, Self::Notice]
            .into_iter()
            .chain(LinkPurpose::ALL.map(Self::Link))
    }

    /// Returns the name under which the purpose is counted.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::SignInCode => "sign_in_code",
            Self::EnrolmentCode => "enrolment_code",
            Self::Link(purpose) => purpose.as_str(),
            Self::AccountExists => "account_exists",
            Self::Notice => "notice",
        }
    }
}

impl Purpose {
    /// Returns whether a message is sent beyond its quota while no link of its kind is valid. Where a stranger may
    /// request the same link, the owner must still get one that works. Changes of address have a quota over all
    /// accounts, without exception.
    pub const fn is_served_when_none_is_alive(self) -> bool {
        matches!(
            self,
            Self::Link(
                LinkPurpose::MagicLink
                    | LinkPurpose::PasswordReset
                    | LinkPurpose::EmailVerification
                    | LinkPurpose::Invitation
                    | LinkPurpose::EmailChangeCancellation
            )
        )
    }
}

/// Returns the quota for what is sent beyond the others while no link of its kind is valid. It counts by destination
/// and not by account: an attacker could otherwise register with the address, request links, delete the account, and
/// start over. It is as high as the number of links that can end in an hour, by age, with their accounts, or by what an
/// owner or an operator does, so that one is always valid, however many were requested.
///
/// `sends`: whether the message is sent if the quota allows it. Otherwise, a quota without an effect is counted, so
/// that the same statements run.
pub fn beyond(dispatch: &Dispatch<'_>, sends: bool) -> Quota {
    let scope = if sends { "beyond" } else { "not beyond" };
    let most = match dispatch.purpose {
        Purpose::Link(purpose) => {
            let by_age = ends_in_an_hour(purpose.life() - LEAST_LIFE_OF_LINK);
            by_age + DEPARTURES_OF_UNVERIFIED_ADDRESS.most + ENDS_BY_OWNER_OR_OPERATOR
        }
        Purpose::SignInCode | Purpose::EnrolmentCode | Purpose::AccountExists | Purpose::Notice => 0,
    };
    quota(dispatch, scope, dispatch.destination, Allowance::an_hour(most))
}

/// Returns how many links are sent in an hour if each is sent when the previous one ends.
fn ends_in_an_hour(life: TimeDelta) -> u32 {
    let life = u32::try_from(life.num_minutes()).unwrap_or(u32::MAX).max(1);
    60_u32.div_ceil(life)
}

/// Returns the quota for an unverified address leaving its account.
pub fn leaving_unverified(address: &Email) -> Quota {
    Quota::new(format!("leave {}", address.as_str()), DEPARTURES_OF_UNVERIFIED_ADDRESS)
}

impl From<CodePurpose> for Purpose {
    fn from(purpose: CodePurpose) -> Self {
        match purpose {
            CodePurpose::Authentication => Self::SignInCode,
            CodePurpose::Enrolment => Self::EnrolmentCode,
        }
    }
}

/// A message to be sent, as quotas see it.
#[derive(Clone, Copy, Debug)]
pub struct Dispatch<'a> {
    /// What it is for.
    pub purpose: Purpose,
    /// The account that it is about; `None` if no account has the given address.
    pub account: Option<UserId>,
    /// Whether the destination is known to be the account owner's.
    pub verified: bool,
    /// The session that requests it, if its login is complete.
    pub session: Option<SessionId>,
    /// The way it is sent.
    pub channel: Channel,
    /// The address or number.
    pub destination: &'a str,
    /// The block of numbers that a phone belongs to.
    pub block: Option<&'a str>,
}

impl<'a> Dispatch<'a> {
    /// Describes a mail to an address, about the account of a user if there is one.
    pub fn mail(purpose: Purpose, user: Option<&User>, address: &'a Email) -> Self {
        Self {
            purpose,
            account: user.map(|user| user.id),
            verified: user.is_some_and(|user| user.verified_email() == Some(address)),
            session: None,
            channel: Channel::Email,
            destination: address.as_str(),
            block: None,
        }
    }
}

/// The network of the request that caused a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// A network that the account recently signed in from.
    Known(String),
    /// Any other network.
    Unknown(String),
}

/// Returns the quotas for sending something. The source's come first, so that requests which they stop count towards
/// none of the shared ones.
pub fn bounds(dispatch: &Dispatch<'_>, source: &Source) -> Vec<Quota> {
    match dispatch.purpose {
        Purpose::SignInCode => sign_in_code(dispatch, source),
        Purpose::EnrolmentCode => enrolment_code(dispatch, source),
        // Only an operator can cause it, and the audit trail records it.
        Purpose::Link(LinkPurpose::Invitation) | Purpose::Notice => Vec::new(),
        // Over all accounts: an attacker who has many could otherwise fill one mailbox. One quota for both purposes: in
        // private registration, the quota must not reveal which of the two an address got.
        Purpose::Link(LinkPurpose::EmailChange) | Purpose::AccountExists => {
            let subject = format!("send unasked {} {}", dispatch.channel.as_str(), dispatch.destination);
            vec![Quota::new(subject, UNASKED_MAILS)]
        }
        // By address, whether or not an account has it: the quota must not reveal that. The networks of an account with
        // an unverified address may be a stranger's, who would otherwise get a share for each.
        Purpose::Link(_) if dispatch.verified => {
            vec![quota(
                dispatch,
                "link",
                &by_source(dispatch.destination, source),
                REQUESTED_LINKS,
            )]
        }
        Purpose::Link(_) => vec![quota(
            dispatch,
            "link",
            &of_strangers(dispatch.destination),
            REQUESTED_LINKS,
        )],
    }
}

/// Returns the quota for requests of an account to change its address: each one sends mail to an address that is not
/// known to be the owner's.
pub fn changes_of_address(account: UserId, source: &Source) -> Quota {
    let subject = format!("email change {}", by_source(&account.uuid().to_string(), source));
    Quota::new(subject, CHANGES_OF_ADDRESS)
}

/// Text messages cost money, so five an hour and ten a day are enough from one network. An attacker who has the
/// password can send requests from many: all unknown networks together get no more than twice that in an hour and three
/// times that in a day. There is no quota on the destination or its block: messages that strangers cause there must not
/// stop the owner from signing in.
///
/// A code for a session that is signed in counts by that session, which only its user has.
fn sign_in_code(dispatch: &Dispatch<'_>, source: &Source) -> Vec<Quota> {
    let account = account(dispatch);
    if let Some(session) = dispatch.session {
        let of_session = format!("{account} {}", session.uuid());
        return STEP_UP_CODES
            .map(|allowance| quota(dispatch, "session", &of_session, allowance))
            .into();
    }
    let (Source::Known(network) | Source::Unknown(network)) = source;
    let from_network = format!("{account} from {network}");
    let mut quotas: Vec<Quota> = SIGN_IN_CODES
        .map(|allowance| quota(dispatch, "network", &from_network, allowance))
        .into();
    if matches!(source, Source::Unknown(_)) {
        quotas.extend(SIGN_IN_CODES_OF_STRANGERS.map(|allowance| quota(dispatch, "strangers", &account, allowance)));
    }
    quotas
}

/// The number is not confirmed, so it may be a stranger's: its quota counts over all accounts. A block of numbers has a
/// quota because toll fraud earns money with each message to numbers that one carrier owns. Each known network of the
/// account has a share of its own, so that a stranger who has the password uses up none of the owner's.
fn enrolment_code(dispatch: &Dispatch<'_>, source: &Source) -> Vec<Quota> {
    let account = by_source(&account(dispatch), source);
    let of_account = ENROLMENT_CODES.map(|allowance| quota(dispatch, "account", &account, allowance));
    let to_destination =
        ENROLMENT_CODES_TO_DESTINATION.map(|allowance| quota(dispatch, "destination", dispatch.destination, allowance));
    let block = dispatch.block;
    let to_block = block.map(|block| quota(dispatch, "block", block, ENROLMENT_CODES_TO_BLOCK));
    of_account.into_iter().chain(to_destination).chain(to_block).collect()
}

fn account(dispatch: &Dispatch<'_>) -> String {
    dispatch.account.map(|id| id.uuid().to_string()).unwrap_or_default()
}

/// Each known network has a share of its own; all others share one.
fn by_source(subject: &str, source: &Source) -> String {
    match source {
        Source::Known(network) => format!("{subject} from {network}"),
        Source::Unknown(_) => of_strangers(subject),
    }
}

fn of_strangers(subject: &str) -> String {
    format!("{subject} from strangers")
}

fn quota(dispatch: &Dispatch<'_>, scope: &str, subject: &str, allowance: Allowance) -> Quota {
    let (purpose, channel) = (dispatch.purpose.as_str(), dispatch.channel.as_str());
    Quota::new(format!("send {purpose} {scope} {channel} {subject}"), allowance)
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use proptest::prelude::*;
    use uuid::Uuid;

    use super::*;

    const OWNER: UserId = UserId::from_uuid(Uuid::from_u128(1));
    const NUMBER: &str = "+4915112345678";
    const HOME: &str = "192.0.2.0";

    fn dispatch(purpose: Purpose, account: Option<UserId>) -> Dispatch<'static> {
        Dispatch {
            purpose,
            account,
            verified: true,
            session: None,
            channel: Channel::Sms,
            destination: NUMBER,
            block: Some("+491511234"),
        }
    }

    /// Counts of each quota.
    #[derive(Default)]
    struct Used(HashMap<(String, TimeDelta), i32>);

    impl Used {
        /// Sends within one hour, in which no window ends.
        fn send(&mut self, dispatch: &Dispatch<'_>, source: &Source) -> bool {
            bounds(dispatch, source).into_iter().all(|quota| self.take(quota))
        }

        fn take(&mut self, quota: Quota) -> bool {
            let used = self.0.entry((quota.subject, quota.window)).or_default();
            let free = *used < quota.most;
            *used += i32::from(free);
            free
        }
    }

    fn any_link() -> impl Strategy<Value = Purpose> {
        prop_oneof![
            Just(Purpose::Link(LinkPurpose::MagicLink)),
            Just(Purpose::Link(LinkPurpose::PasswordReset)),
            Just(Purpose::Link(LinkPurpose::EmailVerification)),
        ]
    }

    /// What strangers can cause from networks that the owner does not use: links, enrolments of the number by accounts
    /// of their own, and, with the password, sign-in codes.
    fn strangers() -> impl Strategy<Value = Vec<(Purpose, u128, u8)>> {
        let purpose = prop_oneof![any_link(), Just(Purpose::EnrolmentCode), Just(Purpose::SignInCode)];
        proptest::collection::vec((purpose, 2_u128..30, 0_u8..200), 0..400)
    }

    proptest! {
        #[test]
        fn nothing_that_strangers_cause_withholds_what_an_owner_on_a_known_network_asks_for(acts in strangers(), link in any_link()) {
            let mut used = Used::default();
            for (purpose, stranger, network) in acts {
                let account = if purpose == Purpose::EnrolmentCode {
                    UserId::from_uuid(Uuid::from_u128(stranger))
                } else {
                    OWNER
                };
                used.send(&dispatch(purpose, Some(account)), &Source::Unknown(format!("198.51.{network}.0")));
            }
            let home = Source::Known(HOME.to_owned());
            for _ in 0..5 {
                prop_assert!(used.send(&dispatch(Purpose::SignInCode, Some(OWNER)), &home));
            }
            for _ in 0..3 {
                prop_assert!(used.send(&dispatch(link, Some(OWNER)), &home));
            }
        }

        #[test]
        fn a_thief_of_the_password_gets_ten_codes_an_hour_from_however_many_networks(
            networks in proptest::collection::vec(0_u8..255, 0..200),
        ) {
            let mut used = Used::default();
            let code = dispatch(Purpose::SignInCode, Some(OWNER));
            let from = |network: &u8| Source::Unknown(format!("198.51.{network}.0"));
            let sent = networks.iter().filter(|network| used.send(&code, &from(network)));
            prop_assert!(sent.count() <= 10);
        }

        #[test]
        fn a_link_is_bounded_alike_whether_or_not_an_account_has_the_address(
            link in any_link(),
            account in any::<Option<u128>>(),
        ) {
            let account = account.map(|id| UserId::from_uuid(Uuid::from_u128(id)));
            let stranger = Source::Unknown("198.51.100.0".to_owned());
            prop_assert_eq!(bounds(&dispatch(link, account), &stranger), bounds(&dispatch(link, None), &stranger));
        }
    }

    /// A stranger who acts in the same hour as the reader of an address.
    #[derive(Clone, Copy, Debug)]
    enum Act {
        /// Requests a link.
        Ask,
        /// Deletes the account, and registers with the address again.
        Leave,
        /// Lets minutes pass.
        Wait(i64),
    }

    fn act() -> impl Strategy<Value = Act> {
        prop_oneof![4 => Just(Act::Ask), 1 => Just(Act::Leave), 2 => (1_i64..12).prop_map(Act::Wait)]
    }

    proptest! {
        #[test]
        fn whatever_a_stranger_does_the_reader_of_an_address_who_asks_has_a_link_that_works(
            link in any_link(),
            acts in proptest::collection::vec(act(), 0..120),
        ) {
            let Purpose::Link(purpose) = link else { unreachable!("only links are requested") };
            let email: Email = Email::parse("jo@example.com").unwrap();
            let unverified = Dispatch { verified: false, ..Dispatch::mail(link, None, &email) };
            let stranger = Source::Unknown("198.51.100.0".to_owned());
            let (mut used, mut left, mut now, mut alive_until, mut sent) = (Used::default(), 0, 0, 0, 0);
            for act in acts {
                match act {
                    Act::Wait(minutes) => now += minutes,
                    Act::Leave if left < leaving_unverified(&email).most => (left, alive_until) = (left + 1, now),
                    Act::Ask if now < 60 => {
                        let none_is_alive = now + LEAST_LIFE_OF_LINK.num_minutes() >= alive_until;
                        let sends = used.send(&unverified, &stranger)
                            || used.take(beyond(&unverified, none_is_alive)) && none_is_alive;
                        if sends {
                            (sent, alive_until) = (sent + 1, now + purpose.life().num_minutes());
                        }
                        let left = alive_until - now;
                        prop_assert!(left > LEAST_LIFE_OF_LINK.num_minutes(), "{left} minutes left in minute {now}");
                    }
                    Act::Leave | Act::Ask => {}
                }
            }
            prop_assert!(sent <= 13, "{sent} mails");
        }
    }

    #[test]
    fn one_number_gets_ten_enrolments_an_hour_from_however_many_accounts() {
        let mut used = Used::default();
        let source = Source::Unknown(String::new());
        let accounts = (0..50).map(|id| Some(UserId::from_uuid(Uuid::from_u128(id))));
        let sent = accounts.filter(|account| used.send(&dispatch(Purpose::EnrolmentCode, *account), &source));
        assert_eq!(sent.count(), 10);
    }

    #[test]
    fn one_address_gets_three_mails_an_hour_for_changes_from_however_many_accounts() {
        for purpose in [Purpose::Link(LinkPurpose::EmailChange), Purpose::AccountExists] {
            let mut used = Used::default();
            let accounts = (0..50).map(|id| Some(UserId::from_uuid(Uuid::from_u128(id))));
            let source = Source::Known(HOME.to_owned());
            let sent = accounts.filter(|account| used.send(&dispatch(purpose, *account), &source));
            assert_eq!(sent.count(), 3);
        }
    }

    #[test]
    fn bounds_of_different_purposes_are_different() {
        let source = Source::Unknown(String::new());
        let purposes = [
            Purpose::SignInCode,
            Purpose::EnrolmentCode,
            Purpose::Link(LinkPurpose::MagicLink),
            Purpose::Link(LinkPurpose::PasswordReset),
            Purpose::Link(LinkPurpose::EmailVerification),
            Purpose::Link(LinkPurpose::EmailChange),
        ];
        let mut seen = std::collections::HashSet::new();
        for quota in purposes
            .iter()
            .flat_map(|purpose| bounds(&dispatch(*purpose, Some(OWNER)), &source))
        {
            assert!(seen.insert((quota.subject.clone(), quota.window)), "{}", quota.subject);
        }
    }
}
