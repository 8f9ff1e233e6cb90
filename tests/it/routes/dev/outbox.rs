//! `GET /dev/outbox` `DELETE /dev/outbox`

use actix_web::test::TestRequest;
use serde_json::json;

use crate::support::actors::{PHONE, Person};
use crate::support::app::TestApp;

#[actix_web::test]
async fn the_outbox_is_empty_and_can_be_emptied() {
    let app = TestApp::new().await;
    app.send(TestRequest::delete().uri("/dev/outbox")).await.expect(204);
    assert_eq!(app.get("/dev/outbox").await.expect(200).json(), json!([]));
}

#[actix_web::test]
async fn a_destination_is_found_however_it_is_written() {
    let app = TestApp::with(&[("SECOND_FACTORS", "totp,sms")]).await;
    let signed_in = Person::sign_up(&app, "jo@example.com").await;
    signed_in.set_up_phone(&app, PHONE).await;
    let found = async |to: &str| {
        let encoded = percent_encoding::utf8_percent_encode(to, percent_encoding::NON_ALPHANUMERIC);
        let listed = app.get(&format!("/dev/outbox?to={encoded}")).await.expect(200).json();
        listed.as_array().unwrap().len()
    };
    let mails = found("jo@example.com").await;
    assert!(mails > 0);
    for to in ["Jo@Example.COM", " JO@example.com\n"] {
        assert_eq!(found(to).await, mails, "{to:?}");
    }
    let texts = found(PHONE).await;
    assert!(texts > 0);
    let (code, rest) = PHONE.split_at(3);
    assert_eq!(found(&format!("{code} ({}) {}", &rest[..3], &rest[3..])).await, texts);
    for to in ["jo@example.org", "jo", "", "+12025550123"] {
        assert_eq!(found(to).await, 0, "{to:?}");
    }
}
