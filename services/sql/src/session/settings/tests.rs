use super::*;

/// What `SHOW` says after `SET`, as PostgreSQL 15 does; or the SQLSTATE.
#[test]
fn values_are_checked_and_shown() {
    for (name, value, expected) in [
        ("datestyle", "german", "German, DMY"),
        ("datestyle", "sql, euro", "SQL, DMY"),
        ("DateStyle", "ymd", "ISO, YMD"),
        ("datestyle", "x", "22023"),
        ("timezone", "europe/berlin", "Europe/Berlin"),
        ("timezone", "utc", "UTC"),
        ("timezone", "-3", "<-03>+03"),
        ("timezone", "Nowhere/X", "22023"),
        ("statement_timeout", "1500", "1500ms"),
        ("statement_timeout", "2min", "2min"),
        ("statement_timeout", "120s", "2min"),
        ("statement_timeout", "0", "0"),
        ("statement_timeout", "-1", "22023"),
        ("statement_timeout", "5 parsecs", "22023"),
        ("default_transaction_read_only", "tr", "on"),
        ("default_transaction_read_only", "o", "22023"),
        ("client_encoding", "utf-8", "UTF8"),
        ("client_encoding", "LATIN1", "0A000"),
        ("standard_conforming_strings", "true", "on"),
        ("standard_conforming_strings", "off", "0A000"),
        ("default_transaction_isolation", "Serializable", "serializable"),
        ("extra_float_digits", "3", "3"),
        ("extra_float_digits", "4", "22023"),
        ("search_path", "a, \"B c\"", "a, \"B c\""),
        ("search_path", "a,,b", "22023"),
        ("server_version", "16", "55P02"),
        ("no_such", "1", "42704"),
        ("my.own", "1", "1"),
        ("client_min_messages", "WARNING", "warning"),
        ("client_min_messages", "fatal", "22023"),
    ] {
        let mut settings = Settings::new(&[]);
        let outcome = settings.set(name, Some(value), false);
        let shown = match &outcome {
            Ok(()) => settings.get(name).unwrap(),
            Err(error) => error.state.as_str(),
        };
        assert_eq!(shown, expected, "{name} = {value}: {outcome:?}");
    }
}

/// What the table says by default is what its own check makes of it.
#[test]
fn defaults_are_canonical() {
    for setting in SETTINGS {
        assert_eq!(
            values::check(setting, setting.default).as_deref(),
            Ok(setting.default),
            "{}",
            setting.name
        );
    }
    let mut names: Vec<String> = SETTINGS.iter().map(|setting| setting.name.to_lowercase()).collect();
    let sorted = {
        names.sort();
        names.clone()
    };
    assert_eq!(names, sorted);
}

#[test]
fn settings_follow_the_transaction() {
    let mut settings = Settings::new(&[]);
    let show = |settings: &Settings| settings.get("lock_timeout").unwrap().to_owned();
    settings.set("lock_timeout", Some("1"), false).unwrap();
    settings.commit();
    assert_eq!(show(&settings), "1ms");
    settings.set("lock_timeout", Some("2"), true).unwrap();
    assert_eq!(show(&settings), "2ms");
    settings.commit();
    assert_eq!(show(&settings), "1ms");
    settings.set("lock_timeout", Some("3"), false).unwrap();
    let mark = settings.mark();
    settings.set("lock_timeout", Some("4"), false).unwrap();
    settings.set("a.b", Some("x"), false).unwrap();
    settings.rollback_to(mark);
    assert_eq!((show(&settings), settings.get("a.b").is_err()), ("3ms".to_owned(), true));
    settings.rollback_to(0);
    assert_eq!(show(&settings), "1ms");
    settings.set("lock_timeout", None, false).unwrap();
    assert_eq!(show(&settings), "0");
    settings.start("lock_timeout", "5").unwrap();
    settings.set("lock_timeout", Some("6"), false).unwrap();
    settings.set("timezone", Some("Asia/Tokyo"), false).unwrap();
    settings.reset_all();
    assert_eq!((show(&settings).as_str(), settings.get("timezone").unwrap()), ("5ms", "UTC"));
}
