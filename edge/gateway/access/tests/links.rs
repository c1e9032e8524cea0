//! Signed links: who is let in by one, until when, and what of it goes on.

#![expect(clippy::unwrap_used, reason = "a test fails where its set-up does")]

mod world;

use bole_gateway_access::link::{Link, Reach};
use world::{NOW, World, admitted, answer, get, request, status};

const SECRET: &str = "environment-secret-0123456789abcdef";

const DOCUMENT: &str = r#"
[services.s]
instances = ["127.0.0.1:1"]
[logins.links.link]
keys = { "1" = "env:SECRET", "2" = "another-secret-of-this-test" }
longest = "7d"
[logins.keys.key]
query = "key"
[consumers.shop]
keys = ["shop-key"]
[routes.r]
service = "s"
login = ["links"]
[routes.both]
service = "s"
login = ["links", "keys"]
"#;

fn link(path: &str) -> Link<'_> {
    let (path, query) = path.split_once('?').unwrap_or((path, ""));
    let reach =
        if path.ends_with("/*") { Reach::Under(&path[..path.len() - 1]) } else { Reach::Path(path, query) };
    Link { authority: "api.example.com", reach, key: "1", until: NOW + 60, from: None, network: None }
}

fn url(path: &str, link: &Link<'_>) -> String {
    let between = if path.contains('?') { '&' } else { '?' };
    format!("{path}{between}{}", link.sign(SECRET.as_bytes()))
}

/// What another program makes of the same, by the text that the guide describes (Python's `hmac`).
#[test]
fn the_form_is_the_one_that_is_described() {
    let told = "link-key=1&link-until=1767225660&link-under=%2Fvideos%2F&link-net=192.0.2.0%2F24&link-signature=lnUa3249ocqjfrIz_6LqIY7322e6s7pvDVQT7smPoFI";
    let link = Link { network: Some("192.0.2.0/24"), ..link("/videos/*") };
    assert_eq!(link.sign(SECRET.as_bytes()), told);
}

#[tokio::test]
async fn a_link_lets_in_for_what_it_says_and_nothing_else() {
    let access = World::new().access(DOCUMENT);
    let good = link("/a%20b?x=1");
    let other = |change: &dyn Fn(&mut Link<'static>)| {
        let mut link = link("/a");
        change(&mut link);
        url("/a", &link)
    };
    let signed = url("/a", &link("/a"));
    for (target, expected) in [
        (url("/a%20b?x=1", &good), 0),
        // The same path in another spelling is the same path; another place of the query is the same query.
        (format!("/%61%20b?{}&x=1", good.sign(SECRET.as_bytes())), 0),
        (url("/a%20b?x=2", &good), 403),
        (url("/a%20b", &good), 403),
        (signed.replace("/a?", "/b?"), 403),
        (signed.replace("link-key=1", "link-key=2"), 403),
        (signed.replace("link-key=1", "link-key=3"), 403),
        (signed.replace("link-signature=", "link-signature=A"), 403),
        (signed.replace("link-signature=", "link-signature=!"), 400),
        (format!("{signed}&link-from=0"), 403),
        (format!("{signed}&link-key=1"), 400),
        (format!("{signed}&link-x=1"), 400),
        ("/a?link-key=1&link-until=5".to_owned(), 400),
        ("/a".to_owned(), 403),
        (other(&|link| link.until = NOW), 403),
        (other(&|link| link.until = NOW + 7 * 86_400 + 1), 403),
        (other(&|link| link.from = Some(NOW + 1)), 403),
        (other(&|link| link.from = Some(NOW)), 0),
        (other(&|link| link.network = Some("192.0.2.0/24")), 0),
        (other(&|link| link.network = Some("198.51.100.0/24")), 403),
        (other(&|link| link.authority = "www.example.com"), 403),
        (url("/videos/1/a.ts?n=5", &link("/videos/*")), 0),
        (url("/videos/", &link("/videos/*")), 0),
        (url("/video", &link("/videos/*")), 403),
        (url("/videos/../a", &link("/videos/*")), 403),
    ] {
        let verdict = get(&access, "r", &target, &[]).await;
        assert_eq!(status(&verdict), expected, "{target}: {verdict:?}");
    }
    let head = request("POST", &signed, &[]);
    assert_eq!(status(&access.decide("r", &world::facts(&head)).await), 403);
}

#[tokio::test]
async fn a_cookie_has_a_link_for_a_folder() {
    let access = World::new().access(DOCUMENT);
    let (folder, single) = (link("/videos/*").sign(SECRET.as_bytes()), link("/a").sign(SECRET.as_bytes()));
    for (path, cookie, expected) in [
        ("/videos/a?x=1", format!("link={folder}; other=1"), 0),
        ("/a", format!("link={folder}"), 403),
        ("/a", format!("link={single}"), 400),
        ("/videos/a", "link=nonsense".to_owned(), 400),
        ("/videos/a", "other=1".to_owned(), 403),
    ] {
        let verdict = get(&access, "r", path, &[("cookie", &cookie)]).await;
        assert_eq!(status(&verdict), expected, "{path} {cookie}: {verdict:?}");
    }
    // The service sees neither.
    let cookie = format!("link={folder}; other=1");
    let identity = admitted(get(&access, "r", "/videos/a?x=1", &[("cookie", &cookie)]).await);
    assert_eq!(identity.set_headers[0].1, "other=1");
    assert!(identity.strip_query.iter().any(|name| name == "link-signature"));
    assert_eq!((identity.login.as_deref(), identity.consumer), (Some("links"), None));
}

#[tokio::test]
async fn links_end_by_the_clock_and_others_may_come_by_other_ways() {
    let world = World::new();
    let access = world.access(DOCUMENT);
    let target = url("/a", &link("/a"));
    assert_eq!(status(&get(&access, "both", &target, &[]).await), 0);
    world.clock.advance(std::time::Duration::from_mins(1));
    let refused = answer(get(&access, "both", &target, &[]).await);
    assert_eq!(refused.reason, "link-expired");
    assert_eq!(status(&get(&access, "both", "/a?key=shop-key", &[]).await), 0);
    assert_eq!(status(&get(&access, "both", "/a", &[]).await), 401);
}

#[test]
fn secrets_that_can_be_guessed_are_refused() {
    let problems = World::new().problems(&DOCUMENT.replace("another-secret-of-this-test", "short"));
    assert!(problems.iter().any(|problem| problem.contains("5 bytes")), "{problems:?}");
    let problems = World::new()
        .problems(&DOCUMENT.replace("login = [\"links\"]", "login = [\"links\"]\nallow = [\"shop\"]"));
    assert!(problems.iter().any(|problem| problem.contains("names nobody")), "{problems:?}");
}
