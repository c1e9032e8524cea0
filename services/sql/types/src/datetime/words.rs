//! Words that dates and intervals may contain. PostgreSQL looks at the first ten letters only.

/// Fields of dates, times and intervals.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Unit {
    /// Microseconds.
    Microsecond,
    /// Milliseconds.
    Millisecond,
    /// Seconds.
    Second,
    /// Minutes.
    Minute,
    /// Hours.
    Hour,
    /// Days.
    Day,
    /// Weeks.
    Week,
    /// Months.
    Month,
    /// Quarters.
    Quarter,
    /// Years.
    Year,
    /// Decades.
    Decade,
    /// Centuries.
    Century,
    /// Millennia.
    Millennium,
    /// The Julian day.
    Julian,
    /// The day of the week, Sunday is 0.
    Dow,
    /// The day of the week, Sunday is 7.
    IsoDow,
    /// The day of the year.
    Doy,
    /// The year that the ISO week belongs to.
    IsoYear,
    /// Seconds since 1970.
    Epoch,
    /// The zone's offset in seconds.
    Timezone,
    /// Its hours.
    TimezoneHour,
    /// Its minutes.
    TimezoneMinute,
}

const UNITS: &[(&str, Unit)] = &[
    ("c", Unit::Century),
    ("cent", Unit::Century),
    ("centuries", Unit::Century),
    ("century", Unit::Century),
    ("d", Unit::Day),
    ("day", Unit::Day),
    ("days", Unit::Day),
    ("dec", Unit::Decade),
    ("decade", Unit::Decade),
    ("decades", Unit::Decade),
    ("decs", Unit::Decade),
    ("h", Unit::Hour),
    ("hour", Unit::Hour),
    ("hours", Unit::Hour),
    ("hr", Unit::Hour),
    ("hrs", Unit::Hour),
    ("m", Unit::Minute),
    ("microsecon", Unit::Microsecond),
    ("mil", Unit::Millennium),
    ("millennia", Unit::Millennium),
    ("millennium", Unit::Millennium),
    ("millisecon", Unit::Millisecond),
    ("mils", Unit::Millennium),
    ("min", Unit::Minute),
    ("mins", Unit::Minute),
    ("minute", Unit::Minute),
    ("minutes", Unit::Minute),
    ("mon", Unit::Month),
    ("mons", Unit::Month),
    ("month", Unit::Month),
    ("months", Unit::Month),
    ("ms", Unit::Millisecond),
    ("msec", Unit::Millisecond),
    ("msecs", Unit::Millisecond),
    ("mseconds", Unit::Millisecond),
    ("qtr", Unit::Quarter),
    ("quarter", Unit::Quarter),
    ("s", Unit::Second),
    ("sec", Unit::Second),
    ("second", Unit::Second),
    ("seconds", Unit::Second),
    ("secs", Unit::Second),
    ("timezone", Unit::Timezone),
    ("timezone_h", Unit::TimezoneHour),
    ("timezone_m", Unit::TimezoneMinute),
    ("us", Unit::Microsecond),
    ("usec", Unit::Microsecond),
    ("usecond", Unit::Microsecond),
    ("useconds", Unit::Microsecond),
    ("usecs", Unit::Microsecond),
    ("w", Unit::Week),
    ("week", Unit::Week),
    ("weeks", Unit::Week),
    ("y", Unit::Year),
    ("year", Unit::Year),
    ("years", Unit::Year),
    ("yr", Unit::Year),
    ("yrs", Unit::Year),
];

/// Fields that have no plural: of `extract`.
const FIELDS: &[(&str, Unit)] = &[
    ("dow", Unit::Dow),
    ("doy", Unit::Doy),
    ("epoch", Unit::Epoch),
    ("isodow", Unit::IsoDow),
    ("isoyear", Unit::IsoYear),
    ("j", Unit::Julian),
    ("jd", Unit::Julian),
    ("julian", Unit::Julian),
];

fn key(word: &str) -> &str {
    &word[..word.floor_char_boundary(10)]
}

/// The unit of an interval's field, in lower case.
pub(super) fn unit(word: &str) -> Option<Unit> {
    let word = key(word);
    UNITS.iter().find(|unit| unit.0 == word).map(|unit| unit.1)
}

