//! The types that there are, by PostgreSQL's OIDs.
//!
//! Types with an OID of [`Type::FIRST_USER`] or above are enums and arrays of enums; the catalog says what they are. All others are in
//! [`Type::built_in`], with PostgreSQL's own numbers (`pg_type.dat`).

use crate::storage::Collation;

/// A type, by its OID.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Type(pub u32);

/// What kind of values a type has, for the choice of operators (PostgreSQL's `typcategory`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Category {
    /// `A`.
    Array,
    /// `B`.
    Boolean,
    /// `D`: dates and times.
    DateTime,
    /// `E`.
    Enum,
    /// `N`.
    Numeric,
    /// `P`: types that no column can have.
    Pseudo,
    /// `S`.
    String,
    /// `T`: interval.
    Timespan,
    /// `U`: others.
    User,
    /// `X`: a literal whose type is not known yet.
    Unknown,
    /// `Z`: internal.
    Internal,
}

impl Category {
    /// PostgreSQL's letter.
    pub const fn letter(self) -> char {
        match self {
            Self::Array => 'A',
            Self::Boolean => 'B',
            Self::DateTime => 'D',
            Self::Enum => 'E',
            Self::Numeric => 'N',
            Self::Pseudo => 'P',
            Self::String => 'S',
            Self::Timespan => 'T',
            Self::User => 'U',
            Self::Unknown => 'X',
            Self::Internal => 'Z',
        }
    }
}

/// One row of [`Type::built_in`].
#[derive(Clone, Copy, Debug)]
pub struct Info {
    /// The type.
    pub of: Type,
    /// Its name in `pg_type`: `int4`.
    pub name: &'static str,
    /// Its name as `format_type` prints it: `integer`.
    pub sql_name: &'static str,
    /// Its category.
    pub category: Category,
    /// Whether the category's others are converted to it rather than it to them.
    pub preferred: bool,
    /// Bytes of PostgreSQL's own form (`typlen`): -1 if they vary, -2 for a C string.
    pub length: i16,
    /// The type of its arrays, if it has any.
    pub array: Option<Type>,
    /// For an array: of what.
    pub element: Option<Type>,
    /// How its storage forms are compared, where their own order is not PostgreSQL's.
    pub collation: Option<Collation>,
}

