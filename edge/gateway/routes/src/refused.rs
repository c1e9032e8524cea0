//! Why a request is refused before any route is looked for, and with which status.

use bole_gateway_document::path;
use http::StatusCode;

/// What is wrong with a request. Each is refused because two readers could take it for different requests, or because it is
/// too large.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum Refused {
    /// CR without LF, or LF without CR.
    #[error("a line ends with CR LF; one of both is missing")]
    LineEnd,
    /// A control character.
    #[error("a control character in the head")]
    Control,
    /// The request line has not exactly one blank between its three parts.
    #[error("the request line is not METHOD TARGET HTTP/1.1 with single blanks")]
    RequestLine,
    /// A method that is no token, or too long.
    #[error("the method is not a name of at most 32 characters")]
    Method,
    /// `CONNECT` and `TRACE`.
    #[error("CONNECT and TRACE are not served")]
    MethodRefused,
    /// A version that is not spoken.
    #[error("the version is not HTTP/1.0, HTTP/1.1 or HTTP/2")]
    Version,
    /// A target that is too long.
    #[error("the target is too long")]
    TargetLong,
    /// A target that is no path.
    #[error("the target is no path: {0}")]
    Path(#[from] path::Refused),
    /// A target of another form than it may have.
    #[error("the target is neither a path nor a URL")]
    Target,
    /// A line that continues the one before (obs-fold), or begins with a blank.
    #[error("a header line begins with a blank")]
    Fold,
    /// A blank between name and colon.
    #[error("a blank before the colon of a header")]
    BlankBeforeColon,
    /// A name of a header that is no token.
    #[error("a header's name has characters that no name has")]
    Name,
    /// Too many header fields, or too large ones.
    #[error("the header has too many fields, or too many bytes")]
    FieldsLarge,
    /// Not exactly one `Host`.
    #[error("not exactly one Host")]
    Host,
    /// A `Host` that is no host.
    #[error("the Host is neither a name nor an address")]
    HostSyntax,
    /// Two hosts that disagree: `Host`, `:authority`, the target.
    #[error("the target and Host name different hosts")]
    HostsDisagree,
    /// Several `Content-Length`, or one that is no number.
    #[error("Content-Length is not one number")]
    ContentLength,
    /// A `Transfer-Encoding` other than `chunked` alone.
    #[error("Transfer-Encoding is not chunked alone")]
    TransferEncoding,
    /// Both.
    #[error("Content-Length together with Transfer-Encoding")]
    TwoLengths,
    /// `Transfer-Encoding` where the version has none.
    #[error("Transfer-Encoding in a version that does not have it")]
    TransferEncodingVersion,
    /// Headers of a connection in HTTP/2.
    #[error("a header of HTTP/1 connections in HTTP/2")]
    ConnectionHeader,
    /// An `Expect` other than `100-continue`.
    #[error("an expectation other than 100-continue")]
    Expect,
    /// The size of a chunk is no number.
    #[error("the size of a chunk is not a hexadecimal number")]
    ChunkSize,
    /// Extensions of chunks that are too long.
    #[error("the extensions of chunks are too long")]
    ChunkExtension,
    /// A chunk that does not end where it said.
    #[error("a chunk does not end where its size says")]
    ChunkEnd,
    /// A trailer that frames or routes.
    #[error("a trailer that belongs into the header")]
    Trailer,
    /// Bytes after a request to upgrade, before it was answered.
    #[error("bytes after a request to upgrade, before it was answered")]
    Premature,
}

impl Refused {
    /// The status that tells it.
    pub fn status(self) -> StatusCode {
        match self {
            Self::TargetLong | Self::Path(path::Refused::TooLong) => StatusCode::URI_TOO_LONG,
            Self::FieldsLarge => StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
            Self::MethodRefused => StatusCode::METHOD_NOT_ALLOWED,
            Self::Version => StatusCode::HTTP_VERSION_NOT_SUPPORTED,
            Self::Expect => StatusCode::EXPECTATION_FAILED,
            _ => StatusCode::BAD_REQUEST,
        }
    }
}
