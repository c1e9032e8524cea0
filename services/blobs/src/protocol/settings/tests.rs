//! Documents as clients send them, through the protocol library's parser, to the rules and back.

use std::fmt::Debug;

use s3s::dto;
use s3s::xml::{Deserialize, Deserializer};

use super::*;
use crate::rules::tags::On;

fn document<T: for<'xml> Deserialize<'xml>>(xml: &str) -> T {
    T::deserialize(&mut Deserializer::new(xml.as_bytes())).unwrap_or_else(|error| panic!("{error}: {xml}"))
}

/// What is read of a document is shown as the same document; `None` where reading it is refused with the code.
fn check<T, R>(xml: &str, refused: Option<Code>, read: impl Fn(T) -> Result<R>, show: impl Fn(R) -> T)
where
    T: for<'xml> Deserialize<'xml> + Clone + Debug + PartialEq,
{
    let sent: T = document(xml);
    match (read(sent.clone()), refused) {
        (Ok(setting), None) => assert_eq!(show(setting), sent, "{xml}"),
        (Err(error), Some(code)) => assert_eq!(error.code, code, "{error}: {xml}"),
        (Ok(_), Some(code)) => panic!("{code:?} was expected: {xml}"),
        (Err(error), None) => panic!("{error}: {xml}"),
    }
}

#[test]
fn cors() {
    for (xml, refused) in [
        (
            "<CORSConfiguration><CORSRule><ID>one</ID><AllowedHeader>*</AllowedHeader><AllowedMethod>GET</AllowedMethod>\
             <AllowedMethod>PUT</AllowedMethod><AllowedOrigin>http://*.example.com</AllowedOrigin><ExposeHeader>ETag</ExposeHeader>\
             <MaxAgeSeconds>3000</MaxAgeSeconds></CORSRule><CORSRule><AllowedMethod>HEAD</AllowedMethod>\
             <AllowedOrigin>*</AllowedOrigin></CORSRule></CORSConfiguration>",
            None,
        ),
        (
            "<CORSConfiguration><CORSRule><AllowedMethod>GET</AllowedMethod><AllowedOrigin>*</AllowedOrigin>\
             <MaxAgeSeconds>-1</MaxAgeSeconds></CORSRule></CORSConfiguration>",
            Some(Code::InvalidArgument),
        ),
        (
            "<CORSConfiguration><CORSRule><AllowedMethod>PATCH</AllowedMethod><AllowedOrigin>*</AllowedOrigin></CORSRule></CORSConfiguration>",
            Some(Code::InvalidRequest),
        ),
    ] {
        let show = |setting| dto::CORSConfiguration { cors_rules: cors::show(setting).cors_rules.unwrap() };
        check(xml, refused, cors::read, show);
    }
}