impl Unit {
    /// The unit that `date_trunc` names, in any case.
    pub fn of_length(name: &str) -> Option<Self> {
        unit(&name.to_ascii_lowercase())
    }

    /// The field that `extract` names, in any case.
    pub fn named(name: &str) -> Option<Self> {
        let name = name.to_ascii_lowercase();
        unit(&name).or_else(|| FIELDS.iter().find(|field| field.0 == key(&name)).map(|field| field.1))
    }
}

/// What a word in a date means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Word {
    Month(i64),
    Weekday,
    Ignored,
    Am,
    Pm,
    Bc,
    Ad,
    /// The time comes next.
    Time,
    /// A Julian day comes next.
    Julian,
    Now,
    Today,
    Tomorrow,
    Yesterday,
    Epoch,
    Infinity,
    NegativeInfinity,
    Allballs,
    /// Known to PostgreSQL, but not here: units before their numbers, `dst`.
    Refused,
}

const WORDS: &[(&str, Word)] = &[
    ("+infinity", Word::Infinity),
    ("-infinity", Word::NegativeInfinity),
    ("ad", Word::Ad),
    ("allballs", Word::Allballs),
    ("am", Word::Am),
    ("apr", Word::Month(4)),
    ("april", Word::Month(4)),
    ("at", Word::Ignored),
    ("aug", Word::Month(8)),
    ("august", Word::Month(8)),
    ("bc", Word::Bc),
    ("d", Word::Refused),
    ("dec", Word::Month(12)),
    ("december", Word::Month(12)),
    ("dow", Word::Refused),
    ("doy", Word::Refused),
    ("dst", Word::Refused),
    ("epoch", Word::Epoch),
    ("feb", Word::Month(2)),
    ("february", Word::Month(2)),
    ("fri", Word::Weekday),
    ("friday", Word::Weekday),
    ("h", Word::Refused),
    ("infinity", Word::Infinity),
    ("isodow", Word::Refused),
    ("isoyear", Word::Refused),
    ("j", Word::Julian),
    ("jan", Word::Month(1)),
    ("january", Word::Month(1)),
    ("jd", Word::Julian),
    ("jul", Word::Month(7)),
    ("julian", Word::Julian),
    ("july", Word::Month(7)),
    ("jun", Word::Month(6)),
    ("june", Word::Month(6)),
    ("m", Word::Refused),
    ("mar", Word::Month(3)),
    ("march", Word::Month(3)),
    ("may", Word::Month(5)),
    ("mm", Word::Refused),
    ("mon", Word::Weekday),
    ("monday", Word::Weekday),
    ("nov", Word::Month(11)),
    ("november", Word::Month(11)),
    ("now", Word::Now),
    ("oct", Word::Month(10)),
    ("october", Word::Month(10)),
    ("on", Word::Ignored),
    ("pm", Word::Pm),
    ("s", Word::Refused),
    ("sat", Word::Weekday),
    ("saturday", Word::Weekday),
    ("sep", Word::Month(9)),
    ("sept", Word::Month(9)),
    ("september", Word::Month(9)),
    ("sun", Word::Weekday),
    ("sunday", Word::Weekday),
    ("t", Word::Time),
    ("thu", Word::Weekday),
    ("thur", Word::Weekday),
    ("thurs", Word::Weekday),
    ("thursday", Word::Weekday),
    ("today", Word::Today),
    ("tomorrow", Word::Tomorrow),
    ("tue", Word::Weekday),
    ("tues", Word::Weekday),
    ("tuesday", Word::Weekday),
    ("wed", Word::Weekday),
    ("wednesday", Word::Weekday),
    ("weds", Word::Weekday),
    ("y", Word::Refused),
    ("yesterday", Word::Yesterday),
];

/// What a word in a date means, in lower case.
pub(super) fn word(text: &str) -> Option<Word> {
    let text = key(text);
    WORDS.binary_search_by(|word| word.0.cmp(text)).ok().map(|at| WORDS[at].1)
}

/// Names of months, as they are written.
pub(crate) const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];

/// Names of days of the week, as they are written, from Sunday on.
pub(crate) const WEEKDAYS: [&str; 7] =
    ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];
