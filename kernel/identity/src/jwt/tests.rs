//! Tokens that are good, and every way in which one is not.

use base64ct::{Base64UrlUnpadded, Encoding as _};
use jsonwebtoken::{EncodingKey, Header};
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
use serde_json::json;

use super::*;

const NOW_MS: i64 = 1_700_000_000_000;
const NOW: i64 = NOW_MS / 1_000;
const SECRET: &[u8] = b"0123456789abcdef0123456789abcdef";

/// A key pair of ES256: what signs, and the public key as JSON.
fn pair(id: &str) -> (EncodingKey, Value) {
    let random = SystemRandom::new();
    let document = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random).unwrap();
    let pair =
        EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, document.as_ref(), &random).unwrap();
    let point = &pair.public_key().as_ref()[1..];
    let part = |bytes: &[u8]| Base64UrlUnpadded::encode_string(bytes);
    let jwk = json!({
        "kty": "EC", "crv": "P-256", "alg": "ES256", "use": "sig", "kid": id,
        "x": part(&point[..32]), "y": part(&point[32..]),
    });
    (EncodingKey::from_ec_der(document.as_ref()), jwk)
}

fn verifier(jwk: &Value, secret: Option<&[u8]>, scope: Option<&str>) -> Verifier {
    let settings = Settings {
        issuer: "https://issuer".to_owned(),
        audience: "bole".to_owned(),
        user_claim: "sub".to_owned(),
        scope: scope.map(str::to_owned),
    };
    let verifier = Verifier::new(settings, secret).unwrap();
    assert_eq!(verifier.set_keys(&json!({ "keys": [jwk, {"kty": "new"}] }).to_string()), Ok(1));
    verifier
}

fn claims(change: &Value) -> Value {
    let mut claims = json!({ "iss": "https://issuer", "aud": "bole", "sub": "ann", "exp": NOW + 600 });
    for (name, value) in change.as_object().unwrap() {
        claims[name] = value.clone();
    }
    claims
}

fn sign(algorithm: Algorithm, id: Option<&str>, claims: &Value, key: &EncodingKey) -> String {
    let mut header = Header::new(algorithm);
    header.kid = id.map(str::to_owned);
    jsonwebtoken::encode(&header, claims, key).unwrap()
}

#[test]
fn claims_are_checked() {
    let (key, jwk) = pair("one");
    let verifier = verifier(&jwk, None, Some("streams"));
    let scope = "a streams b";
    for (change, expected) in [
        (json!({ "scope": scope }), Ok(NOW_MS + 600_000)),
        (json!({ "scp": ["streams"] }), Ok(NOW_MS + 600_000)),
        (json!({ "scope": scope, "aud": ["other", "bole"] }), Ok(NOW_MS + 600_000)),
        (json!({ "scope": scope, "exp": NOW - 29 }), Ok(NOW_MS - 29_000)),
        (json!({ "scope": scope, "nbf": NOW + 29 }), Ok(NOW_MS + 600_000)),
        (json!({ "scope": scope, "exp": NOW - 30 }), Err("has expired")),
        (json!({ "scope": scope, "exp": null }), Err("no time at which it expires")),
        (json!({ "scope": scope, "exp": "never" }), Err("no time at which it expires")),
        (json!({ "scope": scope, "nbf": NOW + 31 }), Err("not good yet")),
        (json!({ "scope": scope, "iat": NOW + 31 }), Err("not good yet")),
        (json!({ "scope": scope, "nbf": "x" }), Err("nbf is no time")),
        (json!({ "scope": scope, "iss": "https://other" }), Err("another issuer")),
        (json!({ "scope": scope, "iss": null }), Err("another issuer")),
        (json!({ "scope": scope, "aud": "other" }), Err("another audience")),
        (json!({ "scope": scope, "aud": null }), Err("another audience")),
        (json!({ "scope": "streams2" }), Err("lacks the scope \"streams\"")),
        (json!({}), Err("lacks the scope \"streams\"")),
        (json!({ "scope": scope, "sub": "" }), Err("names no user")),
        (json!({ "scope": scope, "sub": 7 }), Err("names no user")),
    ] {
        let outcome = verifier.verify(&sign(Algorithm::ES256, Some("one"), &claims(&change), &key), NOW_MS);
        match (&outcome, expected) {
            (Ok(token), Ok(expires_ms)) => {
                assert_eq!((token.subject.as_str(), token.expires_ms), ("ann", expires_ms));
            }
            (Err(text), Err(part)) => assert!(text.contains(part), "{change}: {text}"),
            _ => panic!("{change}: {outcome:?}"),
        }
    }
}

