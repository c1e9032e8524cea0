//! An instance: a small HTTP/1.1 server in a process of its own, that works on a few requests at a time, each for a while.
//!
//! | request | what it does |
//! |---|---|
//! | `GET /-/healthz` | 200, at once |
//! | `POST /-/work/MS` | from now on a request takes so long |
//! | `GET /-/served` | how many requests were answered whole, and how many are under way: `SERVED BUSY` |
//! | any other | works, then 200 with the instance's name and a line end |

use std::convert::Infallible;
use std::ffi::OsString;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

use super::load::exchange;
use crate::process::{Process, Ready, Spec};

/// How an instance is when it starts.
#[derive(Clone, Debug)]
pub struct Settings {
    /// What it answers.
    pub name: String,
    /// Where it listens; port 0 for a free one.
    pub listen: SocketAddr,
    /// Requests that it works on at a time; others wait.
    pub workers: usize,
    /// How long it works on one.
    pub work: Duration,
}

impl Settings {
    /// As the arguments of a program.
    pub fn arguments(&self) -> [String; 4] {
        let Self { name, listen, workers, work } = self;
        [name.clone(), listen.to_string(), workers.to_string(), work.as_micros().to_string()]
    }

    /// Reads what [`Settings::arguments`] wrote.
    ///
    /// # Errors
    /// Which of them is wrong.
    pub fn read(arguments: &[String]) -> io::Result<Self> {
        let [name, listen, workers, work] = arguments else {
            return Err(io::Error::other(format!(
                "an instance needs NAME LISTEN WORKERS MICROS, not {arguments:?}"
            )));
        };
        let wrong =
            |what: &str| io::Error::other(format!("the instance's {what} cannot be read: {arguments:?}"));
        Ok(Self {
            name: name.clone(),
            listen: listen.parse().map_err(|_| wrong("address"))?,
            workers: workers.parse().map_err(|_| wrong("number of workers"))?,
            work: Duration::from_micros(work.parse().map_err(|_| wrong("time"))?),
        })
    }
}

struct Server {
    name: String,
    work_us: AtomicU64,
    served: AtomicU64,
    busy: AtomicU64,
    free: Mutex<usize>,
    freed: Condvar,
}

/// Serves until the process ends, after the line `instance NAME at ADDRESS`.
///
/// # Errors
/// The address cannot be listened on.
pub fn serve(settings: &Settings) -> io::Result<Infallible> {
    let listener = TcpListener::bind(settings.listen)?;
    let server = Arc::new(Server {
        name: settings.name.clone(),
        work_us: AtomicU64::new(settings.work.as_micros() as u64),
        served: AtomicU64::new(0),
        busy: AtomicU64::new(0),
        free: Mutex::new(settings.workers),
        freed: Condvar::new(),
    });
    let mut out = io::stdout();
    writeln!(out, "instance {} at {}", settings.name, listener.local_addr()?)?;
    out.flush()?;
    loop {
        let (stream, _) = listener.accept()?;
        let server = Arc::clone(&server);
        // A connection that breaks is the other side's loss.
        std::thread::spawn(move || drop(server.talk(stream)));
    }
}

impl Server {
    fn talk(&self, stream: TcpStream) -> io::Result<()> {
        stream.set_nodelay(true)?;
        let mut writer = stream.try_clone()?;
        let mut reader = BufReader::new(stream);
        loop {
            let mut line = String::new();
            if reader.read_line(&mut line)? == 0 {
                return Ok(());
            }
            let length = read_fields(&mut reader)?;
            io::copy(&mut reader.by_ref().take(length), &mut io::sink())?;
            let path = line.split(' ').nth(1).unwrap_or_default();
            let is_own = path.starts_with("/-/");
            let body = if is_own { self.answer_own(path) } else { self.work() };
            let answer = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}", body.len());
            if !is_own {
                // Before the answer goes: who has it finds it counted.
                self.busy.fetch_sub(1, Ordering::SeqCst);
                self.served.fetch_add(1, Ordering::SeqCst);
            }
            if let Err(error) = writer.write_all(answer.as_bytes()) {
                self.served.fetch_sub(u64::from(!is_own), Ordering::SeqCst);
                return Err(error);
            }
        }
    }

    fn answer_own(&self, path: &str) -> String {
        if let Some(ms) = path.strip_prefix("/-/work/").and_then(|ms| ms.parse::<u64>().ok()) {
            self.work_us.store(ms * 1_000, Ordering::SeqCst);
        }
        format!("{} {}\n", self.served.load(Ordering::SeqCst), self.busy.load(Ordering::SeqCst))
    }

    fn work(&self) -> String {
        self.busy.fetch_add(1, Ordering::SeqCst);
        let mut free = self.free.lock().unwrap_or_else(PoisonError::into_inner);
        while *free == 0 {
            free = self.freed.wait(free).unwrap_or_else(PoisonError::into_inner);
        }
        *free -= 1;
        drop(free);
        std::thread::sleep(Duration::from_micros(self.work_us.load(Ordering::SeqCst)));
        *self.free.lock().unwrap_or_else(PoisonError::into_inner) += 1;
        self.freed.notify_one();
        format!("{}\n", self.name)
    }
}

