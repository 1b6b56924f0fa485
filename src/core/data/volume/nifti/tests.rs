//! Files of a few voxels, made here byte by byte as nifti1.h and nifti2.h have them.

use crate::config::Axis;
use crate::data::volume::{SliceValues, Volume};
use flate2::Compression;
use flate2::write::GzEncoder;
use std::io::Write;
use std::path::{Path, PathBuf};

/// A NIfTI-1 file of unsigned bytes, 2 × 3 × 4 voxels along the three axes, in millimetres.
fn small() -> Vec<u8> {
    let mut file = vec![0; 352];
    put(&mut file, 0, &348_i32.to_le_bytes());
    for (i, side) in [3_i16, 2, 3, 4, 1, 1, 1, 1].into_iter().enumerate() {
        put(&mut file, 40 + 2 * i, &side.to_le_bytes());
    }
    put(&mut file, 70, &2_i16.to_le_bytes());
    put(&mut file, 72, &8_i16.to_le_bytes());
    for (i, step) in [1.0_f32, 0.5, 0.25, 2.0].into_iter().enumerate() {
        put(&mut file, 76 + 4 * i, &step.to_le_bytes());
    }
    put(&mut file, 108, &352_f32.to_le_bytes());
    file[123] = 2;
    put(&mut file, 344, b"n+1\0");
    file.extend(0..24);
    file
}

fn put(file: &mut [u8], at: usize, bytes: &[u8]) {
    file[at..at + bytes.len()].copy_from_slice(bytes);
}

