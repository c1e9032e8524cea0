//! A document, compiled.

use crate::limits::{PATHS_MAX, PROBLEMS_MAX};
use crate::operation::Operation;
use crate::parameter::{Parameter, Place};
use crate::schema::{Schema, Schemas, Way};
use crate::template::Template;
use crate::text;
use http::Method;
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

/// Methods that a path may describe.
const METHODS: [(&str, Method); 7] = [
    ("get", Method::GET),
    ("put", Method::PUT),
    ("post", Method::POST),
    ("delete", Method::DELETE),
    ("options", Method::OPTIONS),
    ("head", Method::HEAD),
    ("patch", Method::PATCH),
];

/// A document.
pub struct Api {
    document: Value,
    /// Paths before those of the document, of its servers.
    bases: Vec<String>,
    /// By the number of segments; those that vary less come first.
    paths: BTreeMap<usize, Vec<Described>>,
}

struct Described {
    template: Template,
    operations: BTreeMap<&'static str, Arc<Operation>>,
}

/// What a document says of a path and method.
pub enum Found<'a> {
    /// It describes them; with the values of the path.
    Operation(Arc<Operation>, Vec<(&'a str, &'a str)>),
    /// It describes the path with other methods.
    OtherMethods(Vec<&'static str>),
    /// It does not describe the path.
    Nothing,
}

impl fmt::Debug for Api {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let paths: usize = self.paths.values().map(Vec::len).sum();
        write!(formatter, "Api of {paths} paths")
    }
}

impl Api {
    /// Reads a document, JSON or YAML.
    ///
    /// # Errors
    /// All that is wrong with it, and what of it is not understood here.
    pub fn read(bytes: &[u8]) -> Result<Self, Vec<String>> {
        let document = text::read(bytes).map_err(|problem| vec![problem])?;
        let version = document.get("openapi").and_then(Value::as_str).unwrap_or_default();
        let old = version.starts_with("3.0.");
        if !old && !version.starts_with("3.1.") {
            return Err(vec![format!("openapi is {version:?}; 3.0 and 3.1 are understood")]);
        }
        let mut problems = Vec::new();
        text::foreign(&document, "#", &mut problems);
        if !problems.is_empty() {
            problems.truncate(PROBLEMS_MAX);
            return Err(problems);
        }
        let bases = bases(&document).map_err(|problem| vec![problem])?;
        let view = |way| Schemas::new(&document, old, way).map_err(|problem| vec![problem]);
        let mut reader = Reader {
            document: &document,
            requests: view(Way::Request)?,
            answers: view(Way::Answer)?,
            problems,
        };
        let paths = reader.paths();
        let mut problems = reader.problems;
        if !problems.is_empty() {
            problems.truncate(PROBLEMS_MAX);
            return Err(problems);
        }
        Ok(Self { document, bases, paths })
    }

    /// As it was written.
    pub fn document(&self) -> &Value {
        &self.document
    }

    /// Paths before those of the document.
    pub fn bases(&self) -> &[String] {
        &self.bases
    }

    /// What the document says of a path, in the spelling that goes to the service. `HEAD` is what `GET` is where it is not described itself.
    pub fn operation<'a>(&'a self, method: &Method, path: &'a str) -> Found<'a> {
        let mut others = Vec::new();
        for base in &self.bases {
            let Some(rest) = path.strip_prefix(base.as_str()).filter(|rest| rest.starts_with('/')) else {
                continue;
            };
            let described = self.paths.get(&rest.matches('/').count()).into_iter().flatten();
            for (described, values) in described.filter_map(|each| Some((each, each.template.fit(rest)?))) {
                let key = METHODS.iter().find(|(_, own)| own == method).map(|(key, _)| *key);
                let find = |key: &str| described.operations.get(key);
                let operation =
                    key.and_then(find).or_else(|| if key == Some("head") { find("get") } else { None });
                match operation {
                    Some(operation) => return Found::Operation(Arc::clone(operation), values),
                    None => others.extend(described.operations.keys()),
                }
            }
        }
        if others.is_empty() { Found::Nothing } else { Found::OtherMethods(others) }
    }
}

