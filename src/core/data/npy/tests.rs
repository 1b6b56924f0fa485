use super::*;

/// A file of version 1 with values of so many bytes.
fn file(descr: &str, fortran: bool, shape: &str, values: &[u8]) -> Vec<u8> {
    let order = if fortran { "True" } else { "False" };
    let header = format!("{{'descr': '{descr}', 'fortran_order': {order}, 'shape': {shape}, }}\n");
    [MAGIC, &[1, 0], &(header.len() as u16).to_le_bytes(), header.as_bytes(), values].concat()
}

fn read(bytes: Vec<u8>, axis: ChannelAxis) -> Result<Picture, String> {
    Npy::new(bytes, axis).map(Npy::decode)
}

fn numbers(picture: &Picture) -> Vec<f32> {
    let pixels = picture.size[0] * picture.size[1];
    (0..pixels).flat_map(|pixel| (0..picture.channels).map(move |c| picture.number(pixel, c))).collect()
}

/// By hand, by the definitions of NEP 1; scripts/array_oracle.py compares hundreds of files with NumPy.
#[test]
fn axes_and_orders_by_hand() {
    let auto = ChannelAxis::Auto;
    // Two channels of 3 × 4, the channel's number in the tens.
    let first: Vec<u8> = (0..2).flat_map(|c| (0..12).map(move |at| 10 * c + at)).collect();
    let picture = read(file("|u1", false, "(2, 3, 4)", &first), auto).unwrap();
    assert_eq!((picture.size, picture.channels), ([3, 4], 2));
    assert_eq!(numbers(&picture)[..6], [0.0, 10.0, 1.0, 11.0, 2.0, 12.0]);
    // The same, the channel's axis last, in Fortran's order: the first axis moves fastest.
    let of = |y: u8, x: u8, c: u8| 10 * c + 4 * y + x;
    let last: Vec<u8> = (0..2).flat_map(|c| (0..4).flat_map(move |x| (0..3).map(move |y| of(y, x, c)))).collect();
    let again = read(file("|u1", true, "(3, 4, 2)", &last), auto).unwrap();
    assert_eq!(again.values, picture.values);
    let plain = read(file("<u2", false, "(1, 2)", &[1, 2, 3, 4]), auto).unwrap();
    assert_eq!(plain.values, Values::Words(vec![0x0201, 0x0403]));
    let plain = read(file(">u2", false, "(1, 2)", &[1, 2, 3, 4]), auto).unwrap();
    assert_eq!(plain.values, Values::Words(vec![0x0102, 0x0304]));
    let signed = read(file(">i2", false, "(1, 1)", &[0xFF, 0xFE]), auto).unwrap();
    assert_eq!((numbers(&signed), signed.full), (vec![-2.0], Some([-32768.0, 32767.0])));
    let half = read(file("<f2", false, "(1, 1)", &[0x00, 0x3C]), auto).unwrap();
    assert_eq!((numbers(&half), half.full), (vec![1.0], None));
    assert_eq!(numbers(&read(file("|b1", false, "(1, 2)", &[0, 1]), auto).unwrap()), [0.0, 1.0]);
}

#[test]
fn the_axis_of_channels_is_clear_or_named() {
    let file = |shape: &str, count: usize| file("|u1", false, shape, &vec![7; count]);
    let shape = |bytes, axis| read(bytes, axis).map(|picture| (picture.size, picture.channels));
    assert_eq!(shape(file("(5, 6, 7)", 210), ChannelAxis::Auto), Ok(([6, 7], 5)));
    assert_eq!(shape(file("(6, 7, 5)", 210), ChannelAxis::Auto), Ok(([6, 7], 5)));
    for (sides, count) in [("(5, 5, 7)", 175), ("(6, 5, 6)", 180), ("(20, 21, 22)", 9240)] {
        let problem = shape(file(sides, count), ChannelAxis::Auto).unwrap_err();
        assert!(problem.contains("set channel_axis = \"first\" or \"last\""), "{problem}");
    }
    assert_eq!(shape(file("(5, 5, 7)", 175), ChannelAxis::First), Ok(([5, 7], 5)));
    assert_eq!(shape(file("(5, 5, 7)", 175), ChannelAxis::Last), Ok(([5, 5], 7)));
    for sides in ["(4,)", "()", "(1, 1, 2, 2)"] {
        assert!(
            shape(file(sides, if sides == "()" { 1 } else { 4 }), ChannelAxis::Auto).unwrap_err().contains("two or three axes")
        );
    }
}

#[test]
fn what_is_not_understood_is_refused() {
    let auto = ChannelAxis::Auto;
    let message = |bytes: Vec<u8>| read(bytes, auto).unwrap_err();
    assert!(message(file("<c8", false, "(1, 1)", &[0; 8])).contains("the type '<c8'"));
    assert!(message(file("|O", false, "(1, 1)", &[0; 8])).contains("the type '|O'"));
    assert!(message(file("|u2", false, "(1, 1)", &[0; 2])).contains("the type '|u2'"));
    assert!(message(file("|u1", false, "(2, 2)", &[0; 3])).contains("has 3 bytes of values"));
    assert!(message(file("|u1", false, "(2, 2)", &[0; 5])).contains("has 5 bytes of values"));
    assert!(message(file("|u1", false, "(0, 2)", &[])).contains("has no values"));
    assert!(message(file("|u1", false, "(18446744073709551615, 3)", &[0; 3])).contains("not those of its shape"));
    let fields = [MAGIC, &[1, 0, 20, 0], b"{'descr': [('a', 1)]}"].concat();
    assert!(message(fields).contains("save it by numpy.save"));
    // Cut off anywhere.
    let whole = file("<f4", false, "(2, 2)", &[0; 16]);
    for length in 0..whole.len() {
        assert!(read(whole[..length].to_vec(), auto).is_err(), "{length} bytes");
    }
}
