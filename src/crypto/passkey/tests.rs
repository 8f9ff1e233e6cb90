//! Passkeys of an authenticator that can misbehave, and those that other programs made.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use proptest::prelude::*;
use serde_json::{Value as Json, json};

use super::*;
use crate::crypto::authenticator::{
    Authenticator, BACKED_UP, BACKUP_ELIGIBLE, CREDENTIAL, EXTENSIONS, Scheme, USER_PRESENT, USER_VERIFIED,
};
use crate::domain::ids::{SessionId, UserId};
use crate::domain::passkey::{KeyAlgorithm, KnownHandle, PublicKey, Transport, UserHandle};
use crate::domain::passkey_response::CredentialText;
use crate::domain::session::SessionKey;

const ORIGIN: &str = "https://auth.example.com";
const CHALLENGE: &str = "Y2hhbGxlbmdl";
const REQUIRED: UserVerification = UserVerification::Required;
const PREFERRED: UserVerification = UserVerification::Preferred;
const DISCOURAGED: UserVerification = UserVerification::Discouraged;

fn user(id: u128) -> UserId {
    UserId::from_uuid(Uuid::from_u128(id))
}

fn session() -> SessionKey {
    SessionKey {
        user_id: user(7),
        session_id: SessionId::from_uuid(Uuid::from_u128(8)),
    }
}

fn registration() -> PasskeyChallenge {
    PasskeyChallenge::foreign(CHALLENGE, ChallengePurpose::Registration(session()))
}

fn assertion() -> PasskeyChallenge {
    PasskeyChallenge::foreign(CHALLENGE, ChallengePurpose::Assertion(session()))
}

fn sign_in() -> PasskeyChallenge {
    PasskeyChallenge::foreign(CHALLENGE, ChallengePurpose::SignIn)
}

fn password_removal() -> PasskeyChallenge {
    PasskeyChallenge::foreign(CHALLENGE, ChallengePurpose::PasswordRemoval(session()))
}

fn party() -> RelyingParty {
    RelyingParty::parse("example.com", &["https://example.com".to_owned(), ORIGIN.to_owned()]).unwrap()
}

fn authenticator() -> Authenticator {
    Authenticator::new("example.com", ORIGIN, *user(7).uuid().as_bytes())
}

fn credential(body: &Json) -> CredentialText<'_> {
    CredentialText {
        id: body["id"].as_str().unwrap(),
        raw_id: body["rawId"].as_str().unwrap(),
        kind: body["type"].as_str().unwrap(),
    }
}

fn read_registration(body: &Json) -> Registration {
    let part = |name| body["response"][name].as_str().unwrap();
    let transports: Vec<String> = serde_json::from_value(body["response"]["transports"].clone()).unwrap();
    let (client_data, object) = (part("clientDataJSON"), part("attestationObject"));
    Registration::parse(credential(body), client_data, object, &transports).unwrap()
}

fn read_assertion(body: &Json) -> Assertion {
    let part = |name| body["response"][name].as_str().unwrap();
    let (client_data, data) = (part("clientDataJSON"), part("authenticatorData"));
    let handle = body["response"]["userHandle"].as_str();
    Assertion::parse(credential(body), client_data, data, part("signature"), handle).unwrap()
}

fn registered(authenticator: &Authenticator) -> NewPasskey {
    let given = read_registration(&authenticator.register(CHALLENGE));
    register(&given, &registration(), &party(), PREFERRED).unwrap()
}

/// The stored passkey of the user 7.
fn known(passkey: &NewPasskey) -> KnownPasskey<'_> {
    KnownPasskey {
        user_id: user(7),
        user_handle: &KnownHandle::UserId,
        public_key: &passkey.public_key,
        backup_eligible: passkey.backup_eligible,
    }
}

/// Registers with an authenticator that misbehaves.
fn try_registration(change: impl FnOnce(&mut Authenticator)) -> Result<NewPasskey, Refusal> {
    let mut authenticator = authenticator();
    change(&mut authenticator);
    let given = read_registration(&authenticator.register(CHALLENGE));
    register(&given, &registration(), &party(), PREFERRED)
}

