//! Conditions: expressions in CEL (the Common Expression Language) that say whether a rule fires. Everything that can be
//! known is checked when a condition is made: it compiles, its fields exist, its types fit, it comes to true or false, and
//! no evaluation of it can run long. What is left for run time, such as a division by zero, is a fault: the rule does not
//! fire then.
//!
//! Of CEL there are: `&& || ! ?:`, comparisons, `in`, `+ - * / %` of whole numbers, lists, `size`, `contains`,
//! `startsWith`, `endsWith`, and over lists `all`, `exists`, `exists_one`. There are no fractions: amounts are in minor
//! units.

use std::fmt;
use std::sync::{Arc, LazyLock};

use cel::common::ast::{ComprehensionExpr, Expr, IdedExpr, LiteralValue, SourceInfo};
use cel::common::types::{CelBool, CelInt, CelList, CelString};
use cel::common::value::{CowVal, Val};
use cel::context::VariableResolver;
use cel::parser::Parser;
use cel::{Context, Env, Value};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use thiserror::Error;

use super::facts::{Fact, Facts, ROOTS, Sort, of_line, sort};
use super::purchase::PurchaseLine;
use super::tenure;

/// The longest condition, in bytes.
pub const MAX_LENGTH: usize = 1_000;
/// The most parts that a condition may have: operators, calls, fields and values.
pub const MAX_NODES: usize = 100;
/// How deep they may be nested.
pub const MAX_DEPTH: usize = 24;

/// A condition that was checked.
#[derive(Clone)]
pub struct Condition(Arc<Compiled>);

struct Compiled {
    source: String,
    expression: IdedExpr,
    nodes: usize,
    of_lines: bool,
    of_orders: bool,
    of_customers: bool,
    of_tenure: bool,
}

/// Why a text is no condition. Positions are bytes from the beginning of the text, from 0.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ConditionError {
    /// It is not CEL, or not the part of it that is allowed here.
    #[error("at {position}: {cause}")]
    Compile {
        /// Where.
        position: u32,
        /// What is wrong.
        cause: String,
    },
    /// It names a field that does not exist.
    #[error("at {position}: there is no field {field}")]
    Unknown {
        /// Where.
        position: u32,
        /// The field.
        field: String,
    },
    /// It comes to something else than true or false.
    #[error("the condition comes to {0}, not to true or false")]
    NotBool(&'static str),
    /// It divides by a zero that is written there.
    #[error("at {position}: division by zero")]
    DividesByZero {
        /// Where.
        position: u32,
    },
    /// It could run long.
    #[error("{0}")]
    Costly(String),
}

impl ConditionError {
    /// The rule of the field that is broken.
    pub fn rule(&self) -> &'static str {
        match self {
            Self::Compile { .. } => "RULE_DOES_NOT_COMPILE",
            Self::Unknown { .. } => "RULE_FIELD_UNKNOWN",
            Self::NotBool(_) => "RULE_NOT_BOOL",
            Self::DividesByZero { .. } => "RULE_DIVIDES_BY_ZERO",
            Self::Costly(_) => "RULE_TOO_COSTLY",
        }
    }
}

/// What went wrong at run time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fault {
    /// A division by zero.
    DivisionByZero,
    /// A number left 64 bits.
    Overflow,
    /// Anything else.
    Other,
}

static ENV: LazyLock<Arc<Env>> = LazyLock::new(|| Arc::new(Env::stdlib()));

impl Condition {
    /// Checks and compiles a condition.
    ///
    /// # Errors
    /// [`ConditionError`], the first thing that is wrong.
    pub fn compile(source: &str) -> Result<Self, ConditionError> {
        if source.len() > MAX_LENGTH {
            return Err(ConditionError::Costly(format!("the condition is longer than {MAX_LENGTH} bytes")));
        }
        too_deep(source)?;
        let parsed = Parser::new().parse_with_source_info(source);
        let (expression, info) = parsed.map_err(|errors| {
            let first = errors.errors.first();
            let position = first.map_or(0, |error| offset(source, error.pos));
            let cause = first.map_or_else(|| "it does not parse".to_owned(), |error| error.msg.clone());
            ConditionError::Compile { position, cause }
        })?;
        let mut check = Check::new(&info);
        let comes_to = check.walk(&expression, 0)?;
        if comes_to != Type::Bool {
            return Err(ConditionError::NotBool(comes_to.as_str()));
        }
        if check.of_lines && check.of_long_lists {
            let message = "the condition goes through all lines of the order for each line of it";
            return Err(ConditionError::Costly(message.to_owned()));
        }
        let Check { nodes, of_lines, of_orders, of_customers, of_tenure, .. } = check;
        let source = source.to_owned();
        Ok(Self(Arc::new(Compiled { source, expression, nodes, of_lines, of_orders, of_customers, of_tenure })))
    }

