//! What a relying party checks of a passkey: of a registration (WebAuthn §7.1) and of an assertion (§7.2).
//!
//! Attestation is not requested, and a statement that comes anyway is not verified. Whether the counter rose and the
//! challenge was not used before, the statement that stores the use decides.

use aws_lc_rs::digest::{SHA256, digest};
use ciborium::Value;
use uuid::Uuid;

use super::cbor::Map;
use super::cose;
use super::passkey_challenge::{ChallengePurpose, PasskeyChallenge};
use crate::domain::passkey::{
    CredentialId, KnownPasskey, NewPasskey, PasskeyUse, PublicKey, Refusal, UserVerification,
};
use crate::domain::passkey_response::{Assertion, ClientData, Registration};
use crate::domain::relying_party::RelyingParty;

/// `type` of the client data of each ceremony.
const CREATE: &str = "webauthn.create";
const GET: &str = "webauthn.get";
/// Members of an attestation object: `fmt`, `attStmt` and `authData`.
const ATTESTATION_MEMBERS: usize = 3;

/// Checks a registration with the challenge that was made for it.
///
/// # Errors
///
/// The first reason to refuse it.
pub fn register(
    given: &Registration,
    challenge: &PasskeyChallenge,
    party: &RelyingParty,
    verification: UserVerification,
) -> Result<NewPasskey, Refusal> {
    if !matches!(challenge.purpose(), ChallengePurpose::Registration(_)) {
        return Err(Refusal::Challenge);
    }
    check_client_data(&given.client_data, CREATE, challenge, party)?;
    let data = attested_data(&given.attestation_object)?;
    let data = AuthenticatorData::parse(&data)?;
    data.check(party, verification == UserVerification::Required)?;
    let credential = data.credential.as_ref().ok_or(Refusal::AuthenticatorData)?;
    if credential.id != given.credential_id {
        return Err(Refusal::CredentialId);
    }
    Ok(NewPasskey {
        credential_id: credential.id.clone(),
        public_key: cose::public_key(&credential.key)?,
        sign_count: data.sign_count,
        user_verified: data.flags.has(Flags::USER_VERIFIED),
        backup_eligible: Some(data.flags.has(Flags::BACKUP_ELIGIBLE)),
        backed_up: data.flags.has(Flags::BACKED_UP),
        aaguid: credential.aaguid,
    })
}

/// Reads the public key of a passkey that another program registered, by the rules of a registration.
///
/// # Errors
///
/// [`Refusal::Encoding`], [`Refusal::Algorithm`] or [`Refusal::PublicKey`].
pub fn read_public_key(cose: &[u8]) -> Result<PublicKey, Refusal> {
    let (key, rest) = Map::read(cose)?;
    if !rest.is_empty() {
        return Err(Refusal::Encoding);
    }
    cose::public_key(&key)
}

/// Checks an assertion with the challenge that was made for it and the passkey that it names.
///
/// Alone, a passkey proves only a user whom the authenticator verified, whatever `verification` says.
///
/// # Errors
///
/// The first reason to refuse it.
pub fn authenticate(
    given: &Assertion,
    challenge: &PasskeyChallenge,
    party: &RelyingParty,
    verification: UserVerification,
    passkey: KnownPasskey<'_>,
) -> Result<PasskeyUse, Refusal> {
    check_user(given, challenge.purpose(), passkey)?;
    check_client_data(&given.client_data, GET, challenge, party)?;
    let data = AuthenticatorData::parse(&given.authenticator_data)?;
    let is_alone = challenge.purpose().is_alone();
    data.check(party, is_alone || verification == UserVerification::Required)?;
    if data.credential.is_some() {
        return Err(Refusal::AuthenticatorData);
    }
    let backup_eligible = data.flags.has(Flags::BACKUP_ELIGIBLE);
    if passkey.backup_eligible.is_some_and(|known| known != backup_eligible) {
        return Err(Refusal::BackupEligibility);
    }
    let signed = [given.authenticator_data.as_slice(), &sha256(&given.client_data)].concat();
    cose::verify(passkey.public_key, &signed, &given.signature)?;
    Ok(PasskeyUse {
        sign_count: data.sign_count,
        user_verified: data.flags.has(Flags::USER_VERIFIED),
        backup_eligible,
        backed_up: data.flags.has(Flags::BACKED_UP),
        alone: is_alone,
    })
}

/// Checks that the passkey is of the user who is meant: by the session, and by the user handle. Alone, a passkey has to
/// say the handle: only one that does can sign in without the user's name.
fn check_user(given: &Assertion, purpose: ChallengePurpose, passkey: KnownPasskey<'_>) -> Result<(), Refusal> {
    let says_the_user = given.user_handle.as_ref().is_some_and(|handle| passkey.is_of(handle));
    let is_theirs = match purpose {
        ChallengePurpose::Registration(_) => return Err(Refusal::Challenge),
        ChallengePurpose::Assertion(session) => {
            session.user_id == passkey.user_id && passkey.may_be_of(given.user_handle.as_ref())
        }
        ChallengePurpose::SignIn => says_the_user,
        ChallengePurpose::PasswordRemoval(session) => session.user_id == passkey.user_id && says_the_user,
    };
    is_theirs.then_some(()).ok_or(Refusal::User)
}

