//! Values of each type there and back, and what the server says of types.

use crate::checks::Checks;
use crate::connect;
use chrono::{DateTime, NaiveDate, NaiveDateTime, NaiveTime, Utc};
use serde_json::{Value, json};
use std::fmt::Debug;
use tokio_postgres::types::{FromSqlOwned, ToSql, Type};
use tokio_postgres::{Client, Error};
use uuid::Uuid;

async fn same<T: ToSql + FromSqlOwned + PartialEq + Debug + Sync>(
    checks: &mut Checks,
    client: &Client,
    kind: &str,
    value: T,
) {
    let got = client
        .query_one(&format!("SELECT $1::{kind}"), &[&value])
        .await
        .and_then(|row| row.try_get::<_, T>(0));
    checks.equal(&format!("{kind} {value:.40?}"), got.map_err(|error| error.to_string()), Ok(value));
}

pub async fn values(checks: &mut Checks) -> Result<(), Error> {
    let client = connect().await?;
    same(checks, &client, "bool", true).await;
    same(checks, &client, "int2", i16::MIN).await;
    same(checks, &client, "int4", i32::MAX).await;
    same(checks, &client, "int8", i64::MIN).await;
    same(checks, &client, "float4", 1.5_f32).await;
    same(checks, &client, "float8", 1e-300).await;
    same(checks, &client, "float8", f64::INFINITY).await;
    for text in ["", "abc", "ä'\"\\ 日本\n\t"] {
        same(checks, &client, "text", text.to_owned()).await;
        same(checks, &client, "varchar", text.to_owned()).await;
    }
    same(checks, &client, "bytea", vec![0_u8, 255, 92]).await;
    same(checks, &client, "uuid", Uuid::from_u128(0xa0ee_bc99)).await;
    same(checks, &client, "json", json!({"a": [1, null]})).await;
    same(checks, &client, "jsonb", json!({"b": "é", "a": 1.5})).await;
    same(checks, &client, "int4[]", vec![Some(1), None, Some(-3)]).await;
    same(checks, &client, "text[]", vec!["a".to_owned(), String::new(), "b,c".to_owned()]).await;
    same(checks, &client, "jsonb[]", vec![json!(1), json!("x")]).await;
    same(checks, &client, "text", None::<String>).await;
    let date = NaiveDate::from_ymd_opt(2024, 2, 29).expect("a leap year");
    let time = NaiveTime::from_hms_micro_opt(23, 59, 59, 999_999).expect("a time");
    same(checks, &client, "date", date).await;
    same(checks, &client, "time", time).await;
    same(checks, &client, "timestamp", NaiveDateTime::new(date, time)).await;
    same(
        checks,
        &client,
        "timestamptz",
        DateTime::<Utc>::from_naive_utc_and_offset(NaiveDateTime::new(date, time), Utc),
    )
    .await;
    same(checks, &client, "\"char\"", 120_i8).await;
    same(checks, &client, "oid", 4_000_000_000_u32).await;
    Ok(())
}

pub async fn types(checks: &mut Checks) -> Result<(), Error> {
    let client = connect().await?;
    let statement = client
        .prepare("SELECT $1 + 1, $2 || 'x', $3::date, coalesce($4, 1.5), $5 = ANY(ARRAY[1, 2])")
        .await?;
    checks.equal(
        "parameters",
        statement.params().to_vec(),
        vec![Type::INT4, Type::TEXT, Type::DATE, Type::NUMERIC, Type::INT4],
    );
    let columns: Vec<Type> = statement.columns().iter().map(|column| column.type_().clone()).collect();
    checks.equal("columns", columns, vec![Type::INT4, Type::TEXT, Type::DATE, Type::NUMERIC, Type::BOOL]);
    client
        .batch_execute(
            "DROP TYPE IF EXISTS rust_mood CASCADE; CREATE TYPE rust_mood AS ENUM ('sad', 'happy')",
        )
        .await?;
    let statement = client.prepare("SELECT 'happy'::rust_mood, ARRAY['sad']::rust_mood[]").await?;
    let kinds: Vec<String> = statement
        .columns()
        .iter()
        .map(|column| format!("{} {:?}", column.type_().name(), column.type_().kind()))
        .collect();
    checks.equal("an enum", kinds[0].as_str(), r#"rust_mood Enum(["sad", "happy"])"#);
    checks.equal("an array of enums", kinds[1].starts_with("_rust_mood Array"), true);
    let row = client
        .query_one("SELECT 1::int2 AS a, 2::int8 AS b, now() AS c, '1'::jsonb AS d, 'x'::char(3) AS e", &[])
        .await?;
    let names: Vec<&str> = row.columns().iter().map(|column| column.name()).collect();
    checks.equal("names", names, vec!["a", "b", "c", "d", "e"]);
    checks.equal("a value by name", row.get::<_, Value>("d"), json!(1));
    Ok(())
}
