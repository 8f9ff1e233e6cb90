//! `vestibule users import`: accounts from another program, with the passwords, authenticators and passkeys that their
//! owners have.
//!
//! A batch of lines is one transaction, so an interrupted run has made whole accounts only, and may be repeated:
//! accounts that exist are left as they are.

use std::collections::hash_map::DefaultHasher;
use std::collections::{BTreeSet, HashMap, HashSet};
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use chrono::{DateTime, Utc};
use secrecy::ExposeSecret;
use zeroize::Zeroizing;

pub use crate::crypto::foreign_hash::supported as supported_hashes;
use crate::crypto::passkey::read_public_key;
use crate::crypto::sealer::SealedAt;
use crate::crypto::stored_password::StoredPassword;
use crate::domain::account_change::AccountChange;
use crate::domain::assurance::AuthenticationMethod;
use crate::domain::audit_event::{AuditEvent, EventName, RequestOrigin};
use crate::domain::email::Email;
use crate::domain::ids::{PasskeyId, TotpFactorId, UserId};
use crate::domain::imported_passkey::ImportedPasskey;
use crate::domain::imported_user::{ImportedUser, UserMembers};
use crate::domain::input::InvalidInput;
use crate::domain::passkey::{NewPasskey, UserHandle};
use crate::domain::typed_text;
use crate::domain::user::AccountNames;
use crate::domain::username::Username;
use crate::flows::tx::Tx;
use crate::flows::{Core, Fault};
use crate::store::passkeys::Registered;
use crate::store::totp_factors::NewActiveFactor;
use crate::store::users::NewUser;
use crate::store::{account_names, passkeys, totp_factors, user_handles, users};

/// The maximum number of bytes of a line; a complete description has a few hundred.
pub const MAX_LINE: usize = 16 * 1024;
/// The maximum number of lines that are reported one by one, of each sort; further ones are only counted.
const MAX_REPORTED: usize = 1000;
/// What is wrong with the passkeys of a line.
const HANDLE_TAKEN: &str = "have a user handle that another account has";

/// One line of the file.
pub struct ImportLine {
    /// The number of the line, from 1.
    pub number: u64,
    /// Its contents; `None` if it is longer than [`MAX_LINE`].
    pub text: Option<Zeroizing<Vec<u8>>>,
}

/// A remark on a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LineNote {
    /// The number of the line, from 1.
    pub line: u64,
    /// The member concerned, if it is about one.
    pub member: Option<&'static str>,
    /// What is wrong, without any value.
    pub reason: String,
}

/// The results of all lines so far.
#[derive(Clone, Debug, Default)]
pub struct ImportReport {
    /// Accounts that were made, or would be.
    pub imported: u64,
    /// Lines whose account exists, with either name.
    pub present: u64,
    /// Lines that were refused.
    pub failed: u64,
    /// Of lines whose account exists: those that give it another name than it has. Truncated if there are very many.
    pub differing: Vec<LineNote>,
    /// Of lines whose account was made, or would be: those that name roles although the address is not verified. The
    /// account has no roles. Truncated if there are very many.
    pub without_roles: Vec<LineNote>,
    /// What is wrong with the refused lines. Truncated if there are very many.
    pub faults: Vec<LineNote>,
}

/// A run of the import.
pub struct UserImport {
    core: Arc<Core>,
    dry_run: bool,
    origin: RequestOrigin,
    /// In a dry run, the names and user handles that the previous lines would have taken.
    taken: HashSet<u64>,
    /// The results of the lines so far.
    pub report: ImportReport,
}

/// An account that can be made.
struct Prepared {
    line: u64,
    user: NewUser,
    factor: Option<NewActiveFactor>,
    passkeys: Vec<PreparedPasskey>,
    /// Whether the line names roles that the account does not get.
    roles_dropped: bool,
}

/// A passkey with the id of its future row.
struct PreparedPasskey {
    id: PasskeyId,
    given: ImportedPasskey,
    passkey: NewPasskey,
}

/// The result of a batch.
#[derive(Default)]
struct Outcome {
    made: Vec<usize>,
    differing: Vec<LineNote>,
    /// Lines with a name that another account has given up recently, or with a user handle that another account has.
    refused: Vec<LineNote>,
}

impl UserImport {
    /// Begins a run. A dry one changes nothing.
    pub fn new(core: Arc<Core>, dry_run: bool) -> Self {
        Self {
            origin: core.own_origin(),
            core,
            dry_run,
            taken: HashSet::new(),
            report: ImportReport::default(),
        }
    }

