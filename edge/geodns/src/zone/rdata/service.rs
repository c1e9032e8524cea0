//! Parameters of service bindings (RFC 9460 sections 2.1, 7 and appendix A; RFC 9461 for `dohpath`).

use super::fields::{decode_base64, encode_base64, quoted, unescaped};
use crate::wire::query::Reader;
use crate::zone::lexer::Token;
use std::collections::BTreeMap;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::slice::Iter;

const MANDATORY: u16 = 0;
const ALPN: u16 = 1;
const NO_DEFAULT_ALPN: u16 = 2;
const PORT: u16 = 3;
const IPV4_HINT: u16 = 4;
const ECH: u16 = 5;
const IPV6_HINT: u16 = 6;
const DOH_PATH: u16 = 7;

const KEYS: [(u16, &str); 8] = [
    (MANDATORY, "mandatory"),
    (ALPN, "alpn"),
    (NO_DEFAULT_ALPN, "no-default-alpn"),
    (PORT, "port"),
    (IPV4_HINT, "ipv4hint"),
    (ECH, "ech"),
    (IPV6_HINT, "ipv6hint"),
    (DOH_PATH, "dohpath"),
];

fn key_number(text: &str) -> Option<u16> {
    let named = KEYS.iter().find(|(_, name)| *name == text).map(|(number, _)| *number);
    named.or_else(|| {
        let digits = text.strip_prefix("key")?;
        let number: u16 = digits.parse().ok()?;
        (number.to_string() == digits && number != u16::MAX).then_some(number)
    })
}

fn key_name(number: u16) -> String {
    let named = KEYS.iter().find(|(known, _)| *known == number).map(|(_, name)| (*name).to_owned());
    named.unwrap_or_else(|| format!("key{number}"))
}

/// Reads parameters to the end. Those of an alias (priority 0, the first two bytes of `data`) are refused: clients ignore
/// them.
pub(super) fn read(rest: &mut Iter<'_, Token>, data: &mut Vec<u8>) -> Result<(), String> {
    if rest.len() > 0 && data[..2] == [0, 0] {
        return Err("an alias (priority 0) has no parameters".to_owned());
    }
    let mut values: BTreeMap<u16, Vec<u8>> = BTreeMap::new();
    for token in rest {
        let (key, value) = match token.text.split_once('=') {
            Some((key, value)) => (key, Some(value)),
            None => (token.text.as_str(), None),
        };
        let number = key_number(key)
            .ok_or_else(|| format!("there is no parameter \"{key}\"; others are written keyNNN"))?;
        let bytes = parameter(number, value)
            .ok_or_else(|| format!("\"{}\" is no value of `{key}`", value.unwrap_or_default()))?;
        if values.insert(number, bytes).is_some() {
            return Err(format!("the parameter `{key}` is there twice"));
        }
    }
    check(&values)?;
    for (number, value) in values {
        let length = u16::try_from(value.len()).map_err(|_| "a parameter is too long".to_owned())?;
        data.extend_from_slice(&number.to_be_bytes());
        data.extend_from_slice(&length.to_be_bytes());
        data.extend(value);
    }
    Ok(())
}

/// Whether parameters fit one another (RFC 9460 sections 7.1.1 and 8).
fn check(values: &BTreeMap<u16, Vec<u8>>) -> Result<(), String> {
    let mandatory = values.get(&MANDATORY).map_or(&[][..], |value| value);
    for key in mandatory.chunks_exact(2).map(|key| u16::from_be_bytes([key[0], key[1]])) {
        if key == MANDATORY || !values.contains_key(&key) {
            return Err(format!("`mandatory` names `{}`, which is not among the parameters", key_name(key)));
        }
    }
    if values.contains_key(&NO_DEFAULT_ALPN) && !values.contains_key(&ALPN) {
        return Err("`no-default-alpn` needs `alpn`".to_owned());
    }
    Ok(())
}

fn parameter(number: u16, value: Option<&str>) -> Option<Vec<u8>> {
    match number {
        NO_DEFAULT_ALPN => value.is_none().then(Vec::new),
        MANDATORY => {
            let mut keys: Vec<u16> = value?.split(',').map(key_number).collect::<Option<_>>()?;
            keys.sort_unstable();
            let all = keys.len();
            keys.dedup();
            (keys.len() == all).then(|| keys.iter().flat_map(|key| key.to_be_bytes()).collect())
        }
        ALPN => {
            let mut out = Vec::new();
            for id in list(&unescaped(value?)?)? {
                out.push(u8::try_from(id.len()).ok().filter(|length| *length > 0)?);
                out.extend(id);
            }
            Some(out)
        }
        PORT => value?.parse::<u16>().ok().map(|port| port.to_be_bytes().to_vec()),
        IPV4_HINT => each(value?, |one| Some(one.parse::<Ipv4Addr>().ok()?.octets().to_vec())),
        IPV6_HINT => each(value?, |one| Some(one.parse::<Ipv6Addr>().ok()?.octets().to_vec())),
        ECH => decode_base64(value?).filter(|bytes| !bytes.is_empty()),
        DOH_PATH => unescaped(value?).filter(|bytes| !bytes.is_empty()),
        _ => unescaped(value.unwrap_or_default()),
    }
}

