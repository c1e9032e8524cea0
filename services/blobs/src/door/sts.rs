//! Temporary credentials, by the actions of AWS's Security Token Service that make sense here: `POST /` with a form, signed for the service `sts`.
//!
//! | action | |
//! |---|---|
//! | `AssumeRole` | credentials of the caller's own rights, narrowed by a policy, or to one of its roles by `RoleArn` |
//! | `GetSessionToken` | the same, not narrowed |
//! | `AssumeRoleWithWebIdentity` | credentials for the bearer of a token of `blobs.oidc_issuer`; not signed |
//! | `GetCallerIdentity` | who that is |
//!
//! What asks for anything else (another user's rights, MFA, tags of sessions) is refused by name.

use std::sync::Arc;
use std::time::Duration;

use bole_base::Timestamp;
use bole_identity::session::{Of, POLICY_BYTES_MAX, Session};
use hyper::http::Extensions;
use hyper::{HeaderMap, Method, Response, StatusCode, Uri};
use s3s::route::S3Route;
use s3s::{Body, S3Error, S3ErrorCode, S3Request, S3Response, S3Result, s3_error};

use crate::access::request::{Arrived, Head};
use crate::access::{Caller, User};
use crate::protocol::sts::{self, Parameters, Refusal};
use crate::protocol::xml::element;
use crate::rules::calendar;
use crate::rules::policy::{Kind, Policy, Verdict, access, principal};
use crate::service::Service;

/// Bytes of a form: what a token of another system and a policy need.
const FORM_BYTES_MAX: usize = 64 * 1_024;
/// The least that credentials may be asked for, and what they are for when nobody says.
const SESSION_MIN: Duration = Duration::from_mins(15);
const SESSION: Duration = Duration::from_hours(1);
/// Bytes of the name of a session.
const SESSION_NAME_BYTES_MAX: usize = 64;

/// The actions.
const ACTIONS: [&str; 4] =
    ["AssumeRole", "AssumeRoleWithWebIdentity", "GetCallerIdentity", "GetSessionToken"];

/// Whether a request is for this service, and not for S3.
pub(super) fn is_asked(service: &Service, method: &Method, head: &Head<'_>) -> bool {
    let has_form = head.header("content-type").is_some_and(|kind| {
        kind.split(';').next().unwrap_or_default().trim() == "application/x-www-form-urlencoded"
    });
    let names_bucket = head.header("host").is_some_and(|host| service.domains.bucket(host).is_some());
    let asks = has_form || head.parameter("Action").is_some();
    method == Method::POST && head.uri.path() == "/" && asks && !names_bucket
}

/// Writes an error as this service has it: the library writes S3's.
pub(super) fn finish(response: &mut Response<Body>, id: &str) {
    let is_error = response.status().is_client_error() || response.status().is_server_error();
    let text = response.body().bytes().filter(|_| is_error);
    if let Some(body) = text.and_then(|text| sts::error(&String::from_utf8_lossy(&text), id)) {
        response.headers_mut().remove(hyper::header::CONTENT_LENGTH);
        *response.body_mut() = Body::from(body);
    }
}

impl From<Refusal> for S3Error {
    fn from(refusal: Refusal) -> Self {
        let mut error = Self::with_message(S3ErrorCode::Custom(refusal.code.into()), refusal.message);
        if let Ok(status) = StatusCode::from_u16(refusal.status) {
            error.set_status_code(status);
        }
        error
    }
}

/// The service as the library calls it.
pub(super) struct Route(pub(super) Arc<Service>);

#[async_trait::async_trait]
impl S3Route for Route {
    fn is_match(&self, method: &Method, uri: &Uri, headers: &HeaderMap, _: &mut Extensions) -> bool {
        is_asked(&self.0, method, &Head { uri, headers })
    }

    /// Each action judges its caller; one of them has none.
    async fn check_access(&self, _: &mut S3Request<Body>) -> S3Result<()> {
        Ok(())
    }