    /// Imports lines, all or, on a fault, none.
    ///
    /// # Errors
    ///
    /// Returns faults only; what is wrong with a line is in the report.
    pub async fn take(&mut self, lines: Vec<ImportLine>) -> Result<(), Fault> {
        let now = self.core.clock.now();
        let mut batch = Vec::with_capacity(lines.len());
        for line in lines {
            match prepare(&self.core, &line, now)? {
                Ok(prepared) => batch.push(prepared),
                Err(invalid) => self.fail(line.number, invalid),
            }
        }
        let total = batch.len();
        if self.dry_run {
            batch.retain(|prepared| !keys(&prepared.user.names).any(|key| self.taken.contains(&key)));
        }
        let handles = batch.iter().flat_map(Prepared::user_handles);
        let taken = handles.filter(|handle| self.taken.contains(&handle_key(handle)));
        let taken: HashSet<UserHandle> = taken.cloned().collect();
        let batch = Arc::new(batch);
        let outcome = if batch.is_empty() {
            Outcome::default()
        } else {
            self.make(Arc::clone(&batch), taken, now).await?
        };
        if self.dry_run {
            let made = outcome.made.iter().filter_map(|index| batch.get(*index));
            self.taken.extend(made.flat_map(Prepared::keys));
        }
        let made = outcome.made.iter().filter_map(|index| batch.get(*index));
        let dropped = made.filter(|prepared| prepared.roles_dropped);
        let note = |prepared: &Prepared| prepared.note("roles", "are not granted: the email is not verified");
        self.report.without_roles.extend(dropped.map(note));
        self.report.without_roles.truncate(MAX_REPORTED);
        self.report.imported += count(outcome.made.len());
        self.report.failed += count(outcome.refused.len());
        self.report.present += count(total - outcome.made.len() - outcome.refused.len());
        self.report.faults.extend(outcome.refused);
        self.report.faults.truncate(MAX_REPORTED);
        self.report.differing.extend(outcome.differing);
        self.report.differing.truncate(MAX_REPORTED);
        Ok(())
    }

    async fn make(
        &self,
        batch: Arc<Vec<Prepared>>,
        taken: HashSet<UserHandle>,
        now: DateTime<Utc>,
    ) -> Result<Outcome, Fault> {
        let dry_run = self.dry_run;
        self.core
            .transaction_at(now, "user_import", self.origin.clone(), move |tx| {
                let outcome = decide(tx, &batch, &taken)?;
                if dry_run {
                    return Ok(outcome);
                }
                insert(tx, &batch, outcome)
            })
            .await
    }

    fn fail(&mut self, line: u64, invalid: InvalidInput) {
        self.report.failed += 1;
        for error in invalid.errors {
            if self.report.faults.len() < MAX_REPORTED {
                self.report.faults.push(LineNote {
                    line,
                    member: error.pointer.strip_prefix('/'),
                    reason: error.detail,
                });
            }
        }
    }
}

/// Reads a line, and seals the secrets in it to their future rows.
fn prepare(core: &Core, line: &ImportLine, now: DateTime<Utc>) -> Result<Result<Prepared, InvalidInput>, Fault> {
    let too_long = || InvalidInput::of("", "is longer than 16 KiB");
    let members = match line.text.as_ref().ok_or_else(too_long).and_then(|text| read(text)) {
        Ok(members) => members,
        Err(invalid) => return Ok(Err(invalid)),
    };
    let (mut imported, password) = match check(&members, now) {
        Ok(checked) => checked,
        Err(invalid) => return Ok(Err(invalid)),
    };
    let passkeys = match read_keys(core, std::mem::take(&mut imported.passkeys), now) {
        Ok(passkeys) => passkeys,
        Err(invalid) => return Ok(Err(invalid)),
    };
    let id = UserId::new(now, core.random.as_ref());
    let secret = imported.totp_secret.as_ref();
    // The reader of an unverified address may not be the intended user, and could get the account with its roles.
    let verified = imported.email_verified || imported.names.email.is_none();
    let (roles, dropped) = if verified {
        (imported.roles, Vec::new())
    } else {
        (Vec::new(), imported.roles)
    };
    Ok(Ok(Prepared {
        line: line.number,
        factor: secret.map(|secret| seal(core, id, secret.expose(), now)).transpose()?,
        passkeys,
        user: NewUser {
            id,
            names: imported.names,
            email_verified: imported.email_verified,
            password,
            roles,
            claims: imported.claims,
            locale: imported.locale,
            created_at: imported.created_at,
        },
        roles_dropped: !dropped.is_empty(),
    }))
}

