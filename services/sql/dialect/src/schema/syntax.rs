//! Syntax trees of statements that change the schema.
//!
//! They are ours rather than the parser library's, because a clause that these cannot say is a syntax error or is refused by name; none is
//! read and forgotten.

use bole_sql_types::Error;
use sqlparser::ast::{DataType, Expr, Query};

use crate::catalog::Action;
pub use crate::catalog::names::Name;
pub use crate::catalog::temporary::OnCommit;

/// A statement that changes the schema.
#[derive(Clone, Debug, PartialEq)]
pub enum Statement {
    /// `CREATE SCHEMA`.
    CreateSchema {
        /// The name; without one it is the owner's.
        name: Option<String>,
        /// `IF NOT EXISTS`.
        if_not_exists: bool,
        /// `AUTHORIZATION`.
        owner: Option<Role>,
    },
    /// `CREATE TABLE`.
    CreateTable(Box<CreateTable>),
    /// `CREATE TABLE … AS`.
    CreateTableAs(Box<CreateTableAs>),
    /// `CREATE INDEX`.
    CreateIndex(Box<CreateIndex>),
    /// `CREATE VIEW`.
    CreateView(Box<CreateView>),
    /// `CREATE SEQUENCE`.
    CreateSequence {
        /// Its name.
        name: Name,
        /// `TEMPORARY`.
        temporary: bool,
        /// `IF NOT EXISTS`.
        if_not_exists: bool,
        /// In the order that they are written in.
        options: Vec<SequenceOption>,
    },
    /// `CREATE TYPE … AS ENUM`.
    CreateEnum {
        /// Its name.
        name: Name,
        /// In order.
        labels: Vec<String>,
    },
    /// `ALTER`.
    Alter {
        /// What kind of object.
        kind: Kind,
        /// Its name.
        name: Name,
        /// `IF EXISTS`.
        if_exists: bool,
        /// In the order that they are written in.
        actions: Vec<AlterAction>,
    },
    /// `DROP`.
    Drop {
        /// What kind of objects.
        kind: Kind,
        /// Their names.
        names: Vec<Name>,
        /// `IF EXISTS`.
        if_exists: bool,
        /// `CASCADE`.
        cascade: bool,
    },
    /// `COMMENT ON`.
    Comment {
        /// Of what.
        target: CommentTarget,
        /// The text; none takes it away.
        text: Option<String>,
    },
    /// `TRUNCATE`.
    Truncate {
        /// The tables.
        tables: Vec<Name>,
        /// `RESTART IDENTITY`.
        restart_identity: bool,
        /// `CASCADE`.
        cascade: bool,
    },
    /// `REINDEX`.
    Reindex {
        /// An index, a table or a schema; `None` is the whole database.
        kind: Option<Kind>,
        /// Its name.
        name: Name,
    },
    /// `REFRESH MATERIALIZED VIEW`.
    Refresh {
        /// Its name.
        name: Name,
        /// `CONCURRENTLY`.
        concurrently: bool,
        /// Not with `WITH NO DATA`.
        with_data: bool,
    },
    /// Something that there is not, with what to say of it.
    Refused(Error),
}

/// Kinds of objects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `SCHEMA`.
    Schema,
    /// `TABLE`.
    Table,
    /// `INDEX`.
    Index,
    /// `VIEW`.
    View,
    /// `MATERIALIZED VIEW`.
    MaterializedView,
    /// `SEQUENCE`.
    Sequence,
    /// `TYPE`.
    Type,
}

impl Kind {
    /// What messages call it.
    pub const fn noun(self) -> &'static str {
        match self {
            Self::Schema => "schema",
            Self::Table => "table",
            Self::Index => "index",
            Self::View => "view",
            Self::MaterializedView => "materialized view",
            Self::Sequence => "sequence",
            Self::Type => "type",
        }
    }
}

/// A user, where a statement names one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Role {
    /// By name.
    Named(String),
    /// `CURRENT_USER`, `SESSION_USER`, `CURRENT_ROLE`.
    Current,
}

