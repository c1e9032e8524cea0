//! One try to get a certificate: an account, an order, proofs, the certificate. What was begun before is gone on with.
//!
//! The order of what is kept makes a crash harmless: the account's key before the authority hears of it (it gives the same account to the same key),
//! the certificate's key with the order's URL before the order is proved. Whatever the authority did since is asked for again.

use crate::ask::{self, Line, Open};
use crate::error::Failure;
use crate::kept::{self, Issued, Keeper, Pending, Record};
use crate::limits;
use crate::proof::{Guard, Proofs};
use crate::slot::Shown;
use crate::wanted::Wanted;
use base64ct::{Base64UrlUnpadded, Encoding as _};
use bole_gateway_document::tls::Challenge;
use instant_acme::{
    Account, AuthorizationStatus, CertificateIdentifier, ChallengeType, Error, ExternalAccountKey,
    Identifier, Key, NewAccount, NewOrder, Order, OrderStatus, RetryPolicy,
};
use rcgen::{CertificateParams, DistinguishedName, KeyPair};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use std::sync::Arc;
use std::time::Duration;

/// What orders are made with.
pub(crate) struct Shop {
    pub(crate) keeper: Arc<dyn Keeper>,
    pub(crate) open: Open,
    pub(crate) proofs: Arc<Proofs>,
    /// Held while an account is looked up or made, so that there is never a second one.
    pub(crate) accounts: tokio::sync::Mutex<()>,
}

/// Why a try ends early.
enum Stop {
    Library(Error),
    Told(Failure),
}

impl From<Error> for Stop {
    fn from(error: Error) -> Self {
        Self::Library(error)
    }
}

impl From<Failure> for Stop {
    fn from(failure: Failure) -> Self {
        Self::Told(failure)
    }
}

type Tried<T> = Result<T, Stop>;

fn refused<T>(text: impl Into<String>) -> Tried<T> {
    Err(Stop::Told(Failure::refused(text)))
}

fn is_kind(error: &Error, kind: &str) -> bool {
    let found = match error {
        Error::Api(problem) => problem.r#type.as_deref(),
        _ => None,
    };
    found.and_then(|found| found.strip_prefix("urn:ietf:params:acme:error:")) == Some(kind)
}

fn polling() -> RetryPolicy {
    RetryPolicy::new().initial_delay(Duration::from_millis(250)).backoff(1.5).timeout(limits::POLL_TIMEOUT)
}

/// When an authority wants a certificate renewed, and when to ask again: from, to in seconds since 1970.
pub(crate) async fn suggestion(
    shop: &Shop,
    wanted: &Wanted,
    issued: &Issued,
) -> crate::Result<Option<((i64, i64), Duration)>> {
    let Some(id) = identifier(issued) else { return Ok(None) };
    let Some(account) = kept::load::<kept::Account>(&*shop.keeper, &kept::account_name(wanted)).await? else {
        return Ok(None);
    };
    let Some(url) = account.url else { return Ok(None) };
    let line = Line::new((shop.open)(wanted.authorities.clone()));
    let asked = async {
        let builder = Account::builder_with_http(Box::new(line.clone()));
        let account = builder.from_parts(url, key_of(&account.key)?, wanted.directory.clone()).await?;
        match account.renewal_info(&id).await {
            Ok((info, again)) => {
                let window = info.suggested_window;
                Ok(Some(((window.start.unix_timestamp(), window.end.unix_timestamp()), again)))
            }
            Err(Error::Unsupported(_)) => Ok(None),
            Err(error) => Err(Stop::Library(error)),
        }
    };
    within(&line, asked).await
}

/// Gets a certificate, keeps it, and reads it. `record` is what is kept, before and after, also where that fails.
pub(crate) async fn obtain(shop: &Shop, wanted: &Wanted, record: &mut Record) -> crate::Result<Shown> {
    let line = Line::new((shop.open)(wanted.authorities.clone()));
    within(&line, certificate(shop, wanted, &line, record)).await
}