/// Checks the members of a line, except the public keys of passkeys.
fn check(members: &UserMembers, now: DateTime<Utc>) -> Result<(ImportedUser, Option<StoredPassword>), InvalidInput> {
    let hash = members.password_hash.as_ref();
    let password = hash.map(|hash| StoredPassword::foreign(typed_text::trim(hash.expose_secret())));
    match (ImportedUser::of(members, now), password.transpose()) {
        (Ok(imported), Ok(password)) => Ok((imported, password)),
        (imported, password) => {
            let mut invalid = imported.err().unwrap_or_default();
            if let Err(error) = password {
                invalid.push("/password_hash", error.to_string());
            }
            Err(invalid)
        }
    }
}

/// Reads the public keys of a user's passkeys.
fn read_keys(
    core: &Core,
    given: Vec<ImportedPasskey>,
    now: DateTime<Utc>,
) -> Result<Vec<PreparedPasskey>, InvalidInput> {
    let read = |(place, given): (usize, ImportedPasskey)| match read_public_key(&given.cose_key) {
        Ok(key) => Ok(PreparedPasskey {
            id: PasskeyId::new(now, core.random.as_ref()),
            passkey: given.with_key(key),
            given,
        }),
        Err(refusal) => {
            let wrong = format!("[{place}].public_key is refused: {}", refusal.as_str());
            Err(InvalidInput::of("/passkeys", wrong))
        }
    };
    given.into_iter().enumerate().map(read).collect()
}

/// Seals an authenticator's secret to its future row.
fn seal(core: &Core, user_id: UserId, secret: &[u8], now: DateTime<Utc>) -> Result<NewActiveFactor, Fault> {
    let id = TotpFactorId::new(now, core.random.as_ref());
    Ok(NewActiveFactor {
        id,
        user_id,
        sealed_secret: core.sealer.seal(&SealedAt::totp_secret(id, user_id), secret)?,
    })
}

/// Reads a line's members.
fn read(text: &[u8]) -> Result<UserMembers, InvalidInput> {
    let text = typed_text::without_byte_order_mark(text);
    if std::str::from_utf8(text).is_err() {
        return Err(InvalidInput::of("", "is not in UTF-8: convert the file, as iconv does"));
    }
    // serde would also fill the members from an array, by position.
    if text.trim_ascii_start().first() != Some(&b'{') {
        return Err(InvalidInput::of("", "is not a JSON object"));
    }
    let mut reader = serde_json::Deserializer::from_slice(text);
    let members = serde_path_to_error::deserialize(&mut reader)
        .map_err(|error| describe(&error.path().to_string(), error.inner()))?;
    reader
        .end()
        .map_err(|_trailing| InvalidInput::of("", "has more than one JSON object"))?;
    Ok(members)
}

/// Describes an error by its member. serde's messages repeat values, so only their safe parts are used.
fn describe(path: &str, error: &serde_json::Error) -> InvalidInput {
    if !error.is_data() {
        return InvalidInput::of("", "is not valid JSON");
    }
    let said = error.to_string();
    let mut quoted = said.split('`');
    let (kind, name) = (
        quoted.next().unwrap_or_default().trim(),
        quoted.next().unwrap_or_default(),
    );
    // What is in a list is named by its place in the member.
    let (member, place) = path.split_at(path.find('[').unwrap_or(path.len()));
    let at = |wrong: &str| match place.split_once(']') {
        Some((item, _)) => InvalidInput::of(UserMembers::pointer(member), format!("{item}].{name} {wrong}")),
        None => match UserMembers::pointer(member) {
            "" => InvalidInput::of(UserMembers::pointer(name), wrong),
            // The name is that of a member of `claims`.
            of_claims => InvalidInput::of(of_claims, format!("has a member that {wrong}")),
        },
    };
    match kind {
        "unknown field" => {
            let name: String = name.chars().filter(|letter| !letter.is_control()).take(64).collect();
            InvalidInput::of("", format!("the member {name} is not known"))
        }
        "duplicate field" => at("is given twice"),
        "missing field" => at("is missing"),
        _ => InvalidInput::of(
            UserMembers::pointer(member),
            format!("{place} has the wrong type").trim_start(),
        ),
    }
}