/// Paths of the servers; the variables of a URL have their defaults.
fn bases(document: &Value) -> Result<Vec<String>, String> {
    let servers = document.get("servers").and_then(Value::as_array).filter(|servers| !servers.is_empty());
    let Some(servers) = servers else { return Ok(vec![String::new()]) };
    let mut bases = Vec::new();
    for server in servers {
        let mut url = server.get("url").and_then(Value::as_str).unwrap_or("/").to_owned();
        for (name, variable) in server.get("variables").and_then(Value::as_object).into_iter().flatten() {
            let default = variable.get("default").and_then(Value::as_str).unwrap_or_default();
            url = url.replace(&format!("{{{name}}}"), default);
        }
        let path = match url.split_once("://") {
            Some((_, rest)) => rest.find('/').map_or("", |at| &rest[at..]),
            None => url.as_str(),
        };
        if path.contains(['{', '?', '#']) || !(path.is_empty() || path.starts_with('/')) {
            return Err(format!(
                "servers: {url:?} has a path that is not understood; write /v1 or a whole URL"
            ));
        }
        let base = path.trim_end_matches('/').to_owned();
        if !bases.contains(&base) {
            bases.push(base);
        }
    }
    Ok(bases)
}

/// Text as a part of a pointer (RFC 6901).
fn escaped(text: &str) -> String {
    text.replace('~', "~0").replace('/', "~1")
}

struct Reader<'d> {
    document: &'d Value,
    requests: Schemas,
    answers: Schemas,
    problems: Vec<String>,
}

impl<'d> Reader<'d> {
    fn problem(&mut self, place: &str, problem: impl fmt::Display) {
        self.problems.push(format!("#{place}: {problem}"));
    }

    /// A value with its own place, once references are followed.
    fn follow(&mut self, place: String, value: &'d Value) -> Option<(String, &'d Value)> {
        let resolved =
            text::resolved(self.document, value).map_err(|problem| self.problem(&place, problem)).ok()?;
        let mut at = place;
        let mut next = value;
        while let Some(reference) =
            next.get("$ref").and_then(Value::as_str).and_then(|text| text.strip_prefix('#'))
        {
            at = text::percent_decoded(reference);
            next = self.document.pointer(&at)?;
        }
        Some((at, resolved))
    }

    fn paths(&mut self) -> BTreeMap<usize, Vec<Described>> {
        let mut paths: BTreeMap<usize, Vec<Described>> = BTreeMap::new();
        let written = self.document.get("paths").and_then(Value::as_object);
        if written.is_some_and(|written| written.len() > PATHS_MAX) {
            self.problem("/paths", format_args!("more than {PATHS_MAX} paths"));
            return paths;
        }
        for (path, item) in written.into_iter().flatten().filter(|(path, _)| !path.starts_with("x-")) {
            let place = format!("/paths/{}", escaped(path));
            let template = match Template::parse(path) {
                Ok(template) => template,
                Err(problem) => {
                    self.problem(&place, problem);
                    continue;
                }
            };
            let Some((place, item)) = self.follow(place, item) else { continue };
            let operations = self.operations(&place, item, &template);
            paths.entry(path.matches('/').count()).or_default().push(Described { template, operations });
        }
        for described in paths.values_mut() {
            described.sort_by_key(|described| described.template.vague());
        }
        paths
    }

