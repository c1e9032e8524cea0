//! Arithmetic.

use bole_sql_types::arithmetic::{self, Operator};
use bole_sql_types::numeric::accumulator::{Accumulator, FloatAccumulator, Of};
use bole_sql_types::numeric::{Numeric, operators};
use bole_sql_types::text::float;
use bole_sql_types::{Result, Type};

use crate::{check, style, type_named};

fn operator(name: &str) -> Operator {
    match name {
        "add" => Operator::Add,
        "subtract" => Operator::Subtract,
        "multiply" => Operator::Multiply,
        "divide" => Operator::Divide,
        _ => Operator::Remainder,
    }
}

fn float_text(ty: Type, value: f64) -> String {
    let mut out = Vec::new();
    float::write(value, ty, style().extra_float_digits, &mut out);
    String::from_utf8(out).unwrap()
}

/// Functions of numbers that give numbers.
fn numeric(call: &str, a: &[String]) -> Option<Result<String>> {
    let number = |at: usize| Numeric::parse(&a[at]);
    let one =
        |function: &dyn Fn(Numeric) -> Result<Numeric>| number(0).and_then(function).map(|n| n.to_string());
    let two = |function: &dyn Fn(&Numeric, &Numeric) -> Result<Numeric>| {
        number(0).and_then(|x| function(&x, &number(1)?)).map(|n| n.to_string())
    };
    let digits = || a[1].parse::<i32>().unwrap();
    Some(match call {
        "add" => operators::add(&a[0], &a[1]),
        "subtract" => operators::subtract(&a[0], &a[1]),
        "multiply" => operators::multiply(&a[0], &a[1]),
        "divide" => operators::divide(&a[0], &a[1]),
        "remainder" => operators::remainder(&a[0], &a[1]),
        "power" => operators::power(&a[0], &a[1]),
        "negate" => operators::negate(&a[0]),
        "abs" => operators::absolute(&a[0]),
        "div_whole" => two(&Numeric::divide_whole),
        "sqrt" => one(&|n| n.square_root()),
        "exp" => one(&|n| n.exponential()),
        "ln" => one(&|n| n.natural_logarithm()),
        "log" => one(&|n| Numeric::logarithm(&Numeric::parse("10")?, &n)),
        "log2" => two(&Numeric::logarithm),
        "ceil" => one(&|n| Ok(n.ceiling())),
        "floor" => one(&|n| Ok(n.floor())),
        "sign" => one(&|n| Ok(n.sign())),
        "trim_scale" => one(&|n| Ok(n.trimmed())),
        "round" => one(&|n| n.round(digits())),
        "trunc" => one(&|n| Ok(n.truncate(digits()))),
        "gcd" => two(&|x, y| Ok(x.greatest_common_divisor(y))),
        "lcm" => two(&Numeric::least_common_multiple),
        "factorial" => Numeric::factorial(a[0].parse().unwrap()).map(|n| n.to_string()),
        "from_f64" => Ok(Numeric::from_f64(float::parse_f64(&a[0]).unwrap()).to_string()),
        "from_f32" => Ok(Numeric::from_f32(float::parse_f32(&a[0]).unwrap()).to_string()),
        "to_f64" => number(0).and_then(|n| n.to_f64()).map(|value| float_text(Type::FLOAT8, value)),
        "to_f32" => number(0).and_then(|n| n.to_f32()).map(|value| float_text(Type::FLOAT4, value.into())),
        "to_integer" => {
            Numeric::parse(&a[1]).and_then(|n| n.to_integer(type_named(&a[0]))).map(|n| n.to_string())
        }
        _ => return None,
    })
}