async fn within<T>(line: &Line, work: impl Future<Output = Tried<T>>) -> crate::Result<T> {
    match tokio::time::timeout(limits::ORDER_TIMEOUT, work).await {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(Stop::Told(failure))) => Err(failure),
        Ok(Err(Stop::Library(error))) => Err(line.failure(error)),
        Err(_) => Err(Failure::Unreached(format!("it was not done within {:?}", limits::ORDER_TIMEOUT))),
    }
}

async fn certificate(shop: &Shop, wanted: &Wanted, line: &Line, record: &mut Record) -> Tried<Shown> {
    let account = account(shop, wanted, line).await?;
    let name = kept::certificate_name(wanted);
    let (account, mut order) = ordered(shop, wanted, line, (account, &name), record).await?;
    if order.state().status == OrderStatus::Pending {
        let proofs = prove(shop, wanted, &mut order).await?;
        let polled = order.poll_ready(&polling()).await;
        drop(proofs);
        if !matches!(polled, Ok(OrderStatus::Ready)) {
            return Err(unproved(shop, &account, (&name, record), (&order, polled)).await);
        }
    }
    let Some(pending) = record.pending.clone() else {
        return refused("invariant: an order that is under way is kept");
    };
    if order.state().status == OrderStatus::Ready {
        order.finalize_csr(&request(wanted, &pending.key)?).await?;
    }
    let chain = if order.state().status == OrderStatus::Valid {
        order.certificate().await?.ok_or(Error::Str("no certificate came"))
    } else {
        order.poll_certificate(&polling()).await
    };
    let chain = match chain {
        Ok(chain) => chain,
        Err(error) => {
            if matches!(order.state().status, OrderStatus::Invalid) {
                forget(shop, &name, record).await?;
            }
            return Err(error.into());
        }
    };
    let issued = Issued {
        directory: pending.directory,
        profile: pending.profile,
        hosts: pending.hosts,
        chain,
        key: pending.key,
    };
    let shown = match Shown::read(&issued) {
        Ok(shown) => shown,
        Err(wrong) => {
            // It would be the same each time.
            forget(shop, &name, record).await?;
            return refused(format!("the certificate that was issued cannot be used: {wrong}"));
        }
    };
    *record = Record { issued: Some(issued), pending: None };
    kept::keep(&*shop.keeper, &name, record).await?;
    Ok(shown)
}

/// The order that is under way, or else a new one, which is kept.
async fn ordered(
    shop: &Shop,
    wanted: &Wanted,
    line: &Line,
    (mut account, name): (Account, &str),
    record: &mut Record,
) -> Tried<(Account, Order)> {
    if let Some(pending) = record.pending.as_ref().filter(|pending| pending.is_for(wanted)) {
        match account.order(pending.url.clone()).await {
            Ok(mut order) => {
                if order.state().status != OrderStatus::Invalid {
                    return Ok((account, order));
                }
            }
            // It is not known any more.
            Err(Error::Api(_)) => {}
            Err(error) => return Err(error.into()),
        }
    }
    let hosts: Vec<Identifier> = wanted.hosts.iter().cloned().map(Identifier::Dns).collect();
    let replaces =
        record.issued.as_ref().filter(|issued| issued.directory == wanted.directory).and_then(identifier);
    let mut order = new_order(&account, &hosts, wanted, replaces).await;
    if let Err(error) = &order
        && is_kind(error, "accountDoesNotExist")
    {
        // It has forgotten the account. The same key makes it anew.
        account = register(shop, wanted, line, true).await?;
        order = new_order(&account, &hosts, wanted, None).await;
    }
    let order = order?;
    let key = KeyPair::generate().map_err(|error| Failure::Here(format!("no key can be made: {error}")))?;
    record.pending = Some(Pending {
        directory: wanted.directory.clone(),
        profile: wanted.profile.clone(),
        hosts: wanted.hosts.clone(),
        url: order.url().to_owned(),
        key: key.serialize_pem(),
    });
    kept::keep(&*shop.keeper, name, record).await?;
    Ok((account, order))
}

