//! What is reported to SQL clients: a SQLSTATE, a message, and what PostgreSQL adds to it.

use std::fmt;

/// A result of SQL.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Five characters (PostgreSQL's appendix A, "PostgreSQL Error Codes").
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct SqlState(pub [u8; 5]);

macro_rules! states {
    ($($name:ident $code:literal $what:literal),+ $(,)?) => {
        impl SqlState {
            $(#[doc = concat!("`", $what, "`.")] pub const $name: Self = Self(*$code);)+
        }
    };
}

states! {
    SUCCESSFUL_COMPLETION b"00000" "successful_completion",
    CONNECTION_EXCEPTION b"08000" "connection_exception",
    PROTOCOL_VIOLATION b"08P01" "protocol_violation",
    FEATURE_NOT_SUPPORTED b"0A000" "feature_not_supported",
    CARDINALITY_VIOLATION b"21000" "cardinality_violation",
    DATA_EXCEPTION b"22000" "data_exception",
    STRING_DATA_RIGHT_TRUNCATION b"22001" "string_data_right_truncation",
    NUMERIC_VALUE_OUT_OF_RANGE b"22003" "numeric_value_out_of_range",
    NULL_VALUE_NOT_ALLOWED b"22004" "null_value_not_allowed",
    INVALID_DATETIME_FORMAT b"22007" "invalid_datetime_format",
    DATETIME_FIELD_OVERFLOW b"22008" "datetime_field_overflow",
    INVALID_TIME_ZONE_DISPLACEMENT_VALUE b"22009" "invalid_time_zone_displacement_value",
    SUBSTRING_ERROR b"22011" "substring_error",
    DIVISION_BY_ZERO b"22012" "division_by_zero",
    INVALID_ARGUMENT_FOR_LOGARITHM b"2201E" "invalid_argument_for_logarithm",
    INVALID_ARGUMENT_FOR_POWER_FUNCTION b"2201F" "invalid_argument_for_power_function",
    INVALID_ROW_COUNT_IN_LIMIT_CLAUSE b"2201W" "invalid_row_count_in_limit_clause",
    INVALID_ROW_COUNT_IN_RESULT_OFFSET_CLAUSE b"2201X" "invalid_row_count_in_result_offset_clause",
    SEQUENCE_GENERATOR_LIMIT_EXCEEDED b"2200H" "sequence_generator_limit_exceeded",
    INVALID_REGULAR_EXPRESSION b"2201B" "invalid_regular_expression",
    INTERVAL_FIELD_OVERFLOW b"22015" "interval_field_overflow",
    CHARACTER_NOT_IN_REPERTOIRE b"22021" "character_not_in_repertoire",
    INVALID_PARAMETER_VALUE b"22023" "invalid_parameter_value",
    INVALID_JSON_TEXT b"22030" "duplicate or invalid JSON text",
    ARRAY_SUBSCRIPT_ERROR b"2202E" "array_subscript_error",
    INVALID_SQL_JSON_SUBSCRIPT b"22033" "invalid_sql_json_subscript",
    MORE_THAN_ONE_SQL_JSON_ITEM b"22034" "more_than_one_sql_json_item",
    NO_SQL_JSON_ITEM b"22035" "no_sql_json_item",
    NON_NUMERIC_SQL_JSON_ITEM b"22036" "non_numeric_sql_json_item",
    SINGLETON_SQL_JSON_ITEM_REQUIRED b"22038" "singleton_sql_json_item_required",
    SQL_JSON_ARRAY_NOT_FOUND b"22039" "sql_json_array_not_found",
    SQL_JSON_MEMBER_NOT_FOUND b"2203A" "sql_json_member_not_found",
    SQL_JSON_NUMBER_NOT_FOUND b"2203B" "sql_json_number_not_found",
    SQL_JSON_OBJECT_NOT_FOUND b"2203C" "sql_json_object_not_found",
    INVALID_TEXT_REPRESENTATION b"22P02" "invalid_text_representation",
    INVALID_BINARY_REPRESENTATION b"22P03" "invalid_binary_representation",
    UNTRANSLATABLE_CHARACTER b"22P05" "untranslatable_character",
    BAD_COPY_FILE_FORMAT b"22P04" "bad_copy_file_format",
    ARRAY_ELEMENT_ERROR b"2202E" "array_element_error",
    NOT_NULL_VIOLATION b"23502" "not_null_violation",
    FOREIGN_KEY_VIOLATION b"23503" "foreign_key_violation",
    UNIQUE_VIOLATION b"23505" "unique_violation",
    CHECK_VIOLATION b"23514" "check_violation",
    INVALID_CURSOR_STATE b"24000" "invalid_cursor_state",
    INVALID_TRANSACTION_STATE b"25000" "invalid_transaction_state",
    ACTIVE_SQL_TRANSACTION b"25001" "active_sql_transaction",
    READ_ONLY_SQL_TRANSACTION b"25006" "read_only_sql_transaction",
    NO_ACTIVE_SQL_TRANSACTION b"25P01" "no_active_sql_transaction",
    IN_FAILED_SQL_TRANSACTION b"25P02" "in_failed_sql_transaction",
    IDLE_IN_TRANSACTION_SESSION_TIMEOUT b"25P03" "idle_in_transaction_session_timeout",
    INVALID_SQL_STATEMENT_NAME b"26000" "invalid_sql_statement_name",
    INVALID_AUTHORIZATION_SPECIFICATION b"28000" "invalid_authorization_specification",
    INVALID_PASSWORD b"28P01" "invalid_password",
    DEPENDENT_OBJECTS_STILL_EXIST b"2BP01" "dependent_objects_still_exist",
    INVALID_CURSOR_NAME b"34000" "invalid_cursor_name",
    INVALID_SAVEPOINT_SPECIFICATION b"3B001" "invalid_savepoint_specification",
    INVALID_CATALOG_NAME b"3D000" "invalid_catalog_name",
    INVALID_SCHEMA_NAME b"3F000" "invalid_schema_name",
    SERIALIZATION_FAILURE b"40001" "serialization_failure",
    DEADLOCK_DETECTED b"40P01" "deadlock_detected",
    INSUFFICIENT_PRIVILEGE b"42501" "insufficient_privilege",
    SYNTAX_ERROR b"42601" "syntax_error",
    INVALID_NAME b"42602" "invalid_name",
    DUPLICATE_COLUMN b"42701" "duplicate_column",
    AMBIGUOUS_COLUMN b"42702" "ambiguous_column",
    UNDEFINED_COLUMN b"42703" "undefined_column",
    UNDEFINED_OBJECT b"42704" "undefined_object",
    DUPLICATE_OBJECT b"42710" "duplicate_object",
    DUPLICATE_ALIAS b"42712" "duplicate_alias",
    AMBIGUOUS_FUNCTION b"42725" "ambiguous_function",
    GROUPING_ERROR b"42803" "grouping_error",
    DATATYPE_MISMATCH b"42804" "datatype_mismatch",
    WRONG_OBJECT_TYPE b"42809" "wrong_object_type",
    INVALID_FOREIGN_KEY b"42830" "invalid_foreign_key",
    CANNOT_COERCE b"42846" "cannot_coerce",
    UNDEFINED_FUNCTION b"42883" "undefined_function",
    GENERATED_ALWAYS b"428C9" "generated_always",
    UNDEFINED_TABLE b"42P01" "undefined_table",
    UNDEFINED_PARAMETER b"42P02" "undefined_parameter",
    DUPLICATE_CURSOR b"42P03" "duplicate_cursor",
    DUPLICATE_DATABASE b"42P04" "duplicate_database",
    DUPLICATE_PREPARED_STATEMENT b"42P05" "duplicate_prepared_statement",
    DUPLICATE_SCHEMA b"42P06" "duplicate_schema",
    DUPLICATE_TABLE b"42P07" "duplicate_table",
    INVALID_COLUMN_REFERENCE b"42P10" "invalid_column_reference",
    INVALID_TABLE_DEFINITION b"42P16" "invalid_table_definition",
    WINDOWING_ERROR b"42P20" "windowing_error",
    INDETERMINATE_DATATYPE b"42P18" "indeterminate_datatype",
    DISK_FULL b"53100" "disk_full",
    OUT_OF_MEMORY b"53200" "out_of_memory",
    TOO_MANY_CONNECTIONS b"53300" "too_many_connections",
    CONFIGURATION_LIMIT_EXCEEDED b"53400" "configuration_limit_exceeded",
    PROGRAM_LIMIT_EXCEEDED b"54000" "program_limit_exceeded",
    STATEMENT_TOO_COMPLEX b"54001" "statement_too_complex",
    TOO_MANY_COLUMNS b"54011" "too_many_columns",
    TOO_MANY_ARGUMENTS b"54023" "too_many_arguments",
    OBJECT_NOT_IN_PREREQUISITE_STATE b"55000" "object_not_in_prerequisite_state",
    OBJECT_IN_USE b"55006" "object_in_use",
    CANT_CHANGE_RUNTIME_PARAM b"55P02" "cant_change_runtime_param",
    LOCK_NOT_AVAILABLE b"55P03" "lock_not_available",
    QUERY_CANCELED b"57014" "query_canceled",
    ADMIN_SHUTDOWN b"57P01" "admin_shutdown",
    IDLE_SESSION_TIMEOUT b"57P05" "idle_session_timeout",
    CANNOT_CONNECT_NOW b"57P03" "cannot_connect_now",
    IO_ERROR b"58030" "io_error",
    SNAPSHOT_TOO_OLD b"72000" "snapshot_too_old",
    INTERNAL_ERROR b"XX000" "internal_error",
    DATA_CORRUPTED b"XX001" "data_corrupted",
}

impl SqlState {
    /// The five characters.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or("XX000")
    }
}

