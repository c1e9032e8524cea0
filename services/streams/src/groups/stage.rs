//! Where tests play decisions without a journal: what is logged goes through its bytes into the state, time passes by hand, and a restart
//! builds the state anew from the log and from sections, which must agree.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use bole_base::Offset;
use bole_log::PayloadKind;
use bole_shard::{Section, State as _};

use super::config::Config;
use super::coordinator::timers;
use super::decide::{Context, Now, Outcome, Reply, Token};
use super::state::{Effect, Group, State};
use super::topics::Fake;

/// One shard of groups on a stage.
pub(crate) struct Stage {
    pub(crate) state: State,
    pub(crate) topics: Fake,
    pub(crate) config: Config,
    pub(crate) now: Now,
    /// Every effect so far, as it stands in the log.
    pub(crate) log: Vec<(PayloadKind, u8, Vec<u8>)>,
    /// Answers that nobody has looked at yet.
    pub(crate) replies: BTreeMap<Token, Reply>,
    /// Who was not answered yet.
    pub(crate) waiting: BTreeSet<Token>,
    wakes: BTreeMap<Arc<str>, u64>,
    tokens: u64,
    /// Sections as of some moment, with the offset of each.
    checkpoint: Vec<(Section, Vec<u8>)>,
}

impl Stage {
    pub(crate) fn new(topics: &[(&str, u32)], config: Config) -> Self {
        Self {
            state: State::default(),
            topics: Fake::new(topics),
            config,
            now: Now { wall_ms: 1_000_000, monotonic_ms: 1_000 },
            log: Vec::new(),
            replies: BTreeMap::new(),
            waiting: BTreeSet::new(),
            wakes: BTreeMap::new(),
            tokens: 0,
            checkpoint: Vec::new(),
        }
    }

    pub(crate) fn token(&mut self) -> Token {
        self.tokens += 1;
        self.waiting.insert(Token(self.tokens));
        Token(self.tokens)
    }

    /// Makes a decision about a group and lets it take place.
    pub(crate) fn act<T>(
        &mut self,
        group: &str,
        decide: impl FnOnce(&mut State, Context<'_>, &mut Outcome) -> T,
    ) -> T {
        let mut out = Outcome::default();
        let cx = Context { config: &self.config, topics: &self.topics, now: self.now };
        let value = decide(&mut self.state, cx, &mut out);
        let Outcome { effects, replies, wake_ms, after, looked, .. } = out;
        for effect in effects {
            assert_eq!(&**effect.group(), group, "a decision changes its own group");
            let (kind, version) = effect.kind();
            let mut payload = Vec::new();
            effect.encode(&mut payload);
            let back = Effect::decode(kind, version, &payload).unwrap();
            assert_eq!(back, effect, "what is logged comes back as it was");
            self.state.apply(Offset(self.log.len() as u64), &effect);
            self.log.push((kind, version, payload));
        }
        after.into_iter().for_each(|change| change(&mut self.state));
        for (token, reply) in replies {
            assert!(self.waiting.remove(&token), "{token:?} is answered once");
            self.replies.insert(token, reply);
        }
        let next = if looked { timers::finish(&mut self.state, group) } else { None };
        if let Some(at) = next.into_iter().chain(wake_ms).min() {
            let known = self.wakes.entry(group.into()).or_insert(at);
            *known = at.min(*known);
        }
        value
    }

    /// Lets time pass; what is due happens when it is due.
    pub(crate) fn pass(&mut self, ms: u64) {
        let end = self.now.monotonic_ms + ms;
        while let Some((group, at)) = self.wakes.iter().min_by_key(|(_, at)| **at)
            && *at <= end
        {
            let (group, at) = (Arc::clone(group), (*at).max(self.now.monotonic_ms));
            self.move_to(at);
            self.wakes.remove(&group);
            self.act(&group, |state, cx, out| timers::tick(state, cx, out, &group));
        }
        self.move_to(end);
    }

    fn move_to(&mut self, monotonic_ms: u64) {
        self.now.wall_ms += monotonic_ms - self.now.monotonic_ms;
        self.now.monotonic_ms = monotonic_ms;
    }

    /// Takes a checkpoint, as the runtime would: of what changed since the last one.
    pub(crate) fn checkpoint(&mut self) {
        let since = self.checkpoint.iter().map(|(section, _)| section.offset).min().unwrap_or(Offset::ZERO);
        let mut cursor = Some(0);
        let offset = Offset(self.log.len() as u64);
        let mut sections: BTreeMap<u64, (Section, Vec<u8>)> = BTreeMap::new();
        for (section, bytes) in self.checkpoint.drain(..) {
            sections.insert(section.start, (section, bytes));
        }
        while let Some(at) = cursor {
            let mut bytes = Vec::new();
            let step = self.state.next_section(at, since, &mut bytes);
            if let Some((start, end)) = step.section {
                sections.insert(start, (Section { start, end, offset }, bytes));
            }
            cursor = step.next;
        }
        self.checkpoint = sections.into_values().collect();
    }

    fn durable(state: &State) -> Vec<(Arc<str>, Group)> {
        state
            .groups()
            .map(|(id, group)| {
                (Arc::clone(id), Group { position: bole_base::Position::ZERO, ..group.clone() })
            })
            .collect()
    }

    /// The state as recovery would build it: from the sections if there are any, and the log after them.
    pub(crate) fn recovered(&self, from_sections: bool) -> State {
        let mut state = State::default();
        let mut from = 0;
        if from_sections && !self.checkpoint.is_empty() {
            for (section, bytes) in &self.checkpoint {
                state.restore(*section, bytes).unwrap();
            }
            from = self.checkpoint.iter().map(|(section, _)| section.offset.0).min().unwrap_or(0);
        }
        for (offset, (kind, version, payload)) in self.log.iter().enumerate().skip(from as usize) {
            state.apply(Offset(offset as u64), &Effect::decode(*kind, *version, payload).unwrap());
        }
        state
    }

    /// Forgets everything that is not durable, and starts again. Who waited is not answered.
    pub(crate) fn restart(&mut self) {
        let replayed = self.recovered(false);
        let restored = self.recovered(true);
        assert_eq!(Self::durable(&replayed), Self::durable(&self.state), "replay builds what apply built");
        assert_eq!(Self::durable(&restored), Self::durable(&replayed), "sections and log agree with the log");
        assert_eq!(restored.len(), replayed.len());
        self.state = restored;
        self.waiting.clear();
        self.replies.clear();
        self.wakes.clear();
        let ids: Vec<_> = self.state.groups().map(|(id, _)| Arc::clone(id)).collect();
        for id in ids {
            let cx = Context { config: &self.config, topics: &self.topics, now: self.now };
            if let Some(at) = timers::bring_to_life(&mut self.state, cx, &id) {
                self.wakes.insert(id, at);
            }
        }
    }
}
