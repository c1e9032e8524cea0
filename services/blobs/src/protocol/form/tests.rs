//! Forms whole and cut into pieces of every size, and every way in which one is not well-formed.

use http_body_util::StreamBody;

use super::*;

type Pieces = StreamBody<
    futures_util::stream::Iter<std::vec::IntoIter<std::result::Result<Frame<Bytes>, std::io::Error>>>,
>;

fn cut(text: &[u8], size: usize) -> Pieces {
    let pieces: Vec<_> =
        text.chunks(size).map(|piece| Ok(Frame::data(Bytes::copy_from_slice(piece)))).collect();
    StreamBody::new(futures_util::stream::iter(pieces))
}

fn field(name: &str, value: &str) -> String {
    format!("--B\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n")
}

fn file(content: &str) -> String {
    format!(
        "--B\r\ncontent-disposition: form-data; name=\"file\"; filename=\"a \\\"b\\\".txt\"\r\nContent-Type: text/plain\r\n\r\n{content}\r\n--B"
    )
}

/// Fields, the name of the file, its content.
type Read = (Vec<(String, String)>, String, Vec<u8>);

async fn all(text: &str, size: usize) -> std::result::Result<Read, String> {
    let form = read(cut(text.as_bytes(), size), "B").await.map_err(|error| error.to_string())?;
    let Form { fields, filename, file } = form;
    let content = file.collect().await.map_err(|error| error.to_string())?;
    Ok((fields, filename, content.to_bytes().to_vec()))
}

#[tokio::test]
async fn forms_are_read_in_pieces_of_any_size() {
    let content = "one\r\n--A\r\n--\r\n\r\n--";
    let after = "\r\n--B\r\nContent-Disposition: form-data; name=\"submit\"\r\n\r\nUpload\r\n--B--\r\n";
    for end in ["--\r\n", "--", after] {
        let text = format!("{}{}{}{end}", field("Key", "a\r\nb"), field("empty", ""), file(content));
        for size in 1..=text.len() {
            let (fields, filename, read) = all(&text, size).await.unwrap();
            let expected = [("key", "a\r\nb"), ("empty", "")];
            let fields: Vec<_> = fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
            assert_eq!(fields, expected, "{size}");
            assert_eq!(filename, "a \"b\".txt");
            assert_eq!(String::from_utf8(read).unwrap(), content, "{size}");
        }
    }
    let preamble = format!("to be ignored\r\n{}--", file(""));
    assert_eq!(all(&preamble, 7).await.unwrap().2, b"");
}

#[tokio::test]
async fn what_is_no_form_is_refused() {
    let long = field("a", &"x".repeat(FORM_FIELD_BYTES_MAX + 1));
    let wide: String =
        (0..5).map(|number| field(&number.to_string(), &"x".repeat(FORM_FIELD_BYTES_MAX))).collect();
    let many: String = (0..FORM_PARTS_MAX).map(|number| field(&number.to_string(), "")).collect();
    let head = format!("--B\r\nX: {}\r\n\r\n", "x".repeat(FORM_HEAD_BYTES_MAX));
    for (text, part) in [
        (String::new(), "ends before its last boundary"),
        ("--B--\r\n".to_owned(), "exactly one file"),
        (field("key", "k") + "--B--\r\n", "exactly one file"),
        (field("key", "k"), "ends before"),
        (field("key", "k") + &field("KEY", "l") + &file("x"), "at most one field named key"),
        ("--Bx\r\n".to_owned(), "followed by something else"),
        ("--B\r\n\r\nx\r\n--B--".to_owned(), "no Content-Disposition"),
        ("--B\r\nContent-Disposition: form-data\r\n\r\nx\r\n--B--".to_owned(), "no Content-Disposition"),
        ("--B\r\nContent-Disposition: form-data; filename=a\r\n\r\nx\r\n--B--".to_owned(), "no name"),
        (
            "--B\r\nContent-Disposition: attachment; name=a\r\n\r\nx\r\n--B--".to_owned(),
            "no Content-Disposition",
        ),
        (long + &file("x"), "too large"),
        (wide + &file("x"), "too large"),
        (many + &file("x"), "too large"),
        (head + &file("x"), "too large"),
    ] {
        let error = all(&text, 1_000).await.unwrap_err();
        assert!(error.contains(part), "{error} lacks {part}: {}", &text[..text.len().min(200)]);
    }
    let text = file("never ends");
    let cut = &text[..text.len() - 3];
    assert!(all(cut, 9).await.unwrap_err().contains("ended within its file"));
}

#[test]
fn boundaries_are_found() {
    for (kind, expected) in [
        ("multipart/form-data; boundary=abc", Some(Some("abc"))),
        ("Multipart/Form-Data; charset=utf-8; boundary=\"a b\"", Some(Some("a b"))),
        ("multipart/form-data", Some(None)),
        ("multipart/form-data; boundary=", Some(None)),
        ("multipart/form-data; boundary=\"a", Some(None)),
        ("multipart/mixed; boundary=abc", None),
        ("text/plain", None),
        ("", None),
    ] {
        let found = boundary(kind).map(std::result::Result::ok);
        assert_eq!(found, expected.map(|found| found.map(str::to_owned)), "{kind}");
    }
    assert!(boundary(&format!("multipart/form-data; boundary={}", "x".repeat(71))).unwrap().is_err());
}