/// Orders. An authority that wants to hear nothing of the certificate before (RFC 9773, section 5) is told nothing of it.
async fn new_order(
    account: &Account,
    hosts: &[Identifier],
    wanted: &Wanted,
    replaces: Option<CertificateIdentifier<'_>>,
) -> Result<Order, Error> {
    let plain = || {
        let order = NewOrder::new(hosts);
        match &wanted.profile {
            Some(profile) => order.profile(profile),
            None => order,
        }
    };
    if let Some(replaces) = replaces {
        match account.new_order(&plain().replaces(replaces)).await {
            Err(Error::Unsupported(_) | Error::Other(_)) => {}
            Err(error @ Error::Api(_)) if !is_kind(&error, "rateLimited") => {}
            other => return other,
        }
    }
    account.new_order(&plain()).await
}

/// Puts a proof there for each host that is not proved yet, and says so.
async fn prove(shop: &Shop, wanted: &Wanted, order: &mut Order) -> Tried<Vec<Guard>> {
    let kind = match wanted.challenge {
        Challenge::Http => ChallengeType::Http01,
        Challenge::TlsAlpn => ChallengeType::TlsAlpn01,
    };
    let mut proofs = Vec::new();
    let mut authorizations = order.authorizations();
    while let Some(authorization) = authorizations.next().await {
        let mut authorization = authorization?;
        let host = authorization.identifier().to_string().to_ascii_lowercase();
        match authorization.status {
            AuthorizationStatus::Valid => continue,
            // Why it is not is said where the order is looked at.
            AuthorizationStatus::Pending | AuthorizationStatus::Invalid => {}
            other => return refused(format!("{host}: the authority's leave is {other:?}")),
        }
        let Some(mut challenge) = authorization.challenge(kind.clone()) else {
            let wanted = wanted.challenge.name();
            return refused(format!(
                "{host}: the authority offers no {wanted}; choose another certificates.….acme.challenge"
            ));
        };
        let content = challenge.key_authorization();
        let guard = match wanted.challenge {
            Challenge::Http => shop.proofs.put_file(&host, &challenge.token, content.as_str()),
            Challenge::TlsAlpn => shop.proofs.put_handshake(&host, content.digest().as_ref()),
        };
        proofs.push(guard.map_err(|wrong| Failure::refused(format!("{host}: {wrong}")))?);
        challenge.set_ready().await?;
    }
    Ok(proofs)
}

/// Why an order cannot be finished: what the authority saw of the hosts, if it tells. The order is forgotten if it came to nothing.
async fn unproved(
    shop: &Shop,
    account: &Account,
    (name, record): (&str, &mut Record),
    (order, polled): (&Order, Result<OrderStatus, Error>),
) -> Stop {
    if matches!(polled, Err(ref error) if !matches!(error, Error::Api(_))) {
        return polled
            .map_or_else(Stop::Library, |_| Stop::Told(Failure::refused("the order was not finished")));
    }
    let reasons = reasons(account, order.url()).await;
    if let Err(failure) = forget(shop, name, record).await {
        return failure.into();
    }
    match (reasons, polled) {
        (Some(reasons), _) => Stop::Told(Failure::refused(reasons)),
        (None, Err(error)) => Stop::Library(error),
        (None, Ok(_)) => {
            Stop::Told(Failure::refused("the authority did not see the proofs, and does not say why"))
        }
    }
}

async fn reasons(account: &Account, url: &str) -> Option<String> {
    let mut order = account.order(url.to_owned()).await.ok()?;
    let mut authorizations = order.authorizations();
    let mut texts = Vec::new();
    while let Some(Ok(authorization)) = authorizations.next().await {
        let errors = authorization.challenges.iter().filter_map(|challenge| challenge.error.as_ref());
        texts.extend(errors.map(|error| format!("{}: {}", authorization.identifier(), ask::told(error))));
    }
    (!texts.is_empty()).then(|| ask::bounded(&texts.join("; ")))
}

async fn forget(shop: &Shop, name: &str, record: &mut Record) -> crate::Result<()> {
    record.pending = None;
    kept::keep(&*shop.keeper, name, record).await
}