/// `CREATE TABLE`.
#[derive(Clone, Debug, PartialEq)]
pub struct CreateTable {
    /// Its name.
    pub name: Name,
    /// `TEMPORARY`.
    pub temporary: bool,
    /// `ON COMMIT`.
    pub on_commit: Option<OnCommit>,
    /// `IF NOT EXISTS`.
    pub if_not_exists: bool,
    /// Columns, constraints and what is copied from other tables, in order.
    pub elements: Vec<TableElement>,
}

/// `CREATE TABLE … AS`.
#[expect(clippy::struct_excessive_bools, reason = "each is a clause of the statement")]
#[derive(Clone, Debug, PartialEq)]
pub struct CreateTableAs {
    /// Its name.
    pub name: Name,
    /// `TEMPORARY`.
    pub temporary: bool,
    /// `ON COMMIT`.
    pub on_commit: Option<OnCommit>,
    /// `IF NOT EXISTS`.
    pub if_not_exists: bool,
    /// Names of its columns, where they are written.
    pub columns: Vec<String>,
    /// What it is filled from.
    pub query: Box<Query>,
    /// Not with `WITH NO DATA`.
    pub with_data: bool,
    /// It is `CREATE MATERIALIZED VIEW`, so the query is kept.
    pub materialized: bool,
}

/// What stands between the parentheses of `CREATE TABLE`.
#[expect(clippy::large_enum_variant, reason = "most of them are columns")]
#[derive(Clone, Debug, PartialEq)]
pub enum TableElement {
    /// A column.
    Column(ColumnSpec),
    /// A constraint of the table.
    Constraint(ConstraintSpec),
    /// `LIKE`.
    Like {
        /// The table that is copied from.
        source: Name,
        /// Which parts besides names, types and NOT NULL.
        including: Including,
    },
}

/// What `LIKE` copies besides names, types and NOT NULL.
#[expect(clippy::struct_excessive_bools, reason = "each is a word of the statement")]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Including {
    /// `COMMENTS`.
    pub comments: bool,
    /// `CONSTRAINTS`: checks.
    pub constraints: bool,
    /// `DEFAULTS`.
    pub defaults: bool,
    /// `GENERATED`.
    pub generated: bool,
    /// `IDENTITY`.
    pub identity: bool,
    /// `INDEXES`: those of keys too.
    pub indexes: bool,
}

/// A column of `CREATE TABLE` or `ADD COLUMN`.
#[derive(Clone, Debug, PartialEq)]
pub struct ColumnSpec {
    /// Its name.
    pub name: String,
    /// Its type as written.
    pub ty: DataType,
    /// `COLLATE`.
    pub collation: Option<Name>,
    /// `NOT NULL`, `DEFAULT` and so on.
    pub constraints: Vec<ConstraintSpec>,
}

/// A constraint of a column or a table.
#[derive(Clone, Debug, PartialEq)]
pub struct ConstraintSpec {
    /// `CONSTRAINT`.
    pub name: Option<String>,
    /// What it demands.
    pub rule: RuleSpec,
    /// `DEFERRABLE`.
    pub deferrable: bool,
    /// `INITIALLY DEFERRED`.
    pub deferred: bool,
    /// `NOT VALID`.
    pub not_valid: bool,
}