macro_rules! built_in {
    ($($name:ident $oid:literal $pg:literal $sql:literal $category:ident $preferred:literal $length:literal
       $array:literal $collation:expr, $array_collation:expr;)+) => {
        impl Type {
            $(#[doc = concat!("`", $sql, "`.")] pub const $name: Self = Self($oid);)+
        }
        /// Every type that is not an array and not the user's.
        const SCALARS: &[Info] = &[$(Info {
            of: Type($oid), name: $pg, sql_name: $sql, category: Category::$category, preferred: $preferred, length: $length,
            array: if $array == 0 { None } else { Some(Type($array)) }, element: None, collation: $collation,
        }),+];
        /// The arrays of the types in `SCALARS`.
        const ARRAYS: &[Info] = &[$(Info {
            of: Type($array), name: concat!("_", $pg), sql_name: concat!($sql, "[]"), category: Category::Array, preferred: false,
            length: -1, array: None, element: Some(Type($oid)), collation: $array_collation,
        }),+];
    };
}

use Collation as C;

built_in! {
    BOOL 16 "bool" "boolean" Boolean true 1 1000 None, Some(C::ArrayOfIntegers);
    BYTEA 17 "bytea" "bytea" User false -1 1001 None, Some(C::ArrayOfText);
    CHAR 18 "char" "\"char\"" Internal false 1 1002 None, Some(C::ArrayOfText);
    NAME 19 "name" "name" String false 64 1003 None, Some(C::ArrayOfText);
    INT8 20 "int8" "bigint" Numeric false 8 1016 None, Some(C::ArrayOfIntegers);
    INT2 21 "int2" "smallint" Numeric false 2 1005 None, Some(C::ArrayOfIntegers);
    INT4 23 "int4" "integer" Numeric false 4 1007 None, Some(C::ArrayOfIntegers);
    REGPROC 24 "regproc" "regproc" Numeric false 4 1008 None, Some(C::ArrayOfIntegers);
    TEXT 25 "text" "text" String true -1 1009 None, Some(C::ArrayOfText);
    OID 26 "oid" "oid" Numeric true 4 1028 None, Some(C::ArrayOfIntegers);
    XID 28 "xid" "xid" User false 4 1011 None, Some(C::ArrayOfIntegers);
    JSON 114 "json" "json" User false -1 199 None, None;
    FLOAT4 700 "float4" "real" Numeric false 4 1021 None, Some(C::ArrayOfFloats);
    FLOAT8 701 "float8" "double precision" Numeric true 8 1022 None, Some(C::ArrayOfFloats);
    BPCHAR 1042 "bpchar" "character" String false -1 1014 Some(C::Bpchar), Some(C::ArrayOfText);
    VARCHAR 1043 "varchar" "character varying" String false -1 1015 None, Some(C::ArrayOfText);
    DATE 1082 "date" "date" DateTime false 4 1182 None, Some(C::ArrayOfTimes);
    TIME 1083 "time" "time without time zone" DateTime false 8 1183 None, Some(C::ArrayOfText);
    TIMESTAMP 1114 "timestamp" "timestamp without time zone" DateTime false 8 1115 None, Some(C::ArrayOfTimes);
    TIMESTAMPTZ 1184 "timestamptz" "timestamp with time zone" DateTime true 8 1185 None, Some(C::ArrayOfTimes);
    INTERVAL 1186 "interval" "interval" Timespan true 16 1187 Some(C::Interval), Some(C::ArrayOfIntervals);
    NUMERIC 1700 "numeric" "numeric" Numeric false -1 1231 Some(C::Numeric), Some(C::ArrayOfNumerics);
    REGCLASS 2205 "regclass" "regclass" Numeric false 4 2210 None, Some(C::ArrayOfIntegers);
    REGTYPE 2206 "regtype" "regtype" Numeric false 4 2211 None, Some(C::ArrayOfIntegers);
    REGNAMESPACE 4089 "regnamespace" "regnamespace" Numeric false 4 4090 None, Some(C::ArrayOfIntegers);
    UUID 2950 "uuid" "uuid" User false 16 2951 None, Some(C::ArrayOfText);
    JSONB 3802 "jsonb" "jsonb" User false -1 3807 Some(C::Jsonb), None;
    JSONPATH 4072 "jsonpath" "jsonpath" User false -1 4073 None, None;
    UNKNOWN 705 "unknown" "unknown" Unknown false -2 0 None, None;
    VOID 2278 "void" "void" Pseudo false 4 0 None, None;
    RECORD 2249 "record" "record" Pseudo false -1 0 None, None;
    ANY 2276 "any" "\"any\"" Pseudo false 4 0 None, None;
    ANYELEMENT 2283 "anyelement" "anyelement" Pseudo false 4 0 None, None;
    ANYARRAY 2277 "anyarray" "anyarray" Pseudo false -1 0 None, None;
    ANYNONARRAY 2776 "anynonarray" "anynonarray" Pseudo false 4 0 None, None;
    ANYENUM 3500 "anyenum" "anyenum" Pseudo false 4 0 None, None;
    ANYCOMPATIBLE 5077 "anycompatible" "anycompatible" Pseudo false 4 0 None, None;
    ANYCOMPATIBLEARRAY 5078 "anycompatiblearray" "anycompatiblearray" Pseudo false -1 0 None, None;
}

impl Type {
    /// The first OID of what users make.
    pub const FIRST_USER: u32 = 16_384;

    /// The type's row, if it is built in.
    pub fn info(self) -> Option<&'static Info> {
        if self.0 == 0 {
            return None;
        }
        SCALARS.iter().chain(ARRAYS).find(|info| info.of == self)
    }

    /// Whether it is the user's: an enum or an array of one.
    pub const fn is_user(self) -> bool {
        self.0 >= Self::FIRST_USER
    }

    /// For a built-in array: of what.
    pub fn element(self) -> Option<Self> {
        self.info().and_then(|info| info.element)
    }

    /// The built-in type of arrays of this.
    pub fn array(self) -> Option<Self> {
        self.info().and_then(|info| info.array)
    }

    /// The built-in type that `pg_type` has under `name`.
    pub fn by_name(name: &str) -> Option<Self> {
        SCALARS.iter().chain(ARRAYS).find(|info| info.of.0 != 0 && info.name == name).map(|info| info.of)
    }

    /// Every built-in type.
    pub fn built_in() -> impl Iterator<Item = &'static Info> {
        SCALARS.iter().chain(ARRAYS).filter(|info| info.of.0 != 0)
    }
}
