//! A client of a few lines. Frames that come are shown as short lines:
//!
//! ```text
//! T a:23 b:25/1      RowDescription: names, types, format if it is binary
//! D 1|x|~            DataRow, ~ for NULL, \x… for what is not text
//! C SELECT 1         CommandComplete
//! E 42601 message    ErrorResponse, with @position, and [context] if there is one
//! Z I                ReadyForQuery
//! ```

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::time::Duration;

use base64ct::{Base64, Encoding as _};
use bole_identity::{ClientProof, ScramHash};
use bytes::{Buf as _, BufMut as _, Bytes};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// See the module.
pub(crate) struct Client {
    stream: TcpStream,
    /// What the server said after the login.
    pub(crate) greeting: String,
    /// For cancel requests.
    pub(crate) key: (i32, i32),
}

/// A message of the extended protocol, and others that are sent together.
#[derive(Clone, Debug)]
pub(crate) enum Send<'a> {
    /// Statement, text, types.
    Parse(&'a str, &'a str, &'a [u32]),
    /// Portal, statement, parameters as text.
    Bind(&'a str, &'a str, &'a [Option<&'a str>]),
    /// Portal, statement, parameters in binary; results in binary too.
    BindBinary(&'a str, &'a str, &'a [&'a [u8]]),
    DescribeStatement(&'a str),
    DescribePortal(&'a str),
    /// Portal, most rows.
    Execute(&'a str, i32),
    CloseStatement(&'a str),
    ClosePortal(&'a str),
    Flush,
    Sync,
    Query(&'a str),
    CopyData(&'a [u8]),
    CopyDone,
    CopyFail(&'a str),
    Raw(u8, &'a [u8]),
}

fn text(out: &mut Vec<u8>, text: &str) {
    out.put_slice(text.as_bytes());
    out.put_u8(0);
}

fn named(kind: u8, name: &str) -> Vec<u8> {
    let mut body = vec![kind];
    text(&mut body, name);
    body
}

impl Send<'_> {
    fn frame(&self) -> Vec<u8> {
        let (tag, body) = self.parts();
        let mut out = vec![tag];
        out.put_u32(body.len() as u32 + 4);
        out.extend(body);
        out
    }

    fn parts(&self) -> (u8, Vec<u8>) {
        let mut body = Vec::new();
        match self {
            Self::Parse(name, sql, types) => {
                text(&mut body, name);
                text(&mut body, sql);
                body.put_u16(types.len() as u16);
                types.iter().for_each(|oid| body.put_u32(*oid));
                (b'P', body)
            }
            Self::Bind(portal, statement, parameters) => {
                let values: Vec<_> = parameters.iter().map(|value| value.map(str::as_bytes)).collect();
                (b'B', bind(portal, statement, &values, false))
            }
            Self::BindBinary(portal, statement, parameters) => {
                let values: Vec<_> = parameters.iter().map(|value| Some(*value)).collect();
                (b'B', bind(portal, statement, &values, true))
            }
            Self::DescribeStatement(name) => (b'D', named(b'S', name)),
            Self::DescribePortal(name) => (b'D', named(b'P', name)),
            Self::Execute(portal, rows) => {
                text(&mut body, portal);
                body.put_i32(*rows);
                (b'E', body)
            }
            Self::CloseStatement(name) => (b'C', named(b'S', name)),
            Self::ClosePortal(name) => (b'C', named(b'P', name)),
            Self::Flush => (b'H', body),
            Self::Sync => (b'S', body),
            Self::Query(sql) => {
                text(&mut body, sql);
                (b'Q', body)
            }
            Self::CopyData(data) => (b'd', data.to_vec()),
            Self::CopyDone => (b'c', body),
            Self::CopyFail(reason) => {
                text(&mut body, reason);
                (b'f', body)
            }
            Self::Raw(tag, data) => (*tag, data.to_vec()),
        }
    }
}

fn bind(portal: &str, statement: &str, values: &[Option<&[u8]>], binary: bool) -> Vec<u8> {
    let mut body = Vec::new();
    text(&mut body, portal);
    text(&mut body, statement);
    body.put_u16(1);
    body.put_u16(u16::from(binary));
    body.put_u16(values.len() as u16);
    for value in values {
        body.put_i32(value.map_or(-1, |value| value.len() as i32));
        body.put_slice(value.unwrap_or_default());
    }
    body.put_u16(1);
    body.put_u16(u16::from(binary));
    body
}

impl Client {
    pub(crate) async fn connect(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).await.unwrap();
        Self { stream, greeting: String::new(), key: (0, 0) }
    }

    pub(crate) async fn write(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).await.unwrap();
    }

    /// One byte, as the answer to a request for encryption is.
    pub(crate) async fn byte(&mut self) -> u8 {
        self.stream.read_u8().await.unwrap()
    }

    /// The next frame; `None` at the end.
    pub(crate) async fn frame(&mut self) -> Option<(u8, Bytes)> {
        let read = async {
            let tag = self.stream.read_u8().await.ok()?;
            let length = self.stream.read_u32().await.ok()?;
            let mut body = vec![0; length as usize - 4];
            self.stream.read_exact(&mut body).await.ok()?;
            Some((tag, Bytes::from(body)))
        };
        tokio::time::timeout(Duration::from_secs(20), read).await.unwrap()
    }

    pub(crate) async fn startup(&mut self, version: u32, parameters: &[(&str, &str)]) {
        let mut body = Vec::new();
        body.put_u32(version);
        for (name, value) in parameters {
            text(&mut body, name);
            text(&mut body, value);
        }
        body.put_u8(0);
        let mut packet = Vec::new();
        packet.put_u32(body.len() as u32 + 4);
        packet.extend(body);
        self.write(&packet).await;
    }

    /// Logs in; the error is the frame that refused it.
    pub(crate) async fn login(
        &mut self,
        user: &str,
        password: &str,
        parameters: &[(&str, &str)],
    ) -> Result<(), String> {
        let mut all = vec![("user", user)];
        all.extend(parameters);
        self.startup(196_608, &all).await;
        self.scram(password).await?;
        loop {
            let (tag, body) = self.frame().await.unwrap();
            if tag == b'K' {
                let mut body = body.clone();
                self.key = (body.get_i32(), body.get_i32());
            }
            if tag == b'E' {
                return Err(shown(tag, &body));
            }
            if tag == b'Z' {
                return Ok(());
            }
            writeln!(self.greeting, "{}", shown(tag, &body)).unwrap();
        }
    }

    /// The detail of a statement's error; nothing where there is none.
    pub(crate) async fn detail(&mut self, sql: &str) -> String {
        self.write(&Send::Query(sql).frame()).await;
        let mut detail = String::new();
        while let Some((tag, mut body)) = self.frame().await {
            while tag == b'E' && body[0] != 0 {
                let (code, text) = (body.get_u8(), field(&mut body));
                if code == b'D' {
                    detail = text;
                }
            }
            if tag == b'Z' {
                break;
            }
        }
        detail
    }

    async fn scram(&mut self, password: &str) -> Result<(), String> {
        let code = |frame: Option<(u8, Bytes)>| match frame.unwrap() {
            (b'R', mut body) => Ok((body.get_u32(), body)),
            (tag, body) => Err(shown(tag, &body)),
        };
        let (first, mechanisms) = code(self.frame().await)?;
        assert_eq!((first, &mechanisms[..]), (10, &b"SCRAM-SHA-256\0\0"[..]));
        let bare = "n=,r=abc";
        let mut body = b"SCRAM-SHA-256\0".to_vec();
        let message = format!("n,,{bare}");
        body.put_u32(message.len() as u32);
        body.extend(message.bytes());
        self.write(&Send::Raw(b'p', &body).frame()).await;
        let (_, challenge) = code(self.frame().await)?;
        let challenge = String::from_utf8(challenge.to_vec()).unwrap();
        let fields: Vec<&str> = challenge.split(',').map(|field| &field[2..]).collect();
        let without_proof = format!("c=biws,r={}", fields[0]);
        let signed = format!("{bare},{challenge},{without_proof}");
        let (salt, rounds) = (Base64::decode_vec(fields[1]).unwrap(), fields[2].parse().unwrap());
        let proof = ClientProof::new(ScramHash::Sha256, password, &salt, rounds, signed.as_bytes());
        let last = format!("{without_proof},p={}", Base64::encode_string(&proof.proof));
        self.write(&Send::Raw(b'p', last.as_bytes()).frame()).await;
        let (_, signature) = code(self.frame().await)?;
        assert_eq!(signature, format!("v={}", Base64::encode_string(&proof.signature)));
        Ok(())
    }

    pub(crate) async fn send(&mut self, messages: &[Send<'_>]) {
        let bytes: Vec<u8> = messages.iter().flat_map(Send::frame).collect();
        self.write(&bytes).await;
    }

    /// What comes up to a frame of this type, or the end.
    pub(crate) async fn until(&mut self, last: u8) -> String {
        let mut lines = Vec::new();
        loop {
            let Some((tag, body)) = self.frame().await else {
                lines.push("end".to_owned());
                break;
            };
            lines.push(shown(tag, &body));
            if tag == last {
                break;
            }
        }
        lines.join("\n")
    }

    /// Sends messages and gives what comes up to as many `ReadyForQuery` as there are queries and syncs among them.
    pub(crate) async fn talk(&mut self, messages: &[Send<'_>]) -> String {
        self.send(messages).await;
        let groups = messages.iter().filter(|message| matches!(message, Send::Sync | Send::Query(_))).count();
        let mut lines = Vec::new();
        for _ in 0..groups {
            lines.push(self.until(b'Z').await);
        }
        lines.join("\n")
    }

    pub(crate) async fn query(&mut self, sql: &str) -> String {
        self.talk(&[Send::Query(sql)]).await
    }

    /// Checks what comes back; lines of `expected` may be indented.
    pub(crate) async fn check(&mut self, messages: &[Send<'_>], expected: &str) {
        let found = self.talk(messages).await;
        let expected: Vec<&str> =
            expected.lines().map(str::trim_start).filter(|line| !line.is_empty()).collect();
        assert_eq!(found.lines().collect::<Vec<_>>(), expected, "{messages:?}");
    }

    /// Checks statements, each with what comes back before its `ReadyForQuery` and the status, parts with ` / ` between.
    pub(crate) async fn check_all(&mut self, rows: &[(&str, &str)]) {
        for (sql, expected) in rows {
            let found = self.query(sql).await;
            assert_eq!(found.replace('\n', " / "), *expected, "{sql}");
        }
    }
}

fn field(bytes: &mut Bytes) -> String {
    let end = bytes.iter().position(|byte| *byte == 0).unwrap();
    let text = bytes.split_to(end);
    bytes.advance(1);
    String::from_utf8(text.to_vec()).unwrap()
}

fn shown(tag: u8, body: &Bytes) -> String {
    let mut body = body.clone();
    match tag {
        b'T' => {
            let mut line = "T".to_owned();
            for _ in 0..body.get_u16() {
                let name = field(&mut body);
                body.advance(6);
                let oid = body.get_u32();
                body.advance(6);
                let format = if body.get_u16() == 1 { "/1" } else { "" };
                write!(line, " {name}:{oid}{format}").unwrap();
            }
            line
        }
        b'D' => {
            let count = body.get_u16();
            let values: Vec<String> = (0..count).map(|_| value(&mut body)).collect();
            format!("D {}", values.join("|"))
        }
        b't' => {
            let count = body.get_u16();
            let types: Vec<String> = (0..count).map(|_| body.get_u32().to_string()).collect();
            format!("t {}", types.join(" ")).trim_end().to_owned()
        }
        b'C' => format!("C {}", field(&mut body)),
        b'Z' => format!("Z {}", char::from(body[0])),
        b'S' => format!("S {}={}", field(&mut body), field(&mut body)),
        b'A' => {
            body.advance(4);
            format!("A {} {}", field(&mut body), field(&mut body))
        }
        b'E' | b'N' => report(tag, body),
        b'd' => format!("d {:?}", String::from_utf8_lossy(&body)),
        b'G' | b'H' => format!("{} {}", char::from(tag), body[0]),
        tag => char::from(tag).to_string(),
    }
}

fn value(body: &mut Bytes) -> String {
    let length = body.get_i32();
    if length < 0 {
        return "~".to_owned();
    }
    let bytes = body.split_to(length as usize);
    match std::str::from_utf8(&bytes) {
        // Binary numbers have zero bytes; text has none.
        Ok(text) if !text.contains('\0') => text.replace('\n', "\\n").replace('\t', "\\t"),
        _ => bytes.iter().fold("\\x".to_owned(), |text, byte| format!("{text}{byte:02x}")),
    }
}

fn report(tag: u8, mut body: Bytes) -> String {
    let (mut severity, mut state, mut message, mut position, mut context) =
        (String::new(), String::new(), String::new(), String::new(), String::new());
    while body[0] != 0 {
        let code = body.get_u8();
        let text = field(&mut body);
        match code {
            b'V' => severity = text,
            b'C' => state = text,
            b'M' => message = text,
            b'P' => position = format!(" @{text}"),
            b'W' => context = format!(" [{text}]"),
            _ => {}
        }
    }
    let fatal = if severity == "FATAL" { "FATAL " } else { "" };
    format!("{} {fatal}{state} {message}{position}{context}", char::from(tag))
}