    /// Its text.
    pub fn source(&self) -> &str {
        &self.0.source
    }

    /// Whether it selects lines; otherwise it decides for the whole order.
    pub fn is_of_lines(&self) -> bool {
        self.0.of_lines
    }

    /// Whether it asks about an order or its lines.
    pub fn is_of_orders(&self) -> bool {
        self.0.of_orders
    }

    /// Whether it asks what the customer service told of the customer.
    pub fn is_of_customers(&self) -> bool {
        self.0.of_customers
    }

    /// Whether it asks for the member's tenure or orders, which must be loaded then.
    pub fn is_of_tenure(&self) -> bool {
        self.0.of_tenure
    }

    /// Its parts: what one evaluation costs.
    pub fn nodes(&self) -> usize {
        self.0.nodes
    }

    /// Whether it holds for the order as a whole.
    ///
    /// # Errors
    /// [`Fault`] where it comes to nothing.
    pub fn holds(&self, facts: &Facts<'_>) -> Result<bool, Fault> {
        self.evaluate(&Known { facts, line: None })
    }

    /// Whether it holds for a line whose goods cost `value_minor` in the end.
    ///
    /// # Errors
    /// [`Fault`] where it comes to nothing.
    pub fn holds_for(&self, facts: &Facts<'_>, line: &PurchaseLine, value_minor: i64) -> Result<bool, Fault> {
        self.evaluate(&Known { facts, line: Some((line, value_minor)) })
    }

    fn evaluate(&self, known: &Known<'_>) -> Result<bool, Fault> {
        let mut context = Context::with_env(Arc::clone(&ENV));
        context.set_variable_resolver(known);
        let value = Value::resolve_val(&self.0.expression, &context).map_err(|error| match error {
            cel::ExecutionError::DivisionByZero(_) | cel::ExecutionError::RemainderByZero(_) => Fault::DivisionByZero,
            cel::ExecutionError::Overflow(..) => Fault::Overflow,
            _ => Fault::Other,
        })?;
        value.downcast_ref::<CelBool>().map(|holds| *holds.inner()).ok_or(Fault::Other)
    }
}

impl PartialEq for Condition {
    fn eq(&self, other: &Self) -> bool {
        self.0.source == other.0.source
    }
}

impl Eq for Condition {}

impl fmt::Debug for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Condition({:?})", self.0.source)
    }
}

impl Serialize for Condition {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0.source)
    }
}

impl<'de> Deserialize<'de> for Condition {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::compile(&String::deserialize(deserializer)?).map_err(D::Error::custom)
    }
}

/// What an evaluation can ask. Values are made when they are asked for, and texts are not copied.
#[derive(Debug)]
struct Known<'a> {
    facts: &'a Facts<'a>,
    line: Option<(&'a PurchaseLine, i64)>,
}

impl VariableResolver for Known<'_> {
    fn resolve<'b>(&'b self, variable: &str) -> Option<CowVal<'b, 'b>> {
        let of_line = || self.line.and_then(|(line, value_minor)| of_line(line, value_minor, variable));
        Some(match self.facts.read(variable).or_else(of_line)? {
            Fact::Bool(value) => CowVal::owned(CelBool::from(value)),
            Fact::Int(value) => CowVal::owned(CelInt::from(value)),
            Fact::Text(value) => CowVal::owned(CelString::from(value)),
            Fact::Made(value) => CowVal::owned(CelString::from(value)),
            Fact::Texts(values) => {
                let boxed = |value: &'b str| -> Box<dyn Val + 'b> { Box::new(CelString::from(value)) };
                CowVal::owned(CelList::from(values.into_iter().map(boxed).collect::<Vec<_>>()))
            }
        })
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Type {
    Bool,
    Int,
    Text,
    Texts,
    Ints,
}

impl Type {
    fn as_str(self) -> &'static str {
        match self {
            Self::Bool => "true or false",
            Self::Int => "a whole number",
            Self::Text => "a text",
            Self::Texts => "a list of texts",
            Self::Ints => "a list of whole numbers",
        }
    }

    fn element(self) -> Option<Self> {
        match self {
            Self::Texts => Some(Self::Text),
            Self::Ints => Some(Self::Int),
            _ => None,
        }
    }
}

