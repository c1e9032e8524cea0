//! Which users have a password that SCRAM can check, and at what cost. Never the secrets.

use std::sync::Arc;

use bole_identity::{Directory, ScramHash, User};

use super::{Handle, Outcome};
use crate::Error;
use crate::protocol::messages::describe_user_scram_credentials::{
    CredentialInfo, DescribeUserScramCredentialsResult, Request, Response,
};
use crate::protocol::{ErrorCode, Text};
use crate::session::{Action, Session, message};

/// The mechanisms, by the protocol's numbers.
pub(super) const MECHANISMS: [(i8, ScramHash); 2] = [(1, ScramHash::Sha256), (2, ScramHash::Sha512)];

impl Handle for Request {
    async fn handle(self, session: Arc<Session>, _version: i16) -> Outcome<Response> {
        match describe(&session, &self) {
            Ok(results) => Response { results, ..Response::default() },
            Err(error) => {
                super::refused(&session);
                let (error_code, error_message) = (error.code() as i16, message(&error));
                Response { error_code, error_message, ..Response::default() }
            }
        }
        .into()
    }
}

fn describe(session: &Session, request: &Request) -> Result<Vec<DescribeUserScramCredentialsResult>, Error> {
    session.check_cluster(Action::Describe)?;
    let asked = request.users.as_ref().filter(|users| !users.is_empty());
    let look = |directory: &Directory| match asked {
        None => directory.users().filter_map(|user| tell(user)).collect(),
        Some(users) => users
            .iter()
            .enumerate()
            .map(|(at, user)| {
                let name = &user.name;
                if users[..at].iter().any(|other| other.name == *name) {
                    return refuse(name, ErrorCode::DuplicateResource, "is asked for twice");
                }
                let found = directory.user(name).and_then(|user| tell(user));
                found.unwrap_or_else(|| refuse(name, ErrorCode::ResourceNotFound, "has no SCRAM credentials"))
            })
            .collect(),
    };
    Ok(session.service.identity.read(look)?)
}

fn tell(user: &User) -> Option<DescribeUserScramCredentialsResult> {
    let verifiers = user.verifiers.as_ref()?;
    let infos = MECHANISMS.into_iter().filter_map(|(mechanism, hash)| {
        let keys = verifiers.scram(hash)?;
        Some(CredentialInfo { mechanism, iterations: keys.iterations as i32 })
    });
    let credential_infos: Vec<_> = infos.collect();
    (!credential_infos.is_empty()).then(|| DescribeUserScramCredentialsResult {
        user: Text::from(user.name.as_str()),
        credential_infos,
        ..DescribeUserScramCredentialsResult::default()
    })
}

fn refuse(user: &Text, code: ErrorCode, why: &str) -> DescribeUserScramCredentialsResult {
    DescribeUserScramCredentialsResult {
        user: user.clone(),
        error_code: code as i16,
        error_message: Some(Text::from(format!("user \"{user}\" {why}"))),
        ..DescribeUserScramCredentialsResult::default()
    }
}
