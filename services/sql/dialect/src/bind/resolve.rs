//! Which function or operator a call means (PostgreSQL's manual, "Operator Type Resolution" and "Function Type Resolution").

use bole_sql_types::Type;
use bole_sql_types::types::Category;

use super::Binder;
use super::coerce::{integer, is_polymorphic};
use super::tree::Expr;
use crate::builtins::{Context, Spelling};

/// What a call may mean: the types of its arguments, and whatever they are of.
#[derive(Clone, Debug)]
pub(super) struct Candidate<T> {
    pub types: Vec<Type>,
    pub of: T,
}

/// What a call means.
pub(super) enum Choice<T> {
    One(Candidate<T>),
    Ambiguous,
    None,
}

/// The types that polymorphic ones stand for in a call.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Actual {
    element: Option<Type>,
    compatible: Option<Type>,
}

impl Binder<'_> {
    /// Chooses among candidates that have as many arguments as there are types.
    pub(super) fn choose<T: Clone>(&self, types: &[Type], candidates: Vec<Candidate<T>>) -> Choice<T> {
        if let Some(exact) = candidates.iter().find(|candidate| candidate.types == types) {
            return Choice::One(exact.clone());
        }
        let mut fitting: Vec<Candidate<T>> = candidates
            .into_iter()
            .filter(|candidate| {
                types
                    .iter()
                    .zip(&candidate.types)
                    .all(|(from, to)| self.can_coerce(*from, *to, Context::Implicit))
                    && self.actual(&candidate.types, types).is_some()
            })
            .collect();
        if fitting.len() <= 1 {
            return fitting.pop().map_or(Choice::None, Choice::One);
        }
        keep_best(&mut fitting, |candidate| matches(types, &candidate.types, |from, to| from == to));
        if fitting.len() > 1 {
            keep_best(&mut fitting, |candidate| {
                matches(types, &candidate.types, |from, to| {
                    from == to || (self.category(from) == self.category(to) && Self::is_preferred(to))
                })
            });
        }
        if fitting.len() > 1 && types.contains(&Type::UNKNOWN) {
            fitting = self.by_category(types, fitting);
        }
        if fitting.len() > 1 {
            fitting = self.as_the_known(types, fitting);
        }
        match fitting.len() {
            1 => fitting.pop().map_or(Choice::None, Choice::One),
            _ => Choice::Ambiguous,
        }
    }

    /// Literals of unknown type are taken for text where a candidate does so, else for what all candidates agree on.
    fn by_category<T: Clone>(&self, types: &[Type], fitting: Vec<Candidate<T>>) -> Vec<Candidate<T>> {
        let mut wanted: Vec<Option<(Category, bool)>> = vec![None; types.len()];
        for (index, _) in types.iter().enumerate().filter(|(_, ty)| **ty == Type::UNKNOWN) {
            let categories: Vec<Category> =
                fitting.iter().map(|candidate| self.category(candidate.types[index])).collect();
            let category = if categories.contains(&Category::String) {
                Category::String
            } else if categories.iter().all(|category| *category == categories[0]) {
                categories[0]
            } else {
                return fitting;
            };
            let preferred = fitting.iter().any(|candidate| {
                self.category(candidate.types[index]) == category
                    && Self::is_preferred(candidate.types[index])
            });
            wanted[index] = Some((category, preferred));
        }
        let kept: Vec<Candidate<T>> = fitting
            .iter()
            .filter(|candidate| {
                wanted.iter().zip(&candidate.types).all(|(wanted, ty)| {
                    wanted.is_none_or(|(category, preferred)| {
                        self.category(*ty) == category && (!preferred || Self::is_preferred(*ty))
                    })
                })
            })
            .cloned()
            .collect();
        if kept.is_empty() { fitting } else { kept }
    }

    /// If the known arguments are of one type, the unknown ones may be of it too.
    fn as_the_known<T: Clone>(&self, types: &[Type], fitting: Vec<Candidate<T>>) -> Vec<Candidate<T>> {
        let mut known = types.iter().filter(|ty| **ty != Type::UNKNOWN);
        let Some(first) = known.next() else { return fitting };
        if known.any(|ty| ty != first) || !types.contains(&Type::UNKNOWN) {
            return fitting;
        }
        let kept: Vec<Candidate<T>> = fitting
            .iter()
            .filter(|candidate| {
                let all = vec![*first; candidate.types.len()];
                candidate.types.iter().all(|to| self.can_coerce(*first, *to, Context::Implicit))
                    && self.actual(&candidate.types, &all).is_some()
            })
            .cloned()
            .collect();
        if kept.len() == 1 { kept } else { fitting }
    }

    /// What polymorphic types stand for; `None` if the arguments do not agree.
    pub(super) fn actual(&self, declared: &[Type], types: &[Type]) -> Option<Actual> {
        let mut actual = Actual::default();
        for (declared, ty) in declared.iter().zip(types) {
            if *ty == Type::UNKNOWN {
                continue;
            }
            let (slot, of, compatible) = match *declared {
                Type::ANYELEMENT | Type::ANYNONARRAY | Type::ANYENUM => (&mut actual.element, *ty, false),
                Type::ANYARRAY => (&mut actual.element, self.element_of(*ty)?, false),
                Type::ANYCOMPATIBLE => (&mut actual.compatible, *ty, true),
                Type::ANYCOMPATIBLEARRAY => (&mut actual.compatible, self.element_of(*ty)?, true),
                _ => continue,
            };
            match *slot {
                None => *slot = Some(of),
                Some(known) if known == of => {}
                // As of `CASE`: the first type stays unless it can only become the other.
                Some(known)
                    if compatible
                        && !Self::is_preferred(known)
                        && self.can_coerce(known, of, Context::Implicit)
                        && !self.can_coerce(of, known, Context::Implicit) =>
                {
                    *slot = Some(of);
                }
                Some(known) if compatible && self.can_coerce(of, known, Context::Implicit) => {}
                Some(_) => return None,
            }
        }
        let all_unknown =
            declared.iter().any(|ty| matches!(*ty, Type::ANYCOMPATIBLE | Type::ANYCOMPATIBLEARRAY));
        if actual.compatible.is_none() && all_unknown {
            actual.compatible = Some(Type::TEXT);
        }
        Some(actual)
    }

    /// The type that a declared one is in a call; `None` if nothing says it.
    pub(super) fn concrete(&self, declared: Type, actual: Actual) -> Option<Type> {
        match declared {
            Type::ANYELEMENT | Type::ANYNONARRAY | Type::ANYENUM => actual.element,
            Type::ANYARRAY => self.array_of(actual.element?),
            Type::ANYCOMPATIBLE => actual.compatible,
            Type::ANYCOMPATIBLEARRAY => self.array_of(actual.compatible?),
            other => Some(other),
        }
    }
}