/// A walk through an expression that finds the type of each of its parts.
struct Check<'a> {
    info: &'a SourceInfo,
    nodes: usize,
    of_lines: bool,
    of_orders: bool,
    of_customers: bool,
    of_long_lists: bool,
    of_tenure: bool,
    /// Variables of the `all`, `exists` or `exists_one` that is walked through.
    scopes: Vec<(String, Type)>,
}

impl<'a> Check<'a> {
    fn new(info: &'a SourceInfo) -> Self {
        Self {
            info,
            nodes: 0,
            of_lines: false,
            of_orders: false,
            of_customers: false,
            of_long_lists: false,
            of_tenure: false,
            scopes: Vec::new(),
        }
    }
}

impl Check<'_> {
    fn at(&self, expression: &IdedExpr) -> u32 {
        self.info.offset_for(expression.id).map_or(0, |(from, _)| from)
    }

    fn wrong<T>(&self, expression: &IdedExpr, cause: impl Into<String>) -> Result<T, ConditionError> {
        Err(ConditionError::Compile { position: self.at(expression), cause: cause.into() })
    }

    fn walk(&mut self, expression: &IdedExpr, depth: usize) -> Result<Type, ConditionError> {
        self.nodes += 1;
        if self.nodes > MAX_NODES {
            return Err(ConditionError::Costly(format!("the condition has more than {MAX_NODES} parts")));
        }
        if depth > MAX_DEPTH {
            return Err(ConditionError::Costly(format!("the condition is nested more than {MAX_DEPTH} deep")));
        }
        match &expression.expr {
            Expr::Literal(literal) => match literal {
                LiteralValue::Boolean(_) => Ok(Type::Bool),
                LiteralValue::Int(_) => Ok(Type::Int),
                LiteralValue::String(_) => Ok(Type::Text),
                LiteralValue::Double(_) => self.wrong(expression, "there are no fractions: amounts are in minor units"),
                LiteralValue::UInt(_) | LiteralValue::Bytes(_) | LiteralValue::Null => {
                    self.wrong(expression, "only texts, whole numbers, true and false can be written")
                }
            },
            Expr::Ident(name) => match self.scopes.iter().rev().find(|(scoped, _)| scoped == name) {
                Some((_, of)) => Ok(*of),
                None if ROOTS.contains(&name.as_str()) => self.wrong(expression, format!("{name} needs a field")),
                None => Err(ConditionError::Unknown { position: self.at(expression), field: name.clone() }),
            },
            Expr::Select(select) => {
                if select.test {
                    return self.wrong(expression, "every field is there: what is absent is empty or 0");
                }
                let Expr::Ident(root) = &select.operand.expr else {
                    return self.wrong(expression, format!("what stands before .{} has no fields", select.field));
                };
                let field = format!("{root}.{}", select.field);
                let of = match sort(&field) {
                    Some(Sort::Bool) => Type::Bool,
                    Some(Sort::Int) => Type::Int,
                    Some(Sort::Text) => Type::Text,
                    Some(Sort::Texts | Sort::LineTexts) => Type::Texts,
                    None => return Err(ConditionError::Unknown { position: self.at(expression), field }),
                };
                self.of_lines |= root == "line";
                self.of_orders |= root == "line" || root == "order";
                self.of_customers |= root == "customer" && select.field != "name";
                self.of_tenure |= tenure::FIELDS.contains(&field.as_str());
                self.of_long_lists |= sort(&field) == Some(Sort::LineTexts);
                Ok(of)
            }
            Expr::List(list) => {
                let mut of = None;
                for element in &list.elements {
                    let element_type = self.walk(element, depth + 1)?;
                    if *of.get_or_insert(element_type) != element_type {
                        return self.wrong(element, "the elements of a list are of one type");
                    }
                }
                match of {
                    Some(Type::Text) => Ok(Type::Texts),
                    Some(Type::Int) => Ok(Type::Ints),
                    Some(_) => self.wrong(expression, "a list holds texts or whole numbers"),
                    None => self.wrong(expression, "the list is empty"),
                }
            }
            Expr::Call(call) => {
                let mut given = Vec::with_capacity(call.args.len() + 1);
                for argument in call.target.as_deref().into_iter().chain(&call.args) {
                    given.push(self.walk(argument, depth + 1)?);
                }
                let name = call.func_name.as_str();
                let zero = |at: &IdedExpr| matches!(&at.expr, Expr::Literal(LiteralValue::Int(i)) if *i.inner() == 0);
                if matches!(name, "_/_" | "_%_") && call.args.get(1).is_some_and(zero) {
                    return Err(ConditionError::DividesByZero { position: self.at(expression) });
                }
                match comes_to(name, call.target.is_some(), &given) {
                    Some(of) => Ok(of),
                    None => {
                        let given: Vec<_> = given.iter().map(|of| of.as_str()).collect();
                        let name = name.trim_matches('_');
                        self.wrong(expression, format!("{name} does not take ({})", given.join(", ")))
                    }
                }
            }
            Expr::Comprehension(each) => self.each(expression, each, depth),
            Expr::Map(_) | Expr::Struct(_) => self.wrong(expression, "there are no maps and no messages"),
            Expr::Unspecified => self.wrong(expression, "something is missing"),
        }
    }

    fn each(&mut self, expression: &IdedExpr, each: &ComprehensionExpr, depth: usize) -> Result<Type, ConditionError> {
        if !self.scopes.is_empty() {
            let message = "one all, exists or exists_one stands inside another";
            return Err(ConditionError::Costly(message.to_owned()));
        }
        let Some(element) = self.walk(&each.iter_range, depth + 1)?.element() else {
            return self.wrong(expression, "all, exists and exists_one go through a list");
        };
        if ROOTS.contains(&each.iter_var.as_str()) || each.iter_var2.is_some() {
            return self.wrong(expression, format!("{} cannot be the name of an element", each.iter_var));
        }
        let kept = self.walk(&each.accu_init, depth + 1);
        let Ok(kept @ (Type::Bool | Type::Int)) = kept else {
            return self.wrong(expression, "of the macros there are all, exists and exists_one");
        };
        self.scopes.extend([(each.accu_var.clone(), kept), (each.iter_var.clone(), element)]);
        let step = self.walk(&each.loop_step, depth + 1)?;
        self.walk(&each.loop_cond, depth + 1)?;
        let result = self.walk(&each.result, depth + 1)?;
        self.scopes.clear();
        if step == kept { Ok(result) } else { self.wrong(expression, "what is asked of an element is true or false") }
    }
}

