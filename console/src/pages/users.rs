//! Users, their roles and access keys, and what roles allow.

use std::sync::Arc;

use axum::Router;
use axum::http::Method;
use axum::response::Response;
use axum::routing::{get, post};
use maud::{Markup, html};
use serde_json::{Value, json};

use crate::Console;
use crate::node::Fault;
use crate::page::{Section, area, change, cut, facts, field, hidden, removal, state, table};
use crate::request::{Fields, Sent, Visitor, named};
use crate::show::{link, list as items, string};

const SECTION: Section = Section::Users;

pub(super) fn router() -> Router<Arc<Console>> {
    Router::new()
        .route("/users", get(list))
        .route("/users/add", post(add))
        .route("/users/user", get(one))
        .route("/users/change", post(update))
        .route("/users/password", post(password))
        .route("/users/remove", post(remove))
        .route("/users/key/remove", post(remove_key))
        .route("/users/role", get(role))
        .route("/users/role/put", post(put_role))
        .route("/users/role/remove", post(remove_role))
}

fn here() -> String {
    link("/users", &[])
}

fn user_link(name: &str) -> String {
    link("/users/user", &[("name", name)])
}

/// Words with commas or blanks between them.
fn words(text: &str) -> Vec<&str> {
    text.split([',', ' ']).filter(|word| !word.is_empty()).collect()
}

fn joined(value: &Value) -> String {
    items(value).iter().map(string).collect::<Vec<_>>().join(", ")
}

/// `GET /console/users`
async fn list(visitor: Visitor) -> Response {
    let body = list_body(&visitor).await;
    visitor.show(SECTION, "Users", body)
}

async fn list_body(visitor: &Visitor) -> Result<Markup, Fault> {
    let users = visitor.read("/api/users").await?;
    let roles = visitor.read("/api/roles").await?;
    let cut = cut(items(&users), visitor.query.number("page", 0)?, |page| {
        link("/users", &[("page", &page.to_string())])
    });
    let user = |user: &Value| {
        let name = string(&user["name"]);
        vec![
            html! { a href=(user_link(name)) { (name) } },
            html! { (joined(&user["roles"])) },
            state(if user["enabled"] == true { "enabled" } else { "disabled" }),
            html! { (items(&user["access_keys"]).len()) },
        ]
    };
    let role = |role: &Value| {
        let name = string(&role["name"]);
        vec![
            html! { a href=(link("/users/role", &[("name", name)])) { (name) } },
            html! { (items(&role["policies"]).iter().map(|policy| string(&policy["name"])).collect::<Vec<_>>().join(", ")) },
        ]
    };
    Ok(html! {
        (table("Users", &["user", "roles", "state", "access keys"], &cut.rows.iter().map(user).collect::<Vec<_>>()))
        (cut.links)
        h2 { "Add a user" }
        (change(visitor, "/users/add", &html! {
            (field("Name", "name", "", "ann"))
            (password_field("Password"))
            (field("Roles; empty for administrator", "roles", "", "reader, writer"))
        }, "Add"))
        (table("Roles", &["role", "policies"], &items(&roles).iter().take(crate::limits::ROWS_MAX).map(role).collect::<Vec<_>>()))
        h2 { "Put a role" }
        (role_form(visitor, "", EXAMPLE))
    })
}

/// A role's policies to begin with.
const EXAMPLE: &str = r#"[
  {
    "name": "read keys",
    "statements": [
      { "effect": "allow", "service": "keyspace", "actions": ["read"], "resources": ["default/keyspace/*"] }
    ]
  }
]"#;

fn password_field(label: &str) -> Markup {
    html! { label { (label) input type="password" name="password" required autocomplete="new-password"; } }
}

/// `POST /console/users/add`
async fn add(Sent { visitor, form }: Sent) -> Response {
    let outcome = async {
        let name = form.needed("name")?;
        let user =
            json!({ "name": name, "password": form.needed("password")?, "roles": words(form.get("roles")) });
        visitor.ask(Method::POST, "/api/users", Some(&user)).await?;
        Ok(format!("user {name} added"))
    };
    let outcome = outcome.await;
    visitor.after(SECTION, "Users", outcome, &here())
}

/// `GET /console/users/user?name=`
async fn one(visitor: Visitor) -> Response {
    let body = one_body(&visitor).await;
    visitor.show(SECTION, &format!("User {}", visitor.query.get("name")), body)
}

async fn one_body(visitor: &Visitor) -> Result<Markup, Fault> {
    let name = visitor.query.needed("name")?;
    let users = visitor.read("/api/users").await?;
    let user = items(&users).iter().find(|user| user["name"] == name);
    let user = user.ok_or_else(|| Fault::missing(format!("user \"{name}\" does not exist")))?;
    let is_enabled = user["enabled"] == true;
    let roles = joined(&user["roles"]);
    Ok(html! {
        p { a href=(here()) { "Users" } }
        (facts(&[
            ("State", state(if is_enabled { "enabled" } else { "disabled" })),
            ("Roles", html! { (roles) }),
        ]))
        h2 { "Change" }
        (change(visitor, "/users/change", &html! { (hidden("name", name)) (field("Roles", "roles", &roles, "")) }, "Set roles"))
        (change(visitor, "/users/change", &html! {
            (hidden("name", name)) (hidden("enabled", if is_enabled { "no" } else { "yes" }))
        }, if is_enabled { "Disable" } else { "Enable" }))
        (change(visitor, "/users/password", &html! { (hidden("name", name)) (password_field("Another password")) }, "Set password"))
        h2 { "Access keys" }
        @for id in items(&user["access_keys"]).iter().map(string) {
            p .mono { (id) }
            (removal(visitor, "/users/key/remove", &[("name", name), ("id", id)], "Take the key away"))
        }
        p .soft { "Secrets are not shown in pages: " code { "bole user key add " (name) } " makes a key and prints its secret once." }
        h2 { "Remove" }
        (removal(visitor, "/users/remove", &[("name", name)], "Remove the user"))
    })
}

