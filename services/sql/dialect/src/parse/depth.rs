//! How deep a syntax tree may be. The parser library bounds what it reads by recursion; what it reads in loops, such as `1 + 1 + …`, `x::int::int…` or
//! `… UNION …`, makes trees that are as deep as the text is long, and a thread's stack would not do even to drop them. So loops are bounded
//! while they run, with what the library hands to the dialect, or by the tokens before it begins.

use std::ops::ControlFlow;

use sqlparser::ast::{Expr, Visit, Visitor};
use sqlparser::keywords::Keyword;
use sqlparser::parser::ParserError;
use sqlparser::tokenizer::{Token, TokenWithSpan, Whitespace};

/// How deep an expression may be where another operator follows it, give or take [`STRIDE`] a level of nesting.
const EXPRESSION_MAX: usize = 400;

/// The depth of an expression is looked at when its left spine is a multiple of this: the look is at all of it.
const STRIDE: usize = 16;

/// How many set operations a statement may have; SQLite has the same limit.
const SET_OPERATIONS_MAX: usize = 500;

/// How many joins a statement may have. The library reads `a JOIN b JOIN c …` by a recursion that it does not count, as each ON may come later.
const JOINS_MAX: usize = 200;

/// How many of the library's words for other dialects that wrap a table once more a statement may have. None is supported.
const WRAPPERS_MAX: usize = 50;

/// How many pairs of brackets may follow each other: dimensions of an array type.
const BRACKETS_MAX: usize = 50;

/// The length of the way to the first leaf of an expression.
#[derive(Default)]
struct Spine(usize);

impl Visitor for Spine {
    type Break = ();

    fn pre_visit_expr(&mut self, _: &Expr) -> ControlFlow<()> {
        self.0 += 1;
        if self.0 > EXPRESSION_MAX { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }

    fn post_visit_expr(&mut self, _: &Expr) -> ControlFlow<()> {
        ControlFlow::Break(())
    }
}

/// The depth of where the visit is.
#[derive(Default)]
struct Depth(usize);

impl Visitor for Depth {
    type Break = ();

    fn pre_visit_expr(&mut self, _: &Expr) -> ControlFlow<()> {
        self.0 += 1;
        if self.0 > EXPRESSION_MAX { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }

    fn post_visit_expr(&mut self, _: &Expr) -> ControlFlow<()> {
        self.0 -= 1;
        ControlFlow::Continue(())
    }
}

/// Errors: the expression is too deep to become the left operand of another.
pub(super) fn check_left(expr: &Expr) -> Result<(), ParserError> {
    let mut spine = Spine::default();
    let _ = expr.visit(&mut spine);
    let due = spine.0.is_multiple_of(STRIDE) || spine.0 > EXPRESSION_MAX;
    if due && expr.visit(&mut Depth::default()).is_break() {
        return Err(ParserError::RecursionLimitExceeded);
    }
    Ok(())
}

/// Errors: a statement among the tokens has too much of what is read in loops.
pub(super) fn check_tokens(tokens: &[TokenWithSpan]) -> Result<(), ParserError> {
    let is_space = |token: &Token| {
        matches!(
            token,
            Token::Whitespace(
                Whitespace::Space
                    | Whitespace::Newline
                    | Whitespace::Tab
                    | Whitespace::SingleLineComment { .. }
                    | Whitespace::MultiLineComment(_)
            )
        )
    };
    let (mut sets, mut joins, mut wrappers, mut brackets) = (0, 0, 0, 0);
    for TokenWithSpan { token, span: _ } in tokens {
        match token {
            Token::SemiColon => (sets, joins, wrappers, brackets) = (0, 0, 0, 0),
            Token::LBracket => brackets += 1,
            Token::RBracket | Token::Number(..) => {}
            Token::Word(word) => {
                brackets = 0;
                match word.keyword {
                    Keyword::UNION | Keyword::EXCEPT | Keyword::INTERSECT | Keyword::MINUS => sets += 1,
                    Keyword::JOIN => joins += 1,
                    Keyword::PIVOT | Keyword::UNPIVOT | Keyword::MATCH_RECOGNIZE => wrappers += 1,
                    _ => {}
                }
            }
            other if is_space(other) => {}
            _ => brackets = 0,
        }
        let too_much = sets > SET_OPERATIONS_MAX
            || joins > JOINS_MAX
            || wrappers > WRAPPERS_MAX
            || brackets > BRACKETS_MAX;
        if too_much {
            return Err(ParserError::RecursionLimitExceeded);
        }
    }
    Ok(())
}
