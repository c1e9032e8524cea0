//! Documents, requests and what does not fit.

use super::*;
use crate::content::Wrong;
use crate::parameter::Given;
use http::{HeaderMap, HeaderName, HeaderValue};

const PETS: &str = r##"
openapi: 3.0.3
info: { title: Pets, version: "1" }
servers:
  - url: https://api.example.com/{version}
    variables: { version: { default: v1 } }
paths:
  /pets:
    get:
      parameters:
        - { name: limit, in: query, schema: { type: integer, minimum: 1, maximum: 100 } }
        - { name: tag, in: query, schema: { type: array, items: { type: string, enum: [cat, dog] }, maxItems: 2 } }
        - { name: ids, in: query, explode: false, schema: { type: array, items: { type: integer } } }
        - { name: q, in: query, allowEmptyValue: true, schema: { type: string, minLength: 2 } }
        - { name: X-Tenant, in: header, required: true, schema: { type: string, pattern: "^[a-z]+$" } }
        - { name: wide, in: cookie, schema: { type: boolean } }
      responses:
        "200": { description: ok, content: { application/json: { schema: { type: array, items: { $ref: "#/components/schemas/Pet" } } } } }
        4XX: { description: wrong }
    post:
      requestBody:
        required: true
        content:
          application/json: { schema: { $ref: "#/components/schemas/Pet" } }
          text/plain: {}
      responses: { "201": { description: ok } }
  /pets/{id}:
    parameters:
      - { name: id, in: path, required: true, schema: { type: integer } }
    get: { responses: { default: { description: ok } } }
  /pets/mine:
    get: { responses: { default: { description: ok } } }
components:
  schemas:
    Pet:
      type: object
      required: [name, id]
      additionalProperties: false
      properties:
        id: { type: integer, readOnly: true }
        name: { type: string, minLength: 1 }
        tag: { type: string, nullable: true }
"##;

fn pets() -> Api {
    Api::read(PETS.as_bytes()).unwrap_or_else(|problems| panic!("{problems:#?}"))
}

/// The places of what does not fit in the head of `METHOD /path?query|name: value|…`; `None` if nothing describes it.
fn misfits(api: &Api, text: &str) -> Option<Vec<String>> {
    let mut parts = text.split('|');
    let (method, target) = parts.next().and_then(|line| line.split_once(' ')).expect("a line");
    let mut headers = HeaderMap::new();
    for part in parts {
        let (name, value) = part.split_once(": ").expect("a header");
        let name: HeaderName = name.parse().expect("a name");
        headers.append(name, HeaderValue::from_str(value).expect("a value"));
    }
    let (path, query) = target.split_once('?').map_or((target, None), |(path, query)| (path, Some(query)));
    let method: Method = method.parse().expect("a method");
    let Found::Operation(operation, values) = api.operation(&method, path) else { return None };
    let has_body = headers.contains_key("content-length");
    let found = operation.request(&Given { path: values, query, headers: &headers }, has_body);
    Some(found.into_iter().map(|misfit| misfit.place).collect())
}

#[test]
fn heads_fit_or_are_told_place_by_place() {
    let api = pets();
    let tenant = "|x-tenant: acme";
    let rows: &[(&str, Option<&[&str]>)] = &[
        ("GET /v1/pets|x-tenant: acme", Some(&[])),
        ("GET /pets|x-tenant: acme", None),
        ("GET /v1/other", None),
        ("DELETE /v1/pets", None),
        ("HEAD /v1/pets/7", Some(&[])),
        ("GET /v1/pets", Some(&["header.x-tenant"])),
        ("GET /v1/pets|x-tenant: A", Some(&["header.x-tenant"])),
        ("GET /v1/pets?limit=7|x-tenant: a", Some(&[])),
        ("GET /v1/pets?limit=0|x-tenant: a", Some(&["query.limit"])),
        ("GET /v1/pets?limit=x|x-tenant: a", Some(&["query.limit"])),
        ("GET /v1/pets?limit=|x-tenant: a", Some(&["query.limit"])),
        ("GET /v1/pets?limit=1&limit=2|x-tenant: a", Some(&["query.limit"])),
        ("GET /v1/pets?l%69mit=0|x-tenant: a", Some(&["query.limit"])),
        ("GET /v1/pets?tag=cat&tag=dog|x-tenant: a", Some(&[])),
        ("GET /v1/pets?tag=cat&tag=cow|x-tenant: a", Some(&["query.tag/1"])),
        ("GET /v1/pets?tag=cat&tag=dog&tag=cat|x-tenant: a", Some(&["query.tag"])),
        ("GET /v1/pets?ids=1,2,3|x-tenant: a", Some(&[])),
        ("GET /v1/pets?ids=1,x|x-tenant: a", Some(&["query.ids/1"])),
        ("GET /v1/pets?q|x-tenant: a", Some(&[])),
        ("GET /v1/pets?q=a|x-tenant: a", Some(&["query.q"])),
        ("GET /v1/pets?q=a+b&other=1|x-tenant: a", Some(&[])),
        ("GET /v1/pets|x-tenant: a|cookie: a=b; wide=true", Some(&[])),
        ("GET /v1/pets|x-tenant: a|cookie: wide=maybe", Some(&["cookie.wide"])),
        ("GET /v1/pets/7", Some(&[])),
        ("GET /v1/pets/mine", Some(&[])),
        ("GET /v1/pets/x", Some(&["path.id"])),
        ("POST /v1/pets", Some(&["body"])),
        ("POST /v1/pets|content-length: 2", Some(&["header.content-type"])),
        ("POST /v1/pets|content-length: 2|content-type: text/xml", Some(&["header.content-type"])),
        ("POST /v1/pets|content-length: 2|content-type: Application/JSON; charset=utf-8", Some(&[])),
        ("POST /v1/pets|content-length: 2|content-type: text/plain", Some(&[])),
    ];
    for (text, expected) in rows {
        let found = misfits(&api, text);
        let found = found.as_ref().map(|places| places.iter().map(String::as_str).collect::<Vec<_>>());
        assert_eq!(found.as_deref(), *expected, "{text}");
    }
    assert!(misfits(&api, &format!("GET /v1/pets?limit=0{tenant}&x=s3cret")).is_some());
}

