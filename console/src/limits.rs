//! The bounds of the console. Those of the services behind it hold as well.

use std::time::Duration;

/// Sessions at a time; the one that was used least recently makes room for a new one.
pub const SESSIONS_MAX: usize = 1_024;
/// Sessions of one user, likewise.
pub const SESSIONS_PER_USER_MAX: usize = 16;
/// How long a session that nobody uses lasts.
pub const SESSION_IDLE: Duration = Duration::from_hours(1);
/// How long any session lasts.
pub const SESSION_LIFETIME: Duration = Duration::from_hours(12);

/// Failed logins from one address, and for one user, within [`TRIES_WINDOW`]; further ones are refused without a look at the password.
pub const TRIES_MAX: u32 = 10;
/// See [`TRIES_MAX`].
pub const TRIES_WINDOW: Duration = Duration::from_mins(1);
/// Addresses and users whose failures are remembered.
pub const TRIES_KEPT_MAX: usize = 4_096;

/// Bytes of a form.
pub const FORM_BYTES_MAX: usize = 1 << 20;
/// Bytes of a file that is uploaded; larger ones are for S3's clients.
pub const UPLOAD_BYTES_MAX: usize = 16 << 20;
/// Uploads at once.
pub const UPLOADS_MAX: usize = 2;

/// Rows of a table on one page.
pub const ROWS_MAX: usize = 100;
/// Records on one page.
pub const RECORDS_MAX: usize = 50;
/// Elements of a key's value on one page.
pub const ELEMENTS_MAX: usize = 100;
/// Bytes of a string's value on one page.
pub const VALUE_BYTES_MAX: usize = 16 << 10;
/// Characters of one cell.
pub const CELL_CHARS_MAX: usize = 1_000;

/// Rows of a statement's result.
pub const STATEMENT_ROWS_MAX: usize = 500;
/// Bytes of a statement's result.
pub const STATEMENT_BYTES_MAX: usize = 4 << 20;
/// How long a statement may run.
pub const STATEMENT_TIMEOUT: Duration = Duration::from_secs(10);
/// Statements at once.
pub const STATEMENTS_MAX: usize = 4;
