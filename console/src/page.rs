//! What every page has: its frame, the headers that tell the browser to trust nothing else, tables, forms, empty places.

use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use maud::{DOCTYPE, Markup, html};

use crate::PATH;
use crate::node::Fault;
use crate::request::{PROOF, Visitor};

/// The style of all pages.
pub(crate) const STYLE: &str = include_str!("assets/style.css");
/// The mark of the console.
pub(crate) const ICON: &str = include_str!("assets/icon.svg");

/// Nothing from elsewhere, no scripts at all, and no frame around it.
const POLICY: &str = "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'";

/// The parts of the console, in the order of its menu.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Section {
    Overview,
    Keyspace,
    Streams,
    Sql,
    Blobs,
    Gateway,
    Cdn,
    Dns,
    Users,
}

const MENU: [(Section, &str, &str); 9] = [
    (Section::Overview, "", "Overview"),
    (Section::Keyspace, "/keyspace", "Keyspace"),
    (Section::Streams, "/streams", "Streams"),
    (Section::Sql, "/sql", "SQL"),
    (Section::Blobs, "/blobs", "Blobs"),
    (Section::Gateway, "/gateway", "Gateway"),
    (Section::Cdn, "/cdn", "CDN"),
    (Section::Dns, "/dns", "DNS"),
    (Section::Users, "/users", "Users"),
];

/// Adds the headers that every answer of the console has; those of an answer's own stay.
pub(crate) fn guarded(mut response: Response) -> Response {
    let headers = response.headers_mut();
    for (name, value) in [
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::X_FRAME_OPTIONS, "DENY"),
        (header::REFERRER_POLICY, "same-origin"),
        (header::CACHE_CONTROL, "no-store"),
        (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
        (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    ] {
        headers.entry(name).or_insert(HeaderValue::from_static(value));
    }
    response
}

/// Go there with GET.
pub(crate) fn see_other(to: &str) -> Response {
    let mut response = StatusCode::SEE_OTHER.into_response();
    if let Ok(to) = HeaderValue::from_str(to) {
        response.headers_mut().insert(header::LOCATION, to);
    }
    response
}

fn document(title: &str, head: &Markup, body: &Markup) -> Markup {
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { (title) " · Bole" }
                link rel="stylesheet" href={ (PATH) "/style.css" };
                link rel="icon" type="image/svg+xml" href={ (PATH) "/icon.svg" };
            }
            body {
                a .skip href="#main" { "To the content" }
                (head)
                main #main { (body) }
            }
        }
    }
}

fn page(status: StatusCode, markup: Markup) -> Response {
    let mut response = (status, markup.into_string()).into_response();
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
    response
}

/// What was wrong.
pub(crate) fn alert(fault: &Fault) -> Markup {
    html! {
        div .alert role="alert" {
            p { (fault.message) }
            @if !fault.problems.is_empty() {
                ul { @for problem in &fault.problems { li { (problem) } } }
            }
        }
    }
}

fn settle(body: Result<Markup, Fault>) -> (StatusCode, Markup) {
    match body {
        Ok(body) => (StatusCode::OK, body),
        Err(fault) => (fault.status, alert(&fault)),
    }
}

/// A page for nobody in particular.
pub(crate) fn bare(title: &str, body: Result<Markup, Fault>) -> Response {
    let (status, body) = settle(body);
    let head = html! { header { a .mark href=(PATH) { "Bole" } } };
    page(status, document(title, &head, &html! { h1 { (title) } (body) }))
}

/// A page for a visitor, or for somebody who has not logged in.
pub(crate) fn framed(
    visitor: Option<&Visitor>,
    section: Section,
    title: &str,
    body: Result<Markup, Fault>,
) -> Response {
    let (status, body) = settle(body);
    let note = visitor.and_then(|visitor| visitor.console.sessions.take_note(&visitor.token));
    let head = html! {
        header {
            a .mark href=(PATH) { "Bole" }
            nav aria-label="Sections" {
                @for (this, path, name) in MENU {
                    a href={ (PATH) (path) } aria-current=[(this == section).then_some("page")] { (name) }
                }
            }
            @match visitor {
                Some(visitor) => form .who method="post" action={ (PATH) "/logout" } {
                    (proof(visitor))
                    span { (visitor.user) } " "
                    button { "Log out" }
                },
                None => a .who href={ (PATH) "/login" } { "Log in" },
            }
        }
    };
    let body = html! {
        h1 { (title) }
        @if let Some(note) = note { p .note role="status" { (note) } }
        (body)
    };
    page(status, document(title, &head, &body))
}

impl Visitor {
    /// A page of a section.
    pub(crate) fn show(&self, section: Section, title: &str, body: Result<Markup, Fault>) -> Response {
        framed(Some(self), section, title, body)
    }

    /// The page that follows a change, or what was wrong with it.
    pub(crate) fn after(
        &self,
        section: Section,
        title: &str,
        outcome: Result<String, Fault>,
        to: &str,
    ) -> Response {
        match outcome {
            Ok(note) => self.done(note, to),
            Err(fault) => {
                let body = html! { (alert(&fault)) p { a href=(to) { "Back" } } };
                let mut response = self.show(section, title, Ok(body));
                *response.status_mut() = fault.status;
                response
            }
        }
    }
}

/// The field that shows that a form is from a page of this session.
pub(crate) fn proof(visitor: &Visitor) -> Markup {
    html! { input type="hidden" name=(PROOF) value=(visitor.proof); }
}

/// A form that changes something.
pub(crate) fn change(visitor: &Visitor, path: &str, fields: &Markup, button: &str) -> Markup {
    html! {
        form method="post" action={ (PATH) (path) } {
            (proof(visitor))
            (fields)
            button { (button) }
        }
    }
}

