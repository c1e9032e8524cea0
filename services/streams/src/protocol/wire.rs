//! How each type looks on the wire, in the plain and in the flexible (KIP-482) form.

use bytes::Bytes;

use super::decoder::{DecodeError, Decoder, Problem};
use super::encoder::{EncodeError, Encoder};
use super::records::Records;
use super::text::Text;
use super::uuid::Uuid;

/// In which form a value is read or written.
#[derive(Debug, Clone, Copy)]
pub struct Form {
    /// The version of the whole message.
    pub version: i16,
    /// Compact lengths, and a tagged section after each structure.
    pub flexible: bool,
    /// Whether null is allowed here.
    pub nullable: bool,
    /// What is being read or written, for errors.
    pub place: &'static str,
}

impl Form {
    /// The form of a message in `version`, flexible or not.
    pub const fn new(version: i16, flexible: bool) -> Form {
        Form { version, flexible, nullable: false, place: "message" }
    }

    /// The same form for a field.
    #[must_use]
    pub const fn field(self, place: &'static str, nullable: bool) -> Form {
        Form { nullable, place, ..self }
    }

    fn unexpected_null(self) -> EncodeError {
        EncodeError::UnexpectedNull { place: self.place, version: self.version }
    }
}

/// A type of the protocol.
pub trait Wire: Sized {
    /// The fewest bytes that a value takes on the wire.
    const BYTES_MIN: usize;

    /// Reads a value.
    fn read(decoder: &mut Decoder, form: Form) -> Result<Self, DecodeError>;

    /// Writes the value.
    fn write(&self, encoder: &mut Encoder, form: Form) -> Result<(), EncodeError>;

    /// Sets how long a quota holds the client back, in milliseconds, where the value is a response that can say so.
    fn set_throttle(&mut self, _time_ms: i32) {}
}

/// A type that has null as an additional value on the wire.
pub trait Nullable: Wire {
    /// Reads a value or null.
    fn read_option(decoder: &mut Decoder, form: Form) -> Result<Option<Self>, DecodeError>;

    /// Writes the value or null.
    fn write_option(value: Option<&Self>, encoder: &mut Encoder, form: Form) -> Result<(), EncodeError>;
}

impl<T: Nullable> Wire for Option<T> {
    const BYTES_MIN: usize = 1;

    fn read(decoder: &mut Decoder, form: Form) -> Result<Option<T>, DecodeError> {
        let value = T::read_option(decoder, form)?;
        if value.is_none() && !form.nullable {
            return Err(decoder.error(Problem::UnexpectedNull));
        }
        Ok(value)
    }

    fn write(&self, encoder: &mut Encoder, form: Form) -> Result<(), EncodeError> {
        if self.is_none() && !form.nullable {
            return Err(form.unexpected_null());
        }
        T::write_option(self.as_ref(), encoder, form)
    }
}

macro_rules! numbers {
    ($($type:ty, $bytes:literal, $read:ident, $write:ident;)*) => { $(
        impl Wire for $type {
            const BYTES_MIN: usize = $bytes;

            fn read(decoder: &mut Decoder, _: Form) -> Result<$type, DecodeError> {
                decoder.$read()
            }

            fn write(&self, encoder: &mut Encoder, _: Form) -> Result<(), EncodeError> {
                encoder.$write(*self);
                Ok(())
            }
        }
    )* };
}

numbers! {
    i8, 1, i8, put_i8;
    u16, 2, u16, put_u16;
    i16, 2, i16, put_i16;
    u32, 4, u32, put_u32;
    i32, 4, i32, put_i32;
    i64, 8, i64, put_i64;
    f64, 8, f64, put_f64;
    Uuid, 16, uuid, put_uuid;
}

impl Wire for bool {
    const BYTES_MIN: usize = 1;

    /// Any byte other than zero is true.
    fn read(decoder: &mut Decoder, _: Form) -> Result<bool, DecodeError> {
        Ok(decoder.u8()? != 0)
    }

    fn write(&self, encoder: &mut Encoder, _: Form) -> Result<(), EncodeError> {
        encoder.put_i8(i8::from(*self));
        Ok(())
    }
}

/// A type that has null, of which the plain form is the form without it.
macro_rules! refuse_null {
    () => {
        fn read(decoder: &mut Decoder, form: Form) -> Result<Self, DecodeError> {
            Self::read_option(decoder, form)?.ok_or_else(|| decoder.error(Problem::UnexpectedNull))
        }

        fn write(&self, encoder: &mut Encoder, form: Form) -> Result<(), EncodeError> {
            Self::write_option(Some(self), encoder, form)
        }
    };
}

impl Wire for Text {
    const BYTES_MIN: usize = 1;
    refuse_null!();
}

impl Nullable for Text {
    fn read_option(decoder: &mut Decoder, form: Form) -> Result<Option<Text>, DecodeError> {
        let Some(length) = decoder.string_length(form.flexible)? else { return Ok(None) };
        let bytes = decoder.take(length)?;
        Text::from_utf8(bytes).map(Some).map_err(|at| decoder.error(Problem::NotUtf8(at)))
    }

    fn write_option(value: Option<&Text>, encoder: &mut Encoder, form: Form) -> Result<(), EncodeError> {
        encoder.put_string_length(value.map(|text| text.len()), form.flexible, form.place)?;
        encoder.put(value.map_or(b"", |text| text.as_bytes()));
        Ok(())
    }
}

impl Wire for Bytes {
    const BYTES_MIN: usize = 1;
    refuse_null!();
}

impl Nullable for Bytes {
    fn read_option(decoder: &mut Decoder, form: Form) -> Result<Option<Bytes>, DecodeError> {
        let Some(length) = decoder.length(form.flexible)? else { return Ok(None) };
        decoder.take(length).map(Some)
    }

    fn write_option(value: Option<&Bytes>, encoder: &mut Encoder, form: Form) -> Result<(), EncodeError> {
        encoder.put_length(value.map(Bytes::len), form.flexible, form.place)?;
        if let Some(value) = value {
            encoder.put_shared(value);
        }
        Ok(())
    }
}

impl Wire for Records {
    const BYTES_MIN: usize = 1;

    /// Null is read as no batches.
    fn read(decoder: &mut Decoder, form: Form) -> Result<Records, DecodeError> {
        Ok(Records::from(Bytes::read_option(decoder, form)?.unwrap_or_default()))
    }

    fn write(&self, encoder: &mut Encoder, form: Form) -> Result<(), EncodeError> {
        encoder.put_length(Some(self.len()), form.flexible, form.place)?;
        self.chunks().iter().for_each(|chunk| encoder.put_shared(chunk));
        Ok(())
    }
}

impl<T: Wire> Wire for Vec<T> {
    const BYTES_MIN: usize = 1;
    refuse_null!();
}

impl<T: Wire> Nullable for Vec<T> {
    fn read_option(decoder: &mut Decoder, form: Form) -> Result<Option<Vec<T>>, DecodeError> {
        let Some(count) = decoder.length(form.flexible)? else { return Ok(None) };
        decoder.claim(count, T::BYTES_MIN, size_of::<T>())?;
        let mut values = Vec::with_capacity(count);
        for _ in 0..count {
            values.push(T::read(decoder, Form { nullable: false, ..form })?);
        }
        Ok(Some(values))
    }

    fn write_option(value: Option<&Vec<T>>, encoder: &mut Encoder, form: Form) -> Result<(), EncodeError> {
        encoder.put_length(value.map(Vec::len), form.flexible, form.place)?;
        for value in value.into_iter().flatten() {
            value.write(encoder, Form { nullable: false, ..form })?;
        }
        Ok(())
    }
}