/// Reads fields up to the empty line; the length of the body.
fn read_fields(reader: &mut impl BufRead) -> io::Result<u64> {
    let mut length = 0;
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line)? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let Some((name, value)) = line.split_once(':') else { return Ok(length) };
        if name.eq_ignore_ascii_case("content-length") {
            length = value.trim().parse().map_err(io::Error::other)?;
        }
    }
}

/// The program that calls [`serve`], and the arguments before the instance's own.
#[derive(Clone, Debug)]
pub struct Program {
    /// The executable.
    pub program: PathBuf,
    /// What comes first.
    pub arguments: Vec<OsString>,
    /// A variable that has the instance's arguments, one a line; they follow `arguments` without.
    pub variable: Option<&'static str>,
}

/// An instance that runs.
pub struct Instance {
    /// Where it listens.
    pub address: SocketAddr,
    /// How it was started.
    pub settings: Settings,
    process: Process,
}

impl Program {
    /// Starts an instance.
    ///
    /// # Errors
    /// It did not start; the error has its output.
    pub fn start(&self, settings: &Settings) -> io::Result<Instance> {
        let said = format!("instance {} at ", settings.name);
        let mut spec = Spec::new(&self.program, Ready::Line(said.clone()));
        spec.args.clone_from(&self.arguments);
        match self.variable {
            Some(variable) => spec = spec.env(variable, settings.arguments().join("\n")),
            None => spec.args.extend(settings.arguments().map(OsString::from)),
        }
        let mut process = spec.start()?;
        let line = process.wait_line(&said)?;
        let address = line.split(&said).nth(1).and_then(|rest| rest.trim().parse().ok());
        let address = address.ok_or_else(|| io::Error::other(format!("no address in {line:?}")))?;
        Ok(Instance { address, settings: Settings { listen: address, ..settings.clone() }, process })
    }
}

impl Instance {
    /// Ends it at once, as by a crash.
    ///
    /// # Errors
    /// The signal cannot be sent.
    pub fn kill(self) -> io::Result<()> {
        self.process.kill().map(drop)
    }

    /// It does nothing more, and keeps its connections.
    ///
    /// # Errors
    /// The signal cannot be sent.
    pub fn hang(&self) -> io::Result<()> {
        self.signal(Signal::STOP)
    }

    /// It goes on after [`Instance::hang`].
    ///
    /// # Errors
    /// The signal cannot be sent.
    pub fn go_on(&self) -> io::Result<()> {
        self.signal(Signal::CONT)
    }

    fn signal(&self, signal: Signal) -> io::Result<()> {
        let id = i32::try_from(self.process.id()).ok().and_then(Pid::from_raw);
        let id = id.ok_or_else(|| io::Error::other("the id of a child is a positive number"))?;
        Ok(kill_process(id, signal)?)
    }

    /// From now on it works so long on a request.
    ///
    /// # Errors
    /// It does not answer.
    pub fn set_work(&self, work: Duration) -> io::Result<()> {
        exchange(self.address, "POST", &format!("/-/work/{}", work.as_millis()), &[], "").map(drop)
    }

    /// Requests that it has answered since it started, and those under way.
    ///
    /// # Errors
    /// It does not answer.
    pub fn served(&self) -> io::Result<(u64, u64)> {
        let (_, body) = exchange(self.address, "GET", "/-/served", &[], "")?;
        let numbers = body.trim().split_once(' ');
        let numbers = numbers.and_then(|(served, busy)| Some((served.parse().ok()?, busy.parse().ok()?)));
        numbers.ok_or_else(|| io::Error::other(format!("the instance says {body:?}")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_are_read_as_they_were_written() {
        let settings = Settings {
            name: "a".to_owned(),
            listen: SocketAddr::from(([127, 0, 0, 1], 7)),
            workers: 3,
            work: Duration::from_micros(1_500),
        };
        let read = Settings::read(&settings.arguments()).expect("they are right");
        assert_eq!(format!("{read:?}"), format!("{settings:?}"));
        for wrong in [&["a"][..], &["a", "b", "1", "1"], &["a", "127.0.0.1:0", "x", "1"]] {
            let wrong: Vec<String> = wrong.iter().map(|&text| text.to_owned()).collect();
            assert!(Settings::read(&wrong).is_err(), "{wrong:?}");
        }
    }
}
