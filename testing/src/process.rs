//! Real processes: start a program, wait until it is ready, work with it, kill it (SIGKILL, by its id) at a moment that a
//! seed draws, start it again, check. Every wait has a limit, and no child outlives its [`Process`].

use std::collections::VecDeque;
use std::ffi::OsString;
use std::io::{self, BufRead, BufReader, Read};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::ops::Range;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
pub use tempfile::TempDir;

use crate::Rng;

/// Lines of a child's output that are kept.
const OUTPUT_LINES_MAX: usize = 1000;
/// How often a port or an exit is looked at while waiting for it.
const POLL_INTERVAL: Duration = Duration::from_millis(5);

/// A port of 127.0.0.1 that was free a moment ago, for programs that cannot bind port 0 and say what they got.
pub fn free_port() -> io::Result<u16> {
    Ok(TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port())
}

/// A fresh folder, removed with its handle. The name helps to find it while a test hangs.
pub fn temp_dir(name: &str) -> io::Result<TempDir> {
    tempfile::Builder::new().prefix(&format!("bole-{name}-")).tempdir()
}

/// How a program says that it is ready.
#[derive(Clone, Debug)]
pub enum Ready {
    /// A line of its output (stdout or stderr) contains this text.
    Line(String),
    /// It accepts connections here.
    Port(SocketAddr),
}

/// A program to start, as often as needed.
#[derive(Clone, Debug)]
pub struct Spec {
    /// The executable.
    pub program: PathBuf,
    /// Its arguments.
    pub args: Vec<OsString>,
    /// Variables added to the environment.
    pub envs: Vec<(OsString, OsString)>,
    /// How it says that it is ready.
    pub ready: Ready,
    /// How long it may take to be ready, and to end when asked to.
    pub timeout: Duration,
}

impl Spec {
    /// A program without arguments and a limit of 30 s.
    pub fn new(program: impl Into<PathBuf>, ready: Ready) -> Self {
        let timeout = Duration::from_secs(30);
        Self { program: program.into(), args: Vec::new(), envs: Vec::new(), ready, timeout }
    }

    /// Adds an argument.
    #[must_use]
    pub fn arg(mut self, arg: impl Into<OsString>) -> Self {
        self.args.push(arg.into());
        self
    }

    /// Adds a variable to the environment.
    #[must_use]
    pub fn env(mut self, name: impl Into<OsString>, value: impl Into<OsString>) -> Self {
        self.envs.push((name.into(), value.into()));
        self
    }

    /// Starts the program and returns when it is ready. The error has its output.
    pub fn start(&self) -> io::Result<Process> {
        let mut command = Command::new(&self.program);
        command.args(&self.args).envs(self.envs.iter().map(|(name, value)| (name, value)));
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn()?;
        let output = Arc::new(Output::default());
        let streams: [Option<Box<dyn Read + Send>>; 2] = [
            child.stdout.take().map(|stream| Box::new(stream) as Box<dyn Read + Send>),
            child.stderr.take().map(|stream| Box::new(stream) as Box<dyn Read + Send>),
        ];
        for stream in streams.into_iter().flatten() {
            output.follow(stream);
        }
        let mut process = Process { child, output, timeout: self.timeout };
        process.wait_ready(&self.ready)?;
        Ok(process)
    }
}

/// What a child wrote; filled by one thread for each stream, which ends with the stream.
#[derive(Default)]
struct Output {
    lines: Mutex<VecDeque<String>>,
    changed: Condvar,
    /// Streams that have not ended.
    streams: AtomicUsize,
}

impl Output {
    fn lines(&self) -> MutexGuard<'_, VecDeque<String>> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn follow(self: &Arc<Self>, stream: Box<dyn Read + Send>) {
        let output = Arc::clone(self);
        output.streams.fetch_add(1, Ordering::SeqCst);
        thread::spawn(move || {
            for line in BufReader::new(stream).split(b'\n').map_while(Result::ok) {
                let mut lines = output.lines();
                if lines.len() == OUTPUT_LINES_MAX {
                    lines.pop_front();
                }
                lines.push_back(String::from_utf8_lossy(&line).into_owned());
                output.changed.notify_all();
            }
            output.streams.fetch_sub(1, Ordering::SeqCst);
        });
    }
}

/// A running child. Dropping it kills it.
pub struct Process {
    child: Child,
    output: Arc<Output>,
    timeout: Duration,
}

impl Process {
    /// Its process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// The last lines of its output.
    pub fn output(&self) -> Vec<String> {
        self.output.lines().iter().cloned().collect()
    }

    /// Waits for a line of output that contains `text`.
    pub fn wait_line(&mut self, text: &str) -> io::Result<String> {
        let deadline = Instant::now() + self.timeout;
        loop {
            // The last words of a process that ended may still be on their way; both are asked before the lines are.
            let all_read = self.output.streams.load(Ordering::SeqCst) == 0;
            let ended = self.child.try_wait()?.filter(|_| all_read);
            let lines = self.output.lines();
            if let Some(line) = lines.iter().find(|line| line.contains(text)) {
                return Ok(line.clone());
            }
            drop(self.output.changed.wait_timeout(lines, POLL_INTERVAL));
            self.check(ended, deadline, &format!("a line with \"{text}\""))?;
        }
    }

