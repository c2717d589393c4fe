//! What goes into a statement.

use rusqlite::types::{ToSqlOutput, ValueRef};

/// A parameter of a statement.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Value<'v> {
    Null,
    Integer(i64),
    /// A number that no home can keep. It is refused.
    TooLarge(u64),
    Real(f64),
    Text(&'v str),
    Bytes(&'v [u8]),
}

/// The same, where it is kept.
#[derive(Debug)]
pub(crate) enum OwnedValue {
    Null,
    Integer(i64),
    Real(f64),
    Text(String),
    Bytes(Vec<u8>),
}

impl ToValue for OwnedValue {
    fn to_value(&self) -> Value<'_> {
        match self {
            Self::Null => Value::Null,
            Self::Integer(number) => Value::Integer(*number),
            Self::Real(number) => Value::Real(*number),
            Self::Text(text) => Value::Text(text),
            Self::Bytes(bytes) => Value::Bytes(bytes),
        }
    }
}

/// What can be a parameter.
pub(crate) trait ToValue {
    fn to_value(&self) -> Value<'_>;
}

impl ToValue for Value<'_> {
    fn to_value(&self) -> Value<'_> {
        *self
    }
}

impl ToValue for i64 {
    fn to_value(&self) -> Value<'_> {
        Value::Integer(*self)
    }
}

impl ToValue for u64 {
    fn to_value(&self) -> Value<'_> {
        i64::try_from(*self).map_or(Value::TooLarge(*self), Value::Integer)
    }
}

impl ToValue for usize {
    fn to_value(&self) -> Value<'_> {
        i64::try_from(*self).map_or(Value::TooLarge(*self as u64), Value::Integer)
    }
}

impl ToValue for u32 {
    fn to_value(&self) -> Value<'_> {
        Value::Integer((*self).into())
    }
}

impl ToValue for u8 {
    fn to_value(&self) -> Value<'_> {
        Value::Integer((*self).into())
    }
}

impl ToValue for i32 {
    fn to_value(&self) -> Value<'_> {
        Value::Integer((*self).into())
    }
}

impl ToValue for bool {
    fn to_value(&self) -> Value<'_> {
        Value::Integer((*self).into())
    }
}

impl ToValue for f64 {
    fn to_value(&self) -> Value<'_> {
        Value::Real(*self)
    }
}

impl ToValue for str {
    fn to_value(&self) -> Value<'_> {
        Value::Text(self)
    }
}

impl ToValue for String {
    fn to_value(&self) -> Value<'_> {
        Value::Text(self)
    }
}

impl ToValue for Vec<u8> {
    fn to_value(&self) -> Value<'_> {
        Value::Bytes(self)
    }
}

impl<T: ToValue> ToValue for Option<T> {
    fn to_value(&self) -> Value<'_> {
        self.as_ref().map_or(Value::Null, ToValue::to_value)
    }
}

impl<T: ToValue + ?Sized> ToValue for &T {
    fn to_value(&self) -> Value<'_> {
        (**self).to_value()
    }
}

/// The parameters of a statement, of different types.
macro_rules! params {
    ($($value:expr),* $(,)?) => { [$($crate::home::ToValue::to_value(&$value)),*] };
}
pub(crate) use params;

/// All parameters of a statement.
pub(crate) trait Params {
    fn with<T>(self, work: impl FnOnce(&[Value<'_>]) -> T) -> T;
}

impl<P: ToValue> Params for &[P] {
    fn with<T>(self, work: impl FnOnce(&[Value<'_>]) -> T) -> T {
        work(&self.iter().map(ToValue::to_value).collect::<Vec<_>>())
    }
}

impl Params for [Value<'static>; 0] {
    fn with<T>(self, work: impl FnOnce(&[Value<'_>]) -> T) -> T {
        work(&[])
    }
}

/// Not for every number of them: what `[]` holds could be anything then.
macro_rules! arrays {
    ($($size:literal)*) => { $(
        impl<P: ToValue> Params for [P; $size] {
            fn with<T>(self, work: impl FnOnce(&[Value<'_>]) -> T) -> T {
                work(&self.each_ref().map(ToValue::to_value))
            }
        }
    )* };
}
arrays!(1 2 3 4 5 6 7 8 9 10 11 12);

impl rusqlite::ToSql for Value<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match *self {
            Self::Null => ValueRef::Null,
            Self::Integer(number) => ValueRef::Integer(number),
            Self::TooLarge(number) => {
                let error = format!("{number} is more than the ledger can keep");
                return Err(rusqlite::Error::ToSqlConversionFailure(error.into()));
            }
            Self::Real(number) => ValueRef::Real(number),
            Self::Text(text) => ValueRef::Text(text.as_bytes()),
            Self::Bytes(bytes) => ValueRef::Blob(bytes),
        }))
    }
}