    async fn call(&self, mut request: S3Request<Body>) -> S3Result<S3Response<Body>> {
        let arrived = request.extensions.get::<Arrived>().cloned();
        let arrived = arrived.ok_or_else(|| s3_error!(InternalError, "the request has no arrival"))?;
        let body = request.input.store_all_limited(FORM_BYTES_MAX).await.map_err(|_| {
            let text = format!(
                "The form is longer than {FORM_BYTES_MAX} bytes, not as it was signed, or did not arrive"
            );
            S3Error::from(Refusal::new("ValidationError", 400, text))
        })?;
        let form = String::from_utf8_lossy(&body);
        let parameters = Parameters::parse(request.uri.query().unwrap_or_default(), &form)?;
        let signed = Signed { service: &self.0, request: &request, arrived: &arrived };
        let action = parameters.needed("Action")?;
        let result = match action {
            "AssumeRole" => assume_role(&signed, &parameters)?,
            "AssumeRoleWithWebIdentity" => assume_with_token(&self.0, &parameters, arrived.at)?,
            "GetCallerIdentity" => caller_identity(&signed, &parameters)?,
            "GetSessionToken" => session_token(&signed, &parameters)?,
            other => {
                let text = format!(
                    "The action {} is not supported; {} are",
                    crate::error::shown(other),
                    ACTIONS.join(", ")
                );
                return Err(Refusal::new("InvalidAction", 400, text).into());
            }
        };
        let answer = sts::answer(action, &result, &arrived.request_id);
        let mut response = S3Response::new(Body::from(answer));
        let kind = hyper::header::HeaderValue::from_static("text/xml");
        response.headers.insert(hyper::header::CONTENT_TYPE, kind);
        Ok(response)
    }
}

/// A request as it was signed.
struct Signed<'a> {
    service: &'a Service,
    request: &'a S3Request<Body>,
    arrived: &'a Arrived,
}

impl Signed<'_> {
    /// Who signed, and with which access key.
    fn caller(&self) -> S3Result<(Caller, &str)> {
        let Some(credentials) = &self.request.credentials else {
            let text = "Request must contain a signature that conforms to AWS standards";
            return Err(Refusal::new("MissingAuthenticationToken", 403, text).into());
        };
        let headers = &self.request.headers;
        let digest = headers.get("x-amz-content-sha256").map(hyper::header::HeaderValue::as_bytes);
        let is_covered = digest.is_none_or(|digest| digest.len() == 64);
        if self.request.service.as_deref() != Some("sts") || !is_covered {
            let text = "Credential should be scoped to correct service: 'sts', and the form be signed";
            return Err(Refusal::new("SignatureDoesNotMatch", 403, text).into());
        }
        let head = Head { uri: &self.request.uri, headers };
        let access_key = credentials.access_key.as_str();
        let caller = self.service.caller(Some(access_key), head.token().as_deref(), &head, self.arrived)?;
        Ok((caller, access_key))
    }

    /// The user whose rights a session may have: one that is no session itself.
    fn lender(&self, action: &str) -> S3Result<(User, &str)> {
        let (caller, access_key) = self.caller()?;
        let denied = |text: String| S3Error::from(Refusal::new("AccessDenied", 403, text));
        let user = caller.user.filter(|_| caller.limits.is_none());
        let user = user.ok_or_else(|| {
            denied(format!("Cannot call {action} with temporary credentials: those do not make others"))
        })?;
        let verdict = self.service.users.verdict(&user.name, action, &access::identity_resource(""));
        if verdict == Verdict::Deny {
            return Err(denied(format!("User {} is not authorized to perform sts:{action}", user.name)));
        }
        Ok((user, access_key))
    }
}

