//! The verifier of OAUTHBEARER's tokens, as the options have it.

use std::sync::Arc;

use anyhow::{Context as _, Result};
use bole_streams::sasl::Mechanism;
use bole_streams::sasl::oauth::{Settings, Verifier};

use crate::config::options::Streams;
use crate::issuer::Source;

/// The verifier that the options ask for, and where its keys come from. `None`: OAUTHBEARER is off.
pub(super) fn verifier(options: &Streams) -> Result<Option<(Arc<Verifier>, Option<Source>)>> {
    if !options.sasl_mechanisms.0.contains(&Mechanism::OauthBearer) {
        return Ok(None);
    }
    let settings = Settings {
        issuer: options.oauth_issuer.clone().context("streams.oauth_issuer is not set")?,
        audience: options.oauth_audience.clone().context("streams.oauth_audience is not set")?,
        user_claim: options.oauth_user_claim.clone().unwrap_or_else(|| "sub".to_owned()),
        scope: options.oauth_scope.clone(),
    };
    let secret = match &options.oauth_secret_file {
        Some(path) => {
            let secret = std::fs::read_to_string(path);
            let secret = secret.with_context(|| format!("streams.oauth_secret_file {}", path.display()))?;
            Some(secret.trim().to_owned())
        }
        None => None,
    };
    let verifier = Verifier::new(settings, secret.as_ref().map(String::as_bytes));
    let verifier = Arc::new(verifier.map_err(anyhow::Error::msg).context("streams.oauth_secret_file")?);
    let place = options.oauth_jwks.as_deref();
    let source = place.map(|place| Source::new("streams.oauth_jwks", place, options.oauth_jwks_ca.clone()));
    let source = source.transpose()?;
    if let Some(source) = &source {
        source.load(&verifier)?;
    }
    Ok(Some((verifier, source)))
}
