//! Warm-up: jobs that ask the gateway for URLs, so that it stores their answers. A job has an id, tells its progress, and can be cancelled; jobs end with
//! the process. What is asked for goes the way of any request, so many jobs and clients together fetch a thing once.

pub(super) mod door;
mod sitemap;

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use bole_gateway::cached::warm::{Warmed, Warmer};
use bole_net::tasks::{self, OnFailure};
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use tokio::sync::watch;

/// URLs of one job, those of its sitemaps among them.
const URLS_MAX: usize = 100_000;
/// Sitemaps of one job.
const SITEMAPS_MAX: usize = 1_000;
/// Jobs that run at once.
const RUNNING_MAX: usize = 4;
/// Jobs that are known after their end.
const ENDED_MAX: usize = 32;
/// Failures that are told one by one.
const FAILURES_MAX: usize = 100;
/// Requests of a job at once.
const AT_ONCE_MAX: usize = 64;
/// Requests of a job in a second.
const PER_SECOND_MAX: u32 = 10_000;
/// Forms of each URL.
const ENCODINGS_MAX: usize = 8;
/// How long one answer may take.
const ANSWER_TIMEOUT: Duration = Duration::from_mins(10);

/// What is asked for.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Wanted {
    /// URLs with their scheme and host.
    #[serde(default)]
    urls: Vec<String>,
    /// Sitemaps, fetched through the gateway, all of whose URLs are asked for.
    #[serde(default)]
    sitemaps: Vec<String>,
    /// Values of `Accept-Encoding`, with each of which each URL is asked for; `identity` is none.
    #[serde(default = "as_browsers")]
    encodings: Vec<String>,
    /// Requests at once.
    #[serde(default = "eight")]
    at_once: usize,
    /// Requests a second at most.
    #[serde(default)]
    per_second: Option<u32>,
}

fn as_browsers() -> Vec<String> {
    vec!["gzip, deflate, br, zstd".to_owned()]
}

fn eight() -> usize {
    8
}

impl Wanted {
    /// Everything that is wrong with it.
    fn check(&self) -> Result<(), String> {
        let said = self.urls.len() + self.sitemaps.len();
        let within = |name: &str, value: usize, most: usize| {
            if (1..=most).contains(&value) {
                Ok(())
            } else {
                Err(format!("{name} is {value}; it is 1 to {most}"))
            }
        };
        within("the number of urls and sitemaps", said, URLS_MAX)?;
        within("the number of encodings", self.encodings.len(), ENCODINGS_MAX)?;
        within("at_once", self.at_once, AT_ONCE_MAX)?;
        within("per_second", self.per_second.unwrap_or(1) as usize, PER_SECOND_MAX as usize)?;
        if self.sitemaps.len() > SITEMAPS_MAX {
            return Err(format!("{} sitemaps are more than {SITEMAPS_MAX}", self.sitemaps.len()));
        }
        let bad = self
            .urls
            .iter()
            .chain(&self.sitemaps)
            .find(|url| !(url.starts_with("http://") || url.starts_with("https://")));
        bad.map_or(Ok(()), |bad| {
            Err(format!("{bad:?} is no URL; write http://host/path or https://host/path"))
        })
    }
}

/// Where a job is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum Phase {
    Running,
    Done,
    Cancelled,
}

/// What did not become a stored answer.
#[derive(Clone, Debug, Serialize)]
struct Failure {
    url: String,
    why: String,
}

/// How far a job is.
#[derive(Clone, Debug, Serialize)]
struct Progress {
    state: Phase,
    /// Requests, as far as they are known: a URL once for each encoding.
    requests: u64,
    done: u64,
    /// Of those done: newly stored, or confirmed by the service.
    stored: u64,
    /// Were there.
    present: u64,
    /// Failed, or were answered with something that is not stored.
    failed: u64,
    bytes: u64,
    seconds: f64,
    /// The first ones.
    failures: Vec<Failure>,
}

impl Progress {
    fn fail(&mut self, url: &str, why: String) {
        self.failed += 1;
        if self.failures.len() < FAILURES_MAX {
            self.failures.push(Failure { url: url.to_owned(), why });
        }
    }
}

struct Job {
    progress: Mutex<Progress>,
    began: Instant,
    cancel: watch::Sender<bool>,
}