#[test]
fn lifecycle() {
    let rule = |inside: &str| {
        format!(
            "<LifecycleConfiguration><Rule><ID>one</ID><Status>Enabled</Status>{inside}</Rule></LifecycleConfiguration>"
        )
    };
    let days = "<Expiration><Days>3</Days></Expiration>";
    for (inside, refused) in [
        (format!("<Prefix>logs/</Prefix>{days}"), None),
        (format!("<Filter><Prefix></Prefix></Filter>{days}"), None),
        (format!("<Filter><Tag><Key>a</Key><Value>b</Value></Tag></Filter>{days}"), None),
        (format!("<Filter><ObjectSizeLessThan>77</ObjectSizeLessThan></Filter>{days}"), None),
        (
            format!(
                "<Filter><And><Prefix>x</Prefix><Tag><Key>a</Key><Value>b</Value></Tag><Tag><Key>c</Key><Value>d</Value></Tag>\
                 <ObjectSizeGreaterThan>1</ObjectSizeGreaterThan></And></Filter>{days}"
            ),
            None,
        ),
        (
            "<Filter><Prefix>x</Prefix></Filter><Expiration><Date>2030-01-01T00:00:00.000Z</Date></Expiration>\
             <NoncurrentVersionExpiration><NoncurrentDays>9</NoncurrentDays><NewerNoncurrentVersions>2</NewerNoncurrentVersions>\
             </NoncurrentVersionExpiration><AbortIncompleteMultipartUpload><DaysAfterInitiation>4</DaysAfterInitiation></AbortIncompleteMultipartUpload>"
                .to_owned(),
            None,
        ),
        (
            "<Filter><Prefix>x</Prefix></Filter><Expiration><ExpiredObjectDeleteMarker>true</ExpiredObjectDeleteMarker></Expiration>"
                .to_owned(),
            None,
        ),
        (format!("<Prefix>a</Prefix><Filter><Prefix>a</Prefix></Filter>{days}"), Some(Code::MalformedXML)),
        ("<Filter><Prefix>x</Prefix></Filter><Expiration><Days>-3</Days></Expiration>".to_owned(), Some(Code::InvalidArgument)),
        (
            "<Filter><Prefix>x</Prefix></Filter><Transition><Days>3</Days><StorageClass>GLACIER</StorageClass></Transition>".to_owned(),
            Some(Code::NotImplemented),
        ),
        (
            "<Filter><Prefix>x</Prefix></Filter><NoncurrentVersionTransition><NoncurrentDays>3</NoncurrentDays>\
             <StorageClass>GLACIER</StorageClass></NoncurrentVersionTransition>"
                .to_owned(),
            Some(Code::NotImplemented),
        ),
    ] {
        let show = |setting| dto::BucketLifecycleConfiguration { rules: lifecycle::show(setting).rules.unwrap() };
        check(&rule(&inside), refused, lifecycle::read, show);
    }
    let wrong = rule(days).replace("Enabled", "On");
    check(&wrong, Some(Code::MalformedXML), lifecycle::read, |_| unreachable!("it is refused"));
}

#[test]
fn notifications() {
    let all = |inside: &str| format!("<NotificationConfiguration>{inside}</NotificationConfiguration>");
    let queue = |filter: &str| {
        format!(
            "<QueueConfiguration><Id>q</Id><Queue>arn:aws:sqs:::q</Queue><Event>s3:ObjectCreated:*</Event>{filter}</QueueConfiguration>"
        )
    };
    let filter = |rules: &str| format!("<Filter><S3Key>{rules}</S3Key></Filter>");
    let prefix = "<FilterRule><Name>prefix</Name><Value>in/</Value></FilterRule>";
    let suffix = "<FilterRule><Name>suffix</Name><Value>.png</Value></FilterRule>";
    for (inside, refused) in [
        (String::new(), None),
        (queue(""), None),
        (queue(&filter(&format!("{prefix}{suffix}"))), None),
        (
            "<TopicConfiguration><Id>t</Id><Topic>arn:aws:sns:::t</Topic><Event>s3:ObjectRemoved:Delete</Event></TopicConfiguration>"
                .to_owned(),
            None,
        ),
        (queue(&filter(&format!("{prefix}{prefix}"))), Some(Code::InvalidArgument)),
        (queue(&filter("<FilterRule><Name>infix</Name><Value>x</Value></FilterRule>")), Some(Code::MalformedXML)),
        (
            "<CloudFunctionConfiguration><Id>f</Id><CloudFunction>arn:aws:lambda:::f</CloudFunction>\
             <Event>s3:ObjectCreated:*</Event></CloudFunctionConfiguration>"
                .to_owned(),
            Some(Code::NotImplemented),
        ),
        ("<EventBridgeConfiguration></EventBridgeConfiguration>".to_owned(), Some(Code::NotImplemented)),
    ] {
        let read = |document| notifications::read(document, || "new".to_owned());
        let show = |setting| {
            let shown = notifications::show(setting);
            dto::NotificationConfiguration {
                event_bridge_configuration: shown.event_bridge_configuration,
                lambda_function_configurations: shown.lambda_function_configurations,
                queue_configurations: shown.queue_configurations,
                topic_configurations: shown.topic_configurations,
            }
        };
        check(&all(&inside), refused, read, show);
    }
}