fn assume_role(signed: &Signed<'_>, parameters: &Parameters) -> S3Result<String> {
    parameters.check(&["RoleArn", "RoleSessionName", "DurationSeconds", "Policy"])?;
    let (user, access_key) = signed.lender("AssumeRole")?;
    let role = role(parameters, &user)?;
    let of = Of::User { name: user.name.clone(), access_key: access_key.to_owned(), role };
    let made = begin(signed.service, parameters, of, SESSION, signed.arrived.at)?;
    Ok(assumed(parameters, &user)? + &made)
}

fn session_token(signed: &Signed<'_>, parameters: &Parameters) -> S3Result<String> {
    parameters.check(&["DurationSeconds"])?;
    let (user, access_key) = signed.lender("GetSessionToken")?;
    let of = Of::User { name: user.name, access_key: access_key.to_owned(), role: None };
    begin(signed.service, parameters, of, signed.service.config.session_max, signed.arrived.at)
}

fn caller_identity(signed: &Signed<'_>, parameters: &Parameters) -> S3Result<String> {
    parameters.check(&[])?;
    let (caller, _) = signed.caller()?;
    let user = caller.user.ok_or_else(|| s3_error!(InternalError, "a signature has no user"))?;
    Ok([
        element("Arn", &principal::arn(&user.account, &user.name)),
        element("UserId", &user.canonical),
        element("Account", &user.account),
    ]
    .concat())
}

fn assume_with_token(service: &Service, parameters: &Parameters, now: Timestamp) -> S3Result<String> {
    parameters.check(&["RoleArn", "RoleSessionName", "DurationSeconds", "Policy", "WebIdentityToken"])?;
    let Some(web) = &service.config.web_identity else {
        let text = "No issuer of tokens is configured: `blobs.oidc_issuer`";
        return Err(Refusal::new("InvalidIdentityToken", 400, text).into());
    };
    let invalid = |text: String| Refusal::new("InvalidIdentityToken", 400, text);
    let now_ms = i64::try_from(now.0).unwrap_or(i64::MAX);
    let token = web.verifier.verify(parameters.needed("WebIdentityToken")?, now_ms).map_err(|text| {
        let code = if text.contains("expired") { "ExpiredTokenException" } else { "InvalidIdentityToken" };
        Refusal::new(code, 400, text)
    })?;
    let named = token.words(&web.roles_claim).into_iter().map(str::to_owned);
    let mut roles: Vec<String> = named.filter(|role| service.users.has_role(role)).collect();
    if roles.is_empty() {
        let text = format!("The token's claim {} names no role of this node", web.roles_claim);
        return Err(Refusal::new("AccessDenied", 403, text).into());
    }
    let of = Of::foreign(&token.subject, web.verifier.issuer(), roles.clone());
    let of = of.map_err(|error| invalid(error.to_string()))?;
    let user = User::new(&service.config.account, of.name());
    if let Some(role) = role(parameters, &user)? {
        if !roles.contains(&role) {
            return Err(not_assumed(&role).into());
        }
        roles = vec![role];
    }
    let of = Of::Foreign { name: user.name.clone(), issuer: web.verifier.issuer().to_owned(), roles };
    let made = begin(service, parameters, of, SESSION, now)?;
    Ok([
        assumed(parameters, &user)?,
        made,
        element("Provider", web.verifier.issuer()),
        element("SubjectFromWebIdentityToken", &token.subject),
    ]
    .concat())
}

fn not_assumed(role: &str) -> Refusal {
    let text = format!("The caller has no role \"{}\" that it could assume", crate::error::shown(role));
    Refusal::new("AccessDenied", 403, text)
}