impl Job {
    fn new() -> Self {
        let progress = Progress {
            state: Phase::Running,
            requests: 0,
            done: 0,
            stored: 0,
            present: 0,
            failed: 0,
            bytes: 0,
            seconds: 0.0,
            failures: Vec::new(),
        };
        Self { progress: Mutex::new(progress), began: Instant::now(), cancel: watch::Sender::new(false) }
    }

    fn told(&self) -> Progress {
        let mut progress = self.progress.lock().clone();
        if progress.state == Phase::Running {
            progress.seconds = self.began.elapsed().as_secs_f64();
        }
        progress
    }

    fn end(&self) {
        let mut progress = self.progress.lock();
        progress.state = if *self.cancel.borrow() { Phase::Cancelled } else { Phase::Done };
        progress.seconds = self.began.elapsed().as_secs_f64();
    }
}

struct Running(Arc<Job>);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.end();
    }
}

/// All jobs of this process.
pub(super) struct Jobs {
    warmer: Warmer,
    jobs: Mutex<BTreeMap<u64, Arc<Job>>>,
}

impl Jobs {
    pub(super) fn new(warmer: Warmer) -> Arc<Self> {
        Arc::new(Self { warmer, jobs: Mutex::default() })
    }

    /// Begins a job.
    fn begin(&self, wanted: Wanted) -> Result<u64, String> {
        wanted.check()?;
        let mut jobs = self.jobs.lock();
        let running = |job: &Arc<Job>| job.progress.lock().state == Phase::Running;
        if jobs.values().filter(|job| running(job)).count() >= RUNNING_MAX {
            return Err(format!(
                "{RUNNING_MAX} jobs are running, which are all that may at once; wait or cancel one"
            ));
        }
        let ended: Vec<u64> = jobs.iter().filter(|(_, job)| !running(job)).map(|(id, _)| *id).collect();
        for id in ended.iter().take((ended.len() + 1).saturating_sub(ENDED_MAX)) {
            jobs.remove(id);
        }
        let id = jobs.last_key_value().map_or(1, |(id, _)| id + 1);
        let job = Arc::new(Job::new());
        jobs.insert(id, Arc::clone(&job));
        let warmer = self.warmer.clone();
        tasks::spawn("cache warm-up", OnFailure::Log, async move {
            // However it ends, it is no longer one of those that run.
            let running = Running(job);
            let mut cancelled = running.0.cancel.subscribe();
            tokio::select! {
                () = run(&warmer, &running.0, wanted) => {}
                // The sender is the job's own, so it is there.
                _ = cancelled.wait_for(|cancelled| *cancelled) => {}
            }
        });
        Ok(id)
    }

    fn progress(&self, id: u64) -> Option<Progress> {
        self.jobs.lock().get(&id).map(|job| job.told())
    }

    fn all(&self) -> BTreeMap<u64, Progress> {
        self.jobs.lock().iter().map(|(id, job)| (*id, job.told())).collect()
    }

    /// Ends a job: what it began to fetch is broken off where nobody else reads it.
    fn cancel(&self, id: u64) -> bool {
        self.jobs.lock().get(&id).is_some_and(|job| {
            job.cancel.send_replace(true);
            true
        })
    }
}

async fn run(warmer: &Warmer, job: &Job, wanted: Wanted) {
    let mut urls = wanted.urls.clone();
    read_sitemaps(warmer, job, &wanted.sitemaps, &mut urls).await;
    job.progress.lock().requests = (urls.len() * wanted.encodings.len()) as u64;
    let pace = wanted.per_second.map(|rate| {
        let mut pace = tokio::time::interval(Duration::from_secs(1) / rate);
        pace.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        tokio::sync::Mutex::new(pace)
    });
    let next = AtomicUsize::new(0);
    let (urls, encodings, next, pace) = (&urls, &wanted.encodings, &next, pace.as_ref());
    let workers = (0..wanted.at_once).map(|_| async move {
        loop {
            let at = next.fetch_add(1, Ordering::Relaxed);
            let Some(url) = urls.get(at / encodings.len()) else { return };
            if let Some(pace) = pace {
                pace.lock().await.tick().await;
            }
            ask(warmer, job, url, &encodings[at % encodings.len()]).await;
        }
    });
    futures_util::future::join_all(workers).await;
}

