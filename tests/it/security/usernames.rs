//! A released user name cannot be claimed for a while, so that no stranger is taken for its former owner.

use actix_web::http::Method;
use serde_json::{Value, json};

use crate::support::actors::{PASSWORD, Person, SignedIn};
use crate::support::app::TestApp;
use crate::support::response::TestResponse;

const DAY: i64 = 86_400;
const NAME: &str = "jo.doe";

async fn rename(app: &TestApp, who: &SignedIn, name: &str) -> TestResponse {
    let token = who.person.sign_in_again(app).await;
    app.call_as(Method::PATCH, "/me", &token, &json!({"username": name}))
        .await
}

/// Every way to claim a name, and whether it succeeded.
async fn ways_to(app: &TestApp, name: &str) -> Vec<(&'static str, bool)> {
    let other = Person::sign_up(app, "mo@example.com").await;
    let by_profile = rename(app, &other, name).await;
    let by_registration = app
        .post("/register", &json!({"username": name, "password": PASSWORD}))
        .await;
    vec![
        ("profile", by_profile.status == 200),
        ("registration", by_registration.status == 201),
        ("invitation", app.invite("invited@example.com", Some(name)).await),
        ("import", app.import(&imported(name)).await.imported == 1),
    ]
}

fn imported(name: &str) -> Value {
    let hash = "$2b$06$ehpU/g3cEXTiEPzSpL4N/O.9RgRBX6ct93UZOde3xrZg7rJ09oESG";
    json!({"username": name, "password_hash": hash})
}

fn refused() -> Vec<(&'static str, bool)> {
    ["profile", "registration", "invitation", "import"]
        .map(|way| (way, false))
        .to_vec()
}

#[actix_web::test]
async fn a_name_that_was_changed_rests_and_its_account_may_take_it_back() {
    let app = TestApp::new().await;
    let jo = Person::sign_up(&app, "jo@example.com").await;
    rename(&app, &jo, NAME).await.expect(200);
    rename(&app, &jo, "jo.new").await.expect(200);
    assert_eq!(ways_to(&app, NAME).await, refused());
    rename(&app, &jo, NAME).await.expect(200);
    // The name used in between is reserved as well.
    let body = json!({"username": "jo.new", "password": PASSWORD});
    app.post("/register", &body).await.expect_problem(409, "username_taken");
    app.post("/login", &json!({"username": NAME, "password": PASSWORD}))
        .await
        .expect(200);
}

#[actix_web::test]
async fn a_name_rests_for_thirty_days_and_no_longer() {
    let app = TestApp::new().await;
    let jo = Person::sign_up(&app, "jo@example.com").await;
    rename(&app, &jo, NAME).await.expect(200);
    rename(&app, &jo, "jo.new").await.expect(200);
    app.clock.advance(30 * DAY - 1);
    app.delete_expired().await;
    let body = json!({"username": NAME, "password": PASSWORD});
    app.post("/register", &body).await.expect_problem(409, "username_taken");
    app.clock.advance(1);
    app.post("/register", &body).await.expect(201);
    // Another account has it now, so not even its former account can claim it.
    rename(&app, &jo, NAME).await.expect_problem(409, "username_taken");
}

#[actix_web::test]
async fn the_name_of_a_deleted_account_rests_however_it_was_deleted() {
    for by_operator in [false, true] {
        let app = TestApp::new().await;
        let jo = Person::sign_up(&app, "jo@example.com").await;
        rename(&app, &jo, NAME).await.expect(200);
        if by_operator {
            app.delete_user(&jo.person.id).await;
        } else {
            let token = jo.person.sign_in_again(&app).await;
            app.bare_as(Method::DELETE, "/me", &token).await.expect(204);
        }
        assert_eq!(ways_to(&app, NAME).await, refused(), "by an operator: {by_operator}");
        // A new account with the same address is not the one that released the name.
        let again = Person::sign_up(&app, "jo@example.com").await;
        rename(&app, &again, NAME).await.expect_problem(409, "username_taken");
    }
}

#[actix_web::test]
async fn an_import_says_which_lines_ask_for_a_name_that_rests() {
    let app = TestApp::new().await;
    let jo = Person::sign_up(&app, "jo@example.com").await;
    rename(&app, &jo, NAME).await.expect(200);
    rename(&app, &jo, "jo.new").await.expect(200);
    let report = app.import(&imported(NAME)).await;
    assert_eq!((report.imported, report.present, report.failed), (0, 0, 1));
    assert_eq!(report.faults[0].member, Some("username"));
    app.clock.advance(30 * DAY);
    assert_eq!(app.import(&imported(NAME)).await.imported, 1);
}

#[actix_web::test]
async fn an_account_asks_for_ten_names_a_day() {
    let app = TestApp::new().await;
    let jo = Person::sign_up(&app, "jo@example.com").await;
    let taken = json!({"username": "taken", "password": PASSWORD});
    app.post("/register", &taken).await.expect(201);
    for number in 0..5 {
        rename(&app, &jo, &format!("jo.{number}")).await.expect(200);
        rename(&app, &jo, "taken").await.expect_problem(409, "username_taken");
    }
    rename(&app, &jo, "taken").await.expect_problem(429, "rate_limited");
    rename(&app, &jo, "free").await.expect_problem(429, "rate_limited");
    // The current name is not a claim, and everything else can be changed.
    rename(&app, &jo, "jo.4").await.expect(200);
    app.clock.advance(DAY);
    rename(&app, &jo, "free").await.expect(200);
}

#[actix_web::test]
async fn an_export_tells_of_names_that_rest() {
    let app = TestApp::new().await;
    let jo = Person::sign_up(&app, "jo@example.com").await;
    for name in [NAME, "another", "third"] {
        rename(&app, &jo, name).await.expect(200);
    }
    let token = jo.person.sign_in_again(&app).await;
    let export = app.get_as("/me/export", &token).await.expect(200).json();
    assert_eq!(export["released_usernames"], json!(["another", NAME]));
}
