//! XML of answers as a tree of elements, without namespaces and attributes, which S3's answers do not need.

use anyhow::{Context as _, Result, bail, ensure};
use quick_xml::Reader;
use quick_xml::events::Event;

/// Elements within each other, at most.
const DEPTH_MAX: usize = 16;

/// An element.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Element {
    /// Its name, without a prefix.
    pub(crate) name: String,
    /// The text in it.
    pub(crate) text: String,
    /// The elements in it, in order.
    pub(crate) children: Vec<Self>,
}

impl Element {
    /// Reads a document.
    pub(crate) fn parse(text: &str) -> Result<Self> {
        let mut reader = Reader::from_str(text);
        let mut open: Vec<Self> = vec![Self::default()];
        loop {
            match reader.read_event().context("the answer is no XML")? {
                Event::Start(tag) => {
                    ensure!(open.len() < DEPTH_MAX, "elements of the answer are too deep within each other");
                    let name = String::from_utf8_lossy(tag.local_name().as_ref()).into_owned();
                    open.push(Self { name, ..Self::default() });
                }
                Event::Empty(tag) => {
                    let name = String::from_utf8_lossy(tag.local_name().as_ref()).into_owned();
                    last(&mut open)?.children.push(Self { name, ..Self::default() });
                }
                Event::End(_) => {
                    let done = open.pop().context("an element ends that did not begin")?;
                    last(&mut open)?.children.push(done);
                }
                Event::Text(found) => last(&mut open)?.text.push_str(&found.decode()?),
                Event::CData(found) => last(&mut open)?.text.push_str(&found.decode()?),
                Event::GeneralRef(found) => {
                    let one = found.resolve_char_ref()?.map(String::from);
                    let one = one.map_or_else(|| entity(&found.decode()?), Ok)?;
                    last(&mut open)?.text.push_str(&one);
                }
                Event::Eof => break,
                _ => {}
            }
        }
        let [document] = &mut open[..] else { bail!("the answer ends within an element") };
        document.children.pop().context("the answer has no element")
    }

    /// The first element of a name in this one.
    pub(crate) fn child(&self, name: &str) -> Option<&Self> {
        self.children.iter().find(|child| child.name == name)
    }

    /// The text of the first element of a name; empty if there is none.
    pub(crate) fn text_of(&self, name: &str) -> &str {
        self.child(name).map_or("", |child| child.text.trim_matches(['\n', '\r']))
    }
}

/// What one of XML's own entities stands for.
fn entity(name: &str) -> Result<String> {
    let known = quick_xml::escape::resolve_predefined_entity(name);
    Ok(known.with_context(|| format!("the answer has an unknown entity \"{name}\""))?.to_owned())
}

fn last(open: &mut [Element]) -> Result<&mut Element> {
    open.last_mut().context("an element ends that did not begin")
}

/// Text as it stands in XML. What XML cannot hold is written as references, which S3's servers read.
pub(crate) fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for one in text.chars() {
        match one {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '\r' => out.push_str("&#13;"),
            other => out.push(other),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_read() {
        let text = "<?xml version=\"1.0\"?>\n<a xmlns=\"x\"><n:b xmlns:n=\"y\">1 &lt;&#65; <![CDATA[&]]></n:b><c/><b>2</b></a>";
        let read = Element::parse(text).unwrap();
        assert_eq!((read.name.as_str(), read.text_of("b"), read.text_of("c")), ("a", "1 <A &", ""));
        assert_eq!(read.children.len(), 3);
        for wrong in ["", "x", "<a>", "<a></b>", "</a>", "<a>&x;</a>", &"<a>".repeat(40)] {
            assert!(Element::parse(wrong).is_err(), "{wrong}");
        }
        let key = "a<b>&\"'\rä";
        assert_eq!(Element::parse(&format!("<k>{}</k>", escape(key))).unwrap().text, key);
    }
}