/// Decides which accounts of a batch are made: those whose names and user handles are free, both in the tables and in
/// the lines before. `taken_before` are the handles that earlier batches of a dry run would have taken.
fn decide(tx: &mut Tx<'_>, batch: &[Prepared], taken_before: &HashSet<UserHandle>) -> Result<Outcome, Fault> {
    let names = || batch.iter().map(|prepared| &prepared.user.names);
    let usernames: Vec<&str> = names().filter_map(username).collect();
    let reserved = account_names::reserved_among(tx.connection, &usernames, tx.now)?;
    let all: Vec<&str> = names().flat_map(AccountNames::iter).collect();
    let existing = users::find_names(tx.connection, &all)?;
    let mut known = KnownNames::default();
    for names in &existing {
        known.add(names);
    }
    let mut taken = find_taken_handles(tx, batch)?;
    taken.extend(taken_before.iter().cloned());
    let mut outcome = Outcome::default();
    for (index, prepared) in batch.iter().enumerate() {
        let names = &prepared.user.names;
        match known.compare(names) {
            Presence::Absent if username(names).is_some_and(|name| reserved.contains(name)) => {
                let reason = "was given up by another account recently and is still reserved";
                outcome.refused.push(prepared.note("username", reason));
            }
            Presence::Absent if prepared.user_handles().any(|handle| taken.contains(handle)) => {
                outcome.refused.push(prepared.note("passkeys", HANDLE_TAKEN));
            }
            Presence::Absent => {
                known.add(names);
                taken.extend(prepared.user_handles().cloned());
                outcome.made.push(index);
            }
            Presence::Present => {}
            Presence::Differing(member) => {
                let reason = "is not that of the existing account";
                outcome.differing.push(prepared.note(member, reason));
            }
        }
    }
    Ok(outcome)
}

/// Returns the user handles in a batch that accounts have: those of imported passkeys, and the ids of all accounts. A
/// sign-in takes a handle for an id first, so a passkey with the id of another account could never sign in.
fn find_taken_handles(tx: &mut Tx<'_>, batch: &[Prepared]) -> Result<HashSet<UserHandle>, Fault> {
    let handles: Vec<&UserHandle> = batch.iter().flat_map(Prepared::user_handles).collect();
    let ids: Vec<UserId> = handles.iter().filter_map(|handle| handle.user_id()).collect();
    let of_ids = users::existing_among(tx.connection, &ids)?
        .into_iter()
        .map(UserHandle::of);
    let given = user_handles::taken_among(tx.connection, &handles)?;
    Ok(given.into_iter().chain(of_ids).collect())
}

impl Prepared {
    fn note(&self, member: &'static str, reason: &str) -> LineNote {
        LineNote {
            line: self.line,
            member: Some(member),
            reason: reason.to_owned(),
        }
    }

    fn user_handles(&self) -> impl Iterator<Item = &UserHandle> {
        self.passkeys
            .iter()
            .filter_map(|prepared| prepared.given.user_handle.given())
    }

    /// Returns the handles with the account that they are for.
    fn claims(&self) -> impl Iterator<Item = (&UserHandle, UserId)> {
        self.user_handles().map(|handle| (handle, self.user.id))
    }

    /// Returns a hash for each name and handle, for the memory of a dry run.
    fn keys(&self) -> impl Iterator<Item = u64> {
        keys(&self.user.names).chain(self.user_handles().map(handle_key))
    }

    /// Returns what the trail says: all that the account begins with, as if its owner had set it up here.
    fn events(&self) -> impl Iterator<Item = AuditEvent> {
        let id = self.user.id;
        let created = AuditEvent::success(EventName::UserCreated, id).because("import");
        let is_verified = self.user.email_verified;
        let verified = is_verified.then_some(AuditEvent::account_changed(AccountChange::EmailVerified, id));
        let totp = self.factor.iter().map(|_totp| AuthenticationMethod::Totp);
        let factors = totp.chain(self.passkeys.iter().map(|_passkey| AuthenticationMethod::Passkey));
        let added = move |method: AuthenticationMethod| {
            AuditEvent::success(EventName::MfaEnrolConfirmed, id).because(method.request_name())
        };
        std::iter::once(created).chain(verified).chain(factors.map(added))
    }

    /// Returns the rows of the passkeys. They answer challenges that are made from now on.
    fn rows(&self, now: DateTime<Utc>) -> impl Iterator<Item = Registered<'_>> {
        self.passkeys.iter().map(move |prepared| Registered {
            id: prepared.id,
            user_id: self.user.id,
            user_handle: &prepared.given.user_handle,
            passkey: &prepared.passkey,
            transports: &prepared.given.transports,
            name: &prepared.given.name,
            last_challenge_at: now,
            now,
        })
    }
}

