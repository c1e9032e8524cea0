//! From a parsed command to its outcome: look up, check, lock, run, commit. Also MULTI's queue and EXEC.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use bole_shard::{Error, Transaction};
use smallvec::SmallVec;

use crate::blocking::Waiter;
use crate::client::Client;
use crate::command::{Command, Flags, Handler};
use crate::commands::registry;
use crate::context::{Context, Grants, Multi, Session, SessionState, Then};
use crate::eviction::{self, OUT_OF_MEMORY};
use crate::failure::{Failure, Outcome, kernel_text};
use crate::keys::{Keys, Scope, next_random, space_for};
use crate::limits::{QUEUED_ARGUMENT_BYTES, QUEUED_COMMAND_BYTES};
use crate::protocol::Reply;
use crate::service::Service;

/// What the connection does after a command.
#[derive(Debug)]
pub enum Flow {
    /// Goes on with the next.
    Next,
    /// The journal has no room: wait for this many bytes and run the command again. Nothing was done.
    Retry(usize),
    /// Waits for a key.
    Block {
        /// What it waits as.
        waiter: Arc<Waiter>,
        /// Milliseconds since the Unix epoch; `None`: for ever.
        deadline: Option<u64>,
    },
    /// Waits for something else.
    Then(Then),
}

/// Runs one command. `args` is not empty.
pub fn run(
    service: &Arc<Service>,
    state: &mut SessionState,
    reply: &mut Reply,
    args: &[&[u8]],
    now: u64,
) -> Flow {
    let start = reply.len();
    let (index, command) = match registry().find(args) {
        Ok(found) => found,
        Err(text) => return refuse(state, reply, &text),
    };
    if let Err(text) = check(service, state, reply, command, args) {
        return refuse(state, reply, &text);
    }
    state.client.last_command.store(index as u32, Ordering::Relaxed);
    service.metrics.count_call(index);
    let queues = state.multi.is_some() && !is_transaction_control(command);
    if let Err(failure) = check_memory(service, state, command, queues) {
        return settle(service, reply, start, Err(failure));
    }
    if queues && let Some(multi) = &mut state.multi {
        let outcome = queue(multi, index, args, service.config.request_bytes_max);
        state.client.queued.store(multi.commands.len() as u32, Ordering::Relaxed);
        if outcome.is_ok() {
            reply.simple("QUEUED");
        }
        return settle(service, reply, start, outcome);
    }
    let outcome = if let Handler::Session(handler) = command.handler {
        let mut session = Session { state, reply, service, now, in_exec: false, then: None };
        let outcome = handler(&mut session, args);
        match (&outcome, session.then) {
            (Ok(()), Some(then)) => return Flow::Then(then),
            _ => outcome,
        }
    } else {
        match run_on_keys(service, state, reply, command, args, now) {
            Ran::Done(outcome) => outcome,
            Ran::Blocked { waiter, deadline } => return Flow::Block { waiter, deadline },
        }
    };
    settle(service, reply, start, outcome)
}

/// Turns a failure into a reply, or into what the connection has to wait for.
fn settle(service: &Service, reply: &mut Reply, start: usize, outcome: Outcome) -> Flow {
    let Err(failure) = outcome else { return Flow::Next };
    reply.truncate(start);
    match failure {
        Failure::Shard(Error::Wait { bytes }) => return Flow::Retry(bytes as usize),
        Failure::Reply(text) => reply.error(&text),
        Failure::Shard(error) => reply.error(&kernel_text(&error)),
        Failure::Block { .. } => unreachable!("only commands on keys block, and they have joined the queues"),
    }
    service.metrics.errors.fetch_add(1, Ordering::Relaxed);
    Flow::Next
}

fn refuse(state: &mut SessionState, reply: &mut Reply, text: &str) -> Flow {
    if let Some(multi) = &mut state.multi {
        multi.failed = true;
    }
    reply.error(text);
    Flow::Next
}