fn each(value: &str, read: impl Fn(&str) -> Option<Vec<u8>>) -> Option<Vec<u8>> {
    value.split(',').map(read).collect::<Option<Vec<_>>>().map(|all| all.concat())
}

/// Parts at commas; a backslash keeps the comma or backslash behind it (appendix A.1).
fn list(value: &[u8]) -> Option<Vec<Vec<u8>>> {
    let mut parts = vec![Vec::new()];
    let mut bytes = value.iter();
    while let Some(byte) = bytes.next() {
        match byte {
            b'\\' => parts.last_mut()?.push(*bytes.next()?),
            b',' => parts.push(Vec::new()),
            _ => parts.last_mut()?.push(*byte),
        }
    }
    Some(parts)
}

/// Shows parameters that are not trusted.
pub(super) fn show(data: &[u8]) -> Option<String> {
    let mut reader = Reader { bytes: data, at: 0 };
    let mut words = Vec::new();
    let mut values = BTreeMap::new();
    while reader.at < data.len() {
        let (number, length) = (reader.u16()?, reader.u16()?);
        let value = reader.take(length as usize)?;
        if values.last_key_value().is_some_and(|(last, _)| *last >= number) || number == u16::MAX {
            return None;
        }
        values.insert(number, value.to_vec());
        let shown = show_value(number, value)?;
        let name = key_name(number);
        words.push(if shown.is_empty() { name } else { format!("{name}={shown}") });
    }
    check(&values).ok()?;
    Some(words.join(" "))
}

fn show_value(number: u16, value: &[u8]) -> Option<String> {
    match number {
        MANDATORY => {
            let key = |key: &[u8]| key.first_chunk::<2>().map(|key| u16::from_be_bytes(*key));
            let keys: Vec<u16> = value.chunks(2).map(key).collect::<Option<_>>()?;
            let rising = keys.windows(2).all(|pair| pair[0] < pair[1]) && !keys.is_empty();
            rising.then(|| keys.into_iter().map(key_name).collect::<Vec<_>>().join(","))
        }
        ALPN => {
            let mut reader = Reader { bytes: value, at: 0 };
            let mut ids = Vec::new();
            while reader.at < value.len() {
                let length = reader.u8().filter(|length| *length > 0)?;
                ids.push(reader.take(length as usize)?);
            }
            (!ids.is_empty()).then(|| alpn(&ids))
        }
        NO_DEFAULT_ALPN => value.is_empty().then(String::new),
        PORT => Some(u16::from_be_bytes(value.try_into().ok()?).to_string()),
        IPV4_HINT => hints(value, |bytes: [u8; 4]| Ipv4Addr::from(bytes).to_string()),
        IPV6_HINT => hints(value, |bytes: [u8; 16]| Ipv6Addr::from(bytes).to_string()),
        ECH => (!value.is_empty()).then(|| encode_base64(value)),
        DOH_PATH => (!value.is_empty()).then(|| quoted(value)),
        _ if value.is_empty() => Some(String::new()),
        _ => Some(quoted(value)),
    }
}

fn hints<const N: usize>(value: &[u8], show: impl Fn([u8; N]) -> String) -> Option<String> {
    if value.is_empty() {
        return None;
    }
    let shown = value.chunks(N).map(|chunk| chunk.first_chunk::<N>().map(|chunk| show(*chunk)));
    shown.collect::<Option<Vec<_>>>().map(|words| words.join(","))
}

/// Protocols, quoted if any has a character that a word cannot have.
fn alpn(ids: &[&[u8]]) -> String {
    let escape = |id: &&[u8]| -> Vec<u8> {
        let escaped = id.iter().flat_map(|byte| [matches!(byte, b',' | b'\\').then_some(b'\\'), Some(*byte)]);
        escaped.flatten().collect()
    };
    let joined = ids.iter().map(escape).collect::<Vec<_>>().join(&b',');
    let plain = joined.iter().all(|byte| byte.is_ascii_alphanumeric() || b",-./_+:".contains(byte));
    if plain { joined.iter().map(|byte| *byte as char).collect() } else { quoted(&joined) }
}