/// The role that a session is narrowed to, from `RoleArn`: `arn:aws:iam::ACCOUNT:role/ROLE`. Nothing where there is none, where it is the caller's
/// own ARN, and where it names no role at all, as tools have it that speak to servers without roles.
fn role(parameters: &Parameters, user: &User) -> Result<Option<String>, Refusal> {
    let Some(arn) = parameters.get("RoleArn") else { return Ok(None) };
    if arn == principal::arn(&user.account, &user.name) {
        return Ok(None);
    }
    let Some((account, resource)) = arn.strip_prefix("arn:aws:iam::").and_then(|rest| rest.split_once(':'))
    else {
        // Who names a role or user in any other way would get more than it asked for.
        if arn.contains('/') {
            return Err(not_assumed(arn));
        }
        return Ok(None);
    };
    match resource.strip_prefix("role/") {
        Some(role) if account.is_empty() || account == user.account => Ok(Some(role.to_owned())),
        _ => Err(not_assumed(arn)),
    }
}

/// `AssumedRoleUser`: who the session is for policies, with its name.
fn assumed(parameters: &Parameters, user: &User) -> Result<String, Refusal> {
    let name = parameters.get("RoleSessionName").unwrap_or("session");
    let is_legal = |byte: u8| byte.is_ascii_alphanumeric() || b"_+=,.@-".contains(&byte);
    if name.len() > SESSION_NAME_BYTES_MAX || !name.bytes().all(is_legal) {
        let text = "RoleSessionName has 1 to 64 letters, digits and characters of _+=,.@-";
        return Err(Refusal::new("ValidationError", 400, text));
    }
    let id = element("AssumedRoleId", &format!("{}:{name}", user.canonical));
    let arn = element("Arn", &principal::arn(&user.account, &user.name));
    Ok(format!("<AssumedRoleUser>{id}{arn}</AssumedRoleUser>"))
}

/// Makes credentials, as XML.
fn begin(
    service: &Service,
    parameters: &Parameters,
    of: Of,
    usual: Duration,
    now: Timestamp,
) -> S3Result<String> {
    let max = service.config.session_max;
    let duration = duration(parameters, usual, max)?;
    let policy = parameters.get("Policy").map(str::to_owned);
    if let Some(text) = &policy {
        if text.len() > POLICY_BYTES_MAX {
            let text = format!("The session policy has {} bytes; {POLICY_BYTES_MAX} are allowed", text.len());
            return Err(Refusal::new("PackedPolicyTooLarge", 400, text).into());
        }
        Policy::parse(text, Kind::Session)
            .map_err(|error| Refusal::new("MalformedPolicyDocument", 400, error.message))?;
    }
    let expires = Timestamp(now.0 + duration.as_millis() as u64);
    let session = Session { of, expires_ms: expires.0, policy };
    let made = service.users.begin_session(&session).map_err(|error| match error {
        bole_identity::Error::NotFound { what: "enabled user, access key or role", .. } => {
            let text = "The caller does not have the role that it asks for, or is gone";
            Refusal::new("AccessDenied", 403, text)
        }
        bole_identity::Error::Invalid(text) => Refusal::new("ValidationError", 400, text),
        error => {
            tracing::error!(%error, "temporary credentials cannot be made");
            Refusal::new("InternalFailure", 500, "We encountered an internal error. Please try again.")
        }
    })?;
    let user = session.of.name();
    tracing::debug!(user, access_key = made.access_key, "made temporary credentials");
    let credentials = [
        element("AccessKeyId", &made.access_key),
        element("SecretAccessKey", made.secret.expose()),
        element("SessionToken", &made.token),
        element("Expiration", &calendar::format_iso(expires)),
    ];
    Ok(format!("<Credentials>{}</Credentials>", credentials.concat()))
}

fn duration(parameters: &Parameters, usual: Duration, max: Duration) -> Result<Duration, Refusal> {
    let Some(text) = parameters.get("DurationSeconds") else { return Ok(usual.min(max)) };
    let asked = text.parse().ok().map(Duration::from_secs);
    asked.filter(|asked| (SESSION_MIN..=max).contains(asked)).ok_or_else(|| {
        let text = format!(
            "DurationSeconds is \"{}\"; {} to {} are allowed",
            crate::error::shown(text),
            SESSION_MIN.as_secs(),
            max.as_secs()
        );
        Refusal::new("ValidationError", 400, text)
    })
}