/// What holds for every command: the number of arguments, authentication, permission, and what a subscriber may send.
fn check(
    service: &Arc<Service>,
    state: &mut SessionState,
    reply: &Reply,
    command: &Command,
    args: &[&[u8]],
) -> Result<(), String> {
    if !command.accepts(args.len()) {
        return Err(format!("ERR wrong number of arguments for '{}' command", command.name));
    }
    let Some(grants) = service.grants(state) else {
        if command.flags.has(Flags::NO_AUTH) {
            return Ok(());
        }
        return Err("NOAUTH Authentication required.".to_owned());
    };
    if grants != Grants::ALL && !command.flags.has(Flags::NO_AUTH) {
        permit(state, command, grants)?;
    }
    if state.multi.is_some() && command.flags.has(Flags::NO_MULTI) {
        return Err(format!("ERR Command not allowed inside a transaction: '{}'", command.name));
    }
    if !reply.resp3 && state.is_subscriber() && !is_allowed_to_subscribers(command.name) {
        return Err(format!(
            "ERR Can't execute '{}': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / RESET are allowed in this context",
            command.name
        ));
    }
    Ok(())
}

/// Makes room for a command that may take memory, if there is too little. A command that is queued takes some whatever it does.
fn check_memory(service: &Service, state: &mut SessionState, command: &Command, queues: bool) -> Outcome {
    if !service.memory.is_over() {
        return Ok(());
    }
    let takes = |index: usize| registry().get(index).flags.has(Flags::DENYOOM);
    let executes = command.name == "exec"
        && state.multi.as_ref().is_some_and(|multi| multi.commands.iter().any(|(index, _)| takes(*index)));
    if !queues && !executes && !command.flags.has(Flags::DENYOOM) {
        return Ok(());
    }
    if eviction::make_room(service, &mut state.transaction, &mut state.random)? {
        return Ok(());
    }
    if executes {
        state.end_multi(service);
        return Err(format!("EXECABORT Transaction discarded because of: {OUT_OF_MEMORY}").into());
    }
    if let Some(multi) = &mut state.multi {
        multi.failed = true;
    }
    Err(OUT_OF_MEMORY.into())
}

fn permit(state: &SessionState, command: &Command, grants: Grants) -> Result<(), String> {
    let needed = if command.flags.has(Flags::ADMIN) {
        Grants::ADMIN
    } else if command.flags.has(Flags::WRITE) {
        Grants::WRITE
    } else if command.flags.has(Flags::PUBSUB) {
        Grants::PUBSUB
    } else if command.flags.has(Flags::READONLY) {
        Grants::READ
    } else {
        return Ok(());
    };
    if grants.0 & needed != 0 {
        return Ok(());
    }
    let user = &state.client.details.lock().user;
    Err(format!("NOPERM User {user} has no permissions to run the '{}' command", command.name))
}

fn is_allowed_to_subscribers(name: &str) -> bool {
    matches!(
        name,
        "subscribe"
            | "unsubscribe"
            | "psubscribe"
            | "punsubscribe"
            | "ssubscribe"
            | "sunsubscribe"
            | "ping"
            | "quit"
            | "reset"
    )
}

fn is_transaction_control(command: &Command) -> bool {
    matches!(command.name, "multi" | "exec" | "discard" | "watch" | "reset" | "quit")
}

fn queue(multi: &mut Multi, index: usize, args: &[&[u8]], bytes_max: usize) -> Outcome {
    multi.bytes += QUEUED_COMMAND_BYTES;
    multi.bytes += args.iter().map(|arg| arg.len() + QUEUED_ARGUMENT_BYTES).sum::<usize>();
    if multi.bytes > bytes_max {
        multi.failed = true;
        return Err(format!(
            "ERR transaction is larger than the {bytes_max} bytes that keyspace.request_bytes_max allows"
        )
        .into());
    }
    multi.commands.push((index, args.iter().map(|arg| arg.to_vec()).collect()));
    Ok(())
}

