//! `vestibule keys rewrap` while a service runs: interrupted, run again, and the old master key is no longer needed.

use std::thread;

use serde_json::Value;

use super::instances::{MASTER_KEY, instance};
use super::person::Person;
use super::postgres::{Database, OpenSession};
use super::process::eventually;
use super::program::Launch;
use super::user_import::{import, many};

const NEW_KEY: &str = "//////////////////////////////////////////8=";
const OTHER_KEY: &str = "HwECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
const OLD_ROWS: &str = "SELECT count(*) FROM totp_factors WHERE get_byte(sealed_secret, 0) = 1";

fn under(database: &Database, launch: Launch, keys: &str) -> Launch {
    launch
        .env("DATABASE_URL", database.url())
        .env("VESTIBULE_MASTER_KEY", keys)
}

fn rewrap(database: &Database, keys: &str) -> Launch {
    under(database, Launch::of("keys"), keys).args(["rewrap", "--yes", "--json"])
}

#[test]
fn it_is_cut_off_and_run_again_while_users_sign_in() {
    let database = Database::create();
    import(&database, &many(3000), &[]).expect(0);
    let both = format!("2:{NEW_KEY},1:{MASTER_KEY}");
    let program = under(&database, instance(database.url()), &both).start();
    let client = program.ready();
    let (jo, tokens) = Person::sign_up(&client);
    let busy = thread::spawn(move || {
        // Users sign up while everything is sealed again.
        (0..5).map(|_| Person::sign_up(&client)).collect::<Vec<_>>()
    });

    let cut_off = rewrap(&database, &both).start();
    eventually("a part of it", || {
        let left: u32 = database.sql(OLD_ROWS).parse().unwrap();
        (left < 3000).then_some(())
    });
    cut_off.kill();
    let left: u32 = database.sql(OLD_ROWS).parse().unwrap();
    let ended = rewrap(&database, &both).run().expect(0);
    let report: Value = serde_json::from_str(&ended.stdout).unwrap();
    assert_eq!(report[0]["column"], "totp_factors.sealed_secret");
    assert_eq!(report[0]["resealed"], left, "{report}");
    assert_eq!(report[0]["not_opened"], 0);
    assert_eq!(database.sql(OLD_ROWS), "0");
    let newcomers = busy.join().unwrap();
    program.stop().expect(0);

    let alone = under(&database, instance(database.url()), &format!("2:{NEW_KEY}")).start();
    let client = alone.ready();
    client.get_as(&tokens.access, "/me").expect(200);
    for (newcomer, tokens) in &newcomers {
        client.get_as(&tokens.access, "/me").expect(200);
        newcomer.log_in(&client);
    }
    jo.sign_in_again(&client);
    alone.stop().expect(0);

    rewrap(&database, &both).run().expect(0);
    rewrap(&database, &format!("9:{MASTER_KEY}"))
        .run()
        .expect(1)
        .saying("the master key with id 2 is not among those given");
}

#[test]
fn it_refuses_to_begin_while_an_instance_lacks_the_newest_key() {
    let database = Database::create();
    import(&database, &many(3), &[]).expect(0);
    let both = format!("2:{NEW_KEY},1:{MASTER_KEY}");
    for (keys, says) in [
        (MASTER_KEY.to_owned(), "has the master key 1 first in its list, not 2"),
        // It could open the rewrapped values, but would still seal with the old key.
        (
            format!("1:{MASTER_KEY},2:{NEW_KEY}"),
            "has the master key 1 first in its list, not 2",
        ),
        // A typing error: another key with the same id.
        (
            format!("2:{OTHER_KEY},1:{MASTER_KEY}"),
            "has another master key with the id 2",
        ),
    ] {
        let lacking = under(&database, instance(database.url()), &keys).start();
        lacking.ready();
        rewrap(&database, &both).run().expect(1).saying(says);
        assert_eq!(database.sql(OLD_ROWS), "3");
        assert_eq!(database.sql("SELECT count(*) FROM retired_keys"), "0");
        lacking.stop().expect(0);
    }
    // A previous release, which does not report its key.
    let older = OpenSession::begin(database.url(), "SET application_name = 'vestibule'");
    rewrap(&database, &both).run().expect(1).saying("an older release");
    drop(older);
    rewrap(&database, &both).run().expect(0);
    assert_eq!(database.sql(OLD_ROWS), "0");
}

#[test]
fn it_asks_before_it_begins() {
    let database = Database::create();
    let unasked = under(&database, Launch::of("keys"), MASTER_KEY).args(["rewrap"]);
    unasked.run().expect(2).saying("add --yes");
    assert_eq!(
        database.sql("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'"),
        "0"
    );
}