    fn operations(
        &mut self,
        place: &str,
        item: &'d Value,
        template: &Template,
    ) -> BTreeMap<&'static str, Arc<Operation>> {
        let mut operations = BTreeMap::new();
        if item.get("servers").is_some() {
            self.problem(place, "servers of a path are not understood; use those of the document");
        }
        for (key, _) in &METHODS {
            let Some(written) = item.get(key) else { continue };
            let place = format!("{place}/{key}");
            if written.get("servers").is_some() {
                self.problem(&place, "servers of an operation are not understood; use those of the document");
            }
            let common = format!("{}/parameters", &place[..place.len() - key.len() - 1]);
            let mut operation =
                Operation { parameters: self.parameters(&common, item), ..Operation::default() };
            for parameter in self.parameters(&format!("{place}/parameters"), written) {
                operation
                    .parameters
                    .retain(|own| (&own.name, own.place) != (&parameter.name, parameter.place));
                operation.parameters.push(parameter);
            }
            let missing = |name: &&str| {
                !operation.parameters.iter().any(|own| own.place == Place::Path && own.name == **name)
            };
            if let Some(name) = template.names().find(missing) {
                self.problem(&place, format_args!("the path's {{{name}}} is no parameter"));
            }
            self.body(&place, written, &mut operation);
            self.described_answers(&place, written, &mut operation);
            operations.insert(*key, Arc::new(operation));
        }
        operations
    }

    fn schema(&mut self, place: &str, way: Way) -> Option<Schema> {
        let schemas = if way == Way::Request { &self.requests } else { &self.answers };
        schemas.compile(place).map_err(|problem| self.problems.push(format!("#{problem}"))).ok()
    }

    fn parameters(&mut self, place: &str, holder: &'d Value) -> Vec<Parameter> {
        let mut parameters = Vec::new();
        let written = holder.get("parameters").and_then(Value::as_array);
        for (index, written) in written.into_iter().flatten().enumerate() {
            let Some((place, written)) = self.follow(format!("{place}/{index}"), written) else { continue };
            // These three are described elsewhere in a document; as parameters they mean nothing.
            let name = written.get("name").and_then(Value::as_str).unwrap_or_default().to_ascii_lowercase();
            let header = written.get("in").and_then(Value::as_str) == Some("header");
            if header && ["accept", "content-type", "authorization"].contains(&name.as_str()) {
                continue;
            }
            let has_schema = written.get("schema").is_some();
            let schema =
                if has_schema { self.schema(&format!("{place}/schema"), Way::Request) } else { None };
            match Parameter::new(self.document, written, schema) {
                Ok(parameter) => parameters.push(parameter),
                Err(problem) => self.problem(&place, problem),
            }
        }
        parameters
    }

    fn contents(&mut self, place: &str, holder: &'d Value, way: Way) -> crate::content::Content {
        let mut content = crate::content::Content::default();
        let empty = Map::new();
        let written = holder.get("content").and_then(Value::as_object).unwrap_or(&empty);
        for (media, described) in written {
            let looked_at = described.get("schema").is_some() && crate::content::is_json(media);
            let place = format!("{place}/content/{}/schema", escaped(media));
            let schema = if looked_at { self.schema(&place, way) } else { None };
            content.add(media, schema);
        }
        content
    }

    fn body(&mut self, place: &str, written: &'d Value, operation: &mut Operation) {
        let Some(body) = written.get("requestBody") else { return };
        let Some((place, body)) = self.follow(format!("{place}/requestBody"), body) else { return };
        operation.body_required = body.get("required").and_then(Value::as_bool).unwrap_or(false);
        operation.body = self.contents(&place, body, Way::Request);
    }

    fn described_answers(&mut self, place: &str, written: &'d Value, operation: &mut Operation) {
        let answers = written.get("responses").and_then(Value::as_object);
        for (status, answer) in answers.into_iter().flatten().filter(|(status, _)| !status.starts_with("x-"))
        {
            let Some((place, answer)) = self.follow(format!("{place}/responses/{status}"), answer) else {
                continue;
            };
            let content = self.contents(&place, answer, Way::Answer);
            operation.answers.insert(status.to_ascii_uppercase().replace("DEFAULT", "default"), content);
        }
    }
}

#[cfg(test)]
mod tests;
