//! A document's access, compiled, and the decision on a request.

use crate::consumers::Consumers;
use crate::gate::{Gate, Way};
use crate::login::authorization;
use crate::oidc::{Oidc, flow};
use crate::parts::Parts;
use crate::problem::{Problem, Problems};
use crate::request::{RequestFacts, without_cookies};
use crate::token::source::Source;
use crate::verdict::{Claimed, Found, Identity, Refusal, Verdict};
use bole_gateway_document::Document;
use http::StatusCode;
use http::header::{ALLOW, AUTHORIZATION, COOKIE, HeaderName, HeaderValue};
use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::sync::Arc;

/// Who asks, and whether he may: one document, compiled.
pub struct Access {
    gates: HashMap<String, Gate>,
    consumers: Consumers,
    /// `OpenID` logins, by the order of their names.
    oidc: Vec<Arc<Oidc>>,
    sources: Vec<Arc<Source>>,
    parts: Parts,
}

impl fmt::Debug for Access {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { gates, consumers, oidc, sources, parts } = self;
        let mut shown = formatter.debug_struct("Access");
        shown.field("gates", gates).field("consumers", consumers).field("oidc", oidc);
        shown.field("sources", sources).field("parts", parts).finish()
    }
}

impl Access {
    /// Compiles the logins, consumers and routes of a document, whole or not at all. It resolves references of secrets and reads files of
    /// keys, and fetches nothing.
    pub fn new(document: &Document, parts: Parts) -> Result<Self, Vec<Problem>> {
        let mut problems = Problems::default();
        let consumers = Consumers::new(&document.consumers, &parts, &mut problems);
        for (name, consumer) in &document.consumers {
            for limit in consumer.limits.iter().filter(|limit| !document.limits.contains_key(*limit)) {
                problems.add(&format!("consumers.{name}"), format!("limit {limit:?} does not exist"));
            }
        }
        let mut ways = BTreeMap::new();
        for (name, login) in &document.logins {
            ways.insert(name.clone(), Way::new(name, login, &parts, &mut problems));
        }
        let oidc: Vec<Arc<Oidc>> = ways.values().flatten().filter_map(Way::oidc).collect();
        cookies_apart(&oidc, &mut problems);
        let sources = ways.values().flatten().filter_map(Way::source).collect();
        let gate =
            |(name, route)| (String::clone(name), Gate::new(name, route, &ways, &consumers, &mut problems));
        let gates = document.routes.iter().map(gate).collect();
        if !problems.0.is_empty() {
            return Err(problems.0);
        }
        Ok(Self { gates, consumers, oidc, sources, parts })
    }

    /// Fetches again the keys that have grown old. Call it every few seconds, in the background.
    pub async fn tend(&self) {
        // All at once: an issuer that hangs keeps no other waiting.
        futures_util::future::join_all(self.sources.iter().map(|source| source.tend(&self.parts))).await;
    }

    /// The answer to paths of the gateway's own (callbacks and logouts of `OpenID` logins), on every host. Ask before routes are; `None`: it is none of
    /// them.
    pub async fn own(&self, facts: &RequestFacts<'_>) -> Option<Verdict> {
        let path = facts.path();
        let at = |logout: bool| {
            let own = move |oidc: &&Arc<Oidc>| path == if logout { &oidc.logout } else { &oidc.callback };
            self.oidc.iter().filter(own)
        };
        let logout = match (at(false).next().is_some(), at(true).next().is_some()) {
            (false, false) => return None,
            (callback, _) => !callback,
        };
        if let Err(refusal) = flow::check(facts, logout) {
            return Some(with_allow(refusal.verdict()));
        }
        for oidc in at(logout) {
            let verdict = if logout {
                flow::logout(oidc, facts, &self.parts).await
            } else {
                flow::callback(oidc, facts, &self.parts).await
            };
            if verdict.is_some() {
                return verdict;
            }
        }
        let detail = "this login was not begun in this browser, or too long ago; go back and try again";
        Some(if logout { flow::home() } else { Refusal::malformed(detail).verdict() })
    }

    /// Whether there are sessions of browsers: paths of the gateway's own, and cookies that no service may see on any route.
    pub fn has_sessions(&self) -> bool {
        !self.oidc.is_empty()
    }