fn zipped(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// All slices, or what is wrong.
fn read(path: &Path, bytes: &[u8], axis: Axis) -> Result<Vec<SliceValues>, String> {
    std::fs::write(path, bytes).unwrap();
    let volume = Volume::open(path, axis)?;
    (0..volume.slices).map(|index| Ok(volume.slice(index)?.values)).collect()
}

fn file() -> (tempfile::TempDir, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("x.nii");
    (dir, path)
}

fn refusal(change: impl Fn(&mut Vec<u8>)) -> String {
    let (_dir, path) = file();
    let mut bytes = small();
    change(&mut bytes);
    read(&path, &bytes, Axis::Third).expect_err("must be refused")
}

#[test]
fn every_axis_is_cut_as_nibabel_indexes_it() {
    // Oracle: numpy 2.4, a = np.arange(24).reshape((2, 3, 4), order="F"); a[:, :, 1].T, a[:, 1, :].T, a[1, :, :].T.
    let (_dir, path) = file();
    for bytes in [small(), zipped(&small())] {
        let slice = |axis| read(&path, &bytes, axis).unwrap().swap_remove(1);
        assert_eq!(slice(Axis::Third), SliceValues::Bytes(vec![6, 7, 8, 9, 10, 11]));
        assert_eq!(slice(Axis::Second), SliceValues::Bytes(vec![2, 3, 8, 9, 14, 15, 20, 21]));
        assert_eq!(slice(Axis::First), SliceValues::Bytes(vec![1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23]));
        let volume = Volume::open(&path, Axis::Second).unwrap();
        assert_eq!((volume.slices, volume.size, volume.channels), (3, [4, 2], 1));
        assert_eq!(volume.spacing, Some([0.25, 2.0, 0.5]));
        assert_eq!(volume.placement, None);
    }
}

#[test]
fn signed_big_endian_words_are_scaled_to_floats() {
    let (_dir, path) = file();
    let mut bytes = small();
    bytes.truncate(352);
    put(&mut bytes, 0, &348_i32.to_be_bytes());
    for at in (40..56).step_by(2) {
        bytes[at..at + 2].reverse();
    }
    put(&mut bytes, 40, &[0, 2]);
    put(&mut bytes, 44, &[0, 1]);
    put(&mut bytes, 70, &[0, 4, 0, 16]);
    put(&mut bytes, 108, &352_f32.to_be_bytes());
    put(&mut bytes, 112, &0.5_f32.to_be_bytes());
    put(&mut bytes, 116, &(-1.0_f32).to_be_bytes());
    bytes.extend([0xFF, 0xFE, 0x01, 0x00]);
    assert_eq!(read(&path, &bytes, Axis::Third), Ok(vec![SliceValues::Floats(vec![-2.0, 127.0])]));
    assert_eq!(Volume::open(&path, Axis::Third).unwrap().size, [1, 2]);
}

#[test]
fn a_qform_and_an_sform_say_where_voxels_lie() {
    // Oracle: nibabel 5.4, Nifti1Header.get_best_affine() of these fields.
    let (_dir, path) = file();
    let mut bytes = small();
    put(&mut bytes, 252, &1_i16.to_le_bytes());
    put(&mut bytes, 76, &(-1_f32).to_le_bytes());
    put(&mut bytes, 264, &1_f32.to_le_bytes());
    put(&mut bytes, 268, &7_f32.to_le_bytes());
    let affine = |bytes: &[u8]| {
        std::fs::write(&path, bytes).unwrap();
        Volume::open(&path, Axis::Third).unwrap().placement.unwrap().affine
    };
    assert_eq!(affine(&bytes), [[-0.5, 0.0, 0.0, 7.0], [0.0, -0.25, 0.0, 0.0], [0.0, 0.0, -2.0, 0.0]]);
    put(&mut bytes, 254, &2_i16.to_le_bytes());
    put(&mut bytes, 292, &9_f32.to_le_bytes());
    assert_eq!(affine(&bytes)[0], [0.0, 0.0, 0.0, 9.0]);
}

#[test]
fn a_file_that_ends_anywhere_is_refused() {
    let (_dir, path) = file();
    for whole in [small(), zipped(&small())] {
        for length in 0..whole.len() {
            for axis in [Axis::First, Axis::Third] {
                assert!(read(&path, &whole[..length], axis).is_err(), "{length} of {}", whole.len());
            }
        }
    }
    // The checksum of gzip.
    let mut damaged = zipped(&small());
    let at = damaged.len() - 8;
    damaged[at] ^= 1;
    assert!(read(&path, &damaged, Axis::Third).unwrap_err().contains("damaged"));
}

#[test]
fn what_is_not_read_is_said() {
    let set = |at: usize, bytes: &'static [u8]| refusal(move |file| put(file, at, bytes));
    assert!(set(344, b"ni1\0").contains("whose voxels lie in another file"));
    assert!(set(344, b"\0\0\0\0").contains("Analyze"));
    assert!(set(70, &[32, 0]).contains("complex"));
    assert!(set(70, &[0, 9]).contains("RGBA"));
    assert!(set(70, &[3, 0]).contains("the data type 3"));
    assert!(set(72, &[16, 0]).contains("claims 16 bits for voxels that have 8"));
    assert!(set(40, &[1, 0]).contains("claims 1 axes"));
    assert!(set(40, &[0xFF, 0xFF]).contains("claims -1 axes"));
    assert!(set(42, &[0xFF, 0xFF]).contains("claims -1 × 3 × 4 voxels"));
    assert!(set(44, &[0, 0]).contains("claims 2 × 0 × 4 voxels"));
    assert!(set(40, &[4, 0, 2, 0, 3, 0, 2, 0, 2, 0]).contains("2 × 3 × 2 × 2 voxels along more than three axes"));
    assert!(set(108, &[0, 0, 0, 0]).contains("begin at byte 0"));
    assert!(refusal(|file| put(file, 108, &f32::NAN.to_le_bytes())).contains("begin at byte NaN"));
    let half = |file: &mut Vec<u8>| [(112, 2.0), (116, f32::NAN)].iter().for_each(|(at, x)| put(file, *at, &x.to_le_bytes()));
    assert!(refusal(half).contains("the slope 2 with the intercept NaN"));
}

#[test]
fn hostile_sizes_are_refused_before_memory_is_taken() {
    let huge = |file: &mut Vec<u8>| put(file, 42, &[0xFF, 0x7F, 0xFF, 0x7F, 0xFF, 0x7F]);
    assert_eq!(refusal(huge), super::ENDS);
    assert!(
        refusal(|file| {
            huge(file);
            *file = zipped(file);
        })
        .contains("more pixels than its data can hold")
    );
    // NIfTI-2 with 2⁶² voxels along each axis.
    let second = |file: &mut Vec<u8>| {
        *file = vec![0; 600];
        put(file, 0, &540_i32.to_le_bytes());
        put(file, 4, b"n+2\0\r\n\x1a\n\x02\0\x08\0\x03");
        (1..4).for_each(|i| put(file, 16 + 8 * i, &(1_i64 << 62).to_le_bytes()));
    };
    assert!(refusal(second).starts_with("claims 4611686018427387904 ×"));
}
