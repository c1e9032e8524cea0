//! PostgreSQL's grammar where the parser library's dialect reads expressions otherwise: what binds how tightly, and forms that it lacks.

use std::any::TypeId;

use sqlparser::ast::{BinaryOperator, Expr, UnaryOperator};
use sqlparser::dialect::{BindPlaceholderStyle, Dialect, PostgreSqlDialect, Precedence};
use sqlparser::keywords::Keyword;
use sqlparser::parser::{Parser, ParserError};
use sqlparser::tokenizer::Token;

/// How tightly a sign binds: more than COLLATE, less than a subscript or `::`.
const SIGN: u8 = 125;

/// The library's dialect of PostgreSQL, with PostgreSQL's precedence.
#[derive(Debug)]
pub(crate) struct Grammar;

const BASE: PostgreSqlDialect = PostgreSqlDialect {};

/// Answers that are the library's.
macro_rules! as_in_the_library {
    ($($question:ident)+) => {
        $(fn $question(&self) -> bool {
            BASE.$question()
        })+
    };
}

impl Dialect for Grammar {
    as_in_the_library! {
        supports_cte_materialization supports_unicode_string_literal supports_filter_during_aggregation
        supports_drop_group supports_alter_user_as_alter_role supports_create_group
        supports_create_role_if_not_exists allow_extract_custom allow_extract_single_quotes
        supports_create_index_with_clause supports_sql_option_without_value supports_explain_with_utility_options
        supports_listen_notify supports_exclude_constraint supports_factorial_operator
        supports_bitwise_shift_operators supports_tilde_like_match_operator
        supports_comparison_in_between_low_bound supports_comment_on supports_load_extension
        supports_named_fn_args_with_colon_operator supports_named_fn_args_with_expr_name
        supports_named_fn_args_with_assignment_operator supports_empty_projections supports_nested_comments
        supports_copy_from_stdin_data supports_string_escape_constant supports_numeric_literal_underscores
        supports_non_decimal_integer_literals supports_array_typedef_with_brackets supports_geometric_types
        supports_order_by_using_operator supports_set_names supports_alter_column_type_using
        supports_left_associative_joins_without_parens supports_notnull_operator supports_interval_options
        supports_insert_table_alias supports_create_table_like_parenthesized supports_select_wildcard_with_alias
        supports_comma_separated_trim supports_xml_expressions supports_aliased_function_args
        supports_comment_optimizer_hint supports_add_column_if_not_exists supports_attach_partition_of
        supports_detach_partition_of supports_table_inheritance_markers supports_column_generic_options
    }

    fn dialect(&self) -> TypeId {
        TypeId::of::<PostgreSqlDialect>()
    }

    fn identifier_quote_style(&self, identifier: &str) -> Option<char> {
        BASE.identifier_quote_style(identifier)
    }

    fn ordered_bind_placeholder_style(&self) -> Option<BindPlaceholderStyle> {
        BASE.ordered_bind_placeholder_style()
    }

    fn is_delimited_identifier_start(&self, character: char) -> bool {
        BASE.is_delimited_identifier_start(character)
    }

    fn is_identifier_start(&self, character: char) -> bool {
        BASE.is_identifier_start(character)
    }

    fn is_identifier_part(&self, character: char) -> bool {
        BASE.is_identifier_part(character)
    }

    fn is_custom_operator_part(&self, character: char) -> bool {
        BASE.is_custom_operator_part(character)
    }

    fn is_reserved_for_identifier(&self, keyword: Keyword) -> bool {
        BASE.is_reserved_for_identifier(keyword)
    }

    fn is_table_alias(&self, keyword: &Keyword, parser: &mut Parser<'_>) -> bool {
        BASE.is_table_alias(keyword, parser)
    }

    /// Without AS, FOR begins a clause.
    fn is_column_alias(&self, keyword: &Keyword, parser: &mut Parser<'_>) -> bool {
        *keyword != Keyword::FOR && BASE.is_column_alias(keyword, parser)
    }