/// Registers, then asserts with an authenticator that misbehaves since.
fn try_assertion(change: impl FnOnce(&mut Authenticator)) -> Result<PasskeyUse, Refusal> {
    let mut authenticator = authenticator();
    let passkey = registered(&authenticator);
    change(&mut authenticator);
    let given = read_assertion(&authenticator.assert(CHALLENGE));
    authenticate(&given, &assertion(), &party(), PREFERRED, known(&passkey))
}

fn say(authenticator: &mut Authenticator, member: &str, value: impl Into<Json>) {
    authenticator.client_data.insert(member.to_owned(), value.into());
}

#[test]
fn a_passkey_is_registered_and_asserted() {
    let mut authenticator = authenticator();
    authenticator.flags |= BACKUP_ELIGIBLE;
    authenticator.sign_count = 4;
    let given = read_registration(&authenticator.register(CHALLENGE));
    assert_eq!(given.transports, [Transport::Hybrid, Transport::Internal]);
    let passkey = register(&given, &registration(), &party(), REQUIRED).unwrap();
    assert_eq!(passkey.credential_id.as_bytes(), authenticator.credential_id);
    assert_eq!(passkey.public_key.algorithm, KeyAlgorithm::Es256);
    assert_eq!(passkey.sign_count, 4);
    assert!(passkey.user_verified && !passkey.backed_up);
    assert_eq!(passkey.backup_eligible, Some(true));
    assert_eq!(passkey.aaguid, Uuid::nil());

    authenticator.flags |= BACKED_UP;
    let given = read_assertion(&authenticator.assert(CHALLENGE));
    let expected = PasskeyUse {
        sign_count: 5,
        user_verified: true,
        backup_eligible: true,
        backed_up: true,
        alone: false,
    };
    for (challenge, alone) in [(assertion(), false), (sign_in(), true), (password_removal(), true)] {
        let found = authenticate(&given, &challenge, &party(), REQUIRED, known(&passkey));
        assert_eq!(found, Ok(PasskeyUse { alone, ..expected }));
    }
}

#[test]
fn a_passkey_of_each_scheme_is_registered_and_asserted() {
    for scheme in Scheme::ALL {
        let mut authenticator = Authenticator::of_scheme(scheme, "example.com", ORIGIN, *user(7).uuid().as_bytes());
        authenticator.self_attested = true;
        let passkey = registered(&authenticator);
        let given = read_assertion(&authenticator.assert(CHALLENGE));
        let found = authenticate(&given, &sign_in(), &party(), REQUIRED, known(&passkey));
        assert!(found.is_ok(), "{scheme:?}: {found:?}");
    }
}

#[test]
fn client_data_that_does_not_fit_is_refused_in_both_ceremonies() {
    type Change = fn(&mut Authenticator);
    let cases: [(Change, Refusal); 14] = [
        (|it| say(it, "type", "payment.get"), Refusal::Type),
        (|it| say(it, "type", 7), Refusal::ClientData),
        (|it| say(it, "challenge", "Y2hhbGxlbmdm"), Refusal::Challenge),
        (|it| say(it, "challenge", "Y2hhbGxlbmdl="), Refusal::Challenge),
        (|it| say(it, "challenge", ""), Refusal::Challenge),
        (|it| say(it, "origin", "https://evil-example.com"), Refusal::Origin),
        (
            |it| say(it, "origin", "https://auth.example.com.evil.example"),
            Refusal::Origin,
        ),
        (|it| say(it, "origin", "https://auth.example.com:8443"), Refusal::Origin),
        (|it| say(it, "origin", "http://auth.example.com"), Refusal::Origin),
        // Below the relying party's domain, but not configured.
        (
            |it| say(it, "origin", "https://user-pages.example.com"),
            Refusal::Origin,
        ),
        (|it| say(it, "crossOrigin", true), Refusal::CrossOrigin),
        (|it| say(it, "topOrigin", "https://evil.example"), Refusal::CrossOrigin),
        (|it| say(it, "topOrigin", ORIGIN), Refusal::CrossOrigin),
        (|it| it.rp_id = "evil-example.com".to_owned(), Refusal::RelyingParty),
    ];
    for (place, (change, refusal)) in cases.into_iter().enumerate() {
        assert_eq!(try_registration(change).unwrap_err(), refusal, "registration {place}");
        assert_eq!(try_assertion(change).unwrap_err(), refusal, "assertion {place}");
    }
    assert_eq!(try_registration(|it| say(it, "type", GET)).unwrap_err(), Refusal::Type);
    assert_eq!(try_assertion(|it| say(it, "type", CREATE)).unwrap_err(), Refusal::Type);
}