fn check_client_data(
    bytes: &[u8],
    kind: &str,
    challenge: &PasskeyChallenge,
    party: &RelyingParty,
) -> Result<(), Refusal> {
    let data = ClientData::parse(bytes)?;
    if data.kind != kind {
        return Err(Refusal::Type);
    }
    if data.challenge != challenge.text() {
        return Err(Refusal::Challenge);
    }
    if !party.allows(&data.origin) {
        return Err(Refusal::Origin);
    }
    if data.cross_origin || data.top_origin.is_some() {
        return Err(Refusal::CrossOrigin);
    }
    Ok(())
}

/// Returns the authenticator data of an attestation object (§6.5.4). The statement in it must be a map; nothing else
/// is asked of it.
fn attested_data(object: &[u8]) -> Result<Vec<u8>, Refusal> {
    let (object, rest) = Map::read(object)?;
    let is_whole = rest.is_empty() && object.len() == ATTESTATION_MEMBERS;
    match (object.get("fmt"), object.get("attStmt"), object.get("authData")) {
        (Some(Value::Text(_)), Some(Value::Map(_)), Some(Value::Bytes(data))) if is_whole => Ok(data.clone()),
        _ => Err(Refusal::Encoding),
    }
}

/// What the authenticator says (§6.1).
struct AuthenticatorData {
    party_hash: [u8; 32],
    flags: Flags,
    sign_count: u32,
    credential: Option<AttestedCredential>,
}

/// The part of it that only a registration has (§6.5.1).
struct AttestedCredential {
    aaguid: Uuid,
    id: CredentialId,
    key: Map,
}

/// Its flags. Reserved ones are ignored.
#[derive(Clone, Copy)]
struct Flags(u8);

impl Flags {
    const USER_PRESENT: u8 = 0x01;
    const USER_VERIFIED: u8 = 0x04;
    const BACKUP_ELIGIBLE: u8 = 0x08;
    const BACKED_UP: u8 = 0x10;
    const CREDENTIAL: u8 = 0x40;
    const EXTENSIONS: u8 = 0x80;

    const fn has(self, flag: u8) -> bool {
        self.0 & flag != 0
    }
}

impl AuthenticatorData {
    /// Reads all bytes. Extensions are read only to find out that nothing stands behind them.
    fn parse(bytes: &[u8]) -> Result<Self, Refusal> {
        let (party_hash, rest) = take(bytes)?;
        let ([flags], rest) = take(rest)?;
        let (sign_count, mut rest) = take(rest)?;
        let flags = Flags(flags);
        let mut credential = None;
        if flags.has(Flags::CREDENTIAL) {
            let (read, behind) = AttestedCredential::read(rest)?;
            (credential, rest) = (Some(read), behind);
        }
        if flags.has(Flags::EXTENSIONS) {
            (_, rest) = Map::read(rest)?;
        }
        if !rest.is_empty() {
            return Err(Refusal::AuthenticatorData);
        }
        Ok(Self {
            party_hash,
            flags,
            sign_count: u32::from_be_bytes(sign_count),
            credential,
        })
    }

    fn check(&self, party: &RelyingParty, must_be_verified: bool) -> Result<(), Refusal> {
        if self.party_hash != sha256(party.id().as_bytes()) {
            return Err(Refusal::RelyingParty);
        }
        if !self.flags.has(Flags::USER_PRESENT) {
            return Err(Refusal::Presence);
        }
        if must_be_verified && !self.flags.has(Flags::USER_VERIFIED) {
            return Err(Refusal::UserVerification);
        }
        if self.flags.has(Flags::BACKED_UP) && !self.flags.has(Flags::BACKUP_ELIGIBLE) {
            return Err(Refusal::BackupState);
        }
        Ok(())
    }
}

impl AttestedCredential {
    /// Reads the part, and returns the bytes behind it.
    fn read(bytes: &[u8]) -> Result<(Self, &[u8]), Refusal> {
        let (aaguid, rest) = take(bytes)?;
        let (length, rest) = take(rest)?;
        let length = usize::from(u16::from_be_bytes(length));
        let (id, rest) = rest.split_at_checked(length).ok_or(Refusal::AuthenticatorData)?;
        let id = CredentialId::from_bytes(id.to_vec()).ok_or(Refusal::CredentialId)?;
        let (key, rest) = Map::read(rest)?;
        let aaguid = Uuid::from_bytes(aaguid);
        Ok((Self { aaguid, id, key }, rest))
    }
}

fn take<const N: usize>(bytes: &[u8]) -> Result<([u8; N], &[u8]), Refusal> {
    let (taken, rest) = bytes.split_first_chunk().ok_or(Refusal::AuthenticatorData)?;
    Ok((*taken, rest))
}

fn sha256(bytes: &[u8]) -> [u8; 32] {
    digest(&SHA256, bytes)
        .as_ref()
        .first_chunk()
        .copied()
        .unwrap_or_default()
}

#[cfg(test)]
mod tests;
