//! Reads the output of `strace -f -xx` and turns the calls that touch one folder into [`Event`]s.
//!
//! Calls of several threads interleave: a call counts when it is complete, and a sync covers only what was complete when it
//! began. Descriptors are followed through dup, fork and threads, because a write tells neither its file nor its offset.

mod call;
mod table;

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use call::Call;
use table::{Description, Kind, Tables};

use super::{Event, FileNumber};

/// The calls to trace, as strace takes them.
pub const CALLS: &str = "trace=open,openat,creat,close,read,readv,write,writev,pwrite64,pwritev,pwritev2,lseek,dup,dup2,\
    dup3,fcntl,fsync,fdatasync,sync_file_range,ftruncate,truncate,fallocate,rename,renameat,renameat2,unlink,unlinkat,rmdir,\
    mkdir,mkdirat,link,linkat,chdir,clone,clone3,fork,vfork,mmap,copy_file_range,sendfile,io_uring_setup,execve";

/// What a trace says.
#[derive(Debug, Default)]
pub struct Parsed {
    /// What was done in the folder.
    pub events: Vec<Event>,
    /// Calls that changed it in ways that events do not hold.
    pub unseen: Vec<String>,
}

/// Parses a whole trace of a program that was started in `root`. `before` is the folder's content before it ran.
pub fn parse(text: &str, root: &Path, before: &Path) -> Result<Parsed, String> {
    let mut parser = Parser {
        root,
        before,
        parsed: Parsed::default(),
        tables: Tables::new(root),
        files: HashMap::new(),
        lengths: HashMap::new(),
        unfinished: HashMap::new(),
    };
    for (number, line) in text.lines().enumerate() {
        parser.line(line).map_err(|error| {
            let shown: String = line.chars().take(200).collect();
            format!("line {}: {error}: {shown}", number + 1)
        })?;
    }
    Ok(parser.parsed)
}

struct Parser<'a> {
    root: &'a Path,
    before: &'a Path,
    parsed: Parsed,
    tables: Tables,
    /// Names of files now, below the root.
    files: HashMap<PathBuf, FileNumber>,
    lengths: HashMap<FileNumber, u64>,
    /// By process: the beginning of a call, and how many events there were then.
    unfinished: HashMap<u32, (String, usize)>,
}

