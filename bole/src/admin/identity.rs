//! The users of identity, as this door needs them.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::net::SocketAddr;
use std::sync::Arc;

use bole_base::Kind;
use bole_identity::{Identity, Role};
use futures_util::future::BoxFuture;

use super::access::{MadeAccessKey, NewAccessKey, UserChange};
use super::{Action, Authenticator, Credentials, Error, NewUser, User, Users};

/// The role that a user gets who is added without one.
const DEFAULT_ROLE: &str = "administrator";

/// Identity behind the door's traits.
pub struct IdentityUsers {
    identity: Arc<Identity>,
}

impl IdentityUsers {
    /// Asks `identity`.
    pub const fn new(identity: Arc<Identity>) -> Self {
        Self { identity }
    }
}

fn refused(error: &bole_identity::Error) -> Error {
    Error::new(error.kind(), error.to_string())
}

/// What a policy must allow: service, action, resource.
fn needed(action: &Action) -> (&'static str, &'static str, String) {
    let node = |service, name| (service, name, format!("default/{service}/node"));
    match action {
        Action::ReadStatus => node("admin", "read"),
        Action::ManageUsers => node("admin", "users"),
        Action::ManageBlobs => node("admin", "blobs"),
        Action::ReadGateway => node("gateway", "read"),
        Action::ManageGateway => node("gateway", "manage"),
        Action::ReadDns => node("dns", "read"),
        Action::ManageDns => node("dns", "manage"),
        Action::TellDns => node("dns", "tell"),
        Action::RegisterInstances(service) => ("gateway", "register", format!("default/gateway/{service}")),
    }
}

impl Authenticator for IdentityUsers {
    fn verify<'a>(
        &'a self,
        Credentials { user, password }: &'a Credentials,
    ) -> BoxFuture<'a, Result<bool, Error>> {
        Box::pin(async move { self.identity.verify(user, password).await.map_err(|error| refused(&error)) })
    }

    fn stamp(&self, user: &str) -> Option<u64> {
        let stamp = self.identity.read(|directory| {
            let user = directory.user(user).filter(|user| user.enabled)?;
            let verifiers = serde_json::to_vec(&user.verifiers).ok()?;
            let mut hasher = DefaultHasher::new();
            (verifiers, user.created_ms).hash(&mut hasher);
            Some(hasher.finish())
        });
        stamp.ok().flatten()
    }

    fn permit(&self, user: &str, action: &Action) -> Result<(), Error> {
        let (service, action, resource) = needed(action);
        if self.identity.allowed(user, service, action, &resource) {
            return Ok(());
        }
        let text = format!("user \"{user}\" may not do this: {service}:{action} on {resource}");
        Err(Error::new(Kind::Denied, text))
    }

    fn authorize<'a>(
        &'a self,
        _peer: SocketAddr,
        credentials: Option<&'a Credentials>,
        action: Action,
    ) -> BoxFuture<'a, Result<String, Error>> {
        Box::pin(async move {
            let Some(credentials) = credentials else { return Err(Error::Unauthenticated) };
            if !self.verify(credentials).await? {
                return Err(Error::Unauthenticated);
            }
            self.permit(&credentials.user, &action).map(|()| credentials.user.clone())
        })
    }
}

impl Users for IdentityUsers {
    fn list(&self) -> BoxFuture<'_, Result<Vec<User>, Error>> {
        Box::pin(async move {
            let all = self.identity.read(|directory| {
                let shown = |user: &Arc<bole_identity::User>| User {
                    name: user.name.clone(),
                    roles: user.roles.clone(),
                    enabled: user.enabled,
                    access_keys: user.access_keys.iter().map(|key| key.id.clone()).collect(),
                };
                directory.users().map(shown).collect()
            });
            all.map_err(|error| refused(&error))
        })
    }

    fn add(&self, user: NewUser) -> BoxFuture<'_, Result<(), Error>> {
        Box::pin(async move {
            let roles = if user.roles.is_empty() { vec![DEFAULT_ROLE.to_owned()] } else { user.roles };
            self.identity.add_user(&user.name, &user.password, roles).await.map_err(|error| refused(&error))
        })
    }

    fn remove<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<(), Error>> {
        Box::pin(async move { self.identity.remove_user(name).await.map_err(|error| refused(&error)) })
    }

    fn change<'a>(&'a self, name: &'a str, change: UserChange) -> BoxFuture<'a, Result<(), Error>> {
        Box::pin(async move {
            let UserChange { roles, enabled, password } = change;
            if let Some(password) = password {
                self.identity.set_password(name, &password).await.map_err(|error| refused(&error))?;
            }
            self.identity.set_user(name, roles, enabled).await.map_err(|error| refused(&error))
        })
    }

    fn add_key<'a>(
        &'a self,
        name: &'a str,
        key: NewAccessKey,
    ) -> BoxFuture<'a, Result<MadeAccessKey, Error>> {
        Box::pin(async move {
            let made = self.identity.add_access_key(name, key.id, key.secret).await;
            let (id, secret) = made.map_err(|error| refused(&error))?;
            Ok(MadeAccessKey { id, secret: secret.expose().to_owned() })
        })
    }

    fn remove_key<'a>(&'a self, name: &'a str, id: &'a str) -> BoxFuture<'a, Result<(), Error>> {
        Box::pin(
            async move { self.identity.remove_access_key(name, id).await.map_err(|error| refused(&error)) },
        )
    }

    fn roles(&self) -> BoxFuture<'_, Result<Vec<Role>, Error>> {
        Box::pin(async move {
            let all =
                self.identity.read(|directory| directory.roles().map(|role| Role::clone(role)).collect());
            all.map_err(|error| refused(&error))
        })
    }

    fn put_role(&self, role: Role) -> BoxFuture<'_, Result<(), Error>> {
        Box::pin(async move { self.identity.put_role(role).await.map_err(|error| refused(&error)) })
    }

    fn remove_role<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<(), Error>> {
        Box::pin(async move { self.identity.remove_role(name).await.map_err(|error| refused(&error)) })
    }
}
