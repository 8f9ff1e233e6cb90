//! The database holds nothing that could be presented.

use diesel::prelude::*;
use diesel::sql_types::Text;

use crate::support::actors::{PASSWORD, Person};
use crate::support::app::TestApp;

#[derive(QueryableByName)]
struct Dump {
    #[diesel(sql_type = Text)]
    dump: String,
}

#[actix_web::test]
async fn no_secret_stands_in_any_table() {
    let app = TestApp::new().await;
    let signed_in = Person::sign_up(&app, "jo@example.com").await;
    app.clock.advance(30);
    let pending = signed_in.person.log_in(&app).await;
    let client = app.service_client("api").await;
    let mut everything = String::new();
    for table in [
        "users",
        "sessions",
        "totp_factors",
        "recovery_codes",
        "signing_keys",
        "service_clients",
        "audit_events",
    ] {
        let query = format!("SELECT coalesce(string_agg(row_to_json(t)::text, ' '), '') AS dump FROM {table} t");
        let dump = diesel::sql_query(query)
            .get_result::<Dump>(&mut app.database.connect())
            .unwrap()
            .dump;
        assert!(!dump.is_empty(), "{table} is empty, so this proves nothing");
        everything.push_str(&dump);
    }
    let secret = base32::decode(base32::Alphabet::Rfc4648 { padding: false }, &signed_in.person.secret).unwrap();
    let hex = secret
        .iter()
        .fold(String::new(), |text, byte| format!("{text}{byte:02x}"));
    let mut secrets = vec![
        PASSWORD.to_owned(),
        signed_in.person.secret.clone(),
        hex,
        pending,
        signed_in.access_token,
        signed_in.refresh_token,
    ];
    secrets.extend(
        signed_in
            .recovery_codes
            .iter()
            .flat_map(|code| [code.clone(), code.replace('-', "")]),
    );
    for secret in secrets {
        assert!(!everything.contains(&secret), "a secret is stored in clear");
    }
    assert!(!everything.contains("vcs_") && !everything.contains(&client));
    assert!(everything.contains("$2b$04$"));
}