    fn supports_string_literal_column_alias(&self, explicit: bool) -> bool {
        BASE.supports_string_literal_column_alias(explicit)
    }

    fn supports_string_literal_table_alias(&self, explicit: bool) -> bool {
        BASE.supports_string_literal_table_alias(explicit)
    }

    fn is_interval_qualifier(&self, keyword: Keyword) -> bool {
        BASE.is_interval_qualifier(keyword)
    }

    fn is_custom_type_typed_string(&self, first: Keyword, qualified: bool) -> bool {
        BASE.is_custom_type_typed_string(first, qualified)
    }

    fn get_next_precedence(&self, parser: &Parser<'_>) -> Option<Result<u8, ParserError>> {
        BASE.get_next_precedence(parser)
    }

    fn prec_value(&self, precedence: Precedence) -> u8 {
        BASE.prec_value(precedence)
    }

    /// GROUPING SETS and its like come as prefixes, so that their elements are expressions of any form.
    fn supports_group_by_expr(&self) -> bool {
        false
    }

    fn parse_prefix(&self, parser: &mut Parser<'_>) -> Option<Result<Expr, ParserError>> {
        let (operator, precedence) = match &parser.peek_token_ref().token {
            Token::Minus => (UnaryOperator::Minus, SIGN),
            Token::Plus => (UnaryOperator::Plus, SIGN),
            Token::AtSign => (UnaryOperator::PGAbs, self.prec_value(Precedence::PgOther)),
            Token::PGSquareRoot => (UnaryOperator::PGSquareRoot, self.prec_value(Precedence::PgOther)),
            Token::PGCubeRoot => (UnaryOperator::PGCubeRoot, self.prec_value(Precedence::PgOther)),
            Token::Tilde => (UnaryOperator::BitwiseNot, self.prec_value(Precedence::PgOther)),
            Token::LParen if parser.peek_nth_token_ref(1).token == Token::RParen => {
                parser.advance_token();
                parser.advance_token();
                return Some(Ok(Expr::Tuple(Vec::new())));
            }
            Token::Word(word) if word.quote_style.is_none() => return prefix_word(parser, word.keyword),
            _ => return None,
        };
        parser.advance_token();
        let operand = parser.parse_subexpr(precedence);
        Some(operand.map(|expr| Expr::UnaryOp { op: operator, expr: Box::new(expr) }))
    }

    fn parse_infix(
        &self,
        parser: &mut Parser<'_>,
        expr: &Expr,
        _precedence: u8,
    ) -> Option<Result<Expr, ParserError>> {
        if let Err(error) = super::depth::check_left(expr) {
            return Some(Err(error));
        }
        if is_comparison(expr) && COMPARISONS.contains(&parser.peek_token_ref().token) {
            return Some(parser.expected_ref("the end of the comparison", parser.peek_token_ref()));
        }
        let keyword_at = |parser: &Parser<'_>, at| match &parser.peek_nth_token_ref(at).token {
            Token::Word(word) if word.quote_style.is_none() => word.keyword,
            _ => Keyword::NoKeyword,
        };
        match keyword_at(parser, 0) {
            Keyword::AND => return Some(chain(parser, expr, Keyword::AND, &BinaryOperator::And)),
            Keyword::OR => return Some(chain(parser, expr, Keyword::OR, &BinaryOperator::Or)),
            _ => {}
        }
        let negated = keyword_at(parser, 0) == Keyword::NOT;
        let at = usize::from(negated);
        let (first, second) = (keyword_at(parser, at), keyword_at(parser, at + 1));
        match (first, second) {
            (Keyword::BETWEEN, Keyword::SYMMETRIC | Keyword::ASYMMETRIC) => {
                skip(parser, at + 2);
                Some(between(parser, expr, negated, second == Keyword::SYMMETRIC))
            }
            (Keyword::LIKE | Keyword::ILIKE, Keyword::ANY | Keyword::SOME | Keyword::ALL) => {
                skip(parser, at + 2);
                let operator = match (first, negated) {
                    (Keyword::LIKE, false) => BinaryOperator::PGLikeMatch,
                    (Keyword::LIKE, true) => BinaryOperator::PGNotLikeMatch,
                    (_, false) => BinaryOperator::PGILikeMatch,
                    (_, true) => BinaryOperator::PGNotILikeMatch,
                };
                Some(like_quantified(parser, expr, operator, second == Keyword::ALL))
            }
            _ => None,
        }
    }
}

