//! Sessions whose access token has ended are refreshed. Of several requests with the same cookie one asks the provider, since many
//! providers take a refresh token once; the others, and those that come a little later with the old cookie, get what it got.

use crate::limits;
use crate::oidc::Oidc;
use crate::oidc::provider::{self, Expected, NoTokens};
use crate::oidc::session::Session;
use crate::parts::Parts;
use crate::remembered::Fingerprint;
use bole_net::tasks::{self, OnFailure};
use std::sync::Arc;
use std::time::Duration;

/// What came of it.
#[derive(Clone, Debug)]
pub(crate) enum Refreshed {
    Session(Arc<Session>),
    /// The provider says that it is over.
    Over,
    /// The provider could not be asked.
    Failed,
}

pub(crate) async fn refresh(oidc: &Arc<Oidc>, session: &Session, parts: &Parts) -> Refreshed {
    let token = session.refresh_token.as_deref().unwrap_or_default();
    let memory = &parts.memory;
    let key = memory.fingerprint(&[b"refresh", oidc.name.as_bytes(), token.as_bytes()]);
    let known = || memory.refreshed.lock().get(&key, parts.now_ms()).cloned();
    if let Some(known) = known() {
        return known;
    }
    let turn = {
        let mut refreshing = memory.refreshing.lock();
        if refreshing.len() >= limits::REFRESHING_MAX {
            // Those that nobody holds are of requests that went away before their turn.
            refreshing.retain(|_, turn| Arc::strong_count(turn) > 1);
        }
        Arc::clone(refreshing.entry(key).or_default())
    };
    let refreshed = async {
        let turn = turn.lock_owned().await;
        if let Some(known) = known() {
            return known;
        }
        let (oidc, session, of_task) = (Arc::clone(oidc), session.clone(), parts.clone());
        // It goes on when the request is gone: the provider may have changed the refresh token already.
        let task = tasks::spawn("gateway session", OnFailure::Log, async move {
            let _turn = turn;
            let result = asked(&oidc, session, &of_task).await;
            keep(key, result, &of_task);
        });
        let _ = task.await;
        known().unwrap_or(Refreshed::Failed)
    };
    tokio::time::timeout(limits::KEYS_WAIT, refreshed).await.unwrap_or(Refreshed::Failed)
}

fn keep(key: Fingerprint, result: Refreshed, parts: &Parts) {
    let (now_ms, memory) = (parts.now_ms(), &parts.memory);
    let ttl: Duration =
        if matches!(result, Refreshed::Failed) { limits::REFRESH_RETRY } else { limits::REFRESHED_TTL };
    memory.refreshed.lock().insert(key, result, now_ms + ttl.as_millis() as u64, 0, now_ms);
    memory.refreshing.lock().remove(&key);
}

async fn asked(oidc: &Oidc, session: Session, parts: &Parts) -> Refreshed {
    match attempt(oidc, session, parts).await {
        Ok(session) => Refreshed::Session(Arc::new(session)),
        Err(NoTokens::Refused(_)) => Refreshed::Over,
        Err(NoTokens::Failed(error)) => {
            tracing::warn!("login {:?}: a session could not be refreshed: {error}", oidc.name);
            Refreshed::Failed
        }
    }
}

async fn attempt(oidc: &Oidc, mut session: Session, parts: &Parts) -> Result<Session, NoTokens> {
    let unknown = || NoTokens::Failed("the provider is not known yet".to_owned());
    let fetched = oidc.source.get(parts).await.ok_or_else(unknown)?;
    let discovered = fetched.discovered.as_ref().ok_or_else(unknown)?;
    let token = session.refresh_token.clone().unwrap_or_default();
    let grant = [("grant_type", "refresh_token"), ("refresh_token", token.as_str())];
    let tokens = provider::tokens(oidc, discovered, &grant, parts).await?;
    if let Some(text) = &tokens.id_token {
        let expected = Expected::Refresh { subject: &session.subject };
        let id = provider::id_token(oidc, text, &tokens.access_token, &expected, &fetched, parts).await;
        // A provider that answers for another does not get another try.
        let id = id.map_err(|error| NoTokens::Refused(error.to_owned()))?;
        session.claims =
            provider::wanted(oidc, &id, &tokens.access_token, discovered, &session.claims, parts).await;
        session.id_token.clone_from(&tokens.id_token);
    }
    let now_ms = parts.now_ms();
    session.refresh_at_ms =
        tokens.expires_in.map(|seconds| now_ms.saturating_add(seconds.saturating_mul(1_000)));
    session.refresh_token = tokens.refresh_token.or(session.refresh_token);
    session.seen_ms = now_ms;
    Ok(session)
}