#[test]
fn authenticator_data_that_does_not_fit_is_refused_in_both_ceremonies() {
    type Change = fn(&mut Authenticator);
    let cases: [(Change, Refusal); 8] = [
        (|it| it.flags = USER_VERIFIED, Refusal::Presence),
        (|it| it.flags |= BACKED_UP, Refusal::BackupState),
        (|it| it.behind_data = vec![0], Refusal::AuthenticatorData),
        // A map of extensions without its flag.
        (|it| it.behind_data = vec![0xa0], Refusal::AuthenticatorData),
        (|it| it.changed_flags = EXTENSIONS, Refusal::Encoding),
        (
            |it| (it.changed_flags, it.behind_data) = (EXTENSIONS, vec![0x01]),
            Refusal::Encoding,
        ),
        (
            |it| (it.changed_flags, it.behind_data) = (EXTENSIONS, vec![0xbf, 0xff]),
            Refusal::Encoding,
        ),
        (
            |it| (it.changed_flags, it.behind_data) = (EXTENSIONS, vec![0xa0, 0]),
            Refusal::AuthenticatorData,
        ),
    ];
    for (place, (change, refusal)) in cases.into_iter().enumerate() {
        assert_eq!(try_registration(change).unwrap_err(), refusal, "registration {place}");
        assert_eq!(try_assertion(change).unwrap_err(), refusal, "assertion {place}");
    }
}

/// The map says `credProtect: 2`.
#[test]
fn extensions_and_reserved_flags_are_passed_over() {
    let extended = |it: &mut Authenticator| {
        it.flags |= EXTENSIONS | 0x22;
        it.behind_data = b"\xa1\x6bcredProtect\x02".to_vec();
    };
    assert!(try_registration(extended).is_ok());
    assert!(try_assertion(extended).is_ok());
    assert!(try_registration(|it| say(it, "topOrigin", Json::Null)).is_ok());
    assert!(try_assertion(|it| say(it, "other_keys_can_be_added_here", json!({"a": [1]}))).is_ok());
}

#[test]
fn the_attested_credential_belongs_to_a_registration_only() {
    let without = try_registration(|it| it.changed_flags = CREDENTIAL);
    assert_eq!(without.unwrap_err(), Refusal::AuthenticatorData);
    let truncated = try_assertion(|it| it.flags |= CREDENTIAL);
    assert_eq!(truncated.unwrap_err(), Refusal::AuthenticatorData);
    let with = try_assertion(|it| {
        it.flags |= CREDENTIAL;
        it.behind_data = [&[0; 16], [0, 1, 9].as_slice(), &it.cose].concat();
    });
    assert_eq!(with.unwrap_err(), Refusal::AuthenticatorData);
}

#[test]
fn a_credential_id_is_the_one_beside_it() {
    let mut body = authenticator().register(CHALLENGE);
    for member in ["id", "rawId"] {
        body[member] = json!("AQID");
    }
    let found = register(&read_registration(&body), &registration(), &party(), PREFERRED);
    assert_eq!(found.unwrap_err(), Refusal::CredentialId);
}

