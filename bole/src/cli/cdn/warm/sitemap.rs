//! Sitemaps (the protocol of sitemaps.org): a `urlset` names pages, a `sitemapindex` names sitemaps.

use anyhow::{Context as _, Result, ensure};
use hyper::Uri;
use quick_xml::Reader;
use quick_xml::events::Event;

use super::connection::Connection;

/// Bytes of one file: the protocol's bound.
const FILE_BYTES_MAX: usize = 50 << 20;
/// Files of an index: the protocol's bound.
const FILES_MAX: usize = 50_000;

/// All pages that a sitemap names, or the sitemaps of an index.
pub(super) async fn urls(sitemap: &Uri, connection: &mut Connection) -> Result<Vec<Uri>> {
    let first = read(sitemap, connection).await?;
    if !first.is_index {
        return Ok(first.urls);
    }
    ensure!(
        first.urls.len() <= FILES_MAX,
        "{sitemap} names {} sitemaps; at most {FILES_MAX} are read",
        first.urls.len()
    );
    let mut urls = Vec::new();
    for file in &first.urls {
        let inner = read(file, connection).await?;
        ensure!(!inner.is_index, "{file} is an index within an index, which sitemaps do not have");
        urls.extend(inner.urls);
    }
    Ok(urls)
}

#[derive(Debug, Default, PartialEq)]
struct Sitemap {
    is_index: bool,
    urls: Vec<Uri>,
}

async fn read(url: &Uri, connection: &mut Connection) -> Result<Sitemap> {
    let text = connection.text(url, FILE_BYTES_MAX).await.with_context(|| format!("the sitemap {url}"))?;
    parse(&text).with_context(|| format!("the sitemap {url}"))
}

fn parse(text: &[u8]) -> Result<Sitemap> {
    let mut reader = Reader::from_reader(text);
    let (mut sitemap, mut root, mut location, mut parents) = (Sitemap::default(), false, None, Vec::new());
    loop {
        match reader.read_event()? {
            Event::Start(tag) => {
                let name = tag.local_name().as_ref().to_vec();
                if parents.is_empty() {
                    sitemap.is_index = name == b"sitemapindex";
                    ensure!(
                        sitemap.is_index || name == b"urlset",
                        "it is neither a urlset nor a sitemapindex"
                    );
                    root = true;
                }
                let is_entry =
                    parents.last().is_some_and(|parent: &Vec<u8>| parent == b"url" || parent == b"sitemap");
                if name == b"loc" && is_entry {
                    location = Some(String::new());
                }
                parents.push(name);
            }
            Event::End(_) => {
                parents.pop();
                if let Some(told) = location.take() {
                    let told = told.trim();
                    sitemap.urls.push(told.parse().with_context(|| format!("{told:?} is no URL"))?);
                }
            }
            Event::Text(part) => {
                if let Some(location) = &mut location {
                    location.push_str(&part.decode()?);
                }
            }
            Event::CData(part) => {
                if let Some(location) = &mut location {
                    location.push_str(std::str::from_utf8(&part)?);
                }
            }
            Event::GeneralRef(name) => {
                if let Some(location) = &mut location {
                    let name = name.decode()?;
                    let known = quick_xml::escape::resolve_predefined_entity(&name);
                    location.push_str(known.with_context(|| format!("&{name}; is not known"))?);
                }
            }
            Event::Eof => {
                ensure!(root && parents.is_empty(), "it is cut off, or no XML");
                return Ok(sitemap);
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_and_sitemaps_are_found() {
        let head = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<!-- a comment -->";
        let name = "xmlns=\"http://www.sitemaps.org/schemas/sitemap/0.9\" xmlns:image=\"http://x\"";
        let pages = format!(
            "{head}<urlset {name}><url><loc> http://a/?b&amp;c </loc><lastmod>2026-01-01</lastmod>\
             <image:image><image:loc>http://a/i.png</image:loc></image:image></url><url><loc><![CDATA[http://a/d]]></loc></url></urlset>"
        );
        let found = parse(pages.as_bytes()).unwrap();
        assert_eq!(
            (found.is_index, found.urls),
            (false, vec!["http://a/?b&c".parse().unwrap(), "http://a/d".parse().unwrap()])
        );
        let index =
            format!("{head}<sitemapindex {name}><sitemap><loc>http://a/1.xml</loc></sitemap></sitemapindex>");
        assert!(parse(index.as_bytes()).unwrap().is_index);
        for wrong in [
            "",
            "<html></html>",
            "<urlset><url><loc>http://a/</loc>",
            "<urlset><url><loc>no url</loc></url></urlset>",
        ] {
            assert!(parse(wrong.as_bytes()).is_err(), "{wrong}");
        }
    }
}
