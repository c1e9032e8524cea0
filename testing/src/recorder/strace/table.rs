//! The open files of the traced processes.

use std::cell::Cell;
use std::collections::HashMap;
use std::path::{Component, Path, PathBuf};
use std::rc::Rc;

use super::call::Call;
use crate::recorder::FileNumber;

/// What a descriptor is open on, as far as the recorder cares.
#[derive(Clone, Debug)]
pub(super) enum Kind {
    File(FileNumber),
    /// A folder, or anything outside the recorded folder.
    Folder(PathBuf),
}

/// An open file; duplicated descriptors share it, with its offset.
#[derive(Debug)]
pub(super) struct Description {
    pub(super) kind: Kind,
    pub(super) appends: bool,
    offset: Cell<u64>,
}

impl Description {
    pub(super) fn new(kind: Kind, appends: bool) -> Self {
        Self { kind, appends, offset: Cell::new(0) }
    }

    pub(super) fn offset(&self) -> u64 {
        self.offset.get()
    }

    pub(super) fn seek(&self, offset: u64) {
        self.offset.set(offset);
    }

    pub(super) fn advance(&self, by: u64) {
        self.offset.set(self.offset.get() + by);
    }
}

#[derive(Clone, Debug)]
struct Table {
    descriptors: HashMap<i32, Rc<Description>>,
    folder: PathBuf,
}

/// The tables of all processes. Threads share one.
#[derive(Debug)]
pub(super) struct Tables {
    all: Vec<Table>,
    by_process: HashMap<u32, usize>,
    start: PathBuf,
}

/// `path` without `.` and `..` components.
pub(super) fn normal(path: &Path) -> PathBuf {
    let mut out = PathBuf::new();
    for component in path.components() {
        match component {
            Component::CurDir => {}
            Component::ParentDir => {
                out.pop();
            }
            other => out.push(other),
        }
    }
    out
}

impl Tables {
    pub(super) fn new(start: &Path) -> Self {
        Self { all: Vec::new(), by_process: HashMap::new(), start: start.to_owned() }
    }

    /// Gives a process a table when it is seen first: the one that the clone call in progress says, or an empty one.
    pub(super) fn adopt(&mut self, process: u32, unfinished: &HashMap<u32, (String, usize)>) {
        if self.by_process.contains_key(&process) {
            return;
        }
        // A child may run before the call that made it has returned.
        let is_clone = |text: &str| ["clone", "fork", "vfork"].iter().any(|name| text.starts_with(name));
        let parent = unfinished.iter().find(|(_, (text, _))| is_clone(text));
        if let Some((parent, (text, _))) = parent {
            self.fork(*parent, process, text.contains("CLONE_FILES"));
        } else {
            self.all.push(Table { descriptors: HashMap::new(), folder: self.start.clone() });
            self.by_process.insert(process, self.all.len() - 1);
        }
    }

    fn fork(&mut self, parent: u32, child: u32, shares: bool) {
        let Some(&table) = self.by_process.get(&parent) else { return };
        if self.by_process.contains_key(&child) {
            return;
        }
        let table = if shares {
            table
        } else {
            self.all.push(self.all[table].clone());
            self.all.len() - 1
        };
        self.by_process.insert(child, table);
    }

    fn table(&mut self, process: u32) -> Result<&mut Table, String> {
        let index = self.by_process.get(&process).copied().ok_or("an unknown process")?;
        Ok(&mut self.all[index])
    }

    pub(super) fn get(&self, process: u32, descriptor: i32) -> Option<Rc<Description>> {
        let table = self.by_process.get(&process)?;
        self.all[*table].descriptors.get(&descriptor).cloned()
    }

    pub(super) fn current_folder(&self, process: u32) -> PathBuf {
        let table = self.by_process.get(&process).map(|index| &self.all[*index]);
        table.map_or_else(|| self.start.clone(), |table| table.folder.clone())
    }

    pub(super) fn open(&mut self, process: u32, descriptor: i32, description: Description) {
        if let Ok(table) = self.table(process) {
            table.descriptors.insert(descriptor, Rc::new(description));
        }
    }

    /// Calls that change tables or offsets only.
    pub(super) fn call(&mut self, process: u32, call: &Call) -> Result<(), String> {
        let result = call.result;
        match call.name.as_str() {
            "close" => {
                let descriptor = call.fd(0)?;
                self.table(process)?.descriptors.remove(&descriptor);
            }
            "lseek" => {
                if let Some(open) = self.get(process, call.fd(0)?) {
                    open.seek(result as u64);
                }
            }
            "dup" | "dup2" | "dup3" => self.duplicate(process, call.fd(0)?, result as i32)?,
            "fcntl" if call.text(1)?.starts_with("F_DUPFD") => {
                self.duplicate(process, call.fd(0)?, result as i32)?;
            }
            "chdir" => {
                let folder = self.current_folder(process).join(call.path(0)?);
                self.table(process)?.folder = normal(&folder);
            }
            "clone" | "clone3" | "fork" | "vfork" => {
                let shares = call.arguments.iter().any(|argument| argument.contains("CLONE_FILES"));
                self.fork(process, result as u32, shares);
            }
            _ => {}
        }
        Ok(())
    }

    fn duplicate(&mut self, process: u32, from: i32, to: i32) -> Result<(), String> {
        let descriptors = &mut self.table(process)?.descriptors;
        match descriptors.get(&from).cloned() {
            Some(open) => descriptors.insert(to, open),
            // Not opened under our eyes: standard output and the like.
            None => descriptors.remove(&to),
        };
        Ok(())
    }
}