/// The shards that a command of the key families needs.
fn scope(service: &Service, command: &Command, args: &[&[u8]], database: usize, into: &mut Vec<Place>) {
    match command.handler {
        Handler::Session(_) => {}
        Handler::Database(_) => into.push(Place::Database(database)),
        Handler::Everything(_) => into.push(Place::Everything),
        Handler::Keys(_) if crate::commands::reads_any_key(command.name, args) => {
            into.push(Place::Database(database));
        }
        Handler::Keys(_) => {
            let other = crate::commands::other_database(command.name, args);
            command.keys.each(args, |at| {
                let mut add = |database: usize| {
                    into.push(Place::Shard(database, service.databases.dataset(database).shard_of(args[at])));
                };
                add(database);
                other.into_iter().for_each(&mut add);
            });
        }
    }
}

/// A part of a [`Scope`] in the making.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Place {
    Shard(usize, usize),
    Database(usize),
    Everything,
}

/// The smallest scope that covers all needs.
fn cover(service: &Service, needs: &[Place]) -> Scope {
    if needs.contains(&Place::Everything) {
        return Scope::Everything;
    }
    let mut shards: SmallVec<[(usize, usize); 1]> = SmallVec::new();
    for need in needs {
        match *need {
            Place::Shard(database, shard) => shards.push((database, shard)),
            Place::Database(database) if needs.iter().all(|other| *other == *need) => {
                return Scope::Database(database);
            }
            Place::Database(database) => {
                shards.extend(
                    (0..service.databases.dataset(database).shards.len()).map(|shard| (database, shard)),
                );
            }
            Place::Everything => {}
        }
    }
    if shards.len() > 1 {
        shards.sort_unstable();
        shards.dedup();
    }
    Scope::Shards(shards)
}

/// The scope of one command, without a detour for the most frequent case: one key.
fn scope_of_one(service: &Service, command: &Command, args: &[&[u8]], database: usize) -> Scope {
    use crate::command::KeyPlaces;
    if let (Handler::Keys(_), KeyPlaces::Range { first: 1, last: 1, step: 1 }) =
        (command.handler, command.keys)
        && crate::commands::other_database(command.name, args).is_none()
    {
        let shard = service.databases.dataset(database).shard_of(args[1]);
        return Scope::Shards(SmallVec::from_buf([(database, shard)]));
    }
    let mut needs = Vec::new();
    scope(service, command, args, database, &mut needs);
    cover(service, &needs)
}

/// Runs what a blocked client wants once more, after a push that could not serve it by itself.
pub fn retry_blocked(
    service: &Arc<Service>,
    state: &mut SessionState,
    reply: &mut Reply,
    waiter: &Waiter,
    now: u64,
) -> Flow {
    let args = crate::commands::as_command(waiter);
    let args: Vec<&[u8]> = args.iter().map(Vec::as_slice).collect();
    run(service, state, reply, &args, now)
}

/// How a command on keys ended.
enum Ran {
    Done(Outcome),
    Blocked { waiter: Arc<Waiter>, deadline: Option<u64> },
}