#[test]
fn credential_ids_of_every_length_are_told_apart() {
    for length in [1, 23, 24, 255, 256, 1023] {
        let passkey = try_registration(|it| it.credential_id = vec![5; length]).unwrap();
        assert_eq!(passkey.credential_id.as_bytes().len(), length);
    }
    for length in [0, 1024] {
        let body = authenticator().register(CHALLENGE);
        let mut given = read_registration(&body);
        let mut authenticator = authenticator();
        authenticator.credential_id = vec![5; length];
        let text = authenticator.register(CHALLENGE)["response"]["attestationObject"].clone();
        given.attestation_object = URL_SAFE_NO_PAD.decode(text.as_str().unwrap()).unwrap();
        let found = register(&given, &registration(), &party(), PREFERRED);
        assert_eq!(found.unwrap_err(), Refusal::CredentialId, "{length}");
    }
}

#[test]
fn an_attestation_object_of_another_form_is_refused() {
    let cases: [(&[u8], &str); 8] = [
        (b"\xa2\x63fmt\x64none\x68authData", "no statement"),
        (b"\xa2\x67attStmt\xa0\x68authData", "no format"),
        (b"\xa3\x63fmt\x64none\x67attStmt\x80\x68authData", "a list as statement"),
        (b"\xa3\x63fmt\x44none\x67attStmt\xa0\x68authData", "bytes as format"),
        (
            b"\xa4\x63fmt\x64none\x67attStmt\xa0\x61x\x01\x68authData",
            "a further member",
        ),
        (
            b"\xa4\x63fmt\x64none\x63fmt\x64none\x67attStmt\xa0\x68authData",
            "a doubled format",
        ),
        (
            b"\xbf\x63fmt\x64none\x67attStmt\xa0\x68authData",
            "a map without a length",
        ),
        (
            b"\xa3\x63fmt\x78\x04none\x67attStmt\xa0\x68authData",
            "a length in two bytes",
        ),
    ];
    for (beginning, what) in cases {
        let found = try_registration(|it| it.attestation = beginning.to_vec());
        assert_eq!(found.unwrap_err(), Refusal::Encoding, "{what}");
    }
    let behind = try_registration(|it| it.behind_object = vec![0]);
    assert_eq!(behind.unwrap_err(), Refusal::Encoding);
}

/// The statement is not verified, so its format and content decide nothing.
#[test]
fn any_statement_is_passed_over() {
    for beginning in [
        b"\xa3\x63fmt\x66packed\x67attStmt\xa2\x63alg\x26\x63sig\x41\0\x68authData".as_slice(),
        b"\xa3\x63fmt\x63new\x67attStmt\xa0\x68authData",
    ] {
        assert!(try_registration(|it| it.attestation = beginning.to_vec()).is_ok());
    }
}

#[test]
fn a_key_that_is_not_strictly_written_is_refused() {
    type Change = fn(&mut Vec<u8>);
    let cases: [(Change, Refusal); 7] = [
        (
            |cose| *cose = [&[0xbf], &cose[1..], &[0xff]].concat(),
            Refusal::Encoding,
        ),
        (|cose| drop(cose.splice(2..3, [0x18, 2])), Refusal::Encoding),
        (|cose| drop(cose.splice(0..1, [0xa6, 1, 2])), Refusal::Encoding),
        (|cose| drop(cose.splice(0..1, [0xa6, 2, 0x41, 0])), Refusal::PublicKey),
        (|cose| cose.push(0), Refusal::AuthenticatorData),
        (|cose| cose[4] = 0x27, Refusal::PublicKey),
        // The last byte of y.
        (|cose| *cose.last_mut().unwrap() ^= 1, Refusal::PublicKey),
    ];
    for (place, (change, refusal)) in cases.into_iter().enumerate() {
        let found = try_registration(|it| change(&mut it.cose));
        assert_eq!(found.unwrap_err(), refusal, "{place}");
    }
}

