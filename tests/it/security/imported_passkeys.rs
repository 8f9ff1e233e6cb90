//! User handles of imported passkeys: each names one account, whichever line, run or registration came first.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use diesel::connection::SimpleConnection;
use futures_util::future::join;
use serde_json::{Value, json};

use crate::races::{count, until_blocked};
use crate::support::actors::{Person, request_link};
use crate::support::app::TestApp;
use crate::support::authenticator::Authenticator;
use crate::support::passkeys::{PASSKEYS, authenticator, sign_in_by_passkey, sign_in_challenge};

const HASH: &str = "$2b$06$ehpU/g3cEXTiEPzSpL4N/O.9RgRBX6ct93UZOde3xrZg7rJ09oESG";
const TAKEN: &str = "have a user handle that another account has";

/// Makes a passkey of another program, which gave its user a handle.
fn passkey(handle: &[u8]) -> Authenticator {
    let mut key = authenticator("00000000-0000-0000-0000-000000000000");
    key.user_handle = Some(handle.to_vec());
    key
}

fn line(username: &str, keys: &[&Authenticator]) -> Value {
    let passkeys: Vec<Value> = keys.iter().map(|key| described(key)).collect();
    json!({"username": username, "password_hash": HASH, "passkeys": passkeys})
}

fn described(key: &Authenticator) -> Value {
    json!({
        "credential_id": URL_SAFE_NO_PAD.encode(&key.credential_id),
        "public_key": URL_SAFE_NO_PAD.encode(&key.cose),
        "user_handle": URL_SAFE_NO_PAD.encode(key.user_handle.as_ref().unwrap()),
    })
}

#[actix_web::test]
async fn a_dry_run_remembers_the_handles_of_earlier_batches() {
    let app = TestApp::with(PASSKEYS).await;
    let [first, second, other] = [b"jo", b"jo", b"mo"].map(|handle| passkey(handle));
    let lines = [
        line("first", &[&first]),
        line("second", &[&second]),
        line("third", &[&other]),
    ];
    let batches = [&lines[..1], &lines[1..]];
    for dry_run in [true, false] {
        let report = app.import_batches(&batches, dry_run).await;
        assert_eq!((report.imported, report.failed), (2, 1), "{report:?}");
        assert_eq!((report.faults[0].line, report.faults[0].reason.as_str()), (2, TAKEN));
    }
}

/// Of two imports at once each handle goes to one, and the other refuses that line only.
#[actix_web::test]
async fn handles_that_another_import_takes_meanwhile_refuse_their_lines_only() {
    let app = TestApp::with(PASSKEYS).await;
    let handles = ["ann", "bert", "carl"];
    let mut others = handles.map(|handle| {
        let mut import = app.database.connect();
        let insert = "BEGIN; INSERT INTO user_handles VALUES";
        let id = "00000000-0000-0000-0000-000000000001";
        let statement = format!("{insert} (convert_to('{handle}', 'UTF8'), '{id}')");
        import.batch_execute(&statement).unwrap();
        import
    });
    let [ann, bert, carl, dora] = ["ann", "bert", "carl", "dora"].map(|handle| passkey(handle.as_bytes()));
    // The second line loses one of its two handles, and keeps none.
    let lines = [
        line("ann", &[&ann]),
        line("bert", &[&passkey(b"robert"), &bert]),
        line("carl", &[&carl]),
        line("dora", &[&dora]),
    ];
    let commits = async {
        for import in &mut others {
            until_blocked(&app, 1).await;
            import.batch_execute("COMMIT").unwrap();
        }
    };
    let batches = [&lines[..]];
    let (report, ()) = join(app.import_batches(&batches, false), commits).await;
    let refused: Vec<u64> = report.faults.iter().map(|fault| fault.line).collect();
    assert_eq!((report.imported, refused), (1, vec![1, 2, 3]), "{report:?}");
    assert!(report.faults.iter().all(|fault| fault.reason == TAKEN));
    assert_eq!((count(&app, "users"), count(&app, "passkeys")), (1, 1));
    assert_eq!(count(&app, "user_handles WHERE user_handle = 'robert'"), 0);
}

/// A sign-in takes the handle for that id, and would look for the passkey in the other account.
#[actix_web::test]
async fn a_handle_that_is_the_id_of_an_account_here_is_refused() {
    let app = TestApp::with(PASSKEYS).await;
    let jo = Person::sign_up_verified(&app, "jo@example.com").await;
    let (mut own, _) = jo.add_passkey(&app).await;
    let mut theirs = authenticator(&jo.person.id);
    for dry_run in [true, false] {
        let report = app.import_batches(&[&[line("mallory", &[&theirs])]], dry_run).await;
        assert_eq!((report.imported, report.failed), (0, 1), "{report:?}");
        assert_eq!(report.faults[0].reason, TAKEN);
    }
    let assertion = theirs.assert(&sign_in_challenge(&app).await);
    sign_in_by_passkey(&app, &assertion)
        .await
        .expect_problem(401, "invalid_credentials");
    let assertion = own.assert(&sign_in_challenge(&app).await);
    sign_in_by_passkey(&app, &assertion).await.expect(200);
    // Sixteen bytes that are the id of none are a handle like any other.
    let mut free = authenticator("019ca945-0a00-7673-b71e-0108b877dbc7");
    let report = app.import(&line("mallory", &[&free])).await;
    assert_eq!(report.imported, 1, "{report:?}");
    let assertion = free.assert(&sign_in_challenge(&app).await);
    sign_in_by_passkey(&app, &assertion).await.expect(200);
}

#[actix_web::test]
async fn a_user_without_a_password_is_imported_who_can_sign_in_without_one() {
    let app = TestApp::with(PASSKEYS).await;
    let mut key = passkey(b"jo");
    let mut user = line("jo.doe", &[&key]);
    user["password_hash"] = Value::Null;
    assert_eq!(app.import(&user).await.imported, 1);
    let assertion = key.assert(&sign_in_challenge(&app).await);
    let token = sign_in_by_passkey(&app, &assertion)
        .await
        .expect(200)
        .text("/access_token");
    let me = app.get_as("/me", &token).await.expect(200).json();
    assert_eq!(me["has_password"], false);
    let mail = json!({"email": "mo@example.com", "email_verified": true});
    assert_eq!(app.import(&mail).await.imported, 1);
    let link = request_link(&app, "/magic-link", "magic_link", "mo@example.com").await;
    let login = app
        .post("/magic-link/verify", &json!({"token": link}))
        .await
        .expect(200);
    assert_eq!(login.json()["status"], "enrolment_required");
    // Neither of these could.
    let mut nameless = line("ann.doe", &[&passkey(b"ann")]);
    nameless["password_hash"].take();
    nameless["passkeys"][0]["user_handle"].take();
    for user in [nameless, json!({"email": "ann@example.com"})] {
        let report = app.import(&user).await;
        assert_eq!((report.imported, report.faults[0].member), (0, Some("password_hash")));
    }
}