#[test]
fn bodies_of_requests_and_answers_fit_or_are_told() {
    let api = pets();
    let Found::Operation(post, _) = api.operation(&Method::POST, "/v1/pets") else {
        panic!("it is described")
    };
    for (body, expected) in [
        (r#"{"name":"Tom"}"#, Ok(())),
        (r#"{"name":"Tom","tag":null}"#, Ok(())),
        (r#"{"name":""}"#, Err("body/name")),
        (r#"{"tag":"x"}"#, Err("body")),
        (r#"{"name":"Tom","more":1}"#, Err("body")),
        ("[]", Err("body")),
        (r#"{"name":"#, Err("body")),
    ] {
        let found = post.check_body("application/json", body.as_bytes()).map_err(|wrong| match wrong {
            Wrong::Malformed(misfit) => misfit.place,
            Wrong::Unfit(misfits) => misfits[0].place.clone(),
        });
        assert_eq!(found.as_ref().map_err(String::as_str).copied(), expected, "{body}");
    }
    assert_eq!(post.check_body("text/plain", b"anything"), Ok(()));
    let Found::Operation(get, _) = api.operation(&Method::GET, "/v1/pets") else { panic!("it is described") };
    let answer = get.answer(200).expect("it is described");
    assert!(answer.reads("application/json"));
    assert_eq!(answer.check("body", "application/json", br#"[{"id":1,"name":"Tom"}]"#), Ok(()));
    assert!(
        answer.check("body", "application/json", br#"[{"name":"Tom"}]"#).is_err(),
        "answers have what is only read"
    );
    assert!(get.answer(404).is_some_and(crate::content::Content::is_empty) && get.answer(500).is_none());
}

#[test]
fn documents_that_are_not_understood_are_refused_with_places() {
    let with = |paths: &str| format!("openapi: 3.1.0\npaths:\n{paths}");
    for (text, part) in [
        ("openapi: 2.0.0\n".to_owned(), "openapi is \"2.0.0\""),
        ("swagger: '2.0'\n".to_owned(), "openapi is \"\""),
        (
            with("  /a: { get: { parameters: [{ name: x, in: query, style: deepObject, schema: {} }] } }\n"),
            "#/paths/~1a/get/parameters/0: the style",
        ),
        (
            with("  /a: { get: { parameters: [{ name: x, in: query, schema: { type: object } }] } }\n"),
            "objects are not read",
        ),
        (with("  /a: { get: { parameters: [{ name: x, in: query, content: {} }] } }\n"), "with content"),
        (with("  /a: { get: { parameters: [{ name: x, in: body }] } }\n"), "none of path"),
        (with("  /a/{id}: { get: {} }\n"), "{id} is no parameter"),
        (with("  /a: { get: { servers: [{ url: / }] } }\n"), "servers of an operation"),
        (with("  /a: { get: { parameters: [{ $ref: 'other.yaml#/x' }] } }\n"), "leads out of the document"),
        (with("  /a: { get: { parameters: [{ $ref: '#/none' }] } }\n"), "leads nowhere"),
        (
            with(
                "  /a: { post: { requestBody: { content: { application/json: { schema: { type: strin } } } } } }\n",
            ),
            "#/paths/~1a/post/requestBody",
        ),
        (with("  /a{b}{c}: {}\n"), "one part of a segment"),
        ("[".to_owned(), "no YAML"),
    ] {
        let problems = Api::read(text.as_bytes()).expect_err(&text).join("\n");
        assert!(problems.contains(part), "{part}: {problems}");
    }
}

proptest::proptest! {
    #[test]
    fn any_request_is_judged(path in "/v1(/[a-z0-9%]{0,4}){0,3}", query in "[a-z=&%+,0-9]{0,30}", body: Vec<u8>) {
        static API: std::sync::OnceLock<Api> = std::sync::OnceLock::new();
        let api = API.get_or_init(pets);
        for method in [Method::GET, Method::POST] {
            if let Found::Operation(operation, values) = api.operation(&method, &path) {
                operation.request(&Given { path: values, query: Some(&query), headers: &HeaderMap::new() }, true);
                let _ = operation.check_body("application/json", &body);
            }
        }
    }
}