/// Comparisons are not associative: none is an operand of another without parentheses.
const COMPARISONS: [Token; 6] = [Token::Eq, Token::Neq, Token::Lt, Token::LtEq, Token::Gt, Token::GtEq];

fn is_comparison(expr: &Expr) -> bool {
    use BinaryOperator as B;
    matches!(expr, Expr::BinaryOp { op: B::Eq | B::NotEq | B::Lt | B::LtEq | B::Gt | B::GtEq, .. })
}

fn skip(parser: &mut Parser<'_>, count: usize) {
    for _ in 0..count {
        parser.advance_token();
    }
}

/// A word that begins an expression of a form of its own.
fn prefix_word(parser: &mut Parser<'_>, keyword: Keyword) -> Option<Result<Expr, ParserError>> {
    let next = &parser.peek_nth_token_ref(1).token;
    let next_keyword = if let Token::Word(word) = next { word.keyword } else { Keyword::NoKeyword };
    let parenthesis = *next == Token::LParen;
    match keyword {
        // The library takes NOT EXISTS for one operator, which would bind more tightly than a comparison.
        Keyword::NOT if next_keyword == Keyword::EXISTS => {
            parser.advance_token();
            let operand = parser.parse_subexpr(BASE.prec_value(Precedence::UnaryNot));
            Some(operand.map(|expr| Expr::UnaryOp { op: UnaryOperator::Not, expr: Box::new(expr) }))
        }
        Keyword::ROW if parenthesis => {
            parser.advance_token();
            Some(list(parser, Parser::parse_expr).map(Expr::Tuple))
        }
        Keyword::CUBE if parenthesis => {
            parser.advance_token();
            Some(list(parser, grouping_element).map(Expr::Cube))
        }
        Keyword::ROLLUP if parenthesis => {
            parser.advance_token();
            Some(list(parser, grouping_element).map(Expr::Rollup))
        }
        Keyword::SUBSTRING if parenthesis && is_similar(parser) => {
            skip(parser, 2);
            Some(substring_similar(parser))
        }
        Keyword::GROUPING if next_keyword == Keyword::SETS => {
            skip(parser, 2);
            Some(list(parser, grouping_element).map(Expr::GroupingSets))
        }
        _ => None,
    }
}

/// Whether the parentheses that begin after the next token hold `… SIMILAR …` and not `… SIMILAR TO …`.
fn is_similar(parser: &Parser<'_>) -> bool {
    let mut depth = 0_usize;
    let mut at = 1;
    loop {
        match &parser.peek_nth_token_ref(at).token {
            Token::LParen => depth += 1,
            Token::RParen if depth == 1 => return false,
            Token::RParen => depth -= 1,
            Token::EOF | Token::SemiColon => return false,
            Token::Word(word) if depth == 1 && word.keyword == Keyword::SIMILAR => {
                let next = &parser.peek_nth_token_ref(at + 1).token;
                return !matches!(next, Token::Word(word) if word.keyword == Keyword::TO);
            }
            _ => {}
        }
        at += 1;
    }
}

/// `substring(text SIMILAR pattern ESCAPE escape)`, which is `substring(text, pattern, escape)`.
fn substring_similar(parser: &mut Parser<'_>) -> Result<Expr, ParserError> {
    let precedence = BASE.prec_value(Precedence::Like);
    let expr = parser.parse_subexpr(precedence)?;
    parser.expect_keyword_is(Keyword::SIMILAR)?;
    let pattern = parser.parse_subexpr(precedence)?;
    parser.expect_keyword_is(Keyword::ESCAPE)?;
    let escape = parser.parse_expr()?;
    parser.expect_token(&Token::RParen)?;
    Ok(Expr::Substring {
        expr: Box::new(expr),
        substring_from: Some(Box::new(pattern)),
        substring_for: Some(Box::new(escape)),
        special: false,
        shorthand: false,
    })
}