#[test]
fn the_service_decides_whether_the_user_must_be_verified() {
    for flags in [USER_PRESENT, USER_PRESENT | USER_VERIFIED] {
        let is_verified = flags & USER_VERIFIED != 0;
        let mut authenticator = authenticator();
        authenticator.flags = flags;
        let given = read_registration(&authenticator.register(CHALLENGE));
        let passkey = registered(&authenticator);
        let shown = read_assertion(&authenticator.assert(CHALLENGE));
        for verification in UserVerification::ALL {
            let is_accepted = is_verified || verification != REQUIRED;
            let refused = (!is_accepted).then_some(Refusal::UserVerification);
            let found = register(&given, &registration(), &party(), verification);
            assert_eq!(found.as_ref().err().copied(), refused);
            assert!(found.is_err() || found.unwrap().user_verified == is_verified);
            let found = authenticate(&shown, &assertion(), &party(), verification, known(&passkey));
            assert_eq!(found.err(), refused);
            assert!(found.is_err() || found.unwrap().user_verified == is_verified);
        }
        // A passkey alone must be of a verified user, whatever the policy.
        for challenge in [sign_in(), password_removal()] {
            let found = authenticate(&shown, &challenge, &party(), DISCOURAGED, known(&passkey));
            assert_eq!(found.is_ok(), is_verified);
        }
    }
}

#[test]
fn backup_eligibility_never_changes() {
    for (before, since) in [(0, BACKUP_ELIGIBLE), (BACKUP_ELIGIBLE, 0)] {
        let mut authenticator = authenticator();
        authenticator.flags |= before;
        let passkey = registered(&authenticator);
        authenticator.flags = USER_PRESENT | USER_VERIFIED | since;
        let given = read_assertion(&authenticator.assert(CHALLENGE));
        let found = authenticate(&given, &assertion(), &party(), PREFERRED, known(&passkey));
        assert_eq!(found, Err(Refusal::BackupEligibility));
    }
}

/// Programs of WebAuthn Level 2 did not note it.
#[test]
fn the_first_use_says_what_is_not_known_of_the_backup() {
    for flags in [0, BACKUP_ELIGIBLE] {
        let mut authenticator = authenticator();
        authenticator.flags |= flags;
        let passkey = registered(&authenticator);
        let imported = KnownPasskey {
            backup_eligible: None,
            ..known(&passkey)
        };
        let given = read_assertion(&authenticator.assert(CHALLENGE));
        let found = authenticate(&given, &assertion(), &party(), PREFERRED, imported);
        assert_eq!(found.unwrap().backup_eligible, flags == BACKUP_ELIGIBLE);
    }
}

/// The handle that another program gave the user takes the place of the id; it does not stand beside it.
#[test]
fn a_handle_of_another_program_is_the_only_one_of_its_passkey() {
    let mut authenticator = authenticator();
    let passkey = registered(&authenticator);
    let handle = KnownHandle::Given(UserHandle::from_bytes(b"jo".to_vec()).unwrap());
    let imported = KnownPasskey {
        user_handle: &handle,
        ..known(&passkey)
    };
    for (given, accepted) in [
        (b"jo".to_vec(), true),
        (b"mo".to_vec(), false),
        (user(7).uuid().into_bytes().to_vec(), false),
    ] {
        authenticator.user_handle = Some(given);
        let given = read_assertion(&authenticator.assert(CHALLENGE));
        for challenge in [assertion(), sign_in()] {
            let found = authenticate(&given, &challenge, &party(), REQUIRED, imported);
            assert_eq!(found.err(), (!accepted).then_some(Refusal::User));
        }
    }
}

/// The session says who the user is, and the signature that the key is the user's.
#[test]
fn a_passkey_whose_handle_is_not_known_serves_in_a_session_only() {
    let mut authenticator = authenticator();
    let passkey = registered(&authenticator);
    let imported = KnownPasskey {
        user_handle: &KnownHandle::Unknown,
        ..known(&passkey)
    };
    for handle in [None, Some(b"jo".to_vec()), Some(user(7).uuid().into_bytes().to_vec())] {
        authenticator.user_handle = handle;
        let given = read_assertion(&authenticator.assert(CHALLENGE));
        assert!(authenticate(&given, &assertion(), &party(), REQUIRED, imported).is_ok());
        let alone = authenticate(&given, &sign_in(), &party(), REQUIRED, imported);
        assert_eq!(alone, Err(Refusal::User));
    }
}

