//! The way in: an address, TLS or not, and who comes.

use std::fmt;

use bole_net::client::Tls;
use bole_streams::sasl::Mechanism;

/// Where a stream service is and how its clients come in.
#[derive(Clone, Debug)]
pub struct Door {
    /// `HOST:PORT`
    pub addr: String,
    /// With TLS, whose certificate has to be good for the host.
    pub tls: Option<Tls>,
    /// Who comes; `None` for nobody in particular, or for whom a certificate names.
    pub login: Option<Login>,
}

/// How a client shows who it is.
#[derive(Clone)]
pub enum Login {
    /// By a user's password.
    Password(Password),
    /// By a token that another system has signed.
    Token(String),
}

/// A user and its password.
#[derive(Clone)]
pub struct Password {
    /// The user.
    pub user: String,
    /// Its password.
    pub password: String,
    /// How it is proven; `None` for the best that the server offers.
    pub mechanism: Option<Mechanism>,
}

impl Door {
    /// A door without TLS and without a login.
    pub fn plain(addr: &str) -> Self {
        Self { addr: addr.to_owned(), tls: None, login: None }
    }

    /// The host of the address: a name, or an IP address without brackets.
    pub fn host(&self) -> &str {
        let host = self.addr.rsplit_once(':').map_or(self.addr.as_str(), |(host, _)| host);
        host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host)
    }
}

impl fmt::Debug for Login {
    /// Without the token.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Password(password) => password.fmt(f),
            Self::Token(_) => f.write_str("Token"),
        }
    }
}

impl fmt::Debug for Password {
    /// Without the password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { user, password: _, mechanism } = self;
        f.debug_struct("Password").field("user", user).field("mechanism", mechanism).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_host_of_an_address() {
        for (addr, host) in
            [("a.example:1", "a.example"), ("10.0.0.1:1", "10.0.0.1"), ("[::1]:1", "::1"), ("a", "a")]
        {
            assert_eq!(Door::plain(addr).host(), host);
        }
    }

    #[test]
    fn secrets_are_not_printed() {
        let password = Password { user: "ann".to_owned(), password: "pencil".to_owned(), mechanism: None };
        let text = format!("{:?} {:?}", Login::Password(password), Login::Token("brush".to_owned()));
        assert!(text.contains("ann") && !text.contains("pencil") && !text.contains("brush"), "{text}");
    }
}