/// The request for the certificate (RFC 8555, section 7.4): its names and its key.
fn request(wanted: &Wanted, key: &str) -> crate::Result<Vec<u8>> {
    let told =
        |error: rcgen::Error| Failure::Here(format!("no request for the certificate can be made: {error}"));
    let key = KeyPair::from_pem(key).map_err(told)?;
    let mut params = CertificateParams::new(wanted.hosts.clone()).map_err(told)?;
    params.distinguished_name = DistinguishedName::new();
    Ok(params.serialize_request(&key).map_err(told)?.der().to_vec())
}

/// What an authority calls a certificate that it issued (RFC 9773, section 4.1).
fn identifier(issued: &Issued) -> Option<CertificateIdentifier<'static>> {
    let first = CertificateDer::pem_slice_iter(issued.chain.as_bytes()).next()?.ok()?;
    CertificateIdentifier::try_from(&first).ok().map(CertificateIdentifier::into_owned)
}

fn key_of(text: &str) -> crate::Result<PrivatePkcs8KeyDer<'static>> {
    let bytes = Base64UrlUnpadded::decode_vec(text);
    bytes
        .map(PrivatePkcs8KeyDer::from)
        .map_err(|_| Failure::Here("an account's key that is kept is not base64url".to_owned()))
}

/// The account with the authority; made if there is none.
async fn account(shop: &Shop, wanted: &Wanted, line: &Line) -> Tried<Account> {
    let kept: Option<kept::Account> = {
        let _one = shop.accounts.lock().await;
        kept::load(&*shop.keeper, &kept::account_name(wanted)).await?
    };
    match kept {
        Some(kept::Account { key, url: Some(url), .. }) => {
            let builder = Account::builder_with_http(Box::new(line.clone()));
            Ok(builder.from_parts(url, key_of(&key)?, wanted.directory.clone()).await?)
        }
        _ => register(shop, wanted, line, false).await,
    }
}

/// Makes an account with the key that is kept, or with a new one, which is kept first. `anew`: also if there is an account already, which the
/// authority has forgotten. Where the account is bound to one that was made elsewhere the library makes the key, which is kept right after.
async fn register(shop: &Shop, wanted: &Wanted, line: &Line, anew: bool) -> Tried<Account> {
    let _one = shop.accounts.lock().await;
    let name = kept::account_name(wanted);
    let kept: Option<kept::Account> = kept::load(&*shop.keeper, &name).await?;
    let builder = Account::builder_with_http(Box::new(line.clone()));
    if let Some(kept::Account { key, url: Some(url), .. }) = &kept
        && !anew
    {
        // Another order has made it meanwhile.
        return Ok(builder.from_parts(url.clone(), key_of(key)?, wanted.directory.clone()).await?);
    }
    let contact = wanted.contact_url();
    let directory = wanted.directory.clone();
    if let Some(external) = &wanted.external {
        let contact: Vec<&str> = contact.as_deref().into_iter().collect();
        let new =
            NewAccount { contact: &contact, terms_of_service_agreed: true, only_return_existing: false };
        let bound = ExternalAccountKey::new(external.id.clone(), &external.key);
        let (account, credentials) = builder.create(&new, directory.clone(), Some(&bound)).await?;
        let key = Base64UrlUnpadded::encode_string(credentials.private_key().secret_pkcs8_der());
        kept::keep(
            &*shop.keeper,
            &name,
            &kept::Account { directory, key, url: Some(account.id().to_owned()) },
        )
        .await?;
        return Ok(account);
    }
    let key = if let Some(kept) = kept {
        kept.key
    } else {
        let (_, made) = Key::generate_pkcs8()?;
        Base64UrlUnpadded::encode_string(made.secret_pkcs8_der())
    };
    let keep = |url: Option<String>| kept::Account { directory: directory.clone(), key: key.clone(), url };
    kept::keep(&*shop.keeper, &name, &keep(None)).await?;
    let pkcs8 = key_of(&key)?;
    let pair = (Key::from_pkcs8_der(pkcs8.clone_key())?, PrivateKeyDer::Pkcs8(pkcs8));
    let (account, _) = builder.create_from_key(pair, directory.clone()).await?;
    if let Some(contact) = &contact {
        account.update_contacts(&[contact]).await?;
    }
    kept::keep(&*shop.keeper, &name, &keep(Some(account.id().to_owned()))).await?;
    Ok(account)
}