/// The names of accounts, indexed by both.
#[derive(Default)]
struct KnownNames<'a> {
    by_email: HashMap<&'a str, &'a AccountNames>,
    by_username: HashMap<&'a str, &'a AccountNames>,
}

impl<'a> KnownNames<'a> {
    fn add(&mut self, names: &'a AccountNames) {
        self.by_email.extend(email(names).map(|email| (email, names)));
        self.by_username
            .extend(username(names).map(|username| (username, names)));
    }

    fn compare(&self, names: &AccountNames) -> Presence {
        let by_email = email(names).and_then(|email| self.by_email.get(email));
        let by_username = username(names).and_then(|username| self.by_username.get(username));
        match (by_email, by_username) {
            (None, None) => Presence::Absent,
            (Some(account), _) if names.username.is_some() && username(account) != username(names) => {
                Presence::Differing("username")
            }
            (None, Some(_)) if names.email.is_some() => Presence::Differing("email"),
            _ => Presence::Present,
        }
    }
}

/// Whether an account has one of two names.
enum Presence {
    /// None has.
    Absent,
    /// One has.
    Present,
    /// One has, but the other name that the line gives is not its name: this member.
    Differing(&'static str),
}

fn email(names: &AccountNames) -> Option<&str> {
    names.email.as_ref().map(Email::as_str)
}

fn username(names: &AccountNames) -> Option<&str> {
    names.username.as_ref().map(Username::as_str)
}

/// Gives the accounts that are to be made the handles of their passkeys. A line of which another import took a handle
/// in the meantime is refused.
fn claim_handles(tx: &mut Tx<'_>, batch: &[Prepared], outcome: &mut Outcome) -> Result<(), Fault> {
    let wanted = outcome.made.iter().filter_map(|index| batch.get(*index));
    let wanted: BTreeSet<_> = wanted.flat_map(Prepared::claims).collect();
    let claimed = user_handles::claim(tx.connection, &wanted)?;
    let has_all = |prepared: &Prepared| prepared.user_handles().all(|handle| claimed.contains(handle));
    let (made, refused): (Vec<usize>, Vec<usize>) = outcome
        .made
        .iter()
        .copied()
        .partition(|index| batch.get(*index).is_some_and(has_all));
    outcome.made = made;
    let refused: Vec<&Prepared> = refused.iter().filter_map(|index| batch.get(*index)).collect();
    let notes = refused.iter().map(|prepared| prepared.note("passkeys", HANDLE_TAKEN));
    outcome.refused.extend(notes);
    let unused = refused.iter().flat_map(|prepared| prepared.claims()).collect();
    Ok(user_handles::give_back(tx.connection, &unused)?)
}

/// Makes accounts with their factors, except those whose name or user handle was taken by a concurrent request.
fn insert(tx: &mut Tx<'_>, batch: &[Prepared], mut outcome: Outcome) -> Result<Outcome, Fault> {
    claim_handles(tx, batch, &mut outcome)?;
    let wanted: Vec<&NewUser> = outcome
        .made
        .iter()
        .filter_map(|index| Some(&batch.get(*index)?.user))
        .collect();
    let made: HashSet<UserId> = users::insert_many(tx.connection, &wanted, tx.now)?
        .into_iter()
        .collect();
    let is_made = |prepared: &Prepared| made.contains(&prepared.user.id);
    let not_made = outcome.made.iter().filter_map(|index| batch.get(*index));
    let not_made = not_made.filter(|prepared| !is_made(prepared));
    user_handles::give_back(tx.connection, &not_made.flat_map(Prepared::claims).collect())?;
    outcome.made.retain(|index| batch.get(*index).is_some_and(is_made));
    let factors: Vec<&NewActiveFactor> = batch
        .iter()
        .filter(|prepared| is_made(prepared))
        .filter_map(|prepared| prepared.factor.as_ref())
        .collect();
    totp_factors::insert_active(tx.connection, &factors, tx.now)?;
    let made = batch.iter().filter(|prepared| is_made(prepared));
    let keys: Vec<Registered<'_>> = made.flat_map(|prepared| prepared.rows(tx.now)).collect();
    passkeys::insert_imported(tx.connection, &keys)?;
    let made = batch.iter().filter(|prepared| is_made(prepared));
    let events: Vec<AuditEvent> = made.flat_map(Prepared::events).collect();
    tx.audit(&events)?;
    Ok(outcome)
}

/// Returns a hash for each name, for the memory of a dry run: eight bytes, however long the name is.
fn keys(names: &AccountNames) -> impl Iterator<Item = u64> {
    let email = email(names).map(|email| key("email", email.as_bytes()));
    let username = username(names).map(|username| key("username", username.as_bytes()));
    email.into_iter().chain(username)
}

fn handle_key(handle: &UserHandle) -> u64 {
    key("user_handle", handle.as_bytes())
}

fn key(kind: &str, value: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    (kind, value).hash(&mut hasher);
    hasher.finish()
}

fn count(length: usize) -> u64 {
    u64::try_from(length).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_read_whole_or_told_by_what_is_wrong_and_no_value() {
        for (line, expected) in [
            ("", "|is not a JSON object"),
            ("[\"secret\"]", "|is not a JSON object"),
            ("secret", "|is not a JSON object"),
            ("{\"password_hash\":\"secret\"", "|is not valid JSON"),
            ("{\"password_hash\":\"secret\\u12\"}", "|is not valid JSON"),
            ("{\"password_hash\":\"secret\"}{}", "|has more than one JSON object"),
            ("{\"email\":\"secret\",\"email\":\"secret\"}", "/email|is given twice"),
            ("{\"password_hash\":1234}", "/password_hash|has the wrong type"),
            (
                "{\"password_hash\":\"\",\"roles\":[\"a\",{}]}",
                "/roles|[1] has the wrong type",
            ),
            (
                "{\"password_hash\":\"\",\"passkeys\":[{\"credential_id\":\"secret\"}]}",
                "/passkeys|[0].public_key is missing",
            ),
            (
                "{\"password_hash\":\"\",\"passkeys\":[{\"public_key\":\"secret\",\"public_key\":\"secret\"}]}",
                "/passkeys|[0].public_key is given twice",
            ),
            (
                "{\"password_hash\":\"\",\"passkeys\":[{\"sign_count\":-1}]}",
                "/passkeys|[0].sign_count has the wrong type",
            ),
            (
                "{\"password_hash\":\"\",\"passkeys\":[{\"private_key\":\"secret\"}]}",
                "|the member private_key is not known",
            ),
            (
                "{\"password_hash\":\"\",\"claims\":{\"plan\":\"secret\",\"plan\":\"secret\"}}",
                "/claims|has a member that is given twice",
            ),
            (
                "{\"password_hash\":\"\",\"claims\":{\"email\":{\"plan\":1,\"plan\":2}}}",
                "/claims|has a member that is given twice",
            ),
            (
                "{\"password_hash\":\"\",\"email_verified\":\"secret\"}",
                "/email_verified|has the wrong type",
            ),
            (
                "{\"password_hash\":\"\",\"emial\":\"secret\"}",
                "|the member emial is not known",
            ),
        ] {
            let fault = read(line.as_bytes()).unwrap_err().errors.remove(0);
            assert_eq!(format!("{}|{}", fault.pointer, fault.detail), expected, "{line}");
        }
        assert!(read(b" {\"password_hash\":\"x\",\"email\":null} \r").is_ok());
        assert!(read(b"{\"password_hash\":\"\xff\"}").is_err());
    }

    #[test]
    fn a_user_is_known_by_either_name_and_a_name_of_another_is_reported() {
        let names = |email: Option<&str>, username: Option<&str>| AccountNames::parse(email, username).unwrap();
        let (both, mail) = (
            names(Some("a@x.example"), Some("anna")),
            names(Some("b@x.example"), None),
        );
        let mut known = KnownNames::default();
        known.add(&both);
        known.add(&mail);
        for (email, username, expected) in [
            (Some("c@x.example"), Some("carl"), None),
            (Some("a@x.example"), Some("anna"), Some("")),
            (Some("a@x.example"), None, Some("")),
            (None, Some("anna"), Some("")),
            (Some("b@x.example"), None, Some("")),
            (Some("a@x.example"), Some("other"), Some("username")),
            (Some("b@x.example"), Some("bert"), Some("username")),
            (Some("b@x.example"), Some("anna"), Some("username")),
            (Some("c@x.example"), Some("anna"), Some("email")),
        ] {
            let found = match known.compare(&names(email, username)) {
                Presence::Absent => None,
                Presence::Present => Some(""),
                Presence::Differing(member) => Some(member),
            };
            assert_eq!(found, expected, "{email:?} {username:?}");
        }
    }
}
