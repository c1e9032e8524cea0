//! Bounds, each with what happens when it is hit.

use std::time::Duration;

/// Bytes of a token, of a credential in a header, of a key. Longer ones are refused unread.
pub const CREDENTIAL_BYTES_MAX: usize = 16 << 10;
/// Bytes of a parameter of a signed link, as it is written. Longer ones are refused.
pub const LINK_VALUE_BYTES_MAX: usize = 4 << 10;
/// Passwords that are hashed at a time; each takes a thread and 19 MiB with the usual cost.
pub const HASHING_MAX: usize = 2;
/// Logins that wait for a hash. Further ones get 503.
pub const HASHING_WAITING_MAX: usize = 1_000;
/// Memory that a password's verifier in a document may ask for, in KiB; more is refused with the document.
pub const ARGON2_KIB_MAX: u32 = 256 << 10;
/// Passes that it may ask for.
pub const ARGON2_PASSES_MAX: u32 = 16;
/// Verified passwords that are remembered, 32 bytes each and their place; the oldest go.
pub const PASSWORDS_MAX: usize = 10_000;
/// For how long they are.
pub const PASSWORD_TTL: Duration = Duration::from_mins(10);
/// Verified tokens that are remembered; the oldest go.
pub const TOKENS_MAX: usize = 20_000;
/// Bytes of tokens, together, that are remembered; the oldest go.
pub const TOKEN_BYTES_MAX: usize = 32 << 20;
/// For how long at most, however late they expire.
pub const TOKEN_TTL: Duration = Duration::from_mins(10);
/// Keys of a key set. A set with more is refused.
pub const KEYS_MAX: usize = 64;
/// Bytes of a key set, of a discovery document, of an answer of a token endpoint. Larger ones are refused.
pub const FETCHED_BYTES_MAX: usize = 256 << 10;
/// How old a key set becomes before it is fetched again.
pub const KEYS_REFRESH: Duration = Duration::from_mins(10);
/// How old it may become while fetches fail. Then its keys are taken no more, and tokens get 503.
pub const KEYS_STALE: Duration = Duration::from_hours(24);
/// Between two fetches that an unknown key id asked for.
pub const KEYS_UNKNOWN_INTERVAL: Duration = Duration::from_secs(30);
/// Between two fetches after one failed.
pub const KEYS_RETRY_INTERVAL: Duration = Duration::from_secs(5);
/// How long a request waits for a fetch of keys.
pub const KEYS_WAIT: Duration = Duration::from_secs(10);
/// Sources of keys whose state is kept over reloads of the document; those that nobody uses go first.
pub const SOURCES_MAX: usize = 1_000;
/// How far clocks may be apart, where a document does not say.
pub const CLOCK_SKEW: Duration = Duration::from_secs(30);
/// Signatures that are remembered, to refuse their repetition. While as many are within their window, further ones get 503.
pub const REPLAYS_MAX: usize = 200_000;
/// Components that a signature covers.
pub const COMPONENTS_MAX: usize = 64;
/// Members of a structured field.
pub const FIELD_MEMBERS_MAX: usize = 64;
/// Bytes of an answer of a forward-auth server that go on to the client. Longer ones become 502.
pub const FORWARD_BODY_MAX: usize = 64 << 10;
/// Bytes of a cookie with its name: browsers keep 4,096.
pub const COOKIE_BYTES_MAX: usize = 3_800;
/// Cookies that a session may take: its id token is left out, then its refresh token, rather than more.
pub const COOKIE_CHUNKS_MAX: usize = 4;
/// How long a browser may take at the provider.
pub const LOGIN_TTL: Duration = Duration::from_mins(10);
/// Logins under way in one browser. The next one forgets all others.
pub const LOGINS_MAX: usize = 4;
/// Bytes of the path to which a browser comes back; longer ones come back to `/`.
pub const RETURN_BYTES_MAX: usize = 1_024;
/// Refreshed sessions that are remembered for requests that come with the old cookie; the oldest go.
pub const REFRESHED_MAX: usize = 10_000;
/// For how long.
pub const REFRESHED_TTL: Duration = Duration::from_mins(1);
/// How long a session goes on while its provider cannot be reached to refresh it. Then it ends.
pub const REFRESH_GRACE: Duration = Duration::from_mins(10);
/// Between two attempts meanwhile.
pub const REFRESH_RETRY: Duration = Duration::from_secs(30);
/// Bytes of a header made from a claim. A longer claim is not sent on.
pub const CLAIM_HEADER_BYTES_MAX: usize = 4 << 10;
/// How long a session may last, however often it is visited.
pub const SESSION_MAX: Duration = Duration::from_hours(24 * 30);
/// Refreshes under way before abandoned ones are swept out.
pub const REFRESHING_MAX: usize = 1_000;
