//! Errors as clients read them: the library's form of ours, with the codes and statuses of the one table in [`crate::error`].

use bole_base::Kind;
use s3s::{S3Error, S3ErrorCode};

use crate::error::Error;
use crate::{bodies, state};

impl From<Error> for S3Error {
    fn from(error: Error) -> Self {
        let name = error.code.name();
        let code =
            S3ErrorCode::from_bytes(name.as_bytes()).unwrap_or_else(|| S3ErrorCode::Custom(name.into()));
        let mut wire = Self::with_message(code, error.message);
        if let Ok(status) = hyper::StatusCode::from_u16(error.code.status()) {
            wire.set_status_code(status);
        }
        wire
    }
}

/// The operation failed: what is not for clients goes to the log.
impl From<state::Error> for S3Error {
    fn from(error: state::Error) -> Self {
        tell(error.kind(), &error);
        error.refusal().into()
    }
}

/// The body failed.
impl From<bodies::Error> for S3Error {
    fn from(error: bodies::Error) -> Self {
        if let bodies::Error::Chunks(chunk) = &error {
            tell(chunk.kind(), &error);
        }
        error.to_client().into()
    }
}

fn tell(kind: Kind, error: &(dyn std::error::Error + 'static)) {
    if matches!(kind, Kind::Corrupt | Kind::Io | Kind::Internal) {
        tracing::error!(error, "a request to the blobs failed");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Code;

    /// Codes that S3 has in answers and the library not in its list.
    const OWN: [Code; 6] = [
        Code::AccessForbidden,
        Code::BadRequest,
        Code::InvalidPartNumber,
        Code::InvalidRetentionPeriod,
        Code::NoSuchPublicAccessBlockConfiguration,
        Code::XAmzContentSHA256Mismatch,
    ];

    #[test]
    fn every_code_has_its_name_and_status_on_the_wire() {
        for code in Code::ALL {
            let wire = S3Error::from(Error::new(*code, "why"));
            assert_eq!(wire.code().as_str(), code.name());
            assert_eq!(wire.status_code().unwrap().as_u16(), code.status(), "{code:?}");
            assert_eq!(wire.message(), Some("why"));
            assert_eq!(matches!(wire.code(), S3ErrorCode::Custom(_)), OWN.contains(code), "{code:?}");
            let usual = wire.code().status_code().map_or(code.status(), |status| status.as_u16());
            // S3 answers 404 where there is no such setting; the library's list has one of them otherwise.
            let differs = *code == Code::ServerSideEncryptionConfigurationNotFoundError;
            assert_eq!(usual != code.status(), differs, "{code:?} is {usual} for the library");
        }
    }
}
