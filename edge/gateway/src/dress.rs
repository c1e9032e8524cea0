//! Headers of the library's heads, changed by what works on plain ones. The library keeps beside each head how its names were written, so a
//! head cannot simply be exchanged.

use http::{HeaderMap, HeaderName, HeaderValue};
use pingora_core::Result;
use pingora_http::{RequestHeader, ResponseHeader};

/// A head of the library.
pub trait Head {
    /// Its headers.
    fn headers(&self) -> &HeaderMap;
    /// Takes out all values of a name.
    fn take_out(&mut self, name: &HeaderName);
    /// Adds a value.
    fn put_in(&mut self, name: &HeaderName, value: &HeaderValue) -> Result<()>;
}

macro_rules! head {
    ($($head:ty),*) => {$(
        impl Head for $head {
            fn headers(&self) -> &HeaderMap {
                &self.headers
            }

            fn take_out(&mut self, name: &HeaderName) {
                self.remove_header(name);
            }

            fn put_in(&mut self, name: &HeaderName, value: &HeaderValue) -> Result<()> {
                self.append_header(name.clone(), value.clone()).map(|_| ())
            }
        }
    )*};
}

head!(RequestHeader, ResponseHeader);

/// Changes the headers of a head.
///
/// # Errors
/// More headers than a head can have.
pub fn change(head: &mut impl Head, change: impl FnOnce(&mut HeaderMap)) -> Result<()> {
    let before = head.headers().clone();
    let mut after = before.clone();
    change(&mut after);
    for name in before.keys() {
        if !before.get_all(name).iter().eq(after.get_all(name).iter()) {
            head.take_out(name);
        }
    }
    for name in after.keys() {
        if !before.get_all(name).iter().eq(after.get_all(name).iter()) {
            for value in after.get_all(name) {
                head.put_in(name, value)?;
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn heads_follow_their_headers() {
        let mut head = ResponseHeader::build(200, None).expect("a head");
        for (name, value) in [("A", "1"), ("B", "2"), ("B", "3"), ("C", "4")] {
            head.append_header(name, value).expect("room");
        }
        change(&mut head, |headers| {
            headers.remove("a");
            headers.insert("b", HeaderValue::from_static("5"));
            headers.append("d", HeaderValue::from_static("6"));
        })
        .expect("room");
        let mut wire = Vec::new();
        head.header_to_h1_wire(&mut wire);
        let text = String::from_utf8(wire).expect("text").to_lowercase();
        let mut lines: Vec<&str> = text.lines().collect();
        lines.sort_unstable();
        assert_eq!(lines, ["b: 5", "c: 4", "d: 6"]);
    }
}