fn integers(call: &str, a: &[String]) -> Option<Result<String>> {
    let int = |at: usize| a[at].parse::<i64>().unwrap();
    let ty = || type_named(&a[0]);
    // PostgreSQL has these of integers and bigints only.
    let wide = || if ty() == Type::INT2 { Type::INT4 } else { ty() };
    let result = match call {
        "integers" => arithmetic::integers(operator(&a[0]), type_named(&a[1]), int(2), int(3)),
        "negate_int" => arithmetic::negate(ty(), int(1)),
        "abs_int" => arithmetic::absolute(ty(), int(1)),
        "shl" => Ok(arithmetic::shift_left(ty(), int(1), int(2))),
        "shr" => Ok(arithmetic::shift_right(ty(), int(1), int(2))),
        "gcd_int" => arithmetic::greatest_common_divisor(wide(), int(1), int(2)),
        "lcm_int" => arithmetic::least_common_multiple(wide(), int(1), int(2)),
        "float_to_integer" => arithmetic::float_to_integer(ty(), float::parse_f64(&a[1]).unwrap()),
        _ => return None,
    };
    Some(result.map(|value| value.to_string()))
}

fn floats(call: &str, a: &[String]) -> Result<String> {
    let float = |at: usize| float::parse_f64(&a[at]).unwrap();
    let mut ty = Type::FLOAT8;
    let result = match call {
        "floats" => {
            ty = type_named(&a[1]);
            let read = |at: usize| {
                if ty == Type::FLOAT4 { float::parse_f32(&a[at]).unwrap().into() } else { float(at) }
            };
            arithmetic::floats(operator(&a[0]), ty, read(2), read(3))
        }
        "power_float" => arithmetic::power(float(0), float(1)),
        "sqrt_float" => arithmetic::square_root(float(0)),
        "exp_float" => arithmetic::exponential(float(0)),
        "ln_float" => arithmetic::natural_logarithm(float(0)),
        "log_float" => arithmetic::logarithm(float(0)),
        "to_single" => {
            ty = Type::FLOAT4;
            arithmetic::to_single(float(0))
        }
        _ => panic!("{call}"),
    };
    result.map(|value| float_text(ty, value))
}

fn aggregates(call: &str, a: &[String]) -> Option<Result<Option<String>>> {
    let values = || a[1].split(' ').filter(|value| !value.is_empty());
    if call == "aggregate_float" {
        let mut sums = FloatAccumulator::default();
        let added = values().try_for_each(|value| sums.add(float::parse_f64(value).unwrap()));
        let result = match &*a[0] {
            "avg" => sums.average(),
            "var_samp" => sums.variance(Of::Sample),
            "var_pop" => sums.variance(Of::Population),
            "stddev_samp" => sums.standard_deviation(Of::Sample),
            _ => sums.standard_deviation(Of::Population),
        };
        return Some(added.map(|()| result.map(|value| float_text(Type::FLOAT8, value))));
    }
    let squares = !matches!(&*a[0], "sum" | "avg");
    let mut sums = if squares { Accumulator::with_squares() } else { Accumulator::default() };
    // What comes and goes leaves no trace.
    let added = match call {
        "aggregate" => ["1.234567", "NaN"]
            .iter()
            .try_for_each(|value| {
                sums.add(value)?;
                sums.remove(value)
            })
            .and_then(|()| values().try_for_each(|value| sums.add(value))),
        "aggregate_int" => {
            sums.add_integer(i64::MAX);
            sums.remove_integer(i64::MAX);
            values().for_each(|value| sums.add_integer(value.parse().unwrap()));
            Ok(())
        }
        _ => return None,
    };
    Some(added.and_then(|()| match &*a[0] {
        "sum" => sums.sum(),
        "avg" => sums.average(),
        "var_samp" => Ok(sums.variance(Of::Sample)),
        "var_pop" => Ok(sums.variance(Of::Population)),
        "stddev_samp" => Ok(sums.standard_deviation(Of::Sample)),
        _ => Ok(sums.standard_deviation(Of::Population)),
    }))
}

#[test]
fn arithmetic_of_all_numbers() {
    check(include_str!("numbers.txt"), 4_000, |call, arguments| {
        if let Some(result) = aggregates(call, arguments) {
            return result;
        }
        let result = numeric(call, arguments).or_else(|| integers(call, arguments));
        let result = result.unwrap_or_else(|| floats(call, arguments));
        result.map(Some)
    });
}