#[test]
fn signatures_are_checked() {
    let (key, jwk) = pair("one");
    let (other, _) = pair("one");
    let (verifier, with_secret) = (verifier(&jwk, None, None), verifier(&jwk, Some(SECRET), None));
    let good = claims(&json!({}));
    let es256 = sign(Algorithm::ES256, Some("one"), &good, &key);
    let parts: Vec<&str> = es256.split('.').collect();
    let encode = |value: &Value| Base64UrlUnpadded::encode_string(value.to_string().as_bytes());
    let none = format!("{}.{}.", encode(&json!({"alg": "none"})), parts[1]);
    let forged = format!("{}.{}.{}", parts[0], encode(&claims(&json!({"sub": "root"}))), parts[2]);
    // The public key taken for a secret: what the confusion of algorithms is about.
    let public = Base64UrlUnpadded::decode_vec(jwk["x"].as_str().unwrap()).unwrap();
    let confused = sign(Algorithm::HS256, Some("one"), &good, &EncodingKey::from_secret(&public));
    let hs256 = sign(Algorithm::HS256, None, &good, &EncodingKey::from_secret(SECRET));
    let hs512 = sign(Algorithm::HS512, None, &good, &EncodingKey::from_secret(SECRET));
    for (verifier, token, expected) in [
        (&verifier, es256.clone(), None),
        (&verifier, sign(Algorithm::ES256, None, &good, &key), None),
        (&with_secret, hs256.clone(), None),
        (&with_secret, es256.clone(), None),
        (&verifier, hs256, Some("HS256 are not taken")),
        (&verifier, confused.clone(), Some("HS256 are not taken")),
        (&with_secret, confused, Some("InvalidSignature")),
        (&with_secret, hs512, Some("no key for HS512")),
        (&verifier, none, Some("header")),
        (&verifier, forged, Some("InvalidSignature")),
        (&verifier, format!("{}.{}.", parts[0], parts[1]), Some("InvalidSignature")),
        (&verifier, sign(Algorithm::ES256, Some("one"), &good, &other), Some("InvalidSignature")),
        (&verifier, sign(Algorithm::ES256, Some("two"), &good, &key), Some("id \"two\"")),
        (&verifier, "a.b".to_owned(), Some("header")),
        (&verifier, String::new(), Some("header")),
    ] {
        let error = verifier.verify(&token, NOW_MS).err();
        match (&error, expected) {
            (Some(text), Some(part)) => assert!(text.contains(part), "{token}: {text} lacks {part}"),
            _ => assert_eq!(error.as_deref(), expected, "{token}"),
        }
    }
}

#[test]
fn key_sets_and_secrets() {
    let (_, jwk) = pair("one");
    let verifier = verifier(&jwk, None, None);
    let mut encrypting = jwk.clone();
    encrypting["use"] = json!("enc");
    for (text, part) in [
        ("{".to_owned(), "not JSON"),
        ("{}".to_owned(), "no \"keys\""),
        (r#"{"keys":[]}"#.to_owned(), "0 public keys"),
        (r#"{"keys":[{"kty":"oct","k":"AAAA"}]}"#.to_owned(), "0 public keys"),
        (json!({ "keys": [encrypting] }).to_string(), "0 public keys"),
        (json!({ "keys": vec![jwk; 65] }).to_string(), "65 public keys"),
    ] {
        let error = verifier.set_keys(&text).unwrap_err();
        assert!(error.contains(part), "{error}");
    }
    assert!(Verifier::new(verifier.settings, Some(b"short")).is_err());
}

#[test]
fn claims_have_words() {
    let (key, jwk) = pair("one");
    let verifier = verifier(&jwk, None, None);
    for (claim, expected) in [
        (json!("reader"), vec!["reader"]),
        (json!("reader, writer admin"), vec!["reader", "writer", "admin"]),
        (json!(["reader", "", 7, "writer"]), vec!["reader", "writer"]),
        (json!({ "a": "reader" }), vec![]),
        (json!(null), vec![]),
    ] {
        let token = sign(Algorithm::ES256, Some("one"), &claims(&json!({ "roles": claim })), &key);
        assert_eq!(verifier.verify(&token, NOW_MS).unwrap().words("roles"), expected, "{claim}");
    }
}