/// What an operator or function comes to; `None` where it does not take these.
fn comes_to(name: &str, method: bool, given: &[Type]) -> Option<Type> {
    use Type::{Bool, Int, Text};
    match (name, given) {
        ("_&&_" | "_||_", [Bool, Bool]) | ("!_" | "@not_strictly_false", [Bool]) => Some(Bool),
        ("_==_" | "_!=_", [left, right]) if left == right => Some(Bool),
        ("_<_" | "_<=_" | "_>_" | "_>=_", [Int, Int] | [Text, Text]) => Some(Bool),
        ("_+_" | "_-_" | "_*_" | "_/_" | "_%_", [Int, Int]) | ("-_", [Int]) => Some(Int),
        ("_?_:_", [Bool, left, right]) if left == right => Some(*left),
        ("@in", [element, list]) if list.element() == Some(*element) => Some(Bool),
        ("size", [of]) if *of == Text || of.element().is_some() => Some(Int),
        ("contains" | "startsWith" | "endsWith", [Text, Text]) if method => Some(Bool),
        _ => None,
    }
}

/// Refuses what is nested so deep that parsing it would take a deep stack.
fn too_deep(source: &str) -> Result<(), ConditionError> {
    let (mut depth, mut run) = (0_usize, 0_usize);
    for c in source.chars() {
        match c {
            '(' | '[' | '{' => depth += 1,
            ')' | ']' | '}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        run = if matches!(c, '!' | '-') { run + 1 } else { 0 };
        if depth > MAX_DEPTH || run > MAX_DEPTH {
            return Err(ConditionError::Costly(format!("the condition is nested more than {MAX_DEPTH} deep")));
        }
    }
    let nested = source.matches('?').count();
    if nested > MAX_DEPTH {
        return Err(ConditionError::Costly(format!("the condition has more than {MAX_DEPTH} choices")));
    }
    Ok(())
}

/// The byte at which a line (from 1) and column (from 0) stand.
fn offset(source: &str, (line, column): (isize, isize)) -> u32 {
    let line = usize::try_from(line).unwrap_or(1).max(1) - 1;
    let before: usize = source.split_inclusive('\n').take(line).map(str::len).sum();
    let at = (before + usize::try_from(column).unwrap_or(0)).min(source.len());
    u32::try_from(at).unwrap_or(u32::MAX)
}