    /// Decides on a request for a route of the document.
    ///
    /// Cancel safe: what is fetched for others too goes on.
    pub async fn decide(&self, route: &str, facts: &RequestFacts<'_>) -> Verdict {
        let Some(gate) = self.gates.get(route) else {
            tracing::error!("access was asked for route {route:?}, which its document does not have");
            return Refusal::unavailable("the gateway cannot decide on this request").verdict();
        };
        if !gate.admits(facts.client) {
            return Refusal::forbidden("network", "requests from this network are not let in").verdict();
        }
        for (name, way) in &gate.ways {
            match self.ask(name, way, gate, facts).await {
                Found::Nothing => {}
                Found::Somebody(claimed) => return self.known(route, gate, name, *claimed, facts),
                Found::Refused(refusal) => return with_challenges(refusal, [way]).verdict(),
                Found::Answered(verdict) => return verdict,
            }
        }
        self.unknown(gate, facts).await
    }

    async fn ask(&self, name: &str, way: &Way, gate: &Gate, facts: &RequestFacts<'_>) -> Found {
        let (consumers, parts) = (&self.consumers, &self.parts);
        match way {
            Way::Key(key) => key.decide(facts, consumers),
            Way::Basic(basic) => basic.decide(facts, consumers, parts).await,
            Way::Jwt(jwt) => {
                let others = gate.ways.iter().filter(|(_, way)| matches!(way, Way::Jwt(_))).count() > 1;
                jwt.decide(facts, parts, others).await.unwrap_or_else(Found::Refused)
            }
            Way::Signature(signature) => signature.decide(facts, consumers, parts),
            Way::Certificate(certificate) => certificate.decide(facts, consumers, parts.now_ms()),
            Way::Oidc(oidc) => oidc.decide(facts, parts).await,
            Way::Forward(forward) => forward.decide(facts, parts, name).await,
            Way::Link(link) => link.decide(facts, parts),
        }
    }

    /// Nobody's credentials were found.
    async fn unknown(&self, gate: &Gate, facts: &RequestFacts<'_>) -> Verdict {
        let jwts = || gate.ways.iter().filter(|(_, way)| matches!(way, Way::Jwt(_)));
        // A token of which each login says that it is another's is not nothing.
        if jwts().count() > 1 && matches!(authorization(facts, "Bearer"), Ok(Some(_))) {
            let refusal = Refusal::credentials("token", "the token is of another issuer");
            let refusal = refusal.with_challenge("Bearer error=\"invalid_token\"");
            return refusal.verdict();
        }
        if gate.ways.is_empty() || gate.optional {
            return Verdict::Admit(Box::new(self.identity(gate, facts)));
        }
        let oidc = gate.ways.iter().find_map(|(_, way)| way.oidc());
        if let Some(oidc) = oidc.filter(|_| facts.shows_pages()) {
            return flow::start(&oidc, facts, &self.parts).await;
        }
        let refusal = Refusal::credentials("no-credentials", "this needs a login");
        let refusal = with_challenges(refusal, gate.ways.iter().map(|(_, way)| way));
        if refusal.challenges.is_empty() && gate.ways.iter().any(|(_, way)| matches!(way, Way::Link(_))) {
            return Refusal::forbidden("no-link", "this needs a signed link").verdict();
        }
        if refusal.challenges.is_empty() {
            return Refusal::forbidden("no-certificate", "this needs a client's certificate").verdict();
        }
        refusal.verdict()
    }