/// A spelling that the printer knows, and its arguments.
pub(super) fn spelled(spelling: Spelling, declared: &[Type], arguments: Vec<Expr>) -> (Spelling, Vec<Expr>) {
    let is_pseudo = |index: usize| declared.get(index).is_some_and(|ty| is_polymorphic(*ty));
    let oid = |expr: &Expr| integer(i64::from(expr.ty.0));
    match spelling {
        Spelling::Typed(name) => {
            let mut all = Vec::with_capacity(arguments.len() * 2);
            for (index, argument) in arguments.into_iter().enumerate() {
                if is_pseudo(index) {
                    all.push(oid(&argument));
                }
                all.push(argument);
            }
            (Spelling::Function(name), all)
        }
        Spelling::Wrapped(name, by) => {
            let wrap = |(index, argument): (usize, Expr)| {
                if !is_pseudo(index) || (by == "pg_element" && declared[index] == Type::ANYCOMPATIBLEARRAY) {
                    return argument;
                }
                let ty = argument.ty;
                Expr::call(Spelling::Function(by), vec![oid(&argument), argument], ty)
            };
            (Spelling::Function(name), arguments.into_iter().enumerate().map(wrap).collect())
        }
        other => (other, arguments),
    }
}

fn matches(from: &[Type], to: &[Type], test: impl Fn(Type, Type) -> bool) -> usize {
    from.iter().zip(to).filter(|(from, to)| **from != Type::UNKNOWN && test(**from, **to)).count()
}

fn keep_best<T>(candidates: &mut Vec<T>, score: impl Fn(&T) -> usize) {
    let best = candidates.iter().map(&score).max().unwrap_or(0);
    candidates.retain(|candidate| score(candidate) == best);
}