impl Parser<'_> {
    fn line(&mut self, line: &str) -> Result<(), String> {
        let (process, rest) = line.split_once(' ').ok_or("no process id")?;
        let process: u32 = process.parse().map_err(|_| "no process id")?;
        let rest = rest.trim_start();
        if rest.starts_with("+++") || rest.starts_with("---") {
            return Ok(());
        }
        let (text, began) = if let Some(begin) = rest.strip_suffix(" <unfinished ...>") {
            self.tables.adopt(process, &self.unfinished);
            self.unfinished.insert(process, (begin.to_owned(), self.parsed.events.len()));
            return Ok(());
        } else if rest.starts_with("<... ") {
            let (_, end) = rest.split_once(" resumed>").ok_or("no end of a resumed call")?;
            let (begin, began) = self.unfinished.remove(&process).ok_or("resumes what was not begun")?;
            (begin + end, began)
        } else {
            (rest.to_owned(), self.parsed.events.len())
        };
        self.tables.adopt(process, &self.unfinished);
        let Some(call) = Call::parse(&text)? else { return Ok(()) };
        self.call(process, &call, began)
    }

    fn call(&mut self, process: u32, call: &Call, began: usize) -> Result<(), String> {
        match call.name.as_str() {
            "open" | "openat" | "creat" => self.open(process, call),
            "write" | "writev" | "pwrite64" | "pwritev" | "pwritev2" => self.write(process, call),
            "read" | "readv" => {
                if let Some(open) = self.tables.get(process, call.fd(0)?) {
                    open.advance(call.result as u64);
                }
                Ok(())
            }
            "fsync" | "fdatasync" => self.sync(process, call, began),
            "ftruncate" | "truncate" | "fallocate" => self.length(process, call),
            "rename" | "renameat" | "renameat2" | "link" | "linkat" => self.rename(process, call),
            "unlink" | "unlinkat" | "rmdir" | "mkdir" | "mkdirat" => self.name(process, call),
            "mmap" | "copy_file_range" | "sendfile" | "io_uring_setup" => self.note_unseen(process, call),
            _ => self.tables.call(process, call),
        }
    }

    /// A path argument, preceded by a folder's descriptor if the call is one of the `…at` family.
    fn path(&self, process: u32, call: &Call, argument: usize, at: bool) -> Result<PathBuf, String> {
        let path = call.path(argument)?;
        let folder = if at && call.text(argument - 1)? != "AT_FDCWD" {
            let open = self.tables.get(process, call.fd(argument - 1)?);
            match open.map(|open| open.kind.clone()) {
                Some(Kind::Folder(folder)) => folder,
                _ => return Err("a path relative to what is no folder".to_owned()),
            }
        } else {
            self.tables.current_folder(process)
        };
        Ok(table::normal(&folder.join(path)))
    }

    /// The part of a path below the root, if it is there.
    fn below(&self, path: &Path) -> Option<PathBuf> {
        path.strip_prefix(self.root).ok().map(Path::to_owned)
    }

    fn open(&mut self, process: u32, call: &Call) -> Result<(), String> {
        let at = usize::from(call.name == "openat");
        let path = self.path(process, call, at, at == 1)?;
        let flags = if call.name == "creat" { "O_CREAT|O_TRUNC" } else { call.text(at + 1)? };
        let has = |flag: &str| flags.split('|').any(|word| word == flag);
        let kind = match self.below(&path) {
            Some(below) if !has("O_DIRECTORY") && !path.is_dir() && !self.is_folder(&below) => {
                Kind::File(self.open_file(below, has("O_TRUNC")))
            }
            _ => Kind::Folder(path),
        };
        self.tables.open(process, call.result as i32, Description::new(kind, has("O_APPEND")));
        Ok(())
    }

    fn is_folder(&self, below: &Path) -> bool {
        let made = |event: &Event| matches!(event, Event::CreateDir { path } if path == below);
        self.before.join(below).is_dir() || self.parsed.events.iter().any(made)
    }

    fn open_file(&mut self, path: PathBuf, truncates: bool) -> FileNumber {
        if let Some(file) = self.files.get(&path).copied() {
            if truncates {
                self.set_len(file, 0);
            }
            return file;
        }
        let file = self.lengths.len() as FileNumber;
        self.files.insert(path.clone(), file);
        // A name that was in the folder before is this file only until it was renamed or removed, which names the file first.
        match std::fs::metadata(self.before.join(&path)) {
            Ok(old) if !self.removed(&path) => {
                self.lengths.insert(file, old.len());
                self.parsed.events.push(Event::Open { file, path });
                if truncates {
                    self.set_len(file, 0);
                }
            }
            _ => {
                self.lengths.insert(file, 0);
                self.parsed.events.push(Event::Create { file, path });
            }
        }
        file
    }

    fn removed(&self, name: &Path) -> bool {
        self.parsed.events.iter().any(|event| match event {
            Event::Remove { path } | Event::Rename { from: path, .. } => path == name,
            _ => false,
        })
    }

    fn set_len(&mut self, file: FileNumber, len: u64) {
        self.lengths.insert(file, len);
        self.parsed.events.push(Event::SetLen { file, len });
    }

    fn write(&mut self, process: u32, call: &Call) -> Result<(), String> {
        let mut bytes = call.bytes(1)?;
        bytes.truncate(call.result as usize);
        let descriptor = call.fd(0)?;
        let Some(open) = self.tables.get(process, descriptor) else {
            if descriptor == 1 {
                self.parsed.events.push(Event::Mark(String::from_utf8_lossy(&bytes).into_owned()));
            }
            return Ok(());
        };
        let Kind::File(file) = open.kind else { return Ok(()) };
        let length = self.lengths.get(&file).copied().unwrap_or(0);
        let positioned = call.name.starts_with('p');
        let offset = match (positioned, open.appends) {
            (_, true) => length,
            (true, false) => call.number(3)?,
            (false, false) => open.offset(),
        };
        let end = offset + bytes.len() as u64;
        if !positioned {
            open.seek(end);
        }
        self.lengths.insert(file, length.max(end));
        self.parsed.events.push(Event::Write { file, offset, bytes });
        Ok(())
    }

    fn sync(&mut self, process: u32, call: &Call, covers: usize) -> Result<(), String> {
        match self.tables.get(process, call.fd(0)?).map(|open| open.kind.clone()) {
            Some(Kind::File(file)) => self.parsed.events.push(Event::Sync { file, covers }),
            Some(Kind::Folder(path)) => {
                if let Some(path) = self.below(&path) {
                    self.parsed.events.push(Event::SyncDir { path, covers });
                }
            }
            None => {}
        }
        Ok(())
    }

    fn length(&mut self, process: u32, call: &Call) -> Result<(), String> {
        let file = if call.name == "truncate" {
            let path = self.path(process, call, 0, false)?;
            let Some(below) = self.below(&path) else { return Ok(()) };
            self.open_file(below, false)
        } else {
            match self.tables.get(process, call.fd(0)?).map(|open| open.kind.clone()) {
                Some(Kind::File(file)) => file,
                _ => return Ok(()),
            }
        };
        if call.name != "fallocate" {
            self.set_len(file, call.number(1)?);
            return Ok(());
        }
        let (mode, offset, count) = (call.text(1)?, call.number(2)?, call.number(3)?);
        let length = self.lengths.get(&file).copied().unwrap_or(0);
        if mode.contains("PUNCH_HOLE") || mode.contains("ZERO_RANGE") {
            let keeps = mode.contains("KEEP_SIZE");
            let end = if keeps { (offset + count).min(length) } else { offset + count };
            let bytes = vec![0; end.saturating_sub(offset) as usize];
            self.lengths.insert(file, length.max(end));
            self.parsed.events.push(Event::Write { file, offset, bytes });
        } else if mode == "0" && offset + count > length {
            self.set_len(file, offset + count);
        } else if mode != "0" && mode != "FALLOC_FL_KEEP_SIZE" {
            self.parsed.unseen.push(format!("fallocate with mode {mode}"));
        }
        Ok(())
    }

    fn rename(&mut self, process: u32, call: &Call) -> Result<(), String> {
        let at = call.name.contains("at");
        let (first, second) = if at { (1, 3) } else { (0, 1) };
        let from = self.path(process, call, first, at)?;
        let to = self.path(process, call, second, at)?;
        let exchanges = call.text(4).is_ok_and(|flags| flags.contains("EXCHANGE"));
        match (self.below(&from), self.below(&to)) {
            (None, None) => {}
            (Some(from), Some(to))
                if call.name.starts_with("rename") && !exchanges && !self.is_folder(&from) =>
            {
                let file = self.open_file(from.clone(), false);
                self.files.remove(&from);
                self.files.insert(to.clone(), file);
                self.parsed.events.push(Event::Rename { from, to });
            }
            _ => self.parsed.unseen.push(format!("{} of {} to {}", call.name, from.display(), to.display())),
        }
        Ok(())
    }

    fn name(&mut self, process: u32, call: &Call) -> Result<(), String> {
        let at = call.name.ends_with("at");
        let path = self.path(process, call, usize::from(at), at)?;
        let Some(path) = self.below(&path) else { return Ok(()) };
        let removes_folder = call.name == "rmdir" || call.text(2).is_ok_and(|flags| flags == "AT_REMOVEDIR");
        if call.name.starts_with("mkdir") {
            self.parsed.events.push(Event::CreateDir { path });
        } else if removes_folder {
            self.parsed.events.push(Event::RemoveDir { path });
        } else {
            self.open_file(path.clone(), false);
            self.files.remove(&path);
            self.parsed.events.push(Event::Remove { path });
        }
        Ok(())
    }

    fn note_unseen(&mut self, process: u32, call: &Call) -> Result<(), String> {
        let in_folder = |argument: usize| {
            let open = call.fd(argument).ok().and_then(|fd| self.tables.get(process, fd));
            open.is_some_and(|open| matches!(open.kind, Kind::File(_)))
        };
        let unseen = match call.name.as_str() {
            "mmap" => {
                let writes = call.text(2)?.contains("PROT_WRITE") && call.text(3)?.contains("MAP_SHARED");
                writes && in_folder(4)
            }
            "copy_file_range" => in_folder(2),
            "sendfile" => in_folder(0),
            _ => true,
        };
        if unseen {
            self.parsed.unseen.push(call.name.clone());
        }
        Ok(())
    }
}