async fn patch(visitor: &Visitor, form: &Fields, change: &Value) -> Result<(), Fault> {
    visitor.ask(Method::PATCH, &named("/api/users", form.needed("name")?), Some(change)).await.map(drop)
}

/// `POST /console/users/change`
async fn update(Sent { visitor, form }: Sent) -> Response {
    let name = form.get("name");
    let outcome = async {
        let (change, what) = match form.get("enabled") {
            "" => (json!({ "roles": words(form.get("roles")) }), "has other roles".to_owned()),
            "yes" => (json!({ "enabled": true }), "is enabled".to_owned()),
            _ => (json!({ "enabled": false }), "is disabled".to_owned()),
        };
        patch(&visitor, &form, &change).await?;
        Ok(format!("user {name} {what}"))
    };
    let outcome = outcome.await;
    visitor.after(SECTION, "Users", outcome, &user_link(name))
}

/// `POST /console/users/password`: ends the sessions of that user.
async fn password(Sent { visitor, form }: Sent) -> Response {
    let name = form.get("name");
    let outcome = async {
        patch(&visitor, &form, &json!({ "password": form.needed("password")? })).await?;
        Ok(format!("user {name} has another password"))
    };
    let outcome = outcome.await;
    visitor.after(SECTION, "Users", outcome, &user_link(name))
}

/// `POST /console/users/remove`
async fn remove(Sent { visitor, form }: Sent) -> Response {
    let outcome = async {
        form.sure()?;
        let name = form.needed("name")?;
        visitor.ask(Method::DELETE, &named("/api/users", name), None).await?;
        Ok(format!("user {name} removed"))
    };
    let outcome = outcome.await;
    visitor.after(SECTION, "Users", outcome, &here())
}

/// `POST /console/users/key/remove`
async fn remove_key(Sent { visitor, form }: Sent) -> Response {
    let outcome = async {
        form.sure()?;
        let (name, id) = (form.needed("name")?, form.needed("id")?);
        let path = named(&format!("{}/keys", named("/api/users", name)), id);
        visitor.ask(Method::DELETE, &path, None).await?;
        Ok(format!("access key {id} of {name} taken away"))
    };
    let outcome = outcome.await;
    visitor.after(SECTION, "Users", outcome, &user_link(form.get("name")))
}

/// `GET /console/users/role?name=`
async fn role(visitor: Visitor) -> Response {
    let body = role_body(&visitor).await;
    visitor.show(SECTION, &format!("Role {}", visitor.query.get("name")), body)
}

async fn role_body(visitor: &Visitor) -> Result<Markup, Fault> {
    let name = visitor.query.needed("name")?;
    let roles = visitor.read("/api/roles").await?;
    let role = items(&roles).iter().find(|role| role["name"] == name);
    let role = role.ok_or_else(|| Fault::missing(format!("role \"{name}\" does not exist")))?;
    let text = serde_json::to_string_pretty(&role["policies"]).unwrap_or_default();
    Ok(html! {
        p { a href=(here()) { "Users" } }
        (role_form(visitor, name, &text))
        (removal(visitor, "/users/role/remove", &[("name", name)], "Remove the role"))
    })
}

fn role_form(visitor: &Visitor, name: &str, text: &str) -> Markup {
    change(
        visitor,
        "/users/role/put",
        &html! {
            @if name.is_empty() { (field("Name", "name", "", "reader")) } @else { (hidden("name", name)) }
            (area("Policies, as JSON", "policies", text, text.lines().count().clamp(6, 30)))
        },
        "Put",
    )
}

/// `POST /console/users/role/put`
async fn put_role(Sent { visitor, form }: Sent) -> Response {
    let outcome = async {
        let name = form.needed("name")?;
        let body = form.get("policies").as_bytes().to_vec();
        visitor.call(Method::PUT, &named("/api/roles", name), "application/json", body).await?;
        Ok(format!("role {name} put"))
    };
    let outcome = outcome.await;
    visitor.after(SECTION, "Users", outcome, &here())
}

/// `POST /console/users/role/remove`
async fn remove_role(Sent { visitor, form }: Sent) -> Response {
    let outcome = async {
        form.sure()?;
        let name = form.needed("name")?;
        visitor.ask(Method::DELETE, &named("/api/roles", name), None).await?;
        Ok(format!("role {name} removed"))
    };
    let outcome = outcome.await;
    visitor.after(SECTION, "Users", outcome, &here())
}
