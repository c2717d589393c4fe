//! A merged settings tree as a serde deserializer that keeps track of the path.

use std::vec;

use config::{Value, ValueKind};
use serde::Deserializer;
use serde::de::value::StringDeserializer;
use serde::de::{self, DeserializeSeed, IntoDeserializer, MapAccess, SeqAccess, Visitor};
use serde::forward_to_deserialize_any;

use super::error::SettingsError;

/// A value of the tree.
pub(super) struct Node(Value);

impl From<Value> for Node {
    fn from(value: Value) -> Self {
        Self(value)
    }
}

impl Node {
    /// The environment knows only text; where a number is wanted, it is read
    /// from that.
    fn environment_text(&self) -> Option<&str> {
        match &self.0.kind {
            ValueKind::String(text) if self.0.origin() == Some("the environment") => Some(text),
            _ => None,
        }
    }
}

macro_rules! from_environment_text {
    ($($type:ty, $visit:ident: $($method:ident)*);*) => {$($(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, SettingsError> {
            match self.environment_text().and_then(|text| text.parse::<$type>().ok()) {
                Some(value) => visitor.$visit(value),
                None => self.deserialize_any(visitor),
            }
        }
    )*)*};
}

impl<'de> Deserializer<'de> for Node {
    type Error = SettingsError;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, SettingsError> {
        let origin = self.0.origin().map(str::to_owned);
        let outcome = match self.0.kind {
            ValueKind::Nil => visitor.visit_unit(),
            ValueKind::Boolean(value) => visitor.visit_bool(value),
            ValueKind::I64(value) => visitor.visit_i64(value),
            ValueKind::I128(value) => visitor.visit_i128(value),
            ValueKind::U64(value) => visitor.visit_u64(value),
            ValueKind::U128(value) => visitor.visit_u128(value),
            ValueKind::Float(value) => visitor.visit_f64(value),
            ValueKind::String(value) => visitor.visit_string(value),
            ValueKind::Table(table) => visitor.visit_map(Entries {
                entries: table.into_iter().collect::<Vec<_>>().into_iter(),
                ahead: None,
            }),
            ValueKind::Array(items) => visitor.visit_seq(Items { items: items.into_iter().enumerate() }),
        };
        outcome.map_err(|error| error.found_in(origin.as_deref()))
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, SettingsError> {
        match self.0.kind {
            ValueKind::Nil => visitor.visit_none(),
            _ => visitor.visit_some(self),
        }
    }

    from_environment_text! {
        bool, visit_bool: deserialize_bool;
        i64, visit_i64: deserialize_i8 deserialize_i16 deserialize_i32 deserialize_i64;
        u64, visit_u64: deserialize_u8 deserialize_u16 deserialize_u32 deserialize_u64;
        f64, visit_f64: deserialize_f32 deserialize_f64
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        visitor: V,
    ) -> Result<V::Value, SettingsError> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _name: &'static str,
        _variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, SettingsError> {
        match self.0.kind {
            ValueKind::String(choice) => visitor.visit_enum(choice.into_deserializer()),
            _ => Err(de::Error::custom("one of several words is expected here")),
        }
    }

    forward_to_deserialize_any! {
        i128 u128 char str string bytes byte_buf
        unit unit_struct seq tuple tuple_struct map struct identifier ignored_any
    }
}

/// A table on its way into a struct.
struct Entries {
    entries: vec::IntoIter<(String, Value)>,
    /// The value whose key was just taken.
    ahead: Option<(String, Value)>,
}

impl<'de> MapAccess<'de> for Entries {
    type Error = SettingsError;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, SettingsError> {
        let Some((key, value)) = self.entries.next() else { return Ok(None) };
        let name: StringDeserializer<SettingsError> = key.clone().into_deserializer();
        let taken = seed.deserialize(name).map_err(|error| error.found_in(value.origin()))?;
        self.ahead = Some((key, value));
        Ok(Some(taken))
    }

    fn next_value_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<T::Value, SettingsError> {
        let Some((key, value)) = self.ahead.take() else {
            return Err(de::Error::custom("a value was asked for before its key"));
        };
        let origin = value.origin().map(str::to_owned);
        seed.deserialize(Node(value)).map_err(|error| error.under(&key, origin.as_deref()))
    }
}

/// An array on its way into a `Vec`.
struct Items {
    items: std::iter::Enumerate<vec::IntoIter<Value>>,
}

impl<'de> SeqAccess<'de> for Items {
    type Error = SettingsError;

    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, SettingsError> {
        let Some((index, value)) = self.items.next() else { return Ok(None) };
        let origin = value.origin().map(str::to_owned);
        // People count from one: "meter 2" is the second [[meter]].
        let place = (index + 1).to_string();
        seed.deserialize(Node(value)).map(Some).map_err(|error| error.under(&place, origin.as_deref()))
    }
}
