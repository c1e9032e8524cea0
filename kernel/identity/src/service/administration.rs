//! What operators change: users' roles, passwords and access keys, and roles.

use rand::Rng as _;

use super::Identity;
use crate::directory::Directory;
use crate::error::{Error, Result};
use crate::policy::Role;
use crate::secret::Plain;
use crate::user::User;
use crate::verifier::{Cost, Verifiers};

impl Identity {
    /// Changes a user by `change`, durably. Errors: there is none, or it is not acceptable afterwards.
    async fn change_user(&self, name: &str, change: impl Fn(&mut User) -> Result<()>) -> Result<()> {
        self.change(|directory| {
            let missing = || Error::NotFound { what: "user", name: name.to_owned() };
            let mut user = User::clone(directory.user(name).ok_or_else(missing)?);
            change(&mut user)?;
            Ok(vec![directory.put_user(user)?])
        })
        .await
    }

    /// Gives a user other roles, or lets it do nothing for now, or again; durably.
    pub async fn set_user(
        &self,
        name: &str,
        roles: Option<Vec<String>>,
        enabled: Option<bool>,
    ) -> Result<()> {
        self.change_user(name, |user| {
            user.roles = roles.clone().unwrap_or_else(|| std::mem::take(&mut user.roles));
            user.enabled = enabled.unwrap_or(user.enabled);
            Ok(())
        })
        .await
    }

    /// Gives a user another password, durably.
    pub async fn set_password(&self, name: &str, password: &str) -> Result<()> {
        let password = password.to_owned();
        let made =
            tokio::task::spawn_blocking(move || Verifiers::new(&password, Cost::DEFAULT, &mut rand::rng()));
        let verifiers =
            made.await.map_err(|error| Error::Internal(format!("hashing a password failed: {error}")))??;
        self.change_user(name, |user| {
            user.verifiers = Some(verifiers.clone());
            Ok(())
        })
        .await
    }

    /// Gives a user an access key, durably, and says what it is. Without an id one is made up; the secret is random unless given.
    /// Errors: the id is somebody's, this user's included; there is no such user; it has as many as it may.
    pub async fn add_access_key(
        &self,
        name: &str,
        id: Option<String>,
        secret: Option<String>,
    ) -> Result<(String, Plain)> {
        let id = id.unwrap_or_else(|| made_up(b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", "BK", 18));
        let letters = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
        let secret = Plain::new(secret.unwrap_or_else(|| made_up(letters, "", 40)));
        self.change_user(name, |user| {
            if user.access_keys.iter().any(|known| known.id == id) {
                return Err(Error::Conflict(format!("user \"{name}\" has the access key \"{id}\" already")));
            }
            user.put_access_key(&id, secret.expose(), &self.key, &mut rand::rng())
        })
        .await?;
        Ok((id, secret))
    }

    /// Takes an access key from a user, durably. Errors: it has none of this id.
    pub async fn remove_access_key(&self, name: &str, id: &str) -> Result<()> {
        self.change_user(name, |user| {
            let before = user.access_keys.len();
            user.access_keys.retain(|key| key.id != id);
            if user.access_keys.len() == before {
                return Err(Error::NotFound { what: "access key", name: id.to_owned() });
            }
            Ok(())
        })
        .await
    }

    /// Adds or replaces a role, durably.
    pub async fn put_role(&self, role: Role) -> Result<()> {
        self.change(|_| Ok(vec![Directory::put_role(role.clone())?])).await
    }

    /// Removes a role that nobody has, durably.
    pub async fn remove_role(&self, name: &str) -> Result<()> {
        self.change(|directory| Ok(vec![directory.delete_role(name)?])).await
    }
}

/// `prefix`, and `length` random letters.
fn made_up(letters: &[u8], prefix: &str, length: usize) -> String {
    let mut rng = rand::rng();
    let random = (0..length).map(|_| char::from(letters[rng.random_range(0..letters.len())]));
    prefix.chars().chain(random).collect()
}