/// What a constraint says. A column's own has no columns in it.
#[derive(Clone, Debug, PartialEq)]
pub enum RuleSpec {
    /// `NOT NULL`.
    NotNull,
    /// `NULL`.
    Null,
    /// `DEFAULT`.
    Default(Expr),
    /// `GENERATED ALWAYS AS (…) STORED`.
    Generated(Expr),
    /// `GENERATED … AS IDENTITY`.
    Identity {
        /// `ALWAYS` rather than `BY DEFAULT`.
        always: bool,
        /// The options of its sequence.
        options: Vec<SequenceOption>,
    },
    /// `CHECK`.
    Check(Expr),
    /// `PRIMARY KEY`.
    PrimaryKey {
        /// The columns.
        columns: Vec<String>,
        /// `INCLUDE`.
        include: Vec<String>,
    },
    /// `UNIQUE`.
    Unique {
        /// The columns.
        columns: Vec<String>,
        /// `INCLUDE`.
        include: Vec<String>,
        /// `NULLS NOT DISTINCT`.
        nulls_not_distinct: bool,
    },
    /// `PRIMARY KEY` or `UNIQUE USING INDEX`.
    UsingIndex {
        /// The index.
        index: String,
        /// `PRIMARY KEY`.
        primary: bool,
    },
    /// `REFERENCES`.
    ForeignKey {
        /// The columns here.
        columns: Vec<String>,
        /// The table there.
        target: Name,
        /// The columns there; the primary key without them.
        target_columns: Vec<String>,
        /// `ON UPDATE`.
        on_update: Action,
        /// `ON DELETE`.
        on_delete: Action,
        /// `MATCH FULL`.
        match_full: bool,
    },
}

/// An option of a sequence.
#[derive(Clone, Debug, PartialEq)]
pub enum SequenceOption {
    /// `AS`.
    As(DataType),
    /// `INCREMENT BY`.
    Increment(i64),
    /// `MINVALUE`; none: `NO MINVALUE`.
    Min(Option<i64>),
    /// `MAXVALUE`; none: `NO MAXVALUE`.
    Max(Option<i64>),
    /// `START WITH`.
    Start(i64),
    /// `CACHE`.
    Cache(i64),
    /// `CYCLE`, `NO CYCLE`.
    Cycle(bool),
    /// `RESTART WITH`; without a value at the start.
    Restart(Option<i64>),
    /// `OWNED BY` a table's column; none: `NONE`.
    OwnedBy(Option<(Name, String)>),
    /// `SEQUENCE NAME`, in identity columns.
    Called(Name),
}

/// `CREATE INDEX`.
#[expect(clippy::struct_excessive_bools, reason = "each is a word of the statement")]
#[derive(Clone, Debug, PartialEq)]
pub struct CreateIndex {
    /// Its name; PostgreSQL chooses one otherwise.
    pub name: Option<String>,
    /// The table.
    pub table: Name,
    /// `UNIQUE`.
    pub unique: bool,
    /// `CONCURRENTLY`.
    pub concurrently: bool,
    /// `IF NOT EXISTS`.
    pub if_not_exists: bool,
    /// `USING`.
    pub method: String,
    /// Its keys.
    pub keys: Vec<KeySpec>,
    /// `INCLUDE`.
    pub include: Vec<String>,
    /// `NULLS NOT DISTINCT`.
    pub nulls_not_distinct: bool,
    /// `WHERE`.
    pub predicate: Option<Expr>,
}

/// A key of `CREATE INDEX`.
#[derive(Clone, Debug, PartialEq)]
pub struct KeySpec {
    /// A column's name is an expression too.
    pub expression: Expr,
    /// `COLLATE`.
    pub collation: Option<Name>,
    /// The class of operators: `text_pattern_ops`.
    pub class: Option<Name>,
    /// `DESC`.
    pub descending: bool,
    /// `NULLS FIRST`, or `NULLS LAST`.
    pub nulls_first: Option<bool>,
}

/// `CREATE VIEW`.
#[derive(Clone, Debug, PartialEq)]
pub struct CreateView {
    /// Its name.
    pub name: Name,
    /// `TEMPORARY`.
    pub temporary: bool,
    /// `OR REPLACE`.
    pub replace: bool,
    /// Names of its columns, where they are written.
    pub columns: Vec<String>,
    /// What it shows.
    pub query: Box<Query>,
}

