//! One line of a trace: name, arguments, result.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::path::PathBuf;

/// A call that succeeded.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Call {
    pub(super) name: String,
    /// The arguments as text.
    pub(super) arguments: Vec<String>,
    pub(super) result: i64,
}

impl Call {
    /// Parses `name(arguments) = result …`; `None` if the call failed or has no result (it ended the process).
    pub(super) fn parse(text: &str) -> Result<Option<Self>, String> {
        let (name, rest) = text.split_once('(').ok_or("no call")?;
        let Some(end) =
            rest.rfind(") = ").or_else(|| rest.rfind(") ").filter(|at| rest[*at..].contains("= ")))
        else {
            return Ok(None);
        };
        let (arguments, result) = rest.split_at(end);
        let result = result.trim_start_matches(')').trim_start().trim_start_matches('=').trim_start();
        let word = result.split_whitespace().next().unwrap_or("?");
        let value = match word.strip_prefix("0x") {
            Some(hex) => u64::from_str_radix(hex, 16).ok().map(|value| value as i64),
            None => word.parse().ok(),
        };
        let Some(result) = value else { return Ok(None) };
        // Addresses (of mmap) may look negative as numbers; failed calls say -1.
        if result == -1 {
            return Ok(None);
        }
        Ok(Some(Self { name: name.to_owned(), arguments: split(arguments), result }))
    }

    pub(super) fn text(&self, index: usize) -> Result<&str, String> {
        self.arguments
            .get(index)
            .map(String::as_str)
            .ok_or_else(|| format!("{} has no argument {index}", self.name))
    }

    pub(super) fn number(&self, index: usize) -> Result<u64, String> {
        let text = self.text(index)?;
        text.parse().map_err(|_| format!("argument {index} of {}, {text}, is no number", self.name))
    }

    pub(super) fn fd(&self, index: usize) -> Result<i32, String> {
        let text = self.text(index)?;
        text.parse().map_err(|_| format!("argument {index} of {}, {text}, is no descriptor", self.name))
    }

    /// The bytes of all strings in an argument: one for write, one for each vector of writev.
    pub(super) fn bytes(&self, index: usize) -> Result<Vec<u8>, String> {
        let mut bytes = Vec::new();
        let mut parts = self.text(index)?.split('"');
        parts.next();
        while let Some(string) = parts.next() {
            for hex in string.split("\\x").skip(1) {
                bytes.push(u8::from_str_radix(hex, 16).map_err(|_| format!("\"{hex}\" is no byte"))?);
            }
            if parts.next().is_some_and(|after| after.starts_with("...")) {
                return Err("the bytes of a call are not all in the trace".to_owned());
            }
        }
        Ok(bytes)
    }

    pub(super) fn path(&self, index: usize) -> Result<PathBuf, String> {
        Ok(PathBuf::from(OsString::from_vec(self.bytes(index)?)))
    }
}

/// Splits arguments at the commas that are in no brackets. With `-xx`, strings hold neither commas nor quotes.
fn split(text: &str) -> Vec<String> {
    let mut arguments = vec![String::new()];
    let mut depth = 0_i32;
    for letter in text.chars() {
        match letter {
            '[' | '{' | '(' => depth += 1,
            ']' | '}' | ')' => depth -= 1,
            _ => {}
        }
        match (letter, arguments.last_mut()) {
            (',', _) if depth == 0 => arguments.push(String::new()),
            (_, Some(last)) => last.push(letter),
            (_, None) => {}
        }
    }
    arguments.into_iter().map(|argument| argument.trim().to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_parse() {
        let call = Call::parse(r#"pwrite64(3, "\x61\x2c\x62", 3, 4096) = 3"#).unwrap().unwrap();
        assert_eq!((call.name.as_str(), call.fd(0), call.result), ("pwrite64", Ok(3), 3));
        assert_eq!((call.bytes(1).unwrap(), call.number(3)), (b"a,b".to_vec(), Ok(4096)));
        let text = r#"writev(4, [{iov_base="\x61", iov_len=1}, {iov_base="\x62\x63", iov_len=2}], 2) = 3"#;
        let call = Call::parse(text).unwrap().unwrap();
        assert_eq!(call.bytes(1).unwrap(), b"abc");
        let cut = Call::parse(r#"write(4, "\x61"..., 9) = 9"#).unwrap().unwrap();
        assert!(cut.bytes(1).unwrap_err().contains("not all"));
        assert_eq!(Call::parse(r#"openat(AT_FDCWD, "\x61", O_RDONLY) = -1 ENOENT (No such file)"#), Ok(None));
        assert_eq!(Call::parse("exit_group(0) = ?"), Ok(None));
        assert_eq!(Call::parse("close(1)                          = 0").unwrap().unwrap().result, 0);
        assert!(Call::parse("garbage").is_err());
    }
}
