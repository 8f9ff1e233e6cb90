//! `GET /admin/users/{id}/devices` `DELETE /admin/users/{id}/devices`

use actix_web::http::Method;

use super::{administrator, events, path};
use crate::support::actors::Person;
use crate::support::app::TestApp;
use crate::support::devices::TRUSTING;

#[actix_web::test]
async fn an_administrator_sees_the_devices_of_an_account_and_ends_them() {
    let app = TestApp::with(TRUSTING).await;
    let admin = administrator(&app, "root@example.com").await;
    let jo = Person::sign_up(&app, "jo@example.com").await;
    let ann = Person::sign_up(&app, "ann@example.com").await;
    let first = jo.trust_device(&app).await;
    let second = jo.trust_device(&app).await;
    let others = ann.trust_device(&app).await;
    let uri = format!("{}/devices", path(&jo.person));
    let count = async || {
        let listed = app.get_as(&uri, &admin.access_token).await.expect(200).json();
        listed["devices"].as_array().unwrap().len()
    };
    assert_eq!(count().await, 2);
    app.bare_as(Method::DELETE, &uri, &admin.access_token).await.expect(204);
    assert_eq!(count().await, 0);
    for device in [&first.device, &second.device] {
        jo.person.log_in_on_ended(&app, device).await;
    }
    ann.person.log_in_on_trusted(&app, &others.device).await;
    // The sessions go on.
    app.get_as("/me", &first.access_token).await.expect(200);
    let done = &events(&app, &admin, "authz_admin").await[0];
    assert_eq!(done["reason"], "devices_removed");
    let removed = &events(&app, &admin, "device_removed").await[0];
    assert_eq!(removed["actor_id"].as_str(), Some(admin.person.id.as_str()));
}

#[actix_web::test]
async fn an_unknown_account_is_404() {
    let app = TestApp::with(TRUSTING).await;
    let admin = administrator(&app, "root@example.com").await;
    for id in ["x", "019ca945-0a00-7673-b71e-0108b877dbc7"] {
        let uri = format!("/admin/users/{id}/devices");
        let answer = app.get_as(&uri, &admin.access_token).await;
        answer.expect_problem(404, "not_found");
        let answer = app.bare_as(Method::DELETE, &uri, &admin.access_token).await;
        answer.expect_problem(404, "not_found");
    }
}
