//! Keys of conditions, and the context in which a request's values for them are.
//!
//! A key that is not in the table is refused when a policy is put. That includes those of AWS which nothing here could give a value
//! (`aws:SourceVpce`, `aws:PrincipalOrgID`, `aws:MultiFactorAuthAge`): a condition on them would always decide the same way.

use std::borrow::Cow;

/// Names that stand for themselves. Compared without case.
const NAMES: &[&str] = &[
    "aws:currenttime",
    "aws:epochtime",
    "aws:principalaccount",
    "aws:principalarn",
    "aws:principaltype",
    "aws:referer",
    "aws:requestedregion",
    "aws:securetransport",
    "aws:sourceip",
    "aws:useragent",
    "aws:userid",
    "aws:username",
    "s3:authtype",
    "s3:delimiter",
    "s3:if-match",
    "s3:if-none-match",
    "s3:locationconstraint",
    "s3:max-keys",
    "s3:object-lock-legal-hold",
    "s3:object-lock-mode",
    "s3:object-lock-remaining-retention-days",
    "s3:object-lock-retain-until-date",
    "s3:prefix",
    "s3:requestobjecttagkeys",
    "s3:resourceaccount",
    "s3:signatureage",
    "s3:signatureversion",
    "s3:tlsversion",
    "s3:versionid",
    "s3:x-amz-acl",
    "s3:x-amz-content-sha256",
    "s3:x-amz-copy-source",
    "s3:x-amz-grant-full-control",
    "s3:x-amz-grant-read",
    "s3:x-amz-grant-read-acp",
    "s3:x-amz-grant-write",
    "s3:x-amz-grant-write-acp",
    "s3:x-amz-metadata-directive",
    "s3:x-amz-object-ownership",
    "s3:x-amz-server-side-encryption",
    "s3:x-amz-server-side-encryption-customer-algorithm",
    "s3:x-amz-storage-class",
    "s3:x-amz-website-redirect-location",
];

/// Families that are followed by a tag's key. The key is compared with case, as tags are.
const FAMILIES: &[&str] = &["s3:existingobjecttag/", "s3:requestobjecttag/"];

/// A key of the table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Key(Cow<'static, str>);

impl Key {
    /// The key of that name; the error is the name.
    pub fn parse(name: &str) -> Result<Self, &str> {
        let lower = || name.bytes().map(|byte| byte.to_ascii_lowercase());
        if let Ok(at) = NAMES.binary_search_by(|known| known.bytes().cmp(lower())) {
            return Ok(Self(Cow::Borrowed(NAMES[at])));
        }
        let begins =
            |family: &str| name.get(..family.len()).is_some_and(|it| it.eq_ignore_ascii_case(family));
        let family = FAMILIES.iter().find(|family| name.len() > family.len() && begins(family));
        family.map(|family| Self(Cow::Owned(format!("{family}{}", &name[family.len()..])))).ok_or(name)
    }

    /// In the form in which it is compared.
    pub fn name(&self) -> &str {
        &self.0
    }
}

/// What a request says for the keys of conditions. The requester's own keys are in it too, since variables name them.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Context {
    values: Vec<(Key, Vec<String>)>,
}

impl Context {
    /// Says a key's one value. A name that is not in the table is a defect of the caller and has no effect.
    pub fn set(&mut self, name: &str, value: impl Into<String>) {
        self.set_all(name, [value.into()]);
    }

    /// Says all values of a key; none of them is not the same as no such key.
    pub fn set_all(&mut self, name: &str, values: impl IntoIterator<Item = String>) {
        let Ok(key) = Key::parse(name) else {
            debug_assert!(false, "{name} is not a condition's key");
            return;
        };
        let values = values.into_iter().collect();
        match self.values.iter_mut().find(|(known, _)| *known == key) {
            Some((_, before)) => *before = values,
            None => self.values.push((key, values)),
        }
    }

    /// The values of a key, if the request has it.
    pub fn get(&self, key: &Key) -> Option<&[String]> {
        self.values.iter().find(|(known, _)| known == key).map(|(_, values)| &values[..])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_known_by_name() {
        assert!(NAMES.is_sorted());
        for (name, expected) in [
            ("aws:SourceIp", Ok("aws:sourceip")),
            ("S3:X-Amz-ACL", Ok("s3:x-amz-acl")),
            ("s3:ExistingObjectTag/Team", Ok("s3:existingobjecttag/Team")),
            ("s3:RequestObjectTag/a/b", Ok("s3:requestobjecttag/a/b")),
            ("s3:ExistingObjectTag/", Err("s3:ExistingObjectTag/")),
            ("s3:existingobjecttag", Err("s3:existingobjecttag")),
            ("aws:SourceVpce", Err("aws:SourceVpce")),
            ("SourceIp", Err("SourceIp")),
            ("", Err("")),
        ] {
            let key = Key::parse(name);
            assert_eq!(key.as_ref().map(Key::name), expected.as_ref().map(|name| *name), "{name}");
        }
    }
}