impl fmt::Debug for SqlState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What a client is told. Fields as in PostgreSQL's `ErrorResponse`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    /// The SQLSTATE.
    pub state: SqlState,
    /// One sentence in PostgreSQL's words where it has some, without a full stop.
    pub message: String,
    /// What PostgreSQL adds to the message; boxed because most errors have none of it.
    pub more: Option<Box<More>>,
}

/// What an error says beyond its message.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct More {
    /// Whole sentences.
    pub detail: Option<String>,
    /// What to do, in whole sentences.
    pub hint: Option<String>,
    /// Where in the statement's text: in characters, the first is 1.
    pub position: Option<u32>,
    /// Where it happened, besides the statement: `COPY t, line 3`.
    pub context: Option<String>,
    /// The schema of what failed.
    pub schema: Option<String>,
    /// Its table.
    pub table: Option<String>,
    /// Its column.
    pub column: Option<String>,
    /// Its constraint.
    pub constraint: Option<String>,
}

impl Error {
    /// An error that has only a message.
    pub fn new(state: SqlState, message: impl Into<String>) -> Self {
        Self { state, message: message.into(), more: None }
    }

    /// SQLSTATE 0A000. `what` is a noun phrase: `{what} is not supported`.
    pub fn unsupported(what: impl fmt::Display) -> Self {
        Self::new(SqlState::FEATURE_NOT_SUPPORTED, format!("{what} is not supported"))
    }

    /// What is said beyond the message, to fill in.
    pub fn more(&mut self) -> &mut More {
        self.more.get_or_insert_default()
    }

    /// The same with another message.
    #[must_use]
    pub fn with_message(mut self, message: impl Into<String>) -> Self {
        self.message = message.into();
        self
    }

    /// The same with a detail.
    #[must_use]
    pub fn with_detail(mut self, detail: impl Into<String>) -> Self {
        self.more().detail = Some(detail.into());
        self
    }

    /// The same with a hint.
    #[must_use]
    pub fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.more().hint = Some(hint.into());
        self
    }

    /// The same with a position in the statement's text, unless it has one: in characters, the first is 1.
    #[must_use]
    pub fn at(mut self, position: u32) -> Self {
        if position > 0 {
            self.more().position.get_or_insert(position);
        }
        self
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.message, self.state.as_str())
    }
}

impl std::error::Error for Error {}
