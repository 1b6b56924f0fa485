//! Bytes of protocol buffers, and the frames that event files put around them.
//!
//! Only what these files need: five kinds of fields, and no reading. <https://protobuf.dev/programming-guides/encoding/>

/// A message that is being put together. Fields are written in the order of the calls, which is that of their numbers wherever bytes
/// are compared with those of another program.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Message(Vec<u8>);

/// Wire types.
const VARINT: u32 = 0;
const FIXED64: u32 = 1;
const LENGTH: u32 = 2;
const FIXED32: u32 = 5;

impl Message {
    /// A message without fields.
    pub(super) fn new() -> Self {
        Self::default()
    }

    /// The message's bytes.
    pub(super) fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// `int32`, `int64`, `bool`, `enum`.
    pub(super) fn whole(mut self, field: u32, value: u64) -> Self {
        self.tag(field, VARINT);
        self.varint(value);
        self
    }

    /// `double`.
    pub(super) fn double(mut self, field: u32, value: f64) -> Self {
        self.tag(field, FIXED64);
        self.0.extend(value.to_le_bytes());
        self
    }

    /// `float`.
    pub(super) fn float(mut self, field: u32, value: f32) -> Self {
        self.tag(field, FIXED32);
        self.0.extend(value.to_le_bytes());
        self
    }

    /// `string`, `bytes`.
    pub(super) fn bytes_of(mut self, field: u32, value: impl AsRef<[u8]>) -> Self {
        let value = value.as_ref();
        self.tag(field, LENGTH);
        self.varint(value.len() as u64);
        self.0.extend(value);
        self
    }

    /// A message within this one; a repeated field is written once for each.
    pub(super) fn message(self, field: u32, value: &Message) -> Self {
        self.bytes_of(field, &value.0)
    }

    fn tag(&mut self, field: u32, kind: u32) {
        self.varint(u64::from(field << 3 | kind));
    }

    fn varint(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.0.push(value as u8 | 0x80);
            value >>= 7;
        }
        self.0.push(value as u8);
    }
}

/// Appends a record of TensorFlow's `TFRecord` files: length (8 bytes, little-endian), its checksum (4), the bytes, their checksum (4).
/// <https://www.tensorflow.org/tutorials/load_data/tfrecord#tfrecords_format_details>
pub(super) fn append_record(file: &mut Vec<u8>, bytes: &[u8]) {
    let length = (bytes.len() as u64).to_le_bytes();
    file.extend(length);
    file.extend(masked(&length).to_le_bytes());
    file.extend(bytes);
    file.extend(masked(bytes).to_le_bytes());
}

/// CRC-32C, rotated and shifted, because a checksum over data that has checksums in it is a weak one.
fn masked(bytes: &[u8]) -> u32 {
    crc32c::crc32c(bytes).rotate_right(15).wrapping_add(0xa282_ead8)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Oracle: the examples of protobuf's description of its encoding: field 1 = 150, field 2 = "testing", field 3 = the first.
    #[test]
    fn fields_are_those_of_protobufs_examples() {
        let first = Message::new().whole(1, 150);
        assert_eq!(first.bytes(), [0x08, 0x96, 0x01]);
        assert_eq!(Message::new().bytes_of(2, "testing").bytes(), b"\x12\x07testing");
        assert_eq!(Message::new().message(3, &first).bytes(), [0x1a, 0x03, 0x08, 0x96, 0x01]);
        assert_eq!(Message::new().float(2, 0.5).double(16, 1.0).bytes(), b"\x15\0\0\0\x3f\x81\x01\0\0\0\0\0\0\xf0\x3f");
    }

    /// Oracle: `tensorboard.summary.writer.record_writer.RecordWriter(file).write(b"event")` of TensorBoard 2.21.
    #[test]
    fn a_record_is_tensorboards() {
        let mut file = Vec::new();
        append_record(&mut file, b"event");
        assert_eq!(file, b"\x05\0\0\0\0\0\0\0\xea\xb2\x04>event\xe5i\x0b\xf6");
    }
}