#[test]
fn the_key_of_another_program_is_read_by_the_rules_of_a_registration() {
    let authenticator = authenticator();
    let key = read_public_key(&authenticator.cose).unwrap();
    assert_eq!(key, registered(&authenticator).public_key);
    let behind = [authenticator.cose.as_slice(), &[0]].concat();
    assert_eq!(read_public_key(&behind), Err(Refusal::Encoding));
    let mut off_the_curve = authenticator.cose.clone();
    *off_the_curve.last_mut().unwrap() ^= 1;
    assert_eq!(read_public_key(&off_the_curve), Err(Refusal::PublicKey));
    let mut es384 = authenticator.cose;
    es384.splice(4..5, [0x38, 0x22]);
    assert_eq!(read_public_key(&es384), Err(Refusal::Algorithm));
    assert_eq!(read_public_key(b""), Err(Refusal::Encoding));
}

#[test]
fn a_challenge_of_another_purpose_is_refused() {
    let mut authenticator = authenticator();
    let given = read_registration(&authenticator.register(CHALLENGE));
    for challenge in [assertion(), sign_in(), password_removal()] {
        let found = register(&given, &challenge, &party(), PREFERRED);
        assert_eq!(found.unwrap_err(), Refusal::Challenge);
    }
    let passkey = registered(&authenticator);
    let given = read_assertion(&authenticator.assert(CHALLENGE));
    let found = authenticate(&given, &registration(), &party(), PREFERRED, known(&passkey));
    assert_eq!(found, Err(Refusal::Challenge));
}

#[test]
fn a_passkey_of_another_user_is_refused() {
    let mut authenticator = authenticator();
    let passkey = registered(&authenticator);
    let others = KnownPasskey {
        user_id: user(9),
        ..known(&passkey)
    };
    // Each row: the user handle, and whether it is accepted in a session of its user and alone.
    for (handle, in_session, alone) in [(Some(7), true, true), (None, true, false), (Some(9), false, false)] {
        authenticator.user_handle = handle.map(|id: u128| user(id).uuid().as_bytes().to_vec());
        let given = read_assertion(&authenticator.assert(CHALLENGE));
        for (challenge, is_accepted) in [
            (assertion(), in_session),
            (sign_in(), alone),
            (password_removal(), alone),
        ] {
            let found = authenticate(&given, &challenge, &party(), REQUIRED, known(&passkey));
            assert_eq!(found.err(), (!is_accepted).then_some(Refusal::User), "{handle:?}");
        }
        for challenge in [assertion(), password_removal()] {
            let found = authenticate(&given, &challenge, &party(), REQUIRED, others);
            assert_eq!(found, Err(Refusal::User), "{handle:?}");
        }
    }
}

#[test]
fn a_signature_of_another_passkey_is_refused() {
    let passkey = registered(&authenticator());
    let given = read_assertion(&authenticator().assert(CHALLENGE));
    let found = authenticate(&given, &assertion(), &party(), PREFERRED, known(&passkey));
    assert_eq!(found, Err(Refusal::Signature));
}

/// A credential id and a challenge alone prove nothing.
#[test]
fn an_empty_signature_is_refused() {
    let mut authenticator = authenticator();
    let passkey = registered(&authenticator);
    let mut given = read_assertion(&authenticator.assert(CHALLENGE));
    given.signature.clear();
    let found = authenticate(&given, &assertion(), &party(), PREFERRED, known(&passkey));
    assert_eq!(found, Err(Refusal::Signature));
}

/// An assertion with the parts that a test changes.
fn parts() -> (NewPasskey, Registration, Assertion) {
    let mut authenticator = authenticator();
    let passkey = registered(&authenticator);
    let registration = read_registration(&authenticator.register(CHALLENGE));
    (passkey, registration, read_assertion(&authenticator.assert(CHALLENGE)))
}

fn flip(bytes: &mut [u8], place: prop::sample::Index, mask: u8) {
    let place = place.index(bytes.len());
    bytes[place] ^= mask;
}

