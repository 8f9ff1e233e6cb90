//! `vestibule keys rewrap` beside a service that runs: cut off, run again, and the old master key is needed no more.

use std::thread;

use serde_json::Value;

use super::instances::{MASTER_KEY, instance};
use super::person::Person;
use super::postgres::Database;
use super::process::eventually;
use super::program::Launch;
use super::user_import::{import, many};

const NEW_KEY: &str = "//////////////////////////////////////////8=";
const OLD_ROWS: &str = "SELECT count(*) FROM totp_factors WHERE get_byte(sealed_secret, 0) = 1";

fn under(database: &Database, launch: Launch, keys: &str) -> Launch {
    launch
        .env("DATABASE_URL", database.url())
        .env("VESTIBULE_MASTER_KEY", keys)
}

fn rewrap(database: &Database, keys: &str) -> Launch {
    under(database, Launch::of("keys"), keys).args(["rewrap", "--json"])
}

#[test]
fn it_is_cut_off_and_run_again_while_people_sign_in() {
    let database = Database::create();
    import(&database, &many(3000), &[]).expect(0);
    let both = format!("2:{NEW_KEY},1:{MASTER_KEY}");
    let program = under(&database, instance(database.url()), &both).start();
    let client = program.ready();
    let (jo, tokens) = Person::sign_up(&client);
    let busy = thread::spawn(move || {
        // People come and go while everything is sealed anew.
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
    assert_eq!(report[0]["sealed_anew"], left, "{report}");
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