fn run_on_keys(
    service: &Arc<Service>,
    state: &mut SessionState,
    reply: &mut Reply,
    command: &Command,
    args: &[&[u8]],
    now: u64,
) -> Ran {
    let writes = command.flags.has(Flags::WRITE);
    if writes {
        state.transaction.set_time(service.runtime.tick());
        if let Err(error) = state.transaction.reserve(space_for(args)) {
            return Ran::Done(Err(error.into()));
        }
    }
    let scope = scope_of_one(service, command, args, state.database);
    let seed = next_random(&mut state.random);
    let SessionState { client, transaction, need, last_write, database, .. } = state;
    let mut keys = match Keys::lock(&service.databases, &scope, *database, now, transaction) {
        Ok(keys) => keys,
        Err(error) => return Ran::Done(Err(error.into())),
    };
    keys.set_random(seed);
    let outcome = run_handler(command, &mut keys, reply, service, client, args);
    count_lookups(service, &keys);
    if let Err(Failure::Block { wish, keys: names, deadline, .. }) = outcome {
        // It joins the queues before the locks go: no push can come in between.
        let dataset = service.databases.index(*database);
        let waiter = Arc::new(Waiter::new(Arc::clone(client), dataset, names, wish));
        waiter.keys.iter().for_each(|name| keys.partition_mut(*database, name).block(name, &waiter));
        need.merge(keys.need);
        return Ran::Blocked { waiter, deadline };
    }
    match keys.commit() {
        Err(error) => Ran::Done(Err(error.into())),
        Ok(committed) => {
            need.merge(committed);
            if writes {
                last_write.merge(committed);
            }
            Ran::Done(outcome)
        }
    }
}

fn count_lookups(service: &Service, keys: &Keys<'_>) {
    let (hits, misses) = keys.hits;
    if hits > 0 {
        service.metrics.hits.fetch_add(hits, Ordering::Relaxed);
    }
    if misses > 0 {
        service.metrics.misses.fetch_add(misses, Ordering::Relaxed);
    }
}

fn run_handler(
    command: &Command,
    keys: &mut Keys<'_>,
    reply: &mut Reply,
    service: &Arc<Service>,
    client: &Arc<Client>,
    args: &[&[u8]],
) -> Outcome {
    let mut context = Context { keys, reply, service, client };
    match command.handler {
        Handler::Keys(handler) | Handler::Database(handler) | Handler::Everything(handler) => {
            handler(&mut context, args)
        }
        Handler::Session(_) => unreachable!("commands on the session do not come here"),
    }
}

/// EXEC: all queued commands under one set of locks, in one batch.
pub fn exec(session: &mut Session<'_>) -> Outcome {
    let service = session.service;
    match &session.state.multi {
        None => return Err("ERR EXEC without MULTI".into()),
        Some(multi) if multi.failed => {
            session.state.end_multi(service);
            return Err("EXECABORT Transaction discarded because of previous errors.".into());
        }
        Some(_) => {}
    }
    let blank = service.runtime.transaction();
    let mut transaction = std::mem::replace(&mut session.state.transaction, blank);
    let outcome = exec_with(session, &mut transaction);
    session.state.transaction = transaction;
    if !matches!(outcome, Err(Failure::Shard(Error::Wait { .. }))) {
        session.state.end_multi(service);
    }
    outcome
}

fn exec_with(session: &mut Session<'_>, transaction: &mut Transaction) -> Outcome {
    let service = session.service;
    let needs = exec_needs(session);
    transaction.set_time(service.runtime.tick());
    transaction.reserve(exec_space(session.state.multi.as_ref()))?;
    let scope = cover(service, &needs);
    let mut keys = Keys::lock(&service.databases, &scope, session.state.database, session.now, transaction)?;
    keys.set_random(next_random(&mut session.state.random));
    if watch_failed(session.state, &mut keys) {
        session.state.need.merge(keys.need);
        session.reply.null_array();
        return Ok(());
    }
    reserve_computed(&mut keys, session.state.multi.as_ref())?;
    let multi = session.state.multi.take().unwrap_or_default();
    session.reply.array(multi.commands.len());
    let database = session.state.database;
    for (index, args) in &multi.commands {
        let args: Vec<&[u8]> = args.iter().map(Vec::as_slice).collect();
        exec_one(session, &mut keys, registry().get(*index), &args);
    }
    count_lookups(service, &keys);
    let committed = keys.commit();
    match committed {
        Ok(need) => {
            session.state.need.merge(need);
            session.state.last_write.merge(need);
            Ok(())
        }
        Err(error) => {
            session.state.database = database;
            Err(error.into())
        }
    }
}

