//! The user that a fresh node knows: `bole`, password `bolebole`, on loopback only. Cannot be changed by itself; it
//! gives way to the users of identity.

use std::net::SocketAddr;

use bole_base::Kind;
use futures_util::future::{BoxFuture, ready};

use super::{Action, Authenticator, Credentials, Error, NewUser, User, Users};

/// The default user's name.
pub const NAME: &str = "bole";
/// Its password, known to everybody.
pub const PASSWORD: &str = "bolebole";

/// The default user as the only one.
#[derive(Clone, Copy, Debug)]
pub struct DefaultUser;

impl Authenticator for DefaultUser {
    fn authorize<'a>(
        &'a self,
        peer: SocketAddr,
        credentials: Option<&'a Credentials>,
        _: Action,
    ) -> BoxFuture<'a, Result<String, Error>> {
        let known = credentials.is_some_and(|given| given.user == NAME && given.password == PASSWORD);
        let allowed = known && peer.ip().to_canonical().is_loopback();
        Box::pin(ready(if allowed { Ok(NAME.to_owned()) } else { Err(Error::Unauthenticated) }))
    }
}

impl Users for DefaultUser {
    fn list(&self) -> BoxFuture<'_, Result<Vec<User>, Error>> {
        Box::pin(ready(Ok(vec![User { name: NAME.to_owned(), roles: vec!["admin".to_owned()] }])))
    }

    fn add(&self, _: NewUser) -> BoxFuture<'_, Result<(), Error>> {
        Box::pin(ready(Err(only_one())))
    }

    fn remove<'a>(&'a self, _: &'a str) -> BoxFuture<'a, Result<(), Error>> {
        Box::pin(ready(Err(only_one())))
    }
}

fn only_one() -> Error {
    Error::new(Kind::Unavailable, "this node has no identity shard; \"bole\" is its only user")
}
