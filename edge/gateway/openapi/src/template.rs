//! Templates of paths: `/pets/{id}`, `/files/{name}.json`.

/// A template. Of a segment one part may vary.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template {
    segments: Vec<Segment>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Segment {
    Plain(String),
    Varies { before: String, name: String, after: String },
}

impl Template {
    /// Reads a template.
    ///
    /// # Errors
    /// Why it is none that is understood here.
    pub fn parse(text: &str) -> Result<Self, String> {
        let rest = text.strip_prefix('/').ok_or("a path begins with /")?;
        let segments: Result<Vec<_>, String> = rest.split('/').map(Segment::parse).collect();
        let template = Self { segments: segments? };
        let mut names: Vec<&str> = template.names().collect();
        names.sort_unstable();
        if let Some([twice, _]) = names.array_windows().find(|[one, other]| one == other) {
            return Err(format!("the parameter {twice:?} is there twice"));
        }
        Ok(template)
    }

    /// The names of what varies.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.segments.iter().filter_map(|segment| match segment {
            Segment::Varies { name, .. } => Some(name.as_str()),
            Segment::Plain(_) => None,
        })
    }

    /// How many segments vary: those with fewer come first.
    pub fn vague(&self) -> usize {
        self.names().count()
    }

    /// The values of what varies, encoded as they came. `None`: the path is another one.
    pub fn fit<'p>(&self, path: &'p str) -> Option<Vec<(&str, &'p str)>> {
        let mut values = Vec::new();
        let mut parts = path.strip_prefix('/')?.split('/');
        for segment in &self.segments {
            let part = parts.next()?;
            match segment {
                Segment::Plain(text) if text == part => {}
                Segment::Plain(_) => return None,
                Segment::Varies { before, name, after } => {
                    let value = part.strip_prefix(before.as_str())?.strip_suffix(after.as_str())?;
                    if value.is_empty() {
                        return None;
                    }
                    values.push((name.as_str(), value));
                }
            }
        }
        parts.next().is_none().then_some(values)
    }
}

impl Segment {
    fn parse(text: &str) -> Result<Self, String> {
        let Some((before, rest)) = text.split_once('{') else {
            return if text.contains('}') {
                Err(format!("{text:?} has a brace too many"))
            } else {
                Ok(Self::Plain(text.to_owned()))
            };
        };
        let (name, after) = rest.split_once('}').ok_or_else(|| format!("{text:?} has no closing brace"))?;
        if name.is_empty() || name.contains('{') || before.contains('}') || after.contains(['{', '}']) {
            return Err(format!("{text:?}: one part of a segment may vary, as in {{name}}.json"));
        }
        Ok(Self::Varies { before: before.to_owned(), name: name.to_owned(), after: after.to_owned() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn templates_fit_their_paths() {
        let rows: &[(&str, &str, Option<&[(&str, &str)]>)] = &[
            ("/pets", "/pets", Some(&[])),
            ("/pets", "/pets/", None),
            ("/pets/", "/pets/", Some(&[])),
            ("/", "/", Some(&[])),
            ("/pets/{id}", "/pets/7", Some(&[("id", "7")])),
            ("/pets/{id}", "/pets/", None),
            ("/pets/{id}", "/pets/7/8", None),
            ("/pets/{id}/toys/{toy}", "/pets/7/toys/a%2Fb", Some(&[("id", "7"), ("toy", "a%2Fb")])),
            ("/f/{name}.json", "/f/a.json", Some(&[("name", "a")])),
            ("/f/{name}.json", "/f/.json", None),
            ("/f/{name}.json", "/f/a.xml", None),
        ];
        for (template, path, expected) in rows {
            let read = Template::parse(template).expect("it is one");
            assert_eq!(read.fit(path).as_deref(), *expected, "{template} {path}");
        }
        for wrong in ["", "pets", "/{a", "/a}", "/{}", "/{a}{b}", "/{a}/{a}", "/}a{"] {
            assert!(Template::parse(wrong).is_err(), "{wrong}");
        }
    }
}