/// Runs one queued command; its failure is its reply.
fn exec_one(session: &mut Session<'_>, keys: &mut Keys<'_>, command: &Command, args: &[&[u8]]) {
    let start = session.reply.len();
    keys.database = session.state.database;
    let outcome = if let Handler::Session(handler) = command.handler {
        let Session { state, reply, service, now, .. } = session;
        let mut inner = Session { state, reply, service, now: *now, in_exec: true, then: None };
        let outcome = handler(&mut inner, args);
        if let Some(Then::Killed(clients)) = inner.then {
            match &mut session.then {
                Some(Then::Killed(all)) => all.extend(clients),
                then => *then = Some(Then::Killed(clients)),
            }
        }
        outcome
    } else {
        let client = Arc::clone(&session.state.client);
        // Should a command before this one have taken more than was foreseen: this one is refused whole, or done whole.
        let reserved = if command.flags.has(Flags::WRITE) { keys.reserve_for(args) } else { Ok(()) };
        reserved
            .map_err(Failure::from)
            .and_then(|()| run_handler(command, keys, session.reply, session.service, &client, args))
    };
    let Err(failure) = outcome else { return };
    session.reply.truncate(start);
    match failure {
        Failure::Reply(text) => session.reply.error(&text),
        Failure::Shard(error) => session.reply.error(&kernel_text(&error)),
        Failure::Block { array: true, .. } => session.reply.null_array(),
        Failure::Block { array: false, .. } => session.reply.null(),
    }
}

fn exec_needs(session: &Session<'_>) -> Vec<Place> {
    let service = session.service;
    let mut needs = Vec::new();
    let mut database = session.state.database;
    for (index, args) in session.state.multi.iter().flat_map(|multi| &multi.commands) {
        let args: Vec<&[u8]> = args.iter().map(Vec::as_slice).collect();
        let command = registry().get(*index);
        scope(service, command, &args, database, &mut needs);
        if command.name == "select" {
            database = crate::commands::parse_database(args[1]).unwrap_or(database);
        }
    }
    for (database, key) in session.state.watch.iter().flat_map(|watch| watch.keys.keys()) {
        let shard = service.databases.dataset(*database).shard_of(key);
        needs.push(Place::Shard(*database, shard));
    }
    needs
}

/// Journal space for what the arguments of all commands bound.
fn exec_space(multi: Option<&Multi>) -> usize {
    let commands = multi.map_or(&[][..], |multi| &multi.commands);
    let space = |args: &Vec<Vec<u8>>| {
        let args: Vec<&[u8]> = args.iter().map(Vec::as_slice).collect();
        space_for(&args)
    };
    commands.iter().map(|(_, args)| space(args)).sum()
}

/// Journal space for commands that log values they find: twice what their keys hold now, and all that the transaction
/// itself may add to them.
fn reserve_computed(keys: &mut Keys<'_>, multi: Option<&Multi>) -> Result<(), Error> {
    let Some(multi) = multi else { return Ok(()) };
    let mut bytes = 0;
    for (index, args) in &multi.commands {
        let command = registry().get(*index);
        if !crate::commands::logs_found_values(command.name) {
            continue;
        }
        let args: Vec<&[u8]> = args.iter().map(Vec::as_slice).collect();
        command.keys.each(&args, |at| bytes += 2 * keys.value_bytes(args[at]));
        bytes += multi.bytes;
    }
    if bytes == 0 { Ok(()) } else { keys.reserve(bytes + exec_space(Some(multi))) }
}

/// Whether a watched key was changed, or has passed its deadline since.
fn watch_failed(state: &SessionState, keys: &mut Keys<'_>) -> bool {
    let Some(watch) = &state.watch else { return false };
    watch.dirty.load(Ordering::Acquire)
        || watch
            .keys
            .iter()
            .any(|((database, key), watched)| watched.live && keys.peek_in(*database, key).is_none())
}