async fn ask(warmer: &Warmer, job: &Job, url: &str, encoding: &str) {
    let accept = Some(encoding).filter(|encoding| *encoding != "identity");
    let answer = tokio::time::timeout(ANSWER_TIMEOUT, warmer.get(url, accept, 0)).await;
    let is_stored =
        |warmed: &Warmed| warmed.cache_status.as_ref().is_some_and(|status| status.contains("; stored"));
    if matches!(&answer, Ok(Ok(warmed)) if is_stored(warmed)) {
        // Whether that is answered makes no difference to what is stored.
        let _ = tokio::time::timeout(ANSWER_TIMEOUT, warmer.again(url, accept)).await;
    }
    let mut progress = job.progress.lock();
    progress.done += 1;
    let warmed = match answer {
        Err(_) => return progress.fail(url, format!("no whole answer in {} s", ANSWER_TIMEOUT.as_secs())),
        Ok(Err(problem)) => return progress.fail(url, problem.to_string()),
        Ok(Ok(warmed)) => warmed,
    };
    progress.bytes += warmed.bytes;
    let Some(status) = &warmed.cache_status else {
        let why = format!("answered with {} by a route that stores nothing", warmed.status);
        return progress.fail(url, why);
    };
    if warmed.status >= 400 {
        progress.fail(url, format!("answered with {}", warmed.status));
    } else if status.contains("; hit") {
        progress.present += 1;
    } else if status.contains("; stored") || status.contains("fwd-status=304") {
        progress.stored += 1;
    } else {
        progress.fail(url, format!("not stored: {status}"));
    }
}

/// Adds the URLs of sitemaps, and of the sitemaps that these name.
async fn read_sitemaps(warmer: &Warmer, job: &Job, first: &[String], urls: &mut Vec<String>) {
    let mut left: VecDeque<String> = first.iter().cloned().collect();
    let mut read = 0;
    while let Some(url) = left.pop_front() {
        read += 1;
        let answer =
            tokio::time::timeout(ANSWER_TIMEOUT, warmer.get(&url, None, sitemap::BYTES_MAX + 1)).await;
        let found = match answer {
            Err(_) => Err(format!("no whole answer in {} s", ANSWER_TIMEOUT.as_secs())),
            Ok(Err(problem)) => Err(problem.to_string()),
            Ok(Ok(warmed)) if warmed.status != 200 => Err(format!("answered with {}", warmed.status)),
            Ok(Ok(warmed)) => sitemap::read(&warmed.body),
        };
        match found {
            Err(why) => job.progress.lock().fail(&url, format!("sitemap: {why}")),
            Ok(found) => {
                if urls.len() + found.urls.len() > URLS_MAX
                    || read + left.len() + found.sitemaps.len() > SITEMAPS_MAX
                {
                    let why = format!(
                        "sitemap: left out; a job has at most {URLS_MAX} URLs and {SITEMAPS_MAX} sitemaps"
                    );
                    job.progress.lock().fail(&url, why);
                    continue;
                }
                urls.extend(found.urls);
                left.extend(found.sitemaps);
            }
        }
        job.progress.lock().requests = urls.len() as u64;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wanted_is_bounded() {
        let wanted = |text: &str| {
            let wanted: Wanted = serde_json::from_str(text).expect("of this form");
            wanted.check()
        };
        assert_eq!(wanted(r#"{"urls": ["http://a/b"]}"#), Ok(()));
        assert_eq!(wanted(r#"{"sitemaps": ["https://a/b"], "per_second": 10000, "at_once": 64}"#), Ok(()));
        for (text, why) in [
            ("{}", "the number of urls and sitemaps is 0"),
            (r#"{"urls": ["/b"]}"#, "\"/b\" is no URL"),
            (r#"{"urls": ["http://a/b"], "at_once": 65}"#, "at_once is 65; it is 1 to 64"),
            (r#"{"urls": ["http://a/b"], "at_once": 0}"#, "at_once is 0"),
            (r#"{"urls": ["http://a/b"], "per_second": 0}"#, "per_second is 0"),
            (r#"{"urls": ["http://a/b"], "encodings": []}"#, "the number of encodings is 0"),
        ] {
            let refused = wanted(text).expect_err(text);
            assert!(refused.starts_with(why), "{text}: {refused}");
        }
    }
}