/// A form that takes something away for good, behind a fold and with a tick.
pub(crate) fn removal(visitor: &Visitor, path: &str, fields: &[(&str, &str)], button: &str) -> Markup {
    html! {
        details .removal {
            summary { (button) "…" }
            form method="post" action={ (PATH) (path) } {
                (proof(visitor))
                @for (name, value) in fields { input type="hidden" name=(name) value=(value); }
                label { input type="checkbox" name="sure" required; " I am sure" }
                button .danger { (button) }
            }
        }
    }
}

/// A hidden field.
pub(crate) fn hidden(name: &str, value: &str) -> Markup {
    html! { input type="hidden" name=(name) value=(value); }
}

/// A line to type text into.
pub(crate) fn field(label: &str, name: &str, value: &str, hint: &str) -> Markup {
    html! { label { (label) input name=(name) value=(value) placeholder=(hint) autocomplete="off" spellcheck="false"; } }
}

/// An area to type text into.
pub(crate) fn area(label: &str, name: &str, value: &str, rows: usize) -> Markup {
    html! { label .area { (label) textarea name=(name) rows=(rows) spellcheck="false" { (value) } } }
}

/// One of several.
pub(crate) fn choice(label: &str, name: &str, options: &[(&str, &str)], chosen: &str) -> Markup {
    html! {
        label { (label)
            select name=(name) {
                @for (value, text) in options { option value=(value) selected[*value == chosen] { (text) } }
            }
        }
    }
}

/// A table; its first cells name the rows.
pub(crate) fn table(caption: &str, head: &[&str], rows: &[Vec<Markup>]) -> Markup {
    html! {
        div .wide tabindex="0" role="region" aria-label=(caption) {
            table {
                caption { (caption) }
                thead { tr { @for name in head { th scope="col" { (name) } } } }
                tbody {
                    @for row in rows {
                        tr {
                            @for (place, cell) in row.iter().enumerate() {
                                @if place == 0 { th scope="row" { (cell) } } @else { td { (cell) } }
                            }
                        }
                    }
                }
            }
        }
    }
}

/// Names with their values.
pub(crate) fn facts(rows: &[(&str, Markup)]) -> Markup {
    html! { dl { @for (name, value) in rows { div { dt { (name) } dd { (value) } } } } }
}

/// Nothing is there yet: what that means, and a line to paste that changes it.
pub(crate) fn empty(text: &str, line: &str) -> Markup {
    html! { div .empty { p { (text) } pre { code { (line) } } } }
}

/// Text as it is, with its lines.
pub(crate) fn block(text: &str) -> Markup {
    html! { pre tabindex="0" { code { (text) } } }
}

/// A word that stands out by how things are.
pub(crate) fn state(word: &str) -> Markup {
    let kind = match word {
        "ready" | "well" | "running" | "Stable" | "done" | "enabled" => "good",
        "unwell" | "failing" | "quarantined" | "damaged" => "bad",
        _ => "plain",
    };
    html! { span .{ "state " (kind) } { (word) } }
}

/// A page of a list, by number: the rows of it, and links to its neighbours.
pub(crate) struct Cut<'a, T> {
    pub(crate) rows: &'a [T],
    pub(crate) links: Markup,
}

/// The rows of the page that a query asks for. `here` makes a link to another page.
pub(crate) fn cut<'a, T>(all: &'a [T], page: usize, here: impl Fn(usize) -> String) -> Cut<'a, T> {
    use crate::limits::ROWS_MAX;
    let pages = all.len().div_ceil(ROWS_MAX).max(1);
    let page = page.min(pages - 1);
    let (start, end) = (page * ROWS_MAX, ((page + 1) * ROWS_MAX).min(all.len()));
    let links = html! {
        @if pages > 1 {
            nav .pages aria-label="Pages" {
                @if page > 0 { a href=(here(page - 1)) rel="prev" { "Before" } }
                span { (start + 1) "–" (end) " of " (all.len()) }
                @if page + 1 < pages { a href=(here(page + 1)) rel="next" { "Next" } }
            }
        }
    };
    Cut { rows: &all[start..end], links }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_cut_into_pages() {
        let all: Vec<usize> = (0..250).collect();
        let here = |page: usize| format!("?page={page}");
        for (page, first, len, links) in [
            (0, 0, 100, &["page=1"][..]),
            (1, 100, 100, &["page=0", "page=2"]),
            (9, 200, 50, &["page=1", "201–250 of 250"]),
        ] {
            let cut = cut(&all, page, here);
            assert_eq!((cut.rows[0], cut.rows.len()), (first, len));
            let text = cut.links.into_string();
            assert!(links.iter().all(|link| text.contains(link)), "{text}");
        }
        assert_eq!(cut(&[0; 0], 3, here).rows.len(), 0);
        assert_eq!(cut(&[0; 100], 0, here).links.into_string(), "");
    }

    #[test]
    fn what_comes_from_outside_is_text() {
        let hostile = "<script>alert(1)</script>\"'&";
        let fault =
            Fault { status: StatusCode::OK, message: hostile.to_owned(), problems: vec![hostile.to_owned()] };
        let pieces = [
            alert(&fault),
            field(hostile, hostile, hostile, hostile),
            area(hostile, hostile, hostile, 3),
            hidden(hostile, hostile),
            choice(hostile, hostile, &[(hostile, hostile)], hostile),
            table(hostile, &[hostile], &[vec![html! { (hostile) }]]),
            empty(hostile, hostile),
            block(hostile),
            state(hostile),
        ];
        for piece in pieces {
            let text = piece.into_string();
            assert!(!text.contains("<script") && !text.contains("alert(1)<"), "{text}");
            assert!(text.contains("&lt;script&gt;"), "{text}");
            assert!(!text.contains("</script>\""), "{text}");
        }
    }
}
