//! Values of elements by the names of their attributes.

use super::attribute::{Attribute, unsound};
use super::element::{Elements, Value};

impl Elements {
    /// A text without the spaces around it; `None` if it is absent or empty.
    pub fn text(&self, attribute: Attribute) -> Option<String> {
        let Some(Value::Bytes(bytes)) = self.get(attribute) else { return None };
        let text = String::from_utf8_lossy(bytes);
        let text = text.trim_matches([' ', '\0']);
        (!text.is_empty()).then(|| text.to_owned())
    }

    /// A whole number of 16 bits.
    ///
    /// # Errors
    /// In words, the file not named: if it is there and no such number.
    pub fn short(&self, attribute: Attribute) -> Result<Option<u16>, String> {
        match self.get(attribute) {
            None => Ok(None),
            Some(Value::Bytes(bytes)) if bytes.is_empty() => Ok(None),
            Some(Value::Bytes(bytes)) => match (bytes[..].try_into(), self.big_endian) {
                (Ok(bytes), false) => Ok(Some(u16::from_le_bytes(bytes))),
                (Ok(bytes), true) => Ok(Some(u16::from_be_bytes(bytes))),
                (Err(_), _) => Err(unsound(attribute, "is no number of 16 bits")),
            },
            Some(_) => Err(unsound(attribute, "is no number of 16 bits")),
        }
    }

    /// The same of one that must be there.
    ///
    /// # Errors
    /// In words, the file not named: if it is absent or no such number.
    pub fn needed(&self, attribute: Attribute) -> Result<u16, String> {
        self.short(attribute)?.ok_or_else(|| format!("lacks {}; restore it, or save it again", attribute.name))
    }

    /// Decimal numbers as text, as many as there are; `None` if absent or empty.
    ///
    /// # Errors
    /// In words, the file not named: if one is no finite number.
    pub fn decimals(&self, attribute: Attribute) -> Result<Option<Vec<f64>>, String> {
        let Some(text) = self.text(attribute) else { return Ok(None) };
        let number = |text: &str| text.trim().parse().ok().filter(|number: &f64| number.is_finite());
        let numbers: Option<Vec<f64>> = text.split('\\').map(number).collect();
        numbers.map(Some).ok_or_else(|| unsound(attribute, &format!("is {text:?}, not numbers")))
    }

    /// So many of them.
    ///
    /// # Errors
    /// In words, the file not named: if there are more or fewer, or one is no finite number.
    pub fn exactly<const N: usize>(&self, attribute: Attribute) -> Result<Option<[f64; N]>, String> {
        let Some(numbers) = self.decimals(attribute)? else { return Ok(None) };
        let count = numbers.len();
        let numbers = numbers.try_into().map_err(|_| unsound(attribute, &format!("has {count} numbers instead of {N}")))?;
        Ok(Some(numbers))
    }

    /// The items of a sequence, none if it is absent.
    pub fn items(&self, attribute: Attribute) -> &[Self] {
        match self.get(attribute) {
            Some(Value::Items(items)) => items,
            _ => &[],
        }
    }
}