#[test]
fn website() {
    for (inside, refused) in [
        (
            "<IndexDocument><Suffix>index.html</Suffix></IndexDocument><ErrorDocument><Key>404.html</Key></ErrorDocument>",
            None,
        ),
        (
            "<RedirectAllRequestsTo><HostName>example.com</HostName><Protocol>https</Protocol></RedirectAllRequestsTo>",
            None,
        ),
        (
            "<IndexDocument><Suffix>i</Suffix></IndexDocument><RoutingRules><RoutingRule><Condition><KeyPrefixEquals>docs/</KeyPrefixEquals>\
             </Condition><Redirect><ReplaceKeyPrefixWith>documents/</ReplaceKeyPrefixWith></Redirect></RoutingRule>\
             <RoutingRule><Condition><HttpErrorCodeReturnedEquals>404</HttpErrorCodeReturnedEquals></Condition><Redirect>\
             <HostName>example.com</HostName><HttpRedirectCode>302</HttpRedirectCode></Redirect></RoutingRule></RoutingRules>",
            None,
        ),
        (
            "<IndexDocument><Suffix>i</Suffix></IndexDocument><RoutingRules><RoutingRule><Redirect><HttpRedirectCode>3xx</HttpRedirectCode>\
             </Redirect></RoutingRule></RoutingRules>",
            Some(Code::InvalidRequest),
        ),
        ("<ErrorDocument><Key>404.html</Key></ErrorDocument>", Some(Code::InvalidArgument)),
    ] {
        let show = |setting| {
            let shown = website::show(setting);
            dto::WebsiteConfiguration {
                error_document: shown.error_document,
                index_document: shown.index_document,
                redirect_all_requests_to: shown.redirect_all_requests_to,
                routing_rules: shown.routing_rules,
            }
        };
        check(
            &format!("<WebsiteConfiguration>{inside}</WebsiteConfiguration>"),
            refused,
            website::read,
            show,
        );
    }
}

#[test]
fn locks_versioning_and_encryption() {
    let enabled = "<ObjectLockEnabled>Enabled</ObjectLockEnabled>";
    let rule = |inside: &str| format!("{enabled}<Rule><DefaultRetention>{inside}</DefaultRetention></Rule>");
    for (inside, refused) in [
        (enabled.to_owned(), None),
        (rule("<Days>5</Days><Mode>GOVERNANCE</Mode>"), None),
        (rule("<Mode>COMPLIANCE</Mode><Years>1</Years>"), None),
        (rule("<Days>5</Days>"), Some(Code::MalformedXML)),
        (rule("<Days>-5</Days><Mode>GOVERNANCE</Mode>"), Some(Code::InvalidArgument)),
        ("<ObjectLockEnabled>No</ObjectLockEnabled>".to_owned(), Some(Code::MalformedXML)),
    ] {
        let xml = format!("<ObjectLockConfiguration>{inside}</ObjectLockConfiguration>");
        check(&xml, refused, |document| lock::read(&document), |setting| lock::show(&setting));
    }
    for (xml, refused) in [
        (
            "<Retention><Mode>GOVERNANCE</Mode><RetainUntilDate>2031-02-03T04:05:06.789Z</RetainUntilDate></Retention>",
            None,
        ),
        ("<Retention></Retention>", None),
        ("<Retention><Mode>GOVERNANCE</Mode></Retention>", Some(Code::MalformedXML)),
        (
            "<Retention><Mode>GOVERNANCE</Mode><RetainUntilDate>1931-02-03T04:05:06Z</RetainUntilDate></Retention>",
            Some(Code::InvalidArgument),
        ),
    ] {
        let show = |setting: Option<_>| setting.as_ref().map(lock::show_retention).unwrap_or_default();
        check(xml, refused, |document| lock::read_retention(&document), show);
    }
    for status in ["ON", "OFF"] {
        let xml = format!("<LegalHold><Status>{status}</Status></LegalHold>");
        check(&xml, None, |document| lock::read_hold(&document), lock::show_hold);
    }
    for (inside, refused) in [
        ("<Status>Enabled</Status>", None),
        ("<Status>Suspended</Status>", None),
        ("<Status>Off</Status>", Some(Code::MalformedXML)),
        ("", Some(Code::MalformedXML)),
        ("<MfaDelete>Enabled</MfaDelete><Status>Enabled</Status>", Some(Code::NotImplemented)),
    ] {
        let show = |enabled| {
            let shown = lock::show_versioning(Some(enabled));
            assert_eq!(shown.mfa_delete, None);
            dto::VersioningConfiguration { mfa_delete: None, status: shown.status }
        };
        let xml = format!("<VersioningConfiguration>{inside}</VersioningConfiguration>");
        check(&xml, refused, |document| lock::read_versioning(&document), show);
    }
    for (algorithm, refused) in
        [("AES256", None), ("aws:kms", Some(Code::NotImplemented)), ("ROT13", Some(Code::InvalidArgument))]
    {
        let xml = format!(
            "<ServerSideEncryptionConfiguration><Rule><ApplyServerSideEncryptionByDefault><SSEAlgorithm>{algorithm}</SSEAlgorithm>\
             </ApplyServerSideEncryptionByDefault><BucketKeyEnabled>true</BucketKeyEnabled></Rule></ServerSideEncryptionConfiguration>"
        );
        check(
            &xml,
            refused,
            |document| lock::read_encryption(&document),
            |setting| lock::show_encryption(&setting),
        );
    }
}