    fn wait_ready(&mut self, ready: &Ready) -> io::Result<()> {
        match ready {
            Ready::Line(text) => self.wait_line(&text.clone()).map(drop),
            Ready::Port(address) => {
                let deadline = Instant::now() + self.timeout;
                while TcpStream::connect_timeout(address, self.timeout).is_err() {
                    let ended = self.child.try_wait()?;
                    self.check(ended, deadline, &format!("a listener on {address}"))?;
                    thread::sleep(POLL_INTERVAL);
                }
                Ok(())
            }
        }
    }

    fn check(&self, ended: Option<ExitStatus>, deadline: Instant, what: &str) -> io::Result<()> {
        let problem = match ended {
            Some(status) => format!("ended with {status} before {what} was there"),
            None if Instant::now() > deadline => format!("waited {:?} for {what}", self.timeout),
            None => return Ok(()),
        };
        Err(io::Error::other(format!(
            "process {}: {problem}; its output:\n{}",
            self.id(),
            self.output().join("\n")
        )))
    }

    /// Ends it with SIGKILL and waits until it is gone.
    pub fn kill(mut self) -> io::Result<ExitStatus> {
        self.child.kill()?;
        self.child.wait()
    }

    /// Asks it to end with SIGTERM and waits for that. If it does not, it is killed and the error says so.
    pub fn terminate(mut self) -> io::Result<ExitStatus> {
        let id = i32::try_from(self.id()).ok().and_then(Pid::from_raw);
        let id = id.ok_or_else(|| io::Error::other("the id of a child is a positive number"))?;
        kill_process(id, Signal::TERM)?;
        let deadline = Instant::now() + self.timeout;
        loop {
            if let Some(status) = self.child.try_wait()? {
                return Ok(status);
            }
            self.check(None, deadline, "its end after SIGTERM")?;
            thread::sleep(POLL_INTERVAL);
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended before; then there is nothing to kill, and the wait returns at once.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Tells the clients of a cycle that their server is gone or is going to be.
#[derive(Clone, Debug, Default)]
pub struct Stop(Arc<AtomicBool>);

impl Stop {
    /// Whether it is time to stop. Errors of the server from then on are no surprise.
    pub fn is_set(&self) -> bool {
        self.0.load(Ordering::SeqCst)
    }
}

/// How often and when to kill.
#[derive(Clone, Debug)]
pub struct Cycles {
    /// Kills.
    pub count: u32,
    /// Draws the moments.
    pub seed: u64,
    /// Time from readiness to the kill.
    pub after: Range<Duration>,
}

/// Cycles of start, `check`, `work`, kill, and a last start and `check`.
///
/// `check` looks at what the last cycle left; `work` runs in a thread of its own until the [`Stop`] is set or its server
/// fails, and returns what it did. A cycle whose server ends before it is killed is an error, with its output. The kill
/// does not wait for `work`, but the next cycle begins only when it has returned: its connections must fail, or time out,
/// when the server is gone.
pub fn kill_cycles<T: Send>(
    spec: &Spec,
    cycles: &Cycles,
    work: impl Fn(u32, &Stop) -> T + Sync,
    mut check: impl FnMut(u32, Option<T>) -> Result<(), String>,
) -> io::Result<()> {
    let mut rng = Rng::new(cycles.seed);
    let mut done = None;
    for cycle in 0..=cycles.count {
        let mut process = spec.start()?;
        check(cycle, done.take())
            .map_err(|text| io::Error::other(format!("cycle {cycle} of seed {}: {text}", cycles.seed)))?;
        if cycle == cycles.count {
            process.terminate()?;
            break;
        }
        let micros = cycles.after.start.as_micros() as u64..cycles.after.end.as_micros() as u64;
        let after = Duration::from_micros(rng.in_range(micros));
        let stop = Stop::default();
        let (sender, receiver) = mpsc::channel();
        done = thread::scope(|scope| {
            let (work, for_clients) = (&work, stop.clone());
            scope.spawn(move || {
                // The receiver lives as long as the scope.
                let _ = sender.send(work(cycle, &for_clients));
            });
            let early = receiver.recv_timeout(after);
            stop.0.store(true, Ordering::SeqCst);
            let ended = process.child.try_wait();
            let output = process.output();
            let killed = process.kill();
            let result = match early {
                Err(RecvTimeoutError::Timeout) => receiver.recv().map_err(io::Error::other),
                early => early.map_err(io::Error::other),
            };
            if let Some(status) = ended? {
                let text = format!(
                    "the server ended by itself in cycle {cycle} with {status}:\n{}",
                    output.join("\n")
                );
                return Err(io::Error::other(text));
            }
            killed?;
            result.map(Some)
        })?;
    }
    Ok(())
}