/// What `ALTER` does.
#[derive(Clone, Debug, PartialEq)]
pub enum AlterAction {
    /// `ADD COLUMN`.
    AddColumn {
        /// The column.
        column: ColumnSpec,
        /// `IF NOT EXISTS`.
        if_not_exists: bool,
    },
    /// `DROP COLUMN`.
    DropColumn {
        /// Its name.
        name: String,
        /// `IF EXISTS`.
        if_exists: bool,
        /// `CASCADE`.
        cascade: bool,
    },
    /// `RENAME COLUMN`.
    RenameColumn {
        /// Its name.
        from: String,
        /// Its new name.
        to: String,
    },
    /// `ALTER COLUMN … TYPE`.
    SetType {
        /// The column.
        column: String,
        /// Its new type.
        ty: DataType,
        /// `COLLATE`.
        collation: Option<Name>,
        /// `USING`.
        using: Option<Expr>,
    },
    /// `ALTER COLUMN … SET DEFAULT`; none: `DROP DEFAULT`.
    SetDefault {
        /// The column.
        column: String,
        /// The default.
        default: Option<Expr>,
    },
    /// `ALTER COLUMN … SET NOT NULL` and `DROP NOT NULL`.
    SetNotNull {
        /// The column.
        column: String,
        /// `SET`.
        not_null: bool,
    },
    /// `ALTER COLUMN … DROP EXPRESSION`.
    DropExpression {
        /// The column.
        column: String,
        /// `IF EXISTS`.
        if_exists: bool,
    },
    /// `ALTER COLUMN … ADD GENERATED … AS IDENTITY`.
    AddIdentity {
        /// The column.
        column: String,
        /// `ALWAYS`.
        always: bool,
        /// Of the sequence.
        options: Vec<SequenceOption>,
    },
    /// `ALTER COLUMN … SET GENERATED`, and options of its sequence.
    SetIdentity {
        /// The column.
        column: String,
        /// `ALWAYS` or `BY DEFAULT`, if it is said.
        always: Option<bool>,
        /// Of the sequence.
        options: Vec<SequenceOption>,
    },
    /// `ALTER COLUMN … DROP IDENTITY`.
    DropIdentity {
        /// The column.
        column: String,
        /// `IF EXISTS`.
        if_exists: bool,
    },
    /// `ADD CONSTRAINT`.
    AddConstraint(ConstraintSpec),
    /// `DROP CONSTRAINT`.
    DropConstraint {
        /// Its name.
        name: String,
        /// `IF EXISTS`.
        if_exists: bool,
        /// `CASCADE`.
        cascade: bool,
    },
    /// `ALTER CONSTRAINT`.
    AlterConstraint {
        /// Its name.
        name: String,
        /// `DEFERRABLE`.
        deferrable: bool,
        /// `INITIALLY DEFERRED`.
        deferred: bool,
    },
    /// `RENAME CONSTRAINT`.
    RenameConstraint {
        /// Its name.
        from: String,
        /// Its new name.
        to: String,
    },
    /// `VALIDATE CONSTRAINT`.
    ValidateConstraint(String),
    /// `RENAME TO`.
    Rename(String),
    /// `SET SCHEMA`.
    SetSchema(String),
    /// `OWNER TO`.
    Owner(Role),
    /// Options of `ALTER SEQUENCE`.
    Sequence(Vec<SequenceOption>),
    /// `ALTER TYPE … ADD VALUE`.
    AddValue {
        /// The label.
        label: String,
        /// `IF NOT EXISTS`.
        if_not_exists: bool,
        /// `BEFORE` or, if true, `AFTER` another one.
        beside: Option<(bool, String)>,
    },
    /// `ALTER TYPE … RENAME VALUE`.
    RenameValue {
        /// The label.
        from: String,
        /// The new one.
        to: String,
    },
    /// Something that there is not.
    Refused(Error),
}

/// What `COMMENT ON` speaks of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CommentTarget {
    /// An object.
    Object(Kind, Name),
    /// A column of a relation.
    Column(Name, String),
    /// A constraint of a table.
    Constraint(Name, String),
}
