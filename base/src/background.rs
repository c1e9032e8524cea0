//! Threads for long work that nobody waits for, such as checkpoints: they get a core when nobody else wants it, and a share of about a
//! tenth when somebody does, so that requests do not wait for their time slices.

use std::io;
use std::thread::{Builder, JoinHandle};

/// Where 0 is ordinary and 19 the lowest; each step is about a quarter of the share.
const NICENESS: i32 = 10;

/// Runs `work` on a thread of its own of low priority. A system that refuses the priority runs it with the ordinary one.
/// Errors: there can be no further thread.
pub fn spawn(name: &str, work: impl FnOnce() + Send + 'static) -> io::Result<JoinHandle<()>> {
    Builder::new().name(name.to_owned()).spawn(move || {
        // On Linux "this process" is the calling thread. Without it the work is done all the same.
        let _ = rustix::process::setpriority_process(None, NICENESS);
        work();
    })
}

#[cfg(test)]
mod tests {
    #[test]
    fn only_the_thread_itself_steps_back() {
        let own = || rustix::process::getpriority_process(None).unwrap();
        let before = own();
        let thread = super::spawn("test", move || assert_eq!(own(), super::NICENESS.max(before)));
        thread.unwrap().join().unwrap();
        assert_eq!(own(), before);
    }
}