fn truncate(bytes: &mut Vec<u8>, place: prop::sample::Index) {
    bytes.truncate(place.index(bytes.len()));
}

proptest! {
    #[test]
    fn an_assertion_with_a_changed_byte_is_refused(part in 0..3, place: prop::sample::Index, mask in 1..=u8::MAX) {
        let (passkey, _, mut given) = parts();
        match part {
            0 => flip(&mut given.client_data, place, mask),
            1 => flip(&mut given.authenticator_data, place, mask),
            _ => flip(&mut given.signature, place, mask),
        }
        prop_assert!(authenticate(&given, &assertion(), &party(), PREFERRED, known(&passkey)).is_err());
    }

    /// Nothing of a registration is signed. Its key and its id are bound by the curve and by the text beside it.
    #[test]
    fn a_registration_with_a_changed_byte_is_refused_or_has_the_same_key(
        part in 0..2, place: prop::sample::Index, mask in 1..=u8::MAX,
    ) {
        let (passkey, mut given, _) = parts();
        match part {
            0 => flip(&mut given.client_data, place, mask),
            _ => flip(&mut given.attestation_object, place, mask),
        }
        if let Ok(found) = register(&given, &registration(), &party(), PREFERRED) {
            prop_assert_eq!(found.credential_id, passkey.credential_id);
            prop_assert_eq!(found.public_key, passkey.public_key);
        }
    }

    #[test]
    fn truncated_parts_are_refused(part in 0..5, place: prop::sample::Index) {
        let (passkey, mut made, mut shown) = parts();
        match part {
            0 => truncate(&mut made.client_data, place),
            1 => truncate(&mut made.attestation_object, place),
            2 => truncate(&mut shown.client_data, place),
            3 => truncate(&mut shown.authenticator_data, place),
            _ => truncate(&mut shown.signature, place),
        }
        let is_registered = register(&made, &registration(), &party(), PREFERRED).is_ok();
        let is_shown = authenticate(&shown, &assertion(), &party(), PREFERRED, known(&passkey)).is_ok();
        prop_assert_eq!((is_registered, is_shown), (part > 1, part <= 1));
    }

    #[test]
    fn longer_parts_are_refused(part in 0..4, behind in prop::collection::vec(any::<u8>(), 1..9)) {
        let (passkey, mut made, mut shown) = parts();
        match part {
            0 => made.attestation_object.extend(behind),
            1 => shown.authenticator_data.extend(behind),
            2 => shown.signature.extend(behind),
            _ => shown.client_data.extend(behind),
        }
        let is_registered = register(&made, &registration(), &party(), PREFERRED).is_ok();
        let is_shown = authenticate(&shown, &assertion(), &party(), PREFERRED, known(&passkey)).is_ok();
        prop_assert_eq!((is_registered, is_shown), (part > 0, part == 0));
    }

    #[test]
    fn any_bytes_are_classified(bytes in prop::collection::vec(any::<u8>(), 0..200), flags: u8) {
        let party_hash = sha256(party().id().as_bytes());
        let data = [party_hash.as_slice(), &[flags], &bytes].concat();
        let parsed = AuthenticatorData::parse(&data);
        prop_assert!(parsed.is_err() || data.len() == 37 || flags & (CREDENTIAL | EXTENSIONS) != 0);
        let _ = attested_data(&bytes);
    }
}

/// What another program made.
#[derive(serde::Deserialize)]
struct Foreign {
    name: String,
    rp_id: String,
    origin: String,
    credential_id: String,
    registration: Parts,
    assertion: Parts,
}

/// Parts of a response, in hexadecimal; those of the other ceremony are empty.
#[derive(Default, serde::Deserialize)]
#[serde(default)]
struct Parts {
    challenge: String,
    client_data: String,
    attestation_object: String,
    authenticator_data: String,
    signature: String,
}

