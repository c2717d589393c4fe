//! Values as PostgreSQL sends and takes them.

use std::error::Error;

use bytes::BytesMut;
use tokio_postgres::types::{FromSql, IsNull, ToSql, Type, to_sql_checked};

use crate::home::value::Value;

/// What PostgreSQL holds in a column.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Cell<'c> {
    Null,
    Integer(i64),
    Real(f64),
    Text(&'c str),
    Bytes(&'c [u8]),
}

impl<'c> FromSql<'c> for Cell<'c> {
    fn from_sql(kind: &Type, raw: &'c [u8]) -> Result<Self, Box<dyn Error + Sync + Send>> {
        Ok(match *kind {
            Type::INT8 => Self::Integer(i64::from_sql(kind, raw)?),
            Type::INT4 => Self::Integer(i32::from_sql(kind, raw)?.into()),
            Type::BOOL => Self::Integer(bool::from_sql(kind, raw)?.into()),
            Type::FLOAT8 => Self::Real(f64::from_sql(kind, raw)?),
            Type::BYTEA => Self::Bytes(raw),
            _ => Self::Text(<&str>::from_sql(kind, raw)?),
        })
    }

    fn from_sql_null(_: &Type) -> Result<Self, Box<dyn Error + Sync + Send>> {
        Ok(Self::Null)
    }

    fn accepts(kind: &Type) -> bool {
        matches!(*kind, Type::INT8 | Type::INT4 | Type::BOOL | Type::FLOAT8 | Type::BYTEA)
            || <&str as FromSql<'_>>::accepts(kind)
    }
}

impl ToSql for Value<'_> {
    fn to_sql(&self, kind: &Type, to: &mut BytesMut) -> Result<IsNull, Box<dyn Error + Sync + Send>> {
        match *self {
            Self::Null => Ok(IsNull::Yes),
            Self::Integer(number) => match *kind {
                Type::INT4 => i32::try_from(number)?.to_sql(kind, to),
                Type::BOOL => (number != 0).to_sql(kind, to),
                Type::FLOAT8 => (number as f64).to_sql(kind, to),
                _ => number.to_sql(kind, to),
            },
            Self::TooLarge(number) => Err(format!("{number} is more than the ledger can keep").into()),
            Self::Real(number) => number.to_sql(kind, to),
            // The only character that PostgreSQL keeps in no text.
            Self::Text(text) if text.contains('\0') => text.replace('\0', "\u{fffd}").to_sql(kind, to),
            Self::Text(text) => text.to_sql(kind, to),
            Self::Bytes(bytes) => bytes.to_sql(kind, to),
        }
    }

    fn accepts(_: &Type) -> bool {
        true
    }

    to_sql_checked!();
}