    fn known(
        &self,
        route: &str,
        gate: &Gate,
        login: &str,
        claimed: Claimed,
        facts: &RequestFacts<'_>,
    ) -> Verdict {
        let consumer = claimed.consumer.as_deref().and_then(|name| self.consumers.get(name));
        let mut groups = claimed.groups;
        for group in consumer.iter().flat_map(|consumer| &consumer.groups) {
            if !groups.contains(group) {
                groups.push(group.clone());
            }
        }
        if !gate.allows(claimed.consumer.as_deref(), &groups) {
            return Refusal::forbidden("not-allowed", "who has logged in is not let in here").verdict();
        }
        if claimed.user {
            let user = claimed.consumer.as_deref().unwrap_or_default();
            if !self.parts.policies.allows(user, "invoke", &format!("default/gateway/{route}")) {
                return Refusal::forbidden("policy", "this user's policies do not let it in here").verdict();
            }
        }
        let mut identity = self.identity(gate, facts);
        identity.login = Some(login.to_owned());
        identity.limits = consumer.map(|consumer| consumer.limits.clone()).unwrap_or_default();
        identity.priority = consumer.and_then(|consumer| consumer.priority);
        identity.consumer = claimed.consumer;
        identity.user = claimed.user;
        identity.groups = groups;
        identity.claims = claimed.claims;
        identity.set_headers.extend(claimed.set);
        identity.response_headers = claimed.response;
        identity.body = claimed.body;
        Verdict::Admit(Box::new(identity))
    }

    /// Of nobody, with what never goes on to a service.
    fn identity(&self, gate: &Gate, facts: &RequestFacts<'_>) -> Identity {
        let mut identity = Identity {
            strip_headers: gate.strip_headers.clone(),
            strip_query: gate.strip_query.clone(),
            ..Identity::default()
        };
        let shows = |scheme: &str| matches!(authorization(facts, scheme), Ok(Some(_)));
        let consumed = |way: &Way| match way {
            Way::Basic(_) => shows("Basic"),
            Way::Jwt(jwt) => jwt.strip && shows("Bearer"),
            _ => false,
        };
        if gate.ways.iter().any(|(_, way)| consumed(way)) {
            identity.strip_headers.push(AUTHORIZATION);
        }
        let is_of_link = |name: &str| {
            gate.ways.iter().any(|(_, way)| matches!(way, Way::Link(link) if link.cookie == name))
        };
        let is_own = |name: &str| is_of_link(name) || self.oidc.iter().any(|oidc| oidc.owns_cookie(name));
        if let Some(cookies) = without_cookies(facts, is_own) {
            identity.strip_headers.push(COOKIE);
            if let Ok(value) = HeaderValue::from_str(&cookies)
                && !cookies.is_empty()
            {
                identity.set_headers.push((COOKIE, value));
            }
        }
        identity
    }

    /// Names of the consumers, for explanations.
    pub fn consumers(&self) -> impl Iterator<Item = &String> {
        self.consumers.names()
    }
}

impl Way {
    fn oidc(&self) -> Option<Arc<Oidc>> {
        match self {
            Self::Oidc(oidc) => Some(Arc::clone(oidc)),
            _ => None,
        }
    }

    fn source(&self) -> Option<Arc<Source>> {
        match self {
            Self::Oidc(oidc) => Some(Arc::clone(&oidc.source)),
            Self::Jwt(jwt) => jwt.source().map(Arc::clone),
            _ => None,
        }
    }
}

/// A 401 says how to log in (RFC 9110, section 15.5.2).
fn with_challenges<'a>(mut refusal: Refusal, ways: impl IntoIterator<Item = &'a Way>) -> Refusal {
    if refusal.status == StatusCode::UNAUTHORIZED && refusal.challenges.is_empty() {
        for challenge in ways.into_iter().filter_map(Way::challenge) {
            refusal = refusal.with_challenge(&challenge);
        }
    }
    refusal
}

fn with_allow(mut verdict: Verdict) -> Verdict {
    if let Verdict::Refuse(answer) = &mut verdict
        && answer.status == StatusCode::METHOD_NOT_ALLOWED
    {
        let (name, value): (HeaderName, _) = (ALLOW, HeaderValue::from_static("GET"));
        answer.headers.insert(name, value);
    }
    verdict
}

/// Two logins with one cookie would end each other's sessions.
fn cookies_apart(oidc: &[Arc<Oidc>], problems: &mut Problems) {
    for (index, one) in oidc.iter().enumerate() {
        if let Some(other) = oidc[..index].iter().find(|other| other.cookie == one.cookie) {
            let text = format!(
                "its cookie {:?} is that of {:?} too; give one of them another",
                one.cookie, other.name
            );
            problems.add(&format!("logins.{}", one.name), text);
        }
        if oidc.iter().any(|other| other.callback == one.logout) {
            problems.add(&format!("logins.{}", one.name), "its logout is the callback of a login");
        }
    }
}
