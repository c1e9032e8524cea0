//! Sitemaps (sitemaps.org, protocol 0.9) as XML: the URLs that they name, or the sitemaps that an index names.

use quick_xml::Reader;
use quick_xml::events::Event;

/// The largest sitemap that the protocol allows.
pub(super) const BYTES_MAX: usize = 50 << 20;
/// The longest URL that it allows.
const URL_BYTES_MAX: usize = 2_048;

/// What a sitemap names.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Named {
    pub(super) urls: Vec<String>,
    pub(super) sitemaps: Vec<String>,
}

/// Reads one. Only `loc` directly within `url` and `sitemap` counts: extensions name other things by elements of the same name.
pub(super) fn read(bytes: &[u8]) -> Result<Named, String> {
    if bytes.len() > BYTES_MAX {
        return Err(format!("it is longer than {BYTES_MAX} bytes"));
    }
    let mut reader = Reader::from_reader(bytes);
    let (mut named, mut path, mut text) = (Named::default(), Vec::<Vec<u8>>::new(), String::new());
    loop {
        let event = reader.read_event().map_err(|error| format!("it is no XML: {error}"))?;
        match event {
            Event::Start(start) => {
                path.push(start.name().as_ref().to_vec());
                text.clear();
            }
            Event::End(_) => {
                let parts: Vec<&[u8]> = path.iter().map(Vec::as_slice).collect();
                let list = match parts[..] {
                    [b"urlset", b"url", b"loc"] => Some(&mut named.urls),
                    [b"sitemapindex", b"sitemap", b"loc"] => Some(&mut named.sitemaps),
                    _ => None,
                };
                if let Some(list) = list {
                    list.push(url(&text)?);
                }
                path.pop();
                text.clear();
            }
            Event::Text(part) => {
                text.push_str(&part.decode().map_err(|error| format!("it is no UTF-8: {error}"))?);
            }
            Event::CData(part) => {
                text.push_str(&part.decode().map_err(|error| format!("it is no UTF-8: {error}"))?);
            }
            Event::GeneralRef(part) => match part.decode().unwrap_or_default().as_ref() {
                "amp" => text.push('&'),
                "lt" => text.push('<'),
                "gt" => text.push('>'),
                "quot" => text.push('"'),
                "apos" => text.push('\''),
                other => return Err(format!("the entity {other:?} is not one of a sitemap")),
            },
            Event::Eof if path.is_empty() && named != Named::default() => return Ok(named),
            Event::Eof if path.is_empty() => return Err("it names no URL".to_owned()),
            Event::Eof => return Err("it ends in the middle".to_owned()),
            _ => {}
        }
    }
}

fn url(text: &str) -> Result<String, String> {
    let url = text.trim();
    let fits = url.len() <= URL_BYTES_MAX && (url.starts_with("http://") || url.starts_with("https://"));
    if fits { Ok(url.to_owned()) } else { Err(format!("{url:.100?} in it is no URL")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_and_sitemaps_are_found() {
        let set = "<?xml version=\"1.0\"?><urlset xmlns=\"x\"><url><loc> http://a/b?c&amp;d </loc><lastmod>2024-01-01</lastmod>\
            <image:image><image:loc>http://i/</image:loc></image:image></url><url><loc><![CDATA[https://a/e]]></loc></url></urlset>";
        let urls = vec!["http://a/b?c&d".to_owned(), "https://a/e".to_owned()];
        assert_eq!(read(set.as_bytes()), Ok(Named { urls, sitemaps: vec![] }));
        let index = "<sitemapindex><sitemap><loc>http://a/1.xml</loc></sitemap></sitemapindex>";
        assert_eq!(
            read(index.as_bytes()),
            Ok(Named { urls: vec![], sitemaps: vec!["http://a/1.xml".to_owned()] })
        );
        for (text, why) in [
            ("<html></html>", "it names no URL"),
            ("<urlset><url><loc>http://a/</loc>", "it ends in the middle"),
            ("<urlset><url><loc>/a</loc></url></urlset>", "\"/a\" in it is no URL"),
            ("<urlset><url><loc>http://a/&x;</loc></url></urlset>", "the entity \"x\""),
            ("<urlset></url>", "it is no XML"),
            ("\u{1f}\u{8b}", "it names no URL"),
        ] {
            let refused = read(text.as_bytes()).expect_err(text);
            assert!(refused.starts_with(why), "{text}: {refused}");
        }
    }
}