/// A list in parentheses, which may be empty.
fn list<'a, T>(
    parser: &mut Parser<'a>,
    element: impl FnMut(&mut Parser<'a>) -> Result<T, ParserError>,
) -> Result<Vec<T>, ParserError> {
    parser.expect_token(&Token::LParen)?;
    if parser.consume_token(&Token::RParen) {
        return Ok(Vec::new());
    }
    let elements = parser.parse_comma_separated(element)?;
    parser.expect_token(&Token::RParen)?;
    Ok(elements)
}

fn grouping_element(parser: &mut Parser<'_>) -> Result<Vec<Expr>, ParserError> {
    Ok(match parser.parse_expr()? {
        Expr::Tuple(elements) => elements,
        Expr::Nested(inner) => vec![*inner],
        element => vec![element],
    })
}

/// What AND or OR connects, which may be much: a tree of little depth. Both are associative.
fn chain(
    parser: &mut Parser<'_>,
    first: &Expr,
    keyword: Keyword,
    op: &BinaryOperator,
) -> Result<Expr, ParserError> {
    let precedence = BASE.prec_value(if keyword == Keyword::AND { Precedence::And } else { Precedence::Or });
    let mut operands = vec![first.clone()];
    while parser.parse_keyword(keyword) {
        if let Token::Word(word) = &parser.peek_token_ref().token
            && word.quote_style.is_none()
            && matches!(word.keyword, Keyword::ANY | Keyword::ALL | Keyword::SOME)
        {
            return parser.expected_ref("an expression", parser.peek_token_ref());
        }
        operands.push(parser.parse_subexpr(precedence)?);
    }
    Ok(balanced(operands, op))
}

fn balanced(mut operands: Vec<Expr>, op: &BinaryOperator) -> Expr {
    while operands.len() > 1 {
        let mut pairs = Vec::with_capacity(operands.len().div_ceil(2));
        let mut rest = operands.into_iter();
        while let Some(left) = rest.next() {
            pairs.push(match rest.next() {
                Some(right) => {
                    Expr::BinaryOp { left: Box::new(left), op: op.clone(), right: Box::new(right) }
                }
                None => left,
            });
        }
        operands = pairs;
    }
    operands.pop().unwrap_or_else(|| Expr::Tuple(Vec::new()))
}

/// BETWEEN SYMMETRIC is BETWEEN with either order of the bounds, as PostgreSQL rewrites it.
fn between(
    parser: &mut Parser<'_>,
    expr: &Expr,
    negated: bool,
    symmetric: bool,
) -> Result<Expr, ParserError> {
    let precedence = BASE.prec_value(Precedence::Between);
    let low = parser.parse_subexpr(precedence)?;
    parser.expect_keyword_is(Keyword::AND)?;
    let high = parser.parse_subexpr(precedence)?;
    let test = |low: &Expr, high: &Expr| Expr::Between {
        expr: Box::new(expr.clone()),
        negated,
        low: Box::new(low.clone()),
        high: Box::new(high.clone()),
    };
    let first = test(&low, &high);
    if !symmetric {
        return Ok(first);
    }
    let op = if negated { BinaryOperator::And } else { BinaryOperator::Or };
    let both = Expr::BinaryOp { left: Box::new(first), op, right: Box::new(test(&high, &low)) };
    Ok(Expr::Nested(Box::new(both)))
}

fn like_quantified(
    parser: &mut Parser<'_>,
    expr: &Expr,
    compare_op: BinaryOperator,
    all: bool,
) -> Result<Expr, ParserError> {
    let left = Box::new(expr.clone());
    let right = Box::new(parser.parse_subexpr(BASE.prec_value(Precedence::Like))?);
    Ok(if all {
        Expr::AllOp { left, compare_op, right }
    } else {
        Expr::AnyOp { left, compare_op, right, is_some: false }
    })
}
