//! What is wrong with a document, as far as access goes. A problem never holds a secret.

pub(crate) use bole_gateway_document::Problem;

/// Collects problems.
#[derive(Debug, Default)]
pub(crate) struct Problems(pub(crate) Vec<Problem>);

impl Problems {
    /// `text`: what is wrong and, behind a semicolon, what to do.
    pub(crate) fn add(&mut self, at: &str, text: impl Into<String>) {
        let text = text.into();
        let (wrong, todo) = text.split_once("; ").unwrap_or((&text, "correct it"));
        let (path, wrong, todo) = (at.to_owned(), wrong.to_owned(), todo.to_owned());
        self.0.push(Problem { path, wrong, todo });
    }

    /// The value, or its problem noted.
    pub(crate) fn take<T>(&mut self, at: &str, result: Result<T, String>) -> Option<T> {
        result.map_err(|text| self.add(at, text)).ok()
    }
}
