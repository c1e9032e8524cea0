//! As much of a browser as the console needs: a cookie, forms, and pages as text.

use std::cell::RefCell;
use std::fmt::Write as _;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use crate::node::{Node, PATIENCE};

/// A visitor of a node's console.
pub(super) struct Browser {
    address: String,
    cookie: RefCell<String>,
}

/// An answer.
pub(super) struct Page {
    pub(super) status: u16,
    head: String,
    pub(super) body: String,
}

impl Page {
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        let mut lines = self.head.lines().filter_map(|line| line.split_once(": "));
        lines.find(|(found, _)| found.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }

    /// Whether people see this text: as it is escaped, and without any script.
    pub(super) fn shows(&self, text: &str) -> bool {
        let text =
            text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;");
        assert!(!self.body.contains("<script"), "a script is in {}", self.body);
        self.body.contains(&text)
    }
}

/// Text as it stands in a query or a form.
pub(super) fn encode(text: &str) -> String {
    text.bytes().fold(String::new(), |mut out, byte| {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            write!(out, "%{byte:02X}").unwrap();
        }
        out
    })
}

fn form(fields: &[(&str, &str)]) -> String {
    let pairs: Vec<String> = fields.iter().map(|(name, value)| format!("{name}={}", encode(value))).collect();
    pairs.join("&")
}

impl Browser {
    pub(super) fn new(node: &Node) -> Self {
        Self { address: node.admin().to_owned(), cookie: RefCell::default() }
    }

    pub(super) fn logged_in(node: &Node, user: &str, password: &str) -> Self {
        let browser = Self::new(node);
        let page = browser.log_in(user, password);
        assert_eq!(page.status, 303, "{}", page.body);
        browser
    }

    pub(super) fn log_in(&self, user: &str, password: &str) -> Page {
        let fields = form(&[("user", user), ("password", password)]);
        self.raw("POST", "/login", "", fields.as_bytes())
    }

    /// Sends one request for a page of the console; the cookie of the answer is kept.
    pub(super) fn raw(&self, method: &str, path: &str, headers: &str, body: &[u8]) -> Page {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let (address, cookie) = (&self.address, self.cookie.borrow().clone());
        let media = if headers.contains("content-type") {
            ""
        } else {
            "content-type: application/x-www-form-urlencoded\r\n"
        };
        let head = format!(
            "{method} /console{path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\ncookie: {cookie}\r\n{media}{headers}content-length: {}\r\n\r\n",
            body.len()
        );
        stream.write_all(&[head.as_bytes(), body].concat()).unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).unwrap();
        let answer = String::from_utf8_lossy(&answer).into_owned();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap_or_else(|| panic!("no answer: {answer}"));
        let status = head[9..12].parse().unwrap();
        let page = Page { status, head: head.to_owned(), body: body.to_owned() };
        if let Some(cookie) = page.header("set-cookie") {
            cookie.split(';').next().unwrap().clone_into(&mut self.cookie.borrow_mut());
        }
        page
    }

    pub(super) fn get(&self, path: &str) -> Page {
        self.raw("GET", path, "", b"")
    }

    /// The proof that the forms of a page have.
    pub(super) fn proof(&self, path: &str) -> String {
        let page = self.get(path);
        let rest = page.body.split_once("name=\"proof\" value=\"");
        let (_, rest) = rest.unwrap_or_else(|| panic!("{path} has no form: {}", page.body));
        rest.split_once('"').unwrap().0.to_owned()
    }

    /// Sends a form of a page.
    pub(super) fn send(&self, page: &str, path: &str, fields: &[(&str, &str)]) -> Page {
        let proof = self.proof(page);
        let fields = [fields, &[("proof", &proof)]].concat();
        self.raw("POST", path, &format!("origin: http://{}\r\n", self.address), form(&fields).as_bytes())
    }

    /// Sends a form of a page, whose change succeeds.
    pub(super) fn change(&self, page: &str, path: &str, fields: &[(&str, &str)]) {
        let done = self.send(page, path, fields);
        assert_eq!(done.status, 303, "{path} {fields:?}: {}", done.body);
    }

    /// Uploads a file as browsers do.
    pub(super) fn upload(&self, bucket: &str, prefix: &str, key: &str, name: &str, text: &str) -> Page {
        let proof = self.proof(&format!("/blobs/bucket?name={bucket}"));
        let mut body = String::new();
        for (field, value) in [("proof", &*proof), ("bucket", bucket), ("prefix", prefix), ("key", key)] {
            write!(body, "--b\r\nContent-Disposition: form-data; name=\"{field}\"\r\n\r\n{value}\r\n")
                .unwrap();
        }
        write!(body, "--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"{name}\"\r\nContent-Type: text/html\r\n\r\n{text}\r\n--b--\r\n").unwrap();
        self.raw(
            "POST",
            "/blobs/upload",
            "content-type: multipart/form-data; boundary=b\r\n",
            body.as_bytes(),
        )
    }
}