#[test]
fn tags_and_access() {
    for (inside, refused) in [
        (
            "<TagSet><Tag><Key>a</Key><Value>1</Value></Tag><Tag><Key>b</Key><Value></Value></Tag></TagSet>",
            None,
        ),
        ("<TagSet><Tag><Key>a</Key></Tag></TagSet>", Some(Code::MalformedXML)),
        (
            "<TagSet><Tag><Key>a</Key><Value>1</Value></Tag><Tag><Key>a</Key><Value>2</Value></Tag></TagSet>",
            Some(Code::InvalidTag),
        ),
    ] {
        let show = |setting| dto::Tagging { tag_set: tags::show(setting) };
        check(
            &format!("<Tagging>{inside}</Tagging>"),
            refused,
            |document| tags::read(document, On::Object),
            show,
        );
    }
    let me = "5a".repeat(32);
    let owner = format!("<Owner><ID>{me}</ID></Owner>");
    let grant = |grantee: &str, permission: &str| {
        format!(
            "{owner}<AccessControlList><Grant>{grantee}<Permission>{permission}</Permission></Grant></AccessControlList>"
        )
    };
    let xsi = "xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\"";
    let user = format!("<Grantee {xsi} xsi:type=\"CanonicalUser\"><ID>{me}</ID></Grantee>");
    let group = format!(
        "<Grantee {xsi} xsi:type=\"Group\"><URI>http://acs.amazonaws.com/groups/global/AllUsers</URI></Grantee>"
    );
    let mail = format!(
        "<Grantee {xsi} xsi:type=\"AmazonCustomerByEmail\"><EmailAddress>a@example.com</EmailAddress></Grantee>"
    );
    for (inside, refused) in [
        (grant(&user, "FULL_CONTROL"), None),
        (grant(&group, "READ"), None),
        (grant(&group, "DANCE"), Some(Code::MalformedACLError)),
        (grant(&mail, "READ"), Some(Code::UnresolvableGrantByEmailAddress)),
        (grant(&user, "READ").replace("<Owner><ID>5a", "<Owner><ID>6b"), Some(Code::AccessDenied)),
    ] {
        let show = |acl: crate::rules::acl::Acl| dto::AccessControlPolicy {
            grants: Some(access::show_grants(&acl)),
            owner: Some(access::show_owner(&acl.owner, None)),
        };
        let xml = format!("<AccessControlPolicy>{inside}</AccessControlPolicy>");
        check(&xml, refused, |document| access::read_acl(document, &me), show);
    }
    for (name, refused) in [
        ("BucketOwnerEnforced", None),
        ("BucketOwnerPreferred", None),
        ("ObjectWriter", None),
        ("Nobody", Some(Code::InvalidArgument)),
    ] {
        let xml = format!(
            "<OwnershipControls><Rule><ObjectOwnership>{name}</ObjectOwnership></Rule></OwnershipControls>"
        );
        check(&xml, refused, |document| access::read_ownership(&document), access::show_ownership);
    }
    let xml = "<PublicAccessBlockConfiguration><BlockPublicAcls>true</BlockPublicAcls><BlockPublicPolicy>false</BlockPublicPolicy>\
         <IgnorePublicAcls>true</IgnorePublicAcls><RestrictPublicBuckets>false</RestrictPublicBuckets></PublicAccessBlockConfiguration>";
    check(xml, None, |document| Ok(access::read_block(&document)), access::show_block);
}