fn bytes(hexadecimal: &str) -> Vec<u8> {
    let pairs = hexadecimal
        .as_bytes()
        .chunks(2)
        .map(|pair| std::str::from_utf8(pair).unwrap());
    pairs.map(|pair| u8::from_str_radix(pair, 16).unwrap()).collect()
}

impl Foreign {
    fn challenge(of: &Parts, purpose: ChallengePurpose) -> PasskeyChallenge {
        PasskeyChallenge::foreign(&URL_SAFE_NO_PAD.encode(bytes(&of.challenge)), purpose)
    }

    fn party(&self) -> RelyingParty {
        RelyingParty::parse(&self.rp_id, std::slice::from_ref(&self.origin)).unwrap()
    }

    fn register(&self) -> Result<NewPasskey, Refusal> {
        let given = Registration {
            credential_id: CredentialId::from_bytes(bytes(&self.credential_id)).unwrap(),
            client_data: bytes(&self.registration.client_data),
            attestation_object: bytes(&self.registration.attestation_object),
            transports: vec![],
        };
        let challenge = Self::challenge(&self.registration, ChallengePurpose::Registration(session()));
        register(&given, &challenge, &self.party(), PREFERRED)
    }

    fn authenticate(&self, key: &PublicKey, backup_eligible: Option<bool>) -> Result<PasskeyUse, Refusal> {
        let given = Assertion {
            credential_id: CredentialId::from_bytes(bytes(&self.credential_id)).unwrap(),
            client_data: bytes(&self.assertion.client_data),
            authenticator_data: bytes(&self.assertion.authenticator_data),
            signature: bytes(&self.assertion.signature),
            user_handle: None,
        };
        let passkey = KnownPasskey {
            user_id: user(7),
            user_handle: &KnownHandle::UserId,
            public_key: key,
            backup_eligible,
        };
        let challenge = Self::challenge(&self.assertion, ChallengePurpose::Assertion(session()));
        authenticate(&given, &challenge, &self.party(), PREFERRED, passkey)
    }
}

/// The test vectors of WebAuthn §16, then passkeys of Chromium's virtual authenticator, of soft-webauthn, and keys of
/// Python's cryptography.
#[test]
fn passkeys_of_others_are_accepted_if_the_rules_allow_them() {
    let all: Vec<Foreign> = serde_json::from_str(include_str!("../../../tests/support/passkeys.json")).unwrap();
    let found: Vec<String> = all
        .iter()
        .map(|foreign| format!("{}: {}", foreign.name, verdict(foreign)))
        .collect();
    let expected = [
        "none-es256: accepted",
        "packed-self-es256: accepted, not verified",
        "none-es256-crossOrigin: not registered, CrossOrigin",
        "none-es256-topOrigin: not registered, CrossOrigin",
        "none-es256-long-credential-id: accepted",
        "packed-es256: accepted",
        "packed-es384: not registered, Algorithm",
        "packed-es512: not registered, Algorithm",
        "packed-rs256: accepted, not verified",
        "packed-eddsa: accepted",
        "packed-ed448: not registered, Algorithm",
        "tpm-es256: accepted",
        "android-key-es256: accepted, not verified",
        "apple-es256: accepted",
        "fido-u2f-es256: accepted",
        "chromium: accepted",
        "chromium-u2f: accepted",
        "chromium-baduv: accepted, not verified",
        "chromium-badup: registered, Presence",
        "chromium-badsig: registered, Signature",
        "soft: accepted",
        "rsa1024: not registered, PublicKey",
        "rsa2048: accepted",
        "rsa3072: accepted",
        "packed-other: accepted",
    ];
    assert_eq!(found, expected);
}

fn verdict(foreign: &Foreign) -> String {
    let passkey = match foreign.register() {
        Ok(passkey) => passkey,
        Err(refusal) => return format!("not registered, {refusal:?}"),
    };
    match foreign.authenticate(&passkey.public_key, passkey.backup_eligible) {
        Ok(shown) if passkey.user_verified && !shown.user_verified => "accepted, not verified".to_owned(),
        Ok(_) => "accepted".to_owned(),
        Err(refusal) => format!("registered, {refusal:?}"),
    }
}
