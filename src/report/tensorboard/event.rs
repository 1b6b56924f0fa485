//! The messages of TensorBoard's event files, by the names and numbers of its `event.proto`, `summary.proto` and `tensor.proto`.

pub(super) use super::wire::Message;

/// `tensorboard.Event` { wall_time = 1, step = 2, file_version = 3, summary = 5 }: the first of a file.
pub(super) fn version(wall_time: f64) -> Message {
    Message::new().double(1, wall_time).bytes_of(3, "brain.Event:2")
}

/// `tensorboard.Event` with a `Summary` { value = 1, repeated } of what is known at a step.
pub(super) fn summary(wall_time: f64, step: u64, values: &[Message]) -> Message {
    let summary = values.iter().fold(Message::new(), |summary, value| summary.message(1, value));
    let event = Message::new().double(1, wall_time);
    // protobuf leaves out zeros.
    let event = if step > 0 { event.whole(2, step) } else { event };
    event.message(5, &summary)
}

/// `Summary.Value` { tag = 1, simple_value = 2 }.
pub(super) fn scalar(tag: &str, value: f64) -> Message {
    Message::new().bytes_of(1, tag).float(2, value as f32)
}

/// A picture as PNG.
pub(super) struct Picture {
    pub width: u32,
    pub height: u32,
    pub png: Vec<u8>,
}

/// `Summary.Value` { tag = 1, image = 4 } with an `Image` { height = 1, width = 2, colorspace = 3, encoded_image_string = 4 } of RGB.
pub(super) fn image(tag: &str, picture: &Picture) -> Message {
    const RGB: u64 = 3;
    let image = Message::new().whole(1, picture.height.into()).whole(2, picture.width.into()).whole(3, RGB);
    Message::new().bytes_of(1, tag).message(4, &image.bytes_of(4, &picture.png))
}

/// `Summary.Value` { tag = 1, tensor = 8, metadata = 9 } for the text plugin, which shows Markdown: a `TensorProto` { dtype = 1,
/// tensor_shape = 2, string_val = 8 } of one string.
pub(super) fn text(tag: &str, markdown: &str) -> Message {
    const DT_STRING: u64 = 7;
    let shape = Message::new().message(2, &Message::new().whole(1, 1));
    let tensor = Message::new().whole(1, DT_STRING).message(2, &shape).bytes_of(8, markdown);
    Message::new().bytes_of(1, tag).message(8, &tensor).message(9, &metadata("text", &Message::new()))
}

/// `Summary.Value` of which a plugin wants the metadata alone; the tensor is one of no numbers.
pub(super) fn of_plugin(tag: &str, plugin: &str, content: &Message) -> Message {
    const DT_FLOAT: u64 = 1;
    let shape = Message::new().message(2, &Message::new());
    let nothing = Message::new().whole(1, DT_FLOAT).message(2, &shape);
    Message::new().bytes_of(1, tag).message(8, &nothing).message(9, &metadata(plugin, content))
}

/// `SummaryMetadata` { plugin_data = 1 } with `PluginData` { plugin_name = 1, content = 2 }.
fn metadata(plugin: &str, content: &Message) -> Message {
    let data = Message::new().bytes_of(1, plugin);
    let data = if content.bytes().is_empty() { data } else { data.bytes_of(2, content.bytes()) };
    Message::new().message(1, &data)
}

#[cfg(test)]
mod tests {
    use super::*;

    // Oracle of all: `SerializeToString()` of the messages of TensorBoard 2.21, as `python scripts/check_tensorboard.py --golden` prints
    // them.

    #[test]
    fn a_step_of_scalars_is_tensorboards() {
        let event = summary(1_700_000_000.5, 300, &[scalar("val/dice", 0.75), scalar("lr", 1e-3)]);
        assert_eq!(hex(&event), "0900002040fc54d94110ac022a1c0a0f0a0876616c2f64696365150000403f0a090a026c72156f12833a");
        assert_eq!(hex(&version(1_700_000_000.5)), "0900002040fc54d9411a0d627261696e2e4576656e743a32");
    }

    #[test]
    fn texts_and_pictures_are_tensorboards() {
        assert_eq!(hex(&text("run.toml", "*a*")), "0a0872756e2e746f6d6c420d080712041202080142032a612a4a080a060a0474657874");
        let picture = Picture { width: 300, height: 2, png: b"\x89PNG".to_vec() };
        assert_eq!(hex(&image("samples/a", &picture)), "0a0973616d706c65732f61220d080210ac021803220489504e47");
    }

    fn hex(message: &Message) -> String {
        message.bytes().iter().map(|byte| format!("{byte:02x}")).collect()
    }
}
