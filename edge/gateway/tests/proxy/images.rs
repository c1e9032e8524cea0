//! Images that are made on their way into the cache: sizes and formats, one original for all of them, and what is answered while one takes long.

use crate::support::*;
use bole_base::clock::{Clock, ManualClock, SystemClock};
use bole_cdn::purge::Target;
use bole_cdn::{Cache, Config};
use bole_gateway::cached::Store;
use bole_gateway::config::Parts;
use bole_gateway::places;
use bole_gateway::service::Service;
use std::sync::Arc;
use std::time::Duration;

/// A gateway that makes images.
async fn with_images(backend: &Backend, clock: Arc<dyn Clock>) -> (Service, Cache) {
    let cache = Cache::open(Config::default(), clock).unwrap();
    let store = Store { cache: cache.clone(), network: None, shield: false };
    let document = format!("{}cache = {{ images = {{}} }}\n", document(&[backend], ""));
    let parts = Parts { store: Some(store), ..Parts::default() };
    (gateway_with(&document, parts, |_| {}).await, cache)
}

#[tokio::test]
async fn images_are_stored_in_the_sizes_that_are_wished() {
    let picture = image::RgbImage::from_fn(400, 200, |x, y| image::Rgb([x as u8, (x * y) as u8, y as u8]));
    let mut png = std::io::Cursor::new(Vec::new());
    picture.write_to(&mut png, image::ImageFormat::Png).unwrap();
    let png = png.into_inner();
    let head = "HTTP/1.1 200 OK\r\nCache-Control: max-age=60\r\nCache-Tag: news\r\nETag: \"a\"\r\nContent-Type: image/png\r\n";
    let answer = [format!("{head}Content-Length: {}\r\n\r\n", png.len()).into_bytes(), png.clone()].concat();
    let backend = Backend::start(Behaviour::Raw(Vec::leak(answer))).await;
    let (gateway, cache) = with_images(&backend, Arc::new(SystemClock::new())).await;
    let address = gateway.http()[0];
    let ask = async |target: &str, accept: &str| {
        whole(address, &format!("GET {target} HTTP/1.1\r\nHost: a\r\nAccept: {accept}\r\n\r\n")).await
    };
    for (target, accept, kind, size, fetches) in [
        ("/x", "image/webp,*/*", "image/png", (400, 200), 1),
        ("/x?width=120", "image/webp,*/*", "image/webp", (128, 64), 1),
        ("/x?width=100", "image/webp", "image/webp", (128, 64), 1),
        ("/x?width=64&dpr=2", "image/webp", "image/webp", (128, 64), 1),
        // What came without losses gets none.
        ("/x?width=100", "image/avif,image/webp", "image/webp", (128, 64), 1),
        ("/x?width=100", "*/*", "image/png", (128, 64), 1),
        ("/x?width=100&height=100&fit=cover", "image/webp", "image/webp", (128, 128), 1),
        ("/x", "*/*", "image/png", (400, 200), 1),
        ("/x?width=100", "image/webp", "image/webp", (128, 64), 1),
    ] {
        let (head, body) = ask(target, accept).await;
        assert_eq!(
            (status(&head), field(&head, "content-type")),
            (200, Some(kind)),
            "{target} {accept}: {head}"
        );
        let made = image::load_from_memory(&body).unwrap();
        assert_eq!(
            ((made.width(), made.height()), backend.requests()),
            (size, fetches),
            "{target} {accept}: {head}"
        );
        let varied = field(&head, "vary") == Some("accept, bole-image");
        assert_eq!(varied, size != (400, 200), "{head}");
    }
    // The service was asked for the original, once for all of its variants, and no client tells what is made.
    let seen = backend.seen();
    assert!(
        seen.iter().all(|seen| seen.starts_with("GET /x HTTP/1.1") && !seen.contains("bole-image")),
        "{seen:?}"
    );
    let forged = "GET /x HTTP/1.1\r\nHost: a\r\nBole-Image: 64 - contain 80 any\r\n\r\n";
    assert_eq!(whole(address, forged).await.1, png);
    // What is done to the original is done to its variants: by URL, by tag, by a change.
    let purge = |target| cache.purge(target, false).unwrap();
    purge(Target::Url("http://a/x".to_owned()));
    ask("/x?width=100", "image/webp").await;
    assert_eq!(backend.requests(), 2);
    purge(Target::Tag("news".to_owned()));
    ask("/x?width=100", "image/webp").await;
    assert_eq!(backend.requests(), 3);
    whole(address, "POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nab").await;
    let (head, body) = ask("/x?width=100", "image/webp").await;
    assert_eq!(backend.requests(), 5, "{head}");
    assert_eq!(image::load_from_memory(&body).unwrap().width(), 128);
}

#[tokio::test]
async fn a_format_that_takes_long_is_stood_in_for_until_it_is_made() {
    let picture = image::RgbImage::from_fn(400, 200, |x, y| image::Rgb([x as u8, (x * y) as u8, y as u8]));
    let mut jpeg = std::io::Cursor::new(Vec::new());
    picture.write_to(&mut jpeg, image::ImageFormat::Jpeg).unwrap();
    let jpeg = jpeg.into_inner();
    let head = "HTTP/1.1 200 OK\r\nCache-Control: max-age=60\r\nCDN-Cache-Control: max-age=600\r\nETag: \"a\"\r\nContent-Type: image/jpeg\r\n";
    let answer = [format!("{head}Content-Length: {}\r\n\r\n", jpeg.len()).into_bytes(), jpeg].concat();
    let backend = Backend::start(Behaviour::Raw(Vec::leak(answer))).await;
    let clock = Arc::new(ManualClock::new());
    let (gateway, _) = with_images(&backend, clock.clone()).await;
    let address = gateway.http()[0];
    let ask = async |accept: &str| {
        let request = format!("GET /x?width=128 HTTP/1.1\r\nHost: a\r\nAccept: {accept}\r\n\r\n");
        whole(address, &request).await
    };
    // Somebody else's image is under way.
    let busy = places::AVIF.take().await;
    let (head, body) = ask("image/avif,image/webp").await;
    assert_eq!((status(&head), field(&head, "content-type")), (200, Some("image/webp")), "{head}");
    assert_eq!(field(&head, "etag"), None, "{head}");
    assert!(field(&head, "cache-status").unwrap().contains("ttl=10; stored"), "{head}");
    assert_eq!(image::load_from_memory(&body).unwrap().width(), 128);
    assert!(ask("image/avif,image/webp").await.0.contains("; hit"));
    drop(busy);
    until("the image is made", || {
        places::all().iter().all(|usage| usage.name != "avif" || usage.in_use + usage.waiting == 0)
    })
    .await;
    clock.advance(Duration::from_secs(11));
    let (head, body) = ask("image/avif,image/webp").await;
    assert_eq!(field(&head, "content-type"), Some("image/avif"), "{head}");
    assert_eq!(field(&head, "etag"), Some("W/\"a\""), "{head}");
    // It is as old as the original, and as long fresh.
    assert!(field(&head, "cache-status").unwrap().contains("ttl=589; stored"), "{head}");
    assert_eq!(&body[4..12], b"ftypavif");
    assert!(ask("image/avif,image/webp").await.0.contains("; hit"));
    // Others get what they read.
    assert_eq!(field(&ask("image/webp").await.0, "content-type"), Some("image/webp"));
    assert_eq!(field(&ask("*/*").await.0, "content-type"), Some("image/jpeg"));
    assert_eq!(backend.requests(), 1);
}
